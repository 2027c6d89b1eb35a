// SPDX-License-Identifier: GPL-2.0-only
/*
 * The types of device that the driver offers, as sysfs tells them; and who may
 * use the files that each device has.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/file.h"
#include "../lib/vfio_dma.h"
#include "lib/knobs.h"
#include "lib/mtty.h"

/* Once the driver had a limit below that */
#define MANY	100

static const struct {
	const char *name;
	const char *description;
} types[] = {
	{ "none", "Serial card without migration" },
	{ "base", "Serial card with STOP_COPY" },
	{ "p2p", "Serial card with STOP_COPY and P2P" },
	{ "precopy", "Serial card with STOP_COPY and PRE_COPY" },
	{ "full", "Serial card with STOP_COPY, P2P and PRE_COPY" },
	{ "vpri", "Serial card as full, with page requests" },
};

FIXTURE(types)
{
};

FIXTURE_SETUP(types)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
}

FIXTURE_TEARDOWN(types)
{
	mtty_remove_all();
}

/* Without the newline that ends it */
static void read_attr(const char *type, const char *attr, char *buf,
		      size_t size)
{
	char path[256];

	snprintf(path, sizeof(path), MTTY_TYPES "%s/%s", type, attr);
	must(file_read(path, buf, size));
	buf[strcspn(buf, "\n")] = '\0';
}

TEST_F(types, are_described)
{
	unsigned int i;
	char buf[128];

	for (i = 0; i < ARRAY_LEN(types); i++) {
		read_attr(types[i].name, "description", buf, sizeof(buf));
		EXPECT_STREQ(types[i].description, buf);
		read_attr(types[i].name, "name", buf, sizeof(buf));
		EXPECT_STREQ(types[i].description, buf);
		read_attr(types[i].name, "device_api", buf, sizeof(buf));
		EXPECT_STREQ(VFIO_DEVICE_API_PCI_STRING, buf);
	}
}

/* Each index that is told of is there, and none behind them */
TEST_F(types, have_as_many_interrupt_indexes_as_they_tell)
{
	struct vfio_irq_info info;
	struct mtty mtty;
	unsigned int i;
	__u32 index;

	for (i = 0; i < ARRAY_LEN(types); i++) {
		bool asks = !strcmp(types[i].name, "vpri");

		mtty_new(&mtty, types[i].name, 0);
		EXPECT_EQ(VFIO_PCI_NUM_IRQS + asks, mtty.dev.info.num_irqs)
			TH_LOG("%s", types[i].name);
		for (index = 0; index < mtty.dev.info.num_irqs; index++)
			EXPECT_EQ(0, __vfio_irq_info(&mtty.dev, index, &info))
				TH_LOG("%s, index %u", types[i].name, index);
		EXPECT_EQ(-EINVAL, __vfio_irq_info(&mtty.dev, index, &info))
			TH_LOG("%s, index %u", types[i].name, index);
	}
}

static int log_start(struct vfio_dev *dev)
{
	const struct vfio_device_feature_dma_logging_range range = {
		.length = MTTY_MIG_PAGE_SIZE,
	};
	__u64 page_size = MTTY_MIG_PAGE_SIZE;

	return __dma_log_start(dev, &range, 1, &page_size);
}

/* It has nothing to do with what a device can of migration */
TEST_F(types, have_a_DMA_log_each)
{
	struct mtty full, mtty;
	unsigned int i;
	int ret;

	mtty_new(&full, "full", 0);
	ret = log_start(&full.dev);
	if (ret == -ENOTTY) {
		/* The harness tears nothing down after that */
		mtty_remove_all();
		SKIP(return, "this kernel has no CONFIG_IOMMUFD_DRIVER");
	}
	must(ret);
	for (i = 0; i < ARRAY_LEN(types); i++) {
		mtty_new(&mtty, types[i].name, 0);
		EXPECT_EQ(0, log_start(&mtty.dev))
			TH_LOG("%s", types[i].name);
		EXPECT_EQ(0, __dma_log_stop(&mtty.dev))
			TH_LOG("%s", types[i].name);
	}
}

/* Each device is one less of every type: they share what there is */
TEST_F(types, share_the_number_of_devices)
{
	unsigned int before = mtty_instances("full"), i;
	struct mtty mtty;

	ASSERT_LT(1, before);
	mtty_new(&mtty, "base", 0);
	for (i = 0; i < ARRAY_LEN(types); i++) {
		EXPECT_EQ(before - 1, mtty_instances(types[i].name))
			TH_LOG("%s", types[i].name);
	}
	vfio_dev_close(&mtty.dev);
	mdev_remove(&mtty.mdev);
	EXPECT_EQ(before, mtty_instances("full"));
}

/* More than anybody has, which is what a limit forgets. Nothing of them stays. */
TEST_F_TIMEOUT(types, many_devices_migrate, 60)
{
	unsigned int before = mtty_instances("full"), i;
	static struct mtty devices[MANY];
	struct mig_stream stream = {};

	ASSERT_LT(MANY, before) TH_LOG("the parameter max_devices is too low");
	for (i = 0; i < MANY; i++) {
		mtty_new(&devices[i], "full", MTTY_MIG_PAGE_SIZE);
		mtty_ctrl_out(&devices[i], MTTY_MIG_REG_SCRATCH, i);
	}
	EXPECT_EQ(before - MANY, mtty_instances("full"));
	/* Each one to the next one */
	for (i = 0; i < MANY; i++) {
		mig_save(&devices[i].dev, &stream, MIG_CHUNK);
		mig_load(&devices[(i + 1) % MANY].dev, &stream, MIG_CHUNK,
			 VFIO_DEVICE_STATE_RUNNING);
	}
	for (i = 1; i < MANY; i++)
		EXPECT_EQ(0, mtty_ctrl_in(&devices[i], MTTY_MIG_REG_SCRATCH))
			TH_LOG("device %u", i);
	mig_stream_free(&stream);
	for (i = 0; i < MANY; i++) {
		vfio_dev_close(&devices[i].dev);
		mdev_remove(&devices[i].mdev);
	}
	EXPECT_EQ(before, mtty_instances("full"));
}

/* The parameter says how many there may be, and is read by whoever wants to know */
TEST_F(types, limit_is_the_parameter)
{
	char buf[32];

	ASSERT_EQ(0, file_read("/sys/module/mtty_mig/parameters/max_devices",
			       buf, sizeof(buf)));
	EXPECT_EQ(strtoul(buf, NULL, 10), mtty_instances("full"));
	EXPECT_LE(1000, strtoul(buf, NULL, 10));
}

/**
 * struct node - a file or folder of a device
 * @name: its name
 * @mode: who may do what
 */
struct node {
	const char *name;
	mode_t mode;
};

/* What tells of a guest's memory, and what changes something, is root's */
static const struct node attributes[] = {
	{ "digest", 0400 },
	{ "mem_size", 0644 },
	{ "pri_drain", 0644 },
	{ "state", 0444 },
};

/* "fail" is the kernel's own, and not everywhere */
static const struct node knobs[] = {
	{ "counters", 0400 },
	{ "digest", 0400 },
	{ "dirty", 0200 },
	{ "engine_hold", 0600 },
	{ "engine_step", 0200 },
	{ "fail", 0755 },
	{ "fault", 0600 },
	{ "page_requests", 0600 },
	{ "reinit", 0200 },
};

static const struct node *find_node(const struct node *nodes,
				    unsigned int count, const char *name)
{
	for (; count--; nodes++)
		if (!strcmp(nodes->name, name))
			return nodes;
	return NULL;
}

/* Each file of @dir is known, as it should be, and root's */
static void check_nodes(struct __test_metadata *_metadata, const char *dir,
			const struct node *nodes, unsigned int count)
{
	struct dirent *entry;
	char path[512];
	struct stat st;
	DIR *d;

	d = opendir(dir);
	ASSERT_NE(NULL, d);
	while ((entry = readdir(d))) {
		const struct node *node = find_node(nodes, count,
						    entry->d_name);

		if (*entry->d_name == '.')
			continue;
		ASSERT_NE(NULL, node)
			TH_LOG("%s is not known here", entry->d_name);
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		ASSERT_EQ(0, lstat(path, &st));
		EXPECT_EQ(node->mode, st.st_mode & 07777)
			TH_LOG("%s: mode %#o", path, st.st_mode & 07777);
		EXPECT_EQ(0, st.st_uid) TH_LOG("%s", path);
		EXPECT_EQ(0, st.st_gid) TH_LOG("%s", path);
	}
	closedir(d);

	for (; count--; nodes++) {
		snprintf(path, sizeof(path), "%s/%s", dir, nodes->name);
		if (strcmp(nodes->name, "fail"))
			EXPECT_EQ(0, access(path, F_OK)) TH_LOG("%s", path);
	}
}

TEST_F(types, attributes_are_for_whom_they_should_be)
{
	struct mtty mtty;
	char dir[256];
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(types); i++) {
		mtty_new(&mtty, types[i].name, 0);
		snprintf(dir, sizeof(dir), "/sys/bus/mdev/devices/%s/mtty_mig",
			 mtty.mdev.uuid);
		check_nodes(_metadata, dir, attributes,
			    ARRAY_LEN(attributes));
	}
}

TEST_F(types, debugfs_files_are_for_whom_they_should_be)
{
	const char *missing = knobs_missing();
	struct mtty mtty;
	char dir[256];
	unsigned int i;

	if (missing)
		SKIP(return, "%s", missing);
	for (i = 0; i < ARRAY_LEN(types); i++) {
		mtty_new(&mtty, types[i].name, 0);
		knob_path(&mtty, ".", dir, sizeof(dir));
		check_nodes(_metadata, dir, knobs, ARRAY_LEN(knobs));
	}
}

TEST_HARNESS_MAIN
