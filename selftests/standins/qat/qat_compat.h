/* SPDX-License-Identifier: GPL-2.0-only */
/* What has moved and changed its name in the PF's driver. */
#ifndef STANDINS_QAT_COMPAT_H
#define STANDINS_QAT_COMPAT_H

#include "adf_accel_devices.h"
#include "adf_gen4_hw_data.h"

#if __has_include("adf_bank_state.h")
#include "adf_bank_state.h"
#else
#define adf_bank_state		bank_state
#define adf_bank_state_save	adf_gen4_bank_state_save
#define adf_bank_state_restore	adf_gen4_bank_state_restore
#endif

#endif /* STANDINS_QAT_COMPAT_H */
