// Settings, errors and random numbers of the emulator.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "internal.h"

namespace emulation {

std::recursive_mutex mutex;
cudaError_t sticky = cudaSuccess;
static cudaError_t last_error = cudaSuccess;
static std::string report;

static const char* setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

static uint64_t number(const char* name, uint64_t otherwise) {
  const char* text = setting(name);
  if (!*text) return otherwise;
  char* end;
  const uint64_t value = std::strtoull(text, &end, 0);
  if (*end) {
    std::fprintf(stderr, "emulation: %s=%s is not a number\n", name, text);
    std::abort();
  }
  return value;
}

template <class T>
static T choice(const char* name, std::initializer_list<std::pair<const char*, T>> choices) {
  const std::string text = setting(name);
  if (text.empty()) return choices.begin()->second;
  for (auto [word, value] : choices)
    if (text == word) return value;
  std::fprintf(stderr, "emulation: %s=%s is none of", name, text.c_str());
  for (auto [word, value] : choices) std::fprintf(stderr, " %s", word);
  std::fprintf(stderr, "\n");
  std::abort();
}

Config& config() {
  static Config c = {
      choice<Order>("TENSORX_EMULATION_ORDER",
                    {{"ascending", Order::Ascending}, {"descending", Order::Descending}, {"random", Order::Random}}),
      choice<Streams>("TENSORX_EMULATION_STREAMS",
                      {{"lazy", Streams::Lazy}, {"eager", Streams::Eager}, {"random", Streams::Random}}),
      number("TENSORX_EMULATION_SEED", 1),
      number("TENSORX_EMULATION_PROTECT", 1) != 0,
      number("TENSORX_EMULATION_POISON", 1) != 0,
      number("TENSORX_EMULATION_QUIET", 0) != 0,
      int(number("TENSORX_EMULATION_DEVICES", 1)),
      number("TENSORX_EMULATION_MEMORY", uint64_t(4) << 30),
  };
  return c;
}

Stats& stats() {
  static Stats s{};
  return s;
}

const char* last_report() { return report.c_str(); }

cudaError_t failed(cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) last_error = error;
  return error;
}

cudaError_t failed(cudaError_t error, const std::string& why) {
  report = why;
  if (!config().quiet) std::fprintf(stderr, "emulation: %s\n", why.c_str());
  return failed(error);
}

void stick(cudaError_t error, const std::string& why) {
  sticky = error;
  failed(error, why);
}

// xorshift64
uint64_t random_below(uint64_t n) {
  static uint64_t state = config().seed * 0x9e3779b97f4a7c15ull | 1;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (state >> 11) % n;
}

}  // namespace emulation

using namespace emulation;

cudaError_t cudaGetLastError() {
  Lock lock(emulation::mutex);
  return std::exchange(emulation::last_error, sticky);
}
cudaError_t cudaPeekAtLastError() {
  Lock lock(emulation::mutex);
  return emulation::last_error;
}
const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define X(name, value, text) \
  case name: return #name;
    TX_CUDA_ERRORS(X)
#undef X
  }
  return "unrecognized error code";
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
#define X(name, value, text) \
  case name: return text;
    TX_CUDA_ERRORS(X)
#undef X
  }
  return "unrecognized error code";
}
