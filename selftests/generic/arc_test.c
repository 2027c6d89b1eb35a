// SPDX-License-Identifier: GPL-2.0-only
/*
 * The 15 arcs of the uAPI text, each with what is begun or ended on it.
 *
 * Without P2P, "the states behave as though the device was fully running":
 * RUNNING stands for RUNNING_P2P then, and PRE_COPY for PRE_COPY_P2P.
 */
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut.h"
#include "dut_fixture.h"
#include "steps.h"

/**
 * struct arc - an arc that was taken, with all that was seen
 * @from: the state before
 * @to: the state that was asked for
 * @ret: what SET returned
 * @state: the state afterwards
 * @session: the data fd of @from, or -1
 * @data_fd: the data fd that SET gave, -1 as the text wants it if there is none
 */
struct arc {
	__u32 from;
	__u32 to;
	int ret;
	__u32 state;
	int session;
	int data_fd;
};

static __u32 as_supported(struct dut *dut, __u32 state)
{
	if (dut->flags & VFIO_MIGRATION_P2P)
		return state;
	if (state == VFIO_DEVICE_STATE_RUNNING_P2P)
		return VFIO_DEVICE_STATE_RUNNING;
	if (state == VFIO_DEVICE_STATE_PRE_COPY_P2P)
		return VFIO_DEVICE_STATE_PRE_COPY;
	return state;
}

/* From a fresh device, and from RESUMING with a whole stream */
static struct arc take(struct dut *dut, __u32 from, __u32 to)
{
	struct mig_stream stream = {};
	struct arc arc = {
		.from = as_supported(dut, from),
		.to = as_supported(dut, to),
	};

	if (from == VFIO_DEVICE_STATE_RESUMING)
		step_save(dut, &stream);
	arc.ret = step_go(dut, arc.from, &stream, &arc.session);
	if (!arc.ret)
		arc.ret = __vfio_mig_set(&dut->dev, arc.to, &arc.data_fd);
	else
		arc.data_fd = -1;
	if (__vfio_mig_get(&dut->dev, &arc.state))
		arc.state = VFIO_DEVICE_STATE_NR;
	mig_stream_free(&stream);
	return arc;
}

/*
 * What is wrong with an arc, in words for RULE(); NULL if nothing is.  Where
 * SET failed, arc_leads() has told it.
 */
static const char *wrong(const struct arc *arc, const char *expected,
			 const char *seen)
{
	static char why[256];

	snprintf(why, sizeof(why), "%s, seen %s: SET %s in %s", expected, seen,
		 mig_state_name(arc->to), mig_state_name(arc->from));
	return why;
}

static const char *arc_leads(const struct arc *arc)
{
	if (arc->ret)
		return wrong(arc, "success", rule_errno(arc->ret));
	if (arc->state != arc->to)
		return wrong(arc, "the new state", mig_state_name(arc->state));
	return NULL;
}

/* As arc_leads(), and it begins no session */
static const char *arc_leads_without_fd(const struct arc *arc)
{
	if (!arc->ret && arc->data_fd >= 0)
		return wrong(arc, "no data_fd", "one");
	if (!arc->ret && arc->data_fd != -1)
		return wrong(arc, "the data_fd -1", "another number");
	return arc_leads(arc);
}

/* "will terminate a data transfer session" */
static const char *arc_ends(const struct arc *arc)
{
	const char *touch = step_touch(arc->session, arc->from);

	return !arc->ret && touch ?
		wrong(arc, "the end of the session", touch) : NULL;
}

/* Neither end of stream nor, whatever is said of its end, an error */
static const char *gives_data(const struct arc *arc, int data_fd, __u32 state)
{
	int ret = mig_session_touch(data_fd, state);

	if (arc->ret || ret > 0)
		return NULL;
	return wrong(arc, "data from the session's data_fd",
		     ret ? rule_errno(ret) : "end of stream");
}

/* "begin the process of saving the device state" */
static const char *arc_begins_saving(const struct arc *arc)
{
	if (!arc->ret && arc->data_fd < 0)
		return wrong(arc, "a data_fd", "none");
	return gives_data(arc, arc->data_fd, arc->to);
}

/* "does not terminate or otherwise affect the associated fd" */
static const char *arc_keeps(const struct arc *arc)
{
	return gives_data(arc, arc->session, arc->from);
}

#define ARC(id, what)							\
	do {								\
		const char *what_ = (what);				\
									\
		RULE(id, !what_, "%s", what_);				\
	} while (0)

static void let_go(struct arc *arc)
{
	if (arc->session >= 0)
		close(arc->session);
	if (arc->data_fd >= 0 && !arc->ret)
		close(arc->data_fd);
}

DUT_FIXTURE(arc, DUT_STOP_COPY);

/* "the device must stop the operation of the device" */
TEST_F(arc, RUNNING_P2P_to_STOP)
{
	struct arc arc = take(&self->dut, VFIO_DEVICE_STATE_RUNNING_P2P,
			      VFIO_DEVICE_STATE_STOP);

	ARC("MIG-ARC-01", arc_leads_without_fd(&arc));
	let_go(&arc);
}

TEST_F(arc, STOP_COPY_to_STOP)
{
	struct arc arc = take(&self->dut, VFIO_DEVICE_STATE_STOP_COPY,
			      VFIO_DEVICE_STATE_STOP);

	ARC("MIG-ARC-02", arc_leads_without_fd(&arc));
	ARC("MIG-ARC-02", arc_ends(&arc));
	let_go(&arc);
}

/* "should complete processing of the data delivered by write()" */
TEST_F(arc, RESUMING_to_STOP)
{
	struct arc arc = take(&self->dut, VFIO_DEVICE_STATE_RESUMING,
			      VFIO_DEVICE_STATE_STOP);

	ARC("MIG-ARC-03", arc_leads_without_fd(&arc));
	ARC("MIG-ARC-03", arc_ends(&arc));
	let_go(&arc);
}

TEST_F(arc, STOP_to_RUNNING_P2P)
{
	struct arc arc = take(&self->dut, VFIO_DEVICE_STATE_STOP,
			      VFIO_DEVICE_STATE_RUNNING_P2P);

	ARC("MIG-ARC-08", arc_leads_without_fd(&arc));
	let_go(&arc);
}

TEST_F(arc, STOP_to_STOP_COPY)
{
	struct arc arc = take(&self->dut, VFIO_DEVICE_STATE_STOP,
			      VFIO_DEVICE_STATE_STOP_COPY);

	ARC("MIG-ARC-11", arc_leads(&arc));
	ARC("MIG-ARC-11", arc_begins_saving(&arc));
	let_go(&arc);
}

TEST_F(arc, STOP_to_RESUMING)
{
	struct mig_stream stream = {};
	struct arc arc;

	step_save(&self->dut, &stream);
	arc = take(&self->dut, VFIO_DEVICE_STATE_STOP,
		   VFIO_DEVICE_STATE_RESUMING);
	ARC("MIG-ARC-15", arc_leads(&arc));
	RULE("MIG-ARC-15", arc.ret || arc.data_fd >= 0,
	     "a data_fd, seen %d: SET RESUMING in STOP", arc.data_fd);
	RULE_OK("MIG-ARC-15",
		__mig_stream_write(&stream, arc.data_fd, MIG_CHUNK),
		"write() of a stream to the new data_fd");
	let_go(&arc);
	mig_stream_free(&stream);
}

DUT_FIXTURE(arc_p2p, DUT_P2P);

/* "the device may generate interrupts, DMA, respond to MMIO" */
TEST_F(arc_p2p, RUNNING_P2P_to_RUNNING)
{
	__u64 before = step_readable(&self->dut.dev);
	struct arc arc = take(&self->dut, VFIO_DEVICE_STATE_RUNNING_P2P,
			      VFIO_DEVICE_STATE_RUNNING);
	__u64 after = step_readable(&self->dut.dev);

	ARC("MIG-ARC-05", arc_leads_without_fd(&arc));
	RULE("MIG-ARC-05", arc.ret || !(before & ~after),
	     "the regions %#llx to respond, seen %#llx: after RUNNING_P2P -> RUNNING",
	     (unsigned long long)before, (unsigned long long)after);
	let_go(&arc);
}

TEST_F(arc_p2p, RUNNING_to_RUNNING_P2P)
{
	struct arc arc = take(&self->dut, VFIO_DEVICE_STATE_RUNNING,
			      VFIO_DEVICE_STATE_RUNNING_P2P);

	ARC("MIG-ARC-07", arc_leads_without_fd(&arc));
	let_go(&arc);
}

DUT_FIXTURE(arc_precopy, DUT_PRE_COPY);

TEST_F(arc_precopy, PRE_COPY_to_RUNNING)
{
	struct arc arc = take(&self->dut, VFIO_DEVICE_STATE_PRE_COPY,
			      VFIO_DEVICE_STATE_RUNNING);

	ARC("MIG-ARC-04", arc_leads_without_fd(&arc));
	ARC("MIG-ARC-04", arc_ends(&arc));
	let_go(&arc);
}

TEST_F(arc_precopy, RUNNING_to_PRE_COPY)
{
	struct arc arc = take(&self->dut, VFIO_DEVICE_STATE_RUNNING,
			      VFIO_DEVICE_STATE_PRE_COPY);

	ARC("MIG-ARC-09", arc_leads(&arc));
	ARC("MIG-ARC-09", arc_begins_saving(&arc));
	let_go(&arc);
}

/* "the data transfers session continues to stream the migration state" */
TEST_F(arc_precopy, PRE_COPY_P2P_to_STOP_COPY)
{
	struct arc arc = take(&self->dut, VFIO_DEVICE_STATE_PRE_COPY_P2P,
			      VFIO_DEVICE_STATE_STOP_COPY);
	struct mig_stream stream = {};

	ARC("MIG-ARC-14", arc_leads_without_fd(&arc));
	ARC("MIG-ARC-14", arc_keeps(&arc));
	RULE_OK("MIG-ARC-14", step_read(&self->dut, arc.session, &stream),
		"read() up to the end of stream");
	let_go(&arc);
	mig_stream_free(&stream);
}

DUT_FIXTURE(arc_precopy_p2p, DUT_P2P | DUT_PRE_COPY);

TEST_F(arc_precopy_p2p, PRE_COPY_P2P_to_RUNNING_P2P)
{
	struct arc arc = take(&self->dut, VFIO_DEVICE_STATE_PRE_COPY_P2P,
			      VFIO_DEVICE_STATE_RUNNING_P2P);

	ARC("MIG-ARC-06", arc_leads_without_fd(&arc));
	ARC("MIG-ARC-06", arc_ends(&arc));
	let_go(&arc);
}

TEST_F(arc_precopy_p2p, RUNNING_P2P_to_PRE_COPY_P2P)
{
	struct arc arc = take(&self->dut, VFIO_DEVICE_STATE_RUNNING_P2P,
			      VFIO_DEVICE_STATE_PRE_COPY_P2P);

	ARC("MIG-ARC-10", arc_leads(&arc));
	ARC("MIG-ARC-10", arc_begins_saving(&arc));
	let_go(&arc);
}

TEST_F(arc_precopy_p2p, PRE_COPY_to_PRE_COPY_P2P)
{
	struct arc arc = take(&self->dut, VFIO_DEVICE_STATE_PRE_COPY,
			      VFIO_DEVICE_STATE_PRE_COPY_P2P);

	ARC("MIG-ARC-12", arc_leads_without_fd(&arc));
	ARC("MIG-ARC-12", arc_keeps(&arc));
	let_go(&arc);
}

TEST_F(arc_precopy_p2p, PRE_COPY_P2P_to_PRE_COPY)
{
	struct arc arc = take(&self->dut, VFIO_DEVICE_STATE_PRE_COPY_P2P,
			      VFIO_DEVICE_STATE_PRE_COPY);

	ARC("MIG-ARC-13", arc_leads_without_fd(&arc));
	ARC("MIG-ARC-13", arc_keeps(&arc));
	let_go(&arc);
}

TEST_HARNESS_MAIN
