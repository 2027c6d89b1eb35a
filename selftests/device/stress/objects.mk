# SPDX-License-Identifier: GPL-2.0-only

$(OUTPUT)/device/stress_test: $(patsubst %,$(OUTPUT)/device/stress/%.o, \
	history model threads together walk)
$(OUTPUT)/device/history_test: $(patsubst %,$(OUTPUT)/device/stress/%.o,history model)
$(OUTPUT)/device/ioctl_fuzz_test: $(OUTPUT)/device/stress/fuzz_calls.o

-include $(wildcard $(OUTPUT)/device/stress/*.d)
