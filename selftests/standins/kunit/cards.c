// SPDX-License-Identifier: GPL-2.0-only
/* A card for the suites, and how files and users' memory are come by. */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../compat.h"
#include "cards.h"

static bool is_register(int vf, unsigned int bar, u64 offset)
{
	return offset == TEST_REGISTER && bar == (vf == SWPCI_PF ? 2 : 0);
}

/* It reads as its VF's number, and as what is beyond its size. */
static bool read_register(void *priv, int vf, unsigned int bar, u64 offset, unsigned int size,
			  u64 *value)
{
	struct test_card *card = priv;

	card->read = (struct test_access){ vf, bar, offset, size, 0 };
	*value = 0x1122334455667700ULL + vf + 1;
	return is_register(vf, bar, offset);
}

static bool write_register(void *priv, int vf, unsigned int bar, u64 offset, unsigned int size,
			   u64 value)
{
	struct test_card *card = priv;

	card->write = (struct test_access){ vf, bar, offset, size, value };
	return is_register(vf, bar, offset);
}

static void flr(void *priv, int vf)
{
	struct test_card *card = priv;

	card->flrs[1 + vf]++;
}

static const struct swpci_ops test_ops = {
	.read = read_register,
	.write = write_register,
	.flr = flr,
};

const struct swpci_card test_card = {
	.vendor = TEST_VENDOR,
	.device = TEST_PF,
	.vf_device = TEST_VF,
	.subsystem_vendor = TEST_VENDOR,
	.subsystem = 0x1234,
	.class = PCI_CLASS_OTHERS << 8 | 0x42,
	.revision = 7,
	.vfs = TEST_VFS,
	.bars = { [0] = SZ_64K, [2] = SZ_4K },
	.vf_bars = { [0] = SZ_8K, [4] = SZ_16K },
	.msix = 5,
	.msix_bar = 4,
	.ops = &test_ops,
};

/**
 * test_set_vfs - let there be VFs, or none
 * @pf: whose
 * @number: how many
 *
 * Return: 0, or what the PCI core says.
 */
int test_set_vfs(struct pci_dev *pf, int number)
{
	int ret = 0;

	pci_lock_rescan_remove();
	if (number)
		ret = pci_enable_sriov(pf, number);
	else
		pci_disable_sriov(pf);
	pci_unlock_rescan_remove();
	return ret;
}

static void unplug(void *data)
{
	struct test_card *card = data;

	test_set_vfs(card->pf, 0);
	pci_dev_put(card->pf);
	swpci_unplug(card->slot);
}

/**
 * test_plug - plug a card in
 * @test: the test; the card is pulled out at its end
 *
 * Return: the card.
 */
struct test_card *test_plug(struct kunit *test)
{
	struct test_card *card = kunit_kzalloc(test, sizeof(*card), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, card);
	card->slot = swpci_plug(&test_card, card);
	KUNIT_ASSERT_FALSE(test, IS_ERR(card->slot));
	card->pf = pci_get_device(TEST_VENDOR, TEST_PF, NULL);
	KUNIT_ASSERT_NOT_NULL(test, card->pf);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, unplug, card));
	/* As a driver of it would */
	KUNIT_ASSERT_EQ(test, 0, pci_enable_device(card->pf));
	return card;
}

/**
 * test_unplug - pull a card out before the end of the test
 * @test: the test
 * @card: the card
 */
void test_unplug(struct kunit *test, struct test_card *card)
{
	kunit_release_action(test, unplug, card);
}

/**
 * test_enable_vfs - let there be all VFs
 * @test: the test
 * @card: whose
 */
void test_enable_vfs(struct kunit *test, struct test_card *card)
{
	KUNIT_ASSERT_EQ(test, 0, test_set_vfs(card->pf, TEST_VFS));
}

static void put_vf(void *data)
{
	pci_dev_put(data);
}

/**
 * test_vf - a VF
 * @test: the test, at whose end it is given back
 * @card: whose
 * @vf: which
 *
 * Return: the VF.
 */
struct pci_dev *test_vf(struct kunit *test, struct test_card *card, unsigned int vf)
{
	struct pci_dev *pdev = pci_get_domain_bus_and_slot(pci_domain_nr(card->pf->bus),
							   card->pf->bus->number,
							   card->pf->devfn + 1 + vf);

	KUNIT_ASSERT_NOT_NULL(test, pdev);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_vf, pdev));
	return pdev;
}

static void unmap(void *data)
{
	iounmap(data);
}

/**
 * test_map - a BAR
 * @test: the test, at whose end it is unmapped
 * @pdev: of which function
 * @bar: which
 *
 * Return: where it is.
 */
void __iomem *test_map(struct kunit *test, struct pci_dev *pdev, unsigned int bar)
{
	void __iomem *at = ioremap(pci_resource_start(pdev, bar), pci_resource_len(pdev, bar));

	KUNIT_ASSERT_NOT_NULL(test, (void *)at);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, unmap, (void *)at));
	return at;
}

/**
 * test_user - a user's memory
 * @test: the test
 * @size: bytes
 *
 * Return: its address.
 */
void __user *test_user(struct kunit *test, size_t size)
{
	unsigned long at = kunit_vm_mmap(test, NULL, 0, PAGE_ALIGN(size), PROT_READ | PROT_WRITE,
					 MAP_ANONYMOUS | MAP_PRIVATE, 0);

	KUNIT_ASSERT_NE(test, 0, at);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(at));
	return (void __user *)at;
}

/* A thread leaves the rest to a worker. */
static void close_file(void *data)
{
	fput(data);
	flush_delayed_fput();
}

static void unmount(void *data)
{
	kern_unmount(data);
}

/* A test's thread sees no place where it is mounted. */
static struct vfsmount *mount_debugfs(struct kunit *test)
{
	struct file_system_type *type = get_fs_type("debugfs");
	struct vfsmount *mnt;

	KUNIT_ASSERT_NOT_NULL(test, type);
	mnt = kern_mount(type);
	module_put(type->owner);
	KUNIT_ASSERT_FALSE(test, IS_ERR(mnt));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, unmount, mnt));
	return mnt;
}

static struct file *open_file(struct kunit *test, const char *path, int flags)
{
	struct vfsmount *mnt = mount_debugfs(test);
	const struct path root = { .mnt = mnt, .dentry = mnt->mnt_root };
	struct file *file = file_open_root(&root, path, flags, 0);

	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(file), "%s: %pe", path, file);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, close_file, file));
	return file;
}

/**
 * test_file_write - open a file of debugfs, write to it, close it
 * @test: the test
 * @path: of the file, in debugfs
 * @data: what to write
 * @size: bytes
 *
 * Return: what write() returned.
 */
ssize_t test_file_write(struct kunit *test, const char *path, const void *data, size_t size)
{
	struct file *file = open_file(test, path, O_WRONLY);
	void __user *user = test_user(test, size);
	loff_t pos = 0;
	ssize_t ret;

	KUNIT_ASSERT_EQ(test, 0, copy_to_user(user, data, size));
	ret = file->f_op->write(file, user, size, &pos);
	kunit_release_action(test, close_file, file);
	return ret;
}

/**
 * test_file_read - open a file of debugfs, read from its beginning, close it
 * @test: the test
 * @path: of the file, in debugfs
 * @data: where to
 * @size: bytes
 *
 * Return: what read() returned.
 */
ssize_t test_file_read(struct kunit *test, const char *path, void *data, size_t size)
{
	struct file *file = open_file(test, path, O_RDONLY);
	void __user *user = test_user(test, size);
	loff_t pos = 0;
	ssize_t ret;

	ret = file->f_op->read(file, user, size, &pos);
	if (ret > 0)
		KUNIT_ASSERT_EQ(test, 0, copy_from_user(data, user, ret));
	kunit_release_action(test, close_file, file);
	return ret;
}

MODULE_DESCRIPTION("Suites of what all stand-ins share");
STANDIN_IMPORT_NS(IOMMUFD);
MODULE_LICENSE("GPL");
