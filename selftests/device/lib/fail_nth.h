/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks of the kernel's fault injection: an operation is repeated, and each
 * time another allocation or copy to or from userspace in it fails, until a
 * pass comes to its end with none left to fail.
 *
 *	fail_nth_begin(&walk, "name", floor);
 *	while (fail_nth_next(&walk)) {
 *		... what comes before ...
 *		fail_nth_arm(&walk);
 *		ret = the operation;
 *		fail_nth_disarm(&walk);
 *		... whether @ret and what came of it are right ...
 *	}
 *	... fail_nth_end(&walk) ...
 *
 * What is between arm and disarm should be system calls and nothing else.
 * See Documentation/fault-injection/fault-injection.rst, "fail-nth".
 *
 * A walk has two rounds, each with a clean pass at its end. In the first one
 * no page fails: whether an object needs a new page depends on what happened
 * before, so points would come and go, and some be passed over. In the second
 * one no object fails, and those pages do.
 */
#ifndef SELFTESTS_DEVICE_FAIL_NTH_H
#define SELFTESTS_DEVICE_FAIL_NTH_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * struct fail_nth - a walk
 * @name: of the operation
 * @floor: how many failures the operation must have told, see fail_nth_end()
 * @fd: the thread's fail-nth
 * @pages: it is in its second round
 * @point: which point fails in this pass
 * @fired: it was reached, and failed; valid after fail_nth_disarm()
 * @points: how many there were, by round
 * @told: in how many passes the operation told of a failure, by round
 */
struct fail_nth {
	const char *name;
	unsigned int floor;
	int fd;
	bool pages;
	unsigned int point;
	bool fired;
	unsigned int points[2];
	unsigned int told[2];
};

const char *fail_nth_missing(void);
void fail_nth_setup(void);
void fail_nth_restore(void);

void fail_nth_begin(struct fail_nth *walk, const char *name,
		    unsigned int floor);
void fail_nth_begin_of(struct fail_nth *walk, pid_t task, const char *name,
		       unsigned int floor);
bool fail_nth_next(struct fail_nth *walk);
void fail_nth_arm(struct fail_nth *walk);
void fail_nth_disarm(struct fail_nth *walk);
void fail_nth_told(struct fail_nth *walk);
bool fail_nth_end(struct fail_nth *walk);
unsigned int fail_nth_total(void);

void fail_nodes(bool fail);
void fail_nodes_of(pid_t task, bool fail);

#endif /* SELFTESTS_DEVICE_FAIL_NTH_H */
