/* SPDX-License-Identifier: GPL-2.0-only */
/* A thread that may block in a system call, and how to know that it does. */
#ifndef SELFTESTS_LIB_WORKER_H
#define SELFTESTS_LIB_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/**
 * struct worker - a thread
 * @thread: what to join
 * @run: what it does
 * @arg: argument of @run
 * @ret: what @run returned
 * @tid: its ID, 0 until it begins with @run
 * @done: it has ended
 */
struct worker {
	pthread_t thread;
	int (*run)(void *arg);
	void *arg;
	int ret;
	atomic_int tid;
	atomic_bool done;
};

void worker_start(struct worker *worker, int (*run)(void *arg), void *arg);
bool worker_sleeps(struct worker *worker);
bool worker_returns(struct worker *worker);
bool worker_ends(struct worker *worker, unsigned int ms);
void worker_signal(struct worker *worker, int sig);
int worker_interrupt(struct worker *worker, int sig);
int worker_join(struct worker *worker);

#endif /* SELFTESTS_LIB_WORKER_H */
