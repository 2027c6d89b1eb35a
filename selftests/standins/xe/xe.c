// SPDX-License-Identifier: GPL-2.0-only
/*
 * A graphics card without its hardware; see shim.h.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sizes.h>

static void xe_reset(struct standin_vf *vf)
{
	guc_vf_reset(vf->pf->priv, vf);
}

static const struct standin xe = {
	.name = "standin_xe",
	.card = {
		.vendor = PCI_VENDOR_ID_INTEL,
		.device = 0xe20b,
		.vf_device = 0xe20b,
		.subsystem_vendor = PCI_VENDOR_ID_INTEL,
		.subsystem = 0x1100,
		.class = PCI_CLASS_DISPLAY_VGA << 8,
		.vfs = 4,
		.bars = { [0] = SZ_4K },
		.vf_bars = { [0] = SZ_32K, [2] = SZ_8K },
		.msix = 3,
		.msix_bar = 2,
	},
	.size = STATE_SIZE,
	.probe = pf_init,
	.remove = pf_fini,
	.reset = xe_reset,
};

static int __init standin_xe_init(void)
{
	return standin_register(&xe, THIS_MODULE);
}
module_init(standin_xe_init);

static void __exit standin_xe_exit(void)
{
	standin_unregister();
}
module_exit(standin_xe_exit);

MODULE_DESCRIPTION("In the place of the driver of a graphics card's PF");
MODULE_LICENSE("GPL");
