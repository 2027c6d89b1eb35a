# SPDX-License-Identifier: GPL-2.0-only
"""KERNEL=debian: the kernel that a user of Debian has, image and headers, as if it had
been built in the cache.  Nothing is installed."""

from __future__ import annotations

import os
import re

from lab.apt import Apt
from lab.cache import Cache, in_use, link, remove, stamped
from lab.host import Broken, say

# Bump when what is done below changes the result.
RECIPE = 2
# Debian 12 has Linux 6.12 beside its own, and the second name is that of the one which a
# release has of its own.
METAPACKAGES = ('linux-image-6.12-amd64', 'linux-image-amd64')
# All in one place, where the links from one to the other package hold.
UNPACK = '''set -eo pipefail
new=$1 release=$2 version=$3 build=$4
mkdir -p "$new/modules"
for deb in "${@:5}"; do
	dpkg-deb --fsys-tarfile "$deb" |
		tar -x -C "$new" --exclude='*/drivers/gpu' --exclude='*/drivers/media' \\
			--exclude='*/drivers/net/*' --exclude='./usr/share'
done
cp -r "$new/usr/src/linux-headers-$release/." "$new/"
ln -sfn "usr/lib/linux-kbuild-$version/scripts" "$new/scripts"
ln -sfn "usr/lib/linux-kbuild-$version/tools" "$new/tools"
echo "include $build/usr/src/linux-headers-$version-common/Makefile" >"$new/Makefile"
mv "$new/boot/vmlinuz-$release" "$new/bzImage"
# It is there for BTF only, which takes pahole, and nobody needs it.
rm -f "$new/vmlinux"
# From Debian 13 on there is but /usr.
[ -d "$new/lib/modules" ] || ln -s usr/lib "$new/lib"
depmod -b "$new" "$release"

# modules NAME...: unpack them, and print the names of all that they depend on.
modules() {
	for name; do
		modprobe -d "$new" -S "$release" --show-depends "$name"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
		while read -r file; do
			name=${file##*/}
			name=${name%%.ko*}
			case $file in
			*.xz) xz -dc "$file" >"$new/modules/$name.ko" ;;
			*) cp "$file" "$new/modules/$name.ko" ;;
			esac
			echo "$name"
		done
}
# What a guest needs before it sees the host's files, and for the device; in the order in
# which it is to be loaded.
modules 9p 9pnet_virtio >"$new/initramfs.modules"
modules mdev vfio_iommu_type1 >"$new/device.modules"
rm -rf "${new:?}/lib" "${new:?}/boot" "${new:?}/usr/lib/modules"
'''


def find_image(apt: Apt) -> str:
    """The package that a metapackage depends on, if it is there; of an old list it may be
    gone."""
    for meta in METAPACKAGES:
        if apt.find(meta):
            found = re.search(r'linux-image-6\.12\.[^ ,]*', apt.field('Depends'))
            if found and apt.find(found[0]):
                return found[0]
    return ''


def stock(cache: Cache, update: bool = False) -> str:
    """The directory with the kernel."""
    current = f'{cache.path}/kernel/stock'
    there = '' if update else in_use(current, RECIPE)
    if there:
        return there
    cache.be_alone()
    apt = Apt(cache, 'debian')
    package = '' if update else find_image(apt)
    if not package:
        apt.update()
        package = find_image(apt)
    if not package:
        raise apt.lacks('linux-image of Linux 6.12')
    release = package.removeprefix('linux-image-')
    name = f'stock-x86_64-{release}'
    build = f'{cache.path}/kernel/{name}'
    if not stamped(build, f'{name} recipe {RECIPE}'):
        fetch(cache, apt, release, build)
    link(name, current)
    remove(f'{cache.path}/apt')
    return in_use(current, RECIPE)


def fetch(cache: Cache, apt: Apt, release: str, build: str) -> None:
    """The packages of a release, unpacked."""
    version = release.removesuffix('-amd64')
    cache.need_space(1000, "Debian's kernel")
    new = f'{cache.path}/tmp/stock'
    remove(new)
    remove(f'{cache.path}/tmp/deb')
    for package in (f'linux-image-{release}', f'linux-headers-{release}', f'linux-headers-{version}-common',
                    f'linux-kbuild-{version}'):
        apt.get(package)
    say(f"unpacking Debian's kernel {release}")
    cache.step('unpack-stock', 'bash', '-c', UNPACK, 'unpack', new, release, version, build, *apt.debs())
    for name in ('initramfs.modules', 'device.modules'):
        if not os.path.getsize(f'{new}/{name}'):
            raise Broken(f"Debian's kernel {release} has not the modules that the lab needs")
    remove(build)
    remove(f'{cache.path}/tmp/deb')
    os.rename(new, build)
    cache.stamp(build, f'{os.path.basename(build)} recipe {RECIPE}')
