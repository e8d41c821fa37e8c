// What this project needs from the machine that Node does not offer: Pillow's resize, rectangles of JPEGs, AVIFs, files
// mapped into memory, and locks of files. The TypeScript beside it (src/) checks arguments; nothing here does so twice.
#include <fcntl.h>
#include <malloc.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include <node_api.h>

#include "avif.h"
#include "checksum.h"
#include "jpeg.h"

namespace {

napi_value Throw(napi_env env, const std::string& message) {
  napi_throw_error(env, nullptr, message.c_str());
  return nullptr;
}

template <size_t N>
struct Arguments {
  napi_value values[N];

  Arguments(napi_env env, napi_callback_info info) {
    size_t count = N;
    napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  }
};

struct Bytes {
  uint8_t* data = nullptr;
  size_t length = 0;

  Bytes(napi_env env, napi_value value) {
    napi_get_typedarray_info(env, value, nullptr, &length, reinterpret_cast<void**>(&data), nullptr, nullptr);
  }
};

int Int(napi_env env, napi_value value) {
  int32_t number = 0;
  napi_get_value_int32(env, value, &number);
  return number;
}

// An Int32Array: x, y, width, height of the box; height, width of the result; whether it is mirrored; offset.
struct Target {
  mcld::Box box;
  int height, width;
  bool mirrored;
  size_t at;

  Target(napi_env env, napi_value value) {
    int32_t* n = nullptr;
    napi_get_typedarray_info(env, value, nullptr, nullptr, reinterpret_cast<void**>(&n), nullptr, nullptr);
    box = {n[0], n[1], n[2], n[3]};
    height = n[4];
    width = n[5];
    mirrored = n[6] != 0;
    at = static_cast<size_t>(n[7]);
  }
};

// resample(pixels, rowBytes, target, out)
napi_value ResamplePixels(napi_env env, napi_callback_info info) {
  const Arguments<4> a(env, info);
  const Bytes pixels(env, a.values[0]);
  const Target target(env, a.values[2]);
  const Bytes out(env, a.values[3]);
  mcld::Resample(pixels.data, Int(env, a.values[1]), target.box, target.height, target.width, target.mirrored, out.data + target.at);
  return nullptr;
}

// The image moved by (−dx, −dy), zeros where it has moved away, then mirrored.
void Shift(const uint8_t* image, int height, int width, const int32_t* shift, uint8_t* out) {
  const int dx = shift[0], dy = shift[1];
  const int from = std::max(0, dx), to = std::min(width, width + dx);
  const bool mirrored = shift[2] != 0;
  const size_t stride = static_cast<size_t>(width) * mcld::kChannels;
  // Where the columns from…to of the image land.
  const int column = mirrored ? width - (to - dx) : from - dx;
  for (int y = 0; y < height; y++, out += stride) {
    const int source = y + dy;
    const bool inside = source >= 0 && source < height && from < to;
    if (!inside || to - from < width) std::memset(out, 0, stride);
    if (!inside) continue;
    const uint8_t* row = image + source * stride + from * mcld::kChannels;
    uint8_t* target = out + column * mcld::kChannels;
    if (mirrored) mcld::CopyMirrored(row, target, to - from);
    else std::memcpy(target, row, (to - from) * mcld::kChannels);
  }
}

// Work for the thread pool that settles a promise; it keeps its typed arrays alive.
struct Task {
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
  std::vector<napi_ref> kept;
  std::string error;

  virtual ~Task() = default;
  virtual void Run() = 0;

  napi_value Queue(napi_env env, const char* name, std::initializer_list<napi_value> arrays) {
    for (napi_value array : arrays) {
      kept.emplace_back();
      napi_create_reference(env, array, 1, &kept.back());
    }
    napi_value promise = nullptr, label = nullptr;
    napi_create_promise(env, &deferred, &promise);
    napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &label);
    const auto run = [](napi_env, void* task) { static_cast<Task*>(task)->Run(); };
    napi_create_async_work(env, nullptr, label, run, Settle, this, &work);
    napi_queue_async_work(env, work);
    return promise;
  }

  static void Settle(napi_env env, napi_status, void* data) {
    std::unique_ptr<Task> task(static_cast<Task*>(data));
    napi_value value = nullptr;
    if (task->error.empty()) {
      napi_get_undefined(env, &value);
      napi_resolve_deferred(env, task->deferred, value);
    } else {
      napi_value text = nullptr;
      napi_create_string_utf8(env, task->error.c_str(), NAPI_AUTO_LENGTH, &text);
      napi_create_error(env, nullptr, text, &value);
      napi_reject_deferred(env, task->deferred, value);
    }
    for (napi_ref reference : task->kept) napi_delete_reference(env, reference);
    napi_delete_async_work(env, task->work);
  }
};

// shiftImages(pixels, height, width, Int32Array of (image, dx, dy, mirrored) a view, out)
napi_value ShiftImages(napi_env env, napi_callback_info info) {
  const Arguments<5> a(env, info);
  const Bytes pixels(env, a.values[0]), out(env, a.values[4]);
  const int height = Int(env, a.values[1]), width = Int(env, a.values[2]);
  int32_t* views = nullptr;
  size_t words = 0;
  napi_get_typedarray_info(env, a.values[3], nullptr, &words, reinterpret_cast<void**>(&views), nullptr, nullptr);
  const size_t bytes = static_cast<size_t>(height) * width * mcld::kChannels;
  for (size_t i = 0; i < words / 4; i++) {
    const int32_t* view = views + i * 4;
    Shift(pixels.data + static_cast<size_t>(view[0]) * bytes, height, width, view + 1, out.data + i * bytes);
  }
  return nullptr;
}

// turn(pixels, height, width, orientation, out): uint8 [height, width, 3] as it is stored, upright into `out`
napi_value TurnPixels(napi_env env, napi_callback_info info) {
  const Arguments<5> a(env, info);
  const Bytes pixels(env, a.values[0]), out(env, a.values[4]);
  const int height = Int(env, a.values[1]), width = Int(env, a.values[2]);
  const size_t stride = static_cast<size_t>(width) * mcld::kChannels;
  mcld::Turn(Int(env, a.values[3])).Apply(pixels.data, stride, width, height, out.data);
  return nullptr;
}

// cmykToRgb(inks, out): uint8 [pixels, 4] into uint8 [pixels, 3]
napi_value ConvertCmyk(napi_env env, napi_callback_info info) {
  const Arguments<2> a(env, info);
  const Bytes inks(env, a.values[0]), out(env, a.values[1]);
  mcld::CmykToRgb(inks.data, inks.length / mcld::kInks, 0, out.data);
  return nullptr;
}

// jpegHeader(bytes, out: Int32Array of width, height) → undefined, or the error's text
napi_value ReadJpegHeader(napi_env env, napi_callback_info info) {
  const Arguments<2> a(env, info);
  const Bytes bytes(env, a.values[0]);
  int32_t* out = nullptr;
  napi_get_typedarray_info(env, a.values[1], nullptr, nullptr, reinterpret_cast<void**>(&out), nullptr, nullptr);
  mcld::Jpeg jpeg(bytes.data, bytes.length);
  mcld::JpegHeader header;
  if (!jpeg.ReadHeader(&header)) {
    napi_value text = nullptr;
    napi_create_string_utf8(env, jpeg.error(), NAPI_AUTO_LENGTH, &text);
    return text;
  }
  out[0] = header.width;
  out[1] = header.height;
  return nullptr;
}

struct JpegTask : Task {
  Bytes bytes, out;
  Target target;
  mcld::Turn turn;

  JpegTask(napi_env env, const Arguments<4>& a)
      : bytes(env, a.values[0]), out(env, a.values[3]), target(env, a.values[2]), turn(Int(env, a.values[1])) {}

  void Run() override {
    mcld::Jpeg jpeg(bytes.data, bytes.length);
    const bool drawn = jpeg.Draw(target.box, turn, target.height, target.width, target.mirrored, out.data + target.at);
    if (!drawn) error = std::string(jpeg.error()) + " (at byte " + std::to_string(jpeg.offset()) + ")";
  }
};

// drawJpeg(bytes, orientation, target, out) → Promise
napi_value DrawJpeg(napi_env env, napi_callback_info info) {
  const Arguments<4> a(env, info);
  return (new JpegTask(env, a))->Queue(env, "mcld:jpeg", {a.values[0], a.values[3]});
}

// avifHeader(bytes, out: Int32Array of width, height, orientation) → [EXIF, XMP], or the error's text
napi_value ReadAvifHeader(napi_env env, napi_callback_info info) {
  const Arguments<2> a(env, info);
  const Bytes bytes(env, a.values[0]);
  int32_t* out = nullptr;
  napi_get_typedarray_info(env, a.values[1], nullptr, nullptr, reinterpret_cast<void**>(&out), nullptr, nullptr);
  const mcld::Avif avif(bytes.data, bytes.length);
  napi_value result = nullptr;
  if (!avif.error().empty()) {
    napi_create_string_utf8(env, avif.error().c_str(), NAPI_AUTO_LENGTH, &result);
    return result;
  }
  out[0] = static_cast<int32_t>(avif.image().width);
  out[1] = static_cast<int32_t>(avif.image().height);
  out[2] = avif.Orientation();
  napi_create_array_with_length(env, 2, &result);
  uint32_t at = 0;
  for (const avifRWData& note : {avif.image().exif, avif.image().xmp}) {
    napi_value buffer = nullptr;
    napi_create_buffer_copy(env, note.size, note.data, nullptr, &buffer);
    napi_set_element(env, result, at++, buffer);
  }
  return result;
}

struct AvifTask : Task {
  Bytes bytes, out;

  AvifTask(napi_env env, const Arguments<2>& a) : bytes(env, a.values[0]), out(env, a.values[1]) {}

  void Run() override {
    mcld::Avif avif(bytes.data, bytes.length);
    if (avif.error().empty()) avif.Decode(out.data);
    error = avif.error();
  }
};

// decodeAvif(bytes, out) → Promise; `out` has three bytes for each pixel of the header
napi_value DecodeAvif(napi_env env, napi_callback_info info) {
  const Arguments<2> a(env, info);
  return (new AvifTask(env, a))->Queue(env, "mcld:avif", {a.values[0], a.values[1]});
}

// mapFile(path) → ArrayBuffer of the file's bytes, read-only: writing to it ends the process
napi_value MapFile(napi_env env, napi_callback_info info) {
  const Arguments<1> a(env, info);
  char path[4096];
  napi_get_value_string_utf8(env, a.values[0], path, sizeof path, nullptr);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return Throw(env, std::string("cannot open ") + path + ": " + std::strerror(errno));
  struct stat about {};
  fstat(file, &about);
  const auto length = static_cast<size_t>(about.st_size);
  void* bytes = length == 0 ? MAP_FAILED : mmap(nullptr, length, PROT_READ, MAP_SHARED, file, 0);
  const int reason = length == 0 ? EINVAL : errno;
  close(file);
  if (bytes == MAP_FAILED) return Throw(env, std::string("cannot map ") + path + ": " + std::strerror(reason));
  napi_value buffer = nullptr;
  const auto unmap = [](napi_env, void* data, void* hint) { munmap(data, reinterpret_cast<size_t>(hint)); };
  napi_create_external_arraybuffer(env, bytes, length, unmap, reinterpret_cast<void*>(length), &buffer);
  return buffer;
}

// lockFile(fd) → whether the file's lock is this descriptor's now, false while another has it
napi_value LockFile(napi_env env, napi_callback_info info) {
  const Arguments<1> a(env, info);
  const bool locked = flock(Int(env, a.values[0]), LOCK_EX | LOCK_NB) == 0;
  if (!locked && errno != EWOULDBLOCK) return Throw(env, std::strerror(errno));
  napi_value value = nullptr;
  napi_get_boolean(env, locked, &value);
  return value;
}

// addressOf(array) → where its bytes are, exact in a double
napi_value AddressOf(napi_env env, napi_callback_info info) {
  const Arguments<1> a(env, info);
  napi_value value = nullptr;
  napi_create_double(env, static_cast<double>(reinterpret_cast<uintptr_t>(Bytes(env, a.values[0]).data)), &value);
  return value;
}

// readRows(Float64Array of the rows' addresses, or 0; words; index; code; out: Int32Array; right: Uint8Array): copies rows
// whose checksum (their last word, see packages/logit-store) is right.
napi_value ReadRows(napi_env env, napi_callback_info info) {
  const Arguments<6> a(env, info);
  const auto words_of = [&](napi_value value) { return reinterpret_cast<int32_t*>(Bytes(env, value).data); };
  const auto* addresses = reinterpret_cast<const double*>(Bytes(env, a.values[0]).data);
  const int words = Int(env, a.values[1]);
  const int32_t *index = words_of(a.values[2]), *code = words_of(a.values[3]);
  int32_t* out = words_of(a.values[4]);
  const Bytes right(env, a.values[5]);
  std::vector<const int32_t*> rows(right.length);
  for (size_t i = 0; i < rows.size(); i++) {
    rows[i] = reinterpret_cast<const int32_t*>(static_cast<uintptr_t>(addresses[i]));
    // Rows lie at random places: memory fetches them side by side while the others are looked at.
    for (int at = 0; rows[i] != nullptr && at <= words; at += 16) __builtin_prefetch(rows[i] + at);
  }
  for (size_t i = 0; i < rows.size(); i++) {
    right.data[i] = rows[i] != nullptr && mcld::Checksum(rows[i], words, index[i], code[i]) == rows[i][words];
    if (right.data[i]) std::memcpy(out + i * words, rows[i], words * sizeof(int32_t));
  }
  return nullptr;
}

void Export(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
  napi_set_named_property(env, exports, name, value);
}

}  // namespace

// Batches are buffers of some hundred kilobytes that live for milliseconds: by default glibc asks the kernel for each
// and faults its pages in anew.
void KeepMemory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

NAPI_MODULE_INIT() {
  KeepMemory();
  Export(env, exports, "resample", ResamplePixels);
  Export(env, exports, "shiftImages", ShiftImages);
  Export(env, exports, "turn", TurnPixels);
  Export(env, exports, "cmykToRgb", ConvertCmyk);
  Export(env, exports, "jpegHeader", ReadJpegHeader);
  Export(env, exports, "drawJpeg", DrawJpeg);
  Export(env, exports, "avifHeader", ReadAvifHeader);
  Export(env, exports, "decodeAvif", DecodeAvif);
  Export(env, exports, "mapFile", MapFile);
  Export(env, exports, "lockFile", LockFile);
  Export(env, exports, "addressOf", AddressOf);
  Export(env, exports, "readRows", ReadRows);
  return exports;
}
