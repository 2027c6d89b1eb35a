// SPDX-License-Identifier: GPL-2.0-only
/* Small text files of the kernel: sysfs, debugfs, tracefs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

/**
 * file_read - read a whole file
 * @path: the file
 * @buf: where to put it, as a string without the newline at its end
 * @size: of @buf; what does not fit is left out
 *
 * Return: 0 or -errno.
 */
int file_read(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	int ret = 0;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n < 0)
			ret = -errno;
		if (n <= 0)
			break;
		len += n;
	}
	close(fd);
	if (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return ret;
}

/**
 * file_write - write to a file in one write(), as the kernel's files want it
 * @path: the file
 * @value: the whole value
 *
 * Safe to call in a signal handler.
 *
 * Return: 0 or -errno.
 */
int file_write(const char *path, const char *value)
{
	size_t len = strlen(value);
	int ret = 0;
	ssize_t n;
	int fd;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, value, len);
	if (n < 0)
		ret = -errno;
	else if ((size_t)n != len)
		ret = -EIO;
	close(fd);
	return ret;
}
