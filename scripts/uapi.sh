#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's headers for userspace, in the cache; prints the directory that
# holds include/.  Called with the cache locked.
#
#   uapi.sh SOURCE

. "$(dirname "$0")/lib.sh"

source=$1
key=$(hash_text "$source" "$(source_key "$source")")
out=$CACHE/src/uapi-$key

if ! stamped "$out" "$key"; then
	say "installing the kernel's headers for userspace"
	rm -rf "$CACHE/tmp/uapi"
	mkdir -p "$CACHE/tmp/uapi"
	step uapi make -s -C "$source" O="$CACHE/tmp/uapi" ARCH=x86 -j"$JOBS" headers
	rm -rf "$out"
	mv "$CACHE/tmp/uapi/usr" "$out"
	rm -rf "$CACHE/tmp/uapi"
	stamp "$out" "$key"
fi
used "$out"
prune 6 "$CACHE/src" 'uapi-*'
echo "$out"
