/* SPDX-License-Identifier: GPL-2.0-only */
/* A file whose pages come when they are told to, by way of FUSE. */
#ifndef SELFTESTS_LIB_FUSE_FILE_H
#define SELFTESTS_LIB_FUSE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "worker.h"

/**
 * struct fuse_file - a file system of one file
 * @dir: where it is mounted; "" if it is not
 * @dev: by which it is asked; readable while somebody waits for a page, as
 *	long as nobody answers
 * @file: the file, open for reading
 * @content: what its pages have
 * @len: bytes, whole pages
 * @stop_fd: tells @daemon to end
 * @answers: @daemon runs
 * @daemon: answers
 */
struct fuse_file {
	char dir[32];
	int dev;
	int file;
	const __u8 *content;
	size_t len;
	int stop_fd;
	bool answers;
	struct worker daemon;
};

const char *fuse_file_new(struct fuse_file *fuse, const void *content,
			  size_t len);
void fuse_file_answer(struct fuse_file *fuse);
void fuse_file_free(struct fuse_file *fuse);

#endif /* SELFTESTS_LIB_FUSE_FILE_H */
