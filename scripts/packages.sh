#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# See to it that the programs which the lab needs are here.  What counts is
# the program, not the package, so that it does not matter where it came from;
# the packages' names are only needed to ask for them.
#
#   packages.sh [modules|lint|lint-quick|docs|coverage|fuzz|qemu|git|series|portability|deb|newcomer|interop|vmm|
#	patch|vfio-selftests|report]...

. "$(dirname "$0")/lib.sh"

# program:package on Debian
need=(
	gcc:gcc ld:binutils make:make flex:flex bison:bison bc:bc perl:perl
	xz:xz-utils python3:python3 insmod:kmod
	flock:util-linux setsid:util-linux stty:coreutils
	cmp:diffutils find:findutils
)
fuzz=
headers=('stdio.h:libc6-dev')
if [ "$*" = modules ]; then
	# For a kernel of this machine, whose headers bring the rest
	need=(gcc:gcc ld:binutils make:make flock:util-linux insmod:kmod)
	headers=()
fi
for what; do
	case $what in
	lint) need+=(sparse:sparse spatch:coccinelle) ;;
	lint-quick) need+=(shellcheck:shellcheck mypy:mypy pyflakes3:pyflakes3 sphinx-build:python3-sphinx dot:graphviz) ;;
	docs) need+=(sphinx-build:python3-sphinx dot:graphviz) ;;
	coverage) need+=(gcov:gcc genhtml:lcov) ;;
	fuzz)
		need+=(clang:clang llvm-symbolizer:llvm)
		fuzz=1
		;;
	deb) need+=(dh:debhelper dh_dkms:dh-dkms dpkg-buildpackage:dpkg-dev lintian:lintian) ;;
	newcomer)
		need+=(git:git mmdebstrap:mmdebstrap)
		# An ordinary user's namespaces
		[ "$(id -u)" -eq 0 ] || need+=(newuidmap:uidmap)
		;;
	qemu)
		need+=(qemu-system-x86_64:qemu-system-x86 busybox:busybox-static depmod:kmod)
		# The kernel's objtool
		[ "${KERNEL-}" = debian ] || headers+=('libelf.h:libelf-dev')
		;;
	git) need+=(git:git) ;;
	patch) need+=(patch:patch) ;;
	# Only the test of the report wants it, and is skipped without.
	report) need+=(chromium:chromium) ;;
	vfio-selftests) headers+=('uuid/uuid.h:uuid-dev') ;;
	interop)
		need+=(busybox:busybox-static)
		headers+=('libelf.h:libelf-dev')
		;;
	vmm) need+=(mmdebstrap:mmdebstrap) ;;
	series)
		need+=(git:git rsync:rsync qemu-system-x86_64:qemu-system-x86)
		headers+=('libelf.h:libelf-dev')
		;;
	portability)
		need+=(git:git rsync:rsync qemu-system-i386:qemu-system-x86)
		for target in i686 aarch64 riscv64 s390x; do
			need+=("$target-linux-gnu-gcc:gcc-$target-linux-gnu")
		done
		# Debian 13 has split it off
		if apt-cache show qemu-system-s390x >/dev/null 2>&1; then
			need+=(qemu-system-s390x:qemu-system-s390x)
		else
			need+=(qemu-system-s390x:qemu-system-misc)
		fi
		headers+=('libelf.h:libelf-dev')
		;;
	esac
done

# yaml_python: is there a Python that has yaml, for the lab's own tests?
yaml_python() {
	local python
	for python in python3 /usr/bin/python3; do
		! "$python" -c 'import yaml' 2>/dev/null || return 0
	done
	return 1
}

missing_programs=()
missing_packages=()
for pair in "${need[@]}"; do
	if ! command -v "${pair%%:*}" >/dev/null; then
		missing_programs+=("${pair%%:*}")
		missing_packages+=("${pair#*:}")
	fi
done

# A compiler without the C library's headers is a program, but no compiler.
for pair in "${headers[@]}"; do
	if ! [ -e "/usr/include/${pair%%:*}" ] &&
		! echo "#include <${pair%%:*}>" | gcc -E - >/dev/null 2>&1; then
		missing_programs+=("the header ${pair%%:*}")
		missing_packages+=("${pair#*:}")
	fi
done

# Clang's sanitizers and libFuzzer come apart from clang itself.
if [ -n "$fuzz" ] && ! { command -v clang >/dev/null &&
	echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
		clang -fsanitize=fuzzer,address -x c -o /dev/null - 2>/dev/null; }; then
	missing_programs+=("clang's runtime libraries")
	missing_packages+=(libclang-rt-dev)
fi

# A module of Python, for the one that the user has or for Debian's
if [[ " $* " == *" lint-quick "* ]] && ! yaml_python; then
	missing_programs+=("yaml of Python")
	missing_packages+=(python3-yaml)
fi

# What a new root is verified with.
if [[ " $* " == *\ @(newcomer|vmm)\ * ]] && ! [ -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
	missing_programs+=("Debian's keys")
	missing_packages+=(debian-archive-keyring)
fi

[ ${#missing_programs[@]} -gt 0 ] || exit 0

missing=$(printf '%s, ' "${missing_programs[@]}")
missing=${missing%, }
if ! command -v apt-get >/dev/null; then
	die "missing here: $missing" \
		"install what provides them (README.md has the names for Fedora and Arch) and call again"
fi

mapfile -t missing_packages < <(printf '%s\n' "${missing_packages[@]}" | sort -u)
if [ "$(id -u)" -ne 0 ]; then
	lines=("sudo apt-get install ${missing_packages[*]}")
	# In a container's image apt may know no packages but the installed ones.
	for package in "${missing_packages[@]}"; do
		if ! apt-cache show "$package" >/dev/null 2>&1; then
			lines=("sudo apt-get update" "${lines[@]}")
			break
		fi
	done
	die "missing here: $missing; only root can install packages. Run this, then call again:" \
		"${lines[@]}"
fi

say "installing: ${missing_packages[*]}"
export DEBIAN_FRONTEND=noninteractive
install=(apt-get install -y -q --no-install-recommends "${missing_packages[@]}")
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The package lists may be empty or stale: fetch them only if it fails without.
if ! "${install[@]}" >"$log" 2>&1 </dev/null; then
	say "updating the package lists first"
	if ! { apt-get update -q && "${install[@]}"; } >"$log" 2>&1 </dev/null; then
		tail -n 15 "$log" | sed 's/^/     | /' >&2
		! no_network "$log" ||
			die "no network: apt-get cannot fetch ${missing_packages[*]}" \
				"connect this machine (apt heeds http_proxy), then call again"
		die "apt-get could not install: ${missing_packages[*]}" \
			"see what it says above; then call again"
	fi
fi
