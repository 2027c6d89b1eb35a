// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever ends the program, its devices do not stay in the middle.
 *
 * An exit handler brings them back after an error or a signal.  Nothing of the
 * program runs after SIGKILL, so that another process has the devices open, too,
 * and sees at the end of a pipe that the program is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../selftests/lib/check.h"
#include "guard.h"
#include "say.h"

static struct end *ends[2];
static unsigned int nr_ends;
static int watched = -1;
static pid_t watcher;

/* The order is that of the arguments, source first: it can go on */
static void leave_all(void)
{
	char done = 1;
	unsigned int i;

	for (i = 0; i < nr_ends; i++)
		end_leave(ends[i], "the program ends, and left it");
	if (watcher <= 0)
		return;
	if (write(watched, &done, sizeof(done)) < 0)
		note("the process %d that looks after the devices is gone",
		     watcher);
	close(watched);
	waitpid(watcher, NULL, 0);
}

static void __attribute__((noreturn)) watch(int fd)
{
	int nowhere = open("/dev/null", O_RDWR);
	unsigned int i;
	ssize_t len;
	char done;

	/* Neither Ctrl-C nor what kills the program's group means this one */
	setsid();
	prctl(PR_SET_NAME, GUARD_NAME);
	for (i = 1; i < NSIG; i++)
		signal(i, SIG_IGN);
	/* Whoever reads what the program writes shall see its end */
	dup2(nowhere, STDIN_FILENO);
	dup2(nowhere, STDOUT_FILENO);
	do {
		len = read(fd, &done, sizeof(done));
	} while (len < 0 && errno == EINTR);
	for (i = 0; !len && i < nr_ends; i++)
		end_leave(ends[i], "the program was killed, and left it");
	_exit(EXIT_DONE);
}

/**
 * guard - from now on look after a device
 * @end: the device, which is open and not yet anywhere in the middle
 */
void guard(struct end *end)
{
	if (nr_ends == ARRAY_LEN(ends))
		die("more than two devices to look after");
	ends[nr_ends++] = end;
}

/**
 * guard_begin - all devices are known, and something is going to be done
 */
void guard_begin(void)
{
	int pipes[2];

	atexit(leave_all);
	if (pipe2(pipes, O_CLOEXEC))
		fail_with(EXIT_REFUSED, &(struct fault){ .error = errno },
			  "no pipe");
	watcher = fork();
	if (watcher < 0)
		fail_with(EXIT_REFUSED, &(struct fault){ .error = errno },
			  "no process to look after the device");
	if (!watcher) {
		close(pipes[1]);
		watch(pipes[0]);
	}
	close(pipes[0]);
	watched = pipes[1];
}
