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
 * PCI identification.  Vendor, device and class are those of a dual 16550 card
 * with one I/O BAR for each port, so that a guest's 8250_pci finds both ports
 * without a quirk.  The subsystem ID identifies this device.
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
#define MTTY_MIG_PAGE_SIZE		4096

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
#define MTTY_MIG_REG_PEER_BASE_LO	0x020	/* rw: IOVA */
#define MTTY_MIG_REG_PEER_BASE_HI	0x024	/* rw */
#define MTTY_MIG_REG_PEER_SIZE_LO	0x028	/* rw: bytes, 0 = no peer */
#define MTTY_MIG_REG_PEER_SIZE_HI	0x02c	/* rw */
#define MTTY_MIG_DMA(n)			(0x100 + 0x40 * (n))	/* channel n */
#define MTTY_MIG_MSIX_TABLE		0x1000	/* 4 entries of 16 bytes */
#define MTTY_MIG_MSIX_PBA		0x2000	/* ro: bit n = vector n */

#define MTTY_MIG_ID			0x4754544d	/* "MTTG" */

/*
 * The DMA engine has two channels. Each has these registers at
 * MTTY_MIG_DMA(channel); while it is busy only CTRL, and the bits of STATUS
 * that are cleared by writing 1, can be written.
 *
 * A transfer whose IOVA range touches the peer window is a transfer to a peer: it
 * makes no progress in the P2P states.
 */
#define MTTY_MIG_NR_DMA			2
#define MTTY_MIG_DMA_SIZE		0x40

#define MTTY_MIG_DMA_CMD		0x00	/* rw */
#define  MTTY_MIG_DMA_OP		0x00000003
#define  MTTY_MIG_DMA_OP_WRITE		0	/* memory[src] -> IOVA dst */
#define  MTTY_MIG_DMA_OP_READ		1	/* IOVA src -> memory[dst] */
#define  MTTY_MIG_DMA_OP_COPY		2	/* IOVA src -> IOVA dst */
#define  MTTY_MIG_DMA_OP_FILL		3	/* PATTERN -> IOVA dst */
#define  MTTY_MIG_DMA_IRQ		0x00000100	/* interrupt at the end */
#define MTTY_MIG_DMA_STATUS		0x04
#define  MTTY_MIG_DMA_BUSY		0x00000001	/* ro */
#define  MTTY_MIG_DMA_COMPLETE		0x00000002	/* w1c: all done */
#define  MTTY_MIG_DMA_ERROR		0x00000004	/* w1c: ended early */
#define MTTY_MIG_DMA_SRC_LO		0x08	/* rw: IOVA or memory offset */
#define MTTY_MIG_DMA_SRC_HI		0x0c
#define MTTY_MIG_DMA_DST_LO		0x10	/* rw: IOVA or memory offset */
#define MTTY_MIG_DMA_DST_HI		0x14
#define MTTY_MIG_DMA_LEN_LO		0x18	/* rw: bytes */
#define MTTY_MIG_DMA_LEN_HI		0x1c
#define MTTY_MIG_DMA_DONE_LO		0x20	/* ro: bytes transferred */
#define MTTY_MIG_DMA_DONE_HI		0x24
#define MTTY_MIG_DMA_RATE		0x28	/* rw: bytes per ms, 0 = full */
#define MTTY_MIG_DMA_PATTERN		0x2c	/* rw: repeated by FILL */
#define MTTY_MIG_DMA_CTRL		0x30	/* wo */
#define  MTTY_MIG_DMA_START		0x00000001
#define  MTTY_MIG_DMA_ABORT		0x00000002	/* ends in ERROR */

/*
 * Page requests (type vpri): the device asks for a page, and the guest answers.
 * ID and IOVA show the oldest open request; the interrupt is asserted while one
 * is open. Writing RAISE_HI makes the device ask for the page at RAISE, as if the
 * guest had given it an address whose page is missing.
 */
#define MTTY_MIG_PRI			0x200
#define MTTY_MIG_PRI_SIZE		0x20
#define MTTY_MIG_PRI_MAX		32	/* requests at a time */

#define MTTY_MIG_PRI_OPEN		0x00	/* ro: open requests */
#define MTTY_MIG_PRI_QUEUED		0x04	/* ro: held back, see pri_drain */
#define MTTY_MIG_PRI_ID			0x08	/* ro: 0 = none is open */
#define MTTY_MIG_PRI_IOVA_LO		0x0c	/* ro */
#define MTTY_MIG_PRI_IOVA_HI		0x10	/* ro */
#define MTTY_MIG_PRI_ANSWER		0x14	/* wo: ID of an open request */
#define MTTY_MIG_PRI_RAISE_LO		0x18	/* rw: IOVA */
#define MTTY_MIG_PRI_RAISE_HI		0x1c	/* wo */

/*
 * Index of an interrupt of this device type: it is signalled when no page request
 * is open any more in a device that is being drained (pri_drain). It follows the
 * VFIO_PCI_NUM_IRQS indexes of VFIO PCI devices.
 */
#define MTTY_MIG_DRAINED_IRQ_INDEX	5

/* Device types = mdev types mtty_mig-<name>, in this order */
enum mtty_mig_type {
	MTTY_MIG_TYPE_NONE,	/* no migration */
	MTTY_MIG_TYPE_BASE,	/* STOP_COPY */
	MTTY_MIG_TYPE_P2P,	/* STOP_COPY | P2P */
	MTTY_MIG_TYPE_PRECOPY,	/* STOP_COPY | PRE_COPY */
	MTTY_MIG_TYPE_FULL,	/* STOP_COPY | P2P | PRE_COPY */
	MTTY_MIG_TYPE_VPRI,	/* like FULL, and it can have page requests */
	MTTY_MIG_NR_TYPES
};

/* The ports' registers are those of <linux/serial_reg.h> */
#define MTTY_MIG_UART_FIFO_SIZE		16

#endif /* MTTY_MIG_REGS_H */
