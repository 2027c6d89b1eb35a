// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arguments of ioctls, which need not be what they should: memory that is
 * not there or must not be written, a size that is too small.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/guarded.h"
#include "lib/mtty.h"

/**
 * struct arg_call - an ioctl
 * @name: its name
 * @request: its number
 * @size: of the part of its argument that must be there
 * @answers: the kernel writes to it
 * @on_data_fd: it is one of the data fd in pre-copy
 */
static const struct arg_call {
	const char *name;
	unsigned long request;
	size_t size;
	bool answers;
	bool on_data_fd;
} calls[] = {
	{ "GET_INFO", VFIO_DEVICE_GET_INFO,
	  offsetof(struct vfio_device_info, cap_offset), true, false },
	{ "GET_REGION_INFO", VFIO_DEVICE_GET_REGION_INFO,
	  sizeof(struct vfio_region_info), true, false },
	{ "GET_IRQ_INFO", VFIO_DEVICE_GET_IRQ_INFO,
	  sizeof(struct vfio_irq_info), true, false },
	{ "SET_IRQS", VFIO_DEVICE_SET_IRQS,
	  sizeof(struct vfio_irq_set), false, false },
	{ "GET_PRECOPY_INFO", VFIO_MIG_GET_PRECOPY_INFO,
	  sizeof(struct vfio_precopy_info), true, true },
};

FIXTURE(argument)
{
	struct mtty mtty;
	__u8 *end;	/* of memory: what is there cannot be touched */
	int data_fd;
};

FIXTURE_SETUP(argument)
{
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "full", 0);
	self->end = guarded_end();
	self->data_fd = vfio_mig_set(&self->mtty.dev,
				     VFIO_DEVICE_STATE_PRE_COPY);
}

FIXTURE_TEARDOWN(argument)
{
	mtty_remove_all();
}

static int call(struct mtty *mtty, int data_fd, const struct arg_call *what,
		void *arg)
{
	int fd = what->on_data_fd ? data_fd : mtty->dev.fd;

	return ioctl(fd, what->request, arg) ? -errno : 0;
}

/*
 * An argument that ends where the page does: nothing behind the part that must
 * be there is touched. All of them begin with argsz. Zero is an index that
 * there is, and for SET_IRQS it is missing only what it shall do.
 */
static void *place(__u8 *page_end, const struct arg_call *what, __u32 argsz)
{
	struct vfio_irq_set *set = (void *)(page_end - what->size);

	memset(set, 0, what->size);
	set->argsz = argsz;
	if (what->request == VFIO_DEVICE_SET_IRQS)
		set->flags = VFIO_IRQ_SET_DATA_NONE |
			     VFIO_IRQ_SET_ACTION_TRIGGER;
	return set;
}

TEST_F(argument, is_taken_if_it_just_fits)
{
	__u8 *end = self->end;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		const struct arg_call *what = &calls[i];

		EXPECT_EQ(0, call(&self->mtty, self->data_fd, what,
				  place(end, what, what->size)))
			TH_LOG("%s", what->name);
	}
}

/* argsz and the index, where there is one, are the user's; all else is answered */
static void check_answer(struct __test_metadata *_metadata, struct vfio_dev *dev,
			 const struct arg_call *what, bool indexed, __u32 index)
{
	union {
		struct vfio_irq_info irq;	/* region_info begins like it */
		__u8 bytes[64];
	} clean = {}, dirty;

	memset(&dirty, 0xff, sizeof(dirty));
	clean.irq.argsz = what->size;
	dirty.irq.argsz = what->size;
	if (indexed) {
		clean.irq.index = index;
		dirty.irq.index = index;
	}
	ASSERT_EQ(0, do_ioctl(dev->fd, what->request, &clean));
	ASSERT_EQ(0, do_ioctl(dev->fd, what->request, &dirty));
	EXPECT_EQ(0, memcmp(&clean, &dirty, what->size))
		TH_LOG("%s of %u", what->name, index);
}

/* A VMM that has not cleared it gets the same answer */
TEST_F(argument, is_answered_whatever_was_in_it)
{
	const struct vfio_device_info *info = &self->mtty.dev.info;
	struct vfio_dev *dev = &self->mtty.dev;
	__u32 i;

	check_answer(_metadata, dev, &calls[0], false, 0);
	for (i = 0; i < info->num_regions; i++)
		check_answer(_metadata, dev, &calls[1], true, i);
	for (i = 0; i < info->num_irqs; i++)
		check_answer(_metadata, dev, &calls[2], true, i);
}

TEST_F(argument, is_refused_if_it_is_too_small)
{
	__u8 *end = self->end;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		const struct arg_call *what = &calls[i];

		EXPECT_EQ(-EINVAL, call(&self->mtty, self->data_fd, what,
					place(end, what, what->size - 1)))
			TH_LOG("%s", what->name);
		EXPECT_EQ(-EINVAL, call(&self->mtty, self->data_fd, what,
					place(end, what, 0)))
			TH_LOG("%s", what->name);
	}
}

TEST_F(argument, that_is_not_there_is_EFAULT)
{
	__u8 *end = self->end;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		const struct arg_call *what = &calls[i];

		/* Its last byte, all of it, and nothing at all */
		EXPECT_EQ(-EFAULT, call(&self->mtty, self->data_fd, what,
					(__u8 *)place(end, what, what->size) +
					1))
			TH_LOG("%s", what->name);
		EXPECT_EQ(-EFAULT, call(&self->mtty, self->data_fd, what, end))
			TH_LOG("%s", what->name);
		EXPECT_EQ(-EFAULT, call(&self->mtty, self->data_fd, what,
					NULL))
			TH_LOG("%s", what->name);
	}
}

TEST_F(argument, that_cannot_be_written_is_EFAULT)
{
	__u8 *end = self->end;
	unsigned int i;
	void *arg;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		const struct arg_call *what = &calls[i];

		arg = place(end, what, what->size);
		guarded_protect(arg, PROT_READ);
		EXPECT_EQ(what->answers ? -EFAULT : 0,
			  call(&self->mtty, self->data_fd, what, arg))
			TH_LOG("%s", what->name);
		guarded_protect(arg, PROT_READ | PROT_WRITE);
	}
}

/* The eventfds that were there are still there afterwards */
TEST_F(argument, whose_data_is_not_there_is_EFAULT_and_changes_nothing)
{
	static const __u32 indexes[] = {
		VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
		VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX,
	};
	struct vfio_irq_set *set;
	int fd = eventfd_new();
	unsigned int i;

	set = (void *)(self->end - sizeof(*set));
	for (i = 0; i < ARRAY_LEN(indexes); i++) {
		vfio_irq_eventfds(&self->mtty.dev, indexes[i], 0, 1, &fd);
		*set = (struct vfio_irq_set) {
			.argsz = sizeof(*set) + sizeof(__s32),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = indexes[i],
			.count = 1,
		};
		EXPECT_EQ(-1, ioctl(self->mtty.dev.fd, VFIO_DEVICE_SET_IRQS,
				    set));
		EXPECT_EQ(EFAULT, errno)
			TH_LOG("index %u", indexes[i]);
		vfio_irq_action(&self->mtty.dev, indexes[i],
				VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1);
		EXPECT_EQ(1, eventfd_take(fd))
			TH_LOG("index %u", indexes[i]);
	}
}

TEST_HARNESS_MAIN
