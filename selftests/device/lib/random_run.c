// SPDX-License-Identifier: GPL-2.0-only
/* A run of random calls that can be repeated. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/check.h"
#include "random_run.h"

/*
 * No call of a run waits for anything that the run itself does not bring about
 * at once; so a minute without a step is a call that never returns.
 */
#define PATIENCE	60

static long seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static unsigned long from_env(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);
	unsigned long number;
	char *end;

	if (!value || !*value)
		return otherwise;
	number = strtoul(value, &end, 0);
	if (*end)
		die("%s=%s is no number", name, value);
	return number;
}

static __u64 seed_from_env(void)
{
	const char *value = getenv("SEED");
	struct timespec now;

	if (!value || strcmp(value, "random"))
		return from_env("SEED", 1);
	clock_gettime(CLOCK_REALTIME, &now);
	return (now.tv_sec * 1000003ULL + now.tv_nsec) % 1000000007;
}

/**
 * run_seed - one of the seeds of a test that takes several
 * @nr: which of them, from 1
 * @of: how many the test takes
 *
 * Return: another one for each @nr and each SEED=; @nr without SEED=.
 */
__u64 run_seed(unsigned int nr, unsigned int of)
{
	const char *value = getenv("SEED");
	__u64 seed = seed_from_env();

	if (value && *value) {
		printf("# SEED=%llu\n", (unsigned long long)seed);
		fflush(stdout);
	}
	return (seed - 1) * of + nr;
}

static int run_watchdog(void *arg)
{
	struct random_run *run = arg;
	unsigned long step = 0;
	long since = seconds();

	while (!atomic_load(&run->over)) {
		struct timespec wait = { .tv_nsec = 100000000 };

		nanosleep(&wait, NULL);
		if (atomic_load(&run->step) != step) {
			step = atomic_load(&run->step);
			since = seconds();
		}
		if (seconds() - since < PATIENCE)
			continue;
		printf("# no call has returned for %d s\n", PATIENCE);
		run_tell(run);
		/* Cleaning up would wait for what does not return */
		_exit(EXIT_FAILURE);
	}
	return 0;
}

/**
 * run_begin - begin a run, and tell its seed
 * @run: filled in
 * @program: name of the test program
 * @test: name of the test
 * @steps: how many steps each thread does if the user asks for nothing else
 * @share: how many tests share the time that the user asks for
 */
void run_begin(struct random_run *run, const char *program, const char *test,
	       unsigned long steps, unsigned int share)
{
	unsigned long minutes = from_env("MINUTES", 0);
	unsigned int i;

	memset(run, 0, sizeof(*run));
	for (i = 0; i < RUN_THREADS; i++) {
		run->trails[i].run = run;
		run->trails[i].thread = i;
	}
	run->program = program;
	run->test = test;
	run->seed = seed_from_env();
	run->steps = from_env("STEPS", steps);
	if (minutes)
		run->until = seconds() + (minutes * 60 + share - 1) / share;
	run->verbose = from_env("CALLS", 0);
	printf("# %s: SEED=%llu STEPS=%lu\n", test,
	       (unsigned long long)run->seed, run->steps);
	fflush(stdout);
	worker_start(&run->watchdog, run_watchdog, run);
}

/**
 * run_goes_on - whether there is another step, and how far it is
 * @run: the run
 * @step: number of the step, from 0
 *
 * Says a word now and then: of a kernel that dies nothing else is left, and
 * the lab takes a guest that says nothing for a dead one.
 *
 * Return: whether to do it.
 */
bool run_goes_on(struct random_run *run, unsigned long step)
{
	unsigned long every = run->until ? 2000 : run->steps / 4 + 1;

	/* Not the highest: that it moves is what the watchdog wants to see */
	atomic_fetch_add(&run->step, 1);
	if (run->until ? seconds() >= run->until : step >= run->steps)
		return false;
	if (step >= run->told + every) {
		run->told = step;
		printf("# %s: at step %lu\n", run->test, step);
		fflush(stdout);
	}
	return true;
}

/**
 * run_end - a run is over
 * @run: the run
 */
void run_end(struct random_run *run)
{
	atomic_store(&run->over, true);
	worker_join(&run->watchdog);
}

/**
 * run_tell - tell the last calls of each thread, and how to see them again
 * @run: the run
 */
void run_tell(struct random_run *run)
{
	unsigned int i;

	for (i = 0; i < RUN_THREADS; i++) {
		const struct run_trail *trail = &run->trails[i];
		unsigned long nr = trail->nr;
		unsigned long at = nr > RUN_TRAIL ? nr - RUN_TRAIL : 0;

		for (; at < nr; at++)
			printf("# thread %u, call %lu: %s\n", i, at,
			       trail->call[at % RUN_TRAIL]);
	}
	printf("# again: make stress TEST=%s SEED=%llu STEPS=%lu\n",
	       run->program, (unsigned long long)run->seed,
	       run->until ? atomic_load(&run->step) : run->steps);
	fflush(stdout);
}

/**
 * run_call - remember a call that is about to be made
 * @trail: of the thread
 * @fmt: the call, as for printf()
 */
void run_call(struct run_trail *trail, const char *fmt, ...)
{
	char *call = trail->call[trail->nr % RUN_TRAIL];
	va_list args;

	va_start(args, fmt);
	vsnprintf(call, sizeof(trail->call[0]), fmt, args);
	va_end(args);
	if (trail->run->verbose) {
		printf("# thread %u, call %lu: %s\n", trail->thread, trail->nr,
		       call);
		fflush(stdout);
	}
	trail->nr++;
}

/**
 * run_result - what the last call has returned
 * @trail: of the thread
 * @ret: the result, -errno on failure
 */
void run_result(struct run_trail *trail, long ret)
{
	char *call = trail->call[(trail->nr - 1) % RUN_TRAIL];
	size_t len = strlen(call);

	snprintf(call + len, sizeof(trail->call[0]) - len, " = %ld", ret);
}
