#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make check without KERNEL=, and make check-all: see runs.py.
#
#   runs.sh check|all

. "$(dirname "$0")/lib.sh"

check_choice
[ "$1" != all ] || [ -z "$KERNEL_GIVEN" ] ||
	die "the runs of make check-all have their own KERNEL" "leave that out; ONLY= takes some of the runs"
wanted=("$1" --only "${ONLY-}" --engine "$ENGINE_GIVEN" --test "${TEST-}")
packages=$("$SCRIPTS/runs.py" "${wanted[@]}" --packages)
# shellcheck disable=SC2086 # words
"$SCRIPTS/packages.sh" $packages
make_cache
exec "$SCRIPTS/runs.py" "${wanted[@]}" --logs "$CACHE/logs"
