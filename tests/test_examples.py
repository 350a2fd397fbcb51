"""Every example runs, with a tiny budget, to its pictures; and fails where it was asked to fail."""

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

EXAMPLES = {  # arguments of a short run, and the pictures that it writes
    "accumulation": (["--epochs", "1", "--batches", "2"], ["accumulation"]),
    "double_descent": (["--images", "30", "--draws", "1", "--at-least", "2"], ["double_descent"]),
    "generate": (["--epochs", "1", "--batch", "256"], ["generate_codes", "generate_samples"]),
    "simulation": (["--iterations", "3", "--steps", "20"], ["simulation"]),
}
UNREACHABLE = {  # an aim that no run meets
    "accumulation": ["--within", "-1"],
    "double_descent": ["--at-least", "1e9"],
    "generate": ["--at-most", "0"],
    "simulation": ["--within", "0"],
}


@pytest.fixture
def run(example, tmp_path):
    """run(name, arguments): what the example's main returns, with its pictures in tmp_path."""
    return lambda name, arguments: example(name).main([*arguments, "--out", str(tmp_path)])


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(run, name, tmp_path, capsys):
    arguments, pictures = EXAMPLES[name]
    assert run(name, arguments) == 0
    assert sorted(path.stem for path in tmp_path.iterdir()) == pictures
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.iterdir())
    assert "nan" not in capsys.readouterr().out
    assert run(name, [*arguments, *UNREACHABLE[name]]) == 1
