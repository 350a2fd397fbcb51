// Views, copies and creation.
#include "../functions/complex.h"
#include "../functions/copy.h"
#include "../functions/view.h"
#include "bind.h"
#include "subscript.h"

namespace tx::python {

static Array expanded(const Array& x, const Dims& shape, bool) { return expand(x, shape); }
static Array copied(const Array& to, const Array& from, bool non_blocking) {
  copy_into(to, from, !non_blocking);
  return to;
}
static Array filled(const Array& to, const Scalar& value) {
  fill(to, value);
  return to;
}

void bind_shape(PyObject* m) {
  bind<&tx::view>(m, "view");
  bind<&tx::real>(m, "real");
  bind<&tx::imag>(m, "imag");
  bind<&tx::view_as_real>(m, "view_as_real");
  bind<&tx::view_as_complex>(m, "view_as_complex");
  bind<&tx::view_dtype>(m, "view_dtype");
  bind<&tx::reshape>(m, "reshape");
  bind<&tx::flatten>(m, "flatten");
  bind<&expanded>(m, "expand");
  bind<&tx::permute>(m, "permute");
  bind<&tx::transpose>(m, "transpose");
  bind<&tx::t>(m, "t");
  bind<&tx::squeeze>(m, "squeeze");
  bind<&tx::unsqueeze>(m, "unsqueeze");
  bind<&tx::narrow>(m, "narrow");
  bind<&tx::select>(m, "select");
  bind<&tx::slice>(m, "slice");
  bind<&tx::diagonal>(m, "diagonal");
  bind<&tx::unfold>(m, "unfold");
  bind<&tx::as_strided>(m, "as_strided");
  bind<&tx::split>(m, "split");
  bind<&tx::unbind>(m, "unbind");
  add_forward(m, "basic_view", basic_view_forward());
  bind<&tx::clone>(m, "clone");
  bind<&tx::contiguous>(m, "contiguous");
  bind<&tx::cast>(m, "cast");
  bind<&copied>(m, "copy_into");
  bind<&filled>(m, "fill");
  bind<&tx::empty_strided>(m, "empty_strided");
}

}  // namespace tx::python
