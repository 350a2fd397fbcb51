"""Row 39: as_strided and unfold; what would reach outside its memory is refused when it is made."""

import pytest

import tensorx as tx


def test_windows_without_copies(device):
    x = tx.arange(8.0, device=device)
    windows = x.as_strided((3, 4), (2, 1))
    assert windows.tolist() == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]]
    assert windows.data_ptr() == x.data_ptr()
    assert tx.equal(windows, x.unfold(0, 4, 2))


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((9,), (1,), 0),
        ((8,), (1,), 1),
        ((2, 5), (4, 1), 0),
        ((2,), (2**62,), 0),
        ((2**62, 4), (4, 1), 0),
        ((1,), (1,), 2**62),
        ((2,), (1,), -1),
        ((2,), (-1,), 3),
        ((-1,), (1,), 0),
    ],
)
def test_reaching_outside_raises(device, size, stride, offset):
    x = tx.arange(8.0, device=device)
    with pytest.raises((RuntimeError, ValueError)):
        x.as_strided(size, stride, offset)


def test_the_error_says_how_far(device):
    with pytest.raises(RuntimeError) as error:
        tx.zeros(8, device=device).as_strided((3, 3), (3, 1), 1)
    for part in ("as_strided", "[3, 3]", "[3, 1]", "offset 1", "holds 8"):
        assert part in str(error.value), error.value


def test_empty_views_may_stand_anywhere(device):
    x = tx.zeros(4, device=device)
    assert x.as_strided((0, 3), (100, 100)).shape == (0, 3)
    assert x.as_strided((), (), 3).shape == ()


def test_a_window_that_overlaps_adds_its_gradients_up(device):
    x = tx.arange(5.0, device=device, requires_grad=True)
    x.as_strided((3, 3), (1, 1)).sum().backward()
    assert x.grad.tolist() == [1, 2, 3, 2, 1]
    x.grad = None
    x.unfold(0, 3, 1).sum().backward()
    assert x.grad.tolist() == [1, 2, 3, 2, 1]


def test_writing_through_a_view(device):
    x = tx.zeros(4, 4, device=device)
    x.as_strided((4,), (5,)).fill_(1)
    assert tx.equal(x, tx.eye(4, device=device))
    with pytest.raises(RuntimeError, match=r"expand|overlap|same memory|more than one"):
        x.as_strided((4, 3), (1, 0)).add_(1)


def test_unfold_and_fold_of_images(device):
    image = tx.arange(2.0 * 3 * 4 * 5, device=device).view(2, 3, 4, 5).requires_grad_()
    columns = tx.nn.functional.unfold(image, (2, 3), padding=1, stride=(2, 1))
    assert columns.shape == (2, 3 * 6, 3 * 5)
    weight = tx.randn(4, 3, 2, 3, device=device)
    by_columns = (weight.view(4, -1) @ columns).view(2, 4, 3, 5)
    assert tx.allclose(
        by_columns, tx.nn.functional.conv2d(image, weight, padding=1, stride=(2, 1)), rtol=1e-4, atol=1e-3
    )
    ones = tx.nn.functional.unfold(tx.ones(1, 1, 4, 5, device=device), 2)
    counts = tx.nn.functional.fold(ones, (4, 5), 2)
    assert counts[0, 0, 0].tolist() == [1, 2, 2, 2, 1] and counts[0, 0, 1].tolist() == [2, 4, 4, 4, 2]
