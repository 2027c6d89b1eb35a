// SPDX-License-Identifier: GPL-2.0-only
/* The account of a migration: what was done, and how long it took. */
#include <stdio.h>

#include "../../selftests/lib/vfio_mig.h"
#include "account.h"
#include "say.h"
#include "text.h"

struct account account;

/**
 * account_arc - a device has another state
 * @end: what the device is called in the account
 * @from: state before
 * @to: state after
 * @ms: how long it took
 * @new_fd: a data fd came
 */
void account_arc(const char *end, __u32 from, __u32 to, double ms, bool new_fd)
{
	if (account.nr_arcs == ARCS_MAX)
		return;
	account.arcs[account.nr_arcs++] = (struct arc) {
		.end = end, .from = from, .to = to, .ms = ms, .new_fd = new_fd,
	};
}

/**
 * account_json_arcs - the arcs, for machines
 * @json: the object that has them as a member
 */
void account_json_arcs(struct json *json)
{
	unsigned int i;

	json_array(json, "arcs");
	for (i = 0; i < account.nr_arcs; i++) {
		const struct arc *arc = &account.arcs[i];

		json_object(json, NULL);
		json_text(json, "device", arc->end);
		json_text(json, "from", mig_state_name(arc->from));
		json_text(json, "to", mig_state_name(arc->to));
		json_ms(json, "ms", arc->ms);
		json_bool(json, "data_fd", arc->new_fd);
		json_end(json);
	}
	json_end(json);
}

/**
 * account_json_stream - the stream, for machines
 * @json: the object that has what is told of it as members
 */
void account_json_stream(struct json *json)
{
	unsigned int i;

	json_array(json, "pre_copy");
	for (i = 0; i < account.nr_rounds; i++) {
		const struct round *round = &account.rounds[i];

		json_object(json, NULL);
		json_number(json, "bytes", round->bytes);
		json_ms(json, "ms", round->ms);
		json_number(json, "initial_bytes", round->initial);
		json_number(json, "dirty_bytes", round->dirty);
		json_end(json);
	}
	json_end(json);
	json_object(json, "stop_copy");
	json_number(json, "bytes", account.last.bytes);
	json_ms(json, "ms", account.last.ms);
	json_end(json);
	json_number(json, "bytes", account.bytes);
	json_ms(json, "ms", account.stream_ms);
	json_ms(json, "downtime_ms", account.downtime_ms);
}

/**
 * account_summary - the account in a few lines
 * @changed: what changed in pre-copy, or NULL
 */
void account_summary(const char *changed)
{
	heading("Result");
	fprintf(say.tell, "  %-12s %s in %.1f ms, %s\n", "stream",
		size_text(account.bytes), account.stream_ms,
		rate_text(account.bytes, account.stream_ms));
	if (changed && account.nr_rounds)
		fprintf(say.tell, "  %-12s %s in %u round%s of pre-copy\n",
			"changed", changed, account.nr_rounds,
			account.nr_rounds > 1 ? "s" : "");
	fprintf(say.tell, "  %-12s %.3f ms\n", "downtime", account.downtime_ms);
}
