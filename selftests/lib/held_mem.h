/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory whose pages come when a test says so: who touches one waits for it. */
#ifndef SELFTESTS_LIB_HELD_MEM_H
#define SELFTESTS_LIB_HELD_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

/**
 * struct held_mem - memory whose pages are held back
 * @uffd: tells which page is wanted
 * @buf: the memory
 * @page: bytes of a page
 * @pages: how many pages there are
 */
struct held_mem {
	int uffd;
	__u8 *buf;
	size_t page;
	size_t pages;
};

const char *held_mem_new(struct held_mem *mem, size_t pages);
bool held_mem_wanted(struct held_mem *mem, unsigned int ms, size_t *page);
void held_mem_wait(struct held_mem *mem, size_t page);
void held_mem_serve(struct held_mem *mem, size_t page, const void *content);
void held_mem_free(struct held_mem *mem);

#endif /* SELFTESTS_LIB_HELD_MEM_H */
