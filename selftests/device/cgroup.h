/* SPDX-License-Identifier: GPL-2.0-only */
/* A cgroup of this process alone, to see what is charged to it. */
#ifndef SELFTESTS_DEVICE_CGROUP_H
#define SELFTESTS_DEVICE_CGROUP_H

const char *cgroup_enter(void);
long long cgroup_charged(void);
void cgroup_leave(void);

#endif /* SELFTESTS_DEVICE_CGROUP_H */
