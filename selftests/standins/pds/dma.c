// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PF's DMA: what a command points at is memory of the host's, by its address or by
 * the address of a list of pieces.
 */
#include <linux/minmax.h>

#include "../bus/swiommu.h"
#include "pds.h"

/* pds_dma_read - read the host's memory */
enum pds_core_status_code pds_dma_read(struct pdsc *pdsc, u64 from, void *data, size_t size)
{
	return swiommu_read(pdsc->pf->pdev, from, data, size) ? PDS_RC_BAD_ADDR : PDS_RC_SUCCESS;
}

/* pds_dma_write - write to the host's memory */
enum pds_core_status_code pds_dma_write(struct pdsc *pdsc, u64 to, const void *data, size_t size)
{
	return swiommu_write(pdsc->pf->pdev, to, data, size) ? PDS_RC_BAD_ADDR : PDS_RC_SUCCESS;
}

static enum pds_core_status_code get_element(struct pdsc *pdsc, u64 sgl, unsigned int i,
					     struct pds_lm_sg_elem *element)
{
	enum pds_core_status_code status;

	status = pds_dma_read(pdsc, sgl + i * sizeof(*element), element, sizeof(*element));
	if (!status && !element->len)
		status = PDS_RC_EINVAL;
	return status;
}

/* pds_sgl_size - how many bytes a list has room for */
enum pds_core_status_code pds_sgl_size(struct pdsc *pdsc, u64 sgl, unsigned int nr, size_t *size)
{
	unsigned int i;

	if (!nr)
		return PDS_RC_EINVAL;
	*size = 0;
	for (i = 0; i < nr; i++) {
		struct pds_lm_sg_elem element;
		enum pds_core_status_code status = get_element(pdsc, sgl, i, &element);

		if (status)
			return status;
		*size += le32_to_cpu(element.len);
	}
	return PDS_RC_SUCCESS;
}

static enum pds_core_status_code copy(struct pdsc *pdsc, u64 sgl, unsigned int nr, u8 *data,
				      size_t size, bool to_host)
{
	unsigned int i;

	for (i = 0; i < nr && size; i++) {
		struct pds_lm_sg_elem element;
		enum pds_core_status_code status = get_element(pdsc, sgl, i, &element);
		size_t part;

		if (status)
			return status;
		part = min_t(size_t, size, le32_to_cpu(element.len));
		if (to_host)
			status = pds_dma_write(pdsc, le64_to_cpu(element.addr), data, part);
		else
			status = pds_dma_read(pdsc, le64_to_cpu(element.addr), data, part);
		if (status)
			return status;
		data += part;
		size -= part;
	}
	return size ? PDS_RC_ENOSPC : PDS_RC_SUCCESS;
}

/* pds_sgl_read - read what a list points at */
enum pds_core_status_code pds_sgl_read(struct pdsc *pdsc, u64 sgl, unsigned int nr, void *data,
				       size_t size)
{
	return copy(pdsc, sgl, nr, data, size, false);
}

/* pds_sgl_write - write to what a list points at */
enum pds_core_status_code pds_sgl_write(struct pdsc *pdsc, u64 sgl, unsigned int nr,
					const void *data, size_t size)
{
	return copy(pdsc, sgl, nr, (u8 *)data, size, true);
}
