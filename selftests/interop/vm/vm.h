/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program of the guest that a VMM migrates: it works with a mtty-mig
 * device all the time, and whatever the device does wrong it counts.
 *
 * Each kind of work is a room: begin, go on a little, finish what is under
 * way, tell.  None of them blocks for long, and nothing is decided by time
 * but that something is lost for good.
 */
#ifndef MTTY_MIG_INTEROP_VM_H
#define MTTY_MIG_INTEROP_VM_H

#include <limits.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdio.h>

#include "mtty_mig_regs.h"

/**
 * struct vm_device - a mtty-mig device of this machine
 * @bdf: its PCI address
 * @ctrl: its control BAR; NULL with @fd
 * @fd: of vfio-pci, for work that wants interrupts of its own; or -1
 * @ctrl_offset: of the control BAR in @fd
 * @port_offset: of the ports' BARs in @fd
 */
struct vm_device {
	char bdf[NAME_MAX + 1];
	volatile __u32 *ctrl;
	int fd;
	__u64 ctrl_offset;
	__u64 port_offset[MTTY_MIG_NR_UARTS];
};

/* machine.c */

/* What is not back after so long is lost, in seconds: LOST= of the kernel's
 * command line
 */
extern double vm_lost_after;

/* An error of the machine, not of the device: say it, and stop */
void vm_die(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));
/* Of a device that does not do what it should: to the console's log */
void vm_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vm_write_file(const char *path, const char *text);
double vm_seconds(void);
void vm_mount(void);

/* device.c */
int vm_find_devices(struct vm_device *devices, int room);
void vm_map(struct vm_device *device);
/* By its bus: it has to be behind a bridge, and alone there */
void vm_reset(struct vm_device *device);
__u32 vm_read(struct vm_device *device, unsigned int reg);
void vm_write(struct vm_device *device, unsigned int reg, __u32 value);
void vm_write64(struct vm_device *device, unsigned int reg, __u64 value);

/* The memory that is kept for DMA, at its address, which is no RAM of the
 * kernel's: see the kernel's command line.
 */
#define VM_DMA_BASE	0x2000000ULL
#define VM_DMA_SIZE	0x100000ULL
#define VM_FLOOD_SIZE	0x400000ULL	/* all of it */
void *vm_dma_memory(void);

/* Of device memory no more is used than its first so many bytes */
#define VM_MEM_USED	0x400000ULL

/* serial.c: a conversation with oneself on both ports, by the kernel's driver */
struct vm_serial;
struct vm_serial *vm_serial_begin(struct vm_device *device);
void vm_serial_go_on(struct vm_serial *serial);
bool vm_serial_idle(struct vm_serial *serial);
/* When it is idle: the driver gives the ports up, and sets them up again */
void vm_serial_close(struct vm_serial *serial);
void vm_serial_open(struct vm_serial *serial, const struct vm_device *device);
void vm_serial_tell(const struct vm_serial *serial, FILE *out);

/* dma.c: both channels of the engine, into and from memory */
struct vm_dma;
struct vm_dma *vm_dma_begin(struct vm_device *device, unsigned int part,
			    unsigned int parts);
void vm_dma_go_on(struct vm_dma *dma, bool more);
bool vm_dma_idle(struct vm_dma *dma);
void vm_dma_check(struct vm_dma *dma);
/* The device was reset: its memory has nothing of ours any more */
void vm_dma_forget(struct vm_dma *dma);
void vm_dma_tell(const struct vm_dma *dma, FILE *out);

/* flood.c: one channel, which writes as fast as it can */
struct vm_flood;
struct vm_flood *vm_flood_begin(struct vm_device *device, unsigned int part,
				unsigned int parts);
void vm_flood_go_on(struct vm_flood *flood, bool more);
bool vm_flood_idle(struct vm_flood *flood);
void vm_flood_check(struct vm_flood *flood);
void vm_flood_tell(const struct vm_flood *flood, FILE *out);

/* irq.c: each interrupt that the device owes, one after the other */
struct vm_irq;
struct vm_irq *vm_irq_begin(struct vm_device *device, const char *kind);
void vm_irq_go_on(struct vm_irq *irq, bool more);
bool vm_irq_idle(struct vm_irq *irq);
void vm_irq_tell(const struct vm_irq *irq, FILE *out);

#endif /* MTTY_MIG_INTEROP_VM_H */
