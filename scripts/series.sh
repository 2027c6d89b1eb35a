#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make series: write the project as patches for a kernel tree.  Called without
# a tree, for the source of KERNEL=.
#
#   series.sh [TREE [OUT]]

. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/series_tree.sh"

out=${2:-$REPO/build/series}

"$SCRIPTS/packages.sh" git
if [ -z "${1-}" ]; then
	check_choice
	make_cache
fi
tree=$(given_tree "${1-}")
mkdir -p "$out" 2>/dev/null || die "cannot make the folder '$out' for the patches"
exec "$SCRIPTS/series.py" "$tree" "$(cd "$out" && pwd -P)"
