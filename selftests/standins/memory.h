/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that a VF writes to, and what a bitmap says of that. */
#ifndef SELFTESTS_STANDINS_MEMORY_H
#define SELFTESTS_STANDINS_MEMORY_H

#include "../lib/vfio_dma.h"
#include "bench.h"

#define MEM_PAGE	0x1000ULL

/**
 * struct memory - memory that a VF can write to
 * @vf: the VF
 * @buf: the memory, and where the VF sees it
 * @pages: how many of MEM_PAGE bytes
 * @dirty: which were written to, and not reported since
 */
struct memory {
	struct vf *vf;
	struct vfio_buf buf;
	unsigned int pages;
	bool *dirty;
};

void memory_new(struct memory *mem, struct vf *vf, __u64 iova,
		unsigned int pages);
void memory_remap(struct memory *mem);
void memory_free(struct memory *mem);
int __memory_write(struct memory *mem, __u64 offset, __u64 len);
void memory_write(struct memory *mem, __u64 offset, __u64 len);
void memory_write_random(struct memory *mem, __u64 *seed);
__u64 *memory_bitmap(const struct memory *mem);
void memory_copy(const struct memory *mem, const __u64 *bitmap, __u8 *to);
long memory_lost(const struct memory *mem, __u64 offset, __u64 len,
		 __u64 page_size, const __u64 *bitmap);
long memory_extra(const struct memory *mem, __u64 offset, __u64 len,
		  __u64 page_size, const __u64 *bitmap, __u64 granule);
void memory_reported(struct memory *mem, __u64 offset, __u64 len);

#endif /* SELFTESTS_STANDINS_MEMORY_H */
