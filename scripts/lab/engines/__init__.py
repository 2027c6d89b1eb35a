# SPDX-License-Identifier: GPL-2.0-only
"""What runs a guest: all that is known of one engine is in one file.

An engine is a module with

ARCH, IMAGE	as the kernel's makefiles call the architecture and what is booted
OBJECTS		about how many files a kernel build compiles, to say how far it is
PACKAGES	words for packages.sh
TIMEOUT, SILENCE, TEST_TIMEOUT
		in seconds: how long a guest, its silence and one test may last
fragments(source, flavour)
		the engine's own files of a guest's configuration
describe()	for people: what the guest runs in
prepare(args, guests)
		the environment for so many guests' processes
command(args, name, words, log, out, keyboard)
		what boots one, with these words for its kernel and these descriptors for its
		two channels
"""
