// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PCI bus in software.
 *
 * The host bridge answers accesses to configuration space from tables: what a function
 * has, and which bits can be written.  BARs lie in a window that logic_iomem, User Mode
 * Linux's way to memory-mapped I/O, hands to functions.
 *
 * logic_iomem_add_region() has no counterpart, so that the bus stays once it is there;
 * cards come and go.
 */
#include <linux/cleanup.h>
#include <linux/ioport.h>
#include <linux/logic_iomem.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "swpci.h"

#define NR_SLOTS	32
#define NR_FUNCTIONS	(1 + SWPCI_MAX_VFS)

/* Where a function's capabilities are */
#define PM_CAP		0x40
#define EXP_CAP		0x50
#define MSIX_CAP	0xa0
#define SRIOV_CAP	0x100

/* Below the part of the address space that UML's own PCI has */
#define WINDOW_START	0xd0000000
#define WINDOW_END	0xdfffffff

/**
 * struct function - a PF or a VF
 * @slot: whose it is
 * @vf: the VF's number, or SWPCI_PF
 * @config: configuration space
 * @writable: the bits of it that can be written
 * @memory: of BARs that no function answers
 */
struct function {
	struct swpci_slot *slot;
	int vf;
	u8 *config;
	u8 *writable;
	u8 *memory[PCI_STD_NUM_BARS];
};

/**
 * struct swpci_slot - a card that is plugged in
 * @card: what it is
 * @priv: for its functions
 * @number: of the slot
 * @pdev: the PF; set before anybody can have mapped a BAR
 * @functions: the PF, then the VFs
 */
struct swpci_slot {
	const struct swpci_card *card;
	void *priv;
	unsigned int number;
	struct pci_dev *pdev;
	struct function functions[NR_FUNCTIONS];
};

/* What ioremap() got: a BAR, for as long as there is a bus */
struct mapping {
	unsigned int slot;
	unsigned int function;
	unsigned int bar;
};

static struct pci_host_bridge *bridge;
/* Over @slots and all configuration spaces.  The PCI core's lock is one, too. */
static DEFINE_RAW_SPINLOCK(config_lock);
static struct swpci_slot *slots[NR_SLOTS];
static struct mapping mappings[NR_SLOTS * NR_FUNCTIONS * PCI_STD_NUM_BARS];
/* Plugs and unplugs one at a time */
static DEFINE_MUTEX(slots_mutex);

/* Configuration space */

static void put(u8 *space, unsigned int where, unsigned int size, u32 value)
{
	while (size--) {
		space[where++] = value;
		value >>= 8;
	}
}

static u32 get(const u8 *space, unsigned int where, unsigned int size)
{
	u32 value = 0;

	while (size--)
		value = value << 8 | space[where + size];
	return value;
}

static void set_register(struct function *fn, unsigned int where, unsigned int size, u32 value,
			 u32 writable)
{
	put(fn->config, where, size, value);
	put(fn->writable, where, size, writable);
}

static bool is_vf(const struct function *fn)
{
	return fn->vf != SWPCI_PF;
}

/* A VF has none of its own: its PF's tell how large they are (SR-IOV 1.1, 3.4.1.11). */
static void init_bars(struct function *fn, unsigned int where, const u32 *sizes)
{
	unsigned int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		if (sizes[bar])
			set_register(fn, where + 4 * bar, 4, PCI_BASE_ADDRESS_SPACE_MEMORY,
				     ~(sizes[bar] - 1));
}

static void init_msix(struct function *fn, const struct swpci_card *card)
{
	u32 table = card->vf_bars[card->msix_bar] - 2 * SZ_4K;

	set_register(fn, MSIX_CAP, 1, PCI_CAP_ID_MSIX, 0);
	set_register(fn, MSIX_CAP + PCI_MSIX_FLAGS, 2, card->msix - 1,
		     PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	set_register(fn, MSIX_CAP + PCI_MSIX_TABLE, 4, table | card->msix_bar, 0);
	set_register(fn, MSIX_CAP + PCI_MSIX_PBA, 4, (table + SZ_4K) | card->msix_bar, 0);
}

static void init_sriov(struct function *fn, const struct swpci_card *card)
{
	const unsigned int cap = SRIOV_CAP;

	set_register(fn, cap, 4, PCI_EXT_CAP_ID_SRIOV | 1 << 16, 0);
	set_register(fn, cap + PCI_SRIOV_CTRL, 2, 0, PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE);
	set_register(fn, cap + PCI_SRIOV_INITIAL_VF, 2, card->vfs, 0);
	set_register(fn, cap + PCI_SRIOV_TOTAL_VF, 2, card->vfs, 0);
	set_register(fn, cap + PCI_SRIOV_NUM_VF, 2, 0, 0xffff);
	/* The functions after the PF's */
	set_register(fn, cap + PCI_SRIOV_VF_OFFSET, 2, 1, 0);
	set_register(fn, cap + PCI_SRIOV_VF_STRIDE, 2, 1, 0);
	set_register(fn, cap + PCI_SRIOV_VF_DID, 2, card->vf_device, 0);
	set_register(fn, cap + PCI_SRIOV_SUP_PGSIZE, 4, 1, 0);
	set_register(fn, cap + PCI_SRIOV_SYS_PGSIZE, 4, 1, 1);
	init_bars(fn, cap + PCI_SRIOV_BAR, card->vf_bars);
}

/*
 * With PCI_STATUS_IMM_READY and a PM capability nobody waits 100 ms for the function
 * after its reset; see pcie_flr().
 */
static void init_config(struct function *fn, const struct swpci_card *card)
{
	u16 command = PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE;

	if (!is_vf(fn))
		command |= PCI_COMMAND_MEMORY;
	/* A VF has no ID of its own (SR-IOV 1.1, 3.4.1.1). */
	set_register(fn, PCI_VENDOR_ID, 2, is_vf(fn) ? 0xffff : card->vendor, 0);
	set_register(fn, PCI_DEVICE_ID, 2, is_vf(fn) ? 0xffff : card->device, 0);
	set_register(fn, PCI_COMMAND, 2, 0, command);
	set_register(fn, PCI_STATUS, 2, PCI_STATUS_CAP_LIST | PCI_STATUS_IMM_READY, 0);
	set_register(fn, PCI_CLASS_REVISION, 4, card->class << 8 | card->revision, 0);
	set_register(fn, PCI_SUBSYSTEM_VENDOR_ID, 2, card->subsystem_vendor, 0);
	set_register(fn, PCI_SUBSYSTEM_ID, 2, card->subsystem, 0);
	set_register(fn, PCI_CACHE_LINE_SIZE, 1, 0, 0xff);
	set_register(fn, PCI_CAPABILITY_LIST, 1, PM_CAP, 0);

	set_register(fn, PM_CAP, 1, PCI_CAP_ID_PM, 0);
	set_register(fn, PM_CAP + PCI_CAP_LIST_NEXT, 1, EXP_CAP, 0);
	set_register(fn, PM_CAP + PCI_PM_PMC, 2, 3, 0);
	set_register(fn, PM_CAP + PCI_PM_CTRL, 2, PCI_PM_CTRL_NO_SOFT_RESET,
		     PCI_PM_CTRL_STATE_MASK);

	set_register(fn, EXP_CAP, 1, PCI_CAP_ID_EXP, 0);
	/* Integrated into the root complex: there is no link whose state could be asked for. */
	set_register(fn, EXP_CAP + PCI_EXP_FLAGS, 2, 2 | PCI_EXP_TYPE_RC_END << 4, 0);
	set_register(fn, EXP_CAP + PCI_EXP_DEVCAP, 4, PCI_EXP_DEVCAP_FLR | PCI_EXP_DEVCAP_RBER, 0);
	set_register(fn, EXP_CAP + PCI_EXP_DEVCTL, 2, 0,
		     (u16)~PCI_EXP_DEVCTL_BCR_FLR);

	if (!is_vf(fn)) {
		init_bars(fn, PCI_BASE_ADDRESS_0, card->bars);
		if (card->vfs)
			init_sriov(fn, card);
	} else if (card->msix) {
		set_register(fn, EXP_CAP + PCI_CAP_LIST_NEXT, 1, MSIX_CAP, 0);
		init_msix(fn, card);
	}
}

static bool vfs_enabled(const struct swpci_slot *slot)
{
	return get(slot->functions[0].config, SRIOV_CAP + PCI_SRIOV_CTRL, 2) & PCI_SRIOV_CTRL_VFE;
}

static struct function *function_of(unsigned int devfn)
{
	struct swpci_slot *slot = slots[PCI_SLOT(devfn)];
	unsigned int vf = PCI_FUNC(devfn);

	if (!slot || vf > slot->card->vfs)
		return NULL;
	/* It answers its ID, and the core makes the device: VFs by what it knows of the PF. */
	if (vf && !vfs_enabled(slot))
		return NULL;
	return &slot->functions[vf];
}

static int config_read(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *value)
{
	struct function *fn;

	guard(raw_spinlock_irqsave)(&config_lock);
	fn = function_of(devfn);
	if (!fn || where + size > PCI_CFG_SPACE_EXP_SIZE) {
		*value = ~0;
		return PCIBIOS_DEVICE_NOT_FOUND;
	}
	*value = get(fn->config, where, size);
	return PCIBIOS_SUCCESSFUL;
}

static void reset_config(struct function *fn)
{
	unsigned int where;

	for (where = 0; where < PCI_CFG_SPACE_SIZE; where++)
		fn->config[where] &= ~fn->writable[where];
}

static size_t bar_size(const struct function *fn, unsigned int bar)
{
	return is_vf(fn) ? fn->slot->card->vf_bars[bar] : fn->slot->card->bars[bar];
}

static void reset_function(struct function *fn)
{
	const struct swpci_ops *ops = fn->slot->card->ops;
	unsigned int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		if (fn->memory[bar])
			memset(fn->memory[bar], 0, bar_size(fn, bar));
	if (ops && ops->flr)
		ops->flr(fn->slot->priv, fn->vf);
}

static bool asks_for_reset(int where, int size, u32 value)
{
	int at = EXP_CAP + PCI_EXP_DEVCTL - where;

	return at >= 0 && at + 2 <= size && (value >> (8 * at)) & PCI_EXP_DEVCTL_BCR_FLR;
}

static int config_write(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 value)
{
	struct function *fn;
	bool reset = false;

	scoped_guard(raw_spinlock_irqsave, &config_lock) {
		u32 writable;

		fn = function_of(devfn);
		if (!fn || where + size > PCI_CFG_SPACE_EXP_SIZE)
			return PCIBIOS_DEVICE_NOT_FOUND;
		writable = get(fn->writable, where, size);
		put(fn->config, where, size,
		    (get(fn->config, where, size) & ~writable) | (value & writable));
		reset = asks_for_reset(where, size, value);
		if (reset)
			reset_config(fn);
	}
	/* A function's reset may sleep; whoever asks for one may, too. */
	if (reset)
		reset_function(fn);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops config_ops = {
	.read = config_read,
	.write = config_write,
};

/* Registers */

static struct function *mapped_function(const struct mapping *mapping)
{
	struct swpci_slot *slot = slots[mapping->slot];

	return slot ? &slot->functions[mapping->function] : NULL;
}

static unsigned long register_read(void *priv, unsigned int offset, int size)
{
	const struct mapping *mapping = priv;
	struct function *fn = mapped_function(mapping);
	const struct swpci_ops *ops;
	u64 value = 0;

	if (!fn || offset + size > bar_size(fn, mapping->bar))
		return ~0UL;
	ops = fn->slot->card->ops;
	if (ops && ops->read &&
	    ops->read(fn->slot->priv, fn->vf, mapping->bar, offset, size, &value))
		return value;
	memcpy(&value, fn->memory[mapping->bar] + offset, size);
	return value;
}

static void register_write(void *priv, unsigned int offset, int size, unsigned long value)
{
	const struct mapping *mapping = priv;
	struct function *fn = mapped_function(mapping);
	const struct swpci_ops *ops;

	if (!fn || offset + size > bar_size(fn, mapping->bar))
		return;
	ops = fn->slot->card->ops;
	if (!ops || !ops->write ||
	    !ops->write(fn->slot->priv, fn->vf, mapping->bar, offset, size, value))
		memcpy(fn->memory[mapping->bar] + offset, &value, size);
}

static const struct logic_iomem_ops register_ops = {
	.read = register_read,
	.write = register_write,
};

static long map_bar(const struct swpci_slot *slot, unsigned int function, unsigned int bar,
		    resource_size_t at, void **priv)
{
	struct mapping *mapping = &mappings[(slot->number * NR_FUNCTIONS + function) *
					    PCI_STD_NUM_BARS + bar];

	mapping->slot = slot->number;
	mapping->function = function;
	mapping->bar = bar;
	*priv = mapping;
	return at;
}

/* The BAR at an address, by what the PCI core has given the PF: its own, and all VFs'. */
static long find_bar(const struct swpci_slot *slot, resource_size_t address, void **priv)
{
	unsigned int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		const struct resource *own = &slot->pdev->resource[bar];
		const struct resource *vfs = &slot->pdev->resource[PCI_IOV_RESOURCES + bar];
		u32 size = slot->card->vf_bars[bar];

		if (slot->card->bars[bar] && address >= own->start && address <= own->end)
			return map_bar(slot, 0, bar, address - own->start, priv);
		if (size && address >= vfs->start && address <= vfs->end) {
			address -= vfs->start;
			return map_bar(slot, 1 + address / size, bar, address % size, priv);
		}
	}
	return -ENOENT;
}

static long map_window(unsigned long offset, size_t size, const struct logic_iomem_ops **ops,
		       void **priv)
{
	unsigned int i;

	*ops = &register_ops;
	for (i = 0; i < NR_SLOTS; i++) {
		long at = -ENOENT;

		if (slots[i] && slots[i]->pdev)
			at = find_bar(slots[i], WINDOW_START + offset, priv);
		if (at >= 0)
			return at;
	}
	return -ENOENT;
}

static const struct logic_iomem_region_ops window_ops = {
	.map = map_window,
};

/* Cards */

/**
 * swpci_is_ours - is this a function of the bus in software?
 * @dev: a device
 *
 * Return: true if it is.
 */
bool swpci_is_ours(const struct device *dev)
{
	return dev_is_pci(dev) && to_pci_dev(dev)->bus == bridge->bus;
}
EXPORT_SYMBOL_GPL(swpci_is_ours);

static void free_slot(struct swpci_slot *slot)
{
	unsigned int i, bar;

	for (i = 0; i < NR_FUNCTIONS; i++) {
		kfree(slot->functions[i].config);
		kfree(slot->functions[i].writable);
		for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
			kvfree(slot->functions[i].memory[bar]);
	}
	kfree(slot);
}

static int init_function(struct swpci_slot *slot, unsigned int number)
{
	struct function *fn = &slot->functions[number];
	unsigned int bar;

	fn->slot = slot;
	fn->vf = number ? number - 1 : SWPCI_PF;
	fn->config = kzalloc(PCI_CFG_SPACE_EXP_SIZE, GFP_KERNEL);
	fn->writable = kzalloc(PCI_CFG_SPACE_EXP_SIZE, GFP_KERNEL);
	if (!fn->config || !fn->writable)
		return -ENOMEM;
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		if (!bar_size(fn, bar))
			continue;
		fn->memory[bar] = kvzalloc(bar_size(fn, bar), GFP_KERNEL);
		if (!fn->memory[bar])
			return -ENOMEM;
	}
	init_config(fn, slot->card);
	return 0;
}

static struct swpci_slot *new_slot(const struct swpci_card *card, void *priv)
{
	struct swpci_slot *slot = kzalloc(sizeof(*slot), GFP_KERNEL);
	unsigned int i;

	if (!slot)
		return NULL;
	slot->card = card;
	slot->priv = priv;
	for (i = 0; i <= card->vfs; i++) {
		if (init_function(slot, i)) {
			free_slot(slot);
			return NULL;
		}
	}
	return slot;
}

static struct swpci_slot *put_into_slot(struct swpci_slot *slot)
{
	unsigned int i;

	guard(raw_spinlock_irqsave)(&config_lock);
	for (i = 0; i < NR_SLOTS; i++) {
		if (slots[i])
			continue;
		slot->number = i;
		slots[i] = slot;
		return slot;
	}
	return NULL;
}

static void take_from_slot(struct swpci_slot *slot)
{
	scoped_guard(raw_spinlock_irqsave, &config_lock)
		slots[slot->number] = NULL;
	free_slot(slot);
}

/**
 * swpci_plug - plug a card in
 * @card: what it is; has to stay until it is pulled out
 * @priv: for its functions
 *
 * Its PF is found and, if there is a driver for it, bound when this returns.  May sleep.
 *
 * Return: the slot; -ENOMEM, -ENOSPC if there is no slot left, -EINVAL for a card with
 * too many VFs, -ENODEV if the PCI core did not take it.
 */
struct swpci_slot *swpci_plug(const struct swpci_card *card, void *priv)
{
	struct swpci_slot *slot;

	if (card->vfs > SWPCI_MAX_VFS)
		return ERR_PTR(-EINVAL);
	slot = new_slot(card, priv);
	if (!slot)
		return ERR_PTR(-ENOMEM);

	guard(mutex)(&slots_mutex);
	if (!put_into_slot(slot)) {
		free_slot(slot);
		return ERR_PTR(-ENOSPC);
	}
	pci_lock_rescan_remove();
	if (pci_scan_slot(bridge->bus, PCI_DEVFN(slot->number, 0)) == 1)
		slot->pdev = pci_get_slot(bridge->bus, PCI_DEVFN(slot->number, 0));
	if (slot->pdev) {
		pci_assign_unassigned_bus_resources(bridge->bus);
		pci_bus_add_devices(bridge->bus);
	}
	pci_unlock_rescan_remove();
	if (!slot->pdev) {
		take_from_slot(slot);
		return ERR_PTR(-ENODEV);
	}
	return slot;
}
EXPORT_SYMBOL_GPL(swpci_plug);

/**
 * swpci_unplug - pull a card out
 * @slot: what swpci_plug() gave
 *
 * Waits until the drivers of all of its functions are gone.  May sleep.
 */
void swpci_unplug(struct swpci_slot *slot)
{
	guard(mutex)(&slots_mutex);
	pci_stop_and_remove_bus_device_locked(slot->pdev);
	pci_dev_put(slot->pdev);
	take_from_slot(slot);
}
EXPORT_SYMBOL_GPL(swpci_unplug);

/* The bus */

static struct resource window = {
	.name = "swpci",
	.start = WINDOW_START,
	.end = WINDOW_END,
	.flags = IORESOURCE_MEM,
};

static struct resource bus_numbers = {
	.name = "swpci bus",
	.start = SWPCI_BUS,
	.end = SWPCI_BUS,
	.flags = IORESOURCE_BUS,
};

/* No card has a pin. */
static int map_irq(const struct pci_dev *pdev, u8 slot, u8 pin)
{
	return 0;
}

static int __init swpci_init(void)
{
	int ret;

	bridge = pci_alloc_host_bridge(0);
	if (!bridge)
		return -ENOMEM;
	ret = logic_iomem_add_region(&window, &window_ops);
	if (ret) {
		pci_free_host_bridge(bridge);
		return ret;
	}
	/* Whether or not what follows does: the window cannot be taken back. */
	__module_get(THIS_MODULE);
	pci_add_resource(&bridge->windows, &window);
	pci_add_resource(&bridge->windows, &bus_numbers);
	bridge->busnr = SWPCI_BUS;
	bridge->ops = &config_ops;
	bridge->map_irq = map_irq;
	return pci_host_probe(bridge);
}
module_init(swpci_init);

MODULE_DESCRIPTION("A PCI bus in software, with SR-IOV");
MODULE_LICENSE("GPL");
