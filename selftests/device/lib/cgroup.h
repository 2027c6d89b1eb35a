/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cgroup of this process alone, or of its children, to see what is charged to
 * it, and whether it is let go.
 */
#ifndef SELFTESTS_DEVICE_CGROUP_H
#define SELFTESTS_DEVICE_CGROUP_H

const char *cgroup_enter(void);
long long cgroup_charged(void);
void cgroup_leave(void);

const char *cgroup_make(void);
void cgroup_join(void);
int cgroup_remove(void);
long long cgroup_dying(void);

#endif /* SELFTESTS_DEVICE_CGROUP_H */
