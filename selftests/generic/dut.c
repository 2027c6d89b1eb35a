// SPDX-License-Identifier: GPL-2.0-only
/* The device under test. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/check.h"
#include "../lib/child.h"
#include "../lib/removal.h"
#include "dut.h"

static const char *env(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

/*
 * Test cases are processes of their own. Whether there is a way in at all, each
 * of them had to make a device to find out; so the first one tells the others.
 */
static struct known_way {
	bool there;
	char missing[256];
} *known_ways;

static void __attribute__((constructor)) share_known_ways(void)
{
	known_ways = shared_new(VFIO_NR_WAYS * sizeof(*known_ways));
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
	struct known_way *known = &known_ways[dut->way];
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
		/* One that was there is missing for what a test did */
		if (!known->there)
			memcpy(known->missing, why, sizeof(why));
		return why;
	}
	return NULL;
}

static const char *made_type(void)
{
	return env("VFIO_TEST_TYPE", "mtty_mig-full");
}

/* The device that the user gave, or a new one */
static const char *find_and_open(struct dut *dut, const char *given)
{
	const char *type = made_type();
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
	if (!ret) {
		known_ways[dut->way].there = true;
		return NULL;
	}
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

	if (*known_ways[way].missing)
		return known_ways[way].missing;
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

static const char *open_another(struct dut *dut, const struct dut *first,
				const char *variable)
{
	const char *given = env(variable, NULL);
	static char none[64];
	const char *why;

	if (!first->made && !given) {
		snprintf(none, sizeof(none),
			 "no device like the first: %s names none", variable);
		return none;
	}
	dut->way = first->way;
	why = find_and_open(dut, given);
	if (why)
		return why;
	if (dut->flags != first->flags)
		return "the other device has other capabilities";
	if (dut->flags)
		dut_fresh(dut);
	return NULL;
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
	return open_another(dut, first, "VFIO_TEST_DEVICE_2");
}

/**
 * dut_open_third - open a third device like the first
 * @dut: filled in
 * @first: the first
 *
 * Return: NULL, or why there is no third device.
 */
const char *dut_open_third(struct dut *dut, const struct dut *first)
{
	return open_another(dut, first, "VFIO_TEST_DEVICE_3");
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
 * dut_removal_name - a way to remove a device in words
 * @how: the way
 *
 * Return: for instance "unbinding".
 */
const char *dut_removal_name(enum dut_removal how)
{
	static const char * const names[DUT_NR_REMOVALS] = {
		[DUT_REMOVE] = "removal",
		[DUT_UNBIND] = "unbinding",
		[DUT_TAKE_VFS] = "its PF took its VFs back",
	};

	return names[how];
}

/**
 * dut_irremovable - whether a device can be removed
 * @dut: the device
 * @how: how
 *
 * Return: NULL if it can, and may; or why not.
 */
const char *dut_irremovable(const struct dut *dut, enum dut_removal how)
{
	if (!dut->made && strcmp(env("VFIO_TEST_REMOVE", "0"), "1"))
		return "the device is the user's, and not to be removed: see VFIO_TEST_REMOVE";
	if (dut->made)
		return how == DUT_TAKE_VFS ? "the device is no VF" : NULL;
	if (how == DUT_REMOVE)
		return "the device was not made for the test";
	return removal_impossible(dut->name, how == DUT_UNBIND ?
				  REMOVAL_UNBIND : REMOVAL_VFS);
}

/**
 * dut_removal - how to remove a device if it does not matter how
 * @dut: the device
 *
 * Return: DUT_REMOVE or DUT_UNBIND.
 */
enum dut_removal dut_removal(const struct dut *dut)
{
	return dut->made ? DUT_REMOVE : DUT_UNBIND;
}

/**
 * __dut_remove - remove a device
 * @dut: the device; as long as somebody has it open, this waits
 * @how: how; what dut_irremovable() finds nothing against
 *
 * Return: 0 or -errno.
 */
int __dut_remove(struct dut *dut, enum dut_removal how)
{
	char sysfs[PATH_MAX];
	int ret;

	if (how == DUT_REMOVE)
		return __mdev_remove(&dut->mdev);
	if (dut->made)
		return __mdev_attr_write(&dut->mdev, "driver/unbind",
					 dut->mdev.uuid);
	ret = __vfio_dev_sysfs(dut->name, sysfs);
	if (ret)
		return ret;
	/* Its character device may come back under another name */
	snprintf(dut->name, sizeof(dut->name), "%.127s",
		 strrchr(sysfs, '/') + 1);
	return __removal_do(dut->name, how == DUT_UNBIND ? REMOVAL_UNBIND :
							   REMOVAL_VFS);
}

/**
 * __dut_bring_back - undo __dut_remove()
 * @dut: the device; not opened by this
 * @how: how it was removed
 *
 * In the place of one that was made for the test there is another one of its
 * type: a mediated device that was unbound stays that.
 *
 * Return: 0 or -errno.
 */
int __dut_bring_back(struct dut *dut, enum dut_removal how)
{
	int ret = 0;

	if (!dut->made)
		return __removal_undo();
	if (how == DUT_UNBIND)
		ret = __mdev_remove(&dut->mdev);
	if (!ret)
		ret = __mdev_create(&dut->mdev, made_type());
	if (!ret)
		snprintf(dut->name, sizeof(dut->name), "%s", dut->mdev.uuid);
	return ret;
}

/**
 * dut_renew - the device as its driver finds it for the first time, and open
 * @dut: the device; dut_irremovable() has nothing against dut_removal()
 *
 * A reset is the device's, and need not be the driver's memory of it.
 */
void dut_renew(struct dut *dut)
{
	enum dut_removal how = dut_removal(dut);

	vfio_dev_close(&dut->dev);
	must(__dut_remove(dut, how));
	must(__dut_bring_back(dut, how));
	dut_reopen(dut);
}

/**
 * dut_close_all - close all devices and data fds, remove what was made, bring
 *	back what was removed
 *
 * Tests leave file descriptors open when they fail.
 */
void dut_close_all(void)
{
	removal_cleanup();
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
		vfio_dev_close(&dut->dev);
		must(__dut_remove(dut, DUT_REMOVE));
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
