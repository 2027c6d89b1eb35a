// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data fd of a device that is saved: what is read from it, what it says of
 * what is left to read, and how much it may become.
 */
#include <linux/math64.h>
#include <linux/uaccess.h>

#include "sessions.h"

/* Reading */

static void read_is_what_the_description_says(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *expected = mtty_test_room(test), *blob;

	mtty_test_enter(test, mtty, S(STOP));
	mtty_test_put_all(test, expected, MTTY_MIG_TYPE_FULL, mtty->mem,
			  &mtty->hw);
	blob = mtty_test_save_all(test, mtty);
	KUNIT_ASSERT_EQ(test, expected->len, blob->len);
	KUNIT_EXPECT_EQ(test, -1,
			mtty_test_diff(expected->data, blob->data, blob->len));
}

static void read_in_stop_copy_ends_with_end_of_file(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob = mtty_test_room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(STOP_COPY));
	unsigned int i;

	KUNIT_EXPECT_EQ(test, 0, mtty_test_save(test, filp, blob, 1000));
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, 0,
				mtty_test_fd_read(filp, mtty_test_user(test),
						  1));
}

static void read_in_pre_copy_ends_with_enomsg(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob = mtty_test_room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	unsigned int i;

	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, 1000));
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, -ENOMSG,
				mtty_test_fd_read(filp, mtty_test_user(test),
						  1));
	/* Header and pages, and nothing that may still change unseen */
	KUNIT_EXPECT_EQ(test, MTTY_TEST_HEADER_LEN + 8 * MTTY_TEST_PAGE_SIZE,
			blob->len);
	mtty_test_enter(test, mtty, S(PRE_COPY_P2P));
	KUNIT_EXPECT_EQ(test, -ENOMSG,
			mtty_test_fd_read(filp, mtty_test_user(test), 1));
}

static void read_of_an_empty_device_in_pre_copy(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_device(test, MTTY_MIG_TYPE_FULL,
						    0);
	struct mtty_test_blob *blob = mtty_test_room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));

	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, 1));
	KUNIT_EXPECT_EQ(test, MTTY_TEST_HEADER_LEN, blob->len);
	mtty_test_enter(test, mtty, S(STOP_COPY));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_save(test, filp, blob, 1));
	KUNIT_EXPECT_EQ(test, MTTY_TEST_MIN_SIZE, blob->len);
}

static void read_goes_on_after_enomsg(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob = mtty_test_room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));

	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	mtty_test_dirty(test, mtty, 3 * PAGE + 5, 0x33);
	blob->len = 0;
	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	KUNIT_EXPECT_EQ(test, MTTY_TEST_PAGE_SIZE, blob->len);
	KUNIT_EXPECT_EQ(test, 3, blob->data[MTTY_TEST_RECORD_LEN]);
	KUNIT_EXPECT_EQ(test, 0x33, blob->data[MTTY_TEST_ZERO_SIZE + 5]);
}

static void read_in_pieces_is_the_same(struct kunit *test)
{
	static const size_t sizes[] = { 1, 7, 4096, MTTY_TEST_PAGE_SIZE };
	struct mtty_device *mtty = mtty_test_device(test, MTTY_MIG_TYPE_FULL,
						    SZ_8K);
	struct mtty_test_blob *blob = mtty_test_room(test), *whole;
	unsigned int i;

	mtty_test_fill(test, mtty, 1);
	mtty_test_enter(test, mtty, S(STOP));
	whole = mtty_test_save_all(test, mtty);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct file *filp = mtty_test_enter(test, mtty, S(STOP_COPY));

		blob->len = 0;
		KUNIT_EXPECT_EQ(test, 0, mtty_test_save(test, filp, blob,
							sizes[i]));
		KUNIT_ASSERT_EQ(test, whole->len, blob->len);
		KUNIT_EXPECT_EQ(test, -1, mtty_test_diff(whole->data,
							 blob->data,
							 blob->len));
		mtty_test_enter(test, mtty, S(STOP));
	}
}

static void read_of_nothing(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob = mtty_test_room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));

	KUNIT_EXPECT_EQ(test, 0, mtty_test_fd_read(filp, mtty_test_user(test),
						   0));
	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	KUNIT_EXPECT_EQ(test, MTTY_TEST_HEADER_LEN + 8 * MTTY_TEST_PAGE_SIZE,
			blob->len);
}

static void read_into_a_bad_buffer_loses_nothing(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob = mtty_test_room(test), *whole;
	void __user *bad = mtty_test_bad_user(test);
	struct file *filp;
	ssize_t ret;

	mtty_test_enter(test, mtty, S(STOP));
	whole = mtty_test_save_all(test, mtty);
	filp = mtty_test_enter(test, mtty, S(STOP_COPY));
	do {
		KUNIT_EXPECT_EQ(test, -EFAULT,
				mtty_test_fd_read(filp, bad, 1000));
		/* Room for less than it is asked for, then for some */
		ret = mtty_test_fd_read(filp, bad - 300, 1000);
		if (ret > 0) {
			KUNIT_ASSERT_LE(test, ret, 300);
			KUNIT_ASSERT_EQ(test, 0,
					copy_from_user(blob->data + blob->len,
						       bad - 300, ret));
			blob->len += ret;
		} else {
			KUNIT_EXPECT_EQ(test, -EFAULT, ret);
		}
		ret = mtty_test_fd_read(filp, mtty_test_user(test), 1000);
		KUNIT_ASSERT_GE(test, ret, 0);
		KUNIT_ASSERT_EQ(test, 0, copy_from_user(blob->data + blob->len,
							mtty_test_user(test),
							ret));
		blob->len += ret;
	} while (ret && blob->len < whole->len);
	KUNIT_EXPECT_EQ(test, 0, mtty_test_fd_read(filp, bad, 1000));
	KUNIT_ASSERT_EQ(test, whole->len, blob->len);
	KUNIT_EXPECT_EQ(test, -1,
			mtty_test_diff(whole->data, blob->data, blob->len));
}

static void read_tells_that_a_page_became_zero(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_device(test, MTTY_MIG_TYPE_FULL,
						    SZ_8K);
	struct mtty_device *dest = mtty_test_device(test, MTTY_MIG_TYPE_FULL,
						    SZ_8K);
	struct mtty_test_blob *blob = mtty_test_room(test);
	struct file *filp;

	mtty_test_dirty(test, mtty, PAGE, 1);
	filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	mtty_test_dirty(test, mtty, PAGE, 0);
	mtty_test_enter(test, mtty, S(STOP_COPY));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_save(test, filp, blob, PAGE));
	KUNIT_EXPECT_EQ(test, MTTY_TEST_MIN_SIZE + MTTY_TEST_PAGE_SIZE +
			MTTY_TEST_ZERO_SIZE, blob->len);

	filp = mtty_test_enter(test, dest, S(RESUMING));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, blob, PAGE));
	mtty_test_enter(test, dest, S(STOP));
	mtty_test_expect_same(test, mtty, dest);
}

/* Pre-copy info */

static long precopy_info(struct kunit *test, struct file *filp,
			 struct vfio_precopy_info *info)
{
	void __user *arg = mtty_test_user(test);
	long ret;

	KUNIT_ASSERT_EQ(test, 0, copy_to_user(arg, info, sizeof(*info)));
	ret = filp->f_op->unlocked_ioctl(filp, VFIO_MIG_GET_PRECOPY_INFO,
					 (unsigned long)arg);
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(info, arg, sizeof(*info)));
	return ret;
}

static void expect_info(struct kunit *test, struct file *filp,
			u64 initial_bytes, u64 dirty_bytes)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info) };

	KUNIT_ASSERT_EQ(test, 0, precopy_info(test, filp, &info));
	KUNIT_EXPECT_EQ(test, initial_bytes, info.initial_bytes);
	KUNIT_EXPECT_EQ(test, dirty_bytes, info.dirty_bytes);
}

static void info_initial_falls_as_it_is_read(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	u64 left = MTTY_TEST_HEADER_LEN + 8 * MTTY_TEST_PAGE_SIZE;
	ssize_t ret;

	expect_info(test, filp, left, 0);
	while ((ret = mtty_test_fd_read(filp, mtty_test_user(test), 999)) > 0) {
		left -= ret;
		expect_info(test, filp, left, 0);
	}
	KUNIT_EXPECT_EQ(test, -ENOMSG, ret);
	KUNIT_EXPECT_EQ(test, 0, left);
}

static void info_initial_is_not_zero_for_an_empty_device(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_device(test, MTTY_MIG_TYPE_FULL,
						    0);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));

	expect_info(test, filp, MTTY_TEST_HEADER_LEN, 0);
}

static void info_dirty_follows_writes(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	u64 initial = MTTY_TEST_HEADER_LEN + 8 * MTTY_TEST_PAGE_SIZE;

	/* Even pages have content, odd ones have none */
	mtty_test_dirty(test, mtty, 1 * PAGE, 1);
	expect_info(test, filp, initial, MTTY_TEST_PAGE_SIZE);
	mtty_test_dirty(test, mtty, 1 * PAGE + 1, 1);
	expect_info(test, filp, initial, MTTY_TEST_PAGE_SIZE);
	mtty_test_dirty(test, mtty, 3 * PAGE, 1);
	expect_info(test, filp, initial, 2 * MTTY_TEST_PAGE_SIZE);
	/* It belongs to the first pass as it is */
	mtty_test_dirty(test, mtty, 2 * PAGE, 1);
	expect_info(test, filp, initial, 2 * MTTY_TEST_PAGE_SIZE);
	mtty_test_dirty(test, mtty, 3 * PAGE, 0);
	expect_info(test, filp, initial,
		    MTTY_TEST_PAGE_SIZE + MTTY_TEST_ZERO_SIZE);
}

static void info_dirty_falls_as_it_is_read(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob = mtty_test_room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));

	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	expect_info(test, filp, 0, 0);
	mtty_test_dirty(test, mtty, 2 * PAGE, 0x99);
	expect_info(test, filp, 0, MTTY_TEST_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, 100, mtty_test_fd_read(filp, mtty_test_user(test),
						     100));
	expect_info(test, filp, 0, MTTY_TEST_PAGE_SIZE - 100);
	/* The record that is being read is not what is in memory now */
	mtty_test_dirty(test, mtty, 2 * PAGE, 0x98);
	expect_info(test, filp, 0, 2 * MTTY_TEST_PAGE_SIZE - 100);
	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	expect_info(test, filp, 0, 0);
}

static void info_is_what_is_then_read(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob = mtty_test_room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, 1);
	for (i = 0; i < 50; i++) {
		struct vfio_precopy_info info = { .argsz = sizeof(info) };
		u32 r = prandom_u32_state(&rnd);

		mtty_test_dirty(test, mtty, r % SZ_64K, r >> 30);
		if (r & BIT(20))
			mtty_test_fd_read(filp, mtty_test_user(test),
					  r % 9000);
		if (r & BIT(21))
			continue;
		KUNIT_ASSERT_EQ(test, 0, precopy_info(test, filp, &info));
		blob->len = 0;
		KUNIT_ASSERT_EQ(test, -ENOMSG,
				mtty_test_save(test, filp, blob, 3000));
		KUNIT_EXPECT_EQ(test, info.initial_bytes + info.dirty_bytes,
				blob->len);
		expect_info(test, filp, 0, 0);
	}
}

static void info_works_in_pre_copy_p2p(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct file *filp;

	mtty_test_enter(test, mtty, S(RUNNING_P2P));
	filp = mtty_test_enter(test, mtty, S(PRE_COPY_P2P));
	expect_info(test, filp,
		    MTTY_TEST_HEADER_LEN + 8 * MTTY_TEST_PAGE_SIZE, 0);
}

struct argsz {
	const char *name;
	u32 argsz;
	long ret;
};

static const struct argsz argszs[] = {
	{ "0", 0, -EINVAL },
	{ "one too few", sizeof(struct vfio_precopy_info) - 1, -EINVAL },
	{ "as it is", sizeof(struct vfio_precopy_info), 0 },
	{ "a newer one", sizeof(struct vfio_precopy_info) + 8, 0 },
};

KUNIT_ARRAY_PARAM_DESC(argszs, argszs, name);

static void info_argsz(struct kunit *test)
{
	const struct argsz *p = test->param_value;
	struct mtty_device *mtty = mtty_test_filled(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	struct vfio_precopy_info info = { .argsz = p->argsz };

	KUNIT_EXPECT_EQ(test, p->ret, precopy_info(test, filp, &info));
	KUNIT_EXPECT_EQ(test, p->argsz, info.argsz);
}

static void info_bad_argument(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	unsigned long bad = (unsigned long)mtty_test_bad_user(test);

	KUNIT_EXPECT_EQ(test, -EFAULT,
			filp->f_op->unlocked_ioctl(filp,
						   VFIO_MIG_GET_PRECOPY_INFO,
						   bad));
}

static void info_is_for_pre_copy_only(struct kunit *test)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info) };
	struct mtty_device *mtty = mtty_test_filled(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));

	mtty_test_enter(test, mtty, S(STOP_COPY));
	KUNIT_EXPECT_EQ(test, -EINVAL, precopy_info(test, filp, &info));
	mtty_test_enter(test, mtty, S(STOP));
	filp = mtty_test_enter(test, mtty, S(STOP_COPY));
	KUNIT_EXPECT_EQ(test, -EINVAL, precopy_info(test, filp, &info));
	mtty_test_enter(test, mtty, S(STOP));
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	KUNIT_EXPECT_EQ(test, -EINVAL, precopy_info(test, filp, &info));
}

static void ioctl_unknown(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	unsigned long arg = (unsigned long)mtty_test_user(test);

	KUNIT_EXPECT_EQ(test, -ENOTTY,
			filp->f_op->unlocked_ioctl(filp, VFIO_DEVICE_RESET,
						   arg));
	mtty_test_reset(test, mtty);
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	KUNIT_EXPECT_EQ(test, -ENOTTY,
			filp->f_op->unlocked_ioctl(filp, VFIO_DEVICE_RESET,
						   arg));
}

/* Size of the data */

/**
 * struct data_size - when the size is asked for
 * @name: of the case
 * @state: the state
 * @read: bytes that were read of the session before
 * @enomsg: all was read
 * @dirty: pages that were written then
 */
struct data_size {
	const char *name;
	unsigned int state;
	size_t read;
	bool enomsg;
	unsigned int dirty;
};

static const struct data_size data_sizes[] = {
	{ "RUNNING", S(RUNNING) },
	{ "RUNNING_P2P", S(RUNNING_P2P) },
	{ "STOP", S(STOP) },
	{ "PRE_COPY", S(PRE_COPY) },
	{ "PRE_COPY, some read", S(PRE_COPY), 10000 },
	{ "PRE_COPY, all read", S(PRE_COPY), 0, true },
	{ "PRE_COPY, some read, written", S(PRE_COPY), 10000, false, 5 },
	{ "PRE_COPY, all read, written", S(PRE_COPY), 0, true, 5 },
	{ "PRE_COPY_P2P", S(PRE_COPY_P2P) },
	{ "PRE_COPY_P2P, some read, written", S(PRE_COPY_P2P), 5, false, 5 },
	{ "PRE_COPY_P2P, all read, written", S(PRE_COPY_P2P), 0, true, 5 },
	{ "STOP_COPY", S(STOP_COPY) },
	{ "STOP_COPY, some read", S(STOP_COPY), 10000 },
	{ "STOP_COPY, all but the last byte read", S(STOP_COPY),
	  MTTY_TEST_MIN_SIZE + 8 * MTTY_TEST_PAGE_SIZE - 1 },
	{ "STOP_COPY, all read", S(STOP_COPY), 0, true },
};

KUNIT_ARRAY_PARAM_DESC(data_sizes, data_sizes, name);

static void data_size_in(struct kunit *test)
{
	const struct data_size *p = test->param_value;
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob = mtty_test_room(test);
	struct file *filp = mtty_test_enter(test, mtty, p->state);
	unsigned long size;
	unsigned int i;

	if (p->read)
		KUNIT_ASSERT_EQ(test, p->read,
				mtty_test_fd_read(filp, mtty_test_user(test),
						  p->read));
	if (p->enomsg)
		mtty_test_save(test, filp, blob, PAGE);
	for (i = 0; i < p->dirty; i++)
		mtty_test_dirty(test, mtty, i * 3 * PAGE, i + 1);

	/* A VMM takes 0 for a device that cannot tell */
	size = mtty_test_data_size(test, mtty);
	KUNIT_EXPECT_GE(test, size, 1);
	filp = mtty_test_enter(test, mtty, S(STOP_COPY)) ?: filp;
	/* The next question gets the same answer */
	KUNIT_EXPECT_EQ(test, size, mtty_test_data_size(test, mtty));
	blob->len = 0;
	KUNIT_EXPECT_EQ(test, 0, mtty_test_save(test, filp, blob, PAGE));
	/* An estimate may be more; this device has no reason to */
	KUNIT_EXPECT_EQ(test, max_t(size_t, blob->len, 1), size);
}

static void data_size_in_resuming(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob;
	struct file *filp;

	blob = mtty_test_other_stream(test, NULL);
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	KUNIT_EXPECT_GE(test, mtty_test_data_size(test, mtty), 1);
	KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, blob, PAGE));
	KUNIT_EXPECT_GE(test, mtty_test_data_size(test, mtty), 1);
	mtty_test_enter(test, mtty, S(STOP));
	KUNIT_EXPECT_EQ(test, blob->len, mtty_test_data_size(test, mtty));
}

static void data_size_after_giving_up_pre_copy(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob = mtty_test_room(test);
	unsigned long size = mtty_test_data_size(test, mtty);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));

	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	mtty_test_enter(test, mtty, S(RUNNING));
	KUNIT_EXPECT_EQ(test, size, mtty_test_data_size(test, mtty));
}

/* What a long cannot tell where it has 32 bits is not told as something small */
static void data_size_of_4_gib(struct kunit *test)
{
	/* The last ones whose stream is shorter, the first ones with a longer one */
	const unsigned int most = div_u64((1ULL << 32) - MTTY_TEST_MIN_SIZE,
					  MTTY_TEST_PAGE_SIZE);
	const unsigned int nr_pages[] = { most, most + 1, most + 1000 };
	struct mtty_device *mtty = mtty_test_filled(test);
	unsigned long real = mtty->mem->nr_pages;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nr_pages); i++) {
		u64 len = (u64)nr_pages[i] * MTTY_TEST_PAGE_SIZE +
			  MTTY_TEST_MIN_SIZE;

		mtty->mem->nr_pages = nr_pages[i];
		KUNIT_EXPECT_EQ(test, min_t(u64, len, ULONG_MAX),
				mtty_test_data_size(test, mtty));
	}
	mtty->mem->nr_pages = real;
}

static void data_size_while_closed(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_get(test, MTTY_MIG_TYPE_FULL,
						 SZ_64K);

	KUNIT_EXPECT_EQ(test, MTTY_TEST_MIN_SIZE,
			mtty_test_data_size(test, mtty));
}

static struct kunit_case migf_read_cases[] = {
	KUNIT_CASE(read_is_what_the_description_says),
	KUNIT_CASE(read_in_stop_copy_ends_with_end_of_file),
	KUNIT_CASE(read_in_pre_copy_ends_with_enomsg),
	KUNIT_CASE(read_of_an_empty_device_in_pre_copy),
	KUNIT_CASE(read_goes_on_after_enomsg),
	KUNIT_CASE(read_in_pieces_is_the_same),
	KUNIT_CASE(read_of_nothing),
	KUNIT_CASE(read_into_a_bad_buffer_loses_nothing),
	KUNIT_CASE(read_tells_that_a_page_became_zero),
	KUNIT_CASE(info_initial_falls_as_it_is_read),
	KUNIT_CASE(info_initial_is_not_zero_for_an_empty_device),
	KUNIT_CASE(info_dirty_follows_writes),
	KUNIT_CASE(info_dirty_falls_as_it_is_read),
	KUNIT_CASE(info_is_what_is_then_read),
	KUNIT_CASE(info_works_in_pre_copy_p2p),
	KUNIT_CASE_PARAM(info_argsz, argszs_gen_params),
	KUNIT_CASE(info_bad_argument),
	KUNIT_CASE(info_is_for_pre_copy_only),
	KUNIT_CASE(ioctl_unknown),
	KUNIT_CASE_PARAM(data_size_in, data_sizes_gen_params),
	KUNIT_CASE(data_size_in_resuming),
	KUNIT_CASE(data_size_after_giving_up_pre_copy),
	KUNIT_CASE(data_size_of_4_gib),
	KUNIT_CASE(data_size_while_closed),
	{}
};

static struct kunit_suite migf_read_suite = {
	.name = "mtty_mig_migf_read",
	.test_cases = migf_read_cases,
};

kunit_test_suite(migf_read_suite);
