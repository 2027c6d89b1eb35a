// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rest of the PF's driver, as far as the files that are built here call it: memory,
 * registers, what was given to a VF, and what DRM does for a driver.
 */
#include <linux/cleanup.h>
#include <linux/mm.h>

#include <drm/drm_managed.h>

#include "regs/xe_guc_regs.h"
#include "xe_gt_sriov_pf.h"
#include "xe_gt_sriov_pf_config.h"
#include "xe_gt_sriov_pf_control.h"
#include "xe_gt_sriov_pf_migration.h"
#include "xe_gt_sriov_pf_monitor.h"
#include "xe_sriov_pf_migration.h"
#include "xe_sriov_pf_service.h"

/* Memory */

struct xe_guc_buf xe_guc_buf_reserve(struct xe_guc_buf_cache *cache, u32 dwords)
{
	size_t size = dwords * sizeof(u32);

	return (struct xe_guc_buf){
		.data = size && size <= cache->size ? kvzalloc(size, GFP_KERNEL) : NULL,
	};
}

struct xe_guc_buf xe_guc_buf_from_data(struct xe_guc_buf_cache *cache, const void *data,
				       size_t size)
{
	struct xe_guc_buf buf = {};

	if (size && size <= cache->size)
		buf.data = kvmemdup(data, size, GFP_KERNEL);
	return buf;
}

void xe_guc_buf_release(const struct xe_guc_buf buf)
{
	kvfree(buf.data);
}

struct xe_bo *xe_bo_create_pin_map_novm(struct xe_device *xe, struct xe_tile *tile, size_t size,
					int type, u32 flags, bool intr)
{
	struct xe_bo *bo;

	/* As the driver's own says it */
	if (WARN_ON(!size))
		return ERR_PTR(-EINVAL);
	if (size > totalram_pages() << PAGE_SHIFT)
		return ERR_PTR(-ENOMEM);
	bo = kzalloc(sizeof(*bo), GFP_KERNEL);
	if (!bo)
		return ERR_PTR(-ENOMEM);
	bo->size = size;
	bo->vmap.vaddr = kvzalloc(size, GFP_KERNEL | __GFP_NOWARN);
	if (!bo->vmap.vaddr) {
		kfree(bo);
		return ERR_PTR(-ENOMEM);
	}
	return bo;
}

void xe_bo_unpin_map_no_vm(struct xe_bo *bo)
{
	if (!bo)
		return;
	kvfree(bo->vmap.vaddr);
	kfree(bo);
}

struct dma_fence *xe_migrate_vram_copy_chunk(struct xe_bo *vram_bo, u64 vram_offset,
					     struct xe_bo *sysmem_bo, u64 sysmem_offset,
					     u64 size, enum xe_migrate_copy_dir dir)
{
	struct standin_vf *vf = vram_bo->vf;
	u8 *sysmem = sysmem_bo->vmap.vaddr + sysmem_offset;

	if (!standin_expect(vf, vram_offset <= VRAM_SIZE && size <= VRAM_SIZE - vram_offset &&
			    sysmem_offset + size <= sysmem_bo->size,
			    "memory is copied that it has not"))
		return ERR_PTR(-EINVAL);
	guard(mutex)(&vf->lock);
	if (dir == XE_MIGRATE_COPY_TO_SRAM)
		memcpy(sysmem, vf->state + VRAM_AT + vram_offset, size);
	else
		memcpy(vf->state + VRAM_AT + vram_offset, sysmem, size);
	return NULL;
}

/* Registers: only the flags by which a VF's driver tells itself something */

void xe_mmio_init_vf_view(struct xe_mmio *mmio, const struct xe_mmio *base, unsigned int vfid)
{
	*mmio = *base;
	mmio->vfid = vfid;
}

static u8 *flag_of(struct xe_mmio *mmio, struct xe_reg reg)
{
	struct standin_vf *vf = xe_vf(gt_to_xe(mmio->gt), mmio->vfid);
	u32 first = xe_gt_is_media_type(mmio->gt) ? MED_VF_SW_FLAG(0).addr : VF_SW_FLAG(0).addr;

	if (!standin_expect(vf, reg.addr >= first && reg.addr < first + FLAGS_SIZE,
			    "a register that it has not"))
		return NULL;
	return vf->state + FLAGS_AT(mmio->gt->info.id) + reg.addr - first;
}

u32 xe_mmio_read32(struct xe_mmio *mmio, struct xe_reg reg)
{
	u8 *flag = flag_of(mmio, reg);
	__le32 value = 0;

	guard(mutex)(&xe_vf(gt_to_xe(mmio->gt), mmio->vfid)->lock);
	if (flag)
		memcpy(&value, flag, sizeof(value));
	return le32_to_cpu(value);
}

void xe_mmio_write32(struct xe_mmio *mmio, struct xe_reg reg, u32 val)
{
	u8 *flag = flag_of(mmio, reg);
	__le32 value = cpu_to_le32(val);

	guard(mutex)(&xe_vf(gt_to_xe(mmio->gt), mmio->vfid)->lock);
	if (flag)
		memcpy(flag, &value, sizeof(value));
}

/* What was given to a VF */

/* Entries are kept without the VF's number, which the driver puts in and takes out. */
ssize_t xe_gt_sriov_pf_config_ggtt_save(struct xe_gt *gt, unsigned int vfid, void *buf,
					size_t size)
{
	struct standin_vf *vf = xe_vf(gt_to_xe(gt), vfid);

	if (!buf)
		return GGTT_SIZE;
	if (size != GGTT_SIZE)
		return -EINVAL;
	guard(mutex)(&vf->lock);
	memcpy(buf, vf->state + GGTT_AT, size);
	return 0;
}

int xe_gt_sriov_pf_config_ggtt_restore(struct xe_gt *gt, unsigned int vfid, const void *buf,
				       size_t size)
{
	struct standin_vf *vf = xe_vf(gt_to_xe(gt), vfid);

	/* The second GT of a tile has none of its own. */
	if (xe_gt_is_media_type(gt))
		return -ENOENT;
	if (size != GGTT_SIZE)
		return -EINVAL;
	guard(mutex)(&vf->lock);
	memcpy(vf->state + GGTT_AT, buf, size);
	return 0;
}

u64 xe_gt_sriov_pf_config_get_lmem(struct xe_gt *gt, unsigned int vfid)
{
	return VRAM_SIZE;
}

struct xe_bo *xe_gt_sriov_pf_config_get_lmem_obj(struct xe_gt *gt, unsigned int vfid)
{
	/* As with the GGTT */
	if (xe_gt_is_media_type(gt))
		return NULL;
	return &gt_to_xe(gt)->vram[vfid - 1];
}

/*
 * After a reset.  The hardware's has cleared the same, but what the driver had under way may
 * have written since.
 */
int xe_gt_sriov_pf_config_sanitize(struct xe_gt *gt, unsigned int vfid, long timeout)
{
	struct standin_vf *vf = xe_vf(gt_to_xe(gt), vfid);
	int ret = standin_call(vf, "sanitize");

	if (ret || xe_gt_is_media_type(gt))
		return ret;
	guard(mutex)(&vf->lock);
	memset(vf->state + VRAM_AT, 0, VRAM_SIZE);
	memset(vf->state + GGTT_AT, 0, GGTT_SIZE);
	return 0;
}

void xe_gt_sriov_pf_sanitize_hw(struct xe_gt *gt, unsigned int vfid)
{
	struct standin_vf *vf = xe_vf(gt_to_xe(gt), vfid);

	guard(mutex)(&vf->lock);
	memset(vf->state + FLAGS_AT(gt->info.id), 0, FLAGS_SIZE);
}

void xe_gt_sriov_pf_monitor_flr(struct xe_gt *gt, u32 vfid)
{
}

void xe_sriov_pf_service_reset_vf(struct xe_device *xe, unsigned int vfid)
{
}

/* Waiting */

/* There is one. */
static struct xe_device *the_card;

static bool workers_are_idle(void)
{
	unsigned int i;

	for (i = 0; i < XE_GTS; i++)
		if (work_busy(&the_card->gts[i].sriov.pf.control.worker))
			return false;
	return true;
}

/**
 * xe_wait - what the driver has for wait_for_completion_timeout()
 * @done: what it waits for
 * @timeout: for how long
 *
 * For the end of a restore it waits 20 seconds.  When its workers have nothing left to do
 * and the end is not there, it does not come: then this is as if the time were over, or
 * each stream that lacks its end would take 20 seconds to refuse.
 *
 * Return: what is left of the time; 0: it is over.
 */
unsigned long xe_wait(struct completion *done, unsigned long timeout)
{
	unsigned int idle = 0;
	unsigned long left;

	if (timeout <= 5 * HZ)
		return (wait_for_completion_timeout)(done, timeout);
	for (; timeout && idle < 2; timeout--) {
		left = (wait_for_completion_timeout)(done, 1);
		if (left)
			return timeout;
		idle = workers_are_idle() ? idle + 1 : 0;
	}
	return 0;
}

/* DRM, and what it waits with */

/* Nobody else locks a buffer: once is enough. */
void drm_exec_init(struct drm_exec *exec, u32 flags, unsigned int nr)
{
	exec->contended = NULL;
	exec->num_objects = 1;
}

bool drm_exec_cleanup(struct drm_exec *exec)
{
	return exec->num_objects--;
}

int drm_exec_lock_obj(struct drm_exec *exec, struct drm_gem_object *obj)
{
	return 0;
}

void drm_exec_fini(struct drm_exec *exec)
{
}

signed long dma_fence_wait_timeout(struct dma_fence *fence, bool intr, signed long timeout)
{
	return timeout;
}

/* Of none */
void dma_fence_release(struct kref *kref)
{
}

/**
 * struct action - what is done when the device goes
 * @drm: the device
 * @action: what
 * @data: with what
 */
struct action {
	struct drm_device *drm;
	drmres_release_t action;
	void *data;
};

static void do_action(void *data)
{
	struct action *action = data;

	action->action(action->drm, action->data);
}

int __drmm_add_action_or_reset(struct drm_device *dev, drmres_release_t action, void *data,
			       const char *name)
{
	struct action *later = devm_kmalloc(dev->dev, sizeof(*later), GFP_KERNEL);

	if (!later) {
		action(dev, data);
		return -ENOMEM;
	}
	*later = (struct action){ dev, action, data };
	return devm_add_action_or_reset(dev->dev, do_action, later);
}

void __drmm_mutex_release(struct drm_device *dev, void *res)
{
	mutex_destroy(res);
}

/* Called only by what prints for debugging, of which nothing does */
void drm_printf(struct drm_printer *p, const char *f, ...)
{
}

void __drm_printfn_line(struct drm_printer *p, struct va_format *vaf)
{
}

/* The PF */

struct xe_device *xe_pci_to_pf_device(struct pci_dev *pdev)
{
	struct xe_device *xe = pci_iov_get_pf_drvdata(pdev, standin_pf_driver());

	return IS_ERR(xe) ? NULL : xe;
}

static void destroy_queue(void *data)
{
	destroy_workqueue(data);
}

static int init_gt(struct xe_device *xe, unsigned int id)
{
	struct xe_gt *gt = &xe->gts[id];
	int ret;

	gt->tile = &xe->tiles[0];
	gt->info.id = id;
	gt->mmio.gt = gt;
	/* By their numbers, of which 0 is the PF's */
	gt->sriov.pf.vfs = devm_kcalloc(xe->drm.dev, xe->pf->nr_vfs + 1,
					sizeof(*gt->sriov.pf.vfs), GFP_KERNEL);
	if (!gt->sriov.pf.vfs)
		return -ENOMEM;
	ret = xe_gt_sriov_pf_control_init(gt);
	return ret ?: xe_gt_sriov_pf_migration_init(gt);
}

/**
 * pf_init - a PF gets its driver
 * @pf: the PF
 *
 * Return: 0, or what went wrong.
 */
int pf_init(struct standin_pf *pf)
{
	struct device *dev = &pf->pdev->dev;
	struct xe_device *xe = devm_kzalloc(dev, sizeof(*xe), GFP_KERNEL);
	unsigned int i;
	int ret;

	if (!xe)
		return -ENOMEM;
	xe->pf = pf;
	xe->drm.dev = dev;
	xe->info.platform = XE_BATTLEMAGE;
	xe->info.devid = pf->pdev->device;
	xe->info.revid = pf->pdev->revision;
	xe->tiles[0].xe = xe;
	for (i = 0; i < pf->nr_vfs; i++) {
		xe->vram[i].size = VRAM_SIZE;
		xe->vram[i].vf = &pf->vfs[i];
	}
	xe->sriov.pf.vfs = devm_kcalloc(dev, pf->nr_vfs + 1, sizeof(*xe->sriov.pf.vfs),
					GFP_KERNEL);
	if (!xe->sriov.pf.vfs)
		return -ENOMEM;
	xe->sriov.wq = alloc_workqueue("standin_xe", WQ_PERCPU, 0);
	if (!xe->sriov.wq)
		return -ENOMEM;
	ret = devm_add_action_or_reset(dev, destroy_queue, xe->sriov.wq);
	for (i = 0; !ret && i < XE_GTS; i++)
		ret = init_gt(xe, i);
	if (!ret)
		ret = xe_sriov_pf_migration_init(xe);
	if (ret)
		return ret;
	guc_init(xe);
	the_card = xe;
	pf->priv = xe;
	pci_set_drvdata(pf->pdev, xe);
	return 0;
}

/**
 * pf_fini - a PF loses its driver
 * @pf: the PF, whose VFs are gone
 *
 * What is devres's goes after this.
 */
void pf_fini(struct standin_pf *pf)
{
	struct xe_device *xe = pf->priv;

	guc_fini(xe);
	flush_workqueue(xe->sriov.wq);
	guc_fini(xe);
}
