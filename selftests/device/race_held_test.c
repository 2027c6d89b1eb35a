// SPDX-License-Identifier: GPL-2.0-only
/*
 * A call that is stopped in the middle, and others that meet it.
 *
 * On one processor threads change places only where they enter the kernel or
 * wait in it. A call gets a buffer whose page userfaultfd holds back: so it is
 * certain what the others meet.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/userfaultfd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/held_mem.h"
#include "../lib/vfio_dma.h"
#include "../lib/worker.h"
#include "lib/dma.h"
#include "lib/journey.h"
#include "lib/stream_edit.h"

/**
 * struct held - two pages, the second of which is held back
 * @fd: userfaultfd
 * @page: size of a page
 * @buf: the pages
 */
struct held {
	int fd;
	size_t page;
	__u8 *buf;
};

/* NULL, or why a page cannot be held back */
static const char *held_new(struct held *held)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	held->page = sysconf(_SC_PAGESIZE);
	held->fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (held->fd < 0)
		return "userfaultfd is not there or not allowed";
	held->buf = mmap(NULL, 2 * held->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (held->buf == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	held->buf[0] = 0;
	reg.range.start = (unsigned long)held->buf + held->page;
	reg.range.len = held->page;
	if (ioctl(held->fd, UFFDIO_API, &api) ||
	    ioctl(held->fd, UFFDIO_REGISTER, &reg))
		die("userfaultfd: %s", strerror(errno));
	return NULL;
}

/* Wait until somebody touches the second page, and is stopped by it */
static void held_wait(struct held *held)
{
	struct uffd_msg msg;

	if (read(held->fd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT)
		die("userfaultfd: %s", strerror(errno));
}

/* Let the second page be, and whoever waits for it go on */
static void held_release(struct held *held, const void *content)
{
	struct uffdio_copy copy = {
		.dst = (unsigned long)held->buf + held->page,
		.src = (unsigned long)content,
		.len = held->page,
	};

	if (ioctl(held->fd, UFFDIO_COPY, &copy))
		die("UFFDIO_COPY: %s", strerror(errno));
}

static void held_free(struct held *held)
{
	munmap(held->buf, 2 * held->page);
	close(held->fd);
}

static const __u8 zero_page[0x10000];

/* One call, for a thread */
struct call {
	struct worker worker;
	struct mtty *mtty;
	int data_fd;
	void *buf;
	size_t len;
	__u32 state;
	struct vfio_precopy_info info;
};

static int run_read(void *arg)
{
	struct call *call = arg;

	return mig_read(call->data_fd, call->buf, call->len);
}

static int run_write(void *arg)
{
	struct call *call = arg;

	return mig_write(call->data_fd, call->buf, call->len);
}

static int run_set(void *arg)
{
	struct call *call = arg;
	int data_fd;

	return __vfio_mig_set(&call->mtty->dev, call->state, &data_fd);
}

static int run_reset(void *arg)
{
	struct call *call = arg;

	return __vfio_dev_reset(&call->mtty->dev);
}

static int run_close(void *arg)
{
	struct call *call = arg;

	vfio_dev_close(&call->mtty->dev);
	return 0;
}

static int run_memory_write(void *arg)
{
	struct call *call = arg;

	return __vfio_region_write(&call->mtty->dev, MTTY_MIG_MEM_BAR, 0,
				   call->buf, call->len);
}

static int run_register(void *arg)
{
	struct call *call = arg;

	return mtty_ctrl_in(call->mtty, MTTY_MIG_REG_SCRATCH);
}

static int run_info(void *arg)
{
	struct call *call = arg;

	return __vfio_precopy_info(call->data_fd, &call->info);
}

FIXTURE(stopped)
{
	struct mtty mtty;
	struct vfio_dev *dev;
	struct held held;
	struct journey journey;
	struct call call;
	struct call other;
	struct call third;
};

FIXTURE_SETUP(stopped)
{
	const char *why = held_new(&self->held);

	if (why)
		SKIP(return, "%s", why);
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "full", JOURNEY_MEM_SIZE);
	self->dev = &self->mtty.dev;
	journey_prepare(&self->journey, &self->mtty, MIG_FLAGS_ALL);
	self->call.mtty = &self->mtty;
	self->other.mtty = &self->mtty;
	self->third.mtty = &self->mtty;
}

FIXTURE_TEARDOWN(stopped)
{
	held_free(&self->held);
	journey_free(&self->journey);
	mtty_remove_all();
}

/* A read() of both pages, in the middle of which it waits for the second */
static void stop_reader(struct journey *journey, struct held *held,
			struct call *call)
{
	call->data_fd = journey->data_fd;
	call->buf = held->buf;
	call->len = 2 * held->page;
	worker_start(&call->worker, run_read, call);
	held_wait(held);
}

/* The first one of a session */
static void stop_read(struct journey *journey, struct held *held,
		      struct call *call, __u32 state)
{
	journey_go(journey, state);
	stop_reader(journey, held, call);
}

/* What a read() or write() may give in the middle of which its session ends */
static bool may_end_so(ssize_t n, size_t len)
{
	return n == -ENODEV || (n > 0 && n <= (ssize_t)len);
}

/* Who comes later gets what comes later in the stream */
TEST_F(stopped, second_reader_waits_for_the_first)
{
	struct journey *journey = &self->journey;
	struct call *call = &self->call, *other = &self->other;
	__u8 buf[100];

	stop_read(journey, &self->held, call, VFIO_DEVICE_STATE_STOP_COPY);
	other->data_fd = journey->data_fd;
	other->buf = buf;
	other->len = sizeof(buf);
	worker_start(&other->worker, run_read, other);
	EXPECT_TRUE(worker_sleeps(&other->worker))
		TH_LOG("a second reader went past one that is not done");
	held_release(&self->held, zero_page);
	ASSERT_EQ(call->len, worker_join(&call->worker));
	ASSERT_EQ(other->len, worker_join(&other->worker));
	EXPECT_EQ(0, memcmp(journey->image.data, call->buf, call->len));
	EXPECT_EQ(0, memcmp(journey->image.data + call->len, buf,
			    sizeof(buf)));
}

static void on_signal(int sig)
{
	(void)sig;
}

static void catch_signal(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	if (sigaction(SIGUSR1, &action, NULL))
		die("sigaction: %s", strerror(errno));
}

/* A pipe's reader can be interrupted while it waits for another one, too */
TEST_F(stopped, second_reader_can_be_interrupted)
{
	struct journey *journey = &self->journey;
	struct call *call = &self->call, *other = &self->other;
	__u8 buf[100];

	catch_signal();
	stop_read(journey, &self->held, call, VFIO_DEVICE_STATE_STOP_COPY);
	other->data_fd = journey->data_fd;
	other->buf = buf;
	other->len = sizeof(buf);
	worker_start(&other->worker, run_read, other);
	EXPECT_TRUE(worker_sleeps(&other->worker));
	EXPECT_EQ(-EINTR, worker_interrupt(&other->worker, SIGUSR1));
	held_release(&self->held, zero_page);
	ASSERT_EQ(call->len, worker_join(&call->worker));
	/* It took nothing with it */
	ASSERT_EQ(sizeof(buf), mig_read(journey->data_fd, buf, sizeof(buf)));
	EXPECT_EQ(0, memcmp(journey->image.data + call->len, buf,
			    sizeof(buf)));
}

/* A signal ends a read() early; what it has got is counted, and not lost */
TEST_F(stopped, reader_that_gets_a_signal_has_what_it_read)
{
	struct journey *journey = &self->journey;
	struct call *call = &self->call;
	ssize_t n;

	catch_signal();
	stop_read(journey, &self->held, call, VFIO_DEVICE_STATE_STOP_COPY);
	worker_signal(&call->worker, SIGUSR1);
	held_release(&self->held, zero_page);
	n = worker_join(&call->worker);
	EXPECT_LT(0, n);
	EXPECT_GT((ssize_t)call->len, n);
	EXPECT_EQ(0, memcmp(journey->image.data, call->buf, n));
	/* The next one goes on from there */
	ASSERT_EQ(100, mig_read(journey->data_fd, call->buf, 100));
	EXPECT_EQ(0, memcmp(journey->image.data + n, call->buf, 100));
}

/* poll() asks whether a read() would wait, and must not itself */
TEST_F(stopped, poll_and_registers_do_not_wait_for_a_reader)
{
	struct journey *journey = &self->journey;

	stop_read(journey, &self->held, &self->call,
		  VFIO_DEVICE_STATE_PRE_COPY);
	EXPECT_EQ(POLLIN, fd_poll(journey->data_fd, POLLIN));
	mtty_ctrl_out(&self->mtty, MTTY_MIG_REG_SCRATCH, 9);
	EXPECT_EQ(9, mtty_ctrl_in(&self->mtty, MTTY_MIG_REG_SCRATCH));
	vfio_region_write8(self->dev, MTTY_MIG_MEM_BAR, 0, 9);
	EXPECT_EQ(9, vfio_region_read8(self->dev, MTTY_MIG_MEM_BAR, 0));
	EXPECT_EQ(VFIO_DEVICE_STATE_PRE_COPY, vfio_mig_get(self->dev));
	EXPECT_LT(0, vfio_mig_data_size(self->dev));
	held_release(&self->held, zero_page);
	EXPECT_EQ(self->call.len, worker_join(&self->call.worker));
}

/* Whether it waits for the reader or not, it tells no more and no less */
TEST_F(stopped, precopy_info_in_the_middle_of_a_read)
{
	struct vfio_precopy_info before = { .argsz = sizeof(before) };
	struct vfio_precopy_info after = { .argsz = sizeof(after) };
	struct journey *journey = &self->journey;
	struct call *other = &self->other;

	journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
	vfio_precopy_info(journey->data_fd, &before);
	stop_reader(journey, &self->held, &self->call);
	other->data_fd = journey->data_fd;
	worker_start(&other->worker, run_info, other);
	worker_sleeps(&other->worker);
	held_release(&self->held, zero_page);
	EXPECT_EQ(self->call.len, worker_join(&self->call.worker));
	EXPECT_EQ(0, worker_join(&other->worker));
	vfio_precopy_info(journey->data_fd, &after);
	EXPECT_GE(before.initial_bytes, other->info.initial_bytes);
	EXPECT_LE(after.initial_bytes, other->info.initial_bytes);
	EXPECT_EQ(0, other->info.dirty_bytes);
}

/*
 * A session ends while a call is under way: the call comes to its end as one
 * that came a little earlier, a little later, or in between, and the session
 * is over.
 */
TEST_F(stopped, end_of_session_in_the_middle_of_a_read)
{
	static const struct {
		const char *name;
		int (*run)(void *arg);
		__u32 from;
		__u32 to;
		bool closed;
	} ends[] = {
		{ "PRE_COPY to RUNNING", run_set, VFIO_DEVICE_STATE_PRE_COPY,
		  VFIO_DEVICE_STATE_RUNNING, false },
		{ "STOP_COPY to STOP", run_set, VFIO_DEVICE_STATE_STOP_COPY,
		  VFIO_DEVICE_STATE_STOP, false },
		{ "reset", run_reset, VFIO_DEVICE_STATE_PRE_COPY,
		  VFIO_DEVICE_STATE_RUNNING, false },
		{ "close", run_close, VFIO_DEVICE_STATE_PRE_COPY,
		  VFIO_DEVICE_STATE_RUNNING, true },
	};
	struct journey *journey = &self->journey;
	struct call *call = &self->call, *other = &self->other;
	const char *why;
	unsigned int i;
	ssize_t n;

	for (i = 0; i < ARRAY_LEN(ends); i++) {
		stop_read(journey, &self->held, call, ends[i].from);
		other->state = ends[i].to;
		worker_start(&other->worker, ends[i].run, other);
		worker_sleeps(&other->worker);
		held_release(&self->held, zero_page);
		n = worker_join(&call->worker);
		EXPECT_TRUE(may_end_so(n, call->len))
			TH_LOG("%s: read() gives %zd", ends[i].name, n);
		EXPECT_EQ(0, worker_join(&other->worker))
			TH_LOG("%s", ends[i].name);
		if (n > 0)
			EXPECT_EQ(0, memcmp(journey->image.data, call->buf, n))
				TH_LOG("%s", ends[i].name);
		why = data_fd_dead(journey->data_fd, ends[i].from);
		EXPECT_EQ(NULL, why)
			TH_LOG("%s: %s", ends[i].name, why);
		if (ends[i].closed)
			vfio_dev_open(self->dev, self->mtty.mdev.uuid);
		EXPECT_EQ(ends[i].to, vfio_mig_get(self->dev));
		/* The page is there now: hold another one back */
		held_free(&self->held);
		ASSERT_EQ(NULL, held_new(&self->held));
	}
}

/* Of the stream nothing is lost and nothing comes twice */
TEST_F(stopped, STOP_COPY_in_the_middle_of_a_read)
{
	struct journey *journey = &self->journey;
	ssize_t n;

	stop_read(journey, &self->held, &self->call,
		  VFIO_DEVICE_STATE_PRE_COPY);
	self->other.state = VFIO_DEVICE_STATE_STOP_COPY;
	worker_start(&self->other.worker, run_set, &self->other);
	worker_sleeps(&self->other.worker);
	held_release(&self->held, zero_page);
	n = worker_join(&self->call.worker);
	ASSERT_LT(0, n);
	ASSERT_GE((ssize_t)self->call.len, n);
	EXPECT_EQ(0, worker_join(&self->other.worker));
	mig_stream_append(&journey->saved, self->call.buf, n);
	mig_stream_read(&journey->saved, journey->data_fd, MIG_CHUNK, 0);
	ASSERT_EQ(journey->image.len, journey->saved.len);
	EXPECT_EQ(0, memcmp(journey->image.data, journey->saved.data,
			    journey->saved.len));
}

#define IOVA	0x40000000ULL

/* DMA to the page that is held back: until that is there, nobody can stop it */
static void stop_dma(struct mtty *mtty, struct held *held)
{
	const struct dma_transfer transfer = {
		.cmd = MTTY_MIG_DMA_OP_FILL,
		.dst = IOVA + held->page,
		.len = MTTY_MIG_PAGE_SIZE,
	};

	must(__vfio_dma_map(&mtty->dev, held->buf, IOVA, 2 * held->page,
			    true));
	dma_start(mtty, 0, &transfer);
	held_wait(held);
}

/*
 * A reset that comes while a SET_STATE is under way never gets lost, and comes
 * back when it is done.  Which of the two is first decides the state.
 */
TEST_F(stopped, reset_during_a_SET_STATE_is_not_lost)
{
	struct journey *journey = &self->journey;
	__u32 state;

	journey_go(journey, VFIO_DEVICE_STATE_RUNNING);
	stop_dma(&self->mtty, &self->held);
	self->other.state = VFIO_DEVICE_STATE_STOP;
	worker_start(&self->other.worker, run_set, &self->other);
	EXPECT_TRUE(worker_sleeps(&self->other.worker));
	worker_start(&self->third.worker, run_reset, &self->third);
	EXPECT_TRUE(worker_sleeps(&self->third.worker));
	held_release(&self->held, zero_page);
	EXPECT_EQ(0, worker_join(&self->other.worker));
	EXPECT_EQ(0, worker_join(&self->third.worker));
	state = vfio_mig_get(self->dev);
	EXPECT_TRUE(state == VFIO_DEVICE_STATE_RUNNING ||
		    state == VFIO_DEVICE_STATE_STOP)
		TH_LOG("%s", mig_state_name(state));
	EXPECT_EQ(journey->fresh, mtty_digest(&self->mtty));
}

/* User memory may take as long as it likes, the device must not wait for it */
TEST_F(stopped, registers_do_not_wait_for_a_writer_of_memory)
{
	struct call *call = &self->call, *other = &self->other;

	mtty_ctrl_out(&self->mtty, MTTY_MIG_REG_SCRATCH, 9);
	call->buf = self->held.buf;
	call->len = 2 * self->held.page;
	worker_start(&call->worker, run_memory_write, call);
	held_wait(&self->held);
	worker_start(&other->worker, run_register, other);
	EXPECT_TRUE(worker_returns(&other->worker));
	held_release(&self->held, zero_page);
	EXPECT_EQ(9, worker_join(&other->worker));
	EXPECT_EQ(call->len, worker_join(&call->worker));
}

/* The last write() of a stream, stopped in the middle; the rest is @rest */
static void stop_write(struct journey *journey, struct held *held,
		       struct call *call, __u8 *rest)
{
	size_t len = held->page + 100;

	journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
	journey_load(journey, journey->image.len - len);
	memcpy(held->buf, journey->image.data + journey->loaded, held->page);
	memset(rest, 0, held->page);
	memcpy(rest, journey->image.data + journey->image.len - 100, 100);
	journey->loaded += len;
	call->data_fd = journey->data_fd;
	call->buf = held->buf;
	call->len = len;
	worker_start(&call->worker, run_write, call);
	held_wait(held);
}

/*
 * The stream is complete when the write() is, and not before: who does not
 * wait for that is told so, and can come again.
 */
TEST_F(stopped, leaving_RESUMING_in_the_middle_of_a_write)
{
	struct journey *journey = &self->journey;
	__u8 rest[self->held.page];
	int data_fd, ret;

	stop_write(journey, &self->held, &self->call, rest);
	self->other.state = VFIO_DEVICE_STATE_STOP;
	worker_start(&self->other.worker, run_set, &self->other);
	worker_sleeps(&self->other.worker);
	EXPECT_EQ(POLLOUT, fd_poll(journey->data_fd, POLLOUT));
	held_release(&self->held, rest);
	EXPECT_EQ(self->call.len, worker_join(&self->call.worker));
	ret = worker_join(&self->other.worker);
	if (ret == -ENODATA)
		ret = __vfio_mig_set(self->dev, VFIO_DEVICE_STATE_STOP,
				     &data_fd);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(journey->digest, mtty_digest(&self->mtty));
	EXPECT_EQ(NULL, data_fd_dead(journey->data_fd,
				     VFIO_DEVICE_STATE_RESUMING));
}

TEST_F(stopped, reset_in_the_middle_of_a_write)
{
	struct journey *journey = &self->journey;
	__u8 rest[self->held.page];
	ssize_t n;

	stop_write(journey, &self->held, &self->call, rest);
	worker_start(&self->other.worker, run_reset, &self->other);
	worker_sleeps(&self->other.worker);
	held_release(&self->held, rest);
	n = worker_join(&self->call.worker);
	EXPECT_TRUE(may_end_so(n, self->call.len))
		TH_LOG("write() gives %zd", n);
	EXPECT_EQ(0, worker_join(&self->other.worker));
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(self->dev));
	EXPECT_EQ(journey->fresh, mtty_digest(&self->mtty));
	EXPECT_EQ(NULL, data_fd_dead(journey->data_fd,
				     VFIO_DEVICE_STATE_RESUMING));
}

/*
 * A signal ends a long write() early; what it has put is counted, and not lost. The
 * stream is made long by a record that readers skip.
 */
TEST_F(stopped, writer_that_gets_a_signal_has_put_what_it_wrote)
{
	struct journey *journey = &self->journey;
	struct call *call = &self->call;
	struct mig_stream stream = {};
	struct held_mem mem;
	const char *why;
	size_t i;
	ssize_t n;

	mig_stream_copy(&stream, &journey->image);
	stream_insert_record(&stream, HDR_SIZE, 0x7fff, REC_OPTIONAL, 1 << 18);
	stream_seal(&stream);
	why = held_mem_new(&mem, stream.len / MTTY_MIG_PAGE_SIZE + 1);
	if (why)
		SKIP(return, "%s", why);
	/* The last page has an end that nobody writes */
	mig_stream_append(&stream, zero_page, mem.page);
	for (i = 0; (i + 1) * mem.page <= stream.len; i++)
		if (i != 1)
			held_mem_serve(&mem, i, stream.data + i * mem.page);
	call->len = stream.len - mem.page;
	call->buf = mem.buf;

	catch_signal();
	journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
	call->data_fd = journey->data_fd;
	worker_start(&call->worker, run_write, call);
	held_mem_wait(&mem, 1);
	worker_signal(&call->worker, SIGUSR1);
	held_mem_serve(&mem, 1, stream.data + mem.page);
	n = worker_join(&call->worker);
	EXPECT_LT(0, n);
	ASSERT_GT((ssize_t)call->len, n);
	/* The next one goes on from there */
	ASSERT_EQ(call->len - n, mig_write(journey->data_fd, call->buf + n,
					   call->len - n));
	vfio_mig_set(self->dev, VFIO_DEVICE_STATE_STOP);
	EXPECT_EQ(journey->digest, mtty_digest(&self->mtty));
	held_mem_free(&mem);
	mig_stream_free(&stream);
}

TEST_F(stopped, second_writer_can_be_interrupted)
{
	struct journey *journey = &self->journey;
	__u8 rest[self->held.page], byte = 0;

	catch_signal();
	stop_write(journey, &self->held, &self->call, rest);
	self->other.data_fd = journey->data_fd;
	self->other.buf = &byte;
	self->other.len = sizeof(byte);
	worker_start(&self->other.worker, run_write, &self->other);
	EXPECT_TRUE(worker_sleeps(&self->other.worker));
	EXPECT_EQ(-EINTR, worker_interrupt(&self->other.worker, SIGUSR1));
	held_release(&self->held, rest);
	EXPECT_EQ(self->call.len, worker_join(&self->call.worker));
	/* It put nothing into the stream */
	vfio_mig_set(self->dev, VFIO_DEVICE_STATE_STOP);
	EXPECT_EQ(journey->digest, mtty_digest(&self->mtty));
}

/* What was written by the one is not between what was by the other */
TEST_F(stopped, second_writer_waits_for_the_first)
{
	struct journey *journey = &self->journey;
	__u8 rest[self->held.page], byte = 0;

	stop_write(journey, &self->held, &self->call, rest);
	self->other.data_fd = journey->data_fd;
	self->other.buf = &byte;
	self->other.len = sizeof(byte);
	worker_start(&self->other.worker, run_write, &self->other);
	EXPECT_TRUE(worker_sleeps(&self->other.worker));
	held_release(&self->held, rest);
	EXPECT_EQ(self->call.len, worker_join(&self->call.worker));
	/* So it comes after the trailer */
	EXPECT_EQ(-E2BIG, worker_join(&self->other.worker));
}

TEST_HARNESS_MAIN
