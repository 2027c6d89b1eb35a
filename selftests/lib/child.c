// SPDX-License-Identifier: GPL-2.0-only
/* A process beside the test, and what the two tell each other. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "child.h"
#include "file.h"

/* File descriptors that a process may have here */
#define MAX_FD	1024

/**
 * shared_new - memory that a process shares with those that it forks
 * @len: of it, in bytes
 *
 * Test cases are processes of their own, so this is how one tells the next.
 *
 * Return: the memory, filled with zeroes.
 */
void *shared_new(size_t len)
{
	void *shared = mmap(NULL, len, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	return shared;
}

static bool keeps(const int *keep, int fd)
{
	for (; keep && *keep != KEEP_END; keep++)
		if (*keep == fd)
			return true;
	return false;
}

/* What the test has open must not stay open because of a child */
static void close_others(const int *keep, int sock)
{
	int first = STDERR_FILENO + 1, fd;

	for (fd = first; fd < MAX_FD; fd++) {
		if (fd != sock && !keeps(keep, fd))
			continue;
		if (first < fd)
			syscall(SYS_close_range, first, fd - 1, 0);
		first = fd + 1;
	}
	syscall(SYS_close_range, first, ~0U, 0);
}

/**
 * child_start - start a process, or end this one
 * @child: filled in
 * @run: what it does; @sock is the child's end of child.sock
 * @arg: argument of @run
 * @keep: file descriptors that it keeps open, the last one KEEP_END; NULL if
 *	none. All others are closed there, but for the standard ones
 *
 * The exit status of the process is what @run returns. It ends with its
 * parent.
 */
void child_start(struct child *child, int (*run)(int sock, void *arg),
		 void *arg, const int *keep)
{
	int socks[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks))
		die("socketpair: %s", strerror(errno));
	fflush(NULL);
	child->sock = socks[0];
	child->pid = fork();
	if (child->pid < 0)
		die("fork: %s", strerror(errno));
	if (!child->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close_others(keep, socks[1]);
		_exit(run(socks[1], arg));
	}
	close(socks[1]);
}

/**
 * child_kill - SIGKILL
 * @child: the process
 */
void child_kill(struct child *child)
{
	kill(child->pid, SIGKILL);
}

/**
 * child_gone - wait until a process has ended
 * @child: the process
 *
 * Return: its status as of waitpid().
 */
int child_gone(struct child *child)
{
	int status = 0;

	while (child->pid && waitpid(child->pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid: %s", strerror(errno));
	if (child->pid)
		close(child->sock);
	child->pid = 0;
	return status;
}

/* The letter by which /proc tells the process's state; 0 if it has none */
static char child_letter(const struct child *child)
{
	char path[64], stat[256];
	const char *name_end;

	snprintf(path, sizeof(path), "/proc/%d/stat", child->pid);
	if (file_read(path, stat, sizeof(stat)))
		return 0;
	/* "PID (NAME) LETTER ..."; the name may have anything in it */
	name_end = strrchr(stat, ')');
	return name_end ? name_end[2] : 0;
}

/**
 * child_sleeps - wait until a process waits for something, or has said something
 * @child: the process; what it does next must be the call in which it shall wait
 *
 * Return: true if it waits.
 */
bool child_sleeps(const struct child *child)
{
	while (!heard(child->sock)) {
		char letter = child_letter(child);

		if (letter == 'S' || letter == 'D')
			return true;
		sched_yield();
	}
	return false;
}

/**
 * kernel_stacks - print where in the kernel the threads of a process are
 * @pid: the process
 *
 * For who reads that it hung. Prints nothing where the kernel does not tell.
 */
void kernel_stacks(pid_t pid)
{
	char path[64], thread[128], text[4096], *line, *rest;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(thread, sizeof(thread), "%s/%.20s/stack", path,
			 entry->d_name);
		if (file_read(thread, text, sizeof(text)))
			continue;
		fprintf(stderr, "# thread %s of process %d\n", entry->d_name,
			pid);
		for (line = strtok_r(text, "\n", &rest); line;
		     line = strtok_r(NULL, "\n", &rest))
			fprintf(stderr, "#   %s\n", line);
	}
	if (dir)
		closedir(dir);
}

/**
 * tell_fd - send a number and a file descriptor, or end the process
 * @sock: where to
 * @word: the number
 * @fd: the file descriptor, or -1
 */
void tell_fd(int sock, long long word, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = &word, .iov_len = sizeof(word) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	if (sendmsg(sock, &msg, MSG_NOSIGNAL) != sizeof(word))
		die("sendmsg: %s", strerror(errno));
}

/**
 * tell - send a number, or end the process
 * @sock: where to
 * @word: the number
 */
void tell(int sock, long long word)
{
	tell_fd(sock, word, -1);
}

/**
 * hear_fd - wait for a number and a file descriptor, or end the process
 * @sock: where from
 * @word: set to the number
 *
 * Return: the file descriptor, or -1 if there came none.
 */
int hear_fd(int sock, long long *word)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = word, .iov_len = sizeof(*word) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	ssize_t n;
	int fd;

	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(*word))
		die("recvmsg: %s", n < 0 ? strerror(errno) : "the other ended");
	header = CMSG_FIRSTHDR(&msg);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/**
 * hear - wait for a number, or end the process
 * @sock: where from
 *
 * Return: the number.
 */
long long hear(int sock)
{
	long long word;
	int fd = hear_fd(sock, &word);

	if (fd >= 0)
		close(fd);
	return word;
}

/**
 * heard - whether there is something to be heard
 * @sock: where from
 *
 * Return: true if hear() would not wait.
 */
bool heard(int sock)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}
