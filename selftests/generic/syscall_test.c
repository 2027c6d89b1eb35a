// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls as no sane user makes them: arguments that cannot be read or
 * written, no file descriptor left, ioctls that are none.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/guarded.h"
#include "../lib/rule.h"
#include "dut.h"
#include "dut_fixture.h"
#include "steps.h"

/* The argument of SET */
struct set_state {
	struct vfio_device_feature feature;
	struct vfio_device_feature_mig_state mig;
};

static struct set_state set_arg(__u32 state)
{
	return (struct set_state) {
		.feature.argsz = sizeof(struct set_state),
		.feature.flags = VFIO_DEVICE_FEATURE_SET |
				 VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
		.mig.device_state = state,
	};
}

static long feature(struct dut *dut, const void *arg)
{
	return ioctl(dut->dev.fd, VFIO_DEVICE_FEATURE, arg) < 0 ? -errno : 0;
}

/* GET, or a number that is no state */
static __u32 state_of(struct dut *dut)
{
	__u32 state;

	return __vfio_mig_get(&dut->dev, &state) ? VFIO_DEVICE_STATE_NR :
						   state;
}

DUT_FIXTURE(syscall, DUT_STOP_COPY);

/* The driver has done its work when the core finds that it cannot tell */
TEST_F(syscall, SET_with_an_argument_that_cannot_be_written)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		struct set_state arg = set_arg(state);
		const char *why;
		void *at;

		dut_fresh(&self->dut);
		at = guarded_put(guarded_end(), &arg, sizeof(arg));
		guarded_protect(at, PROT_READ);
		RULE_ERRNO("MIG-SEC-02", -EFAULT, feature(&self->dut, at),
			   "SET %s, argument read-only", mig_state_name(state));

		why = step_recover(&self->dut);
		RULE("MIG-SEC-02", !why,
		     "a device that migrates, seen %s: after SET %s, argument read-only, and reset",
		     why, mig_state_name(state));
	}
}

/* The session to which nobody has the fd can be left like any other */
TEST_F(syscall, session_without_fd_is_left_by_SET)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		struct set_state arg = set_arg(state);
		const char *why;
		void *at;
		int none;

		if (!mig_model_saving(state))
			continue;
		dut_fresh(&self->dut);
		at = guarded_put(guarded_end(), &arg, sizeof(arg));
		guarded_protect(at, PROT_READ);
		feature(&self->dut, at);

		RULE_OK("MIG-SEC-02",
			__vfio_mig_set(&self->dut.dev,
				       VFIO_DEVICE_STATE_RUNNING, &none),
			"SET RUNNING after SET %s, argument read-only",
			mig_state_name(state));
		why = step_migrate(&self->dut);
		RULE("MIG-SEC-02", !why,
		     "a device that migrates, seen %s: after SET %s, argument read-only, and SET RUNNING",
		     why, mig_state_name(state));
	}
}

/* No part of the argument there, or the structure and not the data */
TEST_F(syscall, SET_with_an_argument_that_cannot_be_read)
{
	struct set_state arg = set_arg(VFIO_DEVICE_STATE_STOP);
	__u8 *end = guarded_end();
	size_t len;

	for (len = 0; len < sizeof(arg); len++) {
		RULE_ERRNO("MIG-SEC-02", -EFAULT,
			   feature(&self->dut,
				   guarded_put(end, &arg, len)),
			   "SET STOP, argument readable for %zu bytes", len);
		RULE_STATE("MIG-SEC-02", VFIO_DEVICE_STATE_RUNNING,
			   state_of(&self->dut),
			   "GET after SET STOP, argument readable for %zu bytes",
			   len);
	}
	RULE_ERRNO("MIG-SEC-02", -EFAULT, feature(&self->dut, NULL),
		   "SET, argument NULL");
}

/* Every SET that begins a session */
static bool set_without_fd(struct dut *dut, __u32 state, int *ret)
{
	struct rlimit limit, none;
	int data_fd;

	dut_fresh(dut);
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return false;
	none = limit;
	none.rlim_cur = 0;
	if (setrlimit(RLIMIT_NOFILE, &none))
		return false;
	*ret = __vfio_mig_set(&dut->dev, state, &data_fd);
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("setrlimit: %s", strerror(errno));
	return true;
}

/* EMFILE: "the FSM has already moved and the driver still holds its file" */
TEST_F(syscall, SET_without_a_free_fd)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		const char *why;
		int ret;

		if (!mig_model_session(state))
			continue;
		ASSERT_TRUE(set_without_fd(&self->dut, state, &ret));
		RULE_ERRNO("MIG-SEC-03", -EMFILE, ret, "SET %s without a free fd",
			   mig_state_name(state));
		why = step_recover(&self->dut);
		RULE("MIG-SEC-03", !why,
		     "a device that migrates, seen %s: after SET %s without a free fd, and reset",
		     why, mig_state_name(state));
	}
}

TEST_F(syscall, SET_without_a_free_fd_is_undone_by_SET)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		const char *why;
		int ret, none;

		/* RESUMING without data is left by reset alone */
		if (!mig_model_saving(state))
			continue;
		ASSERT_TRUE(set_without_fd(&self->dut, state, &ret));
		RULE_OK("MIG-SEC-03",
			__vfio_mig_set(&self->dut.dev,
				       VFIO_DEVICE_STATE_RUNNING, &none),
			"SET RUNNING after SET %s without a free fd",
			mig_state_name(state));
		why = step_migrate(&self->dut);
		RULE("MIG-SEC-03", !why,
		     "a device that migrates, seen %s: after SET %s without a free fd, and SET RUNNING",
		     why, mig_state_name(state));
	}
}

/* SETs that return no fd need none */
TEST_F(syscall, SET_to_a_state_without_session_needs_no_fd)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int ret;

		if (mig_model_session(state))
			continue;
		ASSERT_TRUE(set_without_fd(&self->dut, state, &ret));
		RULE_OK("MIG-SEC-03", ret, "SET %s without a free fd",
			mig_state_name(state));
	}
}

/*
 * Numbers that no fd of VFIO knows, and those that only others know: of the
 * container, the group, the device.
 */
static const unsigned int others[] = {
	_IO(VFIO_TYPE, VFIO_BASE + 90), _IO(VFIO_TYPE, 255),
	_IO(VFIO_TYPE, 0), _IO('z', VFIO_BASE + 7),
	_IOWR(VFIO_TYPE, VFIO_BASE + 11, __u64), _IO(0, 0), ~0U,
	VFIO_GET_API_VERSION, VFIO_CHECK_EXTENSION, VFIO_SET_IOMMU,
	VFIO_GROUP_GET_STATUS, VFIO_GROUP_SET_CONTAINER,
	VFIO_GROUP_UNSET_CONTAINER, VFIO_GROUP_GET_DEVICE_FD,
};

static const unsigned int of_the_device[] = {
	VFIO_DEVICE_GET_INFO, VFIO_DEVICE_GET_REGION_INFO,
	VFIO_DEVICE_GET_IRQ_INFO, VFIO_DEVICE_SET_IRQS, VFIO_DEVICE_RESET,
	VFIO_DEVICE_FEATURE,
};

static long any_ioctl(int fd, unsigned int request)
{
	/* Long enough for whatever there is, argsz first */
	__u32 arg[64] = { sizeof(arg) };

	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

TEST_F(syscall, unknown_ioctl_of_the_data_fd_is_refused)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		unsigned int i;
		int data_fd;

		if (!mig_model_session(state) ||
		    step_go(&self->dut, state, NULL, &data_fd))
			continue;
		for (i = 0; i < ARRAY_LEN(others); i++)
			RULE_FAILS("MIG-SEC-08", any_ioctl(data_fd, others[i]),
				   "ioctl %#x of the data_fd in %s", others[i],
				   mig_state_name(state));
		for (i = 0; i < ARRAY_LEN(of_the_device); i++)
			RULE_FAILS("MIG-SEC-08",
				   any_ioctl(data_fd, of_the_device[i]),
				   "ioctl %#x of the data_fd in %s",
				   of_the_device[i], mig_state_name(state));
		close(data_fd);
	}
}

TEST_F(syscall, unknown_ioctl_of_a_dead_data_fd_is_refused)
{
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		unsigned int i;
		int data_fd;

		if (!mig_model_session(state) ||
		    step_go(&self->dut, state, NULL, &data_fd))
			continue;
		vfio_dev_close(&self->dut.dev);
		for (i = 0; i < ARRAY_LEN(others); i++)
			RULE_FAILS("MIG-SEC-08", any_ioctl(data_fd, others[i]),
				   "ioctl %#x of the data_fd after close in %s",
				   others[i], mig_state_name(state));
		close(data_fd);
		dut_reopen(&self->dut);
	}
}

/* Of features, what is written ends where argsz ends */
TEST_F(syscall, features_touch_nothing_behind_their_argument)
{
	static const struct {
		const char *name;
		__u32 flags;
		size_t len;
	} features[] = {
		{ "GET MIGRATION", VFIO_DEVICE_FEATURE_GET |
		  VFIO_DEVICE_FEATURE_MIGRATION,
		  sizeof(struct vfio_device_feature_migration) },
		{ "GET MIG_DEVICE_STATE", VFIO_DEVICE_FEATURE_GET |
		  VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
		  sizeof(struct vfio_device_feature_mig_state) },
		{ "GET MIG_DATA_SIZE", VFIO_DEVICE_FEATURE_GET |
		  VFIO_DEVICE_FEATURE_MIG_DATA_SIZE,
		  sizeof(struct vfio_device_feature_mig_data_size) },
		{ "PROBE MIGRATION", VFIO_DEVICE_FEATURE_PROBE |
		  VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION, 0 },
	};
	__u8 *end = guarded_end();
	unsigned int i;
	__u32 state;

	for (i = 0; i < ARRAY_LEN(features); i++) {
		struct {
			struct vfio_device_feature feature;
			__u64 data;
		} arg = {
			.feature.argsz = sizeof(arg.feature) + features[i].len,
			.feature.flags = features[i].flags,
		};

		RULE_OK("MIG-SEC-09",
			feature(&self->dut,
				guarded_put(end, &arg, arg.feature.argsz)),
			"%s, nothing behind its argument", features[i].name);
	}
	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		struct set_state arg = set_arg(state), *at;
		long ret;

		dut_fresh(&self->dut);
		at = guarded_put(end, &arg, sizeof(arg));
		ret = feature(&self->dut, at);
		RULE_OK("MIG-SEC-09", ret,
			"SET %s, nothing behind its argument",
			mig_state_name(state));
		if (!ret && at->mig.data_fd >= 0)
			close(at->mig.data_fd);
	}
}

DUT_FIXTURE(any, DUT_ANY);

TEST_F(any, unknown_ioctl_of_the_device_is_refused)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(others); i++)
		RULE_FAILS("MIG-SEC-08",
			   any_ioctl(self->dut.dev.fd, others[i]),
			   "ioctl %#x of the device", others[i]);
}

/*
 * Each ioctl with an argument of just the length of its argsz, once with
 * memory behind it and once without.
 */
TEST_F(any, ioctls_touch_nothing_behind_their_argument)
{
	const struct {
		const char *name;
		unsigned long request;
		union {
			__u32 argsz;
			struct vfio_device_info device;
			struct vfio_region_info region;
			struct vfio_irq_info irq;
			struct vfio_irq_set set;
		} arg;
	} calls[] = {
		{ "VFIO_DEVICE_GET_INFO", VFIO_DEVICE_GET_INFO,
		  .arg.argsz = offsetof(struct vfio_device_info, cap_offset) },
		{ "VFIO_DEVICE_GET_REGION_INFO", VFIO_DEVICE_GET_REGION_INFO,
		  .arg.argsz = sizeof(struct vfio_region_info) },
		{ "VFIO_DEVICE_GET_IRQ_INFO", VFIO_DEVICE_GET_IRQ_INFO,
		  .arg.argsz = sizeof(struct vfio_irq_info) },
		{ "VFIO_DEVICE_SET_IRQS", VFIO_DEVICE_SET_IRQS,
		  .arg.set = { .argsz = sizeof(struct vfio_irq_set),
			       .flags = VFIO_IRQ_SET_DATA_NONE |
					VFIO_IRQ_SET_ACTION_TRIGGER } },
	};
	__u8 *end = guarded_end();
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		__u64 plain[16] = {};
		long expected, ret;

		memcpy(plain, &calls[i].arg, sizeof(calls[i].arg));
		expected = ioctl(self->dut.dev.fd, calls[i].request, plain);
		expected = expected ? -errno : 0;
		ret = ioctl(self->dut.dev.fd, calls[i].request,
			    guarded_put(end, &calls[i].arg,
					calls[i].arg.argsz));
		ret = ret ? -errno : 0;
		RULE_ERRNO("MIG-SEC-09", expected, ret,
			   "%s, nothing behind its argument", calls[i].name);
	}
}

/* ... and none may read or write before it has looked */
TEST_F(any, ioctl_with_an_argument_that_faults_fails)
{
	static const unsigned int requests[] = {
		VFIO_DEVICE_GET_INFO, VFIO_DEVICE_GET_REGION_INFO,
		VFIO_DEVICE_GET_IRQ_INFO, VFIO_DEVICE_SET_IRQS,
		VFIO_DEVICE_FEATURE,
	};
	__u8 *end = guarded_end();
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(requests); i++) {
		__u32 argsz = 64;
		long ret;

		ret = ioctl(self->dut.dev.fd, requests[i],
			    guarded_put(end, &argsz, sizeof(argsz)));
		RULE_FAILS("MIG-SEC-09", ret ? -errno : 0,
			   "ioctl %#x, of whose argument there is only argsz",
			   requests[i]);
		ret = ioctl(self->dut.dev.fd, requests[i], end);
		RULE_FAILS("MIG-SEC-09", ret ? -errno : 0,
			   "ioctl %#x without an argument", requests[i]);
	}
}

static bool can_read(struct vfio_dev *dev, __u32 index)
{
	struct vfio_region_info info;
	__u32 data;

	return !__vfio_region_info(dev, index, &info) && info.size >= 16 &&
	       __vfio_region_read(dev, index, 0, &data, 4) == 4;
}

/* Config space, whose first bytes cannot be written, or any other */
static bool find_region(struct vfio_dev *dev, __u32 *index)
{
	*index = VFIO_PCI_CONFIG_REGION_INDEX;
	if (dev->info.flags & VFIO_DEVICE_FLAGS_PCI && can_read(dev, *index))
		return true;
	for (*index = 0; *index < dev->info.num_regions && *index < 64;
	     (*index)++)
		if (can_read(dev, *index))
			return true;
	return false;
}

TEST_F(any, regions_touch_nothing_behind_the_buffer)
{
	struct vfio_dev *dev = &self->dut.dev;
	__u8 *end = guarded_end();
	__u8 data[16];
	__u32 index;
	size_t len;

	if (!find_region(dev, &index))
		SKIP(return, "no region of 16 bytes can be read");
	for (len = 1; len <= sizeof(data); len++) {
		ssize_t n = __vfio_region_read(dev, index, 0, data, len);

		RULE_EQ("MIG-SEC-09", n,
			__vfio_region_read(dev, index, 0, end - len, len),
			"read() of %zu bytes of region %u, nothing behind them",
			len, index);
		RULE("MIG-SEC-09",
		     __vfio_region_read(dev, index, 0, end - len / 2, len) <=
		     (ssize_t)len / 2,
		     "%zu bytes at most, seen more: read() of %zu bytes of region %u",
		     len / 2, len, index);
		if (n != (ssize_t)len)
			continue;
		/* What was read, so that nothing changes if it has none */
		RULE_EQ("MIG-SEC-09",
			__vfio_region_write(dev, index, 0, data, len),
			__vfio_region_write(dev, index, 0,
					    guarded_put(end, data, len), len),
			"write() of %zu bytes of region %u, nothing behind them",
			len, index);
		RULE("MIG-SEC-09",
		     __vfio_region_write(dev, index, 0, end - len / 2, len) <=
		     (ssize_t)len / 2,
		     "%zu bytes at most, seen more: write() of %zu bytes of region %u",
		     len / 2, len, index);
	}
}

TEST_HARNESS_MAIN
