/* SPDX-License-Identifier: GPL-2.0-only */
/* How far a stream is: a bar on a terminal, lines elsewhere. */
#ifndef VFIO_MIGCTL_BAR_H
#define VFIO_MIGCTL_BAR_H

#include <linux/types.h>

#define BAR_WIDTH	20

/**
 * struct bar - what is shown of a stream
 * @label: what the line begins with
 * @goal: bytes that are expected, 0 if nobody knows
 * @rest: fills in what the line ends with
 * @arg: for @rest
 * @shown_at: when it was shown last
 * @quarter: of the goal that was shown last
 */
struct bar {
	char label[16];
	__u64 goal;
	void (*rest)(void *arg, char *text, unsigned int size);
	void *arg;
	double shown_at;
	unsigned int quarter;
};

void bar_go(struct bar *bar, __u64 bytes, double ms);
void bar_end(struct bar *bar, __u64 bytes, double ms);

#endif /* VFIO_MIGCTL_BAR_H */
