/* SPDX-License-Identifier: GPL-2.0-only */
/* A device of which something hangs on memory that does not come. */
#ifndef SELFTESTS_DEVICE_STUCK_H
#define SELFTESTS_DEVICE_STUCK_H

#include "../../lib/child.h"
#include "../../lib/missing.h"
#include "dma.h"
#include "journey.h"

#define PAGE		((__u64)MTTY_MIG_PAGE_SIZE)

/* Missing pages, one for each channel */
#define STUCK_PAGES	MTTY_MIG_NR_DMA

/* Where the device sees what is missing, and memory that is there */
#define STUCK_IOVA	0x40000000ULL
#define GOOD_IOVA	0x50000000ULL
#define GOOD_PAGES	4

/**
 * struct stuck - a device of which something hangs
 * @mtty: the device
 * @mem: on what
 * @child: another process, if there is one
 * @journey: its session, if a test needs one
 * @told: it was told that a call waited for @mem
 */
struct stuck {
	struct mtty mtty;
	struct missing mem;
	struct child child;
	struct journey journey;
	bool told;
};

const char *stuck_new(struct stuck *stuck, const char *type, enum vfio_way way,
		      enum missing_kind kind);
void stuck_end(struct stuck *stuck);
void stuck_open(struct mtty *mtty, enum vfio_way way);
void stuck_map(struct mtty *mtty, void *missing);
void stuck_start(struct mtty *mtty, unsigned int channel, __u32 op);
const char *stuck_works(struct mtty *mtty);

#endif /* SELFTESTS_DEVICE_STUCK_H */
