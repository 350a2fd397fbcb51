// Array: typed, strided data on a device. It knows no gradients and no Python.
#pragma once
#include <atomic>
#include <initializer_list>
#include <string>
#include <utility>

#include "dtype.h"
#include "errors.h"
#include "nditer.h"

namespace tx {

// Up to kMaxDims sizes or strides, without a heap allocation; only the used entries are copied.
class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<int64_t> values) {
    for (int64_t v : values) push_back(v);
  }
  Dims(int count, int64_t value) {
    for (int i = 0; i < count; i++) push_back(value);
  }
  Dims(const Dims& other) : size_(other.size_) {
    for (int i = 0; i < size_; i++) values_[i] = other.values_[i];
  }
  Dims& operator=(const Dims& other) {
    size_ = other.size_;
    for (int i = 0; i < size_; i++) values_[i] = other.values_[i];
    return *this;
  }

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  int64_t& operator[](int i) { return values_[i]; }
  int64_t operator[](int i) const { return values_[i]; }
  int64_t& back() { return values_[size_ - 1]; }
  int64_t back() const { return values_[size_ - 1]; }
  int64_t* begin() { return values_; }
  int64_t* end() { return values_ + size_; }
  const int64_t* begin() const { return values_; }
  const int64_t* end() const { return values_ + size_; }

  void push_back(int64_t v) {
    if (size_ == kMaxDims) fail(ErrorKind::Runtime, "a tensor has at most ", kMaxDims, " dimensions");
    values_[size_++] = v;
  }
  void insert(int at, int64_t v) {
    push_back(v);
    for (int i = size_ - 1; i > at; i--) values_[i] = values_[i - 1];
    values_[at] = v;
  }
  void erase(int at) {
    for (int i = at; i + 1 < size_; i++) values_[i] = values_[i + 1];
    size_--;
  }
  friend bool operator==(const Dims& a, const Dims& b) {
    if (a.size_ != b.size_) return false;
    for (int i = 0; i < a.size_; i++)
      if (a.values_[i] != b.values_[i]) return false;
    return true;
  }

 private:
  int size_ = 0;
  int64_t values_[kMaxDims];
};

std::string to_string(const Dims& dims);             // "[2, 3]", as PyTorch prints sizes
std::ostream& operator<<(std::ostream& out, const Dims& dims);

// The memory behind one or more Arrays. The version counts writes; autograd compares it.
struct Storage {
  std::atomic<int64_t> references{1};
  char* data = nullptr;
  size_t nbytes = 0;
  Device device;
  uint64_t version = 0;
  void (*release)(Storage*) = nullptr;               // frees `data`
  void* owner = nullptr;                             // what `release` needs, for memory we did not allocate
};

// Shared ownership of a Storage.
class StoragePtr {
 public:
  StoragePtr() = default;
  explicit StoragePtr(Storage* adopted) : storage_(adopted) {}
  StoragePtr(const StoragePtr& o) : storage_(o.storage_) {
    if (storage_) storage_->references.fetch_add(1, std::memory_order_relaxed);
  }
  StoragePtr(StoragePtr&& o) noexcept : storage_(std::exchange(o.storage_, nullptr)) {}
  StoragePtr& operator=(StoragePtr o) noexcept {
    std::swap(storage_, o.storage_);
    return *this;
  }
  ~StoragePtr() {
    if (storage_ && storage_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(storage_);
  }
  Storage* operator->() const { return storage_; }
  Storage* get() const { return storage_; }
  explicit operator bool() const { return storage_; }

  static StoragePtr allocate(size_t nbytes, Device device);
  // Memory that someone else allocated: `release` is called when the last Array lets go of it.
  static StoragePtr adopt(char* data, size_t nbytes, Device device, void* owner, void (*release)(Storage*));

 private:
  static void destroy(Storage*);
  Storage* storage_ = nullptr;
};

struct Array {
  StoragePtr storage;
  int64_t offset = 0;                                // in elements, from the start of the storage
  DType dtype = DType::Float32;
  Dims shape, strides;                               // strides in elements, never negative

  explicit operator bool() const { return bool(storage); }
  int ndim() const { return shape.size(); }
  Device device() const { return storage->device; }
  int64_t itemsize() const { return tx::itemsize(dtype); }
  char* data() const { return storage->data + offset * itemsize(); }
  int64_t numel() const {
    int64_t n = 1;
    for (int64_t s : shape) n *= s;
    return n;
  }
  bool contiguous() const {
    int64_t expected = 1;
    for (int d = ndim() - 1; d >= 0; d--) {
      if (shape[d] == 1) continue;
      if (strides[d] != expected) return numel() == 0;
      expected *= shape[d];
    }
    return true;
  }
};

// Number of elements and bytes of a shape; refuses negative sizes and products that overflow.
int64_t checked_numel(const Dims& shape, DType dtype);

Dims contiguous_strides(const Dims& shape);
Array empty(const Dims& shape, DType dtype, Device device = {});
Array empty_strided(const Dims& shape, const Dims& strides, DType dtype, Device device = {});

// A number from Python, of no fixed width yet.
struct Scalar {
  enum class Kind : uint8_t { Bool, Int, Unsigned, Float, Complex } kind = Kind::Int;
  union {
    int64_t i;                                       // Unsigned: the bits of an integer from 2^63 on
    double d;
  };
  double imag = 0;
  Scalar() : i(0) {}
  Scalar(bool v) : kind(Kind::Bool), i(v) {}
  Scalar(int v) : i(v) {}
  Scalar(int64_t v) : i(v) {}
  Scalar(double v) : kind(Kind::Float), d(v) {}
  Scalar(double real, double imag) : kind(Kind::Complex), d(real), imag(imag) {}
  static Scalar from_bits(uint64_t v) {
    Scalar s(static_cast<int64_t>(v));
    if (s.i < 0) s.kind = Kind::Unsigned;
    return s;
  }
  bool is_int() const { return kind <= Kind::Unsigned; }               // or bool
  double as_double() const {                         // of a complex number, the real part
    return !is_int() ? d : kind == Kind::Unsigned ? double(uint64_t(i)) : double(i);
  }
  int64_t as_int() const;                            // a float beyond int64 is clamped, NaN is 0
  DType dtype() const;                               // the dtype PyTorch gives a tensor made of it
  void store(char* to, DType dtype) const;           // convert and write one element
};

Array scalar_array(const Scalar& value, DType dtype, Device device = {});   // 0-dim

// dim in [-ndim, ndim) to [0, ndim); a 0-dim tensor counts as 1-dim. Raises IndexError as PyTorch does.
int normalize_dim(int64_t dim, int ndim, const char* op);

}  // namespace tx
