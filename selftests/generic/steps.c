// SPDX-License-Identifier: GPL-2.0-only
/* Steps that tests have in common. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "session.h"
#include "steps.h"

/**
 * step_go - put a fresh device into a state
 * @dut: the device
 * @state: the state
 * @stream: what to write in RESUMING, so that the state can be left; or NULL
 * @data_fd: set to the data fd of that state, or -1
 *
 * Return: 0, or -errno.
 */
int step_go(struct dut *dut, __u32 state, const struct mig_stream *stream,
	    int *data_fd)
{
	int ret;

	dut_fresh(dut);
	*data_fd = -1;
	if (state == VFIO_DEVICE_STATE_RUNNING)
		return 0;
	ret = __vfio_mig_set(&dut->dev, state, data_fd);
	if (ret)
		*data_fd = -1;
	else if (state == VFIO_DEVICE_STATE_RESUMING && stream)
		ret = __mig_stream_write(stream, *data_fd, MIG_CHUNK);
	return ret;
}

/**
 * step_error - put a fresh device into ERROR, if there is a way
 * @dut: the device
 * @stream: a stream that it would accept
 *
 * A refused stream is the only way that a user has, and the device may as well
 * stay in RESUMING.
 *
 * Return: true if the device is in ERROR.
 */
bool step_error(struct dut *dut, const struct mig_stream *stream)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct mig_stream bad = {};
		__u32 state = VFIO_DEVICE_STATE_NR;
		int data_fd, none;

		/* Nothing; half of it; all of it, but with another beginning */
		mig_stream_append(&bad, stream->data, stream->len * i / 2);
		if (i == 2 && bad.len)
			bad.data[0] ^= 0xff;
		if (!step_go(dut, VFIO_DEVICE_STATE_RESUMING, NULL, &data_fd)) {
			__mig_stream_write(&bad, data_fd, MIG_CHUNK);
			__vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_STOP,
				       &none);
			__vfio_mig_get(&dut->dev, &state);
			close(data_fd);
		}
		mig_stream_free(&bad);
		if (state == VFIO_DEVICE_STATE_ERROR)
			return true;
	}
	return false;
}

/* Far more than a stream can have that ends at all */
static __u64 stream_max(struct dut *dut)
{
	__u64 bytes;

	if (__vfio_mig_data_size(&dut->dev, &bytes) || bytes > 1ULL << 40)
		bytes = 0;
	return bytes * 4 + (64 << 20);
}

/**
 * step_read - read a session up to where it ends for now or for good
 * @dut: the device
 * @data_fd: the session
 * @stream: what is read is appended here
 *
 * Return: as __mig_stream_read_max().
 */
int step_read(struct dut *dut, int data_fd, struct mig_stream *stream)
{
	return __mig_stream_read_max(stream, data_fd, MIG_CHUNK,
				     stream_max(dut));
}

/**
 * step_save - save a device through STOP_COPY alone
 * @dut: the device, in a state outside of the saving group; STOP after it
 * @stream: the stream is put here
 *
 * Return: 0, or the -errno of the first call that failed.
 */
int step_save(struct dut *dut, struct mig_stream *stream)
{
	int data_fd, none, ret, set;

	stream->len = 0;
	ret = __vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_STOP_COPY, &data_fd);
	if (ret)
		return ret;
	ret = step_read(dut, data_fd, stream);
	set = __vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_STOP, &none);
	close(data_fd);
	return ret ? ret : set;
}

/**
 * step_migrate - see whether a device can be migrated
 * @dut: the device, in a state outside of the saving group
 *
 * The stream comes from the device itself.
 *
 * Return: NULL if it can, the device is RUNNING then; or what went wrong.
 */
const char *step_migrate(struct dut *dut)
{
	static char why[80];
	struct mig_stream stream = {};
	__u32 state = VFIO_DEVICE_STATE_NR;
	int ret;

	ret = step_save(dut, &stream);
	if (ret) {
		snprintf(why, sizeof(why), "%s in save", rule_errno(ret));
	} else if (!stream.len) {
		snprintf(why, sizeof(why), "an empty stream");
		ret = -ENODATA;
	} else {
		ret = __mig_load(&dut->dev, &stream, MIG_CHUNK,
				 VFIO_DEVICE_STATE_RUNNING);
		snprintf(why, sizeof(why), "%s in load", rule_errno(ret));
	}
	if (!ret) {
		__vfio_mig_get(&dut->dev, &state);
		if (state != VFIO_DEVICE_STATE_RUNNING)
			ret = -EPROTO;
		snprintf(why, sizeof(why), "%s after load to RUNNING",
			 mig_state_name(state));
	}
	mig_stream_free(&stream);
	return ret ? why : NULL;
}

/**
 * step_recover - reset a device and see whether it can be migrated then
 * @dut: the device, in any state
 *
 * The device is to help itself, if it says that it can be reset: a new one, as
 * dut_fresh() may get it, would hide what is wrong with the old.
 *
 * Return: NULL if it can, the device is RUNNING then; or what went wrong.
 */
const char *step_recover(struct dut *dut)
{
	static char why[80];
	__u32 state;
	int ret;

	if (!vfio_dev_can_reset(&dut->dev)) {
		dut_fresh(dut);
		return step_migrate(dut);
	}
	ret = __vfio_dev_reset(&dut->dev);
	if (!ret)
		ret = __vfio_mig_get(&dut->dev, &state);
	if (ret)
		snprintf(why, sizeof(why), "%s in reset", rule_errno(ret));
	else if (state != VFIO_DEVICE_STATE_RUNNING)
		snprintf(why, sizeof(why), "%s after reset",
			 mig_state_name(state));
	else
		return step_migrate(dut);
	return why;
}

/**
 * step_touch - see whether a session goes on
 * @data_fd: its data fd
 * @state: the state that it was for
 *
 * Takes one byte out of it, or puts one in.
 *
 * Return: NULL if it is dead: "FD reaches end of stream or error"; or what
 * shows that it is not.
 */
const char *step_touch(int data_fd, __u32 state)
{
	int ret = mig_session_touch(data_fd, state);

	if (session_dead(ret, state))
		return NULL;
	if (state == VFIO_DEVICE_STATE_RESUMING)
		return "write() takes data";
	return ret == -ENOMSG ? "read() fails with ENOMSG" : "read() gives data";
}

/**
 * step_readable - the regions that can be read
 * @dev: the device
 *
 * Their first bytes, that is: what is behind them is unknown.
 *
 * Return: a bit for each of the first 64 regions.
 */
__u64 step_readable(struct vfio_dev *dev)
{
	struct vfio_region_info info;
	__u64 readable = 0;
	__u32 index;

	for (index = 0; index < dev->info.num_regions && index < 64; index++) {
		__u32 data;

		if (__vfio_region_info(dev, index, &info) || !info.size ||
		    !(info.flags & VFIO_REGION_INFO_FLAG_READ))
			continue;
		if (__vfio_region_read(dev, index, 0, &data,
				       info.size < sizeof(data) ?
				       info.size : sizeof(data)) > 0)
			readable |= 1ULL << index;
	}
	return readable;
}
