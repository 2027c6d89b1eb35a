/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file with the state of a device: an envelope, which says whose state it is,
 * around the stream of the driver, which this does not look into.
 *
 * Documentation/vfio-migctl.rst describes the format.
 */
#ifndef VFIO_MIGCTL_ENVELOPE_H
#define VFIO_MIGCTL_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <linux/types.h>

#include "../../selftests/device/lib/xxh64.h"

#define ENVELOPE_MAGIC		"VFIOMIG"	/* and the zero after it */
#define ENVELOPE_VERSION	1
#define ENVELOPE_TEXT_MAX	4096
#define ENVELOPE_PART_MAX	(64U << 20)

/* What begins and ends a file; numbers are little-endian */
struct envelope_head {
	char magic[8];
	__le32 version;
	__le32 text_len;
};

struct envelope_tail {
	__le64 length;
	__le64 checksum;
};

/**
 * struct envelope - a file that is read or written
 * @path: what messages call it
 * @fd: the file
 * @raw: it has no envelope
 * @text: what the envelope says of the device, "key: value" in each line
 * @length: bytes of the stream so far
 * @hash: of these bytes
 * @at: offset in the file
 * @part: bytes that are left of the part of the stream that is read
 * @ended: the end has been read, and was right
 * @begun: bytes of a raw stream that were read to see whether it is one
 * @nr_begun: how many of @begun are left
 * @temporary: where a file is written until it is complete, "" if there is no
 *	such
 */
struct envelope {
	const char *path;
	int fd;
	bool raw;
	char text[ENVELOPE_TEXT_MAX + 1];
	__u64 length;
	struct xxh64_state hash;
	__u64 at;
	__u32 part;
	bool ended;
	char begun[sizeof(struct envelope_head)];
	unsigned int nr_begun;
	char temporary[4096 + 16];
};

/**
 * enum envelope_kind - what a file has to be
 * @ENVELOPE_WANTED: one with an envelope
 * @ENVELOPE_RAW: a bare stream
 * @ENVELOPE_ANY: one of them, which is found out
 */
enum envelope_kind {
	ENVELOPE_WANTED,
	ENVELOPE_RAW,
	ENVELOPE_ANY,
};

void envelope_open(struct envelope *env, const char *path,
		   enum envelope_kind kind);
ssize_t envelope_read(struct envelope *env, void *buf, size_t len);
__u64 envelope_verify(struct envelope *env);
bool envelope_value(const struct envelope *env, const char *key, char *value,
		    size_t size);
void envelope_close(struct envelope *env);

void envelope_create(struct envelope *env, const char *path, bool raw,
		     const char *text);
void envelope_put(void *arg, const void *data, size_t len);
void envelope_commit(struct envelope *env);

#endif /* VFIO_MIGCTL_ENVELOPE_H */
