// SPDX-License-Identifier: GPL-2.0-only
/* Pre-copy: its info, its temporary end, and what one session streams. */
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "../lib/worker.h"
#include "dut_fixture.h"
#include "session.h"

#ifndef VFIO_PRECOPY_INFO_REINIT
#define VFIO_PRECOPY_INFO_REINIT			0x1
#define VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2		12
#endif

DUT_FIXTURE(pre_copy, DUT_PRE_COPY);

/* The two states that are called PRE_COPY states */
static const __u32 pre_copy_states[] = {
	VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_PRE_COPY_P2P,
};

static bool has_pre_copy_state(const struct dut *dut, unsigned int i)
{
	return i < ARRAY_LEN(pre_copy_states) &&
	       mig_model_supported(dut->flags, pre_copy_states[i]);
}

static int raw_info(int data_fd, void *arg)
{
	return ioctl(data_fd, VFIO_MIG_GET_PRECOPY_INFO, arg) < 0 ? -errno : 0;
}

/*
 * How much to read next: little at first, so that there are many reads of a
 * short stream, and ever more, so that a long one, or one without end, does
 * not take too many.
 */
static size_t next_size(unsigned int reads)
{
	return reads < 64 * 16 ? 16UL << (reads / 64) : MIG_CHUNK;
}

/* Where it is valid */

TEST_F(pre_copy, info_works_in_PRE_COPY_states)
{
	unsigned int i;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		int data_fd = dut_go(&self->dut, pre_copy_states[i]);
		const char *name = mig_state_name(pre_copy_states[i]);
		struct mig_stream stream = {};
		struct vfio_precopy_info info;

		RULE_OK("MIG-PRE-01", __vfio_precopy_info(data_fd, &info),
			"info in %s, nothing was read", name);
		mig_session_touch(data_fd, pre_copy_states[i]);
		RULE_OK("MIG-PRE-01", __vfio_precopy_info(data_fd, &info),
			"info in %s, a byte was read", name);
		__session_read_on(&stream, data_fd, MIG_CHUNK);
		RULE_OK("MIG-PRE-01", __vfio_precopy_info(data_fd, &info),
			"info in %s, at its end", name);
		mig_stream_free(&stream);
		close(data_fd);
	}
}

/* "Entering PRE_COPY_P2P continues all the behaviors of PRE_COPY" */
TEST_F(pre_copy, info_works_after_moving_between_PRE_COPY_states)
{
	struct vfio_precopy_info info;
	unsigned int i;
	int data_fd;

	if (!(self->dut.flags & VFIO_MIGRATION_P2P))
		SKIP(return, "the device has no P2P");
	data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
	for (i = 1; i < 4; i++) {
		__u32 state = pre_copy_states[i % 2];

		vfio_mig_set(&self->dut.dev, state);
		RULE_OK("MIG-PRE-01", __vfio_precopy_info(data_fd, &info),
			"info after SET %s", mig_state_name(state));
	}
}

/* "kernel driver should return -EINVAL from any other migration state" */
TEST_F(pre_copy, info_is_EINVAL_in_STOP_COPY)
{
	struct mig_stream stream = {};
	struct vfio_precopy_info info;
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		const char *name = mig_state_name(state);
		int data_fd;

		if (!mig_model_saving(state))
			continue;
		data_fd = dut_go(&self->dut, state);
		vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP_COPY);
		RULE_ERRNO("MIG-PRE-02", -EINVAL,
			   __vfio_precopy_info(data_fd, &info),
			   "info in STOP_COPY, session of %s", name);
		__mig_stream_read(&stream, data_fd, MIG_CHUNK);
		RULE_ERRNO("MIG-PRE-02", -EINVAL,
			   __vfio_precopy_info(data_fd, &info),
			   "info at the end of stream, session of %s", name);
		close(data_fd);
	}
	mig_stream_free(&stream);
}

TEST_F(pre_copy, info_fails_when_the_session_was_left)
{
	unsigned int i;
	__u32 to;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		for (to = 0; dut_has_state(&self->dut, &to); to++) {
			struct vfio_precopy_info info;
			struct mig_expect expect;
			int data_fd, new_fd;

			mig_model_expect(self->dut.flags, pre_copy_states[i],
					 to, &expect);
			if (expect.ret || !expect.ends)
				continue;
			data_fd = dut_go(&self->dut, pre_copy_states[i]);
			if (__vfio_mig_set(&self->dut.dev, to, &new_fd))
				continue;
			RULE_FAILS("MIG-PRE-03",
				   __vfio_precopy_info(data_fd, &info),
				   "info after %s to %s",
				   mig_state_name(pre_copy_states[i]),
				   mig_state_name(to));
			if (new_fd >= 0)
				close(new_fd);
			close(data_fd);
		}
	}
}

/* That the device is in PRE_COPY again does not make the old fd valid */
TEST_F(pre_copy, info_fails_on_the_fd_of_an_earlier_session)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
	struct vfio_precopy_info info;

	vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_RUNNING);
	vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_PRE_COPY);
	RULE_FAILS("MIG-PRE-03", __vfio_precopy_info(data_fd, &info),
		   "info on the fd of an earlier session");
}

/* What it tells */

/*
 * "This field should have a non-zero initial value and decrease as migration
 * data is read from the device."
 */
TEST_F(pre_copy, initial_bytes_fall_as_data_is_read)
{
	unsigned int i;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		int data_fd = dut_go(&self->dut, pre_copy_states[i]);
		const char *name = mig_state_name(pre_copy_states[i]);
		struct vfio_precopy_info info;
		__u8 *buf = malloc(MIG_CHUNK);
		unsigned int reads = 0;
		__u64 first, before;
		size_t done = 0;
		ssize_t n = 1;

		vfio_precopy_info(data_fd, &info);
		RULE("MIG-PRE-04", info.initial_bytes,
		     "initial_bytes, seen 0: before the first read() in %s",
		     name);
		first = info.initial_bytes;
		before = first;
		while (buf && n > 0 && done < mig_stream_max()) {
			n = mig_read(data_fd, buf, next_size(reads++));
			done += n > 0 ? n : 0;
			vfio_precopy_info(data_fd, &info);
			RULE("MIG-PRE-04", info.initial_bytes <= before,
			     "initial_bytes of at most %llu, seen %llu: %zu bytes were read in %s",
			     (unsigned long long)before,
			     (unsigned long long)info.initial_bytes, done,
			     name);
			before = info.initial_bytes;
		}
		RULE("MIG-PRE-04", before < first || !first,
		     "less initial_bytes than at first, seen %llu: %zu bytes were read in %s",
		     (unsigned long long)before, done, name);
		free(buf);
		close(data_fd);
	}
}

/* "This field starts at zero" */
TEST_F(pre_copy, dirty_bytes_start_at_zero)
{
	unsigned int i;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		int data_fd = dut_go(&self->dut, pre_copy_states[i]);
		struct vfio_precopy_info info;

		vfio_precopy_info(data_fd, &info);
		RULE_EQ("MIG-PRE-05", 0, info.dirty_bytes,
			"dirty_bytes before the first read() in %s",
			mig_state_name(pre_copy_states[i]));
		close(data_fd);
	}
}

/* Not what the session before has left */
TEST_F(pre_copy, dirty_bytes_start_at_zero_in_each_session)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
	struct mig_stream stream = {};
	struct vfio_precopy_info info;

	__session_read_on(&stream, data_fd, MIG_CHUNK);
	vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_RUNNING);
	close(data_fd);
	data_fd = vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_PRE_COPY);
	vfio_precopy_info(data_fd, &info);
	RULE_EQ("MIG-PRE-05", 0, info.dirty_bytes,
		"dirty_bytes before the first read() of a second session");
	mig_stream_free(&stream);
}

/* The temporary end */

/* "the kernel driver should return ENOMSG from read()" */
TEST_F(pre_copy, temporary_end_is_ENOMSG)
{
	static const size_t sizes[] = { 1, 4096, MIG_CHUNK };
	unsigned int i, j;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		int data_fd = dut_go(&self->dut, pre_copy_states[i]);
		struct mig_stream stream = {};

		__session_read_on(&stream, data_fd, MIG_CHUNK);
		for (j = 0; j < ARRAY_LEN(sizes); j++) {
			ssize_t n = __mig_stream_read(&stream, data_fd,
						      sizes[j]);

			RULE("MIG-PRE-06", n == -ENOMSG,
			     "ENOMSG, seen %s: read() of %zu bytes in %s",
			     n ? io_name(n) : "end of stream", sizes[j],
			     mig_state_name(pre_copy_states[i]));
		}
		mig_stream_free(&stream);
		close(data_fd);
	}
}

/* "reached when both initial_bytes and dirty_byte are zero" */
TEST_F(pre_copy, temporary_end_has_nothing_left)
{
	unsigned int i;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		int data_fd = dut_go(&self->dut, pre_copy_states[i]);
		struct mig_stream stream = {};
		struct vfio_precopy_info info;

		must(__session_read_on(&stream, data_fd, MIG_CHUNK));
		vfio_precopy_info(data_fd, &info);
		RULE("MIG-PRE-07", !info.initial_bytes && !info.dirty_bytes,
		     "nothing, seen initial_bytes %llu and dirty_bytes %llu: at the end in %s",
		     (unsigned long long)info.initial_bytes,
		     (unsigned long long)info.dirty_bytes,
		     mig_state_name(pre_copy_states[i]));
		mig_stream_free(&stream);
		close(data_fd);
	}
}

/* Who sees bytes announced reads until he has them */
TEST_F(pre_copy, no_temporary_end_while_info_announces_data)
{
	unsigned int i;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		int data_fd = dut_go(&self->dut, pre_copy_states[i]);
		__u8 *buf = malloc(MIG_CHUNK);
		struct vfio_precopy_info info;
		unsigned int reads = 0;
		size_t done = 0;
		ssize_t n = 1;

		vfio_precopy_info(data_fd, &info);
		while (buf && n > 0 && done < mig_stream_max() &&
		       (info.initial_bytes || info.dirty_bytes)) {
			n = mig_read(data_fd, buf, next_size(reads++));
			RULE("MIG-PRE-07", n > 0,
			     "data, seen %s: with initial_bytes %llu and dirty_bytes %llu in %s",
			     n ? io_name(n) : "end of stream",
			     (unsigned long long)info.initial_bytes,
			     (unsigned long long)info.dirty_bytes,
			     mig_state_name(pre_copy_states[i]));
			done += n > 0 ? n : 0;
			vfio_precopy_info(data_fd, &info);
		}
		RULE("MIG-PRE-07", done < mig_stream_max(),
		     "an end, seen none after %zu bytes in %s", done,
		     mig_state_name(pre_copy_states[i]));
		free(buf);
		close(data_fd);
	}
}

/* poll() */

/* Each poll() is compared with the read() that follows */
TEST_F(pre_copy, is_readable_if_there_is_data)
{
	unsigned int i, ends;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		int data_fd = dut_go(&self->dut, pre_copy_states[i]);
		__u8 *buf = malloc(MIG_CHUNK);
		unsigned int reads = 0;
		size_t done = 0;

		for (ends = 0; buf && ends < 3 && done < mig_stream_max();) {
			short revents = fd_poll(data_fd, POLLIN);
			ssize_t n = mig_read(data_fd, buf, next_size(reads++));

			if (n > 0)
				RULE("MIG-PRE-08", revents & POLLIN,
				     "POLLIN, seen revents %#x: with %zd bytes to read in %s",
				     revents, n,
				     mig_state_name(pre_copy_states[i]));
			else
				RULE("MIG-PRE-08", !(revents & POLLIN),
				     "no POLLIN, seen revents %#x: with %s from read() in %s",
				     revents, n ? io_name(n) : "end of stream",
				     mig_state_name(pre_copy_states[i]));
			done += n > 0 ? n : 0;
			ends += n <= 0;
		}
		free(buf);
		close(data_fd);
	}
}

/*
 * For drivers that forget to wake.  A poll() whose time is over looks once
 * more and finds what it was not told, so the waiter gets more time than it
 * is given to come back.
 */
#define POLL_MS		20000
#define WAKE_UP_S	10

static int run_poll(void *arg)
{
	int ret = poll(arg, 1, POLL_MS);

	return ret < 0 ? -errno : ret;
}

/* Whether the sleeper comes back before its time */
static bool is_woken(struct worker *sleeper)
{
	time_t end = time(NULL) + WAKE_UP_S;

	while (!atomic_load(&sleeper->done) && time(NULL) <= end)
		usleep(1000);
	return atomic_load(&sleeper->done);
}

/* Someone who sleeps in poll() at the temporary end, if it lets him sleep */
static void sleep_at_the_end(struct dut *dut, __u32 state, struct pollfd *pfd,
			     struct worker *sleeper)
{
	struct mig_stream stream = {};

	*pfd = (struct pollfd){ dut_go(dut, state), POLLIN, 0 };
	must(__session_read_on(&stream, pfd->fd, MIG_CHUNK));
	mig_stream_free(&stream);
	worker_start(sleeper, run_poll, pfd);
	worker_sleeps(sleeper);
}

TEST_F(pre_copy, sleeper_is_woken_by_STOP_COPY)
{
	unsigned int i;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		const char *name = mig_state_name(pre_copy_states[i]);
		struct worker sleeper;
		struct pollfd pfd;
		int none, ret;
		bool woken;

		sleep_at_the_end(&self->dut, pre_copy_states[i], &pfd,
				 &sleeper);
		RULE_OK("MIG-PRE-09",
			__vfio_mig_set(&self->dut.dev,
				       VFIO_DEVICE_STATE_STOP_COPY, &none),
			"%s to STOP_COPY while a poll() waits", name);
		woken = is_woken(&sleeper);
		RULE("MIG-PRE-09", woken,
		     "a wake-up, seen none: poll() in %s, then STOP_COPY",
		     name);
		ret = worker_join(&sleeper);
		RULE("MIG-PRE-09", ret == 1 && pfd.revents & POLLIN,
		     "POLLIN, seen %s, revents %#x: poll() in %s, then STOP_COPY",
		     rule_errno(ret), pfd.revents, name);
		close(pfd.fd);
		if (!woken)
			break;
	}
}

TEST_F(pre_copy, sleeper_is_woken_by_SET_that_ends_the_session)
{
	unsigned int i;
	__u32 to;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		for (to = 0; dut_has_state(&self->dut, &to); to++) {
			struct mig_expect expect;
			struct worker sleeper;
			struct pollfd pfd;
			int new_fd, ret;
			bool woken;

			mig_model_expect(self->dut.flags, pre_copy_states[i],
					 to, &expect);
			if (expect.ret || !expect.ends)
				continue;
			sleep_at_the_end(&self->dut, pre_copy_states[i], &pfd,
					 &sleeper);
			/* If it cannot be left, another test tells */
			ret = __vfio_mig_set(&self->dut.dev, to, &new_fd);
			if (!ret && new_fd >= 0)
				close(new_fd);
			woken = !ret && is_woken(&sleeper);
			if (!ret)
				RULE("MIG-PRE-10", woken,
				     "a wake-up, seen none: poll() in %s, then SET %s",
				     mig_state_name(pre_copy_states[i]),
				     mig_state_name(to));
			worker_join(&sleeper);
			close(pfd.fd);
			/* That took long enough */
			if (!woken)
				return;
		}
	}
}

TEST_F(pre_copy, sleeper_is_woken_by_reset)
{
	unsigned int i;

	if (!vfio_dev_can_reset(&self->dut.dev))
		SKIP(return, "the device has no VFIO_DEVICE_RESET");
	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		struct worker sleeper;
		struct pollfd pfd;
		bool woken;

		sleep_at_the_end(&self->dut, pre_copy_states[i], &pfd,
				 &sleeper);
		vfio_dev_reset(&self->dut.dev);
		woken = is_woken(&sleeper);
		RULE("MIG-PRE-10", woken,
		     "a wake-up, seen none: poll() in %s, then reset",
		     mig_state_name(pre_copy_states[i]));
		worker_join(&sleeper);
		close(pfd.fd);
		if (!woken)
			return;
	}
}

/* The structure */

#define INFO_SIZE	sizeof(struct vfio_precopy_info)

TEST_F(pre_copy, info_with_short_argsz_is_refused)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
	struct vfio_precopy_info info;
	__u32 argsz;

	for (argsz = 0; argsz < INFO_SIZE; argsz++) {
		memset(&info, 0xff, sizeof(info));
		info.argsz = argsz;
		RULE_FAILS("MIG-PRE-11", raw_info(data_fd, &info),
			   "info with argsz %u", argsz);
		RULE("MIG-PRE-11", info.initial_bytes == ~0ULL &&
		     info.dirty_bytes == ~0ULL && info.argsz == argsz,
		     "untouched data, seen initial_bytes %#llx, dirty_bytes %#llx: info with argsz %u",
		     (unsigned long long)info.initial_bytes,
		     (unsigned long long)info.dirty_bytes, argsz);
	}
}

TEST_F(pre_copy, info_with_longer_argsz_is_accepted)
{
	static const __u32 sizes[] = {
		INFO_SIZE, INFO_SIZE + 1, INFO_SIZE + 8, 4096, ~0U,
	};
	static const __u8 fill[] = { 0x00, 0xff };
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
	unsigned int i, j, k;
	union {
		struct vfio_precopy_info info;
		__u8 bytes[64];
	} arg;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		for (j = 0; j < ARRAY_LEN(fill); j++) {
			memset(&arg, fill[j], sizeof(arg));
			arg.info.argsz = sizes[i];
			arg.info.flags = 0;
			RULE_OK("MIG-PRE-11", raw_info(data_fd, &arg),
				"info with argsz %u and bytes %#x", sizes[i],
				fill[j]);
			for (k = INFO_SIZE; k < sizeof(arg); k++)
				RULE_EQ("MIG-PRE-11", fill[j], arg.bytes[k],
					"byte %u after info with argsz %u", k,
					sizes[i]);
		}
	}
}

/* argsz says that there is nothing more, and there is nothing more */
TEST_F(pre_copy, info_reaches_not_beyond_the_structure)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
	struct vfio_precopy_info *info = (void *)guarded_new(INFO_SIZE);

	info->argsz = INFO_SIZE;
	RULE_OK("MIG-PRE-11", raw_info(data_fd, info),
		"info, with no memory behind it");
}

TEST_F(pre_copy, info_that_cannot_be_read_or_written_fails)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
	struct vfio_precopy_info *info = (void *)guarded_new(INFO_SIZE);
	__u8 *half = guarded_new(INFO_SIZE / 2);
	struct mig_stream stream = {};
	__u32 argsz = INFO_SIZE;
	unsigned int i;

	for (i = 0; i < nr_bad_addresses; i++)
		RULE_FAILS("MIG-PRE-17", raw_info(data_fd, bad_addresses[i]),
			   "info at address %p", bad_addresses[i]);
	memcpy(half, &argsz, sizeof(argsz));
	RULE_FAILS("MIG-PRE-17", raw_info(data_fd, half),
		   "info, half of it in no memory");
	info->argsz = INFO_SIZE;
	guarded_protect(info, PROT_READ);
	RULE_FAILS("MIG-PRE-17", raw_info(data_fd, info),
		   "info in memory that cannot be written");

	session_finish(&self->dut, data_fd, &stream);
	RULE_OK("MIG-PRE-17",
		__session_load(&self->dut, &stream, VFIO_DEVICE_STATE_STOP),
		"load of a stream, when info has failed in its session");
	mig_stream_free(&stream);
}

/* A user from before 7.1 need not have set them to anything */
TEST_F(pre_copy, flags_of_info_stay_as_they_were)
{
	static const __u32 flags[] = { 0, 1, 2, 0x5a5a5a5a, ~0U };
	unsigned int i, j;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		int data_fd = dut_go(&self->dut, pre_copy_states[i]);

		for (j = 0; j < ARRAY_LEN(flags); j++) {
			struct vfio_precopy_info info = {
				.argsz = sizeof(info),
				.flags = flags[j],
			};

			must(raw_info(data_fd, &info));
			RULE("MIG-PRE-15", info.flags == flags[j],
			     "flags %#x, seen %#x: info in %s", flags[j],
			     info.flags, mig_state_name(pre_copy_states[i]));
		}
		close(data_fd);
	}
}

/* Opt in to "initial_bytes" that may grow again, from Linux 7.1 on */
TEST_F(pre_copy, opt_in_is_forgotten_at_close)
{
	const __u32 feature = VFIO_DEVICE_FEATURE_SET |
			      VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2;
	/* Neither nothing nor the flag that could be told */
	const __u32 flags = 0x5a5a5a5a & ~VFIO_PRECOPY_INFO_REINIT;
	struct vfio_precopy_info info = {
		.argsz = sizeof(info),
		.flags = flags,
	};

	if (__vfio_feature(&self->dut.dev, VFIO_DEVICE_FEATURE_PROBE | feature,
			   NULL, 0))
		SKIP(return, "the kernel has no MIG_PRECOPY_INFOv2");
	RULE_OK("MIG-PRE-16",
		__vfio_feature(&self->dut.dev, feature, NULL, 0),
		"SET MIG_PRECOPY_INFOv2 in RUNNING");
	dut_reopen(&self->dut);
	must(raw_info(dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY), &info));
	RULE("MIG-PRE-16", info.flags == flags,
	     "flags %#x, seen %#x: info after close and open", flags,
	     info.flags);
}

/* One stream */

/* "does not terminate or otherwise affect the associated fd" */
TEST_F(pre_copy, states_of_the_saving_group_fill_one_stream)
{
	/* Bytes from each state */
	static const size_t sizes[] = { 1, 16, 1000, MIG_CHUNK };
	struct mig_stream stream = {};
	unsigned int i, j;
	__u8 *buf;

	buf = malloc(MIG_CHUNK);
	ASSERT_NE(NULL, buf);
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
		bool p2p = has_pre_copy_state(&self->dut, 1);

		stream.len = 0;
		/* To and fro, or to where it is already */
		for (j = 0; j < 5; j++) {
			ssize_t n;

			RULE_EQ("MIG-PRE-12", -1,
				vfio_mig_set(&self->dut.dev,
					     pre_copy_states[p2p ? j % 2 : 0]),
				"data_fd between states of the saving group");
			n = mig_read(data_fd, buf, sizes[i]);
			if (n > 0 && n <= (ssize_t)sizes[i])
				mig_stream_append(&stream, buf, n);
		}
		session_finish(&self->dut, data_fd, &stream);
		RULE_OK("MIG-PRE-12",
			__session_load(&self->dut, &stream,
				       VFIO_DEVICE_STATE_STOP),
			"load of a stream with %zu bytes from each visit of a PRE_COPY state",
			sizes[i]);
	}
	free(buf);
	mig_stream_free(&stream);
}

TEST_F(pre_copy, stream_is_whole_after_all_of_pre_copy)
{
	struct mig_stream stream = {};

	session_save_precopy(&self->dut, &stream);
	RULE_OK("MIG-PRE-12",
		__session_load(&self->dut, &stream, VFIO_DEVICE_STATE_RUNNING),
		"load of a stream that was read to the end in each state");
	mig_stream_free(&stream);
}

/* Read @len bytes of pre-copy, or what there is of it */
static void read_pre_copy(struct mig_stream *stream, int data_fd, size_t len)
{
	stream->len = 0;
	while (stream->len < len) {
		__u8 buf[4096];
		size_t want = len - stream->len;
		ssize_t n;

		if (want > sizeof(buf))
			want = sizeof(buf);
		n = mig_read(data_fd, buf, want);
		if (n <= 0 || n > (ssize_t)want)
			return;
		mig_stream_append(stream, buf, n);
	}
}

/* "Leaving PRE_COPY earlier might make things slower", and no more */
TEST_F(pre_copy, can_be_left_at_any_byte)
{
	struct mig_stream stream = {};
	unsigned int i;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		size_t at, all;
		int data_fd;

		data_fd = dut_go(&self->dut, pre_copy_states[i]);
		stream.len = 0;
		must(__session_read_on(&stream, data_fd, MIG_CHUNK));
		close(data_fd);
		all = stream.len;
		for (at = 0; at <= all; at = stream_next_point(at, all + 1, 256)) {
			int ret;

			data_fd = dut_go(&self->dut, pre_copy_states[i]);
			read_pre_copy(&stream, data_fd, at);
			ret = __session_finish(&self->dut, data_fd, &stream);
			RULE_OK("MIG-PRE-13", ret,
				"save, %s left after %zu of %zu bytes",
				mig_state_name(pre_copy_states[i]), at, all);
			if (ret)
				continue;
			RULE_OK("MIG-PRE-13",
				__session_load(&self->dut, &stream,
					       VFIO_DEVICE_STATE_STOP),
				"load, %s left after %zu of %zu bytes",
				mig_state_name(pre_copy_states[i]), at, all);
		}
	}
	mig_stream_free(&stream);
}

/* A migration that is given up: "PRE_COPY -> RUNNING", and once more */
TEST_F(pre_copy, can_be_given_up_and_begun_anew)
{
	static const size_t reads[] = { 0, 1, 100, -1 };
	struct mig_stream stream = {};
	unsigned int i, j;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		dut_fresh(&self->dut);
		for (j = 0; j < ARRAY_LEN(reads); j++) {
			struct vfio_precopy_info info;
			int data_fd;

			data_fd = vfio_mig_set(&self->dut.dev,
					       pre_copy_states[i]);
			must(__vfio_precopy_info(data_fd, &info));
			RULE("MIG-PRE-14", info.initial_bytes,
			     "initial_bytes, seen 0: attempt %u in %s", j + 1,
			     mig_state_name(pre_copy_states[i]));
			read_pre_copy(&stream, data_fd, reads[j]);
			vfio_mig_set(&self->dut.dev,
				     VFIO_DEVICE_STATE_RUNNING);
			close(data_fd);
		}
	}
	mig_stream_free(&stream);
}

TEST_F(pre_copy, second_attempt_gives_the_whole_stream)
{
	static const size_t reads[] = { 0, 1, 100, -1 };
	struct mig_stream stream = {};
	unsigned int i, j;

	for (i = 0; has_pre_copy_state(&self->dut, i); i++) {
		for (j = 0; j < ARRAY_LEN(reads); j++) {
			int data_fd;

			data_fd = dut_go(&self->dut, pre_copy_states[i]);
			read_pre_copy(&stream, data_fd, reads[j]);
			vfio_mig_set(&self->dut.dev,
				     VFIO_DEVICE_STATE_RUNNING);
			close(data_fd);

			data_fd = vfio_mig_set(&self->dut.dev,
					       pre_copy_states[i]);
			stream.len = 0;
			must(__session_read_on(&stream, data_fd, MIG_CHUNK));
			session_finish(&self->dut, data_fd, &stream);
			RULE_OK("MIG-PRE-14",
				__session_load(&self->dut, &stream,
					       VFIO_DEVICE_STATE_STOP),
				"load of a second attempt, the first was given up after %zu bytes of %s",
				reads[j], mig_state_name(pre_copy_states[i]));
		}
	}
	mig_stream_free(&stream);
}

DUT_FIXTURE(other_states, DUT_STOP_COPY);

TEST_F(other_states, precopy_info_fails_in_RESUMING)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
	struct vfio_precopy_info info;

	RULE_FAILS("MIG-PRE-03", __vfio_precopy_info(data_fd, &info),
		   "info in RESUMING");
}

/* "mandatory if a driver claims to support" PRE_COPY, and else not valid */
TEST_F(other_states, precopy_info_fails_without_PRE_COPY)
{
	struct vfio_precopy_info info;
	int data_fd;

	if (self->dut.flags & VFIO_MIGRATION_PRE_COPY)
		SKIP(return, "the device has PRE_COPY");
	data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
	RULE_FAILS("MIG-PRE-03", __vfio_precopy_info(data_fd, &info),
		   "info in STOP_COPY");
}

TEST_HARNESS_MAIN
