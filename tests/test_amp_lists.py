"""Autocast's lists of ops: against PyTorch's, the dtypes of results and gradients by them, and their documentation."""

import warnings
from pathlib import Path

import pytest

import tensorx as tx
import tensorx.nn.functional as F
from amp_calls import CALLS, LOWER_DTYPE, UNLISTED, resolve, run
from tensorx.amp.policies import FLOAT32, FLOAT32_RESULT, LISTS, LOWER, POLICIES, REFUSED
from tensorx.nn.functional import interpolation


@pytest.mark.parametrize("name", POLICIES)
def test_every_name_is_an_op_or_a_composite_function_and_has_a_call(name):
    function = getattr(tx, name, None) or resolve(tx, name)
    if name == "norm":
        function = function.__wrapped__  # within what takes NumPy's names
    if name == "interpolate":
        function = interpolation._interpolate  # of all modes but one
    assert isinstance(function, (tx._C.Op, tx._C.Composite)), "mark it with @composite"
    assert name in CALLS


def test_every_call_is_of_a_name_in_the_lists():
    assert set(CALLS) == set(POLICIES) and not set(UNLISTED) & set(POLICIES)


def test_the_lists_are_those_of_the_documentation():
    page = (Path(__file__).parent.parent / "docs/amp.md").read_text()
    titles = {"cpu": "CPU tensors", "cuda": "CUDA tensors"}
    for device, lists in LISTS.items():
        rows = [
            f"| {policy} | {', '.join(f'`{name}`' for name in sorted(names.split()))} |"
            for policy, names in lists.items()
        ]
        table = "\n".join([f"### {titles[device]}", "", "| policy | ops |", "|---|---|", *rows])
        assert table in page, f"docs/amp.md should have:\n\n{table}"


# PyTorch's names of what is called otherwise here, or is no function of its own.
RENAMED = {
    **dict.fromkeys(
        ("grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "_grid_sampler_2d_cpu_fallback"), "grid_sample"
    ),
    **dict.fromkeys(("frobenius_norm", "nuclear_norm"), "norm"),
    **dict.fromkeys(("_convolution", "convolution", "cudnn_convolution", "cudnn_convolution_transpose"), "conv2d"),
    "cross_entropy_loss": "cross_entropy",
    "multilabel_margin_loss_forward": "multilabel_margin_loss",
    "native_layer_norm": "layer_norm",
    "nll_loss2d": "nll_loss",
    "_scaled_dot_product_flash_attention": "scaled_dot_product_attention",
}
# Not functions of tensorx; padding copies values, and is left in their dtype.
ABSENT = """
    _addmm_activation _lu_with_info _native_multi_head_attention _thnn_fused_gru_cell _thnn_fused_lstm_cell conv_tbc
    fake_quantize_per_tensor_affine geqrf gru_cell lstm_cell mkldnn_rnn_layer orgqr ormqr reflection_pad1d reflection_pad2d
    replication_pad1d replication_pad2d replication_pad3d rnn_relu_cell rnn_tanh_cell
""".split()
# Composed there of ops that are in the lists: einsum of bmm, cross_entropy of log_softmax and nll_loss.
COMPOSED = {"cpu": {"einsum"}, "cuda": {"cross_entropy"}}


@pytest.mark.parametrize("device", LISTS)
def test_the_lists_name_what_pytorch_registers(device):
    torch = pytest.importorskip("torch")
    registered = torch._C._dispatch_get_registrations_for_dispatch_key(f"Autocast{device.upper()}")
    theirs = set()
    for name in {each.removeprefix("aten::").split(".")[0] for each in registered} - set(ABSENT):
        name = "interpolate" if "upsample" in name else RENAMED.get(name, name)
        theirs.add(name.replace("linalg_", "linalg.").replace("fft_", "fft."))
    ours = {name for names in LISTS[device].values() for name in names.split()}
    assert ours == theirs | COMPOSED[device]


@pytest.mark.parametrize("dtypes", [("float32",), ("bfloat16",), ("float32", "bfloat16")], ids="-".join)
@pytest.mark.parametrize("name", [*CALLS, *UNLISTED])
def test_dtypes_are_pytorchs(name, dtypes):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.autocast("cpu"):
                theirs = run(torch, name, dtypes)
        except (RuntimeError, NotImplementedError):
            pytest.skip("PyTorch does not compute this with these dtypes")
        with tx.autocast("cpu"):
            assert run(tx, name, dtypes) == theirs


def _expected(policy, dtypes, lower):
    if policy == LOWER:
        return lower
    if policy in (FLOAT32, FLOAT32_RESULT):
        return "float32"
    return "float32" if "float32" in dtypes else lower


WITH_RESULT = [(device, name) for name in POLICIES for device, policy in POLICIES[name].items() if policy != REFUSED]


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize(("device", "name"), WITH_RESULT)
def test_dtypes_are_those_of_the_policy(device, name, mixed):
    if device == "cuda" and not tx.cuda.is_available():
        pytest.skip("this build or machine has no CUDA device")
    policy, lower = POLICIES[name][device], LOWER_DTYPE[device]
    dtypes = ("float32", lower) if mixed else (lower,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with tx.autocast(device):
            results, gradients = run(tx, name, dtypes, device)
    assert set(results) - {"int32", "int64", "complex64"} <= {_expected(policy, dtypes, lower)}
    assert set(gradients) <= set(dtypes)


def test_binary_cross_entropy_is_refused_on_cuda_alone(device):
    x = tx.full((2,), 0.5, device=device)
    with tx.autocast(device):
        if device == "cuda":
            with pytest.raises(RuntimeError, match="binary_cross_entropy_with_logits"):
                F.binary_cross_entropy(x, x)
            with tx.autocast(device, enabled=False):
                F.binary_cross_entropy(x, x)
        else:
            assert F.binary_cross_entropy(x.bfloat16(), x.bfloat16()).dtype == tx.float32
