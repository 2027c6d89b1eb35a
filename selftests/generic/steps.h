/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Steps that tests have in common.
 *
 * They neither judge nor end the process, whatever the device does: what is
 * one test's way there is another test's subject.
 */
#ifndef SELFTESTS_GENERIC_STEPS_H
#define SELFTESTS_GENERIC_STEPS_H

#include "dut.h"

int step_go(struct dut *dut, __u32 state, const struct mig_stream *stream,
	    int *data_fd);
bool step_error(struct dut *dut, const struct mig_stream *stream);
int step_read(struct dut *dut, int data_fd, struct mig_stream *stream);
int step_save(struct dut *dut, struct mig_stream *stream);
const char *step_migrate(struct dut *dut);
const char *step_recover(struct dut *dut);
const char *step_touch(int data_fd, __u32 state);
__u64 step_readable(struct vfio_dev *dev);

#endif /* SELFTESTS_GENERIC_STEPS_H */
