#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make load, make unload: the driver into the running kernel and out of it.
# Each thing that may be in the way is told in one line, with what to do.
#
#   load.sh load|unload
#
# For the lab's own tests:
# ROOT=DIR	where /sys, /proc, /dev and /boot are looked for
# BUILT=FILE	what make modules made

. "$(dirname "$0")/lib.sh"

verb=$1
root=${ROOT-}
release=$(uname -r)
module=mtty_mig
built=${BUILT-$REPO/build/modules/$module.ko}
parent=$root/sys/devices/virtual/$module/$module

loaded() { [ -d "$root/sys/module/$1" ]; }

# who_has NODE...: the processes that have one of them open.
who_has() {
	local fd file
	for fd in "$root"/proc/[0-9]*/fd/*; do
		file=$(readlink "$fd" 2>/dev/null) || continue
		case " $* " in
		*" $file "*)
			fd=${fd#"$root"/proc/}
			echo "${fd%%/*}"
			;;
		esac
	done | sort -nu | while read -r pid; do
		printf '%s (%s) ' "$pid" "$(cat "$root/proc/$pid/comm" 2>/dev/null)"
	done
}

# devices: the UUIDs of the devices that exist.
devices() {
	local device
	for device in "$parent"/????????-????-????-????-????????????; do
		[ ! -d "$device" ] || echo "${device##*/}"
	done
}

# nodes UUID: where it can be opened.
nodes() {
	local node
	for node in "$parent/$1"/vfio-dev/*; do
		[ ! -e "$node" ] || echo "/dev/vfio/devices/${node##*/}"
	done
	if [ -e "$parent/$1/iommu_group" ]; then
		echo "/dev/vfio/$(basename "$(readlink "$parent/$1/iommu_group")")"
	fi
}

# option NAME: what the running kernel was built with: y, m, n, or nothing if
# it does not tell.
option() {
	local config
	for config in "$root/boot/config-$release" "$root/lib/modules/$release/build/.config"; do
		if [ -r "$config" ]; then
			sed -n "s/^CONFIG_$1=//p; s/^# CONFIG_$1 is not set/n/p" "$config"
			return
		fi
	done
	if [ -r "$root/proc/config.gz" ]; then
		zcat "$root/proc/config.gz" | sed -n "s/^CONFIG_$1=//p; s/^# CONFIG_$1 is not set/n/p"
	fi
}

# explain MESSAGE: what modprobe or insmod said, and what to do about it.
explain() {
	local why=${1##*: }
	case $1 in
	*"rejected by service"* | *"Required key not available"* | *"Key was rejected"*)
		die "the kernel refuses the module: it is not signed with a key that it knows ($why)" \
			"sign it with a key that is enrolled (DKMS has one in /var/lib/dkms: mokutil --import mok.pub), or turn Secure Boot off"
		;;
	*"Operation not permitted"* | *ockdown*)
		if [ "$(cat "$root/proc/sys/kernel/modules_disabled" 2>/dev/null)" = 1 ]; then
			die "this kernel loads no more modules (kernel.modules_disabled is 1)" "boot it anew"
		elif grep -q '\[\(integrity\|confidentiality\)\]' "$root/sys/kernel/security/lockdown" 2>/dev/null; then
			die "the kernel is locked down and takes signed modules only" \
				"sign the module with a key that is enrolled, or turn Secure Boot off"
		fi
		die "the kernel lets nobody load modules here ($why)" "in a container, load it on the host"
		;;
	*"Invalid module format"* | *"Exec format error"* | *"disagrees about version"*)
		die "the module was built for another kernel than Linux $release ($why)" \
			"call make modules, with the headers of the running kernel"
		;;
	*"Unknown symbol"* | *"nknown symbol in module"*)
		die "Linux $release lacks something that the module needs: see the end of dmesg for the symbol" \
			"its options have to include VFIO, VFIO_MDEV and XXHASH; and it must be the kernel that the module was built for"
		;;
	*"annot allocate memory"*) die "there is no memory for the module" "free some and call again" ;;
	esac
	die "the module cannot be loaded: $1" "the end of dmesg may tell more"
}

# need SYMBOL MODULE EVIDENCE HINT: a part of the kernel, loaded if it is a module.
need() {
	local said
	[ ! -e "$root$3" ] || return 0
	if said=$(modprobe "$2" 2>&1) && [ -e "$root$3" ]; then
		say "loaded: $2"
		return 0
	fi
	case $said in
	*"not found"* | '')
		case $(option "$1") in
		y | m)
			die "Linux $release has $2, but its module is not in /lib/modules/$release" \
				"install the package of the kernel that runs, with all its modules, or boot the one that is installed"
			;;
		esac
		die "Linux $release has no $2 (CONFIG_$1)" "$4"
		;;
	esac
	explain "$said"
}

load() {
	local said file type
	[ "$(id -u)" -eq 0 ] || die "only root can load modules" "sudo make load"
	command -v modprobe >/dev/null || die "there is no modprobe here" "install kmod"
	if loaded $module; then
		say "$module is loaded already"
	else
		need VFIO vfio /sys/class/vfio-dev \
			"use a kernel with CONFIG_VFIO=m and CONFIG_VFIO_MDEV=m, such as Debian's"
		need VFIO_MDEV mdev /sys/bus/mdev \
			"use a kernel with CONFIG_VFIO_MDEV=m, such as Debian's; nothing but a driver or sample selects it: CONFIG_SAMPLE_VFIO_MDEV_MTTY=m does"
		# One of the two ways to an IOMMU; most kernels have both, and
		# neither tells on which day it is wanted.
		modprobe -q iommufd 2>/dev/null || true
		modprobe -q vfio_iommu_type1 2>/dev/null || true

		# What was built here goes before what was installed once.
		if [ -e "$built" ] && [ "$(modinfo -F vermagic "$built" | cut -d' ' -f1)" = "$release" ]; then
			file=${built#"$REPO/"}
			modprobe -q xxhash 2>/dev/null || true
			said=$(insmod "$built" 2>&1) || explain "$said"
		elif file=$(modinfo -k "$release" -F filename $module 2>/dev/null); then
			said=$(modprobe $module 2>&1) || explain "$said"
		elif [ -e "$built" ]; then
			die "build/modules/$module.ko is for Linux $(modinfo -F vermagic "$built" | cut -d' ' -f1), and this is $release" \
				"make modules builds it for the running kernel"
		else
			die "there is no module for Linux $release" "call make modules first, as yourself"
		fi
		loaded $module || die "$module was loaded and is not there" "see the end of dmesg"
		say "loaded: $module, from $file"
	fi
	[ -e "$root/dev/vfio/vfio" ] || [ -e "$root/dev/iommu" ] ||
		say "devices cannot be opened: Linux $release has neither VFIO_CONTAINER with VFIO_IOMMU_TYPE1 nor IOMMUFD with VFIO_DEVICE_CDEV"

	echo "A device is made by writing a UUID to the file create of its type, as root:"
	echo
	for type in "$parent"/mdev_supported_types/*; do
		printf '  %-18s %-45s %4s more\n' "${type##*/}" "$(cat "$type/description")" \
			"$(cat "$type/available_instances")"
	done
	echo
	echo "  cat /proc/sys/kernel/random/uuid >${parent#"$root"}/mdev_supported_types/$module-full/create"
	echo
	echo "It is then /sys/bus/mdev/devices/UUID and a node in /dev/vfio; with 1 in its file"
	echo "remove it goes.  See Documentation/device.rst."
	list_devices
}

list_devices() {
	local uuid
	for uuid in $(devices); do
		echo "there is: $uuid $(basename "$(readlink "$parent/$uuid/mdev_type")") $(nodes "$uuid" | xargs)"
	done
}

unload() {
	local uuid all open said
	if ! loaded $module; then
		say "$module is not loaded"
		return
	fi
	[ "$(id -u)" -eq 0 ] || die "only root can unload modules" "sudo make unload"
	read -ra all <<<"$(devices | xargs)"
	if [ ${#all[@]} -gt 0 ]; then
		open=$(for uuid in "${all[@]}"; do nodes "$uuid"; done)
		# shellcheck disable=SC2086 # no blanks in there
		open=$(who_has $open)
		[ -z "$open" ] ||
			die "devices are in use, by process ${open% }" "end it, then call again"
		# They would go with the module, and what is in them.
		die "there are devices: ${all[*]}" \
			"remove them first: for d in $parent/*-*-*-*-*/remove; do echo 1 | sudo tee \$d; done"
	fi
	if loaded ${module}_kunit; then
		said=$(rmmod ${module}_kunit 2>&1) || die "its KUnit suites cannot be unloaded: $said"
	fi
	if ! said=$(rmmod $module 2>&1); then
		case $said in
		*"in use"* | *busy*)
			die "$module is in use by ${said##*in use by: }" \
				"end who has a device or a data fd of it open, then call again"
			;;
		*"not permitted"*)
			die "the kernel does not let it go (kernel.modules_disabled?)" "boot it anew"
			;;
		esac
		die "$module cannot be unloaded: $said" "the end of dmesg may tell more"
	fi
	say "unloaded: $module; vfio and mdev stay"
}

$verb
