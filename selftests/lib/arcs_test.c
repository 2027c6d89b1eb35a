// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the library tells of the arcs that a test took.
 *
 * No device is involved: the calls are those that vfio_mig.c makes.
 */
#include <kselftest_harness.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arcs.h"
#include "mig_model.h"

#define S(state)	VFIO_DEVICE_STATE_##state

FIXTURE(arcs)
{
	int slot;
};

FIXTURE_SETUP(arcs)
{
	self->slot = arcs_opened();
	ASSERT_NE(0, self->slot);
	arcs_flags(self->slot, MIG_FLAGS_ALL);
}

FIXTURE_TEARDOWN(arcs)
{
	arcs_closed(self->slot);
}

static void set(int slot, __u32 state, int ret)
{
	arcs_set(slot, arcs_begin(slot), state, ret);
}

/* What arcs_report() prints; nothing is left of it for the next one */
static const char *told(void)
{
	static char text[4096];
	int pipes[2], err = dup(STDERR_FILENO);
	ssize_t len;

	if (err < 0 || pipe(pipes) || dup2(pipes[1], STDERR_FILENO) < 0)
		return "no pipe";
	close(pipes[1]);
	arcs_report();
	dup2(err, STDERR_FILENO);
	close(err);
	len = read(pipes[0], text, sizeof(text) - 1);
	close(pipes[0]);
	text[len < 0 ? 0 : len] = '\0';
	return text;
}

TEST_F(arcs, nothing)
{
	EXPECT_STREQ("", told());
}

TEST_F(arcs, each_arc_of_a_path_is_taken)
{
	set(self->slot, S(STOP), 0);
	EXPECT_STREQ("# arcs: RUNNING>RUNNING_P2P 1 0, RUNNING_P2P>STOP 1 0\n",
		     told());
	EXPECT_STREQ("", told());
}

TEST_F(arcs, arcs_are_those_of_the_capabilities)
{
	arcs_flags(self->slot, VFIO_MIGRATION_STOP_COPY);
	set(self->slot, S(STOP), 0);
	EXPECT_STREQ("# arcs: RUNNING>STOP 1 0\n", told());
}

TEST_F(arcs, without_capabilities_no_arc_is_known)
{
	arcs_flags(self->slot, 0);
	set(self->slot, S(STOP), 0);
	EXPECT_STREQ("", told());
}

TEST_F(arcs, an_arc_that_fails)
{
	set(self->slot, S(PRE_COPY), -EIO);
	EXPECT_STREQ("# arcs: RUNNING>PRE_COPY 0 1\n", told());
	/* The device may be in either state, or in ERROR. */
	set(self->slot, S(RUNNING), 0);
	EXPECT_STREQ("", told());
	set(self->slot, S(RUNNING_P2P), 0);
	EXPECT_STREQ("# arcs: RUNNING>RUNNING_P2P 1 0\n", told());
}

TEST_F(arcs, of_a_path_that_fails_nobody_knows_where)
{
	set(self->slot, S(STOP), -EIO);
	EXPECT_STREQ("", told());
}

TEST_F(arcs, what_is_refused_is_no_arc)
{
	set(self->slot, S(ERROR), -EINVAL);
	arcs_is(self->slot, arcs_begin(self->slot), S(RUNNING), 0);
	set(self->slot, 1000, -EINVAL);
	arcs_is(self->slot, arcs_begin(self->slot), S(RUNNING), 0);
	set(self->slot, S(RUNNING), 0);
	EXPECT_STREQ("", told());
}

TEST_F(arcs, a_reset_is_no_arc)
{
	set(self->slot, S(RUNNING_P2P), 0);
	told();
	arcs_is(self->slot, arcs_begin(self->slot), S(RUNNING), 0);
	set(self->slot, S(PRE_COPY), 0);
	EXPECT_STREQ("# arcs: RUNNING>PRE_COPY 1 0\n", told());
}

TEST_F(arcs, calls_that_overlap)
{
	unsigned int first = arcs_begin(self->slot);
	unsigned int second = arcs_begin(self->slot);

	arcs_set(self->slot, second, S(RUNNING_P2P), 0);
	arcs_set(self->slot, first, S(PRE_COPY), 0);
	set(self->slot, S(RUNNING), 0);
	EXPECT_STREQ("", told());
}

TEST_F(arcs, a_call_within_another)
{
	unsigned int first = arcs_begin(self->slot);

	set(self->slot, S(RUNNING_P2P), 0);
	arcs_set(self->slot, first, S(PRE_COPY), 0);
	EXPECT_STREQ("", told());
}

TEST_F(arcs, of_a_child)
{
	pid_t child = fork();
	int status;

	ASSERT_LE(0, child);
	if (!child) {
		set(self->slot, S(RUNNING_P2P), 0);
		arcs_report();
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	set(self->slot, S(RUNNING), 0);
	EXPECT_STREQ("# arcs: RUNNING>RUNNING_P2P 1 0, RUNNING_P2P>RUNNING 1 0\n",
		     told());
}

TEST_F(arcs, devices_beyond_the_slots)
{
	int slot, count = 0;

	while ((slot = arcs_opened()) && count < 1000)
		count++;
	ASSERT_EQ(0, slot);
	set(slot, S(STOP), 0);
	arcs_flags(slot, 0);
	arcs_closed(slot);
	EXPECT_STREQ("", told());
	arcs_closed(self->slot);
	EXPECT_EQ(self->slot, arcs_opened());
}

TEST_HARNESS_MAIN
