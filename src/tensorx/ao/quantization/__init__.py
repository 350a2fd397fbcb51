"""Quantization: tensors and models of integers of eight bits (PyTorch's names).

After training: `fuse_modules`, `model.qconfig = get_default_qconfig()`, `prepare`, a few batches, `convert`. With training:
`fuse_modules_qat`, `get_default_qat_qconfig()`, `prepare_qat`, training, `eval()`, `convert`. Linear layers alone, without
any data: `quantize_dynamic`. docs/quantization.md shows each.
"""

from .fake_quantize import *
from .fuse_modules import *
from .observer import *
from .qconfig import *
from .quantization_mappings import *
from .quantize import *
from .stubs import *
from .tensor import QuantizedTensor as QuantizedTensor
