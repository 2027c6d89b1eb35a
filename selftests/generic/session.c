// SPDX-License-Identifier: GPL-2.0-only
/* Sessions and streams of a device of which nothing is known. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "session.h"

/**
 * io_name - the result of a read() or write() in words
 * @n: bytes or -errno
 *
 * Return: for instance "ENOMSG" or "3 bytes".
 */
const char *io_name(ssize_t n)
{
	static char name[32];

	if (n < 0)
		return rule_errno(n);
	snprintf(name, sizeof(name), "%zd bytes", n);
	return name;
}

/**
 * session_dead - whether a data fd shows that its session is over
 * @n: what mig_session_touch() returned
 * @state: the state that the session was for
 *
 * "FD reaches end of stream or error", of which ENOMSG is neither: it is a
 * temporary end.
 *
 * Return: true if it does.
 */
bool session_dead(ssize_t n, __u32 state)
{
	if (state == VFIO_DEVICE_STATE_RESUMING)
		return n < 0;
	return n <= 0 && n != -ENOMSG;
}

/**
 * __session_read_on - read a pre-copy session to where it ends for now
 * @stream: what is read is appended here
 * @data_fd: the session
 * @chunk: bytes to ask for in each read()
 *
 * "the kernel driver should return ENOMSG": one that returns 0 instead has to
 * answer for that elsewhere.
 *
 * Return: 0, or -errno.
 */
int __session_read_on(struct mig_stream *stream, int data_fd, size_t chunk)
{
	int ret = __mig_stream_read(stream, data_fd, chunk);

	return ret == -ENOMSG ? 0 : ret;
}

/**
 * __session_finish - take a session through STOP_COPY
 * @dut: the device, in a state of the saving group; in STOP_COPY after it
 * @data_fd: the session; closed by this
 * @stream: what has been read so far, and the rest
 *
 * Return: 0, or the -errno of the first call that failed.
 */
int __session_finish(struct dut *dut, int data_fd, struct mig_stream *stream)
{
	int none, ret;

	ret = __vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_STOP_COPY, &none);
	if (!ret)
		ret = __mig_stream_read(stream, data_fd, MIG_CHUNK);
	close(data_fd);
	return ret;
}

/**
 * session_finish - take a session through STOP_COPY, or end the process
 * @dut: the device, in a state of the saving group; in STOP_COPY after it
 * @data_fd: the session; closed by this
 * @stream: what has been read so far, and the rest
 */
void session_finish(struct dut *dut, int data_fd, struct mig_stream *stream)
{
	int ret = __session_finish(dut, data_fd, stream);

	if (ret)
		die("%s after %zu bytes, on the way to the end of a stream",
		    rule_errno(ret), stream->len);
	if (!stream->len)
		die("the stream is empty");
}

/**
 * session_save - the stream of a fresh device, or end the process
 * @dut: the device; in STOP_COPY after it
 * @stream: the stream is put here
 */
void session_save(struct dut *dut, struct mig_stream *stream)
{
	stream->len = 0;
	session_finish(dut, dut_go(dut, VFIO_DEVICE_STATE_STOP_COPY), stream);
}

/**
 * session_save_precopy - the stream of a fresh device, read through all the
 *	PRE_COPY states that it has, or end the process
 * @dut: the device; in STOP_COPY after it
 * @stream: the stream is put here
 */
void session_save_precopy(struct dut *dut, struct mig_stream *stream)
{
	int data_fd = dut_go(dut, VFIO_DEVICE_STATE_PRE_COPY);

	stream->len = 0;
	must(__session_read_on(stream, data_fd, MIG_CHUNK));
	if (mig_model_supported(dut->flags, VFIO_DEVICE_STATE_PRE_COPY_P2P)) {
		vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_PRE_COPY_P2P);
		must(__session_read_on(stream, data_fd, MIG_CHUNK));
	}
	session_finish(dut, data_fd, stream);
}

/**
 * __session_load - load a stream into the device, made fresh
 * @dut: the device
 * @stream: the stream
 * @state: the state to leave RESUMING for
 *
 * Return: as __mig_load().
 */
int __session_load(struct dut *dut, const struct mig_stream *stream,
		   __u32 state)
{
	dut_fresh(dut);
	return __mig_load(&dut->dev, stream, MIG_CHUNK, state);
}

/**
 * session_resume - put a fresh device into RESUMING and write a whole stream,
 *	or end the process
 * @dut: the device
 * @stream: the stream
 *
 * Return: the data fd.
 */
int session_resume(struct dut *dut, const struct mig_stream *stream)
{
	int data_fd = dut_go(dut, VFIO_DEVICE_STATE_RESUMING);

	must(__mig_stream_write(stream, data_fd, MIG_CHUNK));
	return data_fd;
}

/* Bytes at either end of a stream to try, and places in between */
#define EDGE		64

/**
 * stream_next_point - the next byte of a stream to try something at
 * @at: the last one
 * @len: bytes of the stream
 * @each: a stream that is not longer gets a try at each of its bytes
 *
 * Return: the next byte of a short stream; of a longer one those at its ends,
 * and some in between; @len after the last one.
 */
size_t stream_next_point(size_t at, size_t len, size_t each)
{
	if (len <= each || len <= 3 * EDGE || at + 1 < EDGE || at >= len - EDGE)
		return at + 1;
	/* Odd, so that it does not step from record to record */
	at += (len / EDGE) | 1;
	return at < len - EDGE ? at : len - EDGE;
}

/* Small portions of a long stream, at its ends */
#define PORTIONS	2048

/**
 * stream_portion - how much to read or write next
 * @chunk: bytes at a time; 0 for now few, now many
 * @at: bytes done
 * @len: bytes of the stream
 *
 * Return: @chunk; in the middle of a long stream more, if that is few.
 */
size_t stream_portion(size_t chunk, size_t at, size_t len)
{
	if (!chunk)
		return 1 + at * 7919 % 5000;
	if (chunk >= 4096 || at < PORTIONS || at + PORTIONS >= len)
		return chunk;
	len -= at + PORTIONS;
	return len < MIG_CHUNK ? len : MIG_CHUNK;
}

/**
 * stream_part - make a stream of a part of another
 * @part: the stream that changes
 * @stream: the one that does not
 * @from: the first byte of it
 * @to: the first byte that is left out again
 */
void stream_part(struct mig_stream *part, const struct mig_stream *stream,
		 size_t from, size_t to)
{
	part->len = 0;
	mig_stream_append(part, stream->data + from, to - from);
}

/**
 * stream_random - the next number of a sequence that is always the same
 * @seed: where it stands, not 0
 *
 * Return: a number.
 */
__u64 stream_random(__u64 *seed)
{
	/* Marsaglia's xorshift */
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/**
 * stream_noise - make a stream that is none
 * @stream: the stream
 * @len: bytes
 * @seed: which noise; 0 and ~0 for a stream of nothing but that
 */
void stream_noise(struct mig_stream *stream, size_t len, __u64 seed)
{
	stream->len = 0;
	while (stream->len < len) {
		__u64 word = seed + 1 < 2 ? seed : stream_random(&seed);
		size_t left = len - stream->len;

		mig_stream_append(stream, &word,
				  left < sizeof(word) ? left : sizeof(word));
	}
}

/* The first page, the last one, and the half that is no process's */
void * const bad_addresses[] = {
	NULL,
	(void *)8,
	(void *)-4096L,
	(void *)-1L,
	(void *)(INTPTR_MIN),
};

const unsigned int nr_bad_addresses = ARRAY_LEN(bad_addresses);
