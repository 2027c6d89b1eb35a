// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast the device is, beside a limit or a peer.
 *
 * Each figure of the device has one beside it that the machine gives for the same
 * work without the device: read() of a memfd beside read() of a data fd. The two
 * are measured in turn, round by round, so that a machine that is busy, or another
 * one, changes both. Only their ratio says something about the driver.
 *
 * A machine that does something else for a moment makes some calls longer. So what
 * takes many calls is measured call by call, and what the fastest tenth does not exceed
 * counts.
 *
 * The program judges nothing. It prints a line for each measurement:
 *
 *	ROW X SIDE ROUND NANOSECONDS AMOUNT
 *
 * SIDE is "device" or "peer"; AMOUNT is bytes, or how often the thing was done;
 * X is what the row varies. scripts/bench.py reads them.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "../selftests/device/lib/dma.h"
#include "../selftests/device/lib/mtty.h"
#include "../selftests/lib/check.h"
#include "../selftests/lib/vfio_dma.h"

#define KIB		0x400ULL
#define MIB		0x100000ULL
#define TYPE		"full"
#define PEER_TYPE	"mtty-1"	/* the kernel's sample */

/* Size of device memory in rows that do not vary it */
#define MEM_SIZE	(64 * MIB)
/* Arcs in one measurement */
#define ARCS		200
/* The log is asked for a guest of this size */
#define LOG_SIZE	0x10000000000ULL
#define LOG_PAGES	65536

static FILE *out;
static unsigned int round_now;

static __u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* All numbers but the round may be larger than an int */
static void tell(const char *row, __u64 x, const char *side, __u64 ns,
		 __u64 amount)
{
	fprintf(out, "%s %llu %s %u %llu %llu\n", row, (unsigned long long)x,
		side, round_now, (unsigned long long)ns,
		(unsigned long long)amount);
	fflush(out);
}

/* Touched by this process: in User Mode Linux, MAP_POPULATE does not do all of it */
static void *new_memory(size_t len)
{
	void *addr = mmap(NULL, len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (addr == MAP_FAILED)
		die("%zu bytes of memory: %s", len, strerror(errno));
	memset(addr, 1, len);
	return addr;
}

/*
 * A guest's memory costs more when it is first touched, as the host has to find
 * it. Let that happen before anything is measured.
 */
static void touch_memory(void)
{
	size_t len = (size_t)sysconf(_SC_AVPHYS_PAGES) *
		     sysconf(_SC_PAGESIZE) / 10 * 8;

	munmap(new_memory(len), len);
}

/* Content that no page has twice, and none that is zero */
static void fill(struct mtty *mtty, __u64 len)
{
	__u8 *buf = new_memory(MIB);
	__u64 at, page;

	for (at = 0; at < len; at += MIB) {
		for (page = 0; page < MIB; page += MTTY_MIG_PAGE_SIZE)
			mtty_fill_page(buf + page, 1, at + page);
		vfio_region_write(&mtty->dev, MTTY_MIG_MEM_BAR, at, buf, MIB);
	}
	munmap(buf, MIB);
}

/* How long each call of one kind has taken */
struct times {
	__u64 ns[0x4000];
	unsigned int nr;
};

static void add_time(struct times *times, __u64 ns)
{
	if (times && times->nr < ARRAY_LEN(times->ns))
		times->ns[times->nr++] = ns;
}

static int compare_times(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Of calls that nothing else has made longer */
static __u64 undisturbed(struct times *times)
{
	qsort(times->ns, times->nr, sizeof(*times->ns), compare_times);
	return times->ns[times->nr / 10];
}

/*
 * The read() calls that a stream takes. Return: bytes.
 * @times: gets the times of the calls that have filled the buffer; or NULL
 */
static __u64 read_out(int fd, __u8 *buf, size_t chunk, struct times *times)
{
	__u64 sum = 0, begin = now(), end;
	ssize_t n;

	while ((n = read(fd, buf, chunk)) > 0) {
		end = now();
		if ((size_t)n == chunk)
			add_time(times, end - begin);
		begin = end;
		sum += n;
	}
	if (n < 0)
		die("read: %s", strerror(errno));
	return sum;
}

/* @times: gets the times of the calls that have written @chunk bytes; or NULL */
static void write_in(int fd, const __u8 *data, size_t len, size_t chunk,
		     struct times *times)
{
	__u64 begin = now(), end;
	size_t done = 0;

	while (done < len) {
		size_t left = len - done;
		ssize_t n = write(fd, data + done, left < chunk ? left : chunk);

		if (n <= 0)
			die("write: %s", strerror(errno));
		end = now();
		if ((size_t)n == chunk)
			add_time(times, end - begin);
		begin = end;
		done += n;
	}
}

static int new_memfd(void)
{
	int fd = memfd_create("peer", 0);

	if (fd < 0)
		die("memfd_create: %s", strerror(errno));
	return fd;
}

/* Saving and loading, by the size of the caller's buffer */

static const size_t chunks[] = { 64 * KIB, MIB, 8 * MIB };

/* The driver frees device memory some time after nobody uses it any more */
#define FREE_US		50000
/* So often for each figure: a stream has few calls of 8 MiB */
#define STREAMS		8

/* The same work for all: to save, to read a memfd, to load, to write a memfd */
static struct times save_times, save_peer, load_times, load_peer;

static void time_save(struct vfio_dev *dev, __u8 *buf, size_t chunk)
{
	int fd = vfio_mig_set(dev, VFIO_DEVICE_STATE_STOP_COPY);

	read_out(fd, buf, chunk, &save_times);
	vfio_mig_set(dev, VFIO_DEVICE_STATE_STOP);
	close(fd);
}

static void time_load(struct vfio_dev *dev, const struct mig_stream *stream,
		      size_t chunk)
{
	int fd = vfio_mig_set(dev, VFIO_DEVICE_STATE_RESUMING);

	write_in(fd, stream->data, stream->len, chunk, &load_times);
	vfio_mig_set(dev, VFIO_DEVICE_STATE_STOP);
	close(fd);
	/* What was loaded before is freed meanwhile, and not beside the next */
	usleep(FREE_US);
}

static void bench_stream(struct mtty *mtty)
{
	struct mig_stream stream = {};
	__u8 *buf = new_memory(8 * MIB);
	unsigned int i, turn;
	int peer, fd;

	fill(mtty, MEM_SIZE);
	mig_save(&mtty->dev, &stream, MIG_CHUNK);
	peer = new_memfd();
	write_in(peer, stream.data, stream.len, MIG_CHUNK, NULL);

	for (i = 0; i < ARRAY_LEN(chunks); i++) {
		size_t chunk = chunks[i];

		save_times.nr = 0;
		save_peer.nr = 0;
		load_times.nr = 0;
		load_peer.nr = 0;
		for (turn = 0; turn < STREAMS; turn++) {
			time_save(&mtty->dev, buf, chunk);
			lseek(peer, 0, SEEK_SET);
			read_out(peer, buf, chunk, &save_peer);
		}
		for (turn = 0; turn < STREAMS; turn++) {
			time_load(&mtty->dev, &stream, chunk);
			fd = new_memfd();
			write_in(fd, stream.data, stream.len, chunk, &load_peer);
			close(fd);
		}
		tell("save", chunk, "device", undisturbed(&save_times), chunk);
		tell("save", chunk, "peer", undisturbed(&save_peer), chunk);
		tell("load", chunk, "device", undisturbed(&load_times), chunk);
		tell("load", chunk, "peer", undisturbed(&load_peer), chunk);
	}
	vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_RUNNING);
	close(peer);
	munmap(buf, 8 * MIB);
	mig_stream_free(&stream);
}

/* Arcs, by the size of device memory, all of which is populated */

static const __u64 mem_sizes[] = { 64 * MIB, 128 * MIB, 256 * MIB, 512 * MIB };

static const struct {
	const char *row;
	__u32 state;
} arcs[] = {
	{ "arc-p2p",		VFIO_DEVICE_STATE_RUNNING_P2P },
	{ "arc-stop",		VFIO_DEVICE_STATE_STOP },
	{ "arc-stop-copy",	VFIO_DEVICE_STATE_STOP_COPY },
	{ "arc-pre-copy",	VFIO_DEVICE_STATE_PRE_COPY },
};

static void there_and_back(struct vfio_dev *dev, __u32 state)
{
	int fd = vfio_mig_set(dev, state);

	vfio_mig_set(dev, VFIO_DEVICE_STATE_RUNNING);
	if (fd >= 0)
		close(fd);
}

static void time_arc(struct vfio_dev *dev, unsigned int arc, __u64 x,
		     const char *side)
{
	static struct times times;
	__u64 begin;

	there_and_back(dev, arcs[arc].state);
	for (times.nr = 0; times.nr < ARCS;) {
		begin = now();
		there_and_back(dev, arcs[arc].state);
		add_time(&times, now() - begin);
	}
	tell(arcs[arc].row, x, side, undisturbed(&times), 1);
}

/* An operation that clears device memory can be done once after each fill */
static struct times drop_times, drop_peer;

static void time_reset(struct vfio_dev *dev, struct times *times)
{
	__u64 begin = now();

	vfio_dev_reset(dev);
	add_time(times, now() - begin);
}

static void time_resuming(struct vfio_dev *dev, struct times *times)
{
	__u64 begin = now();
	int fd = vfio_mig_set(dev, VFIO_DEVICE_STATE_RESUMING);

	add_time(times, now() - begin);
	vfio_dev_reset(dev);
	close(fd);
}

/* @drop: as often as it takes to fill the largest memory once */
static void time_drops(struct mtty *mtty, __u64 size, struct vfio_dev *peer,
		       const char *row,
		       void (*drop)(struct vfio_dev *dev, struct times *times))
{
	__u64 at;

	drop_times.nr = 0;
	drop_peer.nr = 0;
	for (at = 0; at < mem_sizes[ARRAY_LEN(mem_sizes) - 1]; at += size) {
		fill(mtty, size);
		drop(&mtty->dev, &drop_times);
		usleep(FREE_US);
		if (peer)
			drop(peer, &drop_peer);
	}
	tell(row, size, "device", undisturbed(&drop_times), 1);
	if (peer)
		tell(row, size, "peer", undisturbed(&drop_peer), 1);
}

static void bench_arcs(struct vfio_dev *peer)
{
	unsigned int i, arc;

	for (i = 0; i < ARRAY_LEN(mem_sizes); i++) {
		__u64 size = mem_sizes[i];
		struct mtty mtty;

		mtty_new(&mtty, TYPE, size);
		fill(&mtty, size);
		for (arc = 0; arc < ARRAY_LEN(arcs); arc++) {
			time_arc(&mtty.dev, arc, size, "device");
			if (peer)
				time_arc(peer, arc, size, "peer");
		}
		time_drops(&mtty, size, peer, "arc-resuming", time_resuming);
		time_drops(&mtty, size, peer, "reset", time_reset);
		vfio_dev_close(&mtty.dev);
		mdev_remove(&mtty.mdev);
	}
}

/* How many changed pages pre-copy sends, and how many it leaves */
static void bench_precopy(struct mtty *mtty)
{
	__u8 *buf = new_memory(MIB);
	__u64 pages = 1024, i, bytes = 0;
	ssize_t n;
	int fd;

	vfio_dev_reset(&mtty->dev);
	fd = vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_PRE_COPY);
	while (read(fd, buf, MIB) > 0)
		;
	for (i = 0; i < pages; i++) {
		mtty_fill_page(buf, 2, i);
		vfio_region_write(&mtty->dev, MTTY_MIG_MEM_BAR,
				  2 * i * MTTY_MIG_PAGE_SIZE, buf,
				  MTTY_MIG_PAGE_SIZE);
	}
	while ((n = read(fd, buf, MIB)) > 0)
		bytes += n;
	if (errno != ENOMSG)
		die("pre-copy: %s", strerror(errno));
	tell("pre-copy-bytes", pages, "device", bytes, 1);
	tell("pre-copy-bytes", pages, "peer", pages * MTTY_MIG_PAGE_SIZE, 1);
	vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_STOP_COPY);
	tell("pre-copy-rest", pages, "device", read_out(fd, buf, MIB, NULL), 1);
	vfio_dev_reset(&mtty->dev);
	close(fd);
	munmap(buf, MIB);
}

/* The DMA log and the engine that fills it */

static void log_start(struct vfio_dev *dev)
{
	struct vfio_device_feature_dma_logging_range range = {
		.length = LOG_SIZE,
	};
	__u64 page_size = MTTY_MIG_PAGE_SIZE;

	must(__dma_log_start(dev, &range, 1, &page_size));
}

static void engine_fill(struct mtty *mtty, __u64 iova, __u64 len)
{
	const struct dma_transfer transfer = {
		.cmd = MTTY_MIG_DMA_OP_FILL, .dst = iova, .len = len,
		.pattern = 0x5a5a5a5a,
	};

	if (dma_run(mtty, 0, &transfer) != MTTY_MIG_DMA_COMPLETE)
		die("the engine failed");
}

static void time_report(struct vfio_dev *dev, __u64 pages, __u64 *bitmap,
			size_t len)
{
	__u64 begin = now();

	must(__dma_log_report(dev, 0, LOG_SIZE, MTTY_MIG_PAGE_SIZE, bitmap));
	tell("report", pages, "device", now() - begin, len);
	begin = now();
	memset(bitmap, 0, len);
	/* A compiler may leave out what nobody reads */
	__asm__ volatile("" : : "r"(bitmap) : "memory");
	tell("report", pages, "peer", now() - begin, len);
}

static void bench_dma(struct mtty *mtty)
{
	size_t len = LOG_SIZE / MTTY_MIG_PAGE_SIZE / 8;
	__u64 dirty = (__u64)LOG_PAGES * MTTY_MIG_PAGE_SIZE;
	__u64 *bitmap = new_memory(len);
	struct vfio_buf buf;
	__u64 begin, iova;

	memset(bitmap, 0, len);
	vfio_buf_new(&mtty->dev, &buf, 0, MEM_SIZE, true);
	memset(buf.addr, 1, MEM_SIZE);
	begin = now();
	engine_fill(mtty, 0, MEM_SIZE);
	tell("fill", MEM_SIZE, "device", now() - begin, MEM_SIZE);
	begin = now();
	memset(buf.addr, 0xa5, MEM_SIZE);
	__asm__ volatile("" : : "r"(buf.addr) : "memory");
	tell("fill", MEM_SIZE, "peer", now() - begin, MEM_SIZE);

	log_start(&mtty->dev);
	time_report(&mtty->dev, 0, bitmap, len);
	/*
	 * The same memory is mapped again and again, until there are so many
	 * pages
	 */
	for (iova = MEM_SIZE; iova < dirty; iova += MEM_SIZE)
		must(__vfio_dma_map(&mtty->dev, buf.addr, iova, MEM_SIZE, true));
	engine_fill(mtty, 0, dirty);
	time_report(&mtty->dev, LOG_PAGES, bitmap, len);
	must(__dma_log_stop(&mtty->dev));

	for (iova = MEM_SIZE; iova < dirty; iova += MEM_SIZE)
		must(__vfio_dma_unmap(&mtty->dev, iova, MEM_SIZE));
	vfio_buf_unmap(&mtty->dev, &buf);
	munmap(bitmap, len);
}

/* Devices, by their number: made, opened, migrated, closed, removed */

static const unsigned int numbers[] = { 1, 10, 100, 1000 };

static void migrate(struct mtty *mtty)
{
	struct mig_stream stream = {};

	mtty_ctrl_out(mtty, MTTY_MIG_REG_SCRATCH, 1);
	mig_save(&mtty->dev, &stream, MIG_CHUNK);
	mig_load(&mtty->dev, &stream, MIG_CHUNK, VFIO_DEVICE_STATE_RUNNING);
	mig_stream_free(&stream);
}

static void bench_devices(void)
{
	unsigned int i, n;

	for (i = 0; i < ARRAY_LEN(numbers); i++) {
		struct mtty *all = calloc(numbers[i], sizeof(*all));
		__u64 begin = now();

		if (!all)
			die("no memory for %u devices", numbers[i]);
		for (n = 0; n < numbers[i]; n++)
			mtty_new(&all[n], TYPE, MTTY_MIG_PAGE_SIZE);
		for (n = 0; n < numbers[i]; n++)
			migrate(&all[n]);
		for (n = 0; n < numbers[i]; n++)
			vfio_dev_close(&all[n].dev);
		for (n = 0; n < numbers[i]; n++)
			mdev_remove(&all[n].mdev);
		tell("devices", numbers[i], "device", now() - begin, numbers[i]);
		free(all);
	}
}

/*
 * Two migrations side by side, on two processors; and two memfds that are read,
 * which have nothing in common but the kernel and its machine
 */

struct side {
	struct mtty mtty;
	int memfd;
	pthread_t thread;
	__u8 *buf;
};

static void *save_often(void *arg)
{
	struct side *side = arg;
	unsigned int turn;
	int fd;

	for (turn = 0; turn < STREAMS; turn++) {
		fd = vfio_mig_set(&side->mtty.dev, VFIO_DEVICE_STATE_STOP_COPY);
		read_out(fd, side->buf, MIG_CHUNK, NULL);
		vfio_mig_set(&side->mtty.dev, VFIO_DEVICE_STATE_RUNNING);
		close(fd);
	}
	return NULL;
}

static void *read_often(void *arg)
{
	struct side *side = arg;
	unsigned int turn;

	for (turn = 0; turn < STREAMS; turn++) {
		lseek(side->memfd, 0, SEEK_SET);
		read_out(side->memfd, side->buf, MIG_CHUNK, NULL);
	}
	return NULL;
}

static void time_sides(struct side *sides, unsigned int n, const char *row,
		       void *(*work)(void *side))
{
	__u64 begin = now();
	unsigned int i;

	for (i = 0; i < n; i++)
		if (pthread_create(&sides[i].thread, NULL, work, &sides[i]))
			die("no thread");
	for (i = 0; i < n; i++)
		pthread_join(sides[i].thread, NULL);
	tell(row, n, "device", now() - begin, n * STREAMS * MEM_SIZE);
}

static void bench_beside(void)
{
	struct side sides[2];
	unsigned int i;
	__u64 at;

	for (i = 0; i < ARRAY_LEN(sides); i++) {
		mtty_new(&sides[i].mtty, TYPE, MEM_SIZE);
		fill(&sides[i].mtty, MEM_SIZE);
		sides[i].buf = new_memory(MIG_CHUNK);
		sides[i].memfd = new_memfd();
		for (at = 0; at < MEM_SIZE; at += MIG_CHUNK)
			write_in(sides[i].memfd, sides[i].buf, MIG_CHUNK,
				 MIG_CHUNK, NULL);
	}
	for (i = 1; i <= ARRAY_LEN(sides); i++) {
		time_sides(sides, i, "beside", save_often);
		time_sides(sides, i, "beside-memfd", read_often);
	}
	for (i = 0; i < ARRAY_LEN(sides); i++) {
		vfio_dev_close(&sides[i].mtty.dev);
		mdev_remove(&sides[i].mtty.mdev);
		munmap(sides[i].buf, MIG_CHUNK);
		close(sides[i].memfd);
	}
}

static void raise_limit_of_files(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void show_usage(void)
{
	fprintf(stderr,
		"usage: mig-bench [-r ROUNDS] [-o FILE] [ROW]...\n"
		"rows: stream arcs precopy dma devices beside\n");
	exit(2);
}

static bool wanted(char **rows, const char *row)
{
	if (!*rows)
		return true;
	for (; *rows; rows++)
		if (!strcmp(*rows, row))
			return true;
	return false;
}

static void check_rows(char **rows)
{
	static const char * const known[] = {
		"stream", "arcs", "precopy", "dma", "devices", "beside",
	};
	unsigned int i;

	for (; *rows; rows++) {
		for (i = 0; i < ARRAY_LEN(known); i++)
			if (!strcmp(*rows, known[i]))
				break;
		if (i == ARRAY_LEN(known)) {
			fprintf(stderr, "mig-bench: no row is called '%s'\n",
				*rows);
			show_usage();
		}
	}
}

static void run_rounds(unsigned int rounds, char **rows)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	bool has_peer = mdev_type_exists(PEER_TYPE);
	struct vfio_dev peer;
	struct mdev peer_mdev;
	struct mtty mtty;

	if (has_peer) {
		mdev_create(&peer_mdev, PEER_TYPE);
		vfio_dev_open(&peer, peer_mdev.uuid);
	} else {
		printf("# no %s: arcs have no peer\n", PEER_TYPE);
	}
	if (processors < 2)
		printf("# one processor: no two migrations side by side\n");

	for (round_now = 1; round_now <= rounds; round_now++) {
		printf("round %u of %u\n", round_now, rounds);
		fflush(stdout);
		mtty_new(&mtty, TYPE, MEM_SIZE);
		if (wanted(rows, "stream"))
			bench_stream(&mtty);
		if (wanted(rows, "precopy"))
			bench_precopy(&mtty);
		if (wanted(rows, "dma"))
			bench_dma(&mtty);
		vfio_dev_close(&mtty.dev);
		mdev_remove(&mtty.mdev);
		if (wanted(rows, "arcs"))
			bench_arcs(has_peer ? &peer : NULL);
		if (wanted(rows, "devices"))
			bench_devices();
		if (wanted(rows, "beside") && processors > 1)
			bench_beside();
	}
	if (has_peer) {
		vfio_dev_close(&peer);
		mdev_remove(&peer_mdev);
	}
}

int main(int argc, char **argv)
{
	unsigned long rounds = 5;
	int option;
	char *end;

	out = stdout;
	while ((option = getopt(argc, argv, "r:o:")) != -1) {
		switch (option) {
		case 'r':
			rounds = strtoul(optarg, &end, 10);
			if (*end || !rounds || rounds > 1000) {
				fprintf(stderr, "mig-bench: -r takes a number from 1 to 1000\n");
				show_usage();
			}
			break;
		case 'o':
			out = fopen(optarg, "w");
			if (!out)
				die("%s: %s", optarg, strerror(errno));
			break;
		default:
			show_usage();
		}
	}
	check_rows(argv + optind);
	if (!mtty_available()) {
		fprintf(stderr, "mig-bench: the driver mtty_mig is not loaded\n");
		return 1;
	}
	raise_limit_of_files();
	touch_memory();
	run_rounds(rounds, argv + optind);
	return 0;
}
