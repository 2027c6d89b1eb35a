#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make soak: the programs that race or go at random, again and again, on several
# kernels, half of the time with the host under load.  See Documentation/lab.rst.
#
# RUNS=N, MINUTES=N	how often each program runs, or how long all of it takes
# SEED=N		of the first run; each run has the next one
# LOAD=0|1		only without, or only with the host under load

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/setup.sh"

verb=soak
RUNS=${RUNS-} MINUTES=${MINUTES-} SEED=${SEED-} LOAD=${LOAD-}
[ -n "$RUNS$MINUTES" ] || MINUTES=10
[ "$SEED" != random ] || SEED=
check_choice

# Which kernels: where nobody asks for one, lts and latest.  A kernel that has two
# processors in User Mode Linux has them without sanitizers only, so there are two.
kernels=("$KERNEL")
[ -n "$KERNEL_GIVEN" ] || kernels=(lts latest)
if [ "$KERNEL" = debian ]; then
	flavours=(stock)
elif [ -n "${SAN-}" ] || [ "$ENGINE" = qemu ]; then
	flavours=("$(flavour 1)")
else
	flavours=(sanitize plain)
fi

# Those that are marked for it, or whichever TEST= names.
mapfile -t tests < <(make -s --no-print-directory -C "$REPO/selftests" list-random)
if [ -n "${TEST-}" ]; then
	mapfile -t all < <(all_selftests)
	wanted_tests tests "${all[@]}"
fi
# A generic program runs for one type of device at a time, every other time for the
# one that can do all.
types=${TYPES:-mtty_mig-full mtty_mig-base mtty_mig-full mtty_mig-p2p mtty_mig-full mtty_mig-precopy}
units=()
for test in "${tests[@]}"; do
	words=$(for type in $types; do TYPES=$type selftest_units "$test"; done | uniq)
	units+=("${words//$'\n'/ }")
done

# again: the command that does a run once more, but for the test and the seed
again() {
	echo -n "KERNEL=$KERNEL"
	[ -z "$ENGINE_GIVEN" ] || echo -n " ENGINE=$ENGINE"
	[ "$KERNEL" = debian ] || case $flavour in
	plain) echo -n " SAN=0" ;;
	sanitize) echo -n " SAN=1" ;;
	kcsan) echo -n " SAN=kcsan" ;;
	esac
	[ -z "${STEPS-}" ] || echo -n " STEPS=$STEPS"
	[ -z "${APPEND-}" ] || echo -n " APPEND='$APPEND'"
	[ -z "${ARGS-}" ] || echo -n " ARGS='$ARGS'"
}

# A directory for each kernel in the one of this run; in there, how guest.py is called,
# and what else is to be known of it.
prepare() {
	local base=$run options=()
	if [ "${#flavours[@]}" -gt 1 ] && [ "$flavour" = plain ]; then
		setup_source
		smp_in_uml "$source" || return 0
	fi
	setup_kernel "$flavour"
	setup_modules
	setup_programs selftests
	run=$base/$KERNEL_NR-$flavour
	mkdir "$run"
	fill_run "$modules/mtty-mig/mtty_mig.ko" -- selftests
	# The cache may have dropped it before the last boot.
	if [ "${image%/*}" != "$run" ]; then
		ln "$image" "$run/" 2>/dev/null || cp "$image" "$run/"
		image=$run/${image##*/}
	fi
	guest_options options
	printf '%s\0' "${options[@]}" >"$run/options"
	printf '%s\n' "$(release)" "$flavour" "$(again)" >"$run/about"
}

make_cache
lock_cache
new_run
unlock_cache
logs=$CACHE/logs/$verb-$(date +%Y%m%d-%H%M%S)-$$
mkdir "$logs"
# A guest runs one program after the other until the host has enough.  Nothing is
# expected of how long a program takes, least of all under load.
TIMEOUT=${TIMEOUT:-0}
SILENCE=${SILENCE:-300}
TEST_TIMEOUT=${TEST_TIMEOUT:-600}
seconds=$((MINUTES * 60))
first=$SEED
# The programs would see them.
export MINUTES='' SEED=''
for KERNEL_NR in "${!kernels[@]}"; do
	KERNEL=${kernels[KERNEL_NR]}
	for flavour in "${flavours[@]}"; do
		# By itself, for it sets much; not in a condition, where errors do not end it
		(prepare)
	done
done

end_with "$SCRIPTS/soak.py" --run "$run" --log "$logs" --runs "${RUNS:-0}" \
	--seconds "$seconds" --seed "$first" --load "$LOAD" "${units[@]}"
