// SPDX-License-Identifier: GPL-2.0-only
/*
 * An IOMMU in software, in front of the bus in software.
 *
 * Each function is a group of its own.  By default a device sees physical memory; in a
 * domain of VFIO's or iommufd's it sees what is mapped there, page by page, and what it
 * writes is marked when the domain tracks it.  What a stand-in reads and writes for its
 * device goes this way.
 */
#include <linux/cleanup.h>
#include <linux/iommu.h>
#include <linux/iova_bitmap.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/property.h>
#include <linux/slab.h>
#include <linux/xarray.h>
#include <uapi/linux/iommufd.h>

#include "../compat.h"
#include "swiommu.h"
#include "swpci.h"

/* Of an entry: the page was written to while the domain was tracked */
#define DIRTY		XA_MARK_0

/* What is mapped at a page: where, and what for */
#define READABLE	1UL
#define WRITABLE	2UL
#define FLAGS		2	/* bits */

/**
 * struct swdomain - an address space
 * @iommu: the core's
 * @pages: what is mapped, by the number of the page
 * @tracking: writes are marked
 */
struct swdomain {
	struct iommu_domain iommu;
	struct xarray pages;
	bool tracking;
};

/**
 * struct swdevice - a function of the bus
 * @domain: what it is attached to
 */
struct swdevice {
	struct iommu_domain *domain;
};

/*
 * Over which domain a device is attached to, what is mapped, and what is marked.  Held
 * while a device reads or writes a page, so that the page is not in use any more when
 * unmap_pages() or attach() returns.
 */
static DEFINE_SPINLOCK(lock);

static struct iommu_device swiommu;
static const struct iommu_ops ops;
static const struct iommu_domain_ops paging_ops;
static const struct iommu_dirty_ops dirty_ops;

static struct swdomain *to_swdomain(struct iommu_domain *iommu)
{
	return container_of(iommu, struct swdomain, iommu);
}

/* Domains */

static STANDIN_ATTACH(attach)
{
	struct swdevice *device = dev_iommu_priv_get(dev);

	guard(spinlock)(&lock);
	device->domain = domain;
	return 0;
}

static const struct iommu_domain_ops fixed_ops = {
	.attach_dev = attach,
};

static struct iommu_domain identity = {
	.type = IOMMU_DOMAIN_IDENTITY,
	.ops = &fixed_ops,
	.owner = &ops,
};

static struct iommu_domain blocked = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &fixed_ops,
	.owner = &ops,
};

static struct iommu_domain *alloc_domain(struct device *dev, bool tracks)
{
	struct swdomain *domain = kzalloc(sizeof(*domain), GFP_KERNEL_ACCOUNT);

	if (!domain)
		return ERR_PTR(-ENOMEM);
	xa_init(&domain->pages);
	domain->iommu.type = IOMMU_DOMAIN_UNMANAGED;
	domain->iommu.ops = &paging_ops;
	domain->iommu.owner = &ops;
	domain->iommu.pgsize_bitmap = SZ_4K;
	domain->iommu.geometry.aperture_end = DMA_BIT_MASK(48);
	domain->iommu.geometry.force_aperture = true;
	if (tracks)
		domain->iommu.dirty_ops = &dirty_ops;
	return &domain->iommu;
}

static struct iommu_domain *alloc_paging(struct device *dev)
{
	return alloc_domain(dev, false);
}

static struct iommu_domain *alloc_for_user(struct device *dev, u32 flags,
					   STANDIN_PARENT_DOMAIN const struct iommu_user_data *data)
{
	if (data || flags & ~IOMMU_HWPT_ALLOC_DIRTY_TRACKING)
		return ERR_PTR(-EOPNOTSUPP);
	return alloc_domain(dev, flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
}

static void free_domain(struct iommu_domain *iommu)
{
	struct swdomain *domain = to_swdomain(iommu);

	xa_destroy(&domain->pages);
	kfree(domain);
}

static void *entry_of(phys_addr_t page, int prot)
{
	unsigned long flags = 0;

	if (prot & IOMMU_READ)
		flags |= READABLE;
	if (prot & IOMMU_WRITE)
		flags |= WRITABLE;
	return xa_mk_value(PHYS_PFN(page) << FLAGS | flags);
}

static int map_pages(struct iommu_domain *iommu, unsigned long iova, phys_addr_t address,
		     size_t size, size_t count, int prot, gfp_t gfp, size_t *mapped)
{
	struct swdomain *domain = to_swdomain(iommu);

	for (; count; count--, iova += size, address += size) {
		int ret = xa_insert(&domain->pages, iova >> PAGE_SHIFT, entry_of(address, prot),
				    gfp);

		if (ret)
			return ret == -EBUSY ? -EADDRINUSE : ret;
		*mapped += size;
	}
	return 0;
}

static size_t unmap_pages(struct iommu_domain *iommu, unsigned long iova, size_t size,
			  size_t count, struct iommu_iotlb_gather *gather)
{
	struct swdomain *domain = to_swdomain(iommu);
	size_t done;

	guard(spinlock)(&lock);
	for (done = 0; done < size * count; done += size)
		if (!xa_erase(&domain->pages, (iova + done) >> PAGE_SHIFT))
			break;
	return done;
}

static phys_addr_t iova_to_phys(struct iommu_domain *iommu, dma_addr_t iova)
{
	void *entry = xa_load(&to_swdomain(iommu)->pages, iova >> PAGE_SHIFT);

	return entry ? PFN_PHYS(xa_to_value(entry) >> FLAGS) + offset_in_page(iova) : 0;
}

static const struct iommu_domain_ops paging_ops = {
	.attach_dev = attach,
	.map_pages = map_pages,
	.unmap_pages = unmap_pages,
	.iova_to_phys = iova_to_phys,
	.free = free_domain,
};

/* Dirty tracking: IOMMU_HWPT_SET_DIRTY_TRACKING, IOMMU_HWPT_GET_DIRTY_BITMAP */

static int set_dirty_tracking(struct iommu_domain *iommu, bool on)
{
	struct swdomain *domain = to_swdomain(iommu);

	guard(spinlock)(&lock);
	domain->tracking = on;
	return 0;
}

/* The first page from @page on that is marked; the mark goes if it is to be cleared */
static bool find_dirty(struct swdomain *domain, unsigned long *page, unsigned long last, bool clear)
{
	guard(spinlock)(&lock);
	if (!xa_find(&domain->pages, page, last, DIRTY))
		return false;
	if (clear)
		xa_clear_mark(&domain->pages, *page, DIRTY);
	return true;
}

static int read_and_clear_dirty(struct iommu_domain *iommu, unsigned long iova, size_t size,
				unsigned long flags, struct iommu_dirty_bitmap *dirty)
{
	struct swdomain *domain = to_swdomain(iommu);
	unsigned long last = (iova + size - 1) >> PAGE_SHIFT;
	unsigned long page = iova >> PAGE_SHIFT;

	/* The core asks without a bitmap, too: then it only wants the marks gone. */
	if (!READ_ONCE(domain->tracking) && dirty->bitmap)
		return -EINVAL;
	/* Without the lock: to set a bit of the user's may sleep. */
	for (; find_dirty(domain, &page, last, !(flags & IOMMU_DIRTY_NO_CLEAR)); page++)
		iommu_dirty_bitmap_record(dirty, page << PAGE_SHIFT, PAGE_SIZE);
	return 0;
}

static const struct iommu_dirty_ops dirty_ops = {
	.set_dirty_tracking = set_dirty_tracking,
	.read_and_clear_dirty = read_and_clear_dirty,
};

/* Devices */

static bool is_capable(struct device *dev, enum iommu_cap cap)
{
	return cap == IOMMU_CAP_CACHE_COHERENCY || cap == IOMMU_CAP_DIRTY_TRACKING;
}

static struct iommu_device *probe_device(struct device *dev)
{
	struct swdevice *device = kzalloc(sizeof(*device), GFP_KERNEL);

	if (!device)
		return ERR_PTR(-ENOMEM);
	device->domain = &blocked;
	dev_iommu_priv_set(dev, device);
	return &swiommu;
}

static void release_device(struct device *dev)
{
	kfree(dev_iommu_priv_get(dev));
}

static const struct iommu_ops ops = {
	.owner = THIS_MODULE,
	.capable = is_capable,
	.identity_domain = &identity,
	.blocked_domain = &blocked,
	/* Whatever is not in a domain of a user's sees memory as it is. */
	.default_domain = &identity,
	.domain_alloc_paging = alloc_paging,
	.STANDIN_ALLOC_PAGING_FLAGS = alloc_for_user,
	.probe_device = probe_device,
	.release_device = release_device,
	.device_group = generic_device_group,
	.default_domain_ops = &paging_ops,
};

/*
 * Who an IOMMU is for is what firmware tells, by an fwspec.  It has to be there before
 * the IOMMU core looks, which is when a device is added to its bus: hence a notifier
 * with a higher priority than the core's own.  iommu_fwspec_init() wants the core's
 * lock, which nobody else can take; here the device is not known to anybody yet.
 */
static int on_bus_event(struct notifier_block *block, unsigned long event, void *data)
{
	struct device *dev = data;
	struct iommu_fwspec *fwspec;
	struct dev_iommu *param;

	if (event != BUS_NOTIFY_ADD_DEVICE || !swpci_is_ours(dev) || dev->iommu)
		return NOTIFY_DONE;
	param = kzalloc(sizeof(*param), GFP_KERNEL);
	fwspec = kzalloc(struct_size(fwspec, ids, 1), GFP_KERNEL);
	if (!param || !fwspec) {
		kfree(param);
		kfree(fwspec);
		return NOTIFY_DONE;
	}
	mutex_init(&param->lock);
	fwspec->iommu_fwnode = fwnode_handle_get(swiommu.fwnode);
	param->fwspec = fwspec;
	dev->iommu = param;
	return NOTIFY_OK;
}

static struct notifier_block notifier = {
	.notifier_call = on_bus_event,
	.priority = 1,
};

/* DMA */

static int access_physical(phys_addr_t address, void *data, size_t size, bool write)
{
	/* All memory of User Mode Linux is mapped. */
	void *memory = phys_to_virt(address);

	if (!pfn_valid(PHYS_PFN(address)) || !pfn_valid(PHYS_PFN(address + size - 1)))
		return -EFAULT;
	if (write)
		memcpy(memory, data, size);
	else
		memcpy(data, memory, size);
	return 0;
}

static int access_page(struct swdomain *domain, dma_addr_t iova, void *data, size_t size,
		       bool write)
{
	unsigned long page = iova >> PAGE_SHIFT;
	void *entry = xa_load(&domain->pages, page);
	unsigned long value;
	int ret;

	if (!entry)
		return -EFAULT;
	value = xa_to_value(entry);
	if (!(value & (write ? WRITABLE : READABLE)))
		return -EFAULT;
	ret = access_physical(PFN_PHYS(value >> FLAGS) + offset_in_page(iova), data, size, write);
	if (!ret && write && domain->tracking)
		xa_set_mark(&domain->pages, page, DIRTY);
	return ret;
}

static int access_part(struct device *dev, dma_addr_t iova, void *data, size_t size, bool write)
{
	struct swdevice *device = dev->iommu ? dev_iommu_priv_get(dev) : NULL;
	struct iommu_domain *iommu;

	if (!device)
		return -ENODEV;
	guard(spinlock)(&lock);
	iommu = device->domain;
	if (iommu == &blocked)
		return -EFAULT;
	if (iommu == &identity)
		return access_physical(iova, data, size, write);
	return access_page(to_swdomain(iommu), iova, data, size, write);
}

static int access(struct pci_dev *pdev, dma_addr_t iova, void *data, size_t size, bool write)
{
	u16 command;

	/* PCIe base specification, 7.5.1.1.3: without it a function makes no requests. */
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	if (!(command & PCI_COMMAND_MASTER))
		return -EACCES;
	while (size) {
		size_t part = min(size, PAGE_SIZE - offset_in_page(iova));
		int ret = access_part(&pdev->dev, iova, data, part, write);

		if (ret)
			return ret;
		iova += part;
		data += part;
		size -= part;
	}
	return 0;
}

/**
 * swiommu_write - a device writes to memory
 * @pdev: the device
 * @iova: where to, in its address space
 * @data: what
 * @size: in bytes
 *
 * Return: 0; -ENODEV for a device that is behind no IOMMU of ours, -EACCES if Bus Master
 * Enable is off, -EFAULT where nothing is mapped, or not for this.  What comes before such
 * a page is written.
 */
int swiommu_write(struct pci_dev *pdev, dma_addr_t iova, const void *data, size_t size)
{
	return access(pdev, iova, (void *)data, size, true);
}
EXPORT_SYMBOL_GPL(swiommu_write);

/**
 * swiommu_read - a device reads memory
 * @pdev: the device
 * @iova: where from
 * @data: what was read
 * @size: in bytes
 *
 * Return: as swiommu_write() does.
 */
int swiommu_read(struct pci_dev *pdev, dma_addr_t iova, void *data, size_t size)
{
	return access(pdev, iova, data, size, false);
}
EXPORT_SYMBOL_GPL(swiommu_read);

static int __init swiommu_init(void)
{
	int ret;

	/* Of its own: IOMMUFD_TEST's mock, which has none in 6.12, is for whoever has none. */
	swiommu.fwnode = fwnode_create_software_node(NULL, NULL);
	if (IS_ERR(swiommu.fwnode))
		return PTR_ERR(swiommu.fwnode);
	ret = iommu_device_sysfs_add(&swiommu, NULL, NULL, "swiommu");
	if (ret)
		goto node;
	ret = bus_register_notifier(&pci_bus_type, &notifier);
	if (ret)
		goto sysfs;
	ret = iommu_device_register(&swiommu, &ops, NULL);
	if (ret)
		goto notifier;
	return 0;

notifier:
	bus_unregister_notifier(&pci_bus_type, &notifier);
sysfs:
	iommu_device_sysfs_remove(&swiommu);
node:
	fwnode_remove_software_node(swiommu.fwnode);
	return ret;
}
module_init(swiommu_init);

static void __exit swiommu_exit(void)
{
	iommu_device_unregister(&swiommu);
	bus_unregister_notifier(&pci_bus_type, &notifier);
	iommu_device_sysfs_remove(&swiommu);
	fwnode_remove_software_node(swiommu.fwnode);
}
module_exit(swiommu_exit);

MODULE_DESCRIPTION("An IOMMU in software");
STANDIN_IMPORT_NS(IOMMUFD);
MODULE_LICENSE("GPL");
