// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration space and MSI-X table, against the PCI specifications.
 */
#include <linux/pci_regs.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "helpers.h"

/* Where a guest finds these by walking the list; pci_capabilities checks it */
#define MSI	0x40
#define MSIX	0x60

static int pci_init(struct kunit *test)
{
	struct mtty_pci *pci = kunit_kzalloc(test, sizeof(*pci), GFP_KERNEL);

	if (!pci)
		return -ENOMEM;
	mtty_pci_reset(pci, SZ_64K);
	test->priv = pci;
	return 0;
}

static u32 pci_read32(const struct mtty_pci *pci, unsigned int offset)
{
	u8 bytes[4];
	unsigned int i;

	for (i = 0; i < 4; i++)
		bytes[i] = mtty_pci_read(pci, offset + i, 0, 0);
	return get_unaligned_le32(bytes);
}

static u16 pci_read16(const struct mtty_pci *pci, unsigned int offset)
{
	return mtty_pci_read(pci, offset, 0, 0) |
	       mtty_pci_read(pci, offset + 1, 0, 0) << 8;
}

static void pci_write32(struct mtty_pci *pci, unsigned int offset, u32 val)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		mtty_pci_write(pci, offset + i, val >> (8 * i));
}

static void pci_identification(struct kunit *test)
{
	struct mtty_pci *pci = test->priv;

	KUNIT_EXPECT_EQ(test, MTTY_MIG_PCI_VENDOR,
			pci_read16(pci, PCI_VENDOR_ID));
	KUNIT_EXPECT_EQ(test, MTTY_MIG_PCI_DEVICE,
			pci_read16(pci, PCI_DEVICE_ID));
	KUNIT_EXPECT_EQ(test, MTTY_MIG_PCI_SUBVENDOR,
			pci_read16(pci, PCI_SUBSYSTEM_VENDOR_ID));
	KUNIT_EXPECT_EQ(test, MTTY_MIG_PCI_SUBDEVICE,
			pci_read16(pci, PCI_SUBSYSTEM_ID));
	/* Serial controller, 16550 compatible */
	KUNIT_EXPECT_EQ(test, 0x070002,
			pci_read32(pci, PCI_CLASS_REVISION) >> 8);
	KUNIT_EXPECT_EQ(test, PCI_HEADER_TYPE_NORMAL,
			mtty_pci_read(pci, PCI_HEADER_TYPE, 0, 0));
	KUNIT_EXPECT_EQ(test, 1, mtty_pci_read(pci, PCI_INTERRUPT_PIN, 0, 0));
	KUNIT_EXPECT_EQ(test, 0, pci_read16(pci, PCI_COMMAND));
}

static void pci_capabilities(struct kunit *test)
{
	struct mtty_pci *pci = test->priv;
	u8 pos = mtty_pci_read(pci, PCI_CAPABILITY_LIST, 0, 0);
	u16 flags;

	KUNIT_EXPECT_TRUE(test, pci_read16(pci, PCI_STATUS) &
			  PCI_STATUS_CAP_LIST);

	KUNIT_ASSERT_EQ(test, MSI, pos);
	KUNIT_EXPECT_EQ(test, PCI_CAP_ID_MSI, mtty_pci_read(pci, pos, 0, 0));
	flags = pci_read16(pci, pos + PCI_MSI_FLAGS);
	KUNIT_EXPECT_EQ(test, MTTY_MIG_NR_VECTORS,
			1 << ((flags & PCI_MSI_FLAGS_QMASK) >> 1));
	KUNIT_EXPECT_TRUE(test, flags & PCI_MSI_FLAGS_64BIT);
	KUNIT_EXPECT_TRUE(test, flags & PCI_MSI_FLAGS_MASKBIT);

	pos = mtty_pci_read(pci, pos + PCI_CAP_LIST_NEXT, 0, 0);
	KUNIT_ASSERT_EQ(test, MSIX, pos);
	KUNIT_EXPECT_EQ(test, PCI_CAP_ID_MSIX, mtty_pci_read(pci, pos, 0, 0));
	flags = pci_read16(pci, pos + PCI_MSIX_FLAGS);
	KUNIT_EXPECT_EQ(test, MTTY_MIG_NR_VECTORS - 1,
			flags & PCI_MSIX_FLAGS_QSIZE);
	KUNIT_EXPECT_EQ(test, MTTY_MIG_MSIX_TABLE | MTTY_MIG_CTRL_BAR,
			pci_read32(pci, pos + PCI_MSIX_TABLE));
	KUNIT_EXPECT_EQ(test, MTTY_MIG_MSIX_PBA | MTTY_MIG_CTRL_BAR,
			pci_read32(pci, pos + PCI_MSIX_PBA));
	KUNIT_EXPECT_EQ(test, 0,
			mtty_pci_read(pci, pos + PCI_CAP_LIST_NEXT, 0, 0));
}

/* The writable bits of a device with 64 KiB of memory; all others are not */
struct wmask {
	unsigned int offset;
	u32 mask;
};

static const struct wmask wmasks[] = {
	{ PCI_COMMAND, 0x0547 },	/* INTx disable, SERR, parity, ... */
	{ PCI_CACHE_LINE_SIZE, 0x0000ffff },	/* and latency timer */
	{ PCI_BASE_ADDRESS_0, 0xfffffff8 },
	{ PCI_BASE_ADDRESS_1, 0xfffffff8 },
	{ PCI_BASE_ADDRESS_2, 0xffffc000 },
	{ PCI_BASE_ADDRESS_4, 0xffff0000 },
	{ PCI_BASE_ADDRESS_5, 0xffffffff },
	{ PCI_INTERRUPT_LINE, 0xff },
	{ MSI, 0x0071 << 16 },		/* enable, multiple message enable */
	{ MSI + PCI_MSI_ADDRESS_LO, 0xfffffffc },
	{ MSI + PCI_MSI_ADDRESS_HI, 0xffffffff },
	{ MSI + PCI_MSI_DATA_64, 0xffff },
	{ MSI + PCI_MSI_MASK_64, 0x0f },
	{ MSIX, 0xc000U << 16 },		/* enable, function mask */
};

static void wmask_bytes(u8 *mask)
{
	unsigned int i;

	memset(mask, 0, MTTY_MIG_CFG_SIZE);
	for (i = 0; i < ARRAY_SIZE(wmasks); i++)
		put_unaligned_le32(wmasks[i].mask, mask + wmasks[i].offset);
}

static void pci_only_writable_bits_change(struct kunit *test)
{
	struct mtty_pci *pci = test->priv;
	u8 mask[MTTY_MIG_CFG_SIZE];
	unsigned int i;

	wmask_bytes(mask);
	for (i = 0; i < MTTY_MIG_CFG_SIZE; i++) {
		u8 before = mtty_pci_read(pci, i, 0, 0);

		mtty_pci_write(pci, i, 0xff);
		KUNIT_EXPECT_EQ_MSG(test, before | mask[i],
				    mtty_pci_read(pci, i, 0, 0), "at %#x", i);
		mtty_pci_write(pci, i, 0);
		KUNIT_EXPECT_EQ_MSG(test, before & ~mask[i],
				    mtty_pci_read(pci, i, 0, 0), "at %#x", i);
	}
}

struct bar_size {
	const char *name;
	u64 size;
};

static const struct bar_size bar_sizes[] = {
	{ "0", 0 },
	{ "4 KiB", SZ_4K },
	{ "1 MiB", SZ_1M },
	{ "2 GiB", SZ_2G },
	{ "4 GiB", 1ULL << 32 },
	{ "64 GiB", 1ULL << 36 },
};

KUNIT_ARRAY_PARAM_DESC(bar_sizes, bar_sizes, name);

/* As a guest does it: write ones, read back */
static u32 bar_probe(struct mtty_pci *pci, unsigned int bar)
{
	pci_write32(pci, PCI_BASE_ADDRESS_0 + 4 * bar, ~0U);
	return pci_read32(pci, PCI_BASE_ADDRESS_0 + 4 * bar);
}

static void pci_sizing_of_memory_bar(struct kunit *test)
{
	const struct bar_size *p = test->param_value;
	struct mtty_pci *pci = test->priv;
	u32 flags = PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH;
	u64 bar;

	mtty_pci_reset(pci, p->size);
	bar = bar_probe(pci, MTTY_MIG_MEM_BAR);
	bar |= (u64)bar_probe(pci, MTTY_MIG_MEM_BAR + 1) << 32;
	KUNIT_EXPECT_EQ(test, p->size ? -p->size | flags : 0, bar);

	/* And an address sticks */
	pci_write32(pci, PCI_BASE_ADDRESS_0 + 4 * MTTY_MIG_MEM_BAR, 0);
	pci_write32(pci, PCI_BASE_ADDRESS_0 + 4 * MTTY_MIG_MEM_BAR + 4, 0x7000);
	KUNIT_EXPECT_EQ(test, p->size ? 0x7000 : 0,
			pci_read32(pci, PCI_BASE_ADDRESS_0 +
				   4 * MTTY_MIG_MEM_BAR + 4));
}

static void pci_sizing_of_other_bars(struct kunit *test)
{
	struct mtty_pci *pci = test->priv;

	KUNIT_EXPECT_EQ(test, -8U | PCI_BASE_ADDRESS_SPACE_IO,
			bar_probe(pci, MTTY_MIG_UART0_BAR));
	KUNIT_EXPECT_EQ(test, -8U | PCI_BASE_ADDRESS_SPACE_IO,
			bar_probe(pci, MTTY_MIG_UART1_BAR));
	KUNIT_EXPECT_EQ(test, -(u32)MTTY_MIG_CTRL_BAR_SIZE,
			bar_probe(pci, MTTY_MIG_CTRL_BAR));
	KUNIT_EXPECT_EQ(test, 0, bar_probe(pci, 3));
	pci_write32(pci, PCI_ROM_ADDRESS, ~0U);
	KUNIT_EXPECT_EQ(test, 0, pci_read32(pci, PCI_ROM_ADDRESS));
}

static void pci_reset_restores_everything(struct kunit *test)
{
	struct mtty_pci *pci = test->priv;
	struct mtty_pci fresh = *pci;
	unsigned int i;

	for (i = 0; i < MTTY_MIG_CFG_SIZE; i++)
		mtty_pci_write(pci, i, 0xff);
	for (i = 0; i < 16; i++)
		mtty_pci_msix_write(pci, i / 4, i % 4, ~0U);
	mtty_pci_reset(pci, SZ_64K);
	KUNIT_EXPECT_MEMEQ(test, fresh.config, pci->config,
			   sizeof(fresh.config));
	KUNIT_EXPECT_MEMEQ(test, fresh.msix, pci->msix, sizeof(fresh.msix));
}

static void pci_load_takes_what_was_written(struct kunit *test)
{
	struct mtty_pci *pci = test->priv;
	u8 config[MTTY_MIG_CFG_SIZE];
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, 3);
	for (i = 0; i < MTTY_MIG_CFG_SIZE; i++)
		mtty_pci_write(pci, i, prandom_u32_state(&rnd));
	memcpy(config, pci->config, sizeof(config));
	mtty_pci_reset(pci, SZ_64K);
	KUNIT_EXPECT_TRUE(test, mtty_pci_load(pci, config));
	KUNIT_EXPECT_MEMEQ(test, config, pci->config, sizeof(config));
}

static void pci_load_refuses_each_other_read_only_bit(struct kunit *test)
{
	struct mtty_pci *pci = test->priv;
	u8 config[MTTY_MIG_CFG_SIZE], mask[MTTY_MIG_CFG_SIZE];
	unsigned int bit;

	memcpy(config, pci->config, sizeof(config));
	wmask_bytes(mask);
	for (bit = 0; bit < 8 * MTTY_MIG_CFG_SIZE; bit++) {
		u8 flip = 1 << bit % 8;

		config[bit / 8] ^= flip;
		mtty_pci_reset(pci, SZ_64K);
		KUNIT_EXPECT_EQ_MSG(test, !!(mask[bit / 8] & flip),
				    mtty_pci_load(pci, config),
				    "bit %u of byte %#x", bit % 8, bit / 8);
		config[bit / 8] ^= flip;
	}
}

static void pci_load_refuses_another_memory_size(struct kunit *test)
{
	struct mtty_pci *pci = test->priv;
	u8 config[MTTY_MIG_CFG_SIZE];

	/* An address that this size allows and a larger one does not */
	pci_write32(pci, PCI_BASE_ADDRESS_4, SZ_64K);
	memcpy(config, pci->config, sizeof(config));
	mtty_pci_reset(pci, SZ_128K);
	KUNIT_EXPECT_FALSE(test, mtty_pci_load(pci, config));
}

static void pci_intx_disable_bit(struct kunit *test)
{
	struct mtty_pci *pci = test->priv;

	KUNIT_EXPECT_FALSE(test, mtty_pci_intx_disabled(pci));
	pci_write32(pci, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE);
	KUNIT_EXPECT_TRUE(test, mtty_pci_intx_disabled(pci));
	pci_write32(pci, PCI_COMMAND, (u16)~PCI_COMMAND_INTX_DISABLE);
	KUNIT_EXPECT_FALSE(test, mtty_pci_intx_disabled(pci));
}

static void pci_status_tells_a_level(struct kunit *test)
{
	struct mtty_pci *pci = test->priv;
	u8 idle = mtty_pci_read(pci, PCI_STATUS, 0, 0);
	unsigned int source;

	KUNIT_EXPECT_FALSE(test, idle & PCI_STATUS_INTERRUPT);
	for (source = 0; source < MTTY_MIG_NR_VECTORS; source++)
		KUNIT_EXPECT_EQ(test, idle | PCI_STATUS_INTERRUPT,
				mtty_pci_read(pci, PCI_STATUS, 1 << source, 0));
}

static void pci_msi_pending_bits(struct kunit *test)
{
	struct mtty_pci *pci = test->priv;
	u8 pending;

	for (pending = 0; pending < 16; pending++)
		KUNIT_EXPECT_EQ(test, pending,
				mtty_pci_read(pci, MSI + PCI_MSI_PENDING_64, 0,
					      pending));
}

static void pci_msi_mask_of_one_vector(struct kunit *test)
{
	struct mtty_pci *pci = test->priv;
	unsigned int i, j;

	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++) {
		mtty_pci_msi_mask(pci, i, true);
		for (j = 0; j < MTTY_MIG_NR_VECTORS; j++)
			KUNIT_EXPECT_EQ(test, i == j,
					mtty_pci_msi_masked(pci, j));
		/* The guest sees the mask in its own register */
		KUNIT_EXPECT_EQ(test, 1U << i,
				pci_read32(pci, MSI + PCI_MSI_MASK_64));
		mtty_pci_msi_mask(pci, i, false);
	}
	mtty_pci_write(pci, MSI + PCI_MSI_MASK_64, 0x5);
	KUNIT_EXPECT_TRUE(test, mtty_pci_msi_masked(pci, 0));
	KUNIT_EXPECT_FALSE(test, mtty_pci_msi_masked(pci, 1));
	KUNIT_EXPECT_TRUE(test, mtty_pci_msi_masked(pci, 2));
}

static void pci_msix_mask_of_one_vector(struct kunit *test)
{
	struct mtty_pci *pci = test->priv;
	unsigned int i, j;

	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++) {
		mtty_pci_msix_mask(pci, i, true);
		for (j = 0; j < MTTY_MIG_NR_VECTORS; j++)
			KUNIT_EXPECT_EQ(test, i == j,
					mtty_pci_msix_masked(pci, j));
		KUNIT_EXPECT_EQ(test, PCI_MSIX_ENTRY_CTRL_MASKBIT,
				pci->msix[i][3]);
		mtty_pci_msix_mask(pci, i, false);
	}
}

static void pci_msix_function_mask(struct kunit *test)
{
	struct mtty_pci *pci = test->priv;
	unsigned int i;

	mtty_pci_write(pci, MSIX + PCI_MSIX_FLAGS + 1,
		       PCI_MSIX_FLAGS_MASKALL >> 8);
	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		KUNIT_EXPECT_TRUE(test, mtty_pci_msix_masked(pci, i));
	mtty_pci_write(pci, MSIX + PCI_MSIX_FLAGS + 1, 0);
	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		KUNIT_EXPECT_FALSE(test, mtty_pci_msix_masked(pci, i));
}

static void pci_msix_table_writable_bits(struct kunit *test)
{
	static const u32 mask[] = { 0xfffffffc, 0xffffffff, 0xffffffff, 1 };
	struct mtty_pci *pci = test->priv;
	unsigned int i, j;

	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		for (j = 0; j < MTTY_MSIX_ENTRY_DWORDS; j++) {
			KUNIT_EXPECT_EQ(test, 0, pci->msix[i][j]);
			mtty_pci_msix_write(pci, i, j, ~0U);
			KUNIT_EXPECT_EQ(test, mask[j], pci->msix[i][j]);
		}
}

static struct kunit_case pci_cases[] = {
	KUNIT_CASE(pci_identification),
	KUNIT_CASE(pci_capabilities),
	KUNIT_CASE(pci_only_writable_bits_change),
	KUNIT_CASE_PARAM(pci_sizing_of_memory_bar, bar_sizes_gen_params),
	KUNIT_CASE(pci_sizing_of_other_bars),
	KUNIT_CASE(pci_reset_restores_everything),
	KUNIT_CASE(pci_load_takes_what_was_written),
	KUNIT_CASE(pci_load_refuses_each_other_read_only_bit),
	KUNIT_CASE(pci_load_refuses_another_memory_size),
	KUNIT_CASE(pci_intx_disable_bit),
	KUNIT_CASE(pci_status_tells_a_level),
	KUNIT_CASE(pci_msi_pending_bits),
	KUNIT_CASE(pci_msi_mask_of_one_vector),
	KUNIT_CASE(pci_msix_mask_of_one_vector),
	KUNIT_CASE(pci_msix_function_mask),
	KUNIT_CASE(pci_msix_table_writable_bits),
	{}
};

static struct kunit_suite pci_suite = {
	.name = "mtty_mig_pci",
	.init = pci_init,
	.test_cases = pci_cases,
};

kunit_test_suite(pci_suite);
