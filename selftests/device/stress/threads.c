// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several threads at one device: what each of them does, and what a call may
 * give while the others do what they do.
 *
 * A result is judged by what was known before the call and cannot change any
 * more, such as that a session has ended; by what only this thread changes; or
 * by what is so in any case.  What another thread has found out meanwhile may
 * have become true after the call had its answer.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/check.h"
#include "../../lib/vfio_dma.h"
#include "../lib/dma.h"
#include "../lib/knobs.h"
#include "threads.h"

#define PAGE		((size_t)MTTY_MIG_PAGE_SIZE)
#define IOVA		0x40000000ULL
#define BUF		STRESS_BUF

#define CALL(actor, ...)	run_call((actor)->trail, __VA_ARGS__)

/* Only the first thing that goes wrong is told: the others may follow from it */
static void failed(struct actor *actor, const char *why)
{
	struct together *together = actor->together;

	if (!atomic_exchange(&together->failed, true))
		snprintf(together->trouble, sizeof(together->trouble),
			 "thread %u: %s", actor->number, why);
}

#define FAILED(actor, ...)	failed(actor, WRONG(__VA_ARGS__))

/* Judge a result: not negative, or one of a list of errnos that ends with 0 */
static void judge(struct actor *actor, long ret, const int *errors)
{
	run_result(actor->trail, ret);
	if (ret >= 0)
		return;
	for (; *errors; errors++)
		if (ret == -*errors)
			return;
	FAILED(actor, "%ld is no result", ret);
}

#define JUDGE(actor, ret, ...) \
	judge(actor, ret, (const int[]){ __VA_ARGS__, 0 })

/* The FSM */

static void act_set(struct actor *actor)
{
	static const __u32 sessions[] = {
		VFIO_DEVICE_STATE_STOP_COPY, VFIO_DEVICE_STATE_PRE_COPY,
		VFIO_DEVICE_STATE_RESUMING, VFIO_DEVICE_STATE_PRE_COPY_P2P,
	};
	struct together *together = actor->together;
	struct history_call *call;
	struct session *session;
	int data_fd, ret;
	__u32 to;

	to = one_in(&actor->dice, 2) ?
	     sessions[below(&actor->dice, ARRAY_LEN(sessions))] :
	     below(&actor->dice, VFIO_DEVICE_STATE_NR + 1);
	CALL(actor, "SET %s", mig_state_name(to));
	call = history_call(&together->history, actor->number, HISTORY_SET,
			    to);
	ret = __vfio_mig_set(&together->mtty.dev, to, &data_fd);
	call->new_fd = !ret && data_fd >= 0;
	history_return(&together->history, actor->number, call, ret);
	run_result(actor->trail, ret);
	if (!call->new_fd)
		return;
	pthread_mutex_lock(&together->publish);
	session = &together->sessions[atomic_load(&together->nr_sessions)];
	session->fd = data_fd;
	session->resumes = to == VFIO_DEVICE_STATE_RESUMING;
	session->shared = one_in(&actor->dice, 4);
	atomic_fetch_add(&together->nr_sessions, 1);
	pthread_mutex_unlock(&together->publish);
}

static void act_get(struct actor *actor)
{
	struct together *together = actor->together;
	struct history_call *call;
	__u32 state;
	int ret;

	CALL(actor, "GET");
	call = history_call(&together->history, actor->number, HISTORY_GET, 0);
	ret = __vfio_mig_get(&together->mtty.dev, &state);
	call->state = state;
	history_return(&together->history, actor->number, call, ret);
	JUDGE(actor, ret, ENOTTY);
}

static void act_set_or_get(struct actor *actor)
{
	if (one_in(&actor->dice, 3))
		act_get(actor);
	else
		act_set(actor);
}

/* The last close comes when the last call is done: until then it is in use */
static void reopen(struct together *together)
{
	struct vfio_dev *dev = &together->mtty.dev, new;

	pthread_mutex_lock(&together->iommu);
	dup2(together->null_fd, dev->fd);
	if (dev->group_fd >= 0)
		close(dev->group_fd);
	close(dev->iommu_fd);
	while (__vfio_dev_open(&new, together->mtty.mdev.uuid,
			       vfio_way_from_env()))
		sched_yield();
	dup2(new.fd, dev->fd);
	close(new.fd);
	dev->group_fd = new.group_fd;
	dev->iommu_fd = new.iommu_fd;
	dev->ioas_id = new.ioas_id;
	pthread_mutex_unlock(&together->iommu);
}

static int run_remove(void *arg)
{
	return __mdev_remove(arg);
}

static void act_reset(struct actor *actor)
{
	struct together *together = actor->together;
	struct history_call *call;
	int ret = 0;

	if (together->removes && actor->step == STRESS_ROUND / 2) {
		CALL(actor, "remove");
		worker_start(&together->remover, run_remove,
			     &together->mtty.mdev);
	}
	/* Seldom enough that the others get somewhere */
	if (!one_in(&actor->dice, 5)) {
		act_get(actor);
		return;
	}
	call = history_call(&together->history, actor->number, HISTORY_RESET,
			    0);
	if (together->reopens && one_in(&actor->dice, 2)) {
		/*
		 * A group lets a device be opened again while somebody else's
		 * call keeps it open, and then it is not closed at all.
		 */
		if (together->mtty.dev.group_fd >= 0)
			call->op = HISTORY_REOPEN;
		CALL(actor, "close and open");
		reopen(together);
	} else {
		CALL(actor, "reset");
		ret = __vfio_dev_reset(&together->mtty.dev);
	}
	history_return(&together->history, actor->number, call, ret);
	JUDGE(actor, ret, ENOTTY);
}

/* Sessions */

/* One of the last three, mostly the last; NULL if there is none */
static struct session *some_session(struct actor *actor)
{
	struct together *together = actor->together;
	unsigned int nr = atomic_load(&together->nr_sessions);
	unsigned int back = 1 + (one_in(&actor->dice, 2) ?
				 below(&actor->dice, 3) : 0);

	return nr >= back ? &together->sessions[nr - back] : NULL;
}

/* From now on nobody may get anything else from it */
static void has_died(struct session *session)
{
	atomic_store(&session->dead, true);
}

static void read_session(struct actor *actor, struct session *session)
{
	size_t len = 1 + below(&actor->dice, actor->slow.len);
	bool dead = atomic_load(&session->dead);
	ssize_t n;

	CALL(actor, "read %zu of fd %d", len, session->fd);
	slow_mem_forget(&actor->slow);
	n = mig_read(session->fd, actor->slow.buf, len);
	JUDGE(actor, n, ENOMSG, ENODEV, HISTORY_FAULT);
	if (n > 0)
		mig_stream_append(&session->stream, actor->slow.buf, n);
	if (dead && n != -ENODEV)
		FAILED(actor, "a dead session gives %zd", n);
	if (session->ended && n && n != -ENODEV)
		FAILED(actor, "after its end a session gives %zd", n);
	session->ended |= !n;
	if (n == -ENODEV)
		has_died(session);
}

/*
 * Less than was asked for is taken only if the session has ended in the middle
 * of the call, and then it must be over now.
 */
static void check_short_write(struct actor *actor, struct session *session,
			      ssize_t n, size_t len)
{
	__u8 byte = 0;

	if (!n || mig_write(session->fd, &byte, 0) != -ENODEV)
		FAILED(actor, "%zd of %zu are taken", n, len);
	has_died(session);
}

static void write_session(struct actor *actor, struct session *session)
{
	struct mig_stream *image = &actor->together->image;
	size_t len = image->len - session->loaded;
	bool dead = atomic_load(&session->dead);
	ssize_t n;

	if (len > actor->slow.len)
		len = actor->slow.len;
	if (one_in(&actor->dice, 4) && len)
		len = 1 + below(&actor->dice, len);
	CALL(actor, "write %zu to fd %d", len, session->fd);
	memcpy(actor->slow.content, image->data + session->loaded, len);
	slow_mem_forget(&actor->slow);
	n = mig_write(session->fd, actor->slow.buf, len);
	JUDGE(actor, n, ENODEV, HISTORY_FAULT);
	if (!len)
		return;
	if (dead && n != -ENODEV)
		FAILED(actor, "a dead session gives %zd", n);
	if (n >= 0 && session->refused)
		FAILED(actor, "a refused session takes %zd", n);
	if (n >= 0 && n != (ssize_t)len)
		check_short_write(actor, session, n, len);
	if (n > 0)
		session->loaded += n;
	if (n == -HISTORY_FAULT)
		session->refused = n;
	if (n == -ENODEV)
		has_died(session);
}

/* All that counts here is that the driver survives it */
static void share_session(struct actor *actor, struct session *session)
{
	struct mig_stream *image = &actor->together->image;
	size_t len = 1 + below(&actor->dice, actor->slow.len);

	CALL(actor, "share fd %d, %zu", session->fd, len);
	if (len > image->len)
		len = image->len;
	memcpy(actor->slow.content, image->data, len);
	slow_mem_forget(&actor->slow);
	if (session->resumes)
		mig_write(session->fd, actor->slow.buf, len);
	else
		mig_read(session->fd, actor->slow.buf, len);
}

static void act_transfer(struct actor *actor)
{
	struct session *session = some_session(actor);

	if (!session)
		return;
	if (session->shared)
		share_session(actor, session);
	else if (session->resumes)
		write_session(actor, session);
	else
		read_session(actor, session);
}

/*
 * What must take nothing from a session, nor put anything into it
 *
 * @dead: it was known before the call that the session has ended
 */

static void read_nowhere(struct actor *actor, struct session *session,
			 bool dead)
{
	int ret;

	CALL(actor, "read nowhere from fd %d", session->fd);
	ret = mig_read(session->fd, NULL, PAGE);
	JUDGE(actor, ret, EFAULT, EBADF, ENOMSG, ENODEV, HISTORY_FAULT);
	if (session->resumes != (ret == -EBADF))
		FAILED(actor, "nowhere gives %d", ret);
	if (dead && !session->resumes && ret != -ENODEV)
		FAILED(actor, "a dead session gives %d to nowhere", ret);
	if (ret == -ENODEV)
		has_died(session);
}

static void write_nothing(struct actor *actor, struct session *session,
			  bool dead)
{
	__u8 byte = 0;
	int ret;

	CALL(actor, "write nothing to fd %d", session->fd);
	ret = mig_write(session->fd, &byte, session->resumes ? 0 : 1);
	run_result(actor->trail, ret);
	if (!session->resumes) {
		if (ret != -EBADF)
			FAILED(actor, "an fd to read from gives %d", ret);
		return;
	}
	if (ret == -ENODEV)
		has_died(session);
	/* Why one that several write to is refused may be told again */
	else if (dead || (ret && !session->shared))
		FAILED(actor, "nothing gives %d", ret);
}

static void ask_precopy_info(struct actor *actor, struct session *session,
			     bool dead)
{
	struct vfio_precopy_info info;
	int ret;

	CALL(actor, "precopy info of fd %d", session->fd);
	ret = __vfio_precopy_info(session->fd, &info);
	JUDGE(actor, ret, EINVAL);
	if (!ret && (dead || session->resumes))
		FAILED(actor, "a session without info tells it");
	if (!ret && info.initial_bytes > (1 << 20))
		FAILED(actor, "%llu initial bytes", info.initial_bytes);
}

static void ask_poll(struct actor *actor, struct session *session, bool dead)
{
	int events;

	CALL(actor, "poll of fd %d", session->fd);
	events = fd_poll(session->fd, POLLIN | POLLOUT);
	if (events & (session->resumes ? POLLIN : POLLOUT) ||
	    (dead && events != (POLLERR | POLLHUP)))
		FAILED(actor, "poll says %#x", events);
	if (events & POLLHUP)
		has_died(session);
}

static void ask_data_size(struct actor *actor)
{
	__u64 size = 1;
	int ret;

	CALL(actor, "MIG_DATA_SIZE");
	ret = __vfio_mig_data_size(&actor->together->mtty.dev, &size);
	JUDGE(actor, ret, ENOTTY);
	if (!ret && (!size || size > (1 << 20)))
		FAILED(actor, "%llu bytes to send", size);
}

static void act_disturb(struct actor *actor)
{
	struct session *session = some_session(actor);
	bool dead;

	if (!session)
		return;
	if (session->shared && one_in(&actor->dice, 2)) {
		share_session(actor, session);
		return;
	}
	dead = atomic_load(&session->dead);
	switch (below(&actor->dice, 5)) {
	case 0:
		read_nowhere(actor, session, dead);
		return;
	case 1:
		write_nothing(actor, session, dead);
		return;
	case 2:
		ask_precopy_info(actor, session, dead);
		return;
	case 3:
		ask_poll(actor, session, dead);
		return;
	default:
		ask_data_size(actor);
	}
}

/*
 * Wait for ever until a session can be read.  Nothing but the driver wakes us
 * when it cannot any more; if it fails to, the round does not end.
 */
static void act_wait(struct actor *actor)
{
	struct session *session = some_session(actor);
	struct pollfd pfd = { .events = POLLIN };

	if (!session || session->resumes)
		return;
	pfd.fd = session->fd;
	CALL(actor, "wait for fd %d", session->fd);
	run_result(actor->trail, poll(&pfd, 1, -1));
	if (pfd.revents & ~(POLLIN | POLLERR | POLLHUP))
		FAILED(actor, "poll says %#x", pfd.revents);
}

/* Memory and registers */

static void act_touch(struct actor *actor)
{
	struct vfio_dev *dev = &actor->together->mtty.dev;
	__u64 offset = below(&actor->dice, JOURNEY_MEM_SIZE);
	size_t len = 1 + below(&actor->dice, actor->slow.len);
	__u32 word = mtty_random(&actor->dice);

	if (one_in(&actor->dice, 2))
		offset &= -PAGE;
	if (len > JOURNEY_MEM_SIZE - offset)
		len = JOURNEY_MEM_SIZE - offset;
	switch (below(&actor->dice, 4)) {
	case 0:
		CALL(actor, "SCRATCH");
		/* EIO: it is closed, and /dev/null gives nothing */
		JUDGE(actor, __vfio_region_write(dev, MTTY_MIG_CTRL_BAR,
						 MTTY_MIG_REG_SCRATCH, &word,
						 sizeof(word)), EIO);
		return;
	case 1:
		CALL(actor, "read %zu of memory at %#llx", len, offset);
		slow_mem_forget(&actor->slow);
		JUDGE(actor, __vfio_region_read(dev, MTTY_MIG_MEM_BAR, offset,
						actor->slow.buf, len), EIO);
		return;
	default:
		CALL(actor, "write %zu to memory at %#llx", len, offset);
		mtty_fill_page(actor->slow.content, word, 0);
		slow_mem_forget(&actor->slow);
		JUDGE(actor, __vfio_region_write(dev, MTTY_MIG_MEM_BAR, offset,
						 actor->slow.buf, len), EIO);
	}
}

/*
 * Status of a fill, which its pattern tells from any other: a stopped device
 * takes no START and goes on to show the fill before.
 */
static __u32 fill_status(struct mtty *mtty, __u32 pattern)
{
	__u32 regs[MTTY_MIG_DMA_PATTERN / 4 + 1] = {};

	__vfio_region_read(&mtty->dev, MTTY_MIG_CTRL_BAR, MTTY_MIG_DMA(0),
			   regs, sizeof(regs));
	return regs[MTTY_MIG_DMA_PATTERN / 4] == pattern ?
	       regs[MTTY_MIG_DMA_STATUS / 4] : 0;
}

/*
 * A fill of user memory.  Nobody else uses the channel: if it says that it is
 * complete, then the bytes are there, and in the log, if that is still on.
 */
static void check_fill(struct actor *actor, size_t offset, size_t len,
		       __u32 pattern)
{
	struct vfio_dev *dev = &actor->together->mtty.dev;
	__u64 bitmap = 0, wanted = 0;
	size_t i;
	int ret;

	for (i = offset; i < offset + len; i++) {
		wanted |= 1ULL << i / PAGE;
		if (actor->slow.buf[i] == (__u8)(pattern >> i % 4 * 8))
			continue;
		FAILED(actor, "a fill is complete but for byte %#zx", i);
		return;
	}
	ret = __dma_log_report(dev, IOVA, BUF, PAGE, &bitmap);
	CALL(actor, "report %#llx, wanted %#llx", bitmap, wanted);
	JUDGE(actor, ret, EINVAL, ENOTTY);
	if (!ret && (bitmap & wanted) != wanted)
		FAILED(actor, "the log has %#llx and lacks some of %#llx",
		       bitmap, wanted);
}

/* Whatever the channel does is over, and this begins */
static void start(struct actor *actor, unsigned int channel,
		  const struct dma_transfer *new)
{
	struct vfio_dev *dev = &actor->together->mtty.dev;
	__u32 regs[MTTY_MIG_DMA_CTRL / 4 + 1] = {};

	JUDGE(actor, __mtty_bus_master(&actor->together->mtty), EIO);
	regs[MTTY_MIG_DMA_CTRL / 4] = MTTY_MIG_DMA_ABORT;
	JUDGE(actor, __vfio_region_write(dev, MTTY_MIG_CTRL_BAR,
					 MTTY_MIG_DMA(channel), regs,
					 sizeof(regs)), EIO);
	regs[MTTY_MIG_DMA_CMD / 4] = new->cmd;
	regs[MTTY_MIG_DMA_STATUS / 4] = ~0U;
	memcpy(&regs[MTTY_MIG_DMA_SRC_LO / 4], &new->src, sizeof(new->src));
	memcpy(&regs[MTTY_MIG_DMA_DST_LO / 4], &new->dst, sizeof(new->dst));
	memcpy(&regs[MTTY_MIG_DMA_LEN_LO / 4], &new->len, sizeof(new->len));
	regs[MTTY_MIG_DMA_PATTERN / 4] = new->pattern;
	regs[MTTY_MIG_DMA_CTRL / 4] = MTTY_MIG_DMA_START;
	JUDGE(actor, __vfio_region_write(dev, MTTY_MIG_CTRL_BAR,
					 MTTY_MIG_DMA(channel), regs,
					 sizeof(regs)), EIO);
}

static void act_dma(struct actor *actor)
{
	const struct vfio_device_feature_dma_logging_range range = { IOVA, BUF };
	struct together *together = actor->together;
	struct mtty *mtty = &together->mtty;
	__u64 offset = below(&actor->dice, BUF), page_size = PAGE;
	__u64 len = 1 + below(&actor->dice, BUF - offset);
	__u64 dst = IOVA + offset;
	__u32 pattern = mtty_random(&actor->dice), status = 0;
	struct dma_transfer new = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .len = len, .pattern = pattern,
	};
	unsigned int patience, i;

	pthread_mutex_lock(&together->iommu);
	CALL(actor, "map");
	/* EEXIST: it is mapped, unless the device was closed since */
	JUDGE(actor, __vfio_dma_map(&mtty->dev, actor->slow.buf, IOVA, BUF,
				    true), EEXIST, EADDRINUSE);
	pthread_mutex_unlock(&together->iommu);
	if (one_in(&actor->dice, 2))
		JUDGE(actor, __dma_log_start(&mtty->dev, &range, 1,
					     &page_size), EINVAL, ENOTTY);

	CALL(actor, "fill %llu at %#llx", len, dst);
	slow_mem_forget(&actor->slow);
	new.dst = dst;
	start(actor, 0, &new);
	/* And another way: a page that comes late must not come too late */
	if (one_in(&actor->dice, 2)) {
		new.cmd = MTTY_MIG_DMA_OP_READ;
		new.src = IOVA + below(&actor->dice, BUF - len + 1);
		new.dst = offset;
		start(actor, 1, &new);
	}
	patience = one_in(&actor->dice, 2) ? below(&actor->dice, 4) : 40;
	for (i = 0; i < patience; i++) {
		status = fill_status(mtty, pattern);
		if (!(status & MTTY_MIG_DMA_BUSY))
			break;
		sched_yield();
	}
	if (status == MTTY_MIG_DMA_COMPLETE)
		check_fill(actor, offset, len, pattern);
	if (!one_in(&actor->dice, 3))
		return;

	/* Under the engine's feet, perhaps */
	pthread_mutex_lock(&together->iommu);
	CALL(actor, "unmap");
	JUDGE(actor, __vfio_dma_unmap(&mtty->dev, IOVA, BUF), ENOENT);
	pthread_mutex_unlock(&together->iommu);
	JUDGE(actor, __dma_log_stop(&mtty->dev), EINVAL, ENOTTY);
}

/* Interrupts */

static void act_irq(struct actor *actor)
{
	struct vfio_dev *dev = &actor->together->mtty.dev;
	__u32 index = below(&actor->dice, VFIO_PCI_ERR_IRQ_INDEX);
	int fds[MTTY_MIG_NR_VECTORS], ret;
	unsigned int i, nr = index ? MTTY_MIG_NR_VECTORS : 1;
	__u64 count;

	for (i = 0; i < nr; i++)
		fds[i] = eventfd_new();
	CALL(actor, "eventfds of index %u", index);
	ret = __vfio_irq_eventfds(dev, index, 0, nr, fds);
	JUDGE(actor, ret, ENOTTY);
	if (!ret)
		ret = __vfio_irq_action(dev, index,
					VFIO_IRQ_SET_ACTION_TRIGGER, 0, nr);
	JUDGE(actor, ret, ENOTTY);
	/*
	 * Not those of the vectors: they migrate, and can be changed in
	 * STOP_COPY when they have been sent.
	 */
	if (index == VFIO_PCI_INTX_IRQ_INDEX) {
		__vfio_irq_action(dev, index, VFIO_IRQ_SET_ACTION_MASK, 0, nr);
		sched_yield();
		__vfio_irq_action(dev, index, VFIO_IRQ_SET_ACTION_UNMASK, 0,
				  nr);
	}
	/* Of itself the device has no reason for those of the ports */
	count = eventfd_take(fds[0]);
	if (nr > 1 && !ret && count != 1 && !actor->together->reopens)
		FAILED(actor, "vector 0 fired %llu times", count);
	if (one_in(&actor->dice, 2))
		__vfio_irq_action(dev, index, VFIO_IRQ_SET_ACTION_TRIGGER, 0,
				  0);
	for (i = 0; i < nr; i++)
		close(fds[i]);
}

/* Knobs */

/**
 * stress_disarm - take back the fault that a thread has asked for
 * @actor: the thread
 */
void stress_disarm(struct actor *actor)
{
	if (*actor->armed)
		__knob_write(&actor->together->mtty, "fault", "%s 0",
			     actor->armed);
	*actor->armed = '\0';
}

static int arm(struct actor *actor)
{
	static const char * const points[] = { "read", "write", "pre-copy" };
	__u64 flags = actor->together->flags;
	__u32 from, to;

	stress_disarm(actor);
	if (one_in(&actor->dice, 4)) {
		snprintf(actor->armed, sizeof(actor->armed), "%s",
			 points[below(&actor->dice, ARRAY_LEN(points))]);
		return __knob_write(&actor->together->mtty, "fault", "%s %d",
				    actor->armed, HISTORY_FAULT);
	}
	do {
		from = 1 + below(&actor->dice, VFIO_DEVICE_STATE_NR - 1);
		to = 1 + below(&actor->dice, VFIO_DEVICE_STATE_NR - 1);
	} while (!mig_model_arc(flags, from, to));
	snprintf(actor->armed, sizeof(actor->armed), "%s-%s-%s",
		 mig_state_name(from), mig_state_name(to),
		 one_in(&actor->dice, 2) ? "after" : "before");
	return __knob_write(&actor->together->mtty, "fault", "%s %d%s",
			    actor->armed, HISTORY_FAULT,
			    one_in(&actor->dice, 4) ? " error" : "");
}

/**
 * stress_answer - answer the oldest page request
 * @mtty: the device
 *
 * Return: 0 or -errno: -ENOENT if none is open.
 */
int stress_answer(const struct mtty *mtty)
{
	char text[2048];
	int ret = __knob_read(mtty, "page_requests", text, sizeof(text));

	if (ret)
		return ret;
	return __knob_write(mtty, "page_requests", "answer %lu",
			    strtoul(text, NULL, 10));
}

static void act_knob(struct actor *actor)
{
	struct mtty *mtty = &actor->together->mtty;
	__u64 first = below(&actor->dice, JOURNEY_PAGES);
	char text[8192];
	__u64 digest;
	int ret;

	CALL(actor, "knob");
	switch (below(&actor->dice, 11)) {
	case 0:
		ret = arm(actor);
		break;
	case 1:
		stress_disarm(actor);
		return;
	case 2:
		ret = __knob_write(mtty, "engine_hold", "%d",
				   one_in(&actor->dice, 3));
		break;
	case 3:
		ret = __knob_write(mtty, "engine_step", "0 5000");
		break;
	case 4:
		ret = __knob_write(mtty, "reinit", "1");
		break;
	case 5:
		ret = __knob_write(mtty, "page_requests", "open 0x5000");
		break;
	case 6:
	case 7:
		ret = stress_answer(mtty);
		break;
	case 8:
		ret = __mtty_digest(mtty, &digest);
		break;
	case 9:
		ret = __knob_read(mtty, one_in(&actor->dice, 2) ? "counters" :
				  "fault", text, sizeof(text));
		break;
	default:
		ret = __knob_write(mtty, "dirty", "%llu 1", first);
	}
	/* It was removed; it is stopped, idle, not in pre-copy; none is open */
	JUDGE(actor, ret, ENOENT, ENODEV, EIO, EBUSY, EINVAL, ENOSPC);
}

void (* const stress_acts[STRESS_THREADS])(struct actor *actor) = {
	/* Those of the history come first */
	act_set, act_set_or_get, act_reset, act_transfer, act_touch, act_dma,
	act_disturb, act_irq, act_knob,
	/* Waits for what only the end of the round may bring, so it is last */
	act_wait,
};
