// SPDX-License-Identifier: GPL-2.0-only
/*
 * A chunk of the DMA engine that is in flight: what happens meanwhile, and what
 * waits for it.
 */

#include "bus.h"

/* Hold */

static void engine_held_moves_by_steps_only(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 2 * PAGE };
	struct mtty_device *mtty = mtty_bus_manual_device(test);

	mtty_engine_hold(mtty, true);
	KUNIT_EXPECT_FALSE(test, mtty_bus.queued[0]);
	mtty_bus_begin(mtty, 0, &t);
	mtty_bus_set_run(mtty, MTTY_RUNNING);
	/* Work that was queued before does nothing and goes away */
	mtty_bus_run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, 0, mtty_bus.nr_events);
	KUNIT_EXPECT_FALSE(test, mtty_bus.queued[0]);

	KUNIT_EXPECT_EQ(test, PAGE, mtty_engine_step(mtty, 0, 1));
	KUNIT_EXPECT_FALSE(test, mtty_bus.queued[0]);
	mtty_engine_hold(mtty, false);
	KUNIT_EXPECT_TRUE(test, mtty_bus.queued[0]);
	KUNIT_EXPECT_FALSE(test, mtty_bus.queued[1]);
	mtty_bus_run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
}

static void call_hold(struct mtty_device *mtty)
{
	mtty_engine_hold(mtty, true);
}

static void engine_hold_waits_for_the_chunk_under_way(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 8 * PAGE };
	struct mtty_device *mtty = mtty_bus_device(test);
	struct other *hold;

	mtty_bus_begin_blocked(mtty, 0, &t);
	hold = mtty_bus_call(test, mtty, call_hold);
	KUNIT_EXPECT_TRUE(test, mtty_bus_waits(hold));
	mtty_bus_let_go(mtty);
	wait_for_completion(&hold->done);
	/* One chunk, and no work is left that could do another */
	mtty_bus_settle(mtty);
	KUNIT_EXPECT_EQ(test, PAGE, mtty_bus_done(mtty, 0));
	KUNIT_EXPECT_EQ(test, PAGE, mtty_engine_step(mtty, 0, 1));
	mtty_engine_hold(mtty, false);
	mtty_bus_settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
}

static void call_step(struct mtty_device *mtty)
{
	mtty_engine_step(mtty, 0, 1);
}

/* One waits for the step; the other is told that there is one */
static void engine_stepped_by_two(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 8 * PAGE };
	struct mtty_device *mtty = mtty_bus_device(test);
	struct other *step;

	mtty_engine_hold(mtty, true);
	mtty_bus_begin(mtty, 0, &t);
	mtty_bus.gate = true;
	step = mtty_bus_call(test, mtty, call_step);
	wait_for_completion(&mtty_bus.entered);
	KUNIT_EXPECT_TRUE(test, mtty_bus_waits(step));
	KUNIT_EXPECT_EQ(test, 0, mtty_engine_step(mtty, 0, 1));
	mtty_bus_let_go(mtty);
	wait_for_completion(&step->done);
	KUNIT_EXPECT_EQ(test, PAGE, mtty_bus_done(mtty, 0));
}

/* Let go while it is stepped: it goes on by itself after the step */
static void engine_goes_on_after_a_step(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 8 * PAGE };
	struct mtty_device *mtty = mtty_bus_device(test);
	struct other *step;

	mtty_engine_hold(mtty, true);
	mtty_bus_begin(mtty, 0, &t);
	mtty_bus.gate = true;
	step = mtty_bus_call(test, mtty, call_step);
	wait_for_completion(&mtty_bus.entered);
	mtty_engine_hold(mtty, false);
	KUNIT_EXPECT_EQ(test, 0, mtty_bus_done(mtty, 0));
	mtty_bus_let_go(mtty);
	wait_for_completion(&step->done);
	mtty_bus_settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
}

/* Under way */

static void engine_channels_have_threads_of_their_own(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 2 * PAGE };
	struct mtty_device *mtty = mtty_bus_device(test);

	mtty_bus_begin_blocked(mtty, 0, &t);
	/* The other channel does not mind */
	mtty_bus_begin(mtty, 1, &t);
	mtty_bus_settle_channel(mtty, 1);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 1));
	mtty_bus_let_go(mtty);
	mtty_bus_settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
	KUNIT_EXPECT_EQ(test, 2 * PAGE, mtty_bus_done(mtty, 0));
}

static void engine_aborted_under_way(struct kunit *test)
{
	static const struct transfer t = { .op = OP_READ, .len = 2 * PAGE };
	struct mtty_device *mtty = mtty_bus_device(test);
	struct memories *m = mtty_bus_memories(test, mtty);

	mtty_bus_begin_blocked(mtty, 0, &t);
	mtty_bus_write(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	KUNIT_EXPECT_EQ(test, FAILED, mtty_bus_status(mtty, 0));
	mtty_bus_let_go(mtty);
	mtty_bus_settle(mtty);
	/* What came late is dropped, and not told */
	KUNIT_EXPECT_EQ(test, FAILED, mtty_bus_status(mtty, 0));
	KUNIT_EXPECT_EQ(test, 0, mtty_bus_done(mtty, 0));
	mtty_bus_expect_memories(test, mtty, m);
}

static void engine_begun_anew_under_way(struct kunit *test)
{
	static const struct transfer old = { .op = OP_READ, .len = 2 * PAGE };
	static const struct transfer new = {
		.op = OP_READ, .src = 0x9000, .dst = 5, .len = PAGE,
	};
	struct mtty_device *mtty = mtty_bus_device(test);
	struct memories *m = mtty_bus_memories(test, mtty);

	mtty_bus_begin_blocked(mtty, 0, &old);
	mtty_bus_write(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	mtty_bus_begin(mtty, 0, &new);
	KUNIT_EXPECT_EQ(test, 0, mtty_bus_done(mtty, 0));
	mtty_bus_let_go(mtty);
	mtty_bus_settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
	KUNIT_EXPECT_EQ(test, PAGE, mtty_bus_done(mtty, 0));
	mtty_bus_model(m, &new, new.len);
	mtty_bus_expect_memories(test, mtty, m);
}

/* That the old one's access fails is not the new one's fault */
static void engine_begun_anew_while_the_old_one_fails(struct kunit *test)
{
	static const struct transfer old = {
		.op = OP_READ, .src = 0x5000, .len = 2 * PAGE,
	};
	static const struct transfer new = { .op = OP_FILL, .len = PAGE };
	struct mtty_device *mtty = mtty_bus_device(test);

	mtty_bus.bad = BASE + 0x5000;
	mtty_bus_begin_blocked(mtty, 0, &old);
	mtty_bus_write(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	mtty_bus_begin(mtty, 0, &new);
	mtty_bus_let_go(mtty);
	mtty_bus_settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
	KUNIT_EXPECT_EQ(test, PAGE, mtty_bus_done(mtty, 0));
}

/* Whatever else is written does not part a chunk from its transfer */
static void engine_registers_written_under_way(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 2 * PAGE };
	struct mtty_device *mtty = mtty_bus_device(test);
	unsigned int offset;

	mtty_bus_begin_blocked(mtty, 0, &t);
	for (offset = 0; offset < MTTY_MIG_DMA_CTRL; offset += 4)
		mtty_bus_write(mtty, 0, offset, 0);
	mtty_bus_write(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_START);
	mtty_bus_write(mtty, 1, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	mtty_bus_let_go(mtty);
	mtty_bus_settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
	KUNIT_EXPECT_EQ(test, 2 * PAGE, mtty_bus_done(mtty, 0));
	KUNIT_EXPECT_EQ(test, 2 * 2, mtty_bus.nr_events);
}

/* Drain and stop */

static void call_drain(struct mtty_device *mtty)
{
	mtty_engine_drain(mtty);
}

struct drain {
	const char *name;
	unsigned int channel;
	enum mtty_run run;
	u64 peer_size;
	bool waits;
};

/* With a chunk under way of a transfer to the peer window, if there is one */
static const struct drain drains[] = {
	{ "running", 0, MTTY_RUNNING, PAGE, false },
	{ "P2P, no peer", 0, MTTY_RUNNING_P2P, 0, false },
	{ "P2P, to a peer", 0, MTTY_RUNNING_P2P, PAGE, true },
	{ "P2P, to a peer, channel 1", 1, MTTY_RUNNING_P2P, PAGE, true },
	{ "stopped, no peer", 0, MTTY_STOPPED, 0, true },
	{ "stopped, channel 1", 1, MTTY_STOPPED, 0, true },
	{ "stopped, to a peer", 0, MTTY_STOPPED, PAGE, true },
};

KUNIT_ARRAY_PARAM_DESC(drains, drains, name);

static void engine_drain_waits_for_what_may_not_go_on(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 4 * PAGE };
	const struct drain *p = test->param_value;
	struct mtty_device *mtty = mtty_bus_device(test);
	struct other *drain;

	mtty_bus_set_peer(mtty, 3 * PAGE, p->peer_size);
	mtty_bus_begin_blocked(mtty, p->channel, &t);
	mtty_bus_set_run(mtty, p->run);
	drain = mtty_bus_call(test, mtty, call_drain);
	KUNIT_EXPECT_EQ(test, p->waits, mtty_bus_waits(drain));
	mtty_bus_let_go(mtty);
	wait_for_completion(&drain->done);
	if (p->waits)
		KUNIT_EXPECT_EQ(test, PAGE, mtty_bus_done(mtty, p->channel));
	mtty_bus_settle(mtty);
	KUNIT_EXPECT_EQ(test, p->waits ? PAGE : t.len,
			mtty_bus_done(mtty, p->channel));
}

static void engine_drain_of_an_idle_engine(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = PAGE };
	struct mtty_device *mtty = mtty_bus_manual_device(test);
	struct other *drain;

	mtty_bus_begin(mtty, 0, &t);
	mtty_bus_set_run(mtty, MTTY_STOPPED);
	drain = mtty_bus_call(test, mtty, call_drain);
	KUNIT_EXPECT_FALSE(test, mtty_bus_waits(drain));
}

/*
 * The registers tell of the transfer that was begun last; under way is a chunk
 * of the one before.
 */
static void engine_drain_waits_for_what_was_aborted(struct kunit *test)
{
	static const struct transfer peer = { .op = OP_FILL, .len = PAGE };
	static const struct transfer other = {
		.op = OP_FILL, .dst = 0x8000, .len = PAGE,
	};
	struct mtty_device *mtty = mtty_bus_device(test);
	struct other *drain;

	mtty_bus_set_peer(mtty, 0, PAGE);
	mtty_bus_begin_blocked(mtty, 0, &peer);
	mtty_bus_write(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	mtty_bus_begin(mtty, 0, &other);
	mtty_bus_set_run(mtty, MTTY_RUNNING_P2P);
	drain = mtty_bus_call(test, mtty, call_drain);
	KUNIT_EXPECT_TRUE(test, mtty_bus_waits(drain));
	mtty_bus_let_go(mtty);
	wait_for_completion(&drain->done);
	mtty_bus_settle(mtty);
	/* The new one may go on */
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
}

/* The other way round: the new one is to a peer, the old one was not */
static void engine_drain_does_not_mind_what_was_aborted(struct kunit *test)
{
	static const struct transfer peer = { .op = OP_FILL, .len = PAGE };
	static const struct transfer other = {
		.op = OP_FILL, .dst = 0x8000, .len = PAGE,
	};
	struct mtty_device *mtty = mtty_bus_device(test);
	struct other *drain;

	mtty_bus_set_peer(mtty, 0, PAGE);
	mtty_bus_begin_blocked(mtty, 0, &other);
	mtty_bus_write(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	mtty_bus_begin(mtty, 0, &peer);
	mtty_bus_set_run(mtty, MTTY_RUNNING_P2P);
	drain = mtty_bus_call(test, mtty, call_drain);
	KUNIT_EXPECT_FALSE(test, mtty_bus_waits(drain));
	mtty_bus_let_go(mtty);
	mtty_bus_settle(mtty);
	KUNIT_EXPECT_EQ(test, 0, mtty_bus_done(mtty, 0));
	KUNIT_EXPECT_EQ(test, BUSY, mtty_bus_status(mtty, 0));
}

/* The arc itself: SET_STATE does not return before the chunk is there */
static void call_stop(struct mtty_device *mtty)
{
	mtty->vdev.mig_ops->migration_set_state(&mtty->vdev,
						VFIO_DEVICE_STATE_STOP);
}

static void engine_stopped_by_set_state(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 8 * PAGE };
	struct mtty_device *mtty = mtty_bus_device(test);
	struct other *set;

	mtty_bus_begin_blocked(mtty, 0, &t);
	set = mtty_bus_call(test, mtty, call_stop);
	KUNIT_EXPECT_TRUE(test, mtty_bus_waits(set));
	mtty_bus_let_go(mtty);
	wait_for_completion(&set->done);
	KUNIT_EXPECT_EQ(test, VFIO_DEVICE_STATE_STOP, mtty_test_get_state(mtty));
	KUNIT_EXPECT_EQ(test, PAGE, mtty_bus_done(mtty, 0));
	mtty_bus_settle(mtty);
	KUNIT_EXPECT_EQ(test, PAGE, mtty_bus_done(mtty, 0));
	mtty_test_enter(test, mtty, VFIO_DEVICE_STATE_RUNNING);
	mtty_bus_settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
}

/* Both channels have a chunk under way: that one has ended is not enough */
static void expect_drain_of_both(struct kunit *test, unsigned int first)
{
	static const struct transfer t = { .op = OP_FILL, .len = PAGE };
	struct mtty_device *mtty = mtty_bus_manual_device(test);
	struct other *drain;
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		mtty_bus_begin(mtty, i, &t);
		WRITE_ONCE(mtty->engine[i].in_flight, true);
	}
	mtty_bus_set_run(mtty, MTTY_STOPPED);
	drain = mtty_bus_call(test, mtty, call_drain);
	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		unsigned int channel = (first + i) % MTTY_MIG_NR_DMA;

		KUNIT_EXPECT_TRUE(test, mtty_bus_waits(drain));
		/* As engine_end() does it */
		smp_store_release(&mtty->engine[channel].in_flight, false);
		wake_up_all(&mtty->engine_wait);
	}
	wait_for_completion(&drain->done);
}

static void engine_drain_waits_for_both_channels(struct kunit *test)
{
	expect_drain_of_both(test, 0);
	expect_drain_of_both(test, 1);
}

/* What is put off for seconds is not waited for */
static void engine_stop_leaves_no_work(struct kunit *test)
{
	static const struct transfer t = {
		.op = OP_FILL, .len = 8 * PAGE, .rate = 1,
	};
	struct mtty_device *mtty = mtty_bus_device(test);
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		mtty_bus_begin(mtty, i, &t);
		mtty_bus_finish_run(mtty, i);
		KUNIT_EXPECT_EQ(test, PAGE, mtty_bus_done(mtty, i));
		KUNIT_EXPECT_TRUE(test, mtty_bus_is_put_off(&mtty->engine[i]));
	}
	mtty_engine_stop(mtty);
	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		KUNIT_EXPECT_PTR_EQ(test, NULL, mtty->engine[i].worker);
		KUNIT_EXPECT_FALSE(test, mtty_bus_is_put_off(&mtty->engine[i]));
		/* Nothing of a device that is closed moves */
		mtty_bus_begin(mtty, i, &t);
	}
	KUNIT_EXPECT_EQ(test, 0, mtty_engine_start(mtty));
}

static struct kunit_case engine_wait_cases[] = {
	KUNIT_CASE(engine_held_moves_by_steps_only),
	KUNIT_CASE(engine_hold_waits_for_the_chunk_under_way),
	KUNIT_CASE(engine_stepped_by_two),
	KUNIT_CASE(engine_goes_on_after_a_step),
	KUNIT_CASE(engine_channels_have_threads_of_their_own),
	KUNIT_CASE(engine_aborted_under_way),
	KUNIT_CASE(engine_begun_anew_under_way),
	KUNIT_CASE(engine_begun_anew_while_the_old_one_fails),
	KUNIT_CASE(engine_registers_written_under_way),
	KUNIT_CASE_PARAM(engine_drain_waits_for_what_may_not_go_on,
			 drains_gen_params),
	KUNIT_CASE(engine_drain_of_an_idle_engine),
	KUNIT_CASE(engine_drain_waits_for_what_was_aborted),
	KUNIT_CASE(engine_drain_does_not_mind_what_was_aborted),
	KUNIT_CASE(engine_stopped_by_set_state),
	KUNIT_CASE(engine_drain_waits_for_both_channels),
	KUNIT_CASE(engine_stop_leaves_no_work),
	{}
};

static struct kunit_suite engine_wait_suite = {
	.name = "mtty_mig_engine_wait",
	.init = mtty_bus_init,
	.test_cases = engine_wait_cases,
};

kunit_test_suite(engine_wait_suite);
