#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make modules: build for any prepared kernel, into build/modules.
#
#   modules-here.sh KDIR

. "$(dirname "$0")/lib.sh"

kdir=$1
[ -d "$kdir" ] ||
	die "there is no kernel in '$kdir'" \
		"install the headers of the running kernel (on Debian: apt-get install linux-headers-\$(uname -r)), or name another kernel build: make modules KDIR=/path"
"$SCRIPTS/packages.sh" modules
make_cache
lock_cache
out=$REPO/build/modules
"$SCRIPTS/modules.sh" "$kdir" "$out"
cp "$out"/*/*.ko "$out/"
say "built: $(cd "$REPO" && echo build/modules/*.ko)"
