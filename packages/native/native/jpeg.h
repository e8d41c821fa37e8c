// A rectangle of a JPEG, decoded by Pillow's own libjpeg-turbo: only the rows and columns that it needs. Grey, colours
// or inks; turned upright if need be.
#pragma once

#include <csetjmp>
#include <cstdio>
#include <cstdint>
#include <string>
#include <vector>

#include <jpeglib.h>
#include <jerror.h>

#include "colours.h"
#include "resample.h"
#include "turn.h"

namespace mcld {

// As it is stored, before it is turned.
struct JpegHeader {
  int width = 0, height = 0;
};

class Jpeg {
 public:
  Jpeg(const uint8_t* bytes, size_t length) : bytes_(bytes), length_(length) {}

  // False where the bytes are no JPEG that can be decoded: error() says why, offset() where.
  bool ReadHeader(JpegHeader* header) {
    if (setjmp(escape_)) return Close(false);
    Open();
    Describe(header);
    return Close(true);
  }

  // out: uint8 [height, width, 3] of `box`, which counts in the upright picture.
  bool Draw(const Box& box, const Turn& turn, int height, int width, bool mirrored, uint8_t* out) {
    JpegHeader header;
    if (setjmp(escape_)) return Close(false);
    Open();
    Describe(&header);
    const Box stored = turn.Stored(box, header.width, header.height);
    if (stored.x < 0 || stored.y < 0 || stored.width < 1 || stored.height < 1 ||
        stored.x + stored.width > header.width || stored.y + stored.height > header.height) {
      std::snprintf(message_, sizeof message_, "box %d,%d %dx%d is not inside %dx%d", box.x, box.y, box.width, box.height, header.width, header.height);
      return Close(false);
    }
    Rows rows = Read(stored, header.width);
    if (!turn.upright()) {
      const size_t pitch = static_cast<size_t>(box.width) * kChannels;
      turned_.resize(pitch * box.height);
      turn.Apply(rows.first, rows.pitch, rows.width, rows.height, turned_.data());
      rows = {turned_.data(), pitch, box.width, box.height};
    }
    Resample(rows.first, rows.pitch, Box{0, 0, box.width, box.height}, height, width, mirrored, out);
    return Close(true);
  }

  const char* error() const { return message_; }
  size_t offset() const { return offset_; }

 private:
  static constexpr int kMargin = 32;
  // A file can ask for any number of passes over a large image.
  static constexpr int kMaxScans = 256;

  // The pixels of `box`, as they are stored; they lie in region_.
  Rows Read(const Box& box, int image_width) {
    // Pillow takes all four-channel JPEGs for inverted, as Adobe writes them.
    const bool inks = decompress_.num_components == kInks;
    const int channels = inks ? kInks : kChannels;
    decompress_.out_color_space = inks ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&decompress_);
    // Upsampled chroma depends on its neighbours: columns beside the box are decoded too, so that the ones in
    // it are those of the whole image, bit for bit.
    JDIMENSION left = box.x > kMargin ? box.x - kMargin : 0;
    const JDIMENSION right = std::min<JDIMENSION>(image_width, box.x + box.width + kMargin);
    JDIMENSION columns = right - left;
    if (columns < decompress_.output_width) jpeg_crop_scanline(&decompress_, &left, &columns);
    if (box.y > 0) jpeg_skip_scanlines(&decompress_, box.y);
    const size_t pixels = decompress_.output_width;
    region_.resize(pixels * channels * box.height);
    for (int y = 0; y < box.height;) {
      JSAMPROW row = &region_[y * pixels * channels];
      y += jpeg_read_scanlines(&decompress_, &row, 1);
    }
    // In place: three bytes are written where four were read.
    if (inks) CmykToRgb(region_.data(), pixels * box.height, 255, region_.data());
    return {region_.data() + (box.x - left) * kChannels, pixels * kChannels, box.width, box.height};
  }

  void Open() {
    decompress_.err = jpeg_std_error(&errors_);
    errors_.error_exit = [](j_common_ptr info) { Fail(info, info->err->msg_code); };
    errors_.emit_message = [](j_common_ptr info, int level) {
      const int code = info->err->msg_code;
      if (level < 0 && (code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE || code == JWRN_JPEG_EOF)) Fail(info, code);
    };
    decompress_.client_data = this;
    jpeg_create_decompress(&decompress_);
    created_ = true;
    progress_.progress_monitor = [](j_common_ptr info) {
      auto* self = static_cast<Jpeg*>(info->client_data);
      if (self->decompress_.input_scan_number <= kMaxScans) return;
      std::snprintf(self->message_, sizeof self->message_, "more than %d scans", kMaxScans);
      longjmp(self->escape_, 1);
    };
    decompress_.progress = &progress_;
    jpeg_mem_src(&decompress_, bytes_, length_);
    jpeg_read_header(&decompress_, TRUE);
  }

  static void Fail(j_common_ptr info, int) {
    auto* self = static_cast<Jpeg*>(info->client_data);
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    std::snprintf(self->message_, sizeof self->message_, "%s", text);
    longjmp(self->escape_, 1);
  }

  void Describe(JpegHeader* header) {
    header->width = decompress_.image_width;
    header->height = decompress_.image_height;
    const int channels = decompress_.num_components;
    if (channels == 1 || channels == kChannels || channels == kInks) return;
    std::snprintf(message_, sizeof message_, "a JPEG of %d channels; only 1, 3 and 4 are read", channels);
    longjmp(escape_, 1);
  }

  bool Close(bool ok) {
    if (created_) {
      offset_ = decompress_.src ? length_ - decompress_.src->bytes_in_buffer : 0;
      jpeg_destroy_decompress(&decompress_);
    }
    created_ = false;
    return ok;
  }

  const uint8_t* bytes_;
  const size_t length_;
  jpeg_decompress_struct decompress_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf escape_;
  std::vector<uint8_t> region_, turned_;
  bool created_ = false;
  size_t offset_ = 0;
  char message_[JMSG_LENGTH_MAX] = "";
};

}  // namespace mcld
