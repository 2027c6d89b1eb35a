// SPDX-License-Identifier: GPL-2.0-only
/*
 * The order of locks, on purpose: calls of all kinds one after the other, so
 * that a kernel with lockdep sees each lock taken under each.
 *
 * Nothing has to go wrong for that, and nobody has to come at the same time. A
 * circle has often three or four parts: a reset takes the state's lock under
 * that of the device's memory, the end of a session takes the file's under the
 * state's, a read() touches a user's page under the file's, and the fault of a
 * page of a region that is mapped takes that of the device's memory.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/child.h"
#include "../lib/kernel.h"
#include "../lib/rule.h"
#include "../lib/vfio_dma.h"
#include "dut_fixture.h"
#include "session.h"
#include "steps.h"

DUT_FIXTURE(lock, DUT_STOP_COPY);

/* Memory that nobody has touched: whoever does takes the lock of the memory map */
static void *untouched(size_t len)
{
	void *buf = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (buf == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	return buf;
}

/* Bytes of a buffer */
#define BUFFER	0x10000

/* Read a session to where it ends, for now or for good; false if it failed */
static bool read_untouched(int data_fd)
{
	ssize_t n;

	do {
		void *buf = untouched(BUFFER);

		n = mig_read(data_fd, buf, BUFFER);
		munmap(buf, BUFFER);
	} while (n > 0);
	return !n || n == -ENOMSG;
}

static void save(struct dut *dut)
{
	struct vfio_precopy_info *info = untouched(BUFFER);
	int data_fd, none;

	if (dut->flags & VFIO_MIGRATION_PRE_COPY) {
		data_fd = dut_go(dut, VFIO_DEVICE_STATE_PRE_COPY);
		/* No argsz: it is read all the same */
		ioctl(data_fd, VFIO_MIG_GET_PRECOPY_INFO, info);
		__vfio_precopy_info(data_fd, info);
		read_untouched(data_fd);
		__vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_STOP_COPY, &none);
	} else {
		data_fd = dut_go(dut, VFIO_DEVICE_STATE_STOP_COPY);
	}
	read_untouched(data_fd);
	__vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_RUNNING, &none);
	close(data_fd);
	munmap(info, BUFFER);
}

/* A page of a file that was not read yet is not in the memory map, either */
static void load(struct dut *dut)
{
	struct mig_stream stream = {};
	int memfd = memfd_create("stream", MFD_CLOEXEC);
	int data_fd, none;
	void *buf;

	session_save(dut, &stream);
	if (memfd < 0 || pwrite(memfd, stream.data, stream.len, 0) !=
			 (ssize_t)stream.len)
		die("memfd: %s", strerror(errno));
	buf = mmap(NULL, stream.len, PROT_READ, MAP_PRIVATE, memfd, 0);
	if (buf == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	data_fd = dut_go(dut, VFIO_DEVICE_STATE_RESUMING);
	mig_write(data_fd, buf, stream.len);
	__vfio_mig_set(&dut->dev, VFIO_DEVICE_STATE_RUNNING, &none);
	close(data_fd);
	munmap(buf, stream.len);
	close(memfd);
	mig_stream_free(&stream);
}

/* What is mapped of each region, or MAP_FAILED */
#define REGIONS		16

struct maps {
	void *region[REGIONS];
	size_t page;
};

/* Where a region can be mapped: at its beginning, if it does not say else */
static bool can_be_mapped(struct vfio_dev *dev, __u32 index, __u64 *offset)
{
	struct vfio_region_info_cap_sparse_mmap sparse;
	struct {
		struct vfio_region_info info;
		__u8 caps[4096];
	} arg;
	struct vfio_info_cap_header cap = {};
	__u8 *at = (__u8 *)&arg;
	__u32 next;

	memset(&arg, 0, sizeof(arg));
	arg.info.argsz = sizeof(arg);
	arg.info.index = index;
	if (ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, &arg.info) ||
	    !arg.info.size || !(arg.info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return false;
	*offset = arg.info.offset;
	next = arg.info.flags & VFIO_REGION_INFO_FLAG_CAPS ?
	       arg.info.cap_offset : 0;
	for (; next && next + sizeof(sparse) < sizeof(arg); next = cap.next) {
		struct vfio_region_sparse_mmap_area area;

		memcpy(&cap, at + next, sizeof(cap));
		if (cap.id != VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			continue;
		memcpy(&sparse, at + next, sizeof(sparse));
		if (!sparse.nr_areas)
			return false;
		memcpy(&area, at + next + sizeof(sparse), sizeof(area));
		*offset += area.offset;
		break;
	}
	return true;
}

static void map_regions(struct dut *dut, struct maps *maps)
{
	__u64 offset;
	__u32 index;

	maps->page = sysconf(_SC_PAGESIZE);
	for (index = 0; index < REGIONS; index++) {
		maps->region[index] = MAP_FAILED;
		if (index >= dut->dev.info.num_regions ||
		    !can_be_mapped(&dut->dev, index, &offset))
			continue;
		maps->region[index] = mmap(NULL, maps->page,
					   PROT_READ | PROT_WRITE, MAP_SHARED,
					   dut->dev.fd, offset);
	}
}

static void unmap_regions(struct maps *maps)
{
	__u32 index;

	for (index = 0; index < REGIONS; index++)
		if (maps->region[index] != MAP_FAILED)
			munmap(maps->region[index], maps->page);
}

static int run_touch(int sock, void *arg)
{
	__u32 word;

	(void)sock;
	signal(SIGBUS, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
	__atomic_load((__u32 *)arg, &word, __ATOMIC_RELAXED);
	return 0;
}

/*
 * In another process each, for it may end there: where the access is not
 * allowed just now, and always in User Mode Linux, which finds no memory
 * behind the page that was put into the map. What matters has happened then.
 */
static void touch_regions(struct maps *maps)
{
	struct child child;
	__u32 index;

	for (index = 0; index < REGIONS; index++) {
		if (maps->region[index] == MAP_FAILED)
			continue;
		child_start(&child, run_touch, maps->region[index], NULL);
		child_gone(&child);
	}
}

/* Memory off and on, as a guest does that looks how large a BAR is */
static void switch_memory(struct dut *dut)
{
	__u16 command, off;

	if (!(dut->dev.info.flags & VFIO_DEVICE_FLAGS_PCI) ||
	    __vfio_region_read(&dut->dev, VFIO_PCI_CONFIG_REGION_INDEX,
			       PCI_COMMAND, &command, 2) != 2)
		return;
	off = command & htole16((__u16)~PCI_COMMAND_MEMORY);
	__vfio_region_write(&dut->dev, VFIO_PCI_CONFIG_REGION_INDEX,
			    PCI_COMMAND, &off, 2);
	command |= htole16(PCI_COMMAND_MEMORY);
	__vfio_region_write(&dut->dev, VFIO_PCI_CONFIG_REGION_INDEX,
			    PCI_COMMAND, &command, 2);
}

static void touch(struct dut *dut)
{
	struct maps maps;

	map_regions(dut, &maps);
	touch_regions(&maps);
	/* Whoever switches it off takes mappings away */
	switch_memory(dut);
	touch_regions(&maps);
	unmap_regions(&maps);
}

/* In each state, with the session's fd open */
static void reset(struct dut *dut)
{
	__u32 state;

	for (state = 0; dut_has_state(dut, &state); state++) {
		int data_fd;

		if (step_go(dut, state, NULL, &data_fd))
			continue;
		__vfio_dev_reset(&dut->dev);
		if (data_fd >= 0)
			close(data_fd);
	}
}

/* It may not be ours to do, or not be there: that is told by an error */
static void hot_reset(struct dut *dut)
{
	struct {
		struct vfio_pci_hot_reset_info info;
		struct vfio_pci_dependent_device devices[64];
	} info;
	struct {
		struct vfio_pci_hot_reset reset;
		__s32 group_fd;
	} arg;

	memset(&info, 0, sizeof(info));
	info.info.argsz = sizeof(info);
	if (ioctl(dut->dev.fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info))
		return;
	memset(&arg, 0, sizeof(arg));
	arg.reset.argsz = sizeof(arg);
	arg.reset.count = dut->dev.group_fd >= 0;
	arg.group_fd = dut->dev.group_fd;
	ioctl(dut->dev.fd, VFIO_DEVICE_PCI_HOT_RESET, &arg);
}

#define BASE		0x40000000ULL
#define PAGE		0x1000ULL
#define PAGES		(8 * 4096ULL)

static void log_dma(struct dut *dut)
{
	const struct vfio_device_feature_dma_logging_range range = {
		BASE, PAGES * PAGE,
	};
	__u64 page_size = PAGE;
	__u64 *bitmap;

	if (!dut_has_log(dut))
		return;
	bitmap = untouched(PAGES / 8);
	__dma_log_start(&dut->dev, &range, 1, &page_size);
	__dma_log_report(&dut->dev, BASE, PAGES * PAGE, PAGE, bitmap);
	__vfio_dev_reset(&dut->dev);
	__dma_log_report(&dut->dev, BASE, PAGES * PAGE, PAGE, bitmap);
	__dma_log_stop(&dut->dev);
	munmap(bitmap, PAGES / 8);
}

static void map_dma(struct dut *dut)
{
	void *buf = untouched(BUFFER);

	if (!__vfio_dma_map(&dut->dev, buf, BASE, BUFFER, true)) {
		__vfio_dev_reset(&dut->dev);
		__vfio_dma_unmap(&dut->dev, BASE, BUFFER);
	}
	munmap(buf, BUFFER);
}

/* The first one of each index, on and off */
static void signal_irqs(struct dut *dut)
{
	int fd = eventfd_new();
	__u32 index;

	for (index = 0; index < dut->dev.info.num_irqs && index < 64; index++) {
		if (__vfio_irq_eventfds(&dut->dev, index, 0, 1, &fd))
			continue;
		__vfio_dev_reset(&dut->dev);
		__vfio_irq_action(&dut->dev, index,
				  VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0);
	}
	close(fd);
}

static void ask(struct dut *dut)
{
	__u32 state;

	for (state = 0; dut_has_state(dut, &state); state++) {
		int data_fd;
		__u64 bytes;
		__u32 now;

		if (step_go(dut, state, NULL, &data_fd))
			continue;
		__vfio_mig_get(&dut->dev, &now);
		__vfio_mig_data_size(&dut->dev, &bytes);
		if (data_fd >= 0)
			fd_poll(data_fd, POLLIN | POLLOUT);
		/* The device goes before its data fd, and after it */
		if (data_fd >= 0 && state % 2)
			close(data_fd);
		dut_reopen(dut);
		if (data_fd >= 0 && !(state % 2))
			close(data_fd);
	}
}

static const struct step {
	const char *name;
	void (*run)(struct dut *dut);
} steps[] = {
	{ "save into memory that nobody has touched", save },
	{ "load from memory that nobody has touched", load },
	{ "a touch of each region that can be mapped, memory off and on", touch },
	{ "VFIO_DEVICE_RESET in each state", reset },
	{ "VFIO_DEVICE_PCI_HOT_RESET", hot_reset },
	{ "START, REPORT and STOP of DMA logging", log_dma },
	{ "DMA mapped and unmapped", map_dma },
	{ "an eventfd for each index of interrupts", signal_irqs },
	{ "questions, close and open in each state", ask },
};

#define NO_LOCKDEP	"the kernel does not look at locks, or has given it up"

TEST_F_TIMEOUT(lock, no_circle_is_seen_by_lockdep, 120)
{
	unsigned int i;

	if (!kernel_looks_at_locks())
		SKIP(return, NO_LOCKDEP);
	for (i = 0; i < ARRAY_LEN(steps) && kernel_looks_at_locks(); i++) {
		dut_fresh(&self->dut);
		steps[i].run(&self->dut);
		RULE("MIG-SEC-12", kernel_looks_at_locks(),
		     "nothing for lockdep to report, seen it give up: %s",
		     steps[i].name);
	}
}

TEST_HARNESS_MAIN
