/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON, written as it comes. */
#ifndef VFIO_MIGCTL_JSON_H
#define VFIO_MIGCTL_JSON_H

#include <stdbool.h>
#include <stdio.h>
#include <linux/types.h>

#define JSON_DEPTH	8

/**
 * struct json - a value that is being written
 * @file: where it goes
 * @line: all on one line, for values that come one by one
 * @depth: objects and arrays that are open
 * @close: the bracket that ends each of them
 * @some: each of them has a member already
 */
struct json {
	FILE *file;
	bool line;
	unsigned int depth;
	char close[JSON_DEPTH];
	bool some[JSON_DEPTH];
};

/*
 * @key of what follows is the name of a member, or NULL: for a member of an
 * array, or the outermost value.
 */
void json_object(struct json *json, const char *key);
void json_array(struct json *json, const char *key);
void json_end(struct json *json);
void json_text(struct json *json, const char *key, const char *value);
void json_number(struct json *json, const char *key, __u64 value);
void json_ms(struct json *json, const char *key, double value);
void json_hex(struct json *json, const char *key, __u64 value);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

#endif /* VFIO_MIGCTL_JSON_H */
