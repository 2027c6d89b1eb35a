/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fixture with an open device in it, self->dut, and its variants: the legal
 * sets of capabilities, named like the types of mediated device that have
 * them.
 *
 * Include this once for each fixture, with DUT_FIXTURE defined as its name,
 * and DUT_NEEDS as the capabilities without which its tests make no sense:
 * STOP_COPY, PRE_COPY, or NONE for a device without migration.
 */
#ifndef DUT_EXPAND
#define DUT_EXPAND(macro, ...)	macro(__VA_ARGS__)

/* Values of DUT_NEEDS; not 0, which an unknown name would be */
#define NONE		1
#define STOP_COPY	2
#define PRE_COPY	3
#endif

DUT_EXPAND(FIXTURE, DUT_FIXTURE)
{
	struct dut dut;
};

DUT_EXPAND(FIXTURE_VARIANT, DUT_FIXTURE)
{
	__u64 flags;
	const char *type;
};

#if DUT_NEEDS == NONE
DUT_EXPAND(FIXTURE_VARIANT_ADD, DUT_FIXTURE, none)
{
	.flags = 0,
	.type = "mtty_mig-none",
};
#endif

#if DUT_NEEDS == STOP_COPY
DUT_EXPAND(FIXTURE_VARIANT_ADD, DUT_FIXTURE, base)
{
	.flags = DUT_STOP_COPY,
	.type = "mtty_mig-base",
};

DUT_EXPAND(FIXTURE_VARIANT_ADD, DUT_FIXTURE, p2p)
{
	.flags = DUT_P2P,
	.type = "mtty_mig-p2p",
};
#endif

#if DUT_NEEDS == STOP_COPY || DUT_NEEDS == PRE_COPY
DUT_EXPAND(FIXTURE_VARIANT_ADD, DUT_FIXTURE, precopy)
{
	.flags = DUT_PRE_COPY,
	.type = "mtty_mig-precopy",
};

DUT_EXPAND(FIXTURE_VARIANT_ADD, DUT_FIXTURE, full)
{
	.flags = MIG_FLAGS_ALL,
	.type = "mtty_mig-full",
};
#endif

DUT_EXPAND(FIXTURE_SETUP, DUT_FIXTURE)
{
	const char *why = dut_open(&self->dut, variant->flags, variant->type);

	if (why)
		SKIP(return, "%s", why);
}

DUT_EXPAND(FIXTURE_TEARDOWN, DUT_FIXTURE)
{
	dut_close_all();
}

#undef DUT_FIXTURE
#undef DUT_NEEDS
