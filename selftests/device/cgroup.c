// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cgroup of this process alone, to see what is charged to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/check.h"
#include "cgroup.h"

/**
 * struct cgroup - a cgroup of this process alone
 * @root: where cgroup2 is mounted
 * @dir: it, below that; "" if there is none
 * @before: the one that the process was in before
 * @mounted: it was not mounted before
 */
static struct cgroup {
	char root[128];
	char dir[256];
	char before[256];
	bool mounted;
} cgroup;

static int cgroup_write(const char *dir, const char *name, const char *text)
{
	char path[512];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/**
 * cgroup_charged - what the cgroup that was entered uses
 *
 * Return: bytes, or -1 if nobody counts.
 */
long long cgroup_charged(void)
{
	char path[512];
	long long bytes = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.current", cgroup.dir);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%lld", &bytes) != 1)
		bytes = -1;
	fclose(file);
	return bytes;
}

/**
 * cgroup_leave - go back, and remove it
 *
 * At exit, too: who fails must not leave it behind.
 */
void cgroup_leave(void)
{
	if (*cgroup.dir) {
		cgroup_write(cgroup.before, "cgroup.procs", "0");
		rmdir(cgroup.dir);
		*cgroup.dir = 0;
	}
	if (cgroup.mounted) {
		umount(cgroup.root);
		rmdir(cgroup.root);
		cgroup.mounted = false;
	}
}

/*
 * Where it is mounted already it is somebody's, and is not changed: a mount
 * without his options would take these from him.
 */
static const char *cgroup_find(void)
{
	FILE *file = fopen("/proc/self/mounts", "re");
	char line[512], type[32];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s %127s %31s", cgroup.root, type) == 2 &&
		    !strcmp(type, "cgroup2")) {
			fclose(file);
			return NULL;
		}
	}
	if (file)
		fclose(file);

	snprintf(cgroup.root, sizeof(cgroup.root), "/tmp/mtty_mig.XXXXXX");
	if (!mkdtemp(cgroup.root))
		return "no directory can be made in /tmp";
	if (mount("cgroup2", cgroup.root, "cgroup2", 0, NULL)) {
		rmdir(cgroup.root);
		return "this kernel has no CONFIG_CGROUPS";
	}
	cgroup.mounted = true;
	cgroup_write(cgroup.root, "cgroup.subtree_control", "+memory");
	return NULL;
}

/**
 * cgroup_enter - put this process into a cgroup of its own
 *
 * Return: NULL, or what is missing; cgroup_leave() then, too.
 */
const char *cgroup_enter(void)
{
	const char *missing = cgroup_find();
	char line[128];
	FILE *file;

	if (missing)
		return missing;
	atexit(cgroup_leave);
	snprintf(cgroup.before, sizeof(cgroup.before), "%s", cgroup.root);
	file = fopen("/proc/self/cgroup", "re");
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "0::", 3))
			snprintf(cgroup.before, sizeof(cgroup.before), "%s%s",
				 cgroup.root, line + 3);
	}
	if (file)
		fclose(file);

	snprintf(cgroup.dir, sizeof(cgroup.dir), "%s/mtty_mig_test.%d",
		 cgroup.root, getpid());
	must(mkdir(cgroup.dir, 0700) ? -errno : 0);
	if (cgroup_charged() < 0)
		return "the memory controller is not there, or not enabled";
	must(cgroup_write(cgroup.dir, "cgroup.procs", "0"));
	return NULL;
}
