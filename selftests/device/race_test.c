// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several threads on one device and one data fd.
 *
 * On one processor threads change places only where they enter the kernel or
 * wait in it, so there are two ways of making them meet.  Either a call is
 * stopped in the middle, by giving it a buffer whose page userfaultfd holds
 * back: then it is certain what the others meet.  Or many threads make many
 * calls in an order that a seed gives.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
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
#include "lib/knobs.h"
#include "lib/random_run.h"
#include "lib/stream_edit.h"

/*
 * Many on one fd
 *
 * A read() gives consecutive bytes of the stream, and nobody but the driver
 * knows of where.  But the stream of a device that does not change is always
 * the same, and the pages in it are random; so whatever the readers have got
 * can be laid, piece by piece, over a stream that one reader got alone, and
 * must cover it without a gap or an overlap.
 */

#define NR_READERS	4
#define PIECES_MAX	512

/**
 * struct reader - a thread that reads from a data fd
 * @worker: the thread
 * @data_fd: what it reads from
 * @seed: of the sizes that it asks for
 * @stream: what it got
 * @nr: in how many pieces
 * @len: length of each
 */
struct reader {
	struct worker worker;
	int data_fd;
	__u64 seed;
	struct mig_stream stream;
	unsigned int nr;
	size_t len[PIECES_MAX];
};

/* Read on to the end, through the temporary ends that may come before it */
static int run_reader(void *arg)
{
	struct reader *reader = arg;
	__u8 buf[4096];
	ssize_t n;

	for (;;) {
		size_t len = 1024 + mtty_random(&reader->seed) % 3072;

		n = mig_read(reader->data_fd, buf, len);
		if (!(mtty_random(&reader->seed) % 4) || n == -ENOMSG)
			sched_yield();
		if (n == -ENOMSG)
			continue;
		if (n <= 0)
			return n;
		if (reader->nr == PIECES_MAX)
			return -E2BIG;
		mig_stream_append(&reader->stream, buf, n);
		reader->len[reader->nr++] = n;
	}
}

/**
 * struct cover - pieces that are to cover a stream
 * @data: where each begins
 * @len: length of each
 * @nr: how many are left
 */
struct cover {
	const __u8 *data[NR_READERS * PIECES_MAX];
	size_t len[NR_READERS * PIECES_MAX];
	unsigned int nr;
};

/*
 * Whether the pieces cover the stream from @at on.  A piece at a temporary end
 * may be so short that its bytes are elsewhere, too: then another is tried.
 */
static bool cover_stream(struct cover *cover, const struct mig_stream *whole,
			 size_t at)
{
	unsigned int i, last = cover->nr - 1;

	if (!cover->nr)
		return at == whole->len;
	for (i = 0; i <= last; i++) {
		const __u8 *data = cover->data[i];
		size_t len = cover->len[i];
		bool covers;

		if (len > whole->len - at ||
		    memcmp(data, whole->data + at, len))
			continue;
		/* The last one takes its place, until it is put back */
		cover->data[i] = cover->data[last];
		cover->len[i] = cover->len[last];
		cover->nr = last;
		covers = cover_stream(cover, whole, at + len);
		cover->nr = last + 1;
		cover->data[i] = data;
		cover->len[i] = len;
		if (covers)
			return true;
	}
	return false;
}

#define RACE_MEM_SIZE	0x40000

FIXTURE(race)
{
	struct mtty mtty;
	struct mtty dst;
	struct vfio_dev *dev;
};

FIXTURE_SETUP(race)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "full", RACE_MEM_SIZE);
	mtty_new(&self->dst, "full", RACE_MEM_SIZE);
	self->dev = &self->mtty.dev;
}

FIXTURE_TEARDOWN(race)
{
	mtty_remove_all();
}

static void read_together(struct __test_metadata *_metadata, struct mtty *mtty,
			  __u32 state, __u64 seed)
{
	static struct reader readers[NR_READERS];
	static struct cover cover;
	struct mig_stream whole = {};
	unsigned int i, j;
	size_t total = 0;
	int data_fd;

	mtty_fill(mtty, seed, 1);
	mig_save(&mtty->dev, &whole, MIG_CHUNK);
	vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_RUNNING);
	/* So long that no piece of it has its like elsewhere */
	ASSERT_LT(RACE_MEM_SIZE, whole.len);

	data_fd = vfio_mig_set(&mtty->dev, state);
	EXPECT_EQ(whole.len, vfio_mig_data_size(&mtty->dev));
	for (i = 0; i < NR_READERS; i++) {
		memset(&readers[i], 0, sizeof(readers[i]));
		readers[i].data_fd = data_fd;
		readers[i].seed = seed + i;
		worker_start(&readers[i].worker, run_reader, &readers[i]);
	}
	for (i = 0; i < 20; i++)
		sched_yield();
	vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_STOP_COPY);

	cover.nr = 0;
	for (i = 0; i < NR_READERS; i++) {
		const __u8 *data;

		EXPECT_EQ(0, worker_join(&readers[i].worker))
			TH_LOG("seed %llu, reader %u", seed, i);
		data = readers[i].stream.data;
		for (j = 0; j < readers[i].nr; j++) {
			cover.data[cover.nr] = data;
			cover.len[cover.nr++] = readers[i].len[j];
			data += readers[i].len[j];
			total += readers[i].len[j];
		}
	}
	EXPECT_EQ(whole.len, total);
	EXPECT_TRUE(cover_stream(&cover, &whole, 0))
		TH_LOG("seed %llu: not what one reader gets", seed);
	for (i = 0; i < NR_READERS; i++)
		mig_stream_free(&readers[i].stream);
	mig_stream_free(&whole);
	close(data_fd);
	vfio_dev_reset(&mtty->dev);
}

TEST_F(race, readers_together_get_each_byte_once)
{
	unsigned int i;

	for (i = 1; i <= 3; i++) {
		__u64 seed = run_seed(i, 3);

		read_together(_metadata, &self->mtty,
			      VFIO_DEVICE_STATE_STOP_COPY, seed);
		read_together(_metadata, &self->mtty,
			      VFIO_DEVICE_STATE_PRE_COPY, seed);
	}
}

/*
 * The order in which writers come cannot be known either; but if all of them
 * write the same, it does not matter.  Here that is a record of the same page,
 * or rather from the middle of one such record to the middle of the next: a
 * write that was torn or lost makes a stream that is refused.
 */

#define NR_WRITERS	4
#define WRITES_EACH	12

struct writer {
	struct worker worker;
	int data_fd;
	const void *data;
	size_t len;
};

static int run_writer(void *arg)
{
	struct writer *writer = arg;
	unsigned int i;
	ssize_t n;

	for (i = 0; i < WRITES_EACH; i++) {
		n = mig_write(writer->data_fd, writer->data, writer->len);
		if (n < 0)
			return n;
		if ((size_t)n != writer->len)
			return -EIO;
		sched_yield();
	}
	return 0;
}

/* Put the first page's record into a stream so many times more */
static size_t repeat_record(struct mig_stream *stream, unsigned int times)
{
	struct record records[RECORDS_MAX + 1];
	struct mig_stream page = {};
	size_t len;

	/* Of all the records only the first is of interest */
	records[0].start = HDR_SIZE;
	records[0].length = stream_get(stream, HDR_SIZE + REC_LENGTH, 4);
	len = record_size(&records[0]);
	mig_stream_append(&page, stream->data + HDR_SIZE, len);
	while (times--)
		stream_insert(stream, HDR_SIZE, page.data, page.len);
	mig_stream_free(&page);
	stream_seal(stream);
	return len;
}

TEST_F(race, writers_together_lose_and_tear_nothing)
{
	static const size_t phases[] = { 0, 3, REC_PAYLOAD, 2000 };
	struct writer writers[NR_WRITERS];
	struct mig_stream stream = {};
	unsigned int i, j;
	__u64 digest;
	size_t len;

	mtty_fill(&self->mtty, 1, 8);
	digest = mtty_digest(&self->mtty);
	mig_save(self->dev, &stream, MIG_CHUNK);
	len = repeat_record(&stream, NR_WRITERS * WRITES_EACH);

	for (i = 0; i < ARRAY_LEN(phases); i++) {
		size_t begin = HDR_SIZE + phases[i];
		size_t end = begin + NR_WRITERS * WRITES_EACH * len;
		struct mig_stream rest = stream;
		int data_fd;

		vfio_dev_reset(&self->dst.dev);
		data_fd = vfio_mig_set(&self->dst.dev,
				       VFIO_DEVICE_STATE_RESUMING);
		ASSERT_EQ(begin, mig_write(data_fd, stream.data, begin));
		for (j = 0; j < NR_WRITERS; j++) {
			writers[j].data_fd = data_fd;
			writers[j].data = stream.data + begin;
			writers[j].len = len;
			worker_start(&writers[j].worker, run_writer,
				     &writers[j]);
		}
		for (j = 0; j < NR_WRITERS; j++)
			EXPECT_EQ(0, worker_join(&writers[j].worker))
				TH_LOG("phase %zu, writer %u", phases[i], j);
		rest.data += end;
		rest.len -= end;
		EXPECT_EQ(0, __mig_stream_write(&rest, data_fd, MIG_CHUNK));
		vfio_mig_set(&self->dst.dev, VFIO_DEVICE_STATE_STOP);
		EXPECT_EQ(digest, mtty_digest(&self->dst));
		close(data_fd);
	}
	mig_stream_free(&stream);
}

/*
 * A call that is stopped in the middle
 */

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

/*
 * Many calls in any order
 *
 * Two file descriptors are shared by all threads.  Their numbers never change:
 * what they stand for is replaced by dup2(), so that nobody ever calls
 * something that was closed and opened again as something else.
 */

/* Of each thread; and of all together, that did something, in whatever order */
#define NR_CALLS	150
#define NR_EFFECTS	10

/**
 * struct chaos - what the threads share
 * @mtty: the device
 * @flags: its capabilities
 * @image: a stream that it takes
 * @data_fd: number of the data fd
 * @null_fd: what stands for the device while it is closed
 * @stop: end
 * @nr_set: how many SETs succeeded
 * @nr_read: how many read()s gave something
 * @nr_written: how many write()s took something
 * @nr_wrong: how many results none of the rules allows
 * @wrong: what gave the first of them
 * @result: that result
 */
struct chaos {
	struct mtty mtty;
	__u64 flags;
	struct mig_stream image;
	int data_fd;
	int null_fd;
	atomic_bool stop;
	atomic_uint nr_set;
	atomic_uint nr_read;
	atomic_uint nr_written;
	atomic_uint nr_wrong;
	const char *wrong;
	int result;
};

/**
 * struct actor - one of the threads
 * @worker: the thread
 * @chaos: what it shares
 * @act: what it does, again and again
 * @seed: what it does next
 * @written: position in the image, for who writes
 * @buf: for who reads
 */
struct actor {
	struct worker worker;
	struct chaos *chaos;
	void (*act)(struct actor *actor);
	__u64 seed;
	size_t written;
	__u8 buf[8192];
};

static bool is_one_of(int ret, const int *errors)
{
	for (; *errors; errors++)
		if (ret == -*errors)
			return true;
	return false;
}

/* Judge a result by a list of the errnos that it may be, which ends with 0 */
static void judge(struct actor *actor, const char *what, int ret,
		  const int *allowed)
{
	struct chaos *chaos = actor->chaos;

	if (ret >= 0 || is_one_of(ret, allowed) ||
	    atomic_fetch_add(&chaos->nr_wrong, 1))
		return;
	chaos->wrong = what;
	chaos->result = ret;
}

/* Why a stream is refused that several have written to as they liked */
static const int refused[] = {
	EINVAL, EPROTOTYPE, EPROTONOSUPPORT, EMEDIUMTYPE, EMSGSIZE, EOPNOTSUPP,
	EPROTO, ERANGE, EBADMSG, E2BIG, 0
};

static void act_set(struct actor *actor)
{
	/* ENOTTY: the device is closed */
	static const int allowed[] = { EINVAL, ENODATA, ENOTTY, 0 };
	struct chaos *chaos = actor->chaos;
	int data_fd, ret;
	__u32 state;

	do {
		state = mtty_random(&actor->seed) % VFIO_DEVICE_STATE_NR;
	} while (!mig_model_supported(chaos->flags, state));
	ret = __vfio_mig_set(&chaos->mtty.dev, state, &data_fd);
	if (!is_one_of(ret, refused))
		judge(actor, "SET_STATE", ret, allowed);
	if (ret)
		return;
	atomic_fetch_add(&chaos->nr_set, 1);
	if (data_fd >= 0) {
		dup2(data_fd, chaos->data_fd);
		close(data_fd);
	}
}

static void act_read(struct actor *actor)
{
	/* EBADF: it is an fd to write to */
	static const int allowed[] = { ENOMSG, ENODEV, EBADF, 0 };
	int ret = mig_read(actor->chaos->data_fd, actor->buf,
			   mtty_random(&actor->seed) % sizeof(actor->buf));

	judge(actor, "read", ret, allowed);
	if (ret > 0)
		atomic_fetch_add(&actor->chaos->nr_read, 1);
}

/* Mostly a valid stream: then RESUMING is left at times */
static void act_write(struct actor *actor)
{
	static const int allowed[] = { ENODEV, EBADF, 0 };
	struct chaos *chaos = actor->chaos;
	size_t len = chaos->image.len - actor->written;
	int ret;

	if (len > 9000)
		len = 9000;
	ret = mig_write(chaos->data_fd, chaos->image.data + actor->written,
			len);
	if (!is_one_of(ret, refused))
		judge(actor, "write", ret, allowed);
	if (ret <= 0) {
		actor->written = 0;
		return;
	}
	actor->written = (actor->written + ret) % chaos->image.len;
	atomic_fetch_add(&chaos->nr_written, 1);
}

static void act_ask(struct actor *actor)
{
	static const int info_allowed[] = { EINVAL, ENOTTY, 0 };
	static const int closed[] = { ENOTTY, 0 };
	struct chaos *chaos = actor->chaos;
	struct vfio_precopy_info info;
	__u64 size;
	__u32 state;
	int ret;

	judge(actor, "precopy info",
	      __vfio_precopy_info(chaos->data_fd, &info), info_allowed);
	ret = __vfio_mig_data_size(&chaos->mtty.dev, &size);
	judge(actor, "MIG_DATA_SIZE", ret, closed);
	if (!ret && !size)
		judge(actor, "MIG_DATA_SIZE of 0", -EPROTO, closed);
	ret = __vfio_mig_get(&chaos->mtty.dev, &state);
	judge(actor, "GET_STATE", ret, closed);
	if (!ret && !mig_model_supported(chaos->flags, state))
		judge(actor, "GET_STATE of such a state", -EPROTO, closed);
	if (fd_poll(chaos->data_fd, POLLIN | POLLOUT) & POLLNVAL)
		judge(actor, "poll", -EBADF, closed);
}

static void act_touch(struct actor *actor)
{
	/* EBUSY: it is stopped; the others: it was removed, meanwhile or before */
	static const int allowed[] = { EBUSY, EIO, ENODEV, ENOENT, 0 };
	__u64 page = mtty_random(&actor->seed) % JOURNEY_PAGES;
	struct chaos *chaos = actor->chaos;
	__u32 word = page;
	__u64 digest;

	judge(actor, "write to the BAR",
	      __vfio_region_write(&chaos->mtty.dev, MTTY_MIG_MEM_BAR,
				  page * MTTY_MIG_PAGE_SIZE, &word,
				  sizeof(word)), allowed);
	judge(actor, "dirty", __knob_write(&chaos->mtty, "dirty", "%llu 1",
					   page), allowed);
	judge(actor, "digest", __mtty_digest(&chaos->mtty, &digest), allowed);
}

static void act_reset(struct actor *actor)
{
	static const int closed[] = { ENOTTY, 0 };

	if (!(mtty_random(&actor->seed) % 4))
		judge(actor, "reset", __vfio_dev_reset(&actor->chaos->mtty.dev),
		      closed);
}

/* The last close comes when the last call is done: until then it is in use */
static void act_reopen(struct actor *actor)
{
	struct chaos *chaos = actor->chaos;
	struct vfio_dev dev;

	if (mtty_random(&actor->seed) % 8)
		return;
	dup2(chaos->null_fd, chaos->mtty.dev.fd);
	/* Nobody else uses these, and a group can be opened once only */
	close(chaos->mtty.dev.iommu_fd);
	if (chaos->mtty.dev.group_fd >= 0)
		close(chaos->mtty.dev.group_fd);
	while (__vfio_dev_open(&dev, chaos->mtty.mdev.uuid,
			       vfio_way_from_env()))
		sched_yield();
	dup2(dev.fd, chaos->mtty.dev.fd);
	close(dev.fd);
	chaos->mtty.dev.iommu_fd = dev.iommu_fd;
	chaos->mtty.dev.group_fd = dev.group_fd;
}

static bool has_happened(struct chaos *chaos)
{
	return atomic_load(&chaos->nr_set) >= NR_EFFECTS &&
	       atomic_load(&chaos->nr_read) >= NR_EFFECTS &&
	       atomic_load(&chaos->nr_written) >= NR_EFFECTS;
}

static int run_actor(void *arg)
{
	struct actor *actor = arg;
	struct chaos *chaos = actor->chaos;
	unsigned int i;

	for (i = 0; i < NR_CALLS || !has_happened(chaos); i++) {
		if (atomic_load(&chaos->stop))
			break;
		actor->act(actor);
		if (mtty_random(&actor->seed) % 2)
			sched_yield();
	}
	return 0;
}

static void chaos_begin(struct chaos *chaos)
{
	struct vfio_dev *dev = &chaos->mtty.dev;
	__u32 index;

	memset(chaos, 0, sizeof(*chaos));
	chaos->flags = MIG_FLAGS_ALL;
	mtty_new(&chaos->mtty, "full", JOURNEY_MEM_SIZE);
	/* The library asks once and remembers, which is not for many threads */
	for (index = 0; index < dev->info.num_regions; index++) {
		struct vfio_region_info info;

		__vfio_region_info(dev, index, &info);
	}
	journey_fill(&chaos->mtty);
	mig_save(dev, &chaos->image, MIG_CHUNK);
	/* There is always an fd, of this session or of a later one */
	vfio_mig_set(dev, VFIO_DEVICE_STATE_RUNNING);
	chaos->data_fd = vfio_mig_set(dev, VFIO_DEVICE_STATE_PRE_COPY);
	chaos->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (chaos->null_fd < 0)
		die("/dev/null: %s", strerror(errno));
}

/* As many threads as do a thing as it takes to make it happen */
static void (* const acts[])(struct actor *actor) = {
	act_set, act_set, act_read, act_read, act_write, act_ask, act_touch,
	act_reset,
};

static void chaos_start(struct chaos *chaos, struct actor *actors,
			unsigned int nr, unsigned int seed_nr)
{
	__u64 seed = run_seed(seed_nr, 2);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		memset(&actors[i], 0, sizeof(actors[i]));
		actors[i].chaos = chaos;
		actors[i].act = i < ARRAY_LEN(acts) ? acts[i] : act_reopen;
		actors[i].seed = seed * 100 + i;
		worker_start(&actors[i].worker, run_actor, &actors[i]);
	}
}

FIXTURE(chaos)
{
	struct chaos chaos;
};

FIXTURE_VARIANT(chaos)
{
	unsigned int seed;
};

FIXTURE_VARIANT_ADD(chaos, seed_1) { .seed = 1, };
FIXTURE_VARIANT_ADD(chaos, seed_2) { .seed = 2, };

FIXTURE_SETUP(chaos)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	chaos_begin(&self->chaos);
}

FIXTURE_TEARDOWN(chaos)
{
	mtty_remove_all();
}

/* Whatever has happened, a reset makes it a device again */
static void expect_migrates(struct __test_metadata *_metadata,
			    struct mtty *mtty)
{
	struct journey journey;
	const char *why;
	struct mtty dst;

	mtty_new(&dst, "full", JOURNEY_MEM_SIZE);
	journey_prepare(&journey, mtty, MIG_FLAGS_ALL);
	journey_go(&journey, VFIO_DEVICE_STATE_PRE_COPY);
	why = journey_arrive(&journey, &dst);
	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
	journey_free(&journey);
}

TEST_F_TIMEOUT(chaos, any_calls_at_once, 300)
{
	struct actor actors[ARRAY_LEN(acts)];
	unsigned int i;

	chaos_start(&self->chaos, actors, ARRAY_LEN(actors), variant->seed);
	for (i = 0; i < ARRAY_LEN(actors); i++)
		worker_join(&actors[i].worker);
	EXPECT_EQ(0, self->chaos.nr_wrong)
		TH_LOG("%s gave %d", self->chaos.wrong, self->chaos.result);
	expect_migrates(_metadata, &self->chaos.mtty);
}

TEST_F_TIMEOUT(chaos, any_calls_while_the_device_is_closed_and_opened, 300)
{
	struct actor actors[ARRAY_LEN(acts) + 1];
	unsigned int i;

	chaos_start(&self->chaos, actors, ARRAY_LEN(actors), variant->seed);
	for (i = 0; i < ARRAY_LEN(actors); i++)
		worker_join(&actors[i].worker);
	EXPECT_EQ(0, self->chaos.nr_wrong)
		TH_LOG("%s gave %d", self->chaos.wrong, self->chaos.result);
	expect_migrates(_metadata, &self->chaos.mtty);
}

static int run_remove(void *arg)
{
	return __mdev_remove(arg);
}

/*
 * Removal waits for the last user, and until then all goes on; then the data
 * fd is dead, in the middle of whatever is done with it.
 */
TEST_F_TIMEOUT(chaos, any_calls_while_the_device_is_removed, 300)
{
	struct chaos *chaos = &self->chaos;
	struct actor actors[ARRAY_LEN(acts)];
	struct worker remover;
	unsigned int i;
	__u8 byte;

	chaos_start(chaos, actors, ARRAY_LEN(actors), variant->seed);
	for (i = 0; i < 10; i++)
		sched_yield();
	worker_start(&remover, run_remove, &chaos->mtty.mdev);
	EXPECT_TRUE(worker_sleeps(&remover));
	while (atomic_load(&chaos->nr_set) < NR_EFFECTS)
		sched_yield();
	dup2(chaos->null_fd, chaos->mtty.dev.fd);
	close(chaos->mtty.dev.iommu_fd);
	if (chaos->mtty.dev.group_fd >= 0)
		close(chaos->mtty.dev.group_fd);
	EXPECT_EQ(0, worker_join(&remover));
	/* Of the session nothing is left */
	EXPECT_EQ(POLLERR | POLLHUP,
		  fd_poll(chaos->data_fd, POLLIN | POLLOUT));
	EXPECT_GT(0, mig_read(chaos->data_fd, &byte, 1));
	atomic_store(&chaos->stop, true);
	for (i = 0; i < ARRAY_LEN(actors); i++)
		worker_join(&actors[i].worker);
	EXPECT_EQ(0, chaos->nr_wrong)
		TH_LOG("%s gave %d", chaos->wrong, chaos->result);
}

TEST_HARNESS_MAIN
