"""Modules of quantization: `quantized` compute with integers, `qat` and `intrinsic` are what `prepare` and fusing make."""

from . import intrinsic as intrinsic, qat as qat, quantized as quantized
