/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device: structures and functions that the files of the driver share.
 *
 * Locks, in the order in which they are taken:
 *
 *	mtty_migf.io_lock	 the callers of read() or write() of a data fd
 *	mtty_device.state_mutex	 the FSM and the current session
 *	mtty_migf.lock		 a data fd's position, and whether it is dead
 *	mtty_device.hw_lock	 registers, device memory, interrupts
 *
 *	mtty_dirty.lock		 the DMA log; never taken with hw_lock held
 *
 * io_lock and state_mutex are never held together. mtty_faults.lock is an
 * innermost spinlock.
 *
 * User memory may be missing for as long as userspace likes (userfaultfd,
 * FUSE). A lock that is held during an access to it may be held that long:
 *
 *	io_lock		by read() and write(), around each copy
 *	state_mutex	by an arc or a reset that waits for DMA that has begun
 *
 * Therefore ioctls and read() and write() take either lock so that a signal ends
 * the wait for it. get_state, MIG_DATA_SIZE and poll() must answer at once and
 * take neither. The end of a session does not take io_lock. The last close takes
 * state_mutex only, which no ioctl holds by then.
 *
 * No other lock is held during a wait. Documentation/locking.rst has the table
 * of who waits for whom.
 */
#ifndef MTTY_MIG_H
#define MTTY_MIG_H

#include <linux/kthread.h>
#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/vfio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "arcs.h"
#include "hw.h"
#include "mem.h"
#include "points.h"

#define MTTY_MIG_NAME	"mtty_mig"

struct dentry;
struct eventfd_ctx;
struct mem_cgroup;
struct mtty_dirty_range;
struct mtty_engine_step;
struct mtty_faults;
struct mtty_migf;
struct task_struct;

/**
 * struct mtty_type - an mdev type
 * @type: for the mdev core
 * @id: enum mtty_mig_type, as in registers and streams
 * @migration_flags: VFIO_MIGRATION_*, 0 for a device without migration
 */
struct mtty_type {
	struct mdev_type type;
	enum mtty_mig_type id;
	unsigned int migration_flags;
};

/**
 * enum mtty_run - how much of the device runs
 * @MTTY_STOPPED: nothing: no interrupt, no DMA, no change of state
 * @MTTY_RUNNING_P2P: everything but DMA to peers
 * @MTTY_RUNNING: everything
 */
enum mtty_run {
	MTTY_STOPPED,
	MTTY_RUNNING_P2P,
	MTTY_RUNNING,
};

/**
 * struct mtty_irqs - where interrupts go, as the user of VFIO has set it up
 * @intx: eventfd of INTx, or NULL
 * @msi: eventfds of the MSI vectors
 * @msix: eventfds of the MSI-X vectors
 * @req: eventfd by which the kernel asks for the device back
 * @drained: eventfd that is signalled when no page request is open any more
 * @intx_masked: INTx is masked, by the user or because it has fired
 *
 * None of it migrates: a user sets it up again at the destination. That includes
 * @intx_masked: if it migrated, nobody would ever unmask INTx there.
 */
struct mtty_irqs {
	struct eventfd_ctx *intx;
	struct eventfd_ctx *msi[MTTY_MIG_NR_VECTORS];
	struct eventfd_ctx *msix[MTTY_MIG_NR_VECTORS];
	struct eventfd_ctx *req;
	struct eventfd_ctx *drained;
	bool intx_masked;
};

/**
 * struct mtty_engine - performs the transfers of a DMA channel
 * @mtty: the device
 * @channel: index in mtty_device.hw.dma
 * @worker: the thread that transfers; NULL while the device is closed
 * @work: transfers the next chunks, in @worker
 * @buf: a page for the data of the current chunk; used by @worker only
 * @in_flight: a chunk is being transferred, without hw_lock
 * @to_peer: this chunk belongs to a transfer to a peer
 * @transfer: counts transfers; changes when the registers describe another one
 * @spent: bytes transferred since the rate last caused a wait, plus the bytes
 *	that had been transferred too early at that time
 * @step: the step that a test waits for (debugfs: engine_step), or NULL
 *
 * hw_lock protects all fields, but not the content of @buf.
 */
struct mtty_engine {
	struct mtty_device *mtty;
	unsigned int channel;
	struct kthread_worker *worker;
	struct kthread_delayed_work work;
	u8 *buf;
	bool in_flight;
	bool to_peer;
	unsigned int transfer;
	u64 spent;
	struct mtty_engine_step *step;
};

/* Number of dirty pages in an entry of the log, which is an inline value */
#define MTTY_DIRTY_GROUP_SHIFT	(BITS_PER_LONG == 64 ? 5 : 4)
#define MTTY_DIRTY_GROUP	BIT(MTTY_DIRTY_GROUP_SHIFT)

/* Number of groups that a report takes from the log at once */
#define MTTY_DIRTY_BATCH	16

/**
 * struct mtty_dirty - the DMA log
 * @lock: protects all fields; innermost
 * @ranges: IOVA ranges that are logged, by ascending address; NULL while
 *	logging is off
 * @nr_ranges: number of ranges
 * @started: counts the starts of logging
 * @pages: bitmap of the dirty pages of 4 KiB, an xarray value for a group of
 *	them
 * @error: the errno that made the log incomplete, or 0
 */
struct mtty_dirty {
	struct mutex lock;	/* all fields below */
	struct mtty_dirty_range *ranges;
	unsigned int nr_ranges;
	unsigned int started;
	struct xarray pages;
	int error;
};

/* Events of a data fd, for the tracepoint */
enum mtty_fd_event {
	MTTY_FD_READ,
	MTTY_FD_WRITE,
	MTTY_FD_POLL,
	MTTY_FD_IOCTL,
	MTTY_FD_RELEASE,
};

/**
 * struct mtty_device - one device
 * @vdev: for the VFIO core; must be first
 * @type: its mdev type
 *
 * @state_mutex: serialises changes of the state and the session
 * @state: enum vfio_device_mig_state; written under @state_mutex, read without
 *	a lock
 * @open: between open_device and close_device; written under @state_mutex
 * @migf: the data transfer session, or NULL; written under @state_mutex and
 *	@hw_lock, so that either lock suffices to read it
 *
 * @hw_lock: serialises accesses to the hardware
 * @run: how much of the device runs; under @hw_lock
 * @dma_run: the same for DMA and interrupts, which stop first; written under
 *	@hw_lock and @state_mutex
 * @hw: the registers; under @hw_lock
 * @mem: device memory; under @hw_lock
 * @irqs: where interrupts go; under @hw_lock
 * @engine: the DMA channels' threads
 * @engine_held: the engine moves only when it is stepped; under @hw_lock
 * @pri_drain: a SET_STATE that is blocked by page requests begins to drain them:
 *	an experiment beyond the uAPI, see Documentation/device.rst; under @hw_lock
 * @draining: the drain has begun: new page requests are held back; under @hw_lock
 * @owner: the process that has opened the device; valid while it is open
 * @owner_dying: number of successive checks that found @owner dying; under
 *	@hw_lock
 * @memcg: memory cgroup of @owner, charged for the engine's allocations
 * @engine_wait: woken when a chunk or a step has ended
 * @engine_watch: checks whether @owner is dying while a chunk is in flight
 * @removed: the device is being removed: its debugfs files must return soon
 * @dropped_writes: number of writes to registers and memory of a stopped device;
 *	under @hw_lock
 *
 * @dirty: the DMA log
 *
 * @faults: the armed fault points
 * @debugfs: the device's directory
 *
 * @data_wait: woken when a data fd may have become ready or dead. It is not in
 *	the session, so that code that changes the device need not know whether
 *	there is a session.
 */
struct mtty_device {
	struct vfio_device vdev;
	const struct mtty_type *type;

	struct mutex state_mutex;	/* the FSM and the session */
	enum vfio_device_mig_state state;
	bool open;
	struct mtty_migf *migf;

	struct mutex hw_lock;		/* the hardware */
	enum mtty_run run;
	enum mtty_run dma_run;
	struct mtty_hw hw;
	struct mtty_mem *mem;
	struct mtty_irqs irqs;
	struct mtty_engine engine[MTTY_MIG_NR_DMA];
	bool engine_held;
	bool pri_drain;
	bool draining;
	struct task_struct *owner;
	unsigned int owner_dying;
	struct mem_cgroup *memcg;
	wait_queue_head_t engine_wait;
	struct delayed_work engine_watch;
	bool removed;
	u64 dropped_writes;

	struct mtty_dirty dirty;
	struct mtty_faults *faults;
	struct dentry *debugfs;

	wait_queue_head_t data_wait;
};

static inline struct mtty_device *to_mtty_device(struct vfio_device *vdev)
{
	return container_of(vdev, struct mtty_device, vdev);
}

/* main.c */
const struct mtty_type *mtty_type_get(enum mtty_mig_type id);

/* device.c */
struct mtty_device *mtty_device_create(struct device *dev,
				       const struct mtty_type *type);
void mtty_device_destroy(struct mtty_device *mtty);
int mtty_device_set_mem_size(struct mtty_device *mtty, u64 size);
int mtty_device_set_pri_drain(struct mtty_device *mtty, bool drain);

/* card.c */
void mtty_card_run(struct mtty_device *mtty, enum mtty_run run);
int mtty_card_quiesce(struct mtty_device *mtty, enum mtty_run run);
int mtty_card_stop(struct mtty_device *mtty);
int mtty_card_raise(struct mtty_device *mtty, u64 iova);
int mtty_card_answer(struct mtty_device *mtty, u32 id);
void mtty_card_init(struct mtty_device *mtty, struct mtty_hw *hw);
void mtty_card_reset(struct mtty_device *mtty);
void mtty_card_load(struct mtty_device *mtty, const struct mtty_hw *hw,
		    struct mtty_mem **mem);
int mtty_card_dirty(struct mtty_device *mtty, u64 first, u64 count);
u64 mtty_card_digest(struct mtty_device *mtty);
u64 mtty_card_mem_size(struct mtty_device *mtty);
u64 mtty_card_region_size(struct mtty_device *mtty, unsigned int index);
void mtty_card_read(struct mtty_device *mtty, unsigned int index, u64 offset,
		    u8 *buf, size_t len);
int mtty_card_write(struct mtty_device *mtty, unsigned int index, u64 offset,
		    const u8 *buf, size_t len);

/* engine.c */
void mtty_engine_init(struct mtty_device *mtty);
void mtty_engine_write(struct mtty_device *mtty, unsigned int channel,
		       unsigned int offset, u32 val);
void mtty_engine_replaced(struct mtty_device *mtty);
void mtty_engine_kick(struct mtty_device *mtty);
int mtty_engine_drain(struct mtty_device *mtty);
int mtty_engine_hold(struct mtty_device *mtty, bool hold);
s64 mtty_engine_step(struct mtty_device *mtty, unsigned int channel,
		     u64 bytes);
int mtty_engine_start(struct mtty_device *mtty);
void mtty_engine_stop(struct mtty_device *mtty);
#if IS_ENABLED(CONFIG_KUNIT)
int mtty_engine_bus(struct mtty_device *mtty, dma_addr_t iova, void *buf,
		    size_t len, bool write);
void mtty_engine_queue(struct mtty_engine *engine);
void mtty_engine_requeue(struct mtty_engine *engine, unsigned long delay);
int mtty_engine_store(struct mtty_engine *engine,
		      const struct mtty_dma_chunk *chunk);
void mtty_engine_work(struct kthread_work *work);
void *mtty_engine_alloc(void);
#endif

/* dirty.c */
extern const struct vfio_log_ops mtty_log_ops;
void mtty_dirty_init(struct mtty_dirty *dirty);
void mtty_dirty_destroy(struct mtty_dirty *dirty);
void mtty_dirty_reset(struct mtty_dirty *dirty);
void mtty_dirty_mark(struct mtty_dirty *dirty, u64 iova, u64 len);
#if IS_ENABLED(CONFIG_KUNIT)
void *mtty_dirty_alloc(size_t nr, size_t size);
int mtty_dirty_store(struct mtty_dirty *dirty, unsigned long group,
		     unsigned long bits);
void mtty_dirty_set_bits(struct iova_bitmap *bitmap, unsigned long iova,
			 size_t len);
#endif

/* irq.c */
void mtty_irq_update(struct mtty_device *mtty);
void mtty_irq_drained(struct mtty_device *mtty);
unsigned int mtty_irq_indexes(struct mtty_device *mtty);
int mtty_irq_info(struct mtty_device *mtty, struct vfio_irq_info *info);
int mtty_irq_set(struct mtty_device *mtty, const struct vfio_irq_set *set,
		 const void *data);
void mtty_irq_release(struct mtty_device *mtty);
void mtty_irq_request(struct mtty_device *mtty);
#if IS_ENABLED(CONFIG_KUNIT)
void mtty_irq_signal(struct eventfd_ctx *ctx);
struct eventfd_ctx *mtty_irq_fdget(int fd);
void mtty_irq_put(struct eventfd_ctx *ctx);
#endif

/* fsm.c */
extern const struct vfio_migration_ops mtty_migration_ops;
int mtty_fsm_reinit(struct mtty_device *mtty);
void mtty_fsm_open(struct mtty_device *mtty);
void mtty_fsm_close(struct mtty_device *mtty);
int mtty_fsm_reset(struct mtty_device *mtty);

/* fault.c */
int mtty_fault(struct mtty_device *mtty, enum mtty_fault_point point);
int mtty_fault_arc(struct mtty_device *mtty, enum vfio_device_mig_state from,
		   enum vfio_device_mig_state to, bool after, bool *to_error);
void mtty_fault_reset(struct mtty_device *mtty);
int mtty_fault_init(struct mtty_device *mtty);
void mtty_fault_exit(struct mtty_device *mtty);
void mtty_fault_debugfs(struct mtty_device *mtty, struct dentry *dir);

/* debugfs.c */
void mtty_debugfs_create(struct mtty_device *mtty);
void mtty_debugfs_remove(struct mtty_device *mtty);
void mtty_debugfs_module_init(void);
void mtty_debugfs_module_exit(void);

/* migf.c */
int mtty_migf_save(struct mtty_device *mtty);
int mtty_migf_resume(struct mtty_device *mtty);
struct file *mtty_migf_hand_out(struct mtty_migf *migf);
void mtty_migf_stop_copy(struct mtty_migf *migf);
int mtty_migf_reinit(struct mtty_migf *migf);
int mtty_migf_check(struct mtty_migf *migf);
void mtty_migf_load(struct mtty_migf *migf);
void mtty_migf_end(struct mtty_migf *migf);
u64 mtty_migf_stop_copy_length(struct mtty_device *mtty);

#endif /* MTTY_MIG_H */
