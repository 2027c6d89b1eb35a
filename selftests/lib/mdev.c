// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mediated devices: created, found and removed through sysfs.
 *
 * A device that outlives its test would disturb the next one, so each that a
 * process made is remembered, and removed when it exits.
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "file.h"
#include "mdev.h"

#define MDEV_MAX	1024
#define MDEV_DEVICES	"/sys/bus/mdev/devices"
#define MDEV_PATH_MAX	256

/*
 * Full paths, made beforehand: removal may happen in a signal handler, where
 * snprintf() is not allowed.  An empty one is free.
 */
static struct {
	pid_t pid;
	char remove[MDEV_PATH_MAX];
} made[MDEV_MAX];

/**
 * mdev_cleanup - close everything and remove the devices of this process
 *
 * Safe to call in a signal handler.  Removing a device waits until nobody has
 * it open, which from the process that has it open would be for ever; so all
 * file descriptors but the standard ones are closed first.
 */
void mdev_cleanup(void)
{
	pid_t self = getpid();
	bool closed = false;
	unsigned int i;

	for (i = 0; i < MDEV_MAX; i++) {
		/* A forked child must not remove what its parent uses */
		if (!made[i].remove[0] || made[i].pid != self)
			continue;
		if (!closed)
			syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
		closed = true;
		file_write(made[i].remove, "1");
		made[i].remove[0] = '\0';
	}
}

static void remember(const struct mdev *mdev)
{
	static pid_t registered;
	unsigned int i;

	if (registered != getpid()) {
		/* A fork inherits the handler of its parent, but only once */
		if (!registered)
			atexit(mdev_cleanup);
		registered = getpid();
	}
	for (i = 0; i < MDEV_MAX; i++) {
		if (made[i].remove[0] && made[i].pid == registered)
			continue;
		made[i].pid = registered;
		snprintf(made[i].remove, sizeof(made[i].remove),
			 MDEV_DEVICES "/%s/remove", mdev->uuid);
		return;
	}
	die("more than %d mediated devices in one process", MDEV_MAX);
}

static void forget(const struct mdev *mdev)
{
	unsigned int i;

	for (i = 0; i < MDEV_MAX; i++)
		if (strstr(made[i].remove, mdev->uuid))
			made[i].remove[0] = '\0';
}

/* The folder of a type, whichever parent offers it */
static int find_type(const char *type, char *path, size_t size)
{
	glob_t found;
	int ret = 0;

	snprintf(path, size, "/sys/class/mdev_bus/*/mdev_supported_types/%s",
		 type);
	if (glob(path, 0, NULL, &found))
		return -ENOENT;
	if ((size_t)snprintf(path, size, "%s", found.gl_pathv[0]) >= size)
		ret = -ENAMETOOLONG;
	globfree(&found);
	return ret;
}

/**
 * mdev_type_exists - whether some parent offers a type of mediated device
 * @type: its name, as in mdev_supported_types
 *
 * Return: true if a device of that type can be asked for.
 */
bool mdev_type_exists(const char *type)
{
	char path[MDEV_PATH_MAX];

	return !find_type(type, path, sizeof(path));
}

/*
 * Unique among the processes of a machine and its reboots.  Nothing needs it
 * to be random, and a freshly booted guest may have no entropy yet.
 */
static void new_uuid(char *uuid)
{
	static unsigned int count;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	count++;
	snprintf(uuid, MDEV_UUID_LEN + 1, "%08x-%04x-4%03x-8%03x-%012llx",
		 (unsigned int)now.tv_nsec, count & 0xffff,
		 (unsigned int)(getpid() >> 12) & 0xfff,
		 (unsigned int)getpid() & 0xfff,
		 (unsigned long long)now.tv_sec & 0xffffffffffffULL);
}

/**
 * mdev_create_path - where a mediated device of a type is created
 * @type: name of the type, as in mdev_supported_types
 * @path: set to the path of the type's attribute "create"
 * @size: of @path
 *
 * Return: 0, or -errno: -ENOENT if no parent offers the type.
 */
int mdev_create_path(const char *type, char *path, size_t size)
{
	size_t len;
	int ret;

	ret = find_type(type, path, size - sizeof("/create"));
	if (ret)
		return ret;
	len = strlen(path);
	snprintf(path + len, size - len, "/create");
	return 0;
}

/**
 * __mdev_create_at - create a mediated device, by system calls alone
 * @mdev: filled in
 * @path: what mdev_create_path() gave for its type
 *
 * Return: 0 or -errno.
 */
int __mdev_create_at(struct mdev *mdev, const char *path)
{
	int ret;

	new_uuid(mdev->uuid);
	ret = file_write(path, mdev->uuid);
	if (!ret)
		remember(mdev);
	return ret;
}

/**
 * __mdev_create - create a mediated device
 * @mdev: filled in
 * @type: name of its type, as in mdev_supported_types
 *
 * Return: 0, or -errno: -ENOENT if no parent offers the type.
 */
int __mdev_create(struct mdev *mdev, const char *type)
{
	char path[MDEV_PATH_MAX];
	int ret;

	ret = mdev_create_path(type, path, sizeof(path));
	return ret ? ret : __mdev_create_at(mdev, path);
}

/**
 * mdev_create - create a mediated device, or end the process
 * @mdev: filled in
 * @type: name of its type, as in mdev_supported_types
 */
void mdev_create(struct mdev *mdev, const char *type)
{
	must(__mdev_create(mdev, type));
}

/**
 * __mdev_remove - remove a mediated device
 * @mdev: the device; nobody may have it open, or this waits
 *
 * Return: 0 or -errno.
 */
int __mdev_remove(struct mdev *mdev)
{
	int ret = __mdev_attr_write(mdev, "remove", "1");

	if (!ret)
		forget(mdev);
	return ret;
}

/**
 * mdev_remove - remove a mediated device, or end the process
 * @mdev: the device; nobody may have it open, or this waits
 */
void mdev_remove(struct mdev *mdev)
{
	must(__mdev_remove(mdev));
}

/**
 * __mdev_attr_read - read a sysfs attribute of a mediated device
 * @mdev: the device
 * @attr: the attribute's path, relative to the device's folder
 * @buf: where to put it, as a string without the newline at its end
 * @size: of @buf
 *
 * Return: 0 or -errno.
 */
int __mdev_attr_read(const struct mdev *mdev, const char *attr, char *buf,
		     size_t size)
{
	char path[MDEV_PATH_MAX];

	snprintf(path, sizeof(path), MDEV_DEVICES "/%s/%s", mdev->uuid, attr);
	return file_read(path, buf, size);
}

/**
 * mdev_attr_read - read a sysfs attribute, or end the process
 * @mdev: the device
 * @attr: the attribute's path, relative to the device's folder
 * @buf: where to put it, as a string without the newline at its end
 * @size: of @buf
 */
void mdev_attr_read(const struct mdev *mdev, const char *attr, char *buf,
		    size_t size)
{
	must(__mdev_attr_read(mdev, attr, buf, size));
}

/**
 * __mdev_attr_write - write a sysfs attribute of a mediated device
 * @mdev: the device
 * @attr: the attribute's path, relative to the device's folder
 * @value: the value
 *
 * Return: 0 or -errno.
 */
int __mdev_attr_write(const struct mdev *mdev, const char *attr,
		      const char *value)
{
	char path[MDEV_PATH_MAX];

	snprintf(path, sizeof(path), MDEV_DEVICES "/%s/%s", mdev->uuid, attr);
	return file_write(path, value);
}

/**
 * mdev_attr_write - write a sysfs attribute, or end the process
 * @mdev: the device
 * @attr: the attribute's path, relative to the device's folder
 * @value: the value
 */
void mdev_attr_write(const struct mdev *mdev, const char *attr,
		     const char *value)
{
	must(__mdev_attr_write(mdev, attr, value));
}
