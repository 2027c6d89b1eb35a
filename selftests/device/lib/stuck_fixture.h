/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fixture with a device that is open and memory whose pages are missing,
 * self->stuck; and its variants: the ways in, and the reasons why a page is
 * missing.
 *
 *	STUCK_FIXTURE(owner, "full", 0);
 *	STUCK_VARIANTS(owner);
 *
 * Each variant takes its time, so there are no more than can tell something.
 */
#ifndef SELFTESTS_DEVICE_STUCK_FIXTURE_H
#define SELFTESTS_DEVICE_STUCK_FIXTURE_H

#include "stuck.h"

/**
 * STUCK_FIXTURE - declare a fixture
 * @name: its name
 * @type: the device's type
 * @nr: how many others of that kind it has, self->more[]
 */
#define STUCK_FIXTURE(name, type, nr)					\
	FIXTURE(name)							\
	{								\
		struct stuck stuck;					\
		struct stuck more[nr];					\
	};								\
									\
	FIXTURE_VARIANT(name)						\
	{								\
		bool any;						\
		enum vfio_way way;					\
		enum missing_kind kind;					\
	};								\
									\
	FIXTURE_SETUP(name)						\
	{								\
		enum vfio_way way = variant->any ? vfio_way_from_env() : \
						   variant->way;	\
		const char *why = stuck_new(&self->stuck, type, way,	\
					    variant->kind);		\
		int i;							\
									\
		for (i = 0; i < (nr) && !why; i++)			\
			why = stuck_new(&self->more[i], type, way,	\
					variant->kind);			\
		if (why)						\
			SKIP(return, "%s", why);			\
	}								\
									\
	FIXTURE_TEARDOWN(name)						\
	{								\
		int i;							\
									\
		for (i = 0; i < (nr); i++)				\
			stuck_end(&self->more[i]);			\
		stuck_end(&self->stuck);				\
		mtty_remove_all();					\
	}

#define STUCK_VARIANT(fixture, variant, ...)				\
	FIXTURE_VARIANT_ADD(fixture, variant)				\
	{								\
		__VA_ARGS__						\
	}

/* Who has a data fd and no other: the way in does not matter, and is any */
#define STUCK_VARIANTS_ANY_WAY(fixture)					\
	STUCK_VARIANT(fixture, userfaultfd,				\
		      .any = true, .kind = MISSING_UFFD);		\
	STUCK_VARIANT(fixture, fuse, .any = true, .kind = MISSING_FUSE)

#define STUCK_VARIANTS_COMMON(fixture)					\
	STUCK_VARIANT(fixture, cdev_userfaultfd,			\
		      .way = VFIO_WAY_CDEV, .kind = MISSING_UFFD);	\
	STUCK_VARIANT(fixture, cdev_fuse,				\
		      .way = VFIO_WAY_CDEV, .kind = MISSING_FUSE);	\
	STUCK_VARIANT(fixture, group_type1_fuse,			\
		      .way = VFIO_WAY_GROUP_TYPE1, .kind = MISSING_FUSE)

/*
 * The way in matters for how the device reaches memory alone: that is iommufd
 * or type1, and a group of iommufd's adds nothing to a character device
 */
#define STUCK_VARIANTS_MEMORY(fixture)					\
	STUCK_VARIANTS_COMMON(fixture);					\
	STUCK_VARIANT(fixture, group_type1_userfaultfd,			\
		      .way = VFIO_WAY_GROUP_TYPE1, .kind = MISSING_UFFD)

/*
 * It matters for the close and the removal of the device alone: that is another
 * matter than why a page is missing, so that each goes with one of the other
 */
#define STUCK_VARIANTS_CLOSE(fixture)					\
	STUCK_VARIANTS_COMMON(fixture);					\
	STUCK_VARIANT(fixture, group_iommufd_userfaultfd,		\
		      .way = VFIO_WAY_GROUP_IOMMUFD, .kind = MISSING_UFFD)

/* It matters for both: whoever closes the device may wait for its memory */
#define STUCK_VARIANTS(fixture)						\
	STUCK_VARIANTS_MEMORY(fixture);					\
	STUCK_VARIANT(fixture, group_iommufd_userfaultfd,		\
		      .way = VFIO_WAY_GROUP_IOMMUFD, .kind = MISSING_UFFD); \
	STUCK_VARIANT(fixture, group_iommufd_fuse,			\
		      .way = VFIO_WAY_GROUP_IOMMUFD, .kind = MISSING_FUSE)

/*
 * A call has to have answered while the page was missing. The first one that
 * has not is told; for those after it the page was there.
 */
static inline void answered(struct __test_metadata *_metadata,
			    struct stuck *stuck, const char *what)
{
	if (stuck->told)
		return;
	stuck->told = missing_late(&stuck->mem);
	EXPECT_FALSE(stuck->told)
		TH_LOG("%s waited for the page", what);
}

#endif /* SELFTESTS_DEVICE_STUCK_FIXTURE_H */
