#include "iterate.h"

#include "copy.h"

namespace tx {

Dims broadcast_shapes(const Dims& a, const Dims& b, const char* op) {
  const Dims& longer = a.size() >= b.size() ? a : b;
  const Dims& shorter = a.size() >= b.size() ? b : a;
  Dims out = longer;
  for (int i = 1; i <= shorter.size(); i++) {
    int64_t& size = out[out.size() - i];
    int64_t other = shorter[shorter.size() - i];
    if (size == other || other == 1) continue;
    if (size != 1)
      fail(ErrorKind::Runtime, op, "(): shapes ", a, " and ", b, " do not broadcast: dimension ", out.size() - i,
           " has sizes ", a[a.size() - i], " and ", b[b.size() - i], ", which must be equal unless one of them is 1");
    size = other;
  }
  return out;
}

static std::string device_name(Device d) {
  return d.type == DeviceType::CPU ? "cpu" : "cuda:" + std::to_string(int(d.index));
}

[[noreturn]] static void differ(const char* op, Device a, Device b, const char* which = "") {
  fail(ErrorKind::Runtime, op, "(): expected all tensors to be on the same device, but found ", device_name(a), " and ",
       device_name(b), which, ": move one with .to(device)");
}

Device common_device(const char* op, std::initializer_list<Operand> operands) {
  const Array* first = nullptr;
  for (const Operand& o : operands) {
    if (!o.array) continue;
    if (!first) first = o.array;
    else if (!(o.array->device() == first->device())) differ(op, first->device(), o.array->device());
  }
  return first ? first->device() : Device{};
}

// One number in host memory, expanded or not, goes along with an elementwise kernel of any device.
static bool movable(const Array& a) {
  if (a.device().type != DeviceType::CPU) return false;
  for (int64_t stride : a.strides)
    if (stride) return false;
  return true;
}

Device elementwise_device(const char* op, std::initializer_list<Operand> operands) {
  const Array* chosen = nullptr;
  for (const Operand& o : operands) {
    if (!o.array) continue;
    if (!chosen || (movable(*chosen) && !movable(*o.array))) chosen = o.array;
    else if (!movable(*o.array)) common_device(op, {*chosen, *o.array});
  }
  return chosen ? chosen->device() : Device{};
}

bool has_zero_stride(const Array& a) {
  for (int d = 0; d < a.ndim(); d++)
    if (a.strides[d] == 0 && a.shape[d] > 1) return true;
  return false;
}

void check_out(const char* op, Array& out, const Dims& shape, DType dtype) {
  if (!can_cast(dtype, out.dtype))
    fail(ErrorKind::Runtime, op, "(): result type ", dtype_name(dtype), " can't be cast to the output's type ",
         dtype_name(out.dtype));
  if (!(out.shape == shape)) {
    if (out.numel() != 0)
      fail(ErrorKind::Runtime, op, "(): the output has shape ", out.shape, ", but the result has shape ", shape);
    out = empty(shape, out.dtype, out.device());
  }
  if (has_zero_stride(out))
    fail(ErrorKind::Runtime, op, "(): more than one element of the written-to tensor of shape ", out.shape,
         " and strides ", out.strides, " refers to a single memory location; clone() it before writing to it");
}

// Dense: the strides are those of a contiguous array with its dimensions in some order. Gives that order,
// outermost first; false when `a` has gaps or repeated elements.
static bool dense_order(const Array& a, int (&order)[kMaxDims]) {
  int n = a.ndim();
  for (int d = 0; d < n; d++) order[d] = d;
  for (int i = 1; i < n; i++)
    for (int j = i; j > 0 && a.strides[order[j]] > a.strides[order[j - 1]]; j--) std::swap(order[j], order[j - 1]);
  int64_t expected = 1;
  for (int i = n - 1; i >= 0; i--) {
    if (a.shape[order[i]] == 1) continue;
    if (a.strides[order[i]] != expected) return false;
    expected *= a.shape[order[i]];
  }
  return true;
}

Array empty_for(const Dims& shape, DType dtype, Device device, std::initializer_list<Operand> inputs) {
  Array out = empty(shape, dtype, device);
  for (const Operand& o : inputs) {
    if (!o.array || !(o.array->shape == shape)) continue;
    int order[kMaxDims];
    if (!dense_order(*o.array, order)) continue;
    out.strides = o.array->strides;
    break;
  }
  return out;
}

struct Span {
  const char *begin, *end;
};

static Span span_of(const Array& a) {
  int64_t last = 0;
  for (int d = 0; d < a.ndim(); d++) {
    if (a.shape[d] == 0) return {nullptr, nullptr};
    last += (a.shape[d] - 1) * a.strides[d];
  }
  return {a.data(), a.data() + (last + 1) * a.itemsize()};
}

// `in` shares memory with `out` other than element for element.
static bool overlaps(const Array& in, const Array& out) {
  if (in.storage.get() != out.storage.get()) return false;
  if (in.offset == out.offset && in.dtype == out.dtype && in.shape == out.shape && in.strides == out.strides)
    return false;
  Span a = span_of(in), b = span_of(out);
  return a.begin < b.end && b.begin < a.end;
}

template <int N>
Elementwise<N>::Elementwise(const char* op, const Operand (&inputs)[N - 1], DType compute, DType result_dtype,
                            Array* out) {
  const Array* arrays[N] = {};
  const Array* first = nullptr;
  bool same = true;                                  // all arrays have one shape and are contiguous: a single row
  for (int k = 1; k < N; k++) {
    const Array* a = arrays[k] = inputs[k - 1].array;
    if (!a) continue;
    if (!first) first = a;
    else same = same && a->shape == first->shape;
    same = same && a->contiguous();
  }
  it.compute = compute_dtype(compute);
  auto with_inputs = [&](auto f) {
    if constexpr (N == 2) return f({inputs[0]});
    else if constexpr (N == 3) return f({inputs[0], inputs[1]});
    else return f({inputs[0], inputs[1], inputs[2]});
  };
  using Inputs = std::initializer_list<Operand>;
  Device device = with_inputs([&](Inputs list) { return elementwise_device(op, list); });
  if (out && !(out->device() == device)) {
    for (int k = 1; k < N; k++)
      if (arrays[k] && !movable(*arrays[k])) differ(op, device, out->device(), " (the output)");
    device = out->device();
  }
  Dims shape;
  if (first) shape = first->shape;
  if (!same)
    for (int k = 1; k < N; k++)
      if (arrays[k] && arrays[k] != first) shape = broadcast_shapes(shape, arrays[k]->shape, op);

  if (out) {
    check_out(op, *out, shape, result_dtype);
    result = *out;
    same = same && result.contiguous();
    for (int k = 1; k < N; k++)
      if (arrays[k] && overlaps(*arrays[k], result)) {
        copies_[k] = clone(*arrays[k]);
        arrays[k] = &copies_[k];
        same = same && copies_[k].contiguous();
      }
  } else if (same) {
    result = empty(shape, result_dtype, device);
  } else {
    result = with_inputs([&](Inputs list) { return empty_for(shape, result_dtype, device, list); });
  }
  arrays[0] = &result;

  for (int k = 0; k < N; k++) {
    if (arrays[k]) {
      it.data[k] = arrays[k]->data();
      it.dtype[k] = arrays[k]->dtype;
      if (!(arrays[k]->device() == device)) it.host |= uint8_t(1u << k);
    } else {
      if (device.type != DeviceType::CPU) it.host |= uint8_t(1u << k);
      it.dtype[k] = it.compute;
      inputs[k - 1].scalar.store(scalars_[k], it.compute);
      it.data[k] = scalars_[k];
    }
  }
  int64_t step[N];
  if (same) {
    for (int k = 0; k < N; k++) step[k] = arrays[k] ? tx::itemsize(it.dtype[k]) : 0;
    it.push(result.numel(), step);
    return;
  }
  int order[kMaxDims];
  for (int d = 0; d < shape.size(); d++) order[d] = d;
  if (!result.contiguous()) dense_order(result, order);        // walk the output in memory order
  for (int i = 0; i < shape.size(); i++) {
    int d = order[i];
    for (int k = 0; k < N; k++) {
      int at = arrays[k] ? d - (shape.size() - arrays[k]->ndim()) : -1;
      step[k] = at < 0 || arrays[k]->shape[at] == 1 ? 0 : arrays[k]->strides[at] * tx::itemsize(it.dtype[k]);
    }
    it.push(shape[d], step);
  }
}

template struct Elementwise<2>;
template struct Elementwise<3>;
template struct Elementwise<4>;

}  // namespace tx
