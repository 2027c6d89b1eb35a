/* SPDX-License-Identifier: GPL-2.0-only */
/* The records of a stream of mtty_mig, one after the other. */
#ifndef VFIO_MIGCTL_RECORD_H
#define VFIO_MIGCTL_RECORD_H

#include <stdbool.h>
#include <linux/types.h>

#include "envelope.h"
#include "json.h"

/* As a record, the header of the stream has a type that no record has */
#define RECORD_HEADER	0x10000

/**
 * struct record - a part of a stream
 * @type: enum mtty_stream_type, or RECORD_HEADER
 * @flags: MTTY_STREAM_OPTIONAL, or 0
 * @length: bytes of payload
 * @offset: where it begins in the stream
 * @index: index of the page, of PAGE and ZERO
 * @payload: of a page its content, NULL if it is zero; NULL of a record that
 *	is skipped
 */
struct record {
	__u32 type;
	__u32 flags;
	__u32 length;
	__u64 offset;
	__u64 index;
	const void *payload;
};

/**
 * struct records - how a stream was read
 * @each: called for each record
 * @arg: for @each
 * @ours: it is a stream of mtty_mig
 * @device_type: enum mtty_mig_type, of the device that was saved
 * @mem_size: bytes of its memory
 * @error: why the stream is refused, an errno, or 0
 * @at: the offset that was reached then
 * @within: the record that was read then
 */
struct records {
	void (*each)(void *arg, const struct record *record);
	void *arg;
	bool ours;
	__u32 device_type;
	__u64 mem_size;
	int error;
	__u64 at;
	struct record within;
};

void records_read(struct records *records, struct envelope *env);
const char *record_name(__u32 type);
const char *record_reason(int error);
const char *device_type_name(__u32 type);

/* A field of a record that has registers: its name, and what is in it */
typedef void (*field_fn)(void *arg, const char *name, const char *value);
void record_fields(const struct record *record, field_fn tell, void *arg);

#endif /* VFIO_MIGCTL_RECORD_H */
