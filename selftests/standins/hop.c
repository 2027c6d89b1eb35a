// SPDX-License-Identifier: GPL-2.0-only
/* A migration from one VF of a stand-in to another, by several ways. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "../generic/steps.h"
#include "../lib/check.h"
#include "../lib/rule.h"
#include "hop.h"

#define S(state)	VFIO_DEVICE_STATE_##state

const struct hop hops[] = {
	{
		"STOP_COPY", DUT_STOP_COPY,
		{ S(STOP_COPY) },
		{ S(RUNNING) },
	}, {
		"STOP", DUT_STOP_COPY,
		{ S(STOP), S(STOP_COPY), S(STOP), S(STOP_COPY) },
		{ S(STOP), S(RUNNING) },
	}, {
		"RUNNING_P2P", DUT_P2P,
		{ S(RUNNING_P2P), S(STOP), S(STOP_COPY) },
		{ S(STOP), S(RUNNING_P2P), S(RUNNING) },
	}, {
		"PRE_COPY", DUT_PRE_COPY,
		{ S(PRE_COPY), S(STOP_COPY) },
		{ S(RUNNING) },
	}, {
		"PRE_COPY, given up once", DUT_PRE_COPY,
		{ S(PRE_COPY), S(RUNNING), S(PRE_COPY), S(STOP_COPY) },
		{ S(STOP), S(RUNNING) },
	}, {
		"PRE_COPY_P2P", DUT_P2P | DUT_PRE_COPY,
		{ S(PRE_COPY), S(PRE_COPY_P2P), S(STOP_COPY) },
		{ S(RUNNING_P2P), S(RUNNING) },
	}, {
		"PRE_COPY_P2P, to and fro", DUT_P2P | DUT_PRE_COPY,
		{ S(RUNNING_P2P), S(PRE_COPY_P2P), S(PRE_COPY),
		  S(PRE_COPY_P2P), S(STOP_COPY) },
		{ S(STOP), S(RUNNING_P2P), S(RUNNING) },
	},
};

const unsigned int nr_hops = ARRAY_LEN(hops);

/**
 * hop_possible - whether a device can migrate by a way
 * @hop: the way
 * @vf: the device
 *
 * Return: true if it has the capabilities.
 */
bool hop_possible(const struct hop *hop, const struct vf *vf)
{
	return (vf->dut.flags & hop->needs) == hop->needs;
}

/* To where the session ends for now, or in STOP_COPY for good */
static int read_on(struct vf *vf, __u32 state, int data_fd,
		   struct mig_stream *stream)
{
	int ret = step_read(&vf->dut, data_fd, stream);

	if (state != S(STOP_COPY) && ret == -ENOMSG)
		return 0;
	return ret;
}

/**
 * hop_out - let a device go out
 * @hop: the way
 * @vf: the device, RUNNING; in STOP_COPY after it
 * @stream: the stream is put here
 *
 * Return: 0, or the -errno of the first call that failed.
 */
int hop_out(const struct hop *hop, struct vf *vf, struct mig_stream *stream)
{
	int session = -1, data_fd, ret = 0;
	unsigned int i;

	for (i = 0; !ret && hop->out[i]; i++) {
		ret = __vfio_mig_set(&vf->dut.dev, hop->out[i], &data_fd);
		if (ret)
			break;
		/* A session of before has ended */
		if (data_fd >= 0) {
			if (session >= 0)
				close(session);
			session = data_fd;
			stream->len = 0;
		}
		if (mig_model_saving(hop->out[i]))
			ret = read_on(vf, hop->out[i], session, stream);
	}
	if (session >= 0)
		close(session);
	return ret;
}

/**
 * hop_in - let a device come in
 * @hop: the way
 * @vf: the device, in a state from which RESUMING can be reached; RUNNING after
 *	it
 * @stream: what to load
 *
 * Return: 0, or the -errno of the first call that failed.
 */
int hop_in(const struct hop *hop, struct vf *vf,
	   const struct mig_stream *stream)
{
	int none, ret = __mig_load(&vf->dut.dev, stream, MIG_CHUNK, hop->in[0]);
	unsigned int i;

	for (i = 1; !ret && i < ARRAY_LEN(hop->in) && hop->in[i]; i++)
		ret = __vfio_mig_set(&vf->dut.dev, hop->in[i], &none);
	return ret;
}

/**
 * hop_do - migrate
 * @hop: the way
 * @from: the source, RUNNING
 * @to: the destination, in any state
 * @content: what a guest has to find in the destination
 *
 * Return: NULL, or what went wrong.
 */
const char *hop_do(const struct hop *hop, struct vf *from, struct vf *to,
		   const __u8 *content)
{
	static char why[128];
	struct mig_stream stream = {};
	ssize_t at;
	int ret;

	ret = hop_out(hop, from, &stream);
	if (ret) {
		snprintf(why, sizeof(why), "%s in the source, by way of %s",
			 rule_errno(ret), hop->name);
		mig_stream_free(&stream);
		return why;
	}
	dut_fresh(&to->dut);
	ret = hop_in(hop, to, &stream);
	mig_stream_free(&stream);
	if (ret) {
		snprintf(why, sizeof(why),
			 "%s in the destination, by way of %s",
			 rule_errno(ret), hop->name);
		return why;
	}
	if (!vf_runs(to)) {
		snprintf(why, sizeof(why),
			 "a destination that does not run, by way of %s",
			 hop->name);
		return why;
	}
	at = vf_differs(to, content);
	if (at < 0)
		return NULL;
	snprintf(why, sizeof(why), "another byte %#zx, by way of %s", at,
		 hop->name);
	return why;
}

/**
 * hop_recover - reset a device, and see whether it works and can be migrated
 * @vf: the device, in any state
 * @other: the destination
 * @content: what the guest sets before
 *
 * Return: NULL if it can, or what went wrong.
 */
const char *hop_recover(struct vf *vf, struct vf *other, const __u8 *content)
{
	static char why[128];
	__u32 state = VFIO_DEVICE_STATE_NR;
	int ret;

	ret = __vfio_dev_reset(&vf->dut.dev);
	if (ret) {
		snprintf(why, sizeof(why), "%s in reset", rule_errno(ret));
		return why;
	}
	__vfio_mig_get(&vf->dut.dev, &state);
	if (state != VFIO_DEVICE_STATE_RUNNING) {
		snprintf(why, sizeof(why), "%s after reset",
			 mig_state_name(state));
		return why;
	}
	ret = __vf_write(vf, content);
	if (ret)
		return "a device that does not run after reset";
	/* With pre-copy, if there is one */
	for (ret = nr_hops - 1; !hop_possible(&hops[ret], vf); ret--)
		;
	return hop_do(&hops[ret], vf, other, content);
}
