// SPDX-License-Identifier: GPL-2.0-only
/*
 * SET_STATE and GET_STATE against the state machine of the uAPI text.
 *
 * What is expected is computed from the arcs and rules of the text by
 * lib/mig_model.c, for the capabilities that the device tells.
 */
#include <sys/resource.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut.h"
#include "dut_fixture.h"
#include "steps.h"

DUT_FIXTURE(fsm, DUT_STOP_COPY);

/* GET, or a number that is no state */
static __u32 state_of(struct dut *dut)
{
	__u32 state;

	return __vfio_mig_get(&dut->dev, &state) ? VFIO_DEVICE_STATE_NR :
						   state;
}

/**
 * struct seen - what one SET did
 * @ret: what it returned
 * @fd: whether a data fd came
 * @state: the state afterwards
 * @goes_on: if there was a session: what shows that it goes on, or NULL
 */
struct seen {
	int ret;
	bool fd;
	__u32 state;
	const char *goes_on;
};

/*
 * SET of a device that is in @from with all that the rules want for leaving
 * it.  @session is the data fd there, or -1.
 */
static void set(struct dut *dut, __u32 from, __u32 to, int session,
		struct seen *seen)
{
	int data_fd;

	seen->ret = __vfio_mig_set(&dut->dev, to, &data_fd);
	seen->fd = data_fd >= 0;
	seen->state = state_of(dut);
	seen->goes_on = session >= 0 ? step_touch(session, from) : NULL;
	if (data_fd >= 0 && !seen->ret)
		close(data_fd);
}

/*
 * The same from a fresh device; false if it cannot be brought to @from, on
 * which every_announced_state_is_reached gives the verdict.
 */
static bool go_and_set(struct dut *dut, __u32 from, __u32 to,
		       const struct mig_stream *stream, struct seen *seen)
{
	int session;

	if (step_go(dut, from, stream, &session))
		return false;
	set(dut, from, to, session, seen);
	if (session >= 0)
		close(session);
	return true;
}

/*
 * From RUNNING, with all that the session gives or wants: to leave it earlier is
 * for others.  0 or -errno.
 */
static int go_and_return(struct dut *dut, __u32 state,
			 const struct mig_stream *stream)
{
	struct mig_stream read = {};
	int data_fd, none, ret;

	ret = __vfio_mig_set(&dut->dev, state, &data_fd);
	if (ret)
		return ret;
	if (state == VFIO_DEVICE_STATE_RESUMING)
		ret = __mig_stream_write(stream, data_fd, MIG_CHUNK);
	else
		ret = step_read(dut, data_fd, &read);
	if (ret == -ENOMSG)
		ret = 0;
	mig_stream_free(&read);
	if (!ret)
		ret = __vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_RUNNING,
				     &none);
	close(data_fd);
	return ret;
}

/* Where a path leads through, its ends included */
static bool on_path(__u32 from, const struct mig_path *path, __u32 state)
{
	unsigned int i;

	for (i = 0; i < path->len; i++)
		if (path->state[i] == state)
			return true;
	return state == from;
}

/* The one who opens the device may know nothing of migration */
TEST_F(fsm, device_is_RUNNING_after_open)
{
	__u32 state;

	dut_reopen(&self->dut);
	RULE_OK("MIG-FSM-01", __vfio_mig_get(&self->dut.dev, &state),
		"GET after open");
	RULE_STATE("MIG-FSM-01", VFIO_DEVICE_STATE_RUNNING, state,
		   "GET after open");
}

/* "VFIO_MIGRATION_STOP_COPY means that STOP, STOP_COPY and RESUMING [...]" */
TEST_F(fsm, every_announced_state_is_reached)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd;

		dut_fresh(&self->dut);
		RULE_OK("MIG-FSM-02",
			__vfio_mig_set(&self->dut.dev, state, &data_fd),
			"RUNNING -> %s", mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
	}
}

/* More than there is of what a device hands out by numbers of eight bits */
#define OFTEN	260

/*
 * What a session needs of the device is given back when it ends, also without the
 * reset that gives all of it back.
 */
TEST_F_TIMEOUT(fsm, states_are_reached_over_and_over, 120)
{
	struct mig_stream stream = {};
	__u32 state;

	step_save(&self->dut, &stream);
	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		unsigned int i;
		int ret = 0;

		if (!mig_model_session(state))
			continue;
		dut_fresh(&self->dut);
		for (i = 0; !ret && i < OFTEN; i++)
			ret = go_and_return(&self->dut, state, &stream);
		RULE_OK("MIG-FSM-02", ret, "RUNNING -> %s and back, time %u",
			mig_state_name(state), i);
	}
	mig_stream_free(&stream);
}

/* "The kernel migration driver must fully transition the device [...]" */
TEST_F(fsm, state_is_new_when_SET_returns)
{
	struct mig_stream stream = {};
	__u32 from, to;

	step_save(&self->dut, &stream);
	for (from = 0; dut_has_state(&self->dut, &from); from++) {
		for (to = 0; dut_has_state(&self->dut, &to); to++) {
			struct seen seen;

			if (!go_and_set(&self->dut, from, to, &stream, &seen) ||
			    seen.ret)
				continue;
			RULE_STATE("MIG-FSM-03", to, seen.state,
				   "SET %s in %s", mig_state_name(to),
				   mig_state_name(from));
		}
	}
	mig_stream_free(&stream);
}

/* "Select the shortest path": from a state to itself it has no arc */
TEST_F(fsm, SET_to_current_state_does_nothing)
{
	struct mig_stream stream = {};
	__u32 state;

	step_save(&self->dut, &stream);
	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		const char *name = mig_state_name(state);
		int session, data_fd, ret;
		const char *goes_on;
		__u32 now;

		/* Nothing written in RESUMING: the session is at its start */
		if (step_go(&self->dut, state, NULL, &session))
			continue;
		ret = __vfio_mig_set(&self->dut.dev, state, &data_fd);
		RULE_OK("MIG-FSM-04", ret, "SET %s in %s", name, name);
		RULE("MIG-FSM-04", ret || data_fd == -1,
		     "no data_fd, seen %d: SET %s in %s", data_fd, name, name);
		RULE_OK("MIG-FSM-04", __vfio_mig_get(&self->dut.dev, &now),
			"GET after SET %s in %s", name, name);
		RULE_STATE("MIG-FSM-04", state, now,
			   "GET after SET %s in %s", name, name);
		if (session >= 0 && mig_model_saving(state)) {
			goes_on = step_touch(session, state);
			RULE("MIG-FSM-04", goes_on,
			     "a session, seen it dead: SET %s in %s", name,
			     name);
		} else if (session >= 0) {
			RULE_OK("MIG-FSM-04",
				__mig_stream_write(&stream, session, MIG_CHUNK),
				"write() after SET %s in %s", name, name);
		}
		if (session >= 0)
			close(session);
		if (data_fd >= 0 && !ret)
			close(data_fd);
	}
	mig_stream_free(&stream);
}

/*
 * "The remaining possible transitions are interpreted as combinations of the
 * above FSM arcs": all pairs.
 */
TEST_F(fsm, every_pair_with_a_path_is_gone_by_one_SET)
{
	struct mig_stream stream = {};
	__u32 from, to;

	step_save(&self->dut, &stream);
	for (from = 0; dut_has_state(&self->dut, &from); from++) {
		for (to = 0; dut_has_state(&self->dut, &to); to++) {
			struct mig_path path;
			struct seen seen;

			if (!mig_model_paths(self->dut.flags, from, to,
					     &path) ||
			    !go_and_set(&self->dut, from, to, &stream, &seen))
				continue;
			RULE_OK("MIG-FSM-05", seen.ret, "SET %s in %s",
				mig_state_name(to), mig_state_name(from));
			RULE_STATE("MIG-FSM-05", to, seen.state,
				   "SET %s in %s", mig_state_name(to),
				   mig_state_name(from));
		}
	}
	mig_stream_free(&stream);
}

/* A session of an interior state is one that the user never gets */
TEST_F(fsm, every_path_begins_and_ends_the_sessions_of_its_arcs)
{
	struct mig_stream stream = {};
	__u32 from, to;

	step_save(&self->dut, &stream);
	for (from = 0; dut_has_state(&self->dut, &from); from++) {
		for (to = 0; dut_has_state(&self->dut, &to); to++) {
			struct mig_expect expect;
			struct mig_path path;
			struct seen seen;

			if (!mig_model_paths(self->dut.flags, from, to,
					     &path) ||
			    !go_and_set(&self->dut, from, to, &stream, &seen) ||
			    seen.ret)
				continue;
			mig_model_expect(self->dut.flags, from, to, &expect);
			RULE("MIG-FSM-05", expect.new_fd == seen.fd,
			     "%s, seen %s: SET %s in %s",
			     expect.new_fd ? "a data_fd" : "no data_fd",
			     seen.fd ? "one" : "none", mig_state_name(to),
			     mig_state_name(from));
			if (expect.ends)
				RULE("MIG-FSM-05", !seen.goes_on,
				     "the end of the session, seen %s: SET %s in %s",
				     seen.goes_on, mig_state_name(to),
				     mig_state_name(from));
			else if (mig_model_saving(from))
				RULE("MIG-FSM-05", seen.goes_on,
				     "the session to go on, seen its end: SET %s in %s",
				     mig_state_name(to), mig_state_name(from));
		}
	}
	mig_stream_free(&stream);
}

/* The arcs of each path, one by one: they lead to where one SET leads */
TEST_F(fsm, every_path_is_gone_arc_by_arc)
{
	struct mig_stream stream = {};
	__u32 from, to;

	step_save(&self->dut, &stream);
	for (from = 0; dut_has_state(&self->dut, &from); from++) {
		for (to = 0; dut_has_state(&self->dut, &to); to++) {
			struct mig_path path;
			unsigned int i;
			__u32 at = from;
			int session;

			mig_model_paths(self->dut.flags, from, to, &path);
			if (path.len < 2 ||
			    step_go(&self->dut, from, &stream, &session))
				continue;
			for (i = 0; i < path.len; i++) {
				struct seen seen;

				set(&self->dut, at, path.state[i], -1, &seen);
				RULE_OK("MIG-FSM-05", seen.ret,
					"SET %s in %s, on the path from %s",
					mig_state_name(path.state[i]),
					mig_state_name(at),
					mig_state_name(from));
				RULE_STATE("MIG-FSM-05", path.state[i],
					   seen.state,
					   "SET %s in %s, on the path from %s",
					   mig_state_name(path.state[i]),
					   mig_state_name(at),
					   mig_state_name(from));
				at = path.state[i];
			}
			if (session >= 0)
				close(session);
		}
	}
	mig_stream_free(&stream);
}

/* "By using combination transitions the user can avoid knowing about [...]" */
TEST_F(fsm, base_states_are_enough)
{
	static const __u32 base[] = {
		VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_STOP_COPY,
		VFIO_DEVICE_STATE_RESUMING,
	};
	struct mig_stream stream = {};
	unsigned int i;

	step_save(&self->dut, &stream);
	for (i = 0; i < ARRAY_LEN(base); i++) {
		const char *name = mig_state_name(base[i]);
		int session = -1, none;

		dut_fresh(&self->dut);
		RULE_OK("MIG-FSM-06",
			__vfio_mig_set(&self->dut.dev, base[i], &session),
			"SET %s in RUNNING", name);
		RULE_STATE("MIG-FSM-06", base[i], state_of(&self->dut),
			   "GET after SET %s in RUNNING", name);
		if (base[i] == VFIO_DEVICE_STATE_RESUMING)
			__mig_stream_write(&stream, session, MIG_CHUNK);
		RULE_OK("MIG-FSM-06",
			__vfio_mig_set(&self->dut.dev,
				       VFIO_DEVICE_STATE_RUNNING, &none),
			"SET RUNNING in %s", name);
		RULE_STATE("MIG-FSM-06", VFIO_DEVICE_STATE_RUNNING,
			   state_of(&self->dut),
			   "GET after SET RUNNING in %s", name);
		if (session >= 0)
			close(session);
	}
	mig_stream_free(&stream);
}

/* "the original operating state or some other state along the [...] path" */
TEST_F(fsm, refused_stream_leaves_a_state_of_the_path)
{
	__u32 to;

	for (to = 0; dut_has_state(&self->dut, &to); to++) {
		const __u32 from = VFIO_DEVICE_STATE_RESUMING;
		struct mig_path path;
		struct seen seen;

		/* Nothing written: "If [...] data is found to be incomplete" */
		if (!mig_model_paths(self->dut.flags, from, to, &path) ||
		    !go_and_set(&self->dut, from, to, NULL, &seen) ||
		    !seen.ret)
			continue;
		RULE("MIG-FSM-07", seen.state == VFIO_DEVICE_STATE_ERROR ||
		     on_path(from, &path, seen.state),
		     "a state of the path or ERROR, seen %s: SET %s in RESUMING failed",
		     mig_state_name(seen.state), mig_state_name(to));
	}
}

/* The core cannot give out the fd when the driver has done its work */
TEST_F(fsm, want_of_an_fd_leaves_a_state_of_the_path)
{
	struct mig_stream stream = {};
	struct rlimit limit;
	__u32 from, to;

	step_save(&self->dut, &stream);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	for (from = 0; dut_has_state(&self->dut, &from); from++) {
		for (to = 0; dut_has_state(&self->dut, &to); to++) {
			const struct rlimit none = {
				.rlim_max = limit.rlim_max,
			};
			struct mig_path path;
			struct seen seen;
			int session;

			if (!mig_model_paths(self->dut.flags, from, to,
					     &path) ||
			    step_go(&self->dut, from, &stream, &session))
				continue;
			ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
			set(&self->dut, from, to, session, &seen);
			ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
			if (session >= 0)
				close(session);
			if (!seen.ret)
				continue;
			RULE("MIG-FSM-07",
			     seen.state == VFIO_DEVICE_STATE_ERROR ||
			     on_path(from, &path, seen.state),
			     "a state of the path or ERROR, seen %s: SET %s in %s failed",
			     mig_state_name(seen.state), mig_state_name(to),
			     mig_state_name(from));
		}
	}
	mig_stream_free(&stream);
}

/* All requests that no path leads to, from all states */
TEST_F(fsm, request_without_path_changes_nothing)
{
	struct mig_stream stream = {};
	__u32 from, i;

	step_save(&self->dut, &stream);
	for (from = 0; dut_has_state(&self->dut, &from); from++) {
		for (i = 0; i <= VFIO_DEVICE_STATE_NR + 1; i++) {
			__u32 to = i <= VFIO_DEVICE_STATE_NR ? i : ~0U;
			struct mig_path path;
			struct seen seen;

			if (to == from ||
			    mig_model_paths(self->dut.flags, from, to,
					    &path) ||
			    !go_and_set(&self->dut, from, to, NULL, &seen))
				continue;
			RULE_STATE("MIG-FSM-08", from, seen.state,
				   "GET after SET %u in %s", to,
				   mig_state_name(from));
			if (mig_model_saving(from))
				RULE("MIG-FSM-08", seen.goes_on,
				     "the session to go on, seen its end: SET %u in %s",
				     to, mig_state_name(from));
		}
	}
	mig_stream_free(&stream);
}

/* The session of RESUMING shows only by a whole stream that it goes on */
TEST_F(fsm, request_without_path_does_not_touch_RESUMING)
{
	struct mig_stream stream = {};
	int session, none;

	step_save(&self->dut, &stream);
	dut_fresh(&self->dut);
	RULE_OK("MIG-FSM-08",
		__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_RESUMING,
			       &session), "SET RESUMING");
	__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_NR, &none);
	RULE_OK("MIG-FSM-08", __mig_stream_write(&stream, session, MIG_CHUNK),
		"write() after SET %u in RESUMING", VFIO_DEVICE_STATE_NR);
	__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_NR, &none);
	RULE_OK("MIG-FSM-08",
		__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP, &none),
		"SET STOP after SET %u in RESUMING", VFIO_DEVICE_STATE_NR);
	if (session >= 0)
		close(session);
	mig_stream_free(&stream);
}

/* "ERROR cannot be specified as a device state" */
TEST_F(fsm, SET_ERROR_fails)
{
	struct mig_stream stream = {};
	struct seen seen;
	__u32 from;

	step_save(&self->dut, &stream);
	for (from = 0; dut_has_state(&self->dut, &from); from++)
		if (go_and_set(&self->dut, from, VFIO_DEVICE_STATE_ERROR,
			       &stream, &seen))
			RULE_FAILS("MIG-FSM-10", seen.ret, "SET ERROR in %s",
				   mig_state_name(from));
	mig_stream_free(&stream);
}

/* "The optional states cannot be used [...] if the device does not support" */
TEST_F(fsm, SET_to_a_state_without_its_flag_fails)
{
	struct mig_stream stream = {};
	struct seen seen;
	__u32 from, to;

	if (self->dut.flags == MIG_FLAGS_ALL)
		SKIP(return, "the device has all states");
	step_save(&self->dut, &stream);
	for (from = 0; dut_has_state(&self->dut, &from); from++)
		for (to = VFIO_DEVICE_STATE_STOP; to < VFIO_DEVICE_STATE_NR;
		     to++)
			if (!mig_model_supported(self->dut.flags, to) &&
			    go_and_set(&self->dut, from, to, &stream, &seen))
				RULE_FAILS("MIG-FSM-11", seen.ret,
					   "SET %s in %s", mig_state_name(to),
					   mig_state_name(from));
	mig_stream_free(&stream);
}

/* The core hands any number to the driver */
TEST_F(fsm, SET_to_a_number_that_is_no_state_fails)
{
	static const __u32 numbers[] = {
		VFIO_DEVICE_STATE_NR, VFIO_DEVICE_STATE_NR + 1, 0xff, 0x100,
		0x10000, 0x7fffffff, 0x80000000, ~0U,
	};
	struct mig_stream stream = {};
	struct seen seen;
	unsigned int i;
	__u32 from;

	step_save(&self->dut, &stream);
	for (from = 0; dut_has_state(&self->dut, &from); from++)
		for (i = 0; i < ARRAY_LEN(numbers); i++)
			if (go_and_set(&self->dut, from, numbers[i], &stream,
				       &seen))
				RULE_FAILS("MIG-FSM-12", seen.ret,
					   "SET %#x in %s", numbers[i],
					   mig_state_name(from));
	mig_stream_free(&stream);
}

/* "must not generate asynchronous device state transitions" */
TEST_F(fsm, state_stays_over_time)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd;

		if (step_go(&self->dut, state, NULL, &data_fd))
			continue;
		/* Longer can only find more */
		usleep(50000);
		RULE_STATE("MIG-FSM-13", state, state_of(&self->dut),
			   "GET 50 ms after SET %s", mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
	}
}

/* The end of a stream is the user's affair, and so is its fd */
TEST_F(fsm, state_stays_whatever_becomes_of_the_data_fd)
{
	struct mig_stream stream = {}, sink = {};
	__u32 state;

	step_save(&self->dut, &stream);
	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd;

		if (!mig_model_session(state) ||
		    step_go(&self->dut, state, &stream, &data_fd))
			continue;
		if (mig_model_saving(state))
			step_read(&self->dut, data_fd, &sink);
		RULE_STATE("MIG-FSM-13", state, state_of(&self->dut),
			   "GET after the whole stream in %s",
			   mig_state_name(state));
		close(data_fd);
		RULE_STATE("MIG-FSM-13", state, state_of(&self->dut),
			   "GET after close of the data_fd in %s",
			   mig_state_name(state));

		/* Also before its end */
		if (step_go(&self->dut, state, NULL, &data_fd))
			continue;
		close(data_fd);
		RULE_STATE("MIG-FSM-13", state, state_of(&self->dut),
			   "GET after close of the data_fd in %s, unused",
			   mig_state_name(state));
	}
	mig_stream_free(&stream);
	mig_stream_free(&sink);
}

/* Questions have no effect */
TEST_F(fsm, state_stays_when_features_are_asked)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd;
		__u64 data;

		if (step_go(&self->dut, state, NULL, &data_fd))
			continue;
		__vfio_mig_flags(&self->dut.dev, &data);
		__vfio_mig_data_size(&self->dut.dev, &data);
		__vfio_feature(&self->dut.dev, VFIO_DEVICE_FEATURE_PROBE |
			       VFIO_DEVICE_FEATURE_SET |
			       VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, NULL, 0);
		RULE_STATE("MIG-FSM-13", state, state_of(&self->dut),
			   "GET after questions in %s", mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
	}
}

/*
 * A SET that the core refuses does not reach the driver, and a longer one is
 * as good as one that fits.
 */
TEST_F(fsm, SET_with_argsz_too_short_is_refused)
{
	struct vfio_device_feature_mig_state mig = {
		.device_state = VFIO_DEVICE_STATE_STOP,
	};
	const __u32 flags = VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE;
	__u32 argsz;

	for (argsz = 0;
	     argsz < sizeof(struct vfio_device_feature) + sizeof(mig); argsz++)
		RULE_ERRNO("MIG-FEAT-07", -EINVAL,
			   __vfio_feature_argsz(&self->dut.dev, flags, &mig,
						sizeof(mig), argsz),
			   "SET STOP with argsz %u", argsz);
	RULE_STATE("MIG-FEAT-07", VFIO_DEVICE_STATE_RUNNING,
		   state_of(&self->dut), "GET after SET STOP, argsz too short");
}

TEST_F(fsm, SET_with_a_longer_argsz_is_accepted)
{
	static const __u8 fill[] = { 0x00, 0xff };
	unsigned int i, j;

	for (i = 0; i < ARRAY_LEN(fill); i++) {
		struct vfio_device_feature_mig_state mig = {
			.device_state = VFIO_DEVICE_STATE_STOP,
		};
		__u8 data[64];

		dut_fresh(&self->dut);
		memset(data, fill[i], sizeof(data));
		memcpy(data, &mig, sizeof(mig));
		RULE_OK("MIG-FEAT-08",
			__vfio_feature(&self->dut.dev, VFIO_DEVICE_FEATURE_SET |
				       VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
				       data, sizeof(data)),
			"SET STOP followed by bytes of %#x", fill[i]);
		RULE_STATE("MIG-FEAT-08", VFIO_DEVICE_STATE_STOP,
			   state_of(&self->dut),
			   "GET after SET STOP followed by bytes of %#x",
			   fill[i]);
		for (j = sizeof(mig); j < sizeof(data); j++)
			RULE_EQ("MIG-FEAT-08", fill[i], data[j],
				"byte %u after SET STOP", j);
	}
}

/* "To recover from ERROR VFIO_DEVICE_RESET must be used" */
TEST_F(fsm, no_SET_leads_out_of_ERROR)
{
	struct mig_stream stream = {};
	__u32 to;

	step_save(&self->dut, &stream);
	if (!step_error(&self->dut, &stream)) {
		mig_stream_free(&stream);
		SKIP(return, "a refused stream leads to RESUMING, not ERROR");
	}
	for (to = 0; to <= VFIO_DEVICE_STATE_NR; to++) {
		int data_fd;

		RULE_FAILS("MIG-FSM-15",
			   __vfio_mig_set(&self->dut.dev, to, &data_fd),
			   "SET %s in ERROR", mig_state_name(to));
		RULE_STATE("MIG-FSM-15", VFIO_DEVICE_STATE_ERROR,
			   state_of(&self->dut), "GET after SET %u in ERROR",
			   to);
	}
	mig_stream_free(&stream);
}

DUT_FIXTURE(fsm_precopy, DUT_PRE_COPY);

/* "These arcs are not permitted and return error if requested." */
TEST_F(fsm_precopy, STOP_COPY_does_not_go_back_to_PRE_COPY)
{
	static const __u32 states[] = {
		VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_PRE_COPY_P2P,
	};
	unsigned int i, began_in_pre_copy;

	for (i = 0; i < ARRAY_LEN(states); i++) {
		for (began_in_pre_copy = 0; began_in_pre_copy < 2;
		     began_in_pre_copy++) {
			int session, none;

			step_go(&self->dut, began_in_pre_copy ?
				VFIO_DEVICE_STATE_PRE_COPY :
				VFIO_DEVICE_STATE_STOP_COPY, NULL, &session);
			if (began_in_pre_copy)
				__vfio_mig_set(&self->dut.dev,
					       VFIO_DEVICE_STATE_STOP_COPY,
					       &none);
			if (state_of(&self->dut) ==
			    VFIO_DEVICE_STATE_STOP_COPY)
				RULE_FAILS("MIG-FSM-09",
					   __vfio_mig_set(&self->dut.dev,
							  states[i], &none),
					   "SET %s in STOP_COPY, entered from %s",
					   mig_state_name(states[i]),
					   began_in_pre_copy ? "PRE_COPY" :
					   "RUNNING");
			if (session >= 0)
				close(session);
		}
	}
}

TEST_HARNESS_MAIN
