/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fixture with two devices of one type in it, self->mtty and, where
 * something is to arrive, self->dst; and its variants: the types that can be
 * migrated.
 *
 * Include this once for each fixture, with MTTY_FIXTURE defined as its name,
 * MTTY_NEEDS as the capability without which its tests make no sense,
 * STOP_COPY or PRE_COPY, and MTTY_MISSING as an expression that is NULL or a
 * reason to skip all of them.  If there is something to undo after each test,
 * MTTY_CLEANUP is what does it.
 */
#ifndef MTTY_EXPAND
#define MTTY_EXPAND(macro, ...)	macro(__VA_ARGS__)

/* Values of MTTY_NEEDS; not 0, which an unknown name would be */
#define STOP_COPY	1
#define PRE_COPY	2
#endif

MTTY_EXPAND(FIXTURE, MTTY_FIXTURE)
{
	struct mtty mtty;
	struct mtty dst;
	struct vfio_dev *dev;
	struct journey journey;
};

MTTY_EXPAND(FIXTURE_VARIANT, MTTY_FIXTURE)
{
	const char *type;
	__u64 flags;
};

#if MTTY_NEEDS == STOP_COPY
MTTY_EXPAND(FIXTURE_VARIANT_ADD, MTTY_FIXTURE, base)
{
	.type = "base",
	.flags = VFIO_MIGRATION_STOP_COPY,
};

MTTY_EXPAND(FIXTURE_VARIANT_ADD, MTTY_FIXTURE, p2p)
{
	.type = "p2p",
	.flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P,
};

/* What it has beyond full is no matter of pre-copy */
MTTY_EXPAND(FIXTURE_VARIANT_ADD, MTTY_FIXTURE, vpri)
{
	.type = "vpri",
	.flags = MIG_FLAGS_ALL,
};
#endif

MTTY_EXPAND(FIXTURE_VARIANT_ADD, MTTY_FIXTURE, precopy)
{
	.type = "precopy",
	.flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_PRE_COPY,
};

MTTY_EXPAND(FIXTURE_VARIANT_ADD, MTTY_FIXTURE, full)
{
	.type = "full",
	.flags = MIG_FLAGS_ALL,
};

MTTY_EXPAND(FIXTURE_SETUP, MTTY_FIXTURE)
{
	const char *why = MTTY_MISSING;

	if (why)
		SKIP(return, "%s", why);
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, variant->type, JOURNEY_MEM_SIZE);
	mtty_new(&self->dst, variant->type, JOURNEY_MEM_SIZE);
	self->dev = &self->mtty.dev;
	ASSERT_EQ(variant->flags, vfio_mig_flags(self->dev));
	journey_prepare(&self->journey, &self->mtty, variant->flags);
}

MTTY_EXPAND(FIXTURE_TEARDOWN, MTTY_FIXTURE)
{
	journey_free(&self->journey);
#ifdef MTTY_CLEANUP
	MTTY_CLEANUP;
#endif
	mtty_remove_all();
}

#undef MTTY_FIXTURE
#undef MTTY_NEEDS
#undef MTTY_MISSING
#undef MTTY_CLEANUP
