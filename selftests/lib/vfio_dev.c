// SPDX-License-Identifier: GPL-2.0-only
/* A VFIO device: ways in, regions, interrupts, reset. */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/iommufd.h>

#include "arcs.h"
#include "check.h"
#include "vfio_dev.h"

/**
 * do_ioctl - ioctl() as the kernel returns it
 * @fd: of a device, a group, a container or an iommufd
 * @cmd: the request
 * @arg: its argument
 *
 * Return: 0 or -errno.
 */
int do_ioctl(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? -errno : 0;
}

static int open_node(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/**
 * __vfio_dev_sysfs - where sysfs keeps a device
 * @name: UUID of a mediated device, PCI address, or the path of a character
 *	device in /dev/vfio/devices
 * @path: set to the device's folder; PATH_MAX bytes
 *
 * Return: 0, or -ENODEV if there is no such device.
 */
int __vfio_dev_sysfs(const char *name, char *path)
{
	static const char * const places[] = {
		"/sys/bus/mdev/devices/%s",
		"/sys/bus/pci/devices/%s",
		"/sys/class/vfio-dev/%s/device",
	};
	const char *base = strrchr(name, '/');
	char link[PATH_MAX];
	unsigned int i;

	base = base ? base + 1 : name;
	for (i = 0; i < ARRAY_LEN(places); i++) {
		snprintf(link, sizeof(link), places[i], base);
		if (realpath(link, path))
			return 0;
	}
	return -ENODEV;
}

static int find_cdev(const char *sysfs, char *node, size_t size)
{
	char path[PATH_MAX + sizeof("/vfio-dev")];
	struct dirent *entry;
	int ret = -ENOENT;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/vfio-dev", sysfs);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4))
			continue;
		snprintf(node, size, "/dev/vfio/devices/%.32s", entry->d_name);
		ret = 0;
		break;
	}
	closedir(dir);
	return ret;
}

static int open_cdev(struct vfio_dev *dev, const char *sysfs)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
	};
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int ret;

	ret = find_cdev(sysfs, dev->node, sizeof(dev->node));
	if (ret)
		return ret;
	dev->fd = open_node(dev->node);
	if (dev->fd < 0)
		return dev->fd;
	dev->iommu_fd = open_node("/dev/iommu");
	if (dev->iommu_fd < 0)
		return dev->iommu_fd;

	bind.iommufd = dev->iommu_fd;
	ret = do_ioctl(dev->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	if (ret)
		return ret;
	dev->dev_id = bind.out_devid;
	ret = do_ioctl(dev->iommu_fd, IOMMU_IOAS_ALLOC, &alloc);
	if (ret)
		return ret;
	dev->ioas_id = alloc.out_ioas_id;
	attach.pt_id = dev->ioas_id;
	return do_ioctl(dev->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
}

static int open_group(struct vfio_dev *dev, const char *sysfs,
		      const char *container)
{
	char link[PATH_MAX + sizeof("/iommu_group")], group[PATH_MAX];
	struct vfio_group_status status = { .argsz = sizeof(status) };
	ssize_t len;
	int ret;

	snprintf(link, sizeof(link), "%s/iommu_group", sysfs);
	len = readlink(link, group, sizeof(group) - 1);
	if (len < 0)
		return -errno;
	group[len] = '\0';
	snprintf(dev->node, sizeof(dev->node), "/dev/vfio/%.32s",
		 strrchr(group, '/') + 1);

	dev->iommu_fd = open_node(container);
	if (dev->iommu_fd < 0)
		return dev->iommu_fd;
	dev->group_fd = open_node(dev->node);
	if (dev->group_fd < 0)
		return dev->group_fd;
	ret = do_ioctl(dev->group_fd, VFIO_GROUP_GET_STATUS, &status);
	if (ret)
		return ret;
	/* Some other device of the group is still its host driver's */
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return -EPERM;
	ret = do_ioctl(dev->group_fd, VFIO_GROUP_SET_CONTAINER,
		       &dev->iommu_fd);
	if (ret)
		return ret;
	ret = do_ioctl(dev->iommu_fd, VFIO_SET_IOMMU,
		       (void *)(uintptr_t)VFIO_TYPE1v2_IOMMU);
	if (ret)
		return ret;

	dev->fd = ioctl(dev->group_fd, VFIO_GROUP_GET_DEVICE_FD,
			strrchr(sysfs, '/') + 1);
	return dev->fd < 0 ? -errno : 0;
}

/*
 * With IOMMUFD_VFIO_CONTAINER, /dev/vfio/vfio is iommufd under another name,
 * which its own ioctls give away.
 */
static bool is_iommufd(const char *container)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int fd = open_node(container);
	bool yes = fd >= 0 && !do_ioctl(fd, IOMMU_IOAS_ALLOC, &alloc);

	if (fd >= 0)
		close(fd);
	return yes;
}

static int open_group_type1(struct vfio_dev *dev, const char *sysfs)
{
	if (is_iommufd("/dev/vfio/vfio"))
		return -EOPNOTSUPP;
	return open_group(dev, sysfs, "/dev/vfio/vfio");
}

static int open_group_iommufd(struct vfio_dev *dev, const char *sysfs)
{
	return open_group(dev, sysfs, "/dev/iommu");
}

static const struct {
	const char *name;
	int (*open)(struct vfio_dev *dev, const char *sysfs);
} ways[VFIO_NR_WAYS] = {
	[VFIO_WAY_CDEV] = { "cdev", open_cdev },
	[VFIO_WAY_GROUP_TYPE1] = { "group-type1", open_group_type1 },
	[VFIO_WAY_GROUP_IOMMUFD] = { "group-iommufd", open_group_iommufd },
};

/**
 * vfio_way_name - what a way in is called
 * @way: the way in
 *
 * Return: its name, as VFIO_TEST_WAY takes it.
 */
const char *vfio_way_name(enum vfio_way way)
{
	return ways[way].name;
}

/**
 * vfio_way_from_env - the way in that the user chose
 *
 * The environment variable VFIO_TEST_WAY names it.  Without it devices are
 * opened through their character device and iommufd, or on a kernel without
 * iommufd through their group and type1.
 *
 * Return: the way in; does not return if the variable names none.
 */
enum vfio_way vfio_way_from_env(void)
{
	const char *name = getenv("VFIO_TEST_WAY");
	unsigned int i;

	if (!name || !*name)
		return access("/dev/iommu", F_OK) ? VFIO_WAY_GROUP_TYPE1 :
						    VFIO_WAY_CDEV;
	for (i = 0; i < VFIO_NR_WAYS; i++)
		if (!strcmp(name, ways[i].name))
			return i;
	die("VFIO_TEST_WAY=%s is none of: cdev, group-type1, group-iommufd",
	    name);
}

/**
 * __vfio_dev_open - open a device and attach it to an address space
 * @dev: filled in
 * @name: UUID of a mediated device, PCI address, or the path of a character
 *	device in /dev/vfio/devices
 * @way: how
 *
 * Return: 0 or -errno; after an error there is nothing to close.
 */
int __vfio_dev_open(struct vfio_dev *dev, const char *name, enum vfio_way way)
{
	char sysfs[PATH_MAX];
	int ret;

	memset(dev, 0, sizeof(*dev));
	dev->fd = -1;
	dev->group_fd = -1;
	dev->iommu_fd = -1;
	dev->way = way;

	ret = __vfio_dev_sysfs(name, sysfs);
	if (ret)
		return ret;
	ret = ways[way].open(dev, sysfs);
	if (!ret) {
		dev->info.argsz = sizeof(dev->info);
		ret = do_ioctl(dev->fd, VFIO_DEVICE_GET_INFO, &dev->info);
	}
	if (ret)
		vfio_dev_close(dev);
	else
		dev->arcs = arcs_opened();
	return ret;
}

/**
 * vfio_dev_open - open a device the way the user chose, or end the process
 * @dev: filled in
 * @name: as for __vfio_dev_open()
 */
void vfio_dev_open(struct vfio_dev *dev, const char *name)
{
	enum vfio_way way = vfio_way_from_env();
	int ret = __vfio_dev_open(dev, name, way);

	if (ret)
		die("cannot open %s by way of %s: %s", name,
		    vfio_way_name(way), strerror(-ret));
}

/* -1 or an error code where there is nothing to close */
static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/**
 * vfio_dev_close - close a device and its IOMMU
 * @dev: the device; closing it twice does no harm
 */
void vfio_dev_close(struct vfio_dev *dev)
{
	/* The device first: the others are in use while it is open */
	close_fd(&dev->fd);
	close_fd(&dev->group_fd);
	close_fd(&dev->iommu_fd);
	arcs_closed(dev->arcs);
	dev->arcs = 0;
}

/**
 * vfio_dev_can_reset - whether the device advertises VFIO_DEVICE_RESET
 * @dev: the device
 *
 * Return: true if it does.
 */
bool vfio_dev_can_reset(const struct vfio_dev *dev)
{
	return dev->info.flags & VFIO_DEVICE_FLAGS_RESET;
}

/**
 * __vfio_dev_reset - VFIO_DEVICE_RESET
 * @dev: the device
 *
 * Return: 0 or -errno.
 */
int __vfio_dev_reset(struct vfio_dev *dev)
{
	unsigned int turn = arcs_begin(dev->arcs);
	int ret = do_ioctl(dev->fd, VFIO_DEVICE_RESET, NULL);

	arcs_is(dev->arcs, turn, VFIO_DEVICE_STATE_RUNNING, ret);
	return ret;
}

/**
 * vfio_dev_reset - VFIO_DEVICE_RESET, or end the process
 * @dev: the device
 */
void vfio_dev_reset(struct vfio_dev *dev)
{
	must(__vfio_dev_reset(dev));
}

/**
 * __vfio_region_info - VFIO_DEVICE_GET_REGION_INFO
 * @dev: the device
 * @index: the region
 * @info: filled in
 *
 * Return: 0 or -errno.
 */
int __vfio_region_info(struct vfio_dev *dev, __u32 index,
		       struct vfio_region_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	info->index = index;
	return do_ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, info);
}

/**
 * vfio_region_info - VFIO_DEVICE_GET_REGION_INFO, or end the process
 * @dev: the device
 * @index: the region
 * @info: filled in
 */
void vfio_region_info(struct vfio_dev *dev, __u32 index,
		      struct vfio_region_info *info)
{
	must(__vfio_region_info(dev, index, info));
}

/*
 * Where a region begins in the device's file.  It cannot change while the
 * device is open, and a question for each access would double its cost.
 */
static int region_offset(struct vfio_dev *dev, __u32 index, __u64 *offset)
{
	struct vfio_region_info uncached;
	struct vfio_region_info *info = &uncached;
	int ret = 0;

	if (index < ARRAY_LEN(dev->regions))
		info = &dev->regions[index];
	if (info == &uncached || !info->argsz)
		ret = __vfio_region_info(dev, index, info);
	if (ret)
		info->argsz = 0;
	*offset = info->offset;
	return ret;
}

/**
 * __vfio_region_read - read from a region, past its end too
 * @dev: the device
 * @index: the region
 * @offset: where in the region
 * @buf: where to put it
 * @len: how much
 *
 * Return: the number of bytes read, which may be short, or -errno.
 */
ssize_t __vfio_region_read(struct vfio_dev *dev, __u32 index, __u64 offset,
			   void *buf, size_t len)
{
	__u64 base;
	ssize_t n;
	int ret;

	ret = region_offset(dev, index, &base);
	if (ret)
		return ret;
	n = pread(dev->fd, buf, len, base + offset);
	return n < 0 ? -errno : n;
}

/**
 * vfio_region_read - read from a region all that is asked, or end the process
 * @dev: the device
 * @index: the region
 * @offset: where in the region
 * @buf: where to put it
 * @len: how much
 */
void vfio_region_read(struct vfio_dev *dev, __u32 index, __u64 offset,
		      void *buf, size_t len)
{
	ssize_t n = __vfio_region_read(dev, index, offset, buf, len);

	if (n != (ssize_t)len)
		die("region %u at %#llx: %zd instead of %zu bytes read", index,
		    (unsigned long long)offset, n, len);
}

/**
 * __vfio_region_write - write to a region, past its end too
 * @dev: the device
 * @index: the region
 * @offset: where in the region
 * @buf: what to write
 * @len: how much
 *
 * Return: the number of bytes written, which may be short, or -errno.
 */
ssize_t __vfio_region_write(struct vfio_dev *dev, __u32 index, __u64 offset,
			    const void *buf, size_t len)
{
	__u64 base;
	ssize_t n;
	int ret;

	ret = region_offset(dev, index, &base);
	if (ret)
		return ret;
	n = pwrite(dev->fd, buf, len, base + offset);
	return n < 0 ? -errno : n;
}

/**
 * vfio_region_write - write to a region all that is given, or end the process
 * @dev: the device
 * @index: the region
 * @offset: where in the region
 * @buf: what to write
 * @len: how much
 */
void vfio_region_write(struct vfio_dev *dev, __u32 index, __u64 offset,
		       const void *buf, size_t len)
{
	ssize_t n = __vfio_region_write(dev, index, offset, buf, len);

	if (n != (ssize_t)len)
		die("region %u at %#llx: %zd instead of %zu bytes written",
		    index, (unsigned long long)offset, n, len);
}

/**
 * vfio_region_read8 - read a byte, or end the process
 * @dev: the device
 * @index: the region
 * @offset: where in the region
 *
 * Return: the byte.
 */
__u8 vfio_region_read8(struct vfio_dev *dev, __u32 index, __u64 offset)
{
	__u8 val;

	vfio_region_read(dev, index, offset, &val, sizeof(val));
	return val;
}

/**
 * vfio_region_read16 - read a little-endian word, or end the process
 * @dev: the device
 * @index: the region
 * @offset: where in the region
 *
 * Return: the word in the byte order of this machine.
 */
__u16 vfio_region_read16(struct vfio_dev *dev, __u32 index, __u64 offset)
{
	__u16 val;

	vfio_region_read(dev, index, offset, &val, sizeof(val));
	return le16toh(val);
}

/**
 * vfio_region_read32 - read a little-endian doubleword, or end the process
 * @dev: the device
 * @index: the region
 * @offset: where in the region
 *
 * Return: the doubleword in the byte order of this machine.
 */
__u32 vfio_region_read32(struct vfio_dev *dev, __u32 index, __u64 offset)
{
	__u32 val;

	vfio_region_read(dev, index, offset, &val, sizeof(val));
	return le32toh(val);
}

/**
 * vfio_region_write8 - write a byte, or end the process
 * @dev: the device
 * @index: the region
 * @offset: where in the region
 * @val: the byte
 */
void vfio_region_write8(struct vfio_dev *dev, __u32 index, __u64 offset,
			__u8 val)
{
	vfio_region_write(dev, index, offset, &val, sizeof(val));
}

/**
 * vfio_region_write16 - write a little-endian word, or end the process
 * @dev: the device
 * @index: the region
 * @offset: where in the region
 * @val: the word in the byte order of this machine
 */
void vfio_region_write16(struct vfio_dev *dev, __u32 index, __u64 offset,
			 __u16 val)
{
	val = htole16(val);
	vfio_region_write(dev, index, offset, &val, sizeof(val));
}

/**
 * vfio_region_write32 - write a little-endian doubleword, or end the process
 * @dev: the device
 * @index: the region
 * @offset: where in the region
 * @val: the doubleword in the byte order of this machine
 */
void vfio_region_write32(struct vfio_dev *dev, __u32 index, __u64 offset,
			 __u32 val)
{
	val = htole32(val);
	vfio_region_write(dev, index, offset, &val, sizeof(val));
}

/**
 * __vfio_irq_info - VFIO_DEVICE_GET_IRQ_INFO
 * @dev: the device
 * @index: the interrupt index
 * @info: filled in
 *
 * Return: 0 or -errno.
 */
int __vfio_irq_info(struct vfio_dev *dev, __u32 index,
		    struct vfio_irq_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	info->index = index;
	return do_ioctl(dev->fd, VFIO_DEVICE_GET_IRQ_INFO, info);
}

/**
 * vfio_irq_info - VFIO_DEVICE_GET_IRQ_INFO, or end the process
 * @dev: the device
 * @index: the interrupt index
 * @info: filled in
 */
void vfio_irq_info(struct vfio_dev *dev, __u32 index,
		   struct vfio_irq_info *info)
{
	must(__vfio_irq_info(dev, index, info));
}

/**
 * __vfio_irq_set - VFIO_DEVICE_SET_IRQS with any arguments, legal or not
 * @dev: the device
 * @index: the interrupt index
 * @flags: one VFIO_IRQ_SET_DATA_* and one VFIO_IRQ_SET_ACTION_*
 * @start: first subindex
 * @count: number of subindexes
 * @data: what goes with the DATA flag
 * @len: of @data, in bytes
 *
 * Return: 0 or -errno.
 */
int __vfio_irq_set(struct vfio_dev *dev, __u32 index, __u32 flags, __u32 start,
		   __u32 count, const void *data, size_t len)
{
	struct vfio_irq_set *set;
	int ret;

	set = calloc(1, sizeof(*set) + len);
	if (!set)
		return -ENOMEM;
	set->argsz = sizeof(*set) + len;
	set->flags = flags;
	set->index = index;
	set->start = start;
	set->count = count;
	if (len)
		memcpy(set->data, data, len);
	ret = do_ioctl(dev->fd, VFIO_DEVICE_SET_IRQS, set);
	free(set);
	return ret;
}

/**
 * __vfio_irq_eventfds - let interrupts signal eventfds
 * @dev: the device
 * @index: the interrupt index
 * @start: first subindex
 * @count: number of subindexes
 * @eventfds: one a subindex, -1 for none
 *
 * Return: 0 or -errno.
 */
int __vfio_irq_eventfds(struct vfio_dev *dev, __u32 index, __u32 start,
			__u32 count, const int *eventfds)
{
	return __vfio_irq_set(dev, index, VFIO_IRQ_SET_DATA_EVENTFD |
			      VFIO_IRQ_SET_ACTION_TRIGGER, start, count,
			      eventfds, count * sizeof(*eventfds));
}

/**
 * vfio_irq_eventfds - let interrupts signal eventfds, or end the process
 * @dev: the device
 * @index: the interrupt index
 * @start: first subindex
 * @count: number of subindexes
 * @eventfds: one a subindex, -1 for none
 */
void vfio_irq_eventfds(struct vfio_dev *dev, __u32 index, __u32 start,
		       __u32 count, const int *eventfds)
{
	must(__vfio_irq_eventfds(dev, index, start, count, eventfds));
}

/**
 * __vfio_irq_action - mask, unmask or trigger interrupts
 * @dev: the device
 * @index: the interrupt index
 * @action: VFIO_IRQ_SET_ACTION_*
 * @start: first subindex
 * @count: number of subindexes
 *
 * Return: 0 or -errno.
 */
int __vfio_irq_action(struct vfio_dev *dev, __u32 index, __u32 action,
		      __u32 start, __u32 count)
{
	return __vfio_irq_set(dev, index, VFIO_IRQ_SET_DATA_NONE | action,
			      start, count, NULL, 0);
}

/**
 * vfio_irq_action - mask, unmask or trigger interrupts, or end the process
 * @dev: the device
 * @index: the interrupt index
 * @action: VFIO_IRQ_SET_ACTION_*
 * @start: first subindex
 * @count: number of subindexes
 */
void vfio_irq_action(struct vfio_dev *dev, __u32 index, __u32 action,
		     __u32 start, __u32 count)
{
	must(__vfio_irq_action(dev, index, action, start, count));
}

/**
 * vfio_irq_disable - take all eventfds off an index, or end the process
 * @dev: the device
 * @index: the interrupt index
 *
 * The uAPI: "ACTION_TRIGGER with DATA_NONE and count = 0" tears an index
 * down.
 */
void vfio_irq_disable(struct vfio_dev *dev, __u32 index)
{
	vfio_irq_action(dev, index, VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0);
}

/**
 * eventfd_new - an eventfd that does not block, or end the process
 *
 * Return: its file descriptor.
 */
int eventfd_new(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		die("eventfd: %s", strerror(errno));
	return fd;
}

/**
 * eventfd_take - how often an eventfd was signalled since it was last asked
 * @fd: the eventfd
 *
 * Return: the count, now 0 again.
 */
__u64 eventfd_take(int fd)
{
	__u64 count;

	if (read(fd, &count, sizeof(count)) == sizeof(count))
		return count;
	if (errno != EAGAIN)
		die("eventfd: %s", strerror(errno));
	return 0;
}
