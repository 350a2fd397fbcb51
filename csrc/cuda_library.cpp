// Finds and loads the CUDA library: lib/libtensorx_cuda.so beside the extension module, or what TENSORX_CUDA_LIBRARY names.
#include "cuda_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "errors.h"

namespace tx {

namespace {

std::filesystem::path library_path() {
  if (const char* path = std::getenv("TENSORX_CUDA_LIBRARY")) return path;
  Dl_info self;
  dladdr(reinterpret_cast<void*>(&has_cuda_library), &self);
  return std::filesystem::path(self.dli_fname).parent_path() / "lib" / "libtensorx_cuda.so";
}

const cuda::Library* load() {
  const std::string path = library_path();
  if (!has_cuda_library()) {
    if (std::getenv("TENSORX_CUDA_LIBRARY"))
      fail(ErrorKind::Runtime, "TENSORX_CUDA_LIBRARY is ", path,
           ", where there is no file: give the library's path, or unset it");
    fail(ErrorKind::Runtime,
         "tensorx was built without CUDA: use device='cpu', or install it from source where nvcc is found");
  }
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) fail(ErrorKind::Runtime, "the CUDA library of tensorx cannot be loaded: ", dlerror());
  auto get = reinterpret_cast<decltype(&tensorx_cuda_library)>(dlsym(handle, "tensorx_cuda_library"));
  const cuda::Library* library = get ? get() : nullptr;
  if (!library || std::strcmp(library->interface, TX_CUDA_INTERFACE) != 0)
    fail(ErrorKind::Runtime, path, " belongs to another build of tensorx than this one, ", TX_VERSION,
         ": build and install both together");
  return library;
}

}  // namespace

static bool loaded = false;
bool cuda_was_used() { return loaded; }

const cuda::Library& cuda_library() {
  static const cuda::Library* library = load();
  loaded = true;
  return *library;
}

bool has_cuda_library() {
  static const bool found = std::filesystem::exists(library_path());
  return found;
}

static thread_local int current_device = 0;
int current_cuda_device() { return current_device; }
void set_current_cuda_device(int device) {
  cuda_library().use_device(device);  // raises for one that is not there
  current_device = device;
}

int cuda_device_count() {
  if (!has_cuda_library()) return 0;
  try {
    return cuda_library().device_count();
  } catch (const Error&) {
    return 0;
  }
}

}  // namespace tx
