// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many threads on one data fd.
 *
 * A read() gives consecutive bytes of the stream, and nobody but the driver
 * knows of where.  But the stream of a device that does not change is always
 * the same, and the pages in it are random; so whatever the readers have got
 * can be laid, piece by piece, over a stream that one reader got alone, and
 * must cover it without a gap or an overlap.
 */
#include <string.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/worker.h"
#include "lib/mtty.h"
#include "lib/random_run.h"
#include "lib/stream_edit.h"

#define NR_READERS	4
#define PIECES_MAX	512

/**
 * struct reader - a thread that reads from a data fd
 * @worker: the thread
 * @data_fd: what it reads from
 * @seed: of the sizes that it asks for
 * @stream: what it got
 * @nr: in how many pieces
 * @len: length of each
 */
struct reader {
	struct worker worker;
	int data_fd;
	__u64 seed;
	struct mig_stream stream;
	unsigned int nr;
	size_t len[PIECES_MAX];
};

/* Read on to the end, through the temporary ends that may come before it */
static int run_reader(void *arg)
{
	struct reader *reader = arg;
	__u8 buf[4096];
	ssize_t n;

	for (;;) {
		size_t len = 1024 + mtty_random(&reader->seed) % 3072;

		n = mig_read(reader->data_fd, buf, len);
		if (!(mtty_random(&reader->seed) % 4) || n == -ENOMSG)
			sched_yield();
		if (n == -ENOMSG)
			continue;
		if (n <= 0)
			return n;
		if (reader->nr == PIECES_MAX)
			return -E2BIG;
		mig_stream_append(&reader->stream, buf, n);
		reader->len[reader->nr++] = n;
	}
}

/**
 * struct cover - pieces that are to cover a stream
 * @data: where each begins
 * @len: length of each
 * @nr: how many are left
 */
struct cover {
	const __u8 *data[NR_READERS * PIECES_MAX];
	size_t len[NR_READERS * PIECES_MAX];
	unsigned int nr;
};

/*
 * Whether the pieces cover the stream from @at on.  A piece at a temporary end
 * may be so short that its bytes are elsewhere, too: then another is tried.
 */
static bool cover_stream(struct cover *cover, const struct mig_stream *whole,
			 size_t at)
{
	unsigned int i, last = cover->nr - 1;

	if (!cover->nr)
		return at == whole->len;
	for (i = 0; i <= last; i++) {
		const __u8 *data = cover->data[i];
		size_t len = cover->len[i];
		bool covers;

		if (len > whole->len - at ||
		    memcmp(data, whole->data + at, len))
			continue;
		/* The last one takes its place, until it is put back */
		cover->data[i] = cover->data[last];
		cover->len[i] = cover->len[last];
		cover->nr = last;
		covers = cover_stream(cover, whole, at + len);
		cover->nr = last + 1;
		cover->data[i] = data;
		cover->len[i] = len;
		if (covers)
			return true;
	}
	return false;
}

#define RACE_MEM_SIZE	0x40000

FIXTURE(race)
{
	struct mtty mtty;
	struct mtty dst;
	struct vfio_dev *dev;
};

FIXTURE_SETUP(race)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "full", RACE_MEM_SIZE);
	mtty_new(&self->dst, "full", RACE_MEM_SIZE);
	self->dev = &self->mtty.dev;
}

FIXTURE_TEARDOWN(race)
{
	mtty_remove_all();
}

static void read_together(struct __test_metadata *_metadata, struct mtty *mtty,
			  __u32 state, __u64 seed)
{
	static struct reader readers[NR_READERS];
	static struct cover cover;
	struct mig_stream whole = {};
	unsigned int i, j;
	size_t total = 0;
	int data_fd;

	mtty_fill(mtty, seed, 1);
	mig_save(&mtty->dev, &whole, MIG_CHUNK);
	vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_RUNNING);
	/* So long that no piece of it has its like elsewhere */
	ASSERT_LT(RACE_MEM_SIZE, whole.len);

	data_fd = vfio_mig_set(&mtty->dev, state);
	EXPECT_EQ(whole.len, vfio_mig_data_size(&mtty->dev));
	for (i = 0; i < NR_READERS; i++) {
		memset(&readers[i], 0, sizeof(readers[i]));
		readers[i].data_fd = data_fd;
		readers[i].seed = seed + i;
		worker_start(&readers[i].worker, run_reader, &readers[i]);
	}
	for (i = 0; i < 20; i++)
		sched_yield();
	vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_STOP_COPY);

	cover.nr = 0;
	for (i = 0; i < NR_READERS; i++) {
		const __u8 *data;

		EXPECT_EQ(0, worker_join(&readers[i].worker))
			TH_LOG("seed %llu, reader %u", seed, i);
		data = readers[i].stream.data;
		for (j = 0; j < readers[i].nr; j++) {
			cover.data[cover.nr] = data;
			cover.len[cover.nr++] = readers[i].len[j];
			data += readers[i].len[j];
			total += readers[i].len[j];
		}
	}
	EXPECT_EQ(whole.len, total);
	EXPECT_TRUE(cover_stream(&cover, &whole, 0))
		TH_LOG("seed %llu: not what one reader gets", seed);
	for (i = 0; i < NR_READERS; i++)
		mig_stream_free(&readers[i].stream);
	mig_stream_free(&whole);
	close(data_fd);
	vfio_dev_reset(&mtty->dev);
}

TEST_F(race, readers_together_get_each_byte_once)
{
	unsigned int i;

	for (i = 1; i <= 3; i++) {
		__u64 seed = run_seed(i, 3);

		read_together(_metadata, &self->mtty,
			      VFIO_DEVICE_STATE_STOP_COPY, seed);
		read_together(_metadata, &self->mtty,
			      VFIO_DEVICE_STATE_PRE_COPY, seed);
	}
}

/*
 * The order in which writers come cannot be known either; but if all of them
 * write the same, it does not matter.  Here that is a record of the same page,
 * or rather from the middle of one such record to the middle of the next: a
 * write that was torn or lost makes a stream that is refused.
 */

#define NR_WRITERS	4
#define WRITES_EACH	12

struct writer {
	struct worker worker;
	int data_fd;
	const void *data;
	size_t len;
};

static int run_writer(void *arg)
{
	struct writer *writer = arg;
	unsigned int i;
	ssize_t n;

	for (i = 0; i < WRITES_EACH; i++) {
		n = mig_write(writer->data_fd, writer->data, writer->len);
		if (n < 0)
			return n;
		if ((size_t)n != writer->len)
			return -EIO;
		sched_yield();
	}
	return 0;
}

/* Put the first page's record into a stream so many times more */
static size_t repeat_record(struct mig_stream *stream, unsigned int times)
{
	struct record records[RECORDS_MAX + 1];
	struct mig_stream page = {};
	size_t len;

	/* Of all the records only the first is of interest */
	records[0].start = HDR_SIZE;
	records[0].length = stream_get(stream, HDR_SIZE + REC_LENGTH, 4);
	len = record_size(&records[0]);
	mig_stream_append(&page, stream->data + HDR_SIZE, len);
	while (times--)
		stream_insert(stream, HDR_SIZE, page.data, page.len);
	mig_stream_free(&page);
	stream_seal(stream);
	return len;
}

TEST_F(race, writers_together_lose_and_tear_nothing)
{
	static const size_t phases[] = { 0, 3, REC_PAYLOAD, 2000 };
	struct writer writers[NR_WRITERS];
	struct mig_stream stream = {};
	unsigned int i, j;
	__u64 digest;
	size_t len;

	mtty_fill(&self->mtty, 1, 8);
	digest = mtty_digest(&self->mtty);
	mig_save(self->dev, &stream, MIG_CHUNK);
	len = repeat_record(&stream, NR_WRITERS * WRITES_EACH);

	for (i = 0; i < ARRAY_LEN(phases); i++) {
		size_t begin = HDR_SIZE + phases[i];
		size_t end = begin + NR_WRITERS * WRITES_EACH * len;
		struct mig_stream rest = stream;
		int data_fd;

		vfio_dev_reset(&self->dst.dev);
		data_fd = vfio_mig_set(&self->dst.dev,
				       VFIO_DEVICE_STATE_RESUMING);
		ASSERT_EQ(begin, mig_write(data_fd, stream.data, begin));
		for (j = 0; j < NR_WRITERS; j++) {
			writers[j].data_fd = data_fd;
			writers[j].data = stream.data + begin;
			writers[j].len = len;
			worker_start(&writers[j].worker, run_writer,
				     &writers[j]);
		}
		for (j = 0; j < NR_WRITERS; j++)
			EXPECT_EQ(0, worker_join(&writers[j].worker))
				TH_LOG("phase %zu, writer %u", phases[i], j);
		rest.data += end;
		rest.len -= end;
		EXPECT_EQ(0, __mig_stream_write(&rest, data_fd, MIG_CHUNK));
		vfio_mig_set(&self->dst.dev, VFIO_DEVICE_STATE_STOP);
		EXPECT_EQ(digest, mtty_digest(&self->dst));
		close(data_fd);
	}
	mig_stream_free(&stream);
}

TEST_HARNESS_MAIN
