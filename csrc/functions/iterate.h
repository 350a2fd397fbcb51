// Building the NdIter of an elementwise call: broadcasting, output allocation, overlap and device checks.
#pragma once
#include "../array.h"
#include "../promotion.h"

namespace tx {

Dims broadcast_shapes(const Dims& a, const Dims& b, const char* op);

// The device of a call's operands; raises RuntimeError when they are on different ones.
Device common_device(const char* op, std::initializer_list<Operand> operands);
// The same for calls made of Elementwise, where one number in host memory may go with any device.
Device elementwise_device(const char* op, std::initializer_list<Operand> operands);

// True when two elements of `a` share memory because some stride is 0.
bool has_zero_stride(const Array& a);

// Raises unless `out` can take a result of this shape and dtype. An empty `out` is resized.
void check_out(const char* op, Array& out, const Dims& shape, DType dtype);

// A fresh result: in the memory order of the first input of this shape that is dense, else contiguous.
Array empty_for(const Dims& shape, DType dtype, Device device, std::initializer_list<Operand> inputs);

// An elementwise call of N operands: result, then N-1 inputs. Owns what the iterator points to.
template <int N>
struct Elementwise {
  NdIter<N> it;
  Array result;

  Elementwise(const char* op, const Operand (&inputs)[N - 1], DType compute, DType result_dtype, Array* out);
  Elementwise(const Elementwise&) = delete;

 private:
  alignas(8) char scalars_[N][16];
  Array copies_[N];                    // of inputs that overlap the output
};

}  // namespace tx
