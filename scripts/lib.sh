# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the lab's shell scripts share: an environment that depends on nobody, words to the
# user, how a script ends.  Who calls them has made the cache, CACHE.  Sourced by bash,
# never run.

set -eEuo pipefail

# A user's locale or umask must not change what tools print or who can read
# what was built; make's own variables must not reach the kernel's makefiles.
export LC_ALL=C
umask 022
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL GNUMAKEFLAGS
unset ARCH SUBARCH CROSS_COMPILE KBUILD_OUTPUT KBUILD_EXTMOD KCFLAGS KBUILD_VERBOSE V O M C W
# Nor what a kernel developer has set for kernels of his own.
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

# make -jN; without it, one a processor
JOBS=${LAB_JOBS:-$(nproc)}
export JOBS

# shellcheck disable=SC2034 # for others: what is in the Python package that they need
lab=(python3 -B -E -s -S "$SCRIPTS/lab")

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

hash_text() { printf '%s\n' "$*" | sha256sum | cut -c1-16; }

free_space() { df -Pm "$CACHE" | awk 'NR == 2 { print $4 }'; }

# need_space MEGABYTES WHAT: say so before, not half-way through.
need_space() {
	local free
	free=$(free_space)
	[ "$free" -ge "$1" ] ||
		die "$2 needs $1 MB in $CACHE, which has $free MB left" \
			"make room there ('make distclean' empties the cache), or move it: make ... CACHE=/path/with/room"
}

# quote: others' words in ours.
quote() { sed 's/^/     | /'; }

# no_network LOG: is that what apt-get complains about?
no_network() {
	# One source of several may be gone, and is not the network
	! grep -qsE '^(Hit|Get):' "$1" && grep -qsE "Could not (resolve|connect)|Temporary failure|Unable to connect|Network is unreachable|Connection (timed out|failed|refused)" "$1"
}
