// SPDX-License-Identifier: GPL-2.0-only
/* A bus in software for the suites of the DMA engine. */
#include <kunit/static_stub.h>
#include <linux/kthread.h>
#include <linux/pci_regs.h>
#include <linux/slab.h>
#include <linux/vfio.h>

#include "bus.h"

struct mtty_bus mtty_bus;

static void bus_event(enum event_type type, u64 iova, u64 len)
{
	if (mtty_bus.nr_events < ARRAY_SIZE(mtty_bus.events))
		mtty_bus.events[mtty_bus.nr_events] =
			(struct event){ type, iova, len };
	mtty_bus.nr_events++;
}

static int bus_rw(struct mtty_device *mtty, dma_addr_t iova, void *data,
		  size_t len, bool write)
{
	u8 *mem;

	mtty_bus.locked |= mutex_is_locked(&mtty->hw_lock);
	if (mtty_bus.gate) {
		mtty_bus.gate = false;
		complete(&mtty_bus.entered);
		wait_for_completion(&mtty_bus.go);
	}
	bus_event(write ? BUS_WRITE : BUS_READ, iova, len);
	if (iova < BASE || iova - BASE > WINDOW - len)
		return -EINVAL;
	if (mtty_bus.bad && iova + len > mtty_bus.bad &&
	    iova < mtty_bus.bad + PAGE)
		return -EFAULT;
	mem = mtty_bus.mem + (iova - BASE) % USER_SIZE;
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
	return mtty_bus.no_page ? -ENOMEM :
	       mtty_mem_write(engine->mtty->mem, chunk->dst, engine->buf,
			      chunk->len);
}

static void bus_irq_update(struct mtty_device *mtty)
{
	lockdep_assert_held(&mtty->hw_lock);
	mtty_bus.irq_updates++;
}

static void *bus_alloc(void)
{
	return mtty_bus.no_memory ? NULL :
	       kmalloc(MTTY_MIG_PAGE_SIZE, GFP_KERNEL);
}

void mtty_bus_put_off(struct mtty_engine *engine, unsigned long delay)
{
	mtty_bus.queued[engine->channel] = true;
	mtty_bus.delay[engine->channel] = delay;
}

static void bus_queue(struct mtty_engine *engine)
{
	if (!mtty_bus.manual)
		kthread_queue_delayed_work(engine->worker, &engine->work, 0);
	else if (!mtty_bus.queued[engine->channel])
		mtty_bus_put_off(engine, 0);
}

static void bus_requeue(struct mtty_engine *engine, unsigned long delay)
{
	if (!mtty_bus.manual || engine->step)
		kthread_mod_delayed_work(engine->worker, &engine->work, delay);
	else
		mtty_bus_put_off(engine, delay);
}

/* Before there is a device, so that the stubs are there as long as it is */
int mtty_bus_init(struct kunit *test)
{
	kunit_activate_static_stub(test, mtty_engine_bus, bus_rw);
	kunit_activate_static_stub(test, mtty_engine_store, bus_store);
	kunit_activate_static_stub(test, mtty_engine_alloc, bus_alloc);
	kunit_activate_static_stub(test, mtty_engine_queue, bus_queue);
	kunit_activate_static_stub(test, mtty_engine_requeue, bus_requeue);
	kunit_activate_static_stub(test, mtty_dirty_mark, bus_mark);
	kunit_activate_static_stub(test, mtty_irq_update, bus_irq_update);
	memset(&mtty_bus, 0, sizeof(mtty_bus));
	init_completion(&mtty_bus.entered);
	init_completion(&mtty_bus.go);
	mtty_bus.mem = kunit_kzalloc(test, USER_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mtty_bus.mem);
	return 0;
}

bool mtty_bus_src_is_user(const struct transfer *t)
{
	return t->op == OP_READ || t->op == OP_COPY;
}

void mtty_bus_write(struct mtty_device *mtty, unsigned int channel,
		    unsigned int offset, u32 val)
{
	mutex_lock(&mtty->hw_lock);
	mtty_engine_write(mtty, channel, offset, val);
	mutex_unlock(&mtty->hw_lock);
}

void mtty_bus_program(struct mtty_device *mtty, unsigned int channel,
		      const struct transfer *t)
{
	u64 src = t->src + (mtty_bus_src_is_user(t) ? BASE : 0);
	u64 dst = t->dst + (t->op != OP_READ ? BASE : 0);

	mtty_bus_write(mtty, channel, MTTY_MIG_DMA_CMD, t->op);
	mtty_bus_write(mtty, channel, MTTY_MIG_DMA_SRC_LO, src);
	mtty_bus_write(mtty, channel, MTTY_MIG_DMA_SRC_HI, src >> 32);
	mtty_bus_write(mtty, channel, MTTY_MIG_DMA_DST_LO, dst);
	mtty_bus_write(mtty, channel, MTTY_MIG_DMA_DST_HI, dst >> 32);
	mtty_bus_write(mtty, channel, MTTY_MIG_DMA_LEN_LO, t->len);
	mtty_bus_write(mtty, channel, MTTY_MIG_DMA_LEN_HI, t->len >> 32);
	mtty_bus_write(mtty, channel, MTTY_MIG_DMA_RATE, t->rate);
	mtty_bus_write(mtty, channel, MTTY_MIG_DMA_PATTERN, PATTERN);
}

void mtty_bus_begin(struct mtty_device *mtty, unsigned int channel,
		    const struct transfer *t)
{
	mtty_bus_program(mtty, channel, t);
	mtty_bus_write(mtty, channel, MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_START);
}

void mtty_bus_set_run(struct mtty_device *mtty, enum mtty_run run)
{
	mutex_lock(&mtty->hw_lock);
	mtty->run = run;
	mtty->dma_run = run;
	mtty_engine_kick(mtty);
	mutex_unlock(&mtty->hw_lock);
}

void mtty_bus_set_peer(struct mtty_device *mtty, u64 offset, u64 size)
{
	mutex_lock(&mtty->hw_lock);
	mtty->hw.peer_base = BASE + offset;
	mtty->hw.peer_size = size;
	mutex_unlock(&mtty->hw_lock);
}

u32 mtty_bus_status(struct mtty_device *mtty, unsigned int channel)
{
	u32 status;

	mutex_lock(&mtty->hw_lock);
	status = mtty->hw.dma[channel].status;
	mutex_unlock(&mtty->hw_lock);
	return status;
}

u64 mtty_bus_done(struct mtty_device *mtty, unsigned int channel)
{
	u64 done;

	mutex_lock(&mtty->hw_lock);
	done = mtty->hw.dma[channel].done;
	mutex_unlock(&mtty->hw_lock);
	return done;
}

/* Run the work of a channel that is queued by word only */
void mtty_bus_run_work(struct mtty_device *mtty, unsigned int channel)
{
	mtty_bus.queued[channel] = false;
	mtty_engine_work(&mtty->engine[channel].work.work);
}

/* Step a channel, which does not go on by itself after that */
s64 mtty_bus_step(struct mtty_device *mtty, unsigned int channel, u64 bytes)
{
	bool held = mtty->engine_held;
	s64 moved;

	mtty->engine_held = true;
	moved = mtty_engine_step(mtty, channel, bytes);
	mtty->engine_held = held;
	return moved;
}

/* Whether the work of a channel is due later, as a slow rate wants it */
bool mtty_bus_is_put_off(struct mtty_engine *engine)
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
void mtty_bus_finish_run(struct mtty_device *mtty, unsigned int channel)
{
	struct mtty_engine *engine = &mtty->engine[channel];

	while (!mtty_bus_is_put_off(engine) && !work_idle(engine))
		schedule_timeout_uninterruptible(1);
}

/* Wait until the work of a channel has nothing to do, now or later */
void mtty_bus_settle_channel(struct mtty_device *mtty, unsigned int channel)
{
	struct mtty_engine *engine = &mtty->engine[channel];

	while (!work_idle(engine)) {
		if (mtty_bus_is_put_off(engine))
			kthread_mod_delayed_work(engine->worker,
						 &engine->work, 0);
		schedule_timeout_uninterruptible(1);
	}
}

void mtty_bus_settle(struct mtty_device *mtty)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_DMA; i++)
		mtty_bus_settle_channel(mtty, i);
}

static void unblock(void *unused)
{
	complete_all(&mtty_bus.go);
}

/* A stub acts in the threads of its test. Those of the channels become its own. */
static void adopt(struct kunit *test, struct mtty_device *mtty)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_DMA; i++)
		WRITE_ONCE(mtty->engine[i].worker->task->kunit_test, test);
}

/* A device that runs, whose channels are connected to the bus */
struct mtty_device *mtty_bus_device(struct kunit *test)
{
	struct mtty_device *mtty;

	mtty = mtty_test_create(test, MTTY_MIG_TYPE_FULL, MEM_SIZE);
	mtty_test_open(test, mtty);
	adopt(test, mtty);
	/* A reset is part of open: it queued work and looked at interrupts */
	mtty_bus_settle(mtty);
	mtty_bus.irq_updates = 0;
	mtty->hw.pci.config[PCI_COMMAND] |= PCI_COMMAND_MASTER;
	/* What fails in the middle leaves nobody waiting */
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, unblock,
							   NULL));
	return mtty;
}

/* The same, whose work the test runs */
struct mtty_device *mtty_bus_manual_device(struct kunit *test)
{
	struct mtty_device *mtty = mtty_bus_device(test);

	mtty_bus.manual = true;
	return mtty;
}

/* Content by chance, in user memory and in device memory */
static void fill_both(struct kunit *test, struct mtty_device *mtty, u8 *mem)
{
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 1);
	prandom_bytes_state(&rnd, mtty_bus.mem, USER_SIZE);
	prandom_bytes_state(&rnd, mem, MEM_SIZE);
	KUNIT_ASSERT_EQ(test, 0, mtty_mem_write(mtty->mem, 0, mem, MEM_SIZE));
}

struct memories *mtty_bus_memories(struct kunit *test,
				   struct mtty_device *mtty)
{
	struct memories *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	fill_both(test, mtty, m->mem);
	memcpy(m->user, mtty_bus.mem, sizeof(m->user));
	return m;
}

/* What so many bytes of a transfer make of the memories, byte by byte */
void mtty_bus_model(struct memories *m, const struct transfer *t,
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

void mtty_bus_expect_memories(struct kunit *test, struct mtty_device *mtty,
			      struct memories *m)
{
	mtty_mem_read(mtty->mem, 0, m->now, MEM_SIZE);
	KUNIT_EXPECT_EQ(test, -1, mtty_test_diff(m->mem, m->now, MEM_SIZE));
	KUNIT_EXPECT_EQ(test, -1, mtty_test_diff(m->user, mtty_bus.mem,
						 sizeof(m->user)));
}

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

	complete_all(&mtty_bus.go);
	kthread_stop(other->task);
	put_task_struct(other->task);
}

struct other *mtty_bus_call(struct kunit *test, struct mtty_device *mtty,
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
bool mtty_bus_waits(struct other *other)
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
void mtty_bus_begin_blocked(struct mtty_device *mtty, unsigned int channel,
			    const struct transfer *t)
{
	mtty_bus.gate = true;
	mtty_bus_begin(mtty, channel, t);
	wait_for_completion(&mtty_bus.entered);
}

void mtty_bus_let_go(struct mtty_device *mtty)
{
	complete(&mtty_bus.go);
}
