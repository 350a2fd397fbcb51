"""What PyTorch has under `torch.cpu`."""

from . import amp

__all__ = ["amp"]
