"""Every layer and loss against PyTorch's: values, gradients, repr, state, errors."""

import copy
import warnings

import pytest

import tensorx as tx
from layer_cases import ACTIVATIONS, ELEMENTWISE_INPUT, F64, LAYERS, LOSSES, probabilities
from nn_parity import assert_close, build, check_module, compare_calls, draw, to_tx, torch
from tensorx.nn import functional as F


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NLLLoss2d warns of its name, KLDivLoss of 'mean'
        layer = getattr(tx.nn, name)(reduction=reduction, **ours)
        reference = getattr(torch.nn, name)(reduction=reduction, **kwargs)
        assert repr(layer) == repr(reference)
        assert list(layer.state_dict()) == list(reference.state_dict())
        compare_calls(layer, reference, inputs(), 1e-8)


def test_kl_div_batchmean():
    inputs = [draw(4, 5), probabilities(4, 5)]
    compare_calls(tx.nn.KLDivLoss(reduction="batchmean"), torch.nn.KLDivLoss(reduction="batchmean"), inputs)


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
    (lambda: tx.nn.Conv3d(3, 4, 3), (1, 2, 8, 8, 8), RuntimeError),
    (lambda: tx.nn.ConvTranspose3d(3, 4, 3), (8, 8), RuntimeError),
    (lambda: tx.nn.BatchNorm3d(3), (2, 3, 4, 5), ValueError),
    (lambda: tx.nn.SyncBatchNorm(3), (3,), ValueError),
    (lambda: tx.nn.InstanceNorm1d(3), (2, 3, 4, 5), ValueError),
    (lambda: tx.nn.InstanceNorm2d(3), (2, 3, 1, 1), ValueError),
    (lambda: tx.nn.InstanceNorm3d(3), (2, 3), ValueError),
    (lambda: tx.nn.LocalResponseNorm(3), (2, 3), ValueError),
    (lambda: tx.nn.CrossMapLRN2d(3), (2, 3, 4), ValueError),
    (lambda: tx.nn.MaxPool3d(2), (3, 4, 5), RuntimeError),
    (lambda: tx.nn.AvgPool3d(2), (2, 3, 4, 5, 6, 7), RuntimeError),
    (lambda: tx.nn.LPPool2d(2, 2), (3, 4), RuntimeError),
    (lambda: tx.nn.AdaptiveMaxPool3d(2), (3, 4), RuntimeError),
    (lambda: tx.nn.FractionalMaxPool2d(2, output_size=5), (1, 3, 5, 5), RuntimeError),
    (lambda: tx.nn.ReflectionPad2d(1), (5, 5), ValueError),
    (lambda: tx.nn.ReflectionPad1d(5), (1, 5), RuntimeError),
    (lambda: tx.nn.ReplicationPad3d(1), (5, 5, 5), ValueError),
    (lambda: tx.nn.CircularPad1d(1), (2, 2, 2, 2), ValueError),
    (lambda: tx.nn.ZeroPad2d(-3), (4, 4), RuntimeError),
    (lambda: tx.nn.Unfold(3), (2, 2), RuntimeError),
    (lambda: tx.nn.Fold(4, 2), (1, 3, 9), RuntimeError),
    (lambda: tx.nn.PixelShuffle(2), (3, 2, 2), RuntimeError),
    (lambda: tx.nn.PixelUnshuffle(2), (3, 3, 2), RuntimeError),
    (lambda: tx.nn.ChannelShuffle(2), (1, 3, 2), RuntimeError),
    (lambda: tx.nn.Upsample(scale_factor=2, mode="bilinear"), (1, 3, 2), NotImplementedError),
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
        (lambda nn: nn.Conv3d(4, 4, 3, groups=3), ValueError),
        (lambda nn: nn.ConvTranspose3d(4, 4, 3, padding_mode="circular"), ValueError),
        (lambda nn: nn.FractionalMaxPool2d(2), ValueError),
        (lambda nn: nn.FractionalMaxPool3d(2, output_size=3, output_ratio=0.5), ValueError),
        (lambda nn: nn.FractionalMaxPool2d(2, output_ratio=1.5), ValueError),
        (lambda nn: nn.Dropout3d(-0.1), ValueError),
        (lambda nn: nn.EmbeddingBag(4, 2, padding_idx=4), AssertionError),
        (lambda nn: nn.LinearCrossEntropyLoss(4, 2, label_smoothing=2.0), RuntimeError),
    ],
)
def test_constructor_errors(make, error):
    for nn in (tx.nn, torch.nn):
        with pytest.raises(error):
            make(nn)


def test_old_names_warn():
    with pytest.warns(FutureWarning, match="Please use `NLLLoss`"):
        tx.nn.NLLLoss2d()


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
