// SPDX-License-Identifier: GPL-2.0-only
/*
 * The names of the states, and the list of the arcs: all that the core may ask
 * a device for, whatever its capabilities are.
 */
#include "helpers.h"

#define NR_STATES	MTTY_TEST_NR_STATES

static const struct mtty_test_state all_states[] = {
	MTTY_TEST_STATE(ERROR),
	MTTY_TEST_STATE(STOP),
	MTTY_TEST_STATE(RUNNING),
	MTTY_TEST_STATE(STOP_COPY),
	MTTY_TEST_STATE(RESUMING),
	MTTY_TEST_STATE(RUNNING_P2P),
	MTTY_TEST_STATE(PRE_COPY),
	MTTY_TEST_STATE(PRE_COPY_P2P),
};

KUNIT_ARRAY_PARAM_DESC(all_states, all_states, name);

static void arcs_state_name(struct kunit *test)
{
	const struct mtty_test_state *p = test->param_value;

	KUNIT_EXPECT_EQ(test, NR_STATES, ARRAY_SIZE(all_states));
	KUNIT_EXPECT_STREQ(test, p->name, mtty_state_name(p->state));
}

static void arcs_no_state(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, "?", mtty_state_name(NR_STATES));
	KUNIT_EXPECT_STREQ(test, "?", mtty_state_name(~0U));
}

/* The arcs that the core asks a device of a type for */
static void ask_core(struct kunit *test, enum mtty_mig_type type,
		     bool asked[NR_STATES][NR_STATES])
{
	struct mtty_device *mtty = mtty_test_get(test, type, 0);
	enum vfio_device_mig_state next;
	unsigned int from, to;

	/* From ERROR the core must not be asked: it warns */
	for (from = VFIO_DEVICE_STATE_STOP; from < NR_STATES; from++) {
		/* It warns of a state that the device has not, too */
		if (vfio_mig_get_next_state(&mtty->vdev, VFIO_DEVICE_STATE_STOP,
					    from, &next) &&
		    from != VFIO_DEVICE_STATE_STOP)
			continue;
		for (to = VFIO_DEVICE_STATE_STOP; to < NR_STATES; to++)
			if (from != to &&
			    !vfio_mig_get_next_state(&mtty->vdev, from, to,
						     &next))
				asked[from][next] = true;
	}
}

static void arcs_are_those_of_the_core(struct kunit *test)
{
	bool asked[NR_STATES][NR_STATES] = {};
	enum vfio_device_mig_state from, to;
	unsigned int type, i;

	for (type = MTTY_TEST_FIRST_TYPE; type <= MTTY_TEST_LAST_TYPE; type++)
		ask_core(test, type, asked);
	for (i = 0; mtty_arc(i, &from, &to); i++) {
		KUNIT_EXPECT_TRUE_MSG(test, asked[from][to],
				      "not asked for, or listed twice: %s to %s",
				      mtty_state_name(from),
				      mtty_state_name(to));
		asked[from][to] = false;
	}
	KUNIT_EXPECT_EQ(test, MTTY_NR_ARCS, i);
	for (i = 0; i < NR_STATES * NR_STATES; i++)
		KUNIT_EXPECT_FALSE_MSG(test,
				       asked[i / NR_STATES][i % NR_STATES],
				       "not listed: %s to %s",
				       mtty_state_name(i / NR_STATES),
				       mtty_state_name(i % NR_STATES));
}

static void arcs_end(struct kunit *test)
{
	enum vfio_device_mig_state from, to;

	KUNIT_EXPECT_FALSE(test, mtty_arc(MTTY_NR_ARCS, &from, &to));
	KUNIT_EXPECT_FALSE(test, mtty_arc(~0U, &from, &to));
}

static struct kunit_case arcs_cases[] = {
	KUNIT_CASE_PARAM(arcs_state_name, all_states_gen_params),
	KUNIT_CASE(arcs_no_state),
	KUNIT_CASE(arcs_are_those_of_the_core),
	KUNIT_CASE(arcs_end),
	{}
};

static struct kunit_suite arcs_suite = {
	.name = "mtty_mig_arcs",
	.test_cases = arcs_cases,
};

kunit_test_suite(arcs_suite);
