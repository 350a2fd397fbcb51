"""The profiler: what it records, its sums and tables, schedules, traces; and describe and memory_report."""

import gzip
import json
import threading
import warnings

import pytest

import tensorx as tx
from tensorx import nn
from tensorx.profiler import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    record_function,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)


def names(prof):
    return [e.name for e in prof.events()]


def by_key(prof, **options):
    return {e.key: e for e in prof.key_averages(**options)}


def test_ops_nodes_and_blocks(device):
    x = tx.ones(4, 4, device=device, requires_grad=True)
    with profile() as prof:
        with record_function("forward"):
            y = (x @ x).relu() * 2
            y += 1
        y.sum().backward()
    tx.ones(3).exp()  # after it: not recorded
    found = names(prof)
    assert found[:5] == ["forward", "matmul", "relu", "mul", "add_"]
    assert {"SumBackward0", "ReluBackward0", "MmBackward0"} <= set(found) and "exp" not in found
    forward = prof.events()[0]
    assert [e.name for e in forward.cpu_children] == ["matmul", "relu", "mul", "add_"]
    assert forward.cpu_children[0].cpu_parent is forward
    within = {e.cpu_parent.name for e in prof.events() if e.cpu_parent is not None}
    assert "MmBackward0" in within  # its rule calls ops


def test_times_add_up():
    with profile(activities=[ProfilerActivity.CPU]) as prof, record_function("outer"):
        for _ in range(3):
            with record_function("inner"):
                tx.rand(100).exp()
    sums = by_key(prof)
    outer, inner = sums["outer"], sums["inner"]
    assert (outer.count, inner.count, sums["exp"].count) == (1, 3, 3)
    assert outer.cpu_time_total >= inner.cpu_time_total >= sums["exp"].cpu_time_total > 0
    own = outer.self_cpu_time_total + inner.self_cpu_time_total + sums["exp"].self_cpu_time_total
    assert own == pytest.approx(outer.cpu_time_total)
    assert prof.events().self_cpu_time_total == pytest.approx(outer.cpu_time_total)
    assert inner.cpu_time == pytest.approx(inner.cpu_time_total / 3)
    total = prof.events().total_average()
    assert total.count == 7 and total.cpu_time_total == pytest.approx(outer.cpu_time_total)


def test_a_block_within_itself_counts_once():
    @record_function("recursive")
    def recursive(n):
        if n:
            recursive(n - 1)

    with profile() as prof:
        recursive(3)
    made = by_key(prof)["recursive"]
    assert made.count == 4 and made.cpu_time_total == pytest.approx(prof.events()[0].cpu_time_total)


def test_memory(device):
    with profile(profile_memory=True) as prof:
        kept = tx.ones(1000, device=device).exp()
        with record_function("lost"):
            kept.exp()
    usage = "cpu_memory_usage" if device == "cpu" else "device_memory_usage"
    assert getattr(prof.events()[0], usage) >= 4000
    lost = by_key(prof)["lost"]
    assert getattr(lost, usage) == 0 and getattr(lost, "self_" + usage) <= -4000


def test_device_time():
    if not tx.cuda.is_available():
        pytest.skip("this build or machine has no CUDA device")
    with profile(activities=supported_activities()) as prof, record_function("block"):
        tx.ones(100, device="cuda").exp()
        tx.ones(100).sin()
    made = by_key(prof)
    assert made["exp"].device_time_total > 0 and made["sin"].device_time_total == 0
    assert made["block"].cuda_time_total == made["exp"].cuda_time_total and made["block"].self_device_time_total == 0
    assert "Self CUDA" in prof.key_averages().table(sort_by="cuda_time_total")


def test_shapes_and_stacks():
    with profile(record_shapes=True, with_stack=True) as prof:
        tx.ones(2, 3) + tx.ones(3)
        tx.ones(2, 3) + tx.ones(3)
        tx.cat([tx.ones(1), tx.ones(2)])
        tx.ones(4) + 1
    events = prof.events()
    assert [e.input_shapes for e in events] == [[[2, 3], [3]], [[2, 3], [3]], [[[1], [2]]], [[4], []]]
    assert "test_shapes_and_stacks" in events[0].stack[0]
    by_shape = [(e.key, e.count) for e in prof.key_averages(group_by_input_shape=True)]
    assert by_shape == [("add", 2), ("cat", 1), ("add", 1)]
    assert len(prof.key_averages()) == 2 and len(prof.key_averages(group_by_stack_n=1)) == 4
    assert "Input Shapes" in str(events) and "Source Location" in str(events)


def test_table():
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as prof:
        for _ in range(3):
            tx.ones(10).exp()
        tx.ones(10).sin().cos()
    lines = prof.key_averages().table(sort_by="count", row_limit=2, header="what took time").splitlines()
    assert lines[0] == "what took time" and lines[-1].startswith("Self CPU time total:")
    assert [line.split()[0] for line in lines[4:-2]] == ["exp", "sin"]
    assert lines[4].split()[-1] == "3" and "CPU Mem" in lines[2]
    assert "..." in prof.key_averages().table(max_name_column_width=2)
    assert len(prof.key_averages().table(row_limit=-1, time_unit="us").splitlines()) == 3 + 3 + 2
    for wrong in ({"sort_by": "beauty"}, {"time_unit": "h"}):
        with pytest.raises(ValueError, match=r"table\(\): unknown"):
            prof.key_averages().table(**wrong)


def test_table_of_top_level_events():
    with profile() as prof, record_function("outer"):
        tx.ones(1).exp()
    assert "exp" not in prof.events().table(top_level_events_only=True)


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
def test_chrome_trace(name, tmp_path):
    with profile(record_shapes=True) as prof, record_function("outer"):
        tx.ones(2, 3).exp()
    prof.add_metadata("who", "me")
    prof.add_metadata_json("numbers", "[1, 2]")
    prof.export_chrome_trace(tmp_path / name)
    text = gzip.open(tmp_path / name, "rt").read() if name.endswith("gz") else (tmp_path / name).read_text()
    trace = json.loads(text)
    outer, exp = trace["traceEvents"]
    assert (outer["name"], exp["name"], exp["ph"]) == ("outer", "exp", "X")
    assert outer["ts"] <= exp["ts"] and exp["ts"] + exp["dur"] <= outer["ts"] + outer["dur"]
    assert exp["args"]["Input Dims"] == [[2, 3]] and (trace["who"], trace["numbers"]) == ("me", [1, 2])


def test_stacks_file(tmp_path):
    with profile(with_stack=True) as prof:
        tx.rand(10000).exp().sin()
    prof.export_stacks(tmp_path / "stacks.txt")
    line = (tmp_path / "stacks.txt").read_text().splitlines()[0]
    assert "test_stacks_file" in line and line.split()[-1].isdigit() and len(line.split()) == 2
    with pytest.raises(ValueError, match="metric"):
        prof.export_stacks(tmp_path / "stacks.txt", "beauty")


# ---- when


def test_schedule_is_pytorchs():
    torch_profiler = pytest.importorskip("torch.profiler")
    warnings.simplefilter("ignore")  # PyTorch's warns of schedules without warming up
    for options in (
        dict(wait=1, warmup=1, active=2),
        dict(wait=0, warmup=0, active=1),
        dict(wait=2, warmup=1, active=3, repeat=2, skip_first=3),
        dict(wait=2, warmup=0, active=1, repeat=1, skip_first=1, skip_first_wait=1),
    ):
        ours, theirs = schedule(**options), torch_profiler.schedule(**options)
        assert [ours(i).name for i in range(20)] == [theirs(i).name for i in range(20)]
    with pytest.raises(ValueError, match="active must be positive"):
        schedule(wait=1, warmup=1, active=0)
    assert schedule(wait=0, warmup=0, active=1)(5) is ProfilerAction.RECORD_AND_SAVE


@pytest.mark.parametrize("acc_events", [False, True])
def test_steps(acc_events):
    ready = []
    plan = schedule(wait=1, warmup=1, active=2, repeat=2)
    with profile(schedule=plan, on_trace_ready=lambda p: ready.append(names(p)), acc_events=acc_events) as prof:
        for _ in range(10):
            tx.ones(2).exp()
            prof.step()
    first = ["ProfilerStep#2", "exp", "ProfilerStep#3", "exp"]
    second = ["ProfilerStep#6", "exp", "ProfilerStep#7", "exp"]
    assert ready == [first, first + second if acc_events else second]


def test_a_recording_is_ready_when_the_profiler_stops():
    ready = []
    prof = profile(on_trace_ready=ready.append)
    with pytest.raises(RuntimeError, match="didn't finish running"):
        prof.events()
    prof.start()
    tx.ones(2).exp()
    prof.stop()
    assert ready == [prof] and names(prof) == ["exp"]
    prof.start()  # again
    prof.stop()
    assert names(prof) == []


def test_tensorboard(tmp_path):
    with profile(on_trace_ready=tensorboard_trace_handler(str(tmp_path / "log"), "me")):
        tx.ones(2).exp()
    (file,) = (tmp_path / "log").iterdir()
    assert file.name.startswith("me.") and file.name.endswith(".pt.trace.json") and json.loads(file.read_text())


def test_one_at_a_time_and_ends_with_an_exception():
    with pytest.raises(KeyError), profile():
        with pytest.raises(RuntimeError, match="running already"), profile():
            pass
        raise KeyError
    with profile() as prof:
        tx.ones(1).exp()
    assert names(prof) == ["exp"]
    assert not tx.autograd.engine.watchers


def test_calls_that_fail_end_too():
    with profile() as prof:
        with pytest.raises(RuntimeError):
            tx.ones(2) + tx.ones(3)
        with record_function("block"):
            tx.ones(2).exp()
    assert [(e.name, e.cpu_parent and e.cpu_parent.name) for e in prof.events()] == [
        ("add", None),
        ("block", None),
        ("exp", "block"),
    ]


def test_threads_have_events_of_their_own():
    def work():
        with record_function("work"):
            tx.ones(2).exp()

    with profile() as prof, record_function("main"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    main, work, exp = prof.events()
    assert work.cpu_parent is None and exp.cpu_parent is work and work.thread != main.thread


def test_results_are_the_same():
    x = tx.randn(5, 5, requires_grad=True)

    def run():
        return tx.autograd.grad((x @ x).softmax(1)[:2].log().sum(), x)[0].tolist()

    expected = run()
    with profile(record_shapes=True, profile_memory=True, with_stack=True):
        assert run() == expected


def test_autograd_profiler(tmp_path):
    with tx.autograd.profiler.profile(record_shapes=True) as prof:
        assert str(prof).startswith("<unfinished")
        with tx.autograd.profiler.record_function("block"):
            tx.ones(2).exp()
    assert "block" in str(prof) and "exp" in prof.table(sort_by="cpu_time_total")
    assert prof.self_cpu_time_total == pytest.approx(prof.function_events[0].cpu_time_total)
    assert prof.total_average().count == 2 and len(prof.key_averages()) == 2
    prof.export_chrome_trace(tmp_path / "trace.json")
    with tx.autograd.profiler.profile(enabled=False) as prof, pytest.raises(RuntimeError, match="finish"):
        prof.function_events
    with pytest.raises(ValueError, match="use_device"):
        tx.autograd.profiler.profile(use_device="tpu")


def test_activities_are_checked():
    for wrong in ([], ["CPU"]):
        with pytest.raises(ValueError, match="activities"):
            profile(activities=wrong)
    assert ProfilerActivity.CPU in supported_activities()


# ---- describe and memory_report


def test_describe_a_tensor(device):
    base = tx.ones(4, 6, device=device)
    made = tx.describe(base[1:3, ::2])
    assert (made.shape, made.strides, made.storage_offset, made.nbytes) == ((2, 3), (6, 2), 6, 24)
    assert (made.storage_nbytes, made.base_shape, made.graph, made.is_contiguous) == (96, (4, 6), None, False)
    assert made.dtype is tx.float32 and made.device == base.device
    assert str(made).startswith(f"float32 tensor of shape [2, 3] on {base.device}, 24 B\n")
    w = tx.ones(100, device=device, requires_grad=True)
    y = w.exp().sin().sum()
    graph = tx.describe(y).graph
    assert (graph.nodes, graph.leaves, graph.saved_bytes) == (
        3,
        1,
        400,
    )  # exp's result, which sin saves as well; nothing of w
    y.backward()
    assert tx.describe(y).graph.saved_bytes == 0
    assert tx.describe(w).grad_shape == (100,) and "a leaf that requires grad; grad of shape [100]" in str(
        tx.describe(w)
    )
    assert str(tx.describe(tx.tensor(1)))
    with pytest.raises(TypeError, match="expected a Tensor or an nn.Module, not int"):
        tx.describe(3)


def test_describe_a_module():
    tied = nn.Linear(4, 4, bias=False)
    model = nn.Sequential(nn.Sequential(tied, nn.BatchNorm1d(4)), nn.ReLU(), tied)
    model[0][1].weight.requires_grad_(False)
    made = tx.describe(model)
    assert (made.parameters, made.trainable) == (16 + 8, 16 + 4)
    assert (made.parameter_bytes, made.buffer_bytes) == (96, 4 * 4 * 2 + 8)
    assert [layer.name for layer in made.layers] == ["0.0", "0.1", "1"]
    assert str(made).splitlines()[-1].startswith("Sequential: 24 parameters, 20 trainable; 96 B of parameters")


def test_memory_report(device):
    model = nn.Sequential(nn.Linear(10, 10), nn.BatchNorm1d(10)).to(device)
    optimizer = tx.optim.Adam(model.parameters())
    x = tx.ones(3, 10, device=device)
    out = model(x).exp()
    before = tx.memory_report(model, optimizer, out)
    assert before.parameters == {tx.float32: 4 * (110 + 20)} and before.gradients == {}
    assert before.buffers == {tx.float32: 80, tx.int64: 8} and before.optimizer_state == {}
    assert before.saved_for_backward[tx.float32] >= 4 * 3 * 10 * 2
    out.sum().backward()
    optimizer.step()
    after = tx.memory_report(model, optimizer, out)
    assert after.gradients == after.parameters and after.saved_for_backward == {}
    assert after.optimizer_state[tx.float32] >= 2 * 4 * 130
    assert after.total == sum(sum(d.values()) for d in vars(after).values())
    assert {line.split("  ")[0] for line in str(after).splitlines()[1:]} == {
        "parameters",
        "gradients",
        "buffers",
        "optimizer state",
        "total",
    }
    assert tx.memory_report([model[0].weight, model[0].weight]).parameters == {tx.float32: 400}


def test_packed_tensors_are_not_opened_by_a_report():
    x = tx.ones(100, requires_grad=True)
    with tx.autograd.graph.saved_tensors_hooks(lambda x: None, lambda x: 1 / 0):
        y = x.exp()
    assert tx.describe(y).graph.saved_bytes == 0
