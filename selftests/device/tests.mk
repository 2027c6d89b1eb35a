# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of the reference device, the longest first

TEST_GEN_PROGS += device/contents_test
TEST_GEN_PROGS += device/dma_test
TEST_GEN_PROGS += device/fail_nth_arcs_test
TEST_GEN_PROGS += device/fail_nth_calls_test
TEST_GEN_PROGS += device/fail_nth_data_test
TEST_GEN_PROGS += device/fail_nth_life_test
TEST_GEN_PROGS += device/fail_nth_engine_test
TEST_GEN_PROGS += device/fault_test
TEST_GEN_PROGS += device/trace_test
TEST_GEN_PROGS += device/argument_test
TEST_GEN_PROGS += device/attribute_test
TEST_GEN_PROGS += device/dirty_log_test
TEST_GEN_PROGS += device/drain_test
TEST_GEN_PROGS += device/engine_test
TEST_GEN_PROGS += device/fuzz_replay_test
TEST_GEN_PROGS += device/stress_test
TEST_GEN_PROGS += device/ioctl_fuzz_test
TEST_GEN_PROGS += device/golden_test
TEST_GEN_PROGS += device/history_test
TEST_GEN_PROGS += device/interrupt_test
TEST_GEN_PROGS += device/ioas_test
TEST_GEN_PROGS += device/knob_test
TEST_GEN_PROGS += device/lifetime_test
TEST_GEN_PROGS += device/mdev_test
TEST_GEN_PROGS += device/memory_test
TEST_GEN_PROGS += device/page_request_test
TEST_GEN_PROGS += device/poll_test
TEST_GEN_PROGS += device/precopy_data_test
TEST_GEN_PROGS += device/quiesce_test
TEST_GEN_PROGS += device/race_test
TEST_GEN_PROGS += device/race_chaos_test
TEST_GEN_PROGS += device/race_held_test
TEST_GEN_PROGS += device/region_fault_test
TEST_GEN_PROGS += device/regions_test
TEST_GEN_PROGS += device/registers_test
TEST_GEN_PROGS += device/reinit_test
TEST_GEN_PROGS += device/separate_test
TEST_GEN_PROGS += device/session_test
TEST_GEN_PROGS += device/stream_test
TEST_GEN_PROGS += device/stuck_session_test
TEST_GEN_PROGS += device/stuck_test
TEST_GEN_PROGS += device/type1_dirty_test
TEST_GEN_PROGS += device/types_test
TEST_GEN_PROGS += device/uart_test

# Built, but no test
TEST_GEN_PROGS_EXTENDED += device/golden_write

# What device/fuzz_replay_test replays
TEST_FILES += fuzz/corpus
TEST_FILES += fuzz/edges
TEST_FILES += fuzz/crashes
