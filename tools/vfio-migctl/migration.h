/* SPDX-License-Identifier: GPL-2.0-only */
/* A migration from one device to another, in one process. */
#ifndef VFIO_MIGCTL_MIGRATION_H
#define VFIO_MIGCTL_MIGRATION_H

#include "flow.h"

void migration(struct flow *flow, struct end *dst);

#endif /* VFIO_MIGCTL_MIGRATION_H */
