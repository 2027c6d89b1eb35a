/* SPDX-License-Identifier: GPL-2.0-only */
/* Ctrl-C and its like: the program ends where it can, and not in the middle. */
#ifndef VFIO_MIGCTL_HALT_H
#define VFIO_MIGCTL_HALT_H

#include <stdbool.h>

void halt_catch(void);
bool halt_wanted(void);
void halt_forget(void);
void halt_check(void);
bool halt_wait(int fd, short events, double ms);

#endif /* VFIO_MIGCTL_HALT_H */
