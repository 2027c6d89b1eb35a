// SPDX-License-Identifier: GPL-2.0-only
/* vfio-migctl: what it watches, and what it answers to words that make no sense. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../device/lib/dma.h"
#include "../lib/check.h"
#include "../lib/vfio_dma.h"
#include "tool.h"

#define PAGE		0x1000ULL
#define IOVA		0x40000000ULL
#define PAGES		256ULL

static struct tool tool;

FIXTURE(migctl)
{
	struct mtty mtty;
	char name[64];
};

FIXTURE_SETUP(migctl)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "full", 16 * PAGE);
	snprintf(self->name, sizeof(self->name), "%s@%d", self->mtty.mdev.uuid,
		 getpid());
}

FIXTURE_TEARDOWN(migctl)
{
	mtty_remove_all();
}

/* The device writes to some pages, of which the log knows afterwards */
static void write_pages(struct mtty *mtty, __u64 first, __u64 count)
{
	const struct dma_transfer fill = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .dst = IOVA + first * PAGE,
		.len = count * PAGE, .pattern = 0xa5,
	};

	if (dma_run(mtty, 0, &fill) != MTTY_MIG_DMA_COMPLETE)
		die("the transfer has failed");
}

static bool can_log(struct mtty *mtty)
{
	return !__vfio_feature(&mtty->dev, VFIO_DEVICE_FEATURE_PROBE |
			       VFIO_DEVICE_FEATURE_SET |
			       VFIO_DEVICE_FEATURE_DMA_LOGGING_START, NULL, 0);
}

TEST_F(migctl, dirty_shows_what_the_device_has_written)
{
	struct vfio_buf buf;

	if (!can_log(&self->mtty))
		SKIP(return, "this kernel has no CONFIG_IOMMUFD_DRIVER");
	vfio_buf_new(&self->mtty.dev, &buf, IOVA, PAGES * PAGE, true);
	mtty_bus_master(&self->mtty);
	tool_start(&tool, "exec vfio-migctl dirty %s %#llx %lluK --interval 0.02 --picture",
		   self->name, IOVA, PAGES * 4);
	ASSERT_TRUE(tool_until(&tool, "Ctrl-C ends that")) TH_LOG("%s", tool.said);
	write_pages(&self->mtty, 70, 3);
	/* Once, however often it looks */
	EXPECT_TRUE(tool_until(&tool, " 3 pages dirty, 12.0 KiB\n"))
		TH_LOG("%s", tool.said);
	EXPECT_TRUE(tool_until(&tool, "0x000040040000 ......###......."))
		TH_LOG("%s", tool.said);
	write_pages(&self->mtty, 100, 5);
	EXPECT_TRUE(tool_until(&tool, " 5 pages dirty, 20.0 KiB\n"))
		TH_LOG("%s", tool.said);
	kill(tool.pid, SIGINT);
	EXPECT_EQ(0, tool_end(&tool)) TH_LOG("%s", tool.said);
	/* The log is off again, and can be begun anew */
	tool_start(&tool, "exec vfio-migctl dirty %s %#llx %lluK --interval 0.02",
		   self->name, IOVA, PAGES * 4);
	ASSERT_TRUE(tool_until(&tool, "Ctrl-C ends that")) TH_LOG("%s", tool.said);
	write_pages(&self->mtty, 0, 1);
	EXPECT_TRUE(tool_until(&tool, "0x000040000000 - 0x000040000fff  4.0 KiB"))
		TH_LOG("%s", tool.said);
	kill(tool.pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, tool_end(&tool));
	/* Another process ends it, after the program */
	while (tool_all(&tool, "vfio-migctl dirty %s 0 4K --for 0.01", self->name))
		ASSERT_TRUE(tool_said(&tool, "it does not log its DMA"))
			TH_LOG("%s", tool.said);
}

TEST_F(migctl, dirty_is_refused_while_somebody_logs)
{
	struct vfio_device_feature_dma_logging_range range = { IOVA, PAGE };
	__u64 page_size = PAGE;

	if (!can_log(&self->mtty))
		SKIP(return, "this kernel has no CONFIG_IOMMUFD_DRIVER");
	ASSERT_EQ(0, __dma_log_start(&self->mtty.dev, &range, 1, &page_size));
	EXPECT_EQ(1, tool_all(&tool, "vfio-migctl dirty %s 0 4K --for 0.01",
			      self->name));
	EXPECT_TRUE(tool_said(&tool, "it does not log its DMA"))
		TH_LOG("%s", tool.said);
	/* And has not ended what is somebody else's */
	EXPECT_EQ(0, __dma_log_stop(&self->mtty.dev));
	EXPECT_NE(0, __dma_log_stop(&self->mtty.dev));
}

#define INFO(initial, dirty, read)					\
	"\"initial_bytes\": " #initial ", \"dirty_bytes\": " #dirty ", \"read\": " #read "}"

TEST_F(migctl, precopy_shows_what_there_is_to_send)
{
	mtty_fill(&self->mtty, 1, 1);
	tool_start(&tool, "exec vfio-migctl precopy %s --interval 0.02 --json",
		   self->name);
	/* 16 pages of 4112 bytes, and the header of the stream */
	EXPECT_TRUE(tool_until(&tool, INFO(65824, 0, 65824)))
		TH_LOG("%s", tool.said);
	vfio_region_write8(&self->mtty.dev, MTTY_MIG_MEM_BAR, 0, 0x77);
	EXPECT_TRUE(tool_until(&tool, INFO(0, 4112, 4112)))
		TH_LOG("%s", tool.said);
	kill(tool.pid, SIGINT);
	EXPECT_EQ(0, tool_end(&tool)) TH_LOG("%s", tool.said);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&self->mtty.dev));
}

TEST_F(migctl, watch_shows_arcs)
{
	int data_fd;

	tool_start(&tool, "exec vfio-migctl watch %s", self->mtty.mdev.uuid);
	ASSERT_TRUE(tool_until(&tool, "Ctrl-C ends that"));
	ASSERT_EQ(0, __vfio_mig_set(&self->mtty.dev,
				    VFIO_DEVICE_STATE_STOP_COPY, &data_fd));
	/* What a driver without tracepoints would not show: between two states */
	EXPECT_TRUE(tool_until(&tool, "RUNNING      -> RUNNING_P2P "))
		TH_LOG("%s", tool.said);
	EXPECT_TRUE(tool_until(&tool, "RUNNING_P2P  -> STOP "));
	EXPECT_TRUE(tool_until(&tool, "STOP         -> STOP_COPY "));
	close(data_fd);
	kill(tool.pid, SIGINT);
	EXPECT_EQ(0, tool_end(&tool)) TH_LOG("%s", tool.said);
	/* It leaves nothing in tracefs */
	EXPECT_EQ(1, tool_all(&tool, "ls /sys/kernel/tracing/instances | grep vfio-migctl"))
		TH_LOG("%s", tool.said);
}

TEST_F(migctl, list_and_info_tell_what_the_device_is)
{
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl info %s", self->name))
		TH_LOG("%s", tool.said);
	EXPECT_TRUE(tool_said(&tool, "type           mtty_mig-full\n"));
	EXPECT_TRUE(tool_said(&tool, "state          RUNNING\n"));
	EXPECT_TRUE(tool_said(&tool, "capabilities   STOP_COPY | P2P | PRE_COPY\n"));
	EXPECT_TRUE(tool_said(&tool, self->mtty.dev.node));

	/* Also of one that somebody uses */
	vfio_mig_set(&self->mtty.dev, VFIO_DEVICE_STATE_STOP);
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl list"));
	EXPECT_TRUE(tool_said(&tool, " STOP         STOP_COPY | P2P | PRE_COPY"))
		TH_LOG("%s", tool.said);
}

/* Some other program reads it */
TEST_F(migctl, json_is_json)
{
	static const char * const lines[] = {
		"list", "info %s", "state %s", "state %s STOP", "state %s RUNNING",
		"path RUNNING STOP_COPY", "save %s /dev/null", "reset %s",
		"state nobody", "state %s ERROR", "walk %s",
	};
	static const char reader[] = "python3 -m json.tool";
	unsigned int i;

	if (tool_all(&tool, "python3 -c pass"))
		SKIP(return, "there is no python3");
	for (i = 0; i < ARRAY_LEN(lines); i++) {
		char line[256];

		snprintf(line, sizeof(line), lines[i], self->name);
		EXPECT_EQ(0, tool_all(&tool, "%s %s --json 2>/dev/null | %s",
				      "vfio-migctl", line, reader))
			TH_LOG("%s: %s", line, tool.said);
		EXPECT_NE(0, tool.len);
	}
	/* A value a line */
	EXPECT_EQ(0, tool_all(&tool, "vfio-migctl precopy %s --for 0.05 --json | %s --json-lines",
			      self->name, reader))
		TH_LOG("%s", tool.said);
}

TEST(words_that_make_no_sense_are_refused)
{
	static const struct {
		const char *line;
		const char *says;
	} bad[] = {
		{ "", "Usage:" },
		{ "sav", "is 'save' meant?" },
		{ "nonsense", "is no verb" },
		{ "--json list", "the verb comes first" },
		{ "save", "usage: vfio-migctl save DEVICE FILE" },
		{ "save a b c", "usage: vfio-migctl save DEVICE FILE" },
		{ "list --rounds 1", "list takes no --rounds" },
		{ "list --nonsense", "unrecognized option" },
		{ "state nobody", "there is no device 'nobody'" },
		{ "state nobody@x", "the number of a process" },
		{ "state @1", "names no device" },
		{ "state x NOWHERE", "'NOWHERE' is no state" },
		{ "state x ERROR", "'ERROR' is no state" },
		{ "path RUNNING", "usage:" },
		{ "path RUNNING STOP --caps all", "--caps all" },
		{ "save x y --buffer 0", "not a number from 1" },
		{ "save x y --buffer 1Q", "not a number from 1" },
		{ "save x y --rounds 33", "not a number from 0 to 32" },
		{ "save x y --way door", "there are cdev" },
		{ "save x y --progress perhaps", "not always, never or auto" },
		{ "dirty x 1 4K", "not a range of whole pages" },
		{ "dirty x 0 0", "not a range of whole pages" },
		{ "dirty x 0 4K --page-size 5000", "not a power of two" },
		{ "dirty x 0 0x8000000000000000", "a shorter range" },
		{ "precopy x --for 0", "not a time in seconds" },
		{ "inspect /nowhere", "No such file or directory (ENOENT)" },
		{ "diff - -", "cannot be compared with itself" },
	};
	unsigned int i;

	if (!tool_available())
		SKIP(return, "there is no vfio-migctl");
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(2, tool_all(&tool, "vfio-migctl %s", bad[i].line))
			TH_LOG("%s: %s", bad[i].line, tool.said);
		EXPECT_TRUE(tool_said(&tool, bad[i].says))
			TH_LOG("%s: %s", bad[i].line, tool.said);
	}
}

TEST(path_follows_the_rules)
{
	static const char path[] = "vfio-migctl path";

	EXPECT_EQ(0, tool_all(&tool, "%s running stop_copy", path));
	EXPECT_STREQ("RUNNING      -> RUNNING_P2P\n"
		     "RUNNING_P2P  -> STOP\n"
		     "STOP         -> STOP_COPY     a session begins\n", tool.said);
	EXPECT_EQ(0, tool_all(&tool, "%s PRE_COPY RUNNING --caps stop-copy,pre-copy", path));
	EXPECT_STREQ("PRE_COPY     -> RUNNING       the session ends\n",
		     tool.said);
	EXPECT_EQ(1, tool_all(&tool, "%s RUNNING PRE_COPY --caps stop-copy", path));
	EXPECT_EQ(0, tool_all(&tool, "%s STOP STOP", path));
	EXPECT_STREQ("", tool.said);
}

/* A terminal's line can be written over */
TEST_F(migctl, bar_is_for_terminals)
{
	static const char again[] = "\r  stream   [";

	if (tool_all(&tool, "script --version"))
		SKIP(return, "there is no script(1), which makes a terminal");
	mtty_fill(&self->mtty, 1, 1);
	EXPECT_EQ(0, tool_all(&tool, "vfio-migctl save %s /dev/null", self->name));
	EXPECT_TRUE(tool_said(&tool, "\n  stream   [####################]"))
		TH_LOG("%s", tool.said);
	EXPECT_EQ(0, tool_all(&tool, "script -qec 'vfio-migctl save %s /dev/null' /dev/null",
			      self->name));
	EXPECT_TRUE(tool_said(&tool, again)) TH_LOG("%s", tool.said);
	EXPECT_EQ(0, tool_all(&tool, "vfio-migctl save %s /dev/null --progress=always",
			      self->name));
	EXPECT_TRUE(tool_said(&tool, again)) TH_LOG("%s", tool.said);
}

/* A terminal is where there are colours, unless NO_COLOR says otherwise */
TEST(colours_are_for_terminals)
{
	static const char file[] = "/tmp/migctl-colour";

	if (tool_all(&tool, "script --version"))
		SKIP(return, "there is no script(1), which makes a terminal");
	EXPECT_EQ(0, tool_all(&tool, "head -c 100 /dev/zero >%s; vfio-migctl inspect %s",
			      file, file));
	EXPECT_FALSE(tool_said(&tool, "\033["));
	EXPECT_EQ(0, tool_all(&tool, "script -qec 'vfio-migctl inspect %s' /dev/null",
			      file));
	EXPECT_TRUE(tool_said(&tool, "\033[")) TH_LOG("%s", tool.said);
	EXPECT_EQ(0, tool_all(&tool, "NO_COLOR=1 script -qec 'vfio-migctl inspect %s' /dev/null",
			      file));
	EXPECT_FALSE(tool_said(&tool, "\033[")) TH_LOG("%s", tool.said);
	unlink(file);
}

TEST(bash_completes_words)
{
	static const char load[] = "eval \"$(vfio-migctl completion)\"";
	static const char last[] = "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))";
	static const char show[] = "_vfio_migctl; echo \"<${COMPREPLY[*]}>\"";
	static const struct {
		const char *words;
		const char *reply;
	} cases[] = {
		{ "vfio-migctl sa", "save" },
		{ "vfio-migctl st", "state" },
		{ "vfio-migctl path ru", "RUNNING RUNNING_P2P" },
		{ "vfio-migctl path STOP re", "RESUMING" },
		{ "vfio-migctl save x --ra", "--raw" },
		{ "vfio-migctl save x --pict", "" },
		{ "vfio-migctl save x /proc/uptim", "/proc/uptime" },
	};
	unsigned int i;

	if (tool_all(&tool, "bash -c :"))
		SKIP(return, "there is no bash");
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		char reply[64];

		snprintf(reply, sizeof(reply), "<%s>\n", cases[i].reply);
		EXPECT_EQ(0, tool_all(&tool, "bash -c '%s; COMP_WORDS=(%s); %s; %s'",
				      load, cases[i].words, last, show));
		EXPECT_TRUE(tool_said(&tool, reply))
			TH_LOG("%s: %s", cases[i].words, tool.said);
	}
}

TEST_HARNESS_MAIN
