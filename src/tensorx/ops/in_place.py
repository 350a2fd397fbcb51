"""Names of in-place forms: those of aliases, and those that are functions of the package as well as methods."""

# ruff: noqa: F822 (the names are put here from the methods, below)
from .define import alias, method, methods
from .matmul import addmv

_ALIASES = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan",
    "arctan2": "atan2", "arctanh": "atanh", "divide": "div", "fix": "trunc", "greater": "gt", "greater_equal": "ge",
    "less": "lt", "less_equal": "le", "multiply": "mul", "negative": "neg", "not_equal": "ne", "subtract": "sub",
}  # fmt: skip
for _name, _original in _ALIASES.items():
    alias(_name + "_", methods[_original + "_"])


@method
def addmv_(input, mat, vec, *, beta=1, alpha=1):
    """In-place form of `addmv`."""
    result = addmv(input, mat, vec, beta=beta, alpha=alpha)
    if result.shape != input.shape:
        raise RuntimeError(
            f"addmv_(): the result has shape {list(result.shape)}, but the input, which it is written to, "
            f"{list(input.shape)}"
        )
    return input.copy_(result)


__all__ = [
    "abs_",
    "acos_",
    "acosh_",
    "addmv_",
    "arccos_",
    "arccosh_",
    "arcsin_",
    "arcsinh_",
    "arctan_",
    "arctanh_",
    "asin_",
    "asinh_",
    "atan_",
    "atanh_",
    "ceil_",
    "clamp_max_",
    "clamp_min_",
    "cos_",
    "cosh_",
    "deg2rad_",
    "erf_",
    "erfc_",
    "exp2_",
    "exp_",
    "expm1_",
    "fill_",
    "fix_",
    "floor_",
    "frac_",
    "gcd_",
    "index_put_",
    "lcm_",
    "ldexp_",
    "log1p_",
    "log2_",
    "log10_",
    "log_",
    "logit_",
    "nan_to_num_",
    "neg_",
    "negative_",
    "rad2deg_",
    "reciprocal_",
    "round_",
    "rsqrt_",
    "sigmoid_",
    "sin_",
    "sinh_",
    "sqrt_",
    "square_",
    "tan_",
    "tanh_",
    "trunc_",
    "xlogy_",
    "zero_",
]  # fmt: skip
globals().update({name: methods[name] for name in __all__})
