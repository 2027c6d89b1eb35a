// SPDX-License-Identifier: GPL-2.0-only
/* The data fd: its ends, poll(), pre-copy info, and when it dies. */
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut.h"

#define DUT_FIXTURE	data_fd
#define DUT_NEEDS	DUT_STOP_COPY
#include "dut_fixture.h"

/*
 * "Once in STOP_COPY the migration data FD has a permanent end of stream
 * signaled in the usual way by read() always returning 0 and poll always
 * returning readable. ENOMSG may not be returned in STOP_COPY."
 */
TEST_F(data_fd, STOP_COPY_end_is_permanent)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
	struct mig_stream stream = {};
	unsigned int i;

	EXPECT_TRUE(fd_poll(data_fd, POLLIN) & POLLIN)
		TH_LOG("not readable before the first read()");
	EXPECT_EQ(0, __mig_stream_read(&stream, data_fd, 4096));
	for (i = 0; i < 3; i++) {
		__u8 byte;

		EXPECT_EQ(0, mig_read(data_fd, &byte, sizeof(byte)));
		EXPECT_EQ(POLLIN, fd_poll(data_fd, POLLIN) &
			  (POLLIN | POLLERR | POLLHUP));
	}
	mig_stream_free(&stream);
}

/*
 * "This ioctl is valid only in PRE_COPY states and kernel driver should
 * return -EINVAL from any other migration state."
 */
TEST_F(data_fd, precopy_info_is_EINVAL_outside_of_PRE_COPY)
{
	struct vfio_precopy_info info;
	int data_fd;

	data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
	EXPECT_GT(0, __vfio_precopy_info(data_fd, &info));
	if (self->dut.flags & VFIO_MIGRATION_PRE_COPY)
		EXPECT_EQ(-EINVAL, __vfio_precopy_info(data_fd, &info));
	close(data_fd);
	data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
	EXPECT_GT(0, __vfio_precopy_info(data_fd, &info));
	close(data_fd);
}

/* Saving fds are for read(), the RESUMING one for write() */
TEST_F(data_fd, wrong_direction_is_refused)
{
	__u8 byte = 0;
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd = dut_go(&self->dut, state);

		if (mig_model_saving(state)) {
			EXPECT_GT(0, mig_write(data_fd, &byte, sizeof(byte)))
				TH_LOG("write in %s", mig_state_name(state));
		} else if (mig_model_session(state)) {
			EXPECT_GT(0, mig_read(data_fd, &byte, sizeof(byte)))
				TH_LOG("read in %s", mig_state_name(state));
		}
		if (data_fd >= 0)
			close(data_fd);
	}
}

/* A stream has no position that a user could name */
TEST_F(data_fd, cannot_seek)
{
	__u8 byte = 0;
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd = dut_go(&self->dut, state);

		if (data_fd < 0)
			continue;
		EXPECT_EQ(-1, lseek(data_fd, 0, SEEK_CUR))
			TH_LOG("%s", mig_state_name(state));
		EXPECT_EQ(ESPIPE, errno);
		EXPECT_EQ(-1, pread(data_fd, &byte, sizeof(byte), 0));
		EXPECT_EQ(-1, pwrite(data_fd, &byte, sizeof(byte), 0));
		close(data_fd);
	}
}

/* "If the new_state starts a new data transfer session": new, from its start */
TEST_F(data_fd, second_session_starts_afresh)
{
	struct mig_stream first = {}, second = {};
	int data_fd;

	mig_save(&self->dut.dev, &first, MIG_CHUNK);

	/* One that was left half read does not count */
	data_fd = vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP_COPY);
	ASSERT_LT(0, mig_session_touch(data_fd, VFIO_DEVICE_STATE_STOP_COPY));
	vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP);
	close(data_fd);

	/* The device was in STOP all the time, so its state is the same */
	mig_save(&self->dut.dev, &second, MIG_CHUNK);
	EXPECT_EQ(first.len, second.len);
	vfio_dev_reset(&self->dut.dev);
	EXPECT_EQ(0, __mig_load(&self->dut.dev, &second, MIG_CHUNK,
				VFIO_DEVICE_STATE_RUNNING));
	mig_stream_free(&first);
	mig_stream_free(&second);
}

#define DUT_FIXTURE	pre_copy
#define DUT_NEEDS	DUT_PRE_COPY
#include "dut_fixture.h"

/* The two states that are called PRE_COPY states */
static const __u32 pre_copy_states[] = {
	VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_PRE_COPY_P2P,
};

static bool has_pre_copy_state(const struct dut *dut, unsigned int i)
{
	return i < ARRAY_LEN(pre_copy_states) &&
	       mig_model_supported(dut->flags, pre_copy_states[i]);
}

/*
 * "When read() is done on this temporary end of stream the kernel driver
 * should return ENOMSG from read(). Userspace can wait for more data [...] by
 * using poll": so poll() must not call it readable.
 */
TEST_F(pre_copy, temporary_end_is_ENOMSG_and_not_readable)
{
	unsigned int i, n;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		int data_fd = dut_go(&self->dut, pre_copy_states[i]);
		struct mig_stream stream = {};

		EXPECT_TRUE(fd_poll(data_fd, POLLIN) & POLLIN)
			TH_LOG("not readable at the start");
		for (n = 0; n < 3; n++) {
			EXPECT_EQ(-ENOMSG, __mig_stream_read(&stream, data_fd,
							     MIG_CHUNK));
			EXPECT_EQ(0, fd_poll(data_fd, POLLIN))
				TH_LOG("%s: ENOMSG, but poll() says %#x",
				       mig_state_name(pre_copy_states[i]),
				       fd_poll(data_fd, POLLIN));
		}
		EXPECT_LT(0, stream.len);
		mig_stream_free(&stream);
		close(data_fd);
	}
}

/* The same fd goes on to the permanent end, in and after STOP_COPY */
TEST_F(pre_copy, temporary_end_is_over_in_STOP_COPY)
{
	unsigned int i;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		int data_fd = dut_go(&self->dut, pre_copy_states[i]);
		struct mig_stream stream = {};

		mig_stream_read(&stream, data_fd, MIG_CHUNK, -ENOMSG);
		EXPECT_EQ(-1, vfio_mig_set(&self->dut.dev,
					   VFIO_DEVICE_STATE_STOP_COPY));
		EXPECT_TRUE(fd_poll(data_fd, POLLIN) & POLLIN);
		EXPECT_EQ(0, __mig_stream_read(&stream, data_fd, MIG_CHUNK));
		EXPECT_TRUE(fd_poll(data_fd, POLLIN) & POLLIN);
		mig_stream_free(&stream);
		close(data_fd);
	}
}

static void *wait_readable(void *arg)
{
	struct pollfd pfd = { .fd = *(int *)arg, .events = POLLIN };

	poll(&pfd, 1, -1);
	return (void *)(long)pfd.revents;
}

/*
 * Whoever waits in poll() must be woken, or a VMM would wait for ever; if it
 * is not, the harness ends the test.
 */
TEST_F(pre_copy, poll_wakes_up_for_STOP_COPY)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
	struct mig_stream stream = {};
	pthread_t thread;
	void *revents;

	mig_stream_read(&stream, data_fd, MIG_CHUNK, -ENOMSG);
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_readable, &data_fd));
	/* With one processor: let it come to its poll() */
	usleep(1000);
	vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP_COPY);
	ASSERT_EQ(0, pthread_join(thread, &revents));
	EXPECT_TRUE((long)revents & POLLIN);
	mig_stream_free(&stream);
}

TEST_F(pre_copy, poll_wakes_up_at_the_end_of_the_session)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
	struct mig_stream stream = {};
	pthread_t thread;
	void *revents;

	mig_stream_read(&stream, data_fd, MIG_CHUNK, -ENOMSG);
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_readable, &data_fd));
	usleep(1000);
	vfio_dev_reset(&self->dut.dev);
	ASSERT_EQ(0, pthread_join(thread, &revents));
	EXPECT_NE(0, (long)revents);
	mig_stream_free(&stream);
}

/*
 * "initial_bytes [...] should have a non-zero initial value and decrease as
 * migration data is read from the device"; "dirty_bytes [...] starts at
 * zero"; the temporary end "is reached when both initial_bytes and dirty_byte
 * are zero".
 */
TEST_F(pre_copy, info_falls_to_zero_at_the_temporary_end)
{
	unsigned int i;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		int data_fd = dut_go(&self->dut, pre_copy_states[i]);
		struct vfio_precopy_info info;
		__u64 before;
		__u8 buf[512];
		ssize_t n;

		ASSERT_EQ(0, __vfio_precopy_info(data_fd, &info));
		EXPECT_LT(0, info.initial_bytes);
		EXPECT_EQ(0, info.dirty_bytes);
		before = info.initial_bytes;
		while ((n = mig_read(data_fd, buf, sizeof(buf))) > 0) {
			ASSERT_EQ(0, __vfio_precopy_info(data_fd, &info));
			EXPECT_GE(before, info.initial_bytes)
				TH_LOG("%s: initial_bytes grew",
				       mig_state_name(pre_copy_states[i]));
			before = info.initial_bytes;
		}
		EXPECT_EQ(-ENOMSG, n);
		EXPECT_EQ(0, info.initial_bytes);
		EXPECT_EQ(0, info.dirty_bytes);
		close(data_fd);
	}
}

/* Data that is announced is there to be read */
TEST_F(pre_copy, no_temporary_end_while_info_announces_data)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
	struct vfio_precopy_info info;
	__u8 buf[512];
	ssize_t n;

	for (;;) {
		vfio_precopy_info(data_fd, &info);
		if (!info.initial_bytes && !info.dirty_bytes)
			break;
		EXPECT_TRUE(fd_poll(data_fd, POLLIN) & POLLIN);
		n = mig_read(data_fd, buf, sizeof(buf));
		ASSERT_LT(0, n);
	}
}

TEST_F(pre_copy, info_argsz_short_is_refused_and_long_accepted)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
	struct {
		struct vfio_precopy_info info;
		__u64 beyond;
	} arg;
	__u32 argsz;

	for (argsz = 0; argsz < sizeof(arg.info); argsz++) {
		memset(&arg, 0xff, sizeof(arg));
		arg.info.argsz = argsz;
		EXPECT_EQ(-1, ioctl(data_fd, VFIO_MIG_GET_PRECOPY_INFO, &arg))
			TH_LOG("argsz %u", argsz);
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(~0ULL, arg.info.initial_bytes);
	}
	memset(&arg, 0xff, sizeof(arg));
	arg.info.argsz = sizeof(arg);
	arg.info.flags = 0;
	EXPECT_EQ(0, ioctl(data_fd, VFIO_MIG_GET_PRECOPY_INFO, &arg));
	EXPECT_NE(~0ULL, arg.info.initial_bytes);
	EXPECT_EQ(~0ULL, arg.beyond);
}

/* "Moving between these states [...] does not [...] affect the fd" */
TEST_F(pre_copy, PRE_COPY_and_PRE_COPY_P2P_share_the_session)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
	struct mig_stream stream = {};
	unsigned int i;

	if (!(self->dut.flags & VFIO_MIGRATION_P2P))
		SKIP(return, "the device has no P2P");

	/* To and fro, a few bytes from each state, and then all the rest */
	for (i = 0; i < 4; i++) {
		__u8 buf[16];
		ssize_t n;

		EXPECT_EQ(-1, vfio_mig_set(&self->dut.dev,
					   pre_copy_states[i % 2]));
		n = mig_read(data_fd, buf, sizeof(buf));
		ASSERT_TRUE(n > 0 || n == -ENOMSG);
		if (n > 0)
			mig_stream_append(&stream, buf, n);
	}
	vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP_COPY);
	mig_stream_read(&stream, data_fd, MIG_CHUNK, 0);
	vfio_dev_reset(&self->dut.dev);
	EXPECT_EQ(0, __mig_load(&self->dut.dev, &stream, MIG_CHUNK,
				VFIO_DEVICE_STATE_RUNNING));
	mig_stream_free(&stream);
}

TEST_HARNESS_MAIN
