// SPDX-License-Identifier: GPL-2.0-only
/*
 * The migration stream: encode, decode, validate.
 *
 * A stream is a header, records and a trailer; all numbers are little-endian.
 * The encoder produces whole records, one or several in its buffer, and its caller
 * hands them out in pieces of any size. The decoder says which bytes it wants next
 * and where they go, however the stream is segmented. Whatever the stream claims,
 * the decoder buffers no more than the largest state record.
 */
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/swab.h>

#include "stream.h"

/* A state record: its payload, and how it is made from registers and loaded */
struct state_record {
	u16 type;
	u16 length;
	void (*put)(void *payload, const struct mtty_hw *hw);
	int (*get)(const void *payload, struct mtty_hw *hw);
};

static void put_uart(void *payload, const struct mtty_uart *uart)
{
	struct mtty_stream_uart *wire = payload;

	memset(wire, 0, sizeof(*wire));
	wire->ier = uart->ier;
	wire->fcr = uart->fcr;
	wire->lcr = uart->lcr;
	wire->mcr = uart->mcr;
	wire->lsr = uart->lsr;
	wire->msr = uart->msr;
	wire->scr = uart->scr;
	wire->dll = uart->dll;
	wire->dlm = uart->dlm;
	wire->thri = uart->thri;
	wire->rx_count = uart->rx_count;
	memcpy(wire->rx, uart->rx, sizeof(wire->rx));
}

static int get_uart(const void *payload, struct mtty_uart *uart)
{
	const struct mtty_stream_uart *wire = payload;

	uart->ier = wire->ier;
	uart->fcr = wire->fcr;
	uart->lcr = wire->lcr;
	uart->mcr = wire->mcr;
	uart->lsr = wire->lsr;
	uart->msr = wire->msr;
	uart->scr = wire->scr;
	uart->dll = wire->dll;
	uart->dlm = wire->dlm;
	uart->thri = wire->thri;
	uart->rx_count = wire->rx_count;
	memcpy(uart->rx, wire->rx, sizeof(uart->rx));

	if (memchr_inv(wire->reserved, 0, sizeof(wire->reserved)) ||
	    !mtty_uart_valid(uart))
		return -ERANGE;
	return 0;
}

static void put_uart0(void *payload, const struct mtty_hw *hw)
{
	put_uart(payload, &hw->uart[0]);
}

static int get_uart0(const void *payload, struct mtty_hw *hw)
{
	return get_uart(payload, &hw->uart[0]);
}

static void put_uart1(void *payload, const struct mtty_hw *hw)
{
	put_uart(payload, &hw->uart[1]);
}

static int get_uart1(const void *payload, struct mtty_hw *hw)
{
	return get_uart(payload, &hw->uart[1]);
}

static void put_pci(void *payload, const struct mtty_hw *hw)
{
	struct mtty_stream_pci *wire = payload;
	unsigned int i, j;

	memcpy(wire->config, hw->pci.config, sizeof(wire->config));
	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		for (j = 0; j < MTTY_MSIX_ENTRY_DWORDS; j++)
			wire->msix[i][j] = cpu_to_le32(hw->pci.msix[i][j]);
}

static int get_pci(const void *payload, struct mtty_hw *hw)
{
	const struct mtty_stream_pci *wire = payload;
	unsigned int i, j;

	if (!mtty_pci_load(&hw->pci, wire->config))
		return -ERANGE;
	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		for (j = 0; j < MTTY_MSIX_ENTRY_DWORDS; j++) {
			u32 val = le32_to_cpu(wire->msix[i][j]);

			mtty_pci_msix_write(&hw->pci, i, j, val);
			if (hw->pci.msix[i][j] != val)
				return -ERANGE;
		}
	return 0;
}

static void put_dma(void *payload, const struct mtty_dma *dma)
{
	struct mtty_stream_dma *wire = payload;

	wire->cmd = cpu_to_le32(dma->cmd);
	wire->status = cpu_to_le32(dma->status);
	wire->rate = cpu_to_le32(dma->rate);
	wire->pattern = cpu_to_le32(dma->pattern);
	wire->src = cpu_to_le64(dma->src);
	wire->dst = cpu_to_le64(dma->dst);
	wire->len = cpu_to_le64(dma->len);
	wire->done = cpu_to_le64(dma->done);
}

static int get_dma(const void *payload, struct mtty_dma *dma, u64 mem_size)
{
	const struct mtty_stream_dma *wire = payload;

	dma->cmd = le32_to_cpu(wire->cmd);
	dma->status = le32_to_cpu(wire->status);
	dma->rate = le32_to_cpu(wire->rate);
	dma->pattern = le32_to_cpu(wire->pattern);
	dma->src = le64_to_cpu(wire->src);
	dma->dst = le64_to_cpu(wire->dst);
	dma->len = le64_to_cpu(wire->len);
	dma->done = le64_to_cpu(wire->done);

	return mtty_dma_valid(dma, mem_size) ? 0 : -ERANGE;
}

static void put_dma0(void *payload, const struct mtty_hw *hw)
{
	put_dma(payload, &hw->dma[0]);
}

static int get_dma0(const void *payload, struct mtty_hw *hw)
{
	return get_dma(payload, &hw->dma[0], hw->pci.mem_size);
}

static void put_dma1(void *payload, const struct mtty_hw *hw)
{
	put_dma(payload, &hw->dma[1]);
}

static int get_dma1(const void *payload, struct mtty_hw *hw)
{
	return get_dma(payload, &hw->dma[1], hw->pci.mem_size);
}

static void put_pri(void *payload, const struct mtty_hw *hw)
{
	struct mtty_stream_pri *wire = payload;
	unsigned int i;

	memset(wire, 0, sizeof(*wire));
	wire->nr_queued = cpu_to_le32(hw->pri.nr_queued);
	wire->last_id = cpu_to_le32(hw->pri.last_id);
	wire->raise = cpu_to_le32(hw->pri.raise);
	for (i = 0; i < MTTY_MIG_PRI_MAX; i++) {
		wire->id[i] = cpu_to_le32(hw->pri.requests[i].id);
		wire->iova[i] = cpu_to_le64(hw->pri.requests[i].iova);
	}
}

static int get_pri(const void *payload, struct mtty_hw *hw)
{
	const struct mtty_stream_pri *wire = payload;
	unsigned int i;

	hw->pri.nr_queued = le32_to_cpu(wire->nr_queued);
	hw->pri.last_id = le32_to_cpu(wire->last_id);
	hw->pri.raise = le32_to_cpu(wire->raise);
	for (i = 0; i < MTTY_MIG_PRI_MAX; i++) {
		hw->pri.requests[i].id = le32_to_cpu(wire->id[i]);
		hw->pri.requests[i].iova = le64_to_cpu(wire->iova[i]);
	}
	return wire->reserved || !mtty_pri_valid(&hw->pri) ? -ERANGE : 0;
}

static void put_ctrl(void *payload, const struct mtty_hw *hw)
{
	struct mtty_stream_ctrl *wire = payload;

	memset(wire, 0, sizeof(*wire));
	wire->irq_pending = hw->irq_pending;
	wire->scratch = cpu_to_le32(hw->scratch);
	wire->peer_base = cpu_to_le64(hw->peer_base);
	wire->peer_size = cpu_to_le64(hw->peer_size);
}

static int get_ctrl(const void *payload, struct mtty_hw *hw)
{
	const struct mtty_stream_ctrl *wire = payload;

	hw->irq_pending = wire->irq_pending;
	hw->scratch = le32_to_cpu(wire->scratch);
	hw->peer_base = le64_to_cpu(wire->peer_base);
	hw->peer_size = le64_to_cpu(wire->peer_size);

	if (memchr_inv(wire->reserved, 0, sizeof(wire->reserved)) ||
	    hw->irq_pending >> MTTY_MIG_NR_VECTORS)
		return -ERANGE;

	/*
	 * irq_level is not sent, because it follows from the records before
	 * this one: the source has made each edge pending.
	 */
	hw->irq_level = mtty_hw_irq_level(hw);
	return 0;
}

/* In the order of the stream. CTRL depends on the records before it. */
static const struct state_record state_records[] = {
	{ MTTY_STREAM_UART0, sizeof(struct mtty_stream_uart),
	  put_uart0, get_uart0 },
	{ MTTY_STREAM_UART1, sizeof(struct mtty_stream_uart),
	  put_uart1, get_uart1 },
	{ MTTY_STREAM_PCI, sizeof(struct mtty_stream_pci), put_pci, get_pci },
	{ MTTY_STREAM_DMA0, sizeof(struct mtty_stream_dma),
	  put_dma0, get_dma0 },
	{ MTTY_STREAM_DMA1, sizeof(struct mtty_stream_dma),
	  put_dma1, get_dma1 },
	{ MTTY_STREAM_PRI, sizeof(struct mtty_stream_pri), put_pri, get_pri },
	{ MTTY_STREAM_CTRL, sizeof(struct mtty_stream_ctrl),
	  put_ctrl, get_ctrl },
};

/* Encoder */

static void *enc_add(struct mtty_enc *enc, size_t len)
{
	void *p = enc->buf + enc->len;

	enc->len += len;
	enc->total += len;
	return p;
}

static void *enc_record(struct mtty_enc *enc, u16 type, u32 length)
{
	struct mtty_stream_record *record = enc_add(enc, sizeof(*record));

	record->type = cpu_to_le16(type);
	record->flags = 0;
	record->length = cpu_to_le32(length);
	return enc_add(enc, length);
}

/* Add what is in the buffer from @p on to the digest */
static void enc_hash(struct mtty_enc *enc, const void *p)
{
	xxh64_update(&enc->hash, p, enc->buf + enc->len - (u8 *)p);
}

/* Begin a record, or several, that go behind what is unread */
static void enc_begin(struct mtty_enc *enc)
{
	if (mtty_enc_unread(enc))
		return;
	enc->pos = 0;
	enc->len = 0;
}

/**
 * mtty_enc_header - begin a stream
 * @enc: the encoder, in any state
 * @buf: MTTY_STREAM_BUF bytes that are its own from now on
 * @type: enum mtty_mig_type of the device
 * @mem_size: size of device memory in bytes
 */
void mtty_enc_header(struct mtty_enc *enc, void *buf, u32 type, u64 mem_size)
{
	struct mtty_stream_header *header;

	memset(enc, 0, sizeof(*enc));
	xxh64_reset(&enc->hash, 0);
	enc->buf = buf;

	header = enc_add(enc, sizeof(*header));
	header->magic = cpu_to_le64(MTTY_STREAM_MAGIC);
	header->major = cpu_to_le16(MTTY_STREAM_MAJOR);
	header->minor = cpu_to_le16(MTTY_STREAM_MINOR);
	header->type = cpu_to_le32(type);
	header->mem_size = cpu_to_le64(mem_size);
	header->page_size = cpu_to_le32(MTTY_MIG_PAGE_SIZE);
	header->reserved = 0;
	enc_hash(enc, header);
}

/**
 * mtty_enc_page - encode a page of device memory
 * @enc: the encoder, with room behind what is unread
 * @index: the page's index
 * @data: its content, or NULL if it is zero
 */
void mtty_enc_page(struct mtty_enc *enc, u64 index, const void *data)
{
	size_t len = data ? MTTY_MIG_PAGE_SIZE : 0;
	struct mtty_stream_page *page;

	enc_begin(enc);
	page = enc_record(enc, data ? MTTY_STREAM_PAGE : MTTY_STREAM_ZERO,
			  sizeof(*page) + len);
	page->index = cpu_to_le64(index);
	xxh64_update(&enc->hash, (struct mtty_stream_record *)page - 1,
		     MTTY_STREAM_ZERO_SIZE);
	if (!data)
		return;
	/*
	 * In this order: the hash reads the page from memory as fast as a copy
	 * would, and the copy then finds it in the processor's cache.
	 */
	xxh64_update(&enc->hash, data, len);
	memcpy(page + 1, data, len);
}

static_assert(sizeof(struct mtty_stream_pci) <= MTTY_STREAM_STATE_MAX);

static void enc_state(struct mtty_enc *enc, const struct mtty_hw *hw)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(state_records); i++)
		state_records[i].put(enc_record(enc, state_records[i].type,
						state_records[i].length), hw);
}

/**
 * mtty_enc_end - encode all registers and the trailer
 * @enc: the encoder, with nothing unread
 * @hw: the registers
 */
void mtty_enc_end(struct mtty_enc *enc, const struct mtty_hw *hw)
{
	struct mtty_stream_trailer *trailer;
	const u8 *begin;
	u64 total;

	BUILD_BUG_ON(MTTY_STREAM_BUF < MTTY_STREAM_END_SIZE);

	enc_begin(enc);
	begin = enc->buf + enc->len;
	enc_state(enc, hw);

	total = enc->total;
	trailer = enc_record(enc, MTTY_STREAM_TRAILER, sizeof(*trailer));
	trailer->total = cpu_to_le64(total);
	/* The digest covers everything before it, even its record's header */
	enc->len -= sizeof(trailer->digest);
	enc_hash(enc, begin);
	trailer->digest = cpu_to_le64(xxh64_digest(&enc->hash));
	enc->len += sizeof(trailer->digest);
}

/**
 * mtty_hw_digest - a digest of the registers
 * @hw: the registers
 *
 * Return: the same for two devices whose registers migrate alike.
 */
u64 mtty_hw_digest(const struct mtty_hw *hw)
{
	u8 payload[MTTY_STREAM_STATE_MAX];
	u64 digest = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(state_records); i++) {
		state_records[i].put(payload, hw);
		digest = xxh64(payload, state_records[i].length, digest);
	}
	return digest;
}

/* Decoder */

static int dec_header(struct mtty_dec *dec);
static int dec_record(struct mtty_dec *dec);

static int dec_next(struct mtty_dec *dec, int (*step)(struct mtty_dec *dec),
		    void *dst, size_t want)
{
	dec->step = step;
	dec->dst = dst;
	dec->want = want;
	return 0;
}

static int dec_next_record(struct mtty_dec *dec)
{
	return dec_next(dec, dec_record, &dec->record, sizeof(dec->record));
}

static int dec_page_content(struct mtty_dec *dec)
{
	dec->ops->page_done(dec->arg, dec->index);
	return dec_next_record(dec);
}

static int dec_page(struct mtty_dec *dec)
{
	const struct mtty_stream_page *page = (const void *)dec->buf;
	void *content;

	dec->index = le64_to_cpu(page->index);
	if (dec->index >= dec->hw->pci.mem_size >> MTTY_MIG_PAGE_SHIFT)
		return -ERANGE;

	if (le16_to_cpu(dec->record.type) == MTTY_STREAM_ZERO) {
		dec->ops->page_zero(dec->arg, dec->index);
		return dec_next_record(dec);
	}

	content = dec->ops->page(dec->arg, dec->index);
	if (!content)
		return -ENOMEM;
	return dec_next(dec, dec_page_content, content, MTTY_MIG_PAGE_SIZE);
}

static int dec_state(struct mtty_dec *dec)
{
	int ret = state_records[dec->next_state].get(dec->buf, dec->hw);

	if (ret)
		return ret;
	dec->next_state++;
	return dec_next_record(dec);
}

static int dec_trailer(struct mtty_dec *dec)
{
	const struct mtty_stream_trailer *trailer = (const void *)dec->buf;

	/* dec->hash covers everything before the digest */
	if (le64_to_cpu(trailer->digest) != xxh64_digest(&dec->hash))
		return -EBADMSG;
	if (le64_to_cpu(trailer->total) !=
	    dec->total - MTTY_STREAM_TRAILER_SIZE)
		return -EPROTO;
	dec->done = true;
	return dec_next(dec, NULL, NULL, 0);
}

static int dec_trailer_total(struct mtty_dec *dec)
{
	return dec_next(dec, dec_trailer,
			dec->buf + offsetof(struct mtty_stream_trailer, digest),
			sizeof(__le64));
}

static int dec_skip(struct mtty_dec *dec)
{
	u32 len = min_t(u32, dec->left, sizeof(dec->buf));

	if (!len)
		return dec_next_record(dec);
	dec->left -= len;
	return dec_next(dec, dec_skip, dec->buf, len);
}

/* A record's header has come: check whether it is expected here, and its length */
static int dec_record(struct mtty_dec *dec)
{
	u16 type = le16_to_cpu(dec->record.type);
	u16 flags = le16_to_cpu(dec->record.flags);
	u32 length = le32_to_cpu(dec->record.length);
	unsigned int i;

	if (flags & ~MTTY_STREAM_OPTIONAL)
		return -EOPNOTSUPP;

	switch (type) {
	case MTTY_STREAM_PAGE:
	case MTTY_STREAM_ZERO:
		if (flags || dec->next_state)
			return -EPROTO;
		if (length != sizeof(struct mtty_stream_page) +
		    (type == MTTY_STREAM_PAGE ? MTTY_MIG_PAGE_SIZE : 0))
			return -EPROTO;
		return dec_next(dec, dec_page, dec->buf,
				sizeof(struct mtty_stream_page));
	case MTTY_STREAM_TRAILER:
		if (flags || dec->next_state != ARRAY_SIZE(state_records) ||
		    length != sizeof(struct mtty_stream_trailer))
			return -EPROTO;
		return dec_next(dec, dec_trailer_total, dec->buf,
				offsetof(struct mtty_stream_trailer, digest));
	}

	for (i = 0; i < ARRAY_SIZE(state_records); i++) {
		if (type != state_records[i].type)
			continue;
		if (flags || i != dec->next_state ||
		    length != state_records[i].length)
			return -EPROTO;
		return dec_next(dec, dec_state, dec->buf, length);
	}

	if (!(flags & MTTY_STREAM_OPTIONAL))
		return -EOPNOTSUPP;
	dec->left = length;
	return dec_skip(dec);
}

static int dec_header(struct mtty_dec *dec)
{
	const struct mtty_stream_header *header = (const void *)dec->buf;
	u64 magic = le64_to_cpu(header->magic);

	if (magic == swab64(MTTY_STREAM_MAGIC))
		return -EPROTOTYPE;
	if (magic != MTTY_STREAM_MAGIC)
		return -EINVAL;
	if (le16_to_cpu(header->major) != MTTY_STREAM_MAJOR)
		return -EPROTONOSUPPORT;
	if (le32_to_cpu(header->type) != dec->type)
		return -EMEDIUMTYPE;
	if (le64_to_cpu(header->mem_size) != dec->hw->pci.mem_size ||
	    le32_to_cpu(header->page_size) != MTTY_MIG_PAGE_SIZE)
		return -EMSGSIZE;
	if (header->reserved)
		return -ERANGE;
	return dec_next_record(dec);
}

/**
 * mtty_dec_init - prepare to read a stream
 * @dec: the decoder
 * @type: enum mtty_mig_type of the device that loads it
 * @hw: where the registers go; must be reset, with the device's memory size
 * @ops: where the pages go
 * @arg: first argument of @ops
 */
void mtty_dec_init(struct mtty_dec *dec, u32 type, struct mtty_hw *hw,
		   const struct mtty_dec_ops *ops, void *arg)
{
	memset(dec, 0, sizeof(*dec));
	dec->ops = ops;
	dec->arg = arg;
	dec->hw = hw;
	dec->type = type;
	xxh64_reset(&dec->hash, 0);
	dec_next(dec, dec_header, dec->buf, sizeof(struct mtty_stream_header));
}

/**
 * mtty_dec_want - ask where the next bytes of the stream go
 * @dec: the decoder
 * @dst: set to where they go
 *
 * Return: how many bytes it wants there, or
 * * -E2BIG: the stream is complete; nothing may follow the trailer
 * * the errno with which mtty_dec_got() has refused the stream
 */
ssize_t mtty_dec_want(struct mtty_dec *dec, void **dst)
{
	if (dec->done)
		dec->error = -E2BIG;
	if (dec->error)
		return dec->error;
	*dst = dec->dst;
	return dec->want;
}

/**
 * mtty_dec_got - copy bytes to where mtty_dec_want() said, and decode them
 * @dec: the decoder
 * @data: the bytes
 * @len: how many, at most what it said
 *
 * Return: 0, or the errno with which the stream is refused, also by every later
 * call:
 * * -EINVAL: it does not begin like a stream of this device
 * * -EPROTOTYPE: it is in another byte order
 * * -EPROTONOSUPPORT: its major version is another one
 * * -EMEDIUMTYPE: it comes from another type of device
 * * -EMSGSIZE: its device memory or page size is another one
 * * -EOPNOTSUPP: a record or flag is unknown and not optional
 * * -EPROTO: a record is missing, repeated, out of order or of wrong length
 * * -ERANGE: a field has a value that this device cannot have
 * * -EBADMSG: the digest is wrong
 * * -ENOMEM: no memory for a page
 */
int mtty_dec_got(struct mtty_dec *dec, const void *data, size_t len)
{
	/*
	 * The digest does not cover itself. dec_trailer_total() splits the
	 * trailer, so that everything but the digest is hashed.
	 *
	 * Hash first: meanwhile the processor fetches the page that the bytes go
	 * to, see mem_prefetch().
	 */
	if (dec->step != dec_trailer)
		xxh64_update(&dec->hash, data, len);
	memcpy(dec->dst, data, len);
	dec->total += len;
	dec->dst += len;
	dec->want -= len;
	if (!dec->want)
		dec->error = dec->step(dec);
	return dec->error;
}

/**
 * mtty_dec_refuse - refuse a stream for a reason that is not in it
 * @dec: the decoder
 * @error: -errno, which stays
 */
void mtty_dec_refuse(struct mtty_dec *dec, int error)
{
	if (!dec->error)
		dec->error = error;
}

/**
 * mtty_dec_finish - check whether the stream is complete and valid
 * @dec: the decoder
 *
 * Return: 0; the errno with which mtty_dec_got() has refused the stream;
 * -ENODATA if the stream is not complete.
 */
int mtty_dec_finish(const struct mtty_dec *dec)
{
	if (dec->error)
		return dec->error;
	return dec->done ? 0 : -ENODATA;
}
