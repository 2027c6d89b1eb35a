// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that was given a data fd hangs in read(), write() or an ioctl of
 * it, for its buffer is on a page that does not come.
 *
 * It holds up nobody but who reads or writes by the same fd: the device's owner
 * goes on as if it were not there. When its page comes it finds that the
 * session is over, and gets nothing of what came later.
 *
 * Nothing is timed, see lib/missing.h.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "lib/cgroup.h"
#include "lib/knobs.h"
#include "lib/stuck_fixture.h"

#define SLOW	300

STUCK_FIXTURE(session, "full", 0);
STUCK_VARIANTS_ANY_WAY(session);

/* What ends with the device's close */
STUCK_FIXTURE(closed, "full", 0);
STUCK_VARIANTS_CLOSE(closed);

/* Bytes of a write() that are on the missing page; less than a page's payload */
#define TAIL	100

/* In which call the other process hangs */
enum io {
	IO_READ,
	IO_WRITE,	/* of the first bytes of a stream: a page */
	IO_LAST_WRITE,
	IO_INFO,
};

/**
 * struct call - a process that hangs
 * @mem: on what
 * @journey: the session
 * @io: in which call
 */
struct call {
	struct missing *mem;
	struct journey *journey;
	enum io io;
};

/* A part of its buffer is there */
static ssize_t do_io(const struct call *call)
{
	const struct journey *journey = call->journey;
	__u8 *missing = missing_map(call->mem);
	__u8 *buf = missing - MISSING_LEAD;
	ssize_t n;

	switch (call->io) {
	case IO_WRITE:
	case IO_LAST_WRITE:
		memcpy(buf, journey->image.data + journey->loaded,
		       MISSING_LEAD);
		return mig_write(journey->data_fd, buf, MISSING_LEAD + TAIL);
	case IO_INFO:
		return ioctl(journey->data_fd, VFIO_MIG_GET_PRECOPY_INFO,
			     missing) < 0 ? -errno : 0;
	default:
		n = mig_read(journey->data_fd, buf, MISSING_LEAD + PAGE);
		if (n > 0 && memcmp(buf, journey->image.data, n))
			return -EBADMSG;
		return n;
	}
}

static int run_call(int sock, void *arg)
{
	tell(sock, do_io(arg));
	return 0;
}

/* Begin a session, and let another process hang in a call of it */
static void hang(struct __test_metadata *_metadata,
		 struct stuck *stuck, __u32 state, enum io io)
{
	struct vfio_precopy_info *info = (void *)stuck->mem.content;
	struct journey *journey = &stuck->journey;
	struct call call = {
		.mem = &stuck->mem,
		.journey = journey,
		.io = io,
	};

	if (!journey->image.len)
		journey_prepare(journey, &stuck->mtty, MIG_FLAGS_ALL);
	journey_go(journey, state);
	if (io == IO_INFO)
		info->argsz = sizeof(*info);
	if (io == IO_LAST_WRITE)
		journey_load(journey,
			     journey->image.len - MISSING_LEAD - TAIL);
	if (io == IO_WRITE || io == IO_LAST_WRITE)
		memcpy(stuck->mem.content, journey->image.data +
		       journey->loaded + MISSING_LEAD, TAIL);
	child_start(&stuck->child, run_call, &call,
		    (int []){ journey->data_fd, missing_keep(&stuck->mem),
			      KEEP_END });
	ASSERT_TRUE(missing_await(&stuck->mem, &stuck->child))
		TH_LOG("the call gave %lld", hear(stuck->child.sock));
}

/* All that asks, and changes nothing */
static void expect_answers(struct __test_metadata *_metadata,
			   struct stuck *stuck, __u32 state)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info) };
	char text[64];

	EXPECT_EQ(state, vfio_mig_get(&stuck->mtty.dev));
	answered(_metadata, stuck, "GET of the state");
	EXPECT_LT(0, vfio_mig_data_size(&stuck->mtty.dev));
	answered(_metadata, stuck, "MIG_DATA_SIZE");
	EXPECT_EQ(0, __mdev_attr_read(&stuck->mtty.mdev, "mtty_mig/state", text,
				      sizeof(text)));
	EXPECT_STREQ(mig_state_name(state), text);
	answered(_metadata, stuck, "state in sysfs");
	EXPECT_EQ(JOURNEY_MEM_SIZE, mtty_mem_size(&stuck->mtty));
	answered(_metadata, stuck, "mem_size in sysfs");
	mtty_digest(&stuck->mtty);
	answered(_metadata, stuck, "digest in sysfs");
	if (!knobs_missing())
		knob_counter(&stuck->mtty, "pages");
	answered(_metadata, stuck, "counters in debugfs");
	EXPECT_EQ(0, fd_poll(stuck->journey.data_fd, POLLIN | POLLOUT) &
		     (POLLERR | POLLHUP));
	answered(_metadata, stuck, "poll()");
	if (state == VFIO_DEVICE_STATE_PRE_COPY)
		EXPECT_EQ(0, __vfio_precopy_info(stuck->journey.data_fd,
						 &info));
	answered(_metadata, stuck, "GET_PRECOPY_INFO");
	mtty_uart_in(&stuck->mtty, 0, UART_SCR);
	answered(_metadata, stuck, "a register");
}

static void end_by_set(struct __test_metadata *_metadata,
		       struct stuck *stuck)
{
	__u32 to = stuck->journey.state == VFIO_DEVICE_STATE_PRE_COPY ?
		   VFIO_DEVICE_STATE_RUNNING : VFIO_DEVICE_STATE_STOP;
	int none;

	EXPECT_EQ(0, __vfio_mig_set(&stuck->mtty.dev, to, &none));
	answered(_metadata, stuck, "SET that ends the session");
	EXPECT_EQ(to, vfio_mig_get(&stuck->mtty.dev));
}

static void end_by_reset(struct __test_metadata *_metadata,
			 struct stuck *stuck)
{
	EXPECT_EQ(0, __vfio_dev_reset(&stuck->mtty.dev));
	answered(_metadata, stuck, "reset");
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&stuck->mtty.dev));
}

static void end_by_close(struct __test_metadata *_metadata,
			 struct stuck *stuck)
{
	enum vfio_way way = stuck->mtty.dev.way;

	vfio_dev_close(&stuck->mtty.dev);
	answered(_metadata, stuck, "close() of the device");
	stuck_open(&stuck->mtty, way);
	answered(_metadata, stuck, "the next open()");
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&stuck->mtty.dev));
}

/* The whole stream is loaded, and saved again */
static void expect_second_session(struct __test_metadata *_metadata,
				  struct stuck *stuck)
{
	struct journey *journey = &stuck->journey;
	struct vfio_dev *dev = &stuck->mtty.dev;
	struct mig_stream saved = {};

	vfio_dev_reset(dev);
	mig_load(dev, &journey->image, MIG_CHUNK, VFIO_DEVICE_STATE_RUNNING);
	EXPECT_EQ(journey->digest, mtty_digest(&stuck->mtty));
	mig_save(dev, &saved, MIG_CHUNK);
	ASSERT_EQ(journey->image.len, saved.len);
	EXPECT_EQ(0, memcmp(journey->image.data, saved.data, saved.len));
	mig_stream_free(&saved);
	answered(_metadata, stuck, "another session");
}

static void expect_child_gone(struct __test_metadata *_metadata,
			      struct stuck *stuck, bool kill)
{
	int status;

	if (kill)
		child_kill(&stuck->child);
	else
		missing_serve(&stuck->mem);
	status = child_gone(&stuck->child);
	EXPECT_EQ(kill, WIFSIGNALED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	answered(_metadata, stuck, "a process that is killed");
}

typedef void (*session_end)(struct __test_metadata *_metadata,
			    struct stuck *stuck);

/* It had moved something before its session ended, or nothing */
static void expect_ended(struct __test_metadata *_metadata, enum io io,
			 long long n)
{
	bool good = io == IO_INFO ? n < 0 :
				    n == -ENODEV || (n > 0 && n <= MISSING_LEAD);

	EXPECT_TRUE(good)
		TH_LOG("the call gave %lld", n);
}

static void check_session(struct __test_metadata *_metadata,
			  struct stuck *stuck, __u32 state,
			  enum io io, session_end end, bool kill)
{
	int fd;

	hang(_metadata, stuck, state, io);
	expect_answers(_metadata, stuck, state);
	end(_metadata, stuck);
	EXPECT_EQ(POLLERR | POLLHUP, fd_poll(stuck->journey.data_fd, POLLIN));
	answered(_metadata, stuck, "poll() of an fd whose session is over");
	fd = stuck->journey.data_fd;
	stuck->journey.data_fd = -1;
	expect_second_session(_metadata, stuck);
	if (!kill) {
		missing_serve(&stuck->mem);
		expect_ended(_metadata, io, hear(stuck->child.sock));
	}
	expect_child_gone(_metadata, stuck, kill);
	/* And it has left no lock behind */
	EXPECT_EQ(NULL, data_fd_dead(fd, state));
	close(fd);
}

TEST_F_TIMEOUT(session, read_while_SET_ends_in_PRE_COPY, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_READ, end_by_set, false);
}

TEST_F_TIMEOUT(session, read_while_SET_ends_in_PRE_COPY_and_killed, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_READ, end_by_set, true);
}

TEST_F_TIMEOUT(session, read_while_reset_ends_in_PRE_COPY, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_READ, end_by_reset, false);
}

TEST_F_TIMEOUT(session, read_while_reset_ends_in_PRE_COPY_and_killed, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_READ, end_by_reset, true);
}

TEST_F_TIMEOUT(closed, read_while_close_ends_in_PRE_COPY, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_READ, end_by_close, false);
}

TEST_F_TIMEOUT(closed, read_while_close_ends_in_PRE_COPY_and_killed, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_READ, end_by_close, true);
}

TEST_F_TIMEOUT(session, read_while_SET_ends_in_STOP_COPY, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_STOP_COPY,
		      IO_READ, end_by_set, false);
}

TEST_F_TIMEOUT(session, read_while_SET_ends_in_STOP_COPY_and_killed, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_STOP_COPY,
		      IO_READ, end_by_set, true);
}

TEST_F_TIMEOUT(session, read_while_reset_ends_in_STOP_COPY, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_STOP_COPY,
		      IO_READ, end_by_reset, false);
}

TEST_F_TIMEOUT(session, read_while_reset_ends_in_STOP_COPY_and_killed, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_STOP_COPY,
		      IO_READ, end_by_reset, true);
}

TEST_F_TIMEOUT(closed, read_while_close_ends_in_STOP_COPY, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_STOP_COPY,
		      IO_READ, end_by_close, false);
}

TEST_F_TIMEOUT(closed, read_while_close_ends_in_STOP_COPY_and_killed, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_STOP_COPY,
		      IO_READ, end_by_close, true);
}

TEST_F_TIMEOUT(session, info_while_SET_ends_in_PRE_COPY, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_INFO, end_by_set, false);
}

TEST_F_TIMEOUT(session, info_while_SET_ends_in_PRE_COPY_and_killed, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_INFO, end_by_set, true);
}

TEST_F_TIMEOUT(session, info_while_reset_ends_in_PRE_COPY, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_INFO, end_by_reset, false);
}

TEST_F_TIMEOUT(session, info_while_reset_ends_in_PRE_COPY_and_killed, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_INFO, end_by_reset, true);
}

TEST_F_TIMEOUT(closed, info_while_close_ends_in_PRE_COPY, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_INFO, end_by_close, false);
}

TEST_F_TIMEOUT(closed, info_while_close_ends_in_PRE_COPY_and_killed, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_INFO, end_by_close, true);
}

TEST_F_TIMEOUT(session, write_while_reset_ends_in_RESUMING, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_RESUMING,
		      IO_WRITE, end_by_reset, false);
}

TEST_F_TIMEOUT(session, write_while_reset_ends_in_RESUMING_and_killed, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_RESUMING,
		      IO_WRITE, end_by_reset, true);
}

TEST_F_TIMEOUT(closed, write_while_close_ends_in_RESUMING, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_RESUMING,
		      IO_WRITE, end_by_close, false);
}

TEST_F_TIMEOUT(closed, write_while_close_ends_in_RESUMING_and_killed, SLOW)
{
	check_session(_metadata, &self->stuck, VFIO_DEVICE_STATE_RESUMING,
		      IO_WRITE, end_by_close, true);
}

/* The stream is not complete, for the last write() has not returned */
TEST_F_TIMEOUT(session, stream_whose_write_hangs_is_incomplete, SLOW)
{
	struct stuck *stuck = &self->stuck;
	int none;

	hang(_metadata, stuck, VFIO_DEVICE_STATE_RESUMING, IO_LAST_WRITE);
	EXPECT_EQ(-ENODATA, __vfio_mig_set(&stuck->mtty.dev,
					   VFIO_DEVICE_STATE_STOP, &none));
	answered(_metadata, stuck, "SET to STOP");
	EXPECT_EQ(VFIO_DEVICE_STATE_RESUMING, vfio_mig_get(&stuck->mtty.dev));

	/* And complete when it has */
	missing_serve(&stuck->mem);
	EXPECT_EQ(MISSING_LEAD + TAIL, hear(stuck->child.sock));
	EXPECT_EQ(0, child_gone(&stuck->child));
	EXPECT_EQ(0, __vfio_mig_set(&stuck->mtty.dev, VFIO_DEVICE_STATE_STOP,
				    &none));
	EXPECT_EQ(stuck->journey.digest, mtty_digest(&stuck->mtty));
}

/* One stream, though the device stops in the middle of a read() */
TEST_F_TIMEOUT(session, read_goes_on_in_STOP_COPY, SLOW)
{
	struct stuck *stuck = &self->stuck;
	struct journey *journey = &stuck->journey;
	long long n;
	int none;

	hang(_metadata, stuck, VFIO_DEVICE_STATE_PRE_COPY, IO_READ);
	EXPECT_EQ(0, __vfio_mig_set(&stuck->mtty.dev,
				    VFIO_DEVICE_STATE_PRE_COPY_P2P, &none));
	answered(_metadata, stuck, "SET to PRE_COPY_P2P");
	EXPECT_EQ(0, __vfio_mig_set(&stuck->mtty.dev,
				    VFIO_DEVICE_STATE_STOP_COPY, &none));
	answered(_metadata, stuck, "SET to STOP_COPY");
	expect_answers(_metadata, stuck, VFIO_DEVICE_STATE_STOP_COPY);
	missing_serve(&stuck->mem);
	n = hear(stuck->child.sock);
	EXPECT_EQ(0, child_gone(&stuck->child));
	ASSERT_LT(0, n);
	mig_stream_append(&journey->saved, journey->image.data, n);
	mig_stream_read(&journey->saved, journey->data_fd, MIG_CHUNK, 0);
	vfio_dev_reset(&stuck->mtty.dev);
	mig_load(&stuck->mtty.dev, &journey->saved, MIG_CHUNK,
		 VFIO_DEVICE_STATE_STOP);
	ASSERT_EQ(journey->image.len, journey->saved.len);
	EXPECT_EQ(0, memcmp(journey->image.data, journey->saved.data,
			    journey->saved.len));
}

static int run_read(void *arg)
{
	struct journey *journey = arg;
	__u8 buf[TAIL];

	return mig_read(journey->data_fd, buf, sizeof(buf));
}

/* Who reads by the same fd waits, and not for longer than the session lasts */
TEST_F_TIMEOUT(session, second_reader_is_held_up_and_ends_with_it, SLOW)
{
	struct stuck *stuck = &self->stuck;
	struct worker worker;

	hang(_metadata, stuck, VFIO_DEVICE_STATE_STOP_COPY, IO_READ);
	worker_start(&worker, run_read, &stuck->journey);
	EXPECT_TRUE(worker_sleeps(&worker));
	end_by_set(_metadata, stuck);
	expect_child_gone(_metadata, stuck, true);
	EXPECT_EQ(-ENODEV, worker_join(&worker));
	answered(_metadata, stuck, "a second reader");
}

static int run_remove(void *arg)
{
	struct mtty *mtty = arg;

	return __mdev_remove(&mtty->mdev);
}

/* The device goes while the call hangs, and only then does its page come */
static void check_removal(struct __test_metadata *_metadata,
			  struct stuck *stuck, __u32 state, enum io io,
			  bool first)
{
	struct worker worker;

	hang(_metadata, stuck, state, io);
	if (first) {
		worker_start(&worker, run_remove, &stuck->mtty);
		EXPECT_TRUE(worker_sleeps(&worker));
	}
	vfio_dev_close(&stuck->mtty.dev);
	answered(_metadata, stuck, "close() of the device");
	EXPECT_EQ(0, first ? worker_join(&worker) : run_remove(&stuck->mtty));
	answered(_metadata, stuck, "the device's removal");
	missing_serve(&stuck->mem);
	expect_ended(_metadata, io, hear(stuck->child.sock));
	EXPECT_EQ(0, child_gone(&stuck->child));
	EXPECT_EQ(NULL, data_fd_dead(stuck->journey.data_fd, state));
}

TEST_F_TIMEOUT(closed, read_outlives_the_device_in_PRE_COPY, SLOW)
{
	check_removal(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_READ, false);
}

TEST_F_TIMEOUT(closed, read_holds_up_no_removal_in_PRE_COPY, SLOW)
{
	check_removal(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_READ, true);
}

TEST_F_TIMEOUT(closed, read_outlives_the_device_in_STOP_COPY, SLOW)
{
	check_removal(_metadata, &self->stuck, VFIO_DEVICE_STATE_STOP_COPY,
		      IO_READ, false);
}

TEST_F_TIMEOUT(closed, read_holds_up_no_removal_in_STOP_COPY, SLOW)
{
	check_removal(_metadata, &self->stuck, VFIO_DEVICE_STATE_STOP_COPY,
		      IO_READ, true);
}

TEST_F_TIMEOUT(closed, info_outlives_the_device_in_PRE_COPY, SLOW)
{
	check_removal(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_INFO, false);
}

TEST_F_TIMEOUT(closed, info_holds_up_no_removal_in_PRE_COPY, SLOW)
{
	check_removal(_metadata, &self->stuck, VFIO_DEVICE_STATE_PRE_COPY,
		      IO_INFO, true);
}

TEST_F_TIMEOUT(closed, write_outlives_the_device_in_RESUMING, SLOW)
{
	check_removal(_metadata, &self->stuck, VFIO_DEVICE_STATE_RESUMING,
		      IO_WRITE, false);
}

TEST_F_TIMEOUT(closed, write_holds_up_no_removal_in_RESUMING, SLOW)
{
	check_removal(_metadata, &self->stuck, VFIO_DEVICE_STATE_RESUMING,
		      IO_WRITE, true);
}

/*
 * What a session had received is given back when the call ends that hung in
 * it. KASAN keeps what was freed for a while, a 32nd of all memory at most, so
 * it takes more than that to see what is not given back.
 */

FIXTURE(memory)
{
	struct stuck stuck;
	unsigned int rounds;
};

FIXTURE_VARIANT(memory)
{
	enum missing_kind kind;
};

FIXTURE_VARIANT_ADD(memory, userfaultfd) { .kind = MISSING_UFFD, };
FIXTURE_VARIANT_ADD(memory, fuse) { .kind = MISSING_FUSE, };

#define MEM_SIZE	4194304LL
#define MEM_SIZE_TEXT	"4194304"

static unsigned int rounds_needed(void)
{
	struct sysinfo info;

	if (sysinfo(&info))
		die("sysinfo: %s", strerror(errno));
	return info.totalram * info.mem_unit / 16 / MEM_SIZE + 1;
}

FIXTURE_SETUP(memory)
{
	struct stuck *stuck = &self->stuck;
	const char *why;

	self->rounds = rounds_needed();
	if (self->rounds > 100)
		SKIP(return, "so much memory that it would take too long");
	why = stuck_new(stuck, "full", vfio_way_from_env(), variant->kind);
	if (why)
		SKIP(return, "%s", why);
	/* A larger one takes its place, and each round has its own page */
	missing_free(&stuck->mem);
	vfio_dev_close(&stuck->mtty.dev);
	must(__mtty_set_mem_size(&stuck->mtty, MEM_SIZE_TEXT));
	vfio_dev_open(&stuck->mtty.dev, stuck->mtty.mdev.uuid);
	why = cgroup_enter();
	if (why) {
		mtty_remove_all();
		cgroup_leave();
		SKIP(return, "%s", why);
	}
}

FIXTURE_TEARDOWN(memory)
{
	mig_stream_free(&self->stuck.journey.image);
	mtty_remove_all();
	cgroup_leave();
}

/* One process that hangs in the last write(), and is killed */
static void write_in_vain(struct __test_metadata *_metadata,
			  struct stuck *stuck, enum missing_kind kind)
{
	struct journey *journey = &stuck->journey;
	struct call call = {
		.mem = &stuck->mem,
		.journey = journey,
		.io = IO_LAST_WRITE,
	};

	ASSERT_EQ(NULL, missing_new(&stuck->mem, kind, STUCK_PAGES * PAGE));
	journey->data_fd = vfio_mig_set(&stuck->mtty.dev,
					VFIO_DEVICE_STATE_RESUMING);
	journey->loaded = 0;
	journey_load(journey, journey->image.len - MISSING_LEAD - TAIL);
	child_start(&stuck->child, run_call, &call,
		    (int []){ journey->data_fd, missing_keep(&stuck->mem),
			      KEEP_END });
	ASSERT_TRUE(missing_await(&stuck->mem, &stuck->child));
	vfio_dev_reset(&stuck->mtty.dev);
	answered(_metadata, stuck, "reset");
	child_kill(&stuck->child);
	child_gone(&stuck->child);
	answered(_metadata, stuck, "a process that is killed");
	close(journey->data_fd);
	journey->data_fd = -1;
	missing_free(&stuck->mem);
}

TEST_F_TIMEOUT(memory, is_given_back_by_a_writer_that_hung, SLOW)
{
	struct stuck *stuck = &self->stuck;
	long long before, after;
	unsigned int i;

	mtty_fill(&stuck->mtty, 1, 1);
	mig_save(&stuck->mtty.dev, &stuck->journey.image, MIG_CHUNK);
	vfio_dev_reset(&stuck->mtty.dev);
	before = cgroup_charged();
	for (i = 0; i < self->rounds; i++)
		write_in_vain(_metadata, stuck, variant->kind);
	after = cgroup_charged();
	EXPECT_GT(self->rounds * MEM_SIZE / 4 * 3, after - before);
}

TEST_HARNESS_MAIN
