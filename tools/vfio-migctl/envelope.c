// SPDX-License-Identifier: GPL-2.0-only
/* A file with the state of a device, read. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "envelope.h"
#include "halt.h"
#include "say.h"
#include "text.h"

/* Say what is wrong with the file.  Does not return */
#define damaged(env, fmt, ...)						\
	fail_with(EXIT_REFUSED, &(struct fault){			\
			.device = (env)->path,				\
			.hint = "another copy of the file: this one is not what was saved", \
		  }, fmt, ##__VA_ARGS__)

/* Read so many bytes, or fewer at the end of the file */
static size_t take(struct envelope *env, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n;

		/* A read from a pipe may wait for long */
		halt_wait(env->fd, POLLIN, -1);
		halt_check();
		n = read(env->fd, buf + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			fail_with(EXIT_REFUSED, &(struct fault){
					.device = env->path, .error = errno,
				  }, "it cannot be read");
		if (!n)
			break;
		done += n;
		env->at += n;
	}
	return done;
}

/* What has to be there */
static void take_all(struct envelope *env, void *buf, size_t len,
		     const char *what)
{
	__u64 at = env->at;

	if (take(env, buf, len) != len)
		damaged(env, "it is truncated: it ends at byte %llu, in %s that begins at %llu",
			(unsigned long long)env->at, what,
			(unsigned long long)at);
}

static void read_text(struct envelope *env, const struct envelope_head *head)
{
	__u32 version = le32toh(head->version);
	__u32 len = le32toh(head->text_len);
	struct xxh64_state hash;
	__le64 checksum;

	if (version != ENVELOPE_VERSION)
		fail(EXIT_REFUSED, "the vfio-migctl that wrote it",
		     "%s: its envelope has version %u, and this program knows %u",
		     env->path, version, ENVELOPE_VERSION);
	if (len > ENVELOPE_TEXT_MAX)
		damaged(env, "it is damaged: a description of %u bytes", len);
	take_all(env, env->text, len, "the description");
	env->text[len] = '\0';
	take_all(env, &checksum, sizeof(checksum), "the description");
	xxh64_reset(&hash, 0);
	xxh64_update(&hash, head, sizeof(*head));
	xxh64_update(&hash, env->text, len);
	if (le64toh(checksum) != xxh64_digest(&hash))
		damaged(env, "it is damaged: the checksum of its description is wrong");
}

static void open_fd(struct envelope *env, const char *path)
{
	if (!strcmp(path, "-")) {
		env->path = "standard input";
		env->fd = STDIN_FILENO;
		if (isatty(env->fd))
			refuse("standard input is a terminal: the state comes from a pipe");
		return;
	}
	env->path = path;
	env->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (env->fd < 0)
		fail_with(EXIT_USAGE, &(struct fault){
				.device = path, .error = errno,
			  }, "it cannot be opened");
}

/**
 * envelope_open - open a file with the state of a device, or end the program
 * @env: filled in
 * @path: the file; "-" is standard input
 * @kind: what it has to be
 */
void envelope_open(struct envelope *env, const char *path,
		   enum envelope_kind kind)
{
	struct envelope_head head;
	size_t len;

	memset(env, 0, sizeof(*env));
	xxh64_reset(&env->hash, 0);
	open_fd(env, path);
	if (kind == ENVELOPE_RAW) {
		env->raw = true;
		return;
	}
	len = take(env, &head, sizeof(head));
	if (len == sizeof(head) &&
	    !memcmp(head.magic, ENVELOPE_MAGIC, sizeof(head.magic))) {
		read_text(env, &head);
		return;
	}
	if (kind == ENVELOPE_ANY) {
		env->raw = true;
		memcpy(env->begun, &head, len);
		env->nr_begun = len;
		return;
	}
	if (!len)
		damaged(env, "it is empty");
	if (!memcmp(head.magic, ENVELOPE_MAGIC,
		    len < sizeof(head.magic) ? len : sizeof(head.magic)))
		damaged(env, "it is truncated: it ends at byte %zu", len);
	fail(EXIT_REFUSED, "--raw, if it is the stream of a driver and nothing more",
	     "%s: it was not written by vfio-migctl save", env->path);
}

static void read_tail(struct envelope *env)
{
	struct envelope_tail tail;
	char more;

	take_all(env, &tail, sizeof(tail), "the length and the checksum");
	if (le64toh(tail.length) != env->length)
		damaged(env, "it is damaged: %llu bytes of state, and it says %llu",
			(unsigned long long)env->length,
			(unsigned long long)le64toh(tail.length));
	if (le64toh(tail.checksum) != xxh64_digest(&env->hash))
		damaged(env, "it is damaged: the checksum of the state is wrong");
	if (take(env, &more, 1))
		damaged(env, "it is damaged: something follows its end");
	env->ended = true;
}

static ssize_t read_raw(struct envelope *env, void *buf, size_t len)
{
	if (env->nr_begun) {
		len = len < env->nr_begun ? len : env->nr_begun;
		memcpy(buf, env->begun, len);
		env->nr_begun -= len;
		memmove(env->begun, env->begun + len, env->nr_begun);
	} else {
		len = take(env, buf, len);
	}
	xxh64_update(&env->hash, buf, len);
	env->length += len;
	env->ended = !len;
	return len;
}

/**
 * envelope_read - read the stream that is in a file, or end the program
 * @env: the file
 * @buf: where to put it
 * @len: how much at most
 *
 * Return: bytes; 0 at the end, and then all checks were right.
 */
ssize_t envelope_read(struct envelope *env, void *buf, size_t len)
{
	if (env->ended)
		return 0;
	if (env->raw)
		return read_raw(env, buf, len);
	if (!env->part) {
		__le32 part;

		take_all(env, &part, sizeof(part), "the length of a part");
		env->part = le32toh(part);
		if (!env->part) {
			read_tail(env);
			return 0;
		}
		if (env->part > ENVELOPE_PART_MAX)
			damaged(env, "it is damaged: a part of %u bytes at byte %llu",
				env->part, (unsigned long long)env->at);
	}
	if (len > env->part)
		len = env->part;
	take_all(env, buf, len, "a part of the state");
	env->part -= len;
	xxh64_update(&env->hash, buf, len);
	env->length += len;
	return len;
}

/**
 * envelope_verify - read a file to its end and go back, or end the program
 * @env: the file, nothing of whose stream was read
 *
 * Return: bytes of its stream; 0 if nobody knows, because it cannot be read
 * twice.
 */
__u64 envelope_verify(struct envelope *env)
{
	struct envelope before = *env;
	char buf[64 * KIB];
	struct stat st;
	__u64 length;

	if (fstat(env->fd, &st) || !S_ISREG(st.st_mode))
		return 0;
	while (envelope_read(env, buf, sizeof(buf)) > 0)
		;
	length = env->length;
	*env = before;
	if (lseek(env->fd, env->at, SEEK_SET) < 0)
		fail_with(EXIT_REFUSED, &(struct fault){
				.device = env->path, .error = errno,
			  }, "it cannot be read again");
	return length;
}

/**
 * envelope_value - what an envelope says of the device
 * @env: the file
 * @key: what is asked for
 * @value: set to the answer
 * @size: of @value
 *
 * Return: true if it says something of that.
 */
bool envelope_value(const struct envelope *env, const char *key, char *value,
		    size_t size)
{
	size_t len = strlen(key);
	const char *line = env->text;

	while (line && *line) {
		const char *end = strchr(line, '\n');

		if (!strncmp(line, key, len) && !strncmp(line + len, ": ", 2)) {
			line += len + 2;
			snprintf(value, size, "%.*s",
				 end ? (int)(end - line) : (int)strlen(line),
				 line);
			return true;
		}
		line = end ? end + 1 : NULL;
	}
	*value = '\0';
	return false;
}

/**
 * envelope_close - close a file that was read
 * @env: the file
 */
void envelope_close(struct envelope *env)
{
	if (env->fd > STDIN_FILENO)
		close(env->fd);
	env->fd = -1;
}
