// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who reads or writes a region of the device may wait for memory of its own,
 * for as long as userfaultfd likes.  Nobody else waits for that.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/held_mem.h"
#include "../lib/worker.h"
#include "lib/dma.h"
#include "lib/knobs.h"

#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX
#define MEM_SIZE	(4 * MTTY_MIG_PAGE_SIZE)

/* For a call that should not have to wait at all */
#define PATIENCE_MS	20000

/* A register of each region that takes what is written to it */
static const struct place {
	const char *name;
	__u32 index;
	__u64 offset;
	size_t len;
} places[] = {
	{ "a port", MTTY_MIG_UART0_BAR, UART_SCR, 1 },
	{ "the other port", MTTY_MIG_UART1_BAR, UART_SCR, 1 },
	{ "the control BAR", MTTY_MIG_CTRL_BAR, MTTY_MIG_REG_SCRATCH, 4 },
	{ "a page of memory", MTTY_MIG_MEM_BAR, 0, MTTY_MIG_PAGE_SIZE },
	{ "pages of memory", MTTY_MIG_MEM_BAR, 0, 2 * MTTY_MIG_PAGE_SIZE },
	{ "configuration space", CONFIG, PCI_INTERRUPT_LINE, 1 },
};

/* An access that meets memory which is not there */
struct access {
	struct worker worker;
	struct vfio_dev *dev;
	const struct place *place;
	void *buf;
	bool write;
};

static int run_access(void *arg)
{
	struct access *access = arg;
	const struct place *place = access->place;

	if (access->write)
		return __vfio_region_write(access->dev, place->index,
					   place->offset, access->buf,
					   place->len);
	return __vfio_region_read(access->dev, place->index, place->offset,
				  access->buf, place->len);
}

/* What others do meanwhile, one thing after the other */
struct others {
	struct worker worker;
	struct mtty *mtty;
	const char *at;
};

static int set_state(struct vfio_dev *dev, __u32 state)
{
	int data_fd;
	int ret = __vfio_mig_set(dev, state, &data_fd);

	if (!ret && data_fd >= 0)
		close(data_fd);
	return ret;
}

static int others_access(struct others *others)
{
	struct vfio_dev *dev = &others->mtty->dev;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(places); i++) {
		__u8 buf[2 * MTTY_MIG_PAGE_SIZE];
		ssize_t n;

		others->at = places[i].name;
		n = __vfio_region_read(dev, places[i].index, places[i].offset,
				       buf, places[i].len);
		if (n == (ssize_t)places[i].len)
			n = __vfio_region_write(dev, places[i].index,
						places[i].offset, buf,
						places[i].len);
		if (n != (ssize_t)places[i].len)
			return n < 0 ? n : -EIO;
	}
	return 0;
}

static int others_migrate(struct others *others)
{
	static const __u32 states[] = {
		VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_STOP_COPY,
		VFIO_DEVICE_STATE_RUNNING,
	};
	struct vfio_dev *dev = &others->mtty->dev;
	unsigned int i;
	__u32 state;
	__u64 size;
	int ret = 0;

	for (i = 0; i < ARRAY_LEN(states) && !ret; i++) {
		others->at = "SET";
		ret = set_state(dev, states[i]);
		others->at = "GET";
		if (!ret)
			ret = __vfio_mig_get(dev, &state);
		others->at = "MIG_DATA_SIZE";
		if (!ret)
			ret = __vfio_mig_data_size(dev, &size);
	}
	return ret;
}

static int run_others(void *arg)
{
	struct others *others = arg;
	char text[4096];
	__u64 digest;
	int ret;

	ret = others_access(others);
	if (!ret)
		ret = others_migrate(others);
	others->at = "digest";
	if (!ret)
		ret = __mtty_digest(others->mtty, &digest);
	others->at = "counters";
	if (!ret && !knobs_missing())
		ret = __knob_read(others->mtty, "counters", text, sizeof(text));
	if (ret)
		return ret;
	others->at = "reset";
	return __vfio_dev_reset(&others->mtty->dev);
}

FIXTURE(region)
{
	struct mtty mtty;
};

FIXTURE_VARIANT(region)
{
	bool write;
};

FIXTURE_VARIANT_ADD(region, read) { .write = false, };
FIXTURE_VARIANT_ADD(region, write) { .write = true, };

FIXTURE_SETUP(region)
{
	struct vfio_region_info info;
	unsigned int i;

	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "full", MEM_SIZE);
	/* The library asks once and remembers, which is not for threads */
	for (i = 0; i < ARRAY_LEN(places); i++)
		must(__vfio_region_info(&self->mtty.dev, places[i].index,
					&info));
	for (i = 0; i < ARRAY_LEN(places); i++) {
		__u8 byte;

		__vfio_region_read(&self->mtty.dev, places[i].index, 0, &byte,
				   sizeof(byte));
	}
}

FIXTURE_TEARDOWN(region)
{
	mtty_remove_all();
}

/* Return: whether nobody had to wait */
static bool check(struct __test_metadata *_metadata, struct mtty *mtty,
		  struct held_mem *mem, const struct place *place, bool write)
{
	static const __u8 zeroes[0x10000];
	struct access access = {
		.dev = &mtty->dev,
		.place = place,
		.buf = mem->buf,
		.write = write,
	};
	struct others others = { .mtty = mtty };
	const char *verb = write ? "write" : "read";
	size_t page;
	bool ended;

	worker_start(&access.worker, run_access, &access);
	held_mem_wait(mem, 0);
	worker_start(&others.worker, run_others, &others);
	ended = worker_ends(&others.worker, PATIENCE_MS);
	EXPECT_TRUE(ended)
		TH_LOG("%s waits for a %s of %s", others.at, verb,
		       place->name);
	for (page = 0; page < mem->pages; page++)
		held_mem_serve(mem, page, zeroes);
	EXPECT_EQ(0, worker_join(&others.worker))
		TH_LOG("%s during a %s of %s", others.at, verb, place->name);
	EXPECT_EQ(place->len, worker_join(&access.worker))
		TH_LOG("%s of %s", verb, place->name);
	return ended;
}

TEST_F_TIMEOUT(region, nobody_waits_for_memory_of_an_access, 300)
{
	bool go_on = true;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(places) && go_on; i++) {
		struct held_mem mem;
		const char *why = held_mem_new(&mem, 2);

		if (why)
			SKIP(return, "%s", why);
		go_on = check(_metadata, &self->mtty, &mem, &places[i],
			      variant->write);
		held_mem_free(&mem);
	}
}

TEST_HARNESS_MAIN
