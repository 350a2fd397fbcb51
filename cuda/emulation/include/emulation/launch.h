// Launches: cudaLaunchKernelEx and cudaFuncSetAttribute.
#pragma once
#include <functional>
#include <tuple>
#include <type_traits>

#include "../cuda_runtime_api.h"

namespace emulation {

struct Launch {
  dim3 grid, block;
  size_t shared_bytes;
  void (*run_thread)(const void* arguments);             // the kernel, once, for the current thread
  const void* arguments;
};
void run_grid(const Launch& launch);

cudaError_t check_launch(const cudaLaunchConfig_t& config, const void* kernel);
cudaError_t check_pointer(const void* argument, int position);          // neither pageable host memory nor freed
cudaError_t enqueue(cudaStream_t stream, std::function<void()> run);
cudaError_t set_shared_limit(const void* kernel, cudaFuncAttribute attribute, int value);

template <class T> cudaError_t check_argument(const T& argument, int position) {
  if constexpr (std::is_pointer_v<T>) return check_pointer(static_cast<const void*>(argument), position);
  else return cudaSuccess;
}

}  // namespace emulation

template <class F> inline cudaError_t cudaFuncSetAttribute(F* kernel, cudaFuncAttribute attribute, int value) {
  return emulation::set_shared_limit(reinterpret_cast<const void*>(kernel), attribute, value);
}

template <class... P, class... A>
inline cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(P...), A&&... arguments) {
  static_assert(sizeof...(P) == sizeof...(A), "a kernel takes as many arguments as it has parameters");
  static_assert((std::is_trivially_copyable_v<P> && ...), "kernel parameters must be trivially copyable");
  static_assert((sizeof(P) + ... + 0) <= 4096, "kernel parameters may have 4096 bytes in all");
  cudaError_t error = emulation::check_launch(*config, reinterpret_cast<const void*>(kernel));
  int position = 0;
  ((error = error == cudaSuccess ? emulation::check_argument<std::decay_t<P>>(arguments, position++) : error), ...);
  if (error != cudaSuccess) return error;
  struct Bound {
    void (*kernel)(P...);
    std::tuple<std::decay_t<P>...> arguments;
  };
  const Bound bound{kernel, {static_cast<P>(arguments)...}};
  const dim3 grid = config->gridDim, block = config->blockDim;
  const size_t shared_bytes = config->dynamicSmemBytes;
  return emulation::enqueue(config->stream, [=] {
    emulation::run_grid({grid, block, shared_bytes,
                         [](const void* p) {
                           auto& b = *static_cast<const Bound*>(p);
                           std::apply(b.kernel, b.arguments);
                         },
                         &bound});
  });
}
