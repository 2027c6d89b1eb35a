// SPDX-License-Identifier: GPL-2.0-only
/* vfio-migctl migrate: from one device to another. */
#include <stdio.h>
#include <string.h>

#include "account.h"
#include "device.h"
#include "guard.h"
#include "migctl.h"
#include "migration.h"
#include "say.h"

static void begin(struct device *device, const char *name)
{
	device_begin(device, name);
	if (device->end.state != VFIO_DEVICE_STATE_RUNNING)
		end_fail(&device->end, 0, "again when that has ended",
			 "it is not RUNNING: somebody migrates it");
	fprintf(say.tell, "  %-12s %-16s %-10s %s\n", name, device->driver,
		device->type, device->arg);
}

static void same_kind(const struct device *src, const struct device *dst)
{
	if (!strcmp(src->sysfs, dst->sysfs))
		refuse("%s cannot be migrated to itself", src->name);
	if (strcmp(src->driver, dst->driver) || strcmp(src->type, dst->type))
		note("%s is %s %s, and %s is %s %s: the driver will judge",
		     src->name, src->driver, src->type, dst->name, dst->driver,
		     dst->type);
}

static void json_migration(const struct device *src, const struct device *dst)
{
	struct json json = say_value(false);

	if (!say.json)
		return;
	json_object(&json, NULL);
	json_text(&json, "source", src->arg);
	json_text(&json, "destination", dst->arg);
	account_json_arcs(&json);
	account_json_stream(&json);
	json_end(&json);
}

/**
 * verb_migrate - migrate a device to another one
 * @argc: 2
 * @argv: source and destination
 *
 * Return: the exit status.
 */
int verb_migrate(int argc, char **argv)
{
	static struct device src, dst;
	struct flow flow = {
		.src = &src.end,
		.rounds = opt.rounds_given ? opt.rounds : 8,
	};

	(void)argc;
	device_find(&src, argv[0]);
	device_find(&dst, argv[1]);
	same_kind(&src, &dst);
	heading("Devices");
	begin(&src, "source");
	begin(&dst, "destination");
	flow_begin(&flow, opt.buffer);
	guard(&src.end);
	guard(&dst.end);
	guard_begin();

	migration(&flow, &dst.end);
	account_summary(NULL);
	json_migration(&src, &dst);
	/* The guest goes on at the destination, and must not go on at both */
	if (src.pid) {
		src.end.leave_in = src.end.state;
		note("%s stays in %s; to let it run again: %s state %s RUNNING",
		     src.arg, mig_state_name(src.end.state), say.program, src.arg);
	} else {
		end_set(&src.end, VFIO_DEVICE_STATE_RUNNING);
	}
	if (opt.hold)
		hold(dst.arg);
	else if (!dst.pid)
		note("%s has taken the state, and is closed now: --hold keeps it",
		     dst.arg);
	return EXIT_DONE;
}
