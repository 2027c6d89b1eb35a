# SPDX-License-Identifier: GPL-2.0-only

# What device/fuzz_replay_test replays
ifneq ($(CURDIR),$(OUTPUT))
all: inputs

inputs:
	mkdir -p $(OUTPUT)/fuzz
	cp -r $(TEST_FILES) $(OUTPUT)/fuzz

.PHONY: inputs
endif
