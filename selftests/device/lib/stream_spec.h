/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Documentation/stream.rst says of a stream: the tests' own reader, which
 * shares nothing with the driver's.  It has all of the stream at once, knows
 * nothing of segments, and stores nothing: what it finds points into the
 * stream.
 */
#ifndef SELFTESTS_DEVICE_STREAM_SPEC_H
#define SELFTESTS_DEVICE_STREAM_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define SPEC_PAGES_MAX	16
#define SPEC_MEM_MAX	(SPEC_PAGES_MAX * 4096)
#define SPEC_NR_STATES	7
#define SPEC_NEW_MAX	4

/**
 * struct stream_spec - what a stream is to a device
 * @error: 0, or -errno of the write() that completes what is wrong; or
 *	-ENODATA, which only the end of the session is
 * @at: how many bytes it takes to know
 * @page: by index: the content that counts in the end, or NULL if it is zero
 * @nr_new: PAGE records for a page that is zero before them: each needs memory
 * @new_at: for the first ones of these, how many bytes it takes to know
 * @state: the payloads of the state records, in their order
 */
struct stream_spec {
	int error;
	size_t at;
	const __u8 *page[SPEC_PAGES_MAX];
	unsigned int nr_new;
	size_t new_at[SPEC_NEW_MAX];
	const __u8 *state[SPEC_NR_STATES];
};

void spec_read(struct stream_spec *spec, const __u8 *data, size_t len,
	       __u32 type, __u64 mem_size);
const char *spec_differs(const struct stream_spec *a,
			 const struct stream_spec *b);
void spec_reader(const __u8 *data, size_t len, __u32 *type, __u64 *mem_size);

#endif /* SELFTESTS_DEVICE_STREAM_SPEC_H */
