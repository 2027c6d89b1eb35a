// SPDX-License-Identifier: GPL-2.0-only
/*
 * One thread walks at random, and the model knows what each call must give.
 *
 * The engine is held, so that DMA moves when the walk says so and not by
 * itself; nothing else of the device moves unasked.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../lib/check.h"
#include "../../lib/vfio_dma.h"
#include "../lib/journey.h"
#include "../lib/knobs.h"
#include "stress.h"
#include "model.h"

/* Data fds that are kept after their session, and vectors in use */
#define STALE		4
#define VECTORS		3

/**
 * struct walk - a walk
 * @trail: where its calls are remembered
 * @dice: where its numbers come from
 * @type: of the device
 * @mtty: the device
 * @dst: another one, to load what the first has saved
 * @model: the first, as it must be
 * @data_fd: the session, or -1
 * @saved: what was read from it
 * @image: a stream that can be loaded: model.image is its content
 * @loaded: bytes of @image that were written to the session
 * @bad: of those, one was another one
 * @stale: fds of old sessions, or -1
 * @stale_state: a state that each was for
 * @buf: user memory
 * @eventfd: one for each vector
 * @index: interrupt index that they are set for, 0 for none
 * @wired: bitmap of the vectors that have their eventfd
 * @digest: of the stopped device
 * @frozen: @digest is known, and must not change
 */
struct walk {
	struct run_trail *trail;
	__u64 dice;
	const char *type;
	struct mtty mtty;
	struct mtty dst;
	struct model model;
	int data_fd;
	struct mig_stream saved;
	struct mig_stream image;
	size_t loaded;
	bool bad;
	int stale[STALE];
	__u32 stale_state[STALE];
	__u8 *buf;
	int eventfd[VECTORS];
	__u32 index;
	unsigned int wired;
	__u64 digest;
	bool frozen;
};

#define CALL(walk, ...)		run_call((walk)->trail, __VA_ARGS__)

/* Judge a result: NULL, or what is wrong */
static const char *want(struct walk *walk, long ret, long expected)
{
	run_result(walk->trail, ret);
	if (ret == expected)
		return NULL;
	return WRONG("%ld, not %ld", ret, expected);
}

static const char *in_state(__u32 state)
{
	return mig_state_name(state);
}

/* Sessions */

static const char *session_ended(struct walk *walk, __u32 state)
{
	unsigned int i = below(&walk->dice, STALE);
	const char *why = NULL;

	if (walk->data_fd >= 0) {
		why = data_fd_dead(walk->data_fd, state);
		if (walk->stale[i] >= 0)
			close(walk->stale[i]);
		walk->stale[i] = walk->data_fd;
		walk->stale_state[i] = state;
	}
	walk->data_fd = -1;
	walk->saved.len = 0;
	walk->loaded = 0;
	walk->bad = false;
	return why;
}

static const char *set_state(struct walk *walk, __u32 to)
{
	struct model *model = &walk->model;
	__u32 from = model->state;
	struct mig_expect expect;
	const char *why;
	int data_fd, ret;

	model_set(model, to, &expect);
	CALL(walk, "SET %s (%u) in %s", in_state(to), to, in_state(from));
	ret = __vfio_mig_set(&walk->mtty.dev, to, &data_fd);
	why = want(walk, ret, expect.ret);
	if (!why && (expect.new_fd ? data_fd < 0 : data_fd != -1))
		why = WRONG("data_fd is %d", data_fd);
	if (!why && expect.ends)
		why = session_ended(walk, from);
	if (data_fd >= 0 && expect.new_fd)
		walk->data_fd = data_fd;
	if (expect.state != from)
		walk->frozen = false;
	return why;
}

static const char *act_set(struct walk *walk)
{
	__u32 to = below(&walk->dice, VFIO_DEVICE_STATE_NR);

	if (one_in(&walk->dice, 12))
		to = one_in(&walk->dice, 2) ? VFIO_DEVICE_STATE_NR : ~0U;
	return set_state(walk, to);
}

/* How much of the session is unread; in STOP_COPY 1 may also mean nothing */
static __u64 unread(struct walk *walk)
{
	struct vfio_precopy_info info;

	if (walk->model.state == VFIO_DEVICE_STATE_STOP_COPY)
		return vfio_mig_data_size(&walk->mtty.dev);
	vfio_precopy_info(walk->data_fd, &info);
	return info.initial_bytes + info.dirty_bytes;
}

static const char *act_read(struct walk *walk)
{
	bool stopped = walk->model.state == VFIO_DEVICE_STATE_STOP_COPY;
	static __u8 buf[3 * MTTY_MIG_PAGE_SIZE];
	size_t len = 1 + below(&walk->dice, sizeof(buf));
	__u64 before, after;
	ssize_t n, must;
	const char *why;

	if (!mig_model_saving(walk->model.state))
		return NULL;
	before = unread(walk);
	must = before < len ? before : len;
	if (!before)
		must = -ENOMSG;
	CALL(walk, "read %zu of %llu", len, before);
	if (one_in(&walk->dice, 8)) {
		/* Nothing is lost by it */
		n = mig_read(walk->data_fd, NULL, len);
		if (must > 0)
			must = stopped && before == 1 && !n ? 0 : -EFAULT;
		why = want(walk, n, must);
		if (!why && unread(walk) != before)
			why = WRONG("a read() without a buffer took something");
		return why;
	}
	n = mig_read(walk->data_fd, buf, len);
	why = want(walk, n, stopped && before == 1 && !n ? 0 : must);
	if (why || n <= 0)
		return why;
	mig_stream_append(&walk->saved, buf, n);
	after = unread(walk);
	if (after != before - n && !(stopped && after == 1))
		return WRONG("%llu unread, then read %zd, then %llu unread",
			     before, n, after);
	return NULL;
}

static const char *act_load(struct walk *walk)
{
	struct model *model = &walk->model;
	size_t len = walk->image.len - walk->loaded;
	__u8 *data, flip = 0;
	ssize_t n;

	if (model->state != VFIO_DEVICE_STATE_RESUMING)
		return NULL;
	data = walk->image.data + walk->loaded;
	if (len && one_in(&walk->dice, 3))
		len = 1 + below(&walk->dice, len);
	if (len && one_in(&walk->dice, 6)) {
		data += below(&walk->dice, len);
		flip = 1 << below(&walk->dice, 8);
	}
	*data ^= flip;
	CALL(walk, "write %zu after %zu%s", len, walk->loaded,
	     flip ? ", one of them changed" : "");
	n = mig_write(walk->data_fd, walk->image.data + walk->loaded, len);
	run_result(walk->trail, n);
	*data ^= flip;
	walk->bad |= flip;
	if (model->refused)
		return !len || n == model->refused ? NULL :
			WRONG("not refused as before, with %d", model->refused);
	if (n < 0 && walk->bad) {
		model->refused = n;
		return NULL;
	}
	if (n != (ssize_t)len)
		return WRONG("a good stream is not taken");
	walk->loaded += len;
	model->complete = walk->loaded == walk->image.len;
	return model->complete && walk->bad ?
		WRONG("a changed stream is taken") : NULL;
}

static const char *act_stale(struct walk *walk)
{
	unsigned int i = below(&walk->dice, STALE);
	const char *why;

	if (walk->stale[i] < 0)
		return NULL;
	CALL(walk, "old fd of %s", in_state(walk->stale_state[i]));
	why = data_fd_dead(walk->stale[i], walk->stale_state[i]);
	if (one_in(&walk->dice, 3)) {
		close(walk->stale[i]);
		walk->stale[i] = -1;
	}
	return why;
}

/* Registers and memory */

static const char *act_write(struct walk *walk)
{
	__u64 offset = below(&walk->dice, MODEL_MEM);
	size_t len = 1 + below(&walk->dice, MODEL_PAGE - offset % MODEL_PAGE);
	__u8 data[MTTY_MIG_PAGE_SIZE];

	if (one_in(&walk->dice, 2)) {
		offset -= offset % MODEL_PAGE;
		len = MODEL_PAGE;
	}
	/* A page that becomes zero is something else for the driver */
	if (one_in(&walk->dice, 3))
		memset(data, 0, sizeof(data));
	else
		mtty_fill_page(data, mtty_random(&walk->dice), 0);
	CALL(walk, "write %zu to memory at %#llx", len, offset);
	return want(walk, __vfio_region_write(&walk->mtty.dev,
					      MTTY_MIG_MEM_BAR, offset, data,
					      len),
		    model_mem_write(&walk->model, offset, data, len));
}

static const char *act_registers(struct walk *walk)
{
	struct model *model = &walk->model;
	__u32 val = mtty_random(&walk->dice);
	unsigned int port = val % MTTY_MIG_NR_UARTS;
	bool runs = model_runs(model->state);
	__u64 peer[2] = { MODEL_IOVA + (val % 16) * MODEL_PAGE,
			  val % 3 ? 0 : 2 * MODEL_PAGE };

	CALL(walk, "registers %#x", val);
	mtty_ctrl_out(&walk->mtty, MTTY_MIG_REG_SCRATCH, val);
	mtty_uart_out(&walk->mtty, port, UART_SCR, val);
	vfio_region_write(&walk->mtty.dev, MTTY_MIG_CTRL_BAR,
			  MTTY_MIG_REG_PEER_BASE_LO, peer, sizeof(peer));
	if (!runs) {
		model->dropped += 3;
		return NULL;
	}
	model->now.scratch = val;
	model->now.scr[port] = val;
	model->now.peer_base = peer[0];
	model->now.peer_size = peer[1];
	return NULL;
}

static const char *act_touch(struct walk *walk)
{
	__u64 first = below(&walk->dice, MODEL_PAGES + 1);
	__u64 count = below(&walk->dice, MODEL_PAGES / 2);

	CALL(walk, "dirty %llu %llu", first, count);
	return want(walk, __knob_write(&walk->mtty, "dirty", "%llu %llu",
				       first, count),
		    model_touch(&walk->model, first, count));
}

/* DMA */

static const char *act_dma(struct walk *walk)
{
	unsigned int channel = below(&walk->dice, MTTY_MIG_NR_DMA);
	struct model *model = &walk->model;
	struct model_dma *dma = &model->now.dma[channel];
	__u64 iova = MODEL_IOVA + below(&walk->dice, MODEL_BUF);
	__u64 other = MODEL_IOVA + below(&walk->dice, MODEL_BUF);
	__u64 offset = below(&walk->dice, MODEL_MEM);
	struct model_dma new = {
		.cmd = below(&walk->dice, 4),
		.status = MTTY_MIG_DMA_BUSY,
		.len = 1 + below(&walk->dice, 3 * MODEL_PAGE),
		.pattern = mtty_random(&walk->dice),
	};
	__u32 regs[MTTY_MIG_DMA_CTRL / 4 + 1] = {};
	ssize_t ret;

	switch (new.cmd) {
	case MTTY_MIG_DMA_OP_WRITE:
		new.src = offset;
		new.dst = iova;
		break;
	case MTTY_MIG_DMA_OP_READ:
		new.src = iova;
		new.dst = offset;
		break;
	default:
		new.src = other;
		new.dst = iova;
	}
	if (new.cmd < MTTY_MIG_DMA_OP_COPY && new.len > MODEL_MEM - offset)
		new.status = MTTY_MIG_DMA_ERROR;

	regs[MTTY_MIG_DMA_CMD / 4] = new.cmd;
	memcpy(&regs[MTTY_MIG_DMA_SRC_LO / 4], &new.src, 8);
	memcpy(&regs[MTTY_MIG_DMA_DST_LO / 4], &new.dst, 8);
	memcpy(&regs[MTTY_MIG_DMA_LEN_LO / 4], &new.len, 8);
	regs[MTTY_MIG_DMA_PATTERN / 4] = new.pattern;
	regs[MTTY_MIG_DMA_CTRL / 4] = MTTY_MIG_DMA_START;
	CALL(walk, "channel %u: %u of %llu from %#llx to %#llx", channel,
	     new.cmd, new.len, new.src, new.dst);
	ret = __vfio_region_write(&walk->mtty.dev, MTTY_MIG_CTRL_BAR,
				  MTTY_MIG_DMA(channel), regs, sizeof(regs));
	if (!model_runs(model->state))
		model->dropped++;
	else if (!(dma->status & MTTY_MIG_DMA_BUSY))
		*dma = new;
	return want(walk, ret, sizeof(regs));
}

static const char *act_step(struct walk *walk)
{
	unsigned int channel = below(&walk->dice, MTTY_MIG_NR_DMA);
	__u64 bytes = 1 + below(&walk->dice, 3 * MODEL_PAGE);

	CALL(walk, "step channel %u by %llu", channel, bytes);
	/* A reset forbids DMA; of a stopped device nothing may change */
	if (model_runs(walk->model.state))
		mtty_bus_master(&walk->mtty);
	return want(walk, __knob_write(&walk->mtty, "engine_step", "%u %llu",
				       channel, bytes),
		    model_step(&walk->model, channel, bytes));
}

static const char *act_abort(struct walk *walk)
{
	unsigned int channel = below(&walk->dice, MTTY_MIG_NR_DMA);
	struct model *model = &walk->model;
	struct model_dma *dma = &model->now.dma[channel];

	CALL(walk, "abort channel %u", channel);
	mtty_ctrl_out(&walk->mtty, MTTY_MIG_DMA(channel) + MTTY_MIG_DMA_CTRL,
		      MTTY_MIG_DMA_ABORT);
	if (!model_runs(model->state))
		model->dropped++;
	else if (dma->status & MTTY_MIG_DMA_BUSY)
		dma->status = MTTY_MIG_DMA_ERROR;
	return NULL;
}

static const char *act_map(struct walk *walk)
{
	struct vfio_dev *dev = &walk->mtty.dev;
	struct model *model = &walk->model;

	model->mapped = !model->mapped;
	CALL(walk, model->mapped ? "map" : "unmap");
	return want(walk, model->mapped ?
		    __vfio_dma_map(dev, walk->buf, MODEL_IOVA, MODEL_BUF,
				   true) :
		    __vfio_dma_unmap(dev, MODEL_IOVA, MODEL_BUF), 0);
}

/* The log */

static const char *want_log(struct walk *walk, int ret, int must)
{
	return want(walk, ret, walk->model.has_log ? must : -ENOTTY);
}

static const char *log_start(struct walk *walk)
{
	struct vfio_device_feature_dma_logging_range range = {
		MODEL_IOVA, MODEL_BUF,
	};
	unsigned int shift = 12 + below(&walk->dice, 5);
	struct model *model = &walk->model;
	__u64 page_size = 1ULL << shift;
	int must = 0, ret;

	if (one_in(&walk->dice, 4))
		page_size++;
	if (page_size & (page_size - 1) || model->logged)
		must = -EINVAL;
	CALL(walk, "log by pages of %#llx", page_size);
	ret = __dma_log_start(&walk->mtty.dev, &range, 1, &page_size);
	if (!must && model->has_log) {
		model->logged = true;
		model->log_dirty = 0;
	}
	return want_log(walk, ret, must);
}

static const char *log_stop(struct walk *walk)
{
	struct model *model = &walk->model;
	int must = model->logged ? 0 : -EINVAL;

	model->logged = false;
	model->log_dirty = 0;
	CALL(walk, "log no more");
	return want_log(walk, __dma_log_stop(&walk->mtty.dev), must);
}

static const char *log_report(struct walk *walk)
{
	struct model *model = &walk->model;
	__u64 bitmap = 0, dirty = model->log_dirty;
	const char *why;

	CALL(walk, "report the log");
	why = want_log(walk, __dma_log_report(&walk->mtty.dev, MODEL_IOVA,
					      MODEL_BUF, MODEL_PAGE, &bitmap),
		       model->logged ? 0 : -EINVAL);
	if (!why && bitmap != dirty)
		why = WRONG("the log has %#llx, not %#llx", bitmap, dirty);
	model->log_dirty = 0;
	return why;
}

static const char *act_log(struct walk *walk)
{
	switch (below(&walk->dice, 6)) {
	case 0:
	case 1:
		return log_start(walk);
	case 2:
		return log_stop(walk);
	default:
		return log_report(walk);
	}
}

/* Interrupts: the device has no reason for one, so it is the user who fires */

static const char *act_wire(struct walk *walk)
{
	struct vfio_dev *dev = &walk->mtty.dev;
	unsigned int i;
	int fds[VECTORS];

	if (walk->index) {
		CALL(walk, "no eventfds for index %u", walk->index);
		vfio_irq_disable(dev, walk->index);
		walk->index = 0;
		walk->wired = 0;
		return NULL;
	}
	walk->index = one_in(&walk->dice, 2) ? VFIO_PCI_MSI_IRQ_INDEX :
					       VFIO_PCI_MSIX_IRQ_INDEX;
	walk->wired = below(&walk->dice, 1 << VECTORS);
	for (i = 0; i < VECTORS; i++)
		fds[i] = walk->wired & 1 << i ? walk->eventfd[i] : -1;
	CALL(walk, "eventfds %#x for index %u", walk->wired, walk->index);
	return want(walk, __vfio_irq_eventfds(dev, walk->index, 0, VECTORS,
					      fds), 0);
}

static const char *act_fire(struct walk *walk)
{
	__u32 start = below(&walk->dice, 6), count = 1 + below(&walk->dice, 3);
	int must = start + count > MTTY_MIG_NR_VECTORS ? -EINVAL : 0;
	const char *why;
	unsigned int i;

	if (!walk->index)
		return NULL;
	CALL(walk, "fire %u vectors from %u", count, start);
	why = want(walk, __vfio_irq_action(&walk->mtty.dev, walk->index,
					   VFIO_IRQ_SET_ACTION_TRIGGER, start,
					   count), must);
	for (i = 0; i < VECTORS && !why; i++) {
		bool fires = !must && walk->wired & 1 << i && i >= start &&
			     i < start + count;

		if (eventfd_take(walk->eventfd[i]) != fires)
			why = WRONG("vector %u %s", i,
				    fires ? "is silent" : "fires");
	}
	return why;
}

/* Page requests */

static const char *act_raise(struct walk *walk)
{
	CALL(walk, "ask for a page");
	return want(walk, __knob_write(&walk->mtty, "page_requests",
				       "open 0x5000"),
		    model_raise(&walk->model));
}

static const char *act_answer(struct walk *walk)
{
	struct model_pri *pri = &walk->model.now.pri;
	__u32 nr = pri->nr_open + pri->nr_queued;
	__u32 id = nr ? pri->id[below(&walk->dice, nr)] : 1;

	CALL(walk, "answer %u", id);
	walk->frozen = false;
	return want(walk, __knob_write(&walk->mtty, "page_requests",
				       "answer %u", id),
		    model_answer(&walk->model, id));
}

static const char *act_drain(struct walk *walk)
{
	bool drain = one_in(&walk->dice, 2);

	CALL(walk, "pri_drain %d", drain);
	if (walk->model.has_pri)
		walk->model.pri_drain = drain;
	return want(walk, __mdev_attr_write(&walk->mtty.mdev,
					    "mtty_mig/pri_drain",
					    drain ? "1" : "0"),
		    walk->model.has_pri ? 0 : -EOPNOTSUPP);
}

/* What only a test asks for */

static const char *act_fault(struct walk *walk)
{
	struct model_fault *fault = &walk->model.fault, old = *fault;

	/* Errnos that no driver has a use for */
	fault->error = EADV + below(&walk->dice, 3);
	do {
		fault->from = 1 + below(&walk->dice, VFIO_DEVICE_STATE_NR - 1);
		fault->to = 1 + below(&walk->dice, VFIO_DEVICE_STATE_NR - 1);
	} while (!mig_model_arc(walk->model.flags, fault->from, fault->to));
	fault->after = one_in(&walk->dice, 2);
	fault->to_error = one_in(&walk->dice, 3);
	CALL(walk, "fault %d in %s-%s%s%s", fault->error,
	     in_state(fault->from), in_state(fault->to),
	     fault->after ? ", after" : "", fault->to_error ? ", ERROR" : "");
	if (old.error)
		knob_write(&walk->mtty, "fault", "%s-%s-%s 0",
			   in_state(old.from), in_state(old.to),
			   old.after ? "after" : "before");
	return want(walk, __knob_write(&walk->mtty, "fault", "%s-%s-%s %d%s",
				       in_state(fault->from),
				       in_state(fault->to),
				       fault->after ? "after" : "before",
				       fault->error,
				       fault->to_error ? " error" : ""), 0);
}

static const char *act_reinit(struct walk *walk)
{
	__u32 state = walk->model.state;

	CALL(walk, "reinit");
	return want(walk, __knob_write(&walk->mtty, "reinit", "1"),
		    state == VFIO_DEVICE_STATE_PRE_COPY ||
		    state == VFIO_DEVICE_STATE_PRE_COPY_P2P ? 0 : -EINVAL);
}

/* What is wrong with it, and must be said so */
static const char *act_illegal(struct walk *walk)
{
	struct vfio_dev *dev = &walk->mtty.dev;
	struct vfio_irq_info irq;
	__u32 word = 0;

	CALL(walk, "illegal");
	switch (below(&walk->dice, 8)) {
	case 0:
		return want(walk, __vfio_region_read(dev, MTTY_MIG_CTRL_BAR, 2,
						     &word, 4), -EINVAL);
	case 1:
		return want(walk, pread(dev->fd, &word, 4, -8192) < 0 ?
			    -errno : 0, -EINVAL);
	case 2:
		return want(walk, __vfio_irq_info(dev, 6, &irq), -EINVAL);
	case 3:
		return want(walk, __vfio_irq_action(dev,
				VFIO_PCI_REQ_IRQ_INDEX,
				VFIO_IRQ_SET_ACTION_MASK, 0, 1), -ENOTTY);
	case 4:
		return want(walk, __vfio_feature(dev,
				VFIO_DEVICE_FEATURE_GET | 0x7fff, &word, 4),
			    -ENOTTY);
	case 5:
		return want(walk, __vfio_feature(dev,
				VFIO_DEVICE_FEATURE_SET |
				VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &word,
				4), -EINVAL);
	case 6:
		return want(walk, __mtty_set_mem_size(&walk->mtty, "4096"),
			    -EBUSY);
	default:
		return want(walk, mmap(NULL, 4096, PROT_READ, MAP_SHARED,
				       dev->fd, 0) == MAP_FAILED ? -errno : 0,
			    -EINVAL);
	}
}

/* Reset, close, removal */

static const char *was_reset(struct walk *walk, __u32 before)
{
	walk->frozen = false;
	return session_ended(walk, before);
}

static const char *act_reset(struct walk *walk)
{
	__u32 before = walk->model.state;
	const char *why;

	CALL(walk, "reset in %s", in_state(before));
	why = want(walk, __vfio_dev_reset(&walk->mtty.dev), 0);
	model_reset(&walk->model);
	return why ? why : was_reset(walk, before);
}

/* Neither eventfds nor user memory stay, nor does what holds the engine */
static void opened(struct walk *walk)
{
	knob_write(&walk->mtty, "engine_hold", "1");
	walk->model.mapped = false;
	walk->index = 0;
	walk->wired = 0;
}

static const char *act_reopen(struct walk *walk)
{
	__u32 before = walk->model.state;
	const char *why;

	CALL(walk, "close and open in %s", in_state(before));
	vfio_dev_close(&walk->mtty.dev);
	model_close(&walk->model);
	why = was_reset(walk, before);
	vfio_dev_open(&walk->mtty.dev, walk->mtty.mdev.uuid);
	opened(walk);
	return why;
}

static void make_device(struct walk *walk)
{
	mtty_new(&walk->mtty, walk->type, MODEL_MEM);
	opened(walk);
}

static const char *act_remove(struct walk *walk)
{
	__u32 before = walk->model.state;
	const char *why;

	CALL(walk, "remove in %s", in_state(before));
	vfio_dev_close(&walk->mtty.dev);
	must(__mdev_remove(&walk->mtty.mdev));
	model_close(&walk->model);
	why = was_reset(walk, before);
	make_device(walk);
	return why;
}

/* What is there, and what should be there */

static const char *compare(struct mtty *mtty, const struct model_content *want)
{
	static __u8 mem[MODEL_MEM];
	__u32 regs[MTTY_MIG_DMA_PATTERN / 4 + 1];
	__u64 peer[2];
	unsigned int i;

	vfio_region_read(&mtty->dev, MTTY_MIG_MEM_BAR, 0, mem, sizeof(mem));
	for (i = 0; i < sizeof(mem); i++)
		if (mem[i] != want->mem[i])
			return WRONG("memory at %#x is %#x, not %#x", i,
				     mem[i], want->mem[i]);
	if (mtty_ctrl_in(mtty, MTTY_MIG_REG_SCRATCH) != want->scratch)
		return "SCRATCH is another one";
	vfio_region_read(&mtty->dev, MTTY_MIG_CTRL_BAR,
			 MTTY_MIG_REG_PEER_BASE_LO, peer, sizeof(peer));
	if (peer[0] != want->peer_base || peer[1] != want->peer_size)
		return "the peer window is another one";
	for (i = 0; i < MTTY_MIG_NR_UARTS; i++)
		if (mtty_uart_in(mtty, i, UART_SCR) != want->scr[i])
			return "a port's scratch register is another one";
	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		const struct model_dma *dma = &want->dma[i];

		vfio_region_read(&mtty->dev, MTTY_MIG_CTRL_BAR,
				 MTTY_MIG_DMA(i), regs, sizeof(regs));
		if (regs[MTTY_MIG_DMA_CMD / 4] != dma->cmd ||
		    regs[MTTY_MIG_DMA_STATUS / 4] != dma->status ||
		    memcmp(&regs[MTTY_MIG_DMA_SRC_LO / 4], &dma->src, 32) ||
		    regs[MTTY_MIG_DMA_PATTERN / 4] != dma->pattern)
			return WRONG("channel %u: status %u, done %u, not %u, %llu",
				     i, regs[MTTY_MIG_DMA_STATUS / 4],
				     regs[MTTY_MIG_DMA_DONE_LO / 4],
				     dma->status, dma->done);
	}
	if (mtty_ctrl_in(mtty, MTTY_MIG_PRI + MTTY_MIG_PRI_OPEN) !=
	    want->pri.nr_open ||
	    mtty_ctrl_in(mtty, MTTY_MIG_PRI + MTTY_MIG_PRI_QUEUED) !=
	    want->pri.nr_queued)
		return "page requests are others";
	return NULL;
}

/* Finish a migration from wherever it is: what arrives is what was here */
static const char *act_migrate(struct walk *walk)
{
	struct model *model = &walk->model;
	const char *why;
	int ret;

	if (model->state != VFIO_DEVICE_STATE_STOP_COPY) {
		why = set_state(walk, VFIO_DEVICE_STATE_STOP_COPY);
		if (why || model->state != VFIO_DEVICE_STATE_STOP_COPY)
			return why;
	}
	CALL(walk, "read to the end after %zu", walk->saved.len);
	ret = __mig_stream_read(&walk->saved, walk->data_fd, 10000);
	if (ret)
		return want(walk, ret, 0);
	vfio_dev_reset(&walk->dst.dev);
	CALL(walk, "load %zu", walk->saved.len);
	why = want(walk, __mig_load(&walk->dst.dev, &walk->saved, 5000,
				    VFIO_DEVICE_STATE_STOP), 0);
	if (why)
		return why;
	if (mtty_digest(&walk->dst) != mtty_digest(&walk->mtty))
		return "the destination has another digest";
	mig_stream_copy(&walk->image, &walk->saved);
	model->image = model->now;
	return compare(&walk->dst, &model->now);
}

static const char *look(struct walk *walk)
{
	struct model *model = &walk->model;
	__u32 state = vfio_mig_get(&walk->mtty.dev);
	char name[32];
	__u64 digest;

	if (state != model->state)
		return WRONG("GET says %s, not %s", in_state(state),
			     in_state(model->state));
	if (!model_runs(state)) {
		digest = mtty_digest(&walk->mtty);
		if (walk->frozen && digest != walk->digest)
			return "a stopped device has changed";
		walk->digest = digest;
		walk->frozen = true;
	}
	if (!one_in(&walk->dice, 8))
		return NULL;
	mdev_attr_read(&walk->mtty.mdev, "mtty_mig/state", name, sizeof(name));
	if (strcmp(name, in_state(state)))
		return WRONG("sysfs says %s", name);
	if (knob_counter(&walk->mtty, "dropped_writes") != model->dropped)
		return WRONG("%llu writes were dropped, not %llu",
			     knob_counter(&walk->mtty, "dropped_writes"),
			     model->dropped);
	if (memcmp(walk->buf, model->buf, MODEL_BUF))
		return "user memory is not what DMA should have made it";
	return compare(&walk->mtty, &model->now);
}

static const struct {
	const char *(*act)(struct walk *walk);
	unsigned int weight;
} acts[] = {
	{ act_set, 24 }, { act_read, 14 }, { act_load, 12 }, { act_stale, 3 },
	{ act_write, 8 }, { act_registers, 3 }, { act_touch, 4 },
	{ act_dma, 6 }, { act_step, 8 }, { act_abort, 1 }, { act_map, 2 },
	{ act_log, 6 }, { act_wire, 3 }, { act_fire, 4 }, { act_raise, 3 },
	{ act_answer, 4 }, { act_drain, 1 }, { act_fault, 1 },
	{ act_reinit, 1 }, { act_illegal, 4 }, { act_reset, 2 },
	{ act_reopen, 1 }, { act_remove, 1 }, { act_migrate, 3 },
};

static const char *act_session(struct walk *walk)
{
	if (walk->model.state == VFIO_DEVICE_STATE_RESUMING)
		return act_load(walk);
	switch (below(&walk->dice, 5)) {
	case 0:
		return act_migrate(walk);
	case 1:
		return act_write(walk);
	default:
		return act_read(walk);
	}
}

static const char *act(struct walk *walk)
{
	unsigned int i, dice, total = 0;

	/* By chance alone few sessions would come to their end */
	if (mig_model_session(walk->model.state) && one_in(&walk->dice, 2))
		return act_session(walk);
	for (i = 0; i < ARRAY_LEN(acts); i++)
		total += acts[i].weight;
	dice = below(&walk->dice, total);
	for (i = 0; dice >= acts[i].weight; i++)
		dice -= acts[i].weight;
	return acts[i].act(walk);
}

/**
 * walk_alone - walk at random
 * @run: how far
 * @type: type of the device
 * @flags: its capabilities, VFIO_MIGRATION_*
 *
 * Return: NULL, or what was wrong.
 */
const char *walk_alone(struct random_run *run, const char *type, __u64 flags)
{
	static struct walk walk;
	const char *why = NULL;
	unsigned long step;
	unsigned int i;

	memset(&walk, 0, sizeof(walk));
	walk.trail = &run->trails[0];
	walk.dice = run->seed;
	walk.type = type;
	walk.data_fd = -1;
	walk.model.flags = flags;
	walk.model.has_pri = !strcmp(type, "vpri");
	for (i = 0; i < STALE; i++)
		walk.stale[i] = -1;
	for (i = 0; i < VECTORS; i++)
		walk.eventfd[i] = eventfd_new();
	walk.buf = mmap(NULL, MODEL_BUF, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (walk.buf == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	mtty_new(&walk.dst, type, MODEL_MEM);
	walk.model.has_log =
		!__vfio_feature(&walk.dst.dev, VFIO_DEVICE_FEATURE_PROBE |
				VFIO_DEVICE_FEATURE_SET |
				VFIO_DEVICE_FEATURE_DMA_LOGGING_START, NULL, 0);
	make_device(&walk);
	model_reset(&walk.model);
	/* So that there is something to load */
	why = act_migrate(&walk);

	for (step = 0; !why && run_goes_on(run, step); step++) {
		why = act(&walk);
		if (!why)
			why = look(&walk);
	}
	mig_stream_free(&walk.saved);
	mig_stream_free(&walk.image);
	return why;
}
