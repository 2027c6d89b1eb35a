// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation and each copy that can fail in a SET_STATE: see lib/walks.h.
 * All arcs are walked, from each state to each other one.
 */
#include <errno.h>
#include <string.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "lib/journey.h"
#include "lib/mtty_fixture.h"
#include "lib/walk_judge.h"

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
MTTY_VARIANT(arcs, vpri, MIG_FLAGS_ALL);

/* For the arcs that a device with P2P does not have */
MTTY_VARIANT(arcs, precopy, VFIO_MIGRATION_PRE_COPY);

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
		if (walk_succeeded(_metadata, walk, ret)) {
			ASSERT_EQ(to, state);
			ASSERT_EQ(expect.new_fd, data_fd >= 0);
			journey_moved(journey, to);
			if (data_fd >= 0)
				journey->data_fd = data_fd;
			walk_fine(_metadata, walk, journey_stays(journey), ", done");
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
			walk_fine(_metadata, walk,
				  leave_lost_session(journey, state), "");
		} else {
			journey_moved(journey, state);
			walk_fine(_metadata, walk, journey_stays(journey), "");
		}
		if (journey->state != to)
			walk_fine(_metadata, walk, journey_continue(journey, to),
				  ", again");
	}
	walk_fine(_metadata, walk, journey_arrive(journey, dst), ", then migrated");
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

/* Last, so that there is something to count */
TEST_F(arcs, walks_together)
{
	EXPECT_LT(0, fail_nth_total());
}

TEST_HARNESS_MAIN
