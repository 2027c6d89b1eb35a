// SPDX-License-Identifier: GPL-2.0-only
/* JSON, written as it comes. */
#include "../../selftests/lib/check.h"
#include "json.h"

static void line(struct json *json)
{
	unsigned int i;

	if (json->line)
		return;
	putc('\n', json->file);
	for (i = 0; i < json->depth; i++)
		putc('\t', json->file);
}

static void quoted(struct json *json, const char *text)
{
	putc('"', json->file);
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			fprintf(json->file, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(json->file, "\\u%04x", c);
		else
			putc(c, json->file);
	}
	putc('"', json->file);
}

/* What comes before each value: the comma, and its name */
static void begin(struct json *json, const char *key)
{
	if (json->depth) {
		if (json->some[json->depth - 1])
			fputs(json->line ? ", " : ",", json->file);
		json->some[json->depth - 1] = true;
		line(json);
	}
	if (key) {
		quoted(json, key);
		fputs(": ", json->file);
	}
}

static void open_with(struct json *json, const char *key, char open, char close)
{
	begin(json, key);
	if (json->depth == JSON_DEPTH)
		die("JSON of more than %d levels", JSON_DEPTH);
	putc(open, json->file);
	json->close[json->depth] = close;
	json->some[json->depth++] = false;
}

/**
 * json_object - begin an object
 * @json: the value that is being written
 * @key: its name, or NULL
 */
void json_object(struct json *json, const char *key)
{
	open_with(json, key, '{', '}');
}

/**
 * json_array - begin an array
 * @json: the value that is being written
 * @key: its name, or NULL
 */
void json_array(struct json *json, const char *key)
{
	open_with(json, key, '[', ']');
}

/**
 * json_end - end the object or array that was begun last
 * @json: the value that is being written; complete after the outermost end
 */
void json_end(struct json *json)
{
	bool some = json->some[--json->depth];

	if (some)
		line(json);
	putc(json->close[json->depth], json->file);
	if (json->depth)
		return;
	putc('\n', json->file);
	fflush(json->file);
}

/**
 * json_text - a string
 * @json: the value that is being written
 * @key: its name, or NULL
 * @value: the string; NULL is null
 */
void json_text(struct json *json, const char *key, const char *value)
{
	if (!value) {
		json_null(json, key);
		return;
	}
	begin(json, key);
	quoted(json, value);
}

/**
 * json_number - a number
 * @json: the value that is being written
 * @key: its name, or NULL
 * @value: the number
 */
void json_number(struct json *json, const char *key, __u64 value)
{
	begin(json, key);
	fprintf(json->file, "%llu", (unsigned long long)value);
}

/**
 * json_ms - a time
 * @json: the value that is being written
 * @key: its name, or NULL
 * @value: milliseconds
 */
void json_ms(struct json *json, const char *key, double value)
{
	begin(json, key);
	fprintf(json->file, "%.3f", value);
}

/**
 * json_hex - a number that is a string, because not every reader of JSON can
 *	hold 64 bits
 * @json: the value that is being written
 * @key: its name, or NULL
 * @value: the number
 */
void json_hex(struct json *json, const char *key, __u64 value)
{
	begin(json, key);
	fprintf(json->file, "\"%016llx\"", (unsigned long long)value);
}

/**
 * json_bool - true or false
 * @json: the value that is being written
 * @key: its name, or NULL
 * @value: which
 */
void json_bool(struct json *json, const char *key, bool value)
{
	begin(json, key);
	fputs(value ? "true" : "false", json->file);
}

/**
 * json_null - nothing
 * @json: the value that is being written
 * @key: its name, or NULL
 */
void json_null(struct json *json, const char *key)
{
	begin(json, key);
	fputs("null", json->file);
}
