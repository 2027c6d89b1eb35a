// SPDX-License-Identifier: GPL-2.0-only
/* Which arcs the tests took; see arcs.h. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arcs.h"
#include "mig_model.h"
#include "vfio_mig.h"

/* Devices that are open at once; of more nothing is counted. 0 is no slot. */
#define SLOTS	16
#define UNKNOWN	VFIO_DEVICE_STATE_NR

/*
 * In memory that is shared with the processes that a test starts: a state that
 * one of them sets is the device's for all of them.
 */
static struct arcs {
	pid_t owner;
	struct {
		bool open;
		__u32 state;		/* or UNKNOWN */
		__u64 flags;		/* VFIO_MIGRATION_*, 0 if not known yet */
		unsigned int begun;	/* calls that may change the state */
		unsigned int under_way;
	} slot[SLOTS + 1];
	struct {
		unsigned int taken;
		unsigned int errors;
	} arc[VFIO_DEVICE_STATE_NR][VFIO_DEVICE_STATE_NR];
} *arcs;

/**
 * arcs_opened - a device was opened
 *
 * Its state is RUNNING then, unless it is open already by another file.
 *
 * Return: its slot, 0 if there is none left.
 */
int arcs_opened(void)
{
	int i;

	if (!arcs) {
		arcs = mmap(NULL, sizeof(*arcs), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (arcs == MAP_FAILED) {
			arcs = NULL;
			return 0;
		}
		arcs->owner = getpid();
	}
	for (i = 1; i <= SLOTS; i++)
		if (!__atomic_exchange_n(&arcs->slot[i].open, true,
					 __ATOMIC_SEQ_CST)) {
			arcs->slot[i].state = VFIO_DEVICE_STATE_RUNNING;
			arcs->slot[i].flags = 0;
			arcs->slot[i].begun = 0;
			arcs->slot[i].under_way = 0;
			return i;
		}
	return 0;
}

/**
 * arcs_closed - a device was closed
 * @slot: from arcs_opened()
 *
 * By the process that opened it: a child's copy closes nothing.
 */
void arcs_closed(int slot)
{
	if (slot && arcs->owner == getpid())
		__atomic_store_n(&arcs->slot[slot].open, false,
				 __ATOMIC_SEQ_CST);
}

/**
 * arcs_flags - what migration a device is capable of
 * @slot: from arcs_opened()
 * @flags: VFIO_MIGRATION_*
 */
void arcs_flags(int slot, __u64 flags)
{
	if (slot)
		arcs->slot[slot].flags = flags;
}

/**
 * arcs_begin - a call is made that may change the state
 * @slot: from arcs_opened()
 *
 * Return: for arcs_end().
 */
unsigned int arcs_begin(int slot)
{
	if (!slot)
		return 0;
	__atomic_add_fetch(&arcs->slot[slot].under_way, 1, __ATOMIC_SEQ_CST);
	return __atomic_add_fetch(&arcs->slot[slot].begun, 1,
				  __ATOMIC_SEQ_CST);
}

static void count_path(__u64 flags, __u32 from, __u32 to, bool failed)
{
	struct mig_path path;
	unsigned int i;

	if (mig_model_paths(flags, from, to, &path) != 1)
		return;
	/* Of a path of several arcs nobody tells which one failed. */
	if (failed && path.len == 1)
		__atomic_add_fetch(&arcs->arc[from][to].errors, 1,
				   __ATOMIC_SEQ_CST);
	for (i = 0; i < path.len && !failed; from = path.state[i++])
		__atomic_add_fetch(&arcs->arc[from][path.state[i]].taken, 1,
				   __ATOMIC_SEQ_CST);
}

/*
 * If another such call overlaps, nobody knows which of them came last, nor
 * from where it went.
 */
static __u32 settle(int slot, unsigned int turn, __u32 state, int ret)
{
	__u32 from = arcs->slot[slot].state;
	bool alone;

	alone = __atomic_sub_fetch(&arcs->slot[slot].under_way, 1,
				   __ATOMIC_SEQ_CST) == 0 &&
		__atomic_load_n(&arcs->slot[slot].begun,
				__ATOMIC_SEQ_CST) == turn;
	arcs->slot[slot].state = alone && !ret ? state : UNKNOWN;
	return alone ? from : UNKNOWN;
}

/**
 * arcs_set - SET_STATE has returned
 * @slot: from arcs_opened()
 * @turn: from arcs_begin()
 * @state: what was asked for
 * @ret: 0 or -errno
 */
void arcs_set(int slot, unsigned int turn, __u32 state, int ret)
{
	__u32 from;

	if (!slot)
		return;
	from = settle(slot, turn, state, ret);
	if (from != UNKNOWN)
		count_path(arcs->slot[slot].flags, from, state, ret);
}

/**
 * arcs_is - a call has returned that tells the state, or gives one without an arc
 * @slot: from arcs_opened()
 * @turn: from arcs_begin()
 * @state: the state, or any other number if it is not known
 * @ret: 0 or -errno
 */
void arcs_is(int slot, unsigned int turn, __u32 state, int ret)
{
	if (slot)
		settle(slot, turn, state < UNKNOWN ? state : UNKNOWN, ret);
}

/**
 * arcs_report - tell which arcs were taken since the test began
 *
 * Called where a test ends.
 */
void arcs_report(void)
{
	const char *separator = "# arcs:";
	__u32 from, to;

	if (!arcs || arcs->owner != getpid())
		return;
	for (from = 0; from < VFIO_DEVICE_STATE_NR; from++)
		for (to = 0; to < VFIO_DEVICE_STATE_NR; to++) {
			if (!arcs->arc[from][to].taken &&
			    !arcs->arc[from][to].errors)
				continue;
			fprintf(stderr, "%s %s>%s %u %u", separator,
				mig_state_name(from), mig_state_name(to),
				arcs->arc[from][to].taken,
				arcs->arc[from][to].errors);
			separator = ",";
		}
	if (*separator == ',')
		fprintf(stderr, "\n");
	memset(arcs->arc, 0, sizeof(arcs->arc));
}
