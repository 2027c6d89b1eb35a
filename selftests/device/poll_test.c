// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for a data fd: poll, ppoll, epoll; what wakes a waiter; signals and
 * O_NONBLOCK.
 *
 * No test depends on how long anything takes.  A waiter is known to wait
 * before it is woken, and GUARD_MS only ends a test whose waiter is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/held_mem.h"
#include "../lib/vfio_dma.h"
#include "../lib/worker.h"
#include "lib/dma.h"
#include "lib/journey.h"
#include "lib/knobs.h"
#include "lib/mtty_fixture.h"

#define GUARD_MS	20000
/* Less: a poll() whose time is over looks once more, woken or not */
#define WAKE_MS		(GUARD_MS / 2)

#define READABLE	POLLIN
#define DEAD		(POLLERR | POLLHUP)

MTTY_FIXTURE(waiting, knobs_missing());
MTTY_VARIANTS_PRE_COPY(waiting);

/* In PRE_COPY, with all read that there is for now */
static int go_dry(struct journey *journey)
{
	journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
	mig_stream_read(&journey->saved, journey->data_fd, MIG_CHUNK, -ENOMSG);
	return journey->data_fd;
}

static void drain(struct journey *journey)
{
	mig_stream_read(&journey->saved, journey->data_fd, MIG_CHUNK, -ENOMSG);
}

/**
 * struct event - something that a waiter must be told
 * @name: what it is
 * @cause: makes it happen
 * @revents: what poll() must say then
 */
struct event {
	const char *name;
	void (*cause)(struct journey *journey);
	short revents;
};

static void cause_bar_write(struct journey *journey)
{
	vfio_region_write8(&journey->mtty->dev, MTTY_MIG_MEM_BAR, 0, 7);
}

/* A page that was never written, and so never sent */
static void cause_first_write(struct journey *journey)
{
	vfio_region_write8(&journey->mtty->dev, MTTY_MIG_MEM_BAR,
			   MTTY_MIG_PAGE_SIZE, 7);
}

static void cause_zeroes(struct journey *journey)
{
	static const __u8 zero[MTTY_MIG_PAGE_SIZE];

	vfio_region_write(&journey->mtty->dev, MTTY_MIG_MEM_BAR, 0, zero,
			  sizeof(zero));
}

static void cause_dirty(struct journey *journey)
{
	knob_write(journey->mtty, "dirty", "0 1");
}

/* The device writes to its own memory, whenever it comes to it */
static void cause_dma(struct journey *journey)
{
	static const struct dma_transfer transfer = {
		.cmd = MTTY_MIG_DMA_OP_READ,
		.src = 0x100000,
		.dst = 0,
		.len = MTTY_MIG_PAGE_SIZE,
	};
	struct vfio_buf buf;

	vfio_buf_new(&journey->mtty->dev, &buf, transfer.src, transfer.len,
		     false);
	dma_start(journey->mtty, 0, &transfer);
	if (dma_wait(journey->mtty, 0) != MTTY_MIG_DMA_COMPLETE)
		die("DMA failed");
	vfio_buf_unmap(&journey->mtty->dev, &buf);
}

static void cause_reinit(struct journey *journey)
{
	knob_write(journey->mtty, "reinit", "1");
}

static void cause_stop_copy(struct journey *journey)
{
	vfio_mig_set(&journey->mtty->dev, VFIO_DEVICE_STATE_STOP_COPY);
}

static void cause_running(struct journey *journey)
{
	vfio_mig_set(&journey->mtty->dev, VFIO_DEVICE_STATE_RUNNING);
}

static void cause_reset(struct journey *journey)
{
	vfio_dev_reset(&journey->mtty->dev);
}

static void cause_close(struct journey *journey)
{
	vfio_dev_close(&journey->mtty->dev);
}

static void cause_error(struct journey *journey)
{
	int data_fd;

	knob_write(journey->mtty, "fault", "%s-before %d error",
		   journey->flags & VFIO_MIGRATION_P2P ?
		   "PRE_COPY-PRE_COPY_P2P" : "PRE_COPY-STOP_COPY", EDOM);
	if (__vfio_mig_set(&journey->mtty->dev, VFIO_DEVICE_STATE_STOP_COPY,
			   &data_fd) != -EDOM)
		die("the device is not in ERROR");
}

static const struct event events[] = {
	{ "write to the BAR", cause_bar_write, READABLE },
	{ "first write to a page", cause_first_write, READABLE },
	{ "zeroes", cause_zeroes, READABLE },
	{ "dirty", cause_dirty, READABLE },
	{ "DMA to device memory", cause_dma, READABLE },
	{ "reinit", cause_reinit, READABLE },
	{ "STOP_COPY", cause_stop_copy, READABLE },
	{ "RUNNING", cause_running, DEAD },
	{ "reset", cause_reset, DEAD },
	{ "close", cause_close, DEAD },
	{ "ERROR", cause_error, DEAD },
};

/* After an event that closed the device, which the next one needs */
static void be_open(struct mtty *mtty)
{
	if (mtty->dev.fd < 0)
		vfio_dev_open(&mtty->dev, mtty->mdev.uuid);
}

static int run_poll(void *arg)
{
	struct pollfd *pfd = arg;
	int n = poll(pfd, 1, GUARD_MS);

	return n < 0 ? -errno : n;
}

TEST_F(waiting, poll_is_woken_by_each_event)
{
	struct journey *journey = &self->journey;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(events); i++) {
		struct pollfd pfd = {
			.fd = go_dry(journey),
			.events = POLLIN,
		};
		struct worker waiter;

		EXPECT_EQ(0, fd_poll(pfd.fd, POLLIN));
		worker_start(&waiter, run_poll, &pfd);
		EXPECT_TRUE(worker_sleeps(&waiter))
			TH_LOG("poll() did not wait for: %s", events[i].name);
		events[i].cause(journey);
		EXPECT_TRUE(worker_ends(&waiter, WAKE_MS));
		EXPECT_EQ(1, worker_join(&waiter))
			TH_LOG("%s did not wake the waiter", events[i].name);
		EXPECT_EQ(events[i].revents, pfd.revents)
			TH_LOG("%s", events[i].name);
		EXPECT_EQ(events[i].revents, fd_poll(pfd.fd, POLLIN));
		be_open(&self->mtty);
	}
}

/* All of them, not one at a time */
TEST_F(waiting, poll_wakes_every_waiter)
{
	struct journey *journey = &self->journey;
	struct worker waiters[4];
	struct pollfd pfds[4];
	unsigned int i, j;

	for (i = 0; i < ARRAY_LEN(events); i++) {
		int data_fd = go_dry(journey);

		for (j = 0; j < ARRAY_LEN(waiters); j++) {
			pfds[j].fd = data_fd;
			pfds[j].events = POLLIN;
			worker_start(&waiters[j], run_poll, &pfds[j]);
			EXPECT_TRUE(worker_sleeps(&waiters[j]));
		}
		events[i].cause(journey);
		for (j = 0; j < ARRAY_LEN(waiters); j++) {
			EXPECT_TRUE(worker_ends(&waiters[j], WAKE_MS));
			EXPECT_EQ(1, worker_join(&waiters[j]))
				TH_LOG("%s, waiter %u", events[i].name, j);
			EXPECT_EQ(events[i].revents, pfds[j].revents)
				TH_LOG("%s, waiter %u", events[i].name, j);
		}
		be_open(&self->mtty);
	}
}

struct bar_write {
	struct worker worker;
	struct vfio_dev *dev;
	const void *buf;
	size_t len;
};

static int run_bar_write(void *arg)
{
	const struct bar_write *call = arg;

	return __vfio_region_write(call->dev, MTTY_MIG_MEM_BAR, 0, call->buf,
				   call->len);
}

/* The first page is there to be read, however long the writer waits then */
TEST_F(waiting, poll_is_woken_by_a_write_that_has_not_ended)
{
	static const __u8 content[0x10000] = { 1 };
	struct pollfd pfd = { .events = POLLIN };
	struct bar_write call;
	struct worker waiter;
	struct held_mem mem;
	const char *why = held_mem_new(&mem, 2);

	if (why)
		SKIP(return, "%s", why);
	pfd.fd = go_dry(&self->journey);
	call.dev = &self->mtty.dev;
	call.buf = mem.buf;
	call.len = 2 * mem.page;
	worker_start(&waiter, run_poll, &pfd);
	EXPECT_TRUE(worker_sleeps(&waiter));

	worker_start(&call.worker, run_bar_write, &call);
	held_mem_wait(&mem, 0);
	held_mem_serve(&mem, 0, content);
	held_mem_wait(&mem, 1);
	EXPECT_TRUE(worker_ends(&waiter, WAKE_MS))
		TH_LOG("the write waits for its second page");
	EXPECT_EQ(1, worker_join(&waiter));
	EXPECT_EQ(READABLE, pfd.revents);

	held_mem_serve(&mem, 1, content);
	EXPECT_EQ(call.len, worker_join(&call.worker));
	held_mem_free(&mem);
}

/* What comes while nobody waits is there for who comes later */
TEST_F(waiting, poll_does_not_wait_when_it_need_not)
{
	struct journey *journey = &self->journey;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(events); i++) {
		struct pollfd pfd = {
			.fd = go_dry(journey),
			.events = POLLIN,
		};

		events[i].cause(journey);
		EXPECT_EQ(1, poll(&pfd, 1, GUARD_MS))
			TH_LOG("%s", events[i].name);
		EXPECT_EQ(events[i].revents, pfd.revents)
			TH_LOG("%s", events[i].name);
		be_open(&self->mtty);
	}
}

/* Registers are not sent before STOP_COPY, and going to P2P sends nothing */
TEST_F(waiting, poll_is_not_ready_for_what_is_not_to_be_read)
{
	struct journey *journey = &self->journey;
	int data_fd = go_dry(journey);

	mtty_ctrl_out(&self->mtty, MTTY_MIG_REG_SCRATCH, 7);
	EXPECT_EQ(0, fd_poll(data_fd, POLLIN));
	/* Zero to where zero is already changes nothing */
	vfio_region_write8(self->dev, MTTY_MIG_MEM_BAR, MTTY_MIG_PAGE_SIZE, 0);
	EXPECT_EQ(0, fd_poll(data_fd, POLLIN));
	if (variant->flags & VFIO_MIGRATION_P2P) {
		vfio_mig_set(self->dev, VFIO_DEVICE_STATE_PRE_COPY_P2P);
		EXPECT_EQ(0, fd_poll(data_fd, POLLIN));
		EXPECT_EQ(0, fd_poll(data_fd, POLLOUT));
		/* The registers still work there, and so does the memory */
		cause_bar_write(journey);
		EXPECT_EQ(READABLE, fd_poll(data_fd, POLLIN));
	}
}

/* The end of the stream is readable: read() returns 0, and does not wait */
TEST_F(waiting, poll_is_ready_in_STOP_COPY_to_its_end_and_beyond)
{
	struct journey *journey = &self->journey;
	int data_fd = go_dry(journey);
	__u8 buf[100];
	ssize_t n;

	vfio_mig_set(self->dev, VFIO_DEVICE_STATE_STOP_COPY);
	do {
		EXPECT_EQ(POLLIN | POLLRDNORM,
			  fd_poll(data_fd, POLLIN | POLLRDNORM | POLLOUT));
		n = mig_read(data_fd, buf, sizeof(buf));
	} while (n > 0);
	EXPECT_EQ(0, n);
	EXPECT_EQ(POLLIN | POLLRDNORM,
		  fd_poll(data_fd, POLLIN | POLLRDNORM | POLLOUT));
	EXPECT_EQ(0, mig_read(data_fd, buf, sizeof(buf)));
	EXPECT_EQ(READABLE, fd_poll(data_fd, POLLIN));
}

/* An fd that is written to is always ready, until it is dead */
TEST_F(waiting, poll_of_a_resuming_fd)
{
	struct journey *journey = &self->journey;
	static const struct event ends[] = {
		{ "reset", cause_reset, DEAD },
		{ "close", cause_close, DEAD },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ends); i++) {
		struct worker waiter;
		struct pollfd pfd;

		journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
		pfd.fd = journey->data_fd;
		EXPECT_EQ(POLLOUT | POLLWRNORM,
			  fd_poll(pfd.fd, POLLIN | POLLOUT | POLLWRNORM));
		journey_load(journey, 6000);
		EXPECT_EQ(POLLOUT, fd_poll(pfd.fd, POLLIN | POLLOUT));
		/* Who asks for POLLIN waits for its end */
		pfd.events = POLLIN;
		worker_start(&waiter, run_poll, &pfd);
		EXPECT_TRUE(worker_sleeps(&waiter));
		ends[i].cause(journey);
		EXPECT_EQ(1, worker_join(&waiter))
			TH_LOG("%s did not wake the waiter", ends[i].name);
		EXPECT_EQ(DEAD, pfd.revents);
		be_open(&self->mtty);
	}
}

static void on_signal(int sig)
{
	(void)sig;
}

static void catch_signal(int sig)
{
	struct sigaction action = { .sa_handler = on_signal };

	if (sigaction(sig, &action, NULL))
		die("sigaction: %s", strerror(errno));
}

TEST_F(waiting, poll_is_ended_by_a_signal)
{
	struct pollfd pfd = {
		.fd = go_dry(&self->journey),
		.events = POLLIN,
	};
	struct worker waiter;

	catch_signal(SIGUSR1);
	worker_start(&waiter, run_poll, &pfd);
	EXPECT_TRUE(worker_sleeps(&waiter));
	EXPECT_EQ(-EINTR, worker_interrupt(&waiter, SIGUSR1));

	/* It is as if nobody had waited */
	EXPECT_EQ(0, fd_poll(pfd.fd, POLLIN));
	cause_dirty(&self->journey);
	EXPECT_EQ(1, run_poll(&pfd));
	EXPECT_EQ(READABLE, pfd.revents);
}

/* The signal is let in only while ppoll() waits; here it is there already */
TEST_F(waiting, ppoll_lets_a_signal_in)
{
	struct pollfd pfd = {
		.fd = go_dry(&self->journey),
		.events = POLLIN,
	};
	const struct timespec guard = { .tv_sec = GUARD_MS / 1000 };
	const struct timespec now = {};
	sigset_t block, none;

	catch_signal(SIGUSR1);
	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	ASSERT_EQ(0, pthread_sigmask(SIG_BLOCK, &block, NULL));
	ASSERT_EQ(0, raise(SIGUSR1));
	EXPECT_EQ(-1, ppoll(&pfd, 1, &guard, &none));
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(0, ppoll(&pfd, 1, &now, &none));
	cause_dirty(&self->journey);
	EXPECT_EQ(1, ppoll(&pfd, 1, &guard, &none));
	EXPECT_EQ(READABLE, pfd.revents);
}

/*
 * "The kernel driver should return ENOMSG": never EAGAIN, and it does not wait
 * either, with or without O_NONBLOCK.
 */
TEST_F(waiting, O_NONBLOCK_changes_nothing)
{
	struct journey *journey = &self->journey;
	__u64 image_digest = journey->digest;
	int data_fd, flags;
	const char *why;
	__u8 byte;

	data_fd = go_dry(journey);
	EXPECT_EQ(-ENOMSG, mig_read(data_fd, &byte, 1));
	flags = fcntl(data_fd, F_GETFL);
	EXPECT_EQ(O_RDONLY, flags & (O_ACCMODE | O_NONBLOCK));
	ASSERT_EQ(0, fcntl(data_fd, F_SETFL, flags | O_NONBLOCK));
	EXPECT_EQ(flags | O_NONBLOCK, fcntl(data_fd, F_GETFL));
	EXPECT_EQ(-ENOMSG, mig_read(data_fd, &byte, 1));
	EXPECT_EQ(0, fd_poll(data_fd, POLLIN));
	cause_dirty(journey);
	EXPECT_EQ(READABLE, fd_poll(data_fd, POLLIN));
	EXPECT_EQ(-ENOMSG, __mig_stream_read(&journey->saved, data_fd, 100));
	/* Another content than the one that it began with */
	journey->digest = mtty_digest(&self->mtty);
	why = journey_arrive(journey, &self->dst);
	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
	EXPECT_EQ(0, mig_read(journey->data_fd, &byte, 1));

	/* Nor where data goes the other way */
	journey->digest = image_digest;
	journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
	flags = fcntl(journey->data_fd, F_GETFL);
	EXPECT_EQ(O_WRONLY, flags & (O_ACCMODE | O_NONBLOCK));
	ASSERT_EQ(0, fcntl(journey->data_fd, F_SETFL, flags | O_NONBLOCK));
	why = journey_arrive(journey, &self->dst);
	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
}

/* epoll */

static int epoll_of(int data_fd, __u32 events)
{
	struct epoll_event event = { .events = events };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, data_fd, &event))
		die("epoll: %s", strerror(errno));
	return epoll_fd;
}

/* The events that there are now, 0 for none */
static __u32 epoll_now(int epoll_fd)
{
	struct epoll_event event;
	int n = epoll_wait(epoll_fd, &event, 1, 0);

	if (n < 0)
		die("epoll_wait: %s", strerror(errno));
	return n ? event.events : 0;
}

/* The next events, for which it waits; -1 if none come */
static int epoll_next(int epoll_fd)
{
	struct epoll_event event;
	int n = epoll_wait(epoll_fd, &event, 1, GUARD_MS);

	return n == 1 ? (int)event.events : -1;
}

static int run_epoll(void *arg)
{
	return epoll_next(*(int *)arg);
}

TEST_F(waiting, epoll_tells_the_level)
{
	struct journey *journey = &self->journey;
	int epoll_fd, data_fd;
	unsigned int i;

	journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
	data_fd = journey->data_fd;
	epoll_fd = epoll_of(data_fd, EPOLLIN);
	for (i = 0; i < 3; i++) {
		/* Again and again, for as long as there is something */
		EXPECT_EQ(EPOLLIN, epoll_now(epoll_fd));
		EXPECT_EQ(EPOLLIN, epoll_now(epoll_fd));
		drain(journey);
		EXPECT_EQ(0, epoll_now(epoll_fd));
		EXPECT_EQ(0, epoll_now(epoll_fd));
		cause_dirty(journey);
	}
	cause_stop_copy(journey);
	EXPECT_EQ(EPOLLIN, epoll_now(epoll_fd));
	mig_stream_read(&journey->saved, data_fd, MIG_CHUNK, 0);
	EXPECT_EQ(EPOLLIN, epoll_now(epoll_fd));
	EXPECT_EQ(EPOLLIN, epoll_now(epoll_fd));
	cause_reset(journey);
	EXPECT_EQ(EPOLLERR | EPOLLHUP, epoll_now(epoll_fd));
	EXPECT_EQ(EPOLLERR | EPOLLHUP, epoll_now(epoll_fd));
	close(epoll_fd);
}

static const __u32 epoll_modes[] = { EPOLLIN, EPOLLIN | EPOLLET };

TEST_F(waiting, epoll_is_woken_by_each_event)
{
	struct journey *journey = &self->journey;
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_LEN(events); i++) {
		const struct event *event = &events[i / 2];
		int epoll_fd = epoll_of(go_dry(journey), epoll_modes[i % 2]);
		struct worker waiter;

		EXPECT_EQ(0, epoll_now(epoll_fd));
		worker_start(&waiter, run_epoll, &epoll_fd);
		EXPECT_TRUE(worker_sleeps(&waiter))
			TH_LOG("epoll_wait() did not wait for: %s",
			       event->name);
		event->cause(journey);
		/* The numbers of poll()'s and epoll's events are the same */
		EXPECT_EQ(event->revents, worker_join(&waiter))
			TH_LOG("%s, %s", event->name,
			       i % 2 ? "EPOLLET" : "level");
		close(epoll_fd);
		be_open(&self->mtty);
	}
}

/*
 * Edge-triggered: one event for all that is there, whose reader reads on to
 * ENOMSG; then the next one for the next change, again and again.
 */
TEST_F(waiting, epoll_tells_each_edge_once)
{
	struct journey *journey = &self->journey;
	unsigned int i, n = 0;
	int epoll_fd;

	journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
	epoll_fd = epoll_of(journey->data_fd, EPOLLIN | EPOLLET);
	EXPECT_EQ(EPOLLIN, epoll_now(epoll_fd));
	EXPECT_EQ(0, epoll_now(epoll_fd));
	drain(journey);
	EXPECT_EQ(0, epoll_now(epoll_fd));

	for (i = 0; i < ARRAY_LEN(events); i++) {
		if (events[i].revents != READABLE ||
		    events[i].cause == cause_stop_copy)
			continue;
		events[i].cause(journey);
		/* DMA may be seen to be complete before it has told so */
		EXPECT_EQ(EPOLLIN, epoll_next(epoll_fd))
			TH_LOG("no event for: %s", events[i].name);
		EXPECT_EQ(0, epoll_now(epoll_fd))
			TH_LOG("a second event for: %s", events[i].name);
		drain(journey);
		EXPECT_EQ(0, epoll_now(epoll_fd));
		n++;
	}
	EXPECT_EQ(6, n);

	cause_stop_copy(journey);
	EXPECT_EQ(EPOLLIN, epoll_now(epoll_fd));
	EXPECT_EQ(0, epoll_now(epoll_fd));
	mig_stream_read(&journey->saved, journey->data_fd, MIG_CHUNK, 0);
	cause_reset(journey);
	EXPECT_EQ(EPOLLERR | EPOLLHUP, epoll_now(epoll_fd));
	EXPECT_EQ(0, epoll_now(epoll_fd));
	close(epoll_fd);
}

/* A waiter who is told once must be told, or it would sleep for ever */
TEST_F(waiting, epoll_edge_wakes_for_change_after_change)
{
	struct journey *journey = &self->journey;
	int epoll_fd = epoll_of(go_dry(journey), EPOLLIN | EPOLLET);
	unsigned int i;

	for (i = 0; i < 20; i++) {
		struct worker waiter;

		worker_start(&waiter, run_epoll, &epoll_fd);
		EXPECT_TRUE(worker_sleeps(&waiter))
			TH_LOG("change %u", i);
		knob_write(&self->mtty, "dirty", "%u 1", i % JOURNEY_PAGES);
		ASSERT_EQ(EPOLLIN, worker_join(&waiter))
			TH_LOG("change %u", i);
		drain(journey);
	}
	close(epoll_fd);
}

TEST_HARNESS_MAIN
