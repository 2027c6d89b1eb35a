/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of most walks: a device that can do all, and one to arrive at.
 * Include this once in a program.
 */
#ifndef SELFTESTS_DEVICE_WALKS_FIXTURE_H
#define SELFTESTS_DEVICE_WALKS_FIXTURE_H

#include "walk_judge.h"

FIXTURE(walks)
{
	struct mtty mtty;
	struct mtty dst;
	struct vfio_dev *dev;
	struct journey journey;
	struct bench bench;
	struct fail_nth walk;
	struct leftovers left;
};

FIXTURE_SETUP(walks)
{
	struct bench *bench = &self->bench;
	const char *why = walks_missing();
	unsigned int i;

	if (why)
		SKIP(return, "%s", why);
	leftovers_before(&self->left);
	mtty_new(&self->mtty, "vpri", JOURNEY_MEM_SIZE);
	mtty_new(&self->dst, "vpri", JOURNEY_MEM_SIZE);
	self->dev = &self->mtty.dev;
	journey_prepare(&self->journey, &self->mtty, MIG_FLAGS_ALL);
	bench->journey = &self->journey;
	bench->mtty = &self->mtty;
	bench->dev = &self->mtty.dev;
	vfio_buf_new(bench->dev, &bench->buf, 1 << 20,
		     LOG_PAGES * MTTY_MIG_PAGE_SIZE, true);
	memset(bench->buf.addr, 0, bench->buf.len);
	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		bench->eventfds[i] = eventfd_new();
	fail_nth_setup();
}

FIXTURE_TEARDOWN(walks)
{
	fail_nth_restore();
	journey_free(&self->journey);
	leftovers_after(_metadata, &self->left);
}

#endif /* SELFTESTS_DEVICE_WALKS_FIXTURE_H */
