/* SPDX-License-Identifier: GPL-2.0-only */
/* The DMA engine of mtty-mig: program a channel, see how it ended. */
#ifndef SELFTESTS_DEVICE_DMA_H
#define SELFTESTS_DEVICE_DMA_H

#include <sys/types.h>

#include "mtty.h"

/**
 * struct dma_transfer - what to tell a channel
 * @cmd: MTTY_MIG_DMA_OP_* and MTTY_MIG_DMA_IRQ
 * @src: IOVA or offset into device memory
 * @dst: IOVA or offset into device memory
 * @len: bytes
 * @rate: bytes per millisecond, 0 for full speed
 * @pattern: what FILL writes
 */
struct dma_transfer {
	__u32 cmd;
	__u64 src;
	__u64 dst;
	__u64 len;
	__u32 rate;
	__u32 pattern;
};

void dma_set64(struct mtty *mtty, unsigned int reg, __u64 val);
__u64 dma_get64(struct mtty *mtty, unsigned int reg);
void dma_start(struct mtty *mtty, unsigned int channel,
	       const struct dma_transfer *transfer);
__u32 dma_status(struct mtty *mtty, unsigned int channel);
__u64 dma_done(struct mtty *mtty, unsigned int channel);
__u32 dma_wait(struct mtty *mtty, unsigned int channel);
__u32 dma_run(struct mtty *mtty, unsigned int channel,
	      const struct dma_transfer *transfer);
pid_t dma_thread(const struct mtty *mtty, unsigned int channel);
void dma_peer_window(struct mtty *mtty, __u64 base, __u64 size);

#endif /* SELFTESTS_DEVICE_DMA_H */
