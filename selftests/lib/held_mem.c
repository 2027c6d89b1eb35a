// SPDX-License-Identifier: GPL-2.0-only
/* Memory whose pages come when a test says so, by way of userfaultfd. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/userfaultfd.h>

#include "check.h"
#include "held_mem.h"

/* How long somebody may take to touch a page before a test gives up on it */
#define PATIENCE_MS	60000

/**
 * held_mem_new - memory none of whose pages is there yet
 * @mem: filled in
 * @pages: how many
 *
 * Return: NULL, or why there cannot be such memory.
 */
const char *held_mem_new(struct held_mem *mem, size_t pages)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	mem->page = sysconf(_SC_PAGESIZE);
	mem->pages = pages;
	mem->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (mem->uffd < 0)
		return "no userfaultfd for the kernel's accesses";
	mem->buf = mmap(NULL, pages * mem->page, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem->buf == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	reg.range.start = (unsigned long)mem->buf;
	reg.range.len = pages * mem->page;
	if (ioctl(mem->uffd, UFFDIO_API, &api) ||
	    ioctl(mem->uffd, UFFDIO_REGISTER, &reg))
		die("userfaultfd: %s", strerror(errno));
	return NULL;
}

/**
 * held_mem_wanted - wait until somebody touches a page, and waits for it
 * @mem: the memory
 * @ms: milliseconds after which to give up
 * @page: set to the index of the page
 *
 * Return: false if nobody did.
 */
bool held_mem_wanted(struct held_mem *mem, unsigned int ms, size_t *page)
{
	struct pollfd pfd = { .fd = mem->uffd, .events = POLLIN };
	struct uffd_msg msg;

	if (poll(&pfd, 1, ms) != 1)
		return false;
	if (read(mem->uffd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT)
		die("userfaultfd: %s", strerror(errno));
	*page = (msg.arg.pagefault.address - (unsigned long)mem->buf) /
		mem->page;
	return true;
}

/**
 * held_mem_wait - wait until somebody waits for a page, or end the process
 * @mem: the memory
 * @page: the index of the page that must be the one
 */
void held_mem_wait(struct held_mem *mem, size_t page)
{
	size_t wanted;

	if (!held_mem_wanted(mem, PATIENCE_MS, &wanted))
		die("nobody wants page %zu", page);
	if (wanted != page)
		die("page %zu is wanted, not page %zu", wanted, page);
}

/**
 * held_mem_serve - let a page be there, and who waits for it go on
 * @mem: the memory
 * @page: the index of the page; it may be there already
 * @content: what is in it
 */
void held_mem_serve(struct held_mem *mem, size_t page, const void *content)
{
	struct uffdio_copy copy = {
		.dst = (unsigned long)mem->buf + page * mem->page,
		.src = (unsigned long)content,
		.len = mem->page,
	};

	while (ioctl(mem->uffd, UFFDIO_COPY, &copy)) {
		if (errno == EEXIST)
			return;
		if (errno != EAGAIN)
			die("UFFDIO_COPY: %s", strerror(errno));
		copy.copy = 0;
	}
}

/**
 * held_mem_free - undo held_mem_new()
 * @mem: the memory, which nobody uses any more
 */
void held_mem_free(struct held_mem *mem)
{
	munmap(mem->buf, mem->pages * mem->page);
	close(mem->uffd);
}
