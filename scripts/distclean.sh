#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make distclean: empty the cache.  Only what the lab itself puts there: CACHE=
# may point to a directory that holds other things.

. "$(dirname "$0")/lib.sh"

if [ -d "$CACHE" ]; then
	make_cache
	lock_cache
	say "removing the cache in $CACHE"
	rm -rf "$CACHE"/{src,kernel,vmm,work,run,logs,tmp,apt,roots,lock}
	rmdir "$CACHE" 2>/dev/null || true
fi
