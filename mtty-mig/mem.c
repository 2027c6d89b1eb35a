// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory: a sparse array of pages of 4 KiB, whatever the page size of
 * the kernel. A page is allocated when something other than zero is first
 * written to it, and freed when it is all zero again.
 *
 * While a session sends the memory, each page is in one of three classes: not
 * sent in the first pass yet (MTTY_MEM_INITIAL), changed since it was sent
 * (MTTY_MEM_DIRTY), or sent. Marks of the XArray record the class, so that an
 * iteration over a class costs only what is in it.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xxhash.h>

#include "mem.h"
#include "stream.h"

/*
 * Userspace decides how much memory this takes, so it is charged to its memory
 * cgroup (engine_work() does so for pages that the device writes), and an access
 * without memory fails rather than calling the OOM killer.
 */
#define MTTY_MEM_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | \
			 __GFP_NOWARN)

/* The entry of a page that has become zero, which is not sent yet */
#define MTTY_MEM_ZERO	xa_mk_value(0)

/**
 * mtty_mem_alloc - allocate device memory, all zero
 * @size: bytes
 *
 * Return: the memory, or NULL.
 */
struct mtty_mem *mtty_mem_alloc(u64 size)
{
	struct mtty_mem *mem = kzalloc(sizeof(*mem), GFP_KERNEL_ACCOUNT);

	if (mem) {
		xa_init_flags(&mem->pages, XA_FLAGS_ACCOUNT);
		mem->size = size;
	}
	return mem;
}

/**
 * mtty_mem_clear - set all of it to zero and end tracking
 * @mem: the memory
 */
void mtty_mem_clear(struct mtty_mem *mem)
{
	unsigned long index;
	void *entry;

	/* Not xa_destroy(), which would keep interrupts off for all of it */
	xa_for_each(&mem->pages, index, entry) {
		xa_erase(&mem->pages, index);
		if (!xa_is_value(entry))
			kfree(entry);
		cond_resched();
	}
	WRITE_ONCE(mem->nr_pages, 0);
	mtty_mem_untrack(mem);
}

/**
 * mtty_mem_free - undo mtty_mem_alloc()
 * @mem: the memory, or NULL
 */
void mtty_mem_free(struct mtty_mem *mem)
{
	if (!mem)
		return;
	mtty_mem_clear(mem);
	kfree(mem);
}

/* If an entry is unsent, add its length in the stream to its class, or subtract */
static void mem_account(struct mtty_mem *mem, unsigned long index,
			const void *entry, bool add)
{
	u64 len = xa_is_value(entry) ? MTTY_STREAM_ZERO_SIZE :
				       MTTY_STREAM_PAGE_SIZE;
	u64 *bytes;

	if (!mem->tracking)
		return;
	if (xa_get_mark(&mem->pages, index, MTTY_MEM_INITIAL))
		bytes = &mem->initial_bytes;
	else if (xa_get_mark(&mem->pages, index, MTTY_MEM_DIRTY))
		bytes = &mem->dirty_bytes;
	else
		return;

	*bytes = add ? *bytes + len : *bytes - len;
}

/*
 * Replace an entry; an XArray keeps the marks then. If the new entry is not a
 * page, the slot exists already, so nothing is allocated.
 */
static int mem_replace(struct mtty_mem *mem, unsigned long index, void *entry)
{
	void *old = xa_store(&mem->pages, index, entry, MTTY_MEM_GFP);

	if (xa_is_err(old))
		return xa_err(old);
	if (old && !xa_is_value(old)) {
		kfree(old);
		WRITE_ONCE(mem->nr_pages, mem->nr_pages - 1);
	}
	if (entry && !xa_is_value(entry))
		WRITE_ONCE(mem->nr_pages, mem->nr_pages + 1);
	return 0;
}

static int mem_new_page(struct mtty_mem *mem, unsigned long index,
			void **page)
{
	int ret;

	*page = kzalloc(MTTY_MIG_PAGE_SIZE, MTTY_MEM_GFP);
	if (!*page)
		return -ENOMEM;
	ret = mem_replace(mem, index, *page);
	if (ret)
		kfree(*page);
	return ret;
}

/* Write within one page */
static int mem_write_page(struct mtty_mem *mem, unsigned long index,
			  size_t offset, const void *buf, size_t len)
{
	void *old = xa_load(&mem->pages, index);
	bool zero = !memchr_inv(buf, 0, len);
	void *page = old;
	int ret;

	if (!old || xa_is_value(old)) {
		if (zero)
			return 0;
		ret = mem_new_page(mem, index, &page);
		if (ret)
			return ret;
	}
	/* Subtract the old entry while it still has its mark */
	if (old)
		mem_account(mem, index, old, false);
	/* The page is longer than its zero entry: initial_bytes must not rise */
	if (page != old)
		xa_clear_mark(&mem->pages, index, MTTY_MEM_INITIAL);

	memcpy(page + offset, buf, len);

	if (zero && !memchr_inv(page, 0, MTTY_MIG_PAGE_SIZE)) {
		page = mem->tracking ? MTTY_MEM_ZERO : NULL;
		mem_replace(mem, index, page);
	}
	if (mem->tracking) {
		if (!xa_get_mark(&mem->pages, index, MTTY_MEM_INITIAL))
			xa_set_mark(&mem->pages, index, MTTY_MEM_DIRTY);
		mem_account(mem, index, page, true);
	}
	return 0;
}

/**
 * mtty_mem_write - write
 * @mem: the memory
 * @offset: bytes from its start
 * @buf: the data
 * @len: bytes; the range must be within the memory
 *
 * Context: May sleep.
 * Return: 0, or -ENOMEM; then the pages before the one that could not be
 * allocated have been written.
 */
int mtty_mem_write(struct mtty_mem *mem, u64 offset, const void *buf,
		   size_t len)
{
	while (len) {
		size_t in_page = offset & (MTTY_MIG_PAGE_SIZE - 1);
		size_t n = min_t(size_t, len, MTTY_MIG_PAGE_SIZE - in_page);
		int ret;

		ret = mem_write_page(mem, offset >> MTTY_MIG_PAGE_SHIFT,
				     in_page, buf, n);
		if (ret)
			return ret;
		offset += n;
		buf += n;
		len -= n;
	}
	return 0;
}

/**
 * mtty_mem_read - read
 * @mem: the memory
 * @offset: bytes from its start
 * @buf: the destination
 * @len: bytes; the range must be within the memory
 */
void mtty_mem_read(struct mtty_mem *mem, u64 offset, void *buf, size_t len)
{
	while (len) {
		size_t in_page = offset & (MTTY_MIG_PAGE_SIZE - 1);
		size_t n = min_t(size_t, len, MTTY_MIG_PAGE_SIZE - in_page);
		void *page;

		page = xa_load(&mem->pages, offset >> MTTY_MIG_PAGE_SHIFT);
		if (page && !xa_is_value(page))
			memcpy(buf, page + in_page, n);
		else
			memset(buf, 0, n);
		offset += n;
		buf += n;
		len -= n;
	}
}

/**
 * mtty_mem_track - begin tracking: all pages are unsent, changes are marked
 * @mem: the memory
 */
void mtty_mem_track(struct mtty_mem *mem)
{
	unsigned long index;
	void *page;

	mtty_mem_untrack(mem);
	xa_for_each(&mem->pages, index, page) {
		xa_set_mark(&mem->pages, index, MTTY_MEM_INITIAL);
		cond_resched();
	}
	mem->initial_bytes = (u64)mem->nr_pages * MTTY_STREAM_PAGE_SIZE;
	mem->tracking = true;
}

/**
 * mtty_mem_resend - mark all pages as unsent, in a session that has sent some
 * @mem: the memory, tracked
 * @initial: they are a first pass again; otherwise they are dirty, except for
 *	the rest of the first pass
 *
 * Unlike mtty_mem_track() this keeps the entries of pages that have become zero
 * and have not been sent since: their old content may have been sent.
 */
void mtty_mem_resend(struct mtty_mem *mem, bool initial)
{
	unsigned long index;
	void *entry;

	xa_for_each(&mem->pages, index, entry) {
		mem_account(mem, index, entry, false);
		if (initial) {
			xa_clear_mark(&mem->pages, index, MTTY_MEM_DIRTY);
			xa_set_mark(&mem->pages, index, MTTY_MEM_INITIAL);
		} else if (!xa_get_mark(&mem->pages, index, MTTY_MEM_INITIAL)) {
			xa_set_mark(&mem->pages, index, MTTY_MEM_DIRTY);
		}
		mem_account(mem, index, entry, true);
		cond_resched();
	}
}

/**
 * mtty_mem_untrack - end tracking
 * @mem: the memory
 */
void mtty_mem_untrack(struct mtty_mem *mem)
{
	unsigned long index;
	void *page;

	mem->tracking = false;
	mem->initial_bytes = 0;
	mem->dirty_bytes = 0;
	mem->cursor = 0;
	xa_for_each_marked(&mem->pages, index, page, MTTY_MEM_INITIAL) {
		xa_clear_mark(&mem->pages, index, MTTY_MEM_INITIAL);
		if (xa_is_value(page))
			xa_erase(&mem->pages, index);
		cond_resched();
	}
	xa_for_each_marked(&mem->pages, index, page, MTTY_MEM_DIRTY) {
		xa_clear_mark(&mem->pages, index, MTTY_MEM_DIRTY);
		if (xa_is_value(page))
			xa_erase(&mem->pages, index);
		cond_resched();
	}
}

/* Find the next marked page at or after the cursor, else from the start */
static void *mem_find(struct mtty_mem *mem, xa_mark_t mark)
{
	unsigned long index = mem->cursor;
	void *entry;

	entry = xa_find(&mem->pages, &index, ULONG_MAX, mark);
	if (!entry) {
		index = 0;
		entry = xa_find(&mem->pages, &index, ULONG_MAX, mark);
	}
	if (entry)
		mem->cursor = index;
	return entry;
}

/**
 * mtty_mem_next_unsent - take the next page to send
 * @mem: the memory, tracked
 * @index: set to the page's index
 * @data: set to its content, or NULL for a page of zeroes; valid until the
 *	caller drops the lock that serialises the memory
 * @initial: set to whether it belongs to the first pass
 *
 * Pages of the first pass come first. The page counts as sent from now on.
 *
 * Return: false if no page is unsent.
 */
bool mtty_mem_next_unsent(struct mtty_mem *mem, unsigned long *index,
			  const void **data, bool *initial)
{
	void *entry;

	entry = mem_find(mem, MTTY_MEM_INITIAL);
	*initial = entry;
	if (!entry)
		entry = mem_find(mem, MTTY_MEM_DIRTY);
	if (!entry)
		return false;

	*index = mem->cursor++;
	mem_account(mem, *index, entry, false);
	xa_clear_mark(&mem->pages, *index,
		      *initial ? MTTY_MEM_INITIAL : MTTY_MEM_DIRTY);
	*data = entry;
	if (xa_is_value(entry)) {
		xa_erase(&mem->pages, *index);
		*data = NULL;
	}
	return true;
}

/**
 * mtty_mem_load - get the page into which the stream's next bytes are loaded
 * @mem: the memory, not tracked
 * @index: the page's index, below the memory's size
 *
 * Return: MTTY_MIG_PAGE_SIZE bytes to fill, or NULL if there is no memory.
 */
void *mtty_mem_load(struct mtty_mem *mem, unsigned long index)
{
	void *page = xa_load(&mem->pages, index);

	if (!page && mem_new_page(mem, index, &page))
		return NULL;
	return page;
}

/**
 * mtty_mem_loaded - a page from mtty_mem_load() has been filled
 * @mem: the memory
 * @index: the page's index
 */
void mtty_mem_loaded(struct mtty_mem *mem, unsigned long index)
{
	if (!memchr_inv(xa_load(&mem->pages, index), 0, MTTY_MIG_PAGE_SIZE))
		mtty_mem_load_zero(mem, index);
}

/**
 * mtty_mem_load_zero - the stream says that a page is zero
 * @mem: the memory, not tracked
 * @index: the page's index
 */
void mtty_mem_load_zero(struct mtty_mem *mem, unsigned long index)
{
	/* Storing NULL erases the entry: nothing is allocated, nothing fails */
	mem_replace(mem, index, NULL);
}

/**
 * mtty_mem_stream_length - the length of the pages that are still to be sent
 * @mem: the memory
 *
 * Return: bytes in the stream: of the unsent pages if it is tracked, otherwise
 * of all pages.
 */
u64 mtty_mem_stream_length(const struct mtty_mem *mem)
{
	if (mem->tracking)
		return mem->initial_bytes + mem->dirty_bytes;
	/* May be called while the stream is being received */
	return (u64)READ_ONCE(mem->nr_pages) * MTTY_STREAM_PAGE_SIZE;
}

/**
 * mtty_mem_digest - a digest of the content
 * @mem: the memory
 * @seed: the digest of the registers
 *
 * Return: the same for two memories with the same content, whatever their
 * history; the digest of a part if the caller is being killed.
 */
u64 mtty_mem_digest(struct mtty_mem *mem, u64 seed)
{
	unsigned long index;
	u64 digest = seed;
	void *page;

	xa_for_each(&mem->pages, index, page) {
		if (xa_is_value(page))
			continue;
		digest = xxh64(page, MTTY_MIG_PAGE_SIZE, digest ^ index);
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	return digest;
}
