// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a VF writes to, and what a bitmap says of that.
 *
 * A bitmap's first bit is for the first page that was asked about.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../generic/session.h"
#include "../lib/check.h"
#include "memory.h"

/**
 * memory_new - memory that a VF can write to, or the end of the process
 * @mem: filled in
 * @vf: the VF, RUNNING
 * @iova: where it sees the memory
 * @pages: how many
 */
void memory_new(struct memory *mem, struct vf *vf, __u64 iova,
		unsigned int pages)
{
	*mem = (struct memory) {
		.vf = vf,
		.pages = pages,
		.dirty = calloc(pages, sizeof(*mem->dirty)),
	};
	if (!mem->dirty)
		die("no memory");
	vfio_buf_new(&vf->dut.dev, &mem->buf, iova, pages * MEM_PAGE, true);
	must(__vf_let_dma(vf));
}

/**
 * memory_remap - give memory to the VF again, which was opened anew
 * @mem: the memory
 */
void memory_remap(struct memory *mem)
{
	must(__vfio_dma_map(&mem->vf->dut.dev, mem->buf.addr, mem->buf.iova,
			    mem->buf.len, true));
	must(__vf_let_dma(mem->vf));
}

/**
 * memory_free - take the memory from the VF
 * @mem: the memory
 */
void memory_free(struct memory *mem)
{
	vfio_buf_unmap(&mem->vf->dut.dev, &mem->buf);
	munmap(mem->buf.addr, mem->buf.len);
	free(mem->dirty);
}

/**
 * __memory_write - let the VF write
 * @mem: the memory
 * @offset: where to
 * @len: bytes
 *
 * Return: 0 or -errno.
 */
int __memory_write(struct memory *mem, __u64 offset, __u64 len)
{
	static __u8 byte;
	__u64 page;
	int ret = __vf_dma(mem->vf, mem->buf.iova + offset, len, ++byte);

	if (ret)
		return ret;
	for (page = offset / MEM_PAGE; page * MEM_PAGE < offset + len; page++)
		mem->dirty[page] = true;
	if (mem->buf.addr[offset] != byte ||
	    mem->buf.addr[offset + len - 1] != byte)
		die("what the device wrote at %#llx is not there",
		    (unsigned long long)offset);
	return 0;
}

/**
 * memory_write - let the VF write, or end the process
 * @mem: the memory
 * @offset: where to
 * @len: bytes
 */
void memory_write(struct memory *mem, __u64 offset, __u64 len)
{
	must(__memory_write(mem, offset, len));
}

/**
 * memory_write_random - let the VF write somewhere
 * @mem: the memory
 * @seed: of stream_random()
 *
 * Mostly little, at the bounds of pages more often than chance would have it.
 */
void memory_write_random(struct memory *mem, __u64 *seed)
{
	__u64 len = 1 + stream_random(seed) % 16, offset;

	if (!(stream_random(seed) % 8))
		len = 1 + stream_random(seed) % (3 * MEM_PAGE);
	offset = stream_random(seed) % (mem->buf.len - len + 1);
	if (!(stream_random(seed) % 4))
		offset -= offset % MEM_PAGE;
	memory_write(mem, offset, len);
}

/**
 * memory_bitmap - a bitmap for all pages
 * @mem: the memory
 *
 * Return: it, empty, for free().
 */
__u64 *memory_bitmap(const struct memory *mem)
{
	__u64 *bitmap = calloc(mem->pages / 64 + 1, sizeof(*bitmap));

	if (!bitmap)
		die("no memory for a bitmap");
	return bitmap;
}

static bool bit(const __u64 *bitmap, __u64 n)
{
	return bitmap[n / 64] >> (n % 64) & 1;
}

/**
 * memory_copy - copy the pages that a bitmap tells, as a VMM does
 * @mem: the memory
 * @bitmap: of all pages
 * @to: where to
 */
void memory_copy(const struct memory *mem, const __u64 *bitmap, __u8 *to)
{
	unsigned int page;

	for (page = 0; page < mem->pages; page++)
		if (bit(bitmap, page))
			memcpy(to + page * MEM_PAGE,
			       mem->buf.addr + page * MEM_PAGE, MEM_PAGE);
}

/**
 * memory_lost - whether a bitmap misses a page that was written to
 * @mem: the memory
 * @offset: of what was asked about
 * @len: bytes of it
 * @page_size: of a bit
 * @bitmap: what was told
 *
 * Return: the first such page of the memory, or -1.
 */
long memory_lost(const struct memory *mem, __u64 offset, __u64 len,
		 __u64 page_size, const __u64 *bitmap)
{
	__u64 page;

	for (page = offset / MEM_PAGE; page * MEM_PAGE < offset + len; page++)
		if (mem->dirty[page] &&
		    !bit(bitmap, (page * MEM_PAGE - offset) / page_size))
			return page;
	return -1;
}

/* Whether a page was written to between two places, the last one excluded */
static bool any_dirty(const struct memory *mem, __s64 from, __s64 to)
{
	__s64 page, end = (to + MEM_PAGE - 1) / MEM_PAGE;

	if (from < 0)
		from = 0;
	for (page = from / MEM_PAGE; page < end && page < mem->pages; page++)
		if (mem->dirty[page])
			return true;
	return false;
}

/**
 * memory_extra - whether a bitmap tells a page that was not written to
 * @mem: the memory
 * @offset: of what was asked about
 * @len: bytes of it
 * @page_size: of a bit
 * @bitmap: what was told
 * @granule: bytes that the device cannot tell apart, wherever they begin
 *
 * Return: the first such page of the memory, or -1.
 */
long memory_extra(const struct memory *mem, __u64 offset, __u64 len,
		  __u64 page_size, const __u64 *bitmap, __u64 granule)
{
	__s64 slack = granule > MEM_PAGE ? granule - MEM_PAGE : 0;
	__u64 at;

	for (at = offset; at < offset + len; at += page_size)
		if (bit(bitmap, (at - offset) / page_size) &&
		    !any_dirty(mem, at - slack, at + page_size + slack))
			return at / MEM_PAGE;
	return -1;
}

/**
 * memory_reported - a part was reported: it is clean now
 * @mem: the memory
 * @offset: of the part
 * @len: bytes
 */
void memory_reported(struct memory *mem, __u64 offset, __u64 len)
{
	memset(mem->dirty + offset / MEM_PAGE, 0,
	       len / MEM_PAGE * sizeof(*mem->dirty));
}
