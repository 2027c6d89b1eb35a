// SPDX-License-Identifier: GPL-2.0-only
/* The states in which a device does no peer-to-peer DMA. */
#include <poll.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut.h"
#include "dut_fixture.h"
#include "steps.h"

DUT_FIXTURE(p2p, DUT_P2P);

/* "RUNNING_P2P is supported in addition to the STOP_COPY states" */
TEST_F(p2p, P2P_states_are_reached_from_every_state)
{
	static const __u32 states[] = {
		VFIO_DEVICE_STATE_RUNNING_P2P, VFIO_DEVICE_STATE_PRE_COPY_P2P,
	};
	struct mig_stream stream = {};
	unsigned int i;
	__u32 from;

	step_save(&self->dut, &stream);
	for (i = 0; i < ARRAY_LEN(states); i++) {
		if (!mig_model_supported(self->dut.flags, states[i]))
			continue;
		for (from = 0; dut_has_state(&self->dut, &from); from++) {
			struct mig_path path;
			int session, data_fd;

			if (!mig_model_paths(self->dut.flags, from, states[i],
					     &path) ||
			    step_go(&self->dut, from, &stream, &session))
				continue;
			RULE_OK("MIG-P2P-01",
				__vfio_mig_set(&self->dut.dev, states[i],
					       &data_fd),
				"SET %s in %s", mig_state_name(states[i]),
				mig_state_name(from));
			if (session >= 0)
				close(session);
			if (data_fd >= 0)
				close(data_fd);
		}
	}
	mig_stream_free(&stream);
}

/* "except the device cannot do peer to peer DMA" */
TEST_F(p2p, regions_respond)
{
	__u64 before = step_readable(&self->dut.dev), after;
	int data_fd;

	if (step_go(&self->dut, VFIO_DEVICE_STATE_RUNNING_P2P, NULL, &data_fd))
		SKIP(return, "RUNNING_P2P cannot be reached");
	after = step_readable(&self->dut.dev);
	RULE("MIG-P2P-03", !(before & ~after),
	     "the regions %#llx to respond, seen %#llx: in RUNNING_P2P",
	     (unsigned long long)before, (unsigned long long)after);
}

DUT_FIXTURE(p2p_precopy, DUT_P2P | DUT_PRE_COPY);

/**
 * struct streaming - what a pre-copy session does
 * @info: what VFIO_MIG_GET_PRECOPY_INFO returns
 * @first: what the first read() returns
 * @readable: what poll() tells before it
 * @end: how read() fails, or does not, at the temporary end
 * @empty: what poll() tells there
 */
struct streaming {
	int info;
	int first;
	short readable;
	int end;
	short empty;
};

static bool stream_in(struct dut *dut, __u32 state, struct streaming *seen)
{
	struct mig_stream stream = {};
	struct vfio_precopy_info info;
	int data_fd;

	if (step_go(dut, state, NULL, &data_fd) || data_fd < 0)
		return false;
	seen->info = __vfio_precopy_info(data_fd, &info);
	seen->readable = fd_poll(data_fd, POLLIN);
	seen->first = mig_session_touch(data_fd, state);
	seen->end = step_read(dut, data_fd, &stream);
	seen->empty = fd_poll(data_fd, POLLIN);
	close(data_fd);
	mig_stream_free(&stream);
	return true;
}

/* "Entering PRE_COPY_P2P continues all the behaviors of PRE_COPY above." */
TEST_F(p2p_precopy, PRE_COPY_P2P_streams_like_PRE_COPY)
{
	struct streaming plain, p2p;

	if (!stream_in(&self->dut, VFIO_DEVICE_STATE_PRE_COPY, &plain) ||
	    !stream_in(&self->dut, VFIO_DEVICE_STATE_PRE_COPY_P2P, &p2p))
		SKIP(return, "the PRE_COPY states give no session");
	RULE_EQ("MIG-P2P-02", plain.info, p2p.info,
		"pre-copy info in PRE_COPY_P2P, as in PRE_COPY");
	RULE_EQ("MIG-P2P-02", plain.readable, p2p.readable,
		"poll() before the first read() in PRE_COPY_P2P, as in PRE_COPY");
	RULE_EQ("MIG-P2P-02", plain.first, p2p.first,
		"the first read() in PRE_COPY_P2P, as in PRE_COPY");
	RULE_EQ("MIG-P2P-02", plain.end, p2p.end,
		"the temporary end in PRE_COPY_P2P, as in PRE_COPY");
	RULE_EQ("MIG-P2P-02", plain.empty, p2p.empty,
		"poll() at the temporary end in PRE_COPY_P2P, as in PRE_COPY");
}

/* The same session that was begun in PRE_COPY */
TEST_F(p2p_precopy, PRE_COPY_P2P_goes_on_with_the_stream_of_PRE_COPY)
{
	struct mig_stream stream = {};
	struct vfio_precopy_info info;
	int data_fd, none, end;

	if (step_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY, NULL, &data_fd) ||
	    data_fd < 0)
		SKIP(return, "PRE_COPY gives no session");
	end = step_read(&self->dut, data_fd, &stream);
	if (__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_PRE_COPY_P2P,
			   &none))
		SKIP(return, "PRE_COPY_P2P cannot be reached");
	RULE_OK("MIG-P2P-02", __vfio_precopy_info(data_fd, &info),
		"pre-copy info in PRE_COPY_P2P");
	/* The device may have something for us now, and is then empty again */
	RULE_EQ("MIG-P2P-02", end, step_read(&self->dut, data_fd, &stream),
		"the temporary end in PRE_COPY_P2P, as in PRE_COPY before");
	__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP_COPY, &none);
	RULE_OK("MIG-P2P-02", step_read(&self->dut, data_fd, &stream),
		"read() up to the end of stream in STOP_COPY");
	close(data_fd);
	dut_fresh(&self->dut);
	RULE_OK("MIG-P2P-02",
		__mig_load(&self->dut.dev, &stream, MIG_CHUNK,
			   VFIO_DEVICE_STATE_RUNNING),
		"load of a stream through PRE_COPY and PRE_COPY_P2P");
	mig_stream_free(&stream);
}

TEST_HARNESS_MAIN
