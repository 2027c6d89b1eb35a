#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make install, make uninstall: the modules for a kernel of this machine and,
# if PREFIX is set, the selftests and tools.
#
#   install.sh install|uninstall KDIR
#
# PREFIX=/usr/local	selftests and tools, too, below that
# DESTDIR=DIR		everything below DIR: for who makes a package or an image

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/setup.sh"

verb=$1
kdir=$2
dest=${DESTDIR-}
prefix=${PREFIX-}
libexec=$prefix/libexec/mtty-mig-selftests

# What kbuild installs of ours, below /lib/modules/RELEASE/updates
ours=(mtty-mig/mtty_mig.ko kunit/mtty_mig_kunit.ko)

kernel_release() {
	local file=$kdir/include/config/kernel.release
	if [ -r "$file" ]; then
		cat "$file"
	elif [[ $kdir =~ ^/lib/modules/([^/]+)/build/?$ ]]; then
		# The headers may be gone, and what was installed still there.
		echo "${BASH_REMATCH[1]}"
	else
		die "there is no kernel in '$kdir'" "name a kernel build: make $verb KDIR=/path"
	fi
}

# may_write DIR: or say who can.
may_write() {
	local dir=$1 words=$verb
	while [ ! -e "$dir" ]; do dir=$(dirname "$dir"); done
	[ ! -w "$dir" ] || return 0
	[ "$kdir" = "/lib/modules/$(uname -r)/build" ] || words="$words KDIR=$kdir"
	words="$words${prefix:+ PREFIX=$prefix}${dest:+ DESTDIR=$dest}"
	[ -z "${KBUILD_WORDS-}" ] || words="$words $(sed "s/=\(.*[^A-Za-z0-9_.,:/=-].*\)/='\1'/" <<<"$KBUILD_WORDS" | xargs -d '\n')"
	die "only root can write to $dir" \
		"sudo make $words; or name another place: DESTDIR=DIR"
}

# The kernel that is there has to learn of it; in an image that has no kernel,
# whoever installs one calls depmod.
run_depmod() {
	local dir=$dest/lib/modules/$release
	if [ -e "$dir/modules.order" ] || [ -e "$dir/modules.builtin" ]; then
		depmod -b "${dest:-/}" "$release" || die "depmod failed for $release"
	else
		say "depmod was not called: no kernel $release is installed in ${dest:-/}"
	fi
}

give_back() {
	# What root built in somebody's checkout is that person's.
	if [ "$(id -u)" -eq 0 ] && [ -e "$REPO/build" ]; then
		chown -R --reference="$REPO" "$REPO/build"
	fi
}

install_all() {
	local out=$REPO/build/modules name file
	may_write "$dest/lib/modules/$release/updates"
	[ -z "$prefix" ] || check_kernel
	[ -z "$prefix" ] || may_write "$dest$prefix"
	"$SCRIPTS/modules-here.sh" "$kdir"
	make_cache
	lock_cache
	# kbuild's own way: it strips, compresses and signs as that kernel is
	# configured to.  depmod is ours to call.
	copied_to=$out
	words=()
	[ -z "${KBUILD_WORDS-}" ] || mapfile -t words <<<"$KBUILD_WORDS"
	step install-modules make -C "$kdir" M="$out" INSTALL_MOD_PATH="$dest" \
		INSTALL_MOD_DIR=updates DEPMOD=true "${words[@]}" modules_install
	for name in "${ours[@]}"; do
		for file in "$dest/lib/modules/$release/updates/$name"*; do
			[ ! -e "$file" ] || say "installed: $file"
		done
	done
	run_depmod
	give_back
	unlock_cache
	[ -n "$prefix" ] || return 0

	setup_source
	setup_programs selftests tools
	unlock_cache
	"$SCRIPTS/install-selftests.sh" "$source" "$programs/selftests" "$programs/tools" "$dest" "$prefix" "$libexec"
	install -D -m 644 "$REPO/Documentation/man/mtty_mig.4" "$dest$prefix/share/man/man4/mtty_mig.4"
	say "installed: $dest$libexec, and in $dest$prefix/bin: vfio-migration-conformance, vfio-migctl, migrate-demo"
}

# remove PATH...: say what there was.
remove() {
	local path
	for path; do
		if [ -e "$path" ] || [ -L "$path" ]; then
			may_write "$(dirname "$path")"
			rm -rf "$path"
			removed=$((removed + 1))
			say "removed: $path"
		fi
	done
}

uninstall_all() {
	local updates=$dest/lib/modules/$release/updates file before
	removed=0
	for file in "${ours[@]}"; do
		before=$removed
		remove "$updates/$file" "$updates/$file".{xz,gz,zst}
		rmdir "$updates/${file%/*}" "$updates" 2>/dev/null || true
		[ "$before" = "$removed" ] || depmod=1
	done
	[ -z "${depmod-}" ] || run_depmod
	if [ -n "$prefix" ]; then
		remove "$dest$libexec" "$dest$prefix"/bin/{vfio-migration-conformance,vfio-migctl,migrate-demo} \
			"$dest$prefix"/share/bash-completion/completions/vfio-migctl \
			"$dest$prefix"/share/man/man1/{vfio-migration-conformance,vfio-migctl,migrate-demo}.1 \
			"$dest$prefix"/share/man/{man4/mtty_mig.4,man7/mtty-mig-selftests.7}
	fi
	[ $removed -gt 0 ] ||
		say "nothing of ours is installed for Linux $release${prefix:+ or in $dest$prefix}"
}

release=$(kernel_release)
"${verb}_all"
