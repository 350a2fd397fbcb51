"""Every layer, loss and functional form against PyTorch's: values, gradients, repr, state, errors."""

import copy
import warnings

import pytest

import tensorx as tx
from layer_cases import ACTIVATIONS, ELEMENTWISE_INPUT, F64, LAYERS, LOSSES, draw, probabilities
from nn_parity import assert_close, compare_calls, copy_weights, to_tx, torch
from tensorx.nn import functional as F


def build(name, args, kwargs):
    torch.manual_seed(3)
    reference = getattr(torch.nn, name)(*args, **kwargs).double()
    layer = getattr(tx.nn, name)(*args, **{key: to_tx(value) for key, value in kwargs.items()}).double()
    copy_weights(layer, reference)
    return layer, reference


def check_module(layer, reference, inputs, tolerance=1e-10):
    assert repr(layer) == repr(reference)
    assert list(layer.state_dict()) == list(reference.state_dict())
    compare_calls(layer, reference, inputs, tolerance)
    parameters = dict(layer.named_parameters())
    for name, parameter in reference.named_parameters():
        if parameter.grad is not None:
            assert_close(parameters[name].grad, parameter.grad, tolerance)
    for name, buffer in reference.named_buffers():
        assert_close(dict(layer.named_buffers())[name], buffer, tolerance)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name, args, kwargs, shapes", LAYERS)
def test_layer(name, args, kwargs, shapes, training):
    layer, reference = build(name, args, kwargs)
    for module in (layer, reference):
        module.train(training)
    for seed in range(2):  # twice: running statistics move
        check_module(layer, reference, [draw(*shape, seed=seed) for shape in shapes])


@pytest.mark.parametrize("name, args, kwargs", ACTIVATIONS)
def test_activation(name, args, kwargs):
    layer, reference = build(name, args, kwargs)
    values = torch.tensor(ELEMENTWISE_INPUT, dtype=F64)
    inputs = [values.reshape(4, 6).requires_grad_(), draw(4, 6, 2)]
    for x in inputs:
        layer.zero_grad()
        reference.zero_grad()
        check_module(layer, reference, [x], 1e-7)  # PyTorch rounds some constants (1/6, 1/alpha) to float32


@pytest.mark.parametrize(
    "name",
    [
        "ReLU",
        "ReLU6",
        "LeakyReLU",
        "ELU",
        "CELU",
        "SELU",
        "SiLU",
        "Mish",
        "Hardtanh",
        "Hardswish",
        "Hardsigmoid",
        "RReLU",
    ],
)
def test_activation_in_place(name):
    x = draw(3, 4, grad=False)
    plain, in_place = getattr(tx.nn, name)().eval(), getattr(tx.nn, name)(inplace=True).eval()
    leaf = to_tx(x).requires_grad_()
    other = to_tx(x).requires_grad_()
    value = other * 1
    result = in_place(value)
    assert result is value
    plain(leaf).square().sum().backward()
    result.square().sum().backward()
    assert_close(result, plain(leaf))
    assert_close(other.grad, leaf.grad)


def test_threshold_in_place():
    x = tx.tensor([0.0, 1.0])
    assert tx.nn.Threshold(0.5, 20.0, inplace=True)(x) is x
    assert x.tolist() == [20.0, 1.0]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name, kwargs, inputs", LOSSES)
def test_loss(name, kwargs, inputs, reduction):
    ours = {key: to_tx(value) for key, value in kwargs.items()}
    layer, reference = (
        getattr(tx.nn, name)(reduction=reduction, **ours),
        getattr(torch.nn, name)(reduction=reduction, **kwargs),
    )
    assert repr(layer) == repr(reference)
    assert list(layer.state_dict()) == list(reference.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # KLDivLoss warns of 'mean'
        compare_calls(layer, reference, inputs(), 1e-8)


def test_kl_div_batchmean():
    inputs = [draw(4, 5), probabilities(4, 5)]
    compare_calls(tx.nn.KLDivLoss(reduction="batchmean"), torch.nn.KLDivLoss(reduction="batchmean"), inputs)


@pytest.mark.parametrize("padding_idx", [None, 2, -1])
@pytest.mark.parametrize(
    "options", [{}, {"scale_grad_by_freq": True}, {"max_norm": 1.0}, {"max_norm": 0.5, "norm_type": 1.0}]
)
def test_embedding(padding_idx, options):
    layer, reference = build("Embedding", (6, 3, padding_idx), options)
    index = torch.tensor([[0, 2, 2], [5, 0, 1]])
    check_module(layer, reference, [index])
    assert_close(layer.weight, reference.weight, 1e-10)


def test_embedding_construction():
    layer = tx.nn.Embedding(5, 2, padding_idx=-1)
    assert layer.padding_idx == 4 and layer.weight[4].tolist() == [0.0, 0.0]
    table = tx.randn(3, 2)
    frozen = tx.nn.Embedding.from_pretrained(table)
    assert not frozen.weight.requires_grad and frozen(tx.tensor([1])).tolist() == [table[1].tolist()]
    with pytest.raises(AssertionError, match="Padding_idx must be within num_embeddings"):
        tx.nn.Embedding(5, 2, padding_idx=5)


PADS = [
    ((1, 2), "constant", 3.0),
    ((1, 2, 0, 1), "constant", None),
    ((-1, 2, 3, -2), "constant", 0.5),
    ((2, 1), "reflect", None),
    ((2, 1, 1, 2), "reflect", None),
    ((2, 3), "replicate", None),
    ((1, 2, 2, 1), "circular", None),
]


@pytest.mark.parametrize("counts, mode, value", PADS)
def test_pad(counts, mode, value):
    x = draw(2, 3, 4, 5) if len(counts) == 4 else draw(2, 3, 4)
    compare_calls(
        lambda t: F.pad(t, counts, mode, value), lambda t: torch.nn.functional.pad(t, counts, mode, value), [x]
    )


def test_pad_refuses_what_does_not_fit():
    with pytest.raises(RuntimeError, match="takes counts up to 2"):
        F.pad(tx.zeros(1, 1, 3), (3, 0), "reflect")
    with pytest.raises(RuntimeError, match="even number of counts"):
        F.pad(tx.zeros(3), (1, 1, 1, 1))
    with pytest.raises(RuntimeError, match="remove more than dimension 0 has"):
        F.pad(tx.zeros(3), (-2, -2))


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 0.3}, {"enable_gqa": True}])
def test_attention(options):
    heads = 2 if options.get("enable_gqa") else 4
    q, k, v = draw(2, 4, 5, 8), draw(2, heads, 6, 8, seed=1), draw(2, heads, 6, 3, seed=2)
    compare_calls(
        lambda *x: F.scaled_dot_product_attention(*x, **options),
        lambda *x: torch.nn.functional.scaled_dot_product_attention(*x, **options),
        [q, k, v],
    )


@pytest.mark.parametrize("boolean", [True, False])
def test_attention_mask(boolean):
    q, k, v = draw(2, 5, 8), draw(2, 6, 8, seed=1), draw(2, 6, 3, seed=2)
    mask = draw(5, 6, grad=False, seed=3)
    if boolean:
        mask = mask > 0
        mask[1] = False  # a query without keys
    function = torch.nn.functional.scaled_dot_product_attention
    compare_calls(
        lambda a, b, c, m: F.scaled_dot_product_attention(a, b, c, attn_mask=m),
        lambda a, b, c, m: function(a, b, c, attn_mask=m),
        [q, k, v, mask],
    )


@pytest.mark.parametrize("arguments", [{"p": 2.0, "dim": 1}, {"p": 1.0, "dim": -1}, {"p": float("inf"), "dim": 0}])
def test_normalize(arguments):
    compare_calls(
        lambda x: F.normalize(x, **arguments), lambda x: torch.nn.functional.normalize(x, **arguments), [draw(3, 4)]
    )


def test_instance_norm():
    x, mean, var = draw(2, 3, 4, 5), torch.zeros(3, dtype=F64), torch.ones(3, dtype=F64)
    weight, bias = draw(3), draw(3, seed=1)
    ours = [to_tx(mean), to_tx(var)]
    compare_calls(
        lambda x, w, b: F.instance_norm(x, *ours, w, b),
        lambda x, w, b: torch.nn.functional.instance_norm(x, mean, var, w, b),
        [x, weight, bias],
    )
    assert_close(ours[0], mean, 1e-10)
    assert_close(ours[1], var, 1e-10)


# Randomness ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("inplace", [False, True])
def test_dropout(inplace):
    tx.manual_seed(0)
    x = tx.ones(100, 100, requires_grad=True)
    out = tx.nn.Dropout(0.3, inplace)(x * 1)
    kept = out.detach() != 0
    assert abs(kept.float().mean().item() - 0.7) < 0.02
    assert tx.allclose(out.detach()[kept], tx.tensor(1 / 0.7))
    out.sum().backward()
    assert tx.equal(x.grad, out.detach())  # the gradient uses the same mask
    layer = tx.nn.Dropout(0.3).eval()
    assert layer(x) is x


def test_channel_dropout():
    tx.manual_seed(0)
    for layer, shape in ((tx.nn.Dropout1d(0.5), (64, 8, 5)), (tx.nn.Dropout2d(0.5), (64, 8, 3, 4))):
        channels = layer(tx.ones(shape)).reshape(64 * 8, -1)
        assert tx.equal(channels.amin(1), channels.amax(1)) and set(channels.unique().tolist()) == {0.0, 2.0}
        assert abs((channels[:, 0] == 0).float().mean().item() - 0.5) < 0.1
    assert tx.nn.Dropout1d(0.5)(tx.ones(8, 5)).shape == (8, 5)


def test_alpha_dropout_keeps_the_moments():
    tx.manual_seed(0)
    x = tx.randn(200, 200)
    y = tx.nn.AlphaDropout(0.2)(x)
    assert abs(y.mean().item()) < 0.02 and abs(y.std().item() - 1) < 0.02


def test_dropout_probability_is_checked():
    for layer in (tx.nn.Dropout, tx.nn.Dropout2d):
        with pytest.raises(ValueError, match="between 0 and 1, but got 1.5"):
            layer(1.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        F.dropout(tx.ones(2), -0.1)


def test_gumbel_softmax():
    tx.manual_seed(0)
    logits = tx.tensor([0.0, 1.0, 2.0]).expand(4000, 3).requires_grad_()
    hard = F.gumbel_softmax(logits, hard=True)
    assert tx.equal(hard.detach().sum(-1), tx.ones(4000)) and set(hard.detach().round().unique().tolist()) == {0.0, 1.0}
    shares = hard.detach().mean(0)
    assert tx.allclose(shares, tx.tensor([0.0, 1.0, 2.0]).softmax(0), atol=0.03)
    (hard * tx.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert logits.grad.abs().sum().item() > 0


# Batch normalisation ------------------------------------------------------------------------------


def test_batch_norm_version_1_state():
    reference = torch.nn.BatchNorm1d(3)
    state = reference.state_dict()
    del state["num_batches_tracked"]
    plain = {name: to_tx(value) for name, value in state.items()}
    layer = tx.nn.BatchNorm1d(3)
    layer.load_state_dict(plain)  # no _metadata: an old file
    assert layer.num_batches_tracked.item() == 0


def test_batch_norm_stops_tracking():
    layer, reference = build("BatchNorm1d", (3,), {})
    for module in (layer, reference):
        module.track_running_stats = False
    check_module(layer, reference, [draw(4, 3)])


# Output size of transposed convolutions -----------------------------------------------------------


def test_conv_transpose_output_size():
    layer, reference = build("ConvTranspose2d", (2, 3, 3), {"stride": 2, "padding": 1})
    compare_calls(
        lambda x: layer(x, output_size=(10, 9)), lambda x: reference(x, output_size=(10, 9)), [draw(1, 2, 5, 5)]
    )
    with pytest.raises(ValueError, match="valid sizes range from"):
        layer(to_tx(draw(1, 2, 5, 5)), output_size=(12, 9))


# Errors name the layer and show the shapes --------------------------------------------------------

ERRORS = [
    (lambda: tx.nn.Linear(4, 3), (5, 5), RuntimeError),
    (lambda: tx.nn.Conv2d(3, 4, 3), (1, 2, 8, 8), RuntimeError),
    (lambda: tx.nn.Conv2d(3, 4, 3), (8, 8), RuntimeError),
    (lambda: tx.nn.BatchNorm1d(3), (2, 3, 4, 5), ValueError),
    (lambda: tx.nn.BatchNorm2d(3), (2, 3, 4), ValueError),
    (lambda: tx.nn.BatchNorm1d(3), (1, 3), ValueError),
    (lambda: tx.nn.LayerNorm(4), (2, 3), RuntimeError),
    (lambda: tx.nn.RMSNorm(4), (2, 3), RuntimeError),
    (lambda: tx.nn.GroupNorm(2, 4), (2, 3), RuntimeError),
    (lambda: tx.nn.GLU(), (2, 3), RuntimeError),
    (lambda: tx.nn.PReLU(4), (2, 3), RuntimeError),
    (lambda: tx.nn.AdaptiveAvgPool2d(2), (2, 3), RuntimeError),
    (lambda: tx.nn.Softmax2d(), (2, 3), ValueError),
    (lambda: tx.nn.Dropout1d(), (3,), RuntimeError),
]


@pytest.mark.parametrize("make, shape, error", ERRORS)
def test_errors_name_the_layer(make, shape, error):
    layer = make()
    model = tx.nn.Sequential(layer)
    with pytest.raises(error) as caught:
        model(tx.zeros(shape))
    notes = caught.value.__notes__
    assert len(notes) == 1
    assert repr(layer) in notes[0] and str(shape) in notes[0]


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda nn: nn.Conv2d(3, 4, 3, groups=2), ValueError),
        (lambda nn: nn.Conv2d(4, 3, 3, groups=2), ValueError),
        (lambda nn: nn.Conv2d(4, 4, 3, groups=0), ValueError),
        (lambda nn: nn.Conv1d(4, 4, 3, padding="full"), ValueError),
        (lambda nn: nn.Conv1d(4, 4, 3, padding="same", stride=2), ValueError),
        (lambda nn: nn.Conv1d(4, 4, 3, padding_mode="mirror"), ValueError),
        (lambda nn: nn.ConvTranspose1d(4, 4, 3, padding_mode="reflect"), ValueError),
        (lambda nn: nn.GroupNorm(3, 4), ValueError),
        (lambda nn: nn.Bilinear(0, 2, 2), ValueError),
        (lambda nn: nn.TripletMarginLoss(margin=-1.0), ValueError),
        (lambda nn: nn.MultiMarginLoss(p=3), ValueError),
        (lambda nn: nn.Hardtanh(1.0, 0.0), AssertionError),
        (lambda nn: nn.Unflatten(0, 2.0), TypeError),
    ],
)
def test_constructor_errors(make, error):
    for nn in (tx.nn, torch.nn):
        with pytest.raises(error):
            make(nn)


def test_loss_errors():
    with pytest.raises(ValueError, match="'max|valid value for reduction"):
        F.mse_loss(tx.zeros(2), tx.zeros(2), reduction="max")
    with pytest.raises(ValueError, match="Target size"):
        F.binary_cross_entropy_with_logits(tx.zeros(2), tx.zeros(3))
    with pytest.raises(ValueError, match="target size"):
        F.binary_cross_entropy(tx.zeros(2), tx.zeros(3))
    with pytest.warns(UserWarning, match="broadcasting"):
        F.mse_loss(tx.zeros(2, 1), tx.zeros(2))
    with pytest.warns(UserWarning, match="reduction"):
        assert tx.nn.MSELoss(size_average=False).reduction == "sum"
    with pytest.warns(UserWarning, match="Implicit dimension"):
        F.softmax(tx.zeros(2, 3))


@pytest.mark.parametrize(
    "name, args, kwargs, shapes", [row for row in LAYERS if row[0] not in ("Identity", "Flatten", "Unflatten")][::4]
)
def test_layers_copy_and_convert(name, args, kwargs, shapes):
    layer, _ = build(name, args, kwargs)
    twin = copy.deepcopy(layer).float().eval()
    out = twin(*[to_tx(draw(*shape, grad=False)).float() for shape in shapes])
    assert out.dtype == tx.float32
    assert_close(out.double(), layer.eval()(*[to_tx(draw(*shape, grad=False)) for shape in shapes]), 1e-4)
