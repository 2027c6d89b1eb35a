// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hardware below the FSM: registers, device memory, what a stopped device
 * does, and the digest.
 */
#include <linux/pci_regs.h>
#include <linux/serial_reg.h>

#include "helpers.h"

#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX

static struct mtty_device *running(struct kunit *test)
{
	return mtty_test_device(test, MTTY_MIG_TYPE_FULL, SZ_16K);
}

static u32 ctrl_read(struct kunit *test, struct mtty_device *mtty, u32 offset)
{
	__le32 val = 0;

	KUNIT_EXPECT_EQ(test, sizeof(val),
			mtty_test_region_read(test, mtty, MTTY_MIG_CTRL_BAR,
					      offset, &val, sizeof(val)));
	return le32_to_cpu(val);
}

static void ctrl_write(struct kunit *test, struct mtty_device *mtty,
		       u32 offset, u32 val)
{
	__le32 le = cpu_to_le32(val);

	KUNIT_EXPECT_EQ(test, sizeof(le),
			mtty_test_region_write(test, mtty, MTTY_MIG_CTRL_BAR,
					       offset, &le, sizeof(le)));
}

static void card_memory_reads_back(struct kunit *test)
{
	struct mtty_device *mtty = running(test);
	u8 *out = kunit_kzalloc(test, SZ_16K, GFP_KERNEL);
	u8 *in = kunit_kzalloc(test, SZ_16K, GFP_KERNEL);
	struct rnd_state rnd;

	KUNIT_ASSERT_NOT_NULL(test, out);
	KUNIT_ASSERT_NOT_NULL(test, in);
	prandom_seed_state(&rnd, 1);
	prandom_bytes_state(&rnd, out, 9000);
	KUNIT_EXPECT_EQ(test, 9000,
			mtty_test_region_write(test, mtty, MTTY_MIG_MEM_BAR,
					       100, out, 9000));
	KUNIT_EXPECT_EQ(test, SZ_16K,
			mtty_test_region_read(test, mtty, MTTY_MIG_MEM_BAR, 0,
					      in, SZ_16K));
	KUNIT_EXPECT_NULL(test, memchr_inv(in, 0, 100));
	KUNIT_EXPECT_EQ(test, -1, mtty_test_diff(out, in + 100, 9000));
	KUNIT_EXPECT_NULL(test, memchr_inv(in + 9100, 0, SZ_16K - 9100));
}

/* Registers of the control BAR */

struct type_id {
	const char *name;
	enum mtty_mig_type type;
};

static const struct type_id types[] = {
	{ "none", MTTY_MIG_TYPE_NONE },
	{ "base", MTTY_MIG_TYPE_BASE },
	{ "p2p", MTTY_MIG_TYPE_P2P },
	{ "precopy", MTTY_MIG_TYPE_PRECOPY },
	{ "full", MTTY_MIG_TYPE_FULL },
};

KUNIT_ARRAY_PARAM_DESC(types, types, name);

static void card_identifies_itself(struct kunit *test)
{
	const struct type_id *p = test->param_value;
	struct mtty_device *mtty = mtty_test_device(test, p->type,
						    MTTY_MIG_MEM_MAX);

	KUNIT_EXPECT_EQ(test, MTTY_MIG_ID,
			ctrl_read(test, mtty, MTTY_MIG_REG_ID));
	KUNIT_EXPECT_EQ(test, p->type,
			ctrl_read(test, mtty, MTTY_MIG_REG_TYPE));
	KUNIT_EXPECT_EQ(test, lower_32_bits(MTTY_MIG_MEM_MAX),
			ctrl_read(test, mtty, MTTY_MIG_REG_MEM_SIZE_LO));
	KUNIT_EXPECT_EQ(test, upper_32_bits(MTTY_MIG_MEM_MAX),
			ctrl_read(test, mtty, MTTY_MIG_REG_MEM_SIZE_HI));
}

static void card_identification_is_read_only(struct kunit *test)
{
	static const u32 read_only[] = {
		MTTY_MIG_REG_ID, MTTY_MIG_REG_TYPE, MTTY_MIG_REG_MEM_SIZE_LO,
		MTTY_MIG_REG_MEM_SIZE_HI, MTTY_MIG_REG_IRQ_STATUS,
		MTTY_MIG_MSIX_PBA, 0x0ffc, 0x3ffc,
	};
	struct mtty_device *mtty = running(test);
	u64 digest = mtty_card_digest(mtty);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(read_only); i++) {
		u32 before = ctrl_read(test, mtty, read_only[i]);

		ctrl_write(test, mtty, read_only[i], ~before);
		KUNIT_EXPECT_EQ(test, before,
				ctrl_read(test, mtty, read_only[i]));
	}
	KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
}

static void card_scratch_register(struct kunit *test)
{
	struct mtty_device *mtty = running(test);

	KUNIT_EXPECT_EQ(test, 0, ctrl_read(test, mtty, MTTY_MIG_REG_SCRATCH));
	ctrl_write(test, mtty, MTTY_MIG_REG_SCRATCH, 0x12345678);
	KUNIT_EXPECT_EQ(test, 0x12345678,
			ctrl_read(test, mtty, MTTY_MIG_REG_SCRATCH));
}

static void card_irq_status_register(struct kunit *test)
{
	struct mtty_device *mtty = running(test);
	u8 status;

	KUNIT_EXPECT_EQ(test, 0, ctrl_read(test, mtty,
					   MTTY_MIG_REG_IRQ_STATUS));
	mtty_test_uart_write(test, mtty, UART_IER, UART_IER_THRI);
	KUNIT_EXPECT_EQ(test, BIT(MTTY_MIG_IRQ_UART0),
			ctrl_read(test, mtty, MTTY_MIG_REG_IRQ_STATUS));
	/* And so says config space */
	KUNIT_EXPECT_EQ(test, 1, mtty_test_region_read(test, mtty, CONFIG,
						       PCI_STATUS, &status, 1));
	KUNIT_EXPECT_TRUE(test, status & PCI_STATUS_INTERRUPT);
	mtty_test_uart_read(test, mtty, UART_IIR);
	KUNIT_EXPECT_EQ(test, 0, ctrl_read(test, mtty,
					   MTTY_MIG_REG_IRQ_STATUS));
	KUNIT_EXPECT_EQ(test, 1, mtty_test_region_read(test, mtty, CONFIG,
						       PCI_STATUS, &status, 1));
	KUNIT_EXPECT_FALSE(test, status & PCI_STATUS_INTERRUPT);
}

static void card_msix_table(struct kunit *test)
{
	struct mtty_device *mtty = running(test);
	unsigned int i;

	for (i = 0; i < 16; i++)
		ctrl_write(test, mtty, MTTY_MIG_MSIX_TABLE + 4 * i,
			   0x11111100 * i);
	for (i = 0; i < 16; i++) {
		/* The fourth of each entry has but its mask bit */
		u32 val = i % 4 == 3 ? 0 : 0x11111100 * i;

		KUNIT_EXPECT_EQ(test, val,
				ctrl_read(test, mtty,
					  MTTY_MIG_MSIX_TABLE + 4 * i));
		KUNIT_EXPECT_EQ(test, val, mtty->hw.pci.msix[i / 4][i % 4]);
	}
	/* Behind the table there is nothing */
	ctrl_write(test, mtty, MTTY_MIG_MSIX_TABLE + 64, ~0U);
	KUNIT_EXPECT_EQ(test, 0, ctrl_read(test, mtty,
					   MTTY_MIG_MSIX_TABLE + 64));
}

static void card_ports_are_two(struct kunit *test)
{
	struct mtty_device *mtty = running(test);
	u8 val = 0x5a;

	mtty_test_uart_write(test, mtty, UART_SCR, 0xa5);
	KUNIT_EXPECT_EQ(test, 1,
			mtty_test_region_write(test, mtty, MTTY_MIG_UART1_BAR,
					       UART_SCR, &val, 1));
	KUNIT_EXPECT_EQ(test, 0xa5, mtty_test_uart_read(test, mtty, UART_SCR));
	val = 0;
	KUNIT_EXPECT_EQ(test, 1,
			mtty_test_region_read(test, mtty, MTTY_MIG_UART1_BAR,
					      UART_SCR, &val, 1));
	KUNIT_EXPECT_EQ(test, 0x5a, val);
}

/* Stopped */

static const struct mtty_test_state stopped_states[] = {
	MTTY_TEST_STATE(STOP),
	MTTY_TEST_STATE(STOP_COPY),
	MTTY_TEST_STATE(RESUMING),
};

KUNIT_ARRAY_PARAM_DESC(stopped_states, stopped_states, name);

static const struct mtty_test_state running_states[] = {
	MTTY_TEST_STATE(RUNNING),
	MTTY_TEST_STATE(RUNNING_P2P),
	MTTY_TEST_STATE(PRE_COPY),
	MTTY_TEST_STATE(PRE_COPY_P2P),
};

KUNIT_ARRAY_PARAM_DESC(running_states, running_states, name);

/* A port of which each register that is read has something to lose */
static struct mtty_device *device_with_something_to_lose(struct kunit *test)
{
	struct mtty_device *mtty = running(test);

	mtty_test_fill(test, mtty, 1);
	mtty_test_reset(test, mtty);
	mtty_test_uart_write(test, mtty, UART_MCR,
			     UART_MCR_LOOP | UART_MCR_RTS);
	mtty_test_uart_write(test, mtty, UART_IER, UART_IER_THRI);
	mtty_test_uart_write(test, mtty, UART_TX, 'a');
	mtty_test_uart_write(test, mtty, UART_TX, 'b');
	return mtty;
}

static void card_stopped_drops_writes(struct kunit *test)
{
	const struct mtty_test_state *p = test->param_value;
	struct mtty_device *mtty = device_with_something_to_lose(test);
	unsigned int i;
	u64 digest;
	u8 val = 1;

	mtty_test_enter(test, mtty, p->state);
	digest = mtty_card_digest(mtty);
	for (i = 0; i < MTTY_MIG_UART_BAR_SIZE; i++)
		mtty_test_uart_write(test, mtty, i, 0x1f);
	ctrl_write(test, mtty, MTTY_MIG_REG_SCRATCH, 7);
	ctrl_write(test, mtty, MTTY_MIG_MSIX_TABLE, 16);
	KUNIT_EXPECT_EQ(test, 1,
			mtty_test_region_write(test, mtty, MTTY_MIG_MEM_BAR, 0,
					       &val, 1));
	KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
	KUNIT_EXPECT_EQ(test, MTTY_MIG_UART_BAR_SIZE + 3,
			mtty->dropped_writes);
}

static void card_stopped_reads_without_effect(struct kunit *test)
{
	const struct mtty_test_state *p = test->param_value;
	struct mtty_device *mtty = device_with_something_to_lose(test);
	struct mtty_hw *hw = kunit_kzalloc(test, sizeof(*hw), GFP_KERNEL);
	unsigned int i, n;

	KUNIT_ASSERT_NOT_NULL(test, hw);
	mtty_test_enter(test, mtty, p->state);
	*hw = mtty->hw;
	for (n = 0; n < 2; n++)
		for (i = 0; i < MTTY_MIG_UART_BAR_SIZE; i++) {
			/* What a read would have told, each time */
			struct mtty_uart copy = hw->uart[0];

			KUNIT_EXPECT_EQ(test, mtty_uart_read(&copy, i),
					mtty_test_uart_read(test, mtty, i));
		}
	KUNIT_EXPECT_TRUE(test, mtty_test_hw_equal(hw, &mtty->hw));
}

static void card_stopped_has_config_space(struct kunit *test)
{
	const struct mtty_test_state *p = test->param_value;
	struct mtty_device *mtty = running(test);
	__le16 val;

	mtty_test_enter(test, mtty, p->state);
	KUNIT_EXPECT_EQ(test, 2, mtty_test_region_read(test, mtty, CONFIG,
						       PCI_VENDOR_ID, &val, 2));
	KUNIT_EXPECT_EQ(test, MTTY_MIG_PCI_VENDOR, le16_to_cpu(val));
	val = cpu_to_le16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	KUNIT_EXPECT_EQ(test, 2, mtty_test_region_write(test, mtty, CONFIG,
							PCI_COMMAND, &val, 2));
	val = 0;
	KUNIT_EXPECT_EQ(test, 2, mtty_test_region_read(test, mtty, CONFIG,
						       PCI_COMMAND, &val, 2));
	KUNIT_EXPECT_EQ(test, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
			le16_to_cpu(val));
	KUNIT_EXPECT_EQ(test, 0, mtty->dropped_writes);
}

static void card_runs(struct kunit *test)
{
	const struct mtty_test_state *p = test->param_value;
	struct mtty_device *mtty = device_with_something_to_lose(test);
	u8 val = 9;

	mtty_test_enter(test, mtty, p->state);
	KUNIT_EXPECT_EQ(test, 'b', mtty_test_uart_read(test, mtty, UART_RX));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_uart_read(test, mtty, UART_RX));
	ctrl_write(test, mtty, MTTY_MIG_REG_SCRATCH, 7);
	KUNIT_EXPECT_EQ(test, 7, ctrl_read(test, mtty, MTTY_MIG_REG_SCRATCH));
	KUNIT_EXPECT_EQ(test, 1,
			mtty_test_region_write(test, mtty, MTTY_MIG_MEM_BAR, 5,
					       &val, 1));
	val = 0;
	KUNIT_EXPECT_EQ(test, 1,
			mtty_test_region_read(test, mtty, MTTY_MIG_MEM_BAR, 5,
					      &val, 1));
	KUNIT_EXPECT_EQ(test, 9, val);
	KUNIT_EXPECT_EQ(test, 0, mtty->dropped_writes);
}

/* Digest */

static void card_digest_ignores_history(struct kunit *test)
{
	struct mtty_device *a = running(test), *b = running(test);

	mtty_test_fill(test, b, 2);
	KUNIT_EXPECT_NE(test, mtty_card_digest(a), mtty_card_digest(b));
	mtty_test_reset(test, b);
	KUNIT_EXPECT_EQ(test, mtty_card_digest(a), mtty_card_digest(b));
	mtty_test_fill(test, a, 3);
	mtty_test_fill(test, b, 3);
	KUNIT_EXPECT_EQ(test, mtty_card_digest(a), mtty_card_digest(b));
	/* A session changes nothing that a guest can see */
	mtty_test_enter(test, b, VFIO_DEVICE_STATE_STOP_COPY);
	KUNIT_EXPECT_EQ(test, mtty_card_digest(a), mtty_card_digest(b));
}

static void card_digest_sees_memory_and_registers(struct kunit *test)
{
	struct mtty_device *mtty = running(test);
	u64 digest = mtty_card_digest(mtty);
	u8 val = 1;

	mtty_test_uart_write(test, mtty, UART_SCR, 1);
	KUNIT_EXPECT_NE(test, digest, mtty_card_digest(mtty));
	mtty_test_uart_write(test, mtty, UART_SCR, 0);
	KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
	mtty_test_region_write(test, mtty, MTTY_MIG_MEM_BAR, SZ_16K - 1, &val,
			       1);
	KUNIT_EXPECT_NE(test, digest, mtty_card_digest(mtty));
	val = 0;
	mtty_test_region_write(test, mtty, MTTY_MIG_MEM_BAR, SZ_16K - 1, &val,
			       1);
	KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
}

static struct kunit_case card_cases[] = {
	KUNIT_CASE(card_memory_reads_back),
	KUNIT_CASE_PARAM(card_identifies_itself, types_gen_params),
	KUNIT_CASE(card_identification_is_read_only),
	KUNIT_CASE(card_scratch_register),
	KUNIT_CASE(card_irq_status_register),
	KUNIT_CASE(card_msix_table),
	KUNIT_CASE(card_ports_are_two),
	KUNIT_CASE_PARAM(card_stopped_drops_writes,
			 stopped_states_gen_params),
	KUNIT_CASE_PARAM(card_stopped_reads_without_effect,
			 stopped_states_gen_params),
	KUNIT_CASE_PARAM(card_stopped_has_config_space,
			 stopped_states_gen_params),
	KUNIT_CASE_PARAM(card_runs, running_states_gen_params),
	KUNIT_CASE(card_digest_ignores_history),
	KUNIT_CASE(card_digest_sees_memory_and_registers),
	{}
};

static struct kunit_suite card_suite = {
	.name = "mtty_mig_card",
	.test_cases = card_cases,
};

kunit_test_suite(card_suite);
