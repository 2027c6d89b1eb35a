// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on demand: what lines arm them, when they fire, what an arc does
 * that was asked to fail.
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "helpers.h"

#define TEXT_SIZE	SZ_8K
#define LINE_SIZE	128

#define ERROR		VFIO_DEVICE_STATE_ERROR
#define STOP		VFIO_DEVICE_STATE_STOP
#define RUNNING		VFIO_DEVICE_STATE_RUNNING
#define STOP_COPY	VFIO_DEVICE_STATE_STOP_COPY
#define RESUMING	VFIO_DEVICE_STATE_RESUMING
#define RUNNING_P2P	VFIO_DEVICE_STATE_RUNNING_P2P
#define PRE_COPY	VFIO_DEVICE_STATE_PRE_COPY
#define PRE_COPY_P2P	VFIO_DEVICE_STATE_PRE_COPY_P2P

/* Each arc of the uAPI's text, and a type of device that has it */
struct arc {
	u32 from;
	u32 to;
	enum mtty_mig_type type;
};

static const struct arc arcs[] = {
	{ STOP, STOP_COPY, MTTY_MIG_TYPE_BASE },
	{ STOP_COPY, STOP, MTTY_MIG_TYPE_FULL },
	{ STOP, RESUMING, MTTY_MIG_TYPE_PRECOPY },
	{ RESUMING, STOP, MTTY_MIG_TYPE_FULL },
	{ RUNNING, STOP, MTTY_MIG_TYPE_BASE },
	{ STOP, RUNNING, MTTY_MIG_TYPE_PRECOPY },
	{ RUNNING, RUNNING_P2P, MTTY_MIG_TYPE_P2P },
	{ RUNNING_P2P, RUNNING, MTTY_MIG_TYPE_FULL },
	{ RUNNING_P2P, STOP, MTTY_MIG_TYPE_P2P },
	{ STOP, RUNNING_P2P, MTTY_MIG_TYPE_FULL },
	{ RUNNING, PRE_COPY, MTTY_MIG_TYPE_PRECOPY },
	{ PRE_COPY, RUNNING, MTTY_MIG_TYPE_FULL },
	{ PRE_COPY, STOP_COPY, MTTY_MIG_TYPE_PRECOPY },
	{ RUNNING_P2P, PRE_COPY_P2P, MTTY_MIG_TYPE_FULL },
	{ PRE_COPY, PRE_COPY_P2P, MTTY_MIG_TYPE_FULL },
	{ PRE_COPY_P2P, PRE_COPY, MTTY_MIG_TYPE_FULL },
	{ PRE_COPY_P2P, RUNNING_P2P, MTTY_MIG_TYPE_FULL },
	{ PRE_COPY_P2P, STOP_COPY, MTTY_MIG_TYPE_FULL },
};

#define POINT(point, name) \
	[MTTY_FAULT_##point] = name,
static const char * const points[] = { MTTY_FAULT_POINTS(POINT) };
#undef POINT

static const char * const moments[] = { "before", "after" };

static void arc_name(const struct arc *arc, unsigned int after, char *name)
{
	snprintf(name, LINE_SIZE, "%s-%s-%s", mtty_state_name(arc->from),
		 mtty_state_name(arc->to), moments[after]);
}

/*
 * Armed faults outlive the test that armed them, so each test has a device of
 * its own
 */
static struct mtty_device *fault_device(struct kunit *test,
					enum mtty_mig_type type)
{
	return mtty_test_create(test, type, SZ_16K);
}

static char *fault_text(struct kunit *test, struct mtty_device *mtty)
{
	char *text = kunit_kzalloc(test, TEXT_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, text);
	KUNIT_ASSERT_EQ(test, 0, mtty_test_knob_read(test, mtty, "fault", text,
						     TEXT_SIZE));
	return text;
}

static ssize_t arm(struct kunit *test, struct mtty_device *mtty,
		   const char *line)
{
	return mtty_test_knob_write(test, mtty, "fault", line);
}

static void arm_good(struct kunit *test, struct mtty_device *mtty,
		     const char *line)
{
	KUNIT_ASSERT_EQ_MSG(test, strlen(line), arm(test, mtty, line), "%s",
			    line);
}

/* What the file shows of a point, after its name */
static const char *told(struct kunit *test, struct mtty_device *mtty,
			const char *point)
{
	char *text = fault_text(test, mtty), *line;
	size_t len = strlen(point);

	while ((line = strsep(&text, "\n")))
		if (!strncmp(line, point, len) && line[len] == ' ')
			return skip_spaces(line + len);
	KUNIT_FAIL(test, "there is no point %s", point);
	return "";
}

/* Points */

static void fault_lists_every_point(struct kunit *test)
{
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_BASE);
	char *text = fault_text(test, mtty), name[LINE_SIZE];
	unsigned int i, n = 0;

	for (; *text; text++)
		n += *text == '\n';
	/*
	 * The points of all types are listed, whatever the type of the device
	 */
	KUNIT_EXPECT_EQ(test, 2 * ARRAY_SIZE(arcs) + ARRAY_SIZE(points), n);
	for (i = 0; i < 2 * ARRAY_SIZE(arcs); i++) {
		arc_name(&arcs[i / 2], i % 2, name);
		KUNIT_EXPECT_STREQ_MSG(test, "errno=0 times=0 fired=0",
				       told(test, mtty, name), "%s", name);
	}
	for (i = 0; i < ARRAY_SIZE(points); i++)
		KUNIT_EXPECT_STREQ_MSG(test, "errno=0 times=0 fired=0",
				       told(test, mtty, points[i]), "%s",
				       points[i]);
}

/* Lines */

struct line {
	const char *line;
	const char *point;
	const char *told;
};

static const struct line good_lines[] = {
	{ "read 5", "read", "errno=5 times=1 fired=0" },
	{ "read 5\n", "read", "errno=5 times=1 fired=0" },
	{ " \tread 5\t\n\n", "read", "errno=5 times=1 fired=0" },
	{ "read 1", "read", "errno=1 times=1 fired=0" },
	{ "read 4095", "read", "errno=4095 times=1 fired=0" },
	{ "read 0", "read", "errno=0 times=1 fired=0" },
	{ "write 28", "write", "errno=28 times=1 fired=0" },
	{ "pre-copy 12", "pre-copy", "errno=12 times=1 fired=0" },
	{ "read 5 times=1", "read", "errno=5 times=1 fired=0" },
	{ "read 5 times=17\n", "read", "errno=5 times=17 fired=0" },
	{ "read 5 times=4294967295", "read",
	  "errno=5 times=4294967295 fired=0" },
	{ "STOP-STOP_COPY-before 5", "STOP-STOP_COPY-before",
	  "errno=5 times=1 fired=0" },
	{ "STOP-STOP_COPY-after 5", "STOP-STOP_COPY-after",
	  "errno=5 times=1 fired=0" },
	{ "PRE_COPY_P2P-STOP_COPY-after 5 error",
	  "PRE_COPY_P2P-STOP_COPY-after", "errno=5 times=1 error fired=0" },
	{ "RUNNING-STOP-before 5 error times=2", "RUNNING-STOP-before",
	  "errno=5 times=2 error fired=0" },
	{ "RUNNING-STOP-before 5 times=2 error", "RUNNING-STOP-before",
	  "errno=5 times=2 error fired=0" },
};

KUNIT_ARRAY_PARAM_DESC(good_lines, good_lines, line);

static void fault_line_that_arms(struct kunit *test)
{
	const struct line *p = test->param_value;
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);
	char *before = fault_text(test, mtty), *after;

	arm_good(test, mtty, p->line);
	KUNIT_EXPECT_STREQ(test, p->told, told(test, mtty, p->point));

	/* No other line has changed, whatever its length */
	after = fault_text(test, mtty);
	while (before && after) {
		const char *old = strsep(&before, "\n");
		const char *new = strsep(&after, "\n");

		if (strncmp(old, p->point, strlen(p->point)) ||
		    old[strlen(p->point)] != ' ')
			KUNIT_EXPECT_STREQ(test, old, new);
	}
	KUNIT_EXPECT_PTR_EQ(test, before, after);
}

struct bad_line {
	const char *name;
	const char *line;
};

static const struct bad_line bad_lines[] = {
	{ "nothing", "" },
	{ "a space", " " },
	{ "a newline", "\n" },
	{ "no errno", "read" },
	{ "no errno but a tab", "read\t\n" },
	{ "a word for errno", "read x" },
	{ "errno with a word", "read 5x" },
	{ "negative errno", "read -5" },
	{ "errno in hexadecimal", "read 0x5" },
	{ "errno 4096", "read 4096" },
	{ "errno 4 GiB and 5", "read 4294967301" },
	{ "errno 16 EiB and 5", "read 18446744073709551621" },
	{ "two spaces", "read  5" },
	{ "two spaces before a word", "read 5  times=2" },
	{ "a tab", "read\t5" },
	{ "a newline inside", "read\n5" },
	{ "times without a number", "read 5 times" },
	{ "times of nothing", "read 5 times=" },
	{ "times with a colon", "read 5 times:2" },
	{ "times=0", "read 5 times=0" },
	{ "times=0 to disarm", "read 0 times=0" },
	{ "negative times", "read 5 times=-1" },
	{ "times with a word", "read 5 times=2x" },
	{ "times=4294967296", "read 5 times=4294967296" },
	{ "an unknown word", "read 5 often" },
	{ "a word in capitals", "read 5 TIMES=2" },
	{ "the start of a word", "RUNNING-STOP-before 5 err" },
	{ "more than a word", "RUNNING-STOP-before 5 errors" },
	{ "a good word, then a bad one", "read 5 times=2 often" },
	{ "error without an arc", "read 5 error" },
	{ "error for pre-copy", "pre-copy 5 error" },
	{ "a point in capitals", "Read 5" },
	{ "the start of a point", "rea 5" },
	{ "more than a point", "reads 5" },
	{ "no point", "5 read" },
	{ "an arc without a moment", "STOP-STOP_COPY 5" },
	{ "an arc with another moment", "STOP-STOP_COPY-during 5" },
	{ "an arc that there is not", "RUNNING-STOP_COPY-before 5" },
	{ "an arc to the same state", "STOP-STOP-before 5" },
	{ "an arc out of ERROR", "ERROR-RUNNING-before 5" },
	{ "an unknown state", "STOP-NDMA-before 5" },
};

KUNIT_ARRAY_PARAM_DESC(bad_lines, bad_lines, name);

static void fault_line_that_is_refused(struct kunit *test)
{
	const struct bad_line *p = test->param_value;
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);
	const char *before;

	arm_good(test, mtty, "read 9 times=3");
	arm_good(test, mtty, "RUNNING-STOP-before 9 times=3 error");
	before = fault_text(test, mtty);
	KUNIT_EXPECT_EQ(test, -EINVAL, arm(test, mtty, p->line));
	KUNIT_EXPECT_STREQ(test, before, fault_text(test, mtty));
}

static void fault_line_length(struct kunit *test)
{
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);
	char line[130];

	memset(line, ' ', sizeof(line));
	memcpy(line, "read 5", 6);
	line[129] = 0;
	KUNIT_EXPECT_EQ(test, -EINVAL, arm(test, mtty, line));
	KUNIT_EXPECT_STREQ(test, "errno=0 times=0 fired=0",
			   told(test, mtty, "read"));
	line[128] = 0;
	KUNIT_EXPECT_EQ(test, 128, arm(test, mtty, line));
	KUNIT_EXPECT_STREQ(test, "errno=5 times=1 fired=0",
			   told(test, mtty, "read"));
}

static void fault_line_from_bad_memory(struct kunit *test)
{
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);
	struct file *filp = mtty_test_knob_open(test, mtty, "fault", O_WRONLY);
	loff_t pos = 0;

	KUNIT_ASSERT_FALSE(test, IS_ERR(filp));
	KUNIT_EXPECT_EQ(test, -EFAULT,
			filp->f_op->write(filp, mtty_test_bad_user(test), 6,
					  &pos));
}

/* When they fire */

static void fault_is_silent_at_first(struct kunit *test)
{
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);
	bool to_error;
	unsigned int i;

	for (i = 0; i < MTTY_NR_FAULT_POINTS; i++)
		KUNIT_EXPECT_EQ(test, 0, mtty_fault(mtty, i));
	for (i = 0; i < 2 * ARRAY_SIZE(arcs); i++)
		KUNIT_EXPECT_EQ(test, 0, mtty_fault_arc(mtty, arcs[i / 2].from,
							arcs[i / 2].to, i % 2,
							&to_error));
}

struct point {
	const char *name;
	enum mtty_fault_point point;
};

#define POINT(point, name)	{ name, MTTY_FAULT_##point },
static const struct point fault_points[] = { MTTY_FAULT_POINTS(POINT) };
#undef POINT

KUNIT_ARRAY_PARAM_DESC(fault_points, fault_points, name);

static void fault_fires_as_often_as_asked(struct kunit *test)
{
	const struct point *p = test->param_value;
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);
	char line[LINE_SIZE];
	unsigned int i;

	snprintf(line, sizeof(line), "%s 33 times=3", p->name);
	arm_good(test, mtty, line);
	for (i = 0; i < 5; i++) {
		snprintf(line, sizeof(line), "errno=%u times=%u fired=%u",
			 i < 3 ? 33 : 0, i < 3 ? 3 - i : 0, min(i, 3U));
		KUNIT_EXPECT_STREQ(test, line, told(test, mtty, p->name));
		KUNIT_EXPECT_EQ(test, 0,
				mtty_fault(mtty, (p->point + 1) %
						 MTTY_NR_FAULT_POINTS));
		KUNIT_EXPECT_EQ(test, i < 3 ? -33 : 0,
				mtty_fault(mtty, p->point));
	}
}

static void fault_fires_once_by_default(struct kunit *test)
{
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);

	arm_good(test, mtty, "read 4095");
	KUNIT_EXPECT_EQ(test, -4095, mtty_fault(mtty, MTTY_FAULT_READ));
	KUNIT_EXPECT_EQ(test, 0, mtty_fault(mtty, MTTY_FAULT_READ));
}

/* The count of faults that have fired goes on */
static void fault_armed_anew(struct kunit *test)
{
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);

	arm_good(test, mtty, "read 5 times=9");
	KUNIT_EXPECT_EQ(test, -5, mtty_fault(mtty, MTTY_FAULT_READ));
	arm_good(test, mtty, "read 6 times=2");
	KUNIT_EXPECT_STREQ(test, "errno=6 times=2 fired=1",
			   told(test, mtty, "read"));
	KUNIT_EXPECT_EQ(test, -6, mtty_fault(mtty, MTTY_FAULT_READ));
	arm_good(test, mtty, "read 0");
	KUNIT_EXPECT_EQ(test, 0, mtty_fault(mtty, MTTY_FAULT_READ));
	KUNIT_EXPECT_STREQ(test, "errno=0 times=1 fired=2",
			   told(test, mtty, "read"));
	/* A new line replaces all that was armed for the point before */
	arm_good(test, mtty, "STOP-STOP_COPY-before 5 times=4 error");
	arm_good(test, mtty, "STOP-STOP_COPY-before 5");
	KUNIT_EXPECT_STREQ(test, "errno=5 times=1 fired=0",
			   told(test, mtty, "STOP-STOP_COPY-before"));
}

static void fault_of_another_device(struct kunit *test)
{
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);
	struct mtty_device *other = fault_device(test, MTTY_MIG_TYPE_FULL);

	arm_good(test, mtty, "read 5");
	KUNIT_EXPECT_EQ(test, 0, mtty_fault(other, MTTY_FAULT_READ));
	KUNIT_EXPECT_EQ(test, -5, mtty_fault(mtty, MTTY_FAULT_READ));
}

/* A reset of the device does not disarm a fault */
static void fault_survives_a_reset(struct kunit *test)
{
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);

	mtty_test_open(test, mtty);
	arm_good(test, mtty, "read 5");
	mtty_test_reset(test, mtty);
	KUNIT_EXPECT_EQ(test, -5, mtty_fault(mtty, MTTY_FAULT_READ));
}

/* All points, one of them at random if the kernel supports that */
static void fault_reset_disarms_all(struct kunit *test)
{
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);
	char name[LINE_SIZE], line[LINE_SIZE + 16];
	bool to_error;
	unsigned int i;

	arm_good(test, mtty, "read 5 times=9");
	KUNIT_EXPECT_EQ(test, -5, mtty_fault(mtty, MTTY_FAULT_READ));
	arm_good(test, mtty, "write 6");
	arm_good(test, mtty, "pre-copy 7");
	if (IS_ENABLED(CONFIG_FAULT_INJECTION_DEBUG_FS))
		arm_good(test, mtty, "pre-copy 7 random");
	for (i = 0; i < 2 * ARRAY_SIZE(arcs); i++) {
		arc_name(&arcs[i / 2], i % 2, name);
		snprintf(line, sizeof(line), "%s 8 times=2 error", name);
		arm_good(test, mtty, line);
	}

	mtty_fault_reset(mtty);
	/* A fault that has fired does not fire again */
	KUNIT_EXPECT_STREQ(test, "errno=0 times=0 fired=1",
			   told(test, mtty, "read"));
	KUNIT_EXPECT_STREQ(test, "errno=0 times=0 fired=0",
			   told(test, mtty, "write"));
	KUNIT_EXPECT_STREQ(test, "errno=0 times=0 fired=0",
			   told(test, mtty, "pre-copy"));
	for (i = 0; i < MTTY_NR_FAULT_POINTS; i++)
		KUNIT_EXPECT_EQ(test, 0, mtty_fault(mtty, i));
	for (i = 0; i < 2 * ARRAY_SIZE(arcs); i++) {
		arc_name(&arcs[i / 2], i % 2, name);
		KUNIT_EXPECT_STREQ_MSG(test, "errno=0 times=0 fired=0",
				       told(test, mtty, name), "%s", name);
		KUNIT_EXPECT_EQ(test, 0, mtty_fault_arc(mtty, arcs[i / 2].from,
							arcs[i / 2].to, i % 2,
							&to_error));
	}
}

struct random {
	const char *name;
	const char *probability;
	const char *line;
	unsigned int fired;
};

/* Of 50 calls */
static const struct random randoms[] = {
	{ "never", "0", "read 5 random", 0 },
	{ "always", "100", "read 5 random", 50 },
	{ "always, times is not counted", "100", "read 5 times=2 random", 50 },
};

KUNIT_ARRAY_PARAM_DESC(randoms, randoms, name);

static void fault_random(struct kunit *test)
{
	const struct random *p = test->param_value;
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);
	unsigned int i, fired = 0;
	char line[LINE_SIZE];

	if (!IS_ENABLED(CONFIG_FAULT_INJECTION_DEBUG_FS)) {
		KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, arm(test, mtty, p->line));
		KUNIT_EXPECT_STREQ(test, "errno=0 times=0 fired=0",
				   told(test, mtty, "read"));
		return;
	}
	KUNIT_EXPECT_GT(test, mtty_test_knob_write(test, mtty, "fail/times",
						   "-1"), 0);
	KUNIT_EXPECT_GT(test, mtty_test_knob_write(test, mtty,
						   "fail/probability",
						   p->probability), 0);
	arm_good(test, mtty, p->line);
	for (i = 0; i < 50; i++) {
		int ret = mtty_fault(mtty, MTTY_FAULT_READ);

		KUNIT_EXPECT_TRUE(test, !ret || ret == -5);
		fired += !!ret;
	}
	KUNIT_EXPECT_EQ(test, p->fired, fired);
	snprintf(line, sizeof(line), "errno=5 times=%u random fired=%u",
		 strstr(p->line, "times=2") ? 2 : 1, p->fired);
	KUNIT_EXPECT_STREQ(test, line, told(test, mtty, "read"));
	/* A random fault does not end by itself */
	arm_good(test, mtty, "read 0");
	KUNIT_EXPECT_EQ(test, 0, mtty_fault(mtty, MTTY_FAULT_READ));
}

/* Arcs */

static void arc_desc(const struct arc *arc, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s to %s",
		 mtty_state_name(arc->from),
		 mtty_state_name(arc->to));
}

KUNIT_ARRAY_PARAM(arcs, arcs, arc_desc);

/* Armed before an arc it fails with 70, after it with 71 and goes to ERROR */
static void expect_arc(struct kunit *test, struct mtty_device *mtty,
		       const struct arc *arc, u32 from, u32 to,
		       unsigned int armed)
{
	unsigned int after;

	for (after = 0; after < 2; after++) {
		bool hit = from == arc->from && to == arc->to && after == armed;
		bool to_error = !armed;

		KUNIT_EXPECT_EQ(test, hit ? -70 - (int)armed : 0,
				mtty_fault_arc(mtty, from, to, after,
					       &to_error));
		if (hit)
			KUNIT_EXPECT_EQ(test, armed, to_error);
	}
}

static void fault_fires_on_its_arc_only(struct kunit *test)
{
	const struct arc *p = test->param_value;
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);
	char name[LINE_SIZE], line[LINE_SIZE + 16];
	unsigned int after, from, to;

	for (after = 0; after < 2; after++) {
		arc_name(p, after, name);
		snprintf(line, sizeof(line), "%s %u%s", name, 70 + after,
			 after ? " error" : "");
		arm_good(test, mtty, line);
		for (from = 0; from < MTTY_TEST_NR_STATES; from++)
			for (to = 0; to < MTTY_TEST_NR_STATES; to++)
				expect_arc(test, mtty, p, from, to, after);
		/* It was among them */
		KUNIT_EXPECT_EQ(test, 0,
				strncmp(told(test, mtty, name),
					"errno=0 times=0 ", 16));
	}
}

/* A stream for a device that was reset */
static struct mtty_test_blob *fault_stream(struct kunit *test,
					   struct mtty_device *mtty)
{
	struct mtty_test_blob *blob = mtty_test_blob(test, SZ_64K);

	mtty_test_put_all(test, blob, mtty->type->id, mtty->mem, &mtty->hw);
	return blob;
}

/* Go to the state where the arc begins; a stream to be loaded is complete */
static struct mtty_device *go_before(struct kunit *test, const struct arc *arc)
{
	struct mtty_device *mtty = fault_device(test, arc->type);
	struct mtty_test_blob *blob;
	struct file *filp = NULL;

	mtty_test_open(test, mtty);
	blob = fault_stream(test, mtty);
	if (arc->from != RUNNING)
		filp = mtty_test_enter(test, mtty, arc->from);
	if (arc->from == RESUMING)
		KUNIT_ASSERT_EQ(test, 0, mtty_test_load(test, filp, blob,
							SZ_4K));
	return mtty;
}

static void fault_keeps_the_state(struct kunit *test)
{
	const struct arc *p = test->param_value;
	struct mtty_device *mtty = go_before(test, p);
	char name[LINE_SIZE], line[LINE_SIZE + 16];
	enum mtty_run run = mtty_test_run(mtty);
	struct file *filp;
	unsigned int after;

	for (after = 0; after < 2; after++) {
		arc_name(p, after, name);
		snprintf(line, sizeof(line), "%s 71", name);
		arm_good(test, mtty, line);
		KUNIT_EXPECT_EQ(test, -71, mtty_test_set_state(test, mtty,
							       p->to, &filp));
		KUNIT_EXPECT_NULL(test, filp);
		KUNIT_EXPECT_EQ(test, p->from, mtty_test_get_state(mtty));
		KUNIT_EXPECT_EQ(test, run, mtty_test_run(mtty));
		KUNIT_EXPECT_STREQ(test, "errno=0 times=0 fired=1",
				   told(test, mtty, name));
	}
	/* After that, the arc can be taken */
	mtty_test_enter(test, mtty, p->to);
}

static void fault_to_error(struct kunit *test)
{
	const struct arc *p = test->param_value;
	char name[LINE_SIZE], line[LINE_SIZE + 16];
	unsigned int after;

	for (after = 0; after < 2; after++) {
		struct mtty_device *mtty = go_before(test, p);
		struct file *filp;

		arc_name(p, after, name);
		snprintf(line, sizeof(line), "%s 71 error", name);
		arm_good(test, mtty, line);
		KUNIT_EXPECT_EQ(test, -71, mtty_test_set_state(test, mtty,
							       p->to, &filp));
		KUNIT_EXPECT_NULL(test, filp);
		KUNIT_EXPECT_EQ(test, ERROR, mtty_test_get_state(mtty));
		KUNIT_EXPECT_EQ(test, MTTY_STOPPED, mtty_test_run(mtty));
		mtty_test_reset(test, mtty);
		KUNIT_EXPECT_EQ(test, RUNNING, mtty_test_get_state(mtty));
	}
}

/* Data fds */

static void fault_of_read(struct kunit *test)
{
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);
	struct mtty_test_blob *blob = mtty_test_blob(test, SZ_64K);
	struct file *filp;

	mtty_test_open(test, mtty);
	filp = mtty_test_enter(test, mtty, STOP_COPY);
	KUNIT_ASSERT_NOT_NULL(test, filp);
	arm_good(test, mtty, "read 71 times=2");
	KUNIT_EXPECT_EQ(test, -71, mtty_test_save(test, filp, blob, 100));
	KUNIT_EXPECT_EQ(test, -71, mtty_test_save(test, filp, blob, 100));
	KUNIT_EXPECT_EQ(test, 0, blob->len);
	KUNIT_EXPECT_EQ(test, 0, mtty_test_save(test, filp, blob, 100));
	KUNIT_EXPECT_EQ(test, MTTY_TEST_MIN_SIZE, blob->len);
}

static void fault_of_write(struct kunit *test)
{
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);
	struct mtty_test_blob *blob;
	struct file *filp;

	mtty_test_open(test, mtty);
	blob = fault_stream(test, mtty);
	filp = mtty_test_enter(test, mtty, RESUMING);
	KUNIT_ASSERT_NOT_NULL(test, filp);
	arm_good(test, mtty, "write 71");
	KUNIT_EXPECT_EQ(test, -71, mtty_test_load(test, filp, blob, 100));
	/* The session has refused the stream, and stays so */
	KUNIT_EXPECT_LT(test, mtty_test_load(test, filp, blob, 100), 0);
	KUNIT_EXPECT_LT(test, mtty_test_set_state(test, mtty, STOP, &filp), 0);
	KUNIT_EXPECT_EQ(test, RESUMING, mtty_test_get_state(mtty));
}

static void fault_of_pre_copy(struct kunit *test)
{
	struct mtty_device *mtty = fault_device(test, MTTY_MIG_TYPE_FULL);
	struct mtty_test_blob *blob = mtty_test_blob(test, SZ_64K);
	struct file *filp;

	mtty_test_open(test, mtty);
	mtty_test_fill(test, mtty, 1);
	filp = mtty_test_enter(test, mtty, PRE_COPY);
	KUNIT_ASSERT_NOT_NULL(test, filp);
	arm_good(test, mtty, "pre-copy 71");
	/*
	 * Pre-copy has no more data, although two of the four pages are unsent
	 */
	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob, SZ_8K));
	KUNIT_EXPECT_LT(test, blob->len, MTTY_TEST_PAGE_SIZE);
	KUNIT_EXPECT_STREQ(test, "errno=0 times=0 fired=1",
			   told(test, mtty, "pre-copy"));
	/* They come in STOP_COPY */
	mtty_test_enter(test, mtty, STOP_COPY);
	KUNIT_EXPECT_EQ(test, 0, mtty_test_save(test, filp, blob, SZ_8K));
	KUNIT_EXPECT_GE(test, blob->len,
			MTTY_TEST_MIN_SIZE + 2 * MTTY_TEST_PAGE_SIZE);
}

static struct kunit_case fault_cases[] = {
	KUNIT_CASE(fault_lists_every_point),
	KUNIT_CASE_PARAM(fault_line_that_arms, good_lines_gen_params),
	KUNIT_CASE_PARAM(fault_line_that_is_refused, bad_lines_gen_params),
	KUNIT_CASE(fault_line_length),
	KUNIT_CASE(fault_line_from_bad_memory),
	KUNIT_CASE(fault_is_silent_at_first),
	KUNIT_CASE_PARAM(fault_fires_as_often_as_asked,
			 fault_points_gen_params),
	KUNIT_CASE(fault_fires_once_by_default),
	KUNIT_CASE(fault_armed_anew),
	KUNIT_CASE(fault_of_another_device),
	KUNIT_CASE(fault_survives_a_reset),
	KUNIT_CASE(fault_reset_disarms_all),
	KUNIT_CASE_PARAM(fault_random, randoms_gen_params),
	KUNIT_CASE_PARAM(fault_fires_on_its_arc_only, arcs_gen_params),
	KUNIT_CASE_PARAM(fault_keeps_the_state, arcs_gen_params),
	KUNIT_CASE_PARAM(fault_to_error, arcs_gen_params),
	KUNIT_CASE(fault_of_read),
	KUNIT_CASE(fault_of_write),
	KUNIT_CASE(fault_of_pre_copy),
	{}
};

static struct kunit_suite fault_suite = {
	.name = "mtty_mig_fault",
	.test_cases = fault_cases,
};

kunit_test_suite(fault_suite);
