#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make modules: build for any prepared kernel, into build/modules.
#
#   modules-here.sh KDIR

. "$(dirname "$0")/lib.sh"

[ -d "$1" ] ||
	die "there is no kernel in '$1'" \
		"install the headers of the running kernel (on Debian: apt-get install linux-headers-\$(uname -r)), or name another kernel build: make modules KDIR=/path"
make_cache
out=$REPO/build/modules
"$SCRIPTS/modules.sh" "$1" "$out"
cp "$out"/*/*.ko "$out/"
say "built: $(cd "$REPO" && echo build/modules/*.ko)"
