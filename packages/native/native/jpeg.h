// A rectangle of a JPEG, decoded by Pillow's own libjpeg-turbo: only the rows and columns that it needs.
#pragma once

#include <csetjmp>
#include <cstdio>
#include <cstdint>
#include <string>
#include <vector>

#include <jpeglib.h>
#include <jerror.h>

#include "resample.h"

namespace mcld {

struct JpegHeader {
  int width = 0, height = 0;
  // Grey or three channels, upright: what this decodes. Other files are for a more patient decoder.
  bool plain = false;
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

  // out: uint8 [height, width, 3] of `box`.
  bool Draw(const Box& box, int height, int width, bool mirrored, uint8_t* out) {
    JpegHeader header;
    if (setjmp(escape_)) return Close(false);
    Open();
    Describe(&header);
    if (!header.plain || box.x < 0 || box.y < 0 || box.width < 1 || box.height < 1 || box.x + box.width > header.width ||
        box.y + box.height > header.height) {
      std::snprintf(message_, sizeof message_, "box %d,%d %dx%d is not inside %dx%d", box.x, box.y, box.width, box.height, header.width, header.height);
      return Close(false);
    }
    decompress_.out_color_space = JCS_RGB;
    jpeg_start_decompress(&decompress_);
    // Upsampled chroma depends on its neighbours: columns beside the box are decoded too, so that the ones in
    // it are those of the whole image, bit for bit.
    JDIMENSION left = box.x > kMargin ? box.x - kMargin : 0;
    const JDIMENSION right = std::min<JDIMENSION>(header.width, box.x + box.width + kMargin);
    JDIMENSION columns = right - left;
    if (columns < decompress_.output_width) jpeg_crop_scanline(&decompress_, &left, &columns);
    if (box.y > 0) jpeg_skip_scanlines(&decompress_, box.y);
    const size_t stride = static_cast<size_t>(decompress_.output_width) * kChannels;
    region_.resize(stride * box.height);
    for (int y = 0; y < box.height;) {
      JSAMPROW row = &region_[y * stride];
      y += jpeg_read_scanlines(&decompress_, &row, 1);
    }
    Resample(region_.data(), stride, Box{box.x - static_cast<int>(left), 0, box.width, box.height}, height, width, mirrored, out);
    return Close(true);
  }

  const char* error() const { return message_; }
  size_t offset() const { return offset_; }

 private:
  static constexpr int kMargin = 32;
  // A file can ask for any number of passes over a large image.
  static constexpr int kMaxScans = 256;

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
    jpeg_save_markers(&decompress_, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&decompress_, TRUE);
  }

  static void Fail(j_common_ptr info, int) {
    auto* self = static_cast<Jpeg*>(info->client_data);
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    std::snprintf(self->message_, sizeof self->message_, "%s", text);
    longjmp(self->escape_, 1);
  }

  void Describe(JpegHeader* header) const {
    header->width = decompress_.image_width;
    header->height = decompress_.image_height;
    const J_COLOR_SPACE space = decompress_.jpeg_color_space;
    const bool colours = space == JCS_GRAYSCALE || space == JCS_YCbCr || space == JCS_RGB;
    header->plain = colours && Orientation() <= 1;
  }

  // The EXIF tag 0x0112 in the first directory of the first APP1 segment; 0 where there is none.
  int Orientation() const {
    for (auto* marker = decompress_.marker_list; marker; marker = marker->next) {
      const uint8_t* data = marker->data;
      const size_t length = marker->data_length;
      if (marker->marker != JPEG_APP0 + 1 || length < 14 || std::memcmp(data, "Exif\0\0", 6) != 0) continue;
      const uint8_t* tiff = data + 6;
      const size_t size = length - 6;
      const bool little = tiff[0] == 'I';
      const auto u16 = [&](size_t at) { return little ? tiff[at] | tiff[at + 1] << 8 : tiff[at] << 8 | tiff[at + 1]; };
      const auto u32 = [&](size_t at) {
        return little ? static_cast<size_t>(u16(at)) | static_cast<size_t>(u16(at + 2)) << 16 : static_cast<size_t>(u16(at)) << 16 | u16(at + 2);
      };
      const size_t directory = u32(4);
      if (directory + 2 > size) return 0;
      const int entries = u16(directory);
      for (int i = 0; i < entries; i++) {
        const size_t entry = directory + 2 + static_cast<size_t>(i) * 12;
        if (entry + 12 > size) return 0;
        if (u16(entry) == 0x0112) return u16(entry + 8);
      }
      return 0;
    }
    return 0;
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
  std::vector<uint8_t> region_;
  bool created_ = false;
  size_t offset_ = 0;
  char message_[JMSG_LENGTH_MAX] = "";
};

}  // namespace mcld
