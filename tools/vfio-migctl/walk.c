// SPDX-License-Identifier: GPL-2.0-only
/* vfio-migctl walk: take a device through every arc, and time it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../selftests/lib/mig_model.h"
#include "account.h"
#include "device.h"
#include "flow.h"
#include "guard.h"
#include "halt.h"
#include "migctl.h"
#include "say.h"
#include "text.h"

/* RESUMING is only left with a stream: it is kept in a file, as it may be long */
static FILE *stream;
static void *buffer;

static void keep(void *arg, const void *data, size_t len)
{
	(void)arg;
	if (fwrite(data, 1, len, stream) != len)
		fail_with(EXIT_REFUSED, &(struct fault){
				.error = errno,
				.hint = "TMPDIR=DIR with more room: the state is kept there",
			  }, "the state of the device cannot be kept");
}

/* Take one arc and print nothing.  Return: how long it took */
static double step(struct end *end, __u32 to)
{
	__u32 from = end->state;
	double ms;
	int ret;

	halt_check();
	ret = __end_set(end, to, &ms);
	if (ret)
		end_fail(end, -ret, "dmesg: the kernel's log may say why the driver has refused",
			 "%s -> %s", mig_state_name(from), mig_state_name(to));
	if (!mig_model_session(to))
		end_close_session(end);
	return ms;
}

static void load(struct end *end)
{
	size_t n;

	rewind(stream);
	while ((n = fread(buffer, 1, opt.buffer, stream)) > 0)
		put_into(end, buffer, n);
}

/* Go to the state where an arc begins; load a stream before leaving RESUMING */
static void go(struct end *end, __u32 to)
{
	struct mig_path path;
	unsigned int i;

	if (end->state == to)
		return;
	if (end->state == VFIO_DEVICE_STATE_RESUMING)
		load(end);
	mig_model_paths(end->flags, end->state, to, &path);
	for (i = 0; i < path.len; i++)
		step(end, path.state[i]);
}

static void save_first(struct end *end)
{
	struct flow flow = { .src = end, .put = keep };

	stream = tmpfile();
	if (!stream)
		fail_with(EXIT_REFUSED, &(struct fault){ .error = errno },
			  "no file for the state of the device");
	flow_begin(&flow, opt.buffer);
	buffer = flow.buffer;
	go(end, VFIO_DEVICE_STATE_STOP_COPY);
	/* The time of this is not measured */
	account.nr_arcs = 0;
	flow_stop_copy(&flow, 0);
	if (fflush(stream))
		keep(NULL, "", 0);
	go(end, VFIO_DEVICE_STATE_RUNNING);
}

static void json_walk(struct device *device)
{
	struct json json = say_value(false);

	json_object(&json, NULL);
	json_text(&json, "device", device->arg);
	account_json_arcs(&json);
	json_end(&json);
}

/**
 * verb_walk - take a device through every arc, and time it
 * @argc: 1
 * @argv: the device
 *
 * Return: the exit status.
 */
int verb_walk(int argc, char **argv)
{
	static struct device device;
	struct end *end = &device.end;
	__u32 from, to;

	(void)argc;
	device_find(&device, argv[0]);
	if (device.pid)
		refuse("%s is somebody's, and walk discards the state of a device",
		       device.arg);
	device_begin(&device, "device");
	guard(end);
	guard_begin();
	save_first(end);
	for (from = 0; from < VFIO_DEVICE_STATE_NR; from++) {
		for (to = 0; to < VFIO_DEVICE_STATE_NR; to++) {
			int session;
			double ms;
			bool new_fd;

			if (!mig_model_arc(end->flags, from, to))
				continue;
			go(end, from);
			if (from == VFIO_DEVICE_STATE_RESUMING)
				load(end);
			session = end->data_fd;
			ms = step(end, to);
			new_fd = end->data_fd >= 0 && end->data_fd != session;
			fprintf(say.tell, "  %-12s -> %-12s %9.3f ms%s\n",
				mig_state_name(from), mig_state_name(to), ms,
				new_fd ? "   new data fd" : "");
			account_arc(end->name, from, to, ms, new_fd);
		}
	}
	go(end, VFIO_DEVICE_STATE_RUNNING);
	if (say.json)
		json_walk(&device);
	return EXIT_DONE;
}
