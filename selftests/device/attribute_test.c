// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every file that the driver has in sysfs and debugfs, read in a loop while
 * all that it tells of changes: DMA, saves, loads, page requests, resets.
 *
 * What a reader gets is of the moment, so little can be said of it.  What this
 * is about are the kernel's reports: a file that looks at the device without
 * its lock is a data race, which KCSAN sees where there are two processors,
 * and KASAN if what it looks at has just been freed.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/file.h"
#include "../lib/vfio_dma.h"
#include "../lib/worker.h"
#include "lib/dma.h"
#include "lib/knobs.h"

#define PAGE		((__u64)MTTY_MIG_PAGE_SIZE)
#define IOVA		0x40000000ULL
#define MEM_PAGES	32
#define BUF_PAGES	16

#define ROUNDS		6
#define READERS		2
#define FILES_MAX	256

/**
 * struct files - what there is to read
 * @paths: the files
 * @nr: how many
 */
struct files {
	char paths[FILES_MAX][PATH_MAX];
	unsigned int nr;
};

static void add_file(struct files *files, const char *path,
		     const struct stat *st)
{
	/* Root may read what nobody is meant to */
	if (!S_ISREG(st->st_mode) || !(st->st_mode & 0444))
		return;
	if (files->nr == FILES_MAX)
		die("more than %u files", FILES_MAX);
	snprintf(files->paths[files->nr++], PATH_MAX, "%s", path);
}

/* All files below a folder, but none that a link leads to */
static void add_folder(struct files *files, const char *path)
{
	struct dirent *entry;
	DIR *dir = opendir(path);

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		char name[PATH_MAX];
		struct stat st;

		if (entry->d_name[0] == '.' ||
		    snprintf(name, sizeof(name), "%s/%s", path,
			     entry->d_name) >= (int)sizeof(name) ||
		    lstat(name, &st))
			continue;
		if (S_ISDIR(st.st_mode))
			add_folder(files, name);
		else
			add_file(files, name, &st);
	}
	closedir(dir);
}

/* What the core shows of a device comes from the driver, too */
static void add_device(struct files *files, const struct mtty *mtty)
{
	const char *uuid = mtty->mdev.uuid;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/mtty_mig",
		 uuid);
	add_folder(files, path);
	snprintf(path, sizeof(path), "/sys/kernel/debug/mtty_mig/%s", uuid);
	add_folder(files, path);
	snprintf(path, sizeof(path), "/sys/kernel/debug/vfio/%s", uuid);
	add_folder(files, path);
}

static void add_driver(struct files *files)
{
	add_folder(files,
		   "/sys/class/mtty_mig/mtty_mig/mdev_supported_types");
	add_folder(files, "/sys/module/mtty_mig/parameters");
}

/**
 * struct reader - who reads all files, again and again
 * @worker: the thread
 * @files: the files
 * @first: of them; another one for each reader
 * @stop: end
 * @rounds: how often it has read all of them
 * @wrong: the file that could not be read
 * @error: and why
 */
struct reader {
	struct worker worker;
	const struct files *files;
	unsigned int first;
	atomic_bool *stop;
	atomic_uint rounds;
	const char *wrong;
	int error;
};

static int run_reader(void *arg)
{
	struct reader *reader = arg;
	const struct files *files = reader->files;
	char buf[16384];
	unsigned int i;

	while (!atomic_load(reader->stop)) {
		for (i = 0; i < files->nr; i++) {
			const char *path = files->paths[(reader->first + i) %
							files->nr];
			int ret = file_read(path, buf, sizeof(buf));

			if (!ret || reader->error)
				continue;
			reader->wrong = path;
			reader->error = ret;
		}
		atomic_fetch_add(&reader->rounds, 1);
		/* Or on one processor nothing would ever come between */
		sched_yield();
	}
	return 0;
}

FIXTURE(attribute)
{
	struct mtty src;
	struct mtty dst;
	struct vfio_buf buf;
	struct files files;
	struct mig_stream stream;
	atomic_bool stop;
	struct reader readers[READERS];
};

FIXTURE_SETUP(attribute)
{
	const char *why = knobs_missing();

	if (why)
		SKIP(return, "%s", why);
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	/* The one type that has all there is */
	mtty_new(&self->src, "vpri", MEM_PAGES * PAGE);
	mtty_new(&self->dst, "vpri", MEM_PAGES * PAGE);
	vfio_buf_new(&self->src.dev, &self->buf, IOVA, BUF_PAGES * PAGE, true);
	must(__vfio_dma_map(&self->dst.dev, self->buf.addr, IOVA,
			    BUF_PAGES * PAGE, true));
}

FIXTURE_TEARDOWN(attribute)
{
	mig_stream_free(&self->stream);
	mtty_remove_all();
}

static void start_readers(struct reader *readers, const struct files *files,
			  atomic_bool *stop)
{
	unsigned int i;

	for (i = 0; i < READERS; i++) {
		readers[i].files = files;
		readers[i].first = i * files->nr / READERS;
		readers[i].stop = stop;
		worker_start(&readers[i].worker, run_reader, &readers[i]);
	}
}

/* Until each reader has read all files at least once more */
static void let_them_read(struct reader *readers)
{
	unsigned int i;

	for (i = 0; i < READERS; i++) {
		unsigned int rounds = atomic_load(&readers[i].rounds);

		while (atomic_load(&readers[i].rounds) - rounds < 2)
			usleep(1000);
	}
}

static void start(struct mtty *mtty, unsigned int channel, __u32 op)
{
	const struct dma_transfer t = {
		.cmd = op, .pattern = ~0U,
		.src = op == MTTY_MIG_DMA_OP_READ ? IOVA : 0,
		.dst = op == MTTY_MIG_DMA_OP_READ ? 0 : IOVA,
		.len = BUF_PAGES * PAGE,
	};

	dma_start(mtty, channel, &t);
}

/* Everything by which what the files tell is changed, but for the state */
static void change(struct mtty *mtty)
{
	start(mtty, 0, MTTY_MIG_DMA_OP_READ);
	start(mtty, 1, MTTY_MIG_DMA_OP_FILL);
	knob_write(mtty, "dirty", "0 %u", MEM_PAGES);
	knob_write(mtty, "engine_hold", "1");
	knob_write(mtty, "engine_hold", "0");
	mtty_ctrl_out(mtty, MTTY_MIG_REG_SCRATCH, 1);
	dma_wait(mtty, 0);
	dma_wait(mtty, 1);
}

/* IDs go up from 1 after a reset */
static void request_and_answer(struct mtty *mtty)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		knob_write(mtty, "page_requests", "open %#llx", IOVA);
	for (i = 1; i <= 4; i++)
		knob_write(mtty, "page_requests", "answer %u", i);
	mdev_attr_write(&mtty->mdev, "mtty_mig/pri_drain", "1");
	mdev_attr_write(&mtty->mdev, "mtty_mig/pri_drain", "0");
}

/* A fault that an arc meets, and another that is taken back */
static void fail(struct mtty *mtty)
{
	int data_fd;

	knob_write(mtty, "fault", "RUNNING-RUNNING_P2P-before 5");
	knob_write(mtty, "fault", "read 5");
	knob_write(mtty, "fault", "read 0");
	__vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_RUNNING_P2P, &data_fd);
	knob_write(mtty, "fault", "RUNNING-RUNNING_P2P-before 0");
}

/* Save the one device while it changes, and load the other */
static void migrate(struct mtty *src, struct mtty *dst,
		    struct mig_stream *stream)
{
	int data_fd;

	vfio_dev_reset(&src->dev);
	vfio_dev_reset(&dst->dev);
	request_and_answer(src);
	fail(src);
	change(src);
	data_fd = vfio_mig_set(&src->dev, VFIO_DEVICE_STATE_PRE_COPY);
	stream->len = 0;
	mig_stream_read(stream, data_fd, 8192, -ENOMSG);
	change(src);
	knob_write(src, "reinit", "1");
	mig_stream_read(stream, data_fd, 8192, -ENOMSG);
	vfio_mig_set(&src->dev, VFIO_DEVICE_STATE_STOP_COPY);
	mig_stream_read(stream, data_fd, 8192, 0);
	close(data_fd);
	vfio_mig_set(&src->dev, VFIO_DEVICE_STATE_RUNNING);

	change(dst);
	mig_load(&dst->dev, stream, 8192, VFIO_DEVICE_STATE_RUNNING);
	change(dst);
}

static void end_readers(struct __test_metadata *_metadata,
			struct reader *readers, atomic_bool *stop)
{
	unsigned int i;

	atomic_store(stop, true);
	for (i = 0; i < READERS; i++) {
		worker_join(&readers[i].worker);
		EXPECT_EQ(0, readers[i].error)
			TH_LOG("%s", readers[i].wrong);
	}
}

TEST_F_TIMEOUT(attribute, files_are_read_while_all_changes, 600)
{
	unsigned int i;

	add_device(&self->files, &self->src);
	add_device(&self->files, &self->dst);
	add_driver(&self->files);
	/* Of each device four attributes, and the files of debugfs.rst */
	ASSERT_LT(2 * (4 + 5), self->files.nr);
	start_readers(self->readers, &self->files, &self->stop);
	for (i = 0; i < ROUNDS; i++) {
		migrate(&self->src, &self->dst, &self->stream);
		let_them_read(self->readers);
	}
	end_readers(_metadata, self->readers, &self->stop);
}

/* A closed device may get another size, and an open one may be closed */
TEST_F_TIMEOUT(attribute, files_are_read_while_it_is_closed_and_opened, 600)
{
	unsigned int i;

	add_device(&self->files, &self->src);
	start_readers(self->readers, &self->files, &self->stop);
	for (i = 0; i < ROUNDS; i++) {
		vfio_dev_close(&self->src.dev);
		must(__mtty_set_mem_size(&self->src, i % 2 ? "128K" : "1M"));
		knob_write(&self->src, "dirty", "0 %u", MEM_PAGES);
		let_them_read(self->readers);
		vfio_dev_open(&self->src.dev, self->src.mdev.uuid);
		knob_write(&self->src, "dirty", "0 %u", MEM_PAGES);
		mig_save(&self->src.dev, &self->stream, 8192);
	}
	end_readers(_metadata, self->readers, &self->stop);
}

TEST_HARNESS_MAIN
