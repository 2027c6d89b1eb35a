// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration space and MSI-X table: a type 0 PCI function with INTx, MSI
 * and MSI-X, two I/O BARs for the ports, a memory BAR for control and one of
 * 64 bits for device memory.
 *
 * The I/O and memory bits of the command register can be written but have no
 * effect: a user of VFIO accesses the regions through the device fd, and QEMU
 * maps and unmaps the BARs of its guest itself. Bus Master Enable enables DMA,
 * see mtty_pci_bus_master().
 */
#include <linux/align.h>
#include <linux/build_bug.h>
#include <linux/pci_regs.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "hw.h"

#define MSI_CAP			0x40
#define MSIX_CAP		0x60

/* log2(vectors) in Multiple Message Capable */
#define MSI_MMC			(2 << 1)

static_assert(MTTY_MIG_NR_VECTORS == 1 << (MSI_MMC >> 1));

/* MSI and MSI-X masks have one bit for each vector */
#define VECTORS_MASK		((1 << MTTY_MIG_NR_VECTORS) - 1)

static void pci_set_bar(struct mtty_pci *pci, unsigned int bar, u32 val)
{
	put_unaligned_le32(val, pci->config + PCI_BASE_ADDRESS_0 + 4 * bar);
}

/**
 * mtty_pci_reset - set configuration space and MSI-X table as after power-on
 * @pci: configuration space
 * @mem_size: size of device memory in bytes; 0 hides its BAR
 *
 * In PCI the vectors of the table are masked after a reset. Here they start
 * unmasked: with VFIO the VMM owns the guest's view of the table (QEMU never
 * writes it to the device), and a vector is enabled by giving it an eventfd.
 */
void mtty_pci_reset(struct mtty_pci *pci, u64 mem_size)
{
	u8 *c = pci->config;

	memset(pci, 0, sizeof(*pci));
	pci->mem_size = mem_size;

	put_unaligned_le16(MTTY_MIG_PCI_VENDOR, c + PCI_VENDOR_ID);
	put_unaligned_le16(MTTY_MIG_PCI_DEVICE, c + PCI_DEVICE_ID);
	put_unaligned_le16(MTTY_MIG_PCI_SUBVENDOR, c + PCI_SUBSYSTEM_VENDOR_ID);
	put_unaligned_le16(MTTY_MIG_PCI_SUBDEVICE, c + PCI_SUBSYSTEM_ID);
	put_unaligned_le16(PCI_STATUS_CAP_LIST, c + PCI_STATUS);
	c[PCI_REVISION_ID] = 1;
	c[PCI_CLASS_PROG] = 0x02;		/* 16550 compatible */
	put_unaligned_le16(0x0700, c + PCI_CLASS_DEVICE); /* serial */
	c[PCI_INTERRUPT_PIN] = 1;		/* INTA# */

	pci_set_bar(pci, MTTY_MIG_UART0_BAR, PCI_BASE_ADDRESS_SPACE_IO);
	pci_set_bar(pci, MTTY_MIG_UART1_BAR, PCI_BASE_ADDRESS_SPACE_IO);
	pci_set_bar(pci, MTTY_MIG_CTRL_BAR, PCI_BASE_ADDRESS_MEM_TYPE_32);
	if (mem_size)
		pci_set_bar(pci, MTTY_MIG_MEM_BAR,
			    PCI_BASE_ADDRESS_MEM_TYPE_64 |
			    PCI_BASE_ADDRESS_MEM_PREFETCH);

	c[PCI_CAPABILITY_LIST] = MSI_CAP;
	c[MSI_CAP + PCI_CAP_LIST_ID] = PCI_CAP_ID_MSI;
	c[MSI_CAP + PCI_CAP_LIST_NEXT] = MSIX_CAP;
	put_unaligned_le16(PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT |
			   MSI_MMC, c + MSI_CAP + PCI_MSI_FLAGS);

	c[MSIX_CAP + PCI_CAP_LIST_ID] = PCI_CAP_ID_MSIX;
	put_unaligned_le16(MTTY_MIG_NR_VECTORS - 1,
			   c + MSIX_CAP + PCI_MSIX_FLAGS);
	put_unaligned_le32(MTTY_MIG_MSIX_TABLE | MTTY_MIG_CTRL_BAR,
			   c + MSIX_CAP + PCI_MSIX_TABLE);
	put_unaligned_le32(MTTY_MIG_MSIX_PBA | MTTY_MIG_CTRL_BAR,
			   c + MSIX_CAP + PCI_MSIX_PBA);
}

/* The address bits of a BAR, from which a guest computes its size */
static u64 pci_bar_mask(const struct mtty_pci *pci, unsigned int bar)
{
	switch (bar) {
	case MTTY_MIG_UART0_BAR:
	case MTTY_MIG_UART1_BAR:
		return ~(MTTY_MIG_UART_BAR_SIZE - 1ULL);
	case MTTY_MIG_CTRL_BAR:
		return ~(MTTY_MIG_CTRL_BAR_SIZE - 1ULL);
	case MTTY_MIG_MEM_BAR:
		return pci->mem_size ? ~(pci->mem_size - 1) : 0;
	case MTTY_MIG_MEM_BAR + 1:
		return pci_bar_mask(pci, MTTY_MIG_MEM_BAR) >> 32;
	default:
		return 0;
	}
}

/* The bits of a byte of configuration space that can be written */
static u8 pci_wmask(const struct mtty_pci *pci, unsigned int offset)
{
	switch (offset) {
	case PCI_COMMAND:
		return PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
		       PCI_COMMAND_MASTER | PCI_COMMAND_PARITY;
	case PCI_COMMAND + 1:
		return (PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE) >> 8;
	case PCI_CACHE_LINE_SIZE:
	case PCI_LATENCY_TIMER:
	case PCI_INTERRUPT_LINE:
		return 0xff;
	case PCI_BASE_ADDRESS_0 ... PCI_BASE_ADDRESS_5 + 3:
		offset -= PCI_BASE_ADDRESS_0;
		return pci_bar_mask(pci, offset / 4) >> (offset % 4 * 8);
	case MSI_CAP + PCI_MSI_FLAGS:
		return PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE;
	case MSI_CAP + PCI_MSI_ADDRESS_LO:
		return 0xfc;
	case MSI_CAP + PCI_MSI_ADDRESS_LO + 1 ... MSI_CAP + PCI_MSI_DATA_64 + 1:
		return 0xff;
	case MSI_CAP + PCI_MSI_MASK_64:
		return VECTORS_MASK;
	case MSIX_CAP + PCI_MSIX_FLAGS + 1:
		return (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
	default:
		return 0;
	}
}

/**
 * mtty_pci_write - write a byte of configuration space
 * @pci: configuration space
 * @offset: below MTTY_MIG_CFG_SIZE
 * @val: the value; bits that are read only keep theirs
 */
void mtty_pci_write(struct mtty_pci *pci, unsigned int offset, u8 val)
{
	u8 mask = pci_wmask(pci, offset);

	pci->config[offset] = (pci->config[offset] & ~mask) | (val & mask);
}

/**
 * mtty_pci_read - read a byte of configuration space
 * @pci: configuration space
 * @offset: below MTTY_MIG_CFG_SIZE
 * @level: interrupt sources that are asserted
 * @pending: MSI vectors that are pending
 *
 * Return: the byte, with the status bits that follow from the interrupts.
 */
u8 mtty_pci_read(const struct mtty_pci *pci, unsigned int offset, u8 level,
		 u8 pending)
{
	u8 val = pci->config[offset];

	if (offset == PCI_STATUS && level)
		val |= PCI_STATUS_INTERRUPT;
	if (offset == MSI_CAP + PCI_MSI_PENDING_64)
		val |= pending;
	return val;
}

/**
 * mtty_pci_load - load configuration space from a stream
 * @pci: configuration space, just reset
 * @config: MTTY_MIG_CFG_SIZE bytes
 *
 * Return: false if a read-only bit differs from this device's.
 */
bool mtty_pci_load(struct mtty_pci *pci, const u8 *config)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_CFG_SIZE; i++) {
		mtty_pci_write(pci, i, config[i]);
		if (pci->config[i] != config[i])
			return false;
	}
	return true;
}

/**
 * mtty_pci_bus_master - whether the device may do DMA
 * @pci: configuration space
 *
 * PCI Local Bus Specification 3.0, 6.2.2: Bus Master Enable is 0 after a reset.
 */
bool mtty_pci_bus_master(const struct mtty_pci *pci)
{
	return pci->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

/**
 * mtty_pci_intx_disabled - whether the command register disables INTx
 * @pci: configuration space
 */
bool mtty_pci_intx_disabled(const struct mtty_pci *pci)
{
	return get_unaligned_le16(pci->config + PCI_COMMAND) &
	       PCI_COMMAND_INTX_DISABLE;
}

/**
 * mtty_pci_msi_masked - whether an MSI vector is masked
 * @pci: configuration space
 * @vector: below MTTY_MIG_NR_VECTORS
 */
bool mtty_pci_msi_masked(const struct mtty_pci *pci, unsigned int vector)
{
	return pci->config[MSI_CAP + PCI_MSI_MASK_64] & (1 << vector);
}

/**
 * mtty_pci_msi_mask - mask or unmask an MSI vector
 * @pci: configuration space
 * @vector: below MTTY_MIG_NR_VECTORS
 * @mask: whether it shall be masked
 */
void mtty_pci_msi_mask(struct mtty_pci *pci, unsigned int vector, bool mask)
{
	u8 *bits = &pci->config[MSI_CAP + PCI_MSI_MASK_64];

	*bits = mask ? *bits | (1 << vector) : *bits & ~(1 << vector);
}

/**
 * mtty_pci_msix_masked - whether an MSI-X vector, or all of them, are masked
 * @pci: configuration space
 * @vector: below MTTY_MIG_NR_VECTORS
 */
bool mtty_pci_msix_masked(const struct mtty_pci *pci, unsigned int vector)
{
	return get_unaligned_le16(pci->config + MSIX_CAP + PCI_MSIX_FLAGS) &
	       PCI_MSIX_FLAGS_MASKALL ||
	       pci->msix[vector][MTTY_MSIX_ENTRY_CTRL] &
	       PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

/**
 * mtty_pci_msix_write - write a dword of the MSI-X table
 * @pci: configuration space
 * @vector: below MTTY_MIG_NR_VECTORS
 * @dword: below MTTY_MSIX_ENTRY_DWORDS
 * @val: the value; bits that are read only keep theirs
 */
void mtty_pci_msix_write(struct mtty_pci *pci, unsigned int vector,
			 unsigned int dword, u32 val)
{
	static const u32 wmask[MTTY_MSIX_ENTRY_DWORDS] = {
		~3U, ~0U, ~0U, PCI_MSIX_ENTRY_CTRL_MASKBIT
	};

	pci->msix[vector][dword] = val & wmask[dword];
}

/**
 * mtty_pci_msix_mask - mask or unmask an MSI-X vector
 * @pci: configuration space
 * @vector: below MTTY_MIG_NR_VECTORS
 * @mask: whether it shall be masked
 */
void mtty_pci_msix_mask(struct mtty_pci *pci, unsigned int vector, bool mask)
{
	mtty_pci_msix_write(pci, vector, MTTY_MSIX_ENTRY_CTRL,
			    mask ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0);
}
