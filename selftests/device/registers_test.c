// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every register at the destination has the value that was written at the
 * source.
 *
 * It is compared with that value, and neither with the digest nor with another
 * device: both come by the same functions, and those may forget a field at both
 * ends alike. So whoever adds a register adds it here, too.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/serial_reg.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/vfio_dma.h"
#include "lib/dma.h"
#include "lib/stream_edit.h"

#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX
#define MSIX		VFIO_PCI_MSIX_IRQ_INDEX
#define PRI(reg)	(MTTY_MIG_PRI + MTTY_MIG_PRI_##reg)
#define DMA(n, reg)	(MTTY_MIG_DMA(n) + MTTY_MIG_DMA_##reg)
#define PAGE		((__u64)MTTY_MIG_PAGE_SIZE)
#define MEM_SIZE	0x10000
#define IOVA		0x40000000ULL

/**
 * struct reg - a register that keeps what is written
 * @name: for messages
 * @at: its offset
 * @len: its bytes
 * @val: what is written
 * @kept: what it reads as then
 */
struct reg {
	const char *name;
	unsigned int at;
	unsigned int len;
	__u32 val;
	__u32 kept;
};

/* No value twice, and no byte that is zero where it can be another */
static const struct reg ctrl_regs[] = {
	{ "SCRATCH", MTTY_MIG_REG_SCRATCH, 4, 0x5c4a7c81, 0x5c4a7c81 },
	{ "PEER_BASE_LO", MTTY_MIG_REG_PEER_BASE_LO, 4,
	  0x11213141, 0x11213141 },
	{ "PEER_BASE_HI", MTTY_MIG_REG_PEER_BASE_HI, 4,
	  0x12223242, 0x12223242 },
	{ "PEER_SIZE_LO", MTTY_MIG_REG_PEER_SIZE_LO, 4,
	  0x13233343, 0x13233343 },
	{ "PEER_SIZE_HI", MTTY_MIG_REG_PEER_SIZE_HI, 4,
	  0x14243444, 0x14243444 },
	{ "DMA(0, CMD)", DMA(0, CMD), 4, ~0U,
	  MTTY_MIG_DMA_OP_FILL | MTTY_MIG_DMA_IRQ },
	{ "DMA(0, SRC_LO)", DMA(0, SRC_LO), 4, 0x21a1b1c1, 0x21a1b1c1 },
	{ "DMA(0, SRC_HI)", DMA(0, SRC_HI), 4, 0x22a2b2c2, 0x22a2b2c2 },
	{ "DMA(0, DST_LO)", DMA(0, DST_LO), 4, 0x23a3b3c3, 0x23a3b3c3 },
	{ "DMA(0, DST_HI)", DMA(0, DST_HI), 4, 0x24a4b4c4, 0x24a4b4c4 },
	{ "DMA(0, LEN_LO)", DMA(0, LEN_LO), 4, 0x25a5b5c5, 0x25a5b5c5 },
	{ "DMA(0, LEN_HI)", DMA(0, LEN_HI), 4, 0x26a6b6c6, 0x26a6b6c6 },
	{ "DMA(0, RATE)", DMA(0, RATE), 4, 0x27a7b7c7, 0x27a7b7c7 },
	{ "DMA(0, PATTERN)", DMA(0, PATTERN), 4, 0x28a8b8c8, 0x28a8b8c8 },
	{ "DMA(1, CMD)", DMA(1, CMD), 4, MTTY_MIG_DMA_OP_READ,
	  MTTY_MIG_DMA_OP_READ },
	{ "DMA(1, SRC_LO)", DMA(1, SRC_LO), 4, 0x31d1e1f1, 0x31d1e1f1 },
	{ "DMA(1, SRC_HI)", DMA(1, SRC_HI), 4, 0x32d2e2f2, 0x32d2e2f2 },
	{ "DMA(1, DST_LO)", DMA(1, DST_LO), 4, 0x33d3e3f3, 0x33d3e3f3 },
	{ "DMA(1, DST_HI)", DMA(1, DST_HI), 4, 0x34d4e4f4, 0x34d4e4f4 },
	{ "DMA(1, LEN_LO)", DMA(1, LEN_LO), 4, 0x35d5e5f5, 0x35d5e5f5 },
	{ "DMA(1, LEN_HI)", DMA(1, LEN_HI), 4, 0x36d6e6f6, 0x36d6e6f6 },
	{ "DMA(1, RATE)", DMA(1, RATE), 4, 0x37d7e7f7, 0x37d7e7f7 },
	{ "DMA(1, PATTERN)", DMA(1, PATTERN), 4, 0x38d8e8f8, 0x38d8e8f8 },
	{ "vector 0, address", 0x1000, 4, 0xfee0a103, 0xfee0a100 },
	{ "vector 0, upper address", 0x1004, 4, 0x41425301, 0x41425301 },
	{ "vector 0, data", 0x1008, 4, 0x42435402, 0x42435402 },
	{ "vector 0, control", 0x100c, 4, ~0U, 1 },
	{ "vector 1, address", 0x1010, 4, 0xfee0b204, 0xfee0b204 },
	{ "vector 1, upper address", 0x1014, 4, 0x43445503, 0x43445503 },
	{ "vector 1, data", 0x1018, 4, 0x44455604, 0x44455604 },
	{ "vector 1, control", 0x101c, 4, 0, 0 },
	{ "vector 2, address", 0x1020, 4, 0xfee0c308, 0xfee0c308 },
	{ "vector 2, upper address", 0x1024, 4, 0x45465705, 0x45465705 },
	{ "vector 2, data", 0x1028, 4, 0x46475806, 0x46475806 },
	{ "vector 2, control", 0x102c, 4, 1, 1 },
	{ "vector 3, address", 0x1030, 4, 0xfee0d40c, 0xfee0d40c },
	{ "vector 3, upper address", 0x1034, 4, 0x47485907, 0x47485907 },
	{ "vector 3, data", 0x1038, 4, 0x48495a08, 0x48495a08 },
	{ "vector 3, control", 0x103c, 4, 0, 0 },
};

/* The capabilities are at 0x40, MSI, and 0x60, MSI-X */
static const struct reg config_regs[] = {
	{ "command", PCI_COMMAND, 2, 0xffff, 0x0547 },
	{ "cache line size", PCI_CACHE_LINE_SIZE, 1, 0x51, 0x51 },
	{ "latency timer", PCI_LATENCY_TIMER, 1, 0x52, 0x52 },
	{ "interrupt line", PCI_INTERRUPT_LINE, 1, 0x53, 0x53 },
	{ "BAR 0", PCI_BASE_ADDRESS_0, 4, 0xa1b2c3ff, 0xa1b2c3f9 },
	{ "BAR 1", PCI_BASE_ADDRESS_1, 4, 0xa2b3c4ef, 0xa2b3c4e9 },
	{ "BAR 2", PCI_BASE_ADDRESS_2, 4, 0xa3b4ffff, 0xa3b4c000 },
	{ "BAR 3", PCI_BASE_ADDRESS_3, 4, 0xffffffff, 0 },
	{ "BAR 4", PCI_BASE_ADDRESS_4, 4, 0xa4b5ffff, 0xa4b5000c },
	{ "BAR 5", PCI_BASE_ADDRESS_5, 4, 0xa5b6c7d8, 0xa5b6c7d8 },
	{ "MSI flags", 0x42, 2, 0x0021, 0x01a5 },
	{ "MSI address", 0x44, 4, 0xfee0e513, 0xfee0e510 },
	{ "MSI upper address", 0x48, 4, 0x61626364, 0x61626364 },
	{ "MSI data", 0x4c, 2, 0x6566, 0x6566 },
	{ "MSI mask", 0x50, 4, ~0U, 0xf },
	/* Enabled, and all vectors masked */
	{ "MSI-X flags", 0x62, 2, 0xc000, 0xc003 },
};

static __u32 reg_read(struct mtty *mtty, unsigned int region,
		      const struct reg *reg)
{
	switch (reg->len) {
	case 1:
		return vfio_region_read8(&mtty->dev, region, reg->at);
	case 2:
		return vfio_region_read16(&mtty->dev, region, reg->at);
	default:
		return vfio_region_read32(&mtty->dev, region, reg->at);
	}
}

static void reg_write(struct mtty *mtty, unsigned int region,
		      const struct reg *reg)
{
	switch (reg->len) {
	case 1:
		vfio_region_write8(&mtty->dev, region, reg->at, reg->val);
		break;
	case 2:
		vfio_region_write16(&mtty->dev, region, reg->at, reg->val);
		break;
	default:
		vfio_region_write32(&mtty->dev, region, reg->at, reg->val);
	}
}

static void write_regs(struct mtty *mtty, unsigned int region,
		       const struct reg *regs, unsigned int count)
{
	while (count--)
		reg_write(mtty, region, regs++);
}

static void check_regs(struct __test_metadata *_metadata, struct mtty *mtty,
		       unsigned int region, const struct reg *regs,
		       unsigned int count)
{
	for (; count--; regs++) {
		EXPECT_EQ(regs->kept, reg_read(mtty, region, regs))
			TH_LOG("%s", regs->name);
	}
}

/**
 * struct port - a serial port, as it is set up and as it reads
 * @lcr: line control
 * @dll: divisor, low
 * @dlm: divisor, high
 * @scr: scratch
 * @fcr: FIFO control
 * @mcr_before: modem control at first
 * @mcr: modem control then
 * @ier: interrupt enable
 * @tx: what is sent to itself
 * @taken: how many characters are read again before the migration
 * @acknowledged: the transmitter's interrupt is, before the migration
 * @rx: what is received then
 * @lsr: line status, first reading
 * @msr: modem status, first reading
 * @iir: interrupt identification: at first; after LSR; after the characters;
 *	and once more, for reading it acknowledges the transmitter; after MSR
 */
struct port {
	__u8 lcr;
	__u8 dll;
	__u8 dlm;
	__u8 scr;
	__u8 fcr;
	__u8 mcr_before;
	__u8 mcr;
	__u8 ier;
	const char *tx;
	unsigned int taken;
	bool acknowledged;
	const char *rx;
	__u8 lsr;
	__u8 msr;
	__u8 iir[5];
};

#define FIFO(trigger)	(UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_##trigger)
#define LOOP(lines)	(UART_MCR_LOOP | (lines))
#define IDLE		(UART_LSR_TEMT | UART_LSR_THRE)
#define READY		(IDLE | UART_LSR_DR)
#define OVERRUN		(READY | UART_LSR_OE)

FIXTURE(registers)
{
	struct mtty src;
	struct mtty dst;
	struct mig_stream stream;
};

/* Of each bit, and each trigger level, one port that has it and one without */
FIXTURE_VARIANT(registers)
{
	struct port ports[MTTY_MIG_NR_UARTS];
};

FIXTURE_VARIANT_ADD(registers, ports_with_half_a_fifo)
{
	.ports = { {
		/* Below the trigger, and nothing was lost */
		.lcr = 0x0b, .dll = 0x21, .dlm = 0x43, .scr = 0xa5,
		.fcr = FIFO(14), .mcr = LOOP(UART_MCR_RTS | UART_MCR_OUT1),
		.ier = UART_IER_RDI | UART_IER_MSI,
		.tx = "abcdefghijk", .rx = "abcdefghijk",
		.lsr = READY, .msr = 0x5a,
		.iir = { 0xcc, 0xcc, 0xc0, 0xc0, 0xc1 },
	}, {
		/* All interrupts, one behind the other */
		.lcr = 0x5f, .dll = 0x65, .dlm = 0x87, .scr = 0x5a,
		.fcr = FIFO(8), .mcr = LOOP(UART_MCR_DTR | UART_MCR_OUT2),
		.ier = 0x0f,
		.tx = "0123456789ABCDEFG", .taken = 9, .rx = "9ABCDEF",
		.lsr = OVERRUN, .msr = 0xa1,
		.iir = { 0xc6, 0xcc, 0xc2, 0xc0, 0xc1 },
	} },
};

FIXTURE_VARIANT_ADD(registers, ports_without_fifo)
{
	.ports = { {
		/* The transmitter's interrupt is not pending any more */
		.lcr = 0x83, .dll = 0xff, .dlm = 0x01, .scr = 0x01,
		.mcr_before = LOOP(UART_MCR_OUT1), .mcr = LOOP(0),
		.ier = UART_IER_THRI, .tx = "x", .acknowledged = true,
		.rx = "x", .lsr = READY, .msr = 0x0f,
		.iir = { 0x01, 0x01, 0x01, 0x01, 0x01 },
	}, {
		/* The last character took the first one's place */
		.lcr = 0x40, .dll = 0x01, .dlm = 0xff, .scr = 0x80,
		.mcr = LOOP(0x0f),
		.ier = UART_IER_RLSI | UART_IER_RDI, .tx = "pq", .rx = "q",
		.lsr = OVERRUN, .msr = 0xf0,
		.iir = { 0x06, 0x04, 0x01, 0x01, 0x01 },
	} },
};

/* Trigger levels that are just reached, and of the full FIFO the last place */
FIXTURE_VARIANT_ADD(registers, ports_at_the_trigger)
{
	.ports = { {
		.lcr = 0x20, .dll = 0x10, .dlm = 0x20, .scr = 0x10,
		.fcr = FIFO(4), .mcr = LOOP(0x0f),
		.ier = UART_IER_RDI, .tx = "wxyz", .rx = "wxyz",
		.lsr = READY, .msr = 0xf0,
		.iir = { 0xc4, 0xc4, 0xc1, 0xc1, 0xc1 },
	}, {
		.lcr = 0x00, .dll = 0x08, .dlm = 0x40, .scr = 0x08,
		.fcr = FIFO(1), .mcr = LOOP(0x0f),
		.ier = UART_IER_RDI,
		.tx = "ABCDEFGHIJKLMNOP", .rx = "ABCDEFGHIJKLMNOP",
		.lsr = READY, .msr = 0xf0,
		.iir = { 0xc4, 0xc4, 0xc1, 0xc1, 0xc1 },
	} },
};

/* The last type, which has all registers that there are */
FIXTURE_SETUP(registers)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->src, "vpri", MEM_SIZE);
	mtty_new(&self->dst, "vpri", MEM_SIZE);
}

FIXTURE_TEARDOWN(registers)
{
	mig_stream_free(&self->stream);
	mtty_remove_all();
}

static void write_port(struct mtty *mtty, unsigned int nr,
		       const struct port *port)
{
	const char *tx = port->tx;
	unsigned int i;

	mtty_uart_out(mtty, nr, UART_LCR, UART_LCR_DLAB);
	mtty_uart_out(mtty, nr, UART_DLL, port->dll);
	mtty_uart_out(mtty, nr, UART_DLM, port->dlm);
	mtty_uart_out(mtty, nr, UART_LCR, 0);
	mtty_uart_out(mtty, nr, UART_SCR, port->scr);
	mtty_uart_out(mtty, nr, UART_FCR, port->fcr);
	if (port->mcr_before)
		mtty_uart_out(mtty, nr, UART_MCR, port->mcr_before);
	mtty_uart_out(mtty, nr, UART_MCR, port->mcr);
	while (*tx)
		mtty_uart_out(mtty, nr, UART_TX, *tx++);
	for (i = 0; i < port->taken; i++)
		mtty_uart_in(mtty, nr, UART_RX);
	mtty_uart_out(mtty, nr, UART_IER, port->ier);
	if (port->acknowledged)
		mtty_uart_in(mtty, nr, UART_IIR);
	mtty_uart_out(mtty, nr, UART_LCR, port->lcr);
}

/* In the order in which what a register tells takes from what others tell */
static void check_port(struct __test_metadata *_metadata, struct mtty *mtty,
		       unsigned int nr, const struct port *port)
{
	const char *rx = port->rx;

	EXPECT_EQ(port->lcr, mtty_uart_in(mtty, nr, UART_LCR));
	mtty_uart_out(mtty, nr, UART_LCR, port->lcr & ~UART_LCR_DLAB);
	EXPECT_EQ(port->ier, mtty_uart_in(mtty, nr, UART_IER));
	EXPECT_EQ(port->mcr, mtty_uart_in(mtty, nr, UART_MCR));
	EXPECT_EQ(port->scr, mtty_uart_in(mtty, nr, UART_SCR));
	EXPECT_EQ(port->iir[0], mtty_uart_in(mtty, nr, UART_IIR));
	EXPECT_EQ(port->lsr, mtty_uart_in(mtty, nr, UART_LSR));
	EXPECT_EQ(port->iir[1], mtty_uart_in(mtty, nr, UART_IIR));
	for (; *rx; rx++)
		EXPECT_EQ(*rx, mtty_uart_in(mtty, nr, UART_RX));
	EXPECT_EQ(IDLE, mtty_uart_in(mtty, nr, UART_LSR));
	EXPECT_EQ(port->iir[2], mtty_uart_in(mtty, nr, UART_IIR));
	EXPECT_EQ(port->iir[3], mtty_uart_in(mtty, nr, UART_IIR));
	EXPECT_EQ(port->msr, mtty_uart_in(mtty, nr, UART_MSR));
	EXPECT_EQ(port->iir[4], mtty_uart_in(mtty, nr, UART_IIR));
	mtty_uart_out(mtty, nr, UART_LCR, UART_LCR_DLAB);
	EXPECT_EQ(port->dll, mtty_uart_in(mtty, nr, UART_DLL));
	EXPECT_EQ(port->dlm, mtty_uart_in(mtty, nr, UART_DLM));
}

/* One transfer that was completed, and one that ended at a page's end */
#define DONE_0		0x1234ULL
#define DONE_1		PAGE

static void run_transfers(struct __test_metadata *_metadata, struct mtty *mtty)
{
	struct dma_transfer fill = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .dst = IOVA, .len = DONE_0,
	};
	struct vfio_buf buf;

	vfio_region_write16(&mtty->dev, CONFIG, PCI_COMMAND,
			    PCI_COMMAND_MASTER);
	vfio_buf_new(&mtty->dev, &buf, IOVA, 2 * PAGE, true);
	ASSERT_EQ(MTTY_MIG_DMA_COMPLETE, dma_run(mtty, 0, &fill));
	fill.dst += PAGE;
	fill.len = 2 * PAGE;
	ASSERT_EQ(MTTY_MIG_DMA_ERROR, dma_run(mtty, 1, &fill));
	vfio_buf_unmap(&mtty->dev, &buf);
}

#define REQUEST_IOVA(i)	(0x5566000000000000ULL + 0x0000123456789000ULL * (i))

static void raise_request(struct mtty *mtty, unsigned int i)
{
	mtty_ctrl_out(mtty, PRI(RAISE_LO), REQUEST_IOVA(i));
	mtty_ctrl_out(mtty, PRI(RAISE_HI), REQUEST_IOVA(i) >> 32);
}

/* As many requests as there can be, held back: open ones keep it running */
static void queue_requests(struct __test_metadata *_metadata,
			   struct mtty *mtty)
{
	unsigned int i;
	int fd;

	mdev_attr_write(&mtty->mdev, "mtty_mig/pri_drain", "1");
	raise_request(mtty, 0);
	ASSERT_EQ(-EBUSY, __vfio_mig_set(&mtty->dev,
					 VFIO_DEVICE_STATE_STOP_COPY, &fd));
	for (i = 1; i < MTTY_MIG_PRI_MAX; i++)
		raise_request(mtty, i);
	mtty_ctrl_out(mtty, PRI(ANSWER), mtty_ctrl_in(mtty, PRI(ID)));
	raise_request(mtty, i);
	mtty_ctrl_out(mtty, PRI(RAISE_LO), 0x89abcdef);
	ASSERT_EQ(MTTY_MIG_PRI_MAX, mtty_ctrl_in(mtty, PRI(QUEUED)));
}

/* At the destination, in RUNNING, they are open; IDs go on from the last one */
static void check_requests(struct __test_metadata *_metadata,
			   struct mtty *mtty)
{
	unsigned int i;

	EXPECT_EQ(0x89abcdef, mtty_ctrl_in(mtty, PRI(RAISE_LO)));
	EXPECT_EQ(0, mtty_ctrl_in(mtty, PRI(QUEUED)));
	for (i = 1; i <= MTTY_MIG_PRI_MAX; i++) {
		EXPECT_EQ(MTTY_MIG_PRI_MAX + 1 - i,
			  mtty_ctrl_in(mtty, PRI(OPEN)));
		EXPECT_EQ(i + 1, mtty_ctrl_in(mtty, PRI(ID)));
		EXPECT_EQ(REQUEST_IOVA(i), dma_get64(mtty, PRI(IOVA_LO)))
			TH_LOG("request %u", i);
		mtty_ctrl_out(mtty, PRI(ANSWER), i + 1);
	}
	EXPECT_EQ(0, mtty_ctrl_in(mtty, PRI(OPEN)));
	raise_request(mtty, 0);
	EXPECT_EQ(MTTY_MIG_PRI_MAX + 2, mtty_ctrl_in(mtty, PRI(ID)));
}

/*
 * All of it. The vectors get eventfds when the DMA has ended, and are masked
 * then, so that the edges of the others stay pending.
 */
static const __u32 pending = 1 << MTTY_MIG_IRQ_UART0 |
			     1 << MTTY_MIG_IRQ_UART1 | 1 << MTTY_MIG_IRQ_PRI;

static void write_all(struct __test_metadata *_metadata, struct mtty *mtty,
		      const struct port *ports)
{
	int fds[MTTY_MIG_NR_VECTORS];
	unsigned int i;

	run_transfers(_metadata, mtty);
	write_regs(mtty, CONFIG, config_regs, ARRAY_LEN(config_regs));
	write_regs(mtty, MTTY_MIG_CTRL_BAR, ctrl_regs, ARRAY_LEN(ctrl_regs));
	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		fds[i] = eventfd_new();
	vfio_irq_eventfds(&mtty->dev, MSIX, 0, MTTY_MIG_NR_VECTORS, fds);
	for (i = 0; i < MTTY_MIG_NR_UARTS; i++)
		write_port(mtty, i, &ports[i]);
	queue_requests(_metadata, mtty);
}

static void check_all(struct __test_metadata *_metadata, struct mtty *mtty,
		      const struct port *ports)
{
	unsigned int i;

	/* Here nobody has set up an interrupt, so all of them wait */
	EXPECT_EQ(pending, mtty_ctrl_in(mtty, MTTY_MIG_MSIX_PBA));
	EXPECT_EQ(pending, vfio_region_read32(&mtty->dev, CONFIG, 0x54));

	check_regs(_metadata, mtty, MTTY_MIG_CTRL_BAR, ctrl_regs,
		   ARRAY_LEN(ctrl_regs));
	check_regs(_metadata, mtty, CONFIG, config_regs,
		   ARRAY_LEN(config_regs));
	EXPECT_EQ(MTTY_MIG_DMA_COMPLETE, dma_status(mtty, 0));
	EXPECT_EQ(DONE_0, dma_done(mtty, 0));
	EXPECT_EQ(MTTY_MIG_DMA_ERROR, dma_status(mtty, 1));
	EXPECT_EQ(DONE_1, dma_done(mtty, 1));
	for (i = 0; i < MTTY_MIG_NR_UARTS; i++)
		check_port(_metadata, mtty, i, &ports[i]);
	check_requests(_metadata, mtty);
}

TEST_F(registers, arrive_through_STOP_COPY)
{
	write_all(_metadata, &self->src, variant->ports);
	mig_save(&self->src.dev, &self->stream, MIG_CHUNK);
	mig_load(&self->dst.dev, &self->stream, MIG_CHUNK,
		 VFIO_DEVICE_STATE_RUNNING);
	check_all(_metadata, &self->dst, variant->ports);
}

TEST_F(registers, arrive_through_PRE_COPY)
{
	struct vfio_dev *dev = &self->src.dev;
	int data_fd = vfio_mig_set(dev, VFIO_DEVICE_STATE_PRE_COPY);

	/* What is written after the first pass */
	mig_stream_read(&self->stream, data_fd, MIG_CHUNK, -ENOMSG);
	write_all(_metadata, &self->src, variant->ports);
	vfio_mig_set(dev, VFIO_DEVICE_STATE_STOP_COPY);
	mig_stream_read(&self->stream, data_fd, MIG_CHUNK, 0);
	mig_load(&self->dst.dev, &self->stream, MIG_CHUNK,
		 VFIO_DEVICE_STATE_RUNNING);
	check_all(_metadata, &self->dst, variant->ports);
}

/* The third device has them of one that was itself a destination */
TEST_F(registers, arrive_on_a_second_journey)
{
	write_all(_metadata, &self->src, variant->ports);
	mig_save(&self->src.dev, &self->stream, MIG_CHUNK);
	mig_load(&self->dst.dev, &self->stream, MIG_CHUNK,
		 VFIO_DEVICE_STATE_STOP);
	vfio_dev_reset(&self->src.dev);
	self->stream.len = 0;
	mig_save(&self->dst.dev, &self->stream, MIG_CHUNK);
	mig_load(&self->src.dev, &self->stream, MIG_CHUNK,
		 VFIO_DEVICE_STATE_RUNNING);
	check_all(_metadata, &self->src, variant->ports);
}

/* The source goes on after a migration that failed at the other end */
TEST_F(registers, stay_at_the_source)
{
	write_all(_metadata, &self->src, variant->ports);
	vfio_irq_disable(&self->src.dev, MSIX);
	mig_save(&self->src.dev, &self->stream, MIG_CHUNK);
	vfio_mig_set(&self->src.dev, VFIO_DEVICE_STATE_RUNNING);
	check_all(_metadata, &self->src, variant->ports);
}

FIXTURE(done)
{
	struct mtty mtty;
	struct mig_stream stream;
};

FIXTURE_SETUP(done)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "full", 0);
}

FIXTURE_TEARDOWN(done)
{
	mig_stream_free(&self->stream);
	mtty_remove_all();
}

/* Where DONE is in the payload of DMA0 and DMA1 */
#define DONE_OFFSET	40

static size_t find_done(const struct mig_stream *stream, __u16 type)
{
	struct record records[RECORDS_MAX];
	unsigned int i, nr = stream_records(stream, records);

	for (i = 0; i < nr; i++)
		if (records[i].type == type)
			return records[i].start + REC_PAYLOAD + DONE_OFFSET;
	die("no record %#x", type);
}

/* No transfer of a test is so long that more than 32 bits of DONE are used */
TEST_F(done, of_64_bits_arrives)
{
	static const __u64 done[MTTY_MIG_NR_DMA] = {
		0x1122334455667788, 0x99aabbccddeeff01,
	};
	struct vfio_dev *dev = &self->mtty.dev;
	unsigned int i, journey;

	mig_save(dev, &self->stream, MIG_CHUNK);
	for (i = 0; i < MTTY_MIG_NR_DMA; i++)
		stream_put(&self->stream,
			   find_done(&self->stream, REC_DMA0 + i), done[i], 8);
	stream_seal(&self->stream);

	for (journey = 0; journey < 2; journey++) {
		mig_load(dev, &self->stream, MIG_CHUNK,
			 VFIO_DEVICE_STATE_RUNNING);
		for (i = 0; i < MTTY_MIG_NR_DMA; i++)
			EXPECT_EQ(done[i], dma_done(&self->mtty, i));
		self->stream.len = 0;
		mig_save(dev, &self->stream, MIG_CHUNK);
	}
}

TEST_HARNESS_MAIN
