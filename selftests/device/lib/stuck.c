// SPDX-License-Identifier: GPL-2.0-only
/* A device of which something hangs on memory that does not come. */
#include <stdio.h>
#include <string.h>
#include <linux/pci_regs.h>

#include "../../lib/check.h"
#include "../../lib/vfio_dma.h"
#include "journey.h"
#include "stuck.h"

static char trouble[160];

#define WRONG(fmt, ...) \
	(snprintf(trouble, sizeof(trouble), fmt, ##__VA_ARGS__), trouble)

/*
 * Why a kernel has none of a way in. Test cases are processes of their own,
 * which share it, so that only the first one makes a device to find that out.
 */
static char (*no_way)[sizeof(trouble)];

static void __attribute__((constructor)) share_no_way(void)
{
	no_way = shared_new(VFIO_NR_WAYS * sizeof(*no_way));
}

/* What a guest's driver does before it uses the engine */
static void set_bus_master(struct mtty *mtty)
{
	vfio_region_write16(&mtty->dev, VFIO_PCI_CONFIG_REGION_INDEX,
			    PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			    PCI_COMMAND_MASTER);
}

static const char *open_device(struct mtty *mtty, const char *type,
			       enum vfio_way way)
{
	int ret;

	mtty_new(mtty, type, JOURNEY_MEM_SIZE);
	vfio_dev_close(&mtty->dev);
	ret = __vfio_dev_open(&mtty->dev, mtty->mdev.uuid, way);
	if (ret) {
		snprintf(no_way[way], sizeof(no_way[way]),
			 "this kernel has no %s: %s", vfio_way_name(way),
			 strerror(-ret));
		return no_way[way];
	}
	set_bus_master(mtty);
	return NULL;
}

/**
 * stuck_new - make a device and open it, and memory that is missing
 * @stuck: filled in
 * @type: the device's type
 * @way: how it is opened
 * @kind: why memory is missing
 *
 * Return: NULL, or why it cannot be; there is nothing to free then.
 */
const char *stuck_new(struct stuck *stuck, const char *type, enum vfio_way way,
		      enum missing_kind kind)
{
	const char *why;

	memset(stuck, 0, sizeof(*stuck));
	stuck->journey.data_fd = -1;
	if (!mtty_available())
		return "there is no mtty_mig driver";
	if (*no_way[way])
		return no_way[way];
	why = missing_new(&stuck->mem, kind, STUCK_PAGES * PAGE);
	if (why)
		return why;
	why = open_device(&stuck->mtty, type, way);
	if (why) {
		missing_free(&stuck->mem);
		mtty_remove_all();
	}
	return why;
}

/**
 * stuck_end - undo stuck_new(), but for the device
 * @stuck: what hangs; it does so no longer
 *
 * Then mtty_remove_all() removes the device, with all others.
 */
void stuck_end(struct stuck *stuck)
{
	/* First the page, for who waits for it may not end without */
	missing_free(&stuck->mem);
	if (stuck->child.pid) {
		child_kill(&stuck->child);
		child_gone(&stuck->child);
	}
	journey_free(&stuck->journey);
}

/**
 * stuck_open - open a device once more, or end the process
 * @mtty: the device
 * @way: how
 */
void stuck_open(struct mtty *mtty, enum vfio_way way)
{
	must(__vfio_dev_open(&mtty->dev, mtty->mdev.uuid, way));
	set_bus_master(mtty);
}

/**
 * stuck_map - let a device reach memory that is missing, and some that is not
 * @mtty: the device
 * @missing: STUCK_PAGES, which the device sees at STUCK_IOVA; NULL if none
 */
void stuck_map(struct mtty *mtty, void *missing)
{
	struct vfio_buf good;

	if (missing)
		must(__vfio_dma_map(&mtty->dev, missing, STUCK_IOVA,
				    STUCK_PAGES * PAGE, true));
	vfio_buf_new(&mtty->dev, &good, GOOD_IOVA, GOOD_PAGES * PAGE, true);
}

/**
 * stuck_start - begin a transfer that needs a missing page
 * @mtty: the device
 * @channel: which channel; each has a page of its own
 * @op: MTTY_MIG_DMA_OP_*
 */
void stuck_start(struct mtty *mtty, unsigned int channel, __u32 op)
{
	__u64 missing = STUCK_IOVA + channel * PAGE;
	struct dma_transfer t = {
		.cmd = op | MTTY_MIG_DMA_IRQ,
		.pattern = ~0U,
		.len = PAGE,
	};

	switch (op) {
	case MTTY_MIG_DMA_OP_READ:
		t.src = missing;
		t.dst = channel * PAGE;
		break;
	case MTTY_MIG_DMA_OP_COPY:
		t.src = missing;
		t.dst = GOOD_IOVA + channel * PAGE;
		break;
	default:
		t.src = channel * PAGE;
		t.dst = missing;
	}
	dma_start(mtty, channel, &t);
}

/**
 * stuck_works - whether a device that was just opened works
 * @mtty: the device, with no memory at GOOD_IOVA yet
 *
 * Return: NULL, or what does not.
 */
const char *stuck_works(struct mtty *mtty)
{
	const struct dma_transfer t = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .pattern = ~0U,
		.dst = GOOD_IOVA, .len = GOOD_PAGES * PAGE,
	};
	__u32 state = vfio_mig_get(&mtty->dev);
	unsigned int i;

	if (state != VFIO_DEVICE_STATE_RUNNING)
		return WRONG("it is in %s", mig_state_name(state));
	mtty_uart_out(mtty, 0, UART_SCR, 0x5a);
	if (mtty_uart_in(mtty, 0, UART_SCR) != 0x5a)
		return WRONG("a register of a port does not take a value");
	stuck_map(mtty, NULL);
	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		__u32 status = dma_run(mtty, i, &t);

		if (status != MTTY_MIG_DMA_COMPLETE)
			return WRONG("channel %u ended with status %#x", i,
				     status);
	}
	return NULL;
}
