/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fixture with an open device in it, self->dut, and its variants: the ways
 * in.
 *
 *	DUT_FIXTURE(arc, DUT_STOP_COPY);
 */
#ifndef SELFTESTS_GENERIC_DUT_FIXTURE_H
#define SELFTESTS_GENERIC_DUT_FIXTURE_H

#include "dut.h"

/**
 * DUT_FIXTURE - declare a fixture
 * @name: its name
 * @needs: what its tests need of a device: some of DUT_* in dut.h
 */
#define DUT_FIXTURE(name, needs)					\
	FIXTURE(name)							\
	{								\
		struct dut dut;						\
	};								\
									\
	FIXTURE_VARIANT(name)						\
	{								\
		enum vfio_way way;					\
	};								\
									\
	FIXTURE_VARIANT_ADD(name, cdev)					\
	{								\
		.way = VFIO_WAY_CDEV,					\
	};								\
									\
	FIXTURE_VARIANT_ADD(name, group_type1)				\
	{								\
		.way = VFIO_WAY_GROUP_TYPE1,				\
	};								\
									\
	FIXTURE_VARIANT_ADD(name, group_iommufd)			\
	{								\
		.way = VFIO_WAY_GROUP_IOMMUFD,				\
	};								\
									\
	FIXTURE_SETUP(name)						\
	{								\
		const char *why;					\
									\
		why = dut_open(&self->dut, variant->way, needs);	\
		if (why)						\
			SKIP(return, "%s", why);			\
	}								\
									\
	FIXTURE_TEARDOWN(name)						\
	{								\
		rules_report();						\
		dut_close_all();					\
	}

#endif /* SELFTESTS_GENERIC_DUT_FIXTURE_H */
