// SPDX-License-Identifier: GPL-2.0-only
/* A migration from one device to another, as a VMM does it. */
#include <stdio.h>

#include "account.h"
#include "migration.h"
#include "say.h"
#include "text.h"

/**
 * migration - migrate a device to another one, and tell
 * @flow: the stream; its source is RUNNING, and STOP after it
 * @dst: the destination: RUNNING after it
 *
 * Does not return if one of them refuses something.
 */
void migration(struct flow *flow, struct end *dst)
{
	struct end *src = flow->src;
	double stopped;

	flow->put = put_into;
	flow->arg = dst;

	heading("Destination gets ready");
	end_go(dst, VFIO_DEVICE_STATE_RESUMING);

	if (flow->rounds && src->flags & VFIO_MIGRATION_PRE_COPY) {
		heading("Pre-copy: the source goes on, and changes");
		end_go(src, VFIO_DEVICE_STATE_PRE_COPY);
		flow_pre_copy(flow);
	}

	heading("Downtime: neither of them runs");
	fflush(say.tell);
	stopped = now_ms();
	end_go(src, VFIO_DEVICE_STATE_STOP_COPY);
	flow_stop_copy(flow, 0);
	end_go(src, VFIO_DEVICE_STATE_STOP);
	end_go(dst, VFIO_DEVICE_STATE_RUNNING);
	account.downtime_ms = now_ms() - stopped;
	fflush(say.tell);
	end_close_session(src);
	end_close_session(dst);
}
