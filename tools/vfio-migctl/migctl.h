/* SPDX-License-Identifier: GPL-2.0-only */
/* The verbs of vfio-migctl, and what the user says to them. */
#ifndef VFIO_MIGCTL_MIGCTL_H
#define VFIO_MIGCTL_MIGCTL_H

#include <stdbool.h>
#include <linux/types.h>

/* Options that only some verbs take */
#define OPT_WAY		(1u << 0)
#define OPT_PROGRESS	(1u << 1)
#define OPT_BUFFER	(1u << 2)
#define OPT_ROUNDS	(1u << 3)
#define OPT_FORCE	(1u << 4)
#define OPT_RAW		(1u << 5)
#define OPT_HOLD	(1u << 6)
#define OPT_FOR		(1u << 7)
#define OPT_INTERVAL	(1u << 8)
#define OPT_PAGE	(1u << 9)
#define OPT_PICTURE	(1u << 10)
#define OPT_NO_OPEN	(1u << 11)
#define OPT_CAPS	(1u << 12)
#define OPT_ALL		(1u << 13)

/**
 * struct opt - what the user says
 * @buffer: bytes to read and write at once
 * @rounds: of pre-copy at most; without @rounds_given a verb's own number
 * @rounds_given: the user has said something of rounds
 * @force: also what the envelope speaks against
 * @raw: no envelope
 * @hold: keep the device open and as it is until a signal comes
 * @for_ms: how long to look on, 0 without an end
 * @interval_ms: how often to look
 * @page_size: bytes of a page of the DMA log
 * @picture: pages as a picture
 * @no_open: do not open devices to look at them
 * @caps: VFIO_MIGRATION_*
 * @caps_given: the user has said something of capabilities
 * @all: each record
 */
struct opt {
	__u64 buffer;
	__u64 rounds;
	bool rounds_given;
	bool force;
	bool raw;
	bool hold;
	double for_ms;
	double interval_ms;
	__u64 page_size;
	bool picture;
	bool no_open;
	__u64 caps;
	bool caps_given;
	bool all;
};

extern struct opt opt;

/**
 * struct verb - what the program can do
 * @name: how it is called
 * @args: its arguments, for people; what is in brackets can be left out
 * @min: so many at least
 * @max: so many at most
 * @options: OPT_*
 * @says: what it does, in a line
 * @run: does it; returns the exit status
 */
struct verb {
	const char *name;
	const char *args;
	int min;
	int max;
	unsigned int options;
	const char *says;
	int (*run)(int argc, char **argv);
};

extern const struct verb verbs[];
extern const unsigned int nr_verbs;
unsigned int option_count(void);
const char *option_name(unsigned int nr, unsigned int *bit, bool *takes);

int verb_list(int argc, char **argv);
int verb_info(int argc, char **argv);
int verb_state(int argc, char **argv);
int verb_path(int argc, char **argv);
int verb_save(int argc, char **argv);
int verb_restore(int argc, char **argv);
int verb_migrate(int argc, char **argv);
int verb_precopy(int argc, char **argv);
int verb_dirty(int argc, char **argv);
int verb_walk(int argc, char **argv);
int verb_watch(int argc, char **argv);
int verb_reset(int argc, char **argv);
int verb_inspect(int argc, char **argv);
int verb_diff(int argc, char **argv);
int verb_completion(int argc, char **argv);

#define NO_STATE "'%s' is no state; there are STOP, RUNNING, STOP_COPY, RESUMING, "	\
		 "RUNNING_P2P, PRE_COPY and PRE_COPY_P2P"

bool state_of(const char *text, __u32 *state);
void hold(const char *device);

#endif /* VFIO_MIGCTL_MIGCTL_H */
