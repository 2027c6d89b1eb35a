// SPDX-License-Identifier: GPL-2.0-only
/* One end of a migration: a device, its state and its session. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../selftests/lib/mig_model.h"
#include "../../selftests/lib/vfio_dma.h"
#include "account.h"
#include "end.h"
#include "halt.h"
#include "say.h"
#include "text.h"

/**
 * end_fail - the device has refused something, and the program ends
 * @end: the device
 * @error: the errno, or 0
 * @hint: what to try, or NULL
 * @fmt: what was refused
 *
 * Does not return.
 */
void end_fail(struct end *end, int error, const char *hint, const char *fmt,
	      ...)
{
	struct fault fault = {
		.device = end->device, .error = error, .hint = hint,
	};
	char text[256];
	__u32 state;
	va_list args;

	if (error == EINTR)
		halt_check();
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!__vfio_mig_get(end->dev, &state))
		fault.state = mig_state_name(state);
	fail_with(EXIT_REFUSED, &fault, "%s", text);
}

/* A hint for an error of SET_STATE */
static const char *set_hint(const struct end *end, int error)
{
	switch (error) {
	case EBUSY:
		return "again later: it does what cannot be stopped, such as a page request";
	case ENOMEM:
		return "again with more free memory: the driver found none";
	case EINTR:
		return "again: a signal came in between";
	case ENODEV:
		return "vfio-migctl list: the device was removed, or its firmware does not answer";
	}
	if (end->state == VFIO_DEVICE_STATE_RESUMING)
		return "vfio-migctl inspect FILE: the driver found the stream incomplete or wrong";
	if (end->state == VFIO_DEVICE_STATE_ERROR)
		return "vfio-migctl reset: only a reset leads out of ERROR";
	return "dmesg: the kernel's log may say why the driver has refused";
}

/**
 * end_begin - learn what a device can, and where it is
 * @end: filled in
 * @name: what it is in the account
 * @device: what messages call it
 * @dev: the device, open
 */
void end_begin(struct end *end, const char *name, const char *device,
	       struct vfio_dev *dev)
{
	int ret;

	*end = (struct end){
		.name = name, .device = device, .dev = dev, .data_fd = -1,
		.leave_in = VFIO_DEVICE_STATE_RUNNING,
	};
	ret = __vfio_mig_flags(dev, &end->flags);
	if (ret)
		fail_with(EXIT_REFUSED, &(struct fault){
				.device = device, .error = -ret,
				.hint = "vfio-migctl list: it shows which devices can migrate",
			  }, "it has no migration");
	ret = __vfio_mig_get(dev, &end->state);
	if (ret)
		end_fail(end, -ret, NULL, "it does not tell its state");
}

/**
 * __end_set - ask for a state
 * @end: the device
 * @to: the state
 * @ms: set to how long it took
 *
 * A new session takes the place of the old one.
 *
 * Return: 0 or -errno.
 */
int __end_set(struct end *end, __u32 to, double *ms)
{
	double start = now_ms();
	int ret, data_fd;

	ret = __vfio_mig_set(end->dev, to, &data_fd);
	*ms = now_ms() - start;
	if (ret) {
		/* The device may have gone a part of the path */
		__vfio_mig_get(end->dev, &end->state);
		return ret;
	}
	end->state = to;
	if (data_fd >= 0) {
		end_close_session(end);
		end->data_fd = data_fd;
	}
	return 0;
}

/**
 * end_set - ask for a state and tell, or end the program
 * @end: the device
 * @to: the state
 */
void end_set(struct end *end, __u32 to)
{
	__u32 from = end->state, state = to;
	int session = end->data_fd;
	bool new_fd;
	double ms;
	int ret;

	ret = __end_set(end, to, &ms);
	if (ret) {
		const char *hint = set_hint(end, -ret);

		end_fail(end, -ret, hint, "%s -> %s", mig_state_name(from),
			 mig_state_name(to));
	}
	ret = __vfio_mig_get(end->dev, &state);
	if (ret || state != to)
		end_fail(end, -ret, NULL, "%s -> %s: done, but not in the driver's own words",
			 mig_state_name(from), mig_state_name(to));

	new_fd = end->data_fd >= 0 && end->data_fd != session;
	fprintf(say.tell, "  %-12s %-12s -> %-12s %9.3f ms%s\n", end->name,
		mig_state_name(from), mig_state_name(to), ms,
		new_fd ? "   new data fd" : "");
	account_arc(end->name, from, to, ms, new_fd);
}

/**
 * end_go - go to a state arc by arc, so that each can be seen
 * @end: the device
 * @to: the state; nothing is done if it is there already
 */
void end_go(struct end *end, __u32 to)
{
	struct mig_path path;
	unsigned int i;

	if (end->state == to)
		return;
	if (!mig_model_paths(end->flags, end->state, to, &path))
		end_fail(end, 0, "vfio-migctl info: it tells what the device can",
			 "there is no way from %s to %s",
			 mig_state_name(end->state), mig_state_name(to));
	for (i = 0; i < path.len; i++)
		end_set(end, path.state[i]);
}

/**
 * end_close_session - close the session, if there is one
 * @end: the device
 */
void end_close_session(struct end *end)
{
	if (end->data_fd >= 0)
		close(end->data_fd);
	end->data_fd = -1;
}

/*
 * Out of any state but the wanted one.  Of a stream that is being loaded nothing
 * shall stay, even if all of it has come: why else would the program end?
 */
static int bring_back(struct end *end, const char **how)
{
	bool drop = end->state == VFIO_DEVICE_STATE_ERROR ||
		    end->state == VFIO_DEVICE_STATE_RESUMING;
	double ms;
	int ret;

	*how = "";
	if (!drop || !vfio_dev_can_reset(end->dev)) {
		ret = __end_set(end, end->leave_in, &ms);
		if (!ret || !vfio_dev_can_reset(end->dev))
			return ret;
	}
	*how = ", by a reset";
	return __vfio_dev_reset(end->dev);
}

/**
 * end_leave - leave a device in the state in which it shall be left
 * @end: the device
 * @why: why the program ends before that was so, to be told; NULL if that is
 *	no news
 */
void end_leave(struct end *end, const char *why)
{
	const char *how, *from;
	__u32 state;
	int ret;

	if (end->logs)
		__dma_log_stop(end->dev);
	/* When the session is closed, it no longer blocks */
	end_close_session(end);
	ret = __vfio_mig_get(end->dev, &end->state);
	if (!ret && end->state == end->leave_in)
		return;
	from = ret ? "an unknown state" : mig_state_name(end->state);
	ret = bring_back(end, &how);
	if (!ret)
		ret = __vfio_mig_get(end->dev, &state);
	if (ret || (state != end->leave_in &&
		    state != VFIO_DEVICE_STATE_RUNNING)) {
		note("%s: left in %s, and nothing leads to RUNNING: %s", end->device,
		     from, strerror(-ret));
		note("  try: vfio-migctl reset %s; or unbind it from its driver",
		     end->device);
		return;
	}
	if (why)
		note("%s: %s in %s; it is %s again%s", end->device, why, from,
		     mig_state_name(state), how);
}
