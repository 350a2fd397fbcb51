"""Rows of the losses. Their reference is torch: the formulas would only be written a second time here."""

import numpy as np

from cases import Case
from support import FLOATS, call, index, t

F = "nn.functional."
HALF = {"float16": (1e-2, 1e-2), "bfloat16": (6e-2, 6e-2), "float32": (2e-5, 2e-5)}
WHY = "several half-precision steps in a row, whose order differs from torch's"


def loss(name, *arguments, reference=None, large=None, reductions=("mean", "sum", "none"), **options):
    """Every call with every reduction."""
    calls = [call(*a.args, **a.kwargs, reduction=r) for a in arguments for r in reductions]
    return Case(
        F + name,
        calls,
        reference,
        FLOATS,
        large=large or arguments[0],
        tolerance=HALF,
        why=WHY,
        lenient=True,
        **options,
    )


def _mse(x, y, reduction="mean"):
    return {"mean": np.mean, "sum": np.sum, "none": lambda v: v}[reduction]((x - y) ** 2)


def _l1(x, y, reduction="mean"):
    return {"mean": np.mean, "sum": np.sum, "none": lambda v: v}[reduction](np.abs(x - y))


def _nll(x, target, reduction="mean", **_):
    picked = -np.take_along_axis(x, np.expand_dims(target, 1), 1).squeeze(1)
    return {"mean": np.mean, "sum": np.sum, "none": lambda v: v}[reduction](picked)


PAIR = call(t(3, 4), t(3, 4))
UNIT = {"low": 0.05, "high": 0.95}
SIGNS = t(6, values=(1.0, -1.0, -1.0, 1.0, 1.0, -1.0))
BAD_TARGET = [
    (call(t(3, 4), index(2, high=4)), (RuntimeError, ValueError), ""),
    (call(t(3, 4), t(3, values=(0, 4, 1), dtype="int64")), IndexError, ""),
    (call(t(3, 4), t(3, values=(0, -1, 1), dtype="int64")), IndexError, ""),
]

ROWS = [
    loss("mse_loss", PAIR, call(t(0, 3), t(0, 3)), reference=_mse, large=call(t(300, 433), t(300, 433))),
    loss("l1_loss", PAIR, reference=_l1, large=call(t(300, 433), t(300, 433))),
    loss("smooth_l1_loss", PAIR, call(t(3, 4), t(3, 4), beta=0.5), large=call(t(300, 433), t(300, 433))),
    loss("huber_loss", PAIR, call(t(3, 4), t(3, 4), delta=0.5), large=call(t(300, 433), t(300, 433))),
    loss(
        "cross_entropy",
        call(t(3, 4), index(3, high=4)),
        call(t(2, 3, 4), index(2, 4, high=3)),
        call(t(3, 4), index(3, high=4), t(4, low=0.2)),
        call(t(3, 4), t(3, 4, **UNIT)),
        call(t(3, 4), index(3, high=4), label_smoothing=0.1),
        call(t(3, 4), t(3, values=(0, -100, 2), dtype="int64")),
        large=call(t(700, 133), index(700, high=133)),
        errors=BAD_TARGET,
    ),
    loss(
        "nll_loss",
        call(t(3, 4), index(3, high=4)),
        call(t(2, 3, 4), index(2, 4, high=3)),
        reference=_nll,
        large=call(t(700, 133), index(700, high=133)),
        errors=BAD_TARGET,
    ),
    loss(
        "binary_cross_entropy",
        call(t(3, 4, **UNIT), t(3, 4, **UNIT)),
        large=call(t(300, 433, **UNIT), t(300, 433, **UNIT)),
        errors=[(call(t(3, low=1, high=2), t(3, **UNIT)), RuntimeError, "")],
    ),
    loss(
        "binary_cross_entropy_with_logits",
        PAIR,
        call(t(3, 4), t(3, 4, **UNIT), pos_weight=t(4, low=0.5)),
        large=call(t(300, 433), t(300, 433, **UNIT)),
    ),
    loss(
        "kl_div",
        call(t(3, 4), t(3, 4, **UNIT)),
        call(t(3, 4), t(3, 4), log_target=True),
        large=call(t(300, 433), t(300, 433, **UNIT)),
    ),
    loss(
        "poisson_nll_loss",
        call(t(3, 4), t(3, 4, low=0)),
        call(t(3, 4, low=0.1), t(3, 4, low=0), log_input=False),
        large=call(t(300, 433), t(300, 433, low=0)),
    ),
    loss(
        "gaussian_nll_loss",
        call(t(3, 4), t(3, 4), t(3, 4, low=0.2)),
        large=call(t(300, 433), t(300, 433), t(300, 433, low=0.2)),
    ),
    loss("hinge_embedding_loss", call(t(6), SIGNS)),
    loss("margin_ranking_loss", call(t(6), t(6), SIGNS, margin=0.3)),
    loss("cosine_embedding_loss", call(t(6, 4), t(6, 4), SIGNS), second=False),
    loss("soft_margin_loss", call(t(6), SIGNS)),
    loss(
        "triplet_margin_loss",
        call(t(3, 4), t(3, 4), t(3, 4)),
        call(t(3, 4), t(3, 4), t(3, 4), swap=True),
        large=call(t(300, 433), t(300, 433), t(300, 433)),
    ),
    loss("multi_margin_loss", call(t(3, 4), index(3, high=4)), large=call(t(700, 133), index(700, high=133))),
    loss("multilabel_soft_margin_loss", call(t(3, 4), t(3, 4, **UNIT)), large=call(t(300, 433), t(300, 433, **UNIT))),
]
