// What the runtime tells the emulator (emulation/), and asks it; nothing in a build for real devices.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>

#if defined(TX_CUDA_EMULATED)
#include "emulation/control.h"
namespace tx::cuda {
constexpr bool kEmulated = true;
// The allocator cuts blocks from segments: what is beyond a live one may not be touched.
inline void emulation_freed(void* data, size_t nbytes, cudaStream_t stream) {
  emulation::mark_unused(data, nbytes, stream);
}
inline void emulation_used(void* data, size_t nbytes, cudaStream_t stream) {
  emulation::mark_used(data, nbytes, stream);
}
inline std::string emulation_report() { return std::string(": ") + emulation::last_report(); }
}  // namespace tx::cuda
#else
namespace tx::cuda {
constexpr bool kEmulated = false;
inline void emulation_freed(void*, size_t, cudaStream_t) {}
inline void emulation_used(void*, size_t, cudaStream_t) {}
inline std::string emulation_report() { return ""; }
}  // namespace tx::cuda
#endif
