#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the selftests or the tools with the kernel's own headers.
#
#   userspace.sh selftests|tools SOURCE UAPI OUTPUT [PROGRAM...]
#
# PROGRAM: only these of the selftests.

. "$(dirname "$0")/lib.sh"

part=$1
source=$2
uapi=$3
out=$4
shift 4

# driver_files: what of the driver they are built of: its headers, and the sources of
# vfio-migctl.  An edit of anything else there builds nothing again.
driver_files() (
	cd "$REPO"
	printf '%s\n' mtty-mig/*.h
	sed -n 's/^MIGCTL_DRIVER := //p' tools/vfio-migctl/objects.mk | xargs printf 'mtty-mig/%s.c\n'
)

# vfio-migctl is in both: as a tool, and beside its tests.  The tools use what the selftests
# have in common.
mapfile -t driver < <(driver_files)
key=$(hash_text "$(hash_files tools selftests "${driver[@]}" \
	scripts/rules.py Documentation/rules.rst)" "$source" "$(source_key "$source")" "$uapi" \
	"$(gcc --version | head -n 1)" "$(cat "$0")")
if stamped "$out" "$key"; then
	used "$out"
	exit 0
fi

say "building the $part"
# What a program is built from is known by the dependency files, but for what
# comes from outside of the checkout and for how it is built.
recipe=$(hash_text "$(hash_files "$part/Makefile" selftests/Makefile \
	selftests/{*,*/*}/objects.mk tools/vfio-migctl/objects.mk)" \
	"$source" "$(source_key "$source")" "$uapi" "$(gcc --version | head -n 1)" "$(cat "$0")")
[ "$(cat "$out/.recipe" 2>/dev/null)" = "$recipe" ] || rm -rf "$out"
build_on "$out"
echo "$recipe" >"$out/.recipe"
# Inputs that the checkout no longer has must not stay.
rm -rf "$out/fuzz"
# All of them, without the PROGRAMs
targets=("${@/#/$out/}")
[ $# -eq 0 ] || targets+=(inputs)
build() {
	make -C "$REPO/$part" -j"$JOBS" KSRC="$source" UAPI="$uapi/include" OUTPUT="$out" "${targets[@]}"
}
step "$part" build
# What was not asked for may be old: that is no finished directory.
[ $# -gt 0 ] || stamp "$out" "$key"
