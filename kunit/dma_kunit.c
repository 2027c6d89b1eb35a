// SPDX-License-Identifier: GPL-2.0-only
/*
 * A channel of the DMA engine: its registers, what transfer they make, and
 * into what parts it falls. Nothing is transferred here.
 */
#include "helpers.h"

#define PAGE		4096ULL
#define MEM		(4 * PAGE)
#define TOP		0xffffffffffffffffULL

/* The bits, from Documentation/device.rst */
#define OP_WRITE	0
#define OP_READ		1
#define OP_COPY		2
#define OP_FILL		3
#define IRQ		0x100
#define BUSY		1
#define COMPLETE	2
#define ERROR		4
#define START		1
#define ABORT		2

/* Registers */

struct reg {
	const char *name;
	unsigned int offset;
	u32 writable;
	/* The registers of a channel; no two halves are the same */
	u32 value;
};

static const struct mtty_dma all_different = {
	.cmd = IRQ | OP_COPY,
	.status = COMPLETE,
	.src = 0x1111111122222222,
	.dst = 0x3333333344444444,
	.len = 0x5555555566666666,
	.done = 0x7777777788888888,
	.rate = 0x99999999,
	.pattern = 0xaaaaaaaa,
};

static const struct reg regs[] = {
	{ "CMD", 0x00, 0x103, 0x102 },
	{ "STATUS", 0x04, 0, COMPLETE },
	{ "SRC_LO", 0x08, ~0U, 0x22222222 },
	{ "SRC_HI", 0x0c, ~0U, 0x11111111 },
	{ "DST_LO", 0x10, ~0U, 0x44444444 },
	{ "DST_HI", 0x14, ~0U, 0x33333333 },
	{ "LEN_LO", 0x18, ~0U, 0x66666666 },
	{ "LEN_HI", 0x1c, ~0U, 0x55555555 },
	{ "DONE_LO", 0x20, 0, 0x88888888 },
	{ "DONE_HI", 0x24, 0, 0x77777777 },
	{ "RATE", 0x28, ~0U, 0x99999999 },
	{ "PATTERN", 0x2c, ~0U, 0xaaaaaaaa },
	{ "CTRL", 0x30, 0, 0 },
	{ "0x34", 0x34, 0, 0 },
	{ "0x38", 0x38, 0, 0 },
	{ "0x3c", 0x3c, 0, 0 },
};

KUNIT_ARRAY_PARAM_DESC(regs, regs, name);

static void dma_register_reads(struct kunit *test)
{
	const struct reg *p = test->param_value;

	KUNIT_EXPECT_EQ(test, p->value,
			mtty_dma_read(&all_different, p->offset));
}

/*
 * Writing all bits that start nothing sets the bits of this register and no
 * others
 */
static void dma_register_has_its_bits(struct kunit *test)
{
	const struct reg *p = test->param_value;
	u32 val = ~(u32)(START | ABORT);
	struct mtty_dma dma = {};
	unsigned int i;

	mtty_dma_write(&dma, p->offset, p->writable ? ~0U : val, MEM);
	for (i = 0; i < ARRAY_SIZE(regs); i++)
		KUNIT_EXPECT_EQ_MSG(test,
				    &regs[i] == p ? p->writable : 0,
				    mtty_dma_read(&dma, regs[i].offset),
				    "%s", regs[i].name);
}

static void dma_register_can_be_cleared(struct kunit *test)
{
	const struct reg *p = test->param_value;
	struct mtty_dma dma = all_different;
	unsigned int i;

	mtty_dma_write(&dma, p->offset, 0, MEM);
	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		u32 val = regs[i].value;

		if (&regs[i] == p)
			val &= ~p->writable;
		KUNIT_EXPECT_EQ_MSG(test, val,
				    mtty_dma_read(&dma, regs[i].offset),
				    "%s", regs[i].name);
	}
}

static void dma_register_of_a_busy_channel_stays(struct kunit *test)
{
	const struct reg *p = test->param_value;
	struct mtty_dma before = all_different, dma;

	before.status = BUSY;
	dma = before;
	mtty_dma_write(&dma, p->offset, 0, MEM);
	KUNIT_EXPECT_MEMEQ(test, &before, &dma, sizeof(dma));
	/* The end of a transfer that has not ended cannot be cleared */
	if (p->offset != MTTY_MIG_DMA_CTRL)
		mtty_dma_write(&dma, p->offset, ~0U, MEM);
	KUNIT_EXPECT_MEMEQ(test, &before, &dma, sizeof(dma));
}

static void dma_status_is_cleared_by_ones(struct kunit *test)
{
	static const u32 statuses[] = { 0, BUSY, COMPLETE, ERROR };
	unsigned int i, val;

	for (i = 0; i < ARRAY_SIZE(statuses); i++)
		for (val = 0; val < 16; val++) {
			struct mtty_dma dma = { .status = statuses[i] };
			u32 expected = statuses[i];

			if (expected != BUSY)
				expected &= ~val;
			mtty_dma_write(&dma, MTTY_MIG_DMA_STATUS, val, MEM);
			KUNIT_EXPECT_EQ_MSG(test, expected, dma.status,
					    "%#x written to %#x", val,
					    statuses[i]);
		}
}

/* START and ABORT */

struct control {
	const char *name;
	u32 before;
	u32 val;
	u32 after;
	bool begins;
};

/* The registers of a channel whose parameters are valid */
static const struct control controls[] = {
	{ "nothing, idle", 0, 0, 0, false },
	{ "nothing, busy", BUSY, 0, BUSY, false },
	{ "START, idle", 0, START, BUSY, true },
	{ "START, complete", COMPLETE, START, BUSY, true },
	{ "START, failed", ERROR, START, BUSY, true },
	{ "START, busy", BUSY, START, BUSY, false },
	{ "ABORT, idle", 0, ABORT, 0, false },
	{ "ABORT, complete", COMPLETE, ABORT, COMPLETE, false },
	{ "ABORT, failed", ERROR, ABORT, ERROR, false },
	{ "ABORT, busy", BUSY, ABORT, ERROR, false },
	{ "both, idle", 0, START | ABORT, BUSY, true },
	{ "both, busy", BUSY, START | ABORT, ERROR, false },
	{ "other bits, idle", 0, ~3U, 0, false },
	{ "other bits, busy", BUSY, ~3U, BUSY, false },
};

KUNIT_ARRAY_PARAM_DESC(controls, controls, name);

static void dma_control(struct kunit *test)
{
	const struct control *p = test->param_value;
	struct mtty_dma before = {
		.cmd = OP_FILL, .status = p->before, .dst = 1, .len = 100,
		.done = 7,
	}, dma = before;

	mtty_dma_write(&dma, MTTY_MIG_DMA_CTRL, p->val, MEM);
	before.status = p->after;
	if (p->begins)
		before.done = 0;
	KUNIT_EXPECT_MEMEQ(test, &before, &dma, sizeof(dma));
}

/* Which parameters are valid */

struct params {
	const char *name;
	u32 op;
	u64 src;
	u64 dst;
	u64 len;
	u64 mem_size;
	bool good;
};

static const struct params params[] = {
	{ "WRITE, nothing", OP_WRITE, 0, 0, 0, MEM, false },
	{ "WRITE, nothing, anywhere", OP_WRITE, TOP, TOP, 0, MEM, false },
	{ "WRITE, a byte", OP_WRITE, 0, 0, 1, MEM, true },
	{ "WRITE, all memory", OP_WRITE, 0, 0, MEM, MEM, true },
	{ "WRITE, a byte more", OP_WRITE, 0, 0, MEM + 1, MEM, false },
	{ "WRITE, the last byte", OP_WRITE, MEM - 1, 0, 1, MEM, true },
	{ "WRITE, over the end", OP_WRITE, MEM - 1, 0, 2, MEM, false },
	{ "WRITE, at the end", OP_WRITE, MEM, 0, 1, MEM, false },
	{ "WRITE, 4 GiB away", OP_WRITE, 1ULL << 32, 0, 1, MEM, false },
	{ "WRITE, 4 GiB and 1", OP_WRITE, 0, 0, (1ULL << 32) + 1, MEM, false },
	{ "WRITE, 6 GiB of 8", OP_WRITE, 0, 0, 3ULL << 31, 1ULL << 33, true },
	{ "WRITE, from the top", OP_WRITE, TOP, 0, 1, MEM, false },
	{ "WRITE, around the top", OP_WRITE, TOP, 0, 2, MEM, false },
	{ "WRITE, all around", OP_WRITE, 1, 0, TOP, MEM, false },
	{ "WRITE, no memory", OP_WRITE, 0, 0, 1, 0, false },
	{ "WRITE, to the last IOVA", OP_WRITE, 0, TOP, 1, MEM, true },
	{ "WRITE, up to it", OP_WRITE, 0, TOP - 9, 10, MEM, true },
	{ "WRITE, past it", OP_WRITE, 0, TOP - 9, 11, MEM, false },
	{ "READ, nothing", OP_READ, 0, 0, 0, MEM, false },
	{ "READ, a byte", OP_READ, 0, 0, 1, MEM, true },
	{ "READ, all memory", OP_READ, 0, 0, MEM, MEM, true },
	{ "READ, a byte more", OP_READ, 0, 0, MEM + 1, MEM, false },
	{ "READ, the last byte", OP_READ, 0, MEM - 1, 1, MEM, true },
	{ "READ, over the end", OP_READ, 0, MEM - 1, 2, MEM, false },
	{ "READ, at the end", OP_READ, 0, MEM, 1, MEM, false },
	{ "READ, around the top", OP_READ, 0, TOP, 2, MEM, false },
	{ "READ, no memory", OP_READ, 0, 0, 1, 0, false },
	{ "READ, from the last IOVA", OP_READ, TOP, 0, 1, MEM, true },
	{ "READ, up to it", OP_READ, TOP - 9, 0, 10, MEM, true },
	{ "READ, past it", OP_READ, TOP - 9, 0, 11, MEM, false },
	{ "COPY, nothing", OP_COPY, 0, 0, 0, MEM, false },
	{ "COPY, no memory", OP_COPY, 0, 0, 1, 0, true },
	{ "COPY, beyond memory", OP_COPY, MEM, MEM, MEM, MEM, true },
	{ "COPY, both at the top", OP_COPY, TOP, TOP, 1, MEM, true },
	{ "COPY, source past it", OP_COPY, TOP, 0, 2, MEM, false },
	{ "COPY, destination past it", OP_COPY, 0, TOP, 2, MEM, false },
	{ "COPY, all but a byte", OP_COPY, 1, 1, TOP, MEM, true },
	{ "COPY, all but a byte, from 2", OP_COPY, 2, 1, TOP, MEM, false },
	{ "COPY, all but a byte, to 2", OP_COPY, 1, 2, TOP, MEM, false },
	{ "FILL, nothing", OP_FILL, 0, 0, 0, MEM, false },
	{ "FILL, no memory", OP_FILL, 0, 0, 1, 0, true },
	{ "FILL, source is nothing", OP_FILL, TOP, 0, 2, MEM, true },
	{ "FILL, beyond memory", OP_FILL, 0, MEM, MEM, MEM, true },
	{ "FILL, up to the top", OP_FILL, 0, TOP - 1, 2, MEM, true },
	{ "FILL, past it", OP_FILL, 0, TOP - 1, 3, MEM, false },
	{ "FILL, all but a byte", OP_FILL, 0, 0, TOP, MEM, true },
};

KUNIT_ARRAY_PARAM_DESC(params, params, name);

/* A guest's way to write them, half by half */
static void dma_program(struct mtty_dma *dma, const struct params *p, u32 flags)
{
	const u64 vals[] = { p->src, p->dst, p->len };
	unsigned int i;

	mtty_dma_write(dma, MTTY_MIG_DMA_CMD, p->op | flags, p->mem_size);
	for (i = 0; i < ARRAY_SIZE(vals); i++) {
		mtty_dma_write(dma, 0x08 + 8 * i, (u32)vals[i], p->mem_size);
		mtty_dma_write(dma, 0x0c + 8 * i, vals[i] >> 32, p->mem_size);
	}
}

static void dma_start(struct kunit *test)
{
	const struct params *p = test->param_value;
	struct mtty_dma dma = { .done = 5, .status = COMPLETE };

	dma_program(&dma, p, IRQ);
	KUNIT_EXPECT_EQ(test, p->src, dma.src);
	KUNIT_EXPECT_EQ(test, p->dst, dma.dst);
	KUNIT_EXPECT_EQ(test, p->len, dma.len);
	mtty_dma_write(&dma, MTTY_MIG_DMA_CTRL, START, p->mem_size);
	KUNIT_EXPECT_EQ(test, p->good ? BUSY : ERROR, dma.status);
	KUNIT_EXPECT_EQ(test, 0, dma.done);
	KUNIT_EXPECT_EQ(test, !p->good, mtty_dma_irq(&dma));
}

/* A stream may contain what START could have begun, and nothing else */
static void dma_valid_while_busy(struct kunit *test)
{
	const struct params *p = test->param_value;
	struct mtty_dma dma = {
		.cmd = p->op, .status = BUSY, .src = p->src, .dst = p->dst,
		.len = p->len,
	};

	KUNIT_EXPECT_EQ(test, p->good, mtty_dma_valid(&dma, p->mem_size));
	if (!p->len)
		return;
	dma.done = p->len - 1;
	KUNIT_EXPECT_EQ(test, p->good, mtty_dma_valid(&dma, p->mem_size));
	dma.done = p->len;
	KUNIT_EXPECT_FALSE(test, mtty_dma_valid(&dma, p->mem_size));
	dma.done = TOP;
	KUNIT_EXPECT_FALSE(test, mtty_dma_valid(&dma, p->mem_size));
}

static void dma_valid_idle_with_any_parameters(struct kunit *test)
{
	const struct params *p = test->param_value;
	static const u32 statuses[] = { 0, COMPLETE, ERROR };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(statuses); i++) {
		struct mtty_dma dma = {
			.cmd = p->op | IRQ, .status = statuses[i],
			.src = p->src, .dst = p->dst, .len = p->len,
			.done = TOP, .rate = ~0U, .pattern = ~0U,
		};

		KUNIT_EXPECT_TRUE(test, mtty_dma_valid(&dma, p->mem_size));
	}
}

static void dma_valid_by_bits_of_cmd(struct kunit *test)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		struct mtty_dma dma = { .cmd = BIT(bit) };

		KUNIT_EXPECT_EQ_MSG(test, bit == 0 || bit == 1 || bit == 8,
				    mtty_dma_valid(&dma, MEM), "bit %u", bit);
	}
}

static void dma_valid_by_status(struct kunit *test)
{
	struct mtty_dma dma = { .cmd = OP_FILL, .len = 2, .done = 1 };
	unsigned int i;

	for (i = 0; i < 16; i++) {
		dma.status = i;
		KUNIT_EXPECT_EQ_MSG(test, i == 0 || i == BUSY ||
				    i == COMPLETE || i == ERROR,
				    mtty_dma_valid(&dma, MEM), "%#x", i);
	}
	for (i = 4; i < 32; i++) {
		dma.status = BIT(i) | BUSY;
		KUNIT_EXPECT_FALSE(test, mtty_dma_valid(&dma, MEM));
	}
}

/* Interrupt */

static void dma_interrupt_at_the_end_if_wanted(struct kunit *test)
{
	static const u32 statuses[] = { 0, BUSY, COMPLETE, ERROR };
	unsigned int op, i;

	for (op = OP_WRITE; op <= OP_FILL; op++)
		for (i = 0; i < ARRAY_SIZE(statuses); i++) {
			struct mtty_dma dma = {
				.cmd = op, .status = statuses[i],
			};

			KUNIT_EXPECT_FALSE(test, mtty_dma_irq(&dma));
			dma.cmd |= IRQ;
			KUNIT_EXPECT_EQ_MSG(test, i >= 2, mtty_dma_irq(&dma),
					    "operation %u, status %#x", op,
					    statuses[i]);
		}
}

/* Peers */

static bool is_iova(u32 op, bool dst)
{
	return dst ? op != OP_READ : op == OP_READ || op == OP_COPY;
}

/* Whether the two share a byte: look at each byte of the first */
static bool in_common(u64 start, u64 len, u64 base, u64 size)
{
	u64 i;

	for (i = start; i < start + len; i++)
		if (i >= base && i < base + size)
			return true;
	return false;
}

/* One end of the transfer is in the window, the other one is far away */
static void to_peer_small(struct kunit *test, u64 start, u64 len, u64 base,
			  u64 size)
{
	bool expected = in_common(start, len, base, size);
	unsigned int op;

	for (op = OP_WRITE; op <= OP_FILL; op++) {
		struct mtty_dma src = {
			.cmd = op | IRQ, .status = BUSY, .len = len,
			.src = start, .dst = 1000,
		}, dst = src;

		swap(dst.src, dst.dst);
		KUNIT_ASSERT_EQ_MSG(test, expected && is_iova(op, false),
				    mtty_dma_to_peer(&src, base, size),
				    "from %llu+%llu, window %llu+%llu, op %u",
				    start, len, base, size, op);
		KUNIT_ASSERT_EQ_MSG(test, expected && is_iova(op, true),
				    mtty_dma_to_peer(&dst, base, size),
				    "to %llu+%llu, window %llu+%llu, op %u",
				    start, len, base, size, op);
	}
}

/* All small transfers against all small windows */
static void dma_to_peer_small(struct kunit *test)
{
	u64 start, len, base, size;

	for (start = 10; start < 18; start++)
		for (len = 1; len < 6; len++)
			for (base = 10; base < 18; base++)
				for (size = 0; size < 6; size++)
					to_peer_small(test, start, len, base,
						      size);
}

struct window {
	const char *name;
	u64 start;
	u64 len;
	u64 base;
	u64 size;
	bool to_peer;
};

static const struct window windows[] = {
	{ "all but a byte, last IOVA", 0, TOP, TOP, 1, false },
	{ "all but a byte, the one before", 0, TOP, TOP - 1, 1, true },
	{ "window is all but a byte", TOP, 1, 0, TOP, false },
	{ "window is all but a byte, before", TOP - 1, 1, 0, TOP, true },
	{ "window past the top, last IOVA", TOP, 1, TOP, TOP, true },
	{ "window past the top, IOVA 0", 0, 1, TOP, 2, false },
	{ "window 4 GiB on", 0x1000, PAGE, 0x100001000, PAGE, false },
	{ "4 GiB apart, touched", 0x1000, 0x100000001, 0x100001000, 1, true },
	{ "4 GiB apart, not touched", 0x1000, 0x100000000, 0x100001000, 1,
	  false },
	{ "window of 4 GiB", 0x100000fff, 1, 0x1000, 0x100000000, true },
	{ "window of 4 GiB, at its end", 0x100001000, 1, 0x1000, 0x100000000,
	  false },
};

KUNIT_ARRAY_PARAM_DESC(windows, windows, name);

static void dma_to_peer_large(struct kunit *test)
{
	const struct window *p = test->param_value;
	struct mtty_dma dma = {
		.cmd = OP_FILL, .status = BUSY, .dst = p->start, .len = p->len,
	};

	KUNIT_EXPECT_EQ(test, p->to_peer,
			mtty_dma_to_peer(&dma, p->base, p->size));
	dma.cmd = OP_READ;
	dma.src = p->start;
	dma.dst = 0;
	KUNIT_EXPECT_EQ(test, p->to_peer,
			mtty_dma_to_peer(&dma, p->base, p->size));
}

/* The whole transfer counts, also the part that is done already */
static void dma_to_peer_whatever_is_done(struct kunit *test)
{
	struct mtty_dma dma = {
		.cmd = OP_FILL, .status = BUSY, .dst = 0, .len = 10, .done = 9,
	};

	KUNIT_EXPECT_TRUE(test, mtty_dma_to_peer(&dma, 0, 1));
}

/* Chunks */

struct part {
	const char *name;
	u32 op;
	u64 src;
	u64 dst;
	u64 len;
	u64 done;
	u32 chunk;
};

static const struct part parts[] = {
	{ "a byte", OP_WRITE, 0, 0, 1, 0, 1 },
	{ "a page", OP_WRITE, 0, 0, PAGE, 0, PAGE },
	{ "more than a page", OP_WRITE, 0, 0, PAGE + 1, 0, PAGE },
	{ "the rest", OP_WRITE, 0, 0, PAGE + 1, PAGE, 1 },
	{ "destination ends first", OP_WRITE, 0, 4095, PAGE, 0, 1 },
	{ "source ends first", OP_WRITE, 4000, 0, PAGE, 0, 96 },
	{ "READ, source ends first", OP_READ, 4000, 0, PAGE, 0, 96 },
	{ "READ, destination ends first", OP_READ, 0, 4000, PAGE, 0, 96 },
	{ "COPY, source ends first", OP_COPY, 4094, 4000, PAGE, 0, 2 },
	{ "FILL has no source", OP_FILL, 4095, 0, PAGE, 0, PAGE },
	{ "FILL, destination ends", OP_FILL, 0, 4095, PAGE, 0, 1 },
	{ "what is done moves both", OP_COPY, 0, 100, PAGE, 10, 3986 },
	{ "done up to the page's end", OP_COPY, 0, 100, PAGE, 3996, 100 },
	{ "4 GiB", OP_COPY, 0, 0, 1ULL << 32, 0, PAGE },
	{ "4 GiB and a byte", OP_COPY, 0, 0, (1ULL << 32) + 1, 0, PAGE },
	{ "a byte after 4 GiB", OP_COPY, 0, 0, (1ULL << 32) + 1, 1ULL << 32,
	  1 },
	{ "the last IOVA", OP_COPY, TOP, TOP, 1, 0, 1 },
	{ "the last page", OP_FILL, 0, TOP - 4095, PAGE, 0, PAGE },
	{ "the last of all but a byte", OP_FILL, 0, 1, TOP, TOP - 1, 1 },
	{ "the first of it", OP_FILL, 0, 1, TOP, 0, 4095 },
};

KUNIT_ARRAY_PARAM_DESC(parts, parts, name);

static void dma_next_chunk(struct kunit *test)
{
	const struct part *p = test->param_value;
	const struct mtty_dma dma = {
		.cmd = p->op | IRQ, .status = BUSY, .src = p->src,
		.dst = p->dst, .len = p->len, .done = p->done,
	};
	struct mtty_dma_chunk chunk;

	memset(&chunk, 0x5a, sizeof(chunk));
	KUNIT_ASSERT_TRUE(test, mtty_dma_next(&dma, &chunk));
	KUNIT_EXPECT_EQ(test, p->op, chunk.op);
	KUNIT_EXPECT_EQ(test, p->dst + p->done, chunk.dst);
	KUNIT_EXPECT_EQ(test, p->chunk, chunk.len);
	if (p->op != OP_FILL)
		KUNIT_EXPECT_EQ(test, p->src + p->done, chunk.src);
}

static void dma_next_of_an_idle_channel(struct kunit *test)
{
	static const u32 statuses[] = { 0, COMPLETE, ERROR };
	struct mtty_dma_chunk chunk;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(statuses); i++) {
		struct mtty_dma dma = {
			.cmd = OP_FILL, .status = statuses[i], .len = 5,
		};

		KUNIT_EXPECT_FALSE(test, mtty_dma_next(&dma, &chunk));
	}
}

/*
 * Whole transfers: the chunks follow each other without a gap, each as long
 * as it can be, and the last one ends the transfer.
 */
static void dma_chunks_make_the_transfer(struct kunit *test)
{
	struct mtty_dma_chunk chunk;
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, 1);
	for (i = 0; i < 500; i++) {
		u64 src = prandom_u32_state(&rnd) % (2 * PAGE);
		u64 dst = prandom_u32_state(&rnd) % (2 * PAGE);
		u64 len = 1 + prandom_u32_state(&rnd) % (u32)(5 * PAGE), at = 0;
		u32 op = prandom_u32_state(&rnd) % 4;
		struct mtty_dma dma = {
			.cmd = op, .src = src, .dst = dst, .len = len,
		};

		mtty_dma_write(&dma, MTTY_MIG_DMA_CTRL, START, 8 * PAGE);
		while (mtty_dma_next(&dma, &chunk)) {
			u64 n = 1;

			/* A chunk ends before the first byte of a page */
			while (at + n < len && (dst + at + n) % PAGE &&
			       (op == OP_FILL || (src + at + n) % PAGE))
				n++;
			KUNIT_ASSERT_EQ(test, n, chunk.len);
			KUNIT_ASSERT_EQ(test, dst + at, chunk.dst);
			KUNIT_ASSERT_EQ(test, at, dma.done);
			mtty_dma_advance(&dma, chunk.len);
			at += n;
			KUNIT_ASSERT_EQ(test, at < len ? BUSY : COMPLETE,
					dma.status);
		}
		KUNIT_ASSERT_EQ(test, len, at);
		KUNIT_ASSERT_EQ(test, len, dma.done);
	}
}

static void dma_advance_far(struct kunit *test)
{
	struct mtty_dma dma = {
		.status = BUSY, .len = 1ULL << 33, .done = (1ULL << 32) - 4096,
	};

	/* Two values with equal lower halves are not equal */
	mtty_dma_advance(&dma, 4096);
	KUNIT_EXPECT_EQ(test, 1ULL << 32, dma.done);
	KUNIT_EXPECT_EQ(test, BUSY, dma.status);
	dma.done = (1ULL << 33) - 1;
	mtty_dma_advance(&dma, 1);
	KUNIT_EXPECT_EQ(test, 1ULL << 33, dma.done);
	KUNIT_EXPECT_EQ(test, COMPLETE, dma.status);
}

static void dma_fail_keeps_all_but_the_status(struct kunit *test)
{
	struct mtty_dma before = all_different, dma;

	before.status = BUSY;
	dma = before;
	mtty_dma_fail(&dma);
	before.status = ERROR;
	KUNIT_EXPECT_MEMEQ(test, &before, &dma, sizeof(dma));
}

/* Whatever a guest writes, the registers pass the check of a load */
static void dma_every_reachable_state_is_valid(struct kunit *test)
{
	struct mtty_dma_chunk chunk;
	struct mtty_dma dma = {};
	unsigned int i, busy = 0;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 2);
	for (i = 0; i < 20000; i++) {
		u32 r = prandom_u32_state(&rnd);
		u32 val = prandom_u32_state(&rnd);
		unsigned int offset = r % MTTY_MIG_DMA_SIZE & ~3;

		/*
		 * Purely random addresses and lengths would hardly ever be
		 * valid
		 */
		if (r & BIT(20))
			val %= MEM;
		if (offset == MTTY_MIG_DMA_SRC_HI ||
		    offset == MTTY_MIG_DMA_DST_HI ||
		    offset == MTTY_MIG_DMA_LEN_HI)
			val %= 2;
		mtty_dma_write(&dma, offset, val, MEM);
		if (r & BIT(21) && mtty_dma_next(&dma, &chunk))
			mtty_dma_advance(&dma, chunk.len);
		busy += dma.status == BUSY;
		KUNIT_ASSERT_TRUE_MSG(test, mtty_dma_valid(&dma, MEM),
				      "after %u accesses", i + 1);
	}
	KUNIT_EXPECT_GT(test, busy, 1000);
}

static struct kunit_case dma_cases[] = {
	KUNIT_CASE_PARAM(dma_register_reads, regs_gen_params),
	KUNIT_CASE_PARAM(dma_register_has_its_bits, regs_gen_params),
	KUNIT_CASE_PARAM(dma_register_can_be_cleared, regs_gen_params),
	KUNIT_CASE_PARAM(dma_register_of_a_busy_channel_stays,
			 regs_gen_params),
	KUNIT_CASE(dma_status_is_cleared_by_ones),
	KUNIT_CASE_PARAM(dma_control, controls_gen_params),
	KUNIT_CASE_PARAM(dma_start, params_gen_params),
	KUNIT_CASE_PARAM(dma_valid_while_busy, params_gen_params),
	KUNIT_CASE_PARAM(dma_valid_idle_with_any_parameters,
			 params_gen_params),
	KUNIT_CASE(dma_valid_by_bits_of_cmd),
	KUNIT_CASE(dma_valid_by_status),
	KUNIT_CASE(dma_interrupt_at_the_end_if_wanted),
	KUNIT_CASE(dma_to_peer_small),
	KUNIT_CASE_PARAM(dma_to_peer_large, windows_gen_params),
	KUNIT_CASE(dma_to_peer_whatever_is_done),
	KUNIT_CASE_PARAM(dma_next_chunk, parts_gen_params),
	KUNIT_CASE(dma_next_of_an_idle_channel),
	KUNIT_CASE(dma_chunks_make_the_transfer),
	KUNIT_CASE(dma_advance_far),
	KUNIT_CASE(dma_fail_keeps_all_but_the_status),
	KUNIT_CASE(dma_every_reachable_state_is_valid),
	{}
};

static struct kunit_suite dma_suite = {
	.name = "mtty_mig_dma",
	.test_cases = dma_cases,
};

kunit_test_suite(dma_suite);
