// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of the DMA engine: they describe a transfer and its next chunk.
 * engine.c performs the transfer.
 */
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/string.h>

#include "hw.h"

#define DMA_ENDED	(MTTY_MIG_DMA_COMPLETE | MTTY_MIG_DMA_ERROR)
#define DMA_CMD_USED	(MTTY_MIG_DMA_OP | MTTY_MIG_DMA_IRQ)

static u32 dma_op(const struct mtty_dma *dma)
{
	return dma->cmd & MTTY_MIG_DMA_OP;
}

static bool dma_src_is_iova(const struct mtty_dma *dma)
{
	return dma_op(dma) == MTTY_MIG_DMA_OP_READ ||
	       dma_op(dma) == MTTY_MIG_DMA_OP_COPY;
}

static bool dma_dst_is_iova(const struct mtty_dma *dma)
{
	return dma_op(dma) != MTTY_MIG_DMA_OP_READ;
}

/* Whether [start, start + len) fits below @limit, the last byte */
static bool dma_fits(u64 start, u64 len, u64 limit)
{
	u64 last;

	return !check_add_overflow(start, len - 1, &last) && last <= limit;
}

/* Whether a transfer with these parameters can begin */
static bool dma_startable(const struct mtty_dma *dma, u64 mem_size)
{
	u32 op = dma_op(dma);

	if (!dma->len)
		return false;
	if (op == MTTY_MIG_DMA_OP_WRITE || op == MTTY_MIG_DMA_OP_READ) {
		u64 start = op == MTTY_MIG_DMA_OP_READ ? dma->dst : dma->src;

		if (!mem_size || !dma_fits(start, dma->len, mem_size - 1))
			return false;
	}
	if (dma_src_is_iova(dma) && !dma_fits(dma->src, dma->len, U64_MAX))
		return false;
	return !dma_dst_is_iova(dma) || dma_fits(dma->dst, dma->len, U64_MAX);
}

static void dma_control(struct mtty_dma *dma, u32 val, u64 mem_size)
{
	if (val & MTTY_MIG_DMA_ABORT && dma->status & MTTY_MIG_DMA_BUSY) {
		mtty_dma_fail(dma);
	} else if (val & MTTY_MIG_DMA_START &&
		   !(dma->status & MTTY_MIG_DMA_BUSY)) {
		dma->done = 0;
		dma->status = MTTY_MIG_DMA_BUSY;
		if (!dma_startable(dma, mem_size))
			mtty_dma_fail(dma);
	}
}

/**
 * mtty_dma_read - read a register
 * @dma: the channel
 * @offset: below MTTY_MIG_DMA_SIZE, a multiple of 4
 */
u32 mtty_dma_read(const struct mtty_dma *dma, unsigned int offset)
{
	switch (offset) {
	case MTTY_MIG_DMA_CMD:
		return dma->cmd;
	case MTTY_MIG_DMA_STATUS:
		return dma->status;
	case MTTY_MIG_DMA_SRC_LO:
		return lower_32_bits(dma->src);
	case MTTY_MIG_DMA_SRC_HI:
		return upper_32_bits(dma->src);
	case MTTY_MIG_DMA_DST_LO:
		return lower_32_bits(dma->dst);
	case MTTY_MIG_DMA_DST_HI:
		return upper_32_bits(dma->dst);
	case MTTY_MIG_DMA_LEN_LO:
		return lower_32_bits(dma->len);
	case MTTY_MIG_DMA_LEN_HI:
		return upper_32_bits(dma->len);
	case MTTY_MIG_DMA_DONE_LO:
		return lower_32_bits(dma->done);
	case MTTY_MIG_DMA_DONE_HI:
		return upper_32_bits(dma->done);
	case MTTY_MIG_DMA_RATE:
		return dma->rate;
	case MTTY_MIG_DMA_PATTERN:
		return dma->pattern;
	default:
		return 0;
	}
}

/**
 * mtty_dma_write - write a register
 * @dma: the channel
 * @offset: below MTTY_MIG_DMA_SIZE, a multiple of 4
 * @val: the value
 * @mem_size: size of device memory in bytes
 */
void mtty_dma_write(struct mtty_dma *dma, unsigned int offset, u32 val,
		    u64 mem_size)
{
	if (offset == MTTY_MIG_DMA_CTRL) {
		dma_control(dma, val, mem_size);
		return;
	}
	if (offset == MTTY_MIG_DMA_STATUS) {
		dma->status &= ~(val & DMA_ENDED);
		return;
	}
	if (dma->status & MTTY_MIG_DMA_BUSY)
		return;

	switch (offset) {
	case MTTY_MIG_DMA_CMD:
		dma->cmd = val & DMA_CMD_USED;
		break;
	case MTTY_MIG_DMA_SRC_LO:
		mtty_set_lo(&dma->src, val);
		break;
	case MTTY_MIG_DMA_SRC_HI:
		mtty_set_hi(&dma->src, val);
		break;
	case MTTY_MIG_DMA_DST_LO:
		mtty_set_lo(&dma->dst, val);
		break;
	case MTTY_MIG_DMA_DST_HI:
		mtty_set_hi(&dma->dst, val);
		break;
	case MTTY_MIG_DMA_LEN_LO:
		mtty_set_lo(&dma->len, val);
		break;
	case MTTY_MIG_DMA_LEN_HI:
		mtty_set_hi(&dma->len, val);
		break;
	case MTTY_MIG_DMA_RATE:
		dma->rate = val;
		break;
	case MTTY_MIG_DMA_PATTERN:
		dma->pattern = val;
		break;
	}
}

/**
 * mtty_dma_valid - check a channel that was loaded from a stream
 * @dma: the channel
 * @mem_size: size of device memory in bytes
 *
 * Return: false for a state in which the engine would do something that no write
 * to its registers could make it do.
 */
bool mtty_dma_valid(const struct mtty_dma *dma, u64 mem_size)
{
	if (dma->cmd & ~DMA_CMD_USED)
		return false;
	switch (dma->status) {
	case MTTY_MIG_DMA_BUSY:
		return dma_startable(dma, mem_size) && dma->done < dma->len;
	case 0:
	case MTTY_MIG_DMA_COMPLETE:
	case MTTY_MIG_DMA_ERROR:
		return true;
	default:
		return false;
	}
}

/**
 * mtty_dma_irq - whether a channel asserts its interrupt
 * @dma: the channel
 */
bool mtty_dma_irq(const struct mtty_dma *dma)
{
	return dma->cmd & MTTY_MIG_DMA_IRQ && dma->status & DMA_ENDED;
}

static bool dma_overlaps(u64 start, u64 len, u64 base, u64 size)
{
	return start < base ? base - start < len : start - base < size;
}

/**
 * mtty_dma_to_peer - whether a transfer touches the peer window
 * @dma: the channel, busy
 * @base: IOVA of the peer window
 * @size: bytes of the peer window
 */
bool mtty_dma_to_peer(const struct mtty_dma *dma, u64 base, u64 size)
{
	if (!size)
		return false;
	return (dma_src_is_iova(dma) &&
		dma_overlaps(dma->src, dma->len, base, size)) ||
	       (dma_dst_is_iova(dma) &&
		dma_overlaps(dma->dst, dma->len, base, size));
}

static u32 dma_to_page_end(u64 addr)
{
	return MTTY_MIG_PAGE_SIZE - (addr & (MTTY_MIG_PAGE_SIZE - 1));
}

/**
 * mtty_dma_next - get the next chunk of a transfer
 * @dma: the channel
 * @chunk: filled in
 *
 * Return: false if the channel is idle.
 */
bool mtty_dma_next(const struct mtty_dma *dma, struct mtty_dma_chunk *chunk)
{
	if (!(dma->status & MTTY_MIG_DMA_BUSY))
		return false;

	chunk->op = dma_op(dma);
	chunk->src = dma->src + dma->done;
	chunk->dst = dma->dst + dma->done;
	chunk->len = min_t(u64, dma->len - dma->done,
			   dma_to_page_end(chunk->dst));
	if (chunk->op != MTTY_MIG_DMA_OP_FILL)
		chunk->len = min(chunk->len, dma_to_page_end(chunk->src));
	return true;
}

/**
 * mtty_dma_advance - a chunk has been transferred
 * @dma: the channel
 * @len: its bytes
 */
void mtty_dma_advance(struct mtty_dma *dma, u32 len)
{
	dma->done += len;
	if (dma->done == dma->len)
		dma->status = MTTY_MIG_DMA_COMPLETE;
}

/**
 * mtty_dma_fail - end a transfer before it is complete
 * @dma: the channel, busy
 *
 * DONE says how many bytes were transferred.
 */
void mtty_dma_fail(struct mtty_dma *dma)
{
	dma->status = MTTY_MIG_DMA_ERROR;
}
