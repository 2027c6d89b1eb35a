#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make deb: Debian packages of this checkout, into build/.  The packaging is in
# scripts/debian; a copy of what goes into the packages gets it as its debian/,
# because a package is built in its own tree.
#
#   deb.sh
#
# DEBFULLNAME, DEBEMAIL: who makes the packages; else the author of the last commit

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/setup.sh"

check_choice
setup_source deb

version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$REPO/mtty-mig/dkms.conf")
commit() { git -C "$REPO" log -1 --format="$1" 2>/dev/null || true; }
maintainer="${DEBFULLNAME:-$(commit %an)} <${DEBEMAIL:-$(commit %ae)}>"
[[ $maintainer == ?*" <"?*@?*">" ]] ||
	die "the packages need a maintainer" "say who: DEBFULLNAME='A Name' DEBEMAIL=a@b.example make deb"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(commit %ct)}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(now)}

work=$REPO/build/deb
tree=$work/mtty-mig-$version
rm -rf "$work"
mkdir -p "$tree/scripts"
(cd "$REPO" && find mtty-mig selftests tools Documentation scripts/rules.py scripts/install-selftests.sh \
	-type f ! -name '*.o' ! -name '*.ko' ! -name '*.cmd' ! -name '*.mod' ! -name '*.mod.c' \
	! -name '*~' ! -name '.*' ! -name modules.order ! -name Module.symvers -print0 |
	tar -c --null -T -) | tar -x -C "$tree"
cp -r "$SCRIPTS/debian" "$tree/debian"
control=$(cat "$SCRIPTS/debian/control")
printf '%s\n' "${control//@MAINTAINER@/"$maintainer"}" >"$tree/debian/control"
cat >"$tree/debian/changelog" <<EOT
mtty-mig ($version) unstable; urgency=medium

  * Packages of a checkout $(commit 'at %h').

 -- $maintainer  $(date -R -u -d "@$SOURCE_DATE_EPOCH")
EOT

say "building the packages $version"
start=$(now)
# What has to be installed was seen to by program, not by package: -d.
build() {
	cd "$tree"
	KSRC=$source UAPI=$uapi DEB_BUILD_OPTIONS="parallel=$JOBS noautodbgsym" \
		dpkg-buildpackage -b -us -uc -d
}
copied_to=$tree
step deb build
unlock_cache
debs=()
for deb in "$work"/*.deb; do
	mv "$deb" "$REPO/build/"
	debs+=("build/${deb##*/}")
done
say "built in $(took "$start"):"
printf '%s\n' "${debs[@]}"

cd "$REPO"
status=0
said=$(lintian --allow-root --fail-on error --tag-display-limit 0 "${debs[@]}" 2>&1) || status=$?
say "lintian: ${said:-no error, no warning}"
[ $status -eq 0 ] || exit 1
rm -rf "$work"
