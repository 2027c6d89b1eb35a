# SPDX-License-Identifier: GPL-2.0-only
#
# How the library is built, for the Makefiles of the tests and the tools.
# They set SELFTESTS (this folder's parent), OUTPUT and KHDR_INCLUDES.

LIB_OBJS := $(patsubst %,$(OUTPUT)/lib/%.o,arcs check child file fuse_file guarded \
	held_mem kernel mdev mig_model missing removal rule vfio_dev vfio_dma vfio_mig worker)

# Where the driver's registers are described: beside this project's tests, or
# where a kernel tree has its driver
MTTY_MIG ?= $(patsubst %/,%,$(dir $(firstword $(wildcard \
		$(SELFTESTS)/../mtty-mig/mtty_mig_regs.h \
		$(SELFTESTS)/../../../samples/vfio-mdev/mtty-mig/mtty_mig_regs.h \
		$(SELFTESTS)/../../../../samples/vfio-mdev/mtty-mig/mtty_mig_regs.h))))

CFLAGS += -std=gnu11 -O2 -g -Wall -Wextra -Werror -pthread -D_GNU_SOURCE=
# The tests of any device come to a tree before the driver does.
CFLAGS += $(KHDR_INCLUDES) $(MTTY_MIG:%=-I%)
DEPFLAGS = -MMD -MP

BUILD_C = @mkdir -p $(@D); printf '  %-7s %s\n' CC $(patsubst $(OUTPUT)/%,%,$@); $(CC) $(CFLAGS) $(CPPFLAGS) $(DEPFLAGS) -c -o $@ $<
LINK_C = @mkdir -p $(@D); printf '  %-7s %s\n' LINK $(patsubst $(OUTPUT)/%,%,$@); $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LDLIBS)

$(OUTPUT)/%.o: $(SELFTESTS)/%.c
	$(BUILD_C)

# Its own tests
$(filter $(OUTPUT)/lib/%,$(TEST_GEN_PROGS)): %: %.o $(LIB_OBJS)
	$(LINK_C)

-include $(wildcard $(OUTPUT)/lib/*.d)
