/* SPDX-License-Identifier: GPL-2.0-only */
/* The account of a migration: what was done, and how long it took. */
#ifndef VFIO_MIGCTL_ACCOUNT_H
#define VFIO_MIGCTL_ACCOUNT_H

#include <stdbool.h>
#include <linux/types.h>

#include "json.h"

#define ROUNDS_MAX	32
#define ARCS_MAX	32

/**
 * struct arc - what was done to a device
 * @end: to which
 * @from: state before
 * @to: state after
 * @ms: how long it took
 * @new_fd: a data fd came
 */
struct arc {
	const char *end;
	__u32 from;
	__u32 to;
	double ms;
	bool new_fd;
};

/**
 * struct round - one pass of pre-copy, or what came after it
 * @bytes: sent
 * @ms: how long it took
 * @initial: initial_bytes left
 * @dirty: dirty_bytes left
 */
struct round {
	__u64 bytes;
	double ms;
	__u64 initial;
	__u64 dirty;
};

/**
 * struct account - the whole migration
 * @arcs: what was done
 * @nr_arcs: how many of @arcs
 * @rounds: of pre-copy
 * @nr_rounds: how many of @rounds
 * @last: what was sent in STOP_COPY
 * @bytes: of the stream
 * @stream_ms: how long it took to send them
 * @downtime_ms: how long the device did not run
 */
struct account {
	struct arc arcs[ARCS_MAX];
	unsigned int nr_arcs;
	struct round rounds[ROUNDS_MAX];
	unsigned int nr_rounds;
	struct round last;
	__u64 bytes;
	double stream_ms;
	double downtime_ms;
};

extern struct account account;

void account_arc(const char *end, __u32 from, __u32 to, double ms,
		 bool new_fd);
void account_json_arcs(struct json *json);
void account_json_stream(struct json *json);
void account_summary(const char *changed);

#endif /* VFIO_MIGCTL_ACCOUNT_H */
