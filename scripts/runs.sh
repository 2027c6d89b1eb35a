#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make check without KERNEL=, and make check-all: see runs.py.
#
#   runs.sh check|all

. "$(dirname "$0")/lib.sh"

"$SCRIPTS/packages.sh"
make_cache
exec "$SCRIPTS/runs.py" --logs "$CACHE/logs" --only "${ONLY-}" "$1"
