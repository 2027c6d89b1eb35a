#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make bench: measure the device beside its limits and its peer, in one guest.
#
#   RUNS=N		rounds (5)
#   ROWS='...'		only these: stream arcs precopy dma devices beside
#   BASELINE=FILE	an earlier JSON, to compare with

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/setup.sh"

# guest_options names the logs after it
# shellcheck disable=SC2034
verb=bench
# 512 MiB of device memory, and a stream of 64 MiB twice
MEM=${MEM:-1400}
# A row takes minutes where the engine is slow, and says nothing meanwhile.
TIMEOUT=${TIMEOUT:-3600} SILENCE=${SILENCE:-600}
export MEM TIMEOUT SILENCE

setup_kernel "$(flavour 0)"
setup_modules
setup_programs tools
# The peer of the arcs; Debian's kernel has no samples.
peer=$kernel/samples/vfio-mdev/mtty.ko
[ ! -e "$peer" ] || guest_modules+=("$peer")
setup_run "$modules/mtty-mig/mtty_mig.ko" -- tools
unlock_cache

# In the guest, which sees this run's directory there
ARGS="-r ${RUNS:-5} -o /run/lab/samples ${ROWS-}"
guest_options options
options+=(--program mig-bench run)
say "measuring on Linux $(release) $(engine), $flavour"
status=0
wait_for "$SCRIPTS/guest.py" "${options[@]}" || status=$?
[ "$status" -eq 0 ] || exit "$status"

out=$REPO/build/bench
mkdir -p "$out"
cp "$run/samples" "$out/$(release)-$ENGINE.samples"
end_with "$SCRIPTS/bench.py" --release "$(release)" --engine "$ENGINE" --flavour "$flavour" \
	--out "$out" --baseline "${BASELINE-}" "$out/$(release)-$ENGINE.samples"
