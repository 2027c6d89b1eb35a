// SPDX-License-Identifier: GPL-2.0-only
/*
 * Users who do not play by the rules: damaged streams, memory that is not
 * there, data without end.
 *
 * Most of it may succeed or fail as the driver likes.  The kernel has to
 * survive, and the device has to be as good as before after a reset.
 */
#include <endian.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/kernel.h"
#include "../lib/rule.h"
#include "../lib/vfio_dma.h"
#include "dut_fixture.h"
#include "session.h"

DUT_FIXTURE(hostile, DUT_STOP_COPY);

/* Damaged streams */

/* What to do to a stream at one place */
enum damage {
	FLIP_LOW, FLIP_HIGH, FLIP_ALL, SET_ONES, SET_ZEROES, SET_MAX, REMOVE,
	REMOVE_MORE, INSERT, REPEAT, CUT_SHORT, NR_DAMAGES
};

static const char * const damage_names[NR_DAMAGES] = {
	"lowest bit flipped", "highest bit flipped", "byte inverted",
	"4 bytes of ones", "4 bytes of zeroes", "8 bytes of a huge number",
	"byte removed", "16 bytes removed", "byte inserted",
	"64 bytes repeated", "zeroes to its end",
};

static size_t up_to(size_t want, const struct mig_stream *stream, size_t at)
{
	return want < stream->len - at ? want : stream->len - at;
}

static void damage_stream(struct mig_stream *bad,
			  const struct mig_stream *stream, size_t at,
			  enum damage how)
{
	/* Little-endian: what is nearly the largest signed number */
	static const __u8 huge[8] = {
		0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
	};
	__u8 *data;

	mig_stream_copy(bad, stream);
	data = bad->data + at;
	switch (how) {
	case FLIP_LOW:
		*data ^= 0x01;
		break;
	case FLIP_HIGH:
		*data ^= 0x80;
		break;
	case FLIP_ALL:
		*data ^= 0xff;
		break;
	case SET_ONES:
		memset(data, 0xff, up_to(4, stream, at));
		break;
	case SET_ZEROES:
		memset(data, 0, up_to(4, stream, at));
		break;
	case SET_MAX:
		memcpy(data, huge, up_to(8, stream, at));
		break;
	case REMOVE:
	case REMOVE_MORE:
		bad->len = at;
		at += up_to(how == REMOVE ? 1 : 16, stream, at);
		mig_stream_append(bad, stream->data + at, stream->len - at);
		break;
	case INSERT:
		bad->len = at;
		mig_stream_append(bad, "\xff", 1);
		mig_stream_append(bad, stream->data + at, stream->len - at);
		break;
	case REPEAT:
		bad->len = at + up_to(64, stream, at);
		mig_stream_append(bad, stream->data + at, stream->len - at);
		break;
	case CUT_SHORT:
		memset(data, 0, stream->len - at);
		break;
	default:
		break;
	}
}

/* Load @bad, whether it is accepted or not, and let the device run with it */
static void load_bad(struct dut *dut, const struct mig_stream *bad)
{
	int none;

	if (!__session_load(dut, bad, VFIO_DEVICE_STATE_STOP))
		__vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_RUNNING, &none);
}

/*
 * Whether a good stream has to be loaded after each bad one.  Without reset
 * that goes into a device that is a new one, so once is enough.
 */
static bool each_time(struct dut *dut)
{
	return vfio_dev_can_reset(&dut->dev);
}

/*
 * Damage of one kind.  There are so many of them that each gets only a third
 * of the places; together they are everywhere.
 */
static void judge_damage(struct __test_metadata *_metadata, struct dut *dut,
			 enum damage how)
{
	struct mig_stream stream = {}, bad = {};
	unsigned int nr = 0;
	size_t at, next;
	int ret = 0;

	session_save(dut, &stream);
	for (at = 0; at < stream.len && !ret; at = next) {
		next = stream_next_point(at, stream.len, 0);
		if ((nr++ + how) % 3)
			continue;
		damage_stream(&bad, &stream, at, how);
		load_bad(dut, &bad);
		if (!each_time(dut) && stream.len - at > 3)
			continue;
		ret = __session_load(dut, &stream, VFIO_DEVICE_STATE_STOP);
		RULE_OK("MIG-SEC-01", ret,
			"load of a good stream after one with %s at byte %zu of %zu",
			damage_names[how], at, stream.len);
	}
	mig_stream_free(&bad);
	mig_stream_free(&stream);
}

/* One test for each, so that a kernel that crashes tells by which */

TEST_F(hostile, stream_with_lowest_bit_flipped)
{
	judge_damage(_metadata, &self->dut, FLIP_LOW);
}

TEST_F(hostile, stream_with_highest_bit_flipped)
{
	judge_damage(_metadata, &self->dut, FLIP_HIGH);
}

TEST_F(hostile, stream_with_byte_inverted)
{
	judge_damage(_metadata, &self->dut, FLIP_ALL);
}

TEST_F(hostile, stream_with_ones)
{
	judge_damage(_metadata, &self->dut, SET_ONES);
}

TEST_F(hostile, stream_with_zeroes)
{
	judge_damage(_metadata, &self->dut, SET_ZEROES);
}

TEST_F(hostile, stream_with_huge_number)
{
	judge_damage(_metadata, &self->dut, SET_MAX);
}

TEST_F(hostile, stream_with_byte_removed)
{
	judge_damage(_metadata, &self->dut, REMOVE);
}

TEST_F(hostile, stream_with_bytes_removed)
{
	judge_damage(_metadata, &self->dut, REMOVE_MORE);
}

TEST_F(hostile, stream_with_byte_inserted)
{
	judge_damage(_metadata, &self->dut, INSERT);
}

TEST_F(hostile, stream_with_bytes_repeated)
{
	judge_damage(_metadata, &self->dut, REPEAT);
}

TEST_F(hostile, stream_with_zeroes_to_its_end)
{
	judge_damage(_metadata, &self->dut, CUT_SHORT);
}

/* Many damages at once, always the same ones */
TEST_F(hostile, stream_with_damages_at_random)
{
	struct mig_stream stream = {}, bad = {};
	__u64 seed = 1;
	unsigned int i;

	session_save(&self->dut, &stream);
	for (i = 0; i < 100; i++) {
		unsigned int n = 1 + stream_random(&seed) % 8;

		mig_stream_copy(&bad, &stream);
		while (n--)
			bad.data[stream_random(&seed) % bad.len] =
				stream_random(&seed);
		load_bad(&self->dut, &bad);
		if (i % 10 && !each_time(&self->dut))
			continue;
		RULE_OK("MIG-SEC-01",
			__session_load(&self->dut, &stream,
				       VFIO_DEVICE_STATE_STOP),
			"load of a good stream after damaged stream %u", i);
	}
	mig_stream_free(&bad);
	mig_stream_free(&stream);
}

TEST_F(hostile, stream_of_noise)
{
	static const size_t lens[] = {
		1, 4, 8, 16, 100, 4096, 65536, 1 << 20, 16 << 20,
	};
	struct mig_stream stream = {}, bad = {};
	unsigned int i;

	session_save(&self->dut, &stream);
	for (i = 0; i < ARRAY_LEN(lens); i++) {
		stream_noise(&bad, lens[i], i + 1);
		load_bad(&self->dut, &bad);
		RULE_OK("MIG-SEC-01",
			__session_load(&self->dut, &stream,
				       VFIO_DEVICE_STATE_STOP),
			"load of a good stream after %zu bytes of noise",
			lens[i]);
	}
	mig_stream_free(&bad);
	mig_stream_free(&stream);
}

/* Lengths up to the end */

/* Every word of a stream of this length, and some of what is behind it */
#define EACH_WORD	4096

static size_t next_word(size_t at, size_t len)
{
	size_t step = (len / 64 & ~3UL) + 4;

	return at + (at < EACH_WORD ? 4 : step);
}

/* What is behind a word that can be a length: in the end a part of it is */
static bool can_be_length(const struct mig_stream *stream, size_t at)
{
	__u32 word;

	if (at + sizeof(word) > stream->len)
		return false;
	memcpy(&word, stream->data + at, sizeof(word));
	word = le32toh(word);
	return word && word <= stream->len - at - sizeof(word);
}

/*
 * Where a length reaches just to the end, and there is to be more behind it, the
 * next header is behind the end: a driver has to look whether there is room
 * for it before it looks at it. Only a kernel with KASAN sees if one does not.
 */
TEST_F_TIMEOUT(hostile, stream_whose_lengths_reach_its_end, 120)
{
	/* How much of what is behind the length is left out: a header, say */
	static const __u32 less[] = { 0, 4, 8, 12, 16, 24, 32 };
	struct mig_stream stream = {}, bad = {};
	unsigned int i, n = 0;
	size_t at;

	session_save(&self->dut, &stream);
	for (at = 0; at < stream.len; at = next_word(at, stream.len)) {
		unsigned long taint = kernel_taint();
		const char *complaint;

		if (!can_be_length(&stream, at))
			continue;
		n++;
		for (i = 0; i < ARRAY_LEN(less); i++) {
			__u32 left = stream.len - at - sizeof(left);
			__u32 word = htole32(left - less[i]);

			if (left < less[i])
				break;
			mig_stream_copy(&bad, &stream);
			memcpy(bad.data + at, &word, sizeof(word));
			load_bad(&self->dut, &bad);
		}
		complaint = kernel_complaint(taint);
		RULE("MIG-SEC-01", !complaint,
		     "nothing for the kernel to report, seen %s: the word at byte %zu of %zu is a length up to the end",
		     complaint, at, stream.len);
		if (each_time(&self->dut))
			RULE_OK("MIG-SEC-01",
				__session_load(&self->dut, &stream,
					       VFIO_DEVICE_STATE_STOP),
				"load of a good stream after one with a length up to the end at byte %zu of %zu",
				at, stream.len);
	}
	mig_stream_free(&bad);
	mig_stream_free(&stream);
	if (!n)
		SKIP(return, "there is no word in a stream that can be a length");
}

/* Memory that is not there */

/*
 * What a read() that failed or was short has left of a session: it may be of
 * no use any more, and tell so, but it may not pass for a stream that lacks
 * something.
 */
static void judge_rest(struct __test_metadata *_metadata, struct dut *dut,
		       int data_fd, struct mig_stream *stream, bool failed,
		       const char *what)
{
	int ret = __session_finish(dut, data_fd, stream);

	if (ret && failed)
		return;
	RULE_OK("MIG-SEC-04", ret, "the rest of the stream after %s", what);
	if (!ret)
		RULE_OK("MIG-SEC-04",
			__session_load(dut, stream, VFIO_DEVICE_STATE_STOP),
			"load of a stream that was read through %s", what);
}

TEST_F(hostile, read_into_no_memory)
{
	static const size_t sizes[] = { 1, 8, 4096, 1 << 20, INTPTR_MAX };
	struct mig_stream stream = {};
	unsigned int i, j;

	for (i = 0; i < nr_bad_addresses; i++) {
		int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);

		for (j = 0; j < ARRAY_LEN(sizes); j++)
			RULE_FAILS("MIG-SEC-04",
				   mig_read(data_fd, bad_addresses[i],
					    sizes[j]),
				   "read() of %zu bytes to address %p",
				   sizes[j], bad_addresses[i]);
		stream.len = 0;
		judge_rest(_metadata, &self->dut, data_fd, &stream, true,
			   "read() to no memory");
	}
	mig_stream_free(&stream);
}

TEST_F(hostile, read_into_memory_that_is_read_only)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
	struct mig_stream stream = {};
	__u8 *buf = guarded_new(64);

	guarded_protect(buf, PROT_READ);
	RULE_FAILS("MIG-SEC-04", mig_read(data_fd, buf, 64),
		   "read() to memory that is read-only");
	judge_rest(_metadata, &self->dut, data_fd, &stream, true,
		   "read() to memory that is read-only");
	mig_stream_free(&stream);
}

/* Half a buffer: what comes must fit into the half that there is */
TEST_F(hostile, read_into_memory_that_ends_too_early)
{
	static const size_t halves[] = { 1, 7, 8, 100, 2048, 4096, 10000 };
	struct mig_stream stream = {};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(halves); i++) {
		int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
		__u8 *buf = guarded_new(halves[i]);
		ssize_t n;

		stream.len = 0;
		n = mig_read(data_fd, buf, 2 * halves[i]);
		RULE("MIG-SEC-04", n <= (ssize_t)halves[i],
		     "at most %zu bytes, seen %zd: read() of %zu bytes",
		     halves[i], n, 2 * halves[i]);
		if (n > 0 && n <= (ssize_t)halves[i])
			mig_stream_append(&stream, buf, n);
		judge_rest(_metadata, &self->dut, data_fd, &stream, n < 0,
			   "read() to half a buffer");
	}
	mig_stream_free(&stream);
}

/* A buffer that is just as long as it must be, everywhere in the stream */
TEST_F(hostile, read_up_to_the_end_of_memory)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
	struct mig_stream stream = {};
	unsigned int i;

	for (i = 0; i < 100; i++) {
		size_t len = 1 + i * 7 % 50;
		__u8 *buf = guarded_new(len);
		ssize_t n = mig_read(data_fd, buf, len);

		RULE_OK("MIG-SEC-04", n,
			"read() of %zu bytes, with no memory behind them", len);
		if (n > 0 && n <= (ssize_t)len)
			mig_stream_append(&stream, buf, n);
	}
	judge_rest(_metadata, &self->dut, data_fd, &stream, false,
		   "buffers with no memory behind them");
	mig_stream_free(&stream);
}

TEST_F(hostile, read_writes_not_beyond_its_buffer)
{
	int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_STOP_COPY);
	unsigned int i, j;

	for (i = 0; i < 64; i++) {
		size_t len = 1 + i % 16;
		__u8 buf[64];
		ssize_t n;

		memset(buf, 0xa5, sizeof(buf));
		n = mig_read(data_fd, buf, len);
		RULE("MIG-SEC-04", n <= (ssize_t)len,
		     "at most %zu bytes, seen %zd from read()", len, n);
		for (j = len; j < sizeof(buf); j++)
			RULE_EQ("MIG-SEC-04", 0xa5, buf[j],
				"byte %u after read() of %zu", j, len);
	}
	close(data_fd);
}

/* The same in pre-copy, which is another part of a driver */
TEST_F(hostile, read_into_half_a_buffer_in_pre_copy)
{
	static const size_t halves[] = { 1, 8, 100, 4096 };
	struct mig_stream stream = {};
	unsigned int i;

	if (!(self->dut.flags & VFIO_MIGRATION_PRE_COPY))
		SKIP(return, "the device has no PRE_COPY");
	for (i = 0; i < ARRAY_LEN(halves); i++) {
		int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_PRE_COPY);
		__u8 *buf = guarded_new(halves[i]);
		ssize_t n;

		stream.len = 0;
		RULE_FAILS("MIG-SEC-04", mig_read(data_fd, NULL, halves[i]),
			   "read() to no memory in PRE_COPY");
		n = mig_read(data_fd, buf, 2 * halves[i]);
		RULE("MIG-SEC-04", n <= (ssize_t)halves[i],
		     "at most %zu bytes, seen %zd: read() in PRE_COPY",
		     halves[i], n);
		if (n > 0 && n <= (ssize_t)halves[i])
			mig_stream_append(&stream, buf, n);
		judge_rest(_metadata, &self->dut, data_fd, &stream, true,
			   "read() to half a buffer in PRE_COPY");
	}
	mig_stream_free(&stream);
}

/* None of these bytes was ever there */
TEST_F(hostile, write_from_no_memory)
{
	struct mig_stream stream = {};
	unsigned int i;

	session_save(&self->dut, &stream);
	for (i = 0; i < nr_bad_addresses; i++) {
		int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
		int none;

		RULE_FAILS("MIG-SEC-04",
			   mig_write(data_fd, bad_addresses[i], 1),
			   "write() of 1 byte from address %p",
			   bad_addresses[i]);
		RULE_FAILS("MIG-SEC-04",
			   mig_write(data_fd, bad_addresses[i], stream.len),
			   "write() of %zu bytes from address %p", stream.len,
			   bad_addresses[i]);
		RULE_FAILS("MIG-SEC-04",
			   __vfio_mig_set(&self->dut.dev,
					  VFIO_DEVICE_STATE_STOP, &none),
			   "SET STOP after write() from no memory");
		close(data_fd);
	}
	mig_stream_free(&stream);
}

/* Such a failure is not the stream's: it goes on, or the session is over */
TEST_F(hostile, write_goes_on_after_no_memory)
{
	struct mig_stream stream = {}, rest = {};
	size_t at;

	session_save(&self->dut, &stream);
	for (at = 0; at < stream.len;
	     at = stream_next_point(at, stream.len, 0)) {
		int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
		int none, ret;

		stream_part(&rest, &stream, 0, at);
		must(__mig_stream_write(&rest, data_fd, MIG_CHUNK));
		mig_write(data_fd, NULL, stream.len - at);
		stream_part(&rest, &stream, at, stream.len);
		ret = __mig_stream_write(&rest, data_fd, MIG_CHUNK);
		if (!ret)
			RULE_OK("MIG-SEC-04",
				__vfio_mig_set(&self->dut.dev,
					       VFIO_DEVICE_STATE_STOP, &none),
				"SET STOP: a write() from no memory failed at byte %zu of %zu, the others did not",
				at, stream.len);
		else
			RULE_FAILS("MIG-SEC-04",
				   __vfio_mig_set(&self->dut.dev,
						  VFIO_DEVICE_STATE_STOP,
						  &none),
				   "SET STOP: all write()s failed from byte %zu of %zu on",
				   at, stream.len);
		close(data_fd);
	}
	mig_stream_free(&rest);
	mig_stream_free(&stream);
}

/* Half of the data is there: it is half that counts, or nothing */
TEST_F(hostile, write_from_memory_that_ends_too_early)
{
	struct mig_stream stream = {}, rest = {};
	unsigned int i;

	session_save(&self->dut, &stream);
	for (i = 1; i < 16; i++) {
		size_t half = i < 8 ? 1UL << (i - 1) : stream.len * i / 16;
		int data_fd, none, ret;
		__u8 *buf;
		ssize_t n;

		if (!half || half >= stream.len)
			continue;
		buf = guarded_new(half);
		memcpy(buf, stream.data, half);
		data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
		n = mig_write(data_fd, buf, stream.len);
		RULE("MIG-SEC-04", n <= (ssize_t)half,
		     "at most %zu bytes, seen %zd: write() of %zu bytes", half,
		     n, stream.len);
		if (n > (ssize_t)half)
			n = half;
		/* Whoever has been told of n bytes goes on behind them */
		stream_part(&rest, &stream, n > 0 ? n : 0, stream.len);
		ret = __mig_stream_write(&rest, data_fd, MIG_CHUNK);
		if (!ret)
			ret = __vfio_mig_set(&self->dut.dev,
					     VFIO_DEVICE_STATE_STOP, &none);
		if (n > 0)
			RULE_OK("MIG-SEC-04", ret,
				"load of the rest after a write() of %zd of %zu bytes",
				n, stream.len);
		close(data_fd);
	}
	mig_stream_free(&rest);
	mig_stream_free(&stream);
}

/* Data without end */

/* Far more than the state of a device that gave a stream of that length */
static size_t endless(size_t len)
{
	return 4 * len + (64UL << 20);
}

/* Write @data over and over: how much was taken */
static size_t write_without_end(int data_fd, const struct mig_stream *data,
				size_t max)
{
	size_t done = 0;

	while (done < max) {
		size_t at = done % data->len;
		ssize_t n = mig_write(data_fd, data->data + at,
				      data->len - at);

		if (n <= 0)
			break;
		done += n;
	}
	return done;
}

TEST_F(hostile, stream_over_and_over)
{
	struct mig_stream stream = {}, many = {};
	size_t max, done;
	int data_fd;

	session_save(&self->dut, &stream);
	max = endless(stream.len);
	/* Whole streams in each write() */
	do
		mig_stream_append(&many, stream.data, stream.len);
	while (many.len < MIG_CHUNK);
	data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
	done = write_without_end(data_fd, &many, max);
	RULE("MIG-SEC-05", done < max,
	     "an end, seen none after %zu bytes: streams of %zu bytes", done,
	     stream.len);
	mig_stream_free(&many);
	mig_stream_free(&stream);
}

/* Whatever a driver takes for its payload or its padding */
TEST_F(hostile, data_without_end)
{
	static const __u64 seeds[] = { 0, ~0ULL, 1 };
	struct mig_stream stream = {}, data = {};
	unsigned int i;
	size_t max;

	session_save(&self->dut, &stream);
	max = endless(stream.len);
	for (i = 0; i < ARRAY_LEN(seeds); i++) {
		int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
		size_t done;

		stream_noise(&data, MIG_CHUNK, seeds[i]);
		done = write_without_end(data_fd, &data, max);
		RULE("MIG-SEC-05", done < max,
		     "an end, seen none after %zu bytes of kind %u", done, i);
		close(data_fd);
	}
	mig_stream_free(&data);
	mig_stream_free(&stream);
}

/* A stream that begins well and does not end */
TEST_F(hostile, data_without_end_behind_a_part_of_a_stream)
{
	struct mig_stream stream = {}, data = {};
	unsigned int i, points = 16;
	size_t max;

	session_save(&self->dut, &stream);
	max = endless(stream.len);
	stream_noise(&data, MIG_CHUNK, 0);
	for (i = 1; i <= points; i++) {
		int data_fd = dut_go(&self->dut, VFIO_DEVICE_STATE_RESUMING);
		struct mig_stream part = {};
		size_t done;

		stream_part(&part, &stream, 0, stream.len * i / points);
		if (part.len)
			must(__mig_stream_write(&part, data_fd, MIG_CHUNK));
		done = write_without_end(data_fd, &data, max);
		RULE("MIG-SEC-05", done < max,
		     "an end, seen none after %zu bytes of a stream and %zu of zeroes",
		     part.len, done);
		mig_stream_free(&part);
		close(data_fd);
	}
	mig_stream_free(&data);
	mig_stream_free(&stream);
}

DUT_FIXTURE(hostile_log, DUT_ANY | DUT_LOG);

#define PAGE		0x1000ULL
#define BASE		0x40000000ULL
#define PAGES		(8 * 4096ULL)	/* a bitmap of a page */

static int log_start(struct dut *dut)
{
	const struct vfio_device_feature_dma_logging_range range = {
		BASE, PAGES * PAGE,
	};
	__u64 page_size = PAGE;

	return __dma_log_start(&dut->dev, &range, 1, &page_size);
}

static int log_report(struct dut *dut, void *bitmap)
{
	return __dma_log_report(&dut->dev, BASE, PAGES * PAGE, PAGE, bitmap);
}

static int log_stop_and_start(struct dut *dut)
{
	__dma_log_stop(&dut->dev);
	return log_start(dut);
}

TEST_F(hostile_log, REPORT_to_no_memory)
{
	unsigned int i;

	for (i = 0; i < nr_bad_addresses; i++) {
		must(log_stop_and_start(&self->dut));
		log_report(&self->dut, bad_addresses[i]);
		RULE_OK("MIG-SEC-06", log_stop_and_start(&self->dut),
			"STOP and START after REPORT to address %p",
			bad_addresses[i]);
	}
}

TEST_F(hostile_log, REPORT_to_memory_that_is_read_only)
{
	__u8 *bitmap = guarded_new(PAGES / 8);

	must(log_start(&self->dut));
	guarded_protect(bitmap, PROT_READ);
	log_report(&self->dut, bitmap);
	guarded_protect(bitmap, PROT_NONE);
	log_report(&self->dut, bitmap);
	RULE_OK("MIG-SEC-06", log_stop_and_start(&self->dut),
		"STOP and START after REPORT to memory that is read-only");
}

/* Also where it begins in the middle of a word */
TEST_F(hostile_log, REPORT_to_memory_that_ends_too_early)
{
	static const size_t sizes[] = { 1, 4, 8, 12, 2048, 4095 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		must(log_stop_and_start(&self->dut));
		log_report(&self->dut, guarded_new(sizes[i]));
		RULE_OK("MIG-SEC-06", log_stop_and_start(&self->dut),
			"STOP and START after REPORT to %zu bytes", sizes[i]);
	}
}

/* A file of its own: the memory is gone while the mapping is still there */
TEST_F(hostile_log, REPORT_to_a_file_that_is_too_short)
{
	int memfd = memfd_create("bitmap", MFD_CLOEXEC);
	void *bitmap;

	ASSERT_LE(0, memfd);
	ASSERT_EQ(0, ftruncate(memfd, PAGES / 8));
	bitmap = mmap(NULL, PAGES / 8, PROT_READ | PROT_WRITE, MAP_SHARED,
		      memfd, 0);
	ASSERT_NE(MAP_FAILED, bitmap);
	must(log_start(&self->dut));
	ASSERT_EQ(0, ftruncate(memfd, 0));
	log_report(&self->dut, bitmap);
	RULE_OK("MIG-SEC-06", log_stop_and_start(&self->dut),
		"STOP and START after REPORT to a file that is too short");
}

/* Bytes of START's argument */
#define START_SIZE	(sizeof(struct vfio_device_feature) + \
			 sizeof(struct vfio_device_feature_dma_logging_control))

static void fill_start(void *arg, __u32 count, const void *ranges)
{
	struct vfio_device_feature_dma_logging_control control = {
		.page_size = PAGE,
		.num_ranges = count,
		.ranges = (uintptr_t)ranges,
	};
	struct vfio_device_feature feature = {
		.argsz = START_SIZE,
		.flags = VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
	};

	memcpy(arg, &feature, sizeof(feature));
	memcpy((__u8 *)arg + sizeof(feature), &control, sizeof(control));
}

static int raw_start(struct dut *dut, void *arg)
{
	return ioctl(dut->dev.fd, VFIO_DEVICE_FEATURE, arg) < 0 ? -errno : 0;
}

/*
 * Logging must be off: START succeeds, and REPORT fails if that is what it
 * does in this device when logging is off.
 */
static void judge_off(struct __test_metadata *_metadata, struct dut *dut,
		      bool tells_off, const char *what)
{
	static __u8 bitmap[PAGES / 8];

	if (tells_off)
		RULE_FAILS("MIG-SEC-07", log_report(dut, bitmap),
			   "REPORT after START with %s", what);
	RULE_OK("MIG-SEC-07", log_start(dut), "START after START with %s",
		what);
	__dma_log_stop(&dut->dev);
}

static bool log_tells_off(struct dut *dut)
{
	static __u8 bitmap[PAGES / 8];

	__dma_log_stop(&dut->dev);
	return log_report(dut, bitmap) < 0;
}

TEST_F(hostile_log, START_with_an_argument_that_cannot_be_read)
{
	bool tells_off = log_tells_off(&self->dut);
	__u8 *half;
	unsigned int i;

	for (i = 0; i < nr_bad_addresses; i++) {
		RULE_FAILS("MIG-SEC-07",
			   raw_start(&self->dut, bad_addresses[i]),
			   "START at address %p", bad_addresses[i]);
		judge_off(_metadata, &self->dut, tells_off, "no argument");
	}
	for (i = 1; i < START_SIZE; i += 7) {
		__u8 whole[START_SIZE];

		fill_start(whole, 1, NULL);
		half = guarded_new(i);
		memcpy(half, whole, i);
		RULE_FAILS("MIG-SEC-07", raw_start(&self->dut, half),
			   "START with %u bytes of an argument", i);
		judge_off(_metadata, &self->dut, tells_off,
			  "a part of an argument");
	}
}

/* The core undoes it when it cannot tell the page size */
TEST_F(hostile_log, START_with_an_argument_that_cannot_be_written)
{
	const struct vfio_device_feature_dma_logging_range range = {
		BASE, PAGES * PAGE,
	};
	bool tells_off = log_tells_off(&self->dut);
	__u8 *arg = guarded_new(START_SIZE);

	fill_start(arg, 1, &range);
	guarded_protect(arg, PROT_READ);
	RULE_FAILS("MIG-SEC-07", raw_start(&self->dut, arg),
		   "START with an argument that is read-only");
	judge_off(_metadata, &self->dut, tells_off,
		  "an argument that is read-only");
}

TEST_F(hostile_log, START_with_ranges_that_cannot_be_read)
{
	bool tells_off = log_tells_off(&self->dut);
	struct vfio_device_feature_dma_logging_range *ranges;
	__u8 arg[START_SIZE];
	unsigned int i;

	for (i = 0; i < nr_bad_addresses; i++) {
		fill_start(arg, 1, bad_addresses[i]);
		RULE_FAILS("MIG-SEC-07", raw_start(&self->dut, arg),
			   "START with ranges at address %p",
			   bad_addresses[i]);
		judge_off(_metadata, &self->dut, tells_off, "no ranges");
	}
	ranges = (void *)guarded_new(2 * sizeof(*ranges));
	for (i = 0; i < 2; i++) {
		ranges[i].iova = BASE + i * PAGE;
		ranges[i].length = PAGE;
	}
	fill_start(arg, 3, ranges);
	RULE_FAILS("MIG-SEC-07", raw_start(&self->dut, arg),
		   "START with 3 ranges, the last one in no memory");
	judge_off(_metadata, &self->dut, tells_off,
		  "a range that cannot be read");
}

TEST_HARNESS_MAIN
