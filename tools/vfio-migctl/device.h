/* SPDX-License-Identifier: GPL-2.0-only */
/* A device as the user names it: found, described, opened. */
#ifndef VFIO_MIGCTL_DEVICE_H
#define VFIO_MIGCTL_DEVICE_H

#include <limits.h>
#include <stdbool.h>

#include "../../selftests/lib/vfio_dev.h"
#include "end.h"
#include "who.h"

/**
 * struct device - a device as the user names it
 * @arg: what the user wrote: DEVICE or DEVICE@PID
 * @name: DEVICE: UUID, PCI address or path
 * @pid: PID, the process whose open device it is; 0: nobody's
 * @sysfs: its folder in sysfs
 * @bus: "mdev" or "pci"
 * @driver: the VFIO driver; "" if there is none
 * @type: the type of a mediated device, the IDs of a PCI function
 * @cdev: its character device; "" if the kernel has none
 * @group: its group's node; "" if it has no group
 * @vfio: "vfio0", its name in the class vfio-dev; "" if no VFIO driver has it
 * @dev: the device, open
 * @end: the same, as one end of a migration
 */
struct device {
	char arg[128];
	char name[128];
	pid_t pid;
	char sysfs[PATH_MAX];
	char bus[16];
	char driver[64];
	char type[64];
	char cdev[64];
	char group[64];
	char vfio[32];
	struct vfio_dev dev;
	struct end end;
};

/* How devices are opened: enum vfio_way, or: as the kernel can */
#define WAY_ANY		-1
extern int device_way;

void device_find(struct device *device, const char *arg);
void device_describe(struct device *device);
const char *device_users(const struct device *device, struct users *users);
int __device_open(struct device *device);
void device_open(struct device *device);
void device_begin(struct device *device, const char *name);
bool device_debugfs_state(const struct device *device, char *state,
			  size_t size);

#endif /* VFIO_MIGCTL_DEVICE_H */
