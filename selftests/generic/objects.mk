# SPDX-License-Identifier: GPL-2.0-only

GENERIC_OBJS := $(LIB_OBJS) $(patsubst %,$(OUTPUT)/generic/%.o,dut session steps)

$(filter $(OUTPUT)/generic/%,$(TEST_GEN_PROGS)): %: %.o $(GENERIC_OBJS)
	$(LINK_C)

# Which rules there are, and which test judges which
RULES_PY := $(firstword $(wildcard ../scripts/rules.py rules.py))
RULES := $(firstword $(wildcard ../Documentation/rules.rst \
	../../../../Documentation/driver-api/vfio-migration/rules.rst))
$(OUTPUT)/generic/rules.json: $(RULES_PY) $(RULES) \
		$(wildcard generic/*.[ch] lib/*.[ch] standins/*.[ch])
	@mkdir -p $(@D)
	python3 $(RULES_PY) --rules $(RULES) --selftests . json >$@.new
	mv $@.new $@

ifneq ($(CURDIR),$(OUTPUT))
$(addprefix $(OUTPUT)/,generic/conformance.py lib/ktap.py): $(OUTPUT)/%: %
	@mkdir -p $(@D)
	cp $< $@
endif

-include $(wildcard $(OUTPUT)/generic/*.d)
