// SPDX-License-Identifier: GPL-2.0-only
/* The migration features of VFIO_DEVICE_FEATURE: GET, SET, PROBE, argsz. */
#include <errno.h>
#include <sys/mman.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/guarded.h"
#include "../lib/rule.h"
#include "dut.h"
#include "dut_fixture.h"

#define GET	VFIO_DEVICE_FEATURE_GET
#define SET	VFIO_DEVICE_FEATURE_SET
#define PROBE	VFIO_DEVICE_FEATURE_PROBE

/* A flag that no feature has, between the feature's number and PROBE */
#define UNKNOWN	0x01000000

/**
 * struct feature - a feature of migration
 * @index: its number
 * @ops: GET and SET as far as it has them
 * @len: length of its data
 */
struct feature {
	const char *name;
	__u32 index;
	__u32 ops;
	size_t len;
};

/* What every device with migration has */
static const struct feature features[] = {
	{ "MIGRATION", VFIO_DEVICE_FEATURE_MIGRATION, GET,
	  sizeof(struct vfio_device_feature_migration) },
	{ "MIG_DEVICE_STATE", VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, GET | SET,
	  sizeof(struct vfio_device_feature_mig_state) },
	{ "MIG_DATA_SIZE", VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, GET,
	  sizeof(struct vfio_device_feature_mig_data_size) },
};

/* What a device with a DMA log has in addition */
static const struct feature log_features[] = {
	{ "DMA_LOGGING_START", VFIO_DEVICE_FEATURE_DMA_LOGGING_START, SET,
	  sizeof(struct vfio_device_feature_dma_logging_control) },
	{ "DMA_LOGGING_STOP", VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, SET, 0 },
	{ "DMA_LOGGING_REPORT", VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, GET,
	  sizeof(struct vfio_device_feature_dma_logging_report) },
};

DUT_FIXTURE(features, DUT_STOP_COPY);

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

static void judge_probes(struct __test_metadata *_metadata,
			 struct vfio_dev *dev, const struct feature *f)
{
	static const __u32 ops[] = { 0, GET, SET, GET | SET };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ops); i++)
		RULE_ERRNO("MIG-FEAT-04", ops[i] & ~f->ops ? -EINVAL : 0,
			   __vfio_feature(dev, PROBE | ops[i] | f->index, NULL,
					  0),
			   "PROBE%s%s %s", ops[i] & GET ? " | GET" : "",
			   ops[i] & SET ? " | SET" : "", f->name);
}

/* "PROBE [...] can be combined with GET and/or SET" */
TEST_F(features, PROBE_tells_which_of_GET_and_SET_exist)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(features); i++)
		judge_probes(_metadata, &self->dut.dev, &features[i]);
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

static void judge_methods(struct __test_metadata *_metadata,
			  struct vfio_dev *dev, const struct feature *f)
{
	const struct {
		__u32 flags;
		const char *name;
	} bad[] = {
		{ 0, "neither GET nor SET" },
		{ GET | SET, "GET | SET" },
		{ f->ops | UNKNOWN, "an unknown flag" },
		{ GET | SET | UNKNOWN, "GET, SET and an unknown flag" },
		{ (GET | SET) & ~f->ops, "a method that it has not" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		__u64 data[4] = {};

		RULE_ERRNO("MIG-FEAT-06", -EINVAL,
			   __vfio_feature(dev, bad[i].flags | f->index, data,
					  f->len),
			   "%s: %s", f->name, bad[i].name);
	}
}

/* "GET and SET are mutually exclusive, except for use with PROBE" */
TEST_F(features, call_names_one_method_that_the_feature_has)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(features); i++)
		judge_methods(_metadata, &self->dut.dev, &features[i]);
}

static void judge_short_argsz(struct __test_metadata *_metadata,
			      struct vfio_dev *dev, const struct feature *f,
			      __u32 op)
{
	__u64 data[4] = { ~0ULL, ~0ULL, ~0ULL, ~0ULL };
	bool untouched = true;
	unsigned int i;
	__u32 argsz;

	for (argsz = 0; argsz < sizeof(struct vfio_device_feature) + f->len;
	     argsz++)
		RULE_ERRNO("MIG-FEAT-07", -EINVAL,
			   __vfio_feature_argsz(dev, op | f->index, data,
						f->len, argsz),
			   "%s %s with argsz %u", op == GET ? "GET" : "SET",
			   f->name, argsz);
	for (i = 0; i < ARRAY_LEN(data); i++)
		untouched &= data[i] == ~0ULL;
	RULE("MIG-FEAT-07", untouched, "data untouched, seen a change: %s",
	     f->name);
}

/* "@argsz: Size of this structure": the kernel may not touch what is beyond */
TEST_F(features, argsz_too_short_is_refused)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(features); i++) {
		const struct feature *f = &features[i];

		if (f->ops & GET)
			judge_short_argsz(_metadata, &self->dut.dev, f, GET);
		if (f->ops & SET)
			judge_short_argsz(_metadata, &self->dut.dev, f, SET);
	}
}

/* The call with so many bytes of its argument, and no memory behind them */
static int feature_cut(struct vfio_dev *dev, const struct feature *f, __u32 op,
		       __u8 *end, size_t there)
{
	struct {
		struct vfio_device_feature head;
		__u64 data[4];
	} arg = {
		.head.argsz = sizeof(arg.head) + f->len,
		.head.flags = op | f->index,
	};

	return do_ioctl(dev->fd, VFIO_DEVICE_FEATURE,
			guarded_put(end, &arg, there));
}

static void judge_cut(struct __test_metadata *_metadata, struct vfio_dev *dev,
		      const struct feature *f, __u32 op)
{
	size_t len = sizeof(struct vfio_device_feature) + f->len, there;
	__u8 *end = guarded_end();

	for (there = 0; there < len; there++)
		RULE_ERRNO("MIG-FEAT-11", -EFAULT,
			   feature_cut(dev, f, op, end, there),
			   "%s %s with %zu bytes of %zu",
			   op == GET ? "GET" : "SET", f->name, there, len);
}

/* ... and a GET whose answer cannot be written */
static void judge_read_only(struct __test_metadata *_metadata,
			    struct vfio_dev *dev, const struct feature *f)
{
	struct vfio_device_feature *arg;

	arg = (void *)guarded_new(sizeof(*arg) + f->len);
	arg->argsz = sizeof(*arg) + f->len;
	arg->flags = GET | f->index;
	guarded_protect(arg, PROT_READ);
	RULE_ERRNO("MIG-FEAT-11", -EFAULT,
		   do_ioctl(dev->fd, VFIO_DEVICE_FEATURE, arg),
		   "GET %s with an argument that is read-only", f->name);
}

/* A VMM that is told of success takes what it reads there for the answer */
TEST_F(features, argument_that_cannot_be_accessed_is_EFAULT)
{
	struct vfio_dev *dev = &self->dut.dev;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(features); i++) {
		const struct feature *f = &features[i];

		if (f->ops & GET) {
			judge_cut(_metadata, dev, f, GET);
			judge_read_only(_metadata, dev, f);
		}
		if (f->ops & SET)
			judge_cut(_metadata, dev, f, SET);
	}
	RULE_STATE("MIG-FEAT-11", VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(dev),
		   "GET after SETs with no state");
	if (!dut_has_log(&self->dut))
		return;
	for (i = 0; i < ARRAY_LEN(log_features); i++)
		judge_cut(_metadata, dev, &log_features[i],
			  log_features[i].ops);
}

/* The features of the DMA log are features like the others */
TEST_F(features, of_the_DMA_log_take_no_other_method_or_argsz)
{
	struct vfio_dev *dev = &self->dut.dev;
	unsigned int i;

	if (!dut_has_log(&self->dut))
		SKIP(return, "the device has no DMA log");
	for (i = 0; i < ARRAY_LEN(log_features); i++) {
		const struct feature *f = &log_features[i];

		judge_probes(_metadata, dev, f);
		judge_methods(_metadata, dev, f);
		judge_short_argsz(_metadata, dev, f, f->ops);
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

DUT_FIXTURE(any, DUT_ANY);

/*
 * QEMU takes any other errno than ENOTTY for a device that is broken. It is the
 * driver's answer or, where that has no .device_feature, the core's.
 */
TEST_F(any, feature_that_no_kernel_has_is_ENOTTY)
{
	static const __u32 ops[] = {
		GET, SET, PROBE, PROBE | GET, PROBE | SET, PROBE | GET | SET,
	};
	/* The last number; and numbers that are known if some bit is ignored */
	static const __u32 unknown[] = {
		VFIO_DEVICE_FEATURE_MASK,
		0x0080 | VFIO_DEVICE_FEATURE_MIGRATION,
		0x0100 | VFIO_DEVICE_FEATURE_MIGRATION,
		0x8000 | VFIO_DEVICE_FEATURE_MIGRATION,
		0x0100 | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
		0x8000 | VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP,
	};
	unsigned int i, j;

	for (i = 0; i < ARRAY_LEN(unknown); i++) {
		for (j = 0; j < ARRAY_LEN(ops); j++) {
			__u64 data[2] = {};

			RULE_ERRNO("MIG-FEAT-10", -ENOTTY,
				   __vfio_feature(&self->dut.dev, ops[j] |
						  unknown[i], data,
						  sizeof(data)),
				   "feature %#x, flags %#x", unknown[i],
				   ops[j]);
		}
	}
}

DUT_FIXTURE(no_migration, DUT_NONE);

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
