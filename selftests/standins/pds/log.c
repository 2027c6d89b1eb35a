// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log of the pages that a VF wrote to.
 *
 * Host and firmware have a bit each for every page.  The firmware flips its own when a
 * page gets dirty that was not, and the host copies it when it has taken note.
 */
#include <linux/align.h>
#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "pds.h"

/* How many regions a VF can have at a time */
#define MAX_REGIONS	8

/* "the count might be aligned to a multiple of 64"; what the driver counts on */
#define PAGES_ALIGN	64

/* Of what sizes pages can be */
#define MIN_PAGE_SHIFT	12
#define MAX_PAGE_SHIFT	30

/* The card has memory for so many pages of a VF: 512 GiB in pages of 4 KiB. */
#define MAX_PAGES	BIT_ULL(27)

static u64 last_of(const struct pds_region *region)
{
	return region->base + (region->pages << region->shift) - 1;
}

/* pds_log_end - log no more; locked */
void pds_log_end(struct pds_vf *vf)
{
	struct pds_log *log = &vf->log;

	kfree(log->regions);
	kvfree(log->seq);
	kvfree(log->ack);
	*log = (struct pds_log) {};
}

static void mark(struct pds_log *log, u64 bit)
{
	u8 mask = BIT(bit % BITS_PER_BYTE);

	if (!((log->seq[bit / BITS_PER_BYTE] ^ log->ack[bit / BITS_PER_BYTE]) & mask))
		log->seq[bit / BITS_PER_BYTE] ^= mask;
}

/* pds_log_written - a VF wrote to memory; locked.  Regions that are aligned can overlap. */
void pds_log_written(struct pds_vf *vf, u64 iova, size_t size)
{
	struct pds_log *log = &vf->log;
	u64 last = iova + size - 1;
	unsigned int i;

	for (i = 0; i < log->nr_regions; i++) {
		const struct pds_region *region = &log->regions[i];
		u64 page, end;

		if (last < region->base || iova > last_of(region))
			continue;
		page = (max(iova, region->base) - region->base) >> region->shift;
		end = (min(last, last_of(region)) - region->base) >> region->shift;
		for (; page <= end; page++)
			mark(log, region->bit + page);
	}
}

static void fill_in(struct pds_vf *vf, union pds_core_adminq_comp *comp)
{
	comp->lm_dirty_status.max_regions = MAX_REGIONS;
	comp->lm_dirty_status.num_regions = vf->log.nr_regions;
	comp->lm_dirty_status.bmp_type = vf->log.nr_regions ? PDS_LM_DIRTY_BMP_TYPE_SEQ_ACK :
							      PDS_LM_DIRTY_BMP_TYPE_NONE;
	comp->lm_dirty_status.bmp_type_mask = cpu_to_le32(BIT(PDS_LM_DIRTY_BMP_TYPE_SEQ_ACK));
}

static enum pds_core_status_code put_info(struct pdsc *pdsc, const struct pds_region *region,
					  u64 to)
{
	struct pds_lm_dirty_region_info info = {
		.dma_base = cpu_to_le64(region->base),
		.page_count = cpu_to_le32(region->pages),
		.page_size_log2 = region->shift,
	};

	return pds_dma_write(pdsc, to, &info, sizeof(info));
}

static enum pds_core_status_code put_infos(struct pdsc *pdsc, const struct pds_log *log,
					   unsigned int nr, u64 to)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		enum pds_core_status_code status;

		status = put_info(pdsc, &log->regions[i],
				  to + i * sizeof(struct pds_lm_dirty_region_info));
		if (status)
			return status;
	}
	return PDS_RC_SUCCESS;
}

PDS_COMMAND(pds_dirty_status)
{
	unsigned int room = cmd->lm_dirty_status.max_regions;

	guard(mutex)(&vf->vf->lock);
	fill_in(vf, comp);
	return put_infos(pdsc, &vf->log, min(room, vf->log.nr_regions),
			 le64_to_cpu(cmd->lm_dirty_status.regions_dma));
}

static enum pds_core_status_code get_region(struct pdsc *pdsc, u64 from,
					    struct pds_region *region)
{
	struct pds_lm_dirty_region_info info;
	enum pds_core_status_code status = pds_dma_read(pdsc, from, &info, sizeof(info));

	if (status)
		return status;
	region->base = le64_to_cpu(info.dma_base);
	region->pages = le32_to_cpu(info.page_count);
	region->shift = info.page_size_log2;
	if (region->shift < MIN_PAGE_SHIFT || region->shift > MAX_PAGE_SHIFT || !region->pages)
		return PDS_RC_EINVAL;
	/* What the card has no address for it cannot write to. */
	if (region->base >> PDS_CORE_ADDR_LEN || last_of(region) >> PDS_CORE_ADDR_LEN)
		return PDS_RC_ERANGE;
	return PDS_RC_SUCCESS;
}

static bool overlap(const struct pds_region *regions, unsigned int nr)
{
	unsigned int i, j;

	for (i = 0; i < nr; i++)
		for (j = 0; j < i; j++)
			if (regions[i].base <= last_of(&regions[j]) &&
			    regions[j].base <= last_of(&regions[i]))
				return true;
	return false;
}

/* Makes the bitmaps for all regions, which get as many pages as is convenient. */
static enum pds_core_status_code make_bitmaps(struct pds_log *log)
{
	u64 bits = 0;
	unsigned int i;

	for (i = 0; i < log->nr_regions; i++) {
		log->regions[i].pages = ALIGN(log->regions[i].pages, PAGES_ALIGN);
		log->regions[i].bit = bits;
		bits += log->regions[i].pages;
	}
	if (bits > MAX_PAGES)
		return PDS_RC_ENOSPC;
	log->size = bits / BITS_PER_BYTE;
	log->seq = kvzalloc(log->size, GFP_KERNEL);
	log->ack = kvzalloc(log->size, GFP_KERNEL);
	return log->seq && log->ack ? PDS_RC_SUCCESS : PDS_RC_ENOMEM;
}

static enum pds_core_status_code begin(struct pdsc *pdsc, struct pds_log *log, u64 regions_dma)
{
	enum pds_core_status_code status;
	unsigned int i;

	log->regions = kcalloc(log->nr_regions, sizeof(*log->regions), GFP_KERNEL);
	if (!log->regions)
		return PDS_RC_ENOMEM;
	for (i = 0; i < log->nr_regions; i++) {
		status = get_region(pdsc,
				    regions_dma + i * sizeof(struct pds_lm_dirty_region_info),
				    &log->regions[i]);
		if (status)
			return status;
	}
	if (overlap(log->regions, log->nr_regions))
		return PDS_RC_EINVAL;
	status = make_bitmaps(log);
	return status ?: put_infos(pdsc, log, log->nr_regions, regions_dma);
}

PDS_COMMAND(pds_dirty_enable)
{
	unsigned int nr = cmd->lm_dirty_enable.num_regions;
	enum pds_core_status_code status;

	guard(mutex)(&vf->vf->lock);
	if (vf->log.nr_regions)
		return PDS_RC_EEXIST;
	if (cmd->lm_dirty_enable.bmp_type != PDS_LM_DIRTY_BMP_TYPE_SEQ_ACK)
		return PDS_RC_ENOSUPP;
	if (!nr || nr > MAX_REGIONS)
		return PDS_RC_EINVAL;
	vf->log.nr_regions = nr;
	status = begin(pdsc, &vf->log, le64_to_cpu(cmd->lm_dirty_enable.regions_dma));
	if (status)
		pds_log_end(vf);
	fill_in(vf, comp);
	return status;
}

PDS_COMMAND(pds_dirty_disable)
{
	guard(mutex)(&vf->vf->lock);
	pds_log_end(vf);
	fill_in(vf, comp);
	return PDS_RC_SUCCESS;
}

static enum pds_core_status_code check_seq_ack(const struct pds_vf *vf,
					       const struct pds_lm_dirty_seq_ack_cmd *cmd)
{
	size_t offset = le32_to_cpu(cmd->off_bytes), size = le32_to_cpu(cmd->len_bytes);

	if (!vf->log.nr_regions || !size)
		return PDS_RC_EINVAL;
	if (offset > vf->log.size || size > vf->log.size - offset)
		return PDS_RC_ERANGE;
	return PDS_RC_SUCCESS;
}

PDS_COMMAND(pds_dirty_read_seq)
{
	const struct pds_lm_dirty_seq_ack_cmd *what = &cmd->lm_dirty_seq_ack;
	enum pds_core_status_code status;

	guard(mutex)(&vf->vf->lock);
	status = check_seq_ack(vf, what);
	if (status)
		return status;
	return pds_sgl_write(pdsc, le64_to_cpu(what->sgl_addr), le16_to_cpu(what->num_sge),
			     vf->log.seq + le32_to_cpu(what->off_bytes),
			     le32_to_cpu(what->len_bytes));
}

PDS_COMMAND(pds_dirty_write_ack)
{
	const struct pds_lm_dirty_seq_ack_cmd *what = &cmd->lm_dirty_seq_ack;
	enum pds_core_status_code status;

	guard(mutex)(&vf->vf->lock);
	status = check_seq_ack(vf, what);
	if (status)
		return status;
	return pds_sgl_read(pdsc, le64_to_cpu(what->sgl_addr), le16_to_cpu(what->num_sge),
			    vf->log.ack + le32_to_cpu(what->off_bytes),
			    le32_to_cpu(what->len_bytes));
}
