// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory: a sparse array of pages of 4 KiB, whatever the page size of
 * the kernel. A page is allocated when something other than zero is first
 * written to it, and freed when it is all zero again.
 *
 * While a session sends the memory, each page is in one of three classes: not
 * sent in the first pass yet, changed since it was sent (dirty), or sent. The
 * first pass goes through the pages once, by ascending index, so one index says
 * where it is. The dirty pages are a set, which belongs to the session. So to
 * begin or to end a session costs the same, whatever the size of the memory.
 */
#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/prefetch.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
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

/* So much is freed at once, which takes less than to queue it: 4 MiB */
#define MTTY_MEM_SMALL	1024

/* Memories that are being freed, and what frees them */
static atomic_t mem_dying;
static struct workqueue_struct *mem_wq;

/**
 * mtty_mem_module_init - prepare for mtty_mem_free_later()
 *
 * Return: 0 or -ENOMEM.
 */
int mtty_mem_module_init(void)
{
	mem_wq = alloc_workqueue("mtty_mig_mem", WQ_UNBOUND, 0);
	return mem_wq ? 0 : -ENOMEM;
}

/**
 * mtty_mem_module_exit - undo mtty_mem_module_init()
 *
 * Waits until all memories have been freed.
 */
void mtty_mem_module_exit(void)
{
	wait_var_event(&mem_dying, !atomic_read(&mem_dying));
	destroy_workqueue(mem_wq);
}

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

static void mem_free_work(struct work_struct *work)
{
	mtty_mem_free(container_of(work, struct mtty_mem, work.work));
	if (atomic_dec_and_test(&mem_dying))
		wake_up_var(&mem_dying);
}

/**
 * mtty_mem_free_later - free device memory, but not in this thread
 * @mem: the memory, or NULL; nobody uses it any more
 *
 * It takes as long as there are pages, and a reset or an arc must not. It begins
 * with the next jiffy, because on one processor it would come first otherwise.
 */
void mtty_mem_free_later(struct mtty_mem *mem)
{
	if (!mem || mem->nr_pages <= MTTY_MEM_SMALL) {
		mtty_mem_free(mem);
		return;
	}
	atomic_inc(&mem_dying);
	INIT_DELAYED_WORK(&mem->work, mem_free_work);
	queue_delayed_work(mem_wq, &mem->work, 1);
}

/* There is no memory. Return: false if none was on its way; else it is there */
static bool mem_wait_for_dying(void)
{
	if (!atomic_read(&mem_dying))
		return false;
	/* Whatever the caller holds: to free takes no lock */
	wait_var_event(&mem_dying, !atomic_read(&mem_dying));
	return true;
}

static bool mem_is_dirty(struct mtty_mem *mem, unsigned long index)
{
	return xa_load(mem->dirty, index);
}

/* Of a page that takes memory: does the first pass have it still to send? */
static bool mem_is_initial(struct mtty_mem *mem, unsigned long index)
{
	return index >= mem->sweep && !mem_is_dirty(mem, index);
}

static int mem_mark_dirty(struct mtty_mem *mem, unsigned long index,
			  const void *page)
{
	int ret;

	if (mem_is_dirty(mem, index))
		return 0;
	ret = xa_err(xa_store(mem->dirty, index, xa_mk_value(0),
			      MTTY_MEM_GFP));
	if (!ret)
		mem->dirty_bytes += page ? MTTY_STREAM_PAGE_SIZE :
					   MTTY_STREAM_ZERO_SIZE;
	return ret;
}

static void *mem_try_page(struct mtty_mem *mem, unsigned long index, gfp_t gfp)
{
	void *page = kmalloc(MTTY_MIG_PAGE_SIZE, gfp);

	if (!page)
		return NULL;
	if (xa_err(xa_store(&mem->pages, index, page, gfp & ~__GFP_ZERO))) {
		kfree(page);
		return NULL;
	}
	WRITE_ONCE(mem->nr_pages, mem->nr_pages + 1);
	return page;
}

/* Return: the page, with any content if @gfp does not say __GFP_ZERO; or NULL */
static void *mem_new_page(struct mtty_mem *mem, unsigned long index, gfp_t gfp)
{
	void *page = mem_try_page(mem, index, gfp);

	/* The limit of a cgroup may have room for one memory, and not for two */
	if (!page && mem_wait_for_dying())
		page = mem_try_page(mem, index, gfp);
	return page;
}

static void mem_free_page(struct mtty_mem *mem, unsigned long index)
{
	void *page = xa_erase(&mem->pages, index);

	if (!page)
		return;
	kfree(page);
	WRITE_ONCE(mem->nr_pages, mem->nr_pages - 1);
}

/* A page has become zero: free it. If that cannot be told, it stays as it is. */
static void mem_became_zero(struct mtty_mem *mem, unsigned long index,
			    const void *page)
{
	if (mem->dirty) {
		bool initial = mem_is_initial(mem, index);

		if (mem_mark_dirty(mem, index, page))
			return;
		if (initial)
			mem->initial_bytes -= MTTY_STREAM_PAGE_SIZE;
		mem->dirty_bytes -= MTTY_STREAM_PAGE_SIZE -
				    MTTY_STREAM_ZERO_SIZE;
	}
	mem_free_page(mem, index);
}

/* Write within one page */
static int mem_write_page(struct mtty_mem *mem, unsigned long index,
			  size_t offset, const void *buf, size_t len)
{
	void *page = xa_load(&mem->pages, index);
	bool zero = !memchr_inv(buf, 0, len);
	int ret;

	if (!page && zero)
		return 0;
	/*
	 * First what may fail. A new page is dirty even where the first pass has
	 * not been: initial_bytes must not rise.
	 */
	if (mem->dirty && !(page && mem_is_initial(mem, index))) {
		ret = mem_mark_dirty(mem, index, page);
		if (ret)
			return ret;
	}
	if (!page) {
		page = mem_new_page(mem, index, len < MTTY_MIG_PAGE_SIZE ?
				    MTTY_MEM_GFP | __GFP_ZERO : MTTY_MEM_GFP);
		if (!page)
			return -ENOMEM;
		if (mem->dirty)
			mem->dirty_bytes += MTTY_STREAM_PAGE_SIZE -
					    MTTY_STREAM_ZERO_SIZE;
	}

	memcpy(page + offset, buf, len);

	if (zero && !memchr_inv(page, 0, MTTY_MIG_PAGE_SIZE))
		mem_became_zero(mem, index, page);
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
		if (page)
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
 * @dirty: where changes are marked, empty; the session's, which frees it with
 *	mtty_mem_free_marks() some time after mtty_mem_untrack()
 */
void mtty_mem_track(struct mtty_mem *mem, struct xarray *dirty)
{
	mem->dirty = dirty;
	mem->sweep = 0;
	mem->cursor = 0;
	mem->initial_bytes = (u64)mem->nr_pages * MTTY_STREAM_PAGE_SIZE;
	mem->dirty_bytes = 0;
}

/* All pages are a first pass again. Those that have become zero stay dirty. */
static void mem_resend_initial(struct mtty_mem *mem)
{
	unsigned long index;
	void *entry;

	xa_for_each(mem->dirty, index, entry) {
		if (xa_load(&mem->pages, index)) {
			xa_erase(mem->dirty, index);
			mem->dirty_bytes -= MTTY_STREAM_PAGE_SIZE;
		}
		cond_resched();
	}
	mem->sweep = 0;
	mem->initial_bytes = (u64)mem->nr_pages * MTTY_STREAM_PAGE_SIZE;
}

/**
 * mtty_mem_resend - mark all pages as unsent, in a session that has sent some
 * @mem: the memory, tracked
 * @initial: they are a first pass again; otherwise they are dirty, except for
 *	the rest of the first pass
 *
 * Unlike mtty_mem_track() this keeps the marks of pages that have become zero
 * and have not been sent since: their old content may have been sent.
 *
 * Return: 0; -ENOMEM, only if @initial is false: then some are not marked.
 */
int mtty_mem_resend(struct mtty_mem *mem, bool initial)
{
	unsigned long index;
	void *page;
	int ret;

	if (initial) {
		mem_resend_initial(mem);
		return 0;
	}
	xa_for_each(&mem->pages, index, page) {
		if (index >= mem->sweep)
			break;
		ret = mem_mark_dirty(mem, index, page);
		if (ret)
			return ret;
		cond_resched();
	}
	return 0;
}

/**
 * mtty_mem_untrack - end tracking
 * @mem: the memory
 */
void mtty_mem_untrack(struct mtty_mem *mem)
{
	mem->dirty = NULL;
	mem->initial_bytes = 0;
	mem->dirty_bytes = 0;
}

/**
 * mtty_mem_free_marks - free what a session has used to mark pages
 * @dirty: the marks; no memory uses them any more
 */
void mtty_mem_free_marks(struct xarray *dirty)
{
	unsigned long index;
	void *entry;

	xa_for_each(dirty, index, entry) {
		xa_erase(dirty, index);
		cond_resched();
	}
}

/* The next page of the first pass. Pages that are dirty come later. */
static void *mem_next_initial(struct mtty_mem *mem, unsigned long *index)
{
	void *page;

	while (mem->initial_bytes) {
		page = xa_find(&mem->pages, &mem->sweep, ULONG_MAX, XA_PRESENT);
		if (WARN_ON_ONCE(!page))
			break;
		*index = mem->sweep++;
		if (mem_is_dirty(mem, *index))
			continue;
		mem->initial_bytes -= MTTY_STREAM_PAGE_SIZE;
		return page;
	}
	/* Whatever is behind the last one is new */
	mem->sweep = ULONG_MAX;
	return NULL;
}

/* The next dirty page at or after the cursor, else from the start */
static bool mem_next_dirty(struct mtty_mem *mem, unsigned long *index,
			   const void **data)
{
	void *entry;

	*index = mem->cursor;
	entry = xa_find(mem->dirty, index, ULONG_MAX, XA_PRESENT);
	if (!entry) {
		*index = 0;
		entry = xa_find(mem->dirty, index, ULONG_MAX, XA_PRESENT);
	}
	if (!entry)
		return false;

	mem->cursor = *index + 1;
	xa_erase(mem->dirty, *index);
	*data = xa_load(&mem->pages, *index);
	mem->dirty_bytes -= *data ? MTTY_STREAM_PAGE_SIZE :
				    MTTY_STREAM_ZERO_SIZE;
	return true;
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
	*data = mem_next_initial(mem, index);
	*initial = *data;
	return *initial || mem_next_dirty(mem, index, data);
}

/*
 * A new page is seldom in the processor's caches. Each line that a write has to
 * wait for costs; so let all of them come while the stream's digest is computed.
 */
static void mem_prefetch(void *page)
{
	unsigned int offset;

	for (offset = 0; offset < MTTY_MIG_PAGE_SIZE; offset += L1_CACHE_BYTES)
		prefetchw(page + offset);
}

/**
 * mtty_mem_load - get the page into which the stream's next bytes are loaded
 * @mem: the memory, not tracked
 * @index: the page's index, below the memory's size
 *
 * Return: MTTY_MIG_PAGE_SIZE bytes to fill, or NULL if there is no memory. They
 * may have any content: a stream that ends before they are filled is not loaded.
 */
void *mtty_mem_load(struct mtty_mem *mem, unsigned long index)
{
	void *page = xa_load(&mem->pages, index);

	if (!page)
		page = mem_new_page(mem, index, MTTY_MEM_GFP);
	if (page)
		mem_prefetch(page);
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
	mem_free_page(mem, index);
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
	if (mem->dirty)
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
		digest = xxh64(page, MTTY_MIG_PAGE_SIZE, digest ^ index);
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	return digest;
}
