// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stand-in for a security engine of HiSilicon's: the card, and what its PF's
 * registers tell a VFIO driver.
 */
#include <linux/bitfield.h>
#include <linux/cleanup.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/pci_ids.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "hisi_acc.h"

#define PCI_DEVICE_ID_HUAWEI_SEC_PF	0xa255

/*
 * How late the table of queues is if a test wants its call to fail: longer than the VFIO
 * driver waits, and not for ever, for it is everybody's.
 */
#define LATE_MS				10

static bool guest = true;
module_param(guest, bool, 0444);
MODULE_PARM_DESC(guest, "a guest's driver sets a VF up as soon as it was reset");

static bool windows;
module_param(windows, bool, 0444);
MODULE_PARM_DESC(windows, "the host reaches VFs through the PF, as it does since the fourth version");

/**
 * struct hisi_card - the card
 * @pf: the card
 * @qm: what the PF's driver knows of its queue manager
 * @vfs: the registers of each VF
 * @lock: over what follows
 * @vft_type: which table, 0: of queues
 * @vft_function: of whom, 0: of the PF
 * @vft_read: it is read, and not written
 * @vft_ready: it was
 * @vft_due: when it will be, if a test has it take longer than the driver waits
 * @vft: what was read
 */
struct hisi_card {
	struct standin_pf *pf;
	struct hisi_qm qm;
	struct hisi_vf vfs[SWPCI_MAX_VFS];
	struct mutex lock;	/* the table's registers */
	u32 vft_type;
	u32 vft_function;
	u32 vft_read;
	u32 vft_ready;
	ktime_t vft_due;
	u64 vft;
};

/* The PF's driver */

/**
 * hisi_sec_get_pf_driver - the driver of security engines
 *
 * Return: ours.
 */
struct pci_driver *hisi_sec_get_pf_driver(void)
{
	return standin_pf_driver();
}
EXPORT_SYMBOL_GPL(hisi_sec_get_pf_driver);

/**
 * hisi_hpre_get_pf_driver - the driver of engines for public keys
 *
 * Return: none; there is no such card.
 */
struct pci_driver *hisi_hpre_get_pf_driver(void)
{
	return NULL;
}
EXPORT_SYMBOL_GPL(hisi_hpre_get_pf_driver);

/**
 * hisi_zip_get_pf_driver - the driver of engines for compression
 *
 * Return: none; there is no such card.
 */
struct pci_driver *hisi_zip_get_pf_driver(void)
{
	return NULL;
}
EXPORT_SYMBOL_GPL(hisi_zip_get_pf_driver);

/* Registers of the PF */

/* Whose queues are asked for, by the number that is 0 for the PF */
static struct standin_vf *vft_vf(struct hisi_card *card)
{
	unsigned int vf;

	guard(mutex)(&card->lock);
	vf = card->vft_function - 1;
	if (!card->vft_read || card->vft_type || vf >= card->pf->nr_vfs)
		return NULL;
	return &card->pf->vfs[vf];
}

static void read_vft(struct hisi_card *card)
{
	struct standin_vf *vf = vft_vf(card);
	int ret = vf ? standin_call(vf, "vft") : 0;

	guard(mutex)(&card->lock);
	card->vft = vf ? qm_vft(vf->id) : 0;
	card->vft_ready = !ret;
	card->vft_due = ret ? ktime_add_ms(ktime_get(), LATE_MS) : 0;
}

static void check_vft(struct hisi_card *card)
{
	if (card->vft_due && ktime_after(ktime_get(), card->vft_due)) {
		card->vft_due = 0;
		card->vft_ready = 1;
	}
}

static u32 *find_vft_register(struct hisi_card *card, u64 offset)
{
	switch (offset) {
	case VFT_CFG_OP_WR:
		return &card->vft_read;
	case VFT_CFG_TYPE:
		return &card->vft_type;
	case VFT_CFG:
		return &card->vft_function;
	case VFT_CFG_RDY:
		return &card->vft_ready;
	default:
		return NULL;
	}
}

static bool read_pf(struct hisi_card *card, u64 offset, u64 *value)
{
	u32 *where;

	guard(mutex)(&card->lock);
	check_vft(card);
	where = find_vft_register(card, offset);
	if (where)
		*value = *where;
	else if (offset == VFT_CFG_DATA_L)
		*value = lower_32_bits(card->vft);
	else if (offset == VFT_CFG_DATA_H)
		*value = upper_32_bits(card->vft);
	else if (offset == MIG_REGION_SEL)
		*value = windows ? MIG_REGION_EN : 0;
	else
		return false;
	return true;
}

static bool write_pf(struct hisi_card *card, u64 offset, u64 value)
{
	u32 *where;

	if (offset == VFT_CFG_OP_ENABLE) {
		read_vft(card);
		return true;
	}
	guard(mutex)(&card->lock);
	where = find_vft_register(card, offset);
	if (where)
		*where = value;
	return where;
}

/* Whose register it is, and which: of a VF's BAR, or of its window in the PF's */
static struct hisi_vf *find_qm(struct hisi_card *card, struct standin_vf *vf, u64 offset, u32 *at)
{
	u64 window;

	*at = offset;
	if (vf)
		/* What migrates cannot be seen there if there are windows. */
		return windows && offset >= EQC_DW0 ? NULL : &card->vfs[vf->id];
	if (!windows || offset < MIG_REGION)
		return NULL;
	window = (offset - MIG_REGION) / MIG_REGION_SIZE;
	*at = (offset - MIG_REGION) % MIG_REGION_SIZE;
	if (*at >= MIG_REGION_EQC_DW0)
		*at += EQC_DW0 - MIG_REGION_EQC_DW0;
	/* The first one is the PF's own. */
	return window && window <= card->pf->nr_vfs ? &card->vfs[window - 1] : NULL;
}

static bool hisi_read(struct standin_pf *pf, struct standin_vf *vf, unsigned int bar, u64 offset,
		      unsigned int size, u64 *value)
{
	struct hisi_card *card = pf->priv;
	struct hisi_vf *qm;
	u32 at;

	if (bar != QM_BAR)
		return false;
	qm = find_qm(card, vf, offset, &at);
	if (qm) {
		*value = qm_read(qm, at, size);
		return true;
	}
	return !vf && read_pf(card, offset, value);
}

static bool hisi_write(struct standin_pf *pf, struct standin_vf *vf, unsigned int bar, u64 offset,
		       unsigned int size, u64 value)
{
	struct hisi_card *card = pf->priv;
	struct hisi_vf *qm;
	u32 at;

	if (bar != QM_BAR)
		return false;
	qm = find_qm(card, vf, offset, &at);
	if (qm) {
		qm_write(qm, at, size, value);
		return true;
	}
	return !vf && write_pf(card, offset, value);
}

/* The card */

static void hisi_reset(struct standin_vf *vf)
{
	struct hisi_vf *qm = vf->priv;

	qm_reset(qm);
	if (guest)
		qm_set_up(qm);
}

static int hisi_probe(struct standin_pf *pf)
{
	struct hisi_card *card = kzalloc(sizeof(*card), GFP_KERNEL);
	unsigned int i;

	if (!card)
		return -ENOMEM;
	card->pf = pf;
	mutex_init(&card->lock);
	card->vft_ready = 1;
	card->qm.pdev = pf->pdev;
	card->qm.fun_type = QM_HW_PF;
	card->qm.ver = windows ? QM_V4 : QM_HW_V3;
	mutex_init(&card->qm.mailbox_lock);
	card->qm.io_base = pci_iomap(pf->pdev, QM_BAR, 0);
	if (!card->qm.io_base) {
		kfree(card);
		return -ENOMEM;
	}
	for (i = 0; i < pf->nr_vfs; i++) {
		struct standin_vf *vf = &pf->vfs[i];

		card->vfs[i].vf = vf;
		vf->priv = &card->vfs[i];
		guard(mutex)(&vf->lock);
		hisi_reset(vf);
	}
	pf->priv = card;
	pci_set_drvdata(pf->pdev, &card->qm);
	return 0;
}

static void hisi_remove(struct standin_pf *pf)
{
	struct hisi_card *card = pf->priv;

	pci_iounmap(pf->pdev, card->qm.io_base);
	kfree(card);
}

static const struct standin hisi_acc = {
	.name = "hisi_sec2",
	.card = {
		.vendor = PCI_VENDOR_ID_HUAWEI,
		.device = PCI_DEVICE_ID_HUAWEI_SEC_PF,
		.vf_device = PCI_DEVICE_ID_HUAWEI_SEC_VF,
		.subsystem_vendor = PCI_VENDOR_ID_HUAWEI,
		.class = PCI_CLASS_CRYPT_NETWORK << 8,
		.revision = QM_HW_V3,
		.vfs = SWPCI_MAX_VFS,
		.bars = { [QM_BAR] = PF_QM_SIZE },
		.vf_bars = { [QM_BAR] = VF_QM_SIZE },
	},
	.size = sizeof(struct hisi_state),
	.probe = hisi_probe,
	.remove = hisi_remove,
	.reset = hisi_reset,
	.read = hisi_read,
	.write = hisi_write,
};

static int __init hisi_acc_init(void)
{
	return standin_register(&hisi_acc, THIS_MODULE);
}
module_init(hisi_acc_init);

static void __exit hisi_acc_exit(void)
{
	standin_unregister();
}
module_exit(hisi_acc_exit);

MODULE_DESCRIPTION("Stand-in for the PF of a HiSilicon accelerator, and its driver");
MODULE_LICENSE("GPL");
