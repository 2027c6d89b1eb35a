// SPDX-License-Identifier: GPL-2.0-only
/* What all stand-ins share: the model of a VF, and the files of debugfs. */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../lib/standin.h"
#include "cards.h"

#define STATE_SIZE	96

/* Of BAR 0, in a VF's state: what the stand-in answers itself */
#define OWN_REGISTER	0x20

/* What the stand-in was told */
static struct {
	unsigned int resets;
	unsigned int probes;
	unsigned int removes;
	dma_addr_t iova;
	size_t size;
} told;

static int model_probe(struct standin_pf *pf)
{
	told.probes++;
	return 0;
}

static void model_remove(struct standin_pf *pf)
{
	told.removes++;
}

static void model_reset(struct standin_vf *vf)
{
	told.resets |= BIT(vf->id);
}

static void model_written(struct standin_vf *vf, dma_addr_t iova, size_t size)
{
	told.iova = iova;
	told.size = size;
}

static void model_mask(const struct standin_vf *vf, u8 *mask)
{
	mask[OWN_REGISTER] = 0x0f;
}

static bool model_read(struct standin_pf *pf, struct standin_vf *vf, unsigned int bar, u64 offset,
		       unsigned int size, u64 *value)
{
	*value = vf ? vf->id : 0x99;
	return offset == OWN_REGISTER;
}

static bool model_write(struct standin_pf *pf, struct standin_vf *vf, unsigned int bar, u64 offset,
			unsigned int size, u64 value)
{
	return offset == OWN_REGISTER;
}

static const struct standin model = {
	.name = "standin_kunit",
	.card = {
		.vendor = TEST_VENDOR,
		.device = TEST_MODEL,
		.vf_device = TEST_VF,
		.class = PCI_CLASS_OTHERS << 8,
		.vfs = TEST_VFS,
		.bars = { [0] = SZ_4K },
		.vf_bars = { [0] = SZ_8K },
	},
	.size = STATE_SIZE,
	.probe = model_probe,
	.remove = model_remove,
	.reset = model_reset,
	.written = model_written,
	.mask = model_mask,
	.read = model_read,
	.write = model_write,
};

/* The VFs of the card, which is there for all tests: that its VFs go takes a second */
static struct standin_vf *vfs_of(struct kunit *test)
{
	struct pci_dev *pf = pci_get_device(TEST_VENDOR, TEST_MODEL, NULL);
	struct standin_vf *vfs;

	KUNIT_ASSERT_NOT_NULL(test, pf);
	KUNIT_ASSERT_NOT_NULL(test, standin_pf_of(pf));
	vfs = standin_pf_of(pf)->vfs;
	pci_dev_put(pf);
	return vfs;
}

static void put_pdev(void *data)
{
	pci_dev_put(data);
}

static struct pci_dev *pdev_of(struct kunit *test, struct standin_vf *vf)
{
	struct pci_dev *pdev = standin_vf_pdev(vf);

	KUNIT_ASSERT_NOT_NULL(test, pdev);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_pdev, pdev));
	return pdev;
}

/* Files */

static const char *path_of(struct kunit *test, struct standin_vf *vf, const char *name)
{
	char *path = kunit_kzalloc(test, 128, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, path);
	snprintf(path, 128, "standin/%s/vf%u/%s", pci_name(vf->pf->pdev), vf->id, name);
	return path;
}

static ssize_t say(struct kunit *test, struct standin_vf *vf, const char *name, const char *words)
{
	return test_file_write(test, path_of(test, vf, name), words, strlen(words));
}

/* A line of the file "calls" */
static bool calls_say(struct kunit *test, struct standin_vf *vf, const char *line)
{
	char text[256];
	ssize_t n = test_file_read(test, path_of(test, vf, "calls"), text, sizeof(text) - 1);

	KUNIT_ASSERT_GE(test, n, 0);
	text[n] = '\0';
	return strstr(text, line);
}

/* Who is whose */

static void a_card_has_its_vfs(struct kunit *test)
{
	struct standin_vf *vfs = vfs_of(test);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, TEST_VFS, vfs[0].pf->nr_vfs);
	for (i = 0; i < TEST_VFS; i++) {
		struct pci_dev *pdev = pdev_of(test, &vfs[i]);

		KUNIT_EXPECT_PTR_EQ(test, &vfs[i], standin_vf_of(pdev));
		KUNIT_EXPECT_PTR_EQ(test, vfs[i].pf, standin_pf_of(pdev));
		KUNIT_EXPECT_EQ(test, i, vfs[i].id);
		KUNIT_EXPECT_TRUE(test, vfs[i].running);
		KUNIT_EXPECT_EQ(test, STATE_SIZE, vfs[i].size);
		KUNIT_EXPECT_NULL(test, memchr_inv(vfs[i].state, 0, STATE_SIZE));
	}
	KUNIT_EXPECT_NULL(test, standin_vf_of(vfs[0].pf->pdev));
	KUNIT_EXPECT_STREQ(test, "standin_kunit", standin_pf_driver()->name);
}

static void there_is_one_kind_at_a_time(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, -EBUSY, standin_register(&model, THIS_MODULE));
	standin_unregister();
	KUNIT_EXPECT_EQ(test, 1, told.removes);
	KUNIT_EXPECT_NULL(test, pci_get_device(TEST_VENDOR, TEST_MODEL, NULL));
	KUNIT_EXPECT_EQ(test, 0, standin_register(&model, THIS_MODULE));
	KUNIT_EXPECT_EQ(test, 1, told.probes);
	KUNIT_EXPECT_EQ(test, TEST_VFS, vfs_of(test)->pf->nr_vfs);
}

/* State */

static void what_is_saved_can_be_loaded(struct kunit *test)
{
	struct standin_vf *vfs = vfs_of(test);
	size_t size = standin_image_size(&vfs[0]);
	void *image = kunit_kzalloc(test, size, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, image);
	for (i = 0; i < STATE_SIZE; i++)
		vfs[0].state[i] = i * 7 + 1;
	standin_save(&vfs[0], image);
	KUNIT_EXPECT_EQ(test, 0, standin_load(&vfs[1], image, size));
	KUNIT_EXPECT_MEMEQ(test, vfs[0].state, vfs[1].state, STATE_SIZE);
	KUNIT_EXPECT_NULL(test, memchr_inv(vfs[2].state, 0, STATE_SIZE));
}

static void an_image_that_is_not_whole_is_refused(struct kunit *test)
{
	struct standin_vf *vfs = vfs_of(test);
	size_t size = standin_image_size(&vfs[0]), i;
	u8 *image = kunit_kzalloc(test, size + 1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, image);
	memset(vfs[0].state, 0x11, STATE_SIZE);
	memset(vfs[1].state, 0x22, STATE_SIZE);
	standin_save(&vfs[0], image);
	for (i = 0; i < size; i++) {
		image[i] ^= 0x80;
		KUNIT_EXPECT_EQ_MSG(test, -EINVAL, standin_load(&vfs[1], image, size),
				    "byte %zu is another", i);
		image[i] ^= 0x80;
		KUNIT_EXPECT_EQ_MSG(test, -EINVAL, standin_load(&vfs[1], image, i),
				    "%zu bytes", i);
	}
	KUNIT_EXPECT_EQ(test, -EINVAL, standin_load(&vfs[1], image, size + 1));
	KUNIT_EXPECT_NULL(test, memchr_inv(vfs[1].state, 0x22, STATE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, standin_load(&vfs[1], image, size));
}

static void reset_makes_it_new(struct kunit *test)
{
	struct standin_vf *vfs = vfs_of(test);

	memset(vfs[0].state, 0x11, STATE_SIZE);
	memset(vfs[1].state, 0x22, STATE_SIZE);
	standin_suspend(&vfs[0]);
	standin_suspend(&vfs[1]);
	vfs[0].quiet = true;
	vfs[1].quiet = true;
	KUNIT_ASSERT_EQ(test, 0, pcie_flr(pdev_of(test, &vfs[1])));
	KUNIT_EXPECT_EQ(test, BIT(1), told.resets);
	KUNIT_EXPECT_TRUE(test, vfs[1].running);
	KUNIT_EXPECT_FALSE(test, vfs[1].quiet);
	KUNIT_EXPECT_NULL(test, memchr_inv(vfs[1].state, 0, STATE_SIZE));
	KUNIT_EXPECT_FALSE(test, vfs[0].running);
	KUNIT_EXPECT_TRUE(test, vfs[0].quiet);
	KUNIT_EXPECT_EQ(test, 0x11, vfs[0].state[0]);
}

static void bar_0_begins_with_the_state(struct kunit *test)
{
	struct standin_vf *vfs = vfs_of(test);
	void __iomem *at = test_map(test, pdev_of(test, &vfs[1]), 0);

	writel(0x44332211, at + 4);
	KUNIT_EXPECT_EQ(test, 0x11, vfs[1].state[4]);
	KUNIT_EXPECT_EQ(test, 0x44, vfs[1].state[7]);
	vfs[1].state[STATE_SIZE - 1] = 0x77;
	KUNIT_EXPECT_EQ(test, 0x77, readb(at + STATE_SIZE - 1));
	KUNIT_EXPECT_EQ(test, 0, vfs[0].state[4]);
	/* What is behind it is memory. */
	writel(0x1234, at + STATE_SIZE);
	KUNIT_EXPECT_EQ(test, 0x1234, readl(at + STATE_SIZE));
	/* The stand-in is asked first. */
	writel(0xffff, at + OWN_REGISTER);
	KUNIT_EXPECT_EQ(test, 0, vfs[1].state[OWN_REGISTER]);
	KUNIT_EXPECT_EQ(test, 1, readl(at + OWN_REGISTER));
	at = test_map(test, vfs[0].pf->pdev, 0);
	KUNIT_EXPECT_EQ(test, 0x99, readl(at + OWN_REGISTER));
}

static void files_show_the_state(struct kunit *test)
{
	struct standin_vf *vf = vfs_of(test);
	u8 data[STATE_SIZE + 1];
	char word[4] = {};

	memset(data, 0x33, sizeof(data));
	KUNIT_EXPECT_EQ(test, STATE_SIZE,
			test_file_write(test, path_of(test, vf, "state"), data, STATE_SIZE));
	KUNIT_EXPECT_NULL(test, memchr_inv(vf->state, 0x33, STATE_SIZE));
	vf->state[0] = 0x44;
	KUNIT_EXPECT_EQ(test, STATE_SIZE,
			test_file_read(test, path_of(test, vf, "state"), data, sizeof(data)));
	KUNIT_EXPECT_MEMEQ(test, vf->state, data, STATE_SIZE);
	KUNIT_EXPECT_EQ(test, STATE_SIZE,
			test_file_read(test, path_of(test, vf, "mask"), data, sizeof(data)));
	KUNIT_EXPECT_EQ(test, 0xff, data[0]);
	KUNIT_EXPECT_EQ(test, 0x0f, data[OWN_REGISTER]);

	KUNIT_EXPECT_EQ(test, 2, test_file_read(test, path_of(test, vf, "running"), word, 3));
	KUNIT_EXPECT_STREQ(test, "Y\n", word);
	standin_suspend(vf);
	KUNIT_EXPECT_EQ(test, -EBUSY,
			test_file_write(test, path_of(test, vf, "state"), data, STATE_SIZE));
	KUNIT_EXPECT_EQ(test, 2, test_file_read(test, path_of(test, vf, "running"), word, 3));
	KUNIT_EXPECT_STREQ(test, "N\n", word);
	standin_resume(vf);
	KUNIT_EXPECT_TRUE(test, vf->running);

	KUNIT_EXPECT_EQ(test, 2, test_file_read(test, path_of(test, vf, "quiet"), word, 3));
	KUNIT_EXPECT_STREQ(test, "N\n", word);
	vf->quiet = true;
	KUNIT_EXPECT_EQ(test, 2, test_file_read(test, path_of(test, vf, "quiet"), word, 3));
	KUNIT_EXPECT_STREQ(test, "Y\n", word);
}

static void a_vf_that_runs_does_dma(struct kunit *test)
{
	struct standin_vf *vf = vfs_of(test);
	struct pci_dev *pdev = pdev_of(test, vf);
	u8 *page = (u8 *)get_zeroed_page(GFP_KERNEL);
	char words[64];

	KUNIT_ASSERT_NOT_NULL(test, page);
	snprintf(words, sizeof(words), "%#llx 4 0x5a", (u64)virt_to_phys(page + 8));
	KUNIT_EXPECT_EQ(test, -EACCES, say(test, vf, "dma", words));
	KUNIT_EXPECT_EQ(test, 0, told.size);
	pci_set_master(pdev);
	KUNIT_EXPECT_EQ(test, strlen(words), say(test, vf, "dma", words));
	KUNIT_EXPECT_EQ(test, 0, page[7]);
	KUNIT_EXPECT_NULL(test, memchr_inv(page + 8, 0x5a, 4));
	KUNIT_EXPECT_EQ(test, 0, page[12]);
	KUNIT_EXPECT_EQ(test, virt_to_phys(page + 8), told.iova);
	KUNIT_EXPECT_EQ(test, 4, told.size);
	page[8] = 0;
	standin_suspend(vf);
	KUNIT_EXPECT_EQ(test, -EBUSY, say(test, vf, "dma", words));
	KUNIT_EXPECT_EQ(test, 0, page[8]);
	KUNIT_EXPECT_EQ(test, -EINVAL, say(test, vf, "dma", "0 0 0"));
	KUNIT_EXPECT_EQ(test, -EINVAL, say(test, vf, "dma", "0x1000 4"));
	free_page((unsigned long)page);
}

/* Calls */

static void calls_are_counted(struct kunit *test)
{
	struct standin_vf *vfs = vfs_of(test);
	unsigned int i;

	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, 0, standin_call(&vfs[0], "save"));
	KUNIT_EXPECT_EQ(test, 0, standin_call(&vfs[0], "load"));
	KUNIT_EXPECT_TRUE(test, calls_say(test, &vfs[0], "save 3\n"));
	KUNIT_EXPECT_TRUE(test, calls_say(test, &vfs[0], "load 1\n"));
	KUNIT_EXPECT_FALSE(test, calls_say(test, &vfs[1], "save 3\n"));
	say(test, &vfs[0], "calls", "0");
	KUNIT_EXPECT_TRUE(test, calls_say(test, &vfs[0], "save 0\n"));
}

static void the_nth_call_fails(struct kunit *test)
{
	struct standin_vf *vfs = vfs_of(test);

	KUNIT_EXPECT_EQ(test, 9, say(test, &vfs[0], "fail", "save 2 22"));
	KUNIT_EXPECT_EQ(test, 0, standin_call(&vfs[0], "save"));
	KUNIT_EXPECT_EQ(test, 0, standin_call(&vfs[0], "load"));
	KUNIT_EXPECT_EQ(test, 0, standin_call(&vfs[1], "save"));
	KUNIT_EXPECT_EQ(test, 0, standin_call(&vfs[1], "save"));
	KUNIT_EXPECT_EQ(test, -EINVAL, standin_call(&vfs[0], "save"));
	KUNIT_EXPECT_EQ(test, 0, standin_call(&vfs[0], "save"));
	KUNIT_EXPECT_TRUE(test, calls_say(test, &vfs[0], "save 3\n"));
	/* What was to come is forgotten. */
	say(test, &vfs[0], "fail", "save 1 5");
	say(test, &vfs[0], "calls", "0");
	KUNIT_EXPECT_EQ(test, 0, standin_call(&vfs[0], "save"));
	KUNIT_EXPECT_EQ(test, -EINVAL, say(test, &vfs[0], "fail", "save"));
	KUNIT_EXPECT_EQ(test, -EINVAL, say(test, &vfs[0], "fail", "save 1 0"));
	KUNIT_EXPECT_EQ(test, -EINVAL, say(test, &vfs[0], "fail", "save 1 4096"));
}

/**
 * struct caller - who calls the firmware
 * @vf: of which VF
 * @ret: what it got
 * @done: it has
 */
struct caller {
	struct standin_vf *vf;
	int ret;
	struct completion done;
};

static int call_late(void *data)
{
	struct caller *caller = data;

	caller->ret = standin_call(caller->vf, "late");
	complete(&caller->done);
	return 0;
}

static void a_call_waits_until_it_is_let_go(struct kunit *test)
{
	struct standin_vf *vf = vfs_of(test);
	struct caller caller = { .vf = vf, .ret = 1 };
	struct task_struct *thread;

	init_completion(&caller.done);
	KUNIT_EXPECT_EQ(test, 8, say(test, vf, "wait", "late 2 0"));
	KUNIT_EXPECT_EQ(test, 8, say(test, vf, "fail", "late 2 5"));
	KUNIT_EXPECT_EQ(test, 0, standin_call(vf, "late"));
	KUNIT_EXPECT_FALSE(test, calls_say(test, vf, "waiting"));
	thread = kthread_run(call_late, &caller, "standins_kunit");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	while (!calls_say(test, vf, "late 2 waiting\n"))
		cond_resched();
	KUNIT_EXPECT_FALSE(test, completion_done(&caller.done));
	/* Others do not wait, neither by another name nor by this one. */
	KUNIT_EXPECT_EQ(test, 0, standin_call(vf, "save"));
	KUNIT_EXPECT_EQ(test, 0, standin_call(vf, "late"));
	say(test, vf, "calls", "0");
	wait_for_completion(&caller.done);
	KUNIT_EXPECT_EQ(test, -EIO, caller.ret);
	KUNIT_EXPECT_FALSE(test, calls_say(test, vf, "waiting"));
}

static void a_call_takes_its_time(struct kunit *test)
{
	struct standin_vf *vf = vfs_of(test);
	ktime_t begun = ktime_get();

	say(test, vf, "wait", "late 1 20");
	KUNIT_EXPECT_EQ(test, 0, standin_call(vf, "late"));
	KUNIT_EXPECT_GE(test, ktime_ms_delta(ktime_get(), begun), 20);
	KUNIT_EXPECT_EQ(test, -EINVAL, say(test, vf, "wait", "late"));
}

static struct kunit_case model_cases[] = {
	KUNIT_CASE(a_card_has_its_vfs),
	KUNIT_CASE(there_is_one_kind_at_a_time),
	KUNIT_CASE(what_is_saved_can_be_loaded),
	KUNIT_CASE(an_image_that_is_not_whole_is_refused),
	KUNIT_CASE(reset_makes_it_new),
	KUNIT_CASE(bar_0_begins_with_the_state),
	KUNIT_CASE(files_show_the_state),
	KUNIT_CASE(a_vf_that_runs_does_dma),
	KUNIT_CASE(calls_are_counted),
	KUNIT_CASE(the_nth_call_fails),
	KUNIT_CASE(a_call_waits_until_it_is_let_go),
	KUNIT_CASE(a_call_takes_its_time),
	{}
};

static int model_suite_init(struct kunit_suite *suite)
{
	return standin_register(&model, THIS_MODULE);
}

static void model_suite_exit(struct kunit_suite *suite)
{
	standin_unregister();
}

/* As they are when the card is plugged in */
static int model_init(struct kunit *test)
{
	struct standin_vf *vfs = vfs_of(test);
	unsigned int i;

	for (i = 0; i < TEST_VFS; i++) {
		memset(vfs[i].state, 0, STATE_SIZE);
		vfs[i].running = true;
		vfs[i].quiet = false;
		say(test, &vfs[i], "calls", "0");
		pci_clear_master(pdev_of(test, &vfs[i]));
	}
	memset(&told, 0, sizeof(told));
	return 0;
}

static struct kunit_suite model_suite = {
	.name = "standins_model",
	.suite_init = model_suite_init,
	.suite_exit = model_suite_exit,
	.init = model_init,
	.test_cases = model_cases,
};

kunit_test_suite(model_suite);
