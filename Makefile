# SPDX-License-Identifier: GPL-2.0-only
#
# Every verb of the project: make help lists them, with the variables.  What a verb
# is, and what may be said to it, is in scripts/variables.py; the work is done in
# scripts/.

VERBS := help run check quick check-all kunit selftests conformance drivers vfio-selftests rules mutants coverage stress soak bench
VERBS += fuzz shell modules install uninstall load unload deb debcheck newcomer series series-check
VERBS += portability interop update lint lint-quick selfcheck clean distclean

# What is no verb gets a hint, also where a file or a directory is called so.
OTHERS := $(filter-out $(VERBS) Makefile,$(wildcard *))

.PHONY: $(VERBS) $(OTHERS)
# -jN is for what a verb builds; several verbs are done in their order.
.NOTPARALLEL:

# The first one of several looks at the variables of all.
$(VERBS) $(OTHERS):
	@scripts/verb.sh --make '$(MAKECMDGOALS)' $@

.DEFAULT:
	@scripts/verb.sh --make '$(MAKECMDGOALS)' $@
