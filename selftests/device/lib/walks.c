// SPDX-License-Identifier: GPL-2.0-only
/* What the fail_nth_*_test programs share. */
#include <stdlib.h>
#include <string.h>

#include "../../lib/check.h"
#include "../../lib/file.h"
#include "dma.h"
#include "knobs.h"
#include "walks.h"

#define REFCNT		"/sys/module/" MODULE "/refcnt"

/**
 * walks_missing - why there can be no walk of this driver
 *
 * Return: NULL if there can, or the reason to skip a test.
 */
const char *walks_missing(void)
{
	const char *why = fail_nth_missing();

	if (!why)
		why = knobs_missing();
	if (!why && !mtty_available())
		why = "there is no mtty_mig driver";
	return why;
}

/**
 * module_users - count the users of the module
 *
 * Return: how many it has; -1 if it cannot be removed.
 */
int module_users(void)
{
	char text[32];

	return file_read(REFCNT, text, sizeof(text)) ? -1 : atoi(text);
}

/**
 * leftovers_before - note what there is before a test, or end the process
 * @left: filled in
 */
void leftovers_before(struct leftovers *left)
{
	struct mtty mtty;

	left->users = module_users();
	mtty_new(&mtty, "full", 0);
	memcpy(left->node, mtty.dev.node, sizeof(left->node));
	vfio_dev_close(&mtty.dev);
	mdev_remove(&mtty.mdev);
}

/**
 * walk_log_start - start the DMA log, for the bench's buffer in two ranges
 * @bench: the bench
 *
 * Return: 0 or -errno.
 */
int walk_log_start(struct bench *bench)
{
	const struct vfio_device_feature_dma_logging_range ranges[] = {
		{ .iova = bench->buf.iova, .length = MTTY_MIG_PAGE_SIZE },
		{ .iova = bench->buf.iova + MTTY_MIG_PAGE_SIZE,
		  .length = bench->buf.len - MTTY_MIG_PAGE_SIZE },
	};
	__u64 page_size = MTTY_MIG_PAGE_SIZE;

	return __dma_log_start(bench->dev, ranges, ARRAY_LEN(ranges),
			       &page_size);
}

/**
 * walk_log_restart - start the DMA log anew, or end the process
 * @bench: the bench
 */
void walk_log_restart(struct bench *bench)
{
	__dma_log_stop(bench->dev);
	must(walk_log_start(bench));
}

/**
 * walk_log_report - read the DMA log of the bench's buffer
 * @bench: the bench; its bitmap is added to
 *
 * Return: 0 or -errno.
 */
int walk_log_report(struct bench *bench)
{
	return __dma_log_report(bench->dev, bench->buf.iova, bench->buf.len,
				MTTY_MIG_PAGE_SIZE, &bench->bitmap);
}

/**
 * walk_log_fill - start the DMA log anew, and let the device write to each page
 *	of the bench's buffer, or end the process
 * @bench: the bench; its bitmap is cleared
 */
void walk_log_fill(struct bench *bench)
{
	const struct dma_transfer fill = {
		.cmd = MTTY_MIG_DMA_OP_FILL,
		.dst = bench->buf.iova,
		.len = bench->buf.len,
	};

	walk_log_restart(bench);
	if (dma_run(bench->mtty, 0, &fill) != MTTY_MIG_DMA_COMPLETE)
		die("no DMA");
	bench->bitmap = 0;
}
