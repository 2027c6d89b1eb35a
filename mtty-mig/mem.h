/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device memory, the large part of the device's state.
 */
#ifndef MTTY_MIG_MEM_H
#define MTTY_MIG_MEM_H

#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "mtty_mig_regs.h"

/**
 * struct mtty_mem - sparse device memory
 * @pages: by page index: the content of a page; an absent page is zero
 * @size: bytes
 * @nr_pages: pages in @pages
 * @dirty: the pages that have changed since they were sent, by page index, because
 *	a session sends them; one that is not in @pages has become zero. NULL if
 *	no session does
 * @sweep: the first pass has been at all pages below this index
 * @initial_bytes: length in the stream of what the first pass has still to send:
 *	the pages from @sweep on that are not dirty
 * @dirty_bytes: length in the stream of the dirty pages
 * @cursor: where mtty_mem_next_unsent() continues with dirty pages, so that a page
 *	that changes all the time does not keep the others from being sent
 * @work: frees it, see mtty_mem_free_later()
 *
 * The caller serialises all calls.
 */
struct mtty_mem {
	struct xarray pages;
	u64 size;
	unsigned long nr_pages;
	struct xarray *dirty;
	unsigned long sweep;
	u64 initial_bytes;
	u64 dirty_bytes;
	unsigned long cursor;
	struct delayed_work work;
};

int mtty_mem_module_init(void);
void mtty_mem_module_exit(void);

struct mtty_mem *mtty_mem_alloc(u64 size);
void mtty_mem_free(struct mtty_mem *mem);
void mtty_mem_free_later(struct mtty_mem *mem);
void mtty_mem_clear(struct mtty_mem *mem);

void mtty_mem_read(struct mtty_mem *mem, u64 offset, void *buf, size_t len);
int mtty_mem_write(struct mtty_mem *mem, u64 offset, const void *buf,
		   size_t len);

void mtty_mem_track(struct mtty_mem *mem, struct xarray *dirty);
int mtty_mem_resend(struct mtty_mem *mem, bool initial);
void mtty_mem_untrack(struct mtty_mem *mem);
void mtty_mem_free_marks(struct xarray *dirty);
bool mtty_mem_next_unsent(struct mtty_mem *mem, unsigned long *index,
			  const void **data, bool *initial);

void *mtty_mem_load(struct mtty_mem *mem, unsigned long index);
void mtty_mem_loaded(struct mtty_mem *mem, unsigned long index);
void mtty_mem_load_zero(struct mtty_mem *mem, unsigned long index);

u64 mtty_mem_stream_length(const struct mtty_mem *mem);
u64 mtty_mem_digest(struct mtty_mem *mem, u64 seed);

#endif /* MTTY_MIG_MEM_H */
