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

void *kzalloc(size_t size, unsigned int gfp)
{
	union kmem *mem;

	if (kmem_fail_nth && !--kmem_fail_nth)
		return NULL;
	mem = calloc(1, sizeof(*mem) + size);
	if (!mem)
		abort();
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

/* XXH64, from its specification, in pieces */

#define PRIME1	0x9e3779b185ebca87ULL
#define PRIME2	0xc2b2ae3d27d4eb4fULL
#define PRIME3	0x165667b19e3779f9ULL
#define PRIME4	0x85ebca77c2b2ae63ULL
#define PRIME5	0x27d4eb2f165667c5ULL

static u64 rotate(u64 x, unsigned int bits)
{
	return x << bits | x >> (64 - bits);
}

static u64 lane64(const u8 *p)
{
	u64 val;

	memcpy(&val, p, sizeof(val));
	return le64toh(val);
}

static u32 lane32(const u8 *p)
{
	u32 val;

	memcpy(&val, p, sizeof(val));
	return le32toh(val);
}

static u64 one_round(u64 acc, u64 lane)
{
	return rotate(acc + lane * PRIME2, 31) * PRIME1;
}

static void stripe(u64 *lanes, const u8 *p)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		lanes[i] = one_round(lanes[i], lane64(p + 8 * i));
}

void xxh64_reset(struct xxh64_state *state, u64 seed)
{
	memset(state, 0, sizeof(*state));
	state->lanes[0] = seed + PRIME1 + PRIME2;
	state->lanes[1] = seed + PRIME2;
	state->lanes[2] = seed;
	state->lanes[3] = seed - PRIME1;
}

int xxh64_update(struct xxh64_state *state, const void *data, size_t len)
{
	size_t held = state->total % sizeof(state->rest);
	const u8 *p = data;

	state->total += len;
	while (held + len >= sizeof(state->rest)) {
		size_t n = sizeof(state->rest) - held;

		memcpy(state->rest + held, p, n);
		stripe(state->lanes, state->rest);
		p += n;
		len -= n;
		held = 0;
	}
	memcpy(state->rest + held, p, len);
	return 0;
}

u64 xxh64_digest(const struct xxh64_state *state)
{
	size_t left = state->total % sizeof(state->rest);
	const u64 *lanes = state->lanes;
	const u8 *p = state->rest;
	unsigned int i;
	u64 acc;

	if (state->total >= sizeof(state->rest)) {
		acc = rotate(lanes[0], 1) + rotate(lanes[1], 7) +
		      rotate(lanes[2], 12) + rotate(lanes[3], 18);
		for (i = 0; i < 4; i++)
			acc = (acc ^ one_round(0, lanes[i])) * PRIME1 + PRIME4;
	} else {
		acc = lanes[2] + PRIME5;
	}
	acc += state->total;

	for (; left >= 8; p += 8, left -= 8)
		acc = rotate(acc ^ one_round(0, lane64(p)), 27) * PRIME1 +
		      PRIME4;
	for (; left >= 4; p += 4, left -= 4)
		acc = rotate(acc ^ lane32(p) * PRIME1, 23) * PRIME2 + PRIME3;
	for (; left; p++, left--)
		acc = rotate(acc ^ *p * PRIME5, 11) * PRIME1;

	acc = (acc ^ acc >> 33) * PRIME2;
	acc = (acc ^ acc >> 29) * PRIME3;
	return acc ^ acc >> 32;
}

u64 xxh64(const void *data, size_t len, u64 seed)
{
	struct xxh64_state state;

	xxh64_reset(&state, seed);
	xxh64_update(&state, data, len);
	return xxh64_digest(&state);
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

void xa_destroy(struct xarray *xa)
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
	if (!entry)
		xa->marks[index] = 0;
	return old;
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	return xa_store(xa, index, NULL, 0);
}

void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
	      xa_mark_t mark)
{
	unsigned long i;

	for (i = *index; i < XA_SLOTS && i <= max; i++) {
		if (xa->entry[i] && (xa->marks[i] & mark) == mark) {
			*index = i;
			return xa->entry[i];
		}
	}
	return NULL;
}

bool xa_get_mark(struct xarray *xa, unsigned long index, xa_mark_t mark)
{
	xa_check(index);
	return xa->marks[index] & mark;
}

void xa_set_mark(struct xarray *xa, unsigned long index, xa_mark_t mark)
{
	if (xa_load(xa, index))
		xa->marks[index] |= mark;
}

void xa_clear_mark(struct xarray *xa, unsigned long index, xa_mark_t mark)
{
	xa_check(index);
	xa->marks[index] &= ~mark;
}
