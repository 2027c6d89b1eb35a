#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the verbs do: set up whatever the verb needs, boot the guest, run the
# verb's job in it.  When everything is there already, no kernel makefile is
# entered at all.
#
#   lab.sh run|check|quick|kunit|selftests|shell|update
#
# KUNIT_FILTER=SUITE.CASE	only these of KUnit, as its filter_glob has it

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/setup.sh"

verb=$1
case $verb in
run | quick | shell | update) flavour=$(flavour 0) ;;
*) flavour=$(flavour 1) ;;
esac

if [ "$verb" = update ]; then
	check_choice
	"$SCRIPTS/packages.sh"
	make_cache
	lock_cache
	# Without KERNEL= all that the cache has
	sources=("$KERNEL")
	stock=$KERNEL
	if [ -z "$KERNEL_GIVEN" ]; then
		[ ! -L "$CACHE/src/latest" ] || sources+=(latest)
		[ ! -L "$CACHE/kernel/stock" ] || stock=debian
	fi
	for KERNEL in "${sources[@]}"; do
		source=$("$SCRIPTS/source.sh" update)
		say "in use: ${source##*/}"
	done
	[ "$stock" != debian ] || KERNEL=debian "$SCRIPTS/stock.sh" update >/dev/null
	for vmm in debian latest; do
		[ ! -L "$CACHE/vmm/$vmm" ] || "$SCRIPTS/vmm.sh" "$vmm" update >/dev/null
	done
	exit 0
fi

# Before anything is built: a word that is not known may be among these.
units=()
case $verb in
check | selftests) wanted_units units ;;
quick) mapfile -t units < <(make -s --no-print-directory -C "$REPO/selftests" list-quick) ;;
kunit) [ -z "${KUNIT_FILTER-}" ] || APPEND="${APPEND-} kunit.filter_glob=$KUNIT_FILTER" ;;
esac

packages=()
[ "$verb" != check ] || packages+=(fuzz)
case $verb in
run) parts=(tools) ;;
check | quick | selftests) parts=(selftests) ;;
kunit) parts=() ;;
shell) parts=(tools selftests) ;;
esac
setup_kernel "$flavour" "${packages[@]}"
setup_modules
bench=()
case $verb in
kunit | check) setup_bench ;;
esac
if [ "$verb" = selftests ] && [ -n "${TEST-}" ]; then
	setup_units "${units[@]}"
else
	setup_programs "${parts[@]}"
fi
# What make check runs on the host, beside the guests
hosts=()
if [ "$verb" = check ]; then
	"$SCRIPTS/fuzz.sh" build "$uapi" "$programs/fuzz"
	hosts+=(--host "fuzz=$SCRIPTS/fuzz.sh check $programs/fuzz/stream_fuzz"
		--host "rules=$SCRIPTS/rules.py check")
fi
setup_run "$modules"/*/*.ko "${bench[@]}" -- "${parts[@]}"

unlock_cache

guest_options options
case $verb in
run) options+=(run) ;;
shell) options+=(shell) ;;
kunit) options+=(--kunit check) ;;
selftests) options+=(check "${units[@]}") ;;
quick) options+=(--kunit check "${units[@]}") ;;
check)
	# Debian's kernel has no KUnit
	[ "$KERNEL" = debian ] || options+=(--kunit)
	options+=("${hosts[@]}" check "${units[@]}")
	;;
esac

case $verb in
quick)
	say "on Linux $(release) $(engine), $flavour"
	say "this is not make check: ${#units[@]} of $(all_selftests | wc -l) programs, the driver's KUnit" \
		"suites, no sanitizers, one kernel"
	;;
run) say "booting Linux $(release) $(engine)" ;;
kunit | selftests | check) say "on Linux $(release) $(engine), $flavour" ;;
shell) say "booting Linux $(release) $(engine); tools/ and selftests/ are here, 'exit' ends the guest" ;;
esac
end_with "$SCRIPTS/guest.py" "${options[@]}"
