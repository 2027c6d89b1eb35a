/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue manager (QM) of HiSilicon's, one in each function of an accelerator.
 *
 * Registers are called as in the kernel's drivers for it: drivers/crypto/hisilicon/qm.c
 * and drivers/vfio/pci/hisilicon.
 */
#ifndef STANDIN_HISI_ACC_H
#define STANDIN_HISI_ACC_H

#include <linux/hisi_acc_qm.h>
#include <linux/types.h>

#include "../lib/standin.h"

/* The fourth version; in 6.12 it has no name. */
#define QM_V4			0x50

/* Where a function's registers are */
#define QM_BAR			2

/* Of a VF: what a guest sees, and behind it what migrates of the event queues */
#define VF_QM_SIZE		SZ_64K
#define VF_AEQ_INT_MASK		0x0004
#define VF_EQ_INT_MASK		0x000c
#define IFC_INT_MASK		0x0024
#define QUE_ISO_CFG_V		0x0030
#define PAGE_SIZE_V		0x0034
#define CACHE_WB_START		0x0204
#define CACHE_WB_DONE		0x0208
#define EQC_DW0			0x8000
#define AEQC_DW0		0x8020
#define NR_XQC_DW		7

/* Of the PF: which queues are whose.  Nothing is wrong with it: no interrupt is pending. */
#define PF_QM_SIZE		SZ_4M
#define VFT_CFG_OP_ENABLE	0x100054
#define VFT_CFG_OP_WR		0x100058
#define VFT_CFG_TYPE		0x10005c
#define VFT_CFG			0x100060
#define VFT_CFG_DATA_L		0x100064
#define VFT_CFG_DATA_H		0x100068
#define VFT_CFG_RDY		0x10006c
#define MIG_REGION_SEL		0x100198
#define MIG_REGION_EN		BIT(0)

/*
 * Since the fourth version the host has windows in the PF's BAR, one for each function,
 * and a VF's BAR is the guest's alone.
 */
#define MIG_REGION		0x180000
#define MIG_REGION_SIZE		0x2000
#define MIG_REGION_EQC_DW0	0x1c00
#define MIG_REGION_AEQC_DW0	0x1c20

/* The mailbox: 128 bits at QM_MB_CMD_SEND_BASE */
#define MB_CMD_PAUSE_QM		0xe
#define MB_CMD			GENMASK(7, 0)
#define MB_STATUS		GENMASK(12, 9)
#define MB_BUSY			BIT(QM_MB_BUSY_SHIFT)
#define MB_READ			BIT(QM_MB_OP_SHIFT)
#define MB_QUEUE		GENMASK(31, 16)
#define MB_WORDS		4

/* What queues a function has: as the PF's registers and a function's mailbox tell it */
#define VFT_BASE		GENMASK_ULL(43, 28)
#define VFT_VALID		BIT_ULL(44)
#define VFT_NUMBER		GENMASK_ULL(54, 45)
#define QUEUES_PER_VF		8

/**
 * struct hisi_state - the registers of a VF that migrate whatever is in them
 * @eqc: the context of the event queue
 * @aeqc: of that of other events
 * @sqc: where the contexts of the queues are, the lower half first
 * @cqc: where those of their completions are
 * @page_size: of the memory that the device works on
 * @eq_int_mask: whether it interrupts
 * @aeq_int_mask: the same for other events
 */
struct hisi_state {
	u32 eqc[NR_XQC_DW];
	u32 aeqc[NR_XQC_DW];
	u32 sqc[2];
	u32 cqc[2];
	u32 page_size;
	u32 eq_int_mask;
	u32 aeq_int_mask;
};

/**
 * struct hisi_vf - the rest of a VF's registers
 * @vf: the model
 * @not_ready: QM_VF_STATE: the guest's driver has not set it up
 * @ifc_int_mask: whether the PF interrupts when it has something to tell, which it
 *	never has
 * @que_iso_cfg: how queues are kept apart
 * @cache_wb_done: what was cached of the queues' contexts is in memory again
 * @mailbox: the last command, and what came of it
 *
 * The lock of the VF is over it.
 */
struct hisi_vf {
	struct standin_vf *vf;
	u32 not_ready;
	u32 ifc_int_mask;
	u32 que_iso_cfg;
	u32 cache_wb_done;
	u32 mailbox[MB_WORDS];
};

/* Of the PF's driver's; 6.12 does not have it yet. */
int hisi_qm_mb_read(struct hisi_qm *qm, u64 *base, u8 cmd, u16 queue);

u64 qm_vft(unsigned int vf);
void qm_reset(struct hisi_vf *qm);
void qm_set_up(struct hisi_vf *qm);
u64 qm_read(struct hisi_vf *qm, u32 offset, unsigned int size);
void qm_write(struct hisi_vf *qm, u32 offset, unsigned int size, u64 value);

#endif /* STANDIN_HISI_ACC_H */
