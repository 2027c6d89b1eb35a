#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Get the kernel's source, into the cache if it is Debian's, and print the
# directory's name.  Called with the cache locked.
#
#   KERNEL=lts	linux-source-6.12 of Debian 12 and 13
#   KERNEL=latest	the newest linux-source in Debian 13's backports
#   KERNEL=debian	as lts: its tests need headers and kselftest's makefiles
#   KERNEL=/path	a tree of the user's, which is never written to
#
# What was fetched once stays in use until `make update` asks for a newer one.
#
#   source.sh [update]

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/apt.sh"

# Bump when the list below changes: the unpacked tree is then made anew.
layout=2
# Two thirds of the tree are drivers' code that no kernel of ours builds.  The
# Kconfig and Makefile files stay, for they include each other.  So does what
# selftests/standins (xe) and the kernel's own VFIO selftests (igb) are built with.
skip=(
	--exclude='*/Documentation/*/*'
	--exclude='*/drivers/gpu/[!d]*.[chS]'
	--exclude='*/drivers/gpu/drm/[!x]*.[chS]'
	--exclude='*/drivers/accel/*.[ch]'
	--exclude='*/drivers/media/*.[ch]'
	--exclude='*/drivers/infiniband/*.[ch]'
	--exclude='*/drivers/scsi/*.[ch]'
	--exclude='*/drivers/staging/*.[ch]'
	--exclude='*/drivers/net/ethernet/[!i]*.[ch]'
	--exclude='*/drivers/net/ethernet/i[!n]*.[ch]'
	--exclude='*/drivers/net/ethernet/intel/*.c'
	--exclude='*/drivers/net/ethernet/intel/i[!g]*.h'
	--exclude='*/drivers/net/ethernet/intel/[!i]*.h'
	--exclude='*/drivers/net/wireless/*.[ch]'
	--exclude='*/sound/*.[ch]'
	--exclude='*/arch/arm/boot/dts/*'
	--exclude='*/arch/arm64/boot/dts/*'
	--exclude='*/tools/perf/*'
)

# A tree that is built in, or was, is no source that kbuild takes for a build
# elsewhere.  Then what git knows of it is linked to from a place in the cache.
tree_source() {
	local tree links unclean version
	tree=$(cd "$KERNEL" && pwd -P)
	version=$(awk '/^(VERSION|PATCHLEVEL) =/ { v = v * 1000 + $3 } END { print v }' "$tree/Makefile")
	[ "$version" -ge 6002 ] ||
		die "the tree $tree is too old: VFIO migration has no PRE_COPY before 6.2" \
			"the driver needs Linux 6.12 or newer"
	[ "$version" -ge 6012 ] ||
		die "the tree $tree is too old: the driver needs Linux 6.12 or newer"
	unclean=
	for path in .config include/config arch/um/include/generated arch/x86/include/generated; do
		[ ! -e "$tree/$path" ] || unclean=$path
	done
	if [ -z "$unclean" ]; then
		echo "$tree"
		return
	fi
	git -C "$tree" rev-parse --git-dir >/dev/null 2>&1 ||
		die "the tree $tree is configured or built ($unclean), and kbuild wants a clean one" \
			"'make mrproper' there, or name another tree"
	links=$CACHE/src/tree-$(hash_text "$tree")
	git -C "$tree" ls-files -z --cached --others --exclude-standard |
		"$SCRIPTS/links.py" "$tree" "$links"
	[ -e "$links/Makefile" ] ||
		die "the tree $tree is configured or built ($unclean), and its git does not know its files" \
			"'make mrproper' there, or name another tree"
	echo "$links"
}

case $KERNEL in
*/*)
	tree_source
	exit 0
	;;
debian) KERNEL=lts ;;
esac
current=$CACHE/src/$KERNEL

if [ "${1-}" != update ] && [ -L "$current" ]; then
	dir=$(readlink "$current")
	if stamped "$CACHE/src/$dir" "$dir layout $layout"; then
		echo "$CACHE/src/$dir"
		exit 0
	fi
fi

case $KERNEL in
lts)
	package=linux-source-6.12
	apt_begin
	if [ "${1-}" = update ] || ! apt_find $package; then
		apt_update
	fi
	apt_find $package || apt_lacks $package
	;;
latest)
	apt_begin trixie-backports
	apt_update
	package=$(apt_names 'linux-source-[0-9.]+' | tail -n 1)
	[ -n "$package" ] && apt_find "$package" || apt_lacks linux-source
	;;
esac

where() { dir=$package-$(apt_field Version | tr -c 'A-Za-z0-9.+\n' -); }

where
if ! stamped "$CACHE/src/$dir" "$dir layout $layout"; then
	need_space 1000 "the kernel's source"
	start=$(now)
	apt_get "$package"
	where
	say "unpacking it (downloaded in $(took "$start"))"
	new=$CACHE/tmp/src
	rm -rf "$new"
	mkdir -p "$new"
	unpack() {
		dpkg-deb --fsys-tarfile "$CACHE"/tmp/deb/*.deb |
			tar -xO "./usr/src/$package.tar.xz" |
			xz -dc -T0 |
			tar -x -C "$new" --strip-components=1 "${skip[@]}"
	}
	step unpack unpack
	[ -f "$new/Makefile" ] && [ -f "$new/arch/um/Makefile" ] ||
		die "$package does not hold a kernel source as expected"
	rm -rf "$CACHE/src/$dir" "$CACHE/tmp/deb"
	mv "$new" "$CACHE/src/$dir"
	stamp "$CACHE/src/$dir" "$dir layout $layout"
fi
ln -sfn "$dir" "$current"
# Those in use, and what was in use before them
for each in "$CACHE"/src/{lts,latest}; do
	[ ! -e "$each" ] || used "$each"
done
prune 4 "$CACHE/src" 'linux-source-*'
rm -rf "$CACHE/apt"
echo "$CACHE/src/$dir"
