// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests: in what order they open, how they are answered, which ones a
 * stream may contain. fsm_kunit.c tests which arcs they block.
 */
#include "helpers.h"

#define MOST	32

/* Requests of a device that can have some; any values serve as their pages */
static struct mtty_pri *pri_new(struct kunit *test)
{
	struct mtty_pri *pri = kunit_kzalloc(test, sizeof(*pri), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pri);
	pri->present = true;
	return pri;
}

static u64 page_of(u32 id)
{
	return 0x123400000000ULL + id * 0x1000ULL;
}

/* Raise requests from the next ID on, each for its page_of() */
static void pri_raise_many(struct kunit *test, struct mtty_pri *pri,
			   unsigned int count, bool hold)
{
	while (count--)
		KUNIT_ASSERT_TRUE(test,
				  mtty_pri_raise(pri, page_of(pri->last_id + 1),
						 hold));
}

/* Check that these are all requests, in this order */
static void expect_requests(struct kunit *test, const struct mtty_pri *pri,
			    const u32 *ids, u32 open, u32 queued)
{
	u32 i;

	KUNIT_EXPECT_EQ(test, open, pri->nr_open);
	KUNIT_EXPECT_EQ(test, queued, pri->nr_queued);
	for (i = 0; i < open + queued; i++) {
		KUNIT_EXPECT_EQ_MSG(test, ids[i], pri->requests[i].id,
				    "request %u", i);
		KUNIT_EXPECT_EQ_MSG(test, page_of(ids[i]),
				    pri->requests[i].iova, "request %u", i);
	}
	for (; i < MOST; i++) {
		KUNIT_EXPECT_EQ_MSG(test, 0, pri->requests[i].id,
				    "request %u", i);
		KUNIT_EXPECT_EQ_MSG(test, 0, pri->requests[i].iova,
				    "request %u", i);
	}
}

/* Raise */

static void pri_ids_count_from_1(struct kunit *test)
{
	static const u32 ids[] = { 1, 2, 3 };
	struct mtty_pri *pri = pri_new(test);

	expect_requests(test, pri, NULL, 0, 0);
	pri_raise_many(test, pri, 3, false);
	expect_requests(test, pri, ids, 3, 0);
	KUNIT_EXPECT_EQ(test, 3, pri->last_id);
}

static void pri_asks_for_whole_pages(struct kunit *test)
{
	static const struct {
		u64 asked, page;
	} cases[] = {
		{ 0, 0 },
		{ 0xfff, 0 },
		{ 0x1000, 0x1000 },
		{ 0x123456789abcdef, 0x123456789abc000 },
		{ 0xffffffffffffffff, 0xfffffffffffff000 },
	};
	struct mtty_pri *pri = pri_new(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		KUNIT_EXPECT_TRUE(test, mtty_pri_raise(pri, cases[i].asked,
						       false));
		KUNIT_EXPECT_EQ(test, cases[i].page, pri->requests[i].iova);
	}
}

static void pri_ids_skip_0_when_they_wrap(struct kunit *test)
{
	struct mtty_pri *pri = pri_new(test);

	pri->last_id = 0xfffffffe;
	KUNIT_EXPECT_TRUE(test, mtty_pri_raise(pri, 0, false));
	KUNIT_EXPECT_TRUE(test, mtty_pri_raise(pri, 0, false));
	KUNIT_EXPECT_EQ(test, 0xffffffff, pri->requests[0].id);
	KUNIT_EXPECT_EQ(test, 1, pri->requests[1].id);
}

/*
 * A request may stay open until the IDs have wrapped around, and a stream may
 * contain a request with the next ID. An ID that is in use must not be given
 * again.
 */
static void pri_ids_skip_those_in_use(struct kunit *test)
{
	struct mtty_pri *pri = pri_new(test);
	unsigned int i, j;

	pri_raise_many(test, pri, 3, true);
	pri->last_id = 0xffffffff;
	KUNIT_EXPECT_TRUE(test, mtty_pri_raise(pri, 0, true));
	KUNIT_EXPECT_EQ(test, 4, pri->requests[3].id);
	KUNIT_EXPECT_EQ(test, 4, pri->last_id);

	pri->last_id = 0;
	while (mtty_pri_raise(pri, 0, true))
		;
	for (i = 0; i < MOST; i++)
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_NE(test, pri->requests[i].id,
					pri->requests[j].id);
	KUNIT_EXPECT_TRUE(test, mtty_pri_valid(pri));
}

struct fullness {
	const char *name;
	unsigned int open;
	unsigned int queued;
};

static const struct fullness full[] = {
	{ "all open", MOST, 0 },
	{ "all queued", 0, MOST },
	{ "one queued", MOST - 1, 1 },
	{ "one open", 1, MOST - 1 },
};

KUNIT_ARRAY_PARAM_DESC(full, full, name);

static void pri_limit(struct kunit *test)
{
	const struct fullness *p = test->param_value;
	struct mtty_pri *pri = pri_new(test), before;
	u32 ids[MOST];
	unsigned int i;

	for (i = 0; i < MOST; i++)
		ids[i] = i + 1;
	pri_raise_many(test, pri, p->open, false);
	pri_raise_many(test, pri, p->queued, true);
	expect_requests(test, pri, ids, p->open, p->queued);

	before = *pri;
	KUNIT_EXPECT_FALSE(test, mtty_pri_raise(pri, 0x5000, false));
	KUNIT_EXPECT_FALSE(test, mtty_pri_raise(pri, 0x5000, true));
	KUNIT_EXPECT_MEMEQ(test, &before, pri, sizeof(before));

	/* An answer makes room for one, and for one only */
	if (!p->open)
		return;
	KUNIT_EXPECT_TRUE(test, mtty_pri_answer(pri, 1));
	KUNIT_EXPECT_TRUE(test, mtty_pri_raise(pri, page_of(33), false));
	KUNIT_EXPECT_EQ(test, 33, pri->requests[MOST - 1].id);
	KUNIT_EXPECT_FALSE(test, mtty_pri_raise(pri, 0x5000, false));
}

/* Hold */

static void pri_held_requests_wait_in_order(struct kunit *test)
{
	static const u32 ids[] = { 1, 2, 3, 4, 5 };
	struct mtty_pri *pri = pri_new(test);

	pri_raise_many(test, pri, 2, false);
	pri_raise_many(test, pri, 1, true);
	/* This one would open, but must not overtake */
	pri_raise_many(test, pri, 1, false);
	pri_raise_many(test, pri, 1, true);
	expect_requests(test, pri, ids, 2, 3);
	mtty_pri_release(pri);
	expect_requests(test, pri, ids, 5, 0);
	mtty_pri_release(pri);
	expect_requests(test, pri, ids, 5, 0);
	pri_raise_many(test, pri, 1, false);
	KUNIT_EXPECT_EQ(test, 6, pri->nr_open);
}

static void pri_held_requests_are_not_shown(struct kunit *test)
{
	struct mtty_pri *pri = pri_new(test);

	pri_raise_many(test, pri, 1, true);
	KUNIT_EXPECT_EQ(test, 0, mtty_pri_read(pri, MTTY_MIG_PRI_OPEN));
	KUNIT_EXPECT_EQ(test, 1, mtty_pri_read(pri, MTTY_MIG_PRI_QUEUED));
	KUNIT_EXPECT_EQ(test, 0, mtty_pri_read(pri, MTTY_MIG_PRI_ID));
	KUNIT_EXPECT_EQ(test, 0, mtty_pri_read(pri, MTTY_MIG_PRI_IOVA_LO));
	KUNIT_EXPECT_EQ(test, 0, mtty_pri_read(pri, MTTY_MIG_PRI_IOVA_HI));
	mtty_pri_release(pri);
	KUNIT_EXPECT_EQ(test, 1, mtty_pri_read(pri, MTTY_MIG_PRI_ID));
}

static void pri_interrupt_while_one_is_open(struct kunit *test)
{
	struct mtty_hw *hw = kunit_kzalloc(test, sizeof(*hw), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, hw);
	mtty_hw_reset(hw, 0);
	hw->pri.present = true;
	KUNIT_EXPECT_EQ(test, 0, mtty_hw_irq_level(hw));
	pri_raise_many(test, &hw->pri, 1, true);
	KUNIT_EXPECT_EQ(test, 0, mtty_hw_irq_level(hw));
	mtty_pri_release(&hw->pri);
	KUNIT_EXPECT_EQ(test, BIT(3), mtty_hw_irq_level(hw));
	mtty_pri_answer(&hw->pri, 1);
	KUNIT_EXPECT_EQ(test, 0, mtty_hw_irq_level(hw));
}

/* Answer */

static void pri_answer_one_of_all(struct kunit *test)
{
	u32 id, i, n;

	for (id = 1; id <= MOST; id++) {
		struct mtty_pri *pri = pri_new(test);
		u32 ids[MOST];

		pri_raise_many(test, pri, MOST, false);
		KUNIT_EXPECT_TRUE(test, mtty_pri_answer(pri, id));
		for (i = 0, n = 1; n <= MOST; n++)
			if (n != id)
				ids[i++] = n;
		expect_requests(test, pri, ids, MOST - 1, 0);
		KUNIT_EXPECT_FALSE(test, mtty_pri_answer(pri, id));
		expect_requests(test, pri, ids, MOST - 1, 0);
		kunit_kfree(test, pri);
	}
}

static void pri_answer_what_is_not_open(struct kunit *test)
{
	static const u32 ids[] = { 1, 2, 3, 4 };
	struct mtty_pri *pri = pri_new(test);
	unsigned int i;

	KUNIT_EXPECT_FALSE(test, mtty_pri_answer(pri, 0));
	KUNIT_EXPECT_FALSE(test, mtty_pri_answer(pri, 1));
	pri_raise_many(test, pri, 2, false);
	pri_raise_many(test, pri, 2, true);
	for (i = 0; i < 40; i++)
		if (i < 1 || i > 2)
			KUNIT_EXPECT_FALSE_MSG(test, mtty_pri_answer(pri, i),
					       "%u", i);
	KUNIT_EXPECT_FALSE(test, mtty_pri_answer(pri, ~0U));
	expect_requests(test, pri, ids, 2, 2);
}

static void pri_answer_moves_those_queued(struct kunit *test)
{
	static const u32 ids[] = { 2, 3, 4 };
	struct mtty_pri *pri = pri_new(test);

	pri_raise_many(test, pri, 2, false);
	pri_raise_many(test, pri, 2, true);
	KUNIT_EXPECT_TRUE(test, mtty_pri_answer(pri, 1));
	expect_requests(test, pri, ids, 1, 2);
	KUNIT_EXPECT_TRUE(test, mtty_pri_answer(pri, 2));
	expect_requests(test, pri, ids + 1, 0, 2);
	/* The drain is over, and these requests go into the stream */
	KUNIT_EXPECT_TRUE(test, mtty_pri_valid(pri));
}

/* Registers */

static void pri_registers_show_the_oldest(struct kunit *test)
{
	struct mtty_pri *pri = pri_new(test);

	pri_raise_many(test, pri, 3, false);
	KUNIT_EXPECT_EQ(test, 3, mtty_pri_read(pri, 0x00));
	KUNIT_EXPECT_EQ(test, 0, mtty_pri_read(pri, 0x04));
	KUNIT_EXPECT_EQ(test, 1, mtty_pri_read(pri, 0x08));
	KUNIT_EXPECT_EQ(test, 0x00001000, mtty_pri_read(pri, 0x0c));
	KUNIT_EXPECT_EQ(test, 0x1234, mtty_pri_read(pri, 0x10));
	KUNIT_EXPECT_TRUE(test, mtty_pri_answer(pri, 1));
	KUNIT_EXPECT_EQ(test, 2, mtty_pri_read(pri, 0x08));
	KUNIT_EXPECT_EQ(test, 0x00002000, mtty_pri_read(pri, 0x0c));
}

struct reg {
	const char *name;
	unsigned int offset;
	bool acts;
};

static const struct reg regs[] = {
	{ "OPEN", 0x00, false },
	{ "QUEUED", 0x04, false },
	{ "ID", 0x08, false },
	{ "IOVA_LO", 0x0c, false },
	{ "IOVA_HI", 0x10, false },
	{ "ANSWER", 0x14, true },
	{ "RAISE_LO", 0x18, true },
	{ "RAISE_HI", 0x1c, true },
};

KUNIT_ARRAY_PARAM_DESC(regs, regs, name);

static void pri_register_that_can_be_written(struct kunit *test)
{
	const struct reg *p = test->param_value;
	struct mtty_pri *pri = pri_new(test), before;

	pri_raise_many(test, pri, 2, false);
	before = *pri;
	mtty_pri_write(pri, p->offset, 1, false);
	KUNIT_EXPECT_EQ(test, p->acts,
			!!memcmp(&before, pri, sizeof(before)));
}

/* Each device has the registers, but without effect */
static void pri_register_of_a_device_without(struct kunit *test)
{
	const struct reg *p = test->param_value;
	struct mtty_pri *pri = pri_new(test), before;

	pri->present = false;
	before = *pri;
	mtty_pri_write(pri, p->offset, 1, false);
	mtty_pri_write(pri, p->offset, ~0U, true);
	KUNIT_EXPECT_MEMEQ(test, &before, pri, sizeof(before));
	KUNIT_EXPECT_EQ(test, 0, mtty_pri_read(pri, p->offset));
}

static void pri_device_without_cannot_raise(struct kunit *test)
{
	struct mtty_pri *pri = pri_new(test), before;

	pri->present = false;
	before = *pri;
	KUNIT_EXPECT_FALSE(test, mtty_pri_raise(pri, 0x1000, false));
	KUNIT_EXPECT_FALSE(test, mtty_pri_raise(pri, 0x1000, true));
	KUNIT_EXPECT_MEMEQ(test, &before, pri, sizeof(before));
}

static void pri_raise_by_registers(struct kunit *test)
{
	struct mtty_pri *pri = pri_new(test);

	mtty_pri_write(pri, MTTY_MIG_PRI_RAISE_LO, 0x89abcdef, false);
	KUNIT_EXPECT_EQ(test, 0, pri->nr_open);
	KUNIT_EXPECT_EQ(test, 0x89abcdef,
			mtty_pri_read(pri, MTTY_MIG_PRI_RAISE_LO));
	mtty_pri_write(pri, MTTY_MIG_PRI_RAISE_HI, 0x01234567, false);
	KUNIT_EXPECT_EQ(test, 1, pri->nr_open);
	KUNIT_EXPECT_EQ(test, 0x0123456789abc000, pri->requests[0].iova);
	KUNIT_EXPECT_EQ(test, 0, mtty_pri_read(pri, MTTY_MIG_PRI_RAISE_HI));
	KUNIT_EXPECT_EQ(test, 0, mtty_pri_read(pri, MTTY_MIG_PRI_ANSWER));

	/* The lower half is kept for the next request; this one is held back */
	mtty_pri_write(pri, MTTY_MIG_PRI_RAISE_HI, 0, true);
	KUNIT_EXPECT_EQ(test, 1, pri->nr_open);
	KUNIT_EXPECT_EQ(test, 1, pri->nr_queued);
	KUNIT_EXPECT_EQ(test, 0x89abc000, pri->requests[1].iova);
}

static void pri_answer_by_register(struct kunit *test)
{
	static const u32 ids[] = { 1, 3 };
	struct mtty_pri *pri = pri_new(test);

	pri_raise_many(test, pri, 3, false);
	mtty_pri_write(pri, MTTY_MIG_PRI_ANSWER, 2, false);
	expect_requests(test, pri, ids, 2, 0);
	mtty_pri_write(pri, MTTY_MIG_PRI_ANSWER, 2, false);
	expect_requests(test, pri, ids, 2, 0);
}

/* What a stream may bring */

static void pri_valid_by_count(struct kunit *test)
{
	u32 n;

	for (n = 0; n <= MOST; n++) {
		struct mtty_pri *pri = pri_new(test);

		pri_raise_many(test, pri, n, true);
		KUNIT_EXPECT_TRUE_MSG(test, mtty_pri_valid(pri), "%u", n);
		kunit_kfree(test, pri);
	}
}

struct bad {
	const char *name;
	void (*spoil)(struct mtty_pri *pri);
};

static void spoil_open(struct mtty_pri *pri)
{
	pri->nr_open = 1;
}

static void spoil_count(struct mtty_pri *pri)
{
	pri->nr_queued = MOST + 1;
}

static void spoil_count_most(struct mtty_pri *pri)
{
	pri->nr_queued = ~0U;
}

static void spoil_count_less(struct mtty_pri *pri)
{
	pri->nr_queued--;
}

static void spoil_count_more(struct mtty_pri *pri)
{
	pri->nr_queued++;
}

static void spoil_none_but_requests(struct mtty_pri *pri)
{
	pri->nr_queued = 0;
}

static void spoil_id_of_first(struct mtty_pri *pri)
{
	pri->requests[0].id = 0;
}

static void spoil_id_of_last(struct mtty_pri *pri)
{
	pri->requests[4].id = 0;
}

static void spoil_same_first(struct mtty_pri *pri)
{
	pri->requests[1].id = pri->requests[0].id;
}

static void spoil_same_last(struct mtty_pri *pri)
{
	pri->requests[4].id = pri->requests[3].id;
}

static void spoil_same_apart(struct mtty_pri *pri)
{
	pri->requests[4].id = pri->requests[0].id;
}

static void spoil_iova(struct mtty_pri *pri)
{
	pri->requests[4].iova |= 1;
}

static void spoil_iova_more(struct mtty_pri *pri)
{
	pri->requests[0].iova |= 0x800;
}

static void spoil_rest_id(struct mtty_pri *pri)
{
	pri->requests[5].id = 9;
}

static void spoil_rest_iova(struct mtty_pri *pri)
{
	pri->requests[MOST - 1].iova = 1ULL << 63;
}

static void spoil_absent(struct mtty_pri *pri)
{
	pri->present = false;
}

/* Ways to make five valid requests invalid */
static const struct bad bad[] = {
	{ "one is open", spoil_open },
	{ "one too many", spoil_count },
	{ "far too many", spoil_count_most },
	{ "fewer than there are", spoil_count_less },
	{ "more than there are", spoil_count_more },
	{ "none, but there are", spoil_none_but_requests },
	{ "first has no ID", spoil_id_of_first },
	{ "last has no ID", spoil_id_of_last },
	{ "the first two have one ID", spoil_same_first },
	{ "the last two have one ID", spoil_same_last },
	{ "first and last have one ID", spoil_same_apart },
	{ "IOVA of a byte", spoil_iova },
	{ "IOVA of half a page", spoil_iova_more },
	{ "an ID behind the last", spoil_rest_id },
	{ "an IOVA at the very end", spoil_rest_iova },
	{ "a device that has none", spoil_absent },
};

KUNIT_ARRAY_PARAM_DESC(bad, bad, name);

static void pri_invalid(struct kunit *test)
{
	const struct bad *p = test->param_value;
	struct mtty_pri *pri = pri_new(test);

	pri_raise_many(test, pri, 5, true);
	KUNIT_ASSERT_TRUE(test, mtty_pri_valid(pri));
	p->spoil(pri);
	KUNIT_EXPECT_FALSE(test, mtty_pri_valid(pri));
}

/* All existing requests are valid; the check must not read beyond them */
static void pri_invalid_with_one_more_than_fit(struct kunit *test)
{
	struct mtty_pri *pri = pri_new(test);

	pri_raise_many(test, pri, MOST, true);
	KUNIT_EXPECT_TRUE(test, mtty_pri_valid(pri));
	pri->nr_queued++;
	KUNIT_EXPECT_FALSE(test, mtty_pri_valid(pri));
}

static void pri_valid_of_a_device_without(struct kunit *test)
{
	struct mtty_pri *pri = pri_new(test);

	pri->present = false;
	KUNIT_EXPECT_TRUE(test, mtty_pri_valid(pri));
	pri->last_id = 1;
	KUNIT_EXPECT_FALSE(test, mtty_pri_valid(pri));
	pri->last_id = 0;
	pri->raise = 1;
	KUNIT_EXPECT_FALSE(test, mtty_pri_valid(pri));
	pri->raise = 0;
	pri->nr_queued = 1;
	pri->requests[0].id = 1;
	KUNIT_EXPECT_FALSE(test, mtty_pri_valid(pri));
}

/* Against a model: a plain list */
static void pri_random(struct kunit *test)
{
	struct mtty_pri *pri = pri_new(test);
	u32 ids[MOST], open = 0, queued = 0, next = 1, i, n;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 1);
	for (n = 0; n < 3000; n++) {
		u32 r = prandom_u32_state(&rnd);
		bool hold = !(r & 0xf0), good;

		if (r & 1) {
			good = open + queued < MOST;
			KUNIT_ASSERT_EQ(test, good,
					mtty_pri_raise(pri, page_of(next) + 5,
						       hold));
			if (good) {
				ids[open + queued] = next++;
				if (hold || queued)
					queued++;
				else
					open++;
			}
		} else if (r & 0xe) {
			u32 id = next - 1 - (r >> 8) % (MOST + 8);

			for (i = 0; i < open && ids[i] != id; i++)
				;
			good = i < open;
			KUNIT_ASSERT_EQ(test, good, mtty_pri_answer(pri, id));
			if (good) {
				for (; i + 1 < open + queued; i++)
					ids[i] = ids[i + 1];
				open--;
			}
		} else if (r & 0x100) {
			mtty_pri_release(pri);
			open += queued;
			queued = 0;
		}
		expect_requests(test, pri, ids, open, queued);
		KUNIT_ASSERT_EQ(test, !open, mtty_pri_valid(pri));
	}
}

static struct kunit_case pri_cases[] = {
	KUNIT_CASE(pri_ids_count_from_1),
	KUNIT_CASE(pri_asks_for_whole_pages),
	KUNIT_CASE(pri_ids_skip_0_when_they_wrap),
	KUNIT_CASE(pri_ids_skip_those_in_use),
	KUNIT_CASE_PARAM(pri_limit, full_gen_params),
	KUNIT_CASE(pri_held_requests_wait_in_order),
	KUNIT_CASE(pri_held_requests_are_not_shown),
	KUNIT_CASE(pri_interrupt_while_one_is_open),
	KUNIT_CASE(pri_answer_one_of_all),
	KUNIT_CASE(pri_answer_what_is_not_open),
	KUNIT_CASE(pri_answer_moves_those_queued),
	KUNIT_CASE(pri_registers_show_the_oldest),
	KUNIT_CASE_PARAM(pri_register_that_can_be_written, regs_gen_params),
	KUNIT_CASE_PARAM(pri_register_of_a_device_without, regs_gen_params),
	KUNIT_CASE(pri_device_without_cannot_raise),
	KUNIT_CASE(pri_raise_by_registers),
	KUNIT_CASE(pri_answer_by_register),
	KUNIT_CASE(pri_valid_by_count),
	KUNIT_CASE_PARAM(pri_invalid, bad_gen_params),
	KUNIT_CASE(pri_invalid_with_one_more_than_fit),
	KUNIT_CASE(pri_valid_of_a_device_without),
	KUNIT_CASE(pri_random),
	{}
};

static struct kunit_suite pri_suite = {
	.name = "mtty_mig_pri",
	.test_cases = pri_cases,
};

kunit_test_suite(pri_suite);
