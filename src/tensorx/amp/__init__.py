"""Mixed precision: run the ops that gain from it in float16 or bfloat16, and the others in float32.

`autocast` chooses the dtype of each op, and `GradScaler` keeps float16 gradients from vanishing. docs/amp.md has the lists
of ops and a training loop. Micikevicius et al. 2018, arXiv:1710.03740.
"""

from .autocast_mode import autocast, is_autocast_available
from .custom_function import custom_bwd, custom_fwd
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
