#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make mutants: put each mistake of selftests/mutants/ into the driver, alone,
# and see that the tests notice.  See Documentation/mutants.rst.
#
#   mutants.sh
#
#   DRIVER='...'	into these of the kernel's instead, without their hardware: drivers.py

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/setup.sh"

verb=mutants
if [ -n "${DRIVER-}" ]; then
	"$SCRIPTS/packages.sh" patch
	make_cache
	options=(--pattern "${MUTANT-}" --logs "$CACHE/logs/$verb-$(date +%Y%m%d-%H%M%S)-$$")
	[ "$DRIVER" = core ] ||
		end_with "$SCRIPTS/drivers.py" mutants --drivers "$DRIVER" --kernels "$KERNEL_GIVEN" \
			"${options[@]}"
	lock_cache
	source=$("$SCRIPTS/source.sh")
	unlock_cache
	end_with "$SCRIPTS/core_mutants.py" --source "$source" --tree "$CACHE/core/${source##*/}" \
		"${options[@]}"
fi
# With TEST= one sees what some of the tests notice by themselves.
units=()
wanted_units units kunit

setup_kernel sanitize git
setup_modules
setup_programs selftests
setup_run -- selftests

# One at a time for a checkout: it builds in a place that is kept.
scratch=$work/mutants
mkdir -p "$scratch"
exec 8>"$scratch/lock"
flock -n 8 || die "another 'make mutants' of this checkout is at work"
unlock_cache

# Whether a mutant is looked at for leaks is said in its patch; how long a
# guest may be silent is short, for it costs time with each mutant that hangs.
LEAKS=1
SILENCE=${SILENCE:-25}
TEST_TIMEOUT=${TEST_TIMEOUT:-100}
guest_options options
[ "${KEEP_GOING:-0}" = 0 ] || options+=(--keep-going)
[ -z "${TEST-}" ] || options+=(--some)
end_with "$SCRIPTS/mutants.py" "${options[@]}" \
	--repo "$REPO" --kdir "$kernel" --scratch "$scratch" \
	--key "$(hash_text "$(cat "$modules/.mtty-mig-stamp" \
		"$programs/selftests/.mtty-mig-stamp" "$kernel/.mtty-mig-stamp")" "${units[*]}")" \
	--pattern "${MUTANT:-*}" "${units[@]}"
