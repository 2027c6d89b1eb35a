// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data fd of a device that is loaded: what may be written to it, and what
 * it refuses.
 */
#include <linux/uaccess.h>

#include "sessions.h"

/* Writing */

static void write_loads_what_was_saved(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob;
	struct file *filp;
	u64 digest;

	blob = mtty_test_other_stream(test, &digest);
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
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob;
	struct file *filp;
	u64 digest, fresh;

	mtty_test_reset(test, mtty);
	fresh = mtty_card_digest(mtty);
	blob = mtty_test_other_stream(test, &digest);
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_load(test, filp, blob, PAGE));
	KUNIT_EXPECT_EQ(test, fresh, mtty_card_digest(mtty));
	mtty_test_enter(test, mtty, S(STOP));
	KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
}

static void write_in_pieces_is_the_same(struct kunit *test)
{
	static const size_t sizes[] = { 61, 4096, MTTY_TEST_PAGE_SIZE };
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob;
	unsigned int i;
	u64 digest;

	blob = mtty_test_other_stream(test, &digest);
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
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob;
	struct file *filp, *none;
	u64 digest;
	u8 *last;

	blob = mtty_test_other_stream(test, &digest);
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
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob;
	struct file *filp;

	blob = mtty_test_other_stream(test, NULL);
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
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob;
	struct file *filp;
	u64 fresh;

	mtty_test_reset(test, mtty);
	fresh = mtty_card_digest(mtty);
	mtty_test_fill(test, mtty, 1);
	blob = mtty_test_other_stream(test, NULL);
	blob->data[blob->len - 1] ^= 1;
	filp = mtty_test_enter(test, mtty, S(RESUMING));
	KUNIT_EXPECT_EQ(test, -EBADMSG, mtty_test_load(test, filp, blob, PAGE));
	KUNIT_EXPECT_EQ(test, fresh, mtty_card_digest(mtty));
	mtty_test_reset(test, mtty);
	KUNIT_EXPECT_EQ(test, fresh, mtty_card_digest(mtty));
}

static void write_of_too_little_can_be_completed(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob, rest;
	struct file *filp, *none;
	u64 digest, fresh;
	size_t len;

	mtty_test_reset(test, mtty);
	fresh = mtty_card_digest(mtty);
	blob = mtty_test_other_stream(test, &digest);
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
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob;
	struct file *filp, *none;

	/* In a write of its own */
	blob = mtty_test_other_stream(test, NULL);
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
	struct mtty_device *mtty = mtty_test_filled(test);
	struct mtty_test_blob *blob;
	struct file *filp;

	blob = mtty_test_other_stream(test, NULL);
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
	struct mtty_device *mtty = mtty_test_filled(test);
	void __user *bad = mtty_test_bad_user(test);
	struct mtty_test_blob *blob, rest;
	struct file *filp;
	u64 digest;
	ssize_t ret;

	blob = mtty_test_other_stream(test, &digest);
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
	struct mtty_test_blob *blob = mtty_test_other_stream(test, NULL);
	struct file *filp = mtty_test_enter(test, mtty, S(RESUMING));

	KUNIT_EXPECT_EQ(test, -EMEDIUMTYPE, mtty_test_load(test, filp, blob,
							   PAGE));
}

static void write_for_another_size(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_device(test, MTTY_MIG_TYPE_FULL,
						    SZ_128K);
	struct mtty_test_blob *blob = mtty_test_other_stream(test, NULL);
	struct file *filp = mtty_test_enter(test, mtty, S(RESUMING));

	KUNIT_EXPECT_EQ(test, -EMSGSIZE, mtty_test_load(test, filp, blob,
							PAGE));
}

static struct kunit_case migf_write_cases[] = {
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
	{}
};

static struct kunit_suite migf_write_suite = {
	.name = "mtty_mig_migf_write",
	.test_cases = migf_write_cases,
};

kunit_test_suite(migf_write_suite);
