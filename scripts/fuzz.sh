#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The fuzzer of the migration stream (selftests/fuzz), on the host.
#
#   fuzz.sh build UAPI OUTPUT   build it; called with the cache locked
#   fuzz.sh check PROGRAM       what make check has of it, as KTAP
#   fuzz.sh run                 make fuzz: FOR=SECONDS, RUNS=N, SEED=N,
#                               INPUT=FILE, MERGE=1

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/setup.sh"

fuzz=$REPO/selftests/fuzz
# What was found, where the user sees it
found=$REPO/build/fuzz
# So many take about five seconds, and the same seed finds the same.
check_runs=15000
# The longest stream of a device with four pages has 17 KiB.
options=(-max_len=20480 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 "-artifact_prefix=$found/")

build() {
	local uapi=$1 out=$2 key
	key=$(hash_text "$(hash_files mtty-mig selftests/fuzz/*.[ch] selftests/fuzz/Makefile \
		selftests/device/lib/{stream_spec,stream_format,xxh64}.* selftests/lib/check.h)" \
		"$uapi" "$(clang --version | head -n 1)")
	if stamped "$out" "$key"; then
		used "$out"
		return
	fi
	say "building the fuzzer"
	rm -rf "$out"
	mkdir -p "$out"
	step fuzz make -C "$fuzz" -j"$JOBS" UAPI="$uapi/include" OUTPUT="$out"
	stamp "$out" "$key"
}

# The inputs in a directory, as arguments
inputs() { find "$1" -type f ! -name README -print0 | sort -z; }

# keep LOG: tell where the input is that LOG says was kept.
keep() {
	sed -n 's/.*Test unit written to \(.*\)/\1/p' "$1" | while IFS= read -r input; do
		input=${input#"$REPO/"}
		echo "the input is kept: $input"
		echo "to replay it: make fuzz INPUT=$input"
		echo "when it is fixed: cp $input selftests/fuzz/crashes/, and make check replays it"
	done
}

# What matters of what libFuzzer has to say of a failure: neither its own frames
# nor the input, which is kept
why() {
	grep -v -E -e '^#[0-9]+	|^INFO: |^Running: |^Executed |^\*\*\* |^stat::|^$' \
		-e 'BuildId: | fuzzer::|: Running [0-9]+ inputs|^MS: |^0x|^Base64: |\\0[0-9]{2}' \
		-e '^artifact_prefix|/libc/|/csu/|nptl/|sysdeps|stdlib/abort|libFuzzer has rudim|Combine libF' \
		"$1" | sed "s,$REPO/selftests/fuzz/\.\./,selftests/,; s,$REPO/,," | head -n 40 || true
}

# result NUMBER NAME COMMAND...: run it, print a result line
result() {
	local number=$1 name=$2 log=$tmp/log
	shift 2
	if "$@" >"$log" 2>&1 </dev/null; then
		sed -n 's/^verdicts: /# &/p; s/^#[0-9]*\tDONE */# /p' "$log"
		echo "ok $number $name"
		return
	fi
	# When inputs are replayed, the last one named is the one.
	sed -n "s,$REPO/,,; s/^Running: /# &/p" "$log" | tail -n 1
	{ why "$log"; keep "$log"; } | sed 's/^/# /'
	echo "not ok $number $name"
}

# replay NUMBER NAME PROGRAM DIRECTORY: each input in it
replay() {
	local number=$1 name=$2 program=$3 all
	mapfile -d '' -t all < <(inputs "$4")
	if [ ${#all[@]} -eq 0 ]; then
		echo "ok $number $name # SKIP there is no input"
		return
	fi
	echo "# ${#all[@]} inputs"
	result "$number" "$name" "$program" "${options[@]}" "${all[@]}"
}

check() {
	local program=$1
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	mkdir -p "$found" "$tmp/corpus"
	echo "TAP version 13"
	echo "1..4"
	replay 1 corpus_replay "$program" "$fuzz/corpus"
	replay 2 edges_replay "$program" "$fuzz/edges"
	replay 3 crashes_replay "$program" "$fuzz/crashes"
	result 4 fuzz_runs "$program" "${options[@]}" "-runs=$check_runs" -seed=1 \
		"$tmp/corpus" "$fuzz/corpus" "$fuzz/edges" "$fuzz/crashes"
}

# How far it is, of all that libFuzzer prints: once every few seconds
progress() {
	awk '
	/^#[0-9]+\t/ {
		now = systime()
		if (now < last + 5 && $2 != "DONE")
			next
		last = now
		for (i = 3; i < NF; i++) {
			if ($i == "cov:") edges = $(i + 1)
			if ($i == "ft:") features = $(i + 1)
			if ($i == "corp:") corpus = $(i + 1)
			if ($i == "exec/s:") speed = $(i + 1)
		}
		printf "lab: %9d runs, %s each second, %s edges, %s features, %s inputs\n", \
			substr($1, 2), speed, edges, features, corpus
		fflush()
	}'
}

run() {
	local program source uapi work programs log seed=${SEED:-} limit status=0 before runs
	setup_source fuzz
	mkdir -p "$found/corpus"
	build "$uapi" "$programs/fuzz"
	program=$found/stream_fuzz
	cp "$programs/fuzz/stream_fuzz" "$program"
	unlock_cache

	if [ -n "${INPUT:-}" ]; then
		"$program" "${options[@]}" "$INPUT" || exit 1
		exit
	fi
	if [ "${MERGE:-0}" != 0 ]; then
		merge "$program"
		return
	fi

	limit=-max_total_time=${FOR:-60}
	if [ -n "${RUNS:-}" ]; then
		limit=-runs=$RUNS
	fi
	if [ -z "$seed" ]; then
		seed=$(($(od -An -N4 -tu4 /dev/urandom) / 2))
	fi
	log=$found/log
	before=$(find "$found/corpus" -type f | wc -l)
	say "fuzzing the reader of the stream: $limit SEED=$seed"
	"$program" "${options[@]}" "$limit" "-seed=$seed" "$found/corpus" "$fuzz/corpus" \
		"$fuzz/edges" "$fuzz/crashes" "$REPO/selftests/device/golden" 2>&1 </dev/null |
		tee "$log" | progress || status=$?
	if [ "$status" -ne 0 ]; then
		say "it found something:"
		why "$log" | quote >&2
		keep "$log" | while IFS= read -r line; do say "$line"; done
	fi
	runs=$(sed -n 's/^#\([0-9]*\)	.*/\1/p' "$log" | tail -n 1)
	say "$(sed -n 's/^INFO: Loaded 1 modules *(\([0-9]*\) inline.*/\1 edges in all/p' "$log")," \
		"${runs:-0} runs;" \
		"$(($(find "$found/corpus" -type f | wc -l) - before)) new inputs in build/fuzz/corpus" \
		"('make fuzz MERGE=1' takes what counts into selftests/fuzz/corpus)"
	sed -n 's/^verdicts: /lab: &/p' "$log" >&2
	say "the whole output: build/fuzz/log"
	[ "$status" -eq 0 ] || [ "$status" -ge 128 ] || exit 1
	exit "$status"
}

# As few and as short inputs as reach, with those in edges/, the same edges of the
# program as all that there are. How often they are reached is left to the
# fuzzer, for there is no end to it.
merge() {
	local new=$found/merged
	rm -rf "$new"
	cp -r "$fuzz/edges" "$new"
	rm "$new/README"
	"$1" "${options[@]}" -merge=1 -use_counters=0 "$new" "$fuzz/corpus" "$found/corpus" \
		"$REPO/selftests/device/golden" >"$found/log" 2>&1 </dev/null ||
		die "the merge failed; its output is in build/fuzz/log"
	(cd "$fuzz/edges" && find . -type f -exec rm -f "$new/{}" \;)
	rm -rf "$fuzz/corpus"
	mv "$new" "$fuzz/corpus"
	say "selftests/fuzz/corpus has now $(find "$fuzz/corpus" -type f | wc -l) inputs," \
		"$(du -bs "$fuzz/corpus" | cut -f1) bytes"
}

"$@"
