#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the library that is preloaded into the UML process.
#
#   preload.sh OUTPUT

. "$(dirname "$0")/lib.sh"

out=$1
key=$(hash_text "$(cat "$SCRIPTS/uml-xstate.c")" "$(gcc --version | head -n 1)")
if ! stamped "$out" "$key"; then
	mkdir -p "$out"
	step preload gcc -O2 -Wall -shared -fPIC -o "$out/uml-xstate.so" \
		"$SCRIPTS/uml-xstate.c" -ldl
	stamp "$out" "$key"
fi
