/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device memory, the large part of the device's state.
 */
#ifndef MTTY_MIG_MEM_H
#define MTTY_MIG_MEM_H

#include <linux/xarray.h>

#include "mtty_mig_regs.h"

/* Marks in struct mtty_mem.pages; a page has at most one of them */
#define MTTY_MEM_INITIAL	XA_MARK_0
#define MTTY_MEM_DIRTY		XA_MARK_1

/**
 * struct mtty_mem - sparse device memory
 * @pages: by page index: the content of a page; or, only while tracking, an
 *	XArray value for a page that has become zero and is still to be sent.
 *	An absent page is zero.
 * @size: bytes
 * @nr_pages: pages in @pages that take memory
 * @tracking: pages that change are marked, because a session sends them
 * @initial_bytes: length in the stream of the pages marked MTTY_MEM_INITIAL
 * @dirty_bytes: length in the stream of the pages marked MTTY_MEM_DIRTY
 * @cursor: where mtty_mem_next_unsent() continues, so that a page that changes
 *	all the time does not keep the others from being sent
 *
 * The caller serialises all calls.
 */
struct mtty_mem {
	struct xarray pages;
	u64 size;
	unsigned long nr_pages;
	bool tracking;
	u64 initial_bytes;
	u64 dirty_bytes;
	unsigned long cursor;
};

struct mtty_mem *mtty_mem_alloc(u64 size);
void mtty_mem_free(struct mtty_mem *mem);
void mtty_mem_clear(struct mtty_mem *mem);

void mtty_mem_read(struct mtty_mem *mem, u64 offset, void *buf, size_t len);
int mtty_mem_write(struct mtty_mem *mem, u64 offset, const void *buf,
		   size_t len);

void mtty_mem_track(struct mtty_mem *mem);
void mtty_mem_resend(struct mtty_mem *mem, bool initial);
void mtty_mem_untrack(struct mtty_mem *mem);
bool mtty_mem_next_unsent(struct mtty_mem *mem, unsigned long *index,
			  const void **data, bool *initial);

void *mtty_mem_load(struct mtty_mem *mem, unsigned long index);
void mtty_mem_loaded(struct mtty_mem *mem, unsigned long index);
void mtty_mem_load_zero(struct mtty_mem *mem, unsigned long index);

u64 mtty_mem_stream_length(const struct mtty_mem *mem);
u64 mtty_mem_digest(struct mtty_mem *mem, u64 seed);

#endif /* MTTY_MIG_MEM_H */
