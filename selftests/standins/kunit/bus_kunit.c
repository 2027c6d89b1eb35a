// SPDX-License-Identifier: GPL-2.0-only
/* The bus: what the PCI core and a driver find of a card in software. */
#include "cards.h"

static u32 config(struct pci_dev *pdev, int where)
{
	u32 value;

	pci_read_config_dword(pdev, where, &value);
	return value;
}

static void config_has_the_ids(struct kunit *test)
{
	struct test_card *card = test_plug(test);

	KUNIT_EXPECT_EQ(test, TEST_PF << 16 | TEST_VENDOR, config(card->pf, PCI_VENDOR_ID));
	KUNIT_EXPECT_EQ(test, 0x1234 << 16 | TEST_VENDOR,
			config(card->pf, PCI_SUBSYSTEM_VENDOR_ID));
	KUNIT_EXPECT_EQ(test, (PCI_CLASS_OTHERS << 8 | 0x42) << 8 | 7,
			config(card->pf, PCI_CLASS_REVISION));
	KUNIT_EXPECT_TRUE(test, swpci_is_ours(&card->pf->dev));
	KUNIT_EXPECT_EQ(test, SWPCI_BUS, card->pf->bus->number);
}

static void config_keeps_what_is_not_to_be_written(struct kunit *test)
{
	struct test_card *card = test_plug(test);
	int where;

	for (where = 0; where < PCI_CFG_SPACE_EXP_SIZE; where += 4) {
		u32 before = config(card->pf, where);

		/* What a function may be told is looked at elsewhere. */
		if (where == PCI_COMMAND || where == PCI_CACHE_LINE_SIZE ||
		    (where >= PCI_BASE_ADDRESS_0 && where <= PCI_BASE_ADDRESS_5) ||
		    (where >= 0x40 && where < PCI_CFG_SPACE_SIZE) || where >= 0x100)
			continue;
		pci_write_config_dword(card->pf, where, ~before);
		KUNIT_EXPECT_EQ_MSG(test, before, config(card->pf, where), "at %#x", where);
	}
}

static void config_is_read_in_any_size(struct kunit *test)
{
	struct test_card *card = test_plug(test);
	u16 word;
	u8 byte;

	pci_read_config_word(card->pf, PCI_DEVICE_ID, &word);
	KUNIT_EXPECT_EQ(test, TEST_PF, word);
	pci_read_config_byte(card->pf, PCI_REVISION_ID, &byte);
	KUNIT_EXPECT_EQ(test, 7, byte);
	pci_write_config_byte(card->pf, PCI_CACHE_LINE_SIZE, 0x5a);
	KUNIT_EXPECT_EQ(test, 0x5a, config(card->pf, PCI_CACHE_LINE_SIZE));
}

/* Nothing is in the other slots, and no VF is there before it is enabled. */
static void config_of_nobody_is_all_ones(struct kunit *test)
{
	struct test_card *card = test_plug(test);
	struct pci_bus *bus = card->pf->bus;
	u32 value = 0;

	pci_bus_read_config_dword(bus, PCI_DEVFN(31, 0), PCI_VENDOR_ID, &value);
	KUNIT_EXPECT_EQ(test, ~0U, value);
	value = 0;
	pci_bus_read_config_dword(bus, card->pf->devfn + 1, PCI_COMMAND, &value);
	KUNIT_EXPECT_EQ(test, ~0U, value);
}

static void bars_tell_their_size(struct kunit *test)
{
	struct test_card *card = test_plug(test);
	unsigned int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		int where = PCI_BASE_ADDRESS_0 + 4 * bar;
		u32 before = config(card->pf, where);

		KUNIT_EXPECT_EQ(test, test_card.bars[bar], pci_resource_len(card->pf, bar));
		pci_write_config_dword(card->pf, where, ~0);
		KUNIT_EXPECT_EQ(test, test_card.bars[bar] ? -test_card.bars[bar] : 0,
				config(card->pf, where));
		pci_write_config_dword(card->pf, where, before);
		KUNIT_EXPECT_EQ(test, before, config(card->pf, where));
		if (!test_card.bars[bar])
			continue;
		KUNIT_EXPECT_EQ(test, pci_resource_start(card->pf, bar), before);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED(before, test_card.bars[bar]));
	}
}

static void capabilities_are_found(struct kunit *test)
{
	struct test_card *card = test_plug(test);
	struct pci_dev *vf;
	u32 devcap;
	u16 status;

	KUNIT_EXPECT_NE(test, 0, pci_find_capability(card->pf, PCI_CAP_ID_PM));
	KUNIT_EXPECT_NE(test, 0, pci_find_capability(card->pf, PCI_CAP_ID_EXP));
	KUNIT_EXPECT_EQ(test, 0, pci_find_capability(card->pf, PCI_CAP_ID_MSIX));
	KUNIT_EXPECT_NE(test, 0, pci_find_ext_capability(card->pf, PCI_EXT_CAP_ID_SRIOV));
	KUNIT_EXPECT_EQ(test, TEST_VFS, pci_sriov_get_totalvfs(card->pf));
	KUNIT_EXPECT_EQ(test, PCI_EXP_TYPE_RC_END, pci_pcie_type(card->pf));
	pcie_capability_read_dword(card->pf, PCI_EXP_DEVCAP, &devcap);
	KUNIT_EXPECT_TRUE(test, devcap & PCI_EXP_DEVCAP_FLR);
	pci_read_config_word(card->pf, PCI_STATUS, &status);
	KUNIT_EXPECT_TRUE(test, status & PCI_STATUS_IMM_READY);

	test_enable_vfs(test, card);
	vf = test_vf(test, card, 1);
	KUNIT_EXPECT_NE(test, 0, pci_find_capability(vf, PCI_CAP_ID_EXP));
	KUNIT_EXPECT_EQ(test, 5, pci_msix_vec_count(vf));
	KUNIT_EXPECT_EQ(test, 0, pci_find_ext_capability(vf, PCI_EXT_CAP_ID_SRIOV));
}

static void vfs_come_and_go(struct kunit *test)
{
	struct test_card *card = test_plug(test);
	unsigned int times, i;

	KUNIT_EXPECT_EQ(test, -EINVAL, test_set_vfs(card->pf, TEST_VFS + 1));
	for (times = 0; times < 2; times++) {
		struct pci_dev *gone;

		KUNIT_ASSERT_EQ(test, 0, test_set_vfs(card->pf, TEST_VFS));
		KUNIT_EXPECT_EQ(test, TEST_VFS, pci_num_vf(card->pf));
		for (i = 0; i < TEST_VFS; i++) {
			struct pci_dev *vf = test_vf(test, card, i);

			KUNIT_EXPECT_TRUE(test, vf->is_virtfn);
			KUNIT_EXPECT_PTR_EQ(test, card->pf, pci_physfn(vf));
			KUNIT_EXPECT_EQ(test, i, pci_iov_vf_id(vf));
			KUNIT_EXPECT_EQ(test, TEST_VENDOR, vf->vendor);
			KUNIT_EXPECT_EQ(test, TEST_VF, vf->device);
			/* "does not exist" in the VF's own (SR-IOV 1.1, 3.4.1.1) */
			KUNIT_EXPECT_EQ(test, ~0U, config(vf, PCI_VENDOR_ID));
		}
		test_set_vfs(card->pf, 0);
		gone = pci_get_device(TEST_VENDOR, TEST_VF, NULL);
		KUNIT_EXPECT_NULL(test, gone);
		pci_dev_put(gone);
	}
}

static void vfs_have_bars_of_their_own(struct kunit *test)
{
	struct test_card *card = test_plug(test);
	void __iomem *at[TEST_VFS];
	unsigned int i;

	test_enable_vfs(test, card);
	for (i = 0; i < TEST_VFS; i++) {
		struct pci_dev *vf = test_vf(test, card, i);

		KUNIT_EXPECT_EQ(test, SZ_8K, pci_resource_len(vf, 0));
		KUNIT_EXPECT_EQ(test, SZ_16K, pci_resource_len(vf, 4));
		KUNIT_EXPECT_EQ(test, 0, pci_resource_len(vf, 1));
		at[i] = test_map(test, vf, 0);
		writel(0x1000 + i, at[i] + 0x100);
	}
	for (i = 0; i < TEST_VFS; i++)
		KUNIT_EXPECT_EQ(test, 0x1000 + i, readl(at[i] + 0x100));
}

static void memory_of_a_bar_is_kept(struct kunit *test)
{
	struct test_card *card = test_plug(test);
	void __iomem *at = test_map(test, card->pf, 0);

	KUNIT_EXPECT_EQ(test, 0, readl(at));
	writel(0x11223344, at + SZ_64K - 4);
	KUNIT_EXPECT_EQ(test, 0x11223344, readl(at + SZ_64K - 4));
	KUNIT_EXPECT_EQ(test, 0x1122, readw(at + SZ_64K - 2));
	KUNIT_EXPECT_EQ(test, 0x33, readb(at + SZ_64K - 3));
	writeb(0xaa, at + SZ_64K - 4);
	KUNIT_EXPECT_EQ(test, 0x112233aa, readl(at + SZ_64K - 4));
	writeq(0x0123456789abcdefULL, at + 8);
	KUNIT_EXPECT_EQ(test, 0x0123456789abcdefULL, readq(at + 8));
	KUNIT_EXPECT_EQ(test, 0, readl(at + 16));
}

static void expect_access(struct kunit *test, const struct test_access *seen, int vf,
			  unsigned int bar, u64 offset, unsigned int size)
{
	KUNIT_EXPECT_EQ(test, vf, seen->vf);
	KUNIT_EXPECT_EQ(test, bar, seen->bar);
	KUNIT_EXPECT_EQ(test, offset, seen->offset);
	KUNIT_EXPECT_EQ(test, size, seen->size);
}

static void registers_are_functions(struct kunit *test)
{
	struct test_card *card = test_plug(test);
	void __iomem *at = test_map(test, card->pf, 2);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, 0x55667700, readl(at + TEST_REGISTER));
	KUNIT_EXPECT_EQ(test, 0x1122334455667700ULL, readq(at + TEST_REGISTER));
	expect_access(test, &card->read, SWPCI_PF, 2, TEST_REGISTER, 8);
	writew(0xbeef, at + TEST_REGISTER);
	expect_access(test, &card->write, SWPCI_PF, 2, TEST_REGISTER, 2);
	KUNIT_EXPECT_EQ(test, 0xbeef, card->write.value);
	/* What no function answers is asked about, too, and is memory. */
	writel(1, at + TEST_REGISTER + 4);
	expect_access(test, &card->write, SWPCI_PF, 2, TEST_REGISTER + 4, 4);
	KUNIT_EXPECT_EQ(test, 1, readl(at + TEST_REGISTER + 4));

	test_enable_vfs(test, card);
	for (i = 0; i < TEST_VFS; i++) {
		at = test_map(test, test_vf(test, card, i), 0);
		KUNIT_EXPECT_EQ(test, i + 1, readb(at + TEST_REGISTER));
		expect_access(test, &card->read, i, 0, TEST_REGISTER, 1);
	}
}

static void reset_clears_what_can_be_written(struct kunit *test)
{
	struct test_card *card = test_plug(test);
	void __iomem *at = test_map(test, card->pf, 0);
	u16 command;

	writel(0x12345678, at);
	pci_set_master(card->pf);
	pci_write_config_byte(card->pf, PCI_CACHE_LINE_SIZE, 0x5a);
	pci_save_state(card->pf);
	KUNIT_ASSERT_EQ(test, 0, pcie_flr(card->pf));
	pci_read_config_word(card->pf, PCI_COMMAND, &command);
	KUNIT_EXPECT_EQ(test, 0, command);
	KUNIT_EXPECT_EQ(test, 0, config(card->pf, PCI_CACHE_LINE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, config(card->pf, PCI_BASE_ADDRESS_0));
	KUNIT_EXPECT_EQ(test, TEST_PF << 16 | TEST_VENDOR, config(card->pf, PCI_VENDOR_ID));
	KUNIT_EXPECT_EQ(test, 1, card->flrs[0]);
	/* As pci_reset_function() does: the core puts back what it knows. */
	pci_restore_state(card->pf);
	KUNIT_EXPECT_EQ(test, pci_resource_start(card->pf, 0),
			config(card->pf, PCI_BASE_ADDRESS_0));
	KUNIT_EXPECT_EQ(test, 0, readl(at));
}

static void reset_is_of_one_function(struct kunit *test)
{
	struct test_card *card = test_plug(test);
	void __iomem *at[TEST_VFS];
	struct pci_dev *vf[TEST_VFS];
	unsigned int i;
	u16 command;

	test_enable_vfs(test, card);
	for (i = 0; i < TEST_VFS; i++) {
		vf[i] = test_vf(test, card, i);
		at[i] = test_map(test, vf[i], 0);
		writel(0x5a5a, at[i]);
		pci_set_master(vf[i]);
	}
	KUNIT_ASSERT_EQ(test, 0, pcie_flr(vf[1]));
	for (i = 0; i < TEST_VFS; i++) {
		pci_read_config_word(vf[i], PCI_COMMAND, &command);
		KUNIT_EXPECT_EQ(test, i == 1 ? 0 : PCI_COMMAND_MASTER, command);
		KUNIT_EXPECT_EQ(test, i == 1 ? 0 : 0x5a5a, readl(at[i]));
		KUNIT_EXPECT_EQ(test, i == 1, card->flrs[1 + i]);
	}
	KUNIT_EXPECT_EQ(test, 0, card->flrs[0]);
	KUNIT_EXPECT_EQ(test, TEST_VFS, pci_num_vf(card->pf));
}

/* There are 32 slots, and each is free again. */
static void cards_come_and_go(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 40; i++) {
		struct test_card *card = test_plug(test);

		KUNIT_EXPECT_EQ(test, PCI_DEVFN(0, 0), card->pf->devfn);
		/* Once: that they go takes a second. */
		if (!i)
			test_enable_vfs(test, card);
		test_unplug(test, card);
	}
	KUNIT_EXPECT_NULL(test, pci_get_device(TEST_VENDOR, TEST_PF, NULL));
}

static void cards_are_beside_each_other(struct kunit *test)
{
	struct swpci_card other = test_card;
	struct test_card *card = test_plug(test), none = {};
	struct swpci_slot *slot;
	struct pci_dev *pf;
	void __iomem *at;

	other.device = TEST_MODEL;
	other.vfs = 0;
	slot = swpci_plug(&other, &none);
	KUNIT_ASSERT_FALSE(test, IS_ERR(slot));
	pf = pci_get_device(TEST_VENDOR, TEST_MODEL, NULL);
	KUNIT_EXPECT_NOT_NULL(test, pf);
	if (pf) {
		KUNIT_EXPECT_EQ(test, PCI_DEVFN(1, 0), pf->devfn);
		KUNIT_EXPECT_EQ(test, 0, pci_find_ext_capability(pf, PCI_EXT_CAP_ID_SRIOV));
		KUNIT_EXPECT_NE(test, pci_resource_start(pf, 0), pci_resource_start(card->pf, 0));
		at = ioremap(pci_resource_start(pf, 0), SZ_4K);
		writel(1, at);
		iounmap(at);
		KUNIT_EXPECT_EQ(test, 0, readl(test_map(test, card->pf, 0)));
		pci_dev_put(pf);
	}
	swpci_unplug(slot);
}

static void cards_with_too_many_vfs_are_refused(struct kunit *test)
{
	struct swpci_card card = test_card;

	card.vfs = SWPCI_MAX_VFS + 1;
	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(-EINVAL), swpci_plug(&card, NULL));
}

static struct kunit_case bus_cases[] = {
	KUNIT_CASE(config_has_the_ids),
	KUNIT_CASE(config_keeps_what_is_not_to_be_written),
	KUNIT_CASE(config_is_read_in_any_size),
	KUNIT_CASE(config_of_nobody_is_all_ones),
	KUNIT_CASE(bars_tell_their_size),
	KUNIT_CASE(capabilities_are_found),
	KUNIT_CASE(vfs_come_and_go),
	KUNIT_CASE(vfs_have_bars_of_their_own),
	KUNIT_CASE(memory_of_a_bar_is_kept),
	KUNIT_CASE(registers_are_functions),
	KUNIT_CASE(reset_clears_what_can_be_written),
	KUNIT_CASE(reset_is_of_one_function),
	KUNIT_CASE(cards_come_and_go),
	KUNIT_CASE(cards_are_beside_each_other),
	KUNIT_CASE(cards_with_too_many_vfs_are_refused),
	{}
};

static struct kunit_suite bus_suite = {
	.name = "standins_bus",
	.test_cases = bus_cases,
};

kunit_test_suite(bus_suite);
