/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sessions and streams of a device of which nothing is known, and the memory
 * that hostile users hand to read() and write().
 *
 * Nothing here judges: what is one test's way there is another's subject.
 */
#ifndef SELFTESTS_GENERIC_SESSION_H
#define SELFTESTS_GENERIC_SESSION_H

#include "../lib/guarded.h"
#include "dut.h"

const char *io_name(ssize_t n);
bool session_dead(ssize_t n, __u32 state);

int __session_read_on(struct mig_stream *stream, int data_fd, size_t chunk);
int __session_finish(struct dut *dut, int data_fd, struct mig_stream *stream);
void session_finish(struct dut *dut, int data_fd, struct mig_stream *stream);
void session_save(struct dut *dut, struct mig_stream *stream);
void session_save_precopy(struct dut *dut, struct mig_stream *stream);
int __session_load(struct dut *dut, const struct mig_stream *stream,
		   __u32 state);
int session_resume(struct dut *dut, const struct mig_stream *stream);

size_t stream_next_point(size_t at, size_t len, size_t each);
size_t stream_portion(size_t chunk, size_t at, size_t len);
void stream_part(struct mig_stream *part, const struct mig_stream *stream,
		 size_t from, size_t to);
__u64 stream_random(__u64 *seed);
void stream_noise(struct mig_stream *stream, size_t len, __u64 seed);

/* Bytes at a time that streams are read and written in; 0: now few, now many */
#define STREAM_CHUNKS	{ 0, 1, 7, 4096, 65536, 1 << 20, 16 << 20 }

/* Addresses at which no process has memory */
extern void * const bad_addresses[];
extern const unsigned int nr_bad_addresses;

#endif /* SELFTESTS_GENERIC_SESSION_H */
