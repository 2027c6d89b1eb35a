#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# KERNEL=debian: the kernel that a user of Debian has, image and headers, as if
# it had been built in the cache; prints that directory.  Nothing is installed.
# Called with the cache locked.
#
#   stock.sh [update]

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/apt.sh"

# Bump when what is done below changes the result.
recipe=2
current=$CACHE/kernel/stock

if [ "${1-}" != update ] && in_use "$current" $recipe; then
	exit 0
fi

# find_image: the package that a metapackage depends on, if it is there; of an old
# list it may be gone.  Debian 12 has Linux 6.12 beside its own, and the second name
# is that of the one which a release has of its own.
find_image() {
	local meta
	for meta in linux-image-6.12-amd64 linux-image-amd64; do
		apt_find $meta || continue
		package=$(apt_field Depends | grep -o -m 1 'linux-image-6\.12\.[^ ,]*') || continue
		! apt_find "$package" || return 0
	done
	return 1
}

# shellcheck disable=SC2119 # of the machine's own sources
apt_begin
if [ "${1-}" = update ] || ! find_image; then
	apt_update
	find_image || apt_lacks "linux-image of Linux 6.12"
fi
release=${package#linux-image-}
version=${release%-amd64}
build=$CACHE/kernel/stock-x86_64-$release
if stamped "$build" "${build##*/} recipe $recipe"; then
	ln -sfn "${build##*/}" "$current"
	rm -rf "$CACHE/apt"
	in_use "$current" $recipe
	exit 0
fi
need_space 1000 "Debian's kernel"
rm -rf "$CACHE/tmp/deb" "$CACHE/tmp/stock"
for each in "$package" "linux-headers-$release" "linux-headers-$version-common" "linux-kbuild-$version"; do
	apt_get "$each"
done

say "unpacking Debian's kernel $release"
new=$CACHE/tmp/stock
# All in one place, where the links from one to the other package hold.
#
# No command's failure ends it, because step asks how it ended.
unpack() {
	local deb
	mkdir -p "$new" || return
	for deb in "$CACHE"/tmp/deb/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" |
			tar -x -C "$new" --exclude='*/drivers/gpu' --exclude='*/drivers/media' \
				--exclude='*/drivers/net/*' --exclude='./usr/share' || return
	done
	cp -r "$new/usr/src/linux-headers-$release/." "$new/" &&
		ln -sfn "usr/lib/linux-kbuild-$version/scripts" "$new/scripts" &&
		ln -sfn "usr/lib/linux-kbuild-$version/tools" "$new/tools" &&
		echo "include $build/usr/src/linux-headers-$version-common/Makefile" >"$new/Makefile" &&
		mv "$new/boot/vmlinuz-$release" "$new/bzImage" || return
	# It is there for BTF only, which takes pahole, and nobody needs it.
	rm -f "$new/vmlinux"
	# From Debian 13 on there is but /usr.
	[ -d "$new/lib/modules" ] || ln -s usr/lib "$new/lib" || return

	# What a guest needs before it sees the host's files, and for the
	# device; in the order in which it is to be loaded.
	depmod -b "$new" "$release" &&
		modules 9p 9pnet_virtio >"$new/initramfs.modules" &&
		modules mdev vfio_iommu_type1 >"$new/device.modules" || return
	rm -rf "${new:?}/lib" "${new:?}/boot" "${new:?}/usr/lib/modules"
}
# modules NAME...: unpack them, and print the names of all that they depend on.
modules() {
	local file name
	mkdir -p "$new/modules" || return
	for name; do
		modprobe -d "$new" -S "$release" --show-depends "$name" || return
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
		while read -r file; do
			name=${file##*/}
			name=${name%%.ko*}
			case $file in
			*.xz) xz -dc "$file" >"$new/modules/$name.ko" ;;
			*) cp "$file" "$new/modules/$name.ko" ;;
			esac || return
			echo "$name"
		done
}
step unpack-stock unpack
[ -s "$new/initramfs.modules" ] && [ -s "$new/device.modules" ] ||
	die "Debian's kernel $release has not the modules that the lab needs"
rm -rf "$build" "$CACHE/tmp/deb" "$CACHE/apt"
mv "$new" "$build"
stamp "$build" "${build##*/} recipe $recipe"
ln -sfn "${build##*/}" "$current"
echo "$build"
