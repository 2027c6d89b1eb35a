// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several threads at once, each with a sequence of calls of its own that the
 * seed gives.
 *
 * While they run, each result must be one that can be, and what was asked of
 * the FSM must have an explanation (history.h).  A round ends when all have
 * made their calls.  Then all is exact: which session is alive, what it has
 * sent, whether it arrives, what has been loaded.
 *
 * Buffers are memory whose pages come late (slow_mem.h), so that calls meet.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/check.h"
#include "../lib/vfio_dma.h"
#include "dma.h"
#include "history.h"
#include "journey.h"
#include "knobs.h"
#include "slow_mem.h"
#include "stress.h"

#define PAGE		((size_t)MTTY_MIG_PAGE_SIZE)
#define IOVA		0x40000000ULL
#define BUF_PAGES	4
#define BUF		(BUF_PAGES * PAGE)

/* Steps of each thread until all is looked at */
#define ROUND		40
#define SESSIONS	(3 * ROUND)

/**
 * struct session - a data fd that a SET gave
 * @fd: the fd, open until the end of the round
 * @resumes: it is there to be written to
 * @shared: several threads transfer at once, and what they get is anything
 * @dead: it has answered ENODEV, and must go on to do so
 * @ended: it has come to the end of the stream
 * @stream: what was read
 * @loaded: bytes of the image that were written
 * @refused: why a write was refused, negative, or 0
 */
struct session {
	int fd;
	bool resumes;
	bool shared;
	bool dead;
	bool ended;
	struct mig_stream stream;
	size_t loaded;
	int refused;
};

/**
 * struct together - what the threads share
 * @run: what they belong to
 * @type: of the device
 * @flags: its capabilities
 * @mtty: the device; while it is closed, the number of its fd is /dev/null
 * @dst: another one, to load what the first has saved
 * @null_fd: /dev/null
 * @iommu: held by who uses or changes mtty.dev.iommu_fd
 * @history: what was asked of the FSM
 * @image: a stream that can be loaded
 * @digest: of the device with that content
 * @fresh: of the device after a reset
 * @nr_sessions: how many sessions there are in this round
 * @sessions: the sessions
 * @publish: held by who adds one
 * @reopens: the device may be closed and opened in this round
 * @removes: the device is removed in this round
 * @remover: who waits for that
 * @failed: somebody has seen what cannot be
 * @trouble: what
 */
struct together {
	struct random_run *run;
	const char *type;
	__u64 flags;
	struct mtty mtty;
	struct mtty dst;
	int null_fd;
	pthread_mutex_t iommu;
	struct history history;
	struct mig_stream image;
	__u64 digest;
	__u64 fresh;
	atomic_uint nr_sessions;
	struct session sessions[SESSIONS];
	pthread_mutex_t publish;
	bool reopens;
	bool removes;
	struct worker remover;
	atomic_bool failed;
	char trouble[256];
};

/**
 * struct actor - a thread
 * @worker: the thread
 * @together: what it shares
 * @number: its number
 * @act: its steps
 * @dice: where its numbers come from
 * @step: that it is at
 * @slow: memory of its own
 * @armed: the fault that it has asked for
 */
struct actor {
	struct worker worker;
	struct together *together;
	unsigned int number;
	void (*act)(struct actor *actor);
	__u64 dice;
	unsigned long step;
	struct slow_mem slow;
	char armed[64];
};

#define CALL(actor, ...) \
	run_call((actor)->together->run, (actor)->number, __VA_ARGS__)

#define FAILED(actor, fmt, ...) \
	failed(actor, WRONG("thread %u: " fmt, (actor)->number, ##__VA_ARGS__))

/* Only the first thing that goes wrong is told: the others may follow from it */
static void failed(struct actor *actor, const char *why)
{
	struct together *together = actor->together;

	if (!atomic_exchange(&together->failed, true))
		snprintf(together->trouble, sizeof(together->trouble), "%s",
			 why);
}

/* Judge a result: not negative, or one of a list of errnos that ends with 0 */
static void judge(struct actor *actor, long ret, const int *errors)
{
	run_result(actor->together->run, actor->number, ret);
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
	run_result(together->run, actor->number, ret);
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

	if (together->removes && actor->step == ROUND / 2) {
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

static void read_session(struct actor *actor, struct session *session)
{
	size_t len = 1 + below(&actor->dice, actor->slow.len);
	ssize_t n;

	CALL(actor, "read %zu of fd %d", len, session->fd);
	slow_mem_forget(&actor->slow);
	n = mig_read(session->fd, actor->slow.buf, len);
	JUDGE(actor, n, ENOMSG, ENODEV, HISTORY_FAULT);
	if (n > 0)
		mig_stream_append(&session->stream, actor->slow.buf, n);
	if (session->dead && n != -ENODEV)
		FAILED(actor, "a dead session gives %zd", n);
	if (session->ended && n && n != -ENODEV)
		FAILED(actor, "after its end a session gives %zd", n);
	session->ended |= !n;
	session->dead |= n == -ENODEV;
}

static void write_session(struct actor *actor, struct session *session)
{
	struct mig_stream *image = &actor->together->image;
	size_t len = image->len - session->loaded;
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
	if (n >= 0 && (n != (ssize_t)len || session->refused))
		FAILED(actor, "%zd of %zu are taken", n, len);
	if (session->dead && n != -ENODEV)
		FAILED(actor, "a dead session gives %zd", n);
	if (n > 0)
		session->loaded += n;
	if (n == -HISTORY_FAULT)
		session->refused = n;
	session->dead |= n == -ENODEV;
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

/* What must take nothing from a session, nor put anything into it */
static void act_disturb(struct actor *actor)
{
	struct session *session = some_session(actor);
	struct vfio_precopy_info info;
	__u64 size = 1;
	__u8 byte;
	int ret;

	if (!session)
		return;
	if (session->shared && one_in(&actor->dice, 2)) {
		share_session(actor, session);
		return;
	}
	switch (below(&actor->dice, 5)) {
	case 0:
		CALL(actor, "read nowhere from fd %d", session->fd);
		JUDGE(actor, mig_read(session->fd, NULL, PAGE), EFAULT, EBADF,
		      ENOMSG, ENODEV, HISTORY_FAULT);
		return;
	case 1:
		CALL(actor, "write nothing to fd %d", session->fd);
		ret = session->resumes ? mig_write(session->fd, &byte, 0) :
					 mig_write(session->fd, &byte, 1);
		/* One that was refused before goes on to be so */
		if (!session->shared)
			JUDGE(actor, ret, EBADF);
		return;
	case 2:
		CALL(actor, "precopy info of fd %d", session->fd);
		ret = __vfio_precopy_info(session->fd, &info);
		JUDGE(actor, ret, EINVAL, ENODEV);
		if (!ret && info.initial_bytes > (1 << 20))
			FAILED(actor, "%llu initial bytes",
			       info.initial_bytes);
		return;
	case 3:
		CALL(actor, "poll of fd %d", session->fd);
		ret = fd_poll(session->fd, POLLIN | POLLOUT);
		if (ret & (session->resumes ? POLLIN : POLLOUT))
			FAILED(actor, "poll says %#x", ret);
		return;
	default:
		CALL(actor, "MIG_DATA_SIZE");
		ret = __vfio_mig_data_size(&actor->together->mtty.dev, &size);
		JUDGE(actor, ret, ENOTTY);
		if (!ret && (!size || size > (1 << 20)))
			FAILED(actor, "%llu bytes to send", size);
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
	run_result(actor->together->run, actor->number, poll(&pfd, 1, -1));
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

static void act_dma(struct actor *actor)
{
	const struct vfio_device_feature_dma_logging_range range = { IOVA, BUF };
	struct together *together = actor->together;
	struct mtty *mtty = &together->mtty;
	__u32 regs[MTTY_MIG_DMA_CTRL / 4 + 1] = {};
	__u64 offset = below(&actor->dice, BUF), page_size = PAGE;
	__u64 len = 1 + below(&actor->dice, BUF - offset);
	__u64 dst = IOVA + offset;
	__u32 pattern = mtty_random(&actor->dice), status = 0;
	unsigned int i;

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
	regs[MTTY_MIG_DMA_CMD / 4] = MTTY_MIG_DMA_OP_FILL;
	regs[MTTY_MIG_DMA_STATUS / 4] = ~0U;
	memcpy(&regs[MTTY_MIG_DMA_DST_LO / 4], &dst, sizeof(dst));
	memcpy(&regs[MTTY_MIG_DMA_LEN_LO / 4], &len, sizeof(len));
	regs[MTTY_MIG_DMA_PATTERN / 4] = pattern;
	/* Abort comes before START: what was left is over */
	regs[MTTY_MIG_DMA_CTRL / 4] = MTTY_MIG_DMA_ABORT;
	JUDGE(actor, __vfio_region_write(&mtty->dev, MTTY_MIG_CTRL_BAR,
					 MTTY_MIG_DMA(0), regs, sizeof(regs)),
	      EIO);
	regs[MTTY_MIG_DMA_CTRL / 4] = MTTY_MIG_DMA_START;
	JUDGE(actor, __vfio_region_write(&mtty->dev, MTTY_MIG_CTRL_BAR,
					 MTTY_MIG_DMA(0), regs, sizeof(regs)),
	      EIO);
	for (i = 0; i < 20; i++) {
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

static void disarm(struct actor *actor)
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

	disarm(actor);
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

static int answer(const struct mtty *mtty)
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
		disarm(actor);
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
		ret = answer(mtty);
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

static void (* const acts[])(struct actor *actor) = {
	/* Those of the history come first */
	act_set, act_set_or_get, act_reset, act_transfer, act_touch, act_dma,
	act_disturb, act_irq, act_knob,
	/* Waits for what only the end of the round may bring, so it is last */
	act_wait,
};

#define NR_ACTORS	ARRAY_LEN(acts)

static int run_actor(void *arg)
{
	struct actor *actor = arg;
	struct together *together = actor->together;

	for (actor->step = 0; actor->step < ROUND; actor->step++) {
		if (atomic_load(&together->failed))
			break;
		actor->act(actor);
		atomic_fetch_add(&together->run->step, 1);
		if (one_in(&actor->dice, 3))
			sched_yield();
	}
	return 0;
}

/* The end of a round */

static void answer_all(struct together *together)
{
	while (!answer(&together->mtty))
		;
}

/* Which session is alive: NULL if none; more than one is wrong */
static const char *find_alive(struct together *together, __u32 state,
			      struct session **alive)
{
	unsigned int i, nr = atomic_load(&together->nr_sessions);
	const char *why;

	*alive = NULL;
	for (i = 0; i < nr; i++) {
		struct session *session = &together->sessions[i];

		if (fd_poll(session->fd, POLLIN | POLLOUT) & POLLHUP) {
			why = data_fd_dead(session->fd, session->resumes ?
					   VFIO_DEVICE_STATE_RESUMING :
					   VFIO_DEVICE_STATE_STOP_COPY);
			if (why)
				return why;
			continue;
		}
		if (*alive || session->dead)
			return WRONG("the session of fd %d lives on",
				     session->fd);
		*alive = session;
	}
	if (!*alive != !mig_model_session(state) ||
	    (*alive && (*alive)->resumes == mig_model_saving(state)))
		return WRONG("in %s there is %s session",
			     mig_state_name(state),
			     *alive ? "such a" : "no");
	return NULL;
}

static const char *arrives(struct together *together,
			   struct mig_stream *stream, int data_fd)
{
	const char *why = NULL;
	int ret;

	ret = __mig_stream_read(stream, data_fd, MIG_CHUNK);
	if (ret)
		return WRONG("the stream ends with %d", ret);
	vfio_dev_reset(&together->dst.dev);
	ret = __mig_load(&together->dst.dev, stream, MIG_CHUNK,
			 VFIO_DEVICE_STATE_STOP);
	if (ret)
		why = WRONG("the destination refuses it with %d", ret);
	else if (mtty_digest(&together->dst) != mtty_digest(&together->mtty))
		why = "the destination is not like the source";
	return why;
}

static const char *check_resuming(struct together *together,
				  struct session *session)
{
	size_t left = together->image.len - session->loaded;
	int must = session->refused ? session->refused : left ? -ENODATA : 0;
	int data_fd, ret;

	ret = __vfio_mig_set(&together->mtty.dev, VFIO_DEVICE_STATE_STOP,
			     &data_fd);
	if (session->shared)
		return NULL;
	if (ret != must)
		return WRONG("RESUMING to STOP gives %d, not %d", ret, must);
	if (!ret && mtty_digest(&together->mtty) != together->digest)
		return "it was not loaded with what was written";
	return NULL;
}

/* All rest; whatever has happened, the model knows what must be so now */
static const char *check_round(struct together *together)
{
	struct mtty *mtty = &together->mtty;
	struct session *alive;
	struct mig_stream stream = {};
	unsigned int states;
	const char *why;
	__u32 state;
	int data_fd, ret;

	why = history_explain(&together->history, &states);
	if (why)
		return why;
	state = vfio_mig_get(&mtty->dev);
	if (!(states & 1U << state))
		return WRONG("GET says %s, which is none of %#x",
			     mig_state_name(state), states);
	why = find_alive(together, state, &alive);
	/* It has no digest any more once its removal has begun */
	if (why || together->removes)
		return why;
	if (state == VFIO_DEVICE_STATE_RESUMING)
		return check_resuming(together, alive);

	answer_all(together);
	ret = __vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_STOP_COPY,
			     &data_fd);
	if (state == VFIO_DEVICE_STATE_ERROR)
		return ret == -EIO ? NULL : WRONG("ERROR is left: %d", ret);
	if (ret || (data_fd >= 0) != !alive)
		return WRONG("%s to STOP_COPY gives %d, fd %d",
			     mig_state_name(state), ret, data_fd);
	if (alive && alive->shared)
		return NULL;
	if (alive)
		return arrives(together, &alive->stream, alive->fd);
	why = arrives(together, &stream, data_fd);
	mig_stream_free(&stream);
	close(data_fd);
	return why;
}

static void make_device(struct together *together)
{
	struct vfio_dev *dev = &together->mtty.dev;
	__u32 index;

	mtty_new(&together->mtty, together->type, JOURNEY_MEM_SIZE);
	/* The library asks once and remembers, which is not for many threads */
	for (index = 0; index < dev->info.num_regions; index++) {
		__u8 byte[4];

		__vfio_region_read(dev, index, 0, byte, sizeof(byte));
	}
}

/* A reset is the end of each session, and so of each wait for one */
static const char *end_round(struct together *together,
			     struct worker *waiting)
{
	struct mtty *mtty = &together->mtty;
	const char *why = NULL;
	unsigned int i;

	vfio_dev_reset(&mtty->dev);
	if (!together->removes && mtty_digest(mtty) != together->fresh)
		why = "it has content after a reset";
	if (together->removes) {
		vfio_dev_close(&mtty->dev);
		if (worker_join(&together->remover))
			why = "it cannot be removed";
	}
	worker_join(waiting);
	for (i = 0; i < atomic_load(&together->nr_sessions); i++) {
		struct session *session = &together->sessions[i];

		if (!why)
			why = data_fd_dead(session->fd, session->resumes ?
					   VFIO_DEVICE_STATE_RESUMING :
					   VFIO_DEVICE_STATE_STOP_COPY);
		close(session->fd);
		mig_stream_free(&session->stream);
	}
	memset(together->sessions, 0, sizeof(together->sessions));
	atomic_store(&together->nr_sessions, 0);
	if (together->removes)
		make_device(together);
	return why;
}

static const char *round_of(struct together *together, struct actor *actors)
{
	const char *why;
	unsigned int i;

	history_begin(&together->history, together->flags);
	for (i = 0; i < NR_ACTORS; i++)
		worker_start(&actors[i].worker, run_actor, &actors[i]);
	for (i = 0; i + 1 < NR_ACTORS; i++)
		worker_join(&actors[i].worker);
	for (i = 0; i < NR_ACTORS; i++)
		disarm(&actors[i]);
	why = atomic_load(&together->failed) ? together->trouble : NULL;
	if (!why)
		why = check_round(together);
	if (why)
		return why;
	return end_round(together, &actors[NR_ACTORS - 1].worker);
}

static const char *begin(struct together *together, struct actor *actors,
			 __u64 seed)
{
	const char *why;
	unsigned int i;

	together->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (together->null_fd < 0)
		die("/dev/null: %s", strerror(errno));
	pthread_mutex_init(&together->iommu, NULL);
	pthread_mutex_init(&together->publish, NULL);
	mtty_new(&together->dst, together->type, JOURNEY_MEM_SIZE);
	make_device(together);
	together->fresh = mtty_digest(&together->mtty);
	journey_fill(&together->mtty);
	together->digest = mtty_digest(&together->mtty);
	mig_save(&together->mtty.dev, &together->image, MIG_CHUNK);
	vfio_dev_reset(&together->mtty.dev);

	for (i = 0; i < NR_ACTORS; i++) {
		actors[i].together = together;
		actors[i].number = i;
		actors[i].act = acts[i];
		actors[i].dice = seed * 1000 + i;
		why = slow_mem_new(&actors[i].slow, BUF);
		if (why)
			return why;
	}
	return NULL;
}

/**
 * walk_together - several threads at once
 * @run: how far
 * @type: type of the device
 * @flags: its capabilities, VFIO_MIGRATION_*
 *
 * Return: NULL, or what was wrong.
 */
const char *walk_together(struct random_run *run, const char *type,
			  __u64 flags)
{
	static struct together together;
	static struct actor actors[NR_ACTORS];
	__u64 dice = run->seed;
	unsigned long step;
	const char *why;

	together.run = run;
	together.type = type;
	together.flags = flags;
	why = begin(&together, actors, run->seed);
	for (step = 0; !why && run_goes_on(run, step); step += ROUND) {
		unsigned int kind = below(&dice, 8);

		together.reopens = kind < 3;
		together.removes = kind == 7;
		why = round_of(&together, actors);
	}
	return why;
}
