# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the verbs share of their way to a guest: packages, source, kernel,
# modules, programs, and the call of guest.py.  Sourced by bash, after lib.sh.

# Set here for the verb's script:
#   source, kernel	the kernel's source and build directory
#   uapi		where its headers for userspace are
#   work		what is built from this checkout
#   modules		where its modules are
#   run		the guest's directory, removed at exit

# setup_kernel FLAVOUR [PACKAGES]: all that does not depend on the checkout.
# Locks the cache; unlock_cache when no more is built.
setup_kernel() {
	flavour=$1
	check_choice
	"$SCRIPTS/packages.sh" "${@:2}"
	make_cache
	lock_cache
	source=$("$SCRIPTS/source.sh")
	kernel=$("$SCRIPTS/kernel.sh" "$flavour" "$source")
	uapi=$("$SCRIPTS/uapi.sh" "$source")

	# What is built from the checkout has a place of its own for each
	# checkout, so that each is built step by step from its own last state.
	work=$CACHE/work/$(hash_text "$REPO")
	modules=$work/modules-${kernel##*/}
	mkdir -p "$work"
}

# setup_modules: the driver and its KUnit suites.
setup_modules() { "$SCRIPTS/modules.sh" "$kernel" "$modules"; }

# setup_programs PART...: tools or selftests.
setup_programs() {
	local part
	for part; do
		"$SCRIPTS/userspace.sh" "$part" "$source" "$uapi" "$work/$part"
	done
	echo "$REPO" >"$work/checkout"
	touch "$work/.mtty-mig-stamp"
	prune 4 "$work" 'modules-*'
	prune 16 "$CACHE/work" '*'
}

# setup_run MODULE... -- PART...: the guest gets copies, for the next build
# may begin while it runs.
setup_run() {
	"$SCRIPTS/preload.sh" "$work/preload"
	run=$(mktemp -d "$CACHE/run/XXXXXX")
	trap 'rm -rf "$run"' EXIT
	mkdir "$run/modules"
	cp "$SCRIPTS/guest-init.sh" "$run/"
	while [ "$1" != -- ]; do
		cp "$1" "$run/modules/"
		shift
	done
	shift
	for part; do
		cp -r "$work/$part" "$run/$part"
	done
	# A run that was killed could not remove its directory.
	find "$CACHE/run" -mindepth 1 -maxdepth 1 -mmin +1440 -exec rm -rf {} +
	# Keep the logs of the last runs.
	find "$CACHE/logs" -name '*-[0-9]*.*' -printf '%T@ %p\n' | sort -rn | tail -n +91 |
		cut -d' ' -f2- | xargs -r -d '\n' rm -f
}

# all_selftests: the names of the test programs.
all_selftests() {
	make -s --no-print-directory -C "$REPO/selftests" \
		KSRC="$source" UAPI="$uapi" OUTPUT="$work/selftests" list
}

# wanted_tests NAME PROGRAM...: those that TEST= asks for, in the array of that
# name; all of them without it.
wanted_tests() {
	local -n wanted_=$1
	local program
	shift
	wanted_=()
	for program; do
		# shellcheck disable=SC2053 # TEST is a pattern
		if [ -z "${TEST-}" ] || [[ $program == $TEST || ${program##*/} == $TEST ]]; then
			wanted_+=("$program")
		fi
	done
	[ ${#wanted_[@]} -gt 0 ] || die "no test is called '${TEST-}'; there are:" "$@"
}

# selftest_units PROGRAM...: what the guests run.  A generic program runs for
# each of our types; over every way in for the one that can do all.
selftest_units() {
	local program type
	for program; do
		case $program in
		generic/*)
			echo "$program@mtty_mig-full"
			for type in none base p2p precopy; do
				echo "$program@mtty_mig-$type@-v@cdev"
			done
			;;
		*) echo "$program" ;;
		esac
	done
}

# guest_options NAME: how guest.py is called, in the array of that name.
# LEAKS: to follow each allocation takes nearly half of a sanitized run's time.
guest_options() {
	local -n options_=$1
	local memory=512 leaks=${LEAKS:-0} append=${APPEND-}
	# UML 6.12 has one processor, so more guests use more of the host's.
	local guests=$((JOBS < 4 ? JOBS : 4))

	[ "$flavour" = plain ] || memory=1024
	[ "$leaks" != 0 ] || append="kmemleak=off $append"
	# shellcheck disable=SC2034 # it is the caller's
	options_=(
		--kernel "$kernel/linux" --preload "$work/preload/uml-xstate.so" --run "$run"
		--log "$CACHE/logs/$verb-$(date +%Y%m%d-%H%M%S)-$$"
		--memory "${MEM:-$memory}" --guests "${GUESTS:-$guests}"
		--timeout "${TIMEOUT:-600}" --silence "${SILENCE:-120}"
		--test-timeout "${TEST_TIMEOUT:-100}" "--args=${ARGS-}" "--append=$append"
		--leaks "$leaks"
	)
}

# wait_for COMMAND...: in the background and waited for, so that a signal to
# this script alone reaches it, too; from the keyboard both get it.
wait_for() {
	local child status
	"$@" <&0 &
	child=$!
	# shellcheck disable=SC2064 # now
	trap "kill -TERM $child 2>/dev/null" TERM HUP
	trap : INT
	while :; do
		status=0
		wait $child || status=$?
		kill -0 $child 2>/dev/null || break
	done
	return $status
}
