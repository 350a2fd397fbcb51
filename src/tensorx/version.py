"""Which build of tensorx this is, under the names of `torch.version`.

- `cuda`: the version of the CUDA runtime that the CUDA library was built with, such as "13.0"; None in a build without it.
- `hip`, `xpu`: None, as there is no such build.
"""

from __future__ import annotations

from . import _C

__version__: str = _C.version
debug = False
hip = xpu = None

TYPE_CHECKING = False
if TYPE_CHECKING:
    cuda: str | None


def __getattr__(name: str) -> str | None:
    if name != "cuda":
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    if not _C.cuda_is_built():
        return None
    number = _C.cuda_runtime_version()
    return f"{number // 1000}.{number % 1000 // 10}"
