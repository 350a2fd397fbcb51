"""nn.Module against PyTorch's: each scenario runs with both libraries, and what it notes down must be the same."""

import copy
import inspect
import pickle
import warnings
from collections import OrderedDict

import pytest

import tensorx as tx
from nn_parity import torch

SCENARIOS = []


def scenario(function):
    """`function(lib, note)`, to be run with lib = tensorx and lib = torch; `note` takes anything that repr shows."""
    SCENARIOS.append(function)
    return function


def plain(value):
    """Tensors as lists and names without the library's, so that the notes of both can be compared."""
    if isinstance(value, (tx.Tensor, torch.Tensor)):
        return value.detach().tolist()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return str(value).replace("tensorx.", "torch.").replace("torch.nn.modules.", "nn.")


def attempt(note, call):
    """Note the type of the error that `call` raises, or its result."""
    try:
        result = call()
    except Exception as error:
        note(type(error).__name__)
    else:
        note("result", result)


@pytest.mark.parametrize("run", SCENARIOS, ids=lambda function: function.__name__)
def test_scenario(run):
    notes = {}
    for lib in (tx, torch):
        log = notes[lib.__name__] = []
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            run(lib, lambda *values, log=log: log.append([plain(value) for value in values]))
    assert len(notes["torch"]) > 0
    assert notes["tensorx"] == notes["torch"]


def model_of(lib):
    nn = lib.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(2, 2)
            self.scale = nn.Parameter(lib.ones(2))
            self.register_buffer("shift", lib.zeros(2))
            self.register_buffer("scratch", lib.zeros(1), persistent=False)
            self.shared = self.first
            self.body = nn.Sequential(nn.ReLU(), nn.BatchNorm1d(2))
            self.none = None
            self.register_parameter("absent", None)
            self.register_buffer("nothing", None)
            self.register_module("nobody", None)

        def forward(self, x, factor=1):
            return self.body(self.first(x) * self.scale + self.shift) * factor

    net = Net()
    for i, parameter in enumerate(net.parameters()):
        parameter.data.fill_(i + 1)
    return net


@scenario
def members(lib, note):
    net = model_of(lib)
    for prefix, recurse, duplicate in [("", True, True), ("p", True, False), ("p", False, True), ("", False, False)]:
        note([n for n, _ in net.named_parameters(prefix, recurse, duplicate)])
        note([n for n, _ in net.named_buffers(prefix, recurse, duplicate)])
        note([n for n, _ in net.named_modules(None, prefix, duplicate)])
    note([n for n, _ in net.named_children()], len(list(net.modules())), len(list(net.children())))
    note(len(list(net.parameters())), len(list(net.parameters(recurse=False))), len(list(net.buffers(False))))
    note(list(net.state_dict()), list(net.state_dict(prefix="x.")), list(net._modules), list(net._parameters))
    memo = {net.first}
    note([n for n, _ in net.named_modules(memo)])
    note(repr(net).replace(" bias=True,", ""), net._get_name(), net.extra_repr())


@scenario
def looking_up(lib, note):
    net = model_of(lib)
    note(net.get_submodule("body.1") is net.body[1], net.get_submodule("") is net)
    note(net.get_parameter("first.weight"), net.get_buffer("body.1.running_mean"), net.get_parameter("scale"))
    for name in ("body.9", "first.weight", "scale.x", "nobody", "none.x"):
        attempt(note, lambda name=name: net.get_submodule(name))
    for name in ("shift", "first.missing", "nope.weight"):
        attempt(note, lambda name=name: net.get_parameter(name))
    for name in ("scale", "body.1.nope", "first"):
        attempt(note, lambda name=name: net.get_buffer(name))
    net.set_submodule("body.0", lib.nn.Tanh())
    net.set_submodule("body.extra", lib.nn.Tanh())
    note([n for n, _ in net.named_modules()])
    for arguments in (("body.new", lib.nn.Tanh(), True), ("scale", lib.nn.Tanh()), ("body.0", 3), ("", lib.nn.Tanh())):
        attempt(note, lambda arguments=arguments: net.set_submodule(*arguments))
    attempt(note, lambda: net.missing)
    attempt(note, lambda: delattr(net, "missing"))


@scenario
def assigning(lib, note):
    nn = lib.nn
    net = model_of(lib)
    values = {
        "tensor": lambda: lib.ones(1),
        "parameter": lambda: nn.Parameter(lib.ones(1)),
        "buffer": lambda: nn.Buffer(lib.ones(1)),
        "transient": lambda: nn.Buffer(lib.ones(1), persistent=False),
        "module": nn.ReLU,
        "none": lambda: None,
        "number": lambda: 3,
    }
    for name in ("scale", "absent", "shift", "scratch", "nothing", "first", "nobody", "none", "new"):
        for kind, make in values.items():
            fresh = copy.deepcopy(net)
            try:
                setattr(fresh, name, make())
            except (TypeError, KeyError, AttributeError) as error:
                note(name, kind, type(error).__name__)
            else:
                note(name, kind, list(fresh._parameters), list(fresh._buffers), list(fresh._modules))
                note(list(fresh.state_dict()))
    for name in ("scale", "shift", "first", "none"):
        fresh = copy.deepcopy(net)
        delattr(fresh, name)
        note(name, hasattr(fresh, name), list(fresh.state_dict()))


@scenario
def registering(lib, note):
    net, nn = model_of(lib), lib.nn
    for register, value, wrong in (
        (net.register_parameter, nn.Parameter(lib.ones(1)), lib.ones(1)),
        (net.register_buffer, lib.ones(1), 3),
        (net.add_module, nn.ReLU(), 3),
        (net.register_module, nn.ReLU(), lib.ones(1)),
    ):
        for name in ("forward", "none", "a.b", "", 3, "scale", "shift", "first", f"fresh{register.__name__}"):
            attempt(note, lambda register=register, name=name, value=value: register(name, value))
        attempt(note, lambda register=register, wrong=wrong: register("wrong", wrong))
    note(list(net.state_dict()))


@scenario
def modes(lib, note):
    net = model_of(lib)
    note([m.training for m in net.modules()], net.eval() is net, [m.training for m in net.modules()])
    note(net.train() is net, [m.training for m in net.modules()])
    note(net.requires_grad_(False) is net, [p.requires_grad for p in net.parameters()])
    net.requires_grad_()
    visited = []
    net.apply(lambda module: visited.append(type(module).__name__))
    note(visited)
    net(lib.ones(3, 2)).sum().backward()
    net.zero_grad(set_to_none=False)
    note([None if p.grad is None else p.grad for p in net.parameters()])
    net.zero_grad()
    note([p.grad is None for p in net.parameters()])
    attempt(note, lambda: net.train("yes"))


@scenario
def converting(lib, note):
    net = model_of(lib)
    net.register_buffer("count", lib.tensor(3))
    x = lib.ones(3, 2)
    net(x).sum().backward()
    for convert in (
        lambda: net.double(),
        lambda: net.half(),
        lambda: net.bfloat16(),
        lambda: net.float(),
        lambda: net.to(lib.float64),
        lambda: net.to("cpu", lib.float32, True),
        lambda: net.to(lib.ones(1, dtype=lib.float64)),
        lambda: net.to(device="cpu"),
        lambda: net.to(dtype=lib.float32, non_blocking=True),
        lambda: net.to(memory_format=lib.channels_last),
        lambda: net.cpu(),
    ):
        scale = net.scale
        note(
            convert() is net,
            net.scale is scale,
            net.scale.dtype,
            net.scale.grad.dtype,
            net.count.dtype,
            net.shift.dtype,
        )
    note(net.type(lib.float64).count.dtype, net.scale.dtype)
    for wrong in (lib.int64, lib.bool, "nowhere"):
        attempt(note, lambda wrong=wrong: net.to(wrong))
    empty = net.to_empty(device="cpu")
    note(empty is net, net.scale.shape, net.scale.requires_grad)
    note(net.compile())


@scenario
def saving(lib, note):
    net, log = model_of(lib), []
    state = net.state_dict()
    note(state, state._metadata, net.state_dict(keep_vars=True)["scale"] is net.scale)
    destination = OrderedDict()
    note(net.state_dict(destination=destination, prefix="p.") is destination, list(destination))
    first = net.register_state_dict_pre_hook(lambda m, prefix, keep: log.append(("pre", prefix, keep)))
    net.body.register_state_dict_post_hook(lambda m, s, prefix, local: s.update({prefix + "more": 1}))
    net._register_state_dict_hook(lambda m, s, prefix, local: {**s, "replaced": len(local)})
    note(list(net.state_dict(keep_vars=True)), log)
    first.remove()
    net.register_state_dict_post_hook(lambda *args: 3)
    attempt(note, net.state_dict)


@scenario
def loading(lib, note):
    net = model_of(lib)
    good = OrderedDict((k, v.clone() + 1) for k, v in net.state_dict().items())
    note(net.load_state_dict(good), net.scale, net.body[1].num_batches_tracked)
    for change in (
        lambda s: s.pop("scale"),
        lambda s: s.update(extra=lib.ones(1)),
        lambda s: s.update({"first.extra.deep": lib.ones(1)}),
        lambda s: s.update(scale=lib.ones(3)),
        lambda s: s.update(scale=5),
        lambda s: s.update(scratch=lib.ones(1)),
        lambda s: s.update(scale=lib.ones(2, dtype=lib.float64)),
        lambda s: s.update({"body.1.num_batches_tracked": lib.ones(1, dtype=lib.int64) * 7}),
        lambda s: s.pop("shared.weight"),
    ):
        for strict in (True, False):
            state = OrderedDict(good)
            change(state)
            try:
                keys = net.load_state_dict(state, strict=strict)
                note(keys.missing_keys, keys.unexpected_keys, net.scale.dtype, net.body[1].num_batches_tracked)
            except RuntimeError as error:
                note([line.split(",")[0].strip() for line in str(error).split("\n")])
    note(net.load_state_dict(dict(good)))
    attempt(note, lambda: net.load_state_dict(3))


@scenario
def loading_by_assignment(lib, note):
    net = model_of(lib)
    net.scale.requires_grad_(False)
    state = OrderedDict((k, v.double()) for k, v in net.state_dict().items())
    before = net.scale
    net.load_state_dict(state, assign=True)
    note(net.scale.dtype, net.scale.requires_grad, net.first.weight.requires_grad, net.scale is before, net.shift.dtype)
    note(isinstance(net.scale, lib.nn.Parameter), net.shift is state["shift"], net.first is net.shared)


@scenario
def loading_with_hooks(lib, note):
    net, log = model_of(lib), []
    state = net.state_dict()

    def rename(module, state, prefix, local, strict, missing, unexpected, errors):
        log.append(("pre", type(module).__name__, prefix, strict, dict(local)))
        state[prefix + "scale"] = state.pop(prefix + "old")

    def post(module, keys):
        log.append(("post", type(module).__name__, list(keys.missing_keys), list(keys.unexpected_keys)))
        keys.missing_keys.clear()

    net.register_load_state_dict_pre_hook(rename)
    net._register_load_state_dict_pre_hook(lambda *args: log.append(len(args)))
    net._register_load_state_dict_pre_hook(lambda *args: log.append(len(args)), with_module=True)
    net.body.register_load_state_dict_post_hook(lambda module, keys: log.append("body"))
    handle = net.register_load_state_dict_post_hook(post)
    state["old"] = state.pop("scale") * 9
    del state["shift"]
    note(net.load_state_dict(state), net.scale, log)
    handle.remove()
    state["old"] = state.pop("scale") if "scale" in state else state["old"]
    attempt(note, lambda: net.load_state_dict(state).missing_keys)


@scenario
def extra_state(lib, note):
    class Counter(lib.nn.Module):
        count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    net = lib.nn.Sequential(Counter(), lib.nn.ReLU())
    net[0].count = 4
    state = net.state_dict()
    note(dict(state))
    twin = lib.nn.Sequential(Counter(), lib.nn.ReLU())
    note(twin.load_state_dict(state), twin[0].count, twin.load_state_dict({}, strict=False))
    attempt(note, lambda: twin.load_state_dict({}))
    attempt(note, lambda: lib.nn.Sequential(lib.nn.ReLU()).load_state_dict(state))
    attempt(note, lib.nn.Module().get_extra_state)


class _Tally:
    def __init__(self, lib):
        self.lib, self.log = lib, []

    def hook(self, name, result=None):
        def call(*args):
            values = [type(a).__name__ if isinstance(a, self.lib.nn.Module) else plain(a) for a in args]
            self.log.append([name, *values])
            return result(*args) if result else None

        return call


@scenario
def hooks_of_every_kind_in_order(lib, note):
    module_hooks = lib.nn.modules.module
    tally = _Tally(lib)

    class Affine(lib.nn.Module):
        def forward(self, x, offset=0):
            tally.log.append(["forward"])
            return x * 2 + offset

    layer = Affine()
    handles = [
        module_hooks.register_module_forward_pre_hook(tally.hook("every pre")),
        module_hooks.register_module_forward_hook(tally.hook("every forward")),
        module_hooks.register_module_forward_hook(tally.hook("every kwargs"), with_kwargs=True),
        module_hooks.register_module_full_backward_pre_hook(tally.hook("every backward pre")),
        module_hooks.register_module_full_backward_hook(tally.hook("every backward")),
    ]
    layer.register_forward_pre_hook(tally.hook("pre", lambda m, a: a[0] + 1))
    layer.register_forward_pre_hook(tally.hook("first pre"), prepend=True)
    layer.register_forward_pre_hook(tally.hook("pre kwargs", lambda m, a, k: (a, {"offset": 5})), with_kwargs=True)
    layer.register_forward_hook(tally.hook("forward", lambda m, a, out: out * 10))
    layer.register_forward_hook(tally.hook("kwargs"), with_kwargs=True)
    layer.register_forward_hook(tally.hook("first forward"), prepend=True)
    layer.register_forward_hook(tally.hook("always"), always_call=True)
    layer.register_full_backward_pre_hook(tally.hook("backward pre", lambda m, out: (out[0] * 3,)))
    layer.register_full_backward_pre_hook(tally.hook("first backward pre"), prepend=True)
    layer.register_full_backward_hook(tally.hook("backward", lambda m, i, o: (i[0] + 1,)))
    layer.register_full_backward_hook(tally.hook("first backward"), prepend=True)
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    layer(x, offset=1).sum().backward()
    note(tally.log, x.grad)
    for handle in handles:
        handle.remove()
    tally.log.clear()
    layer(x).sum().backward()
    note(tally.log)


@scenario
def hooks_when_something_fails(lib, note):
    module_hooks = lib.nn.modules.module

    def fail(*args):
        raise ValueError("failed")

    for where in ("pre", "forward", "hook", "nothing"):
        tally = _Tally(lib)

        class Layer(lib.nn.Module):
            def forward(self, x, where=where):
                return fail() if where == "forward" else x * 2

        layer = Layer()
        every = module_hooks.register_module_forward_hook(tally.hook("every"), always_call=True)
        layer.register_forward_hook(tally.hook("before"), always_call=True)
        if where == "pre":
            layer.register_forward_pre_hook(fail)
        if where == "hook":
            layer.register_forward_hook(fail)
        layer.register_forward_hook(tally.hook("usual"))
        layer.register_forward_hook(tally.hook("after"), always_call=True)
        layer.register_forward_hook(tally.hook("kwargs"), always_call=True, with_kwargs=True)
        layer.register_forward_hook(fail, always_call=True)
        attempt(note, lambda layer=layer: layer(lib.ones(1)))
        note(tally.log)
        every.remove()


@scenario
def hooks_that_remove_themselves(lib, note):
    layer, log = lib.nn.Identity(), []

    def once(module, args, output):
        log.append("once")
        handle.remove()

    handle = layer.register_forward_hook(once)
    layer.register_forward_hook(lambda *args: log.append("other"))
    layer(lib.ones(1))
    layer(lib.ones(1))
    note(log, len(layer._forward_hooks))
    with layer.register_forward_pre_hook(lambda m, a: log.append("within")):
        layer(lib.ones(1))
    layer(lib.ones(1))
    note(log)


@scenario
def backward_hooks_and_shapes_of_results(lib, note):
    tally = _Tally(lib)

    class Many(lib.nn.Module):
        def forward(self, a, b, text, kind):
            return {"tuple": (a * b, text, b), "tensor": a * b, "list": [a * b], "detached": (a * b).detach()}[kind]

    for kind in ("tuple", "tensor", "list", "detached"):
        for grads in ((True, False), (False, True), (False, False)):
            layer = Many()
            layer.register_full_backward_hook(tally.hook("backward"))
            layer.register_full_backward_pre_hook(tally.hook("pre"))
            a, b = (lib.tensor([i + 2.0], requires_grad=g) for i, g in enumerate(grads))
            result = layer(a, b, "text", kind)
            first = result if isinstance(result, lib.Tensor) else result[0]
            note(kind, first.requires_grad)
            if first.requires_grad:
                first.sum().backward()
            note(tally.log, *[None if t.grad is None else t.grad for t in (a, b)])
            tally.log.clear()


@scenario
def backward_hooks_that_are_wrong(lib, note):
    for result in ((None, None), (None,), "text"):
        layer = lib.nn.Identity()
        layer.register_full_backward_hook(lambda m, i, o, result=result: result)
        x = lib.ones(2, requires_grad=True)
        try:
            layer(x).sum().backward()
            note("gradient", x.grad)
        except Exception as error:
            note(type(error).__name__ in ("RuntimeError", "TypeError"))
    layer = lib.nn.Linear(1, 1)
    with lib.no_grad():
        layer.weight.fill_(2.0)
    layer.register_full_backward_hook(lambda m, i, o: (o[0],))
    attempt(note, lambda: layer(lib.ones(1, 1)).sum().backward())


@scenario
def registration_hooks(lib, note):
    module_hooks, log = lib.nn.modules.module, []

    def watch(kind, replace=None):
        def hook(module, name, value):
            log.append((kind, type(module).__name__, name, value is None))
            return replace(value) if replace else None

        return hook

    handles = [
        module_hooks.register_module_parameter_registration_hook(
            watch("parameter", lambda p: lib.nn.Parameter(p.detach() * 0 + 7))
        ),
        module_hooks.register_module_buffer_registration_hook(watch("buffer")),
        module_hooks.register_module_module_registration_hook(watch("module")),
    ]
    try:
        net = lib.nn.Module()
        net.weight = lib.nn.Parameter(lib.ones(2))
        net.register_parameter("absent", None)
        net.register_buffer("state", lib.ones(1))
        net.state = lib.zeros(1)
        net.state = None
        net.child = lib.nn.ReLU()
        net.add_module("other", lib.nn.Identity())
        net.child = None
    finally:
        for handle in handles:
            handle.remove()
    net.later = lib.nn.Parameter(lib.ones(2))
    note(log, net.weight, net.later)


@scenario
def copying(lib, note):
    net = model_of(lib)
    net.first.register_forward_hook(_triple)
    x = lib.ones(3, 2)
    net.eval()
    deep = copy.deepcopy(net)
    note(deep(x), deep.first is deep.shared, deep.scale is net.scale, list(deep.state_dict()) == list(net.state_dict()))
    shallow = copy.copy(net)
    note(shallow.scale is net.scale, shallow(x))
    layer = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.BatchNorm1d(2)).eval()
    layer.register_forward_hook(_triple)
    for protocol in (2, 4, 5):
        again = pickle.loads(pickle.dumps(layer, protocol))
        note(lib.equal(again(x), layer(x)), again.training, [n for n, _ in again.named_buffers()])
    state = layer.__dict__.copy()
    fresh = lib.nn.Sequential.__new__(lib.nn.Sequential)
    fresh.__setstate__(state)
    note(lib.equal(fresh(x), layer(x)))


def _triple(module, args, output):
    return output * 3


@scenario
def super_init(lib, note):
    class Mixin:
        def __init__(self, value=0):
            self.value = value

    class Net(lib.nn.Module, Mixin):
        call_super_init = True

    note(Net(value=5).value, Net(3).value, Net().value)

    class Other(lib.nn.Module):
        pass

    for call in (lambda: Other(3), lambda: Other(value=3)):
        try:
            call()
        except TypeError:
            note("TypeError")


@scenario
def container(lib, note):
    made = lib.nn.Container(a=lib.nn.ReLU(), b=lib.nn.Linear(1, 1))
    note([n for n, _ in made.named_children()], list(made.state_dict()))


@scenario
def parameter_lists(lib, note):
    nn = lib.nn
    weights = nn.ParameterList([lib.ones(2), nn.Parameter(lib.zeros(1)), 5, None])
    note(len(weights), [n for n, _ in weights.named_parameters()], weights[2], weights[3], list(weights.state_dict()))
    weights[0] = lib.zeros(3)
    weights += [lib.ones(1)]
    weights.extend(nn.ParameterList([lib.ones(4)]))
    note([type(v).__name__ for v in weights], len(weights[1:3]), weights[-1])
    for call in (lambda: weights[9], lambda: weights.extend(3), lambda: weights["0"]):
        attempt(note, lambda call=call: call() and None)
    note(repr(nn.ParameterList([lib.ones(2, 3), 5])))
    named = nn.ParameterDict({"b": lib.ones(2), "a": nn.Parameter(lib.zeros(1)), "other": "text"})
    note(
        list(named), [n for n, _ in named.named_parameters()], "a" in named, named.get("q", 4), named.setdefault("z", 3)
    )
    named["a"] = lib.ones(5)
    named.update({"c": lib.ones(1)})
    note(named.pop("b"), named.popitem()[0], list(reversed(named)), list((named | {"y": lib.ones(1)}).keys()))
    for call in (lambda: named.update(3), lambda: named.update([("x",)])):
        attempt(note, lambda call=call: call() and None)
    note(
        repr(nn.ParameterDict({"b": lib.ones(2, 3), "t": 5})).replace("FloatTensor", "float32"),
        list(named.fromkeys(["u", "v"], 1)),
        len(named.copy()),
    )
    shared = nn.Parameter(lib.ones(2))
    note(len(list(nn.ParameterList([shared, shared]).parameters())))


# The whole surface --------------------------------------------------------------------------------

ABSENT = {
    "T_destination": "a type variable",
    "dump_patches": "of no effect in PyTorch either",
    "ipu": "a device that there is not",
    "mtia": "a device that there is not",
    "xpu": "a device that there is not",
}


def test_every_public_name():
    theirs = {name for name in dir(torch.nn.Module()) if not name.startswith("_")}
    assert sorted(theirs - set(dir(tx.nn.Module()))) == sorted(ABSENT)
    registering = {name for name in dir(torch.nn.modules.module) if name.startswith("register_")}
    assert registering <= set(dir(tx.nn.modules.module))


def test_every_signature():
    for name in dir(torch.nn.Module):
        theirs, ours = getattr(torch.nn.Module, name), getattr(tx.nn.Module, name, None)
        if name.startswith("_") or not inspect.isfunction(theirs) or ours is None or name == "forward":
            continue
        parameters = [
            [(p.name, p.default, p.kind) for p in inspect.signature(f).parameters.values() if p.name != "args"]
            for f in (ours, theirs)
        ]
        assert parameters[0] == parameters[1], name


@pytest.mark.parametrize("kind", ["Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"])
def test_every_name_of_the_containers(kind):
    theirs = {name for name in dir(getattr(torch.nn, kind)) if not name.startswith("_")} - set(ABSENT)
    assert theirs - set(dir(getattr(tx.nn, kind))) == set()
