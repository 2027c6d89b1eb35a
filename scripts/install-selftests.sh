#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Install selftests and tools that were built, in the layout of "make install"
# in the kernel's tools/testing/selftests: the kernel's run_kselftest.sh with
# its runner, the list of tests, and the tests in a folder, their collection.
# They keep their folders in there, because generic/ and device/ have programs
# of one name; the runner takes "COLLECTION:FOLDER/TEST" as well.
#
#   install-selftests.sh KSRC SELFTESTS TOOLS DESTDIR PREFIX LIBEXECDIR
#
# PYTHON=/usr/bin/python3: the interpreter to name in scripts

set -eu
cd "$(dirname "$0")/.."
ksrc=$1/tools/testing/selftests
selftests=$2
tools=$3
prefix=$4$5
libexec=$4$6
collection=mtty-mig

install -d "$libexec/kselftest" "$prefix/bin" "$prefix/share/man/man1" "$prefix/share/man/man7"
for file in module.sh runner.sh prefix.pl; do
	install -m 755 "$ksrc/kselftest/$file" "$libexec/kselftest/"
done
install -m 644 "$ksrc/kselftest/ktap_helpers.sh" "$libexec/kselftest/"
install -m 755 "$ksrc/run_kselftest.sh" "$libexec/"

# Of the Makefile only the list is wanted: it needs no kernel source for that.
unset KSRC UAPI MAKEFLAGS MAKELEVEL
tests=$(make -s --no-print-directory -C selftests list)
for test in $tests; do
	install -D -m 755 "$selftests/$test" "$libexec/$collection/$test"
	echo "$collection:$test"
done >"$libexec/kselftest-list.txt"
install -m 755 "$selftests/device/golden_write" "$libexec/$collection/device/"
install -m 644 "$selftests/generic/rules.json" "$libexec/$collection/generic/"
for file in generic/conformance.py lib/ktap.py; do
	install -m 755 "$selftests/$file" "$libexec/$collection/$file"
	[ -z "${PYTHON-}" ] || sed -i "1s,.*,#!$PYTHON," "$libexec/$collection/$file"
done
install -m 644 selftests/config selftests/settings "$libexec/$collection/"
(cd selftests && find fuzz/corpus fuzz/edges fuzz/crashes -type f) | while read -r file; do
	install -D -m 644 "selftests/$file" "$libexec/$collection/$file"
done

ln -sf "$6/$collection/generic/conformance.py" "$prefix/bin/vfio-migration-conformance"
install -m 755 "$tools/migrate-demo" "$tools/vfio-migctl" "$prefix/bin/"
install -d "$prefix/share/bash-completion/completions"
"$tools/vfio-migctl" completion >"$prefix/share/bash-completion/completions/vfio-migctl"
chmod 644 "$prefix/share/bash-completion/completions/vfio-migctl"
for page in vfio-migration-conformance migrate-demo vfio-migctl; do
	install -m 644 "Documentation/man/$page.1" "$prefix/share/man/man1/"
done
install -m 644 Documentation/man/mtty-mig-selftests.7 "$prefix/share/man/man7/"
