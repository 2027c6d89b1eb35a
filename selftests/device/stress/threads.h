/* SPDX-License-Identifier: GPL-2.0-only */
/* Several threads at one device: what they share. */
#ifndef SELFTESTS_DEVICE_STRESS_THREADS_H
#define SELFTESTS_DEVICE_STRESS_THREADS_H

#include <pthread.h>

#include "history.h"
#include "../lib/journey.h"
#include "../lib/slow_mem.h"
#include "stress.h"

/* What each thread has of late memory */
#define STRESS_BUF	(4 * MTTY_MIG_PAGE_SIZE)

/* Steps of each thread until all is looked at */
#define STRESS_ROUND		40
#define STRESS_SESSIONS	(3 * STRESS_ROUND)

/**
 * struct session - a data fd that a SET gave
 * @fd: the fd, open until the end of the round
 * @resumes: it is there to be written to
 * @shared: several threads transfer at once, and what they get is anything
 * @dead: it has answered as one that has ended, and must go on to do so
 * @ended: it has come to the end of the stream
 * @stream: what was read
 * @loaded: bytes of the image that were written
 * @refused: why a write was refused, negative, or 0
 */
struct session {
	int fd;
	bool resumes;
	bool shared;
	atomic_bool dead;
	bool ended;
	struct mig_stream stream;
	size_t loaded;
	int refused;
};

/**
 * struct together - what the threads share
 * @run: what they belong to
 * @type: of the device
 * @flags: its capabilities
 * @mtty: the device; while it is closed, the number of its fd is /dev/null
 * @dst: another one, to load what the first has saved
 * @null_fd: /dev/null
 * @iommu: held by who uses or changes mtty.dev.iommu_fd
 * @history: what was asked of the FSM
 * @image: a stream that can be loaded
 * @digest: of the device with that content
 * @fresh: of the device after a reset
 * @nr_sessions: how many sessions there are in this round
 * @sessions: the sessions
 * @publish: held by who adds one
 * @reopens: the device may be closed and opened in this round
 * @removes: the device is removed in this round
 * @remover: who waits for that
 * @failed: somebody has seen what cannot be
 * @trouble: what
 */
struct together {
	struct random_run *run;
	const char *type;
	__u64 flags;
	struct mtty mtty;
	struct mtty dst;
	int null_fd;
	pthread_mutex_t iommu;
	struct history history;
	struct mig_stream image;
	__u64 digest;
	__u64 fresh;
	atomic_uint nr_sessions;
	struct session sessions[STRESS_SESSIONS];
	pthread_mutex_t publish;
	bool reopens;
	bool removes;
	struct worker remover;
	atomic_bool failed;
	char trouble[320];
};

/**
 * struct actor - a thread
 * @worker: the thread
 * @together: what it shares
 * @number: its number
 * @trail: where its calls are remembered
 * @act: its steps
 * @dice: where its numbers come from
 * @step: that it is at
 * @slow: memory of its own
 * @armed: the fault that it has asked for
 */
struct actor {
	struct worker worker;
	struct together *together;
	unsigned int number;
	struct run_trail *trail;
	void (*act)(struct actor *actor);
	__u64 dice;
	unsigned long step;
	struct slow_mem slow;
	char armed[64];
};

/* As many as there are entries of stress_acts */
#define STRESS_THREADS	10

extern void (* const stress_acts[STRESS_THREADS])(struct actor *actor);

void stress_disarm(struct actor *actor);
int stress_answer(const struct mtty *mtty);

#endif /* SELFTESTS_DEVICE_STRESS_THREADS_H */
