// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file whose pages come when they are told to, by way of FUSE.
 *
 * The file system is answered by a thread of this process, straight from
 * /dev/fuse. It is mounted, and its file opened; then the thread ends, and
 * whoever wants a page waits until it runs again.
 *
 * A limit of FUSE: who waits for an answer can be killed as long as his
 * request has not been read from /dev/fuse. Once it has, he waits
 * uninterruptibly until it is answered or the connection ends (see
 * request_wait_answer() in fs/fuse/dev.c), and nothing that a driver does
 * changes that. So no request for a page is read before it is to be answered.
 * Reading ahead is off for the same reason: it would be another way to wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <linux/fuse.h>

#include "check.h"
#include "fuse_file.h"

#define NAME		"page"
#define NODE		2
#define FOR_EVER	1000000

/* At least FUSE_MIN_READ_BUFFER and a page of data */
#define REQUEST_MAX	0x20000

static void reply(struct fuse_file *fuse, __u64 unique, int error,
		  const void *data, size_t len)
{
	struct fuse_out_header header = {
		.len = sizeof(header) + len,
		.error = error,
		.unique = unique,
	};
	struct iovec iov[] = {
		{ .iov_base = &header, .iov_len = sizeof(header) },
		{ .iov_base = (void *)data, .iov_len = len },
	};

	/* Who waited may have been killed: then nobody wants the answer */
	if (writev(fuse->dev, iov, ARRAY_LEN(iov)) < 0 && errno != ENOENT)
		die("/dev/fuse: %s", strerror(errno));
}

static void fill_attr(const struct fuse_file *fuse, __u64 node,
		      struct fuse_attr *attr)
{
	memset(attr, 0, sizeof(*attr));
	attr->ino = node;
	attr->nlink = 1;
	attr->mode = node == NODE ? S_IFREG | 0600 : S_IFDIR | 0700;
	attr->size = node == NODE ? fuse->len : 0;
	attr->blksize = sysconf(_SC_PAGESIZE);
}

static void reply_init(struct fuse_file *fuse, __u64 unique)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.max_write = sysconf(_SC_PAGESIZE),
	};

	reply(fuse, unique, 0, &out, sizeof(out));
}

static void reply_lookup(struct fuse_file *fuse, __u64 unique,
			 const char *name)
{
	struct fuse_entry_out out = {
		.nodeid = NODE,
		.entry_valid = FOR_EVER,
		.attr_valid = FOR_EVER,
	};

	if (strcmp(name, NAME)) {
		reply(fuse, unique, -ENOENT, NULL, 0);
		return;
	}
	fill_attr(fuse, NODE, &out.attr);
	reply(fuse, unique, 0, &out, sizeof(out));
}

static void reply_attr(struct fuse_file *fuse, __u64 unique, __u64 node)
{
	struct fuse_attr_out out = { .attr_valid = FOR_EVER };

	fill_attr(fuse, node, &out.attr);
	reply(fuse, unique, 0, &out, sizeof(out));
}

static void reply_open(struct fuse_file *fuse, __u64 unique)
{
	/* Who closes the file must not wait for an answer */
	struct fuse_open_out out = {
		.open_flags = FOPEN_KEEP_CACHE | FOPEN_NOFLUSH,
	};

	reply(fuse, unique, 0, &out, sizeof(out));
}

static void reply_read(struct fuse_file *fuse, __u64 unique,
		       const struct fuse_read_in *in)
{
	size_t len = in->offset < fuse->len ? fuse->len - in->offset : 0;

	if (len > in->size)
		len = in->size;
	reply(fuse, unique, 0, fuse->content + in->offset, len);
}

static void answer(struct fuse_file *fuse, const struct fuse_in_header *in)
{
	const void *arg = in + 1;

	switch (in->opcode) {
	case FUSE_INIT:
		reply_init(fuse, in->unique);
		break;
	case FUSE_LOOKUP:
		reply_lookup(fuse, in->unique, arg);
		break;
	case FUSE_GETATTR:
		reply_attr(fuse, in->unique, in->nodeid);
		break;
	case FUSE_OPEN:
		reply_open(fuse, in->unique);
		break;
	case FUSE_READ:
		reply_read(fuse, in->unique, arg);
		break;
	case FUSE_RELEASE:
		reply(fuse, in->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(fuse, in->unique, -EOPNOTSUPP, NULL, 0);
	}
}

static int run_daemon(void *arg)
{
	struct fuse_file *fuse = arg;
	struct pollfd fds[] = {
		{ .fd = fuse->stop_fd, .events = POLLIN },
		{ .fd = fuse->dev, .events = POLLIN },
	};
	void *request = malloc(REQUEST_MAX);

	if (!request)
		die("no memory");
	while (poll(fds, ARRAY_LEN(fds), -1) >= 0 && !fds[0].revents &&
	       !(fds[1].revents & (POLLERR | POLLHUP)))
		if (read(fuse->dev, request, REQUEST_MAX) > 0)
			answer(fuse, request);
	free(request);
	return 0;
}

static void stop_daemon(struct fuse_file *fuse)
{
	__u64 count = 1;

	if (!fuse->answers)
		return;
	if (write(fuse->stop_fd, &count, sizeof(count)) != sizeof(count))
		die("eventfd: %s", strerror(errno));
	worker_join(&fuse->daemon);
	if (read(fuse->stop_fd, &count, sizeof(count)) != sizeof(count))
		die("eventfd: %s", strerror(errno));
	fuse->answers = false;
}

/**
 * fuse_file_answer - from now on answer who wants a page
 * @fuse: the file
 */
void fuse_file_answer(struct fuse_file *fuse)
{
	if (!fuse->answers)
		worker_start(&fuse->daemon, run_daemon, fuse);
	fuse->answers = true;
}

static int fuse_mount(struct fuse_file *fuse)
{
	char options[128];

	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40700,user_id=%u,group_id=%u", fuse->dev,
		 geteuid(), getegid());
	snprintf(fuse->dir, sizeof(fuse->dir), "/tmp/mtty_mig.XXXXXX");
	if (!mkdtemp(fuse->dir))
		die("%s: %s", fuse->dir, strerror(errno));
	if (!mount(NAME, fuse->dir, "fuse", MS_NOSUID | MS_NODEV, options))
		return 0;
	rmdir(fuse->dir);
	fuse->dir[0] = '\0';
	return -errno;
}

/**
 * fuse_file_new - make a file of which no page comes
 * @fuse: filled in
 * @content: what its pages have when they come; it has to stay there
 * @len: bytes, whole pages
 *
 * Return: NULL, or why there cannot be such a file.
 */
const char *fuse_file_new(struct fuse_file *fuse, const void *content,
			  size_t len)
{
	char path[64];

	memset(fuse, 0, sizeof(*fuse));
	fuse->content = content;
	fuse->len = len;
	fuse->dev = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fuse->dev < 0)
		return "this kernel has no CONFIG_FUSE_FS, or one may not use it";
	if (fuse_mount(fuse)) {
		close(fuse->dev);
		return "FUSE cannot be mounted";
	}
	fuse->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (fuse->stop_fd < 0)
		die("eventfd: %s", strerror(errno));

	fuse_file_answer(fuse);
	snprintf(path, sizeof(path), "%s/" NAME, fuse->dir);
	fuse->file = open(path, O_RDONLY | O_CLOEXEC);
	if (fuse->file < 0)
		die("%s: %s", path, strerror(errno));
	stop_daemon(fuse);
	return NULL;
}

/**
 * fuse_file_free - undo fuse_file_new()
 * @fuse: the file; who still wants a page of it gets SIGBUS or EFAULT
 */
void fuse_file_free(struct fuse_file *fuse)
{
	stop_daemon(fuse);
	umount2(fuse->dir, MNT_DETACH);
	rmdir(fuse->dir);
	/* It ends the connection, and so whatever waits for an answer */
	close(fuse->dev);
	close(fuse->file);
	close(fuse->stop_fd);
}
