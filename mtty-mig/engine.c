// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA engine at work: one chunk after the other, each within a page, from
 * a workqueue.
 *
 * A chunk is chosen and booked under hw_lock, but transferred without it:
 * vfio_dma_rw() may wait for user memory. Whether it may begin depends on
 * mtty_device.run, and who lowers that waits until none is in flight that
 * should not be: that is all there is to quiescing.
 */
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "mtty_mig.h"

/* How much one run of the work does of a transfer that has no rate */
#define ENGINE_BURST	(256 * MTTY_MIG_PAGE_SIZE)

static struct workqueue_struct *engine_wq;

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
	return run_allows(engine->mtty->run, engine_to_peer(engine));
}

/*
 * Whether no chunk is under way that should not be. The registers do not tell:
 * they may have been written since it was begun. Of the two fields @to_peer
 * changes only while there is no chunk, so it can be read without hw_lock.
 */
static bool engine_quiet(const struct mtty_engine *engine)
{
	return !READ_ONCE(engine->in_flight) ||
	       run_allows(engine->mtty->run, READ_ONCE(engine->to_peer));
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

/*
 * Transfer one chunk.
 *
 * Return: its bytes, or 0 if there is nothing to transfer now.
 */
static u32 engine_step(struct mtty_engine *engine, void *buf)
{
	struct mtty_device *mtty = engine->mtty;
	struct mtty_dma *dma = &mtty->hw.dma[engine->channel];
	struct mem_cgroup *memcg;
	struct mtty_dma_chunk chunk;
	unsigned int transfer;
	int ret;

	mutex_lock(&mtty->hw_lock);
	/* In flight: who steps by hand has met the work, or another one */
	if (engine->in_flight || !engine_may_run(engine) ||
	    !mtty_dma_next(dma, &chunk)) {
		mutex_unlock(&mtty->hw_lock);
		return 0;
	}
	if (chunk.op == MTTY_MIG_DMA_OP_WRITE)
		mtty_mem_read(mtty->mem, chunk.src, buf, chunk.len);
	else if (chunk.op == MTTY_MIG_DMA_OP_FILL)
		engine_fill(buf, &chunk, dma->pattern);
	WRITE_ONCE(engine->to_peer, engine_to_peer(engine));
	WRITE_ONCE(engine->in_flight, true);
	transfer = engine->transfer;
	mutex_unlock(&mtty->hw_lock);

	/* A worker is in no cgroup: what the user lets it fill is the user's */
	memcg = set_active_memcg(mtty->memcg);
	ret = engine_transfer(mtty, &chunk, buf);

	mutex_lock(&mtty->hw_lock);
	WRITE_ONCE(engine->in_flight, false);
	/* The guest may have aborted it meanwhile, and begun another */
	if (transfer == engine->transfer) {
		if (!ret && chunk.op == MTTY_MIG_DMA_OP_READ)
			ret = mtty_mem_write(mtty->mem, chunk.dst, buf,
					     chunk.len);
		if (ret)
			mtty_dma_fail(dma);
		else
			mtty_dma_advance(dma, chunk.len);
	}
	set_active_memcg(memcg);
	mtty_irq_update(mtty);
	mutex_unlock(&mtty->hw_lock);

	wake_up_all(&mtty->engine_wait);
	if (chunk.op == MTTY_MIG_DMA_OP_READ)
		wake_up_all(&mtty->data_wait);
	return ret ? 0 : chunk.len;
}

static void engine_work(struct work_struct *work)
{
	struct mtty_engine *engine =
		container_of(work, struct mtty_engine, work.work);
	u32 rate = READ_ONCE(engine->mtty->hw.dma[engine->channel].rate);
	u64 budget = rate ? (u64)rate * jiffies_to_msecs(1) : ENGINE_BURST;
	void *buf = kmalloc(MTTY_MIG_PAGE_SIZE, GFP_KERNEL);
	unsigned long delay = buf ? 0 : 1;
	/* Less than the budget, or this would be taken for an idle channel */
	u64 done = rate && buf ? min(engine->ahead, budget - 1) : 0;
	u32 len = 0;

	/* Without memory it is tried again, as if the bus were busy */
	while (buf && done < budget && !READ_ONCE(engine->mtty->engine_held)) {
		len = engine_step(engine, buf);
		if (!len)
			break;
		done += len;
		/* The guest chooses the rate, so the budget may be large */
		cond_resched();
	}
	kfree(buf);

	engine->ahead = 0;
	if ((buf && !len) || READ_ONCE(engine->mtty->engine_held))
		return;
	/* A chunk may be more than a slow rate allows in one jiffy */
	if (rate)
		delay = max(div64_u64_rem(done, budget, &engine->ahead), 1ULL);
	queue_delayed_work(engine_wq, &engine->work, delay);
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
	struct mtty_engine *engine = &mtty->engine[channel];
	struct mtty_dma *dma = &mtty->hw.dma[channel];
	bool was_busy = dma->status & MTTY_MIG_DMA_BUSY;
	bool is_busy;

	mtty_dma_write(dma, offset, val, mtty->mem->size);
	is_busy = dma->status & MTTY_MIG_DMA_BUSY;

	/* A chunk of it that is in flight must not count for the next one */
	if (was_busy && !is_busy)
		engine->transfer++;
	/* Nor must the time that a slow one has to wait */
	if (!was_busy && is_busy)
		cancel_delayed_work(&engine->work);
	mtty_engine_kick(mtty);
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
	for (i = 0; i < MTTY_MIG_NR_DMA; i++)
		if (engine_may_run(&mtty->engine[i]) &&
		    mtty_dma_next(&mtty->hw.dma[i], &chunk))
			queue_delayed_work(engine_wq,
					   &mtty->engine[i].work, 0);
}

/**
 * mtty_engine_drain - wait for DMA under way that should no longer be
 * @mtty: the device, after mtty_device.run was lowered
 *
 * Context: Under state_mutex. Takes hw_lock. Waits for one chunk at most of
 * each channel: what may not run does not begin another.
 */
void mtty_engine_drain(struct mtty_device *mtty)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		struct mtty_engine *engine = &mtty->engine[i];
		bool wait;

		mutex_lock(&mtty->hw_lock);
		wait = !engine_quiet(engine);
		mutex_unlock(&mtty->hw_lock);
		if (wait)
			wait_event(mtty->engine_wait,
				   engine_quiet(engine));
	}
}

/**
 * mtty_engine_hold - let the engine move only when it is stepped, or not
 * @mtty: the device
 * @hold: whether
 *
 * Context: Takes hw_lock. Waits for the chunk that is under way.
 */
void mtty_engine_hold(struct mtty_device *mtty, bool hold)
{
	mutex_lock(&mtty->hw_lock);
	WRITE_ONCE(mtty->engine_held, hold);
	mtty_engine_kick(mtty);
	mutex_unlock(&mtty->hw_lock);
	if (hold)
		mtty_engine_flush(mtty);
}

/**
 * mtty_engine_step - move the engine by hand, while it is held
 * @mtty: the device
 * @channel: below MTTY_MIG_NR_DMA
 * @bytes: how far; it stops at the end of the chunk that reaches it
 *
 * Context: In the process that has the device open, or in a worker. Takes
 * hw_lock; may wait for user memory.
 * Return: the bytes that were transferred; 0 if the channel is idle, may not
 * run in this state, has a chunk under way, or ended in an error at once;
 * -ENOMEM.
 */
s64 mtty_engine_step(struct mtty_device *mtty, unsigned int channel, u64 bytes)
{
	void *buf = kmalloc(MTTY_MIG_PAGE_SIZE, GFP_KERNEL);
	s64 done = 0;
	u32 len = 1;

	if (!buf)
		return -ENOMEM;
	while (len && (u64)done < bytes) {
		len = engine_step(&mtty->engine[channel], buf);
		done += len;
		cond_resched();
	}
	kfree(buf);

	/* Let go meanwhile, the work may have found a chunk under way */
	mutex_lock(&mtty->hw_lock);
	mtty_engine_kick(mtty);
	mutex_unlock(&mtty->hw_lock);
	return done;
}

struct engine_step {
	struct work_struct work;
	struct mtty_device *mtty;
	unsigned int channel;
	u64 bytes;
	s64 done;
};

static void engine_step_work(struct work_struct *work)
{
	struct engine_step *step = container_of(work, struct engine_step, work);

	step->done = mtty_engine_step(step->mtty, step->channel, step->bytes);
}

/**
 * mtty_engine_step_by_worker - the same, for another process than the user's
 * @mtty: the device
 * @channel: below MTTY_MIG_NR_DMA
 * @bytes: how far
 *
 * vfio_iommu_type1_dma_rw_chunk() refuses a process which is not the one that
 * has mapped the memory, and it would be the guest's transfer that fails. A
 * worker may do it.
 *
 * Context: As mtty_engine_step().
 * Return: As mtty_engine_step().
 */
s64 mtty_engine_step_by_worker(struct mtty_device *mtty, unsigned int channel,
			       u64 bytes)
{
	struct engine_step step = {
		.mtty = mtty,
		.channel = channel,
		.bytes = bytes,
	};

	INIT_WORK_ONSTACK(&step.work, engine_step_work);
	queue_work(engine_wq, &step.work);
	flush_work(&step.work);
	destroy_work_on_stack(&step.work);
	return step.done;
}

/**
 * mtty_engine_init - make the engine of a new device
 * @mtty: the device
 */
void mtty_engine_init(struct mtty_device *mtty)
{
	unsigned int i;

	init_waitqueue_head(&mtty->engine_wait);
	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		mtty->engine[i].mtty = mtty;
		mtty->engine[i].channel = i;
		INIT_DELAYED_WORK(&mtty->engine[i].work, engine_work);
	}
}

/**
 * mtty_engine_flush - see that no work runs, nor is left
 * @mtty: the device, closed or its engine held: nobody queues more
 */
void mtty_engine_flush(struct mtty_device *mtty)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_DMA; i++)
		cancel_delayed_work_sync(&mtty->engine[i].work);
}

/**
 * mtty_engine_module_init - make what all engines share
 *
 * Return: 0 or -ENOMEM.
 */
int mtty_engine_module_init(void)
{
	engine_wq = alloc_workqueue(MTTY_MIG_NAME, WQ_UNBOUND, 0);
	return engine_wq ? 0 : -ENOMEM;
}

/**
 * mtty_engine_module_exit - undo mtty_engine_module_init()
 */
void mtty_engine_module_exit(void)
{
	destroy_workqueue(engine_wq);
}
