#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make check without KERNEL=, and make check-all: see runs.py.
#
#   runs.sh check|all

. "$(dirname "$0")/lib.sh"

check_choice
wanted=("$1" --only "${ONLY-}" --engine "$ENGINE_GIVEN" --test "${TEST-}")
packages=$("$SCRIPTS/runs.py" "${wanted[@]}" --packages)
# shellcheck disable=SC2086 # words
"$SCRIPTS/packages.sh" $packages
make_cache
exec "$SCRIPTS/runs.py" "${wanted[@]}" --logs "$CACHE/logs"
