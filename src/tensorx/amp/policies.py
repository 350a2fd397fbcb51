"""In which dtype each op runs within an autocast region: PyTorch's lists, for CPU tensors and for CUDA tensors.

An op that is in no list runs in the dtype of its arguments, as anywhere. So do ops in place and with `out=`, since what
is written into has a dtype already. float64 and integer arguments are left alone by every policy.
"""

# The arguments are cast to the region's dtype: these ops gain most, and add up in float32 in any case.
LOWER = "lower precision"
# The arguments are cast to float32: the result needs the range or the precision.
FLOAT32 = "float32"
# The result is float32, unless the call gives a dtype; the arguments stay as they are.
FLOAT32_RESULT = "float32 result"
# The arguments are cast to the widest of their dtypes.
WIDEST = "widest"
# It raises: the result would overflow in float16.
REFUSED = "refused"

_LOSSES = """
    cosine_embedding_loss cross_entropy hinge_embedding_loss huber_loss kl_div l1_loss margin_ranking_loss mse_loss
    multi_margin_loss multilabel_margin_loss nll_loss poisson_nll_loss smooth_l1_loss soft_margin_loss
    triplet_margin_loss binary_cross_entropy_with_logits
"""

_LOWER = """
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d linear prelu scaled_dot_product_attention
    matmul mm bmm addmm addbmm baddbmm linalg.vecdot einsum
"""

# device type -> policy -> names as they are called: in tensorx, tensorx.nn.functional, tensorx.linalg and tensorx.fft.
LISTS = {
    "cpu": {
        LOWER: _LOWER,
        FLOAT32: f"""
            {_LOSSES} binary_cross_entropy ctc_loss
            prod trace quantile nanquantile cdist polar view_as_complex stft grid_sample
            avg_pool3d max_pool3d adaptive_avg_pool3d adaptive_max_pool3d fractional_max_pool2d fractional_max_pool3d
            max_unpool2d max_unpool3d
            cholesky cholesky_inverse cholesky_solve inverse pinverse lu_solve qr svd triangular_solve
            linalg.cholesky linalg.cholesky_ex linalg.cond linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh
            linalg.householder_product linalg.inv linalg.inv_ex linalg.lstsq linalg.matrix_rank linalg.qr linalg.solve
            linalg.svd linalg.svdvals linalg.tensorinv linalg.tensorsolve
            fft.fft fft.ifft fft.fft2 fft.ifft2 fft.fftn fft.ifftn fft.rfft fft.irfft fft.rfft2 fft.irfft2 fft.rfftn
            fft.irfftn fft.hfft fft.ihfft
        """,
        WIDEST: "cat stack index_copy",
    },
    "cuda": {
        LOWER: f"{_LOWER} mv addmv addr chain_matmul linalg.multi_dot",
        FLOAT32: f"""
            {_LOSSES}
            acos asin cosh sinh tan exp expm1 log log10 log1p log2 pow reciprocal rsqrt erfinv softplus logsumexp
            layer_norm rms_norm group_norm renorm dist cdist pdist cosine_similarity interpolate
        """,
        FLOAT32_RESULT: """
            sum prod cumsum cumprod softmax log_softmax norm linalg.vector_norm linalg.matrix_norm
        """,
        WIDEST: "addcdiv addcmul atan2 bilinear cross dot vdot tensordot grid_sample index_put scatter_add",
        REFUSED: "binary_cross_entropy",
    },
}

# name -> device type -> policy
POLICIES: dict[str, dict[str, str]] = {}
for _device, _lists in LISTS.items():
    for _policy, _names in _lists.items():
        for _name in _names.split():
            POLICIES.setdefault(_name, {})[_device] = _policy


def name_of(function):
    """The name under which the lists have an op or a composite function."""
    module = function.__module__.removeprefix("tensorx.").split(".")[0]
    name = function.__name__.lstrip("_")
    return f"{module}.{name}" if module in ("linalg", "fft") else name
