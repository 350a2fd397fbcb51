"""Row 29: masks: reading and writing through them, `masked_fill`, `masked_select`, `where`, `nonzero`, uint8 images."""

import numpy as np
import pytest

import tensorx as tx


@pytest.fixture
def values(device):
    return tx.tensor([[1.0, -2.0, 3.0], [-4.0, 5.0, -6.0]], device=device)


def test_reading_through_a_mask(values):
    assert values[values > 0].tolist() == [1, 3, 5]
    assert values[tx.tensor([True, False], device=values.device)].tolist() == [[1, -2, 3]]
    assert values[values > 100].shape == (0,)
    assert values[:, tx.tensor([True, False, True], device=values.device)].shape == (2, 2)
    assert tx.masked_select(values, values < 0).tolist() == [-2, -4, -6]


def test_writing_through_a_mask(values):
    values[values < 0] = 0
    assert values.tolist() == [[1, 0, 3], [0, 5, 0]]
    values[values > 0] = tx.tensor([7.0, 8.0, 9.0], device=values.device)
    assert values.tolist() == [[7, 0, 8], [0, 9, 0]]
    values.masked_fill_(values == 0, -1)
    assert values.tolist() == [[7, -1, 8], [-1, 9, -1]]


def test_the_number_of_values_must_be_that_of_the_mask(values):
    with pytest.raises((RuntimeError, ValueError, IndexError), match="3"):
        values[values > 0] = tx.tensor([7.0, 8.0], device=values.device)
    with pytest.raises(IndexError):
        values[tx.tensor([True, False, True], device=values.device)]


def test_where_and_nonzero(values):
    assert tx.where(values > 0, values, tx.zeros_like(values)).tolist() == [[1, 0, 3], [0, 5, 0]]
    assert tx.where(values > 0, 1.0, -1.0).tolist() == [[1, -1, 1], [-1, 1, -1]]
    assert tx.nonzero(values > 0).tolist() == [[0, 0], [0, 2], [1, 1]]
    rows, columns = tx.where(values > 0)
    assert rows.tolist() == [0, 0, 1] and columns.tolist() == [0, 2, 1]
    assert [part.tolist() for part in tx.nonzero(values > 0, as_tuple=True)] == [[0, 0, 1], [0, 2, 1]]


def test_gradients_reach_what_the_mask_chose(values):
    values.requires_grad_()
    (values[values > 0] ** 2).sum().backward()
    assert values.grad.tolist() == [[2, 0, 6], [0, 10, 0]]
    values.grad = None
    values.masked_fill(values < 0, 0.0).sum().backward()
    assert values.grad.tolist() == [[1, 0, 1], [0, 1, 0]]
    values.grad = None
    tx.where(values > 0, values, -2 * values).sum().backward()
    assert values.grad.tolist() == [[1, -2, 1], [-2, 1, -2]]


def test_a_written_region_hands_its_gradient_to_what_was_written(device):
    x = tx.ones(4, device=device, requires_grad=True)
    new = tx.zeros(2, device=device, requires_grad=True)
    y = x * 3
    y[tx.tensor([True, False, True, False], device=device)] = new
    y.sum().backward()
    assert x.grad.tolist() == [0, 3, 0, 3] and new.grad.tolist() == [1, 1]


def test_masks_combine(values):
    both = (values > 0) & (values < 4)
    assert both.dtype is tx.bool and (both | ~both).all()
    assert (both ^ both).any().item() is False
    assert both.sum().item() == 2


def test_an_image_of_bytes(device):
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    x = tx.from_numpy(image).to(device)
    assert x.dtype is tx.uint8
    bright = x > 30
    x[bright] = 255
    expected = image.copy()
    expected[expected > 30] = 255
    assert np.array_equal(x.cpu().numpy(), expected)
    scaled = x.permute(2, 0, 1).float() / 255
    assert scaled.shape == (3, 4, 5) and scaled.max().item() == 1.0
    assert (tx.tensor([250], dtype=tx.uint8, device=device) + 10).item() == 4  # bytes wrap


def test_a_mask_of_bytes_is_a_mask_as_in_older_code(device):
    x = tx.arange(4, device=device)
    assert x[tx.tensor([1, 0, 1, 0], dtype=tx.uint8, device=device)].tolist() == [0, 2]
