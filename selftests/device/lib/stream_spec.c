// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reader of migration streams, from Documentation/stream.rst; of what a
 * device of this kind can contain, from the data sheets of its parts.
 *
 * Where several things are wrong that are known at the same byte, the first
 * one in the order of the page's table of errors counts, but for the trailer,
 * whose digest is looked at before its total: what has a wrong digest says
 * nothing.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <mtty_mig_regs.h>

#include "../../lib/check.h"
#include "stream_format.h"
#include "stream_spec.h"
#include "xxh64.h"

#define PAGE	MTTY_MIG_PAGE_SIZE

static __u64 get(const __u8 *p, unsigned int len)
{
	__u64 val = 0;

	while (len--)
		val = val << 8 | p[len];
	return val;
}

static bool all_zero(const __u8 *p, size_t len)
{
	while (len--)
		if (*p++)
			return false;
	return true;
}

/* Bits that must be zero, for each of the first ten bytes of a port */
static bool uart_ok(const __u8 *p)
{
	static const __u8 unused[] = {
		0xf0,	/* ier */
		0x36,	/* fcr */
		0x00,	/* lcr */
		0xe0,	/* mcr */
		0xfd,	/* lsr: overrun */
		0xf0,	/* msr: the deltas */
		0x00,	/* scr */
		0x00,	/* dll */
		0x00,	/* dlm */
		0xfe,	/* thri */
	};
	unsigned int fifo = p[1] & 1 ? 16 : 1;
	unsigned int count = p[10];
	unsigned int i;

	for (i = 0; i < sizeof(unused); i++)
		if (p[i] & unused[i])
			return false;
	if (p[1] && !(p[1] & 1))
		return false;
	return count <= fifo && all_zero(p + 11, 5) &&
	       all_zero(p + 16 + count, 16 - count);
}

/* The dwords of configuration space that are not zero and read only */
static const struct config {
	__u8 offset;
	__u32 value;
	__u32 writable;
} config[] = {
	{ 0x00, 0x32534348, 0 },
	{ 0x04, 0x00100000, 0x00000547 },	/* status, command */
	{ 0x08, 0x07000201, 0 },		/* class, revision */
	{ 0x0c, 0, 0x0000ffff },		/* latency, cache line */
	{ 0x10, 0x00000001, 0xfffffff8 },	/* the ports: 8 bytes of I/O */
	{ 0x14, 0x00000001, 0xfffffff8 },
	{ 0x18, 0x00000000, 0xffffc000 },	/* control: 16 KiB */
	{ 0x2c, 0x4d474d54, 0 },
	{ 0x34, 0x00000040, 0 },		/* capabilities */
	{ 0x3c, 0x00000100, 0x000000ff },	/* INTA#, line */
	{ 0x40, 0x01846005, 0x00710000 },	/* MSI: 64 bits, masks, 4 */
	{ 0x44, 0, 0xfffffffc },		/* address */
	{ 0x48, 0, 0xffffffff },
	{ 0x4c, 0, 0x0000ffff },		/* data */
	{ 0x50, 0, 0x0000000f },		/* mask */
	{ 0x60, 0x00030011, 0xc0000000 },	/* MSI-X: 4 vectors */
	{ 0x64, 0x00001002, 0 },		/* table in BAR 2 */
	{ 0x68, 0x00002002, 0 },		/* pending bits in BAR 2 */
};

static bool config_ok(const __u8 *p, __u64 mem_size)
{
	unsigned int offset, i;

	for (offset = 0; offset < 256; offset += 4) {
		struct config dword = {};

		for (i = 0; i < ARRAY_LEN(config); i++)
			if (config[i].offset == offset)
				dword = config[i];
		/* Device memory: 64 bits, prefetchable, of a power of two */
		if (mem_size && offset == 0x20) {
			dword.value = 0xc;
			dword.writable = -mem_size;
		} else if (mem_size && offset == 0x24) {
			dword.writable = -mem_size >> 32;
		}
		if ((get(p + offset, 4) ^ dword.value) & ~dword.writable)
			return false;
	}
	return true;
}

static bool pci_ok(const __u8 *p, __u64 mem_size)
{
	const __u8 *entry;

	for (entry = p + 256; entry < p + 320; entry += 16)
		if (get(entry, 4) & 3 || get(entry + 12, 4) & ~1ULL)
			return false;
	return config_ok(p, mem_size);
}

/* Whether [start, start + len) ends at @end or before; 0 for 2^64 */
static bool fits(__u64 start, __u64 len, __u64 end)
{
	return start <= end - 1 && len - 1 <= end - 1 - start;
}

static bool dma_ok(const __u8 *p, __u64 mem_size)
{
	__u32 cmd = get(p, 4), status = get(p + 4, 4);
	__u64 src = get(p + 16, 8), dst = get(p + 24, 8);
	__u64 len = get(p + 32, 8), done = get(p + 40, 8);

	if (cmd & ~0x103)
		return false;
	if (status != 1)
		return !status || status == 2 || status == 4;

	/* A transfer that goes on must be one that could have begun */
	if (!len || done >= len)
		return false;
	switch (cmd & 3) {
	case 0:
		return mem_size && fits(src, len, mem_size) &&
		       fits(dst, len, 0);
	case 1:
		return mem_size && fits(dst, len, mem_size) &&
		       fits(src, len, 0);
	case 2:
		return fits(src, len, 0) && fits(dst, len, 0);
	default:
		return fits(dst, len, 0);
	}
}

static bool pri_ok(const __u8 *p, __u32 type)
{
	const __u8 *id = p + 16, *iova = p + 144;
	__u32 nr = get(p, 4);
	unsigned int i, j;

	if (type != MTTY_MIG_TYPE_VPRI)
		return all_zero(p, 400);
	if (nr > 32 || get(p + 12, 4))
		return false;
	for (i = 0; i < nr; i++) {
		if (!get(id + 4 * i, 4) || get(iova + 8 * i, 8) % PAGE)
			return false;
		for (j = 0; j < i; j++)
			if (!memcmp(id + 4 * i, id + 4 * j, 4))
				return false;
	}
	return all_zero(id + 4 * nr, 4 * (32 - nr)) &&
	       all_zero(iova + 8 * nr, 8 * (32 - nr));
}

static const struct {
	__u16 type;
	__u16 length;
} states[SPEC_NR_STATES] = {
	{ REC_UART0, 32 }, { REC_UART1, 32 }, { REC_PCI, 320 },
	{ REC_DMA0, 48 }, { REC_DMA1, 48 }, { REC_PRI, 400 },
	{ REC_CTRL, 24 },
};

static bool state_ok(__u16 type, const __u8 *p, __u32 dev_type, __u64 mem_size)
{
	switch (type) {
	case REC_UART0:
	case REC_UART1:
		return uart_ok(p);
	case REC_PCI:
		return pci_ok(p, mem_size);
	case REC_DMA0:
	case REC_DMA1:
		return dma_ok(p, mem_size);
	case REC_PRI:
		return pri_ok(p, dev_type);
	default:
		return p[0] < 0x10 && all_zero(p + 1, 3);
	}
}

static int header_error(const __u8 *p, __u32 type, __u64 mem_size)
{
	if (!memcmp(p, "\0GIMYTTM", 8))
		return -EPROTOTYPE;
	if (memcmp(p, "MTTYMIG", 8))
		return -EINVAL;
	if (get(p + HDR_MAJOR, 2) != 1)
		return -EPROTONOSUPPORT;
	if (get(p + HDR_TYPE, 4) != type)
		return -EMEDIUMTYPE;
	if (get(p + HDR_MEM_SIZE, 8) != mem_size ||
	    get(p + HDR_PAGE_SIZE, 4) != PAGE)
		return -EMSGSIZE;
	return get(p + HDR_RESERVED, 4) ? -ERANGE : 0;
}

/*
 * What is wrong with a record's header, when @next state records have come.
 * @skip is set if it is to be skipped.
 */
static int record_error(const __u8 *p, unsigned int next, bool *skip)
{
	__u16 type = get(p + REC_TYPE, 2), flags = get(p + REC_FLAGS, 2);
	__u32 length = get(p + REC_LENGTH, 4);
	bool ok;

	*skip = false;
	if (flags & ~REC_OPTIONAL)
		return -EOPNOTSUPP;
	switch (type) {
	case REC_PAGE:
		ok = !next && length == 8 + PAGE;
		break;
	case REC_ZERO:
		ok = !next && length == 8;
		break;
	case REC_UART0 ... REC_CTRL:
		ok = next < SPEC_NR_STATES && type == states[next].type &&
		     length == states[next].length;
		break;
	case REC_TRAILER:
		ok = next == SPEC_NR_STATES && length == TRAILER_SIZE;
		break;
	default:
		*skip = flags;
		return flags ? 0 : -EOPNOTSUPP;
	}
	return ok && !flags ? 0 : -EPROTO;
}

static int trailer_error(const __u8 *data, size_t at)
{
	const __u8 *p = data + at + REC_PAYLOAD;

	if (get(p + TRAILER_DIGEST, 8) !=
	    xxh64_of(data, at + REC_PAYLOAD + TRAILER_DIGEST))
		return -EBADMSG;
	return get(p + TRAILER_TOTAL, 8) == at ? 0 : -EPROTO;
}

/*
 * Take the next part of the stream, of @n bytes, if it is there.  If not, it
 * is incomplete, and all of it is needed to know that.
 */
static bool need(struct stream_spec *spec, size_t n, size_t len)
{
	if (n > len - spec->at) {
		spec->error = -ENODATA;
		spec->at = len;
		return false;
	}
	spec->at += n;
	return true;
}

/* A page that was zero gets a content, whether that comes or not */
static void count_new(struct stream_spec *spec)
{
	if (spec->nr_new < SPEC_NEW_MAX)
		spec->new_at[spec->nr_new] = spec->at;
	spec->nr_new++;
}

/**
 * spec_read - read a stream as it is documented
 * @spec: the result
 * @data: the stream
 * @len: its bytes
 * @type: enum mtty_mig_type of the device that loads it
 * @mem_size: the size of its memory, at most SPEC_MEM_MAX
 */
void spec_read(struct stream_spec *spec, const __u8 *data, size_t len,
	       __u32 type, __u64 mem_size)
{
	unsigned int next = 0;
	bool skip, ended;

	memset(spec, 0, sizeof(*spec));
	if (!need(spec, HDR_SIZE, len))
		return;
	spec->error = header_error(data, type, mem_size);

	for (ended = false; !spec->error && !ended;) {
		size_t start = spec->at;
		const __u8 *p = data + start;
		__u32 length;
		__u64 index;

		if (!need(spec, REC_PAYLOAD, len))
			return;
		length = get(p + REC_LENGTH, 4);
		spec->error = record_error(p, next, &skip);
		if (spec->error)
			return;
		if (skip) {
			if (!need(spec, length, len))
				return;
			continue;
		}

		switch (get(p + REC_TYPE, 2)) {
		case REC_PAGE:
		case REC_ZERO:
			if (!need(spec, 8, len))
				return;
			index = get(p + REC_PAYLOAD, 8);
			if (index >= mem_size / PAGE) {
				spec->error = -ERANGE;
				return;
			}
			if (length == 8) {
				spec->page[index] = NULL;
				break;
			}
			if (!spec->page[index])
				count_new(spec);
			if (!need(spec, PAGE, len))
				return;
			p += REC_PAYLOAD + 8;
			spec->page[index] = all_zero(p, PAGE) ? NULL : p;
			break;
		case REC_TRAILER:
			if (!need(spec, length, len))
				return;
			spec->error = trailer_error(data, start);
			ended = true;
			break;
		default:
			if (!need(spec, length, len))
				return;
			p += REC_PAYLOAD;
			if (!state_ok(states[next].type, p, type, mem_size))
				spec->error = -ERANGE;
			spec->state[next++] = p;
		}
	}

	if (!spec->error && spec->at < len) {
		spec->error = -E2BIG;
		spec->at++;
	}
}

/**
 * spec_differs - whether two accepted streams bring a device to other states
 * @a: one
 * @b: the other
 *
 * Return: NULL, or what the difference is.
 */
const char *spec_differs(const struct stream_spec *a,
			 const struct stream_spec *b)
{
	static const char * const names[SPEC_NR_STATES] = {
		"UART0", "UART1", "PCI", "DMA0", "DMA1", "PRI", "CTRL",
	};
	unsigned int i;

	if (a->error || b->error)
		return "one of them is refused";
	for (i = 0; i < SPEC_PAGES_MAX; i++)
		if (!a->page[i] != !b->page[i] ||
		    (a->page[i] && memcmp(a->page[i], b->page[i], PAGE)))
			return "device memory";
	for (i = 0; i < SPEC_NR_STATES; i++)
		if (memcmp(a->state[i], b->state[i], states[i].length))
			return names[i];
	return NULL;
}

/**
 * spec_reader - which device a stream is tried with
 * @data: the stream, right or wrong
 * @len: its bytes
 * @type: set to the device's type
 * @mem_size: set to the size of its memory
 *
 * That which its header names, if there can be one whose memory is small;
 * otherwise any.
 */
void spec_reader(const __u8 *data, size_t len, __u32 *type, __u64 *mem_size)
{
	*type = MTTY_MIG_TYPE_FULL;
	*mem_size = 4 * PAGE;
	if (len < HDR_SIZE)
		return;

	if (get(data + HDR_TYPE, 4) > MTTY_MIG_TYPE_NONE &&
	    get(data + HDR_TYPE, 4) < MTTY_MIG_NR_TYPES)
		*type = get(data + HDR_TYPE, 4);
	switch (get(data + HDR_MEM_SIZE, 8)) {
	case 0:
	case PAGE:
	case 2 * PAGE:
	case 4 * PAGE:
	case 8 * PAGE:
	case 16 * PAGE:
		*mem_size = get(data + HDR_MEM_SIZE, 8);
	}
}
