// SPDX-License-Identifier: GPL-2.0-only
/*
 * The serial ports, against the 16550A's data sheet.
 */
#include <linux/serial_reg.h>
#include <linux/string.h>

#include "helpers.h"

/* In loopback there is no modem; otherwise there is one that is always ready */
#define LINES_READY	(UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD)
#define LSR_IDLE	(UART_LSR_THRE | UART_LSR_TEMT)

static int uart_init(struct kunit *test)
{
	struct mtty_uart *uart = kunit_kzalloc(test, sizeof(*uart), GFP_KERNEL);

	if (!uart)
		return -ENOMEM;
	mtty_uart_reset(uart);
	test->priv = uart;
	return 0;
}

/* In loopback with FIFOs, or without */
static struct mtty_uart *uart_loop(struct kunit *test, bool fifo)
{
	struct mtty_uart *uart = test->priv;

	mtty_uart_write(uart, UART_MCR, UART_MCR_LOOP);
	mtty_uart_write(uart, UART_FCR, fifo ? UART_FCR_ENABLE_FIFO : 0);
	return uart;
}

static void uart_send(struct mtty_uart *uart, u8 first, unsigned int count)
{
	while (count--)
		mtty_uart_write(uart, UART_TX, first++);
}

/* The interrupt that the IIR reports, without the bits for the FIFOs */
static u8 uart_id(struct mtty_uart *uart)
{
	return mtty_uart_read(uart, UART_IIR) & ~UART_IIR_FIFO_ENABLED;
}

/* Registers */

struct reg_value {
	const char *name;
	u8 reg;
	u8 val;
};

static const struct reg_value reset_values[] = {
	{ "RBR", UART_RX, 0 },
	{ "IER", UART_IER, 0 },
	{ "IIR", UART_IIR, UART_IIR_NO_INT },
	{ "LCR", UART_LCR, 0 },
	{ "MCR", UART_MCR, 0 },
	{ "LSR", UART_LSR, LSR_IDLE },
	{ "MSR", UART_MSR, LINES_READY },
	{ "SCR", UART_SCR, 0 },
};

KUNIT_ARRAY_PARAM_DESC(reset_values, reset_values, name);

static void uart_value_after_reset(struct kunit *test)
{
	const struct reg_value *p = test->param_value;
	struct mtty_uart *uart = test->priv;
	unsigned int reg;

	for (reg = 0; reg < MTTY_MIG_UART_BAR_SIZE; reg++)
		mtty_uart_write(uart, reg, 0x93);
	mtty_uart_reset(uart);
	KUNIT_EXPECT_EQ(test, p->val, mtty_uart_read(uart, p->reg));
	KUNIT_EXPECT_FALSE(test, mtty_uart_irq(uart));
}

/* The bits that exist in registers without a side effect */
static const struct reg_value writable_bits[] = {
	{ "IER", UART_IER, 0x0f },
	{ "LCR", UART_LCR, 0xff },
	{ "MCR", UART_MCR, 0x1f },
	{ "SCR", UART_SCR, 0xff },
	{ "LSR is read only", UART_LSR, 0 },
	{ "MSR is read only", UART_MSR, 0 },
};

KUNIT_ARRAY_PARAM_DESC(writable_bits, writable_bits, name);

static void uart_writable_bits(struct kunit *test)
{
	const struct reg_value *p = test->param_value;
	struct mtty_uart *uart = test->priv;
	u8 fixed = mtty_uart_read(uart, p->reg) & ~p->val;
	unsigned int val;

	for (val = 0; val < 256; val++) {
		mtty_uart_write(uart, p->reg, val);
		KUNIT_EXPECT_EQ(test, fixed | (val & p->val),
				mtty_uart_read(uart, p->reg));
	}
}

static void uart_divisor_latch_behind_dlab(struct kunit *test)
{
	struct mtty_uart *uart = uart_loop(test, true);

	mtty_uart_write(uart, UART_IER, UART_IER_RDI);
	uart_send(uart, 'a', 1);

	mtty_uart_write(uart, UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	mtty_uart_write(uart, UART_DLL, 0x12);
	mtty_uart_write(uart, UART_DLM, 0x34);
	KUNIT_EXPECT_EQ(test, 0x12, mtty_uart_read(uart, UART_DLL));
	KUNIT_EXPECT_EQ(test, 0x34, mtty_uart_read(uart, UART_DLM));
	/* With DLAB, only the first two registers are others */
	KUNIT_EXPECT_EQ(test, UART_IIR_RDI, uart_id(uart));
	KUNIT_EXPECT_EQ(test, LSR_IDLE | UART_LSR_DR,
			mtty_uart_read(uart, UART_LSR));

	mtty_uart_write(uart, UART_LCR, UART_LCR_WLEN8);
	KUNIT_EXPECT_EQ(test, UART_IER_RDI, mtty_uart_read(uart, UART_IER));
	KUNIT_EXPECT_EQ(test, 'a', mtty_uart_read(uart, UART_RX));
	KUNIT_EXPECT_EQ(test, LSR_IDLE, mtty_uart_read(uart, UART_LSR));

	mtty_uart_write(uart, UART_LCR, UART_LCR_DLAB);
	KUNIT_EXPECT_EQ(test, 0x12, mtty_uart_read(uart, UART_DLL));
	KUNIT_EXPECT_EQ(test, 0x34, mtty_uart_read(uart, UART_DLM));
}

/* Receiver */

static void uart_sends_into_the_void_without_loopback(struct kunit *test)
{
	struct mtty_uart *uart = test->priv;

	mtty_uart_write(uart, UART_FCR, UART_FCR_ENABLE_FIFO);
	uart_send(uart, 'a', 40);
	KUNIT_EXPECT_EQ(test, LSR_IDLE, mtty_uart_read(uart, UART_LSR));
	KUNIT_EXPECT_EQ(test, 0, mtty_uart_read(uart, UART_RX));
}

static void uart_loopback_without_fifo(struct kunit *test)
{
	struct mtty_uart *uart = uart_loop(test, false);

	uart_send(uart, 'a', 1);
	KUNIT_EXPECT_EQ(test, LSR_IDLE | UART_LSR_DR,
			mtty_uart_read(uart, UART_LSR));
	KUNIT_EXPECT_EQ(test, 'a', mtty_uart_read(uart, UART_RX));
	KUNIT_EXPECT_EQ(test, LSR_IDLE, mtty_uart_read(uart, UART_LSR));
	KUNIT_EXPECT_EQ(test, 0, mtty_uart_read(uart, UART_RX));
}

static void uart_loopback_with_fifo_keeps_order(struct kunit *test)
{
	struct mtty_uart *uart = uart_loop(test, true);
	unsigned int i;

	uart_send(uart, 0xf8, MTTY_MIG_UART_FIFO_SIZE);
	for (i = 0; i < MTTY_MIG_UART_FIFO_SIZE; i++) {
		KUNIT_EXPECT_EQ(test, LSR_IDLE | UART_LSR_DR,
				mtty_uart_read(uart, UART_LSR));
		KUNIT_EXPECT_EQ(test, (0xf8 + i) & 0xff,
				mtty_uart_read(uart, UART_RX));
	}
	KUNIT_EXPECT_EQ(test, LSR_IDLE, mtty_uart_read(uart, UART_LSR));
}

static void uart_overrun_without_fifo_loses_the_old(struct kunit *test)
{
	struct mtty_uart *uart = uart_loop(test, false);

	uart_send(uart, 'a', 2);
	KUNIT_EXPECT_EQ(test, LSR_IDLE | UART_LSR_DR | UART_LSR_OE,
			mtty_uart_read(uart, UART_LSR));
	KUNIT_EXPECT_EQ(test, 'b', mtty_uart_read(uart, UART_RX));
	KUNIT_EXPECT_EQ(test, LSR_IDLE, mtty_uart_read(uart, UART_LSR));
}

static void uart_overrun_with_fifo_loses_the_new(struct kunit *test)
{
	struct mtty_uart *uart = uart_loop(test, true);
	unsigned int i;

	uart_send(uart, 'a', MTTY_MIG_UART_FIFO_SIZE + 1);
	KUNIT_EXPECT_EQ(test, LSR_IDLE | UART_LSR_DR | UART_LSR_OE,
			mtty_uart_read(uart, UART_LSR));
	for (i = 0; i < MTTY_MIG_UART_FIFO_SIZE; i++)
		KUNIT_EXPECT_EQ(test, 'a' + i, mtty_uart_read(uart, UART_RX));
	KUNIT_EXPECT_EQ(test, LSR_IDLE, mtty_uart_read(uart, UART_LSR));
}

static void uart_overrun_ends_when_lsr_is_read(struct kunit *test)
{
	struct mtty_uart *uart = uart_loop(test, false);

	uart_send(uart, 'a', 2);
	KUNIT_EXPECT_TRUE(test, mtty_uart_read(uart, UART_LSR) & UART_LSR_OE);
	KUNIT_EXPECT_FALSE(test, mtty_uart_read(uart, UART_LSR) & UART_LSR_OE);
}

/* FIFO control */

static void uart_iir_tells_whether_fifos_are_on(struct kunit *test)
{
	struct mtty_uart *uart = test->priv;

	KUNIT_EXPECT_EQ(test, UART_IIR_NO_INT, mtty_uart_read(uart, UART_IIR));
	mtty_uart_write(uart, UART_FCR, UART_FCR_ENABLE_FIFO);
	KUNIT_EXPECT_EQ(test, UART_IIR_NO_INT | UART_IIR_FIFO_ENABLED,
			mtty_uart_read(uart, UART_IIR));
	mtty_uart_write(uart, UART_FCR, 0);
	KUNIT_EXPECT_EQ(test, UART_IIR_NO_INT, mtty_uart_read(uart, UART_IIR));
}

struct fcr_case {
	const char *name;
	bool fifo;	/* before */
	u8 fcr;		/* what is written */
	bool empties;
};

static const struct fcr_case fcr_cases[] = {
	{ "switching on empties", false, UART_FCR_ENABLE_FIFO, true },
	{ "switching off empties", true, 0, true },
	{ "staying on keeps", true, UART_FCR_ENABLE_FIFO, false },
	{ "staying off keeps", false, 0, false },
	{ "clear receiver empties", true,
	  UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR, true },
	{ "clear receiver without FIFOs keeps", false, UART_FCR_CLEAR_RCVR,
	  false },
	{ "clear transmitter keeps", true,
	  UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_XMIT, false },
	{ "a new trigger keeps", true,
	  UART_FCR_ENABLE_FIFO | UART_FCR_R_TRIG_10, false },
};

KUNIT_ARRAY_PARAM_DESC(fcr_cases, fcr_cases, name);

static void uart_fcr_and_what_was_received(struct kunit *test)
{
	const struct fcr_case *p = test->param_value;
	struct mtty_uart *uart = uart_loop(test, p->fifo);

	uart_send(uart, 'a', 1);
	mtty_uart_write(uart, UART_FCR, p->fcr);
	KUNIT_EXPECT_EQ(test, LSR_IDLE | (p->empties ? 0 : UART_LSR_DR),
			mtty_uart_read(uart, UART_LSR));
	KUNIT_EXPECT_EQ(test, p->empties ? 0 : 'a',
			mtty_uart_read(uart, UART_RX));
}

static void uart_fcr_bits_need_the_enable_bit(struct kunit *test)
{
	struct mtty_uart *uart = uart_loop(test, false);

	mtty_uart_write(uart, UART_FCR, UART_FCR_R_TRIG_11);
	mtty_uart_write(uart, UART_IER, UART_IER_RDI);
	uart_send(uart, 'a', 1);
	/*
	 * If the new trigger level had been used, the count would be below it
	 */
	KUNIT_EXPECT_EQ(test, UART_IIR_RDI, mtty_uart_read(uart, UART_IIR));
}

static void uart_fcr_clear_bits_clear_themselves(struct kunit *test)
{
	struct mtty_uart *uart = uart_loop(test, true);

	mtty_uart_write(uart, UART_FCR, 0xff);
	KUNIT_EXPECT_EQ(test, UART_FCR_ENABLE_FIFO | UART_FCR_DMA_SELECT |
			UART_FCR_TRIGGER_MASK, uart->fcr);
	uart_send(uart, 'a', 1);
	KUNIT_EXPECT_EQ(test, 'a', mtty_uart_read(uart, UART_RX));
}

struct trigger {
	const char *name;
	u8 fcr;
	unsigned int level;
};

static const struct trigger triggers[] = {
	{ "1", UART_FCR_R_TRIG_00, 1 },
	{ "4", UART_FCR_R_TRIG_01, 4 },
	{ "8", UART_FCR_R_TRIG_10, 8 },
	{ "14", UART_FCR_R_TRIG_11, 14 },
};

KUNIT_ARRAY_PARAM_DESC(triggers, triggers, name);

static void uart_trigger_level(struct kunit *test)
{
	const struct trigger *p = test->param_value;
	struct mtty_uart *uart = uart_loop(test, true);
	unsigned int n;

	mtty_uart_write(uart, UART_FCR, UART_FCR_ENABLE_FIFO | p->fcr);
	mtty_uart_write(uart, UART_IER, UART_IER_RDI);
	KUNIT_EXPECT_EQ(test, UART_IIR_NO_INT, uart_id(uart));
	for (n = 1; n <= MTTY_MIG_UART_FIFO_SIZE; n++) {
		uart_send(uart, 'a', 1);
		KUNIT_EXPECT_EQ_MSG(test, n < p->level ? UART_IIR_RX_TIMEOUT :
							 UART_IIR_RDI,
				    uart_id(uart), "%u characters", n);
	}
	/* And on the way down */
	for (n = MTTY_MIG_UART_FIFO_SIZE; n; n--) {
		KUNIT_EXPECT_EQ_MSG(test, n < p->level ? UART_IIR_RX_TIMEOUT :
							 UART_IIR_RDI,
				    uart_id(uart), "%u characters", n);
		mtty_uart_read(uart, UART_RX);
	}
	KUNIT_EXPECT_EQ(test, UART_IIR_NO_INT, uart_id(uart));
}

/* Interrupts */

static void uart_iir_by_priority(struct kunit *test)
{
	struct mtty_uart *uart = uart_loop(test, false);

	mtty_uart_read(uart, UART_MSR);
	mtty_uart_write(uart, UART_IER, UART_IER_RLSI | UART_IER_RDI |
			UART_IER_THRI | UART_IER_MSI);
	mtty_uart_write(uart, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	uart_send(uart, 'a', 2);

	KUNIT_EXPECT_EQ(test, UART_IIR_RLSI, uart_id(uart));
	KUNIT_EXPECT_EQ(test, UART_IIR_RLSI, uart_id(uart));
	mtty_uart_read(uart, UART_LSR);
	KUNIT_EXPECT_EQ(test, UART_IIR_RDI, uart_id(uart));
	KUNIT_EXPECT_EQ(test, UART_IIR_RDI, uart_id(uart));
	mtty_uart_read(uart, UART_RX);
	/* Reading the IIR clears this interrupt */
	KUNIT_EXPECT_EQ(test, UART_IIR_THRI, uart_id(uart));
	KUNIT_EXPECT_EQ(test, UART_IIR_MSI, uart_id(uart));
	KUNIT_EXPECT_EQ(test, UART_IIR_MSI, uart_id(uart));
	mtty_uart_read(uart, UART_MSR);
	KUNIT_EXPECT_EQ(test, UART_IIR_NO_INT, uart_id(uart));
	KUNIT_EXPECT_FALSE(test, mtty_uart_irq(uart));
}

struct ier_case {
	const char *name;
	u8 ier;
	u8 id;
};

static const struct ier_case ier_cases[] = {
	{ "none", 0, UART_IIR_NO_INT },
	{ "line status", UART_IER_RLSI, UART_IIR_RLSI },
	{ "received data", UART_IER_RDI, UART_IIR_RDI },
	{ "transmitter empty", UART_IER_THRI, UART_IIR_THRI },
	{ "modem status", UART_IER_MSI, UART_IIR_MSI },
};

KUNIT_ARRAY_PARAM_DESC(ier_cases, ier_cases, name);

static void uart_ier_enables_only(struct kunit *test)
{
	const struct ier_case *p = test->param_value;
	struct mtty_uart *uart = uart_loop(test, false);

	/* All four conditions are there */
	mtty_uart_write(uart, UART_MCR, UART_MCR_LOOP | UART_MCR_DTR);
	uart_send(uart, 'a', 2);
	mtty_uart_write(uart, UART_IER, p->ier);
	KUNIT_EXPECT_EQ(test, p->id != UART_IIR_NO_INT, mtty_uart_irq(uart));
	KUNIT_EXPECT_EQ(test, p->id, uart_id(uart));
}

static void uart_thri_rises_when_enabled(struct kunit *test)
{
	struct mtty_uart *uart = test->priv;

	mtty_uart_write(uart, UART_IER, UART_IER_THRI);
	KUNIT_EXPECT_TRUE(test, mtty_uart_irq(uart));
	KUNIT_EXPECT_EQ(test, UART_IIR_THRI, uart_id(uart));
	KUNIT_EXPECT_FALSE(test, mtty_uart_irq(uart));

	/* It was enabled before, so there is no edge */
	mtty_uart_write(uart, UART_IER, UART_IER_THRI | UART_IER_RDI);
	KUNIT_EXPECT_FALSE(test, mtty_uart_irq(uart));

	mtty_uart_write(uart, UART_IER, 0);
	mtty_uart_write(uart, UART_IER, UART_IER_THRI);
	KUNIT_EXPECT_TRUE(test, mtty_uart_irq(uart));
}

static void uart_thri_rises_when_sent(struct kunit *test)
{
	struct mtty_uart *uart = test->priv;

	mtty_uart_write(uart, UART_IER, UART_IER_THRI);
	uart_id(uart);
	KUNIT_EXPECT_FALSE(test, mtty_uart_irq(uart));
	uart_send(uart, 'a', 1);
	KUNIT_EXPECT_TRUE(test, mtty_uart_irq(uart));
	KUNIT_EXPECT_EQ(test, UART_IIR_THRI, uart_id(uart));
	KUNIT_EXPECT_FALSE(test, mtty_uart_irq(uart));
}

static void uart_thri_is_not_acknowledged_behind_another(struct kunit *test)
{
	struct mtty_uart *uart = uart_loop(test, false);

	mtty_uart_write(uart, UART_IER, UART_IER_THRI | UART_IER_RDI);
	uart_send(uart, 'a', 1);
	KUNIT_EXPECT_EQ(test, UART_IIR_RDI, uart_id(uart));
	mtty_uart_read(uart, UART_RX);
	KUNIT_EXPECT_EQ(test, UART_IIR_THRI, uart_id(uart));
	KUNIT_EXPECT_EQ(test, UART_IIR_NO_INT, uart_id(uart));
}

/* Modem */

struct modem_case {
	const char *name;
	u8 mcr;
	u8 line;
	u8 rising;	/* delta bit, if any */
	u8 falling;
};

static const struct modem_case modem_cases[] = {
	{ "RTS is CTS", UART_MCR_RTS, UART_MSR_CTS, UART_MSR_DCTS,
	  UART_MSR_DCTS },
	{ "DTR is DSR", UART_MCR_DTR, UART_MSR_DSR, UART_MSR_DDSR,
	  UART_MSR_DDSR },
	{ "OUT1 is RI, trailing edge", UART_MCR_OUT1, UART_MSR_RI, 0,
	  UART_MSR_TERI },
	{ "OUT2 is DCD", UART_MCR_OUT2, UART_MSR_DCD, UART_MSR_DDCD,
	  UART_MSR_DDCD },
};

KUNIT_ARRAY_PARAM_DESC(modem_cases, modem_cases, name);

static void uart_modem_line_in_loopback(struct kunit *test)
{
	const struct modem_case *p = test->param_value;
	struct mtty_uart *uart = uart_loop(test, false);

	mtty_uart_read(uart, UART_MSR);
	mtty_uart_write(uart, UART_MCR, UART_MCR_LOOP | p->mcr);
	KUNIT_EXPECT_EQ(test, p->line | p->rising,
			mtty_uart_read(uart, UART_MSR));
	/* Reading clears the delta bits, not the line */
	KUNIT_EXPECT_EQ(test, p->line, mtty_uart_read(uart, UART_MSR));
	mtty_uart_write(uart, UART_MCR, UART_MCR_LOOP);
	KUNIT_EXPECT_EQ(test, p->falling, mtty_uart_read(uart, UART_MSR));
	KUNIT_EXPECT_EQ(test, 0, mtty_uart_read(uart, UART_MSR));
}

static void uart_modem_lines_are_ready_without_loopback(struct kunit *test)
{
	struct mtty_uart *uart = test->priv;
	unsigned int mcr;

	for (mcr = 0; mcr < UART_MCR_LOOP; mcr++) {
		mtty_uart_write(uart, UART_MCR, mcr);
		KUNIT_EXPECT_EQ(test, LINES_READY,
				mtty_uart_read(uart, UART_MSR));
	}
}

static void uart_modem_deltas_add_up(struct kunit *test)
{
	struct mtty_uart *uart = uart_loop(test, false);

	mtty_uart_read(uart, UART_MSR);
	mtty_uart_write(uart, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	mtty_uart_write(uart, UART_MCR, UART_MCR_LOOP);
	mtty_uart_write(uart, UART_MCR, UART_MCR_LOOP | UART_MCR_DTR);
	KUNIT_EXPECT_EQ(test, UART_MSR_DSR | UART_MSR_DDSR | UART_MSR_DCTS,
			mtty_uart_read(uart, UART_MSR));
}

static void uart_entering_loopback_drops_the_lines(struct kunit *test)
{
	struct mtty_uart *uart = uart_loop(test, false);

	KUNIT_EXPECT_EQ(test, UART_MSR_DCTS | UART_MSR_DDSR | UART_MSR_DDCD,
			mtty_uart_read(uart, UART_MSR));
}

/* Validity */

static void uart_every_reachable_state_is_valid(struct kunit *test)
{
	struct mtty_uart *uart = test->priv;
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, 1);
	for (i = 0; i < 20000; i++) {
		u32 r = prandom_u32_state(&rnd);

		/* DLAB would mostly be set, loopback mostly not */
		if ((r & 7) == UART_LCR)
			r &= ~(UART_LCR_DLAB << 8) | (r >> 16);
		if ((r & 7) == UART_MCR)
			r |= UART_MCR_LOOP << 8;
		if (r & BIT(31))
			mtty_uart_read(uart, r & 7);
		else
			mtty_uart_write(uart, r & 7, r >> 8);
		if (mtty_uart_valid(uart))
			continue;
		KUNIT_FAIL(test, "invalid after %u accesses", i + 1);
		return;
	}
}

static void uart_irq_is_what_iir_tells(struct kunit *test)
{
	struct mtty_uart *uart = test->priv;
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, 2);
	for (i = 0; i < 2000; i++) {
		u32 r = prandom_u32_state(&rnd);
		struct mtty_uart copy;
		bool irq;

		mtty_uart_write(uart, r & 7, r >> 8);
		copy = *uart;
		irq = mtty_uart_irq(uart);
		/* To ask is no access */
		KUNIT_EXPECT_MEMEQ(test, &copy, uart, sizeof(copy));
		KUNIT_EXPECT_EQ(test, irq, uart_id(uart) != UART_IIR_NO_INT);
	}
}

/* Fields in which each bit is valid or not by itself, in a port with FIFOs */
struct field {
	const char *name;
	size_t offset;
	u8 legal;
};

#define FIELD(_name, _legal) \
	{ #_name, offsetof(struct mtty_uart, _name), _legal }

static const struct field fields[] = {
	FIELD(ier, 0x0f),
	FIELD(lcr, 0xff),
	FIELD(mcr, 0x1f),
	FIELD(lsr, UART_LSR_OE),
	FIELD(msr, 0x0f),
	FIELD(scr, 0xff),
	FIELD(dll, 0xff),
	FIELD(dlm, 0xff),
	FIELD(thri, 1),
};

KUNIT_ARRAY_PARAM_DESC(fields, fields, name);

static void uart_valid_by_field(struct kunit *test)
{
	const struct field *p = test->param_value;
	struct mtty_uart *uart = uart_loop(test, true);
	unsigned int val;

	for (val = 0; val < 256; val++) {
		((u8 *)uart)[p->offset] = val;
		KUNIT_EXPECT_EQ_MSG(test, !(val & ~p->legal),
				    mtty_uart_valid(uart), "%#x", val);
	}
}

static void uart_valid_fcr(struct kunit *test)
{
	struct mtty_uart *uart = test->priv;
	unsigned int val;

	for (val = 0; val < 256; val++) {
		bool on = val & UART_FCR_ENABLE_FIFO;
		bool clears = val & (UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT |
				     0x30);

		uart->fcr = val;
		KUNIT_EXPECT_EQ_MSG(test, !val || (on && !clears),
				    mtty_uart_valid(uart), "%#x", val);
	}
}

static void uart_valid_rx_count(struct kunit *test)
{
	struct mtty_uart *uart = test->priv;
	unsigned int count;

	for (count = 0; count < 256; count++) {
		uart->rx_count = count;
		uart->fcr = 0;
		KUNIT_EXPECT_EQ_MSG(test, count <= 1, mtty_uart_valid(uart),
				    "%u without FIFOs", count);
		uart->fcr = UART_FCR_ENABLE_FIFO;
		KUNIT_EXPECT_EQ_MSG(test, count <= MTTY_MIG_UART_FIFO_SIZE,
				    mtty_uart_valid(uart), "%u with FIFOs",
				    count);
	}
}

static void uart_valid_rx_is_zero_where_empty(struct kunit *test)
{
	struct mtty_uart *uart = uart_loop(test, true);
	unsigned int count, i;

	for (count = 0; count <= MTTY_MIG_UART_FIFO_SIZE; count++)
		for (i = 0; i < MTTY_MIG_UART_FIFO_SIZE; i++) {
			uart->rx_count = count;
			uart->rx[i] = 1;
			KUNIT_EXPECT_EQ_MSG(test, i < count,
					    mtty_uart_valid(uart),
					    "character %u of %u", i, count);
			uart->rx[i] = 0;
		}
}

static struct kunit_case uart_cases[] = {
	KUNIT_CASE_PARAM(uart_value_after_reset, reset_values_gen_params),
	KUNIT_CASE_PARAM(uart_writable_bits, writable_bits_gen_params),
	KUNIT_CASE(uart_divisor_latch_behind_dlab),
	KUNIT_CASE(uart_sends_into_the_void_without_loopback),
	KUNIT_CASE(uart_loopback_without_fifo),
	KUNIT_CASE(uart_loopback_with_fifo_keeps_order),
	KUNIT_CASE(uart_overrun_without_fifo_loses_the_old),
	KUNIT_CASE(uart_overrun_with_fifo_loses_the_new),
	KUNIT_CASE(uart_overrun_ends_when_lsr_is_read),
	KUNIT_CASE(uart_iir_tells_whether_fifos_are_on),
	KUNIT_CASE_PARAM(uart_fcr_and_what_was_received, fcr_cases_gen_params),
	KUNIT_CASE(uart_fcr_bits_need_the_enable_bit),
	KUNIT_CASE(uart_fcr_clear_bits_clear_themselves),
	KUNIT_CASE_PARAM(uart_trigger_level, triggers_gen_params),
	KUNIT_CASE(uart_iir_by_priority),
	KUNIT_CASE_PARAM(uart_ier_enables_only, ier_cases_gen_params),
	KUNIT_CASE(uart_thri_rises_when_enabled),
	KUNIT_CASE(uart_thri_rises_when_sent),
	KUNIT_CASE(uart_thri_is_not_acknowledged_behind_another),
	KUNIT_CASE_PARAM(uart_modem_line_in_loopback, modem_cases_gen_params),
	KUNIT_CASE(uart_modem_lines_are_ready_without_loopback),
	KUNIT_CASE(uart_modem_deltas_add_up),
	KUNIT_CASE(uart_entering_loopback_drops_the_lines),
	KUNIT_CASE(uart_every_reachable_state_is_valid),
	KUNIT_CASE(uart_irq_is_what_iir_tells),
	KUNIT_CASE_PARAM(uart_valid_by_field, fields_gen_params),
	KUNIT_CASE(uart_valid_fcr),
	KUNIT_CASE(uart_valid_rx_count),
	KUNIT_CASE(uart_valid_rx_is_zero_where_empty),
	{}
};

static struct kunit_suite uart_suite = {
	.name = "mtty_mig_uart",
	.init = uart_init,
	.test_cases = uart_cases,
};

kunit_test_suite(uart_suite);
