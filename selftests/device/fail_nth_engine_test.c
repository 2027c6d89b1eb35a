// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation and each copy that can fail in the thread of a DMA channel:
 * see lib/walks.h.
 */
#include <errno.h>
#include <string.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "lib/dma.h"
#include "lib/knobs.h"
#include "lib/walks_fixture.h"

/* The pages of a buffer that have a byte somewhere, as bits */
static __u64 pages_with(const struct vfio_buf *buf, __u8 val)
{
	__u64 pages = 0;
	unsigned int i;

	for (i = 0; i < buf->len; i++)
		if (buf->addr[i] == val)
			pages |= 1ULL << (i / MTTY_MIG_PAGE_SIZE);
	return pages;
}

#define STEP_PATTERN	0xa5

/*
 * The engine, by hand: a channel that cannot go on says so, and each page
 * that it has written is in the log, or the log says that it is not complete.
 */
TEST_F_TIMEOUT(walks, engine_step_to_user_memory, WALK_TIMEOUT)
{
	struct bench *bench = &self->bench;
	struct fail_nth *walk = &self->walk;
	const struct dma_transfer fill = {
		.cmd = MTTY_MIG_DMA_OP_FILL,
		.dst = bench->buf.iova,
		.len = bench->buf.len,
		.pattern = STEP_PATTERN * 0x01010101U,
	};
	bool step, report;
	__u64 written;
	__u32 status;
	int ret;

	knob_write(&self->mtty, "engine_hold", "1");
	/* The copy of each page; the log's array may tell, too */
	fail_nth_begin_of(walk, dma_thread(&self->mtty, 0),
			  "DMA to user memory", LOG_PAGES);
	while (fail_nth_next(walk)) {
		journey_go(&self->journey, VFIO_DEVICE_STATE_RUNNING);
		memset(bench->buf.addr, 0, bench->buf.len);
		walk_log_restart(bench);
		bench->bitmap = 0;
		dma_start(&self->mtty, 0, &fill);
		fail_nth_arm(walk);
		ret = __knob_write(&self->mtty, "engine_step", "0 %llu",
				   (unsigned long long)fill.len);
		fail_nth_disarm(walk);
		status = dma_status(&self->mtty, 0);
		/* It did not move at all */
		if (ret == -EBUSY && status == MTTY_MIG_DMA_ERROR)
			ret = 0;
		step = walk_succeeded(_metadata, walk, ret);
		written = pages_with(&bench->buf, STEP_PATTERN);
		ret = walk_log_report(bench);
		report = !ret;
		if (step && status == MTTY_MIG_DMA_COMPLETE) {
			EXPECT_EQ((1 << LOG_PAGES) - 1, written);
			/* All that failed is the log */
			if (!report)
				fail_nth_told(walk);
		} else if (step) {
			EXPECT_EQ(MTTY_MIG_DMA_ERROR, status);
			EXPECT_LT(dma_done(&self->mtty, 0), fill.len);
			fail_nth_told(walk);
		} else {
			EXPECT_NE(MTTY_MIG_DMA_COMPLETE, status);
		}
		EXPECT_TRUE(report || ret == -ENOMEM);
		if (report)
			EXPECT_EQ(written, bench->bitmap & written);
		if (!walk->fired) {
			EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, status);
			EXPECT_TRUE(report);
		}
	}
	knob_write(&self->mtty, "engine_hold", "0");
	walk_end(_metadata, walk);
}

/* The other direction: pages of device memory that cannot be had */
TEST_F_TIMEOUT(walks, engine_step_to_device_memory, WALK_TIMEOUT)
{
	struct bench *bench = &self->bench;
	struct fail_nth *walk = &self->walk;
	static __u8 seen[LOG_PAGES * MTTY_MIG_PAGE_SIZE];
	const struct dma_transfer read = {
		.cmd = MTTY_MIG_DMA_OP_READ,
		.src = bench->buf.iova,
		.len = bench->buf.len,
	};
	__u32 status = 0;
	__u64 done;
	bool step;
	int ret;

	memset(bench->buf.addr, STEP_PATTERN, bench->buf.len);
	knob_write(&self->mtty, "engine_hold", "1");
	/* The copy of each page, and its allocation */
	fail_nth_begin_of(walk, dma_thread(&self->mtty, 0),
			  "DMA to device memory", 2 * LOG_PAGES);
	while (fail_nth_next(walk)) {
		vfio_dev_reset(bench->dev);
		dma_start(&self->mtty, 0, &read);
		fail_nth_arm(walk);
		ret = __knob_write(&self->mtty, "engine_step", "0 %llu",
				   (unsigned long long)read.len);
		fail_nth_disarm(walk);
		status = dma_status(&self->mtty, 0);
		/* It did not move at all */
		if (ret == -EBUSY && status == MTTY_MIG_DMA_ERROR)
			ret = 0;
		step = walk_succeeded(_metadata, walk, ret);
		done = dma_done(&self->mtty, 0);
		if (step && status != MTTY_MIG_DMA_COMPLETE) {
			EXPECT_EQ(MTTY_MIG_DMA_ERROR, status);
			EXPECT_LT(done, read.len);
			fail_nth_told(walk);
		}
		ASSERT_LE(done, read.len);
		vfio_region_read(bench->dev, MTTY_MIG_MEM_BAR, 0, seen, done);
		EXPECT_EQ(0, memcmp(seen, bench->buf.addr, done));
	}
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, status);
	knob_write(&self->mtty, "engine_hold", "0");
	walk_end(_metadata, walk);
}

/* The transfer is not to blame, and takes place; but the log is not complete */
TEST_F(walks, no_nodes_for_the_log)
{
	struct bench *bench = &self->bench;
	const struct dma_transfer fill = {
		.cmd = MTTY_MIG_DMA_OP_FILL,
		.dst = bench->buf.iova,
		.len = bench->buf.len,
		.pattern = STEP_PATTERN * 0x01010101U,
	};

	knob_write(&self->mtty, "engine_hold", "1");
	walk_log_restart(bench);
	dma_start(&self->mtty, 0, &fill);
	fail_nodes_of(dma_thread(&self->mtty, 0), true);
	knob_write(&self->mtty, "engine_step", "0 %llu",
		   (unsigned long long)fill.len);
	fail_nodes_of(dma_thread(&self->mtty, 0), false);
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_status(&self->mtty, 0));
	EXPECT_EQ((1 << LOG_PAGES) - 1,
		  pages_with(&bench->buf, STEP_PATTERN));
	/* It stays incomplete until it is started anew */
	EXPECT_EQ(-ENOMEM, walk_log_report(bench));
	EXPECT_EQ(-ENOMEM, walk_log_report(bench));
	knob_write(&self->mtty, "engine_hold", "0");
	walk_log_fill(bench);
	EXPECT_EQ(0, walk_log_report(bench));
	EXPECT_EQ((1 << LOG_PAGES) - 1, bench->bitmap);
}

/* Last, so that there is something to count */
TEST_F(walks, walks_together)
{
	EXPECT_LT(0, fail_nth_total());
}

TEST_HARNESS_MAIN
