/* SPDX-License-Identifier: GPL-2.0-only */
/* One end of a migration: a device, its state and its session. */
#ifndef VFIO_MIGCTL_END_H
#define VFIO_MIGCTL_END_H

#include <stdbool.h>
#include <linux/types.h>

#include "../../selftests/lib/vfio_mig.h"

/**
 * struct end - one end of a migration
 * @name: what it is in the account: "source"
 * @device: what messages call it
 * @dev: the device
 * @flags: its VFIO_MIGRATION_*
 * @state: the state that it was brought to last
 * @data_fd: its session, or -1
 * @leave_in: the state in which the program leaves it
 * @logs: the program may have begun a log of its DMA
 */
struct end {
	const char *name;
	const char *device;
	struct vfio_dev *dev;
	__u64 flags;
	__u32 state;
	int data_fd;
	__u32 leave_in;
	bool logs;
};

void end_begin(struct end *end, const char *name, const char *device,
	       struct vfio_dev *dev);
void __attribute__((noreturn, format(printf, 4, 5)))
end_fail(struct end *end, int error, const char *hint, const char *fmt, ...);
int __end_set(struct end *end, __u32 to, double *ms);
void end_set(struct end *end, __u32 to);
void end_go(struct end *end, __u32 to);
void end_close_session(struct end *end);
void end_leave(struct end *end, const char *why);

#endif /* VFIO_MIGCTL_END_H */
