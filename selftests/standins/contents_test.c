// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest has in its device, and finds in it after a migration.
 *
 * The guest sets the state at random, as far as it can; the stand-in says how
 * far that is.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../generic/session.h"
#include "../generic/steps.h"
#include "../lib/check.h"
#include "../lib/rule.h"
#include "act.h"
#include "bench_fixture.h"
#include "hop.h"

#define SLOW	120

BENCH_FIXTURE(contents, DUT_STOP_COPY);

#define LOOK(id, vf, content, fmt, ...)					\
	do {								\
		ssize_t at_ = vf_differs(vf, content);			\
									\
		RULE(id, at_ < 0,					\
		     "what the guest had, seen another byte %#zx: " fmt, at_, \
		     ##__VA_ARGS__);					\
	} while (0)

/* A fresh device that its guest has set */
static void fill(struct vf *vf, __u8 *content, __u64 *seed)
{
	dut_fresh(&vf->dut);
	must(__vf_fill(vf, content, seed));
}

/* "the entire device state has been transferred" */
TEST_F_TIMEOUT(contents, arrive_by_every_way, SLOW)
{
	__u8 *content = vf_content_new(&self->a);
	unsigned int i, times;
	__u64 seed = 1;

	for (i = 0; i < nr_hops; i++) {
		if (!hop_possible(&hops[i], &self->a))
			continue;
		for (times = 0; times < 4; times++) {
			const char *why;

			fill(&self->a, content, &seed);
			why = hop_do(&hops[i], &self->a, &self->b, content);
			RULE("MIG-DATA-01", !why,
			     "what the guest had, seen %s", why);
		}
	}
	free(content);
}

/* Nothing of what it had is left, whatever the stream does not mention. */
TEST_F_TIMEOUT(contents, replace_others, SLOW)
{
	__u8 *content = vf_content_new(&self->a);
	__u8 *other = vf_content_new(&self->b);
	unsigned int i;
	__u64 seed = 2;

	for (i = 0; i < nr_hops; i++) {
		struct mig_stream stream = {};

		if (!hop_possible(&hops[i], &self->a))
			continue;
		fill(&self->a, content, &seed);
		fill(&self->b, other, &seed);
		must(hop_out(&hops[i], &self->a, &stream));
		RULE_OK("MIG-DATA-01", hop_in(&hops[i], &self->b, &stream),
			"load into a device that was in use, by way of %s",
			hops[i].name);
		LOOK("MIG-DATA-01", &self->b, content,
		     "load into a device that was in use, by way of %s",
		     hops[i].name);
		mig_stream_free(&stream);
	}
	free(content);
	free(other);
}

/* From one to the other and back, with what the guest did in between */
TEST_F_TIMEOUT(contents, arrive_after_several_hops, SLOW)
{
	__u8 *content = vf_content_new(&self->a);
	struct vf *from = &self->a, *to = &self->b;
	unsigned int i, times;
	__u64 seed = 3;

	fill(from, content, &seed);
	for (times = 0; times < 3; times++) {
		for (i = 0; i < nr_hops; i++) {
			struct vf *next = from;
			const char *why;

			if (!hop_possible(&hops[i], from))
				continue;
			/* Every other time nothing has changed since. */
			if ((i + times) % 2)
				must(__vf_fill(from, content, &seed));
			why = hop_do(&hops[i], from, to, content);
			RULE("MIG-DATA-01", !why,
			     "what the guest had, seen %s: after several hops",
			     why);
			if (why)
				fill(to, content, &seed);
			from = to;
			to = next;
		}
	}
	free(content);
}

/* When the guest changes something, and how much was read then */
enum change {
	CHANGE_FIRST,		/* before anything was read */
	CHANGE_WITHIN,		/* when a part was read */
	CHANGE_LAST,		/* at the temporary end */
	CHANGE_OFTEN,		/* there, again and again */
	CHANGE_UNREAD,		/* the same, and nothing more is read */
	NR_CHANGES
};

static int read_part(struct vf *vf, int data_fd, struct mig_stream *stream,
		     enum change change)
{
	__u8 some[16];
	ssize_t n;
	int ret;

	if (change == CHANGE_FIRST)
		return 0;
	if (change == CHANGE_WITHIN) {
		n = mig_read(data_fd, some, sizeof(some));
		if (n > 0)
			mig_stream_append(stream, some, n);
		return n < 0 && n != -ENOMSG ? n : 0;
	}
	ret = step_read(&vf->dut, data_fd, stream);
	return ret == -ENOMSG ? 0 : ret;
}

/* A stream of a device whose guest works in @state; ends in STOP_COPY */
static int save_changing(struct vf *vf, __u32 state, enum change change,
			 __u8 *content, __u64 *seed, struct mig_stream *stream)
{
	unsigned int i, times = change < CHANGE_OFTEN ? 1 : 4;
	int data_fd, none, ret;

	ret = __vfio_mig_set(&vf->dut.dev, state, &data_fd);
	if (ret)
		return ret;
	for (i = 0; !ret && i < times; i++) {
		if (!i || change != CHANGE_UNREAD)
			ret = read_part(vf, data_fd, stream, change);
		if (!ret)
			ret = __vf_fill(vf, content, seed);
	}
	if (!ret)
		ret = __vfio_mig_set(&vf->dut.dev, VFIO_DEVICE_STATE_STOP_COPY,
				     &none);
	if (!ret)
		ret = step_read(&vf->dut, data_fd, stream);
	close(data_fd);
	return ret;
}

/* "running normally but tracking internal state changes" */
TEST_F_TIMEOUT(contents, arrive_as_changed_during_pre_copy, SLOW)
{
	__u8 *content = vf_content_new(&self->a);
	enum change change;
	__u64 seed = 4;

	if (!(self->a.dut.flags & VFIO_MIGRATION_PRE_COPY))
		SKIP(return, "the device has no PRE_COPY");
	for (change = 0; change < NR_CHANGES; change++) {
		struct mig_stream stream = {};

		fill(&self->a, content, &seed);
		RULE_OK("MIG-DATA-02",
			save_changing(&self->a, VFIO_DEVICE_STATE_PRE_COPY,
				      change, content, &seed, &stream),
			"a save with changes, way %u", change);
		dut_fresh(&self->b.dut);
		RULE_OK("MIG-DATA-02",
			__mig_load(&self->b.dut.dev, &stream, MIG_CHUNK,
				   VFIO_DEVICE_STATE_RUNNING),
			"a load after changes, way %u", change);
		LOOK("MIG-DATA-02", &self->b, content,
		     "after changes during pre-copy, way %u", change);
		mig_stream_free(&stream);
	}
	free(content);
}

/* A guest that goes on in PRE_COPY cannot be told that it has to wait. */
TEST_F(contents, can_be_changed_during_pre_copy)
{
	__u8 *content = vf_content_new(&self->a);
	__u64 seed = 5;

	if (!(self->a.dut.flags & VFIO_MIGRATION_PRE_COPY))
		SKIP(return, "the device has no PRE_COPY");
	fill(&self->a, content, &seed);
	close(vfio_mig_set(&self->a.dut.dev, VFIO_DEVICE_STATE_PRE_COPY));
	RULE_OK("MIG-ARC-09", __vf_fill(&self->a, content, &seed),
		"the guest uses the device in PRE_COPY");
	free(content);
}

/* What stays as it was: "must not change its internal state" */
static void check_stopped(struct __test_metadata *_metadata, struct vf *vf,
			  const __u8 *content, const char *where)
{
	__u8 *other = vf_content_new(vf);
	__u64 bytes, seed = 6;

	RULE("MIG-DEV-01", !vf_runs(vf), "a stopped device, seen it run: %s",
	     where);
	/* Neither the guest's work nor the device's own has an effect. */
	__vf_fill(vf, other, &seed);
	RULE_ERRNO("MIG-DEV-01", -EBUSY, __vf_dma(vf, 0, 1, 0), "DMA: %s",
		   where);
	__vfio_mig_data_size(&vf->dut.dev, &bytes);
	LOOK("MIG-DATA-03", vf, content, "%s", where);
	free(other);
}

TEST_F(contents, stay_while_the_device_is_stopped)
{
	static const __u32 states[] = {
		VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_STOP_COPY,
		VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_STOP_COPY,
	};
	__u8 *content = vf_content_new(&self->a);
	struct mig_stream stream = {};
	unsigned int i;
	__u64 seed = 7;

	fill(&self->a, content, &seed);
	for (i = 0; i < ARRAY_LEN(states); i++) {
		int data_fd = vfio_mig_set(&self->a.dut.dev, states[i]);

		check_stopped(_metadata, &self->a, content,
			      mig_state_name(states[i]));
		if (data_fd >= 0) {
			step_read(&self->a.dut, data_fd, &stream);
			check_stopped(_metadata, &self->a, content,
				      "STOP_COPY, read to the end");
			close(data_fd);
		}
	}
	mig_stream_free(&stream);
	free(content);
}

/* ... and when the stream goes nowhere */
TEST_F_TIMEOUT(contents, stay_when_a_save_is_given_up, SLOW)
{
	__u8 *content = vf_content_new(&self->a);
	struct mig_stream stream = {};
	__u64 seed = 8;
	__u32 state;
	int whole;

	for (state = 0; dut_has_state(&self->a.dut, &state); state++) {
		for (whole = 0; whole < 2; whole++) {
			int data_fd;

			if (!mig_model_saving(state))
				break;
			fill(&self->a, content, &seed);
			data_fd = vfio_mig_set(&self->a.dut.dev, state);
			stream.len = 0;
			if (whole)
				step_read(&self->a.dut, data_fd, &stream);
			vfio_mig_set(&self->a.dut.dev,
				     VFIO_DEVICE_STATE_RUNNING);
			close(data_fd);
			LOOK("MIG-DATA-03", &self->a, content,
			     "RUNNING again after %s", mig_state_name(state));
			RULE("MIG-DATA-03", vf_runs(&self->a),
			     "a device that runs, seen one that does not: RUNNING again after %s",
			     mig_state_name(state));
		}
	}
	mig_stream_free(&stream);
	free(content);
}

#define STEPS	400

/* All arcs but those to and from RESUMING, in any order */
TEST_F_TIMEOUT(contents, stay_on_a_random_walk, SLOW)
{
	__u8 *content = vf_content_new(&self->a);
	__u32 state = VFIO_DEVICE_STATE_RUNNING;
	struct mig_stream stream = {};
	int data_fd = -1, came;
	__u64 seed = 9;
	unsigned int i;

	fill(&self->a, content, &seed);
	for (i = 0; i < STEPS; i++) {
		__u32 next = stream_random(&seed) % VFIO_DEVICE_STATE_NR;
		struct mig_path path;

		if (next == VFIO_DEVICE_STATE_RESUMING ||
		    !mig_model_paths(self->a.dut.flags, state, next, &path))
			continue;
		RULE_OK("MIG-DATA-03",
			__vfio_mig_set(&self->a.dut.dev, next, &came),
			"SET %s in %s", mig_state_name(next),
			mig_state_name(state));
		if (came >= 0 || !mig_model_saving(next)) {
			if (data_fd >= 0)
				close(data_fd);
			data_fd = came;
		}
		LOOK("MIG-DATA-03", &self->a, content, "SET %s in %s",
		     mig_state_name(next), mig_state_name(state));
		RULE("MIG-FSM-03", vf_told_right(&self->a, next),
		     "the state that the device is in, seen %s told of one that %s: SET in %s",
		     mig_state_name(next),
		     vf_what_it_does(&self->a), mig_state_name(state));
		stream.len = 0;
		if (data_fd >= 0 && stream_random(&seed) % 2)
			step_read(&self->a.dut, data_fd, &stream);
		if (vf_runs(&self->a))
			must(__vf_fill(&self->a, content, &seed));
		state = next;
	}
	if (data_fd >= 0)
		close(data_fd);
	mig_stream_free(&stream);
	free(content);
}

/* "Reset a device." */
TEST_F(contents, are_gone_after_a_reset)
{
	__u8 *content = vf_content_new(&self->a);
	__u8 *fresh = vf_content_new(&self->a);
	struct mig_stream stream = {};
	__u64 seed = 10;
	__u32 state;

	vf_read(&self->a, fresh);
	fill(&self->a, content, &seed);
	must(step_save(&self->a.dut, &stream));
	for (state = 0; dut_has_state(&self->a.dut, &state); state++) {
		int data_fd;

		fill(&self->a, content, &seed);
		must(step_go(&self->a.dut, state, NULL, &data_fd));
		/* Before the reset of step_go() it was in use, too. */
		if (vf_runs(&self->a))
			must(__vf_fill(&self->a, content, &seed));
		if (state == VFIO_DEVICE_STATE_RESUMING)
			__mig_stream_write(&stream, data_fd, MIG_CHUNK);
		RULE_OK("MIG-DATA-04", __vfio_dev_reset(&self->a.dut.dev),
			"reset in %s", mig_state_name(state));
		LOOK("MIG-DATA-04", &self->a, fresh, "reset in %s",
		     mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
		LOOK("MIG-DATA-04", &self->a, fresh,
		     "reset in %s, and close() of the data fd",
		     mig_state_name(state));
	}
	mig_stream_free(&stream);
	free(content);
	free(fresh);
}

/*
 * A load that was given up, or refused: after the reset that it takes there is
 * nothing left of it, and the next one is whole.
 */
TEST_F_TIMEOUT(contents, of_a_load_that_failed_are_gone, SLOW)
{
	__u8 *content = vf_content_new(&self->a);
	__u8 *other = vf_content_new(&self->a);
	__u8 *fresh = vf_content_new(&self->b);
	struct mig_stream stream = {}, second = {};
	__u64 seed = 11;
	unsigned int i;

	vf_read(&self->b, fresh);
	fill(&self->a, content, &seed);
	must(step_save(&self->a.dut, &stream));
	fill(&self->a, other, &seed);
	must(step_save(&self->a.dut, &second));
	for (i = 0; i < 8; i++) {
		struct mig_stream part = stream;
		bool asked = i % 2;
		int data_fd, none;

		part.len = stream.len * (i / 2) / 4;
		must(step_go(&self->b.dut, VFIO_DEVICE_STATE_RESUMING, &part,
			     &data_fd));
		if (asked)
			__vfio_mig_set(&self->b.dut.dev,
				       VFIO_DEVICE_STATE_RUNNING, &none);
		must(__vfio_dev_reset(&self->b.dut.dev));
		close(data_fd);
		LOOK("MIG-DATA-04", &self->b, fresh,
		     "reset in RESUMING, %zu bytes of %zu written%s", part.len,
		     stream.len, asked ? ", and SET RUNNING" : "");
		RULE_OK("MIG-DATA-01",
			__mig_load(&self->b.dut.dev, &second, MIG_CHUNK,
				   VFIO_DEVICE_STATE_RUNNING),
			"load after one of %zu bytes of %zu", part.len,
			stream.len);
		LOOK("MIG-DATA-01", &self->b, other,
		     "load after one of %zu bytes of %zu", part.len,
		     stream.len);
	}
	mig_stream_free(&stream);
	mig_stream_free(&second);
	free(content);
	free(other);
	free(fresh);
}

/* The device beside it works on. */
TEST_F(contents, of_another_device_stay)
{
	__u8 *content = vf_content_new(&self->a);
	__u8 *other = vf_content_new(&self->b);
	struct mig_stream stream = {};
	__u64 seed = 12;
	unsigned int i;

	fill(&self->b, other, &seed);
	for (i = 0; i < nr_hops; i++) {
		if (!hop_possible(&hops[i], &self->a))
			continue;
		fill(&self->a, content, &seed);
		must(hop_out(&hops[i], &self->a, &stream));
		must(hop_in(&hops[i], &self->a, &stream));
		dut_fresh(&self->a.dut);
		LOOK("MIG-LIFE-08", &self->b, other,
		     "another device was migrated, by way of %s", hops[i].name);
		RULE("MIG-LIFE-08", vf_runs(&self->b),
		     "a device that runs, seen one that does not: another one was migrated, by way of %s",
		     hops[i].name);
	}
	mig_stream_free(&stream);
	free(content);
	free(other);
}

/* Whole registers of BAR 0 that lie in the state, and are a guest's */
static bool next_register(struct vf *vf, size_t len, size_t *at)
{
	static const __u8 all[4] = { 0xff, 0xff, 0xff, 0xff };

	for (; *at + 4 <= len && *at + 4 <= vf->size; *at += 4)
		if (!memcmp(vf->mask + *at, all, sizeof(all)))
			return true;
	return false;
}

/* What the guest writes into registers, it reads from registers. */
TEST_F(contents, of_registers_arrive)
{
	__u8 *content = vf_content_new(&self->a);
	struct vfio_dev *dev = &self->a.dut.dev;
	struct vfio_region_info info;
	unsigned int i, found = 0;
	size_t at;

	vfio_region_info(dev, VFIO_PCI_BAR0_REGION_INDEX, &info);
	must(__vf_let_dma(&self->a));
	for (at = 0; next_register(&self->a, info.size, &at); at += 4) {
		__u32 value = at * 2654435761U + 1, seen;

		vfio_region_write32(dev, VFIO_PCI_BAR0_REGION_INDEX, at, value);
		vf_read(&self->a, content);
		memcpy(&seen, content + at, sizeof(seen));
		if (seen != value)
			SKIP(return, "the state is not in BAR 0");
		found++;
	}
	if (!found)
		SKIP(return, "BAR 0 has no register that migrates");
	for (i = 0; i < nr_hops; i++) {
		const char *why;

		if (!hop_possible(&hops[i], &self->a))
			continue;
		dut_fresh(&self->a.dut);
		must(__vf_write(&self->a, content));
		why = hop_do(&hops[i], &self->a, &self->b, content);
		RULE("MIG-DATA-01", !why, "what the guest had, seen %s", why);
		must(__vf_let_dma(&self->b));
		for (at = 0; next_register(&self->a, info.size, &at); at += 4)
			RULE_EQ("MIG-DATA-01", (__u32)(at * 2654435761U + 1),
				vfio_region_read32(&self->b.dut.dev,
						   VFIO_PCI_BAR0_REGION_INDEX,
						   at),
				"register %#zx, by way of %s", at,
				hops[i].name);
	}
	free(content);
}

TEST_HARNESS_MAIN
