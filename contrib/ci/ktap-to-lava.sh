#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tell LAVA of the results in KTAP: a call of lava-test-case for each of the outermost
# level.  See Documentation/ci.rst.
#
#   ktap-to-lava.sh FILE

set -eu

# tell NAME RESULT: without the kernel's runner's "selftests: ", with letters that LAVA takes
tell() {
	lava-test-case "$(printf '%s\n' "$1" |
		sed 's/^selftests: //; s/: /./g; s/[^A-Za-z0-9_.+-]/_/g')" --result "$2" </dev/null
}

planned=0 found=0
while IFS= read -r line; do
	case $line in
	1..*)
		planned=${line#1..}
		planned=${planned%% *}
		continue
		;;
	'not ok '*) result=fail ;;
	'ok '*'# SKIP'*) result=skip ;;
	'ok '*) result=pass ;;
	*) continue ;;
	esac
	found=$((found + 1))
	name=${line#not }
	name=${name#ok }
	name=${name#* }
	name=${name#- }
	tell "${name%% # *}" "$result"
done <"$1"

# Who was killed has told nothing of the rest.
[ "$found" -ge "$planned" ] || tell "$((planned - found)) of $planned without a result" fail
[ "$planned" -gt 0 ] || tell "no plan" fail
