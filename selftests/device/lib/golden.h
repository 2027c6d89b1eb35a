/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Golden streams: what a release saved must load for ever.
 *
 * Each file in golden/ is named after the version of the stream and the type
 * of the device, which had GOLDEN_MEM_SIZE of memory and was in the state that
 * golden_fill() makes. To add those of a new version, before it is released:
 * run "golden_write DIR" where the driver is loaded ("make shell" in the lab),
 * and name the files in golden_test.c. Those that are there are never written
 * again.
 */
#ifndef SELFTESTS_DEVICE_GOLDEN_H
#define SELFTESTS_DEVICE_GOLDEN_H

#include "mtty.h"

#define GOLDEN_MEM_SIZE	(4 * MTTY_MIG_PAGE_SIZE)

/* The bytes of a file, in the program: it needs nothing beside it to run */
#define GOLDEN(symbol, file)						\
	extern const __u8 symbol[];					\
	extern const __u8 symbol##_end[];				\
	asm(".section .rodata\n"					\
	    ".global " #symbol ", " #symbol "_end\n"			\
	    #symbol ":\n"						\
	    ".incbin \"" GOLDEN_DIR "/" file "\"\n"			\
	    #symbol "_end:\n"						\
	    ".previous\n")

void golden_fill(struct mtty *mtty);

#endif /* SELFTESTS_DEVICE_GOLDEN_H */
