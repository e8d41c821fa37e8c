#pragma once

#include <immintrin.h>

// Compiled for any x86-64 and once more for AVX2; the loader of the library takes what the processor has.
#define MCLD_SIMD __attribute__((target_clones("avx2", "default")))
// SSSE3, which every x86-64 since 2006 has.
#define MCLD_SHUFFLE __attribute__((target("ssse3")))
