// SPDX-License-Identifier: GPL-2.0-only
/* The guest's machine: what all files of the program need of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

double vm_lost_after = 40;

static void say(const char *format, va_list args)
{
	vprintf(format, args);
	printf("\n");
	fflush(stdout);
}

void vm_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

void vm_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("vm: ");
	say(format, args);
	va_end(args);
	sync();
	reboot(RB_POWER_OFF);
	exit(1);
}

void vm_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		vm_die("cannot write %s to %s: %m", text, path);
	close(fd);
}

double vm_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

void vm_mount(void)
{
	if (mount("proc", "/proc", "proc", 0, NULL) ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL))
		vm_die("cannot mount: %m");
	/* The kernel does not do that for an initramfs */
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) && errno != EBUSY)
		vm_die("cannot mount /dev: %m");
}
