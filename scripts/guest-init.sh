#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's first and only service: mount what programs expect, load the
# modules, do the one job that the host asked for, tell how it ended.
#
# Three ways lead out:
#  - stdout, which is the console: goes into the kernel's log;
#  - $OUT, a terminal: what the job prints, untouched by the kernel's messages;
#  - marks, "@TOKEN WORD...", on both, so that the host knows in both what
#    came before and what after.  The host ends the guest at the mark "done".
#
# LAB is this run's directory on the host, TOKEN is this guest's, as OUT is: the
# kernel puts them from its command line into our environment.  The file "job" in LAB sets
# JOB and what the job needs.

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C HOME=/tmp TMPDIR=/tmp

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
# devtmpfs has no links; run_kselftest.sh hands what a test says to /dev/stdout.
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
mkdir -p /dev/shm /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t devpts devpts /dev/pts
# A mount of its own: the host's directory may lie below what is hidden by /tmp
# and /run.
mount -t tmpfs tmpfs /run
mkdir /run/lab
if grep -q hostfs /proc/filesystems; then
	# All of the host first, because how hostfs is told of a part of it
	# depends on the version of mount.
	mkdir /run/host
	mount -t hostfs hostfs /run/host
	mount --bind "/run/host$LAB" /run/lab
	umount /run/host
else
	mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=mmap lab /run/lab
fi
cd /run/lab || exit 1
mount -t tmpfs tmpfs /tmp

. ./job
# By default the kernel tells of a task that is stuck only after the host has given
# the guest up (SILENCE=).
if [ "$HUNG" != 0 ] && [ -w /proc/sys/kernel/hung_task_timeout_secs ]; then
	echo "$HUNG" >/proc/sys/kernel/hung_task_timeout_secs
	echo 10 >/proc/sys/kernel/hung_task_check_interval_secs
fi
export TERM COLUMNS LINES SEED STEPS MINUTES CALLS
[ -z "$NO_COLOR" ] || export NO_COLOR

# Kept open: a terminal that nobody has open loses its settings and its input.
exec 3<>"$OUT"
if [ "$JOB" = shell ]; then
	stty -F "$OUT" sane rows "$LINES" cols "$COLUMNS"
	[ "$LIVE" = 1 ] || stty -F "$OUT" -echo -onlcr
else
	stty -F "$OUT" raw -echo rows "$LINES" cols "$COLUMNS"
fi

mark() {
	# /dev/kmsg refuses what is longer than a line of the log.
	printf '<6>@%s %.900s\n' "$TOKEN" "$*" >/dev/kmsg
	echo "@$TOKEN $*" >"$OUT"
}

finish() {
	mark "done $1"
	# The host ends us here.  If it does not, its watchdog will.
	while :; do sleep 60; done
}

load() {
	if ! insmod "modules/$1.ko"; then
		mark "broken the module $1 did not load"
		finish 1
	fi
}

unload() {
	rmmod "$1" || mark "broken the module $1 cannot be unloaded after the tests"
}

# The functions of the bus in software that have no driver, which are VFs as a rule, go
# to the driver that is looked at, and tests find them by their addresses, and may remove
# them: nobody misses them.
bind_functions() {
	export VFIO_TEST_REMOVE=1
	number=
	for vf in /sys/bus/pci/devices/0000:80:*; do
		[ ! -e "$vf/driver" ] || continue
		echo "$1" >"$vf/driver_override"
		echo "${vf##*/}" >/sys/bus/pci/drivers_probe
		if [ ! -e "$vf/driver" ]; then
			mark broken "the driver $1 did not take ${vf##*/}"
			finish 1
		fi
		export "VFIO_TEST_DEVICE$number=${vf##*/}"
		case $number in
		'') number=_2 ;;
		_*) number=_$((${number#_} + 1)) ;;
		esac
	done
}

# make interop: a root for a VMM, which has the device and little else of us.
# Like LAB, it may lie below what is hidden by /tmp and /run.
mount_vmm() {
	mkdir -p /run/host /run/vmm
	# Our root is the host's, and by a bind mount we see what /tmp hides.
	mount --bind / /run/host
	if ! mount --bind "/run/host$VMM" /run/vmm || [ ! -d /run/vmm/proc ]; then
		mark broken "the VMM's root cannot be mounted"
		finish 1
	fi
	umount /run/host
	mount --rbind /proc /run/vmm/proc
	mount --rbind /sys /run/vmm/sys
	mount --rbind /dev /run/vmm/dev
	mount -t tmpfs tmpfs /run/vmm/run
	mount -t tmpfs tmpfs /run/vmm/tmp
}

# make coverage: which lines and branches of the driver ran, which arcs were
# walked and which faults fired, in a folder for each guest.
gcov=/sys/kernel/debug/gcov
trace=/sys/kernel/tracing/instances/coverage

# For each unit anew, because a unit may load the driver anew: its events are
# off then.
begin_trace() {
	mkdir -p $trace "coverage/$TOKEN"
	echo 65536 >$trace/buffer_size_kb
	echo 1 >$trace/events/mtty_mig/mtty_mig_arc/enable
	echo 1 >$trace/events/mtty_mig/mtty_mig_fault/enable
}

take_trace() {
	sed -n 's/^.*: mtty_mig_\(arc\|fault\): dev=[^ ]* /\1 /; s/ ns=.*//p; /^fault/p' \
		<$trace/trace | sort | uniq -c >>"coverage/$TOKEN/trace"
	find $trace/per_cpu -name stats -exec cat {} + >>"coverage/$TOKEN/stats"
	: >$trace/trace
}

# The counters of a module outlive it (gcov_persist), and those of its end
# count, too.
take_counters() {
	mkdir -p "coverage/$TOKEN"
	find $gcov -name '*.gcda' | while read -r file; do
		cat "$file" >"coverage/$TOKEN/${file##*/}"
	done
}

# run_program PROGRAM[@TYPE[@WORD...]][%SEED]: a selftest, for a type of device, with
# words and a seed of its own.
run_program() {
	case $1 in
	*%*)
		SEED=${1##*%}
		set -- "${1%\%*}"
		;;
	esac
	program=${1%%@*}
	words=
	case $1 in
	*@*)
		words=${1#*@}
		export VFIO_TEST_TYPE="${words%%@*}"
		words=${words#"$VFIO_TEST_TYPE"}
		words=$(echo "$words" | tr @ ' ')
		;;
	esac
	# shellcheck disable=SC2086 # ARGS and words are words
	cd "selftests/${program%/*}" &&
		exec timeout -k 5 "$TEST_TIMEOUT" "./${program##*/}" $words $ARGS
}

# The driver's suites, and those of the cards in software.  The bus stays: what it took of
# the kernel cannot be given back.
bench='swpci swiommu standin standin_kunit'
run_kunit() {
	insmod modules/mtty_mig_kunit.ko || return
	[ -e modules/standin_kunit.ko ] || return 0
	for module in $bench; do
		[ -d "/sys/module/$module" ] || insmod "modules/$module.ko" || return
	done
}

# KASAN, an Oops, a warning or lockdep have told of something.  Each tells of its kind
# once: a test that asks the kernel afterwards would learn nothing.
spoiled() {
	[ $(($(cat /proc/sys/kernel/tainted) & (1 << 5 | 1 << 7 | 1 << 9))) != 0 ] ||
		grep -q 'debug_locks: *0$' /proc/lockdep_stats 2>/dev/null
}

# A process of the test program is there yet: nobody can end what it does in the kernel, and
# it has the device.
left_behind() {
	name=$(echo "${1##*/}" | cut -c 1-15)
	# run_units wants no patterns of file names.
	(set +f && grep -qs "^[0-9]* ($name) [^Z]" /proc/[0-9]*/task/[0-9]*/stat)
}

# Tell the host that processes run yet.  A kernel that goes in circles lets none, and the host
# does not have to wait for a word of the test (SILENCE=) to know.
beat() {
	while :; do
		echo "@$TOKEN beat" >"$OUT"
		sleep 5
	done
}

# The guests of one run share the list of units; each takes the next one that
# nobody has: mkdir on the host's directory succeeds for one of them only.
run_units() {
	set -f
	number=0
	status=
	for unit in $UNITS; do
		number=$((number + 1))
		# A boot for each test: the host boots the next guest.  The same
		# test by another way may follow if nothing went wrong.
		if [ "$ISOLATE" != 0 ]; then
			test=${unit##*@}
			test=${unit%@*}@${test%%.*}.${test##*.}
			[ -z "$status" ] || [ "$status$test" = "0$before" ] || break
		fi
		# make soak: all guests have done enough, or this one.
		[ ! -e stop ] && [ ! -e "stop$TOKEN" ] || break
		mkdir "claims/$number" 2>/dev/null || continue
		[ ! -d $gcov ] || begin_trace
		# A test that unloads it may have been ended before it put it back.
		if [ ! -d "/sys/module/$(echo "${MODULES##* }" | tr - _)" ]; then
			mark "broken the driver was not loaded before $unit"
			load "${MODULES##* }"
		fi
		mark begin "$unit"
		if [ "$unit" = kunit ]; then
			run_kunit
		else
			(run_program "$unit") </dev/null >"$OUT" 2>&1
		fi
		status=$?
		before=${test-}
		mark end $status
		# Whoever comes next needs a device that there is no other of.
		if [ -n "$BIND" ] && { [ $status = 124 ] || [ $status = 137 ] ||
			left_behind "${unit%%@*}" || spoiled; }; then
			break
		fi
		# Whoever comes next may want to unload the driver.
		for module in mtty_mig_kunit standin_kunit standin; do
			if [ "$unit" = kunit ] && [ -d "/sys/module/$module" ]; then
				unload "$module"
			fi
		done
		[ ! -d $gcov ] || take_trace
	done
	set +f
}

leak=/sys/kernel/debug/kmemleak
# An object counts as leaked if two scans find no pointer to it, its contents
# did not change between them, and it is older than five seconds.
scan_for_leaks() {
	mark leaks
	# It gives up for good when it runs out of memory, and tells nobody.
	echo scan >$leak || mark broken "kmemleak has switched itself off"
	sleep 5
	echo scan >$leak
	cat $leak
}

for module in $MODULES; do
	load "$module"
done
if [ -w $leak ] && [ "$LEAKS" != 0 ]; then
	# Only the tests are asked about, not the boot; and only when we ask.
	echo scan=off >$leak
	echo clear >$leak
fi

[ -z "$VMM" ] || mount_vmm
[ -z "$BIND" ] || bind_functions "$BIND"

case $JOB in
run)
	mark begin demo
	set -f
	if [ "$LIVE" = 1 ]; then
		# shellcheck disable=SC2086,SC2153 # ARGS are words; both are in the file "job"
		"tools/$PROGRAM" $ARGS </dev/null >"$OUT" 2>&1
		status=$?
	else
		# shellcheck disable=SC2086
		{ "tools/$PROGRAM" $ARGS </dev/null 2>&1; echo $? >/run/status; } | cat >"$OUT"
		status=$(cat /run/status)
	fi
	finish "$status"
	;;
check)
	beat &
	run_units
	if [ -w $leak ] && [ "$LEAKS" != 0 ]; then
		scan_for_leaks
	fi
	unload "${MODULES##* }"
	[ ! -d $gcov ] || take_counters
	finish 0
	;;
shell)
	cd /tmp || finish 1
	ln -s /run/lab/* /tmp/
	PATH=/run/lab/tools:$PATH
	mark begin shell
	if [ "$LIVE" = 1 ]; then
		# shellcheck disable=SC2094 # a terminal
		setsid -c bash --norc -i <"$OUT" >"$OUT" 2>&1
	elif [ "$SCRIPT" = 1 ]; then
		# Commands from a file: nothing that sees a terminal.
		{ bash --norc -s </run/lab/script 2>&1; echo $? >/run/status; } | cat >"$OUT"
		finish "$(cat /run/status)"
	else
		# Commands from a pipe, as they come
		# shellcheck disable=SC2002,SC2094 # bash must not have the terminal as stdin
		cat "$OUT" | { bash --norc -s 2>&1; echo $? >/run/status; } | cat >"$OUT"
		finish "$(cat /run/status)"
	fi
	finish $?
	;;
esac
