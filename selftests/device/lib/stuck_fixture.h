/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fixture with a device that is open and memory whose pages are missing,
 * self->stuck; and its variants: the ways in, and the reasons why a page is
 * missing.
 *
 * Include this once for each fixture, with these defined:
 *
 *	STUCK_FIXTURE	its name
 *	STUCK_TYPE	the device's type
 *	STUCK_WAYS	what the way in matters for, as STUCK_FOR_*
 *	STUCK_MORE	if self->more[] is to have so many others of that kind
 *
 * Each variant takes its time, so there are no more than can tell something.
 */
#ifndef STUCK_EXPAND
#define STUCK_EXPAND(macro, ...)	macro(__VA_ARGS__)

#include "stuck.h"

/* For nothing, as for who has a data fd and no other: the way is any */
#define STUCK_FOR_NOTHING	0
/*
 * For the close and the removal of the device alone: that is another matter
 * than why a page is missing, so that each goes with one of the other
 */
#define STUCK_FOR_CLOSE		1
/*
 * For how the device reaches memory alone: that is iommufd or type1, and a
 * group of iommufd's adds nothing to a character device
 */
#define STUCK_FOR_MEMORY	2
/* For both: whoever closes the device may have to wait for its memory */
#define STUCK_FOR_ALL		3

/*
 * A call has to have answered while the page was missing. The first one that
 * has not is told; for those after it the page was there.
 */
static void answered(struct __test_metadata *_metadata, struct stuck *stuck,
		     const char *what)
{
	if (stuck->told)
		return;
	stuck->told = missing_late(&stuck->mem);
	EXPECT_FALSE(stuck->told)
		TH_LOG("%s waited for the page", what);
}
#endif

#ifndef STUCK_MORE
#define STUCK_MORE	0
#endif

STUCK_EXPAND(FIXTURE, STUCK_FIXTURE)
{
	struct stuck stuck;
	struct stuck more[STUCK_MORE];
};

STUCK_EXPAND(FIXTURE_VARIANT, STUCK_FIXTURE)
{
	bool any;
	enum vfio_way way;
	enum missing_kind kind;
};

#if STUCK_WAYS == STUCK_FOR_NOTHING
STUCK_EXPAND(FIXTURE_VARIANT_ADD, STUCK_FIXTURE, userfaultfd)
{
	.any = true,
	.kind = MISSING_UFFD,
};

STUCK_EXPAND(FIXTURE_VARIANT_ADD, STUCK_FIXTURE, fuse)
{
	.any = true,
	.kind = MISSING_FUSE,
};
#else
STUCK_EXPAND(FIXTURE_VARIANT_ADD, STUCK_FIXTURE, cdev_userfaultfd)
{
	.way = VFIO_WAY_CDEV,
	.kind = MISSING_UFFD,
};

STUCK_EXPAND(FIXTURE_VARIANT_ADD, STUCK_FIXTURE, cdev_fuse)
{
	.way = VFIO_WAY_CDEV,
	.kind = MISSING_FUSE,
};

STUCK_EXPAND(FIXTURE_VARIANT_ADD, STUCK_FIXTURE, group_type1_fuse)
{
	.way = VFIO_WAY_GROUP_TYPE1,
	.kind = MISSING_FUSE,
};
#endif

#if STUCK_WAYS & STUCK_FOR_MEMORY
STUCK_EXPAND(FIXTURE_VARIANT_ADD, STUCK_FIXTURE, group_type1_userfaultfd)
{
	.way = VFIO_WAY_GROUP_TYPE1,
	.kind = MISSING_UFFD,
};
#endif

#if STUCK_WAYS & STUCK_FOR_CLOSE
STUCK_EXPAND(FIXTURE_VARIANT_ADD, STUCK_FIXTURE, group_iommufd_userfaultfd)
{
	.way = VFIO_WAY_GROUP_IOMMUFD,
	.kind = MISSING_UFFD,
};
#endif

#if STUCK_WAYS == STUCK_FOR_ALL
STUCK_EXPAND(FIXTURE_VARIANT_ADD, STUCK_FIXTURE, group_iommufd_fuse)
{
	.way = VFIO_WAY_GROUP_IOMMUFD,
	.kind = MISSING_FUSE,
};
#endif

STUCK_EXPAND(FIXTURE_SETUP, STUCK_FIXTURE)
{
	enum vfio_way way = variant->any ? vfio_way_from_env() : variant->way;
	const char *why = stuck_new(&self->stuck, STUCK_TYPE, way,
				    variant->kind);
	int i;

	for (i = 0; i < STUCK_MORE && !why; i++)
		why = stuck_new(&self->more[i], STUCK_TYPE, way,
				variant->kind);
	if (why)
		SKIP(return, "%s", why);
}

STUCK_EXPAND(FIXTURE_TEARDOWN, STUCK_FIXTURE)
{
	int i;

	for (i = 0; i < STUCK_MORE; i++)
		stuck_end(&self->more[i]);
	stuck_end(&self->stuck);
	mtty_remove_all();
}

#undef STUCK_FIXTURE
#undef STUCK_TYPE
#undef STUCK_WAYS
#undef STUCK_MORE
