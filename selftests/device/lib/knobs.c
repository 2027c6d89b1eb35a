// SPDX-License-Identifier: GPL-2.0-only
/* The files of a device in debugfs, by which a test controls it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/check.h"
#include "../../lib/file.h"
#include "knobs.h"

#define KNOBS		"/sys/kernel/debug/mtty_mig"
#define KNOB_PATH_MAX	256
#define KNOB_LINE_MAX	256
#define KNOB_TEXT_MAX	8192

/**
 * knobs_missing - why devices cannot be controlled
 *
 * Return: NULL if they can, or the reason to skip a test.
 */
const char *knobs_missing(void)
{
	return access(KNOBS, X_OK) ?
		"there is no " KNOBS ": no debugfs, or not the right to it" :
		NULL;
}

/**
 * knob_path - where a file is
 * @mtty: the device
 * @knob: its name, as in Documentation/debugfs.rst
 * @path: where to put the path
 * @size: of @path
 */
void knob_path(const struct mtty *mtty, const char *knob, char *path,
	       size_t size)
{
	snprintf(path, size, KNOBS "/%s/%s", mtty->mdev.uuid, knob);
}

/**
 * knob_exists - whether the device has a file
 * @mtty: the device
 * @knob: its name
 *
 * Return: true if it has.
 */
bool knob_exists(const struct mtty *mtty, const char *knob)
{
	char path[KNOB_PATH_MAX];

	knob_path(mtty, knob, path, sizeof(path));
	return !access(path, F_OK);
}

/**
 * __knob_read - read a file
 * @mtty: the device
 * @knob: its name
 * @buf: where to put it, as a string without the newline at its end
 * @size: of @buf
 *
 * Return: 0 or -errno.
 */
int __knob_read(const struct mtty *mtty, const char *knob, char *buf,
		size_t size)
{
	char path[KNOB_PATH_MAX];

	knob_path(mtty, knob, path, sizeof(path));
	return file_read(path, buf, size);
}

/**
 * knob_read - read a file, or end the process
 * @mtty: the device
 * @knob: its name
 * @buf: where to put it, as a string without the newline at its end
 * @size: of @buf
 */
void knob_read(const struct mtty *mtty, const char *knob, char *buf,
	       size_t size)
{
	must(__knob_read(mtty, knob, buf, size));
}

static int knob_vwrite(const struct mtty *mtty, const char *knob, char *line,
		       const char *fmt, va_list args)
{
	char path[KNOB_PATH_MAX];

	if (vsnprintf(line, KNOB_LINE_MAX, fmt, args) >= KNOB_LINE_MAX)
		die("%s: too long a line: %s", knob, line);
	knob_path(mtty, knob, path, sizeof(path));
	return file_write(path, line);
}

/**
 * __knob_write - write a line to a file
 * @mtty: the device
 * @knob: its name
 * @fmt: the line, as for printf()
 *
 * Return: 0 or -errno.
 */
int __knob_write(const struct mtty *mtty, const char *knob, const char *fmt,
		 ...)
{
	char line[KNOB_LINE_MAX];
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = knob_vwrite(mtty, knob, line, fmt, args);
	va_end(args);
	return ret;
}

/**
 * knob_write - write a line to a file, or end the process
 * @mtty: the device
 * @knob: its name
 * @fmt: the line, as for printf()
 */
void knob_write(const struct mtty *mtty, const char *knob, const char *fmt,
		...)
{
	char line[KNOB_LINE_MAX];
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = knob_vwrite(mtty, knob, line, fmt, args);
	va_end(args);
	if (ret)
		die("'%s' to %s: %s", line, knob, strerror(-ret));
}

/* What stands behind the first word of the line that begins with that word */
static const char *find_line(const char *text, const char *word)
{
	size_t len = strlen(word);

	while (strncmp(text, word, len) || text[len] != ' ') {
		text = strchr(text, '\n');
		if (!text)
			return NULL;
		text++;
	}
	return text + len;
}

/**
 * knob_counter - the value of a counter, or end the process
 * @mtty: the device
 * @name: a name in the file "counters"
 *
 * Return: the value.
 */
__u64 knob_counter(const struct mtty *mtty, const char *name)
{
	char text[KNOB_TEXT_MAX];
	const char *line;

	knob_read(mtty, "counters", text, sizeof(text));
	line = find_line(text, name);
	if (!line)
		die("no counter is called %s", name);
	return strtoull(line, NULL, 10);
}

/**
 * knob_fault - what is asked to fail at a point, or end the process
 * @mtty: the device
 * @point: a name in the file "fault"
 * @fault: filled in
 */
void knob_fault(const struct mtty *mtty, const char *point,
		struct knob_fault *fault)
{
	char text[KNOB_TEXT_MAX];
	const char *line, *fired;

	knob_read(mtty, "fault", text, sizeof(text));
	line = find_line(text, point);
	if (!line)
		die("no fault point is called %s", point);
	fired = strstr(line, "fired=");
	if (sscanf(line, " errno=%d times=%u", &fault->error,
		   &fault->times) != 2 || !fired)
		die("fault point %s%.80s", point, line);
	fault->fired = strtoul(fired + strlen("fired="), NULL, 10);
}
