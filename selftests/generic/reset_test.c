// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two ways to begin anew: VFIO_DEVICE_RESET, and close and open.
 */
#include <poll.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut.h"

#define DUT_FIXTURE	reset
#define DUT_NEEDS	DUT_STOP_COPY
#include "dut_fixture.h"

/* A session that is over gives no data, takes none, and is not "empty" */
static void check_dead(struct __test_metadata *_metadata, int data_fd,
		       __u32 state)
{
	int ret = mig_session_touch(data_fd, state);

	EXPECT_GT(0, ret)
		TH_LOG("the session of %s goes on", mig_state_name(state));
	EXPECT_NE(-ENOMSG, ret)
		TH_LOG("the session of %s goes on", mig_state_name(state));
}

/* A device that was reset or opened must be able to do everything */
static void check_migrates(struct __test_metadata *_metadata, struct dut *dut,
			   __u32 before)
{
	struct mig_stream stream = {};

	mig_save(&dut->dev, &stream, MIG_CHUNK);
	EXPECT_EQ(0, __mig_load(&dut->dev, &stream, MIG_CHUNK,
				VFIO_DEVICE_STATE_RUNNING))
		TH_LOG("it was in %s", mig_state_name(before));
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&dut->dev));
	mig_stream_free(&stream);
}

/* "VFIO_DEVICE_RESET must be used to return the device_state to RUNNING" */
TEST_F(reset, every_state_is_left_for_RUNNING)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd = vfio_mig_set(&self->dut.dev, state);

		EXPECT_EQ(0, __vfio_dev_reset(&self->dut.dev));
		EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING,
			  vfio_mig_get(&self->dut.dev))
			TH_LOG("it was in %s", mig_state_name(state));
		if (data_fd >= 0) {
			check_dead(_metadata, data_fd, state);
			close(data_fd);
		}
	}
}

TEST_F(reset, device_migrates_after_it)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd = vfio_mig_set(&self->dut.dev, state);

		EXPECT_EQ(0, __vfio_dev_reset(&self->dut.dev));
		if (data_fd >= 0)
			close(data_fd);
		check_migrates(_metadata, &self->dut, state);
	}
}

/*
 * "To abort a RESUMING session the device must be reset": with part of the
 * data written, and after it was found to be too little.
 */
TEST_F(reset, RESUMING_is_aborted)
{
	struct mig_stream stream = {};
	unsigned int refused;

	mig_save(&self->dut.dev, &stream, MIG_CHUNK);
	for (refused = 0; refused < 2; refused++) {
		int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
		int none;

		ASSERT_LT(0, mig_write(data_fd, stream.data,
				       stream.len / 2));
		if (refused)
			EXPECT_GT(0, __vfio_mig_set(&self->dut.dev,
						    VFIO_DEVICE_STATE_STOP,
						    &none));
		EXPECT_EQ(0, __vfio_dev_reset(&self->dut.dev));
		EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING,
			  vfio_mig_get(&self->dut.dev));
		check_dead(_metadata, data_fd, VFIO_DEVICE_STATE_RESUMING);
		close(data_fd);

		/* Nothing of the first session may be in the second */
		EXPECT_EQ(0, __mig_load(&self->dut.dev, &stream, MIG_CHUNK,
					VFIO_DEVICE_STATE_RUNNING));
	}
	mig_stream_free(&stream);
}

/* The next user of a device must find nothing of the one before */
TEST_F(reset, reopen_gives_RUNNING_from_every_state)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd = vfio_mig_set(&self->dut.dev, state);

		dut_reopen(&self->dut);
		EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING,
			  vfio_mig_get(&self->dut.dev))
			TH_LOG("it was in %s", mig_state_name(state));
		if (data_fd >= 0) {
			check_dead(_metadata, data_fd, state);
			close(data_fd);
		}
		check_migrates(_metadata, &self->dut, state);
		vfio_dev_reset(&self->dut.dev);
	}
}

/* The data fd of a closed device stays a file descriptor */
TEST_F(reset, data_fd_outlives_the_open_device)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd = vfio_mig_set(&self->dut.dev, state);

		vfio_dev_close(&self->dut.dev);
		if (data_fd >= 0) {
			struct vfio_precopy_info info;

			check_dead(_metadata, data_fd, state);
			EXPECT_GT(0, __vfio_precopy_info(data_fd, &info));
			fd_poll(data_fd, POLLIN | POLLOUT);
			EXPECT_EQ(0, close(data_fd));
		}
		dut_reopen(&self->dut);
	}
}

TEST_HARNESS_MAIN
