// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-migctl as a person runs it: by a line for the shell.  The program is
 * beside the tests, or installed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/check.h"
#include "tool.h"

/* The shell finds the program beside the test, if it is there */
static void set_path(void)
{
	const char *path = getenv("PATH");
	char self[PATH_MAX], all[2 * PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		die("/proc/self/exe: %s", strerror(errno));
	self[len] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(all, sizeof(all), "%s:%s", self, path ? path : "/usr/bin:/bin");
	setenv("PATH", all, 1);
}

/**
 * tool_available - whether there is the program
 *
 * Return: true if there is.
 */
bool tool_available(void)
{
	struct tool *tool = malloc(sizeof(*tool));
	bool there;

	if (!tool)
		die("no memory");
	there = tool_all(tool, "vfio-migctl --help") == 0;
	free(tool);
	return there;
}

static void become(const char *line, int out, int err)
{
	int in = open("/dev/null", O_RDONLY);

	set_path();
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	/* A terminal's Ctrl-C shall do what it does there */
	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	execl("/bin/sh", "sh", "-c", line, NULL);
	_exit(127);
}

static void start(struct tool *tool, const char *fmt, va_list args)
{
	char line[2048];
	int pipes[2];

	vsnprintf(line, sizeof(line), fmt, args);
	tool->len = 0;
	tool->said[0] = '\0';
	tool->err = memfd_create("stderr", MFD_CLOEXEC);
	if (tool->err < 0 || pipe2(pipes, O_CLOEXEC))
		die("no pipe: %s", strerror(errno));
	tool->out = pipes[0];
	tool->pid = fork();
	if (tool->pid < 0)
		die("fork: %s", strerror(errno));
	if (!tool->pid)
		become(line, pipes[1], tool->err);
	close(pipes[1]);
}

/**
 * tool_start - start a line of the shell
 * @tool: filled in
 * @fmt: the line; "exec vfio-migctl ..." makes @pid that of the program
 */
void tool_start(struct tool *tool, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	start(tool, fmt, args);
	va_end(args);
}

/* Return: bytes, 0 at the end.  What there is no room for is lost */
static ssize_t hear(struct tool *tool, int fd)
{
	char rest[4096];
	size_t room = sizeof(tool->said) - 1 - tool->len;
	ssize_t n;

	if (!room)
		return read(fd, rest, sizeof(rest));
	n = read(fd, tool->said + tool->len, room);
	if (n > 0)
		tool->len += n;
	tool->said[tool->len] = '\0';
	return n;
}

/**
 * tool_end - hear all that is said, and wait for the end
 * @tool: the program
 *
 * Return: the exit status, or 128 and the signal that ended it.
 */
int tool_end(struct tool *tool)
{
	int status;

	while (tool->out >= 0 && hear(tool, tool->out) > 0)
		;
	if (waitpid(tool->pid, &status, 0) != tool->pid)
		die("waitpid: %s", strerror(errno));
	lseek(tool->err, 0, SEEK_SET);
	while (hear(tool, tool->err) > 0)
		;
	if (tool->out >= 0)
		close(tool->out);
	close(tool->err);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

/**
 * tool_all - run a line of the shell to its end
 * @tool: filled in
 * @fmt: the line
 *
 * Return: as tool_end().
 */
int tool_all(struct tool *tool, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	start(tool, fmt, args);
	va_end(args);
	return tool_end(tool);
}

/**
 * tool_until - hear what the program says until it says something
 * @tool: the program
 * @text: what
 *
 * Return: true when it has said so; false if it has ended without.
 */
bool tool_until(struct tool *tool, const char *text)
{
	while (!tool_said(tool, text))
		if (hear(tool, tool->out) <= 0)
			return false;
	return true;
}

/**
 * tool_said - whether the program has said something
 * @tool: the program
 * @text: what
 *
 * Return: true if it has.
 */
bool tool_said(const struct tool *tool, const char *text)
{
	return strstr(tool->said, text);
}
