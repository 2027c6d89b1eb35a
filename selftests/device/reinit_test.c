// SPDX-License-Identifier: GPL-2.0-only
/*
 * New initial data in pre-copy: VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 and
 * VFIO_PRECOPY_INFO_REINIT, which kernels have from 7.1 on, and what a user
 * sees who does not know of them.
 */
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "lib/knobs.h"
#include "lib/mtty.h"
#include "lib/stream_edit.h"

#ifndef VFIO_PRECOPY_INFO_REINIT
#define VFIO_PRECOPY_INFO_REINIT			0x1
#define VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2		12
#endif

#define PAGES		64
#define RECORD		(16 + MTTY_MIG_PAGE_SIZE)
#define ALL		((__u64)PAGES * RECORD)
/* Something that the driver would not put there by itself */
#define GIVEN_FLAGS	0x5a5a5a50

FIXTURE(reinit)
{
	struct mtty mtty;
	struct mig_stream stream;
	int fd;
};

FIXTURE_SETUP(reinit)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "full", PAGES * MTTY_MIG_PAGE_SIZE);
	mtty_fill(&self->mtty, 3, 1);
}

FIXTURE_TEARDOWN(reinit)
{
	mig_stream_free(&self->stream);
	mtty_remove_all();
}

static int opt_in(struct mtty *mtty)
{
	return __vfio_feature(&mtty->dev, VFIO_DEVICE_FEATURE_SET |
			      VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2, NULL, 0);
}

/* Into pre-copy, and through its first pass */
static void pre_copy(struct _test_data_reinit *self)
{
	self->fd = vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_PRE_COPY);
	mig_stream_read(&self->stream, self->fd, MIG_CHUNK, -ENOMSG);
}

static struct vfio_precopy_info info_of(int fd)
{
	struct vfio_precopy_info info = {
		.argsz = sizeof(info), .flags = GIVEN_FLAGS,
	};

	/* Not by the library, which gives no flags */
	if (ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, &info))
		die("no precopy info");
	return info;
}

/* Whichever way it was told, all of it comes over */
static void finish(struct __test_metadata *_metadata, struct mtty *mtty,
		   struct mig_stream *stream, int fd)
{
	struct mtty to;

	mtty_new(&to, "full", PAGES * MTTY_MIG_PAGE_SIZE);
	vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_STOP_COPY);
	mig_stream_read(stream, fd, MIG_CHUNK, 0);
	mig_load(&to.dev, stream, MIG_CHUNK, VFIO_DEVICE_STATE_STOP);
	EXPECT_EQ(mtty_digest(mtty), mtty_digest(&to));
}

TEST_F(reinit, is_not_reported_without_the_opt_in)
{
	struct vfio_precopy_info info;

	pre_copy(self);
	knob_write(&self->mtty, "reinit", "1");
	info = info_of(self->fd);
	/* initial_bytes must not rise, so it is dirty; flags stay as given */
	EXPECT_EQ(GIVEN_FLAGS, info.flags);
	EXPECT_EQ(0, info.initial_bytes);
	EXPECT_EQ(ALL, info.dirty_bytes);
	finish(_metadata, &self->mtty, &self->stream, self->fd);
}

/* What is left of the first pass is initial still, and not twice */
TEST_F(reinit, in_the_first_pass_adds_only_what_was_sent)
{
	static __u8 sent[HDR_SIZE + PAGES / 4 * RECORD];
	struct vfio_precopy_info info;

	self->fd = vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_PRE_COPY);
	ASSERT_EQ(sizeof(sent), mig_read(self->fd, sent, sizeof(sent)));
	mig_stream_append(&self->stream, sent, sizeof(sent));
	info = info_of(self->fd);
	EXPECT_EQ(ALL / 4 * 3, info.initial_bytes);
	EXPECT_EQ(0, info.dirty_bytes);

	knob_write(&self->mtty, "reinit", "1");
	info = info_of(self->fd);
	EXPECT_EQ(ALL / 4 * 3, info.initial_bytes);
	EXPECT_EQ(ALL / 4, info.dirty_bytes);
	finish(_metadata, &self->mtty, &self->stream, self->fd);
}

/*
 * A page belongs to what is initial or to what is dirty.  If it belonged to
 * both it would be sent twice and discounted twice, and nothing would ever
 * come to rest.
 */
static void check_rest(struct __test_metadata *_metadata, struct mtty *mtty,
		       struct mig_stream *stream)
{
	static __u8 sent[HDR_SIZE + PAGES / 4 * RECORD + 100];
	struct vfio_precopy_info info;
	int fd;

	fd = vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_PRE_COPY);
	/* Into the middle of a record */
	ASSERT_EQ(sizeof(sent), mig_read(fd, sent, sizeof(sent)));
	mig_stream_append(stream, sent, sizeof(sent));
	knob_write(mtty, "reinit", "1");
	mig_stream_read(stream, fd, MIG_CHUNK, -ENOMSG);

	info = info_of(fd);
	EXPECT_EQ(0, info.initial_bytes);
	EXPECT_EQ(0, info.dirty_bytes);
	EXPECT_EQ(0, knob_counter(mtty, "initial_bytes"));
	EXPECT_EQ(0, knob_counter(mtty, "dirty_bytes"));
	EXPECT_EQ(0, fd_poll(fd, POLLIN));
	/* What was sent before, all of it, and nothing else */
	EXPECT_EQ(HDR_SIZE + (PAGES / 4 + 1 + PAGES) * RECORD, stream->len);

	/* What is written after that is dirty, and once */
	knob_write(mtty, "dirty", "0 8");
	info = info_of(fd);
	EXPECT_EQ(0, info.initial_bytes);
	EXPECT_EQ(8 * RECORD, info.dirty_bytes);
	EXPECT_EQ(POLLIN, fd_poll(fd, POLLIN));
	finish(_metadata, mtty, stream, fd);
}

TEST_F(reinit, in_the_first_pass_sends_each_page_once_more)
{
	check_rest(_metadata, &self->mtty, &self->stream);
}

TEST_F(reinit, knob_works_only_in_pre_copy)
{
	static const __u32 states[] = {
		VFIO_DEVICE_STATE_RUNNING, VFIO_DEVICE_STATE_STOP,
		VFIO_DEVICE_STATE_STOP_COPY, VFIO_DEVICE_STATE_RESUMING,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(states); i++) {
		vfio_mig_set(&self->mtty.dev, states[i]);
		EXPECT_EQ(-EINVAL, __knob_write(&self->mtty, "reinit", "1"))
			TH_LOG("%s", mig_state_name(states[i]));
	}
	vfio_dev_reset(&self->mtty.dev);
	vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_PRE_COPY);
	EXPECT_EQ(-EINVAL, __knob_write(&self->mtty, "reinit", "0"));
	EXPECT_EQ(-EINVAL, __knob_write(&self->mtty, "reinit", "2"));
	EXPECT_EQ(0, __knob_write(&self->mtty, "reinit", "1"));
}

TEST_F(reinit, wakes_who_polls)
{
	pre_copy(self);
	EXPECT_EQ(0, fd_poll(self->fd, POLLIN));
	knob_write(&self->mtty, "reinit", "1");
	EXPECT_EQ(POLLIN, fd_poll(self->fd, POLLIN));
}

/* A kernel that does not know the feature says so, and nothing else */
TEST_F(reinit, opt_in_is_known_or_ENOTTY)
{
	int ret = opt_in(&self->mtty);

	EXPECT_TRUE(ret == 0 || ret == -ENOTTY) TH_LOG("%d", ret);
}

#define NO_OPT_IN	"this kernel has no MIG_PRECOPY_INFOv2"

TEST_F(reinit, is_reported_once_for_each_event)
{
	unsigned int i;

	if (opt_in(&self->mtty))
		SKIP(return, NO_OPT_IN);
	pre_copy(self);
	EXPECT_EQ(0, info_of(self->fd).flags);
	for (i = 0; i < 2; i++) {
		knob_write(&self->mtty, "reinit", "1");
		EXPECT_EQ(VFIO_PRECOPY_INFO_REINIT, info_of(self->fd).flags);
		EXPECT_EQ(0, info_of(self->fd).flags);
	}
	finish(_metadata, &self->mtty, &self->stream, self->fd);
}

TEST_F(reinit, in_the_first_pass_after_the_opt_in_sends_each_page_once_more)
{
	if (opt_in(&self->mtty))
		SKIP(return, NO_OPT_IN);
	check_rest(_metadata, &self->mtty, &self->stream);
}

/* Or its user would see initial_bytes rise, and not know that they may */
TEST_F(reinit, is_reported_again_to_who_was_not_told)
{
	struct vfio_precopy_info *info;

	if (opt_in(&self->mtty))
		SKIP(return, NO_OPT_IN);
	info = mmap(NULL, sizeof(*info), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)info);
	info->argsz = sizeof(*info);
	ASSERT_EQ(0, mprotect(info, sizeof(*info), PROT_READ));

	pre_copy(self);
	knob_write(&self->mtty, "reinit", "1");
	EXPECT_EQ(-1, ioctl(self->fd, VFIO_MIG_GET_PRECOPY_INFO, info));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(VFIO_PRECOPY_INFO_REINIT, info_of(self->fd).flags);
	EXPECT_EQ(0, info_of(self->fd).flags);
	munmap(info, sizeof(*info));
}

TEST_F(reinit, what_is_unread_is_initial_and_nothing_dirty)
{
	struct vfio_precopy_info info;
	__u8 byte;

	if (opt_in(&self->mtty))
		SKIP(return, NO_OPT_IN);
	pre_copy(self);
	knob_write(&self->mtty, "dirty", "0 8");
	/* The rest of this record was dirty data */
	ASSERT_EQ(1, mig_read(self->fd, &byte, 1));
	mig_stream_append(&self->stream, &byte, 1);
	info = info_of(self->fd);
	EXPECT_EQ(0, info.initial_bytes);
	EXPECT_EQ(8 * RECORD - 1, info.dirty_bytes);

	knob_write(&self->mtty, "reinit", "1");
	info = info_of(self->fd);
	EXPECT_EQ(ALL + RECORD - 1, info.initial_bytes);
	EXPECT_EQ(0, info.dirty_bytes);
	finish(_metadata, &self->mtty, &self->stream, self->fd);
}

TEST_F(reinit, opt_in_ends_with_the_last_close)
{
	if (opt_in(&self->mtty))
		SKIP(return, NO_OPT_IN);
	mtty_reopen(&self->mtty);
	pre_copy(self);
	EXPECT_EQ(GIVEN_FLAGS, info_of(self->fd).flags);
}

TEST_HARNESS_MAIN
