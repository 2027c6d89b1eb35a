// SPDX-License-Identifier: GPL-2.0-only
/*
 * Find the machine's mtty-mig devices, and reach their registers.
 */
#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define PCI_DEVICES "/sys/bus/pci/devices"

static unsigned long read_number(const char *bdf, const char *attribute)
{
	char path[PATH_MAX], text[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, attribute);
	file = fopen(path, "re");
	if (!file || !fgets(text, sizeof(text), file))
		vm_die("cannot read %s: %m", path);
	fclose(file);
	return strtoul(text, NULL, 0);
}

static int by_bdf(const void *a, const void *b)
{
	return strcmp(((const struct vm_device *)a)->bdf,
		      ((const struct vm_device *)b)->bdf);
}

int vm_find_devices(struct vm_device *devices, int room)
{
	DIR *dir = opendir(PCI_DEVICES);
	struct dirent *entry;
	int found = 0;

	if (!dir)
		vm_die("cannot read " PCI_DEVICES ": %m");
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    read_number(entry->d_name, "subsystem_vendor") !=
			    MTTY_MIG_PCI_SUBVENDOR ||
		    read_number(entry->d_name, "subsystem_device") !=
			    MTTY_MIG_PCI_SUBDEVICE)
			continue;
		if (found == room)
			vm_die("more than %d devices", room);
		memset(&devices[found], 0, sizeof(devices[found]));
		memcpy(devices[found].bdf, entry->d_name,
		       strlen(entry->d_name) + 1);
		devices[found++].fd = -1;
	}
	closedir(dir);
	qsort(devices, found, sizeof(*devices), by_bdf);
	return found;
}

/*
 * What a driver does with a device that it wants to do DMA: the 8250 driver,
 * which may have the device, does not.
 */
static void enable(const struct vm_device *device)
{
	char path[PATH_MAX];
	__u16 command;
	int fd;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/config", device->bdf);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || pread(fd, &command, 2, PCI_COMMAND) != 2)
		vm_die("cannot read %s: %m", path);
	command |= htole16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	if (pwrite(fd, &command, 2, PCI_COMMAND) != 2)
		vm_die("cannot write %s: %m", path);
	close(fd);
}

/* By a register that nobody else writes: it was lost, and is to be lost again */
static void expect_reset(struct vm_device *device)
{
	if (vm_read(device, MTTY_MIG_REG_SCRATCH))
		vm_die("%s was not reset", device->bdf);
	vm_write(device, MTTY_MIG_REG_SCRATCH, 1);
}

void vm_map(struct vm_device *device)
{
	char path[PATH_MAX];
	int fd;

	enable(device);
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/resource%d", device->bdf,
		 MTTY_MIG_CTRL_BAR);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		vm_die("cannot open %s: %m", path);
	device->ctrl = mmap(NULL, MTTY_MIG_CTRL_BAR_SIZE,
			    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (device->ctrl == MAP_FAILED)
		vm_die("cannot map %s: %m", path);
	close(fd);
	if (vm_read(device, MTTY_MIG_REG_ID) != MTTY_MIG_ID)
		vm_die("%s: ID is %#x", device->bdf,
		       vm_read(device, MTTY_MIG_REG_ID));
	expect_reset(device);
}

void vm_reset(struct vm_device *device)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/reset", device->bdf);
	vm_write_file(path, "1");
	if (device->ctrl)
		expect_reset(device);
}

__u32 vm_read(struct vm_device *device, unsigned int reg)
{
	__u32 value;

	if (device->ctrl)
		return le32toh(device->ctrl[reg / 4]);
	if (pread(device->fd, &value, 4, device->ctrl_offset + reg) != 4)
		vm_die("cannot read register %#x: %m", reg);
	return le32toh(value);
}

void vm_write(struct vm_device *device, unsigned int reg, __u32 value)
{
	value = htole32(value);
	if (device->ctrl)
		device->ctrl[reg / 4] = value;
	else if (pwrite(device->fd, &value, 4, device->ctrl_offset + reg) != 4)
		vm_die("cannot write register %#x: %m", reg);
}

void vm_write64(struct vm_device *device, unsigned int reg, __u64 value)
{
	vm_write(device, reg, value);
	vm_write(device, reg + 4, value >> 32);
}

void *vm_dma_memory(void)
{
	static void *memory;
	int fd;

	if (memory)
		return memory;
	fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		vm_die("cannot open /dev/mem: %m");
	memory = mmap(NULL, VM_FLOOD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		      VM_DMA_BASE);
	if (memory == MAP_FAILED)
		vm_die("cannot map the memory for DMA: %m");
	close(fd);
	return memory;
}
