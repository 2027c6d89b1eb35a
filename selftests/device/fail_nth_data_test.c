// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation and each copy that can fail while data moves: in reads and
 * writes of the data fd, of regions and of device memory. See lib/walks.h.
 */
#include <errno.h>
#include <string.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "lib/knobs.h"
#include "lib/walks_fixture.h"

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
			if (walk_succeeded(_metadata, &self->walk, ret) &&
			    calls > clean)
				fail_nth_told(&self->walk);
			if (ret)
				ASSERT_EQ(0, read_all(journey, chunk, &calls));
			walk_fine(_metadata, &self->walk,
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
			if (walk_succeeded(_metadata, &self->walk, ret) &&
			    calls > clean)
				fail_nth_told(&self->walk);
			if (ret == -ENOMEM) {
				walk_fine(_metadata, &self->walk,
					  stays_refused(journey, ret), "");
				journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
			}
			/* On from where it was, or from the start */
			ASSERT_EQ(0, write_all(journey, chunks[i], &calls));
			walk_fine(_metadata, &self->walk,
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
			done = walk_progress(_metadata, &self->walk, n,
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
			walk_fine(_metadata, &self->walk,
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
			done = walk_progress(_metadata, &self->walk, n,
					     regions[i].len);
			EXPECT_EQ(0, memcmp(expect, seen, done));
			walk_fine(_metadata, &self->walk, journey_stays(journey),
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
			walk_progress(_metadata, &self->walk, n, len);
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
		if (!walk_succeeded(_metadata, walk, ret))
			knob_write(&self->mtty, "dirty", "0 %d",
				   JOURNEY_PAGES);
		journey->digest = mtty_digest(&self->mtty);
		walk_fine(_metadata, walk, journey_arrive(journey, &self->dst), "");
	}
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

/* Last, so that there is something to count */
TEST_F(walks, walks_together)
{
	EXPECT_LT(0, fail_nth_total());
}

TEST_HARNESS_MAIN
