// SPDX-License-Identifier: GPL-2.0-only
/* MIG_DATA_SIZE: the estimate of what STOP_COPY will have to transfer. */
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut.h"
#include "dut_fixture.h"
#include "steps.h"

DUT_FIXTURE(size, DUT_STOP_COPY);

/* "Can be called on each device state." */
TEST_F(size, can_be_read_in_every_state)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd;
		__u64 bytes;

		if (step_go(&self->dut, state, NULL, &data_fd))
			continue;
		RULE_OK("MIG-SIZE-01",
			__vfio_mig_data_size(&self->dut.dev, &bytes),
			"GET MIG_DATA_SIZE in %s", mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
	}
}

/* More than there is of what a device hands out by numbers of eight bits */
#define OFTEN	260

/* A VMM asks each time that it looks how far it is. */
TEST_F(size, can_be_read_over_and_over)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < OFTEN; i++) {
		__u64 bytes;

		ret = __vfio_mig_data_size(&self->dut.dev, &bytes);
	}
	RULE_OK("MIG-SIZE-01", ret, "GET MIG_DATA_SIZE in RUNNING, time %u", i);
}

TEST_F(size, can_be_read_in_ERROR)
{
	struct mig_stream stream = {};
	__u64 bytes;
	bool error;

	step_save(&self->dut, &stream);
	error = step_error(&self->dut, &stream);
	mig_stream_free(&stream);
	if (!error)
		SKIP(return, "a refused stream leads to RESUMING, not ERROR");
	RULE_OK("MIG-SIZE-01", __vfio_mig_data_size(&self->dut.dev, &bytes),
		"GET MIG_DATA_SIZE in ERROR");
}

/* VMMs compute the downtime from it */
TEST_F(size, is_not_0_if_there_is_a_stream)
{
	static const __u32 states[] = {
		VFIO_DEVICE_STATE_RUNNING, VFIO_DEVICE_STATE_STOP,
	};
	struct mig_stream stream = {};
	unsigned int i;

	step_save(&self->dut, &stream);
	for (i = 0; stream.len && i < ARRAY_LEN(states); i++) {
		int data_fd;
		__u64 bytes;

		if (step_go(&self->dut, states[i], NULL, &data_fd) ||
		    __vfio_mig_data_size(&self->dut.dev, &bytes))
			continue;
		RULE("MIG-SIZE-02", bytes,
		     "an estimate, seen 0: in %s, for a stream of %zu bytes",
		     mig_state_name(states[i]), stream.len);
	}
	mig_stream_free(&stream);
}

TEST_F(size, question_does_not_change_the_state)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		__u32 now = VFIO_DEVICE_STATE_NR;
		int data_fd;
		__u64 bytes;

		if (step_go(&self->dut, state, NULL, &data_fd))
			continue;
		__vfio_mig_data_size(&self->dut.dev, &bytes);
		__vfio_mig_get(&self->dut.dev, &now);
		RULE_STATE("MIG-SIZE-03", state, now,
			   "GET after GET MIG_DATA_SIZE");
		if (data_fd >= 0)
			close(data_fd);
	}
}

/* Asked for before, within and after a stream, which has to load */
TEST_F(size, question_does_not_touch_a_saving_session)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		struct mig_stream stream = {};
		__u64 bytes;
		int data_fd;

		if (!mig_model_saving(state) ||
		    step_go(&self->dut, state, NULL, &data_fd))
			continue;
		__vfio_mig_data_size(&self->dut.dev, &bytes);
		while (stream.len < 32) {
			__u8 byte;

			if (mig_read(data_fd, &byte, 1) != 1)
				break;
			mig_stream_append(&stream, &byte, 1);
			__vfio_mig_data_size(&self->dut.dev, &bytes);
		}
		if (state != VFIO_DEVICE_STATE_STOP_COPY) {
			int none;

			step_read(&self->dut, data_fd, &stream);
			__vfio_mig_data_size(&self->dut.dev, &bytes);
			__vfio_mig_set(&self->dut.dev,
				       VFIO_DEVICE_STATE_STOP_COPY, &none);
			__vfio_mig_data_size(&self->dut.dev, &bytes);
		}
		RULE_OK("MIG-SIZE-03", step_read(&self->dut, data_fd, &stream),
			"read() with questions for MIG_DATA_SIZE from %s on",
			mig_state_name(state));
		close(data_fd);
		dut_fresh(&self->dut);
		RULE_OK("MIG-SIZE-03",
			__mig_load(&self->dut.dev, &stream, MIG_CHUNK,
				   VFIO_DEVICE_STATE_RUNNING),
			"load of a stream with questions for MIG_DATA_SIZE from %s on",
			mig_state_name(state));
		mig_stream_free(&stream);
	}
}

TEST_F(size, question_does_not_touch_a_RESUMING_session)
{
	struct mig_stream stream = {}, half;
	int data_fd, none;
	__u64 bytes;

	step_save(&self->dut, &stream);
	dut_fresh(&self->dut);
	RULE_OK("MIG-SIZE-03",
		__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_RESUMING,
			       &data_fd), "SET RESUMING");
	half = stream;
	half.len = stream.len / 2;
	RULE_OK("MIG-SIZE-03", __mig_stream_write(&half, data_fd, MIG_CHUNK),
		"write() of a stream's first half");
	__vfio_mig_data_size(&self->dut.dev, &bytes);
	half.data = stream.data + half.len;
	half.len = stream.len - half.len;
	RULE_OK("MIG-SIZE-03", __mig_stream_write(&half, data_fd, MIG_CHUNK),
		"write() of the other half, MIG_DATA_SIZE asked for between");
	__vfio_mig_data_size(&self->dut.dev, &bytes);
	RULE_OK("MIG-SIZE-03",
		__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_RUNNING,
			       &none),
		"SET RUNNING in RESUMING, MIG_DATA_SIZE asked for before");
	if (data_fd >= 0)
		close(data_fd);
	mig_stream_free(&stream);
}

TEST_HARNESS_MAIN
