#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make debcheck: the packages of make deb, and what make install and DKMS do
# with a checkout, in a fresh Debian with the headers of a kernel: whether they
# install, build, work as far as they can without that kernel running, and
# leave nothing behind.  Prints KTAP, a document for each Debian.
#
#   debcheck.sh
#
# SUITES='bookworm'	which Debian; HEADERS=PACKAGE the kernel's headers
#
# The cases are scripts for a shell in the root, in single quotes:
# shellcheck disable=SC2016,SC2317

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/root.sh"

number=0
failed=0
# check NAME COMMAND...: one test case; its output is shown if it fails.
check() {
	local name=$1 result=ok
	shift
	number=$((number + 1))
	printf '== %s\n' "$name" >>"$log"
	if ! "$@" >"$log.now" 2>&1; then
		result='not ok'
		failed=$((failed + 1))
		tail -n 20 "$log.now" | sed 's/^/# /'
	fi
	cat "$log.now" >>"$log"
	echo "$result $number $suite: $name"
}

# sh_in_root SCRIPT [WORD...]: in it $1 is the kernel's release.
sh_in_root() { in_root "$root" bash -euo pipefail -c "$1" bash "$release" "${@:2}"; }

# All files, but the state and logs of the package tools.
files() {
	(cd "$root" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./tmp -o -path ./root \
		-o -path ./home -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/cache \
		-o -path ./var/log \) -prune -o -print | sort)
}

# depmod's files stay, so what stands in them counts.
nothing_left() {
	files >"$log.after"
	diff "$log.before" "$log.after" &&
		! grep -l mtty "$root"/lib/modules/*/modules.dep "$root"/lib/modules/*/modules.alias
}

inside() {
	root=$1
	suite=$2
	log=$3
	say "$suite: a fresh root with the headers of a kernel"
	root_make "$suite" "$root" dkms,gcc,make,kmod,man-db,python3 >>"$log" 2>&1 ||
		no_root "$suite" "$log" "mmdebstrap could not make a root of $suite"
	printf 'APT::Get::Assume-Yes "true";\nAPT::Install-Recommends "false";\n' \
		>"$root/etc/apt/apt.conf.d/check"
	# A minimal root may be told to leave out the manual, which is looked for.
	rm -f "$root"/etc/dpkg/dpkg.cfg.d/*
	root_mounts "$root"
	headers=${HEADERS:-$([ "$suite" = bookworm ] && echo linux-headers-6.12-amd64 || echo linux-headers-amd64)}
	{ in_root "$root" apt-get -q update && in_root "$root" apt-get -q install "$headers"; } >>"$log" 2>&1 ||
		no_root "$suite" "$log" "$suite: cannot install $headers"
	for release in "$root"/lib/modules/*; do release=${release##*/}; done
	say "$suite: the kernel is $release"
	mkdir "$root/tmp/debs"
	cp "$REPO"/build/*.deb "$root/tmp/debs/"
	# Without the index of the manual's pages, which grows with what is looked up.
	in_root "$root" rm -rf /var/cache/man
	files >"$log.before"

	echo "TAP version 13"
	check "both packages install" sh_in_root 'apt-get -q install /tmp/debs/*.deb'
	check "DKMS built and installed the module" sh_in_root '
		dkms status
		dkms status | grep "^mtty-mig.*$1.*: installed"
		modinfo -k "$1" mtty_mig
		modinfo -k "$1" -F vermagic mtty_mig | grep "^$1 "
		modinfo -k "$1" -F depends mtty_mig | grep -w mdev'
	check "each command has its page" sh_in_root '
		for path in $(dpkg -L mtty-mig-selftests mtty-mig-dkms | grep "/bin/"); do
			man -w "$(basename "$path")"
		done
		man -w mtty_mig
		man -w mtty-mig-selftests'
	check "the pages are without a warning" sh_in_root '
		dpkg -L mtty-mig-selftests mtty-mig-dkms | grep "/man/man./" | while read -r page; do
			said=$(man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
			echo "$page: $said"
			[ -z "$said" ]
		done'
	check "conformance has its help" sh_in_root 'vfio-migration-conformance --help | grep -- --device'
	check "conformance lists the rules" sh_in_root '
		vfio-migration-conformance --list | grep "^MIG-FSM-01 "
		vfio-migration-conformance --list | grep "^    fsm_test "'
	check "conformance says that there is no device" sh_in_root '
		status=0
		vfio-migration-conformance --device 0000:00:1f.7 || status=$?
		[ $status -eq 2 ]'
	check "migrate-demo has its help" sh_in_root 'migrate-demo --help | grep -- --dirty-rate'
	check "migrate-demo says that there is no driver" sh_in_root '
		status=0
		migrate-demo || status=$?
		[ $status -eq 1 ]'
	check "vfio-migctl has its help, and its words for bash" sh_in_root '
		vfio-migctl --help | grep "^  inspect FILE "
		bash -n /usr/share/bash-completion/completions/vfio-migctl
		vfio-migctl path RUNNING STOP_COPY | grep "a session begins"'
	check "vfio-migctl says that there is no device" sh_in_root '
		status=0
		vfio-migctl state 0000:00:1f.7 || status=$?
		[ $status -eq 2 ]'
	check "run_kselftest.sh lists all tests" sh_in_root '
		cd /usr/libexec/mtty-mig-selftests
		./run_kselftest.sh -l
		./run_kselftest.sh -l | while IFS=: read -r collection test; do
			[ -x "$collection/$test" ]
		done
		[ "$(./run_kselftest.sh -l | wc -l)" = "$2" ]' \
		"$(make -s --no-print-directory -C "$REPO/selftests" list | wc -l)"
	check "run_kselftest.sh runs a test" sh_in_root '
		/usr/libexec/mtty-mig-selftests/run_kselftest.sh -t mtty-mig:lib/mig_model_test |
			grep "^ok 1 selftests: mtty-mig: mig_model_test$"'
	check "run_kselftest.sh writes its log" sh_in_root '
		/usr/libexec/mtty-mig-selftests/run_kselftest.sh -s -t mtty-mig:generic/fsm_test
		grep SKIP /usr/libexec/mtty-mig-selftests/output.log'
	check "the programs find their libraries" sh_in_root '
		for file in $(dpkg -L mtty-mig-selftests); do
			if [ -f "$file" ] && [ "$(head -c 4 "$file" | tail -c 3)" = ELF ]; then
				ldd "$file" >/tmp/ldd
				if grep "not found" /tmp/ldd; then exit 1; fi
			fi
		done'
	check "both packages can be installed over themselves" sh_in_root '
		apt-get -q install --reinstall /tmp/debs/*.deb
		dkms status | grep "^mtty-mig.*$1.*: installed"'
	check "the packages are purged" sh_in_root 'apt-get -q purge mtty-mig-dkms mtty-mig-selftests'
	check "they leave nothing behind" nothing_left

	mkdir -p "$root/root/mtty-mig"
	(cd "$REPO" && tar -c Makefile mtty-mig kunit selftests tools scripts Documentation) |
		tar -x -C "$root/root/mtty-mig"
	check "dkms add takes the checkout's driver" sh_in_root '
		cd /root/mtty-mig
		dkms add ./mtty-mig
		dkms install mtty-mig/'"$version"' -k "$1"
		modinfo -k "$1" -F filename mtty_mig'
	check "dkms remove removes it" sh_in_root '
		dkms remove mtty-mig/'"$version"' --all
		rm -r /usr/src/mtty-mig-'"$version"
	check "it leaves nothing behind" nothing_left
	check "make install" sh_in_root '
		make -C /root/mtty-mig install KDIR="/lib/modules/$1/build"
		modinfo -k "$1" -F filename mtty_mig | grep /updates/'
	check "make uninstall" sh_in_root '
		make -C /root/mtty-mig uninstall KDIR="/lib/modules/$1/build"
		! modinfo -k "$1" mtty_mig'
	check "it leaves nothing behind" nothing_left
	rm -f "$log.before" "$log.after" "$log.now"
	echo "1..$number"
	echo "# $number checks, $failed failed"
}

version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$REPO/mtty-mig/dkms.conf")
if [ "${1-}" = inside ]; then
	inside "${@:2}"
	exit $((failed > 0))
fi

ls "$REPO"/build/mtty-mig-dkms_*.deb >/dev/null 2>&1 || die "there are no packages in build/" "call make deb first"
check_namespace
need_space 2000 "a fresh Debian"
root=
trap '[ -z "$root" ] || root_remove "$root"' EXIT
status=0
for suite in ${SUITES:-bookworm}; do
	log=$CACHE/logs/debcheck-$(date +%Y%m%d-%H%M%S)-$$-$suite.log
	: >"$log"
	root=$(new_root_dir)
	one=0
	inside_namespace "$0" inside "$root" "$suite" "$log" || one=$?
	# What a check found counts more than that there was no root for another one.
	[ $one -eq 0 ] || [ $status -eq 1 ] || status=$one
	root_remove "$root"
	root=
	say "$suite: log: $log"
	# Somebody wants it to end.
	[ $one -lt 128 ] || exit $one
done
exit $status
