"""The examples on sequences and trees run, learn something in a few steps, and draw what they say they draw."""

import random
import re

import pytest

import tensorx as tx

pytest.importorskip("tqdm", reason="the examples' progress bar: pip install '.[examples]'")
pytest.importorskip("matplotlib", reason="the examples' pictures: pip install '.[examples]'")


def table_row(text, name):
    """The numbers in the line that starts with `name`."""
    line = re.search(rf"^ *{re.escape(name)}\b(.*)$", text, re.MULTILINE)
    assert line is not None, f"no line {name!r} in:\n{text}"
    return [float(number) for number in re.findall(r"\d+\.?\d*", line[1])]


SMALL_GPT = "--steps 25 --batch 4 --context 16 --size 32 --layers 1 --write 20".split()


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("the cat sat on the mat. " * 200)
    return str(path)


def test_gpt(example, tmp_path, capsys, device, text):
    main = example("gpt").main
    arguments = ["--text", text, "--device", device, "--out", str(tmp_path / "out"), *SMALL_GPT]
    assert main([*arguments, "--at-most", "3"]) == 0
    printed = capsys.readouterr().out
    for part in (
        "4,800 characters, 11 different",
        "characters per second",
        "--- temperature 0.5",
        "--- temperature 1.1",
    ):
        assert part in printed
    assert table_row(printed, "every character alike") == [pytest.approx(3.459)]
    assert table_row(printed, "counts, 5 characters back")[0] < 0.3
    assert (tmp_path / "out" / "gpt_loss.png").stat().st_size > 1000
    assert main([*arguments, "--at-most", "0.01"]) == 1
    assert "more than 0.01 bits" in capsys.readouterr().err


def test_gpt_sees_only_what_came_before(example, device):
    model = example("gpt").GPT(5, context=6, size=32, heads=1, layers=2).to(device)
    x = tx.randint(5, (1, 6)).to(device)
    other = x.clone()
    other[0, 4] = (x[0, 4] + 1) % 5
    change = (model(x) - model(other)).abs().amax((0, 2))
    assert (change[:4] == 0).all() and (change[4:] > 0).all()


def test_gpt_reads_a_text_that_is_there_with_python(example):
    assert len(example("gpt").read_text(None)) > 200_000


def test_gpt_text_too_short(example, tmp_path, capsys):
    path = tmp_path / "short.txt"
    path.write_text("short")
    with pytest.raises(SystemExit):
        example("gpt").main(["--text", str(path)])
    assert "needs more than ten times that" in capsys.readouterr().err


def test_counting(example):
    """By hand: after learning aab, order 0 gives a (2 + 2 / 2) / (3 + 2), and b (1 + 2 / 2) / (3 + 2)."""
    (order0,) = example("gpt").bits_by_counting("aab", "ab", longest=0)
    assert 2 ** (-2 * order0) == pytest.approx(3 / 5 * 2 / 5)


def test_tree_lstm(example, tmp_path, capsys, device):
    steps = "4" if device == "cuda" else "12"
    arguments = f"--batch 4 --size 8 --depth 2 --asked 10 --device {device} --out {tmp_path}".split()
    assert example("tree_lstm").main([*arguments, "--steps", steps]) == 0
    printed = capsys.readouterr().out
    assert [len(table_row(printed, str(depth))) for depth in (1, 2, 3, 4)] == [4] * 4
    dot = (tmp_path / "tree_lstm.dot").read_text()
    assert dot.startswith("digraph {") and "digits.weight" in dot
    assert example("tree_lstm").main([*arguments, "--steps", "1", "--at-least", "100.1"]) == 1


def test_trees(example):
    module = example("tree_lstm")
    tree = ("MAX", [2, 9, ("MIN", [4, 7]), ("GAP", [5, 6, ("MED", [1, 3, 8])])])
    assert module.spell(tree) == "[MAX 2 9 [MIN 4 7] [GAP 5 6 [MED 1 3 8]]]"
    assert module.evaluate(tree) == 9 and module.evaluate(tree[1][2]) == 4 and module.evaluate(tree[1][3]) == 3
    assert module.count_tokens(tree) == [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]

    def depth(tree):
        return 0 if isinstance(tree, int) else 1 + max(map(depth, tree[1]))

    assert [depth(module.make_tree(d, random.Random(d))) for d in range(6)] == list(range(6))


def test_a_tree_of_many_levels(example):
    module = example("tree_lstm")
    scores = module.TreeLSTM(8)([module.make_tree(8, random.Random(0))])
    scores.sum().backward()
    assert scores.shape == (1, 10)


def test_forecast(example, tmp_path, capsys, device):
    arguments = (
        f"--steps 3 --batch 2 --size 4 --years 3 --paths 5 --until 2000 --device {device} --out {tmp_path}".split()
    )
    assert example("forecast").main(arguments) == 0
    printed = capsys.readouterr().out
    assert "7 forecasts, from 2000 on" in printed
    assert len(table_row(printed, "LSTM, median of draws")) == 3
    assert (tmp_path / "forecast.png").stat().st_size > 1000
    assert example("forecast").main([*arguments, "--at-most", "0.1"]) == 1


def test_forecast_arguments(example, capsys):
    with pytest.raises(SystemExit):
        example("forecast").main(["--until", "2005"])
    assert "--until must leave" in capsys.readouterr().err


def test_sunspots(example):
    numbers = [float(number) for number in example("forecast").SUNSPOTS.split()]
    assert len(numbers) == 309  # 1700 to 2008
    assert numbers[1957 - 1700] == max(numbers) == 190.2


def test_autoregression_finds_its_weights(example):
    module = example("forecast")
    series = [1.0, 2.0]
    for _ in range(30):
        series.append(0.5 * series[-1] - 0.9 * series[-2] + 0.3)
    weights = module.autoregression(module.np.array(series), order=2)
    assert weights == pytest.approx([-0.9, 0.5, 0.3])
    assert module.extend(module.np.array(series[:10]), weights, 5) == pytest.approx(series[10:15])


def test_truncated_bptt(example, tmp_path, capsys, device):
    arguments = (
        "--lengths 8 128 --piece 4 --pieces 2 4 --lag 1 --streams 2 --length 16 --batch 2 --size 4 --constant "
        f"--device {device} --out {tmp_path}"
    )
    assert example("truncated_bptt").main(arguments.split()) == 0
    printed = capsys.readouterr().out
    short, long = (table_row(printed.splitlines()[k], length) for k, length in ((2, "8"), (3, "128")))
    assert len(short) == len(long) == 4
    assert (tmp_path / "truncated_bptt.png").stat().st_size > 1000
    # pieces as long as the sequences: the memory grows, and that is noticed
    assert example("truncated_bptt").main([*arguments.split(), "--piece", "128"]) == 1
    assert "the memory grew" in capsys.readouterr().err


def test_the_echo_is_what_came_before(example):
    module = example("truncated_bptt")
    options = type("Options", (), {"lag": 3, "batch": 2, "device": "cpu"})
    x, y = (tx.cat(parts) for parts in zip(*module.stream(20, 6, options)))
    assert len(x) == 20 and (y[3:] == x[:-3]).all() and (y[:3] == 0).all()
