#include "matmul.h"

#include <atomic>

#include "../kernels.h"
#include "complex.h"
#include "copy.h"
#include "elementwise.h"
#include "iterate.h"
#include "view.h"

namespace tx {

static std::atomic<bool> tf32_allowed = false;

void allow_tf32(bool allowed) { tf32_allowed = allowed; }

static void check_operands(const char* op, const Array& a, const Array& b) {
  if (a.dtype != b.dtype)
    fail(ErrorKind::Runtime, op, "(): expected both tensors to have the same dtype, but got: ", dtype_name(a.dtype),
         " != ", dtype_name(b.dtype));
  if (a.dtype == DType::Bool)
    fail(ErrorKind::Runtime, op, "(): not implemented for bool: convert with .float() or .int()");
  if (is_wide_unsigned(a.dtype))
    fail(ErrorKind::NotImplemented, op, "(): not implemented for ", dtype_name(a.dtype),
         ": convert with .float() or .long()");
  common_device(op, {a, b});
}

static void check_dims(const char* op, const Array& x, int dims, const char* which) {
  if (x.ndim() != dims)
    fail(ErrorKind::Runtime, op, "(): expected ", which, " to have ", dims, " dimension", dims == 1 ? "" : "s",
         ", got shape ", x.shape);
}

// Where the result goes: `out` itself when the kernel can write it, else a fresh array that is copied to it.
static Array result_for(const char* op, const Dims& shape, const Array& a, Array* out) {
  if (!out) return empty(shape, a.dtype, a.device());
  check_out(op, *out, shape, a.dtype);
  bool direct = out->dtype == a.dtype && out->contiguous();
  return direct ? *out : empty(shape, a.dtype, a.device());
}

static void product(const Array& a, const Array& b, const Array& c, const Array* bias,
                    Activation activation = Activation::None);

// x (..., columns), contiguous in its last dimension, as reals (..., 2 * columns).
static Array pairs(const Array& given) {
  const Array x = given.shape.back() == 1 || given.strides.back() == 1 ? given : contiguous(given);
  Array out = real(x);
  out.shape.back() *= 2;
  out.strides.back() = 1;
  return out;
}

// A complex product is a real one of twice the columns and depth: (re a, im a) times the two rows b and ib for each of b's.
static void complex_product(const Array& a, const Array& b, const Array& c, const Array* bias) {
  Array both = empty({b.shape[0], b.shape[1], 2, b.shape[2]}, b.dtype, b.device());
  Array rotated = select(both, 2, 1), parts = real(rotated);
  copy_into(select(both, 2, 0), b);
  neg(imag(b), &parts);
  copy_into(imag(rotated), real(b));
  Array doubled_bias = bias ? pairs(*bias) : Array();
  product(pairs(a), pairs(view(both, {b.shape[0], 2 * b.shape[1], b.shape[2]})), pairs(c),
          bias ? &doubled_bias : nullptr);
}

// c = activation(a @ b + bias); all are (batch, rows, columns), the batch of a and b may have stride 0, c is contiguous.
static void product(const Array& a, const Array& b, const Array& c, const Array* bias, Activation activation) {
  if (is_complex(c.dtype)) return complex_product(a, b, c, bias);
  Array ca, cb, cbias;  // copies of operands that share memory with the result
  Array dense_bias;
  auto apart = [&c](const Array& x, Array& copy) -> const Array& {
    if (x.storage.get() != c.storage.get()) return x;
    copy = clone(x);
    return copy;
  };
  const Array& pa = apart(a, ca);
  const Array& pb = apart(b, cb);
  MatmulArgs args{};
  args.dtype = c.dtype;
  args.batch = c.shape[0];
  args.m = c.shape[1];
  args.n = c.shape[2];
  args.k = a.shape[2];
  args.a = pa.data();
  args.a_batch = pa.shape[0] == 1 ? 0 : pa.strides[0];
  args.a_row = pa.strides[1];
  args.a_col = pa.strides[2];
  args.b = pb.data();
  args.b_batch = pb.shape[0] == 1 ? 0 : pb.strides[0];
  args.b_row = pb.strides[1];
  args.b_col = pb.strides[2];
  args.c = c.data();
  args.c_batch = c.shape[1] * c.shape[2];
  args.c_row = c.shape[2];
  args.activation = activation;
  args.tf32 = tf32_allowed;
  if (bias) {
    dense_bias = bias->shape[1] == 1 || bias->strides[1] == 1 ? *bias : contiguous(*bias);
    const Array& pbias = apart(dense_bias, cbias);
    args.bias = pbias.data();
    args.bias_row = pbias.shape[0] == 1 ? 0 : pbias.strides[0];
  }
  kernels(c.device()).matmul(args);
}

static Array as_matrices(const Array& x) { return x.ndim() == 2 ? unsqueeze(x, 0) : x; }

static void check_matrices(const char* op, const Array& a, const char* name, const Array& b) {
  check_dims(op, a, 2, name);
  check_dims(op, b, 2, "mat2");
  if (a.shape[1] != b.shape[0])
    fail(ErrorKind::Runtime, op, "(): mat1 and mat2 shapes cannot be multiplied (", a.shape[0], "x", a.shape[1],
         " and ", b.shape[0], "x", b.shape[1], ")");
  check_operands(op, a, b);
}

Array mm(const Array& a, const Array& b, Array* out) {
  check_matrices("mm", a, "input", b);
  Array c = result_for("mm", {a.shape[0], b.shape[1]}, a, out);
  product(as_matrices(a), as_matrices(b), as_matrices(c), nullptr);
  return deliver(c, out);
}

Array bmm(const Array& a, const Array& b, Array* out) {
  check_dims("bmm", a, 3, "input");
  check_dims("bmm", b, 3, "mat2");
  if (a.shape[0] != b.shape[0] || a.shape[2] != b.shape[1])
    fail(ErrorKind::Runtime, "bmm(): expected shapes (batch, m, k) and (batch, k, n), got ", a.shape, " and ", b.shape);
  check_operands("bmm", a, b);
  Array c = result_for("bmm", {a.shape[0], a.shape[1], b.shape[2]}, a, out);
  product(a, b, c, nullptr);
  return deliver(c, out);
}

Array mv(const Array& a, const Array& x, Array* out) {
  check_dims("mv", a, 2, "input");
  check_dims("mv", x, 1, "vec");
  if (a.shape[1] != x.shape[0])
    fail(ErrorKind::Runtime, "mv(): size mismatch, got input (", a.shape[0], "x", a.shape[1], ") and vec (", x.shape[0],
         ")");
  check_operands("mv", a, x);
  Array c = result_for("mv", {a.shape[0]}, a, out);
  product(as_matrices(a), as_matrices(unsqueeze(x, 1)), as_matrices(unsqueeze(c, 1)), nullptr);
  return deliver(c, out);
}

Array dot(const Array& a, const Array& b, Array* out) {
  check_dims("dot", a, 1, "input");
  check_dims("dot", b, 1, "tensor");
  if (a.shape[0] != b.shape[0])
    fail(ErrorKind::Runtime,
         "dot(): inconsistent tensor size, expected tensors of the same number of elements, but got ", a.shape[0],
         " and ", b.shape[0]);
  check_operands("dot", a, b);
  Array c = result_for("dot", {}, a, out);
  product(as_matrices(unsqueeze(a, 0)), as_matrices(unsqueeze(b, 1)), view(c, {1, 1, 1}), nullptr);
  return deliver(c, out);
}

// (batch..., rows, columns) expanded to `batch` and merged to (batch, rows, columns); copies only where strides demand it.
static Array merge_batch(const Array& x, const Dims& batch) {
  Dims full = batch;
  int64_t rows = x.shape[x.ndim() - 2], columns = x.shape[x.ndim() - 1], count = 1;
  for (int64_t s : batch) count *= s;
  full.push_back(rows);
  full.push_back(columns);
  int64_t matrices = 1;
  for (int d = 0; d + 2 < x.ndim(); d++) matrices *= x.shape[d];
  if (matrices == 1) {  // one matrix for the whole batch: stride 0
    Array single = x;
    while (single.ndim() > 2) single = select(single, 0, 0);
    return unsqueeze(single, 0);
  }
  return reshape(expand(x, full), {count, rows, columns});
}

Array matmul(const Array& a, const Array& b, Array* out) {
  if (a.ndim() == 0 || b.ndim() == 0)
    fail(ErrorKind::Runtime, "matmul(): both arguments need to be at least 1D, but they are ", a.ndim(), "D and ",
         b.ndim(), "D");
  if (a.ndim() == 2 && b.ndim() == 2) return mm(a, b, out);
  if (a.ndim() == 1 && b.ndim() == 1) return dot(a, b, out);
  if (a.ndim() == 2 && b.ndim() == 1) return mv(a, b, out);
  check_operands("matmul", a, b);
  Array ma = a.ndim() == 1 ? unsqueeze(a, 0) : a, mb = b.ndim() == 1 ? unsqueeze(b, 1) : b;
  int64_t m = ma.shape[ma.ndim() - 2], k = ma.shape[ma.ndim() - 1], n = mb.shape[mb.ndim() - 1];
  if (k != mb.shape[mb.ndim() - 2])
    fail(ErrorKind::Runtime, "matmul(): shapes ", a.shape, " and ", b.shape,
         " cannot be multiplied: the last size of the first, ", k, ", must equal the last but one of the second, ",
         mb.shape[mb.ndim() - 2]);
  Dims batch_a = ma.shape, batch_b = mb.shape;
  for (int i = 0; i < 2; i++) {
    batch_a.erase(batch_a.size() - 1);
    batch_b.erase(batch_b.size() - 1);
  }
  Dims batch = broadcast_shapes(batch_a, batch_b, "matmul"), shape = batch;
  int64_t count = 1;
  for (int64_t s : batch) count *= s;
  if (a.ndim() > 1) shape.push_back(m);
  if (b.ndim() > 1) shape.push_back(n);
  Array c = result_for("matmul", shape, a, out);
  if (mb.ndim() == 2 && count * m > 0) {  // one right-hand matrix: all rows of the batch in one product
    Array rows = reshape(ma, {count * m, k});
    product(as_matrices(rows), as_matrices(mb), view(c, {1, count * m, n}), nullptr);
  } else {
    product(merge_batch(ma, batch), merge_batch(mb, batch), view(c, {count, m, n}), nullptr);
  }
  return deliver(c, out);
}

static bool is_one(const Scalar& s) { return s.as_double() == 1 && s.imag == 0; }

// beta * bias + alpha * product; `bias` broadcasts to the result.
static Array scaled_sum(const Array& bias, const Array& c, const Scalar& beta, const Scalar& alpha) {
  Array left = is_one(alpha) ? c : mul(c, alpha, nullptr);
  if (beta.as_double() == 0 && beta.imag == 0) return left;  // NaN in bias does not matter then, as in PyTorch
  return add(is_one(beta) ? bias : mul(bias, beta, nullptr), left, nullptr);
}

// A result computed apart from `out`, which may be one of the operands, copied there if it is given.
static Array given(const char* name, const Array& result, Array* out) {
  if (out) check_out(name, *out, result.shape, result.dtype);
  return deliver(result, out);
}

static void check_addmm(const char* op, const Array& bias, const Array& a, const Array& b) {
  check_matrices(op, a, "mat1", b);
  check_operands(op, bias, a);
}

Array addmm(const Array& bias, const Array& a, const Array& b, const Scalar& beta, const Scalar& alpha, Array* out) {
  check_addmm("addmm", bias, a, b);
  Array full = expand(bias, {a.shape[0], b.shape[1]});
  const bool fused = is_one(beta) && is_one(alpha) && a.shape[1] > 0;
  Array c = result_for("addmm", {a.shape[0], b.shape[1]}, a, fused ? out : nullptr);
  product(as_matrices(a), as_matrices(b), as_matrices(c), fused ? &full : nullptr);
  return fused ? deliver(c, out) : given("addmm", scaled_sum(full, c, beta, alpha), out);
}

static Activation activation_named(std::string_view name) {
  constexpr std::pair<std::string_view, Activation> kNames[] = {
      {"relu", Activation::Relu}, {"gelu", Activation::Gelu},       {"gelu_tanh", Activation::GeluTanh},
      {"silu", Activation::Silu}, {"sigmoid", Activation::Sigmoid}, {"tanh", Activation::Tanh}};
  for (const auto& [known, activation] : kNames)
    if (name == known) return activation;
  fail(ErrorKind::Value, "addmm_activation(): expected relu, gelu, gelu_tanh, silu, sigmoid or tanh, got ", name);
}

Array addmm_activation(const Array& bias, const Array& a, const Array& b, std::string_view activation, Array* out) {
  check_addmm("addmm_activation", bias, a, b);
  if (!is_floating(a.dtype))
    fail(ErrorKind::Runtime, "addmm_activation(): expected floating point tensors, got ", dtype_name(a.dtype));
  const Array full = expand(bias, {a.shape[0], b.shape[1]});
  Array c = result_for("addmm_activation", full.shape, a, out);
  product(as_matrices(a), as_matrices(b), as_matrices(c), &full, activation_named(activation));
  return deliver(c, out);
}

Array baddbmm(const Array& bias, const Array& a, const Array& b, const Scalar& beta, const Scalar& alpha, Array* out) {
  Array c = bmm(a, b, nullptr);
  check_operands("baddbmm", bias, a);
  return given("baddbmm", scaled_sum(expand(bias, c.shape), c, beta, alpha), out);
}

Array linear(const Array& x, const Array& weight, const std::optional<Array>& bias, Array* out) {
  if (weight.ndim() != 1 && weight.ndim() != 2)
    fail(ErrorKind::Runtime, "linear(): expected weight of shape (out_features, in_features), got ", weight.shape);
  if (x.ndim() == 0)
    fail(ErrorKind::Runtime, "linear(): expected an input of shape (..., in_features), got a 0-dim tensor");
  if (weight.ndim() == 1) {
    Array c = matmul(x, weight, nullptr);
    return bias ? add(c, *bias, out) : c;
  }
  int64_t k = x.shape.back(), n = weight.shape[0];
  if (k != weight.shape[1])
    fail(ErrorKind::Runtime, "linear(): mat1 and mat2 shapes cannot be multiplied: input ", x.shape, " has ", k,
         " features, but weight ", weight.shape, " expects ", weight.shape[1]);
  check_operands("linear", x, weight);
  if (bias) {
    check_operands("linear", *bias, weight);
    if (bias->ndim() > 1 || (bias->ndim() == 1 && bias->shape[0] != n && bias->shape[0] != 1))
      fail(ErrorKind::Runtime, "linear(): expected bias of shape [", n, "], got ", bias->shape);
  }
  Dims shape = x.shape;
  shape.back() = n;
  Array c = result_for("linear", shape, x, out);
  int64_t rows = k ? x.numel() / k : checked_numel(shape, x.dtype) / (n ? n : 1);
  Array matrix = x.ndim() == 2 ? x : reshape(x, {rows, k}), full;
  if (bias) full = expand(*bias, {rows, n});
  product(as_matrices(matrix), unsqueeze(transpose(weight, 0, 1), 0), view(c, {1, rows, n}), bias ? &full : nullptr);
  return deliver(c, out);
}

}  // namespace tx
