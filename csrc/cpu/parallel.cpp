// The thread pool behind parallel.h: one job at a time, shared by the calling thread and the workers.
//
// A job is cut into one share of chunks per thread. Each thread empties its own share first (the same thread
// then sees the same part of an array in the next call, and finds it in its cache) and then helps with the others.
// A chunk is claimed by counting a share's `unclaimed` down. The rules that make this safe and quick:
//   - The fields of the job are read only after a claim. A claim keeps the job alive, because the caller waits until
//     every chunk is finished. A worker that comes late claims nothing, or a chunk of the next job: both are right.
//   - The caller waits for chunks, never for workers: a worker that the system does not run holds nobody up until it
//     has claimed a chunk. If it loses its core in the middle of one, the caller must wait; after such a stall the
//     team does without one worker for a while (see Bench).
//   - All state has static storage and no destructor: workers may outlive main(), and they are never joined.
#include "parallel.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>

namespace tx {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr int kMaxThreads = 1024;
constexpr microseconds kSpin{50};    // how long a thread polls before it sleeps: the gap between two ops of a model

// ---- Waiting -----------------------------------------------------------------------------------------------------

// Polls until ready(), for kSpin at most. A thread that was preempted meanwhile finds the time over and gives up,
// so polling costs little on a core that somebody else wants.
template <class Ready>
bool spin_until(const Ready& ready) {
  if (ready()) return true;
  const auto end = Clock::now() + kSpin;
  do {
    for (int i = 0; i < 8; ++i) {
      _mm_pause();
      if (ready()) return true;
    }
  } while (Clock::now() < end);
  return false;
}

// Where one thread sleeps. The waker makes ready() true and then calls wake(). Both sides store one variable and
// then load the other, all in sequentially consistent order, so at least one of them sees the other's store.
struct alignas(64) Bed {
  std::atomic<uint32_t> occupied{0};

  template <class Ready>
  void sleep_until(const Ready& ready) {
    while (!ready()) {
      occupied.store(1);
      if (!ready()) syscall(SYS_futex, &occupied, FUTEX_WAIT_PRIVATE, 1, nullptr, nullptr, 0);
      occupied.store(0);
    }
  }

  void wake() {
    if (occupied.load() != 0 && occupied.exchange(0) != 0)
      syscall(SYS_futex, &occupied, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
};

// ---- State -------------------------------------------------------------------------------------------------------

// Chunks [end - unclaimed, end) of the job are free to be claimed.
struct alignas(64) Share {
  std::atomic<int64_t> unclaimed{0};
  int64_t end = 0;
};

struct Job {
  void (*run)(const void* context, int64_t begin, int64_t end);
  const void* context;
  int64_t n, grain;
  uint32_t float_control;            // the caller's MXCSR: rounding and denormals must not depend on the thread
};

// Workers that sit out. When another process wants the core, a worker is preempted for milliseconds while it holds a
// chunk of microseconds. One such stall costs more than the worker brings, so it is left out for `penalty`, and for
// twice that when it stalls again soon after its return.
struct Bench {
  static constexpr microseconds kStall{300};
  static constexpr milliseconds kMinPenalty{10}, kMaxPenalty{320};

  int count = 0;
  Clock::duration penalty = kMinPenalty;
  Clock::time_point until{};         // when one of them may come back

  int count_at(Clock::time_point now) {
    if (count > 0 && now >= until) {
      --count;
      until = now + penalty;
    }
    return count;
  }

  // The caller worked, then waited for the rest. If it waited for most of the call, then a smaller team would have
  // been about as quick, even if no worker was preempted but the chunks were uneven.
  void note(Clock::duration worked, Clock::duration waited, Clock::time_point now, int team) {
    if (waited < kStall || waited < 3 * worked) return;
    const bool again = now < until + penalty;
    penalty = again ? std::min<Clock::duration>(2 * penalty, kMaxPenalty) : Clock::duration(kMinPenalty);
    count = std::min(count + 1, team - 1);
    until = now + penalty;
  }
};

struct Pool {
  std::atomic_flag busy;             // held by the caller whose job it is; it guards job, started and bench
  Job job{};
  Bench bench;
  int started = 0;                   // workers running: threads 1 to `started`. Thread 0 is the caller.

  alignas(64) std::atomic<uint32_t> epoch{0};     // number of jobs published
  std::atomic<int> team{1};                       // threads 0 to team-1 may claim
  alignas(64) std::atomic<int64_t> unfinished{0};
  Share shares[kMaxThreads];
  Bed beds[kMaxThreads];
};

constinit Pool pool;
constinit std::atomic<int> wanted_threads{0};     // 0: not decided yet

// ---- Running chunks ----------------------------------------------------------------------------------------------

void run_serially(const Job& job) {
  for (int64_t begin = 0; begin < job.n;) {
    const int64_t size = std::min(job.grain, job.n - begin);
    job.run(job.context, begin, begin + size);
    begin += size;
  }
}

void take_share(Share& share) {
  int64_t unclaimed = share.unclaimed.load(std::memory_order_relaxed);
  while (unclaimed > 0) {
    if (!share.unclaimed.compare_exchange_weak(unclaimed, unclaimed - 1, std::memory_order_acquire,
                                               std::memory_order_relaxed))
      continue;
    const Job& job = pool.job;
    if (_mm_getcsr() != job.float_control) _mm_setcsr(job.float_control);
    const int64_t begin = (share.end - unclaimed) * job.grain;
    job.run(job.context, begin, begin + std::min(job.grain, job.n - begin));
    if (pool.unfinished.fetch_sub(1) == 1) pool.beds[0].wake();
    unclaimed = share.unclaimed.load(std::memory_order_relaxed);
  }
}

void take_chunks(int thread) {
  const int team = pool.team.load(std::memory_order_relaxed);
  if (thread >= team) return;
  for (int i = thread; i < team; ++i) take_share(pool.shares[i]);
  for (int i = 0; i < thread; ++i) take_share(pool.shares[i]);
}

void* worker_main(void* argument) {
  const int thread = int(reinterpret_cast<intptr_t>(argument));
  for (;;) {
    const uint32_t seen = pool.epoch.load();      // before looking for work: a job published later ends the wait
    take_chunks(thread);
    const auto published = [seen] { return pool.epoch.load() != seen; };
    if (!spin_until(published)) pool.beds[thread].sleep_until(published);
  }
  return nullptr;
}

// Starts workers until there are `count`. Where the system refuses, the pool makes do with fewer.
void start_workers(int count) {
  if (pool.started >= count) return;
  sigset_t blocked, before;                       // signals are for the user's threads, except a worker's own faults
  sigfillset(&blocked);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) sigdelset(&blocked, fault);
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  while (pool.started < count) {
    pthread_t handle;
    const intptr_t thread = pool.started + 1;
    if (pthread_create(&handle, &attributes, worker_main, reinterpret_cast<void*>(thread)) != 0) break;
    pthread_setname_np(handle, "tensorx");
    ++pool.started;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
}

void publish(const Job& job, int64_t chunks, int team) {
  pool.job = job;
  pool.unfinished.store(chunks, std::memory_order_relaxed);
  pool.team.store(team, std::memory_order_relaxed);
  int64_t end = 0;
  for (int i = 0; i < team; ++i) {
    const int64_t count = chunks / team + (i < chunks % team);
    end += count;
    pool.shares[i].end = end;
    pool.shares[i].unclaimed.store(count, std::memory_order_release);
  }
  pool.epoch.fetch_add(1);
  for (int i = 1; i < team; ++i) pool.beds[i].wake();
}

// Runs the job with the team; the caller holds pool.busy.
void run_with_team(const Job& job, int64_t chunks, int team, Clock::time_point start) {
  publish(job, chunks, team);
  take_chunks(0);
  const auto finished = [] { return pool.unfinished.load() == 0; };
  if (finished()) return;
  const auto waiting = Clock::now();
  if (!spin_until(finished)) pool.beds[0].sleep_until(finished);
  const auto now = Clock::now();
  pool.bench.note(waiting - start, now - waiting, now, team);
}

// ---- How many threads --------------------------------------------------------------------------------------------

// The number that an environment variable starts with (OMP_NUM_THREADS may be a list, "4,2"), or 0.
int threads_from_environment(const char* name) {
  const char* text = std::getenv(name);
  const long value = text ? std::strtol(text, nullptr, 10) : 0;
  return int(std::clamp(value, 0L, long(kMaxThreads)));
}

// CPUs' worth of time that the control group may use, rounded up; INT_MAX where there is no quota.
int cpu_quota() {
  double quota = -1, period = 0;
  if (FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "re")) {  // version 2: "max" or "QUOTA PERIOD"
    if (std::fscanf(file, "%lf %lf", &quota, &period) != 2) quota = -1;
    std::fclose(file);
  } else {
    const auto read = [](const char* path) {
      double value = -1;
      if (FILE* file = std::fopen(path, "re")) {
        if (std::fscanf(file, "%lf", &value) != 1) value = -1;
        std::fclose(file);
      }
      return value;
    };
    quota = read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    period = read("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  }
  if (quota <= 0 || period <= 0) return INT_MAX;
  return int(std::min(quota / period + 0.999, 1e9));
}

int default_threads() {
  for (const char* name : {"TENSORX_NUM_THREADS", "OMP_NUM_THREADS"}) {
    if (const int threads = threads_from_environment(name)) return threads;
  }
  cpu_set_t allowed;
  // The call fails on machines with more CPUs than cpu_set_t holds (1024).
  const int cpus =
      sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : int(sysconf(_SC_NPROCESSORS_ONLN));
  return std::clamp(std::min(cpus, cpu_quota()), 1, kMaxThreads);
}

// ---- Fork --------------------------------------------------------------------------------------------------------

// The child has no workers, and perhaps a job of another thread that nobody will finish: forget both.
void forget_workers_in_child() {
  for (int i = 0; i <= pool.started; ++i) {
    pool.shares[i].unclaimed.store(0, std::memory_order_relaxed);
    pool.beds[i].occupied.store(0, std::memory_order_relaxed);
  }
  pool.started = 0;
  pool.bench = Bench();
  pool.busy.clear();
}

[[maybe_unused]] const int fork_handler = pthread_atfork(nullptr, nullptr, forget_workers_in_child);

}  // namespace

int num_threads() {
  int threads = wanted_threads.load(std::memory_order_relaxed);
  if (threads != 0) return threads;
  const int chosen = default_threads();
  return wanted_threads.compare_exchange_strong(threads, chosen) ? chosen : threads;
}

void set_num_threads(int n) { wanted_threads.store(std::clamp(n, 1, kMaxThreads), std::memory_order_relaxed); }

void parallel_run(int64_t n, int64_t grain, void (*run)(const void* context, int64_t begin, int64_t end),
                  const void* context) {
  if (n <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t chunks = n / grain + (n % grain != 0);
  const int threads = int(std::min<int64_t>(num_threads(), chunks));
  const Job job{run, context, n, grain, _mm_getcsr()};
  // Busy is the answer to a call from inside a chunk, and to a second user thread that computes at the same time: the
  // two share the cores as well if the second works alone.
  if (threads == 1 || pool.busy.test_and_set(std::memory_order_acquire)) return run_serially(job);
  const auto start = Clock::now();
  start_workers(threads - 1);
  const int available = std::min(threads, pool.started + 1);
  const int team = std::max(available - pool.bench.count_at(start), 1);
  if (team > 1) run_with_team(job, chunks, team, start);
  pool.busy.clear(std::memory_order_release);
  if (team == 1) run_serially(job);
}

}  // namespace tx
