// SPDX-License-Identifier: GPL-2.0-only
/* A VF is suspended and resumed, and its state is saved and restored. */
#include <linux/cleanup.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "pds.h"

/* How long a suspension takes.  Who does not ask whether it is done can see it run on. */
#define SUSPEND_MS	2

/* What the host tells of itself makes no difference here. */
PDS_COMMAND(pds_host_vf_status)
{
	if (!standin_expect(vf->vf, cmd->lm_host_vf_status.status < PDS_LM_STA_MAX,
			    "HOST_VF_STATUS with a status that there is not"))
		return PDS_RC_EINVAL;
	return PDS_RC_SUCCESS;
}

/* pds_state_reset - after a function level reset nothing is suspended; locked */
void pds_state_reset(struct pds_vf *vf)
{
	vf->due = 0;
}

static bool known_type(struct pds_vf *vf, u8 type)
{
	return standin_expect(vf->vf, type == PDS_LM_SUSPEND_RESUME_TYPE_FULL ||
				      type == PDS_LM_SUSPEND_RESUME_TYPE_P2P,
			      "SUSPEND or RESUME of a type that there is not");
}

/* It is only begun, also for a VF that is suspended: by the answer nobody can tell. */
PDS_COMMAND(pds_suspend)
{
	if (!known_type(vf, cmd->lm_suspend.type))
		return PDS_RC_EINVAL;
	guard(mutex)(&vf->vf->lock);
	vf->suspending = cmd->lm_suspend.type;
	vf->due = ktime_add_ms(ktime_get(), SUSPEND_MS);
	return PDS_RC_SUCCESS;
}

static bool suspended(struct pds_vf *vf, u8 type)
{
	return type == PDS_LM_SUSPEND_RESUME_TYPE_P2P ? vf->vf->quiet : !vf->vf->running;
}

PDS_COMMAND(pds_suspend_status)
{
	u8 type = cmd->lm_suspend_status.type;

	if (!known_type(vf, type))
		return PDS_RC_EINVAL;
	scoped_guard(mutex, &vf->vf->lock) {
		if (!vf->due)
			return suspended(vf, type) ? PDS_RC_SUCCESS : PDS_RC_EINVAL;
		if (vf->suspending != type)
			return PDS_RC_EINVAL;
		if (ktime_before(ktime_get(), vf->due))
			return PDS_RC_EAGAIN;
		vf->due = 0;
		vf->vf->quiet = true;
	}
	if (type == PDS_LM_SUSPEND_RESUME_TYPE_FULL)
		standin_suspend(vf->vf);
	return PDS_RC_SUCCESS;
}

/* A suspension that is under way is given up. */
PDS_COMMAND(pds_resume)
{
	if (!known_type(vf, cmd->lm_resume.type))
		return PDS_RC_EINVAL;
	scoped_guard(mutex, &vf->vf->lock) {
		vf->due = 0;
		vf->vf->quiet = cmd->lm_resume.type == PDS_LM_SUSPEND_RESUME_TYPE_P2P;
	}
	standin_resume(vf->vf);
	return PDS_RC_SUCCESS;
}

/*
 * What the state ends with.  The driver hands over as much as the largest state needs,
 * zeros where nothing was written to, and does not tell how much was: only what is not
 * zero at its end tells a state that is whole from one that ends in zeros.
 */
#define END	0x21646e6520656854ULL

static size_t state_size(struct pds_vf *vf)
{
	return standin_image_size(vf->vf) + sizeof(__le64);
}

PDS_COMMAND(pds_state_size)
{
	comp->lm_state_size.size = cpu_to_le64(state_size(vf));
	return PDS_RC_SUCCESS;
}

static bool runs(struct pds_vf *vf)
{
	guard(mutex)(&vf->vf->lock);
	return vf->vf->running;
}

PDS_COMMAND(pds_save)
{
	void *image __free(kvfree) = NULL;
	u64 sgl = le64_to_cpu(cmd->lm_save.sgl_addr);
	unsigned int nr = le32_to_cpu(cmd->lm_save.num_sge);
	size_t size = state_size(vf), room;
	enum pds_core_status_code status;

	if (runs(vf))
		return PDS_RC_EBUSY;
	status = pds_sgl_size(pdsc, sgl, nr, &room);
	if (status)
		return status;
	if (room < size)
		return PDS_RC_ENOSPC;
	image = kvmalloc(size, GFP_KERNEL);
	if (!image)
		return PDS_RC_ENOMEM;
	standin_save(vf->vf, image);
	put_unaligned_le64(END, image + size - sizeof(__le64));
	return pds_sgl_write(pdsc, sgl, nr, image, size);
}

static enum pds_core_status_code load(struct pds_vf *vf, const void *buffer, size_t room)
{
	size_t size = standin_image_size(vf->vf);

	if (get_unaligned_le64(buffer + size) != END ||
	    memchr_inv(buffer + state_size(vf), 0, room - state_size(vf)))
		return PDS_RC_EINVAL;
	return standin_load(vf->vf, buffer, size) ? PDS_RC_EINVAL : PDS_RC_SUCCESS;
}

PDS_COMMAND(pds_restore)
{
	void *buffer __free(kvfree) = NULL;
	u64 sgl = le64_to_cpu(cmd->lm_restore.sgl_addr);
	unsigned int nr = le32_to_cpu(cmd->lm_restore.num_sge);
	enum pds_core_status_code status;
	size_t room;

	if (runs(vf))
		return PDS_RC_EBUSY;
	status = pds_sgl_size(pdsc, sgl, nr, &room);
	if (status)
		return status;
	if (room < state_size(vf) || room > PDS_LM_DEVICE_STATE_LENGTH)
		return PDS_RC_ERANGE;
	buffer = kvmalloc(room, GFP_KERNEL);
	if (!buffer)
		return PDS_RC_ENOMEM;
	status = pds_sgl_read(pdsc, sgl, nr, buffer, room);
	return status ?: load(vf, buffer, room);
}
