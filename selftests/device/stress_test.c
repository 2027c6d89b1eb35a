// SPDX-License-Identifier: GPL-2.0-only
/* Stress: see stress.h; random_run.h tells how to ask for another run. */
#include <stdlib.h>
#include <string.h>
#include <kselftest_harness.h>

#include "../lib/mig_model.h"
#include "knobs.h"
#include "stress.h"

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
	const char *name;
	const char *type;
	__u64 flags;
	const char *way;
};

#define VARIANT(_type, _flags, _way, _id)				\
	FIXTURE_VARIANT_ADD(stress, _type##_##_id) {			\
		.name = #_type " by " _way,				\
		.type = #_type,						\
		.flags = _flags,					\
		.way = _way,						\
	}

VARIANT(base, VFIO_MIGRATION_STOP_COPY, "cdev", cdev);
VARIANT(p2p, VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P, "group-iommufd",
	group);
VARIANT(precopy, VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_PRE_COPY, "cdev",
	cdev);
VARIANT(full, MIG_FLAGS_ALL, "cdev", cdev);
VARIANT(full, MIG_FLAGS_ALL, "group-iommufd", group);
VARIANT(vpri, MIG_FLAGS_ALL, "cdev", cdev);

FIXTURE_SETUP(stress)
{
	const char *why = knobs_missing();

	if (why)
		SKIP(return, "%s", why);
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	/* Unless its user has chosen one */
	setenv("VFIO_TEST_WAY", variant->way, 0);
}

FIXTURE_TEARDOWN(stress)
{
	mtty_remove_all();
}

static const char *walk(struct random_run *run,
			const FIXTURE_VARIANT(stress) *variant,
			const char *how, unsigned long steps,
			const char *(*stress)(struct random_run *run,
					      const char *type, __u64 flags))
{
	char test[64];
	const char *why;

	snprintf(test, sizeof(test), "%s, %s", variant->name, how);
	run_begin(run, "stress_test", test, steps, SHARE);
	why = stress(run, variant->type, variant->flags);
	if (why)
		run_tell(run);
	run_end(run);
	return why;
}

TEST_F_TIMEOUT(stress, alone, RUN_TIMEOUT)
{
	const char *why = walk(&self->run, variant, "alone", ALONE_STEPS,
			       walk_alone);

	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
}

TEST_F_TIMEOUT(stress, together, RUN_TIMEOUT)
{
	const char *why = walk(&self->run, variant, "together", TOGETHER_STEPS,
			       walk_together);

	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
}

TEST_HARNESS_MAIN
