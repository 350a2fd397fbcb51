"""The processor.

>>> import tensorx as tx
>>> tx.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512")
True
"""

from .. import _C


def get_cpu_capability() -> str:
    """The instruction set that kernels use: "DEFAULT", "AVX2" or "AVX512". TENSORX_ISA chooses a lesser one at the start."""
    name: str = _C.isa_name()
    return "DEFAULT" if name == "base" else name.upper()
