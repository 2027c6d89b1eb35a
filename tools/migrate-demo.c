// SPDX-License-Identifier: GPL-2.0-only
/*
 * migrate-demo: migrate an mtty-mig device to another one, and tell.
 *
 * This is what a VMM does with a VFIO device that it migrates, in one process:
 * the stream goes from the source's data fd to the destination's through one
 * buffer, while the "guest" goes on changing the device.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "../selftests/device/mtty.h"
#include "../selftests/lib/check.h"
#include "../selftests/lib/mig_model.h"

#define KIB	1024ULL
#define MIB	(KIB * KIB)
#define GIB	(KIB * MIB)

/* Pre-copy has done its work when no more than this is left to send */
#define LEFT_ENOUGH	(256 * KIB)

#define ROUNDS_MAX	32
#define ARCS_MAX	32
#define BAR_WIDTH	20

/* So many pages at most are changed between two reads of the data fd */
#define BURST_MAX	4096

/* Exit status of a call that makes no sense; nothing was done then */
#define EXIT_USAGE	2

static const char program[] = "migrate-demo";

static struct {
	__u64 mem_size;
	const char *type;
	__u64 dirty_rate;
	__u64 buffer;
	__u64 rounds;
	__u64 seed;
	bool live;
	bool colour;
	const char *json;
} opt = {
	.mem_size = 64 * MIB,
	.type = "full",
	.dirty_rate = 4000,
	.buffer = MIB,
	.rounds = 8,
	.seed = 1,
};

/**
 * struct end - one of the two devices
 * @mtty: the device
 * @name: "source" or "destination"
 * @flags: its VFIO_MIGRATION_*
 * @state: the state that it was brought to last
 * @data_fd: its session, or -1
 * @digest: the driver's digest of it, in the end
 */
struct end {
	struct mtty mtty;
	const char *name;
	__u64 flags;
	__u32 state;
	int data_fd;
	__u64 digest;
};

static struct end src = { .name = "source", .data_fd = -1 };
static struct end dst = { .name = "destination", .data_fd = -1 };

/**
 * struct arc - what was done to a device, for the JSON file
 * @end: to which
 * @from: state before
 * @to: state after
 * @ms: how long it took
 * @new_fd: a data fd came
 */
struct arc {
	const struct end *end;
	__u32 from;
	__u32 to;
	double ms;
	bool new_fd;
};

/**
 * struct round - one pass of pre-copy, or what came after it
 * @bytes: sent
 * @ms: how long it took
 * @initial: initial_bytes left
 * @dirty: dirty_bytes left
 */
struct round {
	__u64 bytes;
	double ms;
	__u64 initial;
	__u64 dirty;
};

static struct {
	struct arc arcs[ARCS_MAX];
	unsigned int nr_arcs;
	struct round rounds[ROUNDS_MAX];
	unsigned int nr_rounds;
	struct round last;
	__u64 bytes;
	double stream_ms;
	double downtime_ms;
	__u64 pages_written;
	const char *difference;
} account;

/* What the caller said makes no sense */
#define refuse(fmt, ...)						\
	do {								\
		fprintf(stderr, "%s: " fmt "\n", program, ##__VA_ARGS__); \
		exit(EXIT_USAGE);					\
	} while (0)

/* Errors end the program; an exit handler removes the devices */
#define fail(fmt, ...)							\
	do {								\
		fflush(stdout);						\
		fprintf(stderr, "%s: " fmt "\n", program, ##__VA_ARGS__); \
		exit(EXIT_FAILURE);					\
	} while (0)

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

/* A size for people; the buffers allow for several in one printf() */
static const char *size_text(double bytes)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	static char texts[4][24];
	static unsigned int next;
	char *text = texts[next++ % ARRAY_LEN(texts)];
	unsigned int unit = 0;

	while (bytes >= KIB && unit + 1 < ARRAY_LEN(units)) {
		bytes /= KIB;
		unit++;
	}
	snprintf(text, sizeof(texts[0]), unit ? "%.1f %s" : "%.0f %s", bytes,
		 units[unit]);
	return text;
}

static const char *rate_text(__u64 bytes, double ms)
{
	static char text[24];

	if (ms <= 0)
		return "";
	snprintf(text, sizeof(text), "%s/s", size_text(bytes / ms * 1e3));
	return text;
}

static const char *colour(const char *code)
{
	return opt.colour ? code : "";
}

#define BOLD	colour("\033[1m")
#define GREEN	colour("\033[1;32m")
#define RED	colour("\033[1;31m")
#define PLAIN	colour("\033[0m")

static void heading(const char *text)
{
	printf("\n%s%s%s\n", BOLD, text, PLAIN);
}

/* Progress */

static void left(struct round *round)
{
	struct vfio_precopy_info info;
	int ret = __vfio_precopy_info(src.data_fd, &info);

	if (ret)
		fail("source: VFIO_MIG_GET_PRECOPY_INFO: %s", strerror(-ret));
	round->initial = info.initial_bytes;
	round->dirty = info.dirty_bytes;
}

static double shown_at;
static unsigned int shown_quarter;

static void show_round(unsigned int number, const struct round *round,
		       __u64 goal)
{
	unsigned int filled = goal && round->bytes < goal ?
			      round->bytes * BAR_WIDTH / goal : BAR_WIDTH;
	char bar[BAR_WIDTH + 1];

	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', filled);
	bar[BAR_WIDTH] = '\0';
	printf("%s  round %-2u [%s] %10s %12s %10s %10s%s",
	       opt.live ? "\r" : "", number, bar, size_text(round->bytes),
	       rate_text(round->bytes, round->ms), size_text(round->initial),
	       size_text(round->dirty), opt.live ? "" : "\n");
	fflush(stdout);
}

/*
 * On a terminal the line is written over, some 20 times a second.  Elsewhere
 * each quarter of a long round gets a line.
 */
static void progress(unsigned int number, struct round *round, __u64 goal)
{
	unsigned int quarter = goal ? round->bytes * 4 / goal : 0;

	if (opt.live) {
		if (now_ms() - shown_at < 50)
			return;
		shown_at = now_ms();
	} else {
		if (quarter <= shown_quarter || quarter > 3 || goal < 16 * MIB)
			return;
		shown_quarter = quarter;
	}
	left(round);
	show_round(number, round, goal);
}

static void progress_end(unsigned int number, const struct round *round)
{
	show_round(number, round, round->bytes);
	if (opt.live)
		putchar('\n');
	shown_quarter = 0;
}

/* The state machine */

static void set_state(struct end *end, __u32 to)
{
	double start = now_ms(), ms;
	int ret, data_fd;

	ret = __vfio_mig_set(&end->mtty.dev, to, &data_fd);
	ms = now_ms() - start;
	if (ret)
		fail("%s: %s -> %s: %s", end->name, mig_state_name(end->state),
		     mig_state_name(to), strerror(-ret));
	if (vfio_mig_get(&end->mtty.dev) != to)
		fail("%s: %s -> %s: it says to be in %s", end->name,
		     mig_state_name(end->state), mig_state_name(to),
		     mig_state_name(vfio_mig_get(&end->mtty.dev)));

	printf("  %-12s %-12s -> %-12s %9.3f ms%s\n", end->name,
	       mig_state_name(end->state), mig_state_name(to), ms,
	       data_fd >= 0 ? "   new data fd" : "");
	if (account.nr_arcs < ARCS_MAX)
		account.arcs[account.nr_arcs++] = (struct arc) {
			.end = end, .from = end->state, .to = to, .ms = ms,
			.new_fd = data_fd >= 0,
		};

	end->state = to;
	if (data_fd >= 0) {
		if (end->data_fd >= 0)
			close(end->data_fd);
		end->data_fd = data_fd;
	}
}

/* Go to a state arc by arc, so that each can be seen */
static void go(struct end *end, __u32 to)
{
	struct mig_path path;
	unsigned int i;

	if (!mig_model_paths(end->flags, end->state, to, &path))
		fail("%s: there is no way from %s to %s", end->name,
		     mig_state_name(end->state), mig_state_name(to));
	for (i = 0; i < path.len; i++)
		set_state(end, path.state[i]);
}

/* The guest */

static double guest_since;
static __u64 guest_random;

static void guest_run(void)
{
	__u64 pages = opt.mem_size / MTTY_MIG_PAGE_SIZE;
	__u8 page[MTTY_MIG_PAGE_SIZE];
	__u64 due, burst = 0;

	if (!pages || !opt.dirty_rate)
		return;
	due = (now_ms() - guest_since) * opt.dirty_rate / 1e3;
	while (account.pages_written < due && burst++ < BURST_MAX) {
		__u64 index = mtty_random(&guest_random) % pages;

		mtty_fill_page(page, guest_random, index);
		vfio_region_write(&src.mtty.dev, MTTY_MIG_MEM_BAR,
				  index * sizeof(page), page, sizeof(page));
		account.pages_written++;
	}
	/* Registers do not stand still either */
	mtty_ctrl_out(&src.mtty, MTTY_MIG_REG_SCRATCH, guest_random);
	mtty_uart_out(&src.mtty, 0, UART_SCR, guest_random >> 32);
}

/* The stream */

static __u8 *buffer;

/* One buffer from here to there.  Return: bytes, 0 at the end, or -ENOMSG */
static ssize_t pump(void)
{
	ssize_t len = mig_read(src.data_fd, buffer, opt.buffer);
	ssize_t done = 0;

	if (len < 0 && len != -ENOMSG)
		fail("source: read of the data fd: %s", strerror(-len));
	while (done < len) {
		ssize_t n = mig_write(dst.data_fd, buffer + done, len - done);

		if (n <= 0)
			fail("destination: write to the data fd: %s",
			     strerror(-n));
		done += n;
	}
	return len;
}

/* As much as there was to send when the round began; what changes is next */
static void pre_copy_round(unsigned int number, struct round *round)
{
	double start = now_ms();
	__u64 goal;

	left(round);
	goal = round->initial + round->dirty;
	while (round->bytes < goal) {
		ssize_t n = pump();

		if (n <= 0)
			break;
		round->bytes += n;
		guest_run();
		round->ms = now_ms() - start;
		progress(number, round, goal);
	}
	round->ms = now_ms() - start;
	left(round);
	progress_end(number, round);
	account.bytes += round->bytes;
	account.stream_ms += round->ms;
}

static void pre_copy(void)
{
	struct round *round;

	printf("  %-*s %10s %12s %10s %10s\n", BAR_WIDTH + 11, "",
	       "sent", "rate", "initial", "dirty");
	do {
		round = &account.rounds[account.nr_rounds++];
		pre_copy_round(account.nr_rounds, round);
	} while (account.nr_rounds < opt.rounds &&
		 round->initial + round->dirty > LEFT_ENOUGH);
}

static void stop_copy(void)
{
	struct round *last = &account.last;
	double start = now_ms();
	ssize_t n;

	while ((n = pump()) > 0)
		last->bytes += n;
	if (n)
		fail("source: ENOMSG in STOP_COPY");
	last->ms = now_ms() - start;
	account.bytes += last->bytes;
	account.stream_ms += last->ms;
	printf("  %-12s %-28s %9.3f ms   %s\n", "stream",
	       "the rest, to its end", last->ms, size_text(last->bytes));
}

/* Setting up and comparing */

static void make_end(struct end *end)
{
	int ret;
	char name[64], size[32];
	struct mtty *mtty = &end->mtty;

	snprintf(name, sizeof(name), MTTY_TYPE_PREFIX "%s", opt.type);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)opt.mem_size);
	ret = __mdev_create(&mtty->mdev, name);
	if (ret)
		fail("cannot create a %s device: %s", name, strerror(-ret));
	ret = __mtty_set_mem_size(mtty, size);
	if (ret)
		fail("%s is no size that device memory can have: %s", size,
		     strerror(-ret));
	ret = __vfio_dev_open(&mtty->dev, mtty->mdev.uuid,
			      vfio_way_from_env());
	if (ret)
		fail("cannot open %s through %s: %s", mtty->mdev.uuid,
		     vfio_way_name(vfio_way_from_env()), strerror(-ret));
	ret = __vfio_mig_flags(&mtty->dev, &end->flags);
	if (ret)
		fail("a %s device cannot migrate: %s", name, strerror(-ret));
	end->state = vfio_mig_get(&mtty->dev);
	printf("  %-12s %-16s %-10s %s\n", end->name, name,
	       size_text(opt.mem_size), mtty->dev.node);
}

static void fill(void)
{
	double start = now_ms();

	mtty_fill(&src.mtty, opt.seed, 1);
	printf("  %-12s %-28s %9.3f ms   %llu pages, 2 ports\n", "filled",
	       "memory, FIFOs, registers", now_ms() - start,
	       (unsigned long long)opt.mem_size / MTTY_MIG_PAGE_SIZE);
	fflush(stdout);
}

/* Not only the driver's word for it, but all that can be read */
static void compare(void)
{
	static struct mtty_regs regs[2];

	src.digest = mtty_digest(&src.mtty);
	dst.digest = mtty_digest(&dst.mtty);
	if (src.digest != dst.digest)
		account.difference = "the digests differ";
	if (!account.difference)
		account.difference = mtty_mem_differs(&src.mtty, &dst.mtty);
	if (account.difference)
		return;

	/* Of a stopped port a character cannot be taken, so it runs again */
	must(__vfio_mig_set(&src.mtty.dev, VFIO_DEVICE_STATE_RUNNING,
			    &(int){ 0 }));
	mtty_take_regs(&src.mtty, &regs[0]);
	mtty_take_regs(&dst.mtty, &regs[1]);
	account.difference = mtty_regs_differ(&regs[0], &regs[1]);
}

static void summary(void)
{
	heading("Result");
	printf("  %-12s %s in %.1f ms, %s\n", "stream",
	       size_text(account.bytes), account.stream_ms,
	       rate_text(account.bytes, account.stream_ms));
	if (account.nr_rounds)
		printf("  %-12s %llu pages in %u round%s of pre-copy\n",
		       "changed", (unsigned long long)account.pages_written,
		       account.nr_rounds, account.nr_rounds > 1 ? "s" : "");
	printf("  %-12s %.3f ms\n", "downtime", account.downtime_ms);
	printf("  %-12s %016llx source\n", "digests",
	       (unsigned long long)src.digest);
	printf("  %-12s %016llx destination\n", "",
	       (unsigned long long)dst.digest);
	printf("  %-12s %s\n", "read back",
	       account.difference ? account.difference :
	       "memory, registers, FIFOs, configuration space: equal");

	printf("\n%sThe two devices are %s.%s\n",
	       account.difference ? RED : GREEN,
	       account.difference ? "NOT IDENTICAL" : "identical", PLAIN);
}

static void json_arc(FILE *f, const struct arc *arc)
{
	fprintf(f, "\t\t{ \"device\": \"%s\", \"from\": \"%s\", ",
		arc->end->name, mig_state_name(arc->from));
	fprintf(f, "\"to\": \"%s\", \"ms\": %.3f, \"data_fd\": %s }",
		mig_state_name(arc->to), arc->ms,
		arc->new_fd ? "true" : "false");
}

static void json_round(FILE *f, const struct round *round)
{
	fprintf(f, "\t\t{ \"bytes\": %llu, \"ms\": %.3f, ",
		(unsigned long long)round->bytes, round->ms);
	fprintf(f, "\"initial_bytes\": %llu, \"dirty_bytes\": %llu }",
		(unsigned long long)round->initial,
		(unsigned long long)round->dirty);
}

static void write_json(void)
{
	FILE *f = fopen(opt.json, "w");
	unsigned int i;

	if (!f)
		fail("%s: %s", opt.json, strerror(errno));
	fprintf(f, "{\n\t\"type\": \"" MTTY_TYPE_PREFIX "%s\",\n", opt.type);
	fprintf(f, "\t\"mem_size\": %llu,\n\t\"dirty_rate\": %llu,\n",
		(unsigned long long)opt.mem_size,
		(unsigned long long)opt.dirty_rate);
	fprintf(f, "\t\"arcs\": [");
	for (i = 0; i < account.nr_arcs; i++) {
		fputs(i ? ",\n" : "\n", f);
		json_arc(f, &account.arcs[i]);
	}
	fprintf(f, "\n\t],\n\t\"pre_copy\": [");
	for (i = 0; i < account.nr_rounds; i++) {
		fputs(i ? ",\n" : "\n", f);
		json_round(f, &account.rounds[i]);
	}
	fprintf(f, "\n\t],\n");
	fprintf(f, "\t\"stop_copy\": { \"bytes\": %llu, \"ms\": %.3f },\n",
		(unsigned long long)account.last.bytes, account.last.ms);
	fprintf(f, "\t\"bytes\": %llu,\n\t\"ms\": %.3f,\n",
		(unsigned long long)account.bytes, account.stream_ms);
	fprintf(f, "\t\"pages_changed\": %llu,\n",
		(unsigned long long)account.pages_written);
	fprintf(f, "\t\"downtime_ms\": %.3f,\n", account.downtime_ms);
	fprintf(f, "\t\"digests\": {\n\t\t\"source\": \"%016llx\",\n",
		(unsigned long long)src.digest);
	fprintf(f, "\t\t\"destination\": \"%016llx\"\n\t},\n",
		(unsigned long long)dst.digest);
	fprintf(f, "\t\"identical\": %s\n}\n",
		account.difference ? "false" : "true");
	if (fclose(f))
		fail("%s: %s", opt.json, strerror(errno));
}

/* Options */

static void usage(void)
{
	printf("Usage: %s [OPTION]...\n"
	       "\n"
	       "Create two mtty_mig devices, fill the first, migrate it to the second while it\n"
	       "changes, and compare them.  The exit status is 0 if they are identical, 2 if an\n"
	       "option makes no sense, and 1 otherwise.\n"
	       "\n"
	       "  -m, --mem SIZE         device memory: 0, or a power of two from 4K (64M)\n"
	       "  -t, --type TYPE        base, p2p, precopy or full (full)\n"
	       "  -d, --dirty-rate N     pages that change a second in pre-copy (4000)\n"
	       "  -b, --buffer SIZE      bytes to read and write at once (1M)\n"
	       "  -r, --rounds N         rounds of pre-copy at most, up to %d (8)\n"
	       "  -s, --seed N           another number gives other contents (1)\n"
	       "  -p, --progress WHEN    update the progress bar in place: always, never or\n"
	       "                         auto, which is on a terminal (auto)\n"
	       "  -j, --json FILE        also write the account to FILE\n"
	       "  -h, --help             this text\n"
	       "\n"
	       "VFIO_TEST_WAY=cdev|group-type1|group-iommufd selects how devices are opened.\n",
	       program, ROUNDS_MAX);
}

static __u64 to_number(const char *name, const char *text, __u64 max)
{
	static const char suffixes[] = "KMG";
	unsigned long long val;
	const char *suffix;
	char *end;

	errno = 0;
	val = strtoull(text, &end, 0);
	suffix = *end ? strchr(suffixes, *end & ~0x20) : NULL;
	if (suffix) {
		unsigned int shift = 10 * (suffix - suffixes + 1);

		if (val > ~0ULL >> shift)
			errno = ERANGE;
		val <<= shift;
		end++;
	}
	if (*text < '0' || *text > '9' || *end || errno || val > max)
		refuse("--%s %s: not a number up to %llu", name, text,
		       (unsigned long long)max);
	return val;
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "mem", required_argument, NULL, 'm' },
		{ "type", required_argument, NULL, 't' },
		{ "dirty-rate", required_argument, NULL, 'd' },
		{ "buffer", required_argument, NULL, 'b' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 's' },
		{ "progress", required_argument, NULL, 'p' },
		{ "json", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	const char *no_color = getenv("NO_COLOR");
	int c;

	opt.live = isatty(STDOUT_FILENO);
	opt.colour = opt.live && !(no_color && *no_color);
	while ((c = getopt_long(argc, argv, "m:t:d:b:r:s:p:j:h", options,
				NULL)) != -1) {
		switch (c) {
		case 'm':
			opt.mem_size = to_number("mem", optarg, MTTY_MIG_MEM_MAX);
			break;
		case 't':
			opt.type = optarg;
			break;
		case 'd':
			opt.dirty_rate = to_number("dirty-rate", optarg, 100 * MIB);
			break;
		case 'b':
			opt.buffer = to_number("buffer", optarg, GIB);
			break;
		case 'r':
			opt.rounds = to_number("rounds", optarg, ROUNDS_MAX);
			break;
		case 's':
			opt.seed = to_number("seed", optarg, ~0ULL);
			break;
		case 'p':
			if (!strcmp(optarg, "always"))
				opt.live = true;
			else if (!strcmp(optarg, "never"))
				opt.live = false;
			else if (strcmp(optarg, "auto"))
				refuse("--progress %s: not always, never or auto",
				       optarg);
			break;
		case 'j':
			opt.json = optarg;
			break;
		case 'h':
			usage();
			exit(EXIT_SUCCESS);
		default:
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc)
		refuse("'%s' is not understood, --help tells what is",
		       argv[optind]);
	if (!opt.buffer)
		refuse("--buffer 0: nothing can be copied through no buffer");
}

/* Removing the devices is all that must be done, and may be done, here */
static void on_signal(int signal)
{
	mdev_cleanup();
	raise(signal);
}

static void catch_signals(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM,
				       SIGPIPE, SIGALRM, SIGSEGV, SIGBUS,
				       SIGABRT, SIGFPE };
	/* Once: raised again, it ends the process as it would have */
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = SA_RESETHAND | SA_NODEFER };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &action, NULL);
}

int main(int argc, char **argv)
{
	struct utsname uts;
	double stopped;

	parse_options(argc, argv);
	if (!mtty_available())
		fail("there is no mtty_mig driver: is its module loaded?");
	buffer = malloc(opt.buffer);
	if (!buffer)
		fail("no memory for a buffer of %s", size_text(opt.buffer));
	catch_signals();
	uname(&uts);
	/* What is printed must not cost downtime: only fflush() writes */
	setvbuf(stdout, NULL, _IOFBF, 64 * KIB);

	printf("%sLive migration of a VFIO device, Linux %s%s\n", BOLD,
	       uts.release, PLAIN);
	heading("Devices");
	make_end(&src);
	make_end(&dst);
	fill();

	heading("Destination gets ready");
	go(&dst, VFIO_DEVICE_STATE_RESUMING);

	if (opt.rounds && src.flags & VFIO_MIGRATION_PRE_COPY) {
		heading("Pre-copy: the source goes on, and changes");
		go(&src, VFIO_DEVICE_STATE_PRE_COPY);
		guest_since = now_ms();
		guest_random = opt.seed ^ ~0ULL;
		pre_copy();
	}

	heading("Downtime: neither of them runs");
	fflush(stdout);
	stopped = now_ms();
	go(&src, VFIO_DEVICE_STATE_STOP_COPY);
	stop_copy();
	go(&src, VFIO_DEVICE_STATE_STOP);
	go(&dst, VFIO_DEVICE_STATE_RUNNING);
	account.downtime_ms = now_ms() - stopped;
	fflush(stdout);

	compare();
	summary();
	if (opt.json)
		write_json();
	if (fflush(stdout))
		fail("standard output: %s", strerror(errno));
	return account.difference ? EXIT_FAILURE : EXIT_SUCCESS;
}
