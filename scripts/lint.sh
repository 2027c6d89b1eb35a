#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make lint: the kernel's checkpatch on our C, shellcheck on our scripts, and
# the lab's own tests.

. "$(dirname "$0")/lib.sh"

"$SCRIPTS/packages.sh" lint
make_cache
lock_cache
source=$("$SCRIPTS/source.sh")
unlock_cache

cd "$REPO"
status=0
say "shellcheck"
shellcheck -x scripts/*.sh .ci/run || status=1

say "checkpatch"
mapfile -t files < <(git ls-files '*.[ch]')
if [ ${#files[@]} -gt 0 ]; then
	# Our files are new ones and have no place in MAINTAINERS.
	"$source/scripts/checkpatch.pl" --no-tree --strict --terse --no-summary \
		--ignore FILE_PATH_CHANGES -f "${files[@]}" || status=1
fi

say "the lab's own tests"
python3 -B -m unittest discover -q -s scripts/tests || status=1
exit $status
