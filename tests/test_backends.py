"""tensorx.backends: the choice of convolution algorithms, its files, and PyTorch's names."""

import copy
import json
import subprocess
import sys
import threading

import pytest

import tensorx as tx

F, conv = tx.nn.functional, tx.backends.conv


@pytest.fixture(autouse=True)
def no_choices():
    conv.clear()
    with conv.flags():
        yield
    conv.clear()


def convolve(size=12, padding=1):
    return F.conv2d(tx.ones(1, 2, size, size), tx.ones(4, 2, 3, 3), padding=padding)


# ---- the choice


def test_nothing_is_timed_unless_asked_for():
    convolve()
    assert conv.benchmark is conv.deterministic is False and conv.algorithm is None and conv.cache() == []


def test_a_problem_is_timed_once():
    conv.benchmark = True
    wanted = convolve()
    (choice,) = conv.cache()
    problem = choice.problem
    assert problem.operation == "forward" and problem.dtype == "float32" and problem.device.startswith("cpu ")
    assert problem.input == (1, 2, 12, 12) and problem.weight == (4, 2, 3, 3) and problem.groups == 1
    assert problem.stride == (1, 1) and problem.padding == (1, 1) and problem.dilation == (1, 1)
    assert problem.threads == tx.get_num_threads()
    assert set(choice.seconds) == set(conv.algorithms()) and all(time > 0 for time in choice.seconds.values())
    assert choice.seconds[choice.algorithm] == min(choice.seconds.values())
    assert tx.allclose(convolve(), wanted, atol=1e-4) and conv.cache() == [choice]
    convolve(padding=0)
    assert len(conv.cache()) == 2


def test_a_problem_tells_all_of_its_geometry():
    with conv.flags(benchmark=True):
        F.conv2d(tx.ones(2, 6, 20, 30), tx.ones(9, 2, 3, 4), None, (2, 3), (4, 5), (6, 7), 3)
    problem = conv.cache()[0].problem
    assert problem.input == (2, 6, 20, 30) and problem.weight == (9, 2, 3, 4) and problem.groups == 3
    assert (problem.stride, problem.padding, problem.dilation) == ((2, 3), (4, 5), (6, 7))


def test_gradients_are_problems_of_their_own():
    conv.benchmark = True
    x, w = tx.ones(2, 3, 9, 9, requires_grad=True), tx.ones(5, 3, 3, 3, requires_grad=True)
    F.conv2d(x, w, stride=2).sum().backward()
    assert {c.problem.operation for c in conv.cache()} == {"forward", "input_gradient", "weight_gradient"}
    assert {c.problem.input for c in conv.cache()} == {(2, 3, 9, 9)}
    assert all(set(c.seconds) == {"direct", "implicit_gemm"} for c in conv.cache())  # what a stride of 2 leaves


def test_the_choice_is_the_one_that_runs():
    """Each algorithm rounds in its own way: a choice that is loaded shows in the bits."""
    x, w = tx.rand(1, 8, 12, 12), tx.rand(8, 8, 3, 3)
    bits = {}
    for name in conv.algorithms():
        with conv.flags(algorithm=name):
            bits[name] = F.conv2d(x, w).tolist()
    assert bits["winograd_2x2"] != bits["direct"] != bits["winograd_4x4"]
    with conv.flags(benchmark=True):
        F.conv2d(x, w)
        assert F.conv2d(x, w).tolist() == bits[conv.cache()[0].algorithm]


def test_empty_problems_are_not_timed():
    conv.benchmark = True
    assert F.conv2d(tx.ones(1, 0, 4, 4), tx.ones(2, 0, 3, 3)).tolist() == tx.zeros(1, 2, 2, 2).tolist()
    assert F.conv2d(tx.ones(0, 2, 4, 4), tx.ones(2, 2, 3, 3)).shape == (0, 2, 2, 2)
    assert conv.cache() == []


def test_threads_share_choices():
    conv.benchmark = True
    workers = [threading.Thread(target=convolve) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(conv.cache()) == 1


def test_deterministic_times_nothing(tmp_path):
    conv.benchmark = True
    convolve()
    conv.save(tmp_path / "choices.json")
    known = conv.cache()
    conv.clear()
    conv.deterministic = True
    convolve()
    assert conv.cache() == []
    assert conv.load(tmp_path / "choices.json") == 1
    convolve()
    convolve(padding=0)
    assert conv.cache() == known


# ---- files


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("choices") / "choices.json"
    with conv.flags(benchmark=True):
        convolve()
    conv.save(path)
    conv.clear()
    return path.read_text()


@pytest.fixture
def saved(text, tmp_path):
    """A file of one choice, which is in the cache."""
    path = tmp_path / "choices.json"
    path.write_text(text)
    conv.load(path)
    return path


def test_save_and_load(saved):
    known = conv.cache()
    assert conv.load(saved) == 0 and conv.cache() == known
    conv.clear()
    assert conv.load(str(saved)) == 1 and conv.cache() == known


def test_every_number_of_a_problem_comes_back(tmp_path):
    with conv.flags(benchmark=True):
        F.conv2d(tx.ones(2, 6, 20, 30), tx.ones(9, 2, 3, 4), None, (2, 3), (4, 5), (6, 7), 3)
    known = conv.cache()
    conv.save(tmp_path / "choices.json")
    conv.clear()
    assert conv.load(tmp_path / "choices.json") == 1 and conv.cache() == known


def test_a_choice_in_use_is_kept(saved):
    known = conv.cache()
    content = json.loads(saved.read_text())
    others = [name for name in conv.algorithms() if name != known[0].algorithm]
    content["choices"][0]["algorithm"] = others[0]
    saved.write_text(json.dumps(content))
    assert conv.load(saved) == 0 and conv.cache() == known
    conv.clear()
    assert conv.load(saved) == 1 and conv.cache()[0].algorithm == others[0]


def set_to(value, *path):
    def damage(content):
        *parents, last = path
        for key in parents:
            content = content[key]
        content[last] = value

    return damage


def without(*path):
    def damage(content):
        *parents, last = path
        for key in parents:
            content = content[key]
        del content[last]

    return damage


FIRST = ("choices", 0)
DAMAGES = [
    set_to("another", "format"),
    without("format"),
    set_to(2, "version"),
    set_to(True, "version"),
    without("version"),
    set_to({}, "choices"),
    set_to(None, "choices"),
    set_to([1], "choices"),
    set_to([{}], "choices"),
    *(without(*FIRST, name) for name in (*conv.Problem._fields, "algorithm", "seconds")),
    set_to(1, *FIRST, "more"),
    set_to("sideways", *FIRST, "operation"),
    set_to(["forward"], *FIRST, "operation"),
    set_to("int8", *FIRST, "dtype"),
    set_to(3, *FIRST, "device"),
    set_to(0, *FIRST, "threads"),
    set_to(True, *FIRST, "threads"),
    set_to(10**30, *FIRST, "threads"),
    set_to([1, 2, 12], *FIRST, "input"),
    set_to([1, 2, 12, 12.5], *FIRST, "input"),
    set_to([1, 2, 12, "12"], *FIRST, "input"),
    set_to([1, 2, 12, 2**70], *FIRST, "input"),
    set_to([1, 2, 0, 12], *FIRST, "input"),
    set_to([4, 3, 3, 3], *FIRST, "weight"),
    set_to([4, 2, 5, 5], *FIRST, "weight"),
    set_to([2, 2], *FIRST, "stride"),
    set_to([0, 1], *FIRST, "stride"),
    set_to([-1, 1], *FIRST, "padding"),
    set_to([1, 2], *FIRST, "dilation"),
    set_to(None, *FIRST, "dilation"),
    set_to(2, *FIRST, "groups"),
    set_to(0, *FIRST, "groups"),
    set_to("default", *FIRST, "algorithm"),
    set_to(1, *FIRST, "algorithm"),
    set_to([], *FIRST, "seconds"),
    set_to({"guess": 1.0}, *FIRST, "seconds"),
    set_to({"direct": "fast"}, *FIRST, "seconds"),
    set_to({"direct": -1.0}, *FIRST, "seconds"),
    set_to({"direct": float("nan")}, *FIRST, "seconds"),
    set_to({"direct": float("inf")}, *FIRST, "seconds"),
    set_to({"direct": True}, *FIRST, "seconds"),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_adds_nothing(saved, damage):
    content = json.loads(saved.read_text())
    content["choices"][0]["algorithm"] = "winograd_4x4"  # the one with most requirements
    good = copy.deepcopy(content["choices"][0])
    damage(content)
    if isinstance(content.get("choices"), list):
        content["choices"].insert(0, good)
    saved.write_text(json.dumps(content))
    conv.clear()
    with pytest.raises(ValueError, match="backends.conv.load"):
        conv.load(saved)
    assert conv.cache() == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[]", b"null", b"[" * 100_000, b'"text"', b"1e999"])
def test_a_file_of_something_else(tmp_path, content):
    (tmp_path / "choices.json").write_bytes(content)
    with pytest.raises(ValueError, match="backends.conv.load"):
        conv.load(tmp_path / "choices.json")


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        conv.load(tmp_path / "missing.json")


def test_a_choice_of_another_machine_is_kept_apart(saved):
    content = json.loads(saved.read_text())
    content["choices"][0].update(device="cpu another", threads=99)
    saved.write_text(json.dumps(content))
    assert conv.load(saved) == 1 and len(conv.cache()) == 2


# ---- settings


@pytest.mark.parametrize("name", ["benchmark", "deterministic"])
@pytest.mark.parametrize("value", [1, None, "yes"])
def test_flags_are_bools(name, value):
    with pytest.raises(TypeError, match=f"backends.conv.{name} is True or False, got"):
        setattr(conv, name, value)


@pytest.mark.parametrize("value", ["default", "fastest", 3, b"fft"])
def test_algorithms_have_names(value):
    with pytest.raises(ValueError, match="None or one of direct, implicit_gemm, winograd_2x2, winograd_4x4, fft"):
        conv.algorithm = value


def test_a_name_that_is_no_setting():
    with pytest.raises(AttributeError, match="has no setting 'bench': it has benchmark, deterministic, algorithm"):
        conv.bench = True
    with pytest.raises(AttributeError, match="allow_tf32"):
        tx.backends.cuda.matmul.allow_tf = True


def test_flags_are_restored():
    conv.algorithm = "direct"
    with pytest.raises(KeyError), conv.flags(benchmark=True, algorithm="fft"):
        assert conv.benchmark and conv.algorithm == "fft"
        raise KeyError
    assert not conv.benchmark and conv.algorithm == "direct"
    with pytest.raises(ValueError), conv.flags(benchmark=True, algorithm="none"):
        pass
    assert not conv.benchmark
    conv.algorithm = None
    assert conv.algorithm is None


# ---- PyTorch's names


def test_cudnn_is_another_name():
    import tensorx.backends.cudnn as cudnn

    cudnn.benchmark, cudnn.deterministic = True, True
    assert conv.benchmark is conv.deterministic is True
    with cudnn.flags(enabled=False, benchmark=False, deterministic=True, allow_tf32=True):
        assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == (False, False, True, True)
        assert conv.allow_tf32 is True
    assert (cudnn.enabled, cudnn.benchmark, cudnn.allow_tf32, cudnn.benchmark_limit) == (True, True, False, 10)
    assert not cudnn.is_available() and cudnn.version() is None and not cudnn.is_acceptable(tx.ones(1))
    with pytest.raises(TypeError, match="benchmark_limit"):
        cudnn.benchmark_limit = -1


def test_what_there_is():
    backends = tx.backends
    assert backends.cuda.is_built() == tx._C.cuda_is_built()
    others = (backends.mps, backends.mkl, backends.mkldnn, backends.openmp)
    assert not any(other.is_available() for other in others) and not backends.mps.is_built()


def test_settings_that_are_only_kept():
    cuda = tx.backends.cuda
    assert cuda.matmul.allow_tf32 is False and cuda.matmul.allow_fp16_reduced_precision_reduction is True
    with pytest.raises(TypeError):
        cuda.matmul.allow_tf32 = "yes"
    with cuda.sdp_kernel(enable_flash=False, enable_math=True, enable_mem_efficient=False):
        assert not cuda.flash_sdp_enabled() and cuda.math_sdp_enabled() and not cuda.mem_efficient_sdp_enabled()
    assert cuda.flash_sdp_enabled() and cuda.mem_efficient_sdp_enabled() and cuda.cudnn_sdp_enabled()
    with tx.backends.mkldnn.flags(enabled=False):
        assert not tx.backends.mkldnn.enabled
    assert tx.backends.mkldnn.enabled


def test_names_and_defaults_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    for module, names in {
        "cudnn": ("enabled", "benchmark", "deterministic"),  # allow_tf32 is not True at first: see its page
        "mkldnn": ("enabled",),
    }.items():
        for name in names:
            assert getattr(getattr(tx.backends, module), name) == getattr(getattr(torch.backends, module), name), name
    for name in ("allow_tf32", "allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction"):
        assert getattr(tx.backends.cuda.matmul, name) == getattr(torch.backends.cuda.matmul, name), name


def test_loaded_when_it_is_used():
    code = (
        "import sys, tensorx; assert 'tensorx.backends' not in sys.modules; assert tensorx.backends.conv.cache() == []"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
