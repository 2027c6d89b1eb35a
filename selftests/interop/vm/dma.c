// SPDX-License-Identifier: GPL-2.0-only
/*
 * Both channels of the DMA engine, busy all the time.
 *
 * Channel 0 fills pages, one after the other, round and round, each with a
 * pattern of its own: no processor ever writes to them, so that a VMM knows
 * from the device's DMA log alone that they have changed.  Before a page is
 * filled again it must still hold what it was filled with in the last round;
 * a page that the log forgot has what it had before.
 *
 * Channel 1 takes pages into device memory, and later back: what was stored at
 * the source comes out at the destination.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vm.h"

#define PAGE MTTY_MIG_PAGE_SIZE
#define WORDS (PAGE / 4)
#define MAX_STORED 64
/* Every so many transfers one that takes its time, in bytes each ms */
#define SLOW_EVERY 16
#define SLOW_RATE 64

struct vm_dma {
	struct vm_device *device;
	__u64 base;			/* of our part of the memory for DMA */
	volatile __u32 *memory;
	__u32 pages;			/* that channel 0 fills */
	__u32 *filled_with;		/* by page; 0: not yet */
	__u32 stores;			/* pages of device memory in use, ... */
	__u32 distance;			/* ... so far from each other */
	__u32 stored[MAX_STORED];	/* what they hold; 0: nothing of ours */
	__u32 serial;			/* the last pattern */
	struct {
		bool busy;
		bool load;
		__u32 page;		/* that is filled, or the number in stored[] */
		__u32 pattern;
		double begun;
	} channels[MTTY_MIG_NR_DMA];
	__u64 fills, taken, returned, bad;
};

/* The last two pages of our part are channel 1's, from and to */
static __u32 from_page(const struct vm_dma *dma)
{
	return dma->pages;
}

static __u32 to_page(const struct vm_dma *dma)
{
	return dma->pages + 1;
}

static volatile __u32 *page(const struct vm_dma *dma, __u32 number)
{
	return dma->memory + (size_t)number * WORDS;
}

static __u64 iova(const struct vm_dma *dma, __u32 number)
{
	return dma->base + (__u64)number * PAGE;
}

/* No two patterns are alike, and none is 0, which memory is at first */
static __u32 next_pattern(struct vm_dma *dma)
{
	if (!++dma->serial)
		dma->serial++;
	return dma->serial * 0x9e3779b1;
}

static void expect(struct vm_dma *dma, const char *what, __u32 number,
		   __u32 pattern, const volatile __u32 *words)
{
	__u32 i;

	for (i = 0; i < WORDS; i++) {
		if (words[i] == pattern)
			continue;
		if (!dma->bad++)
			vm_say("%s: page %u has %#x at %#x instead of %#x",
			       what, number, words[i], i * 4, pattern);
		return;
	}
}

struct vm_dma *vm_dma_begin(struct vm_device *device, unsigned int part,
			    unsigned int parts)
{
	struct vm_dma *dma = calloc(1, sizeof(*dma));
	__u64 size = VM_DMA_SIZE / parts;
	__u64 mem_size = vm_read(device, MTTY_MIG_REG_MEM_SIZE_LO) |
			 (__u64)vm_read(device, MTTY_MIG_REG_MEM_SIZE_HI) << 32;

	dma->device = device;
	dma->base = VM_DMA_BASE + part * size;
	dma->memory = (void *)((char *)vm_dma_memory() + part * size);
	dma->pages = size / PAGE - 2;
	dma->filled_with = calloc(dma->pages, sizeof(*dma->filled_with));
	if (mem_size > VM_MEM_USED)
		mem_size = VM_MEM_USED;
	dma->stores = mem_size / PAGE < MAX_STORED ? mem_size / PAGE :
						     MAX_STORED;
	if (dma->stores)
		dma->distance = mem_size / PAGE / dma->stores;
	return dma;
}

static void start(struct vm_dma *dma, unsigned int channel, __u32 command,
		  __u64 from, __u64 to, __u32 pattern)
{
	unsigned int base = MTTY_MIG_DMA(channel);
	struct vm_device *device = dma->device;

	vm_write(device, base + MTTY_MIG_DMA_CMD, command);
	vm_write64(device, base + MTTY_MIG_DMA_SRC_LO, from);
	vm_write64(device, base + MTTY_MIG_DMA_DST_LO, to);
	vm_write64(device, base + MTTY_MIG_DMA_LEN_LO, PAGE);
	vm_write(device, base + MTTY_MIG_DMA_RATE,
		 pattern % SLOW_EVERY ? 0 : SLOW_RATE);
	vm_write(device, base + MTTY_MIG_DMA_PATTERN, pattern);
	vm_write(device, base + MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_START);
	dma->channels[channel].busy = true;
	dma->channels[channel].pattern = pattern;
	dma->channels[channel].begun = vm_seconds();
}

static void begin_fill(struct vm_dma *dma)
{
	__u32 number = dma->fills % dma->pages;

	if (dma->filled_with[number])
		expect(dma, "filled before", number, dma->filled_with[number],
		       page(dma, number));
	dma->channels[0].page = number;
	start(dma, 0, MTTY_MIG_DMA_OP_FILL, 0, iova(dma, number),
	      next_pattern(dma));
}

static __u64 in_device(const struct vm_dma *dma, __u32 number)
{
	return (__u64)number * dma->distance * PAGE;
}

static void begin_load(struct vm_dma *dma, __u32 number)
{
	dma->channels[1].load = true;
	dma->channels[1].page = number;
	start(dma, 1, MTTY_MIG_DMA_OP_WRITE, in_device(dma, number),
	      iova(dma, to_page(dma)), dma->stored[number]);
}

static void begin_store(struct vm_dma *dma, __u32 number)
{
	__u32 i;

	dma->channels[1].load = false;
	dma->channels[1].page = number;
	dma->stored[number] = next_pattern(dma);
	for (i = 0; i < WORDS; i++)
		page(dma, from_page(dma))[i] = dma->stored[number];
	start(dma, 1, MTTY_MIG_DMA_OP_READ, iova(dma, from_page(dma)),
	      in_device(dma, number), dma->stored[number]);
}

static void begin_exchange(struct vm_dma *dma)
{
	__u32 number;

	if (!dma->stores)
		return;
	number = (dma->taken + dma->returned) % dma->stores;
	if (dma->stored[number])
		begin_load(dma, number);
	else
		begin_store(dma, number);
}

static void ended(struct vm_dma *dma, unsigned int channel, __u32 status)
{
	__u32 number = dma->channels[channel].page;
	__u32 pattern = dma->channels[channel].pattern;

	vm_write(dma->device, MTTY_MIG_DMA(channel) + MTTY_MIG_DMA_STATUS,
		 MTTY_MIG_DMA_COMPLETE | MTTY_MIG_DMA_ERROR);
	dma->channels[channel].busy = false;
	if (status != MTTY_MIG_DMA_COMPLETE) {
		vm_say("channel %u: status %#x at the end of a transfer",
		       channel, status);
		dma->bad++;
	} else if (channel == 0) {
		expect(dma, "filled", number, pattern, page(dma, number));
		dma->filled_with[number] = pattern;
		dma->fills++;
	} else if (dma->channels[1].load) {
		expect(dma, "from device memory", number, pattern,
		       page(dma, to_page(dma)));
		dma->stored[number] = 0;
		dma->returned++;
	} else {
		dma->taken++;
	}
}

/* Goes on with what has ended; begins something new if there shall be more */
void vm_dma_go_on(struct vm_dma *dma, bool more)
{
	unsigned int channel;
	__u32 status;

	for (channel = 0; channel < MTTY_MIG_NR_DMA; channel++) {
		if (dma->channels[channel].busy) {
			status = vm_read(dma->device,
					 MTTY_MIG_DMA(channel) +
						 MTTY_MIG_DMA_STATUS);
			if (!(status & MTTY_MIG_DMA_BUSY))
				ended(dma, channel, status);
		}
		if (dma->channels[channel].busy || !more)
			continue;
		if (channel == 0)
			begin_fill(dma);
		else
			begin_exchange(dma);
	}
}

bool vm_dma_idle(struct vm_dma *dma)
{
	bool idle = true;
	unsigned int channel;

	vm_dma_go_on(dma, false);
	for (channel = 0; channel < MTTY_MIG_NR_DMA; channel++) {
		if (!dma->channels[channel].busy)
			continue;
		if (vm_seconds() - dma->channels[channel].begun <
		    vm_lost_after) {
			idle = false;
			continue;
		}
		vm_say("channel %u: the transfer does not end", channel);
		dma->channels[channel].busy = false;
		dma->bad++;
	}
	return idle;
}

/* All pages hold what they were filled with last, in both memories */
void vm_dma_check(struct vm_dma *dma)
{
	__u32 number;

	for (number = 0; number < dma->pages; number++) {
		if (dma->filled_with[number])
			expect(dma, "filled, in the end", number,
			       dma->filled_with[number], page(dma, number));
	}
	for (number = 0; number < dma->stores; number++) {
		if (!dma->stored[number])
			continue;
		begin_load(dma, number);
		while (!vm_dma_idle(dma))
			usleep(1000);
	}
}

void vm_dma_forget(struct vm_dma *dma)
{
	memset(dma->stored, 0, sizeof(dma->stored));
}

void vm_dma_tell(const struct vm_dma *dma, FILE *out)
{
	fprintf(out,
		"\"dma\": {\"fills\": %llu, \"taken\": %llu, \"returned\": %llu, \"bad\": %llu}",
		(unsigned long long)dma->fills, (unsigned long long)dma->taken,
		(unsigned long long)dma->returned,
		(unsigned long long)dma->bad);
}
