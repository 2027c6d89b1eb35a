/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fault points, in addition to those before and after each arc, as
 * MTTY_FAULT_POINTS(POINT) with POINT(constant, name in debugfs).
 */
#ifndef MTTY_MIG_POINTS_H
#define MTTY_MIG_POINTS_H

#define MTTY_FAULT_POINTS(POINT) \
	POINT(PRE_COPY, "pre-copy")	/* pre-copy cannot go on */ \
	POINT(READ, "read")		/* read() of a data fd */ \
	POINT(WRITE, "write")		/* write() to a data fd */

#define MTTY_FAULT_POINT(point, name)	MTTY_FAULT_##point,
enum mtty_fault_point {
	MTTY_FAULT_POINTS(MTTY_FAULT_POINT)
	MTTY_NR_FAULT_POINTS
};

#undef MTTY_FAULT_POINT

#endif /* MTTY_MIG_POINTS_H */
