// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions and interrupts as they are told, configuration space, control
 * registers, device memory and the attribute that sets its size.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "lib/mtty.h"

#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX
#define MEM	MTTY_MIG_MEM_BAR
#define CTRL	MTTY_MIG_CTRL_BAR

#define MEM_SIZE	0x20000

FIXTURE(regions)
{
	struct mtty mtty;
	struct vfio_dev *dev;
};

FIXTURE_SETUP(regions)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "full", MEM_SIZE);
	self->dev = &self->mtty.dev;
}

FIXTURE_TEARDOWN(regions)
{
	mtty_remove_all();
}

TEST_F(regions, device_is_a_PCI_device_with_reset)
{
	EXPECT_EQ(VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
		  self->dev->info.flags);
	EXPECT_EQ(VFIO_PCI_NUM_REGIONS, self->dev->info.num_regions);
	EXPECT_EQ(VFIO_PCI_NUM_IRQS, self->dev->info.num_irqs);
}

TEST_F(regions, sizes_and_flags)
{
	static const __u64 sizes[VFIO_PCI_NUM_REGIONS] = {
		[MTTY_MIG_UART0_BAR] = MTTY_MIG_UART_BAR_SIZE,
		[MTTY_MIG_UART1_BAR] = MTTY_MIG_UART_BAR_SIZE,
		[CTRL] = MTTY_MIG_CTRL_BAR_SIZE,
		[MEM] = MEM_SIZE,
		[CONFIG] = MTTY_MIG_CFG_SIZE,
	};
	/* A VMM may ask for them at any time */
	static const __u32 states[] = {
		VFIO_DEVICE_STATE_RUNNING, VFIO_DEVICE_STATE_RUNNING_P2P,
		VFIO_DEVICE_STATE_STOP,
	};
	struct vfio_region_info info;
	unsigned int i, j;

	for (j = 0; j < ARRAY_LEN(states); j++) {
		vfio_mig_set(self->dev, states[j]);
		for (i = 0; i < VFIO_PCI_NUM_REGIONS; i++) {
			ASSERT_EQ(0, __vfio_region_info(self->dev, i, &info));
			EXPECT_EQ(sizes[i], info.size)
				TH_LOG("region %u", i);
			EXPECT_EQ(sizes[i] ? VFIO_REGION_INFO_FLAG_READ |
				  VFIO_REGION_INFO_FLAG_WRITE : 0, info.flags)
				TH_LOG("region %u", i);
		}
	}
	EXPECT_EQ(-EINVAL, __vfio_region_info(self->dev, i, &info));
	EXPECT_EQ(-EINVAL, __vfio_region_info(self->dev, ~0U, &info));
}

TEST_F(regions, interrupt_counts_and_flags)
{
	static const struct {
		__u32 count;
		__u32 flags;
	} irqs[VFIO_PCI_NUM_IRQS] = {
		[VFIO_PCI_INTX_IRQ_INDEX] = {
			1, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
			VFIO_IRQ_INFO_AUTOMASKED
		},
		[VFIO_PCI_MSI_IRQ_INDEX] = {
			MTTY_MIG_NR_VECTORS, VFIO_IRQ_INFO_EVENTFD |
			VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_NORESIZE
		},
		[VFIO_PCI_MSIX_IRQ_INDEX] = {
			MTTY_MIG_NR_VECTORS, VFIO_IRQ_INFO_EVENTFD |
			VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_NORESIZE
		},
		[VFIO_PCI_REQ_IRQ_INDEX] = {
			1, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE
		},
	};
	struct vfio_irq_info info;
	unsigned int i;

	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		ASSERT_EQ(0, __vfio_irq_info(self->dev, i, &info));
		EXPECT_EQ(irqs[i].count, info.count)
			TH_LOG("interrupt %u", i);
		EXPECT_EQ(irqs[i].flags, info.flags)
			TH_LOG("interrupt %u", i);
	}
	EXPECT_EQ(-EINVAL, __vfio_irq_info(self->dev, i, &info));
	EXPECT_EQ(-EINVAL, __vfio_irq_info(self->dev, ~0U, &info));
}

TEST_F(regions, interrupts_beyond_the_count_are_refused)
{
	int fds[MTTY_MIG_NR_VECTORS + 1];
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = eventfd_new();
	EXPECT_EQ(-EINVAL, __vfio_irq_eventfds(self->dev,
					       VFIO_PCI_INTX_IRQ_INDEX, 0, 2,
					       fds));
	EXPECT_EQ(-EINVAL, __vfio_irq_eventfds(self->dev,
					       VFIO_PCI_MSI_IRQ_INDEX, 0,
					       ARRAY_LEN(fds), fds));
	EXPECT_EQ(-EINVAL, __vfio_irq_eventfds(self->dev,
					       VFIO_PCI_MSIX_IRQ_INDEX,
					       MTTY_MIG_NR_VECTORS, 1, fds));
	EXPECT_EQ(-EINVAL, __vfio_irq_eventfds(self->dev, VFIO_PCI_NUM_IRQS, 0,
					       1, fds));
	/* A descriptor that is no eventfd */
	EXPECT_GT(0, __vfio_irq_eventfds(self->dev, VFIO_PCI_INTX_IRQ_INDEX, 0,
					 1, &self->dev->iommu_fd));
}

TEST_F(regions, config_identifies_the_device)
{
	EXPECT_EQ(MTTY_MIG_PCI_VENDOR,
		  vfio_region_read16(self->dev, CONFIG, PCI_VENDOR_ID));
	EXPECT_EQ(MTTY_MIG_PCI_DEVICE,
		  vfio_region_read16(self->dev, CONFIG, PCI_DEVICE_ID));
	EXPECT_EQ(MTTY_MIG_PCI_SUBVENDOR,
		  vfio_region_read16(self->dev, CONFIG,
				     PCI_SUBSYSTEM_VENDOR_ID));
	EXPECT_EQ(MTTY_MIG_PCI_SUBDEVICE,
		  vfio_region_read16(self->dev, CONFIG, PCI_SUBSYSTEM_ID));
	EXPECT_EQ(PCI_HEADER_TYPE_NORMAL,
		  vfio_region_read8(self->dev, CONFIG, PCI_HEADER_TYPE));
	/* Communication controller, serial, 16550 */
	EXPECT_EQ(0x070002, vfio_region_read32(self->dev, CONFIG,
					       PCI_CLASS_REVISION) >> 8);
	EXPECT_EQ(1, vfio_region_read8(self->dev, CONFIG, PCI_INTERRUPT_PIN));
}

/* The list of capabilities must end, with each of ours in it once */
TEST_F(regions, config_has_MSI_and_MSIX)
{
	unsigned int msi = 0, msix = 0, n;
	__u8 at;

	EXPECT_TRUE(vfio_region_read16(self->dev, CONFIG, PCI_STATUS) &
		    PCI_STATUS_CAP_LIST);
	at = vfio_region_read8(self->dev, CONFIG, PCI_CAPABILITY_LIST);
	for (n = 0; at && n < 16; n++) {
		__u8 id = vfio_region_read8(self->dev, CONFIG, at);

		EXPECT_LE(PCI_STD_HEADER_SIZEOF, at);
		EXPECT_EQ(0, at % 4);
		if (id == PCI_CAP_ID_MSI)
			msi++;
		if (id == PCI_CAP_ID_MSIX) {
			msix++;
			/* "N-1 encoded" */
			EXPECT_EQ(MTTY_MIG_NR_VECTORS - 1,
				  vfio_region_read16(self->dev, CONFIG, at +
						     PCI_MSIX_FLAGS) &
				  PCI_MSIX_FLAGS_QSIZE);
			EXPECT_EQ(MTTY_MIG_MSIX_TABLE | CTRL,
				  vfio_region_read32(self->dev, CONFIG, at +
						     PCI_MSIX_TABLE));
			EXPECT_EQ(MTTY_MIG_MSIX_PBA | CTRL,
				  vfio_region_read32(self->dev, CONFIG, at +
						     PCI_MSIX_PBA));
		}
		at = vfio_region_read8(self->dev, CONFIG,
				       at + PCI_CAP_LIST_NEXT);
	}
	EXPECT_EQ(0, at);
	EXPECT_EQ(1, msi);
	EXPECT_EQ(1, msix);
}

TEST_F(regions, config_identification_cannot_be_written)
{
	static const struct {
		unsigned int offset;
		const char *name;
	} words[] = {
		{ PCI_VENDOR_ID, "vendor" },
		{ PCI_DEVICE_ID, "device" },
		{ PCI_CLASS_REVISION, "revision" },
		{ PCI_CLASS_DEVICE, "class" },
		{ PCI_SUBSYSTEM_VENDOR_ID, "subsystem vendor" },
		{ PCI_SUBSYSTEM_ID, "subsystem" },
		{ PCI_STATUS, "status" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(words); i++) {
		__u16 before = vfio_region_read16(self->dev, CONFIG,
						  words[i].offset);

		vfio_region_write16(self->dev, CONFIG, words[i].offset,
				    ~before);
		EXPECT_EQ(before, vfio_region_read16(self->dev, CONFIG,
						     words[i].offset))
			TH_LOG("%s", words[i].name);
	}
}

/* Writing ones and reading back tells a BAR's size and kind */
static __u32 size_bar(struct vfio_dev *dev, unsigned int bar)
{
	unsigned int offset = PCI_BASE_ADDRESS_0 + 4 * bar;

	vfio_region_write32(dev, CONFIG, offset, ~0U);
	return vfio_region_read32(dev, CONFIG, offset);
}

TEST_F(regions, BAR_is_sized_by_writing_ones)
{
	const __u32 bars[PCI_STD_NUM_BARS] = {
		-MTTY_MIG_UART_BAR_SIZE | PCI_BASE_ADDRESS_SPACE_IO,
		-MTTY_MIG_UART_BAR_SIZE | PCI_BASE_ADDRESS_SPACE_IO,
		-MTTY_MIG_CTRL_BAR_SIZE | PCI_BASE_ADDRESS_MEM_TYPE_32,
		0,
		-MEM_SIZE | PCI_BASE_ADDRESS_MEM_TYPE_64 |
		PCI_BASE_ADDRESS_MEM_PREFETCH,
		~0U,
	};
	unsigned int i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		EXPECT_EQ(bars[i], size_bar(self->dev, i))
			TH_LOG("BAR %u", i);
	vfio_region_write32(self->dev, CONFIG, PCI_ROM_ADDRESS, ~0U);
	EXPECT_EQ(0, vfio_region_read32(self->dev, CONFIG, PCI_ROM_ADDRESS));

	/* An address that fits is kept */
	vfio_region_write32(self->dev, CONFIG, PCI_BASE_ADDRESS_2, 0xfe004000);
	EXPECT_EQ(0xfe004000, vfio_region_read32(self->dev, CONFIG,
						 PCI_BASE_ADDRESS_2));
}

TEST_F(regions, access_ends_where_the_region_ends)
{
	static const unsigned int indexes[] = { MTTY_MIG_UART0_BAR, CTRL, MEM,
						CONFIG };
	struct vfio_region_info info;
	__u8 buf[16] = {};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(indexes); i++) {
		__u32 index = indexes[i];

		vfio_region_info(self->dev, index, &info);
		/* Over the end: as much as there is, like a file */
		EXPECT_EQ(4, __vfio_region_read(self->dev, index,
						info.size - 4, buf,
						sizeof(buf)))
			TH_LOG("region %u", index);
		EXPECT_EQ(4, __vfio_region_write(self->dev, index,
						 info.size - 4, buf,
						 sizeof(buf)))
			TH_LOG("region %u", index);
		EXPECT_EQ(-EINVAL, __vfio_region_read(self->dev, index,
						      info.size, buf, 4))
			TH_LOG("region %u", index);
		EXPECT_EQ(-EINVAL, __vfio_region_write(self->dev, index,
						       info.size, buf, 4))
			TH_LOG("region %u", index);
	}
	/* Regions that there are not */
	EXPECT_EQ(-EINVAL, __vfio_region_read(self->dev,
					      VFIO_PCI_BAR3_REGION_INDEX, 0,
					      buf, 4));
	EXPECT_EQ(-EINVAL, __vfio_region_read(self->dev,
					      VFIO_PCI_ROM_REGION_INDEX, 0,
					      buf, 4));
}

TEST_F(regions, control_registers)
{
	EXPECT_EQ(MTTY_MIG_ID, mtty_ctrl_in(&self->mtty, MTTY_MIG_REG_ID));
	EXPECT_EQ(MTTY_MIG_TYPE_FULL,
		  mtty_ctrl_in(&self->mtty, MTTY_MIG_REG_TYPE));
	EXPECT_EQ(MEM_SIZE, mtty_ctrl_in(&self->mtty,
					 MTTY_MIG_REG_MEM_SIZE_LO));
	EXPECT_EQ(0, mtty_ctrl_in(&self->mtty, MTTY_MIG_REG_MEM_SIZE_HI));
	EXPECT_EQ(0, mtty_ctrl_in(&self->mtty, MTTY_MIG_REG_IRQ_STATUS));

	mtty_ctrl_out(&self->mtty, MTTY_MIG_REG_SCRATCH, 0xdeadbeef);
	EXPECT_EQ(0xdeadbeef, mtty_ctrl_in(&self->mtty, MTTY_MIG_REG_SCRATCH));
}

TEST_F(regions, control_registers_read_only_stay)
{
	static const unsigned int regs[] = {
		MTTY_MIG_REG_ID, MTTY_MIG_REG_TYPE, MTTY_MIG_REG_MEM_SIZE_LO,
		MTTY_MIG_REG_MEM_SIZE_HI, MTTY_MIG_REG_IRQ_STATUS,
		MTTY_MIG_MSIX_PBA, MTTY_MIG_CTRL_BAR_SIZE - 4,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(regs); i++) {
		__u32 before = mtty_ctrl_in(&self->mtty, regs[i]);

		mtty_ctrl_out(&self->mtty, regs[i], ~before);
		EXPECT_EQ(before, mtty_ctrl_in(&self->mtty, regs[i]))
			TH_LOG("register %#x", regs[i]);
	}
}

TEST_F(regions, control_registers_are_accessed_whole)
{
	unsigned int offset, len;
	__u8 buf[8] = {};

	for (offset = 0; offset < 4; offset++) {
		for (len = 1; len <= 8; len++) {
			bool fits = !(offset % 4) && !(len % 4);
			ssize_t expect = fits ? (ssize_t)len : -EINVAL;

			EXPECT_EQ(expect,
				  __vfio_region_read(self->dev, CTRL,
						     MTTY_MIG_REG_SCRATCH +
						     offset, buf, len))
				TH_LOG("%u bytes at +%u", len, offset);
			EXPECT_EQ(expect,
				  __vfio_region_write(self->dev, CTRL,
						      MTTY_MIG_REG_SCRATCH +
						      offset, buf, len))
				TH_LOG("%u bytes at +%u", len, offset);
		}
	}
}

TEST_F(regions, memory_is_zero_after_open)
{
	static __u8 mem[MEM_SIZE];
	size_t i;

	memset(mem, 0xff, sizeof(mem));
	vfio_region_read(self->dev, MEM, 0, mem, sizeof(mem));
	for (i = 0; i < sizeof(mem) && !mem[i]; i++)
		;
	EXPECT_EQ(sizeof(mem), i);
}

TEST_F(regions, memory_holds_what_is_written)
{
	static __u8 model[MEM_SIZE], mem[MEM_SIZE];
	__u64 seed = 1;
	unsigned int n;

	/* Any offset and length, over page borders and each other */
	for (n = 0; n < 200; n++) {
		__u64 offset = mtty_random(&seed) % MEM_SIZE;
		__u64 len = mtty_random(&seed) % (3 * MTTY_MIG_PAGE_SIZE) + 1;
		__u64 i;

		if (len > MEM_SIZE - offset)
			len = MEM_SIZE - offset;
		for (i = 0; i < len; i++)
			model[offset + i] = mtty_random(&seed);
		vfio_region_write(self->dev, MEM, offset, model + offset, len);
		vfio_region_read(self->dev, MEM, offset, mem, len);
		ASSERT_EQ(0, memcmp(model + offset, mem, len))
			TH_LOG("%llu bytes at %#llx", len, offset);
	}
	vfio_region_read(self->dev, MEM, 0, mem, sizeof(mem));
	EXPECT_EQ(0, memcmp(model, mem, sizeof(mem)));
}

#define HUGE_SIZE	0x40000000ULL
#define HUGE_STEP	0x800000ULL

/*
 * Somewhere to read a whole device memory to that takes little memory: the
 * same file over and over, but for the first page and the last one.
 */
static __u8 *huge_buffer(__u8 *first, __u8 *last, size_t page)
{
	int fd = memfd_create("huge", MFD_CLOEXEC);
	__u8 *buf, *at;

	if (fd < 0 || ftruncate(fd, HUGE_STEP))
		die("memfd: %s", strerror(errno));
	buf = mmap(NULL, HUGE_SIZE, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (buf == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	for (at = buf; at < buf + HUGE_SIZE; at += HUGE_STEP)
		if (mmap(at, HUGE_STEP, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, 0) != at)
			die("mmap: %s", strerror(errno));
	if (mremap(first, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, buf) ==
	    MAP_FAILED ||
	    mremap(last, page, page, MREMAP_MAYMOVE | MREMAP_FIXED,
		   buf + HUGE_SIZE - page) == MAP_FAILED)
		die("mremap: %s", strerror(errno));
	return buf;
}

/* Reading a large memory takes long, and a process has to die when it must */
TEST_F(regions, access_that_takes_long_ends_when_its_process_is_killed)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct mtty mtty;
	__u8 *shared;
	int status;
	pid_t pid;

	mtty_new(&mtty, "full", HUGE_SIZE);
	shared = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	memset(shared, 0xff, 2 * page);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		__u8 *buf = huge_buffer(shared, shared + page, page);

		__vfio_region_read(&mtty.dev, MEM, 0, buf, HUGE_SIZE);
		_exit(0);
	}
	/* It has read the first page, and not the last one */
	while (__atomic_load_n(&shared[0], __ATOMIC_SEQ_CST))
		sched_yield();
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(0xff, shared[page]);
}

/* Reset and close leave nothing of it */
TEST_F(regions, memory_and_registers_are_gone_after_reset_and_close)
{
	__u64 fresh = mtty_digest(&self->mtty);

	mtty_fill(&self->mtty, 1, 1);
	EXPECT_NE(fresh, mtty_digest(&self->mtty));
	vfio_dev_reset(self->dev);
	EXPECT_EQ(fresh, mtty_digest(&self->mtty));
	EXPECT_EQ(0, vfio_region_read32(self->dev, MEM, 0));

	mtty_fill(&self->mtty, 1, 1);
	vfio_dev_close(self->dev);
	EXPECT_EQ(fresh, mtty_digest(&self->mtty));
	vfio_dev_open(self->dev, self->mtty.mdev.uuid);
	EXPECT_EQ(0, vfio_region_read32(self->dev, MEM, 0));
}

/* Each byte that a guest can see counts */
TEST_F(regions, digest_tells_every_register_and_byte)
{
	static const __u64 offsets[] = { 0, 1, MTTY_MIG_PAGE_SIZE - 1,
					 MTTY_MIG_PAGE_SIZE, MEM_SIZE - 1 };
	__u64 before = mtty_digest(&self->mtty), after;
	unsigned int i;

	EXPECT_EQ(before, mtty_digest(&self->mtty));
	for (i = 0; i < ARRAY_LEN(offsets); i++) {
		vfio_region_write8(self->dev, MEM, offsets[i], 1);
		after = mtty_digest(&self->mtty);
		EXPECT_NE(before, after)
			TH_LOG("memory at %#llx", offsets[i]);
		before = after;
	}
	mtty_ctrl_out(&self->mtty, MTTY_MIG_REG_SCRATCH, 1);
	after = mtty_digest(&self->mtty);
	EXPECT_NE(before, after);
	before = after;
	vfio_region_write8(self->dev, CONFIG, PCI_INTERRUPT_LINE, 1);
	after = mtty_digest(&self->mtty);
	EXPECT_NE(before, after);
	for (i = 0; i < MTTY_MIG_NR_UARTS; i++) {
		before = after;
		mtty_uart_out(&self->mtty, i, UART_MCR, UART_MCR_LOOP);
		after = mtty_digest(&self->mtty);
		EXPECT_NE(before, after);
		before = after;
		mtty_uart_out(&self->mtty, i, UART_TX, 'x');
		after = mtty_digest(&self->mtty);
		EXPECT_NE(before, after);
	}
}

/* A page that was written zero is as one that never was written */
TEST_F(regions, digest_is_of_content_not_of_history)
{
	__u64 fresh = mtty_digest(&self->mtty);

	vfio_region_write8(self->dev, MEM, 5, 1);
	vfio_region_write8(self->dev, MEM, 5, 0);
	EXPECT_EQ(fresh, mtty_digest(&self->mtty));
}

TEST_F(regions, mem_size_is_EBUSY_while_open)
{
	EXPECT_EQ(-EBUSY, __mtty_set_mem_size(&self->mtty, "4096"));
	EXPECT_EQ(MEM_SIZE, mtty_mem_size(&self->mtty));
	vfio_dev_close(self->dev);
	EXPECT_EQ(0, __mtty_set_mem_size(&self->mtty, "4096"));
	EXPECT_EQ(4096, mtty_mem_size(&self->mtty));
}

TEST_F(regions, mem_size_takes_powers_of_two)
{
	static const struct {
		const char *text;
		__u64 size;
	} good[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "4K", 4096 },
		{ "8k\n", 8192 },
		{ "0x100000", 0x100000 },
		{ "64M", 64 << 20 },
		{ "2G", 2ULL << 30 },
		{ "64G", 64ULL << 30 },
	};
	static const char * const bad[] = {
		"", "\n", "x", "-1", "-4096", "1", "2048", "4095", "4097",
		"3M", "128G", "4096x", "4K M", "0x", "K",
		/* This is 0 if its end is left out */
		"0x00000000000000000000000000001000",
		/* These wrap to sizes that can be set */
		"18446744073709551616", "18446744073709555712",
		"17179869184G", "18014398509481988K",
	};
	unsigned int i;

	vfio_dev_close(self->dev);
	for (i = 0; i < ARRAY_LEN(good); i++) {
		EXPECT_EQ(0, __mtty_set_mem_size(&self->mtty, good[i].text))
			TH_LOG("'%s'", good[i].text);
		EXPECT_EQ(good[i].size, mtty_mem_size(&self->mtty))
			TH_LOG("'%s'", good[i].text);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		/* sysfs does not pass an empty write on */
		if (!*bad[i])
			continue;
		EXPECT_EQ(-EINVAL, __mtty_set_mem_size(&self->mtty, bad[i]))
			TH_LOG("'%s'", bad[i]);
		EXPECT_EQ(64ULL << 30, mtty_mem_size(&self->mtty))
			TH_LOG("'%s'", bad[i]);
	}
}

TEST_F(regions, mem_size_0_has_no_memory)
{
	struct vfio_region_info info;
	__u8 byte = 0;

	vfio_dev_close(self->dev);
	ASSERT_EQ(0, __mtty_set_mem_size(&self->mtty, "0"));
	vfio_dev_open(self->dev, self->mtty.mdev.uuid);
	vfio_region_info(self->dev, MEM, &info);
	EXPECT_EQ(0, info.size);
	EXPECT_EQ(-EINVAL, __vfio_region_read(self->dev, MEM, 0, &byte, 1));
	EXPECT_EQ(-EINVAL, __vfio_region_write(self->dev, MEM, 0, &byte, 1));
	EXPECT_EQ(0, size_bar(self->dev, MEM));
	EXPECT_EQ(0, size_bar(self->dev, MEM + 1));
}

/* A page takes memory when it is first written: this must not take 64 GiB */
TEST_F(regions, mem_size_64G_is_sparse)
{
	const __u64 last = (64ULL << 30) - 1;

	vfio_dev_close(self->dev);
	ASSERT_EQ(0, __mtty_set_mem_size(&self->mtty, "64G"));
	vfio_dev_open(self->dev, self->mtty.mdev.uuid);
	vfio_region_write8(self->dev, MEM, 0, 0x11);
	vfio_region_write8(self->dev, MEM, last, 0x22);
	EXPECT_EQ(0x11, vfio_region_read8(self->dev, MEM, 0));
	EXPECT_EQ(0x22, vfio_region_read8(self->dev, MEM, last));
	EXPECT_EQ(0, vfio_region_read8(self->dev, MEM, last / 2));
	EXPECT_EQ(64 >> 2, mtty_ctrl_in(&self->mtty,
					MTTY_MIG_REG_MEM_SIZE_HI));
}

TEST_HARNESS_MAIN
