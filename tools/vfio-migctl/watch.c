// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-migctl watch: arcs as they happen.
 *
 * A driver that has a tracepoint for arcs, as mtty_mig, tells each of them.  Of
 * the others the kernel tells the state (CONFIG_VFIO_DEBUGFS), which is asked
 * again and again: what comes and goes between two questions is not seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../selftests/lib/check.h"
#include "../../selftests/lib/file.h"
#include "device.h"
#include "halt.h"
#include "migctl.h"
#include "say.h"
#include "text.h"

#define TRACING		"/sys/kernel/tracing"
#define INSTANCE	"vfio-migctl-"
#define WATCHED_MAX	16

/**
 * struct watched - a device that is looked at
 * @device: which
 * @traced: its driver tells its arcs
 * @state: the one that was seen last, if it is not
 */
static struct watched {
	struct device device;
	bool traced;
	char state[24];
} *watched[WATCHED_MAX];

static unsigned int nr_watched;
static char instance[96];
static double begun;

/* A trace instance of its own does not disturb the traces of others */
static void remove_instance(void)
{
	if (*instance)
		rmdir(instance);
	*instance = '\0';
}

/* Remove instances of programs that were killed */
static void remove_old(void)
{
	static const char prefix[] = TRACING "/instances/" INSTANCE;
	glob_t found = {};
	size_t i;

	if (!glob(TRACING "/instances/" INSTANCE "*", 0, NULL, &found))
		for (i = 0; i < found.gl_pathc; i++)
			if (kill(atoi(found.gl_pathv[i] + sizeof(prefix) - 1),
				 0) && errno == ESRCH)
				rmdir(found.gl_pathv[i]);
	globfree(&found);
}

static bool make_instance(void)
{
	if (*instance)
		return true;
	remove_old();
	snprintf(instance, sizeof(instance), TRACING "/instances/" INSTANCE "%d",
		 getpid());
	if (mkdir(instance, 0700)) {
		instance[0] = '\0';
		return false;
	}
	atexit(remove_instance);
	return true;
}

/* A driver NAME tells its arcs by an event NAME_arc, in a group of its name */
static bool trace(struct watched *look)
{
	const char *driver = look->device.driver;
	char path[256];

	snprintf(path, sizeof(path), TRACING "/events/%.48s/%.48s_arc", driver,
		 driver);
	if (access(path, F_OK) || !make_instance())
		return false;
	/* The clock of now_ms() */
	snprintf(path, sizeof(path), "%s/trace_clock", instance);
	if (file_write(path, "mono"))
		return false;
	snprintf(path, sizeof(path), "%s/events/%.48s/%.48s_arc/enable",
		 instance, driver, driver);
	return !file_write(path, "1");
}

static void add(const char *name)
{
	struct watched *look;

	if (nr_watched == WATCHED_MAX)
		refuse("more than %d devices", WATCHED_MAX);
	look = calloc(1, sizeof(*look));
	if (!look)
		die("no memory");
	device_find(&look->device, name);
	look->traced = trace(look);
	if (!look->traced &&
	    !device_debugfs_state(&look->device, look->state,
				  sizeof(look->state)))
		fail_with(EXIT_REFUSED, &(struct fault){
				.device = look->device.arg,
				.hint = "as root, on a kernel with CONFIG_VFIO_DEBUGFS",
			  }, "neither its driver nor the kernel tells what happens to it");
	watched[nr_watched++] = look;
}

static void add_all(void)
{
	glob_t found = {};
	size_t i;

	glob("/sys/class/vfio-dev/vfio*", 0, NULL, &found);
	for (i = 0; i < found.gl_pathc; i++) {
		struct device device;
		char state[24];

		/* A device without migration has no arcs */
		device_find(&device, strrchr(found.gl_pathv[i], '/') + 1);
		if (device_debugfs_state(&device, state, sizeof(state)))
			add(device.vfio);
	}
	globfree(&found);
	if (!nr_watched)
		fail(EXIT_REFUSED, "vfio-migctl list: it shows all devices",
		     "no device here has migration, or the kernel does not tell");
}

static void tell(const struct device *device, const char *from, const char *to,
		 int ret, double ms, double when)
{
	const char *name = strrchr(device->sysfs, '/') + 1;
	double at = when > begun ? when - begun : 0;
	struct json json = say_value(true);

	fprintf(say.tell, "  %9.3f s  %s  %-12s -> %-12s", at / 1e3, name, from,
		to);
	if (ms >= 0)
		fprintf(say.tell, " %9.3f ms", ms);
	fprintf(say.tell, "%s%s\n", ret ? "   " : "", ret ? strerror(-ret) : "");
	fflush(say.tell);
	if (!say.json)
		return;
	json_object(&json, NULL);
	json_ms(&json, "at_ms", at);
	json_text(&json, "device", name);
	json_text(&json, "from", from);
	json_text(&json, "to", to);
	if (ms >= 0)
		json_ms(&json, "ms", ms);
	json_text(&json, "errno", ret ? strerrorname_np(-ret) : NULL);
	json_end(&json);
}

/*
 * "vfio-migctl-81 [000] ..... 12.345678: mtty_mig_arc: dev=vfio0 from=RUNNING
 * to=STOP ret=0 ns=1234"
 */
static void traced_line(const char *line)
{
	const char *arc = strstr(line, "_arc: dev="), *time;
	char name[32], from[24], to[24];
	unsigned long long ns;
	unsigned int i;
	int ret;

	if (!arc || sscanf(arc, "_arc: dev=%31s from=%23s to=%23s ret=%d ns=%llu",
			   name, from, to, &ret, &ns) != 5)
		return;
	/* Back over the name of the event, and over the time */
	for (time = arc; time > line && *time != ' '; time--)
		;
	for (time--; time > line && *time != ' '; time--)
		;
	for (i = 0; i < nr_watched; i++)
		if (!strcmp(watched[i]->device.vfio, name))
			tell(&watched[i]->device, from, to, ret, ns / 1e6,
			     strtod(time, NULL) * 1e3);
}

/* Read what is in the pipe now; the rest of a line comes with the next read */
static void read_trace(int fd)
{
	static char text[16384];
	static size_t len;
	ssize_t n;
	char *end;

	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0) {
		char *line = text;

		len += n;
		text[len] = '\0';
		while ((end = strchr(line, '\n'))) {
			*end = '\0';
			traced_line(line);
			line = end + 1;
		}
		len -= line - text;
		memmove(text, line, len);
		/* No line is that long */
		if (len == sizeof(text) - 1)
			len = 0;
	}
}

static void ask_states(void)
{
	unsigned int i;

	for (i = 0; i < nr_watched; i++) {
		struct watched *look = watched[i];
		char state[24];

		if (look->traced ||
		    !device_debugfs_state(&look->device, state, sizeof(state)) ||
		    !strcmp(state, look->state))
			continue;
		tell(&look->device, look->state, state, 0, -1, now_ms());
		memcpy(look->state, state, sizeof(state));
	}
}

static int open_trace(void)
{
	char path[128];
	int fd;

	if (!*instance)
		return -1;
	snprintf(path, sizeof(path), "%s/trace_pipe", instance);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		fail_with(EXIT_REFUSED, &(struct fault){ .error = errno },
			  "%s", path);
	return fd;
}

/**
 * verb_watch - show arcs as they happen
 * @argc: how many devices
 * @argv: the devices; all if there are none
 *
 * Return: the exit status.
 */
int verb_watch(int argc, char **argv)
{
	unsigned int i;
	int fd;

	if (argc)
		for (i = 0; i < (unsigned int)argc; i++)
			add(argv[i]);
	else
		add_all();
	fd = open_trace();
	begun = now_ms();
	fprintf(say.tell, "watching %u device%s; Ctrl-C ends that\n", nr_watched,
		nr_watched > 1 ? "s" : "");
	fflush(say.tell);
	while (!halt_wanted() &&
	       (!opt.for_ms || now_ms() - begun < opt.for_ms)) {
		halt_wait(fd, POLLIN, opt.interval_ms);
		if (fd >= 0)
			read_trace(fd);
		ask_states();
	}
	halt_forget();
	if (fd >= 0)
		close(fd);
	return EXIT_DONE;
}
