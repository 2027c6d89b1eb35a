// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the PF's driver exports of mailboxes: commands to a function, by its registers.
 *
 * Not the kernel's own, since that writes to the registers with instructions of one
 * architecture, and does nothing on all others.
 */
#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/module.h>

#include "hisi_acc.h"

#define POLL_US		10
#define TIMEOUT_US	1000

static const char *command_name(u8 command)
{
	switch (command) {
	case QM_MB_CMD_SQC_BT:
		return "mb_sqc_bt";
	case QM_MB_CMD_CQC_BT:
		return "mb_cqc_bt";
	case QM_MB_CMD_SQC_VFT_V2:
		return "mb_sqc_vft";
	case MB_CMD_PAUSE_QM:
		return "mb_pause_qm";
	default:
		return NULL;
	}
}

/* A test's wish for this call, and whether it could be one of a VFIO driver's */
static int begin(struct hisi_qm *qm, const char *name)
{
	struct standin_vf *vf = standin_vf_of(qm->pdev);

	if (!vf)
		return -ENODEV;
	if (!standin_expect(vf, name, "a mailbox command that is none for migration"))
		return -EIO;
	return standin_call(vf, name);
}

static int wait(struct hisi_qm *qm)
{
	u32 value;

	return readl_relaxed_poll_timeout(qm->io_base + QM_MB_CMD_SEND_BASE, value,
					  !(value & MB_BUSY), POLL_US, TIMEOUT_US);
}

static int command(struct hisi_qm *qm, u8 cmd, u64 base, u16 queue, bool read)
{
	void __iomem *mailbox = qm->io_base + QM_MB_CMD_SEND_BASE;
	int ret = wait(qm);

	if (ret)
		return ret;
	writel(lower_32_bits(base), mailbox + 4);
	writel(upper_32_bits(base), mailbox + 8);
	writel(0, mailbox + 12);
	writel(cmd | MB_BUSY | (read ? MB_READ : 0) | FIELD_PREP(MB_QUEUE, queue), mailbox);
	ret = wait(qm);
	if (ret)
		return ret;
	return readl(mailbox) & MB_STATUS ? -EIO : 0;
}

/**
 * hisi_qm_wait_mb_ready - wait until a function takes a command
 * @qm: the function's queue manager
 *
 * Return: 0, -ETIMEDOUT, or what a test asked for.
 */
int hisi_qm_wait_mb_ready(struct hisi_qm *qm)
{
	return begin(qm, "wait_mb_ready") ?: wait(qm);
}
EXPORT_SYMBOL_GPL(hisi_qm_wait_mb_ready);

/**
 * hisi_qm_mb - send a command to a function
 * @qm: the function's queue manager
 * @cmd: the command
 * @dma_addr: its argument
 * @queue: a queue of the function's
 * @op: it reads something, which is then in the mailbox
 *
 * Return: 0, -ETIMEDOUT, -EIO if the function refused it, or what a test asked for.
 */
int hisi_qm_mb(struct hisi_qm *qm, u8 cmd, dma_addr_t dma_addr, u16 queue, bool op)
{
	int ret = begin(qm, command_name(cmd));

	if (ret)
		return ret;
	guard(mutex)(&qm->mailbox_lock);
	return command(qm, cmd, dma_addr, queue, op);
}
EXPORT_SYMBOL_GPL(hisi_qm_mb);

/**
 * hisi_qm_mb_read - have a function tell something
 * @qm: the function's queue manager
 * @base: what it tells
 * @cmd: the command
 * @queue: a queue of the function's
 *
 * Return: as hisi_qm_mb() does.
 */
int hisi_qm_mb_read(struct hisi_qm *qm, u64 *base, u8 cmd, u16 queue)
{
	int ret = begin(qm, command_name(cmd));

	if (ret)
		return ret;
	guard(mutex)(&qm->mailbox_lock);
	ret = command(qm, cmd, 0, queue, true);
	if (ret)
		return ret;
	*base = readl(qm->io_base + QM_MB_CMD_DATA_ADDR_L) |
		(u64)readl(qm->io_base + QM_MB_CMD_DATA_ADDR_H) << 32;
	return 0;
}
EXPORT_SYMBOL_GPL(hisi_qm_mb_read);
