#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make lint: what the kernel's own checkers say of our code (checkpatch, W=1, sparse
# and coccicheck, of the kernel KERNEL=), shellcheck on our scripts, Sphinx on our
# documents, and the lab's own tests.  A warning is an error.
#
#   lint.sh [quick]	quick: only what needs no kernel to be built
#
# Prints KTAP: a part is a test.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/setup.sh"

parts=(checkpatch shellcheck documents selfcheck)
if [ "${1-}" = quick ]; then
	setup_source lint-quick git
else
	parts=(compilers coccicheck "${parts[@]}")
	flavour=$(flavour 1)
	setup_kernel "$flavour" lint lint-quick git
	built=$work/lint-${kernel##*/}
fi
cd "$REPO"

# What checkpatch says of a file of ours as it would of one in the kernel, and
# what does not hold there.
ignored() {
	echo FILE_PATH_CHANGES
	case $1 in
	selftests/standins/compat.h) # the same, and macros that export
		echo LINUX_VERSION_CODE CONSTANT_COMPARISON EXPORT_SYMBOL
		;;
	selftests/standins/xe/shim.h) # the driver's own, whose sources it is for
		echo MACRO_ARG_REUSE
		;;
	selftests/standins/*/*.[ch]) # a header's kernel-doc says what a lock is over
		echo UNCOMMENTED_DEFINITION
		;;
	*/compat.h) # the one place where kernel versions are compared
		echo LINUX_VERSION_CODE CONSTANT_COMPARISON MACRO_ARG_UNUSED BIT_MACRO
		;;
	*/arcs.h | */points.h) # a list, for the macro that its user gives it
		echo COMPLEX_MACRO MACRO_ARG_REUSE MACRO_ARG_UNUSED
		;;
	*/trace.h) # written as all the kernel's trace headers are
		echo OPEN_ENDED_LINE PARENTHESIS_ALIGNMENT TRAILING_SEMICOLON
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
	tools/vfio-migctl/*) # no header of the kernel has these macros for it
		echo BIT_MACRO CAMELCASE MACRO_ARG_REUSE PREFER_DEFINED_ATTRIBUTE_MACRO
		;;
	selftests/* | tools/*) # userspace has no BIT(), and the uAPI an INFOv2
		echo BIT_MACRO CAMELCASE
		;;
	scripts/*) # host code
		echo PREFER_DEFINED_ATTRIBUTE_MACRO PREFER_KERNEL_TYPES
		;;
	esac
}

# Files of which the same is ignored go together, some to each call.
checkpatch() {
	local file words files ok=0
	local -A together
	mapfile -t files < <(git ls-files '*.[ch]')
	[ ${#files[@]} -gt 0 ] || die "git tells no files of $REPO" "make lint looks at what is in a git checkout"
	for file in "${files[@]}"; do
		words=$(ignored "$file" | tr -s '\n ' ',,')
		together[$words]+="$file"$'\n'
	done
	for words in "${!together[@]}"; do
		printf %s "${together[$words]}" | xargs -d '\n' -n 10 -P "$JOBS" \
			"$source/scripts/checkpatch.pl" --no-tree --strict --terse --no-summary \
			--quiet --ignore "$words" -f || ok=1
	done
	rm -f .checkpatch-camelcase.*
	return $ok
}

shellcheck() { command shellcheck -x scripts/*.sh contrib/ci/*.sh .ci/run; }

documents() { "$SCRIPTS/docs.sh"; }

selfcheck() { "$(yaml_python)" -B -m unittest discover -q -s scripts/tests; }

# W=1 and sparse.  Everything is compiled again, for a warning is given only once.
compilers() {
	rm -rf "$built"
	LINT=1 "$SCRIPTS/modules.sh" "$kernel" "$built" || return 1
	! grep -qE '(warning|error): ' "$CACHE/logs/modules.log"
}

# The kernel's semantic patches.  Not by "make coccicheck", which ends at the first
# one that it cannot run: those with a script in OCaml, for which Debian's spatch
# wants a compiler, too.
coccicheck() {
	step coccicheck semantic_patches
	! grep -E '^[^ ]*\.[ch]:[0-9]+' "$CACHE/logs/coccicheck.log" |
		grep -v '\.mod\.c:' | sed "s,^$built/,," | sort -u | grep .
}

# shellcheck disable=SC2317 # step calls it
semantic_patches() {
	find "$source/scripts/coccinelle" -name '*.cocci' -print0 |
		xargs -0 grep -L -i ':ocaml' | sort |
		xargs -P "$JOBS" -I '{}' timeout 120 spatch -D report --no-show-diff \
			--very-quiet --cocci-file '{}' --no-includes --dir "$built"
}

output=$(mktemp)
trap 'rm -f "$output"' EXIT
echo 'KTAP version 1'
echo "1..${#parts[@]}"
number=0 failed=0
for part in "${parts[@]}"; do
	number=$((number + 1))
	result=ok
	# These build nothing.
	[ "$part" != checkpatch ] || unlock_cache
	# By itself, where die ends the part only
	if ! ("$part") >"$output" 2>&1 </dev/null; then
		result='not ok'
		failed=$((failed + 1))
		sed 's/^/# /' "$output"
	fi
	echo "$result $number $part"
done
echo "$((number - failed)) passed, $failed failed, 0 skipped"
[ $failed -eq 0 ] || exit 1
