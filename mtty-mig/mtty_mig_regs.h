/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The mtty-mig device as a guest sees it: regions, registers, interrupts.
 *
 * The driver, the tests and the tools include this file, so it uses nothing
 * beyond the C language.  All registers are little-endian.
 */
#ifndef MTTY_MIG_REGS_H
#define MTTY_MIG_REGS_H

/*
 * PCI identification.  Vendor, device and class are those of a dual 16550
 * card with one I/O BAR a port, so that a guest's 8250_pci finds both ports
 * with no quirk; the subsystem says that it is this device.
 */
#define MTTY_MIG_PCI_VENDOR		0x4348
#define MTTY_MIG_PCI_DEVICE		0x3253
#define MTTY_MIG_PCI_SUBVENDOR		0x4d54	/* "MT" */
#define MTTY_MIG_PCI_SUBDEVICE		0x4d47	/* "MG" */

/* Regions, by VFIO_PCI_BARn_REGION_INDEX */
#define MTTY_MIG_UART0_BAR		0	/* I/O, 8 bytes */
#define MTTY_MIG_UART1_BAR		1	/* I/O, 8 bytes */
#define MTTY_MIG_CTRL_BAR		2	/* memory, 16 KiB */
#define MTTY_MIG_MEM_BAR		4	/* memory, 64 bit, prefetchable */

#define MTTY_MIG_NR_UARTS		2
#define MTTY_MIG_UART_BAR_SIZE		8
#define MTTY_MIG_CTRL_BAR_SIZE		0x4000
#define MTTY_MIG_CFG_SIZE		256

/* Device memory is tracked and streamed by pages of this size */
#define MTTY_MIG_PAGE_SHIFT		12
#define MTTY_MIG_PAGE_SIZE		(1 << MTTY_MIG_PAGE_SHIFT)

/* Device memory: 0, or a power of two (a PCI BAR is one) in this range */
#define MTTY_MIG_MEM_MIN		0x1000ULL
#define MTTY_MIG_MEM_MAX		0x1000000000ULL
#define MTTY_MIG_MEM_DEFAULT		0x100000ULL

/* Interrupt sources = MSI and MSI-X vectors, one each */
#define MTTY_MIG_IRQ_UART0		0
#define MTTY_MIG_IRQ_UART1		1
#define MTTY_MIG_IRQ_DMA		2
#define MTTY_MIG_IRQ_PRI		3
#define MTTY_MIG_NR_VECTORS		4

/* The control BAR: registers of 32 bits, accessed whole and aligned */
#define MTTY_MIG_REG_ID			0x000	/* ro: MTTY_MIG_ID */
#define MTTY_MIG_REG_TYPE		0x004	/* ro: enum mtty_mig_type */
#define MTTY_MIG_REG_MEM_SIZE_LO	0x008	/* ro: bytes */
#define MTTY_MIG_REG_MEM_SIZE_HI	0x00c	/* ro */
#define MTTY_MIG_REG_IRQ_STATUS		0x010	/* ro: bit n = source n */
#define MTTY_MIG_REG_SCRATCH		0x014	/* rw: no effect; migrates */
#define MTTY_MIG_MSIX_TABLE		0x1000	/* 4 entries of 16 bytes */
#define MTTY_MIG_MSIX_PBA		0x2000	/* ro: bit n = vector n */

#define MTTY_MIG_ID			0x4754544d	/* "MTTG" */

/* Device types = mdev types mtty_mig-<name>, in this order */
enum mtty_mig_type {
	MTTY_MIG_TYPE_NONE,	/* no migration */
	MTTY_MIG_TYPE_BASE,	/* STOP_COPY */
	MTTY_MIG_TYPE_P2P,	/* STOP_COPY | P2P */
	MTTY_MIG_TYPE_PRECOPY,	/* STOP_COPY | PRE_COPY */
	MTTY_MIG_TYPE_FULL,	/* STOP_COPY | P2P | PRE_COPY */
	MTTY_MIG_NR_TYPES
};

/* The ports' registers are those of <linux/serial_reg.h> */
#define MTTY_MIG_UART_FIFO_SIZE		16

#endif /* MTTY_MIG_REGS_H */
