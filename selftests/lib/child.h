/* SPDX-License-Identifier: GPL-2.0-only */
/* A process beside the test, and what the two tell each other. */
#ifndef SELFTESTS_LIB_CHILD_H
#define SELFTESTS_LIB_CHILD_H

#include <stdbool.h>
#include <sys/types.h>
#include <linux/types.h>

/**
 * struct child - a process beside the test
 * @pid: its ID, 0 if there is none
 * @sock: by which the test talks with it
 */
struct child {
	pid_t pid;
	int sock;
};

/* What ends the list of files that a child keeps */
#define KEEP_END	(-1)

void *shared_new(size_t len);

void child_start(struct child *child, int (*run)(int sock, void *arg),
		 void *arg, const int *keep);
void child_kill(struct child *child);
int child_gone(struct child *child);
bool child_sleeps(const struct child *child);
void kernel_stacks(pid_t pid);

void tell_fd(int sock, long long word, int fd);
void tell(int sock, long long word);
int hear_fd(int sock, long long *word);
long long hear(int sock);
bool heard(int sock);

#endif /* SELFTESTS_LIB_CHILD_H */
