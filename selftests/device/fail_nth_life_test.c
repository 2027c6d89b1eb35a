// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation and each copy that can fail when a device is opened, closed,
 * created and removed, and when the module is loaded and unloaded: see
 * lib/walks.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <kselftest_harness.h>
#include <linux/iommufd.h>

#include "../lib/check.h"
#include "../lib/file.h"
#include "lib/journey.h"
#include "lib/knobs.h"
#include "lib/walks_fixture.h"

struct opened {
	int fd;
	int group_fd;
	int iommu_fd;
};

static void close_opened(struct opened *opened)
{
	if (opened->fd >= 0)
		close(opened->fd);
	if (opened->group_fd >= 0)
		close(opened->group_fd);
	if (opened->iommu_fd >= 0)
		close(opened->iommu_fd);
}

static int open_to(const char *path, int *fd)
{
	*fd = open(path, O_RDWR | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

/* By system calls alone, which __vfio_dev_open() is not */
static int open_cdev(const struct mtty *mtty, struct opened *opened)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
	};
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int ret;

	ret = open_to("/dev/iommu", &opened->iommu_fd);
	if (!ret)
		ret = open_to(mtty->dev.node, &opened->fd);
	bind.iommufd = opened->iommu_fd;
	if (!ret)
		ret = do_ioctl(opened->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	if (!ret)
		ret = do_ioctl(opened->iommu_fd, IOMMU_IOAS_ALLOC, &alloc);
	attach.pt_id = alloc.out_ioas_id;
	return ret ? ret : do_ioctl(opened->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
				    &attach);
}

static int open_group(const struct mtty *mtty, struct opened *opened)
{
	int ret;

	ret = open_to("/dev/iommu", &opened->iommu_fd);
	if (!ret)
		ret = open_to(mtty->dev.node, &opened->group_fd);
	if (!ret)
		ret = do_ioctl(opened->group_fd, VFIO_GROUP_SET_CONTAINER,
			       &opened->iommu_fd);
	if (!ret)
		ret = do_ioctl(opened->iommu_fd, VFIO_SET_IOMMU,
			       (void *)(uintptr_t)VFIO_TYPE1v2_IOMMU);
	if (ret)
		return ret;
	opened->fd = ioctl(opened->group_fd, VFIO_GROUP_GET_DEVICE_FD,
			   mtty->mdev.uuid);
	return opened->fd < 0 ? -errno : 0;
}

TEST_F_TIMEOUT(walks, open, WALK_TIMEOUT)
{
	static const struct {
		const char *name;
		enum vfio_way way;
		int (*open)(const struct mtty *mtty, struct opened *opened);
		unsigned int floor;
	} ways[] = {
		{ "cdev", VFIO_WAY_CDEV, open_cdev, 17 },
		{ "group", VFIO_WAY_GROUP_IOMMUFD, open_group, 15 },
	};
	const char *uuid = self->mtty.mdev.uuid;
	struct fail_nth *walk = &self->walk;
	char name[64];
	unsigned int i;
	int next, ret;

	for (i = 0; i < ARRAY_LEN(ways); i++) {
		vfio_dev_close(self->dev);
		if (__vfio_dev_open(self->dev, uuid, ways[i].way))
			continue;
		snprintf(name, sizeof(name), "open by %s", ways[i].name);
		fail_nth_begin(walk, name, ways[i].floor);
		while (fail_nth_next(walk)) {
			struct opened opened = { -1, -1, -1 };

			vfio_dev_close(self->dev);
			next = fd_next();
			fail_nth_arm(walk);
			ret = ways[i].open(&self->mtty, &opened);
			fail_nth_disarm(walk);
			/* What the kernel's tests let fail in iommufd */
			if (walk->fired && ret == -ENOENT)
				ret = -ENOMEM;
			walk_succeeded(_metadata, walk, ret);
			close_opened(&opened);
			EXPECT_EQ(next, fd_next());

			ASSERT_EQ(0, __vfio_dev_open(self->dev, uuid,
						     ways[i].way))
				TH_LOG("%s, point %u: not again", name,
				       walk->point);
			EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING,
				  vfio_mig_get(self->dev));
			EXPECT_EQ(self->journey.fresh,
				  mtty_digest(&self->mtty));
		}
		walk_end(_metadata, walk);
	}
	journey_go(&self->journey, VFIO_DEVICE_STATE_RUNNING);
	walk_fine(_metadata, walk, journey_arrive(&self->journey, &self->dst), "");
}

/* Close cannot fail: it ends the session, whatever there is no memory for */
TEST_F_TIMEOUT(walks, close, WALK_TIMEOUT)
{
	struct journey *journey = &self->journey;
	struct fail_nth *walk = &self->walk;
	char name[64];
	__u32 state;
	int data_fd;

	for (state = 0; state < VFIO_DEVICE_STATE_NR; state++) {
		if (!mig_model_supported(MIG_FLAGS_ALL, state))
			continue;
		snprintf(name, sizeof(name), "close in %s",
			 mig_state_name(state));
		fail_nth_begin(walk, name, 0);
		while (fail_nth_next(walk)) {
			journey_go(journey, state);
			if (state == VFIO_DEVICE_STATE_RESUMING)
				journey_load(journey, journey->image.len / 2);
			data_fd = journey->data_fd;
			fail_nth_arm(walk);
			vfio_dev_close(self->dev);
			fail_nth_disarm(walk);
			vfio_dev_open(self->dev, self->mtty.mdev.uuid);
			EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING,
				  vfio_mig_get(self->dev));
			EXPECT_EQ(journey->fresh, mtty_digest(&self->mtty));
			if (data_fd >= 0)
				walk_fine(_metadata, walk,
					  data_fd_dead(data_fd, state), "");
			journey_moved(journey, VFIO_DEVICE_STATE_RUNNING);
		}
		walk_end(_metadata, walk);
	}
	journey_go(journey, VFIO_DEVICE_STATE_RUNNING);
	walk_fine(_metadata, walk, journey_arrive(journey, &self->dst), "");
}

/* The size of device memory, which can be set while the device is closed */
TEST_F_TIMEOUT(walks, mem_size, WALK_TIMEOUT)
{
	struct fail_nth *walk = &self->walk;
	bool done;
	int ret;

	vfio_dev_close(self->dev);
	fail_nth_begin(walk, "write attribute mem_size", 9);
	while (fail_nth_next(walk)) {
		must(__mtty_set_mem_size(&self->mtty, "8K"));
		fail_nth_arm(walk);
		ret = __mtty_set_mem_size(&self->mtty, "64K");
		fail_nth_disarm(walk);
		done = walk_succeeded(_metadata, walk, ret);
		EXPECT_EQ(done ? 0x10000 : 0x2000, mtty_mem_size(&self->mtty));
	}
	walk_end(_metadata, walk);
}

/* Mediated devices and the module */

/* How many devices more could be made */
static int available(const char *create)
{
	char path[PATH_MAX], text[32];

	snprintf(path, sizeof(path), "%.*s/available_instances",
		 (int)(strrchr(create, '/') - create), create);
	must(file_read(path, text, sizeof(text)));
	return atoi(text);
}

FIXTURE(life)
{
	char create[PATH_MAX];
	struct fail_nth walk;
	struct leftovers left;
};

FIXTURE_SETUP(life)
{
	const char *why = walks_missing();

	if (why)
		SKIP(return, "%s", why);
	leftovers_before(&self->left);
	must(mdev_create_path(MTTY_TYPE_PREFIX "full", self->create,
			      sizeof(self->create)));
	fail_nth_setup();
}

FIXTURE_TEARDOWN(life)
{
	fail_nth_restore();
	leftovers_after(_metadata, &self->left);
}

static bool mdev_is_there(const struct mdev *mdev)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s", mdev->uuid);
	return !access(path, F_OK);
}

static bool knobs_are_there(const struct mdev *mdev)
{
	struct mtty mtty = { .mdev = *mdev };

	return knob_exists(&mtty, "");
}

/* Removes a device, and sees that there is nothing left of it */
static void remove_and_look(struct __test_metadata *_metadata,
			    struct fail_nth *walk, struct mdev *mdev)
{
	mdev_remove(mdev);
	EXPECT_FALSE(mdev_is_there(mdev));
	EXPECT_FALSE(knobs_are_there(mdev))
		TH_LOG("%s, point %u: a folder is left in debugfs", walk->name,
		       walk->point);
}

/*
 * Of the kernel, and not to be held against the driver: mdev_device_create()
 * takes an instance off available_instances, and when it gets no memory for
 * the device itself, right after that, it does not give it back (Linux
 * 6.12). That is one point of each walk.
 *
 * A device may come without its files in debugfs, or without its node in
 * /dev: the kernel wants those to fail silently.
 */
#define INSTANCES_LOST	1

static void use(struct __test_metadata *_metadata, struct fail_nth *walk,
		struct mtty *mtty)
{
	int ret = __vfio_dev_open(&mtty->dev, mtty->mdev.uuid, VFIO_WAY_CDEV);

	if (walk->fired && ret == -ENOENT)
		return;
	ASSERT_EQ(0, ret)
		TH_LOG("point %u: created, but not usable", walk->point);
	journey_fill(mtty);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&mtty->dev));
	vfio_dev_close(&mtty->dev);
}

TEST_F_TIMEOUT(life, create, WALK_TIMEOUT)
{
	struct fail_nth *walk = &self->walk;
	int before, after, ret, lost = 0;
	struct mtty mtty;

	/* 89 to 106: the kernel's ids take memory now and then */
	fail_nth_begin(walk, "mdev create", 80);
	while (fail_nth_next(walk)) {
		before = available(self->create);
		fail_nth_arm(walk);
		ret = __mdev_create_at(&mtty.mdev, self->create);
		fail_nth_disarm(walk);
		EXPECT_EQ(!ret, mdev_is_there(&mtty.mdev));
		if (walk_succeeded(_metadata, walk, ret)) {
			use(_metadata, walk, &mtty);
			remove_and_look(_metadata, walk, &mtty.mdev);
		} else {
			EXPECT_FALSE(knobs_are_there(&mtty.mdev))
				TH_LOG("point %u: a folder is left in debugfs",
				       walk->point);
		}
		after = available(self->create);
		if (ret == -ENOMEM && after == before - 1)
			lost++;
		else
			EXPECT_EQ(before, after)
				TH_LOG("point %u: instances", walk->point);
	}
	EXPECT_GE(INSTANCES_LOST, lost);
	walk_end(_metadata, walk);
}

TEST_F_TIMEOUT(life, remove, WALK_TIMEOUT)
{
	struct fail_nth *walk = &self->walk;
	struct mdev mdev;
	int before, ret;

	before = available(self->create);
	/* 15, as above */
	fail_nth_begin(walk, "mdev remove", 12);
	while (fail_nth_next(walk)) {
		must(__mdev_create_at(&mdev, self->create));
		fail_nth_arm(walk);
		ret = __mdev_remove(&mdev);
		fail_nth_disarm(walk);
		if (!walk_succeeded(_metadata, walk, ret))
			remove_and_look(_metadata, walk, &mdev);
		EXPECT_FALSE(mdev_is_there(&mdev));
		EXPECT_FALSE(knobs_are_there(&mdev));
		EXPECT_EQ(before, available(self->create));
	}
	walk_end(_metadata, walk);
}

/*
 * The module, which has to be loaded anew, and therefore must not be in use:
 * not by a device, nor by another module. Whatever happens, it is loaded
 * afterwards, as it was before.
 */

/* Where the lab has it, seen from here; elsewhere the user says where it is */
#define MODULE_FILE	"../../modules/" MODULE ".ko"
#define MODULE_ENV	"MTTY_MIG_MODULE"

FIXTURE(module)
{
	struct fail_nth walk;
	int fd;
};

static int load_module(int fd)
{
	return syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
}

static int unload_module(void)
{
	return syscall(SYS_delete_module, MODULE, O_NONBLOCK) ? -errno : 0;
}

FIXTURE_SETUP(module)
{
	const char *path = getenv(MODULE_ENV);
	const char *why = walks_missing();

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	if (module_users())
		SKIP(return, "the module is in use, or built in");
	if (!path)
		path = MODULE_FILE;
	self->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (self->fd < 0)
		SKIP(return, "there is no %s: " MODULE_ENV " can say where it is",
		     path);
	fail_nth_setup();
}

FIXTURE_TEARDOWN(module)
{
	fail_nth_restore();
	if (self->fd < 0)
		return;
	load_module(self->fd);
	EXPECT_TRUE(mtty_available())
		TH_LOG("the module cannot be loaded any more");
}

/* What a module leaves in sysfs and debugfs if it does not clean up */
static const char * const module_traces[] = {
	"/sys/module/" MODULE,
	"/sys/class/" MODULE,
	"/sys/devices/virtual/" MODULE,
	"/sys/bus/mdev/drivers/" MODULE,
	"/sys/class/mdev_bus/" MODULE,
	"/sys/kernel/debug/" MODULE,
};

static const char *module_trace(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(module_traces); i++)
		if (!access(module_traces[i], F_OK))
			return module_traces[i];
	return NULL;
}

/*
 * EINVAL is what module_add_driver() tells when it gets no memory. What the
 * kernel can do without, the link in mdev_bus for one, may be missing in a
 * module that was loaded.
 */
TEST_F_TIMEOUT(module, load, WALK_TIMEOUT)
{
	struct fail_nth *walk = &self->walk;
	int ret;

	ASSERT_EQ(0, unload_module());
	/* 273 to 279, as above */
	fail_nth_begin(walk, "module load", 260);
	while (fail_nth_next(walk)) {
		fail_nth_arm(walk);
		ret = load_module(self->fd);
		fail_nth_disarm(walk);
		if (walk->fired && ret == -EINVAL)
			ret = -ENOMEM;
		if (walk_succeeded(_metadata, walk, ret)) {
			EXPECT_TRUE(walk->fired || mtty_available());
			ASSERT_EQ(0, unload_module())
				TH_LOG("point %u", walk->point);
		}
		EXPECT_EQ(NULL, module_trace())
			TH_LOG("point %u: there is still %s", walk->point,
			       module_trace());
	}
	walk_end(_metadata, walk);
}

TEST_F_TIMEOUT(module, unload, WALK_TIMEOUT)
{
	struct fail_nth *walk = &self->walk;
	int ret;

	/* None of it can fail, and not all kernels tell that of the name */
	fail_nth_begin(walk, "module unload", 0);
	while (fail_nth_next(walk)) {
		fail_nth_arm(walk);
		ret = unload_module();
		fail_nth_disarm(walk);
		if (!walk_succeeded(_metadata, walk, ret))
			ASSERT_EQ(0, unload_module());
		EXPECT_EQ(NULL, module_trace())
			TH_LOG("point %u: there is still %s", walk->point,
			       module_trace());
		ASSERT_EQ(0, load_module(self->fd));
		ASSERT_TRUE(mtty_available());
	}
	walk_end(_metadata, walk);
}

/* Last, so that there is something to count */
TEST_F(module, walks_together)
{
	EXPECT_LT(0, fail_nth_total());
}

TEST_HARNESS_MAIN
