"""Embedding and EmbeddingBag against PyTorch's."""

import pytest

import tensorx as tx
from nn_parity import assert_close, build, check_module, compare_calls, to_tx, torch


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


@pytest.mark.parametrize("name, options, args", [
    ("Embedding", {}, ()),
    ("Embedding", {"padding_idx": 2}, ()),
    ("EmbeddingBag", {"mode": "sum", "padding_idx": 0}, (torch.tensor([0, 3]),)),
    ("EmbeddingBag", {"mode": "mean"}, (torch.tensor([0, 3]),)),
], ids=str)  # fmt: skip
def test_sparse_gradients(name, options, args):
    layer, reference = build(name, (6, 3), {"sparse": True, **options})
    index = torch.tensor([0, 2, 2, 5, 0, 1])
    for _ in range(2):
        reference(index, *args).sum().backward()
        layer(to_tx(index), *map(to_tx, args)).sum().backward()
    mine, expected = layer.weight.grad.coalesce(), reference.weight.grad.coalesce()
    assert_close(mine.to_dense(), expected.to_dense())
    if name == "Embedding":  # PyTorch's bags store zeros for the padding
        assert mine.indices().tolist() == expected.indices().tolist()


BAGS = [
    {"mode": "sum"},
    {"mode": "mean"},
    {"mode": "max"},
    {"mode": "sum", "padding_idx": 2},
    {"mode": "mean", "padding_idx": -4},
    {"mode": "max", "padding_idx": 2},
    {"mode": "mean", "max_norm": 0.7},
    {"mode": "sum", "max_norm": 0.5, "norm_type": 1.0},
]

INDEX = torch.tensor([0, 2, 2, 5, 0, 1, 3, 2])
INPUTS = {
    "rows": (INDEX.reshape(4, 2), None),
    "offsets": (INDEX, torch.tensor([0, 3, 3, 7])),
    "int32": (INDEX.int(), torch.tensor([0, 5], dtype=torch.int32)),
    "one bag of padding": (torch.tensor([2, 2, 1]), torch.tensor([0, 2])),
    "no bags": (torch.tensor([], dtype=torch.int64), torch.tensor([], dtype=torch.int64)),
}


@pytest.mark.parametrize("inputs", INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize("options", BAGS, ids=str)
def test_embedding_bag(options, inputs):
    layer, reference = build("EmbeddingBag", (6, 3), options)
    check_module(layer, reference, inputs)
    assert_close(layer.weight, reference.weight, 1e-10)  # max_norm changes it


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_gradients_by_frequency(mode):
    """As the documentation of PyTorch has it; its own gradients on the CPU are divided by the counts of other rows."""
    weight, index, offsets = tx.randn(6, 3), to_tx(INDEX), tx.tensor([0, 3, 3, 7])
    gradients = []
    for scaled in (False, True):
        bag = tx.nn.EmbeddingBag.from_pretrained(weight, freeze=False, mode=mode, scale_grad_by_freq=scaled)
        bag(index, offsets).square().sum().backward()
        gradients.append(bag.weight.grad)
    counts = index.bincount(minlength=6).clamp(min=1).unsqueeze(1)
    assert tx.allclose(gradients[1], gradients[0] / counts)


@pytest.mark.parametrize("options", [{}, {"padding_idx": 2}, {"include_last_offset": True}], ids=str)
def test_per_sample_weights(options):
    layer, reference = build("EmbeddingBag", (6, 3), {"mode": "sum", **options})
    offsets = torch.tensor([0, 3, 3, 8]) if options.get("include_last_offset") else torch.tensor([0, 3, 3])
    weights = torch.linspace(-1, 2, 8, dtype=torch.float64).requires_grad_()
    check_module(layer, reference, [INDEX, offsets, weights])
    weights = torch.linspace(-1, 2, 8, dtype=torch.float64).requires_grad_()
    if not options:
        compare_calls(
            lambda w: layer(to_tx(INDEX.reshape(2, 4)), None, w.reshape(2, 4)),
            lambda w: reference(INDEX.reshape(2, 4), None, w.reshape(2, 4)),
            [weights],
        )


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_include_last_offset(mode):
    layer, reference = build("EmbeddingBag", (6, 3), {"mode": mode, "include_last_offset": True})
    check_module(layer, reference, [INDEX, torch.tensor([0, 3, 3, 8])])


@pytest.mark.parametrize("mode, expected", [("sum", [[3.0], [0.0]]), ("mean", [[1.5], [0.0]]), ("max", [[2.0], [0.0]])])
def test_what_comes_after_the_last_offset_is_in_no_bag(mode, expected):
    table, offsets = tx.tensor([[1.0], [2.0], [4.0]]), tx.tensor([0, 2, 2])
    bag = tx.nn.EmbeddingBag.from_pretrained(table, mode=mode, include_last_offset=True)
    assert bag(tx.tensor([0, 1, 2]), offsets).tolist() == expected
    if mode == "sum":
        assert bag(tx.tensor([0, 1, 2]), offsets, tx.ones(3)).tolist() == expected
    assert bag(tx.tensor([0, 1, 2]), tx.tensor([0, 0])).tolist() == [[0.0]]


def test_embedding_bag_construction():
    bag = tx.nn.EmbeddingBag(5, 2, padding_idx=-1)
    assert bag.padding_idx == 4 and bag.weight[4].tolist() == [0.0, 0.0]
    table = tx.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    frozen = tx.nn.EmbeddingBag.from_pretrained(table, mode="max")
    assert not frozen.weight.requires_grad and frozen.mode == "max"
    assert frozen(tx.tensor([[0, 2]])).tolist() == [[5.0, 6.0]]
    trained = tx.nn.EmbeddingBag.from_pretrained(table, freeze=False, include_last_offset=True, padding_idx=1)
    assert trained.weight.requires_grad
    assert trained(tx.tensor([0, 1, 2]), tx.tensor([0, 3])).tolist() == [[3.0, 4.0]]


@pytest.mark.parametrize(
    "use, error, text",
    [
        (lambda: tx.nn.EmbeddingBag(5, 2, padding_idx=5), AssertionError, "within num_embeddings, got padding_idx=5"),
        (lambda: tx.nn.EmbeddingBag(5, 2, _weight=tx.zeros(2, 5)), AssertionError, r"got \(2, 5\), expected \(5, 2\)"),
        (lambda: tx.nn.EmbeddingBag.from_pretrained(tx.zeros(4)), AssertionError, "2-dimensional, got shape"),
        (lambda: tx.nn.EmbeddingBag(5, 2)(tx.tensor([1])), ValueError, "offsets has to be a 1D Tensor but got None"),
        (lambda: tx.nn.EmbeddingBag(5, 2)(tx.tensor([[[1]]])), ValueError, "1D or 2D Tensor"),
        (lambda: tx.nn.EmbeddingBag(5, 2)(tx.tensor([[5]])), IndexError, "."),
        (lambda: tx.nn.EmbeddingBag(5, 2, mode="median")(tx.tensor([[1]])), ValueError, "one of sum, mean or max"),
        (lambda: tx.nn.EmbeddingBag(5, 2)(tx.tensor([[1]]), None, tx.ones(1, 1)), NotImplementedError, "mode='sum'"),
    ],
)
def test_embedding_bag_errors(use, error, text):
    with pytest.raises(error, match=text):
        use()
