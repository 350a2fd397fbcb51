"""16. detach: the same data, no history."""

import tensorx as tx


def test_shares_data_and_has_no_history(device):
    x = tx.ones(3, device=device, requires_grad=True)
    y = x * 2
    d = y.detach()
    assert d.data_ptr() == y.data_ptr() and not d.requires_grad and d.is_leaf
    d[0] = 7.0
    assert y[0].item() == 7.0


def test_gradients_stop(device):
    x = tx.tensor(3.0, device=device, requires_grad=True)
    (x * x.detach()).backward()
    assert x.grad.item() == 3.0  # not 6: one factor is a constant


def test_in_place(device):
    x = tx.tensor(3.0, device=device, requires_grad=True)
    y = x * 2
    y.detach_()
    assert y.is_leaf and not y.requires_grad


def test_truncated_backpropagation(device):
    """Detaching the state between chunks cuts the gradient there, and leaves the values as they are."""
    w = tx.tensor(0.9, dtype=tx.float64, device=device, requires_grad=True)

    def run(chunk):
        h = tx.ones((), dtype=tx.float64, device=device)
        w.grad = None
        for t in range(6):
            if t % chunk == 0:
                h = h.detach()
            h = w * h
        h.backward()
        return h.item(), w.grad.item()

    (full, whole), (value, cut) = run(6), run(2)
    assert full == value
    # h = w**6; with the last two steps only, w**2 times a constant.
    assert abs(whole - 6 * 0.9**5) < 1e-12 and abs(cut - 2 * 0.9 * 0.9**4) < 1e-12
