#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make conformance: hold a driver's devices against the rules of the uAPI.
#
#   DRIVER=mtty_mig	this project's, type by type (the default)
#   DRIVER=mtty		the kernel's own sample
#   DRIVER=NAME		one of the kernel's, without its hardware: see selftests/standins
#   ISOLATE=0|1		a boot for each test, or none; by default, for the kernel's drivers,
#			one for each test that the kernel did not survive, and for what follows it
#   PATCH=FILE	with this change to one of the kernel's
#   RULE=MIG-...	only what judges this rule
#   CASE=PATTERN	only the test cases of that name
#   TYPES='...'		only these types of mediated device
#   TEST=PATTERN	only the programs of that name

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/setup.sh"

# guest_options names the logs after it
# shellcheck disable=SC2034
verb=conformance
driver=${DRIVER:-mtty_mig}
folders=generic
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
	# What stands in for its parent has made the devices.
	types=$driver
	folders='generic|standins'
	isolate=auto
	# What holds others up takes its time to be seen.
	TEST_TIMEOUT=${TEST_TIMEOUT:-300} TIMEOUT=${TIMEOUT:-1800}
	;;
esac
# What a program of ours does with a device is no rule of the uAPI.
[[ ${TEST-} != tools/* ]] || folders='tools/migctl_any_test'
types=${TYPES:-$types}
isolate=${ISOLATE:-$isolate}
mapfile -t all < <(all_selftests | grep -E "^($folders)(/|\$)")
tests=()
wanted_tests tests "${all[@]}"

flavour=$(flavour 1)
setup_kernel "$flavour" ${PATCH:+patch}
case $driver in
mtty_mig)
	setup_modules
	module=$modules/mtty-mig/mtty_mig.ko
	;;
mtty)
	module=$kernel/samples/vfio-mdev/mtty.ko
	;;
*)
	setup_standin "$driver"
	# shellcheck disable=SC2154 # setup_standin's
	module=$standin_module
	bind=$standin_driver
	;;
esac
setup_programs selftests
setup_run "$module" -- selftests
unlock_cache

out=$REPO/build/conformance
mkdir -p "$out"
name=${module##*/}
guest_options options "${name%.ko}"
options+=(
	--driver "$driver" --release "$(release)"
	--isolate "$isolate" --types "$types" --tap "$out/$driver.tap"
	--junit "$out/$driver.xml" --json "$out/$driver.json"
	--ktap "$out/$driver.ktap" --rst "$out/$driver.rst"
	--bind "${bind-}" --rule "${RULE-}" --case "${CASE-}"
)
grep -q '^CONFIG_VFIO_IOMMU_TYPE1=[ym]' "$kernel/include/config/auto.conf" ||
	options+=(--no-type1)
say "conformance of $driver on Linux $(release) $(engine): $types"
[ "$isolate" != 1 ] || say "each test has a boot of its own (ISOLATE=0: all in one)"
end_with "$SCRIPTS/conformance_lab.py" "${options[@]}" "${tests[@]}"
