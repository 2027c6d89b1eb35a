/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_DEVICE_XXH64_H
#define SELFTESTS_DEVICE_XXH64_H

#include <stddef.h>
#include <linux/types.h>

__u64 xxh64_of(const void *data, size_t len);

#endif /* SELFTESTS_DEVICE_XXH64_H */
