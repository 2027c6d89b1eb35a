// SPDX-License-Identifier: GPL-2.0-only
/*
 * The migration FSM: the table of all arcs that this driver implements, and the
 * code that executes them. No other file changes the state.
 *
 * vfio_mig_get_next_state() turns each request into arcs that the device's
 * capabilities allow; the table has the arcs of all capability sets. How much
 * of the device runs is not part of an arc: it follows from the state.
 *
 * An arc that stops DMA waits for DMA that has begun, and so for user memory. A
 * signal ends that wait; then the arc fails and the device keeps its old state.
 * state_mutex is held during the wait. Therefore ioctls take it interruptibly,
 * and calls that must answer at once do not take it.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/ktime.h>

#include "mtty_mig.h"
#include "trace.h"

/**
 * struct mtty_arc - one step of the FSM
 * @from: state that it starts in
 * @to: state that it leads to
 * @prepare: the part that may fail; or NULL
 * @cancel: undoes @prepare if the arc fails after it; or NULL
 * @commit: the part that cannot fail and cannot be undone; or NULL
 *
 * The split lets a failed arc keep its old state: all that precedes @commit can
 * be undone. None of the three functions relies on the session's fd: userspace
 * may have closed it, or may never have got it.
 */
struct mtty_arc {
	enum vfio_device_mig_state from;
	enum vfio_device_mig_state to;
	int (*prepare)(struct mtty_device *mtty);
	void (*cancel)(struct mtty_device *mtty);
	void (*commit)(struct mtty_device *mtty);
};

static void end_session(struct mtty_device *mtty)
{
	if (mtty->migf)
		mtty_migf_end(mtty->migf);
}

/* Let the saving session send the registers, and so come to its end */
static void finish_save(struct mtty_device *mtty)
{
	if (mtty->migf)
		mtty_migf_stop_copy(mtty->migf);
}

/*
 * Reset the device before it is loaded, as the uAPI allows: otherwise the old
 * content would take memory in addition to the new one.
 */
static void reset_device(struct mtty_device *mtty)
{
	mtty_card_reset(mtty);
}

static int check_stream(struct mtty_device *mtty)
{
	return mtty->migf ? mtty_migf_check(mtty->migf) : -ENODATA;
}

static void load_device(struct mtty_device *mtty)
{
	mtty_migf_load(mtty->migf);
	end_session(mtty);
}

/* Each row has a place in the list of arcs.h, which names its fault points */
#define ARC(from, to, prepare, cancel, commit) \
	[MTTY_ARC_##from##_TO_##to] = { \
		VFIO_DEVICE_STATE_##from, VFIO_DEVICE_STATE_##to, \
		prepare, cancel, commit \
	}

static const struct mtty_arc arcs[] = {
	/* VFIO_MIGRATION_STOP_COPY */
	ARC(STOP,	  STOP_COPY,	mtty_migf_save, end_session, finish_save),
	ARC(STOP_COPY,	  STOP,		NULL, NULL, end_session),
	ARC(STOP,	  RESUMING,	mtty_migf_resume, end_session, reset_device),
	ARC(RESUMING,	  STOP,		check_stream, NULL, load_device),
	/* ... without VFIO_MIGRATION_P2P */
	ARC(RUNNING,	  STOP,		NULL, NULL, NULL),
	ARC(STOP,	  RUNNING,	NULL, NULL, NULL),
	/* VFIO_MIGRATION_P2P */
	ARC(RUNNING,	  RUNNING_P2P,	NULL, NULL, NULL),
	ARC(RUNNING_P2P,  RUNNING,	NULL, NULL, NULL),
	ARC(RUNNING_P2P,  STOP,		NULL, NULL, NULL),
	ARC(STOP,	  RUNNING_P2P,	NULL, NULL, NULL),
	/* VFIO_MIGRATION_PRE_COPY */
	ARC(RUNNING,	  PRE_COPY,	mtty_migf_save, end_session, NULL),
	ARC(PRE_COPY,	  RUNNING,	NULL, NULL, end_session),
	/* ... without VFIO_MIGRATION_P2P */
	ARC(PRE_COPY,	  STOP_COPY,	NULL, NULL, finish_save),
	/* VFIO_MIGRATION_P2P and VFIO_MIGRATION_PRE_COPY */
	ARC(RUNNING_P2P,  PRE_COPY_P2P,	mtty_migf_save, end_session, NULL),
	ARC(PRE_COPY,	  PRE_COPY_P2P,	NULL, NULL, NULL),
	ARC(PRE_COPY_P2P, PRE_COPY,	NULL, NULL, NULL),
	ARC(PRE_COPY_P2P, RUNNING_P2P,	NULL, NULL, end_session),
	ARC(PRE_COPY_P2P, STOP_COPY,	NULL, NULL, finish_save),
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

static void set_state(struct mtty_device *mtty,
		      enum vfio_device_mig_state state)
{
	/* Read without a lock, see mtty_get_state() */
	WRITE_ONCE(mtty->state, state);
}

/* Fail if a test has armed this fault point; enter ERROR if it asked for that */
static int arc_fault(struct mtty_device *mtty, const struct mtty_arc *arc,
		     bool after)
{
	bool to_error;
	int ret = mtty_fault_arc(mtty, arc->from, arc->to, after, &to_error);

	if (ret && to_error) {
		end_session(mtty);
		/* ERROR guarantees nothing, so a signal may end this wait */
		mtty_card_quiesce(mtty, MTTY_STOPPED);
		set_state(mtty, VFIO_DEVICE_STATE_ERROR);
	}
	return ret;
}

/* The part of an arc that may fail */
static int prepare_arc(struct mtty_device *mtty, const struct mtty_arc *arc)
{
	enum mtty_run from = state_run(arc->from), to = state_run(arc->to);
	int ret = arc_fault(mtty, arc, false);

	/* Stop before saving; run only after loading */
	if (!ret && to < from)
		ret = to == MTTY_STOPPED ? mtty_card_stop(mtty) :
					   mtty_card_quiesce(mtty, to);
	if (!ret && arc->prepare)
		ret = arc->prepare(mtty);
	if (ret)
		return ret;

	ret = arc_fault(mtty, arc, true);
	if (ret && arc->cancel)
		arc->cancel(mtty);
	return ret;
}

static int execute_arc(struct mtty_device *mtty, enum vfio_device_mig_state to)
{
	const struct mtty_arc *arc = find_arc(mtty->state, to);
	int ret;

	/* The core asks for an arc that its own documentation does not list */
	if (WARN_ON_ONCE(!arc))
		return -EINVAL;

	ret = prepare_arc(mtty, arc);
	if (ret) {
		/* Resume what has been stopped */
		mtty_card_run(mtty, state_run(mtty->state));
		return ret;
	}
	if (arc->commit)
		arc->commit(mtty);
	/* Before the new state is visible, the device must be in it */
	mtty_card_run(mtty, state_run(to));
	set_state(mtty, to);
	return 0;
}

/* Execute one arc and trace it */
static int execute_traced_arc(struct mtty_device *mtty,
			      enum vfio_device_mig_state to)
{
	enum vfio_device_mig_state from = mtty->state;
	u64 start = ktime_get_ns();
	int ret = execute_arc(mtty, to);

	trace_mtty_mig_arc(mtty, from, to, ret, ktime_get_ns() - start);
	return ret;
}

static int go_to_state(struct mtty_device *mtty, enum vfio_device_mig_state to)
{
	enum vfio_device_mig_state next;
	int ret;

	lockdep_assert_held(&mtty->state_mutex);

	/*
	 * Only a reset leaves ERROR. Do not ask the core: it warns about a
	 * driver that asks for a way out of ERROR.
	 */
	if (mtty->state == VFIO_DEVICE_STATE_ERROR)
		return -EIO;

	while (mtty->state != to) {
		ret = vfio_mig_get_next_state(&mtty->vdev, mtty->state, to,
					      &next);
		if (!ret)
			ret = execute_traced_arc(mtty, next);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * The DMA log stays on. Pages that were written before the reset are still
 * dirty. If the reset ended the log, the next report would fail, and a guest
 * that reboots in pre-copy would end its own migration.
 */
static int reset_locked(struct mtty_device *mtty)
{
	int ret;

	lockdep_assert_held(&mtty->state_mutex);

	ret = mtty_card_quiesce(mtty, MTTY_STOPPED);
	if (ret) {
		mtty_card_run(mtty, state_run(mtty->state));
		return ret;
	}
	end_session(mtty);
	mtty_card_reset(mtty);
	mtty_card_run(mtty, MTTY_RUNNING);
	set_state(mtty, VFIO_DEVICE_STATE_RUNNING);
	return 0;
}

static struct file *mtty_set_state(struct vfio_device *vdev,
				   enum vfio_device_mig_state new_state)
{
	struct mtty_device *mtty = to_mtty_device(vdev);
	struct file *filp = NULL;
	int ret;

	if (mutex_lock_interruptible(&mtty->state_mutex))
		return ERR_PTR(-ERESTARTSYS);
	ret = go_to_state(mtty, new_state);
	/*
	 * Only the last arc of a path can begin a session: the core's paths
	 * enter RESUMING and the saving group at their end only.
	 */
	if (!ret && mtty->migf)
		filp = mtty_migf_hand_out(mtty->migf);
	mutex_unlock(&mtty->state_mutex);
	return ret ? ERR_PTR(ret) : filp;
}

/*
 * Takes no lock, so that the caller does not wait for an arc that waits. During
 * a SET_STATE this returns the state that was reached last.
 */
static int mtty_get_state(struct vfio_device *vdev,
			  enum vfio_device_mig_state *state)
{
	*state = READ_ONCE(to_mtty_device(vdev)->state);
	return 0;
}

static int mtty_get_data_size(struct vfio_device *vdev,
			      unsigned long *stop_copy_length)
{
	u64 len = mtty_migf_stop_copy_length(to_mtty_device(vdev));

	/* A long may have 32 bits */
	*stop_copy_length = min_t(u64, len, ULONG_MAX);
	return 0;
}

const struct vfio_migration_ops mtty_migration_ops = {
	.migration_set_state = mtty_set_state,
	.migration_get_state = mtty_get_state,
	.migration_get_data_size = mtty_get_data_size,
};

/**
 * mtty_fsm_reset - reset the device, for VFIO_DEVICE_RESET
 * @mtty: the device
 *
 * The caller holds no lock, so this can wait for state_mutex. A PCI driver
 * cannot do so in its reset_done(): the PCI core calls that with locks held for
 * which a holder of state_mutex may be waiting (memory_lock, through
 * mmap_lock). Such a driver sets a flag under a spinlock instead, and each
 * function that releases state_mutex checks the flag first and performs the
 * reset; see mlx5vf_state_mutex_unlock().
 *
 * Context: Takes state_mutex. Waits for DMA that has begun.
 * Return: 0; -ERESTARTSYS if a signal came first, in which case nothing has
 * changed.
 */
int mtty_fsm_reset(struct mtty_device *mtty)
{
	int ret;

	if (mutex_lock_interruptible(&mtty->state_mutex))
		return -ERESTARTSYS;
	ret = reset_locked(mtty);
	mutex_unlock(&mtty->state_mutex);
	return ret;
}

/**
 * mtty_fsm_open - the first user opens the device
 * @mtty: the device
 *
 * VMMs assume RUNNING after open and do not ask. The last close has reset the
 * device already; resetting it again costs nothing and depends on nothing.
 *
 * Context: Takes state_mutex, which nobody holds for long while the device is
 * closed.
 */
void mtty_fsm_open(struct mtty_device *mtty)
{
	mutex_lock(&mtty->state_mutex);
	/* No DMA is under way, so this does not wait and cannot fail */
	reset_locked(mtty);
	WRITE_ONCE(mtty->open, true);
	mutex_unlock(&mtty->state_mutex);
}

/**
 * mtty_fsm_close - the last user closes the device
 * @mtty: the device
 *
 * Ends the session, as struct vfio_migration_ops demands, and clears all data
 * of this user.
 *
 * Context: After mtty_engine_stop(). Takes state_mutex. No ioctl can hold it,
 * because each ioctl has a reference to the file that is being closed.
 */
void mtty_fsm_close(struct mtty_device *mtty)
{
	mutex_lock(&mtty->state_mutex);
	/* No DMA is under way, so this does not wait and cannot fail */
	reset_locked(mtty);
	WRITE_ONCE(mtty->open, false);
	mutex_unlock(&mtty->state_mutex);
}

/**
 * mtty_fsm_reinit - make new initial data appear in pre-copy
 * @mtty: the device
 *
 * Context: Takes state_mutex.
 * Return: 0; -EINVAL if the device is not in pre-copy; -ERESTARTSYS if a signal
 * came while another thread held state_mutex.
 */
int mtty_fsm_reinit(struct mtty_device *mtty)
{
	int ret;

	if (mutex_lock_interruptible(&mtty->state_mutex))
		return -ERESTARTSYS;
	ret = mtty_migf_reinit(mtty->migf);
	mutex_unlock(&mtty->state_mutex);
	return ret;
}
