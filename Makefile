# SPDX-License-Identifier: GPL-2.0-only
#
# Every verb of the project: make help lists them, with the variables.  What a verb
# is, and what may be said to it, is in scripts/lab/verbs, a file for each; the work
# is done in scripts/.

VERB_FILES := $(filter-out %/__init__.py,$(wildcard scripts/lab/verbs/*.py))
VERBS := help $(subst _,-,$(patsubst scripts/lab/verbs/%.py,%,$(VERB_FILES)))

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
