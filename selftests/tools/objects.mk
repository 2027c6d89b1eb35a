# SPDX-License-Identifier: GPL-2.0-only

MIGCTL := ../tools/vfio-migctl
include $(MIGCTL)/objects.mk

# The program is where its tests look for it first
$(filter $(OUTPUT)/tools/%,$(TEST_GEN_PROGS)): %: %.o $(OUTPUT)/tools/tool.o \
		$(GENERIC_OBJS) $(filter-out $(LIB_OBJS),$(DEVICE_OBJS)) \
		| $(OUTPUT)/tools/vfio-migctl
	$(LINK_C)

$(OUTPUT)/tools/vfio-migctl: $(MIGCTL_OBJS) $(LIB_OBJS)
	$(LINK_C)

-include $(wildcard $(OUTPUT)/tools/*.d)
