// SPDX-License-Identifier: GPL-2.0-only
/* What a user does with a device that may make the driver call the firmware. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../generic/steps.h"
#include "../lib/check.h"
#include "../lib/vfio_dma.h"
#include "act.h"

#define S(state)	VFIO_DEVICE_STATE_##state

/* Bytes of a write() */
#define CHUNK		4096

/**
 * stage_prepare - get to know a device
 * @stage: filled in
 * @vf: the device, fresh; STOP after it
 */
void stage_prepare(struct stage *stage, struct vf *vf)
{
	__u64 seed = 1;

	*stage = (struct stage) {
		.vf = vf,
		.session = -1,
		.came = -1,
		.content = vf_content_new(vf),
	};
	must(__vf_fill(vf, stage->content, &seed));
	must(step_save(&vf->dut, &stage->image));
}

/**
 * stage_end - close the session's data fd, if there is one, and forget what it
 *	gave
 * @stage: the stage
 */
void stage_end(struct stage *stage)
{
	if (stage->session >= 0)
		close(stage->session);
	stage->session = -1;
	stage->came = -1;
	stage->saved.len = 0;
}

/**
 * stage_free - end, and free memory
 * @stage: the stage, or one of zeros
 */
void stage_free(struct stage *stage)
{
	if (!stage->vf)
		return;
	stage_end(stage);
	mig_stream_free(&stage->image);
	mig_stream_free(&stage->saved);
	free(stage->content);
}

/**
 * stage_read - read the session to where it ends, for now or for good
 * @stage: the stage
 * @state: the state that the device is in
 *
 * Return: 0 or -errno.
 */
int stage_read(struct stage *stage, __u32 state)
{
	int ret = step_read(&stage->vf->dut, stage->session, &stage->saved);

	if (state != S(STOP_COPY) && ret == -ENOMSG)
		return 0;
	return ret;
}

static bool pre_copy(__u32 state)
{
	return state == S(PRE_COPY) || state == S(PRE_COPY_P2P);
}

static bool possible(struct vf *vf, const struct act *act)
{
	struct mig_path path;

	if (!mig_model_supported(vf->dut.flags, act->from))
		return false;
	if (act->kind != ACT_SET && act->to)
		return false;
	switch (act->kind) {
	case ACT_SET:
		return mig_model_paths(vf->dut.flags, act->from, act->to,
				       &path);
	case ACT_READ:
		return mig_model_saving(act->from);
	case ACT_WRITE:
		return act->from == S(RESUMING);
	case ACT_INFO:
		return pre_copy(act->from);
	case ACT_OPEN:
		return act->from == S(RUNNING);
	case ACT_LOG_START:
	case ACT_LOG_REPORT:
	case ACT_LOG_STOP:
		return act->from == S(RUNNING) && dut_has_log(&vf->dut);
	default:
		return true;
	}
}

/**
 * act_next - go through the acts of one kind that a device knows
 * @vf: the device, open
 * @act: moved on to the next one, unless it is one
 *
 * Return: true; false if there is none left.
 */
bool act_next(struct vf *vf, struct act *act)
{
	for (; act->from < S(NR); act->from++, act->to = 0)
		for (; act->to < S(NR); act->to++)
			if (possible(vf, act))
				return true;
	return false;
}

/**
 * act_name - an act in words
 * @act: the act
 *
 * Return: for instance "SET STOP in RUNNING".
 */
const char *act_name(const struct act *act)
{
	static const char * const names[] = {
		[ACT_SET] = "SET",
		[ACT_READ] = "read()",
		[ACT_WRITE] = "write()",
		[ACT_INFO] = "VFIO_MIG_GET_PRECOPY_INFO",
		[ACT_SIZE] = "GET of MIG_DATA_SIZE",
		[ACT_OPEN] = "open()",
		[ACT_CLOSE] = "close()",
		[ACT_RESET] = "VFIO_DEVICE_RESET",
		[ACT_LOG_START] = "START",
		[ACT_LOG_REPORT] = "REPORT",
		[ACT_LOG_STOP] = "STOP",
	};
	static char name[80];

	snprintf(name, sizeof(name), "%s%s%s in %s", names[act->kind],
		 act->kind == ACT_SET ? " " : "",
		 act->kind == ACT_SET ? mig_state_name(act->to) : "",
		 mig_state_name(act->from));
	return name;
}

/**
 * act_log_start - start the DMA log that the acts are about
 * @vf: the device
 *
 * Return: 0 or -errno.
 */
int act_log_start(struct vf *vf)
{
	const struct vfio_device_feature_dma_logging_range range = {
		ACT_LOG_BASE, ACT_LOG_SIZE,
	};
	__u64 page_size = MEM_PAGE;

	return __dma_log_start(&vf->dut.dev, &range, 1, &page_size);
}

/* The log is off, or on with something in it. */
static int prepare_log(const struct act *act, struct stage *stage)
{
	__u64 seed = 1;
	int ret;

	/* A reset need not end it. */
	__dma_log_stop(&stage->vf->dut.dev);
	if (act->kind == ACT_LOG_START)
		return 0;
	ret = act_log_start(stage->vf);
	if (!ret && stage->mem) {
		memory_reported(stage->mem, 0, ACT_LOG_SIZE);
		memory_write_random(stage->mem, &seed);
	}
	return ret;
}

/**
 * act_prepare - go to where an act can be done
 * @act: the act
 * @stage: the stage; its device may be in any state, or closed
 *
 * The guest has set the content; before RESUMING it has not, so that it can be
 * seen when it comes.  What pre-copy gives at first has been read, and in
 * RESUMING the image was written, unless that is the act.
 *
 * Return: 0 or -errno.
 */
int act_prepare(const struct act *act, struct stage *stage)
{
	struct dut *dut = &stage->vf->dut;
	int ret = 0;

	stage_end(stage);
	dut_fresh(dut);
	if (act->from != S(RESUMING))
		must(__vf_write(stage->vf, stage->content));
	if (act->from != S(RUNNING))
		ret = __vfio_mig_set(&dut->dev, act->from, &stage->session);
	if (ret)
		stage->session = -1;
	else if (act->from == S(RESUMING) && act->kind != ACT_WRITE)
		ret = __mig_stream_write(&stage->image, stage->session,
					 MIG_CHUNK);
	else if (pre_copy(act->from) && act->kind != ACT_READ)
		ret = stage_read(stage, act->from);
	else if (act->kind == ACT_OPEN)
		vfio_dev_close(&dut->dev);
	if (!ret && act->kind >= ACT_LOG_START)
		ret = prepare_log(act, stage);
	return ret;
}

static int set(struct stage *stage, __u32 state)
{
	int ret = __vfio_mig_set(&stage->vf->dut.dev, state, &stage->came);

	if (ret || stage->came < 0)
		return ret;
	if (stage->session >= 0)
		close(stage->session);
	stage->session = stage->came;
	stage->saved.len = 0;
	return 0;
}

/**
 * act_do - do it
 * @act: the act
 * @stage: the stage, prepared for it
 *
 * Return: 0 or -errno.
 */
int act_do(const struct act *act, struct stage *stage)
{
	struct dut *dut = &stage->vf->dut;
	struct vfio_precopy_info info;
	__u64 bytes;

	switch (act->kind) {
	case ACT_SET:
		return set(stage, act->to);
	case ACT_READ:
		return stage_read(stage, act->from);
	case ACT_WRITE:
		return __mig_stream_write(&stage->image, stage->session, CHUNK);
	case ACT_INFO:
		return __vfio_precopy_info(stage->session, &info);
	case ACT_SIZE:
		return __vfio_mig_data_size(&dut->dev, &bytes);
	case ACT_OPEN:
		return __vfio_dev_open(&dut->dev, dut->name, dut->way);
	case ACT_CLOSE:
		vfio_dev_close(&dut->dev);
		return 0;
	case ACT_RESET:
		return __vfio_dev_reset(&dut->dev);
	case ACT_LOG_START:
		return act_log_start(stage->vf);
	case ACT_LOG_REPORT:
		memset(stage->bitmap, 0, sizeof(stage->bitmap));
		return __dma_log_report(&dut->dev, ACT_LOG_BASE, ACT_LOG_SIZE,
					MEM_PAGE, stage->bitmap);
	case ACT_LOG_STOP:
		return __dma_log_stop(&dut->dev);
	}
	return -EINVAL;
}
