/* SPDX-License-Identifier: GPL-2.0-only */
/* Mediated devices: created, found and removed through sysfs. */
#ifndef SELFTESTS_LIB_MDEV_H
#define SELFTESTS_LIB_MDEV_H

#include <stdbool.h>
#include <stddef.h>

#define MDEV_UUID_LEN	36

struct mdev {
	char uuid[MDEV_UUID_LEN + 1];
};

bool mdev_type_exists(const char *type);
int mdev_create_path(const char *type, char *path, size_t size);
int __mdev_create_at(struct mdev *mdev, const char *path);
int __mdev_create(struct mdev *mdev, const char *type);
void mdev_create(struct mdev *mdev, const char *type);
int __mdev_remove(struct mdev *mdev);
void mdev_remove(struct mdev *mdev);
void mdev_cleanup(void);

int __mdev_attr_read(const struct mdev *mdev, const char *attr, char *buf,
		     size_t size);
void mdev_attr_read(const struct mdev *mdev, const char *attr, char *buf,
		    size_t size);
int __mdev_attr_write(const struct mdev *mdev, const char *attr,
		      const char *value);
void mdev_attr_write(const struct mdev *mdev, const char *attr,
		     const char *value);

#endif /* SELFTESTS_LIB_MDEV_H */
