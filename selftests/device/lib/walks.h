/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fail_nth_*_test programs share. In these, each allocation, and each
 * copy to or from userspace, that can fail while the driver works for this
 * process does so once: see fail_nth.h.
 *
 * An operation that is failed like that may succeed nonetheless, or do part of
 * its work where its interface allows that; or else it tells ENOMEM or EFAULT.
 * Then everything is as it was, or further on the way in a manner that the
 * uAPI allows; what is left can be used and migrated; and the operation can be
 * tried again at once. What leaks is found by kmemleak, when the tests are run
 * with LEAKS=1, and by the counters of devices, users and file descriptors.
 */
#ifndef SELFTESTS_DEVICE_WALKS_H
#define SELFTESTS_DEVICE_WALKS_H

#include "../../lib/vfio_dma.h"
#include "fail_nth.h"
#include "journey.h"

#define MODULE		"mtty_mig"

/*
 * Patience for a whole walk, several times what the slowest one takes: minutes
 * where the processor is emulated
 */
#define WALK_TIMEOUT	900

/* The buffer of struct bench; each page has a bit in its bitmap */
#define LOG_PAGES	4

/**
 * struct leftovers - what shows whether a removed device is still held
 * @users: of the module
 * @node: of the next device, whose number is the lowest that is free
 */
struct leftovers {
	int users;
	char node[64];
};

/**
 * struct bench - what calls need of the device
 * @journey: of the device
 * @mtty: the device
 * @dev: it, too
 * @buf: memory for its DMA
 * @eventfds: for its vectors
 * @bitmap: what the DMA log has reported of @buf
 */
struct bench {
	struct journey *journey;
	struct mtty *mtty;
	struct vfio_dev *dev;
	struct vfio_buf buf;
	int eventfds[MTTY_MIG_NR_VECTORS];
	__u64 bitmap;
};

const char *walks_missing(void);
int module_users(void);
void leftovers_before(struct leftovers *left);

int walk_log_start(struct bench *bench);
void walk_log_restart(struct bench *bench);
int walk_log_report(struct bench *bench);
void walk_log_fill(struct bench *bench);

#endif /* SELFTESTS_DEVICE_WALKS_H */
