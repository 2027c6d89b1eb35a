#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make distclean: empty the cache.  Only what the lab itself puts there: CACHE=
# may point to a directory that holds other things.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/apt.sh"
. "$(dirname "$0")/root.sh"

if [ -d "$CACHE" ]; then
	make_cache
	flock -n 7 || die "another run uses the cache $CACHE" \
		"wait until it has ended, or end it, and call again"
	say "removing the cache in $CACHE"
	for each in "$CACHE"/roots/*/; do
		[ ! -d "$each" ] || root_remove "$each"
	done
	rm -rf "$CACHE"/{src,kernel,vmm,work,run,logs,tmp,apt,roots,lock,in-use}
	rmdir "$CACHE" 2>/dev/null || true
fi
