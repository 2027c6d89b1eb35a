// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stand-in for a Distributed Services Card: what there is in place of the card.
 *
 * client.c is what pds_core exports, and state.c, log.c and dma.c the firmware, which
 * pds_core hands the commands to.
 */
#include <linux/cleanup.h>
#include <linux/dma-mapping.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/pci_ids.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "pds.h"

/* Of a VF for Ethernet, all of which migrate.  A guest finds in them what it wrote. */
#define REGISTERS	SZ_32K

/* Over @card */
static DEFINE_MUTEX(lock);
static struct pdsc *card;

static int pds_probe(struct standin_pf *pf)
{
	struct pdsc *pdsc;
	unsigned int i;
	int ret;

	ret = dma_set_mask_and_coherent(&pf->pdev->dev, DMA_BIT_MASK(PDS_CORE_ADDR_LEN));
	if (ret)
		return ret;
	pdsc = kzalloc(sizeof(*pdsc), GFP_KERNEL);
	if (!pdsc)
		return -ENOMEM;
	pdsc->pf = pf;
	mutex_init(&pdsc->clients);
	for (i = 0; i < pf->nr_vfs; i++) {
		pdsc->vfs[i].vf = &pf->vfs[i];
		mutex_init(&pdsc->vfs[i].commands);
		pf->vfs[i].priv = &pdsc->vfs[i];
	}
	pf->priv = pdsc;
	pci_set_drvdata(pf->pdev, pdsc);
	guard(mutex)(&lock);
	card = pdsc;
	return 0;
}

static void pds_remove(struct standin_pf *pf)
{
	struct pdsc *pdsc = pf->priv;
	unsigned int i;

	scoped_guard(mutex, &lock)
		card = NULL;
	for (i = 0; i < pf->nr_vfs; i++) {
		guard(mutex)(&pf->vfs[i].lock);
		pds_log_end(&pdsc->vfs[i]);
	}
	kfree(pdsc);
}

/* What the PF's clients had the firmware do goes on: the log is not the VF's. */
static void pds_reset(struct standin_vf *vf)
{
	pds_state_reset(vf->priv);
}

static void pds_written(struct standin_vf *vf, dma_addr_t iova, size_t size)
{
	pds_log_written(vf->priv, iova, size);
}

static const struct standin pds = {
	.name = PDS_CORE_DRV_NAME,
	.card = {
		.vendor = PCI_VENDOR_ID_PENSANDO,
		.device = PCI_DEVICE_ID_PENSANDO_CORE_PF,
		.vf_device = PCI_DEVICE_ID_PENSANDO_IONIC_ETH_VF,
		.subsystem_vendor = PCI_VENDOR_ID_PENSANDO,
		.class = PCI_CLASS_NETWORK_ETHERNET << 8,
		.vfs = SWPCI_MAX_VFS,
		.bars = { SZ_32K },
		.vf_bars = { REGISTERS, 0, SZ_4K, 0, SZ_8K },
		.msix = 4,
		.msix_bar = 4,
	},
	.size = REGISTERS,
	.probe = pds_probe,
	.remove = pds_remove,
	.reset = pds_reset,
	.written = pds_written,
};

static void restart_vf(struct pds_vf *vf)
{
	guard(mutex)(&vf->commands);
	guard(mutex)(&vf->vf->lock);
	memset(vf->vf->state, 0, vf->vf->size);
	vf->vf->running = true;
	vf->vf->quiet = false;
	pds_state_reset(vf);
	pds_log_end(vf);
}

/*
 * The firmware starts again, as it does when it hangs: no VF is suspended any more,
 * and nothing is logged.
 */
static int restart(const char *value, const struct kernel_param *param)
{
	unsigned int i;

	guard(mutex)(&lock);
	if (!card)
		return -ENODEV;
	pds_tell(0);
	for (i = 0; i < card->pf->nr_vfs; i++)
		restart_vf(&card->vfs[i]);
	pds_tell(1);
	return 0;
}

static const struct kernel_param_ops restart_ops = {
	.set = restart,
};
module_param_cb(restart, &restart_ops, NULL, 0200);
MODULE_PARM_DESC(restart, "write to it: the firmware starts again");

static int __init pds_init(void)
{
	return standin_register(&pds, THIS_MODULE);
}
module_init(pds_init);

static void __exit pds_exit(void)
{
	standin_unregister();
}
module_exit(pds_exit);

MODULE_DESCRIPTION("Stand-in for pds_core and the firmware of its card");
MODULE_LICENSE("GPL");
