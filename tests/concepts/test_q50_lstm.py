"""50. Recurrent nets: what they return, PyTorch's state by name, packed sequences, and a mix-up of batch and time."""

import pytest

import tensorx as tx
from tensorx import nn
from tensorx.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

STEPS, BATCH, INPUTS, SIZE = 5, 3, 4, 6


def test_what_comes_out(device):
    """The output has the last layer at every step, h and c every layer at the last step."""
    net = nn.LSTM(INPUTS, SIZE, num_layers=2, bidirectional=True, device=device)
    output, (h, c) = net(tx.randn(STEPS, BATCH, INPUTS, device=device))
    assert output.shape == (STEPS, BATCH, 2 * SIZE) and h.shape == c.shape == (4, BATCH, SIZE)
    assert tx.equal(output[-1, :, :SIZE], h[2])  # forward: ends at the last step
    assert tx.equal(output[0, :, SIZE:], h[3])  # backward: ends at the first


def test_batch_first_is_a_matter_of_layout_alone(device):
    net = nn.GRU(INPUTS, SIZE, device=device)
    other = nn.GRU(INPUTS, SIZE, batch_first=True, device=device)
    other.load_state_dict(net.state_dict())
    x = tx.randn(STEPS, BATCH, INPUTS, device=device)
    (output, h), (swapped, same) = net(x), other(x.transpose(0, 1))
    assert tx.equal(output, swapped.transpose(0, 1)) and tx.equal(h, same)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_a_mix_up_of_batch_and_time_is_pointed_out(name, batch_first, device):
    """The input is (batch, steps, features) and batch_first is not set, or the other way round: the hidden state shows it."""
    net = getattr(nn, name)(INPUTS, SIZE, batch_first=batch_first, device=device)
    x = tx.zeros(*((STEPS, BATCH) if batch_first else (BATCH, STEPS)), INPUTS, device=device)
    h = tx.zeros(1, BATCH, SIZE, device=device)
    with pytest.raises(RuntimeError, match=f"batch_first={not batch_first}") as raised:
        net(x, (h, h) if name == "LSTM" else h)
    assert f"Expected hidden{'[0]' if name == 'LSTM' else ''} size (1, {STEPS}, {SIZE})" in str(raised.value)
    with pytest.raises(RuntimeError) as raised:  # a state that would fit neither way
        net(x, (h[..., :2],) * 2 if name == "LSTM" else h[..., :2])
    assert "batch_first" not in str(raised.value)


def test_lengths_for_the_other_layout_are_pointed_out():
    with pytest.raises(RuntimeError, match="batch_first=True"):
        pack_padded_sequence(tx.zeros(BATCH, STEPS, INPUTS), [5, 4, 2])


def test_padding_does_not_count(device):
    """Packed, a short sequence gives what it gives alone; padded, it does not."""
    net = nn.LSTM(INPUTS, SIZE, bidirectional=True, device=device).double()
    x = tx.randn(STEPS, BATCH, INPUTS, dtype=tx.float64, device=device)
    lengths = [2, 5, 3]
    packed, (h, _) = net(pack_padded_sequence(x, lengths, enforce_sorted=False))
    output, _ = pad_packed_sequence(packed)
    _, (padded, _) = net(x)
    for i, length in enumerate(lengths):
        alone, (last, _) = net(x[:length, i])
        assert tx.allclose(output[:length, i], alone) and tx.allclose(h[:, i], last)
        assert tx.allclose(padded[:, i], last) == (length == STEPS)


def test_state_from_pytorch():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.LSTM(INPUTS, SIZE, num_layers=2, bidirectional=True, proj_size=2)
    ours = nn.LSTM(INPUTS, SIZE, num_layers=2, bidirectional=True, proj_size=2)
    ours.load_state_dict({name: tx.tensor(value.numpy()) for name, value in theirs.state_dict().items()})
    x = torch.randn(STEPS, BATCH, INPUTS)
    assert tx.allclose(ours(tx.tensor(x.numpy()))[0], tx.tensor(theirs(x)[0].detach().numpy()), atol=1e-6)


def test_it_learns(device):
    """To say whether the first element of a sequence was positive: it has to be remembered."""
    tx.manual_seed(0)
    net, head = nn.LSTM(1, 8, device=device), nn.Linear(8, 1, device=device)
    optimizer = tx.optim.Adam([*net.parameters(), *head.parameters()], lr=0.05)
    x = tx.randn(6, 32, 1, device=device)
    wanted = (x[0] > 0).float()
    for _ in range(40):
        optimizer.zero_grad()
        _, (h, _) = net(x)
        loss = nn.functional.binary_cross_entropy_with_logits(head(h[-1]), wanted)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
