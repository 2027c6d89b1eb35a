// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests: the pages that the device has asked for, until they are answered.
 *
 * Only a running vCPU can answer, but vCPUs are halted when a device is stopped,
 * so a device with open requests cannot be stopped. mtty_card_stop() enforces
 * that; this file only keeps the requests.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "hw.h"

static bool pri_id_used(const struct mtty_pri *pri, u32 id)
{
	u32 i;

	for (i = 0; i < pri->nr_open + pri->nr_queued; i++)
		if (pri->requests[i].id == id)
			return true;
	return false;
}

/**
 * mtty_pri_raise - the device asks for a page
 * @pri: the requests
 * @iova: the page
 * @hold: hold the request back for mtty_pri_release()
 *
 * Return: false if the device has no page requests, or no room for another one.
 */
bool mtty_pri_raise(struct mtty_pri *pri, u64 iova, bool hold)
{
	u32 n = pri->nr_open + pri->nr_queued;

	if (!pri->present || n == MTTY_MIG_PRI_MAX)
		return false;

	/*
	 * 0 is not an ID. Others may be in use: IDs wrap, and a stream can set
	 * last_id to any value.
	 */
	do {
		pri->last_id++;
	} while (!pri->last_id || pri_id_used(pri, pri->last_id));
	pri->requests[n].id = pri->last_id;
	pri->requests[n].iova = iova & ~(MTTY_MIG_PAGE_SIZE - 1ULL);

	/* Requests keep their order: none overtakes one that is held back */
	if (hold || pri->nr_queued)
		pri->nr_queued++;
	else
		pri->nr_open++;
	return true;
}

/**
 * mtty_pri_answer - the guest answers a request
 * @pri: the requests
 * @id: which
 *
 * Return: false if no such request is open.
 */
bool mtty_pri_answer(struct mtty_pri *pri, u32 id)
{
	u32 last = pri->nr_open + pri->nr_queued - 1;
	u32 i;

	for (i = 0; i < pri->nr_open; i++) {
		if (pri->requests[i].id != id)
			continue;
		memmove(&pri->requests[i], &pri->requests[i + 1],
			(last - i) * sizeof(pri->requests[0]));
		memset(&pri->requests[last], 0, sizeof(pri->requests[0]));
		pri->nr_open--;
		return true;
	}
	return false;
}

/**
 * mtty_pri_release - open the requests that were held back
 * @pri: the requests
 */
void mtty_pri_release(struct mtty_pri *pri)
{
	pri->nr_open += pri->nr_queued;
	pri->nr_queued = 0;
}

/**
 * mtty_pri_read - read a register
 * @pri: the requests
 * @offset: below MTTY_MIG_PRI_SIZE, a multiple of 4
 */
u32 mtty_pri_read(const struct mtty_pri *pri, unsigned int offset)
{
	const struct mtty_pri_request *oldest = &pri->requests[0];

	switch (offset) {
	case MTTY_MIG_PRI_OPEN:
		return pri->nr_open;
	case MTTY_MIG_PRI_QUEUED:
		return pri->nr_queued;
	case MTTY_MIG_PRI_ID:
		return pri->nr_open ? oldest->id : 0;
	case MTTY_MIG_PRI_IOVA_LO:
		return pri->nr_open ? lower_32_bits(oldest->iova) : 0;
	case MTTY_MIG_PRI_IOVA_HI:
		return pri->nr_open ? upper_32_bits(oldest->iova) : 0;
	case MTTY_MIG_PRI_RAISE_LO:
		return pri->raise;
	default:
		return 0;
	}
}

/**
 * mtty_pri_write - write a register
 * @pri: the requests
 * @offset: below MTTY_MIG_PRI_SIZE, a multiple of 4
 * @val: the value
 * @hold: hold back a request that this raises
 */
void mtty_pri_write(struct mtty_pri *pri, unsigned int offset, u32 val,
		    bool hold)
{
	if (!pri->present)
		return;

	switch (offset) {
	case MTTY_MIG_PRI_ANSWER:
		mtty_pri_answer(pri, val);
		break;
	case MTTY_MIG_PRI_RAISE_LO:
		pri->raise = val;
		break;
	case MTTY_MIG_PRI_RAISE_HI:
		mtty_pri_raise(pri, (u64)val << 32 | pri->raise, hold);
		break;
	}
}

/**
 * mtty_pri_valid - check page requests that were loaded from a stream
 * @pri: the requests
 *
 * A stopped device has no open requests, so a stream has none.
 *
 * Return: false if the device cannot be in this state.
 */
bool mtty_pri_valid(const struct mtty_pri *pri)
{
	u32 i, j;

	if (pri->nr_open || pri->nr_queued > MTTY_MIG_PRI_MAX)
		return false;
	if (!pri->present && (pri->nr_queued || pri->last_id || pri->raise))
		return false;

	for (i = 0; i < pri->nr_queued; i++) {
		if (!pri->requests[i].id ||
		    pri->requests[i].iova & (MTTY_MIG_PAGE_SIZE - 1))
			return false;
		for (j = 0; j < i; j++)
			if (pri->requests[j].id == pri->requests[i].id)
				return false;
	}
	return !memchr_inv(&pri->requests[i], 0,
			   (MTTY_MIG_PRI_MAX - i) * sizeof(pri->requests[0]));
}
