// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault points: a test can make the driver fail at the entry of each arc, after
 * all of an arc that can be undone, and at the points of enum mtty_fault_point.
 *
 * A line "POINT ERRNO [times=N] [random] [error]" in the debugfs file "fault"
 * arms a point. An ERRNO of 0 disarms it; the last close disarms all points.
 * Documentation/debugfs.rst describes the line.
 */
#include <kunit/visibility.h>
#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/fault-inject.h>
#include <linux/fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "mtty_mig.h"
#include "trace.h"

/* Two points for each arc, before and after; then enum mtty_fault_point */
#define FAULT_NR_OF_ARCS	(2 * MTTY_NR_ARCS)
#define FAULT_NR		(FAULT_NR_OF_ARCS + MTTY_NR_FAULT_POINTS)
#define FAULT_LINE_MAX		128

/**
 * struct mtty_fault_plan - how one point is armed
 * @error: -errno; 0 if the point is not armed
 * @left: how many more times it fails; not counted if @random
 * @random: the kernel's fault injection decides whether it fails
 * @to_error: the device goes to ERROR (arcs only)
 * @fired: how many times it has failed
 */
struct mtty_fault_plan {
	int error;
	unsigned int left;
	bool random;
	bool to_error;
	unsigned int fired;
};

/**
 * struct mtty_faults - the fault points of a device
 * @lock: protects @plans and @armed
 * @armed: a point may be armed; read without the lock
 * @plans: for each arc two, before and after; then one for each other point
 * @attr: probability, interval and so on for random points
 */
struct mtty_faults {
	spinlock_t lock;	/* plans, armed */
	bool armed;
	struct mtty_fault_plan plans[FAULT_NR];
	struct fault_attr attr;
};

#define POINT(point, name) \
	[MTTY_FAULT_##point] = name,
static const char * const point_names[] = { MTTY_FAULT_POINTS(POINT) };
#undef POINT

static void fault_name(unsigned int point, char *buf, size_t size)
{
	enum vfio_device_mig_state from, to;

	if (point >= FAULT_NR_OF_ARCS) {
		strscpy(buf, point_names[point - FAULT_NR_OF_ARCS], size);
		return;
	}
	mtty_arc(point / 2, &from, &to);
	snprintf(buf, size, "%s-%s-%s", mtty_state_name(from),
		 mtty_state_name(to), point % 2 ? "after" : "before");
}

static int fault_fire(struct mtty_device *mtty, unsigned int point,
		      bool *to_error)
{
	struct mtty_faults *faults = mtty->faults;
	struct mtty_fault_plan *plan = &faults->plans[point];
	char name[FAULT_LINE_MAX];
	int error = 0;

	/* Asked for each record of a stream, and nearly never with success */
	if (!READ_ONCE(faults->armed))
		return 0;

	spin_lock(&faults->lock);
	if (plan->error && (!plan->random || should_fail(&faults->attr, 1))) {
		error = plan->error;
		*to_error = plan->to_error;
		plan->fired++;
		if (!plan->random && !--plan->left)
			plan->error = 0;
	}
	spin_unlock(&faults->lock);
	if (!error)
		return 0;

	fault_name(point, name, sizeof(name));
	trace_mtty_mig_fault(mtty, name, error);
	return error;
}

/**
 * mtty_fault - fail if a test has armed this point
 * @mtty: the device
 * @point: the point
 *
 * Return: 0, or the -errno with which the point is armed.
 */
int mtty_fault(struct mtty_device *mtty, enum mtty_fault_point point)
{
	bool to_error;

	return fault_fire(mtty, FAULT_NR_OF_ARCS + point, &to_error);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_fault);

/**
 * mtty_fault_arc - fail if a test has armed this point of an arc
 * @mtty: the device
 * @from: state that the arc starts in
 * @to: state that it leads to
 * @after: false before anything is done, true when all that can be undone is done
 * @to_error: set to whether the device shall go to ERROR
 *
 * Return: 0, or the -errno with which the point is armed.
 */
int mtty_fault_arc(struct mtty_device *mtty, enum vfio_device_mig_state from,
		   enum vfio_device_mig_state to, bool after, bool *to_error)
{
	enum vfio_device_mig_state f, t;
	unsigned int i;

	for (i = 0; mtty_arc(i, &f, &t); i++)
		if (f == from && t == to)
			return fault_fire(mtty, 2 * i + after, to_error);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(mtty_fault_arc);

/**
 * mtty_fault_reset - disarm all points
 * @mtty: the device
 *
 * The counts of how often each point has failed are kept.
 */
void mtty_fault_reset(struct mtty_device *mtty)
{
	struct mtty_faults *faults = mtty->faults;
	unsigned int i;

	spin_lock(&faults->lock);
	WRITE_ONCE(faults->armed, false);
	for (i = 0; i < FAULT_NR; i++)
		faults->plans[i] = (struct mtty_fault_plan) {
			.fired = faults->plans[i].fired,
		};
	spin_unlock(&faults->lock);
}
EXPORT_SYMBOL_IF_KUNIT(mtty_fault_reset);

/* debugfs */

static int fault_find(const char *name)
{
	char buf[FAULT_LINE_MAX];
	unsigned int i;

	for (i = 0; i < FAULT_NR; i++) {
		fault_name(i, buf, sizeof(buf));
		if (!strcmp(buf, name))
			return i;
	}
	return -EINVAL;
}

static int fault_show(struct seq_file *seq, void *unused)
{
	struct mtty_device *mtty = seq->private;
	struct mtty_faults *faults = mtty->faults;
	char name[FAULT_LINE_MAX];
	unsigned int i;

	for (i = 0; i < FAULT_NR; i++) {
		struct mtty_fault_plan plan;

		fault_name(i, name, sizeof(name));
		spin_lock(&faults->lock);
		plan = faults->plans[i];
		spin_unlock(&faults->lock);
		seq_printf(seq, "%-32s errno=%d times=%u%s%s fired=%u\n", name,
			   -plan.error, plan.left, plan.random ? " random" : "",
			   plan.to_error ? " error" : "", plan.fired);
	}
	return 0;
}

static int fault_parse_word(char *word, struct mtty_fault_plan *plan,
			    bool is_arc)
{
	if (!strncmp(word, "times=", 6))
		return kstrtouint(word + 6, 10, &plan->left) ? -EINVAL : 0;
	if (!strcmp(word, "error") && is_arc) {
		plan->to_error = true;
		return 0;
	}
	if (!strcmp(word, "random")) {
		plan->random = true;
		return IS_ENABLED(CONFIG_FAULT_INJECTION_DEBUG_FS) ?
		       0 : -EOPNOTSUPP;
	}
	return -EINVAL;
}

/* "POINT ERRNO [times=N] [random] [error]" */
static int fault_parse(struct mtty_faults *faults, char *line)
{
	struct mtty_fault_plan plan = { .left = 1 };
	char *word = strsep(&line, " ");
	unsigned int error;
	int point, ret;

	point = fault_find(word);
	if (point < 0)
		return point;
	word = strsep(&line, " ");
	if (!word || kstrtouint(word, 10, &error) || error > MAX_ERRNO)
		return -EINVAL;
	plan.error = -(int)error;
	while ((word = strsep(&line, " "))) {
		ret = fault_parse_word(word, &plan, point < FAULT_NR_OF_ARCS);
		if (ret)
			return ret;
	}
	if (!plan.left)
		return -EINVAL;

	spin_lock(&faults->lock);
	plan.fired = faults->plans[point].fired;
	faults->plans[point] = plan;
	WRITE_ONCE(faults->armed, true);
	spin_unlock(&faults->lock);
	return 0;
}

static ssize_t fault_write(struct file *filp, const char __user *ubuf,
			   size_t count, loff_t *ppos)
{
	struct seq_file *seq = filp->private_data;
	struct mtty_device *mtty = seq->private;
	char *line;
	int ret;

	if (!count || count > FAULT_LINE_MAX)
		return -EINVAL;
	line = memdup_user_nul(ubuf, count);
	if (IS_ERR(line))
		return PTR_ERR(line);
	ret = fault_parse(mtty->faults, strim(line));
	kfree(line);
	return ret ?: count;
}

static int fault_open(struct inode *inode, struct file *filp)
{
	return single_open(filp, fault_show, inode->i_private);
}

static const struct file_operations fault_fops = {
	.owner = THIS_MODULE,
	.open = fault_open,
	.read = seq_read,
	.write = fault_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/**
 * mtty_fault_debugfs - create the files that arm fault points
 * @mtty: the device
 * @dir: its directory
 */
void mtty_fault_debugfs(struct mtty_device *mtty, struct dentry *dir)
{
	debugfs_create_file("fault", 0600, dir, mtty, &fault_fops);
	fault_create_debugfs_attr("fail", dir, &mtty->faults->attr);
}

/**
 * mtty_fault_init - allocate the fault points, all disarmed
 * @mtty: the device
 *
 * Return: 0 or -ENOMEM.
 */
int mtty_fault_init(struct mtty_device *mtty)
{
	static DECLARE_FAULT_ATTR(attr);

	mtty->faults = kzalloc(sizeof(*mtty->faults), GFP_KERNEL);
	if (!mtty->faults)
		return -ENOMEM;
	spin_lock_init(&mtty->faults->lock);
	mtty->faults->attr = attr;
#ifdef CONFIG_FAULT_INJECTION
	/* No stack trace for each fault, unless a user sets verbose */
	mtty->faults->attr.verbose = 0;
#endif
	return 0;
}

/**
 * mtty_fault_exit - undo mtty_fault_init()
 * @mtty: the device
 */
void mtty_fault_exit(struct mtty_device *mtty)
{
	kfree(mtty->faults);
}
