/* SPDX-License-Identifier: GPL-2.0-only */
/* Whatever ends the program, its devices do not stay in the middle. */
#ifndef VFIO_MIGCTL_GUARD_H
#define VFIO_MIGCTL_GUARD_H

#include "end.h"

/* What ps calls the process that looks after the devices */
#define GUARD_NAME	"migctl-guard"

void guard(struct end *end);
void guard_begin(void);

#endif /* VFIO_MIGCTL_GUARD_H */
