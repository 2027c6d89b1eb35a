// SPDX-License-Identifier: GPL-2.0-only
/* The IOMMU: what a device reaches, and what is known of its writes then. */
#include <linux/iommu.h>
#include <linux/iova_bitmap.h>
#include <linux/mm.h>
#include <uapi/linux/iommufd.h>

#include "../bus/swiommu.h"
#include "../compat.h"
#include "cards.h"

/* No address of the machine's memory */
#define IOVA	0x4000000000UL
#define PAGES	4

/**
 * struct dma - a device, and memory
 * @pdev: the device, which may do DMA
 * @pages: pages of memory, not one behind the other
 * @domain: what it is attached to; NULL: it sees memory as it is
 */
struct dma {
	struct pci_dev *pdev;
	void *pages[PAGES];
	struct iommu_domain *domain;
};

static void free_pages_of(void *data)
{
	struct dma *dma = data;
	unsigned int i;

	if (dma->domain) {
		iommu_detach_device(dma->domain, &dma->pdev->dev);
		iommu_domain_free(dma->domain);
	}
	for (i = 0; i < PAGES; i++)
		free_page((unsigned long)dma->pages[i]);
}

static struct dma *new_dma(struct kunit *test)
{
	struct dma *dma = kunit_kzalloc(test, sizeof(*dma), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, dma);
	dma->pdev = test_plug(test)->pf;
	pci_set_master(dma->pdev);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_pages_of, dma));
	for (i = 0; i < PAGES; i++) {
		dma->pages[i] = (void *)get_zeroed_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, dma->pages[i]);
	}
	return dma;
}

static phys_addr_t page_at(struct dma *dma, unsigned int page)
{
	return virt_to_phys(dma->pages[page]);
}

static void map(struct kunit *test, struct dma *dma, unsigned int page, unsigned int at, int prot)
{
	KUNIT_ASSERT_EQ(test, 0, iommu_map(dma->domain, IOVA + at * PAGE_SIZE,
					   page_at(dma, page), PAGE_SIZE, prot, GFP_KERNEL));
}

/* A domain with all pages, in another order than they have */
static void attach(struct kunit *test, struct dma *dma, struct iommu_domain *domain)
{
	unsigned int i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));
	dma->domain = domain;
	for (i = 0; i < PAGES; i++)
		map(test, dma, PAGES - 1 - i, i, IOMMU_READ | IOMMU_WRITE);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_device(domain, &dma->pdev->dev));
}

/* As iommufd makes one */
static struct iommu_domain *new_domain(struct dma *dma, u32 flags)
{
	const struct iommu_ops *ops = dma->pdev->dev.iommu->iommu_dev->ops;

	return ops->STANDIN_ALLOC_PAGING_FLAGS(&dma->pdev->dev, flags, STANDIN_NO_PARENT NULL);
}

static int write_byte(struct dma *dma, unsigned long iova)
{
	return swiommu_write(dma->pdev, iova, "x", 1);
}

static void by_default_memory_is_seen_as_it_is(struct kunit *test)
{
	struct dma *dma = new_dma(test);
	char data[4];

	KUNIT_EXPECT_EQ(test, 0, swiommu_write(dma->pdev, page_at(dma, 0) + 8, "abc", 4));
	KUNIT_EXPECT_STREQ(test, "abc", dma->pages[0] + 8);
	KUNIT_EXPECT_EQ(test, 0, swiommu_read(dma->pdev, page_at(dma, 0) + 8, data, 4));
	KUNIT_EXPECT_STREQ(test, "abc", data);
}

static void it_takes_bus_mastering(struct kunit *test)
{
	struct dma *dma = new_dma(test);
	char byte;

	pci_clear_master(dma->pdev);
	KUNIT_EXPECT_EQ(test, -EACCES, write_byte(dma, page_at(dma, 0)));
	KUNIT_EXPECT_EQ(test, -EACCES, swiommu_read(dma->pdev, page_at(dma, 0), &byte, 1));
	pci_set_master(dma->pdev);
	KUNIT_EXPECT_EQ(test, 0, write_byte(dma, page_at(dma, 0)));
}

static void a_domain_has_what_is_mapped(struct kunit *test)
{
	struct dma *dma = new_dma(test);
	static char data[3 * PAGE_SIZE];
	unsigned int i;

	attach(test, dma, new_domain(dma, 0));
	/* From the middle of the first page to the middle of the third one */
	memset(data, 0x5a, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, 0, swiommu_write(dma->pdev, IOVA + PAGE_SIZE / 2, data,
					       2 * PAGE_SIZE));
	for (i = 0; i < PAGES; i++) {
		const char *page = dma->pages[PAGES - 1 - i];

		KUNIT_EXPECT_EQ(test, i == 1 || i == 2 ? 0x5a : 0, page[0]);
		KUNIT_EXPECT_EQ(test, i < 2 ? 0x5a : 0, page[PAGE_SIZE - 1]);
		KUNIT_EXPECT_EQ(test, page_at(dma, PAGES - 1 - i) + 5,
				iommu_iova_to_phys(dma->domain, IOVA + i * PAGE_SIZE + 5));
	}
	memset(data, 0, sizeof(data));
	KUNIT_EXPECT_EQ(test, 0, swiommu_read(dma->pdev, IOVA, data, sizeof(data)));
	KUNIT_EXPECT_EQ(test, 0, data[PAGE_SIZE / 2 - 1]);
	KUNIT_EXPECT_EQ(test, 0x5a, data[PAGE_SIZE / 2]);
	KUNIT_EXPECT_EQ(test, 0x5a, data[5 * PAGE_SIZE / 2 - 1]);
	KUNIT_EXPECT_EQ(test, 0, data[5 * PAGE_SIZE / 2]);
}

static void beyond_what_is_mapped_is_a_fault(struct kunit *test)
{
	struct dma *dma = new_dma(test);

	attach(test, dma, new_domain(dma, 0));
	KUNIT_EXPECT_EQ(test, -EFAULT, write_byte(dma, IOVA - 1));
	KUNIT_EXPECT_EQ(test, -EFAULT, write_byte(dma, IOVA + PAGES * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, -EFAULT, write_byte(dma, page_at(dma, 0)));
	/* What comes before is written. */
	KUNIT_EXPECT_EQ(test, -EFAULT,
			swiommu_write(dma->pdev, IOVA + PAGES * PAGE_SIZE - 2, "abc", 3));
	KUNIT_EXPECT_MEMEQ(test, "ab", dma->pages[0] + PAGE_SIZE - 2, 2);

	KUNIT_EXPECT_EQ(test, PAGE_SIZE, iommu_unmap(dma->domain, IOVA + PAGE_SIZE, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, -EFAULT, write_byte(dma, IOVA + PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, write_byte(dma, IOVA));
	KUNIT_EXPECT_EQ(test, 0, write_byte(dma, IOVA + 2 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, iommu_iova_to_phys(dma->domain, IOVA + PAGE_SIZE));
	map(test, dma, 0, 1, IOMMU_READ | IOMMU_WRITE);
	KUNIT_EXPECT_EQ(test, 0, write_byte(dma, IOVA + PAGE_SIZE));
}

static void permissions_are_kept(struct kunit *test)
{
	static const int prots[] = { IOMMU_READ, IOMMU_WRITE, IOMMU_READ | IOMMU_WRITE };
	struct dma *dma = new_dma(test);
	unsigned int i;
	char byte;

	attach(test, dma, new_domain(dma, 0));
	for (i = 0; i < ARRAY_SIZE(prots); i++) {
		iommu_unmap(dma->domain, IOVA, PAGE_SIZE);
		map(test, dma, 0, 0, prots[i]);
		KUNIT_EXPECT_EQ(test, prots[i] & IOMMU_WRITE ? 0 : -EFAULT,
				write_byte(dma, IOVA));
		KUNIT_EXPECT_EQ(test, prots[i] & IOMMU_READ ? 0 : -EFAULT,
				swiommu_read(dma->pdev, IOVA, &byte, 1));
	}
}

static void a_domain_is_left_again(struct kunit *test)
{
	struct dma *dma = new_dma(test);
	const struct iommu_ops *ops = dma->pdev->dev.iommu->iommu_dev->ops;

	attach(test, dma, new_domain(dma, 0));
	KUNIT_EXPECT_EQ(test, 0, write_byte(dma, IOVA));
	iommu_detach_device(dma->domain, &dma->pdev->dev);
	KUNIT_EXPECT_EQ(test, -EFAULT, write_byte(dma, IOVA));
	KUNIT_EXPECT_EQ(test, 0, write_byte(dma, page_at(dma, 0)));

	KUNIT_EXPECT_EQ(test, 0, iommu_attach_device(ops->blocked_domain, &dma->pdev->dev));
	KUNIT_EXPECT_EQ(test, -EFAULT, write_byte(dma, IOVA));
	KUNIT_EXPECT_EQ(test, -EFAULT, write_byte(dma, page_at(dma, 0)));
	iommu_detach_device(ops->blocked_domain, &dma->pdev->dev);
	KUNIT_EXPECT_EQ(test, 0, iommu_attach_device(dma->domain, &dma->pdev->dev));
	KUNIT_EXPECT_EQ(test, 0, write_byte(dma, IOVA));
}

/* Each function is a group of its own. */
static void a_domain_is_of_one_device(struct kunit *test)
{
	struct dma *dma = new_dma(test);
	struct pci_dev *vf;

	KUNIT_ASSERT_EQ(test, 0, test_set_vfs(dma->pdev, 1));
	vf = pci_get_device(TEST_VENDOR, TEST_VF, NULL);
	KUNIT_ASSERT_NOT_NULL(test, vf);
	pci_set_master(vf);
	attach(test, dma, new_domain(dma, 0));
	KUNIT_EXPECT_EQ(test, 0, write_byte(dma, IOVA));
	KUNIT_EXPECT_EQ(test, -EFAULT, swiommu_write(vf, IOVA, "x", 1));
	KUNIT_EXPECT_EQ(test, 0, swiommu_write(vf, page_at(dma, 0), "x", 1));
	pci_dev_put(vf);
}

/* What is dirty */

/**
 * struct asking - a question for what is dirty
 * @domain: of which domain
 * @flags: IOMMU_DIRTY_NO_CLEAR
 */
struct asking {
	struct iommu_domain *domain;
	unsigned long flags;
};

static int ask_part(struct iova_bitmap *bitmap, unsigned long iova, size_t length, void *data)
{
	const struct asking *asking = data;
	struct iommu_iotlb_gather gather;
	struct iommu_dirty_bitmap dirty;

	iommu_dirty_bitmap_init(&dirty, bitmap, &gather);
	return asking->domain->dirty_ops->read_and_clear_dirty(asking->domain, iova, length,
							       asking->flags, &dirty);
}

/* A bit for each page, or -errno */
static int ask(struct kunit *test, struct dma *dma, unsigned long flags)
{
	u64 __user *bits = test_user(test, sizeof(*bits));
	struct asking asking = { dma->domain, flags };
	struct iova_bitmap *bitmap;
	u64 seen;
	int ret;

	KUNIT_ASSERT_EQ(test, 0, clear_user(bits, sizeof(*bits)));
	bitmap = iova_bitmap_alloc(IOVA, PAGES * PAGE_SIZE, PAGE_SIZE, bits);
	KUNIT_ASSERT_FALSE(test, IS_ERR(bitmap));
	ret = iova_bitmap_for_each(bitmap, &asking, ask_part);
	iova_bitmap_free(bitmap);
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(&seen, bits, sizeof(seen)));
	return ret ?: seen;
}

static int track(struct dma *dma, bool on)
{
	return dma->domain->dirty_ops->set_dirty_tracking(dma->domain, on);
}

static struct dma *tracked(struct kunit *test)
{
	struct dma *dma = new_dma(test);

	attach(test, dma, new_domain(dma, IOMMU_HWPT_ALLOC_DIRTY_TRACKING));
	KUNIT_ASSERT_NOT_NULL(test, dma->domain->dirty_ops);
	return dma;
}

static void tracking_is_asked_for(struct kunit *test)
{
	struct dma *dma = new_dma(test);
	struct iommu_domain *domain = new_domain(dma, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));
	KUNIT_EXPECT_NULL(test, domain->dirty_ops);
	iommu_domain_free(domain);
	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(-EOPNOTSUPP),
			    new_domain(dma, IOMMU_HWPT_ALLOC_NEST_PARENT));
	KUNIT_EXPECT_TRUE(test, device_iommu_capable(&dma->pdev->dev, IOMMU_CAP_DIRTY_TRACKING));
}

static void writes_are_marked_while_it_tracks(struct kunit *test)
{
	struct dma *dma = tracked(test);
	char byte;

	KUNIT_EXPECT_EQ(test, 0, write_byte(dma, IOVA));
	KUNIT_EXPECT_EQ(test, -EINVAL, ask(test, dma, 0));
	KUNIT_EXPECT_EQ(test, 0, track(dma, true));
	KUNIT_EXPECT_EQ(test, 0, ask(test, dma, 0));
	KUNIT_EXPECT_EQ(test, 0, write_byte(dma, IOVA + PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, swiommu_write(dma->pdev, IOVA + 3 * PAGE_SIZE - 1, "ab", 2));
	KUNIT_EXPECT_EQ(test, 0, swiommu_read(dma->pdev, IOVA, &byte, 1));
	KUNIT_EXPECT_EQ(test, 0xe, ask(test, dma, 0));
	KUNIT_EXPECT_EQ(test, 0, track(dma, false));
	KUNIT_EXPECT_EQ(test, 0, write_byte(dma, IOVA));
	KUNIT_EXPECT_EQ(test, 0, track(dma, true));
	KUNIT_EXPECT_EQ(test, 0, ask(test, dma, 0));
}

static void marks_are_cleared_or_not(struct kunit *test)
{
	struct dma *dma = tracked(test);

	KUNIT_EXPECT_EQ(test, 0, track(dma, true));
	KUNIT_EXPECT_EQ(test, 0, write_byte(dma, IOVA));
	KUNIT_EXPECT_EQ(test, 1, ask(test, dma, IOMMU_DIRTY_NO_CLEAR));
	KUNIT_EXPECT_EQ(test, 1, ask(test, dma, IOMMU_DIRTY_NO_CLEAR));
	KUNIT_EXPECT_EQ(test, 1, ask(test, dma, 0));
	KUNIT_EXPECT_EQ(test, 0, ask(test, dma, 0));
	KUNIT_EXPECT_EQ(test, 0, write_byte(dma, IOVA + 2 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 4, ask(test, dma, 0));
}

static void marks_go_with_what_is_unmapped(struct kunit *test)
{
	struct dma *dma = tracked(test);

	KUNIT_EXPECT_EQ(test, 0, track(dma, true));
	KUNIT_EXPECT_EQ(test, 0, write_byte(dma, IOVA));
	KUNIT_EXPECT_EQ(test, PAGE_SIZE, iommu_unmap(dma->domain, IOVA, PAGE_SIZE));
	map(test, dma, 0, 0, IOMMU_READ | IOMMU_WRITE);
	KUNIT_EXPECT_EQ(test, 0, ask(test, dma, 0));
}

static void a_write_that_is_refused_marks_nothing(struct kunit *test)
{
	struct dma *dma = tracked(test);

	KUNIT_EXPECT_EQ(test, 0, track(dma, true));
	iommu_unmap(dma->domain, IOVA, PAGE_SIZE);
	map(test, dma, 0, 0, IOMMU_READ);
	KUNIT_EXPECT_EQ(test, -EFAULT, write_byte(dma, IOVA));
	pci_clear_master(dma->pdev);
	KUNIT_EXPECT_EQ(test, -EACCES, write_byte(dma, IOVA + PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, ask(test, dma, 0));
}

static struct kunit_case iommu_cases[] = {
	KUNIT_CASE(by_default_memory_is_seen_as_it_is),
	KUNIT_CASE(it_takes_bus_mastering),
	KUNIT_CASE(a_domain_has_what_is_mapped),
	KUNIT_CASE(beyond_what_is_mapped_is_a_fault),
	KUNIT_CASE(permissions_are_kept),
	KUNIT_CASE(a_domain_is_left_again),
	KUNIT_CASE(a_domain_is_of_one_device),
	KUNIT_CASE(tracking_is_asked_for),
	KUNIT_CASE(writes_are_marked_while_it_tracks),
	KUNIT_CASE(marks_are_cleared_or_not),
	KUNIT_CASE(marks_go_with_what_is_unmapped),
	KUNIT_CASE(a_write_that_is_refused_marks_nothing),
	{}
};

static struct kunit_suite iommu_suite = {
	.name = "standins_iommu",
	.test_cases = iommu_cases,
};

kunit_test_suite(iommu_suite);
