// SPDX-License-Identifier: GPL-2.0-only
/* Write the golden streams of this version; see golden.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/check.h"
#include "lib/golden.h"

static void write_golden(const char *dir, const char *type)
{
	struct mig_stream stream = {};
	struct mtty mtty;
	char path[512];
	FILE *file;

	mtty_new(&mtty, type, GOLDEN_MEM_SIZE);
	golden_fill(&mtty);
	mig_save(&mtty.dev, &stream, MIG_CHUNK);

	snprintf(path, sizeof(path), "%s/1.0-%s.stream", dir, type);
	/* x: not over one that is there */
	file = fopen(path, "wx");
	if (!file)
		die("cannot write %s: %s", path, strerror(errno));
	if (fwrite(stream.data, 1, stream.len, file) != stream.len ||
	    fclose(file))
		die("%s is not complete: %s", path, strerror(errno));
	printf("%s: %zu bytes\n", path, stream.len);
	mig_stream_free(&stream);
}

int main(int argc, char **argv)
{
	static const char * const types[] = {
		"base", "p2p", "precopy", "full", "vpri",
	};
	unsigned int i;

	if (argc != 2) {
		fprintf(stderr, "usage: golden_write DIR\n");
		return 2;
	}
	for (i = 0; i < ARRAY_LEN(types); i++)
		write_golden(argv[1], types[i]);
	return 0;
}
