// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tests' model of the state machine, against the uAPI text alone.
 *
 * No device is involved: what the other tests expect of one rests on this.
 */
#include <kselftest_harness.h>

#include "check.h"
#include "mig_model.h"
#include "vfio_mig.h"

#define STOP_COPY	VFIO_MIGRATION_STOP_COPY
#define P2P		(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P)
#define PRE_COPY	(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_PRE_COPY)

/* All legal sets of capabilities */
static const __u64 flag_sets[] = { STOP_COPY, P2P, PRE_COPY, MIG_FLAGS_ALL };

static unsigned int count_arcs(__u64 flags)
{
	unsigned int from, to, count = 0;

	for (from = 0; from < VFIO_DEVICE_STATE_NR; from++)
		for (to = 0; to < VFIO_DEVICE_STATE_NR; to++)
			count += mig_model_arc(flags, from, to);
	return count;
}

/*
 * The text lists 15 arcs.  Without PRE_COPY the 7 that touch it are gone.
 * Without P2P, its states become the ones without it, and the arcs that only
 * lead to or from P2P (2 among RUNNING, 2 among PRE_COPY) with them, while two
 * pairs of the rest (RUNNING to PRE_COPY and back) become one each.
 */
TEST(model_has_the_arcs_of_the_text)
{
	EXPECT_EQ(15, count_arcs(MIG_FLAGS_ALL));
	EXPECT_EQ(15 - 7, count_arcs(P2P));
	EXPECT_EQ(15 - 4 - 2, count_arcs(PRE_COPY));
	EXPECT_EQ(15 - 7 - 2, count_arcs(STOP_COPY));
}

/* If the rules left a choice, a test could not tell who is right */
TEST(model_rules_leave_one_path)
{
	unsigned int i, from, to;

	for (i = 0; i < ARRAY_LEN(flag_sets); i++)
		for (from = 0; from < VFIO_DEVICE_STATE_NR; from++)
			for (to = 0; to < VFIO_DEVICE_STATE_NR; to++) {
				unsigned int paths, possible;
				struct mig_path path;

				paths = mig_model_paths(flag_sets[i], from, to,
							&path);
				/* "These arcs are not permitted" */
				possible = from != to &&
					mig_model_supported(flag_sets[i],
							    from) &&
					mig_model_supported(flag_sets[i], to) &&
					!(from == VFIO_DEVICE_STATE_STOP_COPY &&
					  mig_model_saving(to));
				EXPECT_EQ(possible, paths)
					TH_LOG("%s: %s -> %s",
					       mig_flags_name(flag_sets[i]),
					       mig_state_name(from),
					       mig_state_name(to));
			}
}

TEST_HARNESS_MAIN
