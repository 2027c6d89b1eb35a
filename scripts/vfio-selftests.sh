#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make vfio-selftests: the kernel's own suite, tools/testing/selftests/vfio, on cards in
# software that vfio-pci has.  See Documentation/standins.rst.
#
#   TEST=PATTERN	only the programs of that name

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/setup.sh"

# guest_options names the logs after it
# shellcheck disable=SC2034
verb=vfio-selftests
KERNEL=${KERNEL_GIVEN:-latest}
export KERNEL
# What plain.c plugs in: the first one has SR-IOV.
with_vfs=0000:80:00.0
cards=(0000:80:01.0 0000:80:02.0)

flavour=$(flavour 1)
setup_kernel "$flavour" vfio-selftests
suite=$source/tools/testing/selftests/vfio
[ -d "$suite" ] || die "the source of Linux $(release) has no tools/testing/selftests/vfio" \
	"it is there since 6.18: KERNEL=latest, or a tree of yours"
setup_standin plain

# By its own Makefile.  It keeps objects by the name of the source; the headers are the
# source's, too.
built=$work/vfio-selftests-${kernel##*/}
# shellcheck disable=SC2317 # step calls it
build_suite() {
	mkdir -p "$built"
	make -C "$suite" OUTPUT="$built" ARCH=x86_64 \
		KHDR_INCLUDES="-D_GNU_SOURCE= -isystem $uapi/include" -j"$JOBS"
}
step vfio-selftests build_suite

new_run
fill_run "$standin_module" --
mkdir -p "$run/selftests/vfio"
units=()
for program in "$built"/vfio_*_test; do
	name=${program##*/}
	# shellcheck disable=SC2053 # TEST is a pattern
	[ -z "${TEST-}" ] || [[ $name == $TEST ]] || continue
	cp "$program" "$run/selftests/vfio/"
	case $name in
	*sriov*) units+=("vfio/$name@plain@$with_vfs") ;;
	# Several devices at once
	*perf*) units+=("vfio/$name@plain@${cards[0]}@${cards[1]}") ;;
	# Through iommufd's compatibility container no BAR can be mapped for DMA, and User
	# Mode Linux has no other container: iommufd_vfio_map_dma() gives EFAULT.
	*mmio*) units+=("vfio/$name@plain@-V@vfio_type1_iommu@-V@vfio_type1v2_iommu@${cards[0]}") ;;
	*) units+=("vfio/$name@plain@${cards[0]}") ;;
	esac
done
unlock_cache
[ "${#units[@]}" -gt 0 ] || die "no program of the suite is called ${TEST-}"

name=${standin_module##*/}
# The test of SR-IOV lets vfio-pci have a PF with VFs.
APPEND="vfio_pci.enable_sriov=1 ${APPEND-}"
guest_options options "${name%.ko}"
say "the kernel's own VFIO selftests on Linux $(release) $(engine)"
# shellcheck disable=SC2154 # guest_options sets it
end_with "$SCRIPTS/guest.py" "${options[@]}" --bind "$standin_driver" check "${units[@]}"
