// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer's inputs (fuzz/corpus, edges, crashes), in the kernel: a device's
 * verdict on each must be what Documentation/stream.rst says, at the write()
 * that completes what is wrong, however the stream is cut. The fuzzer holds
 * the same reader against the same document in userspace.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "lib/mtty.h"
#include "lib/stream_spec.h"
#include "lib/xxh64.h"

#define PAGE		MTTY_MIG_PAGE_SIZE
#define SEED		1

/**
 * struct reader - a device that streams are tried with
 * @mtty: the device
 * @mem_size: the size of its memory; it is changed where a stream needs it
 * @fresh: its digest after a reset
 * @image: what it saved when it was filled
 * @filled: its digest then
 */
struct reader {
	struct mtty mtty;
	__u64 mem_size;
	__u64 fresh;
	struct mig_stream image;
	__u64 filled;
};

/* By type; made when the first input needs it */
static struct reader *readers[MTTY_MIG_NR_TYPES];

static void reader_resize(struct reader *reader, __u64 mem_size)
{
	char size[24];

	snprintf(size, sizeof(size), "%llu", mem_size);
	vfio_dev_close(&reader->mtty.dev);
	must(__mtty_set_mem_size(&reader->mtty, size));
	vfio_dev_open(&reader->mtty.dev, reader->mtty.mdev.uuid);
}

static struct reader *reader_get(__u32 type, __u64 mem_size)
{
	static const char * const types[MTTY_MIG_NR_TYPES] = {
		"none", "base", "p2p", "precopy", "full", "vpri",
	};
	struct reader *reader = readers[type];

	if (reader && reader->mem_size == mem_size)
		return reader;
	if (reader) {
		reader_resize(reader, mem_size);
	} else {
		reader = calloc(1, sizeof(*reader));
		if (!reader)
			die("no memory");
		mtty_new(&reader->mtty, types[type], mem_size);
		readers[type] = reader;
	}
	reader->mem_size = mem_size;
	reader->fresh = mtty_digest(&reader->mtty);
	mtty_fill(&reader->mtty, SEED, 2);
	reader->filled = mtty_digest(&reader->mtty);
	mig_save(&reader->mtty.dev, &reader->image, MIG_CHUNK);
	return reader;
}

/* Beside this program where the tests are installed, or built */
static DIR *inputs_open(const char *name, char *path, size_t size)
{
	static const char * const places[] = { "../fuzz", "." };
	char self[PATH_MAX];
	unsigned int i;
	ssize_t len;
	DIR *dir;

	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0)
		die("where this program is: %s", strerror(errno));
	self[len] = '\0';
	*strrchr(self, '/') = '\0';
	for (i = 0; i < ARRAY_LEN(places); i++) {
		if (snprintf(path, size, "%s/%s/%s", self, places[i], name) >=
		    (int)size)
			die("too long a path: %s", self);
		dir = opendir(path);
		if (dir)
			return dir;
	}
	return NULL;
}

static bool is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && strcmp(entry->d_name, "README");
}

static void input_read(const char *dir, const char *name,
		       struct mig_stream *stream)
{
	char path[PATH_MAX + NAME_MAX + 2];
	__u8 buf[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	stream->len = 0;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		mig_stream_append(stream, buf, n);
	if (n < 0)
		die("%s: %s", path, strerror(errno));
	close(fd);
}

FIXTURE(fuzz_replay)
{
	struct mtty bystander;
	__u64 bystander_digest;
	struct mig_stream input;
	struct mig_stream saved;
	char path[PATH_MAX];
	DIR *dir;
};

FIXTURE_VARIANT(fuzz_replay)
{
	const char *dir;
};

FIXTURE_VARIANT_ADD(fuzz_replay, corpus)
{
	.dir = "corpus",
};

FIXTURE_VARIANT_ADD(fuzz_replay, edges)
{
	.dir = "edges",
};

FIXTURE_VARIANT_ADD(fuzz_replay, crashes)
{
	.dir = "crashes",
};

FIXTURE_SETUP(fuzz_replay)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	self->dir = inputs_open(variant->dir, self->path, sizeof(self->path));
	ASSERT_NE(NULL, self->dir)
		TH_LOG("no directory %s", variant->dir);
	mtty_new(&self->bystander, "full", 4 * PAGE);
	mtty_fill(&self->bystander, SEED + 1, 1);
	self->bystander_digest = mtty_digest(&self->bystander);
}

FIXTURE_TEARDOWN(fuzz_replay)
{
	if (self->dir)
		closedir(self->dir);
	mtty_remove_all();
}

/*
 * Write a stream in pieces of up to @max bytes. Return the error of the one
 * that failed, which is from byte @first up to @last; or 0.
 */
static int write_cut(const struct mig_stream *stream, int data_fd, size_t max,
		     size_t *first, size_t *last)
{
	__u64 seed = xxh64_of(stream->data, stream->len);
	size_t done = 0;

	while (done < stream->len) {
		size_t n = 1 + mtty_random(&seed) % max;
		ssize_t ret;

		if (n > stream->len - done)
			n = stream->len - done;
		ret = mig_write(data_fd, stream->data + done, n);
		if (ret < 0) {
			*first = done + 1;
			*last = done + n;
			return ret;
		}
		if (!ret)
			die("write() of %zu bytes wrote none", n);
		done += ret;
	}
	return 0;
}

/* What is refused leaves nothing, and the device works as before */
static void check_refused(struct __test_metadata *_metadata,
			  struct reader *reader, const char *name)
{
	struct vfio_dev *dev = &reader->mtty.dev;

	EXPECT_EQ(VFIO_DEVICE_STATE_RESUMING, vfio_mig_get(dev))
		TH_LOG("%s", name);
	EXPECT_EQ(reader->fresh, mtty_digest(&reader->mtty))
		TH_LOG("%s: it left something behind", name);
	vfio_dev_reset(dev);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(dev))
		TH_LOG("%s", name);
	EXPECT_EQ(reader->fresh, mtty_digest(&reader->mtty))
		TH_LOG("%s: it left something behind", name);
	mig_load(dev, &reader->image, MIG_CHUNK, VFIO_DEVICE_STATE_RUNNING);
	EXPECT_EQ(reader->filled, mtty_digest(&reader->mtty))
		TH_LOG("%s: a good stream does not load after it", name);
}

/* What is accepted is what the device then holds, by its own stream */
static void check_accepted(struct __test_metadata *_metadata,
			   struct reader *reader, struct mig_stream *saved,
			   const struct stream_spec *spec, __u32 type,
			   __u64 mem_size, const char *name)
{
	struct vfio_dev *dev = &reader->mtty.dev;
	struct stream_spec again;
	const char *difference;

	EXPECT_EQ(VFIO_DEVICE_STATE_STOP, vfio_mig_get(dev))
		TH_LOG("%s", name);
	mig_save(dev, saved, MIG_CHUNK);
	spec_read(&again, saved->data, saved->len, type, mem_size);
	EXPECT_EQ(0, again.error)
		TH_LOG("%s: what it saves is refused", name);
	difference = spec_differs(spec, &again);
	EXPECT_EQ(NULL, difference)
		TH_LOG("%s: %s", name, difference);

	/* It can run with it: no interrupt is wired, no IOVA is mapped */
	vfio_mig_set(dev, VFIO_DEVICE_STATE_RUNNING);
}

static void check_input(struct __test_metadata *_metadata,
			const struct mig_stream *input,
			struct mig_stream *saved, size_t max, const char *name)
{
	size_t first = 0, last = 0;
	struct stream_spec spec;
	struct reader *reader;
	struct vfio_dev *dev;
	int data_fd, none;
	__u64 mem_size;
	__u32 type;
	int ret;

	spec_reader(input->data, input->len, &type, &mem_size);
	spec_read(&spec, input->data, input->len, type, mem_size);
	reader = reader_get(type, mem_size);
	dev = &reader->mtty.dev;

	vfio_dev_reset(dev);
	data_fd = vfio_mig_set(dev, VFIO_DEVICE_STATE_RESUMING);
	ret = write_cut(input, data_fd, max, &first, &last);
	EXPECT_EQ(spec.error == -ENODATA ? 0 : spec.error, ret)
		TH_LOG("%s: write()", name);
	if (ret) {
		EXPECT_LE(first, spec.at)
			TH_LOG("%s: refused too late", name);
		EXPECT_GE(last, spec.at)
			TH_LOG("%s: refused too early", name);
		EXPECT_EQ(ret, mig_write(data_fd, "", 1))
			TH_LOG("%s: another write()", name);
	}
	EXPECT_EQ(spec.error, __vfio_mig_set(dev, VFIO_DEVICE_STATE_STOP,
					     &none))
		TH_LOG("%s: SET_STATE", name);
	if (spec.error)
		check_refused(_metadata, reader, name);
	else
		check_accepted(_metadata, reader, saved, &spec, type, mem_size,
			       name);
	close(data_fd);
}

TEST_F_TIMEOUT(fuzz_replay, verdict_is_the_documented_one, 100)
{
	struct mig_stream *input = &self->input;
	unsigned int nr = 0;
	struct dirent *entry;

	while ((entry = readdir(self->dir))) {
		if (!is_input(entry))
			continue;
		nr++;
		input_read(self->path, entry->d_name, input);
		check_input(_metadata, input, &self->saved, SSIZE_MAX,
			    entry->d_name);
		check_input(_metadata, input, &self->saved, 500,
			    entry->d_name);
	}
	if (!nr && !strcmp(variant->dir, "crashes"))
		SKIP(return, "no input has crashed it yet");
	EXPECT_LT(0, nr)
		TH_LOG("%s is empty", self->path);
	TH_LOG("%u inputs", nr);
	EXPECT_EQ(self->bystander_digest, mtty_digest(&self->bystander))
		TH_LOG("another device has changed");
	mig_stream_free(&self->input);
	mig_stream_free(&self->saved);
}

static const int verdicts[] = {
	0, -EINVAL, -EPROTOTYPE, -EPROTONOSUPPORT, -EMEDIUMTYPE, -EMSGSIZE,
	-EOPNOTSUPP, -EPROTO, -ERANGE, -EBADMSG, -E2BIG, -ENODATA,
};

static void count_verdicts(const char *name, unsigned int *count)
{
	struct mig_stream input = {};
	struct stream_spec spec;
	struct dirent *entry;
	char path[PATH_MAX];
	unsigned int i;
	__u64 mem_size;
	__u32 type;
	DIR *dir;

	dir = inputs_open(name, path, sizeof(path));
	while (dir && (entry = readdir(dir))) {
		if (!is_input(entry))
			continue;
		input_read(path, entry->d_name, &input);
		spec_reader(input.data, input.len, &type, &mem_size);
		spec_read(&spec, input.data, input.len, type, mem_size);
		for (i = 0; i < ARRAY_LEN(verdicts); i++)
			count[i] += spec.error == verdicts[i];
	}
	if (dir)
		closedir(dir);
	mig_stream_free(&input);
}

/* Else the inputs would say less than they seem to */
TEST(inputs_have_all_verdicts)
{
	unsigned int count[ARRAY_LEN(verdicts)] = {};
	unsigned int i;

	count_verdicts("corpus", count);
	count_verdicts("edges", count);
	for (i = 0; i < ARRAY_LEN(verdicts); i++) {
		EXPECT_LT(0, count[i])
			TH_LOG("no input for %s", strerror(-verdicts[i]));
	}
}

TEST_HARNESS_MAIN
