// SPDX-License-Identifier: GPL-2.0-only
/* Memory whose pages are missing until a test serves them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/userfaultfd.h>

#include "check.h"
#include "child.h"
#include "missing.h"

static __u8 *map(size_t len)
{
	void *buf = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (buf == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	return buf;
}

static int open_uffd(void)
{
	return syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
}

static const char *uffd_missing(void)
{
	int fd = open_uffd();

	if (fd < 0)
		return "userfaultfd is not there, or not for the kernel's accesses";
	close(fd);
	return NULL;
}

/**
 * missing_new - memory whose pages are missing
 * @mem: filled in
 * @kind: why they are
 * @len: bytes, whole pages
 *
 * Return: NULL, or why there cannot be such memory.
 */
const char *missing_new(struct missing *mem, enum missing_kind kind,
			size_t len)
{
	const char *why;

	memset(mem, 0, sizeof(*mem));
	mem->kind = kind;
	mem->len = len;
	mem->uffd = -1;
	mem->content = map(len);
	why = kind == MISSING_FUSE ?
	      fuse_file_new(&mem->fuse, mem->content, len) : uffd_missing();
	if (why) {
		munmap(mem->content, len);
		return why;
	}
	mem->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (mem->stop_fd < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, mem->socks))
		die("no file descriptors: %s", strerror(errno));
	return NULL;
}

/**
 * missing_keep - what a child needs for missing_map()
 * @mem: the memory
 *
 * Return: a file descriptor, for the list of child_start().
 */
int missing_keep(const struct missing *mem)
{
	return mem->kind == MISSING_FUSE ? mem->fuse.file : mem->socks[1];
}

static void map_uffd(struct missing *mem)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.mode = UFFDIO_REGISTER_MODE_MISSING,
		.range = {
			.start = (unsigned long)mem->addr,
			.len = mem->len,
		},
	};
	int fd = open_uffd();

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &reg))
		die("userfaultfd: %s", strerror(errno));
	/*
	 * It stays open here, too, as it would in a process that serves
	 * itself. The test has it as well, for whatever does not end with this
	 * process has to be ended.
	 */
	tell_fd(mem->socks[1], (long)mem->addr, fd);
}

static void map_fuse(struct missing *mem)
{
	void *addr = mmap(mem->addr, mem->len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_FIXED, mem->fuse.file, 0);

	if (addr == MAP_FAILED)
		die("mmap: %s", strerror(errno));
}

/**
 * missing_map - map it, once, or end the process
 * @mem: the memory
 *
 * Return: where the missing pages are. The MISSING_LEAD bytes before are
 * there.
 */
__u8 *missing_map(struct missing *mem)
{
	__u8 *buf = map(MISSING_LEAD + mem->len);

	memset(buf, 0, MISSING_LEAD);
	mem->addr = buf + MISSING_LEAD;
	if (mem->kind == MISSING_FUSE)
		map_fuse(mem);
	else
		map_uffd(mem);
	return mem->addr;
}

static void serve_uffd(struct missing *mem)
{
	struct uffdio_copy copy = {
		.dst = (unsigned long)mem->addr,
		.src = (unsigned long)mem->content,
	};
	size_t page = sysconf(_SC_PAGESIZE), at;

	/* Page by page, for some may be there; and the process may be gone */
	for (at = 0; at < mem->len; at += page) {
		copy.dst = (unsigned long)mem->addr + at;
		copy.src = (unsigned long)mem->content + at;
		copy.len = page;
		while (ioctl(mem->uffd, UFFDIO_COPY, &copy) &&
		       errno == EAGAIN)
			copy.copy = 0;
	}
}

static void serve(struct missing *mem)
{
	if (mem->kind == MISSING_FUSE)
		fuse_file_answer(&mem->fuse);
	else if (mem->uffd >= 0)
		serve_uffd(mem);
}

static int run_guard(void *arg)
{
	struct missing *mem = arg;
	struct pollfd pfd = { .fd = mem->stop_fd, .events = POLLIN };

	if (!poll(&pfd, 1, MISSING_PATIENCE * 1000)) {
		atomic_store(&mem->late, true);
		kernel_stacks(getpid());
		if (mem->child)
			kernel_stacks(mem->child);
		serve(mem);
		/* What it hangs in need not end with the page */
		if (mem->child && !poll(&pfd, 1, MISSING_GRACE * 1000))
			kill(mem->child, SIGKILL);
	}
	return 0;
}

/* Whether something is to be read from @fd, before there is from @sock */
static bool await_fd(int fd, int sock)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = sock, .events = POLLIN },
	};

	while (poll(fds, ARRAY_LEN(fds), -1) < 0)
		if (errno != EINTR)
			die("poll: %s", strerror(errno));
	return fds[0].revents & POLLIN;
}

static bool await_uffd(struct missing *mem, int sock)
{
	struct uffd_msg msg;
	long long addr;

	if (mem->uffd < 0) {
		if (!await_fd(mem->socks[0], sock))
			return false;
		mem->uffd = hear_fd(mem->socks[0], &addr);
		mem->addr = (void *)(unsigned long)addr;
	}
	if (!await_fd(mem->uffd, sock))
		return false;
	return read(mem->uffd, &msg, sizeof(msg)) == sizeof(msg) &&
	       msg.event == UFFD_EVENT_PAGEFAULT;
}

/**
 * missing_await - wait until somebody waits for a page
 * @mem: the memory
 * @child: the process that is to; if it says something, or ends, it does not.
 *	NULL if it is this process, or the device
 *
 * The watchdog runs when this has returned true.
 *
 * Return: true; false if no page is wanted.
 */
bool missing_await(struct missing *mem, const struct child *child)
{
	int sock = child ? child->sock : -1;

	if (mem->kind == MISSING_FUSE ? !await_fd(mem->fuse.dev, sock) :
					!await_uffd(mem, sock))
		return false;
	mem->guarded = true;
	mem->child = child ? child->pid : 0;
	worker_start(&mem->guard, run_guard, mem);
	return true;
}

/**
 * missing_late - whether the page had to be served before its time
 * @mem: the memory
 *
 * Return: true if a call has not answered while the page was missing.
 */
bool missing_late(struct missing *mem)
{
	return atomic_load(&mem->late);
}

static void stop_guard(struct missing *mem)
{
	__u64 one = 1;

	if (!mem->guarded)
		return;
	if (write(mem->stop_fd, &one, sizeof(one)) != sizeof(one))
		die("eventfd: %s", strerror(errno));
	worker_join(&mem->guard);
	mem->guarded = false;
}

/**
 * missing_serve - let all pages be there
 * @mem: the memory
 */
void missing_serve(struct missing *mem)
{
	stop_guard(mem);
	serve(mem);
}

/**
 * missing_free - undo missing_new()
 * @mem: the memory; who still waits for a page gets it
 */
void missing_free(struct missing *mem)
{
	missing_serve(mem);
	if (mem->kind == MISSING_FUSE)
		fuse_file_free(&mem->fuse);
	if (mem->uffd >= 0)
		close(mem->uffd);
	close(mem->socks[0]);
	close(mem->socks[1]);
	close(mem->stop_fd);
	munmap(mem->content, mem->len);
}
