/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PF's driver without its card.
 *
 * Some files of drivers/gpu/drm/xe are built here as they are, with this before them.  It
 * stands for the headers that drag in the rest of the driver, of DRM and of TTM: what
 * those files use of it is here, and is a few lines of pf.c and guc.c.  A VF has one tile
 * with memory of its own, and two GTs, the second one for media.
 */
#ifndef STANDINS_XE_SHIM_H
#define STANDINS_XE_SHIM_H

#define _XE_ASSERT_H_
#define _XE_BO_H_
#define _XE_DEVICE_H_
#define _XE_DEVICE_TYPES_H_
#define _XE_GGTT_H_
#define _XE_GT_H_
#define _XE_GT_SRIOV_PF_HELPERS_H_
#define _XE_GT_SRIOV_PRINTK_H_
#define _XE_GT_TYPES_H_
#define _XE_GUC_BUF_H_
#define _XE_GUC_CT_H_
#define _XE_GUC_H_
#define _XE_MIGRATE_H_
#define _XE_MMIO_H_
#define _XE_PCI_H_
#define _XE_PM_H_
#define _XE_SRIOV_H_
#define _XE_SRIOV_PF_HELPERS_H_
#define _XE_SRIOV_PRINTK_H_
#define _XE_TILE_H_

#include <linux/bitfield.h>
#include <linux/build_bug.h>
#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/dma-fence.h>
#include <linux/err.h>
#include <linux/iosys-map.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string_choices.h>
#include <linux/workqueue.h>

#include <drm/drm_device.h>
#include <drm/drm_exec.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "regs/xe_reg_defs.h"
#include "xe_gt_sriov_pf_control_types.h"
#include "xe_gt_sriov_pf_migration_types.h"
#include "xe_sriov_pf_migration_types.h"
#include "xe_sriov_types.h"

#include "../lib/standin.h"

struct xe_device;
struct xe_gt;

#define XE_TILES	1
#define XE_GTS		2

/* What a VF's state is made of, in the order in which it lies there */
#define VRAM_SIZE	SZ_16K
#define GGTT_SIZE	SZ_4K
#define CONTEXTS_SIZE	SZ_4K
#define FLAGS_SIZE	16

#define VRAM_AT		0
#define GGTT_AT		(VRAM_AT + VRAM_SIZE)
#define CONTEXTS_AT(gt)	(GGTT_AT + GGTT_SIZE + (gt) * CONTEXTS_SIZE)
#define FLAGS_AT(gt)	(CONTEXTS_AT(XE_GTS) + (gt) * FLAGS_SIZE)
#define STATE_SIZE	FLAGS_AT(XE_GTS)

/* The GuC */

struct xe_guc_ct {};

/* The largest buffer that the GuC's memory has room for */
struct xe_guc_buf_cache {
	size_t size;
};

struct xe_guc_buf {
	void *data;
};

struct xe_guc {
	struct xe_guc_ct ct;
	struct xe_guc_buf_cache buf;
};

#define GUC_FIRMWARE_VER_AT_LEAST(guc, ver...)	((void)(guc), true)

int xe_guc_ct_send_block(struct xe_guc_ct *ct, const u32 *action, u32 len);

struct xe_guc_buf xe_guc_buf_reserve(struct xe_guc_buf_cache *cache, u32 dwords);
struct xe_guc_buf xe_guc_buf_from_data(struct xe_guc_buf_cache *cache, const void *data,
				       size_t size);
void xe_guc_buf_release(const struct xe_guc_buf buf);

static inline bool xe_guc_buf_is_valid(const struct xe_guc_buf buf)
{
	return buf.data;
}

static inline void *xe_guc_buf_cpu_ptr(const struct xe_guc_buf buf)
{
	return buf.data;
}

static inline void *xe_guc_buf_sync_read(const struct xe_guc_buf buf)
{
	return buf.data;
}

/* Where the GuC finds it */
static inline u64 xe_guc_buf_flush(const struct xe_guc_buf buf)
{
	return (uintptr_t)buf.data;
}

DEFINE_CLASS(xe_guc_buf, struct xe_guc_buf, xe_guc_buf_release(_T),
	     xe_guc_buf_reserve(cache, num), struct xe_guc_buf_cache *cache, u32 num);

DEFINE_CLASS(xe_guc_buf_from_data, struct xe_guc_buf, xe_guc_buf_release(_T),
	     xe_guc_buf_from_data(cache, data, size), struct xe_guc_buf_cache *cache,
	     const void *data, size_t size);

/* Registers */

struct xe_mmio {
	struct xe_gt *gt;
	unsigned int vfid;
};

void xe_mmio_init_vf_view(struct xe_mmio *mmio, const struct xe_mmio *base, unsigned int vfid);
u32 xe_mmio_read32(struct xe_mmio *mmio, struct xe_reg reg);
void xe_mmio_write32(struct xe_mmio *mmio, struct xe_reg reg, u32 val);

/* Tiles and GTs */

struct xe_tile {
	struct xe_device *xe;
	u8 id;
};

struct xe_gt_sriov_metadata {
	struct xe_gt_sriov_control_state control;
	struct xe_gt_sriov_migration_data migration;
};

struct xe_gt {
	struct xe_tile *tile;
	struct {
		u8 id;
	} info;
	struct {
		struct xe_guc guc;
	} uc;
	struct xe_mmio mmio;
	struct {
		struct {
			struct xe_gt_sriov_pf_control control;
			struct xe_gt_sriov_metadata *vfs;
		} pf;
	} sriov;
};

static inline bool xe_tile_is_root(struct xe_tile *tile)
{
	return !tile->id;
}

static inline bool xe_gt_is_media_type(struct xe_gt *gt)
{
	return gt->info.id;
}

static inline bool xe_gt_is_main_type(struct xe_gt *gt)
{
	return !gt->info.id;
}

static inline struct xe_device *gt_to_xe(struct xe_gt *gt)
{
	return gt->tile->xe;
}

/* The device */

enum xe_platform { XE_PVC, XE_BATTLEMAGE };

struct xe_sriov_metadata {
	struct xe_sriov_migration_state migration;
};

/**
 * enum guc_state - what a GuC does for a VF
 * @GUC_RUNNING: it works
 * @GUC_PAUSED: it could go on
 * @GUC_STOPPED: it could not
 * @GUC_CLEANED: it has forgotten the VF
 */
enum guc_state { GUC_RUNNING, GUC_PAUSED, GUC_STOPPED, GUC_CLEANED };

/**
 * struct guc_vf - a VF, as a GuC sees it.  Under the VF's lock
 * @gt: whose GuC
 * @vf: the VF
 * @state: what it does for it
 * @reset: there was a function level reset, and the PF has not yet said what to do
 * @events: what it has to tell the PF, as bits
 * @work: tells it
 */
struct guc_vf {
	struct xe_gt *gt;
	struct standin_vf *vf;
	enum guc_state state;
	bool reset;
	unsigned long events;
	struct work_struct work;
};

/* A buffer: of the host's memory, or all that a VF has of the card's */
struct xe_bo {
	struct {
		struct drm_gem_object base;
	} ttm;
	struct iosys_map vmap;
	size_t size;
	struct standin_vf *vf;
};

struct xe_device {
	struct drm_device drm;
	struct {
		enum xe_platform platform;
		u16 devid;
		u8 revid;
	} info;
	struct xe_tile tiles[XE_TILES];
	struct xe_gt gts[XE_GTS];
	struct {
		struct {
			struct xe_sriov_pf_migration migration;
			struct xe_sriov_metadata *vfs;
		} pf;
		struct workqueue_struct *wq;
	} sriov;

	/* ours */
	struct standin_pf *pf;
	struct xe_bo vram[SWPCI_MAX_VFS];
	struct guc_vf guc[XE_GTS][SWPCI_MAX_VFS];
};

#define IS_SRIOV_PF(xe)			((void)(xe), true)
#define xe_device_is_sriov_pf(xe)	((void)(xe), true)
#define xe_device_has_memirq(xe)	((void)(xe), true)

static inline struct xe_gt *xe_device_get_gt(struct xe_device *xe, u8 gt_id)
{
	return gt_id < XE_GTS ? &xe->gts[gt_id] : NULL;
}

#define for_each_gt(gt__, xe__, id__) \
	for ((id__) = 0; ((gt__) = xe_device_get_gt((xe__), (id__))); (id__)++)

struct xe_device *xe_pci_to_pf_device(struct pci_dev *pdev);

/* It never sleeps. */
DEFINE_GUARD(xe_pm_runtime_noresume, struct xe_device *, (void)_T, (void)_T)

static inline unsigned int xe_sriov_pf_get_totalvfs(struct xe_device *xe)
{
	return xe->pf->nr_vfs;
}

static inline unsigned int xe_sriov_pf_num_vfs(struct xe_device *xe)
{
	return pci_num_vf(xe->pf->pdev);
}

static inline unsigned int xe_gt_sriov_pf_get_totalvfs(struct xe_gt *gt)
{
	return xe_sriov_pf_get_totalvfs(gt_to_xe(gt));
}

/* VF 1 is the first one. */
static inline struct standin_vf *xe_vf(struct xe_device *xe, unsigned int vfid)
{
	return &xe->pf->vfs[vfid - 1];
}

/* Memory */

#define XE_BO_FLAG_SYSTEM	BIT(0)
#define XE_BO_FLAG_PINNED	BIT(1)
#define ttm_bo_type_kernel	0

struct xe_bo *xe_bo_create_pin_map_novm(struct xe_device *xe, struct xe_tile *tile, size_t size,
					int type, u32 flags, bool intr);
void xe_bo_unpin_map_no_vm(struct xe_bo *bo);

static inline size_t xe_bo_size(struct xe_bo *bo)
{
	return bo->size;
}

/* A VF's own is there for as long as the card. */
static inline void xe_bo_put(struct xe_bo *bo)
{
}

enum xe_migrate_copy_dir { XE_MIGRATE_COPY_TO_VRAM, XE_MIGRATE_COPY_TO_SRAM };

/* It is done when this returns: there is no fence. */
struct dma_fence *xe_migrate_vram_copy_chunk(struct xe_bo *vram_bo, u64 vram_offset,
					     struct xe_bo *sysmem_bo, u64 sysmem_offset,
					     u64 size, enum xe_migrate_copy_dir dir);

unsigned long xe_wait(struct completion *done, unsigned long timeout);

#define wait_for_completion_timeout(done, timeout)	xe_wait(done, timeout)

/* As in a kernel that is not one for debugging the driver: they are only compiled. */
#define xe_assert(xe, condition)		BUILD_BUG_ON_INVALID((xe) && (condition))
#define xe_gt_assert(gt, condition)		BUILD_BUG_ON_INVALID((gt) && (condition))
#define xe_sriov_dbg_verbose(xe, ...)		typecheck(struct xe_device *, xe)
#define xe_gt_sriov_dbg_verbose(gt, ...)	typecheck(struct xe_gt *, gt)

/* It says much. */
#define xe_sriov_dbg(xe, fmt, ...)		dev_dbg((xe)->drm.dev, fmt, ##__VA_ARGS__)
#define xe_sriov_info				xe_sriov_dbg
#define xe_sriov_notice				xe_sriov_dbg
#define xe_sriov_warn				xe_sriov_dbg
#define xe_sriov_err_ratelimited		xe_sriov_dbg
#define xe_gt_sriov_dbg(gt, fmt, ...)		xe_sriov_dbg(gt_to_xe(gt), fmt, ##__VA_ARGS__)
#define xe_gt_sriov_info			xe_gt_sriov_dbg
#define xe_gt_sriov_notice			xe_gt_sriov_dbg
#define xe_gt_sriov_err				xe_gt_sriov_dbg
#define xe_dbg_printer(xe)			((void)(xe), (struct drm_printer) {})
#define xe_gt_dbg_printer(gt)			((void)(gt), (struct drm_printer) {})

/* guc.c */
void guc_init(struct xe_device *xe);
void guc_fini(struct xe_device *xe);
void guc_vf_reset(struct xe_device *xe, struct standin_vf *vf);

/* pf.c */
int pf_init(struct standin_pf *pf);
void pf_fini(struct standin_pf *pf);

#endif /* STANDINS_XE_SHIM_H */
