// SPDX-License-Identifier: GPL-2.0-only
/*
 * The address space of a device: who may give it one, which one it has, and
 * what is mapped there.
 *
 * No DMA is needed to see which one it has: an address space that a device
 * uses cannot be destroyed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/iommufd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut.h"
#include "dut_fixture.h"

DUT_FIXTURE(attach, DUT_ANY);

#define ATTACH		VFIO_DEVICE_ATTACH_IOMMUFD_PT
#define DETACH		VFIO_DEVICE_DETACH_IOMMUFD_PT
#define NOT_A_NODE	"only a device node is attached to an address space"

/* A number that no object has, and a flag that no call has */
#define NOBODY		0x7ffffffe
#define UNKNOWN		0x80000000

#define BASE		0x40000000ULL
#define PAGES		8

static __u32 ioas_new(struct vfio_dev *dev)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	must(do_ioctl(dev->iommu_fd, IOMMU_IOAS_ALLOC, &alloc));
	return alloc.out_ioas_id;
}

static int destroy(struct vfio_dev *dev, __u32 id)
{
	struct iommu_destroy cmd = { .size = sizeof(cmd), .id = id };

	return do_ioctl(dev->iommu_fd, IOMMU_DESTROY, &cmd);
}

static int attach(struct vfio_dev *dev, __u32 id)
{
	struct vfio_device_attach_iommufd_pt arg = {
		.argsz = sizeof(arg),
		.pt_id = id,
	};

	return do_ioctl(dev->fd, ATTACH, &arg);
}

static int detach(struct vfio_dev *dev)
{
	struct vfio_device_detach_iommufd_pt arg = { .argsz = sizeof(arg) };

	return do_ioctl(dev->fd, DETACH, &arg);
}

/* "devid is a handle for this device/iommufd bond" */
TEST_F(attach, BIND_tells_a_number_that_is_the_device)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.out_devid = NOBODY,
	};
	struct vfio_dev *dev = &self->dut.dev;
	char node[sizeof(dev->node)];
	int ret;

	if (dev->way != VFIO_WAY_CDEV)
		SKIP(return, NOT_A_NODE);
	memcpy(node, dev->node, sizeof(node));
	close(dev->fd);
	dev->fd = open(node, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, dev->fd);
	bind.iommufd = dev->iommu_fd;
	must(do_ioctl(dev->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind));
	ret = destroy(dev, bind.out_devid);
	RULE("MIG-OPEN-06", ret < 0 && ret != -ENOENT,
	     "an object that is in use, seen %s: IOMMU_DESTROY of the number that BIND told",
	     rule_errno(ret));
}

TEST_F(attach, device_has_the_address_space_of_the_last_ATTACH)
{
	struct vfio_dev *dev = &self->dut.dev;
	__u32 first = dev->ioas_id, second;

	if (dev->way != VFIO_WAY_CDEV)
		SKIP(return, NOT_A_NODE);
	second = ioas_new(dev);
	RULE_OK("MIG-OPEN-07", attach(dev, second),
		"ATTACH of a device that is attached");
	RULE_OK("MIG-OPEN-07", destroy(dev, first),
		"IOMMU_DESTROY of the address space that ATTACH replaced");
	RULE_FAILS("MIG-OPEN-07", destroy(dev, second),
		   "IOMMU_DESTROY of the address space that the device has");
	RULE_OK("MIG-OPEN-07", attach(dev, second),
		"ATTACH to the address space that the device has");
	RULE_FAILS("MIG-OPEN-07", destroy(dev, second),
		   "IOMMU_DESTROY of an address space that was attached twice");
}

/* "Undo by VFIO_DEVICE_DETACH_IOMMUFD_PT or device fd close" */
TEST_F(attach, device_has_no_address_space_after_DETACH_and_close)
{
	struct vfio_dev *dev = &self->dut.dev;
	__u32 first = dev->ioas_id, second;

	if (dev->way != VFIO_WAY_CDEV)
		SKIP(return, NOT_A_NODE);
	RULE_OK("MIG-OPEN-08", detach(dev), "DETACH");
	RULE_OK("MIG-OPEN-08", destroy(dev, first),
		"IOMMU_DESTROY of an address space after DETACH");
	RULE_OK("MIG-OPEN-08", detach(dev),
		"DETACH of a device that has no address space");
	second = ioas_new(dev);
	RULE_OK("MIG-OPEN-08", attach(dev, second), "ATTACH after DETACH");
	RULE_FAILS("MIG-OPEN-07", destroy(dev, second),
		   "IOMMU_DESTROY of the address space that the device has");
	close(dev->fd);
	dev->fd = -1;
	RULE_OK("MIG-OPEN-08", destroy(dev, second),
		"IOMMU_DESTROY of an address space after close()");
}

/* A call that must fail, and what is wrong with it */
struct bad {
	const char *name;
	__u32 argsz;
	__u32 flags;
	__u32 id;
};

TEST_F(attach, ATTACH_and_DETACH_that_fail_change_nothing)
{
	struct vfio_dev *dev = &self->dut.dev;
	/* Up to pt_id, and up to flags: newer kernels know more members */
	const __u32 attach_len = 3 * sizeof(__u32);
	const __u32 detach_len = 2 * sizeof(__u32);
	const __u32 second = dev->way == VFIO_WAY_CDEV ? ioas_new(dev) : 0;
	const struct bad attaches[] = {
		{ "a short argsz", attach_len - 1, 0, second },
		{ "no argsz", 0, 0, second },
		{ "an unknown flag", attach_len, UNKNOWN, second },
		{ "a number that nobody has", attach_len, 0, NOBODY },
		{ "the number of the device", attach_len, 0, dev->dev_id },
	};
	const struct bad detaches[] = {
		{ "a short argsz", detach_len - 1, 0, 0 },
		{ "no argsz", 0, 0, 0 },
		{ "an unknown flag", detach_len, UNKNOWN, 0 },
	};
	unsigned int i;

	if (dev->way != VFIO_WAY_CDEV)
		SKIP(return, NOT_A_NODE);
	for (i = 0; i < ARRAY_LEN(attaches); i++) {
		struct vfio_device_attach_iommufd_pt arg = {
			.argsz = attaches[i].argsz,
			.flags = attaches[i].flags,
			.pt_id = attaches[i].id,
		};

		RULE_FAILS("MIG-OPEN-09", do_ioctl(dev->fd, ATTACH, &arg),
			   "ATTACH with %s", attaches[i].name);
	}
	RULE_FAILS("MIG-OPEN-09", do_ioctl(dev->fd, ATTACH, NULL),
		   "ATTACH without an argument");
	for (i = 0; i < ARRAY_LEN(detaches); i++) {
		struct vfio_device_detach_iommufd_pt arg = {
			.argsz = detaches[i].argsz,
			.flags = detaches[i].flags,
		};

		RULE_FAILS("MIG-OPEN-09", do_ioctl(dev->fd, DETACH, &arg),
			   "DETACH with %s", detaches[i].name);
	}
	RULE_FAILS("MIG-OPEN-09", do_ioctl(dev->fd, DETACH, NULL),
		   "DETACH without an argument");
	RULE_OK("MIG-OPEN-09", destroy(dev, second),
		"IOMMU_DESTROY of the address space of ATTACHes that failed");
	RULE_FAILS("MIG-OPEN-09", destroy(dev, dev->ioas_id),
		   "IOMMU_DESTROY of the address space that the device had before");
}

/* The answer is a number: the attached one, or one that the kernel made */
TEST_F(attach, ATTACH_whose_answer_cannot_be_written_attaches_nothing)
{
	size_t len = sysconf(_SC_PAGESIZE);
	struct vfio_device_attach_iommufd_pt *arg;
	struct vfio_dev *dev = &self->dut.dev;

	if (dev->way != VFIO_WAY_CDEV)
		SKIP(return, NOT_A_NODE);
	must(detach(dev));
	arg = mmap(NULL, len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, arg);
	arg->argsz = sizeof(*arg);
	arg->pt_id = dev->ioas_id;
	ASSERT_EQ(0, mprotect(arg, len, PROT_READ));
	RULE_FAILS("MIG-OPEN-09", do_ioctl(dev->fd, ATTACH, arg),
		   "ATTACH with an argument that is read-only");
	RULE_OK("MIG-OPEN-09", destroy(dev, dev->ioas_id),
		"IOMMU_DESTROY of the address space of an ATTACH that failed");
}

/* "This is only allowed on cdev fds." */
TEST_F(attach, fd_of_a_group_is_not_bound_or_attached)
{
	struct vfio_dev *dev = &self->dut.dev;
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = dev->iommu_fd,
	};

	if (dev->way == VFIO_WAY_CDEV)
		SKIP(return, "a node is to be bound and attached");
	RULE_FAILS("MIG-OPEN-10",
		   do_ioctl(dev->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind),
		   "BIND by the fd of a group");
	/* A container of type1 has no address spaces to attach to */
	RULE_FAILS("MIG-OPEN-10",
		   attach(dev, dev->way == VFIO_WAY_GROUP_IOMMUFD ?
			  ioas_new(dev) : 1),
		   "ATTACH by the fd of a group");
	RULE_FAILS("MIG-OPEN-10", detach(dev), "DETACH by the fd of a group");
}

DUT_FIXTURE(map, DUT_ANY);

static size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static void *memory_new(void)
{
	void *mem = mmap(NULL, PAGES * page_size(), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		die("no memory");
	return mem;
}

/* MAP as many pages; where it is mapped goes to *@iova */
static int map(struct vfio_dev *dev, void *mem, __u64 *iova,
	       unsigned int pages, __u32 flags)
{
	struct iommu_ioas_map arg = {
		.size = sizeof(arg),
		.flags = flags | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = dev->ioas_id,
		.user_va = (uintptr_t)mem,
		.length = pages * page_size(),
		.iova = *iova,
	};
	int ret = do_ioctl(dev->iommu_fd, IOMMU_IOAS_MAP, &arg);

	*iova = arg.iova;
	return ret;
}

/* MAP at that page behind BASE */
static int map_at(struct vfio_dev *dev, void *mem, unsigned int page,
		  unsigned int pages)
{
	__u64 iova = BASE + page * page_size();

	return map(dev, mem, &iova, pages, IOMMU_IOAS_MAP_FIXED_IOVA);
}

/* UNMAP; how many bytes there were goes to *@len */
static int unmap(struct vfio_dev *dev, __u64 iova, __u64 *len)
{
	struct iommu_ioas_unmap arg = {
		.size = sizeof(arg),
		.ioas_id = dev->ioas_id,
		.iova = iova,
		.length = *len,
	};
	int ret = do_ioctl(dev->iommu_fd, IOMMU_IOAS_UNMAP, &arg);

	*len = arg.length;
	return ret;
}

static int unmap_at(struct vfio_dev *dev, unsigned int page,
		    unsigned int pages)
{
	__u64 len = pages * page_size();

	return unmap(dev, BASE + page * page_size(), &len);
}

/* Pages behind BASE: where a part begins, and how long it is */
struct part {
	unsigned int page;
	unsigned int pages;
};

/* "the iova range must currently be unused, existing IOVA cannot be replaced" */
TEST_F(map, no_mapping_is_put_over_another)
{
	static const struct part over[] = {
		{ 2, 4 }, { 2, 1 }, { 3, 2 }, { 5, 1 }, { 1, 2 }, { 5, 2 },
		{ 1, 6 }, { 0, 8 },
	};
	struct vfio_dev *dev = &self->dut.dev;
	void *mem = memory_new();
	unsigned int i;
	__u64 len;

	if (dev->way != VFIO_WAY_CDEV)
		SKIP(return, NOT_A_NODE);
	must(map_at(dev, mem, 2, 4));
	for (i = 0; i < ARRAY_LEN(over); i++)
		RULE_FAILS("MIG-IOMMU-04",
			   map_at(dev, mem, over[i].page, over[i].pages),
			   "MAP of pages %u to %u where 2 to 5 are mapped",
			   over[i].page, over[i].page + over[i].pages - 1);
	/* Side by side they may be */
	RULE_OK("MIG-IOMMU-04", map_at(dev, mem, 0, 2), "MAP before another");
	RULE_OK("MIG-IOMMU-04", map_at(dev, mem, 6, 2), "MAP behind another");
	len = 4 * page_size();
	RULE_OK("MIG-IOMMU-04", unmap(dev, BASE + 2 * page_size(), &len),
		"UNMAP of the first one");
	RULE_EQ("MIG-IOMMU-04", 4 * page_size(), len,
		"bytes that UNMAP of the first one tells");
}

/* "Splitting or truncating ranges is not allowed." */
TEST_F(map, no_mapping_is_unmapped_in_parts)
{
	static const struct part parts[] = {
		{ 2, 1 }, { 2, 3 }, { 3, 2 }, { 5, 1 }, { 3, 3 }, { 0, 4 },
		{ 4, 4 },
	};
	struct vfio_dev *dev = &self->dut.dev;
	void *mem = memory_new();
	unsigned int i;
	__u64 len;

	if (dev->way != VFIO_WAY_CDEV)
		SKIP(return, NOT_A_NODE);
	must(map_at(dev, mem, 2, 4));
	for (i = 0; i < ARRAY_LEN(parts); i++)
		RULE_FAILS("MIG-IOMMU-05",
			   unmap_at(dev, parts[i].page, parts[i].pages),
			   "UNMAP of pages %u to %u where 2 to 5 are mapped",
			   parts[i].page, parts[i].page + parts[i].pages - 1);
	len = PAGES * page_size();
	RULE_OK("MIG-IOMMU-05", unmap(dev, BASE, &len),
		"UNMAP of more than is mapped");
	RULE_EQ("MIG-IOMMU-05", 4 * page_size(), len,
		"bytes that UNMAP of more than is mapped tells");
	RULE_FAILS("MIG-IOMMU-05", unmap_at(dev, 2, 4),
		   "UNMAP of what is not mapped any more");
}

/* Each of three mappings, with gaps between them, was unmapped */
static void judge_unmapped(struct __test_metadata *_metadata,
			   struct vfio_dev *dev, void *mem, const char *how)
{
	RULE_OK("MIG-IOMMU-05", map_at(dev, mem, 0, PAGES),
		"MAP of all pages after %s", how);
}

TEST_F(map, UNMAP_takes_all_mappings_of_its_range)
{
	struct vfio_dev *dev = &self->dut.dev;
	void *mem = memory_new();
	unsigned int i, all;
	__u64 iova, len;

	if (dev->way != VFIO_WAY_CDEV)
		SKIP(return, NOT_A_NODE);
	/* "The values 0 to U64_MAX will unmap everything." */
	for (all = 0; all < 2; all++) {
		const char *how = all ? "UNMAP of everything" :
					"UNMAP of a range of mappings";

		for (i = 0; i < PAGES; i += 3)
			must(map_at(dev, mem, i, 1));
		iova = all ? 0 : BASE;
		len = all ? UINT64_MAX : PAGES * page_size();
		RULE_OK("MIG-IOMMU-05", unmap(dev, iova, &len), "%s", how);
		RULE_EQ("MIG-IOMMU-05", 3 * page_size(), len,
			"bytes that %s tells", how);
		judge_unmapped(_metadata, dev, mem, how);
		len = UINT64_MAX;
		unmap(dev, 0, &len);
	}
}

/* "a suitable location [...] automatically selected and returned in iova" */
TEST_F(map, MAP_tells_the_IOVA_that_it_chose)
{
	struct vfio_dev *dev = &self->dut.dev;
	__u64 iova[3], same, len;
	void *mem = memory_new();
	unsigned int i;

	if (dev->way != VFIO_WAY_CDEV)
		SKIP(return, NOT_A_NODE);
	for (i = 0; i < ARRAY_LEN(iova); i++) {
		iova[i] = BASE;
		RULE_OK("MIG-IOMMU-06", map(dev, mem, &iova[i], 2, 0),
			"MAP without an IOVA");
		same = iova[i];
		RULE_FAILS("MIG-IOMMU-06",
			   map(dev, mem, &same, 1, IOMMU_IOAS_MAP_FIXED_IOVA),
			   "MAP of the IOVA that another MAP chose");
	}
	for (i = 0; i < ARRAY_LEN(iova); i++) {
		len = 2 * page_size();
		RULE_OK("MIG-IOMMU-06", unmap(dev, iova[i], &len),
			"UNMAP of the IOVA that MAP chose");
	}
}

TEST_HARNESS_MAIN
