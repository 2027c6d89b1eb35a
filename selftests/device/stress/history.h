/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What several threads asked of one FSM, and whether some order of their
 * calls explains what they got (linearizability): an order in which each call
 * takes effect at one moment between its begin and its end.  Only a SET takes
 * effect arc by arc, for GET, which need not wait for it; all others do.
 */
#ifndef SELFTESTS_DEVICE_HISTORY_H
#define SELFTESTS_DEVICE_HISTORY_H

#include <stdatomic.h>

#include "../../lib/mig_model.h"

#define HISTORY_THREADS	4
#define HISTORY_CALLS	4096

/* The errno of faults: no driver has a use for it, so its reason is known */
#define HISTORY_FAULT	EXFULL

enum history_op {
	HISTORY_SET,
	HISTORY_GET,
	HISTORY_RESET,
	HISTORY_REOPEN,	/* by a group: who still calls keeps it open */
};

/**
 * struct history_call - a call
 * @op: what was asked
 * @state: that was asked for, or that was told
 * @ret: 0 or -errno
 * @new_fd: a data fd came
 */
struct history_call {
	enum history_op op;
	__u32 state;
	int ret;
	bool new_fd;
};

/* A call begins or ends */
struct history_event {
	unsigned int thread;
	struct history_call *call;
};

/**
 * struct history - calls of several threads
 * @flags: the device's capabilities
 * @nr_events: how many events there are
 * @events: as they came; each call has two
 * @nr_calls: how many calls there are
 * @calls: the calls
 */
struct history {
	__u64 flags;
	atomic_uint nr_events;
	struct history_event events[2 * HISTORY_CALLS];
	atomic_uint nr_calls;
	struct history_call calls[HISTORY_CALLS];
};

void history_begin(struct history *history, __u64 flags);
struct history_call *history_call(struct history *history, unsigned int thread,
				  enum history_op op, __u32 state);
void history_return(struct history *history, unsigned int thread,
		    struct history_call *call, int ret);
const char *history_explain(struct history *history, unsigned int *states);

#endif /* SELFTESTS_DEVICE_HISTORY_H */
