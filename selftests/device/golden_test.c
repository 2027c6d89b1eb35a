// SPDX-License-Identifier: GPL-2.0-only
/* What released versions saved loads in this one; see golden.h. */
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "lib/golden.h"

GOLDEN(golden_1_0_base, "1.0-base.stream");
GOLDEN(golden_1_0_p2p, "1.0-p2p.stream");
GOLDEN(golden_1_0_precopy, "1.0-precopy.stream");
GOLDEN(golden_1_0_full, "1.0-full.stream");
GOLDEN(golden_1_0_vpri, "1.0-vpri.stream");

FIXTURE(golden)
{
	struct mtty loaded;
	struct mtty filled;
};

FIXTURE_VARIANT(golden)
{
	const char *type;
	const __u8 *begin;
	const __u8 *end;
};

FIXTURE_VARIANT_ADD(golden, 1_0_base)
{
	.type = "base",
	.begin = golden_1_0_base,
	.end = golden_1_0_base_end,
};

FIXTURE_VARIANT_ADD(golden, 1_0_p2p)
{
	.type = "p2p",
	.begin = golden_1_0_p2p,
	.end = golden_1_0_p2p_end,
};

FIXTURE_VARIANT_ADD(golden, 1_0_precopy)
{
	.type = "precopy",
	.begin = golden_1_0_precopy,
	.end = golden_1_0_precopy_end,
};

FIXTURE_VARIANT_ADD(golden, 1_0_full)
{
	.type = "full",
	.begin = golden_1_0_full,
	.end = golden_1_0_full_end,
};

FIXTURE_VARIANT_ADD(golden, 1_0_vpri)
{
	.type = "vpri",
	.begin = golden_1_0_vpri,
	.end = golden_1_0_vpri_end,
};

FIXTURE_SETUP(golden)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->loaded, variant->type, GOLDEN_MEM_SIZE);
	mtty_new(&self->filled, variant->type, GOLDEN_MEM_SIZE);
}

FIXTURE_TEARDOWN(golden)
{
	mtty_remove_all();
}

TEST_F(golden, stream_loads_to_the_state_that_was_saved)
{
	struct mig_stream stream = {};
	struct mtty_regs loaded, filled;
	const char *difference;

	mig_stream_append(&stream, variant->begin,
			  variant->end - variant->begin);
	mig_load(&self->loaded.dev, &stream, MIG_CHUNK,
		 VFIO_DEVICE_STATE_RUNNING);
	golden_fill(&self->filled);

	difference = mtty_mem_differs(&self->loaded, &self->filled);
	EXPECT_EQ(NULL, difference) TH_LOG("%s", difference);
	mtty_take_regs(&self->loaded, &loaded);
	mtty_take_regs(&self->filled, &filled);
	difference = mtty_regs_differ(&loaded, &filled);
	EXPECT_EQ(NULL, difference) TH_LOG("%s", difference);
	mig_stream_free(&stream);
}

TEST_HARNESS_MAIN
