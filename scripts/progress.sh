#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Pass a kernel build's output on, and tell the user how far it is: on one
# line that is written over if descriptor 3 is a terminal, else now and then.
#
#   progress.sh EXPECTED_LINES

tty=0
if [ -t 3 ]; then
	tty=1
fi
awk -v total="$1" -v tty="$tty" '
	{ print }
	/^  [A-Z]+ +/ {
		percent = int(++n * 100 / total)
		if (percent > 99)
			percent = 99
		if (tty && percent != last)
			printf "\rlab: %2d%%", percent | "cat >&3"
		else if (!tty && percent >= last + 25)
			printf "lab: %d%%\n", percent | "cat >&3"
		else
			next
		fflush("cat >&3")
		last = percent
	}
	END { if (tty && n) printf "\r          \r" | "cat >&3" }
'
