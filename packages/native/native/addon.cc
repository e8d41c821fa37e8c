// What this project needs from the machine that Node does not offer: Pillow's resize, rectangles of JPEGs,
// and files mapped into memory. The TypeScript beside it (src/) checks arguments; nothing here does so twice.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>

#include <node_api.h>

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

// jpegHeader(bytes, out: Int32Array of width, height, plain) → undefined, or the error's text
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
  out[2] = header.plain;
  return nullptr;
}

struct DrawWork {
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
  napi_ref bytes_ref = nullptr, out_ref = nullptr;
  Bytes bytes, out;
  Target target;
  bool ok = false;
  std::string error;
};

void Draw(napi_env, void* data) {
  auto* task = static_cast<DrawWork*>(data);
  const auto& t = task->target;
  mcld::Jpeg jpeg(task->bytes.data, task->bytes.length);
  task->ok = jpeg.Draw(t.box, t.height, t.width, t.mirrored, task->out.data + t.at);
  if (!task->ok) task->error = std::string(jpeg.error()) + " (at byte " + std::to_string(jpeg.offset()) + ")";
}

void Settle(napi_env env, napi_status, void* data) {
  std::unique_ptr<DrawWork> task(static_cast<DrawWork*>(data));
  napi_value value = nullptr;
  if (task->ok) {
    napi_get_undefined(env, &value);
    napi_resolve_deferred(env, task->deferred, value);
  } else {
    napi_value text = nullptr;
    napi_create_string_utf8(env, task->error.c_str(), NAPI_AUTO_LENGTH, &text);
    napi_create_error(env, nullptr, text, &value);
    napi_reject_deferred(env, task->deferred, value);
  }
  napi_delete_reference(env, task->bytes_ref);
  napi_delete_reference(env, task->out_ref);
  napi_delete_async_work(env, task->work);
}

// drawJpeg(bytes, target, out) → Promise; runs in the thread pool
napi_value DrawJpeg(napi_env env, napi_callback_info info) {
  const Arguments<3> a(env, info);
  auto* task = new DrawWork{nullptr, nullptr, nullptr, nullptr, Bytes(env, a.values[0]), Bytes(env, a.values[2]), Target(env, a.values[1])};
  napi_create_reference(env, a.values[0], 1, &task->bytes_ref);
  napi_create_reference(env, a.values[2], 1, &task->out_ref);
  napi_value promise = nullptr, name = nullptr;
  napi_create_promise(env, &task->deferred, &promise);
  napi_create_string_utf8(env, "mcld:jpeg", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, nullptr, name, Draw, Settle, task, &task->work);
  napi_queue_async_work(env, task->work);
  return promise;
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

void Export(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
  napi_set_named_property(env, exports, name, value);
}

}  // namespace

NAPI_MODULE_INIT() {
  Export(env, exports, "resample", ResamplePixels);
  Export(env, exports, "jpegHeader", ReadJpegHeader);
  Export(env, exports, "drawJpeg", DrawJpeg);
  Export(env, exports, "mapFile", MapFile);
  return exports;
}
