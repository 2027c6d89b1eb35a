// SPDX-License-Identifier: GPL-2.0-only
/* The device under test. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/check.h"
#include "dut.h"

static const char *env(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

static int try_open(struct dut *dut)
{
	int ret = __vfio_dev_open(&dut->dev, dut->name, dut->way);

	if (ret)
		return ret;
	ret = __vfio_mig_flags(&dut->dev, &dut->flags);
	return ret == -ENOTTY ? 0 : ret;
}

/*
 * What a kernel without a way in answers: it has no such node, or knows no
 * such IOMMU.  A device that is bound to no VFIO driver has no node either,
 * so that only tells if the device is known to have another way.
 */
static const char *no_way(struct dut *dut, int error)
{
	static char why[256];
	enum vfio_way way;

	if (error != -ENOENT && error != -EINVAL && error != -ENODEV &&
	    error != -ENOTTY && error != -EOPNOTSUPP)
		return NULL;
	for (way = 0; way < VFIO_NR_WAYS; way++) {
		struct vfio_dev dev;

		if (way == dut->way || __vfio_dev_open(&dev, dut->name, way))
			continue;
		vfio_dev_close(&dev);
		snprintf(why, sizeof(why), "no way in: %s: %s",
			 vfio_way_name(dut->way), strerror(-error));
		return why;
	}
	return NULL;
}

/* The device that the user gave, or a new one */
static const char *find_and_open(struct dut *dut, const char *given)
{
	const char *type = env("VFIO_TEST_TYPE", "mtty_mig-full");
	static char why[256];
	const char *missing;
	int ret;

	dut->made = !given;
	if (given) {
		snprintf(dut->name, sizeof(dut->name), "%s", given);
	} else {
		if (!mdev_type_exists(type)) {
			snprintf(why, sizeof(why),
				 "no device: VFIO_TEST_DEVICE names none, and there is no mdev type %s",
				 type);
			return why;
		}
		mdev_create(&dut->mdev, type);
		snprintf(dut->name, sizeof(dut->name), "%s", dut->mdev.uuid);
	}
	ret = try_open(dut);
	if (!ret)
		return NULL;
	missing = no_way(dut, ret);
	if (!missing)
		die("cannot open %s by way of %s: %s", dut->name,
		    vfio_way_name(dut->way), strerror(-ret));
	return missing;
}

/* What a device has not, of what tests need */
static const char *missing(struct dut *dut, __u64 needs)
{
	static char why[256];
	const char *what;

	if (needs & DUT_LOG && !dut_has_log(dut))
		return "the device has no DMA logging";
	if (needs & DUT_ANY)
		return NULL;
	if (needs & DUT_NONE) {
		snprintf(why, sizeof(why), "the device has migration (%s)",
			 mig_flags_name(dut->flags));
		return dut->flags ? why : NULL;
	}
	if (!dut->flags)
		return "the device has no migration";
	needs &= ~DUT_LOG & ~dut->flags;
	if (!needs)
		return NULL;
	what = mig_flags_name(needs);
	snprintf(why, sizeof(why), "the device has no %s (it has %s)", what,
		 mig_flags_name(dut->flags));
	return why;
}

/**
 * dut_open - open the device under test
 * @dut: filled in
 * @way: how
 * @needs: what the tests need of it: DUT_*
 *
 * Return: NULL, or why the tests cannot be run; then there is nothing left to
 * close.
 */
const char *dut_open(struct dut *dut, enum vfio_way way, __u64 needs)
{
	const char *why;

	dut->way = way;
	why = find_and_open(dut, env("VFIO_TEST_DEVICE", NULL));
	if (!why)
		why = missing(dut, needs);
	if (why)
		dut_close_all();
	else if (dut->flags)
		dut_fresh(dut);
	return why;
}

/**
 * dut_open_second - open a second device like the first
 * @dut: filled in
 * @first: the first
 *
 * Return: NULL, or why there is no second device.
 */
const char *dut_open_second(struct dut *dut, const struct dut *first)
{
	const char *given = env("VFIO_TEST_DEVICE_2", NULL);
	const char *why;

	if (!first->made && !given)
		return "no second device: VFIO_TEST_DEVICE_2 names none";
	dut->way = first->way;
	why = find_and_open(dut, given);
	if (why)
		return why;
	if (dut->flags != first->flags)
		return "the second device has other capabilities";
	if (dut->flags)
		dut_fresh(dut);
	return NULL;
}

/**
 * dut_reopen - close the device under test and open it again
 * @dut: the device
 */
void dut_reopen(struct dut *dut)
{
	vfio_dev_close(&dut->dev);
	must(__vfio_dev_open(&dut->dev, dut->name, dut->way));
}

/**
 * __dut_remove - remove a device that was made for the test
 * @dut: the device; closed by this
 *
 * Return: 0, or -errno: -EPERM for a device that is the user's.
 */
int __dut_remove(struct dut *dut)
{
	if (!dut->made)
		return -EPERM;
	vfio_dev_close(&dut->dev);
	return __mdev_remove(&dut->mdev);
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
 * dut_fresh - the device as it is after a reset: open and RUNNING
 * @dut: the device
 *
 * By VFIO_DEVICE_RESET if the device says that it has it, or else by a new
 * device, or at least a newly opened one.  Ends the process if the device is
 * not to be had in RUNNING.
 */
void dut_fresh(struct dut *dut)
{
	__u32 state;

	if (vfio_dev_can_reset(&dut->dev) && !__vfio_dev_reset(&dut->dev) &&
	    vfio_mig_get(&dut->dev) == VFIO_DEVICE_STATE_RUNNING)
		return;
	if (dut->made) {
		must(__dut_remove(dut));
		find_and_open(dut, NULL);
	} else {
		dut_reopen(dut);
		/* The last resort */
		if (vfio_mig_get(&dut->dev) != VFIO_DEVICE_STATE_RUNNING)
			__vfio_dev_reset(&dut->dev);
	}
	state = vfio_mig_get(&dut->dev);
	if (state != VFIO_DEVICE_STATE_RUNNING)
		die("the device is in %s after reset, or when it is opened",
		    mig_state_name(state));
}

/**
 * dut_go - put a fresh device into a state, or end the process
 * @dut: the device
 * @state: the state
 *
 * Return: the data fd of that state, or -1.
 */
int dut_go(struct dut *dut, __u32 state)
{
	dut_fresh(dut);
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

/**
 * dut_has_log - whether the device has DMA logging
 * @dut: the device
 *
 * Return: true if it has.
 */
bool dut_has_log(struct dut *dut)
{
	return !__vfio_feature(&dut->dev, VFIO_DEVICE_FEATURE_PROBE |
			       VFIO_DEVICE_FEATURE_SET |
			       VFIO_DEVICE_FEATURE_DMA_LOGGING_START, NULL, 0);
}
