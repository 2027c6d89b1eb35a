// SPDX-License-Identifier: GPL-2.0-only
/*
 * A GuC, the firmware of a GT: what it does for VFs, by the messages that it is sent.
 *
 * A message that comes at the wrong time fails, with the errno that the PF's driver makes
 * of that.  Of a VF's state the GuC keeps the contexts; it takes back only what it gave,
 * which it tells by a digest.
 */
#include <linux/cleanup.h>
#include <linux/xxhash.h>

#include "abi/guc_actions_sriov_abi.h"
#include "xe_gt_sriov_pf_control.h"

/**
 * struct image - what a GuC gives of a VF
 * @magic: IMAGE_MAGIC
 * @gt: which GT's it was
 * @digest: of the contexts
 * @contexts: part of the VF's state
 */
struct image {
	__le32 magic;
	__le32 gt;
	__le64 digest;
	u8 contexts[CONTEXTS_SIZE];
};

#define IMAGE_MAGIC	0x43754721
#define IMAGE_DWORDS	(sizeof(struct image) / sizeof(u32))

static void tell_pf(struct guc_vf *guc, unsigned int event)
{
	__set_bit(event, &guc->events);
	schedule_work(&guc->work);
}

static void send_event(struct guc_vf *guc, unsigned int event)
{
	u32 message[GUC2PF_VF_STATE_NOTIFY_EVENT_MSG_LEN] = {
		FIELD_PREP(GUC_HXG_MSG_0_ORIGIN, GUC_HXG_ORIGIN_GUC) |
		FIELD_PREP(GUC_HXG_MSG_0_TYPE, GUC_HXG_TYPE_EVENT) |
		FIELD_PREP(GUC_HXG_EVENT_MSG_0_ACTION, GUC_ACTION_GUC2PF_VF_STATE_NOTIFY),
		FIELD_PREP(GUC2PF_VF_STATE_NOTIFY_EVENT_MSG_1_VFID, guc->vf->id + 1),
		FIELD_PREP(GUC2PF_VF_STATE_NOTIFY_EVENT_MSG_2_EVENT, event),
	};
	int ret = xe_gt_sriov_pf_control_process_guc2pf(guc->gt, message, ARRAY_SIZE(message));

	WARN(ret, "standin: VF %u: the PF did not take event %u: %d\n", guc->vf->id, event, ret);
}

static void send_events(struct work_struct *work)
{
	struct guc_vf *guc = container_of(work, struct guc_vf, work);
	unsigned long events;
	unsigned int event;

	scoped_guard(mutex, &guc->vf->lock) {
		events = guc->events;
		guc->events = 0;
	}
	for_each_set_bit(event, &events, BITS_PER_LONG)
		send_event(guc, event);
}

static struct guc_vf *guc_of(struct xe_gt *gt, unsigned int vfid)
{
	return &gt_to_xe(gt)->guc[gt->info.id][vfid - 1];
}

static u8 *contexts_of(struct guc_vf *guc)
{
	return guc->vf->state + CONTEXTS_AT(guc->gt->info.id);
}

/* A VF works if both of its GTs do. */
static void enter(struct guc_vf *guc, enum guc_state state, bool reset)
{
	struct xe_device *xe = gt_to_xe(guc->gt);
	unsigned int i;

	guc->state = state;
	guc->reset = reset;
	guc->vf->running = true;
	for (i = 0; i < XE_GTS; i++)
		if (xe->guc[i][guc->vf->id].state != GUC_RUNNING || xe->guc[i][guc->vf->id].reset)
			guc->vf->running = false;
}

/* Control */

static const char *command_name(u32 command)
{
	switch (command) {
	case GUC_PF_TRIGGER_VF_PAUSE:
		return "guc_pause";
	case GUC_PF_TRIGGER_VF_RESUME:
		return "guc_resume";
	case GUC_PF_TRIGGER_VF_STOP:
		return "guc_stop";
	case GUC_PF_TRIGGER_VF_FLR_START:
		return "guc_flr_start";
	default:
		return "guc_flr_finish";
	}
}

static int control(struct guc_vf *guc, u32 command)
{
	int ret = standin_call(guc->vf, command_name(command));

	if (ret)
		return ret;
	guard(mutex)(&guc->vf->lock);
	switch (command) {
	case GUC_PF_TRIGGER_VF_PAUSE:
		if (guc->state != GUC_RUNNING)
			return -EIO;
		enter(guc, GUC_PAUSED, guc->reset);
		tell_pf(guc, GUC_PF_NOTIFY_VF_PAUSE_DONE);
		return 0;
	case GUC_PF_TRIGGER_VF_RESUME:
		if (guc->state != GUC_PAUSED)
			return -EIO;
		enter(guc, GUC_RUNNING, guc->reset);
		return 0;
	case GUC_PF_TRIGGER_VF_STOP:
		if (guc->state != GUC_RUNNING && guc->state != GUC_PAUSED)
			return -EIO;
		enter(guc, GUC_STOPPED, guc->reset);
		return 0;
	case GUC_PF_TRIGGER_VF_FLR_START:
		/* Until then what was under way went on, a restore, too. */
		memset(contexts_of(guc), 0, CONTEXTS_SIZE);
		enter(guc, GUC_CLEANED, false);
		tell_pf(guc, GUC_PF_NOTIFY_VF_FLR_DONE);
		return 0;
	case GUC_PF_TRIGGER_VF_FLR_FINISH:
		if (guc->state != GUC_CLEANED)
			return -EIO;
		enter(guc, GUC_RUNNING, guc->reset);
		return 0;
	default:
		return -EIO;
	}
}

/* Migration */

static int save(struct guc_vf *guc, struct image *image, u32 dwords)
{
	int ret;

	/* How large it is can be asked for at any time. */
	if (!dwords)
		return standin_call(guc->vf, "guc_size") ?: IMAGE_DWORDS;
	ret = standin_call(guc->vf, "guc_save");
	if (ret)
		return ret;
	guard(mutex)(&guc->vf->lock);
	if (guc->state != GUC_PAUSED || dwords < IMAGE_DWORDS)
		return -EIO;
	image->magic = cpu_to_le32(IMAGE_MAGIC);
	image->gt = cpu_to_le32(guc->gt->info.id);
	memcpy(image->contexts, contexts_of(guc), CONTEXTS_SIZE);
	image->digest = cpu_to_le64(xxh64(image->contexts, CONTEXTS_SIZE, 0));
	return IMAGE_DWORDS;
}

static int restore(struct guc_vf *guc, const struct image *image, u32 dwords)
{
	int ret = standin_call(guc->vf, "guc_restore");

	if (ret)
		return ret;
	guard(mutex)(&guc->vf->lock);
	if (guc->state != GUC_PAUSED || dwords != IMAGE_DWORDS)
		return -EIO;
	if (le32_to_cpu(image->magic) != IMAGE_MAGIC ||
	    le32_to_cpu(image->gt) != guc->gt->info.id ||
	    le64_to_cpu(image->digest) != xxh64(image->contexts, CONTEXTS_SIZE, 0))
		return -EIO;
	memcpy(contexts_of(guc), image->contexts, CONTEXTS_SIZE);
	return IMAGE_DWORDS;
}

static int save_or_restore(struct guc_vf *guc, const u32 *message)
{
	u32 opcode = FIELD_GET(PF2GUC_SAVE_RESTORE_VF_REQUEST_MSG_0_OPCODE, message[0]);
	u32 dwords = FIELD_GET(PF2GUC_SAVE_RESTORE_VF_REQUEST_MSG_4_SIZE, message[4]);
	void *buffer = (void *)(uintptr_t)((u64)message[3] << 32 | message[2]);

	switch (opcode) {
	case GUC_PF_OPCODE_VF_SAVE:
		return save(guc, buffer, dwords);
	case GUC_PF_OPCODE_VF_RESTORE:
		return restore(guc, buffer, dwords);
	default:
		return -EIO;
	}
}

/**
 * xe_guc_ct_send_block - send a GuC a message, and wait for its answer
 * @ct: the way to it
 * @action: the message
 * @len: how many words
 *
 * Return: what the answer says; -EIO: the GuC refuses.
 */
int xe_guc_ct_send_block(struct xe_guc_ct *ct, const u32 *action, u32 len)
{
	struct xe_gt *gt = container_of(ct, struct xe_gt, uc.guc.ct);
	u32 vfid = len > 1 ? action[1] : 0;

	if (WARN(!vfid || vfid > xe_gt_sriov_pf_get_totalvfs(gt),
		 "standin: a message about no VF\n"))
		return -EIO;
	switch (FIELD_GET(GUC_HXG_REQUEST_MSG_0_ACTION, action[0])) {
	case GUC_ACTION_PF2GUC_VF_CONTROL:
		if (len == PF2GUC_VF_CONTROL_REQUEST_MSG_LEN)
			return control(guc_of(gt, vfid), action[2]);
		break;
	case GUC_ACTION_PF2GUC_SAVE_RESTORE_VF:
		if (len == PF2GUC_SAVE_RESTORE_VF_REQUEST_MSG_LEN)
			return save_or_restore(guc_of(gt, vfid), action);
		break;
	}
	WARN(true, "standin: a message that no GuC knows: %#x\n", action[0]);
	return -EIO;
}

/**
 * guc_vf_reset - the hardware tells the GuCs of a function level reset
 * @xe: the card
 * @vf: the VF, whose lock is held
 *
 * They tell the PF, and until that has an answer go on with what they do for the VF, which
 * works again when the PF has done its part, too.  One that knows nothing of the VF has
 * nothing to forget.
 */
void guc_vf_reset(struct xe_device *xe, struct standin_vf *vf)
{
	unsigned int i;

	for (i = 0; i < XE_GTS; i++) {
		struct guc_vf *guc = &xe->guc[i][vf->id];

		enter(guc, guc->state, guc->state != GUC_CLEANED);
		tell_pf(guc, GUC_PF_NOTIFY_VF_FLR);
	}
}

/**
 * guc_init - the GuCs of a card
 * @xe: the card
 */
void guc_init(struct xe_device *xe)
{
	unsigned int i, j;

	for (i = 0; i < XE_GTS; i++) {
		/* As much as the PF's driver reserves for a VF's state */
		xe->gts[i].uc.guc.buf.size = SZ_8M;
		for (j = 0; j < xe->pf->nr_vfs; j++) {
			struct guc_vf *guc = &xe->guc[i][j];

			guc->gt = &xe->gts[i];
			guc->vf = &xe->pf->vfs[j];
			INIT_WORK(&guc->work, send_events);
		}
	}
}

/**
 * guc_fini - the GuCs have nothing more to say
 * @xe: the card, whose VFs are gone
 */
void guc_fini(struct xe_device *xe)
{
	unsigned int i, j;

	for (i = 0; i < XE_GTS; i++)
		for (j = 0; j < xe->pf->nr_vfs; j++)
			flush_work(&xe->guc[i][j].work);
}
