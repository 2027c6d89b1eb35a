// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA logging, against the ground truth: what the engine was told to write.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/vfio_dma.h"
#include "lib/dma.h"

#define PAGE		0x1000ULL
#define BASE		0x40000000ULL
#define PAGES		2048ULL
#define SIZE		(PAGES * PAGE)
#define WORDS		(PAGES / 64)

FIXTURE(dirty_log)
{
	struct mtty mtty;
	struct vfio_buf buf;
	__u64 bitmap[WORDS];
	__u64 expected[WORDS];
};

FIXTURE_SETUP(dirty_log)
{
	__u64 page_size = PAGE;
	struct vfio_device_feature_dma_logging_range range = { BASE, SIZE };
	int ret;

	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "full", PAGE);
	vfio_buf_new(&self->mtty.dev, &self->buf, BASE, SIZE, true);

	/* Without iova_bitmap in the kernel there is nothing to report with */
	ret = __dma_log_start(&self->mtty.dev, &range, 1, &page_size);
	if (ret == -ENOTTY) {
		/* The harness tears nothing down after that */
		mtty_remove_all();
		SKIP(return, "this kernel has no CONFIG_IOMMUFD_DRIVER");
	}
	must(ret);
	must(__dma_log_stop(&self->mtty.dev));
}

FIXTURE_TEARDOWN(dirty_log)
{
	mtty_remove_all();
}

static int start_ranges(struct mtty *mtty,
			const struct vfio_device_feature_dma_logging_range *r,
			unsigned int count, __u64 page_size)
{
	return __dma_log_start(&mtty->dev, r, count, &page_size);
}

static int start(struct mtty *mtty, __u64 iova, __u64 len, __u64 page_size)
{
	const struct vfio_device_feature_dma_logging_range range = {
		iova, len,
	};

	return start_ranges(mtty, &range, 1, page_size);
}

static void write_to(struct __test_metadata *_metadata, struct mtty *mtty,
		     __u64 iova, __u64 len)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = iova, .len = len,
	};

	ASSERT_EQ(MTTY_MIG_DMA_COMPLETE, dma_run(mtty, 0, &t));
}

/* The bits that a write of [iova, iova + len) sets in a report from BASE on */
static void expect_write(__u64 *expected, __u64 iova, __u64 len,
			 __u64 page_size)
{
	__u64 first = (iova - BASE) / page_size;
	__u64 last = (iova + len - 1 - BASE) / page_size;

	for (; first <= last; first++)
		expected[first / 64] |= 1ULL << (first % 64);
}

static int report(struct mtty *mtty, __u64 *bitmap, __u64 page_size)
{
	memset(bitmap, 0, WORDS * sizeof(*bitmap));
	return __dma_log_report(&mtty->dev, BASE, SIZE, page_size, bitmap);
}

/* What was expected is reported, and nothing else */
static void expect_report(struct __test_metadata *_metadata,
			  struct _test_data_dirty_log *self, __u64 page_size)
{
	EXPECT_EQ(0, report(&self->mtty, self->bitmap, page_size));
	EXPECT_EQ(0, memcmp(self->expected, self->bitmap,
			    sizeof(self->bitmap)));
}

TEST_F(dirty_log, is_what_the_engine_wrote)
{
	__u64 seed = 42;
	unsigned int i;

	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	for (i = 0; i < 40; i++) {
		__u64 iova = BASE + mtty_random(&seed) % (SIZE - 5 * PAGE);
		__u64 len = 1 + mtty_random(&seed) % (4 * PAGE);

		write_to(_metadata, &self->mtty, iova, len);
		expect_write(self->expected, iova, len, PAGE);
	}
	expect_report(_metadata, self, PAGE);
}

TEST_F(dirty_log, a_report_clears_what_it_tells)
{
	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	write_to(_metadata, &self->mtty, BASE + PAGE, PAGE);
	EXPECT_EQ(0, report(&self->mtty, self->bitmap, PAGE));
	expect_report(_metadata, self, PAGE);
	/* And what is written again is told again */
	write_to(_metadata, &self->mtty, BASE + PAGE, 1);
	expect_write(self->expected, BASE + PAGE, 1, PAGE);
	expect_report(_metadata, self, PAGE);
}

TEST_F(dirty_log, a_report_sets_bits_and_clears_none)
{
	memset(self->bitmap, 0x55, sizeof(self->bitmap));
	memset(self->expected, 0x55, sizeof(self->expected));
	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	write_to(_metadata, &self->mtty, BASE + PAGE, PAGE);
	expect_write(self->expected, BASE + PAGE, PAGE, PAGE);
	EXPECT_EQ(0, __dma_log_report(&self->mtty.dev, BASE, SIZE, PAGE,
				      self->bitmap));
	EXPECT_EQ(0, memcmp(self->expected, self->bitmap,
			    sizeof(self->bitmap)));
}

TEST_F(dirty_log, reads_are_not_in_it)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_READ, .src = BASE, .len = PAGE,
	};

	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_run(&self->mtty, 0, &t));
	expect_report(_metadata, self, PAGE);
}

TEST_F(dirty_log, a_copy_marks_where_it_writes)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_COPY,
		.src = BASE, .dst = BASE + 10 * PAGE, .len = 2 * PAGE,
	};

	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_run(&self->mtty, 0, &t));
	expect_write(self->expected, t.dst, t.len, PAGE);
	expect_report(_metadata, self, PAGE);
}

TEST_F(dirty_log, can_be_told_in_larger_pages)
{
	static const __u64 sizes[] = { 0x2000, 0x10000, 0x200000 };
	unsigned int i;

	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		memset(self->expected, 0, sizeof(self->expected));
		write_to(_metadata, &self->mtty, BASE + 0x1fff, 2);
		write_to(_metadata, &self->mtty, BASE + 0x3ff000, 1);
		expect_write(self->expected, BASE + 0x1fff, 2, sizes[i]);
		expect_write(self->expected, BASE + 0x3ff000, 1, sizes[i]);
		expect_report(_metadata, self, sizes[i]);
	}
}

TEST_F(dirty_log, can_be_told_in_smaller_pages)
{
	__u64 page_size = 0x10000;
	struct vfio_device_feature_dma_logging_range range = { BASE, SIZE };

	ASSERT_EQ(0, __dma_log_start(&self->mtty.dev, &range, 1, &page_size));
	write_to(_metadata, &self->mtty, BASE + 0x23456, 1);
	/* All of the tracked page: the driver replicates bits (uAPI) */
	expect_write(self->expected, (BASE + 0x23456) & ~(page_size - 1),
		     page_size, PAGE);
	expect_report(_metadata, self, PAGE);
	memset(self->expected, 0, sizeof(self->expected));
	expect_report(_metadata, self, PAGE);
}

TEST_F(dirty_log, page_size_is_a_hint)
{
	static const __u64 sizes[] = {
		1, 0x800, 0x1000, 0x2000, 0x200000, 0x40000000,
	};
	struct vfio_device_feature_dma_logging_range range = {
		BASE, 0x40000000,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		__u64 page_size = sizes[i];

		EXPECT_EQ(0, __dma_log_start(&self->mtty.dev, &range, 1,
					     &page_size));
		EXPECT_EQ(PAGE, page_size);
		EXPECT_EQ(0, __dma_log_stop(&self->mtty.dev));
	}
}

TEST_F(dirty_log, covers_the_ranges_and_nothing_else)
{
	/* Neighbours, one alone, and out of order */
	static const struct vfio_device_feature_dma_logging_range ranges[] = {
		{ BASE + 0x40000, 0x10000 },
		{ BASE, 0x10000 },
		{ BASE + 0x10000, 0x10000 },
	};

	ASSERT_EQ(0, start_ranges(&self->mtty, ranges, ARRAY_LEN(ranges),
				  PAGE));
	write_to(_metadata, &self->mtty, BASE, 0x80000);
	expect_write(self->expected, BASE, 0x20000, PAGE);
	expect_write(self->expected, BASE + 0x40000, 0x10000, PAGE);
	expect_report(_metadata, self, PAGE);
}

TEST_F(dirty_log, can_be_told_in_parts)
{
	unsigned int i;

	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	write_to(_metadata, &self->mtty, BASE, SIZE);
	/* Parts that begin anywhere; each is told with its own first bit */
	for (i = 0; i < PAGES; i += 37) {
		__u64 n = PAGES - i < 37 ? PAGES - i : 37;
		__u64 bits = 0;

		EXPECT_EQ(0, __dma_log_report(&self->mtty.dev, BASE + i * PAGE,
					      n * PAGE, PAGE, &bits));
		EXPECT_EQ((1ULL << n) - 1, bits);
	}
	expect_report(_metadata, self, PAGE);
}

/* A report that begins in the middle of a page tells a part of it only */
TEST_F(dirty_log, a_part_of_a_page_is_not_forgotten)
{
	__u64 bits = 0;

	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	write_to(_metadata, &self->mtty, BASE, 1);
	EXPECT_EQ(0, __dma_log_report(&self->mtty.dev, BASE + PAGE / 2, PAGE,
				      PAGE, &bits));
	EXPECT_EQ(1, bits);
	expect_write(self->expected, BASE, PAGE, PAGE);
	expect_report(_metadata, self, PAGE);
}

/* A bit that was not asked for stays as it was: the report ends within a page */
TEST_F(dirty_log, a_part_of_a_page_sets_no_other_bit)
{
	__u64 bits = 0;

	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	write_to(_metadata, &self->mtty, BASE + PAGE, PAGE);
	EXPECT_EQ(0, __dma_log_report(&self->mtty.dev, BASE + PAGE / 2, PAGE,
				      PAGE, &bits));
	EXPECT_EQ(1, bits);
}

/* However far apart those are that are dirty, the last page of a report is in it */
TEST_F(dirty_log, last_page_of_a_report_is_in_it)
{
	static const unsigned int strides[] = { 16, 32, 64 };
	__u64 nr, n, i;

	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	for (i = 0; i < ARRAY_LEN(strides); i++) {
		for (nr = 1; nr <= 32; nr++) {
			__u64 bitmap[WORDS] = {}, expected[WORDS] = {};

			for (n = 0; n < nr; n++) {
				__u64 iova = BASE + n * strides[i] * PAGE;

				write_to(_metadata, &self->mtty, iova, 1);
				expect_write(expected, iova, 1, PAGE);
			}
			n = (nr - 1) * strides[i] + 1;
			EXPECT_EQ(0, __dma_log_report(&self->mtty.dev, BASE,
						      n * PAGE, PAGE, bitmap));
			ASSERT_EQ(0, memcmp(expected, bitmap, sizeof(bitmap)))
				TH_LOG("%llu pages, each %uth is dirty",
				       (unsigned long long)n, strides[i]);
		}
	}
}

/* Whatever was hinted, what was told is cleared: or pre-copy never converges */
TEST_F(dirty_log, what_was_told_is_cleared)
{
	unsigned int i;
	__u64 bits;

	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, 0x200000));
	write_to(_metadata, &self->mtty, BASE, 1);
	for (i = 0; i < 3; i++) {
		bits = 0;
		EXPECT_EQ(0, __dma_log_report(&self->mtty.dev, BASE,
					      32 * PAGE, PAGE, &bits));
		EXPECT_EQ(!i, bits);
	}
}

/*
 * uAPI: "During querying the log is cleared for the IOVA range".  That holds
 * for a part of a page, too, if the device told a large page size at START:
 * or one that is asked about in parts would never be clean, and pre-copy never
 * converge.  It may tell more than was written, but not for ever.
 */
TEST_F(dirty_log, a_report_of_a_part_clears_that_part)
{
	static const __u64 hints[] = { PAGE, 0x10000, 0x200000 };
	struct vfio_device_feature_dma_logging_range range = { BASE, SIZE };
	static const __u64 none[WORDS];
	__u64 part = SIZE / 8;
	unsigned int i, j;

	for (i = 0; i < ARRAY_LEN(hints); i++) {
		__u64 page_size = hints[i];

		ASSERT_EQ(0, __dma_log_start(&self->mtty.dev, &range, 1,
					     &page_size));
		write_to(_metadata, &self->mtty, BASE, PAGE);
		for (j = 0; j < 3; j++) {
			memset(self->bitmap, 0, sizeof(self->bitmap));
			EXPECT_EQ(0, __dma_log_report(&self->mtty.dev, BASE,
						      part, PAGE,
						      self->bitmap));
			EXPECT_EQ(!j, self->bitmap[0] & 1);
			if (page_size <= PAGE && !j)
				EXPECT_EQ(1, self->bitmap[0]);
			if (j)
				EXPECT_EQ(0, memcmp(none, self->bitmap,
						    sizeof(none)))
					TH_LOG("page size %#llx, told %#llx, report %u",
					       (unsigned long long)hints[i],
					       (unsigned long long)page_size,
					       j + 1);
		}
		EXPECT_EQ(0, __dma_log_stop(&self->mtty.dev));
	}
}

TEST_F(dirty_log, start_checks_what_the_core_does_not)
{
	EXPECT_EQ(-EINVAL, start(&self->mtty, 0, 0, 0));
	EXPECT_EQ(-EINVAL, start(&self->mtty, 0, PAGE, 0));
	EXPECT_EQ(-EINVAL, start(&self->mtty, 0, 0x3000, 0x3000));
	/* The core takes it for a mask, which it fits */
	EXPECT_EQ(-EINVAL, start(&self->mtty, BASE, 0x10000, 0x3000));
	EXPECT_EQ(-EINVAL, start(&self->mtty, BASE, 0, PAGE));
	EXPECT_EQ(-EINVAL, start(&self->mtty, 0, 0, PAGE));
	/* None of them left it on */
	EXPECT_EQ(-EINVAL, __dma_log_stop(&self->mtty.dev));
}

TEST_F(dirty_log, order_of_calls)
{
	EXPECT_EQ(-EINVAL, __dma_log_stop(&self->mtty.dev));
	EXPECT_EQ(-EINVAL, report(&self->mtty, self->bitmap, PAGE));
	EXPECT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	EXPECT_EQ(-EINVAL, start(&self->mtty, BASE, SIZE, PAGE));
	/* The second one has not harmed the first */
	write_to(_metadata, &self->mtty, BASE, 1);
	expect_write(self->expected, BASE, 1, PAGE);
	expect_report(_metadata, self, PAGE);
	EXPECT_EQ(0, __dma_log_stop(&self->mtty.dev));
	EXPECT_EQ(-EINVAL, __dma_log_stop(&self->mtty.dev));
	EXPECT_EQ(-EINVAL, report(&self->mtty, self->bitmap, PAGE));
}

TEST_F(dirty_log, starts_empty)
{
	write_to(_metadata, &self->mtty, BASE, PAGE);
	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	expect_report(_metadata, self, PAGE);
	write_to(_metadata, &self->mtty, BASE, PAGE);
	EXPECT_EQ(0, __dma_log_stop(&self->mtty.dev));
	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	expect_report(_metadata, self, PAGE);
}

/* uAPI: not connected to VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE */
TEST_F(dirty_log, survives_changes_of_state)
{
	static const __u32 states[] = {
		VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_STOP_COPY,
		VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_RESUMING,
	};
	unsigned int i;

	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	write_to(_metadata, &self->mtty, BASE + PAGE, 1);
	for (i = 0; i < ARRAY_LEN(states); i++)
		vfio_mig_set(&self->mtty.dev, states[i]);
	expect_write(self->expected, BASE + PAGE, 1, PAGE);
	expect_report(_metadata, self, PAGE);
}

/* uAPI: as many as fit into a page; a device with fewer logs more than asked */
TEST_F(dirty_log, takes_a_page_full_of_ranges)
{
	struct vfio_device_feature_dma_logging_range
		ranges[PAGE / sizeof(struct vfio_device_feature_dma_logging_range)];
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ranges); i++) {
		ranges[i].iova = BASE + 2 * i * PAGE;
		ranges[i].length = PAGE;
		expect_write(self->expected, ranges[i].iova, PAGE, PAGE);
	}
	ASSERT_EQ(0, start_ranges(&self->mtty, ranges, i, PAGE));
	write_to(_metadata, &self->mtty, BASE, 2 * i * PAGE);
	expect_report(_metadata, self, PAGE);
}

/* A destination's VMM starts it before the device runs */
TEST_F(dirty_log, starts_and_stops_in_any_state)
{
	static const __u32 states[] = {
		VFIO_DEVICE_STATE_RUNNING_P2P, VFIO_DEVICE_STATE_PRE_COPY,
		VFIO_DEVICE_STATE_PRE_COPY_P2P, VFIO_DEVICE_STATE_STOP_COPY,
		VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_RESUMING,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(states); i++) {
		vfio_mig_set(&self->mtty.dev, states[i]);
		EXPECT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE))
			TH_LOG("%s", mig_state_name(states[i]));
		expect_report(_metadata, self, PAGE);
		EXPECT_EQ(0, __dma_log_stop(&self->mtty.dev))
			TH_LOG("%s", mig_state_name(states[i]));
	}
}

/* A guest that reboots in pre-copy does not end its migration */
TEST_F(dirty_log, goes_on_after_a_reset)
{
	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	write_to(_metadata, &self->mtty, BASE, 1);
	vfio_dev_reset(&self->mtty.dev);
	write_to(_metadata, &self->mtty, BASE + 2 * PAGE, 1);
	expect_write(self->expected, BASE, 1, PAGE);
	expect_write(self->expected, BASE + 2 * PAGE, 1, PAGE);
	expect_report(_metadata, self, PAGE);
	EXPECT_EQ(0, __dma_log_stop(&self->mtty.dev));
}

/* A guest that reboots then must not make its VMM give the migration up */
TEST_F(dirty_log, goes_on_after_a_reset_in_pre_copy)
{
	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_PRE_COPY);
	write_to(_metadata, &self->mtty, BASE + PAGE, PAGE);
	vfio_dev_reset(&self->mtty.dev);
	vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_PRE_COPY);
	expect_write(self->expected, BASE + PAGE, PAGE, PAGE);
	expect_report(_metadata, self, PAGE);
	EXPECT_EQ(0, __dma_log_stop(&self->mtty.dev));
}

TEST_F(dirty_log, is_off_after_the_last_close)
{
	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	mtty_reopen(&self->mtty);
	EXPECT_EQ(-EINVAL, __dma_log_stop(&self->mtty.dev));
}

/* Of all users' pages that the kernel has pinned, those that are so yet */
static long pinned_pages(void)
{
	long acquired = -1, released = -1, value;
	char name[64];
	FILE *file;
	int fd;

	/*
	 * Each processor counts for itself, until it is asked. An error says
	 * that some other count is wrong.
	 */
	fd = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "1", 1) < 0)
			ksft_print_msg("stat_refresh: %s\n", strerror(errno));
		close(fd);
	}
	file = fopen("/proc/vmstat", "r");
	if (!file)
		return -1;
	while (fscanf(file, "%63s %ld", name, &value) == 2) {
		if (!strcmp(name, "nr_foll_pin_acquired"))
			acquired = value;
		if (!strcmp(name, "nr_foll_pin_released"))
			released = value;
	}
	fclose(file);
	return acquired < 0 || released < 0 ? -1 : acquired - released;
}

/* Larger than what the core pins at once, which is a page of page pointers */
#define LARGE_BITMAP	(4 * 512 * PAGE)
#define LARGE_SIZE	(LARGE_BITMAP * 8 * PAGE)

/*
 * A bitmap's pages are pinned while bits are set in it. The kernel finds no
 * leak in pages that stay so: they are the user's.
 */
TEST_F(dirty_log, leaves_no_page_of_the_bitmap_pinned)
{
	__u64 *bitmap = calloc(1, LARGE_BITMAP);
	__u64 far = LARGE_SIZE - PAGE;
	struct vfio_buf buf;
	unsigned int i;
	long before = 0, after = -1;

	ASSERT_NE(NULL, bitmap);
	if (pinned_pages() < 0)
		SKIP(return, "/proc/vmstat does not count pinned pages");
	vfio_buf_new(&self->mtty.dev, &buf, far, PAGE, true);
	ASSERT_EQ(0, start(&self->mtty, 0, LARGE_SIZE, PAGE));
	/* Others may pin pages meanwhile; a page that stays so does each time */
	for (i = 0; i < 10 && before != after; i++) {
		before = pinned_pages();
		write_to(_metadata, &self->mtty, BASE, PAGE);
		write_to(_metadata, &self->mtty, far, PAGE);
		EXPECT_EQ(0, __dma_log_report(&self->mtty.dev, 0, LARGE_SIZE,
					      PAGE, bitmap));
		EXPECT_EQ(1, bitmap[LARGE_BITMAP / 8 - 1] >> 63);
		write_to(_metadata, &self->mtty, BASE, PAGE);
		/* An address that is not a page's first, and none */
		EXPECT_EQ(0, __dma_log_report(&self->mtty.dev, BASE, SIZE,
					      PAGE, bitmap + 3));
		__dma_log_report(&self->mtty.dev, BASE, SIZE, PAGE, NULL);
		after = pinned_pages();
	}
	EXPECT_EQ(before, after);
	free(bitmap);
}

/* As large as a bitmap whose pages are pinned at once, in bytes and in bits */
#define WINDOW		(512 * PAGE)
#define WINDOW_BITS	(WINDOW * 8)

/* Give the device the page of a bit, and let it write there */
static void write_bit(struct __test_metadata *_metadata, struct mtty *mtty,
		      __u64 bit)
{
	struct vfio_buf buf;

	vfio_buf_new(&mtty->dev, &buf, bit * PAGE, PAGE, true);
	write_to(_metadata, mtty, buf.iova, PAGE);
	vfio_buf_unmap(&mtty->dev, &buf);
	munmap(buf.addr, buf.len);
}

/*
 * Such a bitmap has a page more than one that begins with a page, or fewer bits
 * in the pages that are pinned at once.
 */
TEST_F(dirty_log, large_bitmap_may_begin_within_a_page)
{
	static const unsigned int offsets[] = { 8, 2048, 4088 };
	__u64 *bitmap = NULL, *expected = calloc(1, 2 * WINDOW);
	unsigned int i, j;

	ASSERT_NE(NULL, expected);
	ASSERT_EQ(0, posix_memalign((void **)&bitmap, PAGE,
				    2 * WINDOW + PAGE));
	for (i = 0; i < ARRAY_LEN(offsets); i++) {
		const __u64 end = (WINDOW - offsets[i]) * 8;
		const __u64 bits[] = {
			1, end - 1, end, end + 63, WINDOW_BITS - 1,
			WINDOW_BITS, WINDOW_BITS + end, 2 * WINDOW_BITS - 1,
		};
		__u64 *at = bitmap + offsets[i] / 8;

		ASSERT_EQ(0, start(&self->mtty, 0, 2 * WINDOW_BITS * PAGE,
				   PAGE));
		memset(expected, 0, 2 * WINDOW);
		memset(bitmap, 0, 2 * WINDOW + PAGE);
		for (j = 0; j < ARRAY_LEN(bits); j++) {
			write_bit(_metadata, &self->mtty, bits[j]);
			expected[bits[j] / 64] |= 1ULL << (bits[j] % 64);
		}
		EXPECT_EQ(0, __dma_log_report(&self->mtty.dev, 0,
					      2 * WINDOW_BITS * PAGE, PAGE,
					      at));
		EXPECT_EQ(0, memcmp(expected, at, 2 * WINDOW))
			TH_LOG("offset %u", offsets[i]);
		EXPECT_EQ(0, bitmap[offsets[i] / 8 - 1]);
		EXPECT_EQ(0, at[2 * WINDOW / 8]);
		ASSERT_EQ(0, __dma_log_stop(&self->mtty.dev));
	}
	free(bitmap);
	free(expected);
}

/* What is dirty there is lost: the user's mistake, and nobody else's */
TEST_F(dirty_log, bitmap_that_ends_too_early_is_left_alone_afterwards)
{
	long before = 0, after = -1;
	unsigned int i;
	__u64 *bitmap;

	if (pinned_pages() < 0)
		SKIP(return, "/proc/vmstat does not count pinned pages");
	ASSERT_EQ(0, start(&self->mtty, 0, 2 * WINDOW_BITS * PAGE, PAGE));
	for (i = 0; i < 10 && before != after; i++) {
		bitmap = mmap(NULL, 2 * WINDOW, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, bitmap);
		ASSERT_EQ(0, mprotect((__u8 *)bitmap + WINDOW, WINDOW,
				      PROT_NONE));
		before = pinned_pages();
		write_bit(_metadata, &self->mtty, 5);
		write_bit(_metadata, &self->mtty, WINDOW_BITS + 5);
		__dma_log_report(&self->mtty.dev, 0, 2 * WINDOW_BITS * PAGE,
				 PAGE, bitmap);
		EXPECT_EQ(1 << 5, bitmap[0]);
		after = pinned_pages();
		munmap(bitmap, 2 * WINDOW);
	}
	EXPECT_EQ(before, after);
}

/* A file that may be read only, and others read: not to be changed by this */
TEST_F(dirty_log, bitmap_that_is_read_only_is_not_written_to)
{
	int fd = memfd_create("bitmap", MFD_CLOEXEC);
	static const int flags[] = { MAP_SHARED, MAP_PRIVATE };
	__u8 page[PAGE];
	unsigned int i, j;

	ASSERT_LE(0, fd);
	memset(page, 0xa4, sizeof(page));
	ASSERT_EQ(PAGE, pwrite(fd, page, PAGE, 0));
	ASSERT_EQ(0, start(&self->mtty, BASE, SIZE, PAGE));
	for (i = 0; i < ARRAY_LEN(flags); i++) {
		__u8 *map = mmap(NULL, PAGE, PROT_READ, flags[i], fd, 0);

		ASSERT_NE(MAP_FAILED, map);
		write_to(_metadata, &self->mtty, BASE, PAGE);
		__dma_log_report(&self->mtty.dev, BASE, SIZE, PAGE,
				 (__u64 *)map);
		for (j = 0; j < PAGE && map[j] == 0xa4; j++)
			;
		EXPECT_EQ(PAGE, j);
		ASSERT_EQ(PAGE, pread(fd, page, PAGE, 0));
		for (j = 0; j < PAGE && page[j] == 0xa4; j++)
			;
		EXPECT_EQ(PAGE, j);
		munmap(map, PAGE);
	}
	close(fd);
}

TEST_F(dirty_log, a_failed_write_may_be_in_it_and_nothing_more)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = BASE + SIZE - 2 * PAGE, .len = 4 * PAGE,
	};

	ASSERT_EQ(0, start(&self->mtty, BASE, 2 * SIZE, PAGE));
	EXPECT_EQ(MTTY_MIG_DMA_ERROR, dma_run(&self->mtty, 0, &t));
	expect_write(self->expected, t.dst, 2 * PAGE, PAGE);
	expect_report(_metadata, self, PAGE);
}

/* Memory follows what is dirty: a log of 1 TiB is as cheap as one of a page */
TEST_F(dirty_log, of_a_tebibyte)
{
	const __u64 huge = 1ULL << 40;
	const __u64 iova = huge - PAGE;
	struct vfio_buf far;
	__u64 bits = 0;

	vfio_buf_new(&self->mtty.dev, &far, iova, PAGE, true);
	ASSERT_EQ(0, start(&self->mtty, 0, huge, PAGE));
	write_to(_metadata, &self->mtty, iova, 1);
	write_to(_metadata, &self->mtty, BASE, PAGE);
	EXPECT_EQ(0, __dma_log_report(&self->mtty.dev, iova, PAGE, PAGE,
				      &bits));
	EXPECT_EQ(1, bits);
	expect_write(self->expected, BASE, PAGE, PAGE);
	expect_report(_metadata, self, PAGE);
}

TEST_HARNESS_MAIN
