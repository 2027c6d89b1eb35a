// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "check.h"

/**
 * lib_must - end the process if a call failed
 * @file: where
 * @line: where
 * @what: the call, as it stands in the source
 * @ret: what it returned: negative errno on failure
 */
void lib_must(const char *file, int line, const char *what, int ret)
{
	if (ret >= 0)
		return;
	fprintf(stderr, "# %s:%d: %s: %s\n", file, line, what,
		strerror(-ret));
	exit(EXIT_FAILURE);
}
