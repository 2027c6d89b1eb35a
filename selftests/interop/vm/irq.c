// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts, by vfio-pci inside the guest, which gives each of them to us as
 * an eventfd: MSI-X, MSI or INTx.  Each thing that we let the device do owes one
 * interrupt of its source, and is followed by the next one only when that has
 * come: so one that a migration loses stops us, and one too many is seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <linux/serial_reg.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vm.h"

/* Port 0, port 1, the DMA engine */
#define NR_SOURCES 3

struct vm_irq {
	struct vm_device *device;
	unsigned int index;		/* VFIO_PCI_*_IRQ_INDEX */
	int eventfds[MTTY_MIG_NR_VECTORS];
	unsigned int vectors;
	unsigned int sources;		/* that have one */
	unsigned int turn;
	bool owed;			/* by the source whose turn it is */
	double since;
	__u64 asked[NR_SOURCES], came[NR_SOURCES], bad;
};

static void bind_to_vfio(const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver/unbind",
		 bdf);
	if (!access(path, W_OK))
		vm_write_file(path, bdf);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override",
		 bdf);
	vm_write_file(path, "vfio-pci");
	vm_write_file("/sys/bus/pci/drivers_probe", bdf);
}

static void open_by_vfio(struct vm_device *device)
{
	char path[PATH_MAX], target[PATH_MAX] = "";
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	int group;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group",
		 device->bdf);
	if (readlink(path, target, sizeof(target) - 1) < 0)
		vm_die("%s is in no group: %m", device->bdf);
	snprintf(path, sizeof(path), "/dev/vfio/noiommu-%s",
		 strrchr(target, '/') + 1);
	group = open(path, O_RDWR | O_CLOEXEC);
	if (container < 0 || group < 0)
		vm_die("cannot open %s: %m",
		       container < 0 ? "/dev/vfio/vfio" : path);
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU))
		vm_die("%s: no container without an IOMMU: %m", path);
	device->fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, device->bdf);
	if (device->fd < 0)
		vm_die("%s does not open: %m", device->bdf);
}

static __u64 region_offset(const struct vm_device *device, unsigned int index)
{
	struct vfio_region_info info = { .argsz = sizeof(info),
					 .index = index };

	if (ioctl(device->fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		vm_die("%s: no BAR or config %u: %m", device->bdf, index);
	return info.offset;
}

static void set_up_device(struct vm_device *device)
{
	__u64 config = region_offset(device, VFIO_PCI_CONFIG_REGION_INDEX);
	__u16 command;
	unsigned int i;

	device->ctrl_offset = region_offset(device, MTTY_MIG_CTRL_BAR);
	for (i = 0; i < MTTY_MIG_NR_UARTS; i++)
		device->port_offset[i] =
			region_offset(device, MTTY_MIG_UART0_BAR + i);
	/* A PCI host takes a message from a bus master only */
	if (pread(device->fd, &command, 2, config + PCI_COMMAND) != 2)
		vm_die("cannot read the command register: %m");
	command |= PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(device->fd, &command, 2, config + PCI_COMMAND) != 2)
		vm_die("cannot write the command register: %m");
	if (vm_read(device, MTTY_MIG_REG_ID) != MTTY_MIG_ID)
		vm_die("%s: ID is %#x", device->bdf,
		       vm_read(device, MTTY_MIG_REG_ID));
}

static void set_irqs(const struct vm_irq *irq, __u32 flags, unsigned int count,
		     const int *eventfds)
{
	char buffer[sizeof(struct vfio_irq_set) + sizeof(irq->eventfds)];
	struct vfio_irq_set *set = (void *)buffer;
	size_t data = eventfds ? count * sizeof(*eventfds) : 0;

	*set = (struct vfio_irq_set){
		.argsz = sizeof(*set) + data,
		.flags = flags,
		.index = irq->index,
		.count = count,
	};
	if (data)
		memcpy(set->data, eventfds, data);
	if (ioctl(irq->device->fd, VFIO_DEVICE_SET_IRQS, set))
		vm_die("interrupt index %u cannot be set: %m", irq->index);
}

static __u8 port_read(const struct vm_irq *irq, unsigned int port,
		      unsigned int reg)
{
	__u8 value;

	if (pread(irq->device->fd, &value, 1,
		  irq->device->port_offset[port] + reg) != 1)
		vm_die("cannot read a register of port %u: %m", port);
	return value;
}

static void port_write(const struct vm_irq *irq, unsigned int port,
		       unsigned int reg, __u8 value)
{
	if (pwrite(irq->device->fd, &value, 1,
		   irq->device->port_offset[port] + reg) != 1)
		vm_die("cannot write a register of port %u: %m", port);
}

static unsigned int index_of(const char *kind)
{
	if (!strcmp(kind, "msix"))
		return VFIO_PCI_MSIX_IRQ_INDEX;
	if (!strcmp(kind, "msi"))
		return VFIO_PCI_MSI_IRQ_INDEX;
	if (!strcmp(kind, "intx"))
		return VFIO_PCI_INTX_IRQ_INDEX;
	vm_die("there are no interrupts called %s", kind);
}

struct vm_irq *vm_irq_begin(struct vm_device *device, const char *kind)
{
	struct vm_irq *irq = calloc(1, sizeof(*irq));
	unsigned int i;

	irq->device = device;
	irq->index = index_of(kind);
	bind_to_vfio(device->bdf);
	open_by_vfio(device);
	set_up_device(device);
	/*
	 * INTx is the level of all sources.  Of MSI's messages a PC without
	 * remapping of interrupts gives a device one: that is port 0's.
	 */
	irq->vectors =
		irq->index == VFIO_PCI_MSIX_IRQ_INDEX ? MTTY_MIG_NR_VECTORS : 1;
	irq->sources = irq->index == VFIO_PCI_MSI_IRQ_INDEX ? 1 : NR_SOURCES;
	for (i = 0; i < irq->vectors; i++)
		irq->eventfds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	set_irqs(irq, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		 irq->vectors, irq->eventfds);
	for (i = 0; i < MTTY_MIG_NR_UARTS; i++) {
		port_write(irq, i, UART_MCR, UART_MCR_LOOP);
		port_write(irq, i, UART_IER, UART_IER_RDI);
	}
	return irq;
}

/* Let the source whose turn it is owe us an interrupt */
static void ask(struct vm_irq *irq)
{
	unsigned int dma = MTTY_MIG_DMA(0);
	struct vm_device *device = irq->device;

	if (irq->turn < MTTY_MIG_NR_UARTS) {
		port_write(irq, irq->turn, UART_TX, irq->asked[irq->turn]);
	} else {
		vm_write(device, dma + MTTY_MIG_DMA_CMD,
			 MTTY_MIG_DMA_OP_FILL | MTTY_MIG_DMA_IRQ);
		vm_write64(device, dma + MTTY_MIG_DMA_DST_LO, VM_DMA_BASE);
		vm_write64(device, dma + MTTY_MIG_DMA_LEN_LO, 64);
		vm_write(device, dma + MTTY_MIG_DMA_RATE, 16);
		vm_write(device, dma + MTTY_MIG_DMA_PATTERN,
			 irq->asked[irq->turn]);
		vm_write(device, dma + MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_START);
	}
	irq->asked[irq->turn]++;
	irq->owed = true;
	irq->since = vm_seconds();
}

static void bad(struct vm_irq *irq, const char *what)
{
	if (!irq->bad++)
		vm_say("source %u: %s", irq->turn, what);
}

/* It came: the device says so, too, and the cause is taken away */
static void take(struct vm_irq *irq)
{
	unsigned int status = MTTY_MIG_DMA(0) + MTTY_MIG_DMA_STATUS;

	if (vm_read(irq->device, MTTY_MIG_REG_IRQ_STATUS) != 1U << irq->turn)
		bad(irq, "another source than that which was asked");
	if (irq->turn < MTTY_MIG_NR_UARTS) {
		if (port_read(irq, irq->turn, UART_RX) !=
		    (__u8)(irq->asked[irq->turn] - 1))
			bad(irq, "another byte than that which was sent");
	} else {
		if (vm_read(irq->device, status) != MTTY_MIG_DMA_COMPLETE)
			bad(irq, "the transfer is not complete");
		vm_write(irq->device, status,
			 MTTY_MIG_DMA_COMPLETE | MTTY_MIG_DMA_ERROR);
	}
	irq->came[irq->turn]++;
	irq->owed = false;
	/* VFIO masks INTx when it fires */
	if (irq->index == VFIO_PCI_INTX_IRQ_INDEX)
		set_irqs(irq,
			 VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, 1,
			 NULL);
}

/* How often the vector's eventfd was signalled since it was read last */
static __u64 signals(const struct vm_irq *irq, unsigned int vector)
{
	__u64 count = 0;

	if (read(irq->eventfds[vector], &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

/* One that is repeated tells nothing about INTx: it is a level. */
static void look(struct vm_irq *irq)
{
	bool intx = irq->index == VFIO_PCI_INTX_IRQ_INDEX;
	unsigned int owing = intx ? 0 : irq->turn;
	unsigned int vector;
	__u64 count;

	for (vector = 0; vector < irq->vectors; vector++) {
		count = signals(irq, vector);
		if (count && vector == owing && irq->owed &&
		    vm_read(irq->device, MTTY_MIG_REG_IRQ_STATUS)) {
			take(irq);
			count--;
		} else if (count && intx) {
			set_irqs(irq,
				 VFIO_IRQ_SET_DATA_NONE |
					 VFIO_IRQ_SET_ACTION_UNMASK,
				 1, NULL);
		}
		if (count && !intx)
			bad(irq, "an interrupt that nobody asked for");
	}
}

/* Takes what came; asks for another one if there shall be more */
void vm_irq_go_on(struct vm_irq *irq, bool more)
{
	if (!irq->owed && more) {
		irq->turn = (irq->turn + 1) % irq->sources;
		ask(irq);
	}
	look(irq);
	if (irq->owed && vm_seconds() - irq->since > vm_lost_after) {
		bad(irq, "the interrupt does not come");
		irq->owed = false;
	}
}

bool vm_irq_idle(struct vm_irq *irq)
{
	vm_irq_go_on(irq, false);
	return !irq->owed;
}

void vm_irq_tell(const struct vm_irq *irq, FILE *out)
{
	unsigned int i;

	fprintf(out, "\"irq\": {\"asked\": [");
	for (i = 0; i < irq->sources; i++)
		fprintf(out, "%s%llu", i ? ", " : "",
			(unsigned long long)irq->asked[i]);
	fprintf(out, "], \"came\": [");
	for (i = 0; i < irq->sources; i++)
		fprintf(out, "%s%llu", i ? ", " : "",
			(unsigned long long)irq->came[i]);
	fprintf(out, "], \"bad\": %llu}", (unsigned long long)irq->bad);
}
