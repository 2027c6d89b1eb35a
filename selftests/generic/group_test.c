// SPDX-License-Identifier: GPL-2.0-only
/*
 * The group of a device: its container, and what is asked of it by name.
 *
 * The core answers all of it.  QEMU and other users of groups open a device by
 * these calls, in this order.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut.h"
#include "dut_fixture.h"

DUT_FIXTURE(group, DUT_ANY);

#define A_NODE	"a node has no container"

/**
 * struct opened - a group that gave no device yet
 * @group: its fd
 * @container: a container for it, not set yet
 * @device: the name of its device
 */
struct opened {
	int group;
	int container;
	char device[128];
};

static int open_path(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("open %s: %s", path, strerror(errno));
	return fd;
}

static int container_new(const struct dut *dut)
{
	return open_path(dut->way == VFIO_WAY_GROUP_IOMMUFD ? "/dev/iommu" :
							      "/dev/vfio/vfio");
}

static void group_open(struct dut *dut, struct opened *opened)
{
	char sysfs[PATH_MAX];

	must(__vfio_dev_sysfs(dut->name, sysfs));
	snprintf(opened->device, sizeof(opened->device), "%.127s",
		 strrchr(sysfs, '/') + 1);
	vfio_dev_close(&dut->dev);
	opened->group = open_path(dut->dev.node);
	opened->container = container_new(dut);
}

static int set_container(const struct opened *opened, int fd)
{
	return do_ioctl(opened->group, VFIO_GROUP_SET_CONTAINER, &fd);
}

static int unset_container(const struct opened *opened)
{
	return do_ioctl(opened->group, VFIO_GROUP_UNSET_CONTAINER, NULL);
}

/* All that a group needs before it gives its device */
static void make_ready(const struct opened *opened)
{
	must(set_container(opened, opened->container));
	must(do_ioctl(opened->container, VFIO_SET_IOMMU,
		      (void *)(uintptr_t)VFIO_TYPE1v2_IOMMU));
}

static int device_fd(const struct opened *opened, const char *name)
{
	int fd = ioctl(opened->group, VFIO_GROUP_GET_DEVICE_FD, name);

	return fd < 0 ? -errno : fd;
}

/* The flags that VFIO_GROUP_GET_STATUS tells, whatever was there before */
static __u32 status(const struct opened *opened)
{
	struct vfio_group_status arg = {
		.argsz = sizeof(arg),
		.flags = ~0U,
	};

	must(do_ioctl(opened->group, VFIO_GROUP_GET_STATUS, &arg));
	return arg.flags & (VFIO_GROUP_FLAGS_VIABLE |
			    VFIO_GROUP_FLAGS_CONTAINER_SET);
}

/* Nobody else has another device of this group, or it were not open */
TEST_F(group, GET_STATUS_tells_whether_there_is_a_container)
{
	const __u32 without = VFIO_GROUP_FLAGS_VIABLE;
	const __u32 with = without | VFIO_GROUP_FLAGS_CONTAINER_SET;
	struct opened opened;
	__u32 argsz;

	if (self->dut.way == VFIO_WAY_CDEV)
		SKIP(return, A_NODE);
	group_open(&self->dut, &opened);
	RULE_EQ("MIG-OPEN-11", without, status(&opened),
		"flags of a group without a container");
	must(set_container(&opened, opened.container));
	RULE_EQ("MIG-OPEN-11", with, status(&opened),
		"flags of a group with a container");
	must(unset_container(&opened));
	RULE_EQ("MIG-OPEN-11", without, status(&opened),
		"flags after UNSET_CONTAINER");

	for (argsz = 0; argsz < sizeof(struct vfio_group_status); argsz++) {
		struct vfio_group_status arg = { .argsz = argsz };

		RULE_FAILS("MIG-OPEN-11",
			   do_ioctl(opened.group, VFIO_GROUP_GET_STATUS, &arg),
			   "GET_STATUS with argsz %u", argsz);
	}
}

/* "Groups may only belong to a single container." */
TEST_F(group, has_one_container_at_a_time)
{
	struct opened opened;
	int other;

	if (self->dut.way == VFIO_WAY_CDEV)
		SKIP(return, A_NODE);
	group_open(&self->dut, &opened);
	other = container_new(&self->dut);
	RULE_FAILS("MIG-OPEN-12", unset_container(&opened),
		   "UNSET_CONTAINER without a container");
	RULE_OK("MIG-OPEN-12", set_container(&opened, opened.container),
		"SET_CONTAINER");
	RULE_FAILS("MIG-OPEN-12", set_container(&opened, opened.container),
		   "SET_CONTAINER once more");
	RULE_FAILS("MIG-OPEN-12", set_container(&opened, other),
		   "SET_CONTAINER with another container");
	RULE_OK("MIG-OPEN-12", unset_container(&opened), "UNSET_CONTAINER");
	RULE_FAILS("MIG-OPEN-12", unset_container(&opened),
		   "UNSET_CONTAINER once more");
	RULE_OK("MIG-OPEN-12", set_container(&opened, other),
		"SET_CONTAINER with another container after UNSET_CONTAINER");
}

TEST_F(group, SET_CONTAINER_takes_containers_only)
{
	struct opened opened;
	int null;

	if (self->dut.way == VFIO_WAY_CDEV)
		SKIP(return, A_NODE);
	group_open(&self->dut, &opened);
	null = open_path("/dev/null");
	RULE_FAILS("MIG-OPEN-12", set_container(&opened, null),
		   "SET_CONTAINER with /dev/null");
	RULE_FAILS("MIG-OPEN-12", set_container(&opened, opened.group),
		   "SET_CONTAINER with the group itself");
	RULE_FAILS("MIG-OPEN-12", set_container(&opened, -1),
		   "SET_CONTAINER without an fd");
	RULE_FAILS("MIG-OPEN-12",
		   do_ioctl(opened.group, VFIO_GROUP_SET_CONTAINER, NULL),
		   "SET_CONTAINER without an argument");
	RULE_EQ("MIG-OPEN-12", VFIO_GROUP_FLAGS_VIABLE, status(&opened),
		"flags after SET_CONTAINERs that failed");
	RULE_OK("MIG-OPEN-12", set_container(&opened, opened.container),
		"SET_CONTAINER after some that failed");
}

/* "The string should match a device listed" */
TEST_F(group, gives_the_device_of_that_name_only)
{
	struct opened opened;
	char name[256];
	size_t len;
	int fd;

	if (self->dut.way == VFIO_WAY_CDEV)
		SKIP(return, A_NODE);
	group_open(&self->dut, &opened);
	make_ready(&opened);
	/* Each beginning of the name, from nothing on */
	for (len = 0; len < strlen(opened.device); len++) {
		snprintf(name, sizeof(name), "%.*s", (int)len, opened.device);
		fd = device_fd(&opened, name);
		RULE_FAILS("MIG-OPEN-13", fd, "GET_DEVICE_FD of '%s'", name);
		if (fd >= 0)
			close(fd);
	}
	snprintf(name, sizeof(name), "%sx", opened.device);
	RULE_FAILS("MIG-OPEN-13", device_fd(&opened, name),
		   "GET_DEVICE_FD of '%s'", name);
	RULE_FAILS("MIG-OPEN-13", device_fd(&opened, NULL),
		   "GET_DEVICE_FD without a name");
	RULE_OK("MIG-OPEN-13", device_fd(&opened, opened.device),
		"GET_DEVICE_FD of '%s'", opened.device);
}

/* The number that an fd would get now */
static int next_fd(void)
{
	int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (fd < 0)
		die("dup: %s", strerror(errno));
	close(fd);
	return fd;
}

/* "The group containing the device must already be added to this context." */
TEST_F(group, gives_no_device_without_a_container_or_a_free_fd)
{
	struct rlimit limit, none;
	struct opened opened;
	int before, ret;

	if (self->dut.way == VFIO_WAY_CDEV)
		SKIP(return, A_NODE);
	group_open(&self->dut, &opened);
	before = next_fd();
	RULE_FAILS("MIG-OPEN-14", device_fd(&opened, opened.device),
		   "GET_DEVICE_FD without a container");
	RULE_EQ("MIG-OPEN-14", before, next_fd(),
		"the next fd after a GET_DEVICE_FD that failed");

	make_ready(&opened);
	must(getrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0);
	none = limit;
	none.rlim_cur = before;
	must(setrlimit(RLIMIT_NOFILE, &none) ? -errno : 0);
	ret = device_fd(&opened, opened.device);
	must(setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0);
	RULE_FAILS("MIG-OPEN-14", ret, "GET_DEVICE_FD without a free fd");
	RULE_OK("MIG-OPEN-14", unset_container(&opened),
		"UNSET_CONTAINER after a GET_DEVICE_FD that failed");

	close(opened.group);
	must(__vfio_dev_open(&self->dut.dev, self->dut.name, self->dut.way));
}

TEST_HARNESS_MAIN
