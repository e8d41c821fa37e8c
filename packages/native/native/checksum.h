// The checksum of a row of stored logits, as packages/logit-store/src/checksum.ts defines it.
#pragma once

#include <cstdint>

#include "simd.h"

namespace mcld {

// Fletcher's sums: the second of them as a weighted sum, which does not wait for the first at each word.
MCLD_SIMD inline int32_t Checksum(const int32_t* words, int count, int32_t index, int32_t code) {
  uint32_t first = 0, second = 0;
  for (int i = 0; i < count; i++) {
    first += static_cast<uint32_t>(words[i]);
    second += static_cast<uint32_t>(words[i]) * static_cast<uint32_t>(count - i);
  }
  second += (static_cast<uint32_t>(code) ^ 0x9e3779b9u) + static_cast<uint32_t>(index) * static_cast<uint32_t>(count);
  first += static_cast<uint32_t>(index);
  return static_cast<int32_t>(first ^ second * 0x85ebca6bu);
}

}  // namespace mcld
