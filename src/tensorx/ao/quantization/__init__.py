"""Quantization: tensors and models of integers of eight bits (PyTorch's names).

An integer stands for (integer - zero_point) * scale. Layers multiply integers, add them up in int32, which is exact, and
round once: results have the same bits on every device, instruction set and number of threads.

After training: `fuse_modules`, `model.qconfig = get_default_qconfig("onednn")`, `prepare`, a few batches, `convert`. With
training: `fuse_modules_qat`, `get_default_qat_qconfig("onednn")`, `prepare_qat`, training, `eval()`, `convert`. Linear
layers alone, without any data: `quantize_dynamic`. examples/quantization.py does all three.

>>> import tensorx as tx
>>> q, nn = tx.ao.quantization, tx.nn
>>> model = q.QuantWrapper(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))).eval()
>>> fused = q.fuse_modules(model, ["module.0", "module.1"])
>>> fused.qconfig = q.get_default_qconfig("onednn")
>>> prepared = q.prepare(fused)
>>> x = tx.randn(100, 4)
>>> _ = prepared(x)
>>> converted = q.convert(prepared)
>>> bool((converted(x) - model(x)).abs().max() < 0.05)
True
"""

from .fake_quantize import *
from .fuse_modules import *
from .observer import *
from .qconfig import *
from .quantization_mappings import *
from .quantize import *
from .stubs import *
from .tensor import QuantizedTensor as QuantizedTensor
