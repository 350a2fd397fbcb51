// The kernel table: what a device can do. One table per CPU instruction set and one for CUDA, assembled from the op
// rows (ops.h) and the structured kernels (kernels/*.h).
//
// Elementwise kernels: operand 0 is the output, `it.compute` the type of the inputs' arithmetic. Comparisons and
// predicates write bool. Operands may have any strides and any dtype: they are cast as they are read and written.
#pragma once
#include <string>
#include <vector>

#include "kernels/convolution.h"
#include "kernels/creation.h"
#include "kernels/gates.h"
#include "kernels/index.h"
#include "kernels/join.h"
#include "kernels/matmul.h"
#include "kernels/norm.h"
#include "kernels/optimizer.h"
#include "kernels/random.h"
#include "kernels/pool.h"
#include "kernels/reduce.h"
#include "kernels/resample.h"
#include "kernels/scan.h"
#include "kernels/sort.h"
#include "kernels/softmax.h"
#include "nditer.h"
#include "ops.h"

#define TX_STRUCTURED_KERNELS(X) \
  TX_CONVOLUTION_KERNELS(X) \
  TX_MATMUL_KERNELS(X) \
  TX_NORM_KERNELS(X) \
  TX_OPTIMIZER_KERNELS(X) \
  TX_POOL_KERNELS(X) \
  TX_JOIN_KERNELS(X) \
  TX_REDUCE_KERNELS(X) \
  TX_RESAMPLE_KERNELS(X) \
  TX_SCAN_KERNELS(X) \
  TX_SOFTMAX_KERNELS(X) \
  TX_CREATION_KERNELS(X) \
  TX_RANDOM_KERNELS(X) \
  TX_INDEX_KERNELS(X) \
  TX_SORT_KERNELS(X) \
  TX_GATES_KERNELS(X)

namespace tx {

struct Kernels {
#define X(name, ...) void (*name)(const NdIter<2>&);
  TX_UNARY_OPS(X)
  TX_UNARY_BOOL_OPS(X)
  X(copy)
#undef X
#define X(name, ...) void (*name)(const NdIter<3>&);
  TX_BINARY_OPS(X)
  TX_COMPARE_OPS(X)
#undef X
#define X(name, ...) void (*name)(const NdIter<4>&);
  TX_TERNARY_OPS(X)
  X(where)
#undef X
#define X(name, Args) void (*name)(const Args&);
  TX_STRUCTURED_KERNELS(X)
#undef X
};

// The table of a device. CPU: of the best instruction set this machine has, or of the one TENSORX_ISA names.
const Kernels& kernels(Device device);

const char* isa_name();                      // "base", "avx2" or "avx512": the one in use
std::vector<std::string> built_isas();       // those compiled in

// Raises for a kernel that has no implementation for `given`. `supported`: bit i set for each DType(i) it has.
[[noreturn]] void unsupported(const char* op, DType given, uint32_t supported = 0);

}  // namespace tx
