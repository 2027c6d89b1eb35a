// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA engine at work: what it transfers and in which order, how much in
 * one go, what makes it begin and what it is waited for.
 *
 * A device of a kthread has no IOAS. So static stubs give the driver a bus that
 * leads to a few pages, can be blocked, and tells what was done on it; and
 * allocations that fail when asked to. A stub is a test's, and so are the
 * threads of the device's channels: see adopt(). The rest of the device is as
 * it is.
 */
#include <kunit/static_stub.h>
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/pci_regs.h>
#include <linux/slab.h>
#include <linux/vfio.h>

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
 * struct bus - what the engine of a test is connected to
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
static struct bus {
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
} bus;

static void bus_event(enum event_type type, u64 iova, u64 len)
{
	if (bus.nr_events < ARRAY_SIZE(bus.events))
		bus.events[bus.nr_events] = (struct event){ type, iova, len };
	bus.nr_events++;
}

static int bus_rw(struct mtty_device *mtty, dma_addr_t iova, void *data,
		  size_t len, bool write)
{
	u8 *mem;

	bus.locked |= mutex_is_locked(&mtty->hw_lock);
	if (bus.gate) {
		bus.gate = false;
		complete(&bus.entered);
		wait_for_completion(&bus.go);
	}
	bus_event(write ? BUS_WRITE : BUS_READ, iova, len);
	if (iova < BASE || iova - BASE > WINDOW - len)
		return -EINVAL;
	if (bus.bad && iova + len > bus.bad && iova < bus.bad + PAGE)
		return -EFAULT;
	mem = bus.mem + (iova - BASE) % USER_SIZE;
	if (write)
		memcpy(mem, data, len);
	else
		memcpy(data, mem, len);
	return 0;
}

static void bus_mark(struct mtty_dirty *dirty, u64 iova, u64 len)
{
	bus_event(MARK, iova, len);
}

static int bus_store(struct mtty_engine *engine,
		     const struct mtty_dma_chunk *chunk)
{
	return bus.no_page ? -ENOMEM :
	       mtty_mem_write(engine->mtty->mem, chunk->dst, engine->buf,
			      chunk->len);
}

static void bus_irq_update(struct mtty_device *mtty)
{
	lockdep_assert_held(&mtty->hw_lock);
	bus.irq_updates++;
}

static void *bus_alloc(void)
{
	return bus.no_memory ? NULL : kmalloc(MTTY_MIG_PAGE_SIZE, GFP_KERNEL);
}

static void bus_put_off(struct mtty_engine *engine, unsigned long delay)
{
	bus.queued[engine->channel] = true;
	bus.delay[engine->channel] = delay;
}

static void bus_queue(struct mtty_engine *engine)
{
	if (!bus.manual)
		kthread_queue_delayed_work(engine->worker, &engine->work, 0);
	else if (!bus.queued[engine->channel])
		bus_put_off(engine, 0);
}

static void bus_requeue(struct mtty_engine *engine, unsigned long delay)
{
	if (!bus.manual || engine->step)
		kthread_mod_delayed_work(engine->worker, &engine->work, delay);
	else
		bus_put_off(engine, delay);
}

/* Before there is a device, so that the stubs are there as long as it is */
static int engine_init(struct kunit *test)
{
	kunit_activate_static_stub(test, mtty_engine_bus, bus_rw);
	kunit_activate_static_stub(test, mtty_engine_store, bus_store);
	kunit_activate_static_stub(test, mtty_engine_alloc, bus_alloc);
	kunit_activate_static_stub(test, mtty_engine_queue, bus_queue);
	kunit_activate_static_stub(test, mtty_engine_requeue, bus_requeue);
	kunit_activate_static_stub(test, mtty_dirty_mark, bus_mark);
	kunit_activate_static_stub(test, mtty_irq_update, bus_irq_update);
	memset(&bus, 0, sizeof(bus));
	init_completion(&bus.entered);
	init_completion(&bus.go);
	bus.mem = kunit_kzalloc(test, USER_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bus.mem);
	return 0;
}

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

#define PATTERN	0x44332211

static bool src_is_user(const struct transfer *t)
{
	return t->op == OP_READ || t->op == OP_COPY;
}

static void write_reg(struct mtty_device *mtty, unsigned int channel,
		      unsigned int offset, u32 val)
{
	mutex_lock(&mtty->hw_lock);
	mtty_engine_write(mtty, channel, offset, val);
	mutex_unlock(&mtty->hw_lock);
}

static void program(struct mtty_device *mtty, unsigned int channel,
		    const struct transfer *t)
{
	u64 src = t->src + (src_is_user(t) ? BASE : 0);
	u64 dst = t->dst + (t->op != OP_READ ? BASE : 0);

	write_reg(mtty, channel, MTTY_MIG_DMA_CMD, t->op);
	write_reg(mtty, channel, MTTY_MIG_DMA_SRC_LO, src);
	write_reg(mtty, channel, MTTY_MIG_DMA_SRC_HI, src >> 32);
	write_reg(mtty, channel, MTTY_MIG_DMA_DST_LO, dst);
	write_reg(mtty, channel, MTTY_MIG_DMA_DST_HI, dst >> 32);
	write_reg(mtty, channel, MTTY_MIG_DMA_LEN_LO, t->len);
	write_reg(mtty, channel, MTTY_MIG_DMA_LEN_HI, t->len >> 32);
	write_reg(mtty, channel, MTTY_MIG_DMA_RATE, t->rate);
	write_reg(mtty, channel, MTTY_MIG_DMA_PATTERN, PATTERN);
}

static void begin(struct mtty_device *mtty, unsigned int channel,
		  const struct transfer *t)
{
	program(mtty, channel, t);
	write_reg(mtty, channel, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_START);
}

static void set_run(struct mtty_device *mtty, enum mtty_run run)
{
	mutex_lock(&mtty->hw_lock);
	mtty->run = run;
	mtty->dma_run = run;
	mtty_engine_kick(mtty);
	mutex_unlock(&mtty->hw_lock);
}

static void set_peer(struct mtty_device *mtty, u64 offset, u64 size)
{
	mutex_lock(&mtty->hw_lock);
	mtty->hw.peer_base = BASE + offset;
	mtty->hw.peer_size = size;
	mutex_unlock(&mtty->hw_lock);
}

static u32 status(struct mtty_device *mtty, unsigned int channel)
{
	u32 status;

	mutex_lock(&mtty->hw_lock);
	status = mtty->hw.dma[channel].status;
	mutex_unlock(&mtty->hw_lock);
	return status;
}

static u64 done(struct mtty_device *mtty, unsigned int channel)
{
	u64 done;

	mutex_lock(&mtty->hw_lock);
	done = mtty->hw.dma[channel].done;
	mutex_unlock(&mtty->hw_lock);
	return done;
}

/* Run the work of a channel that is queued by word only */
static void run_work(struct mtty_device *mtty, unsigned int channel)
{
	bus.queued[channel] = false;
	mtty_engine_work(&mtty->engine[channel].work.work);
}

/* Step a channel, which does not go on by itself after that */
static s64 step(struct mtty_device *mtty, unsigned int channel, u64 bytes)
{
	bool held = mtty->engine_held;
	s64 moved;

	mtty->engine_held = true;
	moved = mtty_engine_step(mtty, channel, bytes);
	mtty->engine_held = held;
	return moved;
}

/* Whether the work of a channel is due later, as a slow rate wants it */
static bool put_off(struct mtty_engine *engine)
{
	return timer_pending(&engine->work.timer);
}

static bool work_idle(struct mtty_engine *engine)
{
	struct kthread_work *work = &engine->work.work;
	bool idle;

	raw_spin_lock_irq(&engine->worker->lock);
	idle = list_empty(&work->node) &&
	       engine->worker->current_work != work;
	raw_spin_unlock_irq(&engine->worker->lock);
	return idle;
}

/* Wait until the work of a channel has done what is due now */
static void finish_run(struct mtty_device *mtty, unsigned int channel)
{
	struct mtty_engine *engine = &mtty->engine[channel];

	while (!put_off(engine) && !work_idle(engine))
		schedule_timeout_uninterruptible(1);
}

/* Wait until the work of a channel has nothing to do, now or later */
static void settle_channel(struct mtty_device *mtty, unsigned int channel)
{
	struct mtty_engine *engine = &mtty->engine[channel];

	while (!work_idle(engine)) {
		if (put_off(engine))
			kthread_mod_delayed_work(engine->worker,
						 &engine->work, 0);
		schedule_timeout_uninterruptible(1);
	}
}

static void settle(struct mtty_device *mtty)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_DMA; i++)
		settle_channel(mtty, i);
}

static void unblock(void *unused)
{
	complete_all(&bus.go);
}

/* A stub acts in the threads of its test: the channels' belong to it from here */
static void adopt(struct kunit *test, struct mtty_device *mtty)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_DMA; i++)
		WRITE_ONCE(mtty->engine[i].worker->task->kunit_test, test);
}

/* A device that runs, whose channels are connected to the bus */
static struct mtty_device *engine_device(struct kunit *test)
{
	struct mtty_device *mtty;

	mtty = mtty_test_create(test, MTTY_MIG_TYPE_FULL, MEM_SIZE);
	mtty_test_open(test, mtty);
	adopt(test, mtty);
	/* A reset is part of open: it queued work and looked at interrupts */
	settle(mtty);
	bus.irq_updates = 0;
	mtty->hw.pci.config[PCI_COMMAND] |= PCI_COMMAND_MASTER;
	/* What fails in the middle leaves nobody waiting */
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, unblock,
							   NULL));
	return mtty;
}

/* The same, whose work the test runs */
static struct mtty_device *manual_device(struct kunit *test)
{
	struct mtty_device *mtty = engine_device(test);

	bus.manual = true;
	return mtty;
}

/* Content by chance, in user memory and in device memory */
static void fill_both(struct kunit *test, struct mtty_device *mtty, u8 *mem)
{
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 1);
	prandom_bytes_state(&rnd, bus.mem, USER_SIZE);
	prandom_bytes_state(&rnd, mem, MEM_SIZE);
	KUNIT_ASSERT_EQ(test, 0, mtty_mem_write(mtty->mem, 0, mem, MEM_SIZE));
}

struct memories {
	u8 user[USER_SIZE];
	u8 mem[MEM_SIZE];
	u8 now[MEM_SIZE];
};

static struct memories *memories_new(struct kunit *test,
				     struct mtty_device *mtty)
{
	struct memories *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	fill_both(test, mtty, m->mem);
	memcpy(m->user, bus.mem, sizeof(m->user));
	return m;
}

/* What so many bytes of a transfer make of the memories, byte by byte */
static void model_transfer(struct memories *m, const struct transfer *t,
			   u64 len)
{
	static const u8 pattern[] = { 0x11, 0x22, 0x33, 0x44 };
	u64 i;

	for (i = 0; i < len; i++) {
		u64 src = t->src + i, dst = t->dst + i;

		switch (t->op) {
		case OP_WRITE:
			m->user[dst] = m->mem[src];
			break;
		case OP_READ:
			m->mem[dst] = m->user[src];
			break;
		case OP_COPY:
			m->user[dst] = m->user[src];
			break;
		default:
			m->user[dst] = pattern[dst % 4];
		}
	}
}

static void expect_memories(struct kunit *test, struct mtty_device *mtty,
			    struct memories *m)
{
	mtty_mem_read(mtty->mem, 0, m->now, MEM_SIZE);
	KUNIT_EXPECT_EQ(test, -1, mtty_test_diff(m->mem, m->now, MEM_SIZE));
	KUNIT_EXPECT_EQ(test, -1, mtty_test_diff(m->user, bus.mem,
						 sizeof(m->user)));
}

/* Other threads */

struct other {
	struct mtty_device *mtty;
	void (*fn)(struct mtty_device *mtty);
	struct task_struct *task;
	struct completion done;
};

static int other_thread(void *data)
{
	struct other *other = data;

	other->fn(other->mtty);
	complete(&other->done);
	return 0;
}

static void join(void *data)
{
	struct other *other = data;

	complete_all(&bus.go);
	kthread_stop(other->task);
	put_task_struct(other->task);
}

static struct other *call(struct kunit *test, struct mtty_device *mtty,
			  void (*fn)(struct mtty_device *mtty))
{
	struct other *other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, other);
	other->mtty = mtty;
	other->fn = fn;
	init_completion(&other->done);
	other->task = kthread_create(other_thread, other, "mtty_mig_kunit");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other->task);
	get_task_struct(other->task);
	wake_up_process(other->task);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, join, other));
	return other;
}

/*
 * Whether a call waits: either it returns or it sleeps until it is woken. It
 * may also sleep for hw_lock, which on another processor is free a moment before
 * who waits for it is woken. So it has to be one and the same sleep, seen more
 * than once with nobody holding the lock.
 */
static bool waits(struct other *other)
{
	unsigned long sleep = 0, looks = 0;

	for (;;) {
		unsigned long sleeps = READ_ONCE(other->task->nvcsw);

		if (completion_done(&other->done))
			return false;
		if (!(READ_ONCE(other->task->__state) & TASK_NORMAL) ||
		    mutex_is_locked(&other->mtty->hw_lock) ||
		    sleep != sleeps)
			looks = 0;
		else if (++looks == 3)
			return true;
		sleep = sleeps;
		schedule_timeout_uninterruptible(1);
	}
}

/* Begin a transfer whose first access stays under way */
static void begin_blocked(struct mtty_device *mtty, unsigned int channel,
			  const struct transfer *t)
{
	bus.gate = true;
	begin(mtty, channel, t);
	wait_for_completion(&bus.entered);
}

static void let_go(struct mtty_device *mtty)
{
	complete(&bus.go);
}

/* What is transferred */

static const struct transfer transfers[] = {
	{ "WRITE, a byte", OP_WRITE, 1, 2, 1 },
	{ "WRITE, a page", OP_WRITE, 4096, 8192, 4096 },
	{ "WRITE, all memory", OP_WRITE, 0, 0, MEM_SIZE },
	{ "WRITE, odd", OP_WRITE, 4095, 3, 10001 },
	{ "READ, a byte", OP_READ, 1, 2, 1 },
	{ "READ, all memory", OP_READ, 4096, 0, MEM_SIZE },
	{ "READ, odd", OP_READ, 77, 4000, 10001 },
	{ "COPY, pages", OP_COPY, 0, 0x20000, 3 * 4096 },
	{ "COPY, odd", OP_COPY, 1, 0x20003, 10001 },
	{ "FILL, a byte", OP_FILL, 0, 3, 1 },
	{ "FILL, odd", OP_FILL, 0, 4093, 10001 },
	{ "FILL, larger than memory", OP_FILL, 0, 0, 2 * MEM_SIZE },
};

KUNIT_ARRAY_PARAM_DESC(transfers, transfers, name);

/*
 * Each access is within a page; what is written is marked, as it was written
 * and after that; nothing else is.
 */
static void engine_transfers(struct kunit *test)
{
	const struct transfer *t = test->param_value;
	struct mtty_device *mtty = manual_device(test);
	struct memories *m = memories_new(test, mtty);
	u64 read = 0, written = 0;
	unsigned int i;

	begin(mtty, 0, t);
	KUNIT_EXPECT_EQ(test, t->len, step(mtty, 0, U64_MAX));
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
	KUNIT_EXPECT_EQ(test, t->len, done(mtty, 0));
	model_transfer(m, t, t->len);
	expect_memories(test, mtty, m);
	KUNIT_EXPECT_FALSE(test, bus.locked);

	KUNIT_ASSERT_LE(test, bus.nr_events, ARRAY_SIZE(bus.events));
	for (i = 0; i < bus.nr_events; i++) {
		const struct event *e = &bus.events[i];

		KUNIT_EXPECT_EQ(test, e->iova / PAGE,
				(e->iova + e->len - 1) / PAGE);
		switch (e->type) {
		case BUS_READ:
			KUNIT_EXPECT_EQ(test, BASE + t->src + read, e->iova);
			read += e->len;
			break;
		case BUS_WRITE:
			KUNIT_EXPECT_EQ(test, BASE + t->dst + written, e->iova);
			written += e->len;
			KUNIT_ASSERT_LT(test, i + 1, bus.nr_events);
			KUNIT_EXPECT_EQ(test, MARK, e[1].type);
			break;
		case MARK:
			KUNIT_ASSERT_GT(test, i, 0);
			KUNIT_EXPECT_EQ(test, BUS_WRITE, e[-1].type);
			KUNIT_EXPECT_EQ(test, e[-1].iova, e->iova);
			KUNIT_EXPECT_EQ(test, e[-1].len, e->len);
		}
	}
	KUNIT_EXPECT_EQ(test, src_is_user(t) ? t->len : 0, read);
	KUNIT_EXPECT_EQ(test, t->op != OP_READ ? t->len : 0, written);
}

/* The same from the threads, on both channels at once */
static void engine_transfers_by_itself(struct kunit *test)
{
	const struct transfer *t = test->param_value;
	struct mtty_device *mtty = engine_device(test);
	struct memories *m = memories_new(test, mtty);
	const struct transfer other = {
		.op = OP_FILL, .dst = 0x38000, .len = 5 * PAGE + 1,
	};

	begin(mtty, 0, t);
	begin(mtty, 1, &other);
	settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 1));
	model_transfer(m, t, t->len);
	model_transfer(m, &other, other.len);
	expect_memories(test, mtty, m);
}

/* Interrupts and data fds are told of each chunk */
struct watch {
	struct wait_queue_entry entry;
	unsigned int wakes;
};

static int watch_wake(struct wait_queue_entry *entry, unsigned int mode,
		      int flags, void *key)
{
	container_of(entry, struct watch, entry)->wakes++;
	return 0;
}

static void engine_tells_of_each_chunk(struct kunit *test)
{
	static const struct transfer write = {
		.op = OP_WRITE, .len = 3 * PAGE,
	};
	static const struct transfer read = { .op = OP_READ, .len = 3 * PAGE };
	struct mtty_device *mtty = manual_device(test);
	struct watch data = {}, engine = {};

	init_waitqueue_func_entry(&data.entry, watch_wake);
	init_waitqueue_func_entry(&engine.entry, watch_wake);
	add_wait_queue(&mtty->data_wait, &data.entry);
	add_wait_queue(&mtty->engine_wait, &engine.entry);

	begin(mtty, 0, &write);
	step(mtty, 0, U64_MAX);
	KUNIT_EXPECT_EQ(test, 3, bus.irq_updates);
	/* And of the end of the step */
	KUNIT_EXPECT_EQ(test, 4, engine.wakes);
	/* It changed no device memory */
	KUNIT_EXPECT_EQ(test, 0, data.wakes);

	begin(mtty, 0, &read);
	step(mtty, 0, U64_MAX);
	KUNIT_EXPECT_EQ(test, 6, bus.irq_updates);
	KUNIT_EXPECT_EQ(test, 8, engine.wakes);
	KUNIT_EXPECT_EQ(test, 3, data.wakes);

	remove_wait_queue(&mtty->data_wait, &data.entry);
	remove_wait_queue(&mtty->engine_wait, &engine.entry);
}

/* Failures */

struct failure {
	struct transfer t;
	/* Offset of the page that is not mapped, and how far it got */
	u64 bad;
	u64 done;
	/* The last mark, of what may have been written */
	bool marked;
};

static const struct failure failures[] = {
	{ { "WRITE, at once", OP_WRITE, 0, 0x3000, 8192 }, 0x3000, 0, true },
	{ { "WRITE, later", OP_WRITE, 5, 0x2005, 8192 }, 0x3000, 4091, true },
	{ { "READ, at once", OP_READ, 0x3000, 0, 8192 }, 0x3000, 0, false },
	{ { "READ, later", OP_READ, 0x2005, 5, 8192 }, 0x3000, 4091, false },
	{ { "COPY, source", OP_COPY, 0x2005, 0x9005, 8192 }, 0x3000, 4091,
	  false },
	{ { "COPY, destination", OP_COPY, 0x9005, 0x2005, 8192 }, 0x3000,
	  4091, true },
	{ { "FILL", OP_FILL, 0, 0x2800, 8192 }, 0x3000, 2048, true },
};

static void failure_desc(const struct failure *f, char *desc)
{
	strscpy(desc, f->t.name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(failures, failures, failure_desc);

static void engine_fails_where_nothing_is_mapped(struct kunit *test)
{
	const struct failure *f = test->param_value;
	struct mtty_device *mtty = manual_device(test);
	struct memories *m = memories_new(test, mtty);
	const struct event *last;
	unsigned int updates;

	bus.bad = BASE + f->bad;
	begin(mtty, 1, &f->t);
	KUNIT_EXPECT_EQ(test, f->done, step(mtty, 1, U64_MAX));
	KUNIT_EXPECT_EQ(test, FAILED, status(mtty, 1));
	KUNIT_EXPECT_EQ(test, f->done, done(mtty, 1));
	model_transfer(m, &f->t, f->done);
	expect_memories(test, mtty, m);

	/* One for each chunk, and one for the one that failed */
	KUNIT_EXPECT_EQ(test, f->done ? 2 : 1, bus.irq_updates);
	last = &bus.events[bus.nr_events - 1];
	KUNIT_EXPECT_EQ(test, f->marked, last->type == MARK);
	if (f->marked)
		KUNIT_EXPECT_EQ(test, BASE + f->t.dst + f->done, last->iova);

	/* It has ended: nothing is left to do, and another one can begin */
	updates = bus.irq_updates;
	KUNIT_EXPECT_EQ(test, 0, step(mtty, 1, U64_MAX));
	KUNIT_EXPECT_EQ(test, updates, bus.irq_updates);
	bus.bad = 0;
	write_reg(mtty, 1, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_START);
	KUNIT_EXPECT_EQ(test, f->t.len, step(mtty, 1, U64_MAX));
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 1));
}

/* Such an address may be BASE to who loses the upper bits */
static const struct transfer beyond[] = {
	{ "WRITE", OP_WRITE, 0x100, 1ULL << 32, 8 },
	{ "READ", OP_READ, 1ULL << 32, 0x100, 8 },
	{ "COPY, source", OP_COPY, 1ULL << 32, 0x100, 8 },
	{ "COPY, destination", OP_COPY, 0x100, 1ULL << 32, 8 },
	{ "FILL", OP_FILL, 0, 1ULL << 32, 8 },
};

KUNIT_ARRAY_PARAM_DESC(beyond, beyond, name);

static void engine_fails_where_no_bus_reaches(struct kunit *test)
{
	struct mtty_device *mtty = manual_device(test);
	struct memories *m = memories_new(test, mtty);

	begin(mtty, 1, test->param_value);
	KUNIT_EXPECT_EQ(test, 0, step(mtty, 1, U64_MAX));
	KUNIT_EXPECT_EQ(test, FAILED, status(mtty, 1));
	expect_memories(test, mtty, m);
}

static void engine_fails_without_device_memory(struct kunit *test)
{
	static const struct transfer t = {
		.op = OP_READ, .src = 100, .dst = 200, .len = 3 * PAGE,
	};
	struct mtty_device *mtty = manual_device(test);

	begin(mtty, 0, &t);
	KUNIT_EXPECT_EQ(test, PAGE - 200, step(mtty, 0, 1));
	bus.no_page = true;
	KUNIT_EXPECT_EQ(test, 0, step(mtty, 0, U64_MAX));
	KUNIT_EXPECT_EQ(test, FAILED, status(mtty, 0));
	KUNIT_EXPECT_EQ(test, PAGE - 200, done(mtty, 0));
}

/* Steps */

struct step {
	const char *name;
	u64 bytes;
	u64 moved;
};

/* Of a transfer of 3 pages and 10 bytes from the middle of a page on */
static const struct step steps[] = {
	{ "1", 1, 2048 },
	{ "the first chunk", 2048, 2048 },
	{ "a byte more", 2049, 2048 + 4096 },
	{ "two chunks", 2048 + 4096, 2048 + 4096 },
	{ "all but a byte", 3 * 4096 + 9, 3 * 4096 + 10 },
	{ "all", 3 * 4096 + 10, 3 * 4096 + 10 },
	{ "more", 3 * 4096 + 11, 3 * 4096 + 10 },
	{ "4 GiB", 1ULL << 32, 3 * 4096 + 10 },
};

KUNIT_ARRAY_PARAM_DESC(steps, steps, name);

static void engine_step_ends_with_a_chunk(struct kunit *test)
{
	static const struct transfer t = {
		.op = OP_FILL, .dst = 2048, .len = 3 * PAGE + 10,
	};
	const struct step *p = test->param_value;
	struct mtty_device *mtty = manual_device(test);

	KUNIT_EXPECT_EQ(test, 0, step(mtty, 0, p->bytes));
	begin(mtty, 0, &t);
	KUNIT_EXPECT_EQ(test, p->moved, step(mtty, 0, p->bytes));
	KUNIT_EXPECT_EQ(test, p->moved, done(mtty, 0));
	KUNIT_EXPECT_EQ(test, 0, step(mtty, 1, p->bytes));
	KUNIT_EXPECT_EQ(test, t.len - p->moved,
			step(mtty, 0, U64_MAX));
	KUNIT_EXPECT_EQ(test, 0, step(mtty, 0, U64_MAX));
}

/* A rate is of what moves by itself */
static void engine_step_whatever_the_rate(struct kunit *test)
{
	static const struct transfer t = {
		.op = OP_FILL, .len = 8 * PAGE, .rate = 1,
	};
	struct mtty_device *mtty = manual_device(test);

	begin(mtty, 0, &t);
	KUNIT_EXPECT_EQ(test, 5 * PAGE, step(mtty, 0, 5 * PAGE));
	bus.queued[0] = false;
	run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, 6 * PAGE, done(mtty, 0));
	KUNIT_EXPECT_TRUE(test, bus.queued[0]);
	KUNIT_EXPECT_EQ(test, PAGE / MS_PER_JIFFY, bus.delay[0]);
}

static void engine_step_of_a_closed_device(struct kunit *test)
{
	struct mtty_device *mtty = manual_device(test);

	mtty_test_close(test, mtty);
	KUNIT_EXPECT_EQ(test, 0, mtty_engine_step(mtty, 0, 1));
}

/* What may run */

struct may_run {
	const char *name;
	enum mtty_run run;
	struct transfer t;
	u64 peer;
	bool moves;
};

/* The peer window is one page */
static const struct may_run may_runs[] = {
	{ "RUNNING", MTTY_RUNNING, { .op = OP_FILL, .len = 8 }, 0x8000, true },
	{ "RUNNING, to a peer", MTTY_RUNNING,
	  { .op = OP_FILL, .len = 8 }, 0, true },
	{ "P2P", MTTY_RUNNING_P2P, { .op = OP_FILL, .len = 8 }, 0x8000, true },
	{ "P2P, to a peer", MTTY_RUNNING_P2P,
	  { .op = OP_FILL, .len = 8 }, 0, false },
	{ "P2P, its end is the peer's", MTTY_RUNNING_P2P,
	  { .op = OP_WRITE, .dst = 0x7ff8, .len = 9 }, 0x8000, false },
	{ "P2P, up to a peer", MTTY_RUNNING_P2P,
	  { .op = OP_WRITE, .dst = 0x7ff8, .len = 8 }, 0x8000, true },
	{ "P2P, from a peer", MTTY_RUNNING_P2P,
	  { .op = OP_READ, .src = 0x8fff, .len = 1 }, 0x8000, false },
	{ "P2P, behind a peer", MTTY_RUNNING_P2P,
	  { .op = OP_READ, .src = 0x9000, .len = 1 }, 0x8000, true },
	{ "P2P, copied from a peer", MTTY_RUNNING_P2P,
	  { .op = OP_COPY, .src = 0x8000, .len = 1 }, 0x8000, false },
	{ "stopped", MTTY_STOPPED, { .op = OP_FILL, .len = 8 }, 0x8000, false },
	{ "stopped, to a peer", MTTY_STOPPED,
	  { .op = OP_FILL, .len = 8 }, 0, false },
};

KUNIT_ARRAY_PARAM_DESC(may_runs, may_runs, name);

static void engine_may_run_in(struct kunit *test)
{
	const struct may_run *p = test->param_value;
	struct mtty_device *mtty = manual_device(test);

	set_peer(mtty, p->peer, PAGE);
	set_run(mtty, p->run);
	begin(mtty, 0, &p->t);
	/* Neither by a kick, nor by work that was queued before, nor by hand */
	if (p->moves)
		KUNIT_EXPECT_TRUE(test, bus.queued[0]);
	KUNIT_EXPECT_FALSE(test, bus.queued[1]);
	if (!p->moves) {
		run_work(mtty, 0);
		set_run(mtty, p->run);
		KUNIT_EXPECT_FALSE(test, bus.queued[0]);
	}
	KUNIT_EXPECT_EQ(test, p->moves ? p->t.len : 0,
			step(mtty, 0, 1));
	if (p->moves)
		return;

	/* It goes on when it is let */
	KUNIT_EXPECT_EQ(test, 0, bus.nr_events);
	KUNIT_EXPECT_EQ(test, BUSY, status(mtty, 0));
	set_run(mtty, MTTY_RUNNING);
	KUNIT_EXPECT_TRUE(test, bus.queued[0]);
	KUNIT_EXPECT_EQ(test, 0, bus.delay[0]);
	run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
}

static void engine_stops_between_chunks(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 4 * PAGE };
	struct mtty_device *mtty = manual_device(test);

	set_peer(mtty, 3 * PAGE, PAGE);
	begin(mtty, 0, &t);
	KUNIT_EXPECT_EQ(test, PAGE, step(mtty, 0, PAGE));
	set_run(mtty, MTTY_RUNNING_P2P);
	KUNIT_EXPECT_EQ(test, 0, step(mtty, 0, PAGE));
	set_run(mtty, MTTY_RUNNING);
	KUNIT_EXPECT_EQ(test, PAGE, step(mtty, 0, PAGE));
	set_run(mtty, MTTY_STOPPED);
	KUNIT_EXPECT_EQ(test, 0, step(mtty, 0, PAGE));
	KUNIT_EXPECT_EQ(test, 2 * PAGE, done(mtty, 0));
	KUNIT_EXPECT_EQ(test, BUSY, status(mtty, 0));
}

/* Kick */

static void engine_kick_of_an_idle_channel(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = PAGE };
	struct mtty_device *mtty = manual_device(test);

	program(mtty, 0, &t);
	set_run(mtty, MTTY_RUNNING);
	KUNIT_EXPECT_FALSE(test, bus.queued[0]);
	KUNIT_EXPECT_FALSE(test, bus.queued[1]);
	begin(mtty, 1, &t);
	KUNIT_EXPECT_FALSE(test, bus.queued[0]);
	KUNIT_EXPECT_TRUE(test, bus.queued[1]);
	KUNIT_EXPECT_EQ(test, 0, bus.delay[1]);
}

/* Work */

struct rate {
	const char *name;
	u32 rate;
	u64 len;
};

static const struct rate rates[] = {
	{ "1", 1, 20 * 4096 },
	{ "100", 100, SZ_1M },
	{ "nearly a page a jiffy", 4096 / MS_PER_JIFFY, SZ_1M },
	{ "a little more", 4096 / MS_PER_JIFFY + 1, SZ_1M },
	{ "700", 700, SZ_1M },
	{ "10 pages a jiffy", 40960 / MS_PER_JIFFY, SZ_1M },
	{ "12345", 12345, SZ_4M - 100 },
	{ "all at once", 0xffffffff, SZ_4M - 100 },
	/* A jiffy's worth of it is a few bytes to who loses the upper bits */
	{ "4 GiB a jiffy", (1ULL << 32) / MS_PER_JIFFY + 1, SZ_4M - 100 },
};

KUNIT_ARRAY_PARAM_DESC(rates, rates, name);

/* It is never behind its rate, and never ahead by more than a chunk */
static void engine_rate(struct kunit *test)
{
	const struct rate *p = test->param_value;
	const struct transfer t = {
		.op = OP_FILL, .dst = 100, .len = p->len, .rate = p->rate,
	};
	struct mtty_device *mtty = manual_device(test);
	u64 elapsed = 0, allowed;

	begin(mtty, 0, &t);
	KUNIT_EXPECT_TRUE(test, bus.queued[0]);
	KUNIT_EXPECT_EQ(test, 0, bus.delay[0]);
	while (bus.queued[0]) {
		elapsed += bus.delay[0];
		run_work(mtty, 0);
		/* By the end of this jiffy */
		allowed = (elapsed + 1) * MS_PER_JIFFY * p->rate;
		KUNIT_ASSERT_LT(test, done(mtty, 0), allowed + PAGE);
		KUNIT_ASSERT_GE(test, done(mtty, 0), min(allowed, t.len));
	}
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
	KUNIT_EXPECT_EQ(test, t.len, done(mtty, 0));
}

/* What a transfer was ahead does not keep a slower one from beginning */
static void engine_rate_that_falls(struct kunit *test)
{
	const struct transfer fast = {
		.op = OP_FILL, .len = SZ_1M, .rate = 5 * PAGE / 2 / MS_PER_JIFFY,
	};
	static const struct transfer slow = {
		.op = OP_FILL, .len = 2 * PAGE, .rate = 1,
	};
	struct mtty_device *mtty = manual_device(test);

	begin(mtty, 0, &fast);
	run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, 3 * PAGE, done(mtty, 0));
	write_reg(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	begin(mtty, 0, &slow);
	run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, PAGE, done(mtty, 0));
	KUNIT_EXPECT_TRUE(test, bus.queued[0]);
}

/* Without a rate nothing is put off */
static void engine_full_rate(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = SZ_4M };
	struct mtty_device *mtty = manual_device(test);

	begin(mtty, 0, &t);
	KUNIT_EXPECT_TRUE(test, bus.queued[0]);
	KUNIT_EXPECT_EQ(test, 0, bus.delay[0]);
	run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
	KUNIT_EXPECT_FALSE(test, bus.queued[0]);
}

/*
 * What was spent of a rate is the transfer's: another one has all of its own,
 * whether it comes with a register or with all of them.
 */
static void engine_rate_of_another_transfer(struct kunit *test)
{
	static const struct transfer t = {
		.op = OP_FILL, .len = 8 * PAGE, .rate = PAGE,
	};
	struct mtty_device *mtty = manual_device(test);
	u64 run = PAGE * MS_PER_JIFFY;

	begin(mtty, 0, &t);
	KUNIT_EXPECT_EQ(test, 0, mtty->engine[0].spent);
	mtty->engine[0].spent = run - 1;
	write_reg(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	write_reg(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_START);
	KUNIT_EXPECT_EQ(test, 0, mtty->engine[0].spent);

	mtty->engine[0].spent = run - 1;
	bus_put_off(&mtty->engine[0], 1000);
	mutex_lock(&mtty->hw_lock);
	mtty_engine_replaced(mtty);
	mutex_unlock(&mtty->hw_lock);
	KUNIT_EXPECT_EQ(test, 0, mtty->engine[0].spent);
	KUNIT_EXPECT_TRUE(test, bus.queued[0]);
	KUNIT_EXPECT_EQ(test, 0, bus.delay[0]);
}

/* A register that is written while a slow chunk is under way */
static void engine_put_off_over_a_kick(struct kunit *test)
{
	static const struct transfer t = {
		.op = OP_FILL, .len = 8 * PAGE, .rate = 1,
	};
	struct mtty_device *mtty = engine_device(test);

	begin_blocked(mtty, 0, &t);
	write_reg(mtty, 1, MTTY_MIG_DMA_PATTERN, 1);
	let_go(mtty);
	finish_run(mtty, 0);
	KUNIT_EXPECT_EQ(test, PAGE, done(mtty, 0));
	KUNIT_EXPECT_TRUE(test, put_off(&mtty->engine[0]));
}

/* The time that a slow transfer takes is not the next one's */
static void engine_begins_at_once(struct kunit *test)
{
	static const struct transfer slow = {
		.op = OP_FILL, .len = 2 * PAGE, .rate = 1,
	};
	static const struct transfer last = {
		.op = OP_FILL, .len = PAGE, .rate = 1,
	};
	static const struct transfer fast = { .op = OP_FILL, .len = 3 * PAGE };
	struct mtty_device *mtty = engine_device(test);

	begin(mtty, 0, &slow);
	finish_run(mtty, 0);
	KUNIT_EXPECT_EQ(test, PAGE, done(mtty, 0));
	write_reg(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	begin(mtty, 0, &fast);
	finish_run(mtty, 0);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));

	begin(mtty, 0, &last);
	finish_run(mtty, 0);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
	begin(mtty, 0, &fast);
	finish_run(mtty, 0);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
	KUNIT_EXPECT_EQ(test, 3 * PAGE, done(mtty, 0));
}

/* ... but no register brings the next chunk of a slow one forward */
static void engine_rate_whatever_is_written(struct kunit *test)
{
	static const struct transfer slow = {
		.op = OP_FILL, .len = 2 * PAGE, .rate = 1,
	};
	struct mtty_device *mtty = engine_device(test);

	begin(mtty, 0, &slow);
	finish_run(mtty, 0);
	begin(mtty, 0, &slow);
	begin(mtty, 1, &slow);
	finish_run(mtty, 0);
	KUNIT_EXPECT_EQ(test, PAGE, done(mtty, 0));
}

static void engine_work_of_an_idle_channel(struct kunit *test)
{
	struct mtty_device *mtty = manual_device(test);

	run_work(mtty, 0);
	KUNIT_EXPECT_FALSE(test, bus.queued[0]);
	KUNIT_EXPECT_EQ(test, 0, bus.nr_events);
}

static void engine_work_that_fails_is_not_repeated(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 4 * PAGE };
	struct mtty_device *mtty = manual_device(test);

	bus.bad = BASE + PAGE;
	begin(mtty, 0, &t);
	run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, FAILED, status(mtty, 0));
	KUNIT_EXPECT_FALSE(test, bus.queued[0]);
}

/* Hold */

static void engine_held_moves_by_steps_only(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 2 * PAGE };
	struct mtty_device *mtty = manual_device(test);

	mtty_engine_hold(mtty, true);
	KUNIT_EXPECT_FALSE(test, bus.queued[0]);
	begin(mtty, 0, &t);
	set_run(mtty, MTTY_RUNNING);
	/* Work that was queued before does nothing and goes away */
	run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, 0, bus.nr_events);
	KUNIT_EXPECT_FALSE(test, bus.queued[0]);

	KUNIT_EXPECT_EQ(test, PAGE, mtty_engine_step(mtty, 0, 1));
	KUNIT_EXPECT_FALSE(test, bus.queued[0]);
	mtty_engine_hold(mtty, false);
	KUNIT_EXPECT_TRUE(test, bus.queued[0]);
	KUNIT_EXPECT_FALSE(test, bus.queued[1]);
	run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
}

static void call_hold(struct mtty_device *mtty)
{
	mtty_engine_hold(mtty, true);
}

static void engine_hold_waits_for_the_chunk_under_way(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 8 * PAGE };
	struct mtty_device *mtty = engine_device(test);
	struct other *hold;

	begin_blocked(mtty, 0, &t);
	hold = call(test, mtty, call_hold);
	KUNIT_EXPECT_TRUE(test, waits(hold));
	let_go(mtty);
	wait_for_completion(&hold->done);
	/* One chunk, and no work is left that could do another */
	settle(mtty);
	KUNIT_EXPECT_EQ(test, PAGE, done(mtty, 0));
	KUNIT_EXPECT_EQ(test, PAGE, mtty_engine_step(mtty, 0, 1));
	mtty_engine_hold(mtty, false);
	settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
}

static void call_step(struct mtty_device *mtty)
{
	mtty_engine_step(mtty, 0, 1);
}

/* One waits for the step; the other is told that there is one */
static void engine_stepped_by_two(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 8 * PAGE };
	struct mtty_device *mtty = engine_device(test);
	struct other *step;

	mtty_engine_hold(mtty, true);
	begin(mtty, 0, &t);
	bus.gate = true;
	step = call(test, mtty, call_step);
	wait_for_completion(&bus.entered);
	KUNIT_EXPECT_TRUE(test, waits(step));
	KUNIT_EXPECT_EQ(test, 0, mtty_engine_step(mtty, 0, 1));
	let_go(mtty);
	wait_for_completion(&step->done);
	KUNIT_EXPECT_EQ(test, PAGE, done(mtty, 0));
}

/* Let go while it is stepped: it goes on by itself after the step */
static void engine_goes_on_after_a_step(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 8 * PAGE };
	struct mtty_device *mtty = engine_device(test);
	struct other *step;

	mtty_engine_hold(mtty, true);
	begin(mtty, 0, &t);
	bus.gate = true;
	step = call(test, mtty, call_step);
	wait_for_completion(&bus.entered);
	mtty_engine_hold(mtty, false);
	KUNIT_EXPECT_EQ(test, 0, done(mtty, 0));
	let_go(mtty);
	wait_for_completion(&step->done);
	settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
}

/* Under way */

static void engine_channels_have_threads_of_their_own(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 2 * PAGE };
	struct mtty_device *mtty = engine_device(test);

	begin_blocked(mtty, 0, &t);
	/* The other channel does not mind */
	begin(mtty, 1, &t);
	settle_channel(mtty, 1);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 1));
	let_go(mtty);
	settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
	KUNIT_EXPECT_EQ(test, 2 * PAGE, done(mtty, 0));
}

static void engine_aborted_under_way(struct kunit *test)
{
	static const struct transfer t = { .op = OP_READ, .len = 2 * PAGE };
	struct mtty_device *mtty = engine_device(test);
	struct memories *m = memories_new(test, mtty);

	begin_blocked(mtty, 0, &t);
	write_reg(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	KUNIT_EXPECT_EQ(test, FAILED, status(mtty, 0));
	let_go(mtty);
	settle(mtty);
	/* What came late is dropped, and not told */
	KUNIT_EXPECT_EQ(test, FAILED, status(mtty, 0));
	KUNIT_EXPECT_EQ(test, 0, done(mtty, 0));
	expect_memories(test, mtty, m);
}

static void engine_begun_anew_under_way(struct kunit *test)
{
	static const struct transfer old = { .op = OP_READ, .len = 2 * PAGE };
	static const struct transfer new = {
		.op = OP_READ, .src = 0x9000, .dst = 5, .len = PAGE,
	};
	struct mtty_device *mtty = engine_device(test);
	struct memories *m = memories_new(test, mtty);

	begin_blocked(mtty, 0, &old);
	write_reg(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	begin(mtty, 0, &new);
	KUNIT_EXPECT_EQ(test, 0, done(mtty, 0));
	let_go(mtty);
	settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
	KUNIT_EXPECT_EQ(test, PAGE, done(mtty, 0));
	model_transfer(m, &new, new.len);
	expect_memories(test, mtty, m);
}

/* That the old one's access fails is not the new one's fault */
static void engine_begun_anew_while_the_old_one_fails(struct kunit *test)
{
	static const struct transfer old = {
		.op = OP_READ, .src = 0x5000, .len = 2 * PAGE,
	};
	static const struct transfer new = { .op = OP_FILL, .len = PAGE };
	struct mtty_device *mtty = engine_device(test);

	bus.bad = BASE + 0x5000;
	begin_blocked(mtty, 0, &old);
	write_reg(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	begin(mtty, 0, &new);
	let_go(mtty);
	settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
	KUNIT_EXPECT_EQ(test, PAGE, done(mtty, 0));
}

/* Whatever else is written does not part a chunk from its transfer */
static void engine_registers_written_under_way(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 2 * PAGE };
	struct mtty_device *mtty = engine_device(test);
	unsigned int offset;

	begin_blocked(mtty, 0, &t);
	for (offset = 0; offset < MTTY_MIG_DMA_CTRL; offset += 4)
		write_reg(mtty, 0, offset, 0);
	write_reg(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_START);
	write_reg(mtty, 1, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	let_go(mtty);
	settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
	KUNIT_EXPECT_EQ(test, 2 * PAGE, done(mtty, 0));
	KUNIT_EXPECT_EQ(test, 2 * 2, bus.nr_events);
}

/* Drain and stop */

static void call_drain(struct mtty_device *mtty)
{
	mtty_engine_drain(mtty);
}

struct drain {
	const char *name;
	unsigned int channel;
	enum mtty_run run;
	u64 peer_size;
	bool waits;
};

/* With a chunk under way of a transfer to the peer window, if there is one */
static const struct drain drains[] = {
	{ "running", 0, MTTY_RUNNING, PAGE, false },
	{ "P2P, no peer", 0, MTTY_RUNNING_P2P, 0, false },
	{ "P2P, to a peer", 0, MTTY_RUNNING_P2P, PAGE, true },
	{ "P2P, to a peer, channel 1", 1, MTTY_RUNNING_P2P, PAGE, true },
	{ "stopped, no peer", 0, MTTY_STOPPED, 0, true },
	{ "stopped, channel 1", 1, MTTY_STOPPED, 0, true },
	{ "stopped, to a peer", 0, MTTY_STOPPED, PAGE, true },
};

KUNIT_ARRAY_PARAM_DESC(drains, drains, name);

static void engine_drain_waits_for_what_may_not_go_on(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 4 * PAGE };
	const struct drain *p = test->param_value;
	struct mtty_device *mtty = engine_device(test);
	struct other *drain;

	set_peer(mtty, 3 * PAGE, p->peer_size);
	begin_blocked(mtty, p->channel, &t);
	set_run(mtty, p->run);
	drain = call(test, mtty, call_drain);
	KUNIT_EXPECT_EQ(test, p->waits, waits(drain));
	let_go(mtty);
	wait_for_completion(&drain->done);
	if (p->waits)
		KUNIT_EXPECT_EQ(test, PAGE, done(mtty, p->channel));
	settle(mtty);
	KUNIT_EXPECT_EQ(test, p->waits ? PAGE : t.len, done(mtty, p->channel));
}

static void engine_drain_of_an_idle_engine(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = PAGE };
	struct mtty_device *mtty = manual_device(test);
	struct other *drain;

	begin(mtty, 0, &t);
	set_run(mtty, MTTY_STOPPED);
	drain = call(test, mtty, call_drain);
	KUNIT_EXPECT_FALSE(test, waits(drain));
}

/*
 * The registers tell of the transfer that was begun last; under way is a chunk
 * of the one before.
 */
static void engine_drain_waits_for_what_was_aborted(struct kunit *test)
{
	static const struct transfer peer = { .op = OP_FILL, .len = PAGE };
	static const struct transfer other = {
		.op = OP_FILL, .dst = 0x8000, .len = PAGE,
	};
	struct mtty_device *mtty = engine_device(test);
	struct other *drain;

	set_peer(mtty, 0, PAGE);
	begin_blocked(mtty, 0, &peer);
	write_reg(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	begin(mtty, 0, &other);
	set_run(mtty, MTTY_RUNNING_P2P);
	drain = call(test, mtty, call_drain);
	KUNIT_EXPECT_TRUE(test, waits(drain));
	let_go(mtty);
	wait_for_completion(&drain->done);
	settle(mtty);
	/* The new one may go on */
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
}

/* The other way round: the new one is to a peer, the old one was not */
static void engine_drain_does_not_mind_what_was_aborted(struct kunit *test)
{
	static const struct transfer peer = { .op = OP_FILL, .len = PAGE };
	static const struct transfer other = {
		.op = OP_FILL, .dst = 0x8000, .len = PAGE,
	};
	struct mtty_device *mtty = engine_device(test);
	struct other *drain;

	set_peer(mtty, 0, PAGE);
	begin_blocked(mtty, 0, &other);
	write_reg(mtty, 0, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_ABORT);
	begin(mtty, 0, &peer);
	set_run(mtty, MTTY_RUNNING_P2P);
	drain = call(test, mtty, call_drain);
	KUNIT_EXPECT_FALSE(test, waits(drain));
	let_go(mtty);
	settle(mtty);
	KUNIT_EXPECT_EQ(test, 0, done(mtty, 0));
	KUNIT_EXPECT_EQ(test, BUSY, status(mtty, 0));
}

/* The arc itself: SET_STATE does not return before the chunk is there */
static void call_stop(struct mtty_device *mtty)
{
	mtty->vdev.mig_ops->migration_set_state(&mtty->vdev,
						VFIO_DEVICE_STATE_STOP);
}

static void engine_stopped_by_set_state(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = 8 * PAGE };
	struct mtty_device *mtty = engine_device(test);
	struct other *set;

	begin_blocked(mtty, 0, &t);
	set = call(test, mtty, call_stop);
	KUNIT_EXPECT_TRUE(test, waits(set));
	let_go(mtty);
	wait_for_completion(&set->done);
	KUNIT_EXPECT_EQ(test, VFIO_DEVICE_STATE_STOP, mtty_test_get_state(mtty));
	KUNIT_EXPECT_EQ(test, PAGE, done(mtty, 0));
	settle(mtty);
	KUNIT_EXPECT_EQ(test, PAGE, done(mtty, 0));
	mtty_test_enter(test, mtty, VFIO_DEVICE_STATE_RUNNING);
	settle(mtty);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
}

/* Both channels have a chunk under way: that one has ended is not enough */
static void expect_drain_of_both(struct kunit *test, unsigned int first)
{
	static const struct transfer t = { .op = OP_FILL, .len = PAGE };
	struct mtty_device *mtty = manual_device(test);
	struct other *drain;
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		begin(mtty, i, &t);
		WRITE_ONCE(mtty->engine[i].in_flight, true);
	}
	set_run(mtty, MTTY_STOPPED);
	drain = call(test, mtty, call_drain);
	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		unsigned int channel = (first + i) % MTTY_MIG_NR_DMA;

		KUNIT_EXPECT_TRUE(test, waits(drain));
		/* As engine_end() does it */
		smp_store_release(&mtty->engine[channel].in_flight, false);
		wake_up_all(&mtty->engine_wait);
	}
	wait_for_completion(&drain->done);
}

static void engine_drain_waits_for_both_channels(struct kunit *test)
{
	expect_drain_of_both(test, 0);
	expect_drain_of_both(test, 1);
}

/* Bus Master Enable */
static void engine_without_bus_master(struct kunit *test)
{
	static const struct transfer t = { .op = OP_FILL, .len = PAGE };
	struct mtty_device *mtty = manual_device(test);

	mtty->hw.pci.config[PCI_COMMAND] &= ~PCI_COMMAND_MASTER;
	begin(mtty, 0, &t);
	run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, 0, step(mtty, 0, 1));
	KUNIT_EXPECT_EQ(test, 0, bus.nr_events);
	KUNIT_EXPECT_EQ(test, BUSY, status(mtty, 0));
	mtty->hw.pci.config[PCI_COMMAND] |= PCI_COMMAND_MASTER;
	run_work(mtty, 0);
	KUNIT_EXPECT_EQ(test, COMPLETE, status(mtty, 0));
}

/* What is put off for seconds is not waited for */
static void engine_stop_leaves_no_work(struct kunit *test)
{
	static const struct transfer t = {
		.op = OP_FILL, .len = 8 * PAGE, .rate = 1,
	};
	struct mtty_device *mtty = engine_device(test);
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		begin(mtty, i, &t);
		finish_run(mtty, i);
		KUNIT_EXPECT_EQ(test, PAGE, done(mtty, i));
		KUNIT_EXPECT_TRUE(test, put_off(&mtty->engine[i]));
	}
	mtty_engine_stop(mtty);
	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		KUNIT_EXPECT_PTR_EQ(test, NULL, mtty->engine[i].worker);
		KUNIT_EXPECT_FALSE(test, put_off(&mtty->engine[i]));
		/* Nothing of a device that is closed moves */
		begin(mtty, i, &t);
	}
	KUNIT_EXPECT_EQ(test, 0, mtty_engine_start(mtty));
}

/* A device that cannot have its threads is not opened, and leaves none */
static void engine_start_without_memory(struct kunit *test)
{
	struct mtty_device *mtty = engine_device(test);
	unsigned int i;

	mtty_engine_stop(mtty);
	bus.no_memory = true;
	KUNIT_EXPECT_EQ(test, -ENOMEM, mtty_engine_start(mtty));
	bus.no_memory = false;
	for (i = 0; i < MTTY_MIG_NR_DMA; i++)
		KUNIT_EXPECT_PTR_EQ(test, NULL, mtty->engine[i].worker);
	KUNIT_EXPECT_EQ(test, 0, mtty_engine_start(mtty));
}

/* The device is what init makes of it */
static void engine_init_of_each_channel(struct kunit *test)
{
	struct mtty_device *mtty = engine_device(test);
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		KUNIT_EXPECT_PTR_EQ(test, mtty, mtty->engine[i].mtty);
		KUNIT_EXPECT_EQ(test, i, mtty->engine[i].channel);
	}
}

static struct kunit_case engine_cases[] = {
	KUNIT_CASE_PARAM(engine_transfers, transfers_gen_params),
	KUNIT_CASE_PARAM(engine_transfers_by_itself, transfers_gen_params),
	KUNIT_CASE(engine_tells_of_each_chunk),
	KUNIT_CASE_PARAM(engine_fails_where_nothing_is_mapped,
			 failures_gen_params),
	KUNIT_CASE_PARAM(engine_fails_where_no_bus_reaches, beyond_gen_params),
	KUNIT_CASE(engine_fails_without_device_memory),
	KUNIT_CASE_PARAM(engine_step_ends_with_a_chunk, steps_gen_params),
	KUNIT_CASE(engine_step_whatever_the_rate),
	KUNIT_CASE(engine_step_of_a_closed_device),
	KUNIT_CASE_PARAM(engine_may_run_in, may_runs_gen_params),
	KUNIT_CASE(engine_stops_between_chunks),
	KUNIT_CASE(engine_kick_of_an_idle_channel),
	KUNIT_CASE_PARAM(engine_rate, rates_gen_params),
	KUNIT_CASE(engine_rate_that_falls),
	KUNIT_CASE(engine_full_rate),
	KUNIT_CASE(engine_rate_of_another_transfer),
	KUNIT_CASE(engine_put_off_over_a_kick),
	KUNIT_CASE(engine_begins_at_once),
	KUNIT_CASE(engine_rate_whatever_is_written),
	KUNIT_CASE(engine_work_of_an_idle_channel),
	KUNIT_CASE(engine_work_that_fails_is_not_repeated),
	KUNIT_CASE(engine_held_moves_by_steps_only),
	KUNIT_CASE(engine_hold_waits_for_the_chunk_under_way),
	KUNIT_CASE(engine_stepped_by_two),
	KUNIT_CASE(engine_goes_on_after_a_step),
	KUNIT_CASE(engine_channels_have_threads_of_their_own),
	KUNIT_CASE(engine_aborted_under_way),
	KUNIT_CASE(engine_begun_anew_under_way),
	KUNIT_CASE(engine_begun_anew_while_the_old_one_fails),
	KUNIT_CASE(engine_registers_written_under_way),
	KUNIT_CASE_PARAM(engine_drain_waits_for_what_may_not_go_on,
			 drains_gen_params),
	KUNIT_CASE(engine_drain_of_an_idle_engine),
	KUNIT_CASE(engine_drain_waits_for_what_was_aborted),
	KUNIT_CASE(engine_drain_does_not_mind_what_was_aborted),
	KUNIT_CASE(engine_stopped_by_set_state),
	KUNIT_CASE(engine_drain_waits_for_both_channels),
	KUNIT_CASE(engine_without_bus_master),
	KUNIT_CASE(engine_stop_leaves_no_work),
	KUNIT_CASE(engine_start_without_memory),
	KUNIT_CASE(engine_init_of_each_channel),
	{}
};

static struct kunit_suite engine_suite = {
	.name = "mtty_mig_engine",
	.init = engine_init,
	.test_cases = engine_cases,
};

kunit_test_suite(engine_suite);
