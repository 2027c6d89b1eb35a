// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts: INTx, MSI and MSI-X through eventfds, and the eventfd by which the
 * kernel asks for the device back.
 *
 * INTx is a level and VFIO masks it when it fires (VFIO_IRQ_INFO_AUTOMASKED);
 * it fires again when it is unmasked and still asserted. MSI and MSI-X fire
 * once for each rising edge of their source; an edge that meets a vector that
 * is masked, or has no eventfd, stays pending until it can fire.
 *
 * While no vector has an eventfd, MSI and MSI-X are not in use: the device has
 * INTx, which is a level, and edges are not recorded. A vector that was pending
 * before stays pending.
 */
#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/eventfd.h>

#include "mtty_mig.h"

/* The calls of eventfd, which the unit tests replace */

VISIBLE_IF_KUNIT void mtty_irq_signal(struct eventfd_ctx *ctx)
{
	KUNIT_STATIC_STUB_REDIRECT(mtty_irq_signal, ctx);
	eventfd_signal(ctx);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_irq_signal);

VISIBLE_IF_KUNIT struct eventfd_ctx *mtty_irq_fdget(int fd)
{
	KUNIT_STATIC_STUB_REDIRECT(mtty_irq_fdget, fd);
	return eventfd_ctx_fdget(fd);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_irq_fdget);

VISIBLE_IF_KUNIT void mtty_irq_put(struct eventfd_ctx *ctx)
{
	KUNIT_STATIC_STUB_REDIRECT(mtty_irq_put, ctx);
	eventfd_ctx_put(ctx);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_irq_put);

static bool irq_any(struct eventfd_ctx *const *ctx)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		if (ctx[i])
			return true;
	return false;
}

static void irq_fire_vectors(struct mtty_device *mtty,
			     struct eventfd_ctx *const *ctx,
			     bool (*masked)(const struct mtty_pci *pci,
					    unsigned int vector))
{
	struct mtty_hw *hw = &mtty->hw;
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++) {
		if (!(hw->irq_pending & (1 << i)) || !ctx[i] ||
		    masked(&hw->pci, i))
			continue;
		hw->irq_pending &= ~(1 << i);
		mtty_irq_signal(ctx[i]);
	}
}

/**
 * mtty_irq_update - signal the interrupts that are due
 * @mtty: the device
 *
 * Call this after any change of an interrupt source, a mask, or whether the
 * device runs.
 *
 * Context: Under hw_lock.
 */
void mtty_irq_update(struct mtty_device *mtty)
{
	struct mtty_irqs *irqs = &mtty->irqs;
	struct mtty_hw *hw = &mtty->hw;
	u8 level;

	KUNIT_STATIC_STUB_REDIRECT(mtty_irq_update, mtty);

	lockdep_assert_held(&mtty->hw_lock);

	/*
	 * An edge may come while the device is being stopped, with the end of
	 * the last chunk. Record it: the device may continue at a destination,
	 * which knows of the edge only from irq_pending.
	 */
	level = mtty_hw_irq_level(hw);
	if (irq_any(irqs->msix) || irq_any(irqs->msi))
		hw->irq_pending |= level & ~hw->irq_level;
	hw->irq_level = level;

	/*
	 * A stopped device must not generate interrupts (uAPI, on STOP). A
	 * device that is being stopped holds them back, too, until it has
	 * stopped or runs again.
	 */
	if (mtty->dma_run == MTTY_STOPPED)
		return;

	if (irq_any(irqs->msix)) {
		irq_fire_vectors(mtty, irqs->msix, mtty_pci_msix_masked);
	} else if (irq_any(irqs->msi)) {
		irq_fire_vectors(mtty, irqs->msi, mtty_pci_msi_masked);
	} else if (level && irqs->intx && !irqs->intx_masked &&
		   !mtty_pci_intx_disabled(&hw->pci)) {
		irqs->intx_masked = true;
		mtty_irq_signal(irqs->intx);
	}
}
EXPORT_SYMBOL_IF_KUNIT(mtty_irq_update);

/**
 * mtty_irq_drained - signal that no page request is open any more
 * @mtty: the device
 *
 * Context: Under hw_lock.
 */
void mtty_irq_drained(struct mtty_device *mtty)
{
	if (mtty->irqs.drained)
		mtty_irq_signal(mtty->irqs.drained);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_irq_drained);

/**
 * mtty_irq_indexes - the number of interrupt indexes of a device
 * @mtty: the device
 */
unsigned int mtty_irq_indexes(struct mtty_device *mtty)
{
	BUILD_BUG_ON(MTTY_MIG_DRAINED_IRQ_INDEX != VFIO_PCI_NUM_IRQS);

	return mtty->type->id == MTTY_MIG_TYPE_VPRI ?
	       VFIO_PCI_NUM_IRQS + 1 : VFIO_PCI_NUM_IRQS;
}
EXPORT_SYMBOL_IF_KUNIT(mtty_irq_indexes);

/**
 * mtty_irq_info - VFIO_DEVICE_GET_IRQ_INFO
 * @mtty: the device
 * @info: @index is given, @flags and @count are filled in
 *
 * Return: 0, or -EINVAL if there is no such index.
 */
int mtty_irq_info(struct mtty_device *mtty, struct vfio_irq_info *info)
{
	if (info->index >= mtty_irq_indexes(mtty))
		return -EINVAL;

	switch (info->index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		info->flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
			      VFIO_IRQ_INFO_AUTOMASKED;
		info->count = 1;
		return 0;
	case VFIO_PCI_MSI_IRQ_INDEX:
	case VFIO_PCI_MSIX_IRQ_INDEX:
		info->flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
			      VFIO_IRQ_INFO_NORESIZE;
		info->count = MTTY_MIG_NR_VECTORS;
		return 0;
	case VFIO_PCI_REQ_IRQ_INDEX:
	case MTTY_MIG_DRAINED_IRQ_INDEX:
		info->flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
		info->count = 1;
		return 0;
	case VFIO_PCI_ERR_IRQ_INDEX:
		info->flags = 0;
		info->count = 0;
		return 0;
	default:
		return -EINVAL;
	}
}
EXPORT_SYMBOL_IF_KUNIT(mtty_irq_info);

static struct eventfd_ctx **irq_contexts(struct mtty_device *mtty, u32 index)
{
	switch (index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		return &mtty->irqs.intx;
	case VFIO_PCI_MSI_IRQ_INDEX:
		return mtty->irqs.msi;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return mtty->irqs.msix;
	case VFIO_PCI_REQ_IRQ_INDEX:
		return &mtty->irqs.req;
	case MTTY_MIG_DRAINED_IRQ_INDEX:
		return &mtty->irqs.drained;
	default:
		return NULL;
	}
}

static int irq_set_eventfd(struct eventfd_ctx **ctx, int fd)
{
	struct eventfd_ctx *new = NULL;

	/* -1 removes the eventfd */
	if (fd < -1)
		return -EINVAL;
	if (fd >= 0) {
		new = mtty_irq_fdget(fd);
		if (IS_ERR(new))
			return PTR_ERR(new);
	}
	if (*ctx)
		mtty_irq_put(*ctx);
	*ctx = new;
	return 0;
}

static void irq_put_eventfds(struct eventfd_ctx **ctx, unsigned int count)
{
	while (count--)
		irq_set_eventfd(ctx++, -1);
}

/*
 * Set one eventfd for each vector. If one of them fails, remove those that were
 * set before it, so that a failed call does not leave some vectors set up.
 */
static int irq_set_eventfds(struct eventfd_ctx **ctx, unsigned int count,
			    const s32 *fds)
{
	unsigned int i;
	int ret;

	for (i = 0; i < count; i++) {
		ret = irq_set_eventfd(&ctx[i], fds[i]);
		if (ret) {
			irq_put_eventfds(ctx, i);
			return ret;
		}
	}
	return 0;
}

static void irq_mask(struct mtty_device *mtty, u32 index, unsigned int vector,
		     bool mask)
{
	switch (index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		mtty->irqs.intx_masked = mask;
		break;
	case VFIO_PCI_MSI_IRQ_INDEX:
		mtty_pci_msi_mask(&mtty->hw.pci, vector, mask);
		break;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		mtty_pci_msix_mask(&mtty->hw.pci, vector, mask);
		break;
	}
}

/* Whether the call selects vector @i: with NONE all, with BOOL those that are set */
static bool irq_selected(const struct vfio_irq_set *set, const void *data,
			 unsigned int i)
{
	return set->flags & VFIO_IRQ_SET_DATA_NONE || ((const u8 *)data)[i];
}

static int irq_set_masks(struct mtty_device *mtty,
			 const struct vfio_irq_set *set, const void *data)
{
	struct vfio_irq_info info = { .index = set->index };
	unsigned int i;

	mtty_irq_info(mtty, &info);
	if (!(info.flags & VFIO_IRQ_INFO_MASKABLE))
		return -ENOTTY;
	/* Unmasking by eventfd is for in-kernel interrupt controllers */
	if (set->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		return -ENOTTY;

	for (i = 0; i < set->count; i++)
		if (irq_selected(set, data, i))
			irq_mask(mtty, set->index, set->start + i,
				 set->flags & VFIO_IRQ_SET_ACTION_MASK);
	mtty_irq_update(mtty);
	return 0;
}

static int irq_set_triggers(struct mtty_device *mtty,
			    const struct vfio_irq_set *set, const void *data)
{
	struct eventfd_ctx **ctx = irq_contexts(mtty, set->index);
	struct vfio_irq_info info = { .index = set->index };
	unsigned int i;
	int ret;

	mtty_irq_info(mtty, &info);

	/* NONE with a count of 0 disables the whole index */
	if (!set->count) {
		if (!(set->flags & VFIO_IRQ_SET_DATA_NONE) || set->start)
			return -EINVAL;
		irq_put_eventfds(ctx, info.count);
		if (set->index == VFIO_PCI_INTX_IRQ_INDEX)
			mtty->irqs.intx_masked = false;
		/* Another index may have an eventfd, which is used from now on */
		mtty_irq_update(mtty);
		return 0;
	}

	ctx += set->start;
	if (set->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		ret = irq_set_eventfds(ctx, set->count, data);
		if (set->index == VFIO_PCI_INTX_IRQ_INDEX)
			mtty->irqs.intx_masked = false;
		mtty_irq_update(mtty);
		return ret;
	}

	/* Otherwise the user fires vectors, to test what it has set up */
	for (i = 0; i < set->count; i++)
		if (irq_selected(set, data, i) && ctx[i])
			mtty_irq_signal(ctx[i]);
	return 0;
}

/**
 * mtty_irq_set - VFIO_DEVICE_SET_IRQS
 * @mtty: the device
 * @set: what to do, checked by vfio_set_irqs_validate_and_prepare()
 * @data: its data
 *
 * Return: 0; -ENOTTY for an action that the index does not have; -EINVAL for
 * no action or several; the error of an eventfd that cannot be set.
 */
int mtty_irq_set(struct mtty_device *mtty, const struct vfio_irq_set *set,
		 const void *data)
{
	int ret;

	mutex_lock(&mtty->hw_lock);
	switch (set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) {
	case VFIO_IRQ_SET_ACTION_MASK:
	case VFIO_IRQ_SET_ACTION_UNMASK:
		ret = irq_set_masks(mtty, set, data);
		break;
	case VFIO_IRQ_SET_ACTION_TRIGGER:
		ret = irq_set_triggers(mtty, set, data);
		break;
	default:
		ret = -EINVAL;
	}
	mutex_unlock(&mtty->hw_lock);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(mtty_irq_set);

/**
 * mtty_irq_release - release all eventfds
 * @mtty: the device, which its last user closes
 */
void mtty_irq_release(struct mtty_device *mtty)
{
	mutex_lock(&mtty->hw_lock);
	irq_put_eventfds(&mtty->irqs.intx, 1);
	irq_put_eventfds(mtty->irqs.msi, MTTY_MIG_NR_VECTORS);
	irq_put_eventfds(mtty->irqs.msix, MTTY_MIG_NR_VECTORS);
	irq_put_eventfds(&mtty->irqs.req, 1);
	irq_put_eventfds(&mtty->irqs.drained, 1);
	mtty->irqs.intx_masked = false;
	mutex_unlock(&mtty->hw_lock);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_irq_release);

/**
 * mtty_irq_request - ask the user to give the device back
 * @mtty: the device
 */
void mtty_irq_request(struct mtty_device *mtty)
{
	mutex_lock(&mtty->hw_lock);
	if (mtty->irqs.req)
		mtty_irq_signal(mtty->irqs.req);
	mutex_unlock(&mtty->hw_lock);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_irq_request);
