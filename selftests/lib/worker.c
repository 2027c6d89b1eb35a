// SPDX-License-Identifier: GPL-2.0-only
/* A thread that may block in a system call, and how to know that it does. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "file.h"
#include "worker.h"

static void *worker_main(void *arg)
{
	struct worker *worker = arg;

	atomic_store(&worker->tid, syscall(SYS_gettid));
	worker->ret = worker->run(worker->arg);
	atomic_store(&worker->done, true);
	return NULL;
}

/**
 * worker_start - start a thread, or end the process
 * @worker: filled in
 * @run: what it does
 * @arg: argument of @run
 */
void worker_start(struct worker *worker, int (*run)(void *arg), void *arg)
{
	int error;

	memset(worker, 0, sizeof(*worker));
	worker->run = run;
	worker->arg = arg;
	error = pthread_create(&worker->thread, NULL, worker_main, worker);
	if (error)
		die("pthread_create: %s", strerror(error));
}

/* So often in a row a thread must be seen in one and the same sleep */
#define SAME_SLEEP	3

/* Nothing rests on this but that a call never returns */
#define PATIENCE_MS	20000

static void let_others_run(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	nanosleep(&moment, NULL);
}

/* The sleep that a thread is in, by how many it has had; 0 if it is awake */
static unsigned long worker_sleep(struct worker *worker)
{
	char path[64], status[4096];
	const char *state, *switches;
	unsigned long nr;
	char letter;

	if (!atomic_load(&worker->tid))
		return 0;
	snprintf(path, sizeof(path), "/proc/self/task/%d/status",
		 atomic_load(&worker->tid));
	if (file_read(path, status, sizeof(status)))
		return 0;
	state = strstr(status, "\nState:");
	switches = strstr(status, "\nvoluntary_ctxt_switches:");
	if (!state || sscanf(state, "\nState: %c", &letter) != 1 ||
	    !switches ||
	    sscanf(switches, "\nvoluntary_ctxt_switches: %lu", &nr) != 1)
		return 0;
	return letter == 'S' || letter == 'D' ? nr + 1 : 0;
}

/**
 * worker_sleeps - wait until a thread waits for something, or has ended
 * @worker: the thread; what it runs must begin with the system call in which
 *	it shall wait
 *
 * A thread may sleep for a moment on its way to where it is wanted to wait,
 * for a page of its own or for a lock that somebody else is about to release.
 * So it must be in one sleep for longer than that.  This makes it unlikely,
 * not impossible, that another wait is taken for the one that is meant: no
 * verdict may depend on it.  If one must be sure that a call does not wait,
 * see worker_returns().
 *
 * Return: true if it waits; false if it has ended.
 */
bool worker_sleeps(struct worker *worker)
{
	unsigned long sleep, before = 0;
	unsigned int times = 0;

	while (!atomic_load(&worker->done)) {
		sleep = worker_sleep(worker);
		times = !sleep ? 0 : sleep == before ? times + 1 : 1;
		if (times == SAME_SLEEP)
			return true;
		before = sleep;
		let_others_run();
	}
	return false;
}

static unsigned long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/**
 * worker_ends - wait until a thread has ended, but not for ever
 * @worker: the thread
 * @ms: milliseconds after which to give up
 *
 * A machine that is too busy to let anybody here run does not look as often as
 * it should, and then it takes longer.
 *
 * Return: whether it has.
 */
bool worker_ends(struct worker *worker, unsigned int ms)
{
	unsigned long long end = now_ms() + ms;
	unsigned int looks = 0;

	while (!atomic_load(&worker->done) &&
	       (now_ms() < end || looks < ms / 10)) {
		let_others_run();
		looks++;
	}
	return atomic_load(&worker->done);
}

/**
 * worker_returns - wait until a thread has ended
 * @worker: the thread; what it does must not wait for anything that its
 *	caller holds back
 *
 * Return: true if it has; false if that takes so long that it never will.
 */
bool worker_returns(struct worker *worker)
{
	return worker_ends(worker, PATIENCE_MS);
}

/**
 * worker_signal - send a signal to a thread, or end the process
 * @worker: the thread
 * @sig: the signal
 */
void worker_signal(struct worker *worker, int sig)
{
	int error = pthread_kill(worker->thread, sig);

	if (error)
		die("pthread_kill: %s", strerror(error));
}

/**
 * worker_interrupt - send a thread signals until it has ended
 * @worker: the thread
 * @sig: the signal, which has a handler
 *
 * One alone could come before the call that it is to interrupt.
 *
 * Return: what the thread returned.
 */
int worker_interrupt(struct worker *worker, int sig)
{
	while (!atomic_load(&worker->done)) {
		worker_signal(worker, sig);
		let_others_run();
	}
	return worker_join(worker);
}

/**
 * worker_join - wait until a thread has ended
 * @worker: the thread
 *
 * Return: what it returned.
 */
int worker_join(struct worker *worker)
{
	int error = pthread_join(worker->thread, NULL);

	if (error)
		die("pthread_join: %s", strerror(error));
	return worker->ret;
}
