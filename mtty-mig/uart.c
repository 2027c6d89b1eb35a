// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 16550A serial port, as its data sheet describes it.
 *
 * Characters take no time: a character has left the transmitter when the write
 * to it returns.  In loopback it arrives at the receiver; otherwise it is lost.
 */
#include <linux/serial_reg.h>
#include <linux/string.h>

#include "hw.h"

#define UART_FCR_KEPT	(UART_FCR_ENABLE_FIFO | UART_FCR_DMA_SELECT | \
			 UART_FCR_TRIGGER_MASK)
#define UART_MCR_USED	(UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | \
			 UART_MCR_OUT2 | UART_MCR_LOOP)
#define UART_IER_USED	(UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | \
			 UART_IER_MSI)

/* The current state of the modem lines, without the delta bits */
static u8 uart_lines(const struct mtty_uart *uart)
{
	u8 lines = 0;

	/* A modem that is always ready: a guest's open() must not block */
	if (!(uart->mcr & UART_MCR_LOOP))
		return UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD;

	if (uart->mcr & UART_MCR_RTS)
		lines |= UART_MSR_CTS;
	if (uart->mcr & UART_MCR_DTR)
		lines |= UART_MSR_DSR;
	if (uart->mcr & UART_MCR_OUT1)
		lines |= UART_MSR_RI;
	if (uart->mcr & UART_MCR_OUT2)
		lines |= UART_MSR_DCD;
	return lines;
}

static void uart_set_mcr(struct mtty_uart *uart, u8 val)
{
	u8 before = uart_lines(uart);
	u8 changed;

	uart->mcr = val & UART_MCR_USED;
	changed = before ^ uart_lines(uart);

	/* Each delta bit stands four below its line; RI only counts falling */
	if (changed & UART_MSR_RI && !(before & UART_MSR_RI))
		changed &= ~UART_MSR_RI;
	uart->msr |= changed >> 4;
}

static unsigned int uart_rx_size(const struct mtty_uart *uart)
{
	return uart->fcr & UART_FCR_ENABLE_FIFO ? MTTY_MIG_UART_FIFO_SIZE : 1;
}

static void uart_receive(struct mtty_uart *uart, u8 val)
{
	if (uart->rx_count < uart_rx_size(uart)) {
		uart->rx[uart->rx_count++] = val;
		return;
	}
	/*
	 * Overrun.  With FIFOs the new character is lost, without them it
	 * destroys the one that was not read in time.
	 */
	uart->lsr |= UART_LSR_OE;
	if (!(uart->fcr & UART_FCR_ENABLE_FIFO))
		uart->rx[0] = val;
}

static u8 uart_take(struct mtty_uart *uart)
{
	u8 val = uart->rx[0];

	if (uart->rx_count) {
		uart->rx_count--;
		memmove(uart->rx, uart->rx + 1, uart->rx_count);
		uart->rx[uart->rx_count] = 0;
	}
	return val;
}

static void uart_clear_rx(struct mtty_uart *uart)
{
	memset(uart->rx, 0, sizeof(uart->rx));
	uart->rx_count = 0;
}

static void uart_set_fcr(struct mtty_uart *uart, u8 val)
{
	/* The other bits can be written only together with the enable bit */
	if (!(val & UART_FCR_ENABLE_FIFO))
		val = 0;

	/* Switching the FIFOs on or off empties them */
	if ((val ^ uart->fcr) & UART_FCR_ENABLE_FIFO ||
	    val & UART_FCR_CLEAR_RCVR)
		uart_clear_rx(uart);
	uart->fcr = val & UART_FCR_KEPT;
}

static void uart_set_ier(struct mtty_uart *uart, u8 val)
{
	/* The transmitter is always empty: enabling its interrupt raises it */
	if (val & ~uart->ier & UART_IER_THRI)
		uart->thri = 1;
	uart->ier = val & UART_IER_USED;
}

/* The pending interrupt of highest priority, as in the IIR */
static u8 uart_iir(const struct mtty_uart *uart)
{
	static const u8 trigger[] = { 1, 4, 8, 14 };

	if (uart->ier & UART_IER_RLSI && uart->lsr)
		return UART_IIR_RLSI;
	if (uart->ier & UART_IER_RDI && uart->rx_count) {
		/*
		 * Below the trigger level the interrupt comes after four
		 * character times.  Here characters take no time.
		 */
		if (uart->rx_count < trigger[uart->fcr >> 6])
			return UART_IIR_RX_TIMEOUT;
		return UART_IIR_RDI;
	}
	if (uart->ier & UART_IER_THRI && uart->thri)
		return UART_IIR_THRI;
	if (uart->ier & UART_IER_MSI && uart->msr)
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

/**
 * mtty_uart_reset - master reset
 * @uart: the port
 */
void mtty_uart_reset(struct mtty_uart *uart)
{
	memset(uart, 0, sizeof(*uart));
}

/**
 * mtty_uart_irq - whether the port asserts its interrupt
 * @uart: the port
 *
 * Return: true as long as an enabled interrupt is pending.
 */
bool mtty_uart_irq(const struct mtty_uart *uart)
{
	return uart_iir(uart) != UART_IIR_NO_INT;
}

/**
 * mtty_uart_read - read a register, with the side effects of the read
 * @uart: the port
 * @reg: offset into the port's BAR, below MTTY_MIG_UART_BAR_SIZE
 *
 * To read without side effects, pass a copy of the port.
 *
 * Return: the register's value.
 */
u8 mtty_uart_read(struct mtty_uart *uart, unsigned int reg)
{
	u8 val;

	switch (reg) {
	case UART_RX:
		if (uart->lcr & UART_LCR_DLAB)
			return uart->dll;
		return uart_take(uart);
	case UART_IER:
		return uart->lcr & UART_LCR_DLAB ? uart->dlm : uart->ier;
	case UART_IIR:
		val = uart_iir(uart);
		/* Reading IIR acknowledges the transmitter interrupt */
		if (val == UART_IIR_THRI)
			uart->thri = 0;
		if (uart->fcr & UART_FCR_ENABLE_FIFO)
			val |= UART_IIR_FIFO_ENABLED;
		return val;
	case UART_LCR:
		return uart->lcr;
	case UART_MCR:
		return uart->mcr;
	case UART_LSR:
		val = uart->lsr | UART_LSR_THRE | UART_LSR_TEMT;
		if (uart->rx_count)
			val |= UART_LSR_DR;
		uart->lsr = 0;
		return val;
	case UART_MSR:
		val = uart->msr | uart_lines(uart);
		uart->msr = 0;
		return val;
	case UART_SCR:
		return uart->scr;
	default:
		return 0xff;
	}
}

/**
 * mtty_uart_write - write a register
 * @uart: the port
 * @reg: offset into the port's BAR, below MTTY_MIG_UART_BAR_SIZE
 * @val: the value
 */
void mtty_uart_write(struct mtty_uart *uart, unsigned int reg, u8 val)
{
	switch (reg) {
	case UART_TX:
		if (uart->lcr & UART_LCR_DLAB) {
			uart->dll = val;
			return;
		}
		if (uart->mcr & UART_MCR_LOOP)
			uart_receive(uart, val);
		uart->thri = 1;
		return;
	case UART_IER:
		if (uart->lcr & UART_LCR_DLAB)
			uart->dlm = val;
		else
			uart_set_ier(uart, val);
		return;
	case UART_FCR:
		uart_set_fcr(uart, val);
		return;
	case UART_LCR:
		uart->lcr = val;
		return;
	case UART_MCR:
		uart_set_mcr(uart, val);
		return;
	case UART_SCR:
		uart->scr = val;
		return;
	default:
		/* LSR and MSR are read only */
		return;
	}
}

/**
 * mtty_uart_valid - check a port that was loaded from a stream
 * @uart: the port
 *
 * Return: false if no sequence of register accesses leads to this state.
 */
bool mtty_uart_valid(const struct mtty_uart *uart)
{
	unsigned int i;

	if (uart->ier & ~UART_IER_USED || uart->mcr & ~UART_MCR_USED ||
	    uart->fcr & ~UART_FCR_KEPT || uart->lsr & ~UART_LSR_OE ||
	    uart->msr & ~UART_MSR_ANY_DELTA || uart->thri > 1)
		return false;
	if (uart->fcr && !(uart->fcr & UART_FCR_ENABLE_FIFO))
		return false;
	if (uart->rx_count > uart_rx_size(uart))
		return false;
	/* What was read is zeroed, see uart_take() */
	for (i = uart->rx_count; i < MTTY_MIG_UART_FIFO_SIZE; i++)
		if (uart->rx[i])
			return false;
	return true;
}
