/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A run of random calls that can be repeated: where its numbers come from, how
 * long it is, and what is told when it goes wrong.
 *
 * The environment decides, so that a person can ask for another run than the
 * one of every day:
 *
 *	SEED=N or random	which one (default: 1)
 *	STEPS=N			how many steps of each thread
 *	MINUTES=N		or how long, of all tests of the program together
 *	CALLS=1			print each call before it is made, for one that the
 *				kernel does not survive
 */
#ifndef SELFTESTS_DEVICE_RANDOM_RUN_H
#define SELFTESTS_DEVICE_RANDOM_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <kselftest.h>	/* __printf */

#include "mtty.h"
#include "../../lib/worker.h"

#define RUN_THREADS	10
#define RUN_TRAIL	12

/* Of the harness; how long a run takes is its user's to say */
#define RUN_TIMEOUT	1000000

struct random_run;

/**
 * struct run_trail - the last calls of a thread
 * @run: what it belongs to
 * @thread: number of the thread
 * @nr: how many calls there were
 * @call: the last of them, call @nr at @nr % RUN_TRAIL
 */
struct run_trail {
	struct random_run *run;
	unsigned int thread;
	unsigned long nr;
	char call[RUN_TRAIL][96];
};

/**
 * struct random_run - a run
 * @program: the test program, for the command that repeats it
 * @test: the test, for the same
 * @seed: of all its numbers
 * @steps: how many of each thread, if there is no @until
 * @until: when it ends, in seconds of CLOCK_MONOTONIC, or 0
 * @step: that it is at, of the thread that is furthest
 * @told: where progress was last told
 * @verbose: print each call
 * @trails: last calls
 * @watchdog: tells if nothing moves any more
 * @over: @watchdog may go
 */
struct random_run {
	const char *program;
	const char *test;
	__u64 seed;
	unsigned long steps;
	long until;
	atomic_ulong step;
	unsigned long told;
	bool verbose;
	struct run_trail trails[RUN_THREADS];
	struct worker watchdog;
	atomic_bool over;
};

__u64 run_seed(unsigned int nr, unsigned int of);
void run_begin(struct random_run *run, const char *program, const char *test,
	       unsigned long steps, unsigned int share);
bool run_goes_on(struct random_run *run, unsigned long step);
void run_end(struct random_run *run);
void run_tell(struct random_run *run);

__printf(2, 3)
void run_call(struct run_trail *trail, const char *fmt, ...);
void run_result(struct run_trail *trail, long ret);

/* A number below @n, and whether one of @n times */
#define below(dice, n)	(mtty_random(dice) % (n))
#define one_in(dice, n)	(!below(dice, n))

#endif /* SELFTESTS_DEVICE_RANDOM_RUN_H */
