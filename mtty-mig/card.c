// SPDX-License-Identifier: GPL-2.0-only
/*
 * The card: registers and memory as a whole. This is what is below the FSM: it
 * lets the card run, stops, resets and loads it. It is also what a guest reads
 * and writes through the regions, once device.c has copied the data from or to
 * the user.
 */
#include <kunit/visibility.h>
#include <linux/sched/signal.h>

#include "mtty_mig.h"
#include "stream.h"

/* How much of it runs */

/**
 * mtty_card_run - let the device run, as far as a state allows
 * @mtty: the device
 * @run: how far; mtty_card_quiesce() makes it run less far
 *
 * Context: Under state_mutex. Takes hw_lock.
 */
void mtty_card_run(struct mtty_device *mtty, enum mtty_run run)
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
 * mtty_card_quiesce - make the device run less far
 * @mtty: the device
 * @run: how far
 *
 * After it has returned 0 with MTTY_STOPPED, only mtty_card_reset() and
 * mtty_card_load() change the device. After it has returned 0 with
 * MTTY_RUNNING_P2P, there is no DMA to a peer.
 *
 * Context: Under state_mutex. Takes hw_lock; waits for DMA that has begun.
 * Return: 0; -ERESTARTSYS if a signal came first, after which the caller lets
 * the device run again.
 */
int mtty_card_quiesce(struct mtty_device *mtty, enum mtty_run run)
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
 * mtty_card_stop - stop a device that runs, unless a page request is open
 * @mtty: the device
 *
 * Only a running vCPU can answer a page request. A VMM that halts the vCPUs and
 * then stops the device would wait for ever, so this fails instead.
 *
 * Context: Under state_mutex. Takes hw_lock; waits for DMA that has begun.
 * Return: 0; -EBUSY if a page request is open; -ERESTARTSYS if a signal came
 * first, as for mtty_card_quiesce().
 */
int mtty_card_stop(struct mtty_device *mtty)
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

/* Page requests */

/* Call after a page request may have been answered. Context: Under hw_lock. */
static void pri_update(struct mtty_device *mtty, u32 nr_open_before)
{
	if (mtty->draining && nr_open_before && !mtty->hw.pri.nr_open)
		mtty_irq_drained(mtty);
	mtty_irq_update(mtty);
}

/**
 * mtty_card_raise - make the device ask for a page
 * @mtty: the device
 * @iova: the page
 *
 * Return: 0; -EBUSY if the device is stopped; -ENOSPC if it cannot have
 * another request.
 */
int mtty_card_raise(struct mtty_device *mtty, u64 iova)
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
 * mtty_card_answer - answer a page request
 * @mtty: the device
 * @id: the ID of the request
 *
 * Return: 0, or -ENOENT if it is not open.
 */
int mtty_card_answer(struct mtty_device *mtty, u32 id)
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

/* Content */

/**
 * mtty_card_init - set registers as after power-on
 * @mtty: the device
 * @hw: its registers, or those that a session loads
 */
void mtty_card_init(struct mtty_device *mtty, struct mtty_hw *hw)
{
	mtty_hw_reset(hw, mtty->mem->size);
	hw->pri.present = mtty->type->id == MTTY_MIG_TYPE_VPRI;
}

/**
 * mtty_card_reset - set registers as after power-on, and memory to zero
 * @mtty: the device
 *
 * Eventfds stay: they belong to the user of VFIO, not to the device.
 *
 * Context: Under state_mutex. Takes hw_lock.
 */
void mtty_card_reset(struct mtty_device *mtty)
{
	/* The old one is freed without the lock: that takes as long as it is large */
	struct mtty_mem *mem = mtty_mem_alloc(mtty->mem->size);

	mutex_lock(&mtty->hw_lock);
	if (mem)
		swap(mtty->mem, mem);
	else
		mtty_mem_clear(mtty->mem);
	mtty_card_init(mtty, &mtty->hw);
	mtty_engine_replaced(mtty);
	mtty->draining = false;
	mtty->irqs.intx_masked = false;
	mtty->dropped_writes = 0;
	mutex_unlock(&mtty->hw_lock);
	mtty_mem_free_later(mem);
}

/**
 * mtty_card_load - replace registers and memory
 * @mtty: the device, stopped
 * @hw: the new registers
 * @mem: the new memory; holds the old one afterwards
 *
 * Cannot fail. This is where a migration stream takes effect, as a whole.
 *
 * Context: Under state_mutex. Takes hw_lock.
 */
void mtty_card_load(struct mtty_device *mtty, const struct mtty_hw *hw,
		    struct mtty_mem **mem)
{
	mutex_lock(&mtty->hw_lock);
	mtty->hw = *hw;
	swap(mtty->mem, *mem);
	mtty_engine_replaced(mtty);
	mutex_unlock(&mtty->hw_lock);
}

/**
 * mtty_card_dirty - change pages of device memory, as the device might do
 * @mtty: the device
 * @first: index of the first page
 * @count: number of pages
 *
 * Context: Takes hw_lock.
 * Return: 0; -EINVAL if there are no such pages; -EBUSY if the device is
 * stopped; -ENOMEM; -EINTR if a signal came; -ENODEV if the device is being
 * removed. After an error the first pages may have been changed.
 */
int mtty_card_dirty(struct mtty_device *mtty, u64 first, u64 count)
{
	u64 pages = mtty_card_mem_size(mtty) >> MTTY_MIG_PAGE_SHIFT;
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
		/* For each page: the call may last, and a signal may end it */
		wake_up_all(&mtty->data_wait);
		cond_resched();
	}
	return ret;
}

/**
 * mtty_card_digest - compute a digest of all that a guest can see
 * @mtty: the device
 *
 * Context: Holds hw_lock until all memory has been read or the caller is killed.
 * Return: the same for two devices with the same content.
 */
u64 mtty_card_digest(struct mtty_device *mtty)
{
	u64 digest;

	mutex_lock(&mtty->hw_lock);
	digest = mtty_mem_digest(mtty->mem, mtty_hw_digest(&mtty->hw));
	mutex_unlock(&mtty->hw_lock);
	return digest;
}
EXPORT_SYMBOL_IF_KUNIT(mtty_card_digest);

/**
 * mtty_card_mem_size - the size of device memory
 * @mtty: the device
 *
 * Return: bytes.
 */
u64 mtty_card_mem_size(struct mtty_device *mtty)
{
	u64 size;

	mutex_lock(&mtty->hw_lock);
	size = mtty->mem->size;
	mutex_unlock(&mtty->hw_lock);
	return size;
}

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

/**
 * mtty_card_region_size - the size of a region
 * @mtty: the device
 * @index: index of the region
 *
 * Context: Takes hw_lock.
 * Return: bytes; 0 if there is no such region.
 */
u64 mtty_card_region_size(struct mtty_device *mtty, unsigned int index)
{
	switch (index) {
	case MTTY_MIG_UART0_BAR:
	case MTTY_MIG_UART1_BAR:
		return MTTY_MIG_UART_BAR_SIZE;
	case MTTY_MIG_CTRL_BAR:
		return MTTY_MIG_CTRL_BAR_SIZE;
	case MTTY_MIG_MEM_BAR:
		/* A load replaces mtty->mem, but never changes the size */
		return mtty_card_mem_size(mtty);
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return MTTY_MIG_CFG_SIZE;
	default:
		return 0;
	}
}

/**
 * mtty_card_read - read from a region
 * @mtty: the device
 * @index: index of the region
 * @offset: offset in the region
 * @buf: the data
 * @len: number of bytes, which end within the region; in the control BAR, whole
 *	and aligned registers
 *
 * Context: Under hw_lock.
 */
void mtty_card_read(struct mtty_device *mtty, unsigned int index, u64 offset,
		    u8 *buf, size_t len)
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

/**
 * mtty_card_write - write to a region
 * @mtty: the device
 * @index: index of the region
 * @offset: offset in the region
 * @buf: the data
 * @len: number of bytes, as for mtty_card_read()
 *
 * Context: Under hw_lock.
 * Return: 0, also for a write that is dropped; -ENOMEM.
 */
int mtty_card_write(struct mtty_device *mtty, unsigned int index, u64 offset,
		    const u8 *buf, size_t len)
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
