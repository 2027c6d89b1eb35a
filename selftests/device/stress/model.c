// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device of ours as userspace can predict it.
 *
 * States, paths and sessions are those of the uAPI (lib/mig_model.c); the rest
 * is what Documentation/device.rst and debugfs.rst say.
 */
#include <errno.h>
#include <string.h>

#include "model.h"

/**
 * model_runs - whether registers and memory can change in a state
 * @state: the state
 */
bool model_runs(__u32 state)
{
	switch (state) {
	case VFIO_DEVICE_STATE_RUNNING:
	case VFIO_DEVICE_STATE_RUNNING_P2P:
	case VFIO_DEVICE_STATE_PRE_COPY:
	case VFIO_DEVICE_STATE_PRE_COPY_P2P:
		return true;
	default:
		return false;
	}
}

static bool peers_run(__u32 state)
{
	return state == VFIO_DEVICE_STATE_RUNNING ||
	       state == VFIO_DEVICE_STATE_PRE_COPY;
}

static void forget(struct model *model)
{
	memset(&model->now, 0, sizeof(model->now));
	model->draining = false;
	model->dropped = 0;
}

/**
 * model_reset - reset
 * @model: the device
 */
void model_reset(struct model *model)
{
	forget(model);
	model->state = VFIO_DEVICE_STATE_RUNNING;
}

/**
 * model_close - close: a reset, and what tests have set goes, too
 * @model: the device
 */
void model_close(struct model *model)
{
	model_reset(model);
	model->logged = false;
	model->log_dirty = 0;
	model->pri_drain = false;
	memset(&model->fault, 0, sizeof(model->fault));
}

static int meet_fault(struct model *model, __u32 to, bool after,
		      struct mig_expect *expect)
{
	struct model_fault *fault = &model->fault;
	int error = fault->error;

	if (!error || fault->from != model->state || fault->to != to ||
	    fault->after != after)
		return 0;
	fault->error = 0;
	if (fault->to_error) {
		if (mig_model_session(model->state))
			expect->ends = true;
		expect->new_fd = false;
		model->state = VFIO_DEVICE_STATE_ERROR;
	}
	return -error;
}

/* What may keep an arc from being walked */
static int begin_arc(struct model *model, __u32 to, struct mig_expect *expect)
{
	int ret = meet_fault(model, to, false, expect);

	if (ret)
		return ret;
	if (model_runs(model->state) && !model_runs(to) &&
	    model->now.pri.nr_open) {
		model->draining = model->pri_drain;
		return -EBUSY;
	}
	if (model->state == VFIO_DEVICE_STATE_RESUMING) {
		if (model->refused)
			return model->refused;
		if (!model->complete)
			return -ENODATA;
	}
	return meet_fault(model, to, true, expect);
}

static int walk_arc(struct model *model, __u32 to, struct mig_expect *expect)
{
	__u32 from = model->state;
	bool stays = mig_model_saving(from) && mig_model_saving(to);
	int ret = begin_arc(model, to, expect);

	if (!ret) {
		if (mig_model_session(from) && !stays) {
			expect->ends = true;
			expect->new_fd = false;
		}
		if (mig_model_session(to) && !stays)
			expect->new_fd = true;
		if (from == VFIO_DEVICE_STATE_RESUMING)
			model->now = model->image;
		if (to == VFIO_DEVICE_STATE_RESUMING) {
			forget(model);
			model->complete = false;
			model->refused = 0;
		}
		model->state = to;
	}
	/* "To go back to RUNNING gives the drain up" */
	if (peers_run(model->state)) {
		model->draining = false;
		model->now.pri.nr_open += model->now.pri.nr_queued;
		model->now.pri.nr_queued = 0;
	}
	return ret;
}

/**
 * model_set - SET_STATE
 * @model: the device
 * @to: the state, or any number
 * @expect: set to what it must do
 */
void model_set(struct model *model, __u32 to, struct mig_expect *expect)
{
	struct mig_path path;
	unsigned int i;

	mig_model_expect(model->flags, model->state, to, expect);
	if (model->state == VFIO_DEVICE_STATE_ERROR)
		expect->ret = -EIO;
	expect->new_fd = false;
	expect->ends = false;
	if (expect->ret || model->state == to)
		return;

	mig_model_paths(model->flags, model->state, to, &path);
	for (i = 0; i < path.len && !expect->ret; i++)
		expect->ret = walk_arc(model, path.state[i], expect);
	expect->state = model->state;
}

/**
 * model_mem_write - a write to the BAR of device memory
 * @model: the device
 * @offset: where, within the memory
 * @data: what
 * @len: bytes, within one page
 *
 * Return: the bytes that were taken: all of them, whether they have an effect
 * or not.
 */
int model_mem_write(struct model *model, __u64 offset, const void *data,
		    size_t len)
{
	if (model_runs(model->state))
		memcpy(model->now.mem + offset, data, len);
	else
		model->dropped++;
	return len;
}

/**
 * model_touch - pages of device memory change by themselves
 * @model: the device
 * @first: the first page
 * @count: how many
 *
 * Return: what the write to the file "dirty" must give.
 */
int model_touch(struct model *model, __u64 first, __u64 count)
{
	if (!count || first >= MODEL_PAGES || count > MODEL_PAGES - first)
		return -EINVAL;
	if (!model_runs(model->state))
		return -EBUSY;
	for (; count--; first++) {
		__u64 *word = (__u64 *)(model->now.mem + first * MODEL_PAGE);

		++*word;
	}
	return 0;
}

/* DMA */

static __u64 to_page_end(__u64 addr)
{
	return MODEL_PAGE - addr % MODEL_PAGE;
}

static bool overlaps(__u64 start, __u64 len, __u64 base, __u64 size)
{
	return start < base + size && base < start + len;
}

static bool to_peer(const struct model *model, const struct model_dma *dma)
{
	const struct model_content *now = &model->now;
	__u32 op = dma->cmd & MTTY_MIG_DMA_OP;

	if ((op == MTTY_MIG_DMA_OP_READ || op == MTTY_MIG_DMA_OP_COPY) &&
	    overlaps(dma->src, dma->len, now->peer_base, now->peer_size))
		return now->peer_size;
	return op != MTTY_MIG_DMA_OP_READ && now->peer_size &&
	       overlaps(dma->dst, dma->len, now->peer_base, now->peer_size);
}

static bool may_move(const struct model *model, const struct model_dma *dma)
{
	return dma->status & MTTY_MIG_DMA_BUSY && model_runs(model->state) &&
	       (peers_run(model->state) || !to_peer(model, dma));
}

/* Where user memory is, or NULL if the device does not reach it */
static __u8 *reach(struct model *model, __u64 iova)
{
	if (!model->mapped || iova < MODEL_IOVA ||
	    iova >= MODEL_IOVA + MODEL_BUF)
		return NULL;
	return model->buf + (iova - MODEL_IOVA);
}

static void mark(struct model *model, __u64 iova)
{
	if (model->logged && iova >= MODEL_IOVA &&
	    iova < MODEL_IOVA + MODEL_BUF)
		model->log_dirty |= 1ULL << (iova - MODEL_IOVA) / MODEL_PAGE;
}

/* Bytes that were moved, 0 if the transfer ended in an error */
static __u64 move_chunk(struct model *model, struct model_dma *dma)
{
	__u32 op = dma->cmd & MTTY_MIG_DMA_OP;
	__u64 src = dma->src + dma->done, dst = dma->dst + dma->done;
	__u64 len = dma->len - dma->done, i;
	const __u8 *from = NULL;
	__u8 *to;

	if (len > to_page_end(dst))
		len = to_page_end(dst);
	if (op != MTTY_MIG_DMA_OP_FILL && len > to_page_end(src))
		len = to_page_end(src);

	if (op == MTTY_MIG_DMA_OP_READ || op == MTTY_MIG_DMA_OP_COPY)
		from = reach(model, src);
	else if (op == MTTY_MIG_DMA_OP_WRITE)
		from = model->now.mem + src;
	if (!from && op != MTTY_MIG_DMA_OP_FILL)
		return 0;

	if (op == MTTY_MIG_DMA_OP_READ) {
		to = model->now.mem + dst;
	} else {
		to = reach(model, dst);
		mark(model, dst);
	}
	if (!to)
		return 0;
	if (op == MTTY_MIG_DMA_OP_FILL)
		for (i = 0; i < len; i++)
			to[i] = dma->pattern >> (dst + i) % 4 * 8;
	else
		memmove(to, from, len);
	return len;
}

/**
 * model_step - a channel moves
 * @model: the device
 * @channel: which channel
 * @bytes: how far
 *
 * Return: what the write to the file "engine_step" must give.
 */
int model_step(struct model *model, unsigned int channel, __u64 bytes)
{
	struct model_dma *dma = &model->now.dma[channel];
	__u64 moved = 0, len;

	while (moved < bytes && may_move(model, dma)) {
		len = move_chunk(model, dma);
		if (!len) {
			dma->status = MTTY_MIG_DMA_ERROR;
			break;
		}
		moved += len;
		dma->done += len;
		if (dma->done == dma->len)
			dma->status = MTTY_MIG_DMA_COMPLETE;
	}
	return moved ? 0 : -EBUSY;
}

/* Page requests */

/**
 * model_raise - the device asks for a page
 * @model: the device
 *
 * Return: what the write to the file "page_requests" must give.
 */
int model_raise(struct model *model)
{
	struct model_pri *pri = &model->now.pri;
	__u32 nr = pri->nr_open + pri->nr_queued;

	if (!model_runs(model->state))
		return -EBUSY;
	if (!model->has_pri || nr == MTTY_MIG_PRI_MAX)
		return -ENOSPC;
	pri->id[nr] = ++pri->last_id;
	if (model->draining || pri->nr_queued)
		pri->nr_queued++;
	else
		pri->nr_open++;
	return 0;
}

/**
 * model_answer - the guest answers a request
 * @model: the device
 * @id: which
 *
 * Return: what the write to the file "page_requests" must give.
 */
int model_answer(struct model *model, __u32 id)
{
	struct model_pri *pri = &model->now.pri;
	__u32 nr = pri->nr_open + pri->nr_queued;
	__u32 i;

	for (i = 0; i < pri->nr_open; i++) {
		if (pri->id[i] != id)
			continue;
		memmove(&pri->id[i], &pri->id[i + 1],
			(nr - i - 1) * sizeof(pri->id[0]));
		pri->nr_open--;
		return 0;
	}
	return -ENOENT;
}
