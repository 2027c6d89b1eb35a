/* SPDX-License-Identifier: GPL-2.0-only */
/* Migration of a VFIO device: features, states, data fd. */
#ifndef SELFTESTS_LIB_VFIO_MIG_H
#define SELFTESTS_LIB_VFIO_MIG_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/vfio.h>
#include <sys/types.h>

#include "vfio_dev.h"

const char *mig_state_name(__u32 state);
const char *mig_flags_name(__u64 flags);

int __vfio_feature_argsz(struct vfio_dev *dev, __u32 flags, void *data,
			 size_t len, __u32 argsz);
int __vfio_feature(struct vfio_dev *dev, __u32 flags, void *data, size_t len);

int __vfio_mig_flags(struct vfio_dev *dev, __u64 *flags);
__u64 vfio_mig_flags(struct vfio_dev *dev);
int __vfio_mig_set(struct vfio_dev *dev, __u32 state, int *data_fd);
int vfio_mig_set(struct vfio_dev *dev, __u32 state);
int __vfio_mig_get(struct vfio_dev *dev, __u32 *state);
__u32 vfio_mig_get(struct vfio_dev *dev);
int __vfio_mig_data_size(struct vfio_dev *dev, __u64 *bytes);
__u64 vfio_mig_data_size(struct vfio_dev *dev);
int __vfio_precopy_info(int data_fd, struct vfio_precopy_info *info);
void vfio_precopy_info(int data_fd, struct vfio_precopy_info *info);

short fd_poll(int fd, short events);
int mig_session_touch(int data_fd, __u32 state);

/**
 * struct mig_stream - a migration stream in memory
 * @data: the bytes
 * @len: how many
 * @size: how many there is room for
 *
 * All zero is an empty stream.
 */
struct mig_stream {
	__u8 *data;
	size_t len;
	size_t size;
};

void mig_stream_free(struct mig_stream *stream);
void mig_stream_append(struct mig_stream *stream, const void *data,
		       size_t len);
void mig_stream_copy(struct mig_stream *to, const struct mig_stream *from);

ssize_t mig_read(int data_fd, void *buf, size_t len);
ssize_t mig_write(int data_fd, const void *buf, size_t len);
size_t mig_stream_max(void);
int __mig_stream_read_max(struct mig_stream *stream, int data_fd, size_t chunk,
			  size_t max);
int __mig_stream_read(struct mig_stream *stream, int data_fd, size_t chunk);
void mig_stream_read(struct mig_stream *stream, int data_fd, size_t chunk,
		     int end);
int __mig_stream_write(const struct mig_stream *stream, int data_fd,
		       size_t chunk);

#define MIG_CHUNK	0x100000	/* what a VMM uses */

void mig_save(struct vfio_dev *dev, struct mig_stream *stream, size_t chunk);
void mig_save_precopy(struct vfio_dev *dev, __u64 flags,
		      struct mig_stream *stream, size_t chunk);
int __mig_load(struct vfio_dev *dev, const struct mig_stream *stream,
	       size_t chunk, __u32 state);
void mig_load(struct vfio_dev *dev, const struct mig_stream *stream,
	      size_t chunk, __u32 state);

#endif /* SELFTESTS_LIB_VFIO_MIG_H */
