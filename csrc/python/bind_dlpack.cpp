// DLPack: tensors exchanged with other libraries without a copy. The structs are the ABI of the DLPack standard,
// versions 0 (capsule "dltensor") and 1 ("dltensor_versioned").
#include "../cuda_library.h"
#include "../functions/copy.h"
#include "bind.h"

namespace tx::python {

namespace {

struct DLDevice {
  int32_t type, id;
};
struct DLDataType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape, *strides;                    // strides in elements; null: contiguous
  uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor tensor;
  void* context;
  void (*deleter)(DLManagedTensor*);
};
struct DLManagedTensorVersioned {
  uint32_t major, minor;
  void* context;
  void (*deleter)(DLManagedTensorVersioned*);
  uint64_t flags;
  DLTensor tensor;
};

enum : int32_t { kDLCPU = 1, kDLCUDA = 2 };
enum : uint8_t { kDLInt, kDLUInt, kDLFloat, kDLBfloat = 4, kDLComplex, kDLBool };
enum : uint64_t { kReadOnly = 1, kIsCopied = 2 };

DLDataType dlpack_type(DType t) {
  uint8_t code = t == DType::Bool       ? kDLBool
                 : t == DType::BFloat16 ? kDLBfloat
                 : is_floating(t)       ? kDLFloat
                 : is_complex(t)        ? kDLComplex
                 : is_signed(t)         ? kDLInt
                                        : kDLUInt;
  return {code, uint8_t(8 * itemsize(t)), 1};
}

DType type_from(DLDataType given) {
  for (int i = 0; i < kNumDTypes; i++) {
    DLDataType t = dlpack_type(DType(i));
    if (t.code == given.code && t.bits == given.bits && given.lanes == 1) return DType(i);
  }
  fail(ErrorKind::Value, "from_dlpack(): no dtype for DLPack type code ", int(given.code), " with ", int(given.bits),
       " bits and ", given.lanes, " lanes");
}

DLDevice dlpack_device(Device d) { return {d.type == DeviceType::CPU ? kDLCPU : kDLCUDA, d.index}; }

Device device_from(DLDevice given) {
  if (given.type == kDLCPU) return {};
  if (given.type != kDLCUDA || given.id < 0 || given.id >= cuda_device_count())
    fail(ErrorKind::Runtime, "from_dlpack(): the tensor is on a device of DLPack type ", given.type, " and number ",
         given.id, ", which this build or machine does not have");
  return {DeviceType::CUDA, int8_t(given.id)};
}

// ---- Export

template <class Managed>
struct Exported {
  Managed managed{};
  Array array;
};

template <class Managed>
void delete_exported(Managed* managed) {
  delete static_cast<Exported<Managed>*>(managed->context);
}

// A capsule nobody took still owns its tensor.
template <class Managed>
void drop_capsule(PyObject* capsule, const char* name) {
  if (!PyCapsule_IsValid(capsule, name)) return;
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  if (managed->deleter) managed->deleter(managed);
}

template <class Managed>
Exported<Managed>* export_array(const Array& a) {
  auto* e = new Exported<Managed>;
  e->array = a;
  e->managed.context = e;
  e->managed.deleter = delete_exported<Managed>;
  for (int d = 0; d < a.ndim(); d++)
    if (a.shape[d] < 2) e->array.strides[d] = 1;           // some consumers compare even strides that say nothing
  e->managed.tensor = {a.data(),
                       dlpack_device(a.device()),
                       a.ndim(),
                       dlpack_type(a.dtype),
                       e->array.shape.begin(),
                       e->array.strides.begin(),
                       0};
  return e;
}

// to_dlpack(tensor, versioned, copied): the capsule.
PyObject* to_dlpack(PyObject*, PyObject* args) {
  PyObject* o;
  int versioned, copied;
  if (!PyArg_ParseTuple(args, "Opp:to_dlpack", &o, &versioned, &copied)) return nullptr;
  if (!is_tensor(o))
    return PyErr_Format(PyExc_TypeError, "to_dlpack(): expected a Tensor, not %s", Py_TYPE(o)->tp_name);
  const Array& a = as_tensor(o)->array;
  PyObject* capsule;
  if (versioned) {
    auto* e = export_array<DLManagedTensorVersioned>(a);
    e->managed.major = 1;
    if (copied) e->managed.flags = kIsCopied;
    capsule = PyCapsule_New(&e->managed, "dltensor_versioned",
                            [](PyObject* c) { drop_capsule<DLManagedTensorVersioned>(c, "dltensor_versioned"); });
    if (!capsule) delete e;
  } else {
    auto* e = export_array<DLManagedTensor>(a);
    capsule = PyCapsule_New(&e->managed, "dltensor", [](PyObject* c) { drop_capsule<DLManagedTensor>(c, "dltensor"); });
    if (!capsule) delete e;
  }
  return capsule;
}

// ---- Import

template <class Managed>
void release_imported(Storage* s) {
  if (!Py_IsInitialized()) return;
  PyGILState_STATE state = PyGILState_Ensure();            // the exporter may well be Python
  auto* managed = static_cast<Managed*>(s->owner);
  if (managed->deleter) managed->deleter(managed);
  PyGILState_Release(state);
}

template <class Managed>
Array import_capsule(PyObject* capsule, const char* name, const char* used_name, bool copy) {
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  const DLTensor& t = managed->tensor;
  const Device device = device_from(t.device);
  Array a;
  a.dtype = type_from(t.dtype);
  for (int d = 0; d < t.ndim; d++) a.shape.push_back(t.shape[d]);
  a.strides = contiguous_strides(a.shape);
  int64_t n = checked_numel(a.shape, a.dtype), last = n ? 0 : -1;
  for (int d = 0; n && d < t.ndim; d++) {
    if (t.strides && a.shape[d] > 1) a.strides[d] = t.strides[d];
    if (a.strides[d] < 0)
      fail(ErrorKind::Value,
           "from_dlpack(): negative strides are not supported: copy the array first, with array.copy()");
    last += (a.shape[d] - 1) * a.strides[d];
  }
  char* data = static_cast<char*>(t.data) + t.byte_offset;
  size_t nbytes = size_t((last + 1) * a.itemsize());
  if (reinterpret_cast<uintptr_t>(data) % alignment(a.dtype))
    fail(ErrorKind::Value, "from_dlpack(): the memory is not aligned to its element size: copy the array first");
  if (copy) {
    a.storage = StoragePtr::adopt(data, nbytes, device, nullptr, [](Storage*) {});  // for the time of the copy
    Array out = empty(a.shape, a.dtype, device);
    copy_into(out, a);
    return out;
  }
  a.storage = StoragePtr::adopt(data, nbytes, device, managed, release_imported<Managed>);
  PyCapsule_SetName(capsule, used_name);
  return a;
}

Array from_dlpack(PyObject* capsule, bool copy) {
  if (PyCapsule_IsValid(capsule, "dltensor_versioned")) {
    auto* managed = static_cast<DLManagedTensorVersioned*>(PyCapsule_GetPointer(capsule, "dltensor_versioned"));
    if (managed->major != 1)
      fail(ErrorKind::Runtime, "from_dlpack(): DLPack version ", managed->major, ".", managed->minor,
           " is not supported, only 1.x and 0.x");
    if (managed->flags & kReadOnly && !copy) {
      if (PyErr_WarnEx(PyExc_UserWarning,
                       "The given DLPack tensor is read-only, and tensorx does not support non-writable tensors: its "
                       "data is copied.",
                       1))
        throw PythonError{};
      copy = true;
    }
    return import_capsule<DLManagedTensorVersioned>(capsule, "dltensor_versioned", "used_dltensor_versioned", copy);
  }
  if (!PyCapsule_IsValid(capsule, "dltensor"))
    fail(ErrorKind::Runtime,
         "from_dlpack(): expected an object with __dlpack__ or a capsule \"dltensor\". Note that a capsule can be "
         "consumed only once");
  return import_capsule<DLManagedTensor>(capsule, "dltensor", "used_dltensor", copy);
}

PyMethodDef functions[] = {{"to_dlpack", to_dlpack, METH_VARARGS, "A DLPack capsule of a tensor."}, {}};

}  // namespace

void bind_dlpack(PyObject* m) {
  bind<&from_dlpack>(m, "from_dlpack");
  if (PyModule_AddFunctions(m, functions) < 0) throw PythonError{};
}

}  // namespace tx::python
