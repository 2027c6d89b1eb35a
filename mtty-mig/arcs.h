/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The names of the states, and the list of the arcs. They are apart from fsm.c,
 * which executes the arcs, because the fault points are named after them.
 */
#ifndef MTTY_MIG_ARCS_H
#define MTTY_MIG_ARCS_H

#include <linux/types.h>
#include <linux/vfio.h>

/*
 * The states of the uAPI, as MTTY_STATES(STATE, LAST) with STATE(name) for each
 * but the last, and LAST(name) for that
 */
#define MTTY_STATES(STATE, LAST) \
	STATE(ERROR) \
	STATE(STOP) \
	STATE(RUNNING) \
	STATE(STOP_COPY) \
	STATE(RESUMING) \
	STATE(RUNNING_P2P) \
	STATE(PRE_COPY) \
	LAST(PRE_COPY_P2P)

/* The arcs of all capability sets, as MTTY_ARCS(ARC) with ARC(from, to) */
#define MTTY_ARCS(ARC) \
	ARC(STOP,	  STOP_COPY) \
	ARC(STOP_COPY,	  STOP) \
	ARC(STOP,	  RESUMING) \
	ARC(RESUMING,	  STOP) \
	ARC(RUNNING,	  STOP) \
	ARC(STOP,	  RUNNING) \
	ARC(RUNNING,	  RUNNING_P2P) \
	ARC(RUNNING_P2P,  RUNNING) \
	ARC(RUNNING_P2P,  STOP) \
	ARC(STOP,	  RUNNING_P2P) \
	ARC(RUNNING,	  PRE_COPY) \
	ARC(PRE_COPY,	  RUNNING) \
	ARC(PRE_COPY,	  STOP_COPY) \
	ARC(RUNNING_P2P,  PRE_COPY_P2P) \
	ARC(PRE_COPY,	  PRE_COPY_P2P) \
	ARC(PRE_COPY_P2P, PRE_COPY) \
	ARC(PRE_COPY_P2P, RUNNING_P2P) \
	ARC(PRE_COPY_P2P, STOP_COPY)

#define MTTY_ARC_INDEX(from, to)	MTTY_ARC_##from##_TO_##to,
enum mtty_arc_index {
	MTTY_ARCS(MTTY_ARC_INDEX)
	MTTY_NR_ARCS
};

#undef MTTY_ARC_INDEX

const char *mtty_state_name(enum vfio_device_mig_state state);
bool mtty_arc(unsigned int i, enum vfio_device_mig_state *from,
	      enum vfio_device_mig_state *to);

#endif /* MTTY_MIG_ARCS_H */
