#pragma once

// Compiled for any x86-64 and once more for AVX2; the loader of the library takes what the processor has.
#define MCLD_SIMD __attribute__((target_clones("avx2", "default")))
