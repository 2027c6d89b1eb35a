// SPDX-License-Identifier: GPL-2.0-only
/* A VF of a stand-in, from above and from below. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "../generic/session.h"
#include "../lib/check.h"
#include "../lib/file.h"
#include "bench.h"

#define STANDINS	"/sys/kernel/debug/standin"
#define PCI_DEVICES	"/sys/bus/pci/devices"

static void path_of(const struct vf *vf, const char *name, char *path,
		    size_t size)
{
	snprintf(path, size, "%s/%s", vf->dir, name);
}

/* A few words to a file, or the end of the process */
static void say(const struct vf *vf, const char *name, const char *words)
{
	char path[PATH_MAX];
	int ret;

	path_of(vf, name, path, sizeof(path));
	ret = file_write(path, words);
	if (ret)
		die("\"%s\" to %s: %s", words, path, strerror(-ret));
}

/* Bytes from or to a file, from its beginning on: as many, or -errno */
static ssize_t transfer(const struct vf *vf, const char *name, __u8 *data,
			size_t size, bool write)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	path_of(vf, name, path, sizeof(path));
	fd = open(path, (write ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	n = write ? pwrite(fd, data, size, 0) : pread(fd, data, size, 0);
	if (n < 0)
		n = -errno;
	close(fd);
	return n;
}

static size_t size_of(const struct vf *vf, const char *name)
{
	size_t size = 4096;

	for (;;) {
		__u8 *data = malloc(size);
		ssize_t n;

		if (!data)
			die("no memory for a state of %zu bytes", size);
		n = transfer(vf, name, data, size, false);
		free(data);
		if (n < 0)
			die("%s/%s: %s", vf->dir, name, strerror(-n));
		if ((size_t)n < size)
			return n;
		size *= 2;
	}
}

#define NAME	32	/* more than a PCI address has */

/* The last part of where a link leads to; "" for what is no link */
static void link_name(const char *link, char *name)
{
	char path[PATH_MAX], *last;
	ssize_t n = readlink(link, path, sizeof(path) - 1);

	path[n < 0 ? 0 : n] = '\0';
	last = strrchr(path, '/');
	snprintf(name, NAME, "%.31s", last ? last + 1 : path);
}

/* Sets @dir.  By the PF's links: the VF does not know its number. */
static const char *find(struct vf *vf)
{
	char link[PATH_MAX], pf[NAME], name[NAME];
	static char why[256];
	unsigned int i;

	snprintf(link, sizeof(link), PCI_DEVICES "/%s/physfn", vf->dut.name);
	link_name(link, pf);
	for (i = 0; *pf; i++) {
		snprintf(link, sizeof(link), PCI_DEVICES "/%s/virtfn%u", pf, i);
		link_name(link, name);
		if (!*name)
			break;
		snprintf(vf->dir, sizeof(vf->dir), STANDINS "/%s/vf%u", pf, i);
		if (!strcmp(name, vf->dut.name) && !access(vf->dir, F_OK))
			return NULL;
	}
	snprintf(why, sizeof(why), "%s is no VF of a stand-in", vf->dut.name);
	return why;
}

static const char *look_below(struct vf *vf)
{
	const char *why = find(vf);

	if (why)
		return why;
	/* Whoever was here before may have left something behind. */
	vf_let_go(vf);
	vf->size = size_of(vf, "state");
	vf->mask = vf_content_new(vf);
	transfer(vf, "mask", vf->mask, vf->size, false);
	return NULL;
}

/**
 * vf_open - open the device under test
 * @vf: filled in
 * @needs: what the tests need of it: DUT_*
 *
 * Return: NULL, or why the tests cannot be run, as that it is not a stand-in.
 */
const char *vf_open(struct vf *vf, __u64 needs)
{
	const char *why;

	memset(vf, 0, sizeof(*vf));
	if (access(STANDINS, F_OK))
		return "the device is no stand-in: there is no " STANDINS;
	why = dut_open(&vf->dut, VFIO_WAY_CDEV, needs);
	return why ? why : look_below(vf);
}

/**
 * vf_open_second - open a second device like the first
 * @vf: filled in
 * @first: the first
 *
 * Return: NULL, or why there is none.
 */
const char *vf_open_second(struct vf *vf, const struct vf *first)
{
	const char *why;

	memset(vf, 0, sizeof(*vf));
	why = dut_open_second(&vf->dut, &first->dut);
	return why ? why : look_below(vf);
}

/**
 * vf_rebind - give a device to its driver anew, or end the process
 * @vf: the device, open or closed; open after it
 *
 * For one that nothing else helps.  Nobody may have it open.
 */
void vf_rebind(struct vf *vf)
{
	char path[PATH_MAX];

	vfio_dev_close(&vf->dut.dev);
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver/unbind",
		 vf->dut.name);
	must(file_write(path, vf->dut.name));
	must(file_write("/sys/bus/pci/drivers_probe", vf->dut.name));
	must(__vfio_dev_open(&vf->dut.dev, vf->dut.name, vf->dut.way));
}

/**
 * vf_free - let all calls go, free memory
 * @vf: the VF, also one that could not be opened
 */
void vf_free(struct vf *vf)
{
	if (vf->mask)
		vf_let_go(vf);
	free(vf->mask);
	vf->mask = NULL;
}

/**
 * vf_calls - how often the driver has called the firmware
 * @vf: the VF
 * @calls: filled in: since vf_let_go()
 */
void vf_calls(const struct vf *vf, struct vf_calls *calls)
{
	char path[PATH_MAX], text[VF_CALLS * 64], *line, *rest;
	int ret;

	path_of(vf, "calls", path, sizeof(path));
	ret = file_read(path, text, sizeof(text));
	if (ret)
		die("%s: %s", path, strerror(-ret));
	calls->nr = 0;
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		struct vf_call *call = &calls->call[calls->nr++];
		char waits[16] = "";

		if (calls->nr == VF_CALLS)
			die("too many names of calls");
		if (sscanf(line, "%31s %lu %15s", call->name, &call->count,
			   waits) < 2)
			die("%s has a line \"%s\"", path, line);
		call->waits = *waits;
	}
}

/**
 * vf_called - how often the driver has called one function
 * @vf: the VF
 * @name: its name
 *
 * Return: how often, since vf_let_go().
 */
unsigned long vf_called(const struct vf *vf, const char *name)
{
	struct vf_calls calls;
	unsigned int i;

	vf_calls(vf, &calls);
	for (i = 0; i < calls.nr; i++)
		if (!strcmp(calls.call[i].name, name))
			return calls.call[i].count;
	return 0;
}

/**
 * vf_let_fail - let a call of the firmware fail
 * @vf: the VF
 * @name: of the call
 * @nth: which one from now on, from 1
 */
void vf_let_fail(const struct vf *vf, const char *name, unsigned int nth)
{
	char words[64];

	snprintf(words, sizeof(words), "%s %u %d", name, nth, VF_ERRNO);
	say(vf, "fail", words);
}

/**
 * vf_let_wait - let a call of the firmware wait for vf_let_go()
 * @vf: the VF
 * @name: of the call
 * @nth: which one from now on, from 1
 */
void vf_let_wait(const struct vf *vf, const char *name, unsigned int nth)
{
	char words[64];

	snprintf(words, sizeof(words), "%s %u 0", name, nth);
	say(vf, "wait", words);
}

/**
 * vf_waits_now - whether a call of the firmware waits
 * @vf: the VF
 *
 * Return: true if one does.
 */
bool vf_waits_now(const struct vf *vf)
{
	struct vf_calls calls;
	unsigned int i;

	vf_calls(vf, &calls);
	for (i = 0; i < calls.nr; i++)
		if (calls.call[i].waits)
			return true;
	return false;
}

/**
 * vf_waits - wait until a call of the firmware waits
 * @vf: the VF
 * @worker: what may call it; or it ends without
 *
 * Return: whether one waits.
 */
bool vf_waits(const struct vf *vf, struct worker *worker)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	bool done;

	for (;;) {
		done = atomic_load(&worker->done);
		if (vf_waits_now(vf))
			return true;
		if (done)
			return false;
		nanosleep(&moment, NULL);
	}
}

/**
 * vf_let_go - the firmware works: nothing waits, nothing fails
 * @vf: the VF
 *
 * The calls are counted from here on.
 */
void vf_let_go(const struct vf *vf)
{
	say(vf, "calls", "0");
}

static bool flag(const struct vf *vf, const char *name)
{
	char path[PATH_MAX], text[8];

	path_of(vf, name, path, sizeof(path));
	if (file_read(path, text, sizeof(text)))
		die("%s cannot be read", path);
	return *text == 'Y';
}

/**
 * vf_runs - whether the hardware lets a VF run
 * @vf: the VF
 *
 * Return: true if it does.
 */
bool vf_runs(const struct vf *vf)
{
	return flag(vf, "running");
}

/**
 * vf_what_it_does - what the hardware lets a VF do, in words
 * @vf: the VF
 *
 * Return: what completes "one that".
 */
const char *vf_what_it_does(const struct vf *vf)
{
	if (!vf_runs(vf))
		return "is stopped";
	return flag(vf, "quiet") ? "begins no peer-to-peer DMA" : "runs";
}

/**
 * vf_told_right - whether a state can be the one that a VF is in
 * @vf: the VF
 * @state: what GET tells
 *
 * A device that cannot tell peer-to-peer DMA from other "must stop all DMA", so
 * that in the P2P states it may run or not, but begin no peer-to-peer DMA; and of
 * ERROR nothing is known.
 *
 * Return: false if the VF does what the state forbids, or not what it demands.
 */
bool vf_told_right(const struct vf *vf, __u32 state)
{
	switch (state) {
	case VFIO_DEVICE_STATE_RUNNING:
	case VFIO_DEVICE_STATE_PRE_COPY:
		return vf_runs(vf) && !flag(vf, "quiet");
	case VFIO_DEVICE_STATE_RUNNING_P2P:
	case VFIO_DEVICE_STATE_PRE_COPY_P2P:
		return !vf_runs(vf) || flag(vf, "quiet");
	case VFIO_DEVICE_STATE_STOP:
	case VFIO_DEVICE_STATE_STOP_COPY:
	case VFIO_DEVICE_STATE_RESUMING:
		return !vf_runs(vf);
	default:
		return true;
	}
}

/**
 * __vf_dma - let a VF write to memory
 * @vf: the VF
 * @iova: where to
 * @size: bytes
 * @byte: what, all of them
 *
 * Return: 0 or -errno; -EBUSY if it does not run.
 */
int __vf_dma(const struct vf *vf, __u64 iova, __u64 size, __u8 byte)
{
	char path[PATH_MAX], words[64];

	path_of(vf, "dma", path, sizeof(path));
	snprintf(words, sizeof(words), "%#llx %#llx %#x",
		 (unsigned long long)iova, (unsigned long long)size, byte);
	return file_write(path, words);
}

/**
 * __vf_let_dma - give a VF the right to do DMA
 * @vf: the VF
 *
 * Return: 0 or -errno.
 */
int __vf_let_dma(struct vf *vf)
{
	const __u16 command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	ssize_t n = __vfio_region_write(&vf->dut.dev,
					VFIO_PCI_CONFIG_REGION_INDEX,
					PCI_COMMAND, &command, sizeof(command));

	return n < 0 ? n : 0;
}

/**
 * vf_content_new - memory for a VF's state
 * @vf: the VF
 *
 * Return: @size bytes, for free().
 */
__u8 *vf_content_new(const struct vf *vf)
{
	__u8 *content = calloc(1, vf->size);

	if (!content)
		die("no memory for a state of %zu bytes", vf->size);
	return content;
}

/**
 * vf_read - what a VF's state is now
 * @vf: the VF
 * @content: set to it
 */
void vf_read(const struct vf *vf, __u8 *content)
{
	ssize_t n = transfer(vf, "state", content, vf->size, false);

	if (n != (ssize_t)vf->size)
		die("the state of %s has %zd bytes", vf->dut.name, n);
}

/**
 * __vf_write - the guest sets a VF's state
 * @vf: the VF
 * @content: what to
 *
 * Return: 0 or -errno; -EBUSY if the VF does not run.
 */
int __vf_write(const struct vf *vf, const __u8 *content)
{
	ssize_t n = transfer(vf, "state", (__u8 *)content, vf->size, true);

	if (n < 0)
		return n;
	return n == (ssize_t)vf->size ? 0 : -EIO;
}

/**
 * __vf_fill - the guest sets all of a VF's state that it can at random
 * @vf: the VF
 * @content: set to the new state
 * @seed: of stream_random()
 *
 * Return: 0 or -errno; -EBUSY if the VF does not run.
 */
int __vf_fill(const struct vf *vf, __u8 *content, __u64 *seed)
{
	size_t i;

	vf_read(vf, content);
	for (i = 0; i < vf->size; i++)
		content[i] = (content[i] & ~vf->mask[i]) |
			     (stream_random(seed) & vf->mask[i]);
	return __vf_write(vf, content);
}

/**
 * vf_differs - whether a guest finds another state than it has to
 * @vf: the VF
 * @content: what it has to find
 *
 * Return: the first byte that differs in what a guest can rely on, or -1.
 */
ssize_t vf_differs(const struct vf *vf, const __u8 *content)
{
	__u8 *now = vf_content_new(vf);
	ssize_t found = -1;
	size_t i;

	vf_read(vf, now);
	for (i = 0; found < 0 && i < vf->size; i++)
		if ((now[i] ^ content[i]) & vf->mask[i])
			found = i;
	free(now);
	return found;
}
