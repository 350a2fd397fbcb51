"""Row 41: benchmark mode times the algorithms of a convolution per shape; the choice can be seen, saved and reloaded."""

import pytest

import tensorx as tx

conv = tx.backends.conv


@pytest.fixture(autouse=True)
def benchmark():
    conv.clear()
    with conv.flags(benchmark=True):
        yield
    conv.clear()


@pytest.fixture
def step(device):
    tx.manual_seed(0)
    layers = tx.nn.Sequential(tx.nn.Conv2d(3, 8, 3, padding=1), tx.nn.ReLU(), tx.nn.Conv2d(8, 4, 5)).to(device)
    x = tx.randn(2, 3, 10, 10).to(device)

    def run():
        layers.zero_grad()
        layers(x).square().sum().backward()
        return [p.grad.tolist() for p in layers.parameters()]

    return run


def test_each_problem_is_timed_once(step):
    first = step()
    choices = conv.cache()
    assert len(choices) == 5  # of the first layer no gradient of the input is wanted
    for choice in choices:
        assert choice.seconds[choice.algorithm] == min(choice.seconds.values()) and len(choice.seconds) >= 2
    assert step() == first and conv.cache() == choices  # the choice does not change in mid-run


def test_candidates_depend_on_the_device_and_the_kernel(step, device):
    step()
    for choice in conv.cache():
        everywhere = {"direct", "implicit_gemm"}
        winograd = {"winograd_2x2", "winograd_4x4"} if choice.problem.weight[2:] == (3, 3) else set()
        assert set(choice.seconds) == (everywhere if device == "cuda" else everywhere | winograd | {"fft"})


def test_saved_choices_reproduce_the_run(step, tmp_path):
    wanted = step()
    conv.save(tmp_path / "choices.json")
    choices = conv.cache()
    conv.clear()
    conv.deterministic = True  # from now on nothing is timed
    conv.load(tmp_path / "choices.json")
    assert conv.cache() == choices
    assert step() == wanted and conv.cache() == choices


def test_one_algorithm_for_all(step):
    with conv.flags(algorithm="implicit_gemm"):
        step()
    assert conv.cache() == []


def test_pytorchs_name(step):
    tx.backends.cudnn.benchmark = False
    step()
    assert conv.cache() == []
    tx.backends.cudnn.benchmark = True
    step()
    assert len(conv.cache()) == 5
