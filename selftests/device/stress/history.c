// SPDX-License-Identifier: GPL-2.0-only
/* Whether some order of calls explains what several threads got. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/check.h"
#include "history.h"
#include "stress.h"
#include "model.h"

#define NR_STATES	VFIO_DEVICE_STATE_NR
/* How many sets of threads there are */
enum { NR_MASKS = 1 << HISTORY_THREADS };

/* Sets of states are bitmaps */
static unsigned int only(__u32 state)
{
	return 1U << state;
}

/**
 * history_begin - begin with an empty history, of a device that is RUNNING
 * @history: the history
 * @flags: the device's capabilities
 */
void history_begin(struct history *history, __u64 flags)
{
	history->flags = flags;
	atomic_store(&history->nr_events, 0);
	atomic_store(&history->nr_calls, 0);
}

static void event(struct history *history, unsigned int thread,
		  struct history_call *call)
{
	unsigned int i = atomic_fetch_add(&history->nr_events, 1);

	history->events[i].thread = thread;
	history->events[i].call = call;
}

/**
 * history_call - a call begins
 * @history: the history
 * @thread: who calls, below HISTORY_THREADS
 * @op: what
 * @state: the state that is asked for
 *
 * Return: the call, for history_return().
 */
struct history_call *history_call(struct history *history, unsigned int thread,
				  enum history_op op, __u32 state)
{
	unsigned int i = atomic_fetch_add(&history->nr_calls, 1);
	struct history_call *call = &history->calls[i];

	if (i >= HISTORY_CALLS)
		die("more than %u calls", HISTORY_CALLS);
	*call = (struct history_call){ .op = op, .state = state };
	event(history, thread, call);
	return call;
}

/**
 * history_return - a call ends
 * @history: the history
 * @thread: who called
 * @call: the call, with what it told filled in
 * @ret: what it returned
 */
void history_return(struct history *history, unsigned int thread,
		    struct history_call *call, int ret)
{
	call->ret = ret;
	event(history, thread, call);
}

/* Where a SET that met a fault may have left the device */
static unsigned int after_fault(__u64 flags, __u32 from, __u32 to)
{
	unsigned int states = only(from) | only(VFIO_DEVICE_STATE_ERROR);
	struct mig_path path;
	unsigned int i;

	if (!mig_model_paths(flags, from, to, &path))
		return 0;
	for (i = 0; i + 1 < path.len; i++)
		states |= only(path.state[i]);
	return states;
}

/* Where a SET that an open page request has stopped must have left it */
static unsigned int after_busy(__u64 flags, __u32 from, __u32 to)
{
	struct mig_path path;
	unsigned int i;

	if (!mig_model_paths(flags, from, to, &path))
		return 0;
	for (i = 0; i < path.len; i++) {
		if (model_runs(from) && !model_runs(path.state[i]))
			return only(from);
		from = path.state[i];
	}
	return 0;
}

/* What a stream that several have written to at once may be refused for */
static bool is_refusal(int ret)
{
	switch (-ret) {
	case EINVAL:
	case EPROTOTYPE:
	case EPROTONOSUPPORT:
	case EMEDIUMTYPE:
	case EMSGSIZE:
	case EOPNOTSUPP:
	case EPROTO:
	case ERANGE:
	case EBADMSG:
	case E2BIG:
	case ENODATA:
		return true;
	default:
		return false;
	}
}

/* The states that a SET may lead to, given what it returned; 0 if none */
static unsigned int after_set(__u64 flags, __u32 from,
			      const struct history_call *call)
{
	struct mig_expect expect;

	if (from == VFIO_DEVICE_STATE_ERROR)
		return call->ret == -EIO ? only(from) : 0;
	mig_model_expect(flags, from, call->state, &expect);
	if (from == VFIO_DEVICE_STATE_RESUMING && call->state != from &&
	    !expect.ret && is_refusal(call->ret))
		return only(from);
	switch (call->ret) {
	case 0:
		return !expect.ret && expect.new_fd == call->new_fd ?
		       only(call->state) : 0;
	case -EINVAL:
		return expect.ret ? only(from) : 0;
	case -HISTORY_FAULT:
		return after_fault(flags, from, call->state);
	case -EBUSY:
		return after_busy(flags, from, call->state);
	default:
		return 0;
	}
}

static unsigned int after(__u64 flags, __u32 from,
			  const struct history_call *call)
{
	/* There was no device to ask */
	if (call->ret == -ENOTTY)
		return only(from);
	switch (call->op) {
	case HISTORY_SET:
		return after_set(flags, from, call);
	case HISTORY_GET:
		return call->state == from ? only(from) : 0;
	case HISTORY_REOPEN:
		return only(from) | only(VFIO_DEVICE_STATE_RUNNING);
	default:
		return only(VFIO_DEVICE_STATE_RUNNING);
	}
}

/*
 * The states that a SET passes on its way from a state, where GET, which takes
 * no lock, may see the device.  Whether such a SET can end as it did is for
 * after_set() to say, from where it was seen.
 */
static unsigned int on_the_way(__u64 flags, __u32 from,
			       const struct history_call *call)
{
	unsigned int states = 0, i;
	struct mig_path path;

	if (call->op != HISTORY_SET || call->ret == -ENOTTY ||
	    from == VFIO_DEVICE_STATE_ERROR || from == call->state ||
	    !mig_model_paths(flags, from, call->state, &path))
		return 0;
	for (i = 0; i + 1 < path.len; i++)
		states |= only(path.state[i]);
	return states;
}

/**
 * struct frontier - all that may be so at a moment
 * @pending: the call of each thread that has one under way
 * @states: by the set of pending calls that have taken effect: what state the
 *	device may then be in
 * @walking: by thread, and by the same set: what state it may be in while the
 *	SET of that thread, which is not in the set, is somewhere on its way
 */
struct frontier {
	const struct history_call *pending[HISTORY_THREADS];
	unsigned int states[NR_MASKS];
	unsigned int walking[HISTORY_THREADS][NR_MASKS];
};

static unsigned int each_on_the_way(__u64 flags, unsigned int states,
				    const struct history_call *call)
{
	unsigned int result = 0;
	__u32 state;

	for (state = 0; state < NR_STATES; state++)
		if (states & only(state))
			result |= on_the_way(flags, state, call);
	return result;
}

static unsigned int each_after(__u64 flags, unsigned int states,
			       const struct history_call *call)
{
	unsigned int result = 0;
	__u32 state;

	for (state = 0; state < NR_STATES; state++)
		if (states & only(state))
			result |= after(flags, state, call);
	return result;
}

/* The SET of a thread is on its way: what it and the others may do then */
static void let_walk(struct frontier *frontier, __u64 flags, unsigned int mask,
		     unsigned int walker)
{
	const struct history_call *set = frontier->pending[walker];
	unsigned int *walking = frontier->walking[walker];
	unsigned int thread;

	walking[mask] |= each_on_the_way(flags, frontier->states[mask], set);
	walking[mask] |= each_on_the_way(flags, walking[mask], set);
	frontier->states[mask | 1 << walker] |=
		each_after(flags, walking[mask], set);
	for (thread = 0; thread < HISTORY_THREADS; thread++) {
		const struct history_call *call = frontier->pending[thread];

		if (thread == walker || mask & 1 << thread || !call)
			continue;
		/*
		 * All else waits until the SET is done. The SET's own thread
		 * has the device open, so to reopen it does nothing to it.
		 */
		if (call->op == HISTORY_GET || call->ret == -ENOTTY)
			walking[mask | 1 << thread] |=
				each_after(flags, walking[mask], call);
		else if (call->op == HISTORY_REOPEN)
			walking[mask | 1 << thread] |= walking[mask];
	}
}

/* Let pending calls take effect, in all orders */
static void let_happen(struct frontier *frontier, __u64 flags)
{
	unsigned int mask, thread;

	/* A call is added to a set, so a larger one has a larger number */
	for (mask = 0; mask < NR_MASKS; mask++) {
		for (thread = 0; thread < HISTORY_THREADS; thread++) {
			const struct history_call *call =
				frontier->pending[thread];

			if (mask & 1 << thread || !call)
				continue;
			frontier->states[mask | 1 << thread] |=
				each_after(flags, frontier->states[mask], call);
			if (call->op == HISTORY_SET)
				let_walk(frontier, flags, mask, thread);
		}
	}
}

/* Of all that may be so, keep that in which the call of a thread has happened */
static unsigned int keep_happened(unsigned int *states, unsigned int thread)
{
	unsigned int mask, any = 0;

	for (mask = 0; mask < NR_MASKS; mask++) {
		if (mask & 1 << thread)
			continue;
		states[mask] = states[mask | 1 << thread];
		states[mask | 1 << thread] = 0;
		any |= states[mask];
	}
	return any;
}

/* A call ends, so it has taken effect; return whether that can be */
static bool has_happened(struct frontier *frontier, unsigned int thread)
{
	unsigned int any = keep_happened(frontier->states, thread);
	unsigned int walker;

	for (walker = 0; walker < HISTORY_THREADS; walker++)
		any |= keep_happened(frontier->walking[walker], thread);
	frontier->pending[thread] = NULL;
	return any;
}

/* How many events before the one that nothing explains are of interest */
#define CONTEXT	40

static const char * const op_names[] = {
	[HISTORY_SET]		= "SET",
	[HISTORY_GET]		= "GET",
	[HISTORY_RESET]		= "reset",
	[HISTORY_REOPEN]	= "reopen",
};

/* The calls that led there; a state that GET tells is known at its end */
static void print_events(const struct history *history, unsigned int last)
{
	unsigned int i = last > CONTEXT ? last - CONTEXT : 0;
	bool begun[HISTORY_THREADS] = {};
	unsigned int j;

	for (j = 0; j <= last; j++) {
		const struct history_event *event = &history->events[j];
		const struct history_call *call = event->call;
		bool begins = !begun[event->thread];

		begun[event->thread] = begins;
		if (j < i)
			continue;
		if (begins)
			printf("# event %u: thread %u begins %s %s\n", j,
			       event->thread, op_names[call->op],
			       call->op == HISTORY_SET ?
			       mig_state_name(call->state) : "");
		else
			printf("# event %u: thread %u has %s %s = %d%s\n", j,
			       event->thread, op_names[call->op],
			       call->op == HISTORY_SET ||
			       call->op == HISTORY_GET ?
			       mig_state_name(call->state) : "", call->ret,
			       call->new_fd ? ", fd" : "");
	}
}

/**
 * history_explain - whether some order of the calls explains the results
 * @history: the history; all calls have ended
 * @states: set to the states in which the device may be now
 *
 * Return: NULL, or the call that nothing explains.
 */
const char *history_explain(struct history *history, unsigned int *states)
{
	struct frontier frontier = {};
	unsigned int i;

	frontier.states[0] = only(VFIO_DEVICE_STATE_RUNNING);
	for (i = 0; i < atomic_load(&history->nr_events); i++) {
		struct history_event *event = &history->events[i];
		struct history_call *call = event->call;

		if (!frontier.pending[event->thread]) {
			frontier.pending[event->thread] = call;
			continue;
		}
		*states = frontier.states[0];
		let_happen(&frontier, history->flags);
		if (!has_happened(&frontier, event->thread)) {
			print_events(history, i);
			return WRONG("no order explains %s %s of thread %u (%d, %s), in states %#x",
				     op_names[call->op],
				     mig_state_name(call->state),
				     event->thread, call->ret,
				     call->new_fd ? "fd" : "no fd", *states);
		}
	}
	*states = frontier.states[0];
	return NULL;
}
