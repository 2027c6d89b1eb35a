# SPDX-License-Identifier: GPL-2.0-only

DEVICE_OBJS := $(LIB_OBJS) $(patsubst %.c,$(OUTPUT)/%.o,$(wildcard device/lib/*.c))

$(filter $(OUTPUT)/device/%,$(TEST_GEN_PROGS) $(TEST_GEN_PROGS_EXTENDED)): %: %.o $(DEVICE_OBJS)
	$(LINK_C)

-include $(wildcard $(OUTPUT)/device/*.d $(OUTPUT)/device/lib/*.d)
