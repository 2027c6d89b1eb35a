// SPDX-License-Identifier: GPL-2.0-only
/* Devices with content, and their streams, for the suites of the data fd. */
#include "sessions.h"

struct mtty_device *mtty_test_filled(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_device(test, MTTY_MIG_TYPE_FULL,
						    SZ_64K);

	mtty_test_fill(test, mtty, 1);
	return mtty;
}

struct mtty_test_blob *mtty_test_room(struct kunit *test)
{
	return mtty_test_blob(test, SZ_256K);
}

/* Write to device memory, as a guest does */
void mtty_test_dirty(struct kunit *test, struct mtty_device *mtty, u64 offset,
		     u8 val)
{
	KUNIT_ASSERT_EQ(test, 1,
			mtty_test_region_write(test, mtty, MTTY_MIG_MEM_BAR,
					       offset, &val, 1));
}

/* A whole stream of a device that is in STOP */
struct mtty_test_blob *mtty_test_save_all(struct kunit *test,
					  struct mtty_device *mtty)
{
	struct mtty_test_blob *blob = mtty_test_room(test);
	struct file *filp = mtty_test_enter(test, mtty, S(STOP_COPY));

	KUNIT_ASSERT_NOT_NULL(test, filp);
	KUNIT_ASSERT_EQ(test, 0, mtty_test_save(test, filp, blob,
						MTTY_TEST_USER_SIZE));
	mtty_test_enter(test, mtty, S(STOP));
	return blob;
}

/* The stream of a device like filled() with other content */
struct mtty_test_blob *mtty_test_other_stream(struct kunit *test, u64 *digest)
{
	struct mtty_device *source = mtty_test_create(test, MTTY_MIG_TYPE_FULL,
						      SZ_64K);
	struct mtty_test_blob *blob = mtty_test_room(test);

	mtty_test_fill(test, source, 77);
	mtty_test_put_all(test, blob, MTTY_MIG_TYPE_FULL, source->mem,
			  &source->hw);
	if (digest)
		*digest = mtty_card_digest(source);
	return blob;
}

void mtty_test_expect_same(struct kunit *test, struct mtty_device *a,
			   struct mtty_device *b)
{
	KUNIT_EXPECT_EQ(test, mtty_card_digest(a), mtty_card_digest(b));
	KUNIT_EXPECT_TRUE(test, mtty_test_hw_equal(&a->hw, &b->hw));
	KUNIT_EXPECT_EQ(test, a->mem->nr_pages, b->mem->nr_pages);
}
