/* SPDX-License-Identifier: GPL-2.0-only */
/* All differences between kernels that the stand-ins meet; nowhere else is one. */
#ifndef STANDINS_COMPAT_H
#define STANDINS_COMPAT_H

#include <linux/module.h>
#include <linux/version.h>

/* Namespaces of symbols are strings since 6.13. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define STANDIN_IMPORT_NS(ns)		MODULE_IMPORT_NS(ns)
#define STANDIN_EXPORT_NS(symbol, ns)	EXPORT_SYMBOL_NS_GPL(symbol, ns)
#else
#define STANDIN_IMPORT_NS(ns)		MODULE_IMPORT_NS(#ns)
#define STANDIN_EXPORT_NS(symbol, ns)	EXPORT_SYMBOL_NS_GPL(symbol, #ns)
#endif

/* iommu_domain_ops.attach_dev is told what was attached before, since 6.19. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define STANDIN_ATTACH(name) \
	int name(struct iommu_domain *domain, struct device *dev)
#else
#define STANDIN_ATTACH(name) \
	int name(struct iommu_domain *domain, struct device *dev, struct iommu_domain *old)
#endif

/* iommu_ops.domain_alloc_user has lost an argument and its name. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define STANDIN_ALLOC_PAGING_FLAGS	domain_alloc_user
#define STANDIN_PARENT_DOMAIN		struct iommu_domain *parent,
#define STANDIN_NO_PARENT		NULL,
#else
#define STANDIN_ALLOC_PAGING_FLAGS	domain_alloc_paging_flags
#define STANDIN_PARENT_DOMAIN
#define STANDIN_NO_PARENT
#endif

#endif /* STANDINS_COMPAT_H */
