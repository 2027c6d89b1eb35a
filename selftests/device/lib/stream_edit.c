// SPDX-License-Identifier: GPL-2.0-only
/* Take an mtty-mig migration stream apart and put it together wrongly. */
#include <stdlib.h>
#include <string.h>

#include "../../lib/check.h"
#include "stream_edit.h"
#include "xxh64.h"

/**
 * stream_get - read a little-endian number
 * @stream: the stream
 * @offset: where
 * @len: of the number, in bytes
 *
 * Return: the number.
 */
__u64 stream_get(const struct mig_stream *stream, size_t offset, size_t len)
{
	__u64 val = 0;

	if (offset + len > stream->len)
		die("%zu bytes at %zu of a stream of %zu", len, offset,
		    stream->len);
	while (len--)
		val = val << 8 | stream->data[offset + len];
	return val;
}

/**
 * stream_put - write a little-endian number
 * @stream: the stream
 * @offset: where
 * @val: the number
 * @len: of the number, in bytes
 */
void stream_put(struct mig_stream *stream, size_t offset, __u64 val,
		size_t len)
{
	if (offset + len > stream->len)
		die("%zu bytes at %zu of a stream of %zu", len, offset,
		    stream->len);
	for (; len--; val >>= 8)
		stream->data[offset++] = val;
}

#define FIELD(type, name, offset, size, unit, bits) \
	{ type, name, offset, size, unit, bits },
const struct stream_field stream_fields[] = { STREAM_FIELDS(FIELD) {} };
#undef FIELD

/**
 * stream_field - find a field by its name, or end the process
 * @type: the record's type
 * @name: the field's name in Documentation/stream.rst
 */
const struct stream_field *stream_field(__u16 type, const char *name)
{
	const struct stream_field *field;

	for (field = stream_fields; field->name; field++)
		if (field->type == type && !strcmp(field->name, name))
			return field;
	die("records of type %#x have no field %s", type, name);
}

/**
 * stream_records - find the records of a stream, or end the process
 * @stream: the stream, a valid one
 * @records: room for RECORDS_MAX
 *
 * Return: how many there are.
 */
unsigned int stream_records(const struct mig_stream *stream,
			    struct record *records)
{
	size_t at = HDR_SIZE;
	unsigned int n = 0;

	while (at < stream->len) {
		struct record *record = &records[n];

		if (n++ == RECORDS_MAX)
			die("more than %d records", RECORDS_MAX);
		record->start = at;
		record->type = stream_get(stream, at + REC_TYPE, 2);
		record->flags = stream_get(stream, at + REC_FLAGS, 2);
		record->length = stream_get(stream, at + REC_LENGTH, 4);
		at += record_size(record);
	}
	if (at != stream->len || !n || records[n - 1].type != REC_TRAILER)
		die("the stream does not end with its trailer");
	return n;
}

/**
 * stream_seal - make the trailer right for what is before it
 * @stream: a stream that ends with a trailer
 *
 * After an edit, so that the edit is all that is wrong.
 */
void stream_seal(struct mig_stream *stream)
{
	size_t payload = stream->len - TRAILER_SIZE;
	size_t digest = payload + TRAILER_DIGEST;

	stream_put(stream, payload + TRAILER_TOTAL, payload - REC_PAYLOAD, 8);
	stream_put(stream, digest, xxh64_of(stream->data, digest), 8);
}

/**
 * stream_remove - take bytes out of a stream
 * @stream: the stream
 * @offset: where
 * @len: how many
 */
void stream_remove(struct mig_stream *stream, size_t offset, size_t len)
{
	memmove(stream->data + offset, stream->data + offset + len,
		stream->len - offset - len);
	stream->len -= len;
}

/**
 * stream_insert - put bytes into a stream
 * @stream: the stream
 * @offset: where
 * @data: the bytes, not those of the stream itself
 * @len: how many
 */
void stream_insert(struct mig_stream *stream, size_t offset, const void *data,
		   size_t len)
{
	size_t tail = stream->len - offset;

	/* Only to have the room */
	mig_stream_append(stream, data, len);
	memmove(stream->data + offset + len, stream->data + offset, tail);
	memcpy(stream->data + offset, data, len);
}

/**
 * stream_insert_record - put a record into a stream
 * @stream: the stream
 * @offset: where
 * @type: its type
 * @flags: its flags
 * @length: of its payload, which is zero
 */
void stream_insert_record(struct mig_stream *stream, size_t offset,
			  __u16 type, __u16 flags, __u32 length)
{
	__u8 *record = calloc(1, REC_PAYLOAD + length);

	if (!record)
		die("no memory for a record of %u bytes", length);
	stream_insert(stream, offset, record, REC_PAYLOAD + length);
	free(record);
	stream_put(stream, offset + REC_TYPE, type, 2);
	stream_put(stream, offset + REC_FLAGS, flags, 2);
	stream_put(stream, offset + REC_LENGTH, length, 4);
}
