/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel tells that it has found wrong with itself. */
#ifndef SELFTESTS_LIB_KERNEL_H
#define SELFTESTS_LIB_KERNEL_H

#include <stdbool.h>

unsigned long kernel_taint(void);
const char *kernel_complaint(unsigned long before);
bool kernel_looks_at_locks(void);

#endif /* SELFTESTS_LIB_KERNEL_H */
