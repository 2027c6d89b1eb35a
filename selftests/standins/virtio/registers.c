// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver of a VF sees: the common configuration, with its selectors.  It takes
 * nothing that is not legal, so that device parts which hold something else are broken.
 *
 * These registers are apart from the VF's state, which is the memory behind BAR 0: they
 * have device parts of their own.
 */
#include <linux/cleanup.h>
#include <linux/log2.h>
#include <linux/string.h>
#include <linux/virtio_config.h>

#include "virtio.h"

/* A field is accessed in its natural width, or not at all. */
#define FIELD(offset, size)	((offset) << 4 | (size))

const u64 vf_features = BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_NOTIF_CONFIG_DATA) |
			BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);

/**
 * vf_registers_reset - a VF is reset, by its driver or by a function level reset
 * @vf: the VF, whose lock is held
 */
void vf_registers_reset(struct standin_vf *vf)
{
	struct vf_registers *registers = registers_of(vf);
	unsigned int i;

	memset(registers, 0, sizeof(*registers));
	registers->vector = VIRTIO_MSI_NO_VECTOR;
	for (i = 0; i < VF_QUEUES; i++) {
		registers->queues[i].size = VF_QUEUE_SIZE;
		registers->queues[i].vector = VIRTIO_MSI_NO_VECTOR;
		registers->queues[i].data = i;
	}
}

/* 32 of the 64 bits of features that there are */
static u32 selected(u64 features, u32 select)
{
	return select < 2 ? features >> (32 * select) : 0;
}

static struct vf_queue *selected_queue(struct vf_registers *registers)
{
	if (registers->queue_select >= VF_QUEUES)
		return NULL;
	return &registers->queues[registers->queue_select];
}

static void show(struct vf_registers *registers, struct virtio_pci_modern_common_cfg *config)
{
	const struct vf_queue *queue = selected_queue(registers);
	struct virtio_pci_common_cfg *cfg = &config->cfg;

	cfg->device_feature_select = cpu_to_le32(registers->device_feature_select);
	cfg->device_feature = cpu_to_le32(selected(vf_features, registers->device_feature_select));
	cfg->guest_feature_select = cpu_to_le32(registers->driver_feature_select);
	cfg->guest_feature = cpu_to_le32(selected(registers->driver_features,
						  registers->driver_feature_select));
	cfg->msix_config = cpu_to_le16(registers->vector);
	cfg->num_queues = cpu_to_le16(VF_QUEUES);
	cfg->device_status = registers->status;
	cfg->queue_select = cpu_to_le16(registers->queue_select);
	if (!queue)
		return;
	cfg->queue_size = cpu_to_le16(queue->size);
	cfg->queue_msix_vector = cpu_to_le16(queue->vector);
	cfg->queue_enable = cpu_to_le16(queue->enabled);
	cfg->queue_notify_off = cpu_to_le16(registers->queue_select);
	cfg->queue_desc_lo = cpu_to_le32(lower_32_bits(queue->desc));
	cfg->queue_desc_hi = cpu_to_le32(upper_32_bits(queue->desc));
	cfg->queue_avail_lo = cpu_to_le32(lower_32_bits(queue->driver));
	cfg->queue_avail_hi = cpu_to_le32(upper_32_bits(queue->driver));
	cfg->queue_used_lo = cpu_to_le32(lower_32_bits(queue->device));
	cfg->queue_used_hi = cpu_to_le32(upper_32_bits(queue->device));
	config->queue_notify_data = cpu_to_le16(queue->data);
}

/**
 * vf_register_read - a register of a VF
 * @pf: its card
 * @vf: the VF; NULL: of the PF
 * @bar: of which BAR
 * @offset: where in it
 * @size: of the access
 * @value: the register's
 *
 * Return: whether it is a register.
 */
bool vf_register_read(struct standin_pf *pf, struct standin_vf *vf, unsigned int bar,
		      u64 offset, unsigned int size, u64 *value)
{
	struct virtio_pci_modern_common_cfg config = {};

	if (!vf || bar != VF_COMMON_BAR)
		return false;
	scoped_guard(mutex, &vf->lock)
		show(registers_of(vf), &config);
	*value = 0;
	if (offset + size <= sizeof(config))
		memcpy(value, (u8 *)&config + offset, size);
	return true;
}

static void set_low(u64 *address, u32 value)
{
	*address = (u64)upper_32_bits(*address) << 32 | value;
}

static void set_high(u64 *address, u32 value)
{
	*address = (u64)value << 32 | lower_32_bits(*address);
}

static u16 legal_vector(u32 vector)
{
	return vector < VF_VECTORS ? vector : VIRTIO_MSI_NO_VECTOR;
}

static void set_features(struct vf_registers *registers, u32 value)
{
	u64 features = registers->driver_features;

	if (registers->status & VIRTIO_CONFIG_S_FEATURES_OK)
		return;
	if (registers->driver_feature_select == 0)
		set_low(&features, value);
	else if (registers->driver_feature_select == 1)
		set_high(&features, value);
	registers->driver_features = features & vf_features;
}

static void set_status(struct standin_vf *vf, u8 status)
{
	struct vf_registers *registers = registers_of(vf);

	if (!status) {
		vf_registers_reset(vf);
		memset(vf->state, 0, vf->size);
		return;
	}
	/* Without the features that it needs the device does not take them for agreed on. */
	if (!(registers->driver_features & BIT_ULL(VIRTIO_F_VERSION_1)))
		status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	registers->status = status;
}

static void set_queue(struct vf_queue *queue, u64 offset, unsigned int size, u32 value)
{
	switch (FIELD(offset, size)) {
	case FIELD(VIRTIO_PCI_COMMON_Q_SIZE, 2):
		if (is_power_of_2(value) && value <= VF_QUEUE_SIZE)
			queue->size = value;
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_MSIX, 2):
		queue->vector = legal_vector(value);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_ENABLE, 2):
		/* There is no way back but a reset. */
		queue->enabled |= value == 1;
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_DESCLO, 4):
		set_low(&queue->desc, value);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_DESCHI, 4):
		set_high(&queue->desc, value);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_AVAILLO, 4):
		set_low(&queue->driver, value);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_AVAILHI, 4):
		set_high(&queue->driver, value);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_USEDLO, 4):
		set_low(&queue->device, value);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_USEDHI, 4):
		set_high(&queue->device, value);
		break;
	}
}

static void set(struct standin_vf *vf, u64 offset, unsigned int size, u32 value)
{
	struct vf_registers *registers = registers_of(vf);
	struct vf_queue *queue = selected_queue(registers);

	switch (FIELD(offset, size)) {
	case FIELD(VIRTIO_PCI_COMMON_DFSELECT, 4):
		registers->device_feature_select = value;
		break;
	case FIELD(VIRTIO_PCI_COMMON_GFSELECT, 4):
		registers->driver_feature_select = value;
		break;
	case FIELD(VIRTIO_PCI_COMMON_GF, 4):
		set_features(registers, value);
		break;
	case FIELD(VIRTIO_PCI_COMMON_MSIX, 2):
		registers->vector = legal_vector(value);
		break;
	case FIELD(VIRTIO_PCI_COMMON_STATUS, 1):
		set_status(vf, value);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_SELECT, 2):
		registers->queue_select = value;
		break;
	default:
		if (queue && !queue->enabled)
			set_queue(queue, offset, size, value);
		break;
	}
}

/**
 * vf_register_write - a register of a VF
 * @pf: its card
 * @vf: the VF; NULL: of the PF
 * @bar: of which BAR
 * @offset: where in it
 * @size: of the access
 * @value: what is written
 *
 * A VF that is stopped takes what its driver writes like any other.  Notifications reach
 * a device without anything to do.
 *
 * Return: whether it is a register.
 */
bool vf_register_write(struct standin_pf *pf, struct standin_vf *vf, unsigned int bar,
		       u64 offset, unsigned int size, u64 value)
{
	if (!vf || bar != VF_COMMON_BAR)
		return false;
	guard(mutex)(&vf->lock);
	set(vf, offset, size, value);
	return true;
}
