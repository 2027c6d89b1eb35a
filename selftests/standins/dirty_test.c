// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages a device wrote to: what its own DMA log tells, and what the IOMMU
 * tells of any device, beside what it did write.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/iommufd.h>
#include <kselftest_harness.h>

#include "../generic/session.h"
#include "../generic/steps.h"
#include "../lib/check.h"
#include "../lib/rule.h"
#include "act.h"
#include "bench_fixture.h"
#include "memory.h"

#define SLOW	120

#define BASE	0x40000000ULL
#define HIGH	0x4000000000ULL		/* more than 32 bits */
#define PAGES	256U

#define log_range	vfio_device_feature_dma_logging_range

BENCH_FIXTURE(log, DUT_ANY | DUT_LOG);

BENCH_FIXTURE(iommu, DUT_ANY);

/* A place to write to: within a page, over its bounds, over several, at the ends */
static const struct {
	__u64 offset;
	__u64 len;
} places[] = {
	{ 0, 1 },
	{ 3 * MEM_PAGE - 1, 1 },
	{ 5 * MEM_PAGE, MEM_PAGE },
	{ 8 * MEM_PAGE - 1, 2 },
	{ 12 * MEM_PAGE + 17, MEM_PAGE },
	{ 20 * MEM_PAGE - 8, 3 * MEM_PAGE + 16 },
	{ 63 * MEM_PAGE + 100, 2 * MEM_PAGE },
	{ 128 * MEM_PAGE, 8 * MEM_PAGE },
	{ PAGES * MEM_PAGE - 1, 1 },
};

static void write_places(struct memory *mem)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(places); i++)
		memory_write(mem, places[i].offset, places[i].len);
}

/* The DMA log */

static int log_start(struct memory *mem, __u64 *granule)
{
	const struct log_range range = { mem->buf.iova, mem->buf.len };

	*granule = MEM_PAGE;
	/* A test that was ended may have left it on. */
	__dma_log_stop(&mem->vf->dut.dev);
	return __dma_log_start(&mem->vf->dut.dev, &range, 1, granule);
}

static int log_report(struct memory *mem, __u64 offset, __u64 len,
		      __u64 page_size, __u64 *bitmap)
{
	return __dma_log_report(&mem->vf->dut.dev, mem->buf.iova + offset, len,
				page_size, bitmap);
}

/* REPORT, which has to tell all that was written to there: that is the rule */
static void judge_log(struct __test_metadata *_metadata, const char *rule,
		      struct memory *mem, __u64 offset, __u64 len,
		      __u64 page_size, __u64 granule, const char *when)
{
	__u64 *bitmap = memory_bitmap(mem);
	long lost, extra;

	RULE_OK(rule, log_report(mem, offset, len, page_size, bitmap),
		"REPORT %s", when);
	lost = memory_lost(mem, offset, len, page_size, bitmap);
	RULE(rule, lost < 0,
	     "each page that was written to, seen none told for page %ld: %s",
	     lost, when);
	extra = memory_extra(mem, offset, len, page_size, bitmap, granule);
	RULE("MIG-DMA-02", extra < 0,
	     "pages that were written to, seen page %ld: %s", extra, when);
	memory_reported(mem, offset, len);
	free(bitmap);
}

static void check_log(struct __test_metadata *_metadata, struct memory *mem,
		      __u64 granule, const char *when)
{
	judge_log(_metadata, "MIG-DMA-01", mem, 0, mem->buf.len, MEM_PAGE,
		  granule, when);
}

/* ... of a part, or of one of several ranges */
static void check_log_part(struct __test_metadata *_metadata,
			   struct memory *mem, __u64 offset, __u64 len,
			   __u64 page_size, __u64 granule, const char *when)
{
	judge_log(_metadata, "MIG-DMA-04", mem, offset, len, page_size,
		  granule, when);
}

TEST_F_TIMEOUT(log, tells_each_page_that_was_written_to, SLOW)
{
	static const __u64 bases[] = { BASE, HIGH };
	struct memory mem;
	__u64 granule;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bases); i++) {
		unsigned int at;

		memory_new(&mem, &self->a, bases[i], PAGES);
		must(log_start(&mem, &granule));
		check_log(_metadata, &mem, granule, "before anything");
		/* Each alone, and all at once */
		for (at = 0; at < ARRAY_LEN(places); at++) {
			memory_write(&mem, places[at].offset, places[at].len);
			check_log(_metadata, &mem, granule, "of one place");
		}
		write_places(&mem);
		check_log(_metadata, &mem, granule, "of all places");
		must(__dma_log_stop(&self->a.dut.dev));
		memory_free(&mem);
	}
}

/* "During querying the log is cleared for the IOVA range." */
TEST_F(log, tells_a_page_once)
{
	__u64 *bitmap;
	struct memory mem;
	__u64 granule;
	unsigned int i;

	memory_new(&mem, &self->a, BASE, PAGES);
	bitmap = memory_bitmap(&mem);
	must(log_start(&mem, &granule));
	write_places(&mem);
	check_log(_metadata, &mem, granule, "the first one");
	must(log_report(&mem, 0, mem.buf.len, MEM_PAGE, bitmap));
	for (i = 0; i < PAGES / 64; i++)
		RULE_EQ("MIG-LOG-07", 0, bitmap[i],
			"bits %u in a second REPORT", i * 64);
	free(bitmap);
}

TEST_F_TIMEOUT(log, tells_parts_in_any_page_size, SLOW)
{
	__u64 granule, seed = 1;
	struct memory mem;
	unsigned int i, n;

	memory_new(&mem, &self->a, BASE, PAGES);
	must(log_start(&mem, &granule));
	for (i = 0; i < 150; i++) {
		__u64 page_size = MEM_PAGE << stream_random(&seed) % 6, unit;
		__u64 units, first, count;

		for (n = stream_random(&seed) % 8; n; n--)
			memory_write_random(&mem, &seed);
		/* Smaller parts than the log can tell apart have no meaning. */
		unit = page_size > granule ? page_size : granule;
		units = mem.buf.len / unit;
		if (!units)
			break;
		first = stream_random(&seed) % units;
		count = 1 + stream_random(&seed) % (units - first);
		check_log_part(_metadata, &mem, first * unit, count * unit,
			       page_size, granule, "of a part");
	}
	check_log_part(_metadata, &mem, 0, mem.buf.len, MEM_PAGE, granule,
		       "of the rest");
}

/* What is between the ranges is not logged, and is nobody's. */
TEST_F(log, tells_several_ranges)
{
	static const struct {
		unsigned int first;
		unsigned int pages;
	} parts[] = { { 0, 16 }, { 32, 1 }, { 64, 64 }, { 192, 64 } };
	struct log_range ranges[ARRAY_LEN(parts)];
	__u64 granule = MEM_PAGE, seed = 2;
	struct memory mem;
	unsigned int i, times;

	memory_new(&mem, &self->a, BASE, PAGES);
	for (i = 0; i < ARRAY_LEN(parts); i++)
		ranges[i] = (struct log_range) {
			mem.buf.iova + parts[i].first * MEM_PAGE,
			parts[i].pages * MEM_PAGE,
		};
	__dma_log_stop(&self->a.dut.dev);
	must(__dma_log_start(&self->a.dut.dev, ranges, ARRAY_LEN(ranges),
			     &granule));
	for (times = 0; times < 8; times++) {
		write_places(&mem);
		for (i = 0; i < 8; i++)
			memory_write_random(&mem, &seed);
		for (i = 0; i < ARRAY_LEN(parts); i++)
			check_log_part(_metadata, &mem,
				       parts[i].first * MEM_PAGE,
				       ranges[i].length, MEM_PAGE, granule,
				       "of one of several ranges");
	}
}

/* One ends where the next one begins, and none of them tells of the other. */
TEST_F(log, tells_ranges_that_touch)
{
	struct log_range ranges[PAGES / 64];
	__u64 granule = MEM_PAGE;
	struct memory mem;
	unsigned int i;

	memory_new(&mem, &self->a, BASE, PAGES);
	for (i = 0; i < ARRAY_LEN(ranges); i++)
		ranges[i] = (struct log_range) {
			mem.buf.iova + 64 * i * MEM_PAGE, 64 * MEM_PAGE,
		};
	__dma_log_stop(&self->a.dut.dev);
	must(__dma_log_start(&self->a.dut.dev, ranges, ARRAY_LEN(ranges),
			     &granule));
	for (i = 0; i < ARRAY_LEN(ranges); i++) {
		/* The first and the last page of each */
		memory_write(&mem, 64 * i * MEM_PAGE, 1);
		memory_write(&mem, (64 * i + 63) * MEM_PAGE, 1);
	}
	for (i = 0; i < ARRAY_LEN(ranges); i++)
		check_log_part(_metadata, &mem, 64 * i * MEM_PAGE,
			       ranges[i].length, MEM_PAGE, granule,
			       "of one of ranges that touch");
}

#define NR_RANGES	64

/* More than a device may have: the driver can join them. */
TEST_F(log, tells_many_ranges)
{
	struct log_range ranges[NR_RANGES];
	__u64 granule = MEM_PAGE;
	struct memory mem;
	unsigned int i;

	memory_new(&mem, &self->a, BASE, 4 * NR_RANGES);
	for (i = 0; i < NR_RANGES; i++)
		ranges[i] = (struct log_range) {
			mem.buf.iova + 4 * i * MEM_PAGE, MEM_PAGE,
		};
	__dma_log_stop(&self->a.dut.dev);
	if (__dma_log_start(&self->a.dut.dev, ranges, NR_RANGES, &granule))
		SKIP(return, "START fails with so many ranges");
	/* Every other one */
	for (i = 0; i < NR_RANGES; i += 2)
		memory_write(&mem, 4 * i * MEM_PAGE + i, 1);
	for (i = 0; i < NR_RANGES; i++)
		check_log_part(_metadata, &mem, 4 * i * MEM_PAGE, MEM_PAGE,
			       MEM_PAGE, granule, "of one of many ranges");
}

/* "If the device cannot do the hinted page size [...]" */
TEST_F(log, tells_pages_of_the_size_that_was_chosen)
{
	struct memory mem;
	unsigned int shift;

	memory_new(&mem, &self->a, BASE, PAGES);
	for (shift = 12; shift <= 20; shift++) {
		const struct log_range range = { mem.buf.iova, mem.buf.len };
		__u64 granule = 1ULL << shift;

		__dma_log_stop(&self->a.dut.dev);
		if (__dma_log_start(&self->a.dut.dev, &range, 1, &granule))
			continue;
		write_places(&mem);
		check_log(_metadata, &mem, granule, "after another hint");
		memory_write(&mem, 100 * MEM_PAGE, 1);
		check_log(_metadata, &mem, granule,
			  "of one page, after another hint");
	}
}

/* Nothing of the time before is told, and nothing of the time since is lost. */
TEST_F(log, begins_anew_after_STOP)
{
	struct memory mem;
	__u64 granule;
	unsigned int i;

	memory_new(&mem, &self->a, BASE, PAGES);
	for (i = 0; i < 3; i++) {
		/* Nobody asks for these. */
		memory_write(&mem, 40 * MEM_PAGE, MEM_PAGE);
		must(log_start(&mem, &granule));
		memory_write(&mem, 50 * MEM_PAGE, MEM_PAGE);
		must(__dma_log_stop(&self->a.dut.dev));
		memory_write(&mem, 60 * MEM_PAGE, MEM_PAGE);
		memory_reported(&mem, 0, mem.buf.len);
		must(log_start(&mem, &granule));
		write_places(&mem);
		check_log(_metadata, &mem, granule, "after STOP and START");
		must(__dma_log_stop(&self->a.dut.dev));
	}
}

/* Whether REPORT fails, or misses a page */
static bool log_loses(struct memory *mem)
{
	__u64 *bitmap = memory_bitmap(mem);
	bool loses = log_report(mem, 0, mem->buf.len, MEM_PAGE, bitmap) ||
		     memory_lost(mem, 0, mem->buf.len, MEM_PAGE, bitmap) >= 0;

	memory_reported(mem, 0, mem->buf.len);
	free(bitmap);
	return loses;
}

/* Writes wherever it runs; asks at the end, or after each SET, too */
static void walk(struct __test_metadata *_metadata, struct memory *mem,
		 __u32 from, __u32 to, bool ask)
{
	const __u32 path[] = { from, to, VFIO_DEVICE_STATE_RUNNING };
	struct vfio_dev *dev = &mem->vf->dut.dev;
	__u64 seed = from * 8 + to + 1;
	unsigned int i;
	int data_fd;

	for (i = 0; i < ARRAY_LEN(path); i++) {
		if (vf_runs(mem->vf))
			memory_write_random(mem, &seed);
		/* That a path can be gone is for others. */
		if (__vfio_mig_set(dev, path[i], &data_fd))
			break;
		if (data_fd >= 0)
			close(data_fd);
		if (ask)
			RULE("MIG-LOG-12", !log_loses(mem),
			     "each page that was written to, seen one lost: REPORT in %s, on the way by %s and %s",
			     mig_state_name(path[i]), mig_state_name(from),
			     mig_state_name(to));
	}
	RULE("MIG-LOG-12", !log_loses(mem),
	     "each page that was written to, seen one lost: REPORT after %s and %s",
	     mig_state_name(from), mig_state_name(to));
}

/* "this API is not connected to VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE" */
TEST_F_TIMEOUT(log, is_kept_on_every_path, SLOW)
{
	struct memory mem;
	__u64 granule;
	__u32 from, to;
	int ask;

	if (!self->a.dut.flags)
		SKIP(return, "the device has no migration");
	memory_new(&mem, &self->a, BASE, PAGES);
	for (from = 0; dut_has_state(&self->a.dut, &from); from++) {
		for (to = 0; dut_has_state(&self->a.dut, &to); to++) {
			/* There is nothing to load. */
			if (from == VFIO_DEVICE_STATE_RESUMING ||
			    to == VFIO_DEVICE_STATE_RESUMING)
				continue;
			for (ask = 0; ask < 2; ask++) {
				must(log_start(&mem, &granule));
				walk(_metadata, &mem, from, to, ask);
				must(__vfio_dev_reset(&self->a.dut.dev));
				must(__vf_let_dma(&self->a));
			}
		}
	}
}

/**
 * struct reader - reads a log again and again
 * @mem: whose
 * @hwpt: the page table, or 0: the device's own log
 * @bitmap: what was told so far
 * @stop: that is enough
 */
struct reader {
	struct memory *mem;
	__u32 hwpt;
	__u64 *bitmap;
	atomic_bool stop;
};

static int table_report(struct memory *mem, __u32 hwpt, __u32 flags,
			__u64 offset, __u64 len, __u64 page_size, __u64 *bitmap)
{
	return __hwpt_dirty(&mem->vf->dut.dev, hwpt, flags,
			    mem->buf.iova + offset, len, page_size, bitmap);
}

static int report(struct reader *reader)
{
	struct memory *mem = reader->mem;

	if (reader->hwpt)
		return table_report(mem, reader->hwpt, 0, 0, mem->buf.len,
				    MEM_PAGE, reader->bitmap);
	return log_report(mem, 0, mem->buf.len, MEM_PAGE, reader->bitmap);
}

static int run_reader(void *arg)
{
	struct reader *reader = arg;
	int ret = 0;

	while (!ret && !atomic_load(&reader->stop))
		ret = report(reader);
	return ret;
}

#define WRITES	400

/*
 * The device writes while somebody asks: what is told together has to be all.
 *
 * Return: the first page that was lost, or -1; -errno in @error.
 */
static long write_while_read(struct reader *reader, int *error)
{
	struct worker worker;
	__u64 seed = 3;
	unsigned int i;

	worker_start(&worker, run_reader, reader);
	for (i = 0; i < WRITES; i++)
		memory_write_random(reader->mem, &seed);
	atomic_store(&reader->stop, true);
	*error = worker_join(&worker);
	if (!*error)
		*error = report(reader);
	return memory_lost(reader->mem, 0, reader->mem->buf.len, MEM_PAGE,
			   reader->bitmap);
}

TEST_F_TIMEOUT(log, loses_nothing_while_it_is_read, SLOW)
{
	struct reader reader = {};
	struct memory mem;
	__u64 granule;
	int error;
	long lost;

	memory_new(&mem, &self->a, BASE, 4 * PAGES);
	must(log_start(&mem, &granule));
	reader.mem = &mem;
	reader.bitmap = memory_bitmap(&mem);
	lost = write_while_read(&reader, &error);
	RULE_OK("MIG-DMA-01", error, "REPORT while the device writes");
	RULE("MIG-DMA-01", lost < 0,
	     "each page that was written to, seen none told for page %ld: REPORT while the device writes",
	     lost);
	free(reader.bitmap);
}

/*
 * Memory is copied as a VMM copies it: all, then what is told, again and again,
 * and the last time when the device is stopped.
 *
 * Return: the first byte that differs then, or -1; -errno in @error.
 */
static long copy_all(struct reader *reader, bool stops, int *error)
{
	struct memory *mem = reader->mem;
	__u8 *copy = malloc(mem->buf.len);
	long differs = -1;
	unsigned int i, n;
	__u64 seed = 4;
	int none;
	size_t at;

	if (!copy)
		die("no memory for a copy");
	memcpy(copy, mem->buf.addr, mem->buf.len);
	*error = 0;
	for (i = 0; i < 20 && !*error; i++) {
		for (n = 0; n < 20; n++)
			memory_write_random(mem, &seed);
		if (i == 19 && stops)
			vfio_mig_set(&mem->vf->dut.dev,
				     VFIO_DEVICE_STATE_STOP);
		memset(reader->bitmap, 0, mem->pages / 8);
		*error = report(reader);
		memory_copy(mem, reader->bitmap, copy);
	}
	if (stops)
		__vfio_mig_set(&mem->vf->dut.dev, VFIO_DEVICE_STATE_RUNNING,
			       &none);
	for (at = 0; differs < 0 && at < mem->buf.len; at++)
		if (copy[at] != mem->buf.addr[at])
			differs = at;
	free(copy);
	return differs;
}

TEST_F(log, brings_all_memory_to_the_destination)
{
	struct reader reader = {};
	struct memory mem;
	__u64 granule;
	int error;
	long at;

	memory_new(&mem, &self->a, BASE, PAGES);
	must(log_start(&mem, &granule));
	reader.mem = &mem;
	reader.bitmap = memory_bitmap(&mem);
	at = copy_all(&reader, self->a.dut.flags, &error);
	RULE_OK("MIG-DMA-01", error, "REPORT while memory is copied");
	RULE("MIG-DMA-01", at < 0,
	     "a copy like the memory, seen another byte %#lx", at);
	free(reader.bitmap);
}

/* The IOMMU */

/**
 * struct table - a page table that tracks what is written
 * @hwpt: its number
 * @mem: memory that is mapped by it
 */
struct table {
	__u32 hwpt;
	struct memory mem;
};

#define NO_TRACKING	"the IOMMU has no dirty tracking"

/* Whether there is one */
static bool table_new(struct table *table, struct vf *vf)
{
	if (__hwpt_new(&vf->dut.dev, IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
		       &table->hwpt))
		return false;
	must(__hwpt_attach(&vf->dut.dev, table->hwpt));
	memory_new(&table->mem, vf, BASE, PAGES);
	must(__hwpt_track(&vf->dut.dev, table->hwpt, true));
	return true;
}

static void check_table_part(struct __test_metadata *_metadata,
			     struct table *table, __u64 offset, __u64 len,
			     __u64 page_size, __u32 flags, const char *when)
{
	struct memory *mem = &table->mem;
	__u64 *bitmap = memory_bitmap(mem);
	long lost, extra;

	RULE_OK("MIG-IOMMU-01",
		table_report(mem, table->hwpt, flags, offset, len, page_size,
			     bitmap),
		"GET_DIRTY_BITMAP %s", when);
	lost = memory_lost(mem, offset, len, page_size, bitmap);
	RULE("MIG-IOMMU-01", lost < 0,
	     "each page that was written to, seen none told for page %ld: %s",
	     lost, when);
	extra = memory_extra(mem, offset, len, page_size, bitmap, MEM_PAGE);
	RULE("MIG-IOMMU-02", extra < 0,
	     "pages that were written to since, seen page %ld: %s", extra,
	     when);
	if (!(flags & IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR))
		memory_reported(mem, offset, len);
	free(bitmap);
}

static void check_table(struct __test_metadata *_metadata, struct table *table,
			__u32 flags, const char *when)
{
	check_table_part(_metadata, table, 0, table->mem.buf.len, MEM_PAGE,
			 flags, when);
}

TEST_F(iommu, tells_each_page_that_was_written_to)
{
	struct table table;
	unsigned int i;

	if (!table_new(&table, &self->a))
		SKIP(return, NO_TRACKING);
	check_table(_metadata, &table, 0, "before anything");
	for (i = 0; i < ARRAY_LEN(places); i++) {
		memory_write(&table.mem, places[i].offset, places[i].len);
		check_table(_metadata, &table, 0, "of one place");
	}
	write_places(&table.mem);
	check_table(_metadata, &table, 0, "of all places");
	check_table(_metadata, &table, 0, "for the second time");
}

/* "Just read the PTEs without clearing any dirty bits metadata." */
TEST_F(iommu, tells_again_what_was_not_cleared)
{
	const __u32 keep = IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR;
	struct table table;

	if (!table_new(&table, &self->a))
		SKIP(return, NO_TRACKING);
	write_places(&table.mem);
	check_table(_metadata, &table, keep, "with NO_CLEAR");
	check_table(_metadata, &table, keep, "with NO_CLEAR, again");
	check_table_part(_metadata, &table, 0, 64 * MEM_PAGE, MEM_PAGE, 0,
			 "of a part, after NO_CLEAR");
	check_table(_metadata, &table, keep, "with NO_CLEAR, after a part");
	check_table(_metadata, &table, 0, "after NO_CLEAR");
	check_table(_metadata, &table, 0, "after all was told");
}

TEST_F_TIMEOUT(iommu, tells_parts_in_any_page_size, SLOW)
{
	struct table table;
	__u64 seed = 5;
	unsigned int i, n;

	if (!table_new(&table, &self->a))
		SKIP(return, NO_TRACKING);
	for (i = 0; i < 150; i++) {
		__u64 page_size = MEM_PAGE << stream_random(&seed) % 6;
		__u64 units = table.mem.buf.len / page_size;
		__u64 first = stream_random(&seed) % units;
		__u64 count = 1 + stream_random(&seed) % (units - first);
		__u32 flags = stream_random(&seed) % 2 ?
			      IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR : 0;

		for (n = stream_random(&seed) % 8; n; n--)
			memory_write_random(&table.mem, &seed);
		check_table_part(_metadata, &table, first * page_size,
				 count * page_size, page_size, flags,
				 "of a part");
	}
	check_table(_metadata, &table, 0, "of the rest");
}

/* What was written while nobody tracked is not told; what comes then is. */
TEST_F(iommu, begins_anew_when_it_is_switched_on)
{
	struct vfio_dev *dev = &self->a.dut.dev;
	struct table table;
	unsigned int i;

	if (!table_new(&table, &self->a))
		SKIP(return, NO_TRACKING);
	for (i = 0; i < 3; i++) {
		memory_write(&table.mem, 50 * MEM_PAGE, 1);
		RULE_OK("MIG-IOMMU-01", __hwpt_track(dev, table.hwpt, false),
			"SET_DIRTY_TRACKING off");
		memory_write(&table.mem, 60 * MEM_PAGE, 1);
		RULE_OK("MIG-IOMMU-01", __hwpt_track(dev, table.hwpt, true),
			"SET_DIRTY_TRACKING on");
		memory_reported(&table.mem, 0, table.mem.buf.len);
		write_places(&table.mem);
		check_table(_metadata, &table, 0, "after off and on");
	}
}

/* What is unmapped was asked for before; what is mapped there next is clean. */
TEST_F(iommu, forgets_what_is_unmapped)
{
	struct vfio_dev *dev = &self->a.dut.dev;
	struct table table;
	unsigned int i;

	if (!table_new(&table, &self->a))
		SKIP(return, NO_TRACKING);
	for (i = 0; i < 3; i++) {
		struct vfio_buf *buf = &table.mem.buf;

		write_places(&table.mem);
		check_table(_metadata, &table,
			    IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR,
			    "before unmap");
		must(__vfio_dma_unmap(dev, buf->iova, buf->len));
		RULE_ERRNO("MIG-IOMMU-03", -EFAULT,
			   __memory_write(&table.mem, 0, 1),
			   "DMA to what was unmapped");
		must(__vfio_dma_map(dev, buf->addr, buf->iova, buf->len, true));
		memory_reported(&table.mem, 0, buf->len);
		check_table(_metadata, &table, 0, "after unmap and map");
	}
}

TEST_F(iommu, lets_nobody_write_to_what_is_only_readable)
{
	struct vfio_dev *dev = &self->a.dut.dev;
	struct table table;
	struct vfio_buf *buf = &table.mem.buf;

	if (!table_new(&table, &self->a))
		SKIP(return, NO_TRACKING);
	must(__vfio_dma_unmap(dev, buf->iova, buf->len));
	must(__vfio_dma_map(dev, buf->addr, buf->iova, buf->len, false));
	RULE_ERRNO("MIG-IOMMU-03", -EFAULT, __memory_write(&table.mem, 0, 1),
		   "DMA to what is only readable");
	check_table(_metadata, &table, 0, "after a write that was refused");
}

/* A migration goes on beside it. */
TEST_F(iommu, is_kept_when_the_device_is_stopped)
{
	struct vfio_dev *dev = &self->a.dut.dev;
	struct table table;
	__u32 state;

	if (!table_new(&table, &self->a))
		SKIP(return, NO_TRACKING);
	if (!self->a.dut.flags)
		SKIP(return, "the device has no migration");
	for (state = 0; dut_has_state(&self->a.dut, &state); state++) {
		int data_fd, none;

		if (state == VFIO_DEVICE_STATE_RESUMING)
			continue;
		if (vf_runs(&self->a))
			write_places(&table.mem);
		data_fd = vfio_mig_set(dev, state);
		if (vf_runs(&self->a))
			memory_write(&table.mem, 30 * MEM_PAGE, 1);
		check_table(_metadata, &table, 0, mig_state_name(state));
		__vfio_mig_set(dev, VFIO_DEVICE_STATE_RUNNING, &none);
		if (data_fd >= 0)
			close(data_fd);
		/* Who has not set it up may have to let it go on himself. */
		if (vf_runs(&self->a))
			memory_write(&table.mem, 30 * MEM_PAGE, 1);
		check_table(_metadata, &table, 0, "RUNNING again");
	}
}

TEST_F_TIMEOUT(iommu, loses_nothing_while_it_is_read, SLOW)
{
	struct reader reader = {};
	struct table table;
	int error;
	long lost;

	if (!table_new(&table, &self->a))
		SKIP(return, NO_TRACKING);
	reader.mem = &table.mem;
	reader.hwpt = table.hwpt;
	reader.bitmap = memory_bitmap(&table.mem);
	lost = write_while_read(&reader, &error);
	RULE_OK("MIG-IOMMU-01", error,
		"GET_DIRTY_BITMAP while the device writes");
	RULE("MIG-IOMMU-01", lost < 0,
	     "each page that was written to, seen none told for page %ld: while the device writes",
	     lost);
	free(reader.bitmap);
}

TEST_F(iommu, brings_all_memory_to_the_destination)
{
	struct reader reader = {};
	struct table table;
	int error;
	long at;

	if (!table_new(&table, &self->a))
		SKIP(return, NO_TRACKING);
	reader.mem = &table.mem;
	reader.hwpt = table.hwpt;
	reader.bitmap = memory_bitmap(&table.mem);
	at = copy_all(&reader, self->a.dut.flags, &error);
	RULE_OK("MIG-IOMMU-01", error, "GET_DIRTY_BITMAP while memory is copied");
	RULE("MIG-IOMMU-01", at < 0,
	     "a copy like the memory, seen another byte %#lx", at);
	free(reader.bitmap);
}

TEST_HARNESS_MAIN
