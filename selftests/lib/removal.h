/* SPDX-License-Identifier: GPL-2.0-only */
/* Devices that are taken from their driver through sysfs, and given back. */
#ifndef SELFTESTS_LIB_REMOVAL_H
#define SELFTESTS_LIB_REMOVAL_H

/**
 * enum removal - how a device is taken away
 * @REMOVAL_UNBIND: its driver is unbound
 * @REMOVAL_VFS: its PF takes its VFs back, all of them
 */
enum removal {
	REMOVAL_UNBIND,
	REMOVAL_VFS,
};

const char *removal_impossible(const char *name, enum removal how);
int __removal_do(const char *name, enum removal how);
int __removal_undo(void);
void removal_cleanup(void);

#endif /* SELFTESTS_LIB_REMOVAL_H */
