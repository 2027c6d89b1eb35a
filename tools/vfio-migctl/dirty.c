// SPDX-License-Identifier: GPL-2.0-only
/* vfio-migctl dirty: watch which pages a device writes to. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../selftests/lib/vfio_dma.h"
#include "device.h"
#include "guard.h"
#include "halt.h"
#include "migctl.h"
#include "say.h"
#include "text.h"

/* Bits of a word */
#define BITS		64
/* The width of a terminal */
#define PICTURE_WIDTH	64
#define PICTURE_HEIGHT	16
/* The number of bits in 64 MiB */
#define PAGES_MAX	(64 * MIB * 8)

/**
 * struct watched - the range that is looked at
 * @iova: where it begins
 * @pages: how many
 * @page_size: of the log, in bytes
 * @bitmap: those that were written to since the last look
 */
struct watched {
	__u64 iova;
	__u64 pages;
	__u64 page_size;
	__u64 *bitmap;
};

static bool is_dirty(const struct watched *watched, __u64 page)
{
	return watched->bitmap[page / BITS] >> page % BITS & 1;
}

static __u64 count(const struct watched *watched, __u64 from, __u64 to)
{
	__u64 dirty = 0;

	for (; from < to; from++)
		dirty += is_dirty(watched, from);
	return dirty;
}

/* Calls @tell for each run of dirty pages */
static void each_run(const struct watched *watched, struct json *json,
		     void (*tell)(struct json *json, __u64 from, __u64 to))
{
	__u64 page = 0;

	while (page < watched->pages) {
		__u64 first = page;

		while (page < watched->pages && is_dirty(watched, page))
			page++;
		if (page > first)
			tell(json, watched->iova + first * watched->page_size,
			     watched->iova + page * watched->page_size);
		else
			page++;
	}
}

static void run_line(struct json *json, __u64 from, __u64 to)
{
	(void)json;
	fprintf(say.tell, "    0x%012llx - 0x%012llx  %s\n",
		(unsigned long long)from, (unsigned long long)to - 1,
		size_text(to - from));
}

static void run_json(struct json *json, __u64 from, __u64 to)
{
	json_object(json, NULL);
	json_number(json, "iova", from);
	json_number(json, "length", to - from);
	json_end(json);
}

/*
 * One character stands for several pages, of which none, some or all are dirty
 */
static void picture(const struct watched *watched)
{
	__u64 cells = PICTURE_WIDTH * PICTURE_HEIGHT;
	__u64 each = (watched->pages + cells - 1) / cells;
	__u64 page, column = 0;

	for (page = 0; page < watched->pages; page += each) {
		__u64 end = page + each;
		__u64 dirty;

		if (end > watched->pages)
			end = watched->pages;
		if (!column)
			fprintf(say.tell, "    0x%012llx ",
				(unsigned long long)(watched->iova +
						     page * watched->page_size));
		dirty = count(watched, page, end);
		putc(!dirty ? '.' : dirty < end - page ? '+' : '#', say.tell);
		column = (column + 1) % PICTURE_WIDTH;
		if (!column)
			putc('\n', say.tell);
	}
	if (column)
		putc('\n', say.tell);
}

static void show(const struct watched *watched, double ms)
{
	__u64 dirty = count(watched, 0, watched->pages);
	struct json json = say_value(true);

	fprintf(say.tell, "  %9.3f s  %llu pages dirty, %s\n", ms / 1e3,
		(unsigned long long)dirty,
		size_text(dirty * watched->page_size));
	if (opt.picture)
		picture(watched);
	else
		each_run(watched, &json, run_line);
	fflush(say.tell);
	if (!say.json)
		return;
	json_object(&json, NULL);
	json_ms(&json, "ms", ms);
	json_number(&json, "page_size", watched->page_size);
	json_number(&json, "dirty_pages", dirty);
	json_array(&json, "dirty");
	each_run(watched, &json, run_json);
	json_end(&json);
	json_end(&json);
}

static void look_on(struct device *device, struct watched *watched)
{
	size_t size = (watched->pages + BITS - 1) / BITS * sizeof(__u64);
	double start = now_ms(), next = 0;

	watched->bitmap = malloc(size);
	if (!watched->bitmap)
		fail(EXIT_REFUSED, "a shorter range", "no memory for a bitmap of %s",
		     size_text(size));
	do {
		double ms;
		int ret;

		next += opt.interval_ms;
		halt_wait(-1, 0, start + next > now_ms() ?
				 start + next - now_ms() : 0);
		memset(watched->bitmap, 0, size);
		ret = __dma_log_report(&device->dev, watched->iova,
				       watched->pages * watched->page_size,
				       watched->page_size, watched->bitmap);
		if (ret)
			fail_with(EXIT_REFUSED, &(struct fault){
					.device = device->arg, .error = -ret,
				  }, "the log cannot be read");
		ms = now_ms() - start;
		show(watched, ms);
		if (opt.for_ms && ms >= opt.for_ms)
			break;
	} while (!halt_wanted());
	free(watched->bitmap);
}

static const char *start_hint(int error)
{
	switch (error) {
	case ENOTTY:
		return "vfio-migctl info: it tells whether a device can log its DMA";
	case EBUSY:
	case EEXIST:
	case EINVAL:
		return "again when nobody logs: a device has one log, and a migration uses it";
	}
	return "a shorter range, or larger pages";
}

/**
 * verb_dirty - watch which pages a device writes to
 * @argc: 3
 * @argv: the device, and the range of IOVAs
 *
 * Return: the exit status.
 */
int verb_dirty(int argc, char **argv)
{
	static struct device device;
	struct vfio_device_feature_dma_logging_range range;
	struct watched watched = { .page_size = opt.page_size };
	__u64 length;
	int ret;

	(void)argc;
	if (!number_of(argv[1], ~0ULL, &watched.iova) ||
	    !number_of(argv[2], ~0ULL - watched.iova, &length) || !length ||
	    (watched.iova | length) & (opt.page_size - 1))
		refuse("%s %s: not a range of whole pages of %s", argv[1],
		       argv[2], size_text(opt.page_size));
	watched.pages = length / opt.page_size;
	if (watched.pages > PAGES_MAX)
		refuse("%s are more than %llu pages: a shorter range, or a larger --page-size",
		       argv[2], PAGES_MAX);
	device_find(&device, argv[0]);
	device_begin(&device, "device");
	/* The state of the device is not changed, whichever it is */
	device.end.leave_in = device.end.state;

	range.iova = watched.iova;
	range.length = length;
	ret = __dma_log_start(&device.dev, &range, 1, &watched.page_size);
	if (ret)
		fail_with(EXIT_REFUSED, &(struct fault){
				.device = device.arg, .error = -ret,
				.hint = start_hint(-ret),
			  }, "it does not log its DMA");
	device.end.logs = true;
	guard(&device.end);
	guard_begin();
	if (watched.page_size != opt.page_size)
		note("%s logs in pages of %s", device.arg,
		     size_text(watched.page_size));
	watched.page_size = opt.page_size;
	fprintf(say.tell, "%s logs the DMA of %s at %#llx; Ctrl-C ends that\n",
		device.arg, size_text(length), (unsigned long long)watched.iova);
	fflush(say.tell);
	look_on(&device, &watched);
	halt_forget();
	return EXIT_DONE;
}
