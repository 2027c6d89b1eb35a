/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of an mtty-mig migration stream, to take it apart and put it
 * together wrongly.  Offsets and numbers are those that are documented for
 * the format, and not the driver's own structures.
 */
#ifndef SELFTESTS_DEVICE_STREAM_EDIT_H
#define SELFTESTS_DEVICE_STREAM_EDIT_H

#include "../lib/vfio_mig.h"

/* Header: offsets of its fields */
#define HDR_MAGIC	0	/* 8 bytes */
#define HDR_MAJOR	8	/* 2 */
#define HDR_MINOR	10	/* 2 */
#define HDR_TYPE	12	/* 4 */
#define HDR_MEM_SIZE	16	/* 8 */
#define HDR_PAGE_SIZE	24	/* 4 */
#define HDR_RESERVED	28	/* 4 */
#define HDR_SIZE	32

/* Record: offsets of its fields */
#define REC_TYPE	0	/* 2 bytes */
#define REC_FLAGS	2	/* 2 */
#define REC_LENGTH	4	/* 4 */
#define REC_PAYLOAD	8

/* Records of a page, whole */
#define PAGE_RECORD	(REC_PAYLOAD + 8 + 4096)
#define ZERO_RECORD	(REC_PAYLOAD + 8)

/* Record types */
#define REC_PAGE	0x0001
#define REC_ZERO	0x0002
#define REC_UART0	0x0010
#define REC_UART1	0x0011
#define REC_PCI		0x0012
#define REC_DMA0	0x0013
#define REC_DMA1	0x0014
#define REC_PRI		0x0015
#define REC_CTRL	0x0016
#define REC_TRAILER	0xffff
#define REC_UNKNOWN	0x7ff0	/* no version has it */

#define REC_OPTIONAL	0x0001

/* Trailer: offsets in its payload */
#define TRAILER_TOTAL	0	/* 8 bytes */
#define TRAILER_DIGEST	8	/* 8 */
#define TRAILER_SIZE	16

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
