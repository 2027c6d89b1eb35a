/* SPDX-License-Identifier: GPL-2.0-only */
/* The files of a device in debugfs, by which a test controls it. */
#ifndef SELFTESTS_DEVICE_KNOBS_H
#define SELFTESTS_DEVICE_KNOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <kselftest.h>	/* __printf */

#include "mtty.h"

const char *knobs_missing(void);
void knob_path(const struct mtty *mtty, const char *knob, char *path,
	       size_t size);
bool knob_exists(const struct mtty *mtty, const char *knob);

int __knob_read(const struct mtty *mtty, const char *knob, char *buf,
		size_t size);
void knob_read(const struct mtty *mtty, const char *knob, char *buf,
	       size_t size);
__printf(3, 4)
int __knob_write(const struct mtty *mtty, const char *knob, const char *fmt,
		 ...);
__printf(3, 4)
void knob_write(const struct mtty *mtty, const char *knob, const char *fmt,
		...);

__u64 knob_counter(const struct mtty *mtty, const char *name);

/**
 * struct knob_fault - what is asked to fail at a point
 * @error: errno, 0 for nothing
 * @times: how many times more
 * @fired: how many times it has failed
 */
struct knob_fault {
	int error;
	unsigned int times;
	unsigned int fired;
};

void knob_fault(const struct mtty *mtty, const char *point,
		struct knob_fault *fault);

#endif /* SELFTESTS_DEVICE_KNOBS_H */
