// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device's folder in debugfs: what its files show, what they take and what
 * they refuse. The file "fault" has a suite of its own.
 */
#include <linux/pci_regs.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "helpers.h"

#define PAGE	4096
#define LINE	64

static struct mtty_device *open_device(struct kunit *test)
{
	return mtty_test_device(test, MTTY_MIG_TYPE_VPRI, SZ_16K);
}

static void expect_text(struct kunit *test, struct mtty_device *mtty,
			const char *name, const char *expected)
{
	char text[512];

	KUNIT_EXPECT_EQ(test, 0, mtty_test_knob_read(test, mtty, name, text,
						     sizeof(text)));
	KUNIT_EXPECT_STREQ(test, expected, text);
}

static void expect_written(struct kunit *test, struct mtty_device *mtty,
			   const char *name, const char *text)
{
	KUNIT_EXPECT_EQ_MSG(test, strlen(text),
			    mtty_test_knob_write(test, mtty, name, text),
			    "%s > %s", text, name);
}

static void expect_refused(struct kunit *test, struct mtty_device *mtty,
			   const char *name, const char *text, int error)
{
	KUNIT_EXPECT_EQ_MSG(test, error,
			    mtty_test_knob_write(test, mtty, name, text),
			    "%s > %s", text, name);
}

/* The folder */

struct knob {
	const char *name;
	umode_t mode;
	/* A line that the file accepts in any state */
	const char *good;
	/* Length of the longest line; 0 if the library limits it */
	size_t max;
};

static const struct knob knobs[] = {
	{ "counters", 0400, NULL, 0 },
	{ "digest", 0400, NULL, 0 },
	{ "dirty", 0200, "0 1", 64 },
	{ "engine_step", 0200, NULL, 64 },
	{ "engine_hold", 0600, "0", 0 },
	{ "reinit", 0200, NULL, 0 },
	{ "page_requests", 0600, "open 0", 64 },
	{ "fault", 0600, "read 0", 128 },
};

KUNIT_ARRAY_PARAM_DESC(knobs, knobs, name);

static void debugfs_file(struct kunit *test)
{
	const struct knob *p = test->param_value;
	struct mtty_device *mtty = mtty_test_create(test, MTTY_MIG_TYPE_FULL,
						    SZ_16K);
	char path[LINE];
	struct file *filp;

	filp = mtty_test_knob_open(test, mtty, p->name,
				   p->mode & 0400 ? O_RDONLY : O_WRONLY);
	KUNIT_ASSERT_FALSE(test, IS_ERR(filp));
	KUNIT_EXPECT_EQ(test, p->mode, file_inode(filp)->i_mode & 07777);
	mtty_test_put_file(test, filp);

	/* It goes with the device */
	snprintf(path, sizeof(path), "mtty_mig/%s/%s",
		 dev_name(mtty->vdev.dev), p->name);
	mtty_test_destroy(test, mtty);
	filp = mtty_test_file_open(test, MTTY_TEST_DEBUGFS, path, O_RDONLY);
	KUNIT_EXPECT_EQ(test, -ENOENT, PTR_ERR_OR_ZERO(filp));
}

/* A file that is still open is dead from then on */
static void debugfs_file_outlives_the_device(struct kunit *test)
{
	const struct knob *p = test->param_value;
	struct mtty_device *mtty = mtty_test_create(test, MTTY_MIG_TYPE_FULL,
						    SZ_16K);
	void __user *buf = mtty_test_user(test);
	struct file *filp;
	loff_t pos = 0;

	filp = mtty_test_knob_open(test, mtty, p->name,
				   p->mode & 0400 ? O_RDONLY : O_WRONLY);
	KUNIT_ASSERT_FALSE(test, IS_ERR(filp));
	mtty_test_destroy(test, mtty);
	KUNIT_EXPECT_EQ(test, -EIO, p->mode & 0400 ?
			filp->f_op->read(filp, buf, 1, &pos) :
			filp->f_op->write(filp, buf, 1, &pos));
}

static void debugfs_line_length(struct kunit *test)
{
	const struct knob *p = test->param_value;
	struct mtty_device *mtty = open_device(test);
	struct file *filp;
	char line[130];
	loff_t pos = 0;

	if (!p->max)
		return;
	filp = mtty_test_knob_open(test, mtty, p->name, O_WRONLY);
	KUNIT_ASSERT_FALSE(test, IS_ERR(filp));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			filp->f_op->write(filp, mtty_test_user(test), 0,
					  &pos));
	KUNIT_EXPECT_EQ(test, -EFAULT,
			filp->f_op->write(filp, mtty_test_bad_user(test), 1,
					  &pos));
	if (!p->good)
		return;
	memset(line, ' ', sizeof(line));
	memcpy(line, p->good, strlen(p->good));
	line[p->max + 1] = 0;
	expect_refused(test, mtty, p->name, line, -EINVAL);
	line[p->max] = 0;
	expect_written(test, mtty, p->name, line);
}

/* What is shown */

static void debugfs_counters(struct kunit *test)
{
	struct mtty_device *mtty = open_device(test);
	u8 byte = 1;

	expect_text(test, mtty, "counters",
		    "pages 0\ninitial_bytes 0\ndirty_bytes 0\n"
		    "dropped_writes 0\n");
	KUNIT_ASSERT_EQ(test, 1, mtty_test_region_write(test, mtty,
							MTTY_MIG_MEM_BAR, 0,
							&byte, 1));
	KUNIT_ASSERT_EQ(test, 1, mtty_test_region_write(test, mtty,
							MTTY_MIG_MEM_BAR,
							2 * PAGE, &byte, 1));
	mtty_test_enter(test, mtty, VFIO_DEVICE_STATE_PRE_COPY);
	/* A page is a record of 16 bytes and its content in the stream */
	expect_text(test, mtty, "counters",
		    "pages 2\ninitial_bytes 8224\ndirty_bytes 0\n"
		    "dropped_writes 0\n");
	KUNIT_ASSERT_EQ(test, 1, mtty_test_region_write(test, mtty,
							MTTY_MIG_MEM_BAR, PAGE,
							&byte, 1));
	expect_text(test, mtty, "counters",
		    "pages 3\ninitial_bytes 8224\ndirty_bytes 4112\n"
		    "dropped_writes 0\n");
	mtty_test_enter(test, mtty, VFIO_DEVICE_STATE_RUNNING);
	mtty_test_enter(test, mtty, VFIO_DEVICE_STATE_STOP);
	mtty_test_uart_write(test, mtty, 7, 1);
	mtty_test_uart_write(test, mtty, 7, 1);
	expect_text(test, mtty, "counters",
		    "pages 3\ninitial_bytes 0\ndirty_bytes 0\n"
		    "dropped_writes 2\n");
}

static void debugfs_digest(struct kunit *test)
{
	struct mtty_device *mtty = open_device(test);
	char text[LINE];

	snprintf(text, sizeof(text), "%016llx\n", mtty_card_digest(mtty));
	expect_text(test, mtty, "digest", text);
	mtty_test_fill(test, mtty, 1);
	KUNIT_EXPECT_NE(test, 0, strncmp(text, "0000000000000000", 16));
	snprintf(text, sizeof(text), "%016llx\n", mtty_card_digest(mtty));
	expect_text(test, mtty, "digest", text);
}

/* Two numbers */

struct pair {
	const char *name;
	const char *line;
	int ret;
};

/* Pages of a device that has four */
static const struct pair pairs[] = {
	{ "first page", "0 1", 0 },
	{ "all", "0 4\n", 0 },
	{ "last page", "3 1", 0 },
	{ "spaces around", "  2 2\t\n", 0 },
	{ "hexadecimal", "0x3 0x1", 0 },
	{ "octal", "03 01", 0 },
	{ "past the end", "4 1", -EINVAL },
	{ "over the end", "3 2", -EINVAL },
	{ "all and one more", "0 5", -EINVAL },
	{ "a sum that wraps", "1 18446744073709551615", -EINVAL },
	{ "a far page", "18446744073709551615 1", -EINVAL },
	{ "a far page that wraps", "4503599627370496 1", -EINVAL },
	{ "no page", "0 0", -EINVAL },
	{ "one number", "1", -EINVAL },
	{ "one number and a space", "1 ", -EINVAL },
	{ "three numbers", "0 1 1", -EINVAL },
	{ "two spaces", "0  1", -EINVAL },
	{ "no numbers", "a b", -EINVAL },
	{ "the second is none", "0 b", -EINVAL },
	{ "the first is none", "a 1", -EINVAL },
	{ "negative", "-1 1", -EINVAL },
	{ "too large a number", "18446744073709551616 1", -EINVAL },
	{ "a space", " ", -EINVAL },
	{ "a comma", "0,1", -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(pairs, pairs, name);

static void debugfs_dirty_line(struct kunit *test)
{
	const struct pair *p = test->param_value;
	struct mtty_device *mtty = open_device(test);
	u64 digest = mtty_card_digest(mtty);

	if (!p->ret) {
		expect_written(test, mtty, "dirty", p->line);
		KUNIT_EXPECT_NE(test, digest, mtty_card_digest(mtty));
		return;
	}
	expect_refused(test, mtty, "dirty", p->line, p->ret);
	KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
}

static void debugfs_dirty_changes_just_these(struct kunit *test)
{
	struct mtty_device *mtty = open_device(test);
	u8 *mem = kunit_kzalloc(test, SZ_16K, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, mem);
	/* Another value each time, so that the digest shows it */
	expect_written(test, mtty, "dirty", "1 2");
	expect_written(test, mtty, "dirty", "2 1");
	KUNIT_ASSERT_EQ(test, SZ_16K,
			mtty_test_region_read(test, mtty, MTTY_MIG_MEM_BAR, 0,
					      mem, SZ_16K));
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, i == 2 ? 2 : i == 1,
				get_unaligned_le64(mem + i * PAGE));
		KUNIT_EXPECT_NULL(test, memchr_inv(mem + i * PAGE + 8, 0,
						   PAGE - 8));
	}
}

static void debugfs_dirty_in_a_stopped_device(struct kunit *test)
{
	struct mtty_device *mtty = open_device(test);
	u64 digest = mtty_card_digest(mtty);

	mtty_test_enter(test, mtty, VFIO_DEVICE_STATE_STOP);
	expect_refused(test, mtty, "dirty", "0 1", -EBUSY);
	KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
	mtty_test_enter(test, mtty, VFIO_DEVICE_STATE_RUNNING_P2P);
	expect_written(test, mtty, "dirty", "0 1");
}

static void debugfs_dirty_without_memory(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_device(test, MTTY_MIG_TYPE_FULL,
						    0);

	expect_refused(test, mtty, "dirty", "0 1", -EINVAL);
}

/* The engine */

static const struct pair steps[] = {
	{ "idle", "0 1", -EBUSY },
	{ "the last channel", "1 4096\n", -EBUSY },
	{ "a channel more", "2 1", -EINVAL },
	{ "a channel 4 GiB on", "4294967296 1", -EINVAL },
	{ "no bytes", "0 0", -EINVAL },
	{ "no channel", "1", -EINVAL },
	{ "a word", "0 all", -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(steps, steps, name);

static void debugfs_engine_step_line(struct kunit *test)
{
	const struct pair *p = test->param_value;
	struct mtty_device *mtty = open_device(test);

	expect_refused(test, mtty, "engine_step", p->line, p->ret);
}

static void ctrl_write(struct kunit *test, struct mtty_device *mtty,
		       u32 offset, u32 val)
{
	__le32 le = cpu_to_le32(val);

	KUNIT_ASSERT_EQ(test, sizeof(le),
			mtty_test_region_write(test, mtty, MTTY_MIG_CTRL_BAR,
					       offset, &le, sizeof(le)));
}

static bool dma_busy(struct mtty_device *mtty, unsigned int channel)
{
	u32 status;

	mutex_lock(&mtty->hw_lock);
	status = mtty->hw.dma[channel].status;
	mutex_unlock(&mtty->hw_lock);
	return status & MTTY_MIG_DMA_BUSY;
}

/*
 * Only the channel that the line names moves, and its transfer fails: a test of
 * KUnit has no user memory. The selftests have some, and test that a step
 * succeeds.
 */
static void debugfs_engine_moves_when_stepped(struct kunit *test)
{
	struct mtty_device *mtty = open_device(test);
	unsigned int i;

	mtty->hw.pci.config[PCI_COMMAND] |= PCI_COMMAND_MASTER;
	/* The core demands this before it looks for an IOAS, and finds none */
	mtty->vdev.open_count = 1;
	expect_text(test, mtty, "engine_hold", "0\n");
	expect_written(test, mtty, "engine_hold", "1");
	expect_text(test, mtty, "engine_hold", "1\n");
	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		ctrl_write(test, mtty, MTTY_MIG_DMA(i) + MTTY_MIG_DMA_CMD,
			   MTTY_MIG_DMA_OP_FILL);
		ctrl_write(test, mtty, MTTY_MIG_DMA(i) + MTTY_MIG_DMA_LEN_LO,
			   1);
		ctrl_write(test, mtty, MTTY_MIG_DMA(i) + MTTY_MIG_DMA_CTRL,
			   MTTY_MIG_DMA_START);
	}
	expect_refused(test, mtty, "engine_step", "1 1", -EBUSY);
	KUNIT_EXPECT_EQ(test, MTTY_MIG_DMA_BUSY, mtty->hw.dma[0].status);
	KUNIT_EXPECT_EQ(test, MTTY_MIG_DMA_ERROR, mtty->hw.dma[1].status);
	/* When the hold is released, the other channel moves by itself */
	expect_written(test, mtty, "engine_hold", "0\n");
	for (i = 0; i < MTTY_TEST_PATIENCE && dma_busy(mtty, 0); i++)
		schedule_timeout_uninterruptible(1);
	KUNIT_EXPECT_EQ(test, MTTY_MIG_DMA_ERROR, mtty->hw.dma[0].status);
	mtty->vdev.open_count = 0;
}

static void debugfs_engine_hold_refuses(struct kunit *test)
{
	static const char * const lines[] = { "2", "-1", "x", "4294967297" };
	struct mtty_device *mtty = open_device(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lines); i++)
		expect_refused(test, mtty, "engine_hold", lines[i], -EINVAL);
	expect_text(test, mtty, "engine_hold", "0\n");
}

/* New initial data */

static void debugfs_reinit(struct kunit *test)
{
	struct mtty_device *mtty = open_device(test);
	struct mtty_test_blob *blob = mtty_test_blob(test, SZ_64K);
	struct file *filp;

	expect_refused(test, mtty, "reinit", "1", -EINVAL);
	expect_written(test, mtty, "dirty", "0 4");
	filp = mtty_test_enter(test, mtty, VFIO_DEVICE_STATE_PRE_COPY);
	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, SZ_8K));
	expect_text(test, mtty, "counters",
		    "pages 4\ninitial_bytes 0\ndirty_bytes 0\n"
		    "dropped_writes 0\n");
	expect_refused(test, mtty, "reinit", "0", -EINVAL);
	expect_refused(test, mtty, "reinit", "2", -EINVAL);
	expect_refused(test, mtty, "reinit", "x", -EINVAL);
	expect_text(test, mtty, "counters",
		    "pages 4\ninitial_bytes 0\ndirty_bytes 0\n"
		    "dropped_writes 0\n");
	/* No user has opted in to REINIT, so all pages count as dirty */
	expect_written(test, mtty, "reinit", "1");
	expect_text(test, mtty, "counters",
		    "pages 4\ninitial_bytes 0\ndirty_bytes 16448\n"
		    "dropped_writes 0\n");
	mtty_test_enter(test, mtty, VFIO_DEVICE_STATE_STOP_COPY);
	expect_refused(test, mtty, "reinit", "1", -EINVAL);
}

/* Page requests */

static const struct pair request_lines[] = {
	{ "open", "open 0x2000", 0 },
	{ "open in decimal", "open 8192\n", 0 },
	{ "open the last page", " open 18446744073709551615 ", 0 },
	{ "answer", "answer 1", 0 },
	{ "answer what there is not", "answer 2", -ENOENT },
	{ "answer 0", "answer 0", -ENOENT },
	{ "answer the largest ID", "answer 4294967295", -ENOENT },
	{ "answer 4 GiB and 1", "answer 4294967297", -EINVAL },
	{ "open nothing", "open", -EINVAL },
	{ "open nothing but a space", "open ", -EINVAL },
	{ "open a word", "open x", -EINVAL },
	{ "open two", "open 1 2", -EINVAL },
	{ "two spaces", "open  1", -EINVAL },
	{ "open too far", "open 18446744073709551616", -EINVAL },
	{ "open before the start", "open -1", -EINVAL },
	{ "another verb", "close 1", -EINVAL },
	{ "the start of a verb", "ope 1", -EINVAL },
	{ "more than a verb", "opened 1", -EINVAL },
	{ "in capitals", "OPEN 1", -EINVAL },
	{ "no verb", "1", -EINVAL },
	{ "a space", " ", -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(request_lines, request_lines, name);

/* With one request open */
static void debugfs_page_requests_line(struct kunit *test)
{
	const struct pair *p = test->param_value;
	struct mtty_device *mtty = open_device(test);

	expect_written(test, mtty, "page_requests", "open 0x1234");
	expect_text(test, mtty, "page_requests", "1 0x1000 open\n");
	if (!p->ret) {
		expect_written(test, mtty, "page_requests", p->line);
		return;
	}
	expect_refused(test, mtty, "page_requests", p->line, p->ret);
	expect_text(test, mtty, "page_requests", "1 0x1000 open\n");
}

static void debugfs_page_requests(struct kunit *test)
{
	struct mtty_device *mtty = open_device(test);
	struct file *filp;

	expect_text(test, mtty, "page_requests", "");
	expect_written(test, mtty, "page_requests", "open 0x1000");
	expect_written(test, mtty, "page_requests", "open 18446744073709551615");
	expect_text(test, mtty, "page_requests",
		    "1 0x1000 open\n2 0xfffffffffffff000 open\n");

	/* A drain holds back requests that come from now on */
	mtty->pri_drain = true;
	KUNIT_EXPECT_EQ(test, -EBUSY,
			mtty_test_set_state(test, mtty, VFIO_DEVICE_STATE_STOP,
					    &filp));
	expect_written(test, mtty, "page_requests", "open 0x3000");
	expect_text(test, mtty, "page_requests",
		    "1 0x1000 open\n2 0xfffffffffffff000 open\n"
		    "3 0x3000 queued\n");
	expect_refused(test, mtty, "page_requests", "answer 3", -ENOENT);
	expect_written(test, mtty, "page_requests", "answer 2");
	expect_written(test, mtty, "page_requests", "answer 1");
	expect_text(test, mtty, "page_requests", "3 0x3000 queued\n");

	mtty_test_enter(test, mtty, VFIO_DEVICE_STATE_STOP);
	expect_refused(test, mtty, "page_requests", "open 0x4000", -EBUSY);
	mtty_test_enter(test, mtty, VFIO_DEVICE_STATE_RUNNING);
	expect_text(test, mtty, "page_requests", "3 0x3000 open\n");
	mtty->pri_drain = false;
}

static void debugfs_page_requests_have_a_limit(struct kunit *test)
{
	struct mtty_device *mtty = open_device(test);
	unsigned int i;

	for (i = 0; i < MTTY_MIG_PRI_MAX; i++)
		expect_written(test, mtty, "page_requests", "open 0");
	expect_refused(test, mtty, "page_requests", "open 0", -ENOSPC);
}

static void debugfs_page_requests_of_a_device_without(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_device(test, MTTY_MIG_TYPE_FULL,
						    SZ_16K);

	expect_refused(test, mtty, "page_requests", "open 0", -ENOSPC);
	expect_refused(test, mtty, "page_requests", "answer 1", -ENOENT);
	expect_text(test, mtty, "page_requests", "");
}

static struct kunit_case debugfs_cases[] = {
	KUNIT_CASE_PARAM(debugfs_file, knobs_gen_params),
	KUNIT_CASE_PARAM(debugfs_file_outlives_the_device, knobs_gen_params),
	KUNIT_CASE_PARAM(debugfs_line_length, knobs_gen_params),
	KUNIT_CASE(debugfs_counters),
	KUNIT_CASE(debugfs_digest),
	KUNIT_CASE_PARAM(debugfs_dirty_line, pairs_gen_params),
	KUNIT_CASE(debugfs_dirty_changes_just_these),
	KUNIT_CASE(debugfs_dirty_in_a_stopped_device),
	KUNIT_CASE(debugfs_dirty_without_memory),
	KUNIT_CASE_PARAM(debugfs_engine_step_line, steps_gen_params),
	KUNIT_CASE(debugfs_engine_moves_when_stepped),
	KUNIT_CASE(debugfs_engine_hold_refuses),
	KUNIT_CASE(debugfs_reinit),
	KUNIT_CASE_PARAM(debugfs_page_requests_line, request_lines_gen_params),
	KUNIT_CASE(debugfs_page_requests),
	KUNIT_CASE(debugfs_page_requests_have_a_limit),
	KUNIT_CASE(debugfs_page_requests_of_a_device_without),
	{}
};

static struct kunit_suite debugfs_suite = {
	.name = "mtty_mig_debugfs",
	.test_cases = debugfs_cases,
};

kunit_test_suite(debugfs_suite);
