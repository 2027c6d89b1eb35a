// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA log: which pages of IOVA space the device has written.
 *
 * The log is a sparse bitmap of pages of 4 KiB. It takes memory for dirty pages,
 * not for logged ranges. START's page size is a hint (uAPI); the device always
 * selects 4 KiB. No chunk of its DMA is larger. With a larger page, a report of a
 * part of a page would have to either repeat the rest or lose it.
 *
 * The core checks the ranges of START, except for empty ones. Everything else
 * (page size, order of calls) is up to the driver: see struct vfio_log_ops.
 *
 * iova_bitmap_set() accesses the user's bitmap, pins it, and so may wait for it.
 * The lock is not held during that wait: otherwise a bitmap that is missing would
 * block the engine, and with it the arc to STOP.
 */
#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/bitops.h>
#include <linux/interval_tree.h>
#include <linux/iova_bitmap.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "compat.h"
#include "mtty_mig.h"

/**
 * struct dirty_taken - dirty pages that were taken from the log
 * @group: index of their group
 * @bits: the dirty pages of that group
 */
struct dirty_taken {
	unsigned long group;
	unsigned long bits;
};

/**
 * struct mtty_dirty_range - a logged range
 * @first: its first IOVA
 * @last: its last IOVA
 */
struct mtty_dirty_range {
	u64 first;
	u64 last;
};

/* What the unit tests replace */

VISIBLE_IF_KUNIT void *mtty_dirty_alloc(size_t nr, size_t size)
{
	KUNIT_STATIC_STUB_REDIRECT(mtty_dirty_alloc, nr, size);
	return kcalloc(nr, size, GFP_KERNEL_ACCOUNT);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_dirty_alloc);

/* 0 or -ENOMEM. A group that is there can be changed without memory. */
VISIBLE_IF_KUNIT int mtty_dirty_store(struct mtty_dirty *dirty,
				      unsigned long group, unsigned long bits)
{
	KUNIT_STATIC_STUB_REDIRECT(mtty_dirty_store, dirty, group, bits);
	return xa_err(xa_store(&dirty->pages, group, xa_mk_value(bits),
			       GFP_KERNEL_ACCOUNT));
}
EXPORT_SYMBOL_IF_KUNIT(mtty_dirty_store);

VISIBLE_IF_KUNIT void mtty_dirty_set_bits(struct iova_bitmap *bitmap,
					  unsigned long iova, size_t len)
{
	KUNIT_STATIC_STUB_REDIRECT(mtty_dirty_set_bits, bitmap, iova, len);
	iova_bitmap_set(bitmap, iova, len);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_dirty_set_bits);

static void dirty_clear(struct mtty_dirty *dirty)
{
	unsigned long group;
	void *entry;

	/* Not xa_destroy(), which would keep interrupts off for all of it */
	xa_for_each(&dirty->pages, group, entry) {
		xa_erase(&dirty->pages, group);
		cond_resched();
	}
	kfree(dirty->ranges);
	dirty->ranges = NULL;
	dirty->nr_ranges = 0;
	dirty->error = 0;
}

static int dirty_mark_page(struct mtty_dirty *dirty, unsigned long page)
{
	unsigned long group = page >> MTTY_DIRTY_GROUP_SHIFT;
	void *old = xa_load(&dirty->pages, group);
	unsigned long bits = old ? xa_to_value(old) : 0;

	bits |= 1UL << (page % MTTY_DIRTY_GROUP);
	return mtty_dirty_store(dirty, group, bits);
}

/**
 * mtty_dirty_mark - log a write of the device to user memory
 * @dirty: the log
 * @iova: address of the write
 * @len: bytes, not 0; within one page of 4 KiB
 *
 * If there is no memory to mark the page, the next report fails, and a VMM then
 * considers all memory dirty.
 */
void mtty_dirty_mark(struct mtty_dirty *dirty, u64 iova, u64 len)
{
	u64 last = iova + len - 1;
	unsigned int i;
	int ret;

	KUNIT_STATIC_STUB_REDIRECT(mtty_dirty_mark, dirty, iova, len);

	mutex_lock(&dirty->lock);
	for (i = 0; i < dirty->nr_ranges; i++) {
		const struct mtty_dirty_range *range = &dirty->ranges[i];

		if (iova > range->last || last < range->first)
			continue;
		ret = dirty_mark_page(dirty, iova >> MTTY_MIG_PAGE_SHIFT);
		if (ret)
			dirty->error = ret;
	}
	mutex_unlock(&dirty->lock);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_dirty_mark);

static int mtty_log_start(struct vfio_device *vdev,
			  struct rb_root_cached *ranges, u32 nnodes,
			  u64 *page_size)
{
	struct mtty_dirty *dirty = &to_mtty_device(vdev)->dirty;
	struct interval_tree_node *node;
	struct mtty_dirty_range *copy;
	unsigned int n = 0;
	int ret = 0;

	/* Not is_power_of_2(), which takes an unsigned long */
	if (hweight64(*page_size) != 1)
		return -EINVAL;

	copy = mtty_dirty_alloc(nnodes, sizeof(*copy));
	if (!copy)
		return -ENOMEM;

	mutex_lock(&dirty->lock);
	if (dirty->ranges) {
		ret = -EINVAL;
		goto out;
	}
	for (node = interval_tree_iter_first(ranges, 0, ULONG_MAX); node;
	     node = interval_tree_iter_next(node, 0, ULONG_MAX)) {
		/* The end of an empty range is before its start */
		if (node->last + 1 == node->start) {
			ret = -EINVAL;
			goto out;
		}
		copy[n++] = (struct mtty_dirty_range){ node->start,
						       node->last };
	}
	/* An iteration over the tree may leave out an empty range */
	if (n != nnodes) {
		ret = -EINVAL;
		goto out;
	}

	dirty->ranges = copy;
	dirty->nr_ranges = n;
	WRITE_ONCE(dirty->started, dirty->started + 1);
	*page_size = MTTY_MIG_PAGE_SIZE;
	copy = NULL;
out:
	mutex_unlock(&dirty->lock);
	kfree(copy);
	return ret;
}

static int mtty_log_stop(struct vfio_device *vdev)
{
	struct mtty_dirty *dirty = &to_mtty_device(vdev)->dirty;
	int ret = 0;

	mutex_lock(&dirty->lock);
	if (dirty->ranges)
		dirty_clear(dirty);
	else
		ret = -EINVAL;
	mutex_unlock(&dirty->lock);
	return ret;
}

/**
 * struct dirty_report - a report that is being made
 * @bitmap: the user's bitmap, in pages of 4 KiB or more, from @iova on
 * @iova: the first byte
 * @last: the last byte
 * @next: index of the next page to examine
 * @whole: index of the first page that the report covers completely
 * @nr_whole: number of such pages from there on
 */
struct dirty_report {
	struct iova_bitmap *bitmap;
	unsigned long iova;
	unsigned long last;
	unsigned long next;
	unsigned long whole;
	unsigned long nr_whole;
};

/*
 * A report may begin in the middle of a page; the core allows that. A bit of its
 * bitmap is then about parts of two pages, and the pages at both ends may be
 * reported only in part. Such a page stays dirty: to report it again is safe, but
 * to lose its other part is not.
 */
static void dirty_report_init(struct dirty_report *report,
			      struct iova_bitmap *bitmap, unsigned long iova,
			      unsigned long length)
{
	unsigned long end;

	report->bitmap = bitmap;
	report->iova = iova;
	report->last = iova + length - 1;
	report->next = iova >> MTTY_MIG_PAGE_SHIFT;
	/* Not DIV_ROUND_UP(), whose sum wraps in the last page of all */
	report->whole = report->next + !!(iova & (MTTY_MIG_PAGE_SIZE - 1));
	/* The page after the last one; if a bit is a page, all is reported */
	end = report->last >> MTTY_MIG_PAGE_SHIFT;
	if (report->whole == report->next ||
	    !((report->last + 1) & (MTTY_MIG_PAGE_SIZE - 1)))
		end++;
	report->nr_whole = end > report->whole ? end - report->whole : 0;
}

/* Take the next dirty pages from the log. Return: the number of groups */
static unsigned int dirty_take(struct mtty_dirty *dirty,
			       struct dirty_report *report,
			       struct dirty_taken *taken)
{
	unsigned long last = report->last >> MTTY_MIG_PAGE_SHIFT;
	unsigned long first = report->next, group;
	unsigned int bit, n = 0;
	void *entry;

	report->next = last + 1;
	xa_for_each_range(&dirty->pages, group, entry,
			  first >> MTTY_DIRTY_GROUP_SHIFT,
			  last >> MTTY_DIRTY_GROUP_SHIFT) {
		unsigned long bits = xa_to_value(entry);
		unsigned long left = bits;

		if (n == MTTY_DIRTY_BATCH) {
			report->next = group << MTTY_DIRTY_GROUP_SHIFT;
			break;
		}
		taken[n] = (struct dirty_taken){ .group = group };
		for_each_set_bit(bit, &bits, MTTY_DIRTY_GROUP) {
			unsigned long page = (group << MTTY_DIRTY_GROUP_SHIFT) +
					     bit;

			if (page < first || page > last)
				continue;
			taken[n].bits |= 1UL << bit;
			if (page - report->whole < report->nr_whole)
				left &= ~(1UL << bit);
		}
		n++;
		/* Neither allocates memory: the slot exists */
		if (left)
			mtty_dirty_store(dirty, group, left);
		else
			xa_erase(&dirty->pages, group);
	}
	return n;
}

/* Report pages that were taken. Context: No lock held: may wait for user memory. */
static void dirty_tell(const struct dirty_report *report,
		       const struct dirty_taken *taken, unsigned int n)
{
	unsigned int i, bit;

	for (i = 0; i < n; i++) {
		for_each_set_bit(bit, &taken[i].bits, MTTY_DIRTY_GROUP) {
			unsigned long page = (taken[i].group <<
					      MTTY_DIRTY_GROUP_SHIFT) + bit;
			unsigned long first = page << MTTY_MIG_PAGE_SHIFT;
			unsigned long from = max(first, report->iova);
			unsigned long to = min(first + MTTY_MIG_PAGE_SIZE - 1,
					       report->last);

			mtty_dirty_set_bits(report->bitmap, from,
					    to - from + 1);
		}
	}
}

static int mtty_log_read_and_clear(struct vfio_device *vdev,
				   unsigned long iova, unsigned long length,
				   struct iova_bitmap *bitmap)
{
	struct mtty_dirty *dirty = &to_mtty_device(vdev)->dirty;
	struct dirty_taken taken[MTTY_DIRTY_BATCH];
	struct dirty_report report;
	unsigned int started = READ_ONCE(dirty->started), n;
	int ret;

	if (!length)
		return -EINVAL;
	dirty_report_init(&report, bitmap, iova, length);

	do {
		n = 0;
		mutex_lock(&dirty->lock);
		/* A new START makes another log; do not report pages of that one */
		if (!dirty->ranges || dirty->started != started)
			ret = -EINVAL;
		else
			ret = dirty->error;
		if (!ret)
			n = dirty_take(dirty, &report, taken);
		mutex_unlock(&dirty->lock);

		dirty_tell(&report, taken, n);
		if (fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	} while (!ret && report.next <= report.last >> MTTY_MIG_PAGE_SHIFT);
	return ret;
}

const struct vfio_log_ops mtty_log_ops = {
	.log_start = mtty_log_start,
	.log_stop = mtty_log_stop,
	.log_read_and_clear = mtty_log_read_and_clear,
};
EXPORT_SYMBOL_IF_KUNIT(mtty_log_ops);

/**
 * mtty_dirty_reset - stop logging and drop the dirty pages
 * @dirty: the log
 *
 * Context: Called when the device is closed, because the log belongs to its user.
 * Takes the log's lock.
 */
void mtty_dirty_reset(struct mtty_dirty *dirty)
{
	mutex_lock(&dirty->lock);
	dirty_clear(dirty);
	mutex_unlock(&dirty->lock);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_dirty_reset);

/**
 * mtty_dirty_init - initialise the log of a new device
 * @dirty: the log
 */
void mtty_dirty_init(struct mtty_dirty *dirty)
{
	mutex_init(&dirty->lock);
	xa_init_flags(&dirty->pages, XA_FLAGS_ACCOUNT);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_dirty_init);

/**
 * mtty_dirty_destroy - undo mtty_dirty_init()
 * @dirty: the log
 */
void mtty_dirty_destroy(struct mtty_dirty *dirty)
{
	dirty_clear(dirty);
	mutex_destroy(&dirty->lock);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_dirty_destroy);

MTTY_MIG_IMPORT_IOMMUFD_NS();
