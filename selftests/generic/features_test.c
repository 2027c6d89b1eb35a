// SPDX-License-Identifier: GPL-2.0-only
/* The migration features of VFIO_DEVICE_FEATURE: GET, SET, PROBE, argsz. */
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
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
#define DUT_NEEDS	DUT_STOP_COPY
#include "dut_fixture.h"

/* "at least VFIO_MIGRATION_STOP_COPY must be set" */
TEST_F(features, MIGRATION_tells_a_legal_set)
{
	__u64 flags = 0;

	RULE_OK("MIG-FEAT-03", __vfio_mig_flags(&self->dut.dev, &flags),
		"GET MIGRATION");
	RULE("MIG-FEAT-01", flags & VFIO_MIGRATION_STOP_COPY,
	     "STOP_COPY, seen flags %#llx", (unsigned long long)flags);
	/* "Other combinations [...] to be defined in the future" */
	RULE("MIG-FEAT-02", !(flags & ~(__u64)MIG_FLAGS_ALL),
	     "defined flags only, seen %#llx", (unsigned long long)flags);
}

TEST_F(features, features_of_migration_exist_together)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(features); i++) {
		__u64 data[2] = {};

		RULE_OK("MIG-FEAT-03",
			__vfio_feature(&self->dut.dev, GET | features[i].index,
				       data, features[i].len),
			"GET %s", features[i].name);
	}
}

/* "PROBE [...] can be combined with GET and/or SET" */
TEST_F(features, PROBE_tells_which_of_GET_and_SET_exist)
{
	static const __u32 ops[] = { 0, GET, SET, GET | SET };
	unsigned int i, j;

	for (i = 0; i < ARRAY_LEN(features); i++) {
		const struct feature *f = &features[i];

		for (j = 0; j < ARRAY_LEN(ops); j++)
			RULE_ERRNO("MIG-FEAT-04",
				   ops[j] & ~f->ops ? -EINVAL : 0,
				   __vfio_feature(&self->dut.dev, PROBE |
						  ops[j] | f->index, NULL, 0),
				   "PROBE%s%s %s", ops[j] & GET ? " | GET" : "",
				   ops[j] & SET ? " | SET" : "", f->name);
	}
}

/* A PROBE must not do what it asks for */
TEST_F(features, PROBE_changes_nothing)
{
	struct vfio_device_feature_mig_state mig = {
		.device_state = VFIO_DEVICE_STATE_STOP,
	};

	RULE_OK("MIG-FEAT-05",
		__vfio_feature(&self->dut.dev, PROBE | SET |
			       VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
			       &mig, sizeof(mig)),
		"PROBE | SET STOP");
	RULE_STATE("MIG-FEAT-05", VFIO_DEVICE_STATE_RUNNING,
		   vfio_mig_get(&self->dut.dev), "GET after PROBE | SET STOP");
	RULE_OK("MIG-FEAT-05",
		__vfio_feature(&self->dut.dev, PROBE | SET |
			       VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, NULL, 0),
		"PROBE | SET without data");
}

/* "GET and SET are mutually exclusive, except for use with PROBE" */
TEST_F(features, call_names_one_method_that_the_feature_has)
{
	unsigned int i, j;

	for (i = 0; i < ARRAY_LEN(features); i++) {
		const struct feature *f = &features[i];
		const struct {
			__u32 flags;
			const char *name;
		} bad[] = {
			{ 0, "neither GET nor SET" },
			{ GET | SET, "GET | SET" },
			{ GET | UNKNOWN, "GET and an unknown flag" },
			{ f->ops & SET ? 0 : SET, "SET" },
		};

		for (j = 0; j < ARRAY_LEN(bad); j++) {
			__u64 data[2] = {};

			RULE_ERRNO("MIG-FEAT-06", -EINVAL,
				   __vfio_feature(&self->dut.dev, bad[j].flags |
						  f->index, data, f->len),
				   "%s of %s", bad[j].name, f->name);
		}
	}
}

/* "@argsz: Size of this structure": the kernel may not touch what is beyond */
TEST_F(features, argsz_too_short_is_refused)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(features); i++) {
		const struct feature *f = &features[i];
		__u64 data[2] = { ~0ULL, ~0ULL };
		__u32 argsz;

		for (argsz = 0;
		     argsz < sizeof(struct vfio_device_feature) + f->len;
		     argsz++)
			RULE_ERRNO("MIG-FEAT-07", -EINVAL,
				   __vfio_feature_argsz(&self->dut.dev, GET |
							f->index, data, f->len,
							argsz),
				   "GET %s with argsz %u", f->name, argsz);
		RULE("MIG-FEAT-07", data[0] == ~0ULL && data[1] == ~0ULL,
		     "data untouched, seen %#llx %#llx: GET %s",
		     (unsigned long long)data[0], (unsigned long long)data[1],
		     f->name);
	}
}

/* A user built for a newer kernel has a longer structure */
TEST_F(features, argsz_longer_is_accepted)
{
	static const __u8 fill[] = { 0x00, 0xff };
	unsigned int i, j, k;

	for (i = 0; i < ARRAY_LEN(features); i++) {
		const struct feature *f = &features[i];

		for (j = 0; j < ARRAY_LEN(fill); j++) {
			__u8 data[64];

			memset(data, fill[j], sizeof(data));
			RULE_OK("MIG-FEAT-08",
				__vfio_feature(&self->dut.dev, GET | f->index,
					       data, sizeof(data)),
				"GET %s with 64 bytes of %#x", f->name,
				fill[j]);
			for (k = f->len; k < sizeof(data); k++)
				RULE_EQ("MIG-FEAT-08", fill[j], data[k],
					"byte %u after GET %s", k, f->name);
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

		RULE_OK("MIG-FSM-14",
			__vfio_feature(&self->dut.dev, GET |
				       VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
				       &mig, sizeof(mig)),
			"GET in %s", mig_state_name(state));
		RULE_EQ("MIG-FSM-14", -1, mig.data_fd, "data_fd in %s",
			mig_state_name(state));
		RULE_STATE("MIG-FSM-14", state, mig.device_state, "GET");
		if (data_fd >= 0)
			close(data_fd);
	}
}

#define DUT_FIXTURE	any
#define DUT_NEEDS	DUT_ANY
#include "dut_fixture.h"

/*
 * QEMU takes any other errno than ENOTTY for a device that is broken. It is the
 * driver's answer or, where that has no .device_feature, the core's.
 */
TEST_F(any, feature_that_no_kernel_has_is_ENOTTY)
{
	static const __u32 ops[] = {
		GET, SET, PROBE, PROBE | GET, PROBE | SET, PROBE | GET | SET,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ops); i++) {
		__u64 data[2] = {};

		RULE_ERRNO("MIG-FEAT-10", -ENOTTY,
			   __vfio_feature(&self->dut.dev, ops[i] |
					  VFIO_DEVICE_FEATURE_MASK, data,
					  sizeof(data)),
			   "feature %#x, flags %#x", VFIO_DEVICE_FEATURE_MASK,
			   ops[i]);
	}
}

#define DUT_FIXTURE	no_migration
#define DUT_NEEDS	DUT_NONE
#include "dut_fixture.h"

/* A VMM tells by ENOTTY that it has to do without */
TEST_F(no_migration, features_are_ENOTTY)
{
	static const __u32 ops[] = { GET, SET, PROBE | GET, PROBE | SET };
	unsigned int i, j;

	for (i = 0; i < ARRAY_LEN(features); i++)
		for (j = 0; j < ARRAY_LEN(ops); j++) {
			__u64 data[2] = {};

			RULE_ERRNO("MIG-FEAT-09", -ENOTTY,
				   __vfio_feature(&self->dut.dev, ops[j] |
						  features[i].index, data,
						  features[i].len),
				   "%s, flags %#x", features[i].name, ops[j]);
		}
}

TEST_HARNESS_MAIN
