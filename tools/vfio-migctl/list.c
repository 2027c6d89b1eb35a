// SPDX-License-Identifier: GPL-2.0-only
/* vfio-migctl list, info: which devices there are, and what they are like. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../selftests/lib/check.h"
#include "../../selftests/lib/mig_model.h"
#include "device.h"
#include "migctl.h"
#include "say.h"
#include "text.h"

/**
 * struct facts - what is known of a device
 * @asked: the device could be asked
 * @error: why not, an errno
 * @users: who has it open, in words
 * @state: its name; "" if nobody knows
 * @flags: VFIO_MIGRATION_*, 0 without migration
 * @data_size: bytes of its state, as the driver guesses
 * @log: it can log its DMA
 * @info_v2: it tells of initial bytes that come anew
 */
struct facts {
	bool asked;
	int error;
	char users[160];
	char state[24];
	__u64 flags;
	__u64 data_size;
	bool log;
	bool info_v2;
};

static bool has_feature(struct vfio_dev *dev, __u32 feature, __u32 op)
{
	return !__vfio_feature(dev, VFIO_DEVICE_FEATURE_PROBE | op | feature,
			       NULL, 0);
}

static void ask(struct device *device, struct facts *facts)
{
	struct vfio_dev *dev = &device->dev;
	__u32 state;

	facts->asked = true;
	if (__vfio_mig_flags(dev, &facts->flags))
		return;
	if (!__vfio_mig_get(dev, &state))
		snprintf(facts->state, sizeof(facts->state), "%s",
			 mig_state_name(state));
	if (__vfio_mig_data_size(dev, &facts->data_size))
		facts->data_size = 0;
	facts->log = has_feature(dev, VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
				 VFIO_DEVICE_FEATURE_SET);
#ifdef VFIO_PRECOPY_INFO_REINIT
	facts->info_v2 = has_feature(dev, VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2,
				     VFIO_DEVICE_FEATURE_SET);
#endif
}

/*
 * A device that nobody uses is opened for a moment.  Of one that somebody uses
 * the user's file descriptor is asked, if this user may have it.
 */
static void learn(struct device *device, struct facts *facts)
{
	struct users users;

	memset(facts, 0, sizeof(*facts));
	snprintf(facts->users, sizeof(facts->users), "%s",
		 device_users(device, &users));
	if (opt.no_open && !device->pid) {
		facts->error = EAGAIN;
	} else {
		if (users.nr && !device->pid)
			device->pid = users.user[0].pid;
		facts->error = -__device_open(device);
	}
	if (!facts->error) {
		ask(device, facts);
		vfio_dev_close(&device->dev);
	}
	if (!*facts->state)
		device_debugfs_state(device, facts->state,
				     sizeof(facts->state));
}

static const char *caps_text(const struct facts *facts)
{
	if (!facts->asked)
		return "?";
	return mig_flags_name(facts->flags);
}

static void json_facts(struct json *json, const struct device *device,
		       const struct facts *facts)
{
	static const char * const caps[] = { "STOP_COPY", "P2P", "PRE_COPY" };
	unsigned int i;

	json_text(json, "device", strrchr(device->sysfs, '/') + 1);
	json_text(json, "bus", device->bus);
	json_text(json, "driver", device->driver);
	json_text(json, "type", device->type);
	json_text(json, "cdev", *device->cdev ? device->cdev : NULL);
	json_text(json, "group", *device->group ? device->group : NULL);
	json_text(json, "users", *facts->users ? facts->users : NULL);
	json_text(json, "state", *facts->state ? facts->state : NULL);
	if (!facts->asked) {
		json_null(json, "capabilities");
		return;
	}
	json_array(json, "capabilities");
	for (i = 0; i < ARRAY_LEN(caps); i++)
		if (facts->flags & 1ULL << i)
			json_text(json, NULL, caps[i]);
	json_end(json);
	json_number(json, "data_size", facts->data_size);
	json_bool(json, "dma_log", facts->log);
	json_bool(json, "precopy_info_v2", facts->info_v2);
}

/* One line of the table */
static void row(struct json *json, const char *vfio)
{
	struct device device;
	struct facts facts;

	device_find(&device, vfio);
	learn(&device, &facts);
	if (say.json) {
		json_object(json, NULL);
		json_facts(json, &device, &facts);
		json_end(json);
	}
	fprintf(say.tell, "%-36s  %-14s %-15s %-12s %-26s  %s\n",
		strrchr(device.sysfs, '/') + 1, device.driver,
		*device.type ? device.type : "-",
		*facts.state ? facts.state : "-", caps_text(&facts),
		*facts.users ? facts.users : "-");
}

/**
 * verb_list - show all VFIO devices
 * @argc: 0
 * @argv: nothing
 *
 * Return: the exit status.
 */
int verb_list(int argc, char **argv)
{
	struct json json = say_value(false);
	glob_t found = {};
	size_t i;

	(void)argc;
	(void)argv;
	if (glob("/sys/class/vfio-dev/vfio*", 0, NULL, &found) == GLOB_NOMATCH &&
	    !say.json)
		note("no VFIO driver has a device here");
	if (say.json)
		json_array(&json, NULL);
	if (found.gl_pathc)
		fprintf(say.tell, "%s%-36s  %-14s %-15s %-12s %-26s  %s%s\n", BOLD,
			"DEVICE", "DRIVER", "TYPE", "STATE", "CAPABILITIES",
			"USED BY", PLAIN);
	for (i = 0; i < found.gl_pathc; i++)
		row(&json, strrchr(found.gl_pathv[i], '/') + 1);
	globfree(&found);
	if (say.json)
		json_end(&json);
	return EXIT_DONE;
}

static void line(const char *what, const char *value)
{
	fprintf(say.tell, "  %-14s %s\n", what, value);
}

static void line_bool(const char *what, bool value)
{
	line(what, value ? "yes" : "no");
}

/**
 * verb_info - show all that is known of a device
 * @argc: 1
 * @argv: the device
 *
 * Return: the exit status.
 */
int verb_info(int argc, char **argv)
{
	struct json json = say_value(false);
	struct device device;
	struct facts facts;

	(void)argc;
	device_find(&device, argv[0]);
	if (device.pid) {
		device_open(&device);
		vfio_dev_close(&device.dev);
	}
	learn(&device, &facts);
	if (say.json) {
		json_object(&json, NULL);
		json_facts(&json, &device, &facts);
		json_end(&json);
		return EXIT_DONE;
	}
	fprintf(say.tell, "%s%s%s\n", BOLD, strrchr(device.sysfs, '/') + 1, PLAIN);
	line("bus", device.bus);
	line("driver", device.driver);
	line("type", *device.type ? device.type : "-");
	line("node", *device.cdev ? device.cdev : "no character device");
	line("group", *device.group ? device.group : "none");
	line("used by", *facts.users ? facts.users : "nobody");
	line("state", *facts.state ? facts.state : "-");
	if (!facts.asked) {
		line("capabilities", strerror(facts.error));
		return EXIT_DONE;
	}
	line("capabilities", mig_flags_name(facts.flags));
	if (!facts.flags)
		return EXIT_DONE;
	line("data size", size_text(facts.data_size));
	line_bool("DMA log", facts.log);
	line_bool("pre-copy v2", facts.info_v2);
	return EXIT_DONE;
}
