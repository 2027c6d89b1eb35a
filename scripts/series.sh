#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make series: write the project as patches for a kernel tree.  Called without
# a tree, for the source of KERNEL=.
#
#   series.sh [TREE [OUT]]

. "$(dirname "$0")/lib.sh"

tree=${1-}
out=${2:-$REPO/build/series}
# make does not expand it, nor does a shell that is not bash
case $tree in
\~/*) tree=$HOME/${tree#\~/} ;;
esac

"$SCRIPTS/packages.sh" git
if [ -z "$tree" ]; then
	check_choice
	make_cache
	lock_cache
	tree=$("$SCRIPTS/source.sh")
	unlock_cache
fi
[ -d "$tree" ] ||
	die "there is no kernel tree in '$tree'" \
		"name one: make series TREE=/path/to/linux OUT=/path/for/patches"
mkdir -p "$out" 2>/dev/null || die "cannot make the folder '$out' for the patches"
exec "$SCRIPTS/series.py" "$(cd "$tree" && pwd -P)" "$(cd "$out" && pwd -P)"
