// SPDX-License-Identifier: GPL-2.0-only
/*
 * The firmware fails: each call that the driver makes, once.
 *
 * A driver may fail what it was asked for, or go on if the call does not matter.
 * What the uAPI leaves it is judged in three ways: by what it tells, by whether
 * the hardware is in the state that it tells, and by what a guest finds at the
 * end.  Which calls there are is not known here: they are counted first.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../generic/steps.h"
#include "../lib/check.h"
#include "../lib/rule.h"
#include "../lib/vfio_dma.h"
#include "act.h"
#include "bench_fixture.h"
#include "hop.h"

#define SLOW	600

BENCH_FIXTURE_IN_STATES(fail_in, DUT_STOP_COPY);

BENCH_FIXTURE(fail, DUT_STOP_COPY);

/**
 * struct failure - a call that fails in an act
 * @act: the act
 * @stage: where it is done
 * @other: another device
 * @again: try the act once more, if it fails
 * @name: of the call
 * @nth: which one
 * @ret: what the act returned
 * @read: what it returned to read what the act left to be read
 * @words: the act and the call, in words
 */
struct failure {
	const struct act *act;
	struct stage *stage;
	struct vf *other;
	bool again;
	const char *name;
	unsigned int nth;
	int ret;
	int read;
	char words[160];
};

/* Tells what is to be seen when a call has failed */
typedef void judge_fn(struct __test_metadata *_metadata,
		      const struct failure *failure);

/* Calls whose failure a driver waits for in vain, for a long time */
#define SLOW_MS		4000
#define SLOW_TIMES	2

static struct {
	char name[32];
	unsigned int times;
} slow[VF_CALLS];

static unsigned int *slow_times(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(slow) - 1 && *slow[i].name; i++)
		if (!strcmp(slow[i].name, name))
			break;
	snprintf(slow[i].name, sizeof(slow[i].name), "%s", name);
	return &slow[i].times;
}

static unsigned long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static bool on_path(const struct dut *dut, const struct act *act, __u32 state)
{
	struct mig_path path;
	unsigned int i;

	mig_model_paths(dut->flags, act->from, act->to, &path);
	for (i = 0; i < path.len; i++)
		if (path.state[i] == state)
			return true;
	return state == act->from || state == VFIO_DEVICE_STATE_ERROR;
}

/* GET, or a number that is no state */
static __u32 state_of(struct vf *vf)
{
	__u32 state;

	return __vfio_mig_get(&vf->dut.dev, &state) ? VFIO_DEVICE_STATE_NR :
						      state;
}

/* After SET has failed, or has not */
static void judge_state(struct __test_metadata *_metadata,
			const struct failure *failure)
{
	const struct act *act = failure->act;
	const struct stage *stage = failure->stage;
	__u32 state = state_of(stage->vf);
	struct mig_expect expect;

	mig_model_expect(stage->vf->dut.flags, act->from, act->to, &expect);
	if (failure->ret) {
		RULE("MIG-FSM-07", on_path(&stage->vf->dut, act, state),
		     "a state of the path or ERROR, seen %s: %s",
		     mig_state_name(state), failure->words);
		RULE("MIG-FSM-07", vf_told_right(stage->vf, state),
		     "the state that the device is in, seen %s told of one that %s: %s",
		     mig_state_name(state), vf_what_it_does(stage->vf),
		     failure->words);
		RULE("MIG-FD-01", stage->came < 0,
		     "no data fd, seen one: SET failed, %s", failure->words);
		return;
	}
	RULE_STATE("MIG-FSM-03", act->to, state, "GET after success of %s",
		   failure->words);
	RULE("MIG-FSM-03", vf_told_right(stage->vf, state),
	     "the state that the device is in, seen %s told of one that %s: success of %s",
	     mig_state_name(state), vf_what_it_does(stage->vf), failure->words);
	RULE("MIG-FD-01", expect.new_fd == (stage->came >= 0),
	     "%s, seen %s: success of %s",
	     expect.new_fd ? "a data fd" : "no data fd",
	     stage->came >= 0 ? "one" : "none", failure->words);
}

/* "attempt to return to some other state": the same one, once more */
static void judge_retry(struct __test_metadata *_metadata,
			const struct failure *failure)
{
	struct vf *vf = failure->stage->vf;
	__u32 state;

	if (act_do(failure->act, failure->stage))
		return;
	state = state_of(vf);
	RULE_STATE("MIG-FSM-03", failure->act->to, state,
		   "GET after %s, and success of a second SET", failure->words);
	RULE("MIG-FSM-03", vf_told_right(vf, state),
	     "the state that the device is in, seen %s told of one that %s: %s, and success of a second SET",
	     mig_state_name(state), vf_what_it_does(vf), failure->words);
}

/*
 * The migration goes on to its end, from wherever it is.  It may fail anywhere.
 * If it arrives, the guest has to find what it had; and if no call has told of the
 * failure, it has to arrive.
 *
 * Return: false if the guest finds something else.
 */
static bool arrives(struct __test_metadata *_metadata,
		    const struct failure *failure, __u32 state)
{
	struct stage *stage = failure->stage;
	struct vf *vf = stage->vf, *to = failure->other;
	int ret;

	if (state == VFIO_DEVICE_STATE_ERROR ||
	    state == VFIO_DEVICE_STATE_RESUMING)
		return true;
	if (mig_model_saving(state)) {
		if (state != VFIO_DEVICE_STATE_STOP_COPY &&
		    __vfio_mig_set(&vf->dut.dev, VFIO_DEVICE_STATE_STOP_COPY,
				   &stage->came))
			return true;
		if (stage_read(stage, VFIO_DEVICE_STATE_STOP_COPY))
			return true;
	} else {
		if (vf_differs(vf, stage->content) >= 0)
			return false;
		stage_end(stage);
		if (step_save(&vf->dut, &stage->saved))
			return true;
	}
	dut_fresh(&to->dut);
	ret = __mig_load(&to->dut.dev, &stage->saved, MIG_CHUNK,
			 VFIO_DEVICE_STATE_RUNNING);
	if (!failure->ret && !failure->read)
		RULE_OK("MIG-DATA-01", ret,
			"load of a stream that came to its end: success of %s",
			failure->words);
	if (ret)
		return true;
	return vf_differs(to, stage->content) < 0;
}

/* What SET leaves of the guest's state is known but on the way to RESUMING. */
static void judge_content(struct __test_metadata *_metadata,
			  const struct failure *failure)
{
	__u32 state = state_of(failure->stage->vf);
	bool arrived;

	if (failure->act->to == VFIO_DEVICE_STATE_RESUMING)
		return;
	arrived = arrives(_metadata, failure, state);
	if (failure->ret)
		RULE("MIG-DATA-05", arrived,
		     "what the guest had, seen something else: %s, in %s then",
		     failure->words, mig_state_name(state));
	else
		RULE("MIG-DATA-01", arrived,
		     "what the guest had, seen something else: success of %s",
		     failure->words);
}

static void judge_SET(struct __test_metadata *_metadata,
		      const struct failure *failure)
{
	judge_state(_metadata, failure);
	if (failure->ret && failure->again)
		judge_retry(_metadata, failure);
	judge_content(_metadata, failure);
}

/* What is read after an error may be of use, or not. */
static void judge_read(struct __test_metadata *_metadata,
		       const struct failure *failure)
{
	bool arrived = arrives(_metadata, failure, failure->act->from);

	RULE("MIG-DATA-01", arrived,
	     "what the guest had, seen something else: %s", failure->words);
}

/* What was not written must not be missing from a state that is taken. */
static void judge_write(struct __test_metadata *_metadata,
			const struct failure *failure)
{
	const struct stage *stage = failure->stage;
	int none;

	if (__vfio_mig_set(&stage->vf->dut.dev, VFIO_DEVICE_STATE_STOP, &none))
		return;
	RULE("MIG-DATA-01", vf_differs(stage->vf, stage->content) < 0,
	     "what the guest had, seen something else: success of SET STOP after %s",
	     failure->words);
}

/* A question */
static void judge_get(struct __test_metadata *_metadata,
		      const struct failure *failure)
{
	RULE_STATE("MIG-FSM-13", failure->act->from,
		   state_of(failure->stage->vf), "GET after %s",
		   failure->words);
}

/* open(), or close() and then open() */
static void judge_open(struct __test_metadata *_metadata,
		       const struct failure *failure)
{
	struct vf *vf = failure->stage->vf;
	struct dut *dut = &vf->dut;

	if (dut->dev.fd < 0) {
		RULE_OK("MIG-LIFE-02",
			__vfio_dev_open(&dut->dev, dut->name, dut->way),
			"open() after %s", failure->words);
		if (dut->dev.fd < 0)
			die("the device cannot be opened any more");
	}
	RULE_STATE("MIG-LIFE-01", VFIO_DEVICE_STATE_RUNNING, state_of(vf),
		   "GET after %s, and open()", failure->words);
	RULE("MIG-LIFE-01", vf_runs(vf),
	     "a device that runs, seen one that does not: after %s, and open()",
	     failure->words);
}

static void judge_reset(struct __test_metadata *_metadata,
			const struct failure *failure)
{
	struct vf *vf = failure->stage->vf;

	if (failure->ret)
		return;
	RULE_STATE("MIG-RST-02", VFIO_DEVICE_STATE_RUNNING, state_of(vf),
		   "GET after success of %s", failure->words);
	RULE("MIG-RST-02", vf_runs(vf),
	     "a device that runs, seen one that does not: success of %s",
	     failure->words);
}

/* Off or on, whatever it is: the log can be begun anew, and logs. */
static const char *log_works(const struct stage *stage)
{
	struct vfio_dev *dev = &stage->vf->dut.dev;
	__u64 bitmap[ACT_LOG_PAGES / 64] = {};
	const char *why = NULL;

	__dma_log_stop(dev);
	if (act_log_start(stage->vf))
		return "START fail";
	memory_reported(stage->mem, 0, ACT_LOG_SIZE);
	memory_write(stage->mem, 7 * MEM_PAGE, MEM_PAGE + 1);
	if (__dma_log_report(dev, ACT_LOG_BASE, ACT_LOG_SIZE, MEM_PAGE, bitmap))
		why = "REPORT fail";
	else if (memory_lost(stage->mem, 0, ACT_LOG_SIZE, MEM_PAGE,
			     bitmap) >= 0)
		why = "a page lost";
	if (__dma_log_stop(dev))
		why = "STOP fail";
	return why;
}

/* What failed here is not to be seen again in what comes next. */
static void start_over(struct stage *stage)
{
	vf_rebind(stage->vf);
	if (stage->mem)
		memory_remap(stage->mem);
}

static void judge_log(struct __test_metadata *_metadata,
		      const struct failure *failure)
{
	const struct stage *stage = failure->stage;
	const char *why;

	if (!failure->ret && failure->act->kind == ACT_LOG_REPORT)
		RULE("MIG-DMA-01",
		     memory_lost(stage->mem, 0, ACT_LOG_SIZE, MEM_PAGE,
				 stage->bitmap) < 0,
		     "each page that was written to, seen one lost: success of %s",
		     failure->words);
	why = log_works(stage);
	RULE("MIG-DMA-03", !why,
	     "a log that works, seen %s: after %s, STOP and START", why,
	     failure->words);
	if (why)
		start_over(failure->stage);
}

/* The firmware works again. */
static void judge_recovery(struct __test_metadata *_metadata,
			   const struct failure *failure)
{
	const char *why = hop_recover(failure->stage->vf, failure->other,
				      failure->stage->content);

	RULE("MIG-RST-04", !why,
	     "a device that migrates, seen %s: after %s, and a reset", why,
	     failure->words);
	if (why)
		start_over(failure->stage);
}

static void fail_once(struct __test_metadata *_metadata,
		      struct failure *failure, judge_fn *judge)
{
	struct stage *stage = failure->stage;
	const struct act *act = failure->act;
	unsigned long long begun = now_ms();
	bool failed;

	snprintf(failure->words, sizeof(failure->words), "%s, %s %u fails",
		 act_name(act), failure->name, failure->nth);
	if (act_prepare(act, stage))
		die("no way to %s without a failure", act_name(act));
	vf_let_go(stage->vf);
	vf_let_fail(stage->vf, failure->name, failure->nth);
	failure->ret = act_do(act, stage);
	failure->read = 0;
	/* What goes on in the background ends before the session's data does. */
	if (!failure->ret && act->kind == ACT_SET && mig_model_saving(act->to))
		failure->read = stage_read(stage, act->to);
	failed = vf_called(stage->vf, failure->name) >= failure->nth;
	vf_let_go(stage->vf);
	if (now_ms() - begun > SLOW_MS)
		++*slow_times(failure->name);
	if (!failed)
		return;
	judge(_metadata, failure);
	stage_end(stage);
	judge_recovery(_metadata, failure);
}

/* One call, each time that the act makes it: the last one first */
static void fail_each(struct __test_metadata *_metadata, struct stage *stage,
		      struct vf *other, const struct act *act,
		      const struct vf_call *call, judge_fn *judge)
{
	struct failure failure = {
		.act = act,
		.stage = stage,
		.other = other,
		.name = call->name,
		.nth = call->count,
	};

	while (failure.nth && *slow_times(call->name) < SLOW_TIMES) {
		fail_once(_metadata, &failure, judge);
		/* Then, if the act failed, with another try before the reset */
		failure.again = !failure.again && failure.ret &&
				act->kind == ACT_SET;
		if (!failure.again)
			failure.nth--;
	}
}

/* All calls that an act makes */
static void fail_all(struct __test_metadata *_metadata, struct stage *stage,
		     struct vf *other, const struct act *act, judge_fn *judge)
{
	struct vf_calls calls;
	unsigned int i;

	if (act_prepare(act, stage))
		return;
	vf_let_go(stage->vf);
	/* That it succeeds if nothing fails is for others. */
	if (act_do(act, stage))
		return;
	if (act->kind == ACT_SET && mig_model_saving(act->to))
		stage_read(stage, act->to);
	vf_calls(stage->vf, &calls);
	for (i = 0; i < calls.nr; i++)
		fail_each(_metadata, stage, other, act, &calls.call[i], judge);
}

/* ... and all acts of a kind */
static void fail_kind(struct __test_metadata *_metadata, struct stage *stage,
		      struct vf *a, struct vf *b, enum act_kind kind,
		      judge_fn *judge)
{
	struct act act = { .kind = kind };

	stage_prepare(stage, a);
	for (; act_next(a, &act); act.to++)
		fail_all(_metadata, stage, b, &act, judge);
}

static void fail_SET(struct __test_metadata *_metadata, struct stage *stage,
		     struct vf *a, struct vf *b, __u32 from, bool arcs)
{
	struct act act = { .kind = ACT_SET, .from = from };

	stage_prepare(stage, a);
	for (; act_next(a, &act) && act.from == from; act.to++)
		if (mig_model_arc(a->dut.flags, from, act.to) == arcs)
			fail_all(_metadata, stage, b, &act, judge_SET);
}

TEST_F_TIMEOUT(fail_in, SET_of_one_arc, SLOW)
{
	fail_SET(_metadata, &self->stage, &self->a, &self->b, variant->from,
		 true);
}

TEST_F_TIMEOUT(fail_in, SET_of_several_arcs, SLOW)
{
	fail_SET(_metadata, &self->stage, &self->a, &self->b, variant->from,
		 false);
}

TEST_F_TIMEOUT(fail, read, SLOW)
{
	fail_kind(_metadata, &self->stage, &self->a, &self->b, ACT_READ,
		  judge_read);
}

TEST_F_TIMEOUT(fail, write, SLOW)
{
	fail_kind(_metadata, &self->stage, &self->a, &self->b, ACT_WRITE,
		  judge_write);
}

TEST_F_TIMEOUT(fail, precopy_info, SLOW)
{
	fail_kind(_metadata, &self->stage, &self->a, &self->b, ACT_INFO,
		  judge_get);
}

TEST_F_TIMEOUT(fail, data_size, SLOW)
{
	fail_kind(_metadata, &self->stage, &self->a, &self->b, ACT_SIZE,
		  judge_get);
}

TEST_F_TIMEOUT(fail, open, SLOW)
{
	fail_kind(_metadata, &self->stage, &self->a, &self->b, ACT_OPEN,
		  judge_open);
}

TEST_F_TIMEOUT(fail, close, SLOW)
{
	fail_kind(_metadata, &self->stage, &self->a, &self->b, ACT_CLOSE,
		  judge_open);
}

TEST_F_TIMEOUT(fail, reset, SLOW)
{
	fail_kind(_metadata, &self->stage, &self->a, &self->b, ACT_RESET,
		  judge_reset);
}

TEST_F_TIMEOUT(fail, log, SLOW)
{
	enum act_kind kind;
	struct memory mem;

	if (!dut_has_log(&self->a.dut))
		SKIP(return, "the device has no DMA logging");
	memory_new(&mem, &self->a, ACT_LOG_BASE, ACT_LOG_PAGES);
	for (kind = ACT_LOG_START; kind <= ACT_LOG_STOP; kind++) {
		struct act act = { .kind = kind };

		stage_free(&self->stage);
		must(__vfio_dev_reset(&self->a.dut.dev));
		stage_prepare(&self->stage, &self->a);
		self->stage.mem = &mem;
		for (; act_next(&self->a, &act); act.to++)
			fail_all(_metadata, &self->stage, &self->b, &act,
				 judge_log);
	}
}

TEST_HARNESS_MAIN
