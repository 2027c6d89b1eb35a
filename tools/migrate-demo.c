// SPDX-License-Identifier: GPL-2.0-only
/*
 * migrate-demo: migrate an mtty-mig device to another one, and tell.
 *
 * It makes the devices and is the "guest" that goes on changing the source.  How a
 * device is migrated is in vfio-migctl/migration.c, which vfio-migctl shares.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../selftests/device/lib/mtty.h"
#include "../selftests/lib/check.h"
#include "vfio-migctl/account.h"
#include "vfio-migctl/migration.h"
#include "vfio-migctl/say.h"
#include "vfio-migctl/text.h"

/* The most pages that are changed between two reads of the data fd */
#define BURST_MAX	4096

static struct {
	__u64 mem_size;
	const char *type;
	__u64 dirty_rate;
	__u64 buffer;
	__u64 rounds;
	__u64 seed;
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
 * struct side - one of the two devices
 * @mtty: the device
 * @end: the same, as an end of the migration
 * @digest: the driver's digest of it, in the end
 */
struct side {
	struct mtty mtty;
	struct end end;
	__u64 digest;
};

static struct side src;
static struct side dst;
static __u64 pages_written;
static const char *difference;

/* The guest */

static double guest_since;
static __u64 guest_random;

static void guest_run(void)
{
	__u64 pages = opt.mem_size / MTTY_MIG_PAGE_SIZE;
	__u8 page[MTTY_MIG_PAGE_SIZE];
	__u64 due, burst = 0;

	if (!guest_since) {
		guest_since = now_ms();
		guest_random = opt.seed ^ ~0ULL;
	}
	if (!pages || !opt.dirty_rate)
		return;
	due = (now_ms() - guest_since) * opt.dirty_rate / 1e3;
	while (pages_written < due && burst++ < BURST_MAX) {
		__u64 index = mtty_random(&guest_random) % pages;

		mtty_fill_page(page, guest_random, index);
		vfio_region_write(&src.mtty.dev, MTTY_MIG_MEM_BAR,
				  index * sizeof(page), page, sizeof(page));
		pages_written++;
	}
	/* Registers change, too */
	mtty_ctrl_out(&src.mtty, MTTY_MIG_REG_SCRATCH, guest_random);
	mtty_uart_out(&src.mtty, 0, UART_SCR, guest_random >> 32);
}

/* Setting up and comparing */

static void make_side(struct side *side, const char *name_in_account)
{
	struct mtty *mtty = &side->mtty;
	char name[64], size[32];
	__u64 flags;
	int ret;

	snprintf(name, sizeof(name), MTTY_TYPE_PREFIX "%s", opt.type);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)opt.mem_size);
	ret = __mdev_create(&mtty->mdev, name);
	if (ret)
		fail(EXIT_REFUSED, NULL, "cannot create a %s device: %s", name, strerror(-ret));
	ret = __mtty_set_mem_size(mtty, size);
	if (ret)
		fail(EXIT_REFUSED, NULL, "%s is no size that device memory can have: %s", size,
		     strerror(-ret));
	ret = __vfio_dev_open(&mtty->dev, mtty->mdev.uuid,
			      vfio_way_from_env());
	if (ret)
		fail(EXIT_REFUSED, NULL, "cannot open %s through %s: %s", mtty->mdev.uuid,
		     vfio_way_name(vfio_way_from_env()), strerror(-ret));
	ret = __vfio_mig_flags(&mtty->dev, &flags);
	if (ret)
		fail(EXIT_REFUSED, NULL, "a %s device cannot migrate: %s", name,
		     strerror(-ret));
	end_begin(&side->end, name_in_account, name_in_account, &mtty->dev);
	printf("  %-12s %-16s %-10s %s\n", name_in_account, name,
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

/* Compare not only the driver's digests, but all that can be read */
static void compare(void)
{
	static struct mtty_regs regs[2];

	src.digest = mtty_digest(&src.mtty);
	dst.digest = mtty_digest(&dst.mtty);
	if (src.digest != dst.digest)
		difference = "the digests differ";
	if (!difference)
		difference = mtty_mem_differs(&src.mtty, &dst.mtty);
	if (difference)
		return;

	/*
	 * A character cannot be read from a stopped port, so the device runs
	 * again
	 */
	must(__vfio_mig_set(&src.mtty.dev, VFIO_DEVICE_STATE_RUNNING,
			    &(int){ 0 }));
	mtty_take_regs(&src.mtty, &regs[0]);
	mtty_take_regs(&dst.mtty, &regs[1]);
	difference = mtty_regs_differ(&regs[0], &regs[1]);
}

static void summary(void)
{
	char changed[32];

	snprintf(changed, sizeof(changed), "%llu pages",
		 (unsigned long long)pages_written);
	account_summary(changed);
	printf("  %-12s %016llx source\n", "digests",
	       (unsigned long long)src.digest);
	printf("  %-12s %016llx destination\n", "",
	       (unsigned long long)dst.digest);
	printf("  %-12s %s\n", "read back", difference ? difference :
	       "memory, registers, FIFOs, configuration space: equal");

	printf("\n%sThe two devices are %s.%s\n", difference ? RED : GREEN,
	       difference ? "NOT IDENTICAL" : "identical", PLAIN);
}

static void write_json(void)
{
	struct json json = { .file = fopen(opt.json, "w") };
	char type[64];

	if (!json.file)
		fail(EXIT_REFUSED, NULL, "%s: %s", opt.json, strerror(errno));
	snprintf(type, sizeof(type), MTTY_TYPE_PREFIX "%s", opt.type);
	json_object(&json, NULL);
	json_text(&json, "type", type);
	json_number(&json, "mem_size", opt.mem_size);
	json_number(&json, "dirty_rate", opt.dirty_rate);
	account_json_arcs(&json);
	account_json_stream(&json);
	json_number(&json, "pages_changed", pages_written);
	json_object(&json, "digests");
	json_hex(&json, "source", src.digest);
	json_hex(&json, "destination", dst.digest);
	json_end(&json);
	json_bool(&json, "identical", !difference);
	json_end(&json);
	if (fclose(json.file))
		fail(EXIT_REFUSED, NULL, "%s: %s", opt.json, strerror(errno));
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
	       say.program, ROUNDS_MAX);
}

static __u64 to_number(const char *name, const char *text, __u64 max)
{
	__u64 val;

	if (!number_of(text, max, &val))
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
	int c;

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
				say.live = true;
			else if (!strcmp(optarg, "never"))
				say.live = false;
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
	/* The handler acts once: raised again, the signal ends the process */
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = SA_RESETHAND | SA_NODEFER };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &action, NULL);
}

int main(int argc, char **argv)
{
	struct flow flow = { .src = &src.end, .meanwhile = guest_run };
	struct utsname uts;

	say_begin("migrate-demo");
	parse_options(argc, argv);
	if (!mtty_available())
		fail(EXIT_REFUSED, NULL, "there is no mtty_mig driver: is its module loaded?");
	flow_begin(&flow, opt.buffer);
	flow.rounds = opt.rounds;
	catch_signals();
	uname(&uts);
	/* Printing must not cost downtime, so only fflush() writes */
	setvbuf(stdout, NULL, _IOFBF, 64 * KIB);

	printf("%sLive migration of a VFIO device, Linux %s%s\n", BOLD,
	       uts.release, PLAIN);
	heading("Devices");
	make_side(&src, "source");
	make_side(&dst, "destination");
	fill();

	migration(&flow, &dst.end);

	compare();
	summary();
	if (opt.json)
		write_json();
	if (fflush(stdout))
		fail(EXIT_REFUSED, NULL, "standard output: %s", strerror(errno));
	return difference ? EXIT_REFUSED : EXIT_DONE;
}
