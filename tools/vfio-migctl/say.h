/* SPDX-License-Identifier: GPL-2.0-only */
/* What the program says, and how it fails. */
#ifndef VFIO_MIGCTL_SAY_H
#define VFIO_MIGCTL_SAY_H

#include <stdbool.h>
#include <stdio.h>

#include "json.h"

/**
 * enum exit_status - how the program ends
 * @EXIT_DONE: it has done what it was asked to
 * @EXIT_REFUSED: the device, or something else, has refused it
 * @EXIT_USAGE: the call makes no sense; nothing was done
 * @EXIT_BUSY: somebody else uses the device; nothing was done
 */
enum exit_status {
	EXIT_DONE,
	EXIT_REFUSED,
	EXIT_USAGE,
	EXIT_BUSY,
};

/**
 * struct say - how the program says things
 * @program: what it is called
 * @tell: where people are told what is done; stderr if data goes to stdout,
 *	nowhere with @json
 * @json: machines are told, too
 * @live: @tell is a terminal, on which a line can be written over
 * @colour: @tell understands colours
 */
struct say {
	const char *program;
	FILE *tell;
	bool json;
	bool live;
	bool colour;
};

extern struct say say;

void say_begin(const char *program);
void say_with_data_on_stdout(void);
void say_json(void);
struct json say_value(bool line);
const char *colour(const char *code);

#define BOLD	colour("\033[1m")
#define GREEN	colour("\033[1;32m")
#define RED	colour("\033[1;31m")
#define PLAIN	colour("\033[0m")

void heading(const char *text);

/**
 * struct fault - what a failure is about
 * @device: the device, or NULL
 * @state: its state, or NULL
 * @error: an errno, or 0
 * @hint: what to try, or NULL
 */
struct fault {
	const char *device;
	const char *state;
	int error;
	const char *hint;
};

void __attribute__((noreturn, format(printf, 3, 4)))
fail_with(enum exit_status status, const struct fault *fault, const char *fmt,
	  ...);

/* The end of the program: exit handlers bring devices back to RUNNING */
#define fail(status, hint_, fmt, ...)					\
	fail_with(status, &(struct fault){ .hint = hint_ }, fmt, ##__VA_ARGS__)

#define refuse(fmt, ...)						\
	fail(EXIT_USAGE, NULL, fmt, ##__VA_ARGS__)

void __attribute__((format(printf, 1, 2))) note(const char *fmt, ...);

#endif /* VFIO_MIGCTL_SAY_H */
