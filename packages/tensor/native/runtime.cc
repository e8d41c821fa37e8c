// What a process needs done natively before it computes with TensorFlow; loaded once, before it.
//
// 1. Memory. A step allocates and frees hundreds of tensors of some megabytes. glibc gives a worker
// thread an arena of its own, which returns such blocks to the kernel and faults them in again: one
// arena that keeps what it has makes a ResNet20 step in a worker 1.2 to 1.4 times as fast (2 cores).
//
// 2. Permanence. Node unloads an addon with the last thread that uses it, and TensorFlow aborts when it
// is loaded into a process a second time ("File already exists in database"): it is never unloaded.
//
// 3. Quiet. This keeps TensorFlow's start-up chatter off the terminal. Its library writes to stderr while it is being
// loaded, before any setting of its log can reach it; so it is loaded here, with stderr pointed at
// the file that MCLD_TENSORFLOW_LOG names, or at nothing. dup2 is atomic: no other file gets number 2.
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>

namespace {

void KeepMemory() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
}

void LoadQuietly() {
  const char* name = std::getenv("MCLD_TENSORFLOW_LOG");
  const int log = open(name != nullptr && *name != '\0' ? name : "/dev/null", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const int terminal = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  if (log >= 0 && terminal >= 0) dup2(log, STDERR_FILENO);
  // A failure shows when the addon that needs the library is loaded.
  dlopen(TENSORFLOW_LIBRARY, RTLD_LAZY | RTLD_GLOBAL | RTLD_NODELETE);
  if (log >= 0 && terminal >= 0) dup2(terminal, STDERR_FILENO);
  if (terminal >= 0) close(terminal);
  if (log >= 0) close(log);
}

}  // namespace

// Node's entry point for addons; it takes nothing from Node, so no header is needed.
extern "C" void* napi_register_module_v1(void*, void* exports) {
  static std::once_flag once;
  std::call_once(once, [] {
    KeepMemory();
    LoadQuietly();
  });
  return exports;
}
