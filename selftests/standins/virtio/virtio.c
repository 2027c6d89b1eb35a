// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio-net card without its hardware; see virtio.h.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include "virtio.h"

static const struct standin virtio = {
	.name = "standin_virtio",
	.card = {
		.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
		/* Both are net devices of virtio 1. */
		.device = 0x1041,
		.vf_device = 0x1041,
		.subsystem_vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
		.subsystem = 0x1041,
		.class = PCI_CLASS_NETWORK_ETHERNET << 8,
		.revision = 1,
		.vfs = 4,
		.bars = { [0] = SZ_4K },
		.vf_bars = { [0] = SZ_16K, [VF_COMMON_BAR] = SZ_4K, [4] = SZ_8K },
		.msix = VF_VECTORS,
		.msix_bar = 4,
	},
	.size = SZ_16K,
	.probe = owner_probe,
	.remove = owner_remove,
	.reset = vf_registers_reset,
	.read = vf_register_read,
	.write = vf_register_write,
};

static int __init standin_virtio_init(void)
{
	int ret = owner_register_driver();

	if (ret)
		return ret;
	ret = standin_register(&virtio, THIS_MODULE);
	if (ret)
		owner_unregister_driver();
	return ret;
}
module_init(standin_virtio_init);

static void __exit standin_virtio_exit(void)
{
	standin_unregister();
	owner_unregister_driver();
}
module_exit(standin_virtio_exit);

MODULE_DESCRIPTION("In the place of the driver of a virtio-net PF, and of the device");
MODULE_LICENSE("GPL");
