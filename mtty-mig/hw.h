/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hardware: all that a guest can see of the device, except device memory.
 *
 * struct mtty_hw contains exactly what migrates.  It must not contain anything
 * that belongs to the host or to a user of VFIO, such as an eventfd or a lock.
 * The files that implement it (uart.c, pci.c, dma.c, pri.c) and the stream that
 * carries it know nothing of VFIO and also build in userspace.
 */
#ifndef MTTY_MIG_HW_H
#define MTTY_MIG_HW_H

#include <linux/string.h>
#include <linux/types.h>

#include "mtty_mig_regs.h"

/* The halves of a register of 64 bits */
static inline void mtty_set_lo(u64 *reg, u32 val)
{
	*reg = (*reg & ~0xffffffffULL) | val;
}

static inline void mtty_set_hi(u64 *reg, u32 val)
{
	*reg = (*reg & 0xffffffffULL) | (u64)val << 32;
}

/**
 * struct mtty_uart - one 16550A port
 * @ier: interrupt enable register
 * @fcr: FIFO control register, without its self-clearing bits
 * @lcr: line control register
 * @mcr: modem control register
 * @lsr: the line status bits that stick until they are read (overrun)
 * @msr: the modem status bits that stick until they are read (deltas)
 * @scr: scratch register
 * @dll: divisor latch, low byte
 * @dlm: divisor latch, high byte
 * @thri: a transmitter-empty interrupt is pending
 * @rx_count: characters received and not yet read
 * @rx: these characters, oldest first
 *
 * Characters are sent as soon as they are written, so the transmitter has no
 * state but its interrupt.  The receive FIFO has no head index: it begins at the
 * start of @rx, so that no value from a migration stream is used as an index.
 */
struct mtty_uart {
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
	u8 rx[MTTY_MIG_UART_FIFO_SIZE];
};

void mtty_uart_reset(struct mtty_uart *uart);
u8 mtty_uart_read(struct mtty_uart *uart, unsigned int reg);
void mtty_uart_write(struct mtty_uart *uart, unsigned int reg, u8 val);
bool mtty_uart_irq(const struct mtty_uart *uart);
bool mtty_uart_valid(const struct mtty_uart *uart);

/* Dwords of an MSI-X table entry (PCIe Base Specification, 7.7.2.6) */
#define MTTY_MSIX_ENTRY_DWORDS		4
#define MTTY_MSIX_ENTRY_CTRL		3

/**
 * struct mtty_pci - configuration space and MSI-X table
 * @mem_size: size of the device memory BAR in bytes; set by a reset
 * @config: configuration space as it was written; a read adds the bits that
 *	depend on the rest of the device (pending interrupts)
 * @msix: the MSI-X table, in the processor's byte order
 */
struct mtty_pci {
	u64 mem_size;
	u8 config[MTTY_MIG_CFG_SIZE];
	u32 msix[MTTY_MIG_NR_VECTORS][MTTY_MSIX_ENTRY_DWORDS];
};

void mtty_pci_reset(struct mtty_pci *pci, u64 mem_size);
void mtty_pci_write(struct mtty_pci *pci, unsigned int offset, u8 val);
bool mtty_pci_load(struct mtty_pci *pci, const u8 *config);
bool mtty_pci_bus_master(const struct mtty_pci *pci);
bool mtty_pci_intx_disabled(const struct mtty_pci *pci);
bool mtty_pci_msi_masked(const struct mtty_pci *pci, unsigned int vector);
void mtty_pci_msi_mask(struct mtty_pci *pci, unsigned int vector, bool mask);
bool mtty_pci_msix_masked(const struct mtty_pci *pci, unsigned int vector);
void mtty_pci_msix_mask(struct mtty_pci *pci, unsigned int vector, bool mask);
void mtty_pci_msix_write(struct mtty_pci *pci, unsigned int vector,
			 unsigned int dword, u32 val);
u8 mtty_pci_read(const struct mtty_pci *pci, unsigned int offset, u8 level,
		 u8 pending);

/**
 * struct mtty_dma - one channel of the DMA engine
 * @cmd: operation and interrupt enable
 * @status: MTTY_MIG_DMA_BUSY, or how the last transfer ended
 * @rate: bytes per millisecond, 0 for no limit
 * @pattern: what FILL writes
 * @src: IOVA or offset into device memory
 * @dst: IOVA or offset into device memory
 * @len: bytes
 * @done: bytes that have been transferred; a migrated transfer continues here
 */
struct mtty_dma {
	u32 cmd;
	u32 status;
	u32 rate;
	u32 pattern;
	u64 src;
	u64 dst;
	u64 len;
	u64 done;
};

/**
 * struct mtty_dma_chunk - a part of a transfer, which is done at once
 * @op: MTTY_MIG_DMA_OP_*
 * @src: IOVA or offset into device memory
 * @dst: IOVA or offset into device memory
 * @len: bytes; within one page of 4 KiB both at @src and at @dst, so that it is
 *	transferred completely or not at all
 */
struct mtty_dma_chunk {
	u32 op;
	u64 src;
	u64 dst;
	u32 len;
};

u32 mtty_dma_read(const struct mtty_dma *dma, unsigned int offset);
void mtty_dma_write(struct mtty_dma *dma, unsigned int offset, u32 val,
		    u64 mem_size);
bool mtty_dma_valid(const struct mtty_dma *dma, u64 mem_size);
bool mtty_dma_irq(const struct mtty_dma *dma);
bool mtty_dma_to_peer(const struct mtty_dma *dma, u64 base, u64 size);
bool mtty_dma_next(const struct mtty_dma *dma, struct mtty_dma_chunk *chunk);
void mtty_dma_advance(struct mtty_dma *dma, u32 len);
void mtty_dma_fail(struct mtty_dma *dma);

/**
 * struct mtty_pri_request - a page request
 * @id: not 0
 * @iova: the page
 */
struct mtty_pri_request {
	u32 id;
	u64 iova;
};

/**
 * struct mtty_pri - page requests
 * @present: the device can have page requests; set after a reset
 * @nr_open: requests that wait for an answer: the first ones of @requests
 * @nr_queued: requests that are held back until the device runs again: the next
 *	ones of @requests
 * @last_id: ID of the request that was raised last
 * @raise: register RAISE_LO
 * @requests: in the order in which they were raised, then zeroes
 */
struct mtty_pri {
	bool present;
	u32 nr_open;
	u32 nr_queued;
	u32 last_id;
	u32 raise;
	struct mtty_pri_request requests[MTTY_MIG_PRI_MAX];
};

u32 mtty_pri_read(const struct mtty_pri *pri, unsigned int offset);
void mtty_pri_write(struct mtty_pri *pri, unsigned int offset, u32 val,
		    bool hold);
bool mtty_pri_raise(struct mtty_pri *pri, u64 iova, bool hold);
bool mtty_pri_answer(struct mtty_pri *pri, u32 id);
void mtty_pri_release(struct mtty_pri *pri);
bool mtty_pri_valid(const struct mtty_pri *pri);

/**
 * struct mtty_hw - everything that a guest can see, except device memory
 * @uart: the serial ports
 * @pci: configuration space and MSI-X table
 * @dma: the channels of the DMA engine
 * @pri: page requests
 * @peer_base: IOVA of the peer window
 * @peer_size: bytes of the peer window, 0 if there is none
 * @irq_level: interrupt sources that were asserted at the last update, bit n =
 *	source n; a source that is asserted since then makes an edge
 * @irq_pending: MSI or MSI-X vectors that still have to fire: their source rose
 *	while they were masked, had no eventfd, or the device was stopped
 * @scratch: scratch register of the control BAR
 */
struct mtty_hw {
	struct mtty_uart uart[MTTY_MIG_NR_UARTS];
	struct mtty_pci pci;
	struct mtty_dma dma[MTTY_MIG_NR_DMA];
	struct mtty_pri pri;
	u64 peer_base;
	u64 peer_size;
	u8 irq_level;
	u8 irq_pending;
	u32 scratch;
};

/**
 * mtty_hw_reset - set all registers as after power-on
 * @hw: the registers
 * @mem_size: size of device memory in bytes
 */
static inline void mtty_hw_reset(struct mtty_hw *hw, u64 mem_size)
{
	unsigned int i;

	memset(hw, 0, sizeof(*hw));
	for (i = 0; i < MTTY_MIG_NR_UARTS; i++)
		mtty_uart_reset(&hw->uart[i]);
	mtty_pci_reset(&hw->pci, mem_size);
}

/**
 * mtty_hw_irq_level - which interrupt sources are asserted
 * @hw: the registers
 *
 * Return: bit n = source n (MTTY_MIG_IRQ_*).
 */
static inline u8 mtty_hw_irq_level(const struct mtty_hw *hw)
{
	u8 level = 0;

	if (mtty_uart_irq(&hw->uart[0]))
		level |= 1 << MTTY_MIG_IRQ_UART0;
	if (mtty_uart_irq(&hw->uart[1]))
		level |= 1 << MTTY_MIG_IRQ_UART1;
	if (mtty_dma_irq(&hw->dma[0]) || mtty_dma_irq(&hw->dma[1]))
		level |= 1 << MTTY_MIG_IRQ_DMA;
	if (hw->pri.nr_open)
		level |= 1 << MTTY_MIG_IRQ_PRI;
	return level;
}

#endif /* MTTY_MIG_HW_H */
