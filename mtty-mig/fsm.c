// SPDX-License-Identifier: GPL-2.0-only
/*
 * The migration FSM: the arcs that this driver implements, in one table, and
 * what makes it walk them. No other room decides a state.
 *
 * vfio_mig_get_next_state() turns any request into the arcs of the device's
 * capabilities; the table has those of all capability sets. To run or to stop
 * the device is no part of an arc: it follows from the state.
 */
#include <linux/err.h>
#include <linux/file.h>

#include "mtty_mig.h"

/**
 * struct mtty_arc - one step of the FSM
 * @from: state that it starts in
 * @to: state that it leads to
 * @act: what it does to the session; on failure nothing has changed
 *
 * An arc does not rely on there being a session: one that failed half way is
 * walked again.
 */
struct mtty_arc {
	enum vfio_device_mig_state from;
	enum vfio_device_mig_state to;
	int (*act)(struct mtty_device *mtty);
};

static int arc_none(struct mtty_device *mtty)
{
	return 0;
}

static int arc_begin(struct mtty_device *mtty, struct mtty_migf *migf)
{
	if (IS_ERR(migf))
		return PTR_ERR(migf);
	mtty->migf = migf;
	return 0;
}

static int arc_end(struct mtty_device *mtty)
{
	if (mtty->migf)
		mtty_migf_end(mtty->migf);
	mtty->migf = NULL;
	return 0;
}

static int arc_pre_copy(struct mtty_device *mtty)
{
	return arc_begin(mtty, mtty_migf_save(mtty));
}

/* From a pre-copy state: the session goes on, with its fd */
static int arc_stop_copy(struct mtty_device *mtty)
{
	if (mtty->migf)
		mtty_migf_stop_copy(mtty->migf);
	return 0;
}

/* From STOP: a session that never was in pre-copy */
static int arc_save(struct mtty_device *mtty)
{
	int ret = arc_pre_copy(mtty);

	return ret ?: arc_stop_copy(mtty);
}

/*
 * The device is reset, which the uAPI allows here, so that a stream that is
 * refused leaves nothing behind but a reset device.
 */
static int arc_resume(struct mtty_device *mtty)
{
	int ret = arc_begin(mtty, mtty_migf_resume(mtty));

	if (!ret)
		mtty_device_reset_hw(mtty);
	return ret;
}

static int arc_load(struct mtty_device *mtty)
{
	int ret = mtty->migf ? mtty_migf_load(mtty->migf) : 0;

	return ret ?: arc_end(mtty);
}

#define ARC(from, to, act) \
	{ VFIO_DEVICE_STATE_##from, VFIO_DEVICE_STATE_##to, act }

static const struct mtty_arc arcs[] = {
	/* VFIO_MIGRATION_STOP_COPY */
	ARC(STOP,		STOP_COPY,	arc_save),
	ARC(STOP_COPY,		STOP,		arc_end),
	ARC(STOP,		RESUMING,	arc_resume),
	ARC(RESUMING,		STOP,		arc_load),
	/* ... without VFIO_MIGRATION_P2P */
	ARC(RUNNING,		STOP,		arc_none),
	ARC(STOP,		RUNNING,	arc_none),
	/* VFIO_MIGRATION_P2P */
	ARC(RUNNING,		RUNNING_P2P,	arc_none),
	ARC(RUNNING_P2P,	RUNNING,	arc_none),
	ARC(RUNNING_P2P,	STOP,		arc_none),
	ARC(STOP,		RUNNING_P2P,	arc_none),
	/* VFIO_MIGRATION_PRE_COPY */
	ARC(RUNNING,		PRE_COPY,	arc_pre_copy),
	ARC(PRE_COPY,		RUNNING,	arc_end),
	/* ... without VFIO_MIGRATION_P2P */
	ARC(PRE_COPY,		STOP_COPY,	arc_stop_copy),
	/* VFIO_MIGRATION_P2P and VFIO_MIGRATION_PRE_COPY */
	ARC(RUNNING_P2P,	PRE_COPY_P2P,	arc_pre_copy),
	ARC(PRE_COPY,		PRE_COPY_P2P,	arc_none),
	ARC(PRE_COPY_P2P,	PRE_COPY,	arc_none),
	ARC(PRE_COPY_P2P,	RUNNING_P2P,	arc_end),
	ARC(PRE_COPY_P2P,	STOP_COPY,	arc_stop_copy),
};

static const struct mtty_arc *find_arc(enum vfio_device_mig_state from,
				       enum vfio_device_mig_state to)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(arcs); i++)
		if (arcs[i].from == from && arcs[i].to == to)
			return &arcs[i];
	return NULL;
}

/* How much of the device runs in a state */
static enum mtty_run state_run(enum vfio_device_mig_state state)
{
	switch (state) {
	case VFIO_DEVICE_STATE_RUNNING:
	case VFIO_DEVICE_STATE_PRE_COPY:
		return MTTY_RUNNING;
	case VFIO_DEVICE_STATE_RUNNING_P2P:
	case VFIO_DEVICE_STATE_PRE_COPY_P2P:
		return MTTY_RUNNING_P2P;
	default:
		return MTTY_STOPPED;
	}
}

static int walk_arc(struct mtty_device *mtty, enum vfio_device_mig_state to)
{
	const struct mtty_arc *arc = find_arc(mtty->state, to);
	int ret;

	/* The core asks for an arc that its own documentation does not have */
	if (WARN_ON_ONCE(!arc))
		return -EINVAL;

	/* To stop comes before what is sent, to run after what was loaded */
	if (state_run(to) < state_run(mtty->state))
		mtty_device_run(mtty, state_run(to));
	ret = arc->act(mtty);
	if (!ret)
		mtty->state = to;
	mtty_device_run(mtty, state_run(mtty->state));
	return ret;
}

static int walk(struct mtty_device *mtty, enum vfio_device_mig_state to)
{
	enum vfio_device_mig_state next;
	int ret;

	/*
	 * The core takes a question about ERROR for a bug of the driver's, so
	 * it is not asked: only a reset leaves ERROR.
	 */
	if (mtty->state == VFIO_DEVICE_STATE_ERROR)
		return -EIO;

	while (mtty->state != to) {
		ret = vfio_mig_get_next_state(&mtty->vdev, mtty->state, to,
					      &next);
		if (!ret)
			ret = walk_arc(mtty, next);
		if (ret)
			return ret;
	}
	return 0;
}

static void reset_locked(struct mtty_device *mtty)
{
	arc_end(mtty);
	mtty_device_run(mtty, MTTY_STOPPED);
	mtty_device_reset_hw(mtty);
	mtty_dirty_reset(&mtty->dirty);
	mtty->state = VFIO_DEVICE_STATE_RUNNING;
	mtty_device_run(mtty, MTTY_RUNNING);
}

/*
 * Release state_mutex, but not before a reset that was asked for meanwhile is
 * done. @reset_lock makes it impossible to ask for one between the last look
 * and the release, when nobody would be left to do it.
 */
static void state_unlock(struct mtty_device *mtty)
{
	spin_lock(&mtty->reset_lock);
	while (mtty->reset_pending) {
		mtty->reset_pending = false;
		spin_unlock(&mtty->reset_lock);
		reset_locked(mtty);
		spin_lock(&mtty->reset_lock);
	}
	mutex_unlock(&mtty->state_mutex);
	spin_unlock(&mtty->reset_lock);
}

static struct file *mtty_set_state(struct vfio_device *vdev,
				   enum vfio_device_mig_state new_state)
{
	struct mtty_device *mtty = to_mtty_device(vdev);
	struct file *filp = NULL;
	int ret;

	mutex_lock(&mtty->state_mutex);
	ret = walk(mtty, new_state);
	/*
	 * A new session comes only with the last arc of a path: the interior
	 * of a path has no state of the saving group and no RESUMING.
	 */
	if (!ret && mtty->migf)
		filp = mtty_migf_hand_out(mtty->migf);
	state_unlock(mtty);
	return ret ? ERR_PTR(ret) : filp;
}

static int mtty_get_state(struct vfio_device *vdev,
			  enum vfio_device_mig_state *state)
{
	struct mtty_device *mtty = to_mtty_device(vdev);

	mutex_lock(&mtty->state_mutex);
	*state = mtty->state;
	state_unlock(mtty);
	return 0;
}

static int mtty_get_data_size(struct vfio_device *vdev,
			      unsigned long *stop_copy_length)
{
	struct mtty_device *mtty = to_mtty_device(vdev);

	mutex_lock(&mtty->state_mutex);
	*stop_copy_length = mtty_migf_stop_copy_length(mtty, mtty->migf);
	state_unlock(mtty);
	return 0;
}

const struct vfio_migration_ops mtty_migration_ops = {
	.migration_set_state = mtty_set_state,
	.migration_get_state = mtty_get_state,
	.migration_get_data_size = mtty_get_data_size,
};

/**
 * mtty_fsm_reset - reset everything: VFIO_DEVICE_RESET
 * @mtty: the device
 *
 * A reset that reaches a driver from the PCI core (reset_done) comes under
 * locks that may be held by somebody who waits for state_mutex. It must not
 * wait for it, hence the pattern of the real drivers: leave word, and if
 * state_mutex is not to be had, let its holder do it in state_unlock().
 *
 * Here the caller holds no lock, so it may wait after it has left word, and
 * userspace gets its ioctl back when the device has been reset.
 *
 * Context: Takes state_mutex.
 */
void mtty_fsm_reset(struct mtty_device *mtty)
{
	spin_lock(&mtty->reset_lock);
	mtty->reset_pending = true;
	spin_unlock(&mtty->reset_lock);

	mutex_lock(&mtty->state_mutex);
	state_unlock(mtty);
}

/**
 * mtty_fsm_open - the first user opens the device
 * @mtty: the device
 *
 * VMMs assume RUNNING after open and do not ask. The device is reset when it
 * is closed; to do so here too costs nothing and depends on nothing.
 */
void mtty_fsm_open(struct mtty_device *mtty)
{
	mutex_lock(&mtty->state_mutex);
	reset_locked(mtty);
	mtty->open = true;
	state_unlock(mtty);
}

/**
 * mtty_fsm_close - the last user closes the device
 * @mtty: the device
 *
 * Ends the session as struct vfio_migration_ops demands, and leaves nothing
 * of one user's data to the next.
 */
void mtty_fsm_close(struct mtty_device *mtty)
{
	mutex_lock(&mtty->state_mutex);
	reset_locked(mtty);
	mtty->open = false;
	state_unlock(mtty);
}

/**
 * mtty_fsm_state_name - a state in the words of the uAPI
 * @state: the state
 */
const char *mtty_fsm_state_name(enum vfio_device_mig_state state)
{
	static const char * const names[] = {
		[VFIO_DEVICE_STATE_ERROR]		= "ERROR",
		[VFIO_DEVICE_STATE_STOP]		= "STOP",
		[VFIO_DEVICE_STATE_RUNNING]		= "RUNNING",
		[VFIO_DEVICE_STATE_STOP_COPY]		= "STOP_COPY",
		[VFIO_DEVICE_STATE_RESUMING]		= "RESUMING",
		[VFIO_DEVICE_STATE_RUNNING_P2P]		= "RUNNING_P2P",
		[VFIO_DEVICE_STATE_PRE_COPY]		= "PRE_COPY",
		[VFIO_DEVICE_STATE_PRE_COPY_P2P]	= "PRE_COPY_P2P",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "?";
}
