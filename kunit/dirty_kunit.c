// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA log: what it takes for ranges and page sizes, what it marks, what
 * it reports and then forgets.
 *
 * Only an ioctl can bring a bitmap, and memory does not run out when a test
 * wants it to. So static stubs give the driver a bitmap that remembers what was
 * set, and allocations that fail when asked to.
 */
#include <kunit/static_stub.h>
#include <linux/interval_tree.h>
#include <linux/iova_bitmap.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "helpers.h"

static bool no_memory;

static void *test_alloc(size_t nr, size_t size)
{
	return no_memory ? NULL : kcalloc(nr, size, GFP_KERNEL);
}

static int test_store(struct mtty_dirty *dirty, unsigned long group,
		      unsigned long bits)
{
	/* An entry that exists can be changed without allocating memory */
	if (no_memory && !xa_load(&dirty->pages, group))
		return -ENOMEM;
	return xa_err(xa_store(&dirty->pages, group, xa_mk_value(bits),
			       GFP_KERNEL));
}

/**
 * struct iova_bitmap - what was set, in the order in which it was
 * @nr: how many times
 * @set: the first ones
 * @test: for @meanwhile
 * @meanwhile: called the first time, for the user's memory may be missing then
 */
struct iova_bitmap {
	unsigned int nr;
	struct kunit *test;
	void (*meanwhile)(struct kunit *test);
	struct {
		u64 iova;
		u64 len;
	} set[512];
};

static void test_set_bits(struct iova_bitmap *bitmap, unsigned long iova,
			  size_t len)
{
	if (bitmap->nr < ARRAY_SIZE(bitmap->set)) {
		bitmap->set[bitmap->nr].iova = iova;
		bitmap->set[bitmap->nr].len = len;
	}
	if (!bitmap->nr++ && bitmap->meanwhile)
		bitmap->meanwhile(bitmap->test);
}

#define PAGE	4096ULL
/* The last address that the core allows, and a large range from address 0 on */
#define TOP	((u64)ULONG_MAX)
#define MUCH	min(1ULL << 40, TOP)

/* A log without a device */
static int dirty_init(struct kunit *test)
{
	struct mtty_device *mtty = kunit_kzalloc(test, sizeof(*mtty),
						 GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, mtty);
	no_memory = false;
	mtty_dirty_init(&mtty->dirty);
	kunit_activate_static_stub(test, mtty_dirty_alloc, test_alloc);
	kunit_activate_static_stub(test, mtty_dirty_store, test_store);
	kunit_activate_static_stub(test, mtty_dirty_set_bits, test_set_bits);
	test->priv = mtty;
	return 0;
}

static void dirty_exit(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;

	no_memory = false;
	if (!mtty)
		return;
	mtty_dirty_destroy(&mtty->dirty);
	KUNIT_EXPECT_TRUE(test, xa_empty(&mtty->dirty.pages));
	KUNIT_EXPECT_NULL(test, mtty->dirty.ranges);
}

struct iova_range {
	u64 iova;
	u64 len;
};

/* Start the log as the core does with the ranges of a user */
static int start(struct kunit *test, const struct iova_range *ranges,
		 unsigned int nr, u64 *page_size)
{
	struct mtty_device *mtty = test->priv;
	struct rb_root_cached root = RB_ROOT_CACHED;
	struct interval_tree_node *nodes;
	unsigned int i;

	nodes = kunit_kzalloc(test, nr * sizeof(*nodes), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, nodes);
	for (i = 0; i < nr; i++) {
		nodes[i].start = ranges[i].iova;
		nodes[i].last = ranges[i].iova + ranges[i].len - 1;
		interval_tree_insert(&nodes[i], &root);
	}
	return mtty_log_ops.log_start(&mtty->vdev, &root, nr, page_size);
}

static void start_one(struct kunit *test, u64 iova, u64 len, u64 page_size)
{
	const struct iova_range range = { iova, len };

	KUNIT_ASSERT_EQ(test, 0, start(test, &range, 1, &page_size));
}

static int stop(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;

	return mtty_log_ops.log_stop(&mtty->vdev);
}

static void mark(struct kunit *test, u64 iova, u64 len)
{
	struct mtty_device *mtty = test->priv;

	mtty_dirty_mark(&mtty->dirty, iova, len);
}

static int report(struct kunit *test, u64 iova, u64 len,
		  struct iova_bitmap *bitmap)
{
	struct mtty_device *mtty = test->priv;

	bitmap->nr = 0;
	return mtty_log_ops.log_read_and_clear(&mtty->vdev, iova, len, bitmap);
}

static struct iova_bitmap *bitmap_new(struct kunit *test)
{
	struct iova_bitmap *bitmap = kunit_kzalloc(test, sizeof(*bitmap),
						   GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bitmap);
	return bitmap;
}

/* Check that a report has exactly these pages, from the lowest on */
static void expect_report(struct kunit *test, u64 iova, u64 len,
			  const struct iova_range *expected, unsigned int nr)
{
	struct iova_bitmap *bitmap = bitmap_new(test);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, 0, report(test, iova, len, bitmap));
	KUNIT_EXPECT_EQ(test, nr, bitmap->nr);
	for (i = 0; i < min(nr, bitmap->nr); i++) {
		KUNIT_EXPECT_EQ(test, expected[i].iova, bitmap->set[i].iova);
		KUNIT_EXPECT_EQ(test, expected[i].len, bitmap->set[i].len);
	}
}

static void expect_clean(struct kunit *test, u64 iova, u64 len)
{
	expect_report(test, iova, len, NULL, 0);
}

static void expect_one(struct kunit *test, u64 iova, u64 len, u64 told,
		       u64 told_len)
{
	const struct iova_range range = { told, told_len };

	expect_report(test, iova, len, &range, 1);
}

static void expect_off(struct kunit *test)
{
	struct iova_bitmap *bitmap = bitmap_new(test);

	KUNIT_EXPECT_EQ(test, -EINVAL, report(test, 0, PAGE, bitmap));
	KUNIT_EXPECT_EQ(test, 0, bitmap->nr);
	KUNIT_EXPECT_EQ(test, -EINVAL, stop(test));
}

/* START: page size */

static void dirty_page_size_powers_of_two(struct kunit *test)
{
	const struct iova_range range = { 0, SZ_1G };
	unsigned int shift;

	for (shift = 0; shift < 64; shift++) {
		u64 size = 1ULL << shift;

		KUNIT_EXPECT_EQ(test, 0, start(test, &range, 1, &size));
		KUNIT_EXPECT_EQ_MSG(test, PAGE, size, "asked for 2^%u",
				    shift);
		KUNIT_EXPECT_EQ(test, 0, stop(test));
	}
}

/* The page size that START returned is the one that is tracked */
static void dirty_page_size_is_what_is_tracked(struct kunit *test)
{
	unsigned int shift;

	for (shift = 0; shift < 64; shift++) {
		const struct iova_range range = { 0, SZ_16M };
		u64 size = 1ULL << shift;

		KUNIT_ASSERT_EQ(test, 0, start(test, &range, 1, &size));
		mark(test, 5 * SZ_1M + 5 * PAGE, 8);
		expect_one(test, 0, SZ_16M,
			   5 * SZ_1M + 5 * PAGE, size);
		KUNIT_EXPECT_EQ(test, 0, stop(test));
	}
}

struct page_size {
	const char *name;
	u64 size;
};

static const struct page_size bad_page_sizes[] = {
	{ "0", 0 },
	{ "3", 3 },
	{ "4095", 4095 },
	{ "4097", 4097 },
	{ "12 KiB", 3 * PAGE },
	{ "4 GiB and 4 KiB", (1ULL << 32) + PAGE },
	{ "all bits", U64_MAX },
	{ "two highest bits", 3ULL << 62 },
};

KUNIT_ARRAY_PARAM_DESC(bad_page_sizes, bad_page_sizes, name);

static void dirty_page_size_that_is_refused(struct kunit *test)
{
	const struct page_size *p = test->param_value;
	const struct iova_range range = { 0, SZ_1G };
	u64 size = p->size;

	KUNIT_EXPECT_EQ(test, -EINVAL, start(test, &range, 1, &size));
	KUNIT_EXPECT_EQ(test, p->size, size);
	expect_off(test);
}

/* START: ranges */

struct ranges {
	const char *name;
	struct iova_range ranges[3];
	unsigned int nr;
};

static const struct ranges empty_ranges[] = {
	{ "at 0", { { 0, 0 } }, 1 },
	{ "at a page", { { PAGE, 0 } }, 1 },
	{ "at the last page", { { TOP - 4095, 0 } }, 1 },
	{ "the first", { { 0x1000, 0 }, { 0x5000, PAGE } }, 2 },
	{ "the last", { { 0x1000, PAGE }, { 0x5000, 0 } }, 2 },
	{ "in the middle",
	  { { 0x1000, PAGE }, { 0x5000, 0 }, { 0x9000, PAGE } }, 3 },
	{ "inside of another", { { 0x1000, SZ_64K }, { 0x5000, 0 } }, 2 },
	{ "all", { { 0x1000, 0 }, { 0x5000, 0 }, { 0x9000, 0 } }, 3 },
	{ "given last, at 0", { { 0x5000, PAGE }, { 0x1000, PAGE }, { 0, 0 } },
	  3 },
};

KUNIT_ARRAY_PARAM_DESC(empty_ranges, empty_ranges, name);

/* The core accepts these ranges, although their end is before their start */
static void dirty_empty_range_is_refused(struct kunit *test)
{
	const struct ranges *p = test->param_value;
	u64 size = PAGE;

	KUNIT_EXPECT_EQ(test, -EINVAL, start(test, p->ranges, p->nr, &size));
	KUNIT_EXPECT_EQ(test, PAGE, size);
	expect_off(test);
	/* And nothing of it stays */
	start_one(test, 0, SZ_1M, PAGE);
	mark(test, 0x1000, 1);
	expect_one(test, 0, SZ_1M, 0x1000, PAGE);
}

static void dirty_many_ranges_in_any_order(struct kunit *test)
{
	/* Every other page of 64, from both ends to the middle */
	static struct iova_range ranges[32], expected[32];
	u64 size = PAGE;
	unsigned int i;

	for (i = 0; i < 32; i++) {
		u64 nr = i % 2 ? 63 - i : i;

		ranges[i] = (struct iova_range){ nr / 2 * 2 * PAGE, PAGE };
		expected[i] = (struct iova_range){ i * 2 * PAGE, PAGE };
	}
	KUNIT_ASSERT_EQ(test, 0, start(test, ranges, 32, &size));
	for (i = 0; i < 64; i++)
		mark(test, i * PAGE + 7, 1);
	expect_report(test, 0, 64 * PAGE, expected, 32);
	expect_clean(test, 0, 64 * PAGE);
}

static void dirty_range_up_to_the_last_iova(struct kunit *test)
{
	start_one(test, TOP - 2 * PAGE + 1, 2 * PAGE, PAGE);
	mark(test, TOP, 1);
	mark(test, TOP - 4095, PAGE);
	expect_one(test, TOP - 8 * PAGE + 1, 8 * PAGE, TOP - 4095, PAGE);
	mark(test, TOP - PAGE, 1);
	mark(test, TOP, 1);
	expect_one(test, TOP - 4095, PAGE, TOP - 4095, PAGE);
	expect_one(test, TOP - 2 * PAGE + 1, 2 * PAGE, TOP - 2 * PAGE + 1,
		   PAGE);
}

static void dirty_range_of_nearly_all(struct kunit *test)
{
	static const struct iova_range expected[] = {
		{ PAGE, PAGE }, { TOP / 2 + 1, PAGE }, { TOP - 4095, 4095 },
	};

	start_one(test, PAGE, -PAGE, PAGE);
	mark(test, 0, PAGE);
	mark(test, TOP, 1);
	mark(test, TOP / 2 + 1, 1);
	mark(test, PAGE, 1);
	expect_report(test, 0, TOP, expected, 3);
	expect_clean(test, PAGE, -PAGE);
}

/* The order of calls */

static void dirty_is_off_at_first(struct kunit *test)
{
	mark(test, 0, 1);
	expect_off(test);
}

static void dirty_second_start_is_refused(struct kunit *test)
{
	const struct iova_range other = { SZ_1M, SZ_1M };
	u64 size = SZ_64K;

	start_one(test, 0, SZ_1M, PAGE);
	mark(test, 0x3000, 1);
	KUNIT_EXPECT_EQ(test, -EINVAL, start(test, &other, 1, &size));
	KUNIT_EXPECT_EQ(test, SZ_64K, size);
	/* The first log goes on unchanged */
	mark(test, SZ_1M, 1);
	expect_one(test, 0, SZ_2M, 0x3000, PAGE);
	KUNIT_EXPECT_EQ(test, 0, stop(test));
}

static void dirty_stop_forgets(struct kunit *test)
{
	start_one(test, 0, SZ_1M, PAGE);
	mark(test, 0, 1);
	mark(test, SZ_1M - 1, 1);
	KUNIT_EXPECT_EQ(test, 0, stop(test));
	expect_off(test);
	/* While the log is off, nothing is marked */
	mark(test, 0x2000, 1);
	start_one(test, 0, SZ_1M, PAGE);
	expect_clean(test, 0, SZ_1M);
}

static void dirty_reset_forgets(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;

	mtty_dirty_reset(&mtty->dirty);
	expect_off(test);
	start_one(test, 0, SZ_1M, PAGE);
	mark(test, 0, 1);
	mtty_dirty_reset(&mtty->dirty);
	expect_off(test);
	start_one(test, 0, SZ_1M, PAGE);
	expect_clean(test, 0, SZ_1M);
}

/* Mark */

struct mark {
	const char *name;
	u64 iova;
	u64 len;
	bool logged;
};

/* Of one byte of the page 0x10000 to either side of a range of 256 bytes */
static const struct mark marks[] = {
	{ "all of it", 0x10100, 0x100, true },
	{ "its first byte", 0x10100, 1, true },
	{ "its last byte", 0x101ff, 1, true },
	{ "the byte before", 0x100ff, 1, false },
	{ "the byte behind", 0x10200, 1, false },
	{ "up to it", 0x10000, 0x100, false },
	{ "into it", 0x10000, 0x101, true },
	{ "out of it", 0x101ff, 0x100, true },
	{ "behind it, to the page's end", 0x10200, 0xe00, false },
	{ "across it", 0x10000, 0x1000, true },
	{ "4 GiB on", 0x100010100, 0x100, false },
};

KUNIT_ARRAY_PARAM_DESC(marks, marks, name);

static void dirty_mark_at_the_edge_of_a_range(struct kunit *test)
{
	const struct mark *p = test->param_value;

	start_one(test, 0x10100, 0x100, PAGE);
	mark(test, p->iova, p->len);
	if (p->logged)
		expect_one(test, 0, MUCH, 0x10000, PAGE);
	expect_clean(test, 0, MUCH);
}

/* In each range, and across the borders of groups */
static void dirty_mark_each_page(struct kunit *test)
{
	unsigned int i;

	start_one(test, 0, 200 * PAGE, PAGE);
	for (i = 0; i < 200; i++) {
		mark(test, i * PAGE, 1);
		mark(test, i * PAGE + 4095, 1);
		expect_one(test, 0, 200 * PAGE, i * PAGE, PAGE);
		expect_clean(test, 0, 200 * PAGE);
	}
}

static void dirty_mark_all_pages(struct kunit *test)
{
	struct iova_range *expected = kunit_kzalloc(test, 200 * sizeof(*expected),
					       GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, expected);
	start_one(test, 0, 200 * PAGE, PAGE);
	for (i = 200; i-- > 0;) {
		expected[i] = (struct iova_range){ i * PAGE, PAGE };
		mark(test, i * PAGE + i, 1);
	}
	expect_report(test, 0, 200 * PAGE, expected, 200);
	expect_clean(test, 0, 200 * PAGE);
}

/* REPORT */

static void dirty_report_of_nothing(struct kunit *test)
{
	struct iova_bitmap *bitmap = bitmap_new(test);

	start_one(test, 0, SZ_1M, PAGE);
	mark(test, 0, 1);
	KUNIT_EXPECT_EQ(test, -EINVAL, report(test, 0, 0, bitmap));
	KUNIT_EXPECT_EQ(test, 0, bitmap->nr);
	expect_one(test, 0, SZ_1M, 0, PAGE);
}

static void dirty_report_leaves_what_is_outside(struct kunit *test)
{
	static const struct iova_range inner[] = {
		{ 30 * PAGE, PAGE }, { 31 * PAGE, PAGE }, { 32 * PAGE, PAGE },
		{ 33 * PAGE, PAGE },
	};
	static const struct iova_range outer[] = {
		{ 0, PAGE }, { 29 * PAGE, PAGE }, { 34 * PAGE, PAGE },
		{ 63 * PAGE, PAGE },
	};
	unsigned int i;

	start_one(test, 0, SZ_1M, PAGE);
	for (i = 0; i < 4; i++) {
		mark(test, inner[i].iova, 1);
		mark(test, outer[i].iova, 1);
	}
	expect_report(test, 30 * PAGE, 4 * PAGE, inner, 4);
	expect_clean(test, 30 * PAGE, 4 * PAGE);
	expect_report(test, 0, SZ_1M, outer, 4);
	expect_clean(test, 0, SZ_1M);
}

struct partial {
	const char *name;
	u64 iova;
	u64 len;
	u64 told;
	u64 told_len;
	bool cleared;
};

/*
 * Of the page at 0x20000, which is dirty. A report from the start of a page on
 * has a bit for each page, which tells all of it.
 */
static const struct partial partials[] = {
	{ "all", 0x20000, 0x1000, 0x20000, 0x1000, true },
	{ "more than all", 0, 0x100000, 0x20000, 0x1000, true },
	{ "up to its end", 0, 0x21000, 0x20000, 0x1000, true },
	{ "from its start", 0x20000, 0x40000, 0x20000, 0x1000, true },
	{ "but its first byte", 0x20001, 0xfff, 0x20001, 0xfff, false },
	{ "but its last byte", 0x20000, 0xfff, 0x20000, 0xfff, true },
	{ "its first part", 0, 0x20800, 0x20000, 0x800, true },
	{ "its last part", 0x20800, 0x40000, 0x20800, 0x800, false },
	{ "its middle", 0x20400, 0x800, 0x20400, 0x800, false },
	{ "its first byte", 0x20000, 1, 0x20000, 1, true },
	{ "its last byte", 0x20fff, 1, 0x20fff, 1, false },
	{ "all, by two bits", 0x1f800, 0x2000, 0x20000, 0x1000, true },
	{ "all, to its last byte", 0x1f800, 0x1800, 0x20000, 0x1000, true },
	{ "the first of two bits", 0x1f800, 0x1000, 0x20000, 0x800, false },
	{ "up to it", 0, 0x20000, 0, 0, false },
	{ "from behind it", 0x21000, 0x40000, 0, 0, false },
};

KUNIT_ARRAY_PARAM_DESC(partials, partials, name);

static void dirty_report_of_a_part(struct kunit *test)
{
	const struct partial *p = test->param_value;
	unsigned int i;

	start_one(test, 0, SZ_1M, PAGE);
	mark(test, 0x20800, 1);
	for (i = 0; i < 2; i++) {
		if (!p->told_len || (p->cleared && i))
			expect_clean(test, p->iova, p->len);
		else
			expect_one(test, p->iova, p->len, p->told,
				   p->told_len);
	}
	if (p->cleared)
		expect_clean(test, 0, SZ_1M);
	else
		expect_one(test, 0, SZ_1M, 0x20000, PAGE);
}

/* A report that begins inside the last page of all does not clear it either */
static void dirty_report_of_a_part_of_the_last_page(struct kunit *test)
{
	u64 iova = TOP - PAGE + 1;

	start_one(test, iova, PAGE, PAGE);
	mark(test, iova, 1);
	expect_one(test, iova + 0x800, 0x800, iova + 0x800, 0x800);
	expect_one(test, iova + 1, PAGE - 1, iova + 1, PAGE - 1);
	expect_one(test, iova, PAGE, iova, PAGE);
	expect_clean(test, iova, PAGE);
}

/* Some pages of a group are cleared and one is not */
static void dirty_report_clears_beside_a_part(struct kunit *test)
{
	static const struct iova_range expected[] = {
		{ 0x800, 0x800 }, { 0x1000, PAGE }, { 0x2000, PAGE },
	};

	start_one(test, 0, SZ_1M, PAGE);
	mark(test, 0x0000, 1);
	mark(test, 0x1000, 1);
	mark(test, 0x2000, 1);
	expect_report(test, 0x800, 0x2800, expected, 3);
	expect_one(test, 0, SZ_1M, 0, PAGE);
}

/* More pages than are taken from the log at once */
static void dirty_report_in_batches(struct kunit *test)
{
	static struct iova_range expected[5 * MTTY_DIRTY_BATCH / 2];
	unsigned int i;

	start_one(test, 0, SZ_1G, PAGE);
	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		u64 iova = (i * MTTY_DIRTY_GROUP + i % MTTY_DIRTY_GROUP) * PAGE;

		expected[i] = (struct iova_range){ iova, PAGE };
		mark(test, iova, 1);
	}
	/* At both ends, groups of which only one page is in the report */
	expect_report(test, expected[1].iova, expected[38].iova + PAGE -
		      expected[1].iova, &expected[1], 38);
	expect_one(test, 0, expected[20].iova, expected[0].iova, PAGE);
	expect_one(test, 0, SZ_1G, expected[39].iova, PAGE);
	expect_clean(test, 0, SZ_1G);
}

static void mark_behind(struct kunit *test)
{
	/* Nobody waits while a report waits for the user's bitmap */
	KUNIT_EXPECT_FALSE(test, mutex_is_locked(&((struct mtty_device *)
						   test->priv)->dirty.lock));
	mark(test, 0, 1);
	mark(test, SZ_512M, 1);
}

static void dirty_marked_during_a_report(struct kunit *test)
{
	struct iova_bitmap *bitmap = bitmap_new(test);

	start_one(test, 0, SZ_1G, PAGE);
	mark(test, 0, 1);
	bitmap->test = test;
	bitmap->meanwhile = mark_behind;
	KUNIT_EXPECT_EQ(test, 0, report(test, 0, PAGE, bitmap));
	KUNIT_EXPECT_EQ(test, 1, bitmap->nr);
	/* The page is dirty again, although it was just reported */
	expect_one(test, 0, PAGE, 0, PAGE);
	expect_one(test, 0, SZ_1G, SZ_512M, PAGE);
}

static void begin_anew(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, stop(test));
	start_one(test, 0, SZ_1G, PAGE);
	mark(test, SZ_512M, 1);
}

static void end_it(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, stop(test));
}

/* The log with which the report began is gone; it must not use the new one */
static void dirty_log_replaced_during_a_report(struct kunit *test)
{
	struct iova_bitmap *bitmap = bitmap_new(test);
	unsigned int i, group;

	bitmap->test = test;
	for (i = 0; i < 2; i++) {
		start_one(test, 0, SZ_1G, PAGE);
		for (group = 0; group <= MTTY_DIRTY_BATCH; group++)
			mark(test, group * MTTY_DIRTY_GROUP * PAGE, 1);
		bitmap->meanwhile = i ? end_it : begin_anew;
		KUNIT_EXPECT_EQ(test, -EINVAL,
				report(test, 0, SZ_1G, bitmap));
		KUNIT_EXPECT_EQ(test, MTTY_DIRTY_BATCH, bitmap->nr);
		if (!i) {
			expect_one(test, 0, SZ_1G, SZ_512M, PAGE);
			KUNIT_EXPECT_EQ(test, 0, stop(test));
		}
	}
}

/* Want of memory */

static void dirty_start_without_memory(struct kunit *test)
{
	const struct iova_range range = { 0, SZ_1M };
	u64 size = 1;

	no_memory = true;
	KUNIT_EXPECT_EQ(test, -ENOMEM, start(test, &range, 1, &size));
	KUNIT_EXPECT_EQ(test, 1, size);
	expect_off(test);
	no_memory = false;
	KUNIT_EXPECT_EQ(test, 0, start(test, &range, 1, &size));
}

/* A page that is lost must not be taken for clean */
static void dirty_mark_without_memory(struct kunit *test)
{
	struct iova_bitmap *bitmap = bitmap_new(test);
	struct mtty_device *mtty = test->priv;

	start_one(test, 0, SZ_1M, PAGE);
	mark(test, 0x1000, 1);
	no_memory = true;
	mark(test, 100 * PAGE, 1);
	no_memory = false;
	KUNIT_EXPECT_EQ(test, -ENOMEM, report(test, 0, SZ_1M, bitmap));
	KUNIT_EXPECT_EQ(test, 0, bitmap->nr);
	/* The log stays failed, even for pages that were recorded */
	mark(test, 0x2000, 1);
	KUNIT_EXPECT_EQ(test, -ENOMEM, report(test, 0x1000, PAGE, bitmap));
	KUNIT_EXPECT_EQ(test, 0, bitmap->nr);
	KUNIT_EXPECT_EQ(test, -EINVAL, report(test, 0, 0, bitmap));

	KUNIT_EXPECT_EQ(test, 0, stop(test));
	start_one(test, 0, SZ_1M, PAGE);
	expect_clean(test, 0, SZ_1M);

	no_memory = true;
	mark(test, 0, 1);
	no_memory = false;
	mtty_dirty_reset(&mtty->dirty);
	start_one(test, 0, SZ_1M, PAGE);
	expect_clean(test, 0, SZ_1M);
}

/* A page outside of all ranges is not lost */
static void dirty_mark_elsewhere_without_memory(struct kunit *test)
{
	start_one(test, 0, SZ_1M, PAGE);
	mark(test, 0x1000, 1);
	no_memory = true;
	mark(test, SZ_1M, 1);
	/*
	 * Marking a page again, marking its neighbour, and a report take no
	 * memory either
	 */
	mark(test, 0x1000, 1);
	mark(test, 0x2000, 1);
	expect_one(test, 0, 0x2000, 0x1000, PAGE);
	expect_one(test, 0, SZ_1M, 0x2000, PAGE);
	no_memory = false;
}

/*
 * Against a model that keeps a flag for each page: three ranges, marks and
 * reports anywhere.
 */

#define UNITS	1024U

struct model {
	u8 logged[UNITS];
	u8 dirty[UNITS];
	u8 told[UNITS];
};

/* What a report of these pages must return, and what it clears */
static void model_report(struct model *m, unsigned int first, unsigned int nr)
{
	memset(m->told, 0, sizeof(m->told));
	memcpy(&m->told[first], &m->dirty[first], nr);
	memset(&m->dirty[first], 0, nr);
}

static void dirty_random(struct kunit *test)
{
	/*
	 * One range begins and ends within a group, one at its borders, one is
	 * short
	 */
	static const struct iova_range ranges[] = {
		{ 16 * PAGE, 320 * PAGE }, { 512 * PAGE, 256 * PAGE },
		{ 1008 * PAGE, 16 * PAGE },
	};
	struct iova_bitmap *bitmap = bitmap_new(test);
	struct model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	u8 *told = kunit_kzalloc(test, UNITS, GFP_KERNEL);
	const u64 base = 0x7ff0000000ULL & ULONG_MAX;
	struct iova_range moved[3];
	u64 size = PAGE, at;
	struct rnd_state rnd;
	unsigned int i, n;

	KUNIT_ASSERT_NOT_NULL(test, m);
	KUNIT_ASSERT_NOT_NULL(test, told);
	for (i = 0; i < 3; i++) {
		moved[i] = ranges[i];
		moved[i].iova += base;
		memset(&m->logged[ranges[i].iova / PAGE], 1,
		       ranges[i].len / PAGE);
	}
	KUNIT_ASSERT_EQ(test, 0, start(test, moved, 3, &size));

	prandom_seed_state(&rnd, 1);
	for (n = 0; n < 400; n++) {
		unsigned int first, nr;

		for (i = prandom_u32_state(&rnd) % 20; i > 0; i--) {
			u32 r = prandom_u32_state(&rnd);
			u32 offset = (r >> 12) % 4096;

			first = r % UNITS;
			mark(test, base + first * PAGE + offset, 1 +
			     prandom_u32_state(&rnd) % (4096 - offset));
			m->dirty[first] |= m->logged[first];
		}
		first = prandom_u32_state(&rnd) % UNITS;
		nr = 1 + prandom_u32_state(&rnd) % (UNITS - first);
		if (n % 3 == 0)
			nr = 1 + nr % min(UNITS - first, 40U);
		nr = min(nr, UNITS - first);
		model_report(m, first, nr);

		KUNIT_ASSERT_EQ(test, 0, report(test, base + first * PAGE,
						nr * PAGE, bitmap));
		KUNIT_ASSERT_LE(test, bitmap->nr, ARRAY_SIZE(bitmap->set));
		memset(told, 0, UNITS);
		for (i = 0; i < bitmap->nr; i++) {
			at = bitmap->set[i].iova;
			KUNIT_ASSERT_GE(test, at, base + first * PAGE);
			KUNIT_ASSERT_LE(test, at + bitmap->set[i].len,
					base + (first + nr) * PAGE);
			for (at -= base; at < bitmap->set[i].iova - base +
			     bitmap->set[i].len; at += PAGE)
				told[at / PAGE] = 1;
		}
		KUNIT_ASSERT_EQ_MSG(test, -1,
				    mtty_test_diff(m->told, told, UNITS),
				    "report %u of %u pages from %u", n, nr,
				    first);
	}
}

static struct kunit_case dirty_cases[] = {
	KUNIT_CASE(dirty_page_size_powers_of_two),
	KUNIT_CASE(dirty_page_size_is_what_is_tracked),
	KUNIT_CASE_PARAM(dirty_page_size_that_is_refused,
			 bad_page_sizes_gen_params),
	KUNIT_CASE_PARAM(dirty_empty_range_is_refused,
			 empty_ranges_gen_params),
	KUNIT_CASE(dirty_many_ranges_in_any_order),
	KUNIT_CASE(dirty_range_up_to_the_last_iova),
	KUNIT_CASE(dirty_range_of_nearly_all),
	KUNIT_CASE(dirty_is_off_at_first),
	KUNIT_CASE(dirty_second_start_is_refused),
	KUNIT_CASE(dirty_stop_forgets),
	KUNIT_CASE(dirty_reset_forgets),
	KUNIT_CASE_PARAM(dirty_mark_at_the_edge_of_a_range, marks_gen_params),
	KUNIT_CASE(dirty_mark_each_page),
	KUNIT_CASE(dirty_mark_all_pages),
	KUNIT_CASE(dirty_report_of_nothing),
	KUNIT_CASE(dirty_report_leaves_what_is_outside),
	KUNIT_CASE_PARAM(dirty_report_of_a_part, partials_gen_params),
	KUNIT_CASE(dirty_report_of_a_part_of_the_last_page),
	KUNIT_CASE(dirty_report_clears_beside_a_part),
	KUNIT_CASE(dirty_report_in_batches),
	KUNIT_CASE(dirty_marked_during_a_report),
	KUNIT_CASE(dirty_log_replaced_during_a_report),
	KUNIT_CASE(dirty_start_without_memory),
	KUNIT_CASE(dirty_mark_without_memory),
	KUNIT_CASE(dirty_mark_elsewhere_without_memory),
	KUNIT_CASE(dirty_random),
	{}
};

static struct kunit_suite dirty_suite = {
	.name = "mtty_mig_dirty",
	.init = dirty_init,
	.exit = dirty_exit,
	.test_cases = dirty_cases,
};

kunit_test_suite(dirty_suite);
