// EXIF's eight orientations: how a stored picture is turned and mirrored to be upright.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "resample.h"

namespace mcld {

// The upright pixel (x, y) is the stored one at (x, y), or (y, x) if rows and columns are swapped, counted from the
// right if it is mirrored and from the bottom if it is flipped.
struct Turn {
  bool swapped, mirrored, flipped;

  explicit Turn(int orientation)
      : swapped(orientation >= 5),
        mirrored(orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8),
        flipped(orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) {}

  bool upright() const { return !swapped && !mirrored && !flipped; }

  // Where a box of the upright picture lies in the stored one, which is width×height.
  Box Stored(Box box, int width, int height) const {
    if (swapped) {
      std::swap(box.x, box.y);
      std::swap(box.width, box.height);
    }
    if (mirrored) box.x = width - box.x - box.width;
    if (flipped) box.y = height - box.y - box.height;
    return box;
  }

  // in: stored uint8 rows of `stride` bytes, width×height pixels; out: the same upright, without gaps.
  void Apply(const uint8_t* in, size_t stride, int width, int height, uint8_t* out) const {
    const int rows = swapped ? width : height, columns = swapped ? height : width;
    for (int y = 0; y < rows; y++) {
      for (int x = 0; x < columns; x++, out += kChannels) {
        const int u = swapped ? y : x, v = swapped ? x : y;
        const size_t column = mirrored ? width - 1 - u : u, row = flipped ? height - 1 - v : v;
        std::memcpy(out, in + row * stride + column * kChannels, kChannels);
      }
    }
  }
};

}  // namespace mcld
