// SPDX-License-Identifier: GPL-2.0-only
/*
 * The session after a session: what a device may have kept of an earlier one.
 *
 * A buffer, a length, the word that the beginning of a stream has been looked
 * at: what is the device's and not the session's makes the next stream pass
 * for one that it is not.
 */
#include <string.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "dut_fixture.h"
#include "session.h"

DUT_FIXTURE(next_session, DUT_STOP_COPY);

/* Streams are long, or devices slow to reset */
#define SLOW		300

/* A beginning, in which a stream tells what it is, is damaged word by word */
#define WORD		4
#define BEGINNING	128

static size_t next_word(size_t at, size_t len)
{
	size_t next = at + WORD, step = len / 32 & ~(WORD - 1UL);

	return next < BEGINNING || step < WORD ? next : at + step;
}

/*
 * The lowest of a word's bits that are set is not. What is a length does not get
 * longer by it: a driver may ask for the memory as soon as it knows how much, and
 * there need not be so much.
 *
 * Return: false if no bit is set there.
 */
static bool damage_word(struct mig_stream *bad,
			const struct mig_stream *stream, size_t at)
{
	__u32 word;

	if (at + sizeof(word) > stream->len)
		return false;
	mig_stream_copy(bad, stream);
	memcpy(&word, bad->data + at, sizeof(word));
	if (!word)
		return false;
	word &= word - 1;
	memcpy(bad->data + at, &word, sizeof(word));
	return true;
}

/* Whether the user of a device that takes a stream is told that it is wrong */
static bool refuses(struct dut *dut, const struct mig_stream *stream)
{
	return __mig_load(&dut->dev, stream, MIG_CHUNK,
			  VFIO_DEVICE_STATE_STOP) < 0;
}

static bool fresh_refuses(struct dut *dut, const struct mig_stream *stream)
{
	dut_fresh(dut);
	return refuses(dut, stream);
}

#define TAKES_ALL	"a fresh device takes a stream whichever of its words is changed"

/* "must fail the SET_STATE ioctl" if the data is "inconsistent" */
TEST_F_TIMEOUT(next_session, refused_stream_is_refused_after_a_whole_one, SLOW)
{
	struct mig_stream stream = {}, bad = {};
	unsigned int n = 0;
	size_t at;

	session_save(&self->dut, &stream);
	for (at = 0; at < stream.len; at = next_word(at, stream.len)) {
		if (!damage_word(&bad, &stream, at) ||
		    !fresh_refuses(&self->dut, &bad))
			continue;
		n++;
		must(__session_load(&self->dut, &stream,
				    VFIO_DEVICE_STATE_STOP));
		RULE("MIG-RES-10", refuses(&self->dut, &bad),
		     "a stream to be refused that a fresh device refuses, seen it loaded after a whole one: a bit is wrong in the word at byte %zu of %zu",
		     at, stream.len);
	}
	mig_stream_free(&bad);
	mig_stream_free(&stream);
	if (!n)
		SKIP(return, TAKES_ALL);
}

/* Between two sessions */
enum between {
	NOTHING,
	RESET,
	REOPEN,
	NR_BETWEEN
};

static const char * const between_names[NR_BETWEEN] = {
	"", " and reset", ", close and open",
};

/* False if it cannot be done */
static bool go_between(struct dut *dut, enum between between)
{
	if (between == RESET) {
		if (!vfio_dev_can_reset(&dut->dev))
			return false;
		vfio_dev_reset(&dut->dev);
	}
	if (between == REOPEN)
		dut_reopen(dut);
	return true;
}

TEST_F_TIMEOUT(next_session, refused_stream_is_refused_after_a_refused_one, SLOW)
{
	struct mig_stream stream = {}, bad = {};
	/* RESUMING, or ERROR, is not left otherwise */
	enum between between = RESET;
	unsigned int n = 0;
	size_t at;

	session_save(&self->dut, &stream);
	for (at = 0; at < stream.len; at = next_word(at, stream.len)) {
		if (!damage_word(&bad, &stream, at) ||
		    !fresh_refuses(&self->dut, &bad))
			continue;
		n++;
		if (go_between(&self->dut, between))
			RULE("MIG-RES-10", refuses(&self->dut, &bad),
			     "a stream to be refused, seen it loaded after it was refused%s: a bit is wrong in the word at byte %zu of %zu",
			     between_names[between], at, stream.len);
		between = between == RESET ? REOPEN : RESET;
	}
	mig_stream_free(&bad);
	mig_stream_free(&stream);
	if (!n)
		SKIP(return, TAKES_ALL);
}

/* The same session: nobody has begun another one */
TEST_F_TIMEOUT(next_session, refused_stream_is_refused_by_each_SET, SLOW)
{
	struct mig_stream stream = {}, bad = {};
	unsigned int n = 0;
	size_t at;
	int none;

	session_save(&self->dut, &stream);
	for (at = 0; at < stream.len; at = next_word(at, stream.len)) {
		if (!damage_word(&bad, &stream, at) ||
		    !fresh_refuses(&self->dut, &bad))
			continue;
		n++;
		RULE_FAILS("MIG-RES-06",
			   __vfio_mig_set(&self->dut.dev,
					  VFIO_DEVICE_STATE_STOP, &none),
			   "SET STOP after a stream was refused: a bit is wrong in the word at byte %zu of %zu",
			   at, stream.len);
	}
	mig_stream_free(&bad);
	mig_stream_free(&stream);
	if (!n)
		SKIP(return, TAKES_ALL);
}

/*
 * What a new device refuses
 *
 * That a reset makes a device forget a session is what is asked here, so a
 * device that was reset does not tell what one refuses that never had a session.
 */
#define WORDS		32

/* Which of the first words must not be changed: a bit for each */
static __u32 refused_by_new(struct dut *dut, const struct mig_stream *stream)
{
	struct mig_stream bad = {};
	__u32 refused = 0;
	unsigned int i;

	dut_renew(dut);
	for (i = 0; i < WORDS; i++) {
		if (!damage_word(&bad, stream, i * WORD))
			continue;
		if (fresh_refuses(dut, &bad))
			refused |= 1U << i;
		else
			dut_renew(dut);
	}
	mig_stream_free(&bad);
	return refused;
}

TEST_F_TIMEOUT(next_session, refused_stream_of_a_new_device_is_refused_later,
	       SLOW)
{
	const char *why = dut_irremovable(&self->dut, dut_removal(&self->dut));
	struct mig_stream stream = {}, bad = {};
	enum between between;
	unsigned int i;
	__u32 refused;

	if (why)
		SKIP(return, "%s", why);
	session_save(&self->dut, &stream);
	refused = refused_by_new(&self->dut, &stream);
	for (i = 0; i < WORDS; i++) {
		if (!(refused & 1U << i))
			continue;
		damage_word(&bad, &stream, i * WORD);
		for (between = 0; between < NR_BETWEEN; between++) {
			must(__session_load(&self->dut, &stream,
					    VFIO_DEVICE_STATE_STOP));
			if (!go_between(&self->dut, between))
				continue;
			RULE("MIG-RES-10", refuses(&self->dut, &bad),
			     "a stream to be refused that a new device refuses, seen it loaded after a whole one%s: a bit is wrong in the word at byte %u of %zu",
			     between_names[between], i * WORD, stream.len);
		}
	}
	mig_stream_free(&bad);
	mig_stream_free(&stream);
	if (!refused)
		SKIP(return, "a new device takes a stream whichever of its first words is changed");
}

/* A write() that fails */

/* Write all of it, whether it is taken or not: how many write()s failed */
static unsigned int write_on(int data_fd, const struct mig_stream *stream,
			     size_t chunk)
{
	unsigned int failed = 0;
	size_t at, len;

	for (at = 0; at < stream->len; at += len) {
		ssize_t n;

		len = stream_portion(chunk, at, stream->len);
		if (len > stream->len - at)
			len = stream->len - at;
		n = mig_write(data_fd, stream->data + at, len);
		/* A short one says where to go on */
		if (n > 0)
			len = n;
		else
			failed++;
	}
	return failed;
}

/* Whoever does not look at one write() has to be told by SET */
TEST_F_TIMEOUT(next_session, SET_fails_when_write_failed_and_the_rest_followed,
	       SLOW)
{
	static const size_t chunks[] = { 16, 256, MIG_CHUNK };
	struct mig_stream stream = {}, bad = {};
	unsigned int i = 0, n = 0;
	size_t at;

	session_save(&self->dut, &stream);
	for (at = 0; at < stream.len; at = next_word(at, stream.len)) {
		unsigned int failed;
		int data_fd, none;

		if (!damage_word(&bad, &stream, at))
			continue;
		data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
		failed = write_on(data_fd, &bad, chunks[i]);
		if (failed)
			RULE_FAILS("MIG-RES-09",
				   __vfio_mig_set(&self->dut.dev,
						  VFIO_DEVICE_STATE_STOP,
						  &none),
				   "SET STOP: %u write()s of %zu bytes failed, a bit is wrong in the word at byte %zu of %zu",
				   failed, chunks[i], at, stream.len);
		n += failed;
		i = (i + 1) % ARRAY_LEN(chunks);
		close(data_fd);
	}
	mig_stream_free(&bad);
	mig_stream_free(&stream);
	if (!n)
		SKIP(return, "write() takes a stream whichever of its words is changed");
}

/* Nothing, or too little */

/* What a device has seen before */
enum past {
	SAVED,
	SAVED_IN_PRE_COPY,
	LOADED,
	REFUSED,
	NR_PASTS
};

static const char * const past_names[NR_PASTS] = {
	"a save", "pre-copy", "a load", "a refused stream",
};

/* False if it cannot have been so */
static bool go_through(struct dut *dut, enum past past, enum between between,
		       const struct mig_stream *stream)
{
	struct mig_stream mine = {}, part = {};

	switch (past) {
	case SAVED:
		session_save(dut, &mine);
		break;
	case SAVED_IN_PRE_COPY:
		if (!(dut->flags & VFIO_MIGRATION_PRE_COPY))
			return false;
		session_save_precopy(dut, &mine);
		break;
	case LOADED:
		must(__session_load(dut, stream, VFIO_DEVICE_STATE_STOP));
		break;
	default:
		if (between == NOTHING)
			return false;
		stream_part(&part, stream, 0, stream->len - 1);
		__session_load(dut, &part, VFIO_DEVICE_STATE_STOP);
		break;
	}
	mig_stream_free(&part);
	mig_stream_free(&mine);
	return go_between(dut, between);
}

/* "If the user provided data is found to be incomplete": a stream has it all */
TEST_F(next_session, nothing_is_refused_after_everything)
{
	struct mig_stream stream = {};
	enum between between;
	enum past past;
	int none;

	session_save(&self->dut, &stream);
	for (past = 0; past < NR_PASTS; past++) {
		for (between = 0; between < NR_BETWEEN; between++) {
			if (!go_through(&self->dut, past, between, &stream))
				continue;
			vfio_mig_set(&self->dut.dev,
				     VFIO_DEVICE_STATE_RESUMING);
			RULE_FAILS("MIG-RES-04",
				   __vfio_mig_set(&self->dut.dev,
						  VFIO_DEVICE_STATE_STOP,
						  &none),
				   "SET STOP with nothing written, after %s%s",
				   past_names[past], between_names[between]);
		}
	}
	mig_stream_free(&stream);
}

TEST_F(next_session, too_little_is_refused_after_everything)
{
	struct mig_stream stream = {}, part = {};
	enum between between;
	unsigned int i;
	enum past past;

	session_save(&self->dut, &stream);
	for (past = 0; past < NR_PASTS; past++) {
		for (between = 0; between < NR_BETWEEN; between++) {
			for (i = 1; i < 4; i++) {
				if (!go_through(&self->dut, past, between,
						&stream))
					continue;
				/* A byte, half of it, all but a byte */
				stream_part(&part, &stream, 0,
					    i == 1 ? 1 : i == 2 ?
					    stream.len / 2 : stream.len - 1);
				RULE("MIG-RES-10",
				     refuses(&self->dut, &part),
				     "%zu of %zu bytes to be refused, seen them loaded after %s%s",
				     part.len, stream.len, past_names[past],
				     between_names[between]);
			}
		}
	}
	mig_stream_free(&part);
	mig_stream_free(&stream);
}

TEST_HARNESS_MAIN
