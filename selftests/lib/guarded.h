/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory behind which there is none, for what calls do not say to touch. */
#ifndef SELFTESTS_LIB_GUARDED_H
#define SELFTESTS_LIB_GUARDED_H

#include <stddef.h>
#include <linux/types.h>

__u8 *guarded_new(size_t len);
void guarded_protect(void *buf, int prot);
__u8 *guarded_end(void);
void *guarded_put(__u8 *end, const void *data, size_t len);

#endif /* SELFTESTS_LIB_GUARDED_H */
