/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of an mtty-mig migration stream, to take it apart and put it
 * together wrongly.
 */
#ifndef SELFTESTS_DEVICE_STREAM_EDIT_H
#define SELFTESTS_DEVICE_STREAM_EDIT_H

#include "../../lib/vfio_mig.h"
#include "stream_format.h"

#define RECORDS_MAX	64

/**
 * struct record - where a record is
 * @start: offset of its header in the stream
 * @type: its type
 * @flags: its flags
 * @length: of its payload
 */
struct record {
	size_t start;
	__u16 type;
	__u16 flags;
	__u32 length;
};

/**
 * struct stream_field - a field of a record, as Documentation/stream.rst has it
 * @type: the record's type
 * @name: its name there
 * @offset: in the payload
 * @size: in bytes
 * @unit: size of the numbers that it consists of
 * @bits: those that may be set in each of these
 */
struct stream_field {
	__u16 type;
	const char *name;
	size_t offset;
	size_t size;
	size_t unit;
	__u64 bits;
};

/* Those of all records; the last one has no name */
extern const struct stream_field stream_fields[];

const struct stream_field *stream_field(__u16 type, const char *name);

/* Bytes from the start of a record to the start of the next */
static inline size_t record_size(const struct record *record)
{
	return REC_PAYLOAD + record->length;
}

unsigned int stream_records(const struct mig_stream *stream,
			    struct record *records);
void stream_seal(struct mig_stream *stream);

void stream_put(struct mig_stream *stream, size_t offset, __u64 val,
		size_t len);
__u64 stream_get(const struct mig_stream *stream, size_t offset, size_t len);
void stream_remove(struct mig_stream *stream, size_t offset, size_t len);
void stream_insert(struct mig_stream *stream, size_t offset, const void *data,
		   size_t len);
void stream_insert_record(struct mig_stream *stream, size_t offset,
			  __u16 type, __u16 flags, __u32 length);

#endif /* SELFTESTS_DEVICE_STREAM_EDIT_H */
