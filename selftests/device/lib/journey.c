// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device on its way through the FSM.
 *
 * What may be wrong with it is returned in words, and NULL if nothing is.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/check.h"
#include "journey.h"

#define JOURNEY_SEED	1

static char trouble[256];

#define WRONG(fmt, ...) \
	(snprintf(trouble, sizeof(trouble), fmt, ##__VA_ARGS__), trouble)

/**
 * journey_fill - give a device the content that belongs to the image
 * @mtty: the device, running and reset
 *
 * Little of it, because it is done often.
 */
void journey_fill(struct mtty *mtty)
{
	static __u8 mem[JOURNEY_MEM_SIZE];
	unsigned int i;

	for (i = 0; i < JOURNEY_PAGES; i += 2)
		mtty_fill_page(mem + i * MTTY_MIG_PAGE_SIZE, JOURNEY_SEED, i);
	vfio_region_write(&mtty->dev, MTTY_MIG_MEM_BAR, 0, mem, sizeof(mem));
	mtty_ctrl_out(mtty, MTTY_MIG_REG_SCRATCH, JOURNEY_SEED);
	mtty_uart_out(mtty, 1, UART_SCR, 0x5a);
}

/**
 * journey_prepare - get to know a device
 * @journey: filled in
 * @mtty: the device; RUNNING after it
 * @flags: its capabilities, VFIO_MIGRATION_*
 */
void journey_prepare(struct journey *journey, struct mtty *mtty, __u64 flags)
{
	memset(journey, 0, sizeof(*journey));
	journey->mtty = mtty;
	journey->flags = flags;
	journey->data_fd = -1;
	vfio_dev_reset(&mtty->dev);
	journey->fresh = mtty_digest(mtty);
	journey_fill(mtty);
	journey->digest = mtty_digest(mtty);
	mig_save(&mtty->dev, &journey->image, MIG_CHUNK);
	journey_go(journey, VFIO_DEVICE_STATE_RUNNING);
}

static void leave_session(struct journey *journey)
{
	if (journey->data_fd >= 0)
		close(journey->data_fd);
	journey->data_fd = -1;
	journey->saved.len = 0;
	journey->loaded = 0;
}

/**
 * journey_free - close the session's fd, free memory
 * @journey: the journey
 */
void journey_free(struct journey *journey)
{
	leave_session(journey);
	mig_stream_free(&journey->image);
	mig_stream_free(&journey->saved);
}

/**
 * journey_go - reset a device, fill it, and put it into a state
 * @journey: the journey, wherever it is
 * @state: the state
 *
 * In RESUMING nothing is written yet.
 */
void journey_go(struct journey *journey, __u32 state)
{
	leave_session(journey);
	vfio_dev_reset(&journey->mtty->dev);
	journey_fill(journey->mtty);
	journey->data_fd = vfio_mig_set(&journey->mtty->dev, state);
	journey->state = state;
}

/**
 * journey_load - write to a device in RESUMING, or end the process
 * @journey: the journey
 * @len: bytes to go on with in the image; more than there are is all of them
 */
void journey_load(struct journey *journey, size_t len)
{
	struct mig_stream part = journey->image;

	part.data += journey->loaded;
	part.len -= journey->loaded;
	if (part.len > len)
		part.len = len;
	must(__mig_stream_write(&part, journey->data_fd, MIG_CHUNK));
	journey->loaded += part.len;
}

/**
 * journey_digest - what the device's digest must be
 * @journey: the journey
 *
 * Return: that of its content, or of none in RESUMING.
 */
__u64 journey_digest(const struct journey *journey)
{
	return journey->state == VFIO_DEVICE_STATE_RESUMING ?
		journey->fresh : journey->digest;
}

/**
 * data_fd_dead - whether a data fd behaves as one without a session must
 * @data_fd: the fd
 * @state: a state that its session was for
 *
 * Return: NULL, or what it does instead.
 */
const char *data_fd_dead(int data_fd, __u32 state)
{
	struct vfio_precopy_info info;
	short events;
	int ret;

	ret = mig_session_touch(data_fd, state);
	if (ret != -ENODEV)
		return WRONG("%s of the dead fd gives %d, not ENODEV",
			     state == VFIO_DEVICE_STATE_RESUMING ? "write" :
			     "read", ret);
	events = fd_poll(data_fd, POLLIN | POLLOUT);
	if (events != (POLLERR | POLLHUP))
		return WRONG("poll of the dead fd gives %#x", events);
	ret = __vfio_precopy_info(data_fd, &info);
	if (ret != -EINVAL)
		return WRONG("ioctl of the dead fd gives %d, not EINVAL", ret);
	return NULL;
}

/**
 * journey_alive - whether the session, if there should be one, is usable
 * @journey: the journey; a little is read if it saves
 *
 * Return: NULL, or what is wrong.
 */
const char *journey_alive(struct journey *journey)
{
	short events;
	__u8 buf[16];
	ssize_t n;

	if (!mig_model_session(journey->state))
		return journey->data_fd < 0 ? NULL :
			WRONG("there is a session in %s",
			      mig_state_name(journey->state));
	if (journey->data_fd < 0)
		return WRONG("there is no session in %s",
			     mig_state_name(journey->state));

	events = fd_poll(journey->data_fd, POLLIN | POLLOUT);
	if (events & (POLLERR | POLLHUP | POLLNVAL))
		return WRONG("poll of the fd gives %#x", events);
	if (journey->state == VFIO_DEVICE_STATE_RESUMING)
		return events & POLLOUT ? NULL :
			WRONG("poll of the fd gives %#x", events);

	n = mig_read(journey->data_fd, buf, sizeof(buf));
	if (n <= 0)
		return WRONG("read of the fd gives %zd", n);
	mig_stream_append(&journey->saved, buf, n);
	return NULL;
}

/* A device that runs takes what is written to its registers */
static bool device_runs(struct mtty *mtty)
{
	__u32 scratch = mtty_ctrl_in(mtty, MTTY_MIG_REG_SCRATCH);
	bool runs;

	mtty_ctrl_out(mtty, MTTY_MIG_REG_SCRATCH, ~scratch);
	runs = mtty_ctrl_in(mtty, MTTY_MIG_REG_SCRATCH) == ~scratch;
	mtty_ctrl_out(mtty, MTTY_MIG_REG_SCRATCH, scratch);
	return runs;
}

static bool should_run(__u32 state)
{
	return state == VFIO_DEVICE_STATE_RUNNING ||
	       state == VFIO_DEVICE_STATE_RUNNING_P2P ||
	       state == VFIO_DEVICE_STATE_PRE_COPY ||
	       state == VFIO_DEVICE_STATE_PRE_COPY_P2P;
}

/**
 * journey_stays - whether a device is where it was, with nothing changed
 * @journey: the journey
 *
 * Return: NULL, or what is wrong.
 */
const char *journey_stays(struct journey *journey)
{
	__u32 state = vfio_mig_get(&journey->mtty->dev);
	__u64 digest = mtty_digest(journey->mtty);
	int data_fd, ret;

	if (state != journey->state)
		return WRONG("GET says %s", mig_state_name(state));
	if (digest != journey_digest(journey))
		return WRONG("the content is another one");
	if (device_runs(journey->mtty) != should_run(state))
		return WRONG("it %s in %s", should_run(state) ?
			     "does not run" : "runs", mig_state_name(state));
	/* A session that should have ended would come up here */
	ret = __vfio_mig_set(&journey->mtty->dev, state, &data_fd);
	if (ret || data_fd != -1)
		return WRONG("SET %s to stay there gives %d, data_fd %d",
			     mig_state_name(state), ret, data_fd);
	return journey_alive(journey);
}

/**
 * journey_moved - take note of a state that somebody else's SET led to
 * @journey: the journey
 * @state: where it is now
 */
void journey_moved(struct journey *journey, __u32 state)
{
	if (!(mig_model_saving(journey->state) && mig_model_saving(state)) &&
	    journey->state != state)
		leave_session(journey);
	journey->state = state;
}

/**
 * journey_continue - go to a state, with all the effects that it must have
 * @journey: the journey
 * @state: a state that can be reached from where it is, another one
 *
 * Return: NULL, or what is wrong.
 */
const char *journey_continue(struct journey *journey, __u32 state)
{
	__u32 before = journey->state;
	struct mig_expect expect;
	int data_fd, ret;

	if (before == VFIO_DEVICE_STATE_RESUMING)
		journey_load(journey, journey->image.len);
	mig_model_expect(journey->flags, before, state, &expect);
	ret = __vfio_mig_set(&journey->mtty->dev, state, &data_fd);
	if (ret != expect.ret)
		return WRONG("SET %s gives %d", mig_state_name(state), ret);
	if (expect.new_fd ? data_fd < 0 : data_fd != -1)
		return WRONG("SET %s gives data_fd %d", mig_state_name(state),
			     data_fd);
	if (expect.ends) {
		const char *why = data_fd_dead(journey->data_fd, before);

		if (why)
			return why;
	}
	journey_moved(journey, state);
	if (data_fd >= 0)
		journey->data_fd = data_fd;
	return journey_stays(journey);
}

/**
 * journey_arrive - finish a migration, from wherever it is
 * @journey: the journey; STOP_COPY after it, or STOP if it was in RESUMING
 * @dst: another device of the same type, to load what was saved
 *
 * What the session has sent so far counts: a byte that was lost or doubled on
 * the way is found. From RESUMING it is the device itself that loads.
 *
 * Return: NULL, or what is wrong.
 */
const char *journey_arrive(struct journey *journey, struct mtty *dst)
{
	const char *why;
	int ret;

	if (journey->state == VFIO_DEVICE_STATE_RESUMING)
		return journey_continue(journey, VFIO_DEVICE_STATE_STOP);

	if (journey->state != VFIO_DEVICE_STATE_STOP_COPY) {
		why = journey_continue(journey, VFIO_DEVICE_STATE_STOP_COPY);
		if (why)
			return why;
	}
	ret = __mig_stream_read(&journey->saved, journey->data_fd, MIG_CHUNK);
	if (ret)
		return WRONG("the stream ends with %d", ret);
	vfio_dev_reset(&dst->dev);
	ret = __mig_load(&dst->dev, &journey->saved, MIG_CHUNK,
			 VFIO_DEVICE_STATE_RUNNING);
	if (ret)
		return WRONG("the destination refuses the stream with %d",
			     ret);
	if (mtty_digest(dst) != mtty_digest(journey->mtty))
		return WRONG("the destination is not like the source");
	return NULL;
}

/**
 * fd_next - the file descriptor that the next open() would give
 *
 * The same before and after means that none came or went unnoticed.
 *
 * Return: its number.
 */
int fd_next(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}
