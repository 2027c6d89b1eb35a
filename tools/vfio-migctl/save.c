// SPDX-License-Identifier: GPL-2.0-only
/* vfio-migctl save, restore: the state of a device in a file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../../selftests/lib/check.h"
#include "account.h"
#include "bar.h"
#include "device.h"
#include "envelope.h"
#include "flow.h"
#include "guard.h"
#include "halt.h"
#include "migctl.h"
#include "say.h"
#include "text.h"

/* What the envelope says of the device; restore compares the first ones */
static const char * const compared[] = { "bus", "driver", "type" };

static const char *value_of(const struct device *device, const char *key)
{
	if (!strcmp(key, "bus"))
		return device->bus;
	if (!strcmp(key, "driver"))
		return device->driver;
	return device->type;
}

static void describe(const struct device *device, char *text, size_t size)
{
	struct utsname uts;

	uname(&uts);
	snprintf(text, size,
		 "device: %s\nbus: %s\ndriver: %s\ntype: %s\n"
		 "capabilities: %s\nkernel: %s\nmachine: %s\n",
		 strrchr(device->sysfs, '/') + 1, device->bus, device->driver,
		 device->type, mig_flags_name(device->end.flags), uts.release,
		 uts.machine);
}

static void json_session(const struct device *device, const char *path,
			 __u64 length)
{
	struct json json = say_value(false);

	if (!say.json)
		return;
	/* The data goes to standard output, where JSON would be in its way */
	if (!strcmp(path, "-") && account.bytes)
		json.file = stderr;
	json_object(&json, NULL);
	json_text(&json, "device", device->arg);
	json_text(&json, "file", path);
	json_number(&json, "length", length);
	account_json_arcs(&json);
	account_json_stream(&json);
	json_end(&json);
}

static void must_run(struct end *end)
{
	if (end->state != VFIO_DEVICE_STATE_RUNNING)
		end_fail(end, 0, "again when that has ended",
			 "it is not RUNNING: somebody migrates it");
}

/* Estimate the size, so that the bar has a goal */
static __u64 expected(struct end *end)
{
	__u64 bytes;

	if (__vfio_mig_data_size(end->dev, &bytes) || !bytes)
		return 1;
	return bytes;
}

/**
 * verb_save - save the state of a device
 * @argc: 2
 * @argv: the device and the file
 *
 * The device runs again before the file is complete.
 *
 * Return: the exit status.
 */
int verb_save(int argc, char **argv)
{
	static struct device device;
	static struct envelope env;
	char text[ENVELOPE_TEXT_MAX];
	struct flow flow = {
		.src = &device.end, .put = envelope_put, .arg = &env,
		.rounds = opt.rounds,
	};
	struct end *end = &device.end;
	double stopped;

	(void)argc;
	if (!strcmp(argv[1], "-") && isatty(STDOUT_FILENO))
		refuse("standard output is a terminal: the state goes to a pipe or a file");
	device_find(&device, argv[0]);
	device_begin(&device, "device");
	must_run(end);
	flow_begin(&flow, opt.buffer);
	describe(&device, text, sizeof(text));
	guard(end);
	guard_begin();
	envelope_create(&env, argv[1], opt.raw, text);

	if (flow.rounds && end->flags & VFIO_MIGRATION_PRE_COPY) {
		end_go(end, VFIO_DEVICE_STATE_PRE_COPY);
		flow_pre_copy(&flow);
	}
	fflush(say.tell);
	stopped = now_ms();
	end_go(end, VFIO_DEVICE_STATE_STOP_COPY);
	flow_stop_copy(&flow, expected(end));
	end_go(end, VFIO_DEVICE_STATE_RUNNING);
	account.downtime_ms = now_ms() - stopped;
	end_close_session(end);
	envelope_commit(&env);

	fprintf(say.tell, "  %-12s %s of %s in %s\n", "saved",
		size_text(env.length), device.driver, env.path);
	json_session(&device, argv[1], env.length);
	return EXIT_DONE;
}

static void compare(const struct envelope *env, const struct device *device)
{
	struct utsname uts;
	char value[128];
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(compared); i++) {
		const char *here = value_of(device, compared[i]);

		envelope_value(env, compared[i], value, sizeof(value));
		if (!strcmp(value, here))
			continue;
		if (!opt.force)
			fail_with(EXIT_REFUSED, &(struct fault){
					.device = device->arg,
					.hint = "--force, which lets the driver judge",
				  }, "%s is of a device with %s '%s', and this one has '%s'",
				  env->path, compared[i], value, here);
		note("%s is of a device with %s '%s', and this one has '%s'; --force goes on",
		     env->path, compared[i], value, here);
	}
	uname(&uts);
	if (envelope_value(env, "kernel", value, sizeof(value)) &&
	    strcmp(value, uts.release))
		note("%s was saved on Linux %s; this is %s", env->path, value,
		     uts.release);
}

static void load(struct envelope *env, struct end *end, __u64 length)
{
	struct bar bar = { .label = "stream", .goal = length };
	double start = now_ms();
	void *buffer = malloc(opt.buffer);
	ssize_t n;

	if (!buffer)
		fail(EXIT_REFUSED, "a smaller --buffer",
		     "no memory for a buffer of %s", size_text(opt.buffer));
	while ((n = envelope_read(env, buffer, opt.buffer)) > 0) {
		put_into(end, buffer, n);
		bar_go(&bar, env->length, now_ms() - start);
	}
	account.bytes = env->length;
	account.stream_ms = now_ms() - start;
	bar_end(&bar, env->length, account.stream_ms);
	free(buffer);
}

/**
 * verb_restore - load a saved state into a device
 * @argc: 2
 * @argv: the device and the file
 *
 * Return: the exit status.
 */
int verb_restore(int argc, char **argv)
{
	static struct device device;
	static struct envelope env;
	__u64 length = 0;

	(void)argc;
	device_find(&device, argv[0]);
	envelope_open(&env, argv[1], opt.raw ? ENVELOPE_RAW : ENVELOPE_WANTED);
	if (!env.raw) {
		length = envelope_verify(&env);
		compare(&env, &device);
	}
	device_begin(&device, "device");
	must_run(&device.end);
	guard(&device.end);
	guard_begin();

	end_go(&device.end, VFIO_DEVICE_STATE_RESUMING);
	load(&env, &device.end, length);
	end_go(&device.end, VFIO_DEVICE_STATE_RUNNING);
	end_close_session(&device.end);
	fprintf(say.tell, "  %-12s %s from %s\n", "restored",
		size_text(env.length), env.path);
	json_session(&device, argv[1], env.length);
	if (opt.hold)
		hold(device.arg);
	else if (!device.pid)
		note("%s has taken the state, and is closed now: --hold keeps it",
		     device.arg);
	return EXIT_DONE;
}
