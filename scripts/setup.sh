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
#   programs		where its programs are, for this kernel
#   run		the guest's directory, removed at exit
#   image, initramfs	what is booted
#   guest_modules	the modules that are loaded before ours, in order

# flavour DEFAULT: of the kernel, as SAN= asks for it.
flavour() {
	# shellcheck disable=SC2153 # KERNEL is lib.sh's
	if [ "$KERNEL" = debian ]; then
		echo stock
		return
	fi
	case ${SAN:-$1} in
	0) echo plain ;;
	1) echo sanitize ;;
	kcsan) echo kcsan ;;
	esac
}

# For people: which kernel, and what runs it.
release() { cat "$kernel/include/config/kernel.release"; }
engine() {
	case $ENGINE in
	uml) echo "in User Mode Linux" ;;
	qemu) echo "in QEMU ($(python3 -B "$SCRIPTS/lab/engines/qemu.py"))" ;;
	esac
}

# setup_source [PACKAGES]: all that needs no kernel of the lab's.  Locks the
# cache; unlock_cache when no more is built.
setup_source() {
	check_kernel
	"$SCRIPTS/packages.sh" "$@"
	make_cache
	lock_cache
	source=$("$SCRIPTS/source.sh")
	uapi=$("$SCRIPTS/uapi.sh" "$source")
	# What is built from the checkout has a place of its own for each
	# checkout, so that each is built step by step from its own last state.
	work=$CACHE/work/$(hash_text "$REPO")
	programs=$work/programs-$(hash_text "$source")
	mkdir -p "$programs"
}

# setup_kernel FLAVOUR [PACKAGES]: all that does not depend on the checkout.
setup_kernel() {
	flavour=$1
	check_choice
	[ "$ENGINE" != qemu ] || set -- "$@" qemu
	setup_source "${@:2}"
	kernel=$("$SCRIPTS/kernel.sh" "$flavour" "$source")
	modules=$work/modules-${kernel##*/}

	initramfs=
	case $ENGINE in
	uml) image=$kernel/linux ;;
	qemu)
		image=$kernel/bzImage
		initramfs=$("$SCRIPTS/initramfs.sh" "$kernel")
		;;
	esac
	# shellcheck disable=SC2153 # KERNEL is lib.sh's
	if [ "$KERNEL" = debian ]; then
		mapfile -t guest_modules < <(sed "s,.*,$kernel/modules/&.ko," "$kernel/device.modules")
	else
		guest_modules=("$kernel/drivers/vfio/mdev/mdev.ko")
	fi
}

# setup_modules: the driver and its KUnit suites.
setup_modules() { "$SCRIPTS/modules.sh" "$kernel" "$modules"; }

# setup_standin NAME: one of the kernel's VFIO drivers, with what it needs in the place
# of its hardware.  Sets standin_module and standin_driver, of the VFIO driver; what is
# loaded before it comes to guest_modules.
setup_standin() {
	local out=$work/standin-$1${PATCH:+-patched}-${kernel##*/} names
	"$SCRIPTS/standins.sh" "$1" "$kernel" "$source" "$out" "${PATCH-}"
	mapfile -t names < <(sed "s,.*,$out/&.ko," "$out/modules")
	# shellcheck disable=SC2034 # the verb's
	standin_driver=$(cat "$out/driver-name") standin_module=${names[-1]}
	guest_modules+=("${names[@]::${#names[@]}-1}")
	# The bus in software has no interrupts that are known to be isolated.  And KASAN tells
	# of the first misuse in a boot, and here several tests may have one.
	APPEND="iommufd.allow_unsafe_interrupts=1 kasan_multi_shot ${APPEND-}"
	prune 24 "$work" 'standin-*'
}

# setup_bench: KUnit's suites of the cards in software, with what they need, in the array
# bench; nothing where there is no such bus.
setup_bench() {
	local out=$work/standin-kunit-${kernel##*/}
	bench=()
	[ "$ENGINE" = uml ] &&
		grep -q '^CONFIG_PCI_IOV=y' "$kernel/include/config/auto.conf" || return 0
	"$SCRIPTS/standins.sh" kunit "$kernel" "$source" "$out"
	# shellcheck disable=SC2034 # the verb's
	mapfile -t bench < <(sed "s,.*,$out/&.ko," "$out/modules")
}

# setup_programs PART...: tools or selftests.
setup_programs() {
	local part
	for part; do
		"$SCRIPTS/userspace.sh" "$part" "$source" "$uapi" "$programs/$part"
	done
	keep_programs
}

# setup_units UNIT...: the test programs that these units need, and no others.
setup_units() {
	local -a needed
	mapfile -t needed < <(printf '%s\n' "${@%%@*}" | sort -u)
	"$SCRIPTS/userspace.sh" selftests "$source" "$uapi" "$programs/selftests" "${needed[@]}"
	keep_programs
}

keep_programs() {
	echo "$REPO" >"$work/checkout"
	touch "$work/.mtty-mig-stamp" "$programs/.mtty-mig-stamp"
	prune 12 "$work" 'modules-*'
	prune 4 "$work" 'programs-*'
	prune 16 "$CACHE/work" '*'
}

# setup_run MODULE... -- PART...: the guest's directory, and what is in it.
setup_run() {
	new_run
	fill_run "$@"
}

# new_run: the directory, which is removed at exit, and is known to be in use.
new_run() {
	local old
	run=$(mktemp -d "$CACHE/run/XXXXXX")
	trap 'rm -rf "$run"' EXIT
	exec 6>"$run/.in-use"
	flock 6
	# A run that was killed could not remove its directory.  Others begin theirs
	# under the lock of the cache, too, and hold it as long as they run.
	for old in "$CACHE"/run/*/; do
		if flock -n "$old.in-use" true; then
			rm -rf "$old"
		fi
	done
	# Keep the logs of the last runs.
	find "$CACHE/logs" -mindepth 1 -maxdepth 1 -name '*-[0-9]*[-.]*' -printf '%T@ %p\n' |
		sort -rn | tail -n +91 | cut -d' ' -f2- | xargs -r -d '\n' rm -rf
}

# fill_run MODULE... -- PART...: the guest gets copies, for the next build may begin
# while it runs.
fill_run() {
	[ "$ENGINE" != uml ] || "$SCRIPTS/preload.sh" "$work/preload"
	need_space 200 "a guest"
	# shellcheck disable=SC2153 # KERNEL is lib.sh's
	case $KERNEL in
	*/* | debian) # another run may build or fetch it anew
		cp "$image" "$run/"
		image=$run/${image##*/}
		;;
	esac
	if [ -n "$initramfs" ]; then
		cp "$initramfs" "$run/"
		initramfs=$run/${initramfs##*/}
	fi
	mkdir "$run/modules"
	cp "$SCRIPTS/guest-init.sh" "$run/"
	cp "${guest_modules[@]}" "$run/modules/"
	while [ "$1" != -- ]; do
		cp "$1" "$run/modules/"
		shift
	done
	shift
	for part; do
		cp -r "$programs/$part" "$run/$part"
	done
}

# all_selftests: the names of the test programs.
all_selftests() { make -s --no-print-directory -C "$REPO/selftests" list; }

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
}

# selftest_units PROGRAM...: what the guests run.  A program for any device runs for
# each of our types that differ to it, or for TYPES=; over every way in for the
# one that can do all.
selftest_units() {
	local program type way=cdev
	local types=${TYPES:-mtty_mig-full mtty_mig-none mtty_mig-base mtty_mig-p2p mtty_mig-precopy}
	# It has no other.
	[ "$KERNEL" != debian ] || way=group_type1
	for program; do
		case $program in
		generic/* | tools/*_any_test)
			for type in $types; do
				case $type in
				*-full) echo "$program@$type" ;;
				*) echo "$program@$type@-v@$way" ;;
				esac
			done
			;;
		*) echo "$program" ;;
		esac
	done
}

# wanted_units NAME [WORD...]: what the guests run of the tests that TEST= asks
# for, in the array of that name; WORD is a test that is no program.
wanted_units() {
	local -n units_=$1
	local all tests listed
	shift
	mapfile -t all < <(all_selftests)
	wanted_tests tests "$@" "${all[@]}"
	listed=$(selftest_units "${tests[@]}")
	# shellcheck disable=SC2034 # it is the caller's array
	mapfile -t units_ <<<"$listed"
}

# guest_options NAME [DRIVER]: how guest.py is called, in the array of that name.
# LEAKS: to follow each allocation takes nearly half of a sanitized run's time.
guest_options() {
	local -n options_=$1
	local driver=${2:-mtty_mig}
	local memory=512 leaks=${LEAKS:-0} append=${APPEND-} processors=1 loaded
	# One guest has rarely work for all of the host's processors.
	local guests=$(($(nproc) < 4 ? $(nproc) : 4))
	local timeout=600 silence=120 test_timeout=100

	[ "$flavour" = plain ] || memory=1024
	if [ "$leaks" = 0 ]; then
		append="kmemleak=off $append"
	else
		# The walks of fail_nth on the newest kernel take 40 s without, and
		# more than 100 s with it.
		test_timeout=300 timeout=1200
	fi
	if [ "$ENGINE" = qemu ] || grep -q '^CONFIG_SMP=y' "$kernel/.config"; then
		processors=2
	fi
	if [ "$ENGINE" = qemu ]; then
		# Without KVM everything takes ten times as long.
		timeout=3600 silence=600 test_timeout=1500
	fi
	loaded=("${guest_modules[@]##*/}")
	LAB_SYSTEM="$(release) $ENGINE $flavour" # for results.py
	export LAB_SYSTEM
	# shellcheck disable=SC2034 # it is the caller's
	options_=(
		--engine "$ENGINE" --kernel "$image" --run "$run"
		--preload "$work/preload/uml-xstate.so" --initramfs "$initramfs"
		--log "$CACHE/logs/$verb-$(date +%Y%m%d-%H%M%S)-$$"
		--processors "${PROCESSORS:-$processors}"
		--memory "${MEM:-$memory}" --guests "${GUESTS:-$guests}"
		--timeout "${TIMEOUT:-$timeout}" --silence "${SILENCE:-$silence}"
		--test-timeout "${TEST_TIMEOUT:-$test_timeout}"
		"--args=${ARGS-}" "--append=$append" --leaks "$leaks"
		--modules "${loaded[*]%.ko} $driver"
	)
}

# end_with COMMAND...: the last thing that a script does, and its exit status.
end_with() {
	local status=0
	wait_for "$@" || status=$?
	exit "$status"
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
