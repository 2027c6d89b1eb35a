/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI bus in software: cards with SR-IOV, whose registers are functions.
 *
 * It knows no driver.  To the PCI core it is a host bridge like any other; a card
 * that is plugged in is found by a scan of the bus, and its VFs come and go by
 * sriov_numvfs as they do elsewhere.
 */
#ifndef STANDINS_SWPCI_H
#define STANDINS_SWPCI_H

#include <linux/pci.h>
#include <linux/types.h>

/* The number of the bus.  UML's own, which is empty, is 0. */
#define SWPCI_BUS	0x80

/* A PF and its VFs are the functions of one device. */
#define SWPCI_MAX_VFS	7

/* In the place of a VF's number: the PF. */
#define SWPCI_PF	(-1)

/**
 * struct swpci_ops - what a card does
 * @read: a register's value; size is 1, 2, 4 or 8 bytes.  Called with no lock held,
 *	in whatever context the reader is in.  False: it is plain memory
 * @write: the same
 * @flr: a function level reset.  The registers of the PCI core's (command, MSI-X)
 *	are reset already
 *
 * vf is the number of a VF, from 0 on, or SWPCI_PF.  Each may be missing.  A function
 * level reset clears what is plain memory.
 */
struct swpci_ops {
	bool (*read)(void *priv, int vf, unsigned int bar, u64 offset, unsigned int size,
		     u64 *value);
	bool (*write)(void *priv, int vf, unsigned int bar, u64 offset, unsigned int size,
		      u64 value);
	void (*flr)(void *priv, int vf);
};

/**
 * struct swpci_card - what is plugged in
 * @vendor: of the PF and of its VFs
 * @device: of the PF
 * @vf_device: of its VFs
 * @subsystem_vendor: of both
 * @subsystem: of both
 * @class: of both, 24 bits
 * @revision: of both
 * @vfs: how many VFs it can have, up to SWPCI_MAX_VFS
 * @bars: of the PF, the size of each in bytes: 0, or a power of two from 4 KiB on
 * @vf_bars: of each VF
 * @msix: how many vectors of MSI-X a VF has; 0: it has no MSI-X
 * @msix_bar: in which of the VF's BARs the table is.  It fills the last 4 KiB but one,
 *	the pending bits the last 4 KiB
 * @ops: what it does
 */
struct swpci_card {
	u16 vendor;
	u16 device;
	u16 vf_device;
	u16 subsystem_vendor;
	u16 subsystem;
	u32 class;
	u8 revision;
	unsigned int vfs;
	u32 bars[PCI_STD_NUM_BARS];
	u32 vf_bars[PCI_STD_NUM_BARS];
	unsigned int msix;
	unsigned int msix_bar;
	const struct swpci_ops *ops;
};

struct swpci_slot;

struct swpci_slot *swpci_plug(const struct swpci_card *card, void *priv);
void swpci_unplug(struct swpci_slot *slot);
bool swpci_is_ours(const struct device *dev);

#endif /* STANDINS_SWPCI_H */
