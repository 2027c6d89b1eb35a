#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make drivers: the kernel's own drivers, without their hardware, against the rules; see
# drivers.py and Documentation/standins.rst.
#
#   DRIVER='...'	only these
#   KERNEL=...		on this kernel; by default lts and latest
#   TEST=PATTERN	only the programs of that name; what they do not judge is not compared
#   RECORD=1		what comes out is what is expected from now on
#   RECORD=more		or what was expected, by chance; with TEST= only rules are added that
#			nothing is recorded of

. "$(dirname "$0")/lib.sh"

"$SCRIPTS/packages.sh"
make_cache
options=()
[ -z "${TEST-}" ] || [ "${RECORD:-0}" != 1 ] ||
	die "RECORD=1 wants all tests" "leave TEST= out; RECORD=more adds the rules that are new"
[ "${RECORD:-0}" = 0 ] || options=(--record "$RECORD")
exec "$SCRIPTS/drivers.py" run --drivers "${DRIVER-}" --kernels "$KERNEL_GIVEN" \
	--test "${TEST-}" --logs "$CACHE/logs/drivers-$(date +%Y%m%d-%H%M%S)-$$" "${options[@]}"
