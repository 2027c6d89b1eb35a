// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening, closing, removing; and several users at a time: threads of one
 * device, and two devices.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut.h"
#include "dut_fixture.h"
#include "steps.h"

DUT_FIXTURE(life, DUT_STOP_COPY);

/* GET, or a number that is no state */
static __u32 state_of(struct dut *dut)
{
	__u32 state;

	return __vfio_mig_get(&dut->dev, &state) ? VFIO_DEVICE_STATE_NR :
						   state;
}

static int reopen(struct dut *dut)
{
	vfio_dev_close(&dut->dev);
	return __vfio_dev_open(&dut->dev, dut->name, dut->way);
}

/* The one who opens a device does not know what the last one did */
TEST_F(life, closed_in_any_state_opened_in_RUNNING)
{
	__u32 state;
	int keep;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		for (keep = 0; keep < 2; keep++) {
			int data_fd;

			if (step_go(&self->dut, state, NULL, &data_fd))
				continue;
			if (data_fd >= 0 && !keep)
				close(data_fd);
			RULE_OK("MIG-LIFE-01", reopen(&self->dut),
				"open after close in %s",
				mig_state_name(state));
			RULE_STATE("MIG-LIFE-01", VFIO_DEVICE_STATE_RUNNING,
				   state_of(&self->dut),
				   "GET after close in %s and open",
				   mig_state_name(state));
			if (data_fd >= 0 && keep)
				close(data_fd);
		}
	}
}

TEST_F(life, closed_in_ERROR_opened_in_RUNNING)
{
	struct mig_stream stream = {};
	const char *why;
	bool error;

	step_save(&self->dut, &stream);
	error = step_error(&self->dut, &stream);
	mig_stream_free(&stream);
	if (!error)
		SKIP(return, "a refused stream leads to RESUMING, not ERROR");
	RULE_OK("MIG-LIFE-01", reopen(&self->dut), "open after close in ERROR");
	RULE_STATE("MIG-LIFE-01", VFIO_DEVICE_STATE_RUNNING,
		   state_of(&self->dut), "GET after close in ERROR and open");
	why = step_migrate(&self->dut);
	RULE("MIG-LIFE-02", !why,
	     "a device that migrates, seen %s: after close in ERROR and open",
	     why);
}

TEST_F(life, closed_in_any_state_migrates_when_opened)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		const char *why;
		int data_fd;

		if (step_go(&self->dut, state, NULL, &data_fd))
			continue;
		/* Somewhere in the stream */
		if (data_fd >= 0)
			step_touch(data_fd, state);
		if (reopen(&self->dut))
			die("the device cannot be opened again");
		why = step_migrate(&self->dut);
		RULE("MIG-LIFE-02", !why,
		     "a device that migrates, seen %s: after close in %s and open",
		     why, mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
	}
}

/* "or before close_device() returns" */
TEST_F(life, data_fd_of_a_closed_device_is_dead)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		struct vfio_precopy_info info;
		const char *touch;
		int data_fd;

		if (!mig_model_session(state) ||
		    step_go(&self->dut, state, NULL, &data_fd))
			continue;
		vfio_dev_close(&self->dut.dev);
		touch = step_touch(data_fd, state);
		RULE("MIG-LIFE-03", !touch,
		     "the end of the session, seen %s: after close in %s",
		     touch, mig_state_name(state));
		RULE_FAILS("MIG-LIFE-03", __vfio_precopy_info(data_fd, &info),
			   "pre-copy info after close in %s",
			   mig_state_name(state));
		/* What it tells is left open; that it returns is not */
		fd_poll(data_fd, POLLIN | POLLOUT);
		RULE_OK("MIG-LIFE-03", close(data_fd) ? -errno : 0,
			"close of the data_fd after close in %s",
			mig_state_name(state));
		dut_reopen(&self->dut);
	}
}

/* The session of one user must not become that of the next */
TEST_F(life, data_fd_of_a_closed_device_is_dead_when_it_has_another)
{
	struct mig_stream stream = {};
	__u32 state;

	step_save(&self->dut, &stream);
	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd, other_fd;
		const char *touch;

		if (!mig_model_session(state) ||
		    step_go(&self->dut, state, NULL, &data_fd))
			continue;
		dut_reopen(&self->dut);
		touch = step_touch(data_fd, state);
		RULE("MIG-LIFE-03", !touch,
		     "the end of the session, seen %s: after close in %s and open",
		     touch, mig_state_name(state));
		/* The same device: a fresh one may be another, see LIFE-04 */
		if (vfio_mig_get(&self->dut.dev) !=
		    VFIO_DEVICE_STATE_RUNNING ||
		    __vfio_mig_set(&self->dut.dev, state, &other_fd)) {
			close(data_fd);
			continue;
		}
		touch = step_touch(data_fd, state);
		RULE("MIG-LIFE-03", !touch,
		     "the end of the session, seen %s: after close in %s, open, and %s again",
		     touch, mig_state_name(state), mig_state_name(state));
		close(data_fd);
		close(other_fd);
	}
	mig_stream_free(&stream);
}

/* Threads */

/*
 * No verdict rests on this but that a call never returns.  Looks are counted,
 * and not only seconds: a machine that is too busy to let anybody here run does
 * not look, either.
 */
#define LOOK_MS		10
#define LOOKS		1000
#define PATIENCE	(LOOK_MS * LOOKS / 1000)	/* seconds */
#define ROUNDS		200

/* Many calls may take long, on a slow machine; PATIENCE is for one of them */
#define THREADS_TIMEOUT	600

static bool ends_now(pthread_t thread)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOOK_MS * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	return !pthread_timedjoin_np(thread, NULL, &until);
}

/*
 * Whether a thread ends, however long that takes: until then its calls, which
 * it counts in @calls, have to return.
 */
static bool comes_back(pthread_t thread, atomic_uint *calls)
{
	unsigned int before = atomic_load(calls);
	unsigned int looks;

	for (looks = 0; looks < LOOKS; looks++) {
		if (ends_now(thread))
			return true;
		if (atomic_load(calls) != before)
			looks = 0;
		before = atomic_load(calls);
	}
	return false;
}

/**
 * struct caller - a thread that calls the device's ioctls
 * @dut: the device
 * @first: what it begins with, so that no two do the same
 * @no_state: what GET told that is no state, or -1
 * @calls: how many have returned
 */
struct caller {
	struct dut *dut;
	unsigned int first;
	long long no_state;
	atomic_uint calls;
	pthread_t thread;
};

static void *call_SET(void *arg)
{
	struct caller *caller = arg;
	unsigned int i;

	for (i = caller->first; i < caller->first + ROUNDS; i++) {
		/* A stride that has no divisor in common with the states */
		__u32 state = i * (caller->first * 2 + 1) %
			      VFIO_DEVICE_STATE_NR;
		int data_fd;

		if (!__vfio_mig_set(&caller->dut->dev, state, &data_fd) &&
		    data_fd >= 0)
			close(data_fd);
		atomic_fetch_add(&caller->calls, 1);
	}
	return NULL;
}

/* Sessions are used here, too, and not just begun */
static void *call_SET_and_use(void *arg)
{
	struct caller *caller = arg;
	unsigned int i;

	for (i = caller->first; i < caller->first + ROUNDS; i++) {
		__u32 state = i % VFIO_DEVICE_STATE_NR;
		int data_fd, ret;

		ret = __vfio_mig_set(&caller->dut->dev, state, &data_fd);
		atomic_fetch_add(&caller->calls, 1);
		if (ret || data_fd < 0)
			continue;
		mig_session_touch(data_fd, state);
		sched_yield();
		mig_session_touch(data_fd, state);
		close(data_fd);
	}
	return NULL;
}

static void *call_GET(void *arg)
{
	struct caller *caller = arg;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		__u64 bytes;
		__u32 state;

		if (!__vfio_mig_get(&caller->dut->dev, &state) &&
		    state != VFIO_DEVICE_STATE_ERROR &&
		    !mig_model_supported(caller->dut->flags, state))
			caller->no_state = state;
		__vfio_mig_data_size(&caller->dut->dev, &bytes);
		atomic_fetch_add(&caller->calls, 1);
		sched_yield();
	}
	return NULL;
}

static void *call_reset(void *arg)
{
	struct caller *caller = arg;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		__vfio_dev_reset(&caller->dut->dev);
		atomic_fetch_add(&caller->calls, 1);
		sched_yield();
	}
	return NULL;
}

#define CALLERS	3

/* All of @calls at once, and what is left of the device then */
static void call_at_once(struct __test_metadata *_metadata, struct dut *dut,
			 void *(*const calls[CALLERS])(void *))
{
	struct caller callers[CALLERS] = {};
	const char *why;
	unsigned int i;

	dut_fresh(dut);
	for (i = 0; i < CALLERS; i++) {
		callers[i].dut = dut;
		callers[i].first = i;
		callers[i].no_state = -1;
		if (pthread_create(&callers[i].thread, NULL, calls[i],
				   &callers[i]))
			die("no thread");
	}
	for (i = 0; i < CALLERS; i++) {
		bool back = comes_back(callers[i].thread, &callers[i].calls);

		RULE("MIG-LIFE-05", back,
		     "all calls to return, seen one that has not after %u s",
		     PATIENCE);
		/* The others' stack must stay as long as they use it */
		if (!back)
			exit(KSFT_FAIL);
		RULE_EQ("MIG-LIFE-05", -1, callers[i].no_state,
			"the number that GET told and that is no state");
	}

	why = step_recover(dut);
	RULE("MIG-LIFE-05", !why,
	     "a device that migrates, seen %s: after calls at the same time, and reset",
	     why);
}

/* Feature ioctls are not serialised by the core */
TEST_F_TIMEOUT(life, SET_by_several_threads, THREADS_TIMEOUT)
{
	void *(*const calls[CALLERS])(void *) = {
		call_SET, call_SET, call_SET,
	};

	call_at_once(_metadata, &self->dut, calls);
}

TEST_F_TIMEOUT(life, SET_and_use_by_several_threads, THREADS_TIMEOUT)
{
	void *(*const calls[CALLERS])(void *) = {
		call_SET_and_use, call_SET_and_use, call_SET,
	};

	call_at_once(_metadata, &self->dut, calls);
}

TEST_F_TIMEOUT(life, SET_and_GET_by_several_threads, THREADS_TIMEOUT)
{
	void *(*const calls[CALLERS])(void *) = {
		call_SET, call_SET_and_use, call_GET,
	};

	call_at_once(_metadata, &self->dut, calls);
}

TEST_F_TIMEOUT(life, SET_and_reset_by_several_threads, THREADS_TIMEOUT)
{
	void *(*const calls[CALLERS])(void *) = {
		call_SET, call_SET_and_use, call_reset,
	};

	call_at_once(_metadata, &self->dut, calls);
}

TEST_F_TIMEOUT(life, reset_and_GET_by_several_threads, THREADS_TIMEOUT)
{
	void *(*const calls[CALLERS])(void *) = {
		call_reset, call_GET, call_reset,
	};

	call_at_once(_metadata, &self->dut, calls);
}

/**
 * struct user - a thread that uses a data fd until it is dead
 * @data_fd: the session
 * @state: the state that it is for
 * @stream: what to write in RESUMING
 * @use: the call that moves data, for @data_fd: moves as many bytes as it
 *	returns, or fails
 * @begun: it has called once
 * @over: the session has been ended
 * @late: a call that was begun after that moved data or told ENOMSG
 * @moved: bytes that were moved
 * @calls: how many have returned
 * @thread: itself
 */
struct user {
	int data_fd;
	__u32 state;
	const struct mig_stream *stream;
	ssize_t (*use)(struct user *user);
	atomic_bool begun;
	atomic_bool over;
	bool late;
	size_t moved;
	atomic_uint calls;
	pthread_t thread;
};

static ssize_t use_read(struct user *user)
{
	__u8 buf[16];

	return mig_read(user->data_fd, buf, sizeof(buf));
}

static ssize_t use_poll(struct user *user)
{
	struct pollfd pfd = { .fd = user->data_fd, .events = POLLIN };

	/* With a limit: a driver need not have a wait queue */
	poll(&pfd, 1, 10);
	return use_read(user);
}

static ssize_t use_write(struct user *user)
{
	/* What comes after the end is refused, and so is a session's end */
	if (user->moved >= user->stream->len)
		return -ENODATA;
	return mig_write(user->data_fd, user->stream->data + user->moved, 1);
}

static void *use(void *arg)
{
	struct user *user = arg;

	for (;;) {
		bool over = atomic_load(&user->over);
		ssize_t n = user->use(user);

		atomic_store(&user->begun, true);
		atomic_fetch_add(&user->calls, 1);
		if (over) {
			user->late = n > 0 || n == -ENOMSG;
			break;
		}
		if (n < 0 && n != -ENOMSG)
			break;
		/* At the end of a stream, temporary or not, wait for ours */
		if (n <= 0)
			sched_yield();
		else
			user->moved += n;
	}
	return NULL;
}

static void use_in_thread(struct user *user)
{
	atomic_store(&user->begun, false);
	atomic_store(&user->over, false);
	user->late = false;
	user->moved = 0;
	if (pthread_create(&user->thread, NULL, use, user))
		die("no thread");
}

/* How a session is ended */
static int end_by_SET(struct dut *dut)
{
	int none;

	return __vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_RUNNING, &none);
}

static int end_by_reset(struct dut *dut)
{
	return __vfio_dev_reset(&dut->dev);
}

static int end_by_close(struct dut *dut)
{
	vfio_dev_close(&dut->dev);
	return 0;
}

/**
 * struct ender - a thread that ends a session
 * @dut: the device
 * @end: how
 * @ret: what that returned
 * @calls: it makes but one
 * @thread: itself
 */
struct ender {
	struct dut *dut;
	int (*end)(struct dut *dut);
	int ret;
	atomic_uint calls;
	pthread_t thread;
};

static void *end_session(void *arg)
{
	struct ender *ender = arg;

	ender->ret = ender->end(ender->dut);
	return NULL;
}

/* It may wait for the users for ever, as they may for it */
static void judge_return(struct __test_metadata *_metadata, pthread_t thread,
			 atomic_uint *calls, __u32 state)
{
	bool back = comes_back(thread, calls);

	RULE("MIG-LIFE-06", back,
	     "all calls to return, seen one that has not after %u s: the session of %s is ended",
	     PATIENCE, mig_state_name(state));
	/* The thread's variables must stay as long as it uses them */
	if (!back)
		exit(KSFT_FAIL);
}

/* In each session state, with two threads at its fd */
static void end_in_use(struct __test_metadata *_metadata, struct dut *dut,
		       ssize_t (*how)(struct user *user),
		       int (*end)(struct dut *dut))
{
	struct ender ender = { .dut = dut, .end = end };
	struct mig_stream stream = {};
	struct user users[2] = {};
	unsigned int round, i;
	__u32 state;

	step_save(dut, &stream);
	for (state = 0; dut_has_state(dut, &state); state++) {
		if (how == use_write ? state != VFIO_DEVICE_STATE_RESUMING :
				       !mig_model_saving(state))
			continue;
		for (round = 0; round < 10; round++) {
			int data_fd;

			if (dut->dev.fd < 0)
				dut_reopen(dut);
			if (step_go(dut, state, NULL, &data_fd))
				break;
			for (i = 0; i < ARRAY_LEN(users); i++) {
				users[i].data_fd = data_fd;
				users[i].state = state;
				users[i].stream = &stream;
				users[i].use = how;
				use_in_thread(&users[i]);
			}
			/* Once it has called, or after a while in a call */
			for (i = 0; i < 1000 && !atomic_load(&users[0].begun);
			     i++)
				usleep(100);
			if (pthread_create(&ender.thread, NULL, end_session,
					   &ender))
				die("no thread");
			judge_return(_metadata, ender.thread, &ender.calls,
				     state);
			RULE_OK("MIG-LIFE-06", ender.ret,
				"the end of the session of %s, its fd in use",
				mig_state_name(state));
			for (i = 0; i < ARRAY_LEN(users); i++)
				atomic_store(&users[i].over, true);
			for (i = 0; i < ARRAY_LEN(users); i++) {
				judge_return(_metadata, users[i].thread,
					     &users[i].calls, state);
				RULE("MIG-LIFE-06", !users[i].late,
				     "no data once the session of %s was ended, seen some",
				     mig_state_name(state));
			}
			close(data_fd);
		}
	}
	mig_stream_free(&stream);
	if (dut->dev.fd < 0)
		dut_reopen(dut);
}

TEST_F_TIMEOUT(life, SET_while_the_data_fd_is_read, THREADS_TIMEOUT)
{
	end_in_use(_metadata, &self->dut, use_read, end_by_SET);
}

TEST_F_TIMEOUT(life, SET_while_the_data_fd_is_polled, THREADS_TIMEOUT)
{
	end_in_use(_metadata, &self->dut, use_poll, end_by_SET);
}

TEST_F_TIMEOUT(life, reset_while_the_data_fd_is_read, THREADS_TIMEOUT)
{
	if (__vfio_dev_reset(&self->dut.dev))
		SKIP(return, "VFIO_DEVICE_RESET fails");
	end_in_use(_metadata, &self->dut, use_read, end_by_reset);
}

TEST_F_TIMEOUT(life, reset_while_the_data_fd_is_polled, THREADS_TIMEOUT)
{
	if (__vfio_dev_reset(&self->dut.dev))
		SKIP(return, "VFIO_DEVICE_RESET fails");
	end_in_use(_metadata, &self->dut, use_poll, end_by_reset);
}

TEST_F_TIMEOUT(life, reset_while_the_data_fd_is_written, THREADS_TIMEOUT)
{
	if (__vfio_dev_reset(&self->dut.dev))
		SKIP(return, "VFIO_DEVICE_RESET fails");
	end_in_use(_metadata, &self->dut, use_write, end_by_reset);
}

TEST_F_TIMEOUT(life, close_while_the_data_fd_is_read, THREADS_TIMEOUT)
{
	end_in_use(_metadata, &self->dut, use_read, end_by_close);
}

TEST_F_TIMEOUT(life, close_while_the_data_fd_is_polled, THREADS_TIMEOUT)
{
	end_in_use(_metadata, &self->dut, use_poll, end_by_close);
}

TEST_F_TIMEOUT(life, close_while_the_data_fd_is_written, THREADS_TIMEOUT)
{
	end_in_use(_metadata, &self->dut, use_write, end_by_close);
}

/**
 * struct reader - a thread that reads a share of a stream
 * @data_fd: the session
 * @chunk: bytes to ask for
 * @max: bytes after which there is no end to be seen
 * @len: bytes that it got
 * @ret: 0, or how read() failed
 * @calls: how many have returned
 * @thread: itself
 */
struct reader {
	int data_fd;
	size_t chunk;
	size_t max;
	size_t len;
	ssize_t ret;
	atomic_uint calls;
	pthread_t thread;
};

static void *read_share(void *arg)
{
	struct reader *reader = arg;
	__u8 *buf = malloc(reader->chunk);

	reader->ret = -ENOMEM;
	while (buf && reader->len <= reader->max) {
		reader->ret = mig_read(reader->data_fd, buf, reader->chunk);
		if (reader->ret <= 0)
			break;
		reader->len += reader->ret;
		atomic_fetch_add(&reader->calls, 1);
		sched_yield();
	}
	free(buf);
	return NULL;
}

/* "must preserve the byte order of the stream" */
TEST_F_TIMEOUT(life, several_readers_share_a_stream, THREADS_TIMEOUT)
{
	struct mig_stream stream = {};
	struct reader readers[3] = {};
	size_t len = 0;
	unsigned int i;
	int data_fd;

	/* Both in STOP: "must not change its internal state" */
	if (step_save(&self->dut, &stream) ||
	    __vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP_COPY,
			   &data_fd))
		SKIP(return, "the device cannot be saved twice");
	for (i = 0; i < ARRAY_LEN(readers); i++) {
		readers[i].data_fd = data_fd;
		readers[i].chunk = stream.len / 256 + 1;
		readers[i].max = stream.len * 2;
		if (pthread_create(&readers[i].thread, NULL, read_share,
				   &readers[i]))
			die("no thread");
	}
	for (i = 0; i < ARRAY_LEN(readers); i++) {
		bool back = comes_back(readers[i].thread, &readers[i].calls);

		RULE("MIG-LIFE-07", back,
		     "all of %zu readers to come to the end, seen one that has not after %u s",
		     ARRAY_LEN(readers), PATIENCE);
		if (!back)
			exit(KSFT_FAIL);
		RULE_EQ("MIG-LIFE-07", 0, readers[i].ret,
			"what read() of one of several readers ended with");
		len += readers[i].len;
	}
	RULE_EQ("MIG-LIFE-07", stream.len, len,
		"bytes that %zu readers got together", ARRAY_LEN(readers));
	close(data_fd);
	mig_stream_free(&stream);
}

/* Two devices */

static int reset_it(struct dut *dut)
{
	return __vfio_dev_reset(&dut->dev);
}

static int set_RUNNING(struct dut *dut)
{
	int none;

	return __vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_RUNNING, &none);
}

static int remove_it(struct dut *dut)
{
	vfio_dev_close(&dut->dev);
	return __dut_remove(dut, dut_removal(dut));
}

/*
 * The first device in each state, the second one in the same; then something
 * is done to the second, and the first must not notice.
 */
static void do_to_the_other(struct __test_metadata *_metadata, struct dut *one,
			    int (*act)(struct dut *dut), const char *what)
{
	struct mig_stream stream = {};
	__u32 state;

	step_save(one, &stream);
	for (state = 0; dut_has_state(one, &state); state++) {
		int data_fd, other_fd;
		const char *why;
		struct dut other;

		why = dut_open_second(&other, one);
		if (why) {
			mig_stream_free(&stream);
			SKIP(return, "%s", why);
		}
		if (step_go(one, state, NULL, &data_fd) ||
		    step_go(&other, state, &stream, &other_fd))
			continue;
		act(&other);
		RULE_STATE("MIG-LIFE-08", state, state_of(one),
			   "GET after %s of another device, both in %s", what,
			   mig_state_name(state));
		if (mig_model_saving(state))
			RULE("MIG-LIFE-08", step_touch(data_fd, state),
			     "the session to go on, seen its end: %s of another device, both in %s",
			     what, mig_state_name(state));
		else if (mig_model_session(state))
			RULE_OK("MIG-LIFE-08",
				__mig_stream_write(&stream, data_fd, MIG_CHUNK),
				"write() after %s of another device, both in %s",
				what, mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
		if (other_fd >= 0)
			close(other_fd);
		vfio_dev_close(&other.dev);
		if (other.made && act != remove_it)
			__dut_remove(&other, DUT_REMOVE);
		else if (!other.made && act == remove_it)
			must(__dut_bring_back(&other, DUT_UNBIND));
	}
	mig_stream_free(&stream);
}

TEST_F(life, device_does_not_notice_SET_of_another)
{
	do_to_the_other(_metadata, &self->dut, set_RUNNING, "SET RUNNING");
}

TEST_F(life, device_does_not_notice_reset_of_another)
{
	do_to_the_other(_metadata, &self->dut, reset_it, "reset");
}

TEST_F(life, device_does_not_notice_close_of_another)
{
	do_to_the_other(_metadata, &self->dut, end_by_close, "close");
}

TEST_F(life, device_does_not_notice_removal_of_another)
{
	const char *why = dut_irremovable(&self->dut, dut_removal(&self->dut));

	if (why)
		SKIP(return, "%s", why);
	do_to_the_other(_metadata, &self->dut, remove_it, "removal");
}

/* Two sessions at a time, read in turns */
TEST_F(life, two_devices_are_saved_at_the_same_time)
{
	struct mig_stream streams[2] = {};
	struct dut second, *duts[2] = { &self->dut, &second };
	bool end[2] = {};
	const char *why;
	unsigned int i;
	int fds[2];

	why = dut_open_second(&second, &self->dut);
	if (why)
		SKIP(return, "%s", why);
	for (i = 0; i < 2; i++)
		RULE_OK("MIG-LIFE-08",
			__vfio_mig_set(&duts[i]->dev,
				       VFIO_DEVICE_STATE_STOP_COPY, &fds[i]),
			"SET STOP_COPY of device %u of two", i + 1);
	while (!end[0] || !end[1]) {
		for (i = 0; i < 2; i++) {
			__u8 buf[4096];
			ssize_t n;

			if (end[i])
				continue;
			n = mig_read(fds[i], buf, sizeof(buf));
			RULE_OK("MIG-LIFE-08", n, "read() of device %u of two",
				i + 1);
			if (n > 0)
				mig_stream_append(&streams[i], buf, n);
			end[i] = n <= 0 || streams[i].len > 256 << 20;
		}
	}
	for (i = 0; i < 2; i++) {
		close(fds[i]);
		dut_fresh(duts[i]);
	}
	for (i = 0; i < 2; i++)
		RULE_OK("MIG-LIFE-08",
			__mig_load(&duts[i]->dev, &streams[!i], MIG_CHUNK,
				   VFIO_DEVICE_STATE_RUNNING),
			"load into device %u of two what the other gave",
			i + 1);
	for (i = 0; i < 2; i++)
		mig_stream_free(&streams[i]);
}

TEST_HARNESS_MAIN
