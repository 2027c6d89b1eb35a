// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-migctl diff: compare two saved states.
 *
 * Two streams of one state need not be the same bytes: pages may come in
 * another order, and more than once.  So streams of mtty_mig are compared by
 * what they leave in a device: the last record of each page, as a checksum, and
 * the fields of each other record.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../selftests/lib/check.h"
#include "envelope.h"
#include "migctl.h"
#include "record.h"
#include "say.h"

#define PAGE		0x0001
#define ZERO		0x0002
#define PAGE_SIZE	4096
/* The most pages that are shown one by one */
#define SHOWN_MAX	16

/* The last content of a page, and its offset in the stream */
struct last {
	__u64 index;
	__u64 offset;
	__u64 checksum;
	unsigned long number;
};

/* A field of a record, with its name: "DMA0.status" */
struct word {
	char name[40];
	char value[96];
};

/**
 * struct side - one of the two files
 * @env: the file
 * @records: how it was read
 * @pages: all page records
 * @nr_pages: how many
 * @room_pages: for how many there is memory
 * @words: all fields
 * @nr_words: how many
 * @room_words: for how many there is memory
 * @record: the one whose fields come
 */
struct side {
	struct envelope env;
	struct records records;
	struct last *pages;
	unsigned long nr_pages;
	unsigned long room_pages;
	struct word *words;
	unsigned long nr_words;
	unsigned long room_words;
	const struct record *record;
};

static struct side sides[2];
static unsigned long differences;
static struct json json;

static void *room_for(void *items, unsigned long nr, unsigned long *room,
		      size_t size)
{
	if (nr < *room)
		return items;
	*room = nr ? nr * 2 : 256;
	items = realloc(items, *room * size);
	if (!items)
		fail(EXIT_REFUSED, "again on a machine with more",
		     "no memory for the checksums of %lu pages", nr);
	return items;
}

static void differ(const char *what, const char *a, const char *b)
{
	differences++;
	fprintf(say.tell, "  %-22s %s%-32s%s  %s%s%s\n", what, RED, a, PLAIN,
		GREEN, b, PLAIN);
	if (!say.json)
		return;
	json_object(&json, NULL);
	json_text(&json, "what", what);
	json_text(&json, "first", a);
	json_text(&json, "second", b);
	json_end(&json);
}

static void each_field(void *arg, const char *name, const char *value)
{
	struct side *side = arg;
	struct word *word;

	/* These fields depend on the order of the records, which may differ */
	if (!strcmp(name, "digest") || !strcmp(name, "total"))
		return;
	side->words = room_for(side->words, side->nr_words, &side->room_words,
			       sizeof(*word));
	word = &side->words[side->nr_words++];
	snprintf(word->name, sizeof(word->name), "%.16s.%.20s",
		 record_name(side->record->type), name);
	snprintf(word->value, sizeof(word->value), "%s", value);
}

static void each(void *arg, const struct record *record)
{
	static const char zero[PAGE_SIZE];
	struct side *side = arg;
	struct last *last;

	if (record->type != PAGE && record->type != ZERO) {
		side->record = record;
		record_fields(record, each_field, side);
		return;
	}
	side->pages = room_for(side->pages, side->nr_pages, &side->room_pages,
			       sizeof(*last));
	last = &side->pages[side->nr_pages];
	last->index = record->index;
	last->offset = record->offset;
	last->number = side->nr_pages++;
	last->checksum = xxh64(record->payload ?: zero, PAGE_SIZE, 0);
}

static int by_index(const void *a, const void *b)
{
	const struct last *x = a, *y = b;

	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

/*
 * Only the last record of each page counts; a page of zeroes counts as absent
 */
static void settle(struct side *side)
{
	static const char zero[PAGE_SIZE];
	__u64 nothing = xxh64(zero, PAGE_SIZE, 0);
	unsigned long from, to = 0;

	if (side->nr_pages)
		qsort(side->pages, side->nr_pages, sizeof(*side->pages),
		      by_index);
	for (from = 0; from < side->nr_pages; from++) {
		if (from + 1 < side->nr_pages &&
		    side->pages[from].index == side->pages[from + 1].index)
			continue;
		if (side->pages[from].checksum != nothing)
			side->pages[to++] = side->pages[from];
	}
	side->nr_pages = to;
}

static const char *page_text(const struct last *last)
{
	static char texts[2][64];
	static unsigned int next;
	char *text = texts[next++ % 2];

	if (!last)
		return "zero";
	snprintf(text, sizeof(texts[0]), "%016llx at %llu",
		 (unsigned long long)last->checksum,
		 (unsigned long long)last->offset);
	return text;
}

static void compare_pages(void)
{
	const struct side *a = &sides[0], *b = &sides[1];
	unsigned long i = 0, j = 0, count = 0;

	while (i < a->nr_pages || j < b->nr_pages) {
		const struct last *x = i < a->nr_pages ? &a->pages[i] : NULL;
		const struct last *y = j < b->nr_pages ? &b->pages[j] : NULL;
		char name[40];

		if (x && y && x->index != y->index) {
			if (x->index < y->index)
				y = NULL;
			else
				x = NULL;
		}
		i += !!x;
		j += !!y;
		if (x && y && x->checksum == y->checksum)
			continue;
		snprintf(name, sizeof(name), "page %#llx",
			 (unsigned long long)(x ? x : y)->index);
		if (count++ < SHOWN_MAX || say.json)
			differ(name, page_text(x), page_text(y));
		else
			differences++;
	}
	if (count > SHOWN_MAX && !say.json)
		fprintf(say.tell, "  %lu more pages differ\n", count - SHOWN_MAX);
}

/* Some fields are only there if they have something to say */
static const char *value_of(const struct side *side, const char *name)
{
	unsigned long i;

	for (i = 0; i < side->nr_words; i++)
		if (!strcmp(side->words[i].name, name))
			return side->words[i].value;
	return NULL;
}

static void compare_words(void)
{
	unsigned long i;

	for (i = 0; i < sides[0].nr_words; i++) {
		const struct word *word = &sides[0].words[i];
		const char *other = value_of(&sides[1], word->name);

		if (!other || strcmp(word->value, other))
			differ(word->name, word->value, other ?: "-");
	}
	for (i = 0; i < sides[1].nr_words; i++) {
		const struct word *word = &sides[1].words[i];

		if (!value_of(&sides[0], word->name))
			differ(word->name, "-", word->value);
	}
}

static void compare_envelopes(void)
{
	static const char * const keys[] = {
		"device", "bus", "driver", "type", "capabilities", "kernel",
		"machine",
	};
	char a[128], b[128];
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(keys); i++) {
		envelope_value(&sides[0].env, keys[i], a, sizeof(a));
		envelope_value(&sides[1].env, keys[i], b, sizeof(b));
		/*
		 * The place where a state was saved is not a part of the state
		 */
		if (!strcmp(a, b))
			continue;
		fprintf(say.tell, "  %-22s %-32s  %s\n", keys[i], *a ? a : "-",
			*b ? b : "-");
	}
}

static void compare_bytes(void)
{
	char a[40], b[40];

	snprintf(a, sizeof(a), "%llu", (unsigned long long)sides[0].env.length);
	snprintf(b, sizeof(b), "%llu", (unsigned long long)sides[1].env.length);
	if (strcmp(a, b))
		differ("length", a, b);
	snprintf(a, sizeof(a), "%016llx",
		 (unsigned long long)xxh64_digest(&sides[0].env.hash));
	snprintf(b, sizeof(b), "%016llx",
		 (unsigned long long)xxh64_digest(&sides[1].env.hash));
	if (strcmp(a, b))
		differ("checksum", a, b);
}

static void read_side(struct side *side, const char *path)
{
	envelope_open(&side->env, path, ENVELOPE_ANY);
	side->records.each = each;
	side->records.arg = side;
	records_read(&side->records, &side->env);
	if (side->records.error)
		fail_with(EXIT_REFUSED, &(struct fault){
				.device = path, .error = side->records.error,
				.hint = "vfio-migctl inspect: it tells where",
			  }, "the stream is not valid: %s",
			  record_reason(side->records.error));
	settle(side);
	envelope_close(&side->env);
}

/**
 * verb_diff - compare two saved states
 * @argc: 2
 * @argv: the files
 *
 * Return: the exit status: EXIT_REFUSED if they differ.
 */
int verb_diff(int argc, char **argv)
{
	(void)argc;
	if (!strcmp(argv[0], "-") && !strcmp(argv[1], "-"))
		refuse("standard input cannot be compared with itself");
	read_side(&sides[0], argv[0]);
	read_side(&sides[1], argv[1]);
	json = say_value(false);
	if (say.json) {
		json_object(&json, NULL);
		json_array(&json, "differences");
	}
	compare_envelopes();
	if (sides[0].records.ours && sides[1].records.ours) {
		compare_words();
		compare_pages();
	} else {
		compare_bytes();
	}
	if (say.json) {
		json_end(&json);
		json_number(&json, "count", differences);
		json_end(&json);
	}
	fprintf(say.tell, "%s\n", differences ? "the states differ" :
		"the states are the same");
	return differences ? EXIT_REFUSED : EXIT_DONE;
}
