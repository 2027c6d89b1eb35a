// SPDX-License-Identifier: GPL-2.0-only
/* Stress: see stress.h; random_run.h tells how to ask for another run. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/mig_model.h"
#include "lib/knobs.h"
#include "stress/stress.h"

/* Of each thread: about five seconds of all tests on a sanitized kernel */
#define ALONE_STEPS	400
#define TOGETHER_STEPS	160

/* How many tests there are below, each with its share of MINUTES */
#define SHARE		12

__thread char stress_trouble[256];

FIXTURE(stress)
{
	struct random_run run;
};

FIXTURE_VARIANT(stress)
{
	const char *type;
	__u64 flags;
	bool group;
};

FIXTURE_VARIANT_ADD(stress, base_cdev)
{
	.type = "base",
	.flags = VFIO_MIGRATION_STOP_COPY,
};

FIXTURE_VARIANT_ADD(stress, p2p_group)
{
	.type = "p2p",
	.flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P,
	.group = true,
};

FIXTURE_VARIANT_ADD(stress, precopy_cdev)
{
	.type = "precopy",
	.flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_PRE_COPY,
};

FIXTURE_VARIANT_ADD(stress, full_cdev)
{
	.type = "full",
	.flags = MIG_FLAGS_ALL,
};

FIXTURE_VARIANT_ADD(stress, full_group)
{
	.type = "full",
	.flags = MIG_FLAGS_ALL,
	.group = true,
};

FIXTURE_VARIANT_ADD(stress, vpri_cdev)
{
	.type = "vpri",
	.flags = MIG_FLAGS_ALL,
};

FIXTURE_SETUP(stress)
{
	bool iommufd = !access("/dev/iommu", F_OK);
	const char *why = knobs_missing();

	if (why)
		SKIP(return, "%s", why);
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	/* The first way there is, unless its user has chosen one */
	if (variant->group)
		setenv("VFIO_TEST_WAY",
		       iommufd ? "group-iommufd" : "group-type1", 0);
}

FIXTURE_TEARDOWN(stress)
{
	mtty_remove_all();
}

typedef const char *(*stress_fn)(struct random_run *run, const char *type,
				 __u64 flags);

static const char *do_run(struct random_run *run, const char *test,
			  unsigned long steps, stress_fn stress,
			  const char *type, __u64 flags)
{
	const char *why;

	run_begin(run, "stress_test", test, steps, SHARE);
	why = stress(run, type, flags);
	if (why)
		run_tell(run);
	run_end(run);
	return why;
}

TEST_F_TIMEOUT(stress, alone, RUN_TIMEOUT)
{
	const char *why = do_run(&self->run, "alone", ALONE_STEPS, walk_alone,
				 variant->type, variant->flags);

	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
}

TEST_F_TIMEOUT(stress, together, RUN_TIMEOUT)
{
	const char *why = do_run(&self->run, "together", TOGETHER_STEPS,
				 walk_together, variant->type, variant->flags);

	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
}

TEST_HARNESS_MAIN
