// SPDX-License-Identifier: GPL-2.0-only
/* The state that the golden streams hold. It must not change. */
#include "dma.h"
#include "golden.h"

/**
 * golden_fill - put a device into the state of the golden streams
 * @mtty: the device, running and reset
 *
 * One page of text, one of which nothing is written, one with a single byte,
 * and one that was written and is zero again; registers with values of their
 * own; a DMA transfer that ended in an error.
 */
void golden_fill(struct mtty *mtty)
{
	static const char text[] = "In STOP the device does not change. ";
	const struct dma_transfer transfer = {
		.cmd = MTTY_MIG_DMA_OP_COPY | MTTY_MIG_DMA_IRQ,
		.src = 0x123456789000, .dst = 0x23456789a000, .len = 0x1000,
		.rate = 77, .pattern = 0x89abcdef,
	};
	__u8 page[MTTY_MIG_PAGE_SIZE];
	unsigned int i;

	for (i = 0; i < sizeof(page); i++)
		page[i] = text[i % (sizeof(text) - 1)];
	vfio_region_write(&mtty->dev, MTTY_MIG_MEM_BAR, 0, page, sizeof(page));
	vfio_region_write8(&mtty->dev, MTTY_MIG_MEM_BAR, 0x2fff, 0xa5);
	vfio_region_write8(&mtty->dev, MTTY_MIG_MEM_BAR, 0x3000, 1);
	vfio_region_write8(&mtty->dev, MTTY_MIG_MEM_BAR, 0x3000, 0);

	mtty_fill_registers(mtty, 20221);
	dma_peer_window(mtty, 0x40000000, 0x10000);
	dma_run(mtty, 1, &transfer);
}
