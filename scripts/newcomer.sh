#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make newcomer: the two commands of README.md as somebody meets them who has
# a fresh Debian with git and make, a clone, no cache, and is not root.  When
# the lab asks for packages, root installs exactly those and the command is
# called again.
#
#   newcomer.sh
#
# SUITES='bookworm trixie'	which Debian
# VERBS='run check'		which commands
# KERNEL, ENGINE, TEST		are theirs

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/root.sh"

read -ra suites <<<"${SUITES:-bookworm trixie}"
read -ra verbs <<<"${VERBS:-run check}"

# try_verb ROOT VERB: install what it asks for as often as it asks for more.
try_verb() {
	local root=$1 verb=$2 start status asked before=
	while :; do
		start=$(now)
		status=0
		say "$suite: make $verb"
		# shellcheck disable=SC2016 # for that shell
		as_user "$root" sh -c 'cd mtty-mig && make "$@"' sh "$verb" "${words[@]}" 2>&1 |
			tee "$log.now" | sed -un 's/^lab: /     | &/p' >&2 || status=${PIPESTATUS[0]}
		cat "$log.now" >>"$log"
		asked=$(sed -n 's/^ *sudo apt-get //p' "$log.now")
		if [ "$status" -eq 0 ] || [ -z "$asked" ] || [ "$asked" = "$before" ]; then
			break
		fi
		before=$asked
		while read -ra wanted; do
			say "$suite: as root: apt-get ${wanted[*]}"
			in_root "$root" apt-get -q "${wanted[@]}" >>"$log" 2>&1 ||
				no_root "$suite" "$log" "$suite: what the lab asks for cannot be done: apt-get ${wanted[*]}"
		done <<<"$asked"
	done
	# Of the last call, without the installation of packages.
	seconds=$(($(now) - start))
	last=$(tail -n 1 "$log.now")
	[ "$status" -eq 0 ] || tail -n 20 "$log.now" | quote >&2
	return "$status"
}

inside() {
	local root=$1 verb status=0
	suite=$2
	log=$3
	words=("${@:5}")
	say "$suite: a fresh root"
	root_make "$suite" "$root" git,make >>"$log" 2>&1 ||
		no_root "$suite" "$log" "mmdebstrap could not make a root of $suite"
	# The answer of a person who reads; without what is only recommended,
	# because the line has to be complete.
	printf 'APT::Get::Assume-Yes "true";\nAPT::Install-Recommends "false";\n' \
		>"$root/etc/apt/apt.conf.d/newcomer"
	root_mounts "$root"
	add_user "$root"
	# A bundle, because git refuses a repository that somebody else owns.
	cp "$4" "$root/home/newcomer/bundle"
	as_user "$root" git clone -q bundle mtty-mig >>"$log" 2>&1
	for verb in "${verbs[@]}"; do
		if try_verb "$root" "$verb"; then
			echo "$suite|make $verb|ok|$seconds|$last" >>"$log.rows"
		else
			echo "$suite|make $verb|FAILED|$seconds|$last" >>"$log.rows"
			status=1
			break
		fi
	done
	if [ -d "$root/home/newcomer/.cache" ]; then
		say "$suite: the cache has $(du -sm "$root/home/newcomer/.cache" | cut -f1) MB"
	fi
	if [ $status -ne 0 ]; then
		rm -rf "$log.lab"
		cp -r "$root/home/newcomer/.cache/mtty-mig/logs" "$log.lab" 2>/dev/null &&
			say "$suite: the lab's own logs: $log.lab" || true
	fi
	exit "$status"
}

if [ "${1-}" = inside ]; then
	inside "${@:2}"
fi

check_namespace
need_space 6000 "a fresh Debian with a cache of its own"
[ -z "$(git -C "$REPO" status --porcelain)" ] ||
	say "what is not committed is not in the clone"

words=()
[ -z "${KERNEL-}" ] || words+=("KERNEL=$KERNEL")
[ -z "${ENGINE-}" ] || words+=("ENGINE=$ENGINE")
[ -z "${TEST-}" ] || words+=("TEST=$TEST")
rows=$CACHE/logs/newcomer-$(date +%Y%m%d-%H%M%S)-$$
root=
trap 'rm -rf "$rows.bundle"; [ -z "$root" ] || root_remove "$root"' EXIT
git -C "$REPO" bundle create -q "$rows.bundle" HEAD
status=0
for suite in "${suites[@]}"; do
	root=$(new_root_dir)
	log=$rows-$suite.log
	: >"$log"
	one=0
	inside_namespace "$0" inside "$root" "$suite" "$log" "$rows.bundle" "${words[@]}" || one=$?
	# What a command showed counts more than that there was no root for another one.
	[ $one -eq 0 ] || [ $status -eq 1 ] || status=$one
	[ -e "$log.rows" ] || echo "$suite|root|FAILED|0|see $log" >"$log.rows"
	cat "$log.rows" >>"$rows.rows"
	rm -f "$log.rows" "$log.now"
	root_remove "$root"
	root=
	say "$suite: log: $log"
	# Somebody wants it to end.
	[ $one -lt 128 ] || exit $one
done
awk -F'|' 'BEGIN { printf "\n%-10s %-12s %-7s %7s  %s\n", "suite", "command", "result", "seconds", "last line" }
	{ printf "%-10s %-12s %-7s %7d  %s\n", $1, $2, $3, $4, $5 }' "$rows.rows"
rm -f "$rows.rows"
exit $status
