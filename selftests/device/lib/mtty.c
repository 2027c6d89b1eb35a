// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mtty-mig device for its tests and tools: make one, fill it, read all of
 * it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/pci_regs.h>

#include "../../lib/check.h"
#include "../../lib/file.h"
#include "mtty.h"

#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX

/**
 * mtty_available - whether the driver is there
 *
 * Return: true if its devices can be made.
 */
bool mtty_available(void)
{
	return mdev_type_exists(MTTY_TYPE_PREFIX "none");
}

/**
 * mtty_instances - how many more devices of a type there may be, or end the process
 * @type: as for mtty_new()
 *
 * Return: its available_instances.
 */
unsigned int mtty_instances(const char *type)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), MTTY_TYPES "%s/available_instances", type);
	must(file_read(path, text, sizeof(text)));
	return strtoul(text, NULL, 10);
}

/**
 * mtty_new - make a device and open it, or end the process
 * @mtty: filled in
 * @type: "none", "base", "p2p", "precopy" or "full"
 * @mem_size: bytes of device memory
 */
void mtty_new(struct mtty *mtty, const char *type, __u64 mem_size)
{
	char name[64], size[32];

	snprintf(name, sizeof(name), MTTY_TYPE_PREFIX "%s", type);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)mem_size);
	mdev_create(&mtty->mdev, name);
	must(__mtty_set_mem_size(mtty, size));
	vfio_dev_open(&mtty->dev, mtty->mdev.uuid);
}

/**
 * mtty_reopen - close a device and open it again, or end the process
 * @mtty: the device
 */
void mtty_reopen(struct mtty *mtty)
{
	vfio_dev_close(&mtty->dev);
	vfio_dev_open(&mtty->dev, mtty->mdev.uuid);
}

/**
 * mtty_remove_all - close all file descriptors and remove all devices
 */
void mtty_remove_all(void)
{
	mdev_cleanup();
}

/**
 * __mtty_digest - the driver's own digest of all that a guest can see
 * @mtty: the device
 * @digest: set to it
 *
 * Return: 0 or -errno; -EPROTO if it is not 16 hexadecimal digits.
 */
int __mtty_digest(const struct mtty *mtty, __u64 *digest)
{
	char text[32];
	char *end;
	int ret;

	ret = __mdev_attr_read(&mtty->mdev, "mtty_mig/digest", text,
			       sizeof(text));
	if (ret)
		return ret;
	*digest = strtoull(text, &end, 16);
	return end == text + 16 && !*end ? 0 : -EPROTO;
}

/**
 * mtty_digest - the driver's own digest, or end the process
 * @mtty: the device
 *
 * Return: the digest.
 */
__u64 mtty_digest(const struct mtty *mtty)
{
	__u64 digest;

	must(__mtty_digest(mtty, &digest));
	return digest;
}

/**
 * __mtty_set_mem_size - set the size of device memory
 * @mtty: the device
 * @size: what to write to the attribute
 *
 * Return: 0 or -errno.
 */
int __mtty_set_mem_size(const struct mtty *mtty, const char *size)
{
	return __mdev_attr_write(&mtty->mdev, "mtty_mig/mem_size", size);
}

/**
 * mtty_mem_size - the size of device memory, or end the process
 * @mtty: the device
 *
 * Return: bytes.
 */
__u64 mtty_mem_size(const struct mtty *mtty)
{
	char text[32];

	mdev_attr_read(&mtty->mdev, "mtty_mig/mem_size", text, sizeof(text));
	return strtoull(text, NULL, 10);
}

/**
 * mtty_uart_in - read a register of a port, or end the process
 * @mtty: the device
 * @port: 0 or 1
 * @reg: UART_*
 *
 * Return: its value.
 */
__u8 mtty_uart_in(struct mtty *mtty, unsigned int port, unsigned int reg)
{
	return vfio_region_read8(&mtty->dev, MTTY_MIG_UART0_BAR + port, reg);
}

/**
 * mtty_uart_out - write a register of a port, or end the process
 * @mtty: the device
 * @port: 0 or 1
 * @reg: UART_*
 * @val: the value
 */
void mtty_uart_out(struct mtty *mtty, unsigned int port, unsigned int reg,
		   __u8 val)
{
	vfio_region_write8(&mtty->dev, MTTY_MIG_UART0_BAR + port, reg, val);
}

/**
 * mtty_ctrl_in - read a register of the control BAR, or end the process
 * @mtty: the device
 * @reg: MTTY_MIG_REG_* or another multiple of 4
 *
 * Return: its value.
 */
__u32 mtty_ctrl_in(struct mtty *mtty, unsigned int reg)
{
	return vfio_region_read32(&mtty->dev, MTTY_MIG_CTRL_BAR, reg);
}

/**
 * mtty_ctrl_out - write a register of the control BAR, or end the process
 * @mtty: the device
 * @reg: MTTY_MIG_REG_* or another multiple of 4
 * @val: the value
 */
void mtty_ctrl_out(struct mtty *mtty, unsigned int reg, __u32 val)
{
	vfio_region_write32(&mtty->dev, MTTY_MIG_CTRL_BAR, reg, val);
}

/**
 * mtty_random - the next number of a sequence (splitmix64)
 * @seed: where the sequence is
 *
 * Return: the number.
 */
__u64 mtty_random(__u64 *seed)
{
	__u64 z = *seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/**
 * mtty_fill_page - content for a page of device memory
 * @page: MTTY_MIG_PAGE_SIZE bytes
 * @seed: another seed gives another content
 * @index: another index, too
 */
void mtty_fill_page(void *page, __u64 seed, __u64 index)
{
	__u64 *words = page;
	unsigned int i;

	seed ^= index << 32;
	for (i = 0; i < MTTY_MIG_PAGE_SIZE / sizeof(*words); i++)
		words[i] = mtty_random(&seed);
}

static void fill_uart0(struct mtty *mtty, __u64 *seed)
{
	unsigned int i;

	mtty_uart_out(mtty, 0, UART_LCR, UART_LCR_DLAB);
	mtty_uart_out(mtty, 0, UART_DLL, mtty_random(seed));
	mtty_uart_out(mtty, 0, UART_DLM, mtty_random(seed));
	mtty_uart_out(mtty, 0, UART_LCR, UART_LCR_WLEN8 | UART_LCR_PARITY);
	mtty_uart_out(mtty, 0, UART_SCR, mtty_random(seed));
	/* Half a FIFO, below its trigger level */
	mtty_uart_out(mtty, 0, UART_FCR, UART_FCR_ENABLE_FIFO |
		      UART_FCR_TRIGGER_14);
	mtty_uart_out(mtty, 0, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS |
		      UART_MCR_OUT1);
	for (i = 0; i < 11; i++)
		mtty_uart_out(mtty, 0, UART_TX, mtty_random(seed));
	mtty_uart_out(mtty, 0, UART_IER, UART_IER_RDI | UART_IER_MSI);
}

static void fill_uart1(struct mtty *mtty, __u64 *seed)
{
	unsigned int i;

	mtty_uart_out(mtty, 1, UART_LCR, UART_LCR_DLAB);
	mtty_uart_out(mtty, 1, UART_DLL, mtty_random(seed));
	mtty_uart_out(mtty, 1, UART_DLM, mtty_random(seed));
	mtty_uart_out(mtty, 1, UART_LCR, UART_LCR_WLEN7 | UART_LCR_STOP);
	mtty_uart_out(mtty, 1, UART_SCR, mtty_random(seed));
	/* A full FIFO that ran over, and a transmitter that says it is empty */
	mtty_uart_out(mtty, 1, UART_FCR, UART_FCR_ENABLE_FIFO |
		      UART_FCR_TRIGGER_4);
	mtty_uart_out(mtty, 1, UART_MCR, UART_MCR_LOOP | UART_MCR_DTR |
		      UART_MCR_OUT2);
	for (i = 0; i < MTTY_MIG_UART_FIFO_SIZE + 1; i++)
		mtty_uart_out(mtty, 1, UART_TX, mtty_random(seed));
	mtty_uart_out(mtty, 1, UART_IER, UART_IER_THRI);
}

/**
 * mtty_fill_registers - give each register a value of its own
 * @mtty: the device, running and reset
 * @seed: another seed gives other values
 *
 * So that none of them has the value that it has after a reset, where it can
 * have another one.
 */
void mtty_fill_registers(struct mtty *mtty, __u64 seed)
{
	struct vfio_dev *dev = &mtty->dev;
	unsigned int i;

	fill_uart0(mtty, &seed);
	fill_uart1(mtty, &seed);
	mtty_ctrl_out(mtty, MTTY_MIG_REG_SCRATCH, mtty_random(&seed));
	for (i = 0; i < MTTY_MIG_NR_VECTORS * 4; i++)
		mtty_ctrl_out(mtty, MTTY_MIG_MSIX_TABLE + 4 * i,
			      mtty_random(&seed));

	vfio_region_write16(dev, CONFIG, PCI_COMMAND, PCI_COMMAND_IO |
			    PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		vfio_region_write32(dev, CONFIG, PCI_BASE_ADDRESS_0 + 4 * i,
				    mtty_random(&seed));
	vfio_region_write8(dev, CONFIG, PCI_CACHE_LINE_SIZE, 16);
	vfio_region_write8(dev, CONFIG, PCI_LATENCY_TIMER, 32);
	vfio_region_write8(dev, CONFIG, PCI_INTERRUPT_LINE,
			   mtty_random(&seed));
}

/**
 * __mtty_bus_master - let the device have DMA, which a reset forbids
 * @mtty: the device
 *
 * Return: 0 or -errno.
 */
int __mtty_bus_master(struct mtty *mtty)
{
	__u16 command;
	ssize_t ret;

	ret = __vfio_region_read(&mtty->dev, CONFIG, PCI_COMMAND, &command,
				 sizeof(command));
	if (ret < 0 || command & PCI_COMMAND_MASTER)
		return ret < 0 ? ret : 0;
	command |= PCI_COMMAND_MASTER;
	ret = __vfio_region_write(&mtty->dev, CONFIG, PCI_COMMAND, &command,
				  sizeof(command));
	return ret < 0 ? ret : 0;
}

/**
 * mtty_bus_master - the same, or end the process
 * @mtty: the device
 */
void mtty_bus_master(struct mtty *mtty)
{
	int ret = __mtty_bus_master(mtty);

	if (ret)
		die("the command register: %s", strerror(-ret));
}

/**
 * mtty_fill - fill registers and memory of a device
 * @mtty: the device, running and reset
 * @seed: another seed gives other values
 * @step: fill one page of as many; the others stay zero
 */
void mtty_fill(struct mtty *mtty, __u64 seed, unsigned int step)
{
	static __u8 buf[64][MTTY_MIG_PAGE_SIZE];
	__u64 pages = mtty_mem_size(mtty) / MTTY_MIG_PAGE_SIZE;
	__u64 i, j, n;

	mtty_fill_registers(mtty, seed);
	/* Neighbours together: a write costs more than a page */
	for (i = 0; i < pages; i += n * step) {
		n = step > 1 ? 1 : ARRAY_LEN(buf);
		if (n > pages - i)
			n = pages - i;
		for (j = 0; j < n; j++)
			mtty_fill_page(buf[j], seed, i + j);
		vfio_region_write(&mtty->dev, MTTY_MIG_MEM_BAR,
				  i * MTTY_MIG_PAGE_SIZE, buf,
				  n * MTTY_MIG_PAGE_SIZE);
	}
}

static void take_uart(struct mtty *mtty, unsigned int port,
		      struct mtty_uart_regs *regs)
{
	__u8 lsr;

	regs->lcr = mtty_uart_in(mtty, port, UART_LCR);
	mtty_uart_out(mtty, port, UART_LCR, regs->lcr & ~UART_LCR_DLAB);
	regs->ier = mtty_uart_in(mtty, port, UART_IER);
	regs->iir = mtty_uart_in(mtty, port, UART_IIR);
	regs->mcr = mtty_uart_in(mtty, port, UART_MCR);
	regs->lsr = mtty_uart_in(mtty, port, UART_LSR);
	regs->msr = mtty_uart_in(mtty, port, UART_MSR);
	regs->scr = mtty_uart_in(mtty, port, UART_SCR);

	for (lsr = regs->lsr; lsr & UART_LSR_DR &&
	     regs->rx_count < sizeof(regs->rx);
	     lsr = mtty_uart_in(mtty, port, UART_LSR))
		regs->rx[regs->rx_count++] = mtty_uart_in(mtty, port, UART_RX);

	mtty_uart_out(mtty, port, UART_LCR, regs->lcr | UART_LCR_DLAB);
	regs->dll = mtty_uart_in(mtty, port, UART_DLL);
	regs->dlm = mtty_uart_in(mtty, port, UART_DLM);
	mtty_uart_out(mtty, port, UART_LCR, regs->lcr);
}

/**
 * mtty_take_regs - read all registers
 * @mtty: the device, running
 * @regs: where to put them
 *
 * This takes the received characters out of the ports and clears what is
 * cleared by reading.
 */
void mtty_take_regs(struct mtty *mtty, struct mtty_regs *regs)
{
	unsigned int i;

	memset(regs, 0, sizeof(*regs));
	vfio_region_read(&mtty->dev, CONFIG, 0, regs->config,
			 sizeof(regs->config));
	vfio_region_read(&mtty->dev, MTTY_MIG_CTRL_BAR, 0, regs->ctrl,
			 sizeof(regs->ctrl));
	for (i = 0; i < MTTY_MIG_NR_UARTS; i++)
		take_uart(mtty, i, &regs->uart[i]);
}

static char difference[160];

static bool bytes_differ(const char *what, const void *a, const void *b,
			 size_t len)
{
	const __u8 *pa = a, *pb = b;
	size_t i;

	for (i = 0; i < len; i++) {
		if (pa[i] == pb[i])
			continue;
		snprintf(difference, sizeof(difference),
			 "%s differs at %#zx: %#04x and %#04x", what, i, pa[i],
			 pb[i]);
		return true;
	}
	return false;
}

/**
 * mtty_regs_differ - compare all registers
 * @a: of the one device
 * @b: of the other device
 *
 * Return: NULL if they are equal, or the first difference in words.
 */
const char *mtty_regs_differ(const struct mtty_regs *a,
			     const struct mtty_regs *b)
{
	unsigned int i;

	if (bytes_differ("configuration space", a->config, b->config,
			 sizeof(a->config)) ||
	    bytes_differ("the control BAR", a->ctrl, b->ctrl, sizeof(a->ctrl)))
		return difference;
	for (i = 0; i < MTTY_MIG_NR_UARTS; i++) {
		const struct mtty_uart_regs *ua = &a->uart[i];
		const struct mtty_uart_regs *ub = &b->uart[i];
		const struct {
			const char *name;
			__u8 a;
			__u8 b;
		} regs[] = {
			{ "IER", ua->ier, ub->ier },
			{ "IIR", ua->iir, ub->iir },
			{ "LCR", ua->lcr, ub->lcr },
			{ "MCR", ua->mcr, ub->mcr },
			{ "LSR", ua->lsr, ub->lsr },
			{ "MSR", ua->msr, ub->msr },
			{ "SCR", ua->scr, ub->scr },
			{ "DLL", ua->dll, ub->dll },
			{ "DLM", ua->dlm, ub->dlm },
			{ "received characters", ua->rx_count, ub->rx_count },
		};
		unsigned int j;
		char what[32];

		for (j = 0; j < ARRAY_LEN(regs); j++) {
			if (regs[j].a == regs[j].b)
				continue;
			snprintf(difference, sizeof(difference),
				 "UART %u, %s: %#04x and %#04x", i,
				 regs[j].name, regs[j].a, regs[j].b);
			return difference;
		}
		snprintf(what, sizeof(what), "UART %u, receive FIFO", i);
		if (bytes_differ(what, ua->rx, ub->rx, sizeof(ua->rx)))
			return difference;
	}
	return NULL;
}

/**
 * mtty_mem_differs - compare all device memory
 * @a: the one device
 * @b: the other device
 *
 * Return: NULL if it is equal, or the first difference in words.
 */
const char *mtty_mem_differs(struct mtty *a, struct mtty *b)
{
	static __u8 buf[2][1 << 20];
	__u64 size = mtty_mem_size(a);
	__u64 offset;

	if (size != mtty_mem_size(b))
		return "device memory has another size";
	for (offset = 0; offset < size; offset += sizeof(buf[0])) {
		size_t len = size - offset;
		char what[48];

		if (len > sizeof(buf[0]))
			len = sizeof(buf[0]);
		vfio_region_read(&a->dev, MTTY_MIG_MEM_BAR, offset, buf[0],
				 len);
		vfio_region_read(&b->dev, MTTY_MIG_MEM_BAR, offset, buf[1],
				 len);
		if (!memcmp(buf[0], buf[1], len))
			continue;
		snprintf(what, sizeof(what), "device memory at %#llx +",
			 (unsigned long long)offset);
		bytes_differ(what, buf[0], buf[1], len);
		return difference;
	}
	return NULL;
}
