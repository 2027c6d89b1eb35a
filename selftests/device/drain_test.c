// SPDX-License-Identifier: GPL-2.0-only
/*
 * The chunks that are under way when a device is stopped: all of them are
 * waited for, and what they bring belongs to the device.
 *
 * User memory that is not there yet holds a chunk up for as long as a test
 * likes; see quiesce_test.c, which is about the user's memory, and this about
 * the device's.
 */
#include <string.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/held_mem.h"
#include "../lib/vfio_dma.h"
#include "../lib/worker.h"
#include "lib/dma.h"

#define PAGE		((__u64)MTTY_MIG_PAGE_SIZE)
#define IOVA		0x40000000ULL
#define MEM_PAGES	4

/* Time enough to be wrong: one that waits takes as long as it must */
#define WRONG_MS	500

static void new_held(struct mtty *mtty, struct held_mem *mem, const char *type)
{
	mtty_new(mtty, type, MEM_PAGES * PAGE);
	must(__vfio_dma_map(&mtty->dev, mem->buf, IOVA, mem->pages * mem->page,
			    true));
}

/* A transfer of pages of user memory, from the first one on, to the device */
static void start_read(struct mtty *mtty, unsigned int channel, __u64 page,
		       __u64 pages)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_READ,
		.src = IOVA + page * PAGE,
		.dst = page * PAGE,
		.len = pages * PAGE,
	};

	dma_start(mtty, channel, &t);
}

static bool page_is(struct mtty *mtty, __u64 page, const void *content)
{
	__u8 buf[MTTY_MIG_PAGE_SIZE];

	vfio_region_read(&mtty->dev, MTTY_MIG_MEM_BAR, page * PAGE, buf,
			 sizeof(buf));
	return !memcmp(buf, content, sizeof(buf));
}

struct set {
	struct worker worker;
	struct vfio_dev *dev;
	__u32 state;
	int data_fd;
};

static int run_set(void *arg)
{
	struct set *set = arg;

	return __vfio_mig_set(set->dev, set->state, &set->data_fd);
}

static int run_reset(void *arg)
{
	return __vfio_dev_reset(arg);
}

/*
 * What was read from user memory
 */

FIXTURE(brought)
{
	struct mtty mtty;
	struct mtty dst;
	struct held_mem mem;
	struct mig_stream stream;
	__u8 content[2][MTTY_MIG_PAGE_SIZE];
	struct set set;
};

FIXTURE_VARIANT(brought)
{
	const char *type;
	__u32 from;
	__u32 to;
};

FIXTURE_VARIANT_ADD(brought, by_STOP)
{
	.type = "base",
	.from = VFIO_DEVICE_STATE_RUNNING,
	.to = VFIO_DEVICE_STATE_STOP,
};

FIXTURE_VARIANT_ADD(brought, by_STOP_COPY)
{
	.type = "full",
	.from = VFIO_DEVICE_STATE_RUNNING,
	.to = VFIO_DEVICE_STATE_STOP_COPY,
};

FIXTURE_VARIANT_ADD(brought, by_STOP_COPY_after_PRE_COPY)
{
	.type = "full",
	.from = VFIO_DEVICE_STATE_PRE_COPY,
	.to = VFIO_DEVICE_STATE_STOP_COPY,
};

/* Where one arc both stops the device and begins to send its registers */
FIXTURE_VARIANT_ADD(brought, by_STOP_COPY_after_PRE_COPY_without_P2P)
{
	.type = "precopy",
	.from = VFIO_DEVICE_STATE_PRE_COPY,
	.to = VFIO_DEVICE_STATE_STOP_COPY,
};

FIXTURE_SETUP(brought)
{
	const char *why = held_mem_new(&self->mem, 2);

	if (why)
		SKIP(return, "%s", why);
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	new_held(&self->mtty, &self->mem, variant->type);
	mtty_new(&self->dst, variant->type, MEM_PAGES * PAGE);
	mtty_fill_page(self->content[0], 1, 0);
	mtty_fill_page(self->content[1], 1, 1);
}

FIXTURE_TEARDOWN(brought)
{
	mig_stream_free(&self->stream);
	mtty_remove_all();
}

/*
 * The chunk counts in DONE, so nobody will transfer it again: its bytes have
 * to be in the device, and in what is sent of it.
 */
TEST_F(brought, bytes_of_the_chunk_under_way_are_in_the_device)
{
	struct mtty *mtty = &self->mtty, *dst = &self->dst;
	struct set *set = &self->set;
	int data_fd = -1;

	if (variant->from != VFIO_DEVICE_STATE_RUNNING) {
		data_fd = vfio_mig_set(&mtty->dev, variant->from);
		mig_stream_read(&self->stream, data_fd, MIG_CHUNK, -ENOMSG);
	}
	start_read(mtty, 0, 0, 2);
	held_mem_wait(&self->mem, 0);
	set->dev = &mtty->dev;
	set->state = variant->to;
	worker_start(&set->worker, run_set, set);
	/* If it does not wait, quiesce_test tells */
	worker_sleeps(&set->worker);
	held_mem_serve(&self->mem, 0, self->content[0]);
	ASSERT_EQ(0, worker_join(&set->worker));
	if (set->data_fd >= 0)
		data_fd = set->data_fd;
	EXPECT_EQ(PAGE, dma_done(mtty, 0));
	EXPECT_TRUE(page_is(mtty, 0, self->content[0]));

	if (variant->to == VFIO_DEVICE_STATE_STOP)
		data_fd = vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_STOP_COPY);
	mig_stream_read(&self->stream, data_fd, MIG_CHUNK, 0);
	must(__vfio_dma_map(&dst->dev, self->mem.buf, IOVA, 2 * PAGE, true));
	held_mem_serve(&self->mem, 1, self->content[1]);
	mig_load(&dst->dev, &self->stream, MIG_CHUNK, VFIO_DEVICE_STATE_STOP);
	EXPECT_EQ(PAGE, dma_done(dst, 0));
	EXPECT_TRUE(page_is(dst, 0, self->content[0]));

	/* The rest of the transfer is made there */
	vfio_mig_set(&dst->dev, VFIO_DEVICE_STATE_RUNNING);
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(dst, 0));
	EXPECT_TRUE(page_is(dst, 0, self->content[0]));
	EXPECT_TRUE(page_is(dst, 1, self->content[1]));
}

/*
 * Several channels
 */

FIXTURE(channels)
{
	struct mtty mtty;
	struct held_mem mem;
	__u8 content[MTTY_MIG_PAGE_SIZE];
};

FIXTURE_SETUP(channels)
{
	const char *why = held_mem_new(&self->mem, 2);

	if (why)
		SKIP(return, "%s", why);
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	new_held(&self->mtty, &self->mem, "full");
	mtty_fill_page(self->content, 1, 0);
}

FIXTURE_TEARDOWN(channels)
{
	mtty_remove_all();
}

/*
 * The IOMMU's lock lets one access touch user memory at a time: the other
 * channel's chunk is under way, too, but waits there.  When that is so cannot
 * be seen.  One that comes late makes the test see less, but not fail.
 */
static void both_under_way(struct mtty *mtty, struct held_mem *mem,
			   unsigned int first)
{
	start_read(mtty, first, first, 1);
	held_mem_wait(mem, first);
	start_read(mtty, !first, !first, 1);
	usleep(100000);
}

/* A reset waits for whichever comes later, and nothing comes after it */
static void check_reset(struct __test_metadata *_metadata, struct mtty *mtty,
			struct held_mem *mem, const void *content,
			unsigned int first)
{
	struct worker worker;
	size_t second;
	__u64 digest;

	both_under_way(mtty, mem, first);
	worker_start(&worker, run_reset, &mtty->dev);
	EXPECT_TRUE(worker_sleeps(&worker));
	held_mem_serve(mem, first, content);
	if (held_mem_wanted(mem, 2 * WRONG_MS, &second))
		EXPECT_FALSE(worker_ends(&worker, WRONG_MS))
			TH_LOG("reset went past the chunk of channel %zu",
			       second);
	held_mem_serve(mem, !first, content);
	EXPECT_EQ(0, worker_join(&worker));
	/* Time for what must not come any more */
	usleep(100000);
	EXPECT_EQ(0, dma_done(mtty, 0));
	EXPECT_EQ(0, dma_done(mtty, 1));
	digest = mtty_digest(mtty);
	vfio_dev_reset(&mtty->dev);
	EXPECT_EQ(mtty_digest(mtty), digest);
}

TEST_F(channels, reset_waits_for_channel_1_after_channel_0)
{
	check_reset(_metadata, &self->mtty, &self->mem, self->content, 0);
}

TEST_F(channels, reset_waits_for_channel_0_after_channel_1)
{
	check_reset(_metadata, &self->mtty, &self->mem, self->content, 1);
}

TEST_HARNESS_MAIN
