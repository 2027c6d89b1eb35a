/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_DEVICE_XXH64_H
#define SELFTESTS_DEVICE_XXH64_H

#include <stddef.h>
#include <linux/types.h>

/**
 * struct xxh64_state - a digest that is not complete
 * @total: bytes so far
 * @lanes: the accumulators
 * @rest: bytes that do not fill a stripe yet: the first of @total % 32
 */
struct xxh64_state {
	__u64 total;
	__u64 lanes[4];
	__u8 rest[32];
};

void xxh64_reset(struct xxh64_state *state, __u64 seed);
int xxh64_update(struct xxh64_state *state, const void *data, size_t len);
__u64 xxh64_digest(const struct xxh64_state *state);
__u64 xxh64(const void *data, size_t len, __u64 seed);
__u64 xxh64_of(const void *data, size_t len);

#endif /* SELFTESTS_DEVICE_XXH64_H */
