// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-migctl: look at, save, restore and migrate the state of VFIO devices.
 *
 * This file reads the command line; each verb has a file of its own.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../selftests/lib/check.h"
#include "../../selftests/lib/mig_model.h"
#include "device.h"
#include "envelope.h"
#include "halt.h"
#include "migctl.h"
#include "say.h"
#include "text.h"

struct opt opt = {
	.buffer = MIB,
	.interval_ms = 100,
	.page_size = 4096,
	.caps = MIG_FLAGS_ALL,
};

#define SESSION	(OPT_WAY | OPT_PROGRESS | OPT_BUFFER)

const struct verb verbs[] = {
	{ "list", "", 0, 0, OPT_WAY | OPT_NO_OPEN,
	  "show all VFIO devices, what they can, and who has them open", verb_list },
	{ "info", "DEVICE", 1, 1, OPT_WAY,
	  "show all that is known of a device", verb_info },
	{ "state", "DEVICE [STATE]", 1, 2, OPT_WAY | OPT_HOLD,
	  "show the state of a device, or bring it to another one", verb_state },
	{ "path", "FROM TO", 2, 2, OPT_CAPS,
	  "show the arcs from one state to another", verb_path },
	{ "save", "DEVICE FILE", 2, 2, SESSION | OPT_ROUNDS | OPT_RAW,
	  "save the state of a device; - is standard output", verb_save },
	{ "restore", "DEVICE FILE", 2, 2, SESSION | OPT_FORCE | OPT_RAW | OPT_HOLD,
	  "load a saved state; - is standard input", verb_restore },
	{ "migrate", "DEVICE DEVICE", 2, 2, SESSION | OPT_ROUNDS | OPT_HOLD,
	  "migrate the first device to the second", verb_migrate },
	{ "precopy", "DEVICE", 1, 1, SESSION | OPT_FOR | OPT_INTERVAL,
	  "watch what a running device has to send", verb_precopy },
	{ "dirty", "DEVICE IOVA LENGTH", 3, 3,
	  OPT_WAY | OPT_FOR | OPT_INTERVAL | OPT_PAGE | OPT_PICTURE,
	  "watch which pages a device writes to", verb_dirty },
	{ "walk", "DEVICE", 1, 1, OPT_WAY | OPT_BUFFER,
	  "take a device through every arc, and time it", verb_walk },
	{ "watch", "[DEVICE...]", 0, 16, OPT_FOR | OPT_INTERVAL,
	  "show arcs as they happen", verb_watch },
	{ "reset", "DEVICE", 1, 1, OPT_WAY,
	  "reset a device, also out of ERROR", verb_reset },
	{ "inspect", "FILE", 1, 1, OPT_ALL,
	  "look into a saved state", verb_inspect },
	{ "diff", "FILE FILE", 2, 2, 0,
	  "compare two saved states", verb_diff },
	{ "completion", "", 0, 0, 0,
	  "print what bash needs to complete these words", verb_completion },
};

const unsigned int nr_verbs = ARRAY_LEN(verbs);

/* getopt returns the OPT_ bit for an option that only some verbs take */
static const struct {
	const char *name;
	const char *arg;
	unsigned int bit;
	const char *says;
} options[] = {
	{ "way", "WAY", OPT_WAY, "how to open: cdev, group-type1 or group-iommufd" },
	{ "progress", "WHEN", OPT_PROGRESS, "write over the bar: always, never, auto" },
	{ "buffer", "SIZE", OPT_BUFFER, "bytes to read and write at once, up to 64M (1M)" },
	{ "rounds", "N", OPT_ROUNDS, "rounds of pre-copy at most (save: 0, migrate: 8)" },
	{ "force", NULL, OPT_FORCE, "also load what was saved from another kind of device" },
	{ "raw", NULL, OPT_RAW, "FILE has no envelope: the stream of the driver alone" },
	{ "hold", NULL, OPT_HOLD, "keep the device as it is until a signal comes" },
	{ "for", "SECONDS", OPT_FOR, "end after this time (otherwise by Ctrl-C)" },
	{ "interval", "SECONDS", OPT_INTERVAL, "time between two looks (0.1)" },
	{ "page-size", "SIZE", OPT_PAGE, "page size of the log (4K)" },
	{ "picture", NULL, OPT_PICTURE, "show pages as a picture" },
	{ "no-open", NULL, OPT_NO_OPEN, "do not open devices to look at them" },
	{ "caps", "CAPS", OPT_CAPS, "of a device with: stop-copy,p2p,pre-copy (all three)" },
	{ "all", NULL, OPT_ALL, "each record by itself" },
	{ "json", NULL, 0, "say it in JSON, on standard output" },
	{ "help", NULL, 0, "this text; after a verb, what that takes" },
};

/**
 * option_count - how many options there are
 *
 * Return: that.
 */
unsigned int option_count(void)
{
	return ARRAY_LEN(options);
}

/**
 * option_name - an option
 * @nr: which
 * @bit: set to its OPT_*, 0 if every verb takes it
 * @takes: set to whether it has an argument
 *
 * Return: its name.
 */
const char *option_name(unsigned int nr, unsigned int *bit, bool *takes)
{
	*bit = options[nr].bit;
	*takes = options[nr].arg;
	return options[nr].name;
}

static void show_options(unsigned int bits)
{
	unsigned int i;
	char text[40];

	for (i = 0; i < ARRAY_LEN(options); i++) {
		if (options[i].bit && !(options[i].bit & bits))
			continue;
		snprintf(text, sizeof(text), "--%s%s%s", options[i].name,
			 options[i].arg ? "=" : "",
			 options[i].arg ? options[i].arg : "");
		printf("  %-20s %s\n", text, options[i].says);
	}
}

static void show_help(const struct verb *verb)
{
	unsigned int i;

	if (verb) {
		printf("Usage: %s %s %s%s[OPTION]...\n\nTo %s.\n\n", say.program,
		       verb->name, verb->args, *verb->args ? " " : "",
		       verb->says);
		show_options(verb->options);
		return;
	}
	printf("Usage: %s VERB [ARGUMENT]... [OPTION]...\n\n"
	       "Looks at, saves, restores and migrates the state of VFIO devices.\n\n",
	       say.program);
	for (i = 0; i < nr_verbs; i++) {
		char text[40];

		snprintf(text, sizeof(text), "%s %s", verbs[i].name,
			 verbs[i].args);
		printf("  %-28s %s\n", text, verbs[i].says);
	}
	printf("\n"
	       "DEVICE is the UUID of a mediated device, a PCI address, or /dev/vfio/devices/vfioN.\n"
	       "DEVICE@PID is the device as the process PID has it open, a VMM for instance.\n"
	       "'%s VERB --help' tells the options of a verb; vfio-migctl(1) tells more.\n\n"
	       "Exit status: 0 done, 1 refused or failed, 2 the call makes no sense, 3 the device\n"
	       "is used by somebody else.\n", say.program);
}

static const struct verb *find_verb(const char *name)
{
	const struct verb *near = NULL;
	unsigned int i;

	for (i = 0; i < nr_verbs; i++) {
		if (!strcmp(name, verbs[i].name))
			return &verbs[i];
		if (!strncmp(name, verbs[i].name, strlen(name)))
			near = &verbs[i];
	}
	if (near)
		refuse("'%s' is no verb; is '%s' meant?", name, near->name);
	refuse("'%s' is no verb: %s --help tells what is", name, say.program);
}

static enum vfio_way way_of(const char *text)
{
	enum vfio_way way;

	for (way = 0; way < VFIO_NR_WAYS; way++)
		if (!strcmp(text, vfio_way_name(way)))
			return way;
	refuse("--way %s: there are cdev, group-type1 and group-iommufd", text);
}

static __u64 caps_of(const char *text)
{
	static const struct {
		const char *name;
		__u64 flag;
	} caps[] = {
		{ "stop-copy", VFIO_MIGRATION_STOP_COPY },
		{ "p2p", VFIO_MIGRATION_P2P },
		{ "pre-copy", VFIO_MIGRATION_PRE_COPY },
	};
	__u64 flags = 0;

	while (*text) {
		size_t len = strcspn(text, ",");
		unsigned int i;

		for (i = 0; i < ARRAY_LEN(caps); i++)
			if (len == strlen(caps[i].name) &&
			    !strncmp(text, caps[i].name, len))
				break;
		if (i == ARRAY_LEN(caps))
			refuse("--caps %s: there are stop-copy, p2p and pre-copy",
			       text);
		flags |= caps[i].flag;
		text += len + (text[len] == ',');
	}
	return flags;
}

static __u64 size_of(const char *name, const char *text, __u64 min, __u64 max)
{
	__u64 val;

	if (!number_of(text, max, &val) || val < min)
		refuse("--%s %s: not a number from %llu to %llu", name, text,
		       (unsigned long long)min, (unsigned long long)max);
	return val;
}

static double time_of(const char *name, const char *text)
{
	double ms;

	if (!seconds_of(text, &ms))
		refuse("--%s %s: not a time in seconds, of a day at most", name,
		       text);
	return ms;
}

static void progress_of(const char *when)
{
	if (!strcmp(when, "always"))
		say.live = true;
	else if (!strcmp(when, "never"))
		say.live = false;
	else if (strcmp(when, "auto"))
		refuse("--progress %s: not always, never or auto", when);
}

static void take_option(unsigned int bit, const char *arg, const char **when)
{
	switch (bit) {
	case OPT_WAY:
		device_way = way_of(arg);
		break;
	case OPT_PROGRESS:
		*when = arg;
		break;
	case OPT_BUFFER:
		opt.buffer = size_of("buffer", arg, 1, ENVELOPE_PART_MAX);
		break;
	case OPT_ROUNDS:
		opt.rounds = size_of("rounds", arg, 0, 32);
		opt.rounds_given = true;
		break;
	case OPT_FORCE:
		opt.force = true;
		break;
	case OPT_RAW:
		opt.raw = true;
		break;
	case OPT_HOLD:
		opt.hold = true;
		break;
	case OPT_FOR:
		opt.for_ms = time_of("for", arg);
		break;
	case OPT_INTERVAL:
		opt.interval_ms = time_of("interval", arg);
		break;
	case OPT_PAGE:
		opt.page_size = size_of("page-size", arg, 4096, GIB);
		if (opt.page_size & (opt.page_size - 1))
			refuse("--page-size %s: not a power of two", arg);
		break;
	case OPT_PICTURE:
		opt.picture = true;
		break;
	case OPT_NO_OPEN:
		opt.no_open = true;
		break;
	case OPT_CAPS:
		opt.caps = caps_of(arg);
		opt.caps_given = true;
		break;
	case OPT_ALL:
		opt.all = true;
		break;
	}
}

/* All options but --help.  Return: true if there is that */
static bool take_options(int argc, char **argv, const struct verb *verb,
			 const char **when)
{
	struct option longs[ARRAY_LEN(options) + 1] = {};
	bool helped = false;
	unsigned int i;
	int c, which;

	for (i = 0; i < ARRAY_LEN(options); i++)
		longs[i] = (struct option) {
			.name = options[i].name,
			.has_arg = options[i].arg ? required_argument :
						    no_argument,
		};
	while ((c = getopt_long(argc, argv, "hj", longs, &which)) != -1) {
		unsigned int bit;

		if (c == '?')
			exit(EXIT_USAGE);
		if (c == 'h' || (!c && !strcmp(longs[which].name, "help"))) {
			helped = true;
			continue;
		}
		if (c == 'j' || !strcmp(longs[which].name, "json")) {
			if (!say.json)
				say_json();
			continue;
		}
		bit = options[which].bit;
		if (verb && !(verb->options & bit))
			refuse("%s takes no --%s: %s %s --help tells what it takes",
			       verb->name, longs[which].name, say.program,
			       verb->name);
		take_option(bit, optarg, when);
	}
	return helped;
}

int main(int argc, char **argv)
{
	const struct verb *verb = NULL;
	const char *when = "auto";
	int status;
	bool helped;

	halt_catch();
	say_begin("vfio-migctl");
	if (argc > 1 && argv[1][0] != '-')
		verb = find_verb(argv[1]);
	helped = take_options(argc, argv, verb, &when);
	if (helped) {
		show_help(verb);
		return EXIT_DONE;
	}
	if (!verb && argc > 1)
		refuse("the verb comes first: %s --help tells what there is",
		       say.program);
	if (!verb) {
		show_help(NULL);
		return EXIT_USAGE;
	}
	argc -= optind + 1;
	argv += optind + 1;
	if (argc < verb->min || argc > verb->max)
		refuse("usage: %s %s %s", say.program, verb->name, verb->args);
	/* Printing must not cost downtime, so only fflush() writes */
	setvbuf(stdout, NULL, _IOFBF, 64 * KIB);
	if (verb->options & OPT_RAW && !strcmp(argv[1], "-") &&
	    verb->run == verb_save)
		say_with_data_on_stdout();
	if (!say.json)
		progress_of(when);
	status = verb->run(argc, argv);
	if (fflush(stdout) || ferror(stdout))
		fail_with(EXIT_REFUSED, &(struct fault){ .error = errno },
			  "standard output");
	return status;
}
