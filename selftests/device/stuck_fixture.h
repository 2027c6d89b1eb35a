/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fixture with a device that is open and memory whose pages are missing,
 * self->stuck; and its variants: the ways in, with each reason why a page is
 * missing.
 *
 * Include this once for each fixture, with STUCK_FIXTURE defined as its name
 * and STUCK_TYPE as the device's type.
 */
#ifndef STUCK_EXPAND
#define STUCK_EXPAND(macro, ...)	macro(__VA_ARGS__)

#include "stuck.h"

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

STUCK_EXPAND(FIXTURE, STUCK_FIXTURE)
{
	struct stuck stuck;
};

STUCK_EXPAND(FIXTURE_VARIANT, STUCK_FIXTURE)
{
	enum vfio_way way;
	enum missing_kind kind;
};

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

STUCK_EXPAND(FIXTURE_VARIANT_ADD, STUCK_FIXTURE, group_type1_userfaultfd)
{
	.way = VFIO_WAY_GROUP_TYPE1,
	.kind = MISSING_UFFD,
};

STUCK_EXPAND(FIXTURE_VARIANT_ADD, STUCK_FIXTURE, group_type1_fuse)
{
	.way = VFIO_WAY_GROUP_TYPE1,
	.kind = MISSING_FUSE,
};

STUCK_EXPAND(FIXTURE_VARIANT_ADD, STUCK_FIXTURE, group_iommufd_userfaultfd)
{
	.way = VFIO_WAY_GROUP_IOMMUFD,
	.kind = MISSING_UFFD,
};

STUCK_EXPAND(FIXTURE_VARIANT_ADD, STUCK_FIXTURE, group_iommufd_fuse)
{
	.way = VFIO_WAY_GROUP_IOMMUFD,
	.kind = MISSING_FUSE,
};

STUCK_EXPAND(FIXTURE_SETUP, STUCK_FIXTURE)
{
	const char *why = stuck_new(&self->stuck, STUCK_TYPE, variant->way,
				    variant->kind);

	if (why)
		SKIP(return, "%s", why);
}

STUCK_EXPAND(FIXTURE_TEARDOWN, STUCK_FIXTURE)
{
	stuck_free(&self->stuck);
}

#undef STUCK_FIXTURE
#undef STUCK_TYPE
