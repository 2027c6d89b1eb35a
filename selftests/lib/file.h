/* SPDX-License-Identifier: GPL-2.0-only */
/* Small text files of the kernel: sysfs, debugfs, tracefs. */
#ifndef SELFTESTS_LIB_FILE_H
#define SELFTESTS_LIB_FILE_H

#include <stddef.h>

int file_read(const char *path, char *buf, size_t size);
int file_write(const char *path, const char *value);

#endif /* SELFTESTS_LIB_FILE_H */
