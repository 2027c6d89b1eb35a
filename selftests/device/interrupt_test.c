// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts: their masks, what is pending, and both across a migration.
 *
 * Port 0 is the source: a character in its FIFO asserts it, taking the
 * character out deasserts it.
 */
#include <poll.h>
#include <string.h>
#include <linux/pci_regs.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "lib/mtty.h"
#include "../lib/worker.h"

#define INTX	VFIO_PCI_INTX_IRQ_INDEX
#define MSI	VFIO_PCI_MSI_IRQ_INDEX
#define MSIX	VFIO_PCI_MSIX_IRQ_INDEX
#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX
#define MASK	VFIO_IRQ_SET_ACTION_MASK
#define UNMASK	VFIO_IRQ_SET_ACTION_UNMASK
#define TRIGGER	VFIO_IRQ_SET_ACTION_TRIGGER
#define NONE	VFIO_IRQ_SET_DATA_NONE
#define BOOL	VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD	VFIO_IRQ_SET_DATA_EVENTFD
#define VECTOR	MTTY_MIG_IRQ_UART0

/* Only ends a test that would wait for ever */
#define GUARD_MS	20000

FIXTURE(interrupt)
{
	struct mtty mtty;
	struct mtty to;
	int fds[MTTY_MIG_NR_VECTORS];
};

FIXTURE_SETUP(interrupt)
{
	unsigned int i;

	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	mtty_new(&self->mtty, "full", 0);
	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		self->fds[i] = eventfd_new();
	mtty_uart_out(&self->mtty, 0, UART_FCR, UART_FCR_ENABLE_FIFO);
	mtty_uart_out(&self->mtty, 0, UART_MCR, UART_MCR_LOOP);
	mtty_uart_out(&self->mtty, 0, UART_IER, UART_IER_RDI);
}

FIXTURE_TEARDOWN(interrupt)
{
	mtty_remove_all();
}

static void assert_source(struct mtty *mtty)
{
	mtty_uart_out(mtty, 0, UART_TX, 'x');
}

static void deassert_source(struct mtty *mtty)
{
	mtty_uart_in(mtty, 0, UART_RX);
}

static void set_up(struct mtty *mtty, __u32 index, const int *fds)
{
	vfio_irq_eventfds(&mtty->dev, index, 0,
			  index == INTX ? 1 : MTTY_MIG_NR_VECTORS, fds);
}

/* To another device, which runs then, with its interrupts set up or not */
static void migrate(struct mtty *from, struct mtty *to, __u32 index,
		    const int *fds)
{
	struct mig_stream stream = {};

	mig_save(&from->dev, &stream, MIG_CHUNK);
	mtty_new(to, "full", 0);
	if (fds)
		set_up(to, index, fds);
	mig_load(&to->dev, &stream, MIG_CHUNK, VFIO_DEVICE_STATE_RUNNING);
	mig_stream_free(&stream);
}

static int msi_cap(struct mtty *mtty, __u8 id)
{
	__u8 at = vfio_region_read8(&mtty->dev, CONFIG, PCI_CAPABILITY_LIST);

	while (at && vfio_region_read8(&mtty->dev, CONFIG, at) != id)
		at = vfio_region_read8(&mtty->dev, CONFIG, at + 1);
	if (!at)
		die("no capability %#x", id);
	return at;
}

TEST_F(interrupt, intx_is_masked_when_it_fires_and_fires_again_if_asserted)
{
	struct vfio_dev *dev = &self->mtty.dev;

	set_up(&self->mtty, INTX, self->fds);
	assert_source(&self->mtty);
	EXPECT_EQ(1, eventfd_take(self->fds[0]));
	deassert_source(&self->mtty);
	assert_source(&self->mtty);
	EXPECT_EQ(0, eventfd_take(self->fds[0]));
	vfio_irq_action(dev, INTX, UNMASK, 0, 1);
	EXPECT_EQ(1, eventfd_take(self->fds[0]));
	deassert_source(&self->mtty);
	vfio_irq_action(dev, INTX, UNMASK, 0, 1);
	EXPECT_EQ(0, eventfd_take(self->fds[0]));
	vfio_irq_action(dev, INTX, MASK, 0, 1);
	assert_source(&self->mtty);
	EXPECT_EQ(0, eventfd_take(self->fds[0]));
}

TEST_F(interrupt, intx_obeys_the_command_register_and_the_status_tells)
{
	struct vfio_dev *dev = &self->mtty.dev;

	set_up(&self->mtty, INTX, self->fds);
	vfio_region_write16(dev, CONFIG, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE);
	EXPECT_EQ(0, vfio_region_read16(dev, CONFIG, PCI_STATUS) &
		  PCI_STATUS_INTERRUPT);
	assert_source(&self->mtty);
	EXPECT_EQ(0, eventfd_take(self->fds[0]));
	EXPECT_EQ(PCI_STATUS_INTERRUPT,
		  vfio_region_read16(dev, CONFIG, PCI_STATUS) &
		  PCI_STATUS_INTERRUPT);
	vfio_region_write16(dev, CONFIG, PCI_COMMAND, 0);
	EXPECT_EQ(1, eventfd_take(self->fds[0]));
}

/* A vector that is masked remembers its edge: it fires once, when unmasked */
static void check_mask(struct __test_metadata *_metadata, struct mtty *mtty,
		       __u32 index, const int *fds)
{
	set_up(mtty, index, fds);
	vfio_irq_action(&mtty->dev, index, MASK, VECTOR, 1);
	assert_source(mtty);
	deassert_source(mtty);
	assert_source(mtty);
	EXPECT_EQ(0, eventfd_take(fds[VECTOR]));
	EXPECT_EQ(1 << VECTOR, mtty_ctrl_in(mtty, MTTY_MIG_MSIX_PBA));
	/* That of another vector is of no use */
	vfio_irq_action(&mtty->dev, index, UNMASK, VECTOR + 1, 1);
	EXPECT_EQ(0, eventfd_take(fds[VECTOR]));
	vfio_irq_action(&mtty->dev, index, UNMASK, VECTOR, 1);
	EXPECT_EQ(1, eventfd_take(fds[VECTOR]));
	EXPECT_EQ(0, mtty_ctrl_in(mtty, MTTY_MIG_MSIX_PBA));
}

TEST_F(interrupt, MSI_can_be_masked_through_VFIO)
{
	int cap = msi_cap(&self->mtty, PCI_CAP_ID_MSI);

	check_mask(_metadata, &self->mtty, MSI, self->fds);
	/* It is the guest's mask, seen from the other side */
	vfio_irq_action(&self->mtty.dev, MSI, MASK, VECTOR, 1);
	EXPECT_EQ(1 << VECTOR,
		  vfio_region_read32(&self->mtty.dev, CONFIG,
				     cap + PCI_MSI_MASK_64));
}

TEST_F(interrupt, MSIX_can_be_masked_through_VFIO)
{
	check_mask(_metadata, &self->mtty, MSIX, self->fds);
	vfio_irq_action(&self->mtty.dev, MSIX, MASK, VECTOR, 1);
	EXPECT_EQ(PCI_MSIX_ENTRY_CTRL_MASKBIT,
		  mtty_ctrl_in(&self->mtty, MTTY_MIG_MSIX_TABLE +
			       PCI_MSIX_ENTRY_SIZE * VECTOR +
			       PCI_MSIX_ENTRY_VECTOR_CTRL));
}

TEST_F(interrupt, MSI_can_be_masked_by_the_guest)
{
	int cap = msi_cap(&self->mtty, PCI_CAP_ID_MSI);
	struct vfio_dev *dev = &self->mtty.dev;

	set_up(&self->mtty, MSI, self->fds);
	vfio_region_write32(dev, CONFIG, cap + PCI_MSI_MASK_64, 1 << VECTOR);
	assert_source(&self->mtty);
	EXPECT_EQ(0, eventfd_take(self->fds[VECTOR]));
	EXPECT_EQ(1 << VECTOR, vfio_region_read32(dev, CONFIG,
						  cap + PCI_MSI_PENDING_64));
	vfio_region_write32(dev, CONFIG, cap + PCI_MSI_MASK_64, 0);
	EXPECT_EQ(1, eventfd_take(self->fds[VECTOR]));
}

TEST_F(interrupt, MSIX_can_be_masked_all_at_once)
{
	int cap = msi_cap(&self->mtty, PCI_CAP_ID_MSIX);
	struct vfio_dev *dev = &self->mtty.dev;

	set_up(&self->mtty, MSIX, self->fds);
	vfio_region_write16(dev, CONFIG, cap + PCI_MSIX_FLAGS,
			    PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	assert_source(&self->mtty);
	EXPECT_EQ(0, eventfd_take(self->fds[VECTOR]));
	vfio_region_write16(dev, CONFIG, cap + PCI_MSIX_FLAGS,
			    PCI_MSIX_FLAGS_ENABLE);
	EXPECT_EQ(1, eventfd_take(self->fds[VECTOR]));
}

/* uAPI: a device in STOP must not generate interrupts */
TEST_F(interrupt, none_in_STOP_and_not_lost_after_it)
{
	struct vfio_dev *dev = &self->mtty.dev;

	assert_source(&self->mtty);
	vfio_mig_set(dev, VFIO_DEVICE_STATE_STOP);
	/* It can be set up while stopped, and what is asserted waits */
	set_up(&self->mtty, INTX, self->fds);
	vfio_irq_action(dev, INTX, MASK, 0, 1);
	vfio_irq_action(dev, INTX, UNMASK, 0, 1);
	EXPECT_EQ(0, eventfd_take(self->fds[0]));
	vfio_mig_set(dev, VFIO_DEVICE_STATE_RUNNING);
	EXPECT_EQ(1, eventfd_take(self->fds[0]));
}

/* uAPI, on STOP: for example PCI MSI-X and PCI config space must answer */
TEST_F(interrupt, config_space_is_there_in_STOP)
{
	static const __u32 states[] = {
		VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_STOP_COPY,
		VFIO_DEVICE_STATE_RESUMING,
	};
	struct vfio_dev *dev = &self->mtty.dev;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(states); i++) {
		vfio_mig_set(dev, states[i]);
		EXPECT_EQ(MTTY_MIG_PCI_VENDOR,
			  vfio_region_read16(dev, CONFIG, PCI_VENDOR_ID));
		vfio_region_write8(dev, CONFIG, PCI_INTERRUPT_LINE, 10 + i);
		EXPECT_EQ(10 + i, vfio_region_read8(dev, CONFIG,
						    PCI_INTERRUPT_LINE));
	}
}

TEST_F(interrupt, intx_that_is_asserted_fires_at_the_destination)
{
	int fd = eventfd_new();

	set_up(&self->mtty, INTX, self->fds);
	assert_source(&self->mtty);
	/* VFIO has masked it here; nobody would unmask it there */
	EXPECT_EQ(1, eventfd_take(self->fds[0]));
	migrate(&self->mtty, &self->to, INTX, &fd);
	EXPECT_EQ(1, eventfd_take(fd));
}

TEST_F(interrupt, edge_that_was_told_is_not_told_again_at_the_destination)
{
	int fds[MTTY_MIG_NR_VECTORS];
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		fds[i] = eventfd_new();
	set_up(&self->mtty, MSIX, self->fds);
	assert_source(&self->mtty);
	EXPECT_EQ(1, eventfd_take(self->fds[VECTOR]));
	migrate(&self->mtty, &self->to, MSIX, fds);
	EXPECT_EQ(0, eventfd_take(fds[VECTOR]));
	deassert_source(&self->to);
	assert_source(&self->to);
	EXPECT_EQ(1, eventfd_take(fds[VECTOR]));
}

static void check_pending_migrates(struct __test_metadata *_metadata,
				   struct mtty *from, struct mtty *to,
				   __u32 index, const int *from_fds)
{
	int fds[MTTY_MIG_NR_VECTORS];
	unsigned int i;

	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++)
		fds[i] = eventfd_new();
	set_up(from, index, from_fds);
	vfio_irq_action(&from->dev, index, MASK, VECTOR, 1);
	assert_source(from);
	deassert_source(from);

	migrate(from, to, index, fds);
	EXPECT_EQ(1 << VECTOR, mtty_ctrl_in(to, MTTY_MIG_MSIX_PBA));
	EXPECT_EQ(0, eventfd_take(fds[VECTOR]));
	vfio_irq_action(&to->dev, index, UNMASK, VECTOR, 1);
	EXPECT_EQ(1, eventfd_take(fds[VECTOR]));
}

TEST_F(interrupt, MSI_mask_and_what_is_pending_migrate)
{
	check_pending_migrates(_metadata, &self->mtty, &self->to, MSI,
			       self->fds);
}

TEST_F(interrupt, MSIX_mask_and_what_is_pending_migrate)
{
	check_pending_migrates(_metadata, &self->mtty, &self->to, MSIX,
			       self->fds);
}

/* As it is after it fired, when nobody is left to unmask it */
TEST_F(interrupt, intx_that_is_masked_fires_after_a_reset)
{
	set_up(&self->mtty, INTX, self->fds);
	vfio_irq_action(&self->mtty.dev, INTX, MASK, 0, 1);
	vfio_dev_reset(&self->mtty.dev);
	mtty_uart_out(&self->mtty, 0, UART_MCR, UART_MCR_LOOP);
	mtty_uart_out(&self->mtty, 0, UART_IER, UART_IER_RDI);
	assert_source(&self->mtty);
	EXPECT_EQ(1, eventfd_take(self->fds[0]));
}

TEST_F(interrupt, masks_and_what_is_pending_do_not_survive_a_reset)
{
	set_up(&self->mtty, MSIX, self->fds);
	vfio_irq_action(&self->mtty.dev, MSIX, MASK, VECTOR, 1);
	assert_source(&self->mtty);
	vfio_dev_reset(&self->mtty.dev);
	EXPECT_EQ(0, mtty_ctrl_in(&self->mtty, MTTY_MIG_MSIX_PBA));
	EXPECT_EQ(0, eventfd_take(self->fds[VECTOR]));
	/* The eventfds do */
	mtty_uart_out(&self->mtty, 0, UART_MCR, UART_MCR_LOOP);
	mtty_uart_out(&self->mtty, 0, UART_IER, UART_IER_RDI);
	assert_source(&self->mtty);
	EXPECT_EQ(1, eventfd_take(self->fds[VECTOR]));
}

/* While another vector has one: an edge waits for its eventfd, and once only */
static void check_no_eventfd(struct __test_metadata *_metadata,
			     struct mtty *mtty, __u32 index, const int *fds)
{
	vfio_irq_eventfds(&mtty->dev, index, VECTOR + 1, 1, &fds[VECTOR + 1]);
	assert_source(mtty);
	deassert_source(mtty);
	assert_source(mtty);
	EXPECT_EQ(1 << VECTOR, mtty_ctrl_in(mtty, MTTY_MIG_MSIX_PBA));
	EXPECT_EQ(0, eventfd_take(fds[VECTOR + 1]));
	vfio_irq_eventfds(&mtty->dev, index, VECTOR, 1, &fds[VECTOR]);
	EXPECT_EQ(1, eventfd_take(fds[VECTOR]));
	EXPECT_EQ(0, mtty_ctrl_in(mtty, MTTY_MIG_MSIX_PBA));
	deassert_source(mtty);
	assert_source(mtty);
	EXPECT_EQ(1, eventfd_take(fds[VECTOR]));
}

TEST_F(interrupt, MSI_vector_without_eventfd_keeps_its_edge)
{
	check_no_eventfd(_metadata, &self->mtty, MSI, self->fds);
}

TEST_F(interrupt, MSIX_vector_without_eventfd_keeps_its_edge)
{
	check_no_eventfd(_metadata, &self->mtty, MSIX, self->fds);
}

/*
 * While no vector has one there is INTx, which is a level: a source that rises
 * then is no edge for the vectors. One that was pending before stays so.
 */
static void check_none_set_up(struct __test_metadata *_metadata,
			      struct mtty *mtty, __u32 index, const int *fds)
{
	assert_source(mtty);
	EXPECT_EQ(0, mtty_ctrl_in(mtty, MTTY_MIG_MSIX_PBA));
	set_up(mtty, index, fds);
	EXPECT_EQ(0, eventfd_take(fds[VECTOR]));

	deassert_source(mtty);
	vfio_irq_action(&mtty->dev, index, MASK, VECTOR, 1);
	assert_source(mtty);
	vfio_irq_disable(&mtty->dev, index);
	EXPECT_EQ(1 << VECTOR, mtty_ctrl_in(mtty, MTTY_MIG_MSIX_PBA));
	vfio_irq_action(&mtty->dev, index, UNMASK, VECTOR, 1);
	EXPECT_EQ(1 << VECTOR, mtty_ctrl_in(mtty, MTTY_MIG_MSIX_PBA));
	set_up(mtty, index, fds);
	EXPECT_EQ(1, eventfd_take(fds[VECTOR]));
	EXPECT_EQ(0, mtty_ctrl_in(mtty, MTTY_MIG_MSIX_PBA));
}

TEST_F(interrupt, MSI_that_is_not_set_up_takes_no_edge)
{
	check_none_set_up(_metadata, &self->mtty, MSI, self->fds);
}

TEST_F(interrupt, MSIX_that_is_not_set_up_takes_no_edge)
{
	check_none_set_up(_metadata, &self->mtty, MSIX, self->fds);
}

/* DATA_BOOL means the vectors whose byte is not 0, and no other */
static void check_bool(struct __test_metadata *_metadata, struct mtty *mtty,
		       __u32 index, const int *fds)
{
	static const __u8 mask[MTTY_MIG_NR_VECTORS] = { [VECTOR] = 1 };
	static const __u8 others[MTTY_MIG_NR_VECTORS] = { 1, 1, 1, 1 };
	static const __u8 fire[MTTY_MIG_NR_VECTORS] = { 0, 1, 0, 1 };
	static const int none = -1;
	__u8 unmask[MTTY_MIG_NR_VECTORS];
	unsigned int i;

	set_up(mtty, index, fds);
	ASSERT_EQ(0, __vfio_irq_set(&mtty->dev, index, BOOL | MASK, 0,
				    sizeof(mask), mask, sizeof(mask)));
	assert_source(mtty);
	EXPECT_EQ(0, eventfd_take(fds[VECTOR]));
	memcpy(unmask, others, sizeof(unmask));
	unmask[VECTOR] = 0;
	ASSERT_EQ(0, __vfio_irq_set(&mtty->dev, index, BOOL | UNMASK, 0,
				    sizeof(unmask), unmask, sizeof(unmask)));
	EXPECT_EQ(0, eventfd_take(fds[VECTOR]));
	ASSERT_EQ(0, __vfio_irq_set(&mtty->dev, index, BOOL | UNMASK, 0,
				    sizeof(mask), mask, sizeof(mask)));
	EXPECT_EQ(1, eventfd_take(fds[VECTOR]));

	/* The user fires; one of those meant has no eventfd any more */
	vfio_irq_eventfds(&mtty->dev, index, 3, 1, &none);
	ASSERT_EQ(0, __vfio_irq_set(&mtty->dev, index, BOOL | TRIGGER, 0,
				    sizeof(fire), fire, sizeof(fire)));
	for (i = 0; i < MTTY_MIG_NR_VECTORS; i++) {
		EXPECT_EQ(i == 1, eventfd_take(fds[i]))
			TH_LOG("vector %u", i);
	}
}

TEST_F(interrupt, MSI_vectors_are_chosen_by_BOOL)
{
	check_bool(_metadata, &self->mtty, MSI, self->fds);
}

TEST_F(interrupt, MSIX_vectors_are_chosen_by_BOOL)
{
	check_bool(_metadata, &self->mtty, MSIX, self->fds);
}

/* What is refused changes nothing: the eventfd is there, nothing is masked */
TEST_F(interrupt, senseless_SET_IRQS_is_refused)
{
	static const __s32 below = -2, closed = 999;
	static const struct {
		__u32 index;
		__u32 flags;
		__u32 start;
		__u32 count;
		const __s32 *fd;
		int error;
		const char *what;
	} sets[] = {
		{ INTX, NONE, 0, 1, NULL, -EINVAL, "no action" },
		{ INTX, NONE | MASK | UNMASK, 0, 1, NULL, -EINVAL,
		  "two actions" },
		{ INTX, NONE | MASK | TRIGGER, 0, 1, NULL, -EINVAL,
		  "two actions" },
		{ INTX, TRIGGER, 0, 1, NULL, -EINVAL, "no data" },
		{ INTX, EVENTFD | TRIGGER, 0, 0, NULL, -EINVAL,
		  "eventfds of no vector" },
		{ INTX, BOOL | TRIGGER, 0, 0, NULL, -EINVAL,
		  "choice of no vector" },
		{ MSI, NONE | TRIGGER, 1, 0, NULL, -EINVAL,
		  "no vector, but from the second on" },
		{ INTX, EVENTFD | TRIGGER, 0, 1, &below, -EINVAL,
		  "descriptor below -1" },
		{ INTX, EVENTFD | TRIGGER, 0, 1, &closed, -EBADF,
		  "descriptor that is not open" },
		/* For in-kernel interrupt controllers, which there is not */
		{ INTX, EVENTFD | UNMASK, 0, 1, &closed, -ENOTTY,
		  "unmask by eventfd" },
		{ INTX, EVENTFD | MASK, 0, 1, &closed, -ENOTTY,
		  "mask by eventfd" },
		/* VFIO_IRQ_INFO_MASKABLE is not told of it */
		{ VFIO_PCI_REQ_IRQ_INDEX, NONE | MASK, 0, 1, NULL, -ENOTTY,
		  "mask of what cannot be masked" },
		{ VFIO_PCI_REQ_IRQ_INDEX, NONE | UNMASK, 0, 1, NULL, -ENOTTY,
		  "unmask of what cannot be masked" },
		{ VFIO_PCI_ERR_IRQ_INDEX, NONE | TRIGGER, 0, 1, NULL, -EINVAL,
		  "index without vectors" },
		{ VFIO_PCI_ERR_IRQ_INDEX, NONE | TRIGGER, 0, 0, NULL, -EINVAL,
		  "index without vectors" },
	};
	unsigned int i;

	set_up(&self->mtty, INTX, self->fds);
	for (i = 0; i < ARRAY_LEN(sets); i++) {
		EXPECT_EQ(sets[i].error,
			  __vfio_irq_set(&self->mtty.dev, sets[i].index,
					 sets[i].flags, sets[i].start,
					 sets[i].count, sets[i].fd,
					 sets[i].fd ? sizeof(__s32) : 0))
			TH_LOG("%s", sets[i].what);
		assert_source(&self->mtty);
		EXPECT_EQ(1, eventfd_take(self->fds[0]))
			TH_LOG("after %s", sets[i].what);
		deassert_source(&self->mtty);
		vfio_irq_action(&self->mtty.dev, INTX, UNMASK, 0, 1);
	}
}

/* A call that fails sets up nothing, and takes nothing from what is behind */
static void check_refused_halfway(struct __test_metadata *_metadata,
				  struct mtty *mtty, __u32 index,
				  const int *fds)
{
	const __s32 new[] = { eventfd_new(), -2, eventfd_new() };
	unsigned int i;

	set_up(mtty, index, fds);
	EXPECT_EQ(-EINVAL, __vfio_irq_set(&mtty->dev, index, EVENTFD | TRIGGER,
					  0, ARRAY_LEN(new), new, sizeof(new)));
	vfio_irq_action(&mtty->dev, index, TRIGGER, 0, MTTY_MIG_NR_VECTORS);
	for (i = 0; i < ARRAY_LEN(new); i++)
		if (new[i] >= 0)
			EXPECT_EQ(0, eventfd_take(new[i]))
				TH_LOG("new eventfd of vector %u", i);
	for (i = 1; i < MTTY_MIG_NR_VECTORS; i++)
		EXPECT_EQ(1, eventfd_take(fds[i]))
			TH_LOG("vector %u, which the call did not get to", i);
}

TEST_F(interrupt, MSI_vectors_behind_a_bad_one_keep_their_eventfds)
{
	check_refused_halfway(_metadata, &self->mtty, MSI, self->fds);
}

TEST_F(interrupt, MSIX_vectors_behind_a_bad_one_keep_their_eventfds)
{
	check_refused_halfway(_metadata, &self->mtty, MSIX, self->fds);
}

/* Several indexes are set up: one of them is used, the others are silent */
TEST_F(interrupt, msix_goes_before_msi_and_msi_before_intx)
{
	static const __u32 order[] = { MSIX, MSI, INTX };
	int fds[ARRAY_LEN(order)];
	unsigned int i, j;

	/* One vector that is no source is enough to use an index */
	for (i = 0; i < ARRAY_LEN(order); i++) {
		fds[i] = eventfd_new();
		vfio_irq_eventfds(&self->mtty.dev, order[i], 0, 1, &fds[i]);
	}
	for (i = 0; i < ARRAY_LEN(order); i++) {
		assert_source(&self->mtty);
		for (j = 0; j < ARRAY_LEN(order); j++)
			EXPECT_EQ(i == j, eventfd_take(fds[j]))
				TH_LOG("index %u, index %u being the first",
				       order[j], order[i]);
		deassert_source(&self->mtty);
		vfio_irq_disable(&self->mtty.dev, order[i]);
	}
}

/* And an index is in use no more if that was its last vector */
TEST_F(interrupt, intx_that_is_asserted_fires_when_a_refused_call_ends_MSI)
{
	const __s32 bad[] = { self->fds[2], -2 };

	set_up(&self->mtty, INTX, self->fds);
	vfio_irq_eventfds(&self->mtty.dev, MSI, 0, 1, &self->fds[1]);
	assert_source(&self->mtty);
	EXPECT_EQ(1, eventfd_take(self->fds[1]));
	EXPECT_EQ(0, eventfd_take(self->fds[0]));
	EXPECT_EQ(-EINVAL, __vfio_irq_set(&self->mtty.dev, MSI,
					  EVENTFD | TRIGGER, 0, ARRAY_LEN(bad),
					  bad, sizeof(bad)));
	EXPECT_EQ(1, eventfd_take(self->fds[0]));
}

/* VFIO has masked it, and who was to unmask it may have gone */
TEST_F(interrupt, intx_is_not_masked_with_a_new_eventfd)
{
	set_up(&self->mtty, INTX, self->fds);
	assert_source(&self->mtty);
	EXPECT_EQ(1, eventfd_take(self->fds[0]));
	set_up(&self->mtty, INTX, &self->fds[1]);
	EXPECT_EQ(1, eventfd_take(self->fds[1]));
	EXPECT_EQ(0, eventfd_take(self->fds[0]));
}

static int run_remove(void *arg)
{
	return __mdev_remove(arg);
}

/* Who removes a device waits for its user, who is asked to let go of it */
TEST_F(interrupt, REQ_fires_when_the_device_is_to_be_removed)
{
	struct pollfd pfd = { .fd = self->fds[0], .events = POLLIN };
	struct worker worker;

	vfio_irq_eventfds(&self->mtty.dev, VFIO_PCI_REQ_IRQ_INDEX, 0, 1,
			  self->fds);
	EXPECT_EQ(0, eventfd_take(self->fds[0]));
	worker_start(&worker, run_remove, &self->mtty.mdev);
	EXPECT_EQ(1, poll(&pfd, 1, GUARD_MS));
	EXPECT_LT(0, eventfd_take(self->fds[0]));
	/* And is given all the time that it needs */
	EXPECT_TRUE(worker_sleeps(&worker));
	EXPECT_EQ(MTTY_MIG_ID, mtty_ctrl_in(&self->mtty, MTTY_MIG_REG_ID));
	vfio_dev_close(&self->mtty.dev);
	EXPECT_EQ(0, worker_join(&worker));
}

/* Without an eventfd nobody can be asked, and it waits all the same */
TEST_F(interrupt, without_REQ_removal_waits_unasked)
{
	struct worker worker;

	worker_start(&worker, run_remove, &self->mtty.mdev);
	EXPECT_TRUE(worker_sleeps(&worker));
	EXPECT_EQ(MTTY_MIG_ID, mtty_ctrl_in(&self->mtty, MTTY_MIG_REG_ID));
	vfio_dev_close(&self->mtty.dev);
	EXPECT_EQ(0, worker_join(&worker));
}

TEST_HARNESS_MAIN
