// Errors that reach the user. The core knows no Python; the binding turns each kind into the Python
// exception that PyTorch raises in the same place.
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

namespace tx {

enum class ErrorKind { Runtime, Type, Value, Index, NotImplemented, Memory, DeviceMemory, Overflow };

struct [[gnu::visibility("default")]] Error : std::runtime_error {
  ErrorKind kind;
  Error(ErrorKind kind, const std::string& what) : std::runtime_error(what), kind(kind) {}
};

struct [[gnu::visibility("default")]] OutOfMemory : Error {
  explicit OutOfMemory(const std::string& what, ErrorKind kind = ErrorKind::Memory) : Error(kind, what) {}
};

// fail(ErrorKind::Runtime, "mm(): expected ", 2, " dimensions, got ", n)
template <class... Parts>
[[noreturn]] void fail(ErrorKind kind, const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw Error(kind, text.str());
}

}  // namespace tx
