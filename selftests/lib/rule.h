/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The verdicts of conformance tests, each by a rule of
 * Documentation/rules.rst.
 *
 * A rule is named by its ID as a string literal, so that scripts/rules.py
 * finds in the sources which tests hold a device against which rules.  What
 * the macros print is what conformance.py makes its report from:
 *
 *	# file:line:test:MIG-FSM-03 violated: expected ..., seen ...
 *	# judged: MIG-FSM-01 MIG-FSM-03
 */
#ifndef SELFTESTS_LIB_RULE_H
#define SELFTESTS_LIB_RULE_H

#include <stdbool.h>
#include <stddef.h>

const char *rule_errno(long ret);
bool rule_judge(const char *id, bool kept);
bool rule_tell(const char *id);
void rules_report(void);

/**
 * RULE - hold what was seen against a rule
 * @id: the rule's ID
 * @kept: whether it was kept
 * @fmt: how printf() says "EXPECTED, seen SEEN", and on which occasion
 * @...: for @fmt
 *
 * For use in a test of kselftest_harness.h, or a function with its _metadata.
 * The test fails and goes on; of many violations of one rule the first ones
 * are told.
 */
#define RULE(id, kept, fmt, ...)					\
	do {								\
		const char *rule_ = (id);				\
									\
		if (!rule_judge(rule_, kept)) {				\
			if (rule_tell(rule_))				\
				TH_LOG("%s violated: expected " fmt,	\
				       rule_, ##__VA_ARGS__);		\
			_metadata->exit_code = KSFT_FAIL;		\
		}							\
	} while (0)

/* A call returns 0 or -errno: it must succeed */
#define RULE_OK(id, call, fmt, ...)					\
	do {								\
		long ret_ = (call);					\
									\
		RULE(id, ret_ >= 0, "success, seen %s: " fmt,		\
		     rule_errno(ret_), ##__VA_ARGS__);			\
	} while (0)

/* ... it must fail, the text does not say how */
#define RULE_FAILS(id, call, fmt, ...)					\
	do {								\
		long ret_ = (call);					\
									\
		RULE(id, ret_ < 0, "failure, seen success (%ld): " fmt,	\
		     ret_, ##__VA_ARGS__);				\
	} while (0)

/* ... it must fail just so; @error is -errno */
#define RULE_ERRNO(id, error, call, fmt, ...)				\
	do {								\
		long error_ = (error), ret_ = (call);			\
									\
		RULE(id, ret_ == error_, "%s, seen %s: " fmt,		\
		     rule_errno(error_), rule_errno(ret_), ##__VA_ARGS__); \
	} while (0)

/* Two numbers must be the same */
#define RULE_EQ(id, expected, value, fmt, ...)				\
	do {								\
		long long expected_ = (long long)(expected);		\
		long long value_ = (long long)(value);			\
									\
		RULE(id, expected_ == value_, "%lld, seen %lld: " fmt,	\
		     expected_, value_, ##__VA_ARGS__);			\
	} while (0)

/* A state must be the one that is due */
#define RULE_STATE(id, expected, value, fmt, ...)			\
	do {								\
		__u32 expected_ = (expected), value_ = (value);		\
									\
		RULE(id, expected_ == value_, "%s, seen %s: " fmt,	\
		     mig_state_name(expected_), mig_state_name(value_), \
		     ##__VA_ARGS__);					\
	} while (0)

#endif /* SELFTESTS_LIB_RULE_H */
