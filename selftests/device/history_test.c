// SPDX-License-Identifier: GPL-2.0-only
/*
 * The judge of what several threads got (history.h), against histories of which
 * it is known whether they can be.
 *
 * No device is involved: what stress_test finds rests on this.
 */
#include <errno.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/vfio_mig.h"
#include "stress/history.h"
#include "stress/stress.h"

__thread char stress_trouble[256];

#define S(state)	VFIO_DEVICE_STATE_##state

enum event {
	END, SET, GET, RESET, REOPEN,
	SET_GIVES, GET_TELLS, RESET_GIVES, REOPEN_GIVES,
};

/* With a result that has a new data fd */
#define NEW_FD		1

/**
 * struct moment - a call begins, or returns
 * @event: which; END after the last one
 * @thread: whose
 * @state: that is asked for, or told
 * @ret: 0, -errno, or NEW_FD
 */
struct moment {
	enum event event;
	unsigned int thread;
	__u32 state;
	int ret;
};

/**
 * struct story - a history, of a device that is RUNNING
 * @name: what happens
 * @can_be: some order explains it
 * @moments: what happens, one after the other
 */
struct story {
	const char *name;
	bool can_be;
	struct moment moments[12];
};

static const struct story stories[] = {
	{ "SET, then GET of its state", true, {
		{ SET, 0, S(STOP_COPY), 0 }, { SET_GIVES, 0, 0, NEW_FD },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(STOP_COPY), 0 } } },
	{ "SET, then GET of the state before", false, {
		{ SET, 0, S(STOP_COPY), 0 }, { SET_GIVES, 0, 0, NEW_FD },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(RUNNING), 0 } } },
	{ "SET, then GET of a state on its way", false, {
		{ SET, 0, S(STOP_COPY), 0 }, { SET_GIVES, 0, 0, NEW_FD },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(STOP), 0 } } },
	{ "SET of a session without an fd", false, {
		{ SET, 0, S(STOP_COPY), 0 }, { SET_GIVES, 0, 0, 0 } } },
	{ "GET of a state on the way of a SET, then of its end", true, {
		{ SET, 0, S(STOP_COPY), 0 },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(RUNNING_P2P), 0 },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(STOP), 0 },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(STOP_COPY), 0 },
		{ SET_GIVES, 0, 0, NEW_FD } } },
	{ "GET of a state on the way of a SET, then of one before", false, {
		{ SET, 0, S(STOP_COPY), 0 },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(STOP), 0 },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(RUNNING), 0 },
		{ SET_GIVES, 0, 0, NEW_FD } } },
	{ "GET of a state that is not on the way of a SET", false, {
		{ SET, 0, S(STOP), 0 },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(PRE_COPY), 0 },
		{ SET_GIVES, 0, 0, 0 } } },
	{ "GET of another state while a SET is refused", false, {
		{ SET, 0, VFIO_DEVICE_STATE_NR, 0 },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(STOP), 0 },
		{ SET_GIVES, 0, 0, -EINVAL } } },
	{ "a second SET in the middle of one, then the end of the first", false, {
		{ SET, 0, S(STOP_COPY), 0 },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(STOP), 0 },
		{ SET, 2, S(RUNNING), 0 }, { SET_GIVES, 2, 0, 0 },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(STOP_COPY), 0 },
		{ SET_GIVES, 0, 0, NEW_FD } } },
	{ "a fault on the way, at the state that was seen or later", true, {
		{ SET, 0, S(STOP_COPY), 0 },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(RUNNING_P2P), 0 },
		{ SET_GIVES, 0, 0, -HISTORY_FAULT },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(STOP), 0 } } },
	{ "a fault on the way, before the state that was seen", false, {
		{ SET, 0, S(STOP_COPY), 0 },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(RUNNING_P2P), 0 },
		{ SET_GIVES, 0, 0, -HISTORY_FAULT },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(RUNNING), 0 } } },
	{ "a reset beside a SET, before it", true, {
		{ SET, 0, S(STOP), 0 }, { RESET, 1, 0, 0 },
		{ SET_GIVES, 0, 0, 0 }, { RESET_GIVES, 1, 0, 0 },
		{ GET, 0, 0, 0 }, { GET_TELLS, 0, S(STOP), 0 } } },
	{ "a reset beside a SET, after it", true, {
		{ SET, 0, S(STOP), 0 }, { RESET, 1, 0, 0 },
		{ SET_GIVES, 0, 0, 0 }, { RESET_GIVES, 1, 0, 0 },
		{ GET, 0, 0, 0 }, { GET_TELLS, 0, S(RUNNING), 0 } } },
	{ "a reset in the middle of a SET", false, {
		{ SET, 0, S(STOP), 0 },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(RUNNING_P2P), 0 },
		{ RESET, 1, 0, 0 }, { RESET_GIVES, 1, 0, 0 },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(RUNNING_P2P), 0 },
		{ SET_GIVES, 0, 0, 0 } } },
	{ "one reopens in the middle of a SET of another", true, {
		{ SET, 0, S(STOP), 0 },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(RUNNING_P2P), 0 },
		{ REOPEN, 1, 0, 0 }, { REOPEN_GIVES, 1, 0, 0 },
		{ GET, 1, 0, 0 }, { GET_TELLS, 1, S(RUNNING_P2P), 0 },
		{ SET_GIVES, 0, 0, 0 } } },
	{ "a reset that is forgotten", false, {
		{ SET, 0, S(STOP), 0 }, { SET_GIVES, 0, 0, 0 },
		{ RESET, 1, 0, 0 }, { RESET_GIVES, 1, 0, 0 },
		{ GET, 0, 0, 0 }, { GET_TELLS, 0, S(STOP), 0 } } },
};

static void tell(struct history *history, const struct story *story)
{
	static const enum history_op ops[] = {
		[SET] = HISTORY_SET, [GET] = HISTORY_GET,
		[RESET] = HISTORY_RESET, [REOPEN] = HISTORY_REOPEN,
	};
	struct history_call *calls[HISTORY_THREADS];
	const struct moment *m;

	history_begin(history, MIG_FLAGS_ALL);
	for (m = story->moments; m->event != END; m++) {
		if (m->event <= REOPEN) {
			calls[m->thread] = history_call(history, m->thread,
							ops[m->event],
							m->state);
			continue;
		}
		if (m->event == GET_TELLS)
			calls[m->thread]->state = m->state;
		calls[m->thread]->new_fd = m->ret == NEW_FD;
		history_return(history, m->thread, calls[m->thread],
			       m->ret == NEW_FD ? 0 : m->ret);
	}
}

TEST(history_is_explained_if_it_can_be)
{
	static struct history history;
	unsigned int i, states;

	for (i = 0; i < ARRAY_LEN(stories); i++) {
		const char *why;

		tell(&history, &stories[i]);
		why = history_explain(&history, &states);
		EXPECT_EQ(stories[i].can_be, !why)
			TH_LOG("%s: %s", stories[i].name,
			       why ? why : "explained");
	}
}

TEST_HARNESS_MAIN
