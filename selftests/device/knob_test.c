// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files of a device by which tests control it: what closing the device
 * makes of them, and that nobody is held up by one that takes long.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/worker.h"
#include "lib/knobs.h"

/* So many that it takes a while to change them all */
#define MANY_PAGES	16384ULL
#define MANY_SIZE	(MANY_PAGES * MTTY_MIG_PAGE_SIZE)

/* It only ends a test whose waiter is not woken */
#define GUARD_MS	20000
/* Less: a poll() whose time is over looks once more, woken or not */
#define WAKE_MS		(GUARD_MS / 2)

FIXTURE(knob)
{
	struct mtty mtty;
};

FIXTURE_SETUP(knob)
{
	const char *why = knobs_missing();

	if (why)
		SKIP(return, "%s", why);
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
}

FIXTURE_TEARDOWN(knob)
{
	mtty_remove_all();
}

/*
 * Closing resets everything
 */

static bool is_on(const struct mtty *mtty, const char *knob)
{
	char text[8];

	knob_read(mtty, knob, text, sizeof(text));
	return strcmp(text, "0");
}

static bool drains(const struct mtty *mtty)
{
	char text[8];

	mdev_attr_read(&mtty->mdev, "mtty_mig/pri_drain", text, sizeof(text));
	return strcmp(text, "0");
}

static const char * const points[] = {
	"RUNNING-RUNNING_P2P-before", "STOP-STOP_COPY-after", "pre-copy",
	"read", "write",
};

static void arm(const struct mtty *mtty)
{
	unsigned int i;

	knob_write(mtty, "engine_hold", "1");
	mdev_attr_write(&mtty->mdev, "mtty_mig/pri_drain", "1");
	for (i = 0; i < ARRAY_LEN(points); i++)
		knob_write(mtty, "fault", "%s %u times=3", points[i], EDOM);
}

static void expect_reset(struct __test_metadata *_metadata,
			 const struct mtty *mtty)
{
	struct knob_fault fault;
	unsigned int i;

	EXPECT_FALSE(is_on(mtty, "engine_hold"));
	EXPECT_FALSE(drains(mtty));
	for (i = 0; i < ARRAY_LEN(points); i++) {
		knob_fault(mtty, points[i], &fault);
		EXPECT_EQ(0, fault.error)
			TH_LOG("%s is armed", points[i]);
	}
}

TEST_F(knob, all_of_them_are_reset_by_closing)
{
	struct mtty *mtty = &self->mtty;

	mtty_new(mtty, "vpri", MTTY_MIG_PAGE_SIZE);
	arm(mtty);
	vfio_dev_close(&mtty->dev);
	expect_reset(_metadata, mtty);
	/* The next user meets none of it */
	vfio_dev_open(&mtty->dev, mtty->mdev.uuid);
	expect_reset(_metadata, mtty);
	EXPECT_EQ(-1, vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_RUNNING_P2P));
}

/* The same after a fault that has left the device in ERROR */
TEST_F(knob, all_of_them_are_reset_by_closing_in_ERROR)
{
	struct mtty *mtty = &self->mtty;
	int data_fd;

	mtty_new(mtty, "vpri", MTTY_MIG_PAGE_SIZE);
	arm(mtty);
	knob_write(mtty, "fault", "%s %u times=3 error", points[0], EDOM);
	EXPECT_EQ(-EDOM, __vfio_mig_set(&mtty->dev,
					VFIO_DEVICE_STATE_RUNNING_P2P,
					&data_fd));
	vfio_dev_close(&mtty->dev);
	expect_reset(_metadata, mtty);
}

/*
 * A line that takes long
 */

static int change_many(const struct mtty *mtty)
{
	return __knob_write(mtty, "dirty", "0 %llu", MANY_PAGES);
}

static pid_t fork_change_many(const struct mtty *mtty)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork: %s", strerror(errno));
	/* Not exit(), which would remove the devices */
	if (!pid)
		_exit(change_many(mtty) ? 1 : 0);
	return pid;
}

/* Wait until a writer has begun; false if it is past half of its way */
static bool has_begun(const struct mtty *mtty)
{
	__u64 pages;

	do {
		pages = knob_counter(mtty, "pages");
		if (!pages)
			sched_yield();
	} while (!pages);
	return pages < MANY_PAGES / 2;
}

/* 1: it was killed in time; 0: it was not; -1: it was too quick to tell */
static int kill_writer(const struct mtty *mtty)
{
	pid_t pid = fork_change_many(mtty);
	bool early = has_begun(mtty);
	int status;

	kill(pid, SIGKILL);
	/* If more than half was left when it was killed, there must be a rest */
	early = early && knob_counter(mtty, "pages") < MANY_PAGES / 2;
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid: %s", strerror(errno));
	if (!early)
		return -1;
	return knob_counter(mtty, "pages") < MANY_PAGES;
}

#define TRIES	8

TEST_F_TIMEOUT(knob, writer_of_dirty_can_be_killed, 300)
{
	int killed = -1;
	unsigned int i;

	mtty_new(&self->mtty, "none", MANY_SIZE);
	for (i = 0; i < TRIES && killed < 0; i++) {
		vfio_dev_reset(&self->mtty.dev);
		killed = kill_writer(&self->mtty);
	}
	if (killed < 0)
		SKIP(return, "this machine changes all pages at once");
	EXPECT_EQ(1, killed)
		TH_LOG("it went on to the last page");
}

static int run_poll(void *arg)
{
	struct pollfd *pfd = arg;

	return poll(pfd, 1, GUARD_MS);
}

/* What a writer has changed before it was killed is there to be read */
TEST_F_TIMEOUT(knob, writer_of_dirty_wakes_who_polls_when_it_is_killed, 300)
{
	struct pollfd pfd = { .events = POLLIN };
	struct mig_stream stream = {};
	int killed = -1;
	unsigned int i;

	mtty_new(&self->mtty, "full", MANY_SIZE);
	for (i = 0; i < TRIES && killed != 1; i++) {
		struct worker waiter;

		vfio_dev_reset(&self->mtty.dev);
		pfd.fd = vfio_mig_set(&self->mtty.dev,
				      VFIO_DEVICE_STATE_PRE_COPY);
		mig_stream_read(&stream, pfd.fd, MIG_CHUNK, -ENOMSG);
		worker_start(&waiter, run_poll, &pfd);
		EXPECT_TRUE(worker_sleeps(&waiter));
		killed = kill_writer(&self->mtty);
		EXPECT_TRUE(worker_ends(&waiter, WAKE_MS))
			TH_LOG("nobody was woken");
		EXPECT_EQ(1, worker_join(&waiter));
		close(pfd.fd);
	}
	mig_stream_free(&stream);
	if (killed < 0)
		SKIP(return, "this machine changes all pages at once");
}

static int run_change_many(void *arg)
{
	return change_many(arg);
}

/*
 * Whether a writer was cut short by the removal of its device: it did not
 * change all pages.  One that was quick enough is not.
 */
static bool removal_cuts_short(struct mtty *mtty)
{
	struct worker worker;

	mtty_new(mtty, "none", MANY_SIZE);
	vfio_dev_close(&mtty->dev);
	worker_start(&worker, run_change_many, mtty);
	has_begun(mtty);
	must(__mdev_remove(&mtty->mdev));
	return worker_join(&worker);
}

TEST_F_TIMEOUT(knob, removal_does_not_wait_for_a_writer_of_dirty, 300)
{
	bool cut_short = false;
	unsigned int i;

	for (i = 0; i < TRIES && !cut_short; i++)
		cut_short = removal_cuts_short(&self->mtty);
	EXPECT_TRUE(cut_short)
		TH_LOG("removal has waited for the last page, %u times", i);
}

TEST_HARNESS_MAIN
