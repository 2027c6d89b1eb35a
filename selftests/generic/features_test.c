// SPDX-License-Identifier: GPL-2.0-only
/* The migration features of VFIO_DEVICE_FEATURE: GET, SET, PROBE, argsz. */
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "dut.h"

#define GET	VFIO_DEVICE_FEATURE_GET
#define SET	VFIO_DEVICE_FEATURE_SET
#define PROBE	VFIO_DEVICE_FEATURE_PROBE

/* A flag that no feature has, between the feature's number and PROBE */
#define UNKNOWN	0x01000000

/**
 * struct feature - a feature that every device with migration has
 * @index: its number
 * @ops: GET and SET as far as it has them
 * @len: length of its data
 */
static const struct feature {
	const char *name;
	__u32 index;
	__u32 ops;
	size_t len;
} features[] = {
	{ "MIGRATION", VFIO_DEVICE_FEATURE_MIGRATION, GET,
	  sizeof(struct vfio_device_feature_migration) },
	{ "MIG_DEVICE_STATE", VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, GET | SET,
	  sizeof(struct vfio_device_feature_mig_state) },
	{ "MIG_DATA_SIZE", VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, GET,
	  sizeof(struct vfio_device_feature_mig_data_size) },
};

#define DUT_FIXTURE	features
#define DUT_NEEDS	STOP_COPY
#include "dut_fixture.h"

/* "at least VFIO_MIGRATION_STOP_COPY must be set" */
TEST_F(features, MIGRATION_tells_a_legal_set)
{
	__u64 flags;

	ASSERT_EQ(0, __vfio_mig_flags(&self->dut.dev, &flags));
	EXPECT_TRUE(flags & VFIO_MIGRATION_STOP_COPY);
	/* "Other combinations [...] to be defined in the future" */
	EXPECT_EQ(0, flags & ~(__u64)MIG_FLAGS_ALL);
}

/* "PROBE [...] can be combined with GET and/or SET" */
TEST_F(features, PROBE_tells_which_of_GET_and_SET_exist)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(features); i++) {
		const struct feature *f = &features[i];
		const __u32 ops[] = { 0, GET, SET, GET | SET };
		unsigned int j;

		for (j = 0; j < ARRAY_LEN(ops); j++) {
			int ret = __vfio_feature(&self->dut.dev, PROBE |
						 ops[j] | f->index, NULL, 0);

			EXPECT_EQ(ops[j] & ~f->ops ? -EINVAL : 0, ret)
				TH_LOG("%s: PROBE%s%s", f->name,
				       ops[j] & GET ? " | GET" : "",
				       ops[j] & SET ? " | SET" : "");
		}
	}
}

/* A PROBE must not do what it asks for */
TEST_F(features, PROBE_changes_nothing)
{
	struct vfio_device_feature_mig_state mig = {
		.device_state = VFIO_DEVICE_STATE_STOP,
	};

	EXPECT_EQ(0, __vfio_feature(&self->dut.dev, PROBE | SET |
				    VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
				    &mig, sizeof(mig)));
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&self->dut.dev));
}

TEST_F(features, op_that_a_feature_has_not_is_refused)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(features); i++) {
		const struct feature *f = &features[i];
		__u64 data[2] = {};

		/* Without PROBE, exactly one of GET and SET */
		EXPECT_EQ(-EINVAL, __vfio_feature(&self->dut.dev, f->index,
						  data, f->len))
			TH_LOG("%s: neither GET nor SET", f->name);
		EXPECT_EQ(-EINVAL, __vfio_feature(&self->dut.dev, GET | SET |
						  f->index, data, f->len))
			TH_LOG("%s: GET and SET", f->name);
		if (!(f->ops & SET))
			EXPECT_EQ(-EINVAL,
				  __vfio_feature(&self->dut.dev, SET |
						 f->index, data, f->len))
				TH_LOG("%s: SET", f->name);
		EXPECT_EQ(-EINVAL, __vfio_feature(&self->dut.dev, GET |
						  UNKNOWN | f->index, data,
						  f->len))
			TH_LOG("%s: unknown flag", f->name);
	}
}

/* "@argsz: Size of this structure": the kernel may not touch what is beyond */
TEST_F(features, argsz_one_short_is_refused)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(features); i++) {
		const struct feature *f = &features[i];
		__u64 data[2] = { ~0ULL, ~0ULL };
		__u32 len;

		for (len = 0; len < f->len; len++) {
			__u32 argsz = sizeof(struct vfio_device_feature) + len;

			EXPECT_EQ(-EINVAL,
				  __vfio_feature_argsz(&self->dut.dev, GET |
						       f->index, data, f->len,
						       argsz))
				TH_LOG("%s: %u bytes of data", f->name, len);
		}
		EXPECT_EQ(~0ULL, data[0])
			TH_LOG("%s: written all the same", f->name);
		EXPECT_EQ(-EINVAL,
			  __vfio_feature_argsz(&self->dut.dev, GET | f->index,
					       data, f->len,
					       sizeof(struct
						      vfio_device_feature) - 1))
			TH_LOG("%s: not even a header", f->name);
	}
}

/* A user built for a newer kernel has a longer structure */
TEST_F(features, argsz_longer_is_accepted)
{
	const __u8 fill[] = { 0x00, 0xff };
	unsigned int i, j;

	for (i = 0; i < ARRAY_LEN(features); i++) {
		const struct feature *f = &features[i];

		for (j = 0; j < ARRAY_LEN(fill); j++) {
			__u8 data[64];

			memset(data, fill[j], sizeof(data));
			EXPECT_EQ(0, __vfio_feature(&self->dut.dev, GET |
						    f->index, data,
						    f->len + 1))
				TH_LOG("%s", f->name);
			EXPECT_EQ(fill[j], data[f->len])
				TH_LOG("%s: wrote beyond its structure",
				       f->name);
		}
	}
}

/* "Upon VFIO_DEVICE_FEATURE_GET [...] data_fd will be -1" */
TEST_F(features, GET_state_has_no_data_fd)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		struct vfio_device_feature_mig_state mig = { .data_fd = -2 };
		int data_fd = dut_go(&self->dut, state);

		EXPECT_EQ(0, __vfio_feature(&self->dut.dev, GET |
					    VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
					    &mig, sizeof(mig)));
		EXPECT_EQ(-1, mig.data_fd);
		EXPECT_EQ(state, mig.device_state);
		if (data_fd >= 0)
			close(data_fd);
	}
}

/* "Can be called on each device state" */
TEST_F(features, MIG_DATA_SIZE_in_each_state)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd = dut_go(&self->dut, state);
		__u64 bytes;

		EXPECT_EQ(0, __vfio_mig_data_size(&self->dut.dev, &bytes))
			TH_LOG("%s", mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
	}
}

#define DUT_FIXTURE	no_migration
#define DUT_NEEDS	NONE
#include "dut_fixture.h"

/* A VMM tells by ENOTTY that it has to do without */
TEST_F(no_migration, features_are_ENOTTY)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(features); i++) {
		const struct feature *f = &features[i];
		__u64 data[2] = {};

		EXPECT_EQ(-ENOTTY, __vfio_feature(&self->dut.dev, GET |
						  f->index, data, f->len))
			TH_LOG("%s: GET", f->name);
		EXPECT_EQ(-ENOTTY, __vfio_feature(&self->dut.dev, SET |
						  f->index, data, f->len))
			TH_LOG("%s: SET", f->name);
		EXPECT_EQ(-ENOTTY, __vfio_feature(&self->dut.dev, PROBE | GET |
						  f->index, NULL, 0))
			TH_LOG("%s: PROBE | GET", f->name);
	}
}

TEST_F(no_migration, reset_works)
{
	EXPECT_EQ(0, __vfio_dev_reset(&self->dut.dev));
}

TEST_HARNESS_MAIN
