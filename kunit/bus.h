/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites of the DMA engine share.
 *
 * A device of a kthread has no IOAS. So static stubs give the driver a bus that
 * leads to a few pages, can be blocked, and tells what was done on it; and
 * allocations that fail when asked to. A stub is a test's, and so are the
 * threads of the device's channels: see adopt(). The rest of the device is as
 * it is.
 */
#ifndef MTTY_MIG_KUNIT_BUS_H
#define MTTY_MIG_KUNIT_BUS_H

#include <linux/completion.h>
#include <linux/jiffies.h>

#include "helpers.h"

#define PAGE		4096U
#define BASE		0x40000000ULL
#define WINDOW		SZ_4M
#define USER_SIZE	SZ_256K
#define MS_PER_JIFFY	(MSEC_PER_SEC / HZ)
#define MEM_SIZE	SZ_64K

#define OP_WRITE	MTTY_MIG_DMA_OP_WRITE
#define OP_READ		MTTY_MIG_DMA_OP_READ
#define OP_COPY		MTTY_MIG_DMA_OP_COPY
#define OP_FILL		MTTY_MIG_DMA_OP_FILL
#define BUSY		MTTY_MIG_DMA_BUSY
#define COMPLETE	MTTY_MIG_DMA_COMPLETE
#define FAILED		MTTY_MIG_DMA_ERROR
#define PATTERN		0x44332211

enum event_type {
	BUS_READ,
	BUS_WRITE,
	MARK,
};

struct event {
	enum event_type type;
	u64 iova;
	u64 len;
};

/**
 * struct mtty_bus - what the engine of a test is connected to
 * @mem: user memory of USER_SIZE, again and again in a window from BASE on;
 *	elsewhere there is none
 * @bad: a page that is not mapped; 0 for none
 * @events: what was done, the first ones
 * @nr_events: how many there were
 * @locked: something was done with hw_lock held
 * @no_memory: allocations fail
 * @no_page: device memory has no memory for another page
 * @manual: work is queued by word only, for the test to run it, unless it is
 *	for a step
 * @queued: by channel, whether it is
 * @delay: by channel, with what delay
 * @irq_updates: how often interrupts were looked at
 * @gate: the next access waits for @go, having told @entered
 * @entered: an access waits
 * @go: it may go on
 */
struct mtty_bus {
	u8 *mem;
	u64 bad;
	struct event events[64];
	unsigned int nr_events;
	bool locked;
	bool no_memory;
	bool no_page;
	bool manual;
	bool queued[MTTY_MIG_NR_DMA];
	unsigned long delay[MTTY_MIG_NR_DMA];
	unsigned int irq_updates;
	bool gate;
	struct completion entered;
	struct completion go;
};

extern struct mtty_bus mtty_bus;

/**
 * struct transfer - a transfer
 * @name: what is particular about it
 * @op: operation
 * @src: offset into what it is read from: user memory or device memory
 * @dst: offset into what it is written to
 * @len: bytes
 * @rate: register RATE
 */
struct transfer {
	const char *name;
	u32 op;
	u64 src;
	u64 dst;
	u64 len;
	u32 rate;
};

/**
 * struct memories - what is to be in the memories
 * @user: in user memory
 * @mem: in device memory
 * @now: room for what is in device memory
 */
struct memories {
	u8 user[USER_SIZE];
	u8 mem[MEM_SIZE];
	u8 now[MEM_SIZE];
};

/**
 * struct other - a call in a thread of its own
 * @mtty: the device
 * @fn: the call
 * @task: the thread
 * @done: the call has returned
 */
struct other {
	struct mtty_device *mtty;
	void (*fn)(struct mtty_device *mtty);
	struct task_struct *task;
	struct completion done;
};

void mtty_bus_put_off(struct mtty_engine *engine, unsigned long delay);
int mtty_bus_init(struct kunit *test);
bool mtty_bus_src_is_user(const struct transfer *t);
void mtty_bus_write(struct mtty_device *mtty, unsigned int channel,
		    unsigned int offset, u32 val);
void mtty_bus_program(struct mtty_device *mtty, unsigned int channel,
		      const struct transfer *t);
void mtty_bus_begin(struct mtty_device *mtty, unsigned int channel,
		    const struct transfer *t);
void mtty_bus_set_run(struct mtty_device *mtty, enum mtty_run run);
void mtty_bus_set_peer(struct mtty_device *mtty, u64 offset, u64 size);
u32 mtty_bus_status(struct mtty_device *mtty, unsigned int channel);
u64 mtty_bus_done(struct mtty_device *mtty, unsigned int channel);
void mtty_bus_run_work(struct mtty_device *mtty, unsigned int channel);
s64 mtty_bus_step(struct mtty_device *mtty, unsigned int channel, u64 bytes);
bool mtty_bus_is_put_off(struct mtty_engine *engine);
void mtty_bus_finish_run(struct mtty_device *mtty, unsigned int channel);
void mtty_bus_settle_channel(struct mtty_device *mtty, unsigned int channel);
void mtty_bus_settle(struct mtty_device *mtty);
struct mtty_device *mtty_bus_device(struct kunit *test);
struct mtty_device *mtty_bus_manual_device(struct kunit *test);
struct memories *mtty_bus_memories(struct kunit *test,
				   struct mtty_device *mtty);
void mtty_bus_model(struct memories *m, const struct transfer *t,
		    u64 len);
void mtty_bus_expect_memories(struct kunit *test, struct mtty_device *mtty,
			      struct memories *m);
struct other *mtty_bus_call(struct kunit *test, struct mtty_device *mtty,
			    void (*fn)(struct mtty_device *mtty));
bool mtty_bus_waits(struct other *other);
void mtty_bus_begin_blocked(struct mtty_device *mtty, unsigned int channel,
			    const struct transfer *t);
void mtty_bus_let_go(struct mtty_device *mtty);

#endif /* MTTY_MIG_KUNIT_BUS_H */
