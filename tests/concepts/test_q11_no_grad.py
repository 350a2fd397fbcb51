"""11. no_grad records nothing, and holds no memory for gradients."""

import threading

import pytest
from memory_use import peak

import tensorx as tx

LAYERS, SIZE = 20, 1000
NBYTES = SIZE * 4


def run(x):
    for _ in range(LAYERS):
        x = x.sin()
    return x


@pytest.mark.parametrize("mode", [tx.no_grad, tx.inference_mode])
def test_no_memory_is_held(mode, device):
    x = tx.ones(SIZE, device=device, requires_grad=True)
    kept = []
    recorded = peak(device, lambda: kept.append(run(x)))
    kept.clear()
    with mode():
        unrecorded = peak(device, lambda: kept.append(run(x)))
    assert not kept[0].requires_grad
    assert recorded >= LAYERS * NBYTES  # the input of every layer but the first, and the result
    assert unrecorded <= 2 * NBYTES + 256  # of the result and one input, at a time
    kept.clear()


def test_ways_to_say_it(device):
    x = tx.ones(2, device=device, requires_grad=True)

    @tx.no_grad()
    def decorated(x):
        return x * 2

    assert not decorated(x).requires_grad and tx.is_grad_enabled()
    with tx.no_grad():
        assert not (x * 2).requires_grad
        with tx.enable_grad():
            assert (x * 2).requires_grad
        with tx.set_grad_enabled(True):
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    with pytest.raises(KeyError), tx.no_grad():
        raise KeyError
    assert (x * 2).requires_grad


def test_each_thread_has_its_own(device):
    x = tx.ones(2, device=device, requires_grad=True)
    found = []
    with tx.no_grad():
        thread = threading.Thread(target=lambda: found.append((x * 2).requires_grad))
        thread.start()
        thread.join()
        assert not (x * 2).requires_grad
    assert found == [True]
