/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VF of a stand-in, from above, as its user has it, and from below, by
 * debugfs: where the firmware is, and the guest.
 */
#ifndef SELFTESTS_STANDINS_BENCH_H
#define SELFTESTS_STANDINS_BENCH_H

#include "../generic/dut.h"
#include "../lib/worker.h"

/**
 * struct vf - a VF of a stand-in
 * @dut: from above
 * @dir: from below: its folder in debugfs
 * @size: bytes of its state
 * @mask: which bits of these a guest can set at will, and finds again after a
 *	migration
 */
struct vf {
	struct dut dut;
	char dir[128];
	size_t size;
	__u8 *mask;
};

#define VF_CALLS	48	/* more than any stand-in has */

/**
 * struct vf_call - calls of the firmware by one name
 * @name: the name
 * @count: how many there were
 * @waits: one waits to be let go
 */
struct vf_call {
	char name[32];
	unsigned long count;
	bool waits;
};

/**
 * struct vf_calls - all calls of the firmware
 * @nr: how many names
 * @call: each
 */
struct vf_calls {
	unsigned int nr;
	struct vf_call call[VF_CALLS];
};

/* What a call gives that is let fail */
#define VF_ERRNO	5	/* EIO */

const char *vf_open(struct vf *vf, __u64 needs);
const char *vf_open_second(struct vf *vf, const struct vf *first);
void vf_rebind(struct vf *vf);
void vf_free(struct vf *vf);

void vf_calls(const struct vf *vf, struct vf_calls *calls);
unsigned long vf_called(const struct vf *vf, const char *name);
void vf_let_fail(const struct vf *vf, const char *name, unsigned int nth);
void vf_let_wait(const struct vf *vf, const char *name, unsigned int nth);
bool vf_waits_now(const struct vf *vf);
bool vf_waits(const struct vf *vf, struct worker *worker);
void vf_let_go(const struct vf *vf);

bool vf_runs(const struct vf *vf);
const char *vf_what_it_does(const struct vf *vf);
bool vf_told_right(const struct vf *vf, __u32 state);
int __vf_dma(const struct vf *vf, __u64 iova, __u64 size, __u8 byte);
int __vf_let_dma(struct vf *vf);

__u8 *vf_content_new(const struct vf *vf);
void vf_read(const struct vf *vf, __u8 *content);
int __vf_write(const struct vf *vf, const __u8 *content);
int __vf_fill(const struct vf *vf, __u8 *content, __u64 *seed);
ssize_t vf_differs(const struct vf *vf, const __u8 *content);

#endif /* SELFTESTS_STANDINS_BENCH_H */
