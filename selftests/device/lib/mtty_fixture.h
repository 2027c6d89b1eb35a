/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fixture with two devices of one type in it, self->mtty and, where
 * something is to arrive, self->dst; and its variants: the types that can be
 * migrated.
 *
 *	MTTY_FIXTURE(arcs, knobs_missing());
 *	MTTY_VARIANTS(arcs);
 */
#ifndef SELFTESTS_DEVICE_MTTY_FIXTURE_H
#define SELFTESTS_DEVICE_MTTY_FIXTURE_H

#include "journey.h"

/**
 * MTTY_FIXTURE - declare a fixture
 * @name: its name
 * @missing: an expression that is NULL, or a reason to skip all of its tests
 * @...: what else is to be undone after each test, if anything
 */
#define MTTY_FIXTURE(name, missing, ...)				\
	FIXTURE(name)							\
	{								\
		struct mtty mtty;					\
		struct mtty dst;					\
		struct vfio_dev *dev;					\
		struct journey journey;					\
	};								\
									\
	FIXTURE_VARIANT(name)						\
	{								\
		const char *type;					\
		__u64 flags;						\
	};								\
									\
	FIXTURE_SETUP(name)						\
	{								\
		const char *why = (missing);				\
									\
		if (!why && !mtty_available())				\
			why = "there is no mtty_mig driver";		\
		if (why)						\
			SKIP(return, "%s", why);			\
		mtty_new(&self->mtty, variant->type, JOURNEY_MEM_SIZE);	\
		mtty_new(&self->dst, variant->type, JOURNEY_MEM_SIZE);	\
		self->dev = &self->mtty.dev;				\
		ASSERT_EQ(variant->flags, vfio_mig_flags(self->dev));	\
		journey_prepare(&self->journey, &self->mtty,		\
				variant->flags);			\
	}								\
									\
	FIXTURE_TEARDOWN(name)						\
	{								\
		arcs_report();						\
		journey_free(&self->journey);				\
		__VA_ARGS__;						\
		mtty_remove_all();					\
	}

#define MTTY_VARIANT(fixture, variant, capabilities)			\
	FIXTURE_VARIANT_ADD(fixture, variant)				\
	{								\
		.type = #variant,					\
		.flags = VFIO_MIGRATION_STOP_COPY | (capabilities),	\
	}

/* The types with pre-copy. What vpri has beyond full is no matter of it. */
#define MTTY_VARIANTS_PRE_COPY(fixture)					\
	MTTY_VARIANT(fixture, precopy, VFIO_MIGRATION_PRE_COPY);	\
	MTTY_VARIANT(fixture, full, MIG_FLAGS_ALL)

/* All types that can be migrated */
#define MTTY_VARIANTS(fixture)						\
	MTTY_VARIANT(fixture, base, 0);					\
	MTTY_VARIANT(fixture, p2p, VFIO_MIGRATION_P2P);			\
	MTTY_VARIANT(fixture, vpri, MIG_FLAGS_ALL);			\
	MTTY_VARIANTS_PRE_COPY(fixture)

#endif /* SELFTESTS_DEVICE_MTTY_FIXTURE_H */
