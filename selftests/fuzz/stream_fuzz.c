// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzes the reader of the migration stream: any input is a stream, and what
 * must hold of each is here. For the sanitizers nothing needs to be said.
 *
 * The device that reads it is the one that the stream itself names, so that
 * the fuzzer can look at all types and at several sizes of memory.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../device/lib/stream_spec.h"
#include "libfuzzer.h"
#include "load.h"

/* Room for the longest stream that a device of this size sends */
#define SAVED_MAX	(sizeof(struct mtty_stream_header) +		\
			 SPEC_PAGES_MAX * MTTY_STREAM_PAGE_SIZE +	\
			 MTTY_STREAM_END_SIZE)

/* How often each verdict came, by errno, for the summary */
static unsigned long verdicts[256];

static void print_verdicts(void)
{
	unsigned int i;

	fprintf(stderr, "verdicts:");
	for (i = 0; i < ARRAY_SIZE(verdicts); i++)
		if (verdicts[i])
			fprintf(stderr, " %s %lu",
				i ? strerrorname_np(i) : "accepted",
				verdicts[i]);
	fprintf(stderr, "\n");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	atexit(print_verdicts);
	return 0;
}

/* How a stream is cut into pieces */
enum cut {
	CUT_NONE,	/* one piece */
	CUT_BYTES,	/* of one byte each */
	CUT_RANDOM,
};

/*
 * A piece's length. Of the middle of a page, and of a record that is skipped,
 * single bytes would tell no more than its ends do, and take all the time.
 */
static size_t piece(enum cut cut, const struct load *load, size_t left,
		    u64 *seed)
{
	size_t want = load->dec->want;

	switch (cut) {
	case CUT_NONE:
		return left;
	case CUT_BYTES:
		if (!load->error && want > 128 && load->page)
			return min(left, want - 64);
		return 1;
	default:
		return 1 + random_next(seed) % min_t(size_t, left, 600);
	}
}

/* Read a stream to its end, or to where it is refused */
static void read_stream(struct load *load, const u8 *data, size_t size,
			enum cut cut, u64 seed)
{
	size_t done = 0;

	while (done < size && !load->error) {
		size_t n = piece(cut, load, size - done, &seed);

		load_feed(load, data + done, n);
		done += n;
		if (done < size && !load->error && !load->dec->done)
			bug_unless(mtty_dec_finish(load->dec) == -ENODATA);
	}
}

static void check_verdict(struct load *load, const struct stream_spec *spec)
{
	int error = load->error ?: mtty_dec_finish(load->dec);
	size_t at = load->error ? load->at : load->fed;

	if (error != spec->error || at != spec->at)
		bug("%d after %zu bytes, should be %d after %zu", error, at,
		    spec->error, spec->at);
}

/* What was received before or after a refusal must not be touched any more */
static void check_refused(struct load *load)
{
	static const u8 more[64];
	u64 digest = load_digest(load);

	bug_unless(load_feed(load, more, 1) == load->error);
	bug_unless(load_feed(load, more, sizeof(more)) == load->error);
	bug_unless(load_digest(load) == digest);
}

static void check_same(struct load *a, struct load *b)
{
	bug_unless(a->error == b->error && a->fed == b->fed);
	bug_unless(load_digest(a) == load_digest(b));
	bug_unless(a->hw->irq_level == b->hw->irq_level);
	bug_unless(a->mem->nr_pages == b->mem->nr_pages);
}

/* The same in another segmentation */
static void check_cut(struct load *load, const u8 *data, size_t size,
		      enum cut cut, u64 seed)
{
	struct load other;

	load_new(&other, load->type, load->mem->size);
	read_stream(&other, data, size, cut, seed);
	if (load->error)
		bug_unless(other.at == load->at);
	check_same(load, &other);
	load_free(&other);
}

/* A device that is not meant, of a size or of a type, refuses at once */
static void check_other_device(const u8 *data, size_t size, u32 type,
			       u64 mem_size)
{
	struct stream_spec spec;
	struct load load;

	spec_read(&spec, data, size, type, mem_size);
	load_new(&load, type, mem_size);
	read_stream(&load, data, size, CUT_NONE, 0);
	check_verdict(&load, &spec);
	load_free(&load);
}

/*
 * Without memory for one of its pages it is refused for that alone: at the byte
 * that tells which page it is, even if it is the last one of the stream. Memory
 * that there is no need for is not missed.
 */
static void check_no_memory(const u8 *data, size_t size,
			    const struct stream_spec *spec, u32 type,
			    u64 mem_size, u64 seed)
{
	unsigned int nth = seed % min_t(u64, spec->nr_new + 1, SPEC_NEW_MAX);
	struct load load;

	load_new(&load, type, mem_size);
	kmem_fail_nth = nth + 1;
	read_stream(&load, data, size, CUT_NONE, 0);
	bug_unless(!kmem_fail_nth == (nth < spec->nr_new));
	if (kmem_fail_nth)
		check_verdict(&load, spec);
	else
		bug_unless(load.error == -ENOMEM &&
			   load.at == spec->new_at[nth]);
	kmem_fail_nth = 0;
	load_free(&load);
}

/* Registers that were loaded must be such that the rooms can work with them */
static void check_rooms(const struct load *load)
{
	const struct mtty_hw *hw = load->hw;
	struct mtty_pci pci;
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_UARTS; i++)
		bug_unless(mtty_uart_valid(&hw->uart[i]));
	for (i = 0; i < MTTY_MIG_NR_DMA; i++)
		bug_unless(mtty_dma_valid(&hw->dma[i], load->mem->size));
	bug_unless(mtty_pri_valid(&hw->pri));
	bug_unless(hw->pri.present == (load->type == MTTY_MIG_TYPE_VPRI));
	mtty_pci_reset(&pci, load->mem->size);
	bug_unless(mtty_pci_load(&pci, hw->pci.config));
	bug_unless(hw->pci.mem_size == load->mem->size);
	bug_unless(hw->irq_level == mtty_hw_irq_level(hw));
}

/* The device's stream must say what the one said that it was loaded from */
static void check_saved(struct load *load, const struct mtty_hw *hw,
			const struct stream_spec *spec)
{
	u8 *saved = malloc(SAVED_MAX);
	struct stream_spec again;
	const char *difference;
	unsigned int i, pages = 0;
	struct load other;
	size_t len;

	bug_unless(saved);
	/* A page of zeroes takes no memory, however it came to be one */
	for (i = 0; spec && i < SPEC_PAGES_MAX; i++)
		pages += !!spec->page[i];
	bug_unless(!spec || load->mem->nr_pages == pages);

	len = save(saved, SAVED_MAX, load->type, load->mem, hw);
	bug_unless(len);
	spec_read(&again, saved, len, load->type, load->mem->size);
	if (again.error)
		bug("what was saved is refused: %d after %zu bytes",
		    again.error, again.at);
	difference = spec ? spec_differs(spec, &again) : NULL;
	if (difference)
		bug("what was loaded is not what was saved: %s", difference);

	load_new(&other, load->type, load->mem->size);
	read_stream(&other, saved, len, CUT_NONE, 0);
	check_verdict(&other, &again);
	bug_unless(mtty_hw_digest(hw) == mtty_hw_digest(other.hw));
	bug_unless(mtty_mem_digest(load->mem, 0) ==
		   mtty_mem_digest(other.mem, 0));
	load_free(&other);
	free(saved);
}

static void check_accepted(struct load *load, const struct stream_spec *spec,
			   u64 seed)
{
	static const u8 zero;
	struct mtty_hw *hw;
	u64 digest;

	check_rooms(load);
	check_saved(load, load->hw, spec);

	/* What a guest makes of it can be sent again */
	hw = kzalloc(sizeof(*hw), 0);
	*hw = *load->hw;
	exercise(hw, &seed);
	check_saved(load, hw, NULL);
	kfree(hw);

	digest = load_digest(load);
	bug_unless(load_feed(load, &zero, 1) == -E2BIG);
	bug_unless(load_feed(load, &zero, 1) == -E2BIG);
	bug_unless(load_digest(load) == digest);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u64 seed = xxh64(data, size, 1), mem_size;
	struct stream_spec spec;
	struct load load;
	u32 type;

	spec_reader(data, size, &type, &mem_size);
	spec_read(&spec, data, size, type, mem_size);
	verdicts[-spec.error & 0xff]++;

	load_new(&load, type, mem_size);
	read_stream(&load, data, size, CUT_NONE, 0);
	check_verdict(&load, &spec);
	check_cut(&load, data, size, CUT_BYTES, seed);
	check_cut(&load, data, size, CUT_RANDOM, seed);
	if (spec.error && spec.error != -ENODATA)
		check_refused(&load);
	else if (!spec.error)
		check_accepted(&load, &spec, seed);
	load_free(&load);

	check_other_device(data, size, type % MTTY_MIG_TYPE_VPRI + 1, mem_size);
	check_other_device(data, size, type, mem_size ? mem_size / 2 & ~0xfffULL
						      : MTTY_MIG_PAGE_SIZE);
	if (spec.nr_new)
		check_no_memory(data, size, &spec, type, mem_size, seed);

	/* And nothing is left of any of them */
	bug_unless(!kmem_live);
	return 0;
}
