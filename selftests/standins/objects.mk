# SPDX-License-Identifier: GPL-2.0-only

STANDIN_OBJS := $(GENERIC_OBJS) $(patsubst %,$(OUTPUT)/standins/%.o,act bench hop \
	memory)

$(filter $(OUTPUT)/standins/%,$(TEST_GEN_PROGS)): %: %.o $(STANDIN_OBJS)
	$(LINK_C)

-include $(wildcard $(OUTPUT)/standins/*.d)
