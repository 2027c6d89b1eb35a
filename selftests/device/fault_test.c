// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures on demand: each arc before and after it, on its own and inside of a
 * path; the ERROR state; reads, writes and pre-copy; and what the files that
 * ask for them refuse.
 */
#include <errno.h>
#include <poll.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/file.h"
#include "lib/journey.h"
#include "lib/knobs.h"
#include "lib/mtty_fixture.h"
#include "lib/stream_edit.h"

/* Nothing on the way gives these by itself */
#define ERRNO_BEFORE	EDOM
#define ERRNO_AFTER	EXFULL

static const struct {
	const char *name;
	int error;
} moments[] = {
	{ "before", ERRNO_BEFORE },
	{ "after", ERRNO_AFTER },
};

MTTY_FIXTURE(arcs, knobs_missing());
MTTY_VARIANTS(arcs);

#define POINT_MAX	64

/*
 * Go through the points of all arcs of a device: a counter that begins at 0
 * gives the arc, the moment and the point's name.
 */
static bool next_point(__u64 flags, unsigned int *i, __u32 *from, __u32 *to,
		       unsigned int *moment, char *point)
{
	for (; *i < VFIO_DEVICE_STATE_NR * VFIO_DEVICE_STATE_NR * 2; (*i)++) {
		*moment = *i % 2;
		*from = *i / 2 / VFIO_DEVICE_STATE_NR;
		*to = *i / 2 % VFIO_DEVICE_STATE_NR;
		if (!mig_model_arc(flags, *from, *to))
			continue;
		snprintf(point, POINT_MAX, "%s-%s-%s", mig_state_name(*from),
			 mig_state_name(*to), moments[*moment].name);
		(*i)++;
		return true;
	}
	return false;
}

/* Go to where an arc can be walked, half way into the session if there is one */
static void go_before(struct journey *journey, __u32 from, unsigned int moment)
{
	journey_go(journey, from);
	/* A stream that is not complete would fail before "after" could */
	if (from == VFIO_DEVICE_STATE_RESUMING)
		journey_load(journey, journey->image.len / (moment ? 1 : 2));
}

TEST_F(arcs, each_fails_when_asked_to_and_can_be_tried_again)
{
	struct journey *journey = &self->journey;
	unsigned int i = 0, n = 0, moment;
	struct knob_fault fault;
	char point[POINT_MAX];
	int data_fd, next;
	const char *why;
	__u32 from, to;

	while (next_point(variant->flags, &i, &from, &to, &moment, point)) {
		go_before(journey, from, moment);
		why = journey_alive(journey);
		ASSERT_EQ(NULL, why)
			TH_LOG("%s, at first: %s", point, why);
		knob_write(&self->mtty, "fault", "%s %d", point,
			   moments[moment].error);
		next = fd_next();
		ASSERT_EQ(-moments[moment].error,
			  __vfio_mig_set(self->dev, to, &data_fd))
			TH_LOG("%s", point);
		EXPECT_EQ(-1, data_fd);
		EXPECT_EQ(next, fd_next())
			TH_LOG("%s: a file descriptor came", point);
		why = journey_stays(journey);
		ASSERT_EQ(NULL, why)
			TH_LOG("%s: %s", point, why);
		knob_fault(&self->mtty, point, &fault);
		EXPECT_EQ(0, fault.error);
		EXPECT_EQ(0, fault.times);
		EXPECT_EQ(1, fault.fired);

		why = journey_continue(journey, to);
		ASSERT_EQ(NULL, why)
			TH_LOG("%s, tried again: %s", point, why);
		why = journey_arrive(journey, &self->dst);
		ASSERT_EQ(NULL, why)
			TH_LOG("%s, then migrated: %s", point, why);
		n++;
	}
	/* The numbers of arcs are those that the uAPI text comes to */
	switch (variant->flags) {
	case VFIO_MIGRATION_STOP_COPY:
		EXPECT_EQ(2 * 6, n);
		break;
	case VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P:
		EXPECT_EQ(2 * 8, n);
		break;
	case VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_PRE_COPY:
		EXPECT_EQ(2 * 9, n);
		break;
	default:
		EXPECT_EQ(2 * 15, n);
	}
}

TEST_F(arcs, each_fails_as_often_as_asked)
{
	struct journey *journey = &self->journey;
	struct knob_fault fault;
	unsigned int i = 0, moment, times;
	char point[POINT_MAX];
	const char *why;
	__u32 from, to;
	int data_fd;

	while (next_point(variant->flags, &i, &from, &to, &moment, point)) {
		go_before(journey, from, moment);
		knob_write(&self->mtty, "fault", "%s %d times=2", point,
			   moments[moment].error);
		for (times = 2; times; times--) {
			knob_fault(&self->mtty, point, &fault);
			EXPECT_EQ(times, fault.times);
			ASSERT_EQ(-moments[moment].error,
				  __vfio_mig_set(self->dev, to, &data_fd))
				TH_LOG("%s, %u times more", point, times);
		}
		why = journey_continue(journey, to);
		ASSERT_EQ(NULL, why)
			TH_LOG("%s: %s", point, why);
	}
}

TEST_F(arcs, none_fails_that_was_disarmed)
{
	struct journey *journey = &self->journey;
	unsigned int i = 0, moment;
	struct knob_fault fault;
	char point[POINT_MAX];
	const char *why;
	__u32 from, to;

	while (next_point(variant->flags, &i, &from, &to, &moment, point)) {
		go_before(journey, from, moment);
		knob_write(&self->mtty, "fault", "%s %d times=9", point,
			   moments[moment].error);
		knob_write(&self->mtty, "fault", "%s 0", point);
		why = journey_continue(journey, to);
		ASSERT_EQ(NULL, why)
			TH_LOG("%s: %s", point, why);
		knob_fault(&self->mtty, point, &fault);
		EXPECT_EQ(0, fault.error);
		EXPECT_EQ(0, fault.fired);
	}
}

static void arm_all(struct mtty *mtty, __u64 flags)
{
	unsigned int i = 0, moment;
	char point[POINT_MAX];
	__u32 from, to;

	while (next_point(flags, &i, &from, &to, &moment, point))
		knob_write(mtty, "fault", "%s %d times=1000", point,
			   moments[moment].error);
}

static void disarm_all(struct mtty *mtty, __u64 flags)
{
	unsigned int i = 0, moment;
	char point[POINT_MAX];
	__u32 from, to;

	while (next_point(flags, &i, &from, &to, &moment, point))
		knob_write(mtty, "fault", "%s 0", point);
}

/* A reset takes no arc that could fail; neither do close and open */
TEST_F(arcs, reset_and_reopen_never_fail)
{
	struct journey *journey = &self->journey;
	const char *why;
	unsigned int i;
	__u32 state;

	for (state = 0; state < VFIO_DEVICE_STATE_NR; state++) {
		if (!mig_model_supported(variant->flags, state))
			continue;
		for (i = 0; i < 2; i++) {
			int old_fd;

			journey_go(journey, state);
			old_fd = journey->data_fd;
			arm_all(&self->mtty, variant->flags);
			if (i)
				mtty_reopen(&self->mtty);
			else
				EXPECT_EQ(0, __vfio_dev_reset(self->dev));
			EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING,
				  vfio_mig_get(self->dev))
				TH_LOG("%s of %s", i ? "reopen" : "reset",
				       mig_state_name(state));
			EXPECT_EQ(journey->fresh, mtty_digest(&self->mtty));
			if (old_fd >= 0) {
				why = data_fd_dead(old_fd, state);
				EXPECT_EQ(NULL, why)
					TH_LOG("%s of %s: %s",
					       i ? "reopen" : "reset",
					       mig_state_name(state), why);
			}
			disarm_all(&self->mtty, variant->flags);
		}
		journey_go(journey, VFIO_DEVICE_STATE_RUNNING);
		why = journey_arrive(journey, &self->dst);
		EXPECT_EQ(NULL, why)
			TH_LOG("%s", why);
	}
}

/* The state that is shown is the one inside of the path that was reached */
TEST_F(arcs, path_stops_where_an_arc_inside_fails)
{
	struct journey *journey = &self->journey;
	unsigned int i, moment, n = 0;
	__u32 from, to;

	for (i = 0; i < VFIO_DEVICE_STATE_NR * VFIO_DEVICE_STATE_NR; i++) {
		struct mig_path path;
		unsigned int arc;

		from = i / VFIO_DEVICE_STATE_NR;
		to = i % VFIO_DEVICE_STATE_NR;
		if (mig_model_paths(variant->flags, from, to, &path) != 1 ||
		    path.len < 2)
			continue;
		for (arc = 0; arc < 2 * path.len; arc++) {
			__u32 reached = from;
			const char *why;
			int data_fd;

			moment = arc % 2;
			journey_go(journey, from);
			if (from == VFIO_DEVICE_STATE_RESUMING)
				journey_load(journey, journey->image.len);
			if (arc / 2)
				reached = path.state[arc / 2 - 1];
			knob_write(&self->mtty, "fault", "%s-%s-%s %d",
				   mig_state_name(reached),
				   mig_state_name(path.state[arc / 2]),
				   moments[moment].name,
				   moments[moment].error);
			ASSERT_EQ(-moments[moment].error,
				  __vfio_mig_set(self->dev, to, &data_fd))
				TH_LOG("%s to %s, arc %u %s",
				       mig_state_name(from),
				       mig_state_name(to), arc / 2,
				       moments[moment].name);
			EXPECT_EQ(-1, data_fd);
			ASSERT_EQ(reached, vfio_mig_get(self->dev))
				TH_LOG("%s to %s, arc %u %s",
				       mig_state_name(from),
				       mig_state_name(to), arc / 2,
				       moments[moment].name);
			journey_moved(journey, reached);
			why = journey_stays(journey);
			ASSERT_EQ(NULL, why)
				TH_LOG("%s to %s, arc %u %s: %s",
				       mig_state_name(from),
				       mig_state_name(to), arc / 2,
				       moments[moment].name, why);
			why = journey_continue(journey, to);
			ASSERT_EQ(NULL, why)
				TH_LOG("%s to %s, tried again: %s",
				       mig_state_name(from),
				       mig_state_name(to), why);
			n++;
		}
	}
	/* At least RUNNING to STOP_COPY and RESUMING to RUNNING, and back */
	EXPECT_LE(16, n);
}

static void state_in_vfio_debugfs(struct mtty *mtty, char *text, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/vfio/%s/migration/state",
		 mtty->mdev.uuid);
	if (file_read(path, text, size))
		snprintf(text, size, "none");
}

/* A kernel that warned carries that mark for ever: only a new one tells */
static bool kernel_has_warned(void)
{
	char text[32];

	must(file_read("/proc/sys/kernel/tainted", text, sizeof(text)));
	return strtoull(text, NULL, 10) & (1 << 9);
}

static void expect_error(struct __test_metadata *_metadata, struct mtty *mtty,
			 const char *point)
{
	bool warned = kernel_has_warned();
	char text[64];
	int data_fd;
	__u32 to;

	EXPECT_EQ(VFIO_DEVICE_STATE_ERROR, vfio_mig_get(&mtty->dev))
		TH_LOG("%s", point);
	mdev_attr_read(&mtty->mdev, "mtty_mig/state", text, sizeof(text));
	EXPECT_STREQ("ERROR", text);
	state_in_vfio_debugfs(mtty, text, sizeof(text));
	if (strcmp(text, "none"))
		EXPECT_STREQ("ERROR", text);

	for (to = 0; to <= VFIO_DEVICE_STATE_NR + 1; to++) {
		__u32 asked = to > VFIO_DEVICE_STATE_NR ? ~0U : to;

		EXPECT_EQ(-EIO, __vfio_mig_set(&mtty->dev, asked, &data_fd))
			TH_LOG("%s: SET %s", point, mig_state_name(asked));
		EXPECT_EQ(-1, data_fd);
	}
	EXPECT_EQ(VFIO_DEVICE_STATE_ERROR, vfio_mig_get(&mtty->dev));
	EXPECT_LT(0, vfio_mig_data_size(&mtty->dev));
	EXPECT_EQ(warned, kernel_has_warned())
		TH_LOG("%s: the kernel warned, see its log", point);
}

/* "The device has failed and must be reset to recover" */
TEST_F(arcs, ERROR_ends_the_session_and_only_a_reset_leaves_it)
{
	struct journey *journey = &self->journey;
	unsigned int i = 0, n = 0, moment;
	char point[POINT_MAX];
	const char *why;
	__u32 from, to;
	int data_fd;

	while (next_point(variant->flags, &i, &from, &to, &moment, point)) {
		go_before(journey, from, moment);
		knob_write(&self->mtty, "fault", "%s %d error", point,
			   moments[moment].error);
		ASSERT_EQ(-moments[moment].error,
			  __vfio_mig_set(self->dev, to, &data_fd))
			TH_LOG("%s", point);
		EXPECT_EQ(-1, data_fd);
		expect_error(_metadata, &self->mtty, point);
		if (journey->data_fd >= 0) {
			why = data_fd_dead(journey->data_fd, from);
			EXPECT_EQ(NULL, why)
				TH_LOG("%s: %s", point, why);
		}
		/* It is not left by itself, but for reset or reopen */
		if (n++ % 2)
			mtty_reopen(&self->mtty);
		else
			vfio_dev_reset(self->dev);
		EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(self->dev));
		EXPECT_EQ(journey->fresh, mtty_digest(&self->mtty));
		journey_go(journey, VFIO_DEVICE_STATE_RUNNING);
		why = journey_arrive(journey, &self->dst);
		ASSERT_EQ(NULL, why)
			TH_LOG("%s, after ERROR: %s", point, why);
	}
}

/* A device in ERROR stands still, but for configuration space */
TEST_F(arcs, ERROR_drops_writes_to_registers_and_memory)
{
	int data_fd;

	journey_fill(&self->mtty);
	knob_write(&self->mtty, "fault", "%s-before %d error",
		   variant->flags & VFIO_MIGRATION_P2P ?
		   "RUNNING-RUNNING_P2P" : "RUNNING-STOP", ERRNO_BEFORE);
	ASSERT_EQ(-ERRNO_BEFORE, __vfio_mig_set(self->dev,
						VFIO_DEVICE_STATE_STOP,
						&data_fd));
	mtty_ctrl_out(&self->mtty, MTTY_MIG_REG_SCRATCH, ~0U);
	vfio_region_write8(self->dev, MTTY_MIG_MEM_BAR, 0, 0);
	EXPECT_EQ(self->journey.digest, mtty_digest(&self->mtty));
	EXPECT_EQ(2, knob_counter(&self->mtty, "dropped_writes"));
	EXPECT_EQ(-EBUSY, __knob_write(&self->mtty, "dirty", "0 1"));
	EXPECT_EQ(self->journey.digest, mtty_digest(&self->mtty));
}

MTTY_FIXTURE(data, knobs_missing());
MTTY_VARIANTS(data);

/* The states in which a device can be read from */
static const __u32 saving_states[] = {
	VFIO_DEVICE_STATE_STOP_COPY,
	VFIO_DEVICE_STATE_PRE_COPY,
	VFIO_DEVICE_STATE_PRE_COPY_P2P,
};

/* The bytes that a failed read() would have given are not lost */
TEST_F(data, failed_read_can_be_repeated)
{
	struct journey *journey = &self->journey;
	__u8 buf[JOURNEY_MEM_SIZE];
	const char *why;
	unsigned int i;
	ssize_t n;

	for (i = 0; i < ARRAY_LEN(saving_states); i++) {
		if (!mig_model_supported(variant->flags, saving_states[i]))
			continue;
		journey_go(journey, saving_states[i]);
		/* In the middle of a page */
		n = mig_read(journey->data_fd, buf, 6000);
		ASSERT_EQ(6000, n);
		mig_stream_append(&journey->saved, buf, n);
		knob_write(&self->mtty, "fault", "read %d times=2", EDOM);
		EXPECT_EQ(-EDOM, mig_read(journey->data_fd, buf, 10));
		EXPECT_EQ(-EDOM, mig_read(journey->data_fd, buf, sizeof(buf)));
		EXPECT_TRUE(fd_poll(journey->data_fd, POLLIN) & POLLIN);
		why = journey_stays(journey);
		EXPECT_EQ(NULL, why)
			TH_LOG("%s: %s", mig_state_name(saving_states[i]), why);
		why = journey_arrive(journey, &self->dst);
		EXPECT_EQ(NULL, why)
			TH_LOG("%s: %s", mig_state_name(saving_states[i]), why);
	}
}

/* A VMM gives up: it resets the device, or leaves the session */
TEST_F(data, failed_read_leaves_the_ways_out_open)
{
	struct journey *journey = &self->journey;
	__u8 buf[100];
	const char *why;
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_LEN(saving_states); i++) {
		__u32 state = saving_states[i / 2];

		if (!mig_model_supported(variant->flags, state))
			continue;
		journey_go(journey, state);
		ASSERT_EQ(sizeof(buf), mig_read(journey->data_fd, buf,
						sizeof(buf)));
		knob_write(&self->mtty, "fault", "read %d", EDOM);
		EXPECT_EQ(-EDOM, mig_read(journey->data_fd, buf, sizeof(buf)));
		if (i % 2) {
			why = journey_continue(journey,
					       VFIO_DEVICE_STATE_RUNNING);
			ASSERT_EQ(NULL, why)
				TH_LOG("%s: %s", mig_state_name(state), why);
		} else {
			journey_go(journey, VFIO_DEVICE_STATE_RUNNING);
		}
		why = journey_arrive(journey, &self->dst);
		EXPECT_EQ(NULL, why)
			TH_LOG("%s: %s", mig_state_name(state), why);
	}
}

/* What was refused once stays refused, and leaves no trace in the device */
TEST_F(data, failed_write_is_sticky)
{
	struct journey *journey = &self->journey;
	size_t at[] = { 0, 1, HDR_SIZE, 6000, 0, 0 };
	int data_fd, ret;
	const char *why;
	unsigned int i;
	__u32 to;

	at[4] = journey->image.len - 1;
	at[5] = journey->image.len / 2;
	for (i = 0; i < ARRAY_LEN(at); i++) {
		journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
		journey_load(journey, at[i]);
		knob_write(&self->mtty, "fault", "write %d", EDOM);
		for (to = 0; to < 3; to++) {
			ret = mig_write(journey->data_fd,
					journey->image.data + at[i], 1);
			EXPECT_EQ(-EDOM, ret)
				TH_LOG("write %u at %zu", to, at[i]);
		}
		for (to = 0; to < VFIO_DEVICE_STATE_NR; to++) {
			if (!mig_model_supported(variant->flags, to) ||
			    to == VFIO_DEVICE_STATE_RESUMING)
				continue;
			ret = __vfio_mig_set(self->dev, to, &data_fd);
			EXPECT_EQ(-EDOM, ret)
				TH_LOG("SET %s after a failed write at %zu",
				       mig_state_name(to), at[i]);
		}
		EXPECT_EQ(VFIO_DEVICE_STATE_RESUMING, vfio_mig_get(self->dev));
		EXPECT_EQ(journey->fresh, mtty_digest(&self->mtty));

		journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
		why = journey_arrive(journey, &self->dst);
		EXPECT_EQ(NULL, why)
			TH_LOG("%s", why);
	}
}

/* It is why the stream was refused, whatever fails after it */
TEST_F(data, first_failure_of_a_write_is_the_one_that_is_told)
{
	struct journey *journey = &self->journey;
	struct knob_fault fault;
	int data_fd;

	journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
	knob_write(&self->mtty, "fault", "write %d", EDOM);
	EXPECT_EQ(-EDOM, mig_write(journey->data_fd, journey->image.data, 1));
	knob_write(&self->mtty, "fault", "write %d", EXFULL);
	EXPECT_EQ(-EDOM, mig_write(journey->data_fd, journey->image.data, 1));
	knob_fault(&self->mtty, "write", &fault);
	EXPECT_EQ(2, fault.fired);
	EXPECT_EQ(-EDOM, __vfio_mig_set(self->dev, VFIO_DEVICE_STATE_STOP,
					&data_fd));
}

/* Whatever a line could change, in words */
static void take_snapshot(struct mtty *mtty, char *text, size_t size)
{
	static const char * const files[] = {
		"fault", "counters", "digest", "engine_hold", "page_requests",
	};
	char file[8192];
	unsigned int i;
	size_t len;

	len = snprintf(text, size, "%s\n",
		       mig_state_name(vfio_mig_get(&mtty->dev)));
	for (i = 0; i < ARRAY_LEN(files); i++) {
		knob_read(mtty, files[i], file, sizeof(file));
		len += snprintf(text + len, size - len, "%s\n", file);
		if (len >= size)
			die("no room for %zu bytes of files", len);
	}
}

#define SPACES_40	"                                        "

static const struct {
	const char *knob;
	const char *line;
} bad_lines[] = {
	{ "fault", "" },
	{ "fault", "\n" },
	{ "fault", " " },
	{ "fault", "5" },
	{ "fault", "read" },
	{ "fault", "read " },
	{ "fault", "read x" },
	{ "fault", "read -5" },
	{ "fault", "read 5x" },
	{ "fault", "read 0x5" },
	{ "fault", "read 4096" },
	{ "fault", "read 4294967301" },
	{ "fault", "read  5" },
	{ "fault", "read 5 ," },
	{ "fault", "read 5 always" },
	{ "fault", "read 5 times" },
	{ "fault", "read 5 times=" },
	{ "fault", "read 5 times=0" },
	{ "fault", "read 5 times=-1" },
	{ "fault", "read 5 times=x" },
	{ "fault", "read 5 times=4294967296" },
	{ "fault", "read 5 times=1 7" },
	{ "fault", "read 5 error" },
	{ "fault", "write 5 error" },
	{ "fault", "pre-copy 5 error" },
	{ "fault", "reads 5" },
	{ "fault", "READ 5" },
	{ "fault", "RUNNING-STOP 5" },
	{ "fault", "RUNNING-STOP- 5" },
	{ "fault", "RUNNING-STOP-during 5" },
	{ "fault", "RUNNING-STOP-before" },
	{ "fault", "RUNNING-STOP_COPY-before 5" },
	{ "fault", "RUNNING-RUNNING-before 5" },
	{ "fault", "RUNNING-ERROR-before 5" },
	{ "fault", "RUNNING-STOP-before 5 " SPACES_40 SPACES_40 SPACES_40 "x" },
	{ "dirty", "" },
	{ "dirty", "\n" },
	{ "dirty", "x" },
	{ "dirty", "0" },
	{ "dirty", "0 " },
	{ "dirty", "0 0" },
	{ "dirty", "0 -1" },
	{ "dirty", "-1 1" },
	{ "dirty", "0 1 1" },
	{ "dirty", "0 1x" },
	{ "dirty", "x0 1" },
	{ "dirty", "0,1" },
	/* Past the end, or partly so, or so far that a sum wraps */
	{ "dirty", "8 1" },
	{ "dirty", "7 2" },
	{ "dirty", "0 9" },
	{ "dirty", "1 18446744073709551615" },
	{ "dirty", "4503599627370496 1" },
	{ "dirty", "18446744073709551615 2" },
	{ "dirty", "0 18446744073709551616" },
	{ "dirty", "18446744073709551616 1" },
	{ "dirty", "0 " SPACES_40 SPACES_40 "1" },
	{ "engine_step", "" },
	{ "engine_step", "x" },
	{ "engine_step", "0" },
	{ "engine_step", "0 0" },
	{ "engine_step", "0 -1" },
	{ "engine_step", "2 1" },
	{ "engine_step", "-1 1" },
	{ "engine_step", "4294967296 1" },
	{ "engine_step", "0 1 1" },
	{ "engine_hold", "" },
	{ "engine_hold", "2" },
	{ "engine_hold", "-1" },
	{ "engine_hold", "x" },
	{ "engine_hold", "1x" },
	{ "reinit", "" },
	{ "reinit", "0" },
	{ "reinit", "2" },
	{ "reinit", "1x" },
	/* Not outside of pre-copy */
	{ "reinit", "1" },
	{ "page_requests", "" },
	{ "page_requests", "\n" },
	{ "page_requests", "open" },
	{ "page_requests", "open " },
	{ "page_requests", "open x" },
	{ "page_requests", "open -1" },
	{ "page_requests", "open 18446744073709551616" },
	{ "page_requests", "open 0x1000 2" },
	{ "page_requests", "opens 0x1000" },
	{ "page_requests", "0x1000" },
	{ "page_requests", "answer" },
	{ "page_requests", "answer x" },
	{ "page_requests", "answer 4294967297" },
	{ "page_requests", "close 1" },
};

TEST_F(data, bad_lines_are_refused_and_change_nothing)
{
	char before[16384], after[16384];
	unsigned int i;

	/* So that there is something to change */
	journey_fill(&self->mtty);
	knob_write(&self->mtty, "fault", "read %d times=7", ERRNO_BEFORE);
	if (!strcmp(variant->type, "vpri"))
		knob_write(&self->mtty, "page_requests", "open 0x1000");
	take_snapshot(&self->mtty, before, sizeof(before));
	for (i = 0; i < ARRAY_LEN(bad_lines); i++) {
		EXPECT_EQ(-EINVAL,
			  __knob_write(&self->mtty, bad_lines[i].knob, "%s",
				       bad_lines[i].line))
			TH_LOG("'%s' to %s", bad_lines[i].line,
			       bad_lines[i].knob);
		take_snapshot(&self->mtty, after, sizeof(after));
		ASSERT_EQ(0, strcmp(before, after))
			TH_LOG("'%s' to %s made of\n%s\nthis:\n%s",
			       bad_lines[i].line, bad_lines[i].knob, before,
			       after);
	}
	/* Good but for its length */
	EXPECT_EQ(-EINVAL, __knob_write(&self->mtty, "fault", "%-129s",
					"write 5"));
	EXPECT_EQ(-EINVAL, __knob_write(&self->mtty, "dirty", "%-65s", "0 1"));
	take_snapshot(&self->mtty, after, sizeof(after));
	EXPECT_EQ(0, strcmp(before, after));
}

TEST_F(data, words_of_a_fault_come_in_any_order_with_a_newline)
{
	struct knob_fault fault;

	knob_write(&self->mtty, "fault", "STOP-STOP_COPY-after 5\n");
	knob_fault(&self->mtty, "STOP-STOP_COPY-after", &fault);
	EXPECT_EQ(5, fault.error);
	EXPECT_EQ(1, fault.times);
	knob_write(&self->mtty, "fault",
		   "STOP-STOP_COPY-after 4095 error times=4294967295");
	knob_fault(&self->mtty, "STOP-STOP_COPY-after", &fault);
	EXPECT_EQ(4095, fault.error);
	EXPECT_EQ(~0U, fault.times);
	knob_write(&self->mtty, "fault",
		   "STOP-STOP_COPY-after 6 times=3 error");
	knob_fault(&self->mtty, "STOP-STOP_COPY-after", &fault);
	EXPECT_EQ(6, fault.error);
	EXPECT_EQ(3, fault.times);
}

/* One device's faults are its own */
TEST_F(data, faults_do_not_touch_another_device)
{
	struct knob_fault fault;
	int data_fd;

	knob_write(&self->dst, "fault", "STOP-STOP_COPY-before %d",
		   ERRNO_BEFORE);
	data_fd = vfio_mig_set(self->dev, VFIO_DEVICE_STATE_STOP_COPY);
	EXPECT_LE(0, data_fd);
	knob_fault(&self->dst, "STOP-STOP_COPY-before", &fault);
	EXPECT_EQ(0, fault.fired);
	EXPECT_EQ(ERRNO_BEFORE, fault.error);
	close(data_fd);
}

/* Certain and impossible are the probabilities that a test can rely on */
TEST_F(data, random_faults_follow_the_kernels_fault_injection)
{
	struct journey *journey = &self->journey;
	struct knob_fault fault;
	unsigned int i;
	__u8 byte;

	if (!knob_exists(&self->mtty, "fail")) {
		EXPECT_EQ(-EOPNOTSUPP,
			  __knob_write(&self->mtty, "fault", "read 5 random"));
		SKIP(return, "CONFIG_FAULT_INJECTION_DEBUG_FS is not set");
	}
	journey_go(journey, VFIO_DEVICE_STATE_STOP_COPY);
	knob_write(&self->mtty, "fail/probability", "100");
	knob_write(&self->mtty, "fail/times", "-1");
	knob_write(&self->mtty, "fault", "read %d random", EDOM);
	for (i = 0; i < 20; i++)
		EXPECT_EQ(-EDOM, mig_read(journey->data_fd, &byte, 1));
	/* It is not used up, and it can be set aside */
	knob_fault(&self->mtty, "read", &fault);
	EXPECT_EQ(EDOM, fault.error);
	EXPECT_EQ(20, fault.fired);
	knob_write(&self->mtty, "fail/probability", "0");
	EXPECT_EQ(NULL, journey_alive(journey));
	knob_write(&self->mtty, "fail/probability", "100");
	knob_write(&self->mtty, "fail/times", "3");
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-EDOM, mig_read(journey->data_fd, &byte, 1));
	EXPECT_EQ(NULL, journey_alive(journey));

	/* Arcs, too, until it is disarmed */
	knob_write(&self->mtty, "fault", "read 0");
	knob_write(&self->mtty, "fail/times", "-1");
	knob_write(&self->mtty, "fault", "STOP_COPY-STOP-before %d random",
		   EDOM);
	for (i = 0; i < 20; i++) {
		int data_fd;

		EXPECT_EQ(-EDOM, __vfio_mig_set(self->dev,
						VFIO_DEVICE_STATE_STOP,
						&data_fd));
		EXPECT_EQ(VFIO_DEVICE_STATE_STOP_COPY,
			  vfio_mig_get(self->dev));
	}
	knob_write(&self->mtty, "fault", "STOP_COPY-STOP-before 0");
	EXPECT_EQ(NULL, journey_arrive(journey, &self->dst));
	EXPECT_EQ(NULL, journey_continue(journey, VFIO_DEVICE_STATE_STOP));
}

MTTY_FIXTURE(soft, knobs_missing());
MTTY_VARIANTS_PRE_COPY(soft);

/*
 * A failure in pre-copy that need not end the migration: the fd goes dry,
 * whatever gets dirty, and STOP_COPY sends all of the device, as if nothing
 * had been sent before.
 */
static void expect_fallback(struct __test_metadata *_metadata,
			    struct journey *journey, struct mtty *dst,
			    unsigned int zeroed)
{
	unsigned int i, nr_records, nr_pages = 0, nr_zero = 0;
	size_t sent_before, stop_copy_length;
	struct record records[RECORDS_MAX];
	struct vfio_precopy_info info;
	struct mtty *mtty = journey->mtty;
	struct knob_fault fault;
	const char *why;

	knob_write(mtty, "fault", "pre-copy %d", EDOM);
	EXPECT_EQ(-ENOMSG, __mig_stream_read(&journey->saved, journey->data_fd,
					     MIG_CHUNK));
	knob_fault(mtty, "pre-copy", &fault);
	EXPECT_EQ(1, fault.fired);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, __vfio_precopy_info(journey->data_fd, &info));
		EXPECT_EQ(0, info.initial_bytes);
		EXPECT_EQ(0, info.dirty_bytes);
		EXPECT_EQ(0, fd_poll(journey->data_fd, POLLIN));
		EXPECT_EQ(-ENOMSG, __mig_stream_read(&journey->saved,
						     journey->data_fd,
						     MIG_CHUNK));
		knob_write(mtty, "dirty", "%u 1", JOURNEY_PAGES - 1);
	}

	sent_before = journey->saved.len;
	stop_copy_length = vfio_mig_data_size(&mtty->dev);
	EXPECT_EQ(-1, vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_STOP_COPY));
	journey->state = VFIO_DEVICE_STATE_STOP_COPY;
	EXPECT_EQ(stop_copy_length, vfio_mig_data_size(&mtty->dev));
	why = journey_arrive(journey, dst);
	ASSERT_EQ(NULL, why)
		TH_LOG("%s", why);
	EXPECT_EQ(stop_copy_length, journey->saved.len - sent_before);

	nr_records = stream_records(&journey->saved, records);
	for (i = 0; i < nr_records; i++) {
		if (records[i].start < sent_before)
			continue;
		nr_pages += records[i].type == REC_PAGE;
		nr_zero += records[i].type == REC_ZERO;
	}
	EXPECT_EQ(knob_counter(mtty, "pages"), nr_pages);
	EXPECT_EQ(zeroed, nr_zero);
}

/* Begin, with all content there, and read so many bytes */
static void soft_begin(struct __test_metadata *_metadata,
		       struct journey *journey, size_t len)
{
	__u8 buf[JOURNEY_MEM_SIZE];

	journey_go(journey, VFIO_DEVICE_STATE_PRE_COPY);
	ASSERT_EQ(len, mig_read(journey->data_fd, buf, len));
	mig_stream_append(&journey->saved, buf, len);
}

TEST_F(soft, failure_at_the_first_record_falls_back)
{
	soft_begin(_metadata, &self->journey, 0);
	expect_fallback(_metadata, &self->journey, &self->dst, 0);
}

TEST_F(soft, failure_right_behind_the_header_falls_back)
{
	soft_begin(_metadata, &self->journey, HDR_SIZE);
	expect_fallback(_metadata, &self->journey, &self->dst, 0);
}

TEST_F(soft, failure_inside_of_a_record_falls_back)
{
	soft_begin(_metadata, &self->journey, 6000);
	expect_fallback(_metadata, &self->journey, &self->dst, 0);
}

TEST_F(soft, failure_after_all_was_sent_falls_back)
{
	struct journey *journey = &self->journey;

	soft_begin(_metadata, journey, 100);
	mig_stream_read(&journey->saved, journey->data_fd, MIG_CHUNK, -ENOMSG);
	expect_fallback(_metadata, journey, &self->dst, 0);
}

TEST_F(soft, failure_in_PRE_COPY_P2P_falls_back)
{
	struct journey *journey = &self->journey;

	if (!(variant->flags & VFIO_MIGRATION_P2P))
		SKIP(return, "the device has no P2P");
	soft_begin(_metadata, journey, 6000);
	EXPECT_EQ(NULL, journey_continue(journey,
					 VFIO_DEVICE_STATE_PRE_COPY_P2P));
	expect_fallback(_metadata, journey, &self->dst, 0);
}

/*
 * A page that was sent and is zero now must be sent as such: the destination
 * has its old content.  One that got its first content must be there, too.
 */
TEST_F(soft, failure_after_pages_changed_falls_back)
{
	static const __u8 zero[MTTY_MIG_PAGE_SIZE];
	struct journey *journey = &self->journey;

	soft_begin(_metadata, journey, 100);
	mig_stream_read(&journey->saved, journey->data_fd, MIG_CHUNK, -ENOMSG);
	knob_write(&self->mtty, "dirty", "0 2");
	vfio_region_write(self->dev, MTTY_MIG_MEM_BAR, 2 * sizeof(zero), zero,
			  sizeof(zero));
	vfio_region_write(self->dev, MTTY_MIG_MEM_BAR, 4 * sizeof(zero), zero,
			  sizeof(zero));
	mtty_ctrl_out(&self->mtty, MTTY_MIG_REG_SCRATCH, 77);
	expect_fallback(_metadata, journey, &self->dst, 2);
}

/* The failure was that session's, not the device's */
TEST_F(soft, failure_is_over_with_the_session)
{
	struct journey *journey = &self->journey;
	const char *why;

	soft_begin(_metadata, journey, 100);
	knob_write(&self->mtty, "fault", "pre-copy %d", EDOM);
	mig_stream_read(&journey->saved, journey->data_fd, MIG_CHUNK, -ENOMSG);
	vfio_mig_set(self->dev, VFIO_DEVICE_STATE_RUNNING);
	journey_moved(journey, VFIO_DEVICE_STATE_RUNNING);

	why = journey_continue(journey, VFIO_DEVICE_STATE_PRE_COPY);
	ASSERT_EQ(NULL, why)
		TH_LOG("%s", why);
	mig_stream_read(&journey->saved, journey->data_fd, MIG_CHUNK, -ENOMSG);
	EXPECT_LT(JOURNEY_MEM_SIZE / 2, journey->saved.len);
	why = journey_arrive(journey, &self->dst);
	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
}

TEST_HARNESS_MAIN
