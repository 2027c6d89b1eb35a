// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pre-copy: what is told to be unread, what is sent again, where a session
 * begins and goes on; and MIG_DATA_SIZE in every state.
 */
#include <errno.h>
#include <poll.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "lib/journey.h"
#include "lib/knobs.h"
#include "lib/mtty_fixture.h"
#include "lib/stream_edit.h"

#define PAGE		MTTY_MIG_PAGE_SIZE

static const __u8 zero_page[PAGE];

MTTY_FIXTURE(pre_copy, knobs_missing());
MTTY_VARIANTS_PRE_COPY(pre_copy);

static struct vfio_precopy_info info_of(const struct journey *journey)
{
	struct vfio_precopy_info info;

	vfio_precopy_info(journey->data_fd, &info);
	return info;
}

static void drain(struct journey *journey)
{
	mig_stream_read(&journey->saved, journey->data_fd, MIG_CHUNK, -ENOMSG);
}

/* Read so many bytes; the number that came */
static ssize_t read_some(struct journey *journey, size_t len)
{
	__u8 buf[PAGE];
	ssize_t n = mig_read(journey->data_fd, buf,
			     len < sizeof(buf) ? len : sizeof(buf));

	if (n > 0)
		mig_stream_append(&journey->saved, buf, n);
	return n;
}

/* Read the rest, and let another device load it all */
static void expect_arrival(struct __test_metadata *_metadata,
			   struct journey *journey, struct mtty *dst)
{
	const char *why;

	/* Its content is another one by now */
	journey->digest = mtty_digest(journey->mtty);
	why = journey_arrive(journey, dst);
	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
	why = mtty_mem_differs(journey->mtty, dst);
	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
}

/* "... should have a non-zero initial value and decrease as ... read" */
TEST_F(pre_copy, initial_bytes_fall_by_what_is_read)
{
	static const size_t sizes[] = { 1, 31, 100, 4096, 7, 3000 };
	struct journey *journey = &self->journey;
	struct vfio_precopy_info info;
	unsigned int i = 0;
	__u64 before;
	ssize_t n;

	journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
	before = info_of(journey).initial_bytes;
	EXPECT_LT(0, before);
	while ((n = read_some(journey, sizes[i++ % ARRAY_LEN(sizes)])) > 0) {
		info = info_of(journey);
		ASSERT_EQ(before - n, info.initial_bytes);
		EXPECT_EQ(0, info.dirty_bytes);
		before = info.initial_bytes;
	}
	EXPECT_EQ(-ENOMSG, n);
	EXPECT_EQ(0, before);
	EXPECT_EQ(HDR_SIZE + JOURNEY_PAGES / 2 * PAGE_RECORD,
		  journey->saved.len);
}

/* To ask for nothing is no end, not even a temporary one, and takes nothing */
TEST_F(pre_copy, read_of_nothing_is_none)
{
	struct journey *journey = &self->journey;
	__u64 before;
	__u8 byte;

	journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
	before = info_of(journey).initial_bytes;
	EXPECT_EQ(0, mig_read(journey->data_fd, &byte, 0));
	EXPECT_EQ(before, info_of(journey).initial_bytes);
	drain(journey);
	EXPECT_EQ(0, mig_read(journey->data_fd, &byte, 0));
	EXPECT_EQ(-ENOMSG, mig_read(journey->data_fd, &byte, 1));
}

/* Even if there is nothing but a header to be sent */
TEST_F(pre_copy, initial_bytes_begin_above_zero_without_content)
{
	static const char * const sizes[] = { "0", "4096", "64G" };
	unsigned int i;
	int data_fd;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		struct vfio_precopy_info info;
		struct mig_stream stream = {};

		vfio_dev_close(self->dev);
		ASSERT_EQ(0, __mtty_set_mem_size(&self->mtty, sizes[i]));
		vfio_dev_open(self->dev, self->mtty.mdev.uuid);
		data_fd = vfio_mig_set(self->dev, VFIO_DEVICE_STATE_PRE_COPY);
		vfio_precopy_info(data_fd, &info);
		EXPECT_EQ(HDR_SIZE, info.initial_bytes)
			TH_LOG("memory of %s", sizes[i]);
		EXPECT_EQ(0, info.dirty_bytes);
		mig_stream_read(&stream, data_fd, MIG_CHUNK, -ENOMSG);
		EXPECT_EQ(HDR_SIZE, stream.len);
		mig_stream_free(&stream);
		close(data_fd);
	}
}

TEST_F(pre_copy, dirty_bytes_follow_what_changes)
{
	struct journey *journey = &self->journey;
	struct vfio_precopy_info info;
	unsigned int pages;
	size_t sent;

	journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
	drain(journey);
	for (pages = 1; pages <= JOURNEY_PAGES; pages++) {
		knob_write(&self->mtty, "dirty", "0 %u", pages);
		info = info_of(journey);
		EXPECT_EQ(0, info.initial_bytes);
		EXPECT_EQ(pages * PAGE_RECORD, info.dirty_bytes);
		EXPECT_EQ(info.dirty_bytes,
			  knob_counter(&self->mtty, "dirty_bytes"));

		/* A page that changes twice is sent once */
		knob_write(&self->mtty, "dirty", "0 %u", pages);
		EXPECT_EQ(pages * PAGE_RECORD, info_of(journey).dirty_bytes);

		/* What is read is no longer dirty, to the byte */
		ASSERT_EQ(100, read_some(journey, 100));
		EXPECT_EQ(pages * PAGE_RECORD - 100,
			  info_of(journey).dirty_bytes);
		sent = journey->saved.len;
		drain(journey);
		EXPECT_EQ(pages * PAGE_RECORD - 100,
			  journey->saved.len - sent);
		info = info_of(journey);
		EXPECT_EQ(0, info.initial_bytes);
		EXPECT_EQ(0, info.dirty_bytes);
	}
	expect_arrival(_metadata, journey, &self->dst);
}

/* A page that is zero now costs little, and what it was is not kept */
TEST_F(pre_copy, dirty_bytes_of_a_page_that_became_zero)
{
	struct journey *journey = &self->journey;
	size_t sent;

	journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
	drain(journey);
	sent = journey->saved.len;
	vfio_region_write(self->dev, MTTY_MIG_MEM_BAR, 2 * PAGE, zero_page,
			  PAGE);
	EXPECT_EQ(ZERO_RECORD, info_of(journey).dirty_bytes);
	/* And back, and zero again */
	vfio_region_write8(self->dev, MTTY_MIG_MEM_BAR, 2 * PAGE, 1);
	EXPECT_EQ(PAGE_RECORD, info_of(journey).dirty_bytes);
	vfio_region_write8(self->dev, MTTY_MIG_MEM_BAR, 2 * PAGE, 0);
	EXPECT_EQ(ZERO_RECORD, info_of(journey).dirty_bytes);
	/* A page that always was zero is none */
	vfio_region_write8(self->dev, MTTY_MIG_MEM_BAR, PAGE, 0);
	EXPECT_EQ(ZERO_RECORD, info_of(journey).dirty_bytes);
	drain(journey);
	EXPECT_EQ(ZERO_RECORD, journey->saved.len - sent);
	EXPECT_EQ(JOURNEY_PAGES / 2 - 1, knob_counter(&self->mtty, "pages"));
	expect_arrival(_metadata, journey, &self->dst);
}

/* A page that the first pass has not come to yet is sent once, as it is then */
TEST_F(pre_copy, page_that_changes_before_it_is_sent_stays_initial)
{
	struct journey *journey = &self->journey;
	struct vfio_precopy_info info;
	__u64 initial;

	journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
	initial = info_of(journey).initial_bytes;
	knob_write(&self->mtty, "dirty", "4 1");
	info = info_of(journey);
	EXPECT_EQ(initial, info.initial_bytes);
	EXPECT_EQ(0, info.dirty_bytes);
	/* One that had nothing to be sent then belongs to no first pass */
	knob_write(&self->mtty, "dirty", "5 1");
	info = info_of(journey);
	EXPECT_EQ(initial, info.initial_bytes);
	EXPECT_EQ(PAGE_RECORD, info.dirty_bytes);
	/* One that becomes zero leaves it, and is sent as such */
	vfio_region_write(self->dev, MTTY_MIG_MEM_BAR, 6 * PAGE, zero_page,
			  PAGE);
	info = info_of(journey);
	EXPECT_EQ(initial - PAGE_RECORD, info.initial_bytes);
	EXPECT_EQ(PAGE_RECORD + ZERO_RECORD, info.dirty_bytes);
	/* It does not come back, for what is initial must not grow */
	vfio_region_write(self->dev, MTTY_MIG_MEM_BAR, 2 * PAGE, zero_page,
			  PAGE);
	vfio_region_write8(self->dev, MTTY_MIG_MEM_BAR, 2 * PAGE, 1);
	info = info_of(journey);
	EXPECT_EQ(initial - 2 * PAGE_RECORD, info.initial_bytes);
	EXPECT_EQ(2 * PAGE_RECORD + ZERO_RECORD, info.dirty_bytes);
	drain(journey);
	EXPECT_EQ(initial + ZERO_RECORD, journey->saved.len);
	expect_arrival(_metadata, journey, &self->dst);
}

/* A page that changes in the middle of being read is sent again */
TEST_F(pre_copy, page_that_changes_while_it_is_read_is_sent_again)
{
	struct journey *journey = &self->journey;
	size_t sent;

	journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
	ASSERT_EQ(HDR_SIZE + 100, read_some(journey, HDR_SIZE + 100));
	vfio_region_write8(self->dev, MTTY_MIG_MEM_BAR, 10, 7);
	vfio_region_write8(self->dev, MTTY_MIG_MEM_BAR, PAGE - 1, 7);
	EXPECT_EQ(PAGE_RECORD, info_of(journey).dirty_bytes);
	sent = journey->saved.len;
	drain(journey);
	EXPECT_EQ((JOURNEY_PAGES / 2 + 1) * PAGE_RECORD - 100,
		  journey->saved.len - sent);
	expect_arrival(_metadata, journey, &self->dst);
}

/* "Moving between these states ... does not ... affect the associated fd" */
TEST_F(pre_copy, PRE_COPY_P2P_keeps_fd_and_position)
{
	struct journey *journey = &self->journey;
	unsigned int i;

	if (!(variant->flags & VFIO_MIGRATION_P2P))
		SKIP(return, "the device has no P2P");
	journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
	for (i = 0; i < 12; i++) {
		struct vfio_precopy_info before, after;
		__u32 to = i % 2 ? VFIO_DEVICE_STATE_PRE_COPY :
				   VFIO_DEVICE_STATE_PRE_COPY_P2P;

		ASSERT_EQ(1000 + i, read_some(journey, 1000 + i));
		knob_write(&self->mtty, "dirty", "%u 1", i % JOURNEY_PAGES);
		before = info_of(journey);
		ASSERT_EQ(-1, vfio_mig_set(self->dev, to));
		after = info_of(journey);
		EXPECT_EQ(before.initial_bytes, after.initial_bytes);
		EXPECT_EQ(before.dirty_bytes, after.dirty_bytes);
		journey_moved(journey, to);
	}
	expect_arrival(_metadata, journey, &self->dst);
}

/* "...terminates the data transfer session": the next one knows nothing */
TEST_F(pre_copy, session_after_RUNNING_starts_afresh)
{
	static const size_t left_at[] = { 0, 10, HDR_SIZE, 6000, MIG_CHUNK };
	struct journey *journey = &self->journey;
	struct mig_stream pass = {};
	unsigned int i;

	journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
	drain(journey);
	mig_stream_copy(&pass, &journey->saved);
	for (i = 0; i < ARRAY_LEN(left_at); i++) {
		journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
		if (left_at[i] == MIG_CHUNK)
			drain(journey);
		else if (left_at[i])
			read_some(journey, left_at[i]);
		ASSERT_EQ(NULL, journey_continue(journey,
						 VFIO_DEVICE_STATE_RUNNING));

		journey->data_fd = vfio_mig_set(self->dev,
						VFIO_DEVICE_STATE_PRE_COPY);
		journey->state = VFIO_DEVICE_STATE_PRE_COPY;
		EXPECT_EQ(pass.len, info_of(journey).initial_bytes);
		EXPECT_EQ(0, info_of(journey).dirty_bytes);
		drain(journey);
		ASSERT_EQ(pass.len, journey->saved.len)
			TH_LOG("left at %zu", left_at[i]);
		EXPECT_EQ(0, memcmp(pass.data, journey->saved.data, pass.len));
	}
	expect_arrival(_metadata, journey, &self->dst);
	mig_stream_free(&pass);
}

/*
 * MIG_DATA_SIZE: what it says before STOP_COPY is entered, against what then
 * comes.  Too little is worse than too much: a VMM takes it for the downtime.
 */
static void expect_size(struct __test_metadata *_metadata,
			struct journey *journey, const char *when)
{
	__u64 size = vfio_mig_data_size(&journey->mtty->dev);
	struct mig_stream rest = {};
	int data_fd;

	EXPECT_LT(0, size);
	if (journey->state == VFIO_DEVICE_STATE_STOP_COPY) {
		data_fd = journey->data_fd;
	} else {
		data_fd = vfio_mig_set(&journey->mtty->dev,
				       VFIO_DEVICE_STATE_STOP_COPY);
		if (mig_model_saving(journey->state))
			data_fd = journey->data_fd;
	}
	mig_stream_read(&rest, data_fd, MIG_CHUNK, 0);
	EXPECT_LE(rest.len, size)
		TH_LOG("%s, %s", mig_state_name(journey->state), when);
	EXPECT_GE(rest.len + rest.len / 100 + 4096, size)
		TH_LOG("%s, %s", mig_state_name(journey->state), when);
	mig_stream_free(&rest);
	if (data_fd != journey->data_fd)
		close(data_fd);
}

static const __u32 pre_copy_states[] = {
	VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_PRE_COPY_P2P,
};

/* Sizes beside which what an estimate may be off by is small */
#define BIG_PAGES	64
#define BIG_SIZE	(BIG_PAGES * PAGE)

static void make_big(struct mtty *mtty)
{
	vfio_dev_close(&mtty->dev);
	must(__mtty_set_mem_size(mtty, "256K"));
	vfio_dev_open(&mtty->dev, mtty->mdev.uuid);
}

/* Zero and other pages, changed and zeroed, sent and not, at each step */
TEST_F(pre_copy, data_size_is_right_at_each_step_of_pre_copy)
{
	struct journey *journey = &self->journey;
	unsigned int i, step;

	make_big(&self->mtty);
	for (i = 0; i < 2 * 9; i++) {
		__u32 state = pre_copy_states[i % 2];
		__u64 at;

		if (!mig_model_supported(variant->flags, state))
			continue;
		journey_go(journey, VFIO_DEVICE_STATE_RUNNING);
		mtty_fill(&self->mtty, 1, 2);
		journey->data_fd = vfio_mig_set(self->dev, state);
		journey->state = state;
		step = i / 2;
		if (step > 0)
			read_some(journey, 10);
		if (step > 1)
			read_some(journey, HDR_SIZE - 10);
		if (step > 2)
			read_some(journey, 1000);
		if (step > 3)
			for (at = 1; at < BIG_PAGES; at += 4)
				knob_write(&self->mtty, "dirty", "%llu 1", at);
		if (step > 4)
			for (at = 0; at < BIG_PAGES; at += 3)
				vfio_region_write(self->dev, MTTY_MIG_MEM_BAR,
						  at * PAGE, zero_page, PAGE);
		if (step > 5)
			drain(journey);
		if (step > 6)
			for (at = 0; at < BIG_PAGES; at += 5)
				vfio_region_write(self->dev, MTTY_MIG_MEM_BAR,
						  at * PAGE, zero_page, PAGE);
		if (step > 7)
			knob_write(&self->mtty, "dirty", "0 %u", BIG_PAGES);
		expect_size(_metadata, journey, "in pre-copy");
	}
}

TEST_F(pre_copy, any_order_of_changes_and_reads_arrives)
{
	struct journey *journey = &self->journey;
	struct mig_stream stream = {};
	__u64 seed, random;
	unsigned int i;

	for (seed = 1; seed <= 12; seed++) {
		__u64 next = seed;

		journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
		for (i = 0; i < 30; i++) {
			__u64 page;

			random = mtty_random(&next);
			page = random / 64 % JOURNEY_PAGES;
			switch (random % 8) {
			case 0:
				knob_write(&self->mtty, "dirty", "%llu 1",
					   page);
				break;
			case 1:
			case 2:
				vfio_region_write(self->dev, MTTY_MIG_MEM_BAR,
						  page * PAGE, zero_page,
						  PAGE);
				break;
			case 3:
				vfio_region_write8(self->dev, MTTY_MIG_MEM_BAR,
						   page * PAGE + 11, random >> 16);
				break;
			case 4:
				mtty_ctrl_out(&self->mtty,
					      MTTY_MIG_REG_SCRATCH, random);
				break;
			case 5:
				drain(journey);
				break;
			default:
				read_some(journey, random >> 8 & 0xfff);
			}
		}
		expect_arrival(_metadata, journey, &self->dst);

		/* Without pre-copy it would have come to the same */
		vfio_mig_set(self->dev, VFIO_DEVICE_STATE_STOP);
		mig_save(self->dev, &stream, MIG_CHUNK);
		vfio_dev_reset(&self->dst.dev);
		mig_load(&self->dst.dev, &stream, MIG_CHUNK,
			 VFIO_DEVICE_STATE_RUNNING);
		EXPECT_EQ(journey->digest, mtty_digest(&self->dst))
			TH_LOG("seed %llu", seed);
	}
	mig_stream_free(&stream);
}

MTTY_FIXTURE(data_size, NULL);
MTTY_VARIANTS(data_size);

TEST_F(data_size, is_right_in_every_state_and_for_any_content)
{
	static const struct {
		const char *name;
		unsigned int step;
	} contents[] = {
		{ "no content", 0 },
		{ "one page", BIG_PAGES },
		{ "every second page", 2 },
		{ "all pages", 1 },
	};
	struct journey *journey = &self->journey;
	unsigned int i;
	__u32 state;

	make_big(&self->mtty);
	for (i = 0; i < ARRAY_LEN(contents); i++) {
		for (state = 0; state < VFIO_DEVICE_STATE_NR; state++) {
			if (!mig_model_supported(variant->flags, state) ||
			    state == VFIO_DEVICE_STATE_RESUMING)
				continue;
			journey_go(journey, VFIO_DEVICE_STATE_RUNNING);
			vfio_dev_reset(self->dev);
			if (contents[i].step)
				mtty_fill(&self->mtty, 1, contents[i].step);
			journey->data_fd = vfio_mig_set(self->dev, state);
			journey->state = state;
			expect_size(_metadata, journey, contents[i].name);
		}
	}
}

/* In the course of STOP_COPY it is what is left, and 1 if that is nothing */
TEST_F(data_size, falls_in_STOP_COPY_but_never_to_0)
{
	struct journey *journey = &self->journey;
	__u64 left;
	__u8 buf[3000];
	ssize_t n;

	journey_go(journey, VFIO_DEVICE_STATE_STOP_COPY);
	left = journey->image.len;
	do {
		EXPECT_EQ(left ? left : 1, vfio_mig_data_size(self->dev));
		n = mig_read(journey->data_fd, buf, sizeof(buf));
		ASSERT_LE(0, n);
		left -= n;
	} while (n > 0);
	EXPECT_EQ(0, left);
	EXPECT_EQ(1, vfio_mig_data_size(self->dev));
}

/* What was received is what would be sent again: to STOP_COPY is one SET */
TEST_F(data_size, in_RESUMING_is_of_what_was_received)
{
	struct journey *journey = &self->journey;

	journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
	EXPECT_LT(0, vfio_mig_data_size(self->dev));
	journey_load(journey, journey->image.len / 2);
	EXPECT_LT(0, vfio_mig_data_size(self->dev));
	journey_load(journey, journey->image.len);
	expect_size(_metadata, journey, "all received");
}

TEST_HARNESS_MAIN
