/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory whose pages come late.
 *
 * On one processor threads change places only where one waits.  A call that
 * touches such memory waits in the middle, with the locks that it holds there,
 * and the others meet it.
 */
#ifndef SELFTESTS_DEVICE_SLOW_MEM_H
#define SELFTESTS_DEVICE_SLOW_MEM_H

#include "../../lib/worker.h"

/**
 * struct slow_mem - memory whose pages come late
 * @buf: the memory
 * @content: what a page has when it comes
 * @len: bytes of either
 * @uffd: tells which page is wanted
 * @stop_fd: tells @pager to end
 * @pager: provides the pages
 */
struct slow_mem {
	unsigned char *buf;
	unsigned char *content;
	size_t len;
	int uffd;
	int stop_fd;
	struct worker pager;
};

const char *slow_mem_new(struct slow_mem *mem, size_t len);
void slow_mem_forget(struct slow_mem *mem);
void slow_mem_free(struct slow_mem *mem);

#endif /* SELFTESTS_DEVICE_SLOW_MEM_H */
