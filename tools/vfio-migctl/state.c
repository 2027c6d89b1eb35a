// SPDX-License-Identifier: GPL-2.0-only
/* vfio-migctl state, reset: where a device is, and somewhere else. */
#include <stdio.h>
#include <string.h>

#include "account.h"
#include "device.h"
#include "guard.h"
#include "halt.h"
#include "migctl.h"
#include "say.h"

/**
 * state_of - a state that the user names
 * @text: what was written
 * @state: set to the state
 *
 * Return: true if there is one of that name.
 */
bool state_of(const char *text, __u32 *state)
{
	for (*state = 0; *state < VFIO_DEVICE_STATE_NR; ++*state)
		if (!strcasecmp(text, mig_state_name(*state)))
			return true;
	return false;
}

/**
 * hold - keep a device as it is until a signal comes
 * @device: what messages call it
 */
void hold(const char *device)
{
	fprintf(say.tell, "\n%s is held; Ctrl-C ends that\n", device);
	fflush(say.tell);
	while (!halt_wanted())
		halt_wait(-1, 0, -1);
	halt_forget();
}

static void json_state(struct device *device)
{
	struct json json = say_value(false);

	json_object(&json, NULL);
	json_text(&json, "device", device->arg);
	json_text(&json, "state", mig_state_name(device->end.state));
	account_json_arcs(&json);
	json_end(&json);
}

/**
 * verb_state - show the state of a device, or bring it to another one
 * @argc: 1 or 2
 * @argv: the device, and the state
 *
 * Return: the exit status.
 */
int verb_state(int argc, char **argv)
{
	static struct device device;
	struct end *end = &device.end;
	__u32 to = VFIO_DEVICE_STATE_RUNNING;

	/* ERROR is a state, but SET_STATE cannot ask for it */
	if (argc > 1 && (!state_of(argv[1], &to) || to == VFIO_DEVICE_STATE_ERROR))
		refuse(NO_STATE,
		       argv[1]);
	device_find(&device, argv[0]);
	device_begin(&device, "device");
	if (argc == 1) {
		fprintf(say.tell, "%s\n", mig_state_name(end->state));
		if (say.json)
			json_state(&device);
		return EXIT_DONE;
	}

	/* After an error the device stays in the state that it has reached */
	end->leave_in = end->state;
	guard(end);
	guard_begin();
	end_go(end, to);
	if (say.json)
		json_state(&device);
	if (opt.hold) {
		hold(device.arg);
		end_leave(end, NULL);
		return EXIT_DONE;
	}
	/* A device of another process stays open, and keeps the state */
	if (!device.pid) {
		note("%s is closed now, and goes back to RUNNING; --hold keeps it",
		     device.arg);
		end_leave(end, NULL);
		return EXIT_DONE;
	}
	end->leave_in = to;
	if (to != VFIO_DEVICE_STATE_RUNNING)
		note("%s stays in %s; to get back: %s state %s RUNNING",
		     device.arg, mig_state_name(to), say.program, device.arg);
	return EXIT_DONE;
}

/**
 * verb_reset - reset a device
 * @argc: 1
 * @argv: the device
 *
 * Return: the exit status.
 */
int verb_reset(int argc, char **argv)
{
	struct json json = say_value(false);
	__u32 state = VFIO_DEVICE_STATE_RUNNING;
	struct device device;
	int ret;

	(void)argc;
	device_find(&device, argv[0]);
	device_open(&device);
	if (!vfio_dev_can_reset(&device.dev))
		fail_with(EXIT_REFUSED, &(struct fault){
				.device = device.arg,
				.hint = "close it, or unbind it from its driver",
			  }, "the driver offers no reset");
	ret = __vfio_dev_reset(&device.dev);
	if (ret)
		fail_with(EXIT_REFUSED, &(struct fault){
				.device = device.arg, .error = -ret,
				.hint = "dmesg: the kernel's log may say why it was refused",
			  }, "reset");
	/* A device without migration always runs */
	__vfio_mig_get(&device.dev, &state);
	fprintf(say.tell, "%s\n", mig_state_name(state));
	if (!say.json)
		return EXIT_DONE;
	json_object(&json, NULL);
	json_text(&json, "device", device.arg);
	json_text(&json, "state", mig_state_name(state));
	json_end(&json);
	return EXIT_DONE;
}
