"""Row 14: strides: what a view of the same memory looks like."""

import tensorx as tx


def test_a_transpose_exchanges_strides_and_nothing_else(device):
    x = tx.arange(6, device=device).view(2, 3)
    assert x.stride() == (3, 1) and x.stride(0) == 3 and x.is_contiguous()
    y = x.t()
    assert y.stride() == (1, 3) and not y.is_contiguous()
    assert y.data_ptr() == x.data_ptr()
    y[0, 1] = 100
    assert x[1, 0].item() == 100


def test_offsets_and_steps(device):
    x = tx.arange(24, device=device).view(4, 6)
    part = x[1:, 2::2]
    assert part.storage_offset() == 8 and part.stride() == (6, 2) and part.shape == (3, 2)
    assert part.data_ptr() == x.data_ptr() + 8 * x.element_size()
    assert part[0].storage_offset() == 8 and part[:, 1].stride() == (6,)


def test_permute_and_back(device):
    x = tx.arange(24, device=device).view(2, 3, 4)
    y = x.permute(2, 0, 1)
    assert y.shape == (4, 2, 3) and y.stride() == (1, 12, 4)
    assert y.permute(1, 2, 0).is_contiguous()
    assert x.transpose(0, -1).stride() == (1, 4, 12) and x.movedim(0, -1).stride() == (4, 1, 12)


def test_dimensions_of_one_never_matter(device):
    x = tx.zeros(3, 1, 4, device=device)
    assert x.transpose(0, 1).is_contiguous() and x[:, :, :4].is_contiguous()
    assert tx.zeros(0, 5, device=device).t().is_contiguous()


def test_values_do_not_depend_on_strides(device):
    x = tx.randn(5, 7, device=device)
    laid = tx.empty(7, 5, device=device).t()
    laid.copy_(x)
    assert laid.stride() == (1, 5)
    for op in (tx.exp, lambda t: t.sum(0), lambda t: t @ t.T, lambda t: t.softmax(1), lambda t: t.sort(1).values):
        assert tx.allclose(op(x), op(laid))
