"""Embedding and EmbeddingBag against PyTorch's."""

import pytest

import tensorx as tx
from nn_parity import assert_close, build, check_module, torch


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
