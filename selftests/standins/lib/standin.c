// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all stand-ins share: the driver of the PF, the model of a VF, calls that fail or
 * wait, DMA of the model.
 *
 * debugfs, standin/ADDRESS-OF-THE-PF/vfN/, is where a test makes the device work and the
 * firmware fail; see Documentation/standins.rst.
 */
#include <linux/cleanup.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/xxhash.h>

#include "../bus/swiommu.h"
#include "standin.h"

static unsigned int vfs = 3;
module_param(vfs, uint, 0444);
MODULE_PARM_DESC(vfs, "how many VFs are enabled when the PF is bound");

/* There is one kind at a time; several would need names in their modules only. */
static const struct standin *current_kind;
static struct swpci_card current_card;
static struct swpci_slot *slot;

/*
 * Its card, while the PF is bound.  Whoever can reach a register or a VF's model is bound
 * to a function of it, and the PF's driver goes last: nobody needs a lock.
 */
static struct standin_pf *the_pf;
static struct dentry *root;

/* Calls */

/**
 * struct call - a function of the firmware's interface, of a VF
 * @list: of the VF
 * @name: its name
 * @count: how often it was called
 * @fail_in: the call that fails, counted from now on; 0: none
 * @error: what that gives
 * @wait_in: the call that waits; 0: none
 * @ms: how long; 0: until it is let go
 * @waiting: one waits to be let go
 */
struct call {
	struct list_head list;
	char name[32];
	unsigned long count;
	unsigned int fail_in;
	int error;
	unsigned int wait_in;
	unsigned int ms;
	bool waiting;
};

/* Over all calls of all VFs: they are few */
static DEFINE_SPINLOCK(calls_lock);

static struct call *find_call(struct standin_vf *vf, const char *name)
{
	struct call *call;

	list_for_each_entry(call, &vf->calls, list)
		if (!strcmp(call->name, name))
			return call;
	return NULL;
}

static struct call *make_call(struct standin_vf *vf, const char *name)
{
	struct call *call, *new = kzalloc(sizeof(*new), GFP_KERNEL);

	guard(spinlock)(&calls_lock);
	call = find_call(vf, name);
	if (call || !new) {
		kfree(new);
		return call;
	}
	strscpy(new->name, name);
	list_add_tail(&new->list, &vf->calls);
	return new;
}

static void free_calls(struct standin_vf *vf)
{
	struct call *call, *next;

	list_for_each_entry_safe(call, next, &vf->calls, list)
		kfree(call);
	INIT_LIST_HEAD(&vf->calls);
}

static bool let_go(struct call *call)
{
	guard(spinlock)(&calls_lock);
	return !call->waiting;
}

/* What is asked of this call: true for to wait */
static bool count_call(struct call *call, int *error, unsigned int *ms)
{
	bool wait = false;

	guard(spinlock)(&calls_lock);
	call->count++;
	if (call->fail_in && !--call->fail_in)
		*error = call->error;
	if (call->wait_in && !--call->wait_in) {
		wait = true;
		*ms = call->ms;
		call->waiting = !call->ms;
	}
	return wait;
}

/**
 * standin_call - the driver calls the firmware
 * @vf: about this VF
 * @name: what it calls, without the prefix that all have: "suspend"
 *
 * Each function that a stand-in exports begins with it, so that a test can let it take
 * long or fail.  Takes no lock and may sleep.
 *
 * Return: 0, or the error that the function has to give at once.
 */
int standin_call(struct standin_vf *vf, const char *name)
{
	struct call *call = make_call(vf, name);
	unsigned int ms = 0;
	int error = 0;

	if (!call)
		return 0;
	if (count_call(call, &error, &ms)) {
		if (ms)
			msleep(ms);
		else
			wait_event(vf->wait, let_go(call));
	}
	return error;
}
EXPORT_SYMBOL_GPL(standin_call);

/* The model */

/**
 * struct image - how a model's state is saved
 * @magic: IMAGE_MAGIC
 * @size: of what follows, in bytes
 * @digest: of what follows
 */
struct image {
	__le64 magic;
	__le64 size;
	__le64 digest;
};

#define IMAGE_MAGIC	0x6e69646e61747321ULL

/**
 * standin_suspend - the firmware stops a VF
 * @vf: the VF; its lock is taken
 */
void standin_suspend(struct standin_vf *vf)
{
	guard(mutex)(&vf->lock);
	vf->running = false;
}
EXPORT_SYMBOL_GPL(standin_suspend);

/**
 * standin_resume - the firmware lets a VF run
 * @vf: the VF; its lock is taken
 */
void standin_resume(struct standin_vf *vf)
{
	guard(mutex)(&vf->lock);
	vf->running = true;
}
EXPORT_SYMBOL_GPL(standin_resume);

/**
 * standin_image_size - how much standin_save() writes
 * @vf: the VF
 *
 * Return: in bytes.
 */
size_t standin_image_size(const struct standin_vf *vf)
{
	return sizeof(struct image) + vf->size;
}
EXPORT_SYMBOL_GPL(standin_image_size);

/**
 * standin_save - write a VF's state down
 * @vf: the VF; its lock is taken.  Whether it may run meanwhile is the stand-in's to say
 * @image: standin_image_size() bytes
 */
void standin_save(struct standin_vf *vf, void *image)
{
	struct image *head = image;

	guard(mutex)(&vf->lock);
	memcpy(head + 1, vf->state, vf->size);
	head->magic = cpu_to_le64(IMAGE_MAGIC);
	head->size = cpu_to_le64(vf->size);
	head->digest = cpu_to_le64(xxh64(head + 1, vf->size, 0));
}
EXPORT_SYMBOL_GPL(standin_save);

/**
 * standin_load - give a VF the state that was written down
 * @vf: the VF; its lock is taken
 * @image: what standin_save() wrote
 * @size: in bytes
 *
 * Return: 0, or -EINVAL for an image that is not whole, or of another kind of VF, in
 * which case the VF is as before.
 */
int standin_load(struct standin_vf *vf, const void *image, size_t size)
{
	const struct image *head = image;

	if (size != standin_image_size(vf) || le64_to_cpu(head->magic) != IMAGE_MAGIC ||
	    le64_to_cpu(head->size) != vf->size ||
	    le64_to_cpu(head->digest) != xxh64(head + 1, vf->size, 0))
		return -EINVAL;
	guard(mutex)(&vf->lock);
	memcpy(vf->state, head + 1, vf->size);
	return 0;
}
EXPORT_SYMBOL_GPL(standin_load);

/* Without its lock */
static void reset_vf(struct standin_vf *vf)
{
	memset(vf->state, 0, vf->size);
	vf->running = true;
	vf->quiet = false;
	if (vf->pf->standin->reset)
		vf->pf->standin->reset(vf);
}

/* Who is whose */

/**
 * standin_pf_of - the card of a PF
 * @pdev: the PF, or a VF of it
 *
 * Return: the card, or NULL.
 */
struct standin_pf *standin_pf_of(struct pci_dev *pdev)
{
	struct standin_pf *pf = READ_ONCE(the_pf);

	return pf && pf->pdev == pci_physfn(pdev) ? pf : NULL;
}
EXPORT_SYMBOL_GPL(standin_pf_of);

/**
 * standin_vf_of - the model of a VF
 * @pdev: the VF
 *
 * Return: the model, or NULL for what is no VF of a stand-in.
 */
struct standin_vf *standin_vf_of(struct pci_dev *pdev)
{
	struct standin_pf *pf = standin_pf_of(pdev);
	int id = pci_iov_vf_id(pdev);

	return pf && id >= 0 && id < pf->nr_vfs ? &pf->vfs[id] : NULL;
}
EXPORT_SYMBOL_GPL(standin_vf_of);

/**
 * standin_vf_pdev - the function that a model is behind
 * @vf: the model
 *
 * Return: the VF, with a reference that the caller gives back, or NULL if the VFs are
 * not enabled.
 */
struct pci_dev *standin_vf_pdev(struct standin_vf *vf)
{
	struct pci_dev *pf = vf->pf->pdev;

	return pci_get_domain_bus_and_slot(pci_domain_nr(pf->bus), pf->bus->number,
					   pf->devfn + 1 + vf->id);
}
EXPORT_SYMBOL_GPL(standin_vf_pdev);

/* Registers.  The kernel writes to the table of MSI-X where it may not sleep. */

static struct standin_vf *vf_number(struct standin_pf *pf, int vf)
{
	return vf >= 0 && vf < pf->nr_vfs ? &pf->vfs[vf] : NULL;
}

static bool in_state(const struct standin_vf *vf, unsigned int bar, u64 offset, unsigned int size)
{
	return vf && !bar && offset + size <= vf->size;
}

static bool read_register(void *priv, int number, unsigned int bar, u64 offset, unsigned int size,
			  u64 *value)
{
	struct standin_pf *pf = READ_ONCE(the_pf);
	struct standin_vf *vf = pf ? vf_number(pf, number) : NULL;

	if (!pf)
		return false;
	if (pf->standin->read && pf->standin->read(pf, vf, bar, offset, size, value))
		return true;
	if (!in_state(vf, bar, offset, size))
		return false;
	guard(mutex)(&vf->lock);
	*value = 0;
	memcpy(value, vf->state + offset, size);
	return true;
}

static bool write_register(void *priv, int number, unsigned int bar, u64 offset,
			   unsigned int size, u64 value)
{
	struct standin_pf *pf = READ_ONCE(the_pf);
	struct standin_vf *vf = pf ? vf_number(pf, number) : NULL;

	if (!pf)
		return false;
	if (pf->standin->write && pf->standin->write(pf, vf, bar, offset, size, value))
		return true;
	if (!in_state(vf, bar, offset, size))
		return false;
	guard(mutex)(&vf->lock);
	memcpy(vf->state + offset, &value, size);
	return true;
}

static void reset_function(void *priv, int number)
{
	struct standin_pf *pf = READ_ONCE(the_pf);
	struct standin_vf *vf = pf ? vf_number(pf, number) : NULL;

	if (!vf)
		return;
	guard(mutex)(&vf->lock);
	reset_vf(vf);
}

static const struct swpci_ops card_ops = {
	.read = read_register,
	.write = write_register,
	.flr = reset_function,
};

/* debugfs */

static ssize_t get_words(const char __user *from, size_t count, char *to, size_t size)
{
	if (count >= size)
		return -EINVAL;
	if (copy_from_user(to, from, count))
		return -EFAULT;
	to[count] = '\0';
	return count;
}

static int calls_show(struct seq_file *file, void *unused)
{
	struct standin_vf *vf = file->private;
	struct call *call;

	guard(spinlock)(&calls_lock);
	list_for_each_entry(call, &vf->calls, list)
		seq_printf(file, "%s %lu%s\n", call->name, call->count,
			   call->waiting ? " waiting" : "");
	return 0;
}

/* All is as at the beginning: nothing counted, nothing to come, nobody waits. */
static ssize_t calls_write(struct file *file, const char __user *from, size_t count, loff_t *pos)
{
	struct standin_vf *vf = ((struct seq_file *)file->private_data)->private;
	struct call *call;

	scoped_guard(spinlock, &calls_lock)
		list_for_each_entry(call, &vf->calls, list) {
			call->count = 0;
			call->fail_in = 0;
			call->wait_in = 0;
			call->waiting = false;
		}
	wake_up_all(&vf->wait);
	return count;
}

static int calls_open(struct inode *inode, struct file *file)
{
	return single_open(file, calls_show, inode->i_private);
}

static const struct file_operations calls_fops = {
	.owner = THIS_MODULE,
	.open = calls_open,
	.read = seq_read,
	.write = calls_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* "NAME NTH ERRNO" */
static ssize_t fail_write(struct file *file, const char __user *from, size_t count, loff_t *pos)
{
	struct standin_vf *vf = file->private_data;
	char words[64], name[32];
	unsigned int nth, error;
	struct call *call;
	ssize_t ret = get_words(from, count, words, sizeof(words));

	if (ret < 0)
		return ret;
	if (sscanf(words, "%31s %u %u", name, &nth, &error) != 3 || !error || error > MAX_ERRNO)
		return -EINVAL;
	call = make_call(vf, name);
	if (!call)
		return -ENOMEM;
	guard(spinlock)(&calls_lock);
	call->fail_in = nth;
	call->error = -error;
	return count;
}

static const struct file_operations fail_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = fail_write,
};

/* "NAME NTH MILLISECONDS"; 0 milliseconds: until calls is written to */
static ssize_t wait_write(struct file *file, const char __user *from, size_t count, loff_t *pos)
{
	struct standin_vf *vf = file->private_data;
	char words[64], name[32];
	unsigned int nth, ms;
	struct call *call;
	ssize_t ret = get_words(from, count, words, sizeof(words));

	if (ret < 0)
		return ret;
	if (sscanf(words, "%31s %u %u", name, &nth, &ms) != 3)
		return -EINVAL;
	call = make_call(vf, name);
	if (!call)
		return -ENOMEM;
	guard(spinlock)(&calls_lock);
	call->wait_in = nth;
	call->ms = ms;
	return count;
}

static const struct file_operations wait_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = wait_write,
};

static int write_memory(struct standin_vf *vf, u64 iova, u64 size, u8 byte)
{
	struct pci_dev *pdev __free(pci_dev_put) = standin_vf_pdev(vf);
	u8 *data __free(kvfree) = NULL;
	int ret;

	if (!pdev)
		return -ENODEV;
	data = kvmalloc(size, GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	memset(data, byte, size);
	guard(mutex)(&vf->lock);
	if (!vf->running)
		return -EBUSY;
	ret = swiommu_write(pdev, iova, data, size);
	if (!ret && vf->pf->standin->written)
		vf->pf->standin->written(vf, iova, size);
	return ret;
}

/* "IOVA SIZE BYTE": the device writes, if it runs */
static ssize_t dma_write(struct file *file, const char __user *from, size_t count, loff_t *pos)
{
	struct standin_vf *vf = file->private_data;
	unsigned long long iova, size;
	unsigned int byte;
	char words[64];
	ssize_t ret = get_words(from, count, words, sizeof(words));

	if (ret < 0)
		return ret;
	if (sscanf(words, "%lli %lli %i", &iova, &size, &byte) != 3 || !size || size > SZ_16M)
		return -EINVAL;
	ret = write_memory(vf, iova, size, byte);
	return ret ?: count;
}

static const struct file_operations dma_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = dma_write,
};

static ssize_t state_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	struct standin_vf *vf = file->private_data;

	guard(mutex)(&vf->lock);
	return simple_read_from_buffer(to, count, pos, vf->state, vf->size);
}

/* The guest changes something: not while the device is suspended */
static ssize_t state_write(struct file *file, const char __user *from, size_t count, loff_t *pos)
{
	struct standin_vf *vf = file->private_data;

	guard(mutex)(&vf->lock);
	if (!vf->running)
		return -EBUSY;
	return simple_write_to_buffer(vf->state, vf->size, pos, from, count);
}

static const struct file_operations state_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = state_read,
	.write = state_write,
	.llseek = default_llseek,
};

/* Which bits of the state a test may compare, as large as the state */
static ssize_t mask_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	u8 *mask __free(kvfree) = NULL;
	struct standin_vf *vf = file->private_data;

	mask = kvmalloc(vf->size, GFP_KERNEL);
	if (!mask)
		return -ENOMEM;
	memset(mask, 0xff, vf->size);
	if (vf->pf->standin->mask)
		vf->pf->standin->mask(vf, mask);
	return simple_read_from_buffer(to, count, pos, mask, vf->size);
}

static const struct file_operations mask_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = mask_read,
	.llseek = default_llseek,
};

static void make_files(struct standin_vf *vf, struct dentry *dir)
{
	char name[8];

	snprintf(name, sizeof(name), "vf%u", vf->id);
	vf->dir = debugfs_create_dir(name, dir);
	debugfs_create_file("calls", 0600, vf->dir, vf, &calls_fops);
	debugfs_create_file("fail", 0200, vf->dir, vf, &fail_fops);
	debugfs_create_file("wait", 0200, vf->dir, vf, &wait_fops);
	debugfs_create_file("dma", 0200, vf->dir, vf, &dma_fops);
	debugfs_create_file("state", 0600, vf->dir, vf, &state_fops);
	debugfs_create_file("mask", 0400, vf->dir, vf, &mask_fops);
	debugfs_create_bool("running", 0400, vf->dir, &vf->running);
	debugfs_create_bool("quiet", 0400, vf->dir, &vf->quiet);
}

/* The PF's driver */

static void free_pf(struct standin_pf *pf)
{
	unsigned int i;

	for (i = 0; i < pf->nr_vfs; i++) {
		free_calls(&pf->vfs[i]);
		kvfree(pf->vfs[i].state);
	}
	kfree(pf->vfs);
	kfree(pf);
}

static struct standin_pf *new_pf(struct pci_dev *pdev)
{
	struct standin_pf *pf = kzalloc(sizeof(*pf), GFP_KERNEL);
	unsigned int i;

	if (!pf)
		return NULL;
	pf->standin = current_kind;
	pf->pdev = pdev;
	pf->vfs = kcalloc(current_card.vfs, sizeof(*pf->vfs), GFP_KERNEL);
	if (!pf->vfs) {
		kfree(pf);
		return NULL;
	}
	for (i = 0; i < current_card.vfs; i++) {
		struct standin_vf *vf = &pf->vfs[i];

		vf->pf = pf;
		vf->id = i;
		vf->size = current_kind->size;
		mutex_init(&vf->lock);
		INIT_LIST_HEAD(&vf->calls);
		init_waitqueue_head(&vf->wait);
		vf->running = true;
		pf->nr_vfs++;
		vf->state = kvzalloc(vf->size, GFP_KERNEL);
		if (!vf->state) {
			free_pf(pf);
			return NULL;
		}
	}
	return pf;
}

static int enable_vfs(struct pci_dev *pdev, int number)
{
	int ret;

	if (!number) {
		pci_disable_sriov(pdev);
		return 0;
	}
	ret = pci_enable_sriov(pdev, number);
	return ret ?: number;
}

static void forget_pf(struct standin_pf *pf)
{
	WRITE_ONCE(the_pf, NULL);
	free_pf(pf);
}

static int pf_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct standin_pf *pf;
	struct dentry *dir;
	unsigned int i;
	int ret;

	/* Some VFs have their PF's ID. */
	if (pdev->is_virtfn)
		return -ENODEV;
	pf = new_pf(pdev);
	if (!pf)
		return -ENOMEM;
	WRITE_ONCE(the_pf, pf);
	ret = pci_enable_device(pdev);
	if (ret)
		goto forget;
	pci_set_master(pdev);
	if (current_kind->probe) {
		ret = current_kind->probe(pf);
		if (ret)
			goto disable;
	}
	ret = enable_vfs(pdev, min(vfs, current_card.vfs));
	if (ret < 0)
		goto remove;
	dir = debugfs_create_dir(pci_name(pdev), root);
	for (i = 0; i < pf->nr_vfs; i++)
		make_files(&pf->vfs[i], dir);
	return 0;

remove:
	if (current_kind->remove)
		current_kind->remove(pf);
disable:
	pci_disable_device(pdev);
forget:
	forget_pf(pf);
	return ret;
}

static void pf_remove(struct pci_dev *pdev)
{
	struct standin_pf *pf = standin_pf_of(pdev);

	debugfs_lookup_and_remove(pci_name(pdev), root);
	pci_disable_sriov(pdev);
	if (current_kind->remove)
		current_kind->remove(pf);
	pci_disable_device(pdev);
	forget_pf(pf);
}

/* The one kind's; the rest of it is a terminator. */
static struct pci_device_id pf_ids[2];

static struct pci_driver pf_driver = {
	.probe = pf_probe,
	.remove = pf_remove,
	.id_table = pf_ids,
	.sriov_configure = enable_vfs,
};

/**
 * standin_pf_driver - the driver that PFs are bound to
 *
 * Return: it, for a VFIO driver that asks pci_iov_get_pf_drvdata() by it.
 */
struct pci_driver *standin_pf_driver(void)
{
	return &pf_driver;
}
EXPORT_SYMBOL_GPL(standin_pf_driver);

/**
 * standin_register - plug a card of a kind in
 * @standin: the kind; has to stay until standin_unregister()
 * @owner: the stand-in's module
 *
 * Its PF is bound and its VFs are there when this returns.
 *
 * Return: 0; -EBUSY if there is a kind already, or what went wrong.
 */
int standin_register(const struct standin *standin, struct module *owner)
{
	int ret;

	if (current_kind)
		return -EBUSY;
	current_kind = standin;
	current_card = standin->card;
	if (!current_card.ops)
		current_card.ops = &card_ops;
	pf_ids[0] = (struct pci_device_id){ PCI_DEVICE(standin->card.vendor,
						       standin->card.device) };
	pf_driver.name = standin->name;
	ret = __pci_register_driver(&pf_driver, owner, standin->name);
	if (ret)
		goto none;
	slot = swpci_plug(&current_card, NULL);
	if (IS_ERR(slot)) {
		ret = PTR_ERR(slot);
		goto driver;
	}
	if (!the_pf) {
		ret = -ENODEV;
		goto unplug;
	}
	return 0;

unplug:
	swpci_unplug(slot);
driver:
	pci_unregister_driver(&pf_driver);
none:
	current_kind = NULL;
	return ret;
}
EXPORT_SYMBOL_GPL(standin_register);

/**
 * standin_unregister - pull the card out
 */
void standin_unregister(void)
{
	swpci_unplug(slot);
	pci_unregister_driver(&pf_driver);
	current_kind = NULL;
}
EXPORT_SYMBOL_GPL(standin_unregister);

static int __init standin_init(void)
{
	root = debugfs_create_dir("standin", NULL);
	return 0;
}
module_init(standin_init);

static void __exit standin_exit(void)
{
	debugfs_remove(root);
}
module_exit(standin_exit);

MODULE_DESCRIPTION("What stand-ins for the parents of VFIO drivers share");
MODULE_LICENSE("GPL");
