// SPDX-License-Identifier: GPL-2.0-only
/* The types of device that the driver offers, as sysfs tells them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/file.h"
#include "mtty.h"

#define TYPES	"/sys/class/mtty_mig/mtty_mig/mdev_supported_types/"

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

	snprintf(path, sizeof(path), TYPES MTTY_TYPE_PREFIX "%s/%s", type,
		 attr);
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

static unsigned int available(const char *type)
{
	char buf[32];

	read_attr(type, "available_instances", buf, sizeof(buf));
	return strtoul(buf, NULL, 10);
}

/* Each device is one less of every type: they share what there is */
TEST_F(types, share_the_number_of_devices)
{
	unsigned int before = available("full"), i;
	struct mtty mtty;

	ASSERT_LT(1, before);
	mtty_new(&mtty, "base", 0);
	for (i = 0; i < ARRAY_LEN(types); i++) {
		EXPECT_EQ(before - 1, available(types[i].name))
			TH_LOG("%s", types[i].name);
	}
	vfio_dev_close(&mtty.dev);
	mdev_remove(&mtty.mdev);
	EXPECT_EQ(before, available("full"));
}

TEST_HARNESS_MAIN
