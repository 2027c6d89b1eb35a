// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stream from one device to another, as opaque as the uAPI says it is.
 *
 * Without a second device the stream goes back to the first one, reset.
 */
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut.h"

#define DUT_FIXTURE	migrate
#define DUT_NEEDS	DUT_STOP_COPY
#include "dut_fixture.h"

/* Bytes at a time; one byte only where the stream is short */
static const size_t chunks[] = { 1, 7, 4096, 65536, 16 << 20 };

#define ONE_BYTE_MAX	4096

/* "The user is not required to preserve buffer segmentation" */
TEST_F(migrate, stream_is_written_in_any_segmentation)
{
	struct mig_stream stream = {};
	unsigned int i;

	mig_save(&self->dut.dev, &stream, MIG_CHUNK);
	for (i = 0; i < ARRAY_LEN(chunks); i++) {
		if (chunks[i] < 4096 && stream.len > ONE_BYTE_MAX * chunks[i])
			continue;
		vfio_dev_reset(&self->dut.dev);
		EXPECT_EQ(0, __mig_load(&self->dut.dev, &stream, chunks[i],
					VFIO_DEVICE_STATE_RUNNING))
			TH_LOG("%zu bytes at a time", chunks[i]);
	}
	mig_stream_free(&stream);
}

/* A read() may ask for any number of bytes */
TEST_F(migrate, stream_is_read_in_any_segmentation)
{
	struct mig_stream whole = {}, stream = {};
	unsigned int i;

	mig_save(&self->dut.dev, &whole, MIG_CHUNK);
	for (i = 0; i < ARRAY_LEN(chunks); i++) {
		if (chunks[i] < 4096 && whole.len > ONE_BYTE_MAX * chunks[i])
			continue;
		/* Still in STOP: "must not change its internal state" */
		mig_save(&self->dut.dev, &stream, chunks[i]);
		EXPECT_EQ(whole.len, stream.len)
			TH_LOG("%zu bytes at a time", chunks[i]);
		vfio_dev_reset(&self->dut.dev);
		EXPECT_EQ(0, __mig_load(&self->dut.dev, &stream, MIG_CHUNK,
					VFIO_DEVICE_STATE_STOP))
			TH_LOG("%zu bytes at a time", chunks[i]);
	}
	mig_stream_free(&whole);
	mig_stream_free(&stream);
}

/*
 * "If the user provided data is found to be incomplete [...] the migration
 * driver must fail the SET_STATE ioctl".
 */
TEST_F(migrate, incomplete_stream_is_refused)
{
	const unsigned int points = 16;
	struct mig_stream stream = {}, cut;
	unsigned int i;

	mig_save(&self->dut.dev, &stream, MIG_CHUNK);
	for (i = 0; i <= points; i++) {
		cut = stream;
		cut.len = i < points ? stream.len * i / points :
				       stream.len - 1;
		vfio_dev_reset(&self->dut.dev);
		EXPECT_GT(0, __mig_load(&self->dut.dev, &cut, MIG_CHUNK,
					VFIO_DEVICE_STATE_STOP))
			TH_LOG("%zu of %zu bytes", cut.len, stream.len);
	}

	/* "To abort a RESUMING session the device must be reset" */
	vfio_dev_reset(&self->dut.dev);
	EXPECT_EQ(0, __mig_load(&self->dut.dev, &stream, MIG_CHUNK,
				VFIO_DEVICE_STATE_RUNNING));
	mig_stream_free(&stream);
}

/* From the first device to the second and back */
TEST_F(migrate, there_and_back)
{
	struct mig_stream stream = {};
	unsigned int round;
	struct dut second;
	const char *why;

	why = dut_open_second(&second, &self->dut);
	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(self->dut.flags, second.flags);

	for (round = 0; round < 4; round++) {
		struct vfio_dev *from = round % 2 ? &second.dev : &self->dut.dev;
		struct vfio_dev *to = round % 2 ? &self->dut.dev : &second.dev;

		/* Alternately through PRE_COPY, where there is such a thing */
		if (round / 2 && self->dut.flags & VFIO_MIGRATION_PRE_COPY)
			mig_save_precopy(from, self->dut.flags, &stream,
					 MIG_CHUNK);
		else
			mig_save(from, &stream, MIG_CHUNK);
		EXPECT_EQ(0, __mig_load(to, &stream, MIG_CHUNK,
					VFIO_DEVICE_STATE_RUNNING));
		EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(to));
		EXPECT_EQ(VFIO_DEVICE_STATE_STOP, vfio_mig_get(from));
	}
	mig_stream_free(&stream);
}

#define DUT_FIXTURE	pre_copy
#define DUT_NEEDS	DUT_PRE_COPY
#include "dut_fixture.h"

/* Leaving pre-copy early "might make things slower", and no more */
TEST_F(pre_copy, stream_loads_wherever_pre_copy_was_left)
{
	const unsigned int points = 8;
	struct mig_stream stream = {};
	struct vfio_precopy_info info;
	unsigned int i;

	for (i = 0; i <= points; i++) {
		int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
		size_t len;

		vfio_precopy_info(data_fd, &info);
		len = info.initial_bytes * i / points;
		stream.len = 0;
		while (stream.len < len) {
			__u8 buf[64];
			ssize_t n = mig_read(data_fd, buf, sizeof(buf));

			if (n == -ENOMSG)
				break;
			ASSERT_LT(0, n);
			mig_stream_append(&stream, buf, n);
		}
		vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP_COPY);
		mig_stream_read(&stream, data_fd, MIG_CHUNK, 0);
		close(data_fd);
		vfio_dev_reset(&self->dut.dev);
		EXPECT_EQ(0, __mig_load(&self->dut.dev, &stream, MIG_CHUNK,
					VFIO_DEVICE_STATE_RUNNING))
			TH_LOG("left after %zu bytes of pre-copy", len);
	}
	mig_stream_free(&stream);
}

/* A migration that is given up: "PRE_COPY -> RUNNING" and once more */
TEST_F(pre_copy, second_attempt_loads)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
	struct mig_stream stream = {};

	ASSERT_LT(0, mig_session_touch(data_fd, VFIO_DEVICE_STATE_PRE_COPY));
	EXPECT_EQ(-1, vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_RUNNING));
	close(data_fd);
	mig_save_precopy(&self->dut.dev, self->dut.flags, &stream, MIG_CHUNK);
	vfio_dev_reset(&self->dut.dev);
	EXPECT_EQ(0, __mig_load(&self->dut.dev, &stream, MIG_CHUNK,
				VFIO_DEVICE_STATE_RUNNING));
	mig_stream_free(&stream);
}

TEST_HARNESS_MAIN
