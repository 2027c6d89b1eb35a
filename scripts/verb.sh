#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What make calls for each verb, and what can be called instead of make: it ends
# with the verb's own exit status, of which make makes 2.
#
#   scripts/verb.sh [-jN] VERB [NAME=VALUE]...
#
# It is verb.py, which needs python3.  A fresh machine may have none: then the lab
# asks for all that the verb needs.

scripts=$(dirname "$0")
if ! command -v python3 >/dev/null; then
	what=
	for word; do
		case $word in
		check) what=fuzz ;;
		esac
	done
	# shellcheck disable=SC2086 # nothing, or a word
	"$scripts/packages.sh" $what || exit 3
fi
# Without the user's settings of Python, and without what it takes long to look for
exec python3 -B -E -s -S "$scripts/verb.py" "$@"
