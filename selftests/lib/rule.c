// SPDX-License-Identifier: GPL-2.0-only
/* The verdicts of conformance tests: which rules were judged, and how. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arcs.h"
#include "check.h"
#include "rule.h"

#define RULES_MAX	64	/* in one test */
#define TELL_MAX	5	/* violations of one rule in one test */

static struct {
	const char *id;
	unsigned int violations;
} judged[RULES_MAX];

/* Tests are forked from one process: what the parent judged is not ours */
static pid_t judge;

static unsigned int find(const char *id)
{
	unsigned int i;

	for (i = 0; i < RULES_MAX && judged[i].id; i++)
		if (!strcmp(judged[i].id, id))
			return i;
	if (i == RULES_MAX)
		die("more than %u rules in one test", RULES_MAX);
	judged[i].id = id;
	return i;
}

/**
 * rule_errno - the result of a call in words
 * @ret: what it returned: negative errno on failure
 *
 * Return: for instance "ENOMSG" or "success".
 */
const char *rule_errno(long ret)
{
	const char *name;

	if (ret >= 0)
		return "success";
	name = strerrorname_np(-ret);
	return name ? name : "an unknown error";
}

/**
 * rule_judge - a rule was looked at
 * @id: its ID
 * @kept: whether it was kept
 *
 * Return: @kept.
 */
bool rule_judge(const char *id, bool kept)
{
	if (judge != getpid()) {
		judge = getpid();
		memset(judged, 0, sizeof(judged));
		/* For a test that the library ends; see rules_report() */
		atexit(rules_report);
	}
	judged[find(id)].violations += !kept;
	return kept;
}

/**
 * rule_tell - whether a violation is still to be told
 * @id: the rule that was violated
 *
 * Return: true for the first ones in a test.
 */
bool rule_tell(const char *id)
{
	return judged[find(id)].violations <= TELL_MAX;
}

/**
 * rules_report - tell which rules were judged since the test began, and arcs taken
 *
 * Called where a test ends, and from exit().  Without it a report could not
 * tell a rule that was kept from one that nobody looked at.
 */
void rules_report(void)
{
	unsigned int i;

	arcs_report();
	if (judge != getpid() || !judged[0].id)
		return;
	fprintf(stderr, "# judged:");
	for (i = 0; i < RULES_MAX && judged[i].id; i++)
		fprintf(stderr, " %s", judged[i].id);
	fprintf(stderr, "\n");
	for (i = 0; i < RULES_MAX && judged[i].id; i++)
		if (judged[i].violations > TELL_MAX)
			fprintf(stderr, "# %s: %u violations in all\n",
				judged[i].id, judged[i].violations);
	memset(judged, 0, sizeof(judged));
}
