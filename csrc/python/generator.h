// Generator, the source of the samplers' random numbers.
#pragma once
#include "../functions/random.h"
#include "forward.h"

namespace tx::python {

// A seed and the number of the next stream. Changed under the GIL only.
struct Generator {
  static constexpr uint64_t kDefaultSeed = 67280421310721;
  uint64_t seed = kDefaultSeed, next = 0;
  Device device = {};

  RandomStream take() {
    RandomStream taken{seed, next};
    next += kStreamsPerCall;
    return taken;
  }
  void reset(uint64_t new_seed) { seed = new_seed, next = 0; }
};

// One per device, so that what a CUDA device draws does not change what the CPU draws next.
Generator& generator_of(Device device);

// Where a sampler's numbers come from: given by the caller, or the generator of the device that it runs on. Python passes a
// Generator, None (the default generator), or the pair (seed, stream) that replays an earlier call.
struct Source {
  std::optional<RandomStream> given;
  RandomStream on(Device device) const { return given ? *given : generator_of(device).take(); }
};

template <> struct Arg<Source> {
  static Source get(PyObject* o, int i);
};

}  // namespace tx::python
