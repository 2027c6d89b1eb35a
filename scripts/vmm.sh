#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# QEMU=debian or latest: Debian 13's QEMU, or the newest in its backports, with
# all that it needs, unpacked in the cache; prints that directory.  Nothing is
# installed and no script of a package runs, so that this needs neither root nor
# namespaces.  Called with the cache locked.
#
#   vmm.sh debian|latest [update]

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/apt.sh"
. "$(dirname "$0")/root.sh"

# Bump when what is done below changes the result.
recipe=2
which=$1
current=$CACHE/vmm/$which
if [ "${2-}" != update ] && in_use "$current" $recipe; then
	exit 0
fi

command -v apt-get >/dev/null ||
	die "QEMU=$which comes from Debian's packages, and there is no apt-get here" \
		"name one that you have: QEMU=/path/to/qemu-system-x86_64"
need_apt_mirror >/dev/null
need_space 500 "QEMU"
new=$CACHE/tmp/vmm
rm -rf "$new"
mkdir -p "$CACHE/vmm"
# No command's failure ends it, because step asks how it ended.
unpack() {
	local options=()
	sources trixie >"$CACHE/tmp/vmm.list" || return
	if [ "$which" = latest ]; then
		sed -i '1{p;s/ trixie / trixie-backports /}' "$CACHE/tmp/vmm.list"
		options+=(--aptopt='APT::Default-Release "trixie-backports";')
	fi
	root_extract trixie "$new" qemu-system-x86 "${options[@]}" <"$CACHE/tmp/vmm.list" || {
		echo "error: check the network and this machine's apt sources, then call again"
		return 1
	}
	# What belongs to none of these packages: where the loader is looked for,
	# and where things are mounted.
	ln -sfn usr/lib "$new/lib" && ln -sfn usr/lib64 "$new/lib64" &&
		mkdir -p "$new"/{dev,proc,run,sys,tmp} &&
		rm -rf "${new:?}"/{usr/share/doc,usr/share/man,usr/share/locale,var}
	# All its libraries are there, too.
	"$new"/usr/lib64/ld-linux-x86-64.so.2 --library-path "$new/usr/lib/x86_64-linux-gnu" \
		"$new/usr/bin/qemu-system-x86_64" --version
}
say "fetching Debian 13's QEMU$([ "$which" = debian ] || echo ", the newest in its backports") (once)"
step "vmm-$which" unpack
# By its contents, for a run may be using another one, or this one.
root=$which-$(hash_text "$(cd "$new" && find . -type f -printf '%P %s %T@\n' | sort)")
if stamped "$CACHE/vmm/$root" "$root recipe $recipe"; then
	rm -rf "$new"
else
	rm -rf "$CACHE/vmm/$root"
	mv "$new" "$CACHE/vmm/$root"
	stamp "$CACHE/vmm/$root" "$root recipe $recipe"
fi
ln -sfn "$root" "$current"
prune 3 "$CACHE/vmm" '*-*'
echo "$CACHE/vmm/$root"
