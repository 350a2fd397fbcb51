"""A library under measurement, behind the few calls on which tensorx, PyTorch and NumPy differ."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

SEED = 20


class Library:
    """`t` is the imported module. The operands made here hold the same values in every library."""

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        self.t: Any = importlib.import_module(name)
        if name != "numpy":  # NumPy's BLAS takes its thread count from the environment: see run.py
            self.t.set_num_threads(threads)
        self.reseed()

    def reseed(self) -> None:
        self.generator = np.random.default_rng(SEED)
        if self.name != "numpy":
            self.t.manual_seed(SEED)

    def array(self, values: Any, dtype: str | None = None, grad: bool = False) -> Any:
        """A tensor with these values. NumPy has no gradients and ignores `grad`."""
        values = np.asarray(values, dtype=None if dtype == "bfloat16" else dtype)
        if self.name == "numpy":
            return values
        tensor = self.t.from_numpy(values).clone()
        if dtype == "bfloat16":
            tensor = tensor.to(self.t.bfloat16)
        return tensor.requires_grad_() if grad else tensor

    def normal(self, *shape: int, dtype: str = "float32", grad: bool = False) -> Any:
        return self.array(self.generator.standard_normal(shape, np.float32), dtype, grad)

    def integers(self, high: int, *shape: int, dtype: str = "int64") -> Any:
        return self.array(self.generator.integers(0, high, shape), dtype)

    def fill(self, module: Any, scale: float = 0.1) -> Any:
        """Give a module's parameters the same random values in every library."""
        with self.t.no_grad():
            for parameter in module.parameters():
                parameter.copy_(self.normal(*parameter.shape) * scale)
        return module

    def numpy_values(self, result: Any) -> list[np.ndarray]:
        """A result (tensor, number, or sequence of them) as a list of NumPy arrays."""
        if isinstance(result, (list, tuple)):
            return [values for item in result for values in self.numpy_values(item)]
        if self.name != "numpy" and isinstance(result, self.t.Tensor):
            result = result.detach()
            result = (result.float() if result.dtype == self.t.bfloat16 else result).numpy()
        return [np.asarray(result)]
