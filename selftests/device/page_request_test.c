// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests, which only a running vCPU can answer: a device that waits
 * for one cannot be stopped, and nothing else is forbidden to it.
 */
#include <string.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "lib/knobs.h"
#include "lib/mtty.h"

#define PRI(reg)	(MTTY_MIG_PRI + MTTY_MIG_PRI_##reg)
#define STATE(name)	VFIO_DEVICE_STATE_##name
#define MEM_SIZE	(4 * MTTY_MIG_PAGE_SIZE)

FIXTURE(page_request)
{
	struct mtty mtty;
};

FIXTURE_SETUP(page_request)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "vpri", MEM_SIZE);
	mtty_fill(&self->mtty, 1, 1);
}

FIXTURE_TEARDOWN(page_request)
{
	mtty_remove_all();
}

static void raise_requests(struct mtty *mtty, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		mtty_ctrl_out(mtty, PRI(RAISE_LO), 0x1000 * (i + 1));
		mtty_ctrl_out(mtty, PRI(RAISE_HI), 0);
	}
}

static void answer(struct mtty *mtty, unsigned int count)
{
	while (count--)
		mtty_ctrl_out(mtty, PRI(ANSWER), mtty_ctrl_in(mtty, PRI(ID)));
}

TEST_F(page_request, oldest_shows_until_it_is_answered)
{
	struct mtty *mtty = &self->mtty;
	__u32 id;

	EXPECT_EQ(0, mtty_ctrl_in(mtty, PRI(OPEN)));
	EXPECT_EQ(0, mtty_ctrl_in(mtty, PRI(ID)));
	mtty_ctrl_out(mtty, PRI(RAISE_LO), 0x1234567);
	mtty_ctrl_out(mtty, PRI(RAISE_HI), 0x89);
	raise_requests(mtty, 1);

	EXPECT_EQ(2, mtty_ctrl_in(mtty, PRI(OPEN)));
	id = mtty_ctrl_in(mtty, PRI(ID));
	EXPECT_NE(0, id);
	EXPECT_EQ(0x1234000, mtty_ctrl_in(mtty, PRI(IOVA_LO)));
	EXPECT_EQ(0x89, mtty_ctrl_in(mtty, PRI(IOVA_HI)));

	/* An answer to nothing is none */
	mtty_ctrl_out(mtty, PRI(ANSWER), id + 1000);
	mtty_ctrl_out(mtty, PRI(ANSWER), 0);
	EXPECT_EQ(2, mtty_ctrl_in(mtty, PRI(OPEN)));

	mtty_ctrl_out(mtty, PRI(ANSWER), id);
	EXPECT_EQ(1, mtty_ctrl_in(mtty, PRI(OPEN)));
	EXPECT_NE(id, mtty_ctrl_in(mtty, PRI(ID)));
	EXPECT_EQ(0x1000, mtty_ctrl_in(mtty, PRI(IOVA_LO)));
}

TEST_F(page_request, can_be_answered_out_of_order)
{
	struct mtty *mtty = &self->mtty;
	__u32 first;

	raise_requests(mtty, 3);
	first = mtty_ctrl_in(mtty, PRI(ID));
	mtty_ctrl_out(mtty, PRI(ANSWER), first + 1);
	EXPECT_EQ(2, mtty_ctrl_in(mtty, PRI(OPEN)));
	EXPECT_EQ(first, mtty_ctrl_in(mtty, PRI(ID)));
	answer(mtty, 1);
	EXPECT_EQ(0x3000, mtty_ctrl_in(mtty, PRI(IOVA_LO)));
	answer(mtty, 1);
	EXPECT_EQ(0, mtty_ctrl_in(mtty, PRI(OPEN)));
}

TEST_F(page_request, there_is_a_limit)
{
	raise_requests(&self->mtty, MTTY_MIG_PRI_MAX + 3);
	EXPECT_EQ(MTTY_MIG_PRI_MAX, mtty_ctrl_in(&self->mtty, PRI(OPEN)));
	EXPECT_EQ(-ENOSPC, __knob_write(&self->mtty, "page_requests",
					"open 0x1000"));
	answer(&self->mtty, MTTY_MIG_PRI_MAX);
	EXPECT_EQ(0, mtty_ctrl_in(&self->mtty, PRI(OPEN)));
}

TEST_F(page_request, asserts_an_interrupt_while_open)
{
	struct mtty *mtty = &self->mtty;
	int fds[MTTY_MIG_NR_VECTORS];
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		fds[i] = eventfd_new();
	vfio_dev_reset(&mtty->dev);
	vfio_irq_eventfds(&mtty->dev, VFIO_PCI_MSIX_IRQ_INDEX, 0,
			  MTTY_MIG_NR_VECTORS, fds);
	raise_requests(mtty, 2);
	EXPECT_EQ(1, eventfd_take(fds[MTTY_MIG_IRQ_PRI]));
	answer(mtty, 1);
	EXPECT_EQ(1 << MTTY_MIG_IRQ_PRI,
		  mtty_ctrl_in(mtty, MTTY_MIG_REG_IRQ_STATUS));
	answer(mtty, 1);
	EXPECT_EQ(0, mtty_ctrl_in(mtty, MTTY_MIG_REG_IRQ_STATUS));
}

TEST_F(page_request, other_types_have_none)
{
	struct mtty full;

	mtty_new(&full, "full", MEM_SIZE);
	raise_requests(&full, 1);
	EXPECT_EQ(0, mtty_ctrl_in(&full, PRI(OPEN)));
	EXPECT_EQ(-ENOSPC, __knob_write(&full, "page_requests", "open 0x1000"));
	EXPECT_EQ(-EOPNOTSUPP, __mdev_attr_write(&full.mdev,
						 "mtty_mig/pri_drain", "1"));
	EXPECT_EQ(VFIO_PCI_NUM_IRQS, full.dev.info.num_irqs);
}

/* a. and c.: the arc that would stop it fails, at once and without harm */
TEST_F(page_request, blocks_every_path_that_stops_the_device)
{
	static const struct {
		__u32 from;
		__u32 to;
		__u32 reached;
	} paths[] = {
		{ STATE(RUNNING), STATE(STOP), STATE(RUNNING_P2P) },
		{ STATE(RUNNING), STATE(STOP_COPY), STATE(RUNNING_P2P) },
		{ STATE(RUNNING), STATE(RESUMING), STATE(RUNNING_P2P) },
		{ STATE(RUNNING_P2P), STATE(STOP), STATE(RUNNING_P2P) },
		{ STATE(RUNNING_P2P), STATE(STOP_COPY), STATE(RUNNING_P2P) },
		{ STATE(RUNNING_P2P), STATE(RESUMING), STATE(RUNNING_P2P) },
		{ STATE(PRE_COPY), STATE(STOP_COPY), STATE(PRE_COPY_P2P) },
		{ STATE(PRE_COPY), STATE(STOP), STATE(RUNNING_P2P) },
		{ STATE(PRE_COPY), STATE(RESUMING), STATE(RUNNING_P2P) },
		{ STATE(PRE_COPY_P2P), STATE(STOP_COPY), STATE(PRE_COPY_P2P) },
		{ STATE(PRE_COPY_P2P), STATE(STOP), STATE(RUNNING_P2P) },
	};
	struct vfio_dev *dev = &self->mtty.dev;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(paths); i++) {
		int fd = -1;

		vfio_dev_reset(dev);
		raise_requests(&self->mtty, 2);
		vfio_mig_set(dev, paths[i].from);
		EXPECT_EQ(-EBUSY, __vfio_mig_set(dev, paths[i].to, &fd))
			TH_LOG("%s to %s", mig_state_name(paths[i].from),
			       mig_state_name(paths[i].to));
		EXPECT_EQ(-1, fd);
		EXPECT_EQ(paths[i].reached, vfio_mig_get(dev));
		/* Its registers work: d. the answers let it through */
		answer(&self->mtty, 1);
		EXPECT_EQ(-EBUSY, __vfio_mig_set(dev, paths[i].to, &fd));
		answer(&self->mtty, 1);
		EXPECT_EQ(0, __vfio_mig_set(dev, paths[i].to, &fd));
		EXPECT_EQ(paths[i].to, vfio_mig_get(dev));
		if (fd >= 0)
			close(fd);
	}
}

/* b. */
TEST_F(page_request, states_that_run_can_be_entered_and_left)
{
	static const __u32 walk[] = {
		STATE(RUNNING_P2P), STATE(RUNNING), STATE(PRE_COPY),
		STATE(PRE_COPY_P2P), STATE(PRE_COPY), STATE(RUNNING),
		STATE(PRE_COPY_P2P), STATE(RUNNING_P2P), STATE(RUNNING),
	};
	unsigned int i;

	raise_requests(&self->mtty, 1);
	for (i = 0; i < ARRAY_LEN(walk); i++) {
		int fd = -1;

		EXPECT_EQ(0, __vfio_mig_set(&self->mtty.dev, walk[i], &fd));
		if (fd >= 0)
			close(fd);
	}
	EXPECT_EQ(1, mtty_ctrl_in(&self->mtty, PRI(OPEN)));
}

/* c. */
TEST_F(page_request, pre_copy_fd_stays_usable)
{
	struct vfio_dev *dev = &self->mtty.dev;
	struct mig_stream stream = {};
	struct mtty to;
	__u64 digest;
	int fd, other = -1;

	fd = vfio_mig_set(dev, STATE(PRE_COPY));
	raise_requests(&self->mtty, 1);
	EXPECT_EQ(-EBUSY, __vfio_mig_set(dev, STATE(STOP_COPY), &other));
	mig_stream_read(&stream, fd, MIG_CHUNK, -ENOMSG);
	answer(&self->mtty, 1);
	EXPECT_EQ(0, __vfio_mig_set(dev, STATE(STOP_COPY), &other));
	EXPECT_EQ(-1, other);
	mig_stream_read(&stream, fd, MIG_CHUNK, 0);
	digest = mtty_digest(&self->mtty);

	mtty_new(&to, "vpri", MEM_SIZE);
	mig_load(&to.dev, &stream, MIG_CHUNK, STATE(STOP));
	EXPECT_EQ(digest, mtty_digest(&to));
	mig_stream_free(&stream);
}

/* e. */
TEST_F(page_request, reset_drops_them)
{
	int fd;

	raise_requests(&self->mtty, 3);
	vfio_mig_set(&self->mtty.dev, STATE(PRE_COPY_P2P));
	vfio_dev_reset(&self->mtty.dev);
	EXPECT_EQ(STATE(RUNNING), vfio_mig_get(&self->mtty.dev));
	EXPECT_EQ(0, mtty_ctrl_in(&self->mtty, PRI(OPEN)));
	EXPECT_EQ(0, __vfio_mig_set(&self->mtty.dev, STATE(STOP), &fd));
}

/* f., an experiment beyond the uAPI */
TEST_F(page_request, drain_holds_new_ones_back_and_tells_when_it_is_done)
{
	struct vfio_dev *dev = &self->mtty.dev;
	int fd = eventfd_new();
	int data_fd;

	mdev_attr_write(&self->mtty.mdev, "mtty_mig/pri_drain", "1");
	vfio_irq_eventfds(dev, MTTY_MIG_DRAINED_IRQ_INDEX, 0, 1, &fd);
	raise_requests(&self->mtty, 2);
	EXPECT_EQ(-EBUSY, __vfio_mig_set(dev, STATE(STOP), &data_fd));
	raise_requests(&self->mtty, 3);
	EXPECT_EQ(2, mtty_ctrl_in(&self->mtty, PRI(OPEN)));
	EXPECT_EQ(3, mtty_ctrl_in(&self->mtty, PRI(QUEUED)));
	answer(&self->mtty, 1);
	EXPECT_EQ(0, eventfd_take(fd));
	answer(&self->mtty, 1);
	EXPECT_EQ(1, eventfd_take(fd));
	/* Once: an answer to nothing ends nothing */
	mtty_ctrl_out(&self->mtty, PRI(ANSWER), 1);
	EXPECT_EQ(0, eventfd_take(fd));
	EXPECT_EQ(0, __vfio_mig_set(dev, STATE(STOP), &data_fd));
	EXPECT_EQ(3, mtty_ctrl_in(&self->mtty, PRI(QUEUED)));
}

TEST_F(page_request, drain_is_not_begun_without_the_attribute)
{
	int done = eventfd_new();
	int fd;

	vfio_irq_eventfds(&self->mtty.dev, MTTY_MIG_DRAINED_IRQ_INDEX, 0, 1,
			  &done);
	raise_requests(&self->mtty, 1);
	EXPECT_EQ(-EBUSY, __vfio_mig_set(&self->mtty.dev, STATE(STOP), &fd));
	raise_requests(&self->mtty, 1);
	EXPECT_EQ(2, mtty_ctrl_in(&self->mtty, PRI(OPEN)));
	/* What has not begun does not end */
	answer(&self->mtty, 2);
	EXPECT_EQ(0, mtty_ctrl_in(&self->mtty, PRI(OPEN)));
	EXPECT_EQ(0, eventfd_take(done));
}

TEST_F(page_request, drain_is_given_up_by_going_back_to_RUNNING)
{
	struct vfio_dev *dev = &self->mtty.dev;
	int fd;

	mdev_attr_write(&self->mtty.mdev, "mtty_mig/pri_drain", "1");
	raise_requests(&self->mtty, 1);
	EXPECT_EQ(-EBUSY, __vfio_mig_set(dev, STATE(STOP), &fd));
	raise_requests(&self->mtty, 1);
	EXPECT_EQ(1, mtty_ctrl_in(&self->mtty, PRI(QUEUED)));
	vfio_mig_set(dev, STATE(RUNNING));
	EXPECT_EQ(0, mtty_ctrl_in(&self->mtty, PRI(QUEUED)));
	EXPECT_EQ(2, mtty_ctrl_in(&self->mtty, PRI(OPEN)));
	raise_requests(&self->mtty, 1);
	EXPECT_EQ(3, mtty_ctrl_in(&self->mtty, PRI(OPEN)));
}

TEST_F(page_request, held_back_ones_are_opened_at_the_destination)
{
	struct vfio_dev *dev = &self->mtty.dev;
	struct mig_stream stream = {};
	struct mtty to;
	__u64 digest;
	int fd;

	mdev_attr_write(&self->mtty.mdev, "mtty_mig/pri_drain", "1");
	raise_requests(&self->mtty, 1);
	EXPECT_EQ(-EBUSY, __vfio_mig_set(dev, STATE(STOP), &fd));
	raise_requests(&self->mtty, 2);
	answer(&self->mtty, 1);
	mig_save(dev, &stream, MIG_CHUNK);
	digest = mtty_digest(&self->mtty);

	mtty_new(&to, "vpri", MEM_SIZE);
	mig_load(&to.dev, &stream, MIG_CHUNK, STATE(STOP));
	EXPECT_EQ(digest, mtty_digest(&to));
	EXPECT_EQ(2, mtty_ctrl_in(&to, PRI(QUEUED)));
	vfio_mig_set(&to.dev, STATE(RUNNING));
	EXPECT_EQ(2, mtty_ctrl_in(&to, PRI(OPEN)));
	EXPECT_EQ(0x1000, mtty_ctrl_in(&to, PRI(IOVA_LO)));
	answer(&to, 1);
	EXPECT_EQ(0x2000, mtty_ctrl_in(&to, PRI(IOVA_LO)));
	mig_stream_free(&stream);
}

/* In RUNNING_P2P the device asks already, and those before it are not open yet */
TEST_F(page_request, none_overtakes_those_that_are_held_back)
{
	struct vfio_dev *dev = &self->mtty.dev;
	struct mig_stream stream = {};
	struct mtty to;
	int fd;

	mdev_attr_write(&self->mtty.mdev, "mtty_mig/pri_drain", "1");
	raise_requests(&self->mtty, 1);
	EXPECT_EQ(-EBUSY, __vfio_mig_set(dev, STATE(STOP), &fd));
	raise_requests(&self->mtty, 2);
	answer(&self->mtty, 1);
	mig_save(dev, &stream, MIG_CHUNK);

	mtty_new(&to, "vpri", MEM_SIZE);
	mig_load(&to.dev, &stream, MIG_CHUNK, STATE(RUNNING_P2P));
	mtty_ctrl_out(&to, PRI(RAISE_LO), 0x9000);
	mtty_ctrl_out(&to, PRI(RAISE_HI), 0);
	EXPECT_EQ(0, mtty_ctrl_in(&to, PRI(OPEN)));
	EXPECT_EQ(3, mtty_ctrl_in(&to, PRI(QUEUED)));
	vfio_mig_set(&to.dev, STATE(RUNNING));
	EXPECT_EQ(3, mtty_ctrl_in(&to, PRI(OPEN)));
	answer(&to, 2);
	EXPECT_EQ(0x9000, mtty_ctrl_in(&to, PRI(IOVA_LO)));
	mig_stream_free(&stream);
}

TEST_F(page_request, knob_opens_answers_and_lists)
{
	char text[128];

	knob_write(&self->mtty, "page_requests", "open 0x5000");
	knob_read(&self->mtty, "page_requests", text, sizeof(text));
	EXPECT_STREQ("1 0x5000 open", text);
	EXPECT_EQ(-ENOENT, __knob_write(&self->mtty, "page_requests",
					"answer 7"));
	EXPECT_EQ(-EINVAL, __knob_write(&self->mtty, "page_requests",
					"close 1"));
	EXPECT_EQ(-EINVAL, __knob_write(&self->mtty, "page_requests", "open"));
	EXPECT_EQ(1, mtty_ctrl_in(&self->mtty, PRI(OPEN)));
	knob_write(&self->mtty, "page_requests", "answer 1");
	EXPECT_EQ(0, mtty_ctrl_in(&self->mtty, PRI(OPEN)));
	vfio_mig_set(&self->mtty.dev, STATE(STOP));
	EXPECT_EQ(-EBUSY, __knob_write(&self->mtty, "page_requests",
				       "open 0x5000"));
}

static bool intx_asserted(struct mtty *mtty)
{
	return vfio_region_read16(&mtty->dev, VFIO_PCI_CONFIG_REGION_INDEX,
				  PCI_STATUS) & PCI_STATUS_INTERRUPT;
}

/* Nobody accesses a register meanwhile, which would signal what is due, too */
TEST_F(page_request, knob_asserts_the_interrupt_and_deasserts_it)
{
	struct mtty *mtty = &self->mtty;
	int fd = eventfd_new();

	/* Without the interrupts of the ports */
	vfio_dev_reset(&mtty->dev);
	vfio_irq_eventfds(&mtty->dev, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &fd);
	knob_write(mtty, "page_requests", "open 0x5000");
	EXPECT_EQ(1, eventfd_take(fd));
	EXPECT_TRUE(intx_asserted(mtty));
	knob_write(mtty, "page_requests", "answer 1");
	EXPECT_FALSE(intx_asserted(mtty));
}

TEST_F(page_request, each_one_of_the_knob_is_an_edge)
{
	struct mtty *mtty = &self->mtty;
	int fd = eventfd_new();

	vfio_irq_eventfds(&mtty->dev, VFIO_PCI_MSIX_IRQ_INDEX,
			  MTTY_MIG_IRQ_PRI, 1, &fd);
	knob_write(mtty, "page_requests", "open 0x5000");
	EXPECT_EQ(1, eventfd_take(fd));
	knob_write(mtty, "page_requests", "answer 1");
	knob_write(mtty, "page_requests", "open 0x6000");
	EXPECT_EQ(1, eventfd_take(fd));
}

/* An answer ends a drain, however it comes */
TEST_F(page_request, knob_ends_a_drain)
{
	struct vfio_dev *dev = &self->mtty.dev;
	int done = eventfd_new();
	int fd;

	mdev_attr_write(&self->mtty.mdev, "mtty_mig/pri_drain", "1");
	vfio_irq_eventfds(dev, MTTY_MIG_DRAINED_IRQ_INDEX, 0, 1, &done);
	raise_requests(&self->mtty, 1);
	EXPECT_EQ(-EBUSY, __vfio_mig_set(dev, STATE(STOP), &fd));
	knob_write(&self->mtty, "page_requests", "open 0x5000");
	EXPECT_EQ(1, mtty_ctrl_in(&self->mtty, PRI(QUEUED)));
	EXPECT_EQ(0, eventfd_take(done));
	knob_write(&self->mtty, "page_requests", "answer 1");
	EXPECT_EQ(1, eventfd_take(done));
	EXPECT_EQ(0, __vfio_mig_set(dev, STATE(STOP), &fd));
}

TEST_F(page_request, knob_lists_what_is_held_back)
{
	char text[256];
	int fd;

	mdev_attr_write(&self->mtty.mdev, "mtty_mig/pri_drain", "1");
	raise_requests(&self->mtty, 1);
	EXPECT_EQ(-EBUSY, __vfio_mig_set(&self->mtty.dev, STATE(STOP), &fd));
	raise_requests(&self->mtty, 2);
	knob_read(&self->mtty, "page_requests", text, sizeof(text));
	EXPECT_STREQ("1 0x1000 open\n2 0x1000 queued\n3 0x2000 queued", text);
}

TEST_HARNESS_MAIN
