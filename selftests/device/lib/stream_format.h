/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The format of the mtty-mig migration stream, for tests.  Offsets and numbers
 * are those that Documentation/stream.rst has, and not the driver's own
 * structures.
 */
#ifndef SELFTESTS_DEVICE_STREAM_FORMAT_H
#define SELFTESTS_DEVICE_STREAM_FORMAT_H

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

#endif /* SELFTESTS_DEVICE_STREAM_FORMAT_H */
