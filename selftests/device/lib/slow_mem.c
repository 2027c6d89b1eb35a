// SPDX-License-Identifier: GPL-2.0-only
/* Memory whose pages come late, by way of userfaultfd. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/userfaultfd.h>

#include "../../lib/check.h"
#include "slow_mem.h"

/* How often the others have their turn before a page comes */
#define DELAY	3

static void provide(struct slow_mem *mem, unsigned long addr)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct uffdio_copy copy = {
		.dst = addr & ~(page - 1),
		.len = page,
	};
	unsigned int i;

	for (i = 0; i < DELAY; i++)
		sched_yield();
	copy.src = (unsigned long)mem->content + copy.dst -
		   (unsigned long)mem->buf;
	/* Somebody may have wanted it twice, or changes the mappings now */
	while (ioctl(mem->uffd, UFFDIO_COPY, &copy) && errno == EAGAIN)
		copy.copy = 0;
}

static int run_pager(void *arg)
{
	struct slow_mem *mem = arg;
	struct pollfd fds[] = {
		{ .fd = mem->stop_fd, .events = POLLIN },
		{ .fd = mem->uffd, .events = POLLIN },
	};
	struct uffd_msg msg;

	while (poll(fds, ARRAY_LEN(fds), -1) >= 0 && !fds[0].revents)
		if (read(mem->uffd, &msg, sizeof(msg)) == sizeof(msg) &&
		    msg.event == UFFD_EVENT_PAGEFAULT)
			provide(mem, msg.arg.pagefault.address);
	return 0;
}

static unsigned char *memory(size_t len)
{
	void *buf = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (buf == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	return buf;
}

/**
 * slow_mem_new - memory whose pages come late
 * @mem: filled in
 * @len: bytes, whole pages
 *
 * Return: NULL, or why there cannot be such memory.
 */
const char *slow_mem_new(struct slow_mem *mem, size_t len)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	memset(mem, 0, sizeof(*mem));
	mem->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (mem->uffd < 0)
		return "userfaultfd is not there or not allowed";
	mem->stop_fd = eventfd(0, EFD_CLOEXEC);
	mem->len = len;
	mem->buf = memory(len);
	mem->content = memory(len);
	reg.range.start = (unsigned long)mem->buf;
	reg.range.len = len;
	if (mem->stop_fd < 0 || ioctl(mem->uffd, UFFDIO_API, &api) ||
	    ioctl(mem->uffd, UFFDIO_REGISTER, &reg))
		die("userfaultfd: %s", strerror(errno));
	worker_start(&mem->pager, run_pager, mem);
	return NULL;
}

/**
 * slow_mem_forget - let all pages be late again
 * @mem: the memory
 */
void slow_mem_forget(struct slow_mem *mem)
{
	if (madvise(mem->buf, mem->len, MADV_DONTNEED))
		die("madvise: %s", strerror(errno));
}

/**
 * slow_mem_free - undo slow_mem_new()
 * @mem: the memory, which nobody uses any more
 */
void slow_mem_free(struct slow_mem *mem)
{
	__u64 one = 1;

	if (write(mem->stop_fd, &one, sizeof(one)) != sizeof(one))
		die("eventfd: %s", strerror(errno));
	worker_join(&mem->pager);
	munmap(mem->buf, mem->len);
	munmap(mem->content, mem->len);
	close(mem->uffd);
	close(mem->stop_fd);
}
