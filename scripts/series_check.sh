#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make series-check: prove on a scratch copy of a kernel tree what series.rst
# says of the patches.
#
#   series_check.sh TREE
#
# shellcheck disable=SC2317 # prove calls them

. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/series_tree.sh"

series_tree "$1"
say "the series is in $patches, the tree with it is $tree"

same_again() {
	rm -rf "$scratch/again"
	mkdir "$scratch/again"
	"$SCRIPTS/series.py" "$origin" "$scratch/again"
	diff -r "$patches" "$scratch/again"
}

# What checkpatch says and does not hold, as FILE TYPE; each with its reason.
allowed() {
	cat <<-'END'
		# all of the kernel's trace headers are written like this
		samples/vfio-mdev/mtty-mig/trace.h OPEN_ENDED_LINE
		samples/vfio-mdev/mtty-mig/trace.h PARENTHESIS_ALIGNMENT
		samples/vfio-mdev/mtty-mig/trace.h TRAILING_SEMICOLON
		# a list, for the macro that its user gives it
		samples/vfio-mdev/mtty-mig/arcs.h COMPLEX_MACRO
		samples/vfio-mdev/mtty-mig/arcs.h MACRO_ARG_REUSE
		samples/vfio-mdev/mtty-mig/points.h COMPLEX_MACRO
		samples/vfio-mdev/mtty-mig/points.h MACRO_ARG_REUSE
		samples/vfio-mdev/mtty-mig/points.h MACRO_ARG_UNUSED
		tools/testing/selftests/vfio-migration/device/lib/stream_format.h COMPLEX_MACRO
		tools/testing/selftests/vfio-migration/device/lib/stream_format.h MACRO_ARG_REUSE
		# macros that declare a fixture, as those of the kernel's selftests
		tools/testing/selftests/vfio-migration/generic/dut_fixture.h MACRO_ARG_REUSE
		tools/testing/selftests/vfio-migration/generic/dut_fixture.h MACRO_WITH_FLOW_CONTROL
		tools/testing/selftests/vfio-migration/generic/dut_fixture.h MULTISTATEMENT_MACRO_USE_DO_WHILE
		tools/testing/selftests/vfio-migration/device/lib/mtty_fixture.h COMPLEX_MACRO
		tools/testing/selftests/vfio-migration/device/lib/mtty_fixture.h MACRO_ARG_REUSE
		tools/testing/selftests/vfio-migration/device/lib/mtty_fixture.h MACRO_WITH_FLOW_CONTROL
		tools/testing/selftests/vfio-migration/device/lib/mtty_fixture.h MULTISTATEMENT_MACRO_USE_DO_WHILE
		# aligned for the name that 6.14 gave to kthread_create_worker()
		samples/vfio-mdev/mtty-mig/engine.c PARENTHESIS_ALIGNMENT
		# the uAPI's own name, which a tree before 7.1 does not know
		tools/testing/selftests/vfio-migration/generic/precopy_test.c CAMELCASE
		tools/testing/selftests/vfio-migration/device/reinit_test.c CAMELCASE
	END
}

# checkpatch of one patch.  It takes half a minute for a large one, so one that was
# clean is not looked at again.
#
# FILE_PATH_CHANGES: series.py sees to it that an entry in MAINTAINERS which this or
# an earlier patch made covers each new file, and checkpatch sees but one patch.
checkpatch_one() {
	local patch=$1 key clean out status=0
	key=$(hash_text "$(grep -v '^Date: ' "$patch")" "$(cat "$tree/scripts/checkpatch.pl")" \
		"$(allowed)")
	clean=$scratch/clean/$key
	[ ! -e "$clean" ] || return 0
	out=$scratch/checkpatch/${patch##*/}
	# It looks for names in the tree's headers by way of git if there is one,
	# and git does not know all of the tree.
	GIT_DIR=/nonexistent "$tree/scripts/checkpatch.pl" --root="$tree" \
		--strict --terse --showfile --show-types --no-summary \
		--ignore FILE_PATH_CHANGES "$patch" >"$out" 2>&1 || status=$?
	if [ "$status" -gt 1 ]; then
		echo "error: checkpatch.pl ended with $status"
		return 1
	fi
	awk -v patch="${patch##*/}" '
		NR == FNR { if (!/^#/) allowed[$1, $2] = 1; next }
		{
			split($0, part, ":")
			type = $0
			sub(/^[^:]*:[0-9]+: [A-Z]+:/, "", type)
			sub(/:.*/, "", type)
			if (!((part[1], type) in allowed)) {
				print "error: " patch ": " $0
				bad = 1
			}
		}
		END { exit bad }
	' <(allowed) "$out" && touch "$clean"
}

checkpatch() {
	local patch child status=0 children=()
	rm -rf "$scratch/checkpatch"
	mkdir -p "$scratch/checkpatch" "$scratch/clean"
	cd "$scratch/checkpatch"
	while IFS= read -r patch; do
		checkpatch_one "$patch" &
		children+=($!)
	done < <(changes)
	for child in "${children[@]}"; do
		wait "$child" || status=1
	done
	return "$status"
}

kernel_doc() {
	cd "$tree"
	scripts/kernel-doc -none -Werror samples/vfio-mdev/mtty-mig/*.[ch] \
		samples/vfio-mdev/mtty-mig/tests/*.[ch]
}

# Each page that the new files name is there.
references() {
	local name status=0
	while IFS= read -r name; do
		[ ! -e "$tree/$name" ] || continue
		# Debian's source is unpacked without most of Documentation.
		if [ -e "$tree/Documentation/driver-api/index.rst" ] ||
			[[ $name == */vfio-migration/* ]]; then
			echo "error: $name is named, and not there"
			status=1
		fi
	done < <(cat "$patches"/*.patch | grep '^+' |
		grep -o 'Documentation/[A-Za-z0-9_/.-]*\.rst' | sort -u)
	return "$status"
}

read_only() {
	local found
	# Python's own files come from whoever else builds from this tree.
	found=$(find "$origin" -type f -newercm "$scratch/before" ! -path '*/.git/*' \
		! -path '*/__pycache__/*' -print -quit)
	[ -z "$found" ] || { echo "error: $found was written to"; return 1; }
}

# Newer kunit.py has QEMU take KVM where it opens, and that can be where no kernel
# runs under it (see lab/engines/qemu.py).  There it gets a QEMU that is not asked for it.
kunit_x86_64() {
	local qemu
	if [ "$(python3 -B "$SCRIPTS/lab/engines/qemu.py")" = tcg ]; then
		qemu=$(command -v qemu-system-x86_64)
		mkdir -p "$scratch/bin"
		cat >"$scratch/bin/qemu-system-x86_64" <<-END
			#!/bin/bash
			args=()
			while [ \$# -gt 0 ]; do
			case "\$1 \${2-}" in
			'-accel kvm' | '-accel hvf') shift ;;
			*) args+=("\$1") ;;
			esac
			shift
			done
			exec '$qemu' "\${args[@]}"
		END
		chmod +x "$scratch/bin/qemu-system-x86_64"
		export PATH=$scratch/bin:$PATH
	fi
	kunit x86_64 --arch x86_64
}

# The driver and its suites as modules, in the kernel that the selftests run on.
modular=$scratch/modular
build_modular() {
	mkdir -p "$modular"
	# Our Kconfig has to select what the lab gets by way of the kernel's sample, its
	# iommufd tests and KSM.
	{
		"${lab[@]}" fragments "$tree" | sed '/^CONFIG_/s/ | /\n/g' |
			grep -v '^CONFIG_\(SAMPLE_VFIO_MDEV_MTTY\|VFIO_MDEV\|KSM\|XXHASH\|IOMMUFD_TEST\)='
		echo CONFIG_SAMPLE_VFIO_MDEV_MTTY_MIG=m
		echo CONFIG_MTTY_MIG_KUNIT_TEST=m
	} >"$modular/fragment.new"
	if ! cmp -s "$modular/fragment.new" "$modular/fragment"; then
		make -C "$tree" O="$modular" ARCH=um -s \
			KCONFIG_ALLCONFIG="$modular/fragment.new" allnoconfig
		mv "$modular/fragment.new" "$modular/fragment"
	fi
	# Without it the device would have no DMA log, and the tests of it would be skipped.
	grep -q '^CONFIG_IOMMUFD_DRIVER=y$' "$modular/.config" ||
		{ echo "error: nothing has selected IOMMUFD_DRIVER"; return 1; }
	make -C "$tree" O="$modular" ARCH=um -j"$JOBS" linux modules 2>&1 | tee "$modular/log"
	! grep -A 3 'samples/vfio-mdev/mtty-mig/.*warning:' "$modular/log" || return 1
	[ -e "$modular/samples/vfio-mdev/mtty-mig/mtty_mig.ko" ] &&
		[ -e "$modular/samples/vfio-mdev/mtty-mig/tests/mtty_mig_kunit.ko" ]
}

# What selftests/vfio-migration/config asks for is what that kernel has.
selftests_config() {
	local line status=0
	while IFS= read -r line; do
		# As a module or not: either will do.
		grep -q "^${line%=*}=[ym]$" "$modular/.config" || {
			echo "error: the kernel lacks $line"
			status=1
		}
	done <"$tree/tools/testing/selftests/vfio-migration/config"
	return "$status"
}

# The kernel's own way from a tree to installed selftests.
build_selftests() {
	local build=$scratch/selftests
	rm -rf "$scratch/kselftest" "$build/kselftest"
	make -C "$tree" O="$build" ARCH=x86 -j"$JOBS" -s headers &&
		make -C "$tree/tools/testing/selftests" O="$build" ARCH=x86 -j"$JOBS" \
			TARGETS=vfio-migration FORCE_TARGETS=1 \
			KSFT_INSTALL_PATH="$scratch/kselftest" install &&
		[ -x "$scratch/kselftest/run_kselftest.sh" ]
}

# After each patch that adds a test or something of the driver, all of that builds: who
# bisects lands between two of them.
build_each() {
	local build=$scratch/each commit folder=tools/testing/selftests/vfio-migration status=0
	make -C "$tree" O="$build" ARCH=x86 -j"$JOBS" -s headers
	for commit in $(our_git rev-list --reverse base..series); do
		our_git log -1 --format='%h %s' "$commit"
		our_git checkout -q "$commit"
		if [ -d "$tree/$folder" ]; then
			make -C "$tree/tools/testing/selftests" O="$build" ARCH=x86 -j"$JOBS" \
				TARGETS=vfio-migration FORCE_TARGETS=1 || status=1
		fi
		if [ -e "$tree/samples/vfio-mdev/mtty-mig/Kbuild" ]; then
			make -C "$tree" O="$modular" ARCH=um -j"$JOBS" samples/vfio-mdev/mtty-mig/ ||
				status=1
		fi
		if [ -e "$tree/samples/vfio-mdev/mtty-mig/tests/Kbuild" ]; then
			make -C "$tree" O="$modular" ARCH=um -j"$JOBS" \
				samples/vfio-mdev/mtty-mig/tests/ || status=1
		fi
		[ "$status" -eq 0 ] || echo "error: it does not build"
		[ "$status" -eq 0 ] || break
	done
	our_git checkout -q series
	return "$status"
}

# In a guest: KUnit's module and run_kselftest.sh, on one device type after the
# other as its caller would choose one.
run_selftests() {
	local log lines number passed
	log=$CACHE/logs/series-$(date +%Y%m%d-%H%M%S)-$$
	timeout 1500 "${lab[@]}" series-guest "$scratch" "$modular" "$log" \
		"$modular"/samples/vfio-mdev/mtty-mig/{,tests/}*.ko <<-'END' | tee "$scratch/kselftest.tap"
		insmod /run/lab/modules/mtty_mig_kunit.ko && rmmod mtty_mig_kunit
		cd /run/lab/kselftest && ./run_kselftest.sh -c vfio-migration </dev/null
	END
	lines=$(wc -l <"$scratch/kselftest/kselftest-list.txt")
	number=$(grep -cE '^(not )?ok [0-9]+ selftests: ' "$scratch/kselftest.tap")
	# One that was skipped has proved nothing
	passed=$(grep -E '^ok [0-9]+ selftests: ' "$scratch/kselftest.tap" | grep -vc '# SKIP')
	echo "$lines programs are listed, $number have a result, $passed passed"
	"$SCRIPTS/klog.py" "$log.log" &&
		"$SCRIPTS/ktap.py" "$log.log" &&
		[ "$lines" -gt 0 ] && [ "$number" = "$lines" ] && [ "$passed" = "$lines" ]
}

prove "the same patches again" same_again
prove "checkpatch --strict" checkpatch
prove "kernel-doc" kernel_doc
prove "references to Documentation" references
prove "kunit.py, UML, =y" kunit um
prove "kunit.py, x86_64, =y" kunit_x86_64
prove "UML kernel, =m" build_modular
if [ $held -eq 1 ]; then
	prove "each patch builds" build_each
	prove "UML kernel: selftests/config" selftests_config
	prove "UML kernel: selftests, install" build_selftests
	[ $held -eq 0 ] || prove "UML kernel: run_kselftest.sh" run_selftests
fi
prove "the tree was only read" read_only
[ -e "$tree/Documentation/driver-api/index.rst" ] ||
	say "not proved: that the pages are listed in Documentation/driver-api/index.rst, which this tree lacks"
show_proofs
exit $failed
