// SPDX-License-Identifier: GPL-2.0-only
/* The data fd: when it comes, what it gives in STOP_COPY, and when it dies. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/child.h"
#include "../lib/rule.h"
#include "../lib/worker.h"
#include "dut_fixture.h"
#include "session.h"

DUT_FIXTURE(data_fd, DUT_STOP_COPY);

/* Put a fresh device into a state which it can leave again */
static int go(struct dut *dut, __u32 state, const struct mig_stream *stream)
{
	if (state == VFIO_DEVICE_STATE_RESUMING)
		return session_resume(dut, stream);
	return dut_go(dut, state);
}

static void maybe_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* "If the new_state starts a new data transfer session" */
TEST_F(data_fd, comes_where_a_session_begins_and_nowhere_else)
{
	struct mig_stream stream = {};
	__u32 from, to;

	session_save(&self->dut, &stream);
	for (from = 0; dut_has_state(&self->dut, &from); from++) {
		for (to = 0; dut_has_state(&self->dut, &to); to++) {
			int old_fd = go(&self->dut, from, &stream);
			struct mig_expect expect;
			int data_fd;

			mig_model_expect(self->dut.flags, from, to, &expect);
			/* Whether it should have worked is another matter */
			if (__vfio_mig_set(&self->dut.dev, to, &data_fd))
				expect.new_fd = false;
			RULE("MIG-FD-01", (data_fd >= 0) == expect.new_fd,
			     "%s, seen data_fd %d: %s to %s",
			     expect.new_fd ? "a data fd" : "none", data_fd,
			     mig_state_name(from), mig_state_name(to));
			maybe_close(data_fd);
			maybe_close(old_fd);
		}
	}
	mig_stream_free(&stream);
}

/* "data_fd will be -1" otherwise: any other number might be some fd */
TEST_F(data_fd, is_minus_one_without_a_session)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd;

		if (mig_model_session(state))
			continue;
		dut_fresh(&self->dut);
		if (!__vfio_mig_set(&self->dut.dev, state, &data_fd))
			RULE_EQ("MIG-FD-01", -1, data_fd,
				"data_fd after SET %s", mig_state_name(state));
	}
}

TEST_F(data_fd, is_closed_on_exec)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd = dut_go(&self->dut, state);
		int flags;

		if (data_fd < 0)
			continue;
		flags = fcntl(data_fd, F_GETFD);
		RULE("MIG-FD-02", flags >= 0 && flags & FD_CLOEXEC,
		     "FD_CLOEXEC, seen flags %#x: fd of %s", flags,
		     mig_state_name(state));
		close(data_fd);
	}
}

/* Saving fds are for read(), the RESUMING one for write() */
TEST_F(data_fd, wrong_direction_is_refused)
{
	__u8 byte = 0;
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd = dut_go(&self->dut, state);

		if (mig_model_saving(state))
			RULE_FAILS("MIG-FD-03",
				   mig_write(data_fd, &byte, sizeof(byte)),
				   "write() in %s", mig_state_name(state));
		else if (mig_model_session(state))
			RULE_FAILS("MIG-FD-03",
				   mig_read(data_fd, &byte, sizeof(byte)),
				   "read() in %s", mig_state_name(state));
		maybe_close(data_fd);
	}
}

/* A stream has no position that a user could name */
TEST_F(data_fd, cannot_seek)
{
	static const int whences[] = { SEEK_SET, SEEK_CUR, SEEK_END };
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd = dut_go(&self->dut, state);
		const char *name = mig_state_name(state);
		__u8 byte = 0;
		unsigned int i;

		if (data_fd < 0)
			continue;
		for (i = 0; i < ARRAY_LEN(whences); i++)
			RULE_FAILS("MIG-FD-04",
				   lseek(data_fd, 0, whences[i]),
				   "lseek() %u in %s", i, name);
		RULE_FAILS("MIG-FD-04", pread(data_fd, &byte, 1, 0),
			   "pread() in %s", name);
		RULE_FAILS("MIG-FD-04", pwrite(data_fd, &byte, 1, 0),
			   "pwrite() in %s", name);
		close(data_fd);
	}
}

/* The end */

TEST_F(data_fd, STOP_COPY_comes_to_an_end)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
	struct mig_stream stream = {};
	int ret = __mig_stream_read(&stream, data_fd, 4096);

	RULE("MIG-FD-05", !ret, "end of stream, seen %s after %zu bytes",
	     rule_errno(ret), stream.len);
	RULE("MIG-FD-05", stream.len, "a stream, seen end of stream at once");
	mig_stream_free(&stream);
}

TEST_F(data_fd, STOP_COPY_gives_the_whole_state)
{
	struct mig_stream stream = {};

	session_save(&self->dut, &stream);
	RULE_OK("MIG-FD-05",
		__session_load(&self->dut, &stream, VFIO_DEVICE_STATE_STOP),
		"load of a stream that was read up to its end");
	mig_stream_free(&stream);
}

/* "permanent end of stream signaled [...] by read() always returning 0" */
TEST_F(data_fd, STOP_COPY_end_is_permanent)
{
	static const size_t sizes[] = { 1, 4096, MIG_CHUNK, 1 };
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
	struct mig_stream stream = {};
	unsigned int i;
	__u64 bytes;

	mig_stream_read(&stream, data_fd, MIG_CHUNK, 0);
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		ssize_t n = mig_read(data_fd, stream.data,
				     sizes[i] < stream.size ? sizes[i] :
							      stream.size);

		RULE("MIG-FD-06", !n, "0, seen %s: read() %u after the end",
		     io_name(n), i);
		/* Who asks how much there is does not make it begin anew */
		__vfio_mig_data_size(&self->dut.dev, &bytes);
		fd_poll(data_fd, POLLIN);
	}
	mig_stream_free(&stream);
}

/* A user may ask for STOP_COPY again, to no effect */
TEST_F(data_fd, STOP_COPY_end_stays_after_SET_STOP_COPY)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
	struct mig_stream stream = {};
	int none;
	ssize_t n;

	mig_stream_read(&stream, data_fd, MIG_CHUNK, 0);
	__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP_COPY, &none);
	n = mig_read(data_fd, stream.data, 1);
	RULE("MIG-FD-06", !n, "0, seen %s: read() after the end and SET",
	     io_name(n));
	mig_stream_free(&stream);
}

#define RULE_READABLE(data_fd, fmt, ...)				\
	do {								\
		short revents_ = fd_poll(data_fd, POLLIN);		\
									\
		RULE("MIG-FD-07", revents_ & POLLIN,			\
		     "POLLIN, seen revents %#x: " fmt, revents_,	\
		     ##__VA_ARGS__);					\
	} while (0)

/* "poll always returning readable" */
TEST_F(data_fd, STOP_COPY_is_always_readable)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
	struct mig_stream stream = {};
	__u8 byte;

	RULE_READABLE(data_fd, "before the first read()");
	mig_read(data_fd, &byte, 1);
	RULE_READABLE(data_fd, "in the middle");
	mig_stream_read(&stream, data_fd, MIG_CHUNK, 0);
	RULE_READABLE(data_fd, "after the last byte");
	mig_read(data_fd, &byte, 1);
	RULE_READABLE(data_fd, "after the end was read");
	mig_stream_free(&stream);
}

/* However STOP_COPY was reached, and whatever was read before */
TEST_F(data_fd, STOP_COPY_is_always_readable_after_pre_copy)
{
	struct mig_stream stream = {};
	unsigned int all;

	if (!(self->dut.flags & VFIO_MIGRATION_PRE_COPY))
		SKIP(return, "the device has no PRE_COPY");
	for (all = 0; all < 2; all++) {
		int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);

		stream.len = 0;
		if (all)
			must(__session_read_on(&stream, data_fd, MIG_CHUNK));
		vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP_COPY);
		RULE_READABLE(data_fd, "%s of pre-copy was read",
			      all ? "all" : "nothing");
		mig_stream_read(&stream, data_fd, MIG_CHUNK, 0);
		RULE_READABLE(data_fd, "at the end, %s of pre-copy was read",
			      all ? "all" : "nothing");
		close(data_fd);
	}
	mig_stream_free(&stream);
}

/* "ENOMSG may not be returned in STOP_COPY" */
TEST_F(data_fd, STOP_COPY_has_no_ENOMSG)
{
	struct mig_stream stream = {};
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		unsigned int i;
		int data_fd;

		if (!mig_model_saving(state))
			continue;
		data_fd = dut_go(&self->dut, state);
		stream.len = 0;
		if (state != VFIO_DEVICE_STATE_STOP_COPY) {
			must(__session_read_on(&stream, data_fd, MIG_CHUNK));
			vfio_mig_set(&self->dut.dev,
				     VFIO_DEVICE_STATE_STOP_COPY);
		}
		for (i = 0; i < 3; i++) {
			int ret = __mig_stream_read(&stream, data_fd, 4096);

			RULE("MIG-FD-08", ret != -ENOMSG,
			     "end of stream, seen ENOMSG after %zu bytes: from %s",
			     stream.len, mig_state_name(state));
		}
		close(data_fd);
	}
	mig_stream_free(&stream);
}

/* Death */

/* Begun, read to the end or not at all: the position must not matter */
enum used { UNUSED, BEGUN, READ };

static const char * const used_names[] = { "unused", "begun", "read" };

static void use(int data_fd, __u32 state, enum used used)
{
	struct mig_stream stream = {};

	if (used == BEGUN)
		mig_session_touch(data_fd, state);
	if (used == READ)
		__session_read_on(&stream, data_fd, MIG_CHUNK);
	mig_stream_free(&stream);
}

/* "whenever the migration FSM leaves a data transfer state" */
TEST_F(data_fd, is_dead_when_its_session_was_left)
{
	struct mig_stream stream = {};
	__u32 from, to;
	enum used used;

	session_save(&self->dut, &stream);
	for (from = 0; dut_has_state(&self->dut, &from); from++) {
		if (!mig_model_saving(from))
			continue;
		for (to = 0; dut_has_state(&self->dut, &to); to++) {
			for (used = UNUSED; used <= READ; used++) {
				struct mig_expect expect;
				int data_fd, new_fd;
				ssize_t n;

				mig_model_expect(self->dut.flags, from, to,
						 &expect);
				if (expect.ret || !expect.ends)
					continue;
				data_fd = dut_go(&self->dut, from);
				use(data_fd, from, used);
				if (__vfio_mig_set(&self->dut.dev, to, &new_fd))
					continue;
				n = mig_session_touch(data_fd, from);
				RULE("MIG-FD-09", session_dead(n, from),
				     "end of stream or error, seen %s: read() of a session that was %s, after %s to %s",
				     io_name(n), used_names[used],
				     mig_state_name(from), mig_state_name(to));
				maybe_close(new_fd);
				close(data_fd);
			}
		}
	}
	mig_stream_free(&stream);
}

TEST_F(data_fd, is_dead_when_RESUMING_was_left)
{
	struct mig_stream stream = {};
	__u32 to;

	session_save(&self->dut, &stream);
	for (to = 0; dut_has_state(&self->dut, &to); to++) {
		struct mig_expect expect;
		int data_fd, new_fd;

		mig_model_expect(self->dut.flags, VFIO_DEVICE_STATE_RESUMING,
				 to, &expect);
		if (expect.ret || !expect.ends)
			continue;
		data_fd = session_resume(&self->dut, &stream);
		if (__vfio_mig_set(&self->dut.dev, to, &new_fd))
			continue;
		RULE_FAILS("MIG-FD-09",
			   mig_session_touch(data_fd,
					     VFIO_DEVICE_STATE_RESUMING),
			   "write() after RESUMING to %s", mig_state_name(to));
		maybe_close(new_fd);
		close(data_fd);
	}
	mig_stream_free(&stream);
}

/* A new session to save: from the state of the old one by way of another */
static const struct {
	__u32 old;
	__u32 via;
	__u32 new;
} sequels[] = {
	{ VFIO_DEVICE_STATE_STOP_COPY, VFIO_DEVICE_STATE_STOP,
	  VFIO_DEVICE_STATE_STOP_COPY },
	{ VFIO_DEVICE_STATE_STOP_COPY, VFIO_DEVICE_STATE_RUNNING,
	  VFIO_DEVICE_STATE_PRE_COPY },
	{ VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_RUNNING,
	  VFIO_DEVICE_STATE_PRE_COPY },
	{ VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_RUNNING,
	  VFIO_DEVICE_STATE_STOP_COPY },
	{ VFIO_DEVICE_STATE_PRE_COPY_P2P, VFIO_DEVICE_STATE_RUNNING_P2P,
	  VFIO_DEVICE_STATE_PRE_COPY_P2P },
	{ VFIO_DEVICE_STATE_RESUMING, VFIO_DEVICE_STATE_STOP,
	  VFIO_DEVICE_STATE_STOP_COPY },
	{ VFIO_DEVICE_STATE_RESUMING, VFIO_DEVICE_STATE_RUNNING,
	  VFIO_DEVICE_STATE_PRE_COPY },
};

static bool has_sequel(const struct dut *dut, unsigned int i)
{
	return mig_model_supported(dut->flags, sequels[i].old) &&
	       mig_model_supported(dut->flags, sequels[i].via) &&
	       mig_model_supported(dut->flags, sequels[i].new);
}

TEST_F(data_fd, of_an_earlier_session_stays_dead)
{
	struct mig_stream whole = {};
	unsigned int i;

	session_save(&self->dut, &whole);
	for (i = 0; i < ARRAY_LEN(sequels); i++) {
		int old_fd, data_fd;
		ssize_t n;

		if (!has_sequel(&self->dut, i))
			continue;
		old_fd = go(&self->dut, sequels[i].old, &whole);
		vfio_mig_set(&self->dut.dev, sequels[i].via);
		data_fd = vfio_mig_set(&self->dut.dev, sequels[i].new);
		n = mig_session_touch(old_fd, sequels[i].old);
		RULE("MIG-FD-10", session_dead(n, sequels[i].old),
		     "a dead fd, seen %s: fd of %s in a new session of %s",
		     io_name(n), mig_state_name(sequels[i].old),
		     mig_state_name(sequels[i].new));
		close(old_fd);
		close(data_fd);
	}
	mig_stream_free(&whole);
}

/* Neither what is done with the old fd nor its close touches the new session */
TEST_F(data_fd, of_an_earlier_session_takes_nothing_from_the_new_one)
{
	struct mig_stream whole = {}, stream = {};
	unsigned int i;

	session_save(&self->dut, &whole);
	for (i = 0; i < ARRAY_LEN(sequels); i++) {
		int old_fd, data_fd;
		__u8 buf[16];

		if (!has_sequel(&self->dut, i))
			continue;
		old_fd = go(&self->dut, sequels[i].old, &whole);
		vfio_mig_set(&self->dut.dev, sequels[i].via);
		data_fd = vfio_mig_set(&self->dut.dev, sequels[i].new);
		mig_read(old_fd, buf, sizeof(buf));
		mig_write(old_fd, buf, sizeof(buf));
		close(old_fd);
		stream.len = 0;
		session_finish(&self->dut, data_fd, &stream);
		RULE_OK("MIG-FD-10",
			__session_load(&self->dut, &stream,
				       VFIO_DEVICE_STATE_STOP),
			"load of a stream of %s, saved with the fd of %s open",
			mig_state_name(sequels[i].new),
			mig_state_name(sequels[i].old));
	}
	mig_stream_free(&whole);
	mig_stream_free(&stream);
}

TEST_F(data_fd, of_an_earlier_session_adds_nothing_to_a_load)
{
	struct mig_stream whole = {};
	__u32 state;

	session_save(&self->dut, &whole);
	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int old_fd, data_fd;
		__u8 byte;

		if (!mig_model_session(state))
			continue;
		old_fd = go(&self->dut, state, &whole);
		vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP);
		data_fd = vfio_mig_set(&self->dut.dev,
				       VFIO_DEVICE_STATE_RESUMING);
		byte = whole.data[0];
		mig_write(old_fd, &byte, 1);
		mig_read(old_fd, &byte, 1);
		must(__mig_stream_write(&whole, data_fd, MIG_CHUNK));
		byte = 0;
		mig_write(old_fd, &byte, 1);
		close(old_fd);
		RULE_OK("MIG-FD-10",
			__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP,
				       &old_fd),
			"load with a fd of %s open", mig_state_name(state));
		close(data_fd);
	}
	mig_stream_free(&whole);
}

/* "The user is responsible to close this FD when it is finished": or before */
TEST_F(data_fd, may_be_closed_within_its_session)
{
	struct mig_stream stream = {};
	__u32 from, to;

	session_save(&self->dut, &stream);
	for (from = 0; dut_has_state(&self->dut, &from); from++) {
		if (!mig_model_session(from))
			continue;
		for (to = 0; dut_has_state(&self->dut, &to); to++) {
			struct mig_expect expect;
			int data_fd;

			mig_model_expect(self->dut.flags, from, to, &expect);
			if (expect.ret)
				continue;
			close(go(&self->dut, from, &stream));
			RULE_OK("MIG-FD-11",
				__vfio_mig_set(&self->dut.dev, to, &data_fd),
				"%s to %s with the fd closed",
				mig_state_name(from), mig_state_name(to));
			maybe_close(data_fd);
		}
	}
	mig_stream_free(&stream);
}

TEST_F(data_fd, closed_within_its_session_spoils_no_later_one)
{
	struct mig_stream whole = {}, stream = {};
	__u32 state;

	session_save(&self->dut, &whole);
	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd;

		if (!mig_model_session(state))
			continue;
		close(go(&self->dut, state, &whole));
		/* If it cannot be left, another test tells */
		if (__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP,
				   &data_fd))
			continue;
		data_fd = vfio_mig_set(&self->dut.dev,
				       VFIO_DEVICE_STATE_STOP_COPY);
		stream.len = 0;
		session_finish(&self->dut, data_fd, &stream);
		RULE_OK("MIG-FD-11",
			__session_load(&self->dut, &stream,
				       VFIO_DEVICE_STATE_STOP),
			"load of what was saved after %s with its fd closed",
			mig_state_name(state));
	}
	mig_stream_free(&whole);
	mig_stream_free(&stream);
}

/* The position is the session's */
TEST_F(data_fd, session_begins_at_the_start_of_the_stream)
{
	struct mig_stream stream = {};
	unsigned int i;
	enum used used;

	for (i = 0; i < ARRAY_LEN(sequels); i++) {
		if (!has_sequel(&self->dut, i) ||
		    !mig_model_saving(sequels[i].old))
			continue;
		for (used = BEGUN; used <= READ; used++) {
			int data_fd = dut_go(&self->dut, sequels[i].old);

			use(data_fd, sequels[i].old, used);
			vfio_mig_set(&self->dut.dev, sequels[i].via);
			close(data_fd);
			data_fd = vfio_mig_set(&self->dut.dev, sequels[i].new);
			stream.len = 0;
			session_finish(&self->dut, data_fd, &stream);
			RULE_OK("MIG-FD-12",
				__session_load(&self->dut, &stream,
					       VFIO_DEVICE_STATE_STOP),
				"load of what was saved from %s, after a session of %s that was %s",
				mig_state_name(sequels[i].new),
				mig_state_name(sequels[i].old),
				used_names[used]);
		}
	}
	mig_stream_free(&stream);
}

/* Portions */

/* Read a fresh device as stream_portion() says; bytes or -errno */
static ssize_t save_in_portions(struct dut *dut, struct mig_stream *stream,
				size_t chunk, size_t len)
{
	int data_fd = dut_go(dut, VFIO_DEVICE_STATE_STOP_COPY);
	__u8 *buf = malloc(chunk > MIG_CHUNK ? chunk : MIG_CHUNK);
	ssize_t n;

	if (!buf)
		die("no memory");
	stream->len = 0;
	do {
		size_t portion = stream_portion(chunk, stream->len, len);

		n = mig_read(data_fd, buf, portion);
		if (n > (ssize_t)portion)
			n = -EOVERFLOW;
		/* It was idle, so it is about as long as the other one */
		if (stream->len > 2 * len + MIG_CHUNK)
			n = -EFBIG;
		if (n > 0)
			mig_stream_append(stream, buf, n);
	} while (n > 0);
	free(buf);
	close(data_fd);
	return n;
}

/* "must consider the migration data stream [...] to be opaque" */
TEST_F(data_fd, stream_is_read_in_any_portions)
{
	static const size_t chunks[] = STREAM_CHUNKS;
	struct mig_stream whole = {}, stream = {};
	unsigned int i;

	session_save(&self->dut, &whole);
	for (i = 0; i < ARRAY_LEN(chunks); i++) {
		int ret = save_in_portions(&self->dut, &stream, chunks[i],
					   whole.len);

		RULE("MIG-FD-13", !ret,
		     "end of stream, seen %s: read() of %zu bytes at a time",
		     rule_errno(ret), chunks[i]);
		if (ret)
			continue;
		RULE_OK("MIG-FD-13",
			__session_load(&self->dut, &stream,
				       VFIO_DEVICE_STATE_STOP),
			"load of a stream that was read %zu bytes at a time",
			chunks[i]);
	}
	mig_stream_free(&whole);
	mig_stream_free(&stream);
}

TEST_F(data_fd, read_of_nothing_takes_nothing)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
	struct mig_stream stream = {};
	unsigned int i;

	for (i = 0; i < 64; i++) {
		__u8 buf[64];
		ssize_t n;

		mig_read(data_fd, buf, 0);
		n = mig_read(data_fd, buf, 1 + i % sizeof(buf));
		if (n > 0 && n <= (ssize_t)sizeof(buf))
			mig_stream_append(&stream, buf, n);
	}
	session_finish(&self->dut, data_fd, &stream);
	RULE_OK("MIG-FD-13",
		__session_load(&self->dut, &stream, VFIO_DEVICE_STATE_STOP),
		"load of a stream with read() of 0 bytes in between");
	mig_stream_free(&stream);
}

/* One call, many portions */
TEST_F(data_fd, stream_is_read_by_readv)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
	struct mig_stream stream = {};
	struct iovec iov[IOV_MAX];
	size_t len = 0;
	unsigned int i;
	__u8 *buf;
	ssize_t n;

	/* 0, 1, 2, ... 12 bytes, and again */
	for (i = 0; i < ARRAY_LEN(iov); i++)
		len += i % 13;
	buf = malloc(len);
	ASSERT_NE(NULL, buf);
	for (i = 0, len = 0; i < ARRAY_LEN(iov); i++) {
		iov[i].iov_base = buf + len;
		iov[i].iov_len = i % 13;
		len += i % 13;
	}
	do {
		n = readv(data_fd, iov, ARRAY_LEN(iov));
		if (n > 0 && n <= (ssize_t)len)
			mig_stream_append(&stream, buf, n);
	} while (n > 0 && stream.len < 20 * len);
	/* Who cannot do it may say so: with read() it must go on */
	session_finish(&self->dut, data_fd, &stream);
	RULE_OK("MIG-FD-13",
		__session_load(&self->dut, &stream, VFIO_DEVICE_STATE_STOP),
		"load of a stream that readv() has read %s of",
		n < 0 ? "nothing" : "some");
	free(buf);
	mig_stream_free(&stream);
}

/* In a driver without it splice() fails; what it moves must be the stream */
TEST_F(data_fd, splice_moves_the_stream_or_fails)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
	struct mig_stream stream = {};
	unsigned int i;
	int pipes[2];

	ASSERT_EQ(0, pipe2(pipes, O_NONBLOCK));
	for (i = 0; i < 16; i++) {
		ssize_t n = splice(data_fd, NULL, pipes[1], NULL, 100,
				   SPLICE_F_NONBLOCK);
		__u8 buf[100];

		if (n <= 0)
			break;
		/* As much as it says to have moved, or the stream lacks it */
		n = read(pipes[0], buf, sizeof(buf));
		if (n > 0)
			mig_stream_append(&stream, buf, n);
	}
	session_finish(&self->dut, data_fd, &stream);
	RULE_OK("MIG-FD-13",
		__session_load(&self->dut, &stream, VFIO_DEVICE_STATE_STOP),
		"load of a stream that splice() has moved %u pieces of", i);
	mig_stream_free(&stream);
}

TEST_F(data_fd, sendfile_moves_the_stream_or_fails)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
	struct mig_stream stream = {};
	__u8 buf[1000];
	ssize_t moved;
	int memfd;

	memfd = memfd_create("stream", MFD_CLOEXEC);
	ASSERT_LE(0, memfd);
	moved = sendfile(memfd, data_fd, NULL, sizeof(buf));
	if (moved > 0) {
		ssize_t n = pread(memfd, buf, sizeof(buf), 0);

		if (n > 0)
			mig_stream_append(&stream, buf, n);
	}
	session_finish(&self->dut, data_fd, &stream);
	RULE_OK("MIG-FD-13",
		__session_load(&self->dut, &stream, VFIO_DEVICE_STATE_STOP),
		"load of a stream that sendfile() has moved %s of",
		moved > 0 ? "some" : "nothing");
	mig_stream_free(&stream);
}

/**
 * struct reader - one of several who read a session
 * @data_fd: the session
 * @begin: where they wait for each other
 * @bytes: what this one got
 * @max: when to stop in any case
 * @values: how often each value of a byte was among it
 */
struct reader {
	int data_fd;
	pthread_barrier_t *begin;
	size_t bytes;
	size_t max;
	size_t values[256];
};

static void count_values(size_t *values, const __u8 *data, size_t len)
{
	while (len--)
		values[*data++]++;
}

static int read_some(void *arg)
{
	struct reader *reader = arg;
	__u8 buf[7];
	ssize_t n;

	pthread_barrier_wait(reader->begin);
	do {
		n = mig_read(reader->data_fd, buf, sizeof(buf));
		if (n > 0 && n <= (ssize_t)sizeof(buf)) {
			reader->bytes += n;
			count_values(reader->values, buf, n);
		}
	} while (n > 0 && reader->bytes <= reader->max);
	return n;
}

/* Whether a fresh device gives the same stream each time */
static bool same_each_time(struct dut *dut, const struct mig_stream *stream)
{
	struct mig_stream again = {};
	bool same;

	session_save(dut, &again);
	same = stream->len == again.len &&
	       !memcmp(stream->data, again.data, again.len);
	mig_stream_free(&again);
	return same;
}

/*
 * A position that is not under a lock is read twice, or passed over.  In which
 * order they got what cannot be told, but how much it was; and which bytes, if
 * the stream is the same each time.
 */
TEST_F(data_fd, several_readers_share_the_stream)
{
	struct mig_stream stream = {};
	struct worker workers[4];
	struct reader readers[4];
	pthread_barrier_t begin;
	unsigned int round, i, j;
	bool same;

	session_save(&self->dut, &stream);
	same = same_each_time(&self->dut, &stream);
	pthread_barrier_init(&begin, NULL, ARRAY_LEN(readers));
	for (round = 0; round < 4; round++) {
		int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
		size_t values[256] = {}, expected[256] = {}, bytes = 0;

		memset(readers, 0, sizeof(readers));
		for (i = 0; i < ARRAY_LEN(workers); i++) {
			readers[i].data_fd = data_fd;
			readers[i].begin = &begin;
			readers[i].max = stream.len;
			worker_start(&workers[i], read_some, &readers[i]);
		}
		for (i = 0; i < ARRAY_LEN(workers); i++) {
			worker_join(&workers[i]);
			bytes += readers[i].bytes;
			for (j = 0; j < ARRAY_LEN(values); j++)
				values[j] += readers[i].values[j];
		}
		RULE_EQ("MIG-LIFE-07", stream.len, bytes,
			"bytes that %zu readers got together",
			ARRAY_LEN(workers));
		count_values(expected, stream.data, stream.len);
		for (j = 0; same && j < ARRAY_LEN(values); j++)
			RULE_EQ("MIG-LIFE-07", expected[j], values[j],
				"bytes of value %#x that %zu readers got together",
				j, ARRAY_LEN(workers));
		close(data_fd);
	}
	mig_stream_free(&stream);
}

/*
 * Signals
 *
 * A signal that comes between two calls is not seen by either.  To be pending
 * when a read() begins it has to be sent after the process has entered the
 * kernel: by a tracer, which stops it there.
 */

/* About as many read()s of a stream */
#define TICKS	200

/**
 * struct ticked - a session that is read while signals come; shared memory
 * @flags: of sigaction()
 * @precopy: it begins in PRE_COPY
 * @data_fd: the session
 * @piece: bytes of a read()
 * @nr: the number of read()s so far
 * @reading: the number of the one that is under way, or 0
 * @precopy_end: how PRE_COPY ended: 0 or -errno
 * @end: how STOP_COPY ended
 * @after: what a read() after that end gave
 * @complete: it has come so far
 * @len: bytes that were read
 * @max: bytes that there is room for
 * @size: of all of this
 * @data: the bytes
 */
struct ticked {
	int flags;
	bool precopy;
	int data_fd;
	size_t piece;
	unsigned int nr;
	atomic_uint reading;
	int precopy_end;
	int end;
	int after;
	bool complete;
	size_t len;
	size_t max;
	size_t size;
	__u8 data[];
};

static void on_tick(int sig)
{
	(void)sig;
}

/* To an end: 0 or -errno.  An interrupted read() is none. */
static int read_ticked(struct ticked *ticked)
{
	ssize_t n;

	do {
		if (ticked->len + ticked->piece > ticked->max)
			return -EFBIG;
		atomic_store(&ticked->reading, ++ticked->nr);
		n = mig_read(ticked->data_fd, ticked->data + ticked->len,
			     ticked->piece);
		atomic_store(&ticked->reading, 0);
		if (n > 0)
			ticked->len += n;
	} while (n > 0 || n == -EINTR);
	return n;
}

/* In a process of its own, which must leave the devices alone when it ends */
static void run_ticked(struct ticked *ticked, struct vfio_dev *dev)
{
	struct sigaction action = {
		.sa_handler = on_tick, .sa_flags = ticked->flags,
	};
	int none;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) ||
	    sigaction(SIGUSR1, &action, NULL))
		_exit(KSFT_SKIP);
	raise(SIGSTOP);
	if (ticked->precopy) {
		ticked->precopy_end = read_ticked(ticked);
		if (__vfio_mig_set(dev, VFIO_DEVICE_STATE_STOP_COPY, &none))
			_exit(KSFT_FAIL);
	}
	ticked->end = read_ticked(ticked);
	ticked->after = mig_read(ticked->data_fd, ticked->data + ticked->len,
				 ticked->piece);
	ticked->complete = true;
	_exit(KSFT_PASS);
}

/*
 * Let a process run, and a signal meet every second of its read()s: the others
 * make sure that it comes to an end.  Return: its exit status, or -1.
 */
static int trace_ticked(struct ticked *ticked, pid_t pid)
{
	unsigned int reading, last = 0;
	int status, sig;

	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		sig = WSTOPSIG(status);
		if (sig == SIGSTOP) {
			sig = 0;
			ptrace(PTRACE_SETOPTIONS, pid, NULL,
			       PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
		} else if (sig == (SIGTRAP | 0x80)) {
			sig = 0;
			reading = atomic_load(&ticked->reading);
			if (reading % 2 && reading != last)
				kill(pid, SIGUSR1);
			last = reading;
		}
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (long)sig))
			return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct ticked *ticked_new(size_t len, int flags, bool precopy)
{
	size_t piece = len / TICKS + 1;
	size_t max = 2 * len + MIG_CHUNK;
	struct ticked *ticked;
	size_t size;

	/* The read() after the end needs room, too */
	size = sizeof(*ticked) + max + piece;
	ticked = shared_new(size);
	ticked->flags = flags;
	ticked->precopy = precopy;
	ticked->piece = piece;
	ticked->max = max;
	ticked->size = size;
	return ticked;
}

static void judge_ticked(struct __test_metadata *_metadata, struct dut *dut,
			 struct ticked *ticked)
{
	const char *how = ticked->flags & SA_RESTART ? "with SA_RESTART" :
						       "without SA_RESTART";
	struct mig_stream stream = {};

	if (ticked->precopy)
		RULE("MIG-PRE-06", ticked->precopy_end == -ENOMSG,
		     "ENOMSG, seen %s: end of PRE_COPY while signals come, %s",
		     io_name(ticked->precopy_end), how);
	RULE("MIG-FD-05", !ticked->end,
	     "end of stream, seen %s: while signals come, %s",
	     io_name(ticked->end), how);
	RULE("MIG-FD-06", !ticked->after,
	     "0, seen %s: after 0, while signals come, %s",
	     io_name(ticked->after), how);
	mig_stream_append(&stream, ticked->data, ticked->len);
	RULE_OK("MIG-FD-13",
		__session_load(dut, &stream, VFIO_DEVICE_STATE_STOP),
		"load of what was read while signals came, %s", how);
	mig_stream_free(&stream);
}

/* NULL, or why it cannot be done */
static const char *read_while_ticked(struct __test_metadata *_metadata,
				     struct dut *dut, size_t len, int flags,
				     bool precopy)
{
	struct ticked *ticked = ticked_new(len, flags, precopy);
	int status;
	pid_t pid;

	ticked->data_fd = dut_go(dut, precopy ? VFIO_DEVICE_STATE_PRE_COPY :
						VFIO_DEVICE_STATE_STOP_COPY);
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (!pid)
		run_ticked(ticked, &dut->dev);
	status = trace_ticked(ticked, pid);
	close(ticked->data_fd);
	if (status == KSFT_SKIP)
		return "processes may not be traced";
	EXPECT_TRUE(ticked->complete)
		TH_LOG("exit status %d", status);
	if (ticked->complete)
		judge_ticked(_metadata, dut, ticked);
	munmap(ticked, ticked->size);
	return NULL;
}

/* A count of 0 says that the stream has ended, whatever else may have come */
TEST_F(data_fd, signal_is_no_end_of_stream)
{
	static const int flags[] = { 0, SA_RESTART };
	struct mig_stream stream = {};
	const char *why = NULL;
	unsigned int i;

	session_save(&self->dut, &stream);
	for (i = 0; i < ARRAY_LEN(flags) && !why; i++) {
		why = read_while_ticked(_metadata, &self->dut, stream.len,
					flags[i], false);
		if (!why && self->dut.flags & VFIO_MIGRATION_PRE_COPY)
			why = read_while_ticked(_metadata, &self->dut,
						stream.len, flags[i], true);
	}
	mig_stream_free(&stream);
	if (why)
		SKIP(return, "%s", why);
}

TEST_HARNESS_MAIN
