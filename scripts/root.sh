# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A fresh Debian in a directory, to see in it what a user sees on a machine
# that never had the project.  Sourced by bash, after lib.sh.
#
# Works as root, and as an ordinary user where the kernel lets users have
# namespaces.  The mounts live in a namespace that ends with the process, so
# nothing is left mounted, whatever happens, and removing the directory cannot
# reach through a mount.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# With this before it, a command is root of namespaces of
# its own, and what it starts in there ends with it.
namespace=(unshare)
[ "$(id -u)" -eq 0 ] || namespace+=(--user --map-root-user --map-auto)
namespace+=(--mount --pid --fork --kill-child --)

# inside_namespace COMMAND...: so, and ended by a signal to this script.
# unshare ignores those that ask, and the first process of its namespace does
# not hear them; when it is killed, all in there is.
inside_namespace() {
	local child status=0
	"${namespace[@]}" "$@" </dev/null &
	child=$!
	# shellcheck disable=SC2064 # now
	trap "kill -KILL $child" INT TERM HUP
	wait $child || status=$?
	trap - INT TERM HUP
	return $status
}

# check_namespace: or say why a root cannot be made here.
check_namespace() {
	local why
	why=$("${namespace[@]}" true 2>&1) && return
	why=${why##*unshare: }
	die "cannot enter namespaces here: ${why%: Success}" \
		"call it as root; or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, in a container by its engine), and see that $(id -un) has lines in /etc/subuid and /etc/subgid"
}

# root_make SUITE DIR PACKAGE,...: a minimal Debian.  Inside of the namespaces.
root_make() {
	local list options
	# shellcheck disable=SC2154 # of lib.sh
	mapfile -t options < <("${lab[@]}" apt-options)
	list=$("${lab[@]}" sources "$1")
	mmdebstrap --quiet --mode=root --variant=minbase --format=directory \
		--keyring="$keyring" --include="$3" "${options[@]}" "$1" "$2" - <<<"$list"
	[ -s "$2/etc/resolv.conf" ] || cat /etc/resolv.conf >"$2/etc/resolv.conf"
}

# root_mounts DIR: what programs expect to be mounted.  Inside of the namespaces.
root_mounts() {
	local node
	mount -t proc proc "$1/proc"
	mount -t tmpfs -o mode=755 tmpfs "$1/dev"
	for node in null zero full random urandom tty; do
		: >"$1/dev/$node"
		mount --bind "/dev/$node" "$1/dev/$node"
	done
	mkdir "$1/dev/shm" "$1/dev/pts"
	mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$1/dev/pts"
	ln -s pts/ptmx "$1/dev/ptmx"
	ln -s /proc/self/fd "$1/dev/fd"
	ln -s fd/0 "$1/dev/stdin"
	ln -s fd/1 "$1/dev/stdout"
	ln -s fd/2 "$1/dev/stderr"
}

# in_root DIR COMMAND...: as root, with nothing of this environment.
in_root() {
	local dir=$1
	shift
	chroot "$dir" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive ${http_proxy+http_proxy="$http_proxy"} \
		"$@" </dev/null
}

# as_user DIR COMMAND...: as the user that add_user made, in its home.
add_user() { in_root "$1" useradd --create-home --uid 1000 --shell /bin/bash newcomer; }

as_user() {
	local dir=$1
	shift
	chroot --userspec=1000:1000 --groups=1000 "$dir" /usr/bin/env -i -C /home/newcomer \
		PATH=/usr/local/bin:/usr/bin:/bin HOME=/home/newcomer USER=newcomer \
		LC_ALL=C.UTF-8 ${http_proxy+http_proxy="$http_proxy"} "$@" </dev/null
}

# no_root SUITE LOG MESSAGE: ends with that, unless it is for want of a network.
no_root() {
	! no_network "$2" ||
		die "no network: there are no packages of $1" \
			"connect this machine (apt heeds http_proxy), then call again" "(what was said is in $2)"
	tail -n 15 "$2" | quote >&2
	die "$3" "the whole output is in $2"
}

# new_root_dir: prints the name of a directory for a root; root_remove DIR.
new_root_dir() {
	mkdir -p "$CACHE/roots"
	# A run that was killed could not remove its own.
	find "$CACHE/roots" -mindepth 1 -maxdepth 1 -mmin +1440 -print0 |
		while IFS= read -r -d '' old; do root_remove "$old"; done
	mktemp -d "$CACHE/roots/XXXXXX"
}

# Its files belong to users of the namespace.
root_remove() { "${namespace[@]}" rm -rf --one-file-system "$1"; }
