/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fixture with an open device in it, self->dut, and its variants: the ways
 * in.
 *
 * Include this once for each fixture, with DUT_FIXTURE defined as its name,
 * and DUT_NEEDS as what its tests need of a device: one of DUT_* in dut.h.
 */
#ifndef DUT_EXPAND
#define DUT_EXPAND(macro, ...)	macro(__VA_ARGS__)
#endif

DUT_EXPAND(FIXTURE, DUT_FIXTURE)
{
	struct dut dut;
};

DUT_EXPAND(FIXTURE_VARIANT, DUT_FIXTURE)
{
	enum vfio_way way;
};

DUT_EXPAND(FIXTURE_VARIANT_ADD, DUT_FIXTURE, cdev)
{
	.way = VFIO_WAY_CDEV,
};

DUT_EXPAND(FIXTURE_VARIANT_ADD, DUT_FIXTURE, group_type1)
{
	.way = VFIO_WAY_GROUP_TYPE1,
};

DUT_EXPAND(FIXTURE_VARIANT_ADD, DUT_FIXTURE, group_iommufd)
{
	.way = VFIO_WAY_GROUP_IOMMUFD,
};

DUT_EXPAND(FIXTURE_SETUP, DUT_FIXTURE)
{
	const char *why = dut_open(&self->dut, variant->way, DUT_NEEDS);

	if (why)
		SKIP(return, "%s", why);
}

DUT_EXPAND(FIXTURE_TEARDOWN, DUT_FIXTURE)
{
	rules_report();
	dut_close_all();
}

#undef DUT_FIXTURE
#undef DUT_NEEDS
