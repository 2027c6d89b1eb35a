// SPDX-License-Identifier: GPL-2.0-only
/* A device in userspace that loads and saves streams. */
#include <stdio.h>
#include <stdlib.h>

#include "load.h"

static void *load_page(void *arg, u64 index)
{
	struct load *load = arg;

	bug_unless(index < load->mem->size >> MTTY_MIG_PAGE_SHIFT);
	load->nr_pages++;
	load->page = mtty_mem_load(load->mem, index);

	/* A page that is asked for was paid for by all that was sent before */
	bug_unless(load->mem->nr_pages <= load->fed / MTTY_MIG_PAGE_SIZE + 1);
	return load->page;
}

static void load_page_done(void *arg, u64 index)
{
	struct load *load = arg;

	bug_unless(index < load->mem->size >> MTTY_MIG_PAGE_SHIFT);
	mtty_mem_loaded(load->mem, index);
	load->page = NULL;
}

static void load_page_zero(void *arg, u64 index)
{
	struct load *load = arg;

	bug_unless(index < load->mem->size >> MTTY_MIG_PAGE_SHIFT);
	mtty_mem_load_zero(load->mem, index);
}

static const struct mtty_dec_ops load_ops = {
	.page = load_page,
	.page_done = load_page_done,
	.page_zero = load_page_zero,
};

/* Each in an allocation of its own, so that the sanitizer sees its bounds */
void load_new(struct load *load, u32 type, u64 mem_size)
{
	memset(load, 0, sizeof(*load));
	load->type = type;
	load->hw = kzalloc(sizeof(*load->hw), 0);
	load->dec = kzalloc(sizeof(*load->dec), 0);
	/* It must not depend on what was there before */
	memset(load->dec, 0xa5, sizeof(*load->dec));
	load->mem = mtty_mem_alloc(mem_size);
	mtty_hw_reset(load->hw, mem_size);
	load->hw->pri.present = type == MTTY_MIG_TYPE_VPRI;
	mtty_dec_init(load->dec, type, load->hw, &load_ops, load);
}

void load_free(struct load *load)
{
	mtty_mem_free(load->mem);
	kfree(load->dec);
	kfree(load->hw);
}

static bool within(const void *p, size_t len, const void *room, size_t size)
{
	uintptr_t start = (uintptr_t)p - (uintptr_t)room;

	return start <= size && len <= size - start;
}

/* Where the decoder wants bytes there must be room for all of them */
static void check_room(const struct load *load, const void *dst, size_t want)
{
	const struct mtty_dec *dec = load->dec;

	bug_unless(want);
	bug_unless(within(dst, want, dec->buf, sizeof(dec->buf)) ||
		   within(dst, want, &dec->record, sizeof(dec->record)) ||
		   (load->page &&
		    within(dst, want, load->page, MTTY_MIG_PAGE_SIZE)));
}

/**
 * load_feed - a write() to the session
 * @load: the device
 * @data: the bytes
 * @len: how many
 *
 * Return: 0 or -errno.
 */
int load_feed(struct load *load, const u8 *data, size_t len)
{
	bool refused = load->error;

	while (len) {
		ssize_t want;
		void *dst;
		int ret;

		want = mtty_dec_want(load->dec, &dst);
		if (want < 0) {
			ret = want;
		} else {
			check_room(load, dst, want);
			want = min_t(size_t, want, len);
			ret = mtty_dec_got(load->dec, data, want);
			load->fed += want;
		}
		if (ret) {
			/* It stays: with what else would it be compared? */
			bug_unless(!refused || ret == load->error);
			/* Of bytes after the end, the first one is too much */
			if (!refused)
				load->at = load->fed + (want < 0);
			load->error = ret;
			bug_unless(mtty_dec_finish(load->dec) == ret);
			return ret;
		}
		bug_unless(!refused);
		data += want;
		len -= want;
	}
	return 0;
}

u64 load_digest(struct load *load)
{
	return mtty_mem_digest(load->mem, mtty_hw_digest(load->hw));
}

/**
 * save - the stream of a device
 * @buf: where it goes
 * @size: bytes there
 * @type: enum mtty_mig_type
 * @mem: its memory
 * @hw: its registers
 *
 * Return: how long it is; 0 if there is no room for it.
 */
size_t save(u8 *buf, size_t size, u32 type, struct mtty_mem *mem,
	    const struct mtty_hw *hw)
{
	struct mtty_enc *enc = kzalloc(sizeof(*enc), 0);
	u8 *records = kzalloc(MTTY_STREAM_BUF, 0);
	struct xarray dirty;
	unsigned long index;
	const void *data;
	bool initial, ended = false;
	size_t len = 0;

	xa_init_flags(&dirty, XA_FLAGS_ACCOUNT);
	mtty_mem_track(mem, &dirty);
	mtty_enc_header(enc, records, type, mem->size);
	for (;;) {
		size_t unread = mtty_enc_unread(enc);

		bug_unless(within(enc->buf + enc->pos, unread, records,
				  MTTY_STREAM_BUF));
		if (unread > size - len) {
			len = 0;
			break;
		}
		memcpy(buf + len, enc->buf + enc->pos, unread);
		len += unread;
		enc->pos += unread;
		if (ended)
			break;
		if (mtty_mem_next_unsent(mem, &index, &data, &initial)) {
			mtty_enc_page(enc, index, data);
		} else {
			mtty_enc_end(enc, hw);
			ended = true;
		}
	}
	mtty_mem_untrack(mem);
	mtty_mem_free_marks(&dirty);
	kfree(records);
	kfree(enc);
	return len;
}

/* xorshift64* */
u64 random_next(u64 *seed)
{
	*seed = *seed ?: 1;
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1dULL >> 16;
}

static void transfer(struct mtty_hw *hw, struct mtty_dma *dma)
{
	u64 mem_size = hw->pci.mem_size;
	struct mtty_dma_chunk chunk;
	unsigned int i;

	for (i = 0; i < 4 && mtty_dma_next(dma, &chunk); i++) {
		u64 first = chunk.op == MTTY_MIG_DMA_OP_READ ? chunk.dst :
							       chunk.src;

		bug_unless(chunk.len && chunk.len <= MTTY_MIG_PAGE_SIZE);
		bug_unless(chunk.len <= dma->len - dma->done);
		if (chunk.op == MTTY_MIG_DMA_OP_WRITE ||
		    chunk.op == MTTY_MIG_DMA_OP_READ)
			bug_unless(first < mem_size &&
				   chunk.len <= mem_size - first);
		mtty_dma_to_peer(dma, hw->peer_base, hw->peer_size);
		mtty_dma_advance(dma, chunk.len);
	}
}

/* Requests that were held back are opened, and each can be answered */
static void answer(struct mtty_pri *pri)
{
	mtty_pri_release(pri);
	while (pri->nr_open)
		bug_unless(mtty_pri_answer(pri,
					   mtty_pri_read(pri,
							 MTTY_MIG_PRI_ID)));
}

/**
 * exercise - let a guest use the registers for a while
 * @hw: the registers
 * @seed: what it does
 *
 * It ends stopped, with requests held back and none open.
 */
void exercise(struct mtty_hw *hw, u64 *seed)
{
	unsigned int steps = 8 + random_next(seed) % 64;

	while (steps--) {
		u64 r = random_next(seed);
		struct mtty_uart *uart = &hw->uart[r & 1];
		struct mtty_dma *dma = &hw->dma[r & 1];
		u32 val = r >> 16;
		u8 at = r >> 8;

		/* Large numbers, but small ones and multiples of pages, too */
		if (r & 2)
			val &= 0xf1ff;
		if (r & 4)
			val &= 0x0000f103;

		switch (r >> 4 & 0xf) {
		case 0:
		case 1:
			mtty_uart_write(uart, at % MTTY_MIG_UART_BAR_SIZE, val);
			break;
		case 2:
			while (at-- & 31)
				mtty_uart_write(uart, 0, val += 7);
			break;
		case 3:
			mtty_uart_read(uart, at % MTTY_MIG_UART_BAR_SIZE);
			break;
		case 4:
			while (at-- & 31)
				mtty_uart_read(uart, 0);
			break;
		case 5:
		case 6:
		case 7:
			mtty_dma_write(dma, at % MTTY_MIG_DMA_SIZE & ~3, val,
				       hw->pci.mem_size);
			break;
		case 8:
			mtty_dma_write(dma, MTTY_MIG_DMA_CTRL,
				       MTTY_MIG_DMA_START, hw->pci.mem_size);
			break;
		case 9:
			transfer(hw, dma);
			break;
		case 10:	/* more than there can be, at times */
			while (at-- & 63)
				mtty_pri_write(&hw->pri, MTTY_MIG_PRI_RAISE_HI,
					       val, true);
			mtty_pri_write(&hw->pri, at % MTTY_MIG_PRI_SIZE & ~3,
				       val, true);
			break;
		case 11:
			if (at < 64)
				answer(&hw->pri);
			break;
		case 12:
			mtty_pci_write(&hw->pci, at, val);
			mtty_pci_read(&hw->pci, at, val & 0xf, val >> 4 & 0xf);
			break;
		case 13:
			mtty_pci_msix_write(&hw->pci, at & 3, at >> 2 & 3, val);
			break;
		case 14:
			hw->irq_pending = val % (1 << MTTY_MIG_NR_VECTORS);
			hw->scratch = val;
			break;
		default:
			hw->peer_base = (u64)val << (at & 31);
			hw->peer_size = val >> (at & 15);
			break;
		}
	}
	hw->irq_level = mtty_hw_irq_level(hw);
}
