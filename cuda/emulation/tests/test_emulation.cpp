// The emulator's own tests: that it does what CUDA does, and that it catches what CUDA does not say. Each check is shown a
// kernel that is wrong in just that way.
//
// One program: tools/test_emulation builds it plainly, with AddressSanitizer and UBSan, and with ThreadSanitizer, and runs
// it in each order of threads. A test that must end the process (a fault, a sanitizer's report) runs in a child.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <cuda_runtime.h>
#include <emulation/control.h>
#include <emulation/tensor_core.h>

#include "../../device.cuh"

namespace {

int failures = 0;

void expect(bool ok, const char* what, int line) {
  if (ok) return;
  std::printf("  line %d: %s\n", line, what);
  failures++;
}
#define EXPECT(condition) expect((condition), #condition, __LINE__)

template <class... P, class... A>
cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block, A... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  return cudaLaunchKernelEx(&config, kernel, static_cast<P>(arguments)...);
}

// Device memory with a host's view of it.
template <class T>
struct Buffer {
  T* device = nullptr;
  size_t n;
  explicit Buffer(size_t count) : n(count) { EXPECT(cudaMalloc(&device, n * sizeof(T)) == cudaSuccess); }
  explicit Buffer(const std::vector<T>& values) : Buffer(values.size()) {
    cudaMemcpy(device, values.data(), n * sizeof(T), cudaMemcpyHostToDevice);
  }
  ~Buffer() { cudaFree(device); }
  std::vector<T> read() const {
    std::vector<T> values(n);
    cudaMemcpy(values.data(), device, n * sizeof(T), cudaMemcpyDeviceToHost);
    return values;
  }
};

// A launch that must be refused, when it is made or when it runs, with this in the report.
void expect_error(cudaError_t launched, cudaError_t wanted, const char* text, int line) {
  const cudaError_t found = launched != cudaSuccess ? launched : cudaDeviceSynchronize();
  expect(found == wanted,
         (std::string("expected ") + cudaGetErrorName(wanted) + ", got " + cudaGetErrorName(found)).c_str(), line);
  expect(std::strstr(emulation::last_report(), text) != nullptr,
         (std::string("the report \"") + emulation::last_report() + "\" lacks \"" + text + "\"").c_str(), line);
  cudaDeviceReset();
}
#define EXPECT_ERROR(launched, wanted, text) expect_error((launched), (wanted), (text), __LINE__)

// What a child process says on stderr when `body` ends it.
std::string last_words(const std::function<void()>& body) {
  int ends[2];
  if (pipe(ends)) return "";
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 2);
    body();
    std::fprintf(stderr, "survived\n");
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char piece[4096];
  for (ssize_t n; (n = read(ends[0], piece, sizeof piece)) > 0;) text.append(piece, size_t(n));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return text;
}
void expect_words(const std::function<void()>& body, const char* text, int line) {
  const std::string said = last_words(body);
  expect(said.find(text) != std::string::npos,
         (std::string("expected \"") + text + "\" in:\n" + said.substr(0, 2000)).c_str(), line);
}
#define EXPECT_WORDS(body, text) expect_words((body), (text), __LINE__)

// ---- Kernels that are right ----

__global__ void write_index(int* out, int n) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) out[i] = i + 1;
}
__global__ void reverse_block(const int* x, int* out) {
  TX_SHARED(int[256], tile);
  tile[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}
__global__ void shuffles(int* out) {
  const int lane = int(threadIdx.x);
  out[lane] = __shfl_sync(~0u, lane, 5);
  out[32 + lane] = __shfl_xor_sync(~0u, lane, 3);
  out[64 + lane] = __shfl_down_sync(~0u, lane, 4);
  out[96 + lane] = __shfl_up_sync(~0u, lane, 4, 16);
}
__global__ void votes(unsigned* out) {
  const bool odd = threadIdx.x & 1;
  const unsigned ballot = __ballot_sync(~0u, odd);
  const int any = __any_sync(~0u, threadIdx.x == 7), all = __all_sync(~0u, threadIdx.x < 31);
  const int count = __syncthreads_count(odd);
  if (threadIdx.x == 0) out[0] = ballot, out[1] = unsigned(any), out[2] = unsigned(all), out[3] = unsigned(count);
}
__global__ void count_up(int* counter) { atomicAdd(counter, 1); }
__global__ void last_block_sums(const int* x, int* partial, int* out, unsigned* ticket) {
  TX_SHARED(unsigned, mine);
  int sum = x[blockIdx.x * blockDim.x + threadIdx.x];
  for (int by = 16; by; by /= 2) sum += __shfl_xor_sync(~0u, sum, by);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = sum;
    __threadfence();
    mine = atomicAdd(ticket, 1u);
    __threadfence();
  }
  __syncthreads();
  if (mine == gridDim.x - 1 && threadIdx.x == 0) {
    int total = 0;
    for (unsigned b = 0; b < gridDim.x; b++) total += partial[b];
    *out = total;
  }
}
__global__ void copies_with_cp_async(const float* x, float* out) {
  TX_SHARED(float[128], tile);
  emulation::async_copy(&tile[4 * threadIdx.x], &x[4 * threadIdx.x], 16, 16, {__FILE__, __LINE__});
  emulation::async_copy_commit();
  emulation::async_copy_wait(0);
  __syncthreads();
  for (int i = 0; i < 4; i++) out[4 * threadIdx.x + i] = tile[127 - (4 * threadIdx.x + i)];
}

// Fragments as the PTX ISA manual lays them out: i counts the elements in a lane's registers.
__global__ void multiply_bfloat16(const float* a, const float* b, float* c) {  // (16, 16), (16, 8)
  const int group = int(threadIdx.x) / 4, in_group = int(threadIdx.x) % 4;
  auto high = [](float value) {
    unsigned bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits >> 16;
  };
  unsigned x[4] = {}, y[2] = {};
  for (int i = 0; i < 8; i++) {
    const int row = i < 2 || (i >= 4 && i < 6) ? group : group + 8, column = in_group * 2 + i % 2 + (i >= 4 ? 8 : 0);
    x[i / 2] |= high(a[row * 16 + column]) << (i % 2 * 16);
  }
  for (int i = 0; i < 4; i++) {
    const int row = in_group * 2 + i % 2 + (i >= 2 ? 8 : 0);
    y[i / 2] |= high(b[row * 8 + group]) << (i % 2 * 16);
  }
  float d[4] = {1, 1, 1, 1};
  emulation::multiply_m16n8k16(d, x, y, [](uint16_t bits) {
    const unsigned wide = unsigned(bits) << 16;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
  });
  for (int i = 0; i < 4; i++) c[(i < 2 ? group : group + 8) * 8 + in_group * 2 + i % 2] = d[i];
}
__global__ void multiply_tf32(const float* a, const float* b, float* c, int rounded) {  // (16, 8), (8, 8)
  const int group = int(threadIdx.x) / 4, in_group = int(threadIdx.x) % 4;
  auto bits = [&](float value) {
    unsigned result;
    std::memcpy(&result, &value, sizeof result);
    return rounded ? emulation::rounded_to_tf32(result) : result;
  };
  unsigned x[4], y[2];
  for (int i = 0; i < 4; i++) x[i] = bits(a[(i % 2 ? group + 8 : group) * 8 + (i < 2 ? in_group : in_group + 4)]);
  for (int i = 0; i < 2; i++) y[i] = bits(b[(i ? in_group + 4 : in_group) * 8 + group]);
  float d[4] = {1, 1, 1, 1};
  emulation::multiply_m16n8k8(d, x, y);
  for (int i = 0; i < 4; i++) c[(i < 2 ? group : group + 8) * 8 + in_group * 2 + i % 2] = d[i];
}
struct alignas(16) Row {
  uint16_t value[8];
};
template <bool transposed> __global__ void load_matrices(uint16_t* out) {  // (4, 8, 8)
  TX_SHARED(Row[32], rows);
  const int lane = int(threadIdx.x), row = lane / 4, column = lane % 4 * 2;
  for (int i = 0; i < 8; i++) rows[lane].value[i] = uint16_t(lane * 8 + i);
  __syncthreads();
  unsigned to[4];
  emulation::load_matrices<transposed>(to, &rows[lane]);
  for (int i = 0; i < 4; i++) {
    out[i * 64 + row * 8 + column] = uint16_t(to[i]);
    out[i * 64 + row * 8 + column + 1] = uint16_t(to[i] >> 16);
  }
}

void test_threads_and_blocks() {
  Buffer<int> out(1000);
  EXPECT(launch(write_index, 4, 256, out.device, 1000) == cudaSuccess);
  const auto values = out.read();
  for (int i = 0; i < 1000; i++) EXPECT(values[size_t(i)] == i + 1);
}

void test_barrier() {
  std::vector<int> x(256);
  for (int i = 0; i < 256; i++) x[size_t(i)] = i;
  Buffer<int> in(x), out(256);
  launch(reverse_block, 1, 256, in.device, out.device);
  for (int i = 0; i < 256; i++) EXPECT(out.read()[size_t(i)] == 255 - i);
}

void test_warp_functions() {
  Buffer<int> out(128);
  launch(shuffles, 1, 32, out.device);
  const auto v = out.read();
  for (int i = 0; i < 32; i++) {
    EXPECT(v[size_t(i)] == 5);
    EXPECT(v[size_t(32 + i)] == (i ^ 3));
    EXPECT(v[size_t(64 + i)] == (i + 4 < 32 ? i + 4 : i));
    EXPECT(v[size_t(96 + i)] == (i % 16 >= 4 ? i - 4 : i));
  }
  Buffer<unsigned> voted(4);
  launch(votes, 1, 32, voted.device);
  EXPECT((voted.read() == std::vector<unsigned>{0xaaaaaaaau, 1, 0, 16}));
}

void test_atomics_and_fences() {
  Buffer<int> counter(std::vector<int>{0});
  launch(count_up, 8, 64, counter.device);
  EXPECT(counter.read()[0] == 512);
  std::vector<int> ones(256, 1);
  Buffer<int> x(ones), partial(8), out(1);
  Buffer<unsigned> ticket(std::vector<unsigned>{0});
  launch(last_block_sums, 8, 32, x.device, partial.device, out.device, ticket.device);
  EXPECT(out.read()[0] == 256);
}

void test_async_copies() {
  std::vector<float> x(128);
  for (int i = 0; i < 128; i++) x[size_t(i)] = float(i);
  Buffer<float> in(x), out(128);
  launch(copies_with_cp_async, 1, 32, in.device, out.device);
  for (int i = 0; i < 128; i++) EXPECT(out.read()[size_t(i)] == float(127 - i));
}

void test_tensor_cores() {
  std::vector<float> a(256), b(128);
  for (int i = 0; i < 256; i++) a[size_t(i)] = float(i * 7 % 13 - 6);
  for (int i = 0; i < 128; i++) b[size_t(i)] = float(i * 5 % 11 - 5);
  Buffer<float> left(a), right(b), out(128);
  for (int depth : {16, 8}) {
    if (depth == 16) launch(multiply_bfloat16, 1, 32, left.device, right.device, out.device);
    else launch(multiply_tf32, 1, 32, left.device, right.device, out.device, 0);
    const auto c = out.read();
    for (int row = 0; row < 16; row++)
      for (int column = 0; column < 8; column++) {
        float sum = 1;
        for (int k = 0; k < depth; k++) sum += a[size_t(row * depth + k)] * b[size_t(k * 8 + column)];
        EXPECT(c[size_t(row * 8 + column)] == sum);
      }
  }
  // Of TF32, the last 13 bits do not count, unless they are rounded before.
  std::vector<float> ones(128), halfway(64, 0);
  for (int row = 0; row < 16; row++) ones[size_t(row * 8)] = 1;
  for (int column = 0; column < 8; column++) halfway[size_t(column)] = float(1 << column) * (1 + 0x1p-11f);
  Buffer<float> unit(ones), between(halfway);
  for (int rounded : {0, 1}) {
    launch(multiply_tf32, 1, 32, unit.device, between.device, out.device, rounded);
    const auto c = out.read();
    for (int i = 0; i < 128; i++) EXPECT(c[size_t(i)] == 1 + float(1 << i % 8) * (rounded ? 1 + 0x1p-10f : 1.0f));
  }
  const float inf = __builtin_inff();
  auto settled = [](float value) {
    unsigned bits;
    std::memcpy(&bits, &value, sizeof bits);
    bits = emulation::rounded_to_tf32(bits);
    std::memcpy(&value, &bits, sizeof bits);
    return value;
  };
  EXPECT(settled(-1 - 0x1p-11f) == -1 - 0x1p-10f);  // halves away from zero
  EXPECT(settled(1 + 0x1p-12f) == 1 && settled(3.4028235e38f) == inf && settled(-inf) == -inf);
  EXPECT(settled(0x1p-126f) == 0x1p-126f && settled(1e-45f) == 0 && settled(NAN) != settled(NAN));

  Buffer<uint16_t> loaded(256);
  launch(load_matrices<false>, 1, 32, loaded.device);
  const auto plain = loaded.read();
  launch(load_matrices<true>, 1, 32, loaded.device);
  const auto transposed = loaded.read();
  for (int i = 0; i < 256; i++) {
    const int matrix = i / 64, row = i / 8 % 8, position = i % 8;
    EXPECT(plain[size_t(i)] == i && transposed[size_t(i)] == matrix * 64 + position * 8 + row);
  }
}

// A kernel of one stream that another stream's copy must wait for.
void test_streams_and_events() {
  Buffer<int> a(64);
  cudaStream_t first, second;
  cudaEvent_t written, begin, end;
  cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking);
  for (cudaEvent_t* e : {&written, &begin, &end}) cudaEventCreateWithFlags(e, 0);
  int* host;
  cudaHostAlloc(&host, 64 * sizeof(int), 0);
  cudaLaunchConfig_t config{};
  config.gridDim = 1;
  config.blockDim = 64;
  config.stream = first;
  cudaEventRecord(begin, first);
  EXPECT(cudaLaunchKernelEx(&config, write_index, a.device, 64) == cudaSuccess);
  cudaEventRecord(written, first);
  cudaStreamWaitEvent(second, written, 0);
  cudaMemcpyAsync(host, a.device, 64 * sizeof(int), cudaMemcpyDeviceToHost, second);
  if (emulation::config().streams == emulation::Streams::Lazy) EXPECT(host[0] == -1);  // nothing has run yet
  cudaStreamSynchronize(second);
  EXPECT(host[63] == 64);
  cudaEventRecord(end, second);
  cudaEventSynchronize(end);
  float ms = -1;
  EXPECT(cudaEventElapsedTime(&ms, begin, end) == cudaSuccess && ms >= 0);
  while (cudaStreamQuery(first) == cudaErrorNotReady) {}
  cudaFreeHost(host);
  for (cudaEvent_t e : {written, begin, end}) cudaEventDestroy(e);
  cudaStreamDestroy(first);
  EXPECT(cudaStreamDestroy(second) == cudaSuccess);
}

// Without the event the copy sees the memory as it was: filled with 0xFF.
void test_missing_wait_is_seen() {
  if (emulation::config().streams != emulation::Streams::Lazy) return;
  Buffer<int> a(64);
  cudaStream_t first, second;
  cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking);
  cudaLaunchConfig_t config{};
  config.gridDim = 1;
  config.blockDim = 64;
  config.stream = first;
  cudaLaunchKernelEx(&config, write_index, a.device, 64);
  int got;
  cudaMemcpyAsync(&got, a.device, sizeof got, cudaMemcpyDeviceToHost, second);
  EXPECT(got == -1);
  cudaStreamDestroy(first);
  cudaStreamDestroy(second);
}

void test_uninitialised_memory_is_nan() {
  Buffer<float> x(4);
  EXPECT(x.read()[0] != x.read()[0]);
}

void test_devices() {
  int count = 0, can = 0;
  EXPECT(cudaGetDeviceCount(&count) == cudaSuccess && count == emulation::config().devices);
  EXPECT(cudaSetDevice(count) == cudaErrorInvalidDevice);
  if (count < 2) return;
  cudaDeviceCanAccessPeer(&can, 0, 1);
  EXPECT(can == 1);
  Buffer<int> here(std::vector<int>{1, 2, 3});
  cudaSetDevice(1);
  Buffer<int> there(3);
  EXPECT(cudaMemcpyPeerAsync(there.device, 1, here.device, 0, 12, nullptr) == cudaSuccess);
  EXPECT((there.read() == std::vector<int>{1, 2, 3}));
  EXPECT_ERROR(cudaMemcpyPeerAsync(there.device, 0, here.device, 1, 12, nullptr), cudaErrorInvalidValue,
               "does not belong");
  cudaSetDevice(0);
}

// ---- Kernels that are wrong ----

__global__ void some_threads_skip_the_barrier(int* out) {
  if (threadIdx.x < 40) __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void two_barriers_at_once(int* out) {
  if (threadIdx.x < 32) __syncthreads();
  else __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void warp_waits_for_itself(int* out) {
  if (threadIdx.x < 16) out[threadIdx.x] = __shfl_sync(~0u, 1, 0);
  else __syncthreads();
}
__global__ void reads_an_absent_lane(int* out) {
  if (threadIdx.x < 16) out[threadIdx.x] = __shfl_sync(0xffffu, 1, 20);
}
__global__ void calls_without_being_named(int* out) { out[threadIdx.x] = __shfl_sync(0xffffu, 1, 0); }
__global__ void differs_between_lanes(int* out) {
  const int lane = int(threadIdx.x);
  out[lane] = lane < 16 ? __shfl_sync(~0u, lane, 0) : __shfl_xor_sync(~0u, lane, 1);
}
__global__ void forgets_to_wait(const float* x, float* out) {
  TX_SHARED(float[128], tile);
  emulation::async_copy(&tile[4 * threadIdx.x], &x[4 * threadIdx.x], 16, 16, {__FILE__, __LINE__});
  emulation::async_copy_commit();
  out[threadIdx.x] = tile[threadIdx.x];
}
__global__ void misaligned_row(unsigned* out) {
  TX_SHARED(Row[33], rows);
  rows[threadIdx.x] = {};
  __syncthreads();
  unsigned to[4];
  emulation::load_matrices<false>(to, &rows[threadIdx.x].value[4]);
  out[threadIdx.x] = to[0];
}
__global__ void misaligned_copy(const float* x, float* out) {
  TX_SHARED(float[128], tile);
  emulation::async_copy(&tile[4 * threadIdx.x], &x[4 * threadIdx.x + 1], 16, 16, {__FILE__, __LINE__});
  emulation::async_copy_commit();
  emulation::async_copy_wait(0);
  out[threadIdx.x] = tile[threadIdx.x];
}
__global__ void reads_stale_shared(int* out) {
  TX_SHARED(int[32], tile);
  if (blockIdx.x == 0) tile[threadIdx.x] = 7;
  out[blockIdx.x * 32 + threadIdx.x] = tile[threadIdx.x];
}
__global__ void recurses(int* out, int depth) {
  volatile char frame[1024];
  frame[0] = char(depth);
  if (depth < 1000) recurses(out, depth + 1);
  out[0] = frame[0];
}

void test_barrier_divergence() {
  Buffer<int> out(64);
  EXPECT_ERROR(launch(some_threads_skip_the_barrier, 1, 64, out.device), cudaErrorLaunchFailure, "barrier divergence");
  EXPECT_ERROR(launch(two_barriers_at_once, 1, 64, out.device), cudaErrorLaunchFailure,
               "other threads wait in __syncthreads at");
  EXPECT_ERROR(launch(warp_waits_for_itself, 1, 32, out.device), cudaErrorLaunchFailure, "deadlock");
}

void test_wrong_warp_functions() {
  Buffer<int> out(64);
  EXPECT_ERROR(launch(reads_an_absent_lane, 1, 32, out.device), cudaErrorLaunchFailure, "takes no part");
  EXPECT_ERROR(launch(calls_without_being_named, 1, 32, out.device), cudaErrorLaunchFailure, "does not name");
  EXPECT_ERROR(launch(differs_between_lanes, 1, 32, out.device), cudaErrorLaunchFailure, "warp divergence");
}

void test_wrong_async_copies() {
  Buffer<float> x(std::vector<float>(129)), out(128);
  EXPECT_ERROR(launch(forgets_to_wait, 1, 32, x.device, out.device), cudaErrorLaunchFailure, "never waited for");
  EXPECT_ERROR(launch(misaligned_copy, 1, 32, x.device, out.device), cudaErrorLaunchFailure, "misaligned");
  Buffer<unsigned> rows(32);
  EXPECT_ERROR(launch(misaligned_row, 1, 32, rows.device), cudaErrorLaunchFailure, "ldmatrix: row address");
}

void test_shared_memory_is_fresh() {
  Buffer<int> out(64);
  launch(reads_stale_shared, 2, 32, out.device);
  EXPECT(out.read()[32] == -1);
}

void test_wrong_calls() {
  Buffer<int> a(16);
  std::vector<int> host(16);
  EXPECT_ERROR(launch(count_up, 1, 1, host.data()), cudaErrorInvalidDevicePointer, "pageable host memory");
  EXPECT_ERROR(launch(count_up, 0, 1, a.device), cudaErrorInvalidConfiguration, "blocks");
  EXPECT_ERROR(launch(count_up, 1, 2048, a.device), cudaErrorInvalidConfiguration, "1024 threads");
  EXPECT_ERROR(launch(count_up, dim3(1, 70000), 1, a.device), cudaErrorInvalidConfiguration, "blocks");
  EXPECT_ERROR(cudaMemcpy(a.device, host.data(), 64, cudaMemcpyDeviceToHost), cudaErrorInvalidMemcpyDirection,
               "direction");
  EXPECT_ERROR(cudaMemcpy(host.data(), a.device, 65, cudaMemcpyDeviceToHost), cudaErrorInvalidValue,
               "inside one device allocation");
  int* freed;
  cudaMalloc(&freed, 64);
  cudaFree(freed);
  EXPECT_ERROR(launch(count_up, 1, 1, freed), cudaErrorInvalidDevicePointer, "not allocated");
  EXPECT_ERROR(cudaFree(freed), cudaErrorInvalidValue, "freed twice");
  cudaStream_t stream;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  cudaStreamDestroy(stream);
  EXPECT_ERROR(cudaMemcpyAsync(a.device, host.data(), 4, cudaMemcpyHostToDevice, stream),
               cudaErrorInvalidResourceHandle, "does not exist");
  cudaLaunchConfig_t config{};
  config.gridDim = config.blockDim = 1;
  config.dynamicSmemBytes = 60 << 10;
  EXPECT_ERROR(cudaLaunchKernelEx(&config, count_up, a.device), cudaErrorInvalidConfiguration, "cudaFuncSetAttribute");
}

void test_out_of_memory() {
  void* p;
  EXPECT(cudaMalloc(&p, size_t(1) << 50) == cudaErrorMemoryAllocation && !p);
  cudaGetLastError();
}

// After a kernel failed, every call says so until the device is reset.
void test_errors_stick() {
  Buffer<int> out(64);
  launch(two_barriers_at_once, 1, 64, out.device);
  EXPECT(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
  EXPECT(launch(count_up, 1, 1, out.device) == cudaErrorLaunchFailure);
  cudaDeviceReset();
  EXPECT(launch(count_up, 1, 1, out.device) == cudaSuccess);
  cudaDeviceSynchronize();
}

void test_faults() {
  Buffer<int> a(16);
  const int* p = a.device;
  EXPECT_WORDS([=] { std::printf("%d", *const_cast<const volatile int*>(p)); }, "HOST CODE touched device memory");
  EXPECT_WORDS(
      [=] {
        launch(recurses, 1, 1, a.device, 0);
        cudaDeviceSynchronize();
      },
      EMULATION_SANITIZED ? "overflow" : "overflowed its stack");
}

#if defined(__SANITIZE_ADDRESS__)
__global__ void writes_beyond(int* out, int n) { out[n + int(threadIdx.x)] = 1; }
__global__ void writes_beyond_shared(int* out) {
  TX_SHARED(int[32], tile);
  TX_SHARED(int[32], other);
  other[threadIdx.x] = 0;
  volatile int at = 32 + int(threadIdx.x) / 31 * 4;
  (&tile[0])[at] = 1;
  __syncthreads();
  out[threadIdx.x] = other[threadIdx.x];
}
__global__ void reads_misaligned(const char* x, float4* out) { out[0] = *reinterpret_cast<const float4*>(x + 4); }

void test_address_sanitizer() {
  Buffer<int> out(64);
  Buffer<char> bytes(64);
  Buffer<float4> quad(1);
  auto run = [](auto... a) {
    launch(a...);
    cudaDeviceSynchronize();
  };
  EXPECT_WORDS([&] { run(writes_beyond, 1, 1, out.device, 64); }, "AddressSanitizer");
  EXPECT_WORDS([&] { run(writes_beyond_shared, 1, 32, out.device); }, "AddressSanitizer");
  EXPECT_WORDS([&] { run(reads_misaligned, 1, 1, static_cast<const char*>(bytes.device), quad.device); }, "misaligned");
  int* segment = out.device;
  EXPECT_WORDS(
      [&] {
        emulation::mark_unused(segment + 32, 128, nullptr);
        run(write_index, 1, 64, segment, 64);
      },
      "AddressSanitizer");
}
#endif

#if defined(__SANITIZE_THREAD__)
__global__ void races_in_shared(int* out) {
  TX_SHARED(int[64], tile);
  tile[threadIdx.x] = int(threadIdx.x);
  out[threadIdx.x] = tile[63 - threadIdx.x];  // no barrier between
}
__global__ void races_between_blocks(int* out) {
  if (threadIdx.x == 0) out[0] = out[0] + 1;
}

void test_thread_sanitizer() {
  Buffer<int> out(64), one(std::vector<int>{0});
  auto run = [](auto... a) {
    launch(a...);
    cudaDeviceSynchronize();
  };
  EXPECT_WORDS([&] { run(races_in_shared, 1, 64, out.device); }, "data race");
  EXPECT_WORDS([&] { run(races_between_blocks, 4, 32, one.device); }, "data race");
}
#endif

struct Test {
  const char* name;
  void (*run)();
};
#define TEST(name) {#name, test_##name}

}  // namespace

int main(int count, char** names) {
  emulation::config().quiet = true;
  const Test tests[] = {
      TEST(threads_and_blocks),
      TEST(barrier),
      TEST(warp_functions),
      TEST(atomics_and_fences),
      TEST(async_copies),
      TEST(tensor_cores),
      TEST(streams_and_events),
      TEST(missing_wait_is_seen),
      TEST(uninitialised_memory_is_nan),
      TEST(devices),
      TEST(barrier_divergence),
      TEST(wrong_warp_functions),
      TEST(wrong_async_copies),
      TEST(shared_memory_is_fresh),
      TEST(wrong_calls),
      TEST(out_of_memory),
      TEST(errors_stick),
      TEST(faults),
#if defined(__SANITIZE_ADDRESS__)
      TEST(address_sanitizer),
#endif
#if defined(__SANITIZE_THREAD__)
      TEST(thread_sanitizer),
#endif
  };
  int ran = 0;
  for (const Test& t : tests) {
    bool wanted = count == 1;
    for (int i = 1; i < count; i++) wanted |= std::strcmp(names[i], t.name) == 0;
    if (!wanted) continue;
    std::printf("%s\n", t.name);
    std::fflush(stdout);
    t.run();
    ran++;
  }
  std::printf("%d tests, %d failures\n", ran, failures);
  return failures != 0;
}
