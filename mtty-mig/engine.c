// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA engine: it transfers one chunk after the other, each within a page, in
 * a kernel thread for each channel, which exists while the device is open.
 *
 * A chunk is chosen and booked under hw_lock, but transferred without it, because
 * vfio_dma_rw() may wait for user memory for as long as userspace likes
 * (userfaultfd, FUSE). mtty_device.dma_run says whether a chunk may begin. To
 * quiesce, lower it and wait until no chunk is in flight that it no longer allows.
 *
 * The threads are not a workqueue, because a thread can be killed. Only a fatal
 * signal ends a page fault on user memory, so SIGKILL ends a chunk that hangs:
 * see mtty_engine_stop() and engine_watch().
 */
#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "compat.h"
#include "mtty_mig.h"

/* Interval of the checks whether the owner of a chunk in flight is dying */
#define ENGINE_WATCH	(HZ / 10)
/* Successive checks that must find it dying: a process may need time to exit */
#define ENGINE_DYING	10

/**
 * struct mtty_engine_step - a step of a channel, by request of a test
 * @bytes: number of bytes to transfer
 * @moved: number of bytes transferred
 * @ended: the step has ended
 *
 * Belongs to the thread that waits for it. While it is in mtty_engine.step,
 * hw_lock protects it.
 */
struct mtty_engine_step {
	u64 bytes;
	u64 moved;
	bool ended;
};

static bool engine_to_peer(const struct mtty_engine *engine)
{
	const struct mtty_hw *hw = &engine->mtty->hw;

	return mtty_dma_to_peer(&hw->dma[engine->channel], hw->peer_base,
				hw->peer_size);
}

/* Whether there may be DMA, to a peer or not */
static bool run_allows(enum mtty_run run, bool to_peer)
{
	return run == MTTY_RUNNING || (run == MTTY_RUNNING_P2P && !to_peer);
}

static bool engine_may_run(const struct mtty_engine *engine)
{
	return mtty_pci_bus_master(&engine->mtty->hw.pci) &&
	       run_allows(engine->mtty->dma_run, engine_to_peer(engine));
}

/*
 * Whether no chunk is in flight that dma_run does not allow. The registers do
 * not say so, because they may have been written since the chunk began. @to_peer
 * changes only while no chunk is in flight, so it can be read without hw_lock.
 */
static bool engine_quiet(const struct mtty_engine *engine)
{
	/* Pairs with the release in engine_end() */
	return !smp_load_acquire(&engine->in_flight) ||
	       run_allows(READ_ONCE(engine->mtty->dma_run),
			  READ_ONCE(engine->to_peer));
}

static bool engines_quiet(const struct mtty_device *mtty)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_DMA; i++)
		if (!engine_quiet(&mtty->engine[i]))
			return false;
	return true;
}

static bool engines_idle(const struct mtty_device *mtty)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_DMA; i++)
		if (READ_ONCE(mtty->engine[i].in_flight))
			return false;
	return true;
}

static void engine_fill(u8 *buf, const struct mtty_dma_chunk *chunk,
			u32 pattern)
{
	u32 i;

	/* By address, so that the result does not depend on chunk boundaries */
	for (i = 0; i < chunk->len; i++)
		buf[i] = pattern >> (chunk->dst + i) % 4 * 8;
}

/* The rest of the system, which the unit tests replace. 0 or -errno. */
VISIBLE_IF_KUNIT int mtty_engine_bus(struct mtty_device *mtty, dma_addr_t iova,
				     void *buf, size_t len, bool write)
{
	KUNIT_STATIC_STUB_REDIRECT(mtty_engine_bus, mtty, iova, buf, len, write);
	return vfio_dma_rw(&mtty->vdev, iova, buf, len, write);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_engine_bus);

/* 0 or -errno */
static int engine_dma_rw(struct mtty_device *mtty, u64 iova, void *buf,
			 size_t len, bool write)
{
	/* The address does not fit if a bus address has 32 bits */
	if (iova != (dma_addr_t)iova)
		return -EINVAL;
	return mtty_engine_bus(mtty, iova, buf, len, write);
}

/* Do the part of a chunk that needs no hw_lock; 0 or -errno */
static int engine_transfer(struct mtty_device *mtty,
			   const struct mtty_dma_chunk *chunk, void *buf)
{
	int ret = 0;

	if (chunk->op == MTTY_MIG_DMA_OP_READ ||
	    chunk->op == MTTY_MIG_DMA_OP_COPY)
		ret = engine_dma_rw(mtty, chunk->src, buf, chunk->len, false);
	if (ret || chunk->op == MTTY_MIG_DMA_OP_READ)
		return ret;

	ret = engine_dma_rw(mtty, chunk->dst, buf, chunk->len, true);
	/*
	 * Mark the page after the write. If it were marked before, the VMM
	 * could read the log and copy the page while it still has its old
	 * content. Even a failed write may have written something.
	 */
	mtty_dirty_mark(&mtty->dirty, chunk->dst, chunk->len);
	return ret;
}

/* Wake the thread that waits for a step, if any. Context: Under hw_lock. */
static void engine_end_step(struct mtty_engine *engine)
{
	if (!engine->step)
		return;
	WRITE_ONCE(engine->step->ended, true);
	engine->step = NULL;
	wake_up_all(&engine->mtty->engine_wait);
}

/* Queue the work of a channel, unless it is queued, even with a delay */
VISIBLE_IF_KUNIT void mtty_engine_queue(struct mtty_engine *engine)
{
	KUNIT_STATIC_STUB_REDIRECT(mtty_engine_queue, engine);
	kthread_queue_delayed_work(engine->worker, &engine->work, 0);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_engine_queue);

/* Queue the work of a channel in place of an earlier queueing, if any */
VISIBLE_IF_KUNIT void mtty_engine_requeue(struct mtty_engine *engine,
					  unsigned long delay)
{
	KUNIT_STATIC_STUB_REDIRECT(mtty_engine_requeue, engine, delay);
	kthread_mod_delayed_work(engine->worker, &engine->work, delay);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_engine_requeue);

/*
 * Whether the rate allows a chunk now. If not, delay the work until it does;
 * bytes that were transferred too early count for the next period. The delay
 * replaces an earlier queueing of the work.
 */
static bool engine_rate_allows(struct mtty_engine *engine)
{
	u64 rate = engine->mtty->hw.dma[engine->channel].rate;
	u64 budget = rate * jiffies_to_msecs(1);
	u64 delay;

	if (!rate || engine->spent < budget)
		return true;
	delay = div64_u64_rem(engine->spent, budget, &engine->spent);
	mtty_engine_requeue(engine, min_t(u64, delay, MAX_JIFFY_OFFSET));
	return false;
}

/* Choose the next chunk, if one may begin now. Context: Under hw_lock. */
static bool engine_next(struct mtty_engine *engine,
			struct mtty_dma_chunk *chunk)
{
	struct mtty_device *mtty = engine->mtty;

	if (!engine->worker || !engine_may_run(engine) ||
	    !mtty_dma_next(&mtty->hw.dma[engine->channel], chunk))
		return false;
	if (engine->step)
		return true;
	return !mtty->engine_held && engine_rate_allows(engine);
}

/* Begin a chunk. Return: true if there is one to transfer. */
static bool engine_begin(struct mtty_engine *engine,
			 struct mtty_dma_chunk *chunk, unsigned int *transfer)
{
	struct mtty_device *mtty = engine->mtty;
	struct mtty_dma *dma = &mtty->hw.dma[engine->channel];
	bool begin;

	mutex_lock(&mtty->hw_lock);
	/* A signal that was to kill the last chunk must not kill this one */
	if (signal_pending(current))
		flush_signals(current);
	begin = engine_next(engine, chunk);
	if (!begin) {
		engine_end_step(engine);
		goto out;
	}
	if (chunk->op == MTTY_MIG_DMA_OP_WRITE)
		mtty_mem_read(mtty->mem, chunk->src, engine->buf, chunk->len);
	else if (chunk->op == MTTY_MIG_DMA_OP_FILL)
		engine_fill(engine->buf, chunk, dma->pattern);
	WRITE_ONCE(engine->to_peer, engine_to_peer(engine));
	WRITE_ONCE(engine->in_flight, true);
	*transfer = engine->transfer;
	schedule_delayed_work(&mtty->engine_watch, ENGINE_WATCH);
out:
	mutex_unlock(&mtty->hw_lock);
	return begin;
}

/* Store what a READ has got. 0 or -errno. */
VISIBLE_IF_KUNIT int mtty_engine_store(struct mtty_engine *engine,
				       const struct mtty_dma_chunk *chunk)
{
	KUNIT_STATIC_STUB_REDIRECT(mtty_engine_store, engine, chunk);
	return mtty_mem_write(engine->mtty->mem, chunk->dst, engine->buf,
			      chunk->len);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_engine_store);

/* Book a chunk of the transfer that the registers describe */
static void engine_book(struct mtty_engine *engine,
			const struct mtty_dma_chunk *chunk, int ret)
{
	struct mtty_device *mtty = engine->mtty;
	struct mtty_dma *dma = &mtty->hw.dma[engine->channel];

	if (!ret && chunk->op == MTTY_MIG_DMA_OP_READ)
		ret = mtty_engine_store(engine, chunk);
	if (ret) {
		mtty_dma_fail(dma);
		return;
	}
	mtty_dma_advance(dma, chunk->len);
	if (!engine->step) {
		engine->spent += chunk->len;
		return;
	}
	engine->step->moved += chunk->len;
	if (engine->step->moved >= engine->step->bytes)
		engine_end_step(engine);
}

static void engine_end(struct mtty_engine *engine,
		       const struct mtty_dma_chunk *chunk,
		       unsigned int transfer, int ret)
{
	struct mtty_device *mtty = engine->mtty;

	mutex_lock(&mtty->hw_lock);
	/* The guest may have aborted this transfer and begun another one */
	if (transfer == engine->transfer)
		engine_book(engine, chunk, ret);
	mtty_irq_update(mtty);
	/* Last, because a thread that waits for it then relies on no DMA */
	smp_store_release(&engine->in_flight, false);
	mutex_unlock(&mtty->hw_lock);

	wake_up_all(&mtty->engine_wait);
	if (chunk->op == MTTY_MIG_DMA_OP_READ)
		wake_up_all(&mtty->data_wait);
}

/* Transfer chunks as long as one may begin */
VISIBLE_IF_KUNIT void mtty_engine_work(struct kthread_work *work)
{
	struct mtty_engine *engine =
		container_of(work, struct mtty_engine, work.work);
	struct mtty_device *mtty = engine->mtty;
	struct mtty_dma_chunk chunk;
	unsigned int transfer;

	/* By default a kernel thread ignores even SIGKILL */
	allow_signal(SIGKILL);

	while (engine_begin(engine, &chunk, &transfer)) {
		/* Charge the pages that it allocates to the user's cgroup */
		struct mem_cgroup *memcg = set_active_memcg(mtty->memcg);
		int ret = engine_transfer(mtty, &chunk, engine->buf);

		engine_end(engine, &chunk, transfer, ret);
		set_active_memcg(memcg);
		cond_resched();
	}
}
EXPORT_SYMBOL_IF_KUNIT(mtty_engine_work);

/*
 * Whether the owner has been told to die, but some of its threads still live. An
 * owner that is completely dead does not count: another process may be using the
 * device.
 */
static bool engine_owner_hangs(struct mtty_device *mtty)
{
	const struct signal_struct *signal = mtty->owner->signal;

	if (READ_ONCE(signal->flags) & SIGNAL_GROUP_EXIT &&
	    atomic_read(&signal->live))
		mtty->owner_dying++;
	else
		mtty->owner_dying = 0;
	return mtty->owner_dying >= ENGINE_DYING;
}

/*
 * Kill the chunks in flight if the owner hangs in its exit. Normally an owner
 * that exits closes the device, which kills them. But a thread of the owner that
 * changes a mapping may wait for a lock that vfio_dma_rw() holds (iommufd's
 * iova_rwsem, type1's iommu->lock). It cannot be killed there, so the owner would
 * never get to the close.
 */
static void engine_watch(struct work_struct *work)
{
	struct mtty_device *mtty = container_of(work, struct mtty_device,
						engine_watch.work);
	unsigned int i;
	bool hangs;

	mutex_lock(&mtty->hw_lock);
	hangs = engine_owner_hangs(mtty);
	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		struct mtty_engine *engine = &mtty->engine[i];

		if (!engine->worker || !engine->in_flight)
			continue;
		if (hangs)
			send_sig(SIGKILL, engine->worker->task, 1);
		schedule_delayed_work(&mtty->engine_watch, ENGINE_WATCH);
	}
	mutex_unlock(&mtty->hw_lock);
}

/*
 * The registers of a channel now describe another transfer. A chunk in flight
 * does not count for it, and a delay for the old transfer's rate ends.
 */
static void engine_other_transfer(struct mtty_engine *engine)
{
	engine->transfer++;
	engine->spent = 0;
	if (engine->worker)
		mtty_engine_requeue(engine, 0);
}

/**
 * mtty_engine_write - write a register of a channel
 * @mtty: the device
 * @channel: below MTTY_MIG_NR_DMA
 * @offset: below MTTY_MIG_DMA_SIZE, a multiple of 4
 * @val: the value
 *
 * Context: Under hw_lock.
 */
void mtty_engine_write(struct mtty_device *mtty, unsigned int channel,
		       unsigned int offset, u32 val)
{
	struct mtty_dma *dma = &mtty->hw.dma[channel];
	bool was_busy = dma->status & MTTY_MIG_DMA_BUSY;

	mtty_dma_write(dma, offset, val, mtty->mem->size);
	/* The transfer has begun or was aborted */
	if (was_busy != !!(dma->status & MTTY_MIG_DMA_BUSY))
		engine_other_transfer(&mtty->engine[channel]);
	mtty_engine_kick(mtty);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_engine_write);

/**
 * mtty_engine_replaced - a reset or a load has replaced all registers
 * @mtty: the device
 *
 * Context: Under hw_lock.
 */
void mtty_engine_replaced(struct mtty_device *mtty)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_DMA; i++)
		engine_other_transfer(&mtty->engine[i]);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_engine_replaced);

/**
 * mtty_engine_kick - make the engine check whether it can transfer something
 * @mtty: the device
 *
 * Call this after any change that may have enabled a channel to run.
 *
 * Context: Under hw_lock.
 */
void mtty_engine_kick(struct mtty_device *mtty)
{
	struct mtty_dma_chunk chunk;
	unsigned int i;

	if (mtty->engine_held)
		return;
	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		struct mtty_engine *engine = &mtty->engine[i];

		if (engine->worker && engine_may_run(engine) &&
		    mtty_dma_next(&mtty->hw.dma[i], &chunk))
			mtty_engine_queue(engine);
	}
}
EXPORT_SYMBOL_IF_KUNIT(mtty_engine_kick);

/**
 * mtty_engine_drain - wait for chunks in flight that are no longer allowed
 * @mtty: the device, after mtty_device.dma_run was lowered
 *
 * Context: Under state_mutex. Waits for at most one chunk of each channel, and
 * for a chunk as long as user memory is missing.
 * Return: 0, or -ERESTARTSYS if a signal came first.
 */
int mtty_engine_drain(struct mtty_device *mtty)
{
	return wait_event_interruptible(mtty->engine_wait,
					engines_quiet(mtty));
}
EXPORT_SYMBOL_IF_KUNIT(mtty_engine_drain);

/**
 * mtty_engine_hold - hold or release the engine; held, it moves only in steps
 * @mtty: the device
 * @hold: true to hold it
 *
 * Context: Takes hw_lock. Waits for the chunks in flight.
 * Return: 0, or -ERESTARTSYS if a signal came first; the engine is held in that
 * case, too.
 */
int mtty_engine_hold(struct mtty_device *mtty, bool hold)
{
	mutex_lock(&mtty->hw_lock);
	WRITE_ONCE(mtty->engine_held, hold);
	mtty_engine_kick(mtty);
	mutex_unlock(&mtty->hw_lock);

	if (!hold)
		return 0;
	/* If another thread releases it, there may always be a chunk */
	return wait_event_interruptible(mtty->engine_wait,
					engines_idle(mtty) ||
					!READ_ONCE(mtty->engine_held));
}
EXPORT_SYMBOL_IF_KUNIT(mtty_engine_hold);

/**
 * mtty_engine_step - let a channel transfer some bytes, whatever its rate
 * @mtty: the device
 * @channel: below MTTY_MIG_NR_DMA
 * @bytes: number of bytes, not 0; rounded up to the end of a chunk
 *
 * Context: Takes hw_lock. Waits for the channel's thread, and so for user
 * memory.
 * Return: the number of bytes transferred; 0 if the device is closed, or if the
 * channel is idle, may not run in this state, failed with the first chunk, or is
 * being stepped by another thread; -ERESTARTSYS if a signal came before a byte
 * was transferred.
 */
s64 mtty_engine_step(struct mtty_device *mtty, unsigned int channel, u64 bytes)
{
	struct mtty_engine *engine = &mtty->engine[channel];
	struct mtty_engine_step step = { .bytes = bytes };
	int ret;

	mutex_lock(&mtty->hw_lock);
	if (!engine->worker || engine->step) {
		mutex_unlock(&mtty->hw_lock);
		return 0;
	}
	engine->step = &step;
	mtty_engine_requeue(engine, 0);
	mutex_unlock(&mtty->hw_lock);

	ret = wait_event_interruptible(mtty->engine_wait,
				       READ_ONCE(step.ended));

	/* The lock also waits for the thread that has just ended the step */
	mutex_lock(&mtty->hw_lock);
	if (engine->step == &step)
		engine->step = NULL;
	mutex_unlock(&mtty->hw_lock);
	return (s64)step.moved ?: ret;
}
EXPORT_SYMBOL_IF_KUNIT(mtty_engine_step);

/**
 * mtty_engine_init - initialise the engine of a new device
 * @mtty: the device
 */
void mtty_engine_init(struct mtty_device *mtty)
{
	unsigned int i;

	init_waitqueue_head(&mtty->engine_wait);
	INIT_DELAYED_WORK(&mtty->engine_watch, engine_watch);
	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		mtty->engine[i].mtty = mtty;
		mtty->engine[i].channel = i;
	}
}

VISIBLE_IF_KUNIT void *mtty_engine_alloc(void)
{
	KUNIT_STATIC_STUB_REDIRECT(mtty_engine_alloc);
	return kmalloc(MTTY_MIG_PAGE_SIZE, GFP_KERNEL_ACCOUNT);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_engine_alloc);

static int engine_start(struct mtty_engine *engine)
{
	struct mtty_device *mtty = engine->mtty;
	struct kthread_worker *worker;

	engine->buf = mtty_engine_alloc();
	if (!engine->buf)
		return -ENOMEM;
	worker = kthread_run_worker(0, MTTY_MIG_NAME "/%s/%u",
				    dev_name(mtty->vdev.dev), engine->channel);
	if (IS_ERR(worker)) {
		kfree(engine->buf);
		return PTR_ERR(worker);
	}
	/* Initialise again: a work stays bound to the worker it was queued to */
	kthread_init_delayed_work(&engine->work, mtty_engine_work);
	mutex_lock(&mtty->hw_lock);
	engine->worker = worker;
	mutex_unlock(&mtty->hw_lock);
	return 0;
}

/**
 * mtty_engine_start - start the threads, when the first user opens the device
 * @mtty: the device
 *
 * Context: In the process that opens the device; its death ends chunks in flight.
 * Takes hw_lock.
 * Return: 0; -ENOMEM; -EINTR if that process is being killed.
 */
int mtty_engine_start(struct mtty_device *mtty)
{
	unsigned int i;
	int ret;

	mtty->owner = get_task_struct(current->group_leader);
	mtty->owner_dying = 0;
	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		ret = engine_start(&mtty->engine[i]);
		if (ret) {
			mtty_engine_stop(mtty);
			return ret;
		}
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(mtty_engine_start);

/**
 * mtty_engine_stop - kill chunks in flight, when the last user closes the device
 * @mtty: the device
 *
 * Waiting for them could take for ever: the process that closes the device may be
 * the one that would have to provide the user memory.
 *
 * Context: Takes hw_lock. Waits for the threads, but not for user memory.
 */
void mtty_engine_stop(struct mtty_device *mtty)
{
	struct kthread_worker *workers[MTTY_MIG_NR_DMA];
	unsigned int i;

	/* Kill all first: one may wait for a lock of the core that another holds */
	mutex_lock(&mtty->hw_lock);
	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		struct mtty_engine *engine = &mtty->engine[i];

		workers[i] = engine->worker;
		engine->worker = NULL;
		engine->transfer++;
		engine->spent = 0;
		engine_end_step(engine);
		/*
		 * No new chunk begins without a worker. One that is idle would
		 * not sleep any more with a signal pending, and take the
		 * processor from this thread until a tick.
		 */
		if (workers[i] && engine->in_flight)
			send_sig(SIGKILL, workers[i]->task, 1);
	}
	mutex_unlock(&mtty->hw_lock);

	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		if (!workers[i])
			continue;
		kthread_cancel_delayed_work_sync(&mtty->engine[i].work);
		kthread_destroy_worker(workers[i]);
		kfree(mtty->engine[i].buf);
	}
	cancel_delayed_work_sync(&mtty->engine_watch);
	put_task_struct(mtty->owner);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_engine_stop);
