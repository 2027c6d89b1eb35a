/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mtty-mig device for its tests and tools: make one, fill it, read all of
 * it.
 */
#ifndef SELFTESTS_DEVICE_MTTY_H
#define SELFTESTS_DEVICE_MTTY_H

#include <linux/serial_reg.h>
#include <linux/vfio.h>
#include <mtty_mig_regs.h>

#include "../../lib/arcs.h"
#include "../../lib/mdev.h"
#include "../../lib/vfio_dev.h"
#include "../../lib/vfio_mig.h"

#define MTTY_TYPE_PREFIX	"mtty_mig-"

/* A folder for each type: its name is added */
#define MTTY_TYPES	"/sys/class/mtty_mig/mtty_mig/mdev_supported_types/" \
			MTTY_TYPE_PREFIX

/**
 * struct mtty - a device that this process made
 * @mdev: the mediated device
 * @dev: the same, opened
 */
struct mtty {
	struct mdev mdev;
	struct vfio_dev dev;
};

bool mtty_available(void);
unsigned int mtty_instances(const char *type);
void mtty_new(struct mtty *mtty, const char *type, __u64 mem_size);
void mtty_reopen(struct mtty *mtty);
void mtty_remove_all(void);

int __mtty_digest(const struct mtty *mtty, __u64 *digest);
__u64 mtty_digest(const struct mtty *mtty);
int __mtty_set_mem_size(const struct mtty *mtty, const char *size);
__u64 mtty_mem_size(const struct mtty *mtty);

__u8 mtty_uart_in(struct mtty *mtty, unsigned int port, unsigned int reg);
void mtty_uart_out(struct mtty *mtty, unsigned int port, unsigned int reg,
		   __u8 val);
__u32 mtty_ctrl_in(struct mtty *mtty, unsigned int reg);
void mtty_ctrl_out(struct mtty *mtty, unsigned int reg, __u32 val);

__u64 mtty_random(__u64 *seed);
void mtty_fill_page(void *page, __u64 seed, __u64 index);
void mtty_fill_registers(struct mtty *mtty, __u64 seed);
int __mtty_bus_master(struct mtty *mtty);
void mtty_bus_master(struct mtty *mtty);
void mtty_fill(struct mtty *mtty, __u64 seed, unsigned int step);

/**
 * struct mtty_uart_regs - all that can be read of a port
 * @ier: interrupt enable
 * @iir: interrupt identification, first reading
 * @lcr: line control
 * @mcr: modem control
 * @lsr: line status, first reading
 * @msr: modem status, first reading
 * @scr: scratch
 * @dll: divisor, low
 * @dlm: divisor, high
 * @rx_count: received characters
 * @rx: the characters
 */
struct mtty_uart_regs {
	__u8 ier;
	__u8 iir;
	__u8 lcr;
	__u8 mcr;
	__u8 lsr;
	__u8 msr;
	__u8 scr;
	__u8 dll;
	__u8 dlm;
	__u8 rx_count;
	__u8 rx[MTTY_MIG_UART_FIFO_SIZE + 1];
};

/**
 * struct mtty_regs - all that can be read of a device but its memory
 * @config: configuration space
 * @ctrl: the control BAR
 * @uart: the ports
 */
struct mtty_regs {
	__u8 config[MTTY_MIG_CFG_SIZE];
	__u8 ctrl[MTTY_MIG_CTRL_BAR_SIZE];
	struct mtty_uart_regs uart[MTTY_MIG_NR_UARTS];
};

void mtty_take_regs(struct mtty *mtty, struct mtty_regs *regs);
const char *mtty_regs_differ(const struct mtty_regs *a,
			     const struct mtty_regs *b);
const char *mtty_mem_differs(struct mtty *a, struct mtty *b);

#endif /* SELFTESTS_DEVICE_MTTY_H */
