"""The names that training code uses most: each is here in every form in which torch has it.

The lists were counted over the Python files of 51 public repositories that import torch, most used first.
"""

import inspect
import re

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")

import tensorx as tx  # noqa: E402

FIRST = """
    nn.functional.linear item cat view sum to zeros ones mean float unsqueeze long transpose max split
    nn.functional.relu softmax arange nn.functional.cross_entropy nn.functional.embedding reshape contiguous stack
    randn sigmoid nn.functional.layer_norm permute nn.functional.conv2d squeeze exp nn.functional.dropout log tanh
    expand norm flatten clamp sin clone zeros_like pow abs repeat cos nn.functional.mse_loss min t randint empty add
    argmax sqrt where bool mul masked_fill T nn.functional.gelu linspace nn.functional.pad all matmul fill topk full
    gather uniform nn.functional.batch_norm log_softmax std nn.functional.scaled_dot_product_attention
    nn.functional.max_pool2d triu zero_ nn.functional.silu ones_like sort multinomial nn.functional.conv1d chunk
    einsum div nn.functional.interpolate cumsum expand_as normal any double nonzero int scatter bmm
    nn.functional.adaptive_avg_pool2d tril nn.functional.avg_pool2d rsqrt eq view_as nn.functional.conv_transpose2d
    unbind eye repeat_interleave equal randn_like mm dot allclose nn.functional.leaky_relu outer flip unique
    nn.functional.binary_cross_entropy_with_logits nn.functional.softplus new_zeros var meshgrid argsort
    nn.functional.nll_loss nn.functional.binary_cross_entropy prod nn.functional.multi_head_attention_forward
    maximum floor isnan nn.functional.normalize nn.functional.one_hot square empty_like index_select amax
    nn.functional.group_norm full_like sign sub unfold index_add logsumexp nn.functional.l1_loss diag
    nn.functional.dropout2d round ceil nn.functional.elu isfinite new_ones gt neg argmin
    nn.functional.smooth_l1_loss isinf masked_select ne minimum ge logical_not bitwise_and hstack
    nn.functional.max_pool1d logical_and __getitem__ __radd__ __rdiv__ __rmatmul__ __rmul__ __rpow__ __rsub__
    bitwise_not bitwise_or broadcast_to floor_divide index_put le logical_or lt remainder rsub true_divide vstack
    """.split()
SECOND = """
    bfloat16 half lerp narrow nn.functional.rms_norm nn.functional.kl_div rand_like reshape_as ravel
    nn.functional.conv3d amin median nn.functional.pixel_shuffle bernoulli nn.functional.avg_pool1d addcmul mT
    cumprod trace tile byte real roll dist erfinv new_empty nn.functional.glu clamp_min nn.functional.instance_norm
    mv new_full nn.functional.hardswish nn.functional.logsigmoid H nn.functional.unfold linalg.norm
    linalg.vector_norm erf linalg.inv nn.functional.cosine_similarity nn.functional.prelu tensor_split cdist
    count_nonzero linalg.solve log10 nn.functional.grid_sample searchsorted select addcdiv addmm nn.functional.relu6
    svd baddbmm asin clamp_max conj fmod log2 trapezoid unflatten bitwise_xor bucketize diagonal exp2 index_fill
    isclose linalg.solve_triangular log1p movedim nn.functional.embedding_bag reciprocal resize_ scatter_add
    std_mean tan var_mean linalg.eigh linalg.qr expm1 mH nn.functional.adaptive_max_pool2d index_copy bincount fmax
    fmin linalg.det linalg.matrix_power nn.functional.adaptive_avg_pool1d nn.functional.bilinear tensordot acos
    as_strided atan atan2 cartesian_prod cholesky_inverse cosh cross diff digamma exponential imag inner isin isreal
    lgamma linalg.cholesky_ex linalg.eigvalsh linalg.matrix_norm linalg.pinv linalg.svd linalg.vecdot matrix_exp
    msort nan_to_num nextafter nn.functional.avg_pool3d nn.functional.conv_transpose1d
    nn.functional.cosine_embedding_loss nn.functional.gaussian_nll_loss nn.functional.hardtanh
    nn.functional.max_pool3d nn.functional.selu rot90 sinh acosh aminmax argwhere asinh atanh atleast_1d atleast_2d
    atleast_3d broadcast_shapes broadcast_tensors column_stack cummax cummin diag_embed diagflat dstack erfc hsplit
    kron kthvalue logaddexp logcumsumexp logical_xor logit masked_scatter nanmean nansum
    nn.functional.adaptive_max_pool1d nn.functional.celu nn.functional.conv_transpose3d nn.functional.ctc_loss
    nn.functional.dropout3d nn.functional.hardshrink nn.functional.hardsigmoid nn.functional.hinge_embedding_loss
    nn.functional.huber_loss nn.functional.local_response_norm nn.functional.margin_ranking_loss nn.functional.mish
    nn.functional.pairwise_distance nn.functional.pixel_unshuffle nn.functional.poisson_nll_loss
    nn.functional.softmin nn.functional.softshrink nn.functional.softsign nn.functional.tanhshrink
    nn.functional.threshold nn.functional.triplet_margin_loss quantile scatter_reduce split_with_sizes
    take_along_dim tril_indices triu_indices trunc unique_consecutive vdot vsplit xlogy
    """.split()
OTHERS = """
    __rand__ __rmod__ __ror__ __rxor__ addbmm addmv addr angle as_strided_scatter bitwise_left_shift
    bitwise_right_shift block_diag cauchy char cholesky cholesky_solve combinations copysign corrcoef cov
    cumulative_trapezoid deg2rad diagonal_scatter dsplit fliplr flipud float_power frac frexp gcd geometric gradient
    heaviside histc histogram hypot i0 igamma igammac index_reduce isneginf isposinf lcm ldexp linalg.cholesky
    linalg.cond linalg.cross linalg.diagonal linalg.eig linalg.eigvals linalg.inv_ex linalg.lstsq linalg.lu
    linalg.lu_factor linalg.lu_factor_ex linalg.lu_solve linalg.matrix_rank linalg.multi_dot linalg.slogdet
    linalg.solve_ex linalg.svdvals linalg.tensorinv linalg.tensorsolve linalg.vander log_normal logaddexp2 logdet
    logspace lu lu_solve mode mvlgamma nanmedian nanquantile nn.functional.adaptive_avg_pool3d
    nn.functional.adaptive_max_pool3d nn.functional.alpha_dropout nn.functional.channel_shuffle
    nn.functional.feature_alpha_dropout nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d
    nn.functional.max_unpool1d nn.functional.max_unpool2d nn.functional.max_unpool3d nn.functional.multi_margin_loss
    nn.functional.multilabel_margin_loss nn.functional.multilabel_soft_margin_loss nn.functional.pdist
    nn.functional.rrelu nn.functional.soft_margin_loss nn.functional.triplet_margin_with_distance_loss
    nn.functional.upsample_bilinear nn.functional.upsample_nearest pinverse polygamma positive put qr rad2deg
    randint_like renorm resize_as_ scalar_tensor select_scatter sgn short signal.windows.bartlett
    signal.windows.blackman signal.windows.cosine signal.windows.exponential signal.windows.gaussian
    signal.windows.general_cosine signal.windows.general_hamming signal.windows.hamming signal.windows.hann
    signal.windows.kaiser signal.windows.nuttall signbit sinc slice_scatter special.airy_ai special.bessel_j0
    special.bessel_j1 special.bessel_y0 special.bessel_y1 special.chebyshev_polynomial_t
    special.chebyshev_polynomial_u special.chebyshev_polynomial_v special.chebyshev_polynomial_w special.entr
    special.erfcx special.hermite_polynomial_h special.hermite_polynomial_he special.i0e special.i1 special.i1e
    special.laguerre_polynomial_l special.legendre_polynomial_p special.log_ndtr special.modified_bessel_i0
    special.modified_bessel_i1 special.modified_bessel_k0 special.modified_bessel_k1 special.ndtr special.ndtri
    special.polygamma special.scaled_modified_bessel_k0 special.scaled_modified_bessel_k1
    special.shifted_chebyshev_polynomial_t special.shifted_chebyshev_polynomial_u
    special.shifted_chebyshev_polynomial_v special.shifted_chebyshev_polynomial_w special.spherical_bessel_j0
    special.xlog1py special.zeta sum_to_size take trapz unravel_index
    """.split()


def resolve(namespace, name):
    for part in name.split("."):
        namespace = getattr(namespace, part, None)
    return namespace


def takes_out(function):
    """Whether torch's function does, by the signature in its docstring, which is wrong for two."""
    return bool(re.search(r"\bout=None", function.__doc__ or "")) and function not in (torch.std_mean, torch.var_mean)


@pytest.mark.parametrize("name", FIRST + SECOND + OTHERS)
def test_forms(name):
    theirs, ours = resolve(torch, name), resolve(tx, name)
    assert theirs is None or ours is not None
    for method in (name, name + "_"):
        assert resolve(torch.Tensor, method) is None or resolve(tx.Tensor, method) is not None, method
    if callable(theirs) and takes_out(theirs):
        assert "out" in inspect.signature(ours).parameters


def test_lists():
    """Nothing is counted twice, and the lists are as long as they were."""
    assert len(set(FIRST + SECOND + OTHERS)) == len(FIRST) + len(SECOND) + len(OTHERS) == 522
