// SPDX-License-Identifier: GPL-2.0-only
/* A thread that may block in a system call, and how to know that it does. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
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

/* The letter by which /proc tells a thread's state; 0 if it has none */
static char worker_letter(struct worker *worker)
{
	char path[64], stat[256];
	const char *name_end;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat",
		 atomic_load(&worker->tid));
	if (file_read(path, stat, sizeof(stat)))
		return 0;
	/* "TID (NAME) LETTER ..."; the name may have anything in it */
	name_end = strrchr(stat, ')');
	return name_end ? name_end[2] : 0;
}

/**
 * worker_sleeps - wait until a thread waits for something, or has ended
 * @worker: the thread; what it runs must begin with the system call in which
 *	it shall wait
 *
 * Return: true if it waits; false if it has ended.
 */
bool worker_sleeps(struct worker *worker)
{
	while (!atomic_load(&worker->done)) {
		char letter = 0;

		if (atomic_load(&worker->tid))
			letter = worker_letter(worker);
		if (letter == 'S' || letter == 'D')
			return true;
		sched_yield();
	}
	return false;
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
