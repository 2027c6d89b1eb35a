// SPDX-License-Identifier: GPL-2.0-only
/*
 * The object that tells which pages a VF wrote to.
 *
 * A driver gives it ranges, the size of a page, and the number of a queue pair.  Told to
 * report, it sends what it knows of a part of the address space: messages full of
 * addresses, by that queue pair to its peer, whose memory they land in.  The topmost
 * four bits of a message's immediate data are the tracker's state: as long as that is
 * REPORTING there is more to come.  Where the peer has no room it waits.
 */
#include <linux/cleanup.h>
#include <linux/delay.h>
#include <linux/mlx5/device.h>
#include <linux/mlx5/qp.h>
#include <linux/slab.h>

#include "mlx5.h"

#define STATE_SHIFT	28

/* What of an object MODIFY changes: the state, and the range to report */
#define MODIFY_STATE	BIT(0)
#define MODIFY_RANGE	BIT(1)

struct tracked {
	u64 start;
	u64 length;
};

/**
 * struct cx_tracker - a page tracker
 * @resource: its number
 * @vhca: whose pages
 * @qp: by which the reports go
 * @page_shift: of pages
 * @message_size: in bytes, at most
 * @work: reports
 * @message: what is sent
 * @state: one of MLX5_PAGE_TRACK_STATE_*; under the VF's lock, as all that follows
 * @stopped: it is being destroyed
 * @at: what is still to be reported begins there
 * @end: and this is its last byte
 * @dirty: the pages that were written to, by their number
 * @count: how many ranges there are
 * @ranges: of the address space that are tracked
 */
struct cx_tracker {
	struct cx_resource resource;
	struct cx_vhca *vhca;
	struct cx_qp *qp;
	unsigned int page_shift;
	size_t message_size;
	struct work_struct work;
	u8 *message;
	unsigned int state;
	bool stopped;
	u64 at;
	u64 end;
	struct xarray dirty;
	unsigned int count;
	struct tracked ranges[];
};

static struct cx_tracker *to_tracker(struct cx_resource *resource)
{
	return container_of(resource, struct cx_tracker, resource);
}

/**
 * cx_tracked_vf - the VF that a tracker is for
 * @card: the card
 * @id: the tracker's number
 *
 * Return: it, or NULL.
 */
struct standin_vf *cx_tracked_vf(struct cx_card *card, u32 id)
{
	struct cx_resource *resource;

	guard(mutex)(&card->lock);
	resource = cx_find_resource(card, CX_KIND_TRACKER, id);
	return resource ? to_tracker(resource)->vhca->vf : NULL;
}

/* Events */

static void fail_tracker(struct cx_tracker *tracker)
{
	struct mlx5_eqe eqe = { .type = MLX5_EVENT_TYPE_OBJECT_CHANGE };

	lockdep_assert_held(&tracker->vhca->vf->lock);
	tracker->state = MLX5_PAGE_TRACK_STATE_ERROR;
	eqe.data.obj_change.obj_type = cpu_to_be16(MLX5_OBJ_TYPE_PAGE_TRACK);
	eqe.data.obj_change.obj_id = cpu_to_be32(tracker->resource.id);
	cx_event(tracker->vhca->card, &eqe);
}

static void fail_qp(struct cx_card *card, struct cx_qp *qp)
{
	struct mlx5_eqe eqe = { .type = MLX5_EVENT_TYPE_WQ_ACCESS_ERROR };

	qp->at = CX_QP_AT_ERR;
	eqe.data.qp_srq.type = MLX5_EVENT_QUEUE_TYPE_QP;
	eqe.data.qp_srq.qp_srq_n = cpu_to_be32(qp->resource.id);
	cx_event(card, &eqe);
}

/* What was written to */

static void mark_part(struct cx_tracker *tracker, u64 first, u64 last)
{
	u64 page;

	for (page = first >> tracker->page_shift; page <= last >> tracker->page_shift; page++)
		if (xa_err(xa_store(&tracker->dirty, page, xa_mk_value(1), GFP_KERNEL))) {
			/* It cannot tell the truth any more. */
			fail_tracker(tracker);
			return;
		}
}

/**
 * cx_track - a VF has written to memory
 * @vhca: the VF; its lock is held
 * @iova: where to
 * @size: in bytes
 */
void cx_track(struct cx_vhca *vhca, u64 iova, u64 size)
{
	struct cx_tracker *tracker = vhca->tracker;
	u64 last = iova + size - 1;
	unsigned int i;

	lockdep_assert_held(&vhca->vf->lock);
	for (i = 0; tracker && i < tracker->count; i++) {
		const struct tracked *range = &tracker->ranges[i];
		u64 range_last = range->start + range->length - 1;

		if (last >= range->start && iova <= range_last)
			mark_part(tracker, max(iova, range->start), min(last, range_last));
	}
}

/* Reports */

/* As much as goes into a message; the state that it carries */
static unsigned int collect(struct cx_tracker *tracker, size_t *size)
{
	size_t entry_size = MLX5_ST_SZ_BYTES(page_track_report_entry);
	unsigned long last = tracker->end >> tracker->page_shift;
	unsigned long page = tracker->at >> tracker->page_shift;
	void *entry;

	lockdep_assert_held(&tracker->vhca->vf->lock);
	*size = 0;
	xa_for_each_range(&tracker->dirty, page, entry, page, last) {
		u64 address = (u64)page << tracker->page_shift;

		if (*size + entry_size > tracker->message_size) {
			tracker->at = address;
			return MLX5_PAGE_TRACK_STATE_REPORTING;
		}
		MLX5_SET(page_track_report_entry, tracker->message + *size, dirty_address_high,
			 address >> 32);
		MLX5_SET(page_track_report_entry, tracker->message + *size, dirty_address_low,
			 address);
		*size += entry_size;
		xa_erase(&tracker->dirty, page);
	}
	/* Before the last message arrives, for then there may be a next report. */
	tracker->state = MLX5_PAGE_TRACK_STATE_TRACKING;
	return tracker->state;
}

static struct cx_qp *find_peer(struct cx_card *card, const struct cx_qp *qp)
{
	struct cx_resource *resource = cx_find_resource(card, CX_KIND_QP, qp->peer);
	struct cx_qp *peer = resource ? container_of(resource, struct cx_qp, resource) : NULL;

	if (!peer || peer->peer != qp->resource.id || !peer->receives ||
	    (peer->at != CX_QP_AT_RTR && peer->at != CX_QP_AT_RTS))
		return NULL;
	return peer;
}

/* How many receives the host has posted that are not used up */
static int posted(struct cx_card *card, const struct cx_qp *qp)
{
	__be32 count;

	if (cx_host_access(card, qp->ring.doorbell + MLX5_RCV_DBR * sizeof(count), &count,
			   sizeof(count), false))
		return 0;
	return (u16)(be32_to_cpu(count) - qp->ring.count);
}

static u8 fill_receive(struct cx_card *card, struct cx_qp *qp, void *data, size_t size)
{
	struct mlx5_wqe_data_seg seg;
	struct cx_mkey *mkey;
	u8 status;

	if (cx_ring_access(card, &qp->ring, qp->ring.count, 0, &seg, sizeof(seg), false))
		return MLX5_CQE_SYNDROME_LOCAL_QP_OP_ERR;
	if (size > be32_to_cpu(seg.byte_count))
		return MLX5_CQE_SYNDROME_LOCAL_LENGTH_ERR;
	mkey = cx_get_mkey(card, be32_to_cpu(seg.lkey));
	if (!cx_expect(mkey, "a receive has a memory key that opens nothing"))
		return MLX5_CQE_SYNDROME_LOCAL_PROT_ERR;
	status = mkey->pd == qp->pd ?
		 cx_mkey_access(card, mkey, be64_to_cpu(seg.addr), data, size, true) :
		 MLX5_CMD_STAT_BAD_PARAM_ERR;
	cx_put_mkey(card, mkey);
	return status ? MLX5_CQE_SYNDROME_LOCAL_PROT_ERR : 0;
}

/* A message arrives: into the next receive, with a completion. */
static void receive(struct cx_card *card, struct cx_qp *qp, void *data, size_t size, u32 immediate)
{
	struct mlx5_cqe64 cqe = {};
	u8 syndrome = fill_receive(card, qp, data, size);

	cqe.immediate = cpu_to_be32(immediate);
	cqe.byte_cnt = cpu_to_be32(size);
	cqe.sop_drop_qpn = cpu_to_be32(qp->resource.id);
	cqe.wqe_counter = cpu_to_be16(qp->ring.count);
	cqe.op_own = MLX5_CQE_RESP_SEND_IMM << 4;
	if (syndrome) {
		((struct mlx5_err_cqe *)&cqe)->syndrome = syndrome;
		cqe.op_own = MLX5_CQE_RESP_ERR << 4;
	}
	qp->ring.count++;
	cx_complete(card, qp->cq, &cqe);
	if (syndrome)
		fail_qp(card, qp);
}

/* Whether it went; else there is nobody, or no room now */
static bool try_to_send(struct cx_tracker *tracker, size_t size, unsigned int state, bool *retry)
{
	struct cx_card *card = tracker->vhca->card;
	struct cx_qp *peer;

	guard(mutex)(&card->lock);
	peer = find_peer(card, tracker->qp);
	*retry = peer && !posted(card, peer);
	if (!peer || *retry)
		return false;
	receive(card, peer, tracker->message, size, state << STATE_SHIFT);
	return true;
}

static bool is_stopped(struct cx_tracker *tracker)
{
	guard(mutex)(&tracker->vhca->vf->lock);
	return tracker->stopped;
}

/* The queue pair tries for ever: rnr_retry is 7. */
static bool send(struct cx_tracker *tracker, size_t size, unsigned int state)
{
	bool retry;

	while (!try_to_send(tracker, size, state, &retry)) {
		if (!retry || is_stopped(tracker))
			return false;
		msleep(20);
	}
	return true;
}

/* For tests: what else can go wrong on the way */
static bool goes_wrong(struct cx_tracker *tracker)
{
	struct cx_card *card = tracker->vhca->card;
	struct standin_vf *vf = tracker->vhca->vf;
	bool completes = !standin_call(vf, "complete");
	bool receives = !standin_call(vf, "receive");
	struct cx_qp *peer;

	if (standin_call(vf, "track_pages")) {
		guard(mutex)(&vf->lock);
		fail_tracker(tracker);
		return true;
	}
	guard(mutex)(&card->lock);
	peer = find_peer(card, tracker->qp);
	if (peer && !completes)
		cx_fail_cq(card, peer->cq);
	else if (peer && !receives)
		fail_qp(card, peer);
	return peer && !(completes && receives);
}

static void report(struct work_struct *work)
{
	struct cx_tracker *tracker = container_of(work, struct cx_tracker, work);
	struct standin_vf *vf = tracker->vhca->vf;
	unsigned int state;
	size_t size;

	do {
		if (goes_wrong(tracker))
			return;
		scoped_guard(mutex, &vf->lock) {
			if (tracker->stopped || tracker->state != MLX5_PAGE_TRACK_STATE_REPORTING)
				return;
			state = collect(tracker, &size);
		}
		if (!send(tracker, size, state))
			return;
	} while (state == MLX5_PAGE_TRACK_STATE_REPORTING);
}

/* Create, modify, query, destroy */

static void free_tracker(struct cx_tracker *tracker)
{
	xa_destroy(&tracker->dirty);
	kvfree(tracker->message);
	kfree(tracker);
}

static bool between(unsigned int value, unsigned int min, unsigned int max)
{
	return value >= min && value <= max;
}

static u8 read_ranges(struct cx_tracker *tracker, const void *object, unsigned int log_space)
{
	const void *range = MLX5_ADDR_OF(page_track, object, track_range);
	u64 total = 0;
	unsigned int i;

	for (i = 0; i < tracker->count; i++) {
		u64 start = MLX5_GET64(page_track_range, range, start_address);
		u64 length = MLX5_GET64(page_track_range, range, length);

		if (!length || start + length - 1 < start)
			return MLX5_CMD_STAT_BAD_PARAM_ERR;
		tracker->ranges[i].start = start;
		tracker->ranges[i].length = length;
		total += length;
		range += MLX5_ST_SZ_BYTES(page_track_range);
	}
	return total <= BIT_ULL(log_space) ? MLX5_CMD_STAT_OK : MLX5_CMD_STAT_BAD_PARAM_ERR;
}

static u8 read_tracker(const struct cx_request *request, struct cx_tracker **result)
{
	const void *object = MLX5_ADDR_OF(create_page_track_obj_in, request->in, obj_context);
	unsigned int count = MLX5_GET(page_track, object, num_ranges);
	unsigned int log_space = MLX5_GET(page_track, object, log_addr_space_size);
	unsigned int log_page = MLX5_GET(page_track, object, log_page_size);
	unsigned int log_message = MLX5_GET(page_track, object, log_msg_size);
	struct cx_tracker *tracker;

	if (request->inlen < MLX5_ST_SZ_BYTES(create_page_track_obj_in) +
			     count * MLX5_ST_SZ_BYTES(page_track_range))
		return MLX5_CMD_STAT_BAD_INP_LEN_ERR;
	if (!between(count, 1, CX_TRACK_MAX_RANGES) ||
	    !between(log_space, CX_TRACK_LOG_MIN_SPACE, CX_TRACK_LOG_MAX_SPACE) ||
	    !between(log_page, CX_TRACK_LOG_MIN_PAGE, CX_TRACK_LOG_MAX_PAGE) ||
	    !between(log_message, CX_TRACK_LOG_MIN_MSG, CX_TRACK_LOG_MAX_MSG) ||
	    MLX5_GET(page_track, object, track_type) != 1)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	tracker = kzalloc(struct_size(tracker, ranges, count), GFP_KERNEL);
	if (!tracker)
		return MLX5_CMD_STAT_LIM_ERR;
	*result = tracker;
	tracker->page_shift = log_page;
	tracker->message_size = BIT(log_message);
	tracker->count = count;
	xa_init(&tracker->dirty);
	INIT_WORK(&tracker->work, report);
	tracker->message = kvzalloc(tracker->message_size, GFP_KERNEL);
	if (!tracker->message)
		return MLX5_CMD_STAT_LIM_ERR;
	return read_ranges(tracker, object, log_space);
}

/* The reports' way has to be there, and its end. */
static u8 add_tracker(struct cx_card *card, struct cx_tracker *tracker, u32 qpn)
{
	struct cx_resource *resource = cx_find_resource(card, CX_KIND_QP, qpn);

	if (!resource)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	tracker->qp = container_of(resource, struct cx_qp, resource);
	if (tracker->qp->at != CX_QP_AT_RTS || !find_peer(card, tracker->qp))
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	guard(mutex)(&tracker->vhca->vf->lock);
	if (tracker->vhca->absent || tracker->vhca->tracker)
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	if (!cx_add_resource(card, &tracker->resource, CX_KIND_TRACKER))
		return MLX5_CMD_STAT_LIM_ERR;
	tracker->vhca->tracker = tracker;
	resource->users++;
	return MLX5_CMD_STAT_OK;
}

u8 cx_create_tracker(const struct cx_request *request)
{
	const void *object = MLX5_ADDR_OF(create_page_track_obj_in, request->in, obj_context);
	struct cx_vhca *vhca = cx_find_vhca(request->card, MLX5_GET(page_track, object, vhca_id));
	struct cx_tracker *tracker = NULL;
	u8 status;

	if (!vhca)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	status = read_tracker(request, &tracker);
	if (!status) {
		tracker->vhca = vhca;
		guard(mutex)(&request->card->lock);
		status = add_tracker(request->card, tracker,
				     MLX5_GET(page_track, object, reporting_qpn));
		if (!status)
			MLX5_SET(general_obj_out_cmd_hdr, request->out, obj_id,
				 tracker->resource.id);
	}
	if (status && tracker)
		free_tracker(tracker);
	return status;
}

static struct cx_tracker *find_tracker(const struct cx_request *request)
{
	struct cx_resource *resource;

	resource = cx_find_resource(request->card, CX_KIND_TRACKER,
				    MLX5_GET(general_obj_in_cmd_hdr, request->in, obj_id));
	if (!cx_expect(resource, "a page tracker that there is not"))
		return NULL;
	return to_tracker(resource);
}

u8 cx_modify_tracker(const struct cx_request *request)
{
	const void *object = MLX5_ADDR_OF(modify_page_track_obj_in, request->in, obj_context);
	u64 start = MLX5_GET64(page_track, object, range_start_address);
	u64 length = MLX5_GET64(page_track, object, length);
	struct cx_tracker *tracker;

	if (request->inlen < MLX5_ST_SZ_BYTES(modify_page_track_obj_in))
		return MLX5_CMD_STAT_BAD_INP_LEN_ERR;
	if (MLX5_GET64(page_track, object, modify_field_select) != (MODIFY_STATE | MODIFY_RANGE) ||
	    MLX5_GET(page_track, object, state) != MLX5_PAGE_TRACK_STATE_REPORTING ||
	    !length || start + length - 1 < start)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	guard(mutex)(&request->card->lock);
	tracker = find_tracker(request);
	if (!tracker)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	guard(mutex)(&tracker->vhca->vf->lock);
	if (tracker->state != MLX5_PAGE_TRACK_STATE_TRACKING)
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	tracker->state = MLX5_PAGE_TRACK_STATE_REPORTING;
	tracker->at = start;
	tracker->end = start + length - 1;
	queue_work(request->card->commands, &tracker->work);
	return MLX5_CMD_STAT_OK;
}

u8 cx_query_tracker(const struct cx_request *request)
{
	void *object = MLX5_ADDR_OF(query_page_track_obj_out, request->out, obj_context);
	struct cx_tracker *tracker;

	if (request->outlen < MLX5_ST_SZ_BYTES(query_page_track_obj_out))
		return MLX5_CMD_STAT_BAD_OUTP_LEN_ERR;
	guard(mutex)(&request->card->lock);
	tracker = find_tracker(request);
	if (!tracker)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	guard(mutex)(&tracker->vhca->vf->lock);
	MLX5_SET(page_track, object, vhca_id, cx_vhca_id(tracker->vhca));
	MLX5_SET(page_track, object, state, tracker->state);
	MLX5_SET(page_track, object, log_page_size, tracker->page_shift);
	MLX5_SET(page_track, object, reporting_qpn, tracker->qp->resource.id);
	MLX5_SET(page_track, object, num_ranges, tracker->count);
	return MLX5_CMD_STAT_OK;
}

u8 cx_destroy_tracker(const struct cx_request *request)
{
	struct cx_resource *resource;
	struct cx_tracker *tracker;
	u8 status;

	scoped_guard(mutex, &request->card->lock) {
		status = cx_take_resource(request->card, CX_KIND_TRACKER,
					  MLX5_GET(general_obj_in_cmd_hdr, request->in, obj_id),
					  &resource);
		if (status)
			return status;
		tracker = to_tracker(resource);
		guard(mutex)(&tracker->vhca->vf->lock);
		tracker->stopped = true;
		tracker->vhca->tracker = NULL;
	}
	cancel_work_sync(&tracker->work);
	/* Only now nothing goes by the queue pair any more. */
	scoped_guard(mutex, &request->card->lock)
		tracker->qp->resource.users--;
	free_tracker(tracker);
	return MLX5_CMD_STAT_OK;
}
