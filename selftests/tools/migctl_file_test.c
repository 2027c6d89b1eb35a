// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files with a saved state: what is in them, and that one that is not as it was
 * written touches no device.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../device/lib/golden.h"
#include "../device/lib/mtty.h"
#include "../lib/check.h"
#include "tool.h"

#define MEM_SIZE	(16 * MTTY_MIG_PAGE_SIZE)

/* The head of the envelope: magic, version, length of the description */
#define HEAD_SIZE	16

static struct tool tool;

/* Two devices of one type, and a file with the state of the first */
struct both {
	struct mtty src;
	struct mtty dst;
	__u64 digest;
	__u64 fresh;
	char path[64];
	char other[64];
	__u8 *data;
	size_t len;
};

static size_t file_get(const char *path, __u8 **data)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		die("%s: %s", path, strerror(errno));
	*data = malloc(st.st_size);
	if (!*data || read(fd, *data, st.st_size) != st.st_size)
		die("%s: %s", path, strerror(errno));
	close(fd);
	return st.st_size;
}

static void file_put(const char *path, const __u8 *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		die("%s: %s", path, strerror(errno));
	close(fd);
}

static int tool_save(struct mtty *mtty, const char *path, const char *options)
{
	return tool_all(&tool, "vfio-migctl save %s@%d %s %s", mtty->mdev.uuid,
		       getpid(), path, options);
}

static int tool_restore(struct mtty *mtty, const char *path, const char *options)
{
	return tool_all(&tool, "vfio-migctl restore %s@%d %s %s",
		       mtty->mdev.uuid, getpid(), path, options);
}

static const char *both_new(struct both *both, const char *type)
{
	if (!mtty_available())
		return "there is no mtty_mig driver";
	mtty_new(&both->src, type, MEM_SIZE);
	mtty_new(&both->dst, type, MEM_SIZE);
	both->fresh = mtty_digest(&both->dst);
	mtty_fill(&both->src, 1, 1);
	both->digest = mtty_digest(&both->src);
	snprintf(both->path, sizeof(both->path), "/tmp/migctl-%d-a", getpid());
	snprintf(both->other, sizeof(both->other), "/tmp/migctl-%d-b", getpid());
	if (tool_save(&both->src, both->path, ""))
		die("%s", tool.said);
	both->len = file_get(both->path, &both->data);
	return NULL;
}

static void both_remove(struct both *both)
{
	unlink(both->path);
	unlink(both->other);
	mtty_remove_all();
}

/* The harness's own checks would fill the log: one line for each bad file */
static bool touched(struct mtty *dst, __u64 fresh, int status, size_t at)
{
	__u32 state = vfio_mig_get(&dst->dev);

	if (status == 1 && state == VFIO_DEVICE_STATE_RUNNING &&
	    fresh == mtty_digest(dst) && !tool_said(&tool, "->"))
		return false;
	fprintf(stderr, "# at %zu: exit %d, %s: %s\n", at, status,
		mig_state_name(state), tool.said);
	return true;
}

FIXTURE(file)
{
	struct both both;
};

FIXTURE_VARIANT(file)
{
	const char *type;
};

FIXTURE_VARIANT_ADD(file, base)
{
	.type = "base",
};

FIXTURE_VARIANT_ADD(file, p2p)
{
	.type = "p2p",
};

FIXTURE_VARIANT_ADD(file, precopy)
{
	.type = "precopy",
};

FIXTURE_VARIANT_ADD(file, full)
{
	.type = "full",
};

FIXTURE_VARIANT_ADD(file, vpri)
{
	.type = "vpri",
};

FIXTURE_SETUP(file)
{
	const char *why = both_new(&self->both, variant->type);

	if (why)
		SKIP(return, "%s", why);
}

FIXTURE_TEARDOWN(file)
{
	both_remove(&self->both);
}

TEST_F(file, restored_device_is_the_saved_one)
{
	EXPECT_EQ(self->both.digest, mtty_digest(&self->both.src));
	ASSERT_EQ(0, tool_restore(&self->both.dst, self->both.path, ""))
		TH_LOG("%s", tool.said);
	EXPECT_EQ(self->both.digest, mtty_digest(&self->both.dst));
	EXPECT_EQ(NULL, mtty_mem_differs(&self->both.src, &self->both.dst));

	/* The same by other ways */
	vfio_dev_reset(&self->both.dst.dev);
	ASSERT_EQ(self->both.fresh, mtty_digest(&self->both.dst));
	ASSERT_EQ(0, tool_save(&self->both.src, self->both.other, "--rounds 4 --raw --buffer 100"))
		TH_LOG("%s", tool.said);
	ASSERT_EQ(0, tool_restore(&self->both.dst, self->both.other, "--raw --buffer 7"))
		TH_LOG("%s", tool.said);
	EXPECT_EQ(self->both.digest, mtty_digest(&self->both.dst));
}

TEST_F(file, other_kind_of_device_is_refused)
{
	const char *other = strcmp(variant->type, "base") ? "base" : "full";
	struct mtty dst;
	__u64 fresh;

	mtty_new(&dst, other, MEM_SIZE);
	fresh = mtty_digest(&dst);
	EXPECT_FALSE(touched(&dst, fresh, tool_restore(&dst, self->both.path, ""), 0));
	EXPECT_TRUE(tool_said(&tool, "--force")) TH_LOG("%s", tool.said);

	/* Then the driver is asked, and refuses it, too */
	EXPECT_EQ(1, tool_restore(&dst, self->both.path, "--force"));
	EXPECT_TRUE(tool_said(&tool, "(EMEDIUMTYPE)")) TH_LOG("%s", tool.said);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&dst.dev));
	EXPECT_EQ(fresh, mtty_digest(&dst));
}

/* The envelope is the same for all types */
FIXTURE(damage)
{
	struct both both;
};

FIXTURE_SETUP(damage)
{
	const char *why = both_new(&self->both, "full");

	if (why)
		SKIP(return, "%s", why);
}

FIXTURE_TEARDOWN(damage)
{
	both_remove(&self->both);
}

TEST_F(damage, truncated_file_touches_no_device)
{
	/* Each boundary, and what is in the middle */
	size_t at[] = { 0, 1, 7, 8, HEAD_SIZE - 1, HEAD_SIZE, HEAD_SIZE + 1,
			HEAD_SIZE + 40, self->both.len / 2, self->both.len - 21,
			self->both.len - 20, self->both.len - 16, self->both.len - 8,
			self->both.len - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(at); i++) {
		int status;

		file_put(self->both.other, self->both.data, at[i]);
		status = tool_restore(&self->both.dst, self->both.other, "");
		EXPECT_FALSE(touched(&self->both.dst, self->both.fresh, status, at[i]));
		/* To force it does not make it whole */
		status = tool_restore(&self->both.dst, self->both.other, "--force");
		EXPECT_FALSE(touched(&self->both.dst, self->both.fresh, status, at[i]));
	}
}

/* Each field of the head and of the tail, and some of what is in between */
static size_t next_byte(size_t at, size_t len)
{
	size_t tail = len - 20;

	if (at < 64)
		return at + 4;
	if (at < tail)
		return at + len / 40 < tail ? at + len / 40 : tail;
	return at + 4;
}

TEST_F(damage, changed_byte_touches_no_device)
{
	size_t at;

	for (at = 0; at < self->both.len; at = next_byte(at, self->both.len)) {
		int status;

		self->both.data[at] ^= 0x10;
		file_put(self->both.other, self->both.data, self->both.len);
		self->both.data[at] ^= 0x10;
		status = tool_restore(&self->both.dst, self->both.other, "");
		EXPECT_FALSE(touched(&self->both.dst, self->both.fresh, status, at));
	}
	self->both.data[self->both.len - 1] ^= 1;
	file_put(self->both.other, self->both.data, self->both.len);
	EXPECT_FALSE(touched(&self->both.dst, self->both.fresh,
			     tool_restore(&self->both.dst, self->both.other, ""),
			     self->both.len - 1));
	EXPECT_TRUE(tool_said(&tool, "the checksum of the state is wrong"))
		TH_LOG("%s", tool.said);
	self->both.data[self->both.len - 1] ^= 1;
}

/* From a pipe the end is only known when all else was loaded */
TEST_F(damage, damage_at_the_end_of_a_pipe_is_not_kept)
{
	self->both.data[self->both.len - 1] ^= 1;
	file_put(self->both.other, self->both.data, self->both.len);
	EXPECT_EQ(1, tool_all(&tool, "cat %s | vfio-migctl restore %s@%d -",
			      self->both.other, self->both.dst.mdev.uuid, getpid()));
	EXPECT_TRUE(tool_said(&tool, "the checksum of the state is wrong"))
		TH_LOG("%s", tool.said);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vfio_mig_get(&self->both.dst.dev));
	EXPECT_EQ(self->both.fresh, mtty_digest(&self->both.dst));
}

TEST_F(damage, stream_without_envelope_needs_raw)
{
	ASSERT_EQ(0, tool_save(&self->both.src, self->both.other, "--raw"));
	EXPECT_FALSE(touched(&self->both.dst, self->both.fresh,
			     tool_restore(&self->both.dst, self->both.other, ""), 0));
	EXPECT_TRUE(tool_said(&tool, "--raw")) TH_LOG("%s", tool.said);
}

TEST_F(damage, diff_finds_what_has_changed)
{
	static const __u8 byte = 0x5a;

	ASSERT_EQ(0, tool_save(&self->both.src, self->both.other, "--rounds 2"));
	EXPECT_EQ(0, tool_all(&tool, "vfio-migctl diff %s %s", self->both.path,
			      self->both.other))
		TH_LOG("%s", tool.said);
	EXPECT_TRUE(tool_said(&tool, "the states are the same"));

	vfio_region_write(&self->both.src.dev, MTTY_MIG_MEM_BAR,
			  3 * MTTY_MIG_PAGE_SIZE + 17, &byte, 1);
	mtty_ctrl_out(&self->both.src, MTTY_MIG_REG_SCRATCH, 0x12345678);
	ASSERT_EQ(0, tool_save(&self->both.src, self->both.other, ""));
	EXPECT_EQ(1, tool_all(&tool, "vfio-migctl diff %s %s --json", self->both.path,
			      self->both.other));
	EXPECT_TRUE(tool_said(&tool, "\"what\": \"page 0x3\""))
		TH_LOG("%s", tool.said);
	EXPECT_TRUE(tool_said(&tool, "\"what\": \"CTRL.scratch\""))
		TH_LOG("%s", tool.said);
	EXPECT_TRUE(tool_said(&tool, "\"second\": \"0x12345678\""))
		TH_LOG("%s", tool.said);
	EXPECT_TRUE(tool_said(&tool, "\"count\": 2\n"))
		TH_LOG("%s", tool.said);
}

TEST_F(damage, inspect_tells_where_a_stream_is_wrong)
{
	__u8 *data;
	size_t len;

	ASSERT_EQ(0, tool_save(&self->both.src, self->both.other, "--raw"));
	ASSERT_EQ(0, tool_all(&tool, "vfio-migctl inspect %s", self->both.other))
		TH_LOG("%s", tool.said);
	EXPECT_TRUE(tool_said(&tool, "complete and valid"))
		TH_LOG("%s", tool.said);
	EXPECT_TRUE(tool_said(&tool, "16 sent, of these 0 zero"))
		TH_LOG("%s", tool.said);

	len = file_get(self->both.other, &data);
	file_put(self->both.other, data, len - 30);
	EXPECT_EQ(1, tool_all(&tool, "vfio-migctl inspect %s", self->both.other));
	EXPECT_TRUE(tool_said(&tool, "it ends before its trailer"))
		TH_LOG("%s", tool.said);

	/* The last byte is of the digest */
	data[len - 1] ^= 1;
	file_put(self->both.other, data, len);
	EXPECT_EQ(1, tool_all(&tool, "vfio-migctl inspect %s --json", self->both.other));
	EXPECT_TRUE(tool_said(&tool, "\"refused\": \"EBADMSG\""))
		TH_LOG("%s", tool.said);
	data[len - 1] ^= 1;

	/* The length of the first record */
	data[32 + 4]++;
	file_put(self->both.other, data, len);
	EXPECT_EQ(1, tool_all(&tool, "vfio-migctl inspect %s", self->both.other));
	EXPECT_TRUE(tool_said(&tool, "at byte 40, in PAGE at 32"))
		TH_LOG("%s", tool.said);
}

GOLDEN(golden_base, "1.0-base.stream");
GOLDEN(golden_p2p, "1.0-p2p.stream");
GOLDEN(golden_precopy, "1.0-precopy.stream");
GOLDEN(golden_full, "1.0-full.stream");
GOLDEN(golden_vpri, "1.0-vpri.stream");

static bool says(const char *text)
{
	if (tool_said(&tool, text))
		return true;
	fprintf(stderr, "# it does not say: %s\n", text);
	return false;
}

/* Of these, golden_fill() says what is in them */
TEST(inspect_reads_golden_streams)
{
	static const struct {
		const char *type;
		const __u8 *begin;
		const __u8 *end;
	} goldens[] = {
		{ "base", golden_base, golden_base_end },
		{ "p2p", golden_p2p, golden_p2p_end },
		{ "precopy", golden_precopy, golden_precopy_end },
		{ "full", golden_full, golden_full_end },
		{ "vpri", golden_vpri, golden_vpri_end },
	};
	static const char * const fields[] = {
		"complete and valid", "mem_size       0x4000",
		"0x102 (COPY, interrupt)", "(ERROR)", "rate           0x4d",
		"pattern        0x89abcdef", "src            0x123456789000",
		"dst            0x23456789a000", "peer_base      0x40000000",
		"peer_size      0x10000", "PAGE       page 0x2",
	};
	unsigned int i, j;
	char path[64];

	snprintf(path, sizeof(path), "/tmp/migctl-%d-g", getpid());
	for (i = 0; i < ARRAY_LEN(goldens); i++) {
		char type[32];

		file_put(path, goldens[i].begin,
			 goldens[i].end - goldens[i].begin);
		EXPECT_EQ(0, tool_all(&tool, "vfio-migctl inspect %s", path));
		snprintf(type, sizeof(type), "(%s)", goldens[i].type);
		EXPECT_TRUE(tool_said(&tool, type)) TH_LOG("%s", type);
		for (j = 0; j < ARRAY_LEN(fields); j++)
			EXPECT_TRUE(says(fields[j])) TH_LOG("%s", tool.said);
	}
	unlink(path);
}

TEST_HARNESS_MAIN
