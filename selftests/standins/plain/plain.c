// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cards that do nothing: BARs of memory, MSI-X where there are VFs, a function level
 * reset.  No driver of the kernel has their IDs.
 */
#include <linux/module.h>
#include <linux/pci.h>

#include "../bus/swpci.h"

#define NR_CARDS	3

/* With SR-IOV: vfio-pci can have the PF, and then its VFs want a token. */
static const struct swpci_card with_vfs = {
	.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
	.device = 0x10f0,
	.vf_device = 0x10f1,
	.class = PCI_CLASS_OTHERS << 8,
	.vfs = 4,
	.bars = { [0] = SZ_64K, [2] = SZ_1M },
	.vf_bars = { [0] = SZ_64K },
	.msix = 4,
	.msix_bar = 0,
};

static const struct swpci_card without = {
	.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
	.device = 0x10f2,
	.class = PCI_CLASS_OTHERS << 8,
	.bars = { [0] = SZ_64K, [2] = SZ_1M },
};

static struct swpci_slot *slots[NR_CARDS];

static void unplug(void)
{
	unsigned int i;

	for (i = 0; i < NR_CARDS; i++)
		if (slots[i])
			swpci_unplug(slots[i]);
}

static int __init standin_plain_init(void)
{
	unsigned int i;

	for (i = 0; i < NR_CARDS; i++) {
		struct swpci_slot *slot = swpci_plug(i ? &without : &with_vfs, NULL);

		if (IS_ERR(slot)) {
			unplug();
			return PTR_ERR(slot);
		}
		slots[i] = slot;
	}
	return 0;
}
module_init(standin_plain_init);

static void __exit standin_plain_exit(void)
{
	unplug();
}
module_exit(standin_plain_exit);

MODULE_DESCRIPTION("Cards in software that do nothing");
MODULE_LICENSE("GPL");
