#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make lint: what the kernel's own checkers say of our code (W=1, sparse,
# coccicheck and checkpatch, of the kernel KERNEL=), shellcheck on our scripts,
# and the lab's own tests.  A warning is an error.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/setup.sh"

flavour=$(flavour 1)
setup_kernel "$flavour" lint git
cd "$REPO"
status=0

# Everything is compiled again, for a warning is given only once.
say "W=1 and sparse, on Linux $(release)"
built=$work/lint-${kernel##*/}
rm -rf "$built"
LINT=1 "$SCRIPTS/modules.sh" "$kernel" "$built" || status=1
if grep -qE '(warning|error): ' "$CACHE/logs/modules.log"; then
	status=1
fi

# The kernel's semantic patches.  Not by "make coccicheck", which ends at the first
# one that it cannot run: those with a script in OCaml, for which Debian's spatch
# wants a compiler, too.
say "coccicheck"
# shellcheck disable=SC2317 # step calls it
coccicheck() {
	find "$source/scripts/coccinelle" -name '*.cocci' -print0 |
		xargs -0 grep -L -i ':ocaml' | sort |
		xargs -P "$JOBS" -I '{}' timeout 120 spatch -D report --no-show-diff \
			--very-quiet --cocci-file '{}' --no-includes --dir "$built"
}
step coccicheck coccicheck
if grep -E '^[^ ]*\.[ch]:[0-9]+' "$CACHE/logs/coccicheck.log" |
	grep -v '\.mod\.c:' | sed "s,^$built/,," | sort -u | grep . >&2; then
	status=1
fi
unlock_cache

say "shellcheck"
shellcheck -x scripts/*.sh .ci/run || status=1

# What checkpatch says of a file of ours as it would of one in the kernel, and
# what does not hold there.
ignored() {
	echo FILE_PATH_CHANGES
	case $1 in
	*/compat.h) # the one place where kernel versions are compared
		echo LINUX_VERSION_CODE CONSTANT_COMPARISON MACRO_ARG_UNUSED BIT_MACRO
		;;
	*/trace.h) # written as all the kernel's trace headers are
		echo OPEN_ENDED_LINE PARENTHESIS_ALIGNMENT
		;;
	*_regs.h) # userspace includes it, too
		echo BIT_MACRO
		;;
	selftests/fuzz/*) # libFuzzer's names; a stand-in for the kernel's headers
		echo CAMELCASE MACRO_ARG_REUSE NEW_TYPEDEFS PREFER_DEFINED_ATTRIBUTE_MACRO
		;;
	selftests/interop/vm/*) # it shares memory with a device
		echo BIT_MACRO VOLATILE PREFER_DEFINED_ATTRIBUTE_MACRO
		;;
	selftests/* | tools/*) # userspace has no BIT(), and the uAPI an INFOv2
		echo BIT_MACRO CAMELCASE
		;;
	scripts/*) # host code
		echo PREFER_DEFINED_ATTRIBUTE_MACRO PREFER_KERNEL_TYPES
		;;
	esac
}

say "checkpatch"
mapfile -t files < <(git ls-files '*.[ch]')
[ ${#files[@]} -gt 0 ] || die "git tells no files of $REPO" "make lint looks at what is in a git checkout"
for file in "${files[@]}"; do
	"$source/scripts/checkpatch.pl" --no-tree --strict --terse --no-summary --quiet \
		--ignore "$(ignored "$file" | tr -s '\n ' ',,')" -f "$file" || status=1
done
rm -f .checkpatch-camelcase.*

say "the lab's own tests"
python3 -B -m unittest discover -q -s scripts/tests || status=1
exit $status
