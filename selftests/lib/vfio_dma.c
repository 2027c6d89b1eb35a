// SPDX-License-Identifier: GPL-2.0-only
/* DMA of a VFIO device: what its IOVAs lead to, and the log of its writes. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <linux/iommufd.h>

#include "check.h"
#include "vfio_dma.h"
#include "vfio_mig.h"

/**
 * __vfio_dma_map - let a device reach memory of this process
 * @dev: the device
 * @addr: the memory, whole pages
 * @iova: where the device shall see it
 * @len: bytes, whole pages
 * @writable: whether it may write there
 *
 * Return: 0 or -errno.
 */
int __vfio_dma_map(struct vfio_dev *dev, void *addr, __u64 iova, size_t len,
		   bool writable)
{
	struct iommu_ioas_map ioas_map = {
		.size = sizeof(ioas_map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 (writable ? IOMMU_IOAS_MAP_WRITEABLE : 0),
		.ioas_id = dev->ioas_id,
		.user_va = (uintptr_t)addr,
		.length = len,
		.iova = iova,
	};
	struct vfio_iommu_type1_dma_map type1_map = {
		.argsz = sizeof(type1_map),
		.flags = VFIO_DMA_MAP_FLAG_READ |
			 (writable ? VFIO_DMA_MAP_FLAG_WRITE : 0),
		.vaddr = (uintptr_t)addr,
		.iova = iova,
		.size = len,
	};

	if (dev->way == VFIO_WAY_CDEV)
		return do_ioctl(dev->iommu_fd, IOMMU_IOAS_MAP, &ioas_map);
	return do_ioctl(dev->iommu_fd, VFIO_IOMMU_MAP_DMA, &type1_map);
}

/**
 * __vfio_dma_unmap - undo __vfio_dma_map()
 * @dev: the device
 * @iova: where it saw the memory
 * @len: bytes
 *
 * Return: 0 or -errno.
 */
int __vfio_dma_unmap(struct vfio_dev *dev, __u64 iova, size_t len)
{
	struct iommu_ioas_unmap ioas_unmap = {
		.size = sizeof(ioas_unmap),
		.ioas_id = dev->ioas_id,
		.iova = iova,
		.length = len,
	};
	struct vfio_iommu_type1_dma_unmap type1_unmap = {
		.argsz = sizeof(type1_unmap),
		.iova = iova,
		.size = len,
	};

	if (dev->way == VFIO_WAY_CDEV)
		return do_ioctl(dev->iommu_fd, IOMMU_IOAS_UNMAP, &ioas_unmap);
	return do_ioctl(dev->iommu_fd, VFIO_IOMMU_UNMAP_DMA, &type1_unmap);
}

/**
 * vfio_buf_new - memory that a device can reach, or end the process
 * @dev: the device
 * @buf: filled in
 * @iova: where the device shall see it
 * @len: bytes, whole pages
 * @writable: whether it may write there
 */
void vfio_buf_new(struct vfio_dev *dev, struct vfio_buf *buf, __u64 iova,
		  size_t len, bool writable)
{
	buf->addr = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buf->addr == MAP_FAILED)
		die("no memory");
	buf->iova = iova;
	buf->len = len;
	must(__vfio_dma_map(dev, buf->addr, iova, len, writable));
}

/**
 * vfio_buf_unmap - take memory from a device, or end the process
 * @dev: the device
 * @buf: the memory; the process still sees it
 */
void vfio_buf_unmap(struct vfio_dev *dev, struct vfio_buf *buf)
{
	must(__vfio_dma_unmap(dev, buf->iova, buf->len));
}

/**
 * __hwpt_new - make an I/O page table of a device's address space
 * @dev: the device, opened by its character device
 * @flags: IOMMU_HWPT_ALLOC_*
 * @hwpt: set to its number
 *
 * Return: 0 or -errno.
 */
int __hwpt_new(struct vfio_dev *dev, __u32 flags, __u32 *hwpt)
{
	struct iommu_hwpt_alloc alloc = {
		.size = sizeof(alloc),
		.flags = flags,
		.dev_id = dev->dev_id,
		.pt_id = dev->ioas_id,
	};
	int ret = do_ioctl(dev->iommu_fd, IOMMU_HWPT_ALLOC, &alloc);

	*hwpt = alloc.out_hwpt_id;
	return ret;
}

/**
 * __hwpt_attach - let a device use another page table
 * @dev: the device, opened by its character device
 * @pt: the page table, or the address space
 *
 * Return: 0 or -errno.
 */
int __hwpt_attach(struct vfio_dev *dev, __u32 pt)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = pt,
	};

	return do_ioctl(dev->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
}

/**
 * __hwpt_free - free a page table
 * @dev: the device, opened by its character device
 * @hwpt: the page table, which no device uses
 *
 * Return: 0 or -errno.
 */
int __hwpt_free(struct vfio_dev *dev, __u32 hwpt)
{
	struct iommu_destroy destroy = { .size = sizeof(destroy), .id = hwpt };

	return do_ioctl(dev->iommu_fd, IOMMU_DESTROY, &destroy);
}

/**
 * __hwpt_track - switch dirty tracking of a page table on or off
 * @dev: the device, opened by its character device
 * @hwpt: the page table
 * @on: which
 *
 * Return: 0 or -errno.
 */
int __hwpt_track(struct vfio_dev *dev, __u32 hwpt, bool on)
{
	struct iommu_hwpt_set_dirty_tracking track = {
		.size = sizeof(track),
		.flags = on ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0,
		.hwpt_id = hwpt,
	};

	return do_ioctl(dev->iommu_fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &track);
}

/**
 * __hwpt_dirty - which pages were written to by way of a page table
 * @dev: the device, opened by its character device
 * @hwpt: the page table
 * @flags: IOMMU_HWPT_GET_DIRTY_BITMAP_*
 * @iova: where to begin
 * @len: bytes
 * @page_size: what a bit stands for
 * @bitmap: bits are set, none is cleared
 *
 * Return: 0 or -errno.
 */
int __hwpt_dirty(struct vfio_dev *dev, __u32 hwpt, __u32 flags, __u64 iova,
		 __u64 len, __u64 page_size, __u64 *bitmap)
{
	struct iommu_hwpt_get_dirty_bitmap get = {
		.size = sizeof(get),
		.hwpt_id = hwpt,
		.flags = flags,
		.iova = iova,
		.length = len,
		.page_size = page_size,
		.data = (uintptr_t)bitmap,
	};

	return do_ioctl(dev->iommu_fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &get);
}

/**
 * __dma_log_start - VFIO_DEVICE_FEATURE_DMA_LOGGING_START
 * @dev: the device
 * @ranges: what to log
 * @count: how many ranges
 * @page_size: wanted page size in bytes; set to the one that the device chose
 *
 * Return: 0 or -errno.
 */
int __dma_log_start(struct vfio_dev *dev,
		    const struct vfio_device_feature_dma_logging_range *ranges,
		    __u32 count, __u64 *page_size)
{
	struct vfio_device_feature_dma_logging_control control = {
		.page_size = *page_size,
		.num_ranges = count,
		.ranges = (uintptr_t)ranges,
	};
	int ret;

	ret = __vfio_feature(dev, VFIO_DEVICE_FEATURE_SET |
			     VFIO_DEVICE_FEATURE_DMA_LOGGING_START, &control,
			     sizeof(control));
	if (!ret)
		*page_size = control.page_size;
	return ret;
}

/**
 * __dma_log_stop - VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP
 * @dev: the device
 *
 * Return: 0 or -errno.
 */
int __dma_log_stop(struct vfio_dev *dev)
{
	return __vfio_feature(dev, VFIO_DEVICE_FEATURE_SET |
			      VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, NULL, 0);
}

/**
 * __dma_log_report - VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT
 * @dev: the device
 * @iova: start of the range to report
 * @len: its bytes
 * @page_size: bytes that a bit stands for
 * @bitmap: bits are set, none is cleared
 *
 * Return: 0 or -errno.
 */
int __dma_log_report(struct vfio_dev *dev, __u64 iova, __u64 len,
		     __u64 page_size, __u64 *bitmap)
{
	struct vfio_device_feature_dma_logging_report report = {
		.iova = iova,
		.length = len,
		.page_size = page_size,
		.bitmap = (uintptr_t)bitmap,
	};

	return __vfio_feature(dev, VFIO_DEVICE_FEATURE_GET |
			      VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, &report,
			      sizeof(report));
}
