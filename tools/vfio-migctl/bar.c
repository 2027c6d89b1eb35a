// SPDX-License-Identifier: GPL-2.0-only
/*
 * How far a stream is.  On a terminal the line is written over, some 20 times
 * a second.  Elsewhere each quarter of a long stream gets a line.
 */
#include <stdio.h>
#include <string.h>

#include "bar.h"
#include "say.h"
#include "text.h"

/* A stream shorter than this gets no lines before its end */
#define BAR_LONG	(16 * MIB)

static void show(struct bar *bar, __u64 bytes, double ms, __u64 goal)
{
	unsigned int filled = goal && bytes < goal ?
			      bytes * BAR_WIDTH / goal : BAR_WIDTH;
	char line[BAR_WIDTH + 1];
	char rest[64] = "";

	/* The goal is not known */
	if (!bar->goal && !goal)
		filled = 0;
	memset(line, '.', BAR_WIDTH);
	memset(line, '#', filled);
	line[BAR_WIDTH] = '\0';
	if (bar->rest)
		bar->rest(bar->arg, rest, sizeof(rest));
	fprintf(say.tell, "%s  %-8s [%s] %10s %12s%s%s",
		say.live ? "\r" : "", bar->label, line, size_text(bytes),
		rate_text(bytes, ms), rest, say.live ? "" : "\n");
	fflush(say.tell);
}

/**
 * bar_go - tell that a stream goes on
 * @bar: what is shown
 * @bytes: how much of it there was so far
 * @ms: how long it took
 */
void bar_go(struct bar *bar, __u64 bytes, double ms)
{
	unsigned int quarter = bar->goal ? bytes * 4 / bar->goal : 0;

	if (say.live) {
		if (now_ms() - bar->shown_at < 50)
			return;
		bar->shown_at = now_ms();
	} else {
		if (quarter <= bar->quarter || quarter > 3 ||
		    bar->goal < BAR_LONG)
			return;
		bar->quarter = quarter;
	}
	show(bar, bytes, ms, bar->goal);
}

/**
 * bar_end - tell that a stream has ended
 * @bar: what is shown
 * @bytes: how much of it there was
 * @ms: how long it took
 */
void bar_end(struct bar *bar, __u64 bytes, double ms)
{
	show(bar, bytes, ms, bytes);
	if (say.live)
		putc('\n', say.tell);
	bar->quarter = 0;
}
