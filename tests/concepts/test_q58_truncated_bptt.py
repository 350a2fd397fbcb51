"""58. Truncated backpropagation through time: memory does not depend on the length of the sequence."""

from memory_use import peak

import tensorx as tx

SIZE, BATCH, CHUNK = 16, 8, 10


def train(device, length, truncated):
    """Most bytes held while a recurrent net runs over a sequence and learns."""
    tx.manual_seed(0)
    w = (tx.randn(SIZE, SIZE, device=device) / SIZE).requires_grad_()
    w.grad = tx.zeros_like(w)

    def run():
        h = tx.zeros(BATCH, SIZE, device=device)
        loss = 0.0
        for t in range(length):
            h = (h @ w + t % 3).tanh()
            loss = loss + h.square().mean()
            if truncated and (t + 1) % CHUNK == 0:
                loss.backward()
                h, loss = h.detach(), 0.0
        if not truncated:
            loss.backward()

    return peak(device, run)


def test_memory_is_constant_in_the_length(device):
    short, long = (train(device, length, truncated=True) for length in (CHUNK, 20 * CHUNK))
    assert long <= short + 1024
    assert train(device, 20 * CHUNK, truncated=False) > 10 * short
