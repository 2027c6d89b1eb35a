// SPDX-License-Identifier: GPL-2.0-only
/*
 * A chunk of the DMA engine hangs on a page of user memory that does not come.
 *
 * Whoever uses the device can be killed all the same; who closes it does not
 * wait; who stops it waits, and can be interrupted.
 *
 * Nothing is timed. What is to answer meanwhile is called while the page is
 * known to be missing, and has to return before the test serves it; see
 * lib/missing.h for what happens if it does not.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/vfio_dma.h"
#include "lib/knobs.h"
#include "lib/stuck_fixture.h"

#define SLOW	300

/*
 * Who has the device open ends, or closes it
 */

STUCK_FIXTURE(owner, "full", 0);
STUCK_VARIANTS(owner);

/* What the test tells the owner to do */
enum {
	DO_START,
	DO_EXIT,
	DO_CLOSE,
	DO_PASS,
	DO_SHARE,
	DO_BLOCK,
};

/**
 * struct owner - a process that opens the device
 * @mtty: the device
 * @mem: what the channels hang on
 * @way: how it opens the device
 * @op: what the channels do
 * @blocked: NULL, or a call that another thread of it is to hang in
 */
struct owner {
	struct mtty *mtty;
	struct missing *mem;
	enum vfio_way way;
	__u32 op;
	int (*blocked)(void *arg);
};

static void set_up_msi(struct mtty *mtty)
{
	int fds[MTTY_MIG_NR_VECTORS];
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		fds[i] = eventfd_new();
	vfio_irq_eventfds(&mtty->dev, VFIO_PCI_MSI_IRQ_INDEX, 0,
			  MTTY_MIG_NR_VECTORS, fds);
}

/* The device's fd goes to the test, which is then the only one that has it */
static void pass_device(int sock, struct vfio_dev *dev)
{
	tell_fd(sock, 0, dev->fd);
	close(dev->fd);
	if (dev->group_fd >= 0)
		close(dev->group_fd);
	tell(sock, 0);
}

/* All that it has of the device goes to the test */
static void share_device(int sock, struct vfio_dev *dev)
{
	tell_fd(sock, dev->ioas_id, dev->fd);
	tell_fd(sock, 0, dev->iommu_fd);
	tell_fd(sock, 0, dev->group_fd);
}

static void hear_device(int sock, struct vfio_dev *dev)
{
	long long word;

	dev->fd = hear_fd(sock, &word);
	dev->ioas_id = word;
	dev->iommu_fd = hear_fd(sock, &word);
	dev->group_fd = hear_fd(sock, &word);
}

static int run_owner(int sock, void *arg)
{
	struct owner *owner = arg;
	/* Before the device, so that it gets a lower fd and ends after it */
	void *buf = missing_map(owner->mem);
	/* Each channel is the one that hangs first for some of them */
	unsigned int first = owner->op == MTTY_MIG_DMA_OP_COPY ? 1 : 0;
	struct worker worker;

	stuck_open(owner->mtty, owner->way);
	set_up_msi(owner->mtty);
	stuck_map(owner->mtty, buf);
	stuck_start(owner->mtty, first, owner->op);
	for (;;) {
		switch (hear(sock)) {
		case DO_START:
			stuck_start(owner->mtty, !first, owner->op);
			tell(sock, 0);
			break;
		case DO_EXIT:
			return 0;
		case DO_CLOSE:
			vfio_dev_close(&owner->mtty->dev);
			tell(sock, 0);
			break;
		case DO_PASS:
			pass_device(sock, &owner->mtty->dev);
			break;
		case DO_SHARE:
			share_device(sock, &owner->mtty->dev);
			break;
		case DO_BLOCK:
			worker_start(&worker, owner->blocked, owner->mtty);
			tell(sock, worker_sleeps(&worker));
			break;
		}
	}
}

/* Let a process open the device, and hang one of its channels on a missing page */
static void owner_start(struct stuck *stuck, struct owner *owner)
{
	vfio_dev_close(&stuck->mtty.dev);
	owner->mtty = &stuck->mtty;
	owner->mem = &stuck->mem;
	child_start(&stuck->child, run_owner, owner,
		    (int []){ missing_keep(&stuck->mem), KEEP_END });
}

/* Wait until it does; the other channel hangs then, it may be in a lock of the core's */
static void owner_hangs(struct __test_metadata *_metadata, struct stuck *stuck)
{
	ASSERT_TRUE(missing_await(&stuck->mem, &stuck->child));
	tell(stuck->child.sock, DO_START);
	hear(stuck->child.sock);
}

/* Another process, this one, opens the device at once, and it works */
static void expect_works(struct __test_metadata *_metadata,
			 struct stuck *stuck, enum vfio_way way)
{
	const char *why;

	stuck_open(&stuck->mtty, way);
	why = stuck_works(&stuck->mtty);
	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
	vfio_dev_close(&stuck->mtty.dev);
	answered(_metadata, stuck, "the next user");
}

static void exits(struct __test_metadata *_metadata,
		  struct stuck *stuck)
{
	tell(stuck->child.sock, DO_EXIT);
	EXPECT_EQ(0, child_gone(&stuck->child));
	answered(_metadata, stuck, "the end of the process");
}

static void is_killed(struct __test_metadata *_metadata,
		      struct stuck *stuck)
{
	child_kill(&stuck->child);
	EXPECT_TRUE(WIFSIGNALED(child_gone(&stuck->child)));
	answered(_metadata, stuck, "a process that is killed");
}

static void closes(struct __test_metadata *_metadata,
		   struct stuck *stuck)
{
	tell(stuck->child.sock, DO_CLOSE);
	hear(stuck->child.sock);
	answered(_metadata, stuck, "close()");
}

/* It lives on, and its page never comes */
static void has_passed_it_on(struct __test_metadata *_metadata,
			     struct stuck *stuck)
{
	long long word;
	int fd;

	tell(stuck->child.sock, DO_PASS);
	fd = hear_fd(stuck->child.sock, &word);
	ASSERT_LE(0, fd);
	hear(stuck->child.sock);
	close(fd);
	answered(_metadata, stuck, "close() by another process");
}

static const __u32 ops[] = {
	MTTY_MIG_DMA_OP_FILL,
	MTTY_MIG_DMA_OP_READ,
	MTTY_MIG_DMA_OP_COPY,
};

static void check_end(struct __test_metadata *_metadata,
		      struct stuck *stuck, enum vfio_way way, __u32 op,
		      void (*end)(struct __test_metadata *_metadata,
				  struct stuck *stuck))
{
	struct owner owner = { .way = way, .op = op };

	owner_start(stuck, &owner);
	owner_hangs(_metadata, stuck);
	end(_metadata, stuck);
	expect_works(_metadata, stuck, way);
}

TEST_F_TIMEOUT(owner, exits_while_FILL_hangs, SLOW)
{
	check_end(_metadata, &self->stuck, variant->way, ops[0], exits);
}

TEST_F_TIMEOUT(owner, exits_while_READ_hangs, SLOW)
{
	check_end(_metadata, &self->stuck, variant->way, ops[1], exits);
}

TEST_F_TIMEOUT(owner, exits_while_COPY_hangs, SLOW)
{
	check_end(_metadata, &self->stuck, variant->way, ops[2], exits);
}

TEST_F_TIMEOUT(owner, is_killed_while_FILL_hangs, SLOW)
{
	check_end(_metadata, &self->stuck, variant->way, ops[0], is_killed);
}

TEST_F_TIMEOUT(owner, is_killed_while_READ_hangs, SLOW)
{
	check_end(_metadata, &self->stuck, variant->way, ops[1], is_killed);
}

TEST_F_TIMEOUT(owner, is_killed_while_COPY_hangs, SLOW)
{
	check_end(_metadata, &self->stuck, variant->way, ops[2], is_killed);
}

TEST_F_TIMEOUT(owner, closes_while_FILL_hangs, SLOW)
{
	check_end(_metadata, &self->stuck, variant->way, ops[0], closes);
}

TEST_F_TIMEOUT(owner, closes_while_READ_hangs, SLOW)
{
	check_end(_metadata, &self->stuck, variant->way, ops[1], closes);
}

TEST_F_TIMEOUT(owner, closes_while_COPY_hangs, SLOW)
{
	check_end(_metadata, &self->stuck, variant->way, ops[2], closes);
}

TEST_F_TIMEOUT(owner, has_passed_it_on_while_FILL_hangs, SLOW)
{
	check_end(_metadata, &self->stuck, variant->way, ops[0],
		  has_passed_it_on);
}

TEST_F_TIMEOUT(owner, has_passed_it_on_while_READ_hangs, SLOW)
{
	check_end(_metadata, &self->stuck, variant->way, ops[1],
		  has_passed_it_on);
}

TEST_F_TIMEOUT(owner, has_passed_it_on_while_COPY_hangs, SLOW)
{
	check_end(_metadata, &self->stuck, variant->way, ops[2],
		  has_passed_it_on);
}

static void owner_blocks(struct __test_metadata *_metadata,
			 struct stuck *stuck)
{
	tell(stuck->child.sock, DO_BLOCK);
	EXPECT_EQ(1, hear(stuck->child.sock))
		TH_LOG("it does not wait for the chunk");
}

static int run_reset(void *arg)
{
	struct mtty *mtty = arg;

	return __vfio_dev_reset(&mtty->dev);
}

static int run_stop(void *arg)
{
	struct mtty *mtty = arg;
	int none;

	return __vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_STOP, &none);
}

static void check_blocked(struct __test_metadata *_metadata,
			  struct stuck *stuck, enum vfio_way way,
			  int (*blocked)(void *arg))
{
	struct owner owner = {
		.way = way,
		.op = MTTY_MIG_DMA_OP_FILL,
		.blocked = blocked,
	};

	owner_start(stuck, &owner);
	owner_hangs(_metadata, stuck);
	owner_blocks(_metadata, stuck);
	is_killed(_metadata, stuck);
	expect_works(_metadata, stuck, way);
}

TEST_F_TIMEOUT(owner, is_killed_while_a_thread_stops_the_device, SLOW)
{
	check_blocked(_metadata, &self->stuck, variant->way, run_stop);
}

TEST_F_TIMEOUT(owner, is_killed_while_a_thread_resets_the_device, SLOW)
{
	check_blocked(_metadata, &self->stuck, variant->way, run_reset);
}

/*
 * The core waits for a chunk, too, and not killably: to change a mapping is to
 * take a lock that the chunk holds. It ends with the chunk, which so has to end
 * with the process whose memory it hangs on. See Documentation/locking.rst.
 *
 * The driver gives such a process a second to die. So several die at once here,
 * each with a device of its own.
 */

STUCK_FIXTURE(owners, "full", 3);
STUCK_VARIANTS(owners);

static int run_map(void *arg)
{
	struct mtty *mtty = arg;
	void *page = (void *)((unsigned long)run_map & ~(PAGE - 1));

	/* Any page of the process will do */
	return __vfio_dma_map(&mtty->dev, page, GOOD_IOVA + GOOD_PAGES * PAGE,
			      PAGE, false);
}

static int run_unmap(void *arg)
{
	struct mtty *mtty = arg;

	return __vfio_dma_unmap(&mtty->dev, STUCK_IOVA, STUCK_PAGES * PAGE);
}

static int run_unmap_other(void *arg)
{
	struct mtty *mtty = arg;

	return __vfio_dma_unmap(&mtty->dev, GOOD_IOVA, GOOD_PAGES * PAGE);
}

/* It shares the device, and then it ends */
static int run_opener(int sock, void *arg)
{
	struct owner *owner = arg;

	stuck_open(owner->mtty, owner->way);
	share_device(sock, &owner->mtty->dev);
	return 0;
}

/*
 * As a program does that opens devices for others. The page of the one that
 * uses the device may be late all the same.
 */
static void hang_without_owner(struct __test_metadata *_metadata,
			       struct stuck *stuck, enum vfio_way way)
{
	struct owner owner = { .mtty = &stuck->mtty, .way = way };

	vfio_dev_close(&stuck->mtty.dev);
	child_start(&stuck->child, run_opener, &owner, NULL);
	hear_device(stuck->child.sock, &stuck->mtty.dev);
	ASSERT_EQ(0, child_gone(&stuck->child));

	stuck_map(&stuck->mtty, missing_map(&stuck->mem));
	stuck_start(&stuck->mtty, 0, MTTY_MIG_DMA_OP_FILL);
	ASSERT_TRUE(missing_await(&stuck->mem, NULL));
}

TEST_F_TIMEOUT(owners, are_killed_while_threads_change_mappings, SLOW)
{
	static int (*const changes[])(void *arg) = {
		run_unmap, run_unmap_other, run_map,
	};
	struct owner owners[ARRAY_LEN(changes)];
	struct stuck *stuck = &self->stuck;
	unsigned int i;

	/* The first one, so that it hangs for longer than the others die */
	hang_without_owner(_metadata, stuck, variant->way);
	/* All before the first fork, which has for a moment what is open here */
	for (i = 0; i < ARRAY_LEN(changes); i++)
		vfio_dev_close(&self->more[i].mtty.dev);
	for (i = 0; i < ARRAY_LEN(changes); i++) {
		owners[i] = (struct owner) {
			.way = variant->way,
			.op = MTTY_MIG_DMA_OP_FILL,
			.blocked = changes[i],
		};
		owner_start(&self->more[i], &owners[i]);
	}
	for (i = 0; i < ARRAY_LEN(changes); i++)
		owner_hangs(_metadata, &self->more[i]);
	for (i = 0; i < ARRAY_LEN(changes); i++)
		owner_blocks(_metadata, &self->more[i]);
	for (i = 0; i < ARRAY_LEN(changes); i++)
		child_kill(&self->more[i].child);
	for (i = 0; i < ARRAY_LEN(changes); i++)
		is_killed(_metadata, &self->more[i]);
	for (i = 0; i < ARRAY_LEN(changes); i++)
		expect_works(_metadata, &self->more[i], variant->way);

	/* Who is dead is not dying: the chunk of its device was left alone */
	missing_serve(&stuck->mem);
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(&stuck->mtty, 0));
	EXPECT_EQ(0xff, stuck->mem.addr[PAGE - 1]);
}

/* Where a device that others have opened sees the test's missing page */
#define MINE_IOVA	0x60000000ULL

/* What killed the owner's chunk is over: the next one is another process's */
TEST_F_TIMEOUT(owners, that_are_killed_take_no_later_chunk_with_them, SLOW)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = MINE_IOVA, .len = PAGE,
	};
	struct owner owner = {
		.way = variant->way,
		.op = MTTY_MIG_DMA_OP_FILL,
		.blocked = run_unmap,
	};
	struct stuck *dead = &self->more[0];
	struct missing *mine = &self->stuck.mem;
	struct mtty *mtty = &dead->mtty;

	owner_start(dead, &owner);
	owner_hangs(_metadata, dead);
	tell(dead->child.sock, DO_SHARE);
	hear_device(dead->child.sock, &mtty->dev);
	owner_blocks(_metadata, dead);
	is_killed(_metadata, dead);
	EXPECT_EQ(MTTY_MIG_DMA_ERROR, dma_wait(mtty, 0));

	must(__vfio_dma_map(&mtty->dev, missing_map(mine), MINE_IOVA,
			    STUCK_PAGES * PAGE, true));
	dma_start(mtty, 0, &t);
	ASSERT_TRUE(missing_await(mine, NULL));
	missing_serve(mine);
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(mtty, 0));
	EXPECT_EQ(0xff, mine->addr[PAGE - 1]);
}

/*
 * Who stops the device waits for the chunk under way, and can be interrupted
 */

STUCK_FIXTURE(stopper, "precopy", 0);
STUCK_VARIANTS_MEMORY(stopper);

static atomic_int signals;

static void on_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&signals, 1);
}

static void catch_signal(int flags)
{
	struct sigaction action = {
		.sa_handler = on_signal,
		.sa_flags = flags,
	};

	atomic_store(&signals, 0);
	if (sigaction(SIGUSR1, &action, NULL))
		die("sigaction: %s", strerror(errno));
}

/* Who asks is answered while somebody waits for the device to stop */
static void expect_answers(struct __test_metadata *_metadata,
			   struct stuck *stuck)
{
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&stuck->mtty.dev));
	answered(_metadata, stuck, "GET of the state");
	EXPECT_EQ(MTTY_MIG_DMA_BUSY, dma_status(&stuck->mtty, 0));
	answered(_metadata, stuck, "a register");
}

/* It has not stopped, though the page is still missing */
static void expect_runs(struct __test_metadata *_metadata,
			struct stuck *stuck)
{
	static __u8 value;

	expect_answers(_metadata, stuck);
	mtty_uart_out(&stuck->mtty, 1, UART_SCR, ++value);
	EXPECT_EQ(value, mtty_uart_in(&stuck->mtty, 1, UART_SCR));
	answered(_metadata, stuck, "a register");
}

static void hang(struct __test_metadata *_metadata,
		 struct stuck *stuck)
{
	stuck_map(&stuck->mtty, missing_map(&stuck->mem));
	stuck_start(&stuck->mtty, 0, MTTY_MIG_DMA_OP_FILL);
	ASSERT_TRUE(missing_await(&stuck->mem, NULL));
}

/* Again and again, for one may come before the thread is in the call */
static void interrupt_until_done(struct worker *worker)
{
	while (!atomic_load(&worker->done)) {
		worker_signal(worker, SIGUSR1);
		sched_yield();
	}
}

static void interrupt_until_seen(struct worker *worker, struct missing *mem)
{
	while (!atomic_load(&signals) && !atomic_load(&worker->done) && !missing_late(mem)) {
		worker_signal(worker, SIGUSR1);
		sched_yield();
	}
}

static void check_interrupted(struct __test_metadata *_metadata,
			      struct stuck *stuck,
			      int (*stop)(void *arg))
{
	struct worker worker;

	catch_signal(0);
	hang(_metadata, stuck);
	worker_start(&worker, stop, &stuck->mtty);
	EXPECT_TRUE(worker_sleeps(&worker))
		TH_LOG("it did not wait for the chunk");
	/* The state is the old one, and the guest loses nothing that it does */
	expect_runs(_metadata, stuck);
	interrupt_until_done(&worker);
	EXPECT_EQ(-EINTR, worker_join(&worker));
	answered(_metadata, stuck, "who was interrupted");
	expect_runs(_metadata, stuck);

	missing_serve(&stuck->mem);
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(&stuck->mtty, 0));
	EXPECT_EQ(0xff, stuck->mem.addr[0]);
	EXPECT_EQ(0xff, stuck->mem.addr[PAGE - 1]);
	/* DMA, too, may begin as before */
	stuck_start(&stuck->mtty, 1, MTTY_MIG_DMA_OP_FILL);
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(&stuck->mtty, 1));
	EXPECT_EQ(0xff, stuck->mem.addr[2 * PAGE - 1]);
	EXPECT_EQ(0, stop(&stuck->mtty));
}

/* With SA_RESTART the call goes on, and ends when the chunk does */
static void check_restarted(struct __test_metadata *_metadata,
			    struct stuck *stuck,
			    int (*stop)(void *arg))
{
	struct worker worker;

	catch_signal(SA_RESTART);
	hang(_metadata, stuck);
	worker_start(&worker, stop, &stuck->mtty);
	EXPECT_TRUE(worker_sleeps(&worker));
	interrupt_until_seen(&worker, &stuck->mem);
	answered(_metadata, stuck, "the signal's handler");
	EXPECT_TRUE(worker_sleeps(&worker))
		TH_LOG("it did not go on");
	expect_runs(_metadata, stuck);
	missing_serve(&stuck->mem);
	EXPECT_EQ(0, worker_join(&worker));
	EXPECT_EQ(0xff, stuck->mem.addr[0]);
	EXPECT_EQ(0xff, stuck->mem.addr[PAGE - 1]);
}

TEST_F_TIMEOUT(stopper, SET_to_STOP_can_be_interrupted, SLOW)
{
	struct stuck *stuck = &self->stuck;

	check_interrupted(_metadata, stuck, run_stop);
	EXPECT_EQ(VFIO_DEVICE_STATE_STOP, vfio_mig_get(&stuck->mtty.dev));
}

TEST_F_TIMEOUT(stopper, SET_to_STOP_is_restarted, SLOW)
{
	struct stuck *stuck = &self->stuck;

	check_restarted(_metadata, stuck, run_stop);
	EXPECT_EQ(VFIO_DEVICE_STATE_STOP, vfio_mig_get(&stuck->mtty.dev));
}

TEST_F_TIMEOUT(stopper, reset_can_be_interrupted, SLOW)
{
	struct stuck *stuck = &self->stuck;

	check_interrupted(_metadata, stuck, run_reset);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&stuck->mtty.dev));
	EXPECT_EQ(0, dma_status(&stuck->mtty, 0));
}

TEST_F_TIMEOUT(stopper, reset_is_restarted, SLOW)
{
	struct stuck *stuck = &self->stuck;

	check_restarted(_metadata, stuck, run_reset);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&stuck->mtty.dev));
	EXPECT_EQ(0, dma_status(&stuck->mtty, 0));
}

/* Who waits behind one that stops the device can be interrupted as well */
TEST_F_TIMEOUT(stopper, another_one_can_be_interrupted, SLOW)
{
	struct stuck *stuck = &self->stuck;
	struct worker first, second;

	catch_signal(0);
	hang(_metadata, stuck);
	worker_start(&first, run_stop, &stuck->mtty);
	EXPECT_TRUE(worker_sleeps(&first));
	worker_start(&second, run_reset, &stuck->mtty);
	EXPECT_TRUE(worker_sleeps(&second));
	interrupt_until_done(&second);
	EXPECT_EQ(-EINTR, worker_join(&second));
	answered(_metadata, stuck, "who waited behind another one");
	expect_answers(_metadata, stuck);
	missing_serve(&stuck->mem);
	EXPECT_EQ(0, worker_join(&first));
	EXPECT_EQ(VFIO_DEVICE_STATE_STOP, vfio_mig_get(&stuck->mtty.dev));
}

static void check_another_restarted(struct __test_metadata *_metadata,
				    struct stuck *stuck,
				    int (*another)(void *arg))
{
	struct worker first, second;

	catch_signal(SA_RESTART);
	hang(_metadata, stuck);
	worker_start(&first, run_stop, &stuck->mtty);
	EXPECT_TRUE(worker_sleeps(&first));
	worker_start(&second, another, &stuck->mtty);
	EXPECT_TRUE(worker_sleeps(&second));
	interrupt_until_seen(&second, &stuck->mem);
	answered(_metadata, stuck, "the signal's handler");
	EXPECT_TRUE(worker_sleeps(&second))
		TH_LOG("it did not go on");
	missing_serve(&stuck->mem);
	EXPECT_EQ(0, worker_join(&first));
	EXPECT_EQ(0, worker_join(&second));
}

TEST_F_TIMEOUT(stopper, another_SET_is_restarted, SLOW)
{
	check_another_restarted(_metadata, &self->stuck, run_stop);
	EXPECT_EQ(VFIO_DEVICE_STATE_STOP, vfio_mig_get(&self->stuck.mtty.dev));
}

TEST_F_TIMEOUT(stopper, another_reset_is_restarted, SLOW)
{
	check_another_restarted(_metadata, &self->stuck, run_reset);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING,
		  vfio_mig_get(&self->stuck.mtty.dev));
}

/* In the child: what a test does to a device, while another one stops it */
static int run_reinit(int sock, void *arg)
{
	struct stuck *stuck = arg;

	tell(sock, 0);
	tell(sock, __knob_write(&stuck->mtty, "reinit", "1"));
	return 0;
}

static int run_stop_copy(void *arg)
{
	struct mtty *mtty = arg;
	int none;

	return __vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_STOP_COPY, &none);
}

TEST_F_TIMEOUT(stopper, writer_of_reinit_behind_it_can_be_killed, SLOW)
{
	struct stuck *stuck = &self->stuck;
	const char *why = knobs_missing();
	struct worker worker;

	if (why)
		SKIP(return, "%s", why);
	vfio_mig_set(&stuck->mtty.dev, VFIO_DEVICE_STATE_PRE_COPY);
	hang(_metadata, stuck);
	worker_start(&worker, run_stop_copy, &stuck->mtty);
	EXPECT_TRUE(worker_sleeps(&worker));
	child_start(&stuck->child, run_reinit, stuck, NULL);
	hear(stuck->child.sock);
	EXPECT_TRUE(child_sleeps(&stuck->child));
	child_kill(&stuck->child);
	EXPECT_TRUE(WIFSIGNALED(child_gone(&stuck->child)));
	answered(_metadata, stuck, "a writer that is killed");
	missing_serve(&stuck->mem);
	EXPECT_EQ(0, worker_join(&worker));
}

/* What tells of the device in sysfs and debugfs, too */
TEST_F_TIMEOUT(stopper, files_answer_while_the_device_is_stopped, SLOW)
{
	struct stuck *stuck = &self->stuck;
	struct worker worker;
	char text[256];

	hang(_metadata, stuck);
	worker_start(&worker, run_stop, &stuck->mtty);
	EXPECT_TRUE(worker_sleeps(&worker));
	EXPECT_EQ(0, __mdev_attr_read(&stuck->mtty.mdev, "mtty_mig/state", text,
				      sizeof(text)));
	EXPECT_STREQ("RUNNING", text);
	answered(_metadata, stuck, "state");
	EXPECT_EQ(JOURNEY_MEM_SIZE, mtty_mem_size(&stuck->mtty));
	answered(_metadata, stuck, "mem_size");
	EXPECT_EQ(-EBUSY, __mtty_set_mem_size(&stuck->mtty, "4096"));
	answered(_metadata, stuck, "who sets mem_size");
	EXPECT_LT(0, vfio_mig_data_size(&stuck->mtty.dev));
	answered(_metadata, stuck, "MIG_DATA_SIZE");
	mtty_digest(&stuck->mtty);
	answered(_metadata, stuck, "digest");
	if (!knobs_missing()) {
		knob_counter(&stuck->mtty, "pages");
		answered(_metadata, stuck, "counters");
	}
	missing_serve(&stuck->mem);
	EXPECT_EQ(0, worker_join(&worker));
}

/*
 * REPORT of the DMA log with a bitmap that does not come
 */

STUCK_FIXTURE(reporter, "precopy", 0);
STUCK_VARIANTS_MEMORY(reporter);

#define LOG_PAGES	GOOD_PAGES

/* In the child: tells what REPORT gave, and its bits */
static int run_report(int sock, void *arg)
{
	struct stuck *stuck = arg;
	__u64 *bitmap = (void *)missing_map(&stuck->mem);

	tell(sock, __dma_log_report(&stuck->mtty.dev, GOOD_IOVA,
				    LOG_PAGES * PAGE, PAGE, bitmap));
	tell(sock, bitmap[0]);
	return 0;
}

static int log_start(struct vfio_dev *dev)
{
	const struct vfio_device_feature_dma_logging_range range = {
		.iova = GOOD_IOVA,
		.length = LOG_PAGES * PAGE,
	};
	__u64 page_size = PAGE;

	return __dma_log_start(dev, &range, 1, &page_size);
}

static void log_fill(struct __test_metadata *_metadata,
		     struct stuck *stuck, unsigned int page)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = GOOD_IOVA + page * PAGE, .len = PAGE,
	};

	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_run(&stuck->mtty, 0, &t));
}

/* Let a process hang in REPORT, page 0 being dirty; NULL, or why it cannot */
static const char *hang_report(struct __test_metadata *_metadata,
			       struct stuck *stuck)
{
	int ret = log_start(&stuck->mtty.dev);

	if (ret == -ENOTTY)
		return "this kernel has no CONFIG_IOMMUFD_DRIVER";
	must(ret);
	stuck_map(&stuck->mtty, NULL);
	log_fill(_metadata, stuck, 0);
	child_start(&stuck->child, run_report, stuck,
		    (int []){ stuck->mtty.dev.fd, missing_keep(&stuck->mem),
			      KEEP_END });
	if (missing_await(&stuck->mem, &stuck->child))
		return NULL;
	return hear(stuck->child.sock) == -EOPNOTSUPP ?
	       "the bitmap of this kernel's core is a stub" :
	       "REPORT of a dirty page leaves the bitmap alone";
}

TEST_F_TIMEOUT(reporter, holds_up_neither_DMA_nor_states, SLOW)
{
	struct stuck *stuck = &self->stuck;
	const char *why = hang_report(_metadata, stuck);
	__u64 mine = 0, theirs;

	if (why)
		SKIP(return, "%s", why);
	log_fill(_metadata, stuck, 1);
	answered(_metadata, stuck, "FILL");
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&stuck->mtty.dev));
	answered(_metadata, stuck, "GET of the state");
	EXPECT_EQ(0, run_stop(&stuck->mtty));
	answered(_metadata, stuck, "SET to STOP");
	vfio_mig_set(&stuck->mtty.dev, VFIO_DEVICE_STATE_RUNNING);
	answered(_metadata, stuck, "SET to RUNNING");
	EXPECT_EQ(0, __dma_log_report(&stuck->mtty.dev, GOOD_IOVA,
				      LOG_PAGES * PAGE, PAGE, &mine));
	answered(_metadata, stuck, "another REPORT");

	missing_serve(&stuck->mem);
	EXPECT_EQ(0, hear(stuck->child.sock));
	theirs = hear(stuck->child.sock);
	EXPECT_EQ(0, child_gone(&stuck->child));
	/* Each page is told, and to one of the two */
	EXPECT_EQ(3, mine | theirs);
	EXPECT_EQ(0, mine & theirs);
	mine = 0;
	EXPECT_EQ(0, __dma_log_report(&stuck->mtty.dev, GOOD_IOVA,
				      LOG_PAGES * PAGE, PAGE, &mine));
	EXPECT_EQ(0, mine);
}

/* What it has taken out of the log is lost with it, and nothing else */
TEST_F_TIMEOUT(reporter, can_be_killed, SLOW)
{
	struct stuck *stuck = &self->stuck;
	const char *why = hang_report(_metadata, stuck);
	__u64 mine = 0;

	if (why)
		SKIP(return, "%s", why);
	log_fill(_metadata, stuck, 1);
	answered(_metadata, stuck, "FILL");
	child_kill(&stuck->child);
	EXPECT_TRUE(WIFSIGNALED(child_gone(&stuck->child)));
	answered(_metadata, stuck, "a process that is killed");
	log_fill(_metadata, stuck, 2);
	EXPECT_EQ(0, __dma_log_report(&stuck->mtty.dev, GOOD_IOVA,
				      LOG_PAGES * PAGE, PAGE, &mine));
	EXPECT_EQ(6, mine & 6);
	EXPECT_EQ(0, mine & ~7ULL);
	answered(_metadata, stuck, "the log");
}

TEST_F_TIMEOUT(reporter, does_not_hold_up_STOP_and_START, SLOW)
{
	struct stuck *stuck = &self->stuck;
	const char *why = hang_report(_metadata, stuck);
	__u64 mine = 0;

	if (why)
		SKIP(return, "%s", why);
	EXPECT_EQ(0, __dma_log_stop(&stuck->mtty.dev));
	answered(_metadata, stuck, "STOP of the log");
	EXPECT_EQ(0, log_start(&stuck->mtty.dev));
	answered(_metadata, stuck, "START of the log");
	log_fill(_metadata, stuck, 3);
	EXPECT_EQ(0, __dma_log_report(&stuck->mtty.dev, GOOD_IOVA,
				      LOG_PAGES * PAGE, PAGE, &mine));
	EXPECT_EQ(8, mine);
	answered(_metadata, stuck, "the new log");

	/* The other one ends, whatever it says of a log that is over */
	missing_serve(&stuck->mem);
	hear(stuck->child.sock);
	hear(stuck->child.sock);
	EXPECT_EQ(0, child_gone(&stuck->child));
	mine = 0;
	EXPECT_EQ(0, __dma_log_report(&stuck->mtty.dev, GOOD_IOVA,
				      LOG_PAGES * PAGE, PAGE, &mine));
	EXPECT_EQ(0, mine);
}

TEST_F_TIMEOUT(reporter, does_not_hold_up_reset, SLOW)
{
	struct stuck *stuck = &self->stuck;
	const char *why = hang_report(_metadata, stuck);

	if (why)
		SKIP(return, "%s", why);
	EXPECT_EQ(0, __vfio_dev_reset(&stuck->mtty.dev));
	answered(_metadata, stuck, "reset");
	missing_serve(&stuck->mem);
	hear(stuck->child.sock);
	hear(stuck->child.sock);
	EXPECT_EQ(0, child_gone(&stuck->child));
}

/*
 * Who controls the engine in debugfs waits for a chunk
 */

STUCK_FIXTURE(knobs, "full", 0);
STUCK_VARIANTS_MEMORY(knobs);

static int run_step(int sock, void *arg)
{
	struct stuck *stuck = arg;

	tell(sock, 0);
	tell(sock, __knob_write(&stuck->mtty, "engine_step", "0 4096"));
	return 0;
}

static int run_hold(int sock, void *arg)
{
	struct stuck *stuck = arg;

	tell(sock, 0);
	tell(sock, __knob_write(&stuck->mtty, "engine_hold", "1"));
	return 0;
}

/* Let a chunk hang that another process steps by hand */
static void hang_step(struct __test_metadata *_metadata,
		      struct stuck *stuck)
{
	stuck_map(&stuck->mtty, missing_map(&stuck->mem));
	knob_write(&stuck->mtty, "engine_hold", "1");
	stuck_start(&stuck->mtty, 0, MTTY_MIG_DMA_OP_FILL);
	child_start(&stuck->child, run_step, stuck, NULL);
	hear(stuck->child.sock);
	ASSERT_TRUE(missing_await(&stuck->mem, &stuck->child));
}

/* Let another process wait for a chunk that hangs */
static void hang_hold(struct __test_metadata *_metadata,
		      struct stuck *stuck)
{
	stuck_map(&stuck->mtty, missing_map(&stuck->mem));
	stuck_start(&stuck->mtty, 0, MTTY_MIG_DMA_OP_FILL);
	ASSERT_TRUE(missing_await(&stuck->mem, NULL));
	child_start(&stuck->child, run_hold, stuck, NULL);
	hear(stuck->child.sock);
	EXPECT_TRUE(child_sleeps(&stuck->child));
}

static void check_knob_killed(struct __test_metadata *_metadata,
			      struct stuck *stuck)
{
	EXPECT_EQ(MTTY_MIG_DMA_BUSY, dma_status(&stuck->mtty, 0));
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&stuck->mtty.dev));
	answered(_metadata, stuck, "the device");
	child_kill(&stuck->child);
	EXPECT_TRUE(WIFSIGNALED(child_gone(&stuck->child)));
	answered(_metadata, stuck, "a writer that is killed");

	/* The chunk is not the writer's: it goes on */
	missing_serve(&stuck->mem);
	knob_write(&stuck->mtty, "engine_hold", "0");
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_wait(&stuck->mtty, 0));
	EXPECT_EQ(0xff, stuck->mem.addr[PAGE - 1]);
}

/* A step is one writer's, who alone is told how far it went */
TEST_F_TIMEOUT(knobs, second_writer_of_engine_step_is_refused, SLOW)
{
	struct stuck *stuck = &self->stuck;
	const char *why = knobs_missing();

	if (why)
		SKIP(return, "%s", why);
	hang_step(_metadata, stuck);
	EXPECT_EQ(-EBUSY, __knob_write(&stuck->mtty, "engine_step", "0 4096"));
	answered(_metadata, stuck, "a second step");
	missing_serve(&stuck->mem);
	EXPECT_EQ(0, hear(stuck->child.sock));
	EXPECT_EQ(0, child_gone(&stuck->child));
	EXPECT_EQ(PAGE, dma_done(&stuck->mtty, 0));
}

static int run_remove(void *arg)
{
	struct mtty *mtty = arg;

	return __mdev_remove(&mtty->mdev);
}

/* Closing the device ends the chunk, and so whoever waits for it */
static void check_knob_removed(struct __test_metadata *_metadata,
			       struct stuck *stuck)
{
	vfio_dev_close(&stuck->mtty.dev);
	answered(_metadata, stuck, "close()");
	EXPECT_EQ(0, run_remove(&stuck->mtty));
	answered(_metadata, stuck, "the device's removal");
	hear(stuck->child.sock);
	EXPECT_EQ(0, child_gone(&stuck->child));
	answered(_metadata, stuck, "a writer whose device is gone");
}

/*
 * The removal comes first, and waits for the device's user alone, whom it tells
 * so.
 */
static void check_knob_removed_first(struct __test_metadata *_metadata,
				     struct stuck *stuck)
{
	struct pollfd pfd = { .fd = eventfd_new(), .events = POLLIN };
	struct worker worker;

	vfio_irq_eventfds(&stuck->mtty.dev, VFIO_PCI_REQ_IRQ_INDEX, 0, 1,
			  &pfd.fd);
	worker_start(&worker, run_remove, &stuck->mtty);
	EXPECT_EQ(1, poll(&pfd, 1, -1));
	answered(_metadata, stuck, "the request to let go of the device");
	vfio_dev_close(&stuck->mtty.dev);
	answered(_metadata, stuck, "close()");
	EXPECT_EQ(0, worker_join(&worker));
	answered(_metadata, stuck, "the device's removal");
	hear(stuck->child.sock);
	EXPECT_EQ(0, child_gone(&stuck->child));
	answered(_metadata, stuck, "a writer whose device is gone");
}

TEST_F_TIMEOUT(knobs, writer_of_engine_step_can_be_killed, SLOW)
{
	struct stuck *stuck = &self->stuck;
	const char *why = knobs_missing();

	if (why)
		SKIP(return, "%s", why);
	hang_step(_metadata, stuck);
	check_knob_killed(_metadata, stuck);
}

TEST_F_TIMEOUT(knobs, writer_of_engine_hold_can_be_killed, SLOW)
{
	struct stuck *stuck = &self->stuck;
	const char *why = knobs_missing();

	if (why)
		SKIP(return, "%s", why);
	hang_hold(_metadata, stuck);
	check_knob_killed(_metadata, stuck);
}

TEST_F_TIMEOUT(knobs, writer_of_engine_step_ends_with_the_device, SLOW)
{
	struct stuck *stuck = &self->stuck;
	const char *why = knobs_missing();

	if (why)
		SKIP(return, "%s", why);
	hang_step(_metadata, stuck);
	check_knob_removed(_metadata, stuck);
}

TEST_F_TIMEOUT(knobs, writer_of_engine_hold_ends_with_the_device, SLOW)
{
	struct stuck *stuck = &self->stuck;
	const char *why = knobs_missing();

	if (why)
		SKIP(return, "%s", why);
	hang_hold(_metadata, stuck);
	check_knob_removed(_metadata, stuck);
}

TEST_F_TIMEOUT(knobs, removal_waits_for_no_writer_of_engine_step, SLOW)
{
	struct stuck *stuck = &self->stuck;
	const char *why = knobs_missing();

	if (why)
		SKIP(return, "%s", why);
	hang_step(_metadata, stuck);
	check_knob_removed_first(_metadata, stuck);
}

TEST_F_TIMEOUT(knobs, removal_waits_for_no_writer_of_engine_hold, SLOW)
{
	struct stuck *stuck = &self->stuck;
	const char *why = knobs_missing();

	if (why)
		SKIP(return, "%s", why);
	hang_hold(_metadata, stuck);
	check_knob_removed_first(_metadata, stuck);
}

TEST_HARNESS_MAIN
