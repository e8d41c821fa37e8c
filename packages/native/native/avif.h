// AVIF, decoded by Pillow's own libavif with Pillow's settings.
#pragma once

#include <memory>
#include <new>
#include <string>
#include <vector>

#include "avif-abi.h"
#include "resample.h"

namespace mcld {

class Avif {
 public:
  Avif(const uint8_t* bytes, size_t length) : decoder_(avifDecoderCreate(), avifDecoderDestroy) {
    if (!decoder_) throw std::bad_alloc();
    // As Pillow does: files that lack what the standard wants, but are in use.
    decoder_->strictFlags &= ~(AVIF_STRICT_CLAP_VALID | AVIF_STRICT_PIXI_REQUIRED);
    if (!Failed(avifDecoderSetIOMemory(decoder_.get(), bytes, length))) Failed(avifDecoderParse(decoder_.get()));
  }

  // Empty while all went well.
  const std::string& error() const { return error_; }
  const avifImage& image() const { return *decoder_->image; }

  // EXIF's number for the transformations that the file itself asks for.
  int Orientation() const {
    const bool mirrored = image().transformFlags & AVIF_TRANSFORM_IMIR;
    const int quarters = image().transformFlags & AVIF_TRANSFORM_IROT ? image().irot.angle & 3 : 0;
    static constexpr int kTurned[4] = {1, 8, 3, 6};
    static constexpr int kTopToBottom[4] = {4, 5, 2, 7}, kLeftToRight[4] = {2, 7, 4, 5};
    return !mirrored ? kTurned[quarters] : image().imir.axis ? kLeftToRight[quarters] : kTopToBottom[quarters];
  }

  // out: uint8 [height, width, 3], of the size that the image had before it was decoded.
  void Decode(uint8_t* out) {
    const uint32_t width = image().width, height = image().height;
    // What it holds may say that it is larger.
    decoder_->imageSizeLimit = width * height;
    if (Failed(avifDecoderNextImage(decoder_.get()))) return;
    if (image().width != width || image().height != height) {
      error_ = "its frame is of another size than its header says";
      return;
    }
    avifRGBImage rgb{};
    avifRGBImageSetDefaults(&rgb, &image());
    rgb.depth = 8;
    const bool grey = image().yuvFormat == AVIF_PIXEL_FORMAT_YUV400;
    rgb.format = image().alphaPlane ? AVIF_RGB_FORMAT_RGBA : grey ? AVIF_RGB_FORMAT_GRAY : AVIF_RGB_FORMAT_RGB;
    const int channels = image().alphaPlane ? 4 : grey ? 1 : kChannels;
    std::vector<uint8_t> pixels(static_cast<size_t>(width) * height * channels);
    rgb.pixels = pixels.data();
    rgb.rowBytes = width * channels;
    if (Failed(avifImageYUVToRGB(&image(), &rgb))) return;
    for (const uint8_t* pixel = pixels.data(); pixel < pixels.data() + pixels.size(); pixel += channels) {
      for (int c = 0; c < kChannels; c++) *out++ = pixel[channels == 1 ? 0 : c];
    }
  }

 private:
  bool Failed(avifResult result) {
    if (result != 0) error_ = avifResultToString(result);
    return result != 0;
  }

  std::unique_ptr<avifDecoder, decltype(&avifDecoderDestroy)> decoder_;
  std::string error_;
};

}  // namespace mcld
