/* SPDX-License-Identifier: GPL-2.0-only */
/* A VFIO device: ways in, regions, interrupts, reset. */
#ifndef SELFTESTS_LIB_VFIO_DEV_H
#define SELFTESTS_LIB_VFIO_DEV_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/vfio.h>
#include <sys/types.h>

/**
 * enum vfio_way - how a device and its IOMMU are opened
 * @VFIO_WAY_CDEV: /dev/vfio/devices/vfioN, bound to an iommufd
 * @VFIO_WAY_GROUP_TYPE1: /dev/vfio/N in a type1 container
 * @VFIO_WAY_GROUP_IOMMUFD: /dev/vfio/N, with an iommufd for a container
 * @VFIO_NR_WAYS: how many there are
 */
enum vfio_way {
	VFIO_WAY_CDEV,
	VFIO_WAY_GROUP_TYPE1,
	VFIO_WAY_GROUP_IOMMUFD,
	VFIO_NR_WAYS
};

/**
 * struct vfio_dev - an open device
 * @fd: the device
 * @group_fd: its group, -1 where the way in needs none
 * @iommu_fd: iommufd or container
 * @ioas_id: its address space in @iommu_fd, cdev only
 * @dev_id: its number in @iommu_fd, cdev only
 * @way: how it was opened
 * @arcs: its slot in arcs.c, or 0
 * @node: path of its character device or group, for messages
 * @info: answer of VFIO_DEVICE_GET_INFO
 * @regions: answers of VFIO_DEVICE_GET_REGION_INFO so far; argsz is 0 where
 *	nobody asked yet
 */
struct vfio_dev {
	int fd;
	int group_fd;
	int iommu_fd;
	__u32 ioas_id;
	__u32 dev_id;
	enum vfio_way way;
	int arcs;
	char node[64];
	struct vfio_device_info info;
	struct vfio_region_info regions[VFIO_PCI_NUM_REGIONS];
};

const char *vfio_way_name(enum vfio_way way);
enum vfio_way vfio_way_from_env(void);

int do_ioctl(int fd, unsigned long cmd, void *arg);

int __vfio_dev_sysfs(const char *name, char *path);
int __vfio_dev_open(struct vfio_dev *dev, const char *name, enum vfio_way way);
void vfio_dev_open(struct vfio_dev *dev, const char *name);
void vfio_dev_close(struct vfio_dev *dev);

bool vfio_dev_can_reset(const struct vfio_dev *dev);
int __vfio_dev_reset(struct vfio_dev *dev);
void vfio_dev_reset(struct vfio_dev *dev);

int __vfio_region_info(struct vfio_dev *dev, __u32 index,
		       struct vfio_region_info *info);
void vfio_region_info(struct vfio_dev *dev, __u32 index,
		      struct vfio_region_info *info);
ssize_t __vfio_region_read(struct vfio_dev *dev, __u32 index, __u64 offset,
			   void *buf, size_t len);
void vfio_region_read(struct vfio_dev *dev, __u32 index, __u64 offset,
		      void *buf, size_t len);
ssize_t __vfio_region_write(struct vfio_dev *dev, __u32 index, __u64 offset,
			    const void *buf, size_t len);
void vfio_region_write(struct vfio_dev *dev, __u32 index, __u64 offset,
		       const void *buf, size_t len);
__u8 vfio_region_read8(struct vfio_dev *dev, __u32 index, __u64 offset);
__u16 vfio_region_read16(struct vfio_dev *dev, __u32 index, __u64 offset);
__u32 vfio_region_read32(struct vfio_dev *dev, __u32 index, __u64 offset);
void vfio_region_write8(struct vfio_dev *dev, __u32 index, __u64 offset,
			__u8 val);
void vfio_region_write16(struct vfio_dev *dev, __u32 index, __u64 offset,
			 __u16 val);
void vfio_region_write32(struct vfio_dev *dev, __u32 index, __u64 offset,
			 __u32 val);

int __vfio_irq_info(struct vfio_dev *dev, __u32 index,
		    struct vfio_irq_info *info);
void vfio_irq_info(struct vfio_dev *dev, __u32 index,
		   struct vfio_irq_info *info);
int __vfio_irq_set(struct vfio_dev *dev, __u32 index, __u32 flags, __u32 start,
		   __u32 count, const void *data, size_t len);
int __vfio_irq_eventfds(struct vfio_dev *dev, __u32 index, __u32 start,
			__u32 count, const int *eventfds);
void vfio_irq_eventfds(struct vfio_dev *dev, __u32 index, __u32 start,
		       __u32 count, const int *eventfds);
int __vfio_irq_action(struct vfio_dev *dev, __u32 index, __u32 action,
		      __u32 start, __u32 count);
void vfio_irq_action(struct vfio_dev *dev, __u32 index, __u32 action,
		     __u32 start, __u32 count);
void vfio_irq_disable(struct vfio_dev *dev, __u32 index);

int eventfd_new(void);
__u64 eventfd_take(int fd);

#endif /* SELFTESTS_LIB_VFIO_DEV_H */
