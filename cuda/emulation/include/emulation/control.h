// What tests set and ask; no part of CUDA. The initial values come from environment variables.
#pragma once
#include <cstdint>

#include "../cuda_runtime_api.h"

namespace emulation {

enum class Order { Ascending, Descending, Random };
enum class Streams { Eager, Lazy, Random };

struct Config {
  Order order = Order::Ascending;     // TENSORX_EMULATION_ORDER=ascending|descending|random: of blocks and threads
  Streams streams = Streams::Lazy;    // TENSORX_EMULATION_STREAMS=eager|lazy|random: when queued operations run
  uint64_t seed = 1;                  // TENSORX_EMULATION_SEED
  bool protect = true;                // TENSORX_EMULATION_PROTECT: device memory is inaccessible to the host
  bool poison = true;  // TENSORX_EMULATION_POISON: fresh memory is 0xFF (NaN in floating types, -1 in integers)
  bool quiet = false;  // TENSORX_EMULATION_QUIET: report errors by their codes alone
  int devices = 1;  // TENSORX_EMULATION_DEVICES
  uint64_t memory = uint64_t(4) << 30;  // TENSORX_EMULATION_MEMORY: bytes of each device
};
Config& config();

struct Stats {
  uint64_t launches, blocks, threads, switches, barriers, fibers;
};
Stats& stats();

const char* last_report();  // the text of the last diagnosed error

// What an allocator does inside its own allocation, in the order of a stream: unused parts are filled (poison) and, under
// AddressSanitizer, forbidden.
void mark_unused(void* data, size_t nbytes, cudaStream_t stream);
void mark_used(void* data, size_t nbytes, cudaStream_t stream);

}  // namespace emulation
