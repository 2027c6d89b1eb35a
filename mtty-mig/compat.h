/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All differences between the kernels that the driver builds for. In a kernel
 * tree this file goes away.
 */
#ifndef MTTY_MIG_COMPAT_H
#define MTTY_MIG_COMPAT_H

#include <linux/module.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "mtty_mig needs Linux 6.12 or newer"
#endif

/* 6.13 made the namespace a string */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define MTTY_MIG_IMPORT_KUNIT_NS() \
	MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING)
#define MTTY_MIG_IMPORT_IOMMUFD_NS() \
	MODULE_IMPORT_NS(IOMMUFD)
#else
#define MTTY_MIG_IMPORT_KUNIT_NS() \
	MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING")
#define MTTY_MIG_IMPORT_IOMMUFD_NS() \
	MODULE_IMPORT_NS("IOMMUFD")
#endif

#endif /* MTTY_MIG_COMPAT_H */
