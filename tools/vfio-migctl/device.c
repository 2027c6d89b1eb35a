// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device as the user names it: found, described, opened.
 *
 * A VFIO device has one user, and what it holds begins when it is opened and
 * is gone when it is closed.  So to look at a device that somebody uses, this
 * borrows the user's own file descriptor: DEVICE@PID.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../selftests/lib/check.h"
#include "../../selftests/lib/file.h"
#include "device.h"
#include "say.h"

int device_way = WAY_ANY;

/* The last part of what a link leads to; "" if there is none */
static void link_name(const char *folder, const char *link, char *name,
		      size_t size)
{
	char path[PATH_MAX + 32], target[PATH_MAX];
	const char *base = "";
	ssize_t len;

	snprintf(path, sizeof(path), "%s/%s", folder, link);
	len = readlink(path, target, sizeof(target) - 1);
	if (len > 0) {
		target[len] = '\0';
		base = strrchr(target, '/');
		base = base ? base + 1 : target;
	}
	snprintf(name, size, "%.*s", (int)size - 1, base);
}

static void find_vfio(struct device *device)
{
	char path[PATH_MAX + 32];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/vfio-dev", device->sysfs);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "vfio", 4))
			snprintf(device->vfio, sizeof(device->vfio), "%.31s",
				 entry->d_name);
	closedir(dir);
	snprintf(device->cdev, sizeof(device->cdev), "/dev/vfio/devices/%s",
		 device->vfio);
	if (access(device->cdev, F_OK))
		device->cdev[0] = '\0';
}

/* "0x8086:0x4941" as "8086:4941" */
static void pci_type(struct device *device)
{
	static const char * const parts[] = {
		"vendor", "device", "subsystem_vendor", "subsystem_device"
	};
	char path[PATH_MAX + 32], value[16];
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(parts); i++) {
		snprintf(path, sizeof(path), "%s/%s", device->sysfs, parts[i]);
		if (file_read(path, value, sizeof(value)))
			return;
		len += snprintf(device->type + len, sizeof(device->type) - len,
				"%s%.8s", i ? ":" : "", value + 2);
	}
}

/**
 * device_describe - learn from sysfs what a device is
 * @device: the device; its sysfs is known
 */
void device_describe(struct device *device)
{
	char number[32];

	link_name(device->sysfs, "subsystem", device->bus, sizeof(device->bus));
	link_name(device->sysfs, "driver", device->driver,
		  sizeof(device->driver));
	if (!strcmp(device->bus, "pci"))
		pci_type(device);
	else
		link_name(device->sysfs, "mdev_type", device->type,
			  sizeof(device->type));
	link_name(device->sysfs, "iommu_group", number, sizeof(number));
	if (*number)
		snprintf(device->group, sizeof(device->group), "/dev/vfio/%s",
			 number);
	find_vfio(device);
}

static void no_driver(const struct device *device)
{
	const char *hint = "another device: this one has no VFIO driver";
	static char text[256];

	if (!strcmp(device->bus, "pci")) {
		snprintf(text, sizeof(text),
			 "echo DRIVER >%.80s/driver_override; echo %.32s >/sys/bus/pci/drivers_probe",
			 device->sysfs, strrchr(device->sysfs, '/') + 1);
		hint = text;
	}
	fail_with(EXIT_REFUSED, &(struct fault){
			.device = device->name, .hint = hint,
		  }, "%s, and no VFIO driver, has it",
		  *device->driver ? device->driver : "no driver");
}

/**
 * device_find - find a device that the user names, or end the program
 * @device: filled in
 * @arg: DEVICE or DEVICE@PID
 */
void device_find(struct device *device, const char *arg)
{
	const char *at = strrchr(arg, '@');
	size_t len = at ? (size_t)(at - arg) : strlen(arg);
	char *end;

	memset(device, 0, sizeof(*device));
	if (!len || len + 6 > sizeof(device->name))
		refuse("'%s' names no device", arg);
	snprintf(device->arg, sizeof(device->arg), "%s", arg);
	snprintf(device->name, sizeof(device->name), "%.*s", (int)len, arg);
	if (at) {
		device->pid = strtol(at + 1, &end, 10);
		if (*end || device->pid <= 0)
			refuse("'%s': what follows @ is the number of a process",
			       arg);
	}
	if (__vfio_dev_sysfs(device->name, device->sysfs)) {
		char full[sizeof(device->name) + 5];

		/* A PCI address without its domain */
		snprintf(full, sizeof(full), "0000:%s", device->name);
		if (__vfio_dev_sysfs(full, device->sysfs))
			fail(EXIT_USAGE, "vfio-migctl list: it shows all devices",
			     "there is no device '%s': it is no UUID, PCI address or node here",
			     device->name);
		snprintf(device->name, sizeof(device->name), "%.127s", full);
	}
	device_describe(device);
	if (!*device->vfio)
		no_driver(device);
}

/**
 * device_users - which processes have a device open
 * @device: the device
 * @users: filled in
 *
 * Return: who they are in words, "" if there are none.
 */
const char *device_users(const struct device *device, struct users *users)
{
	static char text[160];

	users->nr = 0;
	if (*device->cdev)
		who_has_open(device->cdev, users);
	if (*device->group)
		who_has_open(device->group, users);
	users_text(users, text, sizeof(text));
	return text;
}

/* A process may have the node open without an open device */
static int borrowed_cdev(struct device *device)
{
	int fd, from = 0;

	while ((fd = who_fd(device->pid, device->cdev, from)) >= 0) {
		int mine = fd_of_other(device->pid, fd);

		if (mine < 0)
			return mine;
		device->dev.info.argsz = sizeof(device->dev.info);
		if (!do_ioctl(mine, VFIO_DEVICE_GET_INFO, &device->dev.info)) {
			device->dev.fd = mine;
			return 0;
		}
		close(mine);
		from = fd + 1;
	}
	return fd;
}

/* Open the device again through the group of its user */
static int borrowed_group(struct device *device)
{
	int fd = who_fd(device->pid, device->group, 0);

	if (fd < 0)
		return fd;
	device->dev.group_fd = fd_of_other(device->pid, fd);
	if (device->dev.group_fd < 0)
		return device->dev.group_fd;
	device->dev.fd = ioctl(device->dev.group_fd, VFIO_GROUP_GET_DEVICE_FD,
			       strrchr(device->sysfs, '/') + 1);
	if (device->dev.fd < 0)
		return -errno;
	device->dev.info.argsz = sizeof(device->dev.info);
	return do_ioctl(device->dev.fd, VFIO_DEVICE_GET_INFO,
			&device->dev.info);
}

static int borrow(struct device *device)
{
	int ret = -ENOENT;

	device->dev.fd = -1;
	device->dev.group_fd = -1;
	device->dev.iommu_fd = -1;
	if (*device->cdev)
		ret = borrowed_cdev(device);
	if (ret == -ENOENT && *device->group)
		ret = borrowed_group(device);
	if (ret)
		vfio_dev_close(&device->dev);
	return ret;
}

/*
 * Open the device by its cdev, or by its group with the container that this
 * kernel has
 */
static int open_any(struct device *device)
{
	enum vfio_way way = VFIO_WAY_CDEV;
	int ret;

	if (!*device->cdev || access("/dev/iommu", F_OK))
		way = VFIO_WAY_GROUP_TYPE1;
	ret = __vfio_dev_open(&device->dev, device->name, way);
	if (ret == -EOPNOTSUPP && way == VFIO_WAY_GROUP_TYPE1)
		ret = __vfio_dev_open(&device->dev, device->name,
				      VFIO_WAY_GROUP_IOMMUFD);
	return ret;
}

/**
 * __device_open - open a device as the user wants it
 * @device: the device
 *
 * Return: 0 or -errno.
 */
int __device_open(struct device *device)
{
	if (device->pid)
		return borrow(device);
	if (device_way == WAY_ANY)
		return open_any(device);
	return __vfio_dev_open(&device->dev, device->name, device_way);
}

static const char *open_hint(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return "as root; all devices of its IOMMU group need VFIO drivers, too";
	case ENOENT:
	case ENODEV:
	case EOPNOTSUPP:
		return "another --way: the kernel has not got this one";
	}
	return "dmesg: the kernel's log may say why it was refused";
}

static void borrow_failed(const struct device *device, int error)
{
	const char *hint = "vfio-migctl list: it shows who has which device open";

	if (error == EPERM || error == EACCES)
		hint = "as root: only root may use what another process has open";
	fail_with(EXIT_REFUSED, &(struct fault){
			.device = device->name, .error = error, .hint = hint,
		  }, "process %d does not have it open, or keeps it",
		  device->pid);
}

/**
 * device_open - open a device as the user wants it, or end the program
 * @device: the device
 */
void device_open(struct device *device)
{
	struct users users;
	const char *who = "";
	char hint[128];
	int ret;

	if (!device->pid)
		who = device_users(device, &users);
	ret = *who ? -EBUSY : __device_open(device);
	if (!ret)
		return;
	if (device->pid)
		borrow_failed(device, -ret);
	if (ret != -EBUSY)
		fail_with(EXIT_REFUSED, &(struct fault){
				.device = device->name, .error = -ret,
				.hint = open_hint(-ret),
			  }, "it cannot be opened");
	snprintf(hint, sizeof(hint), "%.64s@PID: to use it as that process has it open",
		 device->name);
	fail_with(EXIT_BUSY, &(struct fault){
			.device = device->name, .error = EBUSY, .hint = hint,
		  }, "it is used by %s",
		  *who ? who : "a process that this user cannot see");
}

/**
 * device_begin - open a device and make it an end of a migration, or end the
 *	program
 * @device: the device
 * @name: what it is in the account
 */
void device_begin(struct device *device, const char *name)
{
	device_open(device);
	end_begin(&device->end, name, device->arg, &device->dev);
}

/**
 * device_debugfs_state - the state of a device that cannot be asked itself
 * @device: the device
 * @state: set to its name
 * @size: of @state
 *
 * Return: true if the kernel tells (CONFIG_VFIO_DEBUGFS).
 */
bool device_debugfs_state(const struct device *device, char *state,
			  size_t size)
{
	char path[256];

	snprintf(path, sizeof(path),
		 "/sys/kernel/debug/vfio/%.64s/migration/state",
		 strrchr(device->sysfs, '/') + 1);
	return !file_read(path, state, size);
}
