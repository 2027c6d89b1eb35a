// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the firmware makes for a driver: protection domains, memory keys, queues.
 *
 * A number is not given out again before all others were, so that one that is used too
 * long opens nothing.  What is in use cannot be destroyed.
 */
#include <linux/cleanup.h>
#include <linux/hardirq.h>
#include <linux/mlx5/device.h>
#include <linux/mlx5/qp.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "../bus/swiommu.h"
#include "mlx5.h"

#define NUMBER_MASK	0xffffff
#define ANY_QP		0xffffff

static const char * const kind_names[] = {
	[CX_KIND_PD] = "protection domain",
	[CX_KIND_MKEY] = "memory key",
	[CX_KIND_CQ] = "completion queue",
	[CX_KIND_QP] = "queue pair",
	[CX_KIND_TRACKER] = "page tracker",
};

/**
 * cx_add_resource - give something a number
 * @card: whose it is; its lock is held
 * @resource: what
 * @kind: of which kind
 *
 * Return: false if there is no memory for that.
 */
bool cx_add_resource(struct cx_card *card, struct cx_resource *resource, enum cx_kind kind)
{
	lockdep_assert_held(&card->lock);
	resource->kind = kind;
	return xa_alloc_cyclic(&card->resources, &resource->id, resource,
			       XA_LIMIT(1, ANY_QP - 1), &card->next, GFP_KERNEL) >= 0;
}

/**
 * cx_find_resource - what has a number
 * @card: whose it is; its lock is held
 * @kind: of which kind it has to be
 * @id: the number
 *
 * Return: it, or NULL.
 */
struct cx_resource *cx_find_resource(struct cx_card *card, enum cx_kind kind, u32 id)
{
	struct cx_resource *resource;

	lockdep_assert_held(&card->lock);
	resource = xa_load(&card->resources, id);
	return resource && resource->kind == kind ? resource : NULL;
}

/**
 * cx_take_resource - what is to be destroyed
 * @card: whose it is; its lock is held
 * @kind: of which kind it has to be
 * @id: its number, which it does not have any more
 * @resource: where to put it
 *
 * Return: the command's status.
 */
u8 cx_take_resource(struct cx_card *card, enum cx_kind kind, u32 id,
		    struct cx_resource **resource)
{
	*resource = cx_find_resource(card, kind, id);
	if (!cx_expect(*resource, "what is not there is destroyed"))
		return MLX5_CMD_STAT_BAD_RES_ERR;
	if (!cx_expect(!(*resource)->users, "what is in use is destroyed"))
		return MLX5_CMD_STAT_RES_BUSY;
	xa_erase(&card->resources, id);
	return MLX5_CMD_STAT_OK;
}

/**
 * cx_check_resources - the card goes: its driver has to have destroyed all
 * @card: the card
 */
void cx_check_resources(struct cx_card *card)
{
	struct cx_resource *resource;
	unsigned long id;

	guard(mutex)(&card->lock);
	xa_for_each(&card->resources, id, resource)
		WARN(1, "standin: mlx5: a %s was not destroyed\n", kind_names[resource->kind]);
	WARN(!bitmap_empty(card->uars, CX_NR_UARS),
	     "standin: mlx5: doorbells were not given back\n");
}

/* The host's memory */

/**
 * cx_host_access - the card reads or writes memory, as its PF
 * @card: the card
 * @at: where
 * @data: what
 * @size: in bytes
 * @write: into memory
 *
 * Return: 0, or an error of the IOMMU's.
 */
int cx_host_access(struct cx_card *card, dma_addr_t at, void *data, size_t size, bool write)
{
	return write ? swiommu_write(card->pf->pdev, at, data, size) :
		       swiommu_read(card->pf->pdev, at, data, size);
}

/**
 * cx_ring_access - the card reads or writes a queue
 * @card: the card
 * @ring: the queue
 * @entry: which, counted on and on
 * @offset: in it
 * @data: what
 * @size: in bytes
 * @write: into it
 *
 * Return: 0, or an error of the IOMMU's.
 */
int cx_ring_access(struct cx_card *card, const struct cx_ring *ring, u32 entry, size_t offset,
		   void *data, size_t size, bool write)
{
	size_t at = (size_t)(entry & (BIT(ring->log_size) - 1)) << ring->log_stride;

	at += offset;
	return cx_host_access(card, ring->pages[at / MLX5_ADAPTER_PAGE_SIZE] +
			      at % MLX5_ADAPTER_PAGE_SIZE, data, size, write);
}

static dma_addr_t *read_addresses(const void *from, size_t count)
{
	dma_addr_t *addresses = kvcalloc(count, sizeof(*addresses), GFP_KERNEL);
	const __be64 *pas = from;
	size_t i;

	for (i = 0; addresses && i < count; i++)
		addresses[i] = be64_to_cpu(pas[i]);
	return addresses;
}

static size_t ring_pages(const struct cx_ring *ring)
{
	return DIV_ROUND_UP(BIT(ring->log_size + ring->log_stride), MLX5_ADAPTER_PAGE_SIZE);
}

static u8 read_ring(struct cx_ring *ring, const struct cx_request *request, size_t fixed,
		    const void *pas)
{
	size_t count = ring_pages(ring);

	if (request->inlen < fixed + count * sizeof(__be64))
		return MLX5_CMD_STAT_BAD_INP_LEN_ERR;
	if (!ring->doorbell || ring->doorbell % sizeof(__be64))
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	ring->pages = read_addresses(pas, count);
	return ring->pages ? MLX5_CMD_STAT_OK : MLX5_CMD_STAT_LIM_ERR;
}

/* Protection domains */

u8 cx_alloc_pd(const struct cx_request *request)
{
	struct cx_resource *pd = kzalloc(sizeof(*pd), GFP_KERNEL);

	if (!pd)
		return MLX5_CMD_STAT_LIM_ERR;
	guard(mutex)(&request->card->lock);
	if (!cx_add_resource(request->card, pd, CX_KIND_PD)) {
		kfree(pd);
		return MLX5_CMD_STAT_LIM_ERR;
	}
	MLX5_SET(alloc_pd_out, request->out, pd, pd->id);
	return MLX5_CMD_STAT_OK;
}

u8 cx_dealloc_pd(const struct cx_request *request)
{
	struct cx_resource *pd;
	u8 status;

	guard(mutex)(&request->card->lock);
	status = cx_take_resource(request->card, CX_KIND_PD,
				  MLX5_GET(dealloc_pd_in, request->in, pd), &pd);
	if (!status)
		kfree(pd);
	return status;
}

/* Pages of doorbells */

u8 cx_alloc_uar(const struct cx_request *request)
{
	struct cx_card *card = request->card;
	unsigned int uar;

	guard(mutex)(&card->lock);
	uar = find_next_zero_bit(card->uars, CX_NR_UARS, 1);
	if (uar >= CX_NR_UARS)
		return MLX5_CMD_STAT_NO_RES_ERR;
	__set_bit(uar, card->uars);
	MLX5_SET(alloc_uar_out, request->out, uar, uar);
	return MLX5_CMD_STAT_OK;
}

static bool is_uar(struct cx_card *card, u32 uar)
{
	return uar && uar < CX_NR_UARS && test_bit(uar, card->uars);
}

u8 cx_dealloc_uar(const struct cx_request *request)
{
	struct cx_card *card = request->card;
	u32 uar = MLX5_GET(dealloc_uar_in, request->in, uar);

	guard(mutex)(&card->lock);
	if (!is_uar(card, uar))
		return MLX5_CMD_STAT_BAD_RES_ERR;
	__clear_bit(uar, card->uars);
	return MLX5_CMD_STAT_OK;
}

/* Memory keys */

static struct cx_mkey *to_mkey(struct cx_resource *resource)
{
	return container_of(resource, struct cx_mkey, resource);
}

static bool good_pages(const struct cx_mkey *mkey, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (mkey->pages[i] & (BIT(mkey->page_shift) - 1))
			return false;
	return true;
}

static u8 read_mkey(const struct cx_request *request, struct cx_mkey **mkey)
{
	const void *mkc = MLX5_ADDR_OF(create_mkey_in, request->in, memory_key_mkey_entry);
	const __be64 *mtt = MLX5_ADDR_OF(create_mkey_in, request->in, klm_pas_mtt);
	size_t room = (request->inlen - MLX5_ST_SZ_BYTES(create_mkey_in)) / sizeof(*mtt);
	/* Two entries an octword */
	size_t count = 2 * (size_t)MLX5_GET(create_mkey_in, request->in,
					    translations_octword_actual_size);
	unsigned int page_shift = MLX5_GET(mkc, mkc, log_page_size);
	u64 length = MLX5_GET64(mkc, mkc, len);
	size_t i;

	if (count > room)
		return MLX5_CMD_STAT_BAD_INP_LEN_ERR;
	if (MLX5_GET(mkc, mkc, access_mode_1_0) != MLX5_MKC_ACCESS_MODE_MTT ||
	    MLX5_GET(mkc, mkc, access_mode_4_2) || MLX5_GET(mkc, mkc, free) ||
	    MLX5_GET(mkc, mkc, qpn) != ANY_QP || MLX5_GET64(mkc, mkc, start_addr) ||
	    MLX5_GET(mkc, mkc, translations_octword_size) != count / 2 ||
	    page_shift < MLX5_ADAPTER_PAGE_SHIFT || page_shift > 30 || !length ||
	    DIV_ROUND_UP(length, BIT(page_shift)) > count)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;

	count = DIV_ROUND_UP(length, BIT(page_shift));
	*mkey = kvzalloc(struct_size(*mkey, pages, count), GFP_KERNEL);
	if (!*mkey)
		return MLX5_CMD_STAT_LIM_ERR;
	(*mkey)->length = length;
	(*mkey)->page_shift = page_shift;
	(*mkey)->readable = MLX5_GET(mkc, mkc, lr);
	(*mkey)->writable = MLX5_GET(mkc, mkc, lw);
	for (i = 0; i < count; i++)
		(*mkey)->pages[i] = be64_to_cpu(mtt[i]);
	return good_pages(*mkey, count) ? MLX5_CMD_STAT_OK : MLX5_CMD_STAT_BAD_PARAM_ERR;
}

static u8 add_mkey(struct cx_card *card, struct cx_mkey *mkey, u32 pd, u8 variant)
{
	mkey->pd = cx_find_resource(card, CX_KIND_PD, pd);
	if (!mkey->pd)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	if (!cx_add_resource(card, &mkey->resource, CX_KIND_MKEY))
		return MLX5_CMD_STAT_LIM_ERR;
	mkey->key = mlx5_idx_to_mkey(mkey->resource.id) | variant;
	mkey->pd->users++;
	return MLX5_CMD_STAT_OK;
}

u8 cx_create_mkey(const struct cx_request *request)
{
	const void *mkc = MLX5_ADDR_OF(create_mkey_in, request->in, memory_key_mkey_entry);
	struct cx_mkey *mkey = NULL;
	u8 status = read_mkey(request, &mkey);

	guard(mutex)(&request->card->lock);
	if (!status)
		status = add_mkey(request->card, mkey, MLX5_GET(mkc, mkc, pd),
				  MLX5_GET(mkc, mkc, mkey_7_0));
	if (status)
		kvfree(mkey);
	else
		MLX5_SET(create_mkey_out, request->out, mkey_index, mkey->resource.id);
	return status;
}

u8 cx_destroy_mkey(const struct cx_request *request)
{
	struct cx_resource *resource;
	u8 status;

	guard(mutex)(&request->card->lock);
	status = cx_take_resource(request->card, CX_KIND_MKEY,
				  MLX5_GET(destroy_mkey_in, request->in, mkey_index), &resource);
	if (!status) {
		to_mkey(resource)->pd->users--;
		kvfree(to_mkey(resource));
	}
	return status;
}

/**
 * cx_get_mkey - begin to use a memory key
 * @card: the card; its lock is held
 * @key: the key
 *
 * Return: what cx_put_mkey() wants, or NULL if it opens nothing.
 */
struct cx_mkey *cx_get_mkey(struct cx_card *card, u32 key)
{
	struct cx_resource *resource = cx_find_resource(card, CX_KIND_MKEY, mlx5_mkey_to_idx(key));

	if (!resource || to_mkey(resource)->key != key)
		return NULL;
	resource->users++;
	return to_mkey(resource);
}

/**
 * cx_put_mkey - end to use a memory key
 * @card: the card; its lock is held
 * @mkey: what cx_get_mkey() gave
 */
void cx_put_mkey(struct cx_card *card, struct cx_mkey *mkey)
{
	lockdep_assert_held(&card->lock);
	mkey->resource.users--;
}

/**
 * cx_mkey_access - the card reads or writes what a memory key opens
 * @card: the card
 * @mkey: the key
 * @at: where
 * @data: what
 * @size: in bytes
 * @write: into memory
 *
 * Return: a command's status.
 */
u8 cx_mkey_access(struct cx_card *card, const struct cx_mkey *mkey, u64 at, void *data,
		  size_t size, bool write)
{
	size_t page_size = BIT(mkey->page_shift);
	u64 end;

	if (check_add_overflow(at, size, &end) || end > mkey->length ||
	    !(write ? mkey->writable : mkey->readable))
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	while (size) {
		size_t part = min(size, page_size - at % page_size);

		if (cx_host_access(card, mkey->pages[at / page_size] + at % page_size, data,
				   part, write))
			return MLX5_CMD_STAT_INT_ERR;
		at += part;
		data += part;
		size -= part;
	}
	return MLX5_CMD_STAT_OK;
}

/* Completion queues */

static struct cx_cq *to_cq(struct cx_resource *resource)
{
	return container_of(resource, struct cx_cq, resource);
}

static void free_cq(struct cx_cq *cq)
{
	kvfree(cq->ring.pages);
	kfree(cq);
}

static u8 read_cq(const struct cx_request *request, struct cx_cq *cq)
{
	const void *cqc = MLX5_ADDR_OF(create_cq_in, request->in, cq_context);

	if (MLX5_GET(cqc, cqc, c_eqn_or_apu_element) != CX_COMP_EQN ||
	    MLX5_GET(cqc, cqc, cqe_sz) || MLX5_GET(cqc, cqc, log_page_size) ||
	    MLX5_GET(cqc, cqc, log_cq_size) > 22)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	cq->uar = MLX5_GET(cqc, cqc, uar_page);
	cq->ring.log_size = MLX5_GET(cqc, cqc, log_cq_size);
	cq->ring.log_stride = ilog2(sizeof(struct mlx5_cqe64));
	cq->ring.doorbell = MLX5_GET64(cqc, cqc, dbr_addr);
	return read_ring(&cq->ring, request, MLX5_ST_SZ_BYTES(create_cq_in),
			 MLX5_ADDR_OF(create_cq_in, request->in, pas));
}

u8 cx_create_cq(const struct cx_request *request)
{
	struct cx_card *card = request->card;
	struct cx_cq *cq = kzalloc(sizeof(*cq), GFP_KERNEL);
	u8 status;

	if (!cq)
		return MLX5_CMD_STAT_LIM_ERR;
	status = read_cq(request, cq);
	guard(mutex)(&card->lock);
	if (!status && !is_uar(card, cq->uar))
		status = MLX5_CMD_STAT_BAD_RES_ERR;
	if (!status && !cx_add_resource(card, &cq->resource, CX_KIND_CQ))
		status = MLX5_CMD_STAT_LIM_ERR;
	if (status)
		free_cq(cq);
	else
		MLX5_SET(create_cq_out, request->out, cqn, cq->resource.id);
	return status;
}

u8 cx_destroy_cq(const struct cx_request *request)
{
	struct cx_resource *resource;
	u8 status;

	guard(mutex)(&request->card->lock);
	status = cx_take_resource(request->card, CX_KIND_CQ,
				  MLX5_GET(destroy_cq_in, request->in, cqn), &resource);
	if (!status)
		free_cq(to_cq(resource));
	return status;
}

static void tell_completion(void *data)
{
	struct mlx5_core_cq *cq = data;

	cq->arm_sn++;
	cq->comp(cq, NULL);
}

static void tell_failure(void *data)
{
	struct mlx5_core_cq *cq = data;

	if (cq->event)
		cq->event(cq, MLX5_EVENT_TYPE_CQ_ERROR);
}

static void raise_completion(struct cx_cq *cq)
{
	cq->armed = false;
	if (cq->user)
		cx_interrupt(tell_completion, cq->user);
}

/**
 * cx_ring_cq - the host wants to know of the next completion
 * @card: the card
 * @uar: through which page of doorbells it says so
 * @cqn: of which queue
 * @consumed: how many it has seen
 */
void cx_ring_cq(struct cx_card *card, u32 uar, u32 cqn, u32 consumed)
{
	struct cx_resource *resource;
	struct cx_cq *cq;

	guard(mutex)(&card->lock);
	resource = cx_find_resource(card, CX_KIND_CQ, cqn);
	if (!cx_expect(resource, "a queue is armed that is not there"))
		return;
	cq = to_cq(resource);
	if (!cx_expect(cq->uar == uar, "a queue is armed by another's doorbell"))
		return;
	cq->armed = true;
	if ((cq->ring.count & NUMBER_MASK) != consumed)
		raise_completion(cq);
}

/**
 * cx_fail_cq - a completion queue is broken from now on
 * @card: the card; its lock is held
 * @cq: the queue
 */
void cx_fail_cq(struct cx_card *card, struct cx_cq *cq)
{
	lockdep_assert_held(&card->lock);
	cq->failed = true;
	if (cq->user)
		cx_interrupt(tell_failure, cq->user);
}

static bool is_full(struct cx_card *card, const struct cx_cq *cq)
{
	__be32 consumed;

	if (cx_host_access(card, cq->ring.doorbell, &consumed, sizeof(consumed), false))
		return true;
	return ((cq->ring.count - be32_to_cpu(consumed)) & NUMBER_MASK) >= BIT(cq->ring.log_size);
}

/**
 * cx_complete - write a completion
 * @card: the card; its lock is held
 * @cq: where to
 * @cqe: it, with its kind in op_own
 *
 * Return: false if the queue is broken, or is so now as there is no room in it.
 */
bool cx_complete(struct cx_card *card, struct cx_cq *cq, struct mlx5_cqe64 *cqe)
{
	u32 entry = cq->ring.count;

	lockdep_assert_held(&card->lock);
	if (cq->failed)
		return false;
	/* The owner changes with each lap. */
	cqe->op_own |= entry >> cq->ring.log_size & MLX5_CQE_OWNER_MASK;
	/* The host takes it once it sees the owner, which comes last. */
	if (is_full(card, cq) ||
	    cx_ring_access(card, &cq->ring, entry, 0, cqe,
			   offsetof(struct mlx5_cqe64, op_own), true) ||
	    cx_ring_access(card, &cq->ring, entry, offsetof(struct mlx5_cqe64, op_own),
			   &cqe->op_own, sizeof(cqe->op_own), true)) {
		cx_fail_cq(card, cq);
		return false;
	}
	cq->ring.count++;
	if (cq->armed)
		raise_completion(cq);
	return true;
}

/* Queue pairs */

static struct cx_qp *to_qp(struct cx_resource *resource)
{
	return container_of(resource, struct cx_qp, resource);
}

static void free_qp(struct cx_qp *qp)
{
	kvfree(qp->ring.pages);
	kfree(qp);
}

static u8 read_qp(const struct cx_request *request, struct cx_qp *qp)
{
	const void *qpc = MLX5_ADDR_OF(create_qp_in, request->in, qpc);

	if (MLX5_GET(qpc, qpc, st) != MLX5_QP_ST_RC || !MLX5_GET(qpc, qpc, no_sq) ||
	    MLX5_GET(qpc, qpc, pm_state) != MLX5_QP_PM_MIGRATED)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	if (MLX5_GET(qpc, qpc, rq_type) == MLX5_ZERO_LEN_RQ)
		return MLX5_CMD_STAT_OK;
	if (MLX5_GET(qpc, qpc, rq_type) != MLX5_NON_ZERO_RQ || MLX5_GET(qpc, qpc, log_page_size))
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	qp->receives = true;
	qp->ring.log_size = MLX5_GET(qpc, qpc, log_rq_size);
	qp->ring.log_stride = MLX5_GET(qpc, qpc, log_rq_stride) + 4;
	qp->ring.doorbell = MLX5_GET64(qpc, qpc, dbr_addr);
	return read_ring(&qp->ring, request, MLX5_ST_SZ_BYTES(create_qp_in),
			 MLX5_ADDR_OF(create_qp_in, request->in, pas));
}

static u8 add_qp(struct cx_card *card, struct cx_qp *qp, const void *qpc)
{
	struct cx_resource *cq = cx_find_resource(card, CX_KIND_CQ, MLX5_GET(qpc, qpc, cqn_rcv));

	qp->pd = cx_find_resource(card, CX_KIND_PD, MLX5_GET(qpc, qpc, pd));
	if (!qp->pd || (qp->receives && !cq) || !is_uar(card, MLX5_GET(qpc, qpc, uar_page)))
		return MLX5_CMD_STAT_BAD_RES_ERR;
	if (!cx_add_resource(card, &qp->resource, CX_KIND_QP))
		return MLX5_CMD_STAT_LIM_ERR;
	qp->pd->users++;
	if (qp->receives) {
		qp->cq = to_cq(cq);
		cq->users++;
	}
	return MLX5_CMD_STAT_OK;
}

u8 cx_create_qp(const struct cx_request *request)
{
	struct cx_qp *qp = kzalloc(sizeof(*qp), GFP_KERNEL);
	u8 status;

	if (!qp)
		return MLX5_CMD_STAT_LIM_ERR;
	status = read_qp(request, qp);
	guard(mutex)(&request->card->lock);
	if (!status)
		status = add_qp(request->card, qp, MLX5_ADDR_OF(create_qp_in, request->in, qpc));
	if (status)
		free_qp(qp);
	else
		MLX5_SET(create_qp_out, request->out, qpn, qp->resource.id);
	return status;
}

u8 cx_destroy_qp(const struct cx_request *request)
{
	struct cx_resource *resource;
	struct cx_qp *qp;
	u8 status;

	guard(mutex)(&request->card->lock);
	status = cx_take_resource(request->card, CX_KIND_QP,
				  MLX5_GET(destroy_qp_in, request->in, qpn), &resource);
	if (status)
		return status;
	qp = to_qp(resource);
	qp->pd->users--;
	if (qp->cq)
		qp->cq->resource.users--;
	free_qp(qp);
	return MLX5_CMD_STAT_OK;
}

/* A queue pair in the state that it has to be in, and into the next one */
static u8 move_qp(struct cx_card *card, u32 qpn, enum cx_qp_at from, struct cx_qp **qp)
{
	struct cx_resource *resource = cx_find_resource(card, CX_KIND_QP, qpn);

	if (!resource)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	*qp = to_qp(resource);
	if ((*qp)->at != from)
		return MLX5_CMD_STAT_BAD_QP_STATE_ERR;
	(*qp)->at = from + 1;
	return MLX5_CMD_STAT_OK;
}

u8 cx_rst2init_qp(const struct cx_request *request)
{
	const void *qpc = MLX5_ADDR_OF(rst2init_qp_in, request->in, qpc);
	struct cx_qp *qp;

	if (MLX5_GET(qpc, qpc, primary_address_path.vhca_port_num) != 1)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	guard(mutex)(&request->card->lock);
	return move_qp(request->card, MLX5_GET(rst2init_qp_in, request->in, qpn), CX_QP_AT_RST,
		       &qp);
}

u8 cx_init2rtr_qp(const struct cx_request *request)
{
	const void *qpc = MLX5_ADDR_OF(init2rtr_qp_in, request->in, qpc);
	struct cx_qp *qp;
	u8 status;

	if (MLX5_GET(qpc, qpc, primary_address_path.vhca_port_num) != 1)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	guard(mutex)(&request->card->lock);
	status = move_qp(request->card, MLX5_GET(init2rtr_qp_in, request->in, qpn),
			 CX_QP_AT_INIT, &qp);
	if (!status)
		qp->peer = MLX5_GET(qpc, qpc, remote_qpn);
	return status;
}

u8 cx_rtr2rts_qp(const struct cx_request *request)
{
	struct cx_qp *qp;

	guard(mutex)(&request->card->lock);
	return move_qp(request->card, MLX5_GET(rtr2rts_qp_in, request->in, qpn), CX_QP_AT_RTR,
		       &qp);
}
