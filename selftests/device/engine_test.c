// SPDX-License-Identifier: GPL-2.0-only
/*
 * When the engine moves: a transfer goes by its own rate and by no other's,
 * goes on when it is let go, and writes nothing while the guest has not made
 * the device a bus master.
 *
 * How fast this machine is does not matter.  Too early is judged by the clock,
 * for no load makes a transfer faster than its rate; too late is judged by
 * another transfer that has to be later.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/held_mem.h"
#include "../lib/vfio_dma.h"
#include "../lib/worker.h"
#include "lib/dma.h"
#include "lib/knobs.h"

#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX
#define PAGE		((__u64)MTTY_MIG_PAGE_SIZE)
#define IOVA		0x40000000ULL
#define PAGES		16

/* Bytes per millisecond: a page takes four seconds, or one, or 40 ms */
#define SLOWEST		1
#define SLOW		4
#define UNHURRIED	100

/* Of a transfer at that rate which is held and let go: a few are left then */
#define HELD_PAGES	4

/* Time enough to be wrong */
#define WRONG_MS	200

FIXTURE(engine)
{
	struct mtty mtty;
	struct held_mem mem;
	struct mig_stream stream;
	__u8 zeroes[MTTY_MIG_PAGE_SIZE];
};

FIXTURE_SETUP(engine)
{
	const char *why = knobs_missing();

	if (!why)
		why = held_mem_new(&self->mem, PAGES);
	if (why)
		SKIP(return, "%s", why);
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "full", PAGE);
	must(__vfio_dma_map(&self->mtty.dev, self->mem.buf, IOVA, PAGES * PAGE,
			    true));
}

FIXTURE_TEARDOWN(engine)
{
	mig_stream_free(&self->stream);
	mtty_remove_all();
}

static void serve_all(struct held_mem *mem, const void *content)
{
	size_t i;

	for (i = 0; i < mem->pages; i++)
		held_mem_serve(mem, i, content);
}

static void fill(struct mtty *mtty, unsigned int channel, __u64 page,
		 __u64 pages, __u32 rate)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U, .rate = rate,
		.dst = IOVA + page * PAGE, .len = pages * PAGE,
	};

	dma_start(mtty, channel, &t);
}

static void await_done(struct mtty *mtty, unsigned int channel, __u64 done)
{
	while (dma_done(mtty, channel) < done)
		usleep(1000);
}

static __u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/*
 * A transfer's delay is its own
 */

/* A stream with a transfer at full speed in it that has not begun to move */
static void save_busy(struct mtty *mtty, struct mig_stream *stream)
{
	knob_write(mtty, "engine_hold", "1");
	fill(mtty, 0, 0, 2, 0);
	mig_save(&mtty->dev, stream, MIG_CHUNK);
	vfio_dev_reset(&mtty->dev);
	knob_write(mtty, "engine_hold", "0");
}

/*
 * Whether a loaded transfer at full speed is over before one that is begun
 * after it and takes a second.  The delay of the earlier one is of four.
 */
static bool load_is_quick(struct mtty *mtty, const struct mig_stream *stream)
{
	vfio_dev_reset(&mtty->dev);
	fill(mtty, 0, 4, 2, SLOWEST);
	await_done(mtty, 0, PAGE);
	mig_load(&mtty->dev, stream, MIG_CHUNK, VFIO_DEVICE_STATE_RUNNING);
	fill(mtty, 1, 8, 2, SLOW);
	for (;;) {
		if (!(dma_status(mtty, 0) & MTTY_MIG_DMA_BUSY))
			return true;
		if (!(dma_status(mtty, 1) & MTTY_MIG_DMA_BUSY))
			return false;
		usleep(1000);
	}
}

/* As often as it takes, if the machine has stood still for a second */
#define TRIES	5

TEST_F_TIMEOUT(engine, loaded_transfer_does_not_wait_for_an_earlier_one, 300)
{
	struct mtty *mtty = &self->mtty;
	bool quick = false;
	unsigned int i;

	serve_all(&self->mem, self->zeroes);
	save_busy(mtty, &self->stream);
	for (i = 0; i < TRIES && !quick; i++)
		quick = load_is_quick(mtty, &self->stream);
	EXPECT_TRUE(quick)
		TH_LOG("the loaded transfer waited for what was before it");
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_status(mtty, 0));
	EXPECT_EQ(2 * PAGE, dma_done(mtty, 0));
}

static bool reset_is_quick(struct mtty *mtty)
{
	fill(mtty, 0, 4, 2, SLOWEST);
	await_done(mtty, 0, PAGE);
	vfio_dev_reset(&mtty->dev);
	fill(mtty, 0, 0, 2, 0);
	fill(mtty, 1, 8, 2, SLOW);
	for (;;) {
		if (!(dma_status(mtty, 0) & MTTY_MIG_DMA_BUSY))
			return true;
		if (!(dma_status(mtty, 1) & MTTY_MIG_DMA_BUSY))
			return false;
		usleep(1000);
	}
}

TEST_F_TIMEOUT(engine, transfer_after_reset_does_not_wait_for_an_earlier_one,
	       300)
{
	bool quick = false;
	unsigned int i;

	serve_all(&self->mem, self->zeroes);
	for (i = 0; i < TRIES && !quick; i++)
		quick = reset_is_quick(&self->mtty);
	EXPECT_TRUE(quick)
		TH_LOG("the transfer waited for what was before the reset");
}

/* How much of a transfer there is must not be more than its rate allows */
static void check_rate(struct __test_metadata *_metadata, struct mtty *mtty,
		       __u64 begun, __u32 rate)
{
	__u64 end = now_ms() + WRONG_MS;
	__u64 done, allowed;

	do {
		done = dma_done(mtty, 0);
		/*
		 * The chunk that is let go at once, and one for the clocks:
		 * the engine counts in jiffies
		 */
		allowed = 2 * PAGE + (now_ms() - begun) * rate;
		EXPECT_GE(allowed, done);
		usleep(1000);
	} while (done <= allowed && now_ms() < end);
}

/*
 * ABORT, RATE and START come while a chunk is under way: what is left of the
 * old transfer's budget is nobody's.
 */
TEST_F_TIMEOUT(engine, transfer_does_not_spend_what_an_aborted_one_had, 300)
{
	struct mtty *mtty = &self->mtty;
	unsigned int i;
	__u64 begun;

	/* All but the first: the new transfer has to wait for nothing */
	for (i = 1; i < PAGES; i++)
		held_mem_serve(&self->mem, i, self->zeroes);
	fill(mtty, 0, 0, PAGES, 0);
	held_mem_wait(&self->mem, 0);
	mtty_ctrl_out(mtty, MTTY_MIG_DMA(0) + MTTY_MIG_DMA_CTRL,
		      MTTY_MIG_DMA_ABORT);
	ASSERT_EQ(MTTY_MIG_DMA_ERROR, dma_status(mtty, 0));
	begun = now_ms();
	fill(mtty, 0, 4, 8, SLOWEST);
	held_mem_serve(&self->mem, 0, self->zeroes);
	await_done(mtty, 0, PAGE);
	check_rate(_metadata, mtty, begun, SLOWEST);
}

/*
 * Held and let go
 */

static int run_hold(void *arg)
{
	return __knob_write(arg, "engine_hold", "1");
}

/*
 * Who holds the engine waits for the chunk that is under way, and another one
 * lets it go meanwhile.  What counts is what the file says in the end.  The
 * transfer has a rate, so that it has to be called again after the chunk.
 */
TEST_F_TIMEOUT(engine, hold_and_let_go_at_once_leave_it_as_it_says, 300)
{
	struct mtty *mtty = &self->mtty;
	struct worker worker;
	char held[8];

	fill(mtty, 0, 0, HELD_PAGES, UNHURRIED);
	held_mem_wait(&self->mem, 0);
	worker_start(&worker, run_hold, mtty);
	worker_sleeps(&worker);
	knob_write(mtty, "engine_hold", "0");
	serve_all(&self->mem, self->zeroes);
	EXPECT_EQ(0, worker_join(&worker));
	knob_read(mtty, "engine_hold", held, sizeof(held));
	/* On some machines it may have held it only now */
	if (strcmp(held, "0"))
		knob_write(mtty, "engine_hold", "0");
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(mtty, 0));
}

/* The same without a chunk that is held up, many times */
struct toggler {
	struct worker worker;
	struct mtty *mtty;
	const char *value;
};

static int run_toggler(void *arg)
{
	struct toggler *toggler = arg;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < 50 && !ret; i++)
		ret = __knob_write(toggler->mtty, "engine_hold", "%s",
				   toggler->value);
	return ret;
}

TEST_F_TIMEOUT(engine, hold_and_let_go_many_times_lose_nothing, 300)
{
	struct toggler togglers[] = {
		{ .mtty = &self->mtty, .value = "1" },
		{ .mtty = &self->mtty, .value = "0" },
	};
	unsigned int i, round;

	serve_all(&self->mem, self->zeroes);
	for (round = 0; round < 10; round++) {
		fill(&self->mtty, 0, 0, HELD_PAGES, UNHURRIED);
		for (i = 0; i < ARRAY_LEN(togglers); i++)
			worker_start(&togglers[i].worker, run_toggler,
				     &togglers[i]);
		for (i = 0; i < ARRAY_LEN(togglers); i++)
			EXPECT_EQ(0, worker_join(&togglers[i].worker));
		knob_write(&self->mtty, "engine_hold", "0");
		EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(&self->mtty, 0));
	}
}

/* The second page is missing */
static int run_step(void *arg)
{
	return __knob_write(arg, "engine_step", "0 %llu", 2 * PAGE);
}

static void on_signal(int sig)
{
	(void)sig;
}

/* Who is interrupted is told that something was transferred, as by write() */
TEST_F(engine, step_that_is_interrupted_has_moved_what_it_moved)
{
	const struct sigaction action = { .sa_handler = on_signal };
	struct mtty *mtty = &self->mtty;
	struct worker worker;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	held_mem_serve(&self->mem, 0, self->zeroes);
	held_mem_serve(&self->mem, 2, self->zeroes);
	knob_write(mtty, "engine_hold", "1");
	fill(mtty, 0, 0, 3, 0);
	worker_start(&worker, run_step, mtty);
	held_mem_wait(&self->mem, 1);
	EXPECT_EQ(0, worker_interrupt(&worker, SIGUSR1));
	EXPECT_EQ(PAGE, dma_done(mtty, 0));
	/* The chunk goes on, and is the last one until the next step */
	held_mem_serve(&self->mem, 1, self->zeroes);
	await_done(mtty, 0, 2 * PAGE);
	knob_write(mtty, "engine_step", "0 1");
	EXPECT_EQ(3 * PAGE, dma_done(mtty, 0));
}

/* More than any transfer here has */
TEST_F(engine, step_may_be_of_4_gib_and_more)
{
	static const char * const many[] = {
		"0x80000000", "0x100000000", "0x8000000000000000",
		"0xffffffffffffffff",
	};
	struct mtty *mtty = &self->mtty;
	unsigned int i;

	serve_all(&self->mem, self->zeroes);
	knob_write(mtty, "engine_hold", "1");
	for (i = 0; i < ARRAY_LEN(many); i++) {
		fill(mtty, 0, 0, PAGES, 0);
		knob_write(mtty, "engine_step", "0 %s", many[i]);
		EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_status(mtty, 0))
			TH_LOG("a step of %s", many[i]);
		EXPECT_EQ(PAGES * PAGE, dma_done(mtty, 0));
	}
}

/*
 * Bus master
 */

static void set_master(struct mtty *mtty, bool on)
{
	__u16 command = vfio_region_read16(&mtty->dev, CONFIG, PCI_COMMAND);

	if (on)
		command |= PCI_COMMAND_MASTER;
	else
		command &= ~PCI_COMMAND_MASTER;
	vfio_region_write16(&mtty->dev, CONFIG, PCI_COMMAND, command);
}

static bool is_master(struct mtty *mtty)
{
	return vfio_region_read16(&mtty->dev, CONFIG, PCI_COMMAND) &
	       PCI_COMMAND_MASTER;
}

/* A transfer that is begun while the device is no bus master */
static void fill_no_master(struct mtty *mtty, __u64 page, __u64 pages)
{
	knob_write(mtty, "engine_hold", "1");
	/* dma_start() may do what a guest's driver does, and make it one */
	fill(mtty, 0, page, pages, 0);
	set_master(mtty, false);
}

TEST_F(engine, no_chunk_begins_before_the_device_is_bus_master)
{
	struct mtty *mtty = &self->mtty;

	serve_all(&self->mem, self->zeroes);
	fill_no_master(mtty, 0, 2);
	EXPECT_EQ(-EBUSY, __knob_write(mtty, "engine_step", "0 1"));
	EXPECT_EQ(0, dma_done(mtty, 0));
	EXPECT_EQ(0, self->mem.buf[0]);
	/* It waits, it does not fail */
	EXPECT_EQ(MTTY_MIG_DMA_BUSY, dma_status(mtty, 0));
	set_master(mtty, true);
	EXPECT_EQ(0, __knob_write(mtty, "engine_step", "0 1"));
	EXPECT_EQ(PAGE, dma_done(mtty, 0));
	EXPECT_EQ(0xff, self->mem.buf[0]);
	set_master(mtty, false);
	EXPECT_EQ(-EBUSY, __knob_write(mtty, "engine_step", "0 1"));
	EXPECT_EQ(PAGE, dma_done(mtty, 0));
	EXPECT_EQ(0, self->mem.buf[PAGE]);
}

TEST_F(engine, to_become_bus_master_wakes_it)
{
	struct mtty *mtty = &self->mtty;

	serve_all(&self->mem, self->zeroes);
	fill_no_master(mtty, 0, 2);
	knob_write(mtty, "engine_hold", "0");
	usleep(WRONG_MS * 1000);
	EXPECT_EQ(0, dma_done(mtty, 0));
	EXPECT_EQ(0, self->mem.buf[0]);
	EXPECT_EQ(MTTY_MIG_DMA_BUSY, dma_status(mtty, 0));
	set_master(mtty, true);
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(mtty, 0));
	EXPECT_EQ(0xff, self->mem.buf[2 * PAGE - 1]);
}

TEST_F(engine, to_become_bus_master_wakes_each_channel)
{
	struct mtty *mtty = &self->mtty;
	unsigned int i;

	serve_all(&self->mem, self->zeroes);
	knob_write(mtty, "engine_hold", "1");
	for (i = 0; i < MTTY_MIG_NR_DMA; i++)
		fill(mtty, i, i, 1, 0);
	set_master(mtty, false);
	knob_write(mtty, "engine_hold", "0");
	set_master(mtty, true);
	for (i = 0; i < MTTY_MIG_NR_DMA; i++)
		EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(mtty, i));
}

/* As a guest does before kexec: what is under way is done, and nothing more */
TEST_F(engine, ceases_when_the_device_is_bus_master_no_more)
{
	struct mtty *mtty = &self->mtty;
	unsigned int i;

	for (i = 1; i < PAGES; i++)
		held_mem_serve(&self->mem, i, self->zeroes);
	fill(mtty, 0, 0, PAGES, 0);
	held_mem_wait(&self->mem, 0);
	set_master(mtty, false);
	held_mem_serve(&self->mem, 0, self->zeroes);
	await_done(mtty, 0, PAGE);
	usleep(WRONG_MS * 1000);
	EXPECT_EQ(PAGE, dma_done(mtty, 0));
	EXPECT_EQ(0, self->mem.buf[PAGE]);
	EXPECT_EQ(MTTY_MIG_DMA_BUSY, dma_status(mtty, 0));
	set_master(mtty, true);
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(mtty, 0));
}

TEST_F(engine, is_no_bus_master_after_reset_and_open)
{
	struct mtty *mtty = &self->mtty;

	set_master(mtty, true);
	vfio_dev_reset(&mtty->dev);
	EXPECT_FALSE(is_master(mtty));
	set_master(mtty, true);
	vfio_dev_close(&mtty->dev);
	vfio_dev_open(&mtty->dev, mtty->mdev.uuid);
	EXPECT_FALSE(is_master(mtty));
}

/* It is the guest's doing, and comes along */
TEST_F(engine, bus_master_migrates)
{
	struct mtty *mtty = &self->mtty;
	bool master;
	int i;

	serve_all(&self->mem, self->zeroes);
	for (i = 0; i < 2; i++) {
		master = i;
		vfio_dev_reset(&mtty->dev);
		memset(self->mem.buf, 0, PAGES * PAGE);
		fill_no_master(mtty, 0, 2);
		set_master(mtty, master);
		mig_save(&mtty->dev, &self->stream, MIG_CHUNK);
		vfio_dev_reset(&mtty->dev);
		knob_write(mtty, "engine_hold", "0");
		mig_load(&mtty->dev, &self->stream, MIG_CHUNK,
			 VFIO_DEVICE_STATE_RUNNING);
		EXPECT_EQ(master, is_master(mtty));
		if (!master) {
			usleep(WRONG_MS * 1000);
			EXPECT_EQ(0, dma_done(mtty, 0));
			EXPECT_EQ(0, self->mem.buf[0]);
			set_master(mtty, true);
		}
		EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(mtty, 0));
	}
}

TEST_HARNESS_MAIN
