/* SPDX-License-Identifier: GPL-2.0-only */
/* What libFuzzer calls, and what it offers. */
#ifndef SELFTESTS_FUZZ_LIBFUZZER_H
#define SELFTESTS_FUZZ_LIBFUZZER_H

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max,
			       unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const u8 *a, size_t a_size, const u8 *b,
				 size_t b_size, u8 *out, size_t max,
				 unsigned int seed);

#endif /* SELFTESTS_FUZZ_LIBFUZZER_H */
