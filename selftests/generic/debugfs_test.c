// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of a device in debugfs, for whoever looks at a machine whose
 * migration hangs: he has no fd of the device.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/file.h"
#include "../lib/rule.h"
#include "dut.h"
#include "dut_fixture.h"
#include "steps.h"

#define VFIO_DEBUGFS	"/sys/kernel/debug/vfio"

DUT_FIXTURE(migrating, DUT_STOP_COPY);

/* What is in the folder of a device */
static void debugfs_path(const struct dut *dut, const char *name, char *path,
			 size_t size)
{
	char sysfs[PATH_MAX];

	must(__vfio_dev_sysfs(dut->name, sysfs));
	snprintf(path, size, VFIO_DEBUGFS "/%.128s%s",
		 strrchr(sysfs, '/') + 1, name);
}

/* A kernel has it or not, for all devices */
static const char *no_debugfs(void)
{
	return access(VFIO_DEBUGFS, F_OK) ?
	       "this kernel has no CONFIG_VFIO_DEBUGFS, or debugfs is not mounted" :
	       NULL;
}

TEST_F(migrating, debugfs_tells_the_state)
{
	const char *why = no_debugfs();
	char path[256], text[32];
	__u32 state;

	if (why)
		SKIP(return, "%s", why);
	debugfs_path(&self->dut, "/migration/state", path, sizeof(path));
	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd, ret;

		if (step_go(&self->dut, state, NULL, &data_fd))
			continue;
		ret = file_read(path, text, sizeof(text));
		RULE_OK("MIG-FSM-16", ret, "read() of %s in %s", path,
			mig_state_name(state));
		if (!ret)
			RULE("MIG-FSM-16",
			     !strcmp(text, mig_state_name(state)),
			     "%s, seen '%s': the file in debugfs",
			     mig_state_name(state), text);
		if (data_fd >= 0)
			close(data_fd);
	}
}

DUT_FIXTURE(not_migrating, DUT_NONE);

TEST_F(not_migrating, debugfs_tells_no_state)
{
	const char *why = no_debugfs();
	char path[256];

	if (why)
		SKIP(return, "%s", why);
	debugfs_path(&self->dut, "", path, sizeof(path));
	RULE("MIG-FSM-16", !access(path, F_OK),
	     "a folder, seen none: %s", path);
	debugfs_path(&self->dut, "/migration", path, sizeof(path));
	RULE("MIG-FSM-16", access(path, F_OK),
	     "no folder, seen one: %s", path);
}

TEST_HARNESS_MAIN
