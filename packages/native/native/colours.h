// Pixels of other kinds as Pillow's convert('RGB') makes them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "resample.h"

namespace mcld {

constexpr int kInks = 4;

// Cyan, magenta, yellow and black to red, green and blue by Pillow's arithmetic, without a profile. in: uint8 [pixels,
// 4], `flip` is 255 where it is stored inverted (Adobe's JPEGs), else 0; out: uint8 [pixels, 3].
inline void CmykToRgb(const uint8_t* in, size_t pixels, int flip, uint8_t* out) {
  for (size_t i = 0; i < pixels; i++, in += kInks, out += kChannels) {
    const int light = 255 - (in[3] ^ flip);
    for (int c = 0; c < kChannels; c++) {
      const int product = (in[c] ^ flip) * light + 128;
      out[c] = static_cast<uint8_t>(light - (((product >> 8) + product) >> 8));
    }
  }
}

}  // namespace mcld
