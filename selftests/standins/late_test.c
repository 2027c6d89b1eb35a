// SPDX-License-Identifier: GPL-2.0-only
/*
 * The firmware takes its time: a call waits, and meanwhile somebody else does
 * something with the device.
 *
 * Whether that waits, too, is the driver's to decide; nothing is timed.  But all
 * must end when the call does, and the device can be used then.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../generic/steps.h"
#include "../lib/check.h"
#include "../lib/child.h"
#include "../lib/rule.h"
#include "../lib/vfio_dma.h"
#include "act.h"
#include "bench_fixture.h"
#include "hop.h"

#define SLOW	600

BENCH_FIXTURE_IN_STATES(late_in, DUT_STOP_COPY);

BENCH_FIXTURE(late, DUT_STOP_COPY);

/* What is done while a call waits */
enum deed {
	DEED_GET,
	DEED_SIZE,
	DEED_RUN,
	DEED_STOP,
	DEED_SAVE,
	DEED_RESET,
	DEED_SESSION,
	DEED_REGIONS,
	DEED_LOG,
	DEED_OPEN,
	NR_DEEDS
};

static const char * const deed_names[NR_DEEDS] = {
	[DEED_GET] = "GET",
	[DEED_SIZE] = "GET of MIG_DATA_SIZE",
	[DEED_RUN] = "SET RUNNING",
	[DEED_STOP] = "SET STOP",
	[DEED_SAVE] = "SET STOP_COPY",
	[DEED_RESET] = "VFIO_DEVICE_RESET",
	[DEED_SESSION] = "the use of the data fd",
	[DEED_REGIONS] = "an access to the regions",
	[DEED_LOG] = "the use of the DMA log",
	[DEED_OPEN] = "open()",
};

/**
 * struct late - a call that waits
 * @act: what is done that makes the call
 * @stage: where
 * @deed: what is done meanwhile
 * @data_fd: that of the session at the beginning, or -1
 * @name: of the call
 * @sock: in a process of its own: by which it tells that the act is done
 */
struct late {
	const struct act *act;
	struct stage *stage;
	enum deed deed;
	int data_fd;
	const char *name;
	int sock;
};

static int run_act(void *arg)
{
	struct late *late = arg;

	return act_do(late->act, late->stage);
}

static void set_and_close(struct vfio_dev *dev, __u32 state)
{
	int data_fd;

	if (!__vfio_mig_set(dev, state, &data_fd) && data_fd >= 0)
		close(data_fd);
}

static void use_session(struct vfio_dev *dev, int data_fd, __u32 state)
{
	struct vfio_precopy_info info;

	if (data_fd < 0) {
		__vfio_mig_get(dev, &state);
		return;
	}
	fd_poll(data_fd, POLLIN | POLLOUT);
	__vfio_precopy_info(data_fd, &info);
	mig_session_touch(data_fd, state);
}

static void use_log(struct vf *vf)
{
	__u64 bitmap[ACT_LOG_PAGES / 64] = {};

	act_log_start(vf);
	__dma_log_report(&vf->dut.dev, ACT_LOG_BASE, ACT_LOG_SIZE, MEM_PAGE,
			 bitmap);
	__dma_log_stop(&vf->dut.dev);
}

/* A second time, or again */
static int open_and_close(const struct dut *dut)
{
	struct vfio_dev dev;
	int ret = __vfio_dev_open(&dev, dut->name, dut->way);

	if (!ret)
		vfio_dev_close(&dev);
	return ret;
}

static int run_deed(void *arg)
{
	struct late *late = arg;
	struct dut *dut = &late->stage->vf->dut;
	struct vfio_dev *dev = &dut->dev;
	__u64 bytes;
	__u32 state;

	switch (late->deed) {
	case DEED_GET:
		return __vfio_mig_get(dev, &state);
	case DEED_SIZE:
		return __vfio_mig_data_size(dev, &bytes);
	case DEED_RUN:
		set_and_close(dev, VFIO_DEVICE_STATE_RUNNING);
		break;
	case DEED_STOP:
		set_and_close(dev, VFIO_DEVICE_STATE_STOP);
		break;
	case DEED_SAVE:
		set_and_close(dev, VFIO_DEVICE_STATE_STOP_COPY);
		break;
	case DEED_RESET:
		return __vfio_dev_reset(dev);
	case DEED_SESSION:
		use_session(dev, late->data_fd, late->act->from);
		break;
	case DEED_REGIONS:
		step_readable(dev);
		break;
	case DEED_LOG:
		use_log(late->stage->vf);
		break;
	case DEED_OPEN:
		return open_and_close(dut);
	case NR_DEEDS:
		break;
	}
	return 0;
}

/* GET, or a number that is no state */
static __u32 state_of(struct vf *vf)
{
	__u32 state;

	return __vfio_mig_get(&vf->dut.dev, &state) ? VFIO_DEVICE_STATE_NR :
						      state;
}

/*
 * Who came first is left open.  The state that the device is in has to be the one
 * that it tells all the same.
 */
static void judge_state(struct __test_metadata *_metadata,
			const struct late *late)
{
	struct vf *vf = late->stage->vf;
	__u32 state = state_of(vf);

	RULE("MIG-LIFE-05", state < VFIO_DEVICE_STATE_NR,
	     "a state, seen none: GET after %s, %s during %s",
	     act_name(late->act), deed_names[late->deed], late->name);
	RULE("MIG-LIFE-05", vf_told_right(vf, state),
	     "the state that the device is in, seen %s told of one that %s: after %s, %s during %s",
	     mig_state_name(state), vf_runs(vf) ? "runs" : "is stopped",
	     act_name(late->act), deed_names[late->deed], late->name);
}

static void judge_end(struct __test_metadata *_metadata, struct late *late,
		      struct worker *worker, const char *what)
{
	bool ended = worker_returns(worker);

	RULE("MIG-LIFE-05", ended,
	     "the end of %s, seen none: %s, %s during %s", what,
	     act_name(late->act), deed_names[late->deed], late->name);
	if (!ended)
		die("a thread does not come back");
	worker_join(worker);
}

/* The call waits, the deed is done, the call is let go: both end. */
static void be_late(struct __test_metadata *_metadata, struct late *late)
{
	struct stage *stage = late->stage;
	struct worker first, second;

	if (act_prepare(late->act, stage))
		die("no way to %s", act_name(late->act));
	/* That one, also if SET brings another */
	late->data_fd = stage->session < 0 ? -1 : dup(stage->session);
	vf_let_go(stage->vf);
	vf_let_wait(stage->vf, late->name, 1);
	worker_start(&first, run_act, late);
	if (vf_waits(stage->vf, &first)) {
		worker_start(&second, run_deed, late);
		/* It waits for the call now, or is done. */
		worker_sleeps(&second);
		vf_let_go(stage->vf);
		judge_end(_metadata, late, &second, deed_names[late->deed]);
	}
	vf_let_go(stage->vf);
	judge_end(_metadata, late, &first, act_name(late->act));
	if (late->data_fd >= 0)
		close(late->data_fd);
}

/* The calls that an act makes; false if it cannot be done */
static bool count_calls(const struct act *act, struct stage *stage,
			struct vf_calls *calls)
{
	if (act_prepare(act, stage))
		return false;
	vf_let_go(stage->vf);
	if (act_do(act, stage))
		return false;
	if (act->kind == ACT_SET && mig_model_saving(act->to))
		stage_read(stage, act->to);
	vf_calls(stage->vf, calls);
	stage_end(stage);
	return true;
}

/* Then the device is where it says, and can be reset and migrated. */
static void judge_then(struct __test_metadata *_metadata, struct late *late,
		       struct vf *other)
{
	const char *why;

	judge_state(_metadata, late);
	stage_end(late->stage);
	why = hop_recover(late->stage->vf, other, late->stage->content);
	RULE("MIG-RST-04", !why,
	     "a device that migrates, seen %s: after %s, %s during %s, and a reset",
	     why, act_name(late->act), deed_names[late->deed], late->name);
}

static void be_late_each(struct __test_metadata *_metadata, struct stage *stage,
			 struct vf *other, const struct act *act)
{
	struct vf_calls calls;
	unsigned int i;

	if (!count_calls(act, stage, &calls))
		return;
	for (i = 0; i < calls.nr; i++) {
		struct late late = {
			.act = act,
			.stage = stage,
			.name = calls.call[i].name,
		};

		if (!calls.call[i].count)
			continue;
		for (late.deed = 0; late.deed < DEED_OPEN; late.deed++) {
			be_late(_metadata, &late);
			judge_then(_metadata, &late, other);
		}
	}
}

static void be_late_kind(struct __test_metadata *_metadata, struct stage *stage,
			 struct vf *a, struct vf *b, enum act_kind kind)
{
	struct act act = { .kind = kind };

	stage_prepare(stage, a);
	for (; act_next(a, &act); act.to++)
		be_late_each(_metadata, stage, b, &act);
}

/* A path waits where one of its arcs does. */
static bool next_arc(struct vf *vf, struct act *act, __u32 from)
{
	for (; act_next(vf, act) && act->from == from; act->to++)
		if (mig_model_arc(vf->dut.flags, from, act->to))
			return true;
	return false;
}

TEST_F_TIMEOUT(late_in, SET, SLOW)
{
	struct act act = { .kind = ACT_SET, .from = variant->from };

	stage_prepare(&self->stage, &self->a);
	for (; next_arc(&self->a, &act, variant->from); act.to++)
		be_late_each(_metadata, &self->stage, &self->b, &act);
}

TEST_F_TIMEOUT(late, read, SLOW)
{
	be_late_kind(_metadata, &self->stage, &self->a, &self->b, ACT_READ);
}

TEST_F_TIMEOUT(late, write, SLOW)
{
	be_late_kind(_metadata, &self->stage, &self->a, &self->b, ACT_WRITE);
}

TEST_F_TIMEOUT(late, precopy_info, SLOW)
{
	be_late_kind(_metadata, &self->stage, &self->a, &self->b, ACT_INFO);
}

TEST_F_TIMEOUT(late, data_size, SLOW)
{
	be_late_kind(_metadata, &self->stage, &self->a, &self->b, ACT_SIZE);
}

TEST_F_TIMEOUT(late, reset, SLOW)
{
	be_late_kind(_metadata, &self->stage, &self->a, &self->b, ACT_RESET);
}

TEST_F_TIMEOUT(late, log, SLOW)
{
	enum act_kind kind;

	if (!dut_has_log(&self->a.dut))
		SKIP(return, "the device has no DMA logging");
	for (kind = ACT_LOG_START; kind <= ACT_LOG_STOP; kind++) {
		stage_free(&self->stage);
		dut_fresh(&self->a.dut);
		be_late_kind(_metadata, &self->stage, &self->a, &self->b, kind);
	}
}

/* A device that was closed, or would not open, works when it is opened then. */
static void judge_opened(struct __test_metadata *_metadata, struct late *late,
			 struct vf *other, const char *what)
{
	struct vf *vf = late->stage->vf;
	const char *why;

	vfio_dev_close(&vf->dut.dev);
	RULE_OK("MIG-LIFE-02",
		__vfio_dev_open(&vf->dut.dev, vf->dut.name, vf->dut.way),
		"open() after %s, %s during %s", act_name(late->act), what,
		late->name);
	if (vf->dut.dev.fd < 0)
		die("the device cannot be opened any more");
	RULE_STATE("MIG-LIFE-01", VFIO_DEVICE_STATE_RUNNING, state_of(vf),
		   "GET after %s, %s during %s, and open()",
		   act_name(late->act), what, late->name);
	RULE("MIG-LIFE-01", vf_runs(vf),
	     "a device that runs, seen one that does not: after %s, %s during %s, and open()",
	     act_name(late->act), what, late->name);
	why = hop_recover(vf, other, late->stage->content);
	RULE("MIG-LIFE-02", !why,
	     "a device that migrates, seen %s: after %s, %s during %s, and open()",
	     why, act_name(late->act), what, late->name);
}

/* Somebody opens the device while it is closed, or opened. */
static void be_late_open(struct __test_metadata *_metadata, struct stage *stage,
			 struct vf *a, struct vf *b, enum act_kind kind)
{
	struct act act = { .kind = kind };
	struct vf_calls calls;
	unsigned int i;

	stage_prepare(stage, a);
	for (; act_next(a, &act); act.to++) {
		if (!count_calls(&act, stage, &calls))
			continue;
		for (i = 0; i < calls.nr; i++) {
			struct late late = {
				.act = &act,
				.stage = stage,
				.deed = DEED_OPEN,
				.name = calls.call[i].name,
			};

			if (!calls.call[i].count)
				continue;
			be_late(_metadata, &late);
			stage_end(stage);
			judge_opened(_metadata, &late, b, deed_names[DEED_OPEN]);
		}
	}
}

TEST_F_TIMEOUT(late, open, SLOW)
{
	be_late_open(_metadata, &self->stage, &self->a, &self->b, ACT_OPEN);
}

TEST_F_TIMEOUT(late, close, SLOW)
{
	be_late_open(_metadata, &self->stage, &self->a, &self->b, ACT_CLOSE);
}

/* How the owner goes while the call waits */
enum leave {
	LEAVE_CLOSE,
	LEAVE_KILL,
	NR_LEAVES
};

static const char * const leave_names[NR_LEAVES] = {
	"its close()", "the end of its owner",
};

/* What the owner of the device tells; CLOSED: or close() waits for the call, too */
enum { READY, DONE, CLOSED };

static int run_act_and_tell(void *arg)
{
	struct late *late = arg;
	int ret = act_do(late->act, late->stage);

	tell(late->sock, DONE);
	return ret;
}

static int run_close(void *arg)
{
	struct stage *stage = arg;

	vfio_dev_close(&stage->vf->dut.dev);
	stage_end(stage);
	return 0;
}

/* Who has the device open: prepares, does the act, closes; each when it is told */
static int run_owner(int sock, void *arg)
{
	struct late *late = arg;
	struct stage *stage = late->stage;
	struct worker worker, closer;

	late->sock = sock;
	must(__vfio_dev_open(&stage->vf->dut.dev, stage->vf->dut.name,
			     stage->vf->dut.way));
	must(act_prepare(late->act, stage));
	tell(sock, READY);
	hear(sock);
	worker_start(&worker, run_act_and_tell, late);
	hear(sock);
	/*
	 * close() gives up the number, and an act that waits keeps the file. One that
	 * is done keeps none: then this is the end of the device, which may wait for a
	 * call that the act has left behind.
	 */
	worker_start(&closer, run_close, stage);
	worker_sleeps(&closer);
	tell(sock, CLOSED);
	worker_join(&closer);
	worker_join(&worker);
	return 0;
}

static void leave(struct __test_metadata *_metadata, struct late *late,
		  struct vf *other, enum leave how)
{
	struct vf *vf = late->stage->vf;
	struct child child;

	vfio_dev_close(&vf->dut.dev);
	child_start(&child, run_owner, late, NULL);
	hear(child.sock);
	vf_let_go(vf);
	vf_let_wait(vf, late->name, 1);
	tell(child.sock, 0);
	/* It waits, or, if the call is made later or not at all, is done. */
	while (!vf_waits_now(vf) && !heard(child.sock))
		sched_yield();
	if (how == LEAVE_KILL) {
		child_kill(&child);
	} else {
		tell(child.sock, 0);
		while (hear(child.sock) != CLOSED)
			;
	}
	vf_let_go(vf);
	child_gone(&child);
	judge_opened(_metadata, late, other, leave_names[how]);
}

static void leave_each(struct __test_metadata *_metadata, struct stage *stage,
		       struct vf *other, const struct act *act, enum leave how)
{
	struct vf_calls calls;
	unsigned int i;

	if (!count_calls(act, stage, &calls))
		return;
	for (i = 0; i < calls.nr; i++) {
		struct late late = {
			.act = act,
			.stage = stage,
			.name = calls.call[i].name,
		};

		if (calls.call[i].count)
			leave(_metadata, &late, other, how);
	}
}

static void leave_kind(struct __test_metadata *_metadata, struct stage *stage,
		       struct vf *a, struct vf *b, enum act_kind kind)
{
	struct act act = { .kind = kind };

	stage_prepare(stage, a);
	for (; act_next(a, &act); act.to++)
		leave_each(_metadata, stage, b, &act, LEAVE_KILL);
}

TEST_F_TIMEOUT(late_in, SET_and_the_device_is_closed, SLOW)
{
	struct act act = { .kind = ACT_SET, .from = variant->from };

	stage_prepare(&self->stage, &self->a);
	for (; next_arc(&self->a, &act, variant->from); act.to++)
		leave_each(_metadata, &self->stage, &self->b, &act,
			   LEAVE_CLOSE);
}

TEST_F_TIMEOUT(late_in, SET_and_its_owner_is_killed, SLOW)
{
	struct act act = { .kind = ACT_SET, .from = variant->from };

	stage_prepare(&self->stage, &self->a);
	for (; next_arc(&self->a, &act, variant->from); act.to++)
		leave_each(_metadata, &self->stage, &self->b, &act, LEAVE_KILL);
}

TEST_F_TIMEOUT(late, read_and_its_owner_is_killed, SLOW)
{
	leave_kind(_metadata, &self->stage, &self->a, &self->b, ACT_READ);
}

TEST_F_TIMEOUT(late, write_and_its_owner_is_killed, SLOW)
{
	leave_kind(_metadata, &self->stage, &self->a, &self->b, ACT_WRITE);
}

TEST_F_TIMEOUT(late, reset_and_its_owner_is_killed, SLOW)
{
	leave_kind(_metadata, &self->stage, &self->a, &self->b, ACT_RESET);
}

TEST_HARNESS_MAIN
