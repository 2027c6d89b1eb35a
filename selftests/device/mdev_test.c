// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mediated devices as sysfs creates, shows and removes them: the files
 * "create" of a type and "remove" of a device, the links between the two, and
 * what becomes of devices whose parent goes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/file.h"
#include "lib/mtty.h"

#define TYPE	MTTY_TYPES "full"
#define DEVICES	"/sys/bus/mdev/devices"
#define CREATE	TYPE "/create"

/* Not one that another program may have made */
#define UUID	"5a5a0000-0000-4000-8000-000000000000"

FIXTURE(mdevs)
{
};

/* All that tests create here: the UUIDs differ in their last digits */
static void uuid_of(unsigned int n, char *uuid)
{
	snprintf(uuid, MDEV_UUID_LEN + 1, "5a5a0000-0000-4000-8000-%012x", n);
}

static bool exists(const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return !access(path, F_OK);
}

static int remove_by(const char *uuid, const char *text)
{
	char path[512];

	snprintf(path, sizeof(path), DEVICES "/%s/remove", uuid);
	return file_write(path, text);
}

/* How many devices of the type there are by its folder */
static unsigned int listed(void)
{
	unsigned int n = 0;
	struct dirent *entry;
	DIR *dir;

	dir = opendir(TYPE "/devices");
	if (!dir)
		die("opendir: %s", strerror(errno));
	while ((entry = readdir(dir)))
		n += *entry->d_name != '.';
	closedir(dir);
	return n;
}

FIXTURE_SETUP(mdevs)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
}

FIXTURE_TEARDOWN(mdevs)
{
	struct dirent *entry;
	DIR *dir;

	dir = opendir(DEVICES);
	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, UUID, 8))
			remove_by(entry->d_name, "1");
	closedir(dir);
}

TEST_F(mdevs, what_is_no_UUID_creates_nothing)
{
	static const char * const bad[] = {
		"\n", "5a5a0000", "5a5a0000-0000-4000-8000-00000000000",
		"5a5a0000-0000-4000-8000-00000000000\n",
		"5a5a0000-0000-4000-8000-0000000000000\n",
		"5a5a0000-0000-4000-8000-000000000000,\n",
		"5a5a0000-0000-4000-8000-000000000000\n5a5a0000",
		"5a5a0000000040008000000000000000",
		"5a5a000g-0000-4000-8000-000000000000",
		"5a5a-00000000-4000-8000-000000000000",
		"{5a5a0000-0000-4000-8000-0000000000}",
	};
	unsigned int before = mtty_instances("full"), i;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT_EQ(-EINVAL, file_write(CREATE, bad[i]))
			TH_LOG("text %u", i);
	EXPECT_EQ(before, mtty_instances("full"));
	EXPECT_EQ(0, listed());
	/* With and without a newline */
	EXPECT_EQ(0, file_write(CREATE, UUID "\n"));
	EXPECT_TRUE(exists(DEVICES, UUID));
}

TEST_F(mdevs, UUID_is_given_once)
{
	static const char * const types[] = {
		MTTY_TYPE_PREFIX "full", MTTY_TYPE_PREFIX "none",
	};
	struct vfio_dev dev;
	unsigned int i;
	char path[256];

	ASSERT_EQ(0, file_write(CREATE, UUID));
	for (i = 0; i < ARRAY_LEN(types); i++) {
		must(mdev_create_path(types[i], path, sizeof(path)));
		EXPECT_EQ(-EEXIST, file_write(path, UUID))
			TH_LOG("type %u", i);
	}
	/* The first one is none the worse for it */
	EXPECT_EQ(1, listed());
	vfio_dev_open(&dev, UUID);
	vfio_dev_close(&dev);
	EXPECT_EQ(0, remove_by(UUID, "1"));
	EXPECT_EQ(0, file_write(CREATE, UUID));
}

/* As many as max_devices allows: a thousand and more, on a slow machine, too */
TEST_F_TIMEOUT(mdevs, no_more_are_created_than_are_available, 90)
{
	unsigned int count = mtty_instances("full"), i;
	char uuid[MDEV_UUID_LEN + 1];

	ASSERT_LT(0, count);
	for (i = 0; i < count; i++) {
		uuid_of(i, uuid);
		ASSERT_EQ(0, file_write(CREATE, uuid))
			TH_LOG("device %u of %u", i, count);
	}
	EXPECT_EQ(0, mtty_instances("full"));
	EXPECT_EQ(count, listed());
	uuid_of(count, uuid);
	EXPECT_EQ(-EUSERS, file_write(CREATE, uuid));
	EXPECT_FALSE(exists(DEVICES, uuid));
	EXPECT_EQ(0, mtty_instances("full"));

	/* Each that is removed makes room for one */
	EXPECT_EQ(0, remove_by(UUID, "1"));
	EXPECT_EQ(1, mtty_instances("full"));
	EXPECT_EQ(0, file_write(CREATE, uuid));
	EXPECT_EQ(0, mtty_instances("full"));
}

TEST_F(mdevs, remove_takes_a_number_that_is_not_0)
{
	static const struct {
		const char *text;
		int ret;
	} nothing[] = {
		{ "0", 0 }, { "0x0\n", 0 }, { "x", -EINVAL }, { "\n", -EINVAL },
		{ "-1", -EINVAL }, { "1x", -EINVAL },
		{ "18446744073709551616", -EINVAL },
	};
	unsigned int i;

	ASSERT_EQ(0, file_write(CREATE, UUID));
	for (i = 0; i < ARRAY_LEN(nothing); i++) {
		EXPECT_EQ(nothing[i].ret, remove_by(UUID, nothing[i].text))
			TH_LOG("text %u", i);
		ASSERT_TRUE(exists(DEVICES, UUID))
			TH_LOG("text %u", i);
		ASSERT_TRUE(exists(DEVICES "/" UUID, "remove"))
			TH_LOG("text %u", i);
	}
	EXPECT_EQ(0, remove_by(UUID, "2\n"));
	EXPECT_FALSE(exists(DEVICES, UUID));
}

/* Tools that list devices go by these links */
TEST_F(mdevs, device_and_type_tell_of_each_other)
{
	char link[PATH_MAX];
	unsigned int i;
	ssize_t len;

	for (i = 0; i < 2; i++) {
		EXPECT_FALSE(exists(TYPE "/devices", UUID));
		ASSERT_EQ(0, file_write(CREATE, UUID));
		len = readlink(DEVICES "/" UUID "/mdev_type", link,
			       sizeof(link) - 1);
		EXPECT_LT(0, len);
		if (len > 0) {
			link[len] = '\0';
			EXPECT_STREQ(strrchr(TYPE, '/') + 1,
				     strrchr(link, '/') + 1);
		}
		EXPECT_TRUE(exists(TYPE "/devices/" UUID, "mdev_type"));
		EXPECT_EQ(1, listed());
		EXPECT_EQ(0, remove_by(UUID, "1"));
		EXPECT_EQ(0, listed());
	}
}

#define MODULE		"mtty_mig"
#define REFCNT		"/sys/module/" MODULE "/refcnt"

/* Where the lab has it, seen from here; elsewhere the user says where it is */
#define MODULE_FILE	"../../modules/" MODULE ".ko"
#define MODULE_ENV	"MTTY_MIG_MODULE"

/* The parent of all devices goes with the module, which is loaded anew */
FIXTURE(parent)
{
	int module;
};

FIXTURE_SETUP(parent)
{
	const char *path = getenv(MODULE_ENV);
	char users[32];

	self->module = -1;
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	if (file_read(REFCNT, users, sizeof(users)) || strcmp(users, "0"))
		SKIP(return, "the module is in use, or built in");
	if (!path)
		path = MODULE_FILE;
	self->module = open(path, O_RDONLY | O_CLOEXEC);
	if (self->module < 0)
		SKIP(return, "there is no %s: " MODULE_ENV " can say where it is",
		     path);
}

FIXTURE_TEARDOWN(parent)
{
	if (self->module < 0)
		return;
	/* EEXIST if it was not removed */
	syscall(SYS_finit_module, self->module, "", 0);
	EXPECT_TRUE(mtty_available())
		TH_LOG("the module cannot be loaded any more");
}

TEST_F(parent, devices_go_with_it)
{
	char uuid[MDEV_UUID_LEN + 1];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		uuid_of(i, uuid);
		ASSERT_EQ(0, file_write(CREATE, uuid));
	}
	ASSERT_EQ(0, syscall(SYS_delete_module, MODULE, O_NONBLOCK));
	for (i = 0; i < 3; i++) {
		uuid_of(i, uuid);
		ASSERT_FALSE(exists(DEVICES, uuid))
			TH_LOG("device %u is there without its driver", i);
	}
	ASSERT_EQ(0, syscall(SYS_finit_module, self->module, "", 0));
	EXPECT_EQ(0, listed());
	EXPECT_EQ(0, file_write(CREATE, UUID));
	EXPECT_EQ(0, remove_by(UUID, "1"));
}

#define MUCH		(16 << 20)

/*
 * So much memory is freed after the close, by a thread that begins with the next
 * jiffy. It must not find the module gone.
 */
TEST_F(parent, waits_for_memory_that_is_being_freed)
{
	struct mdev mdev = { .uuid = UUID };
	struct vfio_dev dev;
	unsigned int i;
	__u8 *buf;

	buf = malloc(MUCH);
	ASSERT_NE(NULL, buf);
	memset(buf, 1, MUCH);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, file_write(CREATE, UUID));
		mdev_attr_write(&mdev, "mtty_mig/mem_size", "16M");
		vfio_dev_open(&dev, UUID);
		vfio_region_write(&dev, MTTY_MIG_MEM_BAR, 0, buf, MUCH);
		vfio_dev_close(&dev);
		ASSERT_EQ(0, syscall(SYS_delete_module, MODULE, O_NONBLOCK));
		/* Time for who comes too late */
		usleep(50000);
		ASSERT_EQ(0, syscall(SYS_finit_module, self->module, "", 0));
	}
	free(buf);
}

TEST_HARNESS_MAIN
