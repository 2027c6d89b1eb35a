// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files for tests, by which they observe and control a device beyond the uAPI: a
 * directory for each device below mtty_mig/ in debugfs.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mtty_mig.h"

#define KNOB_MAX	64

static struct dentry *debugfs_root;

static int counters_show(struct seq_file *seq, void *unused)
{
	struct mtty_device *mtty = seq->private;
	u64 pages, initial, dirty, dropped;

	mutex_lock(&mtty->hw_lock);
	pages = mtty->mem->nr_pages;
	initial = mtty->mem->initial_bytes;
	dirty = mtty->mem->dirty_bytes;
	dropped = mtty->dropped_writes;
	mutex_unlock(&mtty->hw_lock);

	seq_printf(seq, "pages %llu\n", pages);
	seq_printf(seq, "initial_bytes %llu\n", initial);
	seq_printf(seq, "dirty_bytes %llu\n", dirty);
	seq_printf(seq, "dropped_writes %llu\n", dropped);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

static int digest_show(struct seq_file *seq, void *unused)
{
	seq_printf(seq, "%016llx\n", mtty_card_digest(seq->private));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(digest);

/* Parse two numbers; the second one must not be 0 */
static int knob_read_pair(const char __user *ubuf, size_t count, u64 *first,
			  u64 *second)
{
	char *line, *word, *rest;
	bool good;

	if (!count || count > KNOB_MAX)
		return -EINVAL;
	line = memdup_user_nul(ubuf, count);
	if (IS_ERR(line))
		return PTR_ERR(line);

	rest = strim(line);
	word = strsep(&rest, " ");
	good = rest && !kstrtou64(word, 0, first) &&
	       !kstrtou64(rest, 0, second) && *second;
	kfree(line);
	return good ? 0 : -EINVAL;
}

/* "FIRST COUNT": change COUNT pages of device memory from page FIRST on */
static ssize_t dirty_write(struct file *filp, const char __user *ubuf,
			   size_t count, loff_t *ppos)
{
	struct mtty_device *mtty = filp->private_data;
	u64 first, pages;
	int ret;

	ret = knob_read_pair(ubuf, count, &first, &pages);
	if (!ret)
		ret = mtty_card_dirty(mtty, first, pages);
	return ret ?: count;
}

static const struct file_operations dirty_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = dirty_write,
};

/* "CHANNEL BYTES": step a channel of the engine */
static ssize_t engine_step_write(struct file *filp, const char __user *ubuf,
				 size_t count, loff_t *ppos)
{
	struct mtty_device *mtty = filp->private_data;
	u64 channel, bytes;
	s64 moved;
	int ret;

	ret = knob_read_pair(ubuf, count, &channel, &bytes);
	if (ret)
		return ret;
	if (channel >= MTTY_MIG_NR_DMA)
		return -EINVAL;
	moved = mtty_engine_step(mtty, channel, bytes);
	if (moved < 0)
		return moved;
	return moved ? count : -EBUSY;
}

static const struct file_operations engine_step_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = engine_step_write,
};

static int engine_hold_get(void *data, u64 *val)
{
	struct mtty_device *mtty = data;

	*val = READ_ONCE(mtty->engine_held);
	return 0;
}

static int engine_hold_set(void *data, u64 val)
{
	if (val > 1)
		return -EINVAL;
	return mtty_engine_hold(data, val);
}
DEFINE_DEBUGFS_ATTRIBUTE(engine_hold_fops, engine_hold_get, engine_hold_set,
			 "%llu\n");

static int reinit_set(void *data, u64 val)
{
	return val == 1 ? mtty_fsm_reinit(data) : -EINVAL;
}
DEFINE_DEBUGFS_ATTRIBUTE(reinit_fops, NULL, reinit_set, "%llu\n");

static int page_requests_show(struct seq_file *seq, void *unused)
{
	struct mtty_device *mtty = seq->private;
	const struct mtty_pri *pri = &mtty->hw.pri;
	u32 i;

	mutex_lock(&mtty->hw_lock);
	for (i = 0; i < pri->nr_open + pri->nr_queued; i++)
		seq_printf(seq, "%u %#llx %s\n", pri->requests[i].id,
			   pri->requests[i].iova,
			   i < pri->nr_open ? "open" : "queued");
	mutex_unlock(&mtty->hw_lock);
	return 0;
}

static int page_requests_open(struct inode *inode, struct file *filp)
{
	return single_open(filp, page_requests_show, inode->i_private);
}

/* "open IOVA" or "answer ID" */
static ssize_t page_requests_write(struct file *filp, const char __user *ubuf,
				   size_t count, loff_t *ppos)
{
	struct seq_file *seq = filp->private_data;
	struct mtty_device *mtty = seq->private;
	char *line, *verb, *rest;
	int ret = -EINVAL;
	u64 arg;

	if (!count || count > KNOB_MAX)
		return -EINVAL;
	line = memdup_user_nul(ubuf, count);
	if (IS_ERR(line))
		return PTR_ERR(line);

	rest = strim(line);
	verb = strsep(&rest, " ");
	if (!rest || kstrtou64(rest, 0, &arg))
		goto out;
	if (!strcmp(verb, "open"))
		ret = mtty_card_raise(mtty, arg);
	else if (!strcmp(verb, "answer") && arg <= U32_MAX)
		ret = mtty_card_answer(mtty, arg);
out:
	kfree(line);
	return ret ?: count;
}

static const struct file_operations page_requests_fops = {
	.owner = THIS_MODULE,
	.open = page_requests_open,
	.read = seq_read,
	.write = page_requests_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/**
 * mtty_debugfs_create - create a device's directory
 * @mtty: the device
 *
 * Ignores errors: a device also works without its debugfs files.
 */
void mtty_debugfs_create(struct mtty_device *mtty)
{
	struct dentry *dir;

	dir = debugfs_create_dir(dev_name(mtty->vdev.dev), debugfs_root);
	mtty->debugfs = dir;
	debugfs_create_file("counters", 0400, dir, mtty, &counters_fops);
	debugfs_create_file("digest", 0400, dir, mtty, &digest_fops);
	debugfs_create_file("dirty", 0200, dir, mtty, &dirty_fops);
	debugfs_create_file("engine_step", 0200, dir, mtty, &engine_step_fops);
	debugfs_create_file("engine_hold", 0600, dir, mtty, &engine_hold_fops);
	debugfs_create_file("reinit", 0200, dir, mtty, &reinit_fops);
	debugfs_create_file("page_requests", 0600, dir, mtty,
			    &page_requests_fops);
	mtty_fault_debugfs(mtty, dir);
}

/**
 * mtty_debugfs_remove - remove a device's directory
 * @mtty: the device
 *
 * Context: Waits for threads that are using one of its files.
 */
void mtty_debugfs_remove(struct mtty_device *mtty)
{
	debugfs_remove_recursive(mtty->debugfs);
	mtty->debugfs = NULL;
}

/**
 * mtty_debugfs_module_init - create the directory of all devices
 */
void mtty_debugfs_module_init(void)
{
	debugfs_root = debugfs_create_dir(MTTY_MIG_NAME, NULL);
}

/**
 * mtty_debugfs_module_exit - remove the directory of all devices
 */
void mtty_debugfs_module_exit(void)
{
	debugfs_remove_recursive(debugfs_root);
}
