/* SPDX-License-Identifier: GPL-2.0-only */
/* A migration from one VF of a stand-in to another, by several ways. */
#ifndef SELFTESTS_STANDINS_HOP_H
#define SELFTESTS_STANDINS_HOP_H

#include "bench.h"

/**
 * struct hop - a way to migrate
 * @name: for people
 * @needs: which capabilities it needs: DUT_*
 * @out: the states that the source goes through, up to STOP_COPY
 * @in: those that the destination goes through from RESUMING on
 */
struct hop {
	const char *name;
	__u64 needs;
	__u32 out[8];
	__u32 in[4];
};

extern const struct hop hops[];
extern const unsigned int nr_hops;

bool hop_possible(const struct hop *hop, const struct vf *vf);
int hop_out(const struct hop *hop, struct vf *vf, struct mig_stream *stream);
int hop_in(const struct hop *hop, struct vf *vf,
	   const struct mig_stream *stream);
const char *hop_do(const struct hop *hop, struct vf *from, struct vf *to,
		   const __u8 *content);
const char *hop_recover(struct vf *vf, struct vf *other, const __u8 *content);

#endif /* SELFTESTS_STANDINS_HOP_H */
