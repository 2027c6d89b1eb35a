#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build a stand-in and, if it has one, the VFIO driver that it is for, as external modules against a
# prepared kernel: the bus, the IOMMU, the library, the stand-in, and the driver's own
# folder of the kernel's source, by its own Makefile.  See Documentation/standins.rst.
#
#   standins.sh NAME KDIR SOURCE OUTPUT [PATCH]
#
# PATCH: of the driver's folder, with paths as in the kernel's tree; applied to the copy.
# OUTPUT gets modules in the order in which they are loaded, a name a line, as "modules",
# and the driver's name as "driver".

. "$(dirname "$0")/lib.sh"

name=$1
kdir=$2
source=$3
out=$4
patch=${5-}
here=selftests/standins
description=$REPO/$here/$name/standin

# value KEY: of the description; a line for each
value() { sed -n "s/^$1 = //p" "$description"; }

module=$(value module)
folder=$(value source)
since=$(value since)
release=$(cat "$kdir/include/config/kernel.release")
if [ -n "$since" ] && ! printf '%s\n' "$since" "$release" | sort -CV; then
	die "Linux $release has no $module that can migrate: $folder has it since $since" \
		"choose a newer one: KERNEL=latest, or a tree of yours"
fi
# A driver that is not in the kernel's source says where it is.
from=$source/$folder
[ "${folder#/}" = "$folder" ] || from=$folder
[ -d "$from" ] || die "the source of Linux $release has no $folder"
parts=(bus lib "$name" ${folder:+driver})
mapfile -t sources < <(value kernel_sources)
mapfile -t config < <(value config | tr ' ' '\n')

kept=()
for file in "${sources[@]}"; do
	[ ! -e "$source/$file" ] || kept+=("$file")
done
key=$(hash_text "$(hash_files "$here"/{bus,lib,"$name"} "$here/compat.h")" "$name" "$kdir" "$release" "$(cat "$0")" \
	"$(cat "$patch" /dev/null 2>/dev/null)" "$(cd "$source" && cat ${folder:+"$from"/*} "${kept[@]}" </dev/null | sha256sum)" \
	"$(cat "$kdir/.mtty-mig-stamp" 2>/dev/null || stat -c %Y "$kdir/include/config/auto.conf")")
if stamped "$out" "$key"; then
	used "$out"
	exit 0
fi

say "building ${module:-cards in software}${module:+ and what stands in for its parent}, for Linux $release"
start=$(now)
[ "$(cat "$out/.built-for" 2>/dev/null)" = "$kdir $release" ] || rm -rf "$out"
build_on "$out"
echo "$kdir $release" >"$out/.built-for"

# Only what differs, and with a new time, as in modules.sh.
copy() {
	cmp -s "$1" "$2" && return
	mkdir -p "${2%/*}"
	cp --no-preserve=all "$1" "$2"
}
for part in bus lib "$name"; do
	for file in "$REPO/$here/$part"/*; do
		[ ! -f "$file" ] || copy "$file" "$out/$part/${file##*/}"
	done
done
copy "$REPO/$here/compat.h" "$out/compat.h"
for file in "${kept[@]}"; do
	copy "$source/$file" "$out/$name/kernel/${file##*/}"
done
if [ -n "$patch" ]; then
	rm -rf "$out/patched"
	mkdir -p "$out/patched/$folder"
	cp --no-preserve=all "$from"/* "$out/patched/$folder/"
	if ! patch -s -f -p1 -d "$out/patched" <"$patch" >"$out/patch.log" 2>&1; then
		quote <"$out/patch.log" >&2
		die "$patch does not apply to $folder of Linux $release"
	fi
	from=$out/patched/$folder
fi
if [ -n "$folder" ]; then
	for file in "$from"/*; do
		copy "$file" "$out/driver/${file##*/}"
	done
fi
printf 'obj-m += %s/\n' "${parts[@]}" >"$out/Kbuild"

# As if it were configured: for its Makefile, and for its sources.
words=()
cflags=
for option in "${config[@]}"; do
	words+=("CONFIG_$option=m")
	cflags+=" -DCONFIG_${option}_MODULE=1"
done
if grep -q '^CONFIG_UML=y' "$kdir/include/config/auto.conf"; then
	words+=(ARCH=um)
fi
build() {
	make -C "$kdir" M="$out" "${words[@]}" \
		KCFLAGS="-fmacro-prefix-map=$out/driver/=$folder/ -fmacro-prefix-map=$out/=$here/$cflags" \
		-j"$JOBS" modules
}
step "standin-$name" build

printf '%s\n' bus/swpci bus/swiommu lib/standin "$name/standin_$name" ${module:+"driver/$module"} \
	>"$out/modules"
value driver >"$out/driver-name"
stamp "$out" "$key"
say "built them in $(took "$start")"
