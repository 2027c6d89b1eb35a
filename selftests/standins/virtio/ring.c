// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's end of the admin virtqueue: a split ring in the host's memory.
 *
 * It is read as a device reads it, by the addresses that the driver gave, so that what a
 * command is made of comes through the same scatter lists as it does on hardware.
 */
#include <linux/cleanup.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/virtio_ring.h>

#include "virtio.h"

/* The PF has no IOMMU in front of it: addresses on the bus are physical. */
static void *memory(u64 address, u32 size)
{
	if (!size || !pfn_valid(PHYS_PFN(address)) || !pfn_valid(PHYS_PFN(address + size - 1)))
		return NULL;
	return phys_to_virt(address);
}

/**
 * struct chain - the descriptors of a command
 * @owner: whose
 * @table: where they are
 * @size: how many there are in the table
 * @next: the next one
 * @left: how many may follow before it has to be a circle
 */
struct chain {
	struct owner *owner;
	const struct vring_desc *table;
	unsigned int size;
	unsigned int next;
	unsigned int left;
};

/**
 * struct segment - what a descriptor describes
 * @at: where; NULL: not in memory
 * @size: how much
 * @writable: by the device
 */
struct segment {
	void *at;
	size_t size;
	bool writable;
};

/**
 * struct request - a command on the way
 * @work: carries it out
 * @owner: whose
 * @head: its first descriptor
 */
struct request {
	struct work_struct work;
	struct owner *owner;
	u16 head;
};

static u16 get16(struct owner *owner, __virtio16 value)
{
	return virtio16_to_cpu(&owner->vp_dev.vdev, value);
}

static u32 get32(struct owner *owner, __virtio32 value)
{
	return virtio32_to_cpu(&owner->vp_dev.vdev, value);
}

static u64 get64(struct owner *owner, __virtio64 value)
{
	return virtio64_to_cpu(&owner->vp_dev.vdev, value);
}

static bool begin(struct chain *chain, struct owner *owner, unsigned int head)
{
	const struct vring_desc *desc;

	chain->owner = owner;
	chain->size = owner->queue.size;
	chain->table = memory(owner->queue.desc, chain->size * sizeof(*chain->table));
	chain->next = head;
	if (!chain->table)
		return false;
	desc = &chain->table[head];
	if (get16(owner, desc->flags) & VRING_DESC_F_INDIRECT) {
		chain->size = get32(owner, desc->len) / sizeof(*desc);
		chain->table = memory(get64(owner, desc->addr), get32(owner, desc->len));
		chain->next = 0;
	}
	chain->left = chain->size;
	return chain->table;
}

/* False if there is none */
static bool next(struct chain *chain, struct segment *segment)
{
	const struct vring_desc *desc = &chain->table[chain->next];
	u16 flags;

	if (chain->next >= chain->size || !chain->left--)
		return false;
	flags = get16(chain->owner, desc->flags);
	segment->size = get32(chain->owner, desc->len);
	segment->at = memory(get64(chain->owner, desc->addr), segment->size);
	segment->writable = flags & VRING_DESC_F_WRITE;
	chain->next = flags & VRING_DESC_F_NEXT ? get16(chain->owner, desc->next) : chain->size;
	return true;
}

/* False for a command of which a part is nowhere */
static bool measure(struct owner *owner, unsigned int head, size_t *readable, size_t *writable)
{
	struct segment segment;
	struct chain chain;
	bool all = true;

	*readable = 0;
	*writable = 0;
	if (!begin(&chain, owner, head))
		return false;
	while (next(&chain, &segment)) {
		all = all && segment.at;
		*(segment.writable ? writable : readable) += segment.size;
	}
	return all;
}

/* Reads what the device may read, or writes where it may write; no more than size */
static void copy(struct owner *owner, unsigned int head, bool write, u8 *data, size_t size)
{
	struct segment segment;
	struct chain chain;

	if (!begin(&chain, owner, head))
		return;
	while (size && next(&chain, &segment)) {
		size_t part = min(size, segment.size);

		if (segment.writable != write || !segment.at)
			continue;
		if (write)
			memcpy(segment.at, data, part);
		else
			memcpy(data, segment.at, part);
		data += part;
		size -= part;
	}
}

/* The driver is told that a command is done. */
static void complete_command(struct owner *owner, unsigned int head, u32 written)
{
	struct virtio_device *vdev = &owner->vp_dev.vdev;
	struct admin_queue *queue = &owner->queue;

	scoped_guard(mutex, &queue->lock) {
		struct vring_avail *avail = phys_to_virt(queue->driver);
		struct vring_used *used = phys_to_virt(queue->device);
		u16 index = get16(owner, used->idx);

		/* The driver has reset the device meanwhile. */
		if (!queue->enabled)
			return;
		used->ring[index % queue->size].id = cpu_to_virtio32(vdev, head);
		used->ring[index % queue->size].len = cpu_to_virtio32(vdev, written);
		/* The driver looks at the element when it sees this. */
		virt_store_release(&used->idx, cpu_to_virtio16(vdev, index + 1));
		/* Either the driver sees the command, or this sees that it waits. */
		virt_mb();
		if (get16(owner, READ_ONCE(avail->flags)) & VRING_AVAIL_F_NO_INTERRUPT)
			return;
	}
	vring_interrupt(0, owner->vp_dev.admin_vq.info->vq);
}

static int run(struct owner *owner, const void *data, size_t readable, void *result,
	       size_t writable, size_t *used, u16 *qualifier)
{
	const size_t head = sizeof(struct virtio_admin_cmd_hdr);
	struct virtio_admin_cmd_hdr header = {};
	struct command command = {
		.owner = owner,
		.data = data + min(readable, head),
		.size = readable - min(readable, head),
		.result = result,
		.room = writable,
	};
	int ret;

	/* What the driver left out is zero. */
	memcpy(&header, data, min(readable, head));
	ret = admin_command(&command, &header);
	*used = ret ? 0 : min(command.used, command.room);
	*qualifier = command.qualifier;
	return ret;
}

static void carry_out(struct work_struct *work)
{
	struct request *request __free(kfree) = container_of(work, struct request, work);
	u8 *result __free(kvfree) = NULL;
	u8 *data __free(kvfree) = NULL;
	struct owner *owner = request->owner;
	unsigned int head = request->head;
	struct virtio_admin_cmd_status status = {};
	size_t readable, writable, used = 0;
	u16 qualifier = 0;
	int ret = -ENOMEM;

	if (WARN(!measure(owner, head, &readable, &writable),
		 "standin: a command's buffer is larger than memory\n")) {
		ret = -EFAULT;
	} else {
		data = kvmalloc(readable, GFP_KERNEL);
		result = kvzalloc(writable, GFP_KERNEL);
	}
	if (data && result && writable >= sizeof(status)) {
		copy(owner, head, false, data, readable);
		ret = run(owner, data, readable, result + sizeof(status),
			  writable - sizeof(status), &used, &qualifier);
	}

	/* Its numbers are Linux's. */
	status.status = cpu_to_le16(-ret);
	status.status_qualifier = cpu_to_le16(qualifier);
	used += sizeof(status);
	if (result && used <= writable) {
		memcpy(result, &status, sizeof(status));
		copy(owner, head, true, result, used);
	} else {
		used = sizeof(status);
		copy(owner, head, true, (u8 *)&status, used);
	}
	complete_command(owner, head, used);
}

/* One by itself, so that one that takes long holds up no other VF's */
static void take_command(struct owner *owner, u16 head)
{
	struct request *request;

	if (WARN(head >= owner->queue.size, "standin: there is no descriptor %u\n", head))
		return;
	request = kzalloc(sizeof(*request), GFP_KERNEL | __GFP_NOFAIL);
	request->owner = owner;
	request->head = head;
	INIT_WORK(&request->work, carry_out);
	queue_work(owner->commands, &request->work);
}

/* Commands are begun in the order in which they were queued. */
static void take_commands(struct work_struct *work)
{
	struct admin_queue *queue = container_of(work, struct admin_queue, notified);
	struct owner *owner = container_of(queue, struct owner, queue);
	struct vring_avail *avail;
	__virtio16 end;

	guard(mutex)(&queue->lock);
	if (!queue->enabled)
		return;
	avail = phys_to_virt(queue->driver);
	/* The driver notifies after it has moved the index on, however often. */
	end = virt_load_acquire(&avail->idx);
	while (queue->seen != get16(owner, end))
		take_command(owner, get16(owner, avail->ring[queue->seen++ % queue->size]));
}

/**
 * ring_init - prepare the device's end of the admin virtqueue
 * @owner: whose
 */
void ring_init(struct owner *owner)
{
	mutex_init(&owner->queue.lock);
	INIT_WORK(&owner->queue.notified, take_commands);
}

/**
 * ring_enable - the driver enables the admin virtqueue, or resets the device
 * @owner: whose
 * @enable: which
 *
 * Commands that are on the way at a reset are lost.
 */
void ring_enable(struct owner *owner, bool enable)
{
	struct admin_queue *queue = &owner->queue;

	guard(mutex)(&queue->lock);
	queue->enabled = enable;
	queue->seen = 0;
}
