// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the uAPI text says that SET_STATE does.
 *
 * include/uapi/linux/vfio.h gives the arcs, what a missing capability does to
 * them, and two rules by which the path of a combined transition is chosen.
 * Everything here is computed from these: the text is what a driver is held
 * against, and not the table with which the kernel implements it.
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "mig_model.h"

#define S(state)	VFIO_DEVICE_STATE_##state

/* "The driver implements the following behavior for the FSM arcs" */
static const struct {
	__u32 from;
	__u32 to;
} arcs[] = {
	{ S(RUNNING_P2P), S(STOP) },
	{ S(STOP_COPY), S(STOP) },
	{ S(RESUMING), S(STOP) },
	{ S(PRE_COPY), S(RUNNING) },
	{ S(RUNNING_P2P), S(RUNNING) },
	{ S(PRE_COPY_P2P), S(RUNNING_P2P) },
	{ S(RUNNING), S(RUNNING_P2P) },
	{ S(STOP), S(RUNNING_P2P) },
	{ S(RUNNING), S(PRE_COPY) },
	{ S(RUNNING_P2P), S(PRE_COPY_P2P) },
	{ S(STOP), S(STOP_COPY) },
	{ S(PRE_COPY), S(PRE_COPY_P2P) },
	{ S(PRE_COPY_P2P), S(PRE_COPY) },
	{ S(PRE_COPY_P2P), S(STOP_COPY) },
	{ S(STOP), S(RESUMING) },
};

/**
 * mig_model_supported - whether SET_STATE may name a state
 * @flags: the device's VFIO_MIGRATION_*
 * @state: the state, or any number
 *
 * "The optional states cannot be used with SET_STATE if the device does not
 * support them", and "ERROR cannot be specified as a device state".
 *
 * Return: true if it may.
 */
bool mig_model_supported(__u64 flags, __u32 state)
{
	__u64 needs;

	switch (state) {
	case S(RUNNING):
		return true;
	case S(STOP):
	case S(STOP_COPY):
	case S(RESUMING):
		needs = VFIO_MIGRATION_STOP_COPY;
		break;
	case S(RUNNING_P2P):
		needs = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P;
		break;
	case S(PRE_COPY):
		needs = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_PRE_COPY;
		break;
	case S(PRE_COPY_P2P):
		needs = MIG_FLAGS_ALL;
		break;
	default:
		return false;
	}
	return (flags & needs) == needs;
}

/**
 * mig_model_saving - whether a state belongs to the saving group
 * @state: the state
 *
 * "PRE_COPY, PRE_COPY_P2P and STOP_COPY form the 'saving group' of states
 * which share a data transfer session."
 *
 * Return: true if it does.
 */
bool mig_model_saving(__u32 state)
{
	return state == S(PRE_COPY) || state == S(PRE_COPY_P2P) ||
	       state == S(STOP_COPY);
}

/**
 * mig_model_session - whether there is a data transfer session in a state
 * @state: the state
 *
 * Return: true if there is one.
 */
bool mig_model_session(__u32 state)
{
	return mig_model_saving(state) || state == S(RESUMING);
}

/*
 * "For the purpose of specification the states behave as though the device
 * was fully running if not supported": without P2P, its states are the ones
 * without it.
 */
static __u32 without_p2p(__u64 flags, __u32 state)
{
	if (flags & VFIO_MIGRATION_P2P)
		return state;
	if (state == S(RUNNING_P2P))
		return S(RUNNING);
	if (state == S(PRE_COPY_P2P))
		return S(PRE_COPY);
	return state;
}

/**
 * mig_model_arc - whether one arc leads from a state to another
 * @flags: the device's VFIO_MIGRATION_*
 * @from: the one state
 * @to: the other state
 *
 * "Arcs touching PRE_COPY and PRE_COPY_P2P are removed if support for
 * PRE_COPY is not present", as both states are then not supported.
 *
 * Return: true if it does.
 */
bool mig_model_arc(__u64 flags, __u32 from, __u32 to)
{
	unsigned int i;

	if (from == to || !mig_model_supported(flags, from) ||
	    !mig_model_supported(flags, to))
		return false;
	for (i = 0; i < ARRAY_LEN(arcs); i++)
		if (without_p2p(flags, arcs[i].from) == from &&
		    without_p2p(flags, arcs[i].to) == to)
			return true;
	return false;
}

/*
 * "The path cannot have saving group states as interior arcs, only
 * starting/end states."  Within the group there is no way around them, and a
 * path that left it would break another rule: "Moving between these states
 * [...] does not terminate or otherwise affect the associated fd".  So a path
 * between two of its states stays in the group.
 */
static bool may_pass(__u32 from, __u32 to, __u32 via)
{
	if (mig_model_saving(from) && mig_model_saving(to))
		return mig_model_saving(via);
	return !mig_model_saving(via);
}

/**
 * mig_model_paths - the shortest paths that the rules allow
 * @flags: the device's VFIO_MIGRATION_*
 * @from: the current state
 * @to: the state that is asked for, another one
 * @path: set to one of them if there is any
 *
 * "Select the shortest path."  A breadth-first search, which counts the paths
 * so that a test can find whether the rules are ambiguous.
 *
 * Return: how many there are; 0 if the transition is not possible.
 */
unsigned int mig_model_paths(__u64 flags, __u32 from, __u32 to,
			     struct mig_path *path)
{
	unsigned int distance[S(NR)], paths[S(NR)] = {};
	__u32 before[S(NR)], queue[S(NR)];
	unsigned int head = 0, tail = 0;
	unsigned int i;

	path->len = 0;
	if (!mig_model_supported(flags, from) ||
	    !mig_model_supported(flags, to))
		return 0;

	queue[tail++] = from;
	distance[from] = 0;
	paths[from] = 1;
	while (head < tail) {
		__u32 at = queue[head++];
		__u32 next;

		if (at != from && (at == to || !may_pass(from, to, at)))
			continue;
		for (next = 0; next < S(NR); next++) {
			if (!mig_model_arc(flags, at, next))
				continue;
			if (!paths[next]) {
				queue[tail++] = next;
				distance[next] = distance[at] + 1;
				before[next] = at;
			} else if (distance[next] <= distance[at]) {
				continue;
			}
			paths[next] += paths[at];
		}
	}
	if (!paths[to] || from == to)
		return 0;

	path->len = distance[to];
	for (i = path->len; i; i--) {
		path->state[i - 1] = to;
		to = before[to];
	}
	return paths[path->state[path->len - 1]];
}

/**
 * mig_model_expect - what SET_STATE must do
 * @flags: the device's VFIO_MIGRATION_*
 * @from: the current state
 * @to: the state that is asked for, or any number
 * @expect: filled in
 *
 * -EINVAL is what vfio_mig_get_next_state() gives for what is not possible;
 * the uAPI text refers to it.
 */
void mig_model_expect(__u64 flags, __u32 from, __u32 to,
		      struct mig_expect *expect)
{
	struct mig_path path;
	unsigned int i;

	memset(expect, 0, sizeof(*expect));
	expect->state = from;
	if (from == to && mig_model_supported(flags, to))
		return;
	if (!mig_model_paths(flags, from, to, &path)) {
		expect->ret = -EINVAL;
		return;
	}

	/*
	 * A session lasts while the state is in the saving group, or
	 * RESUMING.  A new one needs its fd told only if it is still there
	 * at the end of the path.
	 */
	for (i = 0; i < path.len; i++) {
		__u32 next = path.state[i];

		if (mig_model_session(expect->state) &&
		    !(mig_model_saving(expect->state) &&
		      mig_model_saving(next))) {
			expect->ends = true;
			expect->new_fd = false;
		}
		if (mig_model_session(next) &&
		    !(mig_model_saving(expect->state) &&
		      mig_model_saving(next)))
			expect->new_fd = true;
		expect->state = next;
	}
}
