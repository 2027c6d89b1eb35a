// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA log: which pages of IOVA space the device has written.
 *
 * A sparse bitmap, whose memory follows what is dirty and not what is logged.
 * The core checks the ranges of START but for empty ones, and leaves the rest
 * (page size, order of calls) to the driver: see struct vfio_log_ops.
 */
#include <linux/bitops.h>
#include <linux/interval_tree.h>
#include <linux/iova_bitmap.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "compat.h"
#include "mtty_mig.h"

/* What the device can track; START's page size is a hint (uAPI) */
#define DIRTY_MIN_SHIFT		12
#define DIRTY_MAX_SHIFT		21

/* Dirty pages in one entry of the xarray, which holds a value inline */
#define DIRTY_GROUP_SHIFT	(BITS_PER_LONG == 64 ? 5 : 4)
#define DIRTY_GROUP		BIT(DIRTY_GROUP_SHIFT)

/**
 * struct mtty_dirty_range - a logged range
 * @first: its first IOVA
 * @last: its last IOVA
 */
struct mtty_dirty_range {
	u64 first;
	u64 last;
};

static void dirty_clear(struct mtty_dirty *dirty)
{
	unsigned long group;
	void *entry;

	/* Not by xa_destroy(), which does all of it with interrupts off */
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
	unsigned long group = page >> DIRTY_GROUP_SHIFT;
	void *old = xa_load(&dirty->pages, group);
	unsigned long bits = old ? xa_to_value(old) : 0;

	bits |= 1UL << (page % DIRTY_GROUP);
	return xa_err(xa_store(&dirty->pages, group, xa_mk_value(bits),
			       GFP_KERNEL_ACCOUNT));
}

/**
 * mtty_dirty_mark - the device has written to user memory
 * @dirty: the log
 * @iova: where
 * @len: bytes, not 0; within one page of 4 KiB, the smallest that is tracked
 *
 * A page that cannot be marked for want of memory makes the next report
 * fail: a VMM then takes all memory for dirty.
 */
void mtty_dirty_mark(struct mtty_dirty *dirty, u64 iova, u64 len)
{
	u64 last = iova + len - 1;
	unsigned int i;
	int ret;

	mutex_lock(&dirty->lock);
	for (i = 0; i < dirty->nr_ranges; i++) {
		const struct mtty_dirty_range *range = &dirty->ranges[i];

		if (iova > range->last || last < range->first)
			continue;
		ret = dirty_mark_page(dirty, iova >> dirty->page_shift);
		if (ret)
			dirty->error = ret;
	}
	mutex_unlock(&dirty->lock);
}

static int mtty_log_start(struct vfio_device *vdev,
			  struct rb_root_cached *ranges, u32 nnodes,
			  u64 *page_size)
{
	struct mtty_dirty *dirty = &to_mtty_device(vdev)->dirty;
	struct interval_tree_node *node;
	struct mtty_dirty_range *copy;
	unsigned int n = 0;
	int ret = 0;

	/* is_power_of_2() would take no more than an unsigned long */
	if (hweight64(*page_size) != 1)
		return -EINVAL;

	copy = kcalloc(nnodes, sizeof(*copy), GFP_KERNEL_ACCOUNT);
	if (!copy)
		return -ENOMEM;

	mutex_lock(&dirty->lock);
	if (dirty->ranges) {
		ret = -EINVAL;
		goto out;
	}
	for (node = interval_tree_iter_first(ranges, 0, ULONG_MAX); node;
	     node = interval_tree_iter_next(node, 0, ULONG_MAX)) {
		/* An empty range comes with its end before its start */
		if (node->last + 1 == node->start) {
			ret = -EINVAL;
			goto out;
		}
		copy[n++] = (struct mtty_dirty_range){ node->start,
						       node->last };
	}
	/* The tree need not show an empty range to an iteration */
	if (n != nnodes) {
		ret = -EINVAL;
		goto out;
	}

	dirty->ranges = copy;
	dirty->nr_ranges = n;
	dirty->page_shift = clamp(ilog2(*page_size), DIRTY_MIN_SHIFT,
				  DIRTY_MAX_SHIFT);
	*page_size = 1ULL << dirty->page_shift;
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

/*
 * Report one page, as far as it is within [iova, last].
 *
 * Return: whether all of it is, and it can be cleared. A page that is told in
 * parts, because it is larger than what was asked for, stays dirty: to tell
 * it again is safe, to lose the other part is not.
 */
static bool dirty_report_page(struct mtty_dirty *dirty,
			      struct iova_bitmap *bitmap, unsigned long page,
			      unsigned long iova, unsigned long last)
{
	unsigned long first = page << dirty->page_shift;
	unsigned long end = first + (1UL << dirty->page_shift) - 1;
	unsigned long from = max(first, iova);
	unsigned long to = min(end, last);

	iova_bitmap_set(bitmap, from, to - from + 1);
	return from == first && to == end;
}

static int mtty_log_read_and_clear(struct vfio_device *vdev,
				   unsigned long iova, unsigned long length,
				   struct iova_bitmap *bitmap)
{
	struct mtty_dirty *dirty = &to_mtty_device(vdev)->dirty;
	unsigned long last = iova + length - 1;
	unsigned long group, first_page, last_page;
	void *entry;
	int ret = 0;

	mutex_lock(&dirty->lock);
	if (!dirty->ranges || !length) {
		ret = -EINVAL;
		goto out;
	}
	if (dirty->error) {
		ret = dirty->error;
		goto out;
	}

	first_page = iova >> dirty->page_shift;
	last_page = last >> dirty->page_shift;
	xa_for_each_range(&dirty->pages, group, entry,
			  first_page >> DIRTY_GROUP_SHIFT,
			  last_page >> DIRTY_GROUP_SHIFT) {
		unsigned long bits = xa_to_value(entry);
		unsigned long left = bits;
		unsigned int bit;

		for_each_set_bit(bit, &bits, DIRTY_GROUP) {
			unsigned long page = (group << DIRTY_GROUP_SHIFT) + bit;

			if (page < first_page || page > last_page)
				continue;
			if (dirty_report_page(dirty, bitmap, page, iova, last))
				left &= ~(1UL << bit);
		}
		/* Neither needs memory: the slot is there */
		if (left)
			xa_store(&dirty->pages, group, xa_mk_value(left),
				 GFP_KERNEL_ACCOUNT);
		else
			xa_erase(&dirty->pages, group);
		cond_resched();
	}
out:
	mutex_unlock(&dirty->lock);
	return ret;
}

const struct vfio_log_ops mtty_log_ops = {
	.log_start = mtty_log_start,
	.log_stop = mtty_log_stop,
	.log_read_and_clear = mtty_log_read_and_clear,
};

/**
 * mtty_dirty_reset - stop logging, forget what is dirty
 * @dirty: the log
 *
 * Context: At reset and at close. Takes the log's lock.
 */
void mtty_dirty_reset(struct mtty_dirty *dirty)
{
	mutex_lock(&dirty->lock);
	dirty_clear(dirty);
	mutex_unlock(&dirty->lock);
}

/**
 * mtty_dirty_init - make the log of a new device
 * @dirty: the log
 */
void mtty_dirty_init(struct mtty_dirty *dirty)
{
	mutex_init(&dirty->lock);
	xa_init_flags(&dirty->pages, XA_FLAGS_ACCOUNT);
}

/**
 * mtty_dirty_destroy - undo mtty_dirty_init()
 * @dirty: the log
 */
void mtty_dirty_destroy(struct mtty_dirty *dirty)
{
	dirty_clear(dirty);
	mutex_destroy(&dirty->lock);
}

MTTY_MIG_IMPORT_IOMMUFD_NS();
