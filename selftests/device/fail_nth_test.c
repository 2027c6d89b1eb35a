// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation, and each copy to or from userspace, that can fail while the
 * driver works for this process does so once: see fail_nth.h.
 *
 * An operation that is failed like that may succeed nonetheless, or do part of
 * its work where its interface allows that; or else it tells ENOMEM or EFAULT.
 * Then everything is as it was, or further on the way in a manner that the
 * uAPI allows; what is left can be used and migrated; and the operation can be
 * tried again at once. What leaks is found by kmemleak, when the tests are run
 * with LEAKS=1, and by the counters of devices, users and file descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <kselftest_harness.h>
#include <linux/iommufd.h>

#include "../lib/check.h"
#include "../lib/file.h"
#include "../lib/vfio_dma.h"
#include "lib/dma.h"
#include "lib/fail_nth.h"
#include "lib/journey.h"
#include "lib/knobs.h"

#define MODULE		"mtty_mig"
#define REFCNT		"/sys/module/" MODULE "/refcnt"

#define DEBUGFS_VFIO	"/sys/kernel/debug/vfio"

/* Patience for a whole walk, several times what the slowest one takes */
/* Minutes where the processor is emulated */
#define WALK_TIMEOUT	900

static const char *walks_missing(void)
{
	const char *why = fail_nth_missing();

	if (!why)
		why = knobs_missing();
	if (!why && !mtty_available())
		why = "there is no mtty_mig driver";
	return why;
}

/* What an injected failure may make an operation return */
static bool injected(int ret)
{
	return ret == -ENOMEM || ret == -EFAULT;
}

/* Judge what an operation returned: 0 or -errno; whether it succeeded */
static bool succeeded(struct __test_metadata *_metadata, struct fail_nth *walk,
		      int ret)
{
	if (!walk->fired) {
		EXPECT_EQ(0, ret)
			TH_LOG("%s: not even the clean pass succeeds",
			       walk->name);
	} else if (ret) {
		fail_nth_told(walk);
		EXPECT_TRUE(injected(ret))
			TH_LOG("%s, point %u: %s", walk->name, walk->point,
			       strerror(-ret));
	}
	return !ret;
}

/* As what a read() or write() returns is: it may do a part; how much it did */
static size_t progress(struct __test_metadata *_metadata,
		       struct fail_nth *walk, ssize_t n, size_t len)
{
	if (n >= 0 && walk->fired && (size_t)n < len) {
		EXPECT_LT(0, n);
		fail_nth_told(walk);
	} else {
		succeeded(_metadata, walk, n < 0 || (size_t)n == len ?
			  (n < 0 ? n : 0) : -EIO);
	}
	return n < 0 ? 0 : n;
}

/* Ends the test with what is wrong, if anything is */
static void fine(struct __test_metadata *_metadata, struct fail_nth *walk,
		 const char *why, const char *when)
{
	ASSERT_EQ(NULL, why)
		TH_LOG("%s, point %u%s%s: %s", walk->name, walk->point,
		       walk->pages ? " of pages" : "", when, why);
}

static void walk_end(struct __test_metadata *_metadata, struct fail_nth *walk)
{
	EXPECT_TRUE(fail_nth_end(walk))
		TH_LOG("%s: less was told than there was", walk->name);
}

/* How many users the module has; -1 if it cannot be removed */
static int module_users(void)
{
	char text[32];

	return file_read(REFCNT, text, sizeof(text)) ? -1 : atoi(text);
}

/*
 * What tells whether something of a device that was removed is still held: the
 * module's users, and the number of the next device, which is the lowest one
 * that is free.
 */
struct leftovers {
	int users;
	char node[64];
};

static void leftovers_before(struct leftovers *left)
{
	struct mtty mtty;

	left->users = module_users();
	mtty_new(&mtty, "full", 0);
	memcpy(left->node, mtty.dev.node, sizeof(left->node));
	vfio_dev_close(&mtty.dev);
	mdev_remove(&mtty.mdev);
}

static void leftovers_after(struct __test_metadata *_metadata,
			    const struct leftovers *left)
{
	struct leftovers now;

	mtty_remove_all();
	leftovers_before(&now);
	EXPECT_EQ(left->users, now.users)
		TH_LOG("the module has users that are gone");
	EXPECT_STREQ(left->node, now.node)
		TH_LOG("a device was removed, but not released");
}

/* A device that goes through the FSM, and one to arrive at */

FIXTURE(arcs)
{
	struct mtty mtty;
	struct mtty dst;
	struct vfio_dev *dev;
	struct journey journey;
	struct fail_nth walk;
	struct leftovers left;
};

FIXTURE_VARIANT(arcs)
{
	const char *type;
	__u64 flags;
};

/* All that full is, and page requests */
FIXTURE_VARIANT_ADD(arcs, vpri)
{
	.type = "vpri",
	.flags = MIG_FLAGS_ALL,
};

/* For the arcs that a device with P2P does not have */
FIXTURE_VARIANT_ADD(arcs, precopy)
{
	.type = "precopy",
	.flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_PRE_COPY,
};

FIXTURE_SETUP(arcs)
{
	const char *why = walks_missing();

	if (why)
		SKIP(return, "%s", why);
	leftovers_before(&self->left);
	mtty_new(&self->mtty, variant->type, JOURNEY_MEM_SIZE);
	mtty_new(&self->dst, variant->type, JOURNEY_MEM_SIZE);
	self->dev = &self->mtty.dev;
	journey_prepare(&self->journey, &self->mtty, variant->flags);
	fail_nth_setup();
}

FIXTURE_TEARDOWN(arcs)
{
	fail_nth_restore();
	journey_free(&self->journey);
	leftovers_after(_metadata, &self->left);
}

/* Whether a state is one that a path leads through, or where it begins */
static bool on_path(const struct mig_path *path, __u32 from, __u32 state)
{
	unsigned int i;

	for (i = 0; i < path->len; i++)
		if (path->state[i] == state)
			return true;
	return state == from;
}

/*
 * The FSM has moved, but the answer did not come to userspace: if there is a
 * new session, it has no fd, and must be left to come to another one.
 */
static const char *leave_lost_session(struct journey *journey, __u32 state)
{
	struct vfio_dev *dev = &journey->mtty->dev;
	int data_fd;

	if (state == VFIO_DEVICE_STATE_RESUMING) {
		if (__vfio_mig_set(dev, VFIO_DEVICE_STATE_STOP, &data_fd) !=
		    -ENODATA)
			return "RESUMING was left with nothing loaded";
		journey_go(journey, VFIO_DEVICE_STATE_RUNNING);
		return NULL;
	}
	if (__vfio_mig_set(dev, VFIO_DEVICE_STATE_RUNNING, &data_fd) ||
	    data_fd != -1)
		return "a session without fd cannot be left";
	journey_moved(journey, VFIO_DEVICE_STATE_RUNNING);
	return journey_stays(journey);
}

/*
 * Told by every SET_STATE: two copies from userspace, header and state, and
 * the answer's to it.
 */
#define FLOOR_SET	3
/* And by one that begins a session: it, its file, its file's name */
#define FLOOR_SAVE	(FLOOR_SET + 3)
/* And its staged memory */
#define FLOOR_RESUME	(FLOOR_SAVE + 1)

static unsigned int transition_floor(__u64 flags, __u32 from, __u32 to)
{
	struct mig_expect expect;

	mig_model_expect(flags, from, to, &expect);
	if (!expect.new_fd)
		return FLOOR_SET;
	return to == VFIO_DEVICE_STATE_RESUMING ? FLOOR_RESUME : FLOOR_SAVE;
}

static void walk_transition(struct __test_metadata *_metadata,
			    struct journey *journey, struct mtty *dst,
			    __u32 from, __u32 to, struct fail_nth *walk)
{
	struct vfio_dev *dev = &journey->mtty->dev;
	struct mig_expect expect;
	struct mig_path path;
	int data_fd, next, ret;
	char name[64];
	__u32 state;
	__u64 size;

	mig_model_paths(journey->flags, from, to, &path);
	mig_model_expect(journey->flags, from, to, &expect);
	snprintf(name, sizeof(name), "%s to %s", mig_state_name(from),
		 mig_state_name(to));
	fail_nth_begin(walk, name,
		       transition_floor(journey->flags, from, to));
	while (fail_nth_next(walk)) {
		journey_go(journey, from);
		if (from == VFIO_DEVICE_STATE_RESUMING)
			journey_load(journey, journey->image.len);
		size = vfio_mig_data_size(dev);
		next = fd_next();
		fail_nth_arm(walk);
		ret = __vfio_mig_set(dev, to, &data_fd);
		fail_nth_disarm(walk);
		state = vfio_mig_get(dev);
		if (succeeded(_metadata, walk, ret)) {
			ASSERT_EQ(to, state);
			ASSERT_EQ(expect.new_fd, data_fd >= 0);
			journey_moved(journey, to);
			if (data_fd >= 0)
				journey->data_fd = data_fd;
			fine(_metadata, walk, journey_stays(journey), ", done");
			continue;
		}
		EXPECT_EQ(next, fd_next())
			TH_LOG("%s, point %u: a file descriptor came", name,
			       walk->point);
		/* The core tells EFAULT where it cannot give the answer */
		ASSERT_TRUE(on_path(&path, from, state) &&
			    (state != to || ret == -EFAULT))
			TH_LOG("%s, point %u: %s, in %s", name, walk->point,
			       strerror(-ret), mig_state_name(state));
		if (state == from)
			EXPECT_EQ(size, vfio_mig_data_size(dev));
		if (state == to && expect.new_fd) {
			journey_moved(journey, state);
			fine(_metadata, walk,
			     leave_lost_session(journey, state), "");
		} else {
			journey_moved(journey, state);
			fine(_metadata, walk, journey_stays(journey), "");
		}
		if (journey->state != to)
			fine(_metadata, walk, journey_continue(journey, to),
			     ", again");
	}
	fine(_metadata, walk, journey_arrive(journey, dst), ", then migrated");
	walk_end(_metadata, walk);
}

TEST_F_TIMEOUT(arcs, transitions, WALK_TIMEOUT)
{
	unsigned int i, n = 0;

	for (i = 0; i < VFIO_DEVICE_STATE_NR * VFIO_DEVICE_STATE_NR; i++) {
		__u32 from = i / VFIO_DEVICE_STATE_NR;
		__u32 to = i % VFIO_DEVICE_STATE_NR;
		struct mig_path path;

		if (!mig_model_paths(variant->flags, from, to, &path))
			continue;
		/* What is not an arc is made of arcs that others have, too */
		if (!(variant->flags & VFIO_MIGRATION_P2P) &&
		    (path.len > 1 || mig_model_arc(MIG_FLAGS_ALL, from, to)))
			continue;
		walk_transition(_metadata, &self->journey, &self->dst, from,
				to, &self->walk);
		n += path.len == 1;
	}
	/* All arcs of the driver's table: 15 with P2P, 3 only without */
	EXPECT_EQ(variant->flags & VFIO_MIGRATION_P2P ? 15 : 3, n);
}

/* And one that can do all, for everything else */

#define LOG_PAGES	4

/* What the calls below need of it */
struct bench {
	struct journey *journey;
	struct mtty *mtty;
	struct vfio_dev *dev;
	struct vfio_buf buf;
	int eventfds[MTTY_MIG_NR_VECTORS];
};

FIXTURE(walks)
{
	struct mtty mtty;
	struct mtty dst;
	struct vfio_dev *dev;
	struct journey journey;
	struct bench bench;
	struct fail_nth walk;
	struct leftovers left;
};

FIXTURE_SETUP(walks)
{
	struct bench *bench = &self->bench;
	const char *why = walks_missing();
	unsigned int i;

	if (why)
		SKIP(return, "%s", why);
	leftovers_before(&self->left);
	mtty_new(&self->mtty, "vpri", JOURNEY_MEM_SIZE);
	mtty_new(&self->dst, "vpri", JOURNEY_MEM_SIZE);
	self->dev = &self->mtty.dev;
	journey_prepare(&self->journey, &self->mtty, MIG_FLAGS_ALL);
	bench->journey = &self->journey;
	bench->mtty = &self->mtty;
	bench->dev = &self->mtty.dev;
	vfio_buf_new(bench->dev, &bench->buf, 1 << 20,
		     LOG_PAGES * MTTY_MIG_PAGE_SIZE, true);
	memset(bench->buf.addr, 0, bench->buf.len);
	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		bench->eventfds[i] = eventfd_new();
	fail_nth_setup();
}

FIXTURE_TEARDOWN(walks)
{
	fail_nth_restore();
	journey_free(&self->journey);
	leftovers_after(_metadata, &self->left);
}

/* The data fd */

static const __u32 saving_states[] = {
	VFIO_DEVICE_STATE_PRE_COPY,
	VFIO_DEVICE_STATE_PRE_COPY_P2P,
	VFIO_DEVICE_STATE_STOP_COPY,
};

static const size_t chunks[] = { 1 << 16, MTTY_MIG_PAGE_SIZE, 1000 };

/* Read up to an end, counting the calls; -ENOMSG and 0 are both an end */
static int read_all(struct journey *journey, size_t chunk, unsigned int *calls)
{
	struct mig_stream *stream = &journey->saved;
	ssize_t n;

	*calls = 0;
	do {
		/* There is room: journey_room() */
		n = mig_read(journey->data_fd, stream->data + stream->len,
			     chunk);
		if (n > 0)
			stream->len += n;
		(*calls)++;
	} while (n > 0);
	return n == -ENOMSG ? 0 : n;
}

/* So that reading needs no memory in the meantime */
static void journey_room(struct journey *journey)
{
	static __u8 zero[4 * (1 << 16)];

	mig_stream_append(&journey->saved, zero, sizeof(zero));
	journey->saved.len = 0;
}

TEST_F_TIMEOUT(walks, read, WALK_TIMEOUT)
{
	struct journey *journey = &self->journey;
	unsigned int i, calls, clean = 0;
	char name[64];
	int ret;

	for (i = 0; i < ARRAY_LEN(saving_states) * ARRAY_LEN(chunks); i++) {
		__u32 state = saving_states[i / ARRAY_LEN(chunks)];
		size_t chunk = chunks[i % ARRAY_LEN(chunks)];

		snprintf(name, sizeof(name), "read in %s by %zu",
			 mig_state_name(state), chunk);
		/* As many calls as it takes when nothing fails */
		journey_go(journey, state);
		journey_room(journey);
		read_all(journey, chunk, &clean);

		/*
		 * One for the header, one for the pages or for each of them
		 * if a read has no room for a whole one, and in STOP_COPY one
		 * for what all registers go into.
		 */
		fail_nth_begin(&self->walk, name, 1 +
			       (chunk > MTTY_MIG_PAGE_SIZE ?
				1 : JOURNEY_PAGES / 2) +
			       (state == VFIO_DEVICE_STATE_STOP_COPY));
		while (fail_nth_next(&self->walk)) {
			journey_go(journey, state);
			journey_room(journey);
			fail_nth_arm(&self->walk);
			ret = read_all(journey, chunk, &calls);
			fail_nth_disarm(&self->walk);
			/* A read that was short needs another one */
			if (succeeded(_metadata, &self->walk, ret) &&
			    calls > clean)
				fail_nth_told(&self->walk);
			if (ret)
				ASSERT_EQ(0, read_all(journey, chunk, &calls));
			fine(_metadata, &self->walk,
			     journey_arrive(journey, &self->dst), "");
		}
		walk_end(_metadata, &self->walk);
	}
}

/* Write what is left of the image, counting the calls */
static int write_all(struct journey *journey, size_t chunk,
		     unsigned int *calls)
{
	const struct mig_stream *image = &journey->image;

	for (*calls = 0; journey->loaded < image->len; (*calls)++) {
		size_t len = image->len - journey->loaded;
		ssize_t n;

		n = mig_write(journey->data_fd, image->data + journey->loaded,
			      len < chunk ? len : chunk);
		if (n <= 0)
			return n ? n : -EIO;
		journey->loaded += n;
	}
	return 0;
}

/* A stream that met no memory is refused from then on, as any that is bad */
static const char *stays_refused(struct journey *journey, int error)
{
	struct vfio_dev *dev = &journey->mtty->dev;
	int data_fd;

	if (mig_session_touch(journey->data_fd, journey->state) != error)
		return "the next write is not refused";
	if (__vfio_mig_set(dev, VFIO_DEVICE_STATE_STOP, &data_fd) != error)
		return "RESUMING is left with what was refused";
	if (vfio_mig_get(dev) != VFIO_DEVICE_STATE_RESUMING)
		return "RESUMING was left";
	if (mtty_digest(journey->mtty) != journey->fresh)
		return "there is something of what was refused";
	return NULL;
}

TEST_F_TIMEOUT(walks, write, WALK_TIMEOUT)
{
	struct journey *journey = &self->journey;
	unsigned int i, calls, clean = 0;
	char name[64];
	int ret;

	for (i = 0; i < ARRAY_LEN(chunks); i++) {
		snprintf(name, sizeof(name), "write by %zu", chunks[i]);
		journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
		write_all(journey, chunks[i], &clean);

		/*
		 * The copy of each write, and the allocation of each page.
		 * Those of the array are tried twice.
		 */
		fail_nth_begin(&self->walk, name, clean + JOURNEY_PAGES / 2);
		while (fail_nth_next(&self->walk)) {
			journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
			fail_nth_arm(&self->walk);
			ret = write_all(journey, chunks[i], &calls);
			fail_nth_disarm(&self->walk);
			/* A write that was short needs another one */
			if (succeeded(_metadata, &self->walk, ret) &&
			    calls > clean)
				fail_nth_told(&self->walk);
			if (ret == -ENOMEM) {
				fine(_metadata, &self->walk,
				     stays_refused(journey, ret), "");
				journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
			}
			/* On from where it was, or from the start */
			ASSERT_EQ(0, write_all(journey, chunks[i], &calls));
			fine(_metadata, &self->walk,
			     journey_continue(journey, VFIO_DEVICE_STATE_STOP),
			     "");
		}
		walk_end(_metadata, &self->walk);
	}
}

/* Regions */

#define REGION_AT	(MTTY_MIG_PAGE_SIZE / 2)
#define REGION_LEN	(3 * MTTY_MIG_PAGE_SIZE)

/* Both where pages are tracked and where they are not */
TEST_F_TIMEOUT(walks, region_write, WALK_TIMEOUT)
{
	static const __u32 states[] = {
		VFIO_DEVICE_STATE_RUNNING, VFIO_DEVICE_STATE_PRE_COPY,
	};
	static __u8 data[REGION_LEN], seen[REGION_LEN];
	struct journey *journey = &self->journey;
	size_t done, i;
	char name[64];
	ssize_t n;

	for (i = 0; i < sizeof(data); i += MTTY_MIG_PAGE_SIZE)
		mtty_fill_page(data + i, 7, i);
	for (i = 0; i < ARRAY_LEN(states); i++) {
		snprintf(name, sizeof(name), "write to memory in %s",
			 mig_state_name(states[i]));
		/* The buffer, and of each of three parts a copy; two pages */
		fail_nth_begin(&self->walk, name, 1 + 3 + 2);
		while (fail_nth_next(&self->walk)) {
			journey_go(journey, states[i]);
			fail_nth_arm(&self->walk);
			n = __vfio_region_write(self->dev, MTTY_MIG_MEM_BAR,
						REGION_AT, data, sizeof(data));
			fail_nth_disarm(&self->walk);
			done = progress(_metadata, &self->walk, n,
					sizeof(data));
			vfio_region_read(self->dev, MTTY_MIG_MEM_BAR,
					 REGION_AT, seen, sizeof(seen));
			ASSERT_EQ(0, memcmp(seen, data, done))
				TH_LOG("%s, point %u: not what was written",
				       name, self->walk.point);
			vfio_region_write(self->dev, MTTY_MIG_MEM_BAR,
					  REGION_AT + done, data + done,
					  sizeof(data) - done);
			vfio_region_read(self->dev, MTTY_MIG_MEM_BAR,
					 REGION_AT, seen, sizeof(seen));
			ASSERT_EQ(0, memcmp(seen, data, sizeof(data)));
			journey->digest = mtty_digest(&self->mtty);
			fine(_metadata, &self->walk,
			     journey_arrive(journey, &self->dst), "");
		}
		walk_end(_metadata, &self->walk);
	}
}

/* One region after the other, what was read before it */
TEST_F_TIMEOUT(walks, region_read, WALK_TIMEOUT)
{
	static const struct {
		__u32 index;
		size_t len;
		unsigned int floor;
	} regions[] = {
		{ MTTY_MIG_MEM_BAR, REGION_LEN, 1 + 3 },
		{ MTTY_MIG_CTRL_BAR, MTTY_MIG_PAGE_SIZE, 1 + 1 },
		{ VFIO_PCI_CONFIG_REGION_INDEX, MTTY_MIG_CFG_SIZE, 1 + 1 },
	};
	static __u8 expect[REGION_LEN], seen[REGION_LEN];
	struct journey *journey = &self->journey;
	char name[64];
	unsigned int i;
	size_t done;
	ssize_t n;

	for (i = 0; i < ARRAY_LEN(regions); i++) {
		snprintf(name, sizeof(name), "read region %u",
			 regions[i].index);
		journey_go(journey, VFIO_DEVICE_STATE_RUNNING);
		vfio_region_read(self->dev, regions[i].index, 0, expect,
				 regions[i].len);
		fail_nth_begin(&self->walk, name, regions[i].floor);
		while (fail_nth_next(&self->walk)) {
			memset(seen, 0, sizeof(seen));
			fail_nth_arm(&self->walk);
			n = __vfio_region_read(self->dev, regions[i].index, 0,
					       seen, regions[i].len);
			fail_nth_disarm(&self->walk);
			done = progress(_metadata, &self->walk, n,
					regions[i].len);
			EXPECT_EQ(0, memcmp(expect, seen, done));
			fine(_metadata, &self->walk, journey_stays(journey),
			     "");
		}
		walk_end(_metadata, &self->walk);
	}
}

/* Writes to registers have their effect once or not at all */
TEST_F_TIMEOUT(walks, register_write, WALK_TIMEOUT)
{
	static const struct {
		__u32 index;
		__u64 offset;
		__u8 val[4];
	} regs[] = {
		{ MTTY_MIG_CTRL_BAR, MTTY_MIG_REG_SCRATCH, { 1, 2, 3, 4 } },
		{ MTTY_MIG_UART0_BAR, UART_SCR, { 5 } },
		{ VFIO_PCI_CONFIG_REGION_INDEX, 0x0c, { 6 } },
	};
	char name[64];
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(regs); i++) {
		size_t len = regs[i].val[1] ? 4 : 1;
		__u8 seen[4] = {};
		ssize_t n;

		snprintf(name, sizeof(name), "write region %u",
			 regs[i].index);
		fail_nth_begin(&self->walk, name, 1 + 1);
		while (fail_nth_next(&self->walk)) {
			vfio_dev_reset(self->dev);
			fail_nth_arm(&self->walk);
			n = __vfio_region_write(self->dev, regs[i].index,
						regs[i].offset, regs[i].val,
						len);
			fail_nth_disarm(&self->walk);
			progress(_metadata, &self->walk, n, len);
			vfio_region_read(self->dev, regs[i].index,
					 regs[i].offset, seen, len);
			if (n >= 0) {
				EXPECT_EQ(0, memcmp(seen, regs[i].val, len));
			} else {
				EXPECT_EQ(self->journey.fresh,
					  mtty_digest(&self->mtty));
			}
		}
		walk_end(_metadata, &self->walk);
	}
}

/* Calls that change nothing, or nothing but what is looked at afterwards */

static int call_info(struct bench *bench)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return do_ioctl(bench->dev->fd, VFIO_DEVICE_GET_INFO, &info);
}

static int call_region_info(struct bench *bench)
{
	struct vfio_region_info info;

	return __vfio_region_info(bench->dev, MTTY_MIG_MEM_BAR, &info);
}

static int call_irq_info(struct bench *bench)
{
	struct vfio_irq_info info;

	return __vfio_irq_info(bench->dev, VFIO_PCI_MSI_IRQ_INDEX, &info);
}

static void before_eventfds(struct bench *bench)
{
	unsigned int i;

	vfio_irq_disable(bench->dev, VFIO_PCI_MSIX_IRQ_INDEX);
	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		eventfd_take(bench->eventfds[i]);
}

static int call_eventfds(struct bench *bench)
{
	return __vfio_irq_eventfds(bench->dev, VFIO_PCI_MSIX_IRQ_INDEX, 0,
				   MTTY_MIG_NR_VECTORS, bench->eventfds);
}

/* None half set up */
static const char *after_eventfds(struct bench *bench, bool done)
{
	unsigned int i;

	vfio_irq_action(bench->dev, VFIO_PCI_MSIX_IRQ_INDEX,
			VFIO_IRQ_SET_ACTION_TRIGGER, 0, MTTY_MIG_NR_VECTORS);
	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		if (eventfd_take(bench->eventfds[i]) != done)
			return "eventfds are not set up as the call told";
	return NULL;
}

static void before_bools(struct bench *bench)
{
	before_eventfds(bench);
	must(call_eventfds(bench));
}

static int call_bools(struct bench *bench)
{
	static const __u8 bools[MTTY_MIG_NR_VECTORS] = { 1, 1, 1, 1 };

	return __vfio_irq_set(bench->dev, VFIO_PCI_MSIX_IRQ_INDEX,
			      VFIO_IRQ_SET_DATA_BOOL |
			      VFIO_IRQ_SET_ACTION_TRIGGER, 0,
			      MTTY_MIG_NR_VECTORS, bools, sizeof(bools));
}

static const char *after_bools(struct bench *bench, bool done)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		if (eventfd_take(bench->eventfds[i]) != done)
			return "interrupts do not come as the call told";
	return NULL;
}

static int call_mask(struct bench *bench)
{
	return __vfio_irq_action(bench->dev, VFIO_PCI_INTX_IRQ_INDEX,
				 VFIO_IRQ_SET_ACTION_MASK, 0, 1);
}

static int call_flags(struct bench *bench)
{
	__u64 flags;

	return __vfio_mig_flags(bench->dev, &flags);
}

static int call_probe(struct bench *bench)
{
	return __vfio_feature(bench->dev, VFIO_DEVICE_FEATURE_PROBE |
			      VFIO_DEVICE_FEATURE_GET |
			      VFIO_DEVICE_FEATURE_MIGRATION, NULL, 0);
}

static int call_get_state(struct bench *bench)
{
	__u32 state;

	return __vfio_mig_get(bench->dev, &state);
}

static int call_data_size(struct bench *bench)
{
	__u64 bytes;

	return __vfio_mig_data_size(bench->dev, &bytes);
}

static int call_precopy_info(struct bench *bench)
{
	struct vfio_precopy_info info;

	return __vfio_precopy_info(bench->journey->data_fd, &info);
}

/* A reset cannot fail */
static int call_reset(struct bench *bench)
{
	return __vfio_dev_reset(bench->dev);
}

static const char *after_reset(struct bench *bench, bool done)
{
	struct journey *journey = bench->journey;

	if (!done)
		return "a reset failed";
	if (vfio_mig_get(bench->dev) != VFIO_DEVICE_STATE_RUNNING ||
	    mtty_digest(bench->mtty) != journey->fresh)
		return "it was not reset";
	journey_go(journey, journey->state);
	return NULL;
}

static int call_log_start(struct bench *bench)
{
	const struct vfio_device_feature_dma_logging_range ranges[] = {
		{ .iova = bench->buf.iova, .length = MTTY_MIG_PAGE_SIZE },
		{ .iova = bench->buf.iova + MTTY_MIG_PAGE_SIZE,
		  .length = bench->buf.len - MTTY_MIG_PAGE_SIZE },
	};
	__u64 page_size = MTTY_MIG_PAGE_SIZE;

	return __dma_log_start(bench->dev, ranges, ARRAY_LEN(ranges),
			       &page_size);
}

static int call_log_stop(struct bench *bench)
{
	return __dma_log_stop(bench->dev);
}

static void before_log_start(struct bench *bench)
{
	__dma_log_stop(bench->dev);
}

static const char *after_log_start(struct bench *bench, bool done)
{
	/* Neither a log that nobody knows of, nor none that was promised */
	if (!done && call_log_stop(bench) != -EINVAL)
		return "the log was started, but the call failed";
	if (!done && call_log_start(bench))
		return "the log cannot be started any more";
	return call_log_stop(bench) ? "the log cannot be stopped" : NULL;
}

static void before_log_stop(struct bench *bench)
{
	before_log_start(bench);
	must(call_log_start(bench));
}

static const char *after_log_stop(struct bench *bench, bool done)
{
	if (!done && call_log_stop(bench))
		return "the log cannot be stopped any more";
	return call_log_stop(bench) == -EINVAL ? NULL : "the log goes on";
}

static __u64 bitmap;

static int call_log_report(struct bench *bench)
{
	return __dma_log_report(bench->dev, bench->buf.iova, bench->buf.len,
				MTTY_MIG_PAGE_SIZE, &bitmap);
}

/* All pages are dirty */
static void before_log_report(struct bench *bench)
{
	const struct dma_transfer fill = {
		.cmd = MTTY_MIG_DMA_OP_FILL,
		.dst = bench->buf.iova,
		.len = bench->buf.len,
	};

	before_log_stop(bench);
	if (dma_run(bench->mtty, 0, &fill) != MTTY_MIG_DMA_COMPLETE)
		die("no DMA");
	bitmap = 0;
}

/* None of them is lost: what was not told is told the next time */
static const char *after_log_report(struct bench *bench, bool done)
{
	if (!done && call_log_report(bench))
		return "the log cannot be read any more";
	return bitmap == (1 << LOG_PAGES) - 1 ? NULL :
		"a dirty page was lost";
}

static int read_attr(struct bench *bench, const char *attr)
{
	char text[64];

	return __mdev_attr_read(&bench->mtty->mdev, attr, text, sizeof(text));
}

static int call_attr_digest(struct bench *bench)
{
	return read_attr(bench, "mtty_mig/digest");
}

static int call_attr_state(struct bench *bench)
{
	return read_attr(bench, "mtty_mig/state");
}

static int call_attr_mem_size(struct bench *bench)
{
	return read_attr(bench, "mtty_mig/mem_size");
}

static int call_attr_pri_drain(struct bench *bench)
{
	return read_attr(bench, "mtty_mig/pri_drain");
}

static int call_set_pri_drain(struct bench *bench)
{
	return __mdev_attr_write(&bench->mtty->mdev, "mtty_mig/pri_drain", "1");
}

static int call_vfio_state(struct bench *bench)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), DEBUGFS_VFIO "/%s/migration/state",
		 bench->mtty->mdev.uuid);
	return file_read(path, text, sizeof(text));
}

static int read_knob(struct bench *bench, const char *knob)
{
	char text[4096];

	return __knob_read(bench->mtty, knob, text, sizeof(text));
}

static int call_counters(struct bench *bench)
{
	return read_knob(bench, "counters");
}

static int call_digest(struct bench *bench)
{
	return read_knob(bench, "digest");
}

static int call_faults(struct bench *bench)
{
	return read_knob(bench, "fault");
}

static int call_page_requests(struct bench *bench)
{
	return read_knob(bench, "page_requests");
}

static int call_hold(struct bench *bench)
{
	return __knob_write(bench->mtty, "engine_hold", "1");
}

static int call_step(struct bench *bench)
{
	return __knob_write(bench->mtty, "engine_step", "0 1");
}

static void before_step(struct bench *bench)
{
	const struct dma_transfer fill = {
		.cmd = MTTY_MIG_DMA_OP_FILL,
		.dst = bench->buf.iova,
		.len = MTTY_MIG_PAGE_SIZE,
	};

	knob_write(bench->mtty, "engine_hold", "1");
	dma_start(bench->mtty, 0, &fill);
}

static const char *after_step(struct bench *bench, bool done)
{
	__u32 wanted = done ? MTTY_MIG_DMA_COMPLETE : MTTY_MIG_DMA_BUSY;

	return dma_status(bench->mtty, 0) == wanted ? NULL :
	       "the step told something else than what it did";
}

static void before_hold(struct bench *bench)
{
	knob_write(bench->mtty, "engine_hold", "0");
}

static int call_reinit(struct bench *bench)
{
	return __knob_write(bench->mtty, "reinit", "1");
}

static int call_fault(struct bench *bench)
{
	return __knob_write(bench->mtty, "fault", "pre-copy 5 times=3");
}

static void before_fault(struct bench *bench)
{
	knob_write(bench->mtty, "fault", "pre-copy 0");
}

static const char *after_fault(struct bench *bench, bool done)
{
	struct knob_fault fault;

	knob_fault(bench->mtty, "pre-copy", &fault);
	before_fault(bench);
	return fault.error == (done ? 5 : 0) ? NULL :
		"a fault is armed as the call did not tell";
}

static int call_request(struct bench *bench)
{
	return __knob_write(bench->mtty, "page_requests", "open 0x1000");
}

static __u32 open_requests(struct bench *bench)
{
	return mtty_ctrl_in(bench->mtty, MTTY_MIG_PRI + MTTY_MIG_PRI_OPEN);
}

static const char *after_request(struct bench *bench, bool done)
{
	if (open_requests(bench) != done)
		return "a request is open as the call did not tell";
	/* What is asked for is part of the content */
	journey_go(bench->journey, bench->journey->state);
	return NULL;
}

static void before_answer(struct bench *bench)
{
	must(call_request(bench));
}

static int call_answer(struct bench *bench)
{
	return __knob_write(bench->mtty, "page_requests", "answer 1");
}

static const char *after_answer(struct bench *bench, bool done)
{
	return after_request(bench, !done);
}

/*
 * Floors: of an ioctl its copies in and out, and what it allocates; of a file
 * the path's copy and what the kernel needs to open it besides.
 */
static const struct call {
	const char *name;
	unsigned int floor;
	int (*call)(struct bench *bench);
	void (*before)(struct bench *bench);
	const char *(*after)(struct bench *bench, bool done);
} calls[] = {
	{ "GET_INFO", 2, call_info, NULL, NULL },
	{ "GET_REGION_INFO", 2, call_region_info, NULL, NULL },
	{ "GET_IRQ_INFO", 2, call_irq_info, NULL, NULL },
	{ "SET_IRQS eventfds", 3, call_eventfds, before_eventfds,
	  after_eventfds },
	{ "SET_IRQS bools", 3, call_bools, before_bools, after_bools },
	{ "SET_IRQS mask", 1, call_mask, NULL, NULL },
	{ "RESET", 0, call_reset, NULL, after_reset },
	{ "FEATURE probe", 1, call_probe, NULL, NULL },
	{ "FEATURE migration", 2, call_flags, NULL, NULL },
	{ "FEATURE get state", 3, call_get_state, NULL, NULL },
	{ "FEATURE data size", 2, call_data_size, NULL, NULL },
	{ "PRECOPY_INFO", 2, call_precopy_info, NULL, NULL },
	{ "DMA log start", 7, call_log_start, before_log_start,
	  after_log_start },
	{ "DMA log stop", 1, call_log_stop, before_log_stop, after_log_stop },
	{ "DMA log report", 3, call_log_report, before_log_report,
	  after_log_report },
	{ "read attribute digest", 9, call_attr_digest, NULL, NULL },
	{ "read attribute state", 9, call_attr_state, NULL, NULL },
	{ "read attribute mem_size", 9, call_attr_mem_size, NULL, NULL },
	{ "read attribute pri_drain", 9, call_attr_pri_drain, NULL, NULL },
	{ "write attribute pri_drain", 9, call_set_pri_drain, NULL, NULL },
	{ "read vfio's state", 8, call_vfio_state, NULL, NULL },
	{ "read counters", 8, call_counters, NULL, NULL },
	{ "read digest", 8, call_digest, NULL, NULL },
	{ "read fault", 8, call_faults, NULL, NULL },
	{ "read page_requests", 7, call_page_requests, NULL, NULL },
	{ "write engine_hold", 6, call_hold, before_hold, NULL },
	/* The path, the knob's buffer, its copy */
	{ "write engine_step", 3, call_step, before_step, after_step },
	{ "write reinit", 6, call_reinit, NULL, NULL },
	{ "write fault", 8, call_fault, before_fault, after_fault },
	{ "open page request", 8, call_request, NULL, after_request },
	{ "answer page request", 8, call_answer, before_answer,
	  after_answer },
};

/* In pre-copy, where there is a session and the device still runs */
TEST_F_TIMEOUT(walks, calls, WALK_TIMEOUT)
{
	struct bench *bench = &self->bench;
	struct fail_nth *walk = &self->walk;
	const struct call *call;
	int ret, next;
	bool done;

	for (call = calls; call < calls + ARRAY_LEN(calls); call++) {
		fail_nth_begin(walk, call->name, call->floor);
		journey_go(&self->journey, VFIO_DEVICE_STATE_PRE_COPY);
		while (fail_nth_next(walk)) {
			if (call->before)
				call->before(bench);
			next = fd_next();
			fail_nth_arm(walk);
			ret = call->call(bench);
			fail_nth_disarm(walk);
			EXPECT_EQ(next, fd_next());
			done = succeeded(_metadata, walk, ret);
			if (call->after)
				fine(_metadata, walk, call->after(bench, done),
				     "");
			else if (!done)
				ASSERT_EQ(0, call->call(bench))
					TH_LOG("%s, point %u: not again",
					       call->name, walk->point);
		}
		self->journey.digest = mtty_digest(&self->mtty);
		fine(_metadata, walk, journey_stays(&self->journey), "");
		walk_end(_metadata, walk);
	}
}

/* A device that changes while it is tracked: nothing of it gets lost */
TEST_F_TIMEOUT(walks, dirty, WALK_TIMEOUT)
{
	struct journey *journey = &self->journey;
	struct fail_nth *walk = &self->walk;
	int ret;

	/* The path, the buffer and its copy, and the pages that are zero */
	fail_nth_begin(walk, "write dirty", 10);
	while (fail_nth_next(walk)) {
		journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
		journey_room(journey);
		mig_stream_read(&journey->saved, journey->data_fd, 1 << 16,
				-ENOMSG);
		fail_nth_arm(walk);
		ret = __knob_write(&self->mtty, "dirty", "0 %d", JOURNEY_PAGES);
		fail_nth_disarm(walk);
		if (!succeeded(_metadata, walk, ret))
			knob_write(&self->mtty, "dirty", "0 %d",
				   JOURNEY_PAGES);
		journey->digest = mtty_digest(&self->mtty);
		fine(_metadata, walk, journey_arrive(journey, &self->dst), "");
	}
	walk_end(_metadata, walk);
}

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
		before_log_stop(bench);
		bitmap = 0;
		dma_start(&self->mtty, 0, &fill);
		fail_nth_arm(walk);
		ret = __knob_write(&self->mtty, "engine_step", "0 %llu",
				   (unsigned long long)fill.len);
		fail_nth_disarm(walk);
		status = dma_status(&self->mtty, 0);
		/* It did not move at all */
		if (ret == -EBUSY && status == MTTY_MIG_DMA_ERROR)
			ret = 0;
		step = succeeded(_metadata, walk, ret);
		written = pages_with(&bench->buf, STEP_PATTERN);
		ret = call_log_report(bench);
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
			EXPECT_EQ(written, bitmap & written);
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
		step = succeeded(_metadata, walk, ret);
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

/*
 * What no single failure brings about: see fail_nodes(). A page that has no
 * place in its array is not there, and is given back.
 */
TEST_F(walks, no_nodes_for_device_memory)
{
	struct journey *journey = &self->journey;
	struct vfio_dev *dev = self->bench.dev;
	__u8 page[MTTY_MIG_PAGE_SIZE];
	const char *why;
	int ret;

	mtty_fill_page(page, 1, 1);
	vfio_dev_reset(dev);
	fail_nodes(true);
	/* Not the first page, for which an array needs no node */
	ret = __vfio_region_write(dev, MTTY_MIG_MEM_BAR, MTTY_MIG_PAGE_SIZE,
				  page, sizeof(page));
	fail_nodes(false);
	EXPECT_EQ(-ENOMEM, ret);
	EXPECT_EQ(0, knob_counter(&self->mtty, "pages"));
	EXPECT_EQ(journey->fresh, mtty_digest(&self->mtty));

	fail_nodes(true);
	ret = __knob_write(&self->mtty, "dirty", "1 1");
	fail_nodes(false);
	EXPECT_EQ(-ENOMEM, ret);
	EXPECT_EQ(0, knob_counter(&self->mtty, "pages"));

	journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
	fail_nodes(true);
	ret = __mig_stream_write(&journey->image, journey->data_fd, MIG_CHUNK);
	fail_nodes(false);
	EXPECT_EQ(-ENOMEM, ret);
	why = stays_refused(journey, ret);
	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);

	journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
	why = journey_continue(journey, VFIO_DEVICE_STATE_STOP);
	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
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
	before_log_stop(bench);
	dma_start(&self->mtty, 0, &fill);
	fail_nodes_of(dma_thread(&self->mtty, 0), true);
	knob_write(&self->mtty, "engine_step", "0 %llu",
		   (unsigned long long)fill.len);
	fail_nodes_of(dma_thread(&self->mtty, 0), false);
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_status(&self->mtty, 0));
	EXPECT_EQ((1 << LOG_PAGES) - 1,
		  pages_with(&bench->buf, STEP_PATTERN));
	/* It stays incomplete until it is started anew */
	EXPECT_EQ(-ENOMEM, call_log_report(bench));
	EXPECT_EQ(-ENOMEM, call_log_report(bench));
	knob_write(&self->mtty, "engine_hold", "0");
	before_log_report(bench);
	EXPECT_EQ(0, call_log_report(bench));
	EXPECT_EQ((1 << LOG_PAGES) - 1, bitmap);
}

/* Life */

struct opened {
	int fd;
	int group_fd;
	int iommu_fd;
};

static void close_opened(struct opened *opened)
{
	if (opened->fd >= 0)
		close(opened->fd);
	if (opened->group_fd >= 0)
		close(opened->group_fd);
	if (opened->iommu_fd >= 0)
		close(opened->iommu_fd);
}

static int open_to(const char *path, int *fd)
{
	*fd = open(path, O_RDWR | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

/* By system calls alone, which __vfio_dev_open() is not */
static int open_cdev(const struct mtty *mtty, struct opened *opened)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
	};
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int ret;

	ret = open_to("/dev/iommu", &opened->iommu_fd);
	if (!ret)
		ret = open_to(mtty->dev.node, &opened->fd);
	bind.iommufd = opened->iommu_fd;
	if (!ret)
		ret = do_ioctl(opened->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	if (!ret)
		ret = do_ioctl(opened->iommu_fd, IOMMU_IOAS_ALLOC, &alloc);
	attach.pt_id = alloc.out_ioas_id;
	return ret ? ret : do_ioctl(opened->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
				    &attach);
}

static int open_group(const struct mtty *mtty, struct opened *opened)
{
	int ret;

	ret = open_to("/dev/iommu", &opened->iommu_fd);
	if (!ret)
		ret = open_to(mtty->dev.node, &opened->group_fd);
	if (!ret)
		ret = do_ioctl(opened->group_fd, VFIO_GROUP_SET_CONTAINER,
			       &opened->iommu_fd);
	if (!ret)
		ret = do_ioctl(opened->iommu_fd, VFIO_SET_IOMMU,
			       (void *)(uintptr_t)VFIO_TYPE1v2_IOMMU);
	if (ret)
		return ret;
	opened->fd = ioctl(opened->group_fd, VFIO_GROUP_GET_DEVICE_FD,
			   mtty->mdev.uuid);
	return opened->fd < 0 ? -errno : 0;
}

TEST_F_TIMEOUT(walks, open, WALK_TIMEOUT)
{
	static const struct {
		const char *name;
		enum vfio_way way;
		int (*open)(const struct mtty *mtty, struct opened *opened);
		unsigned int floor;
	} ways[] = {
		{ "cdev", VFIO_WAY_CDEV, open_cdev, 17 },
		{ "group", VFIO_WAY_GROUP_IOMMUFD, open_group, 15 },
	};
	const char *uuid = self->mtty.mdev.uuid;
	struct fail_nth *walk = &self->walk;
	char name[64];
	unsigned int i;
	int next, ret;

	for (i = 0; i < ARRAY_LEN(ways); i++) {
		vfio_dev_close(self->dev);
		if (__vfio_dev_open(self->dev, uuid, ways[i].way))
			continue;
		snprintf(name, sizeof(name), "open by %s", ways[i].name);
		fail_nth_begin(walk, name, ways[i].floor);
		while (fail_nth_next(walk)) {
			struct opened opened = { -1, -1, -1 };

			vfio_dev_close(self->dev);
			next = fd_next();
			fail_nth_arm(walk);
			ret = ways[i].open(&self->mtty, &opened);
			fail_nth_disarm(walk);
			/* What the kernel's tests let fail in iommufd */
			if (walk->fired && ret == -ENOENT)
				ret = -ENOMEM;
			succeeded(_metadata, walk, ret);
			close_opened(&opened);
			EXPECT_EQ(next, fd_next());

			ASSERT_EQ(0, __vfio_dev_open(self->dev, uuid,
						     ways[i].way))
				TH_LOG("%s, point %u: not again", name,
				       walk->point);
			EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING,
				  vfio_mig_get(self->dev));
			EXPECT_EQ(self->journey.fresh,
				  mtty_digest(&self->mtty));
		}
		walk_end(_metadata, walk);
	}
	journey_go(&self->journey, VFIO_DEVICE_STATE_RUNNING);
	fine(_metadata, walk, journey_arrive(&self->journey, &self->dst), "");
}

/* Close cannot fail: it ends the session, whatever there is no memory for */
TEST_F_TIMEOUT(walks, close, WALK_TIMEOUT)
{
	struct journey *journey = &self->journey;
	struct fail_nth *walk = &self->walk;
	char name[64];
	__u32 state;
	int data_fd;

	for (state = 0; state < VFIO_DEVICE_STATE_NR; state++) {
		if (!mig_model_supported(MIG_FLAGS_ALL, state))
			continue;
		snprintf(name, sizeof(name), "close in %s",
			 mig_state_name(state));
		fail_nth_begin(walk, name, 0);
		while (fail_nth_next(walk)) {
			journey_go(journey, state);
			if (state == VFIO_DEVICE_STATE_RESUMING)
				journey_load(journey, journey->image.len / 2);
			data_fd = journey->data_fd;
			fail_nth_arm(walk);
			vfio_dev_close(self->dev);
			fail_nth_disarm(walk);
			vfio_dev_open(self->dev, self->mtty.mdev.uuid);
			EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING,
				  vfio_mig_get(self->dev));
			EXPECT_EQ(journey->fresh, mtty_digest(&self->mtty));
			if (data_fd >= 0)
				fine(_metadata, walk,
				     data_fd_dead(data_fd, state), "");
			journey_moved(journey, VFIO_DEVICE_STATE_RUNNING);
		}
		walk_end(_metadata, walk);
	}
	journey_go(journey, VFIO_DEVICE_STATE_RUNNING);
	fine(_metadata, walk, journey_arrive(journey, &self->dst), "");
}

/* The size of device memory, which can be set while the device is closed */
TEST_F_TIMEOUT(walks, mem_size, WALK_TIMEOUT)
{
	struct fail_nth *walk = &self->walk;
	bool done;
	int ret;

	vfio_dev_close(self->dev);
	fail_nth_begin(walk, "write attribute mem_size", 9);
	while (fail_nth_next(walk)) {
		must(__mtty_set_mem_size(&self->mtty, "8K"));
		fail_nth_arm(walk);
		ret = __mtty_set_mem_size(&self->mtty, "64K");
		fail_nth_disarm(walk);
		done = succeeded(_metadata, walk, ret);
		EXPECT_EQ(done ? 0x10000 : 0x2000, mtty_mem_size(&self->mtty));
	}
	walk_end(_metadata, walk);
}

/* Mediated devices and the module */

/* How many devices more could be made */
static int available(const char *create)
{
	char path[PATH_MAX], text[32];

	snprintf(path, sizeof(path), "%.*s/available_instances",
		 (int)(strrchr(create, '/') - create), create);
	must(file_read(path, text, sizeof(text)));
	return atoi(text);
}

FIXTURE(life)
{
	char create[PATH_MAX];
	struct fail_nth walk;
	struct leftovers left;
};

FIXTURE_SETUP(life)
{
	const char *why = walks_missing();

	if (why)
		SKIP(return, "%s", why);
	leftovers_before(&self->left);
	must(mdev_create_path(MTTY_TYPE_PREFIX "full", self->create,
			      sizeof(self->create)));
	fail_nth_setup();
}

FIXTURE_TEARDOWN(life)
{
	fail_nth_restore();
	leftovers_after(_metadata, &self->left);
}

static bool mdev_is_there(const struct mdev *mdev)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s", mdev->uuid);
	return !access(path, F_OK);
}

static bool knobs_are_there(const struct mdev *mdev)
{
	struct mtty mtty = { .mdev = *mdev };

	return knob_exists(&mtty, "");
}

/* Removes a device, and sees that there is nothing left of it */
static void remove_and_look(struct __test_metadata *_metadata,
			    struct fail_nth *walk, struct mdev *mdev)
{
	mdev_remove(mdev);
	EXPECT_FALSE(mdev_is_there(mdev));
	EXPECT_FALSE(knobs_are_there(mdev))
		TH_LOG("%s, point %u: a folder is left in debugfs", walk->name,
		       walk->point);
}

/*
 * Of the kernel, and not to be held against the driver: mdev_device_create()
 * takes an instance off available_instances, and when it gets no memory for
 * the device itself, right after that, it does not give it back (Linux
 * 6.12). That is one point of each walk.
 *
 * A device may come without its files in debugfs, or without its node in
 * /dev: the kernel wants those to fail silently.
 */
#define INSTANCES_LOST	1

static void use(struct __test_metadata *_metadata, struct fail_nth *walk,
		struct mtty *mtty)
{
	int ret = __vfio_dev_open(&mtty->dev, mtty->mdev.uuid, VFIO_WAY_CDEV);

	if (walk->fired && ret == -ENOENT)
		return;
	ASSERT_EQ(0, ret)
		TH_LOG("point %u: created, but not usable", walk->point);
	journey_fill(mtty);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&mtty->dev));
	vfio_dev_close(&mtty->dev);
}

TEST_F_TIMEOUT(life, create, WALK_TIMEOUT)
{
	struct fail_nth *walk = &self->walk;
	int before, after, ret, lost = 0;
	struct mtty mtty;

	/* 89 to 106: the kernel's ids take memory now and then */
	fail_nth_begin(walk, "mdev create", 80);
	while (fail_nth_next(walk)) {
		before = available(self->create);
		fail_nth_arm(walk);
		ret = __mdev_create_at(&mtty.mdev, self->create);
		fail_nth_disarm(walk);
		EXPECT_EQ(!ret, mdev_is_there(&mtty.mdev));
		if (succeeded(_metadata, walk, ret)) {
			use(_metadata, walk, &mtty);
			remove_and_look(_metadata, walk, &mtty.mdev);
		} else {
			EXPECT_FALSE(knobs_are_there(&mtty.mdev))
				TH_LOG("point %u: a folder is left in debugfs",
				       walk->point);
		}
		after = available(self->create);
		if (ret == -ENOMEM && after == before - 1)
			lost++;
		else
			EXPECT_EQ(before, after)
				TH_LOG("point %u: instances", walk->point);
	}
	EXPECT_GE(INSTANCES_LOST, lost);
	walk_end(_metadata, walk);
}

TEST_F_TIMEOUT(life, remove, WALK_TIMEOUT)
{
	struct fail_nth *walk = &self->walk;
	struct mdev mdev;
	int before, ret;

	before = available(self->create);
	/* 15, as above */
	fail_nth_begin(walk, "mdev remove", 12);
	while (fail_nth_next(walk)) {
		must(__mdev_create_at(&mdev, self->create));
		fail_nth_arm(walk);
		ret = __mdev_remove(&mdev);
		fail_nth_disarm(walk);
		if (!succeeded(_metadata, walk, ret))
			remove_and_look(_metadata, walk, &mdev);
		EXPECT_FALSE(mdev_is_there(&mdev));
		EXPECT_FALSE(knobs_are_there(&mdev));
		EXPECT_EQ(before, available(self->create));
	}
	walk_end(_metadata, walk);
}

/*
 * The module, which has to be loaded anew, and therefore must not be in use:
 * not by a device, nor by another module. Whatever happens, it is loaded
 * afterwards, as it was before.
 */

/* Where the lab has it, seen from here; elsewhere the user says where it is */
#define MODULE_FILE	"../../modules/" MODULE ".ko"
#define MODULE_ENV	"MTTY_MIG_MODULE"

FIXTURE(module)
{
	struct fail_nth walk;
	int fd;
};

static int load_module(int fd)
{
	return syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
}

static int unload_module(void)
{
	return syscall(SYS_delete_module, MODULE, O_NONBLOCK) ? -errno : 0;
}

FIXTURE_SETUP(module)
{
	const char *path = getenv(MODULE_ENV);
	const char *why = walks_missing();

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	if (module_users())
		SKIP(return, "the module is in use, or built in");
	if (!path)
		path = MODULE_FILE;
	self->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (self->fd < 0)
		SKIP(return, "there is no %s: " MODULE_ENV " can say where it is",
		     path);
	fail_nth_setup();
}

FIXTURE_TEARDOWN(module)
{
	fail_nth_restore();
	if (self->fd < 0)
		return;
	load_module(self->fd);
	EXPECT_TRUE(mtty_available())
		TH_LOG("the module cannot be loaded any more");
}

/* What a module leaves in sysfs and debugfs if it does not clean up */
static const char * const module_traces[] = {
	"/sys/module/" MODULE,
	"/sys/class/" MODULE,
	"/sys/devices/virtual/" MODULE,
	"/sys/bus/mdev/drivers/" MODULE,
	"/sys/class/mdev_bus/" MODULE,
	"/sys/kernel/debug/" MODULE,
};

static const char *module_trace(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(module_traces); i++)
		if (!access(module_traces[i], F_OK))
			return module_traces[i];
	return NULL;
}

/*
 * EINVAL is what module_add_driver() tells when it gets no memory. What the
 * kernel can do without, the link in mdev_bus for one, may be missing in a
 * module that was loaded.
 */
TEST_F_TIMEOUT(module, load, WALK_TIMEOUT)
{
	struct fail_nth *walk = &self->walk;
	int ret;

	ASSERT_EQ(0, unload_module());
	/* 273 to 279, as above */
	fail_nth_begin(walk, "module load", 260);
	while (fail_nth_next(walk)) {
		fail_nth_arm(walk);
		ret = load_module(self->fd);
		fail_nth_disarm(walk);
		if (walk->fired && ret == -EINVAL)
			ret = -ENOMEM;
		if (succeeded(_metadata, walk, ret)) {
			EXPECT_TRUE(walk->fired || mtty_available());
			ASSERT_EQ(0, unload_module())
				TH_LOG("point %u", walk->point);
		}
		EXPECT_EQ(NULL, module_trace())
			TH_LOG("point %u: there is still %s", walk->point,
			       module_trace());
	}
	walk_end(_metadata, walk);
}

TEST_F_TIMEOUT(module, unload, WALK_TIMEOUT)
{
	struct fail_nth *walk = &self->walk;
	int ret;

	/* None of it can fail, and not all kernels tell that of the name */
	fail_nth_begin(walk, "module unload", 0);
	while (fail_nth_next(walk)) {
		fail_nth_arm(walk);
		ret = unload_module();
		fail_nth_disarm(walk);
		if (!succeeded(_metadata, walk, ret))
			ASSERT_EQ(0, unload_module());
		EXPECT_EQ(NULL, module_trace())
			TH_LOG("point %u: there is still %s", walk->point,
			       module_trace());
		ASSERT_EQ(0, load_module(self->fd));
		ASSERT_TRUE(mtty_available());
	}
	walk_end(_metadata, walk);
}

/* Last, so that there is something to tell */
FIXTURE(all)
{
};

FIXTURE_SETUP(all)
{
}

FIXTURE_TEARDOWN(all)
{
}

TEST_F(all, walks_together)
{
	const char *why = walks_missing();

	if (why)
		SKIP(return, "%s", why);
	EXPECT_LT(0, fail_nth_total());
}

TEST_HARNESS_MAIN
