/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stress: a random walk of legal and illegal calls, judged by a model.
 *
 * One thread alone (walk.c) is judged exactly: each result, and the
 * content of the device.  Several threads at once (together.c) have no
 * order that could be known; what they get must be what some order of their
 * calls allows, and when they have come to rest all is exact again.
 */
#ifndef SELFTESTS_DEVICE_STRESS_H
#define SELFTESTS_DEVICE_STRESS_H

#include "../lib/random_run.h"

const char *walk_alone(struct random_run *run, const char *type, __u64 flags);
const char *walk_together(struct random_run *run, const char *type,
			  __u64 flags);

/* Where a function of these says what is wrong */
extern __thread char stress_trouble[256];

#define WRONG(fmt, ...)							\
	(snprintf(stress_trouble, sizeof(stress_trouble), fmt,		\
		  ##__VA_ARGS__), stress_trouble)

#endif /* SELFTESTS_DEVICE_STRESS_H */
