// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data fd: what poll() says of it, and how long it lives; and whole
 * migrations, from one data fd to another.
 */
#include <linux/uaccess.h>

#include "sessions.h"

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
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob = mtty_test_room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));

	MTTY_TEST_EXPECT_EVENTS(test, READABLE, filp);
	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	MTTY_TEST_EXPECT_EVENTS(test, 0, filp);
	mtty_test_dirty(test, mtty, PAGE, 1);
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
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob = mtty_test_room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(STOP_COPY));

	MTTY_TEST_EXPECT_EVENTS(test, READABLE, filp);
	KUNIT_EXPECT_EQ(test, 0, mtty_test_save(test, filp, blob, PAGE));
	MTTY_TEST_EXPECT_EVENTS(test, READABLE, filp);
}

static void poll_in_resuming_is_always_writable(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
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
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob = mtty_test_room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	struct waiter *w;

	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	w = wait(test, filp);
	KUNIT_EXPECT_EQ(test, 0, w->wakes);
	mtty_test_dirty(test, mtty, PAGE, 1);
	KUNIT_EXPECT_GT(test, w->wakes, 0);
	MTTY_TEST_EXPECT_EVENTS(test, READABLE, filp);
}

static void poll_is_woken_by_stop_copy(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob = mtty_test_room(test);
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
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob = mtty_test_room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(PRE_COPY));
	struct waiter *w;

	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	w = wait(test, filp);
	mtty_test_reset(test, mtty);
	KUNIT_EXPECT_GT(test, w->wakes, 0);
	MTTY_TEST_EXPECT_EVENTS(test, EPOLLERR | EPOLLHUP, filp);
}

/* Life */

static const struct mtty_test_state sessions[] = {
	MTTY_TEST_STATE(PRE_COPY),
	MTTY_TEST_STATE(PRE_COPY_P2P),
	MTTY_TEST_STATE(STOP_COPY),
	MTTY_TEST_STATE(RESUMING),
};

KUNIT_ARRAY_PARAM_DESC(sessions, sessions, name);

static void fd_is_dead_after_reset(struct kunit *test)
{
	const struct mtty_test_state *p = test->param_value;
	struct mtty_device *mtty = mtty_test_filled(test);
	struct file *filp = mtty_test_enter(test, mtty, p->state);

	KUNIT_EXPECT_FALSE(test, mtty_test_fd_dead(test, filp));
	mtty_test_reset(test, mtty);
	KUNIT_EXPECT_TRUE(test, mtty_test_fd_dead(test, filp));
}

static void fd_is_dead_while_another_lives(struct kunit *test)
{
	const struct mtty_test_state *p = test->param_value;
	struct mtty_device *mtty = mtty_test_filled(test);
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
	const struct mtty_test_state *p = test->param_value;
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
		struct mtty_test_blob *blob = mtty_test_other_stream(test, NULL);

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
	const struct mtty_test_state *p = test->param_value;
	struct mtty_device *mtty = mtty_test_filled(test);
	struct file *filp = mtty_test_enter(test, mtty, p->state);

	mtty_test_put_file(test, filp);
	KUNIT_EXPECT_EQ(test, p->state, mtty_test_get_state(mtty));
	mtty_test_reset(test, mtty);
	KUNIT_EXPECT_NOT_NULL(test, mtty_test_enter(test, mtty, p->state));
}

static void fd_is_for_one_direction(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
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
	struct mtty_test_blob *blob = mtty_test_room(test);
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
			mtty_test_dirty(test, source,
					(i * 5003) & (p->mem_size - 1), i % 7);
		mtty_test_uart_write(test, source, i % 8, i);
	}
	mtty_test_enter(test, source, S(STOP_COPY));
	KUNIT_ASSERT_EQ(test, 0, mtty_test_save(test, filp, blob, 5000));
	load_into(test, dest, blob);
	mtty_test_expect_same(test, source, dest);

	/* And again without pre-copy */
	mtty_test_enter(test, source, S(STOP));
	blob = mtty_test_save_all(test, source);
	mtty_test_reset(test, dest);
	load_into(test, dest, blob);
	mtty_test_expect_same(test, source, dest);
}

/* What was received can be sent on */
static void migrate_on_from_the_destination(struct kunit *test)
{
	struct mtty_device *source = mtty_test_filled(test);
	struct mtty_device *dest = mtty_test_filled(test);
	struct mtty_test_blob *first, *second;

	mtty_test_enter(test, source, S(STOP));
	first = mtty_test_save_all(test, source);
	load_into(test, dest, first);
	second = mtty_test_save_all(test, dest);
	KUNIT_ASSERT_EQ(test, first->len, second->len);
	KUNIT_EXPECT_EQ(test, -1,
			mtty_test_diff(first->data, second->data, first->len));
}

static void migrate_after_giving_up_pre_copy(struct kunit *test)
{
	struct mtty_device *source = mtty_test_filled(test);
	struct mtty_device *dest = mtty_test_filled(test);
	struct mtty_test_blob *blob = mtty_test_room(test);
	struct file *filp = mtty_test_enter(test, source, S(PRE_COPY));

	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	mtty_test_dirty(test, source, 2 * PAGE, 0);
	mtty_test_dirty(test, source, 3 * PAGE, 3);
	mtty_test_enter(test, source, S(RUNNING));

	/* All pages are to be sent anew */
	blob->len = 0;
	filp = mtty_test_enter(test, source, S(PRE_COPY));
	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, PAGE));
	mtty_test_enter(test, source, S(STOP_COPY));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_save(test, filp, blob, PAGE));
	load_into(test, dest, blob);
	mtty_test_expect_same(test, source, dest);
}

static struct kunit_case migf_cases[] = {
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
