/* SPDX-License-Identifier: GPL-2.0-only */
/* Who uses a device. */
#ifndef VFIO_MIGCTL_WHO_H
#define VFIO_MIGCTL_WHO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define USERS_MAX	4

/**
 * struct user - a process that has a device open
 * @pid: the process
 * @name: what it runs
 * @fd: its file descriptor of the node
 */
struct user {
	pid_t pid;
	char name[24];
	int fd;
};

/**
 * struct users - all that have it open
 * @nr: how many of @user are filled in
 * @user: the first ones
 */
struct users {
	unsigned int nr;
	struct user user[USERS_MAX];
};

void who_has_open(const char *node, struct users *users);
int who_fd(pid_t pid, const char *node, int from);
int fd_of_other(pid_t pid, int fd);
void users_text(const struct users *users, char *text, size_t size);

#endif /* VFIO_MIGCTL_WHO_H */
