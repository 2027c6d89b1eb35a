/* SPDX-License-Identifier: GPL-2.0-only */
/* What the suites of the data fd share. */
#ifndef MTTY_MIG_KUNIT_SESSIONS_H
#define MTTY_MIG_KUNIT_SESSIONS_H

#include "helpers.h"

#define S(state)	VFIO_DEVICE_STATE_##state
#define PAGE		4096

struct mtty_device *mtty_test_filled(struct kunit *test);
struct mtty_test_blob *mtty_test_room(struct kunit *test);
void mtty_test_dirty(struct kunit *test, struct mtty_device *mtty, u64 offset,
		     u8 val);
struct mtty_test_blob *mtty_test_save_all(struct kunit *test,
					  struct mtty_device *mtty);
struct mtty_test_blob *mtty_test_other_stream(struct kunit *test, u64 *digest);
void mtty_test_expect_same(struct kunit *test, struct mtty_device *a,
			   struct mtty_device *b);

#endif /* MTTY_MIG_KUNIT_SESSIONS_H */
