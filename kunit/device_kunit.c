// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device as its user sees it: regions, the size of memory, ioctls.
 */
#include <linux/unaligned.h>

#include "helpers.h"

#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX

static struct mtty_device *running(struct kunit *test)
{
	return mtty_test_device(test, MTTY_MIG_TYPE_FULL, SZ_16K);
}

/* Regions */

struct access {
	const char *name;
	unsigned int index;
	u64 offset;
	size_t len;
	ssize_t ret;
};

/* Of a device with 16 KiB of memory */
static const struct access accesses[] = {
	{ "port 0, all", MTTY_MIG_UART0_BAR, 0, 8, 8 },
	{ "port 0, nothing", MTTY_MIG_UART0_BAR, 3, 0, 0 },
	{ "port 0, beyond the end", MTTY_MIG_UART0_BAR, 7, 4, 1 },
	{ "port 0, at the end", MTTY_MIG_UART0_BAR, 8, 1, -EINVAL },
	{ "port 1, all", MTTY_MIG_UART1_BAR, 0, 8, 8 },
	{ "port 1, far away", MTTY_MIG_UART1_BAR, 1ULL << 39, 1, -EINVAL },
	{ "control, first", MTTY_MIG_CTRL_BAR, 0, 4, 4 },
	{ "control, two", MTTY_MIG_CTRL_BAR, 0, 8, 8 },
	{ "control, all", MTTY_MIG_CTRL_BAR, 0, 0x4000, 0x4000 },
	{ "control, a byte", MTTY_MIG_CTRL_BAR, 0, 1, -EINVAL },
	{ "control, two bytes", MTTY_MIG_CTRL_BAR, 0, 2, -EINVAL },
	{ "control, six bytes", MTTY_MIG_CTRL_BAR, 0, 6, -EINVAL },
	{ "control, unaligned", MTTY_MIG_CTRL_BAR, 2, 4, -EINVAL },
	{ "control, beyond the end", MTTY_MIG_CTRL_BAR, 0x3ffc, 8, 4 },
	{ "control, at the end", MTTY_MIG_CTRL_BAR, 0x4000, 4, -EINVAL },
	{ "BAR 3, the first", 3, 0, 1, -EINVAL },
	{ "memory, all", MTTY_MIG_MEM_BAR, 0, SZ_16K, SZ_16K },
	{ "memory, a byte", MTTY_MIG_MEM_BAR, 4095, 1, 1 },
	{ "memory, across pages", MTTY_MIG_MEM_BAR, 4000, 9000, 9000 },
	{ "memory, beyond the end", MTTY_MIG_MEM_BAR, SZ_16K - 3, 5, 3 },
	{ "memory, at the end", MTTY_MIG_MEM_BAR, SZ_16K, 1, -EINVAL },
	{ "BAR 5, other half of 4", 5, 0, 1, -EINVAL },
	{ "ROM", VFIO_PCI_ROM_REGION_INDEX, 0, 1, -EINVAL },
	{ "config space, all", CONFIG, 0, 256, 256 },
	{ "config space, beyond the end", CONFIG, 250, 16, 6 },
	{ "config space, at the end", CONFIG, 256, 1, -EINVAL },
	{ "VGA", VFIO_PCI_VGA_REGION_INDEX, 0, 1, -EINVAL },
	{ "the next", VFIO_PCI_NUM_REGIONS, 0, 1, -EINVAL },
	{ "the last", (1U << 23) - 1, 0, 1, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(accesses, accesses, name);

static void device_region_read(struct kunit *test)
{
	const struct access *p = test->param_value;
	loff_t begin = MTTY_TEST_REGION(p->index) + p->offset, pos = begin;
	struct mtty_device *mtty = running(test);

	KUNIT_EXPECT_EQ(test, p->ret,
			mtty->vdev.ops->read(&mtty->vdev, mtty_test_user(test),
					     p->len, &pos));
	KUNIT_EXPECT_EQ(test, begin + max_t(ssize_t, p->ret, 0), pos);
}

static void device_region_write(struct kunit *test)
{
	const struct access *p = test->param_value;
	loff_t begin = MTTY_TEST_REGION(p->index) + p->offset, pos = begin;
	struct mtty_device *mtty = running(test);

	KUNIT_ASSERT_EQ(test, 0, clear_user(mtty_test_user(test), p->len));
	KUNIT_EXPECT_EQ(test, p->ret,
			mtty->vdev.ops->write(&mtty->vdev, mtty_test_user(test),
					      p->len, &pos));
	KUNIT_EXPECT_EQ(test, begin + max_t(ssize_t, p->ret, 0), pos);
}

struct region {
	const char *name;
	unsigned int index;
};

static const struct region regions[] = {
	{ "port", MTTY_MIG_UART0_BAR },
	{ "control", MTTY_MIG_CTRL_BAR },
	{ "memory", MTTY_MIG_MEM_BAR },
	{ "config space", CONFIG },
};

KUNIT_ARRAY_PARAM_DESC(regions, regions, name);

static void device_region_bad_buffer(struct kunit *test)
{
	const struct region *p = test->param_value;
	struct mtty_device *mtty = running(test);
	loff_t pos = MTTY_TEST_REGION(p->index);
	void __user *bad = mtty_test_bad_user(test);

	KUNIT_EXPECT_EQ(test, -EFAULT,
			mtty->vdev.ops->read(&mtty->vdev, bad, 4, &pos));
	KUNIT_EXPECT_EQ(test, -EFAULT,
			mtty->vdev.ops->write(&mtty->vdev, bad, 4, &pos));
	KUNIT_EXPECT_EQ(test, MTTY_TEST_REGION(p->index), pos);
}

static void device_region_buffer_that_ends(struct kunit *test)
{
	struct mtty_device *mtty = running(test);
	void __user *buf = mtty_test_bad_user(test) - SZ_8K;
	loff_t begin = MTTY_TEST_REGION(MTTY_MIG_MEM_BAR), pos = begin;

	KUNIT_ASSERT_EQ(test, 0, clear_user(buf, SZ_8K));
	KUNIT_EXPECT_EQ(test, SZ_8K,
			mtty->vdev.ops->write(&mtty->vdev, buf, SZ_16K, &pos));
	KUNIT_EXPECT_EQ(test, begin + SZ_8K, pos);
	pos = begin;
	KUNIT_EXPECT_EQ(test, SZ_8K,
			mtty->vdev.ops->read(&mtty->vdev, buf, SZ_16K, &pos));
	KUNIT_EXPECT_EQ(test, begin + SZ_8K, pos);
}

/* Size of memory */

struct mem_size {
	const char *name;
	u64 size;
	int ret;
};

static const struct mem_size mem_sizes[] = {
	{ "0", 0, 0 },
	{ "1", 1, -EINVAL },
	{ "2 KiB", SZ_2K, -EINVAL },
	{ "4 KiB - 1", SZ_4K - 1, -EINVAL },
	{ "4 KiB", SZ_4K, 0 },
	{ "4 KiB + 1", SZ_4K + 1, -EINVAL },
	{ "8 KiB", SZ_8K, 0 },
	{ "12 KiB", SZ_8K + SZ_4K, -EINVAL },
	{ "1 MiB", SZ_1M, 0 },
	{ "4 GiB", 1ULL << 32, 0 },
	{ "64 GiB", 1ULL << 36, 0 },
	{ "64 GiB + 4 KiB", (1ULL << 36) + SZ_4K, -EINVAL },
	{ "128 GiB", 1ULL << 37, -EINVAL },
	{ "8 EiB", 1ULL << 63, -EINVAL },
	{ "all bits", ~0ULL, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(mem_sizes, mem_sizes, name);

static void device_mem_size(struct kunit *test)
{
	const struct mem_size *p = test->param_value;
	struct mtty_device *mtty = mtty_test_get(test, MTTY_MIG_TYPE_FULL,
						 SZ_64K);
	u64 size = p->ret ? SZ_64K : p->size;
	u8 val = 0x77;

	KUNIT_EXPECT_EQ(test, p->ret, mtty_device_set_mem_size(mtty, p->size));
	mtty_test_open(test, mtty);
	KUNIT_EXPECT_EQ(test, size, mtty->mem->size);
	KUNIT_EXPECT_EQ(test, size, mtty->hw.pci.mem_size);
	/* It is also where the region ends */
	KUNIT_EXPECT_EQ(test, -EINVAL,
			mtty_test_region_write(test, mtty, MTTY_MIG_MEM_BAR,
					       size, &val, 1));
	if (size)
		KUNIT_EXPECT_EQ(test, 1,
				mtty_test_region_write(test, mtty,
						       MTTY_MIG_MEM_BAR,
						       size - 1, &val, 1));
}

static void device_mem_size_while_open(struct kunit *test)
{
	struct mtty_device *mtty = running(test);

	KUNIT_EXPECT_EQ(test, -EBUSY, mtty_device_set_mem_size(mtty, SZ_4K));
	KUNIT_EXPECT_EQ(test, -EINVAL, mtty_device_set_mem_size(mtty, 1));
	KUNIT_EXPECT_EQ(test, SZ_16K, mtty->mem->size);
	mtty_test_close(test, mtty);
	KUNIT_EXPECT_EQ(test, 0, mtty_device_set_mem_size(mtty, SZ_4K));
	KUNIT_EXPECT_EQ(test, SZ_4K, mtty->mem->size);
}

/* ioctls */

static long device_ioctl(struct kunit *test, struct mtty_device *mtty,
			 unsigned int cmd, void *arg, size_t size)
{
	long ret;

	KUNIT_ASSERT_EQ(test, 0, copy_to_user(mtty_test_user(test), arg, size));
	ret = mtty->vdev.ops->ioctl(&mtty->vdev, cmd,
				    (unsigned long)mtty_test_user(test));
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(arg, mtty_test_user(test),
						size));
	return ret;
}

static void device_info(struct kunit *test)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct mtty_device *mtty = running(test);

	KUNIT_EXPECT_EQ(test, 0,
			device_ioctl(test, mtty, VFIO_DEVICE_GET_INFO, &info,
				     sizeof(info)));
	/* A VMM recovers from a failed migration by a reset */
	KUNIT_EXPECT_EQ(test, VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
			info.flags);
	KUNIT_EXPECT_EQ(test, VFIO_PCI_NUM_REGIONS, info.num_regions);
	KUNIT_EXPECT_EQ(test, VFIO_PCI_NUM_IRQS, info.num_irqs);
}

static void device_info_needs_room(struct kunit *test)
{
	struct vfio_device_info info = {};
	struct mtty_device *mtty = running(test);
	u32 minsz = offsetofend(struct vfio_device_info, num_irqs);

	info.argsz = minsz - 1;
	KUNIT_EXPECT_EQ(test, -EINVAL,
			device_ioctl(test, mtty, VFIO_DEVICE_GET_INFO, &info,
				     sizeof(info)));
	/* What is behind the room is somebody else's */
	info.argsz = minsz;
	info.cap_offset = U32_MAX;
	KUNIT_EXPECT_EQ(test, 0,
			device_ioctl(test, mtty, VFIO_DEVICE_GET_INFO, &info,
				     sizeof(info)));
	KUNIT_EXPECT_EQ(test, U32_MAX, info.cap_offset);
	KUNIT_EXPECT_EQ(test, -EFAULT,
			mtty->vdev.ops->ioctl(&mtty->vdev, VFIO_DEVICE_GET_INFO,
					      (unsigned long)
					      mtty_test_bad_user(test)));
}

static void device_irq_info(struct kunit *test)
{
	struct vfio_irq_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
	};
	struct mtty_device *mtty = running(test);

	KUNIT_EXPECT_EQ(test, 0,
			device_ioctl(test, mtty, VFIO_DEVICE_GET_IRQ_INFO,
				     &info, sizeof(info)));
	KUNIT_EXPECT_EQ(test, MTTY_MIG_NR_VECTORS, info.count);
	info.argsz = offsetofend(struct vfio_irq_info, count) - 1;
	KUNIT_EXPECT_EQ(test, -EINVAL,
			device_ioctl(test, mtty, VFIO_DEVICE_GET_IRQ_INFO,
				     &info, sizeof(info)));
	info.argsz = sizeof(info);
	info.index = VFIO_PCI_NUM_IRQS;
	KUNIT_EXPECT_EQ(test, -EINVAL,
			device_ioctl(test, mtty, VFIO_DEVICE_GET_IRQ_INFO,
				     &info, sizeof(info)));
}

struct set_irqs {
	const char *name;
	u32 index;
	u32 start;
	u32 count;
	s32 fd;
	long ret;
};

static const struct set_irqs irq_sets[] = {
	{ "take away", VFIO_PCI_MSI_IRQ_INDEX, 3, 1, -1, 0 },
	{ "closed fd", VFIO_PCI_MSI_IRQ_INDEX, 3, 1, 1000000, -EBADF },
	{ "vector out of range", VFIO_PCI_MSI_IRQ_INDEX, 4, 1, -1, -EINVAL },
	{ "more vectors than there are", VFIO_PCI_MSIX_IRQ_INDEX, 3, 2, -1,
	  -EINVAL },
	{ "overflow", VFIO_PCI_MSIX_IRQ_INDEX, 1, ~0U, -1, -EINVAL },
	{ "index without vectors", VFIO_PCI_ERR_IRQ_INDEX, 0, 1, -1, -EINVAL },
	{ "index out of range", VFIO_PCI_NUM_IRQS, 0, 1, -1, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(irq_sets, irq_sets, name);

static void device_set_irqs(struct kunit *test)
{
	const struct set_irqs *p = test->param_value;
	struct mtty_device *mtty = running(test);
	struct {
		struct vfio_irq_set set;
		s32 fds[2];
	} arg = {
		.set = {
			.argsz = sizeof(arg),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = p->index,
			.start = p->start,
			.count = p->count,
		},
		.fds = { p->fd, p->fd },
	};

	KUNIT_EXPECT_EQ(test, p->ret,
			device_ioctl(test, mtty, VFIO_DEVICE_SET_IRQS, &arg,
				     sizeof(arg)));
}

static void device_unknown_ioctl(struct kunit *test)
{
	struct mtty_device *mtty = running(test);

	KUNIT_EXPECT_EQ(test, -ENOTTY,
			mtty->vdev.ops->ioctl(&mtty->vdev,
					      VFIO_DEVICE_QUERY_GFX_PLANE,
					      (unsigned long)
					      mtty_test_user(test)));
}

/* EINVAL would make a VMM believe that the device is broken */
static void device_unknown_feature(struct kunit *test)
{
	struct mtty_device *mtty = running(test);

	KUNIT_EXPECT_EQ(test, -ENOTTY,
			mtty->vdev.ops->device_feature(&mtty->vdev,
						       0xffff |
						       VFIO_DEVICE_FEATURE_GET,
						       mtty_test_user(test),
						       0));
}

/* And nobody asks the driver of a device without migration */
static void device_without_migration_has_no_features(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_get(test, MTTY_MIG_TYPE_NONE, 0);

	KUNIT_EXPECT_NULL(test, mtty->vdev.ops->device_feature);
}

static struct kunit_case device_cases[] = {
	KUNIT_CASE_PARAM(device_region_read, accesses_gen_params),
	KUNIT_CASE_PARAM(device_region_write, accesses_gen_params),
	KUNIT_CASE_PARAM(device_region_bad_buffer, regions_gen_params),
	KUNIT_CASE(device_region_buffer_that_ends),
	KUNIT_CASE_PARAM(device_mem_size, mem_sizes_gen_params),
	KUNIT_CASE(device_mem_size_while_open),
	KUNIT_CASE(device_info),
	KUNIT_CASE(device_info_needs_room),
	KUNIT_CASE(device_irq_info),
	KUNIT_CASE_PARAM(device_set_irqs, irq_sets_gen_params),
	KUNIT_CASE(device_unknown_ioctl),
	KUNIT_CASE(device_unknown_feature),
	KUNIT_CASE(device_without_migration_has_no_features),
	{}
};

static struct kunit_suite device_suite = {
	.name = "mtty_mig_device",
	.test_cases = device_cases,
};

kunit_test_suite(device_suite);
