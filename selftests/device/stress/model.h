/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device of ours as userspace can predict it: what each call must return,
 * and what must be in the device after it.
 */
#ifndef SELFTESTS_DEVICE_STRESS_MODEL_H
#define SELFTESTS_DEVICE_STRESS_MODEL_H

#include "../../lib/mig_model.h"
#include "../lib/mtty.h"

#define MODEL_PAGE	((__u64)MTTY_MIG_PAGE_SIZE)
#define MODEL_PAGES	8
#define MODEL_MEM	(MODEL_PAGES * MTTY_MIG_PAGE_SIZE)

/* User memory that the device reaches, and that it is logged for */
#define MODEL_IOVA	0x40000000ULL
#define MODEL_BUF_PAGES	16
#define MODEL_BUF	(MODEL_BUF_PAGES * MTTY_MIG_PAGE_SIZE)

/* A channel of the engine */
struct model_dma {
	__u32 cmd;
	__u32 status;
	__u64 src;
	__u64 dst;
	__u64 len;
	__u64 done;
	__u32 pattern;
};

/* Page requests: the IDs, oldest first, the open ones before the queued */
struct model_pri {
	__u32 id[MTTY_MIG_PRI_MAX];
	__u32 nr_open;
	__u32 nr_queued;
	__u32 last_id;
};

/**
 * struct model_content - what migrates
 * @mem: device memory
 * @scratch: register SCRATCH
 * @peer_base: registers PEER_BASE
 * @peer_size: registers PEER_SIZE
 * @scr: the ports' scratch registers
 * @dma: the engine
 * @pri: page requests
 */
struct model_content {
	__u8 mem[MODEL_MEM];
	__u32 scratch;
	__u64 peer_base;
	__u64 peer_size;
	__u8 scr[MTTY_MIG_NR_UARTS];
	struct model_dma dma[MTTY_MIG_NR_DMA];
	struct model_pri pri;
};

/**
 * struct model_fault - a fault that an arc will meet
 * @error: errno, 0 for none
 * @from: the arc
 * @to: the arc
 * @after: of the two points that it has
 * @to_error: the device goes to ERROR
 */
struct model_fault {
	int error;
	__u32 from;
	__u32 to;
	bool after;
	bool to_error;
};

/**
 * struct model - a device
 * @flags: its capabilities, VFIO_MIGRATION_*
 * @has_pri: it can have page requests
 * @has_log: it can log DMA, for the kernel has what that takes
 * @state: enum vfio_device_mig_state
 * @now: its content
 * @image: the content that the stream has with which it is loaded
 * @complete: all of the stream was written
 * @refused: the errno for which the stream is refused, negative, or 0
 * @pri_drain: the attribute
 * @draining: new page requests are held back
 * @dropped: writes that a stopped device did not take
 * @fault: what the next arc may meet
 * @buf: content of user memory
 * @mapped: the device reaches it
 * @logged: logging is on
 * @log_dirty: pages of @buf, of 4 KiB, that are dirty
 */
struct model {
	__u64 flags;
	bool has_pri;
	bool has_log;
	__u32 state;
	struct model_content now;
	struct model_content image;
	bool complete;
	int refused;
	bool pri_drain;
	bool draining;
	__u64 dropped;
	struct model_fault fault;
	__u8 buf[MODEL_BUF];
	bool mapped;
	bool logged;
	__u64 log_dirty;
};

bool model_runs(__u32 state);
void model_reset(struct model *model);
void model_close(struct model *model);
void model_set(struct model *model, __u32 to, struct mig_expect *expect);
int model_mem_write(struct model *model, __u64 offset, const void *data,
		    size_t len);
int model_touch(struct model *model, __u64 first, __u64 count);
int model_step(struct model *model, unsigned int channel, __u64 bytes);
int model_raise(struct model *model);
int model_answer(struct model *model, __u32 id);

#endif /* SELFTESTS_DEVICE_STRESS_MODEL_H */
