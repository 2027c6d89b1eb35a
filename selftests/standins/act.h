/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a user does with a device that may make the driver call the firmware: an
 * act, which can be done again and again from the same beginning.
 */
#ifndef SELFTESTS_STANDINS_ACT_H
#define SELFTESTS_STANDINS_ACT_H

#include "memory.h"

/**
 * enum act_kind - what is done
 * @ACT_SET: SET of another state
 * @ACT_READ: read() of the session up to where it ends for now
 * @ACT_WRITE: write() of a whole stream
 * @ACT_INFO: VFIO_MIG_GET_PRECOPY_INFO
 * @ACT_SIZE: GET of MIG_DATA_SIZE
 * @ACT_OPEN: the device is opened
 * @ACT_CLOSE: the device is closed
 * @ACT_RESET: VFIO_DEVICE_RESET
 * @ACT_LOG_START: DMA logging is started
 * @ACT_LOG_REPORT: the DMA log is read
 * @ACT_LOG_STOP: DMA logging is stopped
 */
enum act_kind {
	ACT_SET,
	ACT_READ,
	ACT_WRITE,
	ACT_INFO,
	ACT_SIZE,
	ACT_OPEN,
	ACT_CLOSE,
	ACT_RESET,
	ACT_LOG_START,
	ACT_LOG_REPORT,
	ACT_LOG_STOP,
};

/**
 * struct act - something to do
 * @kind: what
 * @from: in which state
 * @to: the state that is asked for
 */
struct act {
	enum act_kind kind;
	__u32 from;
	__u32 to;
};

/* Where the DMA log is, in ACT_LOG_* */
#define ACT_LOG_BASE	0x40000000ULL
#define ACT_LOG_PAGES	64
#define ACT_LOG_SIZE	(ACT_LOG_PAGES * MEM_PAGE)

/**
 * struct stage - where an act is done
 * @vf: the device
 * @image: a stream that it can load
 * @content: what the guest has set, and what is in @image
 * @session: the data fd of the session, or -1
 * @came: the data fd that the last SET gave, or -1
 * @saved: what was read of the session
 * @mem: where the device can write to, at ACT_LOG_BASE, or NULL
 * @bitmap: what REPORT told
 */
struct stage {
	struct vf *vf;
	struct mig_stream image;
	__u8 *content;
	int session;
	int came;
	struct mig_stream saved;
	struct memory *mem;
	__u64 bitmap[ACT_LOG_PAGES / 64];
};

void stage_prepare(struct stage *stage, struct vf *vf);
void stage_end(struct stage *stage);
void stage_free(struct stage *stage);
int stage_read(struct stage *stage, __u32 state);

bool act_next(struct vf *vf, struct act *act);
const char *act_name(const struct act *act);
int act_prepare(const struct act *act, struct stage *stage);
int act_log_start(struct vf *vf);
int act_do(const struct act *act, struct stage *stage);

#endif /* SELFTESTS_STANDINS_ACT_H */
