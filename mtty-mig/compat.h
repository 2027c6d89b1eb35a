/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All differences between the kernels for which the driver builds. In a kernel
 * tree only replacements for what the tree lacks remain: scripts/series.py
 * resolves the rest, see Documentation/series.rst.
 */
#ifndef MTTY_MIG_COMPAT_H
#define MTTY_MIG_COMPAT_H

#include <linux/bits.h>
#include <linux/kthread.h>
#include <linux/types.h>
#include <linux/version.h>
#include <linux/vfio.h>

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

/* 6.14 renamed kthread_create_worker() */
#ifndef kthread_run_worker
#define kthread_run_worker	kthread_create_worker
#endif

/* Since 6.19 VFIO_DEVICE_GET_REGION_INFO has an op of its own */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define MTTY_MIG_REGION_INFO_OP(op)
#else
#define MTTY_MIG_REGION_INFO_OP(op)	.get_region_info_caps = op,
#endif

/* 7.1 added VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 */
#ifdef VFIO_PRECOPY_INFO_REINIT
#define mtty_precopy_info_v2(vdev)	((vdev)->precopy_info_v2)
#else
#define VFIO_PRECOPY_INFO_REINIT	BIT(0)
static inline bool mtty_precopy_info_v2(const struct vfio_device *vdev)
{
	return false;
}
#endif

#endif /* MTTY_MIG_COMPAT_H */
