/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stand-in for a virtio-net device with device parts, as virtio 1.4 has it.
 *
 * From the driver under test inwards: virtio_pci_modern.c is the kernel's, unchanged, and
 * so is virtio_ring; pci.c is the rest of the PF's driver, as far as the admin virtqueue
 * needs it; ring.c is where the device begins: it takes commands off the admin virtqueue;
 * admin.c carries them out; parts.c writes and reads device parts; registers.c is what
 * the driver of a VF sees.
 */
#ifndef STANDINS_VIRTIO_H
#define STANDINS_VIRTIO_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/virtio_pci.h>
#include <linux/workqueue.h>

#include "virtio_pci_common.h"
#include "../lib/standin.h"

/* A net device without pairs of queues: receive, transmit, control */
#define VF_QUEUES	3
#define VF_QUEUE_SIZE	256
#define VF_VECTORS	4

/* Where its common configuration is.  Notifications go into the rest. */
#define VF_COMMON_BAR	2

/* A VF needs two at a time, but an object whose end a test lets fail is there for good. */
#define MAX_OBJECTS	200

/* Commands by their numbers, as bits */
#define ADMIN_COMMANDS	(BIT_ULL(VIRTIO_ADMIN_CMD_LIST_QUERY) |	\
			 BIT_ULL(VIRTIO_ADMIN_CMD_LIST_USE) |		\
			 VIRTIO_DEV_PARTS_ADMIN_CMD_BITMAP)

/**
 * struct vf_queue - a virtqueue of a VF: what the VF's driver has set
 * @size: how many descriptors
 * @vector: of MSI-X
 * @enabled: it was enabled
 * @data: what the driver is to write to notify
 * @desc: address of the descriptors
 * @driver: of the driver's area
 * @device: of the device's area
 */
struct vf_queue {
	u16 size;
	u16 vector;
	u16 enabled;
	u16 data;
	u64 desc;
	u64 driver;
	u64 device;
};

/**
 * struct vf_registers - a VF's common configuration, with what lies behind its selectors
 * @device_feature_select: which 32 bits of its features are shown
 * @driver_feature_select: which 32 bits of the driver's
 * @driver_features: what the driver took of what the device offers
 * @vector: for changes of the configuration
 * @status: how far the driver is
 * @queue_select: which queue is shown
 * @queues: all
 */
struct vf_registers {
	u32 device_feature_select;
	u32 driver_feature_select;
	u64 driver_features;
	u16 vector;
	u8 status;
	u16 queue_select;
	struct vf_queue queues[VF_QUEUES];
};

/**
 * struct object - a resource object: device parts to be got or to be set
 * @vf: the member that it was made for; NULL: there is none of this number
 * @kind: VIRTIO_RESOURCE_OBJ_DEV_PARTS_TYPE_GET or _SET
 * @kept: its end was asked for, and refused because a test wanted it
 */
struct object {
	struct standin_vf *vf;
	u8 kind;
	bool kept;
};

/*
 * A scatter list takes a descriptor for each of its entries, and one that has more of them
 * than there are descriptors is tried for ever by the PF's driver.
 */
#define ADMIN_QUEUE_SIZE	8192

/**
 * struct admin_queue - the device's end of the admin virtqueue
 * @size: how many descriptors
 * @enabled: it is in use
 * @desc: address of the descriptors
 * @driver: of the driver's area, the available ring
 * @device: of the device's area, the used ring
 * @seen: how many commands were taken
 * @lock: over @enabled, @seen and the used ring
 * @notified: the driver says that there are commands
 */
struct admin_queue {
	u16 size;
	bool enabled;
	u64 desc;
	u64 driver;
	u64 device;
	u16 seen;
	struct mutex lock; /* see above */
	struct work_struct notified;
};

/**
 * struct owner - a PF: its driver, and the device
 * @vp_dev: the PF's driver's.  It lives until the last reference to its device is gone,
 *	and so does all of this
 * @pf: the card
 * @vfs: the registers of each VF, under the VF's lock
 * @status: of the PF's virtio device
 * @driver_features: what the driver took
 * @queue: the admin virtqueue
 * @commands: where they are carried out
 * @lock: over all that follows
 * @used: the commands that the driver said it would use with its VFs
 * @limits: how many objects it said it would make
 * @objects: by their numbers
 */
struct owner {
	struct virtio_pci_device vp_dev;
	struct standin_pf *pf;
	struct vf_registers vfs[SWPCI_MAX_VFS];

	u8 status;
	u64 driver_features[VIRTIO_FEATURES_U64S];
	struct admin_queue queue;
	struct workqueue_struct *commands;

	struct mutex lock; /* see above */
	u64 used;
	struct virtio_dev_parts_cap limits;
	struct object objects[MAX_OBJECTS];
};

static inline struct owner *owner_of(struct virtio_device *vdev)
{
	return container_of(to_vp_device(vdev), struct owner, vp_dev);
}

static inline struct vf_registers *registers_of(struct standin_vf *vf)
{
	return vf->priv;
}

/**
 * struct command - an admin command that is being carried out
 * @owner: whose
 * @vf: about which member; NULL: about the owner itself
 * @data: what is specific to it
 * @size: of @data
 * @result: room for what it gives; all zero
 * @room: how much
 * @used: how much of it was needed
 * @qualifier: why it failed
 */
struct command {
	struct owner *owner;
	struct standin_vf *vf;
	const void *data;
	size_t size;
	void *result;
	size_t room;
	size_t used;
	u16 qualifier;
};

/* virtio_pci.h has these without their names. */
#define STATUS_Q_INVALID_COMMAND	1
#define STATUS_Q_INVALID_OPCODE		2
#define STATUS_Q_INVALID_FIELD		3
#define STATUS_Q_INVALID_GROUP		4
#define STATUS_Q_INVALID_MEMBER		5

/* registers.c */
extern const u64 vf_features;
void vf_registers_reset(struct standin_vf *vf);
bool vf_register_read(struct standin_pf *pf, struct standin_vf *vf, unsigned int bar,
		      u64 offset, unsigned int size, u64 *value);
bool vf_register_write(struct standin_pf *pf, struct standin_vf *vf, unsigned int bar,
		       u64 offset, unsigned int size, u64 value);

/* parts.c */
size_t parts_size(struct standin_vf *vf);
void parts_get(struct standin_vf *vf, void *parts);
int parts_set(struct standin_vf *vf, const void *parts, size_t size);

/* admin.c */
void admin_reset(struct owner *owner);
int admin_command(struct command *command, const struct virtio_admin_cmd_hdr *header);

/* ring.c */
void ring_init(struct owner *owner);
void ring_enable(struct owner *owner, bool enable);

/* pci.c */
int owner_register_driver(void);
void owner_unregister_driver(void);
int owner_probe(struct standin_pf *pf);
void owner_remove(struct standin_pf *pf);

#endif /* STANDINS_VIRTIO_H */
