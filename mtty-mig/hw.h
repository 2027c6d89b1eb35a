/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hardware: what a guest can see of the device, but for device memory.
 *
 * struct mtty_hw holds exactly what migrates; nothing that belongs to the
 * host or to a user of VFIO (an eventfd, a lock) may enter it.  The files
 * that implement it (uart.c, pci.c) and the stream that carries it know
 * nothing of VFIO and build in userspace too.
 */
#ifndef MTTY_MIG_HW_H
#define MTTY_MIG_HW_H

#include <linux/types.h>

#include "mtty_mig_regs.h"

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
 * Characters are sent as soon as they are written, so there is nothing to
 * remember of the transmitter but its interrupt.  The receive FIFO has no
 * head: it is kept at the start of @rx, so that no value that comes with a
 * migration stream is ever used as an index.
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
 * @config: configuration space as it was written; bits that depend on the
 *	rest of the device (pending interrupts) are added when it is read
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
 * struct mtty_hw - everything that a guest can see but for device memory
 * @uart: the serial ports
 * @pci: configuration space and MSI-X table
 * @irq_level: interrupt sources that were asserted when interrupts were last
 *	looked at, bit n = source n; what rises above it is an edge
 * @irq_pending: MSI or MSI-X vectors that fired while they were masked
 * @scratch: scratch register of the control BAR
 */
struct mtty_hw {
	struct mtty_uart uart[MTTY_MIG_NR_UARTS];
	struct mtty_pci pci;
	u8 irq_level;
	u8 irq_pending;
	u32 scratch;
};

/**
 * mtty_hw_reset - put all registers to what they are after power-on
 * @hw: the registers
 * @mem_size: size of device memory in bytes
 */
static inline void mtty_hw_reset(struct mtty_hw *hw, u64 mem_size)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_UARTS; i++)
		mtty_uart_reset(&hw->uart[i]);
	mtty_pci_reset(&hw->pci, mem_size);
	hw->irq_level = 0;
	hw->irq_pending = 0;
	hw->scratch = 0;
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
	return level;
}

#endif /* MTTY_MIG_HW_H */
