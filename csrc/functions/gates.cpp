#include "gates.h"

#include <utility>
#include <vector>

#include "../kernels.h"
#include "copy.h"

namespace tx {

namespace {

// The operands of one call: checked, in the type of computation, and with dense rows.
class Gates {
 public:
  // like: an array of one plane, whose shape and dtype the others have.
  Gates(const char* op, const Array& like) : op_(op), like_(like) {
    if (!is_floating(like.dtype) || like.ndim() != 2)
      fail(ErrorKind::Runtime, op, "(): expected floating arrays (batch, gates * size), got ", dtype_name(like.dtype),
           " of shape ", like.shape);
    args_.dtype = like.dtype == DType::Float64 ? DType::Float64 : DType::Float32;
    args_.rows = like.shape[0];
    args_.size = like.shape[1];
  }

  Gates& in(const char* name, const Array& x, int planes = 1) {
    check(name, x, planes);
    Array dense = cast(x, args_.dtype);
    if (!has_dense_rows(dense)) dense = contiguous(dense);
    for (int k = 0; k < planes; k++, inputs_++) {
      args_.in[inputs_] = dense.data() + k * args_.size * dense.itemsize();
      args_.in_step[inputs_] = dense.strides[0];
    }
    held_.push_back(std::move(dense));
    return *this;
  }

  Gates& out(const char* name, const Array& x, int planes = 1) {
    check(name, x, planes);
    const bool direct = x.dtype == args_.dtype && has_dense_rows(x);
    const Array dense = direct ? x : empty(x.shape, args_.dtype, x.device());
    for (int k = 0; k < planes; k++, outputs_++) {
      args_.out[outputs_] = dense.data() + k * args_.size * dense.itemsize();
      args_.out_step[outputs_] = dense.strides[0];
    }
    results_.emplace_back(x, dense);
    return *this;
  }

  void run(void (*Kernels::*kernel)(const GatesArgs&)) {
    (kernels(like_.device()).*kernel)(args_);
    for (const auto& [given, dense] : results_) {
      if (given.data() != dense.data()) copy_into(given, dense);
      given.storage->version++;
    }
  }

 private:
  static bool has_dense_rows(const Array& x) { return x.shape[1] <= 1 || x.strides[1] == 1; }

  void check(const char* name, const Array& x, int planes) const {
    if (x.ndim() == 2 && x.shape[0] == args_.rows && x.shape[1] == planes * args_.size && x.dtype == like_.dtype &&
        x.device() == like_.device())
      return;
    fail(ErrorKind::Runtime, op_, "(): expected ", name, " of shape ", Dims{args_.rows, planes * args_.size},
         " and dtype ", dtype_name(like_.dtype), " on the device of the others, got ", dtype_name(x.dtype),
         " of shape ", x.shape);
  }

  const char* op_;
  const Array& like_;
  GatesArgs args_{};
  int inputs_ = 0, outputs_ = 0;
  std::vector<Array> held_;
  std::vector<std::pair<Array, Array>> results_;  // (what was given, where it is computed)
};

}  // namespace

void lstm_gates(const Array& x, const Array& hidden, const Array& c, const Array& gates, const Array& new_c,
                const Array& h) {
  Gates call("lstm_gates", c);
  call.in("x", x, 4).in("hidden", hidden, 4).in("c", c).out("gates", gates, 4).out("new_c", new_c).out("h", h);
  call.run(&Kernels::lstm_gates);
}

void lstm_gates_grad(const Array& gates, const Array& new_c, const Array& c, const Array& grad_h, const Array& grad_c,
                     const Array& grad_x) {
  Gates call("lstm_gates_grad", c);
  call.in("gates", gates, 4).in("new_c", new_c).in("c", c).in("grad_h", grad_h).in("grad_c", grad_c);
  call.out("grad_x", grad_x, 4).out("grad_c", grad_c);
  call.run(&Kernels::lstm_gates_grad);
}

void gru_gates(const Array& x, const Array& hidden, const Array& h, const Array& gates, const Array& new_h) {
  Gates call("gru_gates", h);
  call.in("x", x, 3).in("hidden", hidden, 3).in("h", h).out("gates", gates, 4).out("new_h", new_h);
  call.run(&Kernels::gru_gates);
}

void gru_gates_grad(const Array& gates, const Array& h, const Array& grad_h, const Array& grad_x,
                    const Array& grad_hidden) {
  Gates call("gru_gates_grad", h);
  call.in("gates", gates, 4).in("h", h).in("grad_h", grad_h);
  call.out("grad_x", grad_x, 3).out("grad_hidden", grad_hidden, 3).out("grad_h", grad_h);
  call.run(&Kernels::gru_gates_grad);
}

}  // namespace tx
