// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long a data fd and its session live: a file descriptor that outlives the
 * mediated device, or its session beside another one; a session whose file
 * descriptor was closed, or never came.
 *
 * What a dead fd answers after each way in which a session can end is in
 * session_test.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/file.h"
#include "../lib/worker.h"
#include "lib/journey.h"
#include "lib/knobs.h"
#include "lib/mtty_fixture.h"

#define MODULE		"mtty_mig"
#define REFCNT		"/sys/module/" MODULE "/refcnt"

MTTY_FIXTURE(stale, NULL);
MTTY_VARIANTS(stale);

/* Enter each state that has a session, and move some of it */
static bool next_session(struct journey *journey, __u32 *state)
{
	for (; *state < VFIO_DEVICE_STATE_NR; (*state)++) {
		if (!mig_model_supported(journey->flags, *state) ||
		    !mig_model_session(*state))
			continue;
		journey_go(journey, *state);
		if (*state == VFIO_DEVICE_STATE_RESUMING)
			journey_load(journey, 6000);
		return true;
	}
	return false;
}

/* So that what a journey does next leaves it open */
static int take_fd(struct journey *journey)
{
	int data_fd = journey->data_fd;

	journey->data_fd = -1;
	return data_fd;
}

/* A new session is not what an old fd sees, or disturbs */
TEST_F(stale, fd_stays_dead_while_there_is_another_session)
{
	struct journey *journey = &self->journey;
	const char *why;
	__u32 state;
	int data_fd;

	for (state = 0; next_session(journey, &state); state++) {
		if (state == VFIO_DEVICE_STATE_RESUMING)
			journey_load(journey, journey->image.len);
		data_fd = take_fd(journey);
		vfio_mig_set(self->dev, VFIO_DEVICE_STATE_RUNNING);
		journey_moved(journey, VFIO_DEVICE_STATE_RUNNING);

		why = journey_continue(journey, state);
		ASSERT_EQ(NULL, why)
			TH_LOG("%s again: %s", mig_state_name(state), why);
		why = data_fd_dead(data_fd, state);
		EXPECT_EQ(NULL, why)
			TH_LOG("%s: %s", mig_state_name(state), why);
		/* To close it is no end of the other session, either */
		close(data_fd);
		why = journey_alive(journey);
		EXPECT_EQ(NULL, why)
			TH_LOG("%s again: %s", mig_state_name(state), why);
		why = journey_arrive(journey, &self->dst);
		EXPECT_EQ(NULL, why)
			TH_LOG("%s again: %s", mig_state_name(state), why);
	}
}

/* What it says then, it can only say from memory of its own */
TEST_F(stale, fd_is_dead_after_the_device_was_removed)
{
	int fds[VFIO_DEVICE_STATE_NR];
	struct journey *journey = &self->journey;
	const char *why;
	unsigned int i;
	__u32 state;

	for (state = 0; next_session(journey, &state); state++) {
		fds[state] = take_fd(journey);
		vfio_dev_close(self->dev);
		mdev_remove(&self->mtty.mdev);
		/* What was the device's memory may now be another one's */
		mtty_new(&self->mtty, variant->type, JOURNEY_MEM_SIZE);
		for (i = 0; i <= state; i++) {
			if (!mig_model_supported(variant->flags, i) ||
			    !mig_model_session(i))
				continue;
			why = data_fd_dead(fds[i], i);
			EXPECT_EQ(NULL, why)
				TH_LOG("%s: %s", mig_state_name(i), why);
		}
	}
	for (i = 0; i < state; i++)
		if (mig_model_supported(variant->flags, i) &&
		    mig_model_session(i))
			close(fds[i]);
	journey_go(journey, VFIO_DEVICE_STATE_RUNNING);
	why = journey_arrive(journey, &self->dst);
	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
}

/* A file that is open then says so, and none can be opened any more */
TEST_F(stale, debugfs_files_go_with_the_device)
{
	const char *missing = knobs_missing();
	char path[256], buf[64];
	int fd;

	if (missing)
		SKIP(return, "%s", missing);
	knob_path(&self->mtty, "counters", path, sizeof(path));
	fd = open(path, O_RDONLY);
	ASSERT_LE(0, fd);
	vfio_dev_close(self->dev);
	mdev_remove(&self->mtty.mdev);
	EXPECT_EQ(-1, read(fd, buf, sizeof(buf)));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(-1, access(path, F_OK));
	EXPECT_EQ(ENOENT, errno);
}

#define VFIO_DEBUGFS	"/sys/kernel/debug/vfio"

/**
 * struct state_reader - who reads vfio's own file with the state again and again
 * @path: the file
 * @stop: no more
 * @worker: its thread
 */
struct state_reader {
	char path[256];
	atomic_bool stop;
	struct worker worker;
};

/* Whatever it finds: the file may go at any time */
static int read_state(void *arg)
{
	struct state_reader *reader = arg;
	char buf[64];

	while (!atomic_load(&reader->stop))
		file_read(reader->path, buf, sizeof(buf));
	return 0;
}

static int run_remove(void *arg)
{
	return __mdev_remove(arg);
}

/*
 * Who removes a device waits for its user. The core's debugfs files have gone
 * by then, for the memory behind them goes before the wait: they cannot be
 * opened any more, and one that is open says so.
 */
TEST_F(stale, debugfs_files_of_the_core_go_before_it_waits)
{
	struct pollfd pfd = { .fd = eventfd_new(), .events = POLLIN };
	struct state_reader reader = {};
	struct worker remover;
	char buf[64];
	int fd;

	snprintf(reader.path, sizeof(reader.path),
		 VFIO_DEBUGFS "/%s/migration/state", self->mtty.mdev.uuid);
	fd = open(reader.path, O_RDONLY);
	if (fd < 0)
		SKIP(return, "there is no " VFIO_DEBUGFS);
	ASSERT_LT(0, read(fd, buf, sizeof(buf)));
	EXPECT_EQ(0, strncmp("RUNNING\n", buf, 8));

	vfio_irq_eventfds(self->dev, VFIO_PCI_REQ_IRQ_INDEX, 0, 1, &pfd.fd);
	worker_start(&reader.worker, read_state, &reader);
	worker_start(&remover, run_remove, &self->mtty.mdev);
	/* The core asks for the device back: now it waits */
	ASSERT_EQ(1, poll(&pfd, 1, 20000));
	EXPECT_EQ(-ENOENT, file_read(reader.path, buf, sizeof(buf)));
	EXPECT_EQ(-1, pread(fd, buf, sizeof(buf), 0));
	EXPECT_EQ(EIO, errno);

	vfio_dev_close(self->dev);
	EXPECT_EQ(0, worker_join(&remover));
	EXPECT_EQ(-ENOENT, file_read(reader.path, buf, sizeof(buf)));
	EXPECT_EQ(-1, pread(fd, buf, sizeof(buf), 0));
	atomic_store(&reader.stop, true);
	EXPECT_EQ(0, worker_join(&reader.worker));
	close(fd);
}

/* The session lasts as long as its state, whatever becomes of its fd */
TEST_F(stale, session_goes_on_without_its_fd)
{
	struct journey *journey = &self->journey;
	int fd_before, fd_after, data_fd;
	const char *why;
	__u32 state;

	for (state = 0; next_session(journey, &state); state++) {
		close(take_fd(journey));
		EXPECT_EQ(state, vfio_mig_get(self->dev));
		EXPECT_LT(0, vfio_mig_data_size(self->dev));
		fd_before = fd_next();
		if (state == VFIO_DEVICE_STATE_RESUMING) {
			/* Nobody can complete the stream any more */
			EXPECT_EQ(-ENODATA,
				  __vfio_mig_set(self->dev,
						 VFIO_DEVICE_STATE_STOP,
						 &data_fd));
			EXPECT_EQ(state, vfio_mig_get(self->dev));
			vfio_dev_reset(self->dev);
			journey_go(journey, VFIO_DEVICE_STATE_RUNNING);
		} else {
			/* No second fd of it comes */
			EXPECT_EQ(-1, vfio_mig_set(self->dev, state));
			EXPECT_EQ(-1, vfio_mig_set(self->dev,
						   VFIO_DEVICE_STATE_STOP_COPY));
			EXPECT_EQ(-1, vfio_mig_set(self->dev,
						   VFIO_DEVICE_STATE_RUNNING));
			journey_moved(journey, VFIO_DEVICE_STATE_RUNNING);
		}
		fd_after = fd_next();
		EXPECT_EQ(fd_before, fd_after);
		why = journey_arrive(journey, &self->dst);
		EXPECT_EQ(NULL, why)
			TH_LOG("%s: %s", mig_state_name(state), why);
	}
}

/* How many users the module has, or -1 if it is none or cannot be removed */
static int module_refcnt(void)
{
	char text[32];

	return file_read(REFCNT, text, sizeof(text)) ? -1 : atoi(text);
}

/*
 * The code of an fd's functions must stay, even when no device needs it any
 * more.  Other modules may use this one, so it is the difference that counts;
 * and only what would be refused is tried.
 */
TEST_F(stale, fd_keeps_the_module)
{
	struct journey *journey = &self->journey;
	int unused, data_fd;
	__u32 state;

	if (module_refcnt() < 0)
		SKIP(return, "there is no " REFCNT);
	vfio_dev_close(&self->dst.dev);
	mdev_remove(&self->dst.mdev);
	vfio_dev_close(self->dev);
	unused = module_refcnt();
	vfio_dev_open(self->dev, self->mtty.mdev.uuid);

	for (state = 0; next_session(journey, &state); state++) {
		data_fd = take_fd(journey);
		vfio_dev_close(self->dev);
		mdev_remove(&self->mtty.mdev);
		ASSERT_EQ(unused + 1, module_refcnt())
			TH_LOG("%s", mig_state_name(state));
		EXPECT_EQ(-1, syscall(SYS_delete_module, MODULE, O_NONBLOCK));
		EXPECT_EQ(EWOULDBLOCK, errno);
		EXPECT_EQ(NULL, data_fd_dead(data_fd, state));
		close(data_fd);
		EXPECT_EQ(unused, module_refcnt())
			TH_LOG("%s: closing the fd does not give it back",
			       mig_state_name(state));
		mtty_new(&self->mtty, variant->type, JOURNEY_MEM_SIZE);
	}
}

/* Nothing but the core says that a device is open: no fd is the driver's */
TEST_F(stale, open_device_keeps_the_module)
{
	int unused;

	if (module_refcnt() < 0)
		SKIP(return, "there is no " REFCNT);
	vfio_dev_close(&self->dst.dev);
	vfio_dev_close(self->dev);
	unused = module_refcnt();
	vfio_dev_open(self->dev, self->mtty.mdev.uuid);
	ASSERT_EQ(unused + 1, module_refcnt());
	EXPECT_EQ(-1, syscall(SYS_delete_module, MODULE, O_NONBLOCK));
	EXPECT_EQ(EWOULDBLOCK, errno);
	vfio_dev_close(self->dev);
	EXPECT_EQ(unused, module_refcnt());
}

MTTY_FIXTURE(lost, NULL);
MTTY_VARIANTS(lost);

/* SET_STATE with no file descriptor to be had */
static int set_without_fds(struct vfio_dev *dev, __u32 state)
{
	struct rlimit limit, none;
	int data_fd, ret;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		die("getrlimit: %s", strerror(errno));
	none = limit;
	none.rlim_cur = fd_next();
	if (setrlimit(RLIMIT_NOFILE, &none))
		die("setrlimit: %s", strerror(errno));
	ret = __vfio_mig_set(dev, state, &data_fd);
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("setrlimit: %s", strerror(errno));
	return ret;
}

/* SET_STATE with an argument that can be read but not written */
static int set_readonly(struct vfio_dev *dev, __u32 state)
{
	size_t size = sysconf(_SC_PAGESIZE);
	struct vfio_device_feature_mig_state *mig;
	struct vfio_device_feature *feature;
	int ret = 0;

	feature = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (feature == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	feature->argsz = sizeof(*feature) + sizeof(*mig);
	feature->flags = VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE;
	mig = (void *)feature->data;
	mig->device_state = state;
	if (mprotect(feature, size, PROT_READ))
		die("mprotect: %s", strerror(errno));
	if (ioctl(dev->fd, VFIO_DEVICE_FEATURE, feature) < 0)
		ret = -errno;
	munmap(feature, size);
	return ret;
}

/*
 * The FSM has moved, the session is there, and only its fd is missing: leave
 * the session, and all is as it should be.
 */
static void expect_recoverable(struct __test_metadata *_metadata,
			       struct journey *journey, __u32 from, __u32 to,
			       struct mtty *dst)
{
	struct vfio_dev *dev = &journey->mtty->dev;
	const char *why;
	int data_fd;

	EXPECT_EQ(to, vfio_mig_get(dev))
		TH_LOG("%s to %s", mig_state_name(from), mig_state_name(to));
	EXPECT_LT(0, vfio_mig_data_size(dev));
	if (to == VFIO_DEVICE_STATE_RESUMING) {
		/* Nothing was received, and nothing can be: only a reset */
		EXPECT_EQ(-ENODATA, __vfio_mig_set(dev, VFIO_DEVICE_STATE_STOP,
						   &data_fd));
		EXPECT_EQ(to, vfio_mig_get(dev));
		journey_go(journey, VFIO_DEVICE_STATE_RUNNING);
	} else {
		EXPECT_EQ(0, __vfio_mig_set(dev, VFIO_DEVICE_STATE_RUNNING,
					    &data_fd));
		EXPECT_EQ(-1, data_fd);
		journey_moved(journey, VFIO_DEVICE_STATE_RUNNING);
	}

	/* Entering again gives an fd, and all of the stream */
	why = journey_continue(journey, to);
	ASSERT_EQ(NULL, why)
		TH_LOG("%s to %s, again: %s", mig_state_name(from),
		       mig_state_name(to), why);
	why = journey_arrive(journey, dst);
	ASSERT_EQ(NULL, why)
		TH_LOG("%s to %s, again: %s", mig_state_name(from),
		       mig_state_name(to), why);
}

TEST_F(lost, fd_without_a_number_left_is_EMFILE_and_recoverable)
{
	struct journey *journey = &self->journey;
	struct mig_expect expect;
	unsigned int n = 0;
	__u32 from, to;
	int next;

	for (from = 0; from < VFIO_DEVICE_STATE_NR; from++) {
		for (to = 0; to < VFIO_DEVICE_STATE_NR; to++) {
			mig_model_expect(variant->flags, from, to, &expect);
			if (expect.ret || !expect.new_fd)
				continue;
			journey_go(journey, from);
			if (from == VFIO_DEVICE_STATE_RESUMING)
				journey_load(journey, journey->image.len);
			next = fd_next();
			EXPECT_EQ(-EMFILE, set_without_fds(self->dev, to))
				TH_LOG("%s to %s", mig_state_name(from),
				       mig_state_name(to));
			EXPECT_EQ(next, fd_next());
			journey_moved(journey, to);
			expect_recoverable(_metadata, journey, from, to,
					   &self->dst);
			n++;
		}
	}
	EXPECT_LE(4, n);
}

/* An arc without a new fd has no number to run out of */
TEST_F(lost, fd_numbers_matter_to_no_other_arc)
{
	struct journey *journey = &self->journey;
	struct mig_expect expect;
	__u32 from, to;

	for (from = 0; from < VFIO_DEVICE_STATE_NR; from++) {
		for (to = 0; to < VFIO_DEVICE_STATE_NR; to++) {
			mig_model_expect(variant->flags, from, to, &expect);
			if (expect.ret || expect.new_fd)
				continue;
			journey_go(journey, from);
			if (from == VFIO_DEVICE_STATE_RESUMING)
				journey_load(journey, journey->image.len);
			EXPECT_EQ(0, set_without_fds(self->dev, to))
				TH_LOG("%s to %s", mig_state_name(from),
				       mig_state_name(to));
			EXPECT_EQ(to, vfio_mig_get(self->dev));
		}
	}
}

TEST_F(lost, argument_that_cannot_be_written_is_EFAULT_and_recoverable)
{
	struct journey *journey = &self->journey;
	struct mig_expect expect;
	__u32 from, to;
	int next;

	for (from = 0; from < VFIO_DEVICE_STATE_NR; from++) {
		for (to = 0; to < VFIO_DEVICE_STATE_NR; to++) {
			mig_model_expect(variant->flags, from, to, &expect);
			if (expect.ret || from == to)
				continue;
			journey_go(journey, from);
			if (from == VFIO_DEVICE_STATE_RESUMING)
				journey_load(journey, journey->image.len);
			next = fd_next();
			EXPECT_EQ(-EFAULT, set_readonly(self->dev, to))
				TH_LOG("%s to %s", mig_state_name(from),
				       mig_state_name(to));
			EXPECT_EQ(next, fd_next());
			EXPECT_EQ(to, vfio_mig_get(self->dev))
				TH_LOG("%s to %s", mig_state_name(from),
				       mig_state_name(to));
			journey_moved(journey, to);
			if (expect.new_fd) {
				expect_recoverable(_metadata, journey, from,
						   to, &self->dst);
			} else {
				const char *why = journey_stays(journey);

				EXPECT_EQ(NULL, why)
					TH_LOG("%s to %s: %s",
					       mig_state_name(from),
					       mig_state_name(to), why);
			}
		}
	}
}

/* A session that nobody has an fd of must not keep anything, either */
TEST_F(lost, session_keeps_neither_device_nor_module)
{
	struct journey *journey = &self->journey;
	int before = module_refcnt();
	__u32 state;

	if (before < 0)
		SKIP(return, "there is no " REFCNT);
	for (state = 0; state < VFIO_DEVICE_STATE_NR; state++) {
		if (!mig_model_supported(variant->flags, state) ||
		    !mig_model_session(state))
			continue;
		journey_go(journey, VFIO_DEVICE_STATE_RUNNING);
		EXPECT_EQ(-EMFILE, set_without_fds(self->dev, state));
		vfio_dev_close(self->dev);
		mdev_remove(&self->mtty.mdev);
		mtty_new(&self->mtty, variant->type, JOURNEY_MEM_SIZE);
		EXPECT_EQ(before, module_refcnt())
			TH_LOG("%s", mig_state_name(state));
	}
}

TEST_HARNESS_MAIN
