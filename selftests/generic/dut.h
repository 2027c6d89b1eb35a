/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device under test.
 *
 * It is the one that the environment variable VFIO_TEST_DEVICE names (UUID of
 * a mediated device, PCI address or /dev/vfio/devices path; VFIO_TEST_DEVICE_2
 * for tests with two), or else a new mediated device of the mtty-mig driver.
 * The tests know nothing of it but the uAPI.
 *
 * Each test is run for each legal set of capabilities: a device that is given
 * runs in the variant that is like it and is skipped in the others.
 */
#ifndef SELFTESTS_GENERIC_DUT_H
#define SELFTESTS_GENERIC_DUT_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/vfio.h>

#include "../lib/mig_model.h"
#include "../lib/vfio_dev.h"
#include "../lib/vfio_mig.h"

/**
 * struct dut - the device under test
 * @dev: the device
 * @name: what to open it by again
 * @flags: its VFIO_MIGRATION_*
 * @given: the user named it
 */
struct dut {
	struct vfio_dev dev;
	char name[128];
	__u64 flags;
	bool given;
};

const char *dut_open(struct dut *dut, __u64 flags, const char *type);
const char *dut_open_second(struct dut *dut, const struct dut *first,
			    const char *type);
void dut_reopen(struct dut *dut);
void dut_close_all(void);
int dut_go(struct dut *dut, __u32 state);
bool dut_has_state(const struct dut *dut, __u32 *state);

#define DUT_STOP_COPY	VFIO_MIGRATION_STOP_COPY
#define DUT_P2P		(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P)
#define DUT_PRE_COPY	(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_PRE_COPY)

#endif /* SELFTESTS_GENERIC_DUT_H */
