"""The transformer modules against PyTorch's: values, gradients, state, repr, errors."""

import copy
import warnings

import numpy as np
import pytest

import tensorx as tx
from nn_parity import compare_modules, copy_weights, draw, to_tx, torch
from tensorx import nn

WIDTH, HEADS, HIDDEN, TARGET, SOURCE, BATCH = 8, 2, 12, 3, 4, 2


def perturb(module):
    """Biases and norms that do something."""
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, dtype=torch.float64, generator=generator)


def pair(make):
    theirs, ours = make(torch.nn).double(), make(nn).double()
    perturb(theirs)
    assert [(n, v.shape) for n, v in ours.state_dict().items()] == [
        (n, tuple(v.shape)) for n, v in theirs.state_dict().items()
    ]
    copy_weights(ours, theirs)
    return ours, theirs


def compare(ours, theirs, tensors, device, **masks):
    def call(library, module, inputs):
        return module(*inputs, **(masks if library is torch else given))

    given = {k: to_tx(v).to(device) if isinstance(v, torch.Tensor) else v for k, v in masks.items()}
    compare_modules(ours.to(device), theirs, call, tensors, device)


def causal(size):
    return torch.nn.Transformer.generate_square_subsequent_mask(size, dtype=torch.float64)


PADDING = {SOURCE: [[False, False, True, True], [False] * 4], TARGET: [[False, False, True], [False] * 3]}
LAYER = {"dim_feedforward": HIDDEN, "dropout": 0.0}
LAYERS = [
    {},
    {"norm_first": True, "activation": "gelu"},
    {"bias": False, "layer_norm_eps": 0.1},
    {"batch_first": True},
]


def shape(length, options, batched=True):
    if not batched:
        return (length, WIDTH)
    return (BATCH, length, WIDTH) if options.get("batch_first") else (length, BATCH, WIDTH)


def padding(length):
    return torch.tensor(PADDING[length])


@pytest.mark.parametrize("options", LAYERS, ids=str)
@pytest.mark.parametrize("masked", [False, True])
def test_encoder_layer(options, masked, device):
    ours, theirs = pair(lambda library: library.TransformerEncoderLayer(WIDTH, HEADS, **LAYER, **options))
    masks = {"src_mask": torch.ones(SOURCE, SOURCE).triu(1).bool(), "src_key_padding_mask": padding(SOURCE)}
    compare(ours, theirs, [draw(*shape(SOURCE, options))], device, **(masks if masked else {}))


@pytest.mark.parametrize("options", LAYERS, ids=str)
@pytest.mark.parametrize("masked", [False, True])
def test_decoder_layer(options, masked, device):
    ours, theirs = pair(lambda library: library.TransformerDecoderLayer(WIDTH, HEADS, **LAYER, **options))
    masks = {
        "tgt_mask": causal(TARGET),
        "tgt_is_causal": True,
        "memory_key_padding_mask": padding(SOURCE),
        "memory_mask": torch.ones(TARGET, SOURCE).triu(2).bool(),
    }
    tensors = [draw(*shape(TARGET, options)), draw(*shape(SOURCE, options))]
    compare(ours, theirs, tensors, device, **(masks if masked else {}))


@pytest.mark.parametrize("options", LAYERS, ids=str)
@pytest.mark.parametrize("batched", [True, False])
def test_transformer(options, batched, device):
    ours, theirs = pair(lambda library: quiet(library.Transformer, WIDTH, HEADS, 2, 2, **LAYER, **options))
    masks = {"src_mask": causal(SOURCE), "tgt_mask": causal(TARGET)}
    if batched:
        masks |= {
            "src_key_padding_mask": padding(SOURCE).double().mul(-9.0),
            "memory_key_padding_mask": padding(SOURCE),
        }
    tensors = [draw(*shape(length, options, batched)) for length in (SOURCE, TARGET)]
    compare(ours, theirs, tensors, device, **masks)


def quiet(make, *arguments, **options):
    """PyTorch's module without its warning that padding will not be left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(*arguments, **options)


def test_stacks_and_custom_parts():
    def make(library):
        layer = library.TransformerEncoderLayer(WIDTH, HEADS, **LAYER, activation=library.functional.silu)
        return library.TransformerEncoder(layer, 2, library.LayerNorm(WIDTH), enable_nested_tensor=False)

    ours, theirs = pair(make)
    compare(ours, theirs, [draw(SOURCE, BATCH, WIDTH)], "cpu", mask=causal(SOURCE), is_causal=True)
    ours, theirs = pair(
        lambda library: library.TransformerDecoder(library.TransformerDecoderLayer(WIDTH, HEADS, **LAYER), 2)
    )
    compare(ours, theirs, [draw(TARGET, BATCH, WIDTH), draw(SOURCE, BATCH, WIDTH)], "cpu", tgt_mask=causal(TARGET))
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(WIDTH, HEADS, HIDDEN), 1)
    model = nn.Transformer(WIDTH, HEADS, custom_encoder=nn.Identity(), custom_decoder=decoder)
    assert model.decoder is decoder and isinstance(model.encoder, nn.Identity)


def test_copies_have_weights_of_their_own():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN), 2)
    first, second = encoder.layers
    assert tx.equal(first.linear1.weight, second.linear1.weight)
    first.linear1.weight.data.zero_()
    assert second.linear1.weight.abs().max() > 0
    assert repr(copy.deepcopy(encoder)) == repr(encoder)


def test_repr():
    def named(library):
        model = quiet(library.Transformer, WIDTH, HEADS, 1, 1, HIDDEN, activation=library.GELU())
        return repr(model).replace("NonDynamicallyQuantizableLinear", "Linear")

    assert named(nn) == named(torch.nn)


def test_causal_masks():
    mask = nn.Transformer.generate_square_subsequent_mask(3, dtype=tx.float64)
    assert mask.tolist() == causal(3).tolist() and mask.dtype == tx.float64
    # A mask that is causal is recognised, one that only looks alike is not: both give what they say.
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, dropout=0.0), 1).double()
    x = tx.randn(3, BATCH, WIDTH, dtype=tx.float64)
    expected = encoder(x, mask=mask, is_causal=False)
    np.testing.assert_allclose(encoder(x, mask=mask).detach(), expected.detach(), 1e-12, 1e-12)
    mask[0, 2] = 0.0
    assert not tx.allclose(encoder(x, mask=mask), expected)


def test_dropout():
    model = nn.Transformer(WIDTH, HEADS, 1, 1, HIDDEN, dropout=0.5)
    x = tx.randn(SOURCE, BATCH, WIDTH)
    assert not tx.equal(model(x, x), model(x, x))
    model.eval()
    assert tx.equal(model(x, x), model(x, x))


@pytest.mark.parametrize(
    ("source", "target", "batch_first", "text"),
    [
        ((3, 2, 8), (4, 3, 8), False, "batch number of src and tgt must be equal"),
        ((2, 3, 8), (3, 3, 8), True, "batch number of src and tgt must be equal"),
        ((3, 2, 8), (3, 2, 7), False, "feature number"),
    ],
)
def test_errors(source, target, batch_first, text):
    model = nn.Transformer(WIDTH, HEADS, 1, 1, HIDDEN, batch_first=batch_first)
    with pytest.raises(RuntimeError, match=text):
        model(tx.zeros(*source), tx.zeros(*target))
    with pytest.raises(RuntimeError, match="activation should be relu/gelu, not sine"):
        nn.TransformerEncoderLayer(WIDTH, HEADS, activation="sine")
