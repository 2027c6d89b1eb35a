#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the driver, and the KUnit suites if the kernel has KUnit, as external
# modules against a prepared kernel.  The sources are copied, so that no object
# ever lies in the checkout; all in one kbuild run, because the suites use what
# the driver exports.
#
#   modules.sh KDIR OUTPUT [SOURCES]
#
# SOURCES: a directory with what is built, if it is not this checkout.
#
# KBUILD_WORDS: NAME=VALUE, a line each, what the user says to the kernel's makefiles:
# ARCH, CROSS_COMPILE, LLVM, CC, V, W, C, KCFLAGS and more (see lab/config.py).

. "$(dirname "$0")/lib.sh"

kdir=$1
out=$2
REPO=${3:-$REPO}
parts=(mtty-mig)

hint="KDIR= has to name a configured and prepared kernel build, such as /lib/modules/VERSION/build from a linux-headers package"
config=$kdir/include/config/auto.conf
[ -d "$kdir" ] || die "there is no kernel in '$kdir'" "$hint"
[ -f "$kdir/Makefile" ] && [ -f "$config" ] && [ -f "$kdir/include/config/kernel.release" ] ||
	die "'$kdir' is not a prepared kernel" "$hint"
kdir=$(cd "$kdir" && pwd -P)
release=$(cat "$kdir/include/config/kernel.release")
IFS=.- read -r major minor _ <<<"$release"
if [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 2 ]; }; then
	die "Linux $release is too old: VFIO migration has no PRE_COPY before 6.2" \
		"the driver needs Linux 6.12 or newer"
elif [ "$major" -eq 6 ] && [ "$minor" -lt 12 ]; then
	die "Linux $release is too old: the driver needs Linux 6.12 or newer"
fi
has() { grep -Eq "^CONFIG_$1=[ym]" "$config"; }
missing=
for option in MODULES VFIO VFIO_MDEV XXHASH; do
	has $option || missing+=" $option"
done
case $missing in
'') ;;
' VFIO_MDEV')
	die "Linux $release is built without VFIO_MDEV, which the device needs" \
		"nothing but a driver or sample can select it: SAMPLE_VFIO_MDEV_MTTY=m does"
	;;
*)
	die "Linux $release is built without what the driver needs:$missing" \
		"configure them; VFIO_MDEV comes with SAMPLE_VFIO_MDEV_MTTY=m, XXHASH with KSM=y"
	;;
esac
if has KUNIT; then
	parts+=(kunit)
fi

given=()
[ -z "${KBUILD_WORDS-}" ] || mapfile -t given <<<"$KBUILD_WORDS"
cflags=
words=()
verbose=
again=
for word in "${given[@]}"; do
	case $word in
	KCFLAGS=*) cflags=" ${word#*=}" ;;
	V=0) ;;
	# What it shows and what is looked at again does not depend on what was built.
	V=*) words+=("$word") verbose=1 again=1 ;;
	[CW]=*) words+=("$word") again=1 ;;
	*) words+=("$word") ;;
	esac
done
said() { [[ $'\n'${KBUILD_WORDS-} == *$'\n'"$1="* ]]; }

if has UML && ! said ARCH; then
	words+=(ARCH=um)
fi
# With another compiler than its own the kernel's options do not fit.
if has CC_IS_CLANG && ! said LLVM && ! said CC; then
	words+=(LLVM=1)
fi
gcov=()
# make lint: C=1 has sparse look at what is compiled
lint=()
if [ -n "${LINT-}" ]; then
	lint=(W=1 C=1 CHECK="sparse")
fi
# A warning is an error with the lab's own kernels; a mutant may well have one
if [ $# -lt 3 ] && [[ $kdir == "$CACHE"/kernel/* ]]; then
	cflags+=' -Werror'
fi
if has GCOV_KERNEL; then
	# Expanded by kbuild in each directory: the driver and not its suites.
	# shellcheck disable=SC2016
	gcov=('GCOV_PROFILE=$(if $(filter %mtty-mig,$(obj)),y)')
	# What is done to the code before the counters are put in makes several
	# of one branch: a copy for each caller, a copy for each way there.
	cflags+=' -fno-early-inlining -fno-partial-inlining -fno-thread-jumps'
fi

key=$(hash_text "$(hash_files "${parts[@]}")" "$kdir" "$release" "$(cat "$0")" "${given[*]}" \
	"$(cat "$kdir/.mtty-mig-stamp" 2>/dev/null || stat -c %Y "$config")")
if [ -z "$again" ] && stamped "$out" "$key"; then
	used "$out"
	exit 0
fi

say "building the modules for Linux $release"
start=$(now)
# What was built for another kernel may look up to date.
[ "$(cat "$out/.built-for" 2>/dev/null)" = "$kdir $release" ] || rm -rf "$out"
build_on "$out"
echo "$kdir $release" >"$out/.built-for"

# Copy what differs and with a new time, remove what is gone: then make's own
# judgement of what to rebuild is right, wherever the old times came from.
for part in "${parts[@]}"; do
	(cd "$REPO" && find "$part" -type f -name '[!.]*' ! -name '*.o' ! -name '*.ko' \
		! -name '*.mod' ! -name '*.mod.c' ! -name modules.order) |
		while IFS= read -r file; do
			cmp -s "$REPO/$file" "$out/$file" && continue
			mkdir -p "$out/${file%/*}"
			cp --no-preserve=all "$REPO/$file" "$out/$file"
		done
	(cd "$out" && find "$part" -type f \( -name '*.[chS]' -o -name Kbuild -o -name Makefile \) \
		! -name '*.mod.c') |
		while IFS= read -r file; do
			[ -f "$REPO/$file" ] || rm -f "$out/$file" "$out/${file%.c}.o"
		done
done
printf 'obj-m += %s/\n' "${parts[@]}" >"$out/Kbuild"

# __FILE__, which KUnit and WARN print, as a name in the checkout.
build() {
	make -C "$kdir" M="$out" "${gcov[@]}" "${lint[@]}" "${words[@]}" \
		KCFLAGS="-fmacro-prefix-map=$out/=$cflags" -j"$JOBS" modules
}
copied_to=$out
if [ -n "$verbose" ]; then
	log=$CACHE/logs/modules.log
	build 9>&- </dev/null 2>&1 | tee "$log" >&2 || die_or_full "the modules could not be built" "$log"
else
	step modules build
fi

stamp "$out" "$key"
say "built the modules in $(took "$start")"
