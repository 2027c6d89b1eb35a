# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of any device

# Before those that a driver may fail with KASAN: lockdep ends with that
TEST_GEN_PROGS += generic/lock_test
TEST_GEN_PROGS += generic/open_test
TEST_GEN_PROGS += generic/arc_test
TEST_GEN_PROGS += generic/attach_test
TEST_GEN_PROGS += generic/data_fd_test
TEST_GEN_PROGS += generic/debugfs_test
TEST_GEN_PROGS += generic/device_test
TEST_GEN_PROGS += generic/dma_log_test
TEST_GEN_PROGS += generic/features_test
TEST_GEN_PROGS += generic/fsm_test
TEST_GEN_PROGS += generic/group_test
TEST_GEN_PROGS += generic/hop_test
TEST_GEN_PROGS += generic/hostile_test
TEST_GEN_PROGS += generic/life_test
TEST_GEN_PROGS += generic/next_session_test
TEST_GEN_PROGS += generic/p2p_test
TEST_GEN_PROGS += generic/precopy_test
TEST_GEN_PROGS += generic/removal_test
TEST_GEN_PROGS += generic/reset_test
TEST_GEN_PROGS += generic/resume_test
TEST_GEN_PROGS += generic/session_end_test
TEST_GEN_PROGS += generic/size_test
TEST_GEN_PROGS += generic/stuck_test
TEST_GEN_PROGS += generic/syscall_test

# The runner for any device, and what it needs to know
TEST_GEN_FILES += generic/conformance.py
TEST_GEN_FILES += generic/rules.json
TEST_GEN_FILES += lib/ktap.py
