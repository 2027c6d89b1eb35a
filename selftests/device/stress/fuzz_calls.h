/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls with arguments at random: see ioctl_fuzz_test.c. */
#ifndef SELFTESTS_DEVICE_FUZZ_CALLS_H
#define SELFTESTS_DEVICE_FUZZ_CALLS_H

#include "../lib/random_run.h"

#define FUZZ_FDS	8
#define FUZZ_ARENA	(8 * 4096)

/**
 * struct fuzz - who calls at random
 * @trail: where its calls are remembered
 * @dice: where its numbers come from
 * @device: fd of the device
 * @fds: data fds, of this session and of old ones, or -1; the newest is first
 * @eventfd: one that interrupts may signal
 * @null_fd: an fd that is none of ours
 * @pipe: to splice from and to
 * @arena: memory for arguments, full of canaries, which ends at a guard page
 * @shadow: what must be in it
 * @readonly: a page that can only be read
 */
struct fuzz {
	struct run_trail *trail;
	__u64 dice;
	int device;
	int fds[FUZZ_FDS];
	int eventfd;
	int null_fd;
	int pipe[2];
	__u8 *arena;
	__u8 *shadow;
	__u8 *readonly;
};

void fuzz_begin(struct fuzz *fuzz, struct random_run *run);
void fuzz_keep(struct fuzz *fuzz, int data_fd);
__u64 fuzz_number(__u64 *dice);
const char *fuzz_call(struct fuzz *fuzz);

#endif /* SELFTESTS_DEVICE_FUZZ_CALLS_H */
