# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What all of the lab's scripts share: words to the user, where things are,
# the lock on the cache, and how a thing gets into the cache so that it is
# either all there or not there.  Sourced by bash, never run.

set -eEuo pipefail

# A user's locale or umask must not change what tools print or who can read
# what was built; make's own variables must not reach the kernel's makefiles.
export LC_ALL=C
umask 022
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL GNUMAKEFLAGS
unset ARCH SUBARCH CROSS_COMPILE KBUILD_OUTPUT KBUILD_EXTMOD KCFLAGS KBUILD_VERBOSE V O M C W
# Nor what a kernel developer has set for kernels of his own.  What modules.sh is to
# hand on is in KBUILD_WORDS.
unset LLVM LLVM_IAS CC LD AR NM OBJCOPY OBJDUMP READELF STRIP PAHOLE CHECK CF HOSTCC HOSTCXX
unset HOSTCFLAGS HOSTLDFLAGS CFLAGS CPPFLAGS LDFLAGS KCPPFLAGS
unset KBUILD_EXTRA_SYMBOLS KBUILD_MODPOST_WARN INSTALL_MOD_STRIP
unset KCONFIG_CONFIG KCONFIG_ALLCONFIG LOCALVERSION INSTALL_PATH INSTALL_MOD_PATH INSTALL_HDR_PATH
PATH=$PATH:/usr/sbin:/sbin
# A checkout or a kernel tree may be somebody else's, as for root in a container.
# git fears what such a repository may have it run; we run its makefiles anyway.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
export SCRIPTS=$REPO/scripts

# shellcheck disable=SC2034 # for others
KERNEL_GIVEN=${KERNEL-}
KERNEL=${KERNEL:-lts}
ENGINE_GIVEN=${ENGINE-}
ENGINE=${ENGINE:-uml}
export KERNEL ENGINE
CACHE=${CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/mtty-mig}
# make -jN; without it, one a processor
JOBS=${LAB_JOBS:-$(nproc)}
export JOBS

case $CACHE in
/*) ;;
*) CACHE=$PWD/$CACHE ;;
esac

# To stderr: what a script prints on stdout is its answer.
say() { printf '%s\n' "lab: $*" >&2; }

die() {
	printf '%s\n' "lab: error: $1" >&2
	shift
	[ $# -eq 0 ] || printf '     %s\n' "$@" >&2
	exit 3
}

# Exit status 1 is for what was looked at and is wrong, as a test that failed: who ends
# with it says so by "exit".  A command of the lab's own that fails is something else,
# whatever its status; a signal's is handed on, and what was told is not told again.
broke() {
	# A subshell's end is judged by whoever reads from it.
	[ "$BASHPID" = $$ ] && [ "$1" -lt 128 ] || exit "$1"
	local file=${BASH_SOURCE[1]-$0}
	[ "$1" -eq 3 ] ||
		say "error: ${file##*/}, line $2: '${3%%$'\n'*}' ended with exit status $1"
	exit 3
}
trap 'broke $? "$LINENO" "$BASH_COMMAND"' ERR

now() { date +%s; }

# took SINCE: "12 s", to say how long a step took.
took() { echo "$(($(now) - $1)) s"; }

# hash_files PATH...: one hash of the names and contents of all files below,
# without what a build may have left there.  Paths are relative to the
# checkout, so that two checkouts with the same contents agree.
hash_files() {
	(
		cd "$REPO"
		find "$@" -type f \
			! -name '*.o' ! -name '*.ko' ! -name '*.cmd' \
			! -name '*.mod' ! -name '*.mod.c' ! -name '*~' \
			! -name modules.order ! -name Module.symvers \
			-print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16
	)
}

hash_text() { printf '%s\n' "$*" | sha256sum | cut -c1-16; }

# need_simple_path WHAT PATH HINT
need_simple_path() {
	case $2 in
	*[[:space:]:,\(\)\'\"\$\&\;\\\#%]*)
		die "the path of $1, '$2', has a character that kernel makefiles cannot take" "$3"
		;;
	esac
}

# ours NAME: a file of the cache that can be written to, or is not there.
ours() { [ -w "$CACHE/$1" ] || ! [ -e "$CACHE/$1" ]; }

# make_cache: the directory, with a name that the kernel's makefiles can live
# with.  Whoever calls this uses it till it ends: by descriptor 7 make distclean
# knows that there is somebody.
make_cache() {
	need_simple_path "the checkout" "$REPO" "move it to a simpler path"
	need_simple_path "the cache" "$CACHE" "choose another place: make ... CACHE=/some/simple/path"
	while :; do
		mkdir -p "$CACHE" 2>/dev/null && [ -w "$CACHE" ] && ours in-use && ours lock ||
			die "cannot write to the cache $CACHE" \
				"choose another place: make ... CACHE=/path/you/own"
		exec 7>"$CACHE/in-use"
		flock -s 7
		# make distclean has removed it all if it was that.
		[ "$CACHE/in-use" -ef /dev/fd/7 ] && break
	done
	mkdir -p "$CACHE"/{src,kernel,work,run,logs,tmp}
	CACHE=$(cd "$CACHE" && pwd -P)
	export CACHE
}

# lock_cache: one set-up at a time, whoever started it.  The lock belongs to
# descriptor 9 and so ends with its process, however that ends.
lock_cache() {
	exec 9>"$CACHE/lock"
	if ! flock -n 9; then
		say "waiting for another run that is setting up $CACHE"
		flock 9
	fi
	# Nobody else is setting up, so what lies here was left by a run that died.
	find "$CACHE/tmp" -mindepth 1 -maxdepth 1 -exec rm -rf {} +
}

# A run of a guest outlives the set-up and must not hold up others.
unlock_cache() { exec 9>&-; }

free_space() { df -Pm "$CACHE" | awk 'NR == 2 { print $4 }'; }

# need_space MEGABYTES WHAT: say so before, not half-way through.
need_space() {
	local free
	free=$(free_space)
	[ "$free" -ge "$1" ] ||
		die "$2 needs $1 MB in $CACHE, which has $free MB left" \
			"make room there ('make distclean' empties the cache), or move it: make ... CACHE=/path/with/room"
}

# stamped DIR KEY: DIR was finished, and for this KEY.
stamped() { [ "$(cat "$1/.mtty-mig-stamp" 2>/dev/null)" = "$2" ]; }

# stamp DIR KEY: the last act of making DIR.  The data goes to the disk first,
# so that a machine that loses power does not leave a stamp on empty files.
stamp() {
	sync -f "$1"
	{ echo "$2" >"$1/.mtty-mig-stamp.tmp"; } 2>/dev/null &&
		mv -f "$1/.mtty-mig-stamp.tmp" "$1/.mtty-mig-stamp" ||
		die_or_full "cannot write to $1"
}

# build_on DIR: before more is built in there.  A build that was interrupted goes on
# where it was, for kbuild removes or redoes what was half written; but a machine that
# went down in between may have lost what was written, so then it starts again.
build_on() {
	local boot
	boot=$(cat /proc/sys/kernel/random/boot_id)
	if ! [ -e "$1/.mtty-mig-stamp" ] && [ "$(cat "$1/.boot" 2>/dev/null)" != "$boot" ]; then
		rm -rf "$1"
	fi
	mkdir -p "$1"
	rm -f "$1/.mtty-mig-stamp"
	echo "$boot" >"$1/.boot"
}

# used DIR: for prune, which drops what was not used for longest.
used() { touch "$1/.mtty-mig-stamp"; }

# in_use LINK RECIPE: prints the directory beside LINK that it leads to, if that was
# finished by this RECIPE: its stamp is "NAME recipe RECIPE".
in_use() {
	local dir
	[ -L "$1" ] || return
	dir=${1%/*}/$(readlink "$1")
	stamped "$dir" "${dir##*/} recipe $2" || return
	used "$dir"
	echo "$dir"
}

# yaml_python: the name of a Python that has yaml, for the lab's own tests.
yaml_python() {
	local python
	for python in python3 /usr/bin/python3; do
		if "$python" -c 'import yaml' 2>/dev/null; then
			echo "$python"
			return
		fi
	done
	return 1
}

# prune KEEP PARENT GLOB: keep the KEEP last used.
prune() {
	local dir
	find "$2" -mindepth 1 -maxdepth 1 -type d -name "$3" -print0 |
		while IFS= read -r -d '' dir; do
			printf '%s %s\n' "$(stat -c %Y "$dir/.mtty-mig-stamp" 2>/dev/null || echo 0)" "$dir"
		done | sort -rn | tail -n "+$(($1 + 1))" | cut -d' ' -f2- |
		while IFS= read -r dir; do rm -rf "$dir"; done
}

# quote: others' words in ours; with the names that files have in the checkout.
quote() { sed -e "s,${copied_to:-/nowhere}/,,g" -e 's/^/     | /'; }

# die_or_full MESSAGE [LOG]: with that message, unless a full disk is the reason, of
# which the log may tell; or there was no room for that either.
die_or_full() {
	if grep -qs 'No space left on device' "${2-}" || [ "$(free_space)" -lt 16 ]; then
		die "the disk of $CACHE is full" \
			"make room and call again, or move the cache: make ... CACHE=/path/with/room"
	fi
	die "$1"
}

# no_network LOG: is that what apt-get complains about?
no_network() {
	# One source of several may be gone, and is not the network
	! grep -qsE '^(Hit|Get):' "$1" && grep -qsE "Could not (resolve|connect)|Temporary failure|Unable to connect|Network is unreachable|Connection (timed out|failed|refused)" "$1"
}

# step NAME COMMAND...: run a long step with its output in logs/NAME.log; on
# failure show what matters of it, and say it if the disk was the reason.
# Descriptor 3 is for progress; the lock stays ours alone.
step() {
	local name=$1 log=$CACHE/logs/$1.log
	shift
	if ! "$@" 3>&2 >"$log" 2>&1 9>&- </dev/null; then
		{ grep -E -A 2 'error: |ERROR: |undefined reference' "$log" || tail -n 25 "$log"; } |
			head -n 40 | quote >&2
		die_or_full "the step '$name' failed; its whole output is in $log" "$log"
	fi
	# What the kernel's own code is warned of is not the user's to mend.
	[[ $name == kernel-* ]] || grep -A 2 'warning: ' "$log" | head -n 40 | quote >&2 || true
}

# source_key SOURCE: what stands for the contents of a kernel's source, as far
# as programs are built with it.
source_key() {
	cat "$1/.mtty-mig-stamp" 2>/dev/null ||
		(cd "$1" && find -L include/uapi arch/x86/include/uapi Makefile \
			tools/testing/selftests/lib.mk tools/testing/selftests/kselftest*.h \
			-type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
}

# smp_in_uml SOURCE: can User Mode Linux of that source have several processors?
smp_in_uml() { grep -q UML_SUBARCH_SUPPORTS_SMP "$1/arch/um/Kconfig"; }

# kernel_fragments ENGINE SOURCE FLAVOUR: the files that make a guest's
# configuration.  They depend on what the source has, not on its version: a tree
# of the user's may have anything.
kernel_fragments() {
	local config=$SCRIPTS/config generic_pt=
	# What a VMM's guest has needs nothing of the lab's.
	if [ "$3" = vm ]; then
		echo "$config/vm"
		return
	fi
	[ ! -e "$2/drivers/iommu/generic_pt/Kconfig" ] || generic_pt=1
	echo "$config/guest"
	case $1 in
	uml)
		echo "$config/uml"
		[ -z "$generic_pt" ] || echo "$config/generic_pt"
		# Where UML has several processors, to switch interrupts off and
		# on is a system call, and with lockdep everything takes ten
		# times as long.
		if [ "$3" = plain ] && smp_in_uml "$2"; then
			echo "$config/uml-smp"
		fi
		;;
	qemu)
		echo "$config/x86_64"
		[ -z "$generic_pt" ] || echo "$config/generic_pt"
		;;
	esac
	[ "$3" = plain ] || echo "$config/$3"
}

# check_kernel: what KERNEL= settles.  What may be said is in lab/values.py.
check_kernel() {
	# There is no other engine that could run it.
	[ "$KERNEL" != debian ] || ENGINE=${ENGINE_GIVEN:-qemu}
}

# check_choice: the same for a guest.
check_choice() {
	check_kernel
	[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] ||
		die "the lab runs on x86-64 Linux only; this is $(uname -s) on $(uname -m)"
}
