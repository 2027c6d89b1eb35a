#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make conformance: hold a driver's devices against the rules of the uAPI.
#
#   DRIVER=mtty_mig	this project's, type by type (the default)
#   DRIVER=mtty		the kernel's own sample
#   ISOLATE=0|1		a boot for each test; 1 for other drivers than ours
#   TYPES='...'		only these types of mediated device
#   TEST=PATTERN	only the programs of that name

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/setup.sh"

# guest_options names the logs after it
# shellcheck disable=SC2034
verb=conformance
driver=${DRIVER:-mtty_mig}
case $driver in
mtty_mig)
	types='mtty_mig-none mtty_mig-base mtty_mig-p2p mtty_mig-precopy mtty_mig-full'
	isolate=0
	;;
mtty)
	types=mtty-1
	isolate=1
	;;
*)
	die "DRIVER=$driver is not known; it can be: mtty_mig, mtty" \
		"a device of this machine is tested by conformance.py --device, see Documentation/conformance.rst"
	;;
esac
types=${TYPES:-$types}
isolate=${ISOLATE:-$isolate}
# shellcheck disable=SC2086 # words
check_types "$driver" $types
mapfile -t all < <(all_selftests | grep ^generic/)
tests=()
wanted_tests tests "${all[@]}"

flavour=$(flavour 1)
setup_kernel "$flavour"
case $driver in
mtty_mig)
	setup_modules
	module=$modules/mtty-mig/mtty_mig.ko
	;;
mtty)
	[ "$KERNEL" != debian ] ||
		die "Debian's kernel has no samples, so there is no mtty in it" \
			"leave KERNEL= out, or name a kernel tree"
	module=$kernel/samples/vfio-mdev/mtty.ko
	;;
esac
setup_programs selftests
setup_run "$module" -- selftests
unlock_cache

out=$REPO/build/conformance
mkdir -p "$out"
guest_options options "$driver"
options+=(
	--driver "$driver" --release "$(release)"
	--isolate "$isolate" --types "$types" --tap "$out/$driver.tap"
	--junit "$out/$driver.xml" --json "$out/$driver.json"
	--ktap "$out/$driver.ktap" --rst "$out/$driver.rst"
)
grep -q '^CONFIG_VFIO_IOMMU_TYPE1=[ym]' "$kernel/include/config/auto.conf" ||
	options+=(--no-type1)
say "conformance of $driver on Linux $(release) $(engine): $types"
[ "$isolate" = 0 ] || say "each test has a boot of its own (ISOLATE=0: all in one)"
wait_for "$SCRIPTS/conformance_lab.py" "${options[@]}" "${tests[@]}"
