// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file with the state of a device, written.  It gets its name when it is
 * complete: what is there under that name before stays until then.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "envelope.h"
#include "halt.h"
#include "say.h"
#include "text.h"

/* The file that an exit handler removes */
static struct envelope *incomplete;

static void remove_incomplete(void)
{
	if (incomplete && *incomplete->temporary)
		unlink(incomplete->temporary);
}

static void __attribute__((noreturn)) write_failed(struct envelope *env,
						   int error)
{
	const char *hint = "another file";

	if (error == ENOSPC || error == EDQUOT || error == EFBIG)
		hint = "a file in another place: there is no room for the state here";
	if (error == EPIPE)
		hint = "look why the program behind the pipe has ended";
	fail_with(EXIT_REFUSED, &(struct fault){
			.device = env->path, .error = error, .hint = hint,
		  }, "write failed after %s of state", size_text(env->length));
}

static void put(struct envelope *env, const void *data, size_t len)
{
	while (len) {
		ssize_t n = write(env->fd, data, len);

		if (n < 0) {
			int error = errno;

			halt_check();
			if (error == EINTR)
				continue;
			write_failed(env, error);
		}
		data += n;
		len -= n;
	}
}

/**
 * envelope_create - begin a file with the state of a device, or end the program
 * @env: filled in
 * @path: the file; "-" is standard output
 * @raw: without an envelope
 * @text: what the envelope says of the device, "key: value" in each line
 */
void envelope_create(struct envelope *env, const char *path, bool raw,
		     const char *text)
{
	struct envelope_head head = {
		.magic = ENVELOPE_MAGIC,
		.version = htole32(ENVELOPE_VERSION),
		.text_len = htole32(strlen(text)),
	};
	struct xxh64_state hash;
	__le64 checksum;
	struct stat st;

	memset(env, 0, sizeof(*env));
	xxh64_reset(&env->hash, 0);
	env->raw = raw;
	env->path = path;
	if (!strcmp(path, "-")) {
		env->path = "standard output";
		env->fd = STDOUT_FILENO;
	} else if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
		env->fd = open(path, O_WRONLY | O_CLOEXEC);
	} else {
		snprintf(env->temporary, sizeof(env->temporary), "%.4000s.%d.part",
			 path, getpid());
		incomplete = env;
		atexit(remove_incomplete);
		env->fd = open(env->temporary, O_WRONLY | O_CREAT | O_EXCL |
			       O_CLOEXEC, 0600);
	}
	if (env->fd < 0)
		fail_with(EXIT_USAGE, &(struct fault){
				.device = path, .error = errno,
			  }, "it cannot be created");
	if (raw)
		return;
	xxh64_reset(&hash, 0);
	xxh64_update(&hash, &head, sizeof(head));
	xxh64_update(&hash, text, strlen(text));
	checksum = htole64(xxh64_digest(&hash));
	put(env, &head, sizeof(head));
	put(env, text, strlen(text));
	put(env, &checksum, sizeof(checksum));
}

/**
 * envelope_put - put a part of a stream into a file, or end the program
 * @arg: the file, struct envelope
 * @data: the bytes
 * @len: how many, up to ENVELOPE_PART_MAX
 */
void envelope_put(void *arg, const void *data, size_t len)
{
	struct envelope *env = arg;
	__le32 part = htole32(len);

	halt_check();
	if (!env->raw)
		put(env, &part, sizeof(part));
	put(env, data, len);
	xxh64_update(&env->hash, data, len);
	env->length += len;
}

/**
 * envelope_commit - end a file and give it its name, or end the program
 * @env: the file
 */
void envelope_commit(struct envelope *env)
{
	struct envelope_tail tail = {
		.length = htole64(env->length),
		.checksum = htole64(xxh64_digest(&env->hash)),
	};
	__le32 no_part = 0;

	if (!env->raw) {
		put(env, &no_part, sizeof(no_part));
		put(env, &tail, sizeof(tail));
	}
	if (!*env->temporary)
		return;
	if (fsync(env->fd) || close(env->fd))
		write_failed(env, errno);
	if (rename(env->temporary, env->path))
		write_failed(env, errno);
	env->temporary[0] = '\0';
}
