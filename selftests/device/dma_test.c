// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA engine: what it transfers, how it fails, and what the migration
 * states let it do.
 */
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/vfio_dma.h"
#include "lib/dma.h"
#include "lib/knobs.h"

#define PAGE		((__u64)MTTY_MIG_PAGE_SIZE)
#define MEM_SIZE	(64 * PAGE)
#define BUF_IOVA	0x40000000ULL
#define BUF_SIZE	(64 * PAGE)
#define PEER_IOVA	0x80000000ULL
#define COMPLETE	MTTY_MIG_DMA_COMPLETE
#define FAILED		MTTY_MIG_DMA_ERROR
#define BUSY		MTTY_MIG_DMA_BUSY

FIXTURE(dma)
{
	struct mtty mtty;
	struct vfio_buf buf;
	struct vfio_buf peer;
	__u8 expected[BUF_SIZE];
	__u8 mem[MEM_SIZE];
};

FIXTURE_VARIANT(dma)
{
	enum vfio_way way;
};

FIXTURE_VARIANT_ADD(dma, cdev)
{
	.way = VFIO_WAY_CDEV,
};

FIXTURE_VARIANT_ADD(dma, group_type1)
{
	.way = VFIO_WAY_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(dma, group_iommufd)
{
	.way = VFIO_WAY_GROUP_IOMMUFD,
};

static void fill(void *buf, __u64 len, __u64 seed)
{
	__u64 i;

	for (i = 0; i < len / PAGE; i++)
		mtty_fill_page((__u8 *)buf + i * PAGE, seed, i);
}

FIXTURE_SETUP(dma)
{
	int ret;

	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "full", MEM_SIZE);
	vfio_dev_close(&self->mtty.dev);
	ret = __vfio_dev_open(&self->mtty.dev, self->mtty.mdev.uuid,
			      variant->way);
	if (ret) {
		/* The harness tears nothing down after that */
		mtty_remove_all();
		SKIP(return, "this kernel has no %s: %s",
		     vfio_way_name(variant->way), strerror(-ret));
	}
	vfio_buf_new(&self->mtty.dev, &self->buf, BUF_IOVA, BUF_SIZE, true);
	vfio_buf_new(&self->mtty.dev, &self->peer, PEER_IOVA, BUF_SIZE, true);
	fill(self->mem, MEM_SIZE, 1);
	vfio_region_write(&self->mtty.dev, MTTY_MIG_MEM_BAR, 0, self->mem,
			  MEM_SIZE);
}

FIXTURE_TEARDOWN(dma)
{
	mtty_remove_all();
}

TEST_F(dma, write_brings_device_memory_to_user_memory)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_WRITE,
		.src = PAGE + 5, .dst = BUF_IOVA + 3, .len = 10 * PAGE + 7,
	};

	memcpy(self->expected + 3, self->mem + PAGE + 5, t.len);
	EXPECT_EQ(COMPLETE, dma_run(&self->mtty, 0, &t));
	EXPECT_EQ(t.len, dma_done(&self->mtty, 0));
	EXPECT_EQ(0, memcmp(self->expected, self->buf.addr, BUF_SIZE));
}

TEST_F(dma, read_brings_user_memory_to_device_memory)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_READ,
		.src = BUF_IOVA + 100, .dst = 2 * PAGE + 1, .len = 9 * PAGE,
	};
	__u8 now[MEM_SIZE];

	fill(self->buf.addr, BUF_SIZE, 2);
	memcpy(self->mem + t.dst, self->buf.addr + 100, t.len);
	EXPECT_EQ(COMPLETE, dma_run(&self->mtty, 1, &t));
	vfio_region_read(&self->mtty.dev, MTTY_MIG_MEM_BAR, 0, now, MEM_SIZE);
	EXPECT_EQ(0, memcmp(self->mem, now, MEM_SIZE));
}

/* Offsets in device memory are of 64 bits, as its size is */
TEST_F(dma, device_memory_beyond_4_gib_is_reached)
{
	const __u64 at = (4ULL << 30) - PAGE, len = 3 * PAGE;
	const struct dma_transfer out = {
		.cmd = MTTY_MIG_DMA_OP_WRITE,
		.src = at, .dst = PEER_IOVA, .len = len,
	};
	const struct dma_transfer in = {
		.cmd = MTTY_MIG_DMA_OP_READ,
		.src = BUF_IOVA, .dst = at + len, .len = len,
	};
	static const __u8 none[16 * MTTY_MIG_PAGE_SIZE];
	struct vfio_dev *dev = &self->mtty.dev;
	__u8 seen[16 * MTTY_MIG_PAGE_SIZE];

	vfio_dev_close(dev);
	ASSERT_EQ(0, __mtty_set_mem_size(&self->mtty, "8G"));
	must(__vfio_dev_open(dev, self->mtty.mdev.uuid, variant->way));
	must(__vfio_dma_map(dev, self->buf.addr, BUF_IOVA, BUF_SIZE, true));
	must(__vfio_dma_map(dev, self->peer.addr, PEER_IOVA, BUF_SIZE, true));

	vfio_region_write(dev, MTTY_MIG_MEM_BAR, at, self->mem, len);
	EXPECT_EQ(COMPLETE, dma_run(&self->mtty, 0, &out));
	EXPECT_EQ(0, memcmp(self->mem, self->peer.addr, len));
	fill(self->buf.addr, len, 2);
	EXPECT_EQ(COMPLETE, dma_run(&self->mtty, 0, &in));
	vfio_region_read(dev, MTTY_MIG_MEM_BAR, in.dst, seen, len);
	EXPECT_EQ(0, memcmp(self->buf.addr, seen, len));
	/* And not what has the same lower half of an offset */
	vfio_region_read(dev, MTTY_MIG_MEM_BAR, 0, seen, sizeof(seen));
	EXPECT_EQ(0, memcmp(none, seen, sizeof(seen)));
}

TEST_F(dma, copy_moves_user_memory)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_COPY,
		.src = BUF_IOVA + 9, .dst = PEER_IOVA + PAGE, .len = 20 * PAGE,
	};

	fill(self->buf.addr, BUF_SIZE, 3);
	memcpy(self->expected + PAGE, self->buf.addr + 9, t.len);
	EXPECT_EQ(COMPLETE, dma_run(&self->mtty, 0, &t));
	EXPECT_EQ(0, memcmp(self->expected, self->peer.addr, BUF_SIZE));
}

TEST_F(dma, fill_repeats_the_pattern_by_address)
{
	static const __u8 bytes[] = { 0x11, 0x22, 0x33, 0x44 };
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = 0x44332211,
		.dst = BUF_IOVA + 2, .len = 3 * PAGE,
	};
	unsigned int i;

	for (i = 2; i < 2 + t.len; i++)
		self->expected[i] = bytes[i % 4];
	EXPECT_EQ(COMPLETE, dma_run(&self->mtty, 0, &t));
	EXPECT_EQ(0, memcmp(self->expected, self->buf.addr, BUF_SIZE));
}

TEST_F(dma, channels_work_side_by_side)
{
	struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_WRITE,
		.src = 0, .dst = BUF_IOVA, .len = MEM_SIZE,
	};

	dma_start(&self->mtty, 0, &t);
	t.dst = PEER_IOVA;
	dma_start(&self->mtty, 1, &t);
	EXPECT_EQ(COMPLETE, dma_wait(&self->mtty, 0));
	EXPECT_EQ(COMPLETE, dma_wait(&self->mtty, 1));
	EXPECT_EQ(0, memcmp(self->mem, self->buf.addr, MEM_SIZE));
	EXPECT_EQ(0, memcmp(self->mem, self->peer.addr, MEM_SIZE));
}

TEST_F(dma, the_end_raises_an_interrupt_if_wanted)
{
	struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL | MTTY_MIG_DMA_IRQ,
		.dst = BUF_IOVA, .len = PAGE,
	};
	int fds[MTTY_MIG_NR_VECTORS];
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		fds[i] = eventfd_new();
	vfio_irq_eventfds(&self->mtty.dev, VFIO_PCI_MSIX_IRQ_INDEX, 0,
			  MTTY_MIG_NR_VECTORS, fds);

	EXPECT_EQ(COMPLETE, dma_run(&self->mtty, 0, &t));
	EXPECT_EQ(1, eventfd_take(fds[MTTY_MIG_IRQ_DMA]));
	EXPECT_EQ(1 << MTTY_MIG_IRQ_DMA,
		  mtty_ctrl_in(&self->mtty, MTTY_MIG_REG_IRQ_STATUS));
	/* Acknowledged by clearing the status */
	mtty_ctrl_out(&self->mtty, MTTY_MIG_DMA(0) + MTTY_MIG_DMA_STATUS, ~0U);
	EXPECT_EQ(0, mtty_ctrl_in(&self->mtty, MTTY_MIG_REG_IRQ_STATUS));

	/* An error is an end, too */
	t.dst = 0x1000;
	EXPECT_EQ(FAILED, dma_run(&self->mtty, 0, &t));
	EXPECT_EQ(1, eventfd_take(fds[MTTY_MIG_IRQ_DMA]));
	t.cmd = MTTY_MIG_DMA_OP_FILL;
	t.dst = BUF_IOVA;
	EXPECT_EQ(COMPLETE, dma_run(&self->mtty, 0, &t));
	EXPECT_EQ(0, eventfd_take(fds[MTTY_MIG_IRQ_DMA]));
}

/* Nobody looks at the device meanwhile: that, too, would raise it */
TEST_F(dma, the_interrupt_comes_by_itself)
{
	static const __u64 iovas[] = { BUF_IOVA, 0x1000 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(iovas); i++) {
		const struct dma_transfer t = {
			.cmd = MTTY_MIG_DMA_OP_FILL | MTTY_MIG_DMA_IRQ,
			.dst = iovas[i], .len = BUF_SIZE,
		};
		struct pollfd pfd = { .fd = eventfd_new(), .events = POLLIN };

		vfio_irq_eventfds(&self->mtty.dev, VFIO_PCI_INTX_IRQ_INDEX, 0,
				  1, &pfd.fd);
		dma_start(&self->mtty, 0, &t);
		EXPECT_EQ(1, poll(&pfd, 1, 10000));
		EXPECT_EQ(i ? FAILED : COMPLETE, dma_status(&self->mtty, 0));
		mtty_ctrl_out(&self->mtty, MTTY_MIG_DMA(0) +
			      MTTY_MIG_DMA_STATUS, ~0U);
	}
}

TEST_F(dma, unmapped_IOVA_ends_in_an_error)
{
	static const __u32 ops[] = {
		MTTY_MIG_DMA_OP_WRITE, MTTY_MIG_DMA_OP_READ,
		MTTY_MIG_DMA_OP_COPY, MTTY_MIG_DMA_OP_FILL,
	};
	struct dma_transfer t = { .len = PAGE };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ops); i++) {
		t.cmd = ops[i];
		t.src = ops[i] == MTTY_MIG_DMA_OP_WRITE ? 0 : 0x1000;
		t.dst = ops[i] == MTTY_MIG_DMA_OP_READ ? 0 : 0x1000;
		EXPECT_EQ(FAILED, dma_run(&self->mtty, 0, &t))
			TH_LOG("operation %u", ops[i]);
		EXPECT_EQ(0, dma_done(&self->mtty, 0));
	}
	/* The engine is none the worse for it */
	t.dst = BUF_IOVA;
	EXPECT_EQ(COMPLETE, dma_run(&self->mtty, 0, &t));
}

/* To the byte: nothing is written of a chunk that fails */
TEST_F(dma, DONE_tells_how_far_it_got)
{
	const __u64 room = 3 * PAGE - 5;
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = BUF_IOVA + BUF_SIZE - room, .len = 5 * PAGE,
	};

	memset(self->expected + BUF_SIZE - room, 0xff, room);
	EXPECT_EQ(FAILED, dma_run(&self->mtty, 0, &t));
	EXPECT_EQ(room, dma_done(&self->mtty, 0));
	EXPECT_EQ(0, memcmp(self->expected, self->buf.addr, BUF_SIZE));
}

TEST_F(dma, read_only_IOVA_is_not_written)
{
	const __u64 iova = 0x10000000;
	struct vfio_buf ro;
	struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = iova, .len = PAGE,
	};

	vfio_buf_new(&self->mtty.dev, &ro, iova, PAGE, false);
	memset(ro.addr, 0x5a, PAGE);
	memset(self->expected, 0x5a, PAGE);
	EXPECT_EQ(FAILED, dma_run(&self->mtty, 0, &t));
	EXPECT_EQ(0, memcmp(self->expected, ro.addr, PAGE));

	t.cmd = MTTY_MIG_DMA_OP_READ;
	t.src = iova;
	t.dst = 0;
	EXPECT_EQ(COMPLETE, dma_run(&self->mtty, 0, &t));
}

TEST_F(dma, parameters_that_make_no_sense_are_refused)
{
	static const struct dma_transfer bad[] = {
		{ .cmd = MTTY_MIG_DMA_OP_FILL, .dst = 0, .len = 0 },
		{ .cmd = MTTY_MIG_DMA_OP_FILL, .dst = BUF_IOVA, .len = 0 },
		{ .cmd = MTTY_MIG_DMA_OP_FILL, .dst = -PAGE, .len = 2 * PAGE },
		{ .cmd = MTTY_MIG_DMA_OP_FILL, .dst = BUF_IOVA, .len = ~0ULL },
		{ .cmd = MTTY_MIG_DMA_OP_COPY, .src = -PAGE, .dst = BUF_IOVA,
		  .len = 2 * PAGE },
		{ .cmd = MTTY_MIG_DMA_OP_WRITE, .src = MEM_SIZE,
		  .dst = BUF_IOVA, .len = 1 },
		{ .cmd = MTTY_MIG_DMA_OP_WRITE, .src = MEM_SIZE - 1,
		  .dst = BUF_IOVA, .len = 2 },
		{ .cmd = MTTY_MIG_DMA_OP_READ, .src = BUF_IOVA,
		  .dst = MEM_SIZE - 1, .len = 2 },
		{ .cmd = MTTY_MIG_DMA_OP_READ, .src = BUF_IOVA, .dst = ~0ULL,
		  .len = 2 },
	};
	__u64 digest;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		dma_start(&self->mtty, 0, &bad[i]);
		EXPECT_EQ(FAILED, dma_status(&self->mtty, 0))
			TH_LOG("transfer %u", i);
		EXPECT_EQ(0, dma_done(&self->mtty, 0));
	}
	EXPECT_EQ(0, memcmp(self->expected, self->buf.addr, BUF_SIZE));
	must(__mtty_digest(&self->mtty, &digest));
}

static void hold(struct mtty *mtty)
{
	knob_write(mtty, "engine_hold", "1");
}

TEST_F(dma, busy_channel_keeps_its_parameters)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_WRITE,
		.src = 0, .dst = BUF_IOVA, .len = 4 * PAGE,
	};
	unsigned int reg;

	hold(&self->mtty);
	dma_start(&self->mtty, 0, &t);
	for (reg = MTTY_MIG_DMA_CMD; reg <= MTTY_MIG_DMA_PATTERN; reg += 4)
		mtty_ctrl_out(&self->mtty, MTTY_MIG_DMA(0) + reg, 3);
	EXPECT_EQ(BUSY, dma_status(&self->mtty, 0));
	knob_write(&self->mtty, "engine_hold", "0");
	EXPECT_EQ(COMPLETE, dma_wait(&self->mtty, 0));
	EXPECT_EQ(0, memcmp(self->mem, self->buf.addr, 4 * PAGE));
}

/* By type1 only who has mapped the memory can do DMA, and it is not who steps */
TEST_F(dma, another_process_may_step_it)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_WRITE,
		.src = 0, .dst = BUF_IOVA, .len = 2 * PAGE,
	};
	struct mtty *mtty = &self->mtty;
	int status;
	pid_t pid;

	hold(mtty);
	dma_start(mtty, 0, &t);
	pid = fork();
	if (!pid)
		_exit(-__knob_write(mtty, "engine_step", "0 %llu", t.len));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(COMPLETE, dma_status(mtty, 0));
	EXPECT_EQ(0, memcmp(self->mem, self->buf.addr, t.len));
}

TEST_F(dma, abort_ends_in_an_error)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = BUF_IOVA, .len = 4 * PAGE,
	};

	hold(&self->mtty);
	dma_start(&self->mtty, 0, &t);
	knob_write(&self->mtty, "engine_step", "0 4096");
	mtty_ctrl_out(&self->mtty, MTTY_MIG_DMA(0) + MTTY_MIG_DMA_CTRL,
		      MTTY_MIG_DMA_ABORT);
	EXPECT_EQ(FAILED, dma_status(&self->mtty, 0));
	EXPECT_EQ(PAGE, dma_done(&self->mtty, 0));
	EXPECT_EQ(-EBUSY, __knob_write(&self->mtty, "engine_step", "0 4096"));
	memset(self->expected, 0xff, PAGE);
	EXPECT_EQ(0, memcmp(self->expected, self->buf.addr, BUF_SIZE));
}

TEST_F(dma, a_step_moves_one_chunk)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_WRITE,
		.src = 0, .dst = BUF_IOVA, .len = 3 * PAGE,
	};

	EXPECT_EQ(-EBUSY, __knob_write(&self->mtty, "engine_step", "0 1"));
	hold(&self->mtty);
	dma_start(&self->mtty, 0, &t);
	EXPECT_EQ(0, dma_done(&self->mtty, 0));
	knob_write(&self->mtty, "engine_step", "0 1");
	EXPECT_EQ(PAGE, dma_done(&self->mtty, 0));
	EXPECT_EQ(BUSY, dma_status(&self->mtty, 0));
	knob_write(&self->mtty, "engine_step", "0 8192");
	EXPECT_EQ(COMPLETE, dma_status(&self->mtty, 0));
	EXPECT_EQ(-EINVAL, __knob_write(&self->mtty, "engine_step", "2 1"));
}

/* uAPI: the P2P states must prevent the device from initiating any new P2P */
/* At either end, so that it is transferred as a whole or not at all */
TEST_F(dma, a_chunk_ends_where_a_page_ends)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_COPY,
		.src = PEER_IOVA + PAGE - 16, .dst = BUF_IOVA + PAGE - 48,
		.len = 64,
	};

	hold(&self->mtty);
	dma_start(&self->mtty, 0, &t);
	knob_write(&self->mtty, "engine_step", "0 1");
	EXPECT_EQ(16, dma_done(&self->mtty, 0));
	knob_write(&self->mtty, "engine_step", "0 1");
	EXPECT_EQ(48, dma_done(&self->mtty, 0));
	knob_write(&self->mtty, "engine_step", "0 1");
	EXPECT_EQ(64, dma_done(&self->mtty, 0));
	EXPECT_EQ(COMPLETE, dma_status(&self->mtty, 0));
}

TEST_F(dma, P2P_states_stop_transfers_to_peers_only)
{
	static const __u32 states[] = {
		VFIO_DEVICE_STATE_RUNNING_P2P, VFIO_DEVICE_STATE_PRE_COPY_P2P,
	};
	struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_WRITE, .src = 0, .len = 4 * PAGE,
	};
	unsigned int i;

	dma_peer_window(&self->mtty, PEER_IOVA, BUF_SIZE);
	hold(&self->mtty);
	for (i = 0; i < ARRAY_LEN(states); i++) {
		t.dst = PEER_IOVA;
		dma_start(&self->mtty, 0, &t);
		t.dst = BUF_IOVA;
		dma_start(&self->mtty, 1, &t);
		knob_write(&self->mtty, "engine_step", "0 4096");
		knob_write(&self->mtty, "engine_step", "1 4096");

		vfio_mig_set(&self->mtty.dev, states[i]);
		EXPECT_EQ(-EBUSY, __knob_write(&self->mtty, "engine_step",
					       "0 4096"));
		knob_write(&self->mtty, "engine_step", "1 65536");
		EXPECT_EQ(BUSY, dma_status(&self->mtty, 0));
		EXPECT_EQ(PAGE, dma_done(&self->mtty, 0));
		EXPECT_EQ(COMPLETE, dma_status(&self->mtty, 1));

		vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_RUNNING);
		knob_write(&self->mtty, "engine_step", "0 65536");
		EXPECT_EQ(COMPLETE, dma_status(&self->mtty, 0));
		EXPECT_EQ(0, memcmp(self->mem, self->peer.addr, 4 * PAGE));
	}
}

TEST_F(dma, a_transfer_from_a_peer_is_one_to_a_peer)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_READ,
		.src = PEER_IOVA, .dst = 0, .len = 2 * PAGE,
	};

	/* It touches the window with its last byte only */
	dma_peer_window(&self->mtty, PEER_IOVA + 2 * PAGE - 1, 1);
	hold(&self->mtty);
	vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_RUNNING_P2P);
	dma_start(&self->mtty, 0, &t);
	EXPECT_EQ(-EBUSY, __knob_write(&self->mtty, "engine_step", "0 1"));
	EXPECT_EQ(BUSY, dma_status(&self->mtty, 0));
	/* And now it does not touch it any more */
	dma_peer_window(&self->mtty, PEER_IOVA + 2 * PAGE, 1);
	knob_write(&self->mtty, "engine_step", "0 8192");
	EXPECT_EQ(COMPLETE, dma_status(&self->mtty, 0));
	/* Nor when it begins behind it */
	dma_peer_window(&self->mtty, PEER_IOVA - 1, 1);
	dma_start(&self->mtty, 0, &t);
	knob_write(&self->mtty, "engine_step", "0 8192");
	EXPECT_EQ(COMPLETE, dma_status(&self->mtty, 0));
}

TEST_F(dma, goes_on_in_P2P_when_its_target_is_no_peer_any_more)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_WRITE,
		.src = 0, .dst = PEER_IOVA, .len = PAGE,
	};

	dma_peer_window(&self->mtty, PEER_IOVA, PAGE);
	vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_RUNNING_P2P);
	dma_start(&self->mtty, 0, &t);
	EXPECT_EQ(BUSY, dma_status(&self->mtty, 0));
	mtty_ctrl_out(&self->mtty, MTTY_MIG_REG_PEER_SIZE_LO, 0);
	EXPECT_EQ(COMPLETE, dma_wait(&self->mtty, 0));

	dma_peer_window(&self->mtty, PEER_IOVA, PAGE);
	dma_start(&self->mtty, 1, &t);
	EXPECT_EQ(BUSY, dma_status(&self->mtty, 1));
	mtty_ctrl_out(&self->mtty, MTTY_MIG_REG_PEER_BASE_LO, 0);
	EXPECT_EQ(COMPLETE, dma_wait(&self->mtty, 1));
}

TEST_F(dma, stopped_states_stop_all_transfers)
{
	static const __u32 states[] = {
		VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_STOP_COPY,
	};
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_WRITE | MTTY_MIG_DMA_IRQ,
		.src = 0, .dst = BUF_IOVA, .len = 8 * PAGE, .rate = 1,
	};
	int fd = eventfd_new();
	unsigned int i;

	vfio_irq_eventfds(&self->mtty.dev, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &fd);
	dma_start(&self->mtty, 0, &t);
	for (i = 0; i < ARRAY_LEN(states); i++) {
		__u64 done, digest;

		vfio_mig_set(&self->mtty.dev, states[i]);
		done = dma_done(&self->mtty, 0);
		digest = mtty_digest(&self->mtty);
		memcpy(self->expected, self->buf.addr, BUF_SIZE);
		EXPECT_EQ(-EBUSY, __knob_write(&self->mtty, "engine_step",
					       "0 4096"));
		/* Longer than a chunk takes at this rate */
		usleep(50000);
		EXPECT_EQ(done, dma_done(&self->mtty, 0));
		EXPECT_EQ(digest, mtty_digest(&self->mtty));
		EXPECT_EQ(0, memcmp(self->expected, self->buf.addr, BUF_SIZE));
		EXPECT_EQ(0, eventfd_take(fd));
	}
	EXPECT_EQ(BUSY, dma_status(&self->mtty, 0));
}

/* Every byte is written once: what was there is not touched again */
TEST_F(dma, a_transfer_in_flight_goes_on_at_the_destination)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_WRITE | MTTY_MIG_DMA_IRQ,
		.src = 100, .dst = BUF_IOVA + 1, .len = 20 * PAGE,
	};
	struct mig_stream stream = {};
	struct vfio_buf buf;
	int fd = eventfd_new();
	struct mtty to;
	__u64 done;

	hold(&self->mtty);
	dma_start(&self->mtty, 1, &t);
	knob_write(&self->mtty, "engine_step", "1 30000");
	mig_save_precopy(&self->mtty.dev, vfio_mig_flags(&self->mtty.dev),
			 &stream, MIG_CHUNK);
	done = dma_done(&self->mtty, 1);
	ASSERT_LE(30000, done);
	ASSERT_GT(t.len, done);

	mtty_new(&to, "full", MEM_SIZE);
	vfio_dev_close(&to.dev);
	must(__vfio_dev_open(&to.dev, to.mdev.uuid, variant->way));
	vfio_buf_new(&to.dev, &buf, BUF_IOVA, BUF_SIZE, true);
	vfio_irq_eventfds(&to.dev, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &fd);
	/* What the source wrote is of no interest to this one */
	memset(buf.addr, 0xee, BUF_SIZE);
	memset(self->expected, 0xee, BUF_SIZE);
	memcpy(self->expected + 1 + done, self->mem + t.src + done,
	       t.len - done);

	mig_load(&to.dev, &stream, MIG_CHUNK, VFIO_DEVICE_STATE_RUNNING);
	EXPECT_EQ(COMPLETE, dma_wait(&to, 1));
	EXPECT_EQ(t.len, dma_done(&to, 1));
	EXPECT_EQ(0, memcmp(self->expected, buf.addr, BUF_SIZE));
	EXPECT_EQ(1, eventfd_take(fd));
	mig_stream_free(&stream);
}

TEST_F(dma, a_transfer_into_memory_is_sent_again_by_pre_copy)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_READ,
		.src = BUF_IOVA, .dst = PAGE, .len = 3 * PAGE,
	};
	struct vfio_precopy_info info = { .argsz = sizeof(info) };
	struct mig_stream stream = {};
	int fd;

	fill(self->buf.addr, BUF_SIZE, 7);
	fd = vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_PRE_COPY);
	mig_stream_read(&stream, fd, MIG_CHUNK, -ENOMSG);
	EXPECT_EQ(COMPLETE, dma_run(&self->mtty, 0, &t));
	vfio_precopy_info(fd, &info);
	EXPECT_LE(3 * PAGE, info.dirty_bytes);
	EXPECT_EQ(0, info.initial_bytes);
	close(fd);
	mig_stream_free(&stream);
}

TEST_F(dma, reset_stops_it)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = BUF_IOVA, .len = BUF_SIZE, .rate = 1,
	};

	dma_peer_window(&self->mtty, PEER_IOVA, PAGE);
	dma_start(&self->mtty, 0, &t);
	vfio_dev_reset(&self->mtty.dev);
	EXPECT_EQ(0, dma_status(&self->mtty, 0));
	EXPECT_EQ(0, dma_done(&self->mtty, 0));
	EXPECT_EQ(0, dma_get64(&self->mtty, MTTY_MIG_REG_PEER_SIZE_LO));
	memcpy(self->expected, self->buf.addr, BUF_SIZE);
	usleep(50000);
	EXPECT_EQ(0, memcmp(self->expected, self->buf.addr, BUF_SIZE));
}

TEST_F(dma, memory_can_be_unmapped_under_it)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = BUF_IOVA, .len = BUF_SIZE,
	};
	unsigned int i;

	for (i = 0; i < 20; i++) {
		__u32 status;

		dma_start(&self->mtty, 0, &t);
		vfio_buf_unmap(&self->mtty.dev, &self->buf);
		status = dma_wait(&self->mtty, 0);
		EXPECT_TRUE(status == COMPLETE || status == FAILED);
		must(__vfio_dma_map(&self->mtty.dev, self->buf.addr, BUF_IOVA,
				    BUF_SIZE, true));
	}
	EXPECT_EQ(COMPLETE, dma_run(&self->mtty, 0, &t));
}

TEST_F(dma, device_can_be_closed_under_it)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = BUF_IOVA, .len = BUF_SIZE,
	};
	unsigned int i;

	for (i = 0; i < 5; i++) {
		dma_start(&self->mtty, i % 2, &t);
		vfio_dev_close(&self->mtty.dev);
		/* From here on it must not touch the memory */
		memcpy(self->expected, self->buf.addr, BUF_SIZE);
		usleep(10000);
		EXPECT_EQ(0, memcmp(self->expected, self->buf.addr, BUF_SIZE));

		must(__vfio_dev_open(&self->mtty.dev, self->mtty.mdev.uuid,
				     variant->way));
		EXPECT_EQ(0, dma_status(&self->mtty, i % 2));
		must(__vfio_dma_map(&self->mtty.dev, self->buf.addr, BUF_IOVA,
				    BUF_SIZE, true));
	}
}

TEST_F(dma, memory_of_a_process_that_is_gone_is_an_error)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = BUF_IOVA, .len = PAGE,
	};

	/* Mapped for the device, but not there any more for the process */
	ASSERT_EQ(0, munmap(self->buf.addr, BUF_SIZE));
	EXPECT_EQ(FAILED, dma_run(&self->mtty, 0, &t));
}

TEST_HARNESS_MAIN
