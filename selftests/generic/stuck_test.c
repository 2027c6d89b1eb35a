// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process hangs in a call, for its buffer is in memory that does not come:
 * a page of a userfaultfd or of a FUSE file that nobody serves.
 *
 * Who gives a data fd to another process gives away no more than the data. That
 * process must not be able to hold up the owner of the device, and it can be
 * killed.
 *
 * Nothing is timed: what is to answer meanwhile is called while the page is
 * known to be missing, and has to return before the test serves it. If it does
 * not, lib/missing.h lets it go after a while, and the test fails.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <kselftest_harness.h>

#include "../lib/check.h"
#include "../lib/child.h"
#include "../lib/missing.h"
#include "../lib/rule.h"
#include "../lib/vfio_dma.h"
#include "session.h"
#include "steps.h"

#define SLOW	600
#define PAGE	0x1000UL

/**
 * struct stuck - a device, and a process that hangs in a call of it
 * @dut: the device
 * @mem: what the process hangs on
 * @child: the process
 * @stream: a stream that the device can load
 * @data_fd: the session
 */
struct stuck {
	struct dut dut;
	struct missing mem;
	struct child child;
	struct mig_stream stream;
	int data_fd;
};

FIXTURE(stuck)
{
	struct stuck stuck;
};

FIXTURE_VARIANT(stuck)
{
	enum vfio_way way;
	enum missing_kind kind;
};

FIXTURE_VARIANT_ADD(stuck, cdev)
{
	.way = VFIO_WAY_CDEV,
	.kind = MISSING_UFFD,
};

FIXTURE_VARIANT_ADD(stuck, cdev_fuse)
{
	.way = VFIO_WAY_CDEV,
	.kind = MISSING_FUSE,
};

FIXTURE_VARIANT_ADD(stuck, group_type1)
{
	.way = VFIO_WAY_GROUP_TYPE1,
	.kind = MISSING_UFFD,
};

FIXTURE_VARIANT_ADD(stuck, group_type1_fuse)
{
	.way = VFIO_WAY_GROUP_TYPE1,
	.kind = MISSING_FUSE,
};

FIXTURE_VARIANT_ADD(stuck, group_iommufd)
{
	.way = VFIO_WAY_GROUP_IOMMUFD,
	.kind = MISSING_UFFD,
};

FIXTURE_VARIANT_ADD(stuck, group_iommufd_fuse)
{
	.way = VFIO_WAY_GROUP_IOMMUFD,
	.kind = MISSING_FUSE,
};

FIXTURE_SETUP(stuck)
{
	const char *why;

	memset(self, 0, sizeof(*self));
	self->stuck.data_fd = -1;
	why = missing_new(&self->stuck.mem, variant->kind,
			  sysconf(_SC_PAGESIZE));
	if (why)
		SKIP(return, "%s", why);
	missing_free(&self->stuck.mem);
	why = dut_open(&self->stuck.dut, variant->way, DUT_STOP_COPY);
	if (why)
		SKIP(return, "%s", why);
}

FIXTURE_TEARDOWN(stuck)
{
	rules_report();
	mig_stream_free(&self->stuck.stream);
	dut_close_all();
}

/* In which call the other process hangs */
enum io {
	IO_READ,
	IO_WRITE,
	IO_INFO,
	IO_REPORT,
	NR_IOS
};

#define LOG_BASE	0x40000000ULL
#define LOG_PAGES	64

/**
 * struct call - a call that hangs
 * @stuck: what it is about
 * @io: which
 * @head: bytes of a write() that are there
 * @tail: bytes of it that are not, the last ones of the stream
 */
struct call {
	struct stuck *stuck;
	enum io io;
	size_t head;
	size_t tail;
};

static long do_call(const struct call *call)
{
	struct stuck *stuck = call->stuck;
	__u8 *missing = missing_map(&stuck->mem);

	switch (call->io) {
	case IO_WRITE:
		memcpy(missing - call->head, stuck->stream.data +
		       stuck->stream.len - call->tail - call->head, call->head);
		return mig_write(stuck->data_fd, missing - call->head,
				 call->head + call->tail);
	case IO_INFO:
		return ioctl(stuck->data_fd, VFIO_MIG_GET_PRECOPY_INFO,
			     missing) < 0 ? -errno : 0;
	case IO_REPORT:
		return __dma_log_report(&stuck->dut.dev, LOG_BASE,
					LOG_PAGES * PAGE, PAGE,
					(void *)missing);
	default:
		return mig_read(stuck->data_fd, missing, stuck->mem.len);
	}
}

static int run_call(int sock, void *arg)
{
	tell(sock, do_call(arg));
	return 0;
}

/* All but the last bytes are written, and half of these are missing */
static void prepare_write(struct stuck *stuck, struct call *call)
{
	struct mig_stream part = stuck->stream;

	call->tail = stuck->stream.len / 2;
	if (call->tail > stuck->mem.len)
		call->tail = stuck->mem.len;
	call->head = stuck->stream.len - call->tail;
	if (call->head > MISSING_LEAD)
		call->head = MISSING_LEAD;
	part.len -= call->tail + call->head;
	must(__mig_stream_write(&part, stuck->data_fd, MIG_CHUNK));
	memcpy(stuck->mem.content,
	       stuck->stream.data + stuck->stream.len - call->tail, call->tail);
}

/*
 * Let another process hang in a call. It has the fd of that call, and no
 * other one of the device.
 *
 * Return: false if it does not hang, because the call leaves the memory alone.
 */
static bool hang(struct __test_metadata *_metadata, struct stuck *stuck,
		 enum missing_kind kind, enum io io)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info) };
	struct call call = { .stuck = stuck, .io = io };

	ASSERT_EQ(NULL, missing_new(&stuck->mem, kind,
				    sysconf(_SC_PAGESIZE)));
	if (io == IO_WRITE)
		prepare_write(stuck, &call);
	if (io == IO_INFO)
		memcpy(stuck->mem.content, &info, sizeof(info));
	child_start(&stuck->child, run_call, &call,
		    (int []){ io == IO_REPORT ? stuck->dut.dev.fd :
						stuck->data_fd,
			      missing_keep(&stuck->mem), KEEP_END });
	if (missing_await(&stuck->mem, &stuck->child))
		return true;
	child_gone(&stuck->child);
	missing_free(&stuck->mem);
	return false;
}

/* Whether a call has answered while the memory was missing */
static bool judge(struct __test_metadata *_metadata,
		  struct stuck *stuck, const char *what)
{
	bool answered = !missing_late(&stuck->mem);

	RULE("MIG-SEC-10", answered,
	     "an answer, seen none until the other process had its memory: %s",
	     what);
	return answered;
}

static void end_call(struct __test_metadata *_metadata,
		     struct stuck *stuck, bool kill)
{
	if (kill && !missing_late(&stuck->mem)) {
		child_kill(&stuck->child);
		child_gone(&stuck->child);
		RULE("MIG-SEC-11", !missing_late(&stuck->mem),
		     "the end of a process that was killed, seen none until it had its memory");
	} else {
		missing_serve(&stuck->mem);
		child_gone(&stuck->child);
	}
	missing_free(&stuck->mem);
}

/*
 * By which call in which state others were held up. Each such case takes as
 * long as the memory is missing, so that one is enough. Test cases are
 * processes of their own, which share it.
 */
static bool (*held_up)[NR_IOS];

static void __attribute__((constructor)) share_held_up(void)
{
	held_up = shared_new(VFIO_DEVICE_STATE_NR * sizeof(*held_up));
}

/* How a session ends */
enum end {
	END_SET,
	END_RESET,
	END_CLOSE,
	NR_ENDS
};

static const char *end_session(struct stuck *stuck, __u32 state,
			       enum end end)
{
	int none;

	switch (end) {
	case END_SET:
		/* An incomplete stream is refused, by whatever error */
		__vfio_mig_set(&stuck->dut.dev,
			       state == VFIO_DEVICE_STATE_PRE_COPY ?
			       VFIO_DEVICE_STATE_RUNNING :
			       VFIO_DEVICE_STATE_STOP, &none);
		return "SET to leave the state";
	case END_RESET:
		if (vfio_dev_can_reset(&stuck->dut.dev))
			__vfio_dev_reset(&stuck->dut.dev);
		return "VFIO_DEVICE_RESET";
	default:
		dut_reopen(&stuck->dut);
		return "close() and open() of the device";
	}
}

/* What the owner of the device does meanwhile */
static void judge_owner(struct __test_metadata *_metadata,
			struct stuck *stuck, __u32 state, enum end end)
{
	__u64 bytes;
	__u32 now;
	const char *why;

	__vfio_mig_get(&stuck->dut.dev, &now);
	if (!judge(_metadata, stuck, "GET"))
		return;
	__vfio_mig_data_size(&stuck->dut.dev, &bytes);
	if (!judge(_metadata, stuck, "GET of MIG_DATA_SIZE"))
		return;
	fd_poll(stuck->data_fd, POLLIN | POLLOUT);
	if (!judge(_metadata, stuck, "poll() of the data fd"))
		return;
	why = end_session(stuck, state, end);
	if (!judge(_metadata, stuck, why))
		return;
	why = step_recover(&stuck->dut);
	if (!judge(_metadata, stuck, "another migration"))
		return;
	RULE("MIG-SEC-10", !why,
	     "another migration that works, seen %s: the other process is in %s",
	     why, mig_state_name(state));
}

static void check_session(struct __test_metadata *_metadata,
			  struct stuck *stuck, enum missing_kind kind,
			  __u32 state, enum io io)
{
	bool late = false;
	unsigned int i;

	if (held_up[state][io])
		SKIP(return, "the call was seen to hold others up already");
	session_save(&stuck->dut, &stuck->stream);
	for (i = 0; i <= 2 * NR_ENDS; i++) {
		stuck->data_fd = dut_go(&stuck->dut, state);
		if (!hang(_metadata, stuck, kind, io)) {
			close(stuck->data_fd);
			SKIP(return, "the call does not touch its buffer");
		}
		/* At last whether it can be killed, by itself */
		if (i < 2 * NR_ENDS)
			judge_owner(_metadata, stuck, state, i % NR_ENDS);
		late = missing_late(&stuck->mem);
		end_call(_metadata, stuck, i >= NR_ENDS);
		close(stuck->data_fd);
		if (late && i < 2 * NR_ENDS) {
			held_up[state][io] = true;
			i = 2 * NR_ENDS - 1;
		}
	}
}

TEST_F_TIMEOUT(stuck, read_in_STOP_COPY, SLOW)
{
	check_session(_metadata, &self->stuck, variant->kind,
		      VFIO_DEVICE_STATE_STOP_COPY, IO_READ);
}

TEST_F_TIMEOUT(stuck, read_in_PRE_COPY, SLOW)
{
	if (!(self->stuck.dut.flags & VFIO_MIGRATION_PRE_COPY))
		SKIP(return, "the device has no PRE_COPY");
	check_session(_metadata, &self->stuck, variant->kind,
		      VFIO_DEVICE_STATE_PRE_COPY, IO_READ);
}

TEST_F_TIMEOUT(stuck, precopy_info_in_PRE_COPY, SLOW)
{
	if (!(self->stuck.dut.flags & VFIO_MIGRATION_PRE_COPY))
		SKIP(return, "the device has no PRE_COPY");
	check_session(_metadata, &self->stuck, variant->kind,
		      VFIO_DEVICE_STATE_PRE_COPY, IO_INFO);
}

TEST_F_TIMEOUT(stuck, write_in_RESUMING, SLOW)
{
	check_session(_metadata, &self->stuck, variant->kind,
		      VFIO_DEVICE_STATE_RESUMING, IO_WRITE);
}

/* Says so, and does what hangs in the other process, but with good memory */
static int run_second(int sock, void *arg)
{
	static __u8 byte;
	struct call *call = arg;

	tell(sock, 0);
	tell(sock, call->io == IO_WRITE ?
		   mig_write(call->stuck->data_fd, &byte, 1) :
		   mig_read(call->stuck->data_fd, &byte, 1));
	return 0;
}

/* Who waits for one that waits, by the same fd, can be killed, too */
static void check_second(struct __test_metadata *_metadata,
			 struct stuck *stuck, enum missing_kind kind,
			 __u32 state, enum io io)
{
	struct call call = { .stuck = stuck, .io = io };
	struct child second;

	session_save(&stuck->dut, &stuck->stream);
	stuck->data_fd = dut_go(&stuck->dut, state);
	if (!hang(_metadata, stuck, kind, io)) {
		close(stuck->data_fd);
		SKIP(return, "the call does not touch its buffer");
	}
	child_start(&second, run_second, &call,
		    (int []){ stuck->data_fd, KEEP_END });
	hear(second.sock);
	/* It may as well go on at once: then there is nothing to judge */
	if (child_sleeps(&second)) {
		child_kill(&second);
		child_gone(&second);
		RULE("MIG-SEC-11", !missing_late(&stuck->mem),
		     "the end of a process that was killed, seen none until another one had its memory: %s by the same fd",
		     io == IO_WRITE ? "write()" : "read()");
	} else {
		child_gone(&second);
	}
	end_call(_metadata, stuck, true);
	close(stuck->data_fd);
}

TEST_F_TIMEOUT(stuck, second_read_in_STOP_COPY, SLOW)
{
	check_second(_metadata, &self->stuck, variant->kind,
		     VFIO_DEVICE_STATE_STOP_COPY, IO_READ);
}

TEST_F_TIMEOUT(stuck, second_write_in_RESUMING, SLOW)
{
	check_second(_metadata, &self->stuck, variant->kind,
		     VFIO_DEVICE_STATE_RESUMING, IO_WRITE);
}

/*
 * Whether REPORT touches the bitmap depends on the device and on the core,
 * which pins it where a bit is to be set.
 */
TEST_F_TIMEOUT(stuck, REPORT_of_the_DMA_log, SLOW)
{
	const struct vfio_device_feature_dma_logging_range range = {
		LOG_BASE, LOG_PAGES * PAGE,
	};
	__u64 page_size = PAGE;
	__u32 now;
	int none;

	if (!dut_has_log(&self->stuck.dut))
		SKIP(return, "the device has no DMA log");
	must(__dma_log_start(&self->stuck.dut.dev, &range, 1, &page_size));
	if (!hang(_metadata, &self->stuck, variant->kind, IO_REPORT))
		SKIP(return, "REPORT of a log with nothing in it does not touch the bitmap");
	__vfio_mig_get(&self->stuck.dut.dev, &now);
	judge(_metadata, &self->stuck, "GET");
	__vfio_mig_set(&self->stuck.dut.dev, VFIO_DEVICE_STATE_STOP, &none);
	judge(_metadata, &self->stuck, "SET to STOP");
	__dma_log_stop(&self->stuck.dut.dev);
	judge(_metadata, &self->stuck, "STOP of the log");
	end_call(_metadata, &self->stuck, true);
}

TEST_HARNESS_MAIN
