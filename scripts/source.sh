#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Get the kernel's source into the cache and print the directory's name.
# Called with the cache locked.
#
# The source is Debian's linux-source package: signed by way of the package
# lists that apt verified, and from the mirror that this machine uses anyway.
# What was fetched once stays in use until `make update` asks for a newer one.
#
#   source.sh [update]

. "$(dirname "$0")/lib.sh"

# Bump when the list below changes: the unpacked tree is then made anew.
layout=1
# Two thirds of the tree are drivers' code that no kernel of ours builds.  The
# Kconfig and Makefile files stay, for they include each other.
skip=(
	--exclude='*/Documentation/*/*'
	--exclude='*/drivers/gpu/*.[chS]'
	--exclude='*/drivers/accel/*.[ch]'
	--exclude='*/drivers/media/*.[ch]'
	--exclude='*/drivers/infiniband/*.[ch]'
	--exclude='*/drivers/scsi/*.[ch]'
	--exclude='*/drivers/staging/*.[ch]'
	--exclude='*/drivers/net/ethernet/*.[ch]'
	--exclude='*/drivers/net/wireless/*.[ch]'
	--exclude='*/sound/*.[ch]'
	--exclude='*/arch/arm/boot/dts/*'
	--exclude='*/arch/arm64/boot/dts/*'
	--exclude='*/tools/perf/*'
)

case $KERNEL in
lts) package=linux-source-6.12 ;;
esac
current=$CACHE/src/$KERNEL

if [ "${1-}" != update ] && [ -L "$current" ]; then
	dir=$(readlink "$current")
	if stamped "$CACHE/src/$dir" "$dir layout $layout"; then
		echo "$CACHE/src/$dir"
		exit 0
	fi
fi

command -v apt-get >/dev/null ||
	die "the kernel's source comes from Debian's package $package, and there is no apt-get here" \
		"run the lab on Debian 12 or 13, for example in a container"

# Lists and archives of our own: an ordinary user cannot write to apt's, and
# root's system is not ours to change.
own=(
	-o "Dir::State::Lists=$CACHE/apt/lists"
	-o "Dir::Cache=$CACHE/apt/cache"
	-o APT::Sandbox::User=
)
[ "$(id -u)" -ne 0 ] || own+=(-o APT::Sandbox::User=root)
system=(-o "Dir::Cache=$CACHE/apt/cache" "${own[@]:4}")
mkdir -p "$CACHE"/apt/lists/partial "$CACHE"/apt/cache/archives/partial

# field NAME: of the candidate version, from the lists that "$@" points to.
record() { apt-cache "${lists[@]}" show --no-all-versions "$package" 2>/dev/null || true; }
field() { awk -v f="$1:" '$1 == f { print $2; exit }' <<<"$found"; }

update_own_lists() {
	say "fetching package lists"
	apt-get "${own[@]}" -q update >"$CACHE/logs/apt-update.log" 2>&1 </dev/null || true
	lists=("${own[@]}")
	found=$(record)
}

lists=("${system[@]}")
found=
[ "${1-}" = update ] || found=$(record)
if [ -z "$found" ]; then
	update_own_lists
fi
[ -n "$found" ] ||
	die "no package $package in this machine's apt sources" \
		"on Debian 12 it is in bookworm-security: add that to the apt sources" \
		"(what apt-get update said is in $CACHE/logs/apt-update.log)"

download() {
	local deb size
	version=$(field Version)
	sha256=$(field SHA256)
	size=$(($(field Size) / 1000000))
	say "downloading $package $version ($size MB)"
	rm -rf "$CACHE/tmp/deb"
	mkdir -p "$CACHE/tmp/deb"
	# The download is resumed by nobody: it goes to tmp/ and counts only
	# when its hash is the one in the signed lists.
	(cd "$CACHE/tmp/deb" && apt-get "${lists[@]}" -q download "$package=$version") \
		>"$CACHE/logs/apt-download.log" 2>&1 </dev/null || return 1
	deb=$(find "$CACHE/tmp/deb" -name "$package*.deb")
	[ -n "$deb" ] && [ "$(sha256sum <"$deb" | cut -d' ' -f1)" = "$sha256" ]
}

version=$(field Version)
dir=$package-${version//[^A-Za-z0-9.+]/-}
want="$dir layout $layout"

if ! stamped "$CACHE/src/$dir" "$want"; then
	need_space 1000 "the kernel's source"
	start=$(now)
	if ! download; then
		# The mirror may have dropped what an old list still names.
		update_own_lists
		if [ -z "$found" ] || ! download; then
			tail -n 8 "$CACHE/logs/apt-download.log" | sed 's/^/     | /' >&2
			die "could not download $package" \
				"check the network and this machine's apt sources, then call again; nothing half-done is kept"
		fi
	fi
	dir=$package-${version//[^A-Za-z0-9.+]/-}
	want="$dir layout $layout"
	say "unpacking it (downloaded in $(took "$start"))"
	new=$CACHE/tmp/src
	rm -rf "$new"
	mkdir -p "$new"
	unpack() {
		dpkg-deb --fsys-tarfile "$CACHE"/tmp/deb/*.deb |
			tar -xO "./usr/src/$package.tar.xz" |
			xz -dc -T0 |
			tar -x -C "$new" --strip-components=1 "${skip[@]}"
	}
	step unpack unpack
	[ -f "$new/Makefile" ] && [ -f "$new/arch/um/Makefile" ] ||
		die "$package does not hold a kernel source as expected"
	rm -rf "$CACHE/src/$dir" "$CACHE/tmp/deb"
	mv "$new" "$CACHE/src/$dir"
	stamp "$CACHE/src/$dir" "$want"
fi
ln -sfn "$dir" "$current"
prune 2 "$CACHE/src" 'linux-source-*'
rm -rf "$CACHE/apt"
echo "$CACHE/src/$dir"
