// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cgroup of this process alone, or of its children, to see what is charged to
 * it, and whether it is let go.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/check.h"
#include "../../lib/file.h"
#include "cgroup.h"

/**
 * struct cgroup - a cgroup of this process alone, or of its children
 * @root: where cgroup2 is mounted
 * @parent: ours below that, with no process in it; "" if there is none
 * @dir: the one below @parent for processes; "" if there is none
 * @before: the one that the process was in before; "" if it still is
 * @mounted: it was not mounted before
 */
static struct cgroup {
	char root[128];
	char parent[256];
	char dir[288];
	char before[256];
	bool mounted;
} cgroup;

static int cgroup_write(const char *dir, const char *name, const char *text)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return file_write(path, text);
}

/* The number in a file of a cgroup: behind @name, or the first; -1 if none */
static long long cgroup_number(const char *dir, const char *name_of_file,
			       const char *name)
{
	char text[2048], path[512], line[64];
	const char *at = text;

	snprintf(path, sizeof(path), "%s/%s", dir, name_of_file);
	if (file_read(path, text, sizeof(text)))
		return -1;
	if (name) {
		snprintf(line, sizeof(line), "%s ", name);
		at = strstr(text, line);
		if (!at)
			return -1;
		at += strlen(line);
	}
	return atoll(at);
}

/**
 * cgroup_charged - what our cgroup uses
 *
 * Return: bytes, or -1 if nobody counts.
 */
long long cgroup_charged(void)
{
	return cgroup_number(cgroup.dir, "memory.current", NULL);
}

/**
 * cgroup_leave - go back, and remove it
 *
 * At exit, too: who fails must not leave it behind.
 */
void cgroup_leave(void)
{
	if (*cgroup.before) {
		cgroup_write(cgroup.before, "cgroup.procs", "0");
		*cgroup.before = 0;
	}
	if (*cgroup.dir) {
		rmdir(cgroup.dir);
		*cgroup.dir = 0;
	}
	if (*cgroup.parent) {
		rmdir(cgroup.parent);
		*cgroup.parent = 0;
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
 * cgroup_make - make a cgroup with nobody in it
 *
 * It is below another one of ours, which tells what became of it when it is
 * removed.
 *
 * Return: NULL, or what is missing; cgroup_leave() then, too.
 */
const char *cgroup_make(void)
{
	const char *missing = cgroup_find();

	if (missing)
		return missing;
	atexit(cgroup_leave);
	snprintf(cgroup.parent, sizeof(cgroup.parent), "%s/mtty_mig_test.%d",
		 cgroup.root, getpid());
	must(mkdir(cgroup.parent, 0700) ? -errno : 0);
	cgroup_write(cgroup.parent, "cgroup.subtree_control", "+memory");
	snprintf(cgroup.dir, sizeof(cgroup.dir), "%s/users", cgroup.parent);
	must(mkdir(cgroup.dir, 0700) ? -errno : 0);
	if (cgroup_charged() < 0)
		return "the memory controller is not there, or not enabled";
	return NULL;
}

/**
 * cgroup_join - put this process into the cgroup, or end the process
 */
void cgroup_join(void)
{
	char line[128], before[sizeof(cgroup.before)];
	FILE *file;

	snprintf(before, sizeof(before), "%s", cgroup.root);
	file = fopen("/proc/self/cgroup", "re");
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "0::", 3))
			snprintf(before, sizeof(before), "%s%s", cgroup.root,
				 line + 3);
	}
	if (file)
		fclose(file);
	must(cgroup_write(cgroup.dir, "cgroup.procs", "0"));
	memcpy(cgroup.before, before, sizeof(before));
}

/**
 * cgroup_enter - put this process into a cgroup of its own
 *
 * Return: NULL, or what is missing; cgroup_leave() then, too.
 */
const char *cgroup_enter(void)
{
	const char *missing = cgroup_make();

	if (!missing)
		cgroup_join();
	return missing;
}

/**
 * cgroup_remove - remove the cgroup, whose processes have ended
 *
 * What memory is still charged to it, for a page that was read there or so, is
 * given up first: it would keep the cgroup, and is nobody's fault.
 *
 * Return: 0 or -errno.
 */
int cgroup_remove(void)
{
	char bytes[32];
	int ret;

	snprintf(bytes, sizeof(bytes), "%lld", cgroup_charged());
	/* -EAGAIN says that there was less to give up */
	cgroup_write(cgroup.dir, "memory.reclaim", bytes);
	ret = rmdir(cgroup.dir) ? -errno : 0;
	if (!ret)
		*cgroup.dir = 0;
	return ret;
}

/**
 * cgroup_dying - how many of the cgroups that were removed somebody still holds
 *
 * Return: how many, or -1 if nobody counts.
 */
long long cgroup_dying(void)
{
	return cgroup_number(cgroup.parent, "cgroup.stat",
			     "nr_dying_descendants");
}
