/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which arcs the tests took, for the report:
 *
 *	# arcs: STOP>RUNNING 12 0, RUNNING>STOP 11 2
 *
 * An arc, how often it was taken, how often it ended with an error.  Counted
 * are calls of the library from a state that is known: no call is made to find
 * it out.
 */
#ifndef SELFTESTS_LIB_ARCS_H
#define SELFTESTS_LIB_ARCS_H

#include <linux/types.h>

int arcs_opened(void);
void arcs_closed(int slot);
void arcs_flags(int slot, __u64 flags);
unsigned int arcs_begin(int slot);
void arcs_set(int slot, unsigned int turn, __u32 state, int ret);
void arcs_is(int slot, unsigned int turn, __u32 state, int ret);
void arcs_report(void);

#endif /* SELFTESTS_LIB_ARCS_H */
