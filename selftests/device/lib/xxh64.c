// SPDX-License-Identifier: GPL-2.0-only
/*
 * XXH64, from its specification (xxHash fast digest algorithm, "XXH64
 * algorithm description"), so that the tests can seal streams of their own
 * and do not take the driver's word for the digest. With the names of
 * <linux/xxhash.h>, for the fuzzer builds the driver's code on it.
 */
#include <endian.h>
#include <string.h>

#include "xxh64.h"

#define PRIME1	0x9e3779b185ebca87ULL
#define PRIME2	0xc2b2ae3d27d4eb4fULL
#define PRIME3	0x165667b19e3779f9ULL
#define PRIME4	0x85ebca77c2b2ae63ULL
#define PRIME5	0x27d4eb2f165667c5ULL

static __u64 rotate(__u64 x, unsigned int bits)
{
	return x << bits | x >> (64 - bits);
}

static __u64 lane64(const __u8 *p)
{
	__u64 val;

	memcpy(&val, p, sizeof(val));
	return le64toh(val);
}

static __u32 lane32(const __u8 *p)
{
	__u32 val;

	memcpy(&val, p, sizeof(val));
	return le32toh(val);
}

static __u64 one_round(__u64 acc, __u64 lane)
{
	return rotate(acc + lane * PRIME2, 31) * PRIME1;
}

static void stripe(__u64 *lanes, const __u8 *p)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		lanes[i] = one_round(lanes[i], lane64(p + 8 * i));
}

/**
 * xxh64_reset - begin a digest
 * @state: what to begin
 * @seed: the seed
 */
void xxh64_reset(struct xxh64_state *state, __u64 seed)
{
	memset(state, 0, sizeof(*state));
	state->lanes[0] = seed + PRIME1 + PRIME2;
	state->lanes[1] = seed + PRIME2;
	state->lanes[2] = seed;
	state->lanes[3] = seed - PRIME1;
}

/**
 * xxh64_update - go on with a digest
 * @state: the digest so far
 * @data: the bytes that follow
 * @len: how many
 *
 * Return: 0, as the kernel's does.
 */
int xxh64_update(struct xxh64_state *state, const void *data, size_t len)
{
	size_t held = state->total % sizeof(state->rest);
	const __u8 *p = data;

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

/**
 * xxh64_digest - the digest of all that came
 * @state: the digest; it can be gone on with
 *
 * Return: the digest.
 */
__u64 xxh64_digest(const struct xxh64_state *state)
{
	size_t left = state->total % sizeof(state->rest);
	const __u64 *lanes = state->lanes;
	const __u8 *p = state->rest;
	unsigned int i;
	__u64 acc;

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

/**
 * xxh64 - the digest of some bytes
 * @data: the bytes
 * @len: how many
 * @seed: the seed
 *
 * Return: the digest.
 */
__u64 xxh64(const void *data, size_t len, __u64 seed)
{
	struct xxh64_state state;

	xxh64_reset(&state, seed);
	xxh64_update(&state, data, len);
	return xxh64_digest(&state);
}

/**
 * xxh64_of - the digest of some bytes, with seed 0
 * @data: the bytes
 * @len: how many
 *
 * Return: the digest.
 */
__u64 xxh64_of(const void *data, size_t len)
{
	return xxh64(data, len, 0);
}
