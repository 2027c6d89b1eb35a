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
esac
types=${TYPES:-$types}
isolate=${ISOLATE:-$isolate}
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
end_with "$SCRIPTS/conformance_lab.py" "${options[@]}" "${tests[@]}"
