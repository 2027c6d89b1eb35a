/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the fail_nth_*_test programs judge: functions in a header, because the
 * harness can be in one object of a program only.
 */
#ifndef SELFTESTS_DEVICE_WALK_JUDGE_H
#define SELFTESTS_DEVICE_WALK_JUDGE_H

#include <errno.h>
#include <string.h>
#include <kselftest_harness.h>

#include "walks.h"

/* What an injected failure may make an operation return */
static inline bool injected(int ret)
{
	return ret == -ENOMEM || ret == -EFAULT;
}

/**
 * walk_succeeded - judge what an operation returned
 * @_metadata: of the test
 * @walk: the walk, disarmed
 * @ret: 0 or -errno
 *
 * Return: whether it succeeded.
 */
static inline bool walk_succeeded(struct __test_metadata *_metadata, struct fail_nth *walk,
				  int ret)
{
	if (!walk->fired) {
		EXPECT_EQ(0, ret)
			TH_LOG("%s: not even the clean pass succeeds",
			       walk->name);
	} else if (ret) {
		fail_nth_told(walk);
		EXPECT_TRUE(injected(ret))
			TH_LOG("%s, point %u: %s", walk->name, walk->point,
			       strerror(-ret));
	}
	return !ret;
}

/**
 * walk_progress - judge what a read() or write() returned, which may do a part
 * @_metadata: of the test
 * @walk: the walk, disarmed
 * @n: the number of bytes, or -errno
 * @len: how many were asked for
 *
 * Return: how much it did.
 */
static inline size_t walk_progress(struct __test_metadata *_metadata, struct fail_nth *walk,
				   ssize_t n, size_t len)
{
	if (n >= 0 && walk->fired && (size_t)n < len) {
		EXPECT_LT(0, n);
		fail_nth_told(walk);
	} else {
		walk_succeeded(_metadata, walk, n < 0 || (size_t)n == len ?
			       (n < 0 ? n : 0) : -EIO);
	}
	return n < 0 ? 0 : n;
}

/**
 * walk_fine - end the test if anything is wrong
 * @_metadata: of the test
 * @walk: the walk
 * @why: what is wrong, or NULL
 * @when: more about the moment, or ""
 */
static inline void walk_fine(struct __test_metadata *_metadata, struct fail_nth *walk,
			     const char *why, const char *when)
{
	ASSERT_EQ(NULL, why)
		TH_LOG("%s, point %u%s%s: %s", walk->name, walk->point,
		       walk->pages ? " of pages" : "", when, why);
}

/**
 * walk_end - end a walk, and expect that it reached its floor
 * @_metadata: of the test
 * @walk: the walk, after its clean pass
 */
static inline void walk_end(struct __test_metadata *_metadata, struct fail_nth *walk)
{
	EXPECT_TRUE(fail_nth_end(walk))
		TH_LOG("%s: less was told than there was", walk->name);
}

/**
 * leftovers_after - remove all devices, and expect that nothing is left of them
 * @_metadata: of the test
 * @left: from leftovers_before()
 */
static inline void leftovers_after(struct __test_metadata *_metadata,
				   const struct leftovers *left)
{
	struct leftovers now;

	mtty_remove_all();
	leftovers_before(&now);
	EXPECT_EQ(left->users, now.users)
		TH_LOG("the module has users that are gone");
	EXPECT_STREQ(left->node, now.node)
		TH_LOG("a device was removed, but not released");
}

#endif /* SELFTESTS_DEVICE_WALK_JUDGE_H */
