// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever stops DMA waits for the chunk that is under way.
 *
 * User memory that is not there yet holds a chunk up for as long as a test
 * likes: userfaultfd tells when the device wants it, and the device gets it
 * when the test provides it. Until then a state or reset that stops the
 * transfer must not have been reached. Who closes the device does not wait.
 *
 * And what else depends on a chunk that is under way: when it is in the DMA
 * log, and which transfer it counts for.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/userfaultfd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/vfio_dma.h"
#include "../lib/worker.h"
#include "lib/dma.h"
#include "lib/knobs.h"

#define PAGE		((__u64)MTTY_MIG_PAGE_SIZE)
#define IOVA		0x40000000ULL
#define PAGES		4

/* Only ends a test that would wait for ever */
#define GUARD_MS	20000

/**
 * struct held - a device whose DMA is held up
 * @mtty: the device
 * @buf: user memory at IOVA, none of which is there yet
 * @uffd: tells when the device wants it
 * @stopper: who stops the DMA
 * @stop: how
 */
struct held {
	struct mtty mtty;
	__u8 *buf;
	int uffd;
	struct worker stopper;
	void (*stop)(struct mtty *mtty);
};

FIXTURE(quiesce)
{
	struct held held;
};

static void set_state(struct mtty *mtty, __u32 state)
{
	int fd = vfio_mig_set(&mtty->dev, state);

	if (fd >= 0)
		close(fd);
}

static void to_running_p2p(struct mtty *mtty)
{
	set_state(mtty, VFIO_DEVICE_STATE_RUNNING_P2P);
}

static void to_pre_copy_p2p(struct mtty *mtty)
{
	set_state(mtty, VFIO_DEVICE_STATE_PRE_COPY_P2P);
}

static void to_stop(struct mtty *mtty)
{
	set_state(mtty, VFIO_DEVICE_STATE_STOP);
}

static void to_stop_copy(struct mtty *mtty)
{
	set_state(mtty, VFIO_DEVICE_STATE_STOP_COPY);
}

/* As if its firmware had failed: the device is of no use until it is reset */
static void to_error(struct mtty *mtty)
{
	int fd;

	knob_write(mtty, "fault", "RUNNING-RUNNING_P2P-before %u error", EIO);
	if (__vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_STOP, &fd) != -EIO ||
	    vfio_mig_get(&mtty->dev) != VFIO_DEVICE_STATE_ERROR)
		die("there is no way into ERROR");
}

static void reset_device(struct mtty *mtty)
{
	vfio_dev_reset(&mtty->dev);
}

FIXTURE_VARIANT(quiesce)
{
	void (*stop)(struct mtty *mtty);
	bool p2p;
};

FIXTURE_VARIANT_ADD(quiesce, to_running_p2p)
{
	.stop = to_running_p2p,
	.p2p = true,
};

FIXTURE_VARIANT_ADD(quiesce, to_pre_copy_p2p)
{
	.stop = to_pre_copy_p2p,
	.p2p = true,
};

FIXTURE_VARIANT_ADD(quiesce, to_stop)
{
	.stop = to_stop,
	.p2p = false,
};

FIXTURE_VARIANT_ADD(quiesce, to_stop_copy)
{
	.stop = to_stop_copy,
	.p2p = false,
};

FIXTURE_VARIANT_ADD(quiesce, to_error)
{
	.stop = to_error,
	.p2p = false,
};

FIXTURE_VARIANT_ADD(quiesce, reset_device)
{
	.stop = reset_device,
	.p2p = false,
};

/* NULL, or why it cannot be */
static const char *held_new(struct held *held, const char *type)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	if (!mtty_available())
		return "there is no mtty_mig driver";
	held->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (held->uffd < 0)
		return "no userfaultfd for the kernel's accesses";

	mtty_new(&held->mtty, type, PAGE);
	held->buf = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (held->buf == MAP_FAILED)
		die("no memory");
	must(__vfio_dma_map(&held->mtty.dev, held->buf, IOVA, PAGES * PAGE,
			    true));
	reg.range.start = (__u64)(unsigned long)held->buf;
	reg.range.len = PAGES * PAGE;
	if (ioctl(held->uffd, UFFDIO_API, &api) ||
	    ioctl(held->uffd, UFFDIO_REGISTER, &reg))
		die("userfaultfd: %s", strerror(errno));
	return NULL;
}

FIXTURE_SETUP(quiesce)
{
	const char *reason = variant->stop == to_error ? knobs_missing() : NULL;

	if (!reason)
		reason = held_new(&self->held, "full");
	if (reason)
		SKIP(return, "%s", reason);
	self->held.stop = variant->stop;
}

FIXTURE_TEARDOWN(quiesce)
{
	mtty_remove_all();
}

/* Wait until the device wants a page */
static void await_fault(struct __test_metadata *_metadata, int uffd)
{
	struct pollfd pfd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg msg;

	ASSERT_EQ(1, poll(&pfd, 1, GUARD_MS));
	ASSERT_EQ((ssize_t)sizeof(msg), read(uffd, &msg, sizeof(msg)));
	ASSERT_EQ(UFFD_EVENT_PAGEFAULT, msg.event);
}

static void provide(struct __test_metadata *_metadata, int uffd, void *buf,
		    unsigned int pages)
{
	struct uffdio_zeropage zero = {
		.range = {
			.start = (__u64)(unsigned long)buf,
			.len = pages * PAGE,
		},
	};

	ASSERT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
}

static int run_stop(void *arg)
{
	struct held *held = arg;

	held->stop(&held->mtty);
	return 0;
}

/* Let a thread stop the DMA, and see that it does not return */
static void begin_stop(struct __test_metadata *_metadata, struct held *held)
{
	worker_start(&held->stopper, run_stop, held);
	EXPECT_TRUE(worker_sleeps(&held->stopper));
}

static void end_stop(struct __test_metadata *_metadata, struct held *held)
{
	provide(_metadata, held->uffd, held->buf, PAGES);
	worker_join(&held->stopper);
}

TEST_F(quiesce, waits_for_the_chunk_under_way)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = IOVA, .len = PAGES * PAGE,
	};
	__u8 last[MTTY_MIG_PAGE_SIZE] = { 0 };
	struct held *held = &self->held;

	if (variant->p2p)
		dma_peer_window(&held->mtty, IOVA, PAGE);
	dma_start(&held->mtty, 0, &t);
	await_fault(_metadata, held->uffd);
	begin_stop(_metadata, held);
	end_stop(_metadata, held);

	/* The chunk that was under way, and no other */
	EXPECT_EQ(0xff, held->buf[0]);
	EXPECT_EQ(0xff, held->buf[PAGE - 1]);
	EXPECT_EQ(0, memcmp(last, held->buf + PAGE, PAGE));
	EXPECT_EQ(0, memcmp(last, held->buf + (PAGES - 1) * PAGE, PAGE));
}

/* uAPI: if the device can identify P2P, it need stop only that */
TEST_F(quiesce, does_not_wait_for_what_may_go_on)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = IOVA, .len = PAGE,
	};
	struct held *held = &self->held;

	if (!variant->p2p)
		SKIP(return, "in this state nothing may go on");
	dma_peer_window(&held->mtty, IOVA + PAGE, PAGE);
	dma_start(&held->mtty, 0, &t);
	await_fault(_metadata, held->uffd);
	variant->stop(&held->mtty);
	EXPECT_EQ(MTTY_MIG_DMA_BUSY, dma_status(&held->mtty, 0));
	provide(_metadata, held->uffd, held->buf, PAGES);
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(&held->mtty, 0));
}

/* What counts is where the chunk under way goes, not what the window is now */
TEST_F(quiesce, waits_for_a_chunk_to_where_the_peer_was)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = IOVA, .len = PAGES * PAGE,
	};
	struct held *held = &self->held;

	if (!variant->p2p)
		SKIP(return, "in this state nothing may go on");
	dma_peer_window(&held->mtty, IOVA, PAGE);
	dma_start(&held->mtty, 0, &t);
	await_fault(_metadata, held->uffd);
	dma_peer_window(&held->mtty, IOVA + PAGES * PAGE, PAGE);
	begin_stop(_metadata, held);
	end_stop(_metadata, held);
	/* Nor is the rest of the transfer held back any more */
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(&held->mtty, 0));
}

/* The chunk may go on, and the rest of its transfer may not begin */
TEST_F(quiesce, does_not_wait_for_a_chunk_to_where_the_peer_is_now)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = IOVA, .len = PAGES * PAGE,
	};
	static const __u8 none[MTTY_MIG_PAGE_SIZE];
	struct held *held = &self->held;
	struct worker stopper;

	if (!variant->p2p)
		SKIP(return, "in this state nothing may go on");
	dma_start(&held->mtty, 0, &t);
	await_fault(_metadata, held->uffd);
	dma_peer_window(&held->mtty, IOVA, PAGES * PAGE);
	worker_start(&stopper, run_stop, held);
	EXPECT_TRUE(worker_returns(&stopper));
	provide(_metadata, held->uffd, held->buf, PAGES);
	worker_join(&stopper);
	while (dma_done(&held->mtty, 0) < PAGE)
		sched_yield();
	/* To go where nothing is in flight takes until nothing is */
	to_stop(&held->mtty);
	EXPECT_EQ(PAGE, dma_done(&held->mtty, 0));
	EXPECT_EQ(0xff, held->buf[PAGE - 1]);
	EXPECT_EQ(0, memcmp(none, held->buf + PAGE, PAGE));
}

FIXTURE(registers)
{
	struct held held;
};

FIXTURE_SETUP(registers)
{
	const char *reason = held_new(&self->held, "precopy");

	if (reason)
		SKIP(return, "%s", reason);
	self->held.stop = to_stop_copy;
}

FIXTURE_TEARDOWN(registers)
{
	mtty_remove_all();
}

/*
 * Or the DONE count that is sent would be old, and the destination would
 * transfer again what the chunk under way has transferred. Without P2P one arc
 * both stops the device and begins to send its registers.
 */
TEST_F(registers, are_not_sent_before_the_chunk_under_way_is_done)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = IOVA, .len = PAGES * PAGE,
	};
	struct held *held = &self->held;
	struct mig_stream stream = {};
	__u8 byte;
	int fd;

	fd = vfio_mig_set(&held->mtty.dev, VFIO_DEVICE_STATE_PRE_COPY);
	mig_stream_read(&stream, fd, MIG_CHUNK, -ENOMSG);
	dma_start(&held->mtty, 0, &t);
	await_fault(_metadata, held->uffd);
	begin_stop(_metadata, held);
	EXPECT_EQ(-ENOMSG, mig_read(fd, &byte, 1));
	end_stop(_metadata, held);
	EXPECT_EQ(PAGE, dma_done(&held->mtty, 0));
	mig_stream_free(&stream);
}

static void check_last_interrupt(struct __test_metadata *_metadata,
				 struct held *held, __u32 index)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL | MTTY_MIG_DMA_IRQ,
		.pattern = ~0U, .dst = IOVA, .len = PAGE,
	};
	int fds[MTTY_MIG_NR_VECTORS], there[MTTY_MIG_NR_VECTORS];
	struct mig_stream stream = {};
	struct mtty to;
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++) {
		fds[i] = eventfd_new();
		there[i] = eventfd_new();
	}
	vfio_irq_eventfds(&held->mtty.dev, index, 0, MTTY_MIG_NR_VECTORS, fds);
	dma_start(&held->mtty, 0, &t);
	await_fault(_metadata, held->uffd);
	begin_stop(_metadata, held);
	end_stop(_metadata, held);
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_status(&held->mtty, 0));
	EXPECT_EQ(0, eventfd_take(fds[MTTY_MIG_IRQ_DMA]));

	mig_save(&held->mtty.dev, &stream, MIG_CHUNK);
	mtty_new(&to, "precopy", PAGE);
	vfio_irq_eventfds(&to.dev, index, 0, MTTY_MIG_NR_VECTORS, there);
	mig_load(&to.dev, &stream, MIG_CHUNK, VFIO_DEVICE_STATE_RUNNING);
	EXPECT_EQ(1, eventfd_take(there[MTTY_MIG_IRQ_DMA]));

	/* And if it is not migrated after all, it comes here, once */
	vfio_mig_set(&held->mtty.dev, VFIO_DEVICE_STATE_RUNNING);
	EXPECT_EQ(1, eventfd_take(fds[MTTY_MIG_IRQ_DMA]));
	mig_stream_free(&stream);
}

/*
 * The transfer ends with the chunk that was under way when the device was
 * stopped: its interrupt must not come any more, and must not be lost.
 */
TEST_F(registers, MSI_of_the_chunk_under_way_comes_at_the_destination)
{
	self->held.stop = to_stop;
	check_last_interrupt(_metadata, &self->held, VFIO_PCI_MSI_IRQ_INDEX);
}

TEST_F(registers, MSIX_of_the_chunk_under_way_comes_at_the_destination)
{
	self->held.stop = to_stop;
	check_last_interrupt(_metadata, &self->held, VFIO_PCI_MSIX_IRQ_INDEX);
}

FIXTURE(under_way)
{
	struct held held;
};

FIXTURE_SETUP(under_way)
{
	const char *reason = held_new(&self->held, "full");

	if (reason)
		SKIP(return, "%s", reason);
}

FIXTURE_TEARDOWN(under_way)
{
	mtty_remove_all();
}

/*
 * A VMM copies a page after it was reported. If a report could clear the page
 * before it is written, the copy would have the old content, and the new one
 * would be in no log.
 */
TEST_F(under_way, page_is_in_the_log_after_it_was_written)
{
	struct vfio_device_feature_dma_logging_range range = {
		.iova = IOVA,
		.length = PAGES * PAGE,
	};
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = IOVA, .len = PAGE,
	};
	struct held *held = &self->held;
	struct vfio_dev *dev = &held->mtty.dev;
	__u64 page_size = PAGE;
	__u64 before = 0, after = 0;
	int ret;

	ret = __dma_log_start(dev, &range, 1, &page_size);
	if (ret == -ENOTTY)
		SKIP(return, "this kernel has no CONFIG_IOMMUFD_DRIVER");
	must(ret);
	must(__dma_log_report(dev, IOVA, PAGES * PAGE, PAGE, &before));
	dma_start(&held->mtty, 0, &t);
	await_fault(_metadata, held->uffd);
	must(__dma_log_report(dev, IOVA, PAGES * PAGE, PAGE, &before));
	provide(_metadata, held->uffd, held->buf, PAGES);
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(&held->mtty, 0));
	must(__dma_log_report(dev, IOVA, PAGES * PAGE, PAGE, &after));
	EXPECT_EQ(1, after);
}

static int run_close(void *arg)
{
	struct held *held = arg;

	vfio_dev_close(&held->mtty.dev);
	return 0;
}

/*
 * Nobody is there any more for whom the chunk could count, so the close does
 * not wait for memory; what comes after it finds nobody who would write to it.
 */
TEST_F(under_way, chunk_ends_with_the_close)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = IOVA, .len = PAGES * PAGE,
	};
	static const __u8 none[PAGES * MTTY_MIG_PAGE_SIZE];
	struct held *held = &self->held;
	struct worker closer;

	dma_start(&held->mtty, 0, &t);
	await_fault(_metadata, held->uffd);
	worker_start(&closer, run_close, held);
	EXPECT_TRUE(worker_returns(&closer));
	provide(_metadata, held->uffd, held->buf, PAGES);
	worker_join(&closer);
	EXPECT_EQ(0, memcmp(none, held->buf, sizeof(none)));
}

/* The chunk cannot be called back, but its transfer is over */
TEST_F(under_way, chunk_of_an_aborted_transfer_counts_for_no_other)
{
	const struct dma_transfer aborted = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = IOVA, .len = PAGE,
	};
	const struct dma_transfer next = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = IOVA + PAGE, .len = 2 * PAGE,
	};
	struct held *held = &self->held;
	__u8 filled[2 * MTTY_MIG_PAGE_SIZE];

	memset(filled, 0xff, sizeof(filled));
	dma_start(&held->mtty, 0, &aborted);
	await_fault(_metadata, held->uffd);
	mtty_ctrl_out(&held->mtty, MTTY_MIG_DMA(0) + MTTY_MIG_DMA_CTRL,
		      MTTY_MIG_DMA_ABORT);
	ASSERT_EQ(MTTY_MIG_DMA_ERROR, dma_status(&held->mtty, 0));
	dma_start(&held->mtty, 0, &next);
	provide(_metadata, held->uffd, held->buf, PAGES);
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(&held->mtty, 0));
	EXPECT_EQ(0, memcmp(filled, held->buf + PAGE, sizeof(filled)));
}

static void fill(struct mtty *mtty, __u64 iova, __u64 len)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = iova, .len = len,
	};

	dma_start(mtty, 0, &t);
}

static void abort_transfer(struct mtty *mtty)
{
	mtty_ctrl_out(mtty, MTTY_MIG_DMA(0) + MTTY_MIG_DMA_CTRL,
		      MTTY_MIG_DMA_ABORT);
}

/*
 * Nor is it one of as many transfers later as some counter can count: to begin one
 * and to abort it may be counted once or twice.
 */
static void check_aborted_before_many(struct __test_metadata *_metadata,
				      struct held *held, unsigned int many)
{
	__u64 ctrl = MTTY_MIG_DMA(0) + MTTY_MIG_DMA_CTRL;
	unsigned int i;

	fill(&held->mtty, IOVA, PAGE);
	await_fault(_metadata, held->uffd);
	abort_transfer(&held->mtty);
	/* With the last one it is as many as asked for */
	dma_set64(&held->mtty, MTTY_MIG_DMA(0) + MTTY_MIG_DMA_DST_LO,
		  IOVA + PAGE);
	dma_set64(&held->mtty, MTTY_MIG_DMA(0) + MTTY_MIG_DMA_LEN_LO, 2 * PAGE);
	for (i = 1; i < many; i++) {
		mtty_ctrl_out(&held->mtty, ctrl, MTTY_MIG_DMA_START);
		mtty_ctrl_out(&held->mtty, ctrl, MTTY_MIG_DMA_ABORT);
	}
	mtty_ctrl_out(&held->mtty, ctrl, MTTY_MIG_DMA_START);
	provide(_metadata, held->uffd, held->buf, PAGES);
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(&held->mtty, 0));
	EXPECT_EQ(0xff, held->buf[PAGE]);
	EXPECT_EQ(0xff, held->buf[3 * PAGE - 1]);
}

TEST_F(under_way, chunk_counts_for_no_transfer_256_counts_later)
{
	check_aborted_before_many(_metadata, &self->held, 128);
}

TEST_F_TIMEOUT(under_way, chunk_counts_for_no_transfer_65536_counts_later, 300)
{
	check_aborted_before_many(_metadata, &self->held, 32768);
}

FIXTURE(asked)
{
	struct held held;
};

FIXTURE_SETUP(asked)
{
	const char *reason = held_new(&self->held, "vpri");

	if (reason)
		SKIP(return, "%s", reason);
}

FIXTURE_TEARDOWN(asked)
{
	mtty_remove_all();
}

static void ask_for_a_page(struct mtty *mtty)
{
	mtty_ctrl_out(mtty, MTTY_MIG_PRI + MTTY_MIG_PRI_RAISE_LO, 0x1000);
	mtty_ctrl_out(mtty, MTTY_MIG_PRI + MTTY_MIG_PRI_RAISE_HI, 0);
}

static int run_to_stop(void *arg)
{
	struct held *held = arg;
	int fd;

	return __vfio_mig_set(&held->mtty.dev, VFIO_DEVICE_STATE_STOP, &fd);
}

/* It runs while it waits, so it may ask for a page, and then cannot be stopped */
TEST_F(asked, while_it_waits_it_is_not_stopped)
{
	struct held *held = &self->held;
	struct worker stopper;

	fill(&held->mtty, IOVA, PAGES * PAGE);
	await_fault(_metadata, held->uffd);
	worker_start(&stopper, run_to_stop, held);
	EXPECT_TRUE(worker_sleeps(&stopper));
	ask_for_a_page(&held->mtty);
	provide(_metadata, held->uffd, held->buf, PAGES);
	EXPECT_EQ(-EBUSY, worker_join(&stopper));
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING_P2P, vfio_mig_get(&held->mtty.dev));
	/* And its DMA goes on */
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(&held->mtty, 0));
}

/* It cannot be stopped, whatever becomes of the chunk: nobody waits for that */
TEST_F(asked, before_it_does_not_wait)
{
	struct held *held = &self->held;
	struct worker stopper;

	fill(&held->mtty, IOVA, PAGE);
	await_fault(_metadata, held->uffd);
	ask_for_a_page(&held->mtty);
	worker_start(&stopper, run_to_stop, held);
	EXPECT_TRUE(worker_returns(&stopper));
	provide(_metadata, held->uffd, held->buf, PAGES);
	EXPECT_EQ(-EBUSY, worker_join(&stopper));
}

TEST_HARNESS_MAIN
