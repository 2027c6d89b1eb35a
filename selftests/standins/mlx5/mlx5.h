/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A ConnectX without its hardware: what its parts share.
 *
 *	mlx5.c		the card, and what mlx5_core exports but memory
 *	memory.c	queues, doorbell records and doorbells, as mlx5_core gives them out
 *	firmware.c	commands: who carries out which, and what comes back
 *	resource.c	protection domains, memory keys, queues
 *	vhca.c		suspend, save and load of a VF
 *	tracker.c	the object that tells which pages a VF wrote to
 *
 * Two locks: a card's @lock is over its resources, a VF's own (of the library) over what
 * the firmware knows of that VF.  Who takes both takes the card's first.
 */
#ifndef STANDINS_MLX5_H
#define STANDINS_MLX5_H

#include <linux/bitmap.h>
#include <linux/mlx5/cq.h>
#include <linux/mlx5/driver.h>
#include <linux/mlx5/eq.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "../lib/standin.h"

#define CX_VF_STATE_SIZE	SZ_32K
#define CX_BLOCK_SIZE		256
#define CX_NR_BLOCKS		(CX_VF_STATE_SIZE / CX_BLOCK_SIZE)

/* Pages of doorbells, at the beginning of the PF's BAR 0; the first is the card's own. */
#define CX_NR_UARS		16
#define CX_UAR_SIZE		SZ_4K

/* The event queue of completions */
#define CX_COMP_EQN		1

/* What is said in pg_track_* of the capabilities */
#define CX_TRACK_MAX_RANGES	8
#define CX_TRACK_LOG_MIN_SPACE	12
#define CX_TRACK_LOG_MAX_SPACE	47
#define CX_TRACK_LOG_MIN_MSG	12
#define CX_TRACK_LOG_MAX_MSG	14
#define CX_TRACK_LOG_MIN_PAGE	12
#define CX_TRACK_LOG_MAX_PAGE	21

struct cx_tracker;

/**
 * struct cx_saving - a VF's state on its way out
 * @active: a SAVE has begun one, and the last part is still to come
 * @tracked: the VF works meanwhile; what changes is looked for
 * @chunks: who asked for its size can take the last image in parts
 * @session: which; its images carry it
 * @number: of the next image
 * @sent: the state as it was sent
 * @stale: the blocks that were never sent, or have changed
 */
struct cx_saving {
	bool active;
	bool tracked;
	bool chunks;
	u32 session;
	u32 number;
	u8 *sent;
	DECLARE_BITMAP(stale, CX_NR_BLOCKS);
};

/**
 * struct cx_loading - a VF's state on its way in
 * @open: images have come, but not the last one
 * @session: whose
 * @number: of the next image
 * @state: as far as it has come
 */
struct cx_loading {
	bool open;
	u32 session;
	u32 number;
	u8 *state;
};

/**
 * struct cx_vhca - what the firmware knows of a VF; under the VF's lock
 * @card: whose it is
 * @vf: the model
 * @absent: the PF's driver has disabled it
 * @initiator: suspended: it begins nothing by itself
 * @responder: suspended: it answers nothing
 * @saving: its state on its way out
 * @loading: its state on its way in
 * @image: the one that is being written or read
 * @tracker: what watches the pages that it writes to, or NULL
 */
struct cx_vhca {
	struct cx_card *card;
	struct standin_vf *vf;
	bool absent;
	bool initiator;
	bool responder;
	struct cx_saving saving;
	struct cx_loading loading;
	u8 *image;
	struct cx_tracker *tracker;
};

/**
 * struct cx_card - a card: the PF's driver's part, and the firmware's
 * @mdev: what the VFIO driver sees
 * @pf: the library's
 * @vhcas: of its VFs
 * @vf_events: who wants to know when a VF is disabled
 * @events: who wants to know of events, by their type
 * @commands: those that nobody waits for are carried out here
 * @caps: storage of the capabilities in @mdev
 * @lock: over what follows
 * @resources: by their number
 * @next: number of a resource
 * @uars: the pages of doorbells that are taken
 * @doorbells_lock: over what follows
 * @doorbells: the page that all of the kernel share, while somebody has it
 * @doorbell_users: how many
 */
struct cx_card {
	struct mlx5_core_dev mdev;
	struct standin_pf *pf;
	struct cx_vhca vhcas[SWPCI_MAX_VFS];
	struct blocking_notifier_head vf_events[SWPCI_MAX_VFS];
	struct atomic_notifier_head events[MLX5_EVENT_TYPE_MAX];
	struct workqueue_struct *commands;
	struct mlx5_hca_cap *caps;
	/* Over resources */
	struct mutex lock;
	struct xarray resources;
	u32 next;
	DECLARE_BITMAP(uars, CX_NR_UARS);
	/* Over the shared page of doorbells */
	struct mutex doorbells_lock;
	struct mlx5_uars_page *doorbells;
	unsigned int doorbell_users;
};

static inline struct cx_card *cx_card_of(struct mlx5_core_dev *mdev)
{
	return container_of(mdev, struct cx_card, mdev);
}

/* Resources */

enum cx_kind {
	CX_KIND_PD,
	CX_KIND_MKEY,
	CX_KIND_CQ,
	CX_KIND_QP,
	CX_KIND_TRACKER,
};

/**
 * struct cx_resource - something that the firmware has made for the driver
 * @kind: what
 * @id: its number.  No two kinds have the same, so that one cannot pass for another
 * @users: how many others need it, or commands that are at work with it
 */
struct cx_resource {
	enum cx_kind kind;
	u32 id;
	unsigned int users;
};

/**
 * struct cx_mkey - a key to the host's memory
 * @resource: its number is the index; the key is that and eight bits of the driver's
 * @pd: in which protection domain
 * @key: the whole key
 * @length: of what it opens, which begins at 0
 * @page_shift: of its pages
 * @readable: by us
 * @writable: by us
 * @pages: where they are
 */
struct cx_mkey {
	struct cx_resource resource;
	struct cx_resource *pd;
	u32 key;
	u64 length;
	unsigned int page_shift;
	bool readable;
	bool writable;
	dma_addr_t pages[];
};

/**
 * struct cx_ring - a queue in the host's memory
 * @log_size: of entries
 * @log_stride: of an entry's size
 * @doorbell: where the host says how far it is
 * @count: of the entries that we have written, or used
 * @pages: where it is
 */
struct cx_ring {
	unsigned int log_size;
	unsigned int log_stride;
	dma_addr_t doorbell;
	u32 count;
	dma_addr_t *pages;
};

/**
 * struct cx_cq - a completion queue
 * @resource: its number
 * @ring: where it is
 * @uar: the page whose doorbell arms it
 * @armed: the host is to be told of the next completion
 * @failed: it ran over
 * @user: the driver's
 */
struct cx_cq {
	struct cx_resource resource;
	struct cx_ring ring;
	u32 uar;
	bool armed;
	bool failed;
	struct mlx5_core_cq *user;
};

enum cx_qp_at {
	CX_QP_AT_RST,
	CX_QP_AT_INIT,
	CX_QP_AT_RTR,
	CX_QP_AT_RTS,
	CX_QP_AT_ERR,
};

/**
 * struct cx_qp - a queue pair, without a send queue of the host's
 * @resource: its number
 * @pd: in which protection domain
 * @at: the state
 * @receives: it has a receive queue
 * @ring: that
 * @cq: where completions of that go
 * @peer: number of the one that it talks to
 */
struct cx_qp {
	struct cx_resource resource;
	struct cx_resource *pd;
	enum cx_qp_at at;
	bool receives;
	struct cx_ring ring;
	struct cx_cq *cq;
	u32 peer;
};

bool cx_add_resource(struct cx_card *card, struct cx_resource *resource, enum cx_kind kind);
struct cx_resource *cx_find_resource(struct cx_card *card, enum cx_kind kind, u32 id);
u8 cx_take_resource(struct cx_card *card, enum cx_kind kind, u32 id,
		    struct cx_resource **resource);
void cx_check_resources(struct cx_card *card);
struct cx_mkey *cx_get_mkey(struct cx_card *card, u32 key);
void cx_put_mkey(struct cx_card *card, struct cx_mkey *mkey);
u8 cx_mkey_access(struct cx_card *card, const struct cx_mkey *mkey, u64 at, void *data,
		  size_t size, bool write);
int cx_host_access(struct cx_card *card, dma_addr_t at, void *data, size_t size, bool write);
int cx_ring_access(struct cx_card *card, const struct cx_ring *ring, u32 entry, size_t offset,
		   void *data, size_t size, bool write);
void cx_ring_cq(struct cx_card *card, u32 uar, u32 cqn, u32 consumed);
bool cx_complete(struct cx_card *card, struct cx_cq *cq, struct mlx5_cqe64 *cqe);
void cx_fail_cq(struct cx_card *card, struct cx_cq *cq);

/* Commands */

/**
 * struct cx_request - a command
 * @card: to whom
 * @in: what is asked
 * @inlen: its length
 * @out: the answer
 * @outlen: its length
 */
struct cx_request {
	struct cx_card *card;
	const void *in;
	int inlen;
	void *out;
	int outlen;
};

int cx_execute(const struct cx_request *request);
int cx_called(struct cx_card *card, struct standin_vf *vf, const char *name);
struct cx_vhca *cx_find_vhca(struct cx_card *card, u16 id);
u16 cx_vhca_id(const struct cx_vhca *vhca);

/* A command that no driver ever sends: the run fails. */
#define cx_expect(condition, what)						\
	(!WARN(!(condition), "standin: mlx5: %s\n", what))

/* Each carries out the command of that name, and returns its status. */
u8 cx_alloc_pd(const struct cx_request *request);
u8 cx_dealloc_pd(const struct cx_request *request);
u8 cx_alloc_uar(const struct cx_request *request);
u8 cx_dealloc_uar(const struct cx_request *request);
u8 cx_create_mkey(const struct cx_request *request);
u8 cx_destroy_mkey(const struct cx_request *request);
u8 cx_create_cq(const struct cx_request *request);
u8 cx_destroy_cq(const struct cx_request *request);
u8 cx_create_qp(const struct cx_request *request);
u8 cx_destroy_qp(const struct cx_request *request);
u8 cx_rst2init_qp(const struct cx_request *request);
u8 cx_init2rtr_qp(const struct cx_request *request);
u8 cx_rtr2rts_qp(const struct cx_request *request);

u8 cx_suspend_vhca(const struct cx_request *request);
u8 cx_resume_vhca(const struct cx_request *request);
u8 cx_query_vhca(const struct cx_request *request);
u8 cx_save_vhca(const struct cx_request *request);
u8 cx_load_vhca(const struct cx_request *request);
int cx_init_vhca(struct cx_vhca *vhca);
void cx_free_vhca(struct cx_vhca *vhca);
void cx_reset_vhca(struct cx_vhca *vhca);

u8 cx_create_tracker(const struct cx_request *request);
u8 cx_modify_tracker(const struct cx_request *request);
u8 cx_query_tracker(const struct cx_request *request);
u8 cx_destroy_tracker(const struct cx_request *request);
void cx_track(struct cx_vhca *vhca, u64 iova, u64 size);
struct standin_vf *cx_tracked_vf(struct cx_card *card, u32 id);

/* The card */

void cx_interrupt(void (*handler)(void *data), void *data);
void cx_event(struct cx_card *card, struct mlx5_eqe *eqe);
void cx_fill_caps(void *caps, unsigned int type, const struct cx_vhca *vhca);

#endif /* STANDINS_MLX5_H */
