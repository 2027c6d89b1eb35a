// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of debugfs and sysfs, as userspace opens, reads and writes them. A
 * test has no place where these are mounted, so they are mounted for it, out
 * of everybody's sight.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/string.h>

#include "helpers.h"

static const char * const fs_names[MTTY_TEST_NR_FS] = {
	[MTTY_TEST_DEBUGFS]	= "debugfs",
	[MTTY_TEST_SYSFS]	= "sysfs",
};

static struct vfsmount *mounts[MTTY_TEST_NR_FS];

static struct vfsmount *test_mount(enum mtty_test_fs fs)
{
	struct file_system_type *type;
	struct vfsmount *mnt;

	if (mounts[fs])
		return mounts[fs];
	type = get_fs_type(fs_names[fs]);
	if (!type)
		return NULL;
	mnt = kern_mount(type);
	module_put(type->owner);
	if (IS_ERR(mnt))
		return NULL;
	mounts[fs] = mnt;
	return mnt;
}

/* When the module goes */
void mtty_test_unmount(void)
{
	unsigned int i;

	for (i = 0; i < MTTY_TEST_NR_FS; i++)
		if (mounts[i])
			kern_unmount(mounts[i]);
}

/**
 * mtty_test_file_open - open a file
 * @test: the test; skipped in a kernel that has no such file system
 * @fs: the file system
 * @path: the file's path in it
 * @flags: as for open()
 *
 * Return: the file, closed at the end of the test, or an error pointer.
 */
struct file *mtty_test_file_open(struct kunit *test, enum mtty_test_fs fs,
				 const char *path, int flags)
{
	struct vfsmount *mnt = test_mount(fs);
	struct path root = { .mnt = mnt };
	struct file *filp;

	if (!mnt)
		kunit_skip(test, "this kernel has no %s", fs_names[fs]);
	root.dentry = mnt->mnt_root;
	filp = file_open_root(&root, path, flags, 0);
	if (!IS_ERR(filp))
		mtty_test_own_file(test, filp);
	return filp;
}

/**
 * mtty_test_file_write - open a file, write to it, close it
 * @test: the test
 * @fs: the file system
 * @path: the file's path in it
 * @text: what to write, in one go
 *
 * Return: what write() returned.
 */
ssize_t mtty_test_file_write(struct kunit *test, enum mtty_test_fs fs,
			     const char *path, const char *text)
{
	struct file *filp = mtty_test_file_open(test, fs, path, O_WRONLY);
	size_t len = strlen(text);
	loff_t pos = 0;
	ssize_t ret;

	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(filp), "%s: %ld", path,
			       PTR_ERR(filp));
	if (filp->f_op->write) {
		void __user *buf = mtty_test_user(test);

		KUNIT_ASSERT_LE(test, len, MTTY_TEST_USER_SIZE);
		KUNIT_ASSERT_EQ(test, 0, copy_to_user(buf, text, len));
		ret = filp->f_op->write(filp, buf, len, &pos);
	} else {
		ret = kernel_write(filp, text, len, &pos);
	}
	mtty_test_put_file(test, filp);
	return ret;
}

/**
 * mtty_test_file_read - open a file, read all of it, close it
 * @test: the test
 * @fs: the file system
 * @path: the file's path in it
 * @text: where to; ends with a zero byte
 * @size: room for so many bytes, zero byte included
 *
 * Return: 0, or the error that read() returned.
 */
ssize_t mtty_test_file_read(struct kunit *test, enum mtty_test_fs fs,
			    const char *path, char *text, size_t size)
{
	struct file *filp = mtty_test_file_open(test, fs, path, O_RDONLY);
	size_t done = 0;
	loff_t pos = 0;
	ssize_t ret;

	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(filp), "%s: %ld", path,
			       PTR_ERR(filp));
	for (;;) {
		size_t left = size - 1 - done;

		KUNIT_ASSERT_GT(test, left, 0);
		if (filp->f_op->read) {
			void __user *buf = mtty_test_user(test);

			left = min(left, MTTY_TEST_USER_SIZE);
			ret = filp->f_op->read(filp, buf, left, &pos);
			if (ret > 0)
				KUNIT_ASSERT_EQ(test, 0,
						copy_from_user(text + done,
							       buf, ret));
		} else {
			ret = kernel_read(filp, text + done, left, &pos);
		}
		if (ret <= 0)
			break;
		done += ret;
	}
	text[done] = 0;
	mtty_test_put_file(test, filp);
	return ret;
}

static const char *knob_path(struct kunit *test, struct mtty_device *mtty,
			     const char *name)
{
	char *path = kunit_kzalloc(test, 128, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, path);
	snprintf(path, 128, "mtty_mig/%s/%s", dev_name(mtty->vdev.dev), name);
	return path;
}

/* The same for a file in a device's folder under debugfs */

struct file *mtty_test_knob_open(struct kunit *test, struct mtty_device *mtty,
				 const char *name, int flags)
{
	return mtty_test_file_open(test, MTTY_TEST_DEBUGFS,
				   knob_path(test, mtty, name), flags);
}

ssize_t mtty_test_knob_write(struct kunit *test, struct mtty_device *mtty,
			     const char *name, const char *text)
{
	return mtty_test_file_write(test, MTTY_TEST_DEBUGFS,
				    knob_path(test, mtty, name), text);
}

ssize_t mtty_test_knob_read(struct kunit *test, struct mtty_device *mtty,
			    const char *name, char *text, size_t size)
{
	return mtty_test_file_read(test, MTTY_TEST_DEBUGFS,
				   knob_path(test, mtty, name), text, size);
}
