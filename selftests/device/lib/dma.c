// SPDX-License-Identifier: GPL-2.0-only
/* The DMA engine of mtty-mig: program a channel, see how it ended. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../lib/check.h"
#include "../../lib/file.h"
#include "dma.h"

/* How long a transfer may take before a test gives up on it */
#define PATIENCE_MS	10000

/**
 * dma_set64 - write a register of 64 bits
 * @mtty: the device
 * @reg: its lower half
 * @val: the value
 */
void dma_set64(struct mtty *mtty, unsigned int reg, __u64 val)
{
	mtty_ctrl_out(mtty, reg, val);
	mtty_ctrl_out(mtty, reg + 4, val >> 32);
}

/**
 * dma_get64 - read a register of 64 bits
 * @mtty: the device
 * @reg: its lower half
 */
__u64 dma_get64(struct mtty *mtty, unsigned int reg)
{
	return mtty_ctrl_in(mtty, reg) |
	       (__u64)mtty_ctrl_in(mtty, reg + 4) << 32;
}

/**
 * dma_start - begin a transfer, and let the device have DMA
 * @mtty: the device
 * @channel: which channel, idle
 * @transfer: what to transfer
 */
void dma_start(struct mtty *mtty, unsigned int channel,
	       const struct dma_transfer *transfer)
{
	unsigned int base = MTTY_MIG_DMA(channel);

	mtty_bus_master(mtty);
	mtty_ctrl_out(mtty, base + MTTY_MIG_DMA_STATUS, ~0U);
	mtty_ctrl_out(mtty, base + MTTY_MIG_DMA_CMD, transfer->cmd);
	mtty_ctrl_out(mtty, base + MTTY_MIG_DMA_RATE, transfer->rate);
	mtty_ctrl_out(mtty, base + MTTY_MIG_DMA_PATTERN, transfer->pattern);
	dma_set64(mtty, base + MTTY_MIG_DMA_SRC_LO, transfer->src);
	dma_set64(mtty, base + MTTY_MIG_DMA_DST_LO, transfer->dst);
	dma_set64(mtty, base + MTTY_MIG_DMA_LEN_LO, transfer->len);
	mtty_ctrl_out(mtty, base + MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_START);
}

/**
 * dma_status - register STATUS of a channel
 * @mtty: the device
 * @channel: which channel
 */
__u32 dma_status(struct mtty *mtty, unsigned int channel)
{
	return mtty_ctrl_in(mtty, MTTY_MIG_DMA(channel) + MTTY_MIG_DMA_STATUS);
}

/**
 * dma_done - registers DONE of a channel
 * @mtty: the device
 * @channel: which channel
 */
__u64 dma_done(struct mtty *mtty, unsigned int channel)
{
	return dma_get64(mtty, MTTY_MIG_DMA(channel) + MTTY_MIG_DMA_DONE_LO);
}

/**
 * dma_wait - wait for the end of a transfer, or end the process
 * @mtty: the device
 * @channel: which channel
 *
 * Return: how it ended: register STATUS.
 */
__u32 dma_wait(struct mtty *mtty, unsigned int channel)
{
	struct timespec ms = { .tv_nsec = 1000000 };
	unsigned int i;

	for (i = 0; i < PATIENCE_MS; i++) {
		__u32 status = dma_status(mtty, channel);

		if (!(status & MTTY_MIG_DMA_BUSY))
			return status;
		nanosleep(&ms, NULL);
	}
	die("channel %u is stuck at %llu bytes", channel,
	    (unsigned long long)dma_done(mtty, channel));
}

/**
 * dma_run - begin a transfer and wait for its end, or end the process
 * @mtty: the device
 * @channel: which channel, idle
 * @transfer: what to transfer
 *
 * Return: how it ended: register STATUS.
 */
__u32 dma_run(struct mtty *mtty, unsigned int channel,
	      const struct dma_transfer *transfer)
{
	dma_start(mtty, channel, transfer);
	return dma_wait(mtty, channel);
}

/**
 * dma_thread - the kernel's thread that moves a channel, or end the process
 * @mtty: the device, open
 * @channel: which channel
 *
 * Return: its PID.
 */
pid_t dma_thread(const struct mtty *mtty, unsigned int channel)
{
	char wanted[64], path[sizeof("/proc//comm") + 256], name[64];
	struct dirent *entry;
	pid_t pid = 0;
	DIR *dir;

	snprintf(wanted, sizeof(wanted), "mtty_mig/%s/%u", mtty->mdev.uuid,
		 channel);
	dir = opendir("/proc");
	if (!dir)
		die("there is no /proc");
	while (!pid && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (!file_read(path, name, sizeof(name)) &&
		    !strcmp(name, wanted))
			pid = atoi(entry->d_name);
	}
	closedir(dir);
	if (!pid)
		die("there is no thread %s", wanted);
	return pid;
}

/**
 * dma_peer_window - set the peer window
 * @mtty: the device
 * @base: its first IOVA
 * @size: bytes
 */
void dma_peer_window(struct mtty *mtty, __u64 base, __u64 size)
{
	dma_set64(mtty, MTTY_MIG_REG_PEER_BASE_LO, base);
	dma_set64(mtty, MTTY_MIG_REG_PEER_SIZE_LO, size);
}
