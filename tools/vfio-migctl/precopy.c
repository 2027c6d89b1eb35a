// SPDX-License-Identifier: GPL-2.0-only
/* vfio-migctl precopy: watch what a running device has to send. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "account.h"
#include "device.h"
#include "guard.h"
#include "halt.h"
#include "migctl.h"
#include "say.h"
#include "text.h"

/* Read all that there is now and drop it.  Return: bytes */
static __u64 drain(struct end *end, void *buffer)
{
	__u64 bytes = 0;
	ssize_t n;

	while (!halt_wanted()) {
		n = mig_read(end->data_fd, buffer, opt.buffer);
		if (n == -EINTR)
			continue;
		if (n < 0 && n != -ENOMSG)
			end_fail(end, -n, NULL, "read of the data fd");
		if (n <= 0)
			break;
		bytes += n;
	}
	return bytes;
}

static void show(double ms, const struct vfio_precopy_info *info, __u64 bytes)
{
	struct json json = say_value(true);

	fprintf(say.tell, "  %9.3f s %12s %12s %12s\n", ms / 1e3,
		size_text(info->initial_bytes), size_text(info->dirty_bytes),
		size_text(bytes));
	fflush(say.tell);
	if (!say.json)
		return;
	json_object(&json, NULL);
	json_ms(&json, "ms", ms);
	json_number(&json, "initial_bytes", info->initial_bytes);
	json_number(&json, "dirty_bytes", info->dirty_bytes);
	json_number(&json, "read", bytes);
	json_end(&json);
}

static void look_on(struct end *end, void *buffer)
{
	double start = now_ms(), next = 0;

	while (!halt_wanted()) {
		struct vfio_precopy_info info;
		double ms = now_ms() - start;
		int ret;

		ret = __vfio_precopy_info(end->data_fd, &info);
		if (ret)
			end_fail(end, -ret, NULL, "VFIO_MIG_GET_PRECOPY_INFO");
		show(ms, &info, drain(end, buffer));
		if (opt.for_ms && ms >= opt.for_ms)
			break;
		next += opt.interval_ms;
		halt_wait(-1, 0, start + next > now_ms() ?
				 start + next - now_ms() : 0);
	}
}

/**
 * verb_precopy - watch what a running device has to send
 * @argc: 1
 * @argv: the device
 *
 * Return: the exit status.
 */
int verb_precopy(int argc, char **argv)
{
	static struct device device;
	void *buffer = malloc(opt.buffer);

	(void)argc;
	if (!buffer)
		fail(EXIT_REFUSED, "a smaller --buffer",
		     "no memory for a buffer of %s", size_text(opt.buffer));
	device_find(&device, argv[0]);
	device_begin(&device, "device");
	if (!(device.end.flags & VFIO_MIGRATION_PRE_COPY))
		end_fail(&device.end, 0, "vfio-migctl save: it stops the device",
			 "it has no pre-copy, but %s",
			 mig_flags_name(device.end.flags));
	if (device.end.state != VFIO_DEVICE_STATE_RUNNING)
		end_fail(&device.end, 0, "again when that has ended",
			 "it is not RUNNING: somebody migrates it");
	guard(&device.end);
	guard_begin();
	end_go(&device.end, VFIO_DEVICE_STATE_PRE_COPY);
	fprintf(say.tell, "  %11s %12s %12s %12s\n", "", "initial", "dirty",
		"read");
	look_on(&device.end, buffer);
	halt_forget();
	end_go(&device.end, VFIO_DEVICE_STATE_RUNNING);
	free(buffer);
	return EXIT_DONE;
}
