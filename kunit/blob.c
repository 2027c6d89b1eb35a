// SPDX-License-Identifier: GPL-2.0-only
/*
 * Builds streams, right ones and wrong ones, byte by byte.
 */
#include <linux/string.h>
#include <linux/unaligned.h>
#include <linux/xxhash.h>

#include "helpers.h"

/**
 * mtty_test_blob - room for a stream
 * @test: the test, with whose end it goes
 * @size: bytes
 */
struct mtty_test_blob *mtty_test_blob(struct kunit *test, size_t size)
{
	struct mtty_test_blob *blob;

	blob = kunit_kzalloc(test, sizeof(*blob), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, blob);
	blob->data = kunit_kzalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, blob->data);
	blob->size = size;
	return blob;
}

void mtty_test_put(struct kunit *test, struct mtty_test_blob *blob,
		   const void *data, size_t len)
{
	KUNIT_ASSERT_LE(test, blob->len + len, blob->size);
	memcpy(blob->data + blob->len, data, len);
	blob->len += len;
}

/* An integer of up to 8 bytes, little-endian */
void mtty_test_put_le(struct kunit *test, struct mtty_test_blob *blob,
		      u64 val, size_t len)
{
	u8 bytes[8];

	put_unaligned_le64(val, bytes);
	mtty_test_put(test, blob, bytes, len);
}

static void put_zeroes(struct kunit *test, struct mtty_test_blob *blob,
		       size_t len)
{
	while (len--)
		mtty_test_put_le(test, blob, 0, 1);
}

void mtty_test_put_header(struct kunit *test, struct mtty_test_blob *blob,
			  u32 type, u64 mem_size)
{
	mtty_test_put(test, blob, "MTTYMIG", 8);
	mtty_test_put_le(test, blob, 1, 2);		/* major */
	mtty_test_put_le(test, blob, 0, 2);		/* minor */
	mtty_test_put_le(test, blob, type, 4);
	mtty_test_put_le(test, blob, mem_size, 8);
	mtty_test_put_le(test, blob, 4096, 4);		/* page size */
	put_zeroes(test, blob, 4);
}

void mtty_test_put_record(struct kunit *test, struct mtty_test_blob *blob,
			  u16 type, u16 flags, u32 length)
{
	mtty_test_put_le(test, blob, type, 2);
	mtty_test_put_le(test, blob, flags, 2);
	mtty_test_put_le(test, blob, length, 4);
}

void mtty_test_put_page(struct kunit *test, struct mtty_test_blob *blob,
			u64 index, const void *data)
{
	mtty_test_put_record(test, blob, MTTY_TEST_PAGE, 0,
			     MTTY_TEST_INDEX_LEN + 4096);
	mtty_test_put_le(test, blob, index, 8);
	mtty_test_put(test, blob, data, 4096);
}

void mtty_test_put_zero(struct kunit *test, struct mtty_test_blob *blob,
			u64 index)
{
	mtty_test_put_record(test, blob, MTTY_TEST_ZERO, 0,
			     MTTY_TEST_INDEX_LEN);
	mtty_test_put_le(test, blob, index, 8);
}

static void put_uart(struct kunit *test, struct mtty_test_blob *blob,
		     const struct mtty_uart *uart)
{
	const u8 regs[] = {
		uart->ier, uart->fcr, uart->lcr, uart->mcr, uart->lsr,
		uart->msr, uart->scr, uart->dll, uart->dlm, uart->thri,
		uart->rx_count, 0, 0, 0, 0, 0
	};

	mtty_test_put(test, blob, regs, sizeof(regs));
	mtty_test_put(test, blob, uart->rx, 16);
}

static void put_pci(struct kunit *test, struct mtty_test_blob *blob,
		    const struct mtty_pci *pci)
{
	unsigned int i;

	mtty_test_put(test, blob, pci->config, 256);
	for (i = 0; i < 16; i++)
		mtty_test_put_le(test, blob, pci->msix[i / 4][i % 4], 4);
}

static void put_dma(struct kunit *test, struct mtty_test_blob *blob,
		    const struct mtty_dma *dma)
{
	mtty_test_put_le(test, blob, dma->cmd, 4);
	mtty_test_put_le(test, blob, dma->status, 4);
	mtty_test_put_le(test, blob, dma->rate, 4);
	mtty_test_put_le(test, blob, dma->pattern, 4);
	mtty_test_put_le(test, blob, dma->src, 8);
	mtty_test_put_le(test, blob, dma->dst, 8);
	mtty_test_put_le(test, blob, dma->len, 8);
	mtty_test_put_le(test, blob, dma->done, 8);
}

static void put_pri(struct kunit *test, struct mtty_test_blob *blob,
		    const struct mtty_pri *pri)
{
	unsigned int i;

	mtty_test_put_le(test, blob, pri->nr_queued, 4);
	mtty_test_put_le(test, blob, pri->last_id, 4);
	mtty_test_put_le(test, blob, pri->raise, 4);
	put_zeroes(test, blob, 4);
	for (i = 0; i < 32; i++)
		mtty_test_put_le(test, blob, pri->requests[i].id, 4);
	for (i = 0; i < 32; i++)
		mtty_test_put_le(test, blob, pri->requests[i].iova, 8);
}

/* One record of the registers */
void mtty_test_put_state(struct kunit *test, struct mtty_test_blob *blob,
			 u16 type, const struct mtty_hw *hw)
{
	switch (type) {
	case MTTY_TEST_UART0:
	case MTTY_TEST_UART1:
		mtty_test_put_record(test, blob, type, 0, MTTY_TEST_UART_LEN);
		put_uart(test, blob, &hw->uart[type - MTTY_TEST_UART0]);
		break;
	case MTTY_TEST_PCI:
		mtty_test_put_record(test, blob, type, 0, MTTY_TEST_PCI_LEN);
		put_pci(test, blob, &hw->pci);
		break;
	case MTTY_TEST_DMA0:
	case MTTY_TEST_DMA1:
		mtty_test_put_record(test, blob, type, 0, MTTY_TEST_DMA_LEN);
		put_dma(test, blob, &hw->dma[type - MTTY_TEST_DMA0]);
		break;
	case MTTY_TEST_PRI:
		mtty_test_put_record(test, blob, type, 0, MTTY_TEST_PRI_LEN);
		put_pri(test, blob, &hw->pri);
		break;
	case MTTY_TEST_CTRL:
		mtty_test_put_record(test, blob, type, 0, MTTY_TEST_CTRL_LEN);
		mtty_test_put_le(test, blob, hw->irq_pending, 1);
		put_zeroes(test, blob, 3);
		mtty_test_put_le(test, blob, hw->scratch, 4);
		mtty_test_put_le(test, blob, hw->peer_base, 8);
		mtty_test_put_le(test, blob, hw->peer_size, 8);
		break;
	default:
		KUNIT_FAIL_AND_ABORT(test, "no such record: %#x", type);
	}
}

/* All records of the registers, in their order */
void mtty_test_put_states(struct kunit *test, struct mtty_test_blob *blob,
			  const struct mtty_hw *hw)
{
	mtty_test_put_state(test, blob, MTTY_TEST_UART0, hw);
	mtty_test_put_state(test, blob, MTTY_TEST_UART1, hw);
	mtty_test_put_state(test, blob, MTTY_TEST_PCI, hw);
	mtty_test_put_state(test, blob, MTTY_TEST_DMA0, hw);
	mtty_test_put_state(test, blob, MTTY_TEST_DMA1, hw);
	mtty_test_put_state(test, blob, MTTY_TEST_PRI, hw);
	mtty_test_put_state(test, blob, MTTY_TEST_CTRL, hw);
}

void mtty_test_put_trailer(struct kunit *test, struct mtty_test_blob *blob)
{
	u64 total = blob->len;

	mtty_test_put_record(test, blob, MTTY_TEST_TRAILER, 0,
			     MTTY_TEST_TRAILER_LEN);
	mtty_test_put_le(test, blob, total, 8);
	mtty_test_put_le(test, blob, xxh64(blob->data, blob->len, 0), 8);
}

/* All pages that are not zero, in order */
void mtty_test_put_pages(struct kunit *test, struct mtty_test_blob *blob,
			 struct mtty_mem *mem)
{
	u8 *page = kunit_kzalloc(test, 4096, GFP_KERNEL);
	u64 index;

	KUNIT_ASSERT_NOT_NULL(test, page);
	for (index = 0; index < mem->size / 4096; index++) {
		mtty_mem_read(mem, index * 4096, page, 4096);
		if (memchr_inv(page, 0, 4096))
			mtty_test_put_page(test, blob, index, page);
	}
	kunit_kfree(test, page);
}

/* The stream that a device with this content sends from STOP */
void mtty_test_put_all(struct kunit *test, struct mtty_test_blob *blob,
		       u32 type, struct mtty_mem *mem,
		       const struct mtty_hw *hw)
{
	mtty_test_put_header(test, blob, type, mem->size);
	mtty_test_put_pages(test, blob, mem);
	mtty_test_put_states(test, blob, hw);
	mtty_test_put_trailer(test, blob);
}
