// Tensors over memory that other processes see too: a file without a name, mapped.
//
// Python's mmap would do, were it not that each of its maps holds a descriptor of the file for as long as it lives: a
// process that keeps a thousand batches would have none left. Here whoever maps says how long the descriptor is wanted.
//
// Fresh pages cost far more than copying into them, so a process that sends one batch after the other wants its memory
// back. The last eight bytes of the file count the borrowers: lend_shared() adds one, and the storage that the borrower
// mapped takes it off when it is released. What a crash leaves counted is never used again, and no harm is done.
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "bind.h"

namespace tx::python {

namespace {

constexpr int kClosed = -1;

// Forks that this process has seen. A child inherits every map: memory borrowed before a fork is in use for as long as
// the child lives, whatever its parent does, so it is not given back.
int forks = 0;
void count_fork() { forks++; }
[[maybe_unused]] const int fork_handler = pthread_atfork(nullptr, count_fork, count_fork);

struct SharedFile {
  int descriptor;
  bool borrowed;
  int forks;
};

SharedFile& file_of(const Storage* s) { return *static_cast<SharedFile*>(s->owner); }

std::atomic_ref<int64_t> borrowers(const Storage* s) {
  return std::atomic_ref(*reinterpret_cast<int64_t*>(s->data + s->nbytes - sizeof(int64_t)));
}

void close_file(SharedFile& file) {
  if (file.descriptor != kClosed) close(file.descriptor);
  file.descriptor = kClosed;
}

void release_shared(Storage* s) {
  SharedFile& file = file_of(s);
  if (file.borrowed && file.forks == forks) borrowers(s).fetch_sub(1);
  munmap(s->data, s->nbytes);
  close_file(file);
  delete &file;
}

bool is_shared(const Array& x) { return x.storage->release == release_shared; }

const Storage* shared_storage(const Array& x) {
  if (!is_shared(x)) fail(ErrorKind::Value, "expected a tensor in shared memory");
  return x.storage.get();
}

// A file of `nbytes` as bytes. The descriptor belongs to the storage from here on, and is closed if this fails.
Array map_shared(int64_t descriptor, int64_t nbytes, bool borrowed) {
  SharedFile* file = new SharedFile{int(descriptor), borrowed, forks};
  const bool valid = nbytes >= int64_t(sizeof(int64_t)) && nbytes % int64_t(sizeof(int64_t)) == 0;
  void* data =
      valid ? mmap(nullptr, size_t(nbytes), PROT_READ | PROT_WRITE, MAP_SHARED, file->descriptor, 0) : MAP_FAILED;
  if (data == MAP_FAILED) {
    const int error = valid ? errno : EINVAL;
    close_file(*file);
    delete file;
    errno = error;
    PyErr_SetFromErrno(PyExc_OSError);
    throw PythonError{};
  }
  Array bytes;
  bytes.storage = StoragePtr::adopt(static_cast<char*>(data), size_t(nbytes), {}, file, release_shared);
  bytes.dtype = DType::UInt8;
  bytes.shape = {nbytes};
  bytes.strides = {1};
  return bytes;
}

// The descriptor of the file behind a tensor, or -1: not shared, or closed.
int64_t shared_file(const Array& x) { return is_shared(x) ? file_of(x.storage.get()).descriptor : kClosed; }

// The memory stays mapped, but cannot be sent on to another process any more.
void close_shared_file(const Array& x) { close_file(file_of(shared_storage(x))); }

void lend_shared(const Array& x) { borrowers(shared_storage(x)).fetch_add(1); }

// Whether nobody but this tensor uses its memory: no other tensor here, and no borrower. It is given as an object because
// an argument of type Array is one more user while the call lasts.
bool shared_is_free(PyObject* tensor) {
  if (!is_tensor(tensor)) throw BadArgument{0, "Tensor"};
  const Storage* s = shared_storage(as_tensor(tensor)->array);
  return s->references.load() == 1 && borrowers(s).load() == 0;
}

}  // namespace

void bind_shared(PyObject* m) {
  bind<&is_shared>(m, "is_shared");
  bind<&map_shared>(m, "map_shared");
  bind<&shared_file>(m, "shared_file");
  bind<&close_shared_file>(m, "close_shared_file");
  bind<&lend_shared>(m, "lend_shared");
  bind<&shared_is_free>(m, "shared_is_free");
}

}  // namespace tx::python
