// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel tells that it has found wrong with itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "file.h"
#include "kernel.h"

/**
 * kernel_taint - what the kernel has found wrong so far
 *
 * Return: the bits of /proc/sys/kernel/tainted.
 */
unsigned long kernel_taint(void)
{
	char bits[32];

	if (file_read("/proc/sys/kernel/tainted", bits, sizeof(bits)))
		return 0;
	return strtoul(bits, NULL, 10);
}

/**
 * kernel_complaint - what the kernel has found wrong since
 * @before: what kernel_taint() told
 *
 * It tells each kind once: who has found nothing knows nothing if it was told
 * before.
 *
 * Return: NULL if there is nothing new; or what there is, in words.
 */
const char *kernel_complaint(unsigned long before)
{
	static const struct {
		unsigned long bit;
		const char *what;
	} kinds[] = {
		{ 1UL << 5, "misuse of memory (KASAN)" },
		{ 1UL << 7, "an Oops" },
		{ 1UL << 9, "a warning" },
		{ 1UL << 14, "a soft lockup" },
	};
	unsigned long news = kernel_taint() & ~before;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (news & kinds[i].bit)
			return kinds[i].what;
	return NULL;
}

/**
 * kernel_looks_at_locks - whether lockdep follows the order of locks
 *
 * It gives up with the first report of its own, and with some of others.
 *
 * Return: true if it does.
 */
bool kernel_looks_at_locks(void)
{
	char stats[8192];
	const char *line;
	unsigned int on;

	if (file_read("/proc/lockdep_stats", stats, sizeof(stats)))
		return false;
	line = strstr(stats, "debug_locks:");
	return line && sscanf(line, "debug_locks: %u", &on) == 1 && on;
}
