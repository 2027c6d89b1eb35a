// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation and each copy that can fail in ioctls, attributes and debugfs
 * files: see lib/walks.h.
 */
#include <errno.h>
#include <kselftest_harness.h>
#include <linux/limits.h>

#include "../lib/check.h"
#include "../lib/file.h"
#include "../lib/vfio_dma.h"
#include "lib/dma.h"
#include "lib/knobs.h"
#include "lib/walks_fixture.h"

/* Calls that change nothing, or nothing but what is looked at afterwards */

#define DEBUGFS_VFIO	"/sys/kernel/debug/vfio"

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
	if (!done && walk_log_start(bench))
		return "the log cannot be started any more";
	return call_log_stop(bench) ? "the log cannot be stopped" : NULL;
}

static const char *after_log_stop(struct bench *bench, bool done)
{
	if (!done && call_log_stop(bench))
		return "the log cannot be stopped any more";
	return call_log_stop(bench) == -EINVAL ? NULL : "the log goes on";
}

/* None of them is lost: what was not told is told the next time */
static const char *after_log_report(struct bench *bench, bool done)
{
	if (!done && walk_log_report(bench))
		return "the log cannot be read any more";
	return bench->bitmap == (1 << LOG_PAGES) - 1 ? NULL :
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
	{ "DMA log start", 7, walk_log_start, before_log_start,
	  after_log_start },
	{ "DMA log stop", 1, call_log_stop, walk_log_restart, after_log_stop },
	{ "DMA log report", 3, walk_log_report, walk_log_fill,
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
			done = walk_succeeded(_metadata, walk, ret);
			if (call->after)
				walk_fine(_metadata, walk, call->after(bench, done),
					  "");
			else if (!done)
				ASSERT_EQ(0, call->call(bench))
					TH_LOG("%s, point %u: not again",
					       call->name, walk->point);
		}
		self->journey.digest = mtty_digest(&self->mtty);
		walk_fine(_metadata, walk, journey_stays(&self->journey), "");
		walk_end(_metadata, walk);
	}
}

/* Last, so that there is something to count */
TEST_F(walks, walks_together)
{
	EXPECT_LT(0, fail_nth_total());
}

TEST_HARNESS_MAIN
