/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device under test, of which the tests know nothing but the uAPI.
 *
 * VFIO_TEST_DEVICE	the device: UUID of a mediated device, PCI address, or
 *			path of its character device in /dev/vfio/devices
 * VFIO_TEST_DEVICE_2	another one like it, for tests with two
 * VFIO_TEST_DEVICE_3	and one more, for tests that can do with two, too
 * VFIO_TEST_TYPE	or: the type of mediated device to make one of, or
 *			some; mtty_mig-full if nothing is said
 * VFIO_TEST_REMOVE	1: the device may be taken from its driver, and its PF
 *			may take back all of its VFs; both are undone
 */
#ifndef SELFTESTS_GENERIC_DUT_H
#define SELFTESTS_GENERIC_DUT_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/vfio.h>

#include "../lib/mdev.h"
#include "../lib/mig_model.h"
#include "../lib/vfio_dev.h"
#include "../lib/vfio_mig.h"

/**
 * struct dut - the device under test
 * @dev: the device
 * @way: how it is opened
 * @name: what to open it by
 * @flags: its VFIO_MIGRATION_*
 * @made: it is a mediated device of ours: @mdev
 * @mdev: that device
 */
struct dut {
	struct vfio_dev dev;
	enum vfio_way way;
	char name[128];
	__u64 flags;
	bool made;
	struct mdev mdev;
};

/* What tests may need of a device; see dut_missing() */
#define DUT_STOP_COPY	VFIO_MIGRATION_STOP_COPY
#define DUT_P2P		(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P)
#define DUT_PRE_COPY	(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_PRE_COPY)
#define DUT_ANY		0x2000000000000000ULL	/* whether it migrates or not */
#define DUT_NONE	0x4000000000000000ULL	/* no migration */
#define DUT_LOG		0x8000000000000000ULL	/* DMA logging, beside the others */

/**
 * enum dut_removal - how a device is removed
 * @DUT_REMOVE: for good: one that was made for the test
 * @DUT_UNBIND: its driver is unbound
 * @DUT_TAKE_VFS: its PF takes its VFs back
 * @DUT_NR_REMOVALS: how many there are
 */
enum dut_removal {
	DUT_REMOVE,
	DUT_UNBIND,
	DUT_TAKE_VFS,
	DUT_NR_REMOVALS
};

const char *dut_open(struct dut *dut, enum vfio_way way, __u64 needs);
const char *dut_open_second(struct dut *dut, const struct dut *first);
const char *dut_open_third(struct dut *dut, const struct dut *first);
void dut_reopen(struct dut *dut);
const char *dut_removal_name(enum dut_removal how);
const char *dut_irremovable(const struct dut *dut, enum dut_removal how);
enum dut_removal dut_removal(const struct dut *dut);
int __dut_remove(struct dut *dut, enum dut_removal how);
int __dut_bring_back(struct dut *dut, enum dut_removal how);
void dut_renew(struct dut *dut);
void dut_close_all(void);
void dut_fresh(struct dut *dut);
int dut_go(struct dut *dut, __u32 state);
bool dut_has_state(const struct dut *dut, __u32 *state);
bool dut_has_log(struct dut *dut);

#endif /* SELFTESTS_GENERIC_DUT_H */
