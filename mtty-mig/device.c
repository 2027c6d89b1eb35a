// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device: the operations that the VFIO core calls (open and close, regions,
 * ioctls), and those by which the FSM controls the hardware (run, stop, reset,
 * load).
 */
#include <kunit/visibility.h>
#include <linux/err.h>
#include <linux/memcontrol.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "mtty_mig.h"
#include "stream.h"

/* A region's offset in the device fd, the same as in vfio-pci */
#define MTTY_REGION_SHIFT	40
#define MTTY_REGION_INDEX(pos)	((u64)(pos) >> MTTY_REGION_SHIFT)
#define MTTY_REGION_START(idx)	((u64)(idx) << MTTY_REGION_SHIFT)

/* Registers and memory */

/**
 * mtty_device_hw_init - set registers as after power-on
 * @mtty: the device
 * @hw: its registers, or those that a session loads
 */
void mtty_device_hw_init(struct mtty_device *mtty, struct mtty_hw *hw)
{
	mtty_hw_reset(hw, mtty->mem->size);
	hw->pri.present = mtty->type->id == MTTY_MIG_TYPE_VPRI;
}

/**
 * mtty_device_run - let the device run, as far as a state allows
 * @mtty: the device
 * @run: how far; mtty_device_quiesce() makes it run less far
 *
 * Context: Under state_mutex. Takes hw_lock.
 */
void mtty_device_run(struct mtty_device *mtty, enum mtty_run run)
{
	mutex_lock(&mtty->hw_lock);
	mtty->run = run;
	mtty->dma_run = run;
	/* A drain of page requests ends when the device runs again */
	if (run == MTTY_RUNNING) {
		mtty->draining = false;
		mtty_pri_release(&mtty->hw.pri);
	}
	/* Signal interrupts that were held back while it was stopped */
	mtty_irq_update(mtty);
	mtty_engine_kick(mtty);
	mutex_unlock(&mtty->hw_lock);
}

/*
 * Let no more DMA begin than @run allows, and wait for DMA that has begun. All
 * other parts of the device keep running: a signal may end the wait, and then
 * nothing that the guest has done is lost.
 */
static int quiesce_dma(struct mtty_device *mtty, enum mtty_run run)
{
	mutex_lock(&mtty->hw_lock);
	mtty->dma_run = run;
	mutex_unlock(&mtty->hw_lock);

	/* uAPI: outstanding operations complete before the arc does */
	return mtty_engine_drain(mtty);
}

/**
 * mtty_device_quiesce - make the device run less far
 * @mtty: the device
 * @run: how far
 *
 * After it has returned 0 with MTTY_STOPPED, only mtty_device_reset_hw() and
 * mtty_device_load_hw() change the device. After it has returned 0 with
 * MTTY_RUNNING_P2P, there is no DMA to a peer.
 *
 * Context: Under state_mutex. Takes hw_lock; waits for DMA that has begun.
 * Return: 0; -ERESTARTSYS if a signal came first, after which the caller lets
 * the device run again.
 */
int mtty_device_quiesce(struct mtty_device *mtty, enum mtty_run run)
{
	int ret = quiesce_dma(mtty, run);

	if (ret)
		return ret;
	mutex_lock(&mtty->hw_lock);
	mtty->run = run;
	mutex_unlock(&mtty->hw_lock);
	return 0;
}

/* Return: -EBUSY if a page request is open, else 0. Context: Under hw_lock. */
static int pri_blocks(struct mtty_device *mtty)
{
	if (!mtty->hw.pri.nr_open)
		return 0;
	mtty->draining = mtty->pri_drain;
	return -EBUSY;
}

/**
 * mtty_device_stop - stop a device that runs, unless a page request is open
 * @mtty: the device
 *
 * Only a running vCPU can answer a page request. A VMM that halts the vCPUs and
 * then stops the device would wait for ever, so this fails instead.
 *
 * Context: Under state_mutex. Takes hw_lock; waits for DMA that has begun.
 * Return: 0; -EBUSY if a page request is open; -ERESTARTSYS if a signal came
 * first, as for mtty_device_quiesce().
 */
int mtty_device_stop(struct mtty_device *mtty)
{
	int ret;

	/* Check before the wait, which would be in vain */
	mutex_lock(&mtty->hw_lock);
	ret = pri_blocks(mtty);
	mutex_unlock(&mtty->hw_lock);

	ret = ret ?: quiesce_dma(mtty, MTTY_STOPPED);
	if (ret)
		return ret;

	/* A request may have come during the wait; none comes after the stop */
	mutex_lock(&mtty->hw_lock);
	ret = pri_blocks(mtty);
	if (!ret)
		mtty->run = MTTY_STOPPED;
	mutex_unlock(&mtty->hw_lock);
	return ret;
}

/* Call after a page request may have been answered. Context: Under hw_lock. */
static void pri_update(struct mtty_device *mtty, u32 nr_open_before)
{
	if (mtty->draining && nr_open_before && !mtty->hw.pri.nr_open)
		mtty_irq_drained(mtty);
	mtty_irq_update(mtty);
}

/**
 * mtty_device_raise - make the device ask for a page
 * @mtty: the device
 * @iova: the page
 *
 * Return: 0; -EBUSY if the device is stopped; -ENOSPC if it cannot have
 * another request.
 */
int mtty_device_raise(struct mtty_device *mtty, u64 iova)
{
	int ret = 0;

	mutex_lock(&mtty->hw_lock);
	if (mtty->run == MTTY_STOPPED)
		ret = -EBUSY;
	else if (!mtty_pri_raise(&mtty->hw.pri, iova, mtty->draining))
		ret = -ENOSPC;
	mtty_irq_update(mtty);
	mutex_unlock(&mtty->hw_lock);
	return ret;
}

/**
 * mtty_device_answer - answer a page request
 * @mtty: the device
 * @id: the ID of the request
 *
 * Return: 0, or -ENOENT if it is not open.
 */
int mtty_device_answer(struct mtty_device *mtty, u32 id)
{
	u32 before;
	int ret;

	mutex_lock(&mtty->hw_lock);
	before = mtty->hw.pri.nr_open;
	ret = mtty_pri_answer(&mtty->hw.pri, id) ? 0 : -ENOENT;
	pri_update(mtty, before);
	mutex_unlock(&mtty->hw_lock);
	return ret;
}

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
 * mtty_device_reset_hw - set registers as after power-on, and memory to zero
 * @mtty: the device
 *
 * Eventfds stay: they belong to the user of VFIO, not to the device.
 *
 * Context: Under state_mutex. Takes hw_lock.
 */
void mtty_device_reset_hw(struct mtty_device *mtty)
{
	mutex_lock(&mtty->hw_lock);
	mtty_mem_clear(mtty->mem);
	mtty_device_hw_init(mtty, &mtty->hw);
	mtty_engine_replaced(mtty);
	mtty->draining = false;
	mtty->irqs.intx_masked = false;
	mtty->dropped_writes = 0;
	mutex_unlock(&mtty->hw_lock);
}

/**
 * mtty_device_load_hw - replace registers and memory
 * @mtty: the device, stopped
 * @hw: the new registers
 * @mem: the new memory; holds the old one afterwards
 *
 * Cannot fail. This is where a migration stream takes effect, as a whole.
 *
 * Context: Under state_mutex. Takes hw_lock.
 */
void mtty_device_load_hw(struct mtty_device *mtty, const struct mtty_hw *hw,
			 struct mtty_mem **mem)
{
	mutex_lock(&mtty->hw_lock);
	mtty->hw = *hw;
	swap(mtty->mem, *mem);
	mtty_engine_replaced(mtty);
	mutex_unlock(&mtty->hw_lock);
}

/**
 * mtty_device_dirty - change pages of device memory, as the device might do
 * @mtty: the device
 * @first: index of the first page
 * @count: number of pages
 *
 * Context: Takes hw_lock.
 * Return: 0; -EINVAL if there are no such pages; -EBUSY if the device is
 * stopped; -ENOMEM; -EINTR if a signal came; -ENODEV if the device is being
 * removed. After an error the first pages may have been changed.
 */
int mtty_device_dirty(struct mtty_device *mtty, u64 first, u64 count)
{
	u64 pages = mtty_device_mem_size(mtty) >> MTTY_MIG_PAGE_SHIFT;
	int ret = 0;

	/* Check before any page changes, without a sum that may wrap */
	if (first >= pages || count > pages - first)
		return -EINVAL;

	while (count-- && !ret) {
		u64 offset = first++ << MTTY_MIG_PAGE_SHIFT;
		__le64 counter;

		/* There may be millions of pages */
		if (signal_pending(current))
			return -EINTR;
		mutex_lock(&mtty->hw_lock);
		/* The size of a closed device may change between two pages */
		if (mtty->removed) {
			ret = -ENODEV;
		} else if (offset >= mtty->mem->size) {
			ret = -EINVAL;
		} else if (mtty->run == MTTY_STOPPED) {
			ret = -EBUSY;
		} else {
			mtty_mem_read(mtty->mem, offset, &counter,
				      sizeof(counter));
			le64_add_cpu(&counter, 1);
			ret = mtty_mem_write(mtty->mem, offset, &counter,
					     sizeof(counter));
		}
		mutex_unlock(&mtty->hw_lock);
		cond_resched();
	}
	wake_up_all(&mtty->data_wait);
	return ret;
}

/**
 * mtty_device_digest - compute a digest of all that a guest can see
 * @mtty: the device
 *
 * Context: Holds hw_lock until all memory has been read or the caller is killed.
 * Return: the same for two devices with the same content.
 */
u64 mtty_device_digest(struct mtty_device *mtty)
{
	u64 digest;

	mutex_lock(&mtty->hw_lock);
	digest = mtty_mem_digest(mtty->mem, mtty_hw_digest(&mtty->hw));
	mutex_unlock(&mtty->hw_lock);
	return digest;
}
EXPORT_SYMBOL_IF_KUNIT(mtty_device_digest);

/**
 * mtty_device_mem_size - the size of device memory
 * @mtty: the device
 *
 * Return: bytes.
 */
u64 mtty_device_mem_size(struct mtty_device *mtty)
{
	u64 size;

	mutex_lock(&mtty->hw_lock);
	size = mtty->mem->size;
	mutex_unlock(&mtty->hw_lock);
	return size;
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
		mtty_device_reset_hw(mtty);
		ret = 0;
	}
	mutex_unlock(&mtty->state_mutex);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(mtty_device_set_mem_size);

/* Regions */

#define DMA_FIRST	MTTY_MIG_DMA(0)
#define DMA_LAST	(MTTY_MIG_DMA(MTTY_MIG_NR_DMA) - 1)
#define PRI_FIRST	MTTY_MIG_PRI
#define PRI_LAST	(MTTY_MIG_PRI + MTTY_MIG_PRI_SIZE - 1)
#define MSIX_FIRST	MTTY_MIG_MSIX_TABLE
#define MSIX_LAST	(MSIX_FIRST + sizeof_field(struct mtty_pci, msix) - 1)

static u32 ctrl_read(struct mtty_device *mtty, unsigned int offset)
{
	const struct mtty_hw *hw = &mtty->hw;
	unsigned int entry;

	switch (offset) {
	case MTTY_MIG_REG_ID:
		return MTTY_MIG_ID;
	case MTTY_MIG_REG_TYPE:
		return mtty->type->id;
	case MTTY_MIG_REG_MEM_SIZE_LO:
		return lower_32_bits(mtty->mem->size);
	case MTTY_MIG_REG_MEM_SIZE_HI:
		return upper_32_bits(mtty->mem->size);
	case MTTY_MIG_REG_IRQ_STATUS:
		return mtty_hw_irq_level(hw);
	case MTTY_MIG_REG_SCRATCH:
		return hw->scratch;
	case MTTY_MIG_REG_PEER_BASE_LO:
		return lower_32_bits(hw->peer_base);
	case MTTY_MIG_REG_PEER_BASE_HI:
		return upper_32_bits(hw->peer_base);
	case MTTY_MIG_REG_PEER_SIZE_LO:
		return lower_32_bits(hw->peer_size);
	case MTTY_MIG_REG_PEER_SIZE_HI:
		return upper_32_bits(hw->peer_size);
	case DMA_FIRST ... DMA_LAST:
		offset -= DMA_FIRST;
		return mtty_dma_read(&hw->dma[offset / MTTY_MIG_DMA_SIZE],
				     offset % MTTY_MIG_DMA_SIZE);
	case PRI_FIRST ... PRI_LAST:
		return mtty_pri_read(&hw->pri, offset - PRI_FIRST);
	case MSIX_FIRST ... MSIX_LAST:
		entry = (offset - MSIX_FIRST) / sizeof(u32);
		return hw->pci.msix[entry / MTTY_MSIX_ENTRY_DWORDS]
				   [entry % MTTY_MSIX_ENTRY_DWORDS];
	case MTTY_MIG_MSIX_PBA:
		return hw->irq_pending;
	default:
		return 0;
	}
}

/* Moving the window may make a blocked transfer eligible again */
static void peer_write(struct mtty_device *mtty, unsigned int offset, u32 val)
{
	struct mtty_hw *hw = &mtty->hw;

	switch (offset) {
	case MTTY_MIG_REG_PEER_BASE_LO:
		mtty_set_lo(&hw->peer_base, val);
		break;
	case MTTY_MIG_REG_PEER_BASE_HI:
		mtty_set_hi(&hw->peer_base, val);
		break;
	case MTTY_MIG_REG_PEER_SIZE_LO:
		mtty_set_lo(&hw->peer_size, val);
		break;
	case MTTY_MIG_REG_PEER_SIZE_HI:
		mtty_set_hi(&hw->peer_size, val);
		break;
	}
	mtty_engine_kick(mtty);
}

static void ctrl_write(struct mtty_device *mtty, unsigned int offset, u32 val)
{
	struct mtty_hw *hw = &mtty->hw;
	u32 open = hw->pri.nr_open;
	unsigned int entry;

	switch (offset) {
	case MTTY_MIG_REG_SCRATCH:
		hw->scratch = val;
		break;
	case MTTY_MIG_REG_PEER_BASE_LO:
	case MTTY_MIG_REG_PEER_BASE_HI:
	case MTTY_MIG_REG_PEER_SIZE_LO:
	case MTTY_MIG_REG_PEER_SIZE_HI:
		peer_write(mtty, offset, val);
		break;
	case DMA_FIRST ... DMA_LAST:
		offset -= DMA_FIRST;
		mtty_engine_write(mtty, offset / MTTY_MIG_DMA_SIZE,
				  offset % MTTY_MIG_DMA_SIZE, val);
		break;
	case PRI_FIRST ... PRI_LAST:
		mtty_pri_write(&hw->pri, offset - PRI_FIRST, val,
			       mtty->draining);
		pri_update(mtty, open);
		break;
	case MSIX_FIRST ... MSIX_LAST:
		entry = (offset - MSIX_FIRST) / sizeof(u32);
		mtty_pci_msix_write(&hw->pci, entry / MTTY_MSIX_ENTRY_DWORDS,
				    entry % MTTY_MSIX_ENTRY_DWORDS, val);
		break;
	}
}

static u64 region_size(struct mtty_device *mtty, unsigned int index)
{
	switch (index) {
	case MTTY_MIG_UART0_BAR:
	case MTTY_MIG_UART1_BAR:
		return MTTY_MIG_UART_BAR_SIZE;
	case MTTY_MIG_CTRL_BAR:
		return MTTY_MIG_CTRL_BAR_SIZE;
	case MTTY_MIG_MEM_BAR:
		/* A load replaces mtty->mem, but never changes the size */
		return mtty_device_mem_size(mtty);
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return MTTY_MIG_CFG_SIZE;
	default:
		return 0;
	}
}

/* The control BAR takes only whole, aligned registers of 32 bits */
static bool region_access_ok(unsigned int index, u64 offset, size_t len)
{
	return index != MTTY_MIG_CTRL_BAR ||
	       (IS_ALIGNED(offset, sizeof(u32)) && IS_ALIGNED(len, sizeof(u32)));
}

static void region_read(struct mtty_device *mtty, unsigned int index,
			u64 offset, u8 *buf, size_t len)
{
	struct mtty_hw *hw = &mtty->hw;
	struct mtty_uart *uart, copy;
	size_t i;

	switch (index) {
	case MTTY_MIG_UART0_BAR:
	case MTTY_MIG_UART1_BAR:
		uart = &hw->uart[index - MTTY_MIG_UART0_BAR];
		/* Reading has side effects, but a stopped device must not change */
		if (mtty->run == MTTY_STOPPED) {
			copy = *uart;
			uart = &copy;
		}
		for (i = 0; i < len; i++)
			buf[i] = mtty_uart_read(uart, offset + i);
		break;
	case MTTY_MIG_CTRL_BAR:
		for (i = 0; i < len; i += sizeof(u32)) {
			__le32 val = cpu_to_le32(ctrl_read(mtty, offset + i));

			memcpy(buf + i, &val, sizeof(val));
		}
		break;
	case MTTY_MIG_MEM_BAR:
		mtty_mem_read(mtty->mem, offset, buf, len);
		break;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		for (i = 0; i < len; i++)
			buf[i] = mtty_pci_read(&hw->pci, offset + i,
					       hw->irq_level, hw->irq_pending);
		break;
	}
}

static int region_write(struct mtty_device *mtty, unsigned int index,
			u64 offset, const u8 *buf, size_t len)
{
	struct mtty_hw *hw = &mtty->hw;
	size_t i;

	/*
	 * uAPI, on STOP: access to a stopped device must do no harm, but the
	 * VMM needs config space. Other writes are dropped.
	 */
	if (mtty->run == MTTY_STOPPED &&
	    index != VFIO_PCI_CONFIG_REGION_INDEX) {
		mtty->dropped_writes++;
		return 0;
	}

	switch (index) {
	case MTTY_MIG_UART0_BAR:
	case MTTY_MIG_UART1_BAR:
		for (i = 0; i < len; i++)
			mtty_uart_write(&hw->uart[index - MTTY_MIG_UART0_BAR],
					offset + i, buf[i]);
		break;
	case MTTY_MIG_CTRL_BAR:
		for (i = 0; i < len; i += sizeof(u32)) {
			__le32 val;

			memcpy(&val, buf + i, sizeof(val));
			ctrl_write(mtty, offset + i, le32_to_cpu(val));
		}
		break;
	case MTTY_MIG_MEM_BAR:
		return mtty_mem_write(mtty->mem, offset, buf, len);
	case VFIO_PCI_CONFIG_REGION_INDEX:
		for (i = 0; i < len; i++)
			mtty_pci_write(&hw->pci, offset + i, buf[i]);
		/* Bus Master Enable may let a transfer continue */
		mtty_engine_kick(mtty);
		break;
	}
	return 0;
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
	u64 size = region_size(mtty, index);
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
			ret = region_write(mtty, index, offset + done, buf,
					   len);
		else
			region_read(mtty, index, offset + done, buf, len);
		/* Registers cause interrupts; memory does not */
		if (index != MTTY_MIG_MEM_BAR)
			mtty_irq_update(mtty);
		mutex_unlock(&mtty->hw_lock);
		if (!write && copy_to_user(ubuf + done, buf, len))
			ret = -EFAULT;
		if (!ret)
			done += len;
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	kfree(buf);

	if (write && index == MTTY_MIG_MEM_BAR)
		wake_up_all(&mtty->data_wait);
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
	info->size = region_size(mtty, info->index);
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
	mtty_device_hw_init(mtty, &mtty->hw);
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
