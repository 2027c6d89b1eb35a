/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fixture with two VFs of a stand-in, self->a and self->b, and a stage for
 * acts with the first one, self->stage.
 *
 * Include this once for each fixture, with BENCH_FIXTURE defined as its name,
 * and BENCH_NEEDS as what its tests need of a device: one of DUT_* in dut.h.
 * With BENCH_STATES it has a variant for each state, variant->from, of which a
 * driver that crashes the kernel spoils one only.
 */
#ifndef BENCH_EXPAND
#define BENCH_EXPAND(macro, ...)	macro(__VA_ARGS__)
#endif

BENCH_EXPAND(FIXTURE, BENCH_FIXTURE)
{
	struct vf a;
	struct vf b;
	struct stage stage;
};

#ifdef BENCH_STATES
BENCH_EXPAND(FIXTURE_VARIANT, BENCH_FIXTURE)
{
	__u32 from;
};

BENCH_EXPAND(FIXTURE_VARIANT_ADD, BENCH_FIXTURE, STOP)
{
	.from = VFIO_DEVICE_STATE_STOP,
};

BENCH_EXPAND(FIXTURE_VARIANT_ADD, BENCH_FIXTURE, RUNNING)
{
	.from = VFIO_DEVICE_STATE_RUNNING,
};

BENCH_EXPAND(FIXTURE_VARIANT_ADD, BENCH_FIXTURE, STOP_COPY)
{
	.from = VFIO_DEVICE_STATE_STOP_COPY,
};

BENCH_EXPAND(FIXTURE_VARIANT_ADD, BENCH_FIXTURE, RESUMING)
{
	.from = VFIO_DEVICE_STATE_RESUMING,
};

BENCH_EXPAND(FIXTURE_VARIANT_ADD, BENCH_FIXTURE, RUNNING_P2P)
{
	.from = VFIO_DEVICE_STATE_RUNNING_P2P,
};

BENCH_EXPAND(FIXTURE_VARIANT_ADD, BENCH_FIXTURE, PRE_COPY)
{
	.from = VFIO_DEVICE_STATE_PRE_COPY,
};

BENCH_EXPAND(FIXTURE_VARIANT_ADD, BENCH_FIXTURE, PRE_COPY_P2P)
{
	.from = VFIO_DEVICE_STATE_PRE_COPY_P2P,
};
#endif

BENCH_EXPAND(FIXTURE_SETUP, BENCH_FIXTURE)
{
	const char *why = vf_open(&self->a, BENCH_NEEDS);

	memset(&self->b, 0, sizeof(self->b));
	memset(&self->stage, 0, sizeof(self->stage));
	if (!why)
		why = vf_open_second(&self->b, &self->a);
	if (why)
		SKIP(return, "%s", why);
#ifdef BENCH_STATES
	if (!mig_model_supported(self->a.dut.flags, variant->from))
		SKIP(return, "the device has no %s",
		     mig_state_name(variant->from));
#endif
}

BENCH_EXPAND(FIXTURE_TEARDOWN, BENCH_FIXTURE)
{
	rules_report();
	stage_free(&self->stage);
	vf_free(&self->a);
	vf_free(&self->b);
	dut_close_all();
}

#undef BENCH_FIXTURE
#undef BENCH_NEEDS
#undef BENCH_STATES
