// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA engine at work: what it transfers and in which order, how much in
 * one go, what makes it begin, and its start and end with the device.
 */
#include <linux/pci_regs.h>

#include "bus.h"

/* What is transferred */

static const struct transfer transfers[] = {
	{ "WRITE, a byte", OP_WRITE, 1, 2, 1 },
	{ "WRITE, a page", OP_WRITE, 4096, 8192, 4096 },
	{ "WRITE, all memory", OP_WRITE, 0, 0, MEM_SIZE },
	{ "WRITE, odd", OP_WRITE, 4095, 3, 10001 },
	{ "READ, a byte", OP_READ, 1, 2, 1 },
	{ "READ, all memory", OP_READ, 4096, 0, MEM_SIZE },
	{ "READ, odd", OP_READ, 77, 4000, 10001 },
	{ "COPY, pages", OP_COPY, 0, 0x20000, 3 * 4096 },
	{ "COPY, odd", OP_COPY, 1, 0x20003, 10001 },
	{ "FILL, a byte", OP_FILL, 0, 3, 1 },
	{ "FILL, odd", OP_FILL, 0, 4093, 10001 },
	{ "FILL, larger than memory", OP_FILL, 0, 0, 2 * MEM_SIZE },
};

KUNIT_ARRAY_PARAM_DESC(transfers, transfers, name);

/*
 * Each access is within a page; what is written is marked, as it was written
 * and after that; nothing else is.
 */
static void engine_transfers(struct kunit *test)
{
	const struct transfer *t = test->param_value;
	struct mtty_device *mtty = mtty_bus_manual_device(test);
	struct memories *m = mtty_bus_memories(test, mtty);
	u64 read = 0, written = 0;
	unsigned int i;

	mtty_bus_begin(mtty, 0, t);
	KUNIT_EXPECT_EQ(test, t->len, mtty_bus_step(mtty, 0, U64_MAX));
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
	KUNIT_EXPECT_EQ(test, t->len, mtty_bus_done(mtty, 0));
	mtty_bus_model(m, t, t->len);
	mtty_bus_expect_memories(test, mtty, m);
	KUNIT_EXPECT_FALSE(test, mtty_bus.locked);

	KUNIT_ASSERT_LE(test, mtty_bus.nr_events, ARRAY_SIZE(mtty_bus.events));
	for (i = 0; i < mtty_bus.nr_events; i++) {
		const struct event *e = &mtty_bus.events[i];

		KUNIT_EXPECT_EQ(test, e->iova / PAGE,
				(e->iova + e->len - 1) / PAGE);
		switch (e->type) {
		case BUS_READ:
			KUNIT_EXPECT_EQ(test, BASE + t->src + read, e->iova);
			read += e->len;
			break;
		case BUS_WRITE:
			KUNIT_EXPECT_EQ(test, BASE + t->dst + written, e->iova);
			written += e->len;
			KUNIT_ASSERT_LT(test, i + 1, mtty_bus.nr_events);
			KUNIT_EXPECT_EQ(test, MARK, e[1].type);
			break;
		case MARK:
			KUNIT_ASSERT_GT(test, i, 0);
			KUNIT_EXPECT_EQ(test, BUS_WRITE, e[-1].type);
			KUNIT_EXPECT_EQ(test, e[-1].iova, e->iova);
			KUNIT_EXPECT_EQ(test, e[-1].len, e->len);
		}
	}
	KUNIT_EXPECT_EQ(test, mtty_bus_src_is_user(t) ? t->len : 0, read);
	KUNIT_EXPECT_EQ(test, t->op != OP_READ ? t->len : 0, written);
}

/* The same from the threads, on both channels at once */
static void engine_transfers_by_itself(struct kunit *test)
{
	const struct transfer *t = test->param_value;
	struct mtty_device *mtty = mtty_bus_device(test);
	struct memories *m = mtty_bus_memories(test, mtty);
	const struct transfer other = {
		.op = OP_FILL, .dst = 0x38000, .len = 5 * PAGE + 1,
	};

	mtty_bus_begin(mtty, 0, t);
	mtty_bus_begin(mtty, 1, &other);
	mtty_bus_settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 1));
	mtty_bus_model(m, t, t->len);
	mtty_bus_model(m, &other, other.len);
	mtty_bus_expect_memories(test, mtty, m);
}

/* Interrupts and data fds are told of each chunk */
struct watch {
	struct wait_queue_entry entry;
	unsigned int wakes;
};

static int watch_wake(struct wait_queue_entry *entry, unsigned int mode,
		      int flags, void *key)
{
	container_of(entry, struct watch, entry)->wakes++;
	return 0;
}

static void engine_tells_of_each_chunk(struct kunit *test)
{
	static const struct transfer write = {
		.op = OP_WRITE, .len = 3 * PAGE,
	};
	static const struct transfer read = { .op = OP_READ, .len = 3 * PAGE };
	struct mtty_device *mtty = mtty_bus_manual_device(test);
	struct watch data = {}, engine = {};

	init_waitqueue_func_entry(&data.entry, watch_wake);
	init_waitqueue_func_entry(&engine.entry, watch_wake);
	add_wait_queue(&mtty->data_wait, &data.entry);
	add_wait_queue(&mtty->engine_wait, &engine.entry);

	mtty_bus_begin(mtty, 0, &write);
	mtty_bus_step(mtty, 0, U64_MAX);
	KUNIT_EXPECT_EQ(test, 3, mtty_bus.irq_updates);
	/* And of the end of the step */
	KUNIT_EXPECT_EQ(test, 4, engine.wakes);
	/* It changed no device memory */
	KUNIT_EXPECT_EQ(test, 0, data.wakes);

	mtty_bus_begin(mtty, 0, &read);
	mtty_bus_step(mtty, 0, U64_MAX);
	KUNIT_EXPECT_EQ(test, 6, mtty_bus.irq_updates);
	KUNIT_EXPECT_EQ(test, 8, engine.wakes);
	KUNIT_EXPECT_EQ(test, 3, data.wakes);

	remove_wait_queue(&mtty->data_wait, &data.entry);
	remove_wait_queue(&mtty->engine_wait, &engine.entry);
}

/* Failures */

struct failure {
	struct transfer t;
	/* Offset of the page that is not mapped, and how far it got */
	u64 bad;
	u64 done;
	/* The last mark, of what may have been written */
	bool marked;
};

static const struct failure failures[] = {
	{ { "WRITE, at once", OP_WRITE, 0, 0x3000, 8192 }, 0x3000, 0, true },
	{ { "WRITE, later", OP_WRITE, 5, 0x2005, 8192 }, 0x3000, 4091, true },
	{ { "READ, at once", OP_READ, 0x3000, 0, 8192 }, 0x3000, 0, false },
	{ { "READ, later", OP_READ, 0x2005, 5, 8192 }, 0x3000, 4091, false },
	{ { "COPY, source", OP_COPY, 0x2005, 0x9005, 8192 }, 0x3000, 4091,
	  false },
	{ { "COPY, destination", OP_COPY, 0x9005, 0x2005, 8192 }, 0x3000,
	  4091, true },
	{ { "FILL", OP_FILL, 0, 0x2800, 8192 }, 0x3000, 2048, true },
};

static void failure_desc(const struct failure *f, char *desc)
{
	strscpy(desc, f->t.name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(failures, failures, failure_desc);

static void engine_fails_where_nothing_is_mapped(struct kunit *test)
{
	const struct failure *f = test->param_value;
	struct mtty_device *mtty = mtty_bus_manual_device(test);
	struct memories *m = mtty_bus_memories(test, mtty);
	const struct event *last;
	unsigned int updates;

	mtty_bus.bad = BASE + f->bad;
	mtty_bus_begin(mtty, 1, &f->t);
	KUNIT_EXPECT_EQ(test, f->done, mtty_bus_step(mtty, 1, U64_MAX));
	KUNIT_EXPECT_EQ(test, FAILED, mtty_bus_status(mtty, 1));
	KUNIT_EXPECT_EQ(test, f->done, mtty_bus_done(mtty, 1));
	mtty_bus_model(m, &f->t, f->done);
	mtty_bus_expect_memories(test, mtty, m);

	/* One for each chunk, and one for the one that failed */
	KUNIT_EXPECT_EQ(test, f->done ? 2 : 1, mtty_bus.irq_updates);
	last = &mtty_bus.events[mtty_bus.nr_events - 1];
	KUNIT_EXPECT_EQ(test, f->marked, last->type == MARK);
	if (f->marked)
		KUNIT_EXPECT_EQ(test, BASE + f->t.dst + f->done, last->iova);

	/* It has ended: nothing is left to do, and another one can begin */
	updates = mtty_bus.irq_updates;
	KUNIT_EXPECT_EQ(test, 0, mtty_bus_step(mtty, 1, U64_MAX));
	KUNIT_EXPECT_EQ(test, updates, mtty_bus.irq_updates);
	mtty_bus.bad = 0;
	mtty_bus_write(mtty, 1, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_START);
	KUNIT_EXPECT_EQ(test, f->t.len, mtty_bus_step(mtty, 1, U64_MAX));
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 1));
}

/* Such an address may be BASE to who loses the upper bits */
static const struct transfer beyond[] = {
	{ "WRITE", OP_WRITE, 0x100, 1ULL << 32, 8 },
	{ "READ", OP_READ, 1ULL << 32, 0x100, 8 },
	{ "COPY, source", OP_COPY, 1ULL << 32, 0x100, 8 },
	{ "COPY, destination", OP_COPY, 0x100, 1ULL << 32, 8 },
	{ "FILL", OP_FILL, 0, 1ULL << 32, 8 },
};

KUNIT_ARRAY_PARAM_DESC(beyond, beyond, name);

static void engine_fails_where_no_bus_reaches(struct kunit *test)
{
	struct mtty_device *mtty = mtty_bus_manual_device(test);
	struct memories *m = mtty_bus_memories(test, mtty);

	mtty_bus_begin(mtty, 1, test->param_value);
	KUNIT_EXPECT_EQ(test, 0, mtty_bus_step(mtty, 1, U64_MAX));
	KUNIT_EXPECT_EQ(test, FAILED, mtty_bus_status(mtty, 1));
	mtty_bus_expect_memories(test, mtty, m);
}

static void engine_fails_without_device_memory(struct kunit *test)
{
	static const struct transfer t = {
		.op = OP_READ, .src = 100, .dst = 200, .len = 3 * PAGE,
	};
	struct mtty_device *mtty = mtty_bus_manual_device(test);

	mtty_bus_begin(mtty, 0, &t);
	KUNIT_EXPECT_EQ(test, PAGE - 200, mtty_bus_step(mtty, 0, 1));
	mtty_bus.no_page = true;
	KUNIT_EXPECT_EQ(test, 0, mtty_bus_step(mtty, 0, U64_MAX));
	KUNIT_EXPECT_EQ(test, FAILED, mtty_bus_status(mtty, 0));
	KUNIT_EXPECT_EQ(test, PAGE - 200, mtty_bus_done(mtty, 0));
}

/* Steps */

struct step {
	const char *name;
	u64 bytes;
	u64 moved;
};

/* Of a transfer of 3 pages and 10 bytes from the middle of a page on */
static const struct step steps[] = {
	{ "1", 1, 2048 },
	{ "the first chunk", 2048, 2048 },
	{ "a byte more", 2049, 2048 + 4096 },
	{ "two chunks", 2048 + 4096, 2048 + 4096 },
	{ "all but a byte", 3 * 4096 + 9, 3 * 4096 + 10 },
	{ "all", 3 * 4096 + 10, 3 * 4096 + 10 },
	{ "more", 3 * 4096 + 11, 3 * 4096 + 10 },
	{ "4 GiB", 1ULL << 32, 3 * 4096 + 10 },
};

KUNIT_ARRAY_PARAM_DESC(steps, steps, name);

static void engine_step_ends_with_a_chunk(struct kunit *test)
{
	static const struct transfer t = {
		.op = OP_FILL, .dst = 2048, .len = 3 * PAGE + 10,
	};
	const struct step *p = test->param_value;
	struct mtty_device *mtty = mtty_bus_manual_device(test);

	KUNIT_EXPECT_EQ(test, 0, mtty_bus_step(mtty, 0, p->bytes));
	mtty_bus_begin(mtty, 0, &t);
	KUNIT_EXPECT_EQ(test, p->moved, mtty_bus_step(mtty, 0, p->bytes));
	KUNIT_EXPECT_EQ(test, p->moved, mtty_bus_done(mtty, 0));
	KUNIT_EXPECT_EQ(test, 0, mtty_bus_step(mtty, 1, p->bytes));
	KUNIT_EXPECT_EQ(test, t.len - p->moved,
			mtty_bus_step(mtty, 0, U64_MAX));
	KUNIT_EXPECT_EQ(test, 0, mtty_bus_step(mtty, 0, U64_MAX));
}

/* A rate is of what moves by itself */
static void engine_step_whatever_the_rate(struct kunit *test)
{
	static const struct transfer t = {
		.op = OP_FILL, .len = 8 * PAGE, .rate = 1,
	};
	struct mtty_device *mtty = mtty_bus_manual_device(test);

	mtty_bus_begin(mtty, 0, &t);
	KUNIT_EXPECT_EQ(test, 5 * PAGE, mtty_bus_step(mtty, 0, 5 * PAGE));
	mtty_bus.queued[0] = false;
	mtty_bus_run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, 6 * PAGE, mtty_bus_done(mtty, 0));
	KUNIT_EXPECT_TRUE(test, mtty_bus.queued[0]);
	KUNIT_EXPECT_EQ(test, PAGE / MS_PER_JIFFY, mtty_bus.delay[0]);
}

static void engine_step_of_a_closed_device(struct kunit *test)
{
	struct mtty_device *mtty = mtty_bus_manual_device(test);

	mtty_test_close(test, mtty);
	KUNIT_EXPECT_EQ(test, 0, mtty_engine_step(mtty, 0, 1));
}

/* What may run */

struct may_run {
	const char *name;
	enum mtty_run run;
	struct transfer t;
	u64 peer;
	bool moves;
};

/* The peer window is one page */
static const struct may_run may_runs[] = {
	{ "RUNNING", MTTY_RUNNING, { .op = OP_FILL, .len = 8 }, 0x8000, true },
	{ "RUNNING, to a peer", MTTY_RUNNING,
	  { .op = OP_FILL, .len = 8 }, 0, true },
	{ "P2P", MTTY_RUNNING_P2P, { .op = OP_FILL, .len = 8 }, 0x8000, true },
	{ "P2P, to a peer", MTTY_RUNNING_P2P,
	  { .op = OP_FILL, .len = 8 }, 0, false },
	{ "P2P, its end is the peer's", MTTY_RUNNING_P2P,
	  { .op = OP_WRITE, .dst = 0x7ff8, .len = 9 }, 0x8000, false },
	{ "P2P, up to a peer", MTTY_RUNNING_P2P,
	  { .op = OP_WRITE, .dst = 0x7ff8, .len = 8 }, 0x8000, true },
	{ "P2P, from a peer", MTTY_RUNNING_P2P,
	  { .op = OP_READ, .src = 0x8fff, .len = 1 }, 0x8000, false },
	{ "P2P, behind a peer", MTTY_RUNNING_P2P,
	  { .op = OP_READ, .src = 0x9000, .len = 1 }, 0x8000, true },
	{ "P2P, copied from a peer", MTTY_RUNNING_P2P,
	  { .op = OP_COPY, .src = 0x8000, .len = 1 }, 0x8000, false },
	{ "stopped", MTTY_STOPPED, { .op = OP_FILL, .len = 8 }, 0x8000, false },
	{ "stopped, to a peer", MTTY_STOPPED,
	  { .op = OP_FILL, .len = 8 }, 0, false },
};

KUNIT_ARRAY_PARAM_DESC(may_runs, may_runs, name);

static void engine_may_run_in(struct kunit *test)
{
	const struct may_run *p = test->param_value;
	struct mtty_device *mtty = mtty_bus_manual_device(test);

	mtty_bus_set_peer(mtty, p->peer, PAGE);
	mtty_bus_set_run(mtty, p->run);
	mtty_bus_begin(mtty, 0, &p->t);
	/* Neither by a kick, nor by work that was queued before, nor by hand */
	if (p->moves)
		KUNIT_EXPECT_TRUE(test, mtty_bus.queued[0]);
	KUNIT_EXPECT_FALSE(test, mtty_bus.queued[1]);
	if (!p->moves) {
		mtty_bus_run_work(mtty, 0);
		mtty_bus_set_run(mtty, p->run);
		KUNIT_EXPECT_FALSE(test, mtty_bus.queued[0]);
	}
	KUNIT_EXPECT_EQ(test, p->moves ? p->t.len : 0,
			mtty_bus_step(mtty, 0, 1));
	if (p->moves)
		return;

	/* It goes on when it is let */
	KUNIT_EXPECT_EQ(test, 0, mtty_bus.nr_events);
	KUNIT_EXPECT_EQ(test, BUSY, mtty_bus_status(mtty, 0));
	mtty_bus_set_run(mtty, MTTY_RUNNING);
	KUNIT_EXPECT_TRUE(test, mtty_bus.queued[0]);
	KUNIT_EXPECT_EQ(test, 0, mtty_bus.delay[0]);
	mtty_bus_run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
}

static void engine_stops_between_chunks(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 4 * PAGE };
	struct mtty_device *mtty = mtty_bus_manual_device(test);

	mtty_bus_set_peer(mtty, 3 * PAGE, PAGE);
	mtty_bus_begin(mtty, 0, &t);
	KUNIT_EXPECT_EQ(test, PAGE, mtty_bus_step(mtty, 0, PAGE));
	mtty_bus_set_run(mtty, MTTY_RUNNING_P2P);
	KUNIT_EXPECT_EQ(test, 0, mtty_bus_step(mtty, 0, PAGE));
	mtty_bus_set_run(mtty, MTTY_RUNNING);
	KUNIT_EXPECT_EQ(test, PAGE, mtty_bus_step(mtty, 0, PAGE));
	mtty_bus_set_run(mtty, MTTY_STOPPED);
	KUNIT_EXPECT_EQ(test, 0, mtty_bus_step(mtty, 0, PAGE));
	KUNIT_EXPECT_EQ(test, 2 * PAGE, mtty_bus_done(mtty, 0));
	KUNIT_EXPECT_EQ(test, BUSY, mtty_bus_status(mtty, 0));
}

/* Kick */

static void engine_kick_of_an_idle_channel(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = PAGE };
	struct mtty_device *mtty = mtty_bus_manual_device(test);

	mtty_bus_program(mtty, 0, &t);
	mtty_bus_set_run(mtty, MTTY_RUNNING);
	KUNIT_EXPECT_FALSE(test, mtty_bus.queued[0]);
	KUNIT_EXPECT_FALSE(test, mtty_bus.queued[1]);
	mtty_bus_begin(mtty, 1, &t);
	KUNIT_EXPECT_FALSE(test, mtty_bus.queued[0]);
	KUNIT_EXPECT_TRUE(test, mtty_bus.queued[1]);
	KUNIT_EXPECT_EQ(test, 0, mtty_bus.delay[1]);
}

/* Bus Master Enable */
static void engine_without_bus_master(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = PAGE };
	struct mtty_device *mtty = mtty_bus_manual_device(test);

	mtty->hw.pci.config[PCI_COMMAND] &= ~PCI_COMMAND_MASTER;
	mtty_bus_begin(mtty, 0, &t);
	mtty_bus_run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, 0, mtty_bus_step(mtty, 0, 1));
	KUNIT_EXPECT_EQ(test, 0, mtty_bus.nr_events);
	KUNIT_EXPECT_EQ(test, BUSY, mtty_bus_status(mtty, 0));
	mtty->hw.pci.config[PCI_COMMAND] |= PCI_COMMAND_MASTER;
	mtty_bus_run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
}

/* A device that cannot have its threads is not opened, and leaves none */
static void engine_start_without_memory(struct kunit *test)
{
	struct mtty_device *mtty = mtty_bus_device(test);
	unsigned int i;

	mtty_engine_stop(mtty);
	mtty_bus.no_memory = true;
	KUNIT_EXPECT_EQ(test, -ENOMEM, mtty_engine_start(mtty));
	mtty_bus.no_memory = false;
	for (i = 0; i < MTTY_MIG_NR_DMA; i++)
		KUNIT_EXPECT_PTR_EQ(test, NULL, mtty->engine[i].worker);
	KUNIT_EXPECT_EQ(test, 0, mtty_engine_start(mtty));
}

/* The device is what init makes of it */
static void engine_init_of_each_channel(struct kunit *test)
{
	struct mtty_device *mtty = mtty_bus_device(test);
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		KUNIT_EXPECT_PTR_EQ(test, mtty, mtty->engine[i].mtty);
		KUNIT_EXPECT_EQ(test, i, mtty->engine[i].channel);
	}
}

static struct kunit_case engine_cases[] = {
	KUNIT_CASE_PARAM(engine_transfers, transfers_gen_params),
	KUNIT_CASE_PARAM(engine_transfers_by_itself, transfers_gen_params),
	KUNIT_CASE(engine_tells_of_each_chunk),
	KUNIT_CASE_PARAM(engine_fails_where_nothing_is_mapped,
			 failures_gen_params),
	KUNIT_CASE_PARAM(engine_fails_where_no_bus_reaches, beyond_gen_params),
	KUNIT_CASE(engine_fails_without_device_memory),
	KUNIT_CASE_PARAM(engine_step_ends_with_a_chunk, steps_gen_params),
	KUNIT_CASE(engine_step_whatever_the_rate),
	KUNIT_CASE(engine_step_of_a_closed_device),
	KUNIT_CASE_PARAM(engine_may_run_in, may_runs_gen_params),
	KUNIT_CASE(engine_stops_between_chunks),
	KUNIT_CASE(engine_kick_of_an_idle_channel),
	KUNIT_CASE(engine_without_bus_master),
	KUNIT_CASE(engine_start_without_memory),
	KUNIT_CASE(engine_init_of_each_channel),
	{}
};

static struct kunit_suite engine_suite = {
	.name = "mtty_mig_engine",
	.init = mtty_bus_init,
	.test_cases = engine_cases,
};

kunit_test_suite(engine_suite);
