/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The format of the mtty-mig migration stream, for tests: from the tables of
 * Documentation/stream.rst, and not from the driver's own structures. Change
 * that page, and not this file.
 */
#ifndef SELFTESTS_DEVICE_STREAM_FORMAT_H
#define SELFTESTS_DEVICE_STREAM_FORMAT_H

/* Header: offsets of its fields */
#define HDR_MAGIC	0	/* 8 bytes */
#define HDR_MAJOR	8	/* 2 bytes */
#define HDR_MINOR	10	/* 2 bytes */
#define HDR_TYPE	12	/* 4 bytes */
#define HDR_MEM_SIZE	16	/* 8 bytes */
#define HDR_PAGE_SIZE	24	/* 4 bytes */
#define HDR_RESERVED	28	/* 4 bytes */
#define HDR_SIZE	32

/* Record: offsets of its fields */
#define REC_TYPE	0	/* 2 bytes */
#define REC_FLAGS	2	/* 2 bytes */
#define REC_LENGTH	4	/* 4 bytes */
#define REC_PAYLOAD	8

/* Records of a page, whole */
#define PAGE_RECORD	(REC_PAYLOAD + 4104)
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

/* Flags of a record */
#define REC_OPTIONAL	0x0001

/* Trailer: offsets in its payload */
#define TRAILER_TOTAL	0	/* 8 bytes */
#define TRAILER_DIGEST	8	/* 8 bytes */
#define TRAILER_SIZE	16

/* FIELD(offset, size) for each field of the header */
#define STREAM_HEADER(FIELD) \
	FIELD(HDR_MAGIC, 8) \
	FIELD(HDR_MAJOR, 2) \
	FIELD(HDR_MINOR, 2) \
	FIELD(HDR_TYPE, 4) \
	FIELD(HDR_MEM_SIZE, 8) \
	FIELD(HDR_PAGE_SIZE, 4) \
	FIELD(HDR_RESERVED, 4)

/* Any bits of a field may be set, as far as the format goes */
#define STREAM_ANY	(~0ULL)

/*
 * FIELD(type, name, offset, size, unit, bits) for each field of each record:
 * offset in the payload, size in bytes, size of the numbers that it consists of,
 * and the bits of such a number that may be set
 */
#define STREAM_FIELDS(FIELD) \
	FIELD(REC_PAGE, "index", 0, 8, 8, STREAM_ANY) \
	FIELD(REC_PAGE, "content", 8, 4096, 1, STREAM_ANY) \
	FIELD(REC_ZERO, "index", 0, 8, 8, STREAM_ANY) \
	FIELD(REC_UART0, "ier", 0, 1, 1, 0xf) \
	FIELD(REC_UART0, "fcr", 1, 1, 1, 0xc9) \
	FIELD(REC_UART0, "lcr", 2, 1, 1, STREAM_ANY) \
	FIELD(REC_UART0, "mcr", 3, 1, 1, 0x1f) \
	FIELD(REC_UART0, "lsr", 4, 1, 1, 0x2) \
	FIELD(REC_UART0, "msr", 5, 1, 1, 0xf) \
	FIELD(REC_UART0, "scr", 6, 1, 1, STREAM_ANY) \
	FIELD(REC_UART0, "dll", 7, 1, 1, STREAM_ANY) \
	FIELD(REC_UART0, "dlm", 8, 1, 1, STREAM_ANY) \
	FIELD(REC_UART0, "thri", 9, 1, 1, 0x1) \
	FIELD(REC_UART0, "rx_count", 10, 1, 1, STREAM_ANY) \
	FIELD(REC_UART0, "reserved", 11, 5, 1, 0x0) \
	FIELD(REC_UART0, "rx", 16, 16, 1, STREAM_ANY) \
	FIELD(REC_UART1, "ier", 0, 1, 1, 0xf) \
	FIELD(REC_UART1, "fcr", 1, 1, 1, 0xc9) \
	FIELD(REC_UART1, "lcr", 2, 1, 1, STREAM_ANY) \
	FIELD(REC_UART1, "mcr", 3, 1, 1, 0x1f) \
	FIELD(REC_UART1, "lsr", 4, 1, 1, 0x2) \
	FIELD(REC_UART1, "msr", 5, 1, 1, 0xf) \
	FIELD(REC_UART1, "scr", 6, 1, 1, STREAM_ANY) \
	FIELD(REC_UART1, "dll", 7, 1, 1, STREAM_ANY) \
	FIELD(REC_UART1, "dlm", 8, 1, 1, STREAM_ANY) \
	FIELD(REC_UART1, "thri", 9, 1, 1, 0x1) \
	FIELD(REC_UART1, "rx_count", 10, 1, 1, STREAM_ANY) \
	FIELD(REC_UART1, "reserved", 11, 5, 1, 0x0) \
	FIELD(REC_UART1, "rx", 16, 16, 1, STREAM_ANY) \
	FIELD(REC_PCI, "config", 0, 256, 1, STREAM_ANY) \
	FIELD(REC_PCI, "msix", 256, 64, 4, STREAM_ANY) \
	FIELD(REC_DMA0, "cmd", 0, 4, 4, 0x103) \
	FIELD(REC_DMA0, "status", 4, 4, 4, 0x7) \
	FIELD(REC_DMA0, "rate", 8, 4, 4, STREAM_ANY) \
	FIELD(REC_DMA0, "pattern", 12, 4, 4, STREAM_ANY) \
	FIELD(REC_DMA0, "src", 16, 8, 8, STREAM_ANY) \
	FIELD(REC_DMA0, "dst", 24, 8, 8, STREAM_ANY) \
	FIELD(REC_DMA0, "len", 32, 8, 8, STREAM_ANY) \
	FIELD(REC_DMA0, "done", 40, 8, 8, STREAM_ANY) \
	FIELD(REC_DMA1, "cmd", 0, 4, 4, 0x103) \
	FIELD(REC_DMA1, "status", 4, 4, 4, 0x7) \
	FIELD(REC_DMA1, "rate", 8, 4, 4, STREAM_ANY) \
	FIELD(REC_DMA1, "pattern", 12, 4, 4, STREAM_ANY) \
	FIELD(REC_DMA1, "src", 16, 8, 8, STREAM_ANY) \
	FIELD(REC_DMA1, "dst", 24, 8, 8, STREAM_ANY) \
	FIELD(REC_DMA1, "len", 32, 8, 8, STREAM_ANY) \
	FIELD(REC_DMA1, "done", 40, 8, 8, STREAM_ANY) \
	FIELD(REC_PRI, "nr_queued", 0, 4, 4, STREAM_ANY) \
	FIELD(REC_PRI, "last_id", 4, 4, 4, STREAM_ANY) \
	FIELD(REC_PRI, "raise", 8, 4, 4, STREAM_ANY) \
	FIELD(REC_PRI, "reserved", 12, 4, 4, 0x0) \
	FIELD(REC_PRI, "id", 16, 128, 4, STREAM_ANY) \
	FIELD(REC_PRI, "iova", 144, 256, 8, STREAM_ANY) \
	FIELD(REC_CTRL, "irq_pending", 0, 1, 1, 0xf) \
	FIELD(REC_CTRL, "reserved", 1, 3, 1, 0x0) \
	FIELD(REC_CTRL, "scratch", 4, 4, 4, STREAM_ANY) \
	FIELD(REC_CTRL, "peer_base", 8, 8, 8, STREAM_ANY) \
	FIELD(REC_CTRL, "peer_size", 16, 8, 8, STREAM_ANY) \
	FIELD(REC_TRAILER, "total", 0, 8, 8, STREAM_ANY) \
	FIELD(REC_TRAILER, "digest", 8, 8, 8, STREAM_ANY)

#endif /* SELFTESTS_DEVICE_STREAM_FORMAT_H */
