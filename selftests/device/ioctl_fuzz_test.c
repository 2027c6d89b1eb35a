// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arguments at random: to each system call on a device and its data fds, and
 * to the files by which the driver is controlled.
 *
 * What a call must return is for other tests; here the kernel must survive it
 * (its sanitizers judge), nothing may be written but to the argument, and
 * after a number of calls a reset must give a device that can be migrated.
 * random_run.h tells how to ask for another run.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/file.h"
#include "../lib/vfio_dma.h"
#include "stress/fuzz_calls.h"
#include "lib/journey.h"
#include "lib/knobs.h"
#include "stress/stress.h"

/* About five seconds of all tests on a sanitized kernel */
#define CALL_STEPS	1200
#define LINE_STEPS	250

/* How many tests there are below, each with its share of MINUTES */
#define SHARE		4

/* Calls until the device must be a device again */
#define BATCH		50

#define IOVA		0x40000000ULL
#define BUF		0x10000

__thread char stress_trouble[256];

/**
 * struct subject - what is called
 * @run: what it belongs to
 * @fuzz: who calls
 * @mtty: the device
 * @dst: another one, to load what the first has saved
 * @journey: what the first is like when all is well
 * @buf: user memory that it reaches
 */
struct subject {
	struct random_run run;
	struct fuzz fuzz;
	struct mtty mtty;
	struct mtty dst;
	struct journey journey;
	__u8 *buf;
};

FIXTURE(fuzz)
{
	struct subject subject;
};

FIXTURE_VARIANT(fuzz)
{
	const char *type;
};

FIXTURE_VARIANT_ADD(fuzz, full) { .type = "full", };
FIXTURE_VARIANT_ADD(fuzz, vpri) { .type = "vpri", };

static void open_device(struct subject *subject)
{
	vfio_dev_open(&subject->mtty.dev, subject->mtty.mdev.uuid);
	subject->fuzz.device = subject->mtty.dev.fd;
	must(__vfio_dma_map(&subject->mtty.dev, subject->buf, IOVA, BUF, true));
}

FIXTURE_SETUP(fuzz)
{
	struct subject *subject = &self->subject;
	const char *why = knobs_missing();

	if (why)
		SKIP(return, "%s", why);
	if (!mtty_available())
		SKIP(return, "there is no mtty_mig driver");
	subject->buf = aligned_alloc(4096, BUF);
	ASSERT_NE(NULL, subject->buf);
	mtty_new(&subject->mtty, variant->type, JOURNEY_MEM_SIZE);
	mtty_new(&subject->dst, variant->type, JOURNEY_MEM_SIZE);
	journey_prepare(&subject->journey, &subject->mtty, MIG_FLAGS_ALL);
	vfio_dev_close(&subject->mtty.dev);
}

FIXTURE_TEARDOWN(fuzz)
{
	journey_free(&self->subject.journey);
	mtty_remove_all();
}

static int disarm(struct mtty *mtty)
{
	char text[8192], point[64], *line, *rest = text;
	int error, ret;

	ret = __knob_read(mtty, "fault", text, sizeof(text));
	while (!ret && (line = strsep(&rest, "\n")))
		if (sscanf(line, "%63s errno=%d", point, &error) == 2 && error)
			ret = __knob_write(mtty, "fault", "%s 0", point);
	return ret;
}

/* Whatever has happened, a reset gives a device that can be migrated */
static const char *still_migrates(struct mtty *mtty, struct mtty *dst,
				  const struct journey *before)
{
	struct journey journey = *before;
	const char *why;

	must(disarm(mtty));
	knob_write(mtty, "engine_hold", "0");
	journey.mtty = mtty;
	journey.data_fd = -1;
	memset(&journey.saved, 0, sizeof(journey.saved));
	vfio_dev_reset(&mtty->dev);
	if (vfio_mig_get(&mtty->dev) != VFIO_DEVICE_STATE_RUNNING ||
	    mtty_digest(mtty) != journey.fresh)
		return "a reset does not reset it";
	journey_go(&journey, VFIO_DEVICE_STATE_PRE_COPY);
	why = journey_stays(&journey);
	if (!why)
		why = journey_arrive(&journey, dst);
	close(journey.data_fd);
	mig_stream_free(&journey.saved);
	return why;
}

/* Into a state, with a session where it has one */
static void set_out(struct subject *subject)
{
	struct fuzz *fuzz = &subject->fuzz;
	__u32 state = 1 + below(&fuzz->dice, VFIO_DEVICE_STATE_NR - 1);
	struct mig_stream part = subject->journey.image;
	int data_fd;

	run_call(fuzz->trail, "from %s", mig_state_name(state));
	data_fd = vfio_mig_set(&subject->mtty.dev, state);
	if (data_fd < 0)
		return;
	fuzz_keep(fuzz, data_fd);
	part.len = below(&fuzz->dice, part.len);
	if (state == VFIO_DEVICE_STATE_RESUMING)
		must(__mig_stream_write(&part, data_fd, MIG_CHUNK));
}

TEST_F_TIMEOUT(fuzz, calls, RUN_TIMEOUT)
{
	struct subject *subject = &self->subject;
	struct fuzz *fuzz = &subject->fuzz;
	const char *why = NULL;
	unsigned long step;

	run_begin(&subject->run, "ioctl_fuzz_test", variant->type, CALL_STEPS,
		  SHARE);
	fuzz_begin(fuzz, &subject->run);
	open_device(subject);
	for (step = 0; !why && run_goes_on(&subject->run, step); step++) {
		if (step % BATCH == 0)
			set_out(subject);
		why = fuzz_call(fuzz);
		if (why || step % BATCH != BATCH - 1)
			continue;
		why = still_migrates(&subject->mtty, &subject->dst, &subject->journey);
		/* It may have been detached, and its eventfds are anybody's */
		vfio_dev_close(&subject->mtty.dev);
		open_device(subject);
	}
	if (why)
		run_tell(&subject->run);
	run_end(&subject->run);
	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
}

/* Lines to the files of the driver */

static const char * const lines[] = {
	"STOP-STOP_COPY-before 5", "RUNNING-PRE_COPY-after 12 times=2 error",
	"pre-copy 5 times=3", "read 14", "write 5 random", "read 0",
	"0", "1", "0 4096", "1 1", "0 1", "3 5", "7 1", "open 0x1000",
	"answer 1", "4096", "32K", "1M", "64G", "0x8000",
};

static const char * const words[] = {
	"open", "answer", "error", "random", "times=", "times=0", "times=2",
	"read", "write", "STOP-STOP_COPY-", "K", "T", "0x", "-", "\t", "\n",
	"%s",
};

static void add(char *line, size_t size, size_t *len, const char *word)
{
	*len += snprintf(line + *len, size - *len, "%s", word);
	if (*len >= size)
		*len = size - 1;
}

/* A line that is understood somewhere, mostly with something amiss */
static size_t make_line(__u64 *dice, char *line, size_t size)
{
	size_t len = 0, i;
	char number[32];

	if (one_in(dice, 6)) {
		/* Anything, of any length, one character or many */
		bool same = one_in(dice, 2);
		char c = mtty_random(dice);

		len = fuzz_number(dice) % size;
		memset(line, c, len);
		for (i = 0; i < len && !same; i++)
			line[i] = mtty_random(dice);
		return len;
	}
	if (!one_in(dice, 4))
		add(line, size, &len, lines[below(dice, ARRAY_LEN(lines))]);
	for (i = below(dice, 3); i; i--) {
		snprintf(number, sizeof(number), one_in(dice, 4) ? "%#llx" :
			 "%llu", fuzz_number(dice));
		if (!one_in(dice, 4))
			add(line, size, &len, " ");
		add(line, size, &len, one_in(dice, 3) ? number :
		    words[below(dice, ARRAY_LEN(words))]);
	}
	if (len && one_in(dice, 4))
		line[below(dice, len)] = mtty_random(dice);
	if (len && one_in(dice, 4))
		len = below(dice, len);
	/* As long as a buffer may be, or one more */
	if (one_in(dice, 4)) {
		size_t end = (32 << below(dice, 4)) + below(dice, 2);

		if (end > len)
			memset(line + len, ' ', end - len);
		len = end;
	}
	return len;
}

/* What of a device the files can change and show */
static void take_knobs(struct mtty *mtty, char *text, size_t size)
{
	static const char * const files[] = {
		"fault", "engine_hold", "page_requests", "counters",
		"mem_size", "pri_drain", "digest", "state",
	};
	unsigned int i;
	size_t len = 0;

	for (i = 0; i < ARRAY_LEN(files); i++) {
		char path[256];

		if (i < 4)
			knob_path(mtty, files[i], path, sizeof(path));
		else
			snprintf(path, sizeof(path),
				 "/sys/bus/mdev/devices/%s/mtty_mig/%s",
				 mtty->mdev.uuid, files[i]);
		must(file_read(path, text + len, size - len));
		len += strlen(text + len);
	}
}

static const char *write_line(struct run_trail *trail, struct mtty *mtty,
			      const char *path, const char *line, size_t len)
{
	static char before[16384], after[16384];
	char shown[48];
	ssize_t n;
	size_t i;
	int fd;

	for (i = 0; i < len && i < sizeof(shown) - 1; i++)
		shown[i] = line[i] >= ' ' && line[i] < 127 ? line[i] : '?';
	shown[i] = '\0';
	take_knobs(mtty, before, sizeof(before));
	run_call(trail, "%s: %zu '%s'", strrchr(path, '/') + 1, len, shown);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	n = write(fd, line, len);
	run_result(trail, n < 0 ? -errno : n);
	if (n < 0 && errno >= 512)
		return WRONG("errno %d is the kernel's own", errno);
	if (n > (ssize_t)len)
		return WRONG("%zd of %zu", n, len);
	close(fd);
	if (n >= 0)
		return NULL;
	take_knobs(mtty, after, sizeof(after));
	return strcmp(before, after) ? "a refused line changes something" :
				       NULL;
}

TEST_F_TIMEOUT(fuzz, lines, RUN_TIMEOUT)
{
	struct subject *subject = &self->subject;
	static const char * const files[] = {
		"fault", "engine_hold", "engine_step", "dirty", "reinit",
		"page_requests", "mem_size", "pri_drain",
	};
	__u64 dice = 0, size;
	const char *why = NULL;
	unsigned long step;

	run_begin(&subject->run, "ioctl_fuzz_test", "lines", LINE_STEPS, SHARE);
	dice = subject->run.seed;
	for (step = 0; !why && run_goes_on(&subject->run, step); step++) {
		unsigned int file = below(&dice, ARRAY_LEN(files));
		char path[256], line[300];
		size_t len;

		if (file < 6)
			knob_path(&subject->mtty, files[file], path,
				  sizeof(path));
		else
			snprintf(path, sizeof(path),
				 "/sys/bus/mdev/devices/%s/mtty_mig/%s",
				 subject->mtty.mdev.uuid, files[file]);
		len = make_line(&dice, line, sizeof(line));
		why = write_line(&subject->run.trails[0], &subject->mtty, path, line, len);
		size = mtty_mem_size(&subject->mtty);
		if (!why && size && (size & (size - 1) ||
				     size < MTTY_MIG_MEM_MIN ||
				     size > MTTY_MIG_MEM_MAX))
			why = WRONG("mem_size is %llu", size);
		/* Not so large that "dirty" would take all memory there is */
		if (size > 1 << 20 || step % BATCH == BATCH - 1)
			must(__mtty_set_mem_size(&subject->mtty, "32K"));
		if (why || step % BATCH != BATCH - 1)
			continue;
		vfio_dev_open(&subject->mtty.dev, subject->mtty.mdev.uuid);
		why = still_migrates(&subject->mtty, &subject->dst, &subject->journey);
		vfio_dev_close(&subject->mtty.dev);
	}
	if (why)
		run_tell(&subject->run);
	run_end(&subject->run);
	EXPECT_EQ(NULL, why)
		TH_LOG("%s", why);
}

TEST_HARNESS_MAIN
