"""Row 46, module or function: every layer in both forms. A module keeps parameters, options and the mode; the function of
nn.functional that it calls takes them as arguments, and computes the same."""

import inspect

import pytest

import tensorx as tx

F, nn = tx.nn.functional, tx.nn

VECTOR, SEQUENCE, IMAGE, VOLUME = (4, 6), (2, 6, 8), (2, 6, 8, 8), (2, 6, 4, 4, 4)
OF_RANK = {1: SEQUENCE, 2: IMAGE, 3: VOLUME}


def convolution(function):
    return lambda m, x: function(x, m.weight, m.bias, m.stride, m.padding, m.dilation, m.groups)


def transposed(function):
    return lambda m, x: function(x, m.weight, m.bias, m.stride, m.padding, m.output_padding, m.groups, m.dilation)


def batch_norm(m, x):
    return F.batch_norm(x, m.running_mean.clone(), m.running_var.clone(), m.weight, m.bias, True, m.momentum, m.eps)


def instance_norm(m, x):
    return F.instance_norm(x, m.running_mean, m.running_var, m.weight, m.bias, True, m.momentum, m.eps)


def reduced(function, *names):
    return lambda m, *x: function(*x, **{name: getattr(m, name) for name in ("reduction", *names)})


# name: (constructor arguments, the same by a function, shapes of the inputs or the inputs themselves)
CASES = {
    "Linear": ((6, 3), lambda m, x: F.linear(x, m.weight, m.bias), [VECTOR]),
    "Bilinear": ((6, 6, 3), lambda m, x, y: F.bilinear(x, y, m.weight, m.bias), [VECTOR, VECTOR]),
    "Embedding": ((9, 3), lambda m, i: F.embedding(i, m.weight), [tx.tensor([[1, 8], [0, 1]])]),
    "EmbeddingBag": ((9, 3), lambda m, i: F.embedding_bag(i, m.weight), [tx.tensor([[1, 8], [0, 1]])]),
    "LayerNorm": ((6,), lambda m, x: F.layer_norm(x, (6,), m.weight, m.bias), [VECTOR]),
    "RMSNorm": ((6,), lambda m, x: F.rms_norm(x, (6,), m.weight), [VECTOR]),
    "GroupNorm": ((3, 6), lambda m, x: F.group_norm(x, 3, m.weight, m.bias), [IMAGE]),
    "LocalResponseNorm": ((3,), lambda m, x: F.local_response_norm(x, 3), [IMAGE]),
    "SyncBatchNorm": ((6,), batch_norm, [SEQUENCE]),
    "PReLU": ((6,), lambda m, x: F.prelu(x, m.weight), [VECTOR]),
    "Softmax": ((1,), lambda m, x: F.softmax(x, 1), [VECTOR]),
    "LogSoftmax": ((1,), lambda m, x: F.log_softmax(x, 1), [VECTOR]),
    "Softmin": ((1,), lambda m, x: F.softmin(x, 1), [VECTOR]),
    "Softmax2d": ((), lambda m, x: F.softmax(x, -3), [IMAGE]),
    "Threshold": ((0.1, 2.0), lambda m, x: F.threshold(x, 0.1, 2.0), [VECTOR]),
    "CosineSimilarity": ((), F.cosine_similarity, [VECTOR, VECTOR]),
    "PairwiseDistance": ((), F.pairwise_distance, [VECTOR, VECTOR]),
    "FractionalMaxPool2d": ((2, 3), lambda m, x: F.fractional_max_pool2d(x, 2, 3), [IMAGE]),
    "FractionalMaxPool3d": ((2, 2), lambda m, x: F.fractional_max_pool3d(x, 2, 2), [VOLUME]),
    "Unfold": ((2,), lambda m, x: F.unfold(x, 2), [IMAGE]),
    "Fold": ((4, 2), lambda m, x: F.fold(x, 4, 2), [(2, 12, 9)]),
    "PixelShuffle": ((2,), lambda m, x: F.pixel_shuffle(x, 2), [(2, 8, 3, 3)]),
    "PixelUnshuffle": ((2,), lambda m, x: F.pixel_unshuffle(x, 2), [IMAGE]),
    "ChannelShuffle": ((3,), lambda m, x: F.channel_shuffle(x, 3), [IMAGE]),
    "Upsample": ((None, 2), lambda m, x: F.interpolate(x, scale_factor=2), [SEQUENCE]),
    "UpsamplingNearest2d": ((5,), lambda m, x: F.interpolate(x, 5), [IMAGE]),
    "UpsamplingBilinear2d": ((5,), lambda m, x: F.interpolate(x, 5, mode="bilinear", align_corners=True), [IMAGE]),
    "NLLLoss": ((), reduced(F.nll_loss, "weight", "ignore_index"), [VECTOR, tx.tensor([0, 5, 2, 1])]),
    "CrossEntropyLoss": ((), reduced(F.cross_entropy, "weight", "label_smoothing"), [VECTOR, tx.tensor([0, 5, 2, 1])]),
    "MultiMarginLoss": ((), reduced(F.multi_margin_loss, "p", "margin"), [VECTOR, tx.tensor([0, 5, 2, 1])]),
    "MultiLabelMarginLoss": ((), reduced(F.multilabel_margin_loss), [(4,), tx.tensor([3, 0, -1, 1])]),
    "MultiLabelSoftMarginLoss": ((), reduced(F.multilabel_soft_margin_loss, "weight"), [VECTOR, tx.ones(VECTOR)]),
    "SoftMarginLoss": ((), reduced(F.soft_margin_loss), [VECTOR, tx.ones(VECTOR)]),
    "HingeEmbeddingLoss": ((), reduced(F.hinge_embedding_loss, "margin"), [VECTOR, -tx.ones(VECTOR)]),
    "MarginRankingLoss": ((), reduced(F.margin_ranking_loss, "margin"), [(4,), (4,), tx.ones(4)]),
    "CosineEmbeddingLoss": ((), reduced(F.cosine_embedding_loss, "margin"), [VECTOR, VECTOR, -tx.ones(4)]),
    "TripletMarginLoss": ((), reduced(F.triplet_margin_loss, "p", "swap"), [VECTOR] * 3),
    "TripletMarginWithDistanceLoss": ((), reduced(F.triplet_margin_with_distance_loss, "margin"), [VECTOR] * 3),
    "MSELoss": ((), reduced(F.mse_loss), [VECTOR] * 2),
    "L1Loss": ((), reduced(F.l1_loss), [VECTOR] * 2),
    "SmoothL1Loss": ((), reduced(F.smooth_l1_loss, "beta"), [VECTOR] * 2),
    "HuberLoss": ((), reduced(F.huber_loss, "delta"), [VECTOR] * 2),
    "KLDivLoss": ((None, None, "batchmean"), reduced(F.kl_div, "log_target"), [VECTOR, tx.ones(VECTOR)]),
    "BCELoss": ((), reduced(F.binary_cross_entropy, "weight"), [tx.full(VECTOR, 0.3), tx.ones(VECTOR)]),
    "BCEWithLogitsLoss": ((), reduced(F.binary_cross_entropy_with_logits, "pos_weight"), [VECTOR, tx.ones(VECTOR)]),
    "PoissonNLLLoss": ((), reduced(F.poisson_nll_loss, "log_input", "full", "eps"), [VECTOR, tx.ones(VECTOR)]),
    "GaussianNLLLoss": ((), reduced(F.gaussian_nll_loss, "full", "eps"), [VECTOR, VECTOR, tx.ones(VECTOR)]),
    "CTCLoss": ((), reduced(F.ctc_loss, "blank", "zero_infinity"), [(5, 1, 3), tx.tensor([[1, 2]]), (5,), (2,)]),
    "LinearCrossEntropyLoss": (
        (6, 3), lambda m, x, i: F.linear_cross_entropy(x, m.linear.weight, i), [VECTOR, tx.tensor([0, 2, 2, 1])],
    ),
    **{name: ((), getattr(F, function), [VECTOR]) for name, function in {
        "CELU": "celu", "ELU": "elu", "GELU": "gelu", "GLU": "glu", "Hardshrink": "hardshrink", "Hardsigmoid": "hardsigmoid",
        "Hardswish": "hardswish", "Hardtanh": "hardtanh", "LeakyReLU": "leaky_relu", "LogSigmoid": "logsigmoid",
        "Mish": "mish", "ReLU": "relu", "ReLU6": "relu6", "SELU": "selu", "SiLU": "silu", "Sigmoid": "sigmoid",
        "Softplus": "softplus", "Softshrink": "softshrink", "Softsign": "softsign", "Tanh": "tanh",
        "Tanhshrink": "tanhshrink",
    }.items()},
    "RReLU": ((), lambda m, x: F.rrelu(x, training=True), [VECTOR]),
    "Dropout": ((), F.dropout, [VECTOR]),
    "AlphaDropout": ((), lambda m, x: F.alpha_dropout(x, training=True), [VECTOR]),
    "FeatureAlphaDropout": ((), lambda m, x: F.feature_alpha_dropout(x, training=True), [SEQUENCE]),
}  # fmt: skip

for n, shape in OF_RANK.items():
    length, padding = shape[-1], tuple(range(2 * n))
    CASES |= {
        f"Conv{n}d": ((6, 4, 3), convolution(getattr(F, f"conv{n}d")), [shape]),
        f"ConvTranspose{n}d": ((6, 4, 3, 2), transposed(getattr(F, f"conv_transpose{n}d")), [shape]),
        f"BatchNorm{n}d": ((6,), batch_norm, [shape]),
        f"InstanceNorm{n}d": ((6,), instance_norm, [shape]),
        f"Dropout{n}d": ((), getattr(F, f"dropout{n}d"), [shape]),
        f"MaxPool{n}d": ((2,), lambda m, x, n=n: getattr(F, f"max_pool{n}d")(x, 2), [shape]),
        f"AvgPool{n}d": ((2,), lambda m, x, n=n: getattr(F, f"avg_pool{n}d")(x, 2), [shape]),
        f"LPPool{n}d": ((2, 2), lambda m, x, n=n: getattr(F, f"lp_pool{n}d")(x, 2, 2), [shape]),
        f"AdaptiveAvgPool{n}d": ((3,), lambda m, x, n=n: getattr(F, f"adaptive_avg_pool{n}d")(x, 3), [shape]),
        f"AdaptiveMaxPool{n}d": ((3,), lambda m, x, n=n: getattr(F, f"adaptive_max_pool{n}d")(x, 3), [shape]),
        f"MaxUnpool{n}d": (
            (2,),
            lambda m, x, i, n=n: getattr(F, f"max_unpool{n}d")(x, i, 2),
            [shape, tx.arange(tx.ones(shape[2:]).numel()).reshape(shape[2:]).expand(shape)],
        ),
    }
    for name, mode in {"Reflection": "reflect", "Replication": "replicate", "Circular": "circular"}.items():
        counts = (1, 2) * n
        CASES[f"{name}Pad{n}d"] = ((counts,), lambda m, x, c=counts, mode=mode: F.pad(x, c, mode), [shape])
    CASES[f"ZeroPad{n}d"] = ((padding,), lambda m, x, c=padding: F.pad(x, c), [shape])
    CASES[f"ConstantPad{n}d"] = ((padding, 2.0), lambda m, x, c=padding: F.pad(x, c, value=2.0), [shape])

# Modules that hold others, that reshape, that become others at their first call, or that only the module form of PyTorch has.
NO_FUNCTION = {
    "AdaptiveLogSoftmaxWithLoss", "Container", "CrossMapLRN2d", "DataParallel", "Flatten", "Identity", "Module", "ModuleDict",
    "ModuleList", "ParameterDict", "ParameterList", "Sequential", "Unflatten", "NLLLoss2d",
}  # fmt: skip
SEQUENCE_LAYERS = ("RNN", "GRU", "LSTM", "Transformer", "MultiheadAttention")  # they have a test of their own

PUBLIC = [name for name in nn.modules.__all__ if inspect.isclass(getattr(nn, name))]


@pytest.mark.parametrize("name", [name for name in PUBLIC if issubclass(getattr(nn, name), nn.Module)])
def test_every_layer_is_in_the_table(name):
    assert name in CASES or name in NO_FUNCTION or name.startswith(("Lazy", *SEQUENCE_LAYERS))


def as_function(function, module, inputs):
    takes_module = "m" in inspect.signature(function).parameters if inspect.isfunction(function) else False
    return function(module, *inputs) if takes_module else function(*inputs)


@pytest.mark.parametrize("name", CASES)
def test_the_function_computes_the_same(name, device):
    args, function, given = CASES[name]
    tx.manual_seed(0)
    module = getattr(nn, name)(*args).to(device)
    inputs = [tx.randn(x) if isinstance(x, tuple) and name != "CTCLoss" else x for x in given]
    if name == "CTCLoss":
        inputs[0] = tx.randn(given[0]).log_softmax(-1)
    inputs = [x.to(device) if isinstance(x, tx.Tensor) else x for x in inputs]
    tx.manual_seed(7)
    by_module = module(*inputs)
    if "BatchNorm" in name:
        module.reset_running_stats()
    tx.manual_seed(7)
    assert tx.equal(as_function(function, module, inputs), by_module)


def test_only_the_module_knows_its_mode():
    x = tx.ones(1000)
    assert tx.equal(nn.Dropout(0.5).eval()(x), x)
    assert not tx.equal(F.dropout(x, 0.5), x) and tx.equal(F.dropout(x, 0.5, training=False), x)


def test_only_the_module_has_parameters():
    layer = nn.Conv2d(3, 4, 3)
    assert sorted(name for name, _ in layer.named_parameters()) == ["bias", "weight"]
    weight = tx.randn(4, 3, 3, 3).requires_grad_()
    F.conv2d(tx.ones(1, 3, 5, 5), weight).sum().backward()  # a function differentiates whatever it is given
    assert weight.grad.shape == weight.shape
