# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of vfio-migctl

TEST_GEN_PROGS += $(patsubst %.c,%,$(sort $(wildcard tools/*_test.c)))
