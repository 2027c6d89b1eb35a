// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints: each arc that is walked, with how it ended; each call on a
 * data fd, with what it was asked and what it answered; each fault that a test
 * asked for.
 *
 * What is traced goes to a buffer of this process, so that nobody else's
 * tracing is in the way.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/file.h"
#include "lib/journey.h"
#include "lib/knobs.h"
#include "lib/mtty_fixture.h"
#include "lib/stream_edit.h"

#define TRACEFS		"/sys/kernel/tracing"
#define EVENTS		"events/mtty_mig"
#define TRACE_MAX	0x40000
#define EVENTS_MAX	32

static void trace_path(char *path, size_t size, const char *file)
{
	snprintf(path, size, TRACEFS "/instances/mtty_mig-%d/%s", getpid(),
		 file);
}

static void trace_write(const char *file, const char *value)
{
	char path[128];

	trace_path(path, sizeof(path), file);
	must(file_write(path, value));
}

/*
 * What is read here is gone from the buffer.  To empty it by truncating "trace"
 * waits for all processors each time, which makes a minute of this program.
 */
static int trace_pipe = -1;

/* NULL, or why nothing can be traced */
static const char *trace_begin(void)
{
	char path[128];

	if (access(TRACEFS "/instances", W_OK))
		return "there is no " TRACEFS ", or not the right to it";
	if (access(TRACEFS "/" EVENTS, F_OK))
		return "the driver was built without tracepoints";
	trace_path(path, sizeof(path), "");
	if (mkdir(path, 0700))
		die("%s: %s", path, strerror(errno));
	trace_write(EVENTS "/enable", "1");
	trace_path(path, sizeof(path), "trace_pipe");
	trace_pipe = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (trace_pipe < 0)
		die("%s: %s", path, strerror(errno));
	return NULL;
}

static void trace_end(void)
{
	char path[128];

	trace_path(path, sizeof(path), "");
	if (access(path, F_OK))
		return;
	trace_write(EVENTS "/enable", "0");
	close(trace_pipe);
	rmdir(path);
}

/* All that there is, as text of up to @size - 1 bytes */
static void trace_read(char *text, size_t size)
{
	size_t length = 0;
	ssize_t n;

	while ((n = read(trace_pipe, text + length, size - 1 - length)) > 0)
		length += n;
	if (n == 0)
		die("more than %zu bytes were traced", size);
	if (errno != EAGAIN)
		die("trace_pipe: %s", strerror(errno));
	text[length] = '\0';
}

static void trace_clear(void)
{
	static char text[TRACE_MAX];

	trace_read(text, sizeof(text));
}

/**
 * struct arc - an event of mtty_mig_arc
 * @dev: which device
 * @from: state that it started in
 * @to: state that it led to
 * @ret: 0 or -errno
 */
struct arc {
	char dev[32];
	char from[16];
	char to[16];
	int ret;
};

/**
 * struct call - an event of mtty_mig_fd
 * @dev: which device
 * @event: "read", "write", "poll", "ioctl" or "release"
 * @arg: what was asked
 * @ret: what was answered
 */
struct call {
	char dev[32];
	char event[16];
	unsigned long long arg;
	long long ret;
};

/**
 * struct fault - an event of mtty_mig_fault
 * @dev: which device
 * @point: where, in the words of the file "fault"
 * @error: errno
 */
struct fault {
	char dev[32];
	char point[64];
	int error;
};

/**
 * struct trace - what was traced since trace_clear()
 * @nr_arcs: how many arcs
 * @arcs: the arcs
 * @nr_calls: how many calls
 * @calls: the calls
 * @nr_faults: how many faults
 * @faults: the faults
 */
struct trace {
	unsigned int nr_arcs;
	struct arc arcs[EVENTS_MAX];
	unsigned int nr_calls;
	struct call calls[EVENTS_MAX];
	unsigned int nr_faults;
	struct fault faults[EVENTS_MAX];
};

static void trace_take(struct trace *trace)
{
	static char text[TRACE_MAX];
	char *line, *rest, *event;

	memset(trace, 0, sizeof(*trace));
	trace_read(text, sizeof(text));
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		struct fault *fault = &trace->faults[trace->nr_faults];
		struct call *call = &trace->calls[trace->nr_calls];
		struct arc *arc = &trace->arcs[trace->nr_arcs];
		unsigned long long ns;

		if (trace->nr_arcs == EVENTS_MAX ||
		    trace->nr_calls == EVENTS_MAX ||
		    trace->nr_faults == EVENTS_MAX)
			die("more than %d events", EVENTS_MAX - 1);
		event = strstr(line, ": mtty_mig_");
		if (!event)
			continue;
		if (sscanf(event, ": mtty_mig_arc: dev=%31s from=%15s to=%15s ret=%d ns=%llu",
			   arc->dev, arc->from, arc->to, &arc->ret, &ns) == 5)
			trace->nr_arcs++;
		else if (sscanf(event, ": mtty_mig_fd: dev=%31s event=%15s arg=%llx ret=%lld",
				call->dev, call->event, &call->arg,
				&call->ret) == 4)
			trace->nr_calls++;
		else if (sscanf(event, ": mtty_mig_fault: dev=%31s point=%63s errno=%d",
				fault->dev, fault->point, &fault->error) == 3)
			trace->nr_faults++;
		else
			die("no such event as documented: %s", event);
	}
}

/* The name by which a device is traced: that of its VFIO character device */
static void trace_name(const struct mtty *mtty, char *name, size_t size)
{
	char pattern[128];
	glob_t found;

	snprintf(pattern, sizeof(pattern),
		 "/sys/bus/mdev/devices/%s/vfio-dev/vfio*", mtty->mdev.uuid);
	if (glob(pattern, 0, NULL, &found))
		die("%s has no VFIO device", mtty->mdev.uuid);
	snprintf(name, size, "%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
}

MTTY_FIXTURE(trace, trace_begin(), trace_end());
MTTY_VARIANTS(trace);

/* Go to where SET_STATE can succeed, with nothing traced yet */
static void go_untraced(struct journey *journey, __u32 state)
{
	journey_go(journey, state);
	if (state == VFIO_DEVICE_STATE_RESUMING)
		journey_load(journey, journey->image.len);
	trace_clear();
}

/* The arcs of a path from @first on, of which the last may have failed */
static void expect_arcs(struct __test_metadata *_metadata,
			const struct journey *journey, __u32 from,
			const struct mig_path *path, unsigned int first,
			unsigned int count, int last_ret)
{
	struct trace trace;
	unsigned int i;
	char name[32], point[64];

	trace_name(journey->mtty, name, sizeof(name));
	trace_take(&trace);
	ASSERT_EQ(count, trace.nr_arcs)
		TH_LOG("%s to %s", mig_state_name(from),
		       mig_state_name(path->state[path->len - 1]));
	for (i = 0; i < count; i++) {
		const struct arc *arc = &trace.arcs[i];
		__u32 before = first + i ? path->state[first + i - 1] : from;

		EXPECT_STREQ(name, arc->dev);
		EXPECT_STREQ(mig_state_name(before), arc->from);
		EXPECT_STREQ(mig_state_name(path->state[first + i]), arc->to);
		EXPECT_EQ(i == count - 1 ? last_ret : 0, arc->ret)
			TH_LOG("%s to %s", arc->from, arc->to);
	}

	/* It failed because it was asked to, which is an event of its own */
	ASSERT_EQ(last_ret ? 1 : 0, trace.nr_faults);
	if (last_ret) {
		snprintf(point, sizeof(point), "%s-%s-after",
			 trace.arcs[count - 1].from, trace.arcs[count - 1].to);
		EXPECT_STREQ(name, trace.faults[0].dev);
		EXPECT_STREQ(point, trace.faults[0].point);
		EXPECT_EQ(-last_ret, trace.faults[0].error);
	}
}

/* The path is what the rules of the uAPI text give, not what the core says */
TEST_F(trace, each_SET_walks_the_path_that_the_rules_give)
{
	struct journey *journey = &self->journey;
	struct mig_path path;
	__u32 from, to;
	int data_fd;

	for (from = 0; from < VFIO_DEVICE_STATE_NR; from++) {
		for (to = 0; to < VFIO_DEVICE_STATE_NR; to++) {
			if (!mig_model_supported(variant->flags, from))
				continue;
			go_untraced(journey, from);
			if (mig_model_paths(variant->flags, from, to, &path)) {
				data_fd = vfio_mig_set(self->dev, to);
				expect_arcs(_metadata, journey, from, &path, 0,
					    path.len, 0);
				if (data_fd >= 0)
					close(data_fd);
			} else {
				struct trace trace;

				/* Refused, or there already */
				__vfio_mig_set(self->dev, to, &data_fd);
				trace_take(&trace);
				EXPECT_EQ(0, trace.nr_arcs)
					TH_LOG("%s to %s",
					       mig_state_name(from),
					       mig_state_name(to));
			}
		}
	}
}

TEST_F(trace, arc_that_fails_is_the_last_and_says_why)
{
	struct journey *journey = &self->journey;
	struct mig_path path;
	unsigned int arc;
	__u32 from, to;
	int data_fd;

	if (knobs_missing())
		SKIP(return, "%s", knobs_missing());
	for (from = 0; from < VFIO_DEVICE_STATE_NR; from++) {
		for (to = 0; to < VFIO_DEVICE_STATE_NR; to++) {
			if (!mig_model_paths(variant->flags, from, to, &path))
				continue;
			for (arc = 0; arc < path.len; arc++) {
				go_untraced(journey, from);
				knob_write(&self->mtty, "fault",
					   "%s-%s-after %d",
					   mig_state_name(arc ?
						path.state[arc - 1] : from),
					   mig_state_name(path.state[arc]),
					   EDOM);
				EXPECT_EQ(-EDOM, __vfio_mig_set(self->dev, to,
								&data_fd));
				expect_arcs(_metadata, journey, from, &path, 0,
					    arc + 1, -EDOM);
				/* Tried again, it goes on from there */
				data_fd = vfio_mig_set(self->dev, to);
				expect_arcs(_metadata, journey, from, &path,
					    arc, path.len - arc, 0);
				if (data_fd >= 0)
					close(data_fd);
			}
		}
	}
}

TEST_F(trace, points_of_a_data_fd_are_told_by_name)
{
	static const struct {
		const char *point;
		__u32 state;
	} points[] = {
		{ "pre-copy", VFIO_DEVICE_STATE_PRE_COPY },
		{ "read", VFIO_DEVICE_STATE_STOP_COPY },
		{ "write", VFIO_DEVICE_STATE_RESUMING },
	};
	struct journey *journey = &self->journey;
	struct trace trace;
	char name[32];
	unsigned int i;
	__u8 buf[0x4000] = {};

	if (knobs_missing())
		SKIP(return, "%s", knobs_missing());
	trace_name(&self->mtty, name, sizeof(name));
	for (i = 0; i < ARRAY_SIZE(points); i++) {
		if (!mig_model_supported(variant->flags, points[i].state))
			continue;
		journey_go(journey, points[i].state);
		knob_write(&self->mtty, "fault", "%s %d", points[i].point,
			   EDOM);
		trace_clear();
		if (points[i].state == VFIO_DEVICE_STATE_RESUMING)
			mig_write(journey->data_fd, buf, sizeof(buf));
		else
			mig_read(journey->data_fd, buf, sizeof(buf));
		trace_take(&trace);
		ASSERT_EQ(1, trace.nr_faults)
			TH_LOG("%s", points[i].point);
		EXPECT_STREQ(name, trace.faults[0].dev);
		EXPECT_STREQ(points[i].point, trace.faults[0].point);
		EXPECT_EQ(EDOM, trace.faults[0].error);
	}
}

/* Failures that nobody asked for are seen, too */
TEST_F(trace, incomplete_stream_is_seen)
{
	struct journey *journey = &self->journey;
	struct trace trace;
	int data_fd;

	journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
	journey_load(journey, 100);
	trace_clear();
	EXPECT_EQ(-ENODATA, __vfio_mig_set(self->dev,
					   VFIO_DEVICE_STATE_RUNNING,
					   &data_fd));
	trace_take(&trace);
	ASSERT_EQ(1, trace.nr_arcs);
	EXPECT_STREQ("RESUMING", trace.arcs[0].from);
	EXPECT_STREQ("STOP", trace.arcs[0].to);
	EXPECT_EQ(-ENODATA, trace.arcs[0].ret);
}

/* A reset walks nowhere */
TEST_F(trace, reset_close_and_open_are_no_arcs)
{
	struct journey *journey = &self->journey;
	struct trace trace;

	go_untraced(journey, VFIO_DEVICE_STATE_STOP_COPY);
	vfio_dev_reset(self->dev);
	mtty_reopen(&self->mtty);
	trace_take(&trace);
	EXPECT_EQ(0, trace.nr_arcs);
	EXPECT_EQ(0, trace.nr_calls);
}

static void expect_call(struct __test_metadata *_metadata,
			const struct mtty *mtty, const char *event, __u64 arg,
			__s64 ret)
{
	struct trace trace;
	char name[32];

	trace_name(mtty, name, sizeof(name));
	trace_take(&trace);
	ASSERT_EQ(1, trace.nr_calls)
		TH_LOG("%s", event);
	EXPECT_STREQ(name, trace.calls[0].dev);
	EXPECT_STREQ(event, trace.calls[0].event);
	EXPECT_EQ(arg, trace.calls[0].arg)
		TH_LOG("%s", event);
	EXPECT_EQ(ret, trace.calls[0].ret)
		TH_LOG("%s", event);
}

TEST_F(trace, calls_on_an_fd_that_saves)
{
	struct journey *journey = &self->journey;
	bool pre_copy = variant->flags & VFIO_MIGRATION_PRE_COPY;
	struct vfio_precopy_info info;
	__u8 buf[0x8000];
	int data_fd;

	go_untraced(journey, pre_copy ? VFIO_DEVICE_STATE_PRE_COPY :
		    VFIO_DEVICE_STATE_STOP_COPY);
	data_fd = journey->data_fd;
	mig_read(data_fd, buf, 100);
	expect_call(_metadata, &self->mtty, "read", 100, 100);
	fd_poll(data_fd, POLLIN);
	/* Who polls asks for these, willing or not */
	expect_call(_metadata, &self->mtty, "poll", POLLIN | POLLERR | POLLHUP,
		    POLLIN | POLLRDNORM);
	__vfio_precopy_info(data_fd, &info);
	expect_call(_metadata, &self->mtty, "ioctl", VFIO_MIG_GET_PRECOPY_INFO,
		    pre_copy ? 0 : -EINVAL);
	ioctl(data_fd, VFIO_DEVICE_RESET);
	expect_call(_metadata, &self->mtty, "ioctl", VFIO_DEVICE_RESET,
		    -ENOTTY);
	/* What there is, and then its end */
	mig_read(data_fd, buf, sizeof(buf));
	expect_call(_metadata, &self->mtty, "read", sizeof(buf),
		    (pre_copy ? HDR_SIZE + JOURNEY_PAGES / 2 * PAGE_RECORD :
		     journey->image.len) - 100);
	mig_read(data_fd, buf, 1);
	expect_call(_metadata, &self->mtty, "read", 1, pre_copy ? -ENOMSG : 0);

	vfio_dev_reset(self->dev);
	mig_read(data_fd, buf, 2);
	expect_call(_metadata, &self->mtty, "read", 2, -ENODEV);
	fd_poll(data_fd, POLLOUT);
	expect_call(_metadata, &self->mtty, "poll",
		    POLLOUT | POLLERR | POLLHUP, POLLERR | POLLHUP);
	journey_moved(journey, VFIO_DEVICE_STATE_RUNNING);
	expect_call(_metadata, &self->mtty, "release", 0, 0);
}

TEST_F(trace, calls_on_an_fd_that_resumes)
{
	struct journey *journey = &self->journey;
	struct vfio_precopy_info info;
	int data_fd;

	journey_go(journey, VFIO_DEVICE_STATE_RESUMING);
	trace_clear();
	data_fd = journey->data_fd;
	mig_write(data_fd, journey->image.data, 100);
	expect_call(_metadata, &self->mtty, "write", 100, 100);
	fd_poll(data_fd, POLLOUT);
	expect_call(_metadata, &self->mtty, "poll",
		    POLLOUT | POLLERR | POLLHUP, POLLOUT | POLLWRNORM);
	__vfio_precopy_info(data_fd, &info);
	expect_call(_metadata, &self->mtty, "ioctl", VFIO_MIG_GET_PRECOPY_INFO,
		    -EINVAL);
	/* After a page must come a record, and this is not one */
	journey->loaded = 100;
	journey_load(journey, HDR_SIZE + PAGE_RECORD - 100);
	trace_clear();
	mig_write(data_fd, journey->image.data, 50);
	expect_call(_metadata, &self->mtty, "write", 50, -EOPNOTSUPP);

	close(data_fd);
	journey->data_fd = -1;
	/* The driver still has it: userspace has ended nothing */
	vfio_dev_reset(self->dev);
	expect_call(_metadata, &self->mtty, "release", 0, 0);
}

/* Who looks at one of several devices must know which it is */
TEST_F(trace, events_tell_the_device)
{
	struct trace trace;
	char name[32];
	int data_fd;
	__u8 byte;

	trace_clear();
	data_fd = vfio_mig_set(&self->dst.dev, VFIO_DEVICE_STATE_STOP_COPY);
	mig_read(data_fd, &byte, 1);
	trace_name(&self->dst, name, sizeof(name));
	trace_take(&trace);
	ASSERT_LT(0, trace.nr_arcs);
	EXPECT_STREQ(name, trace.arcs[0].dev);
	ASSERT_EQ(1, trace.nr_calls);
	EXPECT_STREQ(name, trace.calls[0].dev);
	trace_name(&self->mtty, name, sizeof(name));
	EXPECT_STRNE(name, trace.calls[0].dev);
	close(data_fd);
}

TEST_HARNESS_MAIN
