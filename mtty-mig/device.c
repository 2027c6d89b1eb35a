// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device as VFIO sees it: the operations that the VFIO core calls (open and
 * close, regions, ioctls), and the life of a device. card.c has the hardware.
 */
#include <kunit/visibility.h>
#include <linux/err.h>
#include <linux/memcontrol.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "mtty_mig.h"

/* A region's offset in the device fd, the same as in vfio-pci */
#define MTTY_REGION_SHIFT	40
#define MTTY_REGION_INDEX(pos)	((u64)(pos) >> MTTY_REGION_SHIFT)
#define MTTY_REGION_START(idx)	((u64)(idx) << MTTY_REGION_SHIFT)

/* Settings */

/**
 * mtty_device_set_pri_drain - let a blocked SET_STATE drain page requests or not
 * @mtty: the device
 * @drain: true to let it
 *
 * Return: 0, or -EOPNOTSUPP if the device has no page requests.
 */
int mtty_device_set_pri_drain(struct mtty_device *mtty, bool drain)
{
	if (mtty->type->id != MTTY_MIG_TYPE_VPRI)
		return -EOPNOTSUPP;

	mutex_lock(&mtty->hw_lock);
	WRITE_ONCE(mtty->pri_drain, drain);
	mutex_unlock(&mtty->hw_lock);
	return 0;
}

/**
 * mtty_device_set_mem_size - set the size of device memory
 * @mtty: the device
 * @size: bytes: 0, or a power of two from MTTY_MIG_MEM_MIN to MTTY_MIG_MEM_MAX
 *
 * Return: 0; -EINVAL for another size; -EBUSY while the device is open, because
 * its user has seen the size.
 */
int mtty_device_set_mem_size(struct mtty_device *mtty, u64 size)
{
	int ret = -EBUSY;

	/* is_power_of_2() would take no more than an unsigned long */
	if (size && (hweight64(size) != 1 || size < MTTY_MIG_MEM_MIN ||
		     size > MTTY_MIG_MEM_MAX))
		return -EINVAL;

	/* An arc of an open device may wait with state_mutex held */
	if (READ_ONCE(mtty->open))
		return -EBUSY;
	if (mutex_lock_interruptible(&mtty->state_mutex))
		return -ERESTARTSYS;
	if (!mtty->open) {
		mutex_lock(&mtty->hw_lock);
		mtty->mem->size = size;
		mutex_unlock(&mtty->hw_lock);
		mtty_card_reset(mtty);
		ret = 0;
	}
	mutex_unlock(&mtty->state_mutex);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(mtty_device_set_mem_size);

/* Regions */

/* The control BAR takes only whole, aligned registers of 32 bits */
static bool region_access_ok(unsigned int index, u64 offset, size_t len)
{
	return index != MTTY_MIG_CTRL_BAR ||
	       (IS_ALIGNED(offset, sizeof(u32)) && IS_ALIGNED(len, sizeof(u32)));
}

/*
 * Read or write a region through a bounce buffer of a page: user memory is not
 * accessed under hw_lock, because a page fault may take any time.
 */
static ssize_t region_rw(struct mtty_device *mtty, void __user *ubuf,
			 size_t count, loff_t *ppos, bool write)
{
	unsigned int index = MTTY_REGION_INDEX(*ppos);
	u64 offset = *ppos - MTTY_REGION_START(index);
	u64 size = mtty_card_region_size(mtty, index);
	size_t done = 0;
	int ret = 0;
	u8 *buf;

	if (offset >= size)
		return -EINVAL;
	count = min_t(u64, count, size - offset);
	if (!region_access_ok(index, offset, count))
		return -EINVAL;

	buf = kmalloc(min_t(size_t, count, MTTY_MIG_PAGE_SIZE),
		      GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;

	while (done < count && !ret) {
		size_t len = min_t(size_t, count - done, MTTY_MIG_PAGE_SIZE);

		if (write && copy_from_user(buf, ubuf + done, len)) {
			ret = -EFAULT;
			break;
		}
		mutex_lock(&mtty->hw_lock);
		if (write)
			ret = mtty_card_write(mtty, index, offset + done, buf,
					      len);
		else
			mtty_card_read(mtty, index, offset + done, buf, len);
		/* Registers cause interrupts; memory does not */
		if (index != MTTY_MIG_MEM_BAR)
			mtty_irq_update(mtty);
		mutex_unlock(&mtty->hw_lock);
		if (!write && copy_to_user(ubuf + done, buf, len))
			ret = -EFAULT;
		if (!ret)
			done += len;
		/* Now: the copy of the next bytes may wait for user memory */
		if (write && index == MTTY_MIG_MEM_BAR)
			wake_up_all(&mtty->data_wait);
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	kfree(buf);

	*ppos += done;
	return done ?: ret;
}

static ssize_t mtty_device_read(struct vfio_device *vdev, char __user *buf,
				size_t count, loff_t *ppos)
{
	return region_rw(to_mtty_device(vdev), buf, count, ppos, false);
}

static ssize_t mtty_device_write(struct vfio_device *vdev,
				 const char __user *buf, size_t count,
				 loff_t *ppos)
{
	return region_rw(to_mtty_device(vdev), (void __user *)buf, count, ppos,
			 true);
}

/* ioctls */

static long get_info(struct mtty_device *mtty,
		     struct vfio_device_info __user *arg)
{
	size_t minsz = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info = {};

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = mtty_irq_indexes(mtty);
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static int mtty_device_region_info(struct vfio_device *vdev,
				   struct vfio_region_info *info,
				   struct vfio_info_cap *caps)
{
	struct mtty_device *mtty = to_mtty_device(vdev);

	if (info->index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;

	info->offset = MTTY_REGION_START(info->index);
	info->size = mtty_card_region_size(mtty, info->index);
	info->cap_offset = 0;
	info->flags = info->size ? VFIO_REGION_INFO_FLAG_READ |
				   VFIO_REGION_INFO_FLAG_WRITE : 0;
	return 0;
}

static long get_region_info(struct mtty_device *mtty,
			    struct vfio_region_info __user *arg)
{
	size_t minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info info = {};
	int ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	ret = mtty_device_region_info(&mtty->vdev, &info, NULL);
	if (ret)
		return ret;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long get_irq_info(struct mtty_device *mtty,
			 struct vfio_irq_info __user *arg)
{
	size_t minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info = {};
	int ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	ret = mtty_irq_info(mtty, &info);
	if (ret)
		return ret;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long set_irqs(struct mtty_device *mtty, struct vfio_irq_set __user *arg)
{
	size_t minsz = offsetofend(struct vfio_irq_set, count);
	struct vfio_irq_info info = {};
	struct vfio_irq_set set;
	void *data = NULL;
	size_t data_size;
	int ret;

	if (copy_from_user(&set, arg, minsz))
		return -EFAULT;

	info.index = set.index;
	ret = mtty_irq_info(mtty, &info);
	if (ret)
		return ret;
	ret = vfio_set_irqs_validate_and_prepare(&set, info.count,
						 mtty_irq_indexes(mtty),
						 &data_size);
	if (ret)
		return ret;

	if (data_size) {
		data = memdup_user(arg->data, data_size);
		if (IS_ERR(data))
			return PTR_ERR(data);
	}
	ret = mtty_irq_set(mtty, &set, data);
	kfree(data);
	return ret;
}

static long mtty_device_ioctl(struct vfio_device *vdev, unsigned int cmd,
			      unsigned long arg)
{
	struct mtty_device *mtty = to_mtty_device(vdev);
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return get_info(mtty, uarg);
	case VFIO_DEVICE_GET_REGION_INFO:
		/* Only on kernels that have no op for it, see compat.h */
		return get_region_info(mtty, uarg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return get_irq_info(mtty, uarg);
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(mtty, uarg);
	case VFIO_DEVICE_RESET:
		return mtty_fsm_reset(mtty);
	default:
		return -ENOTTY;
	}
}

/*
 * The driver has no features but those of the core. Without this op, the core
 * of some kernels answers EINVAL to an unknown feature; a VMM that probes for
 * one takes that for a broken device.
 */
static int mtty_device_feature(struct vfio_device *vdev, u32 flags,
			       void __user *arg, size_t argsz)
{
	return -ENOTTY;
}

/* Lifetime */

/* Undo what tests have set, so that it does not affect the next user */
static void mtty_device_reset_knobs(struct mtty_device *mtty)
{
	mutex_lock(&mtty->hw_lock);
	WRITE_ONCE(mtty->engine_held, false);
	WRITE_ONCE(mtty->pri_drain, false);
	mutex_unlock(&mtty->hw_lock);
	mtty_fault_reset(mtty);
}

static int mtty_device_open(struct vfio_device *vdev)
{
	struct mtty_device *mtty = to_mtty_device(vdev);
	int ret = mtty_engine_start(mtty);

	if (ret)
		return ret;
	mtty->memcg = get_mem_cgroup_from_mm(current->mm);
	mtty_fsm_open(mtty);
	return 0;
}

static void mtty_device_close(struct vfio_device *vdev)
{
	struct mtty_device *mtty = to_mtty_device(vdev);

	/* First, because the rest would wait for the chunk in flight */
	mtty_engine_stop(mtty);
	mtty_fsm_close(mtty);
	mtty_irq_release(mtty);
	mtty_dirty_reset(&mtty->dirty);
	mtty_device_reset_knobs(mtty);
	mem_cgroup_put(mtty->memcg);
	mtty->memcg = NULL;
}

static void mtty_device_request(struct vfio_device *vdev, unsigned int count)
{
	mtty_irq_request(to_mtty_device(vdev));
}

static int mtty_device_init(struct vfio_device *vdev)
{
	struct mtty_device *mtty = to_mtty_device(vdev);

	mutex_init(&mtty->state_mutex);
	mutex_init(&mtty->hw_lock);
	mtty_engine_init(mtty);
	mtty_dirty_init(&mtty->dirty);
	init_waitqueue_head(&mtty->data_wait);
	mtty->mem = mtty_mem_alloc(MTTY_MIG_MEM_DEFAULT);
	if (!mtty->mem)
		return -ENOMEM;
	if (mtty_fault_init(mtty)) {
		mtty_mem_free(mtty->mem);
		return -ENOMEM;
	}
	mtty->state = VFIO_DEVICE_STATE_RUNNING;
	mtty->run = MTTY_RUNNING;
	mtty->dma_run = MTTY_RUNNING;
	return 0;
}

/* May come long after mtty_device_destroy(): a data fd holds a reference */
static void mtty_device_release(struct vfio_device *vdev)
{
	struct mtty_device *mtty = to_mtty_device(vdev);

	mtty_fault_exit(mtty);
	mtty_dirty_destroy(&mtty->dirty);
	mtty_mem_free(mtty->mem);
	mutex_destroy(&mtty->hw_lock);
	mutex_destroy(&mtty->state_mutex);
}

#define MTTY_DEVICE_OPS \
	.name = MTTY_MIG_NAME, \
	.init = mtty_device_init, \
	.release = mtty_device_release, \
	.open_device = mtty_device_open, \
	.close_device = mtty_device_close, \
	.read = mtty_device_read, \
	.write = mtty_device_write, \
	.ioctl = mtty_device_ioctl, \
	MTTY_MIG_REGION_INFO_OP(mtty_device_region_info) \
	.request = mtty_device_request, \
	.bind_iommufd = vfio_iommufd_emulated_bind, \
	.unbind_iommufd = vfio_iommufd_emulated_unbind, \
	.attach_ioas = vfio_iommufd_emulated_attach_ioas, \
	.detach_ioas = vfio_iommufd_emulated_detach_ioas

/* Without migration: the core itself answers to all features */
static const struct vfio_device_ops mtty_device_ops = {
	MTTY_DEVICE_OPS,
};

static const struct vfio_device_ops mtty_device_migration_ops = {
	MTTY_DEVICE_OPS,
	.device_feature = mtty_device_feature,
};

/**
 * mtty_device_create - create a device and register it with the VFIO core
 * @dev: its parent, with a driver bound
 * @type: its type
 *
 * Return: the device, to be destroyed with mtty_device_destroy(), or an error
 * pointer.
 */
struct mtty_device *mtty_device_create(struct device *dev,
				       const struct mtty_type *type)
{
	struct mtty_device *mtty;
	int ret;

	mtty = vfio_alloc_device(mtty_device, vdev, dev,
				 type->migration_flags ?
				 &mtty_device_migration_ops : &mtty_device_ops);
	if (IS_ERR(mtty))
		return mtty;

	mtty->type = type;
	mtty_card_init(mtty, &mtty->hw);
	/* Without it iova_bitmap is a stub, and REPORT could report nothing */
	if (IS_ENABLED(CONFIG_IOMMUFD_DRIVER))
		mtty->vdev.log_ops = &mtty_log_ops;
	if (type->migration_flags) {
		mtty->vdev.migration_flags = type->migration_flags;
		mtty->vdev.mig_ops = &mtty_migration_ops;
	}
	/*
	 * The core allocates a set for a device that has none, but does not
	 * check whether that succeeded, and the first open needs the set.
	 */
	ret = vfio_assign_device_set(&mtty->vdev, mtty);
	if (!ret)
		ret = vfio_register_emulated_iommu_dev(&mtty->vdev);
	if (ret) {
		vfio_put_device(&mtty->vdev);
		return ERR_PTR(ret);
	}
	mtty_debugfs_create(mtty);
	return mtty;
}
EXPORT_SYMBOL_IF_KUNIT(mtty_device_create);

/**
 * mtty_device_destroy - unregister a device from the VFIO core and release it
 * @mtty: the device
 *
 * Context: Waits until the last user has closed the device. An open data fd keeps
 * the memory, and this module, until it is closed, too.
 */
void mtty_device_destroy(struct mtty_device *mtty)
{
	vfio_unregister_group_dev(&mtty->vdev);
	/* Not before: a thread in a debugfs file may wait for the close */
	mutex_lock(&mtty->hw_lock);
	mtty->removed = true;
	mutex_unlock(&mtty->hw_lock);
	mtty_debugfs_remove(mtty);
	vfio_put_device(&mtty->vdev);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_device_destroy);
