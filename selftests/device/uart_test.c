// SPDX-License-Identifier: GPL-2.0-only
/*
 * The serial ports, against what the data sheet of the 16550A says, and their
 * interrupts through INTx, MSI and MSI-X.
 */
#include <linux/pci_regs.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "lib/mtty.h"

#define INTX	VFIO_PCI_INTX_IRQ_INDEX
#define FIFO	MTTY_MIG_UART_FIFO_SIZE

FIXTURE(uart)
{
	struct mtty mtty;
	unsigned int port;
};

FIXTURE_VARIANT(uart)
{
	unsigned int port;
};

FIXTURE_VARIANT_ADD(uart, port0)
{
	.port = 0,
};

FIXTURE_VARIANT_ADD(uart, port1)
{
	.port = 1,
};

FIXTURE_SETUP(uart)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "none", 0);
	self->port = variant->port;
}

FIXTURE_TEARDOWN(uart)
{
	mtty_remove_all();
}

#define in(reg)		mtty_uart_in(&self->mtty, self->port, reg)
#define out(reg, val)	mtty_uart_out(&self->mtty, self->port, reg, val)

TEST_F(uart, registers_after_reset)
{
	EXPECT_EQ(0, in(UART_IER));
	EXPECT_EQ(UART_IIR_NO_INT, in(UART_IIR));
	EXPECT_EQ(0, in(UART_LCR));
	EXPECT_EQ(0, in(UART_MCR));
	EXPECT_EQ(UART_LSR_THRE | UART_LSR_TEMT, in(UART_LSR));
	EXPECT_EQ(0, in(UART_MSR) & UART_MSR_ANY_DELTA);
	EXPECT_EQ(0, in(UART_SCR));
}

TEST_F(uart, scratch_register_holds_any_byte)
{
	unsigned int val;

	for (val = 0; val <= 0xff; val++) {
		out(UART_SCR, val);
		EXPECT_EQ(val, in(UART_SCR));
	}
}

TEST_F(uart, ports_are_independent)
{
	mtty_uart_out(&self->mtty, self->port, UART_SCR, 0x5a);
	mtty_uart_out(&self->mtty, !self->port, UART_SCR, 0xa5);
	EXPECT_EQ(0x5a, mtty_uart_in(&self->mtty, self->port, UART_SCR));
	EXPECT_EQ(0xa5, mtty_uart_in(&self->mtty, !self->port, UART_SCR));

	out(UART_MCR, UART_MCR_LOOP);
	out(UART_TX, 'x');
	EXPECT_FALSE(mtty_uart_in(&self->mtty, !self->port, UART_LSR) &
		     UART_LSR_DR);
}

TEST_F(uart, unused_bits_of_IER_and_MCR_read_zero)
{
	out(UART_IER, 0xff);
	EXPECT_EQ(0x0f, in(UART_IER));
	out(UART_MCR, 0xff);
	EXPECT_EQ(0x1f, in(UART_MCR));
}

TEST_F(uart, DLAB_switches_to_the_divisor)
{
	out(UART_IER, UART_IER_MSI);
	out(UART_MCR, UART_MCR_LOOP);
	out(UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	out(UART_DLL, 0x12);
	out(UART_DLM, 0x34);
	EXPECT_EQ(0x12, in(UART_DLL));
	EXPECT_EQ(0x34, in(UART_DLM));

	out(UART_LCR, UART_LCR_WLEN8);
	EXPECT_EQ(UART_LCR_WLEN8, in(UART_LCR));
	EXPECT_EQ(UART_IER_MSI, in(UART_IER));
	/* The write to DLL was no character */
	EXPECT_FALSE(in(UART_LSR) & UART_LSR_DR);
	/* And a character is no divisor */
	out(UART_TX, 'x');
	out(UART_LCR, UART_LCR_DLAB);
	EXPECT_EQ(0x12, in(UART_DLL));
	EXPECT_EQ(0x34, in(UART_DLM));
}

TEST_F(uart, nothing_is_received_without_loopback)
{
	out(UART_TX, 'x');
	EXPECT_EQ(UART_LSR_THRE | UART_LSR_TEMT, in(UART_LSR));
}

TEST_F(uart, loopback_returns_each_byte)
{
	unsigned int val;

	out(UART_MCR, UART_MCR_LOOP);
	for (val = 0; val <= 0xff; val++) {
		out(UART_TX, val);
		EXPECT_TRUE(in(UART_LSR) & UART_LSR_DR);
		EXPECT_EQ(val, in(UART_RX));
		EXPECT_FALSE(in(UART_LSR) & UART_LSR_DR);
	}
}

/* What a PC's driver looks for a port by: outputs come back as inputs */
TEST_F(uart, loopback_of_modem_lines)
{
	static const struct {
		__u8 out;
		__u8 in;
	} lines[] = {
		{ UART_MCR_RTS, UART_MSR_CTS },
		{ UART_MCR_DTR, UART_MSR_DSR },
		{ UART_MCR_OUT1, UART_MSR_RI },
		{ UART_MCR_OUT2, UART_MSR_DCD },
	};
	unsigned int set, i;

	for (set = 0; set < 16; set++) {
		__u8 mcr = UART_MCR_LOOP, msr = 0;

		for (i = 0; i < ARRAY_LEN(lines); i++) {
			if (!(set & 1 << i))
				continue;
			mcr |= lines[i].out;
			msr |= lines[i].in;
		}
		out(UART_MCR, mcr);
		EXPECT_EQ(msr, in(UART_MSR) & ~UART_MSR_ANY_DELTA);
	}
}

TEST_F(uart, delta_bits_stay_until_read)
{
	out(UART_MCR, UART_MCR_LOOP);
	in(UART_MSR);
	EXPECT_EQ(0, in(UART_MSR));

	out(UART_MCR, UART_MCR_LOOP | UART_MCR_RTS | UART_MCR_OUT1);
	/* "Trailing edge": RI has no delta when it rises */
	EXPECT_EQ(UART_MSR_CTS | UART_MSR_DCTS | UART_MSR_RI, in(UART_MSR));
	EXPECT_EQ(UART_MSR_CTS | UART_MSR_RI, in(UART_MSR));

	out(UART_MCR, UART_MCR_LOOP);
	EXPECT_EQ(UART_MSR_DCTS | UART_MSR_TERI, in(UART_MSR));
}

TEST_F(uart, FIFO_keeps_16_bytes_in_order)
{
	unsigned int i;

	out(UART_MCR, UART_MCR_LOOP);
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	EXPECT_EQ(UART_IIR_FIFO_ENABLED, in(UART_IIR) & UART_IIR_FIFO_ENABLED);
	for (i = 0; i < FIFO; i++)
		out(UART_TX, 'a' + i);
	EXPECT_EQ(0, in(UART_LSR) & UART_LSR_OE);
	for (i = 0; i < FIFO; i++) {
		EXPECT_TRUE(in(UART_LSR) & UART_LSR_DR);
		EXPECT_EQ('a' + i, in(UART_RX));
	}
	EXPECT_FALSE(in(UART_LSR) & UART_LSR_DR);
}

/* The FIFO stays as it is; the character in the shift register is lost */
TEST_F(uart, FIFO_overrun_loses_the_new_byte)
{
	unsigned int i;

	out(UART_MCR, UART_MCR_LOOP);
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	for (i = 0; i < FIFO + 1; i++)
		out(UART_TX, 'a' + i);
	EXPECT_EQ(UART_LSR_OE, in(UART_LSR) & UART_LSR_OE);
	/* Reading it clears it */
	EXPECT_EQ(0, in(UART_LSR) & UART_LSR_OE);
	for (i = 0; i < FIFO; i++)
		EXPECT_EQ('a' + i, in(UART_RX));
	EXPECT_FALSE(in(UART_LSR) & UART_LSR_DR);
}

/* Without FIFO "the previous character" is destroyed */
TEST_F(uart, overrun_without_FIFO_loses_the_old_byte)
{
	out(UART_MCR, UART_MCR_LOOP);
	out(UART_TX, 'o');
	EXPECT_EQ(0, in(UART_LSR) & UART_LSR_OE);
	out(UART_TX, 'n');
	EXPECT_EQ(UART_LSR_OE | UART_LSR_DR,
		  in(UART_LSR) & (UART_LSR_OE | UART_LSR_DR));
	EXPECT_EQ('n', in(UART_RX));
	EXPECT_FALSE(in(UART_LSR) & UART_LSR_DR);
}

TEST_F(uart, FIFO_is_cleared)
{
	out(UART_MCR, UART_MCR_LOOP);
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	out(UART_TX, 'x');
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	EXPECT_FALSE(in(UART_LSR) & UART_LSR_DR);

	/* Also when it is switched off */
	out(UART_TX, 'x');
	out(UART_FCR, 0);
	EXPECT_FALSE(in(UART_LSR) & UART_LSR_DR);
	EXPECT_EQ(0, in(UART_IIR) & UART_IIR_FIFO_ENABLED);
}

TEST_F(uart, IIR_received_data_at_each_trigger_level)
{
	static const struct {
		__u8 fcr;
		unsigned int level;
	} triggers[] = {
		{ UART_FCR_TRIGGER_1, 1 },
		{ UART_FCR_TRIGGER_4, 4 },
		{ UART_FCR_TRIGGER_8, 8 },
		{ UART_FCR_TRIGGER_14, 14 },
	};
	unsigned int i, n;

	out(UART_MCR, UART_MCR_LOOP);
	out(UART_IER, UART_IER_RDI);
	for (i = 0; i < ARRAY_LEN(triggers); i++) {
		out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR |
		    triggers[i].fcr);
		EXPECT_EQ(UART_IIR_NO_INT, in(UART_IIR) & 0x0f);
		for (n = 1; n <= FIFO; n++) {
			out(UART_TX, n);
			/* Characters take no time: a timeout is at once */
			EXPECT_EQ(n < triggers[i].level ?
				  UART_IIR_RX_TIMEOUT : UART_IIR_RDI,
				  in(UART_IIR) & 0x0f)
				TH_LOG("%u bytes, level %u", n,
				       triggers[i].level);
		}
	}
}

TEST_F(uart, IIR_tells_by_priority)
{
	out(UART_IER, UART_IER_RLSI | UART_IER_RDI | UART_IER_THRI |
	    UART_IER_MSI);
	out(UART_MCR, UART_MCR_LOOP);
	in(UART_MSR);
	in(UART_IIR);
	EXPECT_EQ(UART_IIR_NO_INT, in(UART_IIR));

	/* All four at once: overrun, data, transmitter, modem */
	out(UART_TX, 'o');
	out(UART_TX, 'n');
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_DTR);
	EXPECT_EQ(UART_IIR_RLSI, in(UART_IIR));
	in(UART_LSR);
	EXPECT_EQ(UART_IIR_RDI, in(UART_IIR));
	in(UART_RX);
	/* Reading the IIR acknowledges the transmitter's */
	EXPECT_EQ(UART_IIR_THRI, in(UART_IIR));
	EXPECT_EQ(UART_IIR_MSI, in(UART_IIR));
	in(UART_MSR);
	EXPECT_EQ(UART_IIR_NO_INT, in(UART_IIR));
}

TEST_F(uart, interrupt_status_follows_the_ports)
{
	out(UART_MCR, UART_MCR_LOOP);
	out(UART_TX, 'x');
	/* Not enabled, not asserted */
	EXPECT_EQ(0, mtty_ctrl_in(&self->mtty, MTTY_MIG_REG_IRQ_STATUS));
	out(UART_IER, UART_IER_RDI);
	EXPECT_EQ(1 << self->port,
		  mtty_ctrl_in(&self->mtty, MTTY_MIG_REG_IRQ_STATUS));
	EXPECT_TRUE(vfio_region_read16(&self->mtty.dev,
				       VFIO_PCI_CONFIG_REGION_INDEX,
				       PCI_STATUS) & PCI_STATUS_INTERRUPT);
	in(UART_RX);
	EXPECT_EQ(0, mtty_ctrl_in(&self->mtty, MTTY_MIG_REG_IRQ_STATUS));
}

TEST_F(uart, reset_resets)
{
	struct mtty_regs fresh, reset;

	mtty_take_regs(&self->mtty, &fresh);
	mtty_fill_registers(&self->mtty, 1);
	vfio_dev_reset(&self->mtty.dev);
	mtty_take_regs(&self->mtty, &reset);
	EXPECT_EQ(NULL, mtty_regs_differ(&fresh, &reset))
		TH_LOG("%s", mtty_regs_differ(&fresh, &reset));
}

/*
 * "AUTOMASKED indicates that after signaling, the interrupt line is
 * automatically masked by VFIO and the user needs to unmask the line to
 * receive new interrupts."
 */
TEST_F(uart, INTX_fires_once_until_unmasked)
{
	int fd = eventfd_new();

	vfio_irq_eventfds(&self->mtty.dev, INTX, 0, 1, &fd);
	out(UART_MCR, UART_MCR_LOOP);
	out(UART_IER, UART_IER_RDI);
	EXPECT_EQ(0, eventfd_take(fd));

	out(UART_TX, 'x');
	EXPECT_EQ(1, eventfd_take(fd));

	/* Masked: neither what is pending nor what is new */
	in(UART_RX);
	out(UART_TX, 'y');
	EXPECT_EQ(0, eventfd_take(fd));

	/* A level: still asserted, so it fires again */
	vfio_irq_action(&self->mtty.dev, INTX, VFIO_IRQ_SET_ACTION_UNMASK, 0,
			1);
	EXPECT_EQ(1, eventfd_take(fd));

	/* Not asserted any more: unmasking alone gives nothing */
	in(UART_RX);
	vfio_irq_action(&self->mtty.dev, INTX, VFIO_IRQ_SET_ACTION_UNMASK, 0,
			1);
	EXPECT_EQ(0, eventfd_take(fd));
	out(UART_TX, 'z');
	EXPECT_EQ(1, eventfd_take(fd));
}

TEST_F(uart, INTX_masked_by_the_user_stays_pending)
{
	int fd = eventfd_new();
	__u8 yes = 1;

	vfio_irq_eventfds(&self->mtty.dev, INTX, 0, 1, &fd);
	ASSERT_EQ(0, __vfio_irq_set(&self->mtty.dev, INTX,
				    VFIO_IRQ_SET_DATA_BOOL |
				    VFIO_IRQ_SET_ACTION_MASK, 0, 1, &yes, 1));
	out(UART_MCR, UART_MCR_LOOP);
	out(UART_IER, UART_IER_RDI);
	out(UART_TX, 'x');
	EXPECT_EQ(0, eventfd_take(fd));
	ASSERT_EQ(0, __vfio_irq_set(&self->mtty.dev, INTX,
				    VFIO_IRQ_SET_DATA_BOOL |
				    VFIO_IRQ_SET_ACTION_UNMASK, 0, 1, &yes,
				    1));
	EXPECT_EQ(1, eventfd_take(fd));
}

TEST_F(uart, INTX_disabled_by_the_command_register)
{
	int fd = eventfd_new();

	vfio_irq_eventfds(&self->mtty.dev, INTX, 0, 1, &fd);
	vfio_region_write16(&self->mtty.dev, VFIO_PCI_CONFIG_REGION_INDEX,
			    PCI_COMMAND, PCI_COMMAND_INTX_DISABLE);
	out(UART_MCR, UART_MCR_LOOP);
	out(UART_IER, UART_IER_RDI);
	out(UART_TX, 'x');
	EXPECT_EQ(0, eventfd_take(fd));
	vfio_region_write16(&self->mtty.dev, VFIO_PCI_CONFIG_REGION_INDEX,
			    PCI_COMMAND, 0);
	EXPECT_EQ(1, eventfd_take(fd));
}

/*
 * "DATA_BOOL or DATA_NONE can be used with ACTION_TRIGGER to perform kernel
 * level interrupt loopback testing from userspace"
 */
TEST_F(uart, user_can_trigger_what_is_set_up)
{
	int fd = eventfd_new();

	vfio_irq_eventfds(&self->mtty.dev, INTX, 0, 1, &fd);
	vfio_irq_action(&self->mtty.dev, INTX, VFIO_IRQ_SET_ACTION_TRIGGER, 0,
			1);
	EXPECT_EQ(1, eventfd_take(fd));
	vfio_irq_disable(&self->mtty.dev, INTX);
	out(UART_MCR, UART_MCR_LOOP);
	out(UART_IER, UART_IER_RDI);
	out(UART_TX, 'x');
	EXPECT_EQ(0, eventfd_take(fd));
}

/* One vector a source, and one event for each time that it is asserted */
static void check_vectors(struct __test_metadata *_metadata, struct mtty *mtty,
			  unsigned int port, __u32 index)
{
	int fds[MTTY_MIG_NR_VECTORS];
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		fds[i] = eventfd_new();
	vfio_irq_eventfds(&mtty->dev, index, 0, MTTY_MIG_NR_VECTORS, fds);
	mtty_uart_out(mtty, port, UART_MCR, UART_MCR_LOOP);
	mtty_uart_out(mtty, port, UART_IER, UART_IER_RDI);

	mtty_uart_out(mtty, port, UART_TX, 'x');
	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		EXPECT_EQ(i == MTTY_MIG_IRQ_UART0 + port, eventfd_take(fds[i]))
			TH_LOG("vector %u", i);

	/* Still asserted: no edge.  Then deasserted, and asserted again */
	mtty_uart_out(mtty, port, UART_TX, 'y');
	EXPECT_EQ(0, eventfd_take(fds[port]));
	mtty_uart_in(mtty, port, UART_RX);
	mtty_uart_out(mtty, port, UART_TX, 'z');
	EXPECT_EQ(1, eventfd_take(fds[port]));

	/* An index as a whole is torn down */
	vfio_irq_disable(&mtty->dev, index);
	mtty_uart_in(mtty, port, UART_RX);
	mtty_uart_out(mtty, port, UART_TX, 'z');
	EXPECT_EQ(0, eventfd_take(fds[port]));
}

TEST_F(uart, MSI_has_a_vector_for_each_port)
{
	check_vectors(_metadata, &self->mtty, self->port,
		      VFIO_PCI_MSI_IRQ_INDEX);
}

TEST_F(uart, MSIX_has_a_vector_for_each_port)
{
	check_vectors(_metadata, &self->mtty, self->port,
		      VFIO_PCI_MSIX_IRQ_INDEX);
}

/* A masked vector remembers, and the pending bit array says so */
TEST_F(uart, MSIX_masked_vector_stays_pending)
{
	unsigned int ctrl = MTTY_MIG_MSIX_TABLE +
		PCI_MSIX_ENTRY_SIZE * self->port + PCI_MSIX_ENTRY_VECTOR_CTRL;
	int fds[MTTY_MIG_NR_VECTORS];
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		fds[i] = eventfd_new();
	vfio_irq_eventfds(&self->mtty.dev, VFIO_PCI_MSIX_IRQ_INDEX, 0,
			  MTTY_MIG_NR_VECTORS, fds);
	mtty_ctrl_out(&self->mtty, ctrl, PCI_MSIX_ENTRY_CTRL_MASKBIT);
	out(UART_MCR, UART_MCR_LOOP);
	out(UART_IER, UART_IER_RDI);
	out(UART_TX, 'x');
	EXPECT_EQ(0, eventfd_take(fds[self->port]));
	EXPECT_EQ(1 << self->port,
		  mtty_ctrl_in(&self->mtty, MTTY_MIG_MSIX_PBA));
	mtty_ctrl_out(&self->mtty, ctrl, 0);
	EXPECT_EQ(1, eventfd_take(fds[self->port]));
	EXPECT_EQ(0, mtty_ctrl_in(&self->mtty, MTTY_MIG_MSIX_PBA));
}

TEST_HARNESS_MAIN
