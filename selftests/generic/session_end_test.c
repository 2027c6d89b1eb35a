// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a session, for who is in the queue of its data fd.
 *
 * A first reader is held in the middle of its read() by a page of its buffer
 * that userfaultfd keeps back.  The session is ended: a driver may let that
 * wait for the reader, or not.  A second reader comes to the same fd.  When
 * the first one goes on, the second must not get a byte of a session that has
 * ended.  That it got it after the end is certain if it is seen to touch its
 * own buffer, a page of which is held back, too, while the end has returned.
 */
#include <string.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/held_mem.h"
#include "../lib/rule.h"
#include "../lib/worker.h"
#include "dut_fixture.h"
#include "session.h"

DUT_FIXTURE(session_end, DUT_STOP_COPY);

/* For what a right driver does at once */
#define PATIENCE_MS	20000

/* For what a right driver does not do: it is not long to wait in vain */
#define VAIN_MS		1000

/**
 * struct reader - who reads from a data fd
 * @worker: the thread
 * @data_fd: the data fd
 * @mem: where its buffer is held back
 * @buf: the buffer
 * @len: bytes to read
 */
struct reader {
	struct worker worker;
	int data_fd;
	struct held_mem mem;
	void *buf;
	size_t len;
};

static int run_read(void *arg)
{
	struct reader *reader = arg;

	return mig_read(reader->data_fd, reader->buf, reader->len);
}

/**
 * struct end - who ends the session
 * @worker: the thread
 * @dut: the device
 * @state: the state to go to, for SET
 */
struct end {
	struct worker worker;
	struct dut *dut;
	__u32 state;
};

static int run_set(void *arg)
{
	struct end *end = arg;
	int none;

	return __vfio_mig_set(&end->dut->dev, end->state, &none);
}

static int run_reset(void *arg)
{
	struct end *end = arg;

	return __vfio_dev_reset(&end->dut->dev);
}

static int run_close(void *arg)
{
	struct end *end = arg;

	vfio_dev_close(&end->dut->dev);
	return 0;
}

static const struct way_out {
	const char *name;
	__u32 from;
	__u32 to;
	int (*run)(void *arg);
} ways_out[] = {
	{ "STOP_COPY to STOP", VFIO_DEVICE_STATE_STOP_COPY,
	  VFIO_DEVICE_STATE_STOP, run_set },
	{ "STOP_COPY to RUNNING", VFIO_DEVICE_STATE_STOP_COPY,
	  VFIO_DEVICE_STATE_RUNNING, run_set },
	{ "PRE_COPY to RUNNING", VFIO_DEVICE_STATE_PRE_COPY,
	  VFIO_DEVICE_STATE_RUNNING, run_set },
	{ "PRE_COPY_P2P to RUNNING_P2P", VFIO_DEVICE_STATE_PRE_COPY_P2P,
	  VFIO_DEVICE_STATE_RUNNING_P2P, run_set },
	{ "reset in STOP_COPY", VFIO_DEVICE_STATE_STOP_COPY,
	  VFIO_DEVICE_STATE_RUNNING, run_reset },
	{ "reset in PRE_COPY", VFIO_DEVICE_STATE_PRE_COPY,
	  VFIO_DEVICE_STATE_RUNNING, run_reset },
	{ "close in STOP_COPY", VFIO_DEVICE_STATE_STOP_COPY,
	  VFIO_DEVICE_STATE_RUNNING, run_close },
	{ "close in PRE_COPY", VFIO_DEVICE_STATE_PRE_COPY,
	  VFIO_DEVICE_STATE_RUNNING, run_close },
};

static bool has_way_out(struct dut *dut, const struct way_out *out)
{
	if (out->run == run_reset && !vfio_dev_can_reset(&dut->dev))
		return false;
	return mig_model_supported(dut->flags, out->from) &&
	       mig_model_supported(dut->flags, out->to);
}

/* NULL, or why not */
static const char *reader_new(struct reader *reader, size_t there, size_t len)
{
	static const __u8 zeroes[0x10000];
	const char *why = held_mem_new(&reader->mem, 2);

	if (why)
		return why;
	/* Only the second page is held back, and so many bytes lie before it */
	held_mem_serve(&reader->mem, 0, zeroes);
	reader->buf = reader->mem.buf + reader->mem.page - there;
	reader->len = len;
	return NULL;
}

static void serve(struct reader *reader)
{
	static const __u8 zeroes[0x10000];

	held_mem_serve(&reader->mem, 1, zeroes);
}

/* Whether the reader waits for its page, or else has ended */
static bool is_held(struct reader *reader)
{
	unsigned int i;
	size_t page;

	for (i = 0; i < PATIENCE_MS / 10; i++) {
		if (held_mem_wanted(&reader->mem, 10, &page))
			return true;
		if (atomic_load(&reader->worker.done))
			return false;
	}
	return false;
}

/* Bytes that the readers ask for */
#define FIRST_LEN	2
#define SECOND_LEN	16

/**
 * struct queue - a session with two readers and who ends it
 * @out: how
 * @first: who is held in the middle of a read()
 * @second: who waits for the first
 * @end: who ends the session
 * @early: the session had ended before the first reader went on
 * @held: the second reader has touched its buffer
 * @ended: the end of the session had returned by then, or soon after
 * @result: of the second reader
 */
struct queue {
	const struct way_out *out;
	struct reader first;
	struct reader second;
	struct end end;
	bool early;
	bool held;
	bool ended;
	int result;
};

/*
 * Where the end of a session waits for readers, the second one has to come
 * after it: it is the end's turn then before it is the second reader's.  Where
 * it does not wait, the second reader has to come before it.
 */
static const char *queue_up(struct queue *queue, struct dut *dut,
			    bool reader_last, unsigned int ms)
{
	struct reader *first = &queue->first, *second = &queue->second;
	struct end *end = &queue->end;

	first->data_fd = dut_go(dut, queue->out->from);
	second->data_fd = first->data_fd;
	worker_start(&first->worker, run_read, first);
	if (!is_held(first)) {
		worker_join(&first->worker);
		return "the driver does not copy to the user while it reads";
	}
	if (!reader_last) {
		worker_start(&second->worker, run_read, second);
		worker_sleeps(&second->worker);
	}
	end->dut = dut;
	end->state = queue->out->to;
	worker_start(&end->worker, queue->out->run, end);
	worker_sleeps(&end->worker);
	if (reader_last) {
		worker_start(&second->worker, run_read, second);
		worker_sleeps(&second->worker);
	}
	queue->early = worker_ends(&end->worker, ms);
	return NULL;
}

/*
 * Let the first reader go on.  The second may still come before the end of the
 * session; one that waits for readers then waits for the second, too.
 */
static int go_on(struct queue *queue)
{
	struct worker *end = &queue->end.worker;

	serve(&queue->first);
	queue->held = is_held(&queue->second);
	queue->ended = worker_ends(end, queue->held ? VAIN_MS : PATIENCE_MS);
	serve(&queue->second);
	queue->result = worker_join(&queue->second.worker);
	worker_join(&queue->first.worker);
	return worker_join(end);
}

/* NULL, or why it cannot be tried */
static const char *try_way_out(struct __test_metadata *_metadata,
			       struct dut *dut, const struct way_out *out,
			       bool reader_last, unsigned int ms,
			       struct queue *queue)
{
	const char *why;

	memset(queue, 0, sizeof(*queue));
	queue->out = out;
	/* One byte that is there, so that the device has begun to give */
	why = reader_new(&queue->first, 1, FIRST_LEN);
	if (!why)
		why = reader_new(&queue->second, 0, SECOND_LEN);
	if (!why)
		why = queue_up(queue, dut, reader_last, ms);
	if (why)
		return why;
	RULE_OK("MIG-LIFE-06", go_on(queue), "%s", out->name);
	close(queue->first.data_fd);
	held_mem_free(&queue->first.mem);
	held_mem_free(&queue->second.mem);
	if (out->run == run_close)
		must(__vfio_dev_open(&dut->dev, dut->name, dut->way));
	return NULL;
}

/*
 * A driver whose end of a session does not wait for readers may have been slow,
 * and the second reader came before it.  So what looks wrong is tried again,
 * with more patience than such a driver needs.
 */
static const char *judge_way_out(struct __test_metadata *_metadata,
				 struct dut *dut, const struct way_out *out,
				 bool reader_last)
{
	struct queue queue;
	const char *why;

	why = try_way_out(_metadata, dut, out, reader_last, VAIN_MS / 5,
			  &queue);
	if (!why && reader_last && !queue.early && queue.held && queue.ended)
		why = try_way_out(_metadata, dut, out, reader_last,
				  PATIENCE_MS, &queue);
	if (why)
		return why;
	/* It was before the end, which has waited: it may get anything */
	if (!reader_last && !queue.early)
		return NULL;
	RULE("MIG-LIFE-06", !queue.held || !queue.ended,
	     "a dead fd, seen read() put data into its buffer: it had queued, %s",
	     out->name);
	/* One that has come before the end, too */
	if (!queue.held)
		RULE("MIG-FD-09", session_dead(queue.result, out->from),
		     "end of stream or error, seen %s: read() that had queued, %s",
		     io_name(queue.result), out->name);
	return NULL;
}

/* Whether both readers would get all that they ask for */
static bool is_long(struct dut *dut, __u32 state)
{
	struct mig_stream stream = {};
	int data_fd = dut_go(dut, state);
	bool is;

	must(__session_read_on(&stream, data_fd, MIG_CHUNK));
	is = stream.len >= FIRST_LEN + SECOND_LEN;
	mig_stream_free(&stream);
	close(data_fd);
	return is;
}

TEST_F_TIMEOUT(session_end, who_is_in_the_queue_gets_nothing_of_it, 300)
{
	const char *why;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ways_out); i++) {
		if (!has_way_out(&self->dut, &ways_out[i]) ||
		    !is_long(&self->dut, ways_out[i].from))
			continue;
		why = judge_way_out(_metadata, &self->dut, &ways_out[i],
				    true);
		if (!why)
			why = judge_way_out(_metadata, &self->dut,
					    &ways_out[i], false);
		if (why)
			SKIP(return, "%s", why);
	}
}

TEST_HARNESS_MAIN
