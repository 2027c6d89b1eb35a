/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites share: devices, data fds, user memory, and the builder of
 * streams that knows nothing of the driver's encoder.
 */
#ifndef MTTY_MIG_KUNIT_HELPERS_H
#define MTTY_MIG_KUNIT_HELPERS_H

#include <kunit/test.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/prandom.h>
#include <linux/sizes.h>

#include "arcs.h"
#include "mtty_mig.h"

/* All four sets of capabilities that the uAPI defines, by device type */
#define MTTY_TEST_FIRST_TYPE	MTTY_MIG_TYPE_BASE
#define MTTY_TEST_LAST_TYPE	MTTY_MIG_TYPE_FULL

/* Jiffies to wait for what a thread of the driver is to do: a minute or more */
#define MTTY_TEST_PATIENCE	(60 * HZ)

/* States from ERROR to PRE_COPY_P2P */
#define MTTY_TEST_NR_STATES	(VFIO_DEVICE_STATE_PRE_COPY_P2P + 1)

/**
 * struct mtty_test_state - a state to test in
 * @name: its name in the uAPI
 * @state: the state
 */
struct mtty_test_state {
	const char *name;
	unsigned int state;
};

#define MTTY_TEST_STATE(state)	{ #state, VFIO_DEVICE_STATE_##state }

const char *mtty_test_type_name(enum mtty_mig_type type);

/* Devices */

int mtty_test_devices_init(void);
void mtty_test_devices_exit(void);

struct mtty_device *mtty_test_create(struct kunit *test,
				     enum mtty_mig_type type, u64 mem_size);
void mtty_test_destroy(struct kunit *test, struct mtty_device *mtty);
void mtty_test_open(struct kunit *test, struct mtty_device *mtty);
void mtty_test_close(struct kunit *test, struct mtty_device *mtty);
struct mtty_device *mtty_test_get(struct kunit *test, enum mtty_mig_type type,
				  u64 mem_size);
struct mtty_device *mtty_test_device(struct kunit *test,
				     enum mtty_mig_type type, u64 mem_size);

int mtty_test_set_state(struct kunit *test, struct mtty_device *mtty,
			unsigned int state, struct file **filp);
unsigned int mtty_test_get_state(struct mtty_device *mtty);
struct file *mtty_test_enter(struct kunit *test, struct mtty_device *mtty,
			     unsigned int state);
void mtty_test_reset(struct kunit *test, struct mtty_device *mtty);
enum mtty_run mtty_test_run(struct mtty_device *mtty);
unsigned long mtty_test_data_size(struct kunit *test,
				  struct mtty_device *mtty);

/* Content */

void mtty_test_random_hw(struct rnd_state *rnd, struct mtty_hw *hw);
void mtty_test_random_page(struct rnd_state *rnd, void *page);
void mtty_test_fill_mem(struct kunit *test, struct rnd_state *rnd,
			struct mtty_mem *mem);
void mtty_test_fill(struct kunit *test, struct mtty_device *mtty, u32 seed);
struct mtty_mem *mtty_test_mem(struct kunit *test, u64 size);
void mtty_test_track(struct kunit *test, struct mtty_mem *mem);
bool mtty_test_hw_equal(const struct mtty_hw *a, const struct mtty_hw *b);
ssize_t mtty_test_diff(const void *a, const void *b, size_t len);

/* User memory */

#define MTTY_TEST_USER_SIZE	SZ_256K

void __user *mtty_test_user(struct kunit *test);
void __user *mtty_test_bad_user(struct kunit *test);

ssize_t mtty_test_region_write(struct kunit *test, struct mtty_device *mtty,
			       unsigned int index, u64 offset,
			       const void *buf, size_t len);
ssize_t mtty_test_region_read(struct kunit *test, struct mtty_device *mtty,
			      unsigned int index, u64 offset,
			      void *buf, size_t len);
u8 mtty_test_uart_read(struct kunit *test, struct mtty_device *mtty,
		       unsigned int reg);
void mtty_test_uart_write(struct kunit *test, struct mtty_device *mtty,
			  unsigned int reg, u8 val);

/* Offset of a region in the device fd */
#define MTTY_TEST_REGION(index)	((loff_t)(index) << 40)

/* Streams */

/**
 * struct mtty_test_blob - bytes of a stream
 * @data: the bytes
 * @len: how many there are
 * @size: how many there is room for
 */
struct mtty_test_blob {
	u8 *data;
	size_t len;
	size_t size;
};

struct mtty_test_blob *mtty_test_blob(struct kunit *test, size_t size);

/*
 * The stream format, written from Documentation/stream.rst and not from the
 * driver's structures, so that the tests do not share an error with these.
 */
enum {
	MTTY_TEST_PAGE		= 0x0001,
	MTTY_TEST_ZERO		= 0x0002,
	MTTY_TEST_UART0		= 0x0010,
	MTTY_TEST_UART1		= 0x0011,
	MTTY_TEST_PCI		= 0x0012,
	MTTY_TEST_DMA0		= 0x0013,
	MTTY_TEST_DMA1		= 0x0014,
	MTTY_TEST_PRI		= 0x0015,
	MTTY_TEST_CTRL		= 0x0016,
	MTTY_TEST_TRAILER	= 0xffff,
};

#define MTTY_TEST_OPTIONAL		1
#define MTTY_TEST_HEADER_LEN		32
#define MTTY_TEST_RECORD_LEN		8
#define MTTY_TEST_INDEX_LEN		8
#define MTTY_TEST_UART_LEN		32
#define MTTY_TEST_PCI_LEN		(256 + 4 * 16)
#define MTTY_TEST_DMA_LEN		(4 * 4 + 4 * 8)
#define MTTY_TEST_PRI_LEN		(4 * 4 + 32 * 4 + 32 * 8)
#define MTTY_TEST_CTRL_LEN		(8 + 2 * 8)
/* The largest of them */
#define MTTY_TEST_STATE_LEN		MTTY_TEST_PRI_LEN
#define MTTY_TEST_TRAILER_LEN		16

/* Whole records */
#define MTTY_TEST_ZERO_SIZE	(MTTY_TEST_RECORD_LEN + MTTY_TEST_INDEX_LEN)
#define MTTY_TEST_PAGE_SIZE	(MTTY_TEST_ZERO_SIZE + 4096)
#define MTTY_TEST_STATE_SIZE	(7 * MTTY_TEST_RECORD_LEN + \
				 2 * MTTY_TEST_UART_LEN + \
				 MTTY_TEST_PCI_LEN + 2 * MTTY_TEST_DMA_LEN + \
				 MTTY_TEST_PRI_LEN + MTTY_TEST_CTRL_LEN)
#define MTTY_TEST_TRAILER_SIZE	(MTTY_TEST_RECORD_LEN + MTTY_TEST_TRAILER_LEN)

/* A stream without pages */
#define MTTY_TEST_MIN_SIZE	(MTTY_TEST_HEADER_LEN + MTTY_TEST_STATE_SIZE + \
				 MTTY_TEST_TRAILER_SIZE)

void mtty_test_put(struct kunit *test, struct mtty_test_blob *blob,
		   const void *data, size_t len);
void mtty_test_put_le(struct kunit *test, struct mtty_test_blob *blob,
		      u64 val, size_t len);
void mtty_test_put_header(struct kunit *test, struct mtty_test_blob *blob,
			  u32 type, u64 mem_size);
void mtty_test_put_record(struct kunit *test, struct mtty_test_blob *blob,
			  u16 type, u16 flags, u32 length);
void mtty_test_put_page(struct kunit *test, struct mtty_test_blob *blob,
			u64 index, const void *data);
void mtty_test_put_zero(struct kunit *test, struct mtty_test_blob *blob,
			u64 index);
void mtty_test_put_state(struct kunit *test, struct mtty_test_blob *blob,
			 u16 type, const struct mtty_hw *hw);
void mtty_test_put_states(struct kunit *test, struct mtty_test_blob *blob,
			  const struct mtty_hw *hw);
void mtty_test_put_trailer(struct kunit *test, struct mtty_test_blob *blob);
void mtty_test_put_pages(struct kunit *test, struct mtty_test_blob *blob,
			 struct mtty_mem *mem);
void mtty_test_put_all(struct kunit *test, struct mtty_test_blob *blob,
		       u32 type, struct mtty_mem *mem,
		       const struct mtty_hw *hw);

/* Data fds */

/* KUnit cannot compare __poll_t, the type of what poll() returns */
#define MTTY_TEST_EXPECT_EVENTS(test, events, filp)			\
	KUNIT_EXPECT_EQ(test, (__force u32)(events),			\
			(__force u32)vfs_poll(filp, NULL))

ssize_t mtty_test_fd_read(struct file *filp, void __user *buf, size_t len);
ssize_t mtty_test_fd_write(struct file *filp, const void __user *buf,
			   size_t len);
bool mtty_test_fd_dead(struct kunit *test, struct file *filp);
ssize_t mtty_test_save(struct kunit *test, struct file *filp,
		       struct mtty_test_blob *blob, size_t chunk);
ssize_t mtty_test_load(struct kunit *test, struct file *filp,
		       const struct mtty_test_blob *blob, size_t chunk);
void mtty_test_own_file(struct kunit *test, struct file *filp);
void mtty_test_put_file(struct kunit *test, struct file *filp);

/* Files */

enum mtty_test_fs {
	MTTY_TEST_DEBUGFS,
	MTTY_TEST_SYSFS,
	MTTY_TEST_NR_FS
};

struct file *mtty_test_file_open(struct kunit *test, enum mtty_test_fs fs,
				 const char *path, int flags);
ssize_t mtty_test_file_write(struct kunit *test, enum mtty_test_fs fs,
			     const char *path, const char *text);
ssize_t mtty_test_file_read(struct kunit *test, enum mtty_test_fs fs,
			    const char *path, char *text, size_t size);
struct file *mtty_test_knob_open(struct kunit *test, struct mtty_device *mtty,
				 const char *name, int flags);
ssize_t mtty_test_knob_write(struct kunit *test, struct mtty_device *mtty,
			     const char *name, const char *text);
ssize_t mtty_test_knob_read(struct kunit *test, struct mtty_device *mtty,
			    const char *name, char *text, size_t size);
void mtty_test_unmount(void);

#endif /* MTTY_MIG_KUNIT_HELPERS_H */
