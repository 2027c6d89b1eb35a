/* SPDX-License-Identifier: GPL-2.0-only */
/* What the uAPI text says that SET_STATE does, computed from its rules. */
#ifndef SELFTESTS_LIB_MIG_MODEL_H
#define SELFTESTS_LIB_MIG_MODEL_H

#include <stdbool.h>
#include <linux/vfio.h>

#define MIG_FLAGS_ALL	(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P | \
			 VFIO_MIGRATION_PRE_COPY)

/**
 * struct mig_path - the arcs of a transition
 * @len: how many
 * @state: the state after each; the last is the one that was asked for
 */
struct mig_path {
	unsigned int len;
	__u32 state[VFIO_DEVICE_STATE_NR];
};

/**
 * struct mig_expect - what SET_STATE must do
 * @ret: 0, or -errno if it must refuse
 * @state: the state afterwards
 * @new_fd: a data fd comes
 * @ends: the session of before, if there was one, ends
 */
struct mig_expect {
	int ret;
	__u32 state;
	bool new_fd;
	bool ends;
};

bool mig_model_supported(__u64 flags, __u32 state);
bool mig_model_saving(__u32 state);
bool mig_model_session(__u32 state);
bool mig_model_arc(__u64 flags, __u32 from, __u32 to);
unsigned int mig_model_paths(__u64 flags, __u32 from, __u32 to,
			     struct mig_path *path);
void mig_model_expect(__u64 flags, __u32 from, __u32 to,
		      struct mig_expect *expect);

#endif /* SELFTESTS_LIB_MIG_MODEL_H */
