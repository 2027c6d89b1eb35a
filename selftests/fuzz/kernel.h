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
#include <stdlib.h>
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
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
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

/* linux/cache.h, linux/prefetch.h */

#define L1_CACHE_BYTES	64
#define prefetchw(p)	__builtin_prefetch(p, 1)

/* linux/string.h */
static inline void *memchr_inv(const void *start, int c, size_t len)
{
	const u8 *p;

	for (p = start; len--; p++)
		if (*p != (u8)c)
			return (void *)p;
	return NULL;
}

/* linux/bug.h */
#define WARN_ON_ONCE(cond)	({ if (cond) abort(); false; })

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
#define __GFP_ZERO		1u

typedef unsigned int gfp_t;

extern size_t kmem_live;
extern unsigned int kmem_fail_nth;

void *kmalloc(size_t size, gfp_t gfp);
void kfree(const void *p);

static inline void *kzalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp | __GFP_ZERO);
}

/* linux/atomic.h, wait_bit.h, workqueue.h: work is done at once */
#define WQ_UNBOUND		0

typedef int atomic_t;

struct work_struct {
	void (*func)(struct work_struct *work);
};

struct delayed_work {
	struct work_struct work;
};

struct workqueue_struct {
	int unused;
};

#define INIT_DELAYED_WORK(w, f)	((w)->work.func = (f))
#define atomic_read(v)		(*(v))
#define atomic_inc(v)		(++*(v))
#define atomic_dec_and_test(v)	(!--*(v))
#define wait_var_event(v, cond)	do { (void)(v); if (!(cond)) abort(); } while (0)
#define wake_up_var(v)		((void)(v))

static inline struct workqueue_struct *alloc_workqueue(const char *name,
						       unsigned int flags,
						       int max)
{
	return calloc(1, sizeof(struct workqueue_struct));
}

static inline void destroy_workqueue(struct workqueue_struct *wq)
{
	free(wq);
}

static inline void queue_delayed_work(struct workqueue_struct *wq,
				      struct delayed_work *work,
				      unsigned long delay)
{
	work->work.func(&work->work);
}

/* linux/xxhash.h */
#include "../device/lib/xxh64.h"

/*
 * linux/xarray.h, for as few entries as a small device has pages.  To go
 * beyond XA_SLOTS ends the process: the driver has let an index through.
 */
#define XA_SLOTS		64
#define XA_FLAGS_ACCOUNT	0
#define XA_PRESENT		0u

struct xarray {
	void *entry[XA_SLOTS];
};

static inline void *xa_mk_value(unsigned long val)
{
	return (void *)(val << 1 | 1);
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
	      unsigned int present);
#define xa_for_each(xa, index, item)					\
	for (index = 0, item = xa_find(xa, &index, ULONG_MAX, XA_PRESENT); \
	     item;							\
	     index++, item = xa_find(xa, &index, ULONG_MAX, XA_PRESENT))

#endif /* SELFTESTS_FUZZ_KERNEL_H */
