// SPDX-License-Identifier: GPL-2.0-only
/*
 * What our data fds answer, to the letter: when their session is over, and
 * when they are asked for what they cannot do.
 *
 * The uAPI text leaves the error codes open; the generic tests want an error.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/mig_model.h"
#include "lib/mtty.h"

FIXTURE(session)
{
	struct mtty mtty;
	__u64 flags;
};

FIXTURE_VARIANT(session)
{
	const char *type;
	__u32 state;
};

FIXTURE_VARIANT_ADD(session, base_STOP_COPY)
{
	.type = "base",
	.state = VFIO_DEVICE_STATE_STOP_COPY,
};

FIXTURE_VARIANT_ADD(session, precopy_PRE_COPY)
{
	.type = "precopy",
	.state = VFIO_DEVICE_STATE_PRE_COPY,
};

FIXTURE_VARIANT_ADD(session, full_PRE_COPY)
{
	.type = "full",
	.state = VFIO_DEVICE_STATE_PRE_COPY,
};

FIXTURE_VARIANT_ADD(session, full_PRE_COPY_P2P)
{
	.type = "full",
	.state = VFIO_DEVICE_STATE_PRE_COPY_P2P,
};

FIXTURE_VARIANT_ADD(session, full_RESUMING)
{
	.type = "full",
	.state = VFIO_DEVICE_STATE_RESUMING,
};

FIXTURE_SETUP(session)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, variant->type, MTTY_MIG_PAGE_SIZE);
	self->flags = vfio_mig_flags(&self->mtty.dev);
}

FIXTURE_TEARDOWN(session)
{
	mtty_remove_all();
}

/* Begin the session; a loading one gets all that it needs to be left */
static int begin(struct mtty *mtty, __u32 state)
{
	struct mig_stream stream = {};
	int data_fd;

	if (state != VFIO_DEVICE_STATE_RESUMING)
		return vfio_mig_set(&mtty->dev, state);

	mig_save(&mtty->dev, &stream, MIG_CHUNK);
	data_fd = vfio_mig_set(&mtty->dev, state);
	must(__mig_stream_write(&stream, data_fd, MIG_CHUNK));
	mig_stream_free(&stream);
	return data_fd;
}

static void check_dead(struct __test_metadata *_metadata, int data_fd,
		       __u32 state)
{
	const short dead = POLLERR | POLLHUP;
	struct vfio_precopy_info info;
	unsigned int i;
	__u8 byte;

	/* It does not come back to life by being asked twice */
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-ENODEV, mig_session_touch(data_fd, state));
		EXPECT_EQ(-ENODEV, state == VFIO_DEVICE_STATE_RESUMING ?
			  mig_write(data_fd, &byte, 0) :
			  mig_read(data_fd, &byte, 0));
		EXPECT_EQ(-EINVAL, __vfio_precopy_info(data_fd, &info));
		EXPECT_EQ(dead, fd_poll(data_fd, POLLIN | POLLOUT));
		EXPECT_EQ(dead, fd_poll(data_fd, 0));
	}
	EXPECT_EQ(0, close(data_fd));
}

/* By each transition that ends it, among them those that begin another one */
TEST_F(session, is_ENODEV_after_its_state_is_left)
{
	__u32 to;

	for (to = 0; to < VFIO_DEVICE_STATE_NR; to++) {
		struct mig_expect expect;
		int data_fd, next_fd;

		mig_model_expect(self->flags, variant->state, to, &expect);
		if (!expect.ends)
			continue;
		vfio_dev_reset(&self->mtty.dev);
		data_fd = begin(&self->mtty, variant->state);
		next_fd = vfio_mig_set(&self->mtty.dev, to);
		check_dead(_metadata, data_fd, variant->state);
		if (next_fd >= 0)
			close(next_fd);
	}
}

TEST_F(session, is_ENODEV_after_reset)
{
	int data_fd = begin(&self->mtty, variant->state);

	vfio_dev_reset(&self->mtty.dev);
	check_dead(_metadata, data_fd, variant->state);
}

TEST_F(session, is_ENODEV_after_close)
{
	int data_fd = begin(&self->mtty, variant->state);

	vfio_dev_close(&self->mtty.dev);
	check_dead(_metadata, data_fd, variant->state);
}

/* A new user of the device has nothing to do with the session of the old */
TEST_F(session, is_ENODEV_after_reopen)
{
	int data_fd = begin(&self->mtty, variant->state);
	int other;

	mtty_reopen(&self->mtty);
	other = begin(&self->mtty, variant->state);
	check_dead(_metadata, data_fd, variant->state);
	EXPECT_FALSE(fd_poll(other, POLLIN | POLLOUT) & (POLLERR | POLLHUP));
	close(other);
}

/* The fd may be all that is left of the device */
TEST_F(session, is_ENODEV_after_removal)
{
	int data_fd = begin(&self->mtty, variant->state);

	vfio_dev_close(&self->mtty.dev);
	mdev_remove(&self->mtty.mdev);
	check_dead(_metadata, data_fd, variant->state);
}

/* Opened for one direction, as the VFS checks it */
TEST_F(session, is_EBADF_in_the_other_direction)
{
	int data_fd = begin(&self->mtty, variant->state);
	__u8 byte = 0;

	EXPECT_EQ(-EBADF, variant->state == VFIO_DEVICE_STATE_RESUMING ?
		  mig_read(data_fd, &byte, sizeof(byte)) :
		  mig_write(data_fd, &byte, sizeof(byte)));
}

/* A stream: what comes next does not depend on where somebody asks for it */
TEST_F(session, is_ESPIPE_at_an_offset)
{
	int data_fd = begin(&self->mtty, variant->state);
	__u8 byte = 0;

	EXPECT_EQ(-1, variant->state == VFIO_DEVICE_STATE_RESUMING ?
		  pwrite(data_fd, &byte, sizeof(byte), 0) :
		  pread(data_fd, &byte, sizeof(byte), 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, lseek(data_fd, 0, SEEK_CUR));
	EXPECT_EQ(ESPIPE, errno);
}

TEST_F(session, polls_as_its_state_says)
{
	int data_fd = begin(&self->mtty, variant->state);

	EXPECT_EQ(variant->state == VFIO_DEVICE_STATE_RESUMING ?
		  POLLOUT : POLLIN, fd_poll(data_fd, POLLIN | POLLOUT));
}

/* The driver's words for the state are the uAPI's */
TEST_F(session, state_attribute_tells_the_state)
{
	char text[32];

	mdev_attr_read(&self->mtty.mdev, "mtty_mig/state", text, sizeof(text));
	EXPECT_STREQ("RUNNING", text);
	begin(&self->mtty, variant->state);
	mdev_attr_read(&self->mtty.mdev, "mtty_mig/state", text, sizeof(text));
	EXPECT_STREQ(mig_state_name(variant->state), text);
}

TEST_HARNESS_MAIN
