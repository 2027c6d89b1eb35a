// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA logging, and its misuse.
 *
 * Nothing here can make a device write.  So the logs are empty, and what is
 * judged is the order of calls, their arguments, and that a report leaves
 * alone what it has no bits for.
 */
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "../lib/vfio_dma.h"
#include "../lib/worker.h"
#include "dut_fixture.h"
#include "session.h"

#define PAGE		0x1000ULL
#define BASE		0x40000000ULL
#define PAGES		1024ULL
#define SIZE		(PAGES * PAGE)
#define WORDS		(PAGES / 64)

/* The uAPI has no shorter name for it */
#define log_range	vfio_device_feature_dma_logging_range

/* A driver that sets bits beyond a bitmap must not hit what tests live on */
#define SLACK		(2 * PAGE / 8)

static __u64 bitmap[WORDS + SLACK];

/* Ranges */

static int start_ranges(struct dut *dut, const struct log_range *ranges,
			__u32 count, __u64 page_size)
{
	return __dma_log_start(&dut->dev, ranges, count, &page_size);
}

static int start_range(struct dut *dut, __u64 iova, __u64 len, __u64 page_size)
{
	const struct log_range range = { iova, len };

	return start_ranges(dut, &range, 1, page_size);
}

static int start(struct dut *dut)
{
	return start_range(dut, BASE, SIZE, PAGE);
}

static int stop(struct dut *dut)
{
	return __dma_log_stop(&dut->dev);
}

static int report(struct dut *dut)
{
	return __dma_log_report(&dut->dev, BASE, SIZE, PAGE, bitmap);
}

/*
 * Whether REPORT tells that logging is off.  In a driver where it does not,
 * that is MIG-LOG-06's business alone: no other rule takes REPORT for a proof
 * that logging was left on.
 */
static bool tells_off(struct dut *dut)
{
	stop(dut);
	return report(dut) < 0;
}

/* Logging can be stopped and started: the first call that fails */
static int works(struct dut *dut)
{
	int ret;

	/* On or off, whatever was before */
	stop(dut);
	ret = start(dut);
	if (!ret)
		ret = report(dut);
	if (!ret)
		ret = stop(dut);
	return ret;
}

#define NO_REPORT	"this kernel has no CONFIG_IOMMUFD_DRIVER"

/* Without iova_bitmap in the kernel there is nothing to report with */
static bool has_report(struct dut *dut)
{
	int ret = start(dut);

	if (!ret)
		ret = report(dut);
	stop(dut);
	return ret != -EOPNOTSUPP;
}

DUT_FIXTURE(any, DUT_ANY);

/* "VFIO_DEVICE_FEATURE_PROBE can be used to detect if the device supports" */
TEST_F(any, START_STOP_and_REPORT_exist_together)
{
	static const struct {
		const char *name;
		__u32 flags;
	} ops[] = {
		{ "STOP", VFIO_DEVICE_FEATURE_SET |
			  VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP },
		{ "REPORT", VFIO_DEVICE_FEATURE_GET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT },
	};
	int expected = dut_has_log(&self->dut) ? 0 : -ENOTTY;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ops); i++)
		RULE_ERRNO("MIG-LOG-01", expected,
			   __vfio_feature(&self->dut.dev, ops[i].flags |
					  VFIO_DEVICE_FEATURE_PROBE, NULL, 0),
			   "PROBE of %s; START is %sthere", ops[i].name,
			   expected ? "not " : "");
}

TEST_F(any, without_DMA_logging_all_is_ENOTTY)
{
	if (dut_has_log(&self->dut))
		SKIP(return, "the device has DMA logging");
	RULE_ERRNO("MIG-LOG-01", -ENOTTY,
		   __vfio_feature(&self->dut.dev, VFIO_DEVICE_FEATURE_PROBE |
				  VFIO_DEVICE_FEATURE_SET |
				  VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
				  NULL, 0),
		   "PROBE of START");
	RULE_ERRNO("MIG-LOG-01", -ENOTTY, start(&self->dut), "START");
	RULE_ERRNO("MIG-LOG-01", -ENOTTY, stop(&self->dut), "STOP");
	RULE_ERRNO("MIG-LOG-01", -ENOTTY, report(&self->dut), "REPORT");
}

DUT_FIXTURE(dma_log, DUT_ANY | DUT_LOG);

/* What START selects */

/*
 * "On output the device will return the page size it selected."  The core
 * takes the hint for a mask, which the ranges here fit.
 */
TEST_F(dma_log, START_tells_a_page_size)
{
	static const struct {
		__u64 page_size;
		__u64 len;
	} hints[] = {
		{ 0, 0 }, { 1, PAGE }, { 2, PAGE }, { 3, PAGE },
		{ 0x800, PAGE }, { 0xfff, PAGE }, { PAGE, PAGE },
		{ 0x1001, 1 << 20 }, { 0x1800, 1 << 20 }, { 0x3000, 1 << 20 },
		{ 0x2000, 1 << 20 }, { 0x10000, 1 << 20 },
		{ 1 << 21, 1 << 21 }, { 1 << 30, 1 << 30 },
		{ 1ULL << 40, 1ULL << 40 }, { 1ULL << 63, 1ULL << 63 },
		{ ~0ULL, 1 }, { ~0ULL << 12, 1 << 30 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(hints); i++) {
		const struct log_range range = { 0, hints[i].len };
		__u64 page_size = hints[i].page_size;

		/* Whether it wants to refuse the hint is left to the driver */
		if (__dma_log_start(&self->dut.dev, &range, 1, &page_size))
			continue;
		RULE("MIG-LOG-02",
		     page_size && !(page_size & (page_size - 1)),
		     "a power of two, seen page_size %#llx: START with %#llx",
		     (unsigned long long)page_size,
		     (unsigned long long)hints[i].page_size);
		must(stop(&self->dut));
	}
}

/* A hint that any device can do something with, if only another page size */
TEST_F(dma_log, START_takes_page_sizes_for_hints)
{
	unsigned int shift;

	for (shift = 12; shift <= 30; shift++) {
		const struct log_range range = { 0, 1ULL << 30 };
		__u64 page_size = 1ULL << shift;

		RULE_OK("MIG-LOG-02",
			__dma_log_start(&self->dut.dev, &range, 1, &page_size),
			"START with page_size %#llx", 1ULL << shift);
		stop(&self->dut);
	}
}

/* The order of calls */

/* "Another start is not allowed in the meantime." */
TEST_F(dma_log, second_START_fails)
{
	must(start(&self->dut));
	RULE_FAILS("MIG-LOG-03", start(&self->dut), "the same START again");
	RULE_FAILS("MIG-LOG-03", start_range(&self->dut, 0, PAGE, PAGE),
		   "START with another range");
	RULE_FAILS("MIG-LOG-03", start_range(&self->dut, BASE, SIZE, 1 << 16),
		   "START with another page_size");
}

TEST_F(dma_log, second_START_leaves_the_first_alone)
{
	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	must(start(&self->dut));
	/* That it must fail is for another test */
	if (!start_range(&self->dut, 0, PAGE, PAGE))
		SKIP(return, "the second START did not fail");
	RULE_OK("MIG-LOG-03", report(&self->dut),
		"REPORT after a second START");
	RULE_OK("MIG-LOG-03", stop(&self->dut), "STOP after a second START");
}

/* "a matching stop should follow at the end" */
TEST_F(dma_log, STOP_ends_logging)
{
	unsigned int i;
	bool off;

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	off = tells_off(&self->dut);
	for (i = 0; i < 3; i++) {
		RULE_OK("MIG-LOG-04", start(&self->dut), "START %u", i + 1);
		RULE_OK("MIG-LOG-04", stop(&self->dut), "STOP %u", i + 1);
		if (off)
			RULE_FAILS("MIG-LOG-04", report(&self->dut),
				   "REPORT after STOP %u", i + 1);
	}
}

TEST_F(dma_log, STOP_without_START_does_no_harm)
{
	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	stop(&self->dut);
	stop(&self->dut);
	RULE_OK("MIG-LOG-05", works(&self->dut),
		"START, REPORT, STOP after STOP alone");
	stop(&self->dut);
	stop(&self->dut);
	RULE_OK("MIG-LOG-05", works(&self->dut),
		"START, REPORT, STOP after STOP twice");
}

/* The very first call to a device that was just opened */
TEST_F(dma_log, STOP_first_of_all_does_no_harm)
{
	dut_reopen(&self->dut);
	stop(&self->dut);
	RULE_OK("MIG-LOG-05", start(&self->dut), "START after STOP");
}

/* "If DMA logging is not enabled, an error will be returned." */
TEST_F(dma_log, REPORT_before_START_fails)
{
	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	dut_reopen(&self->dut);
	RULE_FAILS("MIG-LOG-06", report(&self->dut), "REPORT before START");
}

TEST_F(dma_log, REPORT_after_STOP_fails)
{
	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	must(start(&self->dut));
	must(stop(&self->dut));
	RULE_FAILS("MIG-LOG-06", report(&self->dut), "REPORT after STOP");
}

TEST_F(dma_log, REPORT_after_a_failed_START_fails)
{
	static const struct {
		const char *name;
		struct log_range range;
		__u64 page_size;
	} bad[] = {
		{ "page_size 0", { 0, 0 }, 0 },
		{ "page_size 0x3000", { BASE, SIZE }, 0x3000 },
		{ "an empty range", { BASE, 0 }, PAGE },
		{ "a range that overflows", { -PAGE, 2 * PAGE }, PAGE },
		{ "a range that is not aligned", { BASE + 1, PAGE }, PAGE },
	};
	unsigned int i;

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		if (start_ranges(&self->dut, &bad[i].range, 1,
				 bad[i].page_size))
			RULE_FAILS("MIG-LOG-06", report(&self->dut),
				   "REPORT after START failed for %s",
				   bad[i].name);
		stop(&self->dut);
	}
}

/* REPORT and its bitmap */

static bool all_bytes(const void *buf, __u8 value, size_t len)
{
	const __u8 *bytes = buf;
	size_t i;

	for (i = 0; i < len; i++)
		if (bytes[i] != value)
			return false;
	return true;
}

/* "only set bits in the bitmap and never clear or perform any initialization" */
TEST_F(dma_log, REPORT_clears_no_bit)
{
	static const __u64 pages[] = { 1, 63, 64, 65, 1000, PAGES };
	unsigned int i;

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	must(start(&self->dut));
	for (i = 0; i < ARRAY_LEN(pages); i++) {
		memset(bitmap, 0xff, sizeof(bitmap));
		must(__dma_log_report(&self->dut.dev, BASE, pages[i] * PAGE,
				      PAGE, bitmap));
		RULE("MIG-LOG-08", all_bytes(bitmap, 0xff, sizeof(bitmap)),
		     "all bits set as before, seen some clear: REPORT of %llu pages",
		     (unsigned long long)pages[i]);
	}
}

/* Whatever it may set within its range: what is beyond is not its own */
TEST_F(dma_log, REPORT_sets_no_bit_beyond_its_range)
{
	static const __u64 pages[] = { 1, 7, 63, 64, 65, 500 };
	unsigned int i;

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	must(start(&self->dut));
	for (i = 0; i < ARRAY_LEN(pages); i++) {
		__u64 last = pages[i] / 64;

		memset(bitmap, 0, sizeof(bitmap));
		must(__dma_log_report(&self->dut.dev, BASE, pages[i] * PAGE,
				      PAGE, bitmap));
		/* Bits of the range itself are the device's to tell */
		if (pages[i] % 64)
			bitmap[last] &= ~0ULL << (pages[i] % 64);
		RULE("MIG-LOG-08",
		     all_bytes(&bitmap[last], 0, sizeof(bitmap) - last * 8),
		     "no bit beyond the range, seen some: REPORT of %llu pages",
		     (unsigned long long)pages[i]);
	}
}

/* Where the bitmap ends the memory ends, too */
TEST_F(dma_log, REPORT_reaches_not_beyond_the_bitmap)
{
	static const __u64 pages[] = { 1, 64, 65, 640, PAGES };
	unsigned int i;

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	must(start(&self->dut));
	for (i = 0; i < ARRAY_LEN(pages); i++) {
		void *words = guarded_new((pages[i] + 63) / 64 * 8);

		RULE_OK("MIG-LOG-08",
			__dma_log_report(&self->dut.dev, BASE, pages[i] * PAGE,
					 PAGE, words),
			"REPORT of %llu pages, no memory behind the bitmap",
			(unsigned long long)pages[i]);
	}
}

/* A bitmap of several pages: the core hands it out in pieces */
TEST_F(dma_log, REPORT_of_a_long_range)
{
	const __u64 len = 1ULL << 36;
	const size_t bytes = len / PAGE / 8;
	__u8 *words = guarded_new(bytes + 8);

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	must(start_range(&self->dut, 0, len, PAGE));
	/* Unaligned to a page; the last word is not the bitmap's */
	RULE_OK("MIG-LOG-08",
		__dma_log_report(&self->dut.dev, 0, len, PAGE,
				 (void *)words),
		"REPORT of %llu pages", (unsigned long long)(len / PAGE));
	RULE("MIG-LOG-08", all_bytes(words + bytes, 0, 8),
	     "no bit beyond the bitmap, seen some");
}

/* "can be any power of two value and does not have to match" */
TEST_F(dma_log, REPORT_takes_any_page_size)
{
	static const __u64 starts[] = { PAGE, 1 << 16, 1 << 21 };
	unsigned int i, shift;
	__u64 *words;

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	words = calloc(2, (1ULL << 30) / PAGE / 8);
	ASSERT_NE(NULL, words);
	for (i = 0; i < ARRAY_LEN(starts); i++) {
		must(start_range(&self->dut, 0, 1 << 30, starts[i]));
		for (shift = 12; shift < 64; shift++)
			RULE_OK("MIG-LOG-09",
				__dma_log_report(&self->dut.dev, 0, 1 << 30,
						 1ULL << shift, words),
				"REPORT with page_size 1 << %u, START with %#llx",
				shift, (unsigned long long)starts[i]);
		must(stop(&self->dut));
	}
	free(words);
}

TEST_F(dma_log, REPORT_refuses_page_sizes_that_are_no_power_of_two)
{
	static const __u64 bad[] = {
		0, 3, 0xfff, 0x1001, 0x1800, 0x3000, ~0ULL, ~0ULL << 12,
	};
	unsigned int i;

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	must(start(&self->dut));
	for (i = 0; i < ARRAY_LEN(bad); i++)
		RULE_FAILS("MIG-LOG-09",
			   __dma_log_report(&self->dut.dev, BASE, SIZE, bad[i],
					    bitmap),
			   "REPORT with page_size %#llx",
			   (unsigned long long)bad[i]);
}

TEST_F(dma_log, REPORT_of_odd_ranges_does_no_harm)
{
	static const struct {
		const char *name;
		struct log_range range;
	} odd[] = {
		{ "nothing", { BASE, 0 } },
		{ "nothing at 0", { 0, 0 } },
		{ "one byte", { BASE, 1 } },
		{ "a part of a page", { BASE + 1, 100 } },
		{ "the end of a page and the begin of the next",
		  { BASE + PAGE - 1, 2 } },
		{ "a page before", { BASE - PAGE, PAGE } },
		{ "a page behind", { BASE + SIZE, PAGE } },
		{ "half in and half out", { BASE + SIZE - PAGE, 2 * PAGE } },
		{ "far away", { 1ULL << 50, SIZE } },
		{ "the first page", { 0, PAGE } },
		{ "the last page", { -2 * PAGE, PAGE } },
	};
	unsigned int i;

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	for (i = 0; i < ARRAY_LEN(odd); i++) {
		must(start(&self->dut));
		__dma_log_report(&self->dut.dev, odd[i].range.iova,
				 odd[i].range.length, PAGE, bitmap);
		RULE_OK("MIG-LOG-15", works(&self->dut),
			"START, REPORT, STOP after REPORT of %s", odd[i].name);
	}
}

TEST_F(dma_log, REPORT_of_a_range_that_overflows_fails)
{
	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	must(start(&self->dut));
	RULE_FAILS("MIG-LOG-15",
		   __dma_log_report(&self->dut.dev, -PAGE, 2 * PAGE, PAGE,
				    bitmap),
		   "REPORT of two pages from the last one on");
	RULE_FAILS("MIG-LOG-15",
		   __dma_log_report(&self->dut.dev, BASE, -PAGE, PAGE, bitmap),
		   "REPORT of 2^64 bytes less a page, from a range's start");
	RULE_OK("MIG-LOG-15", works(&self->dut),
		"START, REPORT, STOP after such a REPORT");
}

/* START and its ranges */

/* Ranges of a page each, @step bytes apart */
static void many_ranges(struct log_range *ranges, unsigned int count,
			__u64 step)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		ranges[i] = (struct log_range){ BASE + i * step, PAGE };
}

#define PAGE_FULL	(sysconf(_SC_PAGESIZE) / sizeof(struct log_range))

/* "guarantees to support by minimum num_ranges that fit into a single [...]" */
TEST_F(dma_log, START_takes_a_page_full_of_ranges)
{
	static const unsigned int parts[] = { 256, 16, 2, 1 };
	struct log_range *ranges = (void *)guarded_new(PAGE_FULL * sizeof(*ranges));
	unsigned int i;

	many_ranges(ranges, PAGE_FULL, 16 * PAGE);
	RULE_OK("MIG-LOG-10", start_ranges(&self->dut, ranges, 1, PAGE),
		"START with one range");
	stop(&self->dut);
	for (i = 0; i < ARRAY_LEN(parts); i++) {
		__u32 count = PAGE_FULL / parts[i];

		RULE_OK("MIG-LOG-10",
			start_ranges(&self->dut, ranges, count, PAGE),
			"START with %u ranges", count);
		RULE_OK("MIG-LOG-10", stop(&self->dut), "STOP of %u ranges",
			count);
	}
}

/* The first page after a range may begin the next one */
TEST_F(dma_log, START_takes_ranges_that_touch)
{
	struct log_range ranges[] = {
		{ BASE, PAGE }, { BASE + PAGE, 2 * PAGE },
		{ BASE - PAGE, PAGE },
	};
	unsigned int i;

	RULE_OK("MIG-LOG-10",
		start_ranges(&self->dut, ranges, ARRAY_LEN(ranges), PAGE),
		"START with ranges that touch");
	for (i = 0; i < ARRAY_LEN(ranges); i++)
		RULE_OK("MIG-LOG-10",
			__dma_log_report(&self->dut.dev, ranges[i].iova,
					 ranges[i].length, PAGE, bitmap),
			"REPORT of one of several ranges that touch");
}

/* The order in which a user names them does not matter */
TEST_F(dma_log, START_takes_ranges_in_any_order)
{
	struct log_range *ranges = (void *)guarded_new(PAGE_FULL * sizeof(*ranges));
	unsigned int i;

	many_ranges(ranges, PAGE_FULL, 16 * PAGE);
	for (i = 0; i < PAGE_FULL / 2; i += 2) {
		struct log_range other = ranges[i];

		ranges[i] = ranges[PAGE_FULL - 1 - i];
		ranges[PAGE_FULL - 1 - i] = other;
	}
	RULE_OK("MIG-LOG-10",
		start_ranges(&self->dut, ranges, PAGE_FULL, PAGE),
		"START with a page full of ranges out of order");
}

TEST_F(dma_log, START_refuses_senseless_ranges)
{
	static const struct {
		const char *name;
		__u32 count;
		struct log_range ranges[2];
	} bad[] = {
		{ "no range", 0, { { BASE, SIZE } } },
		{ "an iova that is not aligned", 1, { { BASE + 1, PAGE } } },
		{ "an iova in the middle of a page", 1,
		  { { BASE + PAGE / 2, PAGE } } },
		{ "a length that is not aligned", 1, { { BASE, PAGE + 1 } } },
		{ "a length of half a page", 1, { { BASE, PAGE / 2 } } },
		{ "a range that overflows", 1, { { -PAGE, 2 * PAGE } } },
		{ "a length that overflows", 1, { { BASE, -PAGE } } },
		{ "the same range twice", 2,
		  { { BASE, PAGE }, { BASE, PAGE } } },
		{ "ranges that overlap", 2,
		  { { BASE, 2 * PAGE }, { BASE + PAGE, 2 * PAGE } } },
		{ "a range within another", 2,
		  { { BASE, 4 * PAGE }, { BASE + PAGE, PAGE } } },
		{ "a range around another", 2,
		  { { BASE + PAGE, PAGE }, { BASE, 4 * PAGE } } },
		{ "a good range and one that is not aligned", 2,
		  { { BASE, PAGE }, { BASE + 2 * PAGE, 1 } } },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		RULE_FAILS("MIG-LOG-11",
			   start_ranges(&self->dut, bad[i].ranges,
					bad[i].count, PAGE),
			   "START with %s", bad[i].name);
		stop(&self->dut);
	}
}

TEST_F(dma_log, START_refuses_more_than_a_page_of_ranges)
{
	const __u32 counts[] = { PAGE_FULL + 1, 2 * PAGE_FULL, ~0U };
	struct log_range *ranges = calloc(2 * PAGE_FULL, sizeof(*ranges));
	unsigned int i;

	ASSERT_NE(NULL, ranges);
	many_ranges(ranges, 2 * PAGE_FULL, 16 * PAGE);
	for (i = 0; i < ARRAY_LEN(counts); i++) {
		RULE_FAILS("MIG-LOG-11",
			   start_ranges(&self->dut, ranges, counts[i], PAGE),
			   "START with %u ranges", counts[i]);
		stop(&self->dut);
	}
	free(ranges);
}

/* Its last IOVA is the one before its first */
TEST_F(dma_log, START_with_empty_ranges_does_no_harm)
{
	static const struct {
		const char *name;
		__u32 count;
		struct log_range ranges[2];
	} odd[] = {
		{ "at 0", 1, { { 0, 0 } } },
		{ "at a page", 1, { { BASE, 0 } } },
		{ "at the last page", 1, { { -PAGE, 0 } } },
		{ "twice", 2, { { BASE, 0 }, { BASE, 0 } } },
		{ "before a range", 2, { { BASE, 0 }, { BASE, SIZE } } },
		{ "in a range", 2, { { BASE, SIZE }, { BASE + PAGE, 0 } } },
		{ "behind a range", 2, { { BASE, SIZE }, { BASE + SIZE, 0 } } },
	};
	unsigned int i;

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	for (i = 0; i < ARRAY_LEN(odd); i++) {
		start_ranges(&self->dut, odd[i].ranges, odd[i].count, PAGE);
		report(&self->dut);
		RULE_OK("MIG-LOG-14", works(&self->dut),
			"START, REPORT, STOP after an empty range %s",
			odd[i].name);
	}
}

/* Handed on unchecked: whether a driver refuses it or not, it goes on */
TEST_F(dma_log, START_with_reserved_set_does_no_harm)
{
	const struct log_range range = { BASE, SIZE };
	struct vfio_device_feature_dma_logging_control control = {
		.page_size = PAGE,
		.num_ranges = 1,
		.__reserved = ~0U,
		.ranges = (uintptr_t)&range,
	};

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	if (!__vfio_feature(&self->dut.dev, VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_START, &control,
			    sizeof(control)))
		RULE_OK("MIG-LOG-04", stop(&self->dut),
			"STOP after START with __reserved set");
	RULE_OK("MIG-LOG-04", works(&self->dut),
		"START, REPORT, STOP after START with __reserved set");
}

/* Meanwhile */

/* The text does not speak of it, but the ranges are of another's memory */
TEST_F(dma_log, is_off_after_close_and_open)
{
	bool off;

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	off = tells_off(&self->dut);
	must(start(&self->dut));
	dut_reopen(&self->dut);
	if (off)
		RULE_FAILS("MIG-LOG-13", report(&self->dut),
			   "REPORT after close and open");
	RULE_OK("MIG-LOG-13", start(&self->dut),
		"START after close and open");
}

TEST_F(dma_log, works_after_reset)
{
	if (!vfio_dev_can_reset(&self->dut.dev))
		SKIP(return, "the device has no VFIO_DEVICE_RESET");
	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	must(start(&self->dut));
	vfio_dev_reset(&self->dut.dev);
	report(&self->dut);
	RULE_OK("MIG-LOG-17", works(&self->dut),
		"START, REPORT, STOP after a reset with logging on");
}

TEST_F(dma_log, removal_with_logging_on)
{
	enum dut_removal how = dut_removal(&self->dut);
	const char *why = dut_irremovable(&self->dut, how);

	if (why)
		SKIP(return, "%s", why);
	must(start(&self->dut));
	vfio_dev_close(&self->dut.dev);
	RULE_OK("MIG-LOG-13", __dut_remove(&self->dut, how),
		"removal of a device with logging on");
	must(__dut_bring_back(&self->dut, how));
	dut_reopen(&self->dut);
	RULE_OK("MIG-LOG-13", start(&self->dut),
		"START in a device that came back");
}

/* Calls of one thread among several */
#define CALLS		300

struct caller {
	struct dut *dut;
	int (*call)(struct dut *dut);
};

static int run_calls(void *arg)
{
	struct caller *caller = arg;
	unsigned int i;

	for (i = 0; i < CALLS; i++)
		caller->call(caller->dut);
	return 0;
}

TEST_F(dma_log, calls_of_several_threads)
{
	struct caller callers[] = {
		{ &self->dut, start }, { &self->dut, stop },
		{ &self->dut, report }, { &self->dut, start },
		{ &self->dut, stop }, { &self->dut, report },
	};
	struct worker workers[ARRAY_LEN(callers)];
	unsigned int i;

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	for (i = 0; i < ARRAY_LEN(callers); i++)
		worker_start(&workers[i], run_calls, &callers[i]);
	for (i = 0; i < ARRAY_LEN(callers); i++)
		worker_join(&workers[i]);
	RULE_OK("MIG-LOG-16", works(&self->dut),
		"START, REPORT, STOP after several threads have done so");
}

DUT_FIXTURE(log_and_state, DUT_STOP_COPY | DUT_LOG);

/* "During querying the log is cleared"; a device in STOP adds nothing to it */
TEST_F(log_and_state, REPORT_clears_what_it_tells)
{
	__u32 state;

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		if (state != VFIO_DEVICE_STATE_STOP &&
		    state != VFIO_DEVICE_STATE_STOP_COPY)
			continue;
		dut_fresh(&self->dut);
		stop(&self->dut);
		must(start(&self->dut));
		vfio_mig_set(&self->dut.dev, state);
		must(__dma_log_report(&self->dut.dev, BASE, SIZE, PAGE,
				      bitmap));
		memset(bitmap, 0, sizeof(bitmap));
		must(__dma_log_report(&self->dut.dev, BASE, SIZE, PAGE,
				      bitmap));
		RULE("MIG-LOG-07", all_bytes(bitmap, 0, sizeof(bitmap)),
		     "no bit, seen some: second REPORT in %s",
		     mig_state_name(state));
	}
}

/* "not connected to VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE" */
TEST_F(log_and_state, goes_on_in_each_state)
{
	__u32 state;

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd;

		dut_fresh(&self->dut);
		stop(&self->dut);
		must(start(&self->dut));
		data_fd = vfio_mig_set(&self->dut.dev, state);
		RULE_OK("MIG-LOG-12", report(&self->dut),
			"REPORT in %s, started in RUNNING",
			mig_state_name(state));
		RULE_OK("MIG-LOG-12", stop(&self->dut),
			"STOP in %s, started in RUNNING",
			mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
	}
}

TEST_F(log_and_state, can_be_started_in_each_state)
{
	__u32 state;

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd = dut_go(&self->dut, state);

		stop(&self->dut);
		RULE_OK("MIG-LOG-12", start(&self->dut), "START in %s",
			mig_state_name(state));
		RULE_OK("MIG-LOG-12", report(&self->dut), "REPORT in %s",
			mig_state_name(state));
		RULE_OK("MIG-LOG-12", stop(&self->dut), "STOP in %s",
			mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
	}
}

/* What ends a session does not end logging */
TEST_F(log_and_state, goes_on_when_a_session_ends)
{
	struct mig_stream stream = {};
	__u32 from, to;

	if (!has_report(&self->dut))
		SKIP(return, NO_REPORT);
	session_save(&self->dut, &stream);
	for (from = 0; dut_has_state(&self->dut, &from); from++) {
		for (to = 0; dut_has_state(&self->dut, &to); to++) {
			struct mig_expect expect;
			int data_fd, new_fd;

			mig_model_expect(self->dut.flags, from, to, &expect);
			if (expect.ret || !expect.ends)
				continue;
			dut_fresh(&self->dut);
			stop(&self->dut);
			must(start(&self->dut));
			data_fd = vfio_mig_set(&self->dut.dev, from);
			if (from == VFIO_DEVICE_STATE_RESUMING)
				must(__mig_stream_write(&stream, data_fd,
							MIG_CHUNK));
			if (!__vfio_mig_set(&self->dut.dev, to, &new_fd)) {
				RULE_OK("MIG-LOG-12", report(&self->dut),
					"REPORT after %s to %s",
					mig_state_name(from),
					mig_state_name(to));
				if (new_fd >= 0)
					close(new_fd);
			}
			close(data_fd);
		}
	}
	mig_stream_free(&stream);
}

TEST_HARNESS_MAIN
