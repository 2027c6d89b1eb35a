// SPDX-License-Identifier: GPL-2.0-only
/* Migration of a VFIO device: features, states, data fd, streams. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "arcs.h"
#include "check.h"
#include "mig_model.h"
#include "vfio_mig.h"

/**
 * mig_state_name - a state's name
 * @state: enum vfio_device_mig_state, or any number
 *
 * Return: its name in the uAPI, without the prefix.
 */
const char *mig_state_name(__u32 state)
{
	static const char * const names[VFIO_DEVICE_STATE_NR] = {
		[VFIO_DEVICE_STATE_ERROR] = "ERROR",
		[VFIO_DEVICE_STATE_STOP] = "STOP",
		[VFIO_DEVICE_STATE_RUNNING] = "RUNNING",
		[VFIO_DEVICE_STATE_STOP_COPY] = "STOP_COPY",
		[VFIO_DEVICE_STATE_RESUMING] = "RESUMING",
		[VFIO_DEVICE_STATE_RUNNING_P2P] = "RUNNING_P2P",
		[VFIO_DEVICE_STATE_PRE_COPY] = "PRE_COPY",
		[VFIO_DEVICE_STATE_PRE_COPY_P2P] = "PRE_COPY_P2P",
	};
	static char number[32];

	if (state < ARRAY_LEN(names))
		return names[state];
	snprintf(number, sizeof(number), "state %u", state);
	return number;
}

/**
 * mig_flags_name - a set of capabilities in words
 * @flags: VFIO_MIGRATION_*
 *
 * Return: for instance "STOP_COPY | P2P"; "none" if there are none.
 */
const char *mig_flags_name(__u64 flags)
{
	static const char * const names[8] = {
		"none", "STOP_COPY", "P2P", "STOP_COPY | P2P", "PRE_COPY",
		"STOP_COPY | PRE_COPY", "P2P | PRE_COPY",
		"STOP_COPY | P2P | PRE_COPY",
	};

	return flags < ARRAY_LEN(names) ? names[flags] : "unknown";
}

static bool concerns_state(__u32 flags)
{
	return (flags & VFIO_DEVICE_FEATURE_MASK) ==
		VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE &&
		!(flags & VFIO_DEVICE_FEATURE_PROBE);
}

/* For the report: what a call did to the state.  @asked is what was asked for. */
static void count_arcs(struct vfio_dev *dev, unsigned int turn, __u32 flags,
		       const struct vfio_device_feature_mig_state *asked,
		       const struct vfio_device_feature *feature, size_t len,
		       int ret)
{
	const struct vfio_device_feature_mig_state *got =
		(const void *)feature->data;
	bool whole = len == sizeof(*got) &&
		     feature->argsz == sizeof(*feature) + sizeof(*got);

	if (!whole)
		arcs_is(dev->arcs, turn, VFIO_DEVICE_STATE_NR, ret);
	else if (flags & VFIO_DEVICE_FEATURE_SET)
		arcs_set(dev->arcs, turn, asked->device_state, ret);
	else
		arcs_is(dev->arcs, turn, got->device_state, ret);
}

/**
 * __vfio_feature_argsz - VFIO_DEVICE_FEATURE with an argsz of its own
 * @dev: the device
 * @flags: feature and VFIO_DEVICE_FEATURE_GET, SET, PROBE
 * @data: the feature's structure, in and out
 * @len: of @data in bytes
 * @argsz: what to claim
 *
 * Return: 0 or -errno; @data is copied back in both cases.
 */
int __vfio_feature_argsz(struct vfio_dev *dev, __u32 flags, void *data,
			 size_t len, __u32 argsz)
{
	__u64 buf[64] = {};
	struct vfio_device_feature *feature = (void *)buf;
	unsigned int turn = 0;
	int ret = 0;

	if (sizeof(*feature) + len > sizeof(buf))
		die("feature data of %zu bytes", len);
	feature->argsz = argsz;
	feature->flags = flags;
	if (len)
		memcpy(feature->data, data, len);
	if (concerns_state(flags))
		turn = arcs_begin(dev->arcs);
	if (ioctl(dev->fd, VFIO_DEVICE_FEATURE, feature) < 0)
		ret = -errno;
	if (concerns_state(flags))
		count_arcs(dev, turn, flags, data, feature, len, ret);
	if (len)
		memcpy(data, feature->data, len);
	return ret;
}

/**
 * __vfio_feature - VFIO_DEVICE_FEATURE
 * @dev: the device
 * @flags: feature and VFIO_DEVICE_FEATURE_GET, SET, PROBE
 * @data: the feature's structure, in and out
 * @len: of @data in bytes
 *
 * Return: 0 or -errno; @data is copied back in both cases.
 */
int __vfio_feature(struct vfio_dev *dev, __u32 flags, void *data, size_t len)
{
	return __vfio_feature_argsz(dev, flags, data, len,
				    sizeof(struct vfio_device_feature) + len);
}

/**
 * __vfio_mig_flags - what migration a device is capable of
 * @dev: the device
 * @flags: set to VFIO_MIGRATION_*
 *
 * Return: 0 or -errno; -ENOTTY if it has no migration.
 */
int __vfio_mig_flags(struct vfio_dev *dev, __u64 *flags)
{
	struct vfio_device_feature_migration mig = {};
	int ret;

	ret = __vfio_feature(dev, VFIO_DEVICE_FEATURE_GET |
			     VFIO_DEVICE_FEATURE_MIGRATION, &mig, sizeof(mig));
	*flags = ret ? 0 : mig.flags;
	arcs_flags(dev->arcs, *flags);
	return ret;
}

/**
 * vfio_mig_flags - what migration a device is capable of
 * @dev: the device
 *
 * Return: VFIO_MIGRATION_*, 0 if it has no migration; does not return if it
 * fails to tell.
 */
__u64 vfio_mig_flags(struct vfio_dev *dev)
{
	__u64 flags;
	int ret = __vfio_mig_flags(dev, &flags);

	if (ret && ret != -ENOTTY)
		must(ret);
	return flags;
}

/**
 * __vfio_mig_set - ask for a state
 * @dev: the device
 * @state: enum vfio_device_mig_state, or any number
 * @data_fd: set to what came: the fd of a new session, or -1
 *
 * Return: 0 or -errno.
 */
int __vfio_mig_set(struct vfio_dev *dev, __u32 state, int *data_fd)
{
	struct vfio_device_feature_mig_state mig = {
		.device_state = state,
		/* Neither a file descriptor nor the -1 that should come */
		.data_fd = -2,
	};
	int ret;

	ret = __vfio_feature(dev, VFIO_DEVICE_FEATURE_SET |
			     VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
			     &mig, sizeof(mig));
	*data_fd = mig.data_fd;
	return ret;
}

/**
 * vfio_mig_set - ask for a state, or end the process
 * @dev: the device
 * @state: enum vfio_device_mig_state
 *
 * Return: the data fd of a new session, or -1.
 */
int vfio_mig_set(struct vfio_dev *dev, __u32 state)
{
	int data_fd;
	int ret = __vfio_mig_set(dev, state, &data_fd);

	if (ret)
		die("SET %s: %s", mig_state_name(state), strerror(-ret));
	return data_fd;
}

/**
 * __vfio_mig_get - the state of a device
 * @dev: the device
 * @state: set to it
 *
 * Return: 0 or -errno.
 */
int __vfio_mig_get(struct vfio_dev *dev, __u32 *state)
{
	struct vfio_device_feature_mig_state mig = {};
	int ret;

	ret = __vfio_feature(dev, VFIO_DEVICE_FEATURE_GET |
			     VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
			     &mig, sizeof(mig));
	*state = mig.device_state;
	return ret;
}

/**
 * vfio_mig_get - the state of a device
 * @dev: the device
 *
 * Return: enum vfio_device_mig_state; does not return if it fails to tell.
 */
__u32 vfio_mig_get(struct vfio_dev *dev)
{
	__u32 state;

	must(__vfio_mig_get(dev, &state));
	return state;
}

/**
 * __vfio_mig_data_size - how much STOP_COPY would have to send
 * @dev: the device
 * @bytes: set to the estimate
 *
 * Return: 0 or -errno.
 */
int __vfio_mig_data_size(struct vfio_dev *dev, __u64 *bytes)
{
	struct vfio_device_feature_mig_data_size size = {};
	int ret;

	ret = __vfio_feature(dev, VFIO_DEVICE_FEATURE_GET |
			     VFIO_DEVICE_FEATURE_MIG_DATA_SIZE,
			     &size, sizeof(size));
	*bytes = size.stop_copy_length;
	return ret;
}

/**
 * vfio_mig_data_size - how much STOP_COPY would have to send
 * @dev: the device
 *
 * Return: the estimate; does not return if there is none.
 */
__u64 vfio_mig_data_size(struct vfio_dev *dev)
{
	__u64 bytes;

	must(__vfio_mig_data_size(dev, &bytes));
	return bytes;
}

/**
 * __vfio_precopy_info - what is left to read before pre-copy may end
 * @data_fd: the session
 * @info: filled in
 *
 * Return: 0 or -errno.
 */
int __vfio_precopy_info(int data_fd, struct vfio_precopy_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	return ioctl(data_fd, VFIO_MIG_GET_PRECOPY_INFO, info) < 0 ?
		-errno : 0;
}

/**
 * vfio_precopy_info - what is left to read, or end the process
 * @data_fd: the session
 * @info: filled in
 */
void vfio_precopy_info(int data_fd, struct vfio_precopy_info *info)
{
	must(__vfio_precopy_info(data_fd, info));
}

/**
 * fd_poll - what poll() says of a file descriptor at this moment
 * @fd: the file descriptor
 * @events: what to ask for
 *
 * Return: revents.
 */
short fd_poll(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	if (poll(&pfd, 1, 0) < 0)
		die("poll: %s", strerror(errno));
	return pfd.revents;
}

/**
 * mig_session_touch - move one byte through a session
 * @data_fd: the session
 * @state: the state that it was for
 *
 * Return: what read() or, for RESUMING, write() returned, or -errno.
 */
int mig_session_touch(int data_fd, __u32 state)
{
	__u8 byte = 0;

	if (state == VFIO_DEVICE_STATE_RESUMING)
		return mig_write(data_fd, &byte, sizeof(byte));
	return mig_read(data_fd, &byte, sizeof(byte));
}

/**
 * mig_stream_free - free a stream's memory; it is empty then
 * @stream: the stream
 */
void mig_stream_free(struct mig_stream *stream)
{
	free(stream->data);
	memset(stream, 0, sizeof(*stream));
}

static void stream_room(struct mig_stream *stream, size_t len)
{
	if (stream->size - stream->len >= len)
		return;
	stream->size = (stream->len + len) * 2;
	stream->data = realloc(stream->data, stream->size);
	if (!stream->data)
		die("no memory for a stream of %zu bytes", stream->size);
}

/**
 * mig_stream_append - put bytes at the end of a stream
 * @stream: the stream
 * @data: the bytes
 * @len: how many
 */
void mig_stream_append(struct mig_stream *stream, const void *data,
		       size_t len)
{
	stream_room(stream, len);
	memcpy(stream->data + stream->len, data, len);
	stream->len += len;
}

/**
 * mig_stream_copy - make one stream like another
 * @to: the stream that changes
 * @from: the stream that does not
 */
void mig_stream_copy(struct mig_stream *to, const struct mig_stream *from)
{
	to->len = 0;
	mig_stream_append(to, from->data, from->len);
}

/**
 * mig_read - read() a data fd
 * @data_fd: the session
 * @buf: where to put it
 * @len: how much at most
 *
 * Return: bytes read, 0 at the end, or -errno: -ENOMSG at a temporary end.
 */
ssize_t mig_read(int data_fd, void *buf, size_t len)
{
	ssize_t n = read(data_fd, buf, len);

	return n < 0 ? -errno : n;
}

/**
 * mig_write - write() to a data fd
 * @data_fd: the session
 * @buf: what to write
 * @len: how much
 *
 * Return: bytes written or -errno.
 */
ssize_t mig_write(int data_fd, const void *buf, size_t len)
{
	ssize_t n = write(data_fd, buf, len);

	return n < 0 ? -errno : n;
}

/**
 * mig_stream_max - how long a stream may be
 *
 * A driver that is wrong may never come to an end.  A stream that takes an
 * eighth of the machine's memory cannot be tested there anyway: tests hold
 * several.
 *
 * Return: bytes.
 */
size_t mig_stream_max(void)
{
	return (size_t)sysconf(_SC_PHYS_PAGES) / 8 * sysconf(_SC_PAGESIZE);
}

/**
 * __mig_stream_read_max - read a session up to where it ends for now or for
 *	good, or to a bound
 * @stream: what is read is appended here
 * @data_fd: the session
 * @chunk: bytes to ask for in each read()
 * @max: bytes of a stream of which no end is to be seen
 *
 * Return: 0 at the end of the stream, or -errno: -ENOMSG at a temporary end,
 * -EFBIG if no end is to be seen, -EOVERFLOW if read() told more than it had
 * been asked for.
 */
int __mig_stream_read_max(struct mig_stream *stream, int data_fd, size_t chunk,
			  size_t max)
{
	ssize_t n;

	do {
		stream_room(stream, chunk);
		n = mig_read(data_fd, stream->data + stream->len, chunk);
		if (n > (ssize_t)chunk)
			return -EOVERFLOW;
		if (n > 0)
			stream->len += n;
		if (stream->len > max)
			return -EFBIG;
	} while (n > 0);
	return n;
}

/**
 * __mig_stream_read - read a session up to where it ends for now or for good
 * @stream: what is read is appended here
 * @data_fd: the session
 * @chunk: bytes to ask for in each read()
 *
 * Return: as __mig_stream_read_max().
 */
int __mig_stream_read(struct mig_stream *stream, int data_fd, size_t chunk)
{
	return __mig_stream_read_max(stream, data_fd, chunk, mig_stream_max());
}

/**
 * mig_stream_read - read a session up to a certain end, or end the process
 * @stream: what is read is appended here
 * @data_fd: the session
 * @chunk: bytes to ask for in each read()
 * @end: 0 for the end of the stream, -ENOMSG for a temporary end
 */
void mig_stream_read(struct mig_stream *stream, int data_fd, size_t chunk,
		     int end)
{
	int ret = __mig_stream_read(stream, data_fd, chunk);

	if (ret != end)
		die("read of the data fd after %zu bytes: %s", stream->len,
		    ret ? strerror(-ret) : "end of stream");
}

/**
 * __mig_stream_write - write a whole stream to a session
 * @stream: the stream
 * @data_fd: the session
 * @chunk: bytes to give to each write()
 *
 * Return: 0, or the -errno of the write() that failed.
 */
int __mig_stream_write(const struct mig_stream *stream, int data_fd,
		       size_t chunk)
{
	size_t done = 0;

	while (done < stream->len) {
		size_t len = stream->len - done;
		ssize_t n;

		if (len > chunk)
			len = chunk;
		n = mig_write(data_fd, stream->data + done, len);
		if (n < 0)
			return n;
		/* It would be tried again for ever */
		if (!n)
			return -EIO;
		done += n;
	}
	return 0;
}

/**
 * mig_save - save a device through STOP_COPY alone, or end the process
 * @dev: the device, in any state outside of the saving group; STOP after it
 * @stream: the stream is put here
 * @chunk: bytes to ask for in each read()
 */
void mig_save(struct vfio_dev *dev, struct mig_stream *stream, size_t chunk)
{
	int data_fd = vfio_mig_set(dev, VFIO_DEVICE_STATE_STOP_COPY);

	stream->len = 0;
	mig_stream_read(stream, data_fd, chunk, 0);
	vfio_mig_set(dev, VFIO_DEVICE_STATE_STOP);
	close(data_fd);
}

/**
 * mig_save_precopy - save a device through its PRE_COPY states, or end the
 *	process
 * @dev: the device, RUNNING; STOP after it
 * @flags: its capabilities, VFIO_MIGRATION_PRE_COPY among them
 * @stream: the stream is put here
 * @chunk: bytes to ask for in each read()
 */
void mig_save_precopy(struct vfio_dev *dev, __u64 flags,
		      struct mig_stream *stream, size_t chunk)
{
	int data_fd = vfio_mig_set(dev, VFIO_DEVICE_STATE_PRE_COPY);

	stream->len = 0;
	mig_stream_read(stream, data_fd, chunk, -ENOMSG);
	if (mig_model_supported(flags, VFIO_DEVICE_STATE_PRE_COPY_P2P)) {
		vfio_mig_set(dev, VFIO_DEVICE_STATE_PRE_COPY_P2P);
		mig_stream_read(stream, data_fd, chunk, -ENOMSG);
	}
	vfio_mig_set(dev, VFIO_DEVICE_STATE_STOP_COPY);
	mig_stream_read(stream, data_fd, chunk, 0);
	vfio_mig_set(dev, VFIO_DEVICE_STATE_STOP);
	close(data_fd);
}

/**
 * __mig_load - load a stream into a device
 * @dev: the device, in a state from which RESUMING can be reached
 * @stream: the stream
 * @chunk: bytes to give to each write()
 * @state: the state to leave RESUMING for
 *
 * A user who sees a write() fail need not ask for the next state; this asks
 * nonetheless, because the uAPI wants it refused: "If the user provided data
 * is found to be incomplete, inconsistent, or otherwise invalid, the
 * migration driver must fail the SET_STATE ioctl".
 *
 * Return: 0, or the -errno of the first call that failed; -EPROTO if a
 * write() failed and leaving RESUMING did not.
 */
int __mig_load(struct vfio_dev *dev, const struct mig_stream *stream,
	       size_t chunk, __u32 state)
{
	int data_fd, ret, none;
	int set;

	ret = __vfio_mig_set(dev, VFIO_DEVICE_STATE_RESUMING, &data_fd);
	if (ret)
		return ret;
	ret = __mig_stream_write(stream, data_fd, chunk);
	set = __vfio_mig_set(dev, state, &none);
	close(data_fd);
	if (ret && !set)
		return -EPROTO;
	return ret ? ret : set;
}

/**
 * mig_load - load a stream into a device, or end the process
 * @dev: the device, in a state from which RESUMING can be reached
 * @stream: the stream
 * @chunk: bytes to give to each write()
 * @state: the state to leave RESUMING for
 */
void mig_load(struct vfio_dev *dev, const struct mig_stream *stream,
	      size_t chunk, __u32 state)
{
	must(__mig_load(dev, stream, chunk, state));
}
