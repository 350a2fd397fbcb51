"""What computes, and how it is chosen: `conv` for convolutions, and the names of PyTorch's backends.

>>> import tensorx as tx
>>> tx.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512")
True
>>> tx.backends.cudnn.is_available()  # tensorx has kernels of its own
False

PyTorch's names are here so that programs that ask or set them run as they are. `cudnn.benchmark` and
`cudnn.deterministic` are `conv.benchmark` and `conv.deterministic`; the page of each module says what its other settings
do, and which have nothing to switch.
"""

from . import conv, cpu, cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["conv", "cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
