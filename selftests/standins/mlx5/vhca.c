// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend, save and load of a VF.
 *
 * What firmware does here is not published.  What is known is what the VFIO driver's
 * comments, the names in mlx5_ifc.h and the order of the commands tell:
 *
 * - A VF is suspended in two steps, begun by the side that makes requests (initiator);
 *   it is resumed the other way round.
 * - SAVE without tracking wants a VF that is suspended.  SAVE with set_track wants one
 *   that works, for it is then that tracking is switched on; a VF whose initiator is
 *   suspended does not (mlx5vf_precopy_ioctl() says so).
 * - What is incremental, be it SAVE or QUERY, wants a SAVE before it.
 * - A SAVE with set_track that fails for the VF's state, be it suspended or larger than
 *   it was, gives BAD_RES_STATE.  Pre-copy has begun all the same: QUERY goes on to work,
 *   which the driver needs to end it (MLX5VF_QUERY_CLEANUP), and the whole state can be
 *   saved when the VF is suspended.
 * - SAVE with neither flag of a VF that is not suspended ends pre-copy.
 * - With chunks, SAVE writes the last image in parts, and tells how large the next is.
 * - RESUME of the initiator is refused while the responder is suspended.
 *
 * An image is a header and blocks of state.  The first of a session has all, the next
 * ones what has changed; with the last comes a digest of the whole.  LOAD takes them in
 * that order only, and the responder cannot be resumed in the middle.  That is ours:
 * firmware that did less would run a VF of whose state a part is missing.
 */
#include <linux/cleanup.h>
#include <linux/mlx5/device.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/xxhash.h>

#include "mlx5.h"

#define IMAGE_MAGIC	0x786353556861634aULL
#define IMAGE_LAST	1

/* How many blocks are in a part of the last image, where it comes in parts */
#define CHUNK_BLOCKS	24

/**
 * struct image - what SAVE writes; blocks follow
 * @magic: IMAGE_MAGIC
 * @digest: of all that follows
 * @whole: digest of the VF's state, in the last image
 * @size: of that
 * @session: the same in all images of one
 * @number: in the session, from 0 on
 * @flags: IMAGE_LAST
 * @blocks: how many
 */
struct image {
	__le64 magic;
	__le64 digest;
	__le64 whole;
	__le32 size;
	__le32 session;
	__le32 number;
	__le32 flags;
	__le32 blocks;
	__le32 reserved;
};

/**
 * struct block - a part of a VF's state
 * @number: where
 * @reserved: 0
 * @data: what
 */
struct block {
	__le32 number;
	__le32 reserved;
	u8 data[CX_BLOCK_SIZE];
};

static size_t image_size(unsigned int blocks)
{
	return sizeof(struct image) + blocks * sizeof(struct block);
}

#define MAX_IMAGE	image_size(CX_NR_BLOCKS)

static u64 image_digest(const struct image *image, size_t size)
{
	const size_t skipped = offsetofend(struct image, digest);

	return xxh64((const u8 *)image + skipped, size - skipped, 0);
}

/*
 * Newer kernels' layout has a state in what is reserved in older ones; firmware fills it
 * in all the same.
 */
struct mlx5_ifc_cx_newer_query_bits {
	u8 reserved_at_0[0x60];
	u8 migration_state[0x4];
	u8 reserved_at_64[0x1c];
};

enum {
	MIG_STATE_IDLE = 1,
	MIG_STATE_READY = 2,
	MIG_STATE_DIRTY = 3,
	MIG_STATE_INIT = 4,
};

/* The VF of a command, which has to be there */
static struct cx_vhca *find_present(const struct cx_request *request)
{
	struct cx_vhca *vhca = cx_find_vhca(request->card,
					    MLX5_GET(suspend_vhca_in, request->in, vhca_id));

	return cx_expect(vhca, "a command about a VF that there is not") ? vhca : NULL;
}

static bool is_suspended(const struct cx_vhca *vhca)
{
	return vhca->initiator && vhca->responder;
}

/* Suspend and resume */

static u8 suspend(struct cx_vhca *vhca, bool initiator)
{
	/* The responder is the second step. */
	if (initiator ? vhca->initiator : vhca->responder || !vhca->initiator)
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	if (initiator) {
		vhca->initiator = true;
		vhca->vf->running = false;
	} else {
		vhca->responder = true;
	}
	return MLX5_CMD_STAT_OK;
}

u8 cx_suspend_vhca(const struct cx_request *request)
{
	struct cx_vhca *vhca = find_present(request);

	if (!vhca)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	guard(mutex)(&vhca->vf->lock);
	if (vhca->absent)
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	switch (MLX5_GET(suspend_vhca_in, request->in, op_mod)) {
	case MLX5_SUSPEND_VHCA_IN_OP_MOD_SUSPEND_INITIATOR:
		return suspend(vhca, true);
	case MLX5_SUSPEND_VHCA_IN_OP_MOD_SUSPEND_RESPONDER:
		return suspend(vhca, false);
	default:
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	}
}

static u8 resume_initiator(struct cx_vhca *vhca)
{
	if (!vhca->initiator || vhca->responder)
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	vhca->initiator = false;
	vhca->vf->running = true;
	return MLX5_CMD_STAT_OK;
}

static u8 resume_responder(struct cx_vhca *vhca)
{
	/* A state of which a part is missing is none. */
	if (!vhca->responder || vhca->loading.open)
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	vhca->responder = false;
	/* The rest of an image is not true any more once it works. */
	if (!vhca->saving.tracked)
		vhca->saving.active = false;
	return MLX5_CMD_STAT_OK;
}

u8 cx_resume_vhca(const struct cx_request *request)
{
	struct cx_vhca *vhca = find_present(request);

	if (!vhca)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	guard(mutex)(&vhca->vf->lock);
	if (vhca->absent)
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	switch (MLX5_GET(resume_vhca_in, request->in, op_mod)) {
	case MLX5_RESUME_VHCA_IN_OP_MOD_RESUME_INITIATOR:
		return resume_initiator(vhca);
	case MLX5_RESUME_VHCA_IN_OP_MOD_RESUME_RESPONDER:
		return resume_responder(vhca);
	default:
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	}
}

/* Save */

static u8 *block_at(u8 *state, unsigned int block)
{
	return state + block * CX_BLOCK_SIZE;
}

/* How many blocks have changed since they were sent */
static unsigned int count_stale(struct cx_vhca *vhca)
{
	struct cx_saving *saving = &vhca->saving;
	unsigned int i;

	for (i = 0; i < CX_NR_BLOCKS; i++)
		if (memcmp(block_at(vhca->vf->state, i), block_at(saving->sent, i), CX_BLOCK_SIZE))
			__set_bit(i, saving->stale);
	return bitmap_weight(saving->stale, CX_NR_BLOCKS);
}

/* In how many blocks the next image is, of those that are left */
static unsigned int next_blocks(const struct cx_vhca *vhca, unsigned int left)
{
	return vhca->saving.chunks && is_suspended(vhca) ? min(left, CHUNK_BLOCKS) : left;
}

static size_t size_in_chunks(unsigned int blocks)
{
	return DIV_ROUND_UP(blocks, CHUNK_BLOCKS) * sizeof(struct image) +
	       blocks * sizeof(struct block);
}

static unsigned int migration_state(const struct cx_vhca *vhca, unsigned int stale)
{
	if (!vhca->saving.tracked)
		return MIG_STATE_IDLE;
	/* Where most is new, what was sent is of little use. */
	if (stale > CX_NR_BLOCKS / 2)
		return MIG_STATE_INIT;
	return stale ? MIG_STATE_DIRTY : MIG_STATE_READY;
}

u8 cx_query_vhca(const struct cx_request *request)
{
	bool incremental = MLX5_GET(query_vhca_migration_state_in, request->in, incremental);
	struct cx_vhca *vhca = find_present(request);
	unsigned int blocks;

	if (!vhca)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	guard(mutex)(&vhca->vf->lock);
	if (vhca->absent || (incremental && !vhca->saving.active))
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	vhca->saving.chunks = MLX5_GET(query_vhca_migration_state_in, request->in, chunk);
	blocks = incremental ? count_stale(vhca) : CX_NR_BLOCKS;
	/* A VF that works and has not changed has nothing to save, not even a header. */
	if (blocks || vhca->initiator)
		MLX5_SET(query_vhca_migration_state_out, request->out, required_umem_size,
			 image_size(next_blocks(vhca, blocks)));
	if (vhca->saving.chunks)
		MLX5_SET64(query_vhca_migration_state_out, request->out, remaining_total_size,
			   size_in_chunks(blocks));
	MLX5_SET(cx_newer_query, request->out, migration_state,
		 migration_state(vhca, incremental ? blocks : 0));
	return MLX5_CMD_STAT_OK;
}

static void begin_saving(struct cx_vhca *vhca)
{
	struct cx_saving *saving = &vhca->saving;

	saving->active = true;
	saving->session = get_random_u32();
	saving->number = 0;
	bitmap_fill(saving->stale, CX_NR_BLOCKS);
}

static void end_saving(struct cx_vhca *vhca)
{
	vhca->saving.active = false;
	vhca->saving.tracked = false;
}

/* The first blocks of those that are stale */
static size_t write_image(struct cx_vhca *vhca, unsigned int blocks, bool last)
{
	struct image *image = (struct image *)vhca->image;
	struct block *block = (struct block *)(image + 1);
	struct cx_saving *saving = &vhca->saving;
	unsigned int i, left = blocks;

	memset(image, 0, sizeof(*image));
	image->magic = cpu_to_le64(IMAGE_MAGIC);
	image->size = cpu_to_le32(CX_VF_STATE_SIZE);
	image->session = cpu_to_le32(saving->session);
	image->number = cpu_to_le32(saving->number);
	image->blocks = cpu_to_le32(blocks);
	for_each_set_bit(i, saving->stale, CX_NR_BLOCKS) {
		if (!left--)
			break;
		block->number = cpu_to_le32(i);
		block->reserved = 0;
		memcpy(block->data, block_at(vhca->vf->state, i), CX_BLOCK_SIZE);
		block++;
	}
	if (last) {
		image->flags = cpu_to_le32(IMAGE_LAST);
		image->whole = cpu_to_le64(xxh64(vhca->vf->state, CX_VF_STATE_SIZE, 0));
	}
	image->digest = cpu_to_le64(image_digest(image, image_size(blocks)));
	return image_size(blocks);
}

/* They have arrived. */
static void mark_sent(struct cx_vhca *vhca)
{
	struct image *image = (struct image *)vhca->image;
	struct block *block = (struct block *)(image + 1);
	unsigned int i;

	for (i = 0; i < le32_to_cpu(image->blocks); i++, block++) {
		__clear_bit(le32_to_cpu(block->number), vhca->saving.stale);
		memcpy(block_at(vhca->saving.sent, le32_to_cpu(block->number)), block->data,
		       CX_BLOCK_SIZE);
	}
	vhca->saving.number++;
}

static u8 save_part(const struct cx_request *request, struct cx_vhca *vhca,
		    const struct cx_mkey *mkey, bool track)
{
	u64 at = MLX5_GET64(save_vhca_state_in, request->in, va);
	u32 room = MLX5_GET(save_vhca_state_in, request->in, size);
	unsigned int stale = count_stale(vhca);
	unsigned int blocks = next_blocks(vhca, stale);
	bool last = !track && blocks == stale;
	size_t size;
	u8 status;

	if (room < image_size(blocks))
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	size = write_image(vhca, blocks, last);
	status = cx_mkey_access(request->card, mkey, at, vhca->image, size, true);
	if (status)
		return status;
	mark_sent(vhca);
	MLX5_SET(save_vhca_state_out, request->out, actual_image_size, size);
	if (last)
		end_saving(vhca);
	else if (!track)
		MLX5_SET(save_vhca_state_out, request->out, next_required_umem_size,
			 image_size(next_blocks(vhca, stale - blocks)));
	return MLX5_CMD_STAT_OK;
}

/* What nobody will load: a header, if there is room for it */
static u8 end_pre_copy(const struct cx_request *request, struct cx_vhca *vhca,
		       const struct cx_mkey *mkey)
{
	u64 at = MLX5_GET64(save_vhca_state_in, request->in, va);
	u32 room = MLX5_GET(save_vhca_state_in, request->in, size);
	size_t size = write_image(vhca, 0, false);
	u8 status;

	if (room >= size) {
		status = cx_mkey_access(request->card, mkey, at, vhca->image, size, true);
		if (status)
			return status;
		MLX5_SET(save_vhca_state_out, request->out, actual_image_size, size);
	}
	end_saving(vhca);
	return MLX5_CMD_STAT_OK;
}

static u8 save(const struct cx_request *request, struct cx_vhca *vhca,
	       const struct cx_mkey *mkey)
{
	bool incremental = MLX5_GET(save_vhca_state_in, request->in, incremental);
	bool track = MLX5_GET(save_vhca_state_in, request->in, set_track);

	if (vhca->absent || vhca->loading.open)
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	if (!incremental && !track && vhca->saving.tracked && !is_suspended(vhca))
		return end_pre_copy(request, vhca, mkey);
	if ((incremental && !vhca->saving.active) || (!track && !is_suspended(vhca)))
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	if (!mkey)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	if (!incremental)
		begin_saving(vhca);
	vhca->saving.tracked = track;
	/* The responder never is without it. */
	if (track && vhca->initiator)
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	return save_part(request, vhca, mkey, track);
}

/* Without a size there is no memory, and no key to it. */
static u8 get_mkey(const struct cx_request *request, u32 key, u32 size, struct cx_mkey **mkey)
{
	*mkey = NULL;
	if (!size)
		return MLX5_CMD_STAT_OK;
	guard(mutex)(&request->card->lock);
	*mkey = cx_get_mkey(request->card, key);
	return cx_expect(*mkey, "a memory key that opens nothing") ? MLX5_CMD_STAT_OK :
								     MLX5_CMD_STAT_BAD_RES_ERR;
}

static void put_mkey(const struct cx_request *request, struct cx_mkey *mkey)
{
	guard(mutex)(&request->card->lock);
	if (mkey)
		cx_put_mkey(request->card, mkey);
}

u8 cx_save_vhca(const struct cx_request *request)
{
	struct cx_vhca *vhca = find_present(request);
	struct cx_mkey *mkey;
	u8 status;

	if (!vhca)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	status = get_mkey(request, MLX5_GET(save_vhca_state_in, request->in, mkey),
			  MLX5_GET(save_vhca_state_in, request->in, size), &mkey);
	if (status)
		return status;
	scoped_guard(mutex, &vhca->vf->lock)
		status = save(request, vhca, mkey);
	put_mkey(request, mkey);
	return status;
}

/* Load */

static bool is_whole(const struct image *image, size_t size)
{
	u32 blocks = le32_to_cpu(image->blocks);

	return image->magic == cpu_to_le64(IMAGE_MAGIC) &&
	       image->size == cpu_to_le32(CX_VF_STATE_SIZE) &&
	       blocks <= CX_NR_BLOCKS && size == image_size(blocks) &&
	       image->digest == cpu_to_le64(image_digest(image, size));
}

static u8 take_blocks(struct cx_loading *loading, const struct image *image)
{
	const struct block *block = (const struct block *)(image + 1);
	unsigned int i;

	for (i = 0; i < le32_to_cpu(image->blocks); i++, block++) {
		if (le32_to_cpu(block->number) >= CX_NR_BLOCKS)
			return MLX5_CMD_STAT_BAD_PARAM_ERR;
		memcpy(block_at(loading->state, le32_to_cpu(block->number)), block->data,
		       CX_BLOCK_SIZE);
	}
	return MLX5_CMD_STAT_OK;
}

static u8 end_loading(struct cx_vhca *vhca, const struct image *image)
{
	if (le64_to_cpu(image->whole) != xxh64(vhca->loading.state, CX_VF_STATE_SIZE, 0))
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	memcpy(vhca->vf->state, vhca->loading.state, CX_VF_STATE_SIZE);
	vhca->loading.open = false;
	return MLX5_CMD_STAT_OK;
}

static u8 load_image(struct cx_vhca *vhca, const struct image *image)
{
	struct cx_loading *loading = &vhca->loading;
	u32 session = le32_to_cpu(image->session);
	u32 number = le32_to_cpu(image->number);
	u8 status;

	if (!number) {
		loading->session = session;
		loading->number = 0;
		memset(loading->state, 0, CX_VF_STATE_SIZE);
	} else if (!loading->open || loading->session != session || loading->number != number) {
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	}
	loading->open = true;
	status = take_blocks(loading, image);
	if (status)
		return status;
	loading->number++;
	return le32_to_cpu(image->flags) & IMAGE_LAST ? end_loading(vhca, image) :
							MLX5_CMD_STAT_OK;
}

static u8 load(const struct cx_request *request, struct cx_vhca *vhca,
	       const struct cx_mkey *mkey)
{
	u32 size = MLX5_GET(load_vhca_state_in, request->in, size);
	u8 status;

	if (vhca->absent || !is_suspended(vhca))
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	if (size < sizeof(struct image) || size > MAX_IMAGE)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	status = cx_mkey_access(request->card, mkey,
				MLX5_GET64(load_vhca_state_in, request->in, va), vhca->image, size,
				false);
	if (status)
		return status;
	if (!is_whole((struct image *)vhca->image, size))
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	return load_image(vhca, (struct image *)vhca->image);
}

u8 cx_load_vhca(const struct cx_request *request)
{
	struct cx_vhca *vhca = find_present(request);
	struct cx_mkey *mkey;
	u8 status;

	if (!vhca)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	status = get_mkey(request, MLX5_GET(load_vhca_state_in, request->in, mkey),
			  MLX5_GET(load_vhca_state_in, request->in, size), &mkey);
	if (status)
		return status;
	scoped_guard(mutex, &vhca->vf->lock)
		status = load(request, vhca, mkey);
	put_mkey(request, mkey);
	return status;
}

/* A VF's time */

/**
 * cx_init_vhca - a VF of a card that begins
 * @vhca: its card and model are set
 *
 * Return: 0, or -ENOMEM.
 */
int cx_init_vhca(struct cx_vhca *vhca)
{
	vhca->saving.sent = kvzalloc(CX_VF_STATE_SIZE, GFP_KERNEL);
	vhca->loading.state = kvzalloc(CX_VF_STATE_SIZE, GFP_KERNEL);
	vhca->image = kvzalloc(MAX_IMAGE, GFP_KERNEL);
	return vhca->saving.sent && vhca->loading.state && vhca->image ? 0 : -ENOMEM;
}

/**
 * cx_free_vhca - a VF of a card that goes
 * @vhca: the VF; of a card of zeros, or what cx_init_vhca() left
 */
void cx_free_vhca(struct cx_vhca *vhca)
{
	kvfree(vhca->saving.sent);
	kvfree(vhca->loading.state);
	kvfree(vhca->image);
}

/**
 * cx_reset_vhca - a VF is reset: it works, and nobody saves or loads it
 * @vhca: the VF; its lock is held
 */
void cx_reset_vhca(struct cx_vhca *vhca)
{
	lockdep_assert_held(&vhca->vf->lock);
	vhca->initiator = false;
	vhca->responder = false;
	vhca->loading.open = false;
	end_saving(vhca);
}
