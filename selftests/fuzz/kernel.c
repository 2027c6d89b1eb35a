// SPDX-License-Identifier: GPL-2.0-only
/* What kernel.h declares. */
#include <stdio.h>
#include <stdlib.h>

/* Memory */

/* Bytes that are allocated and not freed */
size_t kmem_live;
/* If not 0: the allocation to fail, counted from here on */
unsigned int kmem_fail_nth;

/* So that kfree() knows how much it was; keeps the alignment of malloc() */
union kmem {
	size_t size;
	max_align_t align;
};

/* What the driver has not asked to be zero is not zero */
void *kmalloc(size_t size, gfp_t gfp)
{
	union kmem *mem;

	if (kmem_fail_nth && !--kmem_fail_nth)
		return NULL;
	mem = malloc(sizeof(*mem) + size);
	if (!mem)
		abort();
	memset(mem + 1, gfp & __GFP_ZERO ? 0 : 0xa5, size);
	mem->size = size;
	kmem_live += size;
	return mem + 1;
}

void kfree(const void *p)
{
	union kmem *mem = (union kmem *)p;

	if (!mem)
		return;
	mem--;
	kmem_live -= mem->size;
	free(mem);
}

/* The xarray */

static void xa_check(unsigned long index)
{
	if (index >= XA_SLOTS) {
		fprintf(stderr, "xarray: index %#lx\n", index);
		abort();
	}
}

void xa_init_flags(struct xarray *xa, unsigned int flags)
{
	memset(xa, 0, sizeof(*xa));
}

void *xa_load(struct xarray *xa, unsigned long index)
{
	xa_check(index);
	return xa->entry[index];
}

/* The kernel's allocates nodes, and so can fail where this cannot */
void *xa_store(struct xarray *xa, unsigned long index, void *entry,
	       unsigned int gfp)
{
	void *old = xa_load(xa, index);

	xa->entry[index] = entry;
	return old;
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	return xa_store(xa, index, NULL, 0);
}

void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
	      unsigned int present)
{
	unsigned long i;

	for (i = *index; i < XA_SLOTS && i <= max; i++) {
		if (xa->entry[i]) {
			*index = i;
			return xa->entry[i];
		}
	}
	return NULL;
}
