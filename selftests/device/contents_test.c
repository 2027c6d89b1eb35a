// SPDX-License-Identifier: GPL-2.0-only
/*
 * What arrives: every register and byte at the destination is what it was at
 * the source, whichever way the stream took.
 *
 * Devices are compared by reading all of them.  A third one, filled alike and
 * never migrated, tells what the two must hold: the source must not have
 * suffered either.
 */
#include <poll.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/mig_model.h"
#include "lib/mtty.h"

#define MEM		MTTY_MIG_MEM_BAR
#define PAGE		MTTY_MIG_PAGE_SIZE
#define MEM_SIZE	0x40000
#define SEED		1

/* Every third page: written, and zero ones between them */
#define STEP		3

/**
 * struct trio - the devices of a test
 * @src: source, filled
 * @dst: destination
 * @ref: filled like the source, and not migrated
 * @flags: VFIO_MIGRATION_* of all three
 */
struct trio {
	struct mtty src;
	struct mtty dst;
	struct mtty ref;
	__u64 flags;
};

static void trio_new(struct trio *trio, const char *type)
{
	mtty_new(&trio->src, type, MEM_SIZE);
	mtty_new(&trio->dst, type, MEM_SIZE);
	mtty_new(&trio->ref, type, MEM_SIZE);
	trio->flags = vfio_mig_flags(&trio->src.dev);
	mtty_fill(&trio->src, SEED, STEP);
	mtty_fill(&trio->ref, SEED, STEP);
}

FIXTURE(contents)
{
	struct trio trio;
};

/* The types with the fewest and with the most arcs: contents are the same */
FIXTURE_VARIANT(contents)
{
	const char *type;
};

FIXTURE_VARIANT_ADD(contents, base)
{
	.type = "base",
};

FIXTURE_VARIANT_ADD(contents, full)
{
	.type = "full",
};

FIXTURE_SETUP(contents)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	trio_new(&self->trio, variant->type);
}

FIXTURE_TEARDOWN(contents)
{
	mtty_remove_all();
}

/*
 * Two devices must be equal in all that can be read of them.  Both run
 * afterwards, and have lost what reading takes away.
 */
static void check_same(struct __test_metadata *_metadata, struct mtty *a,
		       struct mtty *b, const char *what)
{
	struct mtty_regs regs_a, regs_b;
	const char *difference;

	/* Before the registers, from which reading takes characters */
	EXPECT_EQ(mtty_digest(a), mtty_digest(b))
		TH_LOG("%s", what);
	difference = mtty_mem_differs(a, b);
	EXPECT_EQ(NULL, difference)
		TH_LOG("%s: %s", what, difference);

	/* In STOP a read has no effect, and there would be no end to it */
	vfio_mig_set(&a->dev, VFIO_DEVICE_STATE_RUNNING);
	vfio_mig_set(&b->dev, VFIO_DEVICE_STATE_RUNNING);
	mtty_take_regs(a, &regs_a);
	mtty_take_regs(b, &regs_b);
	difference = mtty_regs_differ(&regs_a, &regs_b);
	EXPECT_EQ(NULL, difference)
		TH_LOG("%s: %s", what, difference);
}

/* "STOP -> STOP_COPY" */
TEST_F(contents, arrive_through_STOP_COPY)
{
	struct trio *t = &self->trio;
	struct mig_stream stream = {};

	mig_save(&t->src.dev, &stream, MIG_CHUNK);
	mig_load(&t->dst.dev, &stream, MIG_CHUNK, VFIO_DEVICE_STATE_RUNNING);
	check_same(_metadata, &t->ref, &t->dst, "destination");
	mig_stream_free(&stream);
}

/* The source goes on, as after a migration that failed at the other end */
TEST_F(contents, stay_at_the_source)
{
	struct trio *t = &self->trio;
	struct mig_stream stream = {};

	mig_save(&t->src.dev, &stream, MIG_CHUNK);
	check_same(_metadata, &t->ref, &t->src, "source");
	mig_stream_free(&stream);
}

/* A destination that had other contents has none of it left */
TEST_F(contents, replace_those_of_the_destination)
{
	struct trio *t = &self->trio;
	struct mig_stream stream = {};

	mtty_fill(&t->dst, SEED + 1, 1);
	mig_save(&t->src.dev, &stream, MIG_CHUNK);
	mig_load(&t->dst.dev, &stream, MIG_CHUNK, VFIO_DEVICE_STATE_RUNNING);
	check_same(_metadata, &t->ref, &t->dst, "destination");
	mig_stream_free(&stream);
}

TEST_F(contents, of_a_reset_device_arrive)
{
	struct trio *t = &self->trio;
	struct mig_stream stream = {};

	vfio_dev_reset(&t->src.dev);
	vfio_dev_reset(&t->ref.dev);
	mtty_fill(&t->dst, SEED, 1);
	mig_save(&t->src.dev, &stream, MIG_CHUNK);
	mig_load(&t->dst.dev, &stream, MIG_CHUNK, VFIO_DEVICE_STATE_RUNNING);
	check_same(_metadata, &t->ref, &t->dst, "destination");
	mig_stream_free(&stream);
}

TEST_F(contents, arrive_in_any_segmentation)
{
	struct trio *t = &self->trio;
	static const size_t chunks[] = { 1021, 4096, 4103, 65536, 1 << 20,
					 16 << 20 };
	struct mig_stream stream = {};
	unsigned int i;
	__u64 expect;

	expect = mtty_digest(&t->ref);
	for (i = 0; i < ARRAY_LEN(chunks); i++) {
		mig_save(&t->src.dev, &stream, chunks[i]);
		mig_load(&t->dst.dev, &stream, chunks[i],
			 VFIO_DEVICE_STATE_STOP);
		EXPECT_EQ(expect, mtty_digest(&t->dst))
			TH_LOG("%zu bytes at a time", chunks[i]);
	}
	check_same(_metadata, &t->ref, &t->dst, "destination");
	mig_stream_free(&stream);
}

TEST_F(contents, arrive_byte_by_byte)
{
	struct trio *t = &self->trio;
	struct mig_stream stream = {};

	/* A page has no parts that are different from each other */
	vfio_dev_reset(&t->src.dev);
	vfio_dev_reset(&t->ref.dev);
	mtty_fill_registers(&t->src, SEED);
	mtty_fill_registers(&t->ref, SEED);
	mig_save(&t->src.dev, &stream, 1);
	mig_load(&t->dst.dev, &stream, 1, VFIO_DEVICE_STATE_RUNNING);
	check_same(_metadata, &t->ref, &t->dst, "destination");
	mig_stream_free(&stream);
}

/* A to B, and B to A, which is to have nothing of its own by then */
TEST_F(contents, arrive_there_and_back)
{
	struct trio *t = &self->trio;
	struct mig_stream stream = {};

	mig_save(&t->src.dev, &stream, MIG_CHUNK);
	mig_load(&t->dst.dev, &stream, MIG_CHUNK, VFIO_DEVICE_STATE_RUNNING);
	vfio_dev_reset(&t->src.dev);
	mig_save(&t->dst.dev, &stream, MIG_CHUNK);
	mig_load(&t->src.dev, &stream, MIG_CHUNK, VFIO_DEVICE_STATE_RUNNING);
	check_same(_metadata, &t->ref, &t->src, "back at the source");
	mig_stream_free(&stream);
}

/* Each legal size of device memory, but for those that take long */
TEST_F(contents, arrive_whatever_the_memory_size)
{
	struct trio *t = &self->trio;
	static const char * const sizes[] = { "0", "4K", "8K", "1M" };
	struct mig_stream stream = {};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		vfio_dev_close(&t->src.dev);
		vfio_dev_close(&t->dst.dev);
		must(__mtty_set_mem_size(&t->src, sizes[i]));
		must(__mtty_set_mem_size(&t->dst, sizes[i]));
		vfio_dev_open(&t->src.dev, t->src.mdev.uuid);
		vfio_dev_open(&t->dst.dev, t->dst.mdev.uuid);
		mtty_fill(&t->src, SEED, 1);
		mig_save(&t->src.dev, &stream, MIG_CHUNK);
		mig_load(&t->dst.dev, &stream, MIG_CHUNK,
			 VFIO_DEVICE_STATE_RUNNING);
		check_same(_metadata, &t->src, &t->dst, sizes[i]);
	}
	mig_stream_free(&stream);
}

/*
 * "The device must not generate interrupts [...] or any other change to
 * external state. It must not change its internal state."
 */
TEST_F(contents, do_not_change_while_stopped)
{
	struct trio *t = &self->trio;
	static const __u32 stopped[] = {
		VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_STOP_COPY,
	};
	__u64 expect = mtty_digest(&t->ref);
	struct mtty_regs regs;
	unsigned int i, j;
	__u8 byte = 0xee;

	for (i = 0; i < ARRAY_LEN(stopped); i++) {
		vfio_mig_set(&t->src.dev, stopped[i]);
		/* All that reading a running device takes away */
		mtty_take_regs(&t->src, &regs);
		for (j = 0; j < MTTY_MIG_NR_UARTS; j++)
			mtty_uart_out(&t->src, j, UART_TX, 'x');
		mtty_ctrl_out(&t->src, MTTY_MIG_REG_SCRATCH, 0);
		vfio_region_write(&t->src.dev, MEM, 0, &byte, 1);
		EXPECT_EQ(expect, mtty_digest(&t->src))
			TH_LOG("%s", mig_state_name(stopped[i]));
	}
	check_same(_metadata, &t->ref, &t->src, "after STOP");
}

/* An interrupt that nobody has served yet is served at the destination */
TEST_F(contents, pending_interrupt_fires_at_the_destination)
{
	struct trio *t = &self->trio;
	struct mig_stream stream = {};
	int fd = eventfd_new();

	vfio_dev_reset(&t->src.dev);
	mtty_uart_out(&t->src, 1, UART_MCR, UART_MCR_LOOP);
	mtty_uart_out(&t->src, 1, UART_IER, UART_IER_RDI);
	mtty_uart_out(&t->src, 1, UART_TX, 'x');
	mig_save(&t->src.dev, &stream, MIG_CHUNK);

	vfio_irq_eventfds(&t->dst.dev, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &fd);
	mig_load(&t->dst.dev, &stream, MIG_CHUNK, VFIO_DEVICE_STATE_STOP);
	EXPECT_EQ(0, eventfd_take(fd))
		TH_LOG("an interrupt of a stopped device");
	vfio_mig_set(&t->dst.dev, VFIO_DEVICE_STATE_RUNNING);
	EXPECT_EQ(1, eventfd_take(fd));
	EXPECT_EQ(1 << MTTY_MIG_IRQ_UART1,
		  mtty_ctrl_in(&t->dst, MTTY_MIG_REG_IRQ_STATUS));
	mig_stream_free(&stream);
}

/*
 * The estimate is what a VMM sizes its downtime by: never 0, which would tell
 * nothing, and at most 1 % and a page above what then comes.
 */
TEST_F(contents, are_as_long_as_MIG_DATA_SIZE_says)
{
	struct trio *t = &self->trio;
	struct mig_stream stream = {};
	__u32 state;

	for (state = 0; state < VFIO_DEVICE_STATE_NR; state++) {
		struct mig_expect expect;
		int data_fd, next_fd;
		__u64 estimate;

		if (!mig_model_supported(t->flags, state))
			continue;
		vfio_dev_reset(&t->src.dev);
		mtty_fill(&t->src, SEED, STEP);
		data_fd = vfio_mig_set(&t->src.dev, state);
		estimate = vfio_mig_data_size(&t->src.dev);
		EXPECT_LT(0, estimate)
			TH_LOG("%s", mig_state_name(state));

		/* From RESUMING, STOP_COPY takes a stream first */
		if (state == VFIO_DEVICE_STATE_RESUMING) {
			close(data_fd);
			continue;
		}
		mig_model_expect(t->flags, state,
				 VFIO_DEVICE_STATE_STOP_COPY, &expect);
		next_fd = vfio_mig_set(&t->src.dev,
				       VFIO_DEVICE_STATE_STOP_COPY);
		if (expect.new_fd)
			data_fd = next_fd;
		stream.len = 0;
		mig_stream_read(&stream, data_fd, MIG_CHUNK, 0);
		close(data_fd);
		EXPECT_LE(stream.len, estimate)
			TH_LOG("%s", mig_state_name(state));
		EXPECT_GE(stream.len + stream.len / 100 + 4096, estimate)
			TH_LOG("%s", mig_state_name(state));
	}
	mig_stream_free(&stream);
}

FIXTURE(pre_copy)
{
	struct trio trio;
};

FIXTURE_VARIANT(pre_copy)
{
	const char *type;
};

FIXTURE_VARIANT_ADD(pre_copy, precopy)
{
	.type = "precopy",
};

FIXTURE_VARIANT_ADD(pre_copy, full)
{
	.type = "full",
};

FIXTURE_SETUP(pre_copy)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	trio_new(&self->trio, variant->type);
}

FIXTURE_TEARDOWN(pre_copy)
{
	mtty_remove_all();
}

/* What a guest does while it is migrated, done to the reference, too */
static void change_page(struct trio *t, __u64 index, __u64 seed)
{
	__u8 page[PAGE];

	mtty_fill_page(page, seed, index);
	vfio_region_write(&t->src.dev, MEM, index * PAGE, page, PAGE);
	vfio_region_write(&t->ref.dev, MEM, index * PAGE, page, PAGE);
}

static void change_byte(struct trio *t, __u64 offset, __u8 val)
{
	vfio_region_write8(&t->src.dev, MEM, offset, val);
	vfio_region_write8(&t->ref.dev, MEM, offset, val);
}

static void clear_page(struct trio *t, __u64 index)
{
	static const __u8 zero[PAGE];

	vfio_region_write(&t->src.dev, MEM, index * PAGE, zero, PAGE);
	vfio_region_write(&t->ref.dev, MEM, index * PAGE, zero, PAGE);
}

static void change_registers(struct trio *t, __u64 seed)
{
	mtty_fill_registers(&t->src, seed);
	mtty_fill_registers(&t->ref, seed);
}

/* From pre-copy, with what was read of it, to a destination that is like ref */
static void finish_and_check(struct __test_metadata *_metadata,
			     struct trio *t, int data_fd,
			     struct mig_stream *stream)
{
	vfio_mig_set(&t->src.dev, VFIO_DEVICE_STATE_STOP_COPY);
	mig_stream_read(stream, data_fd, MIG_CHUNK, 0);
	vfio_mig_set(&t->src.dev, VFIO_DEVICE_STATE_STOP);
	close(data_fd);
	mig_load(&t->dst.dev, stream, MIG_CHUNK, VFIO_DEVICE_STATE_RUNNING);
	check_same(_metadata, &t->ref, &t->dst, "destination");
	mig_stream_free(stream);
}

/* The same device as through STOP_COPY alone: both are held against ref */
TEST_F(pre_copy, contents_arrive)
{
	struct trio *t = &self->trio;
	struct mig_stream stream = {};

	mig_save_precopy(&t->src.dev, t->flags, &stream, MIG_CHUNK);
	mig_load(&t->dst.dev, &stream, MIG_CHUNK, VFIO_DEVICE_STATE_RUNNING);
	check_same(_metadata, &t->ref, &t->dst, "destination");
	mig_stream_free(&stream);
}

/* Nothing was read before STOP_COPY: then it comes after */
TEST_F(pre_copy, contents_arrive_when_nothing_was_read)
{
	int data_fd = vfio_mig_set(&self->trio.src.dev,
				   VFIO_DEVICE_STATE_PRE_COPY);
	struct mig_stream stream = {};

	finish_and_check(_metadata, &self->trio, data_fd, &stream);
}

/* Pages that were sent change: other content, from zero, to zero, a byte */
TEST_F(pre_copy, changes_after_the_first_pass_arrive)
{
	struct trio *t = &self->trio;
	int data_fd = vfio_mig_set(&t->src.dev, VFIO_DEVICE_STATE_PRE_COPY);
	struct mig_stream stream = {};

	mig_stream_read(&stream, data_fd, MIG_CHUNK, -ENOMSG);
	change_page(t, 0 * STEP, SEED + 1);
	change_page(t, 1 * STEP + 1, SEED + 1);
	clear_page(t, 2 * STEP);
	change_byte(t, 3 * STEP * PAGE + 17, 0x17);
	change_byte(t, MEM_SIZE - 1, 0x18);
	finish_and_check(_metadata, t, data_fd, &stream);
}

/* The content of the last change counts, whenever each was sent */
TEST_F(pre_copy, last_of_many_changes_arrives)
{
	struct trio *t = &self->trio;
	int data_fd = vfio_mig_set(&t->src.dev, VFIO_DEVICE_STATE_PRE_COPY);
	struct mig_stream stream = {};
	unsigned int round;

	for (round = 0; round < 4; round++) {
		mig_stream_read(&stream, data_fd, MIG_CHUNK, -ENOMSG);
		change_page(t, 5, SEED + round);
		clear_page(t, 6);
		if (round % 2)
			change_page(t, 6, SEED + round);
	}
	finish_and_check(_metadata, t, data_fd, &stream);
}

/* Before and behind the place that is being read, and right there */
TEST_F(pre_copy, changes_between_reads_arrive)
{
	struct trio *t = &self->trio;
	int data_fd = vfio_mig_set(&t->src.dev, VFIO_DEVICE_STATE_PRE_COPY);
	struct mig_stream stream = {};
	__u64 seed = SEED;
	unsigned int n;

	for (n = 0; n < 200; n++) {
		__u64 index = mtty_random(&seed) % (MEM_SIZE / PAGE);
		__u8 buf[3000];
		ssize_t len = mig_read(data_fd, buf, sizeof(buf));

		ASSERT_TRUE(len > 0 || len == -ENOMSG);
		if (len > 0)
			mig_stream_append(&stream, buf, len);
		if (n % 5)
			change_byte(t, index * PAGE + n, n);
		else
			clear_page(t, index);
	}
	finish_and_check(_metadata, t, data_fd, &stream);
}

/* Registers are no less state than memory */
TEST_F(pre_copy, registers_that_change_arrive)
{
	struct trio *t = &self->trio;
	int data_fd = vfio_mig_set(&t->src.dev, VFIO_DEVICE_STATE_PRE_COPY);
	struct mig_stream stream = {};

	mig_stream_read(&stream, data_fd, MIG_CHUNK, -ENOMSG);
	change_registers(t, SEED + 1);
	finish_and_check(_metadata, t, data_fd, &stream);
}

/* In PRE_COPY_P2P it still runs, only without peer to peer DMA */
TEST_F(pre_copy, changes_in_PRE_COPY_P2P_arrive)
{
	struct trio *t = &self->trio;
	struct mig_stream stream = {};
	int data_fd;

	if (!(t->flags & VFIO_MIGRATION_P2P))
		SKIP(return, "the device has no P2P");
	data_fd = vfio_mig_set(&t->src.dev, VFIO_DEVICE_STATE_PRE_COPY);
	mig_stream_read(&stream, data_fd, MIG_CHUNK, -ENOMSG);
	vfio_mig_set(&t->src.dev, VFIO_DEVICE_STATE_PRE_COPY_P2P);
	change_page(t, 7, SEED + 1);
	mig_stream_read(&stream, data_fd, MIG_CHUNK, -ENOMSG);
	change_page(t, 8, SEED + 1);
	finish_and_check(_metadata, t, data_fd, &stream);
}

/* "dirty_bytes [...] may increase as the internal device state is modified" */
TEST_F(pre_copy, info_and_poll_tell_of_changes)
{
	struct trio *t = &self->trio;
	int data_fd = vfio_mig_set(&t->src.dev, VFIO_DEVICE_STATE_PRE_COPY);
	struct vfio_precopy_info info, again;
	struct mig_stream stream = {};

	mig_stream_read(&stream, data_fd, MIG_CHUNK, -ENOMSG);
	EXPECT_EQ(0, fd_poll(data_fd, POLLIN));

	change_page(t, 1, SEED + 1);
	change_page(t, 2, SEED + 1);
	vfio_precopy_info(data_fd, &info);
	EXPECT_EQ(0, info.initial_bytes);
	EXPECT_LE(2 * PAGE, info.dirty_bytes);
	EXPECT_GT(3 * PAGE, info.dirty_bytes);
	EXPECT_TRUE(fd_poll(data_fd, POLLIN) & POLLIN);

	/* The same page again is not more to send */
	change_byte(t, 2 * PAGE, 0x55);
	vfio_precopy_info(data_fd, &again);
	EXPECT_EQ(info.dirty_bytes, again.dirty_bytes);

	/* "or decrease as that modified state is read from the device" */
	mig_stream_read(&stream, data_fd, MIG_CHUNK, -ENOMSG);
	vfio_precopy_info(data_fd, &info);
	EXPECT_EQ(0, info.dirty_bytes);
	EXPECT_EQ(0, fd_poll(data_fd, POLLIN));
	finish_and_check(_metadata, t, data_fd, &stream);
}

/* A migration that is given up and begun again sends all of it again */
TEST_F(pre_copy, second_session_is_complete)
{
	struct trio *t = &self->trio;
	int data_fd = vfio_mig_set(&t->src.dev, VFIO_DEVICE_STATE_PRE_COPY);
	struct mig_stream stream = {};

	mig_stream_read(&stream, data_fd, MIG_CHUNK, -ENOMSG);
	vfio_mig_set(&t->src.dev, VFIO_DEVICE_STATE_RUNNING);
	close(data_fd);
	change_page(t, 9, SEED + 1);
	mig_stream_free(&stream);

	data_fd = vfio_mig_set(&t->src.dev, VFIO_DEVICE_STATE_PRE_COPY);
	mig_stream_read(&stream, data_fd, MIG_CHUNK, -ENOMSG);
	finish_and_check(_metadata, t, data_fd, &stream);
}

TEST_HARNESS_MAIN
