// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ConnectX without its hardware.
 *
 * The cut is between mlx5_core and the firmware, as far as the VFIO driver reaches it:
 * what mlx5_core does by commands is done by commands here, and what it tells of in an
 * interrupt is told of in one.  Errors are what mlx5_core makes of a command's status.
 */
#include <linux/cleanup.h>
#include <linux/dma-mapping.h>
#include <linux/hardirq.h>
#include <linux/mlx5/device.h>
#include <linux/mlx5/vport.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../compat.h"
#include "mlx5.h"

/* Those that the VFIO driver looks at */
static const unsigned int cap_types[] = {
	MLX5_CAP_GENERAL, MLX5_CAP_GENERAL_2, MLX5_CAP_ROCE, MLX5_CAP_ADV_VIRTUALIZATION,
};

/* Interrupts */

/**
 * cx_interrupt - the card interrupts the host
 * @handler: what that does
 * @data: for it
 *
 * The handler finds what it would find in a true interrupt; it must not sleep.
 */
void cx_interrupt(void (*handler)(void *data), void *data)
{
	unsigned long flags;

	local_irq_save(flags);
	__irq_enter_raw();
	handler(data);
	__irq_exit_raw();
	local_irq_restore(flags);
}

struct event {
	struct cx_card *card;
	struct mlx5_eqe *eqe;
};

static void tell_event(void *data)
{
	struct event *event = data;
	struct cx_card *card = event->card;
	u8 type = event->eqe->type;

	atomic_notifier_call_chain(&card->events[type], type, event->eqe);
	atomic_notifier_call_chain(&card->events[MLX5_EVENT_TYPE_NOTIFY_ANY], type, event->eqe);
}

/**
 * cx_event - something happens that nobody has asked for
 * @card: the card
 * @eqe: what
 */
void cx_event(struct cx_card *card, struct mlx5_eqe *eqe)
{
	struct event event = { card, eqe };

	cx_interrupt(tell_event, &event);
}

int mlx5_eq_notifier_register(struct mlx5_core_dev *dev, struct mlx5_nb *nb)
{
	struct cx_card *card = cx_card_of(dev);
	int error = cx_called(card, NULL, "eq_notifier_register");

	return error ?: atomic_notifier_chain_register(&card->events[nb->event_type], &nb->nb);
}
EXPORT_SYMBOL(mlx5_eq_notifier_register);

int mlx5_eq_notifier_unregister(struct mlx5_core_dev *dev, struct mlx5_nb *nb)
{
	struct cx_card *card = cx_card_of(dev);

	cx_called(card, NULL, "eq_notifier_unregister");
	return atomic_notifier_chain_unregister(&card->events[nb->event_type], &nb->nb);
}
EXPORT_SYMBOL(mlx5_eq_notifier_unregister);

/* Commands */

static const int status_errors[] = {
	[MLX5_CMD_STAT_INT_ERR] = -EIO,
	[MLX5_CMD_STAT_BAD_OP_ERR] = -EINVAL,
	[MLX5_CMD_STAT_BAD_PARAM_ERR] = -EINVAL,
	[MLX5_CMD_STAT_BAD_SYS_STATE_ERR] = -EIO,
	[MLX5_CMD_STAT_BAD_RES_ERR] = -EINVAL,
	[MLX5_CMD_STAT_RES_BUSY] = -EBUSY,
	[MLX5_CMD_STAT_LIM_ERR] = -ENOMEM,
	[MLX5_CMD_STAT_BAD_RES_STATE_ERR] = -EINVAL,
	[MLX5_CMD_STAT_IX_ERR] = -EINVAL,
	[MLX5_CMD_STAT_NO_RES_ERR] = -EAGAIN,
	[MLX5_CMD_STAT_BAD_QP_STATE_ERR] = -EINVAL,
	[MLX5_CMD_STAT_BAD_INP_LEN_ERR] = -EIO,
	[MLX5_CMD_STAT_BAD_OUTP_LEN_ERR] = -EIO,
};

static u8 status_of(void *out)
{
	return MLX5_GET(alloc_pd_out, out, status);
}

static int error_of(void *out)
{
	u8 status = status_of(out);

	return status < ARRAY_SIZE(status_errors) && status_errors[status] ?
	       status_errors[status] : -EIO;
}

static u16 opcode_of(void *in)
{
	return MLX5_GET(alloc_pd_in, in, opcode);
}

static u16 op_mod_of(void *in)
{
	return MLX5_GET(alloc_pd_in, in, op_mod);
}

void mlx5_cmd_out_err(struct mlx5_core_dev *dev, u16 opcode, u16 op_mod, void *out)
{
	dev_err_ratelimited(dev->device, "command 0x%x, op_mod 0x%x: status 0x%x, error %d\n",
			    opcode, op_mod, status_of(out), error_of(out));
}
EXPORT_SYMBOL(mlx5_cmd_out_err);

/* As those see it who look at the status themselves */
static int answer_to_error(int error, void *out)
{
	if (error == -EREMOTEIO)
		return -EIO;
	return !error && status_of(out) ? -EREMOTEIO : error;
}

int mlx5_cmd_exec(struct mlx5_core_dev *dev, void *in, int in_size, void *out, int out_size)
{
	const struct cx_request request = {
		.card = cx_card_of(dev),
		.in = in,
		.inlen = in_size,
		.out = out,
		.outlen = out_size,
	};
	int error = answer_to_error(cx_execute(&request), out);

	if (error != -EREMOTEIO)
		return error;
	mlx5_cmd_out_err(dev, opcode_of(in), op_mod_of(in), out);
	return error_of(out);
}
EXPORT_SYMBOL(mlx5_cmd_exec);

/**
 * struct later - a command for which nobody waits
 * @work: carries it out
 * @async: the caller's
 * @user_out: where the caller wants the answer
 * @request: the command
 * @error: what became of it
 * @data: the command, then the answer
 */
struct later {
	struct work_struct work;
	struct mlx5_async_work *async;
	void *user_out;
	struct cx_request request;
	int error;
	u8 data[] __aligned(8);
};

void mlx5_cmd_init_async_ctx(struct mlx5_core_dev *dev, struct mlx5_async_ctx *ctx)
{
	ctx->dev = dev;
	/* One for whoever cleans up */
	atomic_set(&ctx->num_inflight, 1);
	init_completion(&ctx->inflight_done);
}
EXPORT_SYMBOL(mlx5_cmd_init_async_ctx);

static void put_async_ctx(struct mlx5_async_ctx *ctx)
{
	if (atomic_dec_and_test(&ctx->num_inflight))
		complete(&ctx->inflight_done);
}

void mlx5_cmd_cleanup_async_ctx(struct mlx5_async_ctx *ctx)
{
	put_async_ctx(ctx);
	wait_for_completion(&ctx->inflight_done);
}
EXPORT_SYMBOL(mlx5_cmd_cleanup_async_ctx);

/* The caller may be gone when its callback returns. */
static void tell_done(void *data)
{
	struct later *later = data;
	struct mlx5_async_ctx *ctx = later->async->ctx;
	int error = later->error;

	if (!error)
		memcpy(later->user_out, later->request.out, later->request.outlen);
	error = answer_to_error(error, later->user_out);
	later->async->user_callback(error, later->async);
	put_async_ctx(ctx);
}

static void do_later(struct work_struct *work)
{
	struct later *later = container_of(work, struct later, work);

	later->error = cx_execute(&later->request);
	cx_interrupt(tell_done, later);
	kfree(later);
}

static int begin_later(struct mlx5_async_work *async, void *in, int in_size, void *out,
		       int out_size)
{
	struct cx_card *card = cx_card_of(async->ctx->dev);
	int error = cx_called(card, NULL, "cmd_exec_cb");
	struct later *later;

	if (error)
		return error;
	/* As mlx5_core, whose callers may not be able to sleep */
	later = kzalloc(struct_size(later, data, in_size + out_size), GFP_ATOMIC);
	if (!later)
		return -ENOMEM;
	INIT_WORK(&later->work, do_later);
	memcpy(later->data, in, in_size);
	later->async = async;
	later->user_out = out;
	later->request.card = card;
	later->request.in = later->data;
	later->request.inlen = in_size;
	later->request.out = later->data + in_size;
	later->request.outlen = out_size;
	queue_work(card->commands, &later->work);
	return 0;
}

int mlx5_cmd_exec_cb(struct mlx5_async_ctx *ctx, void *in, int in_size, void *out, int out_size,
		     mlx5_async_cbk_t callback, struct mlx5_async_work *work)
{
	int error;

	work->ctx = ctx;
	work->user_callback = callback;
	work->opcode = opcode_of(in);
	work->op_mod = op_mod_of(in);
	work->out = out;
	if (!cx_expect(atomic_inc_not_zero(&ctx->num_inflight), "a command after the clean-up"))
		return -EIO;
	error = begin_later(work, in, in_size, out, out_size);
	if (error)
		put_async_ctx(ctx);
	return error;
}
EXPORT_SYMBOL(mlx5_cmd_exec_cb);

/* What is one command */

int mlx5_core_alloc_pd(struct mlx5_core_dev *dev, u32 *pdn)
{
	u32 out[MLX5_ST_SZ_DW(alloc_pd_out)] = {};
	u32 in[MLX5_ST_SZ_DW(alloc_pd_in)] = {};
	int error;

	MLX5_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
	error = mlx5_cmd_exec_inout(dev, alloc_pd, in, out);
	if (!error)
		*pdn = MLX5_GET(alloc_pd_out, out, pd);
	return error;
}
EXPORT_SYMBOL(mlx5_core_alloc_pd);

int mlx5_core_dealloc_pd(struct mlx5_core_dev *dev, u32 pdn)
{
	u32 in[MLX5_ST_SZ_DW(dealloc_pd_in)] = {};

	MLX5_SET(dealloc_pd_in, in, opcode, MLX5_CMD_OP_DEALLOC_PD);
	MLX5_SET(dealloc_pd_in, in, pd, pdn);
	return mlx5_cmd_exec_in(dev, dealloc_pd, in);
}
EXPORT_SYMBOL(mlx5_core_dealloc_pd);

int mlx5_core_create_mkey(struct mlx5_core_dev *dev, u32 *mkey, u32 *in, int inlen)
{
	u32 out[MLX5_ST_SZ_DW(create_mkey_out)] = {};
	int error;

	MLX5_SET(create_mkey_in, in, opcode, MLX5_CMD_OP_CREATE_MKEY);
	error = mlx5_cmd_exec(dev, in, inlen, out, sizeof(out));
	if (!error)
		*mkey = mlx5_idx_to_mkey(MLX5_GET(create_mkey_out, out, mkey_index)) |
			MLX5_GET(create_mkey_in, in, memory_key_mkey_entry.mkey_7_0);
	return error;
}
EXPORT_SYMBOL(mlx5_core_create_mkey);

int mlx5_core_destroy_mkey(struct mlx5_core_dev *dev, u32 mkey)
{
	u32 in[MLX5_ST_SZ_DW(destroy_mkey_in)] = {};

	MLX5_SET(destroy_mkey_in, in, opcode, MLX5_CMD_OP_DESTROY_MKEY);
	MLX5_SET(destroy_mkey_in, in, mkey_index, mlx5_mkey_to_idx(mkey));
	return mlx5_cmd_exec_in(dev, destroy_mkey, in);
}
EXPORT_SYMBOL(mlx5_core_destroy_mkey);

int mlx5_vport_get_other_func_cap(struct mlx5_core_dev *dev, u16 vport, void *out, u16 opmod)
{
	u32 in[MLX5_ST_SZ_DW(query_hca_cap_in)] = {};

	MLX5_SET(query_hca_cap_in, in, opcode, MLX5_CMD_OP_QUERY_HCA_CAP);
	MLX5_SET(query_hca_cap_in, in, op_mod, opmod << 1 | HCA_CAP_OPMOD_GET_MAX);
	MLX5_SET(query_hca_cap_in, in, other_function, 1);
	MLX5_SET(query_hca_cap_in, in, function_id, vport);
	return mlx5_cmd_exec_inout(dev, query_hca_cap, in, out);
}
EXPORT_SYMBOL_GPL(mlx5_vport_get_other_func_cap);

/* Completion queues: there is one event queue for all */

unsigned int mlx5_comp_vectors_max(struct mlx5_core_dev *dev)
{
	cx_called(cx_card_of(dev), NULL, "comp_vectors_max");
	return 1;
}
EXPORT_SYMBOL(mlx5_comp_vectors_max);

int mlx5_comp_eqn_get(struct mlx5_core_dev *dev, u16 vecidx, int *eqn)
{
	int error = cx_called(cx_card_of(dev), NULL, "comp_eqn_get");

	if (error)
		return error;
	if (vecidx)
		return -EINVAL;
	*eqn = CX_COMP_EQN;
	return 0;
}
EXPORT_SYMBOL(mlx5_comp_eqn_get);

static void connect_cq(struct cx_card *card, u32 cqn, struct mlx5_core_cq *user)
{
	struct cx_resource *resource;

	guard(mutex)(&card->lock);
	resource = cx_find_resource(card, CX_KIND_CQ, cqn);
	if (resource)
		container_of(resource, struct cx_cq, resource)->user = user;
}

int mlx5_core_create_cq(struct mlx5_core_dev *dev, struct mlx5_core_cq *cq, u32 *in, int inlen,
			u32 *out, int outlen)
{
	int error;

	MLX5_SET(create_cq_in, in, opcode, MLX5_CMD_OP_CREATE_CQ);
	error = mlx5_cmd_exec(dev, in, inlen, out, outlen);
	if (error)
		return error;
	cq->cqn = MLX5_GET(create_cq_out, out, cqn);
	cq->cons_index = 0;
	cq->arm_sn = 0;
	if (cq->arm_db)
		*cq->arm_db = cpu_to_be32(2 << 28);
	refcount_set(&cq->refcount, 1);
	init_completion(&cq->free);
	connect_cq(cx_card_of(dev), cq->cqn, cq);
	return 0;
}
EXPORT_SYMBOL(mlx5_core_create_cq);

int mlx5_core_destroy_cq(struct mlx5_core_dev *dev, struct mlx5_core_cq *cq)
{
	u32 in[MLX5_ST_SZ_DW(destroy_cq_in)] = {};
	int error;

	/* No event comes any more, whatever the firmware says. */
	connect_cq(cx_card_of(dev), cq->cqn, NULL);
	MLX5_SET(destroy_cq_in, in, opcode, MLX5_CMD_OP_DESTROY_CQ);
	MLX5_SET(destroy_cq_in, in, cqn, cq->cqn);
	error = mlx5_cmd_exec_in(dev, destroy_cq, in);
	if (error)
		return error;
	mlx5_cq_put(cq);
	wait_for_completion(&cq->free);
	return 0;
}
EXPORT_SYMBOL(mlx5_core_destroy_cq);

/* The card has no RoCE, so that time stamps are as the port has them. */
bool mlx5_is_roce_on(struct mlx5_core_dev *dev)
{
	cx_called(cx_card_of(dev), NULL, "is_roce_on");
	return false;
}
EXPORT_SYMBOL(mlx5_is_roce_on);

/* The PF of a VF */

struct mlx5_core_dev *mlx5_vf_get_core_dev(struct pci_dev *pdev)
{
	struct mlx5_core_dev *dev = pci_iov_get_pf_drvdata(pdev, standin_pf_driver());

	if (IS_ERR(dev) || cx_called(cx_card_of(dev), standin_vf_of(pdev), "vf_get_core_dev"))
		return NULL;
	mutex_lock(&dev->intf_state_mutex);
	return dev;
}
EXPORT_SYMBOL(mlx5_vf_get_core_dev);

void mlx5_vf_put_core_dev(struct mlx5_core_dev *dev)
{
	cx_called(cx_card_of(dev), NULL, "vf_put_core_dev");
	mutex_unlock(&dev->intf_state_mutex);
}
EXPORT_SYMBOL(mlx5_vf_put_core_dev);

static bool is_enabled(struct cx_card *card, int id)
{
	return id >= 0 && id < pci_num_vf(card->pf->pdev);
}

int mlx5_sriov_blocking_notifier_register(struct mlx5_core_dev *dev, int vf_id,
					  struct notifier_block *nb)
{
	struct cx_card *card = cx_card_of(dev);
	int error;

	if (!is_enabled(card, vf_id))
		return -EINVAL;
	error = cx_called(card, &card->pf->vfs[vf_id], "sriov_notifier_register");
	return error ?: blocking_notifier_chain_register(&card->vf_events[vf_id], nb);
}
EXPORT_SYMBOL(mlx5_sriov_blocking_notifier_register);

void mlx5_sriov_blocking_notifier_unregister(struct mlx5_core_dev *dev, int vf_id,
					     struct notifier_block *nb)
{
	struct cx_card *card = cx_card_of(dev);

	if (!cx_expect(is_enabled(card, vf_id), "the events of a VF that there is not"))
		return;
	cx_called(card, &card->pf->vfs[vf_id], "sriov_notifier_unregister");
	blocking_notifier_chain_unregister(&card->vf_events[vf_id], nb);
}
EXPORT_SYMBOL(mlx5_sriov_blocking_notifier_unregister);

/*
 * The PF's driver takes its VFs away and gives them back when it recovers from an error,
 * which is when the VFIO driver is still bound: it has to have given up what it has of
 * the firmware before.
 */
static void detach(struct cx_card *card, unsigned int vf)
{
	struct cx_vhca *vhca = &card->vhcas[vf];

	blocking_notifier_call_chain(&card->vf_events[vf], MLX5_PF_NOTIFY_DISABLE_VF,
				     &card->mdev);
	guard(mutex)(&vhca->vf->lock);
	cx_reset_vhca(vhca);
	vhca->absent = true;
	vhca->vf->running = false;
}

static void attach(struct cx_card *card, unsigned int vf)
{
	struct cx_vhca *vhca = &card->vhcas[vf];

	blocking_notifier_call_chain(&card->vf_events[vf], MLX5_PF_NOTIFY_ENABLE_VF,
				     &card->mdev);
	guard(mutex)(&vhca->vf->lock);
	vhca->absent = false;
	vhca->vf->running = true;
}

/* Over what follows */
static DEFINE_MUTEX(detached_lock);
static struct cx_card *the_card;
static unsigned long detached;

static int set_detached(const char *words, const struct kernel_param *param)
{
	unsigned long wanted, changed;
	unsigned int vf;
	int error = kstrtoul(words, 0, &wanted);

	if (error)
		return error;
	guard(mutex)(&detached_lock);
	if (!the_card)
		return -ENODEV;
	changed = (wanted ^ detached) & (BIT(the_card->pf->nr_vfs) - 1);
	detached ^= changed;
	for_each_set_bit(vf, &changed, BITS_PER_LONG) {
		if (test_bit(vf, &wanted))
			detach(the_card, vf);
		else
			attach(the_card, vf);
	}
	return 0;
}

static const struct kernel_param_ops detached_ops = {
	.set = set_detached,
	.get = param_get_ulong,
};

module_param_cb(detached, &detached_ops, &detached, 0644);
MODULE_PARM_DESC(detached, "the VFs, a bit for each, that the PF's driver has taken away");

static void set_card(struct cx_card *card)
{
	guard(mutex)(&detached_lock);
	the_card = card;
	detached = 0;
}

/* The card */

static void free_card(struct cx_card *card)
{
	unsigned int i;

	for (i = 0; i < SWPCI_MAX_VFS; i++)
		cx_free_vhca(&card->vhcas[i]);
	if (card->commands)
		destroy_workqueue(card->commands);
	kvfree(card->caps);
	kvfree(card);
}

static void init_mdev(struct cx_card *card, struct pci_dev *pdev)
{
	struct mlx5_core_dev *dev = &card->mdev;
	unsigned int i;

	dev->pdev = pdev;
	dev->device = &pdev->dev;
	dev->priv.numa_node = dev_to_node(&pdev->dev);
	mutex_init(&dev->intf_state_mutex);
	for (i = 0; i < ARRAY_SIZE(cap_types); i++) {
		dev->caps.hca[cap_types[i]] = &card->caps[i];
		cx_fill_caps(card->caps[i].cur, cap_types[i], NULL);
		cx_fill_caps(card->caps[i].max, cap_types[i], NULL);
	}
}

static int init_vhcas(struct cx_card *card)
{
	unsigned int i;

	for (i = 0; i < card->pf->nr_vfs; i++) {
		int error;

		card->vhcas[i].card = card;
		card->vhcas[i].vf = &card->pf->vfs[i];
		card->pf->vfs[i].priv = &card->vhcas[i];
		error = cx_init_vhca(&card->vhcas[i]);
		if (error)
			return error;
		BLOCKING_INIT_NOTIFIER_HEAD(&card->vf_events[i]);
	}
	return 0;
}

static int mlx5_probe(struct standin_pf *pf)
{
	struct cx_card *card = kvzalloc(sizeof(*card), GFP_KERNEL);
	unsigned int i;
	int error;

	if (!card)
		return -ENOMEM;
	card->pf = pf;
	card->caps = kvcalloc(ARRAY_SIZE(cap_types), sizeof(*card->caps), GFP_KERNEL);
	card->commands = alloc_workqueue("standin_mlx5", WQ_UNBOUND, 0);
	error = card->caps && card->commands ? init_vhcas(card) : -ENOMEM;
	if (!error)
		error = dma_set_mask_and_coherent(&pf->pdev->dev, DMA_BIT_MASK(64));
	if (error) {
		free_card(card);
		return error;
	}
	init_mdev(card, pf->pdev);
	mutex_init(&card->lock);
	mutex_init(&card->doorbells_lock);
	xa_init_flags(&card->resources, XA_FLAGS_ALLOC1);
	for (i = 0; i < ARRAY_SIZE(card->events); i++)
		ATOMIC_INIT_NOTIFIER_HEAD(&card->events[i]);
	pf->priv = card;
	pci_set_drvdata(pf->pdev, &card->mdev);
	set_card(card);
	return 0;
}

static void mlx5_remove(struct standin_pf *pf)
{
	struct cx_card *card = pf->priv;

	set_card(NULL);
	flush_workqueue(card->commands);
	cx_check_resources(card);
	xa_destroy(&card->resources);
	free_card(card);
}

static void mlx5_reset(struct standin_vf *vf)
{
	cx_reset_vhca(vf->priv);
}

static void mlx5_written(struct standin_vf *vf, dma_addr_t iova, size_t size)
{
	cx_track(vf->priv, iova, size);
}

/* The PF's BAR 0: pages of doorbells */
static bool mlx5_write(struct standin_pf *pf, struct standin_vf *vf, unsigned int bar, u64 offset,
		       unsigned int size, u64 value)
{
	__be32 words[2];

	if (vf || bar || offset % CX_UAR_SIZE != MLX5_CQ_DOORBELL || size != sizeof(words))
		return false;
	memcpy(words, &value, sizeof(words));
	cx_ring_cq(pf->priv, offset / CX_UAR_SIZE, be32_to_cpu(words[1]),
		   be32_to_cpu(words[0]) & 0xffffff);
	return true;
}

static const struct standin mlx5 = {
	.name = "standin_mlx5",
	.size = CX_VF_STATE_SIZE,
	.card = {
		.vendor = PCI_VENDOR_ID_MELLANOX,
		.device = 0x1021,
		.vf_device = 0x101e,
		.subsystem_vendor = PCI_VENDOR_ID_MELLANOX,
		.class = PCI_CLASS_NETWORK_ETHERNET << 8,
		.vfs = 4,
		.bars = { CX_NR_UARS * CX_UAR_SIZE },
		.vf_bars = { SZ_64K },
		.msix = 4,
		.msix_bar = 0,
	},
	.probe = mlx5_probe,
	.remove = mlx5_remove,
	.reset = mlx5_reset,
	.written = mlx5_written,
	.write = mlx5_write,
};

static int __init standin_mlx5_init(void)
{
	return standin_register(&mlx5, THIS_MODULE);
}
module_init(standin_mlx5_init);

static void __exit standin_mlx5_exit(void)
{
	standin_unregister();
}
module_exit(standin_mlx5_exit);

MODULE_DESCRIPTION("A stand-in for the PF and firmware of a ConnectX");
MODULE_LICENSE("GPL");
