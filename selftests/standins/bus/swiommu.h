/* SPDX-License-Identifier: GPL-2.0-only */
/* An IOMMU in software, in front of the bus in software. */
#ifndef STANDINS_SWIOMMU_H
#define STANDINS_SWIOMMU_H

#include <linux/pci.h>

int swiommu_write(struct pci_dev *pdev, dma_addr_t iova, const void *data, size_t size);
int swiommu_read(struct pci_dev *pdev, dma_addr_t iova, void *data, size_t size);

#endif /* STANDINS_SWIOMMU_H */
