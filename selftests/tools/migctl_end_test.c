// SPDX-License-Identifier: GPL-2.0-only
/*
 * How vfio-migctl ends: whatever happens in the middle, the device is RUNNING
 * afterwards, and what it held is there unless it was to be replaced.
 *
 * What blocks the program in the middle is a pipe that nobody reads, or writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../device/lib/mtty.h"
#include "../lib/check.h"
#include "tool.h"

/* More than a pipe holds */
#define MEM_SIZE	(1ULL << 20)

FIXTURE(ends)
{
	struct mtty mtty;
	__u64 fresh;
	__u64 digest;
	char name[64];
	char fifo[64];
};

FIXTURE_VARIANT(ends)
{
	const char *type;
};

FIXTURE_VARIANT_ADD(ends, base)
{
	.type = "base",
};

FIXTURE_VARIANT_ADD(ends, full)
{
	.type = "full",
};

static struct tool tool;

FIXTURE_SETUP(ends)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, variant->type, MEM_SIZE);
	self->fresh = mtty_digest(&self->mtty);
	mtty_fill(&self->mtty, 1, 1);
	self->digest = mtty_digest(&self->mtty);
	snprintf(self->name, sizeof(self->name), "%s@%d", self->mtty.mdev.uuid,
		 getpid());
	snprintf(self->fifo, sizeof(self->fifo), "/tmp/migctl-%d-fifo",
		 getpid());
	if (mkfifo(self->fifo, 0600))
		die("mkfifo: %s", strerror(errno));
}

FIXTURE_TEARDOWN(ends)
{
	unlink(self->fifo);
	mtty_remove_all();
}

/* The program is in the middle, and the device with it */
static void await(struct mtty *mtty, __u32 state)
{
	while (vfio_mig_get(&mtty->dev) != state)
		usleep(1000);
}

static void begin_save(struct mtty *mtty, const char *file)
{
	tool_start(&tool, "exec vfio-migctl save %s@%d %s", mtty->mdev.uuid,
		   getpid(), file);
	await(mtty, VFIO_DEVICE_STATE_STOP_COPY);
}

TEST_F(ends, signal_while_saving)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(signals); i++) {
		begin_save(&self->mtty, "-");
		kill(tool.pid, signals[i]);
		/* A shell has to see of what it died */
		EXPECT_EQ(128 + signals[i], tool_end(&tool))
			TH_LOG("signal %d", signals[i]);
		EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING,
			  vfio_mig_get(&self->mtty.dev));
		EXPECT_EQ(self->digest, mtty_digest(&self->mtty));
	}
}

TEST_F(ends, kill_while_saving)
{
	begin_save(&self->mtty, "-");
	kill(tool.pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, tool_end(&tool));
	/* By another process, after this one */
	await(&self->mtty, VFIO_DEVICE_STATE_RUNNING);
	EXPECT_EQ(self->digest, mtty_digest(&self->mtty));
}

TEST_F(ends, reader_goes_away)
{
	begin_save(&self->mtty, "-");
	close(tool.out);
	tool.out = -1;
	EXPECT_EQ(1, tool_end(&tool)) TH_LOG("%s", tool.said);
	EXPECT_TRUE(tool_said(&tool, "Broken pipe (EPIPE)"))
		TH_LOG("%s", tool.said);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&self->mtty.dev));
	EXPECT_EQ(self->digest, mtty_digest(&self->mtty));
}

TEST_F(ends, no_room_for_the_state)
{
	EXPECT_EQ(1, tool_all(&tool, "vfio-migctl save %s /dev/full", self->name));
	EXPECT_TRUE(tool_said(&tool, "No space left on device (ENOSPC)"))
		TH_LOG("%s", tool.said);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&self->mtty.dev));
	EXPECT_EQ(self->digest, mtty_digest(&self->mtty));
}

/* Nothing stays of it, and what was there before does */
TEST_F(ends, incomplete_file_does_not_stay)
{
	char dir[64], file[96];
	int fd;

	snprintf(dir, sizeof(dir), "/tmp/migctl-%d-dir", getpid());
	snprintf(file, sizeof(file), "%s/state", dir);
	ASSERT_EQ(0, mkdir(dir, 0700));
	fd = open(file, O_WRONLY | O_CREAT, 0600);
	ASSERT_LE(0, fd);
	close(fd);
	/* A file of 64 KiB at most; 1 MiB is to be saved */
	EXPECT_EQ(1, tool_all(&tool, "trap '' XFSZ; ulimit -f 128; vfio-migctl save %s %s",
			      self->name, file))
		TH_LOG("%s", tool.said);
	EXPECT_TRUE(tool_said(&tool, "File too large (EFBIG)"))
		TH_LOG("%s", tool.said);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&self->mtty.dev));
	EXPECT_EQ(0, unlink(file));
	EXPECT_EQ(0, rmdir(dir)) TH_LOG("%s", strerror(errno));
}

/* The writer of the pipe is this test: a part of a state comes, and no more */
static int begin_restore(struct mtty *mtty, const char *name, const char *fifo)
{
	static char part[64 << 10];
	char file[64];
	int fd;

	snprintf(file, sizeof(file), "/tmp/migctl-%d-state", getpid());
	if (tool_all(&tool, "vfio-migctl save %s %s", name, file))
		die("%s", tool.said);
	fd = open(file, O_RDONLY);
	if (fd < 0 || read(fd, part, sizeof(part)) != sizeof(part))
		die("%s: %s", file, strerror(errno));
	close(fd);
	unlink(file);

	fd = open(fifo, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", fifo, strerror(errno));
	tool_start(&tool, "exec vfio-migctl restore %s - --buffer 4096 <%s", name,
		   fifo);
	if (write(fd, part, sizeof(part)) != sizeof(part))
		die("%s: %s", fifo, strerror(errno));
	await(mtty, VFIO_DEVICE_STATE_RESUMING);
	return fd;
}

TEST_F(ends, signal_while_restoring)
{
	int fd = begin_restore(&self->mtty, self->name, self->fifo);

	kill(tool.pid, SIGINT);
	EXPECT_EQ(128 + SIGINT, tool_end(&tool)) TH_LOG("%s", tool.said);
	EXPECT_TRUE(tool_said(&tool, "it is RUNNING again, by a reset"))
		TH_LOG("%s", tool.said);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&self->mtty.dev));
	EXPECT_EQ(self->fresh, mtty_digest(&self->mtty));
	close(fd);
}

TEST_F(ends, kill_while_restoring)
{
	int fd = begin_restore(&self->mtty, self->name, self->fifo);

	kill(tool.pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, tool_end(&tool));
	await(&self->mtty, VFIO_DEVICE_STATE_RUNNING);
	EXPECT_EQ(self->fresh, mtty_digest(&self->mtty));
	close(fd);
}

/* Half a state is no state */
TEST_F(ends, writer_goes_away)
{
	int fd = begin_restore(&self->mtty, self->name, self->fifo);

	close(fd);
	EXPECT_EQ(1, tool_end(&tool)) TH_LOG("%s", tool.said);
	EXPECT_TRUE(tool_said(&tool, "it is truncated"))
		TH_LOG("%s", tool.said);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&self->mtty.dev));
	EXPECT_EQ(self->fresh, mtty_digest(&self->mtty));
}

/* What nobody wants to have any more goes back, too */
TEST_F(ends, held_state_ends_with_the_signal)
{
	char line[256];

	snprintf(line, sizeof(line), "exec vfio-migctl state %s STOP --hold",
		 self->name);
	tool_start(&tool, "%s", line);
	ASSERT_TRUE(tool_until(&tool, "is held")) TH_LOG("%s", tool.said);
	EXPECT_EQ(VFIO_DEVICE_STATE_STOP, vfio_mig_get(&self->mtty.dev));
	kill(tool.pid, SIGTERM);
	EXPECT_EQ(0, tool_end(&tool)) TH_LOG("%s", tool.said);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&self->mtty.dev));
	EXPECT_EQ(self->digest, mtty_digest(&self->mtty));
}

TEST_HARNESS_MAIN
