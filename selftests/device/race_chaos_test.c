// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many threads that make many calls on one device and one data fd, in an order
 * that a seed gives.
 *
 * Two file descriptors are shared by all threads.  Their numbers never change:
 * what they stand for is replaced by dup2(), so that nobody ever calls
 * something that was closed and opened again as something else.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/vfio_dma.h"
#include "../lib/worker.h"
#include "lib/dma.h"
#include "lib/journey.h"
#include "lib/knobs.h"
#include "lib/random_run.h"

/* Of each thread; and of all together, that did something, in whatever order */
#define NR_CALLS	150
#define NR_EFFECTS	10

/**
 * struct chaos - what the threads share
 * @mtty: the device
 * @flags: its capabilities
 * @image: a stream that it takes
 * @data_fd: number of the data fd
 * @null_fd: what stands for the device while it is closed
 * @stop: end
 * @nr_set: how many SETs succeeded
 * @nr_read: how many read()s gave something
 * @nr_written: how many write()s took something
 * @nr_wrong: how many results none of the rules allows
 * @wrong: what gave the first of them
 * @result: that result
 */
struct chaos {
	struct mtty mtty;
	__u64 flags;
	struct mig_stream image;
	int data_fd;
	int null_fd;
	atomic_bool stop;
	atomic_uint nr_set;
	atomic_uint nr_read;
	atomic_uint nr_written;
	atomic_uint nr_wrong;
	const char *wrong;
	int result;
};

/**
 * struct actor - one of the threads
 * @worker: the thread
 * @chaos: what it shares
 * @act: what it does, again and again
 * @seed: what it does next
 * @written: position in the image, for who writes
 * @buf: for who reads
 */
struct actor {
	struct worker worker;
	struct chaos *chaos;
	void (*act)(struct actor *actor);
	__u64 seed;
	size_t written;
	__u8 buf[8192];
};

static bool is_one_of(int ret, const int *errors)
{
	for (; *errors; errors++)
		if (ret == -*errors)
			return true;
	return false;
}

/* Judge a result by a list of the errnos that it may be, which ends with 0 */
static void judge(struct actor *actor, const char *what, int ret,
		  const int *allowed)
{
	struct chaos *chaos = actor->chaos;

	if (ret >= 0 || is_one_of(ret, allowed) ||
	    atomic_fetch_add(&chaos->nr_wrong, 1))
		return;
	chaos->wrong = what;
	chaos->result = ret;
}

/* Why a stream is refused that several have written to as they liked */
static const int refused[] = {
	EINVAL, EPROTOTYPE, EPROTONOSUPPORT, EMEDIUMTYPE, EMSGSIZE, EOPNOTSUPP,
	EPROTO, ERANGE, EBADMSG, E2BIG, 0
};

static void act_set(struct actor *actor)
{
	/* ENOTTY: the device is closed */
	static const int allowed[] = { EINVAL, ENODATA, ENOTTY, 0 };
	struct chaos *chaos = actor->chaos;
	int data_fd, ret;
	__u32 state;

	do {
		state = mtty_random(&actor->seed) % VFIO_DEVICE_STATE_NR;
	} while (!mig_model_supported(chaos->flags, state));
	ret = __vfio_mig_set(&chaos->mtty.dev, state, &data_fd);
	if (!is_one_of(ret, refused))
		judge(actor, "SET_STATE", ret, allowed);
	if (ret)
		return;
	atomic_fetch_add(&chaos->nr_set, 1);
	if (data_fd >= 0) {
		dup2(data_fd, chaos->data_fd);
		close(data_fd);
	}
}

static void act_read(struct actor *actor)
{
	/* EBADF: it is an fd to write to */
	static const int allowed[] = { ENOMSG, ENODEV, EBADF, 0 };
	int ret = mig_read(actor->chaos->data_fd, actor->buf,
			   mtty_random(&actor->seed) % sizeof(actor->buf));

	judge(actor, "read", ret, allowed);
	if (ret > 0)
		atomic_fetch_add(&actor->chaos->nr_read, 1);
}

/* Mostly a valid stream: then RESUMING is left at times */
static void act_write(struct actor *actor)
{
	static const int allowed[] = { ENODEV, EBADF, 0 };
	struct chaos *chaos = actor->chaos;
	size_t len = chaos->image.len - actor->written;
	int ret;

	if (len > 9000)
		len = 9000;
	ret = mig_write(chaos->data_fd, chaos->image.data + actor->written,
			len);
	if (!is_one_of(ret, refused))
		judge(actor, "write", ret, allowed);
	if (ret <= 0) {
		actor->written = 0;
		return;
	}
	actor->written = (actor->written + ret) % chaos->image.len;
	atomic_fetch_add(&chaos->nr_written, 1);
}

static void act_ask(struct actor *actor)
{
	static const int info_allowed[] = { EINVAL, ENOTTY, 0 };
	static const int closed[] = { ENOTTY, 0 };
	struct chaos *chaos = actor->chaos;
	struct vfio_precopy_info info;
	__u64 size;
	__u32 state;
	int ret;

	judge(actor, "precopy info",
	      __vfio_precopy_info(chaos->data_fd, &info), info_allowed);
	ret = __vfio_mig_data_size(&chaos->mtty.dev, &size);
	judge(actor, "MIG_DATA_SIZE", ret, closed);
	if (!ret && !size)
		judge(actor, "MIG_DATA_SIZE of 0", -EPROTO, closed);
	ret = __vfio_mig_get(&chaos->mtty.dev, &state);
	judge(actor, "GET_STATE", ret, closed);
	if (!ret && !mig_model_supported(chaos->flags, state))
		judge(actor, "GET_STATE of such a state", -EPROTO, closed);
	if (fd_poll(chaos->data_fd, POLLIN | POLLOUT) & POLLNVAL)
		judge(actor, "poll", -EBADF, closed);
}

static void act_touch(struct actor *actor)
{
	/* EBUSY: it is stopped; the others: it was removed, meanwhile or before */
	static const int allowed[] = { EBUSY, EIO, ENODEV, ENOENT, 0 };
	__u64 page = mtty_random(&actor->seed) % JOURNEY_PAGES;
	struct chaos *chaos = actor->chaos;
	__u32 word = page;
	__u64 digest;

	judge(actor, "write to the BAR",
	      __vfio_region_write(&chaos->mtty.dev, MTTY_MIG_MEM_BAR,
				  page * MTTY_MIG_PAGE_SIZE, &word,
				  sizeof(word)), allowed);
	judge(actor, "dirty", __knob_write(&chaos->mtty, "dirty", "%llu 1",
					   page), allowed);
	judge(actor, "digest", __mtty_digest(&chaos->mtty, &digest), allowed);
}

static void act_reset(struct actor *actor)
{
	static const int closed[] = { ENOTTY, 0 };

	if (!(mtty_random(&actor->seed) % 4))
		judge(actor, "reset", __vfio_dev_reset(&actor->chaos->mtty.dev),
		      closed);
}

/* The last close comes when the last call is done: until then it is in use */
static void act_reopen(struct actor *actor)
{
	struct chaos *chaos = actor->chaos;
	struct vfio_dev dev;

	if (mtty_random(&actor->seed) % 8)
		return;
	dup2(chaos->null_fd, chaos->mtty.dev.fd);
	/* Nobody else uses these, and a group can be opened once only */
	close(chaos->mtty.dev.iommu_fd);
	if (chaos->mtty.dev.group_fd >= 0)
		close(chaos->mtty.dev.group_fd);
	while (__vfio_dev_open(&dev, chaos->mtty.mdev.uuid,
			       vfio_way_from_env()))
		sched_yield();
	dup2(dev.fd, chaos->mtty.dev.fd);
	close(dev.fd);
	chaos->mtty.dev.iommu_fd = dev.iommu_fd;
	chaos->mtty.dev.group_fd = dev.group_fd;
}

static bool has_happened(struct chaos *chaos)
{
	return atomic_load(&chaos->nr_set) >= NR_EFFECTS &&
	       atomic_load(&chaos->nr_read) >= NR_EFFECTS &&
	       atomic_load(&chaos->nr_written) >= NR_EFFECTS;
}

static int run_actor(void *arg)
{
	struct actor *actor = arg;
	struct chaos *chaos = actor->chaos;
	unsigned int i;

	for (i = 0; i < NR_CALLS || !has_happened(chaos); i++) {
		if (atomic_load(&chaos->stop))
			break;
		actor->act(actor);
		if (mtty_random(&actor->seed) % 2)
			sched_yield();
	}
	return 0;
}

static void chaos_begin(struct chaos *chaos)
{
	struct vfio_dev *dev = &chaos->mtty.dev;
	__u32 index;

	memset(chaos, 0, sizeof(*chaos));
	chaos->flags = MIG_FLAGS_ALL;
	mtty_new(&chaos->mtty, "full", JOURNEY_MEM_SIZE);
	/* The library asks once and remembers, which is not for many threads */
	for (index = 0; index < dev->info.num_regions; index++) {
		struct vfio_region_info info;

		__vfio_region_info(dev, index, &info);
	}
	journey_fill(&chaos->mtty);
	mig_save(dev, &chaos->image, MIG_CHUNK);
	/* There is always an fd, of this session or of a later one */
	vfio_mig_set(dev, VFIO_DEVICE_STATE_RUNNING);
	chaos->data_fd = vfio_mig_set(dev, VFIO_DEVICE_STATE_PRE_COPY);
	chaos->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (chaos->null_fd < 0)
		die("/dev/null: %s", strerror(errno));
}

/* As many threads as do a thing as it takes to make it happen */
static void (* const acts[])(struct actor *actor) = {
	act_set, act_set, act_read, act_read, act_write, act_ask, act_touch,
	act_reset,
};

static void chaos_start(struct chaos *chaos, struct actor *actors,
			unsigned int nr, unsigned int seed_nr)
{
	__u64 seed = run_seed(seed_nr, 2);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		memset(&actors[i], 0, sizeof(actors[i]));
		actors[i].chaos = chaos;
		actors[i].act = i < ARRAY_LEN(acts) ? acts[i] : act_reopen;
		actors[i].seed = seed * 100 + i;
		worker_start(&actors[i].worker, run_actor, &actors[i]);
	}
}

FIXTURE(chaos)
{
	struct chaos chaos;
};

FIXTURE_VARIANT(chaos)
{
	unsigned int seed;
};

FIXTURE_VARIANT_ADD(chaos, seed_1) { .seed = 1, };
FIXTURE_VARIANT_ADD(chaos, seed_2) { .seed = 2, };

FIXTURE_SETUP(chaos)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	chaos_begin(&self->chaos);
}

FIXTURE_TEARDOWN(chaos)
{
	mtty_remove_all();
}

/* Whatever has happened, a reset makes it a device again */
static void expect_migrates(struct __test_metadata *_metadata,
			    struct mtty *mtty)
{
	struct journey journey;
	const char *why;
	struct mtty dst;

	mtty_new(&dst, "full", JOURNEY_MEM_SIZE);
	journey_prepare(&journey, mtty, MIG_FLAGS_ALL);
	journey_go(&journey, VFIO_DEVICE_STATE_PRE_COPY);
	why = journey_arrive(&journey, &dst);
	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
	journey_free(&journey);
}

TEST_F_TIMEOUT(chaos, any_calls_at_once, 300)
{
	struct actor actors[ARRAY_LEN(acts)];
	unsigned int i;

	chaos_start(&self->chaos, actors, ARRAY_LEN(actors), variant->seed);
	for (i = 0; i < ARRAY_LEN(actors); i++)
		worker_join(&actors[i].worker);
	EXPECT_EQ(0, self->chaos.nr_wrong)
		TH_LOG("%s gave %d", self->chaos.wrong, self->chaos.result);
	expect_migrates(_metadata, &self->chaos.mtty);
}

TEST_F_TIMEOUT(chaos, any_calls_while_the_device_is_closed_and_opened, 300)
{
	struct actor actors[ARRAY_LEN(acts) + 1];
	unsigned int i;

	chaos_start(&self->chaos, actors, ARRAY_LEN(actors), variant->seed);
	for (i = 0; i < ARRAY_LEN(actors); i++)
		worker_join(&actors[i].worker);
	EXPECT_EQ(0, self->chaos.nr_wrong)
		TH_LOG("%s gave %d", self->chaos.wrong, self->chaos.result);
	expect_migrates(_metadata, &self->chaos.mtty);
}

static int run_remove(void *arg)
{
	return __mdev_remove(arg);
}

/*
 * Removal waits for the last user, and until then all goes on; then the data
 * fd is dead, in the middle of whatever is done with it.
 */
TEST_F_TIMEOUT(chaos, any_calls_while_the_device_is_removed, 300)
{
	struct chaos *chaos = &self->chaos;
	struct actor actors[ARRAY_LEN(acts)];
	struct worker remover;
	unsigned int i;
	__u8 byte;

	chaos_start(chaos, actors, ARRAY_LEN(actors), variant->seed);
	for (i = 0; i < 10; i++)
		sched_yield();
	worker_start(&remover, run_remove, &chaos->mtty.mdev);
	EXPECT_TRUE(worker_sleeps(&remover));
	while (atomic_load(&chaos->nr_set) < NR_EFFECTS)
		sched_yield();
	dup2(chaos->null_fd, chaos->mtty.dev.fd);
	close(chaos->mtty.dev.iommu_fd);
	if (chaos->mtty.dev.group_fd >= 0)
		close(chaos->mtty.dev.group_fd);
	EXPECT_EQ(0, worker_join(&remover));
	/* Of the session nothing is left */
	EXPECT_EQ(POLLERR | POLLHUP,
		  fd_poll(chaos->data_fd, POLLIN | POLLOUT));
	EXPECT_GT(0, mig_read(chaos->data_fd, &byte, 1));
	atomic_store(&chaos->stop, true);
	for (i = 0; i < ARRAY_LEN(actors); i++)
		worker_join(&actors[i].worker);
	EXPECT_EQ(0, chaos->nr_wrong)
		TH_LOG("%s gave %d", chaos->wrong, chaos->result);
}

TEST_HARNESS_MAIN
