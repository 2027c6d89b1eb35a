// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading: what is accepted, what is refused, and what that leaves behind.
 *
 * Streams are as opaque as the uAPI says.  A stream that is no stream is made
 * from a good one: a part of it, more than it, or noise of its length.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut_fixture.h"
#include "session.h"

DUT_FIXTURE(resume, DUT_STOP_COPY);

/* "RESUMING -> STOP", and the paths that begin with it */
static bool leads_out(const struct dut *dut, __u32 to)
{
	struct mig_expect expect;

	mig_model_expect(dut->flags, VFIO_DEVICE_STATE_RESUMING, to, &expect);
	return !expect.ret && expect.ends;
}

static void maybe_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Accepted */

/* "the data transfer output of a single FD [...] from a compatible device" */
TEST_F(resume, whole_stream_is_accepted)
{
	struct mig_stream stream = {};
	__u32 to;

	session_save(&self->dut, &stream);
	for (to = 0; dut_has_state(&self->dut, &to); to++) {
		int data_fd, new_fd, ret;

		if (!leads_out(&self->dut, to))
			continue;
		data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
		ret = __mig_stream_write(&stream, data_fd, MIG_CHUNK);
		RULE_OK("MIG-RES-01", ret, "write() of a whole stream");
		ret = __vfio_mig_set(&self->dut.dev, to, &new_fd);
		RULE_OK("MIG-RES-01", ret, "SET %s after a whole stream",
			mig_state_name(to));
		if (!ret)
			maybe_close(new_fd);
		close(data_fd);
	}
	mig_stream_free(&stream);
}

/* A device that was in STOP when it was saved is no other one */
TEST_F(resume, stream_from_each_state_is_accepted)
{
	struct mig_stream stream = {};
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd = dut_go(&self->dut, state);

		/* RESUMING cannot be left for nothing */
		if (state == VFIO_DEVICE_STATE_RESUMING) {
			close(data_fd);
			continue;
		}
		if (!mig_model_saving(state))
			data_fd = vfio_mig_set(&self->dut.dev,
					       VFIO_DEVICE_STATE_STOP_COPY);
		stream.len = 0;
		session_finish(&self->dut, data_fd, &stream);
		RULE_OK("MIG-RES-01",
			__session_load(&self->dut, &stream,
				       VFIO_DEVICE_STATE_RUNNING),
			"load of a stream that was saved from %s",
			mig_state_name(state));
	}
	mig_stream_free(&stream);
}

TEST_F(resume, stream_from_pre_copy_is_accepted)
{
	struct mig_stream stream = {};

	if (!(self->dut.flags & VFIO_MIGRATION_PRE_COPY))
		SKIP(return, "the device has no PRE_COPY");
	session_save_precopy(&self->dut, &stream);
	RULE_OK("MIG-RES-01",
		__session_load(&self->dut, &stream, VFIO_DEVICE_STATE_RUNNING),
		"load of a stream from pre-copy and stop-copy");
	mig_stream_free(&stream);
}

/* A stream is no ticket for one entry */
TEST_F(resume, stream_is_accepted_again_and_again)
{
	struct mig_stream stream = {};
	unsigned int i;

	session_save(&self->dut, &stream);
	dut_fresh(&self->dut);
	for (i = 0; i < 3; i++)
		RULE_OK("MIG-RES-01",
			__mig_load(&self->dut.dev, &stream, MIG_CHUNK,
				   VFIO_DEVICE_STATE_STOP),
			"load %u of the same stream", i + 1);
	mig_stream_free(&stream);
}

/* Portions */

/* "The user is not required to preserve buffer segmentation" */
TEST_F(resume, stream_is_written_in_any_portions)
{
	static const size_t chunks[] = STREAM_CHUNKS;
	struct mig_stream stream = {};
	unsigned int i;

	session_save(&self->dut, &stream);
	for (i = 0; i < ARRAY_LEN(chunks); i++) {
		int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
		size_t done = 0;
		ssize_t n = 1;
		int none;

		while (done < stream.len && n > 0) {
			size_t len = stream_portion(chunks[i], done,
						    stream.len);

			if (len > stream.len - done)
				len = stream.len - done;
			n = mig_write(data_fd, stream.data + done, len);
			done += n > 0 ? n : 0;
		}
		RULE("MIG-RES-02", done == stream.len,
		     "data is taken, seen %s after %zu of %zu bytes: write() of %zu bytes at a time",
		     io_name(n), done, stream.len, chunks[i]);
		RULE_OK("MIG-RES-02",
			__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP,
				       &none),
			"SET STOP after write() of %zu bytes at a time",
			chunks[i]);
		close(data_fd);
	}
	mig_stream_free(&stream);
}

/* Write the rest of a stream, of which @done bytes are there; and leave */
static int finish(struct dut *dut, int data_fd, struct mig_stream *stream,
		  size_t done)
{
	struct mig_stream rest = {};
	int none, ret;

	stream_part(&rest, stream, done, stream->len);
	ret = __mig_stream_write(&rest, data_fd, MIG_CHUNK);
	mig_stream_free(&rest);
	close(data_fd);
	return ret ? ret : __vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_STOP,
					  &none);
}

TEST_F(resume, write_of_nothing_adds_nothing)
{
	struct mig_stream stream = {};
	size_t done = 0;
	unsigned int i;
	int data_fd;

	session_save(&self->dut, &stream);
	data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
	for (i = 0; i < 64 && done < stream.len; i++) {
		ssize_t n;

		mig_write(data_fd, stream.data, 0);
		n = mig_write(data_fd, stream.data + done, 1);
		done += n > 0 ? n : 0;
	}
	mig_write(data_fd, stream.data, 0);
	RULE_OK("MIG-RES-02", finish(&self->dut, data_fd, &stream, done),
		"load with write() of 0 bytes in between");
	mig_stream_free(&stream);
}

/* One call, many portions */
TEST_F(resume, stream_is_written_by_writev)
{
	struct mig_stream stream = {};
	struct iovec iov[IOV_MAX];
	size_t done = 0, len = 0;
	unsigned int i;
	int data_fd;
	ssize_t n;

	session_save(&self->dut, &stream);
	/* 0, 1, 2, ... 12 bytes, and again */
	for (i = 0; i < ARRAY_LEN(iov); i++) {
		iov[i].iov_base = stream.data + len;
		iov[i].iov_len = i % 13;
		if (iov[i].iov_len > stream.len - len)
			iov[i].iov_len = stream.len - len;
		len += iov[i].iov_len;
	}
	data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
	n = writev(data_fd, iov, ARRAY_LEN(iov));
	/* Who cannot do it may say so: with write() it must go on */
	if (n > 0)
		done = n;
	RULE("MIG-RES-02", done <= len, "%zu bytes, seen %zd: writev()", len,
	     n);
	if (done <= len)
		RULE_OK("MIG-RES-02",
			finish(&self->dut, data_fd, &stream, done),
			"load after writev() of %zu bytes", done);
	mig_stream_free(&stream);
}

TEST_F(resume, splice_moves_the_stream_or_fails)
{
	struct mig_stream stream = {};
	size_t done = 0;
	int pipes[2];
	int data_fd;

	session_save(&self->dut, &stream);
	data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
	ASSERT_EQ(0, pipe2(pipes, O_NONBLOCK));
	while (done < stream.len && done < 4000) {
		size_t len = stream.len - done < 100 ? stream.len - done : 100;
		ssize_t n;

		ASSERT_EQ(len, write(pipes[1], stream.data + done, len));
		n = splice(pipes[0], NULL, data_fd, NULL, len,
			   SPLICE_F_NONBLOCK);
		if (n <= 0)
			break;
		done += n;
		if (n < (ssize_t)len)
			break;
	}
	RULE_OK("MIG-RES-02", finish(&self->dut, data_fd, &stream, done),
		"load after splice() of %zu bytes", done);
	mig_stream_free(&stream);
}

TEST_F(resume, sendfile_moves_the_stream_or_fails)
{
	struct mig_stream stream = {};
	int data_fd, memfd;
	ssize_t n;

	session_save(&self->dut, &stream);
	memfd = memfd_create("stream", MFD_CLOEXEC);
	ASSERT_LE(0, memfd);
	ASSERT_LT(0, pwrite(memfd, stream.data, stream.len, 0));
	data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
	n = sendfile(data_fd, memfd, NULL, stream.len / 2);
	RULE_OK("MIG-RES-02",
		finish(&self->dut, data_fd, &stream, n > 0 ? n : 0),
		"load after sendfile() of %s", io_name(n > 0 ? n : 0));
	mig_stream_free(&stream);
}

/* Refused */

/* A stream that is no longer is cut at each of its bytes */
#define EACH		2048

/* "must fail the SET_STATE ioctl" if data is "incomplete" */
TEST_F(resume, incomplete_stream_is_refused)
{
	struct mig_stream stream = {}, cut = {};
	size_t at;

	session_save(&self->dut, &stream);
	for (at = 1; at < stream.len;
	     at = stream_next_point(at, stream.len, EACH)) {
		int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
		int none;

		stream_part(&cut, &stream, 0, at);
		__mig_stream_write(&cut, data_fd, MIG_CHUNK);
		RULE_FAILS("MIG-RES-03",
			   __vfio_mig_set(&self->dut.dev,
					  VFIO_DEVICE_STATE_STOP, &none),
			   "SET STOP after %zu of %zu bytes", at, stream.len);
		close(data_fd);
	}
	mig_stream_free(&cut);
	mig_stream_free(&stream);
}

TEST_F(resume, incomplete_stream_from_pre_copy_is_refused)
{
	struct mig_stream stream = {}, cut = {};
	size_t at;

	if (!(self->dut.flags & VFIO_MIGRATION_PRE_COPY))
		SKIP(return, "the device has no PRE_COPY");
	session_save_precopy(&self->dut, &stream);
	for (at = 1; at < stream.len;
	     at = stream_next_point(at, stream.len, EACH)) {
		stream_part(&cut, &stream, 0, at);
		RULE_FAILS("MIG-RES-03",
			   __session_load(&self->dut, &cut,
					  VFIO_DEVICE_STATE_STOP),
			   "load of %zu of %zu bytes", at, stream.len);
	}
	mig_stream_free(&cut);
	mig_stream_free(&stream);
}

/* By whichever path RESUMING is to be left */
TEST_F(resume, incomplete_stream_is_refused_on_each_path)
{
	struct mig_stream stream = {}, cut = {};
	__u32 to;

	session_save(&self->dut, &stream);
	stream_part(&cut, &stream, 0, stream.len - 1);
	for (to = 0; dut_has_state(&self->dut, &to); to++) {
		int data_fd, new_fd, ret;

		if (!leads_out(&self->dut, to))
			continue;
		data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
		__mig_stream_write(&cut, data_fd, MIG_CHUNK);
		ret = __vfio_mig_set(&self->dut.dev, to, &new_fd);
		RULE_FAILS("MIG-RES-03", ret,
			   "SET %s without the last byte", mig_state_name(to));
		if (!ret)
			maybe_close(new_fd);
		close(data_fd);
	}
	mig_stream_free(&cut);
	mig_stream_free(&stream);
}

TEST_F(resume, nothing_is_refused)
{
	__u32 to;

	for (to = 0; dut_has_state(&self->dut, &to); to++) {
		int data_fd, new_fd, ret;

		if (!leads_out(&self->dut, to))
			continue;
		data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
		ret = __vfio_mig_set(&self->dut.dev, to, &new_fd);
		RULE_FAILS("MIG-RES-04", ret,
			   "RESUMING to %s with nothing written",
			   mig_state_name(to));
		if (!ret)
			maybe_close(new_fd);
		close(data_fd);
	}
}

/* Nor by a write() of 0 bytes, or a fd that is closed */
TEST_F(resume, less_than_nothing_is_refused)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
	int none;

	mig_write(data_fd, &none, 0);
	RULE_FAILS("MIG-RES-04",
		   __vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP,
				  &none),
		   "SET STOP after write() of 0 bytes");
	close(data_fd);

	close(dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING));
	RULE_FAILS("MIG-RES-04",
		   __vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP,
				  &none),
		   "SET STOP with nothing written and the fd closed");
}

/* A device is not empty because it was loaded before */
TEST_F(resume, nothing_is_refused_after_a_load)
{
	struct mig_stream stream = {};
	int none;

	session_save(&self->dut, &stream);
	must(__session_load(&self->dut, &stream, VFIO_DEVICE_STATE_STOP));
	vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_RESUMING);
	RULE_FAILS("MIG-RES-04",
		   __vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP,
				  &none),
		   "SET STOP with nothing written, after a load");
	mig_stream_free(&stream);
}

/* Streams that a device should refuse, made from one that it accepts */
enum bad {
	BAD_NOTHING, BAD_BEGINNING, BAD_HALF, BAD_LAST, BAD_NOISE, BAD_ZEROES,
	BAD_ONES, NR_BAD
};

static const char * const bad_names[NR_BAD] = {
	"nothing", "one byte", "half a stream", "a stream but for one byte",
	"noise", "zeroes", "ones",
};

static void make_bad(struct mig_stream *bad, const struct mig_stream *stream,
		     enum bad how)
{
	bad->len = 0;
	switch (how) {
	case BAD_BEGINNING:
		stream_part(bad, stream, 0, 1);
		break;
	case BAD_HALF:
		stream_part(bad, stream, 0, stream->len / 2);
		break;
	case BAD_LAST:
		stream_part(bad, stream, 0, stream->len - 1);
		break;
	case BAD_NOISE:
		stream_noise(bad, stream->len, 42);
		break;
	case BAD_ZEROES:
		stream_noise(bad, stream->len, 0);
		break;
	case BAD_ONES:
		stream_noise(bad, stream->len, ~0ULL);
		break;
	default:
		break;
	}
}

/* Into RESUMING with a bad stream; whether a SET out of it was refused */
static bool refused(struct dut *dut, const struct mig_stream *bad, __u32 to)
{
	int data_fd = dut_go(dut, VFIO_DEVICE_STATE_RESUMING);
	int none, ret;

	__mig_stream_write(bad, data_fd, MIG_CHUNK);
	ret = __vfio_mig_set(&dut->dev, to, &none);
	close(data_fd);
	return ret < 0;
}

static const __u32 ways_out[] = {
	VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_RUNNING,
};

/* "fail the SET_STATE ioctl and optionally go to the ERROR state" */
TEST_F(resume, refused_device_is_in_RESUMING_or_ERROR)
{
	struct mig_stream stream = {}, bad = {};
	unsigned int i;
	enum bad how;

	session_save(&self->dut, &stream);
	for (how = 0; how < NR_BAD; how++) {
		make_bad(&bad, &stream, how);
		for (i = 0; i < ARRAY_LEN(ways_out); i++) {
			__u32 state;

			if (!refused(&self->dut, &bad, ways_out[i]))
				continue;
			state = vfio_mig_get(&self->dut.dev);
			RULE("MIG-RES-05",
			     state == VFIO_DEVICE_STATE_RESUMING ||
			     state == VFIO_DEVICE_STATE_ERROR,
			     "RESUMING or ERROR, seen %s: SET %s was refused after %s",
			     mig_state_name(state), mig_state_name(ways_out[i]),
			     bad_names[how]);
		}
	}
	mig_stream_free(&bad);
	mig_stream_free(&stream);
}

/* "To abort a RESUMING session the device must be reset" */
TEST_F(resume, refused_stream_is_not_accepted_when_SET_is_repeated)
{
	struct mig_stream stream = {}, bad = {};
	unsigned int i, j;
	enum bad how;

	session_save(&self->dut, &stream);
	for (how = 0; how < NR_BAD; how++) {
		make_bad(&bad, &stream, how);
		for (i = 0; i < ARRAY_LEN(ways_out); i++) {
			if (!refused(&self->dut, &bad, ways_out[i]))
				continue;
			for (j = 0; j < 4; j++) {
				__u32 to = ways_out[(i + j) % 2];
				int none;

				RULE_FAILS("MIG-RES-06",
					   __vfio_mig_set(&self->dut.dev, to,
							  &none),
					   "SET %s, %u after %s was refused",
					   mig_state_name(to), j + 1,
					   bad_names[how]);
			}
		}
	}
	mig_stream_free(&bad);
	mig_stream_free(&stream);
}

/* "inconsistent, or otherwise invalid" */
TEST_F(resume, noise_is_refused)
{
	struct mig_stream stream = {}, bad = {};
	enum bad how;

	session_save(&self->dut, &stream);
	for (how = BAD_NOISE; how <= BAD_ONES; how++) {
		make_bad(&bad, &stream, how);
		RULE_FAILS("MIG-RES-07",
			   __session_load(&self->dut, &bad,
					  VFIO_DEVICE_STATE_STOP),
			   "load of %s, as long as a stream", bad_names[how]);
	}
	mig_stream_free(&bad);
	mig_stream_free(&stream);
}

/* A driver that goes by magic numbers finds them where it looks for them */
TEST_F(resume, stream_that_begins_elsewhere_is_refused)
{
	struct mig_stream stream = {}, bad = {};

	session_save(&self->dut, &stream);
	/* The first byte is missing, another one is behind the last */
	stream_part(&bad, &stream, 1, stream.len);
	mig_stream_append(&bad, stream.data, 1);
	RULE_FAILS("MIG-RES-07",
		   __session_load(&self->dut, &bad, VFIO_DEVICE_STATE_STOP),
		   "load of a stream without its first byte");
	mig_stream_free(&bad);
	mig_stream_free(&stream);
}

/* Write @first and then @more: the first error of a call */
static int load_both(struct dut *dut, const struct mig_stream *first,
		     const struct mig_stream *more)
{
	int data_fd = session_resume(dut, first);
	int none, ret;

	ret = __mig_stream_write(more, data_fd, MIG_CHUNK);
	close(data_fd);
	return ret ? ret : __vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_STOP,
					  &none);
}

/* "taken from the data transfer output of a single FD" */
TEST_F(resume, more_than_a_stream_is_refused)
{
	struct mig_stream stream = {}, more = {}, both = {};
	unsigned int i;

	session_save(&self->dut, &stream);
	for (i = 0; i < 4; i++) {
		/* One byte of two kinds; another beginning; all of it again */
		if (i < 2)
			stream_noise(&more, 1, i ? ~0ULL : 0);
		else
			stream_part(&more, &stream, 0,
				    i == 2 ? 1 : stream.len);
		RULE_FAILS("MIG-RES-08", load_both(&self->dut, &stream, &more),
			   "load of a stream, then %zu bytes", more.len);
		mig_stream_copy(&both, &stream);
		mig_stream_append(&both, more.data, more.len);
		RULE_FAILS("MIG-RES-08",
			   __session_load(&self->dut, &both,
					  VFIO_DEVICE_STATE_STOP),
			   "load of a stream with %zu bytes more", more.len);
	}
	mig_stream_free(&both);
	mig_stream_free(&more);
	mig_stream_free(&stream);
}

/*
 * What a write() has refused
 */

/* Into RESUMING and write; the fd if the device refused it, or -1 */
static int refused_write(struct dut *dut, const struct mig_stream *bad)
{
	int data_fd = dut_go(dut, VFIO_DEVICE_STATE_RESUMING);

	if (__mig_stream_write(bad, data_fd, MIG_CHUNK))
		return data_fd;
	close(data_fd);
	return -1;
}

/* What to refuse: noise, or a stream with one byte changed */
static void make_damaged(struct mig_stream *bad,
			 const struct mig_stream *stream, unsigned int i)
{
	if (i < 3) {
		make_bad(bad, stream, BAD_NOISE + i);
		return;
	}
	mig_stream_copy(bad, stream);
	bad->data[(i - 3) * (stream->len - 1) / 16] ^= 0xff;
}

#define NR_DAMAGED	20

TEST_F(resume, SET_fails_when_write_failed)
{
	struct mig_stream stream = {}, bad = {};
	unsigned int i, n = 0;

	session_save(&self->dut, &stream);
	for (i = 0; i < NR_DAMAGED; i++) {
		int data_fd, none;

		make_damaged(&bad, &stream, i);
		data_fd = refused_write(&self->dut, &bad);
		if (data_fd < 0)
			continue;
		RULE_FAILS("MIG-RES-09",
			   __vfio_mig_set(&self->dut.dev,
					  VFIO_DEVICE_STATE_STOP, &none),
			   "SET STOP after a write() that failed");
		close(data_fd);
		n++;
	}
	mig_stream_free(&bad);
	mig_stream_free(&stream);
	if (!n)
		SKIP(return, "write() takes whatever it is given");
}

/* A stream has one beginning: what was refused is part of it */
TEST_F(resume, SET_fails_when_write_failed_and_the_stream_followed)
{
	struct mig_stream stream = {}, bad = {};
	unsigned int i, n = 0;

	session_save(&self->dut, &stream);
	for (i = 0; i < NR_DAMAGED; i++) {
		int data_fd, none;

		make_damaged(&bad, &stream, i);
		data_fd = refused_write(&self->dut, &bad);
		if (data_fd < 0)
			continue;
		__mig_stream_write(&stream, data_fd, MIG_CHUNK);
		RULE_FAILS("MIG-RES-09",
			   __vfio_mig_set(&self->dut.dev,
					  VFIO_DEVICE_STATE_STOP, &none),
			   "SET STOP after a write() that failed, and a whole stream");
		close(data_fd);
		n++;
	}
	mig_stream_free(&bad);
	mig_stream_free(&stream);
	if (!n)
		SKIP(return, "write() takes whatever it is given");
}

/* The next session */

/*
 * Without reset there is no way out of RESUMING but a whole stream; what opens
 * the device again is for other tests.
 */
#define NO_RESET	"the device has no VFIO_DEVICE_RESET"

/* Leave a session with a bad stream in it, by reset; refused by SET or not */
static void leave_bad(struct dut *dut, const struct mig_stream *bad, bool set)
{
	if (set) {
		refused(dut, bad, VFIO_DEVICE_STATE_STOP);
	} else {
		int data_fd = dut_go(dut, VFIO_DEVICE_STATE_RESUMING);

		__mig_stream_write(bad, data_fd, MIG_CHUNK);
		close(data_fd);
	}
	vfio_dev_reset(&dut->dev);
}

TEST_F(resume, whole_stream_is_accepted_after_a_bad_one)
{
	struct mig_stream stream = {}, bad = {};
	unsigned int set;
	enum bad how;

	if (!vfio_dev_can_reset(&self->dut.dev))
		SKIP(return, NO_RESET);
	session_save(&self->dut, &stream);
	for (how = 0; how < NR_BAD; how++) {
		make_bad(&bad, &stream, how);
		for (set = 0; set < 2; set++) {
			leave_bad(&self->dut, &bad, set);
			RULE_OK("MIG-RES-10",
				__mig_load(&self->dut.dev, &stream, MIG_CHUNK,
					   VFIO_DEVICE_STATE_STOP),
				"load after %s and reset%s", bad_names[how],
				set ? ", SET was refused before" : "");
		}
	}
	mig_stream_free(&bad);
	mig_stream_free(&stream);
}

/* Half of a stream in each of two sessions is no stream */
TEST_F(resume, rest_of_an_earlier_stream_is_refused)
{
	struct mig_stream stream = {}, part = {};
	unsigned int i, set;

	if (!vfio_dev_can_reset(&self->dut.dev))
		SKIP(return, NO_RESET);
	session_save(&self->dut, &stream);
	for (i = 1; i < 16; i++) {
		/* Nearer to the ends than to the middle */
		size_t at = i < 8 ? (1UL << i) - 1 :
				    stream.len - (1UL << (15 - i));

		if (!at || at >= stream.len)
			continue;
		for (set = 0; set < 2; set++) {
			stream_part(&part, &stream, 0, at);
			leave_bad(&self->dut, &part, set);
			stream_part(&part, &stream, at, stream.len);
			RULE_FAILS("MIG-RES-10",
				   __mig_load(&self->dut.dev, &part, MIG_CHUNK,
					      VFIO_DEVICE_STATE_STOP),
				   "load of what is behind byte %zu, after what is before it and reset",
				   at);
			vfio_dev_reset(&self->dut.dev);
		}
	}
	mig_stream_free(&part);
	mig_stream_free(&stream);
}

/* Also after a session that went well, for which no reset is needed */
TEST_F(resume, incomplete_stream_is_refused_after_a_whole_one)
{
	struct mig_stream stream = {}, part = {};
	unsigned int i;

	session_save(&self->dut, &stream);
	for (i = 0; i < 3; i++) {
		must(__session_load(&self->dut, &stream,
				    VFIO_DEVICE_STATE_STOP));
		/* Its beginning, all but its end, all but its beginning */
		stream_part(&part, &stream, i == 2 ? 1 : 0,
			    i == 0 ? 1 : stream.len - (i == 1));
		RULE_FAILS("MIG-RES-10",
			   __mig_load(&self->dut.dev, &part, MIG_CHUNK,
				      VFIO_DEVICE_STATE_STOP),
			   "load of %zu of %zu bytes after a whole stream",
			   part.len, stream.len);
	}
	mig_stream_free(&part);
	mig_stream_free(&stream);
}

/* On and on */

TEST_F(resume, loaded_device_can_be_saved)
{
	struct mig_stream stream = {};
	unsigned int i;

	session_save(&self->dut, &stream);
	for (i = 0; i < 3; i++) {
		int data_fd, ret;

		must(__session_load(&self->dut, &stream,
				    ways_out[i % ARRAY_LEN(ways_out)]));
		ret = __vfio_mig_set(&self->dut.dev,
				     VFIO_DEVICE_STATE_STOP_COPY, &data_fd);
		RULE_OK("MIG-RES-11", ret, "SET STOP_COPY after a load");
		if (ret)
			break;
		stream.len = 0;
		ret = __session_finish(&self->dut, data_fd, &stream);
		RULE_OK("MIG-RES-11", ret, "save after a load");
		RULE_OK("MIG-RES-11",
			__session_load(&self->dut, &stream,
				       VFIO_DEVICE_STATE_STOP),
			"load of what was saved after a load");
	}
	mig_stream_free(&stream);
}

/* "RESUMING to STOP_COPY" in one SET: what is loaded flows out again */
TEST_F(resume, loaded_device_can_be_saved_at_once)
{
	struct mig_stream stream = {}, again = {};
	int data_fd, save_fd, ret;

	session_save(&self->dut, &stream);
	data_fd = session_resume(&self->dut, &stream);
	ret = __vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP_COPY,
			     &save_fd);
	close(data_fd);
	RULE_OK("MIG-RES-11", ret, "RESUMING to STOP_COPY");
	if (!ret) {
		ret = __session_finish(&self->dut, save_fd, &again);
		RULE_OK("MIG-RES-11", ret, "save right after RESUMING");
		RULE_OK("MIG-RES-11",
			__session_load(&self->dut, &again,
				       VFIO_DEVICE_STATE_STOP),
			"load of what was saved right after RESUMING");
	}
	mig_stream_free(&again);
	mig_stream_free(&stream);
}

TEST_F(resume, loaded_device_can_be_saved_through_pre_copy)
{
	struct mig_stream stream = {};
	int data_fd, ret;

	if (!(self->dut.flags & VFIO_MIGRATION_PRE_COPY))
		SKIP(return, "the device has no PRE_COPY");
	session_save(&self->dut, &stream);
	must(__session_load(&self->dut, &stream, VFIO_DEVICE_STATE_RUNNING));
	ret = __vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_PRE_COPY,
			     &data_fd);
	RULE_OK("MIG-RES-11", ret, "SET PRE_COPY after a load");
	if (!ret) {
		stream.len = 0;
		__session_read_on(&stream, data_fd, MIG_CHUNK);
		ret = __session_finish(&self->dut, data_fd, &stream);
		RULE_OK("MIG-RES-11", ret, "save after a load");
		RULE_OK("MIG-RES-11",
			__session_load(&self->dut, &stream,
				       VFIO_DEVICE_STATE_STOP),
			"load of what was saved after a load");
	}
	mig_stream_free(&stream);
}

/* From the first device to the second and back, by each of the ways */
TEST_F(resume, there_and_back)
{
	struct mig_stream stream = {};
	unsigned int round;
	struct dut second;
	const char *why;

	why = dut_open_second(&second, &self->dut);
	if (why)
		SKIP(return, "%s", why);

	dut_fresh(&self->dut);
	for (round = 0; round < 4; round++) {
		struct dut *from = round % 2 ? &second : &self->dut;
		struct dut *to = round % 2 ? &self->dut : &second;
		__u32 save = round / 2 &&
			     self->dut.flags & VFIO_MIGRATION_PRE_COPY ?
			     VFIO_DEVICE_STATE_PRE_COPY :
			     VFIO_DEVICE_STATE_STOP_COPY;
		int data_fd, ret;

		/* The one that was loaded runs, the other was left behind */
		ret = __vfio_mig_set(&from->dev, save, &data_fd);
		RULE_OK("MIG-RES-11", ret, "SET %s in round %u",
			mig_state_name(save), round + 1);
		if (ret)
			break;
		stream.len = 0;
		if (save == VFIO_DEVICE_STATE_PRE_COPY)
			__session_read_on(&stream, data_fd, MIG_CHUNK);
		ret = __session_finish(from, data_fd, &stream);
		RULE_OK("MIG-RES-11", ret, "save in round %u", round + 1);
		vfio_mig_set(&from->dev, VFIO_DEVICE_STATE_STOP);
		RULE_OK("MIG-RES-11",
			__mig_load(&to->dev, &stream, MIG_CHUNK,
				   VFIO_DEVICE_STATE_RUNNING),
			"load into the other device in round %u", round + 1);
	}
	mig_stream_free(&stream);
}

TEST_HARNESS_MAIN
