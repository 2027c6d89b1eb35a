// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-migctl with any device: what it says and does must be so for the driver
 * under test, whichever that is, and by each way in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../generic/dut.h"
#include "../generic/dut_fixture.h"
#include "../lib/check.h"
#include "../lib/rule.h"
#include "tool.h"

DUT_FIXTURE(any, DUT_STOP_COPY);

static struct tool tool;

/* What a test needs of the file system; it is gone with the guest or by hand */
static const char *temporary(const char *name)
{
	static char paths[4][128];
	static unsigned int next;
	char *path = paths[next++ % ARRAY_LEN(paths)];
	const char *dir = getenv("TMPDIR");

	snprintf(path, sizeof(paths[0]), "%s/migctl-%d-%s", dir ? dir : "/tmp",
		 getpid(), name);
	return path;
}

static __u32 state_of(struct dut *dut)
{
	return vfio_mig_get(&dut->dev);
}

/* The device is open in this process, and is used as that has it open */
TEST_F(any, state_of_a_borrowed_device)
{
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl state %s@%d", self->dut.name,
			      getpid()))
		TH_LOG("%s", tool.said);
	EXPECT_STREQ("RUNNING\n", tool.said);

	/* It goes there, and stays, because this process goes on */
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl state %s@%d STOP",
			      self->dut.name, getpid()))
		TH_LOG("%s", tool.said);
	EXPECT_EQ(VFIO_DEVICE_STATE_STOP, state_of(&self->dut));
	EXPECT_TRUE(tool_said(&tool, "to get back: vfio-migctl state"));
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl state %s@%d running",
			      self->dut.name, getpid()));
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, state_of(&self->dut));
}

TEST_F(any, used_device_is_refused)
{
	static const char * const verbs[] = {
		"state %s", "state %s STOP", "save %s /dev/null", "walk %s",
		"precopy %s", "dirty %s 0 4096", "reset %s",
	};
	char pid[32], line[256];
	unsigned int i;

	snprintf(pid, sizeof(pid), "(%d)", getpid());
	for (i = 0; i < ARRAY_LEN(verbs); i++) {
		snprintf(line, sizeof(line), verbs[i], self->dut.name);
		EXPECT_EQ(3, tool_all(&tool, "vfio-migctl %s", line))
			TH_LOG("%s: %s", line, tool.said);
		EXPECT_TRUE(tool_said(&tool, pid))
			TH_LOG("%s: %s", line, tool.said);
	}
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, state_of(&self->dut));
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl list"));
	EXPECT_TRUE(tool_said(&tool, pid))
		TH_LOG("%s", tool.said);
}

TEST_F(any, saved_state_is_restored)
{
	const char *first = temporary("first"), *second = temporary("second");
	struct dut other = {};
	const char *why = dut_open_second(&other, &self->dut);

	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl save %s@%d %s", self->dut.name,
			      getpid(), first))
		TH_LOG("%s", tool.said);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, state_of(&self->dut));
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl inspect %s", first))
		TH_LOG("%s", tool.said);
	EXPECT_TRUE(tool_said(&tool, "right"));
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl restore %s@%d %s", other.name,
			      getpid(), first))
		TH_LOG("%s", tool.said);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, state_of(&other));

	/* What was restored can be saved, and goes through a pipe as well */
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl save %s@%d - | vfio-migctl restore %s@%d -",
			      other.name, getpid(), self->dut.name, getpid()))
		TH_LOG("%s", tool.said);
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl save %s@%d %s --raw",
			      other.name, getpid(), second))
		TH_LOG("%s", tool.said);
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl restore %s@%d %s --raw",
			      self->dut.name, getpid(), second))
		TH_LOG("%s", tool.said);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, state_of(&self->dut));
	unlink(first);
	unlink(second);
}

TEST_F(any, migrates)
{
	struct dut other = {};
	const char *why = dut_open_second(&other, &self->dut);

	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl migrate %s@%d %s@%d",
			      self->dut.name, getpid(), other.name, getpid()))
		TH_LOG("%s", tool.said);
	EXPECT_EQ(VFIO_DEVICE_STATE_STOP, state_of(&self->dut));
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, state_of(&other));
	vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_RUNNING);

	/* And devices that the program itself opens */
	vfio_dev_close(&self->dut.dev);
	vfio_dev_close(&other.dev);
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl migrate %s %s --way %s",
			      other.name, self->dut.name,
			     vfio_way_name(self->dut.way)))
		TH_LOG("%s", tool.said);
	dut_reopen(&self->dut);
	dut_reopen(&other);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, state_of(&self->dut));
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, state_of(&other));
}

static unsigned int count_of(const char *text, const char *what)
{
	unsigned int count = 0;

	while ((text = strstr(text, what))) {
		text += strlen(what);
		count++;
	}
	return count;
}

TEST_F(any, walk_takes_every_arc_once)
{
	unsigned int arcs = 0;
	__u32 from, to;

	vfio_dev_close(&self->dut.dev);
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl walk %s --json --way %s",
			      self->dut.name, vfio_way_name(self->dut.way)))
		TH_LOG("%s", tool.said);
	for (from = 0; from < VFIO_DEVICE_STATE_NR; from++) {
		for (to = 0; to < VFIO_DEVICE_STATE_NR; to++) {
			char arc[128];

			if (!mig_model_arc(self->dut.flags, from, to))
				continue;
			arcs++;
			snprintf(arc, sizeof(arc),
				 "\"from\": \"%s\",\n\t\t\t\"to\": \"%s\"",
				 mig_state_name(from), mig_state_name(to));
			EXPECT_EQ(1, count_of(tool.said, arc))
				TH_LOG("%s -> %s", mig_state_name(from),
				       mig_state_name(to));
		}
	}
	EXPECT_EQ(arcs, count_of(tool.said, "\"from\""));
	dut_reopen(&self->dut);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, state_of(&self->dut));
}

TEST_F(any, pre_copy_is_watched)
{
	int status = tool_all(&tool, "vfio-migctl precopy %s@%d --for 0.02 --interval 0.01",
			     self->dut.name, getpid());

	if (self->dut.flags & VFIO_MIGRATION_PRE_COPY) {
		EXPECT_EQ(0, status) TH_LOG("%s", tool.said);
		EXPECT_TRUE(tool_said(&tool, "initial"));
	} else {
		EXPECT_EQ(1, status) TH_LOG("%s", tool.said);
		EXPECT_TRUE(tool_said(&tool, "it has no pre-copy"));
	}
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, state_of(&self->dut));
}

DUT_FIXTURE(none, DUT_NONE);

TEST_F(none, device_without_migration_is_refused)
{
	static const char * const verbs[] = {
		"state %s@%d", "save %s@%d /dev/null", "precopy %s@%d",
	};
	char line[256];
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(verbs); i++) {
		snprintf(line, sizeof(line), verbs[i], self->dut.name, getpid());
		EXPECT_EQ(1, tool_all(&tool, "vfio-migctl %s", line))
			TH_LOG("%s: %s", line, tool.said);
		EXPECT_TRUE(tool_said(&tool, "it has no migration"))
			TH_LOG("%s: %s", line, tool.said);
	}
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl list"))
		TH_LOG("%s", tool.said);
	EXPECT_TRUE(tool_said(&tool, "none"));
}

TEST_HARNESS_MAIN
