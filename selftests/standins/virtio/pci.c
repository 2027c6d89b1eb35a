// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PF's driver, as far as virtio_pci_modern.c is not all of it.
 *
 * virtio_pci_common.c and virtio_pci_modern_dev.c, the rest of virtio_pci, find and map
 * the structures of a PCI device and ask for its interrupts.  Here these are functions:
 * the driver and the device are in the same module, and a register of the PF's is a member
 * of struct owner.  What the core of virtio does (the negotiation of features, the order
 * of the status bits), it does.
 */
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "virtio.h"

/* After the PF's own queues, of which it has none */
#define ADMIN_QUEUE	0

/*
 * Not VIRTIO_RING_F_INDIRECT_DESC, which hardware has: with it 7.3's driver allocates
 * memory with GFP_KERNEL under the spinlock of the admin virtqueue, and the kernel says so
 * at the first command.
 */
static const u64 pf_features = BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_SR_IOV) |
			       BIT_ULL(VIRTIO_F_ADMIN_VQ);

static struct owner *owner_by_mdev(struct virtio_pci_modern_device *mdev)
{
	return container_of(mdev, struct owner, vp_dev.mdev);
}

/* virtio_pci_modern_dev.c */

int vp_modern_probe(struct virtio_pci_modern_device *mdev)
{
	mdev->id.device = VIRTIO_ID_NET;
	mdev->id.vendor = mdev->pci_dev->vendor;
	mdev->common_len = sizeof(struct virtio_pci_modern_common_cfg);
	/* That there is one at all: queues need no mappings of their own. */
	mdev->notify_base = (void __force __iomem *)mdev;
	return 0;
}

void vp_modern_remove(struct virtio_pci_modern_device *mdev)
{
}

void vp_modern_get_extended_features(struct virtio_pci_modern_device *mdev, u64 *features)
{
	virtio_features_from_u64(features, pf_features);
}

void vp_modern_set_extended_features(struct virtio_pci_modern_device *mdev, const u64 *features)
{
	virtio_features_copy(owner_by_mdev(mdev)->driver_features, features);
}

u32 vp_modern_generation(struct virtio_pci_modern_device *mdev)
{
	return 0;
}

u8 vp_modern_get_status(struct virtio_pci_modern_device *mdev)
{
	return owner_by_mdev(mdev)->status;
}

void vp_modern_set_status(struct virtio_pci_modern_device *mdev, u8 status)
{
	struct owner *owner = owner_by_mdev(mdev);

	if (!status) {
		ring_enable(owner, false);
		admin_reset(owner);
	}
	owner->status = status;
}

u16 vp_modern_queue_vector(struct virtio_pci_modern_device *mdev, u16 index, u16 vector)
{
	return VIRTIO_MSI_NO_VECTOR;
}

u16 vp_modern_config_vector(struct virtio_pci_modern_device *mdev, u16 vector)
{
	return VIRTIO_MSI_NO_VECTOR;
}

void vp_modern_queue_address(struct virtio_pci_modern_device *mdev, u16 index, u64 desc_addr,
			     u64 driver_addr, u64 device_addr)
{
	struct admin_queue *queue = &owner_by_mdev(mdev)->queue;

	queue->desc = desc_addr;
	queue->driver = driver_addr;
	queue->device = device_addr;
}

void vp_modern_set_queue_enable(struct virtio_pci_modern_device *mdev, u16 index, bool enable)
{
	ring_enable(owner_by_mdev(mdev), enable);
}

bool vp_modern_get_queue_enable(struct virtio_pci_modern_device *mdev, u16 index)
{
	return owner_by_mdev(mdev)->queue.enabled;
}

void vp_modern_set_queue_size(struct virtio_pci_modern_device *mdev, u16 index, u16 size)
{
	owner_by_mdev(mdev)->queue.size = size;
}

u16 vp_modern_get_queue_size(struct virtio_pci_modern_device *mdev, u16 index)
{
	return index == ADMIN_QUEUE ? ADMIN_QUEUE_SIZE : 0;
}

u16 vp_modern_get_num_queues(struct virtio_pci_modern_device *mdev)
{
	return 0;
}

void __iomem *vp_modern_map_vq_notify(struct virtio_pci_modern_device *mdev, u16 index,
				      resource_size_t *pa)
{
	return mdev->notify_base;
}

/* Resets of a queue are not offered. */
int vp_modern_get_queue_reset(struct virtio_pci_modern_device *mdev, u16 index)
{
	return 0;
}

void vp_modern_set_queue_reset(struct virtio_pci_modern_device *mdev, u16 index)
{
}

u16 vp_modern_avq_num(struct virtio_pci_modern_device *mdev)
{
	return 1;
}

u16 vp_modern_avq_index(struct virtio_pci_modern_device *mdev)
{
	return ADMIN_QUEUE;
}

/* virtio_pci_common.c */

bool vp_is_avq(struct virtio_device *vdev, unsigned int index)
{
	return index == ADMIN_QUEUE;
}

/* Interrupts come from where commands are carried out. */
void vp_synchronize_vectors(struct virtio_device *vdev)
{
	flush_workqueue(owner_of(vdev)->commands);
}

bool vp_notify(struct virtqueue *vq)
{
	struct owner *owner = owner_of(vq->vdev);

	queue_work(owner->commands, &owner->queue.notified);
	return true;
}

int vp_find_vqs(struct virtio_device *vdev, unsigned int nvqs, struct virtqueue *vqs[],
		struct virtqueue_info vqs_info[], struct irq_affinity *desc)
{
	struct virtio_pci_device *vp_dev = to_vp_device(vdev);
	struct virtio_pci_admin_vq *avq = &vp_dev->admin_vq;
	struct virtio_pci_vq_info *info;
	struct virtqueue *vq;
	u16 number;
	int ret;

	ret = vp_dev->avq_index(vdev, &avq->vq_index, &number);
	if (ret)
		return ret;
	info = kzalloc(sizeof(*info), GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	vq = vp_dev->setup_vq(vp_dev, info, avq->vq_index, vp_modern_avq_done, "avq", false,
			      VIRTIO_MSI_NO_VECTOR);
	if (IS_ERR(vq)) {
		kfree(info);
		return PTR_ERR(vq);
	}
	info->vq = vq;
	avq->info = info;
	return 0;
}

void vp_del_vqs(struct virtio_device *vdev)
{
	struct virtio_pci_device *vp_dev = to_vp_device(vdev);

	vp_dev->del_vq(vp_dev->admin_vq.info);
	kfree(vp_dev->admin_vq.info);
	vp_dev->admin_vq.info = NULL;
}

const char *vp_bus_name(struct virtio_device *vdev)
{
	return pci_name(to_vp_device(vdev)->pci_dev);
}

int vp_set_vq_affinity(struct virtqueue *vq, const struct cpumask *cpu_mask)
{
	return 0;
}

const struct cpumask *vp_get_vq_affinity(struct virtio_device *vdev, int index)
{
	return NULL;
}

struct virtio_device *virtio_pci_vf_get_pf_dev(struct pci_dev *pdev)
{
	struct virtio_pci_device *vp_dev = pci_iov_get_pf_drvdata(pdev, standin_pf_driver());

	return IS_ERR(vp_dev) ? NULL : &vp_dev->vdev;
}

/* The driver of the PF's virtio device, which virtio_net is elsewhere */

static int net_probe(struct virtio_device *vdev)
{
	return vdev->config->find_vqs(vdev, 0, NULL, NULL, NULL);
}

static void net_remove(struct virtio_device *vdev)
{
	virtio_reset_device(vdev);
	vdev->config->del_vqs(vdev);
}

static const struct virtio_device_id net_ids[] = {
	{ VIRTIO_ID_NET, PCI_VENDOR_ID_REDHAT_QUMRANET },
	{}
};

static struct virtio_driver net_driver = {
	.driver.name = "standin_virtio_net",
	.id_table = net_ids,
	.probe = net_probe,
	.remove = net_remove,
};

/**
 * owner_register_driver - be ready for PFs
 *
 * Return: 0, or what went wrong.
 */
int owner_register_driver(void)
{
	return register_virtio_driver(&net_driver);
}

/**
 * owner_unregister_driver - no PF is left
 */
void owner_unregister_driver(void)
{
	unregister_virtio_driver(&net_driver);
}

static void free_owner(struct device *dev)
{
	struct owner *owner = owner_of(dev_to_virtio(dev));

	if (owner->commands)
		destroy_workqueue(owner->commands);
	kfree(owner);
}

static void init_owner(struct owner *owner, struct standin_pf *pf)
{
	struct virtio_pci_device *vp_dev = &owner->vp_dev;

	owner->pf = pf;
	mutex_init(&owner->lock);
	ring_init(owner);
	vp_dev->pci_dev = pf->pdev;
	vp_dev->vdev.dev.parent = &pf->pdev->dev;
	vp_dev->vdev.dev.release = free_owner;
	INIT_LIST_HEAD(&vp_dev->virtqueues);
	INIT_LIST_HEAD(&vp_dev->slow_virtqueues);
	spin_lock_init(&vp_dev->lock);
}

/**
 * owner_probe - a PF gets its driver
 * @pf: the PF
 *
 * Return: 0, or what went wrong.
 */
int owner_probe(struct standin_pf *pf)
{
	struct owner *owner = kzalloc(sizeof(*owner), GFP_KERNEL);
	struct virtio_pci_device *vp_dev;
	unsigned int i;
	int ret;

	if (!owner)
		return -ENOMEM;
	init_owner(owner, pf);
	vp_dev = &owner->vp_dev;
	owner->commands = alloc_workqueue("standin_virtio", WQ_UNBOUND, 0);
	ret = owner->commands ? virtio_pci_modern_probe(vp_dev) : -ENOMEM;
	if (ret) {
		free_owner(&vp_dev->vdev.dev);
		return ret;
	}
	for (i = 0; i < pf->nr_vfs; i++) {
		pf->vfs[i].priv = &owner->vfs[i];
		vf_registers_reset(&pf->vfs[i]);
	}
	pf->priv = owner;
	pci_set_drvdata(pf->pdev, vp_dev);
	ret = register_virtio_device(&vp_dev->vdev);
	if (ret) {
		put_device(&vp_dev->vdev.dev);
		return ret;
	}
	if (!vp_dev->admin_vq.max_dev_parts_objects) {
		unregister_virtio_device(&vp_dev->vdev);
		return -ENODEV;
	}
	return 0;
}

/**
 * owner_remove - a PF loses its driver
 * @pf: the PF
 */
void owner_remove(struct standin_pf *pf)
{
	struct owner *owner = pf->priv;
	struct device *dev = get_device(&owner->vp_dev.vdev.dev);

	unregister_virtio_device(&owner->vp_dev.vdev);
	virtio_pci_modern_remove(&owner->vp_dev);
	put_device(dev);
}
