# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A scratch copy of a kernel tree with the series applied, for series_check.sh
# and portability.sh.  Sourced by bash, after lib.sh.

# Set here:
#   origin	the kernel tree, which is only read
#   scratch	our folder for it, in the cache
#   tree	its copy there, with the series
#   patches	the series

# The results, in the order in which they came; whether the last one holds, and
# whether one failed.
proofs=()
held=1
failed=0

# prove NAME COMMAND...: one thing that has to hold.  Its output goes to a log;
# what matters of it is shown if it fails, and the rest goes on.  TEST= selects.
#
# It tells by $held and not by its status: called with "if" or "||" bash would
# ignore each failure but the last one in COMMAND, whatever "set -e" says.
prove() {
	local name=$1 log start child status=0
	shift
	# shellcheck disable=SC2053 # TEST is a pattern
	if [ -n "${TEST-}" ] && [[ $name != $TEST ]]; then
		proofs+=("left out          $name")
		held=1
		return
	fi
	log=$scratch/log-${name//[^A-Za-z0-9_.=-]/-}
	say "$name ..."
	start=$(now)
	# In the background, where the first command that fails ends it; and in a
	# process group of its own, so that what it started ends with us.
	set -m
	(
		trap - ERR
		set -e
		"$@"
	) >"$log" 2>&1 8>&- </dev/null &
	child=$!
	set +m
	# shellcheck disable=SC2064 # now
	trap "kill -TERM -- -$child 2>/dev/null; exit 130" INT TERM HUP
	wait $child || status=$?
	trap - INT TERM HUP
	if [ $status -eq 0 ]; then
		proofs+=("$(printf 'ok      %5s s  %s' $(($(now) - start)) "$name")")
		held=1
		return
	fi
	held=0
	# shellcheck disable=SC2034 # the script's exit status
	failed=1
	proofs+=("$(printf 'FAILED  %5s s  %s' $(($(now) - start)) "$name")")
	{ grep -E -A 2 'error: |ERROR|not ok|undefined reference|FAIL' "$log" || tail -n 25 "$log"; } |
		{ head -n 40; cat >/dev/null; } | sed 's/^/     | /' >&2
	say "failed: $name (all of its output: $log)"
}

# show_proofs: the table, on stdout.
show_proofs() {
	printf '%s\n' "${proofs[@]}"
}

# copy_tree: what is in the tree, without what was built there.
copy_tree() {
	if [ -e "$origin/.git" ]; then
		git -C "$origin" ls-files -z --cached --others --exclude-standard |
			sort -z >"$scratch/files"
		rsync -a --from0 --files-from="$scratch/files" --ignore-missing-args \
			"$origin/" "$tree/"
		# What an older state of the tree had
		(cd "$tree" && find . -mindepth 1 ! -type d -printf '%P\0') | sort -z |
			comm -z -23 - "$scratch/files" | (cd "$tree" && xargs -0 -r rm -f)
	else
		rsync -a --delete --exclude=/.git --exclude=/.mtty-mig-stamp "$origin/" "$tree/"
	fi
}

# our_git ...: in the copy, whatever the user's settings are.
our_git() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git -C "$tree" \
		-c user.name=lab -c user.email=lab@localhost -c core.fsmonitor=false "$@"
}

# changes: the patches of the series, without its cover letter
changes() { printf '%s\n' "$patches"/*.patch | grep -v '/0000-'; }

# git has to know only the files that the series changes; the rest is not
# tracked, which saves minutes.
apply_series() {
	local hooks file all
	# It may have been ended before there was a base
	[ ! -d "$tree/.git" ] || our_git reset -q --hard base || true
	rm -rf "$tree/.git"
	copy_tree
	our_git init -q -b series
	mapfile -t hooks < <(sed -n 's,^--- a/,,p' "$patches"/*.patch | sort -u)
	for file in "${hooks[@]}"; do
		[ ! -e "$origin/$file" ] || our_git add -f "$file"
	done
	our_git commit -q -m base
	our_git tag -f base
	mapfile -t all < <(changes)
	our_git am -q "${all[@]}"
	# What make left in the user's tree is no part of it.
	if [ -e "$tree/.config" ]; then
		make -C "$tree" mrproper
	fi
}

# series_tree ORIGIN: the series, and a tree with it.  What is built has a lock of
# its own, and not that of the cache.
series_tree() {
	local key
	origin=$1
	scratch=$CACHE/work/series-$(hash_text "$REPO" "$origin")
	tree=$scratch/tree
	patches=$scratch/patches
	mkdir -p "$scratch" "$patches" "$tree"
	exec 8>"$scratch/lock"
	if ! flock -n 8; then
		say "waiting for another run that works in $scratch"
		flock 8
	fi
	touch "$scratch/.mtty-mig-stamp"
	touch "$scratch/before"
	"$SCRIPTS/series.py" "$origin" "$patches"
	key=$(hash_text "$(cat "$patches"/*.patch | grep -v '^Date: ')" "$(cat "$0")" \
		"$(cat "$origin/.mtty-mig-stamp" 2>/dev/null || now)")
	if [ "$(cat "$scratch/applied" 2>/dev/null)" != "$key" ]; then
		local TEST=
		need_space 5000 "a copy of the kernel tree, and what is built of it,"
		rm -f "$scratch/applied"
		prove "git am" apply_series
		[ $held -eq 1 ] || { show_proofs; exit 1; }
		echo "$key" >"$scratch/applied"
	else
		# A proof that goes through the patches may have been ended at one of them.
		our_git checkout -q series
		proofs+=("ok       done    git am")
	fi
}

# kunit NAME ARGS...: the kernel's own command, in the tree.  It builds in a folder
# that stays, so that the next run builds only what is new.  A report of the
# kernel is a failure, too.
kunit() {
	local build=$scratch/kunit-$1
	shift
	cd "$tree"
	./tools/testing/kunit/kunit.py run --jobs="$JOBS" --build_dir="$build" \
		--kunitconfig=samples/vfio-mdev/mtty-mig/tests "$@" 2>&1 | tee "$build.log"
	! grep -A 3 'samples/vfio-mdev/mtty-mig/.*warning:' "$build.log" || return 1
	# Before the suites it is the kernel's own matter: kunit.py has UML configured so
	# that it warns during its boot.
	sed -n '/KTAP version/,$p' "$build/test.log" >"$build/suites.log"
	"$SCRIPTS/klog.py" "$build/suites.log"
}
