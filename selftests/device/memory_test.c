// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory of any size: what it costs the kernel, what it costs on the
 * wire.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/file.h"
#include "../lib/vfio_dma.h"
#include "lib/cgroup.h"
#include "lib/dma.h"
#include "lib/knobs.h"
#include "lib/mtty.h"

#define PAGE		((__u64)MTTY_MIG_PAGE_SIZE)
#define MIB		(1024 * 1024ULL)
#define GIB		(1024 * MIB)

/* Documentation/stream.rst: a record's header and a page's index */
#define ZERO_RECORD	16
#define PAGE_RECORD	(ZERO_RECORD + PAGE)
/* Pages that are written at a time */
#define BATCH		256
/* Seconds for what takes a few, on an emulated machine with sanitizers */
#define SLOW		200
/* More than all but pages takes in a stream */
#define REGISTERS	4096

FIXTURE(memory)
{
	struct mtty from;
	struct mtty to;
};

FIXTURE_SETUP(memory)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
}

FIXTURE_TEARDOWN(memory)
{
	mtty_remove_all();
	cgroup_leave();
}

static void write_page(struct mtty *mtty, __u64 index, const void *page)
{
	vfio_region_write(&mtty->dev, MTTY_MIG_MEM_BAR, index * PAGE, page,
			  PAGE);
}

static void write_random(struct mtty *mtty, __u64 index)
{
	__u8 page[MTTY_MIG_PAGE_SIZE];

	mtty_fill_page(page, 5, index);
	write_page(mtty, index, page);
}

static void write_zero(struct mtty *mtty, __u64 index)
{
	static const __u8 zero[MTTY_MIG_PAGE_SIZE];

	write_page(mtty, index, zero);
}

/* Save and load through a small buffer; return the stream's length */
static __u64 pass_on(struct __test_metadata *_metadata, int from, int to,
		     int end)
{
	static __u8 buf[0x10000];
	__u64 total = 0;
	ssize_t n;

	while ((n = mig_read(from, buf, sizeof(buf))) > 0) {
		ASSERT_EQ(n, mig_write(to, buf, n));
		total += n;
	}
	ASSERT_EQ(end, n);
	return total;
}

static __u64 migrate(struct __test_metadata *_metadata, struct mtty *from,
		     struct mtty *to)
{
	int out = vfio_mig_set(&from->dev, VFIO_DEVICE_STATE_STOP_COPY);
	int in = vfio_mig_set(&to->dev, VFIO_DEVICE_STATE_RESUMING);
	__u64 total = pass_on(_metadata, out, in, 0);

	vfio_mig_set(&to->dev, VFIO_DEVICE_STATE_STOP);
	close(out);
	close(in);
	return total;
}

TEST_F_TIMEOUT(memory, of_any_size_migrates, SLOW)
{
	static const __u64 sizes[] = {
		0, PAGE, 2 * PAGE, MIB, 16 * MIB, GIB, 64 * GIB,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		__u64 last = sizes[i] / PAGE - 1;
		__u64 written = sizes[i] / PAGE;
		__u64 total;

		mtty_new(&self->from, "full", sizes[i]);
		mtty_new(&self->to, "full", sizes[i]);
		/* Its ends and its middle: all of it if it is small */
		if (sizes[i]) {
			write_random(&self->from, 0);
			write_random(&self->from, last / 2);
			write_random(&self->from, last);
		}
		if (written > 3)
			written = 3;

		total = migrate(_metadata, &self->from, &self->to);
		EXPECT_LE(written * PAGE_RECORD, total);
		EXPECT_GE(written * PAGE_RECORD + REGISTERS, total);
		EXPECT_EQ(mtty_digest(&self->from), mtty_digest(&self->to));
		EXPECT_EQ(written, knob_counter(&self->to, "pages"));
		mtty_remove_all();
	}
}

TEST_F(memory, takes_none_before_it_is_written)
{
	__u8 page[MTTY_MIG_PAGE_SIZE];
	unsigned int i;

	mtty_new(&self->from, "full", 64 * GIB);
	for (i = 0; i < 64; i++)
		vfio_region_read(&self->from.dev, MTTY_MIG_MEM_BAR,
				 i * GIB, page, sizeof(page));
	EXPECT_EQ(0, knob_counter(&self->from, "pages"));
	for (i = 0; i < 64; i++)
		write_zero(&self->from, i * (GIB / PAGE));
	EXPECT_EQ(0, knob_counter(&self->from, "pages"));
	write_random(&self->from, 12345);
	EXPECT_EQ(1, knob_counter(&self->from, "pages"));
}

TEST_F(memory, is_given_back_when_it_is_zero_again)
{
	static const __u8 zero[100];
	__u8 page[MTTY_MIG_PAGE_SIZE] = { [100] = 1, [4095] = 2 };

	mtty_new(&self->from, "full", MIB);
	write_page(&self->from, 3, page);
	vfio_region_write(&self->from.dev, MTTY_MIG_MEM_BAR, 3 * PAGE + 50,
			  zero, sizeof(zero));
	EXPECT_EQ(1, knob_counter(&self->from, "pages"));
	vfio_region_write8(&self->from.dev, MTTY_MIG_MEM_BAR, 3 * PAGE + 4095,
			   0);
	EXPECT_EQ(0, knob_counter(&self->from, "pages"));
}

/* A page that pre-copy has sent and that is zero now is not forgotten */
TEST_F(memory, a_zero_page_costs_a_record_without_content)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info) };
	int out, in;
	__u64 i;

	mtty_new(&self->from, "full", MIB);
	mtty_new(&self->to, "full", MIB);
	for (i = 0; i < 100; i++)
		write_random(&self->from, i);
	out = vfio_mig_set(&self->from.dev, VFIO_DEVICE_STATE_PRE_COPY);
	in = vfio_mig_set(&self->to.dev, VFIO_DEVICE_STATE_RESUMING);
	pass_on(_metadata, out, in, -ENOMSG);

	for (i = 0; i < 100; i++)
		write_zero(&self->from, i);
	EXPECT_EQ(0, knob_counter(&self->from, "pages"));
	vfio_precopy_info(out, &info);
	EXPECT_EQ(100 * ZERO_RECORD, info.dirty_bytes);
	vfio_mig_set(&self->from.dev, VFIO_DEVICE_STATE_STOP_COPY);
	EXPECT_GE(100 * ZERO_RECORD + REGISTERS,
		  pass_on(_metadata, out, in, 0));
	vfio_mig_set(&self->to.dev, VFIO_DEVICE_STATE_STOP);
	EXPECT_EQ(mtty_digest(&self->from), mtty_digest(&self->to));
	EXPECT_EQ(0, knob_counter(&self->to, "pages"));
}

/*
 * Bytes of slab objects in use: all that the driver allocates are such. What
 * sanitizers allocate for each of them is not counted; the red zones that they
 * put around one are, and so are told in @each: what 4096 bytes take.
 */
static __u64 memory_in_use(__u64 *each)
{
	FILE *file = fopen("/proc/slabinfo", "re");
	unsigned long long active, all, size;
	char name[64], line[256];
	__u64 used = 0;

	*each = 0;
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %llu %llu %llu", name, &active, &all,
			   &size) != 4 || !strncmp(name, "kmemleak", 8))
			continue;
		if (!strcmp(name, "kmalloc-4k") ||
		    !strcmp(name, "kmalloc-cg-4k"))
			*each = size;
		used += active * size;
	}
	fclose(file);
	return used;
}

/* No more than 1.02 times the written pages and 1 MiB, at either end */
TEST_F_TIMEOUT(memory, is_there_once_while_it_migrates, SLOW)
{
	static __u8 content[BATCH * MTTY_MIG_PAGE_SIZE];
	const __u64 pages = 64 * MIB / PAGE;
	__u64 before, filled, loaded, bound, each, i;
	int out, in;

	mtty_new(&self->from, "full", 64 * MIB);
	mtty_new(&self->to, "full", 64 * MIB);
	before = memory_in_use(&each);
	if (!each)
		SKIP(return, "this kernel has no /proc/slabinfo");
	bound = pages * each / 100 * 102 + MIB;
	/*
	 * In large pieces: each write takes a buffer for a moment, and KASAN
	 * does not give back at once what is freed.
	 */
	for (i = 0; i < BATCH; i++)
		mtty_fill_page(content + i * PAGE, 5, i);
	for (i = 0; i < pages; i += BATCH)
		vfio_region_write(&self->from.dev, MTTY_MIG_MEM_BAR, i * PAGE,
				  content, sizeof(content));
	filled = memory_in_use(&each);
	/*
	 * Or this would be a test that cannot fail. Less by a little, because
	 * others free what they had.
	 */
	ASSERT_LE(before + pages * PAGE / 100 * 98, filled);
	EXPECT_GE(before + bound, filled);

	out = vfio_mig_set(&self->from.dev, VFIO_DEVICE_STATE_PRE_COPY);
	in = vfio_mig_set(&self->to.dev, VFIO_DEVICE_STATE_RESUMING);
	pass_on(_metadata, out, in, -ENOMSG);
	vfio_mig_set(&self->from.dev, VFIO_DEVICE_STATE_STOP_COPY);
	pass_on(_metadata, out, in, 0);
	/* Everything is there twice now: at the source and staged */
	loaded = memory_in_use(&each);
	EXPECT_GE(before + 2 * bound, loaded);
	vfio_mig_set(&self->to.dev, VFIO_DEVICE_STATE_STOP);
	EXPECT_GE(before + 2 * bound, memory_in_use(&each));
	EXPECT_EQ(mtty_digest(&self->from), mtty_digest(&self->to));
}

/*
 * The engine is a worker, which is in no cgroup of its own: memory that it
 * fills for a user is that user's all the same.
 */
TEST_F(memory, that_DMA_fills_is_charged_to_who_has_opened_the_device)
{
	const __u64 size = 16 * MIB;
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_READ,
		.src = 0x40000000, .dst = 0, .len = size,
	};
	const char *missing = cgroup_enter();
	long long before, after;
	struct vfio_buf buf;

	if (missing) {
		cgroup_leave();
		SKIP(return, "%s", missing);
	}
	mtty_new(&self->from, "full", size);
	/* All of it there before, so that it is not what is counted */
	vfio_buf_new(&self->from.dev, &buf, t.src, size, true);
	memset(buf.addr, 0x5a, size);
	before = cgroup_charged();
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_run(&self->from, 0, &t));
	after = cgroup_charged();
	EXPECT_LT(0, before);
	EXPECT_LE(before + (long long)size / 100 * 98, after);
}

/* In a process of its own, whose end gives its own memory back */
static pid_t start_user(const struct mtty *mtty)
{
	pid_t pid = fork();
	struct vfio_dev dev;

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid)
		return pid;
	cgroup_join();
	vfio_dev_open(&dev, mtty->mdev.uuid);
	vfio_dev_close(&dev);
	/* Without the exit handlers, which are the parent's */
	_exit(0);
}

/*
 * A cgroup that was removed lasts as long as somebody holds it. The device
 * holds that of who has opened it, and not longer than it is open.
 */
TEST_F_TIMEOUT(memory, cgroup_of_who_had_opened_the_device_is_let_go, SLOW)
{
	const char *missing = cgroup_make();
	unsigned int i;
	int status;

	if (missing) {
		cgroup_leave();
		SKIP(return, "%s", missing);
	}
	if (cgroup_dying() < 0) {
		cgroup_leave();
		SKIP(return, "this kernel does not count dying cgroups");
	}
	/* What is read of files for the first time is charged to this process */
	mtty_new(&self->from, "full", 0);
	vfio_dev_close(&self->from.dev);

	ASSERT_LT(0, waitpid(start_user(&self->from), &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ(0, cgroup_remove());
	/* It goes when the kernel gets round to it, which is soon */
	for (i = 0; i < SLOW / 2 && cgroup_dying(); i++) {
		file_write("/proc/sys/vm/drop_caches", "3");
		sleep(1);
	}
	EXPECT_EQ(0, cgroup_dying());
}

TEST_HARNESS_MAIN
