#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the guest's kernel in the cache and print its build directory.
# Called with the cache locked.
#
#   kernel.sh plain|sanitize|coverage SOURCE

. "$(dirname "$0")/lib.sh"

flavour=$1
source=$2
fragments=("$SCRIPTS/config/uml")
objects=650
case $flavour in
sanitize)
	fragments+=("$SCRIPTS/config/sanitize")
	objects=690
	;;
coverage)
	fragments+=("$SCRIPTS/config/coverage")
	objects=655
	;;
esac

# Bump when what is done below changes the result.
recipe=1
# Everything that the result depends on, and the place: a build directory
# knows its own path and the source's.
key=$(hash_text "$recipe" "$source" "$(cat "$source/.mtty-mig-stamp")" \
	"$(cat "${fragments[@]}")" "$(gcc --version | head -n 1)" "$(ld --version | head -n 1)")
build=$CACHE/kernel/$flavour-$key

if stamped "$build" "$key"; then
	used "$build"
	echo "$build"
	exit 0
fi

need_space 500 "building the $flavour kernel"
say "building the $flavour kernel (once; some minutes)"
start=$(now)

# A build that was interrupted goes on where it was: kbuild removes or redoes
# what was half written.  A machine that went down in between may have lost
# what was written, so then it starts again.
boot=$(cat /proc/sys/kernel/random/boot_id)
if [ "$(cat "$build/.boot" 2>/dev/null)" != "$boot" ]; then
	rm -rf "$build"
	mkdir -p "$build"
	echo "$boot" >"$build/.boot"
fi

cat "${fragments[@]}" >"$build/fragment"
kmake() { make -C "$source" O="$build" ARCH=um "$@"; }
step "config-$flavour" kmake -s KCONFIG_ALLCONFIG="$build/fragment" allnoconfig

wrong=
while IFS= read -r line; do
	grep -qxF -- "$line" "$build/.config" || wrong+=" ${line%%=*}"
done < <(grep '^CONFIG_' "$build/fragment")
[ -z "$wrong" ] ||
	die "this kernel's configuration does not take:$wrong" \
		"a symbol was renamed, or one that it depends on is off; see scripts/config/ and $build/.config"

build_all() {
	kmake -j"$JOBS" linux modules 2>&1 |
		"$SCRIPTS/progress.sh" "$objects"
}
step "kernel-$flavour" build_all
[ -x "$build/linux" ] || die "the kernel's build left no kernel in $build"
# Nothing links against these any more.
find "$build" -name '*.o' ! -path "$build/scripts/*" ! -path "$build/arch/*" -delete
find "$build" -name '*.a' -delete

stamp "$build" "$key"
prune 4 "$CACHE/kernel" '*-*'
say "built the $flavour kernel in $(took "$start")"
echo "$build"
