# SPDX-License-Identifier: GPL-2.0-only
#
# How vfio-migctl is built, for the Makefiles of the tools and of the tests. They
# include selftests/lib/objects.mk before, and set MIGCTL, this folder.

# What migrate-demo uses, too
MIGCTL_PARTS := account bar end flow halt json migration say text
MIGCTL_SHARED := $(MIGCTL_PARTS:%=$(OUTPUT)/migctl/%.o)

# These look into the stream of mtty_mig, with the driver's own code; the lab's
# programs.py reads from here which of it that is
MIGCTL_DRIVER := stream uart pci dma pri
MIGCTL_STREAM := $(patsubst %,$(OUTPUT)/migctl/%.o,record words) \
	$(MIGCTL_DRIVER:%=$(OUTPUT)/rooms/%.o)

MIGCTL_OBJS := $(MIGCTL_SHARED) $(MIGCTL_STREAM) $(patsubst %,$(OUTPUT)/migctl/%.o, \
	completion device diff dirty envelope envelope_write guard inspect list \
	main migrate path precopy save state walk watch who) \
	$(OUTPUT)/device/lib/xxh64.o

# Kernel headers that userspace lacks: the fuzzer's kernel.h has what they would
MIGCTL_HEADERS := $(patsubst %,$(OUTPUT)/include/linux/%.h,align build_bug kernel \
	overflow sched sched/signal slab string unaligned xarray xxhash)
KERNEL_FLAGS := -include $(SELFTESTS)/fuzz/kernel.h -I$(OUTPUT)/include \
	-Wno-sign-compare -Wno-unused-parameter -Wno-missing-field-initializers

$(MIGCTL_STREAM): CPPFLAGS += $(KERNEL_FLAGS)
$(MIGCTL_STREAM): | $(MIGCTL_HEADERS)

$(MIGCTL_HEADERS):
	@mkdir -p $(@D)
	@touch $@

$(OUTPUT)/migctl/%.o: $(MIGCTL)/%.c
	$(BUILD_C)

$(OUTPUT)/rooms/%.o: $(MTTY_MIG)/%.c
	$(BUILD_C)

-include $(wildcard $(OUTPUT)/migctl/*.d $(OUTPUT)/rooms/*.d)
