// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces that the device is attached to, as its DMA sees them.
 *
 * generic/attach_test sees which one a device has; this sees where it writes.
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/iommufd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/vfio_dma.h"
#include "lib/dma.h"

#define PAGE		((__u64)MTTY_MIG_PAGE_SIZE)
#define IOVA		0x40000000ULL
#define COMPLETE	MTTY_MIG_DMA_COMPLETE
#define FAILED		MTTY_MIG_DMA_ERROR

/* An object that there is not */
#define NOBODY		0x7ffffffe

FIXTURE(ioas)
{
	struct mtty mtty;
	struct vfio_dev *dev;
	struct vfio_buf buf;
};

FIXTURE_SETUP(ioas)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "full", PAGE);
	self->dev = &self->mtty.dev;
	if (self->dev->way != VFIO_WAY_CDEV) {
		/* The harness tears nothing down after that */
		mtty_remove_all();
		SKIP(return, "only a device node is attached to an address space");
	}
	vfio_buf_new(self->dev, &self->buf, IOVA, PAGE, true);
}

FIXTURE_TEARDOWN(ioas)
{
	mtty_remove_all();
}

/* The device fills a page; how that ended */
static __u32 write_page(struct mtty *mtty, __u64 iova, __u8 byte)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = byte * 0x01010101U,
		.dst = iova, .len = PAGE,
	};

	return dma_run(mtty, 0, &t);
}

static __u32 read_page(struct mtty *mtty, __u64 iova)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_READ, .src = iova, .dst = 0, .len = PAGE,
	};

	return dma_run(mtty, 0, &t);
}

static bool holds(const struct vfio_buf *buf, __u8 byte)
{
	size_t i;

	for (i = 0; i < buf->len && buf->addr[i] == byte; i++)
		;
	return i == buf->len;
}

static __u32 ioas_new(struct vfio_dev *dev)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	must(do_ioctl(dev->iommu_fd, IOMMU_IOAS_ALLOC, &alloc));
	return alloc.out_ioas_id;
}

static int detach(struct vfio_dev *dev)
{
	struct vfio_device_detach_iommufd_pt arg = { .argsz = sizeof(arg) };

	return do_ioctl(dev->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg);
}

/* One IOVA, and what is behind it changes under the device */
TEST_F(ioas, device_writes_to_the_address_space_that_it_has)
{
	__u32 first = self->dev->ioas_id;
	struct vfio_buf other;

	self->dev->ioas_id = ioas_new(self->dev);
	vfio_buf_new(self->dev, &other, IOVA, PAGE, true);
	EXPECT_EQ(COMPLETE, write_page(&self->mtty, IOVA, 1));
	EXPECT_TRUE(holds(&self->buf, 1));
	EXPECT_TRUE(holds(&other, 0));

	must(__hwpt_attach(self->dev, self->dev->ioas_id));
	EXPECT_EQ(COMPLETE, write_page(&self->mtty, IOVA, 2));
	EXPECT_TRUE(holds(&self->buf, 1));
	EXPECT_TRUE(holds(&other, 2));

	must(__hwpt_attach(self->dev, first));
	EXPECT_EQ(COMPLETE, write_page(&self->mtty, IOVA, 3));
	EXPECT_TRUE(holds(&self->buf, 3));
	EXPECT_TRUE(holds(&other, 2));
}

/* "After it, the device should be in a blocking DMA state." */
TEST_F(ioas, device_writes_nothing_after_DETACH)
{
	must(detach(self->dev));
	EXPECT_EQ(FAILED, write_page(&self->mtty, IOVA, 1));
	EXPECT_TRUE(holds(&self->buf, 0));
	must(__hwpt_attach(self->dev, self->dev->ioas_id));
	EXPECT_EQ(COMPLETE, write_page(&self->mtty, IOVA, 2));
	EXPECT_TRUE(holds(&self->buf, 2));
}

TEST_F(ioas, device_keeps_its_address_space_when_ATTACH_fails)
{
	EXPECT_GT(0, __hwpt_attach(self->dev, NOBODY));
	EXPECT_GT(0, __hwpt_attach(self->dev, self->dev->dev_id));
	EXPECT_EQ(COMPLETE, write_page(&self->mtty, IOVA, 1));
	EXPECT_TRUE(holds(&self->buf, 1));
}

/* MAP of a page with these permissions, behind the first one */
static int map_as(struct vfio_dev *dev, void *mem, __u32 flags)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | flags,
		.ioas_id = dev->ioas_id,
		.user_va = (uintptr_t)mem,
		.length = PAGE,
		.iova = IOVA + PAGE,
	};

	return do_ioctl(dev->iommu_fd, IOMMU_IOAS_MAP, &map);
}

TEST_F(ioas, device_does_not_read_what_is_write_only)
{
	must(map_as(self->dev, self->buf.addr, IOMMU_IOAS_MAP_WRITEABLE));
	EXPECT_EQ(FAILED, read_page(&self->mtty, IOVA + PAGE));
	EXPECT_EQ(COMPLETE, write_page(&self->mtty, IOVA + PAGE, 1));
	EXPECT_TRUE(holds(&self->buf, 1));
}

/* The memory may be written to, and by another IOVA it is */
TEST_F(ioas, device_does_not_write_to_a_copy_that_is_read_only)
{
	struct iommu_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
		.dst_ioas_id = self->dev->ioas_id,
		.src_ioas_id = self->dev->ioas_id,
		.length = PAGE,
		.dst_iova = IOVA + PAGE,
		.src_iova = IOVA,
	};

	must(do_ioctl(self->dev->iommu_fd, IOMMU_IOAS_COPY, &copy));
	EXPECT_EQ(FAILED, write_page(&self->mtty, IOVA + PAGE, 1));
	EXPECT_TRUE(holds(&self->buf, 0));
	EXPECT_EQ(COMPLETE, read_page(&self->mtty, IOVA + PAGE));
	EXPECT_EQ(COMPLETE, write_page(&self->mtty, IOVA, 2));
	EXPECT_TRUE(holds(&self->buf, 2));
}

/* A process gives this memory to the device, lets it write there, and is gone */
static void write_as_child(struct mtty *mtty, int memfd)
{
	void *mem = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd,
			 0);

	if (mem == MAP_FAILED)
		die("no memory");
	vfio_dev_open(&mtty->dev, mtty->mdev.uuid);
	must(__vfio_dma_map(&mtty->dev, mem, IOVA, PAGE, true));
	_exit(write_page(mtty, IOVA, 1) != COMPLETE);
}

/* A file that is mapped somewhere for writing cannot be sealed against that */
TEST_F(ioas, memory_of_a_process_goes_with_it)
{
	int memfd = memfd_create("dma", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	unsigned int i;
	__u8 byte = 0;
	int status;
	pid_t pid;

	ASSERT_LE(0, memfd);
	ASSERT_EQ(0, ftruncate(memfd, PAGE));
	vfio_dev_close(self->dev);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		write_as_child(&self->mtty, memfd);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ(1, pread(memfd, &byte, 1, 0));
	EXPECT_EQ(1, byte);
	/* Whoever was looking at the process may hold it a little longer */
	for (i = 0; i < 100 && fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE); i++)
		usleep(10000);
	EXPECT_TRUE(fcntl(memfd, F_GET_SEALS) & F_SEAL_WRITE);
	close(memfd);
}

TEST_HARNESS_MAIN
