// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA engine's rates: when the next chunk of a transfer is due.
 */

#include "bus.h"

/* Work */

struct rate {
	const char *name;
	u32 rate;
	u64 len;
};

static const struct rate rates[] = {
	{ "1", 1, 20 * 4096 },
	{ "100", 100, SZ_1M },
	{ "nearly a page a jiffy", 4096 / MS_PER_JIFFY, SZ_1M },
	{ "a little more", 4096 / MS_PER_JIFFY + 1, SZ_1M },
	{ "700", 700, SZ_1M },
	{ "10 pages a jiffy", 40960 / MS_PER_JIFFY, SZ_1M },
	{ "12345", 12345, SZ_4M - 100 },
	{ "all at once", 0xffffffff, SZ_4M - 100 },
	/* A jiffy's worth of it is a few bytes to who loses the upper bits */
	{ "4 GiB a jiffy", (1ULL << 32) / MS_PER_JIFFY + 1, SZ_4M - 100 },
};

KUNIT_ARRAY_PARAM_DESC(rates, rates, name);

/* It is never behind its rate, and never ahead by more than a chunk */
static void engine_rate(struct kunit *test)
{
	const struct rate *p = test->param_value;
	const struct transfer t = {
		.op = OP_FILL, .dst = 100, .len = p->len, .rate = p->rate,
	};
	struct mtty_device *mtty = mtty_bus_manual_device(test);
	u64 elapsed = 0, allowed;

	mtty_bus_begin(mtty, 0, &t);
	KUNIT_EXPECT_TRUE(test, mtty_bus.queued[0]);
	KUNIT_EXPECT_EQ(test, 0, mtty_bus.delay[0]);
	while (mtty_bus.queued[0]) {
		elapsed += mtty_bus.delay[0];
		mtty_bus_run_work(mtty, 0);
		/* By the end of this jiffy */
		allowed = (elapsed + 1) * MS_PER_JIFFY * p->rate;
		KUNIT_ASSERT_LT(test, mtty_bus_done(mtty, 0), allowed + PAGE);
		KUNIT_ASSERT_GE(test, mtty_bus_done(mtty, 0), min(allowed, t.len));
	}
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
	KUNIT_EXPECT_EQ(test, t.len, mtty_bus_done(mtty, 0));
}

/* What a transfer was ahead does not keep a slower one from beginning */
static void engine_rate_that_falls(struct kunit *test)
{
	const struct transfer fast = {
		.op = OP_FILL, .len = SZ_1M, .rate = 5 * PAGE / 2 / MS_PER_JIFFY,
	};
	static const struct transfer slow = {
		.op = OP_FILL, .len = 2 * PAGE, .rate = 1,
	};
	struct mtty_device *mtty = mtty_bus_manual_device(test);

	mtty_bus_begin(mtty, 0, &fast);
	mtty_bus_run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, 3 * PAGE, mtty_bus_done(mtty, 0));
	mtty_bus_write(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	mtty_bus_begin(mtty, 0, &slow);
	mtty_bus_run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, PAGE, mtty_bus_done(mtty, 0));
	KUNIT_EXPECT_TRUE(test, mtty_bus.queued[0]);
}

/* Without a rate nothing is put off */
static void engine_full_rate(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = SZ_4M };
	struct mtty_device *mtty = mtty_bus_manual_device(test);

	mtty_bus_begin(mtty, 0, &t);
	KUNIT_EXPECT_TRUE(test, mtty_bus.queued[0]);
	KUNIT_EXPECT_EQ(test, 0, mtty_bus.delay[0]);
	mtty_bus_run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
	KUNIT_EXPECT_FALSE(test, mtty_bus.queued[0]);
}

/*
 * What was spent of a rate is the transfer's: another one has all of its own,
 * whether it comes with a register or with all of them.
 */
static void engine_rate_of_another_transfer(struct kunit *test)
{
	static const struct transfer t = {
		.op = OP_FILL, .len = 8 * PAGE, .rate = PAGE,
	};
	struct mtty_device *mtty = mtty_bus_manual_device(test);
	u64 run = PAGE * MS_PER_JIFFY;

	mtty_bus_begin(mtty, 0, &t);
	KUNIT_EXPECT_EQ(test, 0, mtty->engine[0].spent);
	mtty->engine[0].spent = run - 1;
	mtty_bus_write(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	mtty_bus_write(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_START);
	KUNIT_EXPECT_EQ(test, 0, mtty->engine[0].spent);

	mtty->engine[0].spent = run - 1;
	mtty_bus_put_off(&mtty->engine[0], 1000);
	mutex_lock(&mtty->hw_lock);
	mtty_engine_replaced(mtty);
	mutex_unlock(&mtty->hw_lock);
	KUNIT_EXPECT_EQ(test, 0, mtty->engine[0].spent);
	KUNIT_EXPECT_TRUE(test, mtty_bus.queued[0]);
	KUNIT_EXPECT_EQ(test, 0, mtty_bus.delay[0]);
}

/* A register that is written while a slow chunk is under way */
static void engine_put_off_over_a_kick(struct kunit *test)
{
	static const struct transfer t = {
		.op = OP_FILL, .len = 8 * PAGE, .rate = 1,
	};
	struct mtty_device *mtty = mtty_bus_device(test);

	mtty_bus_begin_blocked(mtty, 0, &t);
	mtty_bus_write(mtty, 1, MTTY_MIG_DMA_PATTERN, 1);
	mtty_bus_let_go(mtty);
	mtty_bus_finish_run(mtty, 0);
	KUNIT_EXPECT_EQ(test, PAGE, mtty_bus_done(mtty, 0));
	KUNIT_EXPECT_TRUE(test, mtty_bus_is_put_off(&mtty->engine[0]));
}

/* The time that a slow transfer takes is not the next one's */
static void engine_begins_at_once(struct kunit *test)
{
	static const struct transfer slow = {
		.op = OP_FILL, .len = 2 * PAGE, .rate = 1,
	};
	static const struct transfer last = {
		.op = OP_FILL, .len = PAGE, .rate = 1,
	};
	static const struct transfer fast = { .op = OP_FILL, .len = 3 * PAGE };
	struct mtty_device *mtty = mtty_bus_device(test);

	mtty_bus_begin(mtty, 0, &slow);
	mtty_bus_finish_run(mtty, 0);
	KUNIT_EXPECT_EQ(test, PAGE, mtty_bus_done(mtty, 0));
	mtty_bus_write(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	mtty_bus_begin(mtty, 0, &fast);
	mtty_bus_finish_run(mtty, 0);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));

	mtty_bus_begin(mtty, 0, &last);
	mtty_bus_finish_run(mtty, 0);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
	mtty_bus_begin(mtty, 0, &fast);
	mtty_bus_finish_run(mtty, 0);
	KUNIT_EXPECT_EQ(test, COMPLETE, mtty_bus_status(mtty, 0));
	KUNIT_EXPECT_EQ(test, 3 * PAGE, mtty_bus_done(mtty, 0));
}

/* ... but no register brings the next chunk of a slow one forward */
static void engine_rate_whatever_is_written(struct kunit *test)
{
	static const struct transfer slow = {
		.op = OP_FILL, .len = 2 * PAGE, .rate = 1,
	};
	struct mtty_device *mtty = mtty_bus_device(test);

	mtty_bus_begin(mtty, 0, &slow);
	mtty_bus_finish_run(mtty, 0);
	mtty_bus_begin(mtty, 0, &slow);
	mtty_bus_begin(mtty, 1, &slow);
	mtty_bus_finish_run(mtty, 0);
	KUNIT_EXPECT_EQ(test, PAGE, mtty_bus_done(mtty, 0));
}

static void engine_work_of_an_idle_channel(struct kunit *test)
{
	struct mtty_device *mtty = mtty_bus_manual_device(test);

	mtty_bus_run_work(mtty, 0);
	KUNIT_EXPECT_FALSE(test, mtty_bus.queued[0]);
	KUNIT_EXPECT_EQ(test, 0, mtty_bus.nr_events);
}

static void engine_work_that_fails_is_not_repeated(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 4 * PAGE };
	struct mtty_device *mtty = mtty_bus_manual_device(test);

	mtty_bus.bad = BASE + PAGE;
	mtty_bus_begin(mtty, 0, &t);
	mtty_bus_run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, FAILED, mtty_bus_status(mtty, 0));
	KUNIT_EXPECT_FALSE(test, mtty_bus.queued[0]);
}

static struct kunit_case engine_rate_cases[] = {
	KUNIT_CASE_PARAM(engine_rate, rates_gen_params),
	KUNIT_CASE(engine_rate_that_falls),
	KUNIT_CASE(engine_full_rate),
	KUNIT_CASE(engine_rate_of_another_transfer),
	KUNIT_CASE(engine_put_off_over_a_kick),
	KUNIT_CASE(engine_begins_at_once),
	KUNIT_CASE(engine_rate_whatever_is_written),
	KUNIT_CASE(engine_work_of_an_idle_channel),
	KUNIT_CASE(engine_work_that_fails_is_not_repeated),
	{}
};

static struct kunit_suite engine_rate_suite = {
	.name = "mtty_mig_engine_rate",
	.init = mtty_bus_init,
	.test_cases = engine_rate_cases,
};

kunit_test_suite(engine_rate_suite);
