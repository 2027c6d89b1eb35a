/* SPDX-License-Identifier: GPL-2.0-only */
/* A card for the suites, and how files and users' memory are come by. */
#ifndef STANDINS_KUNIT_CARDS_H
#define STANDINS_KUNIT_CARDS_H

#include <kunit/test.h>
#include <linux/io.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include "../bus/swpci.h"

/* IDs that no driver is for */
#define TEST_VENDOR	0x1ffe
#define TEST_PF		0x0001
#define TEST_VF		0x0002
#define TEST_MODEL	0x0003

#define TEST_VFS	3

/* Of the PF's BAR 2 and the VF's BAR 0: a register that is a function */
#define TEST_REGISTER	0x40

/**
 * struct test_access - an access to a register
 * @vf: whose
 * @bar: in which BAR
 * @offset: where
 * @size: bytes
 * @value: what was written
 */
struct test_access {
	int vf;
	unsigned int bar;
	u64 offset;
	unsigned int size;
	u64 value;
};

/**
 * struct test_card - a card that was plugged in
 * @slot: where
 * @pf: its PF
 * @read: the last register that was read
 * @write: the last one that was written
 * @flrs: how often each function was reset, the PF first
 */
struct test_card {
	struct swpci_slot *slot;
	struct pci_dev *pf;
	struct test_access read;
	struct test_access write;
	unsigned int flrs[1 + TEST_VFS];
};

extern const struct swpci_card test_card;

struct test_card *test_plug(struct kunit *test);
void test_unplug(struct kunit *test, struct test_card *card);
int test_set_vfs(struct pci_dev *pf, int number);
void test_enable_vfs(struct kunit *test, struct test_card *card);
struct pci_dev *test_vf(struct kunit *test, struct test_card *card, unsigned int vf);
void __iomem *test_map(struct kunit *test, struct pci_dev *pdev, unsigned int bar);

void __user *test_user(struct kunit *test, size_t size);
ssize_t test_file_write(struct kunit *test, const char *path, const void *data, size_t size);
ssize_t test_file_read(struct kunit *test, const char *path, void *data, size_t size);

#endif /* STANDINS_KUNIT_CARDS_H */
