// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data fd: what is read from it and written to it, what it answers in
 * which state, and how long it lives.
 */
#include <linux/math64.h>
#include <linux/serial_reg.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "helpers.h"

#define S(state)	VFIO_DEVICE_STATE_##state
#define PAGE		4096

static struct mtty_device *filled(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_device(test, MTTY_MIG_TYPE_FULL,
						    SZ_64K);

	mtty_test_fill(test, mtty, 1);
	return mtty;
}

static struct mtty_test_blob *room(struct kunit *test)
{
	return mtty_test_blob(test, SZ_256K);
}

/* Write to device memory, as a guest does */
static void dirty(struct kunit *test, struct mtty_device *mtty, u64 offset,
		  u8 val)
{
	KUNIT_ASSERT_EQ(test, 1,
			mtty_test_region_write(test, mtty, MTTY_MIG_MEM_BAR,
					       offset, &val, 1));
}

/* A whole stream of a device that is in STOP */
static struct mtty_test_blob *save(struct kunit *test, struct mtty_device *mtty)
{
	struct mtty_test_blob *blob = room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(STOP_COPY));

	KUNIT_ASSERT_NOT_NULL(test, filp);
	KUNIT_ASSERT_EQ(test, 0, mtty_test_save(test, filp, blob,
						MTTY_TEST_USER_SIZE));
	mtty_test_enter(test, mtty, S(STOP));
	return blob;
}

/* The stream of a device like filled() with other content */
static struct mtty_test_blob *other_stream(struct kunit *test, u64 *digest)
{
	struct mtty_device *source = mtty_test_create(test, MTTY_MIG_TYPE_FULL,
						      SZ_64K);
	struct mtty_test_blob *blob = room(test);

	mtty_test_fill(test, source, 77);
	mtty_test_put_all(test, blob, MTTY_MIG_TYPE_FULL, source->mem,
			  &source->hw);
	if (digest)
		*digest = mtty_card_digest(source);
	return blob;
}

static void expect_same(struct kunit *test, struct mtty_device *a,
			struct mtty_device *b)
{
	KUNIT_EXPECT_EQ(test, mtty_card_digest(a), mtty_card_digest(b));
	KUNIT_EXPECT_TRUE(test, mtty_test_hw_equal(&a->hw, &b->hw));
	KUNIT_EXPECT_EQ(test, a->mem->nr_pages, b->mem->nr_pages);
}

/* Reading */

static void read_is_what_the_description_says(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *expected = room(test), *blob;

	mtty_test_enter(test, mtty, S(STOP));
	mtty_test_put_all(test, expected, MTTY_MIG_TYPE_FULL, mtty->mem,
			  &mtty->hw);
	blob = save(test, mtty);
	KUNIT_ASSERT_EQ(test, expected->len, blob->len);
	KUNIT_EXPECT_EQ(test, -1,
			mtty_test_diff(expected->data, blob->data, blob->len));
}

static void read_in_stop_copy_ends_with_end_of_file(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob = room(test);
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
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob = room(test);
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
	struct mtty_test_blob *blob = room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));

	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, 1));
	KUNIT_EXPECT_EQ(test, MTTY_TEST_HEADER_LEN, blob->len);
	mtty_test_enter(test, mtty, S(STOP_COPY));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_save(test, filp, blob, 1));
	KUNIT_EXPECT_EQ(test, MTTY_TEST_MIN_SIZE, blob->len);
}

static void read_goes_on_after_enomsg(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob = room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));

	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	dirty(test, mtty, 3 * PAGE + 5, 0x33);
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
	struct mtty_test_blob *blob = room(test), *whole;
	unsigned int i;

	mtty_test_fill(test, mtty, 1);
	mtty_test_enter(test, mtty, S(STOP));
	whole = save(test, mtty);
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
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob = room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));

	KUNIT_EXPECT_EQ(test, 0, mtty_test_fd_read(filp, mtty_test_user(test),
						   0));
	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	KUNIT_EXPECT_EQ(test, MTTY_TEST_HEADER_LEN + 8 * MTTY_TEST_PAGE_SIZE,
			blob->len);
}

static void read_into_a_bad_buffer_loses_nothing(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob = room(test), *whole;
	void __user *bad = mtty_test_bad_user(test);
	struct file *filp;
	ssize_t ret;

	mtty_test_enter(test, mtty, S(STOP));
	whole = save(test, mtty);
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
	struct mtty_test_blob *blob = room(test);
	struct file *filp;

	dirty(test, mtty, PAGE, 1);
	filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	dirty(test, mtty, PAGE, 0);
	mtty_test_enter(test, mtty, S(STOP_COPY));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_save(test, filp, blob, PAGE));
	KUNIT_EXPECT_EQ(test, MTTY_TEST_MIN_SIZE + MTTY_TEST_PAGE_SIZE +
			MTTY_TEST_ZERO_SIZE, blob->len);

	filp = mtty_test_enter(test, dest, S(RESUMING));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, blob, PAGE));
	mtty_test_enter(test, dest, S(STOP));
	expect_same(test, mtty, dest);
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
	struct mtty_device *mtty = filled(test);
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
	struct mtty_device *mtty = filled(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	u64 initial = MTTY_TEST_HEADER_LEN + 8 * MTTY_TEST_PAGE_SIZE;

	/* Even pages have content, odd ones have none */
	dirty(test, mtty, 1 * PAGE, 1);
	expect_info(test, filp, initial, MTTY_TEST_PAGE_SIZE);
	dirty(test, mtty, 1 * PAGE + 1, 1);
	expect_info(test, filp, initial, MTTY_TEST_PAGE_SIZE);
	dirty(test, mtty, 3 * PAGE, 1);
	expect_info(test, filp, initial, 2 * MTTY_TEST_PAGE_SIZE);
	/* It belongs to the first pass as it is */
	dirty(test, mtty, 2 * PAGE, 1);
	expect_info(test, filp, initial, 2 * MTTY_TEST_PAGE_SIZE);
	dirty(test, mtty, 3 * PAGE, 0);
	expect_info(test, filp, initial,
		    MTTY_TEST_PAGE_SIZE + MTTY_TEST_ZERO_SIZE);
}

static void info_dirty_falls_as_it_is_read(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob = room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));

	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	expect_info(test, filp, 0, 0);
	dirty(test, mtty, 2 * PAGE, 0x99);
	expect_info(test, filp, 0, MTTY_TEST_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, 100, mtty_test_fd_read(filp, mtty_test_user(test),
						     100));
	expect_info(test, filp, 0, MTTY_TEST_PAGE_SIZE - 100);
	/* The record that is being read is not what is in memory now */
	dirty(test, mtty, 2 * PAGE, 0x98);
	expect_info(test, filp, 0, 2 * MTTY_TEST_PAGE_SIZE - 100);
	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	expect_info(test, filp, 0, 0);
}

static void info_is_what_is_then_read(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob = room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, 1);
	for (i = 0; i < 50; i++) {
		struct vfio_precopy_info info = { .argsz = sizeof(info) };
		u32 r = prandom_u32_state(&rnd);

		dirty(test, mtty, r % SZ_64K, r >> 30);
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
	struct mtty_device *mtty = filled(test);
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
	struct mtty_device *mtty = filled(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	struct vfio_precopy_info info = { .argsz = p->argsz };

	KUNIT_EXPECT_EQ(test, p->ret, precopy_info(test, filp, &info));
	KUNIT_EXPECT_EQ(test, p->argsz, info.argsz);
}

static void info_bad_argument(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
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
	struct mtty_device *mtty = filled(test);
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
	struct mtty_device *mtty = filled(test);
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

/* Poll */

#define READABLE	(EPOLLIN | EPOLLRDNORM)
#define WRITABLE	(EPOLLOUT | EPOLLWRNORM)

/* Somebody who waits in poll() */
struct waiter {
	poll_table table;
	wait_queue_head_t *head;
	wait_queue_entry_t entry;
	unsigned int wakes;
};

static int waiter_wake(wait_queue_entry_t *entry, unsigned int mode, int flags,
		       void *key)
{
	container_of(entry, struct waiter, entry)->wakes++;
	return 1;
}

static void waiter_queue(struct file *filp, wait_queue_head_t *head,
			 poll_table *table)
{
	struct waiter *w = container_of(table, struct waiter, table);

	w->head = head;
	init_waitqueue_func_entry(&w->entry, waiter_wake);
	add_wait_queue(head, &w->entry);
}

static void waiter_remove(void *data)
{
	struct waiter *w = data;

	if (w->head)
		remove_wait_queue(w->head, &w->entry);
}

/* Wait for something that is not there */
static struct waiter *wait(struct kunit *test, struct file *filp)
{
	struct waiter *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, waiter_remove,
							   w));
	init_poll_funcptr(&w->table, waiter_queue);
	vfs_poll(filp, &w->table);
	KUNIT_ASSERT_NOT_NULL(test, w->head);
	return w;
}

static void poll_in_pre_copy(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob = room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));

	MTTY_TEST_EXPECT_EVENTS(test, READABLE, filp);
	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	MTTY_TEST_EXPECT_EVENTS(test, 0, filp);
	dirty(test, mtty, PAGE, 1);
	MTTY_TEST_EXPECT_EVENTS(test, READABLE, filp);
	/* As long as one byte is left */
	KUNIT_EXPECT_EQ(test, MTTY_TEST_PAGE_SIZE - 1,
			mtty_test_fd_read(filp, mtty_test_user(test),
					  MTTY_TEST_PAGE_SIZE - 1));
	MTTY_TEST_EXPECT_EVENTS(test, READABLE, filp);
	KUNIT_EXPECT_EQ(test, 1,
			mtty_test_fd_read(filp, mtty_test_user(test), 1));
	MTTY_TEST_EXPECT_EVENTS(test, 0, filp);
}

static void poll_in_stop_copy_is_always_readable(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob = room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(STOP_COPY));

	MTTY_TEST_EXPECT_EVENTS(test, READABLE, filp);
	KUNIT_EXPECT_EQ(test, 0, mtty_test_save(test, filp, blob, PAGE));
	MTTY_TEST_EXPECT_EVENTS(test, READABLE, filp);
}

static void poll_in_resuming_is_always_writable(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct file *filp = mtty_test_enter(test, mtty, S(RESUMING));

	MTTY_TEST_EXPECT_EVENTS(test, WRITABLE, filp);
	/* What is wrong with the stream is for write() to tell */
	KUNIT_ASSERT_EQ(test, 0, clear_user(mtty_test_user(test), 100));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			mtty_test_fd_write(filp, mtty_test_user(test), 100));
	MTTY_TEST_EXPECT_EVENTS(test, WRITABLE, filp);
}

static void poll_is_woken_by_a_write_to_memory(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob = room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	struct waiter *w;

	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	w = wait(test, filp);
	KUNIT_EXPECT_EQ(test, 0, w->wakes);
	dirty(test, mtty, PAGE, 1);
	KUNIT_EXPECT_GT(test, w->wakes, 0);
	MTTY_TEST_EXPECT_EVENTS(test, READABLE, filp);
}

static void poll_is_woken_by_stop_copy(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob = room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	struct waiter *w;

	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	w = wait(test, filp);
	mtty_test_enter(test, mtty, S(STOP_COPY));
	KUNIT_EXPECT_GT(test, w->wakes, 0);
	MTTY_TEST_EXPECT_EVENTS(test, READABLE, filp);
}

static void poll_is_woken_by_the_end_of_the_session(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob = room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	struct waiter *w;

	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	w = wait(test, filp);
	mtty_test_reset(test, mtty);
	KUNIT_EXPECT_GT(test, w->wakes, 0);
	MTTY_TEST_EXPECT_EVENTS(test, EPOLLERR | EPOLLHUP, filp);
}

/* Life */

struct state {
	const char *name;
	unsigned int state;
};

static const struct state sessions[] = {
	{ "PRE_COPY", VFIO_DEVICE_STATE_PRE_COPY },
	{ "PRE_COPY_P2P", VFIO_DEVICE_STATE_PRE_COPY_P2P },
	{ "STOP_COPY", VFIO_DEVICE_STATE_STOP_COPY },
	{ "RESUMING", VFIO_DEVICE_STATE_RESUMING },
};

KUNIT_ARRAY_PARAM_DESC(sessions, sessions, name);

static void fd_is_dead_after_reset(struct kunit *test)
{
	const struct state *p = test->param_value;
	struct mtty_device *mtty = filled(test);
	struct file *filp = mtty_test_enter(test, mtty, p->state);

	KUNIT_EXPECT_FALSE(test, mtty_test_fd_dead(test, filp));
	mtty_test_reset(test, mtty);
	KUNIT_EXPECT_TRUE(test, mtty_test_fd_dead(test, filp));
}

static void fd_is_dead_while_another_lives(struct kunit *test)
{
	const struct state *p = test->param_value;
	struct mtty_device *mtty = filled(test);
	struct file *old = mtty_test_enter(test, mtty, p->state), *new;

	mtty_test_reset(test, mtty);
	new = mtty_test_enter(test, mtty, p->state);
	KUNIT_EXPECT_PTR_NE(test, old, new);
	KUNIT_EXPECT_TRUE(test, mtty_test_fd_dead(test, old));
	KUNIT_EXPECT_FALSE(test, mtty_test_fd_dead(test, new));
	mtty_test_put_file(test, old);
	KUNIT_EXPECT_FALSE(test, mtty_test_fd_dead(test, new));
}

/* What it would touch then is gone, and KASAN sees it */
static void fd_outlives_the_device(struct kunit *test)
{
	const struct state *p = test->param_value;
	struct mtty_device *mtty = mtty_test_create(test, MTTY_MIG_TYPE_FULL,
						    SZ_64K);
	struct file *filp;
	struct waiter *w;

	mtty_test_open(test, mtty);
	mtty_test_fill(test, mtty, 1);
	filp = mtty_test_enter(test, mtty, p->state);
	w = wait(test, filp);
	/* In the middle of something */
	if (p->state == S(RESUMING)) {
		struct mtty_test_blob *blob = other_stream(test, NULL);

		blob->len /= 2;
		KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, blob,
							PAGE));
	} else {
		KUNIT_EXPECT_EQ(test, 6000,
				mtty_test_fd_read(filp, mtty_test_user(test),
						  6000));
	}
	mtty_test_close(test, mtty);
	mtty_test_destroy(test, mtty);

	KUNIT_EXPECT_GT(test, w->wakes, 0);
	KUNIT_EXPECT_TRUE(test, mtty_test_fd_dead(test, filp));
	kunit_release_action(test, waiter_remove, w);
	mtty_test_put_file(test, filp);
}

static void fd_closed_in_the_middle(struct kunit *test)
{
	const struct state *p = test->param_value;
	struct mtty_device *mtty = filled(test);
	struct file *filp = mtty_test_enter(test, mtty, p->state);

	mtty_test_put_file(test, filp);
	KUNIT_EXPECT_EQ(test, p->state, mtty_test_get_state(mtty));
	mtty_test_reset(test, mtty);
	KUNIT_EXPECT_NOT_NULL(test, mtty_test_enter(test, mtty, p->state));
}

static void fd_is_for_one_direction(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));

	KUNIT_EXPECT_TRUE(test, filp->f_mode & FMODE_READ);
	KUNIT_EXPECT_FALSE(test, filp->f_mode & FMODE_WRITE);
	/* A stream has no position */
	KUNIT_EXPECT_FALSE(test, filp->f_mode & (FMODE_LSEEK | FMODE_PREAD |
						 FMODE_PWRITE));
	mtty_test_reset(test, mtty);
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	KUNIT_EXPECT_TRUE(test, filp->f_mode & FMODE_WRITE);
	KUNIT_EXPECT_FALSE(test, filp->f_mode & FMODE_READ);
	KUNIT_EXPECT_FALSE(test, filp->f_mode & (FMODE_LSEEK | FMODE_PREAD |
						 FMODE_PWRITE));
}

/* Writing */

static void write_loads_what_was_saved(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob;
	struct file *filp;
	u64 digest;

	blob = other_stream(test, &digest);
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, blob,
						MTTY_TEST_USER_SIZE));
	mtty_test_enter(test, mtty, S(STOP));
	KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
	mtty_test_enter(test, mtty, S(RUNNING));
	KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
}

static void write_takes_effect_all_at_once(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob;
	struct file *filp;
	u64 digest, fresh;

	mtty_test_reset(test, mtty);
	fresh = mtty_card_digest(mtty);
	blob = other_stream(test, &digest);
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, blob, PAGE));
	KUNIT_EXPECT_EQ(test, fresh, mtty_card_digest(mtty));
	mtty_test_enter(test, mtty, S(STOP));
	KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
}

static void write_in_pieces_is_the_same(struct kunit *test)
{
	static const size_t sizes[] = { 61, 4096, MTTY_TEST_PAGE_SIZE };
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob;
	unsigned int i;
	u64 digest;

	blob = other_stream(test, &digest);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct file *filp = mtty_test_enter(test, mtty, S(RESUMING));

		KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, blob,
							sizes[i]));
		mtty_test_enter(test, mtty, S(STOP));
		KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
	}
}

static void write_error_is_sticky(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob;
	struct file *filp, *none;
	u64 digest;
	u8 *last;

	blob = other_stream(test, &digest);
	last = &blob->data[blob->len - 1];
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	*last ^= 1;
	KUNIT_EXPECT_EQ(test, -EBADMSG, mtty_test_load(test, filp, blob, PAGE));
	*last ^= 1;
	KUNIT_EXPECT_EQ(test, -EBADMSG, mtty_test_load(test, filp, blob, PAGE));
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			mtty_test_set_state(test, mtty, S(STOP), &none));
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			mtty_test_set_state(test, mtty, S(RUNNING), &none));
	KUNIT_EXPECT_EQ(test, S(RESUMING), mtty_test_get_state(mtty));
	KUNIT_EXPECT_FALSE(test, mtty_test_fd_dead(test, filp));

	/* A new session knows nothing of it */
	mtty_test_reset(test, mtty);
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, blob, PAGE));
	mtty_test_enter(test, mtty, S(STOP));
	KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
}

/* There may be no next write to tell it */
static void write_is_refused_by_the_call_that_has_the_error(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob;
	struct file *filp;

	blob = other_stream(test, NULL);
	blob->data[blob->len - 1] ^= 1;
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	KUNIT_ASSERT_LE(test, blob->len, MTTY_TEST_USER_SIZE);
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(mtty_test_user(test), blob->data,
					      blob->len));
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			mtty_test_fd_write(filp, mtty_test_user(test),
					   blob->len));
}

static void write_that_is_refused_leaves_a_reset_device(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob;
	struct file *filp;
	u64 fresh;

	mtty_test_reset(test, mtty);
	fresh = mtty_card_digest(mtty);
	mtty_test_fill(test, mtty, 1);
	blob = other_stream(test, NULL);
	blob->data[blob->len - 1] ^= 1;
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	KUNIT_EXPECT_EQ(test, -EBADMSG, mtty_test_load(test, filp, blob, PAGE));
	KUNIT_EXPECT_EQ(test, fresh, mtty_card_digest(mtty));
	mtty_test_reset(test, mtty);
	KUNIT_EXPECT_EQ(test, fresh, mtty_card_digest(mtty));
}

static void write_of_too_little_can_be_completed(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob, rest;
	struct file *filp, *none;
	u64 digest, fresh;
	size_t len;

	mtty_test_reset(test, mtty);
	fresh = mtty_card_digest(mtty);
	blob = other_stream(test, &digest);
	len = blob->len;
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	/* Nothing, some, all but the last byte, all */
	KUNIT_EXPECT_EQ(test, -ENODATA,
			mtty_test_set_state(test, mtty, S(STOP), &none));
	blob->len = 5000;
	KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, blob, PAGE));
	KUNIT_EXPECT_EQ(test, -ENODATA,
			mtty_test_set_state(test, mtty, S(RUNNING), &none));
	rest.data = blob->data + 5000;
	rest.len = len - 5000 - 1;
	KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, &rest, PAGE));
	KUNIT_EXPECT_EQ(test, -ENODATA,
			mtty_test_set_state(test, mtty, S(STOP), &none));
	KUNIT_EXPECT_EQ(test, S(RESUMING), mtty_test_get_state(mtty));
	KUNIT_EXPECT_EQ(test, fresh, mtty_card_digest(mtty));
	rest.data = blob->data + len - 1;
	rest.len = 1;
	KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, &rest, PAGE));
	mtty_test_enter(test, mtty, S(STOP));
	KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
}

static void write_of_too_much(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob;
	struct file *filp, *none;

	/* In a write of its own */
	blob = other_stream(test, NULL);
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, blob,
						MTTY_TEST_USER_SIZE));
	KUNIT_EXPECT_EQ(test, -E2BIG,
			mtty_test_fd_write(filp, mtty_test_user(test), 1));
	KUNIT_EXPECT_EQ(test, -E2BIG,
			mtty_test_set_state(test, mtty, S(STOP), &none));
	KUNIT_EXPECT_EQ(test, S(RESUMING), mtty_test_get_state(mtty));

	/* In the same write as the end of the stream */
	mtty_test_reset(test, mtty);
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	mtty_test_put(test, blob, "", 1);
	KUNIT_EXPECT_EQ(test, -E2BIG, mtty_test_load(test, filp, blob,
						     MTTY_TEST_USER_SIZE));
	KUNIT_EXPECT_EQ(test, -E2BIG,
			mtty_test_set_state(test, mtty, S(STOP), &none));
}

static void write_of_nothing(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob;
	struct file *filp;

	blob = other_stream(test, NULL);
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	KUNIT_EXPECT_EQ(test, 0,
			mtty_test_fd_write(filp, mtty_test_user(test), 0));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, blob, PAGE));
	/* After the end, too: it is not too much */
	KUNIT_EXPECT_EQ(test, 0,
			mtty_test_fd_write(filp, mtty_test_user(test), 0));
	mtty_test_enter(test, mtty, S(STOP));
}

static void write_from_a_bad_buffer_can_go_on(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	void __user *bad = mtty_test_bad_user(test);
	struct mtty_test_blob *blob, rest;
	struct file *filp;
	u64 digest;
	ssize_t ret;

	blob = other_stream(test, &digest);
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	KUNIT_EXPECT_EQ(test, -EFAULT, mtty_test_fd_write(filp, bad, 100));

	/* A buffer that ends within the second page's content */
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(bad - 6000, blob->data, 6000));
	ret = mtty_test_fd_write(filp, bad - 6000, blob->len);
	KUNIT_ASSERT_GT(test, ret, 0);
	KUNIT_ASSERT_LE(test, ret, 6000);
	KUNIT_EXPECT_EQ(test, -EFAULT, mtty_test_fd_write(filp, bad, 100));

	rest.data = blob->data + ret;
	rest.len = blob->len - ret;
	KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, &rest, PAGE));
	mtty_test_enter(test, mtty, S(STOP));
	KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
}

static void write_for_another_type(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_device(test, MTTY_MIG_TYPE_BASE,
						    SZ_64K);
	struct mtty_test_blob *blob = other_stream(test, NULL);
	struct file *filp = mtty_test_enter(test, mtty, S(RESUMING));

	KUNIT_EXPECT_EQ(test, -EMEDIUMTYPE, mtty_test_load(test, filp, blob,
							   PAGE));
}

static void write_for_another_size(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_device(test, MTTY_MIG_TYPE_FULL,
						    SZ_128K);
	struct mtty_test_blob *blob = other_stream(test, NULL);
	struct file *filp = mtty_test_enter(test, mtty, S(RESUMING));

	KUNIT_EXPECT_EQ(test, -EMSGSIZE, mtty_test_load(test, filp, blob,
							PAGE));
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
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob = room(test);
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
		dirty(test, mtty, i * 3 * PAGE, i + 1);

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
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob;
	struct file *filp;

	blob = other_stream(test, NULL);
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	KUNIT_EXPECT_GE(test, mtty_test_data_size(test, mtty), 1);
	KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, blob, PAGE));
	KUNIT_EXPECT_GE(test, mtty_test_data_size(test, mtty), 1);
	mtty_test_enter(test, mtty, S(STOP));
	KUNIT_EXPECT_EQ(test, blob->len, mtty_test_data_size(test, mtty));
}

static void data_size_after_giving_up_pre_copy(struct kunit *test)
{
	struct mtty_device *mtty = filled(test);
	struct mtty_test_blob *blob = room(test);
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
	struct mtty_device *mtty = filled(test);
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

/* Whole migrations */

struct migration {
	const char *name;
	enum mtty_mig_type type;
	u64 mem_size;
};

static const struct migration paths[] = {
	{ "precopy", MTTY_MIG_TYPE_PRECOPY, SZ_64K },
	{ "full", MTTY_MIG_TYPE_FULL, SZ_64K },
	{ "full, no memory", MTTY_MIG_TYPE_FULL, 0 },
};

KUNIT_ARRAY_PARAM_DESC(paths, paths, name);

static void load_into(struct kunit *test, struct mtty_device *mtty,
		      const struct mtty_test_blob *blob)
{
	struct file *filp = mtty_test_enter(test, mtty, S(RESUMING));

	KUNIT_ASSERT_NOT_NULL(test, filp);
	KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, blob, 5000));
	mtty_test_enter(test, mtty, S(STOP));
}

static void migrate_both_ways_to_the_same_device(struct kunit *test)
{
	const struct migration *p = test->param_value;
	struct mtty_device *source = mtty_test_device(test, p->type,
						      p->mem_size);
	struct mtty_device *dest = mtty_test_device(test, p->type,
						    p->mem_size);
	struct mtty_test_blob *blob = room(test);
	struct file *filp;
	unsigned int i;

	/* While it is running it changes, before and after it is read */
	mtty_test_fill(test, source, 1);
	filp = mtty_test_enter(test, source, S(PRE_COPY));
	for (i = 0; i < 100; i++) {
		ssize_t ret = mtty_test_fd_read(filp, mtty_test_user(test),
						777);

		KUNIT_ASSERT_TRUE(test, ret > 0 || ret == -ENOMSG);
		if (ret > 0) {
			KUNIT_ASSERT_EQ(test, 0,
					copy_from_user(blob->data + blob->len,
						       mtty_test_user(test),
						       ret));
			blob->len += ret;
		}
		if (p->mem_size)
			dirty(test, source, (i * 5003) & (p->mem_size - 1), i % 7);
		mtty_test_uart_write(test, source, i % 8, i);
	}
	mtty_test_enter(test, source, S(STOP_COPY));
	KUNIT_ASSERT_EQ(test, 0, mtty_test_save(test, filp, blob, 5000));
	load_into(test, dest, blob);
	expect_same(test, source, dest);

	/* And again without pre-copy */
	mtty_test_enter(test, source, S(STOP));
	blob = save(test, source);
	mtty_test_reset(test, dest);
	load_into(test, dest, blob);
	expect_same(test, source, dest);
}

/* What was received can be sent on */
static void migrate_on_from_the_destination(struct kunit *test)
{
	struct mtty_device *source = filled(test), *dest = filled(test);
	struct mtty_test_blob *first, *second;

	mtty_test_enter(test, source, S(STOP));
	first = save(test, source);
	load_into(test, dest, first);
	second = save(test, dest);
	KUNIT_ASSERT_EQ(test, first->len, second->len);
	KUNIT_EXPECT_EQ(test, -1,
			mtty_test_diff(first->data, second->data, first->len));
}

static void migrate_after_giving_up_pre_copy(struct kunit *test)
{
	struct mtty_device *source = filled(test), *dest = filled(test);
	struct mtty_test_blob *blob = room(test);
	struct file *filp = mtty_test_enter(test, source, S(PRE_COPY));

	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	dirty(test, source, 2 * PAGE, 0);
	dirty(test, source, 3 * PAGE, 3);
	mtty_test_enter(test, source, S(RUNNING));

	/* All pages are to be sent anew */
	blob->len = 0;
	filp = mtty_test_enter(test, source, S(PRE_COPY));
	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	mtty_test_enter(test, source, S(STOP_COPY));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_save(test, filp, blob, PAGE));
	load_into(test, dest, blob);
	expect_same(test, source, dest);
}

static struct kunit_case migf_cases[] = {
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
	KUNIT_CASE(poll_in_pre_copy),
	KUNIT_CASE(poll_in_stop_copy_is_always_readable),
	KUNIT_CASE(poll_in_resuming_is_always_writable),
	KUNIT_CASE(poll_is_woken_by_a_write_to_memory),
	KUNIT_CASE(poll_is_woken_by_stop_copy),
	KUNIT_CASE(poll_is_woken_by_the_end_of_the_session),
	KUNIT_CASE_PARAM(fd_is_dead_after_reset, sessions_gen_params),
	KUNIT_CASE_PARAM(fd_is_dead_while_another_lives, sessions_gen_params),
	KUNIT_CASE_PARAM(fd_outlives_the_device, sessions_gen_params),
	KUNIT_CASE_PARAM(fd_closed_in_the_middle, sessions_gen_params),
	KUNIT_CASE(fd_is_for_one_direction),
	KUNIT_CASE(write_loads_what_was_saved),
	KUNIT_CASE(write_takes_effect_all_at_once),
	KUNIT_CASE(write_in_pieces_is_the_same),
	KUNIT_CASE(write_error_is_sticky),
	KUNIT_CASE(write_is_refused_by_the_call_that_has_the_error),
	KUNIT_CASE(write_that_is_refused_leaves_a_reset_device),
	KUNIT_CASE(write_of_too_little_can_be_completed),
	KUNIT_CASE(write_of_too_much),
	KUNIT_CASE(write_of_nothing),
	KUNIT_CASE(write_from_a_bad_buffer_can_go_on),
	KUNIT_CASE(write_for_another_type),
	KUNIT_CASE(write_for_another_size),
	KUNIT_CASE_PARAM(data_size_in, data_sizes_gen_params),
	KUNIT_CASE(data_size_in_resuming),
	KUNIT_CASE(data_size_after_giving_up_pre_copy),
	KUNIT_CASE(data_size_of_4_gib),
	KUNIT_CASE(data_size_while_closed),
	KUNIT_CASE_PARAM(migrate_both_ways_to_the_same_device,
			 paths_gen_params),
	KUNIT_CASE(migrate_on_from_the_destination),
	KUNIT_CASE(migrate_after_giving_up_pre_copy),
	{}
};

static struct kunit_suite migf_suite = {
	.name = "mtty_mig_migf",
	.test_cases = migf_cases,
};

kunit_test_suite(migf_suite);
