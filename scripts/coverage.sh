#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make coverage: all KUnit suites and all selftests on a kernel that counts,
# then what they reached of the driver.  The page is build/coverage/index.html;
# Documentation/coverage.rst tells how to read it.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/setup.sh"

verb=coverage
setup_kernel coverage coverage
setup_modules
setup_programs selftests
setup_run "$modules"/*/*.ko -- selftests
# What gcov needs beside the counters, before the next build replaces it.
mkdir "$run/coverage" "$run/gcno"
cp "$modules"/mtty-mig/*.gcno "$run/gcno/"
mapfile -t tests < <(all_selftests)
unlock_cache

guest_options options
log=$CACHE/logs/$verb-$(date +%Y%m%d-%H%M%S)-$$
options+=(--log "$log" --kunit check "${tests[@]}")
say "running all tests (their output: $log.tap)"
status=0
wait_for "$SCRIPTS/guest.py" "${options[@]}" >"$log.tap" || status=$?
[ "$status" -lt 2 ] || exit "$status"

end_with "$SCRIPTS/coverage.py" --source "$REPO" --built "$modules" --run "$run" \
	--tests "$log.json" --left "$SCRIPTS/coverage-left" --output "$REPO/build/coverage"
