#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make docs: the pages of Documentation/ as HTML, in build/docs. A warning of Sphinx or
# of graphviz is an error: a table that does not render, a link to nothing, a page that
# no other one leads to.

. "$(dirname "$0")/lib.sh"

"$SCRIPTS/packages.sh" docs
cd "$REPO"
# -E: Sphinx warns of a page only when it reads it, so it has to read all of them.
sphinx-build -q -E -n -W --keep-going -j "$JOBS" -b html -d build/docs-cache \
	Documentation build/docs || exit 1
say "the pages: $PWD/build/docs/index.html"
