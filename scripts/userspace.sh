#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the selftests or the tools with the kernel's own headers.
#
#   userspace.sh selftests|tools SOURCE UAPI OUTPUT

. "$(dirname "$0")/lib.sh"

part=$1
source=$2
uapi=$3
out=$4

# They use the driver's headers and some of its code, and the tools what the
# selftests have in common.
key=$(hash_text "$(hash_files "$part" mtty-mig selftests \
	scripts/rules.py Documentation/rules.rst)" "$source" "$(source_key "$source")" "$uapi" \
	"$(gcc --version | head -n 1)" "$(cat "$0")")
if stamped "$out" "$key"; then
	used "$out"
	exit 0
fi

say "building the $part"
# Afresh: kselftest's makefiles do not know which headers a program includes.
rm -rf "$out"
mkdir -p "$out"
build() {
	make -C "$REPO/$part" -j"$JOBS" KSRC="$source" UAPI="$uapi/include" OUTPUT="$out"
}
step "$part" build
stamp "$out" "$key"
