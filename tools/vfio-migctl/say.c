// SPDX-License-Identifier: GPL-2.0-only
/* What the program says, and how it fails. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../selftests/lib/check.h"
#include "say.h"

struct say say;

static void look_at(FILE *file)
{
	const char *no_color = getenv("NO_COLOR");

	say.tell = file;
	say.live = isatty(fileno(file));
	say.colour = say.live && !(no_color && *no_color);
}

/**
 * say_begin - begin to say things
 * @program: what the program is called
 */
void say_begin(const char *program)
{
	say.program = program;
	look_at(stdout);
}

/**
 * say_with_data_on_stdout - leave standard output to the data
 */
void say_with_data_on_stdout(void)
{
	if (!say.json)
		look_at(stderr);
}

/**
 * say_json - tell machines, and no people
 */
void say_json(void)
{
	say.json = true;
	say.live = false;
	say.colour = false;
	say.tell = fopen("/dev/null", "w");
	if (!say.tell)
		die("/dev/null: %s", strerror(errno));
}

/**
 * say_value - begin a value for machines
 * @line: it is one of several, which get a line each
 *
 * Return: where to write it to.
 */
struct json say_value(bool line)
{
	return (struct json){ .file = stdout, .line = line };
}

/**
 * colour - a code for the terminal
 * @code: the code
 *
 * Return: @code, or "" where it would be seen as characters.
 */
const char *colour(const char *code)
{
	return say.colour ? code : "";
}

/**
 * heading - begin another part of what is said
 * @text: its name
 */
void heading(const char *text)
{
	fprintf(say.tell, "\n%s%s%s\n", BOLD, text, PLAIN);
}

static void tell_machines(const struct fault *fault, enum exit_status status,
			  const char *text)
{
	struct json json = say_value(true);

	json_object(&json, NULL);
	json_object(&json, "error");
	json_text(&json, "text", text);
	json_text(&json, "device", fault->device);
	json_text(&json, "state", fault->state);
	json_text(&json, "errno", fault->error ?
		  strerrorname_np(fault->error) : NULL);
	json_text(&json, "try", fault->hint);
	json_number(&json, "exit", status);
	json_end(&json);
	json_end(&json);
}

/**
 * fail_with - say what failed, and end the program
 * @status: the exit status
 * @fault: what it is about
 * @fmt: what failed
 *
 * Does not return.
 */
void fail_with(enum exit_status status, const struct fault *fault,
	       const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	/* Write earlier output first; an error of that is ignored */
	if (say.tell)
		fflush(say.tell);
	fprintf(stderr, "%s: ", say.program);
	if (fault->device)
		fprintf(stderr, "%s: ", fault->device);
	fputs(text, stderr);
	if (fault->error)
		fprintf(stderr, ": %s (%s)", strerror(fault->error),
			strerrorname_np(fault->error));
	if (fault->state)
		fprintf(stderr, "; it is in %s", fault->state);
	putc('\n', stderr);
	if (fault->hint)
		fprintf(stderr, "  try: %s\n", fault->hint);
	if (say.json)
		tell_machines(fault, status, text);
	exit(status);
}

/**
 * note - say something beside the matter
 * @fmt: what
 */
void note(const char *fmt, ...)
{
	va_list args;

	if (say.tell)
		fflush(say.tell);
	fprintf(stderr, "%s: ", say.program);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	putc('\n', stderr);
}
