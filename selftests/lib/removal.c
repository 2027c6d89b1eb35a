// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that are taken from their driver through sysfs, and given back.
 *
 * They may be a user's: whatever becomes of the test, each goes back to the
 * driver that it had, when the process exits at the latest.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "file.h"
#include "removal.h"
#include "vfio_dev.h"

/**
 * struct taken - a device, as it was
 * @name: its name on its bus
 * @bus: the bus
 * @driver: its driver, "" if it had none
 * @override: its driver_override
 */
struct taken {
	char name[64];
	char bus[32];
	char driver[64];
	char override[64];
};

/* What was taken away last.  One removal at a time is enough. */
static struct {
	pid_t pid;
	struct taken *devices;
	unsigned int nr;
	char pf[PATH_MAX];
	char vfs[16];
	char autoprobe[16];
} gone;

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The end of the path that a link in a device's folder leads to, or "" */
static void link_name(const char *sysfs, const char *link, char *name,
		      size_t size)
{
	char path[PATH_MAX + 64], target[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", sysfs, link);
	if (!realpath(path, target))
		target[0] = '\0';
	snprintf(name, size, "%.*s", (int)size - 1, base(target));
}

static int read_attr(const char *sysfs, const char *attr, char *buf,
		     size_t size)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", sysfs, attr);
	return file_read(path, buf, size);
}

static int write_attr(const char *sysfs, const char *attr, const char *value)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", sysfs, attr);
	return file_write(path, value);
}

static void note(const char *sysfs)
{
	struct taken *device;

	gone.devices = realloc(gone.devices,
			       (gone.nr + 1) * sizeof(*gone.devices));
	if (!gone.devices)
		die("no memory");
	device = &gone.devices[gone.nr++];
	snprintf(device->name, sizeof(device->name), "%.63s", base(sysfs));
	link_name(sysfs, "subsystem", device->bus, sizeof(device->bus));
	link_name(sysfs, "driver", device->driver, sizeof(device->driver));
	read_attr(sysfs, "driver_override", device->override,
		  sizeof(device->override));
}

static void forget(void)
{
	free(gone.devices);
	memset(&gone, 0, sizeof(gone));
}

/**
 * removal_impossible - whether a device can be taken away
 * @name: as for __vfio_dev_open()
 * @how: how
 *
 * Return: NULL if it can; or why not.
 */
const char *removal_impossible(const char *name, enum removal how)
{
	char sysfs[PATH_MAX], pf[PATH_MAX + 64];

	if (__vfio_dev_sysfs(name, sysfs))
		return "the device is not there";
	snprintf(pf, sizeof(pf), "%s/physfn/sriov_numvfs", sysfs);
	if (how == REMOVAL_VFS && access(pf, F_OK))
		return "the device is no VF";
	snprintf(pf, sizeof(pf), "%s/driver/unbind", sysfs);
	if (how == REMOVAL_UNBIND && access(pf, W_OK))
		return "the device cannot be unbound from its driver";
	/* Nor does a mediated device ever match a driver again */
	snprintf(pf, sizeof(pf), "%s/driver_override", sysfs);
	if (access(pf, W_OK))
		return "the device could not be bound again";
	return NULL;
}

static int take_driver(const char *sysfs)
{
	char name[64];

	note(sysfs);
	snprintf(name, sizeof(name), "%s", gone.devices[0].name);
	return write_attr(sysfs, "driver/unbind", name);
}

static int take_vfs(const char *sysfs)
{
	char path[PATH_MAX + 64], vf[PATH_MAX];
	unsigned int i;
	int ret;

	snprintf(path, sizeof(path), "%s/physfn", sysfs);
	if (!realpath(path, gone.pf))
		return -errno;
	ret = read_attr(gone.pf, "sriov_numvfs", gone.vfs, sizeof(gone.vfs));
	if (!ret)
		ret = read_attr(gone.pf, "sriov_drivers_autoprobe",
				gone.autoprobe, sizeof(gone.autoprobe));
	if (ret)
		return ret;
	for (i = 0; i < (unsigned int)atoi(gone.vfs); i++) {
		snprintf(path, sizeof(path), "%s/virtfn%u", gone.pf, i);
		if (realpath(path, vf))
			note(vf);
	}
	return write_attr(gone.pf, "sriov_numvfs", "0");
}

/**
 * __removal_do - take a device away
 * @name: as for __vfio_dev_open()
 * @how: how
 *
 * Waits until nobody has the device open, and with REMOVAL_VFS none of the VFs
 * beside it.
 *
 * Return: 0 or -errno; nothing is taken away then.
 */
int __removal_do(const char *name, enum removal how)
{
	static pid_t registered;
	char sysfs[PATH_MAX];
	int ret;

	if (gone.pid)
		return -EBUSY;
	ret = __vfio_dev_sysfs(name, sysfs);
	if (ret)
		return ret;
	/* A fork inherits the handler of its parent, but only once */
	if (!registered)
		atexit(removal_cleanup);
	registered = getpid();
	gone.pid = registered;
	ret = how == REMOVAL_VFS ? take_vfs(sysfs) : take_driver(sysfs);
	if (ret)
		forget();
	return ret;
}

/* To the driver that it had, though its IDs may lead to another */
static int give_back(const struct taken *device)
{
	char bus[64], sysfs[PATH_MAX], driver[64];
	bool null = !strcmp(device->override, "(null)");
	int ret = 0;

	snprintf(bus, sizeof(bus), "/sys/bus/%s", device->bus);
	snprintf(sysfs, sizeof(sysfs), "%s/devices/%s", bus, device->name);
	if (*device->driver) {
		ret = write_attr(sysfs, "driver_override", device->driver);
		if (!ret)
			ret = write_attr(bus, "drivers_probe", device->name);
	}
	/* An end of line alone is for none */
	write_attr(sysfs, "driver_override", null ? "\n" : device->override);
	if (ret)
		return ret;
	link_name(sysfs, "driver", driver, sizeof(driver));
	return strcmp(driver, device->driver) ? -ENODEV : 0;
}

/**
 * __removal_undo - give back what __removal_do() has taken away
 *
 * Does nothing if that has been done, or nothing was taken away.
 *
 * Return: 0 or -errno.
 */
int __removal_undo(void)
{
	unsigned int i;
	int ret = 0;

	if (gone.pid != getpid())
		return 0;
	if (*gone.pf) {
		/* No driver shall take a VF before it is told which */
		write_attr(gone.pf, "sriov_drivers_autoprobe", "0");
		ret = write_attr(gone.pf, "sriov_numvfs", gone.vfs);
	}
	for (i = 0; i < gone.nr; i++) {
		int error = give_back(&gone.devices[i]);

		ret = ret ? ret : error;
	}
	if (*gone.pf)
		write_attr(gone.pf, "sriov_drivers_autoprobe", gone.autoprobe);
	forget();
	return ret;
}

/**
 * removal_cleanup - close everything and give back what was taken away
 *
 * A removal that is under way waits until nobody has the device open, and
 * what would give it back waits for that; so all file descriptors but the
 * standard ones are closed first.
 */
void removal_cleanup(void)
{
	if (gone.pid != getpid())
		return;
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
	if (__removal_undo())
		fprintf(stderr, "# a device was not given back to its driver\n");
}
