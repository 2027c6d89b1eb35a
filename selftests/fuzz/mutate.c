// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes streams out of streams, knowing the format, so that what is wrong
 * with them is deep in them. Blind mutations never get past the digest.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../device/lib/stream_format.h"
#include "../device/lib/xxh64.h"
#include "libfuzzer.h"
#include "load.h"

#define RECORDS_MAX	64

/**
 * struct draft - a stream that is being changed
 * @data: its bytes
 * @len: how many
 * @max: how many there may be
 * @start: where its records begin, and where the last one ends
 * @nr: how many they are
 * @seed: of what is done to it
 */
struct draft {
	u8 *data;
	size_t len;
	size_t max;
	size_t start[RECORDS_MAX + 1];
	unsigned int nr;
	u64 seed;
};

static u64 below(struct draft *draft, u64 limit)
{
	return random_next(&draft->seed) % limit;
}

static u64 get(const u8 *p, unsigned int len)
{
	u64 val = 0;

	while (len--)
		val = val << 8 | p[len];
	return val;
}

static void put(u8 *p, u64 val, unsigned int len)
{
	for (; len--; val >>= 8)
		*p++ = val;
}

/* Find the records of whatever it is; the last one may be cut off */
static void find_records(struct draft *draft)
{
	size_t at = min_t(size_t, draft->len, HDR_SIZE);

	draft->nr = 0;
	while (draft->len - at >= REC_PAYLOAD && draft->nr < RECORDS_MAX) {
		size_t left = draft->len - at - REC_PAYLOAD;
		u32 length = get(draft->data + at + REC_LENGTH, 4);

		draft->start[draft->nr++] = at;
		at += REC_PAYLOAD + min_t(size_t, left, length);
	}
	draft->start[draft->nr] = at;
}

/* Replace @old bytes by @new; false if there is no room for them */
static bool splice(struct draft *draft, size_t at, size_t old, const u8 *bytes,
		   size_t new)
{
	if (draft->len - old + new > draft->max)
		return false;
	memmove(draft->data + at + new, draft->data + at + old,
		draft->len - at - old);
	if (bytes)
		memcpy(draft->data + at, bytes, new);
	else
		memset(draft->data + at, 0, new);
	draft->len += new - old;
	find_records(draft);
	return true;
}

static u16 rec_type(const struct draft *draft, unsigned int i)
{
	return get(draft->data + draft->start[i] + REC_TYPE, 2);
}

static size_t rec_size(const struct draft *draft, unsigned int i)
{
	return draft->start[i + 1] - draft->start[i];
}

/* Numbers at which a check may be off by one, of any length */
static u64 edge(struct draft *draft, u64 near)
{
	static const u64 edges[] = {
		0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 0x7f, 0x80, 0xff,
		0x1000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff,
		1ULL << 32, 1ULL << 52, 1ULL << 63, ~0xfffULL, ~0ULL,
	};

	switch (below(draft, 4)) {
	case 0:
		return near + below(draft, 5) - 2;
	case 1:
		return near ^ 1ULL << below(draft, 64);
	case 2:
		return -edges[below(draft, ARRAY_SIZE(edges))];
	default:
		return edges[below(draft, ARRAY_SIZE(edges))];
	}
}

static void change_number(struct draft *draft, size_t at, unsigned int len)
{
	put(draft->data + at, edge(draft, get(draft->data + at, len)), len);
}

/*
 * Make the trailer right for what is before it, so that only that is wrong;
 * or its digest alone, so that only its total is.
 */
static void seal(struct draft *draft)
{
	size_t payload;

	if (!draft->nr || rec_type(draft, draft->nr - 1) != REC_TRAILER ||
	    rec_size(draft, draft->nr - 1) < REC_PAYLOAD + TRAILER_SIZE)
		return;
	payload = draft->start[draft->nr - 1] + REC_PAYLOAD;
	put(draft->data + payload + TRAILER_TOTAL, payload - REC_PAYLOAD, 8);
	if (below(draft, 16) == 0)
		change_number(draft, payload + TRAILER_TOTAL, 8);
	put(draft->data + payload + TRAILER_DIGEST,
	    xxh64_of(draft->data, payload + TRAILER_DIGEST), 8);
}

static void change_header(struct draft *draft)
{
#define FIELD(offset, size)	{ offset, size },
	static const struct {
		u8 at;
		u8 len;
	} fields[] = { STREAM_HEADER(FIELD) };
#undef FIELD
	unsigned int i = below(draft, ARRAY_SIZE(fields));
	u8 *p = draft->data;

	if (draft->len < HDR_SIZE)
		return;
	switch (below(draft, 4)) {
	case 0:		/* the other byte order */
		put(p, swab64(get(p, 8)), 8);
		break;
	case 1:
		put(p + HDR_TYPE, below(draft, MTTY_MIG_NR_TYPES), 4);
		break;
	case 2:
		put(p + HDR_MEM_SIZE, 0x1000ULL << below(draft, 5), 8);
		break;
	default:
		change_number(draft, fields[i].at, fields[i].len);
	}
}

static void change_record_header(struct draft *draft, unsigned int i)
{
	u8 *p = draft->data + draft->start[i];

	switch (below(draft, 4)) {
	case 0:
		put(p + REC_TYPE, rec_type(draft, below(draft, draft->nr)), 2);
		break;
	case 1:
		change_number(draft, draft->start[i] + REC_TYPE, 2);
		break;
	case 2:
		put(p + REC_FLAGS, edge(draft, 0), 2);
		break;
	default:
		change_number(draft, draft->start[i] + REC_LENGTH, 4);
	}
	find_records(draft);
}

/* Longer or shorter, and its length says so */
static void resize_record(struct draft *draft, unsigned int i)
{
	size_t start = draft->start[i];
	size_t old = rec_size(draft, i) - REC_PAYLOAD;
	size_t at = below(draft, old + 1);
	size_t n = 1 + below(draft, below(draft, 2) ? 8 : 600);

	if (below(draft, 2)) {
		if (!splice(draft, start + REC_PAYLOAD + at, 0, NULL, n))
			return;
		old += n;
	} else {
		n = min(n, old - at);
		splice(draft, start + REC_PAYLOAD + at, n, NULL, 0);
		old -= n;
	}
	put(draft->data + start + REC_LENGTH, old, 4);
	find_records(draft);
}

/* A number of a field of this type of record; false if such a field is not there */
static bool change_field(struct draft *draft, unsigned int i)
{
#define FIELD(type, name, offset, size, unit, bits) \
	{ type, offset, size, unit },
	static const struct {
		u16 type;
		u16 at;
		u16 size;
		u8 unit;
	} fields[] = { STREAM_FIELDS(FIELD) };
#undef FIELD
	size_t start = draft->start[i] + REC_PAYLOAD;
	size_t size = rec_size(draft, i) - REC_PAYLOAD;
	unsigned int n = below(draft, ARRAY_SIZE(fields)), tries;
	size_t at;

	for (tries = 0; tries < ARRAY_SIZE(fields); tries++) {
		n = (n + 1) % ARRAY_SIZE(fields);
		if (fields[n].type == rec_type(draft, i) &&
		    fields[n].at + fields[n].size <= size)
			break;
	}
	if (tries == ARRAY_SIZE(fields))
		return false;
	at = below(draft, fields[n].size / fields[n].unit) * fields[n].unit;
	change_number(draft, start + fields[n].at + at, fields[n].unit);
	return true;
}

/* A part of a state record or of a page, of any alignment, or one of the fields */
static void change_payload(struct draft *draft, unsigned int i)
{
	static const u8 lens[] = { 1, 1, 1, 2, 4, 4, 8 };
	size_t size = rec_size(draft, i) - REC_PAYLOAD;
	size_t start = draft->start[i] + REC_PAYLOAD;
	unsigned int len = lens[below(draft, ARRAY_SIZE(lens))];
	u16 type = rec_type(draft, i);
	u8 *p = draft->data + start;
	size_t at;

	/* Content does not matter, but whether it is zero does */
	if (type == REC_PAGE && size > 8) {
		if (below(draft, 2))
			memset(p + 8, 0, size - 8);
		if (below(draft, 2))
			p[8 + below(draft, size - 8)] = 1;
	}
	if (type == REC_PAGE || type == REC_ZERO)
		size = min_t(size_t, size, 8);
	if (size < len)
		return;
	if (below(draft, 2) && change_field(draft, i))
		return;
	at = below(draft, size / len) * len;
	switch (below(draft, 8)) {
	case 0:
		LLVMFuzzerMutate(p, size, size);
		break;
	case 1:		/* fields that limit each other are next to each other */
		put(p + at, get(p + below(draft, size / len) * len, len), len);
		break;
	default:
		change_number(draft, start + at, len);
	}
}

static void insert_record(struct draft *draft, unsigned int i)
{
	static const u16 types[] = {
		REC_UNKNOWN, REC_UNKNOWN, 0, 3, 0xf, 0x17, 0xfffe, REC_PAGE,
		REC_ZERO, REC_TRAILER,
	};
	u16 type = types[below(draft, ARRAY_SIZE(types))];
	u32 length = below(draft, 2) ? below(draft, 16) : below(draft, 900);
	u8 header[REC_PAYLOAD];

	if (type == REC_PAGE)
		length = MTTY_MIG_PAGE_SIZE + 8;
	else if (type == REC_ZERO)
		length = 8;
	else if (type == REC_TRAILER)
		length = TRAILER_SIZE;
	put(header + REC_TYPE, type, 2);
	put(header + REC_FLAGS, type == REC_PAGE || type == REC_ZERO ||
	    type == REC_TRAILER ? 0 : below(draft, 4) != 0, 2);
	put(header + REC_LENGTH, length, 4);
	if (!splice(draft, draft->start[i], 0, NULL, REC_PAYLOAD + length))
		return;
	memcpy(draft->data + draft->start[i], header, sizeof(header));
	find_records(draft);
	if (length >= 8 && below(draft, 2))
		change_number(draft, draft->start[i] + REC_PAYLOAD, 8);
}

/* Again somewhere else, or there instead of here */
static void copy_record(struct draft *draft, unsigned int i, bool move)
{
	size_t size = rec_size(draft, i);
	u8 *copy = malloc(size);

	if (!copy)
		abort();
	memcpy(copy, draft->data + draft->start[i], size);
	if (move)
		splice(draft, draft->start[i], size, NULL, 0);
	splice(draft, draft->start[below(draft, draft->nr + 1)], 0, copy, size);
	free(copy);
}

/* A stream of a device of any type, after a guest has used it */
static void begin_anew(struct draft *draft)
{
	u32 type = 1 + below(draft, MTTY_MIG_TYPE_VPRI);
	u64 mem_size = below(draft, 4) ? 0x1000ULL << below(draft, 5) : 0;
	unsigned int pages = below(draft, 4) ? 0 : below(draft, 3);
	struct mtty_mem *mem = mtty_mem_alloc(mem_size);
	struct mtty_hw *hw = kzalloc(sizeof(*hw), 0);
	size_t len;

	mtty_hw_reset(hw, mem_size);
	hw->pri.present = type == MTTY_MIG_TYPE_VPRI;
	exercise(hw, &draft->seed);
	while (mem_size && pages--) {
		u64 byte = random_next(&draft->seed);

		mtty_mem_write(mem, below(draft, mem_size), &byte, 1);
	}
	len = save(draft->data, draft->max, type, mem, hw);
	if (len)
		draft->len = len;
	mtty_mem_free(mem);
	kfree(hw);
	find_records(draft);
}

static void change(struct draft *draft)
{
	unsigned int i;

	find_records(draft);
	if (!draft->nr || below(draft, 12) == 0) {
		begin_anew(draft);
		return;
	}

	i = below(draft, draft->nr);
	switch (below(draft, 16)) {
	case 0:
		change_header(draft);
		break;
	case 1:
		change_record_header(draft, i);
		break;
	case 2:
		resize_record(draft, i);
		break;
	case 3:
		insert_record(draft, i);
		break;
	case 4:
		copy_record(draft, i, false);
		break;
	case 5:
		copy_record(draft, i, true);
		break;
	case 6:
		splice(draft, draft->start[i], rec_size(draft, i), NULL, 0);
		break;
	case 7:		/* cut off */
		draft->len = 1 + below(draft, draft->len);
		find_records(draft);
		break;
	case 8:		/* garbage at the end */
		splice(draft, draft->len, 0, NULL, 1 + below(draft, 40));
		break;
	default:
		change_payload(draft, i);
	}
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max,
			       unsigned int seed)
{
	struct draft draft = {
		.data = data, .len = size, .max = max, .seed = seed + 1ULL,
	};
	unsigned int changes;

	/* The first numbers of near seeds are near each other */
	random_next(&draft.seed);
	random_next(&draft.seed);
	if (below(&draft, 32) == 0)
		return LLVMFuzzerMutate(data, size, max);
	for (changes = 1 + below(&draft, 3); changes; changes--)
		change(&draft);
	if (below(&draft, 16))
		seal(&draft);
	return draft.len;
}

/* The first records of one, then the last ones of the other */
size_t LLVMFuzzerCustomCrossOver(const u8 *a, size_t a_size, const u8 *b,
				 size_t b_size, u8 *out, size_t max,
				 unsigned int seed)
{
	struct draft head = { .data = (u8 *)a, .len = a_size };
	struct draft tail = { .data = (u8 *)b, .len = b_size };
	struct draft draft = { .data = out, .max = max, .seed = seed + 1ULL };
	size_t from;

	find_records(&head);
	find_records(&tail);
	random_next(&draft.seed);
	draft.len = min(max, head.start[below(&draft, head.nr + 1)]);
	memcpy(out, a, draft.len);
	from = tail.start[below(&draft, tail.nr + 1)];
	splice(&draft, draft.len, 0, b + from,
	       min(b_size - from, max - draft.len));
	find_records(&draft);
	seal(&draft);
	return draft.len;
}
