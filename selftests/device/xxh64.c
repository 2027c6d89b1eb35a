// SPDX-License-Identifier: GPL-2.0-only
/*
 * XXH64, from its specification (xxHash fast digest algorithm, "XXH64
 * algorithm description"), so that the tests can seal streams of their own
 * and do not take the driver's word for the digest.
 */
#include <endian.h>
#include <string.h>

#include "xxh64.h"

#define PRIME1	0x9e3779b185ebca87ULL
#define PRIME2	0xc2b2ae3d27d4eb4fULL
#define PRIME3	0x165667b19e3779f9ULL
#define PRIME4	0x85ebca77c2b2ae63ULL
#define PRIME5	0x27d4eb2f165667c5ULL

#define LANES	4

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

/**
 * xxh64_of - XXH64 of some bytes, with seed 0
 * @data: the bytes
 * @len: how many
 *
 * Return: the digest.
 */
__u64 xxh64_of(const void *data, size_t len)
{
	const __u8 *p = data;
	size_t left = len;
	__u64 acc;

	if (len >= LANES * sizeof(__u64)) {
		__u64 lanes[LANES] = { PRIME1 + PRIME2, PRIME2, 0, -PRIME1 };
		unsigned int i;

		while (left >= sizeof(lanes)) {
			for (i = 0; i < LANES; i++)
				lanes[i] = one_round(lanes[i],
						     lane64(p + 8 * i));
			p += sizeof(lanes);
			left -= sizeof(lanes);
		}
		acc = rotate(lanes[0], 1) + rotate(lanes[1], 7) +
		      rotate(lanes[2], 12) + rotate(lanes[3], 18);
		for (i = 0; i < LANES; i++)
			acc = (acc ^ one_round(0, lanes[i])) * PRIME1 + PRIME4;
	} else {
		acc = PRIME5;
	}
	acc += len;

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
