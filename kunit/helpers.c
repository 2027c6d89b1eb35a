// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices, data fds and user memory for the suites.
 *
 * The tests call the operations that the driver gives to the VFIO core, on a
 * device that is registered with it. There is no device fd: a kthread has no
 * table to put one into.
 */
#include <kunit/device.h>
#include <kunit/test-bug.h>
#include <linux/file.h>
#include <linux/mman.h>
#include <linux/init.h>
#include <linux/platform_device.h>
#include <linux/serial_reg.h>
#include <linux/string.h>

#include "helpers.h"

const char *mtty_test_type_name(enum mtty_mig_type type)
{
	static const char * const names[] = {
		[MTTY_MIG_TYPE_NONE]	= "none",
		[MTTY_MIG_TYPE_BASE]	= "base",
		[MTTY_MIG_TYPE_P2P]	= "p2p",
		[MTTY_MIG_TYPE_PRECOPY]	= "precopy",
		[MTTY_MIG_TYPE_FULL]	= "full",
		[MTTY_MIG_TYPE_VPRI]	= "vpri",
	};

	return names[type];
}

/* Devices */

/*
 * The driver's own reference to a data fd goes with fput(), which a kthread
 * leaves to a worker. To wait for it here shows leaks where they come from.
 */
static void destroy_device(void *data)
{
	mtty_device_destroy(data);
	flush_delayed_fput();
}

static void close_device(void *data)
{
	struct mtty_device *mtty = data;

	mtty->vdev.ops->close_device(&mtty->vdev);
	flush_delayed_fput();
}

/**
 * mtty_test_create - a new device, known to the VFIO core and not open
 * @test: the test, with whose end it goes
 * @type: its type
 * @mem_size: size of its memory
 */
struct mtty_device *mtty_test_create(struct kunit *test,
				     enum mtty_mig_type type, u64 mem_size)
{
	static unsigned int nr;
	struct mtty_device *mtty;
	struct device *dev;
	char name[16];

	/*
	 * A test may have several parents, and the names of their drivers must
	 * differ
	 */
	snprintf(name, sizeof(name), "mtty%u", nr++);
	dev = kunit_device_register(test, name);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);

	mtty = mtty_device_create(dev, mtty_type_get(type));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mtty);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, destroy_device,
							   mtty));
	KUNIT_ASSERT_EQ(test, 0, mtty_device_set_mem_size(mtty, mem_size));
	return mtty;
}

/* Before the end of the test; the device must not be open */
void mtty_test_destroy(struct kunit *test, struct mtty_device *mtty)
{
	kunit_release_action(test, destroy_device, mtty);
}

/*
 * Creating a device takes longer than most tests. So one device of each type is
 * kept for the next test, unless the test has failed. It is reset for each
 * test, see mtty_device_set_mem_size().
 */
static struct kept_device {
	struct platform_device *parent;
	struct mtty_device *mtty;
	bool used;
} kept_devices[MTTY_MIG_NR_TYPES];

static void give_back(void *data)
{
	struct kunit *test = kunit_get_current_test();
	struct kept_device *kept = data;

	if (READ_ONCE(test->status) == KUNIT_FAILURE) {
		destroy_device(kept->mtty);
		kept->mtty = NULL;
	}
	kept->used = false;
}

/**
 * mtty_test_get - a device, perhaps used before, not open
 * @test: the test
 * @type: its type
 * @mem_size: size of its memory
 */
struct mtty_device *mtty_test_get(struct kunit *test, enum mtty_mig_type type,
				  u64 mem_size)
{
	struct kept_device *kept = &kept_devices[type];
	struct mtty_device *mtty = kept->mtty;

	/* A parent can have only one device */
	if (kept->used)
		return mtty_test_create(test, type, mem_size);

	if (!mtty)
		mtty = mtty_device_create(&kept->parent->dev,
					  mtty_type_get(type));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mtty);
	kept->mtty = mtty;
	kept->used = true;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, give_back,
							   kept));
	KUNIT_ASSERT_EQ(test, 0, mtty_device_set_mem_size(mtty, mem_size));
	return mtty;
}

/* As the VFIO core does for the first user of the device */
void mtty_test_open(struct kunit *test, struct mtty_device *mtty)
{
	KUNIT_ASSERT_EQ(test, 0, mtty->vdev.ops->open_device(&mtty->vdev));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, close_device,
							   mtty));
}

/* As the VFIO core does for the last one */
void mtty_test_close(struct kunit *test, struct mtty_device *mtty)
{
	kunit_release_action(test, close_device, mtty);
}

/* The same, open */
struct mtty_device *mtty_test_device(struct kunit *test,
				     enum mtty_mig_type type, u64 mem_size)
{
	struct mtty_device *mtty = mtty_test_get(test, type, mem_size);

	mtty_test_open(test, mtty);
	return mtty;
}

static void put_file(void *data)
{
	fput(data);
	flush_delayed_fput();
}

/* Close a file at the end of the test */
void mtty_test_own_file(struct kunit *test, struct file *filp)
{
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_file,
							   filp));
}

/* The same before its end */
void mtty_test_put_file(struct kunit *test, struct file *filp)
{
	kunit_release_action(test, put_file, filp);
}

/**
 * mtty_test_set_state - VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, SET
 * @test: the test, at whose end the data fd is closed
 * @mtty: the device
 * @state: the new state
 * @filp: set to the data fd's file, or to NULL if there is none
 *
 * Return: 0 or an error.
 */
int mtty_test_set_state(struct kunit *test, struct mtty_device *mtty,
			unsigned int state, struct file **filp)
{
	struct vfio_device *vdev = &mtty->vdev;

	*filp = vdev->mig_ops->migration_set_state(vdev, state);
	if (IS_ERR(*filp)) {
		int ret = PTR_ERR(*filp);

		*filp = NULL;
		return ret;
	}
	if (*filp)
		mtty_test_own_file(test, *filp);
	return 0;
}

unsigned int mtty_test_get_state(struct mtty_device *mtty)
{
	struct vfio_device *vdev = &mtty->vdev;
	enum vfio_device_mig_state state = ~0U;

	if (vdev->mig_ops->migration_get_state(vdev, &state))
		return ~0U;
	return state;
}

/**
 * mtty_test_enter - go to a state, which must succeed
 * @test: the test
 * @mtty: the device
 * @state: the new state
 *
 * Return: the file of the session that this began, or NULL.
 */
struct file *mtty_test_enter(struct kunit *test, struct mtty_device *mtty,
			     unsigned int state)
{
	struct file *filp;

	KUNIT_ASSERT_EQ_MSG(test, 0,
			    mtty_test_set_state(test, mtty, state, &filp),
			    "to %s", mtty_state_name(state));
	KUNIT_ASSERT_EQ(test, state, mtty_test_get_state(mtty));
	return filp;
}

/* VFIO_DEVICE_RESET */
void mtty_test_reset(struct kunit *test, struct mtty_device *mtty)
{
	struct vfio_device *vdev = &mtty->vdev;

	KUNIT_ASSERT_EQ(test, 0, vdev->ops->ioctl(vdev, VFIO_DEVICE_RESET, 0));
}

/* How much of the device runs */
enum mtty_run mtty_test_run(struct mtty_device *mtty)
{
	enum mtty_run run;

	mutex_lock(&mtty->hw_lock);
	run = mtty->run;
	mutex_unlock(&mtty->hw_lock);
	return run;
}

/* VFIO_DEVICE_FEATURE_MIG_DATA_SIZE */
unsigned long mtty_test_data_size(struct kunit *test, struct mtty_device *mtty)
{
	struct vfio_device *vdev = &mtty->vdev;
	unsigned long size = 0;

	KUNIT_ASSERT_EQ(test, 0,
			vdev->mig_ops->migration_get_data_size(vdev, &size));
	return size;
}

/* Content */

static u64 random_u64(struct rnd_state *rnd)
{
	return (u64)prandom_u32_state(rnd) << 32 | prandom_u32_state(rnd);
}

/**
 * mtty_test_random_hw - registers that a guest could have brought about
 * @rnd: source of chance
 * @hw: the registers, reset
 */
void mtty_test_random_hw(struct rnd_state *rnd, struct mtty_hw *hw)
{
	unsigned int i, n;

	for (i = 0; i < MTTY_MIG_NR_UARTS; i++) {
		struct mtty_uart *uart = &hw->uart[i];

		/* Without loopback the port would never receive anything */
		mtty_uart_write(uart, UART_MCR, UART_MCR_LOOP);
		mtty_uart_write(uart, UART_FCR, prandom_u32_state(rnd));
		for (n = 0; n < 40; n++) {
			u32 r = prandom_u32_state(rnd);

			if (r & BIT(3))
				mtty_uart_write(uart, r & 7, r >> 8);
			else if (r & BIT(4))
				mtty_uart_write(uart, UART_TX, r >> 8);
		}
	}
	for (i = 0; i < MTTY_MIG_CFG_SIZE; i++)
		mtty_pci_write(&hw->pci, i, prandom_u32_state(rnd));
	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		for (n = 0; n < MTTY_MSIX_ENTRY_DWORDS; n++)
			mtty_pci_msix_write(&hw->pci, i, n,
					    prandom_u32_state(rnd));
	for (i = 0; i < MTTY_MIG_NR_DMA; i++) {
		struct mtty_dma *dma = &hw->dma[i];

		for (n = 0; n < MTTY_MIG_DMA_CTRL; n += 4)
			mtty_dma_write(dma, n, prandom_u32_state(rnd),
				       hw->pci.mem_size);
		/*
		 * The transfer has ended, so no channel moves while a test
		 * looks
		 */
		dma->done = random_u64(rnd);
		if (i % 2)
			mtty_dma_fail(dma);
	}
	for (n = 0; hw->pri.present && n < 3; n++)
		mtty_pri_raise(&hw->pri, random_u64(rnd), true);
	mtty_pri_write(&hw->pri, MTTY_MIG_PRI_RAISE_LO, prandom_u32_state(rnd),
		       true);
	hw->peer_base = random_u64(rnd);
	hw->peer_size = random_u64(rnd);
	hw->irq_pending = prandom_u32_state(rnd) % BIT(MTTY_MIG_NR_VECTORS);
	hw->scratch = prandom_u32_state(rnd);
	hw->irq_level = mtty_hw_irq_level(hw);
}

/* A page that is not zero, mostly but not always full */
void mtty_test_random_page(struct rnd_state *rnd, void *page)
{
	u32 len = prandom_u32_state(rnd) % 2 ? MTTY_MIG_PAGE_SIZE : 64;

	memset(page, 0, MTTY_MIG_PAGE_SIZE);
	prandom_bytes_state(rnd, page, len);
	((u8 *)page)[0] |= 1;
}

/* Content for every other page */
void mtty_test_fill_mem(struct kunit *test, struct rnd_state *rnd,
			struct mtty_mem *mem)
{
	void *page = kunit_kzalloc(test, MTTY_MIG_PAGE_SIZE, GFP_KERNEL);
	u64 offset;

	KUNIT_ASSERT_NOT_NULL(test, page);
	for (offset = 0; offset < mem->size; offset += 2 * MTTY_MIG_PAGE_SIZE) {
		mtty_test_random_page(rnd, page);
		KUNIT_ASSERT_EQ(test, 0, mtty_mem_write(mem, offset, page,
							MTTY_MIG_PAGE_SIZE));
	}
	kunit_kfree(test, page);
}

/**
 * mtty_test_fill - give a device content: registers, and every other page
 * @test: the test
 * @mtty: the device
 * @seed: other content for another seed
 */
void mtty_test_fill(struct kunit *test, struct mtty_device *mtty, u32 seed)
{
	struct rnd_state rnd;

	/*
	 * Not under hw_lock: an assertion that ends the test would not release
	 * it
	 */
	prandom_seed_state(&rnd, seed);
	mtty_test_random_hw(&rnd, &mtty->hw);
	mtty_test_fill_mem(test, &rnd, mtty->mem);
}

static void free_marks(void *dirty)
{
	mtty_mem_free_marks(dirty);
}

/* As a session does that saves the memory */
void mtty_test_track(struct kunit *test, struct mtty_mem *mem)
{
	struct xarray *dirty = kunit_kzalloc(test, sizeof(*dirty), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, dirty);
	xa_init(dirty);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action(test, free_marks, dirty));
	mtty_mem_track(mem, dirty);
}

static void free_mem(void *mem)
{
	mtty_mem_free(mem);
}

/* Device memory without a device */
struct mtty_mem *mtty_test_mem(struct kunit *test, u64 size)
{
	struct mtty_mem *mem = mtty_mem_alloc(size);

	KUNIT_ASSERT_NOT_NULL(test, mem);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_mem,
							   mem));
	return mem;
}

/*
 * The offset of the first difference of two buffers, or -1. A dump of both
 * would hide it
 */
ssize_t mtty_test_diff(const void *a, const void *b, size_t len)
{
	const u8 *p = a, *q = b;
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != q[i])
			return i;
	return -1;
}

/*
 * Compares the whole structure, so that no new field can be forgotten. That
 * includes padding, which is zero: mtty_hw_reset() clears all, and nothing
 * writes to padding.
 */
bool mtty_test_hw_equal(const struct mtty_hw *a, const struct mtty_hw *b)
{
	return mtty_test_diff(a, b, sizeof(*a)) < 0;
}

/* User memory */

/**
 * mtty_test_user - user memory
 * @test: the test; its priv says where the memory is
 *
 * The page behind it is not mapped. To have an address space takes a while,
 * so it is made when it is first asked for.
 *
 * Return: MTTY_TEST_USER_SIZE bytes, the same at each call.
 */
void __user *mtty_test_user(struct kunit *test)
{
	unsigned long addr;

	if (test->priv)
		return (void __user *)test->priv;

	addr = kunit_vm_mmap(test, NULL, 0, MTTY_TEST_USER_SIZE + PAGE_SIZE,
			     PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, 0, addr);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(addr + MTTY_TEST_USER_SIZE,
					   PAGE_SIZE));
	test->priv = (void *)addr;
	return (void __user *)addr;
}

/* The end of user memory: nothing can be read or written here */
void __user *mtty_test_bad_user(struct kunit *test)
{
	return mtty_test_user(test) + MTTY_TEST_USER_SIZE;
}

/* write() to the device fd: what it returned */
ssize_t mtty_test_region_write(struct kunit *test, struct mtty_device *mtty,
			       unsigned int index, u64 offset,
			       const void *buf, size_t len)
{
	loff_t pos = MTTY_TEST_REGION(index) + offset;

	KUNIT_ASSERT_LE(test, len, MTTY_TEST_USER_SIZE);
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(mtty_test_user(test), buf, len));
	return mtty->vdev.ops->write(&mtty->vdev, mtty_test_user(test), len,
				     &pos);
}

/* read() from the device fd: what it returned */
ssize_t mtty_test_region_read(struct kunit *test, struct mtty_device *mtty,
			      unsigned int index, u64 offset,
			      void *buf, size_t len)
{
	loff_t pos = MTTY_TEST_REGION(index) + offset;
	ssize_t ret;

	KUNIT_ASSERT_LE(test, len, MTTY_TEST_USER_SIZE);
	ret = mtty->vdev.ops->read(&mtty->vdev, mtty_test_user(test), len,
				   &pos);
	if (ret > 0)
		KUNIT_ASSERT_EQ(test, 0,
				copy_from_user(buf, mtty_test_user(test), ret));
	return ret;
}

/* A register of the first port */
u8 mtty_test_uart_read(struct kunit *test, struct mtty_device *mtty,
		       unsigned int reg)
{
	u8 val;

	KUNIT_ASSERT_EQ(test, 1,
			mtty_test_region_read(test, mtty, MTTY_MIG_UART0_BAR,
					      reg, &val, 1));
	return val;
}

void mtty_test_uart_write(struct kunit *test, struct mtty_device *mtty,
			  unsigned int reg, u8 val)
{
	KUNIT_ASSERT_EQ(test, 1,
			mtty_test_region_write(test, mtty, MTTY_MIG_UART0_BAR,
					       reg, &val, 1));
}

/* Data fds */

/* vfs_read() refuses a kthread's buffer for a file that has no read_iter */
ssize_t mtty_test_fd_read(struct file *filp, void __user *buf, size_t len)
{
	return filp->f_op->read(filp, buf, len, NULL);
}

ssize_t mtty_test_fd_write(struct file *filp, const void __user *buf,
			   size_t len)
{
	return filp->f_op->write(filp, buf, len, NULL);
}

/* Whether the session of a data fd has ended, by all that it answers */
bool mtty_test_fd_dead(struct kunit *test, struct file *filp)
{
	void __user *arg = mtty_test_user(test);
	bool dead = vfs_poll(filp, NULL) & EPOLLHUP;
	ssize_t ret;

	/* Does nothing that would change a session which is alive */
	if (!dead)
		return false;

	MTTY_TEST_EXPECT_EVENTS(test, EPOLLERR | EPOLLHUP, filp);
	ret = filp->f_op->read ? mtty_test_fd_read(filp, arg, 1) :
				 mtty_test_fd_write(filp, arg, 1);
	KUNIT_EXPECT_EQ(test, -ENODEV, ret);

	KUNIT_EXPECT_EQ(test, 0,
			put_user(sizeof(struct vfio_precopy_info),
				 (u32 __user *)arg));
	ret = filp->f_op->unlocked_ioctl(filp, VFIO_MIG_GET_PRECOPY_INFO,
					 (unsigned long)arg);
	KUNIT_EXPECT_EQ(test, -EINVAL, ret);
	return true;
}

/**
 * mtty_test_save - read a data fd until it has no more
 * @test: the test
 * @filp: the data fd
 * @blob: where to; what it reads is added to what is there
 * @chunk: bytes to ask for at a time
 *
 * Return: what the last read returned: 0 or an error.
 */
ssize_t mtty_test_save(struct kunit *test, struct file *filp,
		       struct mtty_test_blob *blob, size_t chunk)
{
	void __user *buf = mtty_test_user(test);
	ssize_t ret;

	KUNIT_ASSERT_LE(test, chunk, MTTY_TEST_USER_SIZE);
	while ((ret = mtty_test_fd_read(filp, buf, chunk)) > 0) {
		KUNIT_ASSERT_LE(test, ret, chunk);
		KUNIT_ASSERT_LE(test, blob->len + ret, blob->size);
		KUNIT_ASSERT_EQ(test, 0, copy_from_user(blob->data + blob->len,
							buf, ret));
		blob->len += ret;
	}
	return ret;
}

/**
 * mtty_test_load - write a stream into a data fd
 * @test: the test
 * @filp: the data fd
 * @blob: the stream
 * @chunk: bytes to write at a time
 *
 * Return: 0, or the error at which it stopped.
 */
ssize_t mtty_test_load(struct kunit *test, struct file *filp,
		       const struct mtty_test_blob *blob, size_t chunk)
{
	void __user *buf = mtty_test_user(test);
	size_t done = 0;

	KUNIT_ASSERT_LE(test, chunk, MTTY_TEST_USER_SIZE);
	while (done < blob->len) {
		size_t len = min(chunk, blob->len - done);
		ssize_t ret;

		KUNIT_ASSERT_EQ(test, 0,
				copy_to_user(buf, blob->data + done, len));
		ret = mtty_test_fd_write(filp, buf, len);
		if (ret < 0)
			return ret;
		KUNIT_ASSERT_GT(test, ret, 0);
		KUNIT_ASSERT_LE(test, ret, len);
		done += ret;
	}
	return 0;
}

/* The parents of the devices that are kept */

static struct platform_driver parent_driver = {
	.driver.name = "mtty_mig_kunit",
};

/**
 * mtty_test_devices_exit - undo mtty_test_devices_init()
 */
void mtty_test_devices_exit(void)
{
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_TYPES; i++) {
		struct kept_device *kept = &kept_devices[i];

		if (kept->mtty)
			destroy_device(kept->mtty);
		if (kept->parent)
			platform_device_unregister(kept->parent);
	}
	platform_driver_unregister(&parent_driver);
}

/**
 * mtty_test_devices_init - register what mtty_test_get() needs
 *
 * Return: 0 or -errno.
 */
int __init mtty_test_devices_init(void)
{
	unsigned int i;
	int ret;

	/* The VFIO core wants a driver that is bound to the parent */
	ret = platform_driver_register(&parent_driver);
	if (ret)
		return ret;
	for (i = 0; i < MTTY_MIG_NR_TYPES; i++) {
		struct platform_device *parent;

		parent = platform_device_register_simple("mtty_mig_kunit", i,
							 NULL, 0);
		if (IS_ERR(parent)) {
			mtty_test_devices_exit();
			return PTR_ERR(parent);
		}
		kept_devices[i].parent = parent;
	}
	return 0;
}
