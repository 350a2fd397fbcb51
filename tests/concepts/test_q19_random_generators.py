"""Random numbers: seeds, generators, states, fork; the same stream on every device and for any number of threads."""

import numpy as np
import pytest

import tensorx as tx
from tensorx.utils.data import DataLoader, Dataset


def draws(device, generator=None):
    """Numbers of every kind of sampler, in float64 arrays."""
    options = {"generator": generator, "device": device}
    probabilities = tx.linspace(0.1, 0.9, 9, device=device)
    found = [
        tx.rand(300, **options),
        tx.randn(301, **options),
        tx.rand(33, dtype=tx.float64, **options),
        tx.randint(-5, 500, (77,), **options),
        tx.randperm(50, **options),
        tx.empty(64, device=device).exponential_(generator=generator),
        tx.bernoulli(probabilities, generator=generator),
        tx.poisson(probabilities * 40, generator=generator),
        tx.binomial(tx.full((9,), 60.0, device=device), probabilities, generator=generator),
        tx.multinomial(probabilities, 40, True, generator=generator),
        tx.dropout(tx.ones(100, device=device), 0.3, True, generator=generator),
    ]
    return [x.double().cpu().numpy() for x in found]


def assert_equal(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def assert_differ(first, second):
    assert any((a != b).any() for a, b in zip(first, second, strict=True))


def test_a_seed_gives_the_same_numbers_again(device):
    tx.manual_seed(5)
    first, second = draws(device), draws(device)
    assert_differ(first, second)
    tx.manual_seed(5)
    assert_equal(draws(device), first)
    tx.manual_seed(6)
    assert_differ(draws(device), first)


def test_the_stream_is_the_same_on_every_device(device):
    tx.manual_seed(7)
    here = draws("cpu")
    tx.manual_seed(7)
    assert_equal(draws(device), here)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_and_for_any_number_of_threads(device, threads):
    before = tx.get_num_threads()
    tx.manual_seed(7)
    expected = draws("cpu")
    tx.set_num_threads(threads)
    try:
        tx.manual_seed(7)
        assert_equal(draws(device), expected)
    finally:
        tx.set_num_threads(before)


def test_generators_are_independent_of_the_default_one(device):
    g = tx.Generator(device=device).manual_seed(9)
    assert g.device.type == device and g.initial_seed() == 9
    tx.manual_seed(1)
    expected = draws(device)
    tx.manual_seed(1)
    mine = draws(device, g)
    assert_equal(draws(device), expected)
    assert_equal(draws(device, tx.Generator(device=device).manual_seed(9)), mine)


def test_states_are_kept_and_restored(device):
    g = tx.Generator(device=device).manual_seed(3)
    draws(device, g)
    state, clone, safe, offset = g.get_state(), g.clone_state(), g.graphsafe_get_state(), g.get_offset()
    expected = draws(device, g)
    assert_equal(draws(device, clone), expected)
    assert_equal(draws(device, tx.Generator(device=device).graphsafe_set_state(safe)), expected)
    g.set_state(state)
    assert_equal(draws(device, g), expected)
    g.set_offset(offset)
    assert_equal(draws(device, g), expected)


def test_the_default_generators_have_states_too(device):
    get, restore = (
        (tx.get_rng_state, tx.set_rng_state) if device == "cpu" else (tx.cuda.get_rng_state, tx.cuda.set_rng_state)
    )
    tx.manual_seed(3)
    state = get()
    expected = draws(device)
    restore(state)
    assert_equal(draws(device), expected)


def test_fork_restores_the_generators(device):
    tx.manual_seed(4)
    draws(device)
    with tx.random.fork_rng():
        expected = draws(device)
        tx.manual_seed(99)
        draws(device)
    assert_equal(draws(device), expected)


def test_devices_do_not_disturb_each_other(device):
    if device == "cpu":
        pytest.skip("needs a second device")
    tx.manual_seed(4)
    expected = draws("cpu")
    tx.manual_seed(4)
    draws("cuda")
    assert_equal(draws("cpu"), expected)


class Noise(Dataset):
    """A dataset that draws in the worker that loads it."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return tx.rand(2)


def test_workers_of_a_loader_are_seeded():
    """Different numbers in each worker, and the same again for the same seed."""
    epochs = []
    for seed in (11, 11, 12):
        tx.manual_seed(seed)
        try:
            loader = DataLoader(Noise(), batch_size=2, num_workers=2)
        except ValueError:
            pytest.skip("this DataLoader has no workers")
        epochs.append(tx.cat(list(loader)).tolist())
    assert epochs[0] == epochs[1] != epochs[2]
    assert len({tuple(x) for x in epochs[0]}) == 8
