// SPDX-License-Identifier: GPL-2.0-only
/* VFIO_DEVICE_RESET: the way out of every state. */
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut.h"
#include "dut_fixture.h"
#include "steps.h"

DUT_FIXTURE(reset, DUT_STOP_COPY);

/*
 * A device may have the ioctl without the flag; what the ioctl does is judged
 * all the same.
 */
static bool reset(struct dut *dut, __u32 *state)
{
	if (__vfio_dev_reset(&dut->dev))
		return false;
	if (__vfio_mig_get(&dut->dev, state))
		*state = VFIO_DEVICE_STATE_NR;
	return true;
}

#define NO_RESET	"VFIO_DEVICE_RESET fails"

/* "To recover from ERROR VFIO_DEVICE_RESET must be used" */
TEST_F(reset, device_with_migration_has_it)
{
	RULE("MIG-RST-01", vfio_dev_can_reset(&self->dut.dev),
	     "VFIO_DEVICE_FLAGS_RESET, seen flags %#x",
	     self->dut.dev.info.flags);
	RULE_OK("MIG-RST-01", __vfio_dev_reset(&self->dut.dev),
		"VFIO_DEVICE_RESET in RUNNING");
}

/* "[...] to return the device_state back to RUNNING" */
TEST_F(reset, every_state_is_left_for_RUNNING)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd;
		__u32 now;

		if (step_go(&self->dut, state, NULL, &data_fd))
			continue;
		if (!reset(&self->dut, &now))
			SKIP(return, NO_RESET);
		RULE_STATE("MIG-RST-02", VFIO_DEVICE_STATE_RUNNING, now,
			   "GET after reset in %s", mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
	}
}

TEST_F(reset, ERROR_is_left_for_RUNNING)
{
	struct mig_stream stream = {};
	const char *why;
	bool error;
	__u32 now;

	step_save(&self->dut, &stream);
	error = step_error(&self->dut, &stream);
	mig_stream_free(&stream);
	if (!error)
		SKIP(return, "a refused stream leads to RESUMING, not ERROR");
	if (!reset(&self->dut, &now))
		SKIP(return, NO_RESET);
	RULE_STATE("MIG-RST-02", VFIO_DEVICE_STATE_RUNNING, now,
		   "GET after reset in ERROR");
	why = step_migrate(&self->dut);
	RULE("MIG-RST-04", !why,
	     "a device that migrates, seen %s: after reset in ERROR",
	     why);
}

/* A reset that was deferred, and one that finds nothing to do */
TEST_F(reset, reset_after_reset_is_RUNNING)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd;
		__u32 now;

		if (step_go(&self->dut, state, NULL, &data_fd))
			continue;
		__vfio_dev_reset(&self->dut.dev);
		if (!reset(&self->dut, &now))
			SKIP(return, NO_RESET);
		RULE_STATE("MIG-RST-02", VFIO_DEVICE_STATE_RUNNING, now,
			   "GET after two resets in %s", mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
	}
}

/* "FD reaches end of stream or error" */
TEST_F(reset, ends_the_session)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		const char *touch;
		int data_fd;
		__u32 now;

		if (!mig_model_session(state) ||
		    step_go(&self->dut, state, NULL, &data_fd))
			continue;
		if (!reset(&self->dut, &now))
			SKIP(return, NO_RESET);
		touch = step_touch(data_fd, state);
		RULE("MIG-RST-03", !touch,
		     "the end of the session, seen %s: after reset in %s",
		     touch, mig_state_name(state));
		close(data_fd);
	}
}

/* ... also if some of it was read, and while there is a new one */
TEST_F(reset, old_session_stays_dead)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd, other_fd;
		const char *touch;
		__u32 now;

		if (!mig_model_session(state) ||
		    step_go(&self->dut, state, NULL, &data_fd))
			continue;
		step_touch(data_fd, state);
		if (!reset(&self->dut, &now))
			SKIP(return, NO_RESET);
		if (!__vfio_mig_set(&self->dut.dev, state, &other_fd)) {
			touch = step_touch(data_fd, state);
			RULE("MIG-RST-03", !touch,
			     "the end of the session, seen %s: after reset in %s, and %s again",
			     touch, mig_state_name(state),
			     mig_state_name(state));
			close(other_fd);
		}
		close(data_fd);
	}
}

TEST_F(reset, device_migrates_after_it)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		const char *why;
		int data_fd;
		__u32 now;

		if (step_go(&self->dut, state, NULL, &data_fd))
			continue;
		/* Somewhere in the stream, not where it begins */
		if (data_fd >= 0)
			step_touch(data_fd, state);
		if (!reset(&self->dut, &now))
			SKIP(return, NO_RESET);
		why = step_migrate(&self->dut);
		RULE("MIG-RST-04", !why,
		     "a device that migrates, seen %s: after reset in %s", why,
		     mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
	}
}

/* "The user can then decide if it should execute a VFIO_DEVICE_RESET" */
TEST_F(reset, device_migrates_after_failed_SET_and_reset)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd, none;
		const char *why;
		__u32 now;

		if (step_go(&self->dut, state, NULL, &data_fd))
			continue;
		__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_ERROR, &none);
		__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_NR, &none);
		if (state == VFIO_DEVICE_STATE_RESUMING)
			__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP,
				       &none);
		if (!reset(&self->dut, &now))
			SKIP(return, NO_RESET);
		why = step_migrate(&self->dut);
		RULE("MIG-RST-04", !why,
		     "a device that migrates, seen %s: after failed SETs and reset in %s",
		     why, mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
	}
}

/*
 * "To abort a RESUMING session the device must be reset": with some of the
 * data written, or all, and after it was found to be too little.
 */
TEST_F(reset, RESUMING_is_aborted)
{
	struct mig_stream stream = {}, part;
	unsigned int i;

	step_save(&self->dut, &stream);
	for (i = 0; i < 6; i++) {
		bool refused = i % 2;
		int data_fd, none;
		__u32 now;

		if (step_go(&self->dut, VFIO_DEVICE_STATE_RESUMING, NULL,
			    &data_fd))
			continue;
		part = stream;
		part.len = refused ? stream.len * i / 6 : stream.len * i / 4;
		__mig_stream_write(&part, data_fd, MIG_CHUNK);
		if (refused)
			__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP,
				       &none);
		RULE_OK("MIG-RST-05", __vfio_dev_reset(&self->dut.dev),
			"reset in RESUMING after %zu of %zu bytes%s", part.len,
			stream.len, refused ? ", refused" : "");
		if (__vfio_mig_get(&self->dut.dev, &now))
			now = VFIO_DEVICE_STATE_NR;
		RULE_STATE("MIG-RST-05", VFIO_DEVICE_STATE_RUNNING, now,
			   "GET after reset in RESUMING after %zu of %zu bytes%s",
			   part.len, stream.len, refused ? ", refused" : "");
		close(data_fd);
	}
	mig_stream_free(&stream);
}

/*
 * What a session that was cut short might leave behind would be streamed
 * along.
 */
TEST_F(reset, device_saves_as_much_as_a_fresh_one)
{
	struct mig_stream fresh = {}, stream = {};
	__u32 state;

	if (step_save(&self->dut, &fresh))
		SKIP(return, "the device cannot be saved");
	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		struct mig_stream half = fresh;
		int data_fd;
		__u32 now;

		half.len /= 2;
		if (step_go(&self->dut, state, &half, &data_fd))
			continue;
		if (data_fd >= 0)
			step_touch(data_fd, state);
		if (!reset(&self->dut, &now))
			SKIP(return, NO_RESET);
		RULE_OK("MIG-RST-07", step_save(&self->dut, &stream),
			"save after reset in %s", mig_state_name(state));
		RULE_EQ("MIG-RST-07", fresh.len, stream.len,
			"bytes saved after reset in %s", mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
	}
	mig_stream_free(&fresh);
	mig_stream_free(&stream);
}

DUT_FIXTURE(any, DUT_ANY);

/* "Reset a device." */
TEST_F(any, device_that_tells_it_can_be_reset)
{
	unsigned int i;

	if (!vfio_dev_can_reset(&self->dut.dev))
		SKIP(return, "the device has no VFIO_DEVICE_FLAGS_RESET");
	for (i = 0; i < 2; i++)
		RULE_OK("MIG-RST-06", __vfio_dev_reset(&self->dut.dev),
			"VFIO_DEVICE_RESET, with VFIO_DEVICE_FLAGS_RESET told");
}

TEST_HARNESS_MAIN
