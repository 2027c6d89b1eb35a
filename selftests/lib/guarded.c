// SPDX-License-Identifier: GPL-2.0-only
/* Memory behind which there is none, for what calls do not say to touch. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "guarded.h"

/**
 * guarded_new - memory that ends where no memory follows, or end the process
 * @len: bytes
 *
 * Return: the memory, zeroed.  It lasts as long as the process.
 */
__u8 *guarded_new(size_t len)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t size = (len + page - 1) / page * page;
	__u8 *map;

	map = mmap(NULL, size + page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED || mprotect(map + size, page, PROT_NONE))
		die("no memory: %s", strerror(errno));
	return map + size - len;
}

/**
 * guarded_protect - change what may be done with the page of a buffer
 * @buf: the buffer, within one page
 * @prot: PROT_*
 */
void guarded_protect(void *buf, int prot)
{
	uintptr_t page = sysconf(_SC_PAGESIZE);

	if (mprotect((void *)((uintptr_t)buf & ~(page - 1)), page, prot))
		die("mprotect: %s", strerror(errno));
}

/**
 * guarded_end - the end of a page behind which no memory follows, or end the
 *	process
 *
 * For arguments of several lengths: see guarded_put().
 *
 * Return: its address, which cannot be read itself.
 */
__u8 *guarded_end(void)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return guarded_new(page) + page;
}

/**
 * guarded_put - put data where it ends with the memory
 * @end: what guarded_end() returned
 * @data: the data
 * @len: bytes, not more than a page
 *
 * Return: where it is now.
 */
void *guarded_put(__u8 *end, const void *data, size_t len)
{
	return memcpy(end - len, data, len);
}
