// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may use a device: one user at a time, and by its node only after
 * VFIO_DEVICE_BIND_IOMMUFD.
 *
 * The core keeps these rules for all drivers.  A driver relies on them: its
 * open_device() is called once, and nothing else before it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut.h"
#include "dut_fixture.h"

DUT_FIXTURE(opening, DUT_ANY);

#define NOT_A_NODE	"only a device node is bound to an iommufd"

static int open_path(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("open %s: %s", path, strerror(errno));
	return fd;
}

/* Whether the device can be opened by that way, if it is not in use */
static int try_way(struct dut *dut, enum vfio_way way)
{
	struct vfio_dev dev;
	int ret = __vfio_dev_open(&dev, dut->name, way);

	if (!ret)
		vfio_dev_close(&dev);
	return ret;
}

/* BIND of a node, with what is wrong with it */
struct attempt {
	const char *name;
	__u32 argsz;
	__u32 flags;
	int iommufd;
};

static int bind_fd(int fd, const struct attempt *attempt)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = attempt->argsz,
		.flags = attempt->flags,
		.iommufd = attempt->iommufd,
	};

	return do_ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
}

/* ... whose answer cannot be written */
static int bind_read_only(int fd, int iommufd)
{
	struct vfio_device_bind_iommufd *bind;
	int ret;

	bind = mmap(NULL, sizeof(*bind), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bind == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	bind->argsz = sizeof(*bind);
	bind->iommufd = iommufd;
	mprotect(bind, sizeof(*bind), PROT_READ);
	ret = do_ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, bind);
	munmap(bind, sizeof(*bind));
	return ret;
}

static int bind_well(int fd, int iommufd)
{
	const struct attempt good = {
		.argsz = sizeof(struct vfio_device_bind_iommufd),
		.iommufd = iommufd,
	};

	return bind_fd(fd, &good);
}

/* "User is restricted from accessing the device before the binding" */
TEST_F(opening, node_gives_nothing_before_BIND)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info region = { .argsz = sizeof(region) };
	struct {
		struct vfio_device_feature feature;
		__u64 data[4];
	} feature = {
		.feature.argsz = sizeof(feature),
		.feature.flags = VFIO_DEVICE_FEATURE_GET |
				 VFIO_DEVICE_FEATURE_MIGRATION,
	};
	const struct {
		const char *name;
		unsigned long request;
		void *arg;
	} calls[] = {
		{ "VFIO_DEVICE_GET_INFO", VFIO_DEVICE_GET_INFO, &info },
		{ "VFIO_DEVICE_GET_REGION_INFO", VFIO_DEVICE_GET_REGION_INFO,
		  &region },
		{ "VFIO_DEVICE_FEATURE", VFIO_DEVICE_FEATURE, &feature },
		{ "VFIO_DEVICE_RESET", VFIO_DEVICE_RESET, NULL },
	};
	__u64 config, word = 0;
	unsigned int i;
	void *bar;
	int fd;

	if (self->dut.way != VFIO_WAY_CDEV)
		SKIP(return, NOT_A_NODE);
	vfio_region_info(&self->dut.dev, VFIO_PCI_CONFIG_REGION_INDEX,
			 &region);
	config = region.offset;
	vfio_dev_close(&self->dut.dev);

	fd = open_path(self->dut.dev.node);
	for (i = 0; i < ARRAY_LEN(calls); i++)
		RULE_FAILS("MIG-OPEN-01",
			   do_ioctl(fd, calls[i].request, calls[i].arg),
			   "%s before BIND", calls[i].name);
	RULE_FAILS("MIG-OPEN-01",
		   pread(fd, &word, sizeof(word), config) < 0 ? -errno : 0,
		   "read() of a region before BIND");
	RULE_FAILS("MIG-OPEN-01",
		   pwrite(fd, &word, sizeof(word), config) < 0 ? -errno : 0,
		   "write() to a region before BIND");
	bar = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, fd, 0);
	RULE("MIG-OPEN-01", bar == MAP_FAILED,
	     "failure, seen success: mmap() of a region before BIND");
	close(fd);
	RULE_OK("MIG-OPEN-01", try_way(&self->dut, VFIO_WAY_CDEV),
		"open and BIND after a node that was never bound");
}

TEST_F(opening, device_in_use_is_not_opened_again)
{
	struct vfio_dev *dev = &self->dut.dev;
	enum vfio_way way;
	int fd, iommufd;

	for (way = 0; way < VFIO_NR_WAYS; way++) {
		RULE_FAILS("MIG-OPEN-02", try_way(&self->dut, way),
			   "an open by %s of a device in use by %s",
			   vfio_way_name(way), vfio_way_name(dev->way));
		dev->info.argsz = sizeof(dev->info);
		RULE_OK("MIG-OPEN-02",
			do_ioctl(dev->fd, VFIO_DEVICE_GET_INFO, &dev->info),
			"GET_INFO after an open by %s was refused",
			vfio_way_name(way));
	}
	if (dev->way == VFIO_WAY_CDEV) {
		iommufd = open_path("/dev/iommu");
		RULE_FAILS("MIG-OPEN-02", bind_well(dev->fd, iommufd),
			   "a second BIND of the same fd");
		fd = open_path(dev->node);
		RULE_FAILS("MIG-OPEN-02", bind_well(fd, iommufd),
			   "BIND of another fd of a device in use");
		RULE_FAILS("MIG-OPEN-02", bind_well(fd, dev->iommu_fd),
			   "BIND of another fd to the same iommufd");
		close(fd);
		close(iommufd);
	} else {
		fd = open(dev->node, O_RDWR | O_CLOEXEC);
		RULE("MIG-OPEN-02", fd < 0,
		     "failure, seen success: a second open of the group");
		if (fd >= 0)
			close(fd);
	}
	vfio_dev_close(dev);
	RULE_OK("MIG-OPEN-02", try_way(&self->dut, self->dut.way),
		"an open after the last close");
}

/* ... also if no fd of the device has been taken from it yet */
TEST_F(opening, group_that_is_open_keeps_the_node_from_BIND)
{
	struct vfio_dev *dev = &self->dut.dev;
	bool node_works;
	int group;

	if (dev->way == VFIO_WAY_CDEV)
		SKIP(return, "a node needs no open group");
	vfio_dev_close(dev);
	node_works = !try_way(&self->dut, VFIO_WAY_CDEV);
	group = open_path(dev->node);
	RULE_FAILS("MIG-OPEN-02", try_way(&self->dut, VFIO_WAY_CDEV),
		   "BIND of a node whose group is open");
	close(group);
	if (node_works)
		RULE_OK("MIG-OPEN-02", try_way(&self->dut, VFIO_WAY_CDEV),
			"BIND after the group was closed");
}

static void judge_failed_binds(struct __test_metadata *_metadata,
			       struct dut *dut, int iommufd, int null)
{
	const struct attempt bad[] = {
		{ "a short argsz", sizeof(__u32), 0, iommufd },
		{ "unknown flags", sizeof(struct vfio_device_bind_iommufd),
		  0x80000000, iommufd },
		{ "no fd", sizeof(struct vfio_device_bind_iommufd), 0, -1 },
		{ "an fd that is no iommufd",
		  sizeof(struct vfio_device_bind_iommufd), 0, null },
	};
	bool ways[VFIO_NR_WAYS];
	unsigned int i;

	for (i = 0; i < VFIO_NR_WAYS; i++)
		ways[i] = !try_way(dut, i);

	for (i = 0; i <= ARRAY_LEN(bad); i++) {
		const char *name = "an argument that is read-only";
		int fd = open_path(dut->dev.node), ret;
		enum vfio_way way;

		if (i < ARRAY_LEN(bad)) {
			name = bad[i].name;
			ret = bind_fd(fd, &bad[i]);
		} else {
			ret = bind_read_only(fd, iommufd);
		}
		RULE_FAILS("MIG-OPEN-03", ret, "BIND with %s", name);
		for (way = 0; way < VFIO_NR_WAYS; way++)
			if (ways[way])
				RULE_OK("MIG-OPEN-03", try_way(dut, way),
					"an open by %s after BIND with %s",
					vfio_way_name(way), name);
		RULE_OK("MIG-OPEN-03", bind_well(fd, iommufd),
			"BIND of the same fd after BIND with %s", name);
		close(fd);
	}
}

TEST_F(opening, BIND_that_fails_leaves_nothing)
{
	int iommufd, null;

	if (self->dut.way != VFIO_WAY_CDEV)
		SKIP(return, NOT_A_NODE);
	vfio_dev_close(&self->dut.dev);
	/* Only now: where there is no node, there may be no iommufd */
	iommufd = open_path("/dev/iommu");
	null = open_path("/dev/null");
	judge_failed_binds(_metadata, &self->dut, iommufd, null);
	close(null);
	close(iommufd);
}

/* A group gives as many fds of a device as it is asked for */
TEST_F(opening, device_stays_open_until_its_last_fd_is_closed)
{
	struct vfio_dev *dev = &self->dut.dev;
	char sysfs[PATH_MAX];
	int second, data_fd;

	if (dev->way == VFIO_WAY_CDEV)
		SKIP(return, "a node is bound once");
	if (!self->dut.flags)
		SKIP(return, "the device has no migration");
	must(__vfio_dev_sysfs(self->dut.name, sysfs));
	second = ioctl(dev->group_fd, VFIO_GROUP_GET_DEVICE_FD,
		       strrchr(sysfs, '/') + 1);
	RULE_OK("MIG-OPEN-05", second < 0 ? -errno : 0,
		"a second VFIO_GROUP_GET_DEVICE_FD");
	if (second < 0)
		return;
	vfio_mig_set(dev, VFIO_DEVICE_STATE_STOP);
	close(dev->fd);
	dev->fd = second;
	RULE_STATE("MIG-OPEN-05", VFIO_DEVICE_STATE_STOP, vfio_mig_get(dev),
		   "GET by the second fd after the first one was closed");
	RULE_OK("MIG-OPEN-05",
		__vfio_mig_set(dev, VFIO_DEVICE_STATE_RUNNING, &data_fd),
		"SET RUNNING by the second fd");
	dut_reopen(&self->dut);
	RULE_STATE("MIG-OPEN-05", VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(dev),
		   "GET after the last fd was closed and an open");
}

TEST_F(opening, device_fd_is_closed_by_exec)
{
	int flags = fcntl(self->dut.dev.fd, F_GETFD);

	/* A node is opened by whoever sets the flag himself */
	if (self->dut.way == VFIO_WAY_CDEV)
		SKIP(return, "only VFIO_GROUP_GET_DEVICE_FD makes an fd");
	RULE("MIG-OPEN-04", flags & FD_CLOEXEC,
	     "FD_CLOEXEC, seen flags %#x", flags);
}

TEST_HARNESS_MAIN
