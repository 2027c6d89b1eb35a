// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each device, channel and session has for itself: a buffer, a position,
 * registers, a lock. Two of them are in the middle of something at the same
 * time, and neither notices the other.
 */
#include <string.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/child.h"
#include "../lib/held_mem.h"
#include "../lib/vfio_dma.h"
#include "../lib/worker.h"
#include "lib/dma.h"

#define PAGE		((__u64)MTTY_MIG_PAGE_SIZE)
#define PAGES		64
#define HELD_IOVA	0x40000000ULL
#define GOOD_IOVA	0x50000000ULL
#define STATE(name)	VFIO_DEVICE_STATE_##name

/* No divisor of any record */
#define PIECE		1777

FIXTURE(separate)
{
	struct mtty a;
	struct mtty b;
	struct held_mem mem;
	__u8 page[MTTY_MIG_PAGE_SIZE];
};

FIXTURE_SETUP(separate)
{
	const char *why;

	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	why = held_mem_new(&self->mem, 2);
	if (why)
		SKIP(return, "%s", why);
	mtty_new(&self->a, "full", PAGES * PAGE);
	mtty_new(&self->b, "full", PAGES * PAGE);
	mtty_fill(&self->a, 1, 1);
	mtty_fill(&self->b, 2, 1);
	must(__vfio_dma_map(&self->a.dev, self->mem.buf, HELD_IOVA,
			    2 * self->mem.page, true));
}

FIXTURE_TEARDOWN(separate)
{
	held_mem_free(&self->mem);
	mtty_remove_all();
}

/*
 * Memory that is missing holds a channel up in the middle of a chunk, when the
 * other one begins. The core lets in only one of them at a time, so that this
 * one waits, too, with its data.
 */
TEST_F(separate, channels_transfer_each_their_own_data)
{
	struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_WRITE, .dst = HELD_IOVA, .len = PAGE,
	};
	/* It never says anything */
	struct child thread = {
		.pid = dma_thread(&self->a, 1),
		.sock = eventfd_new(),
	};
	struct vfio_buf good;

	vfio_buf_new(&self->a.dev, &good, GOOD_IOVA, PAGE, true);
	dma_start(&self->a, 0, &t);
	held_mem_wait(&self->mem, 0);
	t.src = PAGE;
	t.dst = GOOD_IOVA;
	dma_start(&self->a, 1, &t);
	EXPECT_TRUE(child_sleeps(&thread));
	held_mem_serve(&self->mem, 0, self->page);
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(&self->a, 0));
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(&self->a, 1));

	mtty_fill_page(self->page, 1, 0);
	EXPECT_EQ(0, memcmp(self->page, self->mem.buf, PAGE));
	mtty_fill_page(self->page, 1, 1);
	EXPECT_EQ(0, memcmp(self->page, good.addr, PAGE));
}

/* Of what is written to page 0 the second half is missing */
struct half {
	struct mtty *mtty;
	struct held_mem *mem;
};

static int run_write_half(void *arg)
{
	struct half *half = arg;

	vfio_region_write(&half->mtty->dev, MTTY_MIG_MEM_BAR, 0,
			  half->mem->buf + half->mem->page - PAGE / 2, PAGE);
	return 0;
}

/* While a writer of a device waits for its second half, another one writes */
static void check_writers(struct __test_metadata *_metadata,
			  struct held_mem *mem, struct mtty *mtty,
			  struct mtty *other)
{
	__u8 page[MTTY_MIG_PAGE_SIZE], seen[MTTY_MIG_PAGE_SIZE];
	struct half half = { mtty, mem };
	struct worker writer;

	memset(page, 0x11, PAGE);
	held_mem_serve(mem, 0, page);
	worker_start(&writer, run_write_half, &half);
	held_mem_wait(mem, 1);
	memset(seen, 0x33, PAGE);
	vfio_region_write(&other->dev, MTTY_MIG_MEM_BAR, PAGE, seen, PAGE);
	memset(page, 0x22, PAGE);
	held_mem_serve(mem, 1, page);
	worker_join(&writer);

	memset(page, 0x11, PAGE / 2);
	vfio_region_read(&mtty->dev, MTTY_MIG_MEM_BAR, 0, seen, PAGE);
	EXPECT_EQ(0, memcmp(page, seen, PAGE));
	memset(page, 0x33, PAGE);
	vfio_region_read(&other->dev, MTTY_MIG_MEM_BAR, PAGE, seen, PAGE);
	EXPECT_EQ(0, memcmp(page, seen, PAGE));
}

TEST_F(separate, writers_of_a_device_write_each_their_own_data)
{
	check_writers(_metadata, &self->mem, &self->a, &self->a);
}

TEST_F(separate, writers_of_two_devices_write_each_their_own_data)
{
	check_writers(_metadata, &self->mem, &self->a, &self->b);
}

/* Read from both in turn to the end of both. Return: how the one that lasts ended */
static ssize_t read_in_turn(const int *fds, struct mig_stream *streams)
{
	ssize_t ret[2] = { 1, 1 };
	__u8 piece[PIECE];
	unsigned int i;

	while (ret[0] > 0 || ret[1] > 0) {
		for (i = 0; i < 2; i++) {
			if (ret[i] <= 0)
				continue;
			ret[i] = mig_read(fds[i], piece, sizeof(piece));
			if (ret[i] > 0)
				mig_stream_append(&streams[i], piece, ret[i]);
		}
	}
	return ret[0] == ret[1] ? ret[0] : -EPROTO;
}

static ssize_t write_in_turn(const int *fds, const struct mig_stream *streams)
{
	size_t done[2] = { 0, 0 };
	unsigned int i;

	while (done[0] < streams[0].len || done[1] < streams[1].len) {
		for (i = 0; i < 2; i++) {
			size_t len = streams[i].len - done[i];
			ssize_t ret;

			if (!len)
				continue;
			ret = mig_write(fds[i], streams[i].data + done[i],
					len < PIECE ? len : PIECE);
			if (ret < 0)
				return ret;
			done[i] += ret;
		}
	}
	return 0;
}

/* Pages change behind and before where the first pass is */
static void change_memory(struct mtty *mtty, __u64 seed)
{
	__u8 page[MTTY_MIG_PAGE_SIZE];
	unsigned int i;

	for (i = seed % 3; i < PAGES; i += 3) {
		mtty_fill_page(page, seed, i);
		vfio_region_write(&mtty->dev, MTTY_MIG_MEM_BAR, i * PAGE, page,
				  i % 2 ? PAGE : 8);
	}
}

/* Two migrations at the same time, each of another device */
TEST_F(separate, migrations_in_turn_carry_each_their_own_device)
{
	struct mig_stream streams[2] = {};
	struct mtty *from[] = { &self->a, &self->b };
	struct mtty to[2];
	__u64 digest[2];
	unsigned int i;
	int fds[2];

	for (i = 0; i < 2; i++)
		fds[i] = vfio_mig_set(&from[i]->dev, STATE(PRE_COPY));
	for (i = 0; i < 2; i++) {
		__u8 some[9 * MTTY_MIG_PAGE_SIZE];
		ssize_t ret = mig_read(fds[i], some, sizeof(some));

		ASSERT_LT(0, ret);
		mig_stream_append(&streams[i], some, ret);
	}
	for (i = 0; i < 2; i++)
		change_memory(from[i], 7 + i);
	EXPECT_EQ(-ENOMSG, read_in_turn(fds, streams));
	for (i = 0; i < 2; i++) {
		change_memory(from[i], 21 + i);
		vfio_mig_set(&from[i]->dev, STATE(STOP_COPY));
		digest[i] = mtty_digest(from[i]);
	}
	EXPECT_EQ(0, read_in_turn(fds, streams));
	EXPECT_NE(digest[0], digest[1]);

	for (i = 0; i < 2; i++) {
		mtty_new(&to[i], "full", PAGES * PAGE);
		fds[i] = vfio_mig_set(&to[i].dev, STATE(RESUMING));
	}
	EXPECT_EQ(0, write_in_turn(fds, streams));
	for (i = 0; i < 2; i++)
		vfio_mig_set(&to[i].dev, STATE(STOP));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(digest[i], mtty_digest(&to[i]))
			TH_LOG("device %u", i);
		mig_stream_free(&streams[i]);
	}
}

static int run_stop(void *arg)
{
	struct mtty *mtty = arg;

	return vfio_mig_set(&mtty->dev, STATE(STOP));
}

static int run_life(void *arg)
{
	struct mtty *mtty = arg;

	vfio_mig_set(&mtty->dev, STATE(STOP));
	vfio_mig_set(&mtty->dev, STATE(RUNNING));
	vfio_dev_reset(&mtty->dev);
	mtty_reopen(mtty);
	mtty_fill(mtty, 3, 1);
	return vfio_mig_set(&mtty->dev, STATE(STOP));
}

/* One that cannot be stopped for now holds up no other */
TEST_F(separate, device_that_waits_holds_up_no_other)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_WRITE, .dst = HELD_IOVA, .len = PAGE,
	};
	struct worker stopper, other;

	dma_start(&self->a, 0, &t);
	held_mem_wait(&self->mem, 0);
	worker_start(&stopper, run_stop, &self->a);
	EXPECT_TRUE(worker_sleeps(&stopper));
	worker_start(&other, run_life, &self->b);
	EXPECT_TRUE(worker_returns(&other));
	held_mem_serve(&self->mem, 0, self->page);
	EXPECT_EQ(-1, worker_join(&stopper));
	EXPECT_EQ(-1, worker_join(&other));
}

TEST_HARNESS_MAIN
