// SPDX-License-Identifier: GPL-2.0-only
/*
 * A QuickAssist accelerator without its hardware.
 *
 * The cut is at the registers.  A VF has four banks of rings; its state is their
 * registers and six more by which it talks to the PF.  The PF reaches those of all VFs
 * through two BARs of its own.  A bank that is told to drain says when it has.
 */
#include <linux/bitfield.h>
#include <linux/cleanup.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "../compat.h"
#include "../lib/standin.h"
#include "adf_accel_devices.h"
#include "adf_cfg_services.h"
#include "adf_common_drv.h"
#include "adf_gen4_hw_csr_data.h"
#include "adf_gen4_vf_mig.h"
#include "adf_rl.h"
#include "qat_compat.h"

#define BANKS_PER_VF	4
#define RINGS_PER_BANK	2
#define BANK_SIZE	ADF_RING_BUNDLE_SIZE

/* Where in a VF's state */
#define MISC_AT		(BANKS_PER_VF * BANK_SIZE)
#define MISC_SIZE	0x20
#define STATE_SIZE	(MISC_AT + MISC_SIZE)

/* BARs of the PF, and what the PF's driver calls them */
#define PMISC_BAR	2
#define ETR_BAR		4
#define PMISC_ID	1
#define ETR_ID		2

/**
 * struct card - of the PF's driver, as far as migration looks at it
 * @dev: the device
 * @hw: what it can do
 * @ops: what happens at migration: the kernel's
 * @pf: ours
 * @drained: of each VF, the banks that have drained, until the PF says that it knows.
 *	The register is the PF's: a reset of the VF lets it run, and leaves that
 */
struct card {
	struct adf_accel_dev dev;
	struct adf_hw_device_data hw;
	struct qat_migdev_ops ops;
	struct standin_pf *pf;
	unsigned long drained[SWPCI_MAX_VFS];
};

/* There is one. */
static struct card *the_card;

/* Registers of a bank */

static u32 *bank_register(struct standin_vf *vf, unsigned int offset)
{
	return (u32 *)(vf->state + (offset & ~3));
}

static u32 empty_rings(struct standin_vf *vf, unsigned int bank)
{
	unsigned int at = bank * BANK_SIZE;
	unsigned int ring;
	u32 empty = 0;

	for (ring = 0; ring < RINGS_PER_BANK; ring++)
		if (*bank_register(vf, at + ADF_RING_CSR_RING_HEAD + 4 * ring) ==
		    *bank_register(vf, at + ADF_RING_CSR_RING_TAIL + 4 * ring))
			empty |= BIT(ring);
	return empty;
}

/* Those that say how the rings are: nobody writes them. */
static bool is_status(unsigned int offset)
{
	offset &= BANK_SIZE - 1;
	return (offset >= ADF_RING_CSR_STAT && offset < ADF_RING_CSR_C_STAT + 4) ||
	       offset / 4 == ADF_RING_CSR_EXP_STAT / 4;
}

static u32 read_register(struct standin_vf *vf, unsigned int offset)
{
	unsigned int in_bank = offset & (BANK_SIZE - 1) & ~3;

	if (offset < MISC_AT && in_bank == ADF_RING_CSR_E_STAT)
		return empty_rings(vf, offset / BANK_SIZE);
	if (offset < MISC_AT && is_status(in_bank))
		return 0;
	return *bank_register(vf, offset);
}

static u64 read_state(struct standin_vf *vf, unsigned int offset, unsigned int size)
{
	u64 value = 0;
	unsigned int i;

	guard(mutex)(&vf->lock);
	for (i = 0; i < size; i++)
		((u8 *)&value)[i] = read_register(vf, offset + i) >> (8 * ((offset + i) & 3));
	return value;
}

static void write_state(struct standin_vf *vf, unsigned int offset, unsigned int size, u64 value)
{
	unsigned int i;

	guard(mutex)(&vf->lock);
	for (i = 0; i < size; i++)
		if (offset + i >= MISC_AT || !is_status(offset + i))
			vf->state[offset + i] = ((u8 *)&value)[i];
}

/* Drain */

static void drain_bank(struct standin_vf *vf, unsigned int bank)
{
	/* That it had once before says nothing of this time. */
	scoped_guard(mutex, &vf->lock)
		the_card->drained[vf->id] &= ~BIT(bank);
	/* A bank that does not drain: the PF's driver waits for it in vain. */
	if (standin_call(vf, "drain"))
		return;
	guard(mutex)(&vf->lock);
	the_card->drained[vf->id] |= BIT(bank);
	vf->running = false;
}

static void let_bank_run(struct standin_vf *vf, unsigned int bank)
{
	guard(mutex)(&vf->lock);
	the_card->drained[vf->id] &= ~BIT(bank);
	vf->running = !the_card->drained[vf->id];
}

/* The PF's BARs */

#define RESET_REGISTERS	ADF_WQM_CSR_RPRESETCTL(0)
#define MISC_REGISTERS	ADF_GEN4_VINTSOU_OFFSET(0)

static struct standin_vf *vf_of_bank(struct standin_pf *pf, unsigned int bank)
{
	return bank / BANKS_PER_VF < pf->nr_vfs ? &pf->vfs[bank / BANKS_PER_VF] : NULL;
}

/* Whose register of its state it is, and which */
static struct standin_vf *find_state(struct standin_pf *pf, unsigned int bar, u64 offset,
				     unsigned int *at)
{
	struct standin_vf *vf;

	if (bar == ETR_BAR && offset >= ADF_RING_CSR_ADDR_OFFSET) {
		offset -= ADF_RING_CSR_ADDR_OFFSET;
		*at = offset % MISC_AT;
		return vf_of_bank(pf, offset / BANK_SIZE);
	}
	if (bar == PMISC_BAR && offset >= MISC_REGISTERS) {
		offset -= MISC_REGISTERS;
		vf = vf_of_bank(pf, offset / MISC_SIZE * BANKS_PER_VF);
		*at = MISC_AT + offset % MISC_SIZE;
		return vf;
	}
	return NULL;
}

/* The bank whose drain it controls */
static struct standin_vf *find_drain(struct standin_pf *pf, unsigned int bar, u64 offset,
				     unsigned int *bank, bool *status)
{
	unsigned int number;

	if (bar != ETR_BAR || offset < RESET_REGISTERS || offset >= ADF_RING_CSR_ADDR_OFFSET)
		return NULL;
	number = (offset - RESET_REGISTERS) / 8;
	*bank = number % BANKS_PER_VF;
	*status = (offset - RESET_REGISTERS) % 8;
	return vf_of_bank(pf, number);
}

static bool read_pf(struct standin_pf *pf, unsigned int bar, u64 offset, unsigned int size,
		    u64 *value)
{
	struct standin_vf *vf;
	unsigned int at;
	bool status;

	vf = find_state(pf, bar, offset, &at);
	if (vf) {
		*value = read_state(vf, at, size);
		return true;
	}
	vf = find_drain(pf, bar, offset, &at, &status);
	if (vf) {
		*value = status && the_card->drained[vf->id] & BIT(at) ?
			 ADF_WQM_CSR_RPRESETSTS_STATUS : 0;
		return true;
	}
	/* ADF_WQM_CSR_RPINTSOU: a coalesced interrupt that is waited for comes at once. */
	*value = bar == PMISC_BAR;
	return true;
}

static bool write_pf(struct standin_pf *pf, unsigned int bar, u64 offset, unsigned int size,
		     u64 value)
{
	struct standin_vf *vf;
	unsigned int at;
	bool status;

	vf = find_state(pf, bar, offset, &at);
	if (vf) {
		write_state(vf, at, size, value);
		return true;
	}
	vf = find_drain(pf, bar, offset, &at, &status);
	if (vf && !status && value & ADF_WQM_CSR_RPRESETCTL_DRAIN)
		drain_bank(vf, at);
	if (vf && status && value & ADF_WQM_CSR_RPRESETSTS_STATUS)
		let_bank_run(vf, at);
	return true;
}

/* A VF sees its banks in BAR 0, and in BAR 2 what it talks to the PF by. */
static bool in_vf(unsigned int bar, u64 offset, unsigned int size, unsigned int *at)
{
	*at = bar ? MISC_AT + offset : offset;
	return (bar == 0 && offset + size <= MISC_AT) || (bar == 2 && offset + size <= MISC_SIZE);
}

static bool qat_read(struct standin_pf *pf, struct standin_vf *vf, unsigned int bar, u64 offset,
		     unsigned int size, u64 *value)
{
	unsigned int at;

	if (!vf)
		return read_pf(pf, bar, offset, size, value);
	if (!in_vf(bar, offset, size, &at))
		return false;
	*value = read_state(vf, at, size);
	return true;
}

static bool qat_write(struct standin_pf *pf, struct standin_vf *vf, unsigned int bar, u64 offset,
		      unsigned int size, u64 value)
{
	unsigned int at;

	if (!vf)
		return write_pf(pf, bar, offset, size, value);
	if (!in_vf(bar, offset, size, &at))
		return false;
	write_state(vf, at, size, value);
	return true;
}

/*
 * What migrates: of a bank the registers that the kernel's bank_state has and can write,
 * of the others those that mask interrupts and pass messages.  The interrupts that are
 * pending do not: the guest's driver looks into its rings when it goes on.
 */
static void qat_mask(const struct standin_vf *vf, u8 *mask)
{
	static const unsigned int rings[] = {
		ADF_RING_CSR_RING_CONFIG, ADF_RING_CSR_RING_LBASE, ADF_RING_CSR_RING_UBASE,
		ADF_RING_CSR_RING_HEAD, ADF_RING_CSR_RING_TAIL,
	};
	static const unsigned int banks[] = {
		ADF_RING_CSR_INT_FLAG_EN, ADF_RING_CSR_INT_SRCSEL, ADF_RING_CSR_INT_COL_EN,
		ADF_RING_CSR_INT_COL_CTL, ADF_RING_CSR_INT_FLAG_AND_COL,
		ADF_RING_CSR_EXP_INT_EN, ADF_RING_CSR_RING_SRV_ARB_EN,
	};
	static const unsigned int misc[] = {
		ADF_GEN4_VINTMSK_OFFSET(0), ADF_GEN4_VINTMSKPF2VM_OFFSET(0),
		ADF_GEN4_PF2VM_OFFSET(0), ADF_GEN4_VM2PF_OFFSET(0),
	};
	unsigned int bank, i;

	memset(mask, 0, vf->size);
	for (bank = 0; bank < BANKS_PER_VF; bank++) {
		u8 *at = mask + bank * BANK_SIZE;

		for (i = 0; i < ARRAY_SIZE(rings); i++)
			memset(at + rings[i], 0xff, 4 * RINGS_PER_BANK);
		for (i = 0; i < ARRAY_SIZE(banks); i++)
			memset(at + banks[i], 0xff, 4);
		/* The PF's driver sets it whenever it writes to the register. */
		at[ADF_RING_CSR_INT_COL_CTL + 3] &= ~(ADF_RING_CSR_INT_COL_CTL_ENABLE >> 24);
	}
	for (i = 0; i < ARRAY_SIZE(misc); i++)
		memset(mask + MISC_AT + misc[i] - MISC_REGISTERS, 0xff, 4);
}

/* What the PF's driver would know and do */

struct adf_accel_dev *adf_devmgr_pci_to_accel_dev(struct pci_dev *pdev)
{
	return the_card && the_card->pf->pdev == pdev ? &the_card->dev : NULL;
}

/* Nobody has limited a VF's rate. */
u32 adf_rl_get_sla_arr_of_type(struct adf_rl *rl_data, enum rl_node_type type,
			       struct rl_sla ***sla_arr)
{
	*sla_arr = NULL;
	return 0;
}

/* Asked for when the card is set up only */
int adf_get_service_enabled(struct adf_accel_dev *accel_dev)
{
	return -EINVAL;
}

static u32 misc_bar_id(struct adf_hw_device_data *self)
{
	return PMISC_ID;
}

static u32 etr_bar_id(struct adf_hw_device_data *self)
{
	return ETR_ID;
}

static struct standin_vf *vf_of(struct qat_mig_dev *mdev)
{
	return &the_card->pf->vfs[mdev->vf_id];
}

static int qat_suspend(struct qat_mig_dev *mdev)
{
	return standin_call(vf_of(mdev), "suspend") ?: the_card->ops.suspend(mdev);
}

static int qat_resume(struct qat_mig_dev *mdev)
{
	return standin_call(vf_of(mdev), "resume") ?: the_card->ops.resume(mdev);
}

static int qat_save_state(struct qat_mig_dev *mdev)
{
	return standin_call(vf_of(mdev), "save_state") ?: the_card->ops.save_state(mdev);
}

static int qat_save_setup(struct qat_mig_dev *mdev)
{
	return standin_call(vf_of(mdev), "save_setup") ?: the_card->ops.save_setup(mdev);
}

static int qat_load_state(struct qat_mig_dev *mdev)
{
	return standin_call(vf_of(mdev), "load_state") ?: the_card->ops.load_state(mdev);
}

static int qat_load_setup(struct qat_mig_dev *mdev, int size)
{
	return standin_call(vf_of(mdev), "load_setup") ?: the_card->ops.load_setup(mdev, size);
}

/* Registers of a bank that works change while they are read. */
static bool is_drained(u32 number)
{
	struct standin_vf *vf = vf_of_bank(the_card->pf, number);

	return standin_expect(vf, the_card->drained[vf->id] & BIT(number % BANKS_PER_VF),
			      "a bank is saved or restored that has not drained");
}

static int save_bank(struct adf_accel_dev *dev, u32 bank, struct adf_bank_state *state)
{
	is_drained(bank);
	return standin_call(vf_of_bank(the_card->pf, bank), "save_bank") ?:
	       adf_bank_state_save(dev, bank, state);
}

static int restore_bank(struct adf_accel_dev *dev, u32 bank, struct adf_bank_state *state)
{
	is_drained(bank);
	return standin_call(vf_of_bank(the_card->pf, bank), "restore_bank") ?:
	       adf_bank_state_restore(dev, bank, state);
}

/* The PF */

static void init_hw(struct adf_hw_device_data *hw, unsigned int vfs)
{
	hw->get_misc_bar_id = misc_bar_id;
	hw->get_etr_bar_id = etr_bar_id;
	hw->num_banks = BANKS_PER_VF * vfs;
	hw->num_banks_per_vf = BANKS_PER_VF;
	hw->num_rings_per_bank = RINGS_PER_BANK;
	hw->tx_rx_gap = 1;
	hw->clock_frequency = 1000 * 1000 * 1000;
	hw->accel_capabilities_mask = 0x1ff;
	hw->extended_dc_capabilities = 0x5;
	hw->ring_to_svc_map = 0x249;
	hw->bank_state_save = save_bank;
	hw->bank_state_restore = restore_bank;
	adf_gen4_init_hw_csr_ops(&hw->csr_ops);
	adf_gen4_init_vf_mig_ops(&hw->vfmig_ops);
}

/* Between the VFIO driver and the kernel's own, so that a call can fail or wait */
static void wrap_ops(struct card *card)
{
	struct qat_migdev_ops *ops = &card->hw.vfmig_ops;

	card->ops = *ops;
	ops->suspend = qat_suspend;
	ops->resume = qat_resume;
	ops->save_state = qat_save_state;
	ops->save_setup = qat_save_setup;
	ops->load_state = qat_load_state;
	ops->load_setup = qat_load_setup;
}

static struct card *new_card(struct standin_pf *pf)
{
	struct card *card = kzalloc(sizeof(*card), GFP_KERNEL);
	struct adf_bar *bars;
	unsigned int i;

	if (!card)
		return NULL;
	card->pf = pf;
	card->dev.hw_device = &card->hw;
	card->dev.accel_pci_dev.pci_dev = pf->pdev;
	init_hw(&card->hw, pf->nr_vfs);
	wrap_ops(card);
	bars = card->dev.accel_pci_dev.pci_bars;
	bars[PMISC_ID].virt_addr = pci_iomap(pf->pdev, PMISC_BAR, 0);
	bars[ETR_ID].virt_addr = pci_iomap(pf->pdev, ETR_BAR, 0);
	card->dev.pf.vf_info = kcalloc(pf->nr_vfs, sizeof(*card->dev.pf.vf_info), GFP_KERNEL);
	for (i = 0; card->dev.pf.vf_info && i < pf->nr_vfs; i++) {
		struct adf_accel_vf_info *info = &card->dev.pf.vf_info[i];

		info->accel_dev = &card->dev;
		info->vf_nr = i;
		info->vf_compat_ver = 1;
		mutex_init(&info->pf2vf_lock);
		mutex_init(&info->pfvf_mig_lock);
	}
	return card;
}

static void free_card(struct card *card)
{
	struct adf_bar *bars = card->dev.accel_pci_dev.pci_bars;

	if (bars[PMISC_ID].virt_addr)
		pci_iounmap(card->pf->pdev, bars[PMISC_ID].virt_addr);
	if (bars[ETR_ID].virt_addr)
		pci_iounmap(card->pf->pdev, bars[ETR_ID].virt_addr);
	kfree(card->dev.pf.vf_info);
	kfree(card);
}

static int qat_probe(struct standin_pf *pf)
{
	struct card *card = new_card(pf);

	if (!card)
		return -ENOMEM;
	if (!card->dev.pf.vf_info || !card->dev.accel_pci_dev.pci_bars[PMISC_ID].virt_addr ||
	    !card->dev.accel_pci_dev.pci_bars[ETR_ID].virt_addr) {
		free_card(card);
		return -ENOMEM;
	}
	the_card = card;
	return 0;
}

static void qat_remove(struct standin_pf *pf)
{
	struct card *card = the_card;

	the_card = NULL;
	free_card(card);
}

static const struct standin qat = {
	.name = "standin_qat",
	.card = {
		.vendor = PCI_VENDOR_ID_INTEL,
		.device = 0x4940,
		.vf_device = 0x4941,
		.subsystem_vendor = PCI_VENDOR_ID_INTEL,
		.class = PCI_CLASS_OTHERS << 8,
		.vfs = 4,
		.bars = { [PMISC_BAR] = SZ_8M, [ETR_BAR] = SZ_2M },
		.vf_bars = { [0] = MISC_AT, [2] = SZ_16K },
		.msix = 5,
		.msix_bar = 2,
	},
	.size = STATE_SIZE,
	.probe = qat_probe,
	.remove = qat_remove,
	.mask = qat_mask,
	.read = qat_read,
	.write = qat_write,
};

static int __init standin_qat_init(void)
{
	return standin_register(&qat, THIS_MODULE);
}
module_init(standin_qat_init);

static void __exit standin_qat_exit(void)
{
	standin_unregister();
}
module_exit(standin_qat_exit);

MODULE_DESCRIPTION("In the place of the driver of a QuickAssist accelerator's PF");
MODULE_LICENSE("GPL");
