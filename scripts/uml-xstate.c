// SPDX-License-Identifier: GPL-2.0-only
/*
 * Let UML run on hosts with more processor state than it knows of.
 *
 * UML up to 6.12 sets its processes' registers with a buffer of 2696 bytes.
 * The host's kernel takes nothing but the full state, which is larger on a
 * processor with AMX, and answers EFAULT: the guest's init dies at once.
 *
 * This is preloaded into the UML process, so that neither the kernel's tree
 * nor the host has to change.  When the short buffer is refused, it reads the
 * full state, lays the short one over its beginning, and sets that.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

/* The XSAVE header follows the legacy area and begins with XSTATE_BV. */
#define XSTATE_BV_OFFSET	512
/* The components below AMX (17 and 18), which fit into the short buffer. */
#define SHORT_COMPONENTS	0xffffULL

typedef long (*ptrace_fn)(int request, int pid, void *addr, void *data);

static ptrace_fn real_ptrace;
static int short_is_refused;

__attribute__((constructor))
static void find_real_ptrace(void)
{
	real_ptrace = (ptrace_fn)dlsym(RTLD_NEXT, "ptrace");
}

static long set_full_xstate(int pid, const struct iovec *part)
{
	static char full[65536] __attribute__((aligned(64)));
	struct iovec iov = { full, sizeof(full) };
	uint64_t now, wanted;

	if (real_ptrace(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &iov) < 0)
		return -1;
	memcpy(&now, full + XSTATE_BV_OFFSET, sizeof(now));
	memcpy(full, part->iov_base,
	       part->iov_len < iov.iov_len ? part->iov_len : iov.iov_len);
	memcpy(&wanted, full + XSTATE_BV_OFFSET, sizeof(wanted));
	wanted = (wanted & SHORT_COMPONENTS) | (now & ~SHORT_COMPONENTS);
	memcpy(full + XSTATE_BV_OFFSET, &wanted, sizeof(wanted));
	return real_ptrace(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, &iov);
}

/* The C library declares it with a variable number of arguments. */
long ptrace(enum __ptrace_request request, ...)
{
	va_list args;
	void *addr, *data;
	long ret;
	int pid;

	va_start(args, request);
	pid = va_arg(args, int);
	addr = va_arg(args, void *);
	data = va_arg(args, void *);
	va_end(args);

	if (request != PTRACE_SETREGSET || addr != (void *)NT_X86_XSTATE)
		return real_ptrace(request, pid, addr, data);

	if (!short_is_refused) {
		ret = real_ptrace(request, pid, addr, data);
		if (ret >= 0 || errno != EFAULT)
			return ret;
		short_is_refused = 1;
	}
	return set_full_xstate(pid, data);
}
