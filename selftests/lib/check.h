/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the library fails.
 *
 * A function foo() of the library does what it says or ends the process; its
 * twin __foo() returns 0 (or a count) or -errno and leaves the judgement to
 * the caller.  Tests use __foo() for what is under test and foo() for the way
 * there.
 */
#ifndef SELFTESTS_LIB_CHECK_H
#define SELFTESTS_LIB_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * Ends the process because a test cannot go on.  exit() and not abort(): the
 * mediated devices that the process made are removed by an exit handler.
 */
#define die(fmt, ...)							\
	do {								\
		fprintf(stderr, "# %s:%d: " fmt "\n", __FILE__, __LINE__, \
			##__VA_ARGS__);					\
		exit(EXIT_FAILURE);					\
	} while (0)

void lib_must(const char *file, int line, const char *what, int ret);

/* For calls that return -errno: ends the process unless they succeed */
#define must(call)	lib_must(__FILE__, __LINE__, #call, call)

#endif /* SELFTESTS_LIB_CHECK_H */
