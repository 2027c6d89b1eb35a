# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of any device whose firmware is a stand-in

TEST_GEN_PROGS += $(patsubst %.c,%,$(sort $(wildcard standins/*_test.c)))
