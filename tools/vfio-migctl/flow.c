// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stream of a source device, on its way out: to another device, to a file
 * or to nowhere.  It goes through one buffer and is never held whole.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "bar.h"
#include "flow.h"
#include "halt.h"
#include "say.h"
#include "text.h"

/* Pre-copy ends when no more than this is left to send */
#define LEFT_ENOUGH	(256 * KIB)

/**
 * flow_begin - get what a stream goes through
 * @flow: the stream
 * @size: bytes to read at once
 */
void flow_begin(struct flow *flow, size_t size)
{
	flow->size = size;
	flow->buffer = malloc(size);
	if (!flow->buffer)
		fail(EXIT_REFUSED, "a smaller --buffer",
		     "no memory for a buffer of %s", size_text(size));
}

/*
 * Copy one buffer.  Return: bytes, 0 at the end, or -ENOMSG at a temporary end
 */
static ssize_t pump(struct flow *flow)
{
	ssize_t len;

	do {
		halt_check();
		len = mig_read(flow->src->data_fd, flow->buffer, flow->size);
	} while (len == -EINTR);
	if (len < 0 && len != -ENOMSG)
		end_fail(flow->src, -len, "dmesg: it may say why the driver has failed",
			 "read of the data fd");
	if (len > (ssize_t)flow->size)
		end_fail(flow->src, 0, NULL,
			 "read of the data fd tells %zd bytes, of %zu that were asked for",
			 len, flow->size);
	if (len > 0)
		flow->put(flow->arg, flow->buffer, len);
	return len;
}

/**
 * put_into - put a part of a stream into a device, or end the program
 * @arg: the device, struct end
 * @data: the bytes
 * @len: how many
 */
void put_into(void *arg, const void *data, size_t len)
{
	struct end *dst = arg;
	size_t done = 0;

	while (done < len) {
		ssize_t n;

		halt_check();
		n = mig_write(dst->data_fd, data + done, len - done);
		if (n == -EINTR)
			continue;
		if (n < 0)
			end_fail(dst, -n, "vfio-migctl inspect: the stream is not valid",
				 "write to the data fd");
		/* A repeated write() would make no progress either */
		if (!n || n > (ssize_t)(len - done))
			end_fail(dst, 0, NULL,
				 "write to the data fd took %zd of %zu bytes",
				 n, len - done);
		done += n;
	}
}

/* Pre-copy */

static void left(struct flow *flow, struct round *round)
{
	struct vfio_precopy_info info;
	int ret = __vfio_precopy_info(flow->src->data_fd, &info);

	if (ret)
		end_fail(flow->src, -ret, NULL, "VFIO_MIG_GET_PRECOPY_INFO");
	round->initial = info.initial_bytes;
	round->dirty = info.dirty_bytes;
}

/* What the bar needs to know */
struct in_round {
	struct flow *flow;
	struct round *round;
};

static void left_text(void *arg, char *text, unsigned int size)
{
	struct in_round *in = arg;

	left(in->flow, in->round);
	snprintf(text, size, " %10s %10s", size_text(in->round->initial),
		 size_text(in->round->dirty));
}

/*
 * Send as many bytes as there were when the round began; later changes belong
 * to the next round
 */
static void pre_copy_round(struct flow *flow, unsigned int number,
			   struct round *round)
{
	struct in_round in = { .flow = flow, .round = round };
	struct bar bar = { .rest = left_text, .arg = &in };
	double start = now_ms();

	snprintf(bar.label, sizeof(bar.label), "round %u", number);
	left(flow, round);
	bar.goal = round->initial + round->dirty;
	while (round->bytes < bar.goal) {
		ssize_t n = pump(flow);

		if (n <= 0)
			break;
		round->bytes += n;
		if (flow->meanwhile)
			flow->meanwhile();
		round->ms = now_ms() - start;
		bar_go(&bar, round->bytes, round->ms);
	}
	round->ms = now_ms() - start;
	bar_end(&bar, round->bytes, round->ms);
	account.bytes += round->bytes;
	account.stream_ms += round->ms;
}

/**
 * flow_pre_copy - send what there is while the source runs, again and again
 * @flow: the stream; its source is in PRE_COPY
 */
void flow_pre_copy(struct flow *flow)
{
	struct round *round;

	fprintf(say.tell, "  %-*s %10s %12s %10s %10s\n", BAR_WIDTH + 11, "",
		"sent", "rate", "initial", "dirty");
	do {
		round = &account.rounds[account.nr_rounds++];
		pre_copy_round(flow, account.nr_rounds, round);
	} while (account.nr_rounds < flow->rounds &&
		 account.nr_rounds < ROUNDS_MAX &&
		 round->initial + round->dirty > LEFT_ENOUGH);
}

/**
 * flow_stop_copy - send the rest, to the end of the stream
 * @flow: the stream; its source is in STOP_COPY
 * @expected: bytes of which a bar is shown; 0: it is all over before one could
 *	be looked at
 */
void flow_stop_copy(struct flow *flow, __u64 expected)
{
	struct bar bar = { .label = "stream", .goal = expected };
	struct round *last = &account.last;
	double start = now_ms();
	ssize_t n;

	while ((n = pump(flow)) > 0) {
		last->bytes += n;
		if (expected)
			bar_go(&bar, last->bytes, now_ms() - start);
	}
	if (n)
		end_fail(flow->src, ENOMSG, NULL,
			 "read of the data fd tells a temporary end, in STOP_COPY");
	last->ms = now_ms() - start;
	account.bytes += last->bytes;
	account.stream_ms += last->ms;
	if (expected)
		bar_end(&bar, last->bytes, last->ms);
	else
		fprintf(say.tell, "  %-12s %-28s %9.3f ms   %s\n", "stream",
			"the rest, to its end", last->ms,
			size_text(last->bytes));
}
