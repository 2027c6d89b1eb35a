// SPDX-License-Identifier: GPL-2.0-only
/* The device under test. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/check.h"
#include "../lib/mdev.h"
#include "dut.h"

/* The device that a variable names, or a new mediated device */
static const char *dut_open_named(struct dut *dut, const char *variable,
				  const char *type)
{
	static char why[256];
	const char *given = getenv(variable);

	dut->given = given && *given;
	if (dut->given) {
		snprintf(dut->name, sizeof(dut->name), "%s", given);
	} else {
		struct mdev mdev;

		if (!mdev_type_exists(type)) {
			snprintf(why, sizeof(why),
				 "%s is not set, and there is no mdev type %s",
				 variable, type);
			return why;
		}
		mdev_create(&mdev, type);
		snprintf(dut->name, sizeof(dut->name), "%s", mdev.uuid);
	}
	vfio_dev_open(&dut->dev, dut->name);
	dut->flags = vfio_mig_flags(&dut->dev);
	return NULL;
}

/**
 * dut_open - open the device under test
 * @dut: filled in
 * @flags: the capabilities, VFIO_MIGRATION_*, that the tests are now run for
 * @type: the type of mediated device that has them
 *
 * Return: NULL, or why the tests cannot be run; then there is nothing left to
 * close.
 */
const char *dut_open(struct dut *dut, __u64 flags, const char *type)
{
	static char reason[256];
	const char *why;

	why = dut_open_named(dut, "VFIO_TEST_DEVICE", type);
	if (why)
		return why;
	if (dut->flags != flags) {
		/* What we asked for ourselves is no reason to skip a test */
		if (!dut->given)
			die("%s has %s, not %s", type,
			    mig_flags_name(dut->flags), mig_flags_name(flags));
		snprintf(reason, sizeof(reason), "the device has %s, not %s",
			 mig_flags_name(dut->flags), mig_flags_name(flags));
		why = reason;
	} else if (!vfio_dev_can_reset(&dut->dev)) {
		why = "the device has no VFIO_DEVICE_RESET";
	}
	if (why)
		dut_close_all();
	return why;
}

/**
 * dut_open_second - open a second device like the first
 * @dut: filled in
 * @first: the first
 * @type: the type of mediated device to make if none is given
 *
 * Return: NULL, or why there is no second device.
 */
const char *dut_open_second(struct dut *dut, const struct dut *first,
			    const char *type)
{
	const char *given = getenv("VFIO_TEST_DEVICE_2");

	if (first->given && !(given && *given))
		return "VFIO_TEST_DEVICE is set, but not VFIO_TEST_DEVICE_2";
	return dut_open_named(dut, "VFIO_TEST_DEVICE_2", type);
}

/**
 * dut_reopen - close the device under test and open it again
 * @dut: the device
 */
void dut_reopen(struct dut *dut)
{
	vfio_dev_close(&dut->dev);
	vfio_dev_open(&dut->dev, dut->name);
}

/**
 * dut_close_all - close all devices and data fds, remove what was made
 *
 * Tests leave file descriptors open when they fail.
 */
void dut_close_all(void)
{
	mdev_cleanup();
}

/**
 * dut_go - reset the device and put it into a state, or end the process
 * @dut: the device
 * @state: the state
 *
 * Return: the data fd of that state, or -1.
 */
int dut_go(struct dut *dut, __u32 state)
{
	vfio_dev_reset(&dut->dev);
	return vfio_mig_set(&dut->dev, state);
}

/**
 * dut_has_state - go through the states that the device can be in
 * @dut: the device
 * @state: moved on to the next such state, unless it is one
 *
 * Return: true; false if there is none left.
 */
bool dut_has_state(const struct dut *dut, __u32 *state)
{
	while (*state < VFIO_DEVICE_STATE_NR &&
	       !mig_model_supported(dut->flags, *state))
		(*state)++;
	return *state < VFIO_DEVICE_STATE_NR;
}
