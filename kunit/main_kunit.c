// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: its device types, and the attributes of a device that is made
 * as userspace makes one, by writing a UUID into sysfs.
 *
 * How the module undoes what it has done when it cannot be loaded is not
 * seen here: it was loaded before any suite was.
 */
#include <linux/kernfs.h>
#include <linux/string.h>

#include "helpers.h"

#define PARENT	"devices/virtual/mtty_mig/mtty_mig/"
#define UUID	"6d747479-6d69-4000-8000-000000000001"
#define LONG	160

struct type {
	const char *name;
	enum mtty_mig_type id;
	unsigned int flags;
	const char *description;
};

static const struct type types[] = {
	{ "none", MTTY_MIG_TYPE_NONE, 0, "Serial card without migration\n" },
	{ "base", MTTY_MIG_TYPE_BASE, VFIO_MIGRATION_STOP_COPY,
	  "Serial card with STOP_COPY\n" },
	{ "p2p", MTTY_MIG_TYPE_P2P,
	  VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P,
	  "Serial card with STOP_COPY and P2P\n" },
	{ "precopy", MTTY_MIG_TYPE_PRECOPY,
	  VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_PRE_COPY,
	  "Serial card with STOP_COPY and PRE_COPY\n" },
	{ "full", MTTY_MIG_TYPE_FULL,
	  VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P |
	  VFIO_MIGRATION_PRE_COPY,
	  "Serial card with STOP_COPY, P2P and PRE_COPY\n" },
	{ "vpri", MTTY_MIG_TYPE_VPRI,
	  VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P |
	  VFIO_MIGRATION_PRE_COPY,
	  "Serial card as full, with page requests\n" },
};

KUNIT_ARRAY_PARAM_DESC(types, types, name);

static void read_type(struct kunit *test, const char *type, const char *attr,
		      char *text, size_t size)
{
	char path[LONG];

	snprintf(path, sizeof(path), PARENT "mdev_supported_types/mtty_mig-%s/%s",
		 type, attr);
	KUNIT_ASSERT_EQ(test, 0, mtty_test_file_read(test, MTTY_TEST_SYSFS,
						     path, text, size));
}

static void remove_mdev(void *data)
{
	mtty_test_file_write(data, MTTY_TEST_SYSFS, PARENT UUID "/remove", "1");
}

/* The mdev's folder is its kobject, of which its device is part */
static struct mtty_device *mdev_device(struct kunit *test)
{
	struct file *filp = mtty_test_file_open(test, MTTY_TEST_SYSFS,
						PARENT UUID, O_RDONLY);
	struct kernfs_node *node;
	struct mtty_device *mtty;

	KUNIT_ASSERT_FALSE(test, IS_ERR(filp));
	node = file_inode(filp)->i_private;
	mtty = dev_get_drvdata(kobj_to_dev(node->priv));
	mtty_test_put_file(test, filp);
	KUNIT_ASSERT_NOT_NULL(test, mtty);
	return mtty;
}

static struct mtty_device *mdev_create(struct kunit *test, const char *type)
{
	char path[LONG];

	snprintf(path, sizeof(path),
		 PARENT "mdev_supported_types/mtty_mig-%s/create", type);
	KUNIT_ASSERT_EQ(test, strlen(UUID),
			mtty_test_file_write(test, MTTY_TEST_SYSFS, path,
					     UUID));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, remove_mdev,
							   test));
	return mdev_device(test);
}

static ssize_t store(struct kunit *test, const char *attr, const char *text)
{
	char path[LONG];

	snprintf(path, sizeof(path), PARENT UUID "/mtty_mig/%s", attr);
	return mtty_test_file_write(test, MTTY_TEST_SYSFS, path, text);
}

static void expect_shown(struct kunit *test, const char *attr,
			 const char *expected)
{
	char path[LONG], text[LONG];

	snprintf(path, sizeof(path), PARENT UUID "/mtty_mig/%s", attr);
	KUNIT_EXPECT_EQ(test, 0, mtty_test_file_read(test, MTTY_TEST_SYSFS,
						     path, text, LONG));
	KUNIT_EXPECT_STREQ(test, expected, text);
}

/* Types */

static void main_type(struct kunit *test)
{
	const struct type *p = test->param_value;
	const struct mtty_type *type = mtty_type_get(p->id);
	struct mtty_device *mtty;
	char text[LONG];

	KUNIT_EXPECT_EQ(test, p->id, type->id);
	KUNIT_EXPECT_EQ(test, p->flags, type->migration_flags);
	read_type(test, p->name, "description", text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, p->description, text);
	read_type(test, p->name, "device_api", text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, "vfio-pci\n", text);

	mtty = mdev_create(test, p->name);
	KUNIT_EXPECT_PTR_EQ(test, type, mtty->type);
	KUNIT_EXPECT_EQ(test, p->flags, mtty->vdev.migration_flags);
	KUNIT_EXPECT_EQ(test, !!p->flags, !!mtty->vdev.mig_ops);
}

static void main_instances_are_counted(struct kunit *test)
{
	char text[LONG];

	read_type(test, "full", "available_instances", text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, "1024\n", text);
	mdev_create(test, "full");
	read_type(test, "full", "available_instances", text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, "1023\n", text);
	/* All types share them */
	read_type(test, "base", "available_instances", text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, "1023\n", text);
	kunit_release_action(test, remove_mdev, test);
	read_type(test, "full", "available_instances", text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, "1024\n", text);
}

/* A second parent's device of the same name cannot be registered */
static void main_uuid_is_taken(struct kunit *test)
{
	mdev_create(test, "full");
	KUNIT_EXPECT_EQ(test, -EEXIST,
			mtty_test_file_write(test, MTTY_TEST_SYSFS, PARENT
					     "mdev_supported_types/mtty_mig-base/create",
					     UUID));
}

/* mem_size */

struct size {
	const char *name;
	const char *text;
	const char *shown;
};

static const struct size good_sizes[] = {
	{ "0", "0", "0\n" },
	{ "0 and a suffix", "0K", "0\n" },
	{ "4096", "4096", "4096\n" },
	{ "with a newline", "4096\n", "4096\n" },
	{ "4K", "4K", "4096\n" },
	{ "4k", "4k\n", "4096\n" },
	{ "2M", "2M", "2097152\n" },
	{ "2m", "2m\n", "2097152\n" },
	{ "1G", "1G", "1073741824\n" },
	{ "64g", "64g\n", "68719476736\n" },
	{ "64G in KiB", "67108864K", "68719476736\n" },
	{ "64G in bytes", "68719476736", "68719476736\n" },
	{ "hexadecimal", "0x2000", "8192\n" },
	{ "hexadecimal KiB", "0x10K", "16384\n" },
	{ "octal", "010000", "4096\n" },
	{ "22 digits", "0000000000000000010000\n", "4096\n" },
};

KUNIT_ARRAY_PARAM_DESC(good_sizes, good_sizes, name);

static void main_mem_size(struct kunit *test)
{
	const struct size *p = test->param_value;

	mdev_create(test, "full");
	expect_shown(test, "mem_size", "1048576\n");
	KUNIT_EXPECT_EQ(test, strlen(p->text),
			store(test, "mem_size", p->text));
	expect_shown(test, "mem_size", p->shown);
}

struct bad_size {
	const char *name;
	const char *text;
};

static const struct bad_size bad_sizes[] = {
	{ "a newline", "\n" },
	{ "a suffix", "K" },
	{ "a suffix and a newline", "K\n" },
	{ "a word", "all" },
	{ "negative", "-4096" },
	{ "a space before", " 4096" },
	{ "a space behind", "4096 " },
	{ "a space before the suffix", "4 K" },
	{ "two suffixes", "4KK" },
	{ "an unknown suffix", "1T" },
	{ "a suffix in front", "K4" },
	{ "a fraction", "1.5M" },
	{ "no power of two", "12K" },
	{ "4 GiB and 4 KiB", "0x100001000" },
	{ "too small", "2K" },
	{ "too large", "128G" },
	/*
	 * Code that loses the upper bits would take each of them for 4096 or 0
	 */
	{ "16 EiB", "16777216T" },
	{ "2^64", "18446744073709551616" },
	{ "2^64 and 4096", "18446744073709555712" },
	{ "2^64 in KiB", "18014398509481984K" },
	{ "2^64 and 4096, in KiB", "18014398509481988K" },
	{ "2^64 in MiB", "17592186044416M" },
	{ "2^64 in GiB", "17179869184G" },
	{ "2^63 in GiB", "8589934592G" },
	{ "more text than a number has", "00000000000000000000004096" },
	{ "the same with a suffix", "000000000000000000000004K" },
};

KUNIT_ARRAY_PARAM_DESC(bad_sizes, bad_sizes, name);

static void main_mem_size_that_is_refused(struct kunit *test)
{
	const struct bad_size *p = test->param_value;

	mdev_create(test, "full");
	KUNIT_EXPECT_EQ(test, -EINVAL, store(test, "mem_size", p->text));
	expect_shown(test, "mem_size", "1048576\n");
}

static void main_mem_size_of_an_open_device(struct kunit *test)
{
	struct mtty_device *mtty = mdev_create(test, "full");

	mtty_test_open(test, mtty);
	KUNIT_EXPECT_EQ(test, -EBUSY, store(test, "mem_size", "4K"));
	expect_shown(test, "mem_size", "1048576\n");
	mtty_test_close(test, mtty);
	KUNIT_EXPECT_EQ(test, 2, store(test, "mem_size", "4K"));
}

/* The others */

static void main_digest(struct kunit *test)
{
	struct mtty_device *mtty = mdev_create(test, "full");
	char text[32];

	snprintf(text, sizeof(text), "%016llx\n", mtty_card_digest(mtty));
	expect_shown(test, "digest", text);
	mtty_test_open(test, mtty);
	mtty_test_fill(test, mtty, 1);
	snprintf(text, sizeof(text), "%016llx\n", mtty_card_digest(mtty));
	expect_shown(test, "digest", text);
}

static void main_state(struct kunit *test)
{
	/* From each to the next there is a path */
	static const unsigned int states[] = {
		VFIO_DEVICE_STATE_RUNNING, VFIO_DEVICE_STATE_PRE_COPY,
		VFIO_DEVICE_STATE_PRE_COPY_P2P, VFIO_DEVICE_STATE_STOP_COPY,
		VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_RUNNING_P2P,
		VFIO_DEVICE_STATE_RESUMING,
	};
	static const char * const names[] = {
		"RUNNING\n", "PRE_COPY\n", "PRE_COPY_P2P\n", "STOP_COPY\n",
		"STOP\n", "RUNNING_P2P\n", "RESUMING\n",
	};
	struct mtty_device *mtty = mdev_create(test, "full");
	unsigned int i;

	expect_shown(test, "state", "RUNNING\n");
	mtty_test_open(test, mtty);
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		mtty_test_enter(test, mtty, states[i]);
		expect_shown(test, "state", names[i]);
	}
	KUNIT_EXPECT_GT(test, mtty_test_knob_write(test, mtty, "fault",
						   "RESUMING-STOP-before 5 error"),
			0);
	mtty->vdev.mig_ops->migration_set_state(&mtty->vdev,
						VFIO_DEVICE_STATE_STOP);
	expect_shown(test, "state", "ERROR\n");
}

static void main_state_without_migration(struct kunit *test)
{
	mdev_create(test, "none");
	expect_shown(test, "state", "RUNNING\n");
}

static void main_pri_drain(struct kunit *test)
{
	static const char * const bad[] = { "2", "x", "\n" };
	struct mtty_device *mtty = mdev_create(test, "vpri");
	unsigned int i;

	expect_shown(test, "pri_drain", "0\n");
	KUNIT_EXPECT_FALSE(test, mtty->pri_drain);
	KUNIT_EXPECT_EQ(test, 2, store(test, "pri_drain", "1\n"));
	expect_shown(test, "pri_drain", "1\n");
	KUNIT_EXPECT_TRUE(test, mtty->pri_drain);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ(test, -EINVAL, store(test, "pri_drain",
						     bad[i]));
	expect_shown(test, "pri_drain", "1\n");
	KUNIT_EXPECT_EQ(test, 1, store(test, "pri_drain", "0"));
	expect_shown(test, "pri_drain", "0\n");
}

static void main_pri_drain_without_page_requests(struct kunit *test)
{
	mdev_create(test, "full");
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, store(test, "pri_drain", "1"));
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, store(test, "pri_drain", "0"));
	KUNIT_EXPECT_EQ(test, -EINVAL, store(test, "pri_drain", "x"));
	expect_shown(test, "pri_drain", "0\n");
}

static struct kunit_case main_cases[] = {
	KUNIT_CASE_PARAM(main_type, types_gen_params),
	KUNIT_CASE(main_instances_are_counted),
	KUNIT_CASE(main_uuid_is_taken),
	KUNIT_CASE_PARAM(main_mem_size, good_sizes_gen_params),
	KUNIT_CASE_PARAM(main_mem_size_that_is_refused, bad_sizes_gen_params),
	KUNIT_CASE(main_mem_size_of_an_open_device),
	KUNIT_CASE(main_digest),
	KUNIT_CASE(main_state),
	KUNIT_CASE(main_state_without_migration),
	KUNIT_CASE(main_pri_drain),
	KUNIT_CASE(main_pri_drain_without_page_requests),
	{}
};

static struct kunit_suite main_suite = {
	.name = "mtty_mig_main",
	.test_cases = main_cases,
};

kunit_test_suite(main_suite);
