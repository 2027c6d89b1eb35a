// SPDX-License-Identifier: GPL-2.0-only
/* vfio-migctl inspect: look into a saved state. */
#include <stdio.h>
#include <string.h>

#include "envelope.h"
#include "migctl.h"
#include "record.h"
#include "say.h"
#include "text.h"

/* The values of enum mtty_stream_type that matter here */
#define PAGE	0x0001
#define ZERO	0x0002

/**
 * struct view - what is shown of a stream
 * @json: the array of records
 * @first: the page record with which a run of them began
 * @run: how many there are in it
 * @pages: of all runs
 * @zeroes: of these, pages that are zero
 */
struct view {
	struct json json;
	struct record first;
	__u64 run;
	__u64 pages;
	__u64 zeroes;
};

static void field_line(void *arg, const char *name, const char *value)
{
	(void)arg;
	fprintf(say.tell, "  %12s   %-14s %s\n", "", name, value);
}

static void field_json(void *arg, const char *name, const char *value)
{
	json_text(arg, name, value);
}

/* Consecutive pages are shown in one line */
static void end_run(struct view *view)
{
	const struct record *first = &view->first;

	if (!view->run)
		return;
	if (view->run == 1)
		fprintf(say.tell, "  %12llu   %-10s page %#llx\n",
			(unsigned long long)first->offset,
			record_name(first->type),
			(unsigned long long)first->index);
	else
		fprintf(say.tell, "  %12llu   %-10s pages %#llx to %#llx\n",
			(unsigned long long)first->offset,
			record_name(first->type),
			(unsigned long long)first->index,
			(unsigned long long)first->index + view->run - 1);
	if (say.json) {
		json_object(&view->json, NULL);
		json_text(&view->json, "record", record_name(first->type));
		json_number(&view->json, "offset", first->offset);
		json_number(&view->json, "page", first->index);
		json_number(&view->json, "pages", view->run);
		json_end(&view->json);
	}
	view->run = 0;
}

static void page(struct view *view, const struct record *record)
{
	const struct record *first = &view->first;

	if (view->run && (opt.all || record->type != first->type ||
			  record->index != first->index + view->run))
		end_run(view);
	if (!view->run)
		view->first = *record;
	view->run++;
	view->pages++;
	view->zeroes += record->type == ZERO;
}

static void each(void *arg, const struct record *record)
{
	struct view *view = arg;

	if (record->type == PAGE || record->type == ZERO) {
		page(view, record);
		return;
	}
	end_run(view);
	fprintf(say.tell, "  %12llu   %-10s %u bytes%s\n",
		(unsigned long long)record->offset, record_name(record->type),
		record->length, record->payload ? "" : ", optional");
	record_fields(record, field_line, NULL);
	if (!say.json)
		return;
	json_object(&view->json, NULL);
	json_text(&view->json, "record", record_name(record->type));
	json_number(&view->json, "offset", record->offset);
	json_number(&view->json, "length", record->length);
	json_object(&view->json, "fields");
	record_fields(record, field_json, &view->json);
	json_end(&view->json);
	json_end(&view->json);
}

static void show_envelope(struct json *json, const struct envelope *env)
{
	char text[ENVELOPE_TEXT_MAX + 1], *line, *rest = text;

	fprintf(say.tell, "%s%s%s\n", BOLD, env->path, PLAIN);
	if (say.json) {
		json_text(json, "file", env->path);
		json_bool(json, "envelope", !env->raw);
	}
	if (env->raw)
		fprintf(say.tell, "  no envelope\n");
	memcpy(text, env->text, sizeof(text));
	while ((line = strsep(&rest, "\n"))) {
		char *value = strstr(line, ": ");

		if (!value)
			continue;
		*value = '\0';
		value += 2;
		fprintf(say.tell, "  %-14s %s\n", line, value);
		if (say.json)
			json_text(json, line, value);
	}
}

static void verdict(struct json *json, const struct envelope *env,
		    const struct records *records, const struct view *view)
{
	__u64 checksum = xxh64_digest(&env->hash);

	fprintf(say.tell, "  %-14s %llu bytes (%s)\n", "length",
		(unsigned long long)env->length, size_text(env->length));
	fprintf(say.tell, "  %-14s %016llx%s\n", "checksum",
		(unsigned long long)checksum, env->raw ? "" : ", right");
	if (say.json) {
		json_number(json, "length", env->length);
		json_hex(json, "checksum", checksum);
		json_bool(json, "mtty_mig", records->ours);
	}
	if (!records->ours) {
		fprintf(say.tell, "  %-14s of a driver of which this program knows no more\n",
			"stream");
		return;
	}
	fprintf(say.tell, "  %-14s %llu sent, of these %llu zero\n", "pages",
		(unsigned long long)view->pages,
		(unsigned long long)view->zeroes);
	if (!records->error)
		fprintf(say.tell, "  %-14s %scomplete and valid%s\n", "stream",
			GREEN, PLAIN);
	if (say.json) {
		json_number(json, "pages", view->pages);
		json_number(json, "zero_pages", view->zeroes);
		json_text(json, "refused", records->error ?
			  strerrorname_np(records->error) : NULL);
		if (records->error)
			json_number(json, "refused_at", records->at);
	}
}

/**
 * verb_inspect - look into a saved state
 * @argc: 1
 * @argv: the file
 *
 * Return: the exit status.
 */
int verb_inspect(int argc, char **argv)
{
	struct json *json;
	struct view view = { .json = say_value(false) };
	struct records records = { .each = each, .arg = &view };
	static struct envelope env;

	(void)argc;
	envelope_open(&env, argv[0], ENVELOPE_ANY);
	json = &view.json;
	if (say.json)
		json_object(json, NULL);
	show_envelope(json, &env);
	if (say.json)
		json_array(json, "records");
	records_read(&records, &env);
	end_run(&view);
	if (say.json)
		json_end(json);
	verdict(json, &env, &records, &view);
	if (say.json)
		json_end(json);
	envelope_close(&env);
	if (!records.error)
		return EXIT_DONE;
	/* With --json the error is in the one value that was written */
	say.json = false;
	fail_with(EXIT_REFUSED, &(struct fault){
			.device = env.path, .error = records.error,
		  }, "the driver would refuse the stream at byte %llu, in %s at %llu: %s",
		  (unsigned long long)records.at,
		  record_name(records.within.type),
		  (unsigned long long)records.within.offset,
		  record_reason(records.error));
}
