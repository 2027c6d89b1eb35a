// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls with arguments at random, on a device and its data fds.
 *
 * An argument is built as its user would build it, then changed here and
 * there, mostly to numbers at which something ends.  It lies at the end of
 * memory, or among canaries: whatever a call returns, it may have written
 * nowhere but to its argument.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../lib/check.h"
#include "fuzz_calls.h"
#include "stress.h"

#define CALL(fuzz, ...)		run_call((fuzz)->trail, __VA_ARGS__)

/* Where the driver keeps a region in the device fd */
#define REGION(index)		((__u64)(index) << 40)

static __u8 *memory(size_t len, int prot)
{
	void *buf = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (buf == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	return buf;
}

/**
 * fuzz_begin - get ready
 * @fuzz: filled in, but for the device
 * @run: what it belongs to
 */
void fuzz_begin(struct fuzz *fuzz, struct random_run *run)
{
	unsigned int i;

	memset(fuzz, 0, sizeof(*fuzz));
	fuzz->trail = &run->trails[0];
	fuzz->dice = run->seed;
	for (i = 0; i < FUZZ_FDS; i++)
		fuzz->fds[i] = -1;
	fuzz->eventfd = eventfd_new();
	fuzz->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fuzz->null_fd < 0 || pipe2(fuzz->pipe, O_NONBLOCK | O_CLOEXEC))
		die("no /dev/null or no pipe: %s", strerror(errno));
	fuzz->arena = memory(FUZZ_ARENA + 4096, PROT_READ | PROT_WRITE);
	fuzz->shadow = memory(FUZZ_ARENA, PROT_READ | PROT_WRITE);
	if (mprotect(fuzz->arena + FUZZ_ARENA, 4096, PROT_NONE))
		die("mprotect: %s", strerror(errno));
	fuzz->readonly = memory(4096, PROT_READ);
	memset(fuzz->arena, 0xa5, FUZZ_ARENA);
	memset(fuzz->shadow, 0xa5, FUZZ_ARENA);
	/* A pipe that nobody reads, a file that may not grow */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGIO, SIG_IGN);
}

/**
 * fuzz_keep - remember a data fd; the oldest one is closed
 * @fuzz: who calls
 * @data_fd: the fd
 */
void fuzz_keep(struct fuzz *fuzz, int data_fd)
{
	if (fuzz->fds[FUZZ_FDS - 1] >= 0)
		close(fuzz->fds[FUZZ_FDS - 1]);
	memmove(fuzz->fds + 1, fuzz->fds,
		(FUZZ_FDS - 1) * sizeof(fuzz->fds[0]));
	fuzz->fds[0] = data_fd;
}

/**
 * fuzz_number - a number at which something may end
 * @dice: where it comes from
 */
__u64 fuzz_number(__u64 *dice)
{
	static const __u64 ends[] = {
		0, 1, 2, 4, 5, 8, 16, 32, 64, 128, 256, 4096, 0x4000, 0x8000,
		0x100000, 1ULL << 31, 1ULL << 32, 1ULL << 40, 1ULL << 63,
	};
	__u64 number = ends[below(dice, ARRAY_LEN(ends))];

	switch (below(dice, 8)) {
	case 0:
		return mtty_random(dice);
	case 1:
		return mtty_random(dice) >> below(dice, 64);
	case 2:
		return number + 1;
	case 3:
	case 4:
		return number - 1;
	default:
		return number;
	}
}

static int some_fd(struct fuzz *fuzz)
{
	switch (below(&fuzz->dice, 10)) {
	case 0:
		return fuzz->device;
	case 1:
		return -1 - (int)below(&fuzz->dice, 3);
	case 2:
		return fuzz->null_fd;
	case 3:
		return 1000000;
	case 4:
		return fuzz->fds[below(&fuzz->dice, FUZZ_FDS)];
	default:
		return fuzz->eventfd;
	}
}

static bool in_arena(struct fuzz *fuzz, const __u8 *at)
{
	return at >= fuzz->arena && at < fuzz->arena + FUZZ_ARENA;
}

/* What a call may write to: all else must be as it was */
static const char *only_wrote(struct fuzz *fuzz, const __u8 *at, size_t len)
{
	size_t i, start = at - fuzz->arena;

	if (in_arena(fuzz, at))
		memcpy(fuzz->shadow + start, at, len);
	for (i = 0; memcmp(fuzz->arena, fuzz->shadow, FUZZ_ARENA) &&
	     i < FUZZ_ARENA; i++)
		if (fuzz->arena[i] != fuzz->shadow[i])
			return WRONG("it wrote at %zd of an argument of %zu",
				     (ssize_t)(i - start), len);
	if (in_arena(fuzz, at)) {
		memset(fuzz->arena + start, 0xa5, len);
		memset(fuzz->shadow + start, 0xa5, len);
	}
	return NULL;
}

/* Errnos that are the kernel's own and must never come to userspace */
static const char *judge(struct fuzz *fuzz, long ret)
{
	run_result(fuzz->trail, ret < 0 ? -errno : ret);
	if (ret < 0 && errno >= 512)
		return WRONG("errno %d is the kernel's own", errno);
	return NULL;
}

/* ioctls */

/* As it would be used: cmd, argument, how much of it the kernel may write */
struct request {
	unsigned int cmd;
	union {
		__u8 bytes[256];
		__u32 words[64];
		struct vfio_device_info info;
		struct vfio_region_info region;
		struct vfio_irq_info irq;
		struct vfio_irq_set set;
		struct vfio_device_feature feature;
		struct vfio_device_bind_iommufd bind;
		struct vfio_device_attach_iommufd_pt attach;
		struct vfio_precopy_info precopy;
	} arg;
	size_t len;
};

static void make_irq_set(struct fuzz *fuzz, struct request *request)
{
	struct vfio_irq_set *set = &request->arg.set;
	__u32 types = VFIO_IRQ_SET_DATA_TYPE_MASK;
	__s32 *fds = (__s32 *)set->data;
	unsigned int i;

	set->flags = below(&fuzz->dice, 2 * types) & types;
	if (one_in(&fuzz->dice, 2))
		set->flags = 1 << below(&fuzz->dice, 3);
	set->flags |= VFIO_IRQ_SET_ACTION_MASK << below(&fuzz->dice, 3);
	set->index = below(&fuzz->dice, 7);
	set->start = below(&fuzz->dice, 3);
	set->count = below(&fuzz->dice, 6);
	for (i = 0; i < 16; i++)
		fds[i] = some_fd(fuzz);
	request->len = sizeof(*set) + 64;
}

static void make_feature(struct fuzz *fuzz, struct request *request)
{
	struct vfio_device_feature *feature = &request->arg.feature;
	struct vfio_device_feature_mig_state *mig = (void *)feature->data;
	struct vfio_device_feature_dma_logging_control *start =
		(void *)feature->data;
	struct vfio_device_feature_dma_logging_report *report =
		(void *)feature->data;
	/* In the front of the arena, while arguments lie in the back */
	__u64 inner = (uintptr_t)fuzz->arena;
	size_t len = 0;

	feature->flags = below(&fuzz->dice, 13);
	switch (feature->flags) {
	case VFIO_DEVICE_FEATURE_MIGRATION:
		len = sizeof(struct vfio_device_feature_migration);
		break;
	case VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE:
		mig->device_state = below(&fuzz->dice, 9);
		mig->data_fd = -1;
		len = sizeof(*mig);
		break;
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_START:
		start->page_size = fuzz_number(&fuzz->dice);
		start->num_ranges = below(&fuzz->dice, 4);
		start->ranges = one_in(&fuzz->dice, 4) ?
				fuzz_number(&fuzz->dice) : inner;
		len = sizeof(*start);
		break;
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT:
		report->iova = fuzz_number(&fuzz->dice);
		report->length = fuzz_number(&fuzz->dice);
		report->page_size = 4096ULL << below(&fuzz->dice, 20);
		report->bitmap = one_in(&fuzz->dice, 4) ?
				 fuzz_number(&fuzz->dice) : inner;
		len = sizeof(*report);
		break;
	default:
		len = 8;
	}
	feature->flags |= below(&fuzz->dice, 8) << 16;
	request->len = sizeof(*feature) + len;
}

static void make_request(struct fuzz *fuzz, struct request *request)
{
	static const struct {
		unsigned int cmd;
		unsigned int len;
	} simple[] = {
		{ VFIO_DEVICE_GET_INFO, sizeof(struct vfio_device_info) },
		{ VFIO_DEVICE_GET_REGION_INFO,
		  sizeof(struct vfio_region_info) },
		{ VFIO_DEVICE_GET_IRQ_INFO, sizeof(struct vfio_irq_info) },
		{ VFIO_DEVICE_RESET, 0 },
		{ VFIO_MIG_GET_PRECOPY_INFO,
		  sizeof(struct vfio_precopy_info) },
		{ VFIO_DEVICE_BIND_IOMMUFD,
		  sizeof(struct vfio_device_bind_iommufd) },
		{ VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		  sizeof(struct vfio_device_attach_iommufd_pt) },
	};
	unsigned int i;

	memset(request, 0, sizeof(*request));
	switch (below(&fuzz->dice, 8)) {
	case 0:
	case 1:
		request->cmd = VFIO_DEVICE_SET_IRQS;
		make_irq_set(fuzz, request);
		break;
	case 2:
	case 3:
	case 4:
		request->cmd = VFIO_DEVICE_FEATURE;
		make_feature(fuzz, request);
		break;
	case 5:
		/* Any number of VFIO's and its neighbours', of any form */
		request->cmd = _IOC(below(&fuzz->dice, 4), VFIO_TYPE,
				    below(&fuzz->dice, 256),
				    one_in(&fuzz->dice, 2) ? 0 :
				    below(&fuzz->dice, 256));
		request->len = 64;
		break;
	default:
		i = below(&fuzz->dice, ARRAY_LEN(simple));
		request->cmd = simple[i].cmd;
		request->len = simple[i].len;
		request->arg.words[2] = below(&fuzz->dice, 12);
	}
	if (request->len)
		request->arg.words[0] = request->len;
	/* Up to three of its words become others */
	for (i = below(&fuzz->dice, 4); i && request->len >= 4; i--)
		request->arg.words[below(&fuzz->dice, request->len / 4)] =
			fuzz_number(&fuzz->dice);
}

static bool is_known(unsigned int cmd, bool of_device)
{
	if (!of_device)
		return cmd == VFIO_MIG_GET_PRECOPY_INFO;
	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
	case VFIO_DEVICE_GET_REGION_INFO:
	case VFIO_DEVICE_GET_IRQ_INFO:
	case VFIO_DEVICE_SET_IRQS:
	case VFIO_DEVICE_RESET:
	case VFIO_DEVICE_FEATURE:
	case VFIO_DEVICE_BIND_IOMMUFD:
	case VFIO_DEVICE_ATTACH_IOMMUFD_PT:
	case VFIO_DEVICE_DETACH_IOMMUFD_PT:
		return true;
	default:
		return false;
	}
}

/* The whole argument is there, and it leads nowhere else */
static bool is_whole(const struct request *request, size_t len)
{
	/* copy_struct_from_user() looks at all that argsz announces */
	if (request->cmd == VFIO_DEVICE_BIND_IOMMUFD &&
	    request->arg.words[0] > len)
		return false;
	return len == request->len && request->cmd != VFIO_DEVICE_FEATURE &&
	       request->cmd != VFIO_DEVICE_SET_IRQS;
}

/* Where the argument goes: among canaries, or where nothing follows */
static __u8 *place(struct fuzz *fuzz, size_t len)
{
	switch (below(&fuzz->dice, 8)) {
	case 0:
		return fuzz->arena + FUZZ_ARENA - len +
		       below(&fuzz->dice, len + 1);
	case 1:
		return fuzz->readonly;
	case 2:
		return (__u8 *)(uintptr_t)fuzz_number(&fuzz->dice);
	case 3:
	case 4:
	case 5:
		return fuzz->arena + FUZZ_ARENA / 2 + below(&fuzz->dice, 4096);
	default:
		return fuzz->arena + FUZZ_ARENA - len;
	}
}

/* As much of a thing as there is room for, in the arena and its shadow */
static size_t put(struct fuzz *fuzz, __u8 *at, const void *thing, size_t len)
{
	size_t room;

	if (!in_arena(fuzz, at))
		return 0;
	room = fuzz->arena + FUZZ_ARENA - at;
	if (len > room)
		len = room;
	memcpy(at, thing, len);
	memcpy(fuzz->shadow + (at - fuzz->arena), thing, len);
	return len;
}

static const char *check_set_state(struct fuzz *fuzz,
				   const struct request *request,
				   const __u8 *at, int ret)
{
	const struct vfio_device_feature *feature = (const void *)at;
	const struct vfio_device_feature_mig_state *mig =
		(const void *)feature->data;

	/* From what was asked: what came back may be anything */
	if (request->cmd != VFIO_DEVICE_FEATURE || ret ||
	    request->arg.feature.flags !=
	    (VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE))
		return NULL;
	if (mig->data_fd < -1)
		return WRONG("data_fd is %d", mig->data_fd);
	if (mig->data_fd >= 0)
		fuzz_keep(fuzz, mig->data_fd);
	return NULL;
}

static const char *call_ioctl(struct fuzz *fuzz)
{
	bool of_device = !one_in(&fuzz->dice, 4);
	struct request request;
	const char *why;
	size_t len;
	__u8 *at;
	int fd, ret;

	fd = of_device ? fuzz->device :
	     fuzz->fds[below(&fuzz->dice, FUZZ_FDS)];
	make_request(fuzz, &request);
	if (!of_device && one_in(&fuzz->dice, 2)) {
		request.cmd = VFIO_MIG_GET_PRECOPY_INFO;
		request.len = sizeof(request.arg.precopy);
	}
	at = place(fuzz, request.len);
	len = put(fuzz, at, &request.arg, request.len);
	CALL(fuzz, "ioctl %s %#x %#x %#x %#x %#x at %+d",
	     of_device ? "device" : "data", request.cmd, request.arg.words[0],
	     request.arg.words[1], request.arg.words[2], request.arg.words[3],
	     in_arena(fuzz, at) ?
	     (int)(at - fuzz->arena - FUZZ_ARENA) : 1);
	ret = ioctl(fd, request.cmd, at);
	why = judge(fuzz, ret);
	if (!why && fd >= 0 && !is_known(request.cmd, of_device) &&
	    (!ret || errno != ENOTTY))
		why = "an unknown ioctl is not refused with ENOTTY";
	if (!why && ret && errno == EFAULT && is_whole(&request, len))
		why = "it went beyond its argument";
	if (!why)
		why = check_set_state(fuzz, &request, at, ret);
	/* The log's bitmap is elsewhere: bits may be set there, and nothing */
	if (!why && request.cmd == VFIO_DEVICE_FEATURE) {
		memset(fuzz->arena, 0xa5, FUZZ_ARENA / 4);
		memset(fuzz->shadow, 0xa5, FUZZ_ARENA / 4);
	}
	return why ? why : only_wrote(fuzz, at, len);
}

/* read() and write() in all their forms */

static __u64 some_offset(struct fuzz *fuzz)
{
	static const __u32 sizes[] = { 8, 8, 0x4000, 0, 0x8000, 0, 0, 256 };
	unsigned int index = below(&fuzz->dice, 10);
	__u64 size = index < ARRAY_LEN(sizes) ? sizes[index] : 0;

	switch (below(&fuzz->dice, 4)) {
	case 0:
		return fuzz_number(&fuzz->dice);
	case 1:
		return REGION(index) + size - below(&fuzz->dice, 10);
	case 2:
		return REGION(index) + fuzz_number(&fuzz->dice) % (1ULL << 40);
	default:
		/* Within, and as the control BAR likes it */
		return REGION(index) + (size ? below(&fuzz->dice, size) & ~3U :
				      0);
	}
}

static const char *call_io(struct fuzz *fuzz)
{
	bool of_device = one_in(&fuzz->dice, 2), reads;
	int fd = of_device ? fuzz->device :
			     fuzz->fds[below(&fuzz->dice, FUZZ_FDS)];
	size_t len = fuzz_number(&fuzz->dice) % (FUZZ_ARENA / 2);
	__u64 offset = some_offset(fuzz);
	unsigned int how = below(&fuzz->dice, 8);
	struct iovec iov[4];
	const char *why;
	size_t i, room;
	ssize_t n;
	__u8 *at;

	if (one_in(&fuzz->dice, 2))
		len = 4 * below(&fuzz->dice, 5);
	at = place(fuzz, len);
	room = in_arena(fuzz, at) ? fuzz->arena + FUZZ_ARENA - at : 0;
	if (room > len)
		room = len;
	for (i = 0; i < room; i++)
		at[i] = mtty_random(&fuzz->dice);
	if (room)
		memcpy(fuzz->shadow + (at - fuzz->arena), at, room);
	/* Pieces of it, one of them nowhere, one of them empty */
	iov[0] = (struct iovec){ at, len / 3 };
	iov[1] = (struct iovec){ NULL, 0 };
	iov[2] = (struct iovec){ at + len / 3, len - len / 3 };
	iov[3] = (struct iovec){ (void *)8, one_in(&fuzz->dice, 2) ? 8 : 0 };
	if (one_in(&fuzz->dice, 8))
		iov[1].iov_len = fuzz_number(&fuzz->dice);

	CALL(fuzz, "io %u %s %zu at %#llx", how,
	     of_device ? "device" : "data", len, offset);
	reads = how < 4;
	switch (how) {
	case 0:
		n = read(fd, at, len);
		break;
	case 1:
		n = pread(fd, at, len, offset);
		break;
	case 2:
		n = readv(fd, iov, ARRAY_LEN(iov));
		break;
	case 3:
		n = preadv(fd, iov, ARRAY_LEN(iov), offset);
		break;
	case 4:
		n = write(fd, at, len);
		break;
	case 5:
		n = pwrite(fd, at, len, offset);
		break;
	case 6:
		n = writev(fd, iov, ARRAY_LEN(iov));
		break;
	default:
		n = pwritev(fd, iov, ARRAY_LEN(iov), offset);
	}
	why = judge(fuzz, n);
	if (!why && n > (ssize_t)len && how % 4 < 2)
		why = WRONG("%zd of %zu bytes", n, len);
	if (why)
		return why;
	why = only_wrote(fuzz, at, reads ? room : 0);
	if (!why && !reads && room) {
		memset(at, 0xa5, room);
		memset(fuzz->shadow + (at - fuzz->arena), 0xa5, room);
	}
	return why;
}

/* All else that a file may be asked for */
static const char *call_other(struct fuzz *fuzz)
{
	int fd = one_in(&fuzz->dice, 2) ? fuzz->device :
		 fuzz->fds[below(&fuzz->dice, FUZZ_FDS)];
	loff_t offset = some_offset(fuzz);
	size_t len = fuzz_number(&fuzz->dice);
	unsigned int how = below(&fuzz->dice, 12);
	struct pollfd pfd = { fd, below(&fuzz->dice, 0x10000), 0 };
	__u8 byte[4096];
	void *map;
	long ret;

	CALL(fuzz, "other %u fd %d, %#zx at %#llx", how, fd, len,
	     (unsigned long long)offset);
	switch (how) {
	case 0:
		ret = lseek(fd, offset, below(&fuzz->dice, 6));
		break;
	case 1:
		map = mmap(NULL, len % (1 << 20) + 1, PROT_READ | PROT_WRITE,
			   1 + below(&fuzz->dice, 3), fd,
			   offset & ~4095LL);
		ret = map == MAP_FAILED ? -1 : 0;
		if (!ret)
			return "a device that cannot be mapped is mapped";
		break;
	case 2:
		ret = fcntl(fd, F_SETFL, (int)below(&fuzz->dice, 2) *
			    O_NONBLOCK | (int)below(&fuzz->dice, 2) * O_APPEND);
		break;
	case 3:
		ret = splice(fd, one_in(&fuzz->dice, 2) ? &offset : NULL,
			     fuzz->pipe[1], NULL, len, SPLICE_F_NONBLOCK);
		break;
	case 4:
		ret = splice(fuzz->pipe[0], NULL, fd,
			     one_in(&fuzz->dice, 2) ? &offset : NULL, len,
			     SPLICE_F_NONBLOCK);
		break;
	case 5:
		ret = sendfile(fuzz->null_fd, fd, NULL, len % 65536);
		break;
	case 6:
		ret = ftruncate(fd, len);
		break;
	case 7:
		ret = fallocate(fd, below(&fuzz->dice, 8), offset, len);
		break;
	case 8:
		ret = fsync(fd);
		break;
	case 9:
		ret = poll(&pfd, 1, 0);
		break;
	case 10:
		/* So that the pipe has something, and room again */
		memset(byte, mtty_random(&fuzz->dice), sizeof(byte));
		ret = one_in(&fuzz->dice, 2) ?
		      write(fuzz->pipe[1], byte, sizeof(byte)) :
		      read(fuzz->pipe[0], byte, sizeof(byte));
		break;
	default:
		ret = copy_file_range(fd, NULL, fuzz->null_fd, NULL,
				      len % 65536, 0);
	}
	return judge(fuzz, ret);
}

/**
 * fuzz_call - one call
 * @fuzz: who calls
 *
 * Return: NULL, or what it should not have done.
 */
const char *fuzz_call(struct fuzz *fuzz)
{
	switch (below(&fuzz->dice, 8)) {
	case 0:
		return call_other(fuzz);
	case 1:
	case 2:
	case 3:
		return call_io(fuzz);
	default:
		return call_ioctl(fuzz);
	}
}
