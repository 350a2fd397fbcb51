"""Layers that do not fit the tables of layer_cases.py, against PyTorch's: several inputs or outputs, randomness, options."""

import pytest

import tensorx as tx
from concepts.memory_use import peak
from layer_cases import F64, LAYERS
from nn_parity import assert_close, build, check_gradients, check_module, compare_calls, draw, to_tx, torch

F = tx.nn.functional


@pytest.mark.parametrize("spatial, output_size", [
    (1, None), (1, (6,)), (1, (2, 3, 7)), (2, (6, 7)), (2, (2, 3, 6, 7)), (3, (6, 7, 4)), (3, (2, 3, 6, 7, 4)),
])  # fmt: skip
def test_max_unpool(spatial, output_size):
    pools = [getattr(nn, f"MaxPool{spatial}d")(2, return_indices=True) for nn in (tx.nn, torch.nn)]
    unpools = [getattr(nn, f"MaxUnpool{spatial}d")(2) for nn in (tx.nn, torch.nn)]
    assert repr(unpools[0]) == repr(unpools[1])

    def there_and_back(framework):
        return lambda x: unpools[framework](*pools[framework](x), output_size=output_size)

    compare_calls(there_and_back(0), there_and_back(1), [draw(2, 3, *(6, 7, 4)[:spatial])])


@pytest.mark.parametrize(
    "name", ["MaxPool1d", "MaxPool2d", "MaxPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d"]
)
def test_places_of_the_maxima(name):
    layer, reference = (getattr(nn, name)(2, return_indices=True) for nn in (tx.nn, torch.nn))
    x = draw(2, 3, *(5, 6, 4)[: int(name[-2])], grad=False)
    for mine, theirs in zip(layer(to_tx(x)), reference(x), strict=True):
        assert_close(mine, theirs, 1e-12)


@pytest.mark.parametrize("options", [{}, {"head_bias": True, "div_value": 2.0}])
def test_adaptive_log_softmax(options):
    layer, reference = build("AdaptiveLogSoftmaxWithLoss", (8, 20, [4, 10, 15]), options)
    target = torch.tensor([0, 3, 4, 19, 12, 2, 10])
    for part in ("output", "loss"):
        compare_calls(
            lambda x: getattr(layer(x, to_tx(target)), part),
            lambda x: getattr(reference(x, target), part),
            [draw(7, 8)],
        )
    check_gradients(layer, reference)
    check = lambda method, x: compare_calls(getattr(layer, method), getattr(reference, method), [x])
    check("log_prob", draw(5, 8))
    check("predict", draw(9, 8, grad=False) * 5)
    x = draw(8, grad=False)
    assert_close(layer(to_tx(x), tx.tensor(16)).output, reference(x, torch.tensor(16)).output, 1e-10)
    assert repr(layer) == repr(reference) and list(layer.state_dict()) == list(reference.state_dict())


def test_adaptive_log_softmax_on_devices(device):
    layer = tx.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4, 10], device=device)
    x, target = tx.randn(5, 8, device=device), tx.tensor([0, 5, 19, 3, 12], device=device)
    output, loss = layer(x, target)
    assert output.device.type == device and tx.allclose(layer.log_prob(x).gather(1, target.unsqueeze(1))[:, 0], output)
    assert tx.equal(layer.predict(x), layer.log_prob(x).argmax(1))
    loss.backward()
    assert layer.head.weight.grad.device.type == device


def test_adaptive_log_softmax_where_a_cluster_is_not_used():
    layer, reference = build("AdaptiveLogSoftmaxWithLoss", (8, 20, [4, 10]), {})
    x, target = draw(3, 8), torch.tensor([1, 2, 5])
    compare_calls(lambda x: layer(x, to_tx(target)).loss, lambda x: reference(x, target).loss, [x])
    assert layer.tail[1][0].weight.grad is None and reference.tail[1][0].weight.grad is None


@pytest.mark.parametrize("cutoffs", [[], [0, 3], [3, 3], [5, 2], [20], [2.5]])
def test_adaptive_log_softmax_cutoffs(cutoffs):
    for nn in (tx.nn, torch.nn):
        with pytest.raises(ValueError, match="cutoffs should be a sequence"):
            nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs)


@pytest.mark.parametrize("shape, target, text", [
    ((3, 8), [0, 20, 1], r"should be in \[0, 19\], but values in range \[0, 20\]"),
    ((3, 8), [0, 1], r"got \(3, 8\) and \(2,\)"),
    ((8,), [0], r"got \(8,\) and \(1,\)"),
    ((3, 8), [[0], [1], [2]], "expected input of shape"),
])  # fmt: skip
def test_adaptive_log_softmax_errors(shape, target, text):
    with pytest.raises(RuntimeError, match=text):
        tx.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4])(tx.zeros(shape), tx.tensor(target))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
def test_cross_map_normalisation(size):
    layer, reference = build("CrossMapLRN2d", (size,), {"alpha": 0.3, "beta": 1.5, "k": 2.0})
    x = draw(2, 6, 3, 4, grad=False)
    assert repr(layer) == repr(reference)
    assert_close(layer(to_tx(x)), reference(x), 1e-10)
    mine = to_tx(draw(1, 3, 1, 2)).requires_grad_()
    assert tx.autograd.gradcheck(layer, (mine,))  # PyTorch's own gradient is not that of its forward


def test_convert_sync_batchnorm():
    model = tx.nn.Sequential(
        tx.nn.Conv2d(3, 4, 3),
        tx.nn.BatchNorm2d(4, momentum=0.3),
        tx.nn.ModuleDict({"last": tx.nn.BatchNorm2d(4, affine=False)}),
    )
    plain, first = model[1], model[1].weight
    model[2]["last"].eval()
    converted = tx.nn.SyncBatchNorm.convert_sync_batchnorm(model, process_group="all")
    assert converted is model and type(model[1]) is tx.nn.SyncBatchNorm and model[1].process_group == "all"
    assert model[1].weight is first and model[1].running_mean is plain.running_mean and model[1].momentum == 0.3
    last = model[2]["last"]
    assert type(last) is tx.nn.SyncBatchNorm and last.weight is None and not last.training
    x = tx.randn(2, 4, 5, 5)
    assert tx.equal(model[1].eval()(x), plain.eval()(x))


@pytest.mark.parametrize("name", ["FractionalMaxPool2d", "FractionalMaxPool3d"])
def test_fractional_pooling_draws_other_windows(name):
    x = tx.randn(2, 3, *[9] * int(name[-2]))
    layer = getattr(tx.nn, name)(2, output_size=5, return_indices=True)
    tx.manual_seed(0)
    values, places = layer(x)
    flat = x.flatten(2)
    assert tx.equal(flat.gather(2, places.flatten(2)), values.flatten(2))
    assert not tx.equal(layer(x)[1], places)
    tx.manual_seed(0)
    assert tx.equal(layer(x)[0], values)


# (function, keyword arguments, input, weight)
CONVOLUTIONS = [
    ("conv1d", {"stride": 2, "padding": 1}, (2, 4, 9), (6, 4, 3)),
    ("conv1d", {"groups": 2, "dilation": 2}, (2, 4, 9), (6, 2, 3)),
    ("conv2d", {"stride": (2, 1), "padding": (1, 0), "groups": 4}, (2, 4, 6, 7), (4, 1, 3, 2)),
    ("conv2d", {"stride": 3}, (1, 2, 8, 7), (3, 2, 2, 2)),
    ("conv3d", {"padding": (0, 1, 0), "stride": (1, 2, 1)}, (1, 2, 3, 4, 5), (3, 2, 2, 2, 2)),
]


@pytest.mark.parametrize("name, options, input_shape, weight_shape", CONVOLUTIONS)
def test_gradients_of_convolutions_as_functions(name, options, input_shape, weight_shape):
    x, weight = draw(*input_shape, grad=False), draw(*weight_shape, grad=False)
    g = draw(*getattr(torch.nn.functional, name)(x, weight, **options).shape)
    compare_calls(
        lambda w, g: getattr(tx.nn.grad, f"{name}_input")(input_shape, w, g, **options),
        lambda w, g: getattr(torch.nn.grad, f"{name}_input")(input_shape, w, g, **options),
        [weight.requires_grad_(), g],
    )
    compare_calls(
        lambda x, g: getattr(tx.nn.grad, f"{name}_weight")(x, weight_shape, g, **options),
        lambda x, g: getattr(torch.nn.grad, f"{name}_weight")(x, weight_shape, g, **options),
        [x.requires_grad_(), draw(*g.shape)],
    )


def test_gradients_of_convolutions_check_the_shapes():
    with pytest.raises(RuntimeError, match=r"conv1d_input\(\): an input of size \(1, 1, 9\) does not give"):
        tx.nn.grad.conv1d_input((1, 1, 9), tx.ones(1, 1, 2), tx.ones(1, 1, 3))


OPTIONS = [
    None,
    {},
    {"batch_chunk_size": 3},
    {"chunking_method": "aspect_ratio"},
    {"chunking_method": None, "batch_chunk_size": 100, "acc_policy": "accurate", "allow_retain_graph": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("layer_options", [
    {}, {"bias": True, "ignore_index": 2}, {"weight": torch.linspace(0.5, 2, 6, dtype=F64), "bias": True, "ignore_index": 1},
], ids=["plain", "bias", "weight"])  # fmt: skip
def test_linear_cross_entropy(layer_options, reduction, options):
    layer_options = {**layer_options, "reduction": reduction}
    layer, reference = build("LinearCrossEntropyLoss", (4, 6), layer_options)
    assert repr(layer) == repr(reference) and list(layer.state_dict()) == list(reference.state_dict())
    layer.options = None if options is None else tx.nn.LinearCrossEntropyOptions(**options)
    target = torch.tensor([0, 2, 1, 5, 2, 3, 4])
    compare_calls(lambda x: layer(x, to_tx(target)), lambda x: reference(x, target), [draw(7, 4)])
    check_gradients(layer, reference)
    x = draw(4)
    compare_calls(lambda x: layer(x, tx.tensor(5)), lambda x: reference(x, torch.tensor(5)), [x])


@pytest.mark.parametrize("chunked", [False, True])
def test_linear_cross_entropy_of_other_targets(chunked):
    options = tx.nn.LinearCrossEntropyOptions(batch_chunk_size=2) if chunked else None
    kwargs = {"out_features": (3,), "bias": True, "label_smoothing": 0.2}
    layer, reference = build("LinearCrossEntropyLoss", (4, 6), kwargs)
    layer.options = options
    target = torch.arange(15).reshape(5, 3) % 6
    compare_calls(lambda x: layer(x, to_tx(target)), lambda x: reference(x, target), [draw(5, 4)])
    target = torch.softmax(draw(5, 6, 3, grad=False), 1)
    compare_calls(lambda x: layer(x, to_tx(target)), lambda x: reference(x, target), [draw(5, 4)])


def test_linear_cross_entropy_in_chunks_takes_less_memory():
    x, weight = tx.randn(512, 16).requires_grad_(), tx.randn(2048, 16).requires_grad_()
    target, logits = tx.randint(0, 2048, (512,)), 512 * 2048 * 4

    def most(options):
        return peak("cpu", lambda: F.linear_cross_entropy(x, weight, target, options=options).backward())

    assert most(None) > logits
    assert most(tx.nn.LinearCrossEntropyOptions()) < logits / 4


def test_linear_cross_entropy_to_second_order():
    target, options = tx.tensor([0, 2, 1]), tx.nn.LinearCrossEntropyOptions(batch_chunk_size=2)
    inputs = [to_tx(draw(3, 2)), to_tx(draw(4, 2))]
    assert tx.autograd.gradgradcheck(lambda x, w: F.linear_cross_entropy(x, w, target, options=options), inputs)


@pytest.mark.parametrize("dtype", [tx.float16, tx.bfloat16])
def test_linear_cross_entropy_of_half_types(dtype):
    x, weight = to_tx(draw(6, 4)).to(dtype).detach(), to_tx(draw(5, 4)).to(dtype).detach().requires_grad_()
    target = tx.tensor([0, 1, 2, 3, 4, 0])
    loss = F.linear_cross_entropy(x, weight, target, options=tx.nn.LinearCrossEntropyOptions(batch_chunk_size=2))
    loss.backward()
    assert loss.dtype == dtype and weight.grad.dtype == dtype
    expected = F.cross_entropy(F.linear(x.double(), weight.double()), target)
    assert abs(loss.item() - expected.item()) < 1e-2


@pytest.mark.parametrize("options, text", [
    ({"acc_policy": "fast"}, "invalid acc_policy"),
    ({"chunking_method": "aspect_ratio:0"}, "invalid chunking_method"),
    ({"chunking_method": "halves"}, "invalid chunking_method"),
    ({"batch_chunk_size": 0}, "must be positive int"),
    ({"acc_dtype": tx.int64}, "acc_dtype must be"),
])  # fmt: skip
def test_linear_cross_entropy_options(options, text):
    with pytest.raises(ValueError, match=text):
        tx.nn.LinearCrossEntropyOptions(**options)
    with pytest.raises(ValueError, match="give different chunk sizes"):
        tx.nn.LinearCrossEntropyOptions(batch_chunk_size=3, chunking_method="aspect_ratio").rows(8, 2, 4)


@pytest.mark.parametrize("args, options, text", [
    ((tx.zeros(1, 2, 3), tx.zeros(4, 3), tx.tensor([0])), {}, "dimensionality 1 or 2"),
    ((tx.zeros(2, 3), tx.zeros(3), tx.tensor([0, 1])), {}, "dimensionality at least 2"),
    ((tx.zeros(2, 3), tx.zeros(4, 5), tx.tensor([0, 1])), {}, r"last dimensions \(in_features\); got input \(2, 3\)"),
    ((tx.zeros(2, 3), tx.zeros(4, 3), tx.tensor([0, 1])), {"linear_bias": tx.zeros(3)}, "expected linear_bias of shape"),
    ((tx.zeros(3), tx.zeros(4, 2, 3), tx.tensor(0)), {}, "requires batched input"),
    ((tx.zeros(2, 3), tx.zeros(4, 3), tx.zeros(2, 4)), {"ignore_index": 1}, "cannot be specified"),
])  # fmt: skip
def test_linear_cross_entropy_errors(args, options, text):
    with pytest.raises(RuntimeError, match=text):
        F.linear_cross_entropy(*args, **options)


def test_factory_kwargs():
    for nn, dtype in ((tx.nn, tx.float64), (torch.nn, torch.float64)):
        assert nn.factory_kwargs(None) == {}
        given = {"device": "cpu", "factory_kwargs": {"dtype": dtype}}
        assert nn.factory_kwargs(given) == {"device": "cpu", "dtype": dtype} and len(given) == 2
        for wrong in ({"size": 3}, {"dtype": dtype, "factory_kwargs": {"dtype": dtype}}):
            with pytest.raises(TypeError):
                nn.factory_kwargs(wrong)


def test_hardtanh_of_old_names():
    with pytest.warns(FutureWarning, match="use min_val and max_val"):
        layer = tx.nn.Hardtanh(min_value=-2.0, max_value=3.0)
    assert (layer.min_val, layer.max_val) == (-2.0, 3.0)


@pytest.mark.parametrize("name", sorted({row[0] for row in LAYERS if "InstanceNorm" in row[0]}))
def test_instance_norm_of_other_channels(name):
    shape = (2, 4, *[3] * int(name[-2]))
    with pytest.raises(ValueError, match=f"{name}: expected input of 3 channels"):
        getattr(tx.nn, name)(3, affine=True)(tx.zeros(shape))
    with pytest.warns(UserWarning, match="num_features is not used"):
        assert getattr(tx.nn, name)(3)(tx.zeros(shape)).shape == shape


def test_distance_layers_are_part_of_a_loss():
    distance = tx.nn.PairwiseDistance(1.0)
    loss = tx.nn.TripletMarginWithDistanceLoss(distance_function=distance)
    reference = torch.nn.TripletMarginWithDistanceLoss(distance_function=torch.nn.PairwiseDistance(1.0))
    check_module(loss, reference, [draw(4, 5, seed=i) for i in range(3)])
    for nn in (tx.nn, torch.nn):
        with pytest.raises(ValueError, match="greater than 0"):
            nn.TripletMarginWithDistanceLoss(margin=0.0)
