// SPDX-License-Identifier: GPL-2.0-only
/* Numbers as people write and read them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../selftests/lib/check.h"
#include "text.h"

/**
 * now_ms - the time, to measure how long something takes
 *
 * Return: milliseconds since some moment.
 */
double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

/**
 * size_text - a size for people
 * @bytes: the size
 *
 * Return: for instance "64.0 MiB"; four calls later its place is used again.
 */
const char *size_text(double bytes)
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

/**
 * rate_text - a rate for people
 * @bytes: what was done
 * @ms: in how many milliseconds
 *
 * Return: for instance "746.3 MiB/s", or "" if no time has passed.
 */
const char *rate_text(__u64 bytes, double ms)
{
	static char text[32];

	if (ms <= 0)
		return "";
	snprintf(text, sizeof(text), "%s/s", size_text(bytes / ms * 1e3));
	return text;
}

/**
 * number_of - a number that the user wrote
 * @text: what was written: 4096, 0x1000, 4K
 * @max: the largest one that makes sense
 * @val: set to it
 *
 * Return: true if it is a number up to @max.
 */
bool number_of(const char *text, __u64 max, __u64 *val)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	char *end;

	/* strtoull() would take a sign, too */
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*val = strtoull(text, &end, 0);
	suffix = *end ? strchr(suffixes, *end & ~0x20) : NULL;
	if (suffix) {
		unsigned int shift = 10 * (suffix - suffixes + 1);

		if (*val > ~0ULL >> shift)
			return false;
		*val <<= shift;
		end++;
	}
	return !*end && !errno && *val <= max;
}

/**
 * seconds_of - a time that the user wrote, in seconds
 * @text: what was written: 10, 0.5
 * @ms: set to it in milliseconds
 *
 * Return: true if it is a time of up to a day, and more than none.
 */
bool seconds_of(const char *text, double *ms)
{
	char *end;

	if (*text != '.' && (*text < '0' || *text > '9'))
		return false;
	*ms = strtod(text, &end) * 1e3;
	return !*end && *ms > 0 && *ms <= 86400e3;
}
