# SPDX-License-Identifier: GPL-2.0-only

# Where tests find the golden streams
GOLDEN_OBJS := $(OUTPUT)/device/golden_test.o $(OUTPUT)/tools/migctl_file_test.o
$(GOLDEN_OBJS): CPPFLAGS += -DGOLDEN_DIR='"device/golden"'
$(GOLDEN_OBJS): $(wildcard device/golden/*.stream)
