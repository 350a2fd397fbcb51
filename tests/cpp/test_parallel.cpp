// The thread pool, alone. Build and run from the repository's root:
//   g++ -std=c++20 -O2 -g -pthread -Icsrc tests/cpp/test_parallel.cpp csrc/cpu/parallel.cpp -o /tmp/test_parallel && /tmp/test_parallel
// The same with -fsanitize=thread and with -fsanitize=address,undefined.
#include <immintrin.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "check.h"
#include "cpu/parallel.h"

using tx::parallel_for;

// Every element once, and the chunk boundaries that (n, grain) demand.
static void check_cover(int64_t n, int64_t grain) {
  std::vector<int> hits(size_t(n), 0);
  std::atomic<int64_t> calls{0};
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    CHECK(begin % grain == 0 && end > begin && (end == begin + grain || end == n));
    for (int64_t i = begin; i < end; ++i) ++hits[size_t(i)];
    ++calls;
  });
  for (int hit : hits) CHECK(hit == 1);
  CHECK(calls == (n + grain - 1) / grain);
}

static void test_cover() {
  for (int threads : {1, 2, 3, 8}) {
    tx::set_num_threads(threads);
    CHECK(tx::num_threads() == threads);
    for (int64_t n : {0, 1, 2, 7, 8, 9, 1000, 4097})
      for (int64_t grain : {1, 2, 7, 8, 1000, 5000}) check_cover(n, grain);
  }
}

static void test_extreme_sizes() {
  tx::set_num_threads(4);
  std::atomic<int> calls{0};
  const int64_t huge = INT64_MAX;
  parallel_for(huge, huge / 2, [&](int64_t begin, int64_t end) {
    CHECK(0 <= begin && begin < end && end <= huge);
    ++calls;
  });
  CHECK(calls == 3);
  parallel_for(-5, 1, [](int64_t, int64_t) { CHECK(false); });
  struct Count {
    static void run(const void* context, int64_t, int64_t) {
      ++*static_cast<std::atomic<int>*>(const_cast<void*>(context));
    }
  };
  calls = 0;
  tx::parallel_run(3, 0, Count::run, &calls);  // a grain below 1 counts as 1
  CHECK(calls == 3);
}

// Workers that come late must not touch a job that is over: its context is freed at once.
static void test_many_short_jobs(int jobs) {
  for (int round = 0; round < jobs; ++round) {
    tx::set_num_threads(1 + round % 7);
    auto sum = std::make_unique<std::atomic<int64_t>>(0);
    const int64_t n = 2 + round % 5;
    parallel_for(n, 1, [&](int64_t begin, int64_t) { *sum += begin + 1; });
    CHECK(*sum == n * (n + 1) / 2);
    if (round % 64 == 0) std::this_thread::sleep_for(std::chrono::microseconds(round % 200));
  }
}

static void test_nested() {
  tx::set_num_threads(4);
  std::atomic<int64_t> total{0};
  parallel_for(16, 1, [&](int64_t, int64_t) {
    parallel_for(100, 10, [&](int64_t begin, int64_t end) { total += end - begin; });
    tx::set_num_threads(3);  // allowed anywhere
  });
  CHECK(total == 1600);
}

static void test_concurrent_callers(int jobs) {
  tx::set_num_threads(3);
  std::vector<std::thread> users;
  for (int user = 0; user < 4; ++user)
    users.emplace_back([=] {
      for (int round = 0; round < jobs; ++round) {
        std::atomic<int64_t> sum{0};
        parallel_for(64, 4, [&](int64_t begin, int64_t end) {
          if (begin % 16 == 0) std::this_thread::yield();
          for (int64_t i = begin; i < end; ++i) sum += i;
        });
        CHECK(sum == 64 * 63 / 2);
        if (user == 0) tx::set_num_threads(1 + round % 5);
      }
    });
  for (auto& user : users) user.join();
}

// The workers compute with the caller's rounding and denormal mode.
static void test_float_mode() {
  tx::set_num_threads(4);
  const uint32_t before = _mm_getcsr();
  for (uint32_t mode : {before | 0x8040u, before}) {
    _mm_setcsr(mode);
    parallel_for(64, 1, [&](int64_t, int64_t) {
      CHECK((_mm_getcsr() & ~0x3fu) == (mode & ~0x3fu));
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    });
  }
  _mm_setcsr(before);
}

static void test_workers_take_part() {
  tx::set_num_threads(4);
  for (int attempt = 0; attempt < 200; ++attempt) {
    const auto caller = std::this_thread::get_id();
    std::atomic<int> by_workers{0};
    parallel_for(8, 1, [&](int64_t, int64_t) {
      by_workers += std::this_thread::get_id() != caller;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    if (by_workers > 0) return;
  }
  CHECK(!"no worker ever claimed a chunk");
}

static int wait_for(pid_t child) {
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  return status;
}

[[maybe_unused]] static void test_fork() {
  tx::set_num_threads(4);
  check_cover(1000, 10);
  for (int round = 0; round < 10; ++round) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      alarm(30);  // a hang becomes a death
      for (int i = 0; i < 20; ++i) check_cover(1000, 10);
      test_workers_take_part();
      std::_Exit(0);
    }
    CHECK(wait_for(child) == 0);
    check_cover(1000, 10);  // the parent kept its workers
  }
}

// Fork while another thread is in the middle of a parallel call.
[[maybe_unused]] static void test_fork_during_call() {
  tx::set_num_threads(4);
  std::atomic<bool> stop{false};
  std::thread user([&] {
    while (!stop)
      parallel_for(8, 1, [](int64_t, int64_t) { std::this_thread::sleep_for(std::chrono::microseconds(100)); });
  });
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::microseconds(137 * round));
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      alarm(30);
      check_cover(100, 3);
      test_workers_take_part();
      std::_Exit(0);
    }
    CHECK(wait_for(child) == 0);
  }
  stop = true;
  user.join();
}

static void test_signals_stay_with_the_user() {
  tx::set_num_threads(4);
  parallel_for(8, 1, [&](int64_t, int64_t) { std::this_thread::sleep_for(std::chrono::milliseconds(1)); });
  static std::atomic<int> handled{0};
  signal(SIGUSR1, [](int) { ++handled; });
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &mask, nullptr);
  kill(getpid(), SIGUSR1);  // a worker that did not block it would take it now
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(handled == 0);
  pthread_sigmask(SIG_UNBLOCK, &mask, nullptr);
  CHECK(handled == 1);
}

// What main() leaves behind at exit: workers asleep or polling while static objects are destroyed.
struct CallAtExit {
  ~CallAtExit() { check_cover(1000, 10); }
} call_at_exit;

int main(int argc, char**) {
  const int jobs = argc > 1 ? 300 : 20000;
  test_cover();
  test_extreme_sizes();
  test_many_short_jobs(jobs);
  test_nested();
  test_concurrent_callers(jobs / 10);
  test_float_mode();
  test_workers_take_part();
#ifndef __SANITIZE_THREAD__  // TSan does not support threads in a forked child
  test_fork();
  test_fork_during_call();
#endif
  test_signals_stay_with_the_user();
  std::puts("ok");
}
