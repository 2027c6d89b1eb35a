// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands: who carries out which, what it can do, and how a test lets one fail.
 */
#include <linux/mlx5/device.h>

#include "mlx5.h"

/* How all commands and answers begin */
#define COMMAND_OPCODE(in)	MLX5_GET(alloc_pd_in, in, opcode)
#define SET_STATUS(out, value)	MLX5_SET(alloc_pd_out, out, status, value)

/* Of a VF, both in the firmware's terms: the function's number, and any other */
#define FUNCTION_ID(vhca)	((vhca)->vf->id + 1)
#define VHCA_ID_BASE		0x40

/**
 * struct command - what the firmware can do
 * @opcode: the command
 * @name: for tests
 * @in: how long it is at least, in bytes
 * @out: how long the answer is
 * @run: does it; returns the status
 */
struct command {
	u16 opcode;
	const char *name;
	unsigned int in;
	unsigned int out;
	u8 (*run)(const struct cx_request *request);
};

/**
 * cx_vhca_id - a VF's number in commands
 * @vhca: the VF
 *
 * Return: it.
 */
u16 cx_vhca_id(const struct cx_vhca *vhca)
{
	return VHCA_ID_BASE + vhca->vf->id;
}

/**
 * cx_find_vhca - the VF that a command is about
 * @card: the card
 * @id: its number
 *
 * Return: it, or NULL.
 */
struct cx_vhca *cx_find_vhca(struct cx_card *card, u16 id)
{
	return id >= VHCA_ID_BASE && id < VHCA_ID_BASE + card->pf->nr_vfs ?
	       &card->vhcas[id - VHCA_ID_BASE] : NULL;
}

static struct cx_vhca *vhca_of_function(struct cx_card *card, u16 id)
{
	return id && id <= card->pf->nr_vfs ? &card->vhcas[id - 1] : NULL;
}

/* Capabilities */

static bool chunks = true;
module_param(chunks, bool, 0444);
MODULE_PARM_DESC(chunks, "the last image can be taken in parts");

/*
 * The bit is in newer kernels' layout only.  Firmware sets it all the same: older ones
 * do not look.
 */
struct mlx5_ifc_cx_newer_cap_2_bits {
	u8 reserved_at_0[0xd9];
	u8 migration_state[0x1];
	u8 reserved_at_da[0x6];
};

static void fill_general(void *caps, const struct cx_vhca *vhca)
{
	MLX5_SET(cmd_hca_cap, caps, vhca_id, vhca ? cx_vhca_id(vhca) : 0);
	MLX5_SET(cmd_hca_cap, caps, port_type, MLX5_CAP_PORT_TYPE_ETH);
	MLX5_SET(cmd_hca_cap, caps, num_ports, 1);
	MLX5_SET(cmd_hca_cap, caps, log_max_msg, 30);
	MLX5_SET(cmd_hca_cap, caps, cqe_version, 1);
	MLX5_SET(cmd_hca_cap, caps, uar_4k, 1);
	MLX5_SET(cmd_hca_cap, caps, hca_cap_2, 1);
	if (vhca)
		return;
	MLX5_SET(cmd_hca_cap, caps, vhca_resource_manager, 1);
	MLX5_SET(cmd_hca_cap, caps, migration, 1);
	MLX5_SET(cmd_hca_cap, caps, adv_virtualization, 1);
}

static void fill_general_2(void *caps, const struct cx_vhca *vhca)
{
	if (vhca) {
		MLX5_SET(cmd_hca_cap_2, caps, migratable, 1);
		return;
	}
	MLX5_SET(cmd_hca_cap_2, caps, migration_multi_load, 1);
	MLX5_SET(cmd_hca_cap_2, caps, migration_tracking_state, 1);
	MLX5_SET(cmd_hca_cap_2, caps, migration_in_chunks, chunks);
	MLX5_SET(cx_newer_cap_2, caps, migration_state, 1);
}

static void fill_tracking(void *caps)
{
	MLX5_SET(adv_virtualization_cap, caps, pg_track_log_max_num, 3);
	MLX5_SET(adv_virtualization_cap, caps, pg_track_max_num_range, CX_TRACK_MAX_RANGES);
	MLX5_SET(adv_virtualization_cap, caps, pg_track_log_min_addr_space,
		 CX_TRACK_LOG_MIN_SPACE);
	MLX5_SET(adv_virtualization_cap, caps, pg_track_log_max_addr_space,
		 CX_TRACK_LOG_MAX_SPACE);
	MLX5_SET(adv_virtualization_cap, caps, pg_track_log_min_msg_size, CX_TRACK_LOG_MIN_MSG);
	MLX5_SET(adv_virtualization_cap, caps, pg_track_log_max_msg_size, CX_TRACK_LOG_MAX_MSG);
	MLX5_SET(adv_virtualization_cap, caps, pg_track_log_min_page_size,
		 CX_TRACK_LOG_MIN_PAGE);
	MLX5_SET(adv_virtualization_cap, caps, pg_track_log_max_page_size,
		 CX_TRACK_LOG_MAX_PAGE);
}

/**
 * cx_fill_caps - what a function can do
 * @caps: a union hca_cap_union, all zero
 * @type: which part of it, as enum mlx5_cap_type says
 * @vhca: the VF, or NULL for the PF
 */
void cx_fill_caps(void *caps, unsigned int type, const struct cx_vhca *vhca)
{
	switch (type) {
	case MLX5_CAP_GENERAL:
		fill_general(caps, vhca);
		break;
	case MLX5_CAP_GENERAL_2:
		fill_general_2(caps, vhca);
		break;
	case MLX5_CAP_ADV_VIRTUALIZATION:
		if (!vhca)
			fill_tracking(caps);
		break;
	default:
		break;
	}
}

static u8 query_hca_cap(const struct cx_request *request)
{
	/* The lowest bit asks for what is possible, or in force: for us the same. */
	unsigned int type = MLX5_GET(query_hca_cap_in, request->in, op_mod) >> 1;
	struct cx_vhca *vhca = NULL;

	if (MLX5_GET(query_hca_cap_in, request->in, other_function)) {
		vhca = vhca_of_function(request->card,
					MLX5_GET(query_hca_cap_in, request->in, function_id));
		if (!vhca)
			return MLX5_CMD_STAT_BAD_PARAM_ERR;
	}
	cx_fill_caps(MLX5_ADDR_OF(query_hca_cap_out, request->out, capability), type, vhca);
	return MLX5_CMD_STAT_OK;
}

/* Objects: there is one type */

#define OBJECT_COMMAND(what)								\
static u8 what##_object(const struct cx_request *request)				\
{											\
	if (MLX5_GET(general_obj_in_cmd_hdr, request->in, obj_type) !=			\
	    MLX5_OBJ_TYPE_PAGE_TRACK)							\
		return MLX5_CMD_STAT_BAD_PARAM_ERR;					\
	return cx_##what##_tracker(request);						\
}

OBJECT_COMMAND(create)
OBJECT_COMMAND(modify)
OBJECT_COMMAND(query)
OBJECT_COMMAND(destroy)

/* All that there are */

#define COMMAND(op, name, run)								\
	{ MLX5_CMD_OP_##op, #name, MLX5_ST_SZ_BYTES(name##_in), MLX5_ST_SZ_BYTES(name##_out), run }
#define OBJECT(op, name, run)								\
	{ MLX5_CMD_OP_##op, #name, MLX5_ST_SZ_BYTES(general_obj_in_cmd_hdr),		\
	  MLX5_ST_SZ_BYTES(general_obj_out_cmd_hdr), run }

static const struct command commands[] = {
	COMMAND(QUERY_HCA_CAP, query_hca_cap, query_hca_cap),
	COMMAND(SUSPEND_VHCA, suspend_vhca, cx_suspend_vhca),
	COMMAND(RESUME_VHCA, resume_vhca, cx_resume_vhca),
	COMMAND(QUERY_VHCA_MIGRATION_STATE, query_vhca_migration_state, cx_query_vhca),
	COMMAND(SAVE_VHCA_STATE, save_vhca_state, cx_save_vhca),
	COMMAND(LOAD_VHCA_STATE, load_vhca_state, cx_load_vhca),
	COMMAND(ALLOC_PD, alloc_pd, cx_alloc_pd),
	COMMAND(DEALLOC_PD, dealloc_pd, cx_dealloc_pd),
	COMMAND(ALLOC_UAR, alloc_uar, cx_alloc_uar),
	COMMAND(DEALLOC_UAR, dealloc_uar, cx_dealloc_uar),
	COMMAND(CREATE_MKEY, create_mkey, cx_create_mkey),
	COMMAND(DESTROY_MKEY, destroy_mkey, cx_destroy_mkey),
	COMMAND(CREATE_CQ, create_cq, cx_create_cq),
	COMMAND(DESTROY_CQ, destroy_cq, cx_destroy_cq),
	COMMAND(CREATE_QP, create_qp, cx_create_qp),
	COMMAND(DESTROY_QP, destroy_qp, cx_destroy_qp),
	COMMAND(RST2INIT_QP, rst2init_qp, cx_rst2init_qp),
	COMMAND(INIT2RTR_QP, init2rtr_qp, cx_init2rtr_qp),
	COMMAND(RTR2RTS_QP, rtr2rts_qp, cx_rtr2rts_qp),
	OBJECT(CREATE_GENERAL_OBJECT, create_tracker, create_object),
	OBJECT(MODIFY_GENERAL_OBJECT, modify_tracker, modify_object),
	OBJECT(QUERY_GENERAL_OBJECT, query_tracker, query_object),
	OBJECT(DESTROY_GENERAL_OBJECT, destroy_tracker, destroy_object),
};

static const struct command *find_command(u16 opcode)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].opcode == opcode)
			return &commands[i];
	return NULL;
}

/* The VF that a command is about, as far as it says so */
static struct standin_vf *vf_of(const struct cx_request *request)
{
	struct cx_vhca *vhca = NULL;
	const void *object;

	switch (COMMAND_OPCODE(request->in)) {
	case MLX5_CMD_OP_SUSPEND_VHCA:
	case MLX5_CMD_OP_RESUME_VHCA:
	case MLX5_CMD_OP_QUERY_VHCA_MIGRATION_STATE:
	case MLX5_CMD_OP_SAVE_VHCA_STATE:
	case MLX5_CMD_OP_LOAD_VHCA_STATE:
		vhca = cx_find_vhca(request->card,
				    MLX5_GET(suspend_vhca_in, request->in, vhca_id));
		break;
	case MLX5_CMD_OP_QUERY_HCA_CAP:
		vhca = vhca_of_function(request->card,
					MLX5_GET(query_hca_cap_in, request->in, function_id));
		break;
	case MLX5_CMD_OP_CREATE_GENERAL_OBJECT:
		object = MLX5_ADDR_OF(create_page_track_obj_in, request->in, obj_context);
		vhca = cx_find_vhca(request->card, MLX5_GET(page_track, object, vhca_id));
		break;
	case MLX5_CMD_OP_MODIFY_GENERAL_OBJECT:
	case MLX5_CMD_OP_QUERY_GENERAL_OBJECT:
	case MLX5_CMD_OP_DESTROY_GENERAL_OBJECT:
		return cx_tracked_vf(request->card,
				     MLX5_GET(general_obj_in_cmd_hdr, request->in, obj_id));
	default:
		break;
	}
	return vhca ? vhca->vf : NULL;
}

/**
 * cx_called - the driver calls something
 * @card: of this card
 * @vf: about this VF, or NULL if that cannot be known: then it is a call of each VF's
 * @name: what
 *
 * Return: 0, or the error that a test wants.
 */
int cx_called(struct cx_card *card, struct standin_vf *vf, const char *name)
{
	unsigned int i;
	int error = 0;

	if (vf)
		return standin_call(vf, name);
	for (i = 0; i < card->pf->nr_vfs; i++)
		error = standin_call(&card->pf->vfs[i], name) ?: error;
	return error;
}

/* What firmware would answer so that the driver gets this error */
static u8 status_of(int error)
{
	switch (error) {
	case -EINVAL:
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	case -EBUSY:
		return MLX5_CMD_STAT_RES_BUSY;
	case -EAGAIN:
		return MLX5_CMD_STAT_NO_RES_ERR;
	case -ENOMEM:
		return MLX5_CMD_STAT_LIM_ERR;
	case -EIO:
		return MLX5_CMD_STAT_INT_ERR;
	default:
		return MLX5_CMD_STAT_OK;
	}
}

static u8 run(const struct command *command, const struct cx_request *request)
{
	if (!cx_expect(request->inlen >= command->in, "a command that is too short"))
		return MLX5_CMD_STAT_BAD_INP_LEN_ERR;
	if (!cx_expect(request->outlen >= command->out, "no room for an answer"))
		return MLX5_CMD_STAT_BAD_OUTP_LEN_ERR;
	return command->run(request);
}

/**
 * cx_execute - the firmware carries a command out
 * @request: the command
 *
 * May sleep.
 *
 * Return: 0, and what became of it is in the answer; or, as a test wants it, the error
 * that it is not known what became of it.
 */
int cx_execute(const struct cx_request *request)
{
	const struct command *command = find_command(COMMAND_OPCODE(request->in));
	u8 status = MLX5_CMD_STAT_BAD_OP_ERR;
	int error;

	memset(request->out, 0, request->outlen);
	if (cx_expect(command, "an unknown command")) {
		error = cx_called(request->card, vf_of(request), command->name);
		status = status_of(error);
		if (error && !status)
			return error;
		if (!error)
			status = run(command, request);
	}
	SET_STATUS(request->out, status);
	return 0;
}
