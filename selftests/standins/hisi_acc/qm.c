// SPDX-License-Identifier: GPL-2.0-only
/* The registers of a VF, whoever accesses them: the guest or the VFIO driver. */
#include <linux/bitfield.h>
#include <linux/cleanup.h>
#include <linux/string.h>

#include "hisi_acc.h"

static struct hisi_state *state_of(struct hisi_vf *qm)
{
	return (struct hisi_state *)qm->vf->state;
}

/**
 * qm_vft - which queues a VF has
 * @vf: its number
 *
 * Return: as the hardware tells it.
 */
u64 qm_vft(unsigned int vf)
{
	/* The first ones are the PF's. */
	return FIELD_PREP(VFT_BASE, (vf + 1) * QUEUES_PER_VF) | VFT_VALID |
	       FIELD_PREP(VFT_NUMBER, QUEUES_PER_VF - 1);
}

/**
 * qm_reset - what the registers are after a function level reset
 * @qm: whose; the lock of the VF is held, and its state is zero
 */
void qm_reset(struct hisi_vf *qm)
{
	struct standin_vf *vf = qm->vf;

	*qm = (struct hisi_vf) { .vf = vf, .not_ready = 1, .ifc_int_mask = 1 };
}

/**
 * qm_set_up - what the registers are after a guest's driver has begun to work
 * @qm: whose; the lock of the VF is held
 */
void qm_set_up(struct hisi_vf *qm)
{
	struct hisi_state *state = state_of(qm);

	/* Addresses of memory; what is in it the hardware reads only if there is work. */
	state->eqc[1] = 0x10000000;
	state->aeqc[1] = 0x10010000;
	state->sqc[0] = 0x10020000;
	state->cqc[0] = 0x10030000;
	qm->ifc_int_mask = 0;
	qm->not_ready = 0;
}

/* The mailbox */

static void access_base(struct hisi_vf *qm, u32 *base, bool read)
{
	if (read)
		memcpy(&qm->mailbox[1], base, 2 * sizeof(*base));
	else
		memcpy(base, &qm->mailbox[1], 2 * sizeof(*base));
}

static void tell_vft(struct hisi_vf *qm)
{
	u64 vft = qm_vft(qm->vf->id);

	qm->mailbox[1] = lower_32_bits(vft);
	qm->mailbox[2] = upper_32_bits(vft);
}

/* Whether there is such a command */
static bool carry_out(struct hisi_vf *qm, u32 command, bool read)
{
	switch (command) {
	case QM_MB_CMD_SQC_BT:
		access_base(qm, state_of(qm)->sqc, read);
		return true;
	case QM_MB_CMD_CQC_BT:
		access_base(qm, state_of(qm)->cqc, read);
		return true;
	case QM_MB_CMD_SQC_VFT_V2:
		if (read)
			tell_vft(qm);
		return read;
	case MB_CMD_PAUSE_QM:
		if (!read)
			qm->vf->running = false;
		return !read;
	default:
		return false;
	}
}

/* The rest of the 128 bits are there when this is written. */
static void write_mailbox(struct hisi_vf *qm, u32 value)
{
	bool known;

	qm->mailbox[0] = value & ~(MB_BUSY | MB_STATUS);
	if (!(value & MB_BUSY))
		return;
	known = carry_out(qm, value & MB_CMD, value & MB_READ);
	if (!known)
		qm->mailbox[0] |= FIELD_PREP(MB_STATUS, 1);
}

/* Doorbells */

/*
 * A paused VF goes on when it is told of work.  What else could make it go on is not
 * written down anywhere, and the VFIO driver does no more: where a guest's driver is at
 * work it rings for each queue when the device is to run again, and leaves the rest to
 * the guest.  So a test that stopped a VF has to ring before it sees it work.
 */
static void ring(struct hisi_vf *qm, u32 value)
{
	unsigned int queue = value & GENMASK(QM_QP_MAX_NUM_SHIFT, 0);
	unsigned int command = (value >> QM_DB_CMD_SHIFT_V2) & 0xf;

	if (command == QM_DOORBELL_CMD_SQ && queue < QUEUES_PER_VF && !qm->not_ready)
		qm->vf->running = true;
}

/* Registers */

/* Which one of those that are nothing but memory */
static u32 *find_register(struct hisi_vf *qm, u32 offset)
{
	struct hisi_state *state = state_of(qm);

	if (offset >= EQC_DW0 && offset < EQC_DW0 + sizeof(state->eqc))
		return &state->eqc[(offset - EQC_DW0) / sizeof(u32)];
	if (offset >= AEQC_DW0 && offset < AEQC_DW0 + sizeof(state->aeqc))
		return &state->aeqc[(offset - AEQC_DW0) / sizeof(u32)];
	if (offset > QM_MB_CMD_SEND_BASE && offset < QM_MB_CMD_SEND_BASE + sizeof(qm->mailbox))
		return &qm->mailbox[(offset - QM_MB_CMD_SEND_BASE) / sizeof(u32)];
	switch (offset) {
	case VF_AEQ_INT_MASK:
		return &state->aeq_int_mask;
	case VF_EQ_INT_MASK:
		return &state->eq_int_mask;
	case PAGE_SIZE_V:
		return &state->page_size;
	case IFC_INT_MASK:
		return &qm->ifc_int_mask;
	case QUE_ISO_CFG_V:
		return &qm->que_iso_cfg;
	case QM_VF_STATE:
		return &qm->not_ready;
	default:
		return NULL;
	}
}

static u32 read_register(struct hisi_vf *qm, u32 offset)
{
	u32 *memory = find_register(qm, offset);

	if (memory)
		return *memory;
	switch (offset) {
	case CACHE_WB_DONE:
		return qm->cache_wb_done;
	case QM_MB_CMD_SEND_BASE:
		return qm->mailbox[0];
	default:
		return 0;
	}
}

static void write_register(struct hisi_vf *qm, u32 offset, u32 value)
{
	u32 *memory = find_register(qm, offset);

	if (memory) {
		*memory = value;
		return;
	}
	switch (offset) {
	case QM_MB_CMD_SEND_BASE:
		write_mailbox(qm, value);
		break;
	case QM_DOORBELL_SQ_CQ_BASE_V2:
		ring(qm, value);
		break;
	}
}

/* What was cached is written back, unless a test wants it not to be */
static void write_cache_back(struct hisi_vf *qm)
{
	int ret;

	scoped_guard(mutex, &qm->vf->lock)
		qm->cache_wb_done = 0;
	ret = standin_call(qm->vf, "cache_wb");
	guard(mutex)(&qm->vf->lock);
	qm->cache_wb_done = !ret;
}

/**
 * qm_read - a register is read
 * @qm: whose
 * @offset: which, as a VF's BAR has it
 * @size: of what is read, in bytes
 *
 * Return: its value, and 0 where there is none.
 */
u64 qm_read(struct hisi_vf *qm, u32 offset, unsigned int size)
{
	u32 at = offset & ~3;
	u64 value;

	guard(mutex)(&qm->vf->lock);
	value = read_register(qm, at);
	if (size == 8)
		return value | (u64)read_register(qm, at + 4) << 32;
	return value >> (8 * (offset & 3));
}

/**
 * qm_write - a register is written
 * @qm: whose
 * @offset: which, as a VF's BAR has it
 * @size: of what is written, in bytes; it has no effect if it is less than four
 * @value: what is written
 */
void qm_write(struct hisi_vf *qm, u32 offset, unsigned int size, u64 value)
{
	if (size < 4)
		return;
	if (offset == CACHE_WB_START) {
		write_cache_back(qm);
		return;
	}
	guard(mutex)(&qm->vf->lock);
	/* The upper half first: it is the lower one that starts something. */
	if (size == 8)
		write_register(qm, offset + 4, upper_32_bits(value));
	write_register(qm, offset, lower_32_bits(value));
}
