/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fixture with two VFs of a stand-in, self->a and self->b, and a stage for
 * acts with the first one, self->stage.
 *
 *	BENCH_FIXTURE(late, DUT_STOP_COPY);
 *	BENCH_FIXTURE_IN_STATES(late_in, DUT_STOP_COPY);
 */
#ifndef SELFTESTS_STANDINS_BENCH_FIXTURE_H
#define SELFTESTS_STANDINS_BENCH_FIXTURE_H

#include <string.h>

#include "act.h"
#include "bench.h"

/* NULL, or why the tests must be skipped */
static inline const char *bench_open(struct vf *a, struct vf *b,
				     struct stage *stage, __u64 needs)
{
	const char *why = vf_open(a, needs);

	memset(b, 0, sizeof(*b));
	memset(stage, 0, sizeof(*stage));
	return why ? why : vf_open_second(b, a);
}

static inline void bench_close(struct vf *a, struct vf *b, struct stage *stage)
{
	rules_report();
	stage_free(stage);
	vf_free(a);
	vf_free(b);
	dut_close_all();
}

#define BENCH_DATA(name)						\
	FIXTURE(name)							\
	{								\
		struct vf a;						\
		struct vf b;						\
		struct stage stage;					\
	}

#define BENCH_TEARDOWN(name)						\
	FIXTURE_TEARDOWN(name)						\
	{								\
		bench_close(&self->a, &self->b, &self->stage);		\
	}

/**
 * BENCH_FIXTURE - declare a fixture
 * @name: its name
 * @needs: what its tests need of a device: some of DUT_* in dut.h
 */
#define BENCH_FIXTURE(name, needs)					\
	BENCH_DATA(name);						\
									\
	FIXTURE_SETUP(name)						\
	{								\
		const char *why = bench_open(&self->a, &self->b,	\
					     &self->stage, needs);	\
									\
		if (why)						\
			SKIP(return, "%s", why);			\
	}								\
									\
	BENCH_TEARDOWN(name)

#define BENCH_VARIANT(name, state)					\
	FIXTURE_VARIANT_ADD(name, state)				\
	{								\
		.from = VFIO_DEVICE_STATE_##state,			\
	}

/**
 * BENCH_FIXTURE_IN_STATES - declare a fixture with a variant for each state
 * @name: its name
 * @needs: as for BENCH_FIXTURE()
 *
 * The state is variant->from. A driver that crashes the kernel spoils one of
 * the variants only.
 */
#define BENCH_FIXTURE_IN_STATES(name, needs)				\
	BENCH_DATA(name);						\
									\
	FIXTURE_VARIANT(name)						\
	{								\
		__u32 from;						\
	};								\
									\
	BENCH_VARIANT(name, STOP);					\
	BENCH_VARIANT(name, RUNNING);					\
	BENCH_VARIANT(name, STOP_COPY);					\
	BENCH_VARIANT(name, RESUMING);					\
	BENCH_VARIANT(name, RUNNING_P2P);				\
	BENCH_VARIANT(name, PRE_COPY);					\
	BENCH_VARIANT(name, PRE_COPY_P2P);				\
									\
	FIXTURE_SETUP(name)						\
	{								\
		const char *why = bench_open(&self->a, &self->b,	\
					     &self->stage, needs);	\
									\
		if (why)						\
			SKIP(return, "%s", why);			\
		if (!mig_model_supported(self->a.dut.flags,		\
					 variant->from))		\
			SKIP(return, "the device has no %s",		\
			     mig_state_name(variant->from));		\
	}								\
									\
	BENCH_TEARDOWN(name)

#endif /* SELFTESTS_STANDINS_BENCH_FIXTURE_H */
