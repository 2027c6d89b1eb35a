// SPDX-License-Identifier: GPL-2.0-only
/*
 * From hop to hop: a device that takes a stream gives one later, and takes
 * another one from somewhere else, all in the same open.
 *
 * The one in the middle is never reset in between: what it has kept of one
 * session would show in the next.
 */
#include <endian.h>
#include <string.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut_fixture.h"
#include "session.h"

DUT_FIXTURE(hop, DUT_STOP_COPY);

#define SLOW		300

/* How far pre-copy is read before the device is stopped */
enum kind {
	STOP_COPY_ALONE,
	PRE_COPY_LEFT_EARLY,
	PRE_COPY,
	NR_KINDS
};

static const char * const kind_names[NR_KINDS] = {
	"stop-copy", "pre-copy, left early", "pre-copy",
};

static bool has_kind(const struct dut *dut, enum kind kind)
{
	return kind == STOP_COPY_ALONE || dut->flags & VFIO_MIGRATION_PRE_COPY;
}

/* Save a device that runs, as it is; it runs again then. 0 or -errno */
static int save(struct dut *dut, enum kind kind, struct mig_stream *stream)
{
	__u32 state = kind == STOP_COPY_ALONE ? VFIO_DEVICE_STATE_STOP_COPY :
						VFIO_DEVICE_STATE_PRE_COPY;
	int data_fd, none, ret;

	stream->len = 0;
	ret = __vfio_mig_set(&dut->dev, state, &data_fd);
	if (ret)
		return ret;
	if (kind == PRE_COPY_LEFT_EARLY) {
		__u8 byte;

		if (mig_read(data_fd, &byte, 1) == 1)
			mig_stream_append(stream, &byte, 1);
	} else if (kind == PRE_COPY) {
		ret = __session_read_on(stream, data_fd, MIG_CHUNK);
	}
	if (ret) {
		close(data_fd);
		return ret;
	}
	ret = __session_finish(dut, data_fd, stream);
	return ret ? ret : __vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_RUNNING,
					  &none);
}

static int load(struct dut *dut, const struct mig_stream *stream)
{
	return __mig_load(&dut->dev, stream, MIG_CHUNK,
			  VFIO_DEVICE_STATE_RUNNING);
}

/**
 * struct chain - devices that are like each other
 * @first: the first
 * @second: the second
 * @third: the third, or the first again
 * @other: what @third is, if there is one
 */
struct chain {
	struct dut *first;
	struct dut second;
	struct dut *third;
	struct dut other;
};

static const char *open_chain(struct chain *chain, struct dut *first)
{
	const char *why = dut_open_second(&chain->second, first);

	chain->first = first;
	chain->third = &chain->other;
	if (!why && dut_open_third(&chain->other, first))
		chain->third = first;
	return why;
}

/* "the data transfer output of a single FD [...] from a compatible device" */
TEST_F(hop, state_goes_on_from_device_to_device)
{
	struct mig_stream stream = {};
	struct chain chain;
	const char *why;
	enum kind kind;
	unsigned int i;

	why = open_chain(&chain, &self->dut);
	if (why)
		SKIP(return, "%s", why);
	for (kind = 0; kind < NR_KINDS; kind++) {
		struct dut *hops[] = {
			chain.first, &chain.second, chain.third, chain.first,
		};

		if (!has_kind(&self->dut, kind))
			continue;
		for (i = 0; i + 1 < ARRAY_LEN(hops); i++) {
			if (hops[i] == hops[i + 1])
				continue;
			RULE_OK("MIG-RES-11", save(hops[i], kind, &stream),
				"save by %s before hop %u", kind_names[kind],
				i + 1);
			RULE_OK("MIG-RES-11", load(hops[i + 1], &stream),
				"load in hop %u, saved by %s", i + 1,
				kind_names[kind]);
		}
	}
	mig_stream_free(&stream);
}

/* What the device in the middle goes through: streams to take and to give */
#define STEPS		3

/**
 * struct step - a step of the device in the middle
 * @loads: it takes a stream; or else it gives one
 * @kind: how that was saved, or is
 * @name: in words
 */
static const struct step {
	bool loads;
	enum kind kind;
	const char *name;
} steps[] = {
	{ true, STOP_COPY_ALONE, "load(stop-copy)" },
	{ true, PRE_COPY, "load(pre-copy)" },
	{ false, STOP_COPY_ALONE, "save(stop-copy)" },
	{ false, PRE_COPY, "save(pre-copy)" },
};

/* The next course of STEPS steps that the device can go; false after the last */
static bool next_course(const struct dut *dut, unsigned int course[STEPS])
{
	unsigned int i;

	for (i = 0; i < STEPS; i++) {
		do
			course[i]++;
		while (course[i] < ARRAY_LEN(steps) &&
		       !has_kind(dut, steps[course[i]].kind));
		if (course[i] < ARRAY_LEN(steps))
			return true;
		course[i] = 0;
	}
	return false;
}

static const char *course_name(const unsigned int course[STEPS],
			       unsigned int nr)
{
	static char name[STEPS * 32];
	unsigned int i;

	for (name[0] = '\0', i = 0; i < nr; i++)
		snprintf(name + strlen(name), sizeof(name) - strlen(name),
			 "%s%s", i ? ", " : "", steps[course[i]].name);
	return name;
}

/* The device in the middle, fresh; whoever takes what it gives is fresh, too */
static void judge_course(struct __test_metadata *_metadata, struct dut *middle,
			 struct dut *last, const unsigned int course[STEPS],
			 const struct mig_stream *sources)
{
	struct mig_stream stream = {};
	unsigned int i;
	int ret = 0;

	dut_fresh(middle);
	for (i = 0; i < STEPS && !ret; i++) {
		const struct step *step = &steps[course[i]];

		ret = step->loads ? load(middle, &sources[step->kind]) :
				    save(middle, step->kind, &stream);
		RULE_OK("MIG-RES-11", ret, "%s",
			course_name(course, i + 1));
		if (ret || step->loads)
			continue;
		dut_fresh(last);
		RULE_OK("MIG-RES-11", load(last, &stream),
			"load of what came of %s",
			course_name(course, i + 1));
	}
	mig_stream_free(&stream);
}

TEST_F_TIMEOUT(hop, device_takes_and_gives_in_any_order, SLOW)
{
	struct mig_stream sources[NR_KINDS] = {};
	unsigned int course[STEPS] = {};
	struct chain chain;
	const char *why;
	enum kind kind;

	why = open_chain(&chain, &self->dut);
	if (why)
		SKIP(return, "%s", why);
	/* Two sources, if there is a third device */
	for (kind = 0; kind < NR_KINDS; kind++)
		if (has_kind(&self->dut, kind))
			must(save(kind == PRE_COPY ? chain.third : chain.first,
				  kind, &sources[kind]));
	do
		judge_course(_metadata, &chain.second, chain.third, course,
			     sources);
	while (next_course(&self->dut, course));
	for (kind = 0; kind < NR_KINDS; kind++)
		mig_stream_free(&sources[kind]);
}

/*
 * What a device gives is what it was loaded with last, and nothing else
 */

/* Into a stopped device, which stays that: nothing can change but by loading */
static int load_and_save(struct dut *dut, const struct mig_stream *from,
			 struct mig_stream *to)
{
	int data_fd, ret;

	to->len = 0;
	ret = __mig_load(&dut->dev, from, MIG_CHUNK, VFIO_DEVICE_STATE_STOP);
	if (!ret)
		ret = __vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_STOP_COPY,
				     &data_fd);
	return ret ? ret : __session_finish(dut, data_fd, to);
}

static bool are_alike(const struct mig_stream *one,
		      const struct mig_stream *other)
{
	return one->len == other->len &&
	       !memcmp(one->data, other->data, one->len);
}

/*
 * Streams that differ from a fresh device's. There are few that can be had
 * without knowing the device: from one whose configuration space was written
 * to, if that is part of the stream; and those that a device takes with a bit
 * cleared somewhere, because it is a register's, or an ability that the source
 * has not; or with a part that is longer, as of a source that has more to tell.
 */
#define BEGINNING	128

static size_t next_word(size_t at, size_t len)
{
	size_t step = len / 32 & ~3UL;

	return at + (at < BEGINNING || !step ? 4 : step);
}

static void save_marked(struct dut *dut, struct mig_stream *stream)
{
	__u8 line;

	dut_fresh(dut);
	/* It is for the user alone: the device does nothing with it */
	if (dut->dev.info.flags & VFIO_DEVICE_FLAGS_PCI &&
	    __vfio_region_read(&dut->dev, VFIO_PCI_CONFIG_REGION_INDEX,
			       PCI_INTERRUPT_LINE, &line, 1) == 1) {
		line ^= 0x5a;
		__vfio_region_write(&dut->dev, VFIO_PCI_CONFIG_REGION_INDEX,
				    PCI_INTERRUPT_LINE, &line, 1);
	}
	must(save(dut, STOP_COPY_ALONE, stream));
}

/* False if no bit is set there that could be cleared */
static bool clear_bit(struct mig_stream *to, const struct mig_stream *from,
		      size_t at)
{
	__u32 word;

	if (at + sizeof(word) > from->len)
		return false;
	mig_stream_copy(to, from);
	memcpy(&word, to->data + at, sizeof(word));
	if (!word)
		return false;
	/* The lowest one, of whatever byte order */
	word &= word - 1;
	memcpy(to->data + at, &word, sizeof(word));
	return true;
}

/* Bytes by which a part is longer */
#define PADDING		16

/* Headers end so many bytes behind where their length begins */
static const size_t header_rests[] = { 4, 8, 12, 16 };

/* False if there is no length of a part, so that the part cannot be longer */
static bool pad(struct mig_stream *to, const struct mig_stream *from,
		size_t at, size_t rest)
{
	static const __u8 zeroes[PADDING];
	size_t end, len = from->len;
	__u32 word;

	if (at + sizeof(word) > len)
		return false;
	memcpy(&word, from->data + at, sizeof(word));
	word = le32toh(word);
	end = at + rest + word;
	if (!word || end + PADDING > len)
		return false;
	/* A stream of a fixed length has room at its end */
	if (!memcmp(from->data + len - PADDING, zeroes, PADDING))
		len -= PADDING;
	to->len = 0;
	mig_stream_append(to, from->data, end);
	mig_stream_append(to, zeroes, PADDING);
	mig_stream_append(to, from->data + end, len - end);
	word = htole32(word + PADDING);
	memcpy(to->data + at, &word, sizeof(word));
	return true;
}

/* What the device goes through before it is loaded with what counts */
static const struct past {
	const char *name;
	bool loads;
	bool saves;
	enum kind kind;
} pasts[] = {
	{ "a save", false, true, STOP_COPY_ALONE },
	{ "a save by pre-copy", false, true, PRE_COPY },
	{ "a load", true, false, STOP_COPY_ALONE },
	{ "a load and a save", true, true, STOP_COPY_ALONE },
	{ "a load and a save by pre-copy", true, true, PRE_COPY },
};

static void go_through(struct dut *dut, const struct past *past,
		       const struct mig_stream *plain)
{
	struct mig_stream stream = {};

	dut_fresh(dut);
	if (past->loads)
		must(load(dut, plain));
	if (past->saves)
		must(save(dut, past->kind, &stream));
	mig_stream_free(&stream);
}

static int fresh_load_and_save(struct dut *dut, const struct mig_stream *from,
			       struct mig_stream *to)
{
	dut_fresh(dut);
	return load_and_save(dut, from, to);
}

static int past_load_and_save(struct dut *dut, const struct past *past,
			      const struct mig_stream *plain,
			      const struct mig_stream *from,
			      struct mig_stream *to)
{
	go_through(dut, past, plain);
	return load_and_save(dut, from, to);
}

/* So often a difference has to be seen, and none between fresh devices */
#define TIMES		5

/* Whether a device with this past gives something else, and no fresh one does */
static bool gives_another(struct dut *dut, const struct past *past,
			  const struct mig_stream *plain,
			  const struct mig_stream *from,
			  const struct mig_stream *fresh, bool *same)
{
	struct mig_stream stream = {};
	bool another = true;
	unsigned int i;

	for (i = 0; i < TIMES && another && *same; i++) {
		must(past_load_and_save(dut, past, plain, from, &stream));
		another = !are_alike(fresh, &stream);
		if (!another)
			break;
		must(fresh_load_and_save(dut, from, &stream));
		*same = are_alike(fresh, &stream);
	}
	/* What is one time so and one time so is so without a past, too */
	if (i && !another)
		*same = false;
	mig_stream_free(&stream);
	return another && *same;
}

/*
 * False if that cannot be judged: two devices that have gone through the same
 * do not give the same.
 */
static bool judge_pasts(struct __test_metadata *_metadata, struct dut *dut,
			const struct mig_stream *plain,
			const struct mig_stream *from, const char *what)
{
	struct mig_stream fresh = {}, stream = {};
	unsigned int i;
	bool same;

	must(fresh_load_and_save(dut, from, &fresh));
	must(fresh_load_and_save(dut, from, &stream));
	same = are_alike(&fresh, &stream);
	for (i = 0; i < ARRAY_LEN(pasts) && same; i++) {
		bool another;
		int ret;

		if (!has_kind(dut, pasts[i].kind))
			continue;
		ret = past_load_and_save(dut, &pasts[i], plain, from, &stream);
		RULE_OK("MIG-RES-10", ret, "load of %s, and save, after %s",
			what, pasts[i].name);
		if (ret)
			continue;
		another = gives_another(dut, &pasts[i], plain, from, &fresh,
					&same);
		if (same)
			RULE("MIG-RES-12", !another,
			     "what a fresh device gives that was loaded with %s, seen something else: after %s",
			     what, pasts[i].name);
	}
	mig_stream_free(&stream);
	mig_stream_free(&fresh);
	return same;
}

/* So many streams that were changed are enough, of each kind */
#define CHANGED		16

static bool fresh_takes(struct dut *dut, const struct mig_stream *stream)
{
	return !__session_load(dut, stream, VFIO_DEVICE_STATE_STOP);
}

static bool judge_changed(struct __test_metadata *_metadata, struct dut *dut,
			  const struct mig_stream *plain)
{
	unsigned int cleared = 0, padded = 0, i;
	struct mig_stream from = {};
	bool same = true;
	size_t at;

	for (at = 0; at < plain->len && same; at = next_word(at, plain->len)) {
		if (cleared < CHANGED && clear_bit(&from, plain, at) &&
		    fresh_takes(dut, &from)) {
			cleared++;
			same = judge_pasts(_metadata, dut, plain, &from,
					   "a stream with a bit cleared");
		}
		for (i = 0; i < ARRAY_LEN(header_rests) && same; i++) {
			if (padded >= CHANGED ||
			    !pad(&from, plain, at, header_rests[i]) ||
			    !fresh_takes(dut, &from))
				continue;
			padded++;
			same = judge_pasts(_metadata, dut, plain, &from,
					   "a stream with a part that is longer");
		}
	}
	mig_stream_free(&from);
	return same;
}

TEST_F_TIMEOUT(hop, stream_tells_nothing_of_earlier_sessions, SLOW)
{
	struct mig_stream plain = {}, marked = {};
	bool same;

	dut_fresh(&self->dut);
	must(save(&self->dut, STOP_COPY_ALONE, &plain));
	save_marked(&self->dut, &marked);
	same = judge_pasts(_metadata, &self->dut, &plain, &plain,
			   "a fresh device's stream") &&
	       judge_pasts(_metadata, &self->dut, &plain, &marked,
			   "the stream of a device whose configuration space was written to") &&
	       judge_changed(_metadata, &self->dut, &plain);
	mig_stream_free(&marked);
	mig_stream_free(&plain);
	if (!same)
		SKIP(return, "the device gives another stream each time");
}

TEST_HARNESS_MAIN
