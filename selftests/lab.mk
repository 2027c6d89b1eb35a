# SPDX-License-Identifier: GPL-2.0-only
#
# What the lab asks for, and a kernel tree does not have: which programs "make soak" and
# "make quick" run.

# Those that race, or go at random: "make soak" runs them again and again
RANDOM_TESTS += device/stress_test
RANDOM_TESTS += device/ioctl_fuzz_test
RANDOM_TESTS += device/race_test
RANDOM_TESTS += device/race_chaos_test
RANDOM_TESTS += device/race_held_test
RANDOM_TESTS += device/lifetime_test
RANDOM_TESTS += device/poll_test
RANDOM_TESTS += device/stuck_session_test
RANDOM_TESTS += device/stuck_test
RANDOM_TESTS += generic/data_fd_test
RANDOM_TESTS += generic/dma_log_test
RANDOM_TESTS += generic/life_test
RANDOM_TESTS += generic/stuck_test

# Those that have killed most mutants for the time that they take: "make quick" runs them
# and KUnit.  The longest first.
QUICK_TESTS += device/dma_test
QUICK_TESTS += device/session_test
QUICK_TESTS += device/registers_test
QUICK_TESTS += device/regions_test
QUICK_TESTS += device/dirty_log_test
QUICK_TESTS += device/interrupt_test
QUICK_TESTS += device/quiesce_test
QUICK_TESTS += device/page_request_test
QUICK_TESTS += device/reinit_test
QUICK_TESTS += device/knob_test

list-random:
	@printf '%s\n' $(RANDOM_TESTS)

list-quick:
	@printf '%s\n' $(QUICK_TESTS)

.PHONY: list-random list-quick
