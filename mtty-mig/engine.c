// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA engine at work: one chunk after the other, each within a page, from
 * a kernel thread per channel that lives as long as the device is open.
 *
 * A chunk is chosen and booked under hw_lock, but transferred without it:
 * vfio_dma_rw() may wait for user memory for as long as userspace likes
 * (userfaultfd, FUSE). Whether it may begin depends on mtty_device.dma_run, and
 * who lowers that waits until none is in flight that should not be: that is all
 * there is to quiescing.
 *
 * A thread of its own, and not a workqueue, because a thread can be killed. A
 * fault on user memory gives way to a fatal signal and to nothing else, so
 * SIGKILL is what ends a chunk that hangs: see mtty_engine_stop() and
 * engine_watch().
 */
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

/* How often it is looked whether the owner of a chunk under way is dying */
#define ENGINE_WATCH	(HZ / 10)
/* How often in a row it has to be, so that it is not one that just takes its time */
#define ENGINE_DYING	10

/**
 * struct mtty_engine_step - a channel is moved by hand
 * @bytes: how far it is to be moved
 * @moved: how far it was
 * @ended: it will not be moved further
 *
 * Belongs to who waits for it; while it is in mtty_engine.step, under hw_lock.
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
 * Whether no chunk is under way that should not be. The registers do not tell:
 * they may have been written since it was begun. Of the two fields @to_peer
 * changes only while there is no chunk, so it can be read without hw_lock.
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

	/* By address, so that it does not matter where chunks begin */
	for (i = 0; i < chunk->len; i++)
		buf[i] = pattern >> (chunk->dst + i) % 4 * 8;
}

/* 0 or -errno */
static int engine_dma_rw(struct mtty_device *mtty, u64 iova, void *buf,
			 size_t len, bool write)
{
	/* An address that the bus does not have, where it has but 32 bits */
	if (iova != (dma_addr_t)iova)
		return -EINVAL;
	return vfio_dma_rw(&mtty->vdev, iova, buf, len, write);
}

/* The part of a chunk that is done without hw_lock; 0 or -errno */
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
	 * After the write: before it, the log could be read and the page
	 * copied by the VMM while it still had its old content. Even a failed
	 * write may have written something.
	 */
	mtty_dirty_mark(&mtty->dirty, chunk->dst, chunk->len);
	return ret;
}

/* Let go of who waits for a step, if there is one. Context: Under hw_lock. */
static void engine_end_step(struct mtty_engine *engine)
{
	if (!engine->step)
		return;
	WRITE_ONCE(engine->step->ended, true);
	engine->step = NULL;
	wake_up_all(&engine->mtty->engine_wait);
}

/*
 * Whether the rate allows a chunk now. Otherwise the work is put off until it
 * does; what was transferred before its time counts for the next time. The
 * delay replaces whatever has queued the work meanwhile.
 */
static bool engine_rate_allows(struct mtty_engine *engine)
{
	u64 rate = engine->mtty->hw.dma[engine->channel].rate;
	u64 budget = rate * jiffies_to_msecs(1);
	u64 delay;

	if (!rate || engine->spent < budget)
		return true;
	delay = div64_u64_rem(engine->spent, budget, &engine->spent);
	kthread_mod_delayed_work(engine->worker, &engine->work,
				 min_t(u64, delay, MAX_JIFFY_OFFSET));
	return false;
}

/* Whether a chunk may begin now, and which. Context: Under hw_lock. */
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

/* Begin a chunk. Return: whether there is one to transfer now. */
static bool engine_begin(struct mtty_engine *engine,
			 struct mtty_dma_chunk *chunk, unsigned int *transfer)
{
	struct mtty_device *mtty = engine->mtty;
	struct mtty_dma *dma = &mtty->hw.dma[engine->channel];
	bool begin;

	mutex_lock(&mtty->hw_lock);
	/* What was to kill the chunk before is not for this one */
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

/* A chunk of the transfer that the registers describe has come to its end */
static void engine_book(struct mtty_engine *engine,
			const struct mtty_dma_chunk *chunk, int ret)
{
	struct mtty_device *mtty = engine->mtty;
	struct mtty_dma *dma = &mtty->hw.dma[engine->channel];

	if (!ret && chunk->op == MTTY_MIG_DMA_OP_READ)
		ret = mtty_mem_write(mtty->mem, chunk->dst, engine->buf,
				     chunk->len);
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
	/* The guest may have aborted it meanwhile, and begun another */
	if (transfer == engine->transfer)
		engine_book(engine, chunk, ret);
	mtty_irq_update(mtty);
	/* Last of all: who waits for it takes the device for quiet then */
	smp_store_release(&engine->in_flight, false);
	mutex_unlock(&mtty->hw_lock);

	wake_up_all(&mtty->engine_wait);
	if (chunk->op == MTTY_MIG_DMA_OP_READ)
		wake_up_all(&mtty->data_wait);
}

/* As much as there is to do now */
static void engine_work(struct kthread_work *work)
{
	struct mtty_engine *engine =
		container_of(work, struct mtty_engine, work.work);
	struct mtty_device *mtty = engine->mtty;
	struct mtty_dma_chunk chunk;
	unsigned int transfer;

	/* A kernel thread ignores even SIGKILL unless it asks for it */
	allow_signal(SIGKILL);

	while (engine_begin(engine, &chunk, &transfer)) {
		/* A thread is in no cgroup: what it fills is the user's */
		struct mem_cgroup *memcg = set_active_memcg(mtty->memcg);
		int ret = engine_transfer(mtty, &chunk, engine->buf);

		engine_end(engine, &chunk, transfer, ret);
		set_active_memcg(memcg);
		cond_resched();
	}
}

/*
 * Whether the owner is to die and cannot: some of its threads still live. One
 * that has died is no reason, for another process may use the device now.
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
 * Kill what is under way when its owner hangs. An owner that exits closes the
 * device, and that kills it, too. But a thread of the owner may wait for a lock
 * of the core's that vfio_dma_rw() holds meanwhile (iommufd's iova_rwsem,
 * type1's iommu->lock: any change of a mapping), and can itself not be killed
 * there, so the owner would never come as far as closing.
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
 * The registers of a channel describe another transfer now: a chunk under way
 * does not count for it, nor does the time that a slow one has to wait.
 */
static void engine_other_transfer(struct mtty_engine *engine)
{
	engine->transfer++;
	engine->spent = 0;
	if (engine->worker)
		kthread_mod_delayed_work(engine->worker, &engine->work, 0);
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
	/* Begun, aborted */
	if (was_busy != !!(dma->status & MTTY_MIG_DMA_BUSY))
		engine_other_transfer(&mtty->engine[channel]);
	mtty_engine_kick(mtty);
}

/**
 * mtty_engine_replaced - all registers were replaced: by a reset, by a load
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

/**
 * mtty_engine_kick - let the engine look whether there is something to do
 * @mtty: the device
 *
 * To be called after anything by which a channel may have become able to run.
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

		/* Does nothing if the work is queued, with a delay or not */
		if (engine->worker && engine_may_run(engine) &&
		    mtty_dma_next(&mtty->hw.dma[i], &chunk))
			kthread_queue_delayed_work(engine->worker,
						   &engine->work, 0);
	}
}

/**
 * mtty_engine_drain - wait for DMA under way that should no longer be
 * @mtty: the device, after mtty_device.dma_run was lowered
 *
 * Context: Under state_mutex. Waits for one chunk at most of each channel, but
 * for that as long as user memory is missing.
 * Return: 0, or -ERESTARTSYS if a signal came first.
 */
int mtty_engine_drain(struct mtty_device *mtty)
{
	return wait_event_interruptible(mtty->engine_wait,
					engines_quiet(mtty));
}

/**
 * mtty_engine_hold - let the engine move only when it is stepped, or not
 * @mtty: the device
 * @hold: whether
 *
 * Context: Takes hw_lock. Waits for the chunks that are under way.
 * Return: 0, or -ERESTARTSYS if a signal came first; it is held then, too.
 */
int mtty_engine_hold(struct mtty_device *mtty, bool hold)
{
	mutex_lock(&mtty->hw_lock);
	WRITE_ONCE(mtty->engine_held, hold);
	mtty_engine_kick(mtty);
	mutex_unlock(&mtty->hw_lock);

	if (!hold)
		return 0;
	/* Another may let go meanwhile: then there may always be one */
	return wait_event_interruptible(mtty->engine_wait,
					engines_idle(mtty) ||
					!READ_ONCE(mtty->engine_held));
}

/**
 * mtty_engine_step - move a channel by hand, whatever its rate
 * @mtty: the device
 * @channel: below MTTY_MIG_NR_DMA
 * @bytes: how far, not 0; it stops at the end of the chunk that reaches it
 *
 * Context: Takes hw_lock. Waits for the channel's thread, and so for user
 * memory.
 * Return: the bytes that were transferred; 0 if the device is closed, or the
 * channel is idle, may not run in this state, ended in an error at once, or is
 * stepped by somebody else; -ERESTARTSYS if a signal came before a byte was
 * transferred.
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
	kthread_mod_delayed_work(engine->worker, &engine->work, 0);
	mutex_unlock(&mtty->hw_lock);

	ret = wait_event_interruptible(mtty->engine_wait,
				       READ_ONCE(step.ended));

	/* Also waits for who has just ended it */
	mutex_lock(&mtty->hw_lock);
	if (engine->step == &step)
		engine->step = NULL;
	mutex_unlock(&mtty->hw_lock);
	return (s64)step.moved ?: ret;
}

/**
 * mtty_engine_init - make the engine of a new device
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

static int engine_start(struct mtty_engine *engine)
{
	struct mtty_device *mtty = engine->mtty;
	struct kthread_worker *worker;

	engine->buf = kmalloc(MTTY_MIG_PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	if (!engine->buf)
		return -ENOMEM;
	worker = kthread_run_worker(0, MTTY_MIG_NAME "/%s/%u",
				    dev_name(mtty->vdev.dev), engine->channel);
	if (IS_ERR(worker)) {
		kfree(engine->buf);
		return PTR_ERR(worker);
	}
	/* Anew, for a work belongs to the first worker that it is queued to */
	kthread_init_delayed_work(&engine->work, engine_work);
	mutex_lock(&mtty->hw_lock);
	engine->worker = worker;
	mutex_unlock(&mtty->hw_lock);
	return 0;
}

/**
 * mtty_engine_start - the first user opens the device: let it have DMA
 * @mtty: the device
 *
 * Context: In the process that opens it, whose death ends what is under way.
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

/**
 * mtty_engine_stop - the last user closes the device: kill what is under way
 * @mtty: the device
 *
 * Nobody would gain by waiting: user memory may be missing for ever, as when
 * the one who closes is the one who would have had to provide it.
 *
 * Context: Takes hw_lock. Waits for the threads, but not for user memory.
 */
void mtty_engine_stop(struct mtty_device *mtty)
{
	struct kthread_worker *workers[MTTY_MIG_NR_DMA];
	unsigned int i;

	/* All first: one may wait for a lock of the core's that another holds */
	mutex_lock(&mtty->hw_lock);
	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		struct mtty_engine *engine = &mtty->engine[i];

		workers[i] = engine->worker;
		engine->worker = NULL;
		engine->transfer++;
		engine->spent = 0;
		engine_end_step(engine);
		if (workers[i])
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
