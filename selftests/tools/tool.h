/* SPDX-License-Identifier: GPL-2.0-only */
/* vfio-migctl as a person runs it: a process, what it says, how it ends. */
#ifndef SELFTESTS_TOOLS_TOOL_H
#define SELFTESTS_TOOLS_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <kselftest.h>	/* __printf */

#define TOOL_SAID_MAX	0x20000

/**
 * struct tool - the program, while it runs and afterwards
 * @pid: the process
 * @out: what it writes to standard output
 * @err: what it has written to standard error, a file
 * @said: what was read of both: of @out, and at the end of @err
 * @len: bytes in @said
 */
struct tool {
	pid_t pid;
	int out;
	int err;
	char said[TOOL_SAID_MAX];
	size_t len;
};

bool tool_available(void);
__printf(2, 3)
void tool_start(struct tool *tool, const char *fmt, ...);
int tool_end(struct tool *tool);
__printf(2, 3)
int tool_all(struct tool *tool, const char *fmt, ...);
bool tool_until(struct tool *tool, const char *text);
bool tool_said(const struct tool *tool, const char *text);

#endif /* SELFTESTS_TOOLS_TOOL_H */
