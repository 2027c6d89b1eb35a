/* SPDX-License-Identifier: GPL-2.0-only */
/* DMA of a VFIO device: what its IOVAs lead to, and the log of its writes. */
#ifndef SELFTESTS_LIB_VFIO_DMA_H
#define SELFTESTS_LIB_VFIO_DMA_H

#include <stdbool.h>
#include <stddef.h>

#include "vfio_dev.h"

/**
 * struct vfio_buf - memory that a device can reach
 * @addr: where the process sees it
 * @iova: where the device sees it
 * @len: bytes
 */
struct vfio_buf {
	__u8 *addr;
	__u64 iova;
	size_t len;
};

int __vfio_dma_map(struct vfio_dev *dev, void *addr, __u64 iova, size_t len,
		   bool writable);
int __vfio_dma_unmap(struct vfio_dev *dev, __u64 iova, size_t len);
void vfio_buf_new(struct vfio_dev *dev, struct vfio_buf *buf, __u64 iova,
		  size_t len, bool writable);
void vfio_buf_unmap(struct vfio_dev *dev, struct vfio_buf *buf);

int __hwpt_new(struct vfio_dev *dev, __u32 flags, __u32 *hwpt);
int __hwpt_attach(struct vfio_dev *dev, __u32 pt);
int __hwpt_free(struct vfio_dev *dev, __u32 hwpt);
int __hwpt_track(struct vfio_dev *dev, __u32 hwpt, bool on);
int __hwpt_dirty(struct vfio_dev *dev, __u32 hwpt, __u32 flags, __u64 iova,
		 __u64 len, __u64 page_size, __u64 *bitmap);

int __dma_log_start(struct vfio_dev *dev,
		    const struct vfio_device_feature_dma_logging_range *ranges,
		    __u32 count, __u64 *page_size);
int __dma_log_stop(struct vfio_dev *dev);
int __dma_log_report(struct vfio_dev *dev, __u64 iova, __u64 len,
		     __u64 page_size, __u64 *bitmap);

#endif /* SELFTESTS_LIB_VFIO_DMA_H */
