#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the guest's kernel in the cache and print its build directory: for
# ENGINE=uml with the kernel "linux" in it, for ENGINE=qemu with "bzImage".
# Called with the cache locked.
#
#   kernel.sh plain|sanitize|kcsan|coverage SOURCE

. "$(dirname "$0")/lib.sh"

flavour=$1
source=$2

if [ "$KERNEL" = debian ]; then
	exec "$SCRIPTS/stock.sh"
fi

mapfile -t fragments < <(kernel_fragments "$ENGINE" "$source" "$flavour")
case $ENGINE in
uml)
	arch=um
	image=linux
	objects=690
	;;
qemu)
	arch=x86_64
	image=bzImage
	objects=1300
	;;
esac
# Bump when what is done below changes the result.
recipe=2
# Everything that the result depends on, and the place: a build directory
# knows its own path and the source's.  What make finds in a user's tree is
# make's to judge, at each call.  How much of a package is unpacked is no matter:
# what is left out no kernel of ours is built of.
stamp=$(cat "$source/.mtty-mig-stamp" 2>/dev/null || true)
key=$(hash_text "$recipe" "$arch" "$source" "${stamp%% layout *}" \
	"$(cat "${fragments[@]}")" "$(gcc --version | head -n 1)" "$(ld --version | head -n 1)")
build=$CACHE/kernel/$flavour-$arch-$key
tree=
[ -e "$source/.mtty-mig-stamp" ] || tree=1

if [ -z "$tree" ] && stamped "$build" "$key"; then
	used "$build"
	echo "$build"
	exit 0
fi

version=$(make -s -C "$source" kernelversion)
if [ -z "$tree" ] || ! [ -e "$build/$image" ]; then
	need_space 700 "building the $flavour kernel"
	say "building Linux $version, $arch, $flavour (once; some minutes)"
fi
start=$(now)
build_on "$build"
cat "${fragments[@]}" | sed '/^CONFIG_/s/ | /\n/g' >"$build/fragment"
kmake() { make -C "$source" O="$build" ARCH="$arch" "$@"; }
step "config-$flavour-$arch" kmake -s KCONFIG_ALLCONFIG="$build/fragment" allnoconfig

wrong=
while IFS= read -r line; do
	grep -qxF -- "${line// | /$'\n'}" "$build/.config" || wrong+=" ${line%%=*}"
done < <(cat "${fragments[@]}" | grep '^CONFIG_')
[ -z "$wrong" ] ||
	die "the configuration of Linux $version does not take:$wrong" \
		"a symbol was renamed, or one that it depends on is off; see scripts/config/ and $build/.config"

build_all() {
	kmake -j"$JOBS" "$image" modules 2>&1 |
		"$SCRIPTS/progress.sh" "$objects"
}
step "kernel-$flavour-$arch" build_all
[ "$image" = linux ] || ln -sf "arch/x86/boot/bzImage" "$build/bzImage"
[ -e "$build/$image" ] || die "the kernel's build left no kernel in $build"
if [ -z "$tree" ]; then
	# Nothing links against these any more.
	find "$build" -name '*.o' ! -path "$build/scripts/*" ! -path "$build/arch/*" -delete
	find "$build" -name '*.a' -delete
	stamp "$build" "$key"
else
	# For whoever builds modules: did it change?
	stamp "$build" "$(hash_text "$key" "$(cat "$build/Module.symvers" "$build/$image" | sha256sum)")"
fi
prune 12 "$CACHE/kernel" '*-*'
[ "$(($(now) - start))" -lt 20 ] ||
	say "built Linux $version, $arch, $flavour, in $(took "$start")"
echo "$build"
