/* SPDX-License-Identifier: GPL-2.0-only */
/* The stream of a source device, on its way out. */
#ifndef VFIO_MIGCTL_FLOW_H
#define VFIO_MIGCTL_FLOW_H

#include <stddef.h>
#include <linux/types.h>
#include <sys/types.h>

#include "end.h"

/**
 * struct flow - the stream of a source device
 * @src: the source
 * @put: where the bytes go; does not return if that fails
 * @arg: for @put
 * @meanwhile: called between two reads in pre-copy, or NULL
 * @rounds: of pre-copy at most
 * @size: bytes to read at once
 * @buffer: of that size
 */
struct flow {
	struct end *src;
	void (*put)(void *arg, const void *data, size_t len);
	void *arg;
	void (*meanwhile)(void);
	__u64 rounds;
	size_t size;
	void *buffer;
};

void flow_begin(struct flow *flow, size_t size);
void flow_pre_copy(struct flow *flow);
void flow_stop_copy(struct flow *flow, __u64 expected);
void put_into(void *arg, const void *data, size_t len);

#endif /* VFIO_MIGCTL_FLOW_H */
