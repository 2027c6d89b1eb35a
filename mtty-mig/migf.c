// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data fd: one file for each data transfer session.
 *
 * The FSM holds a reference to the file of its session, so that it can end the
 * session whatever userspace has done with the fd. The file holds a reference
 * to the VFIO device, so that it may outlive the session, the last close and the
 * removal of the device. Once mtty_migf.dead says that the session has ended,
 * the file no longer accesses the device.
 *
 * read() and write() work piece by piece, through a buffer of the session: its
 * records are encoded and decoded there under @lock, many pages at a time, and it
 * is copied to or from the user under @io_lock alone. So if user memory is missing,
 * only other callers of the same fd wait, and a signal ends their wait. The session
 * can end during a copy; the piece does not count then.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "mtty_mig.h"
#include "stream.h"
#include "trace.h"

/**
 * enum migf_kind - what a session does, which says what its union has
 * @MIGF_SAVES: it sends the device's state, its file is read
 * @MIGF_RESUMES: it receives a state, its file is written
 */
enum migf_kind {
	MIGF_SAVES,
	MIGF_RESUMES,
};

/**
 * struct mtty_migf - a data transfer session
 * @kind: what it does
 * @mtty: the device
 * @filp: its file
 * @handed_out: userspace has been given @filp; under state_mutex
 * @buf: MTTY_STREAM_BUF bytes: of the encoder, or what a writer has brought
 * @io_lock: serialises the callers of read() or write(); what is in @buf changes
 *	only under it
 * @lock: protects all fields below; position and bounds change only under it
 * @dead: the session has ended
 * @stop_copy: saving: the device is in STOP_COPY, the registers may be sent
 * @soft_failed: saving: pre-copy failed, STOP_COPY sends everything
 * @reinit: saving: there is new initial data, not yet reported to the user
 * @ended: saving: registers and trailer have been encoded
 * @initial: saving: the records in @enc belong to the first pass of pre-copy
 * @dirty: saving: what has changed since it was sent; under mtty_device.hw_lock
 * @enc: saving: the encoder, with the records that are being read
 * @dec: resuming: the decoder
 * @hw: resuming: the registers that were received
 * @mem: resuming: the device memory that was received
 */
struct mtty_migf {
	enum migf_kind kind;
	struct mtty_device *mtty;
	struct file *filp;
	bool handed_out;
	u8 *buf;

	struct mutex io_lock;	/* read() and write() */
	struct mutex lock;	/* all fields below */
	bool dead;
	union {
		struct {	/* MIGF_SAVES */
			bool stop_copy;
			bool soft_failed;
			bool reinit;
			bool ended;
			bool initial;
			struct xarray dirty;
			struct mtty_enc enc;
		};
		struct {	/* MIGF_RESUMES */
			struct mtty_dec dec;
			struct mtty_hw hw;
			struct mtty_mem *mem;
		};
	};
};

/* Saving */

/*
 * Encode the next record. If the page changes after this, it is marked and sent
 * again.
 *
 * Context: Under hw_lock.
 * Return: 1; 0 at the end of the stream; -ENOMSG at its temporary end.
 */
static int save_record(struct mtty_migf *migf)
{
	struct mtty_device *mtty = migf->mtty;
	unsigned long index;
	const void *data;
	bool initial;

	/*
	 * A failure in pre-copy need not fail the migration: pre-copy has no
	 * more data then, and STOP_COPY sends everything.
	 */
	if (!migf->stop_copy && mtty_fault(mtty, MTTY_FAULT_PRE_COPY)) {
		migf->soft_failed = true;
		mtty_mem_resend(mtty->mem, true);
	}
	if (!migf->stop_copy && migf->soft_failed)
		return -ENOMSG;
	if (mtty_mem_next_unsent(mtty->mem, &index, &data, &initial)) {
		mtty_enc_page(&migf->enc, index, data);
		migf->initial = initial;
		return 1;
	}
	if (!migf->stop_copy)
		return -ENOMSG;
	if (migf->ended)
		return 0;
	mtty_enc_end(&migf->enc, &mtty->hw);
	migf->ended = true;
	migf->initial = false;
	return 1;
}

/* Is there another page for a reader of @count bytes, of the same class? */
static bool save_more(const struct mtty_migf *migf, size_t count)
{
	const struct mtty_mem *mem = migf->mtty->mem;

	if (migf->enc.len + MTTY_STREAM_PAGE_SIZE >
	    min_t(size_t, count, MTTY_STREAM_BUF))
		return false;
	return migf->initial ? mem->initial_bytes :
			       !mem->initial_bytes && mem->dirty_bytes;
}

/*
 * Encode the next records, as many as the reader can take whole; at least one. The
 * encoder is empty.
 *
 * Return: as save_record().
 */
static int save_next(struct mtty_migf *migf, size_t count)
{
	struct mtty_device *mtty = migf->mtty;
	int ret;

	mutex_lock(&mtty->hw_lock);
	ret = save_record(migf);
	while (ret > 0 && save_more(migf, count))
		if (save_record(migf) <= 0)
			break;
	mutex_unlock(&mtty->hw_lock);
	return ret;
}

/*
 * Choose the next piece to copy.
 *
 * Return: its length in bytes; 0 at the end of the stream; -ENOMSG at its
 * temporary end; -ENODEV after the end of the session; the errno of a fault.
 */
static ssize_t save_piece(struct mtty_migf *migf, size_t count)
{
	struct mtty_enc *enc = &migf->enc;
	ssize_t ret = 1;

	mutex_lock(&migf->lock);
	if (migf->dead)
		ret = -ENODEV;
	else if (count && !mtty_enc_unread(enc))
		ret = save_next(migf, count);
	if (ret > 0)
		ret = mtty_fault(migf->mtty, MTTY_FAULT_READ) ?:
		      min(count, mtty_enc_unread(enc));
	mutex_unlock(&migf->lock);
	return ret;
}

/* Count a piece that was copied. Return: 0; -ENODEV if the session has ended */
static int save_took(struct mtty_migf *migf, size_t len)
{
	int ret = 0;

	mutex_lock(&migf->lock);
	if (migf->dead)
		ret = -ENODEV;
	else
		/* Read without the lock by poll() and MIG_DATA_SIZE */
		WRITE_ONCE(migf->enc.pos, migf->enc.pos + len);
	mutex_unlock(&migf->lock);
	return ret;
}

static ssize_t save_read(struct file *filp, char __user *buf, size_t count,
			 loff_t *ppos)
{
	struct mtty_migf *migf = filp->private_data;
	struct mtty_enc *enc = &migf->enc;
	size_t done = 0;
	ssize_t ret;

	if (mutex_lock_interruptible(&migf->io_lock))
		return -ERESTARTSYS;
	do {
		size_t len;

		ret = save_piece(migf, count - done);
		if (ret <= 0)
			break;
		len = ret;
		ret = copy_to_user(buf + done, enc->buf + enc->pos, len) ?
		      -EFAULT : save_took(migf, len);
		if (ret)
			break;
		done += len;
		cond_resched();
	} while (done < count && !signal_pending(current));
	mutex_unlock(&migf->io_lock);
	trace_mtty_mig_fd(migf->mtty, MTTY_FD_READ, count, done ?: ret);
	return done ?: ret;
}

/*
 * Estimate what is unread. Initial: the header, and pages that were never sent.
 * Dirty: pages that have changed since they were sent.
 */
static void save_unread(struct mtty_migf *migf, u64 *initial, u64 *dirty)
{
	struct mtty_device *mtty = migf->mtty;
	u64 *record = migf->initial ? initial : dirty;

	mutex_lock(&mtty->hw_lock);
	*initial = migf->soft_failed ? 0 : mtty->mem->initial_bytes;
	*dirty = migf->soft_failed ? 0 : mtty->mem->dirty_bytes;
	mutex_unlock(&mtty->hw_lock);
	*record += mtty_enc_unread(&migf->enc);
}

static long save_precopy_info(struct mtty_migf *migf,
			      struct vfio_precopy_info __user *arg)
{
	size_t minsz = offsetofend(struct vfio_precopy_info, dirty_bytes);
	struct vfio_precopy_info info;
	bool reinit;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	mutex_lock(&migf->lock);
	/* uAPI: valid only in pre-copy, EINVAL in any other state */
	if (migf->dead || migf->stop_copy) {
		mutex_unlock(&migf->lock);
		return -EINVAL;
	}
	save_unread(migf, &info.initial_bytes, &info.dirty_bytes);
	/* uAPI: without the opt-in the user's flags are not changed */
	if (mtty_precopy_info_v2(&migf->mtty->vdev))
		info.flags = migf->reinit ? VFIO_PRECOPY_INFO_REINIT : 0;
	reinit = migf->reinit;
	migf->reinit = false;
	mutex_unlock(&migf->lock);

	if (!copy_to_user(arg, &info, minsz))
		return 0;
	/* The user did not get the flag: report it the next time */
	mutex_lock(&migf->lock);
	migf->reinit |= reinit;
	mutex_unlock(&migf->lock);
	return -EFAULT;
}

static long save_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct mtty_migf *migf = filp->private_data;
	long ret = -ENOTTY;

	if (cmd == VFIO_MIG_GET_PRECOPY_INFO)
		ret = save_precopy_info(migf, (void __user *)arg);
	trace_mtty_mig_fd(migf->mtty, MTTY_FD_IOCTL, cmd, ret);
	return ret;
}

/*
 * All that this reads changes under hw_lock, except enc.pos, which only
 * approaches enc.len.
 */
static __poll_t save_poll(struct file *filp, poll_table *wait)
{
	struct mtty_migf *migf = filp->private_data;
	struct mtty_device *mtty = migf->mtty;
	__poll_t events = 0;

	poll_wait(filp, &mtty->data_wait, wait);

	mutex_lock(&mtty->hw_lock);
	if (migf->dead)
		events = EPOLLERR | EPOLLHUP;
	else if (migf->stop_copy || READ_ONCE(migf->enc.pos) < migf->enc.len ||
		 (!migf->soft_failed &&
		  (mtty->mem->initial_bytes || mtty->mem->dirty_bytes)))
		events = EPOLLIN | EPOLLRDNORM;
	mutex_unlock(&mtty->hw_lock);
	trace_mtty_mig_fd(mtty, MTTY_FD_POLL,
			  (__force u32)poll_requested_events(wait),
			  (__force u32)events);
	return events;
}

static int migf_release(struct inode *inode, struct file *filp);

static const struct file_operations save_fops = {
	.owner = THIS_MODULE,
	.read = save_read,
	.poll = save_poll,
	.unlocked_ioctl = save_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = migf_release,
};

/* Resuming */

static void *resume_page(void *arg, u64 index)
{
	struct mtty_migf *migf = arg;

	return mtty_mem_load(migf->mem, index);
}

static void resume_page_done(void *arg, u64 index)
{
	struct mtty_migf *migf = arg;

	mtty_mem_loaded(migf->mem, index);
}

static void resume_page_zero(void *arg, u64 index)
{
	struct mtty_migf *migf = arg;

	mtty_mem_load_zero(migf->mem, index);
}

static const struct mtty_dec_ops resume_ops = {
	.page = resume_page,
	.page_done = resume_page_done,
	.page_zero = resume_page_zero,
};

/*
 * Whether a write() of @count bytes may bring them. One of none does not ask the
 * stream.
 *
 * Return: 0; -ENODEV after the end of the session; the errno with which the stream
 * was refused.
 */
static int resume_check(struct mtty_migf *migf, size_t count)
{
	ssize_t ret = 0;
	void *dst;

	mutex_lock(&migf->lock);
	if (migf->dead) {
		ret = -ENODEV;
	} else if (count) {
		/* Permanent, like any other refusal */
		ret = mtty_fault(migf->mtty, MTTY_FAULT_WRITE);
		if (ret)
			mtty_dec_refuse(&migf->dec, ret);
		ret = mtty_dec_want(&migf->dec, &dst);
	}
	mutex_unlock(&migf->lock);
	return min_t(ssize_t, ret, 0);
}

/*
 * Decode what is in the buffer.
 *
 * Return: 0; -ENODEV if the session has ended; the errno with which the stream is
 * refused.
 */
static int resume_decode(struct mtty_migf *migf, size_t len)
{
	const u8 *src = migf->buf;
	int ret = 0;

	mutex_lock(&migf->lock);
	if (migf->dead)
		ret = -ENODEV;
	while (!ret && len) {
		void *dst;
		ssize_t n = mtty_dec_want(&migf->dec, &dst);

		if (n < 0) {
			ret = n;
			break;
		}
		n = min_t(size_t, n, len);
		ret = mtty_dec_got(&migf->dec, src, n);
		src += n;
		len -= n;
	}
	mutex_unlock(&migf->lock);
	return ret;
}

static ssize_t resume_write(struct file *filp, const char __user *buf,
			    size_t count, loff_t *ppos)
{
	struct mtty_migf *migf = filp->private_data;
	size_t done = 0;
	ssize_t ret;

	if (mutex_lock_interruptible(&migf->io_lock))
		return -ERESTARTSYS;
	do {
		size_t len = min_t(size_t, count - done, MTTY_STREAM_BUF);
		size_t left;

		ret = resume_check(migf, len);
		if (ret)
			break;
		left = copy_from_user(migf->buf, buf + done, len);
		/* What was copied counts: the stream goes on behind it */
		ret = resume_decode(migf, len - left);
		if (ret)
			break;
		done += len - left;
		if (left) {
			ret = -EFAULT;
			break;
		}
		cond_resched();
	} while (done < count && !signal_pending(current));
	mutex_unlock(&migf->io_lock);
	/*
	 * Report a refused stream at once, even after a partial write: there
	 * may be no other write, and the bytes before the bad one are useless.
	 * A bad buffer does not refuse the stream.
	 */
	if (done && ret == -EFAULT)
		ret = 0;
	trace_mtty_mig_fd(migf->mtty, MTTY_FD_WRITE, count, ret ?: done);
	return ret ?: done;
}

static __poll_t resume_poll(struct file *filp, poll_table *wait)
{
	struct mtty_migf *migf = filp->private_data;

	__poll_t events = EPOLLOUT | EPOLLWRNORM;

	poll_wait(filp, &migf->mtty->data_wait, wait);

	/* A write never waits, and it reports a bad stream by itself */
	if (READ_ONCE(migf->dead))
		events = EPOLLERR | EPOLLHUP;
	trace_mtty_mig_fd(migf->mtty, MTTY_FD_POLL,
			  (__force u32)poll_requested_events(wait),
			  (__force u32)events);
	return events;
}

static long resume_ioctl(struct file *filp, unsigned int cmd,
			 unsigned long arg)
{
	struct mtty_migf *migf = filp->private_data;
	long ret = -ENOTTY;

	/* uAPI: valid only in pre-copy, EINVAL in any other state */
	if (cmd == VFIO_MIG_GET_PRECOPY_INFO)
		ret = -EINVAL;
	trace_mtty_mig_fd(migf->mtty, MTTY_FD_IOCTL, cmd, ret);
	return ret;
}

static const struct file_operations resume_fops = {
	.owner = THIS_MODULE,
	.write = resume_write,
	.poll = resume_poll,
	.unlocked_ioctl = resume_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = migf_release,
};

/* Lifetime */

static int migf_release(struct inode *inode, struct file *filp)
{
	struct mtty_migf *migf = filp->private_data;

	/* The FSM holds a reference until the session has ended */
	WARN_ON_ONCE(!migf->dead);
	trace_mtty_mig_fd(migf->mtty, MTTY_FD_RELEASE, 0, 0);

	/* Here and not at the end of the session, which must not take long */
	if (migf->kind == MIGF_SAVES)
		mtty_mem_free_marks(&migf->dirty);
	kvfree(migf->buf);
	vfio_put_device(&migf->mtty->vdev);
	mutex_destroy(&migf->lock);
	mutex_destroy(&migf->io_lock);
	kfree(migf);
	return 0;
}

static struct mtty_migf *migf_alloc(struct mtty_device *mtty,
				    enum migf_kind kind)
{
	bool saves = kind == MIGF_SAVES;
	struct mtty_migf *migf;
	struct file *filp;

	migf = kzalloc(sizeof(*migf), GFP_KERNEL_ACCOUNT);
	if (!migf)
		return ERR_PTR(-ENOMEM);
	migf->buf = kvmalloc(MTTY_STREAM_BUF, GFP_KERNEL_ACCOUNT);
	filp = ERR_PTR(-ENOMEM);
	if (migf->buf)
		filp = anon_inode_getfile(MTTY_MIG_NAME,
					  saves ? &save_fops : &resume_fops,
					  migf, saves ? O_RDONLY : O_WRONLY);
	if (IS_ERR(filp)) {
		kvfree(migf->buf);
		kfree(migf);
		return ERR_CAST(filp);
	}
	stream_open(filp->f_inode, filp);

	migf->kind = kind;
	migf->mtty = mtty;
	migf->filp = filp;
	mutex_init(&migf->io_lock);
	mutex_init(&migf->lock);
	get_device(&mtty->vdev.device);
	return migf;
}

/**
 * mtty_migf_save - begin a session that saves the device
 * @mtty: the device, with no session
 *
 * From now on the session sends pages; it sends the registers only after
 * mtty_migf_stop_copy().
 *
 * Context: Under state_mutex. Takes hw_lock.
 * Return: 0, with the session in mtty_device.migf, to be ended with
 * mtty_migf_end(); or -errno.
 */
int mtty_migf_save(struct mtty_device *mtty)
{
	struct mtty_migf *migf = migf_alloc(mtty, MIGF_SAVES);

	if (IS_ERR(migf))
		return PTR_ERR(migf);

	/* Encode the header at once, so that initial_bytes is not 0 at first */
	mtty_enc_header(&migf->enc, migf->buf, mtty->type->id,
			mtty->mem->size);
	migf->initial = true;
	xa_init_flags(&migf->dirty, XA_FLAGS_ACCOUNT);

	mutex_lock(&mtty->hw_lock);
	mtty_mem_track(mtty->mem, &migf->dirty);
	mtty->migf = migf;
	mutex_unlock(&mtty->hw_lock);
	return 0;
}

/**
 * mtty_migf_resume - begin a session that loads the device
 * @mtty: the device, with no session
 *
 * Context: Under state_mutex. Takes hw_lock.
 * Return: as mtty_migf_save().
 */
int mtty_migf_resume(struct mtty_device *mtty)
{
	struct mtty_mem *mem = mtty_mem_alloc(mtty->mem->size);
	struct mtty_migf *migf;

	if (!mem)
		return -ENOMEM;
	migf = migf_alloc(mtty, MIGF_RESUMES);
	if (IS_ERR(migf)) {
		mtty_mem_free(mem);
		return PTR_ERR(migf);
	}

	migf->mem = mem;
	mtty_card_init(mtty, &migf->hw);
	mtty_dec_init(&migf->dec, mtty->type->id, &migf->hw, &resume_ops, migf);

	mutex_lock(&mtty->hw_lock);
	mtty->migf = migf;
	mutex_unlock(&mtty->hw_lock);
	return 0;
}

/**
 * mtty_migf_hand_out - get the file for userspace
 * @migf: the session
 *
 * Context: Under state_mutex.
 * Return: at the first call the file, with a reference for the caller; then NULL.
 */
struct file *mtty_migf_hand_out(struct mtty_migf *migf)
{
	if (migf->handed_out)
		return NULL;
	migf->handed_out = true;
	return get_file(migf->filp);
}

/**
 * mtty_migf_stop_copy - let the session send the registers and end
 * @migf: a session that saves
 *
 * Context: Under state_mutex, the device stopped. Takes mtty_migf.lock, then
 * hw_lock.
 */
void mtty_migf_stop_copy(struct mtty_migf *migf)
{
	struct mtty_device *mtty = migf->mtty;

	mutex_lock(&migf->lock);
	mutex_lock(&mtty->hw_lock);
	migf->stop_copy = true;
	mutex_unlock(&mtty->hw_lock);
	mutex_unlock(&migf->lock);
	/* From now on the fd is always readable */
	wake_up_all(&mtty->data_wait);
}

/**
 * mtty_migf_reinit - send all of device memory again in pre-copy
 * @migf: a session, or NULL
 *
 * As a device might do after a reconfiguration. A user who has opted in to
 * VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 gets VFIO_PRECOPY_INFO_REINIT, and the
 * memory counts as initial data. For any other user initial_bytes must not rise,
 * so it counts as dirty data.
 *
 * Context: Under state_mutex. Takes mtty_migf.lock, then hw_lock.
 * Return: 0; -EINVAL if there is no session in pre-copy; -ENOMEM, after which a
 * part of the memory is sent again.
 */
int mtty_migf_reinit(struct mtty_migf *migf)
{
	struct mtty_device *mtty;
	bool initial;
	int ret;

	if (!migf || migf->kind != MIGF_SAVES || migf->stop_copy)
		return -EINVAL;

	mtty = migf->mtty;
	initial = mtty_precopy_info_v2(&mtty->vdev);
	mutex_lock(&migf->lock);
	mutex_lock(&mtty->hw_lock);
	ret = mtty_mem_resend(mtty->mem, initial);
	migf->reinit = initial;
	/* The rest of a record counts as initial data now, too */
	if (initial)
		migf->initial = true;
	mutex_unlock(&mtty->hw_lock);
	mutex_unlock(&migf->lock);

	wake_up_all(&mtty->data_wait);
	return ret;
}

/**
 * mtty_migf_check - check whether the received stream can be loaded
 * @migf: a session that loads
 *
 * Context: Under state_mutex. Takes mtty_migf.lock.
 * Return: 0; the errno with which a write was refused; -ENODATA if the stream is
 * incomplete, in which case it may still be completed.
 */
int mtty_migf_check(struct mtty_migf *migf)
{
	int ret;

	mutex_lock(&migf->lock);
	ret = mtty_dec_finish(&migf->dec);
	mutex_unlock(&migf->lock);
	return ret;
}

/**
 * mtty_migf_load - load the received stream into the device
 * @migf: a session that loads, for which mtty_migf_check() has returned 0;
 *	a write after that is refused and changes nothing
 *
 * Context: Under state_mutex, the device stopped. Takes mtty_migf.lock, then
 * hw_lock.
 */
void mtty_migf_load(struct mtty_migf *migf)
{
	mutex_lock(&migf->lock);
	mtty_card_load(migf->mtty, &migf->hw, &migf->mem);
	mutex_unlock(&migf->lock);
}

static bool migf_resumes(const struct mtty_migf *migf)
{
	return migf->kind == MIGF_RESUMES;
}

/**
 * mtty_migf_end - end a session
 * @migf: the session of the device; invalid when this has returned
 *
 * From now on read() and write() of its fd fail with ENODEV.
 *
 * Context: Under state_mutex. Takes mtty_migf.lock, then hw_lock.
 */
void mtty_migf_end(struct mtty_migf *migf)
{
	struct mtty_device *mtty = migf->mtty;
	struct mtty_mem *mem = NULL;

	mutex_lock(&migf->lock);
	mutex_lock(&mtty->hw_lock);
	WRITE_ONCE(migf->dead, true);
	mtty->migf = NULL;
	mtty_mem_untrack(mtty->mem);
	mutex_unlock(&mtty->hw_lock);
	/* A writer that comes later finds the session dead */
	if (migf_resumes(migf))
		swap(mem, migf->mem);
	mutex_unlock(&migf->lock);
	mtty_mem_free_later(mem);

	wake_up_all(&mtty->data_wait);
	fput(migf->filp);
}

/**
 * mtty_migf_stop_copy_length - VFIO_DEVICE_FEATURE_MIG_DATA_SIZE
 * @mtty: the device
 *
 * Context: Takes hw_lock, which nobody holds during a wait, and no other lock.
 * Return: the bytes that STOP_COPY would send if it were entered now, or still
 * has to send.
 */
u64 mtty_migf_stop_copy_length(struct mtty_device *mtty)
{
	const struct mtty_migf *migf;
	u64 len;

	mutex_lock(&mtty->hw_lock);
	migf = mtty->migf;
	/*
	 * In RESUMING, STOP_COPY would send the state that is being received,
	 * which may grow at the same time.
	 */
	len = mtty_mem_stream_length(migf && migf_resumes(migf) ? migf->mem :
								  mtty->mem);
	if (!mtty->mem->dirty)
		len += sizeof(struct mtty_stream_header) + MTTY_STREAM_END_SIZE;
	else
		len += migf->enc.len - READ_ONCE(migf->enc.pos) +
		       (migf->ended ? 0 : MTTY_STREAM_END_SIZE);
	mutex_unlock(&mtty->hw_lock);

	/* To a VMM, 0 means that the device has no estimate */
	return max(len, 1ULL);
}
