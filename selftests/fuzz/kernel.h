/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the kernel as the pure rooms of the driver need to be built in
 * userspace.  The compiler includes this before anything else, so that the
 * kernel's headers, where userspace has none of that name, can be empty.
 */
#ifndef SELFTESTS_FUZZ_KERNEL_H
#define SELFTESTS_FUZZ_KERNEL_H

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <linux/swab.h>
#include <linux/types.h>

/* linux/types.h */
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

/* linux/compiler.h, build_bug.h, kernel.h, limits.h, minmax.h */
#define __packed		__attribute__((__packed__))
#undef static_assert
#define static_assert(expr, ...) _Static_assert(expr, #expr)
#define BUILD_BUG_ON(cond)	_Static_assert(!(cond), #cond)
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define U64_MAX			UINT64_MAX
#define lower_32_bits(n)	((u32)(n))
#define upper_32_bits(n)	((u32)((n) >> 32))

#define min_t(type, a, b)						\
({									\
	type _a = (a), _b = (b);					\
	_a < _b ? _a : _b;						\
})
#define min(a, b)	min_t(__typeof__((a) + (b)), a, b)

/* linux/overflow.h */
#define check_add_overflow(a, b, sum) __builtin_add_overflow(a, b, sum)

/* asm/byteorder.h, linux/swab.h, linux/unaligned.h */
#define swab64		__swab64
#define cpu_to_le16	htole16
#define cpu_to_le32	htole32
#define cpu_to_le64	htole64
#define le16_to_cpu	le16toh
#define le32_to_cpu	le32toh
#define le64_to_cpu	le64toh

static inline u16 get_unaligned_le16(const void *p)
{
	u16 val;

	memcpy(&val, p, sizeof(val));
	return le16toh(val);
}

static inline void put_unaligned_le16(u16 val, void *p)
{
	val = htole16(val);
	memcpy(p, &val, sizeof(val));
}

static inline void put_unaligned_le32(u32 val, void *p)
{
	val = htole32(val);
	memcpy(p, &val, sizeof(val));
}

/* linux/string.h */
static inline void *memchr_inv(const void *start, int c, size_t len)
{
	const u8 *p;

	for (p = start; len--; p++)
		if (*p != (u8)c)
			return (void *)p;
	return NULL;
}

/* linux/compiler.h: there is one thread */
#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, val)	((x) = (val))

/* linux/sched.h, sched/signal.h: nobody else is there, and nobody kills it */
#define current		NULL
#define cond_resched()	do { } while (0)

static inline bool fatal_signal_pending(const void *task)
{
	return false;
}

/* linux/gfp.h, slab.h: what is allocated is counted, and can fail */
#define GFP_KERNEL_ACCOUNT	0
#define __GFP_RETRY_MAYFAIL	0
#define __GFP_NOWARN		0

extern size_t kmem_live;
extern unsigned int kmem_fail_nth;

void *kzalloc(size_t size, unsigned int gfp);
void kfree(const void *p);

/* linux/xxhash.h */
#include "../device/xxh64.h"

/*
 * linux/xarray.h, for as few entries as a small device has pages.  To go
 * beyond XA_SLOTS ends the process: the driver has let an index through.
 */
#define XA_SLOTS		64
#define XA_FLAGS_ACCOUNT	0
#define XA_MARK_0		1u
#define XA_MARK_1		2u
#define XA_PRESENT		0u

typedef unsigned int xa_mark_t;

struct xarray {
	void *entry[XA_SLOTS];
	xa_mark_t marks[XA_SLOTS];
};

static inline void *xa_mk_value(unsigned long val)
{
	return (void *)(val << 1 | 1);
}

static inline bool xa_is_value(const void *entry)
{
	return (unsigned long)entry & 1;
}

static inline bool xa_is_err(const void *entry)
{
	return (unsigned long)entry >= -4095UL;
}

static inline int xa_err(void *entry)
{
	return (long)entry;
}

void xa_init_flags(struct xarray *xa, unsigned int flags);
void *xa_load(struct xarray *xa, unsigned long index);
void *xa_store(struct xarray *xa, unsigned long index, void *entry,
	       unsigned int gfp);
void *xa_erase(struct xarray *xa, unsigned long index);
void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
	      xa_mark_t mark);
bool xa_get_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);
void xa_set_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);
void xa_clear_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);

#define xa_for_each_marked(xa, index, item, mark)			\
	for (index = 0, item = xa_find(xa, &index, ULONG_MAX, mark);	\
	     item;							\
	     index++, item = xa_find(xa, &index, ULONG_MAX, mark))
#define xa_for_each(xa, index, item)					\
	xa_for_each_marked(xa, index, item, XA_PRESENT)

#endif /* SELFTESTS_FUZZ_KERNEL_H */
