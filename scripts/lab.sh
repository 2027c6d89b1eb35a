#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the verbs do: set up whatever the verb needs, boot the guest, run the
# verb's job in it.  When everything is there already, no kernel makefile is
# entered at all.
#
#   lab.sh run|check|kunit|selftests|shell|update

. "$(dirname "$0")/lib.sh"

verb=$1
flavour=plain
case $verb in
run | shell | update)
	[ "${SAN:-0}" = 0 ] || flavour=sanitize
	;;
*)
	[ "${SAN:-1}" = 0 ] || flavour=sanitize
	;;
esac

check_choice
if [ "$verb" = check ]; then
	"$SCRIPTS/packages.sh" fuzz
else
	"$SCRIPTS/packages.sh"
fi
make_cache
lock_cache

if [ "$verb" = update ]; then
	source=$("$SCRIPTS/source.sh" update)
	say "in use: ${source##*/}"
	exit 0
fi

source=$("$SCRIPTS/source.sh")
kernel=$("$SCRIPTS/kernel.sh" "$flavour" "$source")

# What is built from the checkout has a place of its own for each checkout, so
# that each is built step by step from its own last state.
work=$CACHE/work/$(hash_text "$REPO")
modules=$work/modules-${kernel##*/}
"$SCRIPTS/modules.sh" "$kernel" "$modules"
"$SCRIPTS/preload.sh" "$work/preload"

uapi=$("$SCRIPTS/uapi.sh" "$source")
case $verb in
run) parts=(tools) ;;
check | selftests) parts=(selftests) ;;
kunit) parts=() ;;
shell) parts=(tools selftests) ;;
esac
for part in "${parts[@]}"; do
	"$SCRIPTS/userspace.sh" "$part" "$source" "$uapi" "$work/$part"
done
# What make check runs on the host, beside the guests
hosts=()
if [ "$verb" = check ]; then
	"$SCRIPTS/fuzz.sh" build "$uapi" "$work/fuzz"
	hosts+=(--host "fuzz=$SCRIPTS/fuzz.sh check $work/fuzz/stream_fuzz")
fi
echo "$REPO" >"$work/checkout"
touch "$work/.mtty-mig-stamp"
prune 3 "$work" 'modules-*'
prune 16 "$CACHE/work" '*'

# The guest gets copies: the next build may begin while it runs.
run=$(mktemp -d "$CACHE/run/XXXXXX")
trap 'rm -rf "$run"' EXIT
mkdir "$run/modules"
cp "$SCRIPTS/guest-init.sh" "$run/"
cp "$modules"/*/*.ko "$kernel"/drivers/vfio/mdev/mdev.ko "$run/modules/"
for part in "${parts[@]}"; do
	cp -r "$work/$part" "$run/$part"
done

tests=()
if [ "$verb" = check ] || [ "$verb" = selftests ]; then
	mapfile -t all < <(make -s --no-print-directory -C "$REPO/selftests" \
		KSRC="$source" UAPI="$uapi" OUTPUT="$work/selftests" list)
	for test in "${all[@]}"; do
		# shellcheck disable=SC2053 # TEST is a pattern
		if [ -z "${TEST-}" ] || [[ $test == $TEST || ${test##*/} == $TEST ]]; then
			tests+=("$test")
		fi
	done
	[ ${#tests[@]} -gt 0 ] ||
		die "no selftest is called '${TEST-}'; there are:" "${all[@]}"
fi
unlock_cache

# A run that was killed could not remove its directory.
find "$CACHE/run" -mindepth 1 -maxdepth 1 -mmin +1440 -exec rm -rf {} +
# Keep the logs of the last runs.
find "$CACHE/logs" -name '*-[0-9]*.*' -printf '%T@ %p\n' | sort -rn | tail -n +91 |
	cut -d' ' -f2- | xargs -r -d '\n' rm -f

memory=512
if [ "$flavour" = sanitize ]; then
	memory=1024
fi
# To follow each allocation takes nearly half of a sanitized run's time.
leaks=${LEAKS:-0}
append=${APPEND-}
if [ "$leaks" = 0 ]; then
	append="kmemleak=off $append"
fi
# UML 6.12 has one processor, so more guests are what uses more of the host's.
guests=$((JOBS < 4 ? JOBS : 4))
options=(
	--kernel "$kernel/linux" --preload "$work/preload/uml-xstate.so" --run "$run"
	--log "$CACHE/logs/$verb-$(date +%Y%m%d-%H%M%S)-$$"
	--memory "${MEM:-$memory}" --guests "${GUESTS:-$guests}"
	--timeout "${TIMEOUT:-600}" --silence "${SILENCE:-120}"
	--test-timeout "${TEST_TIMEOUT:-100}" "--args=${ARGS-}" "--append=$append" --leaks "$leaks"
)
case $verb in
run) options+=(run) ;;
shell) options+=(shell) ;;
kunit) options+=(--kunit check) ;;
selftests) options+=(check "${tests[@]}") ;;
check) options+=("${hosts[@]}" --kunit check "${tests[@]}") ;;
esac

case $verb in
run) say "booting Linux $(cat "$kernel/include/config/kernel.release") in User Mode Linux" ;;
shell) say "booting; tools/ and selftests/ are here, 'exit' ends the guest" ;;
esac

# In the background and waited for, so that a signal to this script alone
# reaches the guest, too; from the keyboard both get it.
"$SCRIPTS/guest.py" "${options[@]}" <&0 &
guest=$!
trap 'kill -TERM $guest 2>/dev/null' TERM HUP
trap : INT
status=0
while :; do
	status=0
	wait $guest || status=$?
	kill -0 $guest 2>/dev/null || break
done
exit $status
