/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device on its way through the FSM, with what belongs to its data transfer
 * session, so that a test can stop anywhere, do harm, and go on to the end of
 * a migration.
 */
#ifndef SELFTESTS_DEVICE_JOURNEY_H
#define SELFTESTS_DEVICE_JOURNEY_H

#include "../../lib/mig_model.h"
#include "mtty.h"

/* Every second page of it is filled */
#define JOURNEY_PAGES		8
#define JOURNEY_MEM_SIZE	(JOURNEY_PAGES * MTTY_MIG_PAGE_SIZE)

/**
 * struct journey - a device on its way through the FSM
 * @mtty: the device
 * @flags: its capabilities
 * @image: a stream that it can load, of what journey_fill() makes
 * @digest: the device's digest with that content
 * @fresh: its digest after a reset
 * @state: where it is
 * @data_fd: its session, or -1
 * @saved: what was read from the session
 * @loaded: how many bytes of @image were written to the session
 */
struct journey {
	struct mtty *mtty;
	__u64 flags;
	struct mig_stream image;
	__u64 digest;
	__u64 fresh;
	__u32 state;
	int data_fd;
	struct mig_stream saved;
	size_t loaded;
};

void journey_fill(struct mtty *mtty);
void journey_prepare(struct journey *journey, struct mtty *mtty, __u64 flags);
void journey_free(struct journey *journey);

void journey_go(struct journey *journey, __u32 state);
void journey_load(struct journey *journey, size_t len);
__u64 journey_digest(const struct journey *journey);
void journey_moved(struct journey *journey, __u32 state);
const char *journey_continue(struct journey *journey, __u32 state);
const char *journey_alive(struct journey *journey);
const char *journey_stays(struct journey *journey);
const char *journey_arrive(struct journey *journey, struct mtty *dst);

const char *data_fd_dead(int data_fd, __u32 state);
int fd_next(void);

#endif /* SELFTESTS_DEVICE_JOURNEY_H */
