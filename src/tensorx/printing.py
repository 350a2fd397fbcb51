"""How tensors print: as in PyTorch, aligned columns, the middle of large tensors left out."""

from math import ceil, isfinite

from . import _C
from .ops.define import method

__all__ = ["get_printoptions", "printoptions", "set_printoptions"]

_options = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}
_PROFILES = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": float("inf"), "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None):
    """Set how tensors print; what is None stays as it is.

    Args:
        precision: digits after the point (4).
        threshold: tensors with more elements are summarised (1000).
        edgeitems: how many elements a summary shows at each end of a dimension (3).
        linewidth: characters per line (80).
        profile: "default", "short" or "full": values for all of the above.
        sci_mode: scientific notation always (True), never (False) or by the values (None).
    """
    _options.update(_PROFILES.get(profile, ()))
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    _options.update({name: value for name, value in given.items() if value is not None})
    _options["sci_mode"] = sci_mode


def get_printoptions():
    """The options of `set_printoptions` in use, as a dict."""
    return dict(_options)


class printoptions:
    """Options of `set_printoptions` for the length of a with block."""

    def __init__(self, **options):
        self.options = options

    def __enter__(self):
        self.before = get_printoptions()
        set_printoptions(**self.options)

    def __exit__(self, *error):
        set_printoptions(**self.before)


class _Style:
    """How the numbers of one tensor are written, so that they align: chosen from all that will be shown."""

    def __init__(self, values, floating):
        self.floating, self.width = floating, 1
        self.whole, self.scientific = True, False
        if not floating:
            self.width = max([1, *(len(str(v)) for v in values)])
            return
        shown = [v for v in values if v and isfinite(v)]
        if not shown:
            return
        low, high = min(map(abs, shown)), max(map(abs, shown))
        self.whole = all(v == ceil(v) for v in shown)
        choice = _options["sci_mode"]
        self.scientific = high / low > 1000 or high > 1e8 or low < 1e-4 if choice is None else choice
        self.width = max([1, *(len(self.text(v)) for v in shown)])  # inf and nan may stand out

    def text(self, value):
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{_options['precision']}e}"
        if self.whole:
            return f"{value:.0f}." if isfinite(value) else f"{value:.0f}"
        return f"{value:.{_options['precision']}f}"

    def padded(self, value):
        return self.text(value).rjust(self.width)


class _ComplexStyle:
    """Complex numbers: real and imaginary parts are aligned each in their own style."""

    def __init__(self, values):
        self.real, self.imag = _Style([v.real for v in values], True), _Style([v.imag for v in values], True)
        self.width = self.real.width + self.imag.width + 1

    def padded(self, value):
        imag = self.imag.padded(value.imag).lstrip() + "j"
        return self.real.padded(value.real) + ("" if imag[0] == "-" else "+") + imag


def _shown(x, summarise):
    """The values that print, as nested lists with an Ellipsis where the middle is left out."""
    if x.ndim == 0:
        return x.item()
    edge, n = _options["edgeitems"], x.shape[0]
    if not (summarise and n > 2 * edge):
        return x.tolist() if x.ndim == 1 or not summarise else [_shown(x[i], True) for i in range(n)]
    if x.ndim == 1:
        return [*x[:edge].tolist(), ..., *(x[n - edge :].tolist())]
    return [*(_shown(x[i], True) for i in range(edge)), ..., *(_shown(x[i], True) for i in range(n - edge, n))]


def _flat(values):
    if isinstance(values, list):
        for value in values:
            yield from _flat(value)
    elif values is not ...:
        yield values


def _nested(values, depth, indent, style):
    """The text of nested lists; `depth` dimensions remain."""
    if depth == 0:
        return style.padded(values)
    if depth == 1:
        texts = (
            [" ..." if v is ... else style.padded(v) for v in values]
            if len(values) > 1
            else ["..." if v is ... else style.padded(v) for v in values]
        )
        per_line = max(1, (_options["linewidth"] - indent) // (style.width + 2))
        lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
        return "[" + f",\n{' ' * (indent + 1)}".join(lines) + "]"
    parts = ["..." if v is ... else _nested(v, depth - 1, indent + 1, style) for v in values]
    return "[" + f",{chr(10) * (depth - 1)}{' ' * (indent + 1)}".join(parts) + "]"


def _body(x, indent):
    if x.numel() == 0:
        return "[]"
    values = _shown(x, x.numel() > _options["threshold"])
    flat = list(_flat(values))
    style = _ComplexStyle(flat) if x.dtype.is_complex else _Style(flat, x.dtype.is_floating_point)
    return _nested(values, x.ndim, indent, style)


def _suffixes(x):
    """What follows the values: whatever a reader could not infer from them."""
    if x.device.type != "cpu":
        yield f"device='{x.device}'"
    usual = [_C.get_default_dtype(), _C.get_default_dtype().to_complex()]
    if x.numel() == 0:
        if x.ndim != 1:
            yield f"size={tuple(x.shape)}"
    else:
        if not _options["edgeitems"]:
            yield f"size={tuple(x.shape)}"
        usual += [_C.int64, _C.bool]
    if x.dtype not in usual:
        yield f"dtype={x.dtype}"
    if x.grad_fn is not None:
        yield f"grad_fn=<{x.grad_fn.name()}>"
    elif x.requires_grad:
        yield "requires_grad=True"


@method
def __repr__(self, *, tensor_contents=None):
    from .tensor import Tensor

    kind = type(self)
    plain = kind is Tensor or (kind.__name__ == "Parameter" and kind.__module__.startswith("tensorx."))
    prefix = "tensor(" if plain else f"{kind.__name__}("
    text = prefix + (_body(self.detach(), len(prefix)) if tensor_contents is None else tensor_contents)
    column = len(text) - text.rfind("\n") + 1
    for suffix in _suffixes(self):
        if column + len(suffix) + 2 > _options["linewidth"]:
            text += ",\n" + " " * len(prefix) + suffix
            column = len(prefix) + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"
