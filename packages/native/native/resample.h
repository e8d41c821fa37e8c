// Bilinear resize with antialiasing: a triangle filter whose support grows with the reduction. The arithmetic is
// Pillow's (fixed-point weights of 22 bits, bytes between the two passes, the order of these), so that the results are
// Pillow's bits. Libraries at hand that resize differ from it by more than one grey level.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "simd.h"

namespace mcld {

constexpr int kChannels = 3;
constexpr int kBits = 32 - 8 - 2;

struct Box {
  int x, y, width, height;
};

// For each output place the first input place under the filter, how many there are, and their weights.
struct Taps {
  int most;
  std::vector<int> first, count, weights;

  Taps(int from, int to) {
    const double scale = static_cast<double>(from) / to;
    const double support = scale < 1 ? 1 : scale;
    most = static_cast<int>(std::ceil(support)) * 2 + 1;
    first.resize(to);
    count.resize(to);
    weights.assign(static_cast<size_t>(to) * most, 0);
    std::vector<double> raw(most);
    for (int out = 0; out < to; out++) {
      const double centre = (out + 0.5) * scale;
      const int begin = std::max(0, static_cast<int>(centre - support + 0.5));
      const int n = std::min(from, static_cast<int>(centre + support + 0.5)) - begin;
      double sum = 0;
      for (int i = 0; i < n; i++) {
        const double distance = std::fabs((i + begin - centre + 0.5) * (1 / support));
        raw[i] = distance < 1 ? 1 - distance : 0;
        sum += raw[i];
      }
      first[out] = begin;
      count[out] = n;
      for (int i = 0; i < n; i++) weights[static_cast<size_t>(out) * most + i] = static_cast<int>(0.5 + raw[i] / sum * (1 << kBits));
    }
  }
};

inline uint8_t Byte(int sum) {
  const int value = sum >> kBits;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

inline void HorizontalRow(const uint8_t* in, uint8_t* out, const Taps& taps) {
  const int width = static_cast<int>(taps.first.size());
  for (int x = 0; x < width; x++) {
    const int* weights = &taps.weights[static_cast<size_t>(x) * taps.most];
    const uint8_t* from = in + taps.first[x] * kChannels;
    int red = 1 << (kBits - 1), green = red, blue = red;
    for (int i = 0; i < taps.count[x]; i++, from += kChannels) {
      red += from[0] * weights[i];
      green += from[1] * weights[i];
      blue += from[2] * weights[i];
    }
    *out++ = Byte(red);
    *out++ = Byte(green);
    *out++ = Byte(blue);
  }
}

// `bytes` of `n` rows that are `pitch` bytes apart.
MCLD_SIMD inline void VerticalRow(const uint8_t* in, size_t pitch, size_t bytes, const int* weights, int n, int* sums, uint8_t* out) {
  for (size_t x = 0; x < bytes; x++) sums[x] = 1 << (kBits - 1);
  for (int i = 0; i < n; i++, in += pitch) {
    const int weight = weights[i];
    for (size_t x = 0; x < bytes; x++) sums[x] += in[x] * weight;
  }
  for (size_t x = 0; x < bytes; x++) out[x] = Byte(sums[x]);
}

// Rows of pixels that are `pitch` bytes apart.
struct Rows {
  const uint8_t* first;
  size_t pitch;
  int width, height;
};

// to: uint8 [rows.height, width, 3].
inline void Horizontal(const Rows& rows, int width, uint8_t* to) {
  const Taps taps(rows.width, width);
  for (int y = 0; y < rows.height; y++) HorizontalRow(rows.first + y * rows.pitch, to + static_cast<size_t>(y) * width * kChannels, taps);
}

// to: uint8 [height, rows.width, 3].
inline void Vertical(const Rows& rows, int height, uint8_t* to) {
  const Taps taps(rows.height, height);
  const size_t bytes = static_cast<size_t>(rows.width) * kChannels;
  std::vector<int> sums(bytes);
  for (int y = 0; y < height; y++) {
    VerticalRow(rows.first + taps.first[y] * rows.pitch, rows.pitch, bytes, &taps.weights[static_cast<size_t>(y) * taps.most], taps.count[y],
                sums.data(), to + y * bytes);
  }
}

// Which pass Pillow 13 begins with, found by trying: the vertical one where it takes away more than twice as much.
inline bool VerticalFirst(const Box& box, int height, int width) {
  return box.height - height > std::max(0, 2 * (box.width - width));
}

struct Pixel {
  uint8_t channels[kChannels];
};

inline void Mirror(uint8_t* row, int width) {
  auto* pixels = reinterpret_cast<Pixel*>(row);
  std::reverse(pixels, pixels + width);
}

// The pixels from right to left: five at a time, since sixteen bytes are shuffled in one instruction.
MCLD_SHUFFLE inline void CopyMirrored(const uint8_t* in, uint8_t* out, int width) {
  const __m128i backwards = _mm_setr_epi8(13, 14, 15, 10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3, -1);
  int left = width;
  // Sixteen bytes are read and written for fifteen, the one too many before and behind: the last pixels go one by one.
  for (; left > 10; left -= 5, out += 15) {
    const __m128i five = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + (left - 5) * kChannels - 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(five, backwards));
  }
  for (; left > 0; left--, out += kChannels) std::memcpy(out, in + (left - 1) * kChannels, kChannels);
}

// in: uint8 rows of `stride` bytes, `box` inside them; out: uint8 [height, width, 3].
inline void Resample(const uint8_t* in, size_t stride, const Box& box, int height, int width, bool mirrored, uint8_t* out) {
  const size_t out_stride = static_cast<size_t>(width) * kChannels;
  const Rows rows{in + box.y * stride + static_cast<size_t>(box.x) * kChannels, stride, box.width, box.height};
  std::vector<uint8_t> between;
  if (box.width == width && box.height == height) {
    for (int y = 0; y < height; y++) std::memcpy(out + y * out_stride, rows.first + y * stride, out_stride);
  } else if (box.height == height) {
    Horizontal(rows, width, out);
  } else if (box.width == width) {
    Vertical(rows, height, out);
  } else if (VerticalFirst(box, height, width)) {
    between.resize(static_cast<size_t>(height) * box.width * kChannels);
    Vertical(rows, height, between.data());
    Horizontal({between.data(), static_cast<size_t>(box.width) * kChannels, box.width, height}, width, out);
  } else {
    between.resize(out_stride * box.height);
    Horizontal(rows, width, between.data());
    Vertical({between.data(), out_stride, width, box.height}, height, out);
  }
  if (mirrored) {
    for (int y = 0; y < height; y++) Mirror(out + y * out_stride, width);
  }
}

}  // namespace mcld
