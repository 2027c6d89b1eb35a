// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts: when they are delivered and to whom.
 *
 * Nothing but a system call makes an eventfd, and a test has no such thing.
 * So static stubs give the driver eventfds that count.
 */
#include <kunit/static_stub.h>
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/pci_regs.h>
#include <linux/serial_reg.h>

#include "helpers.h"

struct eventfd_ctx {
	unsigned int signals;
	int users;
};

#define NR_EVENTFDS	8

/* Eventfd n is fd n. Other fds do not exist, or are other files */
static struct eventfd_ctx eventfds[NR_EVENTFDS];

#define CLOSED_FD	100
#define OTHER_FD	101

static void test_signal(struct eventfd_ctx *ctx)
{
	ctx->signals++;
}

static struct eventfd_ctx *test_fdget(int fd)
{
	if (fd == CLOSED_FD)
		return ERR_PTR(-EBADF);
	if (fd == OTHER_FD)
		return ERR_PTR(-EINVAL);
	eventfds[fd].users++;
	return &eventfds[fd];
}

static void test_put(struct eventfd_ctx *ctx)
{
	ctx->users--;
}

/* Registers of a running device, without VFIO */
static int irq_test_init(struct kunit *test)
{
	struct mtty_device *mtty = kunit_kzalloc(test, sizeof(*mtty),
						 GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, mtty);
	mutex_init(&mtty->hw_lock);
	mtty_hw_reset(&mtty->hw, 0);
	mtty->type = mtty_type_get(MTTY_MIG_TYPE_FULL);
	mtty->dma_run = MTTY_RUNNING;
	memset(eventfds, 0, sizeof(eventfds));
	kunit_activate_static_stub(test, mtty_irq_signal, test_signal);
	kunit_activate_static_stub(test, mtty_irq_fdget, test_fdget);
	kunit_activate_static_stub(test, mtty_irq_put, test_put);
	test->priv = mtty;
	return 0;
}

static void irq_test_exit(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;
	unsigned int i;

	if (!mtty)
		return;
	/* Whatever the test did, the release must put all references */
	mtty_irq_release(mtty);
	for (i = 0; i < NR_EVENTFDS; i++)
		KUNIT_EXPECT_EQ_MSG(test, 0, eventfds[i].users, "eventfd %u",
				    i);
}

static void irq_look(struct mtty_device *mtty)
{
	mutex_lock(&mtty->hw_lock);
	mtty_irq_update(mtty);
	mutex_unlock(&mtty->hw_lock);
}

/* Assert or deassert a source, as the guest's accesses to the port do */
static void irq_source(struct mtty_device *mtty, unsigned int port, bool assert)
{
	mutex_lock(&mtty->hw_lock);
	mtty_uart_write(&mtty->hw.uart[port], UART_IER,
			assert ? UART_IER_THRI : 0);
	mtty_irq_update(mtty);
	mutex_unlock(&mtty->hw_lock);
}

static void irq_run(struct mtty_device *mtty, enum mtty_run run)
{
	mutex_lock(&mtty->hw_lock);
	mtty->dma_run = run;
	mtty_irq_update(mtty);
	mutex_unlock(&mtty->hw_lock);
}

static int irq_set(struct mtty_device *mtty, u32 index, u32 flags, u32 start,
		   u32 count, const void *data)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = flags,
		.index = index,
		.start = start,
		.count = count,
	};

	return mtty_irq_set(mtty, &set, data);
}

/* Set eventfds, from the first vector and the first eventfd on */
static void irq_enable(struct kunit *test, u32 index, u32 count)
{
	static const s32 fds[] = { 0, 1, 2, 3 };

	KUNIT_ASSERT_EQ(test, 0,
			irq_set(test->priv, index, VFIO_IRQ_SET_DATA_EVENTFD |
				VFIO_IRQ_SET_ACTION_TRIGGER, 0, count, fds));
}

static void irq_mask_all(struct kunit *test, u32 index, u32 start, bool mask)
{
	u32 action = mask ? VFIO_IRQ_SET_ACTION_MASK :
			    VFIO_IRQ_SET_ACTION_UNMASK;

	KUNIT_ASSERT_EQ(test, 0, irq_set(test->priv, index,
					 VFIO_IRQ_SET_DATA_NONE | action,
					 start, 1, NULL));
}

#define expect_signals(test, fd, count) \
	KUNIT_EXPECT_EQ(test, count, eventfds[fd].signals)

/* INTx */

static void intx_fires_once_and_masks_itself(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;

	irq_enable(test, VFIO_PCI_INTX_IRQ_INDEX, 1);
	expect_signals(test, 0, 0);
	irq_source(mtty, 0, true);
	expect_signals(test, 0, 1);
	irq_look(mtty);
	irq_source(mtty, 1, true);
	irq_source(mtty, 0, false);
	irq_source(mtty, 0, true);
	expect_signals(test, 0, 1);
}

static void intx_fires_again_when_unmasked_and_asserted(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;

	irq_enable(test, VFIO_PCI_INTX_IRQ_INDEX, 1);
	irq_source(mtty, 0, true);
	irq_mask_all(test, VFIO_PCI_INTX_IRQ_INDEX, 0, false);
	expect_signals(test, 0, 2);
	irq_look(mtty);
	expect_signals(test, 0, 2);
}

static void intx_is_silent_when_unmasked_and_deasserted(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;

	irq_enable(test, VFIO_PCI_INTX_IRQ_INDEX, 1);
	irq_source(mtty, 0, true);
	irq_source(mtty, 0, false);
	irq_mask_all(test, VFIO_PCI_INTX_IRQ_INDEX, 0, false);
	expect_signals(test, 0, 1);
	irq_source(mtty, 1, true);
	expect_signals(test, 0, 2);
}

static void intx_masked_by_the_user(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;

	irq_enable(test, VFIO_PCI_INTX_IRQ_INDEX, 1);
	irq_mask_all(test, VFIO_PCI_INTX_IRQ_INDEX, 0, true);
	irq_source(mtty, 0, true);
	expect_signals(test, 0, 0);
	irq_mask_all(test, VFIO_PCI_INTX_IRQ_INDEX, 0, false);
	expect_signals(test, 0, 1);
}

static void intx_disabled_by_the_command_register(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;

	irq_enable(test, VFIO_PCI_INTX_IRQ_INDEX, 1);
	mtty_pci_write(&mtty->hw.pci, PCI_COMMAND + 1,
		       PCI_COMMAND_INTX_DISABLE >> 8);
	irq_source(mtty, 0, true);
	expect_signals(test, 0, 0);
	mtty_pci_write(&mtty->hw.pci, PCI_COMMAND + 1, 0);
	irq_look(mtty);
	expect_signals(test, 0, 1);
}

static void intx_that_is_asserted_fires_when_set_up(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;

	irq_source(mtty, 0, true);
	irq_enable(test, VFIO_PCI_INTX_IRQ_INDEX, 1);
	expect_signals(test, 0, 1);
}

static void intx_set_up_anew_is_not_masked(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;

	irq_enable(test, VFIO_PCI_INTX_IRQ_INDEX, 1);
	irq_source(mtty, 0, true);
	KUNIT_EXPECT_EQ(test, 0, irq_set(mtty, VFIO_PCI_INTX_IRQ_INDEX,
					 VFIO_IRQ_SET_DATA_NONE |
					 VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0,
					 NULL));
	irq_look(mtty);
	expect_signals(test, 0, 1);
	irq_enable(test, VFIO_PCI_INTX_IRQ_INDEX, 1);
	expect_signals(test, 0, 2);
}

/* MSI and MSI-X */

struct kind {
	const char *name;
	u32 index;
};

static const struct kind kinds[] = {
	{ "MSI", VFIO_PCI_MSI_IRQ_INDEX },
	{ "MSI-X", VFIO_PCI_MSIX_IRQ_INDEX },
};

KUNIT_ARRAY_PARAM_DESC(kinds, kinds, name);

static void msi_fires_at_each_rising_edge(struct kunit *test)
{
	const struct kind *p = test->param_value;
	struct mtty_device *mtty = test->priv;

	irq_enable(test, p->index, MTTY_MIG_NR_VECTORS);
	irq_source(mtty, 0, true);
	expect_signals(test, 0, 1);
	irq_look(mtty);
	expect_signals(test, 0, 1);
	irq_source(mtty, 0, false);
	expect_signals(test, 0, 1);
	irq_source(mtty, 0, true);
	expect_signals(test, 0, 2);
	expect_signals(test, 1, 0);
}

static void msi_each_source_has_its_vector(struct kunit *test)
{
	const struct kind *p = test->param_value;
	struct mtty_device *mtty = test->priv;

	irq_enable(test, p->index, MTTY_MIG_NR_VECTORS);
	irq_source(mtty, 1, true);
	expect_signals(test, MTTY_MIG_IRQ_UART0, 0);
	expect_signals(test, MTTY_MIG_IRQ_UART1, 1);
	irq_source(mtty, 0, true);
	expect_signals(test, MTTY_MIG_IRQ_UART0, 1);
	expect_signals(test, MTTY_MIG_IRQ_UART1, 1);
	expect_signals(test, MTTY_MIG_IRQ_DMA, 0);
	expect_signals(test, MTTY_MIG_IRQ_PRI, 0);
}

static void msi_masked_vector_is_pending(struct kunit *test)
{
	const struct kind *p = test->param_value;
	struct mtty_device *mtty = test->priv;

	irq_enable(test, p->index, MTTY_MIG_NR_VECTORS);
	irq_mask_all(test, p->index, 1, true);
	irq_source(mtty, 1, true);
	expect_signals(test, 1, 0);
	KUNIT_EXPECT_EQ(test, BIT(1), mtty->hw.irq_pending);
	/* The edge stays pending when its cause is gone */
	irq_source(mtty, 1, false);
	KUNIT_EXPECT_EQ(test, BIT(1), mtty->hw.irq_pending);
	irq_mask_all(test, p->index, 1, false);
	expect_signals(test, 1, 1);
	KUNIT_EXPECT_EQ(test, 0, mtty->hw.irq_pending);
	irq_look(mtty);
	expect_signals(test, 1, 1);
}

static void msi_mask_of_one_vector_leaves_the_others(struct kunit *test)
{
	const struct kind *p = test->param_value;
	struct mtty_device *mtty = test->priv;

	irq_enable(test, p->index, MTTY_MIG_NR_VECTORS);
	irq_mask_all(test, p->index, 1, true);
	irq_source(mtty, 0, true);
	expect_signals(test, 0, 1);
	KUNIT_EXPECT_EQ(test, 0, mtty->hw.irq_pending);
}

/* Another vector has an eventfd, so the edge is pending, as with a mask */
static void msi_vector_without_eventfd_is_pending(struct kunit *test)
{
	const struct kind *p = test->param_value;
	struct mtty_device *mtty = test->priv;

	irq_enable(test, p->index, 1);
	irq_source(mtty, 1, true);
	irq_source(mtty, 1, false);
	irq_source(mtty, 0, true);
	expect_signals(test, 0, 1);
	KUNIT_EXPECT_EQ(test, BIT(1), mtty->hw.irq_pending);
	irq_enable(test, p->index, 2);
	expect_signals(test, 0, 1);
	expect_signals(test, 1, 1);
	KUNIT_EXPECT_EQ(test, 0, mtty->hw.irq_pending);
}

static void msi_vector_that_gets_an_eventfd_is_still_masked(struct kunit *test)
{
	const struct kind *p = test->param_value;
	struct mtty_device *mtty = test->priv;

	irq_enable(test, p->index, 1);
	irq_mask_all(test, p->index, 1, true);
	irq_source(mtty, 1, true);
	irq_enable(test, p->index, 2);
	expect_signals(test, 1, 0);
	KUNIT_EXPECT_EQ(test, BIT(1), mtty->hw.irq_pending);
	irq_mask_all(test, p->index, 1, false);
	expect_signals(test, 1, 1);
}

static void irq_disable(struct kunit *test, u32 index)
{
	KUNIT_EXPECT_EQ(test, 0, irq_set(test->priv, index,
					 VFIO_IRQ_SET_DATA_NONE |
					 VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0,
					 NULL));
}

/*
 * An edge that comes while no vector has an eventfd is dropped; an older one
 * stays pending
 */
static void msi_that_is_not_set_up(struct kunit *test)
{
	const struct kind *p = test->param_value;
	struct mtty_device *mtty = test->priv;

	irq_source(mtty, 0, true);
	irq_source(mtty, 0, false);
	KUNIT_EXPECT_EQ(test, 0, mtty->hw.irq_pending);
	irq_enable(test, p->index, 1);
	expect_signals(test, 0, 0);
	irq_source(mtty, 1, true);

	irq_disable(test, p->index);
	irq_source(mtty, 0, true);
	KUNIT_EXPECT_EQ(test, BIT(1), mtty->hw.irq_pending);
	irq_enable(test, p->index, MTTY_MIG_NR_VECTORS);
	expect_signals(test, 0, 0);
	expect_signals(test, 1, 1);
}

/* A source that was asserted under INTx causes no edge under MSI */
static void msi_set_up_is_no_edge(struct kunit *test)
{
	const struct kind *p = test->param_value;
	struct mtty_device *mtty = test->priv;

	irq_source(mtty, 0, true);
	irq_enable(test, p->index, MTTY_MIG_NR_VECTORS);
	expect_signals(test, 0, 0);
}

/* A source rises while INTx and another index have eventfds */
static void irq_assert_beside_intx(struct kunit *test, u32 index, s32 intx)
{
	KUNIT_ASSERT_EQ(test, 0,
			irq_set(test->priv, VFIO_PCI_INTX_IRQ_INDEX,
				VFIO_IRQ_SET_DATA_EVENTFD |
				VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, &intx));
	irq_enable(test, index, MTTY_MIG_NR_VECTORS);
	irq_source(test->priv, 0, true);
}

static void msi_silences_intx(struct kunit *test)
{
	const struct kind *p = test->param_value;
	const s32 intx = 7;

	irq_assert_beside_intx(test, p->index, intx);
	expect_signals(test, 0, 1);
	expect_signals(test, intx, 0);
}

/* From then on INTx is used, and it is asserted */
static void msi_given_up_lets_intx_fire(struct kunit *test)
{
	const struct kind *p = test->param_value;
	const s32 intx = 7;

	irq_assert_beside_intx(test, p->index, intx);
	irq_disable(test, p->index);
	expect_signals(test, 0, 1);
	expect_signals(test, intx, 1);
}

static void msix_function_mask_keeps_edges_pending(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;
	u8 pos = 0x60;

	KUNIT_ASSERT_EQ(test, PCI_CAP_ID_MSIX, mtty->hw.pci.config[pos]);
	irq_enable(test, VFIO_PCI_MSIX_IRQ_INDEX, MTTY_MIG_NR_VECTORS);
	mtty_pci_write(&mtty->hw.pci, pos + PCI_MSIX_FLAGS + 1,
		       PCI_MSIX_FLAGS_MASKALL >> 8);
	irq_source(mtty, 0, true);
	irq_source(mtty, 1, true);
	expect_signals(test, 0, 0);
	expect_signals(test, 1, 0);
	KUNIT_EXPECT_EQ(test, BIT(0) | BIT(1), mtty->hw.irq_pending);
	mtty_pci_write(&mtty->hw.pci, pos + PCI_MSIX_FLAGS + 1, 0);
	irq_look(mtty);
	expect_signals(test, 0, 1);
	expect_signals(test, 1, 1);
}

/* Stopped */

struct stop {
	const char *name;
	u32 index;
};

static const struct stop stops[] = {
	{ "INTx", VFIO_PCI_INTX_IRQ_INDEX },
	{ "MSI", VFIO_PCI_MSI_IRQ_INDEX },
	{ "MSI-X", VFIO_PCI_MSIX_IRQ_INDEX },
};

KUNIT_ARRAY_PARAM_DESC(stops, stops, name);

static void stopped_device_is_silent_until_it_runs(struct kunit *test)
{
	const struct stop *p = test->param_value;
	struct mtty_device *mtty = test->priv;

	irq_enable(test, p->index, 1);
	irq_run(mtty, MTTY_STOPPED);
	irq_source(mtty, 0, true);
	expect_signals(test, 0, 0);
	/*
	 * An edge is pending for the device that runs next; INTx is only a
	 * level
	 */
	KUNIT_EXPECT_EQ(test, p->index != VFIO_PCI_INTX_IRQ_INDEX,
			mtty->hw.irq_pending);
	irq_run(mtty, MTTY_RUNNING_P2P);
	expect_signals(test, 0, 1);
	irq_run(mtty, MTTY_RUNNING);
	expect_signals(test, 0, 1);
}

static void edge_of_a_stopped_device_is_pending_though_it_is_over(struct kunit *test)
{
	const struct stop *p = test->param_value;
	struct mtty_device *mtty = test->priv;

	irq_enable(test, p->index, 1);
	irq_run(mtty, MTTY_STOPPED);
	irq_source(mtty, 0, true);
	irq_source(mtty, 0, false);
	irq_run(mtty, MTTY_RUNNING);
	expect_signals(test, 0, p->index != VFIO_PCI_INTX_IRQ_INDEX);
}

static void stopped_device_is_silent_when_unmasked(struct kunit *test)
{
	const struct stop *p = test->param_value;
	struct mtty_device *mtty = test->priv;

	irq_enable(test, p->index, 1);
	irq_mask_all(test, p->index, 0, true);
	irq_source(mtty, 0, true);
	irq_run(mtty, MTTY_STOPPED);
	irq_mask_all(test, p->index, 0, false);
	expect_signals(test, 0, 0);
	irq_run(mtty, MTTY_RUNNING);
	expect_signals(test, 0, 1);
}

/* VFIO_DEVICE_SET_IRQS */

static void set_irqs_trigger_by_the_user(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;
	const u8 some[] = { 1, 0, 1 };

	irq_enable(test, VFIO_PCI_MSIX_IRQ_INDEX, 4);
	KUNIT_EXPECT_EQ(test, 0, irq_set(mtty, VFIO_PCI_MSIX_IRQ_INDEX,
					 VFIO_IRQ_SET_DATA_NONE |
					 VFIO_IRQ_SET_ACTION_TRIGGER, 2, 2,
					 NULL));
	expect_signals(test, 0, 0);
	expect_signals(test, 1, 0);
	expect_signals(test, 2, 1);
	expect_signals(test, 3, 1);
	KUNIT_EXPECT_EQ(test, 0, irq_set(mtty, VFIO_PCI_MSIX_IRQ_INDEX,
					 VFIO_IRQ_SET_DATA_BOOL |
					 VFIO_IRQ_SET_ACTION_TRIGGER, 1, 3,
					 some));
	expect_signals(test, 0, 0);
	expect_signals(test, 1, 1);
	expect_signals(test, 2, 1);
	expect_signals(test, 3, 2);
}

static void set_irqs_mask_by_bool(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;
	const u8 some[] = { 0, 1, 0, 1 };
	unsigned int i;

	KUNIT_EXPECT_EQ(test, 0, irq_set(mtty, VFIO_PCI_MSIX_IRQ_INDEX,
					 VFIO_IRQ_SET_DATA_BOOL |
					 VFIO_IRQ_SET_ACTION_MASK, 0, 4, some));
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, some[i],
				mtty_pci_msix_masked(&mtty->hw.pci, i));
}

static void set_irqs_replaces_and_removes(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;
	const s32 fds[] = { 4, -1 };

	irq_enable(test, VFIO_PCI_MSI_IRQ_INDEX, 4);
	KUNIT_EXPECT_EQ(test, 0, irq_set(mtty, VFIO_PCI_MSI_IRQ_INDEX,
					 VFIO_IRQ_SET_DATA_EVENTFD |
					 VFIO_IRQ_SET_ACTION_TRIGGER, 0, 2,
					 fds));
	KUNIT_EXPECT_EQ(test, 0, eventfds[0].users);
	KUNIT_EXPECT_EQ(test, 0, eventfds[1].users);
	KUNIT_EXPECT_EQ(test, 1, eventfds[2].users);
	KUNIT_EXPECT_EQ(test, 1, eventfds[4].users);
	irq_source(mtty, 0, true);
	irq_source(mtty, 1, true);
	expect_signals(test, 0, 0);
	expect_signals(test, 1, 0);
	expect_signals(test, 4, 1);
}

static void set_irqs_none_of_none_disables(struct kunit *test)
{
	unsigned int i;

	irq_enable(test, VFIO_PCI_MSI_IRQ_INDEX, 4);
	irq_disable(test, VFIO_PCI_MSI_IRQ_INDEX);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, 0, eventfds[i].users);
}

struct bad_fd {
	const char *name;
	s32 fd;
	int error;
};

static const struct bad_fd bad_fds[] = {
	{ "closed", CLOSED_FD, -EBADF },
	{ "no eventfd", OTHER_FD, -EINVAL },
	{ "negative", -2, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(bad_fds, bad_fds, name);

static void set_irqs_bad_fd_leaves_nothing_half_done(struct kunit *test)
{
	const struct bad_fd *p = test->param_value;
	struct mtty_device *mtty = test->priv;
	const s32 fds[] = { 4, 5, p->fd, 6 };
	unsigned int i;

	KUNIT_EXPECT_EQ(test, p->error,
			irq_set(mtty, VFIO_PCI_MSI_IRQ_INDEX,
				VFIO_IRQ_SET_DATA_EVENTFD |
				VFIO_IRQ_SET_ACTION_TRIGGER, 0, 4, fds));
	for (i = 0; i < NR_EVENTFDS; i++)
		KUNIT_EXPECT_EQ(test, 0, eventfds[i].users);
	irq_source(mtty, 0, true);
	expect_signals(test, 4, 0);
}

struct bad_set {
	const char *name;
	u32 index;
	u32 flags;
	int error;
};

static const struct bad_set bad_sets[] = {
	{ "no action", VFIO_PCI_MSI_IRQ_INDEX, VFIO_IRQ_SET_DATA_NONE,
	  -EINVAL },
	{ "two actions", VFIO_PCI_MSI_IRQ_INDEX,
	  VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK |
	  VFIO_IRQ_SET_ACTION_TRIGGER, -EINVAL },
	{ "mask of the request", VFIO_PCI_REQ_IRQ_INDEX,
	  VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK, -ENOTTY },
	{ "unmask of the request", VFIO_PCI_REQ_IRQ_INDEX,
	  VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, -ENOTTY },
	{ "unmask by eventfd", VFIO_PCI_INTX_IRQ_INDEX,
	  VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK, -ENOTTY },
	{ "mask by eventfd", VFIO_PCI_MSIX_IRQ_INDEX,
	  VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_MASK, -ENOTTY },
};

KUNIT_ARRAY_PARAM_DESC(bad_sets, bad_sets, name);

static void set_irqs_refuses(struct kunit *test)
{
	const struct bad_set *p = test->param_value;
	const s32 fd = 0;

	KUNIT_EXPECT_EQ(test, p->error, irq_set(test->priv, p->index, p->flags,
						0, 1, &fd));
}

static void set_irqs_no_vectors_of_something(struct kunit *test)
{
	const s32 fd = 0;

	KUNIT_EXPECT_EQ(test, -EINVAL,
			irq_set(test->priv, VFIO_PCI_MSI_IRQ_INDEX,
				VFIO_IRQ_SET_DATA_EVENTFD |
				VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0, &fd));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			irq_set(test->priv, VFIO_PCI_MSI_IRQ_INDEX,
				VFIO_IRQ_SET_DATA_NONE |
				VFIO_IRQ_SET_ACTION_TRIGGER, 1, 0, NULL));
}

/* VFIO_DEVICE_GET_IRQ_INFO */

struct irq_case {
	const char *name;
	u32 index;
	int ret;
	u32 count;
	u32 flags;
};

static const struct irq_case irq_infos[] = {
	{ "INTx", VFIO_PCI_INTX_IRQ_INDEX, 0, 1,
	  VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
	  VFIO_IRQ_INFO_AUTOMASKED },
	{ "MSI", VFIO_PCI_MSI_IRQ_INDEX, 0, 4,
	  VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
	  VFIO_IRQ_INFO_NORESIZE },
	{ "MSI-X", VFIO_PCI_MSIX_IRQ_INDEX, 0, 4,
	  VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
	  VFIO_IRQ_INFO_NORESIZE },
	{ "error", VFIO_PCI_ERR_IRQ_INDEX, 0, 0, 0 },
	{ "request", VFIO_PCI_REQ_IRQ_INDEX, 0, 1,
	  VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE },
	{ "the next", VFIO_PCI_NUM_IRQS, -EINVAL, 0, 0 },
	{ "the largest", ~0U, -EINVAL, 0, 0 },
};

KUNIT_ARRAY_PARAM_DESC(irq_infos, irq_infos, name);

static void irq_info_of(struct kunit *test)
{
	const struct irq_case *p = test->param_value;
	struct vfio_irq_info info = { .index = p->index };

	KUNIT_EXPECT_EQ(test, p->ret, mtty_irq_info(test->priv, &info));
	KUNIT_EXPECT_EQ(test, p->count, info.count);
	KUNIT_EXPECT_EQ(test, p->flags, info.flags);
}

/* The rest */

static void irq_release_gives_all_back(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;
	const s32 fd = 7;
	unsigned int i;

	irq_enable(test, VFIO_PCI_INTX_IRQ_INDEX, 1);
	irq_enable(test, VFIO_PCI_MSI_IRQ_INDEX, 4);
	irq_enable(test, VFIO_PCI_MSIX_IRQ_INDEX, 4);
	KUNIT_ASSERT_EQ(test, 0,
			irq_set(mtty, VFIO_PCI_REQ_IRQ_INDEX,
				VFIO_IRQ_SET_DATA_EVENTFD |
				VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, &fd));
	KUNIT_EXPECT_EQ(test, 3, eventfds[0].users);
	mtty_irq_release(mtty);
	for (i = 0; i < NR_EVENTFDS; i++)
		KUNIT_EXPECT_EQ(test, 0, eventfds[i].users);
	irq_source(mtty, 0, true);
	for (i = 0; i < NR_EVENTFDS; i++)
		expect_signals(test, i, 0);
}

static void irq_request_for_the_device(struct kunit *test)
{
	struct mtty_device *mtty = test->priv;

	mtty_irq_request(mtty);
	irq_enable(test, VFIO_PCI_REQ_IRQ_INDEX, 1);
	expect_signals(test, 0, 0);
	mtty_irq_request(mtty);
	mtty_irq_request(mtty);
	expect_signals(test, 0, 2);
	/* This is no interrupt of the device, so the state does not matter */
	irq_run(mtty, MTTY_STOPPED);
	mtty_irq_request(mtty);
	expect_signals(test, 0, 3);
}

static struct kunit_case irq_cases[] = {
	KUNIT_CASE(intx_fires_once_and_masks_itself),
	KUNIT_CASE(intx_fires_again_when_unmasked_and_asserted),
	KUNIT_CASE(intx_is_silent_when_unmasked_and_deasserted),
	KUNIT_CASE(intx_masked_by_the_user),
	KUNIT_CASE(intx_disabled_by_the_command_register),
	KUNIT_CASE(intx_that_is_asserted_fires_when_set_up),
	KUNIT_CASE(intx_set_up_anew_is_not_masked),
	KUNIT_CASE_PARAM(msi_fires_at_each_rising_edge, kinds_gen_params),
	KUNIT_CASE_PARAM(msi_each_source_has_its_vector, kinds_gen_params),
	KUNIT_CASE_PARAM(msi_masked_vector_is_pending, kinds_gen_params),
	KUNIT_CASE_PARAM(msi_mask_of_one_vector_leaves_the_others,
			 kinds_gen_params),
	KUNIT_CASE_PARAM(msi_vector_without_eventfd_is_pending,
			 kinds_gen_params),
	KUNIT_CASE_PARAM(msi_vector_that_gets_an_eventfd_is_still_masked,
			 kinds_gen_params),
	KUNIT_CASE_PARAM(msi_that_is_not_set_up, kinds_gen_params),
	KUNIT_CASE_PARAM(msi_set_up_is_no_edge, kinds_gen_params),
	KUNIT_CASE_PARAM(msi_silences_intx, kinds_gen_params),
	KUNIT_CASE_PARAM(msi_given_up_lets_intx_fire, kinds_gen_params),
	KUNIT_CASE(msix_function_mask_keeps_edges_pending),
	KUNIT_CASE_PARAM(edge_of_a_stopped_device_is_pending_though_it_is_over,
			 stops_gen_params),
	KUNIT_CASE_PARAM(stopped_device_is_silent_until_it_runs,
			 stops_gen_params),
	KUNIT_CASE_PARAM(stopped_device_is_silent_when_unmasked,
			 stops_gen_params),
	KUNIT_CASE(set_irqs_trigger_by_the_user),
	KUNIT_CASE(set_irqs_mask_by_bool),
	KUNIT_CASE(set_irqs_replaces_and_removes),
	KUNIT_CASE(set_irqs_none_of_none_disables),
	KUNIT_CASE_PARAM(set_irqs_bad_fd_leaves_nothing_half_done,
			 bad_fds_gen_params),
	KUNIT_CASE_PARAM(set_irqs_refuses, bad_sets_gen_params),
	KUNIT_CASE(set_irqs_no_vectors_of_something),
	KUNIT_CASE_PARAM(irq_info_of, irq_infos_gen_params),
	KUNIT_CASE(irq_release_gives_all_back),
	KUNIT_CASE(irq_request_for_the_device),
	{}
};

static struct kunit_suite irq_suite = {
	.name = "mtty_mig_irq",
	.init = irq_test_init,
	.exit = irq_test_exit,
	.test_cases = irq_cases,
};

kunit_test_suite(irq_suite);
