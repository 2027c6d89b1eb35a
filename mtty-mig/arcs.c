// SPDX-License-Identifier: GPL-2.0-only
/*
 * The names of the states, and the list of the arcs. fsm.c says what each arc
 * does.
 */
#include <linux/array_size.h>

#include "arcs.h"

static const char * const state_names[] = {
	[VFIO_DEVICE_STATE_ERROR]		= "ERROR",
	[VFIO_DEVICE_STATE_STOP]		= "STOP",
	[VFIO_DEVICE_STATE_RUNNING]		= "RUNNING",
	[VFIO_DEVICE_STATE_STOP_COPY]		= "STOP_COPY",
	[VFIO_DEVICE_STATE_RESUMING]		= "RESUMING",
	[VFIO_DEVICE_STATE_RUNNING_P2P]		= "RUNNING_P2P",
	[VFIO_DEVICE_STATE_PRE_COPY]		= "PRE_COPY",
	[VFIO_DEVICE_STATE_PRE_COPY_P2P]	= "PRE_COPY_P2P",
};

/**
 * mtty_state_name - the name of a state in the uAPI
 * @state: the state
 */
const char *mtty_state_name(enum vfio_device_mig_state state)
{
	return state < ARRAY_SIZE(state_names) ? state_names[state] : "?";
}

/**
 * mtty_arc - enumerate the arcs
 * @i: index, from 0
 * @from: set to the state that arc @i starts in
 * @to: set to the state that arc @i leads to
 *
 * Return: false if there is no arc @i.
 */
bool mtty_arc(unsigned int i, enum vfio_device_mig_state *from,
	      enum vfio_device_mig_state *to)
{
#define ARC(from, to)	{ VFIO_DEVICE_STATE_##from, VFIO_DEVICE_STATE_##to },
	static const enum vfio_device_mig_state arcs[][2] = { MTTY_ARCS(ARC) };
#undef ARC

	if (i >= ARRAY_SIZE(arcs))
		return false;
	*from = arcs[i][0];
	*to = arcs[i][1];
	return true;
}
