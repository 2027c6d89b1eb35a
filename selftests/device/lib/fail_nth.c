// SPDX-License-Identifier: GPL-2.0-only
/* Walks of the kernel's fault injection. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../../lib/check.h"
#include "../../lib/child.h"
#include "../../lib/file.h"
#include "fail_nth.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define MAKE_IT_FAIL	"/proc/thread-self/make-it-fail"
#define TASK_PATH_MAX	64
#define PROBABILITY	DEBUGFS "failslab/probability"
#define NODES		"/sys/kernel/slab/radix_tree_node/failslab"

/* No operation has so many points: a walk that gets there does not end */
#define POINT_MAX	4000

/* The rounds of a walk, and what fail_nodes() needs */
enum { ROUND_OBJECTS, ROUND_PAGES, ROUND_NODES, NR_ROUNDS };

/*
 * What fail-nth does not override: without these, only what must not sleep
 * would fail, and each failure would come with a trace in the kernel's log.
 * Pages for userspace (ignore-gfp-highmem) are left alone: they would be those
 * of this process.
 */
static struct {
	const char *path;
	const char *value[NR_ROUNDS];
	char before[32];	/* empty: there is no such file */
} attrs[] = {
	{ DEBUGFS "failslab/ignore-gfp-wait", { "N", "N", "N" }, "" },
	/* None but the caches that are chosen, and none is */
	{ DEBUGFS "failslab/cache-filter", { "N", "Y", "Y" }, "" },
	{ DEBUGFS "failslab/task-filter", { "N", "N", "Y" }, "" },
	{ NODES, { "0", "0", "1" }, "" },
	{ DEBUGFS "failslab/verbose", { "0", "0", "0" }, "" },
	{ DEBUGFS "failslab/times", { "-1", "-1", "-1" }, "" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-wait", { "N", "N", "N" }, "" },
	{ DEBUGFS "fail_page_alloc/min-order", { "99", "0", "99" }, "" },
	{ DEBUGFS "fail_page_alloc/verbose", { "0", "0", "0" }, "" },
	{ DEBUGFS "fail_page_alloc/times", { "-1", "-1", "-1" }, "" },
	{ DEBUGFS "fail_usercopy/verbose", { "0", "0", "0" }, "" },
	{ DEBUGFS "fail_usercopy/times", { "-1", "-1", "-1" }, "" },
	/* Last but for what follows: while it is not 0 the rest must stand */
	{ PROBABILITY, { "0", "0", "100" }, "" },
	/* iommufd's own, for the kernel's tests of it; not everywhere */
	{ DEBUGFS "fail_iommufd/verbose", { "0", "0", "0" }, "" },
	{ DEBUGFS "fail_iommufd/times", { "-1", "-1", "-1" }, "" },
};

#define NR_NEEDED	(ARRAY_LEN(attrs) - 2)

/**
 * fail_nth_missing - why there can be no walk
 *
 * Return: NULL if there can, or the reason to skip a test.
 */
const char *fail_nth_missing(void)
{
	unsigned int i;

	if (access(FAIL_NTH, W_OK) || access(MAKE_IT_FAIL, W_OK))
		return "there is no " FAIL_NTH ", or not the right to it";
	for (i = 0; i < NR_NEEDED; i++)
		if (access(attrs[i].path, W_OK))
			return "this kernel cannot let allocations and user copies fail";
	return NULL;
}

static void set_attrs(unsigned int round)
{
	unsigned int i;

	must(file_write(PROBABILITY, "0"));
	for (i = 0; i < ARRAY_LEN(attrs); i++)
		if (attrs[i].before[0])
			must(file_write(attrs[i].path, attrs[i].value[round]));
}

/**
 * fail_nth_setup - let everything fail that can, or end the process
 *
 * fail_nth_restore() is done at exit at the latest.
 */
void fail_nth_setup(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(attrs); i++)
		if (i < NR_NEEDED || !access(attrs[i].path, W_OK))
			must(file_read(attrs[i].path, attrs[i].before,
				       sizeof(attrs[i].before)));
	atexit(fail_nth_restore);
}

/**
 * fail_nth_restore - undo fail_nth_setup(), if it was done
 */
void fail_nth_restore(void)
{
	unsigned int i;

	if (attrs[0].before[0])
		file_write(PROBABILITY, "0");
	for (i = 0; i < ARRAY_LEN(attrs); i++) {
		if (attrs[i].before[0])
			file_write(attrs[i].path, attrs[i].before);
		attrs[i].before[0] = '\0';
	}
}

static void begin(struct fail_nth *walk, const char *name, unsigned int floor,
		  const char *path)
{
	memset(walk, 0, sizeof(*walk));
	walk->name = name;
	walk->floor = floor;
	walk->fd = open(path, O_RDWR | O_CLOEXEC);
	if (walk->fd < 0)
		die("%s: %s", path, strerror(errno));
	set_attrs(ROUND_OBJECTS);
}

/**
 * fail_nth_begin - begin a walk, or end the process
 * @walk: filled in; belongs to this thread
 * @name: of the operation
 * @floor: see fail_nth_end()
 */
void fail_nth_begin(struct fail_nth *walk, const char *name,
		    unsigned int floor)
{
	begin(walk, name, floor, FAIL_NTH);
}

/**
 * fail_nth_begin_of - begin a walk of what another task does
 * @walk: filled in
 * @task: its PID
 * @name: of the operation
 * @floor: see fail_nth_end()
 */
void fail_nth_begin_of(struct fail_nth *walk, pid_t task, const char *name,
		       unsigned int floor)
{
	char path[TASK_PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%d/fail-nth", (int)task);
	begin(walk, name, floor, path);
}

/**
 * fail_nth_next - go on to the next point
 * @walk: the walk
 *
 * Return: false if the last pass was the clean one of the second round.
 */
bool fail_nth_next(struct fail_nth *walk)
{
	if (walk->point && !walk->fired) {
		walk->points[walk->pages] = walk->point - 1;
		if (walk->pages)
			return false;
		walk->pages = true;
		walk->point = 0;
		set_attrs(ROUND_PAGES);
	}
	if (++walk->point > POINT_MAX)
		die("%s: the walk does not end", walk->name);
	walk->fired = false;
	return true;
}

static int fail_nth_write(struct fail_nth *walk, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	return pwrite(walk->fd, text, len, 0) == len ? 0 : -errno;
}

/**
 * fail_nth_arm - let the point fail, from here on
 * @walk: the walk
 */
void fail_nth_arm(struct fail_nth *walk)
{
	must(fail_nth_write(walk, walk->point));
}

/**
 * fail_nth_disarm - let nothing fail any more
 * @walk: the walk; now knows whether the point was reached
 *
 * The kernel counts down to 0 and fails then. To ask it where it is copies to
 * userspace, and to stop it copies from there: both are points themselves.
 */
void fail_nth_disarm(struct fail_nth *walk)
{
	char text[16] = "";
	ssize_t n = pread(walk->fd, text, sizeof(text) - 1, 0);

	if (n < 0 && errno != EFAULT)
		die(FAIL_NTH ": %s", strerror(errno));
	walk->fired = n > 0 && !strcmp(text, "0\n");
	if (fail_nth_write(walk, 0))
		must(fail_nth_write(walk, 0));
}

/**
 * fail_nth_told - take note that the operation told of the failure
 * @walk: the walk
 */
void fail_nth_told(struct fail_nth *walk)
{
	if (walk->fired)
		walk->told[walk->pages]++;
}

/* What the core contributes to a floor is another number in each kernel */
static bool floors_hold(void)
{
	struct utsname name;

	uname(&name);
	return !strncmp(name.release, "6.12.", 5);
}

/* Of all processes that this one has forked, as a harness does for each test */
static struct {
	unsigned int walks;
	unsigned int points;
	unsigned int told;
} *total;

__attribute__((constructor))
static void make_total(void)
{
	total = shared_new(sizeof(*total));
}

/**
 * fail_nth_end - end a walk, print how far it came
 * @walk: the walk, after its clean pass
 *
 * The floor is a number of failures that were told, not of points: of these
 * some are what the sanitizers need for themselves, which comes and goes. It
 * is what Linux 6.12 has in the first round, where each time is like the
 * other.
 *
 * Return: false if it is below its floor, on that kernel.
 */
bool fail_nth_end(struct fail_nth *walk)
{
	unsigned int told = walk->told[0];

	close(walk->fd);
	total->walks++;
	total->points += walk->points[0] + walk->points[1];
	total->told += told + walk->told[1];
	printf("# walk %s: %u points, %u told; for pages %u, %u told\n",
	       walk->name, walk->points[0], told, walk->points[1],
	       walk->told[1]);
	if (told >= walk->floor)
		return true;
	printf("# walk %s: its floor is %u%s\n", walk->name, walk->floor,
	       floors_hold() ? "" : ", but this is not Linux 6.12");
	return !floors_hold();
}

static void make_nodes_fail(bool fail, const char *path)
{
	if (fail)
		set_attrs(ROUND_NODES);
	must(file_write(path, fail ? "1" : "0"));
	if (!fail)
		set_attrs(ROUND_OBJECTS);
}

/**
 * fail_nodes - let there be no memory for the nodes of arrays, or end the
 *	process
 * @fail: whether
 *
 * An xarray that gets no node tries again in another way, so no single failure
 * makes its caller see one: all of this thread have to fail. To be called
 * after fail_nth_setup() and not within a walk.
 */
void fail_nodes(bool fail)
{
	make_nodes_fail(fail, MAKE_IT_FAIL);
}

/**
 * fail_nodes_of - the same of another task
 * @task: its PID
 * @fail: whether
 */
void fail_nodes_of(pid_t task, bool fail)
{
	char path[TASK_PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%d/make-it-fail", (int)task);
	make_nodes_fail(fail, path);
}

/**
 * fail_nth_total - print how far all walks of this program came
 *
 * Return: how many points they had together.
 */
unsigned int fail_nth_total(void)
{
	printf("# %u walks: %u points, %u told\n", total->walks, total->points,
	       total->told);
	return total->points;
}
