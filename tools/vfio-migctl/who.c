// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who uses a device: which processes have its node open, of those that this
 * user may look at.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../selftests/lib/file.h"
#include "guard.h"
#include "who.h"

/**
 * who_fd - find a file descriptor of a process
 * @pid: the process
 * @node: the path that it has open
 * @from: the lowest number to look at
 *
 * Return: the lowest one that has @node open, -ENOENT if none has; -errno if the
 * process cannot be looked at.
 */
int who_fd(pid_t pid, const char *node, int from)
{
	char path[300], target[PATH_MAX];
	struct dirent *entry;
	int found = -ENOENT;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name);
		ssize_t len;

		if (!isdigit(entry->d_name[0]) || fd < from ||
		    (found >= 0 && fd > found))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		len = readlink(path, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = '\0';
		if (!strcmp(target, node))
			found = fd;
	}
	closedir(dir);
	return found;
}

/**
 * who_has_open - which other processes have a node open
 * @node: its path
 * @users: added to
 */
void who_has_open(const char *node, struct users *users)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (!dir)
		return;
	while (users->nr < USERS_MAX && (entry = readdir(dir))) {
		struct user *user = &users->user[users->nr];
		char path[64];

		user->pid = atoi(entry->d_name);
		if (user->pid <= 0 || user->pid == getpid())
			continue;
		user->fd = who_fd(user->pid, node, 0);
		if (user->fd < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/comm", user->pid);
		if (file_read(path, user->name, sizeof(user->name)))
			snprintf(user->name, sizeof(user->name), "?");
		/*
		 * Do not count the guard of a vfio-migctl: its program is
		 * found, too
		 */
		if (strcmp(user->name, GUARD_NAME))
			users->nr++;
	}
	closedir(dir);
}

/**
 * fd_of_other - get a file descriptor of another process
 * @pid: the process
 * @fd: its number there
 *
 * Return: its number here, or -errno.
 */
int fd_of_other(pid_t pid, int fd)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	int ret;

	if (pidfd < 0)
		return -errno;
	ret = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (ret < 0)
		ret = -errno;
	close(pidfd);
	return ret;
}

/**
 * users_text - who they are, in words
 * @users: who
 * @text: set to for instance "qemu-system-x86 (4711)"
 * @size: of @text
 */
void users_text(const struct users *users, char *text, size_t size)
{
	size_t len = 0;
	unsigned int i;

	*text = '\0';
	for (i = 0; i < users->nr && len < size; i++)
		len += snprintf(text + len, size - len, "%s%s (%d)",
				i ? ", " : "", users->user[i].name,
				users->user[i].pid);
}
