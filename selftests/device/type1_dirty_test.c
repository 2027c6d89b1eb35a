// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty bitmap that a type1 container keeps of user memory
 * (VFIO_IOMMU_DIRTY_PAGES), against the ground truth: what the engine was told
 * to write.
 *
 * A VMM that knows no DMA logging of devices asks this.  The device writes by
 * way of the IOMMU driver, vfio_dma_rw(), so that driver knows each page; and
 * a device that cannot write by itself makes no other page dirty.
 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/vfio_dma.h"
#include "lib/dma.h"

#define PAGE		0x1000ULL
#define BASE		0x40000000ULL
#define PAGES		192ULL
#define SIZE		(PAGES * PAGE)
#define WORDS		(PAGES / 64)

/* Another mapping, not next to the first */
#define BASE_2		0x80000000ULL
#define PAGES_2		64ULL
#define SIZE_2		(PAGES_2 * PAGE)

FIXTURE(type1)
{
	struct mtty mtty;
	struct vfio_buf buf;
	struct vfio_buf buf_2;
	__u64 expected[WORDS];
	__u64 bitmap[WORDS];
};

static int tracking(struct mtty *mtty, __u32 flag)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = {
		.argsz = sizeof(dirty),
		.flags = flag,
	};

	return do_ioctl(mtty->dev.iommu_fd, VFIO_IOMMU_DIRTY_PAGES, &dirty);
}

static int start(struct mtty *mtty)
{
	return tracking(mtty, VFIO_IOMMU_DIRTY_PAGES_FLAG_START);
}

static int stop(struct mtty *mtty)
{
	return tracking(mtty, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
}

static int get_bitmap(struct mtty *mtty, const struct vfio_buf *buf,
		      __u64 *bitmap)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap dirty;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} arg = {
		.dirty = {
			.argsz = sizeof(arg),
			.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
		},
		.get = {
			.iova = buf->iova,
			.size = buf->len,
			.bitmap = {
				.pgsize = PAGE,
				.size = buf->len / PAGE / 8,
				.data = (void *)bitmap,
			},
		},
	};

	return do_ioctl(mtty->dev.iommu_fd, VFIO_IOMMU_DIRTY_PAGES, &arg);
}

/* What unmaps, tells what was dirty for the last time */
static int unmap_dirty(struct mtty *mtty, const struct vfio_buf *buf,
		       __u64 *bitmap)
{
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} arg = {
		.unmap = {
			.argsz = sizeof(arg),
			.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			.iova = buf->iova,
			.size = buf->len,
		},
		.bitmap = {
			.pgsize = PAGE,
			.size = buf->len / PAGE / 8,
			.data = (void *)bitmap,
		},
	};

	return do_ioctl(mtty->dev.iommu_fd, VFIO_IOMMU_UNMAP_DMA, &arg);
}

/* NULL, or why there is no such bitmap */
static const char *open_by_type1(struct mtty *mtty)
{
	static char why[128];
	int ret;

	if (!mtty_available())
		return "there is no mtty_mig driver";
	if (sysconf(_SC_PAGESIZE) != PAGE)
		return "type1 tells of this machine's pages, not of 4 KiB";
	mtty_new(mtty, "full", 4 * PAGE);
	vfio_dev_close(&mtty->dev);
	ret = __vfio_dev_open(&mtty->dev, mtty->mdev.uuid,
			      VFIO_WAY_GROUP_TYPE1);
	if (!ret) {
		ret = start(mtty);
		stop(mtty);
	}
	if (!ret)
		return NULL;
	mtty_remove_all();
	snprintf(why, sizeof(why), "there is no type1 here, or it keeps no bitmap: %s",
		 strerror(-ret));
	return why;
}

FIXTURE_SETUP(type1)
{
	const char *why = open_by_type1(&self->mtty);

	if (why)
		SKIP(return, "%s", why);
	vfio_buf_new(&self->mtty.dev, &self->buf, BASE, SIZE, true);
	vfio_buf_new(&self->mtty.dev, &self->buf_2, BASE_2, SIZE_2, true);
}

FIXTURE_TEARDOWN(type1)
{
	mtty_remove_all();
}

static void fill(struct __test_metadata *_metadata, struct mtty *mtty,
		 __u64 iova, __u64 len)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = iova, .len = len,
	};

	ASSERT_EQ(MTTY_MIG_DMA_COMPLETE, dma_run(mtty, 0, &t));
}

/* The bits that a write of [iova, iova + len) sets in the bitmap of a buffer */
static void expect_write(__u64 *expected, const struct vfio_buf *buf,
			 __u64 iova, __u64 len)
{
	__u64 first = (iova - buf->iova) / PAGE;
	__u64 last = (iova + len - 1 - buf->iova) / PAGE;

	for (; first <= last; first++)
		expected[first / 64] |= 1ULL << (first % 64);
}

/* Exactly those pages, and with that they are forgotten */
static void expect_bitmap(struct __test_metadata *_metadata,
			  struct _test_data_type1 *self)
{
	/* All of it is to be written, not only what is dirty */
	memset(self->bitmap, 0xa5, sizeof(self->bitmap));
	EXPECT_EQ(0, get_bitmap(&self->mtty, &self->buf, self->bitmap));
	EXPECT_EQ(0, memcmp(self->expected, self->bitmap,
			    sizeof(self->bitmap)));
	memset(self->expected, 0, sizeof(self->expected));
}

TEST_F(type1, bitmap_is_what_the_engine_wrote)
{
	__u64 seed = 42;
	unsigned int i;

	ASSERT_EQ(0, start(&self->mtty));
	expect_bitmap(_metadata, self);
	for (i = 0; i < 20; i++) {
		__u64 iova = BASE + mtty_random(&seed) % (SIZE - 5 * PAGE);
		__u64 len = 1 + mtty_random(&seed) % (4 * PAGE);

		fill(_metadata, &self->mtty, iova, len);
		expect_write(self->expected, &self->buf, iova, len);
	}
	expect_bitmap(_metadata, self);
}

TEST_F(type1, bitmap_has_first_and_last_byte)
{
	ASSERT_EQ(0, start(&self->mtty));
	fill(_metadata, &self->mtty, BASE, 1);
	fill(_metadata, &self->mtty, BASE + SIZE - 1, 1);
	expect_write(self->expected, &self->buf, BASE, 1);
	expect_write(self->expected, &self->buf, BASE + SIZE - 1, 1);
	expect_bitmap(_metadata, self);
}

TEST_F(type1, bitmap_is_cleared_by_asking)
{
	ASSERT_EQ(0, start(&self->mtty));
	fill(_metadata, &self->mtty, BASE + PAGE, 2 * PAGE);
	expect_write(self->expected, &self->buf, BASE + PAGE, 2 * PAGE);
	expect_bitmap(_metadata, self);
	expect_bitmap(_metadata, self);
	/* And what is written again is told again, and no other page */
	fill(_metadata, &self->mtty, BASE + PAGE, 1);
	expect_write(self->expected, &self->buf, BASE + PAGE, 1);
	expect_bitmap(_metadata, self);
	expect_bitmap(_metadata, self);
}

TEST_F(type1, asking_of_one_mapping_leaves_the_other)
{
	__u64 bits = 0;

	ASSERT_EQ(0, start(&self->mtty));
	fill(_metadata, &self->mtty, BASE_2 + 5 * PAGE, PAGE);
	expect_bitmap(_metadata, self);
	EXPECT_EQ(0, get_bitmap(&self->mtty, &self->buf_2, &bits));
	EXPECT_EQ(1ULL << 5, bits);
	EXPECT_EQ(0, get_bitmap(&self->mtty, &self->buf_2, &bits));
	EXPECT_EQ(0, bits);
}

TEST_F(type1, bitmap_has_what_is_copied_and_not_what_is_read)
{
	const struct dma_transfer copy = {
		.cmd = MTTY_MIG_DMA_OP_COPY,
		.src = BASE, .dst = BASE + 10 * PAGE, .len = 2 * PAGE,
	};
	const struct dma_transfer read = {
		.cmd = MTTY_MIG_DMA_OP_READ,
		.src = BASE + 20 * PAGE, .dst = 0, .len = 4 * PAGE,
	};
	const struct dma_transfer write = {
		.cmd = MTTY_MIG_DMA_OP_WRITE,
		.src = 0, .dst = BASE + 30 * PAGE, .len = 3 * PAGE,
	};

	ASSERT_EQ(0, start(&self->mtty));
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_run(&self->mtty, 0, &copy));
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_run(&self->mtty, 0, &read));
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_run(&self->mtty, 1, &write));
	expect_write(self->expected, &self->buf, copy.dst, copy.len);
	expect_write(self->expected, &self->buf, write.dst, write.len);
	expect_bitmap(_metadata, self);
}

/* In pre-copy the device goes on to write; in STOP it does not */
TEST_F(type1, bitmap_goes_with_a_migration)
{
	ASSERT_EQ(0, start(&self->mtty));
	vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_PRE_COPY);
	fill(_metadata, &self->mtty, BASE + 7 * PAGE, PAGE);
	expect_write(self->expected, &self->buf, BASE + 7 * PAGE, PAGE);
	expect_bitmap(_metadata, self);
	fill(_metadata, &self->mtty, BASE + 8 * PAGE, PAGE);
	vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_STOP_COPY);
	expect_write(self->expected, &self->buf, BASE + 8 * PAGE, PAGE);
	expect_bitmap(_metadata, self);
	expect_bitmap(_metadata, self);
}

TEST_F(type1, unmap_tells_what_is_dirty)
{
	__u64 bits = ~0ULL;

	ASSERT_EQ(0, start(&self->mtty));
	fill(_metadata, &self->mtty, BASE_2, 1);
	fill(_metadata, &self->mtty, BASE_2 + SIZE_2 - PAGE, PAGE);
	EXPECT_EQ(0, unmap_dirty(&self->mtty, &self->buf_2, &bits));
	EXPECT_EQ(1ULL | 1ULL << (PAGES_2 - 1), bits);
	expect_bitmap(_metadata, self);
}

/* A VMM that hot-plugs memory during a migration */
TEST_F(type1, bitmap_has_what_is_mapped_later)
{
	struct vfio_buf later;
	__u64 bits = 0;

	ASSERT_EQ(0, start(&self->mtty));
	vfio_buf_new(&self->mtty.dev, &later, 2 * BASE_2, SIZE_2, true);
	fill(_metadata, &self->mtty, later.iova + PAGE, PAGE);
	EXPECT_EQ(0, get_bitmap(&self->mtty, &later, &bits));
	EXPECT_EQ(1ULL << 1, bits);
}

/* A write that fails half way has dirtied what it reached */
TEST_F(type1, bitmap_has_a_failed_write)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = BASE + SIZE - 2 * PAGE, .len = 4 * PAGE,
	};

	ASSERT_EQ(0, start(&self->mtty));
	EXPECT_EQ(MTTY_MIG_DMA_ERROR, dma_run(&self->mtty, 0, &t));
	expect_write(self->expected, &self->buf, t.dst, 2 * PAGE);
	expect_bitmap(_metadata, self);
}

TEST_F(type1, bitmap_is_there_from_START_to_STOP)
{
	EXPECT_EQ(-EINVAL, get_bitmap(&self->mtty, &self->buf, self->bitmap));
	fill(_metadata, &self->mtty, BASE, PAGE);
	ASSERT_EQ(0, start(&self->mtty));
	/* It does not tell of what was before */
	expect_bitmap(_metadata, self);
	fill(_metadata, &self->mtty, BASE, PAGE);
	EXPECT_EQ(0, stop(&self->mtty));
	EXPECT_EQ(-EINVAL, get_bitmap(&self->mtty, &self->buf, self->bitmap));
	ASSERT_EQ(0, start(&self->mtty));
	expect_bitmap(_metadata, self);
}

/* The container's, not the device's */
TEST_F(type1, bitmap_survives_a_reset)
{
	ASSERT_EQ(0, start(&self->mtty));
	fill(_metadata, &self->mtty, BASE + 3 * PAGE, PAGE);
	vfio_dev_reset(&self->mtty.dev);
	fill(_metadata, &self->mtty, BASE + 4 * PAGE, PAGE);
	expect_write(self->expected, &self->buf, BASE + 3 * PAGE, 2 * PAGE);
	expect_bitmap(_metadata, self);
}

TEST_HARNESS_MAIN
