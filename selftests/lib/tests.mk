# SPDX-License-Identifier: GPL-2.0-only

TEST_GEN_PROGS += lib/arcs_test
TEST_GEN_PROGS += lib/mig_model_test
