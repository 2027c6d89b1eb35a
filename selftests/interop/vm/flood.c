// SPDX-License-Identifier: GPL-2.0-only
/*
 * One channel of the DMA engine that writes all of its memory as fast as it
 * can, over and over, each time with another pattern: who measures how fast
 * memory changes has something to see.  No processor writes there.
 */
#include <stdlib.h>

#include "vm.h"

struct vm_flood {
	struct vm_device *device;
	__u64 base, size;		/* of our part of the memory for DMA */
	volatile __u32 *memory;
	__u32 pattern;			/* of the last fill */
	bool busy;
	double begun;
	__u64 bytes, bad;		/* bytes: of fills that have ended */
};

struct vm_flood *vm_flood_begin(struct vm_device *device, unsigned int part,
				unsigned int parts)
{
	struct vm_flood *flood = calloc(1, sizeof(*flood));

	flood->device = device;
	flood->size = VM_FLOOD_SIZE / parts;
	flood->base = VM_DMA_BASE + part * flood->size;
	flood->memory = (void *)((char *)vm_dma_memory() + part * flood->size);
	return flood;
}

static void begin_fill(struct vm_flood *flood)
{
	unsigned int base = MTTY_MIG_DMA(0);
	struct vm_device *device = flood->device;

	vm_write(device, base + MTTY_MIG_DMA_CMD, MTTY_MIG_DMA_OP_FILL);
	vm_write64(device, base + MTTY_MIG_DMA_DST_LO, flood->base);
	vm_write64(device, base + MTTY_MIG_DMA_LEN_LO, flood->size);
	vm_write(device, base + MTTY_MIG_DMA_RATE, 0);
	vm_write(device, base + MTTY_MIG_DMA_PATTERN, ++flood->pattern);
	vm_write(device, base + MTTY_MIG_DMA_CTRL, MTTY_MIG_DMA_START);
	flood->busy = true;
	flood->begun = vm_seconds();
}

static void bad(struct vm_flood *flood, const char *what, __u32 value)
{
	if (!flood->bad++)
		vm_say("flood: %s %#x", what, value);
}

void vm_flood_go_on(struct vm_flood *flood, bool more)
{
	unsigned int reg = MTTY_MIG_DMA(0) + MTTY_MIG_DMA_STATUS;
	__u32 status;

	if (flood->busy) {
		status = vm_read(flood->device, reg);
		if (status & MTTY_MIG_DMA_BUSY)
			return;
		vm_write(flood->device, reg,
			 MTTY_MIG_DMA_COMPLETE | MTTY_MIG_DMA_ERROR);
		if (status != MTTY_MIG_DMA_COMPLETE)
			bad(flood, "status at the end of a fill:", status);
		flood->busy = false;
		flood->bytes += flood->size;
	}
	if (more)
		begin_fill(flood);
}

bool vm_flood_idle(struct vm_flood *flood)
{
	vm_flood_go_on(flood, false);
	if (flood->busy && vm_seconds() - flood->begun > vm_lost_after) {
		bad(flood, "a fill does not end; pattern", flood->pattern);
		flood->busy = false;
	}
	return !flood->busy;
}

/* All of it was written with the last pattern */
void vm_flood_check(struct vm_flood *flood)
{
	__u64 i;

	for (i = 0; flood->bytes && i < flood->size / 4; i++) {
		if (flood->memory[i] == flood->pattern)
			continue;
		vm_say("flood: %#llx has %#x instead of %#x",
		       (unsigned long long)i * 4, flood->memory[i],
		       flood->pattern);
		flood->bad++;
		return;
	}
}

void vm_flood_tell(const struct vm_flood *flood, FILE *out)
{
	__u64 bytes = flood->bytes;

	/* No fill is as long as 4 GiB */
	if (flood->busy)
		bytes += vm_read(flood->device,
				 MTTY_MIG_DMA(0) + MTTY_MIG_DMA_DONE_LO);
	fprintf(out, "\"flood\": {\"bytes\": %llu, \"bad\": %llu}",
		(unsigned long long)bytes, (unsigned long long)flood->bad);
}
