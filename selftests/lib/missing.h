/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory whose pages are missing until a test serves them.
 *
 * The memory may be another process's, the child's; the test serves it.  In
 * the test:
 *
 *	missing_new(&mem, MISSING_UFFD, len);
 *	child_start(&child, run, &mem, (int []){ missing_keep(&mem), ... });
 *	missing_await(&mem, &child);		// somebody waits for a page
 *	...					// what has to answer meanwhile
 *	missing_late(&mem);			// did it?
 *	missing_serve(&mem);
 *	missing_free(&mem);
 *
 * In the child, or in the test itself:
 *
 *	buf = missing_map(&mem);
 *
 * Nothing that is to answer meanwhile can hang the test: from missing_await()
 * on a watchdog serves the page after MISSING_PATIENCE seconds, prints where in
 * the kernel the two processes were, and missing_late() tells that it had to.
 * That is no expectation of speed; a call that waits for the page never returns
 * without it.
 */
#ifndef SELFTESTS_LIB_MISSING_H
#define SELFTESTS_LIB_MISSING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "child.h"
#include "fuse_file.h"
#include "worker.h"

#define MISSING_PATIENCE	15	/* seconds */
#define MISSING_GRACE		5	/* and then, until the child is killed */

/* Bytes before the missing pages that are there */
#define MISSING_LEAD		4096

/**
 * enum missing_kind - why pages are missing
 * @MISSING_UFFD: userfaultfd
 * @MISSING_FUSE: a private mapping of a file of FUSE
 */
enum missing_kind {
	MISSING_UFFD,
	MISSING_FUSE,
};

/**
 * struct missing - memory whose pages are missing
 * @kind: why
 * @len: bytes that are missing, whole pages
 * @content: what the pages have when they are served
 * @addr: where the missing pages are, in the process that has mapped them
 * @uffd: tells who wants a page; -1 until the test has it
 * @socks: by which @uffd and @addr come to the test
 * @fuse: the file
 * @guard: the watchdog
 * @guarded: @guard runs
 * @child: the process that uses the memory, or 0
 * @stop_fd: tells @guard to end
 * @late: @guard had to serve
 */
struct missing {
	enum missing_kind kind;
	size_t len;
	__u8 *content;
	__u8 *addr;
	int uffd;
	int socks[2];
	struct fuse_file fuse;
	struct worker guard;
	bool guarded;
	pid_t child;
	int stop_fd;
	atomic_bool late;
};

const char *missing_new(struct missing *mem, enum missing_kind kind,
			size_t len);
int missing_keep(const struct missing *mem);
__u8 *missing_map(struct missing *mem);
bool missing_await(struct missing *mem, const struct child *child);
bool missing_late(struct missing *mem);
void missing_serve(struct missing *mem);
void missing_free(struct missing *mem);

#endif /* SELFTESTS_LIB_MISSING_H */
