// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device parts (virtio 1.4, 2.13): a VF's state as a row of headers and values.
 *
 * A device has to take what it gave, and whatever else follows the specification: parts
 * in the order of its table, each with what has to precede it, in one command or several.
 * It has to refuse a part whose length or content is not one of its own, and then leaves
 * all as it was.  Two parts are of this device's type: the VF's memory, and a digest of
 * all that goes before it in the command.
 */
#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/log2.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <linux/virtio_config.h>
#include <linux/xxhash.h>

#include "virtio.h"

/* virtio_pci.h has no names for them. */
enum {
	DEV_FEATURES	= 0x100,
	DRV_FEATURES	= 0x101,
	PCI_COMMON_CFG	= 0x102,
	DEVICE_STATUS	= 0x103,
	VQ_CFG		= 0x104,
	VQ_NOTIFY_CFG	= 0x105,
	/* Of a device type's own */
	MEMORY		= 0x200,
	DIGEST		= 0x201,
};

/* Nor for what they hold.  Parts lie at any address: those before may be of any length. */
struct vq_cfg {
	__le16 size;
	__le16 vector;
	__le16 enabled;
	__le16 reserved;
	__le64 desc;
	__le64 driver;
	__le64 device;
} __packed;

struct vq_notify_cfg {
	__le16 offset;
	__le16 data;
	__le32 reserved;
} __packed;

#define OPTIONAL	BIT(VIRTIO_DEV_PART_F_OPTIONAL)

/* What a driver may set, of which SUSPEND and bit 5 are not */
#define STATUS_BITS	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |		\
			 VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FEATURES_OK |	\
			 VIRTIO_CONFIG_S_FAILED)

/**
 * struct writer - parts that are written
 * @parts: where; NULL: nowhere, they are only measured
 * @size: how much there is
 */
struct writer {
	u8 *parts;
	size_t size;
};

/* Where the value goes */
static void *put_header(struct writer *writer, u16 type, u64 selector, u32 length)
{
	struct virtio_dev_part_hdr header = {
		.part_type = cpu_to_le16(type),
		.flags = type == DEV_FEATURES ? OPTIONAL : 0,
		.length = cpu_to_le32(length),
	};
	__le64 wire = cpu_to_le64(selector);
	u8 *at = writer->parts;

	if (at) {
		at += writer->size;
		memcpy(&header.selector, &wire, sizeof(wire));
		memcpy(at, &header, sizeof(header));
		at += sizeof(header);
	}
	writer->size += sizeof(header) + length;
	return at;
}

static void put(struct writer *writer, u16 type, u64 selector, const void *value, u32 length)
{
	void *at = put_header(writer, type, selector, length);

	if (at)
		memcpy(at, value, length);
}

static void put_features(struct writer *writer, u16 type, u64 features)
{
	__le64 value = cpu_to_le64(features);

	put(writer, type, 0, &value, sizeof(value));
}

static void put_common(struct writer *writer, u32 offset, u16 field)
{
	__le16 value = cpu_to_le16(field);

	put(writer, PCI_COMMON_CFG, offset, &value, sizeof(value));
}

static void put_queue(struct writer *writer, unsigned int index, const struct vf_queue *queue)
{
	struct vq_cfg value = {
		.size = cpu_to_le16(queue->size),
		.vector = cpu_to_le16(queue->vector),
		.enabled = cpu_to_le16(queue->enabled),
		.desc = cpu_to_le64(queue->desc),
		.driver = cpu_to_le64(queue->driver),
		.device = cpu_to_le64(queue->device),
	};

	put(writer, VQ_CFG, index, &value, sizeof(value));
}

static void put_notify(struct writer *writer, unsigned int index, const struct vf_queue *queue)
{
	struct vq_notify_cfg value = {
		.offset = cpu_to_le16(index),
		.data = cpu_to_le16(queue->data),
	};

	put(writer, VQ_NOTIFY_CFG, index, &value, sizeof(value));
}

static void put_digest(struct writer *writer)
{
	size_t size = writer->size;
	void *at = put_header(writer, DIGEST, 0, sizeof(__le64));

	if (at)
		put_unaligned_le64(xxh64(writer->parts, size, 0), at);
}

/* In the order of the table */
static void write_parts(struct standin_vf *vf, struct writer *writer)
{
	struct vf_registers registers;
	unsigned int i;
	void *memory;

	scoped_guard(mutex, &vf->lock)
		registers = *registers_of(vf);
	put_features(writer, DEV_FEATURES, vf_features);
	put_features(writer, DRV_FEATURES, registers.driver_features);
	put_common(writer, VIRTIO_PCI_COMMON_MSIX, registers.vector);
	put_common(writer, VIRTIO_PCI_COMMON_NUMQ, VF_QUEUES);
	put(writer, DEVICE_STATUS, 0, &registers.status, sizeof(registers.status));
	for (i = 0; i < VF_QUEUES; i++)
		put_queue(writer, i, &registers.queues[i]);
	for (i = 0; i < VF_QUEUES; i++)
		put_notify(writer, i, &registers.queues[i]);
	memory = put_header(writer, MEMORY, 0, standin_image_size(vf));
	if (memory)
		standin_save(vf, memory);
	put_digest(writer);
}

/**
 * parts_size - how large all parts of a VF are
 * @vf: the VF
 *
 * Return: in bytes.
 */
size_t parts_size(struct standin_vf *vf)
{
	struct writer writer = {};

	write_parts(vf, &writer);
	return writer.size;
}

/**
 * parts_get - write all parts of a VF down
 * @vf: the VF.  It may run: then they are those of some moment
 * @parts: parts_size() bytes
 */
void parts_get(struct standin_vf *vf, void *parts)
{
	struct writer writer = { .parts = parts };

	write_parts(vf, &writer);
}

/**
 * struct setting - parts that are to be set
 * @vf: of which VF
 * @registers: as they will be
 * @memory: the part that has the VF's memory, or NULL
 * @seen: which types there were, as bits by their place in kinds[]
 * @fields: which fields of the common configuration there were
 * @queues: which queues there were
 * @notifies: of which there was how to notify them
 */
struct setting {
	struct standin_vf *vf;
	struct vf_registers registers;
	const void *memory;
	unsigned int seen;
	unsigned long fields;
	unsigned long queues;
	unsigned long notifies;
};

static u64 selector_of(const struct virtio_dev_part_hdr *header)
{
	__le64 selector;

	memcpy(&selector, &header->selector, sizeof(selector));
	return le64_to_cpu(selector);
}

static bool legal_vector(u16 vector)
{
	return vector < VF_VECTORS || vector == VIRTIO_MSI_NO_VECTOR;
}

/* True if bit is set for the first time */
static bool first(unsigned long *bits, u64 bit)
{
	return bit < BITS_PER_LONG && !__test_and_set_bit(bit, bits);
}

static bool take_device_features(struct setting *setting, u64 selector, const void *value)
{
	return !selector && get_unaligned_le64(value) == vf_features;
}

static bool take_driver_features(struct setting *setting, u64 selector, const void *value)
{
	setting->registers.driver_features = get_unaligned_le64(value);
	return !selector && !(setting->registers.driver_features & ~vf_features);
}

static bool take_common(struct setting *setting, u64 selector, const void *value)
{
	u16 field = get_unaligned_le16(value);

	if (!first(&setting->fields, selector))
		return false;
	switch (selector) {
	case VIRTIO_PCI_COMMON_MSIX:
		setting->registers.vector = field;
		return legal_vector(field);
	case VIRTIO_PCI_COMMON_NUMQ:
		/* It is the device's, and only compared. */
		return field == VF_QUEUES;
	default:
		return false;
	}
}

static bool take_status(struct setting *setting, u64 selector, const void *value)
{
	setting->registers.status = *(const u8 *)value;
	return !selector && !(setting->registers.status & ~STATUS_BITS);
}

static bool take_queue(struct setting *setting, u64 selector, const void *value)
{
	const struct vq_cfg *cfg = value;
	struct vf_queue *queue;

	if (selector >= VF_QUEUES || !first(&setting->queues, selector))
		return false;
	queue = &setting->registers.queues[selector];
	queue->size = le16_to_cpu(cfg->size);
	queue->vector = le16_to_cpu(cfg->vector);
	queue->enabled = le16_to_cpu(cfg->enabled);
	queue->desc = le64_to_cpu(cfg->desc);
	queue->driver = le64_to_cpu(cfg->driver);
	queue->device = le64_to_cpu(cfg->device);
	return is_power_of_2(queue->size) && queue->size <= VF_QUEUE_SIZE &&
	       legal_vector(queue->vector) && queue->enabled <= 1 && !cfg->reserved;
}

static bool take_notify(struct setting *setting, u64 selector, const void *value)
{
	const struct vq_notify_cfg *cfg = value;

	if (selector >= VF_QUEUES || !first(&setting->notifies, selector))
		return false;
	setting->registers.queues[selector].data = le16_to_cpu(cfg->data);
	return le16_to_cpu(cfg->offset) == selector && !cfg->reserved;
}

static bool take_memory(struct setting *setting, u64 selector, const void *value)
{
	setting->memory = value;
	return !selector;
}

/**
 * struct kind - a type of part
 * @type: which
 * @flags: that it has to have
 * @length: of its value; 0: of an image of a VF
 * @needs: the types that have to precede it, as bits by their place
 * @once: there is only one
 * @take: takes the value, after looking at it; NULL: the digest
 */
static const struct kind {
	u16 type;
	u8 flags;
	u8 length;
	u8 needs;
	bool once;
	bool (*take)(struct setting *setting, u64 selector, const void *value);
} kinds[] = {
	{ DEV_FEATURES, OPTIONAL, sizeof(__le64), 0, true, take_device_features },
	{ DRV_FEATURES, 0, sizeof(__le64), 0, true, take_driver_features },
	{ PCI_COMMON_CFG, 0, sizeof(__le16), GENMASK(1, 0), false, take_common },
	{ DEVICE_STATUS, 0, sizeof(u8), GENMASK(2, 0), true, take_status },
	{ VQ_CFG, 0, sizeof(struct vq_cfg), GENMASK(3, 0), false, take_queue },
	{ VQ_NOTIFY_CFG, 0, sizeof(struct vq_notify_cfg), GENMASK(4, 0), false, take_notify },
	{ MEMORY, 0, 0, GENMASK(5, 0), true, take_memory },
	{ DIGEST, 0, sizeof(__le64), GENMASK(6, 0), true, NULL },
};

static int place_of(u16 type)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == type)
			return i;
	return -1;
}

/* The part at value, after all that lies between it and parts */
static bool take_part(struct setting *setting, const struct virtio_dev_part_hdr *header,
		      const void *value, const void *parts)
{
	int place = place_of(le16_to_cpu(header->part_type));
	u32 length = le32_to_cpu(header->length);
	const struct kind *kind;

	if (header->reserved)
		return false;
	/* What a newer device may have and this one can do without */
	if (place < 0)
		return header->flags == OPTIONAL;
	kind = &kinds[place];
	if (header->flags != kind->flags ||
	    length != (kind->length ?: standin_image_size(setting->vf)))
		return false;
	if ((setting->seen & kind->needs) != kind->needs || setting->seen >> (place + 1) ||
	    (kind->once && setting->seen & BIT(place)))
		return false;
	setting->seen |= BIT(place);
	if (kind->take)
		return kind->take(setting, selector_of(header), value);
	return !selector_of(header) &&
	       get_unaligned_le64(value) == xxh64(parts, value - sizeof(*header) - parts, 0);
}

static bool take_parts(struct setting *setting, const void *parts, size_t size)
{
	struct virtio_dev_part_hdr header;
	size_t at = 0;

	while (at < size) {
		if (size - at < sizeof(header))
			return false;
		memcpy(&header, parts + at, sizeof(header));
		at += sizeof(header);
		if (size - at < le32_to_cpu(header.length) ||
		    !take_part(setting, &header, parts + at, parts))
			return false;
		at += le32_to_cpu(header.length);
	}
	/* "Sets one or multiple device parts"; and memory goes with its digest. */
	return setting->seen && (!setting->memory || kinds[fls(setting->seen) - 1].type == DIGEST);
}

/**
 * parts_set - give a VF the parts that were written down
 * @vf: the VF, which is stopped
 * @parts: one part or several
 * @size: in bytes
 *
 * Return: 0, or -EINVAL for parts that are not whole or not of such a VF, in which case it
 * is as before.
 */
int parts_set(struct standin_vf *vf, const void *parts, size_t size)
{
	struct setting setting = { .vf = vf };

	scoped_guard(mutex, &vf->lock)
		setting.registers = *registers_of(vf);
	if (!take_parts(&setting, parts, size))
		return -EINVAL;
	if (setting.memory && standin_load(vf, setting.memory, standin_image_size(vf)))
		return -EINVAL;
	guard(mutex)(&vf->lock);
	*registers_of(vf) = setting.registers;
	return 0;
}
