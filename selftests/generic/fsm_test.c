// SPDX-License-Identifier: GPL-2.0-only
/*
 * SET_STATE and GET_STATE against the state machine of the uAPI text.
 *
 * What is expected is computed from the arcs and rules of the text by
 * lib/mig_model.c, for the capabilities that the device tells.
 */
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut.h"

/* All legal sets of capabilities */
static const __u64 flag_sets[] = {
	DUT_STOP_COPY, DUT_P2P, DUT_PRE_COPY, MIG_FLAGS_ALL,
};

static unsigned int count_arcs(__u64 flags)
{
	unsigned int from, to, count = 0;

	for (from = 0; from < VFIO_DEVICE_STATE_NR; from++)
		for (to = 0; to < VFIO_DEVICE_STATE_NR; to++)
			count += mig_model_arc(flags, from, to);
	return count;
}

/*
 * The text lists 15 arcs.  Without PRE_COPY the 7 that touch it are gone.
 * Without P2P, its states become the ones without it, and the arcs that only
 * lead to or from P2P (2 among RUNNING, 2 among PRE_COPY) with them, while two
 * pairs of the rest (RUNNING to PRE_COPY and back) become one each.
 */
TEST(model_has_the_arcs_of_the_text)
{
	EXPECT_EQ(15, count_arcs(MIG_FLAGS_ALL));
	EXPECT_EQ(15 - 7, count_arcs(DUT_P2P));
	EXPECT_EQ(15 - 4 - 2, count_arcs(DUT_PRE_COPY));
	EXPECT_EQ(15 - 7 - 2, count_arcs(DUT_STOP_COPY));
}

/* If the rules left a choice, a test could not tell who is right */
TEST(model_rules_leave_one_path)
{
	unsigned int i, from, to;

	for (i = 0; i < ARRAY_LEN(flag_sets); i++)
		for (from = 0; from < VFIO_DEVICE_STATE_NR; from++)
			for (to = 0; to < VFIO_DEVICE_STATE_NR; to++) {
				unsigned int paths, possible;
				struct mig_path path;

				paths = mig_model_paths(flag_sets[i], from, to,
							&path);
				/* "These arcs are not permitted" */
				possible = from != to &&
					mig_model_supported(flag_sets[i],
							    from) &&
					mig_model_supported(flag_sets[i], to) &&
					!(from == VFIO_DEVICE_STATE_STOP_COPY &&
					  mig_model_saving(to));
				EXPECT_EQ(possible, paths)
					TH_LOG("%s: %s -> %s",
					       mig_flags_name(flag_sets[i]),
					       mig_state_name(from),
					       mig_state_name(to));
			}
}

#define DUT_FIXTURE	fsm
#define DUT_NEEDS	DUT_STOP_COPY
#include "dut_fixture.h"

/*
 * A device in a state that can be left for any other: "If the user provided
 * data is found to be incomplete [...] the migration driver must fail", so
 * RESUMING needs a stream.
 */
static int go_ready(struct dut *dut, __u32 state,
		    const struct mig_stream *stream)
{
	int data_fd = dut_go(dut, state);

	if (state == VFIO_DEVICE_STATE_RESUMING)
		must(__mig_stream_write(stream, data_fd, MIG_CHUNK));
	return data_fd;
}

/* "If this GET succeeds, the RUNNING and ERROR states are always supported" */
TEST_F(fsm, device_is_RUNNING_after_open)
{
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&self->dut.dev));
}

/*
 * "The kernel migration driver must fully transition the device to the new
 * state value before the operation returns to the user."
 */
TEST_F(fsm, every_state_is_reached)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd = dut_go(&self->dut, state);

		EXPECT_EQ(state, vfio_mig_get(&self->dut.dev))
			TH_LOG("SET %s", mig_state_name(state));
		EXPECT_EQ(mig_model_session(state), data_fd >= 0)
			TH_LOG("SET %s: data_fd %d", mig_state_name(state),
			       data_fd);
		if (data_fd >= 0)
			close(data_fd);
	}
}

/*
 * SET @to, and what it does, against the model.  @session is the data fd of
 * the state before, or -1.
 */
static void check_set(struct __test_metadata *_metadata, struct dut *dut,
		      __u32 from, __u32 to, int session)
{
	struct mig_expect expect;
	int ret, data_fd;

	mig_model_expect(dut->flags, from, to, &expect);
	ret = __vfio_mig_set(&dut->dev, to, &data_fd);

	EXPECT_EQ(expect.ret, ret)
		TH_LOG("%s -> %u", mig_state_name(from), to);
	EXPECT_EQ(expect.state, vfio_mig_get(&dut->dev))
		TH_LOG("%s -> %u: GET says %s", mig_state_name(from), to,
		       mig_state_name(vfio_mig_get(&dut->dev)));
	if (expect.new_fd) {
		EXPECT_LE(0, data_fd)
			TH_LOG("%s -> %u: no data_fd", mig_state_name(from),
			       to);
	} else {
		EXPECT_EQ(-1, data_fd)
			TH_LOG("%s -> %u", mig_state_name(from), to);
	}

	if (session >= 0 && expect.ends) {
		/* ENOMSG would say that there may be more to come */
		ret = mig_session_touch(session, from);
		EXPECT_GT(0, ret)
			TH_LOG("%s -> %u: the old session goes on",
			       mig_state_name(from), to);
		EXPECT_NE(-ENOMSG, ret)
			TH_LOG("%s -> %u: the old session goes on",
			       mig_state_name(from), to);
	}
	if (session >= 0 && !expect.ends && mig_model_saving(from)) {
		ret = mig_session_touch(session, from);
		EXPECT_TRUE(ret >= 0 || ret == -ENOMSG)
			TH_LOG("%s -> %u: the session ended: %s",
			       mig_state_name(from), to, strerror(-ret));
	}
	if (data_fd >= 0)
		close(data_fd);
}

/*
 * All states, supported or not, ERROR, which "cannot be specified as a device
 * state", and numbers that no state has.
 */
TEST_F(fsm, every_pair_of_states_as_the_rules_say)
{
	struct mig_stream stream = {};
	__u32 from, i;

	mig_save(&self->dut.dev, &stream, MIG_CHUNK);
	for (from = 0; dut_has_state(&self->dut, &from); from++) {
		for (i = 0; i <= VFIO_DEVICE_STATE_NR + 1; i++) {
			__u32 to = i <= VFIO_DEVICE_STATE_NR ? i : ~0U;
			int session = go_ready(&self->dut, from, &stream);

			check_set(_metadata, &self->dut, from, to, session);
			if (session >= 0)
				close(session);
		}
	}
	mig_stream_free(&stream);
}

/*
 * "The remaining possible transitions are interpreted as combinations of the
 * above FSM arcs": the arcs of each path, one by one.
 */
TEST_F(fsm, every_path_arc_by_arc)
{
	struct mig_stream stream = {};
	__u32 from, to;

	mig_save(&self->dut.dev, &stream, MIG_CHUNK);
	for (from = 0; dut_has_state(&self->dut, &from); from++) {
		for (to = 0; dut_has_state(&self->dut, &to); to++) {
			struct mig_path path;
			unsigned int i;
			__u32 at = from;

			mig_model_paths(self->dut.flags, from, to, &path);
			if (path.len < 2)
				continue;
			close(go_ready(&self->dut, from, &stream));
			for (i = 0; i < path.len; i++) {
				check_set(_metadata, &self->dut, at,
					  path.state[i], -1);
				at = path.state[i];
			}
		}
	}
	mig_stream_free(&stream);
}

/* A user may close the data fd at any time; the state machine goes on */
TEST_F(fsm, session_can_be_left_with_its_fd_closed)
{
	struct mig_stream stream = {};
	__u32 from, to;

	mig_save(&self->dut.dev, &stream, MIG_CHUNK);
	for (from = 0; dut_has_state(&self->dut, &from); from++) {
		for (to = 0; dut_has_state(&self->dut, &to); to++) {
			struct mig_path path;

			if (!mig_model_session(from) ||
			    !mig_model_paths(self->dut.flags, from, to, &path))
				continue;
			close(go_ready(&self->dut, from, &stream));
			check_set(_metadata, &self->dut, from, to, -1);
		}
	}
	mig_stream_free(&stream);
}

/*
 * "The migration driver must fail the SET_STATE ioctl and optionally go to
 * the ERROR state"; "users may see any step along the path", of which there
 * is only one.
 */
TEST_F(fsm, RESUMING_without_data_is_left_only_by_reset)
{
	__u32 to;

	for (to = 0; dut_has_state(&self->dut, &to); to++) {
		int session = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
		int none;
		__u32 state;

		if (to != VFIO_DEVICE_STATE_RESUMING) {
			EXPECT_GT(0, __vfio_mig_set(&self->dut.dev, to, &none))
				TH_LOG("RESUMING -> %s", mig_state_name(to));
			state = vfio_mig_get(&self->dut.dev);
			EXPECT_TRUE(state == VFIO_DEVICE_STATE_RESUMING ||
				    state == VFIO_DEVICE_STATE_ERROR)
				TH_LOG("RESUMING -> %s: GET says %s",
				       mig_state_name(to),
				       mig_state_name(state));
		}
		close(session);
	}
	vfio_dev_reset(&self->dut.dev);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&self->dut.dev));
}

TEST_HARNESS_MAIN
