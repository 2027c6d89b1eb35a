// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: a parent device with one mdev type for each set of migration
 * capabilities that the uAPI defines, and one without migration.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <kunit/visibility.h>
#include <linux/ctype.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "compat.h"
#include "mtty_mig.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static unsigned int max_devices = 1024;
module_param(max_devices, uint, 0444);
MODULE_PARM_DESC(max_devices, "Number of devices that can exist at a time");

#define TYPE(_id, _name, _pretty, _flags) \
	[MTTY_MIG_TYPE_##_id] = { \
		.type = { .sysfs_name = _name, .pretty_name = _pretty }, \
		.id = MTTY_MIG_TYPE_##_id, \
		.migration_flags = _flags, \
	}

static struct mtty_type mtty_types[MTTY_MIG_NR_TYPES] = {
	TYPE(NONE, "none", "Serial card without migration", 0),
	TYPE(BASE, "base", "Serial card with STOP_COPY",
	     VFIO_MIGRATION_STOP_COPY),
	TYPE(P2P, "p2p", "Serial card with STOP_COPY and P2P",
	     VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P),
	TYPE(PRECOPY, "precopy", "Serial card with STOP_COPY and PRE_COPY",
	     VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_PRE_COPY),
	TYPE(FULL, "full", "Serial card with STOP_COPY, P2P and PRE_COPY",
	     VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P |
	     VFIO_MIGRATION_PRE_COPY),
	TYPE(VPRI, "vpri", "Serial card as full, with page requests",
	     VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P |
	     VFIO_MIGRATION_PRE_COPY),
};

/**
 * mtty_type_get - a device type
 * @id: which
 */
const struct mtty_type *mtty_type_get(enum mtty_mig_type id)
{
	return &mtty_types[id];
}
EXPORT_SYMBOL_IF_KUNIT(mtty_type_get);

/* sysfs: a directory of its own in each mdev */

static ssize_t mem_size_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	struct mtty_device *mtty = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n", mtty_card_mem_size(mtty));
}

/* Not memparse(), which does not detect an overflow */
static int parse_size(const char *buf, u64 *size)
{
	unsigned int shift = 0;
	char text[24], *last;
	int ret;

	if (strscpy(text, buf, sizeof(text)) < 1)
		return -EINVAL;
	last = text + strlen(text) - 1;
	if (*last == '\n')
		*last-- = 0;
	if (last < text)
		return -EINVAL;

	switch (toupper(*last)) {
	case 'G':
		shift += 10;
		fallthrough;
	case 'M':
		shift += 10;
		fallthrough;
	case 'K':
		shift += 10;
		*last = 0;
	}
	ret = kstrtou64(text, 0, size);
	if (ret)
		return ret;
	if (*size > U64_MAX >> shift)
		return -EINVAL;
	*size <<= shift;
	return 0;
}

static ssize_t mem_size_store(struct device *dev,
			      struct device_attribute *attr,
			      const char *buf, size_t count)
{
	struct mtty_device *mtty = dev_get_drvdata(dev);
	u64 size;
	int ret;

	if (parse_size(buf, &size))
		return -EINVAL;
	ret = mtty_device_set_mem_size(mtty, size);
	return ret ?: count;
}
static DEVICE_ATTR_RW(mem_size);

/* For root only: it reveals a guest's memory, and it takes time */
static ssize_t digest_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct mtty_device *mtty = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%016llx\n", mtty_card_digest(mtty));
}
static DEVICE_ATTR_ADMIN_RO(digest);

static ssize_t state_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct mtty_device *mtty = dev_get_drvdata(dev);
	enum vfio_device_mig_state state;

	mtty_migration_ops.migration_get_state(&mtty->vdev, &state);
	return sysfs_emit(buf, "%s\n", mtty_state_name(state));
}
static DEVICE_ATTR_RO(state);

static ssize_t pri_drain_show(struct device *dev,
			      struct device_attribute *attr, char *buf)
{
	struct mtty_device *mtty = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", READ_ONCE(mtty->pri_drain));
}

static ssize_t pri_drain_store(struct device *dev,
			       struct device_attribute *attr, const char *buf,
			       size_t count)
{
	struct mtty_device *mtty = dev_get_drvdata(dev);
	bool drain;
	int ret;

	ret = kstrtobool(buf, &drain);
	if (!ret)
		ret = mtty_device_set_pri_drain(mtty, drain);
	return ret ?: count;
}
static DEVICE_ATTR_RW(pri_drain);

static struct attribute *mtty_attrs[] = {
	&dev_attr_mem_size.attr,
	&dev_attr_digest.attr,
	&dev_attr_state.attr,
	&dev_attr_pri_drain.attr,
	NULL
};

static const struct attribute_group mtty_group = {
	.name = MTTY_MIG_NAME,
	.attrs = mtty_attrs,
};

static const struct attribute_group *mtty_groups[] = { &mtty_group, NULL };

/* mdev */

static int mtty_probe(struct mdev_device *mdev)
{
	const struct mtty_type *type =
		container_of(mdev->type, struct mtty_type, type);
	struct mtty_device *mtty;

	mtty = mtty_device_create(mdev_dev(mdev), type);
	if (IS_ERR(mtty))
		return PTR_ERR(mtty);
	dev_set_drvdata(mdev_dev(mdev), mtty);
	return 0;
}

static void mtty_remove(struct mdev_device *mdev)
{
	mtty_device_destroy(dev_get_drvdata(mdev_dev(mdev)));
}

static ssize_t mtty_show_description(struct mdev_type *mtype, char *buf)
{
	return sysfs_emit(buf, "%s\n", mtype->pretty_name);
}

static struct mdev_driver mtty_driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.probe = mtty_probe,
	.remove = mtty_remove,
	.show_description = mtty_show_description,
	.driver = {
		.name = MTTY_MIG_NAME,
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
		.dev_groups = mtty_groups,
	},
};

static const struct class mtty_class = { .name = MTTY_MIG_NAME };
static struct mdev_type *mtty_mdev_types[MTTY_MIG_NR_TYPES];
static struct mdev_parent mtty_parent;
static struct device *mtty_parent_dev;

static int __init mtty_init(void)
{
	unsigned int i;
	int ret;

	/* The mdev core counts in an atomic_t */
	if (!max_devices || max_devices > INT_MAX) {
		pr_err("max_devices has to be from 1 to %d\n", INT_MAX);
		return -EINVAL;
	}
	mtty_driver.max_instances = max_devices;

	for (i = 0; i < MTTY_MIG_NR_TYPES; i++)
		mtty_mdev_types[i] = &mtty_types[i].type;

	ret = mtty_mem_module_init();
	if (ret)
		return ret;

	ret = class_register(&mtty_class);
	if (ret)
		goto err_mem;

	mtty_debugfs_module_init();
	mtty_parent_dev = device_create(&mtty_class, NULL, 0, NULL,
					MTTY_MIG_NAME);
	if (IS_ERR(mtty_parent_dev)) {
		ret = PTR_ERR(mtty_parent_dev);
		goto err_class;
	}

	ret = mdev_register_driver(&mtty_driver);
	if (ret)
		goto err_device;

	ret = mdev_register_parent(&mtty_parent, mtty_parent_dev, &mtty_driver,
				   mtty_mdev_types, MTTY_MIG_NR_TYPES);
	if (ret)
		goto err_driver;
	return 0;

err_driver:
	mdev_unregister_driver(&mtty_driver);
err_device:
	device_unregister(mtty_parent_dev);
err_class:
	mtty_debugfs_module_exit();
	class_unregister(&mtty_class);
err_mem:
	mtty_mem_module_exit();
	return ret;
}

static void __exit mtty_exit(void)
{
	mdev_unregister_parent(&mtty_parent);
	mdev_unregister_driver(&mtty_driver);
	device_unregister(mtty_parent_dev);
	mtty_debugfs_module_exit();
	class_unregister(&mtty_class);
	/* Last: the devices' memories are being freed until here */
	mtty_mem_module_exit();
}

module_init(mtty_init);
module_exit(mtty_exit);

MODULE_DESCRIPTION("Reference device for VFIO migration");
MODULE_LICENSE("GPL");
