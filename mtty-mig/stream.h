/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The migration stream: the bytes that the data fd carries from device to device.
 *
 * Documentation/stream.rst describes the format for other readers and writers.
 * stream.c allocates nothing and knows no file, so that it also builds in
 * userspace, for tools and fuzzers.
 */
#ifndef MTTY_MIG_STREAM_H
#define MTTY_MIG_STREAM_H

#include <linux/types.h>
#include <linux/xxhash.h>

#include "hw.h"

/* "MTTYMIG" and a zero byte, read as little-endian */
#define MTTY_STREAM_MAGIC	0x0047494d5954544dULL
#define MTTY_STREAM_MAJOR	1
#define MTTY_STREAM_MINOR	0

/**
 * struct mtty_stream_header - how a stream begins
 * @magic: MTTY_STREAM_MAGIC
 * @major: MTTY_STREAM_MAJOR; a stream with another one is refused
 * @minor: a newer one may have optional records that are unknown here
 * @type: enum mtty_mig_type of the device that was saved
 * @page_size: MTTY_MIG_PAGE_SIZE
 * @mem_size: size of device memory in bytes
 * @reserved: 0
 */
struct mtty_stream_header {
	__le64 magic;
	__le16 major;
	__le16 minor;
	__le32 type;
	__le64 mem_size;
	__le32 page_size;
	__le32 reserved;
} __packed;

/* Record types, in the order in which they may come */
enum mtty_stream_type {
	MTTY_STREAM_PAGE	= 0x0001,	/* any number, any order */
	MTTY_STREAM_ZERO	= 0x0002,
	MTTY_STREAM_UART0	= 0x0010,	/* from here on each once */
	MTTY_STREAM_UART1	= 0x0011,
	MTTY_STREAM_PCI		= 0x0012,
	MTTY_STREAM_DMA0	= 0x0013,
	MTTY_STREAM_DMA1	= 0x0014,
	MTTY_STREAM_PRI		= 0x0015,
	MTTY_STREAM_CTRL	= 0x0016,
	MTTY_STREAM_TRAILER	= 0xffff,
};

/* A reader that does not know the type of the record may skip it */
#define MTTY_STREAM_OPTIONAL	0x0001

/**
 * struct mtty_stream_record - what precedes each record's payload
 * @type: enum mtty_stream_type
 * @flags: MTTY_STREAM_OPTIONAL or 0
 * @length: bytes of payload
 */
struct mtty_stream_record {
	__le16 type;
	__le16 flags;
	__le32 length;
} __packed;

/**
 * struct mtty_stream_page - payload of PAGE before the content, and of ZERO
 * @index: offset into device memory, in pages
 */
struct mtty_stream_page {
	__le64 index;
} __packed;

/**
 * struct mtty_stream_uart - payload of UART0 and UART1
 * @ier: interrupt enable register
 * @fcr: FIFO control register
 * @lcr: line control register
 * @mcr: modem control register
 * @lsr: line status bits that stick
 * @msr: modem status bits that stick
 * @scr: scratch register
 * @dll: divisor latch, low byte
 * @dlm: divisor latch, high byte
 * @thri: 1 if a transmitter-empty interrupt is pending, otherwise 0
 * @rx_count: characters in @rx
 * @reserved: 0
 * @rx: received characters, oldest first, then zeroes
 */
struct mtty_stream_uart {
	u8 ier;
	u8 fcr;
	u8 lcr;
	u8 mcr;
	u8 lsr;
	u8 msr;
	u8 scr;
	u8 dll;
	u8 dlm;
	u8 thri;
	u8 rx_count;
	u8 reserved[5];
	u8 rx[MTTY_MIG_UART_FIFO_SIZE];
} __packed;

/**
 * struct mtty_stream_pci - payload of PCI
 * @config: configuration space
 * @msix: the MSI-X table
 */
struct mtty_stream_pci {
	u8 config[MTTY_MIG_CFG_SIZE];
	__le32 msix[MTTY_MIG_NR_VECTORS][MTTY_MSIX_ENTRY_DWORDS];
} __packed;

/**
 * struct mtty_stream_dma - payload of DMA0 and DMA1
 * @cmd: register CMD
 * @status: register STATUS
 * @rate: register RATE
 * @pattern: register PATTERN
 * @src: registers SRC
 * @dst: registers DST
 * @len: registers LEN
 * @done: registers DONE: a busy channel goes on from here
 */
struct mtty_stream_dma {
	__le32 cmd;
	__le32 status;
	__le32 rate;
	__le32 pattern;
	__le64 src;
	__le64 dst;
	__le64 len;
	__le64 done;
} __packed;

/**
 * struct mtty_stream_pri - payload of PRI
 * @nr_queued: page requests that were held back when the device was stopped
 * @last_id: ID of the request that was raised last
 * @raise: register RAISE_LO
 * @reserved: 0
 * @id: IDs of the requests, oldest first, then zeroes
 * @iova: pages of the requests, oldest first, then zeroes
 */
struct mtty_stream_pri {
	__le32 nr_queued;
	__le32 last_id;
	__le32 raise;
	__le32 reserved;
	__le32 id[MTTY_MIG_PRI_MAX];
	__le64 iova[MTTY_MIG_PRI_MAX];
} __packed;

/**
 * struct mtty_stream_ctrl - payload of CTRL
 * @irq_pending: MSI or MSI-X vectors that are pending, bit n = vector n
 * @reserved: 0
 * @scratch: register SCRATCH
 * @peer_base: registers PEER_BASE
 * @peer_size: registers PEER_SIZE
 */
struct mtty_stream_ctrl {
	u8 irq_pending;
	u8 reserved[3];
	__le32 scratch;
	__le64 peer_base;
	__le64 peer_size;
} __packed;

/**
 * struct mtty_stream_trailer - payload of TRAILER; nothing may follow it
 * @total: bytes of the stream before this record
 * @digest: XXH64 with seed 0 of all bytes of the stream before this field
 */
struct mtty_stream_trailer {
	__le64 total;
	__le64 digest;
} __packed;

/* The largest payload of a state record */
#define MTTY_STREAM_STATE_MAX	sizeof(struct mtty_stream_pri)

/* Whole records, in bytes */
#define MTTY_STREAM_ZERO_SIZE	(sizeof(struct mtty_stream_record) + \
				 sizeof(struct mtty_stream_page))
#define MTTY_STREAM_PAGE_SIZE	(MTTY_STREAM_ZERO_SIZE + MTTY_MIG_PAGE_SIZE)
#define MTTY_STREAM_STATE_SIZE	(7 * sizeof(struct mtty_stream_record) + \
				 MTTY_MIG_NR_UARTS * \
				 sizeof(struct mtty_stream_uart) + \
				 sizeof(struct mtty_stream_pci) + \
				 MTTY_MIG_NR_DMA * \
				 sizeof(struct mtty_stream_dma) + \
				 sizeof(struct mtty_stream_pri) + \
				 sizeof(struct mtty_stream_ctrl))
#define MTTY_STREAM_TRAILER_SIZE (sizeof(struct mtty_stream_record) + \
				  sizeof(struct mtty_stream_trailer))
#define MTTY_STREAM_END_SIZE	(MTTY_STREAM_STATE_SIZE + \
				 MTTY_STREAM_TRAILER_SIZE)

/*
 * The buffer of a session: three pages. What is written to it is read from the
 * processor's nearest cache, so a larger one is slower.
 */
#define MTTY_STREAM_BUF		0x4000

/**
 * struct mtty_enc - the encoder: a stream that is being written
 * @hash: digest of all bytes encoded so far
 * @total: their number
 * @pos: bytes of @buf that have been read
 * @len: bytes in @buf
 * @buf: MTTY_STREAM_BUF bytes, with the records encoded last
 */
struct mtty_enc {
	struct xxh64_state hash;
	u64 total;
	size_t pos;
	size_t len;
	u8 *buf;
};

void mtty_enc_header(struct mtty_enc *enc, void *buf, u32 type, u64 mem_size);
void mtty_enc_page(struct mtty_enc *enc, u64 index, const void *data);
void mtty_enc_end(struct mtty_enc *enc, const struct mtty_hw *hw);

static inline size_t mtty_enc_unread(const struct mtty_enc *enc)
{
	return enc->len - enc->pos;
}

/**
 * struct mtty_dec_ops - where the pages of a stream go
 * @page: returns MTTY_MIG_PAGE_SIZE bytes for a page, or NULL without memory
 * @page_done: called when these bytes are filled
 * @page_zero: called for a page that is zero
 *
 * An index is always below the size of device memory.
 */
struct mtty_dec_ops {
	void *(*page)(void *arg, u64 index);
	void (*page_done)(void *arg, u64 index);
	void (*page_zero)(void *arg, u64 index);
};

/**
 * struct mtty_dec - the decoder: a stream that is being read
 * @ops: where its pages go
 * @arg: first argument of @ops
 * @hw: where its registers go
 * @type: enum mtty_mig_type of the device that loads it
 * @hash: digest of what was read so far
 * @total: bytes that were read so far
 * @error: the errno with which the stream was refused, permanently; or 0
 * @done: the trailer has been read and is valid
 * @next_state: index of the state record that is expected next
 * @step: called when the wanted bytes are complete
 * @record: header of the record that is being read
 * @left: bytes of this record's payload that are still to be skipped
 * @index: page index of this record
 * @dst: where the wanted bytes go
 * @want: how many of them are still missing
 * @buf: buffer for everything but page content
 */
struct mtty_dec {
	const struct mtty_dec_ops *ops;
	void *arg;
	struct mtty_hw *hw;
	u32 type;
	struct xxh64_state hash;
	u64 total;
	int error;
	bool done;
	unsigned int next_state;
	int (*step)(struct mtty_dec *dec);
	struct mtty_stream_record record;
	u32 left;
	u64 index;
	void *dst;
	size_t want;
	u8 buf[MTTY_STREAM_STATE_MAX];
};

void mtty_dec_init(struct mtty_dec *dec, u32 type, struct mtty_hw *hw,
		   const struct mtty_dec_ops *ops, void *arg);
ssize_t mtty_dec_want(struct mtty_dec *dec, void **dst);
int mtty_dec_got(struct mtty_dec *dec, const void *data, size_t len);
void mtty_dec_refuse(struct mtty_dec *dec, int error);
int mtty_dec_finish(const struct mtty_dec *dec);
u64 mtty_hw_digest(const struct mtty_hw *hw);

#endif /* MTTY_MIG_STREAM_H */
