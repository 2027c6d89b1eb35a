#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make interop: QEMU, in the lab's guest, migrates our device to another QEMU,
# with a Linux in it that works with the device.  See Documentation/interop.rst.
#
#   interop.sh

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/setup.sh"

verb=interop
QEMU=${QEMU:-debian}
packages=(interop)
case $QEMU in
debian | latest) packages+=(vmm) ;;
esac

check_choice
: "${BACKEND:=$([ "$ENGINE" = uml ] && echo iommufd || echo container)}"
[ -z "${MUTANT-}" ] || packages+=(git)
flavour=$(flavour 1)
setup_kernel "$flavour" "${packages[@]}"
# What the migrated machine runs does not matter much: one kernel for all, but
# who names a tree may have no other.
case $KERNEL in
*/*) vm_source=$source ;;
*) vm_source=$(KERNEL=lts "$SCRIPTS/source.sh") ;;
esac
vm_kernel=$(KERNEL=lts ENGINE=qemu "$SCRIPTS/kernel.sh" vm "$vm_source")
vmm=
case $QEMU in
debian | latest) vmm=$("$SCRIPTS/vmm.sh" "$QEMU") ;;
esac

# MUTANT: one mistake in the driver, to see that the scenarios notice.
if [ -n "${MUTANT-}" ]; then
	patch=$REPO/selftests/mutants/$MUTANT.patch
	tree=$work/interop-mutant
	rm -rf "$tree"
	mkdir -p "$tree"
	cp -r "$REPO/mtty-mig" "$REPO/kunit" "$tree/"
	(cd "$tree" && GIT_CEILING_DIRECTORIES=$work git apply --whitespace=nowarn "$patch") ||
		die "$MUTANT does not apply"
	modules=$tree-modules
	"$SCRIPTS/modules.sh" "$kernel" "$modules" "$tree"
else
	setup_modules
fi
setup_programs selftests
step interop make -C "$REPO/selftests" -j"$JOBS" KSRC="$source" UAPI="$uapi/include" \
	OUTPUT="$programs/selftests" interop
setup_run "$modules/mtty-mig/mtty_mig.ko" -- selftests

cp -L "$vm_kernel/bzImage" "$run/vm-bzImage"
mkdir -p "$run/root"/{dev,proc,sys} "$run/interop"
cp "$programs/selftests/interop/vm/init" "$run/root/"
# shellcheck disable=SC2317 # step calls it
pack() { (cd "$run/root" && find . | busybox cpio -o -H newc >"$run/initramfs"); }
step interop-initramfs pack

interop=$programs/selftests/interop/interop.py
words="--kernel /run/lab/vm-bzImage --initramfs /run/lab/initramfs --logs /run/lab/interop"
case $QEMU in
debian | latest) words+=" --root /run/vmm" ;;
*) words+=" --qemu $QEMU" ;;
esac
words+=" --backend $BACKEND"
# That kernel has no IOMMUFD_DRIVER, so the device has no DMA log, and QEMU wants to
# be told that it may migrate it all the same.
[ "$KERNEL" != debian ] || words+=" --option enable-migration=on"
# A machine in a machine without KVM takes long: there only what UML cannot show, and
# there is more patience.  What a mistake has broken for good is not waited for as long.
default='*'
case $ENGINE in
uml)
	[ -z "${MUTANT-}" ] || words+=" --patience 60"
	;;
qemu)
	default='@(type-full|type-base|intx)'
	words+=" --patience 600"
	SILENCE=${SILENCE:-1800} TEST_TIMEOUT=${TEST_TIMEOUT:-3600} TIMEOUT=${TIMEOUT:-7200}
	;;
esac
units=()
while read -ra names; do
	unit=
	for name in "${names[@]:1}"; do
		# shellcheck disable=SC2053 # TEST is a pattern
		[[ $name != ${TEST:-$default} ]] || unit+=@$name
	done
	[ -z "$unit" ] || units+=("interop/interop.py@${names[0]}$unit")
done < <(python3 -B "$interop" --groups)
unlock_cache

MEM=${MEM:-1024}
TEST_TIMEOUT=${TEST_TIMEOUT:-1500}
TIMEOUT=${TIMEOUT:-3600}
SILENCE=${SILENCE:-600}
ARGS=$words
guest_options options
options+=(--vmm "$vmm")
say "interop on Linux $(release) $(engine), $flavour${MUTANT:+, with the mistake $MUTANT}"
end_with "$SCRIPTS/interop_lab.py" "${options[@]}" "${units[@]}"
