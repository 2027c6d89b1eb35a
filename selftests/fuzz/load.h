/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device in userspace that loads and saves streams, made of the driver's
 * pure rooms: what migf.c does, without its files and locks.
 */
#ifndef SELFTESTS_FUZZ_LOAD_H
#define SELFTESTS_FUZZ_LOAD_H

#include <mem.h>
#include <stream.h>

/* The process ends, and the fuzzer keeps the input */
#define bug(fmt, ...)							\
	do {								\
		fprintf(stderr, "%s:%d: " fmt "\n", __FILE__, __LINE__,	\
			##__VA_ARGS__);					\
		abort();						\
	} while (0)

#define bug_unless(cond)						\
	do {								\
		if (!(cond))						\
			bug("not so: %s", #cond);			\
	} while (0)

/**
 * struct load - a device and the stream that it reads
 * @type: enum mtty_mig_type
 * @hw: its registers
 * @mem: its memory
 * @dec: the decoder
 * @page: where the content of a page goes now, if it is one that is read
 * @nr_pages: pages that the decoder asked for
 * @fed: bytes of the stream that were read
 * @error: 0 or why the stream was refused
 * @at: @fed when it was
 */
struct load {
	u32 type;
	struct mtty_hw *hw;
	struct mtty_mem *mem;
	struct mtty_dec *dec;
	void *page;
	unsigned int nr_pages;
	size_t fed;
	int error;
	size_t at;
};

void load_new(struct load *load, u32 type, u64 mem_size);
void load_free(struct load *load);
int load_feed(struct load *load, const u8 *data, size_t len);
u64 load_digest(struct load *load);

size_t save(u8 *buf, size_t size, u32 type, struct mtty_mem *mem,
	    const struct mtty_hw *hw);

u64 random_next(u64 *seed);
void exercise(struct mtty_hw *hw, u64 *seed);

#endif /* SELFTESTS_FUZZ_LOAD_H */
