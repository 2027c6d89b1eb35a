# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Packages as files: Debian's kernels, from the mirror that this machine uses
# anyway, signed by way of the package lists that apt verifies.  Nothing is
# installed, and the system's own lists are only read.  Sourced by bash, after
# lib.sh, with the cache locked.

# apt_begin [SUITE]: packages of the machine's own sources or, with a suite, of
# that one on the same mirror.
# shellcheck disable=SC2120 # the suite is optional
apt_begin() {
	apt_suite=${1-}
	command -v apt-get >/dev/null ||
		die "KERNEL=$KERNEL comes from Debian's packages, and there is no apt-get here" \
			"name a kernel tree that you have, KERNEL=/path/to/linux, or run the lab in a Debian container"
	# Lists and archives of our own: an ordinary user cannot write to apt's,
	# and root's system is not ours to change.
	apt_own=(
		-o "Dir::State::Lists=$CACHE/apt/lists$apt_suite"
		-o "Dir::Cache=$CACHE/apt/cache$apt_suite"
		-o "APT::Sandbox::User=$([ "$(id -u)" -ne 0 ] || echo root)"
	)
	mkdir -p "$CACHE/apt/lists$apt_suite/partial" "$CACHE/apt/cache$apt_suite/archives/partial"
	if [ -n "$apt_suite" ]; then
		local mirror
		mirror=$(need_apt_mirror)
		printf 'deb [signed-by=%s] %s %s main\n' \
			/usr/share/keyrings/debian-archive-keyring.gpg \
			"$mirror" "$apt_suite" >"$CACHE/apt/$apt_suite.list"
		apt_own+=(-o "Dir::Etc::sourcelist=$CACHE/apt/$apt_suite.list" -o Dir::Etc::sourceparts=-)
		apt_lists=("${apt_own[@]}")
	else
		apt_lists=(-o "Dir::Cache=$CACHE/apt/cache" "${apt_own[@]:4}")
	fi
}

# apt_mirror [LABEL]: of those that this machine is set up for the first one of
# Debian's archive, or of Debian-Security; nothing if there is none.  Without lists,
# of which a container's image has none, it is known by its address.
# shellcheck disable=SC2016 # apt expands that
apt_mirror() {
	local label=${1:-Debian}
	{
		apt-get indextargets --format '$(REPO_URI)|$(LABEL)' 'Created-By: Packages'
		apt-get indextargets --no-release-info --format '$(REPO_URI)|' 'Created-By: Packages'
	} 2>/dev/null | awk -F'|' -v label="$label" -v address="/${label,,}/?$" \
		'$2 == label || $2 == "" && $1 ~ address { print $1; exit }' || true
}

# The same, of the archive, which there has to be.
need_apt_mirror() {
	apt_mirror | grep . ||
		die "this machine's apt sources name no mirror of Debian" \
			"add one to /etc/apt/sources.list.d and call apt-get update"
}

apt_update() {
	say "fetching the package lists${apt_suite:+ of $apt_suite}"
	apt-get "${apt_own[@]}" -q update >"$CACHE/logs/apt-update.log" 2>&1 </dev/null || true
	apt_lists=("${apt_own[@]}")
}

# apt_lacks PACKAGE: says why it is not there, after apt_update.
apt_lacks() {
	local log=$CACHE/logs/apt-update.log distribution
	! no_network "$log" ||
		die "no network: apt-get cannot fetch the package lists, so there is no $1" \
			"connect this machine (apt heeds http_proxy), then call again" "(what it said is in $log)"
	# shellcheck source=/dev/null
	distribution=$(. /etc/os-release && echo "$ID ${VERSION_CODENAME-}") 2>/dev/null || true
	if [ -z "$apt_suite" ] && [ "$distribution" = "debian bookworm" ]; then
		die "no package $1 in this machine's apt sources" \
			"on Debian 12 it is in bookworm-security: add that to the apt sources"
	elif [[ $distribution == debian* ]]; then
		die "no package $1 in the apt sources${apt_suite:+ of $apt_suite}" \
			"see what apt-get update said: $log"
	fi
	die "no package $1 in this machine's apt sources: it is one of Debian" \
		"name a kernel tree that you have, KERNEL=/path/to/linux, or run the lab in a Debian container"
}

# apt_names PATTERN: the packages whose names match, oldest version first.
apt_names() {
	apt-cache "${apt_lists[@]}" pkgnames 2>/dev/null | grep -E -x -- "$1" | sort -V || true
}

# apt_find PACKAGE: its newest version's record into $apt_record, if there is one.
apt_find() {
	apt_record=$(apt-cache "${apt_lists[@]}" show --no-all-versions "$1" 2>/dev/null) || true
	[ -n "$apt_record" ]
}

# apt_field NAME: of the record.
apt_field() { awk -v f="$1:" '$1 == f { $1 = ""; print substr($0, 2); exit }' <<<"$apt_record"; }

# apt_download PACKAGE: what apt_find found, into $CACHE/tmp/deb.  Nobody resumes
# it: it counts only when its hash is the one in the signed lists.
apt_download() {
	local deb version
	version=$(apt_field Version)
	say "downloading $1 $version ($(($(apt_field Size) / 1000000)) MB)"
	mkdir -p "$CACHE/tmp/deb"
	(cd "$CACHE/tmp/deb" && apt-get "${apt_lists[@]}" -q download "$1=$version") \
		>"$CACHE/logs/apt-download.log" 2>&1 </dev/null || return 1
	deb=$(find "$CACHE/tmp/deb" -name "$1_*.deb")
	[ -n "$deb" ] && [ "$(sha256sum <"$deb" | cut -d' ' -f1)" = "$(apt_field SHA256)" ]
}

# apt_get PACKAGE: download it, with new lists if the old ones name what the
# mirror has dropped.
apt_get() {
	if apt_find "$1" && apt_download "$1"; then
		return
	fi
	rm -f "$CACHE/tmp/deb/$1"_*
	apt_update
	if ! apt_find "$1" || ! apt_download "$1"; then
		tail -n 8 "$CACHE/logs/apt-download.log" | quote >&2
		die "could not download $1" \
			"check the network and this machine's apt sources, then call again; nothing half-done is kept"
	fi
}
