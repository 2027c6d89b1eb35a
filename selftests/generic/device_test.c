// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device with migration is besides: regions, interrupts, and what
 * becomes of them when it is stopped.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/rule.h"
#include "../lib/vfio_dma.h"
#include "dut.h"
#include "dut_fixture.h"
#include "steps.h"

/* What a device tells is not believed: more than this is not looked at */
#define INDEX_MAX	64
#define SUBINDEX_MAX	16

static __u32 at_most(__u32 count, __u32 max)
{
	return count < max ? count : max;
}

/* States in which the device is stopped */
static const __u32 stopped[] = {
	VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_STOP_COPY,
	VFIO_DEVICE_STATE_RESUMING,
};

DUT_FIXTURE(device, DUT_STOP_COPY);

/* Interrupts of one index, each to an eventfd; false if it has none */
static bool arm(struct vfio_dev *dev, __u32 index, int *fds, __u32 *count)
{
	struct vfio_irq_info info;
	__u32 i;
	bool armed;

	*count = 0;
	if (__vfio_irq_info(dev, index, &info) || !info.count ||
	    !(info.flags & VFIO_IRQ_INFO_EVENTFD))
		return false;
	*count = at_most(info.count, SUBINDEX_MAX);
	for (i = 0; i < *count; i++)
		fds[i] = eventfd_new();
	armed = !__vfio_irq_eventfds(dev, index, 0, *count, fds);
	for (i = 0; !armed && i < *count; i++)
		close(fds[i]);
	return armed;
}

static __u64 take_all(const int *fds, __u32 count)
{
	__u64 signals = 0;
	__u32 i;

	for (i = 0; i < count; i++)
		signals += eventfd_take(fds[i]);
	return signals;
}

/* "The device must not generate interrupts" */
TEST_F(device, stopped_device_generates_no_interrupt)
{
	struct mig_stream stream = {};
	__u32 index, count, i;
	int fds[SUBINDEX_MAX];
	int data_fd, none;

	step_save(&self->dut, &stream);
	for (index = 0;
	     index < at_most(self->dut.dev.info.num_irqs, INDEX_MAX);
	     index++) {
		dut_fresh(&self->dut);
		/* One index at a time: a device may allow no more */
		if (!arm(&self->dut.dev, index, fds, &count))
			continue;
		if (__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP,
				   &none))
			SKIP(return, "STOP cannot be reached");
		/* These came before SET returned */
		take_all(fds, count);
		/* Longer can only find more */
		usleep(10000);
		RULE_EQ("MIG-DEV-01", 0, take_all(fds, count),
			"interrupts of index %u in STOP", index);

		if (!__vfio_mig_set(&self->dut.dev,
				    VFIO_DEVICE_STATE_STOP_COPY, &data_fd)) {
			struct mig_stream sink = {};

			step_read(&self->dut, data_fd, &sink);
			mig_stream_free(&sink);
			close(data_fd);
			RULE_EQ("MIG-DEV-01", 0, take_all(fds, count),
				"interrupts of index %u in STOP_COPY", index);
			__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP,
				       &none);
		}
		if (!__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_RESUMING,
				    &data_fd)) {
			__mig_stream_write(&stream, data_fd, MIG_CHUNK);
			RULE_EQ("MIG-DEV-01", 0, take_all(fds, count),
				"interrupts of index %u in RESUMING", index);
			__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP,
				       &none);
			close(data_fd);
		}
		RULE_EQ("MIG-DEV-01", 0, take_all(fds, count),
			"interrupts of index %u in STOP after a load", index);
		for (i = 0; i < count; i++)
			close(fds[i]);
	}
	mig_stream_free(&stream);
}

#define DMA_IOVA	0x100000
#define DMA_LEN		0x100000
#define DMA_PATTERN	0x5a

/* "[...] DMA, or any other change to external state" */
TEST_F(device, stopped_device_changes_no_memory)
{
	struct mig_stream stream = {};
	unsigned int i;
	size_t at;
	__u8 *mem;

	step_save(&self->dut, &stream);
	mem = mmap(NULL, DMA_LEN, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	for (i = 0; i < ARRAY_LEN(stopped); i++) {
		int data_fd;

		if (step_go(&self->dut, stopped[i], &stream, &data_fd))
			continue;
		memset(mem, DMA_PATTERN, DMA_LEN);
		if (__vfio_dma_map(&self->dut.dev, mem, DMA_IOVA, DMA_LEN,
				   true))
			SKIP(return, "no DMA can be mapped");
		usleep(10000);
		if (stopped[i] == VFIO_DEVICE_STATE_STOP_COPY) {
			struct mig_stream sink = {};

			step_read(&self->dut, data_fd, &sink);
			mig_stream_free(&sink);
		}
		for (at = 0; at < DMA_LEN && mem[at] == DMA_PATTERN; at++)
			;
		RULE_EQ("MIG-DEV-01", DMA_LEN, at,
			"bytes of memory before the first that was changed in %s",
			mig_state_name(stopped[i]));
		__vfio_dma_unmap(&self->dut.dev, DMA_IOVA, DMA_LEN);
		if (data_fd >= 0)
			close(data_fd);
	}
	munmap(mem, DMA_LEN);
	mig_stream_free(&stream);
}

/* Two saves of a device that was in STOP all the time */
TEST_F(device, stopped_device_saves_the_same_twice)
{
	struct mig_stream first = {}, second = {};
	int none;

	if (__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP, &none) ||
	    step_save(&self->dut, &first))
		SKIP(return, "the device cannot be saved");
	usleep(10000);
	RULE_OK("MIG-DEV-02", step_save(&self->dut, &second),
		"a second save in STOP");
	RULE_EQ("MIG-DEV-02", first.len, second.len,
		"bytes of the second save in STOP");
	mig_stream_free(&first);
	mig_stream_free(&second);
}

/* ... and one that was loaded */
TEST_F(device, loaded_device_saves_the_same_again)
{
	struct mig_stream first = {}, second = {};

	if (step_save(&self->dut, &first) ||
	    __mig_load(&self->dut.dev, &first, MIG_CHUNK,
		       VFIO_DEVICE_STATE_STOP))
		SKIP(return, "the device cannot be loaded");
	RULE_OK("MIG-DEV-02", step_save(&self->dut, &second),
		"a save in STOP, of what was loaded");
	RULE_EQ("MIG-DEV-02", first.len, second.len,
		"bytes of a save in STOP, of what was loaded");
	mig_stream_free(&first);
	mig_stream_free(&second);
}

/*
 * Of the regions, config space is the only one of which is known that reading
 * has no effect.  Return: bytes, 0 if it cannot be read.
 */
static size_t read_config(struct vfio_dev *dev, __u8 *buf, size_t len)
{
	struct vfio_region_info info;
	ssize_t n;

	if (!(dev->info.flags & VFIO_DEVICE_FLAGS_PCI) ||
	    dev->info.num_regions <= VFIO_PCI_CONFIG_REGION_INDEX ||
	    __vfio_region_info(dev, VFIO_PCI_CONFIG_REGION_INDEX, &info))
		return 0;
	if (len > info.size)
		len = info.size;
	n = __vfio_region_read(dev, VFIO_PCI_CONFIG_REGION_INDEX, 0, buf, len);
	return n < 0 ? 0 : n;
}

/* "It must not change its internal state." */
TEST_F(device, config_space_of_a_stopped_device_does_not_change)
{
	__u8 before[4096], now[4096];
	unsigned int i;
	size_t len;
	int none;

	if (__vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_STOP, &none))
		SKIP(return, "STOP cannot be reached");
	len = read_config(&self->dut.dev, before, sizeof(before));
	if (!len)
		SKIP(return, "the device has no config space");
	for (i = 0; i < 3; i++) {
		struct mig_stream stream = {};
		size_t at, n;

		usleep(10000);
		if (i)
			step_save(&self->dut, &stream);
		mig_stream_free(&stream);
		n = read_config(&self->dut.dev, now, sizeof(now));
		RULE_EQ("MIG-DEV-02", len, n, "bytes of config space in STOP");
		for (at = 0; at < len && at < n && before[at] == now[at]; at++)
			;
		RULE_EQ("MIG-DEV-02", len, at,
			"bytes of config space before the first that changed in STOP%s",
			i ? ", after a save" : "");
	}
}

/* What a device is asked for in STOP by "external subsystems" */
enum {
	ASK_INFO,
	ASK_CONFIG,
	ASK_REGIONS,
	ASK_IRQS = ASK_REGIONS + INDEX_MAX,
	ASK_SET_IRQS = ASK_IRQS + INDEX_MAX,
	ASK_DISABLE_IRQS = ASK_SET_IRQS + INDEX_MAX,
	NR_ASK = ASK_DISABLE_IRQS + INDEX_MAX
};

static const char *ask_name(unsigned int ask)
{
	static char name[64];

	if (ask == ASK_INFO)
		return "VFIO_DEVICE_GET_INFO";
	if (ask == ASK_CONFIG)
		return "read of config space";
	snprintf(name, sizeof(name), "%s of index %u",
		 ask < ASK_IRQS ? "VFIO_DEVICE_GET_REGION_INFO" :
		 ask < ASK_SET_IRQS ? "VFIO_DEVICE_GET_IRQ_INFO" :
		 ask < ASK_DISABLE_IRQS ? "VFIO_DEVICE_SET_IRQS, an eventfd" :
		 "VFIO_DEVICE_SET_IRQS, count = 0",
		 (ask - ASK_REGIONS) % INDEX_MAX);
	return name;
}

static void ask_all(struct vfio_dev *dev, bool works[NR_ASK])
{
	struct vfio_device_info info = {
		.argsz = offsetof(struct vfio_device_info, cap_offset),
	};
	struct vfio_region_info region;
	struct vfio_irq_info irq;
	__u32 index, count;
	__u8 config[4];

	memset(works, 0, NR_ASK * sizeof(*works));
	works[ASK_INFO] = !ioctl(dev->fd, VFIO_DEVICE_GET_INFO, &info);
	works[ASK_CONFIG] = read_config(dev, config, sizeof(config));
	for (index = 0; index < at_most(dev->info.num_regions, INDEX_MAX);
	     index++)
		works[ASK_REGIONS + index] =
			!__vfio_region_info(dev, index, &region);
	for (index = 0; index < at_most(dev->info.num_irqs, INDEX_MAX);
	     index++) {
		int fds[SUBINDEX_MAX];

		works[ASK_IRQS + index] = !__vfio_irq_info(dev, index, &irq);
		works[ASK_SET_IRQS + index] = arm(dev, index, fds, &count);
		if (!works[ASK_SET_IRQS + index])
			continue;
		works[ASK_DISABLE_IRQS + index] =
			!__vfio_irq_action(dev, index,
					   VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0);
		while (count--)
			close(fds[count]);
	}
}

/* "for example PCI MSI-X and PCI config space" */
TEST_F(device, stopped_device_responds)
{
	bool running[NR_ASK], now[NR_ASK];
	unsigned int i, ask;

	ask_all(&self->dut.dev, running);
	for (i = 0; i < ARRAY_LEN(stopped); i++) {
		int data_fd;

		if (step_go(&self->dut, stopped[i], NULL, &data_fd))
			continue;
		ask_all(&self->dut.dev, now);
		for (ask = 0; ask < NR_ASK; ask++)
			RULE("MIG-DEV-03", now[ask] || !running[ask],
			     "success as in RUNNING, seen failure: %s in %s",
			     ask_name(ask), mig_state_name(stopped[i]));
		if (data_fd >= 0)
			close(data_fd);
	}
}

/*
 * Whether a write to config space does anything: of the interrupt line, which
 * is for software and without effect on the device.
 */
static bool config_takes_write(struct vfio_dev *dev)
{
	const __u64 line = 0x3c;
	__u8 old, new, now;
	bool taken;

	if (!read_config(dev, &old, 1) ||
	    __vfio_region_read(dev, VFIO_PCI_CONFIG_REGION_INDEX, line, &old,
			       1) != 1)
		return false;
	new = old ^ 1;
	__vfio_region_write(dev, VFIO_PCI_CONFIG_REGION_INDEX, line, &new, 1);
	taken = __vfio_region_read(dev, VFIO_PCI_CONFIG_REGION_INDEX, line,
				   &now, 1) == 1 && now == new;
	__vfio_region_write(dev, VFIO_PCI_CONFIG_REGION_INDEX, line, &old, 1);
	return taken;
}

/* "must accept and respond to interaction": a VMM writes there, too */
TEST_F(device, config_space_of_a_stopped_device_is_written)
{
	unsigned int i;

	if (!config_takes_write(&self->dut.dev))
		SKIP(return, "no config space, or without interrupt line");
	for (i = 0; i < ARRAY_LEN(stopped); i++) {
		int data_fd;

		if (step_go(&self->dut, stopped[i], NULL, &data_fd))
			continue;
		RULE("MIG-DEV-03", config_takes_write(&self->dut.dev),
		     "a write to config space as in RUNNING, seen none: in %s",
		     mig_state_name(stopped[i]));
		if (data_fd >= 0)
			close(data_fd);
	}
}

/*
 * Reads and writes of all sizes, all over the regions.  What is written is
 * what was read there: a device on somebody's bench shall survive it.
 */
static void poke(struct vfio_dev *dev)
{
	static const size_t lens[] = { 1, 2, 3, 4, 8, 64 };
	__u32 index;

	for (index = 0; index < at_most(dev->info.num_regions, INDEX_MAX);
	     index++) {
		struct vfio_region_info info;
		unsigned int i, j;

		if (__vfio_region_info(dev, index, &info) || !info.size)
			continue;
		for (i = 0; i < ARRAY_LEN(lens); i++) {
			const __u64 at[] = {
				0, 1, 4, info.size / 2, info.size - lens[i],
				info.size - 1,
			};

			for (j = 0; j < ARRAY_LEN(at); j++) {
				__u8 buf[64];
				ssize_t n;

				if (at[j] >= info.size ||
				    lens[i] > info.size - at[j] ||
				    !(info.flags & VFIO_REGION_INFO_FLAG_READ))
					continue;
				n = __vfio_region_read(dev, index, at[j], buf,
						       lens[i]);
				if (n == (ssize_t)lens[i] &&
				    info.flags & VFIO_REGION_INFO_FLAG_WRITE)
					__vfio_region_write(dev, index, at[j],
							    buf, lens[i]);
			}
		}
	}
}

/* "Failure by the user to restrict device access while in STOP [...]" */
TEST_F(device, access_to_a_stopped_device_does_no_harm)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(stopped); i++) {
		const char *why;
		int data_fd;

		if (step_go(&self->dut, stopped[i], NULL, &data_fd))
			continue;
		poke(&self->dut.dev);
		if (data_fd >= 0)
			step_touch(data_fd, stopped[i]);
		poke(&self->dut.dev);
		if (data_fd >= 0)
			close(data_fd);
		why = step_recover(&self->dut);
		RULE("MIG-DEV-04", !why,
		     "a device that migrates, seen %s: after access in %s and reset",
		     why, mig_state_name(stopped[i]));
	}
}

/* "respond to MMIO, all vfio device regions are functional" */
TEST_F(device, regions_are_functional_again_after_STOP)
{
	__u64 before = step_readable(&self->dut.dev), after;
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd, none;

		if (state == VFIO_DEVICE_STATE_RESUMING ||
		    step_go(&self->dut, state, NULL, &data_fd) ||
		    __vfio_mig_set(&self->dut.dev, VFIO_DEVICE_STATE_RUNNING,
				   &none))
			continue;
		after = step_readable(&self->dut.dev);
		RULE("MIG-DEV-05", !(before & ~after),
		     "the regions %#llx to respond, seen %#llx: in RUNNING after %s",
		     (unsigned long long)before, (unsigned long long)after,
		     mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
	}
}

TEST_F(device, regions_are_functional_after_a_load)
{
	__u64 before = step_readable(&self->dut.dev), after;

	if (step_migrate(&self->dut))
		SKIP(return, "the device does not migrate");
	after = step_readable(&self->dut.dev);
	RULE("MIG-DEV-05", !(before & ~after),
	     "the regions %#llx to respond, seen %#llx: in RUNNING after a load",
	     (unsigned long long)before, (unsigned long long)after);
}

TEST_F(device, regions_are_functional_after_reset)
{
	__u64 before = step_readable(&self->dut.dev), after;
	__u32 state;

	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd;

		if (step_go(&self->dut, state, NULL, &data_fd))
			continue;
		if (__vfio_dev_reset(&self->dut.dev))
			SKIP(return, "VFIO_DEVICE_RESET fails");
		after = step_readable(&self->dut.dev);
		RULE("MIG-DEV-05", !(before & ~after),
		     "the regions %#llx to respond, seen %#llx: after reset in %s",
		     (unsigned long long)before, (unsigned long long)after,
		     mig_state_name(state));
		if (data_fd >= 0)
			close(data_fd);
	}
}

/**
 * struct shape - what a device has, as it tells
 * @regions: their sizes and flags; flags are ~0 if there is no answer
 * @irqs: the same of interrupts
 */
struct shape {
	__u32 num_regions;
	__u32 num_irqs;
	struct {
		__u64 count;
		__u32 flags;
	} regions[INDEX_MAX], irqs[INDEX_MAX];
};

static void get_shape(struct vfio_dev *dev, struct shape *shape)
{
	struct vfio_device_info info = {
		.argsz = offsetof(struct vfio_device_info, cap_offset),
	};
	__u32 i;

	memset(shape, 0, sizeof(*shape));
	ioctl(dev->fd, VFIO_DEVICE_GET_INFO, &info);
	shape->num_regions = info.num_regions;
	shape->num_irqs = info.num_irqs;
	for (i = 0; i < INDEX_MAX; i++) {
		struct vfio_region_info region;
		struct vfio_irq_info irq;

		shape->regions[i].flags = ~0U;
		if (!__vfio_region_info(dev, i, &region)) {
			shape->regions[i].count = region.size;
			shape->regions[i].flags = region.flags;
		}
		shape->irqs[i].flags = ~0U;
		if (!__vfio_irq_info(dev, i, &irq)) {
			shape->irqs[i].count = irq.count;
			shape->irqs[i].flags = irq.flags;
		}
	}
}

static void compare_shape(struct __test_metadata *_metadata,
			  const struct shape *before, const struct shape *now,
			  const char *when)
{
	unsigned int i;

	RULE_EQ("MIG-DEV-06", before->num_regions, now->num_regions,
		"num_regions %s", when);
	RULE_EQ("MIG-DEV-06", before->num_irqs, now->num_irqs, "num_irqs %s",
		when);
	for (i = 0; i < INDEX_MAX; i++) {
		RULE_EQ("MIG-DEV-06", before->regions[i].count,
			now->regions[i].count, "size of region %u %s", i, when);
		RULE_EQ("MIG-DEV-06", before->regions[i].flags,
			now->regions[i].flags, "flags of region %u %s", i,
			when);
		RULE_EQ("MIG-DEV-06", before->irqs[i].count,
			now->irqs[i].count, "count of interrupt index %u %s", i,
			when);
		RULE_EQ("MIG-DEV-06", before->irqs[i].flags,
			now->irqs[i].flags, "flags of interrupt index %u %s", i,
			when);
	}
}

/* A VMM asks once */
TEST_F(device, regions_and_interrupts_are_the_same_in_every_state)
{
	struct shape before, now;
	char when[64];
	__u32 state;

	get_shape(&self->dut.dev, &before);
	for (state = 0; dut_has_state(&self->dut, &state); state++) {
		int data_fd;

		if (step_go(&self->dut, state, NULL, &data_fd))
			continue;
		get_shape(&self->dut.dev, &now);
		snprintf(when, sizeof(when), "in %s, as in RUNNING",
			 mig_state_name(state));
		compare_shape(_metadata, &before, &now, when);
		if (data_fd >= 0)
			close(data_fd);
	}
}

TEST_F(device, regions_and_interrupts_are_the_same_after_a_load)
{
	struct shape before, now;

	get_shape(&self->dut.dev, &before);
	if (step_migrate(&self->dut))
		SKIP(return, "the device does not migrate");
	get_shape(&self->dut.dev, &now);
	compare_shape(_metadata, &before, &now, "after a load, as before");
}

DUT_FIXTURE(log, DUT_STOP_COPY | DUT_LOG);

/* A log that was read is empty until the device writes again */
TEST_F(log, stopped_device_dirties_no_page)
{
	const struct vfio_device_feature_dma_logging_range range = {
		.iova = DMA_IOVA,
		.length = DMA_LEN,
	};
	__u64 bitmap[DMA_LEN / 4096 / 64];
	__u64 page_size = 4096;
	unsigned int i, j;

	for (i = 0; i < ARRAY_LEN(stopped); i++) {
		__u64 dirty = 0;
		int data_fd;

		if (step_go(&self->dut, stopped[i], NULL, &data_fd))
			continue;
		page_size = 4096;
		if (__dma_log_start(&self->dut.dev, &range, 1, &page_size))
			SKIP(return, "DMA logging cannot be started");
		memset(bitmap, 0, sizeof(bitmap));
		__dma_log_report(&self->dut.dev, DMA_IOVA, DMA_LEN, 4096,
				 bitmap);
		usleep(10000);
		memset(bitmap, 0, sizeof(bitmap));
		__dma_log_report(&self->dut.dev, DMA_IOVA, DMA_LEN, 4096,
				 bitmap);
		for (j = 0; j < ARRAY_LEN(bitmap); j++)
			dirty |= bitmap[j];
		RULE("MIG-DEV-01", !dirty,
		     "an empty log, seen bits %#llx: in %s, cleared before",
		     (unsigned long long)dirty, mig_state_name(stopped[i]));
		__dma_log_stop(&self->dut.dev);
		if (data_fd >= 0)
			close(data_fd);
	}
}

DUT_FIXTURE(any, DUT_ANY);

/* Indices behind the last */
static const __u32 beyond[] = { 0, 1, 0x10000, 0x7ffffffe, 0x80000000 };

TEST_F(any, index_beyond_the_last_is_refused)
{
	const struct vfio_device_info *info = &self->dut.dev.info;
	unsigned int i;

	for (i = 0; i <= ARRAY_LEN(beyond); i++) {
		bool last = i == ARRAY_LEN(beyond);
		__u32 index = last ? ~0U : info->num_regions + beyond[i];
		struct vfio_region_info region;
		struct vfio_irq_info irq;

		RULE_FAILS("MIG-DEV-07",
			   __vfio_region_info(&self->dut.dev, index, &region),
			   "VFIO_DEVICE_GET_REGION_INFO of %#x of %u", index,
			   info->num_regions);
		index = last ? ~0U : info->num_irqs + beyond[i];
		RULE_FAILS("MIG-DEV-07",
			   __vfio_irq_info(&self->dut.dev, index, &irq),
			   "VFIO_DEVICE_GET_IRQ_INFO of %#x of %u", index,
			   info->num_irqs);
	}
}

/* "argsz" says how much of the structure there is */
TEST_F(any, short_argsz_is_refused)
{
	static const struct {
		const char *name;
		unsigned long request;
		__u32 len;
	} infos[] = {
		{ "VFIO_DEVICE_GET_INFO", VFIO_DEVICE_GET_INFO,
		  offsetof(struct vfio_device_info, cap_offset) },
		{ "VFIO_DEVICE_GET_REGION_INFO", VFIO_DEVICE_GET_REGION_INFO,
		  sizeof(struct vfio_region_info) },
		{ "VFIO_DEVICE_GET_IRQ_INFO", VFIO_DEVICE_GET_IRQ_INFO,
		  sizeof(struct vfio_irq_info) },
	};
	unsigned int i;
	__u32 argsz;

	for (i = 0; i < ARRAY_LEN(infos); i++) {
		for (argsz = 0; argsz < infos[i].len; argsz++) {
			__u64 data[16] = {};
			long ret;

			memcpy(data, &argsz, sizeof(argsz));
			ret = ioctl(self->dut.dev.fd, infos[i].request, data);
			RULE_FAILS("MIG-DEV-07", ret ? -errno : 0,
				   "%s with argsz %u of %u", infos[i].name,
				   argsz, infos[i].len);
		}
	}
}

/* Regions may lie side by side in the file of the device */
static bool in_a_region(struct vfio_dev *dev, __u64 at)
{
	__u32 index;

	for (index = 0; index < at_most(dev->info.num_regions, INDEX_MAX);
	     index++) {
		struct vfio_region_info info;

		if (!__vfio_region_info(dev, index, &info) &&
		    at >= info.offset && at - info.offset < info.size)
			return true;
	}
	return false;
}

/* What is tried beyond a region's end */
enum beyond { READ_BEYOND, WRITE_BEYOND, READ_ACROSS, WRITE_ACROSS };

/*
 * Config space for itself, the other regions for themselves: of a driver that
 * does not check, the one may be memory that it shares with something else.
 */
static void access_beyond(struct __test_metadata *_metadata,
			  struct vfio_dev *dev, bool config, enum beyond what)
{
	bool write = what == WRITE_BEYOND || what == WRITE_ACROSS;
	bool across = what == READ_ACROSS || what == WRITE_ACROSS;
	static const __u64 behind[] = { 0, 1, 4, 4096 };
	unsigned int i;
	__u32 index;

	for (index = 0; index < at_most(dev->info.num_regions, INDEX_MAX);
	     index++) {
		struct vfio_region_info info;

		if (config != (dev->info.flags & VFIO_DEVICE_FLAGS_PCI &&
			       index == VFIO_PCI_CONFIG_REGION_INDEX) ||
		    __vfio_region_info(dev, index, &info) ||
		    (across && info.size < 2))
			continue;
		for (i = 0; i < ARRAY_LEN(behind); i++) {
			__u64 at = across ? info.size - 1 - i % 2 :
					    info.size + behind[i];
			/* It is read before it is written */
			__u8 buf[8] = {};
			size_t left = across ? info.size - at : 0;
			ssize_t n;

			if (in_a_region(dev, info.offset + info.size) ||
			    in_a_region(dev, info.offset + info.size +
					sizeof(buf)) ||
			    in_a_region(dev, info.offset + at + sizeof(buf)))
				continue;
			if (write && across)
				__vfio_region_read(dev, index, at, buf, left);
			if (write)
				n = __vfio_region_write(dev, index, at, buf,
							sizeof(buf));
			else
				n = __vfio_region_read(dev, index, at, buf,
						       sizeof(buf));
			RULE("MIG-DEV-08", n <= (ssize_t)left,
			     "%zu bytes at most, seen %zd: %s of %zu at %#llx in region %u of %#llx bytes",
			     left, n, write ? "write" : "read", sizeof(buf),
			     (unsigned long long)at, index,
			     (unsigned long long)info.size);
		}
	}
}

TEST_F(any, no_region_is_read_behind_its_end)
{
	access_beyond(_metadata, &self->dut.dev, false, READ_BEYOND);
}

TEST_F(any, no_region_is_written_behind_its_end)
{
	access_beyond(_metadata, &self->dut.dev, false, WRITE_BEYOND);
}

TEST_F(any, no_region_is_read_across_its_end)
{
	access_beyond(_metadata, &self->dut.dev, false, READ_ACROSS);
}

TEST_F(any, no_region_is_written_across_its_end)
{
	access_beyond(_metadata, &self->dut.dev, false, WRITE_ACROSS);
}

TEST_F(any, config_space_is_not_read_behind_its_end)
{
	access_beyond(_metadata, &self->dut.dev, true, READ_BEYOND);
}

TEST_F(any, config_space_is_not_written_behind_its_end)
{
	access_beyond(_metadata, &self->dut.dev, true, WRITE_BEYOND);
}

TEST_F(any, config_space_is_not_read_across_its_end)
{
	access_beyond(_metadata, &self->dut.dev, true, READ_ACROSS);
}

TEST_F(any, config_space_is_not_written_across_its_end)
{
	access_beyond(_metadata, &self->dut.dev, true, WRITE_ACROSS);
}

/* Where no region is at all */
TEST_F(any, no_access_behind_the_last_region)
{
	__u64 end = 0, size = 0;
	unsigned int i;
	__u32 index;

	for (index = 0;
	     index < at_most(self->dut.dev.info.num_regions, INDEX_MAX);
	     index++) {
		struct vfio_region_info info;

		if (!__vfio_region_info(&self->dut.dev, index, &info) &&
		    info.offset >= end) {
			end = info.offset;
			size = info.size;
		}
	}
	if (self->dut.dev.info.num_regions > INDEX_MAX)
		SKIP(return, "more than %u regions", INDEX_MAX);
	for (i = 0; i < 24; i++) {
		off_t at = end + size + (1ULL << (i * 2 + 12));
		__u8 buf[4] = {};

		if (at < 0)
			continue;
		RULE("MIG-DEV-08", pread(self->dut.dev.fd, buf, sizeof(buf),
					 at) <= 0,
		     "nothing to read, seen some: at %#llx, where no region is",
		     (unsigned long long)at);
		RULE("MIG-DEV-08", pwrite(self->dut.dev.fd, buf, sizeof(buf),
					  at) <= 0,
		     "nothing to write to, seen something: at %#llx, where no region is",
		     (unsigned long long)at);
	}
}

#define TRIGGER		VFIO_IRQ_SET_ACTION_TRIGGER
#define NONE		VFIO_IRQ_SET_DATA_NONE
#define BOOL		VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD		VFIO_IRQ_SET_DATA_EVENTFD
#define MASK		VFIO_IRQ_SET_ACTION_MASK
#define UNMASK		VFIO_IRQ_SET_ACTION_UNMASK

/* Of an index with @count interrupts, the first of them armed maybe */
static void set_wrong_ranges(struct __test_metadata *_metadata,
			     struct vfio_dev *dev, __u32 index, __u32 count)
{
	const struct {
		__u32 start;
		__u32 count;
	} ranges[] = {
		{ count, 1 }, { count + 1, 1 }, { 0, count + 1 },
		{ 0x10000, 1 }, { 0x7fffffff, 1 }, { 0x80000000, 1 },
		{ ~0U, 1 }, { ~0U, 2 }, { 1, ~0U }, { 0, ~0U }, { ~0U, ~0U },
		{ 0x80000000, 0x80000001 },
	};
	int none[SUBINDEX_MAX + 1];
	unsigned int i;

	memset(none, 0xff, sizeof(none));
	for (i = 0; i < ARRAY_LEN(ranges); i++) {
		RULE_FAILS("MIG-DEV-09",
			   __vfio_irq_set(dev, index, NONE | TRIGGER,
					  ranges[i].start, ranges[i].count,
					  NULL, 0),
			   "trigger of [%u, %#x] + %#x of %u", index,
			   ranges[i].start, ranges[i].count, count);
		RULE_FAILS("MIG-DEV-09",
			   __vfio_irq_set(dev, index, NONE | MASK,
					  ranges[i].start, ranges[i].count,
					  NULL, 0),
			   "mask of [%u, %#x] + %#x of %u", index,
			   ranges[i].start, ranges[i].count, count);
		if (ranges[i].count > ARRAY_LEN(none))
			continue;
		RULE_FAILS("MIG-DEV-09",
			   __vfio_irq_set(dev, index, EVENTFD | TRIGGER,
					  ranges[i].start, ranges[i].count,
					  none,
					  ranges[i].count * sizeof(*none)),
			   "no eventfd for [%u, %#x] + %#x of %u", index,
			   ranges[i].start, ranges[i].count, count);
	}
}

static void disarm(struct vfio_dev *dev, __u32 index, int *fds, __u32 count)
{
	__vfio_irq_action(dev, index, TRIGGER, 0, 0);
	while (count)
		close(fds[--count]);
}

/* "'start' and 'count' indicate the range of subindexes being specified." */
TEST_F(any, SET_IRQS_with_a_wrong_range_is_refused)
{
	struct vfio_dev *dev = &self->dut.dev;
	__u32 index;

	for (index = 0; index < at_most(dev->info.num_irqs, INDEX_MAX);
	     index++) {
		struct vfio_irq_info info;
		int fds[SUBINDEX_MAX];
		__u32 count;
		bool armed;

		if (__vfio_irq_info(dev, index, &info))
			continue;
		/* So that there is something that a trigger could trigger */
		armed = arm(dev, index, fds, &count);
		set_wrong_ranges(_metadata, dev, index, info.count);
		if (armed)
			disarm(dev, index, fds, count);
	}
}

TEST_F(any, SET_IRQS_of_an_index_beyond_the_last_is_refused)
{
	struct vfio_dev *dev = &self->dut.dev;
	unsigned int i;

	for (i = 0; i <= ARRAY_LEN(beyond); i++) {
		__u32 index = i == ARRAY_LEN(beyond) ? ~0U :
			      dev->info.num_irqs + beyond[i];
		int none = -1;

		RULE_FAILS("MIG-DEV-09",
			   __vfio_irq_set(dev, index, NONE | TRIGGER, 0, 1,
					  NULL, 0),
			   "trigger of [%#x, 0] with %u indices", index,
			   dev->info.num_irqs);
		RULE_FAILS("MIG-DEV-09",
			   __vfio_irq_set(dev, index, EVENTFD | TRIGGER, 0, 1,
					  &none, sizeof(none)),
			   "no eventfd for [%#x, 0] with %u indices", index,
			   dev->info.num_irqs);
	}
}

/* One DATA and one ACTION */
TEST_F(any, SET_IRQS_with_contradictory_flags_is_refused)
{
	static const __u32 bad[] = {
		0, TRIGGER, NONE, EVENTFD, NONE | EVENTFD | TRIGGER,
		BOOL | EVENTFD | TRIGGER, NONE | BOOL | TRIGGER,
		NONE | MASK | UNMASK, NONE | MASK | TRIGGER,
		BOOL | UNMASK | TRIGGER, NONE | MASK | UNMASK | TRIGGER,
		NONE | TRIGGER | 1 << 6, NONE | TRIGGER | 1U << 31, ~0U,
	};
	struct vfio_dev *dev = &self->dut.dev;
	__u32 index;

	for (index = 0; index < at_most(dev->info.num_irqs, INDEX_MAX);
	     index++) {
		int fds[SUBINDEX_MAX];
		__u32 armed;
		unsigned int i;

		/* What is wrong with a call to an index without any is open */
		if (!arm(dev, index, fds, &armed))
			continue;
		for (i = 0; i < ARRAY_LEN(bad); i++) {
			int none = -1;

			RULE_FAILS("MIG-DEV-09",
				   __vfio_irq_set(dev, index, bad[i], 0, 1,
						  &none, sizeof(none)),
				   "VFIO_DEVICE_SET_IRQS of index %u with flags %#x",
				   index, bad[i]);
		}
		disarm(dev, index, fds, armed);
	}
}

/* argsz must cover the structure, and the data of the range */
TEST_F(any, SET_IRQS_with_short_argsz_is_refused)
{
	struct vfio_dev *dev = &self->dut.dev;
	__u32 index;

	for (index = 0; index < at_most(dev->info.num_irqs, INDEX_MAX);
	     index++) {
		/* Data follows all the same, of no eventfd */
		struct {
			struct vfio_irq_set set;
			__s32 data[SUBINDEX_MAX];
		} arg = {
			.set.flags = EVENTFD | TRIGGER,
			.set.index = index,
		};
		int fds[SUBINDEX_MAX];
		__u32 armed, argsz;

		if (!arm(dev, index, fds, &armed))
			continue;
		memset(arg.data, 0xff, sizeof(arg.data));
		arg.set.count = armed;
		for (argsz = 0;
		     argsz < sizeof(arg.set) + armed * sizeof(*arg.data);
		     argsz++) {
			long ret;

			arg.set.argsz = argsz;
			ret = ioctl(dev->fd, VFIO_DEVICE_SET_IRQS, &arg);
			RULE_FAILS("MIG-DEV-09", ret ? -errno : 0,
				   "no eventfd for [%u, 0] + %u with argsz %u",
				   index, armed, argsz);
		}
		disarm(dev, index, fds, armed);
	}
}

TEST_HARNESS_MAIN
