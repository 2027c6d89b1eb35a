#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make portability: the driver and its KUnit suites build without a warning
# for other architectures, and the suites pass where a long has 32 bits and
# where the byte order is the other one.
#
# They are built in a kernel tree with the series applied, which needs no more
# of an architecture than its "make prepare"; and the suites run as kunit.py
# runs them.
#
#   portability.sh TREE
#
# shellcheck disable=SC2317 # prove calls them

. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/series_tree.sh"

series_tree "$1"

# The options without which there is nothing to build, and those that add code:
# debugfs, tracepoints, the real iova_bitmap's header.
fragment() {
	cat <<-END
		$1
		CONFIG_MMU=y
		CONFIG_MODULES=y
		CONFIG_DEBUG_FS=y
		CONFIG_FTRACE=y
		CONFIG_ENABLE_DEFAULT_TRACERS=y
		CONFIG_IOMMU_SUPPORT=y
		CONFIG_IOMMUFD=y
		CONFIG_VFIO=y
		CONFIG_VFIO_DEVICE_CDEV=y
		CONFIG_KUNIT=y
		CONFIG_SAMPLES=y
		CONFIG_SAMPLE_VFIO_MDEV_MTTY_MIG=m
		CONFIG_MTTY_MIG_KUNIT_TEST=m
	END
}

# builds ARCH PREFIX LINE: all of the objects, and no call of the compiler's own
# library, which the kernel does not have: 64 bits divided on a machine of 32.
builds() {
	local arch=$1 prefix=$2 line build=$scratch/build-$1 dir=samples/vfio-mdev/mtty-mig
	local kmake=(make -C "$tree" O="$build" ARCH="$arch" CROSS_COMPILE="$prefix" -j"$JOBS")
	mkdir -p "$build"
	fragment "$3" >"$build/fragment.new"
	if ! cmp -s "$build/fragment.new" "$build/fragment"; then
		"${kmake[@]}" KCONFIG_ALLCONFIG="$build/fragment.new" allnoconfig
		while IFS= read -r line; do
			grep -qxF "$line" "$build/.config" || {
				echo "error: the configuration does not take $line"
				return 1
			}
		done < <(grep . "$build/fragment.new")
		mv "$build/fragment.new" "$build/fragment"
	fi
	"${kmake[@]}" W=1 KCFLAGS=-Werror "$dir/"
	"${kmake[@]}" W=1 KCFLAGS=-Werror "$dir/tests/"
	if "${prefix}nm" -u "$build/$dir/mtty_mig.o" "$build/$dir/tests/mtty_mig_kunit.o" |
		grep -E ' U __(u?div|u?mod|u?divmod|mul|ashl|ashr|lshr|u?cmp)[dt]i[0-9]$'; then
		echo "error: the compiler's library is called"
		return 1
	fi
}

prove "x86_64: builds" builds x86_64 "" CONFIG_64BIT=y
prove "i386: builds" builds i386 i686-linux-gnu- ""
prove "arm64: builds" builds arm64 aarch64-linux-gnu- ""
prove "riscv64: builds" builds riscv riscv64-linux-gnu- CONFIG_64BIT=y
prove "s390x: builds" builds s390 s390x-linux-gnu- ""
prove "i386, 32 bits: KUnit in QEMU" \
	kunit i386 --arch i386 --cross_compile i686-linux-gnu-
prove "s390x, big-endian: KUnit in QEMU" \
	kunit s390 --arch s390 --cross_compile s390x-linux-gnu-
show_proofs
exit $failed
