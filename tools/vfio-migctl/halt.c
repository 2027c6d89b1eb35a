// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ctrl-C and its like: the program ends where it can, and not in the middle.
 *
 * The handler only remembers the signal.  Calls that block come back with
 * EINTR, and loops ask.  Then the program exits as after an error, so that the
 * exit handlers bring the devices back, and at last dies of the signal, so that
 * a shell knows.
 */
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../../selftests/lib/check.h"
#include "halt.h"
#include "say.h"

static atomic_int caught;

static void on_signal(int signal)
{
	caught = signal;
}

/* The last of the exit handlers, because it was the first to be registered */
static void die_of_it(void)
{
	fflush(NULL);
	if (!caught)
		return;
	signal(caught, SIG_DFL);
	raise(caught);
}

/**
 * halt_catch - from now on signals end the program where it can end
 *
 * To be called before any other exit handler is registered.
 */
void halt_catch(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	/* No SA_RESTART: a call that blocks has to return */
	struct sigaction action = { .sa_handler = on_signal };
	struct sigaction before;
	unsigned int i;

	atexit(die_of_it);
	for (i = 0; i < ARRAY_LEN(signals); i++) {
		sigaction(signals[i], NULL, &before);
		/* Ignored under nohup, and in the background of a shell */
		if (before.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
	/*
	 * If the reader of a pipe is gone, write() fails, and no signal comes
	 */
	signal(SIGPIPE, SIG_IGN);
}

/**
 * halt_wanted - whether somebody wants the program to end
 *
 * Return: true if a signal has come.
 */
bool halt_wanted(void)
{
	return caught;
}

/**
 * halt_check - end the program if somebody wants that
 */
void halt_check(void)
{
	if (!caught)
		return;
	if (say.live)
		putc('\n', say.tell);
	note("ended by signal %d", caught);
	exit(EXIT_REFUSED);
}

/**
 * halt_forget - a signal was the way to end the program, and no accident
 */
void halt_forget(void)
{
	caught = 0;
}

/**
 * halt_wait - wait for a file or for a time, and no longer than for a signal
 * @fd: the file, or -1
 * @events: what poll() shall wait for
 * @ms: milliseconds, negative without a limit
 *
 * Return: true if the file is ready.
 */
bool halt_wait(int fd, short events, double ms)
{
	struct timespec ts = {
		.tv_sec = ms / 1e3,
		.tv_nsec = (long)(ms * 1e6) % 1000000000,
	};
	struct pollfd pfd = { .fd = fd, .events = events };
	sigset_t all, before;
	int ret = 0;

	/* A signal between this check and poll() must not be missed */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	if (!caught)
		ret = ppoll(&pfd, 1, ms < 0 ? NULL : &ts, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ret > 0;
}
