// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that are removed: from the bus, from their driver, or by their PF,
 * which takes all of its VFs back. What a user had open of them goes on being
 * open: nothing in the core keeps a device because of a data fd.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/kernel.h"
#include "../lib/rule.h"
#include "../lib/worker.h"
#include "dut.h"
#include "dut_fixture.h"
#include "steps.h"

DUT_FIXTURE(removal, DUT_STOP_COPY);

/* A driver may take its time to come and go, and does for each state */
#define SLOW	300

/**
 * struct remover - who removes the device
 * @worker: the thread
 * @dut: the device
 * @how: how
 */
struct remover {
	struct worker worker;
	struct dut *dut;
	enum dut_removal how;
};

static int run_remove(void *arg)
{
	struct remover *remover = arg;

	return __dut_remove(remover->dut, remover->how);
}

/* When the user closes the device */
enum order {
	BEFORE_REMOVAL,
	DURING_REMOVAL,
	NR_ORDERS
};

static const char * const order_names[NR_ORDERS] = {
	"closed before", "closed meanwhile",
};

/*
 * Remove the device; the data fd stays open.
 *
 * The text leaves it open whether that may wait for the data fd, as it waits
 * for the device: one that does is let go, and its data fd with it.
 */
static bool remove_it(struct __test_metadata *_metadata, struct dut *dut,
		      enum dut_removal how, enum order order, __u32 state,
		      int *data_fd)
{
	struct remover remover = { .dut = dut, .how = how };
	struct worker *worker = &remover.worker;
	bool returns;

	if (order == BEFORE_REMOVAL)
		vfio_dev_close(&dut->dev);
	worker_start(worker, run_remove, &remover);
	if (order == DURING_REMOVAL) {
		worker_sleeps(worker);
		vfio_dev_close(&dut->dev);
	}
	returns = worker_returns(worker);
	if (!returns && *data_fd >= 0) {
		close(*data_fd);
		*data_fd = -1;
	}
	RULE_OK("MIG-LIFE-04", worker_join(worker), "%s in %s, %s",
		dut_removal_name(how), mig_state_name(state),
		order_names[order]);
	return returns;
}

/* Back to where it was, and open */
static void bring_back(struct dut *dut, enum dut_removal how)
{
	must(__dut_bring_back(dut, how));
	dut_reopen(dut);
}

/* All that can be done with a data fd, but close() */
static void judge_dead(struct __test_metadata *_metadata, int data_fd,
		       __u32 state, const char *what)
{
	__u32 other = state == VFIO_DEVICE_STATE_RESUMING ?
		      VFIO_DEVICE_STATE_STOP_COPY : VFIO_DEVICE_STATE_RESUMING;
	const char *touch = step_touch(data_fd, state);
	struct vfio_precopy_info info;

	RULE("MIG-LIFE-04", !touch,
	     "the end of the session, seen %s: %s in %s", touch, what,
	     mig_state_name(state));
	/* What goes the other way never has worked */
	step_touch(data_fd, other);
	RULE_FAILS("MIG-LIFE-04", __vfio_precopy_info(data_fd, &info),
		   "pre-copy info: %s in %s", what, mig_state_name(state));
	/* What it tells is left open; that it returns is not */
	fd_poll(data_fd, POLLIN | POLLOUT);
}

/* A kernel with KASAN sees what the calls above do not */
static void judge_kernel(struct __test_metadata *_metadata,
			 unsigned long taint, const char *what, __u32 state)
{
	const char *complaint = kernel_complaint(taint);

	RULE("MIG-LIFE-04", !complaint,
	     "nothing for the kernel to report, seen %s: %s in %s", complaint,
	     what, mig_state_name(state));
}

/* The device is another one for whoever opens it now; and the old fd is old */
static void judge_return(struct __test_metadata *_metadata, struct dut *dut,
			 int data_fd, __u32 state, const char *what)
{
	__u32 now = vfio_mig_get(&dut->dev);
	const char *why;
	int new_fd;

	RULE_STATE("MIG-LIFE-01", VFIO_DEVICE_STATE_RUNNING, now,
		   "GET after %s in %s, and back", what,
		   mig_state_name(state));
	if (data_fd >= 0 && !__vfio_mig_set(&dut->dev, state, &new_fd)) {
		judge_dead(_metadata, data_fd, state, what);
		close(new_fd);
	}
	why = step_recover(dut);
	RULE("MIG-LIFE-02", !why,
	     "a device that migrates, seen %s: after %s in %s, and back", why,
	     what, mig_state_name(state));
}

/* When the device is closed, and whether its data fd is only closed then */
static const struct course {
	enum order order;
	bool unused;
} courses[] = {
	{ BEFORE_REMOVAL, false },
	{ DURING_REMOVAL, false },
	{ BEFORE_REMOVAL, true },
};

static bool judge_removal(struct __test_metadata *_metadata, struct dut *dut,
			  enum dut_removal how, const struct course *course,
			  __u32 state)
{
	const char *what = dut_removal_name(how);
	unsigned long taint = kernel_taint();
	bool returns;
	int data_fd;

	if (step_go(dut, state, NULL, &data_fd))
		return true;
	/* Somewhere in the stream, not where it begins */
	if (course->order == DURING_REMOVAL)
		step_touch(data_fd, state);
	returns = remove_it(_metadata, dut, how, course->order, state,
			    &data_fd);
	if (data_fd >= 0 && !course->unused)
		judge_dead(_metadata, data_fd, state, what);
	if (data_fd >= 0 && course->unused) {
		RULE_OK("MIG-LIFE-04", close(data_fd) ? -errno : 0,
			"close of the data fd: %s in %s", what,
			mig_state_name(state));
		data_fd = -1;
	}
	bring_back(dut, how);
	judge_return(_metadata, dut, data_fd, state, what);
	if (data_fd >= 0)
		RULE_OK("MIG-LIFE-04", close(data_fd) ? -errno : 0,
			"close of the data fd: %s in %s, and back", what,
			mig_state_name(state));
	judge_kernel(_metadata, taint, what, state);
	return returns;
}

static void judge_data_fd(struct __test_metadata *_metadata, struct dut *dut,
			  enum dut_removal how)
{
	/* The core waits a second and more when a PF takes its VFs back */
	unsigned int nr = how == DUT_TAKE_VFS ? 1 : ARRAY_LEN(courses);
	const char *why = dut_irremovable(dut, how);
	unsigned int course = 0, i;
	__u32 state;

	if (why)
		SKIP(return, "%s", why);
	for (state = 0; dut_has_state(dut, &state); state++) {
		for (i = 0; i < nr && mig_model_session(state); i++) {
			if (!judge_removal(_metadata, dut, how,
					   &courses[course], state))
				SKIP(return, "%s waits until the data fd is closed",
				     dut_removal_name(how));
			course = (course + 1) % ARRAY_LEN(courses);
		}
	}
}

TEST_F_TIMEOUT(removal, data_fd_of_a_removed_device_is_dead_and_harmless, SLOW)
{
	judge_data_fd(_metadata, &self->dut, DUT_REMOVE);
}

TEST_F_TIMEOUT(removal, data_fd_of_an_unbound_device_is_dead_and_harmless, SLOW)
{
	judge_data_fd(_metadata, &self->dut, DUT_UNBIND);
}

TEST_F_TIMEOUT(removal, data_fd_of_a_VF_that_is_gone_is_dead_and_harmless, SLOW)
{
	judge_data_fd(_metadata, &self->dut, DUT_TAKE_VFS);
}

/* Removed in the midst of a session whose fd nobody holds any more, or none */
static void judge_each_state(struct __test_metadata *_metadata,
			     struct dut *dut, enum dut_removal how)
{
	const char *why = dut_irremovable(dut, how);
	unsigned long taint = kernel_taint();
	enum order order;
	__u32 state;

	if (why)
		SKIP(return, "%s", why);
	for (state = 0; dut_has_state(dut, &state); state++) {
		for (order = 0; order < NR_ORDERS; order++) {
			int data_fd, none = -1;

			if (step_go(dut, state, NULL, &data_fd))
				continue;
			if (data_fd >= 0)
				close(data_fd);
			remove_it(_metadata, dut, how, order, state, &none);
			bring_back(dut, how);
			judge_return(_metadata, dut, -1, state,
				     dut_removal_name(how));
			judge_kernel(_metadata, taint, dut_removal_name(how),
				     state);
		}
	}
}

TEST_F_TIMEOUT(removal, device_is_removed_in_every_state, SLOW)
{
	judge_each_state(_metadata, &self->dut, DUT_REMOVE);
}

TEST_F_TIMEOUT(removal, device_is_unbound_in_every_state, SLOW)
{
	judge_each_state(_metadata, &self->dut, DUT_UNBIND);
}

TEST_HARNESS_MAIN
