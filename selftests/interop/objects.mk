# SPDX-License-Identifier: GPL-2.0-only
#
# A VMM that migrates the device, see "make interop": not built with the rest,
# because it needs a C library that can be linked statically.
INTEROP_PY := $(patsubst %,interop/%.py,interop scenarios vmm qmp device)

interop: $(addprefix $(OUTPUT)/,$(INTEROP_PY) interop/vm/init)

.PHONY: interop

# There is nothing beside it in its machine
$(OUTPUT)/interop/vm/init: LDFLAGS += -static
$(OUTPUT)/interop/vm/init: $(patsubst %,$(OUTPUT)/interop/vm/%.o,init machine device serial dma flood irq)
	$(LINK_C)

ifneq ($(CURDIR),$(OUTPUT))
$(addprefix $(OUTPUT)/,$(INTEROP_PY)): $(OUTPUT)/%: %
	@mkdir -p $(@D)
	cp $< $@
endif

-include $(wildcard $(OUTPUT)/interop/vm/*.d)
