// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory, against a model that is a flat buffer and an array of marks.
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "helpers.h"

#define PAGE		4096ULL
#define NR_PAGES	16
#define SIZE		(NR_PAGES * PAGE)

/* Whole records in the stream */
#define PAGE_RECORD	MTTY_TEST_PAGE_SIZE
#define ZERO_RECORD	MTTY_TEST_ZERO_SIZE

struct mem_test {
	struct mtty_mem *mem;
	u8 *buf;	/* SIZE bytes */
};

static int mem_test_init(struct kunit *test)
{
	struct mem_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->buf = kunit_kzalloc(test, SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->buf);
	t->mem = mtty_test_mem(test, SIZE);
	test->priv = t;
	return 0;
}

/* Fill some bytes of a page with one value */
static void mem_set(struct kunit *test, struct mtty_mem *mem, u64 offset,
		    u8 val, size_t len)
{
	struct mem_test *t = test->priv;

	memset(t->buf, val, len);
	KUNIT_ASSERT_EQ(test, 0, mtty_mem_write(mem, offset, t->buf, len));
}

static void mem_set_page(struct kunit *test, struct mtty_mem *mem,
			 unsigned long index, u8 val)
{
	mem_set(test, mem, index * PAGE, val, PAGE);
}

static u8 mem_byte(struct mtty_mem *mem, u64 offset)
{
	u8 val;

	mtty_mem_read(mem, offset, &val, 1);
	return val;
}

/* Content */

static void mem_starts_zero(struct kunit *test)
{
	struct mem_test *t = test->priv;

	memset(t->buf, 0xff, SIZE);
	mtty_mem_read(t->mem, 0, t->buf, SIZE);
	KUNIT_EXPECT_NULL(test, memchr_inv(t->buf, 0, SIZE));
	KUNIT_EXPECT_EQ(test, 0, t->mem->nr_pages);
}

static void mem_reads_back_across_pages(struct kunit *test)
{
	struct mem_test *t = test->priv;
	u8 *back = kunit_kzalloc(test, 3 * PAGE, GFP_KERNEL);
	struct rnd_state rnd;

	KUNIT_ASSERT_NOT_NULL(test, back);
	prandom_seed_state(&rnd, 1);
	prandom_bytes_state(&rnd, t->buf, 3 * PAGE);
	KUNIT_ASSERT_EQ(test, 0,
			mtty_mem_write(t->mem, PAGE - 7, t->buf, 2 * PAGE));
	mtty_mem_read(t->mem, PAGE - 7, back, 2 * PAGE);
	KUNIT_EXPECT_EQ(test, -1, mtty_test_diff(t->buf, back, 2 * PAGE));
	KUNIT_EXPECT_EQ(test, 0, mem_byte(t->mem, PAGE - 8));
	KUNIT_EXPECT_EQ(test, 0, mem_byte(t->mem, 3 * PAGE - 7));
	KUNIT_EXPECT_EQ(test, 3, t->mem->nr_pages);
}

static void mem_zero_writes_take_no_memory(struct kunit *test)
{
	struct mem_test *t = test->priv;

	mem_set(test, t->mem, 0, 0, SIZE);
	KUNIT_EXPECT_EQ(test, 0, t->mem->nr_pages);
	KUNIT_EXPECT_TRUE(test, xa_empty(&t->mem->pages));
}

static void mem_page_that_becomes_zero_is_freed(struct kunit *test)
{
	struct mem_test *t = test->priv;

	mem_set(test, t->mem, 5 * PAGE + 17, 1, 2);
	KUNIT_EXPECT_EQ(test, 1, t->mem->nr_pages);
	mem_set(test, t->mem, 5 * PAGE + 17, 0, 1);
	KUNIT_EXPECT_EQ(test, 1, t->mem->nr_pages);
	mem_set(test, t->mem, 5 * PAGE + 18, 0, 1);
	KUNIT_EXPECT_EQ(test, 0, t->mem->nr_pages);
	KUNIT_EXPECT_TRUE(test, xa_empty(&t->mem->pages));
}

static void mem_is_sparse(struct kunit *test)
{
	struct mtty_mem *mem = mtty_test_mem(test, MTTY_MIG_MEM_MAX);

	mem_set(test, mem, MTTY_MIG_MEM_MAX - 1, 0xa5, 1);
	mem_set(test, mem, 0, 0x5a, 1);
	KUNIT_EXPECT_EQ(test, 2, mem->nr_pages);
	KUNIT_EXPECT_EQ(test, 0xa5, mem_byte(mem, MTTY_MIG_MEM_MAX - 1));
	KUNIT_EXPECT_EQ(test, 0x5a, mem_byte(mem, 0));
	KUNIT_EXPECT_EQ(test, 0, mem_byte(mem, MTTY_MIG_MEM_MAX / 2));
}

static void mem_clear_frees_and_ceases_to_track(struct kunit *test)
{
	struct mem_test *t = test->priv;

	mem_set(test, t->mem, 0, 1, SIZE);
	mtty_test_track(test, t->mem);
	mem_set_page(test, t->mem, 3, 0);
	mtty_mem_clear(t->mem);
	KUNIT_EXPECT_EQ(test, 0, t->mem->nr_pages);
	KUNIT_EXPECT_TRUE(test, xa_empty(&t->mem->pages));
	KUNIT_EXPECT_NULL(test, t->mem->dirty);
	KUNIT_EXPECT_EQ(test, 0, mtty_mem_stream_length(t->mem));
	KUNIT_EXPECT_EQ(test, 0, mem_byte(t->mem, PAGE));
}

/* Tracking */

/* Take the next page, which must be this one */
static void mem_expect_next(struct kunit *test, unsigned long index, int val,
			    bool initial)
{
	struct mem_test *t = test->priv;
	unsigned long got_index;
	const void *data;
	bool got_initial;

	KUNIT_ASSERT_TRUE(test, mtty_mem_next_unsent(t->mem, &got_index, &data,
						     &got_initial));
	KUNIT_EXPECT_EQ(test, index, got_index);
	KUNIT_EXPECT_EQ(test, initial, got_initial);
	if (val)
		KUNIT_EXPECT_EQ(test, val, data ? *(const u8 *)data : 0);
	else
		KUNIT_EXPECT_NULL(test, data);
}

static void mem_expect_no_next(struct kunit *test)
{
	struct mem_test *t = test->priv;
	unsigned long index;
	const void *data;
	bool initial;

	KUNIT_EXPECT_FALSE(test, mtty_mem_next_unsent(t->mem, &index, &data,
						      &initial));
	KUNIT_EXPECT_EQ(test, 0, t->mem->initial_bytes);
	KUNIT_EXPECT_EQ(test, 0, t->mem->dirty_bytes);
}

static void mem_first_pass_has_the_pages_that_are_not_zero(struct kunit *test)
{
	struct mem_test *t = test->priv;

	mem_set_page(test, t->mem, 9, 9);
	mem_set_page(test, t->mem, 2, 2);
	mem_set_page(test, t->mem, 5, 5);
	mem_set_page(test, t->mem, 5, 0);
	KUNIT_EXPECT_EQ(test, 2 * PAGE_RECORD, mtty_mem_stream_length(t->mem));
	mtty_test_track(test, t->mem);
	KUNIT_EXPECT_EQ(test, 2 * PAGE_RECORD, t->mem->initial_bytes);
	KUNIT_EXPECT_EQ(test, 0, t->mem->dirty_bytes);

	mem_expect_next(test, 2, 2, true);
	KUNIT_EXPECT_EQ(test, PAGE_RECORD, t->mem->initial_bytes);
	mem_expect_next(test, 9, 9, true);
	mem_expect_no_next(test);
}

/* So many pages are said to be there: none of them is touched */
static void mem_first_pass_of_4_gib_and_more(struct kunit *test)
{
	const u32 nr_pages[] = { SZ_1M - 1, SZ_1M, SZ_1M + SZ_1K, 3 * SZ_1M };
	struct mem_test *t = test->priv;
	unsigned long real = t->mem->nr_pages;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nr_pages); i++) {
		u64 len = (u64)nr_pages[i] * PAGE_RECORD;

		t->mem->nr_pages = nr_pages[i];
		mtty_test_track(test, t->mem);
		KUNIT_EXPECT_EQ(test, len, t->mem->initial_bytes);
		KUNIT_EXPECT_EQ(test, len, mtty_mem_stream_length(t->mem));
		mtty_mem_untrack(t->mem);
	}
	t->mem->nr_pages = real;
}

static void mem_write_makes_a_sent_page_dirty(struct kunit *test)
{
	struct mem_test *t = test->priv;

	mem_set_page(test, t->mem, 2, 2);
	mtty_test_track(test, t->mem);
	mem_expect_next(test, 2, 2, true);
	mem_set_page(test, t->mem, 2, 3);
	KUNIT_EXPECT_EQ(test, 0, t->mem->initial_bytes);
	KUNIT_EXPECT_EQ(test, PAGE_RECORD, t->mem->dirty_bytes);
	mem_expect_next(test, 2, 3, false);
	mem_expect_no_next(test);
}

static void mem_write_keeps_an_unsent_page_in_the_first_pass(struct kunit *test)
{
	struct mem_test *t = test->priv;

	mem_set_page(test, t->mem, 2, 2);
	mtty_test_track(test, t->mem);
	mem_set_page(test, t->mem, 2, 3);
	KUNIT_EXPECT_EQ(test, PAGE_RECORD, t->mem->initial_bytes);
	KUNIT_EXPECT_EQ(test, 0, t->mem->dirty_bytes);
	mem_expect_next(test, 2, 3, true);
	mem_expect_no_next(test);
}

/*
 * Pages that were cleared no longer count; counting them again would let the
 * number rise
 */
static void mem_unsent_page_filled_again_leaves_the_first_pass(struct kunit *test)
{
	struct mem_test *t = test->priv;

	mem_set_page(test, t->mem, 2, 2);
	mem_set_page(test, t->mem, 4, 4);
	mtty_test_track(test, t->mem);
	mem_set_page(test, t->mem, 2, 0);
	KUNIT_EXPECT_EQ(test, PAGE_RECORD, t->mem->initial_bytes);
	KUNIT_EXPECT_EQ(test, ZERO_RECORD, t->mem->dirty_bytes);
	mem_set(test, t->mem, 2 * PAGE, 6, 1);
	KUNIT_EXPECT_EQ(test, PAGE_RECORD, t->mem->initial_bytes);
	KUNIT_EXPECT_EQ(test, PAGE_RECORD, t->mem->dirty_bytes);
	mem_expect_next(test, 4, 4, true);
	mem_expect_next(test, 2, 6, false);
	mem_expect_no_next(test);
}

static void mem_new_page_is_dirty(struct kunit *test)
{
	struct mem_test *t = test->priv;

	mtty_test_track(test, t->mem);
	mem_set(test, t->mem, 7 * PAGE + 100, 7, 1);
	KUNIT_EXPECT_EQ(test, 0, t->mem->initial_bytes);
	KUNIT_EXPECT_EQ(test, PAGE_RECORD, t->mem->dirty_bytes);
}

static void mem_page_that_becomes_zero_is_sent_as_such(struct kunit *test)
{
	struct mem_test *t = test->priv;

	mem_set_page(test, t->mem, 2, 2);
	mem_set_page(test, t->mem, 4, 4);
	mtty_test_track(test, t->mem);
	mem_expect_next(test, 2, 2, true);
	mem_set_page(test, t->mem, 2, 0);
	mem_set_page(test, t->mem, 4, 0);
	KUNIT_EXPECT_EQ(test, 0, t->mem->nr_pages);
	KUNIT_EXPECT_EQ(test, 0, t->mem->initial_bytes);
	KUNIT_EXPECT_EQ(test, 2 * ZERO_RECORD, t->mem->dirty_bytes);
	mem_expect_next(test, 2, 0, false);
	mem_expect_next(test, 4, 0, false);
	mem_expect_no_next(test);
	/* After it was sent, the page is absent */
	KUNIT_EXPECT_TRUE(test, xa_empty(&t->mem->pages));
}

static void mem_zero_page_that_is_filled_again_is_sent_once(struct kunit *test)
{
	struct mem_test *t = test->priv;

	mem_set_page(test, t->mem, 2, 2);
	mtty_test_track(test, t->mem);
	mem_expect_next(test, 2, 2, true);
	mem_set_page(test, t->mem, 2, 0);
	mem_set(test, t->mem, 2 * PAGE, 6, 1);
	KUNIT_EXPECT_EQ(test, PAGE_RECORD, t->mem->dirty_bytes);
	KUNIT_EXPECT_EQ(test, 0, mem_byte(t->mem, 2 * PAGE + 1));
	mem_expect_next(test, 2, 6, false);
	mem_expect_no_next(test);
}

static void mem_first_pass_goes_first(struct kunit *test)
{
	struct mem_test *t = test->priv;
	unsigned long i;

	for (i = 4; i < 8; i++)
		mem_set_page(test, t->mem, i, i);
	mtty_test_track(test, t->mem);
	mem_expect_next(test, 4, 4, true);
	mem_set_page(test, t->mem, 4, 14);
	mem_set_page(test, t->mem, 0, 10);
	for (i = 5; i < 8; i++)
		mem_expect_next(test, i, i, true);
	mem_expect_next(test, 0, 10, false);
	mem_expect_next(test, 4, 14, false);
	mem_expect_no_next(test);
}

static void mem_hot_page_does_not_starve_the_others(struct kunit *test)
{
	struct mem_test *t = test->priv;
	unsigned long seen = 0, index;
	const void *data;
	bool initial;
	unsigned int i;

	mtty_test_track(test, t->mem);
	mem_set(test, t->mem, 0, 1, SIZE);
	for (i = 0; i < 2 * NR_PAGES; i++) {
		KUNIT_ASSERT_TRUE(test, mtty_mem_next_unsent(t->mem, &index,
							     &data, &initial));
		seen |= BIT(index);
		mem_set_page(test, t->mem, 0, i + 2);
	}
	KUNIT_EXPECT_EQ(test, BIT(NR_PAGES) - 1, seen);
}

static void mem_untrack_forgets_all_marks(struct kunit *test)
{
	struct mem_test *t = test->priv;

	mem_set_page(test, t->mem, 1, 1);
	mem_set_page(test, t->mem, 2, 2);
	mem_set_page(test, t->mem, 3, 3);
	mtty_test_track(test, t->mem);
	mem_expect_next(test, 1, 1, true);
	mem_set_page(test, t->mem, 1, 0);
	mem_set_page(test, t->mem, 3, 0);
	mem_set_page(test, t->mem, 8, 8);
	mtty_mem_untrack(t->mem);

	KUNIT_EXPECT_NULL(test, t->mem->dirty);
	KUNIT_EXPECT_EQ(test, 0, t->mem->initial_bytes);
	KUNIT_EXPECT_EQ(test, 0, t->mem->dirty_bytes);
	KUNIT_EXPECT_EQ(test, 2, t->mem->nr_pages);
	/* A page that was zero and unsent is now absent */
	KUNIT_EXPECT_NULL(test, xa_load(&t->mem->pages, 1));
	KUNIT_EXPECT_NULL(test, xa_load(&t->mem->pages, 3));
	KUNIT_EXPECT_EQ(test, 2 * PAGE_RECORD, mtty_mem_stream_length(t->mem));

	/* Untracked writes mark nothing */
	mem_set_page(test, t->mem, 9, 9);
	KUNIT_EXPECT_EQ(test, 0, t->mem->dirty_bytes);
}

static void mem_track_again_begins_anew(struct kunit *test)
{
	struct mem_test *t = test->priv;

	mem_set_page(test, t->mem, 1, 1);
	mem_set_page(test, t->mem, 2, 2);
	mtty_test_track(test, t->mem);
	mem_expect_next(test, 1, 1, true);
	mem_set_page(test, t->mem, 1, 0);
	mtty_mem_untrack(t->mem);
	mtty_test_track(test, t->mem);
	mem_expect_next(test, 2, 2, true);
	mem_expect_no_next(test);
}

/* Loading */

static void mem_load_fills_a_page(struct kunit *test)
{
	struct mem_test *t = test->priv;
	u8 *page = mtty_mem_load(t->mem, 3);

	KUNIT_ASSERT_NOT_NULL(test, page);
	memset(page, 0x77, PAGE);
	mtty_mem_loaded(t->mem, 3);
	KUNIT_EXPECT_EQ(test, 0x77, mem_byte(t->mem, 3 * PAGE));
	KUNIT_EXPECT_EQ(test, 1, t->mem->nr_pages);
	/* The same page again is the same memory */
	KUNIT_EXPECT_PTR_EQ(test, (void *)page, mtty_mem_load(t->mem, 3));
	KUNIT_EXPECT_EQ(test, 1, t->mem->nr_pages);
}

static void mem_load_of_zeroes_takes_no_memory(struct kunit *test)
{
	struct mem_test *t = test->priv;
	u8 *page = mtty_mem_load(t->mem, 3);

	KUNIT_ASSERT_NOT_NULL(test, page);
	memset(page, 0, PAGE);
	mtty_mem_loaded(t->mem, 3);
	KUNIT_EXPECT_EQ(test, 0, t->mem->nr_pages);
	KUNIT_EXPECT_TRUE(test, xa_empty(&t->mem->pages));
}

static void mem_load_zero_empties_a_page(struct kunit *test)
{
	struct mem_test *t = test->priv;

	mem_set_page(test, t->mem, 3, 3);
	mtty_mem_load_zero(t->mem, 3);
	mtty_mem_load_zero(t->mem, 4);
	KUNIT_EXPECT_EQ(test, 0, t->mem->nr_pages);
	KUNIT_EXPECT_TRUE(test, xa_empty(&t->mem->pages));
}

/* Digest */

static void mem_digest_ignores_history(struct kunit *test)
{
	struct mem_test *t = test->priv;
	struct mtty_mem *other = mtty_test_mem(test, SIZE);
	unsigned long i;

	for (i = 0; i < NR_PAGES; i += 3)
		mem_set_page(test, t->mem, i, i + 1);

	/* All pages: written backwards, tracked, sent in part, zeroed again */
	for (i = NR_PAGES; i--; )
		mem_set_page(test, other, i, i + 100);
	mtty_test_track(test, other);
	for (i = 0; i < NR_PAGES / 2; i++) {
		unsigned long index;
		const void *data;
		bool initial;

		mtty_mem_next_unsent(other, &index, &data, &initial);
	}
	for (i = 0; i < NR_PAGES; i++)
		mem_set_page(test, other, i, i % 3 ? 0 : i + 1);

	KUNIT_EXPECT_EQ(test, mtty_mem_digest(t->mem, 5),
			mtty_mem_digest(other, 5));
	mtty_mem_untrack(other);
	KUNIT_EXPECT_EQ(test, mtty_mem_digest(t->mem, 5),
			mtty_mem_digest(other, 5));
}

static void mem_digest_sees_content_place_and_seed(struct kunit *test)
{
	struct mem_test *t = test->priv;
	struct mtty_mem *other = mtty_test_mem(test, SIZE);
	u64 digest;

	mem_set_page(test, t->mem, 3, 1);
	digest = mtty_mem_digest(t->mem, 5);
	KUNIT_EXPECT_NE(test, digest, mtty_mem_digest(t->mem, 6));

	mem_set_page(test, other, 4, 1);
	KUNIT_EXPECT_NE(test, digest, mtty_mem_digest(other, 5));
	mem_set_page(test, other, 3, 1);
	KUNIT_EXPECT_NE(test, digest, mtty_mem_digest(other, 5));
	mem_set_page(test, other, 4, 0);
	KUNIT_EXPECT_EQ(test, digest, mtty_mem_digest(other, 5));
	mem_set(test, other, 4 * PAGE - 1, 2, 1);
	KUNIT_EXPECT_NE(test, digest, mtty_mem_digest(other, 5));
}

/* All operations, at random */

enum mark { CLEAN, INITIAL, DIRTY };

/**
 * struct model - what the memory should be
 * @data: its content
 * @back: room for what the memory says
 * @sent: what a reader of the stream would have by now
 * @mark: what each page is
 * @tracking: whether changes are marked
 */
struct model {
	u8 *data;
	u8 *back;
	u8 *sent;
	enum mark mark[NR_PAGES];
	bool tracking;
};

static bool model_page_zero(const struct model *m, unsigned long index)
{
	return !memchr_inv(m->data + index * PAGE, 0, PAGE);
}

static u64 model_bytes(const struct model *m, enum mark mark)
{
	u64 bytes = 0;
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++)
		if (m->mark[i] == mark)
			bytes += model_page_zero(m, i) ? ZERO_RECORD :
							 PAGE_RECORD;
	return bytes;
}

static void model_write(struct kunit *test, struct model *m,
			struct rnd_state *rnd)
{
	struct mem_test *t = test->priv;
	u32 r = prandom_u32_state(rnd);
	u64 offset = prandom_u32_state(rnd) % SIZE;
	size_t len = prandom_u32_state(rnd) % (2 * PAGE) + 1;
	unsigned long i;

	/* Whole pages, because otherwise no page would ever become zero */
	if (r & 1) {
		offset &= ~(PAGE - 1);
		len = round_up(len, PAGE);
	}
	len = min(len, SIZE - offset);
	if (r & 2)
		memset(t->buf, 0, len);
	else
		prandom_bytes_state(rnd, t->buf, len);

	for (i = offset / PAGE; i <= (offset + len - 1) / PAGE; i++) {
		u64 start = max(offset, i * PAGE);
		u64 end = min(offset + len, (i + 1) * PAGE);
		bool was_zero = model_page_zero(m, i);

		memcpy(m->data + start, t->buf + start - offset, end - start);
		/* Zeroes written to zeroes are no change */
		if (!m->tracking || (was_zero && model_page_zero(m, i)))
			continue;
		/* The first pass must not grow, and has no zeroes */
		if (m->mark[i] == CLEAN || was_zero || model_page_zero(m, i))
			m->mark[i] = DIRTY;
	}
	KUNIT_ASSERT_EQ(test, 0, mtty_mem_write(t->mem, offset, t->buf, len));
}

static void model_take(struct kunit *test, struct model *m)
{
	struct mem_test *t = test->priv;
	bool got, initial, any = false;
	unsigned long index, i;
	const void *data;

	got = mtty_mem_next_unsent(t->mem, &index, &data, &initial);
	for (i = 0; i < NR_PAGES; i++)
		any |= m->mark[i] != CLEAN;
	KUNIT_ASSERT_EQ(test, any, got);
	if (!got)
		return;

	KUNIT_ASSERT_LT(test, index, NR_PAGES);
	KUNIT_EXPECT_EQ(test, initial ? INITIAL : DIRTY, m->mark[index]);
	KUNIT_EXPECT_EQ(test, initial, model_bytes(m, INITIAL) != 0);
	KUNIT_EXPECT_EQ(test, !data, model_page_zero(m, index));
	if (data)
		memcpy(m->sent + index * PAGE, data, PAGE);
	else
		memset(m->sent + index * PAGE, 0, PAGE);
	m->mark[index] = CLEAN;
}

static void model_check(struct kunit *test, struct model *m)
{
	struct mem_test *t = test->priv;
	u64 nr_pages = 0;
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++)
		nr_pages += !model_page_zero(m, i);
	KUNIT_ASSERT_EQ(test, nr_pages, t->mem->nr_pages);
	KUNIT_ASSERT_EQ(test, model_bytes(m, INITIAL), t->mem->initial_bytes);
	KUNIT_ASSERT_EQ(test, model_bytes(m, DIRTY), t->mem->dirty_bytes);
	KUNIT_ASSERT_EQ(test, m->tracking ? model_bytes(m, INITIAL) +
					    model_bytes(m, DIRTY) :
					    nr_pages * PAGE_RECORD,
			mtty_mem_stream_length(t->mem));
}

static void model_track(struct kunit *test, struct model *m, bool track)
{
	struct mem_test *t = test->priv;
	unsigned int i;

	if (track)
		mtty_test_track(test, t->mem);
	else
		mtty_mem_untrack(t->mem);
	for (i = 0; i < NR_PAGES; i++)
		m->mark[i] = track && !model_page_zero(m, i) ? INITIAL : CLEAN;
	m->tracking = track;
	if (track)
		memset(m->sent, 0, SIZE);
}

struct seed {
	const char *name;
	u32 seed;
};

static const struct seed seeds[] = {
	{ "seed 1", 1 }, { "seed 2", 2 }, { "seed 3", 3 }, { "seed 4", 4 },
};

KUNIT_ARRAY_PARAM_DESC(seeds, seeds, name);

static void mem_behaves_like_the_model(struct kunit *test)
{
	const struct seed *p = test->param_value;
	struct mem_test *t = test->priv;
	struct model m = {};
	struct rnd_state rnd;
	unsigned int i;

	m.data = kunit_kzalloc(test, SIZE, GFP_KERNEL);
	m.back = kunit_kzalloc(test, SIZE, GFP_KERNEL);
	m.sent = kunit_kzalloc(test, SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.data);
	KUNIT_ASSERT_NOT_NULL(test, m.back);
	KUNIT_ASSERT_NOT_NULL(test, m.sent);

	prandom_seed_state(&rnd, p->seed);
	for (i = 0; i < 500; i++) {
		u32 r = prandom_u32_state(&rnd) % 64;

		if (r == 0)
			model_track(test, &m, true);
		else if (r == 1)
			model_track(test, &m, false);
		else if (r < 24 && m.tracking)
			model_take(test, &m);
		else
			model_write(test, &m, &rnd);
		model_check(test, &m);
	}
	mtty_mem_read(t->mem, 0, m.back, SIZE);
	KUNIT_EXPECT_EQ(test, -1, mtty_test_diff(m.data, m.back, SIZE));

	/* A reader who reads to the end has the content, whatever happened */
	if (!m.tracking)
		model_track(test, &m, true);
	while (mtty_mem_stream_length(t->mem))
		model_take(test, &m);
	model_check(test, &m);
	KUNIT_EXPECT_EQ(test, -1, mtty_test_diff(m.data, m.sent, SIZE));
}

static void mem_free_of_none(struct kunit *test)
{
	/* Accepts NULL, as kfree() does, so that error paths need no check */
	mtty_mem_free(NULL);
}

static struct kunit_case mem_cases[] = {
	KUNIT_CASE(mem_starts_zero),
	KUNIT_CASE(mem_free_of_none),
	KUNIT_CASE(mem_reads_back_across_pages),
	KUNIT_CASE(mem_zero_writes_take_no_memory),
	KUNIT_CASE(mem_page_that_becomes_zero_is_freed),
	KUNIT_CASE(mem_is_sparse),
	KUNIT_CASE(mem_clear_frees_and_ceases_to_track),
	KUNIT_CASE(mem_first_pass_has_the_pages_that_are_not_zero),
	KUNIT_CASE(mem_first_pass_of_4_gib_and_more),
	KUNIT_CASE(mem_write_makes_a_sent_page_dirty),
	KUNIT_CASE(mem_write_keeps_an_unsent_page_in_the_first_pass),
	KUNIT_CASE(mem_unsent_page_filled_again_leaves_the_first_pass),
	KUNIT_CASE(mem_new_page_is_dirty),
	KUNIT_CASE(mem_page_that_becomes_zero_is_sent_as_such),
	KUNIT_CASE(mem_zero_page_that_is_filled_again_is_sent_once),
	KUNIT_CASE(mem_first_pass_goes_first),
	KUNIT_CASE(mem_hot_page_does_not_starve_the_others),
	KUNIT_CASE(mem_untrack_forgets_all_marks),
	KUNIT_CASE(mem_track_again_begins_anew),
	KUNIT_CASE(mem_load_fills_a_page),
	KUNIT_CASE(mem_load_of_zeroes_takes_no_memory),
	KUNIT_CASE(mem_load_zero_empties_a_page),
	KUNIT_CASE(mem_digest_ignores_history),
	KUNIT_CASE(mem_digest_sees_content_place_and_seed),
	KUNIT_CASE_PARAM(mem_behaves_like_the_model, seeds_gen_params),
	{}
};

static struct kunit_suite mem_suite = {
	.name = "mtty_mig_mem",
	.init = mem_test_init,
	.test_cases = mem_cases,
};

kunit_test_suite(mem_suite);
