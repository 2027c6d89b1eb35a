// SPDX-License-Identifier: GPL-2.0-only
/*
 * The names of the states, and the list of the arcs. fsm.c says what each arc
 * does.
 */
#include <kunit/visibility.h>
#include <linux/array_size.h>
#include <linux/export.h>

#include "arcs.h"

#define NAME(state) \
	[VFIO_DEVICE_STATE_##state] = #state,
static const char * const state_names[] = { MTTY_STATES(NAME, NAME) };
#undef NAME

/**
 * mtty_state_name - the name of a state in the uAPI
 * @state: the state
 */
const char *mtty_state_name(enum vfio_device_mig_state state)
{
	return state < ARRAY_SIZE(state_names) ? state_names[state] : "?";
}
EXPORT_SYMBOL_IF_KUNIT(mtty_state_name);

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
EXPORT_SYMBOL_IF_KUNIT(mtty_arc);
