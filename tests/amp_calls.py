"""A call of every op in autocast's lists, for tests that compare dtypes: name -> arguments, of a maker of tensors."""

import numpy as np

LOWER_DTYPE = {"cpu": "bfloat16", "cuda": "float16"}  # of a region that gives none

_CONVOLUTION = {
    f"conv{kind}{n}d": lambda t, n=n: (t(2, 3, *[5] * n), t(3, 3, *[3] * n), t(3))
    for n in (1, 2, 3)
    for kind in ("", "_transpose")
}

_PAIR_LOSSES = dict.fromkeys(
    "huber_loss kl_div l1_loss mse_loss poisson_nll_loss smooth_l1_loss binary_cross_entropy "
    "binary_cross_entropy_with_logits".split(),
    lambda t: (t(3, 4), t.constant(3, 4)),
)

_SQUARE = dict.fromkeys(
    "inverse pinverse qr svd linalg.cond linalg.eig linalg.eigvals linalg.inv linalg.inv_ex linalg.qr linalg.svd "
    "linalg.svdvals linalg.matrix_rank linalg.matrix_norm trace".split(),
    lambda t: (t.definite(3),),
)

_DEFINITE = dict.fromkeys(
    "cholesky cholesky_inverse linalg.cholesky linalg.cholesky_ex linalg.eigh linalg.eigvalsh".split(),
    lambda t: (t.definite(3),),
)

_FFT = dict.fromkeys(
    [f"fft.{kind}fft{n}" for kind in ("", "i") for n in ("", "2", "n")] + [f"fft.rfft{n}" for n in ("", "2", "n")],
    lambda t: (t(4, 4),),
) | {"fft.ihfft": lambda t: (t(4),)}

_UNARY = dict.fromkeys(
    "acos asin cosh sinh tan exp expm1 log log10 log1p log2 reciprocal rsqrt erfinv softplus sum prod norm pdist "
    "linalg.vector_norm".split(),
    lambda t: (t(3, 4),),
)

_ALONG = dict.fromkeys(
    "logsumexp cumsum cumprod softmax log_softmax".split(),
    lambda t: (t(3, 4), 1),
)

CALLS = {
    **_CONVOLUTION,
    **_PAIR_LOSSES,
    **_SQUARE,
    **_DEFINITE,
    **_FFT,
    **_UNARY,
    **_ALONG,
    # products
    "linear": lambda t: (t(2, 3), t(4, 3), t(4)),
    "prelu": lambda t: (t(2, 3), t(3)),
    "scaled_dot_product_attention": lambda t: (t(1, 2, 3, 4), t(1, 2, 3, 4), t(1, 2, 3, 4)),
    "matmul": lambda t: (t(2, 3), t(3, 4)),
    "mm": lambda t: (t(2, 3), t(3, 4)),
    "bmm": lambda t: (t(2, 3, 4), t(2, 4, 3)),
    "mv": lambda t: (t(2, 3), t(3)),
    "addmm": lambda t: (t(2, 4), t(2, 3), t(3, 4)),
    "addmv": lambda t: (t(2), t(2, 3), t(3)),
    "addr": lambda t: (t(2, 3), t(2), t(3)),
    "addbmm": lambda t: (t(3, 3), t(2, 3, 4), t(2, 4, 3)),
    "baddbmm": lambda t: (t(2, 3, 3), t(2, 3, 4), t(2, 4, 3)),
    "linalg.vecdot": lambda t: (t(2, 3), t(2, 3)),
    "linalg.multi_dot": lambda t: ([t(2, 3), t(3, 4), t(4, 2)],),
    "chain_matmul": lambda t: (t(2, 3), t(3, 4), t(4, 2)),
    "einsum": lambda t: ("ij,jk->ik", t(2, 3), t(3, 4)),
    "bilinear": lambda t: (t(2, 3), t(2, 4), t(5, 3, 4), t(5)),
    "dot": lambda t: (t(3), t(3)),
    "vdot": lambda t: (t(3), t(3)),
    "tensordot": lambda t: (t(2, 3), t(3, 4), 1),
    "cross": lambda t: (t(2, 3), t(2, 3), 1),
    # losses
    "cross_entropy": lambda t: (t(3, 4), t.index(3, high=4)),
    "nll_loss": lambda t: (t(3, 4), t.index(3, high=4)),
    "cosine_embedding_loss": lambda t: (t(3, 4), t(3, 4), t.sign(3)),
    "hinge_embedding_loss": lambda t: (t(3, 4), t.sign(3, 4)),
    "margin_ranking_loss": lambda t: (t(3), t(3), t.sign(3)),
    "multi_margin_loss": lambda t: (t(3, 4), t.index(3, high=4)),
    "multilabel_margin_loss": lambda t: (t(3, 4), t.index(3, 4, high=4)),
    "soft_margin_loss": lambda t: (t(3, 4), t.sign(3, 4)),
    "triplet_margin_loss": lambda t: (t(3, 4), t(3, 4), t(3, 4)),
    "ctc_loss": lambda t: (t(5, 2, 4), t.index(2, 2, low=1, high=4), t.full(2, 5), t.full(2, 2)),
    # reductions, distances and norms
    "quantile": lambda t: (t(3, 4), 0.5),
    "nanquantile": lambda t: (t(3, 4), 0.5),
    "cdist": lambda t: (t(3, 4), t(2, 4)),
    "dist": lambda t: (t(3, 4), t(3, 4)),
    "renorm": lambda t: (t(3, 4), 2, 0, 1.0),
    "cosine_similarity": lambda t: (t(3, 4), t(3, 4)),
    "layer_norm": lambda t: (t(3, 4), (4,), t(4), t(4)),
    "rms_norm": lambda t: (t(3, 4), (4,), t(4)),
    "group_norm": lambda t: (t(2, 4, 3), 2, t(4), t(4)),
    # images
    "interpolate": lambda t: (t(1, 2, 4, 4), 3),
    "grid_sample": lambda t: (t(1, 2, 4, 4), t(1, 3, 3, 2), "bilinear", "zeros", False),
    "avg_pool3d": lambda t: (t(1, 2, 4, 4, 4), 2),
    "max_pool3d": lambda t: (t(1, 2, 4, 4, 4), 2),
    "adaptive_avg_pool3d": lambda t: (t(1, 2, 4, 4, 4), 2),
    "adaptive_max_pool3d": lambda t: (t(1, 2, 4, 4, 4), 2),
    "fractional_max_pool2d": lambda t: (t(1, 2, 6, 6), 2, 3),
    "fractional_max_pool3d": lambda t: (t(1, 2, 6, 6, 6), 2, 3),
    "max_unpool2d": lambda t: (t(1, 1, 2, 2), t.index(1, 1, 2, 2, high=4), 2),
    "max_unpool3d": lambda t: (t(1, 1, 2, 2, 2), t.index(1, 1, 2, 2, 2, high=4), 2),
    # complex numbers and transforms
    "polar": lambda t: (t(3), t(3)),
    "view_as_complex": lambda t: (t(3, 2),),
    "stft": lambda t: (t(16), 8, 4, None, t.constant(8), True, "reflect", False, True, True),
    "fft.hfft": lambda t: (t(4),),
    "fft.irfft": lambda t: (t(4),),
    "fft.irfft2": lambda t: (t(4, 4),),
    "fft.irfftn": lambda t: (t(4, 4),),
    # matrices
    "cholesky_solve": lambda t: (t(3, 2), t.definite(3)),
    "triangular_solve": lambda t: (t(3, 2), t.definite(3)),
    "linalg.solve": lambda t: (t.definite(3), t(3, 2)),
    "linalg.lstsq": lambda t: (t.definite(3), t(3, 2)),
    "linalg.householder_product": lambda t: (t(3, 2), t(2)),
    "linalg.tensorinv": lambda t: (t.definite(4).reshape(2, 2, 2, 2), 2),
    "linalg.tensorsolve": lambda t: (t.definite(4).reshape(2, 2, 4), t(2, 2)),
    "lu_solve": lambda t: (t(3, 2), t.definite(3), t.pivots(3)),
    # elementwise, joins and scatters
    "pow": lambda t: (t(3, 4), 2.0),
    "atan2": lambda t: (t(3), t(3)),
    "addcdiv": lambda t: (t(3), t(3), t(3)),
    "addcmul": lambda t: (t(3), t(3), t(3)),
    "cat": lambda t: ([t(3), t(2)],),
    "stack": lambda t: ([t(3), t(3)],),
    "index_copy": lambda t: (t(3, 4), 0, t.index(2, high=2), t(2, 4)),
    "index_put": lambda t: (t(3, 4), (t.index(2, high=3),), t(4)),
    "scatter_add": lambda t: (t(3, 4), 0, t.index(3, 4, high=3), t(3, 4)),
}

# Ops in no list, among them those that are in the list of the other type of device.
UNLISTED = {
    "add": lambda t: (t(3), t(3)),
    "mul": lambda t: (t(3), t(3)),
    "relu": lambda t: (t(3),),
    "sigmoid": lambda t: (t(3),),
    "mean": lambda t: (t(3),),
    "max_pool2d": lambda t: (t(1, 2, 4, 4), 2),
    "gelu": lambda t: (t(3),),
}


class Maker:
    """Makes the same tensors in tensorx and in PyTorch: floating-point ones of the dtypes given, in turn."""

    def __init__(self, library, dtypes, device="cpu"):
        self.library, self.dtypes, self.device = library, dtypes, device
        self.random = np.random.default_rng(0)
        self.made = []  # those that require a gradient

    def _tensor(self, values, dtype):
        return self.library.tensor(values, dtype=getattr(self.library, dtype)).to(self.device)

    def _of_next_dtype(self, values):
        dtype = self.dtypes[len(self.made) % len(self.dtypes)]
        x = self._tensor(values, dtype).requires_grad_()
        self.made.append(x)
        return x

    def __call__(self, *shape):
        return self._of_next_dtype(self.random.uniform(0.2, 0.8, shape))

    def definite(self, n):
        half = self.random.uniform(0, 1, (n, n))
        return self._of_next_dtype(half @ half.T + n * np.eye(n))

    def constant(self, *shape):
        return self._tensor(self.random.uniform(0.2, 0.8, shape), self.dtypes[0])

    def sign(self, *shape):
        return self._tensor(self.random.choice([-1.0, 1.0], shape), self.dtypes[0])

    def index(self, *shape, high, low=0):
        count = int(np.prod(shape))
        return self._tensor((np.arange(count) % (high - low) + low).reshape(shape), "int64")

    def full(self, n, value):
        return self._tensor(np.full(n, value), "int64")

    def pivots(self, n):
        return self._tensor(np.arange(1, n + 1), "int32")


def resolve(library, name):
    """The function of this name, as autocast's lists spell it."""
    if "." in name:
        module, name = name.split(".")
        return getattr(getattr(library, module), name)
    found = getattr(library.nn.functional, name, None)
    return found if found is not None else getattr(library, name)


def run(library, name, dtypes, device="cpu"):
    """(dtypes of the results, dtypes of the inputs' gradients) of a call, as strings without the library's name."""
    maker = Maker(library, dtypes, device)
    arguments = (CALLS.get(name) or UNLISTED[name])(maker)
    result = resolve(library, name)(*arguments)
    results = [x for x in (result if isinstance(result, (tuple, list)) else (result,)) if hasattr(x, "dtype")]
    floating = [x for x in results if x.requires_grad]
    total = sum(x.abs().float().sum() for x in floating)
    if floating:
        total.backward()
    gradients = [x.grad.dtype for x in maker.made if x.grad is not None]
    return [str(x.dtype).split(".")[1] for x in results], [str(dtype).split(".")[1] for dtype in gradients]
