// What the parts of the emulator share.
#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cuda_runtime.h"
#include "emulation/control.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define EMULATION_ASAN 1
#else
#define EMULATION_ASAN 0
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif
// The engine is compiled without -fsanitize=thread (its frames straddle switches of the stack) and told so by a macro.
#if defined(TX_EMULATION_TSAN)
#include <sanitizer/tsan_interface.h>
#define EMULATION_TSAN 1
#else
#define EMULATION_TSAN 0
#endif

namespace emulation {

// One lock for everything: operations run one at a time, whichever host thread makes them run.
extern std::recursive_mutex mutex;
using Lock = std::lock_guard<std::recursive_mutex>;

// ---- control.cpp: errors ----
cudaError_t failed(cudaError_t error);                       // remembered for cudaGetLastError
cudaError_t failed(cudaError_t error, const std::string& why);
extern cudaError_t sticky;                                   // the error of a kernel: every later call returns it
void stick(cudaError_t error, const std::string& why);
uint64_t random_below(uint64_t n);

// ---- fiber.cpp: stacks ----
struct PendingCopy {
  void* to;
  const void* from;
  unsigned nbytes, present;
};
// A stack on which CUDA threads run, one after another, until one of them waits.
struct Fiber {
  void* stack_pointer = nullptr;
  char* stack = nullptr;                       // lowest address
  unsigned offset = 0;                         // of its top: see kStagger
  uint3 thread{};                              // threadIdx
  unsigned number = 0;                         // of the thread in its block
  Site site{nullptr, 0};                       // where it waits
  std::vector<PendingCopy> copies;             // cp.async not yet waited for, and the sizes of its groups
  std::vector<unsigned> groups;
  std::vector<void*> atomics;                  // TSan: used since the last fence
  bool fenced = false;
  void *asan_stack = nullptr, *tsan_fiber = nullptr;
};
extern Fiber host;                             // the stack of the host thread that runs the grid
extern Fiber* current;
constexpr unsigned kMaxThreads = 1024;

Fiber* make_fiber(unsigned set, unsigned index, void (*entry)());
void reset_fiber(Fiber& fiber, void (*entry)());
void enter_host();                             // the calling host thread becomes `host`
void switch_to(Fiber* to);
bool is_fiber_stack(const void* address);

// ---- shared.cpp ----
void reset_shared(size_t dynamic_bytes);       // before each block
uint64_t block_number();                       // counts the blocks run so far

// ---- engine.cpp ----
cudaError_t take_failure(std::string& text);   // of the last grid

// ---- memory.cpp ----
// Device memory is accessible while one of these lives.
struct DeviceRuns {
  DeviceRuns();
  ~DeviceRuns();
};
bool device_runs();
void host_function(cudaHostFn_t function, void* argument);   // called with device memory inaccessible
int device_of(const void* address);                          // -1: no live device allocation

// ---- stream.cpp: operations in order, run on demand ----
struct Operation;
using OperationPtr = std::shared_ptr<Operation>;
struct Operation {
  cudaStream_t stream;
  std::function<void()> run;
  std::vector<OperationPtr> after;             // of other streams
  bool done = false;
  double time = 0;                             // when it was done, ms
};
OperationPtr submit(cudaStream_t stream, std::function<void()> run, std::vector<OperationPtr> after = {});
bool is_stream(cudaStream_t stream);
int stream_device(cudaStream_t stream);
void drain(cudaStream_t stream);
void drain_all();
int current_device();

}  // namespace emulation
