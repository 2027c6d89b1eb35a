// SPDX-License-Identifier: GPL-2.0-only
/*
 * The migration stream. What the decoder has to refuse is built by blob.c and
 * not by the encoder, so that the two cannot agree on a bug.
 */
#include <linux/serial_reg.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <linux/xxhash.h>

#include "helpers.h"
#include "stream.h"

#define TYPE	MTTY_MIG_TYPE_FULL

/**
 * struct loader - a device that loads, reduced to what a stream carries
 * @dec: the decoder
 * @hw: its registers
 * @mem: its memory
 * @max_want: the most that the decoder ever asked for
 * @stray: pages beyond the end that the decoder asked for
 * @no_memory: there is no memory for pages
 */
struct loader {
	struct mtty_dec dec;
	struct mtty_hw hw;
	struct mtty_mem *mem;
	size_t max_want;
	unsigned int stray;
	bool no_memory;
};

static void loader_check(struct loader *l, u64 index)
{
	l->stray += index >= l->mem->size >> MTTY_MIG_PAGE_SHIFT;
}

static void *loader_page(void *arg, u64 index)
{
	struct loader *l = arg;

	loader_check(l, index);
	return l->no_memory ? NULL : mtty_mem_load(l->mem, index);
}

static void loader_page_done(void *arg, u64 index)
{
	struct loader *l = arg;

	loader_check(l, index);
	mtty_mem_loaded(l->mem, index);
}

static void loader_page_zero(void *arg, u64 index)
{
	struct loader *l = arg;

	loader_check(l, index);
	mtty_mem_load_zero(l->mem, index);
}

static const struct mtty_dec_ops loader_ops = {
	.page = loader_page,
	.page_done = loader_page_done,
	.page_zero = loader_page_zero,
};

/* Be ready for another stream */
static void loader_reset(struct loader *l)
{
	mtty_mem_clear(l->mem);
	mtty_hw_reset(&l->hw, l->mem->size);
	mtty_dec_init(&l->dec, TYPE, &l->hw, &loader_ops, l);
	l->max_want = 0;
}

static struct loader *loader_new(struct kunit *test, u64 mem_size)
{
	struct loader *l = kunit_kzalloc(test, sizeof(*l), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, l);
	l->mem = mtty_test_mem(test, mem_size);
	loader_reset(l);
	return l;
}

/* Give the decoder some bytes, @chunk at a time; 0 for as many as it takes */
static int loader_feed(struct loader *l, const u8 *data, size_t len,
		       size_t chunk)
{
	while (len) {
		ssize_t n;
		void *dst;
		int ret;

		n = mtty_dec_want(&l->dec, &dst);
		if (n < 0)
			return n;
		/* It would never come to an end */
		if (!n)
			return -ELOOP;
		l->max_want = max_t(size_t, l->max_want, n);
		n = min_t(size_t, n, len);
		if (chunk)
			n = min_t(size_t, n, chunk);
		ret = mtty_dec_got(&l->dec, data, n);
		if (ret)
			return ret;
		data += n;
		len -= n;
	}
	return 0;
}

static int loader_load(struct loader *l, const struct mtty_test_blob *blob,
		       size_t chunk)
{
	return loader_feed(l, blob->data, blob->len, chunk) ?:
	       mtty_dec_finish(&l->dec);
}

/**
 * struct content - what a stream carries
 * @hw: registers
 * @mem: memory
 * @blob: the stream, as blob.c builds it
 */
struct content {
	struct mtty_hw hw;
	struct mtty_mem *mem;
	struct mtty_test_blob *blob;
};

/* Room for a stream with all pages of a memory and some more */
static struct mtty_test_blob *blob_for(struct kunit *test, u64 mem_size)
{
	u64 pages = mem_size / MTTY_MIG_PAGE_SIZE;

	return mtty_test_blob(test, MTTY_TEST_MIN_SIZE + SZ_16K +
				    pages * MTTY_TEST_PAGE_SIZE);
}

static struct content *content_new(struct kunit *test, u64 mem_size, u32 seed)
{
	struct content *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	struct rnd_state rnd;

	KUNIT_ASSERT_NOT_NULL(test, c);
	c->mem = mtty_test_mem(test, mem_size);
	c->blob = blob_for(test, mem_size);
	prandom_seed_state(&rnd, seed);
	mtty_hw_reset(&c->hw, mem_size);
	mtty_test_random_hw(&rnd, &c->hw);
	mtty_test_fill_mem(test, &rnd, c->mem);
	mtty_test_put_all(test, c->blob, TYPE, c->mem, &c->hw);
	return c;
}

static bool mem_equal(struct mtty_mem *a, struct mtty_mem *b)
{
	return a->size == b->size && a->nr_pages == b->nr_pages &&
	       mtty_mem_digest(a, 0) == mtty_mem_digest(b, 0);
}

static void expect_content(struct kunit *test, const struct content *c,
			   const struct loader *l)
{
	KUNIT_EXPECT_TRUE(test, mtty_test_hw_equal(&c->hw, &l->hw));
	KUNIT_EXPECT_TRUE(test, mem_equal(c->mem, l->mem));
	KUNIT_EXPECT_EQ(test, 0, l->stray);
}

/* Make the trailer's digest right again after a change before it */
static void reseal(struct mtty_test_blob *blob)
{
	put_unaligned_le64(xxh64(blob->data, blob->len - 8, 0),
			   blob->data + blob->len - 8);
}

/* What the encoder puts */

static void enc_take(struct kunit *test, struct mtty_enc *enc,
		     struct mtty_test_blob *blob)
{
	size_t len = mtty_enc_unread(enc);

	KUNIT_ASSERT_GT(test, len, 0);
	mtty_test_put(test, blob, enc->buf + enc->pos, len);
	enc->pos += len;
}

/* An encoder that has begun a stream */
static struct mtty_enc *enc_new(struct kunit *test, u32 type, u64 mem_size)
{
	struct mtty_enc *enc = kunit_kzalloc(test, sizeof(*enc), GFP_KERNEL);
	u8 *buf = kunit_kzalloc(test, MTTY_STREAM_BUF, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, enc);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	mtty_enc_header(enc, buf, type, mem_size);
	return enc;
}

/* One record at a time, or two */
static struct mtty_test_blob *encode(struct kunit *test, struct mtty_mem *mem,
				     const struct mtty_hw *hw)
{
	struct mtty_test_blob *blob = blob_for(test, mem->size);
	struct mtty_enc *enc = enc_new(test, TYPE, mem->size);
	unsigned long index;
	unsigned int n = 0;
	const void *data;
	bool initial;

	enc_take(test, enc, blob);
	mtty_test_track(test, mem);
	while (mtty_mem_next_unsent(mem, &index, &data, &initial)) {
		mtty_enc_page(enc, index, data);
		if (n++ % 3)
			enc_take(test, enc, blob);
	}
	mtty_mem_untrack(mem);
	if (mtty_enc_unread(enc))
		enc_take(test, enc, blob);
	mtty_enc_end(enc, hw);
	enc_take(test, enc, blob);
	KUNIT_EXPECT_EQ(test, 0, mtty_enc_unread(enc));
	return blob;
}

struct variant {
	const char *name;
	u64 mem_size;
	u32 seed;
};

static const struct variant variants[] = {
	{ "no memory, seed 1", 0, 1 },
	{ "no memory, seed 2", 0, 2 },
	{ "no memory, seed 3", 0, 3 },
	{ "4 KiB, seed 4", SZ_4K, 4 },
	{ "4 KiB, seed 5", SZ_4K, 5 },
	{ "64 KiB, seed 6", SZ_64K, 6 },
	{ "64 KiB, seed 7", SZ_64K, 7 },
};

KUNIT_ARRAY_PARAM_DESC(variants, variants, name);

static void stream_encoder_against_the_description(struct kunit *test)
{
	const struct variant *p = test->param_value;
	struct content *c = content_new(test, p->mem_size, p->seed);
	struct mtty_test_blob *blob = encode(test, c->mem, &c->hw);

	KUNIT_ASSERT_EQ(test, c->blob->len, blob->len);
	KUNIT_EXPECT_EQ(test, -1,
			mtty_test_diff(c->blob->data, blob->data, blob->len));
}

/* Each byte of the registers another one: none can take another's place */
static void stream_encoder_puts_each_byte_in_its_place(struct kunit *test)
{
	struct content *c = content_new(test, 0, 1);
	struct mtty_test_blob *expected = blob_for(test, 0), *blob;
	struct mtty_pri *pri = &c->hw.pri;
	struct rnd_state rnd;
	unsigned int i;

	for (i = 0; i < 2 * sizeof(struct mtty_uart); i++)
		((u8 *)c->hw.uart)[i] = i + 1;
	for (i = 0; i < MTTY_MIG_CFG_SIZE; i++)
		c->hw.pci.config[i] = i ^ 0x5a;
	for (i = 0; i < 16; i++)
		c->hw.pci.msix[i / 4][i % 4] = 0x10203040 * (i + 1);
	prandom_seed_state(&rnd, 1);
	prandom_bytes_state(&rnd, c->hw.dma, sizeof(c->hw.dma));
	/* Whatever the device is: the encoder does not judge */
	prandom_bytes_state(&rnd, &pri->nr_queued, sizeof(pri->nr_queued));
	prandom_bytes_state(&rnd, &pri->last_id, sizeof(pri->last_id));
	prandom_bytes_state(&rnd, &pri->raise, sizeof(pri->raise));
	prandom_bytes_state(&rnd, pri->requests, sizeof(pri->requests));
	prandom_bytes_state(&rnd, &c->hw.peer_base, sizeof(c->hw.peer_base));
	prandom_bytes_state(&rnd, &c->hw.peer_size, sizeof(c->hw.peer_size));
	c->hw.irq_pending = 0xfe;
	c->hw.scratch = 0x89abcdef;

	mtty_test_put_all(test, expected, TYPE, c->mem, &c->hw);
	blob = encode(test, c->mem, &c->hw);
	KUNIT_ASSERT_EQ(test, expected->len, blob->len);
	KUNIT_EXPECT_EQ(test, -1,
			mtty_test_diff(expected->data, blob->data, blob->len));
}

/* A whole stream in plain bytes, but for the records of the registers */
static void stream_encoder_in_plain_bytes(struct kunit *test)
{
	static const u8 header[] = {
		'M', 'T', 'T', 'Y', 'M', 'I', 'G', 0,	/* magic */
		1, 0, 0, 0,				/* version 1.0 */
		4, 0, 0, 0,				/* type: full */
		0, 0, 1, 0, 0, 0, 0, 0,			/* 64 KiB */
		0, 0x10, 0, 0,				/* pages of 4 KiB */
		0, 0, 0, 0,
	};
	static const u8 zero[] = {
		2, 0, 0, 0, 8, 0, 0, 0,			/* ZERO, 8 bytes */
		9, 0, 0, 0, 0, 0, 0, 0,			/* page 9 */
	};
	static const u8 page[] = {
		1, 0, 0, 0, 8, 0x10, 0, 0,		/* PAGE, 4104 bytes */
		0xef, 0xcd, 0xab, 0, 0, 0, 0, 0,	/* page 0xabcdef */
	};
	struct mtty_enc *enc = enc_new(test, MTTY_MIG_TYPE_FULL, SZ_64K);
	u8 *content = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, content);
	KUNIT_ASSERT_EQ(test, sizeof(header), mtty_enc_unread(enc));
	KUNIT_EXPECT_EQ(test, -1,
			mtty_test_diff(header, enc->buf, sizeof(header)));

	enc->pos = enc->len;
	mtty_enc_page(enc, 9, NULL);
	KUNIT_ASSERT_EQ(test, sizeof(zero), mtty_enc_unread(enc));
	KUNIT_EXPECT_EQ(test, -1, mtty_test_diff(zero, enc->buf, sizeof(zero)));

	/* Behind it, because it was not read */
	memset(content, 0x77, SZ_4K);
	mtty_enc_page(enc, 0xabcdef, content);
	KUNIT_ASSERT_EQ(test, sizeof(zero) + sizeof(page) + SZ_4K,
			mtty_enc_unread(enc));
	KUNIT_EXPECT_EQ(test, -1, mtty_test_diff(zero, enc->buf, sizeof(zero)));
	KUNIT_EXPECT_EQ(test, -1, mtty_test_diff(page, enc->buf + sizeof(zero),
						 sizeof(page)));
	KUNIT_EXPECT_EQ(test, -1,
			mtty_test_diff(content, enc->buf + sizeof(zero) +
				       sizeof(page), SZ_4K));
}

/* Loading */

static void stream_round_trip(struct kunit *test)
{
	const struct variant *p = test->param_value;
	struct content *c = content_new(test, p->mem_size, p->seed);
	struct loader *l = loader_new(test, p->mem_size);

	KUNIT_EXPECT_EQ(test, 0, loader_load(l, encode(test, c->mem, &c->hw),
					     0));
	expect_content(test, c, l);
}

static void stream_load_by_the_description(struct kunit *test)
{
	const struct variant *p = test->param_value;
	struct content *c = content_new(test, p->mem_size, p->seed);
	struct loader *l = loader_new(test, p->mem_size);

	KUNIT_EXPECT_EQ(test, 0, loader_load(l, c->blob, 0));
	expect_content(test, c, l);
}

/* A page that is sent again counts as it was sent last */
static void stream_pages_sent_again(struct kunit *test)
{
	struct content *c = content_new(test, SZ_16K, 1);
	struct mtty_test_blob *blob = blob_for(test, SZ_64K);
	struct loader *l = loader_new(test, SZ_16K);
	u8 *page = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	page[17] = 1;
	mtty_test_put_header(test, blob, TYPE, SZ_16K);
	mtty_test_put_page(test, blob, 3, page);	/* zero in the end */
	mtty_test_put_zero(test, blob, 2);		/* not so */
	mtty_test_put_zero(test, blob, 1);		/* never anything */
	mtty_test_put_page(test, blob, 0, page);	/* something else */
	mtty_test_put_zero(test, blob, 3);
	mtty_test_put_pages(test, blob, c->mem);
	mtty_test_put_states(test, blob, &c->hw);
	mtty_test_put_trailer(test, blob);
	KUNIT_EXPECT_EQ(test, 0, loader_load(l, blob, 0));
	expect_content(test, c, l);
}

static void stream_page_of_zeroes(struct kunit *test)
{
	struct content *c = content_new(test, 0, 1);
	struct mtty_test_blob *blob = blob_for(test, SZ_4K);
	struct loader *l = loader_new(test, SZ_4K);
	u8 *page = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	mtty_hw_reset(&c->hw, SZ_4K);
	mtty_test_put_header(test, blob, TYPE, SZ_4K);
	mtty_test_put_page(test, blob, 0, page);
	mtty_test_put_states(test, blob, &c->hw);
	mtty_test_put_trailer(test, blob);
	KUNIT_EXPECT_EQ(test, 0, loader_load(l, blob, 0));
	KUNIT_EXPECT_EQ(test, 0, l->mem->nr_pages);
}

struct chunk {
	const char *name;
	size_t size;
};

static const struct chunk chunks[] = {
	{ "1 byte", 1 },
	{ "2 bytes", 2 },
	{ "3 bytes", 3 },
	{ "7 bytes", 7 },
	{ "8 bytes", 8 },
	{ "31 bytes", 31 },
	{ "4095 bytes", 4095 },
	{ "4096 bytes", 4096 },
	{ "as many as it takes", 0 },
};

KUNIT_ARRAY_PARAM_DESC(chunks, chunks, name);

static void stream_segments_of(struct kunit *test)
{
	const struct chunk *p = test->param_value;
	struct content *c = content_new(test, SZ_16K, 1);
	struct loader *l = loader_new(test, SZ_16K);

	KUNIT_EXPECT_EQ(test, 0, loader_load(l, c->blob, p->size));
	expect_content(test, c, l);
}

static void stream_segments_by_chance(struct kunit *test)
{
	struct content *c = content_new(test, SZ_16K, 1);
	struct loader *l = loader_new(test, SZ_16K);
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, 1);
	for (i = 0; i < 20; i++) {
		size_t done = 0;
		int ret = 0;

		loader_reset(l);
		while (done < c->blob->len && !ret) {
			size_t len = prandom_u32_state(&rnd) % 600;

			len = min(len, c->blob->len - done);
			ret = loader_feed(l, c->blob->data + done, len, 0);
			done += len;
		}
		KUNIT_EXPECT_EQ(test, 0, ret);
		KUNIT_EXPECT_EQ(test, 0, mtty_dec_finish(&l->dec));
		expect_content(test, c, l);
	}
}

/* Cut, flipped */

static const struct variant sizes[] = {
	{ "no memory", 0, 1 },
	{ "4 KiB", SZ_4K, 2 },
	{ "64 KiB", SZ_64K, 3 },
};

KUNIT_ARRAY_PARAM_DESC(sizes, sizes, name);

static void stream_cut_anywhere_is_incomplete(struct kunit *test)
{
	const struct variant *p = test->param_value;
	struct content *c = content_new(test, p->mem_size, p->seed);
	struct loader *l = loader_new(test, p->mem_size);
	size_t len;

	for (len = 0; len < c->blob->len; len++) {
		KUNIT_ASSERT_EQ_MSG(test, -ENODATA, mtty_dec_finish(&l->dec),
				    "after %zu of %zu", len, c->blob->len);
		KUNIT_ASSERT_EQ(test, 0, loader_feed(l, c->blob->data + len, 1,
						     0));
	}
	KUNIT_EXPECT_EQ(test, 0, mtty_dec_finish(&l->dec));
}

struct flip {
	const char *name;
	u64 mem_size;
	u8 mask;
};

static const struct flip flips[] = {
	{ "all bits, no memory", 0, 0xff },
	{ "bit 0, no memory", 0, 0x01 },
	{ "bit 1, no memory", 0, 0x02 },
	{ "bit 2, no memory", 0, 0x04 },
	{ "bit 3, no memory", 0, 0x08 },
	{ "bit 4, no memory", 0, 0x10 },
	{ "bit 5, no memory", 0, 0x20 },
	{ "bit 6, no memory", 0, 0x40 },
	{ "bit 7, no memory", 0, 0x80 },
	{ "all bits, 4 KiB", SZ_4K, 0xff },
	{ "bit 0, 4 KiB", SZ_4K, 0x01 },
};

KUNIT_ARRAY_PARAM_DESC(flips, flips, name);

/* Refused, or loaded to the very same state */
static void stream_flip_of_any_byte(struct kunit *test)
{
	const struct flip *p = test->param_value;
	struct content *c = content_new(test, p->mem_size, 1);
	struct loader *l = loader_new(test, p->mem_size);
	size_t pos;

	for (pos = 0; pos < c->blob->len; pos++) {
		int ret;

		c->blob->data[pos] ^= p->mask;
		loader_reset(l);
		ret = loader_load(l, c->blob, 0);
		c->blob->data[pos] ^= p->mask;
		KUNIT_ASSERT_NE(test, -ELOOP, ret);
		KUNIT_ASSERT_TRUE_MSG(test, ret ||
				      (mtty_test_hw_equal(&c->hw, &l->hw) &&
				       mem_equal(c->mem, l->mem)),
				      "byte %zu of %zu", pos, c->blob->len);
		KUNIT_ASSERT_EQ(test, 0, l->stray);
	}
}

/*
 * With the digest made right, the decoder's other checks are on their own.
 * What passes them must be what the stream says, to the last bit: then it is
 * what the device would send again.
 */
static void stream_flip_of_any_byte_with_right_digest(struct kunit *test)
{
	const struct flip *p = test->param_value;
	struct content *c = content_new(test, p->mem_size, 1);
	struct mtty_test_blob *again = blob_for(test, p->mem_size);
	struct loader *l = loader_new(test, p->mem_size);
	unsigned int accepted = 0;
	size_t pos;

	for (pos = 0; pos < c->blob->len - 8; pos++) {
		int ret;

		/* The content of a page is 4096 times the same */
		if (pos == MTTY_TEST_HEADER_LEN + MTTY_TEST_ZERO_SIZE + 64 &&
		    p->mem_size)
			pos += 4096 - 128;

		c->blob->data[pos] ^= p->mask;
		reseal(c->blob);
		loader_reset(l);
		ret = loader_load(l, c->blob, 0);
		if (!ret) {
			accepted++;
			again->len = 0;
			mtty_test_put_all(test, again, TYPE, l->mem, &l->hw);
			/* The minor version is not part of the state */
			memcpy(again->data + 10, c->blob->data + 10, 2);
			reseal(again);
			KUNIT_ASSERT_EQ(test, c->blob->len, again->len);
			KUNIT_ASSERT_TRUE_MSG(test,
					      !memcmp(c->blob->data,
						      again->data,
						      again->len),
					      "byte %zu", pos);
		}
		c->blob->data[pos] ^= p->mask;
		KUNIT_ASSERT_NE(test, -ELOOP, ret);
		KUNIT_ASSERT_EQ(test, 0, l->stray);
	}
	/* A scratch register takes anything, so some must have passed */
	KUNIT_EXPECT_GT(test, accepted, 0);
}

/* Order */

/*
 * A stream as a word: P a page, Z a page of zeroes, 0 and 1 the ports,
 * C config space, d and D the DMA channels, p the page requests, R the control
 * registers, T the trailer; o is an unknown record that is optional and u one
 * that is not.
 */
struct order {
	const char *word;
	int error;
};

static const struct order orders[] = {
	{ "01CdDpRT", 0 },
	{ "PZ01CdDpRT", 0 },
	{ "ZPPZ01CdDpRT", 0 },
	{ "oPoZo0o1oCodoDopoRoT", 0 },
	{ "", -ENODATA },
	{ "P", -ENODATA },
	{ "01CdDpR", -ENODATA },
	{ "01CdDpRo", -ENODATA },
	{ "T", -EPROTO },
	{ "PT", -EPROTO },
	{ "1CdDpRT", -EPROTO },
	{ "0CdDpRT", -EPROTO },
	{ "01dDpRT", -EPROTO },
	{ "01CdDpT", -EPROTO },
	{ "001CdDpRT", -EPROTO },
	{ "011CdDpRT", -EPROTO },
	{ "01CCdDpRT", -EPROTO },
	{ "01CdDpRRT", -EPROTO },
	{ "01CDpRT", -EPROTO },
	{ "01CdpRT", -EPROTO },
	{ "01CdDRT", -EPROTO },
	{ "01CDdpRT", -EPROTO },
	{ "01CdDRpT", -EPROTO },
	{ "01CddDpRT", -EPROTO },
	{ "01CdDppRT", -EPROTO },
	{ "10CdDpRT", -EPROTO },
	{ "0C1dDpRT", -EPROTO },
	{ "01RCT", -EPROTO },
	{ "R01CT", -EPROTO },
	{ "0P1CdDpRT", -EPROTO },
	{ "0Z1CdDpRT", -EPROTO },
	{ "01CdDpRPT", -EPROTO },
	{ "01CdDpRZT", -EPROTO },
	{ "u01CdDpRT", -EOPNOTSUPP },
	{ "Pu01CdDpRT", -EOPNOTSUPP },
	{ "01uCdDpRT", -EOPNOTSUPP },
	{ "01CdDpRuT", -EOPNOTSUPP },
	{ "01CdDpRTT", -E2BIG },
	{ "01CdDpRTo", -E2BIG },
	{ "01CdDpRT01CdDpRT", -E2BIG },
};

static void order_desc(const struct order *p, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "'%s'", p->word);
}

KUNIT_ARRAY_PARAM(orders, orders, order_desc);

static void put_word(struct kunit *test, struct mtty_test_blob *blob,
		     const char *word, const struct content *c)
{
	static const u8 page[SZ_4K] = { 1, 2, 3 };

	for (; *word; word++) {
		switch (*word) {
		case 'P':
			mtty_test_put_page(test, blob, 0, page);
			break;
		case 'Z':
			mtty_test_put_zero(test, blob, 1);
			break;
		case '0':
			mtty_test_put_state(test, blob, MTTY_TEST_UART0,
					    &c->hw);
			break;
		case '1':
			mtty_test_put_state(test, blob, MTTY_TEST_UART1,
					    &c->hw);
			break;
		case 'C':
			mtty_test_put_state(test, blob, MTTY_TEST_PCI, &c->hw);
			break;
		case 'd':
			mtty_test_put_state(test, blob, MTTY_TEST_DMA0, &c->hw);
			break;
		case 'D':
			mtty_test_put_state(test, blob, MTTY_TEST_DMA1, &c->hw);
			break;
		case 'p':
			mtty_test_put_state(test, blob, MTTY_TEST_PRI, &c->hw);
			break;
		case 'R':
			mtty_test_put_state(test, blob, MTTY_TEST_CTRL,
					    &c->hw);
			break;
		case 'T':
			mtty_test_put_trailer(test, blob);
			break;
		case 'o':
		case 'u':
			mtty_test_put_record(test, blob, 0x7abc, *word == 'o',
					     5);
			mtty_test_put(test, blob, "hello", 5);
			break;
		}
	}
}

static void stream_order(struct kunit *test)
{
	const struct order *p = test->param_value;
	struct content *c = content_new(test, SZ_8K, 1);
	struct mtty_test_blob *blob = blob_for(test, SZ_64K);
	struct loader *l = loader_new(test, SZ_8K);

	mtty_test_put_header(test, blob, TYPE, SZ_8K);
	put_word(test, blob, p->word, c);
	KUNIT_EXPECT_EQ(test, p->error, loader_load(l, blob, 0));
	KUNIT_EXPECT_EQ(test, p->error, mtty_dec_finish(&l->dec));
}

/* Fields: one changed in a good stream of 4 KiB of memory, digest made right */

#define AT_PAGE		MTTY_TEST_HEADER_LEN
#define AT_UART0	(AT_PAGE + MTTY_TEST_PAGE_SIZE)
#define AT_UART1	(AT_UART0 + MTTY_TEST_RECORD_LEN + MTTY_TEST_UART_LEN)
#define AT_PCI		(AT_UART1 + MTTY_TEST_RECORD_LEN + MTTY_TEST_UART_LEN)
#define AT_DMA0		(AT_PCI + MTTY_TEST_RECORD_LEN + MTTY_TEST_PCI_LEN)
#define AT_DMA1		(AT_DMA0 + MTTY_TEST_RECORD_LEN + MTTY_TEST_DMA_LEN)
#define AT_PRI		(AT_DMA1 + MTTY_TEST_RECORD_LEN + MTTY_TEST_DMA_LEN)
#define AT_CTRL		(AT_PRI + MTTY_TEST_RECORD_LEN + MTTY_TEST_PRI_LEN)
#define AT_TRAILER	(AT_CTRL + MTTY_TEST_RECORD_LEN + MTTY_TEST_CTRL_LEN)

/* In the payload of a record */
#define IN(at, offset)	((at) + MTTY_TEST_RECORD_LEN + (offset))

struct poke {
	const char *name;
	unsigned int offset;
	unsigned int len;
	u64 val;
	int error;
};

static const struct poke pokes[] = {
	/* header */
	{ "nothing", 0, 0, 0, 0 },
	{ "magic", 0, 1, 'm', -EINVAL },
	{ "magic, last byte", 7, 1, 1, -EINVAL },
	{ "all zero magic", 0, 8, 0, -EINVAL },
	{ "magic of the other byte order", 0, 8, 0x4d5454594d494700ULL,
	  -EPROTOTYPE },
	{ "older major", 8, 2, 0, -EPROTONOSUPPORT },
	{ "newer major", 8, 2, 2, -EPROTONOSUPPORT },
	{ "much newer major", 8, 2, 0x0101, -EPROTONOSUPPORT },
	{ "newer minor", 10, 2, 1, 0 },
	{ "newest minor", 10, 2, 0xffff, 0 },
	{ "type base", 12, 4, MTTY_MIG_TYPE_BASE, -EMEDIUMTYPE },
	{ "type out of range", 12, 4, 0xffffffff, -EMEDIUMTYPE },
	{ "no memory", 16, 8, 0, -EMSGSIZE },
	{ "more memory", 16, 8, SZ_8K, -EMSGSIZE },
	{ "much more memory", 16, 8, (1ULL << 32) + SZ_4K, -EMSGSIZE },
	{ "larger pages", 24, 4, SZ_64K, -EMSGSIZE },
	{ "pages of no size", 24, 4, 0, -EMSGSIZE },
	{ "reserved field of header", 28, 4, 1, -ERANGE },
	{ "reserved field of header, last byte", 31, 1, 0x80, -ERANGE },

	/* record headers */
	{ "unknown record", AT_PAGE, 2, 0x0003, -EOPNOTSUPP },
	{ "record of type 0", AT_PAGE, 2, 0, -EOPNOTSUPP },
	{ "page, optional", AT_PAGE + 2, 2, 1, -EPROTO },
	{ "page, unknown flag", AT_PAGE + 2, 2, 2, -EOPNOTSUPP },
	{ "page, last flag", AT_PAGE + 2, 2, 0x8000, -EOPNOTSUPP },
	{ "page, short", AT_PAGE + 4, 4, 8 + 4095, -EPROTO },
	{ "page, long", AT_PAGE + 4, 4, 8 + 4097, -EPROTO },
	{ "page, without content", AT_PAGE + 4, 4, 8, -EPROTO },
	{ "page, huge", AT_PAGE + 4, 4, 0xffffffff, -EPROTO },
	{ "page of zeroes with content", AT_PAGE, 2, MTTY_TEST_ZERO, -EPROTO },
	{ "page beyond the end", IN(AT_PAGE, 0), 8, 1, -ERANGE },
	{ "page far beyond the end", IN(AT_PAGE, 0), 8, 1ULL << 52, -ERANGE },
	{ "last page of all", IN(AT_PAGE, 0), 8, ~0ULL, -ERANGE },
	{ "port, optional", AT_UART0 + 2, 2, 1, -EPROTO },
	{ "port, unknown flag", AT_UART0 + 2, 2, 4, -EOPNOTSUPP },
	{ "port, short", AT_UART0 + 4, 4, 31, -EPROTO },
	{ "port, long", AT_UART1 + 4, 4, 33, -EPROTO },
	{ "port, empty", AT_UART1 + 4, 4, 0, -EPROTO },
	{ "config space, optional", AT_PCI + 2, 2, 1, -EPROTO },
	{ "config space, long", AT_PCI + 4, 4, 321, -EPROTO },
	{ "config space, huge", AT_PCI + 4, 4, 0xffffffff, -EPROTO },
	{ "control, optional", AT_CTRL + 2, 2, 1, -EPROTO },
	{ "DMA channel, optional", AT_DMA0 + 2, 2, 1, -EPROTO },
	{ "DMA channel, long", AT_DMA1 + 4, 4, 49, -EPROTO },
	{ "page requests, optional", AT_PRI + 2, 2, 1, -EPROTO },
	{ "page requests, short", AT_PRI + 4, 4, 399, -EPROTO },
	{ "control, short", AT_CTRL + 4, 4, 23, -EPROTO },
	{ "trailer, optional", AT_TRAILER + 2, 2, 1, -EPROTO },
	{ "trailer, unknown flag", AT_TRAILER + 2, 2, 2, -EOPNOTSUPP },
	{ "trailer, short", AT_TRAILER + 4, 4, 15, -EPROTO },
	{ "trailer, long", AT_TRAILER + 4, 4, 17, -EPROTO },

	/* fields */
	{ "IER", IN(AT_UART0, 0), 1, 0x10, -ERANGE },
	{ "FCR without the enable bit", IN(AT_UART0, 1), 1,
	  UART_FCR_R_TRIG_11, -ERANGE },
	{ "FCR with a clear bit", IN(AT_UART0, 1), 1,
	  UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR, -ERANGE },
	{ "MCR", IN(AT_UART0, 3), 1, 0x20, -ERANGE },
	{ "LSR", IN(AT_UART0, 4), 1, UART_LSR_DR, -ERANGE },
	{ "MSR", IN(AT_UART0, 5), 1, UART_MSR_CTS, -ERANGE },
	{ "THRI", IN(AT_UART0, 9), 1, 2, -ERANGE },
	{ "count without FIFOs", IN(AT_UART0, 10), 1, 2, -ERANGE },
	{ "count beyond the FIFO", IN(AT_UART1, 10), 1, 17, -ERANGE },
	{ "largest count", IN(AT_UART1, 10), 1, 255, -ERANGE },
	{ "first reserved byte of a port", IN(AT_UART0, 11), 1, 1, -ERANGE },
	{ "last reserved byte of a port", IN(AT_UART1, 15), 1, 1, -ERANGE },
	{ "character where there is none", IN(AT_UART0, 31), 1, 1, -ERANGE },
	{ "vendor", IN(AT_PCI, 0), 2, 0x8086, -ERANGE },
	{ "BAR smaller than its size", IN(AT_PCI, 0x20), 4, 0x80c, -ERANGE },
	{ "unused config space", IN(AT_PCI, 0xff), 1, 1, -ERANGE },
	{ "MSI-X address", IN(AT_PCI, 256), 1, 1, -ERANGE },
	{ "MSI-X control", IN(AT_PCI, 256 + 12), 4, 2, -ERANGE },
	{ "MSI-X control of the last", IN(AT_PCI, 316), 4, 1U << 31, -ERANGE },
	{ "DMA command", IN(AT_DMA0, 0), 4, 4, -ERANGE },
	{ "DMA command, last bit", IN(AT_DMA1, 0), 4, 1U << 31, -ERANGE },
	{ "DMA status", IN(AT_DMA0, 4), 4, 8, -ERANGE },
	{ "DMA complete and in error", IN(AT_DMA0, 4), 4, 6, -ERANGE },
	{ "DMA busy and complete", IN(AT_DMA0, 4), 4, 3, -ERANGE },
	{ "DMA busy with nothing to do", IN(AT_DMA0, 4), 4, 1, -ERANGE },
	{ "DMA complete", IN(AT_DMA0, 4), 4, 2, 0 },
	{ "DMA in error", IN(AT_DMA1, 4), 4, 4, 0 },
	{ "DMA rate", IN(AT_DMA0, 8), 4, 0xffffffff, 0 },
	{ "DMA length, idle", IN(AT_DMA0, 32), 8, ~0ULL, 0 },
	{ "DMA done, idle", IN(AT_DMA0, 40), 8, ~0ULL, 0 },
	{ "page requests of a device that has none", IN(AT_PRI, 0), 4, 1,
	  -ERANGE },
	{ "more page requests than there can be", IN(AT_PRI, 0), 4, 33,
	  -ERANGE },
	{ "most page requests", IN(AT_PRI, 0), 4, 0xffffffff, -ERANGE },
	{ "last page request of none", IN(AT_PRI, 4), 4, 1, -ERANGE },
	{ "register of page requests", IN(AT_PRI, 8), 4, 1, -ERANGE },
	{ "reserved field of page requests", IN(AT_PRI, 12), 4, 1, -ERANGE },
	{ "ID where there is no request", IN(AT_PRI, 16), 4, 1, -ERANGE },
	{ "page where there is no request", IN(AT_PRI, 144 + 31 * 8), 8,
	  0x1000, -ERANGE },
	{ "peer window", IN(AT_CTRL, 8), 8, ~0ULL, 0 },
	{ "pending beyond the vectors", IN(AT_CTRL, 0), 1, 0x10, -ERANGE },
	{ "first reserved byte of control", IN(AT_CTRL, 1), 1, 1, -ERANGE },
	{ "last reserved byte of control", IN(AT_CTRL, 3), 1, 1, -ERANGE },
	{ "scratch", IN(AT_CTRL, 4), 4, 0xffffffff, 0 },
	{ "total, too small", IN(AT_TRAILER, 0), 8, AT_TRAILER - 1, -EPROTO },
	{ "total, too large", IN(AT_TRAILER, 0), 8, AT_TRAILER + 24, -EPROTO },
	{ "total, right but for bit 63", IN(AT_TRAILER, 0), 8,
	  AT_TRAILER | 1ULL << 63, -EPROTO },
};

KUNIT_ARRAY_PARAM_DESC(pokes, pokes, name);

/* All registers as after reset, so that every field that is poked is 0 */
static struct mtty_test_blob *plain_blob(struct kunit *test, struct mtty_hw *hw)
{
	static const u8 page[SZ_4K] = { 1, 2, 3 };
	struct mtty_test_blob *blob = blob_for(test, SZ_4K);

	mtty_hw_reset(hw, SZ_4K);
	/* One port with FIFOs, the other without */
	hw->uart[1].fcr = UART_FCR_ENABLE_FIFO;
	mtty_test_put_header(test, blob, TYPE, SZ_4K);
	mtty_test_put_page(test, blob, 0, page);
	mtty_test_put_states(test, blob, hw);
	KUNIT_ASSERT_EQ(test, AT_TRAILER, blob->len);
	mtty_test_put_trailer(test, blob);
	return blob;
}

static void stream_field(struct kunit *test)
{
	const struct poke *p = test->param_value;
	struct loader *l = loader_new(test, SZ_4K);
	struct mtty_test_blob *blob = plain_blob(test, &l->hw);
	u8 bytes[8];
	void *dst;

	put_unaligned_le64(p->val, bytes);
	memcpy(blob->data + p->offset, bytes, p->len);
	reseal(blob);
	loader_reset(l);
	KUNIT_EXPECT_EQ(test, p->error, loader_load(l, blob, 0));
	KUNIT_EXPECT_EQ(test, p->error, mtty_dec_finish(&l->dec));
	/* Refused is refused */
	if (p->error)
		KUNIT_EXPECT_EQ(test, p->error, mtty_dec_want(&l->dec, &dst));
}

static void stream_wrong_digest(struct kunit *test)
{
	struct loader *l = loader_new(test, SZ_4K);
	struct mtty_test_blob *blob = plain_blob(test, &l->hw);
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		u8 *byte = blob->data + blob->len - 8 + bit / 8;

		*byte ^= 1 << bit % 8;
		loader_reset(l);
		KUNIT_EXPECT_EQ(test, -EBADMSG, loader_load(l, blob, 0));
		*byte ^= 1 << bit % 8;
	}
}

static void stream_wrong_page_content(struct kunit *test)
{
	struct loader *l = loader_new(test, SZ_4K);
	struct mtty_test_blob *blob = plain_blob(test, &l->hw);

	blob->data[IN(AT_PAGE, 8) + 4095] ^= 1;
	loader_reset(l);
	KUNIT_EXPECT_EQ(test, -EBADMSG, loader_load(l, blob, 0));
	KUNIT_EXPECT_EQ(test, -EBADMSG, mtty_dec_finish(&l->dec));
}

static void stream_no_memory_for_a_page(struct kunit *test)
{
	struct loader *l = loader_new(test, SZ_4K);
	struct mtty_test_blob *blob = plain_blob(test, &l->hw);

	loader_reset(l);
	l->no_memory = true;
	KUNIT_EXPECT_EQ(test, -ENOMEM, loader_load(l, blob, 0));
	KUNIT_EXPECT_EQ(test, -ENOMEM, mtty_dec_finish(&l->dec));
}

static void stream_more_after_the_trailer(struct kunit *test)
{
	struct loader *l = loader_new(test, SZ_4K);
	struct mtty_test_blob *blob = plain_blob(test, &l->hw);

	loader_reset(l);
	KUNIT_EXPECT_EQ(test, 0, loader_load(l, blob, 0));
	KUNIT_EXPECT_EQ(test, 0, mtty_dec_finish(&l->dec));
	KUNIT_EXPECT_EQ(test, -E2BIG, loader_feed(l, "", 1, 0));
	/* What was complete no longer is what was sent */
	KUNIT_EXPECT_EQ(test, -E2BIG, mtty_dec_finish(&l->dec));
}

/* As if so much had been sent between the header and the rest */
static void stream_of_4_gib_and_more(struct kunit *test)
{
	static const u64 sizes[] = {
		SZ_2G - 100, SZ_4G - 100, SZ_4G, 3 * SZ_4G + 5,
	};
	struct loader *l = loader_new(test, SZ_4K);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct mtty_test_blob *blob = blob_for(test, SZ_64K);
		struct mtty_enc *enc = enc_new(test, TYPE, SZ_4K);
		size_t header;
		u64 total;

		loader_reset(l);
		enc_take(test, enc, blob);
		header = blob->len;
		enc->total += sizes[i];
		mtty_enc_page(enc, 0, NULL);
		enc_take(test, enc, blob);
		total = sizes[i] + blob->len + MTTY_TEST_STATE_SIZE;
		mtty_enc_end(enc, &l->hw);
		enc_take(test, enc, blob);
		KUNIT_EXPECT_EQ(test, total,
				get_unaligned_le64(blob->data + blob->len -
						   MTTY_TEST_TRAILER_LEN));

		KUNIT_EXPECT_EQ(test, 0, loader_feed(l, blob->data, header, 0));
		l->dec.total += sizes[i];
		KUNIT_EXPECT_EQ(test, 0, loader_feed(l, blob->data + header,
						     blob->len - header, 0));
		KUNIT_EXPECT_EQ(test, 0, mtty_dec_finish(&l->dec));
	}
}

static void stream_of_nothing(struct kunit *test)
{
	struct loader *l = loader_new(test, 0);

	KUNIT_EXPECT_EQ(test, -ENODATA, mtty_dec_finish(&l->dec));
}

/* Unknown records */

static const struct chunk optional_lengths[] = {
	{ "0 bytes", 0 },
	{ "1 byte", 1 },
	{ "319 bytes", MTTY_TEST_PCI_LEN - 1 },
	{ "320 bytes", MTTY_TEST_PCI_LEN },
	{ "321 bytes", MTTY_TEST_PCI_LEN + 1 },
	{ "10000 bytes", 10000 },
};

KUNIT_ARRAY_PARAM_DESC(optional_lengths, optional_lengths, name);

static void stream_unknown_optional_record_of(struct kunit *test)
{
	const struct chunk *p = test->param_value;
	struct content *c = content_new(test, SZ_8K, 1);
	struct mtty_test_blob *blob = blob_for(test, SZ_64K);
	struct loader *l = loader_new(test, SZ_8K);
	size_t len;

	mtty_test_put_header(test, blob, TYPE, SZ_8K);
	mtty_test_put_pages(test, blob, c->mem);
	mtty_test_put_record(test, blob, 0x4321, MTTY_TEST_OPTIONAL, p->size);
	/* It looks like a trailer all over */
	for (len = 0; len < p->size; len++)
		mtty_test_put_le(test, blob, 0xff, 1);
	mtty_test_put_states(test, blob, &c->hw);
	mtty_test_put_trailer(test, blob);

	KUNIT_EXPECT_EQ(test, 0, loader_load(l, blob, 0));
	expect_content(test, c, l);
	loader_reset(l);
	KUNIT_EXPECT_EQ(test, 0, loader_load(l, blob, 1));
	expect_content(test, c, l);
}

/* A claim of 4 GiB makes the decoder hold no more than any other */
static void stream_unknown_optional_record_is_not_buffered(struct kunit *test)
{
	struct mtty_test_blob *blob = blob_for(test, SZ_64K);
	struct loader *l = loader_new(test, SZ_4K);
	unsigned int i;

	mtty_test_put_header(test, blob, TYPE, SZ_4K);
	mtty_test_put_record(test, blob, 0x4321, MTTY_TEST_OPTIONAL,
			     0xffffffff);
	KUNIT_ASSERT_EQ(test, 0, loader_feed(l, blob->data, blob->len, 0));
	for (i = 0; i < 64; i++)
		KUNIT_ASSERT_EQ(test, 0, loader_feed(l, blob->data, SZ_4K, 0));
	KUNIT_EXPECT_EQ(test, -ENODATA, mtty_dec_finish(&l->dec));
	KUNIT_EXPECT_LE(test, l->max_want, MTTY_TEST_STATE_LEN);
}

/* Digest of the registers */

static void stream_digest_sees_each_byte(struct kunit *test)
{
	struct content *c = content_new(test, 0, 1);
	u64 digest = mtty_hw_digest(&c->hw);
	unsigned int i;
	u8 *byte;

	for (i = 0; i < sizeof(c->hw.uart); i++) {
		byte = (u8 *)c->hw.uart + i;
		*byte ^= 1;
		KUNIT_EXPECT_NE(test, digest, mtty_hw_digest(&c->hw));
		*byte ^= 1;
	}
	for (i = 0; i < MTTY_MIG_CFG_SIZE; i++) {
		c->hw.pci.config[i] ^= 1;
		KUNIT_EXPECT_NE(test, digest, mtty_hw_digest(&c->hw));
		c->hw.pci.config[i] ^= 1;
	}
	for (i = 0; i < sizeof(c->hw.pci.msix); i++) {
		byte = (u8 *)c->hw.pci.msix + i;
		*byte ^= 1;
		KUNIT_EXPECT_NE(test, digest, mtty_hw_digest(&c->hw));
		*byte ^= 1;
	}
	for (i = 0; i < sizeof(c->hw.dma); i++) {
		byte = (u8 *)c->hw.dma + i;
		*byte ^= 1;
		KUNIT_EXPECT_NE(test, digest, mtty_hw_digest(&c->hw));
		*byte ^= 1;
	}
	c->hw.pri.nr_queued ^= 1;
	KUNIT_EXPECT_NE(test, digest, mtty_hw_digest(&c->hw));
	c->hw.pri.nr_queued ^= 1;
	c->hw.peer_base ^= 1;
	KUNIT_EXPECT_NE(test, digest, mtty_hw_digest(&c->hw));
	c->hw.peer_base ^= 1;
	c->hw.irq_pending ^= 1;
	KUNIT_EXPECT_NE(test, digest, mtty_hw_digest(&c->hw));
	c->hw.irq_pending ^= 1;
	c->hw.scratch ^= 1;
	KUNIT_EXPECT_NE(test, digest, mtty_hw_digest(&c->hw));
	c->hw.scratch ^= 1;
	KUNIT_EXPECT_EQ(test, digest, mtty_hw_digest(&c->hw));
}

static void stream_digest_tells_the_ports_apart(struct kunit *test)
{
	struct content *c = content_new(test, 0, 1);
	u64 digest = mtty_hw_digest(&c->hw);

	swap(c->hw.uart[0], c->hw.uart[1]);
	KUNIT_EXPECT_NE(test, digest, mtty_hw_digest(&c->hw));
}

static struct kunit_case stream_cases[] = {
	KUNIT_CASE_PARAM(stream_encoder_against_the_description,
			 variants_gen_params),
	KUNIT_CASE(stream_encoder_puts_each_byte_in_its_place),
	KUNIT_CASE(stream_encoder_in_plain_bytes),
	KUNIT_CASE_PARAM(stream_round_trip, variants_gen_params),
	KUNIT_CASE_PARAM(stream_load_by_the_description, variants_gen_params),
	KUNIT_CASE(stream_pages_sent_again),
	KUNIT_CASE(stream_page_of_zeroes),
	KUNIT_CASE_PARAM(stream_segments_of, chunks_gen_params),
	KUNIT_CASE(stream_segments_by_chance),
	KUNIT_CASE_PARAM(stream_cut_anywhere_is_incomplete, sizes_gen_params),
	KUNIT_CASE_PARAM(stream_flip_of_any_byte, flips_gen_params),
	KUNIT_CASE_PARAM(stream_flip_of_any_byte_with_right_digest,
			 flips_gen_params),
	KUNIT_CASE_PARAM(stream_order, orders_gen_params),
	KUNIT_CASE_PARAM(stream_field, pokes_gen_params),
	KUNIT_CASE(stream_wrong_digest),
	KUNIT_CASE(stream_wrong_page_content),
	KUNIT_CASE(stream_no_memory_for_a_page),
	KUNIT_CASE(stream_more_after_the_trailer),
	KUNIT_CASE(stream_of_4_gib_and_more),
	KUNIT_CASE(stream_of_nothing),
	KUNIT_CASE_PARAM(stream_unknown_optional_record_of,
			 optional_lengths_gen_params),
	KUNIT_CASE(stream_unknown_optional_record_is_not_buffered),
	KUNIT_CASE(stream_digest_sees_each_byte),
	KUNIT_CASE(stream_digest_tells_the_ports_apart),
	{}
};

static struct kunit_suite stream_suite = {
	.name = "mtty_mig_stream",
	.test_cases = stream_cases,
};

kunit_test_suite(stream_suite);
