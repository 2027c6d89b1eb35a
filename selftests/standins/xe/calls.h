/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Before xe_sriov_vfio.c: what it exports begins with a call, so that a test can let it
 * fail, take long, or wait.
 */
#ifndef STANDINS_XE_CALLS_H
#define STANDINS_XE_CALLS_H

#include "xe_sriov_pf_control.h"
#include "xe_sriov_pf_migration.h"

/* By the name under which it is exported */
#define CALL(name, function)						\
static inline ssize_t call_##name(struct xe_device *xe, unsigned int vfid)	\
{										\
	return standin_call(xe_vf(xe, vfid), #name) ?: function(xe, vfid);	\
}

CALL(wait_flr_done, xe_sriov_pf_control_wait_flr)
CALL(flr_prepare, xe_sriov_pf_control_prepare_flr)
CALL(suspend_device, xe_sriov_pf_control_pause_vf)
CALL(resume_device, xe_sriov_pf_control_resume_vf)
CALL(stop_copy_enter, xe_sriov_pf_control_trigger_save_vf)
CALL(stop_copy_exit, xe_sriov_pf_control_finish_save_vf)
CALL(resume_data_enter, xe_sriov_pf_control_trigger_restore_vf)
CALL(resume_data_exit, xe_sriov_pf_control_finish_restore_vf)
CALL(error, xe_sriov_pf_control_stop_vf)
CALL(stop_copy_size, xe_sriov_pf_migration_size)

static inline ssize_t call_data_read(struct xe_device *xe, unsigned int vfid,
				     char __user *buf, size_t len)
{
	return standin_call(xe_vf(xe, vfid), "data_read") ?:
	       xe_sriov_pf_migration_read(xe, vfid, buf, len);
}

static inline ssize_t call_data_write(struct xe_device *xe, unsigned int vfid,
				      const char __user *buf, size_t len)
{
	return standin_call(xe_vf(xe, vfid), "data_write") ?:
	       xe_sriov_pf_migration_write(xe, vfid, buf, len);
}

#define xe_sriov_pf_control_wait_flr		call_wait_flr_done
#define xe_sriov_pf_control_prepare_flr		call_flr_prepare
#define xe_sriov_pf_control_pause_vf		call_suspend_device
#define xe_sriov_pf_control_resume_vf		call_resume_device
#define xe_sriov_pf_control_trigger_save_vf	call_stop_copy_enter
#define xe_sriov_pf_control_finish_save_vf	call_stop_copy_exit
#define xe_sriov_pf_control_trigger_restore_vf	call_resume_data_enter
#define xe_sriov_pf_control_finish_restore_vf	call_resume_data_exit
#define xe_sriov_pf_control_stop_vf		call_error
#define xe_sriov_pf_migration_size		call_stop_copy_size
#define xe_sriov_pf_migration_read		call_data_read
#define xe_sriov_pf_migration_write		call_data_write

#endif /* STANDINS_XE_CALLS_H */
