// Picks the CPU kernel table at first use. Compiled once, for the oldest CPU we support.
#include <cstdlib>
#include <cstring>

#include "../cuda_library.h"
#include "../errors.h"
#include "../kernels.h"

namespace tx {

#ifdef TX_HAVE_BASE
namespace base {
extern const Kernels table;
}
#endif
#ifdef TX_HAVE_AVX2
namespace avx2 {
extern const Kernels table;
}
#endif
#ifdef TX_HAVE_AVX512
namespace avx512 {
extern const Kernels table;
}
#endif

namespace {

struct Isa {
  const char* name;
  const Kernels* table;
  bool supported;                            // by this machine
};

// Best first.
std::vector<Isa> isas() {
  std::vector<Isa> list;
#ifdef TX_HAVE_AVX512
  list.push_back({"avx512", &avx512::table,
                  __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")});
#endif
#ifdef TX_HAVE_AVX2
  list.push_back({"avx2", &avx2::table,
                  __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")});
#endif
#ifdef TX_HAVE_BASE
  list.push_back({"base", &base::table, true});
#endif
  return list;
}

Isa choose() {
  const char* forced = std::getenv("TENSORX_ISA");
  if (forced && !*forced) forced = nullptr;
  std::string offered;
  for (const Isa& isa : isas()) {
    if (!isa.supported) continue;
    if (!forced || !std::strcmp(forced, isa.name)) return isa;
    offered += std::string(offered.empty() ? "" : ", ") + isa.name;
  }
  if (offered.empty())
    fail(ErrorKind::Runtime, "tensorx was built for other machines: none of its instruction sets (", isas()[0].name,
         " the best) runs here; build it here, or with TENSORX_ISAS=base");
  fail(ErrorKind::Value, "TENSORX_ISA=", forced, ": this build and machine offer ", offered,
       "; unset it to take the best");
}

const Isa& chosen() {
  static const Isa isa = choose();
  return isa;
}

}  // namespace

const Kernels& kernels(Device device) {
  if (device.type == DeviceType::CPU) return *chosen().table;
  const cuda::Library& library = cuda_library();
  library.use_device(device.index);
  return *library.kernels;
}

const char* isa_name() { return chosen().name; }

std::vector<std::string> built_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : isas()) names.push_back(isa.name);
  return names;
}

}  // namespace tx
