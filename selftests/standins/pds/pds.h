/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A Distributed Services Card of AMD Pensando: what its firmware keeps of a VF, and
 * which commands it knows.
 *
 * The names of the commands and of their fields are those of
 * include/linux/pds/pds_adminq.h, whose comments are the only description of this
 * firmware that there is.
 */
#ifndef STANDIN_PDS_H
#define STANDIN_PDS_H

#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pds/pds_common.h>
#include <linux/pds/pds_core_if.h>
#include <linux/pds/pds_adminq.h>

#include "../lib/standin.h"

/**
 * struct pds_region - memory whose pages are logged
 * @base: where it begins in the VF's address space
 * @pages: how many pages it has
 * @shift: the logarithm of their size
 * @bit: of its first page in the bitmaps
 */
struct pds_region {
	u64 base;
	u64 pages;
	unsigned int shift;
	u64 bit;
};

/**
 * struct pds_log - which pages a VF wrote to
 * @regions: what is logged
 * @nr_regions: how many; 0 while nothing is
 * @seq: a bit for each page, the regions' one after the other.  A page is dirty while
 *	its bits here and in @ack differ
 * @ack: the host's: what it has taken note of
 * @size: of each bitmap, in bytes
 *
 * The lock of the VF is over it.
 */
struct pds_log {
	struct pds_region *regions;
	unsigned int nr_regions;
	u8 *seq;
	u8 *ack;
	size_t size;
};

/**
 * struct pds_vf - what the firmware keeps of a VF
 * @vf: the model
 * @commands: a VF's commands are carried out one after the other
 * @client: whose it is; 0: nobody's
 * @suspending: the suspension that was begun
 * @due: when it will be done; 0 if none is under way
 * @log: which pages it wrote to
 *
 * The lock of the VF is over what is below @client.
 */
struct pds_vf {
	struct standin_vf *vf;
	struct mutex commands;	/* one at a time */
	u16 client;
	u8 suspending;
	ktime_t due;
	struct pds_log log;
};

/**
 * struct pdsc - the card, as the clients of its driver see it
 * @pf: the card
 * @clients: over who is a client
 * @last_client: the last one's number.  No number is given twice, so that one that was
 *	given back is nobody's
 * @vfs: what the firmware keeps of each
 */
struct pdsc {
	struct standin_pf *pf;
	struct mutex clients;	/* who is one */
	u16 last_client;
	struct pds_vf vfs[SWPCI_MAX_VFS];
};

/* Carries a command out; gives the completion's status, and fills the rest of it in. */
#define PDS_COMMAND(name)								\
	enum pds_core_status_code name(struct pdsc *pdsc, struct pds_vf *vf,		\
				       const union pds_core_adminq_cmd *cmd,		\
				       union pds_core_adminq_comp *comp)

PDS_COMMAND(pds_host_vf_status);
PDS_COMMAND(pds_state_size);
PDS_COMMAND(pds_suspend);
PDS_COMMAND(pds_suspend_status);
PDS_COMMAND(pds_resume);
PDS_COMMAND(pds_save);
PDS_COMMAND(pds_restore);
PDS_COMMAND(pds_dirty_status);
PDS_COMMAND(pds_dirty_enable);
PDS_COMMAND(pds_dirty_disable);
PDS_COMMAND(pds_dirty_read_seq);
PDS_COMMAND(pds_dirty_write_ack);

void pds_tell(u8 state);
void pds_state_reset(struct pds_vf *vf);
void pds_log_written(struct pds_vf *vf, u64 iova, size_t size);
void pds_log_end(struct pds_vf *vf);

enum pds_core_status_code pds_dma_read(struct pdsc *pdsc, u64 from, void *data, size_t size);
enum pds_core_status_code pds_dma_write(struct pdsc *pdsc, u64 to, const void *data,
					size_t size);
enum pds_core_status_code pds_sgl_size(struct pdsc *pdsc, u64 sgl, unsigned int nr,
				       size_t *size);
enum pds_core_status_code pds_sgl_read(struct pdsc *pdsc, u64 sgl, unsigned int nr, void *data,
				       size_t size);
enum pds_core_status_code pds_sgl_write(struct pdsc *pdsc, u64 sgl, unsigned int nr,
					const void *data, size_t size);

#endif /* STANDIN_PDS_H */
